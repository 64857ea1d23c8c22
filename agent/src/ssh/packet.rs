//! Lines and packets of SSH before anything is encrypted (RFC 4253 sections 4.2 and 6), over one
//! connection, capped and until a deadline.

use tokio::io::{AsyncReadExt, AsyncWriteExt};
use tokio::time::{Instant, timeout_at};

use crate::net::Connection;

/// Most bytes read of one connection: several times what any server sends before its key.
const MOST_BYTES: usize = 128 * 1024;
/// Room made for one read.
const READ_BYTES: usize = 2048;
/// A packet is padded to a multiple of this (RFC 4253 section 6).
const BLOCK_BYTES: usize = 8;

/// Why no more came.
#[derive(Clone, Debug, PartialEq, Eq)]
pub(super) enum Ended {
    /// Not in time.
    Deadline,
    /// Closed or reset, in the operating system's words.
    Closed(String),
    /// More than any server has to say, or a packet that cannot be one.
    Nonsense,
}

/// One connection and what of it was read ahead.
pub(super) struct Line<'c> {
    stream: &'c mut Connection,
    deadline: Instant,
    bytes: Vec<u8>,
    used: usize,
}

impl<'c> Line<'c> {
    pub(super) fn new(stream: &'c mut Connection, deadline: Instant) -> Self {
        Self { stream, deadline, bytes: Vec::new(), used: 0 }
    }

    /// Everything heard so far.
    pub(super) fn heard(&self) -> &[u8] {
        &self.bytes
    }

    pub(super) async fn send(&mut self, bytes: &[u8]) -> Result<(), Ended> {
        match timeout_at(self.deadline, self.stream.write_all(bytes)).await {
            Ok(Ok(())) => Ok(()),
            Ok(Err(error)) => Err(Ended::Closed(error.to_string())),
            Err(_) => Err(Ended::Deadline),
        }
    }

    /// Sends a message as a packet.
    pub(super) async fn send_packet(&mut self, message: &[u8]) -> Result<(), Ended> {
        self.send(&framed(message)).await
    }

    /// The next line, without its end.
    pub(super) async fn line(&mut self) -> Result<Vec<u8>, Ended> {
        let mut searched = self.used;
        loop {
            if let Some(found) = self.bytes[searched..].iter().position(|&byte| byte == b'\n') {
                let end = searched + found;
                let line = &self.bytes[self.used..end];
                let line = line.strip_suffix(b"\r").unwrap_or(line).to_vec();
                self.used = end + 1;
                return Ok(line);
            }
            searched = self.bytes.len();
            self.read_more().await?;
        }
    }

    /// The message within the next packet.
    pub(super) async fn packet(&mut self) -> Result<Vec<u8>, Ended> {
        let length = loop {
            if let Some(length) = self.bytes[self.used..].first_chunk::<4>() {
                break usize::try_from(u32::from_be_bytes(*length)).unwrap_or(usize::MAX);
            }
            self.read_more().await?;
        };
        if !(2..=MOST_BYTES).contains(&length) {
            return Err(Ended::Nonsense);
        }
        let start = self.used + 4;
        while self.bytes.len() < start + length {
            self.read_more().await?;
        }
        let packet = &self.bytes[start..start + length];
        let padding = usize::from(packet[0]);
        let message = packet[1..].len().checked_sub(padding).and_then(|end| packet[1..].get(..end));
        let message = message.filter(|message| !message.is_empty()).map(<[u8]>::to_vec);
        self.used = start + length;
        message.ok_or(Ended::Nonsense)
    }

    async fn read_more(&mut self) -> Result<(), Ended> {
        let room = MOST_BYTES.saturating_sub(self.bytes.len()).min(READ_BYTES);
        if room == 0 {
            return Err(Ended::Nonsense);
        }
        self.bytes.reserve(room);
        let mut bounded = (&mut *self.stream).take(room as u64);
        match timeout_at(self.deadline, bounded.read_buf(&mut self.bytes)).await {
            Ok(Ok(0)) => Err(Ended::Closed("closed without another word".to_owned())),
            Ok(Ok(_)) => Ok(()),
            Ok(Err(error)) => Err(Ended::Closed(error.to_string())),
            Err(_) => Err(Ended::Deadline),
        }
    }
}

/// Padding may be anything while nothing is encrypted; there are at least four bytes of it.
pub(super) fn framed(message: &[u8]) -> Vec<u8> {
    let unpadded = 5 + message.len();
    let padding = match BLOCK_BYTES - unpadded % BLOCK_BYTES {
        few @ 0..4 => few + BLOCK_BYTES,
        enough => enough,
    };
    let length = u32::try_from(1 + message.len() + padding).unwrap_or(u32::MAX);
    let mut packet = Vec::with_capacity(unpadded + padding);
    packet.extend(length.to_be_bytes());
    packet.push(u8::try_from(padding).unwrap_or_default());
    packet.extend(message);
    packet.resize(unpadded + padding, 0);
    packet
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn packets_are_whole_blocks_with_enough_padding() {
        for length in 1..100 {
            let packet = framed(&vec![7; length]);
            assert_eq!(packet.len() % BLOCK_BYTES, 0);
            assert!((4..=12).contains(&packet[4]), "{length}");
            assert_eq!(packet.len(), 5 + length + usize::from(packet[4]));
        }
    }
}
