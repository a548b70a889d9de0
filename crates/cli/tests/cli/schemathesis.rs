//! The gateway against its own document, by somebody else's program: what the document allows is sent and what it does not,
//! and every answer must be one that it tells of, and none a failure.

use std::collections::BTreeSet;
use std::process::Command;

use serde_json::Value;

use crate::shop::{Directory, Shop, id, order, ports, run};

/// No failure of the server, and status, headers and body as documented.
const CHECKS: &str = "not_a_server_error,status_code_conformance,content_type_conformance,response_headers_conformance,\
    response_schema_conformance";

/// `EXAMPLES=` for more of each call, `SEED=` for others, `PHASES=` for chains of calls as well.
#[tokio::test]
async fn the_gateway_answers_what_its_document_says_and_never_with_a_failure() {
    let tool = run(&mut Command::new(concat!(env!("CARGO_MANIFEST_DIR"), "/../../tools/get-schemathesis")));
    assert!(tool.status.success(), "{}", String::from_utf8_lossy(&tool.stderr));
    let expected = ["--webhook-origins", "*"];
    let shop = Shop::start(ports(), &[&["up", "--ephemeral"][..], &expected].concat());
    let placed = id(&shop.place("first", &order("tok_ok")).await);
    let folder = Directory::new();
    let known = format!(
        "[parameters]\n\"path.id\" = \"{placed}\"\n\"path.sku\" = \"SKU-007\"\n\"query.locationId\" = \"WH-001\"\n"
    );
    let file = |name: &str| format!("{}/{name}", folder.path());
    std::fs::write(file("known.toml"), known).expect("the folder is writable");

    let setting = |name: &str, or: &str| std::env::var(name).unwrap_or_else(|_| or.to_owned());
    let mut command = Command::new(String::from_utf8_lossy(&tool.stdout).trim());
    let url = format!("{}/openapi.json", host::ports::local_url(shop.ports.gateway()));
    command.args(["--config-file", "known.toml", "run", &url, "--checks", CHECKS, "--no-color"]);
    command.args(["--phases", &setting("PHASES", "examples,coverage,fuzzing"), "--seed", &setting("SEED", "1")]);
    command.args(["--max-examples", &setting("EXAMPLES", "5"), "--request-timeout", "30"]);
    command.args(["--report", "har", "--report-har-path", "calls.har"]);
    let told = run(command.current_dir(folder.path()));
    println!("{}", String::from_utf8_lossy(&told.stdout));
    assert!(told.status.success(), "{}", String::from_utf8_lossy(&told.stderr));

    // It has come past the door: a document that tells of refusals alone would pass, too.
    let calls = std::fs::read(file("calls.har")).expect("a report");
    let answers = answers(&serde_json::from_slice(&calls).expect("JSON"), &placed);
    for reached in [
        "POST /orders 202",
        "GET /orders 200",
        "GET /orders/{id} 200",
        "GET /orders/{id}/events 200",
        "POST /stock/WH-001/receipts 202",
        "GET /stock/SKU-007 200",
        "PUT /prices/SKU-007 202",
        "POST /integrations/events 204",
        "OPTIONS /integrations/events 200",
        "POST /payments/callbacks/sandpay 401",
    ] {
        assert!(answers.contains(reached), "{reached} is not among {answers:#?}");
    }
}

fn answers(har: &Value, order: &str) -> BTreeSet<String> {
    let text = |value: &Value| value.as_str().unwrap_or_default().to_owned();
    let answer = |call: &Value| {
        let url = text(&call["request"]["url"]).replace(order, "{id}");
        let path = url.splitn(4, '/').nth(3).unwrap_or_default().split('?').next().unwrap_or_default().to_owned();
        format!("{} /{path} {}", text(&call["request"]["method"]), call["response"]["status"])
    };
    har["log"]["entries"].as_array().into_iter().flatten().map(answer).collect()
}
