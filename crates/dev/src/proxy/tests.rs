//! The proxy between two real sockets.

use std::future::IntoFuture;
use std::sync::Mutex;

use axum::routing::post;
use tokio::sync::watch;

use super::*;

type Seen = Arc<watch::Sender<Vec<String>>>;

/// Answers each request with how many came before it.
async fn backend(seen: Seen) -> SocketAddr {
    let heard = |State((seen, count)): State<(Seen, Arc<Mutex<u32>>)>, request: Request| async move {
        seen.send_modify(|all| all.push(format!("{} {}", request.method(), request.uri())));
        let mut count = count.lock().unwrap();
        *count += 1;
        (StatusCode::OK, [("x-count", count.to_string())], "body")
    };
    let router = Router::new().route("/events", post(heard)).fallback(heard).with_state((seen, Arc::default()));
    serve(router).await
}

async fn serve(router: Router) -> SocketAddr {
    let listener = listen(SocketAddr::from(([127, 0, 0, 1], 0))).await.unwrap();
    let address = listener.local_addr().unwrap();
    tokio::spawn(axum::serve(listener, router).into_future());
    address
}

async fn call(method: Method, url: String, body: &'static str) -> (StatusCode, String) {
    let request = axum::http::Request::builder().method(method).uri(url).body(Full::new(Bytes::from(body))).unwrap();
    let answer = http_client().request(request).await.unwrap();
    let status = answer.status();
    let body = axum::body::to_bytes(Body::new(answer.into_body()), 1000).await.unwrap();
    (status, String::from_utf8(body.to_vec()).unwrap())
}

#[tokio::test]
async fn deliveries_and_publishes_are_made_twice_and_counted_and_nothing_else_is() {
    let seen = Seen::default();
    let proxy = Proxy::new(backend(seen.clone()).await, Counts::of(Some(Fault::Duplicate)));
    let at = serve(proxy.router()).await;
    let batch = r#"{"topic":"t","entries":[{"entryId":"1"},{"entryId":"2"}]}"#;
    let publish = "/v1.0/publish/pubsub/orders.order?metadata.rawPayload=true";
    for (path, body) in [("/events", batch), (publish, "{}"), ("/orders", "{}")] {
        assert_eq!(call(Method::POST, format!("http://{at}{path}"), body).await, (StatusCode::OK, "body".to_owned()));
    }
    let mut heard = seen.subscribe();
    heard.wait_for(|all| all.len() == 5).await.unwrap();
    let count = |line: &str| seen.borrow().iter().filter(|seen| *seen == line).count();
    assert_eq!([count("POST /events"), count(&format!("POST {publish}")), count("POST /orders")], [2, 2, 1]);
    let (_, counts) = call(Method::GET, format!("http://{at}/count"), "").await;
    let expected = json!({ "published": 1, "publishedAgain": 1, "delivered": 2, "deliveredAgain": 2 });
    assert_eq!(serde_json::from_str::<Value>(&counts).unwrap(), expected);
}

#[tokio::test]
async fn a_service_that_is_down_is_a_bad_gateway_not_a_success() {
    let nobody = SocketAddr::from(([127, 0, 0, 1], 1));
    let at = serve(Proxy::new(nobody, Counts::of(Some(Fault::Duplicate))).router()).await;
    assert_eq!(call(Method::POST, format!("http://{at}/events"), "{}").await.0, StatusCode::BAD_GATEWAY);
}

#[tokio::test]
async fn publishes_are_lost_or_held_back_as_often_as_is_counted_and_all_are_answered_as_taken() {
    let (bulk, publishes) = (r#"[{"entryId":"0"},{"entryId":"1"}]"#, 200);
    for fault in [Fault::Drop, Fault::Reorder] {
        let (seen, counts) = (Seen::default(), Counts::of(Some(fault)));
        let at = serve(Proxy::new(backend(seen.clone()).await, counts.clone()).router()).await;
        for _ in 0..publishes {
            let (status, _) = call(Method::POST, format!("http://{at}/v1.0/publish/bulk/pubsub/t"), bulk).await;
            assert!(status.is_success());
            call(Method::POST, format!("http://{at}/events"), "{}").await;
        }
        let Done { dropped, delayed, .. } = counts.done();
        assert!((dropped > 0, delayed > 0) == (fault == Fault::Drop, fault == Fault::Reorder), "{dropped} {delayed}");
        let arrive = 2 * publishes - dropped as usize / 2;
        seen.subscribe().wait_for(|all| all.len() == arrive).await.unwrap();
    }
}
