//! The Helm chart: what it renders from which values; and in `rights` and `admission`, what its rules are worth on a
//! real API server.

mod admission;
mod helm;
mod installed;
mod rights;

use std::collections::{BTreeMap, BTreeSet};
use std::fs;
use std::path::{Path, PathBuf};

use serde_json::{Value, json};

use helm::{CHART, Helm};

const DIGEST: &str = "sha256:9f86d081884c7d659a2feaa0c55ad015a3bf4f1b2b0b822cd15d6c15b0f00a08";

/// Every right of the operator where it serves policies.
const OPERATOR: [(&str, &str); 14] = [
    ("/configmaps", "create"),
    ("/pods", "get list watch"),
    ("/serviceaccounts", "create get"),
    ("batch/jobs", "create delete get list watch"),
    ("events.k8s.io/events", "create patch"),
    ("rbac.authorization.k8s.io/clusterroles retention-operator-runner", "bind"),
    ("rbac.authorization.k8s.io/rolebindings", "create get"),
    ("retention-operator.io/databaseconnections", "get list watch"),
    ("retention-operator.io/databaseconnections/status", "get patch"),
    ("retention-operator.io/purgeruns", "create delete get list patch watch"),
    ("retention-operator.io/purgeruns/status", "get patch"),
    ("retention-operator.io/retentionpolicies", "get list watch"),
    ("retention-operator.io/retentionpolicies/status", "get patch"),
    ("coordination.k8s.io/leases", "create get patch update"),
];
const RUNNER: [(&str, &str); 2] = [
    ("retention-operator.io/purgeruns", "get"),
    ("retention-operator.io/purgeruns/status", "patch"),
];

type Rights = BTreeMap<String, BTreeSet<String>>;

fn expected(table: &[(&str, &str)]) -> Rights {
    let verbs = |verbs: &str| verbs.split(' ').map(str::to_owned).collect();
    table.iter().map(|(what, on)| ((*what).to_owned(), verbs(on))).collect()
}

fn ours(kinds: &[&str], verbs: &str) -> Rights {
    let named: Vec<_> = kinds.iter().map(|kind| format!("retention-operator.io/{kind}")).collect();
    expected(&named.iter().map(|kind| (kind.as_str(), verbs)).collect::<Vec<_>>())
}

fn words(list: &Value) -> impl Iterator<Item = &str> {
    list.as_array().into_iter().flatten().map(|word| word.as_str().unwrap())
}

/// What a role gives: group/resource, with the name it is narrowed to, and the verbs.
fn rights(role: &Value) -> Rights {
    let mut rights = Rights::new();
    for rule in role["rules"].as_array().unwrap() {
        let known = ["apiGroups", "resources", "resourceNames", "verbs"];
        assert!(
            rule.as_object().unwrap().keys().all(|key| known.contains(&key.as_str())),
            "{rule}"
        );
        let names: Vec<String> =
            words(&rule["resourceNames"]).map(|name| format!(" {name}")).collect();
        let names = if names.is_empty() { vec![String::new()] } else { names };
        for group in words(&rule["apiGroups"]) {
            for resource in words(&rule["resources"]) {
                for name in &names {
                    let verbs = rights.entry(format!("{group}/{resource}{name}")).or_default();
                    verbs.extend(words(&rule["verbs"]).map(str::to_owned));
                }
            }
        }
    }
    rights
}

fn name(object: &Value) -> &str {
    object["metadata"]["name"].as_str().unwrap()
}

fn of_kind<'a>(objects: &'a [Value], kind: &str) -> Vec<&'a Value> {
    objects.iter().filter(|object| object["kind"] == kind).collect()
}

/// The rights that the bindings of `objects` give the operator, by namespace; "" is the whole cluster.
fn granted(objects: &[Value]) -> BTreeMap<String, Rights> {
    let mut granted = BTreeMap::<String, Rights>::new();
    for binding in objects.iter().filter(|object| object["roleRef"].is_object()) {
        let subject = json!([{"kind": "ServiceAccount", "name": "retention-operator", "namespace": "operator"}]);
        assert_eq!(binding["subjects"], subject);
        let namespace = &binding["metadata"]["namespace"];
        let role = objects.iter().find(|role| {
            role["kind"] == binding["roleRef"]["kind"]
                && role["metadata"]["name"] == binding["roleRef"]["name"]
                && (role["kind"] == "ClusterRole" || role["metadata"]["namespace"] == *namespace)
        });
        let place = granted.entry(namespace.as_str().unwrap_or_default().to_owned()).or_default();
        place.extend(rights(role.unwrap()));
    }
    granted
}

#[test]
fn the_chart_carries_the_crds_of_the_repository() {
    let read = |folder: PathBuf| -> BTreeMap<String, String> {
        let files = fs::read_dir(&folder).into_iter().flatten().map(|file| file.unwrap().path());
        files
            .map(|file| {
                let name = file.file_name().unwrap().to_string_lossy().into_owned();
                (name, fs::read_to_string(file).unwrap())
            })
            .collect()
    };
    let root = Path::new(env!("CARGO_MANIFEST_DIR"));
    let (ours, copies) = (read(root.join("crds")), read(Path::new(CHART).join("files/crds")));
    assert_eq!(ours.len(), 3, "{:?}", ours.keys());
    assert!(
        ours == copies,
        "the chart's CRDs are not those of crds/: rm charts/retention-operator/files/crds/*; \
         cp crds/*.yaml charts/retention-operator/files/crds/"
    );
}

#[test]
fn the_chart_installs_the_version_of_the_program() {
    let chart = fs::read_to_string(Path::new(CHART).join("Chart.yaml")).unwrap();
    let chart: Value = serde_yaml::from_str(&chart).unwrap();
    assert_eq!(chart["appVersion"], env!("CARGO_PKG_VERSION"));
    assert_eq!(chart["version"], env!("CARGO_PKG_VERSION"));
}

#[test]
fn the_chart_passes_helms_own_checks() {
    let Some(helm) = Helm::found() else { return };
    for values in [&[][..], &["namespaces=[\"a\",\"b\"]"], &["crds.enabled=false"]] {
        let output = helm.command(&["lint", "--strict", CHART], values).output().unwrap();
        assert!(output.status.success(), "{values:?}: {output:?}");
    }
}

#[test]
fn a_value_that_the_chart_does_not_know_is_refused() {
    let Some(helm) = Helm::found() else { return };
    for (value, word) in [
        ("namespace=\"a\"", "namespace"),
        ("namespaces=\"a\"", "namespaces"),
        ("namespaces=[\"A\"]", "namespaces"),
        ("crds.enable=false", "enable"),
        ("crds.keep=\"false\"", "keep"),
        ("image.digest=\"latest\"", "digest"),
        ("image.repository=\"\"", "repository"),
        ("image.repository=\"a\\\" || true\"", "repository"),
        ("runner.image.name=\"a\"", "name"),
        ("runner.imagePullPolicy=\"never\"", "imagePullPolicy"),
        ("runner.resources={\"limit\":{\"memory\":\"1Gi\"}}", "limit"),
        ("fullnameOverride=\"a b\"", "fullnameOverride"),
        ("admissionPolicy=false", "admissionPolicy"),
    ] {
        let refusal = helm.rendered(&[value]).err();
        let refusal = refusal.unwrap_or_else(|| panic!("{value} is accepted"));
        assert!(refusal.contains(word), "{value}: {refusal}");
    }
}

#[test]
fn crds_are_brought_as_they_are_and_stay_unless_told_otherwise() {
    let Some(helm) = Helm::found() else { return };
    let folder = Path::new(CHART).join("files/crds");
    let mut crds: Vec<Value> = fs::read_dir(folder)
        .unwrap()
        .map(|file| fs::read_to_string(file.unwrap().path()).unwrap())
        .map(|text| serde_yaml::from_str(&text).unwrap())
        .collect();
    crds.sort_by_key(|crd| name(crd).to_owned());
    assert_eq!(crds.len(), 3);

    let brought = |values: &[&str]| {
        let objects = helm.rendered(values).unwrap();
        let mut crds: Vec<Value> =
            of_kind(&objects, "CustomResourceDefinition").into_iter().cloned().collect();
        crds.sort_by_key(|crd| name(crd).to_owned());
        crds
    };
    assert_eq!(brought(&["crds.keep=false"]), crds);
    assert!(brought(&["crds.enabled=false"]).is_empty());
    for crd in &mut crds {
        crd["metadata"]["annotations"]["helm.sh/resource-policy"] = json!("keep");
    }
    assert_eq!(brought(&[]), crds);
}

#[test]
fn the_operator_and_its_runners_have_the_rights_they_need_and_no_other() {
    let Some(helm) = Helm::found() else { return };
    let objects = helm.rendered(&[]).unwrap();
    let (lease, everywhere) = OPERATOR.split_last().unwrap();
    assert_eq!(
        granted(&objects),
        BTreeMap::from([
            (String::new(), expected(everywhere)),
            ("operator".to_owned(), expected(&[*lease]))
        ])
    );

    let given: BTreeMap<&str, Rights> = of_kind(&objects, "ClusterRole")
        .into_iter()
        .filter(|role| name(role) != "retention-operator")
        .map(|role| (name(role), rights(role)))
        .collect();
    let of = |role: &str| &given[&*format!("retention-operator-{role}")];
    assert_eq!(given.len(), 4);
    assert_eq!(*of("runner"), expected(&RUNNER));
    let everything = ["databaseconnections", "purgeruns", "retentionpolicies"];
    assert_eq!(*of("view"), ours(&everything, "get list watch"));
    assert_eq!(*of("edit"), ours(&everything[1..], "create delete patch update"));
    assert_eq!(*of("admin"), ours(&everything[..1], "create delete patch update"));
}

#[test]
fn with_namespaces_given_the_operator_has_rights_in_them_alone() {
    let Some(helm) = Helm::found() else { return };
    let objects = helm.rendered(&["namespaces=[\"chat\",\"shop\"]"]).unwrap();
    let (lease, served) = OPERATOR.split_last().unwrap();
    assert_eq!(
        granted(&objects),
        BTreeMap::from([
            ("chat".to_owned(), expected(served)),
            ("operator".to_owned(), expected(&[*lease])),
            ("shop".to_owned(), expected(served)),
        ])
    );
    assert!(of_kind(&objects, "ClusterRoleBinding").is_empty());
    let arguments = arguments(&objects);
    assert_eq!(
        words(&arguments).filter(|word| word.starts_with("--namespace")).collect::<Vec<_>>(),
        ["--namespace=chat", "--namespace=shop"]
    );

    let own = helm.rendered(&["namespaces=[\"operator\"]"]).unwrap();
    assert_eq!(granted(&own), BTreeMap::from([("operator".to_owned(), expected(&OPERATOR))]));
}

fn arguments(objects: &[Value]) -> Value {
    let [deployment] = of_kind(objects, "Deployment")[..] else { panic!("{objects:?}") };
    let [container] = &deployment["spec"]["template"]["spec"]["containers"].as_array().unwrap()[..]
    else {
        panic!("{deployment}")
    };
    container["args"].clone()
}

#[test]
fn runners_use_the_operators_image_unless_told_otherwise() {
    let Some(helm) = Helm::found() else { return };
    let ours =
        format!("ghcr.io/retention-operator/retention-operator:{}", env!("CARGO_PKG_VERSION"));
    let digest = format!("\"{DIGEST}\"");
    let own = format!("image.digest={digest}");
    let theirs = format!("runner.image.digest={digest}");
    for (values, image) in [
        (vec![], ours.clone()),
        (vec!["image.tag=\"7\""], ours.replace(env!("CARGO_PKG_VERSION"), "7")),
        (
            vec!["image.repository=\"localhost:5000/a\"", "image.tag=\"7\"", &own],
            format!("localhost:5000/a@{DIGEST}"),
        ),
        (vec!["runner.image.repository=\"b/c\"", "runner.image.tag=\"8\""], "b/c:8".to_owned()),
        (vec![&*theirs], format!("ghcr.io/retention-operator/retention-operator@{DIGEST}")),
    ] {
        let objects = helm.rendered(&values).unwrap();
        let arguments = arguments(&objects);
        assert!(
            words(&arguments).any(|word| word == format!("--runner-image={image}")),
            "{arguments}"
        );
        // The admission policy holds the operator to the very image it is told to use.
        let policies = of_kind(&objects, "ValidatingAdmissionPolicy");
        let jobs = policies.iter().find(|policy| name(policy).ends_with("-jobs")).unwrap();
        assert!(jobs.to_string().contains(&format!("c.image == \\\"{image}\\\"")), "{jobs}");
    }
}

#[test]
fn what_values_say_of_runners_reaches_the_program() {
    let Some(helm) = Helm::found() else { return };
    let told = |values: &[&str], flag: &str| {
        let arguments = arguments(&helm.rendered(values).unwrap());
        let flag = format!("--runner-{flag}=");
        words(&arguments).find_map(|word| word.strip_prefix(&flag)).map(str::to_owned)
    };
    assert_eq!(told(&["image.pullPolicy=\"Never\""], "image-pull-policy").unwrap(), "Never");
    assert_eq!(
        told(&["runner.imagePullPolicy=\"Always\""], "image-pull-policy").unwrap(),
        "Always"
    );
    assert_eq!(told(&["fullnameOverride=\"purge\""], "role").unwrap(), "purge-runner");
    let resources = told(&["runner.resources.limits={\"memory\":\"1Gi\",\"cpu\":2}"], "resources");
    assert_eq!(
        serde_json::from_str::<Value>(&resources.unwrap()).unwrap(),
        json!({"requests": {"cpu": "50m", "memory": "64Mi"}, "limits": {"memory": "1Gi", "cpu": 2}})
    );
}
