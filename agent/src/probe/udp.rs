//! A datagram and its answer.

use super::{Sight, Stopwatch};
use crate::net::Net;

/// `[[udp]]` after validation.
#[derive(Clone, Debug, Default)]
pub struct Spec {}

/// Runs one probe.
pub async fn observe(_spec: &Spec, _net: &Net, _watch: &mut Stopwatch) -> Sight {
    Sight::default()
}
