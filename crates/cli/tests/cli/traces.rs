//! One saga is one trace: what a collector gets of an order, from a receiver of our own. `--nocapture` shows the spans.

use std::collections::{BTreeMap, BTreeSet};
use std::sync::{Arc, Mutex};

use axum::Router;
use axum::body::Bytes;
use axum::extract::State;
use axum::routing::post;
use host::ports::local;
use opentelemetry_proto::tonic::collector::trace::v1::ExportTraceServiceRequest;
use opentelemetry_proto::tonic::common::v1::{KeyValue, any_value::Value};
use opentelemetry_proto::tonic::trace::v1::Span;
use prost::Message;
use wiring::services::SERVICES;

use crate::dev::dev_in;
use crate::shop::{Directory, Shop, id, millrace, order, ports};

#[derive(Clone, Default)]
struct Collector(Arc<Mutex<Vec<(String, Span)>>>);

impl Collector {
    async fn start() -> (Self, String) {
        let collector = Self::default();
        let listener = tokio::net::TcpListener::bind(local(0)).await.expect("a free port");
        let url = format!("http://{}", listener.local_addr().expect("an address"));
        let router = Router::new().route("/v1/traces", post(take)).with_state(collector.clone());
        tokio::spawn(async move { axum::serve(listener, router).await });
        (collector, url)
    }

    fn spans(&self) -> Vec<(String, Span)> {
        self.0.lock().expect("no test panics with the lock").clone()
    }
}

async fn take(State(collector): State<Collector>, body: Bytes) {
    let request = ExportTraceServiceRequest::decode(body).expect("OTLP");
    for of_resource in request.resource_spans {
        let resource = of_resource.resource.expect("a resource");
        let service = text(&resource.attributes, "service.name");
        let spans = of_resource.scope_spans.into_iter().flat_map(|scope| scope.spans);
        let mut all = collector.0.lock().expect("no test panics with the lock");
        all.extend(spans.map(|span| (service.clone(), span)));
    }
}

fn text(attributes: &[KeyValue], key: &str) -> String {
    let found = attributes.iter().find(|attribute| attribute.key == key);
    match found.and_then(|found| found.value.as_ref()?.value.as_ref()) {
        Some(Value::StringValue(text)) => text.clone(),
        Some(Value::IntValue(number)) => number.to_string(),
        _ => String::new(),
    }
}

/// The spans of the one trace that an order's request began.
struct Trace {
    spans: BTreeMap<Vec<u8>, (String, Span)>,
    root: Vec<u8>,
}

impl Trace {
    fn of(all: &[(String, Span)]) -> Self {
        // `dev` finds out by refused orders whether prices have come.
        let is_accepted = |span: &Span| text(&span.attributes, "http.response.status_code") == "202";
        let is_order = |span: &Span| span.name == "POST /orders" && is_accepted(span);
        let mut roots = all.iter().filter(|(service, span)| service == "gateway" && is_order(span));
        let (_, root) = roots.next().expect("the gateway's span");
        assert!(roots.next().is_none() && root.parent_span_id.is_empty(), "{root:?}");
        let of_it = all.iter().filter(|(_, span)| span.trace_id == root.trace_id).cloned();
        Self { spans: of_it.map(|of| (of.1.span_id.clone(), of)).collect(), root: root.span_id.clone() }
    }

    /// As far as the parents can be followed, the span itself first.
    fn path(&self, span: &Span) -> Vec<&(String, Span)> {
        let first = self.spans.get(&span.span_id);
        std::iter::successors(first, |(_, span)| self.spans.get(&span.parent_span_id)).collect()
    }

    fn print(&self, span: &[u8], depth: usize) {
        let (service, Span { name, attributes, start_time_unix_nano, end_time_unix_nano, links, .. }) =
            &self.spans[span];
        let took = (end_time_unix_nano - start_time_unix_nano) as f64 / 1e6;
        let (event, outcome) = (text(attributes, "cloudevents.event_type"), text(attributes, "millrace.outcome"));
        let consumer = text(attributes, "messaging.consumer.group.name");
        let linked = if links.is_empty() { "" } else { "linked" };
        println!(
            "{:indent$}{service}: {name} {took:.1} ms {event} {consumer} {outcome} {linked}",
            "",
            indent = 2 * depth
        );
        let mut children: Vec<_> = self.spans.values().filter(|(_, child)| child.parent_span_id == span).collect();
        children.sort_by_key(|(_, child)| child.start_time_unix_nano);
        children.iter().for_each(|(_, child)| self.print(&child.span_id, depth + 1));
    }
}

/// One order until nothing is left of it, and every span that the shop had sent when it had ended.
async fn spans_of_an_order(collector: &Collector, shop: &mut Shop, admins: &[u16]) -> (Vec<(String, Span)>, String) {
    let answer = shop.place("k-1", &order("tok_ok")).await;
    let correlation = answer.headers["x-correlation-id"].to_str().expect("ASCII").to_owned();
    shop.follow(&id(&answer));
    // What one is done with may be work for another.
    for admin in admins.iter().chain(admins) {
        shop.nothing_is_left_at(*admin).await;
    }
    assert!(shop.terminate().success());
    (collector.spans(), correlation)
}

fn is_one_trace(all: &[(String, Span)], correlation: &str) {
    let trace = Trace::of(all);
    trace.print(&trace.root, 0);
    for (service, span) in trace.spans.values() {
        let path = trace.path(span);
        let (_, first) = path.last().expect("itself");
        assert_eq!(first.span_id, trace.root, "{service}: the parent of {} is not in the trace", span.name);
    }
    let services: BTreeSet<_> = trace.spans.values().map(|(service, _)| service.as_str()).collect();
    let wanted = ["catalog", "gateway", "notifications", "orders", "payment", "shipping", "warehouse"];
    assert_eq!(services, BTreeSet::from(wanted));

    let mails: Vec<_> = trace.spans.values().filter(|(_, span)| span.name == "perform send_mail").collect();
    assert!(!mails.is_empty());
    for (_, mail) in mails {
        let path: Vec<_> =
            trace.path(mail).iter().rev().map(|(service, span)| format!("{service}: {}", span.name)).collect();
        let begins = ["gateway: POST /orders", "orders: POST /orders", "orders: commit"];
        assert_eq!(path[..3], begins, "{path:?}");
        let ends = ["notifications: process orders.order", "notifications: commit", "notifications: perform send_mail"];
        assert_eq!(path[path.len() - 3..], ends, "{path:?}");
    }

    let names = |prefix: &str| trace.spans.values().filter(|(_, span)| span.name.starts_with(prefix)).count();
    assert!(names("send ") > 0 && names("receive sandpay") + names("receive carrier") > 0);
    // Of what else there is of this saga, each span is the first of a trace of its own and links to this one.
    let elsewhere = all.iter().filter(|(_, span)| {
        text(&span.attributes, "messaging.message.conversation_id") == correlation
            && !trace.spans.contains_key(&span.span_id)
    });
    for (_, span) in elsewhere {
        let linked: Vec<_> = span.links.iter().map(|link| trace.spans.contains_key(&link.span_id)).collect();
        assert!(span.parent_span_id.is_empty() && linked == [true], "{span:?}");
        assert_eq!(text(&span.attributes, "millrace.outcome"), "duplicate");
        assert!(
            !all.iter().any(|(_, child)| child.parent_span_id == span.span_id),
            "it has caused something: {span:?}"
        );
    }
}

// The receiver answers while the test waits for the shop's end.
#[tokio::test(flavor = "multi_thread")]
async fn an_order_is_one_trace_from_the_request_to_the_mail() {
    let (collector, url) = Collector::start().await;
    let ports = ports();
    let mut up = millrace(ports, &["up", "--ephemeral"]);
    up.env("OTEL_EXPORTER_OTLP_ENDPOINT", url);
    let mut shop = Shop::spawn(ports, up);
    let (all, correlation) = spans_of_an_order(&collector, &mut shop, &[ports.admin()]).await;
    is_one_trace(&all, &correlation);
}

#[tokio::test(flavor = "multi_thread")]
async fn what_comes_again_links_to_the_trace_and_is_not_in_it() {
    let (collector, url) = Collector::start().await;
    let ports = ports();
    let mut up = millrace(ports, &["up", "--ephemeral", "--faults", "double"]);
    up.env("OTEL_EXPORTER_OTLP_ENDPOINT", url);
    let mut shop = Shop::spawn(ports, up);
    let (all, correlation) = spans_of_an_order(&collector, &mut shop, &[ports.admin()]).await;
    is_one_trace(&all, &correlation);
    let again = all.iter().filter(|(_, span)| span.name.starts_with("process") && !span.links.is_empty());
    assert!(again.count() > 10);
}

#[tokio::test(flavor = "multi_thread")]
async fn daprds_keep_the_trace_together() {
    let (collector, url) = Collector::start().await;
    let data = Directory::new();
    let mut shop = dev_in(&data, &[], &[("OTEL_EXPORTER_OTLP_ENDPOINT", &url)]);
    let admins: Vec<_> = (0..SERVICES.len()).map(|place| shop.ports.service(place).admin).collect();
    let (all, correlation) = spans_of_an_order(&collector, &mut shop, &admins).await;
    is_one_trace(&all, &correlation);
}
