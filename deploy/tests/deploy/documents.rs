//! The documents of the API and of events as the tools of their readers see them.

use std::path::Path;
use std::process::Command;

use crate::tools::{Folder, run, tool};

fn check(paths: &[&Path]) -> Result<String, String> {
    run(Command::new(tool("document-check")).args(paths))
}

#[test]
fn openapi_and_asyncapi_are_read_by_their_own_parsers_without_a_complaint() {
    let api = deploy::root().join("docs/api");
    let mut documents = vec![api.join("openapi.json")];
    let services = std::fs::read_dir(api.join("asyncapi")).expect("a folder");
    documents.extend(services.map(|entry| entry.expect("an entry").path()));
    assert!(documents.len() > 2, "{documents:?}");
    let paths: Vec<&Path> = documents.iter().map(AsRef::as_ref).collect();
    check(&paths).unwrap_or_else(|told| panic!("{told}"));
}

#[test]
fn a_document_with_a_fault_is_refused() {
    let folder = Folder::new("documents");
    let faults = [
        (
            "openapi.json",
            "\"operationId\": \"placeOrder\"",
            "\"operationId\": \"showOrder\"",
            "operation-operationId-unique",
        ),
        ("openapi.json", "#/components/parameters/sku", "#/components/parameters/article", "invalid-ref"),
        ("asyncapi/orders.json", "\"action\": \"receive\"", "\"action\": \"listen\"", "asyncapi-document-resolved"),
        ("asyncapi/orders.json", "#/channels/payment\"", "#/channels/payments\"", "invalid-ref"),
    ];
    let mut spoilt = Vec::new();
    for (place, (document, right, wrong, _)) in faults.into_iter().enumerate() {
        let text = std::fs::read_to_string(deploy::root().join("docs/api").join(document)).expect("it is there");
        assert!(text.contains(right), "{document} has no {right}");
        let name = format!("{place}.json");
        folder.write(&name, &text.replacen(right, wrong, 1));
        spoilt.push(folder.0.join(name));
    }
    let paths: Vec<&Path> = spoilt.iter().map(AsRef::as_ref).collect();
    let told = check(&paths).expect_err("the faults are seen");
    for ((.., wrong, rule), path) in faults.into_iter().zip(paths) {
        assert!(told.contains(&format!("{}: {rule}", path.display())), "{wrong}: {told}");
    }
}
