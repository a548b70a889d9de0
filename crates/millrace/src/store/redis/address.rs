//! Where Redis is, and what its certificates must be: nobody is believed to be Redis behind `rediss://` whose certificate
//! is not of the CA that is given, or else of one the system trusts, and for the name that is called.

use redis::{Client, ConnectionAddr, ConnectionInfo, IntoConnectionInfo, RedisError, TlsCertificates};

use super::wire;
use crate::store::StoreError;

/// Of `urls` as `redis://user:password@host:port/db`, further servers as `,host:port`; with `rediss://` by TLS.
pub fn addresses(urls: &str, tls: Option<&TlsCertificates>) -> Result<Vec<ConnectionInfo>, StoreError> {
    let (first, others) = urls.split_once(',').map_or((urls, None), |(first, others)| (first, Some(others)));
    let mut first = first.into_connection_info().map_err(wire::store_error)?;
    if let (ConnectionAddr::TcpTls { .. }, Some(tls)) = (first.addr(), tls) {
        first = Client::build_with_tls(first, tls.clone()).map_err(wire::store_error)?.get_connection_info().clone();
    }
    let mut all = vec![first.clone()];
    for address in others.into_iter().flat_map(|others| others.split(',')) {
        let parts = address.rsplit_once(':').and_then(|(host, port)| Some((host, port.parse().ok()?)));
        let (host, port) = parts.ok_or_else(|| StoreError::Unavailable(format!("host:port, not {address:?}")))?;
        all.push(at(&first, host, port));
    }
    Ok(all)
}

/// As `other` is reached, by the same certificates.
pub(super) fn at(other: &ConnectionInfo, host: &str, port: u16) -> ConnectionInfo {
    let mut addr = other.addr().clone();
    match &mut addr {
        ConnectionAddr::TcpTls { host: called, port: asked, .. } => (*called, *asked) = (host.to_owned(), port),
        _ => addr = ConnectionAddr::Tcp(host.to_owned(), port),
    }
    other.clone().set_addr(addr)
}

/// Why there is no connection, with what to do about it where TLS is the reason.
pub fn refusal(address: &ConnectionInfo, error: &RedisError) -> String {
    let words = error.to_string();
    let by_tls = matches!(address.addr(), ConnectionAddr::TcpTls { .. });
    let reason = if words.contains("invalid peer certificate") {
        "its certificate is not trusted: name the CA that signed it, and call it by a name in it"
    } else if by_tls && (error.is_timeout() || words.contains("InvalidContentType")) {
        // A Redis without TLS takes the first words for a command and waits for its end.
        "nobody answers in TLS: is it its TLS port? Without TLS use redis://"
    } else if by_tls && words.contains("received fatal alert") {
        "it refuses our side of TLS: give it a client certificate that it trusts"
    } else if !by_tls && !error.is_connection_refusal() && error.is_connection_dropped() {
        "it hung up before a word: if that is its TLS port, use rediss://"
    } else {
        return words;
    };
    format!("{}: {reason} ({words})", address.addr())
}
