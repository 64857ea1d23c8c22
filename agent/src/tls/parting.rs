//! The end of a connection that was shaken hands on: in the protocol's own words, and listening where
//! the server has still to say what it makes of us.

use std::io;
use std::time::Duration;

use rustls::Error;
use tokio::io::{AsyncReadExt, AsyncWriteExt};
use tokio::time::{Instant, timeout_at};
use tokio_rustls::client::TlsStream;

use super::{Offer, Presented};
use crate::clock::monotonic;
use crate::net::Connection;

/// How long a server that asked for a certificate is given to refuse it. Those that accept it, and
/// those that mind neither way, end the connection as we do.
const VERDICT: Duration = Duration::from_secs(2);

/// Says goodbye, so that the server's log stays clean. With TLS 1.3 our handshake is over before the
/// server has looked at our certificate (RFC 8446 section 4.4.2): if it then refuses it, or the lack
/// of one, this is the number of its alert.
pub(crate) async fn part(
    mut stream: TlsStream<Connection>,
    presented: &Presented,
    offer: Offer<'_>,
    until: Instant,
) -> Option<u8> {
    let mut alert = None;
    if let Some(starttls) = offer.starttls {
        let left = Box::pin(starttls.leave(&mut stream, until)).await;
        alert = left.err().and_then(|error| refusal(&error));
    }
    if presented.asked.is_some() && presented.protocol == "TLS 1.3" && alert.is_none() {
        let until = until.min(Instant::from_std(monotonic() + VERDICT));
        return timeout_at(until, verdict(&mut stream)).await.ok().flatten();
    }
    let _ = timeout_at(until, stream.shutdown()).await;
    alert
}

/// Ends our half and reads the other to its end.
async fn verdict(stream: &mut TlsStream<Connection>) -> Option<u8> {
    let _ = stream.shutdown().await;
    let mut heard = [0; 1024];
    loop {
        match stream.read(&mut heard).await {
            Ok(1..) => {}
            Ok(0) => return None,
            Err(error) => return refusal(&error),
        }
    }
}

fn refusal(error: &io::Error) -> Option<u8> {
    match error.get_ref()?.downcast_ref::<Error>()? {
        Error::AlertReceived(alert) => Some(u8::from(*alert)),
        _ => None,
    }
}
