//! The tasks of an HTTP/2 connection, run within the probe and ended with it.

use std::pin::Pin;
use std::sync::{Arc, Mutex, PoisonError};
use std::task::{Context, Poll};

use futures_util::StreamExt;
use futures_util::stream::FuturesUnordered;
use hyper::rt;

type Task = Pin<Box<dyn Future<Output = ()> + Send>>;

/// Runs what an [`Executor`] was given, when polled.
#[derive(Debug)]
pub(super) struct Tasks {
    running: FuturesUnordered<Task>,
    given: Executor,
}

/// Takes tasks in.
#[derive(Clone, Default)]
pub(super) struct Executor(Arc<Mutex<Vec<Task>>>);

impl Tasks {
    pub(super) fn new() -> (Self, Executor) {
        let given = Executor::default();
        (Self { running: FuturesUnordered::new(), given: given.clone() }, given)
    }

    /// Runs every task as far as it comes, those that others start meanwhile too.
    pub(super) fn poll(&mut self, context: &mut Context<'_>) {
        loop {
            let given =
                std::mem::take(&mut *self.given.0.lock().unwrap_or_else(PoisonError::into_inner));
            let is_quiet = given.is_empty();
            self.running.extend(given);
            while let Poll::Ready(Some(())) = self.running.poll_next_unpin(context) {}
            if is_quiet {
                return;
            }
        }
    }
}

impl<F: Future<Output = ()> + Send + 'static> rt::Executor<F> for Executor {
    fn execute(&self, task: F) {
        self.0.lock().unwrap_or_else(PoisonError::into_inner).push(Box::pin(task));
    }
}

impl std::fmt::Debug for Executor {
    fn fmt(&self, f: &mut std::fmt::Formatter<'_>) -> std::fmt::Result {
        f.write_str("Executor")
    }
}
