//! Who may talk to whom: nobody, but for what the topology says.

use serde_json::{Value, json};

use crate::topology::{GATEWAY, Service, callers};
use crate::workloads::{ADMIN_PORT, PUBLIC_PORT, SIDECAR_METRICS_PORT};

/// Sidecars speak to each other here.
const INVOCATION_PORT: u16 = 50002;
const REDIS_PORT: u16 = 6379;

pub fn policies(services: &[Service]) -> Vec<Value> {
    let mut all = vec![policy("default-deny", &json!({}), &json!([]), &json!([]))];
    all.extend(services.iter().map(|service| of(service, services)));
    all
}

fn of(service: &Service, services: &[Service]) -> Value {
    let mut ingress =
        vec![json!({ "from": [namespace("monitoring")], "ports": ports(&[ADMIN_PORT, SIDECAR_METRICS_PORT]) })];
    let asking: Vec<Value> = callers(services, service.name).iter().map(|caller| pods(caller.name)).collect();
    if !asking.is_empty() {
        ingress.push(json!({ "from": asking, "ports": ports(&[INVOCATION_PORT]) }));
    }
    if service.name == GATEWAY {
        ingress.push(json!({ "from": [namespace("ingress")], "ports": ports(&[PUBLIC_PORT]) }));
    }
    let dns = json!([{ "port": 53, "protocol": "UDP" }, { "port": 53, "protocol": "TCP" }]);
    let mut egress = vec![
        json!({ "to": [namespace("kube-system")], "ports": dns }),
        json!({ "to": [namespace("dapr-system")] }),
        json!({ "to": [{ "podSelector": { "matchLabels": { "app.kubernetes.io/name": "redis" } } }], "ports": ports(&[REDIS_PORT]) }),
    ];
    let asked: Vec<Value> = service.calls.iter().map(|callee| pods(callee)).collect();
    if !asked.is_empty() {
        egress.push(json!({ "to": asked, "ports": ports(&[INVOCATION_PORT]) }));
    }
    if service.reaches_out {
        // Partners and the mail relay; nothing of the cluster's own.
        let private = ["10.0.0.0/8", "172.16.0.0/12", "192.168.0.0/16", "169.254.0.0/16"];
        egress.push(
            json!({ "to": [{ "ipBlock": { "cidr": "0.0.0.0/0", "except": private } }], "ports": ports(&[443, 587]) }),
        );
    }
    let selector = json!({ "matchLabels": { "app.kubernetes.io/name": service.name } });
    policy(service.name, &selector, &ingress.into(), &egress.into())
}

fn policy(name: &str, selector: &Value, ingress: &Value, egress: &Value) -> Value {
    json!({
        "apiVersion": "networking.k8s.io/v1", "kind": "NetworkPolicy", "metadata": { "name": name },
        "spec": { "podSelector": selector, "policyTypes": ["Ingress", "Egress"], "ingress": ingress, "egress": egress },
    })
}

fn ports(numbers: &[u16]) -> Value {
    numbers.iter().map(|port| json!({ "port": port, "protocol": "TCP" })).collect()
}

fn pods(name: &str) -> Value {
    json!({ "podSelector": { "matchLabels": { "app.kubernetes.io/name": name } } })
}

fn namespace(name: &str) -> Value {
    json!({ "namespaceSelector": { "matchLabels": { "kubernetes.io/metadata.name": name } } })
}
