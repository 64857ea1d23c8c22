//! A TLS server with a certificate of a test's own authority, which also answers HTTP over it.

use std::net::SocketAddr;
use std::sync::Arc;
use std::time::Duration;

use portwarden::clock;
use rcgen::{
    BasicConstraints, CertificateParams, CertifiedIssuer, DnType, ExtendedKeyUsagePurpose, IsCa,
    KeyPair, date_time_ymd,
};
use rustls_pki_types::{PrivateKeyDer, PrivatePkcs8KeyDer};
use tokio::io::{AsyncReadExt, AsyncWriteExt};
use tokio::net::TcpListener;
use tokio::task::JoinHandle;

const DAY_SECONDS: i64 = 24 * 60 * 60;
const ANSWER: &str = "HTTP/1.1 200 OK\r\ncontent-length: 3\r\ncontent-type: text/plain\r\nconnection: close\r\n\r\nok\n";

/// Issues certificates.
pub struct Authority(CertifiedIssuer<'static, KeyPair>);

impl Authority {
    /// A root that nobody knows yet.
    pub fn new() -> Self {
        let mut params = validity(-300, 3_000);
        params.distinguished_name.push(DnType::CommonName, "A test's own root");
        params.is_ca = IsCa::Ca(BasicConstraints::Unconstrained);
        Self(CertifiedIssuer::self_signed(params, KeyPair::generate().unwrap()).unwrap())
    }

    /// For `ca` in a plan.
    pub fn pem(&self) -> String {
        self.0.pem()
    }

    /// Starts a server with a certificate for this name that ends in so many days.
    pub async fn serve(&self, ip: &str, name: &str, days_left: i64) -> SecureServer {
        let names = CertificateParams::new(vec![name.to_owned()]).unwrap().subject_alt_names;
        let mut params = validity(-30, days_left);
        params.distinguished_name.push(DnType::CommonName, name);
        params.subject_alt_names = names;
        params.extended_key_usages = vec![ExtendedKeyUsagePurpose::ServerAuth];
        params.use_authority_key_identifier_extension = true;
        let key = KeyPair::generate().unwrap();
        let certificate = params.signed_by(&key, &self.0).unwrap();
        let key = PrivateKeyDer::Pkcs8(PrivatePkcs8KeyDer::from(key.serialize_der()));
        let provider = Arc::new(rustls::crypto::ring::default_provider());
        let settings = rustls::ServerConfig::builder_with_provider(provider)
            .with_safe_default_protocol_versions()
            .unwrap()
            .with_no_client_auth()
            .with_single_cert(vec![certificate.der().clone()], key)
            .unwrap();
        let acceptor = tokio_rustls::TlsAcceptor::from(Arc::new(settings));
        let listener = TcpListener::bind((ip, 0)).await.unwrap();
        let address = listener.local_addr().unwrap();
        let not_after = params.not_after.unix_timestamp();
        SecureServer { address, not_after, accepting: tokio::spawn(accept(listener, acceptor)) }
    }
}

/// A running server.
pub struct SecureServer {
    /// Where it listens.
    pub address: SocketAddr,
    /// When its certificate ends, Unix time in seconds.
    pub not_after: i64,
    accepting: JoinHandle<()>,
}

impl SecureServer {
    /// Ends it: the port is closed when this returns.
    pub async fn stop(self) {
        self.accepting.abort();
        let _ = self.accepting.await;
    }
}

async fn accept(listener: TcpListener, acceptor: tokio_rustls::TlsAcceptor) {
    while let Ok((connection, _)) = listener.accept().await {
        let acceptor = acceptor.clone();
        tokio::spawn(async move {
            let Ok(mut stream) = acceptor.accept(connection).await else { return };
            let mut request = [0; 4096];
            if let Ok(1..) = stream.read(&mut request).await {
                let _ = stream.write_all(ANSWER.as_bytes()).await;
            }
            let _ = stream.shutdown().await;
        });
    }
}

/// Valid from and to so many days from now.
fn validity(from: i64, to: i64) -> CertificateParams {
    let moment = |days: i64| {
        let seconds = u64::try_from(clock::now().as_second() + days * DAY_SECONDS).unwrap();
        date_time_ymd(1970, 1, 1) + Duration::from_secs(seconds)
    };
    let mut params = CertificateParams::default();
    params.distinguished_name = rcgen::DistinguishedName::new();
    (params.not_before, params.not_after) = (moment(from), moment(to));
    params
}
