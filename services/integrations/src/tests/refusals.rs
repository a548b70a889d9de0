//! What is refused is told by the name that its sender gave it, in every mode.

use super::*;

const PLAIN: &str = r#""specversion":"1.0","id":"1","source":"/","type":"t""#;

#[tokio::test(start_paused = true)]
async fn a_refusal_names_the_attribute() {
    let service = start();
    let with = |members: &str| format!("{{{PLAIN},{members}}}");
    let without = |member: &str| format!("{{{}}}", PLAIN.replace(member, r#""x":"1""#));
    let cases = [
        (without(r#""id":"1""#), "/id", "id is missing"),
        (without(r#""source":"/""#), "/source", "source is missing"),
        (without(r#""type":"t""#), "/type", "type is missing"),
        (without(r#""specversion":"1.0""#), "/specversion", "specversion is missing"),
        (with(r#""time":"yesterday""#), "/time", "time must be RFC 3339, as 2026-11-21T02:00:00Z"),
        (with(r#""dataschema":"/schemas/1""#), "/dataschema", "dataschema must be a URI with its scheme"),
        (
            with(r#""data":1,"data_base64":"MQ==""#),
            "/data_base64",
            "data and data_base64 are two payloads of one event",
        ),
        (with(r#""data_base64":"%""#), "/data_base64", "data_base64 must be a text in base64"),
        (with(r#""level":{"a":1}"#), "/level", "level must be a text, a boolean or an integer"),
        (with(r#""level":1.5"#), "/level", "level must be a text, a boolean or an integer"),
        (with(r#""subject":7"#), "/subject", "subject must be a text"),
        (with(r#""subject":"""#), "/subject", "subject is empty"),
        (with(r#""subject":"a\nb""#), "/subject", "subject has a control character"),
        (with(&format!(r#""subject":"{}""#, "ü".repeat(1025))), "/subject", "subject is longer than 1,024 characters"),
        (
            with(r#""partitionKey":"1""#),
            "/partitionKey",
            "partitionKey is no attribute: names have 1 to 64 characters of a to z and 0 to 9",
        ),
        (with(r#""a/b":"1""#), "/a~1b", "a/b is no attribute: names have 1 to 64 characters of a to z and 0 to 9"),
        (with(r#""id":"2""#), "/id", "id is given twice"),
        (with(r#""data":1,"data":2"#), "/data", "data is given twice"),
        (
            with(&format!(r#""data":{}1{}"#, "[".repeat(33), "]".repeat(33))),
            "/data",
            "the payload is nested more than 32 deep",
        ),
        (
            with(r#""datacontenttype":"application/json","data_base64":"ew==""#),
            "/data_base64",
            "the payload is not JSON, and its media type says that it is",
        ),
        ("[]".to_owned(), "", "an event is a JSON object"),
        ("{\n\"id\": }".to_owned(), "", "not JSON (line 2, column 7)"),
    ];
    for (body, pointer, detail) in cases {
        let (status, problem) = send(&service, &[("content-type", STRUCTURED)], body.clone()).await;
        assert_eq!((status, &problem["pointer"], &problem["detail"]), (400, &json!(pointer), &json!(detail)), "{body}");
        if body.starts_with('{') && !detail.starts_with("not JSON") {
            let batch = format!("[{{{PLAIN}}}, {body}]");
            let (_, problem) = send(&service, &[("content-type", BATCH)], batch).await;
            let pointer = format!("/1{pointer}");
            assert_eq!(
                (&problem["pointer"], &problem["detail"]),
                (&json!(pointer), &json!(detail)),
                "the second of a batch"
            );
        }
    }
    assert_eq!(received(&service).await, Vec::<Value>::new());
}

#[tokio::test(start_paused = true)]
async fn in_headers_it_names_the_header() {
    let service = start();
    let plain = [("ce-specversion", "1.0"), ("ce-id", "1"), ("ce-source", "/"), ("ce-type", "t")];
    let with = |header| [&plain[..], &[header]].concat();
    let broken = "the payload is not JSON, and its media type says that it is";
    for (headers, pointer, detail) in [
        (plain[..3].to_vec(), "/type", "ce-type is missing"),
        (with(("ce-time", "soon")), "/time", "ce-time must be RFC 3339, as 2026-11-21T02:00:00Z"),
        (with(("ce-dataschema", "here")), "/dataschema", "ce-dataschema must be a URI with its scheme"),
        (with(("ce-subject", "%FF")), "/subject", "ce-subject must be UTF-8, its escapes undone"),
        (with(("ce-subject", "\"\"")), "/subject", "ce-subject is empty"),
        (
            with(("ce-partition-key", "1")),
            "/partition-key",
            "ce-partition-key is no attribute: names have 1 to 64 characters of a to z and 0 to 9",
        ),
        (with(("ce-data", "1")), "/data", "ce-data is no header: a payload is the body, of its Content-Type"),
        (with(("content-type", "application/json")), "", broken),
        (with(("content-type", "Application/Problem+JSON; a=b")), "", broken),
    ] {
        let (status, problem) = send(&service, &headers, "{\"half\":").await;
        assert_eq!((status, &problem["pointer"], &problem["detail"]), (400, &json!(pointer), &json!(detail)));
    }
    assert_eq!(received(&service).await, Vec::<Value>::new());
}

#[tokio::test(start_paused = true)]
async fn the_place_in_a_batch_is_told_with_every_refusal() {
    let service = start();
    let old = format!("{{{}}}", PLAIN.replace("1.0", "0.3"));
    let large = format!(r#"{{{PLAIN},"data":"{}"}}"#, "x".repeat(65_536));
    for (event, status, code) in [(old, 422, "specversion_not_supported"), (large, 413, "event_too_large")] {
        let (found, problem) = send(&service, &[("content-type", BATCH)], format!("[{{{PLAIN}}},{event}]")).await;
        assert_eq!((found, &problem["code"]), (status, &json!(code)));
        assert!(problem["detail"].as_str().unwrap().ends_with(": the one at /1"), "{problem}");
    }
    let (status, problem) = send(&service, &[("content-type", BATCH)], "[1]").await;
    assert_eq!((status, &problem["pointer"]), (400, &json!("/0")));
}

#[tokio::test(start_paused = true)]
async fn a_header_twice_or_a_body_that_is_encoded_is_refused() {
    let service = start();
    for twice in [("ce-id", "2"), ("ce-level", "3"), ("content-type", "text/plain")] {
        let (status, problem) = send(&service, &[&HEADERS[..], &[twice]].concat(), "1").await;
        assert_eq!((status, &problem["code"]), (400, &json!("invalid_header")));
        assert_eq!(problem["detail"], format!("header {} is given twice", twice.0));
    }
    for encoding in ["gzip", "identity, br", "zstd", ""] {
        let (status, problem) = send(&service, &[&HEADERS[..], &[("content-encoding", encoding)]].concat(), "1").await;
        assert_eq!((status, &problem["code"]), (415, &json!("content_encoding_not_supported")), "{encoding}");
    }
    assert_eq!(received(&service).await, Vec::<Value>::new());
    assert_eq!(send(&service, &[&HEADERS[..], &[("content-encoding", "Identity")]].concat(), "1").await.0, 204);
}
