//! The login is not let in, not any more, or may not do what it may have done when the plan was made.

use retention_operator::run::{Point, Unwatched};

use super::super::bed::{Bed, Variant};
use super::{assert_failed, assert_the_next_finishes, assert_unreachable, at};

const STEP: &str = "see that the Secret has the role's password of now";

/// What makes a login useless, the words that tell it, and what makes it good again.
fn locked_out(bed: &Bed) -> [(String, &'static str, String); 3] {
    let database = &bed.stage.database;
    let (role, name) = (&database.role, &database.texts("SELECT current_database()::text")[0]);
    let before = "SELECT rolpassword::text FROM pg_authid WHERE rolname = ";
    let before = &database.texts(&format!("{before}'{role}'"))[0];
    [
        (
            format!("ALTER ROLE {role} PASSWORD 'another'"),
            "password authentication failed",
            format!("ALTER ROLE {role} PASSWORD '{before}'"),
        ),
        (
            format!("ALTER ROLE {role} NOLOGIN"),
            "is not permitted to log in",
            format!("ALTER ROLE {role} LOGIN"),
        ),
        (
            format!("REVOKE CONNECT ON DATABASE {name} FROM {role}"),
            "permission denied for database",
            format!("GRANT CONNECT ON DATABASE {name} TO {role}"),
        ),
    ]
}

#[test]
fn a_login_that_is_not_let_in_is_told_with_what_to_do_and_no_secret() {
    let Some(bed) = Bed::new(Variant::NoAction) else { return };
    for (out, words, again) in locked_out(&bed) {
        bed.stage.database.execute(&out);
        let said = bed.run(2, &Unwatched);
        assert_unreachable(&said, words);
        assert_unreachable(&said, STEP);
        bed.stage.database.execute(&again);
    }
    assert_eq!(bed.chats().len(), 10);
    bed.run(2, &Unwatched).assert_done();
}

#[test]
fn a_login_that_is_shut_out_after_the_plan_is_told_and_the_next_run_finishes() {
    for way in 0..3 {
        let Some(bed) = Bed::new(Variant::NoAction) else { return };
        let (out, words, again) = locked_out(&bed)[way].clone();
        let shut = at(Point::Planned, 1, || bed.stage.database.execute(&out));
        let said = bed.run(2, &shut);
        assert_unreachable(&said, words);
        assert_unreachable(&said, STEP);
        bed.stage.database.execute(&again);
        assert_the_next_finishes(&bed, &said);
    }
}

#[test]
fn a_password_that_is_rotated_in_the_middle_disturbs_no_run_that_is_at_work() {
    for point in [Point::Found, Point::Judged, Point::Committed] {
        let Some(bed) = Bed::new(Variant::NoAction) else { return };
        let [(out, _, again), ..] = locked_out(&bed);
        let rotate = at(point, 1, || bed.stage.database.execute(&out));
        bed.run(2, &rotate).assert_done();
        rotate.assert_met();
        bed.stage.database.execute(&again);
        assert_eq!(bed.chats(), [9, 10]);
    }
}

#[test]
fn a_right_that_is_taken_away_in_the_middle_ends_the_target_and_blames_no_row() {
    for variant in [Variant::NoAction, Variant::Blocks, Variant::BlocksOneByOne] {
        for right in
            ["DELETE ON chats", "UPDATE (id) ON chats", "SELECT ON notes", "USAGE ON SCHEMA public"]
        {
            let Some(bed) = Bed::new(variant) else { return };
            let bed = bed.spread();
            let role = bed.stage.database.role.clone();
            let sql = |what: &str, how: &str| format!("{what} {right} {how} {role}");
            let revoke = at(Point::Committed, 1, || {
                bed.stage.database.execute(&sql("REVOKE", "FROM"));
            });
            let said = bed.run(2, &revoke);
            revoke.assert_met();
            // To take a right of a written table away changes that table.
            if said.target().reason.as_deref() == Some("SchemaChanged") {
                assert!(right.ends_with("chats"), "{right}");
                assert_failed(&said, 1, "SchemaChanged", "a right changed after the plan was made");
            } else {
                assert_failed(&said, 1, "NotPermitted", "permission denied for");
                assert_failed(&said, 1, "NotPermitted", "prints the GRANT");
            }
            assert_eq!(said.target().kept.failed, Some(0), "{right}: {said:#?}");
            let again = bed.run(2, &Unwatched);
            assert_eq!(again.exit(), 2, "{right}: {again:#?}");
            let refused = again.0.refusals.iter().map(ToString::to_string).collect::<String>();
            assert!(refused.contains("GRANT"), "{right}: {refused}");
            bed.stage.database.execute(&sql("GRANT", "TO"));
            assert_the_next_finishes(&bed, &said);
        }
    }
}

#[test]
fn a_role_that_is_dropped_in_the_middle_ends_the_target_and_blames_no_row() {
    let Some(bed) = Bed::new(Variant::NoAction) else { return };
    let database = &bed.stage.database;
    let role = database.role.clone();
    let name = database.texts("SELECT current_database()::text")[0].clone();
    let password = database
        .texts(&format!("SELECT rolpassword::text FROM pg_authid WHERE rolname = '{role}'"))[0]
        .clone();
    let drop = at(Point::Committed, 1, || {
        database.execute(&format!("DROP OWNED BY {role}; DROP ROLE {role}"));
    });
    let said = bed.run(2, &drop);
    drop.assert_met();
    assert_failed(&said, 1, "NotPermitted", "");
    assert_eq!(said.target().kept.failed, Some(0), "{said:#?}");
    assert_unreachable(&bed.run(2, &Unwatched), "password authentication failed");
    database.execute(&format!(
        "CREATE ROLE {role} LOGIN PASSWORD '{password}'; GRANT CONNECT ON DATABASE {name} TO {role}"
    ));
    bed.grant();
    assert_the_next_finishes(&bed, &said);
}
