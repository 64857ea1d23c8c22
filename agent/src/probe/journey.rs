//! HTTP requests one after another that share cookies, each with expectations of its own.

use super::{Sight, Stopwatch};
use crate::net::Net;

/// `[[journey]]` after validation.
#[derive(Clone, Debug, Default)]
pub struct Spec {}

/// Runs one probe.
pub async fn observe(_spec: &Spec, _net: &Net, _watch: &mut Stopwatch) -> Sight {
    Sight::default()
}
