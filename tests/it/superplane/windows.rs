//! Where the windows of the chats come from. Their job asks a service and takes every trouble for "nobody has said anything":
//! the default then deletes what was paid for.

use super::bed::both;

/// Organization 1 has the default of 14 days, 2 has paid for 3650.
const CHATS: &str =
    "SELECT chat(1, 1, '15 days'); SELECT chat(2, 2, '400 days'); SELECT chat(3, 2, '15 days');
                     SELECT chat(4, 1, '13 days');";

const PAID: &str = "3650d";

/// What people write, and services answer.
const ENTRIES: [&str; 11] = [
    "ten years",
    "\"\"",
    "\" \"",
    "\"3650\"",
    "3650.5d",
    "0d",
    "-1d",
    "d",
    "\"0\"",
    "3650 days",
    "\"null\"",
];

#[test]
fn an_entry_that_cannot_be_read_keeps_its_organizations_chats_and_the_others_go() {
    both(CHATS, |mut bed| {
        let windows = bed.windows.take().unwrap();
        assert_eq!(windows.matches(PAID).count(), 1);
        for entry in ENTRIES {
            bed.windows = Some(windows.replace(PAID, entry));
            for said in [bed.dry_run("agent-chats"), bed.purge("agent-chats")] {
                assert_eq!(said.exit(), 1, "{entry}: {said:#?}");
                let unknown = &said.target().unknown_tenants;
                assert_eq!(unknown.len(), 1, "{entry}: {unknown:?}");
                assert!(unknown[0].name.ends_with('2') && unknown[0].source == "plans", "{entry}");
            }
            assert_eq!(bed.chats(), [2, 3, 4], "{entry}");
        }
    });
}

#[test]
fn without_the_map_nobody_loses_anything_and_the_run_says_so() {
    both(CHATS, |mut bed| {
        bed.windows = None;
        let said = bed.purge("agent-chats");
        assert_eq!(said.exit(), 1, "{said:#?}");
        assert_eq!(bed.chats(), [1, 2, 3, 4]);
        assert_eq!(said.target().unknown_tenants.len(), 2);
        let message = &said.target().unknown_tenants[0].message;
        assert!(message.contains("agent-chat-windows"), "{message}");
    });
}

#[test]
fn an_id_counts_however_it_is_spelled() {
    both(CHATS, |mut bed| {
        bed.windows = bed.windows.map(|windows| windows.replace("0a000000", "0A000000"));
        bed.purge("agent-chats").assert_done();
        assert_eq!(bed.chats(), [2, 3, 4]);
    });
}

#[test]
fn a_key_that_is_no_id_is_nobodys_window() {
    both(CHATS, |mut bed| {
        bed.windows = bed.windows.map(|windows| windows + "  globex: 1d\n");
        bed.purge("agent-chats").assert_done();
        assert_eq!(bed.chats(), [2, 3, 4]);
    });
}

#[test]
fn a_default_that_keeps_for_ever_leaves_windows_of_their_own_in_force() {
    let sql = format!("{CHATS} SELECT chat(5, 3, '29 days'); SELECT chat(6, 3, '31 days');");
    both(&sql, |bed| {
        let bed = bed.with("default: 14d", "default: Forever");
        bed.purge("agent-chats").assert_done();
        assert_eq!(bed.chats(), [1, 2, 3, 4, 5]);
    });
}

#[test]
fn a_hold_in_the_policy_wins_over_the_map() {
    both(CHATS, |bed| {
        let hold = "default: 14d\n    tenants: [{name: 0a000000-0000-4000-8000-000000000001, window: Forever}]\n";
        let bed = bed.with("default: 14d", hold);
        bed.purge("agent-chats").assert_done();
        assert_eq!(bed.chats(), [1, 2, 3, 4]);
    });
}

#[test]
fn an_organization_loses_no_more_in_one_run_than_the_cap_lets_go_however_its_window_was_lowered() {
    let sql = "SELECT chat(i, 2, make_interval(hours => 24 * (100 + i::int))) FROM generate_series(1, 9) i;";
    both(sql, |mut bed| {
        bed.windows = bed.windows.map(|windows| windows.replace(PAID, "1d"));
        let bed = bed.with(
            "    age: {column: updated_at}",
            "    maxRowsPerRun: 4\n    age: {column: updated_at}",
        );
        bed.purge("agent-chats").assert_done();
        assert_eq!(bed.chats(), [1, 2, 3, 4, 5], "the oldest go first");
    });
}
