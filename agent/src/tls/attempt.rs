//! One handshake: rustls does it, and the chain is kept whatever its worth.

use std::net::SocketAddr;
use std::sync::{Arc, OnceLock};

use health::{Finding, Phase};
use rustls::client::ResolvesClientCert;
use rustls::client::danger::{HandshakeSignatureValid, ServerCertVerified, ServerCertVerifier};
use rustls::crypto::{WebPkiSupportedAlgorithms, verify_tls12_signature, verify_tls13_signature};
use rustls::sign::CertifiedKey;
use rustls::{DigitallySignedStruct, Error, SignatureScheme};
use rustls_pki_types::{CertificateDer, ServerName, UnixTime};
use tokio_rustls::TlsConnector;
use tokio_rustls::client::TlsStream;

use super::identity::{Asked, Identity};
use super::judge::server_name_of;
use super::{Presented, Roots, refusal};
use crate::net::Connection;
use crate::probe::Stopwatch;
use crate::probe::tls::starttls::Starttls;

/// What is offered to the server.
#[derive(Clone, Copy, Debug, Default)]
pub(crate) struct Offer<'a> {
    /// Application protocols, preferred first; empty: the extension is left out.
    pub(crate) alpn: &'a [&'a [u8]],
    /// Which certificates are asked for.
    pub(crate) keys: KeyKind,
    /// What has to be spoken before TLS may begin.
    pub(crate) starttls: Option<Starttls>,
    /// Who we are, for a server that asks.
    pub(crate) identity: Option<&'a Identity>,
}

/// Servers may hold one certificate for each kind of key, and pick by what the client verifies.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq)]
pub(crate) enum KeyKind {
    /// Whichever the server prefers.
    #[default]
    Any,
    /// RSA alone.
    Rsa,
    /// Elliptic curves alone.
    Elliptic,
}

impl KeyKind {
    /// The kind of a key by its name among the facts, such as `RSA 2048`.
    pub(crate) fn of(key: &str) -> Self {
        if key.starts_with("RSA") { Self::Rsa } else { Self::Elliptic }
    }

    fn includes(self, scheme: SignatureScheme) -> bool {
        let is_rsa = scheme.as_str().is_some_and(|name| name.starts_with("RSA"));
        match self {
            Self::Any => true,
            Self::Rsa => is_rsa,
            Self::Elliptic => !is_rsa,
        }
    }
}

/// No TLS to be had: why, and what was presented all the same.
#[derive(Debug)]
pub(crate) struct Refused {
    /// Why.
    pub(crate) finding: Finding,
    /// The chain, where one came before it ended.
    pub(crate) presented: Option<Presented>,
}

/// Shakes hands and keeps what was presented, even when it would not verify. Ends at the
/// stopwatch's deadline; the time is lapped as [`health::Phase::Tls`].
///
/// # Errors
/// A finding when there is no TLS to be had: `tls.handshake`, `tls.old-protocol`, `tcp.reset`, or
/// `cert.weak-key` when the server's key is too weak to prove anything.
pub async fn handshake(
    stream: Connection,
    server_name: &str,
    alpn: &[&[u8]],
    roots: &Roots,
    watch: &mut Stopwatch,
) -> Result<(TlsStream<Connection>, Presented), Box<Finding>> {
    attempt(stream, server_name, Offer { alpn, ..Offer::default() }, roots, watch)
        .await
        .map_err(|refused| Box::new(refused.finding))
}

/// As [`handshake`], after what the offer says has to be spoken before (lapped as
/// [`health::Phase::Dialogue`]), and with what was presented even when the handshake came to nothing.
///
/// # Errors
/// As [`handshake`].
pub(crate) async fn attempt(
    stream: Connection,
    server_name: &str,
    offer: Offer<'_>,
    roots: &Roots,
    watch: &mut Stopwatch,
) -> Result<(TlsStream<Connection>, Presented), Box<Refused>> {
    let target = refusal::Target::of(&stream, server_name, offer);
    let Some(name) = server_name_of(server_name) else {
        let finding = refusal::not_a_name(&target);
        return Err(Box::new(Refused { finding, presented: None }));
    };
    let stream = match offer.starttls {
        None => stream,
        Some(starttls) => {
            let begun = Box::pin(starttls.begin(stream, server_name, watch.deadline())).await;
            watch.lap(Phase::Dialogue);
            begun.map_err(|trouble| {
                let finding = target.without_tls(starttls, &trouble, watch.timeout());
                Box::new(Refused { finding, presented: None })
            })?
        }
    };
    let recorder = Arc::new(Recorder::new(roots, offer));
    let mut settings = roots.settings(Arc::clone(&recorder) as Arc<_>, offer.alpn);
    settings.client_auth_cert_resolver = Arc::clone(&recorder) as Arc<_>;
    let connector = TlsConnector::from(Arc::new(settings));
    let connecting = connector.connect(name.to_owned(), stream);
    let outcome = tokio::time::timeout_at(watch.deadline(), connecting).await;
    watch.lap(Phase::Tls);
    let error = match outcome {
        Ok(Ok(stream)) => {
            let presented = presented(&stream, &recorder);
            return Ok((stream, presented));
        }
        Ok(Err(error)) => Some(error),
        Err(_) => None,
    };
    let chain = recorder.chain.get().cloned();
    let asked = recorder.asked.get().cloned();
    let refused = refusal::explain(&target, error.as_ref(), chain, asked, watch).await;
    watch.lap(Phase::Tls);
    Err(Box::new(refused))
}

/// The leaf that a server presents to whoever asks for this name, whatever else comes of the
/// handshake; `None` where it presents none until the deadline, because it does not speak TLS or
/// for any other reason.
pub(crate) async fn leaf(
    stream: Connection,
    server_name: &str,
    roots: &Roots,
    deadline: tokio::time::Instant,
) -> Option<CertificateDer<'static>> {
    let name = server_name_of(server_name)?;
    let recorder = Arc::new(Recorder::new(roots, Offer::default()));
    let settings = roots.settings(Arc::clone(&recorder) as Arc<_>, &[]);
    let connecting = TlsConnector::from(Arc::new(settings)).connect(name.to_owned(), stream);
    let _ = tokio::time::timeout_at(deadline, connecting).await;
    recorder.chain.get()?.first().cloned()
}

/// What findings about a connection name: `127.0.0.1:8443 (shop.example)`.
pub(crate) fn subject(address: SocketAddr, server_name: &str) -> String {
    if server_name == address.ip().to_string() {
        address.to_string()
    } else {
        format!("{address} ({server_name})")
    }
}

fn presented(stream: &TlsStream<Connection>, recorder: &Recorder) -> Presented {
    let (_, session) = stream.get_ref();
    let protocol = match session.protocol_version() {
        Some(rustls::ProtocolVersion::TLSv1_2) => "TLS 1.2",
        _ => "TLS 1.3",
    };
    let cipher = session
        .negotiated_cipher_suite()
        .and_then(|suite| suite.suite().as_str())
        .map(|name| name.replacen("TLS13_", "TLS_", 1))
        .unwrap_or_default();
    Presented {
        chain: session.peer_certificates().unwrap_or_default().to_vec(),
        protocol: protocol.to_owned(),
        cipher,
        alpn: session.alpn_protocol().map(|name| String::from_utf8_lossy(name).into_owned()),
        staple: recorder.staple.get().cloned().unwrap_or_default(),
        asked: recorder.asked.get().cloned(),
    }
}

/// Keeps the chain of one connection and lets it pass: it is judged afterwards. That the server
/// holds the key is verified as ever. Keeps, too, whether the server asked who we are.
#[derive(Debug)]
struct Recorder {
    algorithms: WebPkiSupportedAlgorithms,
    keys: KeyKind,
    identity: Option<Arc<CertifiedKey>>,
    asked: OnceLock<Asked>,
    chain: OnceLock<Vec<CertificateDer<'static>>>,
    staple: OnceLock<Vec<u8>>,
}

impl Recorder {
    fn new(roots: &Roots, offer: Offer<'_>) -> Self {
        Self {
            algorithms: roots.provider().signature_verification_algorithms,
            keys: offer.keys,
            identity: offer.identity.map(|identity| Arc::clone(&identity.signing)),
            asked: OnceLock::new(),
            chain: OnceLock::new(),
            staple: OnceLock::new(),
        }
    }
}

impl ResolvesClientCert for Recorder {
    fn resolve(&self, hints: &[&[u8]], _: &[SignatureScheme]) -> Option<Arc<CertifiedKey>> {
        self.asked.get_or_init(|| Asked::of(hints));
        self.identity.clone()
    }

    fn has_certs(&self) -> bool {
        self.identity.is_some()
    }
}

impl ServerCertVerifier for Recorder {
    fn verify_server_cert(
        &self,
        end_entity: &CertificateDer<'_>,
        intermediates: &[CertificateDer<'_>],
        _server_name: &ServerName<'_>,
        ocsp_response: &[u8],
        _now: UnixTime,
    ) -> Result<ServerCertVerified, Error> {
        self.chain.get_or_init(|| {
            std::iter::once(end_entity)
                .chain(intermediates)
                .map(|der| der.clone().into_owned())
                .collect()
        });
        self.staple.get_or_init(|| ocsp_response.to_vec());
        Ok(ServerCertVerified::assertion())
    }

    fn verify_tls12_signature(
        &self,
        message: &[u8],
        certificate: &CertificateDer<'_>,
        signed: &DigitallySignedStruct,
    ) -> Result<HandshakeSignatureValid, Error> {
        verify_tls12_signature(message, certificate, signed, &self.algorithms)
    }

    fn verify_tls13_signature(
        &self,
        message: &[u8],
        certificate: &CertificateDer<'_>,
        signed: &DigitallySignedStruct,
    ) -> Result<HandshakeSignatureValid, Error> {
        verify_tls13_signature(message, certificate, signed, &self.algorithms)
    }

    fn supported_verify_schemes(&self) -> Vec<SignatureScheme> {
        let mut schemes = self.algorithms.supported_schemes();
        schemes.retain(|&scheme| self.keys.includes(scheme));
        schemes
    }
}
