//! A fault's time, and who may ask for one.

use axum::body::Body;
use axum::http::{Method, Request, StatusCode};
use tower::ServiceExt;

use super::*;

#[derive(Clone, Default)]
struct Told(Arc<Mutex<Vec<Option<Fault>>>>);

const SERVICES: [&str; 7] = ["orders", "warehouse", "payment", "shipping", "notifications", "pricing", "integrations"];
/// The only service that is.
const UP: &str = "orders";

impl Breakable for Told {
    fn can(&self, fault: Fault) -> bool {
        fault != Fault::Reorder
    }

    fn set(&self, fault: Option<Fault>) {
        self.0.lock().unwrap().push(fault);
    }

    fn done(&self) -> Done {
        Done::default()
    }

    fn kill(&self, service: &'static str, _: u64) -> BoxFuture<'_, bool> {
        Box::pin(async move {
            if service == UP {
                sleep(Duration::from_millis(500)).await;
            }
            service == UP
        })
    }
}

async fn call(faults: &Faults, method: Method, token: &str, body: &str) -> (StatusCode, serde_json::Value) {
    let request = Request::builder().method(method).uri(PATH).header("authorization", format!("Bearer {token}"));
    let request = request.header("content-type", "application/json").body(Body::from(body.to_owned())).unwrap();
    let answer = faults.router(Some(Secret::new("t"))).oneshot(request).await.unwrap();
    let status = answer.status();
    let body = axum::body::to_bytes(answer.into_body(), 1000).await.unwrap();
    (status, serde_json::from_slice(&body).unwrap_or_default())
}

#[tokio::test(start_paused = true)]
async fn a_fault_nobody_asks_for_again_ends_by_itself() {
    let told = Told::default();
    let faults = Faults::of(told.clone(), &SERVICES);
    let wanted = r#"{"fault":"duplicate","forMs":3000,"seed":1}"#;
    for _ in 0..4 {
        assert_eq!(call(&faults, Method::PUT, "t", wanted).await.0, StatusCode::OK);
        tokio::time::advance(Duration::from_secs(2)).await;
    }
    assert_eq!(*told.0.lock().unwrap(), [Some(Fault::Duplicate)]);
    tokio::time::sleep(Duration::from_secs(2)).await;
    assert_eq!(*told.0.lock().unwrap(), [Some(Fault::Duplicate), None]);
    assert_eq!(call(&faults, Method::GET, "t", "").await.1["active"], serde_json::Value::Null);
}

#[tokio::test(start_paused = true)]
async fn no_fault_is_asked_for_longer_than_the_limit_and_only_who_was_up_counts_as_killed() {
    let told = Told::default();
    let faults = Faults::of(told.clone(), &SERVICES);
    call(&faults, Method::PUT, "t", r#"{"fault":"kill","forMs":3600000,"seed":1}"#).await;
    tokio::time::sleep(LIMIT + Duration::from_secs(1)).await;
    assert_eq!(*told.0.lock().unwrap(), [Some(Fault::Kill), None]);
    let kills = call(&faults, Method::GET, "t", "").await.1["done"]["kills"].as_u64().unwrap();
    assert!((9..=16).contains(&kills), "{kills} kills");
}

#[tokio::test]
async fn without_the_token_nothing_is_broken() {
    let told = Told::default();
    let faults = Faults::of(told.clone(), &SERVICES);
    let wanted = r#"{"fault":"drop","forMs":1000,"seed":1}"#;
    assert_eq!(call(&faults, Method::PUT, "wrong", wanted).await.0, StatusCode::UNAUTHORIZED);
    assert_eq!(call(&faults, Method::DELETE, "", "").await.0, StatusCode::UNAUTHORIZED);
    assert!(told.0.lock().unwrap().is_empty());
}

#[tokio::test]
async fn a_fault_that_the_shop_was_not_started_for_is_refused_with_what_to_do() {
    let told = Told::default();
    let faults = Faults::of(told.clone(), &SERVICES);
    let (status, problem) = call(&faults, Method::PUT, "t", r#"{"fault":"reorder","forMs":1000,"seed":1}"#).await;
    assert_eq!((status, &problem["code"]), (StatusCode::CONFLICT, &"not_breakable".into()), "{problem}");
    assert!(problem["detail"].as_str().unwrap().contains("--breakable"), "{problem}");
    assert!(told.0.lock().unwrap().is_empty());
}
