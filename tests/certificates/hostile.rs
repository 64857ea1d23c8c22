//! Servers that mean harm with their handshakes and certificates: a finding in time, and no memory lost.

use std::net::SocketAddr;
use std::process::Command;
use std::sync::Arc;
use std::time::Duration;

use rcgen::KeyPair;
use rustls::pki_types::{CertificateDer, PrivateKeyDer};
use tokio::io::AsyncReadExt;
use tokio::net::TcpListener;

use crate::support::agent::{Agent, eventually};
use crate::support::certificates::Authority;
use crate::support::certificates::{DAY, Order};
use crate::support::hostile::Malice;
use crate::support::loopback::own_ip;

const TIMEOUT: Duration = Duration::from_secs(1);
/// A drip ends only at the deadline, and a busy machine notices later.
const SLACK: Duration = Duration::from_millis(500);
/// What allocators, the store and histories may still add once everything has been seen.
const GROWTH_KIB: u64 = 8 * 1024;
/// How many more probes are watched for growth.
const ROUNDS: u64 = 30;

/// A TLS 1.2 ServerHello with TLS_ECDHE_RSA_WITH_AES_128_GCM_SHA256, in a record of its own.
const HELLO: &[u8] = &[
    22, 3, 3, 0, 42, 2, 0, 0, 38, 3, 3, 7, 7, 7, 7, 7, 7, 7, 7, 7, 7, 7, 7, 7, 7, 7, 7, 7, 7, 7, 7,
    7, 7, 7, 7, 7, 7, 7, 7, 7, 7, 7, 7, 0, 0xc0, 0x2f, 0,
];
/// Name, what the server does, and what must be found.
const HANDSHAKES: [(&str, Malice, &str); 7] = [
    ("16 MiB of chain", Malice::EndlessChain, "tls.handshake"),
    // Empty messages that ask for another hello (RFC 5246 section 7.4.1.1).
    ("hello requests", Malice::Flood(HELLO, &[22, 3, 3, 0, 4, 0, 0, 0, 0]), "tls.handshake"),
    ("empty records", Malice::Flood(HELLO, &[22, 3, 3, 0, 0]), "tls.handshake"),
    (
        "garbage after the hello",
        Malice::Flood(HELLO, &[22, 3, 3, 0, 5, 99, 0, 0, 1, 5]),
        "tls.handshake",
    ),
    ("noise after the hello", Malice::Flood(HELLO, b"\xde\xad\xbe\xef"), "tls.handshake"),
    ("warnings", Malice::Flood(b"", &[21, 3, 3, 0, 2, 1, 90]), "tls.handshake"),
    (
        "a chain that drips",
        Malice::Drip(&[22, 3, 3, 0x3f, 0xff, 2, 0, 0, 38, 3, 3], &[0]),
        "tls.handshake",
    ),
];

/// A TLS server with whatever for a chain; its key is good.
async fn presenting(chain: Vec<CertificateDer<'static>>, key: &KeyPair) -> SocketAddr {
    let provider = rustls::crypto::ring::default_provider();
    let key = PrivateKeyDer::try_from(key.serialize_der()).unwrap();
    let signing = provider.key_provider.load_private_key(key).unwrap();
    let certified = Arc::new(rustls::sign::CertifiedKey::new(chain, signing));
    let resolver = Arc::new(rustls::sign::SingleCertAndKey::from(certified));
    let settings = rustls::ServerConfig::builder_with_provider(Arc::new(provider))
        .with_safe_default_protocol_versions()
        .unwrap()
        .with_no_client_auth()
        .with_cert_resolver(resolver);
    let acceptor = tokio_rustls::TlsAcceptor::from(Arc::new(settings));
    let listener = TcpListener::bind((own_ip(), 0)).await.unwrap();
    let address = listener.local_addr().unwrap();
    tokio::spawn(async move {
        while let Ok((stream, _)) = listener.accept().await {
            let acceptor = acceptor.clone();
            tokio::spawn(async move {
                if let Ok(mut stream) = acceptor.accept(stream).await {
                    while let Ok(1..) = stream.read(&mut [0; 1024]).await {}
                }
            });
        }
    });
    address
}

/// Sequences within sequences, as deep as a handshake has room for.
fn nested() -> CertificateDer<'static> {
    let depth = 10_000;
    let mut der = Vec::with_capacity(4 * depth);
    for level in (0..depth).rev() {
        let inside = u16::try_from(4 * level).unwrap().to_be_bytes();
        der.extend([0x30, 0x82, inside[0], inside[1]]);
    }
    der.into()
}

fn read_pem(path: &std::path::Path) -> CertificateDer<'static> {
    use rustls::pki_types::pem::PemObject;
    CertificateDer::from_pem_file(path).unwrap()
}

#[tokio::test(flavor = "multi_thread")]
async fn hostile_handshakes_and_chains_end_in_time_and_leave_nothing() {
    let folder = tempfile::tempdir().unwrap();
    let authority = Authority::new("Test Root");
    let order = Order { names: &["shop.example"], serial: 1, valid: (-DAY, 80 * DAY) };
    authority.issue(&order, folder.path());
    std::fs::write(folder.path().join("root.pem"), authority.pem()).unwrap();
    let leaf = read_pem(&folder.path().join("fullchain.pem"));
    let key = std::fs::read_to_string(folder.path().join("privkey.pem")).unwrap();
    let key = KeyPair::from_pem(&key).unwrap();

    let mut servers = Vec::new();
    for (name, malice, code) in HANDSHAKES {
        servers.push((name, malice.start().await, code));
    }
    let bomb = nested();
    let crowd = std::iter::once(leaf.clone()).chain(std::iter::repeat_n(leaf.clone(), 120));
    for (name, chain, code) in [
        ("a bomb for a leaf", vec![bomb.clone()], "tls.handshake"),
        ("a bomb behind a leaf", vec![leaf.clone(), bomb], "tls.untrusted"),
        ("garbage behind a leaf", vec![leaf.clone(), vec![0x30, 3, 1].into()], "tls.untrusted"),
        ("a leaf a hundred times", crowd.collect(), "tls.superfluous"),
    ] {
        servers.push((name, presenting(chain, &key).await, code));
    }
    let mut plan = format!(
        "[defaults]\ninterval = \"200ms\"\ntimeout = \"{}ms\"\nca = \"root.pem\"\n",
        TIMEOUT.as_millis()
    );
    for (name, address, _) in &servers {
        plan += &format!(
            "[[tls]]\nname = \"{name}\"\naddress = \"shop.example:443\"\nconnect = \"{address}\"\n"
        );
    }
    let agent = Agent::start(folder.path(), "", &plan).await;
    for (name, _, code) in &servers {
        agent.finding(name, code).await;
    }

    // From here on everything has happened once; now it happens again and again.
    let probed = async || -> u64 {
        let lines = agent.metrics("portwarden_probes_total").await;
        let counts = lines.iter().filter_map(|line| line.rsplit_once(' ')?.1.parse::<f64>().ok());
        counts.map(|count| count as u64).sum()
    };
    let (before, probed_before) = (agent.resident_kib(), probed().await);
    let wanted = probed_before + ROUNDS * u64::try_from(servers.len()).unwrap();
    eventually("every server is looked at again and again", async || probed().await >= wanted)
        .await;
    let after = agent.resident_kib();
    assert!(after < before + GROWTH_KIB, "from {before} KiB to {after} KiB");
    for (name, _, _) in &servers {
        let took = agent.check(name).await["last"]["duration_seconds"].as_f64().unwrap();
        assert!(took < (TIMEOUT + SLACK).as_secs_f64(), "{name}: {took} s");
    }
}

/// What `tls.untrusted` says of an element that cannot be read holds for openssl itself.
#[tokio::test(flavor = "multi_thread")]
async fn openssl_ends_the_handshake_at_garbage_behind_a_leaf() {
    let folder = tempfile::tempdir().unwrap();
    let order = Order { names: &["shop.example"], serial: 1, valid: (-DAY, 80 * DAY) };
    Authority::new("Test Root").issue(&order, folder.path());
    let leaf = read_pem(&folder.path().join("fullchain.pem"));
    let key = std::fs::read_to_string(folder.path().join("privkey.pem")).unwrap();
    let key = KeyPair::from_pem(&key).unwrap();
    for (chain, succeeds) in
        [(vec![leaf.clone()], true), (vec![leaf, vec![0x30, 3, 1].into()], false)]
    {
        let address = presenting(chain, &key).await.to_string();
        let output = tokio::task::spawn_blocking(move || {
            let mut command = Command::new("openssl");
            command.args(["s_client", "-connect", &address]).stdin(std::process::Stdio::null());
            command.output().expect("openssl is missing: apt-get install openssl")
        });
        let output = output.await.unwrap();
        let words = String::from_utf8_lossy(&output.stderr);
        assert_eq!(output.status.success(), succeeds, "{words}");
    }
}
