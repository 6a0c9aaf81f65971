//! What a real API server accepts and refuses.

use std::fs;
use std::path::{Path, PathBuf};
use std::sync::Mutex;
use std::sync::atomic::{AtomicUsize, Ordering};

use serde_json::{Value, json};

use super::{DRY, defined, documents, files, kubectl, root, succeeded, told};
use crate::cluster::Cluster;

#[test]
fn what_uses_every_field_is_accepted() {
    let Some(server) = defined() else { return };
    let applied = kubectl(server, &DRY, &[&root().join("tests/crds/accepted")]);
    assert_eq!(told(&applied), "");
    assert_eq!(succeeded(&applied).lines().count(), 10);
}

#[test]
fn every_fault_is_refused_with_a_remedy_that_the_server_takes() {
    let Some(server) = defined() else { return };
    let cases: Vec<PathBuf> = files("tests/crds/refused").into_iter().collect();
    let next = AtomicUsize::new(0);
    let faults = Mutex::new(Vec::new());
    std::thread::scope(|scope| {
        for _ in 0..std::thread::available_parallelism().map_or(1, usize::from) {
            scope.spawn(|| {
                while let Some(case) = cases.get(next.fetch_add(1, Ordering::Relaxed)) {
                    if let Err(fault) = check(server, case) {
                        faults.lock().unwrap().push(format!("{}: {fault}", case.display()));
                    }
                }
            });
        }
    });
    let mut faults = faults.into_inner().unwrap();
    faults.sort();
    assert!(faults.is_empty(), "\n{}\n", faults.join("\n\n"));
}

fn check(server: &Cluster, case: &Path) -> Result<(), String> {
    let mut namespace = "default".to_owned();
    if case.join("created.yaml").exists() {
        namespace = server.namespace("created");
        let create = ["apply", "--server-side", "--namespace", &namespace, "-f"];
        succeeded(&kubectl(server, &create, &[&case.join("created.yaml")]));
    }
    let apply = |file: &str| {
        let owned = ["--force-conflicts", "--namespace", &namespace, "-f"];
        kubectl(server, &[&DRY[..3], &owned].concat(), &[&case.join(file)])
    };
    let said = apply("manifest.yaml");
    if said.status.success() {
        return Err("not refused".to_owned());
    }
    let said = told(&said);
    let expected = case.join("expected.txt");
    if std::env::var_os("UPDATE_EXPECTED").is_some() {
        fs::write(&expected, &said).unwrap();
    }
    let expected = fs::read_to_string(expected).unwrap_or_default();
    if said != expected {
        return Err(format!("expected\n{expected}and not\n{said}"));
    }
    let fixed = apply("fixed.yaml");
    let fixed = (fixed.status.success(), told(&fixed));
    if fixed != (true, String::new()) {
        return Err(format!("the remedy does not help\n{}", fixed.1));
    }
    Ok(())
}

#[test]
fn a_policy_may_be_as_large_as_it_is_documented_and_no_larger() {
    let Some(server) = defined() else { return };
    let path = root().join("tests/crds/accepted/every-field-of-a-policy.yaml");
    let policy = documents(&fs::read_to_string(path).unwrap()).remove(0);
    let target = |name: usize, dependents: usize| {
        let name_of = |at: usize| if at == 0 { "messages".to_owned() } else { format!("d{at}") };
        let dependent = |at: usize| {
            let mut dependent =
                json!({"name": name_of(at), "table": "t", "references": {"a": "b"}});
            if at > 0 {
                dependent["of"] = json!(name_of(at - 1));
            }
            dependent
        };
        let mut target = policy["spec"]["targets"][0].clone();
        target["name"] = json!(format!("t{name}"));
        target["dependents"] = (0..dependents).map(dependent).collect();
        target
    };
    let sized = |tenants: usize, targets: usize, dependents: usize| {
        let mut policy = policy.clone();
        let tenant = |at| json!({"name": format!("tenant-{at}"), "window": "365d"});
        policy["spec"]["window"]["tenants"] = (0..tenants).map(tenant).collect();
        policy["spec"]["targets"] = (0..targets).map(|at| target(at, dependents)).collect();
        policy
    };
    let file = tempfile::Builder::new().suffix(".json").tempfile().unwrap();
    let applied = |policy: &Value| {
        fs::write(file.path(), policy.to_string()).unwrap();
        told(&kubectl(server, &DRY, &[file.path()]))
    };
    assert_eq!(applied(&sized(1000, 32, 32)), "");
    for (tenants, targets, dependents, most) in [
        (1001, 1, 1, "tenants: Too many: 1001: must have at most 1000"),
        (1, 33, 1, "33"),
        (1, 1, 33, "33"),
    ] {
        let said = applied(&sized(tenants, targets, dependents));
        assert!(said.contains("Too many") && said.contains(most), "{said}");
    }
}
