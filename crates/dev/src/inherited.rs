//! A configuration as the environment of a child, so that what was given as a flag reaches it too.

use std::ffi::OsString;
use std::path::PathBuf;
use std::time::Duration;

use clap::ValueEnum;

use host::config::Config;
use host::jwks::Source;

/// All that services and partners share; what differs among them (ports, tokens of sidecars) is the caller's to add.
pub fn environment(config: &Config) -> Vec<(&'static str, OsString)> {
    let text = |text: &str| Some(OsString::from(text));
    let url = |url: &Option<String>| url.as_deref().map(OsString::from);
    let list = |names: &[String]| Some(OsString::from(names.join(","))).filter(|names| !names.is_empty());
    // Children have a folder of their own.
    let file = |file: &Option<PathBuf>| Some(std::path::absolute(file.as_ref()?).ok()?.into_os_string());
    let jwks = |source: &Option<Source>| match source {
        Some(Source::File(path)) => file(&Some(path.clone())),
        Some(Source::Url(url)) => text(&url.to_string()),
        None => None,
    };
    let (access, tls) = (&config.access, &config.redis_tls);
    let settings = [
        ("MILLRACE_HTTP", text(&config.http().to_string())),
        ("MILLRACE_API_KEYS", file(&access.api_keys)),
        ("MILLRACE_JWKS", jwks(&access.jwks)),
        ("MILLRACE_JWT_ISSUER", url(&access.jwt_issuer)),
        ("MILLRACE_JWT_AUDIENCE", url(&access.jwt_audience)),
        ("MILLRACE_JWT_ALGORITHM", text(&access.jwt_algorithm)),
        ("MILLRACE_CORS_ORIGINS", list(&access.cors_origins)),
        ("MILLRACE_WEBHOOK_ORIGINS", list(&access.webhook_origins)),
        ("MILLRACE_ADMIN_TOKEN", config.admin_token.as_ref().and_then(|token| text(token.expose()))),
        ("MILLRACE_STORE", name(config.store)),
        ("MILLRACE_BUS", name(config.bus)),
        ("MILLRACE_REDIS_URL", url(&config.redis_url)),
        ("MILLRACE_BROKER_URL", url(&config.broker_url)),
        ("MILLRACE_REDIS_CA", file(&tls.redis_ca)),
        ("MILLRACE_REDIS_CERT", file(&tls.redis_cert)),
        ("MILLRACE_REDIS_KEY", file(&tls.redis_key)),
        ("MILLRACE_DURABILITY", name(config.durability)),
        ("MILLRACE_DATA", Some(config.data.clone().into_os_string())),
        ("MILLRACE_EPHEMERAL", text(&config.ephemeral.to_string())),
        ("MILLRACE_LOG", name(config.log)),
        ("MILLRACE_NAMESPACE", text(&config.namespace)),
        ("MILLRACE_PORT_BASE", text(&config.port_base.to_string())),
        ("MILLRACE_RESERVATION_TTL", time(config.reservation_ttl)),
        ("MILLRACE_PAYMENT_TIMEOUT", time(config.payment_timeout)),
        ("MILLRACE_SHIPPING_TIMEOUT", time(config.shipping_timeout)),
        ("MILLRACE_ASK_CARRIER_AFTER", time(config.ask_carrier_after)),
        ("MILLRACE_SANDPAY_URL", url(&config.sandpay_url)),
        ("MILLRACE_HARBORPAY_URL", url(&config.harborpay_url)),
        ("MILLRACE_CARRIER_URL", url(&config.carrier_url)),
        ("MILLRACE_SMTP", url(&config.smtp)),
        ("MILLRACE_WEBHOOK_SECRET", text(config.webhook_secret.expose())),
        ("MILLRACE_FAULTS", name(config.faults)),
    ];
    settings.into_iter().filter_map(|(name, value)| Some((name, value?))).collect()
}

fn name(value: impl ValueEnum) -> Option<OsString> {
    value.to_possible_value().map(|value| value.get_name().into())
}

fn time(time: Duration) -> Option<OsString> {
    Some(format!("{}ms", time.as_millis()).into())
}

#[cfg(test)]
mod tests {
    use std::collections::BTreeSet;

    use clap::{Args, Command, FromArgMatches};

    use super::*;

    fn parse(flags: &[&str]) -> Config {
        let command = Config::augment_args(Command::new("millrace"));
        Config::from_arg_matches(&command.get_matches_from([&["millrace"], flags].concat())).unwrap()
    }

    #[test]
    fn every_setting_is_handed_down() {
        let url = "http://127.0.0.1:1";
        // Secrets in files are read when they are named, and any text will do.
        let access = "--api-keys=Cargo.toml --jwks=Cargo.toml --jwt-issuer=i --jwt-audience=a --cors-origins=o \
                      --webhook-origins=w";
        let flags =
            ["--admin-token=t", "--redis-url=r", "--broker-url=b", "--sandpay-url", url, "--harborpay-url", url];
        let tls = "--redis-ca=c --redis-cert=d --redis-key=Cargo.toml";
        let files: Vec<&str> = access.split_whitespace().chain(tls.split(' ')).collect();
        let config = parse(&[&flags[..], &["--carrier-url", url, "--smtp=127.0.0.1:2"], &files].concat());
        let given: BTreeSet<_> = environment(&config).into_iter().map(|(name, _)| name.to_owned()).collect();
        let command = Config::augment_args(Command::new("millrace"));
        // One process's own: each child has its own address, and its sidecar's variables keep Dapr's names.
        // And services call no gateway.
        let own = |name: &String| {
            ["MILLRACE_ADMIN", "MILLRACE_API_KEY"].contains(&name.as_str()) || !name.starts_with("MILLRACE_")
        };
        let known = command.get_arguments().filter_map(|argument| Some(argument.get_env()?.to_str()?.to_owned()));
        assert_eq!(given, known.filter(|name| !own(name)).collect());
    }

    #[test]
    fn a_time_survives_the_way() {
        let config = parse(&["--payment-timeout", "1m 30s"]);
        let given = environment(&config).into_iter().find(|(name, _)| *name == "MILLRACE_PAYMENT_TIMEOUT").unwrap().1;
        assert_eq!(parse(&["--payment-timeout", given.to_str().unwrap()]).payment_timeout, Duration::from_secs(90));
    }
}
