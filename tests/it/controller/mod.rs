//! The operator's loops on a real API server with its real controllers. There is no node: a test plays the kubelet and
//! the runner, so that it says when a pod begins, what it reports and how it ends.
//!
//! A case spends its time waiting: for the minute of a slot, for a Job's back-off. So all that are wanted begin when the
//! first is asked for, each in a namespace and with an operator of its own, and each test waits for the end of its case.

mod bed;
mod by_hand;
mod deletion;
mod ends;
mod kill;
mod mended;
mod node;
mod objects;
mod operator;
mod overlap;
mod pods;
mod schedule;
mod strangers;
mod suspend;
mod unreadable;

use std::collections::HashMap;
use std::env;
use std::pin::Pin;
use std::sync::{Mutex, OnceLock, PoisonError};

use tokio::runtime::Runtime;
use tokio::task::{JoinError, JoinHandle};

use self::bed::Bed;
use crate::crds::defined;

type Case = fn(Bed) -> Pin<Box<dyn Future<Output = ()> + Send>>;

macro_rules! together {
    ($($file:ident: $($case:ident,)*;)*) => {
        const CASES: &[(&str, Case)] = &[$($((stringify!($case), |bed| Box::pin($file::$case(bed))),)*)*];
        $($(
            #[test]
            fn $case() {
                ended(stringify!($case));
            }
        )*)*
    };
}

together! {
    schedule:
        a_slot_makes_one_run_and_the_policy_tells_how_it_went,
        a_policy_that_is_suspended_has_no_slots_and_lets_runs_by_hand_work,
        a_slot_that_came_while_nobody_looked_is_made_up_for_unless_it_is_too_late,
        two_operators_at_once_make_one_run_and_one_job_of_a_slot,
        an_operator_that_is_asked_to_end_ends,;
    by_hand:
        a_run_by_hand_is_ordered_to_do_what_it_says_and_no_more,
        history_limits_remove_scheduled_runs_and_none_by_hand,;
    suspend:
        a_suspended_run_loses_its_job_and_gets_another_when_it_goes_on,
        a_run_that_was_done_before_it_could_be_stopped_is_complete,;
    overlap:
        a_slot_that_comes_while_a_run_is_at_work_is_skipped_and_told,
        a_run_that_is_replaced_ends_before_the_next_begins_and_keeps_its_record,
        two_policies_on_one_connection_take_turns,
        two_runs_of_one_policy_never_overlap_however_many_may_work,;
    deletion:
        runs_stay_or_go_with_their_policy_as_it_last_said,
        a_policy_that_is_deleted_ends_its_run_and_the_record_stays,
        a_run_that_is_deleted_at_work_is_told_to_its_policy,;
    strangers:
        a_strangers_run_of_the_slots_name_that_does_less_is_told_and_the_slot_skipped,
        a_run_of_the_slots_name_that_asks_for_the_same_is_the_slots_run,
        a_strangers_job_is_told_and_left_alone_until_it_is_gone,
        a_strangers_config_map_is_never_mounted,
        a_strangers_role_binding_is_told_and_no_run_begins_until_it_is_gone,;
    unreadable:
        a_run_that_this_version_cannot_read_keeps_its_record_and_is_not_run_again,;
    mended:
        a_policy_that_is_wrong_says_what_to_write_and_heals_and_disturbs_no_other,
        a_run_waits_for_the_policy_and_the_connection_that_it_names,;
    pods:
        what_keeps_a_pod_from_starting_is_told_with_a_remedy,
        a_job_that_never_began_is_made_anew_when_its_claim_is_corrected,
        a_pod_that_begins_when_its_job_was_to_be_replaced_ends_its_batch_first,
        an_operator_whose_watch_lags_ends_no_job_because_its_policy_was_edited,;
    ends:
        a_run_that_fell_short_says_which_target_and_why,
        a_run_that_was_refused_says_what_to_write,
        a_database_that_cannot_be_reached_is_tried_three_times,
        a_runner_without_memory_is_told_with_a_remedy,
        a_failed_scheduled_run_makes_a_policy_unready_until_the_next_good_one,;
    kill:
        an_operator_killed_at_any_of_its_writes_loses_no_slot_and_runs_none_twice,
        an_operator_killed_while_one_run_replaces_another_lets_neither_overlap_nor_vanish,
        an_operator_killed_while_a_run_is_paused_lets_it_go_on_and_end,
        a_run_that_ended_before_anybody_wrote_that_it_began_is_told_and_counted,;
}

fn runtime() -> &'static Runtime {
    static RUNTIME: OnceLock<Runtime> = OnceLock::new();
    RUNTIME.get_or_init(|| {
        tokio::runtime::Builder::new_multi_thread().worker_threads(2).enable_all().build().unwrap()
    })
}

/// Waits for a case's end, and ends as it did.
fn ended(name: &str) {
    static BEGUN: OnceLock<Mutex<HashMap<&str, JoinHandle<()>>>> = OnceLock::new();
    let Some(cluster) = defined() else { return };
    let begun = BEGUN.get_or_init(|| {
        runtime().block_on(bed::furnish(cluster));
        let wanted = CASES.iter().filter(|(name, _)| is_wanted(name));
        Mutex::new(wanted.map(|(name, case)| (*name, begin(*case))).collect())
    });
    let case = begun.lock().unwrap_or_else(PoisonError::into_inner).remove(name);
    let case =
        case.unwrap_or_else(|| begin(CASES.iter().find(|(other, _)| *other == name).unwrap().1));
    let Err(error) = runtime().block_on(case) else { return };
    panic!("{}", cause(error));
}

/// What a task died of. The harness shows it only where it is said again.
fn cause(error: JoinError) -> String {
    let cause = error.into_panic();
    let text = cause.downcast_ref::<String>().map(String::as_str);
    text.or_else(|| cause.downcast_ref::<&str>().copied()).unwrap_or("it ended").to_owned()
}

fn begin(case: Case) -> JoinHandle<()> {
    let cluster = defined().unwrap();
    runtime().spawn(async move { case(Bed::new(cluster).await).await })
}

/// As the harness chooses tests. Where this is mistaken, a case begins when its test does.
fn is_wanted(name: &str) -> bool {
    let chosen: Vec<String> = env::args().skip(1).filter(|word| !word.starts_with('-')).collect();
    let name = format!("controller::{name}");
    chosen.is_empty() || chosen.iter().any(|part| name.contains(part))
}
