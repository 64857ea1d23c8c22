//! The least that a handshake can cost with rustls: a loop on blocking sockets with nothing around
//! it, in a process of its own.

use std::net::{SocketAddr, TcpStream};
use std::process::Command;
use std::sync::Arc;
use std::time::Duration;

use anyhow::{Context, bail};
use rustls::client::danger::{HandshakeSignatureValid, ServerCertVerified, ServerCertVerifier};
use rustls::client::{ClientConfig, ClientConnection};
use rustls::crypto::{WebPkiSupportedAlgorithms, verify_tls12_signature, verify_tls13_signature};
use rustls::pki_types::pem::PemObject;
use rustls::pki_types::{CertificateDer, ServerName, UnixTime};
use rustls::{DigitallySignedStruct, Error, SignatureScheme};

use crate::WINDOW;
use crate::client::{monotonic, tls_settings};
use crate::process::{cpu_of, output_of};
use crate::report::Figure;
use crate::servers::{ADDRESSES, Key, NAME, Servers};

/// The first argument of the process that loops.
pub(crate) const ARGUMENT: &str = "bare-handshakes";

/// What becomes of the chain presented.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(crate) enum Verification {
    /// Nobody looks at it. That the server holds the key is verified all the same.
    None,
    /// Followed to the root every time.
    Usual,
}

impl Verification {
    const fn word(self) -> &'static str {
        match self {
            Self::None => "none",
            Self::Usual => "usual",
        }
    }
}

/// Full handshakes, one after another.
pub(crate) fn measure(
    servers: &Servers,
    key: Key,
    verification: Verification,
) -> anyhow::Result<Figure> {
    let text = output_of(
        Command::new(std::env::current_exe()?)
            .args([ARGUMENT, verification.word()])
            .arg(servers.root(key))
            .args((0..ADDRESSES).map(|index| servers.address(key, index).to_string())),
    )?;
    let (microseconds, handshakes) = text.trim().split_once(' ').context("two numbers")?;
    let cpu = Duration::from_micros(microseconds.parse()?);
    Ok(Figure { handshakes: handshakes.parse()?, cpu })
}

/// Loops, and prints CPU time in microseconds and the number of handshakes.
pub(crate) fn run(arguments: &[String]) -> anyhow::Result<()> {
    let [verification, root, addresses @ ..] = arguments else { bail!("what, root, addresses") };
    let addresses: Vec<SocketAddr> =
        addresses.iter().map(|address| address.parse()).collect::<Result<_, _>>()?;
    let mut store = rustls::RootCertStore::empty();
    store.add_parsable_certificates(
        CertificateDer::pem_file_iter(root)?.collect::<Result<Vec<_>, _>>()?,
    );
    let mut settings = tls_settings(store)?;
    if verification == Verification::None.word() {
        let algorithms = settings.crypto_provider().signature_verification_algorithms;
        settings.dangerous().set_certificate_verifier(Arc::new(Trusting(algorithms)));
    }
    let settings = Arc::new(settings);
    addresses.iter().try_for_each(|&address| shake_hands(address, &settings))?;
    let (start, before) = (monotonic(), cpu_of("self")?);
    let mut handshakes = 0;
    for &address in addresses.iter().cycle() {
        if start.elapsed() > WINDOW {
            break;
        }
        shake_hands(address, &settings)?;
        handshakes += 1;
    }
    println!("{} {handshakes}", (cpu_of("self")? - before).as_micros());
    Ok(())
}

fn shake_hands(address: SocketAddr, settings: &Arc<ClientConfig>) -> anyhow::Result<()> {
    let mut connection = ClientConnection::new(settings.clone(), ServerName::try_from(NAME)?)?;
    let mut stream = TcpStream::connect(address)?;
    while connection.is_handshaking() {
        connection.complete_io(&mut stream)?;
    }
    Ok(())
}

/// Takes any chain.
#[derive(Debug)]
struct Trusting(WebPkiSupportedAlgorithms);

impl ServerCertVerifier for Trusting {
    fn verify_server_cert(
        &self,
        _: &CertificateDer<'_>,
        _: &[CertificateDer<'_>],
        _: &ServerName<'_>,
        _: &[u8],
        _: UnixTime,
    ) -> Result<ServerCertVerified, Error> {
        Ok(ServerCertVerified::assertion())
    }

    fn verify_tls12_signature(
        &self,
        message: &[u8],
        certificate: &CertificateDer<'_>,
        signed: &DigitallySignedStruct,
    ) -> Result<HandshakeSignatureValid, Error> {
        verify_tls12_signature(message, certificate, signed, &self.0)
    }

    fn verify_tls13_signature(
        &self,
        message: &[u8],
        certificate: &CertificateDer<'_>,
        signed: &DigitallySignedStruct,
    ) -> Result<HandshakeSignatureValid, Error> {
        verify_tls13_signature(message, certificate, signed, &self.0)
    }

    fn supported_verify_schemes(&self) -> Vec<SignatureScheme> {
        self.0.supported_schemes()
    }
}
