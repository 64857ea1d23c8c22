//! Recent observations, eight bytes each: kept in memory until there is enough for a row.
//!
//! A row per observation would be 86 million rows a day for 10,000 checks every 10 seconds. Killed,
//! the agent loses at most five minutes of samples; changes, incidents and notifications never wait here.

use std::collections::HashMap;
use std::sync::atomic::{AtomicU64, Ordering};
use std::sync::{Arc, Mutex, MutexGuard, PoisonError};

use health::history::Sample;
use jiff::Timestamp;

/// Samples in one row at most.
const CHUNK_SAMPLES: usize = 30;
/// Time that one row spans at most, milliseconds.
pub(super) const CHUNK_SPAN_MS: i64 = 300_000;
/// Rows that may wait for the writer; beyond that, new samples are dropped and counted.
const CHUNKS_WAITING: usize = 20_000;
/// Rows are written this often, by the time of the samples, or as soon as there are so many.
const WRITE_EVERY_MS: i64 = 10_000;
const WRITE_AT_CHUNKS: usize = 512;
/// Rows in one transaction at most, because commits wait for it.
pub(super) const CHUNKS_AT_ONCE: usize = 2000;
/// Bytes of one sample.
const SAMPLE_BYTES: usize = 8;
/// Marks a good observation; the bits below are the duration in microseconds.
const SUCCESS: u32 = 1 << 31;

/// Some consecutive samples of one check.
#[derive(Clone, Debug, PartialEq)]
pub(super) struct Chunk {
    /// When the first one was taken; the others count from here.
    pub(super) first_ms: i64,
    /// Encoded samples.
    pub(super) data: Vec<u8>,
}

impl Chunk {
    fn begin(first_ms: i64) -> Self {
        Self { first_ms, data: Vec::new() }
    }

    /// Adds a sample; `false` when it does not fit and a new chunk has to begin.
    fn push(&mut self, sample: &Sample) -> bool {
        let delta = sample.at.as_millisecond() - self.first_ms;
        let is_full = self.data.len() >= CHUNK_SAMPLES * SAMPLE_BYTES;
        let (false, Ok(delta)) = (is_full || delta > CHUNK_SPAN_MS, u32::try_from(delta)) else {
            return false;
        };
        let success = if sample.success { SUCCESS } else { 0 };
        self.data.extend_from_slice(&delta.to_le_bytes());
        self.data.extend_from_slice(&(success | micros(sample.duration_seconds)).to_le_bytes());
        true
    }
}

/// Saturates at 35 minutes; a probe's timeout is far below.
#[expect(clippy::cast_possible_truncation, clippy::cast_sign_loss, reason = "clamped before")]
fn micros(seconds: f64) -> u32 {
    (seconds * 1e6).round().clamp(0.0, f64::from(SUCCESS - 1)) as u32
}

/// The samples of one row.
pub(super) fn decode(first_ms: i64, data: &[u8]) -> impl Iterator<Item = Sample> + '_ {
    data.chunks_exact(SAMPLE_BYTES).filter_map(move |bytes| {
        let delta = u32::from_le_bytes(bytes.first_chunk().copied()?);
        let word = u32::from_le_bytes(bytes.last_chunk().copied()?);
        Some(Sample {
            at: Timestamp::from_millisecond(first_ms + i64::from(delta)).ok()?,
            duration_seconds: f64::from(word & !SUCCESS) / 1e6,
            success: word & SUCCESS != 0,
        })
    })
}

/// Chunks of several checks, ready to be written.
pub(super) type Ready = Arc<Vec<(Arc<str>, Chunk)>>;

/// Shared by the loop, which adds, the writer, which takes, and readers of the newest samples.
#[derive(Debug, Default)]
pub(super) struct SampleBuffer {
    chunks: Mutex<Chunks>,
    dropped: AtomicU64,
}

#[derive(Debug, Default)]
struct Chunks {
    open: HashMap<Arc<str>, Chunk>,
    full: Vec<(Arc<str>, Chunk)>,
    /// Taken by the writer and not yet durable.
    writing: Ready,
    latest_ms: i64,
    swept_ms: i64,
}

impl SampleBuffer {
    /// Adds samples; never waits for the disk.
    pub(super) fn add<'a>(&self, samples: impl IntoIterator<Item = (&'a Arc<str>, Sample)>) {
        let mut chunks = self.lock();
        for (check, sample) in samples {
            chunks.latest_ms = chunks.latest_ms.max(sample.at.as_millisecond());
            if chunks.open.get_mut(check).is_some_and(|chunk| chunk.push(&sample)) {
                continue;
            }
            let mut chunk = Chunk::begin(sample.at.as_millisecond());
            chunk.push(&sample);
            if let Some(full) = chunks.open.insert(Arc::clone(check), chunk) {
                if chunks.full.len() < CHUNKS_WAITING {
                    chunks.full.push((Arc::clone(check), full));
                } else {
                    let samples = (full.data.len() / SAMPLE_BYTES) as u64;
                    self.dropped.fetch_add(samples, Ordering::Relaxed);
                }
            }
        }
    }

    /// What the writer should write next: what it failed to write last, or else what is full or old by
    /// now, or simply everything; at most [`CHUNKS_AT_ONCE`].
    pub(super) fn take(&self, which: Take) -> Ready {
        let mut chunks = self.lock();
        if !chunks.writing.is_empty() {
            return Arc::clone(&chunks.writing);
        }
        let latest = match which {
            Take::Old => chunks.latest_ms,
            Take::OldAt(now) => now.as_millisecond().max(chunks.latest_ms),
            Take::All => i64::MAX,
        };
        // Every write is a sync of the disk: a few rows wait for more.
        let is_soon = latest.saturating_sub(chunks.swept_ms) < WRITE_EVERY_MS;
        if is_soon && matches!(which, Take::Old) && chunks.full.len() < WRITE_AT_CHUNKS {
            return Ready::default();
        }
        chunks.swept_ms = chunks.latest_ms;
        let is_old = |chunk: &Chunk| latest.saturating_sub(chunk.first_ms) >= CHUNK_SPAN_MS;
        let old: Vec<_> = chunks.open.extract_if(|_, chunk| is_old(chunk)).collect();
        chunks.full.extend(old);
        let count = chunks.full.len().min(CHUNKS_AT_ONCE);
        chunks.writing = Arc::new(chunks.full.drain(..count).collect());
        Arc::clone(&chunks.writing)
    }

    /// What was taken last is durable.
    pub(super) fn written(&self) {
        self.lock().writing = Ready::default();
    }

    /// Samples of one check that are not durable yet, oldest first within each chunk.
    pub(super) fn of(&self, check: &str) -> Vec<Sample> {
        let chunks = self.lock();
        let waiting = chunks.writing.iter().chain(&chunks.full);
        waiting
            .filter(|(name, _)| &**name == check)
            .map(|(_, chunk)| chunk)
            .chain(chunks.open.get(check))
            .flat_map(|chunk| decode(chunk.first_ms, &chunk.data))
            .collect()
    }

    /// When the newest sample was taken.
    pub(super) fn latest(&self) -> Timestamp {
        Timestamp::from_millisecond(self.lock().latest_ms).unwrap_or_default()
    }

    /// Samples dropped because the writer was behind.
    pub(super) fn dropped(&self) -> u64 {
        self.dropped.load(Ordering::Relaxed)
    }

    fn lock(&self) -> MutexGuard<'_, Chunks> {
        // Nothing in here can panic half-way; what another thread left is whole.
        self.chunks.lock().unwrap_or_else(PoisonError::into_inner)
    }
}

/// How much the writer takes.
#[derive(Clone, Copy, Debug)]
pub(super) enum Take {
    /// Full chunks, and old ones by the time of the newest sample.
    Old,
    /// Full chunks, and old ones at this moment.
    OldAt(Timestamp),
    /// Everything: the agent stops.
    All,
}

#[cfg(test)]
mod tests {
    use proptest::prelude::*;

    use super::*;

    fn sample(ms: i64, micros: u32, success: bool) -> Sample {
        let at = Timestamp::from_millisecond(1_800_000_000_000 + ms).unwrap();
        Sample { at, duration_seconds: f64::from(micros) / 1e6, success }
    }

    proptest! {
        #[test]
        fn what_goes_in_comes_out(
            seen in proptest::collection::vec((-100_000_i64..100_000, 0_u32..1 << 31, any::<bool>()), 0..200),
        ) {
            let buffer = SampleBuffer::default();
            let check: Arc<str> = "c".into();
            let mut ms = 0;
            let samples: Vec<Sample> = seen.iter().map(|&(step, took, ok)| {
                ms += step;
                sample(ms, took, ok)
            }).collect();
            buffer.add(samples.iter().map(|sample| (&check, *sample)));
            prop_assert_eq!(&buffer.of("c"), &samples);
            let taken = buffer.take(Take::All);
            prop_assert_eq!(&buffer.of("c"), &samples);
            prop_assert!(taken.iter().all(|(_, chunk)| chunk.data.len() <= 240));
            let stored: Vec<Sample> =
                taken.iter().flat_map(|(_, chunk)| decode(chunk.first_ms, &chunk.data)).collect();
            prop_assert_eq!(&stored, &samples);
            buffer.written();
            prop_assert!(buffer.of("c").is_empty());
        }
    }

    #[test]
    fn the_writer_gets_rows_of_thirty_or_five_minutes() {
        let buffer = SampleBuffer::default();
        let (fast, slow): (Arc<str>, Arc<str>) = ("fast".into(), "slow".into());
        for n in 0..31 {
            buffer.add([(&fast, sample(n * 1000, 5, true))]);
        }
        buffer.add([(&slow, sample(0, 5, true))]);
        let taken = buffer.take(Take::Old);
        assert_eq!(taken.iter().map(|(name, _)| &**name).collect::<Vec<_>>(), ["fast"]);
        assert_eq!(buffer.take(Take::Old), taken, "taken again until it is written");
        buffer.written();
        buffer.add([(&slow, sample(CHUNK_SPAN_MS + 1, 5, true))]);
        let taken = buffer.take(Take::Old);
        assert_eq!(taken.iter().map(|(name, _)| &**name).collect::<Vec<_>>(), ["slow"]);
    }

    #[test]
    fn a_writer_that_is_behind_costs_samples_and_they_are_counted() {
        let buffer = SampleBuffer::default();
        let check: Arc<str> = "c".into();
        let far_apart = |n: i64| sample(n * 2 * CHUNK_SPAN_MS, 5, true);
        for n in 0..=i64::try_from(CHUNKS_WAITING).unwrap() + 2 {
            buffer.add([(&check, far_apart(n))]);
        }
        assert_eq!(buffer.dropped(), 2);
    }
}
