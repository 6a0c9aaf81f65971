use super::*;
use crate::controller::fixtures::{at, pod, with_end, yaml};

fn job() -> Job {
    yaml("metadata: {name: look, creationTimestamp: 2026-11-21T02:00:02Z}")
}

fn told_at(pods: &[Pod], now: &str) -> (String, String) {
    let Why { reason, message } = told(&job(), pods, at(now));
    (reason, message)
}

fn container(state: &str) -> String {
    format!(
        "containerStatuses: [{{name: runner, image: i, imageID: '', ready: false, restartCount: 0, state: {{{state}}}}}]"
    )
}

fn waiting(reason: &str, message: &str) -> Pod {
    let state = container(&format!("waiting: {{reason: {reason}, message: '{message}'}}"));
    pod("look-a", &format!("{{phase: Pending, {state}}}"))
}

fn ended(code: i32, reason: &str) -> Pod {
    let state = container(&format!("terminated: {{exitCode: {code}, reason: {reason}}}"));
    pod("look-a", &format!("{{phase: Failed, {state}}}"))
}

const SOON: &str = "2026-11-21T02:00:30Z";
const LATE: &str = "2026-11-21T02:01:30Z";

#[test]
fn a_job_without_a_pod_is_worried_about_only_after_a_while() {
    assert_eq!(told_at(&[], SOON).0, AT_WORK);
    assert_eq!(told_at(&[], "2026-11-21T02:01:01Z").0, AT_WORK);
    let (reason, message) = told_at(&[], "2026-11-21T02:01:02Z");
    assert_eq!(reason, "NoPod");
    assert!(message.contains("kubectl describe job look"), "{message}");
}

#[test]
fn a_pod_that_does_not_start_is_worried_about_only_after_a_while() {
    let creating = waiting("ContainerCreating", "");
    assert_eq!(told_at(std::slice::from_ref(&creating), SOON).0, AT_WORK);
    let (reason, message) = told_at(&[creating], LATE);
    assert_eq!(reason, "PodPending");
    assert!(message.contains("volume") && message.contains("kubectl describe pod look-a"));
}

#[test]
fn what_keeps_the_kubelet_from_starting_it_comes_with_a_remedy() {
    for (reason, message, remedy) in [
        ("ErrImageNeverPull", "not present", "--runner-image"),
        ("ImagePullBackOff", "back-off", "imagePullSecrets"),
        ("InvalidImageName", "x", "--runner-image"),
        ("CreateContainerConfigError", "secret \"app\" not found", "create the Secret and key"),
        (
            "CreateContainerConfigError",
            "could not find key uri in Secret team/app",
            "create the Secret and key",
        ),
        (
            "CreateContainerConfigError",
            "container has runAsNonRoot and image will run as root",
            "kubectl describe pod",
        ),
        ("CreateContainerError", "x", "kubectl describe pod"),
    ] {
        let (told, said) = told_at(&[waiting(reason, message)], SOON);
        assert_eq!(told, reason);
        assert!(said.contains(message) && said.contains(remedy), "{said}");
    }
}

#[test]
fn a_pod_that_no_node_takes_is_told_and_a_claim_is_named() {
    let refused = |message: &str| {
        let text = format!(
            "{{phase: Pending, conditions: [{{type: PodScheduled, status: 'False', reason: Unschedulable, message: '{message}'}}]}}"
        );
        told_at(&[pod("look-a", &text)], SOON)
    };
    for message in [
        "0/1 nodes are available: persistentvolumeclaim \"data\" not found.",
        "0/1 nodes are available: pod has unbound immediate PersistentVolumeClaims.",
    ] {
        let (reason, said) = refused(message);
        assert_eq!(reason, "Unschedulable");
        assert!(said.contains(message) && said.contains("create the claim"), "{said}");
    }
    let (_, said) = refused("0/1 nodes are available: 1 Insufficient memory.");
    assert!(said.ends_with("see spec.runner of the DatabaseConnection"), "{said}");
    let silent = pod(
        "look-a",
        "{conditions: [{type: PodScheduled, status: 'False', reason: SchedulingGated}]}",
    );
    assert!(told_at(&[silent], SOON).1.contains("SchedulingGated"));
    let taken =
        pod("look-a", "{phase: Pending, conditions: [{type: PodScheduled, status: 'True'}]}");
    assert_eq!(told_at(&[taken], SOON).0, AT_WORK);
}

#[test]
fn the_newest_pod_is_told_and_which_attempt_it_is() {
    let running = pod("look-b", &format!("{{phase: Running, {}}}", container("running: {}")));
    let (reason, message) = told_at(&[ended(3, "Error"), running], LATE);
    assert_eq!((reason.as_str(), message.as_str()), (AT_WORK, "pod look-b is at work, attempt 2"));
    let (reason, message) = told_at(&[ended(3, "Error")], LATE);
    assert_eq!(reason, AT_WORK);
    assert_eq!(message, "pod look-a has ended: the runner ended with exit code 3");
    let starting = pod("look-b", "{phase: Pending}");
    assert_eq!(
        told_at(&[ended(3, "Error"), starting], SOON).1,
        "pod look-b is starting, attempt 2"
    );
}

#[test]
fn a_container_that_ran_has_begun_and_one_that_waits_has_not() {
    for begun in [
        pod("a", "{phase: Running}"),
        pod("a", "{phase: Failed}"),
        pod("a", "{phase: Succeeded}"),
        pod("a", &format!("{{phase: Pending, {}}}", container("running: {}"))),
        pod("a", &format!("{{phase: Unknown, {}}}", container("terminated: {exitCode: 0}"))),
    ] {
        assert!(has_begun(&[pod("b", "{phase: Pending}"), begun.clone()]), "{begun:?}");
    }
    assert!(!has_begun(&[waiting("ErrImagePull", "x"), pod("b", "{}")]));
    assert!(!has_begun(&[]));
}

#[test]
fn the_last_words_are_the_newest_pods() {
    let old = ended(3, "Error");
    let why = last_words(None, &[old.clone(), ended(137, "OOMKilled")]);
    assert_eq!(why.reason, "OOMKilled");
    assert!(why.message.contains("exit code 137") && why.message.contains("limits.memory"));
    let why = last_words(None, &[old, pod("look-b", "{phase: Pending}")]);
    assert_eq!(
        (why.reason.as_str(), why.message.as_str()),
        ("Error", "the runner ended with exit code 3; the next run goes on")
    );
}

#[test]
fn an_evicted_pod_is_told_by_what_the_node_said() {
    let state = container("terminated: {exitCode: 137, reason: Error}");
    let evicted = pod(
        "look-a",
        &format!(
            "{{phase: Failed, reason: Evicted, message: 'The node was low on resource: memory.', {state}}}"
        ),
    );
    let why = last_words(Some(&with_end(&job(), "Failed", "BackoffLimitExceeded")), &[evicted]);
    assert_eq!(why.reason, "Evicted");
    assert_eq!(why.message, "Evicted: The node was low on resource: memory.; the next run goes on");
}

#[test]
fn a_job_whose_time_was_up_says_so_though_its_pod_was_killed() {
    let late = with_end(&job(), "Failed", "DeadlineExceeded");
    let why = last_words(Some(&late), &[ended(137, "Error")]);
    assert_eq!(
        (why.reason.as_str(), why.message.as_str()),
        ("DeadlineExceeded", "the Job's words; the next run goes on")
    );
}

#[test]
fn without_pods_the_job_has_the_last_word_and_without_its_word_there_is_one() {
    let why = last_words(Some(&with_end(&job(), "Failed", "BackoffLimitExceeded")), &[]);
    assert_eq!(why.reason, "BackoffLimitExceeded");
    assert_eq!(last_words(None, &[]).reason, "JobFailed");
    let doomed = with_end(&job(), "FailureTarget", "DeadlineExceeded");
    assert_eq!(last_words(Some(&doomed), &[]).reason, "JobFailed");
}
