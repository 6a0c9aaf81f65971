//! What is wrong is told where people look, with what to do about it; once it is done, work goes on by itself.

use super::place::{Place, helm, operator, operator_alone};

const EVERY_MINUTE: &str = "\"* * * * *\"";
const NEVER_NOW: &str = "\"0 0 1 1 *\"";

#[test]
fn one_wrong_policy_is_told_and_healed_and_its_neighbours_go_on() {
    let Some((cluster, _turn)) = operator() else { return };
    let place = Place::empty(cluster, "faults");
    for name in ["good", "claim", "windows"] {
        place.database(&format!("{name}.db"), 100);
    }
    let policy = |name: &str, schedule: &str, more: &str| {
        place.policy(name, &format!("{name}.db"), schedule, more)
    };
    let claimed = |claim: &str| {
        policy("claim", NEVER_NOW, "").replace("claimName: data", &format!("claimName: {claim}"))
    };
    let windows = "  window: {default: 30d, sources: [{name: map, configMap: {name: windows}}]}\n";
    place.apply(&policy("good", EVERY_MINUTE, ""));
    place.apply(&claimed("nope"));
    place.apply(
        &policy("windows", EVERY_MINUTE, windows)
            .replace("    age:", "    tenant: {expression: \"'acme'\"}\n    age:"),
    );
    place.apply(&policy("cron", "\"61 * * * *\"", ""));
    place.apply(&policy("zone", NEVER_NOW, "  timeZone: Europe/Nowhere\n"));

    let told = place.told("retentionpolicy/cron", "Ready", "InvalidValue");
    assert!(told.contains("spec.schedule") && told.contains("write five cron fields"), "{told}");
    place.apply(&policy("cron", NEVER_NOW, ""));
    place.told("retentionpolicy/cron", "Ready", "Scheduled");

    let told = place.told("retentionpolicy/zone", "Ready", "InvalidValue");
    assert!(told.contains("spec.timeZone") && told.contains("Europe/Berlin"), "{told}");
    place.apply(&policy("zone", NEVER_NOW, "  timeZone: Europe/Berlin\n"));
    place.told("retentionpolicy/zone", "Ready", "Scheduled");

    place.run("claim", "claim-by-hand");
    let told = place.told("purgerun/claim-by-hand", "Reconciling", "Unschedulable");
    assert!(told.contains("nope") && told.contains("correct spec.volume"), "{told}");
    place.apply(&claimed("data"));
    place.told("purgerun/claim-by-hand", "Complete", "Done");
    assert_eq!(place.rows("claim.db"), 0);

    let told = place.told("retentionpolicy/windows", "Ready", "RunFailed");
    assert!(told.contains("windows") && told.contains("ConfigMap"), "{told}");
    assert_eq!(place.rows("windows.db"), 100, "rows went by a window that nobody knows");
    place.said(&["create", "configmap", "windows", "--from-literal=acme=7d"]);
    place.told("retentionpolicy/windows", "Ready", "Scheduled");
    assert_eq!(place.rows("windows.db"), 0);

    place.told("retentionpolicy/good", "Ready", "Scheduled");
    assert_eq!(place.rows("good.db"), 0);
}

#[test]
fn an_image_that_is_not_there_is_told_and_the_right_one_goes_on() {
    let Some((cluster, _turn)) = operator_alone() else { return };
    let place = Place::empty(cluster, "image");
    place.database("rows.db", 100);
    place.apply(&place.policy("rows", "rows.db", NEVER_NOW, ""));
    helm(cluster, &["runner.image.tag=absent"]);
    place.run("rows", "by-hand");
    let told = place.told("purgerun/by-hand", "Reconciling", "ErrImageNeverPull");
    assert!(told.contains("--runner-image"), "{told}");
    helm(cluster, &[]);
    place.told("purgerun/by-hand", "Complete", "Done");
    assert_eq!(place.rows("rows.db"), 0);
}
