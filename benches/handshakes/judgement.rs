//! What it costs to judge a chain: one never seen before, and the same one again.

use std::time::Duration;

use portwarden::tls::{Presented, Roots, judge};
use rustls::pki_types::CertificateDer;
use rustls::pki_types::pem::PemObject;

use crate::client::monotonic;
use crate::servers::{Key, NAME, Servers};

/// Judgements of a chain that is new.
const NEW: u32 = 100;
/// Judgements of the same chain.
const AGAIN: u32 = 20_000;

/// Time per judgement.
#[derive(Clone, Copy, Debug)]
pub(crate) struct Judgement {
    pub(crate) new: Duration,
    pub(crate) again: Duration,
}

/// Judges the chain of this kind with many sets of roots that have never seen it, and then with one of them.
pub(crate) fn measure(servers: &Servers, key: Key) -> anyhow::Result<Judgement> {
    let chain =
        CertificateDer::pem_file_iter(servers.chain(key))?.collect::<Result<Vec<_>, _>>()?;
    let load = |_| Roots::load(&[servers.root(key)]).map_err(anyhow::Error::msg);
    let sets = (0..NEW).map(load).collect::<anyhow::Result<Vec<Roots>>>()?;
    let presented = Presented::of(chain);
    let now = portwarden::clock::now();
    let look = |roots: &Roots| drop(judge(&presented, NAME, roots, "bench", now));
    let start = monotonic();
    sets.iter().for_each(look);
    let new = start.elapsed() / NEW;
    let [known, ..] = &*sets else { anyhow::bail!("no roots") };
    let start = monotonic();
    (0..AGAIN).for_each(|_| look(known));
    Ok(Judgement { new, again: start.elapsed() / AGAIN })
}
