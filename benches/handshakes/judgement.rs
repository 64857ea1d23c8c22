//! What it costs to judge a chain: one never seen before, and the same one again.

use std::time::Duration;

use portwarden::tls::{Presented, Roots, judge};
use rustls::pki_types::CertificateDer;
use rustls::pki_types::pem::PemObject;

use crate::client::monotonic;
use crate::servers::{Key, NAME, Servers};

/// Judgements of chains that are new.
const NEW: u32 = 200;
/// Judgements of the same chain.
const AGAIN: u32 = 20_000;

/// Time per judgement.
#[derive(Clone, Copy, Debug)]
pub(crate) struct Judgement {
    pub(crate) new: Duration,
    pub(crate) again: Duration,
}

/// Judges the chain of this kind under many names, each new, and then under one.
pub(crate) fn measure(servers: &Servers, key: Key) -> anyhow::Result<Judgement> {
    let chain =
        CertificateDer::pem_file_iter(servers.chain(key))?.collect::<Result<Vec<_>, _>>()?;
    let roots = Roots::load(&[servers.root(key)]).map_err(anyhow::Error::msg)?;
    let presented = Presented { chain, protocol: "TLS 1.3".to_owned(), ..Presented::default() };
    let now = portwarden::clock::now();
    let look = |name: &str| drop(judge(&presented, name, &roots, "bench", now));
    let names: Vec<String> = (0..NEW).map(|index| format!("{index}.{NAME}")).collect();
    let start = monotonic();
    names.iter().for_each(|name| look(name));
    let new = start.elapsed() / NEW;
    look(NAME);
    let start = monotonic();
    (0..AGAIN).for_each(|_| look(NAME));
    Ok(Judgement { new, again: start.elapsed() / AGAIN })
}
