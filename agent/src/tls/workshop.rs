//! Chains and servers for tests: made on the spot, good and bad in every way that matters.

use std::net::SocketAddr;
use std::path::Path;
use std::process::Command;
use std::sync::Arc;
use std::time::Duration;

use jiff::Timestamp;
use rcgen::{
    BasicConstraints, CertificateParams, CertifiedIssuer, DistinguishedName, DnType,
    ExtendedKeyUsagePurpose, IsCa, KeyPair, SignatureAlgorithm, date_time_ymd,
};
use rustls_pki_types::{CertificateDer, PrivateKeyDer};
use tokio::io::AsyncReadExt;
use tokio::net::TcpListener;

use super::Roots;

/// The moment at which tables are judged.
pub(crate) fn noon() -> Timestamp {
    "2026-06-15T12:00:00Z".parse().unwrap()
}

const DAY: i64 = 24 * 60 * 60;

/// Changes to the certificate that is about to be signed.
pub(crate) type Edit<'a> = &'a dyn Fn(&mut CertificateParams);

/// No change.
pub(crate) fn plain(_: &mut CertificateParams) {}

/// Validity from and to, in days from [`noon`].
pub(crate) fn days(params: &mut CertificateParams, from: i64, to: i64) {
    let moment = |days: i64| {
        let seconds = u64::try_from(noon().as_second() + days * DAY).unwrap();
        date_time_ymd(1970, 1, 1) + Duration::from_secs(seconds)
    };
    params.not_before = moment(from);
    params.not_after = moment(to);
}

fn params(name: &str, edit: Edit<'_>) -> CertificateParams {
    let mut params = CertificateParams::default();
    let mut subject = DistinguishedName::new();
    subject.push(DnType::CommonName, name);
    params.distinguished_name = subject;
    params.use_authority_key_identifier_extension = true;
    days(&mut params, -30, 60);
    edit(&mut params);
    params
}

fn authority_params(name: &str, edit: Edit<'_>) -> CertificateParams {
    params(name, &|params| {
        params.is_ca = IsCa::Ca(BasicConstraints::Unconstrained);
        days(params, -3_650, 3_650);
        edit(params);
    })
}

/// A CA: a root or an intermediate.
pub(crate) struct Authority(CertifiedIssuer<'static, KeyPair>);

impl Authority {
    pub(crate) fn root(name: &str) -> Self {
        Self::root_with(name, &plain)
    }

    pub(crate) fn root_with(name: &str, edit: Edit<'_>) -> Self {
        let key = KeyPair::generate().unwrap();
        Self(CertifiedIssuer::self_signed(authority_params(name, edit), key).unwrap())
    }

    pub(crate) fn intermediate(&self, name: &str, edit: Edit<'_>) -> Self {
        self.intermediate_with_key(name, KeyPair::generate().unwrap(), edit)
    }

    pub(crate) fn intermediate_with_key(&self, name: &str, key: KeyPair, edit: Edit<'_>) -> Self {
        Self(CertifiedIssuer::signed_by(authority_params(name, edit), key, &self.0).unwrap())
    }

    /// The same name and key, vouched for by somebody else.
    pub(crate) fn cross_signed_by(&self, other: &Authority, name: &str, edit: Edit<'_>) -> Self {
        let key = KeyPair::from_pem(&self.0.key().serialize_pem()).unwrap();
        other.intermediate_with_key(name, key, edit)
    }

    pub(crate) fn leaf(&self, names: &[&str], edit: Edit<'_>) -> Leaf {
        self.leaf_with_key(names, KeyPair::generate().unwrap(), edit)
    }

    pub(crate) fn leaf_of(
        &self,
        names: &[&str],
        algorithm: &'static SignatureAlgorithm,
        edit: Edit<'_>,
    ) -> Leaf {
        self.leaf_with_key(names, KeyPair::generate_for(algorithm).unwrap(), edit)
    }

    fn leaf_with_key(&self, names: &[&str], key: KeyPair, edit: Edit<'_>) -> Leaf {
        let params = leaf_params(names, edit);
        let der = params.signed_by(&key, &self.0).unwrap().der().clone();
        Leaf { der, key }
    }

    pub(crate) fn der(&self) -> CertificateDer<'static> {
        self.0.der().clone()
    }

    pub(crate) fn pem(&self) -> String {
        self.0.pem()
    }

    pub(crate) fn key_pem(&self) -> String {
        self.0.key().serialize_pem()
    }
}

/// A server's certificate and its key.
pub(crate) struct Leaf {
    pub(crate) der: CertificateDer<'static>,
    pub(crate) key: KeyPair,
}

impl Leaf {
    pub(crate) fn self_signed(names: &[&str], edit: Edit<'_>) -> Self {
        let key = KeyPair::generate().unwrap();
        let der = leaf_params(names, edit).self_signed(&key).unwrap().der().clone();
        Self { der, key }
    }

    pub(crate) fn private_key(&self) -> PrivateKeyDer<'static> {
        PrivateKeyDer::try_from(self.key.serialize_der()).unwrap()
    }
}

fn leaf_params(names: &[&str], edit: Edit<'_>) -> CertificateParams {
    let of = CertificateParams::new(names.iter().map(|&name| name.to_owned()).collect::<Vec<_>>());
    let alternatives = of.unwrap().subject_alt_names;
    params(names.first().unwrap_or(&"nameless"), &|params| {
        params.subject_alt_names = alternatives.clone();
        params.extended_key_usages = vec![ExtendedKeyUsagePurpose::ServerAuth];
        edit(params);
    })
}

/// Trusts these and nothing else.
pub(crate) fn trusting(own: &[CertificateDer<'static>]) -> Roots {
    Roots::of(&[], own).unwrap()
}

/// The bytes of a PEM file with these certificates.
pub(crate) fn pem(chain: &[&CertificateDer<'_>]) -> String {
    use base64::Engine as _;
    chain
        .iter()
        .map(|der| {
            let words = base64::engine::general_purpose::STANDARD.encode(der.as_ref());
            format!("-----BEGIN CERTIFICATE-----\n{words}\n-----END CERTIFICATE-----\n")
        })
        .collect()
}

/// Runs the openssl command in a folder.
pub(crate) fn openssl(folder: &Path, arguments: &str) {
    let output = Command::new("openssl")
        .args(arguments.split_whitespace())
        .current_dir(folder)
        .output()
        .expect("openssl is missing: apt-get install openssl");
    assert!(
        output.status.success(),
        "openssl {arguments}: {}",
        String::from_utf8_lossy(&output.stderr)
    );
}

/// A leaf for `shop.example` that only openssl makes, issued by the authority: `key` is the
/// arguments that make `leaf.key`, `digest` an option such as `-sha1`.
pub(crate) fn issued_by_openssl(
    folder: &Path,
    authority: &Authority,
    key: &str,
    digest: &str,
) -> CertificateDer<'static> {
    std::fs::write(folder.join("ca.pem"), authority.pem()).unwrap();
    std::fs::write(folder.join("ca.key"), authority.key_pem()).unwrap();
    std::fs::write(folder.join("ext"), "subjectAltName=DNS:shop.example\n").unwrap();
    openssl(folder, &format!("{key} -out leaf.key"));
    openssl(folder, "req -new -key leaf.key -subj /CN=shop.example -out leaf.csr");
    openssl(
        folder,
        &format!(
            "x509 -req {digest} -in leaf.csr -CA ca.pem -CAkey ca.key -CAcreateserial -days 90 -extfile ext -out leaf.pem"
        ),
    );
    super::files::certificates(&std::fs::read(folder.join("leaf.pem")).unwrap()).remove(0)
}

/// A TLS server of rustls on an address of its own; it lives as long as the runtime of the test.
pub(crate) async fn serve(
    ip: &str,
    chain: Vec<CertificateDer<'static>>,
    key: PrivateKeyDer<'static>,
    alpn: &[&str],
) -> SocketAddr {
    serve_on(SocketAddr::new(ip.parse().unwrap(), 0), chain, key, alpn).await
}

/// The same, on a port that is known already.
pub(crate) async fn serve_on(
    address: SocketAddr,
    chain: Vec<CertificateDer<'static>>,
    key: PrivateKeyDer<'static>,
    alpn: &[&str],
) -> SocketAddr {
    let mut settings = settings(None, chain, key);
    settings.alpn_protocols = alpn.iter().map(|name| name.as_bytes().to_vec()).collect();
    shake_hands_at(address, settings).await
}

/// The same, that lets nobody in without a certificate of this CA's.
pub(crate) async fn serve_members_on(
    address: SocketAddr,
    authority: &Authority,
    chain: Vec<CertificateDer<'static>>,
    key: PrivateKeyDer<'static>,
) -> SocketAddr {
    shake_hands_at(address, settings(Some(authority), chain, key)).await
}

fn settings(
    members_of: Option<&Authority>,
    chain: Vec<CertificateDer<'static>>,
    key: PrivateKeyDer<'static>,
) -> rustls::ServerConfig {
    let provider = Arc::new(rustls::crypto::ring::default_provider());
    let signing = provider.key_provider.load_private_key(key).unwrap();
    let certified = rustls::sign::CertifiedKey::new(chain, signing);
    let verifier = match members_of {
        None => rustls::server::WebPkiClientVerifier::no_client_auth(),
        Some(authority) => {
            let mut roots = rustls::RootCertStore::empty();
            roots.add(authority.der()).unwrap();
            let provider = Arc::clone(&provider);
            rustls::server::WebPkiClientVerifier::builder_with_provider(roots.into(), provider)
                .build()
                .unwrap()
        }
    };
    rustls::ServerConfig::builder_with_provider(provider)
        .with_safe_default_protocol_versions()
        .unwrap()
        .with_client_cert_verifier(verifier)
        .with_cert_resolver(Arc::new(rustls::sign::SingleCertAndKey::from(certified)))
}

async fn shake_hands_at(address: SocketAddr, settings: rustls::ServerConfig) -> SocketAddr {
    let acceptor = tokio_rustls::TlsAcceptor::from(Arc::new(settings));
    let listener = TcpListener::bind(address).await.unwrap();
    let address = listener.local_addr().unwrap();
    tokio::spawn(async move {
        while let Ok((stream, _)) = listener.accept().await {
            let acceptor = acceptor.clone();
            tokio::spawn(async move {
                if let Ok(mut stream) = acceptor.accept(stream).await {
                    let mut buffer = [0; 1024];
                    while let Ok(1..) = stream.read(&mut buffer).await {}
                }
            });
        }
    });
    address
}

/// A server that does as it is told with every connection.
pub(crate) async fn serve_raw<F, S>(ip: &str, serve: S) -> SocketAddr
where
    S: Fn(tokio::net::TcpStream) -> F + Send + 'static,
    F: Future<Output = ()> + Send + 'static,
{
    let listener = TcpListener::bind((ip, 0)).await.unwrap();
    let address = listener.local_addr().unwrap();
    tokio::spawn(async move {
        while let Ok((stream, _)) = listener.accept().await {
            tokio::spawn(serve(stream));
        }
    });
    address
}
