//! Faults planted in what is deployed, each of which must be refused; the table is printed.

use comfy_table::Table;
use comfy_table::presets::UTF8_BORDERS_ONLY;
use serde_json::{Value, json};

use crate::fields::name;
use crate::manifests::{rendered, violations};

/// What is planted: where, by JSON pointer, and the value put there; null takes it away.
pub type Fault = (&'static str, &'static str, &'static str, Value);

const POD: &str = "/spec/template/spec";
const MAIN: &str = "/spec/template/spec/containers/0";

macro_rules! faults {
    ($(in $overlay:literal { $($fault:literal $place:literal $pointer:literal => $value:expr;)* })*) => {
        /// By the overlay that they are planted in.
        pub fn faults() -> Vec<(&'static str, Vec<Fault>)> {
            vec![$(($overlay, vec![$(($fault, $place, $pointer, $value)),*])),*]
        }
    };
}

faults! {
    in "production" {
        "a misspelt field" "Deployment/orders" "POD/restartPolice" => json!("Always");
        "a field of the wrong type" "Deployment/orders" "/spec/replicas" => json!("two");
        "a privileged container" "Deployment/orders" "MAIN/securityContext/privileged" => json!(true);
        "a container that may run as root" "Deployment/orders" "POD/securityContext/runAsUser" => json!(0);
        "capabilities kept" "Deployment/orders" "MAIN/securityContext/capabilities/drop" => json!(["NET_RAW"]);
        "no seccomp profile" "Deployment/orders" "POD/securityContext/seccompProfile" => Value::Null;
        "a folder of the node" "Deployment/orders" "POD/volumes" => json!([{ "name": "node", "hostPath": { "path": "/" } }]);
        "the node's network" "Deployment/orders" "POD/hostNetwork" => json!(true);
        "a probe on a port that is not there" "Deployment/orders" "MAIN/readinessProbe/httpGet/port" => json!("amin");
        "no app token" "Deployment/orders" "/spec/template/metadata/annotations/dapr.io~1app-token-secret" => Value::Null;
        "another API token than the sidecar's" "Deployment/orders" "/spec/template/metadata/annotations/dapr.io~1api-token-secret" => json!("payment-api-token");
        "a token in the open" "Deployment/orders" "MAIN/env/11" => json!({ "name": "APP_API_TOKEN", "value": "secret" });
        "a misspelt annotation" "Deployment/orders" "/spec/template/metadata/annotations/dapr.io~1app-prot" => json!("8100");
        "an app port nobody listens on" "Deployment/orders" "/spec/template/metadata/annotations/dapr.io~1app-port" => json!("8101");
        "a configuration that is not there" "Deployment/orders" "/spec/template/metadata/annotations/dapr.io~1config" => json!("order");
        "app health checks" "Deployment/orders" "/spec/template/metadata/annotations/dapr.io~1enable-app-health-check" => json!("true");
        "a grace period shorter than the drain" "Deployment/orders" "POD/terminationGracePeriodSeconds" => json!(30);
        "a service account that is not there" "Deployment/orders" "POD/serviceAccountName" => json!("order");
        "a selector that its pods don't match" "Deployment/orders" "/spec/selector/matchLabels/app.kubernetes.io~1name" => json!("order");
        "an image that changes" "Deployment/orders" "MAIN/image" => json!("registry.example/millrace:latest");
        "no memory limit" "Deployment/orders" "MAIN/resources/limits" => Value::Null;
        "no doctor" "Deployment/orders" "POD/initContainers" => json!([]);
        "misspelt component metadata" "Component/pubsub" "/spec/metadata/3/name" => json!("procesingTimeout");
        "an unknown field of a component" "Component/pubsub" "/spec/ignoreError" => json!(true);
        "a scope of an unknown app" "Component/pubsub" "/scopes/0" => json!("order");
        "a component open to all" "Component/pubsub-deadletter" "/scopes" => Value::Null;
        "a password in the open" "Component/pubsub" "/spec/metadata/2" => json!({ "name": "redisPassword", "value": "x" });
        "an inbound retry that is not defined" "Resiliency/millrace" "/spec/targets/components/pubsub/inbound/retry" => json!("delivery");
        "a duration that Go can't read" "Resiliency/millrace" "/spec/policies/retries/deliver/maxInterval" => json!("2 s");
        "a misspelt target of resiliency" "Resiliency/millrace" "/spec/targets/component" => json!({});
        "calls allowed to all" "Configuration/orders" "/spec/accessControl/defaultAction" => json!("allow");
        "a caller that is no service" "Configuration/orders" "/spec/accessControl/policies/0/appId" => json!("gatewey");
        "no default deny" "NetworkPolicy/default-deny" "/spec/policyTypes" => json!(["Ingress"]);
        "a policy for no pod" "NetworkPolicy/orders" "/spec/podSelector/matchLabels/app.kubernetes.io~1name" => json!("order");
        "a way in past the gateway" "Ingress/gateway" "/spec/rules/0/http/paths/0/backend/service/name" => json!("orders");
        "scaling on a topic not heard" "ScaledObject/payment" "/spec/triggers/0/metadata/stream" => json!("pricing.price");
        "a monitor's misspelt field" "PodMonitor/millrace-services" "/spec/podMetricsEndpoints/0/honourLabels" => json!(true);
        "a sidecar's way to Redis without TLS" "Component/pubsub" "/spec/metadata/13/value" => json!("false");
        "a secret in the open" "ConfigMap/millrace-dashboards" "/kind" => json!("Secret");
    }
    in "production-kafka" {
        "misspelt metadata of Kafka's" "Component/pubsub" "/spec/metadata/1/name" => json!("initalOffset");
        "Kafka's own endless retry" "Component/pubsub" "/spec/metadata/2/value" => json!("true");
        "Kafka without TLS" "Component/notify" "/spec/metadata/11" => json!({ "name": "disableTls", "value": "true" });
        "Kafka without users" "Component/notify" "/spec/metadata/7/value" => json!("none");
        "a password sent in clear" "Component/notify" "/spec/metadata/8/value" => json!("PLAIN");
        "Kafka's password in the open" "Component/notify" "/spec/metadata/10" => json!({ "name": "saslPassword", "value": "x" });
        "scaling on Redis' lag" "ScaledObject/payment" "/spec/triggers/0/type" => json!("redis-streams");
        "scaling on a topic of Kafka's not heard" "ScaledObject/payment" "/spec/triggers/0/metadata/topic" => json!("pricing.price");
        "lag asked for in clear" "ScaledObject/payment" "/spec/triggers/0/metadata/tls" => json!("disable");
    }
}

pub fn plant(documents: &mut [Value], (fault, place, pointer, value): &Fault) {
    let pointer = pointer.replace("POD", POD).replace("MAIN", MAIN);
    let document = documents.iter_mut().find(|document| name(document) == *place);
    let (parent, last) = pointer.rsplit_once('/').expect("a pointer");
    let parent = document.and_then(|document| document.pointer_mut(parent));
    let last = last.replace("~1", "/");
    match parent.unwrap_or_else(|| panic!("{fault}: nothing at {place} {pointer}")) {
        Value::Array(items) => items[last.parse::<usize>().expect("an index")] = value.clone(),
        Value::Object(fields) if value.is_null() => {
            assert!(fields.remove(&last).is_some(), "{fault}: nothing to take away")
        }
        fields => fields[last] = value.clone(),
    }
}

#[test]
fn every_planted_fault_is_refused() {
    let mut table = Table::new();
    table.load_preset(UTF8_BORDERS_ONLY).set_header(["planted", "in", "refused with"]);
    let mut passed = Vec::new();
    for (overlay, faults) in faults() {
        let sound = rendered(overlay);
        assert_eq!(violations(&sound), Vec::<String>::new());
        for fault in faults {
            let mut documents = sound.clone();
            plant(&mut documents, &fault);
            match violations(&documents).first() {
                Some(why) => drop(table.add_row([fault.0, fault.1, why])),
                None => passed.push(fault.0),
            }
        }
    }
    println!("{table}");
    assert!(passed.is_empty(), "not refused: {passed:?}");
}
