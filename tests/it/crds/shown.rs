//! What `kubectl explain` and `kubectl get` show.

use serde_json::json;

use super::{crds, defined, kubectl, root, succeeded};

#[test]
fn explain_describes_every_field() {
    let Some(server) = defined() else { return };
    for crd in crds() {
        let kind = crd["spec"]["names"]["singular"].as_str().unwrap();
        let all = succeeded(&kubectl(server, &["explain", kind, "--recursive"], &[]));
        assert!(!all.contains("<no value>"), "{all}");
        for part in ["spec", "status"] {
            let said = succeeded(&kubectl(server, &["explain", &format!("{kind}.{part}")], &[]));
            assert!(!said.contains("<empty>") && !said.contains("<no description>"), "{said}");
        }
    }
    let said = succeeded(&kubectl(server, &["explain", "rp.spec.concurrencyPolicy"], &[]));
    let said = said.split_whitespace().collect::<Vec<_>>().join(" ");
    let word = "ENUM: Forbid Replace DESCRIPTION: Default Forbid. What happens when a run is due while another";
    assert!(said.contains(word), "{said}");
}

#[test]
fn get_shows_what_an_operator_asks_first() {
    let Some(server) = defined() else { return };
    let namespace = server.namespace("shown");
    let ready = json!({"type": "Ready", "status": "False", "reason": "RunFailed", "message": "see the run",
                       "lastTransitionTime": "2026-11-21T02:00:00Z"});
    let failed = json!({"type": "Failed", "status": "True", "reason": "Refused", "message": "mend the manifest",
                        "lastTransitionTime": "2026-11-21T02:00:00Z"});
    let totals =
        json!({"deleted": 7, "updated": 3, "dependents": 0, "files": 0, "held": 2, "overdue": 5});
    let statuses = [
        (
            "dbconn",
            "app",
            json!({"conditions": [ready], "lastRun": {"name": "r", "time": "2026-11-21T02:00:00Z"}}),
        ),
        (
            "rp",
            "old-chats",
            json!({"conditions": [ready], "deletedTotal": 812, "overdue": {"rows": 4},
            "nextScheduleTime": "2026-11-22T02:00:00Z", "lastRun": {"name": "r", "completionTime": "2026-11-21T02:00:00Z"}}),
        ),
        ("prun", "by-hand", json!({"conditions": [failed], "dryRun": true, "totals": totals})),
    ];
    let objects = "tests/crds/beside/connection.yaml tests/crds/beside/policy.yaml tests/crds/refused/a-run-of-another-policy/created.yaml";
    for file in objects.split(' ') {
        let create = ["create", "--namespace", &namespace, "-f"];
        succeeded(&kubectl(server, &create, &[&root().join(file)]));
    }
    for (kind, name, status) in statuses {
        let patch = json!({"status": status}).to_string();
        let patch = [
            "patch",
            kind,
            name,
            "-n",
            &namespace,
            "--subresource=status",
            "--type=merge",
            "-p",
            &patch,
        ];
        succeeded(&kubectl(server, &patch, &[]));
    }
    // Ages depend on the moment, so their cells are left out.
    let shown = |arguments: &[&str]| {
        let all = [&["get", "-n", &namespace], arguments].concat();
        let table = succeeded(&kubectl(server, &all, &[]));
        let age = |word: &str| {
            word.ends_with(['s', 'm', 'h', 'd', 'y']) && word.as_bytes()[0].is_ascii_digit()
        };
        let words = table.split_whitespace().filter(|word| !age(word)).collect::<Vec<_>>();
        words.join(" ")
    };
    assert_eq!(
        shown(&["retentionpolicies"]),
        "NAME CONNECTION SCHEDULE READY LAST RUN DELETED OVERDUE NEXT RUN AGE \
         old-chats app 0 2 * * * False 812 4 2026-11-22T02:00:00Z"
    );
    assert_eq!(
        shown(&["prun"]),
        "NAME POLICY STATUS DRY RUN DELETED OVERDUE AGE by-hand old-chats Failed true 7 5"
    );
    assert_eq!(
        shown(&["prun", "-o", "wide"]),
        "NAME POLICY STATUS DRY RUN DELETED OVERDUE AGE UPDATED HELD STARTED REASON MESSAGE \
         by-hand old-chats Failed true 7 5 3 2 Refused mend the manifest"
    );
    assert_eq!(
        shown(&["dbconn", "-o", "wide"]),
        "NAME READY LAST RUN AGE REASON MESSAGE app False RunFailed see the run"
    );
    let all = shown(&["retention", "-o", "name"]);
    let of = |kind: &str| format!("{kind}.retention-operator.io/");
    for kind in ["databaseconnection", "retentionpolicy", "purgerun"] {
        assert!(all.contains(&of(kind)), "{all}");
    }
    for (field, kind) in
        [(".spec.policyRef.name=old-chats", "prun"), (".spec.connectionRef.name=app", "rp")]
    {
        let field = field.trim_start_matches('.');
        let found = shown(&[kind, "-o", "name", "--field-selector", field]);
        assert_eq!(found.split(' ').count(), 1, "{kind}: {found}");
        assert!(!found.is_empty(), "{kind} by {field}");
    }
}
