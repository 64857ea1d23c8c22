//! Fetching what a CA publishes: bounded in size and time, never redirected, names resolved as the
//! plan says.

use std::net::SocketAddr;
use std::sync::Arc;
use std::time::Duration;

use hickory_resolver::TokioResolver;
use reqwest::StatusCode;
use reqwest::dns::{Addrs, Name, Resolve, Resolving};
use reqwest::header::{ACCEPT, HeaderMap};
use reqwest::redirect::Policy;
use rustls::{ClientConfig, RootCertStore};

use crate::net::printable;
use crate::tls::Roots;

/// How long one answer may take, from resolving the name to its last byte.
const PATIENCE: Duration = Duration::from_secs(20);
/// Most bytes of a reason that are kept.
const LONGEST_REASON: usize = 300;

/// An answer of status 200.
#[derive(Debug)]
pub(super) struct Fetched {
    pub(super) headers: HeaderMap,
    pub(super) body: Vec<u8>,
}

/// Fetches with these roots and this resolver.
#[derive(Clone, Debug)]
pub(super) struct Client(reqwest::Client);

impl Client {
    /// The `HTTPS_PROXY`, `HTTP_PROXY` and `NO_PROXY` variables are honoured.
    ///
    /// # Errors
    /// One sentence for people when there is no TLS to be had.
    pub(super) fn new(roots: &Roots, resolver: &TokioResolver) -> Result<Self, String> {
        let trusted = RootCertStore { roots: roots.anchors().to_vec() };
        let settings = ClientConfig::builder_with_provider(Arc::clone(roots.provider()))
            .with_safe_default_protocol_versions()
            .map_err(|error| format!("TLS cannot be set up: {error}"))?
            .with_root_certificates(trusted)
            .with_no_client_auth();
        reqwest::Client::builder()
            .tls_backend_preconfigured(settings)
            .redirect(Policy::none())
            .dns_resolver(Names(resolver.clone()))
            .timeout(PATIENCE)
            .user_agent(concat!("portwarden/", env!("CARGO_PKG_VERSION")))
            .build()
            .map(Self)
            .map_err(|error| reason(&error))
    }

    /// Everything under an address, if it is no more than `most` bytes.
    ///
    /// # Errors
    /// One sentence for people.
    pub(super) async fn get(
        &self,
        url: &str,
        accepted: &'static str,
        most: usize,
    ) -> Result<Fetched, String> {
        let lost = |error: reqwest::Error| reason(&error);
        let asking = self.0.get(url).header(ACCEPT, accepted);
        let mut answer = asking.send().await.map_err(lost)?;
        let headers = answer.headers().clone();
        let status = answer.status();
        if status != StatusCode::OK {
            return Err(format!("it answers {status}"));
        }
        let too_large = || format!("it is larger than {most} bytes");
        if answer.content_length().is_some_and(|length| length > most as u64) {
            return Err(too_large());
        }
        let mut body = Vec::new();
        while let Some(chunk) = answer.chunk().await.map_err(lost)? {
            if body.len() + chunk.len() > most {
                return Err(too_large());
            }
            body.extend_from_slice(&chunk);
        }
        Ok(Fetched { headers, body })
    }
}

/// Down to the innermost cause, without the address, which is told beside it.
fn reason(error: &reqwest::Error) -> String {
    if error.is_timeout() {
        return format!("no answer within {PATIENCE:?}");
    }
    let mut innermost: &dyn std::error::Error = error;
    while let Some(cause) = innermost.source() {
        innermost = cause;
    }
    printable(innermost.to_string().as_bytes(), LONGEST_REASON)
}

/// The resolver of the plan, as reqwest wants it.
struct Names(TokioResolver);

impl Resolve for Names {
    fn resolve(&self, name: Name) -> Resolving {
        let resolver = self.0.clone();
        Box::pin(async move {
            let found = resolver.lookup_ip(name.as_str()).await?;
            // The port is that of the URL.
            let addresses: Vec<_> = found.iter().map(|ip| SocketAddr::new(ip, 0)).collect();
            Ok(Box::new(addresses.into_iter()) as Addrs)
        })
    }
}
