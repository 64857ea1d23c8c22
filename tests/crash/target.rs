//! A listener that comes and goes.

use std::net::SocketAddr;

use jiff::Timestamp;
use portwarden::clock;
use tokio::net::TcpListener;
use tokio::task::JoinHandle;

/// What a target may be seen late: one probe, and the turn of the loop after it.
const SEEN_WITHIN_SECONDS: i64 = 2;

/// A listener that comes and goes, and remembers when.
pub(crate) struct Target {
    pub(crate) address: SocketAddr,
    accepting: Option<JoinHandle<()>>,
    /// From, and until when if it is over.
    pub(crate) closed: Vec<(Timestamp, Option<Timestamp>)>,
}

impl Target {
    pub(crate) async fn open(ip: &str) -> Self {
        let listener = TcpListener::bind((ip, 0)).await.unwrap();
        let address = listener.local_addr().unwrap();
        Self { address, accepting: Some(accept(listener)), closed: Vec::new() }
    }

    pub(crate) async fn close(&mut self) {
        let Some(accepting) = self.accepting.take() else { return };
        self.closed.push((clock::now(), None));
        accepting.abort();
        // The socket is closed once the task is gone.
        let _ = accepting.await;
    }

    pub(crate) async fn reopen(&mut self) {
        if self.accepting.is_some() {
            return;
        }
        let listener = TcpListener::bind(self.address).await.unwrap();
        self.accepting = Some(accept(listener));
        self.closed.last_mut().unwrap().1 = Some(clock::now());
    }

    pub(crate) async fn toggle(&mut self) {
        if self.accepting.is_some() {
            self.close().await;
        } else {
            self.reopen().await;
        }
    }

    pub(crate) fn was_closed_at(&self, at: Timestamp) -> bool {
        let late = jiff::SignedDuration::from_secs(SEEN_WITHIN_SECONDS);
        self.closed
            .iter()
            .any(|(from, until)| *from <= at && until.is_none_or(|until| at <= until + late))
    }
}

fn accept(listener: TcpListener) -> JoinHandle<()> {
    tokio::spawn(async move {
        while let Ok((connection, _)) = listener.accept().await {
            drop(connection);
        }
    })
}
