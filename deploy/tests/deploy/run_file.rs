//! `dapr.yaml` as `dapr run -f .` reads it. Its parser passes over fields that it does not know, in silence.

use std::collections::BTreeSet;

use serde_json::Value;

use crate::fields::list;

/// Of `common` and of each app, as in the CLI's own sources (1.15 to 1.17).
const SHARED: &[&str] = &[
    "configFilePath",
    "appProtocol",
    "apiListenAddresses",
    "logLevel",
    "appMaxConcurrency",
    "resourcesPaths",
    "maxBodySize",
    "readBufferSize",
    "runtimePath",
    "env",
    "daprdLogDestination",
    "appLogDestination",
];
/// Of an app alone.
const OWN: &[&str] = &[
    "appID",
    "appDirPath",
    "appChannelAddress",
    "appPort",
    "daprHTTPPort",
    "daprGRPCPort",
    "daprInternalGRPCPort",
    "metricsPort",
    "profilePort",
    "unixDomainSocket",
    "command",
];

/// What the CLI would not do as it says.
fn violations(file: &Value) -> Vec<String> {
    let mut wrong = Vec::new();
    let mut unknown = |place: &str, fields: &Value, known: &[&[&str]]| {
        let names = fields.as_object().into_iter().flatten().map(|(name, _)| name);
        let unknown = names.filter(|name| !known.iter().any(|known| known.contains(&name.as_str())));
        wrong.extend(unknown.map(|name| format!("{place}: {name} is read by nobody")));
    };
    unknown("the file", file, &[&["version", "common", "apps", "name"]]);
    unknown("common", &file["common"], &[SHARED]);
    for app in list(file, "/apps") {
        unknown(&app["appID"].to_string(), app, &[SHARED, OWN]);
    }
    let paths = list(file, "/common/resourcesPaths").chain([&file["common"]["configFilePath"]]);
    let paths = paths.chain(list(file, "/apps").map(|app| &app["appDirPath"])).map(Value::as_str);
    wrong.extend(
        paths
            .filter(|path| path.is_none_or(|path| !deploy::root().join(path).exists()))
            .map(|path| format!("{path:?} is not there")),
    );
    if file["version"] != 1 {
        wrong.push("no version".to_owned());
    }
    let mut taken = BTreeSet::new();
    for app in list(file, "/apps") {
        for port in ["appPort", "daprHTTPPort", "daprGRPCPort", "daprInternalGRPCPort", "metricsPort"] {
            if app[port].as_u64().is_none_or(|port| !taken.insert(port)) {
                wrong.push(format!("{}: {port} {} is not its own", app["appID"], app[port]));
            }
        }
    }
    let apps: Vec<&str> = list(file, "/apps").filter_map(|app| app["appID"].as_str()).collect();
    if apps != wiring::services::SERVICES {
        wrong.push(format!("not every service: {apps:?}"));
    }
    wrong
}

fn committed() -> Value {
    let text = std::fs::read_to_string(deploy::root().join("dapr.yaml")).expect("it is there");
    serde_saphyr::from_str(&text).expect("it is YAML")
}

#[test]
fn every_field_of_the_run_file_is_one_that_the_cli_reads() {
    assert_eq!(violations(&committed()), Vec::<String>::new());
}

#[test]
fn a_fault_in_the_run_file_is_found() {
    let faults = [
        ("/common/resourcesPaths", "resourcePaths", "resourcePaths is read by nobody"),
        ("/apps/1/daprGRPCPort", "grpcPort", "grpcPort is read by nobody"),
        ("/common/configFilePath", "configFile", "is not there"),
    ];
    for (pointer, renamed, told) in faults {
        let mut file = committed();
        let (parent, field) = pointer.rsplit_once('/').expect("a pointer");
        let fields = file.pointer_mut(parent).and_then(Value::as_object_mut).expect("there is such a part");
        let value = fields.remove(field).expect("there is such a field");
        fields.insert(renamed.to_owned(), value);
        let wrong = violations(&file);
        assert!(wrong.iter().any(|line| line.contains(told)), "{renamed}: {wrong:?}");
    }
}
