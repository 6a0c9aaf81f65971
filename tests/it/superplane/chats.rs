//! Agent chats: what goes, and what goes with it.

use retention_operator::run::Point;

use super::bed::{Bed, both};
use super::held::Once;
use crate::postgres::client;

/// Of the organizations 1 has the default of 14 days, 2 3650 days, 3 30 days, 4 keeps for ever. Chat, organization, how long
/// ago it was last used, whether it goes. A day has 24 hours, over the change of clocks on 1 November too.
const CHATS: [(i64, i64, &str, bool); 17] = [
    (11, 1, "336:00:00", false), // exactly 14 days
    (12, 1, "336:00:00.000001", true),
    (13, 1, "335:59:59.999999", false),
    (14, 1, "1000 days", true),
    (15, 1, "-1 hour", false), // from the future
    (16, 1, "0", false),
    (21, 2, "87600:00:00", false), // exactly 3650 days
    (22, 2, "87600:00:01", true),
    (23, 2, "1000 days", false),
    (31, 3, "720:00:00", false), // exactly 30 days
    (32, 3, "720:00:00.000001", true),
    (33, 3, "719:00:00", false), // 30 days where clocks went back
    (34, 3, "15 days", false),
    (41, 4, "20000 days", false),
    (51, 5, "13 days", false), // nobody has ever heard of this organization: the default
    (52, 5, "15 days", true),
    (53, 5, "16 days", true),
];

fn rows(chats: &[(i64, i64, &str, bool)]) -> String {
    chats
        .iter()
        .map(|(chat, org, past, _)| format!("SELECT chat({chat}, {org}, '{past}');"))
        .collect()
}

fn stay() -> Vec<i64> {
    CHATS.iter().filter(|chat| !chat.3).map(|chat| chat.0).collect()
}

#[test]
fn a_chat_goes_when_it_was_last_used_longer_ago_than_its_organizations_window() {
    both(&rows(&CHATS), |bed| {
        for dry in [true, false] {
            let said = if dry { bed.dry_run("agent-chats") } else { bed.purge("agent-chats") };
            said.assert_done();
            let tenants = &said.target().tenants;
            let told =
                tenants.iter().map(|tenant| (&tenant.name[35..], &*tenant.window, tenant.deleted));
            let mut told: Vec<_> = told.collect();
            told.sort_unstable();
            let windows = ["14d", "3650d", "30d", "Forever", "14d"];
            for (at, (org, window, deleted)) in told.into_iter().enumerate() {
                let due = CHATS.iter().filter(|chat| chat.1.to_string() == org && chat.3).count();
                assert_eq!((window, deleted), (windows[at], due as i64), "{org}");
            }
            let left = if dry { CHATS.map(|chat| chat.0).to_vec() } else { stay() };
            assert_eq!(bed.chats(), left, "dry: {dry}");
        }
        assert_eq!(bed.purge("agent-chats").target().rows.deleted, 0);
    });
}

#[test]
fn when_a_chat_was_made_and_when_its_messages_were_plays_no_part() {
    let ages = "UPDATE agent_chats SET created_at = CASE WHEN n(id) % 2 = 0 THEN ago('9000 days') ELSE ago('0') END;
                UPDATE agent_chat_messages SET created_at = ago('0'), updated_at = ago('0');";
    both(&(rows(&CHATS) + ages), |bed| {
        bed.purge("agent-chats").assert_done();
        assert_eq!(bed.chats(), stay());
    });
}

#[test]
fn an_infinite_age_is_none() {
    let sql =
        "SELECT chat(1, 1, '1 day'); SELECT chat(2, 1, '1 day'); SELECT chat(3, 1, '15 days');
               UPDATE agent_chats SET updated_at = '-infinity' WHERE id = u(1);
               UPDATE agent_chats SET updated_at = 'infinity' WHERE id = u(2);";
    both(sql, |bed| {
        for said in [bed.dry_run("agent-chats"), bed.purge("agent-chats")] {
            said.assert_done();
            assert_eq!(said.target().rows.deleted, 1);
        }
        assert_eq!(bed.chats(), [1, 2]);
    });
}

#[test]
fn messages_and_runs_go_with_their_chat_and_what_was_learned_on_the_canvas_stays() {
    // A message of a young chat names a run of an old one.
    let mixed = "UPDATE agent_chat_messages SET run_id = u(12) WHERE id = u(111);";
    both(&(rows(&CHATS) + mixed), |bed| {
        let gone = CHATS.len() - stay().len();
        for said in [bed.dry_run("agent-chats"), bed.purge("agent-chats")] {
            said.assert_done();
            let target = said.target();
            let told: Vec<_> = target.dependents.iter().map(|d| (&*d.name, d.deleted)).collect();
            assert_eq!(told, [("messages", 2 * gone as i64), ("runs", gone as i64)]);
            assert_eq!(target.access.as_ref().unwrap().set_null, ["agent_chat_messages(run_id)"]);
        }
        assert_eq!(bed.left("agent_chat_runs"), stay());
        let messages: Vec<i64> =
            stay().iter().flat_map(|chat| [chat * 10 + 1, chat * 10 + 2]).collect();
        assert_eq!(bed.left("agent_chat_messages"), messages);
        let runless = "SELECT n(id) FROM agent_chat_messages WHERE run_id IS NULL";
        assert_eq!(bed.database.numbers(runless), [111]);
        let memories = bed.database.numbers("SELECT count(*) FROM agent_canvas_markdown_memory");
        assert_eq!(memories, [CHATS.len() as i64]);
    });
}

#[test]
fn twelve_hundred_chats_of_one_organization_go_in_one_run() {
    let sql = "SELECT chat(i, 1, '20 days') FROM generate_series(1, 1200) i; SELECT chat(2000, 1, '1 day');";
    both(sql, |bed| {
        let bed = bed.batches_of(500);
        let said = bed.purge("agent-chats");
        said.assert_done();
        assert_eq!((said.target().rows.deleted, bed.chats()), (1200, vec![2000]));
    });
}

#[test]
fn two_runs_at_the_same_time_take_every_chat_once() {
    let Some(bed) =
        Bed::new("SELECT chat(i, i % 40 + 10, '20 days') FROM generate_series(1, 400) i;")
    else {
        return;
    };
    let gone = std::thread::scope(|scope| {
        let runs = [(); 2].map(|()| scope.spawn(|| bed.purge("agent-chats")));
        runs.map(|run| run.join().unwrap().target().rows.deleted)
    });
    assert_eq!(gone.iter().sum::<i64>() + bed.purge("agent-chats").target().rows.deleted, 400);
    assert_eq!(bed.chats(), [0; 0]);
    assert_eq!(bed.left("agent_chat_messages"), [0; 0]);
}

#[test]
fn a_chat_that_something_unnamed_points_at_holds_up_no_other() {
    let sql = "CREATE TABLE bills (id uuid, chat_id uuid REFERENCES agent_chats ON DELETE RESTRICT); CREATE INDEX ON bills (chat_id);
               SELECT chat(i, 1, '20 days') FROM generate_series(1, 9) i; INSERT INTO bills VALUES (u(1), u(4)), (u(2), u(4));";
    both(sql, |bed| {
        let refused = bed.purge("agent-chats");
        assert!(refused.refused().write.contains("GRANT SELECT"), "{refused:#?}");
        bed.database.execute(&format!("GRANT SELECT ON bills TO {}", bed.database.role));
        let said = bed.purge("agent-chats");
        said.assert_done();
        assert_eq!(said.target().kept.referenced, Some(1));
        assert!(said.target().message.as_ref().unwrap().contains("bills(chat_id)"), "{said:#?}");
        assert_eq!(bed.chats(), [4]);
    });
}

#[test]
fn a_chat_that_cannot_go_holds_up_no_other_and_is_told() {
    let sql = "SELECT chat(i, 1, '20 days') FROM generate_series(1, 9) i;
               CREATE FUNCTION keep() RETURNS trigger LANGUAGE plpgsql AS
                   $$ BEGIN IF OLD.id = public.u(4) THEN RAISE 'not this one'; END IF; RETURN OLD; END $$;
               CREATE TRIGGER keep BEFORE DELETE ON agent_chats FOR EACH ROW EXECUTE FUNCTION keep();";
    both(sql, |bed| {
        let said = bed.purge("agent-chats");
        assert_eq!((said.exit(), said.target().kept.failed), (1, Some(1)), "{said:#?}");
        assert_eq!(bed.chats(), [4]);
        assert_eq!(bed.left("agent_chat_messages"), [41, 42]);
        let failure = &said.target().failures[0];
        assert!(failure.key.starts_with("sha256:"), "{failure:?}");
    });
}

#[test]
fn a_chat_that_is_used_while_the_run_is_at_work_stays_and_the_others_go() {
    for point in [Point::Found, Point::Committed] {
        both("SELECT chat(i, 1, '20 days') FROM generate_series(1, 9) i;", |bed| {
            let used = "UPDATE agent_chats SET updated_at = ago('0') WHERE id = u(8)";
            let act = || client::elsewhere(&bed.database.own_url(), used).unwrap();
            let said = bed.ask("agent-chats", false, &Once::at(point, act));
            said.assert_done();
            assert_eq!((said.target().rows.deleted, bed.chats()), (8, vec![8]));
            assert_eq!(bed.left("agent_chat_messages"), [81, 82]);
        });
    }
}
