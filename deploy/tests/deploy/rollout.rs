//! Each overlay rolled out by real controllers, upgraded and rolled back; and what is refused while it runs.

use serde_json::{Value, json};

use crate::cluster::Cluster;
use crate::fields::{list, name};
use crate::manifests::{OVERLAYS, rendered, secrets};

const NODES: [&str; 2] = ["node-1", "node-2"];
const SERVICES: &str = "app.kubernetes.io/part-of=millrace";

/// Everything applied, secrets included, and the disk that Redis claims.
fn shop(overlay: &str) -> Option<Cluster> {
    let mut cluster = Cluster::start()?;
    cluster.start_controllers();
    let node = |name: &str| json!({ "apiVersion": "v1", "kind": "Node", "metadata": { "name": name, "labels": { "kubernetes.io/hostname": name } } });
    let disk = json!({
        "apiVersion": "v1", "kind": "PersistentVolume", "metadata": { "name": "disk" },
        "spec": { "capacity": { "storage": "1Gi" }, "accessModes": ["ReadWriteOnce"], "hostPath": { "path": "/data" } },
    });
    let machines: Vec<Value> = NODES.map(node).into_iter().chain([disk]).collect();
    cluster.apply(&machines, &[]).unwrap_or_else(|told| panic!("{told}"));
    cluster.apply(&secrets(Some("/dev/null")), &[]).unwrap_or_else(|told| panic!("{told}"));
    cluster.apply(&rendered(overlay), &[]).unwrap_or_else(|told| panic!("{overlay}: {told}"));
    Some(cluster)
}

/// Until every workload has its pods, of the newest template and ready.
fn rolled_out(cluster: &Cluster) {
    for workload in list(&cluster.get(&["deployments,statefulsets"]), "/items") {
        cluster.kubectl(&["rollout", "status", &name(workload).to_lowercase(), "--timeout=300s"]);
    }
}

/// Of a service, or of all.
fn ready_pods(cluster: &Cluster, label: &str) -> Vec<Value> {
    let is_ready = |pod: &&Value| {
        pod.pointer("/metadata/deletionTimestamp").is_none()
            && list(pod, "/status/conditions").any(|it| it["type"] == "Ready" && it["status"] == "True")
    };
    list(&cluster.get(&["pods", "-l", label]), "/items").filter(is_ready).cloned().collect()
}

fn images(cluster: &Cluster) -> Vec<String> {
    let image = |pod: Value| pod.pointer("/spec/containers/0/image").and_then(Value::as_str).map(str::to_owned);
    let mut images: Vec<String> = ready_pods(cluster, SERVICES).into_iter().filter_map(image).collect();
    images.dedup();
    images
}

/// Pods there should be, of Deployments of services.
fn wanted(overlay: &str) -> u64 {
    let documents = rendered(overlay);
    let services = documents.iter().filter(|it| it["kind"] == "Deployment");
    let services = services.filter(|it| it.pointer("/spec/template/metadata/annotations").is_some());
    services.filter_map(|it| it["spec"]["replicas"].as_u64()).sum()
}

#[test]
fn each_overlay_rolls_out_is_upgraded_and_rolled_back() {
    for overlay in OVERLAYS {
        let Some(cluster) = shop(overlay) else { return };
        rolled_out(&cluster);
        let pods = ready_pods(&cluster, SERVICES).len() as u64;
        assert_eq!(pods, wanted(overlay), "{overlay}");
        let before = images(&cluster);
        println!("{overlay}: rolled out, {pods} pods of services ready, {before:?}");
        let next = "millrace:0.2.0";
        // The doctor before each service is the same program.
        cluster.kubectl(&["set", "image", "deployments", "--all", &format!("*={next}")]);
        rolled_out(&cluster);
        assert_eq!(images(&cluster), [next], "{overlay}");
        for deployment in list(&cluster.get(&["deployments"]), "/items") {
            cluster.kubectl(&["rollout", "undo", &name(deployment).to_lowercase()]);
        }
        rolled_out(&cluster);
        assert_eq!(images(&cluster), before, "{overlay}");
        println!("{overlay}: upgraded to {next} and rolled back");
    }
}

#[test]
fn a_privileged_pod_is_refused_and_a_budget_keeps_the_last_pod() {
    let Some(cluster) = shop("production") else { return };
    rolled_out(&cluster);
    let told = cluster.apply(&[privileged()], &[]).expect_err("the pod is privileged");
    assert!(told.contains("violates PodSecurity \"restricted"), "{told}");
    println!("a privileged pod: {}", told.trim());

    let pods = ready_pods(&cluster, "app.kubernetes.io/name=gateway");
    let [sick, last] = &pods[..] else { panic!("{} pods of the gateway", pods.len()) };
    let of = |pod: &Value| pod.pointer("/metadata/name").and_then(Value::as_str).unwrap_or_default().to_owned();
    let status = json!({ "status": { "conditions": [{ "type": "Ready", "status": "False" }] } });
    cluster.kubectl(&[
        "patch",
        "pod",
        &of(sick),
        "--subresource=status",
        "--type=strategic",
        "-p",
        &status.to_string(),
    ]);
    cluster.until("the budget has seen it", |cluster| {
        cluster.get(&["pdb", "gateway"]).pointer("/status/disruptionsAllowed") == Some(&json!(0))
    });
    let eviction = json!({ "apiVersion": "policy/v1", "kind": "Eviction", "metadata": { "name": of(last) } });
    let path = format!("/api/v1/namespaces/millrace/pods/{}/eviction", of(last));
    let told = cluster.ask(&["create", "--raw", &path, "-f", "-"], &eviction.to_string()).expect_err("it is the last");
    assert!(told.contains("disruption budget"), "{told}");
    println!("evicting the gateway's last ready pod: {}", told.trim());
}

/// A pod of orders, but privileged.
fn privileged() -> Value {
    let orders = rendered("production").into_iter().find(|it| name(it) == "Deployment/orders").expect("it is there");
    let mut pod = orders["spec"]["template"].clone();
    pod["apiVersion"] = "v1".into();
    pod["kind"] = "Pod".into();
    pod["metadata"]["name"] = "privileged".into();
    pod["spec"]["containers"][0]["securityContext"]["privileged"] = true.into();
    pod["spec"]["containers"][0]["securityContext"]["allowPrivilegeEscalation"] = true.into();
    pod
}
