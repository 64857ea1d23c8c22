//! A WebSocket upgrade, and what is said over it (RFC 6455).

use super::{Sight, Stopwatch};
use crate::net::Net;

/// `[[websocket]]` after validation.
#[derive(Clone, Debug, Default)]
pub struct Spec {}

/// Runs one probe.
pub async fn observe(_spec: &Spec, _net: &Net, _watch: &mut Stopwatch) -> Sight {
    Sight::default()
}
