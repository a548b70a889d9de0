//! What strict validation lets pass and we do not: references that lead nowhere, rights nobody needs, and everything that
//! `millrace doctor` says of Dapr's files.

use std::collections::BTreeSet;

use deploy::topology::{Service, services};
use doctor::files::Resource;
use serde_json::Value;

use crate::fields::{list, name};

/// Requests 10 s, what has begun 10 s, the sidecar 13 s.
const DRAIN_SECONDS: u64 = 33;

struct All<'a> {
    documents: &'a [Value],
    services: Vec<Service>,
    wrong: Vec<String>,
}

pub fn violations(documents: &[Value]) -> Vec<String> {
    let mut all = All { documents, services: services(), wrong: Vec::new() };
    for document in documents {
        match document["kind"].as_str().unwrap_or_default() {
            "Deployment" | "StatefulSet" => all.workload(document),
            "Component" => all.component(document),
            "Configuration" => all.configuration(document),
            "NetworkPolicy" => all.selects(document, "/spec/podSelector/matchLabels"),
            "PodDisruptionBudget" => all.selects(document, "/spec/selector/matchLabels"),
            "PodMonitor" => all.selects(document, "/spec/selector/matchLabels"),
            "Service" => all.selects(document, "/spec/selector"),
            "Ingress" => all.ingress(document),
            "ScaledObject" => all.scaled(document),
            "Secret" => all.says(document, "a secret in the open"),
            _ => {}
        }
    }
    all.default_deny();
    let resource = |document: &Value| Resource::new(name(document), document.clone());
    let findings = doctor::judge(&documents.iter().map(resource).collect::<Vec<_>>());
    all.wrong.extend(
        findings.into_iter().map(|it| format!("{}: {} {}: {}", it.place, it.rule.number, it.rule.title, it.what)),
    );
    all.wrong
}

impl All<'_> {
    fn says(&mut self, document: &Value, what: impl std::fmt::Display) {
        self.wrong.push(format!("{}: {what}", name(document)));
    }

    fn has(&self, kind: &str, called: &str) -> bool {
        self.documents.iter().any(|it| it["kind"] == kind && it["metadata"]["name"] == called)
    }

    fn is_service(&self, called: &str) -> bool {
        self.services.iter().any(|service| service.name == called)
    }

    fn workload(&mut self, workload: &Value) {
        let template = &workload["spec"]["template"];
        for (label, value) in workload["spec"]["selector"]["matchLabels"].as_object().into_iter().flatten() {
            if template["metadata"]["labels"][label] != *value {
                self.says(workload, format!("selects {label}={value}, which its pods don't have"));
            }
        }
        let pod = &template["spec"];
        if let Some(account) = pod["serviceAccountName"].as_str().filter(|account| !self.has("ServiceAccount", account))
        {
            self.says(workload, format!("no service account {account}"));
        }
        for field in ["hostNetwork", "hostPID", "hostIPC"].into_iter().filter(|field| pod[*field] == true) {
            self.says(workload, field);
        }
        for volume in list(pod, "/volumes").filter(|volume| volume["hostPath"].is_object()) {
            self.says(workload, format!("volume {} is the node's own", volume["name"]));
        }
        if pod["automountServiceAccountToken"] != false {
            self.says(workload, "an API server's token that nobody needs");
        }
        for container in list(pod, "/containers").chain(list(pod, "/initContainers")) {
            self.container(workload, pod, container);
        }
        if template["metadata"]["annotations"]["dapr.io/enabled"] == "true" {
            self.with_sidecar(workload);
        }
    }

    fn container(&mut self, workload: &Value, pod: &Value, container: &Value) {
        let called = container["name"].as_str().unwrap_or_default();
        let mut wrong = |what: String| self.wrong.push(format!("{} {called}: {what}", name(workload)));
        for probe in ["startupProbe", "readinessProbe", "livenessProbe"] {
            let port = [&container[probe]["httpGet"]["port"], &container[probe]["tcpSocket"]["port"]];
            for port in port.into_iter().filter(|port| !port.is_null()) {
                if !list(container, "/ports").any(|known| known["name"] == *port || known["containerPort"] == *port) {
                    wrong(format!("{probe} asks port {port}, which is not there"));
                }
            }
        }
        // Pod Security, restricted.
        let (own, pods) = (&container["securityContext"], &pod["securityContext"]);
        let either = |field: &str| if own[field].is_null() { &pods[field] } else { &own[field] };
        let checks = [
            (own["privileged"] == true, "privileged"),
            (own["allowPrivilegeEscalation"] != false, "may gain privileges"),
            (!list(own, "/capabilities/drop").any(|it| it == "ALL"), "keeps capabilities"),
            (list(own, "/capabilities/add").next().is_some(), "adds capabilities"),
            (*either("runAsNonRoot") != true || *either("runAsUser") == 0, "may run as root"),
            (either("seccompProfile")["type"] != "RuntimeDefault", "has no seccomp profile"),
            (own["readOnlyRootFilesystem"] != true, "may write to its image"),
            (container["resources"]["limits"]["memory"].is_null(), "has no memory limit"),
            (container["resources"]["requests"]["cpu"].is_null(), "requests no CPU"),
        ];
        checks.into_iter().filter(|(broken, _)| *broken).for_each(|(_, what)| wrong(what.to_owned()));
        let image = container["image"].as_str().unwrap_or_default();
        if image.rsplit_once(':').is_none_or(|(_, tag)| tag == "latest" || tag.contains('/')) {
            wrong(format!("image {image} is another one tomorrow"));
        }
        for variable in list(container, "/env").filter(|variable| variable["value"].is_string()) {
            let called = variable["name"].as_str().unwrap_or_default();
            let has_password = variable["value"].as_str().is_some_and(|value| value.contains('@'));
            if has_password
                || ["TOKEN", "SECRET", "PASSWORD", "REDIS_URL", "BROKER_URL"].iter().any(|it| called.ends_with(it))
            {
                wrong(format!("{called} is written in the open"));
            }
        }
    }

    fn with_sidecar(&mut self, workload: &Value) {
        let template = &workload["spec"]["template"];
        let annotation =
            |name: &str| template["metadata"]["annotations"][format!("dapr.io/{name}")].as_str().unwrap_or_default();
        let id = annotation("app-id");
        if !self.is_service(id) {
            self.says(workload, format!("app id {id} is no service"));
        }
        if !self.has("Configuration", annotation("config")) {
            self.says(workload, format!("no configuration {}", annotation("config")));
        }
        for (token, variable) in [("api-token-secret", "DAPR_API_TOKEN"), ("app-token-secret", "APP_API_TOKEN")] {
            let given = list(template, "/spec/containers/0/env").find(|it| it["name"] == variable);
            let from = given.and_then(|it| it.pointer("/valueFrom/secretKeyRef/name")).and_then(Value::as_str);
            if annotation(token).is_empty() || from != Some(annotation(token)) {
                self.says(workload, format!("{variable} is not that of dapr.io/{token}"));
            }
        }
        let app_port = list(template, "/spec/containers/0/env").find(|it| it["name"] == "APP_PORT");
        if app_port.is_none_or(|it| it["value"] != annotation("app-port")) {
            self.says(workload, "the sidecar looks for the app at another port than APP_PORT");
        }
        if template["spec"]["terminationGracePeriodSeconds"].as_u64().is_none_or(|grace| grace <= DRAIN_SECONDS) {
            self.says(workload, format!("is killed within the {DRAIN_SECONDS} s that it takes to end"));
        }
        if !["NetworkPolicy", "PodDisruptionBudget"].iter().all(|kind| self.has(kind, id)) {
            self.says(workload, "no network policy or disruption budget of its own");
        }
        let doctor = list(template, "/spec/initContainers")
            .any(|it| list(it, "/args").next().is_some_and(|arg| arg == "doctor"));
        if !doctor {
            self.says(workload, "no doctor before its start");
        }
    }

    fn component(&mut self, component: &Value) {
        for scope in list(component, "/scopes")
            .filter_map(Value::as_str)
            .filter(|scope| !self.is_service(scope))
            .collect::<Vec<_>>()
        {
            self.says(component, format!("a scope for {scope}, which is no service"));
        }
        if list(component, "/scopes").next().is_none() {
            self.says(component, "open to every app");
        }
        let setting = |name: &str| list(component, "/spec/metadata").find(|it| it["name"] == name);
        let text = |name: &str| setting(name).and_then(|it| it["value"].as_str()).unwrap_or_default().to_owned();
        let password = match component["spec"]["type"].as_str() {
            Some("pubsub.redis") => "redisPassword",
            Some("pubsub.kafka") => "saslPassword",
            _ => return,
        };
        if setting(password).is_none_or(|it| it["secretKeyRef"].is_null()) {
            self.says(component, "a password that is not a secret's");
        }
        let redis_by_tls = password == "redisPassword" && self.documents.iter().any(has_ca);
        if redis_by_tls && text("enableTLS") != "true" {
            self.says(component, "in the open, beside services that reach Redis by TLS");
        }
        if password == "saslPassword" && (text("authType") != "password" || text("saslMechanism") != "SHA-512") {
            self.says(component, "a broker that does not ask who it is, or by a password in clear");
        }
        if ["disableTls", "skipVerify"].iter().any(|name| setting(name).is_some()) {
            self.says(component, "a broker that anybody may pretend to be");
        }
        let topics = self.services.iter().flat_map(|it| it.publishes.iter().copied());
        let topics: BTreeSet<&str> = topics.collect();
        for line in [text("publishingScopes"), text("subscriptionScopes")].iter().flat_map(|it| it.split(';')) {
            let (app, allowed) = line.split_once('=').unwrap_or((line, ""));
            if !self.is_service(app) {
                self.says(component, format!("rights of {app}, which is no service"));
            }
            for topic in allowed.split(',').filter(|topic| !topic.is_empty()) {
                if !topics.contains(topic.split(".dlq.").next().unwrap_or(topic)) {
                    self.says(component, format!("a right to {topic}, which is no topic"));
                }
            }
        }
        if text("protectedTopics").is_empty() {
            self.says(component, "topics that nobody protects");
        }
    }

    fn configuration(&mut self, configuration: &Value) {
        if configuration.pointer("/spec/accessControl/defaultAction").is_none_or(|action| action != "deny") {
            self.says(configuration, "calls are allowed that nobody has named");
        }
        let callers: Vec<&str> =
            list(configuration, "/spec/accessControl/policies").filter_map(|it| it["appId"].as_str()).collect();
        for caller in callers.into_iter().filter(|caller| !self.is_service(caller)).collect::<Vec<_>>() {
            self.says(configuration, format!("{caller} may call, which is no service"));
        }
    }

    /// An empty selector selects all.
    fn selects(&mut self, document: &Value, pointer: &str) {
        let Some(wanted) = document.pointer(pointer).and_then(Value::as_object) else { return };
        let found = self.documents.iter().any(|it| {
            let labels = &it["spec"]["template"]["metadata"]["labels"];
            wanted.iter().all(|(label, value)| labels[label] == *value)
        });
        if !found {
            self.says(document, format!("selects no pod: {}", Value::from(wanted.clone())));
        }
    }

    fn ingress(&mut self, ingress: &Value) {
        for path in list(ingress, "/spec/rules").flat_map(|rule| list(rule, "/http/paths")) {
            let service = path["backend"]["service"]["name"].as_str().unwrap_or_default();
            if service != deploy::topology::GATEWAY || !self.has("Service", service) {
                self.says(ingress, format!("a way in past the gateway: {service}"));
            }
        }
    }

    fn scaled(&mut self, scaled: &Value) {
        let target = scaled["spec"]["scaleTargetRef"]["name"].as_str().unwrap_or_default();
        if !self.has("Deployment", target) {
            self.says(scaled, format!("scales {target}, which is not there"));
        }
        let brokers: BTreeSet<&str> = self.documents.iter().filter_map(|it| it["spec"]["type"].as_str()).collect();
        for trigger in list(scaled, "/spec/triggers") {
            let kind = trigger["type"].as_str().unwrap_or_default();
            let (topic, broker) = if kind == "kafka" { ("topic", "pubsub.kafka") } else { ("stream", "pubsub.redis") };
            if !brokers.contains(broker) {
                self.says(scaled, format!("{kind} carries no events"));
            }
            let trigger = &trigger["metadata"];
            if kind == "kafka" && (trigger["tls"] != "enable" || trigger["sasl"] != "scram_sha512") {
                self.says(scaled, "asks a broker that does not ask who it is");
            }
            let (group, topic) = (trigger["consumerGroup"].as_str(), trigger[topic].as_str().unwrap_or_default());
            let hears = self.services.iter().any(|it| Some(it.name) == group && it.hears.contains(topic));
            if !hears || group != Some(target) {
                self.says(scaled, format!("{group:?} does not hear {topic}"));
            }
        }
    }

    fn default_deny(&mut self) {
        let denies = |it: &&Value| {
            let spec = &it["spec"];
            it["kind"] == "NetworkPolicy"
                && spec["podSelector"].as_object().is_some_and(serde_json::Map::is_empty)
                && list(spec, "/policyTypes").count() == 2
                && list(spec, "/ingress").chain(list(spec, "/egress")).next().is_none()
        };
        if !self.documents.iter().any(|it| denies(&it)) {
            self.wrong.push("no network policy denies what is not allowed".to_owned());
        }
    }
}

fn has_ca(workload: &Value) -> bool {
    list(workload, "/spec/template/spec/containers/0/env").any(|it| it["name"] == "MILLRACE_REDIS_CA")
}
