//! Each service's Deployment, account and disruption budget, and the gateway's Service.

use serde_json::{Value, json};

use crate::topology::{GATEWAY, Service};

pub const PUBLIC_PORT: u16 = 8080;
pub const ADMIN_PORT: u16 = 8081;
/// On the pod's loopback alone: for its sidecar.
pub const APP_PORT: u16 = 8100;
pub const SIDECAR_METRICS_PORT: u16 = 9090;
const IMAGE: &str = "millrace:0.1.0";
/// Requests in progress 10 s, what has begun 10 s, then the sidecar: 3 s of blocking, 10 s of its own.
const GRACE_SECONDS: u16 = 45;

pub fn of(service: &Service) -> Vec<Value> {
    let name = service.name;
    let labels = json!({ "app.kubernetes.io/name": name });
    let account = json!({
        "apiVersion": "v1", "kind": "ServiceAccount", "metadata": { "name": name },
        "automountServiceAccountToken": false,
    });
    let budget = json!({
        "apiVersion": "policy/v1", "kind": "PodDisruptionBudget", "metadata": { "name": name },
        "spec": { "maxUnavailable": 1, "selector": { "matchLabels": labels } },
    });
    let mut all = vec![account, deployment(service, &labels), budget];
    if name == GATEWAY {
        all.push(json!({
            "apiVersion": "v1", "kind": "Service", "metadata": { "name": name },
            "spec": { "selector": labels, "ports": [{ "name": "http", "port": 80, "targetPort": "http" }] },
        }));
    }
    all
}

fn deployment(service: &Service, labels: &Value) -> Value {
    let name = service.name;
    let scaled_by = if service.hears.is_empty() { "hand" } else { "lag" };
    json!({
        "apiVersion": "apps/v1", "kind": "Deployment",
        "metadata": { "name": name, "labels": { "millrace/scaled-by": scaled_by } },
        "spec": {
            "replicas": 1,
            "selector": { "matchLabels": labels },
            "template": {
                "metadata": {
                    "labels": { "app.kubernetes.io/name": name, "app.kubernetes.io/part-of": "millrace" },
                    "annotations": annotations(name),
                },
                "spec": {
                    "serviceAccountName": name,
                    "automountServiceAccountToken": false,
                    "terminationGracePeriodSeconds": GRACE_SECONDS,
                    "securityContext": {
                        "runAsNonRoot": true, "runAsUser": 65532, "seccompProfile": { "type": "RuntimeDefault" },
                    },
                    "topologySpreadConstraints": [{
                        "maxSkew": 1, "topologyKey": "kubernetes.io/hostname", "whenUnsatisfiable": "ScheduleAnyway",
                        "labelSelector": { "matchLabels": labels },
                    }],
                    "initContainers": [container("doctor", json!(["doctor", "--redis"]), json!([redis_url(name)]))],
                    "containers": [main_container(name)],
                    "volumes": volumes(name),
                },
            },
        },
    })
}

fn annotations(name: &str) -> Value {
    json!({
        "dapr.io/enabled": "true",
        "dapr.io/app-id": name,
        "dapr.io/app-port": APP_PORT.to_string(),
        "dapr.io/app-protocol": "http",
        "dapr.io/config": name,
        "dapr.io/api-token-secret": format!("{name}-api-token"),
        "dapr.io/app-token-secret": format!("{name}-app-token"),
        // A component is one for all: what differs by sidecar it reads from the sidecar's environment.
        "dapr.io/env-from-secret": format!(
            "MILLRACE_REDIS_HOST=redis:host,MILLRACE_REDIS_USERNAME={secret}:sidecar-username,\
             MILLRACE_REDIS_PASSWORD={secret}:sidecar-password",
            secret = redis_secret(name)
        ),
        "dapr.io/block-shutdown-duration": "3s",
        "dapr.io/graceful-shutdown-seconds": "10",
        "dapr.io/enable-native-sidecar": "true",
        "dapr.io/disable-builtin-k8s-secret-store": "true",
        "dapr.io/sidecar-listen-addresses": "127.0.0.1",
        "dapr.io/sidecar-seccomp-profile-type": "RuntimeDefault",
        "dapr.io/sidecar-cpu-request": "100m",
        "dapr.io/sidecar-memory-request": "128Mi",
        "dapr.io/sidecar-memory-limit": "512Mi",
        "dapr.io/metrics-port": SIDECAR_METRICS_PORT.to_string(),
        "dapr.io/log-as-json": "true",
    })
}

fn main_container(name: &str) -> Value {
    let mut env = vec![
        plain("MILLRACE_STORE", "redis"),
        plain("MILLRACE_BUS", "dapr"),
        plain("MILLRACE_DURABILITY", "standard"),
        plain("MILLRACE_LOG", "json"),
        plain("MILLRACE_ADMIN", &format!("0.0.0.0:{ADMIN_PORT}")),
        plain("APP_PORT", &APP_PORT.to_string()),
        redis_url(name),
        secret("MILLRACE_BROKER_URL", &redis_secret(name), "broker-url"),
        secret("MILLRACE_ADMIN_TOKEN", "admin-token", "token"),
        secret("MILLRACE_WEBHOOK_SECRET", "webhooks", "secret"),
        secret("DAPR_API_TOKEN", &format!("{name}-api-token"), "token"),
        secret("APP_API_TOKEN", &format!("{name}-app-token"), "token"),
    ];
    let mut ports = vec![json!({ "name": "admin", "containerPort": ADMIN_PORT })];
    if name == GATEWAY {
        env.push(plain("MILLRACE_HTTP", &format!("0.0.0.0:{PUBLIC_PORT}")));
        env.push(plain("MILLRACE_API_KEYS", "/etc/millrace/keys.json"));
        ports.push(json!({ "name": "http", "containerPort": PUBLIC_PORT }));
    }
    let probe = |path: &str| json!({ "httpGet": { "path": path, "port": "admin" }, "periodSeconds": 5 });
    let mut container = container(name, json!(["serve", name]), env.into());
    container["ports"] = ports.into();
    container["startupProbe"] = probe("/readyz");
    container["startupProbe"]["failureThreshold"] = 24.into();
    container["readinessProbe"] = probe("/readyz");
    container["livenessProbe"] = probe("/healthz");
    if name == GATEWAY {
        container["volumeMounts"] = json!([{ "name": "keys", "mountPath": "/etc/millrace", "readOnly": true }]);
    }
    container
}

fn container(name: &str, args: Value, env: Value) -> Value {
    json!({
        "name": name,
        "image": IMAGE,
        "args": args,
        "env": env,
        "resources": { "requests": { "cpu": "100m", "memory": "64Mi" }, "limits": { "memory": "512Mi" } },
        "securityContext": {
            "allowPrivilegeEscalation": false, "readOnlyRootFilesystem": true, "capabilities": { "drop": ["ALL"] },
        },
        // There for overlays to add to.
        "volumeMounts": [],
    })
}

fn volumes(name: &str) -> Value {
    if name == GATEWAY { json!([{ "name": "keys", "secret": { "secretName": "gateway-keys" } }]) } else { json!([]) }
}

/// Of the service's own users of Redis: one for its process, one for its sidecar.
pub fn redis_secret(service: &str) -> String {
    format!("{service}-redis")
}

fn redis_url(service: &str) -> Value {
    secret("MILLRACE_REDIS_URL", &redis_secret(service), "store-url")
}

fn plain(name: &str, value: &str) -> Value {
    json!({ "name": name, "value": value })
}

pub fn secret(name: &str, secret: &str, key: &str) -> Value {
    json!({ "name": name, "valueFrom": { "secretKeyRef": { "name": secret, "key": key } } })
}
