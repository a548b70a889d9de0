//! What a service has by existing: it is in everything that is made of the wiring, whoever added it.

use deploy::topology;
use events::topics::TOPICS;
use wiring::services::SERVICES;

fn text(path: &str) -> String {
    std::fs::read_to_string(deploy::root().join(path)).unwrap_or_else(|error| panic!("{path}: {error}"))
}

/// Files, and how each names a service.
fn artefacts(service: &topology::Service) -> Vec<(String, String)> {
    let name = service.name;
    let mut artefacts: Vec<(String, String)> = [
        ("dapr.yaml", format!("- appID: {name}\n")),
        ("docs/subscriptions.json", format!("\"{name}\": [")),
        ("components/users.acl", format!("user {name} ")),
        ("components/users.acl", format!("user {name}-daprd ")),
        ("k8s/secrets", name.to_owned()),
        ("k8s/base/services.yaml", format!("dapr.io/app-id: {name}\n")),
        ("k8s/base/services.yaml", format!("kind: PodDisruptionBudget\nmetadata:\n  name: {name}\n")),
        ("k8s/base/network.yaml", format!("kind: NetworkPolicy\nmetadata:\n  name: {name}\n")),
        ("k8s/base/sidecars.yaml", format!("kind: Configuration\nmetadata:\n  name: {name}\n")),
    ]
    .map(|(path, named)| (path.to_owned(), named))
    .into();
    let mut add = |path: String, named: String| artefacts.push((path, named));
    for topic in TOPICS.iter().filter(|topic| service.publishes.contains(topic.name)) {
        add(format!("components/redis/{}.yaml", topic.pubsub), format!("{name}="));
    }
    for topic in &service.publishes {
        add("docs/topology.txt".to_owned(), format!("{name:<14} publishes  {topic}\n"));
        add("docs/names.md".to_owned(), format!("api/events/{topic}."));
        add(format!("docs/api/asyncapi/{name}.json"), format!("\"address\": \"{topic}\""));
    }
    if !service.hears.is_empty() {
        add("k8s/overlays/production/scaling.yaml".to_owned(), format!("consumerGroup: {name}\n"));
        add("k8s/overlays/production-kafka/kafka.yaml".to_owned(), format!("consumerGroup: {name}\n"));
    }
    if service.is_called {
        add("docs/api/openapi.json".to_owned(), format!("Answered by {name}."));
    }
    artefacts
}

#[test]
fn a_service_is_in_everything_that_is_made_of_the_wiring() {
    let services = topology::services();
    assert_eq!(services.iter().map(|service| service.name).collect::<Vec<_>>(), SERVICES);
    let named = services.iter().flat_map(artefacts);
    let missing: Vec<_> = named.filter(|(path, named)| !text(path).contains(named)).collect();
    assert!(missing.is_empty(), "{missing:#?}");
}
