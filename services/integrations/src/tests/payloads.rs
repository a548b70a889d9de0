//! What an event says and is called is kept as its sender wrote it, in every mode.

use base64::Engine;
use base64::prelude::BASE64_STANDARD;

use super::*;

/// A number for each way a reader can lose one, a member twice, and blanks.
const TEXT: &str = "{ \"cents\": 1234567890123456.78,\n \"thirty\": 123456789012345678901234567890, \"huge\": 1e400, \
                    \"one\": 1.0, \"ü\": \"\\u00fc\", \"one\": -0 }";

fn structured(id: &str, members: &str) -> String {
    format!(r#"{{"specversion":"1.0","id":"{id}","source":"/","type":"t"{members}}}"#)
}

fn binary<'a>(id: &'a str, kind: &'a str) -> Vec<(&'a str, &'a str)> {
    vec![("ce-specversion", "1.0"), ("ce-id", id), ("ce-source", "/"), ("ce-type", "t"), ("content-type", kind)]
}

async fn by_id(service: &Service) -> Vec<Value> {
    let mut found = received(service).await;
    found.sort_by_key(|event| event["eventId"].to_string());
    found
}

#[tokio::test(start_paused = true)]
async fn json_is_kept_to_its_last_digit_and_blank() {
    let service = start();
    let encoded = BASE64_STANDARD.encode(TEXT);
    let bodies = [
        (STRUCTURED, structured("1", &format!(r#","data":{TEXT}"#))),
        (STRUCTURED, structured("2", &format!(r#","datacontenttype":"Application/JSON","data": {TEXT} "#))),
        (STRUCTURED, structured("3", &format!(r#","datacontenttype":"application/json","data_base64":"{encoded}""#))),
        (BATCH, format!("[{}]", structured("4", &format!(r#","data":{TEXT}"#)))),
        ("Application/CloudEvents+JSON; charset=UTF-8", structured("5", &format!(r#","data":{TEXT}"#))),
    ];
    for (kind, body) in bodies {
        let (status, told) = send(&service, &[("content-type", kind)], body).await;
        assert_eq!(status, 204, "{kind}: {told}");
    }
    for (id, kind) in [("6", "application/json"), ("7", "Application/Vnd.Partner+JSON; v=1"), ("8", "text/plain")] {
        assert_eq!(send(&service, &binary(id, kind), TEXT).await.0, 204, "{kind}");
    }
    let found = by_id(&service).await;
    assert_eq!(found.len(), 8);
    for event in found {
        assert_eq!((event["data"].as_str(), event["dataBase64"].as_str()), (Some(TEXT), None), "{}", event["eventId"]);
    }
}

#[tokio::test(start_paused = true)]
async fn a_payload_is_measured_as_it_was_sent() {
    let service = start();
    // Written anew each of these would have twice its length and more.
    let floats = |count: usize| format!("[{}]", vec!["1e5"; count].join(","));
    let (fits, too_large) = (floats(16_250), floats(16_385));
    assert_eq!(fits.len(), 65_001);
    let padded = format!("{fits}{}", " ".repeat(65_537 - fits.len()));
    for (text, wanted) in [(&fits, 204), (&too_large, 413), (&padded, 413)] {
        if *text != padded {
            let event = structured(&format!("s{}", text.len()), &format!(r#","data":{text}"#));
            assert_eq!(send(&service, &[("content-type", STRUCTURED)], event).await.0, wanted, "{}", text.len());
        }
        let id = format!("b{}", text.len());
        assert_eq!(send(&service, &binary(&id, "application/json"), text.clone()).await.0, wanted, "{}", text.len());
    }
    assert!(received(&service).await.iter().all(|event| event["data"] == fits.as_str()));
}

#[tokio::test(start_paused = true)]
async fn attributes_are_kept_as_they_were_sent() {
    let service = start();
    let schema = "HTTPS://Partner.example:443/a/../b?x=%7e#C";
    let members =
        format!(r#","dataschema":"{schema}","big":2147483648,"yes":true,"whole":1e2,"none":null,"text":" a ""#);
    let (status, told) = send(&service, &[("content-type", STRUCTURED)], structured("1", &members)).await;
    assert_eq!(status, 204, "{told}");
    let found = received(&service).await;
    assert_eq!(found[0]["dataSchema"], schema);
    let extensions = [("big", "2147483648"), ("text", " a "), ("whole", "100"), ("yes", "true")];
    let extensions = extensions.map(|(name, value)| json!({ "name": name, "value": value }));
    assert_eq!(found[0]["extensions"], json!(extensions));
}

#[tokio::test(start_paused = true)]
async fn a_header_in_quotes_says_what_is_in_them() {
    let service = start();
    for id in ["7q", "\"7q\"", "\"7\\q\"", "%37q", "\"%37q\""] {
        assert_eq!(send(&service, &binary(id, "text/plain"), "x").await.0, 204, "{id}");
    }
    for (sent, id) in [("\"a\\\"b%20c\\\\\"", "a\"b c\\"), ("\"half", "\"half"), ("%22whole%22", "\"whole\"")] {
        assert_eq!(send(&service, &binary(sent, "text/plain"), "x").await.0, 204);
        assert!(received(&service).await.iter().any(|event| event["eventId"] == id), "{sent}");
    }
    assert_eq!(received(&service).await.len(), 4, "one of them five times");
}
