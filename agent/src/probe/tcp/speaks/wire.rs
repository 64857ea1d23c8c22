//! The wire of one hello: what is sent, and what is read with a cap and until the deadline.

use std::net::IpAddr;
use std::time::Duration;

use tokio::io::{AsyncReadExt, AsyncWriteExt};
use tokio::time::{Instant, timeout_at};

use super::{Reason, Refusal, Trouble};
use crate::clock::monotonic;
use crate::net::Connection;

/// Most bytes read in one hello; the longest, AMQP's list of what the server can, has less than 2 KiB.
pub(super) const MAX_HELLO_BYTES: usize = 16 * 1024;
/// Room made for one read.
const READ_BYTES: usize = 2048;
/// Most bytes kept of what was said first.
const FIRST_BYTES: usize = 1024;

/// How long a server's own goodbye is waited for.
const LEAVE: Duration = Duration::from_millis(200);

/// What a parser makes of the bytes so far.
pub(crate) enum Parsed<T> {
    /// Whole, and this many bytes long.
    Whole(T, usize),
    /// So far so good; more has to come.
    Partly,
    /// Not this protocol.
    Foreign,
}

/// One connection during its hello.
pub(crate) struct Wire {
    connection: Connection,
    deadline: Instant,
    heard: Vec<u8>,
    /// As much of it as the parsers have taken.
    used: usize,
}

impl Wire {
    pub(crate) fn new(connection: Connection, deadline: Instant) -> Self {
        Self { connection, deadline, heard: Vec::new(), used: 0 }
    }

    /// The beginning of everything the peer has said.
    pub(crate) fn first(&self) -> &[u8] {
        &self.heard[..self.heard.len().min(FIRST_BYTES)]
    }

    pub(crate) async fn send(&mut self, bytes: &[u8]) -> Result<(), Trouble> {
        match timeout_at(self.deadline, self.connection.write_all(bytes)).await {
            Ok(Ok(())) => Ok(()),
            Ok(Err(error)) => Err(self.broken_off(error.to_string())),
            Err(_) => Err(self.out_of_time()),
        }
    }

    /// The last word, which needs no answer and whose loss is no trouble.
    pub(super) async fn farewell(&mut self, bytes: &[u8]) {
        let _ = timeout_at(self.deadline, self.connection.write_all(bytes)).await;
        let _ = timeout_at(self.deadline, self.connection.shutdown()).await;
    }

    /// The last word where the server has one too. Waits a moment for it: who closes on it looks, in some
    /// servers' logs, like one who was lost.
    pub(crate) async fn take_leave(&mut self, bytes: &[u8]) {
        self.farewell(bytes).await;
        let until = self.deadline.min(Instant::from_std(monotonic() + LEAVE));
        let _ = timeout_at(until, self.connection.read(&mut [0; 512])).await;
    }

    /// Our own address as `EHLO` takes it (RFC 5321 section 4.1.3).
    pub(crate) fn own_address_literal(&self) -> String {
        match self.connection.local_addr().map(|address| address.ip()) {
            Ok(IpAddr::V6(ip)) => format!("[IPv6:{ip}]"),
            Ok(IpAddr::V4(ip)) => format!("[{ip}]"),
            Err(_) => "[127.0.0.1]".to_owned(),
        }
    }

    /// Reads until `parse` has something whole.
    pub(crate) async fn read<T>(
        &mut self,
        mut parse: impl FnMut(&[u8]) -> Parsed<T>,
    ) -> Result<T, Trouble> {
        loop {
            let fresh = &self.heard[self.used..];
            if !fresh.is_empty() {
                match parse(fresh) {
                    Parsed::Whole(whole, length) => {
                        self.used += length.min(fresh.len());
                        return Ok(whole);
                    }
                    Parsed::Foreign => return Err(self.stranger("it does not go on as it should")),
                    Parsed::Partly => {}
                }
            }
            let room = MAX_HELLO_BYTES.saturating_sub(self.heard.len());
            if room == 0 {
                return Err(self.stranger("stopped reading at 16 KiB"));
            }
            self.heard.reserve(room.min(READ_BYTES));
            let mut bounded = (&mut self.connection).take(room as u64);
            match timeout_at(self.deadline, bounded.read_buf(&mut self.heard)).await {
                Ok(Ok(0)) => return Err(self.broken_off("closed by the peer".to_owned())),
                Ok(Ok(_)) => {}
                Ok(Err(error)) => return Err(self.broken_off(error.to_string())),
                Err(_) => return Err(self.out_of_time()),
            }
        }
    }

    /// Reads one line and hands it back without its end. `begins_well` looks at its beginning, so that
    /// who speaks another protocol is found out before a line of it has ended.
    pub(crate) async fn line(
        &mut self,
        begins_well: impl Fn(&[u8]) -> bool,
    ) -> Result<Vec<u8>, Trouble> {
        self.read(|bytes| {
            let end = bytes.iter().position(|&byte| byte == b'\n');
            let line = bytes[..end.unwrap_or(bytes.len())].trim_ascii_end();
            match end {
                _ if !begins_well(line) => Parsed::Foreign,
                Some(end) => Parsed::Whole(line.to_vec(), end + 1),
                None => Parsed::Partly,
            }
        })
        .await
    }

    /// The connection itself, for what is spoken over it next. Whoever has said more than was asked for
    /// by then, or somebody in between, would have it taken for part of that.
    pub(crate) fn into_connection(self) -> Result<Connection, Trouble> {
        match self.heard.len() == self.used {
            true => Ok(self.connection),
            false => Err(self.stranger("it says more than its turn")),
        }
    }

    /// What came is not this protocol.
    pub(crate) fn stranger(&self, ended: &'static str) -> Trouble {
        Trouble::Stranger { got: self.first().to_vec(), ended }
    }

    fn broken_off(&self, how: String) -> Trouble {
        match self.heard.is_empty() {
            true => Trouble::Cut(how),
            false => Trouble::Stalled { got: self.first().to_vec(), cut: Some(how) },
        }
    }

    fn out_of_time(&self) -> Trouble {
        match self.heard.is_empty() {
            true => Trouble::Silent,
            false => Trouble::Stalled { got: self.first().to_vec(), cut: None },
        }
    }
}

/// It is the right protocol, and says that it does not serve.
pub(super) fn refused<T>(reason: Reason, said: &[u8]) -> Result<T, Trouble> {
    Err(Trouble::Refused(Refusal { reason, said: said.to_vec() }))
}

/// Whether bytes that may have only just begun to come can still become this.
pub(crate) fn may_become(bytes: &[u8], whole: &[u8]) -> bool {
    let common = bytes.len().min(whole.len());
    bytes[..common] == whole[..common]
}
