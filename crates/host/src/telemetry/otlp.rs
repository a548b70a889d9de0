//! Spans of the framework as OTLP over HTTP, by OpenTelemetry's own SDK, which reads its own variables. Ids are not made
//! here: they are in the envelopes already. Each service is a resource of its own, in one process with others, too.

use std::collections::BTreeMap;
use std::fmt;
use std::future::Future;
use std::pin::Pin;
use std::sync::atomic::{AtomicBool, Ordering};
use std::sync::{Arc, Mutex, PoisonError};
use std::time::{Duration, SystemTime};

use anyhow::Context as _;
use axum::http::{Request, Response};
use bytes::Bytes;
use millrace::clock::Clock;
use millrace::outside::{exchange, http_client};
use opentelemetry::trace::{Link, SpanContext, SpanId, SpanKind, Status, TraceFlags, TraceId, TraceState};
use opentelemetry::{InstrumentationScope, KeyValue, Value};
use opentelemetry_http::{HttpClient, HttpError};
use opentelemetry_otlp::{ExporterBuildError, SpanExporter, WithHttpConfig};
use opentelemetry_sdk::Resource;
use opentelemetry_sdk::trace::{
    BatchSpanProcessor, IdGenerator, RandomIdGenerator, SpanData, SpanEvents, SpanLinks, SpanProcessor,
};
use tokio::runtime::Handle;
use tracing::field::{Field, Visit};
use tracing::span::{Attributes, Id, Record};
use tracing_subscriber::layer::{Context, Layer};
use tracing_subscriber::registry::LookupSpan;

const TIMEOUT: Duration = Duration::from_secs(10);

/// Where spans leave the process; a queue and a thread for each service.
#[derive(Clone)]
pub struct Exporter(Arc<Inner>);

struct Inner {
    client: Client,
    queues: Mutex<BTreeMap<String, BatchSpanProcessor>>,
}

impl Exporter {
    /// `None` unless a collector is named.
    pub fn from_environment() -> anyhow::Result<Option<Self>> {
        let variable = |name| std::env::var(name).unwrap_or_default();
        let named = ["OTEL_EXPORTER_OTLP_ENDPOINT", "OTEL_EXPORTER_OTLP_TRACES_ENDPOINT"].map(variable);
        if named.iter().all(String::is_empty) || variable("OTEL_SDK_DISABLED").eq_ignore_ascii_case("true") {
            return Ok(None);
        }
        let client = Client { runtime: Handle::current(), fails: Arc::default() };
        client.exporter().context("cannot send spans as the variables OTEL_EXPORTER_OTLP_… say")?;
        Ok(Some(Self(Arc::new(Inner { client, queues: Mutex::default() }))))
    }

    pub fn flush(&self) {
        for queue in self.0.queues.lock().unwrap_or_else(PoisonError::into_inner).values() {
            // Said already, and nobody is left to do anything about it.
            let _ = queue.force_flush();
        }
    }

    fn send(&self, service: &str, span: SpanData) {
        let mut queues = self.0.queues.lock().unwrap_or_else(PoisonError::into_inner);
        if let Some(queue) = queues.get(service) {
            return queue.on_end(span);
        }
        // As it went for the first one.
        let Ok(queue) = self.0.client.queue(service) else { return };
        queues.entry(service.to_owned()).or_insert(queue).on_end(span);
    }
}

/// The one of the framework: the SDK's threads have no runtime, so it lends them ours.
#[derive(Clone)]
struct Client {
    runtime: Handle,
    fails: Arc<AtomicBool>,
}

impl fmt::Debug for Client {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.debug_struct("Client").finish_non_exhaustive()
    }
}

impl Client {
    fn exporter(&self) -> Result<SpanExporter, ExporterBuildError> {
        SpanExporter::builder().with_http().with_http_client(self.clone()).build()
    }

    fn queue(&self, service: &str) -> Result<BatchSpanProcessor, ExporterBuildError> {
        let mut queue = BatchSpanProcessor::builder(self.exporter()?).build();
        let version = KeyValue::new("service.version", env!("CARGO_PKG_VERSION"));
        let namespace = KeyValue::new("service.namespace", "millrace");
        let resource = Resource::builder().with_attributes([namespace, version]).with_service_name(service.to_owned());
        queue.set_resource(&resource.build());
        Ok(queue)
    }

    /// Told when it begins and when it is over.
    fn note(&self, failure: Option<&dyn fmt::Display>) {
        if self.fails.swap(failure.is_some(), Ordering::Relaxed) == failure.is_some() {
            return;
        }
        match failure {
            Some(error) => tracing::warn!(%error, "spans are lost: the collector does not take them"),
            None => tracing::info!("the collector takes spans again"),
        }
    }
}

type Answer<'a> = Pin<Box<dyn Future<Output = Result<Response<Bytes>, HttpError>> + Send + 'a>>;

impl HttpClient for Client {
    fn send_bytes<'a, 'b>(&'a self, request: Request<Bytes>) -> Answer<'b>
    where
        'a: 'b,
        Self: 'b,
    {
        Box::pin(async move {
            let sent = self.runtime.spawn(async move { exchange(&http_client(), request, TIMEOUT).await });
            let answer = sent.await?.inspect_err(|error| self.note(Some(error)))?;
            let refused = (!answer.status().is_success()).then(|| answer.status());
            self.note(refused.as_ref().map(|status| status as &dyn fmt::Display));
            Ok(answer)
        })
    }
}

/// Collects spans of the target [`millrace::trace::TARGET`].
pub struct Spans {
    exporter: Exporter,
    clock: Clock,
    scope: InstrumentationScope,
}

impl Spans {
    pub fn new(exporter: Exporter) -> Self {
        let scope = InstrumentationScope::builder("millrace").with_version(env!("CARGO_PKG_VERSION"));
        Self { exporter, clock: Clock::system(), scope: scope.build() }
    }

    fn now(&self) -> SystemTime {
        SystemTime::UNIX_EPOCH + Duration::from_micros(self.clock.now_us().unsigned_abs())
    }
}

impl<S: tracing::Subscriber + for<'a> LookupSpan<'a>> Layer<S> for Spans {
    fn on_new_span(&self, attributes: &Attributes<'_>, id: &Id, context: Context<'_, S>) {
        let mut fields = Fields::from(self.now());
        attributes.record(&mut fields);
        context.span(id).into_iter().for_each(|span| span.extensions_mut().insert(fields.clone()));
    }

    fn on_record(&self, id: &Id, values: &Record<'_>, context: Context<'_, S>) {
        let Some(span) = context.span(id) else { return };
        span.extensions_mut().get_mut::<Fields>().into_iter().for_each(|fields| values.record(fields));
    }

    fn on_close(&self, id: Id, context: Context<'_, S>) {
        let fields = context.span(&id).and_then(|span| span.extensions_mut().remove::<Fields>());
        let Some(mut fields) = fields else { return };
        let service = std::mem::take(&mut fields.service);
        if let Some(span) = fields.into_span(self.now(), self.scope.clone()) {
            self.exporter.send(&service, span);
        }
    }
}

/// A span so far.
#[derive(Clone)]
struct Fields {
    began: SystemTime,
    service: String,
    name: String,
    kind: SpanKind,
    own: Option<SpanContext>,
    parent: Option<SpanContext>,
    link: Option<SpanContext>,
    detached: bool,
    status: Status,
    attributes: Vec<KeyValue>,
}

impl From<SystemTime> for Fields {
    fn from(began: SystemTime) -> Self {
        let (service, name, kind) = (String::new(), String::new(), SpanKind::Internal);
        let (own, parent, link, detached, status, attributes) =
            (None, None, None, false, Status::Unset, Vec::with_capacity(16));
        Self { began, service, name, kind, own, parent, link, detached, status, attributes }
    }
}

impl Fields {
    fn into_span(self, end_time: SystemTime, instrumentation_scope: InstrumentationScope) -> Option<SpanData> {
        let (mut own, mut parent, mut link) = (self.own?, self.parent, self.link);
        if self.detached {
            link = parent.take();
            let trace = RandomIdGenerator::default().new_trace_id();
            own = SpanContext::new(trace, own.span_id(), TraceFlags::SAMPLED, false, TraceState::NONE);
        }
        let mut links = SpanLinks::default();
        links.links.extend(link.map(Link::with_context));
        Some(SpanData {
            span_context: own,
            parent_span_id: parent.map_or(SpanId::INVALID, |parent| parent.span_id()),
            parent_span_is_remote: self.kind != SpanKind::Internal,
            span_kind: self.kind,
            name: self.name.into(),
            start_time: self.began,
            end_time,
            attributes: self.attributes,
            dropped_attributes_count: 0,
            events: SpanEvents::default(),
            links,
            status: self.status,
            instrumentation_scope,
        })
    }

    fn set(&mut self, field: &Field, value: Value) {
        match field.name() {
            "service" => self.service = value.as_str().into_owned(),
            "name" => self.name = value.as_str().into_owned(),
            "kind" => self.kind = kind(&value.as_str()),
            "traceparent" => self.own = context(&value.as_str()),
            "parent" => self.parent = context(&value.as_str()),
            "link" => self.link = context(&value.as_str()),
            "detached" => self.detached = true,
            name => {
                if name == "error.type" {
                    self.status = Status::error(value.as_str().into_owned());
                }
                self.attributes.retain(|attribute| attribute.key.as_str() != name);
                self.attributes.push(KeyValue::new(name, value));
            }
        }
    }
}

impl Visit for Fields {
    fn record_str(&mut self, field: &Field, value: &str) {
        self.set(field, value.to_owned().into());
    }

    fn record_u64(&mut self, field: &Field, value: u64) {
        self.set(field, i64::try_from(value).unwrap_or(i64::MAX).into());
    }

    fn record_debug(&mut self, field: &Field, value: &dyn fmt::Debug) {
        self.set(field, format!("{value:?}").into());
    }
}

fn kind(text: &str) -> SpanKind {
    match text {
        "server" => SpanKind::Server,
        "client" => SpanKind::Client,
        "producer" => SpanKind::Producer,
        "consumer" => SpanKind::Consumer,
        _ => SpanKind::Internal,
    }
}

/// W3C's `00-<trace>-<span>-<flags>`, as the framework has checked it.
fn context(traceparent: &str) -> Option<SpanContext> {
    let mut parts = traceparent.split('-').skip(1);
    let (trace, span) = (TraceId::from_hex(parts.next()?).ok()?, SpanId::from_hex(parts.next()?).ok()?);
    Some(SpanContext::new(trace, span, TraceFlags::SAMPLED, true, TraceState::NONE))
}
