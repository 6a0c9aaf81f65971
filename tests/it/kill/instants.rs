//! Pods of one run that are killed one after another, at named points and at seeded random instants, on both engines.
//! After each: no half family, nobody gone who was to stay, and never more told than went. At the end the rows are those
//! of an oracle, and what is told is what went, or marked as the least.
//!
//! `RETENTION_KILL_INSTANTS=500` kills so often in each scene, `RETENTION_KILL_SEED=7` elsewhere.

use fastrand::Rng;
use retention_operator::run::Point;

use super::pod::Instance;
use super::scene::{Lane, Scene};

/// Random instants in each scene.
const INSTANTS: usize = 40;

fn number(name: &str, usual: u64) -> u64 {
    std::env::var(name).map_or(usual, |text| text.parse().expect(name))
}

fn random_instants(postgres: bool, lane: Lane) {
    let seed = number("RETENTION_KILL_SEED", fastrand::u64(..1_000_000));
    let mut rng = Rng::with_seed(seed);
    let Some(scene) = Scene::new(postgres, lane, &mut rng) else { return };
    let whole = scene.undisturbed();
    let (mut killed, mut runs) = (0, 0);
    let most = number("RETENTION_KILL_INSTANTS", INSTANTS as u64) as usize;
    while killed < most {
        scene.begin();
        runs += 1;
        let mut was_killed = false;
        loop {
            let instance = if rng.bool() {
                Instance::At(None, 1 + rng.usize(..whole.met * 9 / 10))
            } else {
                Instance::After(whole.took.mul_f64(rng.f64() * 0.9))
            };
            let context = format!("seed {seed}, run {runs}, {instance:?}, {killed} killed before");
            let instance = if killed < most { instance } else { Instance::Never };
            let ended = scene.pod(instance);
            if !ended.was_killed {
                scene.assert_done(was_killed, &context);
                break;
            }
            scene.assert_whole(&context);
            was_killed = true;
            killed += 1;
        }
    }
    let whole = whole.met;
    println!(
        "seed {seed}: {killed} pods killed in {runs} runs of {postgres} {lane:?}, {whole} points in each"
    );
}

fn named_points(lane: Lane) {
    let mut rng = Rng::with_seed(1);
    let Some(scene) = Scene::new(true, lane, &mut rng) else { return };
    for point in
        [Point::Planned, Point::Found, Point::Locked, Point::Judged, Point::Acted, Point::Committed]
    {
        let often = if point == Point::Planned { 1 } else { 2 };
        scene.begin();
        // The second time is another pod's.
        for on in 1..=often {
            let context = format!("{lane:?}, {point:?}, time {on}");
            let before = scene.gone(&context);
            let ended = scene.pod(Instance::At(Some(point), on));
            assert!(ended.was_killed, "{context}: not reached that often");
            scene.assert_whole(&context);
            let went = scene.gone(&context) - before;
            let batches = if point == Point::Committed { on } else { on - 1 };
            let is_due = if batches == 0 { went == 0 } else { went > 0 || point == Point::Found };
            assert!(is_due, "{context}: {went} went with {batches} batches");
        }
        scene.pod(Instance::Never);
        scene.assert_done(true, &format!("{lane:?}, {point:?}"));
        assert!(scene.told().2, "{lane:?}, {point:?}: not marked as the least");
    }
}

#[test]
fn a_pod_killed_before_it_told_anything_leaves_the_least_also_after_one_that_told_all() {
    let mut rng = Rng::with_seed(1);
    let Some(scene) = Scene::new(false, Lane::Explicit, &mut rng) else { return };
    scene.begin();
    assert!(scene.pod(Instance::At(Some(Point::Committed), 3)).was_killed);
    // As one that could not reach its database any more.
    let gone = scene.gone("one");
    scene.record.amend(|status| {
        status["unreachable"] = "no answer".into();
        status["totals"]["deleted"] = gone.into();
        let target = &mut status["targets"][0];
        target["outcome"] = "Failed".into();
        target["rows"]["deleted"] = gone.into();
        target["dependents"][0]["deleted"] = (2 * gone).into();
    });
    assert!(scene.pod(Instance::At(Some(Point::Committed), 1)).was_killed);
    assert!(scene.gone("two") > gone);
    scene.pod(Instance::Never);
    scene.assert_done(true, "three");
    assert!(scene.told().2, "not marked as the least");
}

#[test]
fn a_pod_on_postgresql_killed_at_any_point_leaves_whole_families_and_the_next_goes_on() {
    named_points(Lane::Cascade);
}

#[test]
fn a_pod_that_takes_dependents_itself_may_be_killed_at_any_point() {
    named_points(Lane::Explicit);
}

#[test]
fn a_pod_that_takes_whole_blocks_may_be_killed_at_any_point() {
    named_points(Lane::Blocks);
}

#[test]
fn a_pod_that_takes_dependents_of_whole_blocks_may_be_killed_at_any_point() {
    named_points(Lane::BlocksOneByOne);
}

#[test]
fn pods_on_postgresql_killed_at_random_instants_lose_and_invent_nothing() {
    random_instants(true, Lane::Cascade);
}

#[test]
fn pods_that_take_dependents_themselves_may_be_killed_at_random_instants() {
    random_instants(true, Lane::Explicit);
}

#[test]
fn pods_that_take_whole_blocks_may_be_killed_at_random_instants() {
    random_instants(true, Lane::Blocks);
}

#[test]
fn pods_on_sqlite_with_a_write_ahead_log_may_be_killed_at_random_instants() {
    random_instants(false, Lane::Explicit);
}

#[test]
fn pods_on_sqlite_with_a_rollback_journal_may_be_killed_at_random_instants() {
    random_instants(false, Lane::Cascade);
}

#[test]
fn pods_on_sqlite_that_take_whole_stretches_may_be_killed_at_random_instants() {
    random_instants(false, Lane::Blocks);
}
