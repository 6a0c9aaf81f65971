//! The server's clock and the machine's are far apart.

use retention_operator::run::{Options, Unwatched};

use super::super::bed::Variant;
use super::own::own;

/// By the database's clock, as a run takes it that nobody gives another.
fn unset(options: &mut Options) {
    (options.now, options.allow_future_now) = (None, false);
}

/// What time it is, in one database alone.
fn clock(apart: &str) -> String {
    format!(
        "SET allow_system_table_mods = on;
         CREATE OR REPLACE FUNCTION pg_catalog.clock_timestamp() RETURNS timestamptz
         LANGUAGE sql VOLATILE AS $$SELECT pg_catalog.statement_timestamp() + interval '{apart}'$$"
    )
}

#[test]
fn clocks_that_are_far_apart_refuse_a_run_whichever_is_wrong_and_no_row_goes() {
    let Some((own, _turn)) = own() else { return };
    for apart in ["1 year", "-1 year", "6 minutes", "-6 minutes"] {
        let bed = own.bed(Variant::NoAction);
        bed.stage.database.execute(&clock(apart));
        let said = bed.ask(unset, &Unwatched);
        let refused = said.refused();
        assert!(refused.message.contains("more than five minutes apart"), "{apart}: {refused}");
        assert!(refused.write.contains("see which machine's clock is wrong"), "{refused}");
        assert_eq!(bed.chats().len(), 10, "{apart}");
        let counts = |options: &mut Options| {
            unset(options);
            options.dry_run = true;
        };
        let dry = bed.ask(counts, &Unwatched);
        assert_eq!(dry.exit(), 0, "a dry run changes nothing: {dry:#?}");
        bed.stage.database.execute(&clock("0"));
        bed.run(2, &Unwatched).assert_done();
        assert_eq!(bed.chats(), [9, 10]);
    }
}
