//! The tap only looks: what passes it goes on as it came.

use std::sync::{Arc, Mutex};

use futures::{FutureExt, StreamExt};

use super::*;

/// The sizes of the calls it got.
#[derive(Clone, Default)]
struct Calls(Arc<Mutex<Vec<usize>>>);

impl Sidecar for Calls {
    fn publish(&self, topic: &str, event: Bytes) -> BoxFuture<'_, Result<(), SidecarError>> {
        let topic = topic.to_owned();
        async move { self.publish_all(&topic, vec![event]).await.remove(0) }.boxed()
    }

    fn publish_all<'a>(&'a self, _: &'a str, events: Vec<Bytes>) -> BoxFuture<'a, Vec<Result<(), SidecarError>>> {
        self.0.lock().unwrap().push(events.len());
        async move { vec![Ok(()); events.len()] }.boxed()
    }

    fn invoke(&self, _: &str, _: Request<Bytes>) -> BoxFuture<'_, Result<Response<Bytes>, SidecarError>> {
        unreachable!("nobody is invoked")
    }
}

#[tokio::test]
async fn what_is_published_in_one_call_is_told_of_and_goes_on_in_one() {
    let (calls, shipped) = (Calls::default(), Shipped::default());
    let tap = Tap { sidecar: calls.clone(), shipped: shipped.clone() };
    let mut lines = Box::pin(shipped.lines());
    let event = |id: &str| Bytes::from(format!(r#"{{"subject":"{id}"}}"#));
    let answers = tap.publish_all(OrderShipped::TOPIC, vec![event("a"), event("b")]).await;
    assert!(answers.len() == 2 && answers.iter().all(Result::is_ok), "{answers:?}");
    assert_eq!(lines.next().await.unwrap().unwrap(), "a\nb\n");
    assert_eq!(*calls.0.lock().unwrap(), [2]);
}
