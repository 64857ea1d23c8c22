//! Echo requests (RFC 792, RFC 4443).

use super::{Sight, Stopwatch};
use crate::net::Net;

/// `[[icmp]]` after validation.
#[derive(Clone, Debug, Default)]
pub struct Spec {}

/// Runs one probe.
pub async fn observe(_spec: &Spec, _net: &Net, _watch: &mut Stopwatch) -> Sight {
    Sight::default()
}
