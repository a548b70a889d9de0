//! The lists of all services together: what one of them can't see.

use std::collections::{BTreeMap, BTreeSet};

use clap::{Args, Command, FromArgMatches};
use serde_json::Value;

use super::{calls, method, rights};
use crate::services::all;
use host::config::Config;

fn config() -> Config {
    let command = Config::augment_args(Command::new("shop"));
    Config::from_arg_matches(&command.get_matches_from(["shop"])).expect("the defaults are well formed")
}

#[test]
fn no_two_calls_have_one_route_or_one_name() {
    let calls = calls(&config());
    assert!(calls.len() > 9, "{} calls", calls.len());
    let routes: BTreeSet<_> =
        calls.iter().map(|answered| (answered.call.path, method(answered.call.method).to_string())).collect();
    let names: BTreeSet<&str> = calls.iter().map(|answered| answered.call.does).collect();
    assert_eq!((routes.len(), names.len()), (calls.len(), calls.len()));
}

#[test]
fn no_two_services_define_one_component_of_the_document() {
    let mut owners = BTreeMap::new();
    let topologies: Vec<_> = all(&config()).iter().map(millrace::App::topology).collect();
    let parts = topologies.iter().map(|topology| (topology.service, topology.public.openapi));
    for (service, part) in parts.chain([("all", include_str!("../documents/openapi.json"))]) {
        let part: Value =
            if part.is_empty() { Value::Null } else { serde_json::from_str(part).expect("a part is JSON") };
        for (kind, components) in part["components"].as_object().into_iter().flatten() {
            for name in components.as_object().into_iter().flatten().map(|(name, _)| name) {
                let before = owners.insert((kind.clone(), name.clone()), service);
                assert_eq!(before, None, "{kind} {name} of {service}");
            }
        }
    }
    assert!(owners.contains_key(&("schemas".to_owned(), "Order".to_owned())));
}

#[test]
fn each_right_is_told_of_where_access_is() {
    let page = include_str!("../../../../docs/access.md");
    for right in rights(&config()).names() {
        assert!(page.contains(&format!("\n| `{right}` |")), "docs/access.md has no row of {right}");
    }
}
