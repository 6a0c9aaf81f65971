//! Sessions of the OpenAI Agents SDK: written by the package itself, purged by `examples/openai-agents`, read back by
//! the package. What is expected is told below and worked out from the rows, by nothing that the purge uses.

pub mod application;

use std::fs;

use serde_json::{Value, json};

use application::{Application, Session, root};

const LIMIT: usize = 200;

const ANN: &str = "3f0c7a52-6a1d-4a53-9d2e-0b6f1c0a7e01"; // the policy's 7 days
const BOB: &str = "9b1e4d07-2c58-4f0b-8a44-5d7c93e2b602"; // the same
const DAN: &str = "c47a90be-71f3-4d6e-b0c5-1e28f6a4d903"; // 30 days
const EVE: &str = "e8d25f16-0b9a-4c37-a6f1-74b3c8d50e04"; // held: Forever

/// An example's manifest, with a longer window for one user and a hold on another.
fn manifest(name: &str) -> String {
    let text = fs::read_to_string(root().join("examples/openai-agents").join(name)).unwrap();
    let window = "    default: 7d\n";
    assert_eq!(text.matches(window).count(), 1);
    let tenants = format!(
        "    tenants:\n    - {{name: \"{DAN}\", window: 30d}}\n    - {{name: \"{EVE}\", window: Forever}}\n"
    );
    text.replace(window, &format!("{window}{tenants}"))
}

fn rows<'a>(read: &'a Value, table: &str) -> &'a Vec<Value> {
    read["tables"][table].as_array().unwrap()
}

/// The rows of `before` that the fates of the sessions leave: sessions and messages.
fn left(sessions: &[Session], before: &Value) -> (Vec<Value>, Vec<Value>) {
    let of = |row: &Value| sessions.iter().find(|session| row["session_id"] == session.id).unwrap();
    let messages = rows(before, "agent_messages");
    let newer = |row: &Value| {
        let same = messages.iter().filter(|other| other["session_id"] == row["session_id"]);
        same.filter(|other| other["id"].as_i64() > row["id"].as_i64()).count()
    };
    let session_stays = |row: &&Value| !of(row).goes;
    let message_stays = |row: &&Value| !of(row).goes && (of(row).untrimmed || newer(row) < LIMIT);
    (
        rows(before, "agent_sessions").iter().filter(session_stays).cloned().collect(),
        messages.iter().filter(message_stays).cloned().collect(),
    )
}

/// What a dry run and its run must agree on.
fn counts(status: &Value) -> Value {
    let totals =
        ["deleted", "updated", "dependents", "files", "held"].map(|count| &status["totals"][count]);
    let targets = status["targets"].as_array().unwrap().iter().map(|target| {
        let tenants = target["tenants"].as_array().unwrap().iter();
        let tenants: Vec<_> = tenants.map(|tenant| [&tenant["name"], &tenant["deleted"]]).collect();
        json!([
            target["name"],
            target["outcome"],
            target["rows"]["deleted"],
            target["dependents"],
            tenants
        ])
    });
    json!([totals, targets.collect::<Vec<_>>()])
}

#[test]
fn idle_sessions_go_and_the_newest_200_messages_of_the_others_stay() {
    let out_of_order = Session::of(BOB, 6, 203).used("2025-03-12 01:00:00");
    let with_junk = Session::of(BOB, 7, 200).used("2025-03-12 01:00:00");
    let junk_in = with_junk.id.clone();
    let sql = vec![
        // An import: the newest messages carry the oldest times.
        json!([
            "update agent_messages set created_at = datetime('2025-03-12', -id || ' minutes') where session_id = ?",
            [out_of_order.id]
        ]),
        json!([
            "insert into agent_messages (session_id, message_data) values (?1, 'no JSON'), (?1, ''), (?1, '{')",
            [with_junk.id]
        ]),
    ];
    #[rustfmt::skip] // a table: a line for each session
    let sessions = vec![
        // The limit.
        Session::of(ANN, 1, 250).at_once().used("2025-03-12 01:00:00"),
        Session::of(BOB, 2, 200).used("2025-03-11 12:00:00.123456"),
        Session::of(BOB, 3, 201).used("2025-03-11 12:00:00.123456"),
        Session::of(EVE, 4, 250).used("2025-03-12 01:00:00").untrimmed(),
        Session::of(DAN, 5, 201).used("2025-03-12 01:00:00"),
        out_of_order,
        with_junk,
        // Strictly older, in both of the application's forms.
        Session::of(ANN, 11, 30).used("2025-03-05 01:59:59").goes(),
        Session::of(ANN, 12, 3).used("2025-03-05 02:00:00"),
        Session::of(BOB, 13, 3).used("2025-03-05 01:59:59.999999").goes(),
        Session::of(BOB, 14, 3).used("2025-03-05 02:00:00.000000"),
        Session::of(BOB, 15, 3).used("2025-03-05 02:00:00.000001"),
        Session::of(ANN, 16, 1).emptied().used("2025-01-01 00:00:00").goes(),
        Session::of(ANN, 17, 1).emptied().used("2025-03-11 00:00:00"),
        Session::of(BOB, 18, 200).used("2024-01-01 00:00:00").goes(),
        // An importer's forms. As text T comes after the space, whatever the hour; a zone moves the instant; a date
        // counts as its last instant.
        Session::of(ANN, 21, 3).used("2025-03-05T01:59:59Z").goes(),
        Session::of(BOB, 22, 3).used("2025-03-05T02:00:00"),
        Session::of(BOB, 23, 3).used("2025-03-05T03:30:00+02:00").goes(),
        Session::of(ANN, 24, 3).used("2025-03-04T23:00:00-05:00"),
        Session::of(ANN, 25, 3).used("2025-03-04").goes(),
        Session::of(ANN, 26, 3).used("2025-03-05"),
        // Windows of their own.
        Session::of(EVE, 31, 5).used("2020-01-01 00:00:00"),
        Session::of(DAN, 32, 5).used("2025-02-10 02:00:00"),
        Session::of(DAN, 33, 5).used("2025-02-10 01:59:59").goes(),
        // No age, or none that can be read: kept. As SQLite compares, the number comes before every text.
        Session::of(ANN, 41, 3).used("yesterday"),
        Session::of(ANN, 42, 3).used(""),
        Session::of(ANN, 43, 3).used(20_200_101),
        Session::of(ANN, 44, 3).used(Value::Null),
        Session::of(ANN, 45, 3), // as written: today, later than the run's clock
        // No tenant: kept.
        Session::with_id("session-46", 201).used("2020-01-01 00:00:00").untrimmed(),
    ];
    let Some(application) = Application::new(false, sessions, sql) else {
        return;
    };
    let manifest = manifest("manifest.yaml");
    let before = application.read();
    let (sessions_left, messages_left) = left(&application.sessions, &before);
    let gone = |user: &str| {
        let of_user = |session: &&Session| session.goes && session.id.contains(user);
        application.sessions.iter().filter(of_user).count()
    };

    let bytes = application.bytes();
    let (code, dry, said) = application.purge(&manifest, &["--dry-run"]);
    assert_eq!(code, 0, "{said}");
    assert_eq!(dry["dryRun"], true, "{said}");
    assert!(application.bytes() == bytes, "the dry run changed the file");
    let kept = &dry["targets"][0]["kept"];
    for (reason, count) in [("unreadable", 3), ("undatable", 1), ("future", 1), ("noTenant", 1)] {
        assert_eq!(kept[reason], count, "{reason}: {kept}");
    }

    let (code, run, said) = application.purge(&manifest, &[]);
    assert_eq!(code, 0, "{said}");
    assert_eq!(counts(&run), counts(&dry), "the dry run counted otherwise");

    let after = application.read();
    assert_eq!(*rows(&after, "agent_sessions"), sessions_left);
    assert_eq!(*rows(&after, "agent_messages"), messages_left);
    for session in &application.sessions {
        let junk = if session.id == junk_in { 3 } else { 0 };
        let expected = session.readable_afterwards(LIMIT, junk);
        let id = &session.id;
        assert_eq!(after["items"][id], Value::from(expected), "{id}");
    }

    let deleted =
        |target: usize| run["targets"][target]["rows"]["deleted"].as_u64().unwrap() as usize;
    let with_sessions = run["targets"][0]["dependents"][0]["deleted"].as_u64().unwrap() as usize;
    assert_eq!(deleted(0), rows(&before, "agent_sessions").len() - sessions_left.len());
    assert_eq!(with_sessions, 30 + 3 + 200 + 3 + 3 + 3 + 5);
    assert_eq!(deleted(1), 50 + 1 + 1 + 3 + 3);
    assert_eq!(
        deleted(1) + with_sessions,
        rows(&before, "agent_messages").len() - messages_left.len()
    );
    for (user, window) in [(ANN, "7d"), (BOB, "7d"), (DAN, "30d")] {
        let told = run["targets"][0]["tenants"].as_array().unwrap();
        let told = told.iter().find(|tenant| tenant["name"] == user).unwrap();
        assert_eq!(told["deleted"], gone(user), "{told}");
        assert_eq!(told["window"], window, "{told}");
    }

    let (code, again, said) = application.purge(&manifest, &[]);
    assert_eq!(code, 0, "{said}");
    assert_eq!(again["totals"]["deleted"].as_u64().unwrap_or(0), 0, "{said}");
    assert_eq!(application.read()["tables"], after["tables"]);
}

#[test]
fn an_idle_session_longer_than_the_limit_goes_whole() {
    let sessions = vec![
        Session::of(ANN, 1, 230).used("2025-03-01 00:00:00").goes(),
        Session::of(BOB, 2, 210).used("2025-03-12 00:00:00"),
    ];
    let Some(application) = Application::new(false, sessions, vec![]) else {
        return;
    };
    let (sessions_left, messages_left) = left(&application.sessions, &application.read());
    let (code, run, said) = application.purge(&manifest("manifest.yaml"), &[]);
    assert_eq!(code, 0, "{said}");
    assert_eq!(run["targets"][0]["dependents"][0]["deleted"], 230, "{said}");
    assert_eq!(run["targets"][1]["rows"]["deleted"], 10, "{said}");
    let after = application.read();
    assert_eq!(*rows(&after, "agent_sessions"), sessions_left);
    assert_eq!(*rows(&after, "agent_messages"), messages_left);
}

#[test]
fn branches_and_usage_leave_no_orphans_and_a_policy_that_forgets_them_is_refused() {
    let sessions = vec![
        Session::of(ANN, 1, 12).used("2025-03-01 00:00:00").goes(),
        Session::of(ANN, 2, 12).used("2025-03-12 00:00:00"),
        Session::of(BOB, 3, 210).used("2025-03-12 00:00:00"),
        Session::of(EVE, 4, 210).used("2020-01-01 00:00:00").untrimmed(),
    ];
    let usage = "insert into turn_usage (session_id, user_turn_number) select session_id, 1 from agent_sessions";
    let Some(application) = Application::new(true, sessions, vec![json!([usage, []])]) else {
        return;
    };
    // Read once already: reading makes rows of its own where they are missing.
    application.read();
    let before = application.read();
    let bytes = application.bytes();

    let (code, _, said) = application.purge(&manifest("manifest.yaml"), &[]);
    assert_eq!(code, 2, "{said}");
    assert!(said.contains("message_structure") && said.contains("turn_usage"), "{said}");
    assert!(application.bytes() == bytes, "a refused policy touched the file");

    let (code, _, said) = application.purge(&manifest("advanced.yaml"), &[]);
    assert_eq!(code, 0, "{said}");
    let after = application.read();
    let (sessions_left, messages_left) = left(&application.sessions, &before);
    let ids: Vec<&Value> = messages_left.iter().map(|row| &row["id"]).collect();
    let structure = rows(&before, "message_structure").iter();
    let structure_left: Vec<&Value> =
        structure.filter(|row| ids.contains(&&row["message_id"])).collect();
    assert_eq!(*rows(&after, "agent_sessions"), sessions_left);
    assert_eq!(*rows(&after, "agent_messages"), messages_left);
    assert_eq!(rows(&after, "message_structure").iter().collect::<Vec<_>>(), structure_left);
    assert_eq!(rows(&after, "turn_usage").len(), sessions_left.len());
    assert_eq!(after["orphans"], json!([]));
    for session in &application.sessions {
        let generations = rows(&after, "session_clear_generations");
        let generation = generations.iter().find(|row| row["session_id"] == session.id).unwrap();
        assert_eq!(generation["generation"], i64::from(session.goes));
        let expected = session.readable_afterwards(LIMIT, 0);
        let id = &session.id;
        assert_eq!(after["items"][id], Value::from(expected), "{id}");
    }
}
