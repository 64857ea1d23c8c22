//! The bench's own way to ask over HTTP, to tell the time and to wait.

use std::net::{SocketAddr, TcpListener};
use std::sync::Arc;
use std::time::{Duration, Instant};

use anyhow::bail;

/// The monotonic clock.
#[expect(clippy::disallowed_methods, reason = "a benchmark is there to read the clock")]
pub(crate) fn monotonic() -> Instant {
    Instant::now()
}

/// A client that keeps its connections, never goes through a proxy and never unpacks gzip.
pub(crate) fn client() -> anyhow::Result<reqwest::Client> {
    let tls = tls_settings(rustls::RootCertStore::empty())?;
    Ok(reqwest::Client::builder()
        .tls_backend_preconfigured(tls)
        .no_proxy()
        .timeout(Duration::from_secs(30))
        .build()?)
}

/// TLS with these roots and a full handshake each time.
pub(crate) fn tls_settings(roots: rustls::RootCertStore) -> anyhow::Result<rustls::ClientConfig> {
    let provider = Arc::new(rustls::crypto::ring::default_provider());
    let mut settings = rustls::ClientConfig::builder_with_provider(provider)
        .with_safe_default_protocol_versions()?
        .with_root_certificates(roots)
        .with_no_client_auth();
    settings.resumption = rustls::client::Resumption::disabled();
    Ok(settings)
}

/// The body of a page that must answer 200.
pub(crate) async fn page(client: &reqwest::Client, url: &str) -> anyhow::Result<String> {
    Ok(client.get(url).send().await?.error_for_status()?.text().await?)
}

/// Looks again and again, without a runtime, until there is something.
pub(crate) fn within<T>(
    patience: Duration,
    mut look: impl FnMut() -> anyhow::Result<Option<T>>,
) -> anyhow::Result<T> {
    let start = monotonic();
    loop {
        if let Some(found) = look()? {
            return Ok(found);
        }
        if start.elapsed() > patience {
            bail!("not there after {patience:?}");
        }
        std::thread::sleep(Duration::from_millis(20));
    }
}

/// An address on which nobody listens at this moment.
pub(crate) fn free_address(ip: &str) -> anyhow::Result<SocketAddr> {
    Ok(TcpListener::bind(format!("{ip}:0"))?.local_addr()?)
}
