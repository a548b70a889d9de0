//! The admin listeners of a shop, asked together: one of `up`, or one a service.

use std::collections::BTreeMap;

use axum::http::{Method, Request, StatusCode, header};
use bytes::Bytes;
use millrace::deadletters::{By, DeadLetter, LogEntry, Redriven};
use millrace::pii::Secret;
use serde::Serialize;
use serde::de::DeserializeOwned;

use host::WrongUse;
use host::admin::deadletters::{Edit, Outcome, Page};
use host::admin::story::Story;
use host::admin_token;
use host::client::{Answer, Client};
use host::config::Config;
use host::ports::{local, local_url};
use wiring::services::SERVICES;

pub struct Remote {
    listeners: Listeners,
    token: Secret,
}

/// By service; the empty name stands for all.
type Listeners = BTreeMap<&'static str, Client>;

/// Those that answer of the shop that `config` names.
pub async fn listeners(config: &Config) -> anyhow::Result<Listeners> {
    let ports = config.ports();
    let one = Client::new(&format!("http://{}", config.admin.unwrap_or_else(|| local(ports.admin()))));
    // `dev` has a listener there, too, which knows of faults alone.
    if config.admin.is_some() || one.get("/healthz").await.is_ok_and(|answer| answer.status.is_success()) {
        return Ok(BTreeMap::from([("", one)]));
    }
    let mut listeners = BTreeMap::new();
    let mut silent = Vec::new();
    for (place, service) in SERVICES.iter().enumerate() {
        let client = Client::new(&local_url(ports.service(place).admin));
        match client.get("/healthz").await {
            Ok(_) => drop(listeners.insert(*service, client)),
            Err(_) => silent.push(*service),
        }
    }
    if listeners.is_empty() {
        anyhow::bail!("no admin listener answers: start a shop by `millrace up`, or name one by MILLRACE_ADMIN");
    }
    if !silent.is_empty() {
        eprintln!("millrace: {} not asked: nobody answers there", silent.join(", "));
    }
    Ok(listeners)
}

impl Remote {
    pub async fn find(config: &Config) -> anyhow::Result<Self> {
        Ok(Self { token: admin_token::find(config)?, listeners: listeners(config).await? })
    }

    /// What the feeds have of a stream, or of all that has its correlation.
    pub async fn story(&self, stream: &str, correlation: &str) -> anyhow::Result<Story> {
        let path = format!("/story?stream={}&correlation={}", escaped(stream), escaped(correlation));
        let mut whole = Story::default();
        for client in self.listeners.values() {
            let Story { events, work } = self.ask(client, Method::GET, &path, &()).await?;
            whole.events.extend(events);
            whole.work.extend(work);
        }
        Ok(whole)
    }

    pub async fn list(&self, filter: &[(&str, String)]) -> anyhow::Result<Vec<DeadLetter>> {
        let mut all = Vec::new();
        for client in self.listeners.values() {
            let mut after = None;
            loop {
                let parameters = filter.iter().map(|(name, value)| (*name, value.clone()));
                let query: Vec<_> = parameters
                    .chain(after.map(|id| ("after", id)))
                    .map(|(name, value)| format!("{name}={}", escaped(&value)))
                    .collect();
                let path = format!("/deadletters?{}", query.join("&"));
                let page: Page<DeadLetter> = self.ask(client, Method::GET, &path, &()).await?;
                all.extend(page.items);
                after = page.next;
                if after.is_none() {
                    break;
                }
            }
        }
        Ok(all)
    }

    pub async fn show(&self, id: &str) -> anyhow::Result<DeadLetter> {
        self.ask(self.owner(id)?, Method::GET, &path(id, ""), &()).await
    }

    pub async fn redrive(&self, id: &str, by: &By) -> anyhow::Result<Redriven> {
        let outcome: Outcome = self.ask(self.owner(id)?, Method::POST, &path(id, "/redrive"), by).await?;
        Ok(outcome.outcome)
    }

    pub async fn discard(&self, id: &str, by: &By) -> anyhow::Result<()> {
        self.ask(self.owner(id)?, Method::POST, &path(id, "/discard"), by).await
    }

    pub async fn edit(&self, id: &str, edit: &Edit) -> anyhow::Result<()> {
        self.ask(self.owner(id)?, Method::POST, &path(id, "/edit"), edit).await
    }

    pub async fn log(&self) -> anyhow::Result<Vec<LogEntry>> {
        let mut all = Vec::new();
        for client in self.listeners.values() {
            all.extend(self.ask::<Page<LogEntry>>(client, Method::GET, "/deadletters/log", &()).await?.items);
        }
        all.sort_by(|a, b| a.at.cmp(&b.at));
        Ok(all)
    }

    fn owner(&self, id: &str) -> Result<&Client, WrongUse> {
        let service = id.rsplitn(3, '-').nth(2).unwrap_or_default();
        let owner = self.listeners.get("").or_else(|| self.listeners.get(service));
        owner.ok_or_else(|| WrongUse(format!("{id} is of no service that answers")))
    }

    async fn ask<T: DeserializeOwned>(
        &self,
        client: &Client,
        method: Method,
        path: &str,
        body: &impl Serialize,
    ) -> anyhow::Result<T> {
        let bytes = if method == Method::GET { Bytes::new() } else { serde_json::to_vec(body)?.into() };
        let request = Request::builder().method(method).uri(client.url(path));
        let request = request.header(header::AUTHORIZATION, format!("Bearer {}", self.token.expose()));
        let answer = client.send(request.body(bytes)?).await?;
        if answer.status.is_client_error() {
            return Err(WrongUse(refusal(&answer)).into());
        }
        Ok(serde_json::from_value(answer.success()?)?)
    }
}

/// What is refused names the place it is about.
fn refusal(answer: &Answer) -> String {
    let problem = answer.json();
    let text = |name: &str| problem[name].as_str().unwrap_or_default().to_owned();
    match (answer.status, text("pointer")) {
        (StatusCode::NOT_FOUND, _) => "there is no such dead letter (any more)".to_owned(),
        (_, pointer) if pointer.is_empty() => text("detail"),
        (_, pointer) => format!("{} at {pointer}", text("detail")),
    }
}

fn path(id: &str, action: &str) -> String {
    format!("/deadletters/{}{action}", escaped(id))
}

fn escaped(text: &str) -> String {
    let plain = |byte: u8| byte.is_ascii_alphanumeric() || b"-._~".contains(&byte);
    let escape = |byte: u8| if plain(byte) { char::from(byte).to_string() } else { format!("%{byte:02X}") };
    text.bytes().map(escape).collect()
}
