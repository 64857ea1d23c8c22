//! A gRPC service that is asked for its health.

use super::{Sight, Stopwatch};
use crate::net::Net;

/// `[[grpc]]` after validation.
#[derive(Clone, Debug, Default)]
pub struct Spec {}

/// Runs one probe.
pub async fn observe(_spec: &Spec, _net: &Net, _watch: &mut Stopwatch) -> Sight {
    Sight::default()
}
