//! Where and how a server is asked once more, with a hello made by hand.

use std::net::{IpAddr, SocketAddr};

use tokio::time::Instant;

use super::old_protocol::Answer;
use crate::net::{self, Connection};
use crate::probe::tls::starttls::Starttls;

/// One server, and the way to it.
#[derive(Clone, Copy, Debug)]
pub(crate) struct Asking<'a> {
    /// Whom to dial.
    pub(crate) address: SocketAddr,
    /// Dial from this address.
    pub(crate) source: Option<IpAddr>,
    /// Sent as SNI, unless it is an address.
    pub(crate) server_name: &'a str,
    /// What has to be spoken before.
    pub(crate) starttls: Option<Starttls>,
    /// The end of all asking.
    pub(crate) until: Instant,
}

impl Asking<'_> {
    /// Whether the server bears being asked with a hello that is never finished.
    pub(super) fn is_harmless(&self) -> bool {
        self.starttls.is_none_or(Starttls::bears_broken_handshakes)
    }

    /// A connection of its own, on which a ClientHello is waited for; otherwise what that comes to.
    pub(super) async fn arrive(&self) -> Result<Connection, Answer> {
        let stream = match net::connect(self.address, self.source, self.until).await {
            Ok(stream) => stream,
            Err(net::Failure::Timeout) => return Err(Answer::Silent),
            Err(_) => return Err(Answer::Closed),
        };
        let Some(starttls) = self.starttls else { return Ok(stream) };
        let begun = Box::pin(starttls.begin(stream, self.server_name, self.until)).await;
        begun.map_err(|_| Answer::Closed)
    }
}
