//! Settings of who may call the gateway.

use std::path::{Path, PathBuf};

use ::access::{Callers, InvalidTokens, Keys, Rights, Tokens};
use anyhow::Context;
use millrace::pii::Secret;

use crate::jwks::{self, Source};
use crate::secrets;

#[derive(clap::Args, Debug, Clone, Default)]
pub struct Settings {
    /// List of API keys, as `millrace key` makes it; without one, and without tokens, anybody on this machine may call
    #[arg(long, env = "MILLRACE_API_KEYS", global = true, value_name = "FILE", hide_short_help = true)]
    #[arg(value_parser = secrets::file())]
    pub api_keys: Option<PathBuf>,
    /// Public keys of the issuer of tokens, a JSON Web Key Set: in a file, or where the issuer publishes it, by https
    #[arg(long, env = "MILLRACE_JWKS", global = true, value_name = "FILE|URL", hide_short_help = true)]
    #[arg(requires = "jwt_issuer", requires = "jwt_audience", value_parser = secrets::by(jwks::source))]
    pub jwks: Option<Source>,
    /// Who issues tokens: their `iss`
    #[arg(long, env = "MILLRACE_JWT_ISSUER", global = true, value_name = "URL", hide_short_help = true)]
    #[arg(value_parser = secrets::name())]
    pub jwt_issuer: Option<String>,
    /// Whom tokens must be meant for: their `aud`
    #[arg(long, env = "MILLRACE_JWT_AUDIENCE", global = true, value_name = "NAME", hide_short_help = true)]
    #[arg(value_parser = secrets::name())]
    pub jwt_audience: Option<String>,
    /// The one algorithm that tokens are signed by
    #[arg(long, env = "MILLRACE_JWT_ALGORITHM", global = true, value_name = "NAME", hide_short_help = true)]
    #[arg(default_value = "ES256")]
    pub jwt_algorithm: String,
    /// Origins whose scripts may call, by commas
    #[arg(long, env = "MILLRACE_CORS_ORIGINS", global = true, value_name = "ORIGINS", hide_short_help = true)]
    #[arg(value_delimiter = ',')]
    pub cors_origins: Vec<String>,
    /// Systems whose webhooks are expected, as they name themselves in CloudEvents' handshake, by commas; `*` for all
    #[arg(long, env = "MILLRACE_WEBHOOK_ORIGINS", global = true, value_name = "NAMES", hide_short_help = true)]
    #[arg(value_delimiter = ',')]
    pub webhook_origins: Vec<String>,
    /// The key that commands show to the shop
    #[arg(long, env = "MILLRACE_API_KEY", global = true, value_name = "KEY", hide_short_help = true)]
    #[arg(hide_env_values = true, value_parser = secrets::text())]
    pub api_key: Option<Secret>,
}

impl Settings {
    /// Whether anybody is let in who reaches the listener.
    pub fn is_open(&self) -> bool {
        self.api_keys.is_none() && self.jwks.is_none()
    }

    /// By the keys in the files, with none but these rights, and the issuer's keys that were fetched.
    pub fn callers(&self, rights: &Rights, fetched: Option<&str>) -> anyhow::Result<Callers> {
        let keys = self
            .api_keys
            .as_ref()
            .map(|path| Keys::from_json(&read(path)?, rights).with_context(|| format!("{}", path.display())));
        let tokens = match &self.jwks {
            Some(Source::File(path)) => Some(self.tokens(&read(path)?).with_context(|| format!("{}", path.display()))?),
            Some(Source::Url(_)) => fetched.map(|jwks| self.tokens(jwks)).transpose()?,
            None => None,
        };
        Ok(Callers { keys: keys.transpose()?.unwrap_or_default(), tokens })
    }

    pub fn tokens(&self, jwks: &str) -> Result<Tokens, InvalidTokens> {
        let text = |setting: &Option<String>| setting.clone().unwrap_or_default();
        Tokens::new(jwks, &self.jwt_algorithm, &text(&self.jwt_issuer), &text(&self.jwt_audience))
    }
}

fn read(path: &Path) -> anyhow::Result<String> {
    std::fs::read_to_string(path).with_context(|| format!("cannot read {}", path.display()))
}
