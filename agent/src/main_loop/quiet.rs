//! Quiet that somebody asks for: written down before they are told that it holds.
//! Deliberately absent: who may ask, which the server knows.

use health::{Acknowledgement, Silence};
use jiff::Timestamp;
use tokio::sync::oneshot;

use super::MainLoop;
use crate::store::Batch;

impl MainLoop {
    pub(super) fn silence(
        &mut self,
        silence: Silence,
        written: oneshot::Sender<()>,
        now: Timestamp,
    ) {
        self.engine.silence(silence.clone());
        self.batch.silences.push(silence);
        self.write_and_tell(written, (), now);
    }

    pub(super) fn end_silence(&mut self, id: &str, written: oneshot::Sender<bool>, now: Timestamp) {
        let ended = self.engine.end_silence(id, now);
        let is_known = ended.is_some();
        self.batch.silences.extend(ended);
        self.write_and_tell(written, is_known, now);
    }

    pub(super) fn acknowledge(
        &mut self,
        incident: &str,
        acknowledgement: Option<Acknowledgement>,
        written: oneshot::Sender<bool>,
        now: Timestamp,
    ) {
        let step = self.engine.acknowledge(incident, acknowledgement, now);
        let is_open = step.is_some();
        step.into_iter().for_each(|step| self.decided(step));
        self.write_and_tell(written, is_open, now);
    }

    /// Commits at once, and answers whoever waits when that is durable.
    fn write_and_tell<T: Send + 'static>(
        &mut self,
        written: oneshot::Sender<T>,
        answer: T,
        now: Timestamp,
    ) {
        self.remind(now);
        let batch = Batch { at: now, ..std::mem::take(&mut self.batch) };
        if batch.is_empty() {
            let _ = written.send(answer);
            return;
        }
        let receipt = self.store.commit(batch);
        tokio::spawn(async move {
            if receipt.written().await.is_ok() {
                // Whoever asked may have gone.
                let _ = written.send(answer);
            }
        });
    }
}
