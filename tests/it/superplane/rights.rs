//! What the login needs, from the refusals themselves.

use super::bed::{Bed, example};

/// Rows for both policies, that everything can be read and written for.
const ROWS: &str = "SELECT org(1, 30); SELECT run(10, 1, '90 days'); SELECT run(20, 1, '1 day'); SELECT chat(1, 1, '15 days'); SELECT chat(2, 1, '1 day');
                    INSERT INTO factory_work_order_executions VALUES (u(1), u(1), u(10), 'running', NULL, ago('5 days'));";

/// What the login may do, line by line.
const RIGHTS: &str = "
    SELECT concat_ws(' ', table_name, privilege_type) FROM information_schema.role_table_grants WHERE grantee = 'ROLE'
    UNION SELECT concat_ws(' ', table_name, column_name, privilege_type) FROM information_schema.column_privileges
    WHERE grantee = 'ROLE' AND privilege_type <> 'SELECT' ORDER BY 1";

#[test]
fn a_login_without_rights_gets_all_it_needs_from_the_refusals_and_no_more() {
    let Some(bed) = Bed::without_rights(ROWS) else { return };
    let role = &bed.database.role;
    for (policy, gone) in [("agent-chats", 1), ("event-runs", 1)] {
        let mut rounds = 0;
        let said = loop {
            let said = bed.purge(policy);
            if said.exit() == 0 {
                break said;
            }
            assert_eq!(said.exit(), 2, "{said:#?}");
            for refused in &said.0.refusals {
                assert_eq!(refused.reason, "NotPermitted", "{refused}");
                let grant = refused.write.find("GRANT").unwrap_or_else(|| panic!("{refused}"));
                bed.database.execute(&refused.write[grant..]);
            }
            rounds += 1;
            // One for the schema, one for tables; none for each table.
            assert!(rounds < 4, "{said:#?}");
        };
        assert_eq!(said.target().rows.deleted, gone, "{said:#?}");
    }
    assert_eq!((bed.chats(), bed.runs()), (vec![2], vec![20]));

    let told = bed.database.texts(&RIGHTS.replace("ROLE", role));
    // Which column serves for the lock is anybody's choice.
    let own = |line: &String| {
        line.replace(" id UPDATE", " LOCK")
            .replace("agent_chats updated_at UPDATE", "agent_chats LOCK")
    };
    let told: Vec<String> = told.iter().map(own).collect();
    bed.database.revoke_all();
    let ours = example("grants.sql").replace("TO retention;", &format!("TO {role};"));
    bed.database.execute(&ours);
    let ours = bed.database.texts(&RIGHTS.replace("ROLE", role));
    let ours = ours
        .iter()
        .map(|line| own(line).replace("workflow_runs updated_at UPDATE", "workflow_runs LOCK"));
    assert_eq!(told, ours.collect::<Vec<_>>());
}

#[test]
fn a_dry_run_needs_to_read_and_nothing_else() {
    let Some(bed) = Bed::without_rights(ROWS) else { return };
    let role = &bed.database.role;
    bed.database.execute(&format!(
        "GRANT USAGE ON SCHEMA public TO {role}; GRANT SELECT ON ALL TABLES IN SCHEMA public TO {role}"
    ));
    for policy in ["agent-chats", "event-runs"] {
        let said = bed.dry_run(policy);
        said.assert_done();
        assert_eq!(said.target().rows.deleted, 1);
    }
    assert_eq!((bed.chats(), bed.runs()), (vec![1, 2], vec![10, 20]));
}

#[test]
fn many_rows_without_an_index_on_what_points_at_them_are_refused_until_it_is_made() {
    let many = "INSERT INTO workflow_runs SELECT u(i), u(1), 'started', NULL, utc('0'), utc('0'), NULL, NULL FROM generate_series(100, 10200) i;";
    let Some(bed) = Bed::new(&format!("{ROWS}{many}")) else { return };
    let said = bed.purge("event-runs");
    let refused = said.refused();
    assert_eq!(refused.reason, "MissingIndex");
    assert!(refused.message.contains("parent_run_id"), "{refused}");
    bed.database.execute(&refused.write);
    bed.purge("event-runs").assert_done();
    assert!(!bed.runs().contains(&10) && bed.runs().len() == 10102);
}
