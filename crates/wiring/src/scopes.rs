//! Who may publish and hear what, and whose keys are whose, read from the wiring: the scopes in Dapr's components and the
//! users of Redis. A service that is added has both by existing.

use std::collections::BTreeSet;
use std::fmt::Write as _;

use ::access::hash;
use events::topics::{TOPICS, Topic};
use millrace::pii::Secret;
use millrace::sidecar::dead_letters;

use crate::services::all;
use host::config::Config;

/// In a component all after this line is written from here.
const GENERATED: &str = "    # Who may what, from the wiring: UPDATE=1 cargo test -p cli golden\n";

/// Topics of one service.
struct Own {
    service: &'static str,
    publishes: BTreeSet<String>,
    hears: BTreeSet<String>,
    /// What its sidecar gave up on.
    dead: BTreeSet<String>,
}

fn services(config: &Config, is_meant: impl Fn(&Topic) -> bool) -> Vec<Own> {
    let own = |topology: millrace::app::Topology| {
        let service = topology.service;
        let meant = |is: &dyn Fn(&Topic) -> bool| -> BTreeSet<String> {
            TOPICS.iter().filter(|topic| is_meant(topic) && is(topic)).map(|topic| topic.name.to_owned()).collect()
        };
        let hears = meant(&|topic| topology.hears.iter().any(|heard| heard.topic == topic.name));
        Own {
            service,
            publishes: meant(&|topic| topic.owner == service),
            dead: hears.iter().map(|topic| dead_letters(topic, service)).collect(),
            hears,
        }
    };
    all(config).iter().map(|app| own(app.topology())).collect()
}

/// The pub/sub components that topics name.
pub fn components() -> BTreeSet<&'static str> {
    TOPICS.iter().map(|topic| topic.pubsub).collect()
}

/// The text of the component of live topics that is called `name`. Each sidecar writes its own dead letters there, too.
pub fn live(component: &str, name: &str, config: &Config) -> String {
    let services = services(config, |topic| topic.pubsub == name);
    let publishes = |own: &Own| own.publishes.union(&own.dead).cloned().collect();
    let hears = |own: &Own| own.hears.clone();
    scoped(component, &services, &[("publishingScopes", &publishes), ("subscriptionScopes", &hears)])
}

/// That of the component that reads the dead letters of its topics.
pub fn dead(component: &str, name: &str, config: &Config) -> String {
    let dead = |own: &Own| own.dead.clone();
    let none = |_: &Own| BTreeSet::new();
    scoped(
        component,
        &services(config, |topic| topic.pubsub == name),
        &[("publishingScopes", &none), ("subscriptionScopes", &dead)],
    )
}

type Topics<'a> = &'a dyn Fn(&Own) -> BTreeSet<String>;

/// Every topic is protected: who is not named has none, and who has none does not load the component.
fn scoped(component: &str, services: &[Own], scopes: &[(&str, Topics<'_>)]) -> String {
    let mut text = unscoped(component).to_owned() + GENERATED;
    let all: BTreeSet<String> = scopes.iter().flat_map(|(_, topics)| services.iter().flat_map(topics)).collect();
    let all = Vec::from_iter(all);
    // Writing to a String can't fail.
    let mut setting = |name: &str, lines: Vec<String>, end: &str| {
        let _ = write!(text, "    - name: {name}\n      value: \"{}\"\n", lines.join(&format!("{end}\\\n        ")));
    };
    setting("allowedTopics", all.clone(), ",");
    setting("protectedTopics", all, ",");
    let users = services.iter().filter(|own| scopes.iter().any(|(_, topics)| !topics(own).is_empty()));
    for (name, topics) in scopes {
        let lines = users.clone().map(|own| format!("{}={}", own.service, Vec::from_iter(topics(own)).join(",")));
        setting(name, lines.collect(), ";");
    }
    text + "scopes:\n" + &users.map(|own| format!("  - {}\n", own.service)).collect::<String>()
}

/// The component as other apps may use it.
pub fn unscoped(component: &str) -> &str {
    component.split_once(GENERATED).map_or(component, |(written, _)| written)
}

/// For a broker that is told of its topics: name, partitions, milliseconds of retention. Of dead letters there are few.
pub fn topics(config: &Config) -> String {
    let services = services(config, |_| true);
    let of = |topic: &Topic| {
        let kept = u64::from(topic.hot_hours) * 3_600_000;
        let hear = services.iter().filter(|own| own.hears.contains(topic.name));
        let dead = hear.map(|own| format!("{} 1 {kept}\n", dead_letters(topic.name, own.service)));
        format!("{} {} {kept}\n", topic.name, topic.partitions) + &dead.collect::<String>()
    };
    TOPICS.iter().map(of).collect()
}

/// Of a service's process, all on keys of its own partitions.
const STORE: &str = "+ping +client|setname +info +time +wait +config|get +cluster|info +cluster|slots \
    +script|load +evalsha +get +set +strlen +exists +llen +lrange +lindex +rpush +hget +hmget +hgetall +hset +hsetnx +hdel +hexists +hlen \
    +hincrby +zadd +zrem +zremrangebyscore +zrange +zrangebylex +zscore +zmscore +zcard +sadd +smembers +scard +xadd +xrange +xlen";
/// Of a service's process, on what it hears, to tell how far it is behind.
const LOOK: &str = "+xinfo|stream +xinfo|groups +xpending +xlen";
/// Of its sidecar, on any key and on none.
const SIDECAR: &str = "+ping +client|setname";
/// Of its sidecar, on what it hears.
const HEAR: &str = "+xgroup|create +xreadgroup +xack +xpending +xclaim";

/// Who names no user is nobody, and can do nothing. Its rights are those by which Redis replays its append-only file: without
/// them it comes back without anything that a script has written.
pub const NOBODY: &str = "user default off resetpass ~* &* +@all";

/// Redis' users, as its `aclfile`: for each service one for its process and one for its sidecar. `password` tells the SHA-256
/// of a user's password in hex; a user without one is off.
pub fn users(config: &Config, password: impl Fn(&str) -> Option<String>) -> String {
    let mut text = format!("{NOBODY}\n");
    for own in services(config, |_| true) {
        let on = |user: &str| password(user).map_or_else(|| "off resetpass".to_owned(), |hash| format!("on #{hash}"));
        // Writing to a String can't fail.
        let mut user = |name: &str, rights: &str, topics: &[(&str, &BTreeSet<String>, &str)]| {
            let _ = write!(text, "user {name} {} resetkeys resetchannels -@all {rights}", on(name));
            for (access, topics, commands) in topics.iter().filter(|(_, topics, _)| !topics.is_empty()) {
                let keys = topics.iter().map(|topic| format!("{access}~{topic} ")).collect::<String>();
                let _ = write!(text, " ({keys}{commands})");
            }
            text.push('\n');
        };
        let keys = format!("~{{{}:{}:[0-9][0-9]}}*", config.namespace, own.service);
        user(own.service, &format!("{keys} {STORE}"), &[("%R", &own.hears, LOOK)]);
        let writes = own.publishes.union(&own.dead).cloned().collect();
        let reads = own.hears.union(&own.dead).cloned().collect();
        user(&sidecar_user(own.service), SIDECAR, &[("", &writes, "+xadd"), ("", &reads, HEAR)]);
    }
    text
}

/// Whoever may act on a deployment of `dev`, by its admin token.
pub fn operator(token: &Secret) -> String {
    format!("user operator on #{} ~* &* +@all\n", hash(token.expose()))
}

/// Its sidecar's user of Redis.
pub fn sidecar_user(service: &str) -> String {
    format!("{service}-daprd")
}

#[cfg(test)]
mod tests {
    use std::fs;
    use std::path::Path;

    use super::*;

    #[test]
    fn every_command_of_the_store_is_allowed_to_a_services_user() {
        let folder = Path::new(env!("CARGO_MANIFEST_DIR")).join("../millrace/src/store/redis");
        let mut commands = BTreeSet::new();
        for entry in fs::read_dir(folder).unwrap() {
            let text = fs::read_to_string(entry.unwrap().path()).unwrap();
            // In Lua `call('GET'`, in Rust `cmd("GET"`.
            for word in text.split(['\'', '"']).filter(|word| word.len() > 2 && text.contains(&format!("('{word}'"))) {
                commands.insert(word.to_owned());
            }
            let calls = ["cmd(\"", "ask(\"", "each(\""].map(|call| text.split(call).skip(1));
            commands.extend(calls.into_iter().flatten().map(|rest| rest.split('"').next().unwrap().to_owned()));
        }
        commands.retain(|word| word.bytes().all(|byte| byte.is_ascii_uppercase()));
        assert!(commands.len() > 30, "{commands:?}");
        let is_allowed = |command: &String| {
            let name = format!("+{}", command.to_lowercase());
            STORE.split(' ').any(|allowed| allowed == name || allowed.starts_with(&format!("{name}|")))
        };
        let missing: Vec<_> = commands.iter().filter(|command| !is_allowed(command)).collect();
        assert!(missing.is_empty(), "{missing:?}");
    }
}
