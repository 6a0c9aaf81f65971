//! `controller`: the operator.

use std::net::SocketAddr;

use clap::Args;
use k8s_openapi::api::core::v1::ResourceRequirements;

use crate::controller::{self, Settings};

#[derive(Debug, Args)]
pub(super) struct ControllerArgs {
    /// Only this namespace; without it all of the cluster
    #[arg(long = "namespace", value_name = "NS")]
    namespaces: Vec<String>,
    /// The image of the pods that do the work
    #[arg(long, value_name = "IMAGE")]
    runner_image: String,
    /// Always, IfNotPresent or Never; by default what Kubernetes makes of the image's tag
    #[arg(long, value_name = "POLICY", value_parser = ["Always", "IfNotPresent", "Never"])]
    runner_image_pull_policy: Option<String>,
    /// CPU and memory of a runner whose connection does not say, as JSON
    #[arg(long, value_name = "JSON", value_parser = resources)]
    runner_resources: Option<ResourceRequirements>,
    /// The ClusterRole that lets a runner report
    #[arg(long, value_name = "NAME", default_value = "retention-operator-runner")]
    runner_role: String,
    /// Where probes are answered
    #[arg(long, value_name = "ADDRESS", default_value = "0.0.0.0:8080")]
    listen: SocketAddr,
}

fn resources(text: &str) -> Result<ResourceRequirements, String> {
    serde_json::from_str(text).map_err(|error| {
        format!("{error}: write e.g. {{\"requests\": {{\"cpu\": \"100m\", \"memory\": \"64Mi\"}}}}")
    })
}

impl ControllerArgs {
    /// Works until SIGTERM or Ctrl-C. 3: the API could not be reached, or refused what is needed.
    pub(super) async fn execute(self) -> u8 {
        let settings = Settings {
            namespaces: self.namespaces,
            runner_image: self.runner_image,
            runner_image_pull_policy: self.runner_image_pull_policy,
            runner_resources: self.runner_resources,
            runner_role: self.runner_role,
            listen: Some(self.listen),
        };
        let client = match kube::Client::try_default().await {
            Ok(client) => client,
            Err(error) => {
                eprintln!("no cluster: {error}: run in a pod, or set KUBECONFIG");
                return 3;
            }
        };
        match controller::start(client, settings, ended()).await {
            Ok(()) => 0,
            Err(error) => {
                eprintln!("{error}");
                3
            }
        }
    }
}

async fn ended() {
    use tokio::signal::unix::{SignalKind, signal};
    let Ok(mut terminate) = signal(SignalKind::terminate()) else {
        return std::future::pending().await;
    };
    tokio::select! {
        _ = terminate.recv() => {}
        _ = tokio::signal::ctrl_c() => {}
    }
}
