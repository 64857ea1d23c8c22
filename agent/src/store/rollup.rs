//! Observations boiled down: minutes, hours and days.
//!
//! An hour is rolled up once it is over and its samples are durable, check by check, from the samples;
//! its day is added up again from its hours. Done twice, it comes to the same. Until then, pages add
//! up the samples themselves. Samples that become durable later than that (after a long time without
//! disk space) show among the recent ones and are missing from the sums.

use health::history::{Bucket, Percentiles, Sample};
use jiff::{SignedDuration, Timestamp};
use rusqlite::{Connection, OptionalExtension as _, params};

use super::samples::{CHUNK_SPAN_MS, decode};

const MINUTE: i64 = 60;
const HOUR: i64 = 3600;
const DAY: i64 = 86_400;
/// How long after its end an hour is rolled up: samples take five minutes to become durable.
const SETTLED: SignedDuration = SignedDuration::from_mins(10);
/// Bytes of one minute: its number in the hour, good, bad, mean and maximum microseconds.
const MINUTE_BYTES: usize = 13;

/// Sums of some observations.
#[derive(Clone, Copy, Debug, Default, PartialEq)]
struct Sums {
    good: i64,
    bad: i64,
    sum_us: i64,
    max_us: i64,
}

impl Sums {
    fn add(&mut self, sample: &Sample) {
        let took = micros(sample.duration_seconds);
        *(if sample.success { &mut self.good } else { &mut self.bad }) += 1;
        self.sum_us += took;
        self.max_us = self.max_us.max(took);
    }

    #[expect(clippy::cast_precision_loss, reason = "seconds for people")]
    fn bucket(self, at: i64) -> Bucket {
        let count = (self.good + self.bad).max(1);
        Bucket {
            at: Timestamp::from_second(at).unwrap_or_default(),
            good: u64::try_from(self.good).unwrap_or(0),
            bad: u64::try_from(self.bad).unwrap_or(0),
            mean_seconds: self.sum_us as f64 / count as f64 / 1e6,
            max_seconds: self.max_us as f64 / 1e6,
            percentiles: None,
        }
    }
}

#[expect(clippy::cast_possible_truncation, reason = "at most 35 minutes in microseconds")]
fn micros(seconds: f64) -> i64 {
    (seconds * 1e6).round() as i64
}

/// Roll-ups begin with the hour in which the database was made.
pub(super) fn begin(connection: &Connection, now: Timestamp) -> rusqlite::Result<()> {
    let hour = now.as_second().div_euclid(HOUR) * HOUR;
    connection
        .execute("INSERT OR IGNORE INTO mark (name, value) VALUES ('rolled_until', ?1)", [hour])?;
    Ok(())
}

/// The start of the first hour not rolled up.
fn rolled_until(connection: &Connection) -> rusqlite::Result<i64> {
    let sql = "SELECT value FROM mark WHERE name = 'rolled_until'";
    Ok(connection.prepare_cached(sql)?.query_row([], |row| row.get(0)).optional()?.unwrap_or(0))
}

/// How far a roll-up has come.
#[derive(Debug)]
pub(super) struct Progress {
    until: i64,
    last_check: i64,
}

impl Progress {
    pub(super) fn new(now: Timestamp) -> Self {
        let settled = now.saturating_sub(SETTLED).unwrap_or(Timestamp::MIN);
        Self { until: settled.as_second().div_euclid(HOUR) * HOUR, last_check: 0 }
    }

    /// Rolls up one hour of some checks; `true` when nothing is left. The caller's transaction makes
    /// it one step.
    pub(super) fn step(&mut self, connection: &Connection, checks: u32) -> rusqlite::Result<bool> {
        let hour = rolled_until(connection)?;
        if hour >= self.until {
            return Ok(true);
        }
        let ids = connection
            .prepare_cached("SELECT id FROM checks WHERE id > ?1 ORDER BY id LIMIT ?2")?
            .query_map(params![self.last_check, checks], |row| row.get(0))?
            .collect::<Result<Vec<i64>, _>>()?;
        for &check in &ids {
            roll_hour(connection, check, hour)?;
        }
        if let Some(&last) = ids.last() {
            self.last_check = last;
            return Ok(false);
        }
        self.last_check = 0;
        connection
            .prepare_cached("UPDATE mark SET value = ?1 WHERE name = 'rolled_until'")?
            .execute([hour + HOUR])?;
        Ok(hour + HOUR >= self.until)
    }
}

fn roll_hour(connection: &Connection, check: i64, hour: i64) -> rusqlite::Result<()> {
    let mut minutes = [Sums::default(); 60];
    let mut whole = Sums::default();
    let mut durations = Vec::new();
    for sample in stored(connection, check, hour, Some(hour + HOUR))? {
        durations.push(sample.duration_seconds);
        let minute = (sample.at.as_second() - hour) / MINUTE;
        if let Some(sums) = usize::try_from(minute).ok().and_then(|minute| minutes.get_mut(minute))
        {
            sums.add(&sample);
            whole.add(&sample);
        }
    }
    if whole == Sums::default() {
        return Ok(());
    }
    let spread = Percentiles::of(&mut durations);
    connection
        .prepare_cached(
            "INSERT OR REPLACE INTO minutes (check_id, hour, data) VALUES (?1, ?2, ?3)",
        )?
        .execute(params![check, hour, encode_minutes(&minutes)])?;
    connection
        .prepare_cached(
            "INSERT OR REPLACE INTO bucket
             (check_id, span, at, good, bad, sum_us, max_us, p50_us, p90_us, p99_us)
             VALUES (?1, 3600, ?2, ?3, ?4, ?5, ?6, ?7, ?8, ?9)",
        )?
        .execute(params![
            check,
            hour,
            whole.good,
            whole.bad,
            whole.sum_us,
            whole.max_us,
            spread.map(|it| micros(it.p50_seconds)),
            spread.map(|it| micros(it.p90_seconds)),
            spread.map(|it| micros(it.p99_seconds)),
        ])?;
    let day = hour.div_euclid(DAY) * DAY;
    connection
        .prepare_cached(
            "INSERT OR REPLACE INTO bucket (check_id, span, at, good, bad, sum_us, max_us)
             SELECT check_id, 86400, ?2, sum(good), sum(bad), sum(sum_us), max(max_us) FROM bucket
             WHERE check_id = ?1 AND span = 3600 AND at >= ?2 AND at < ?3 GROUP BY check_id",
        )?
        .execute(params![check, day, day + DAY])?;
    Ok(())
}

fn encode_minutes(minutes: &[Sums; 60]) -> Vec<u8> {
    let mut data = Vec::new();
    for (number, sums) in (0_u8..).zip(minutes) {
        let count = sums.good + sums.bad;
        if count == 0 {
            continue;
        }
        let short = |value: i64| u16::try_from(value).unwrap_or(u16::MAX).to_le_bytes();
        let long = |value: i64| u32::try_from(value).unwrap_or(u32::MAX).to_le_bytes();
        data.push(number);
        data.extend_from_slice(&short(sums.good));
        data.extend_from_slice(&short(sums.bad));
        data.extend_from_slice(&long(sums.sum_us / count));
        data.extend_from_slice(&long(sums.max_us));
    }
    data
}

fn decode_minutes(hour: i64, data: &[u8]) -> impl Iterator<Item = Bucket> + '_ {
    data.chunks_exact(MINUTE_BYTES).filter_map(move |bytes| {
        let [number, rest @ ..] = bytes else { return None };
        let (good, rest) = rest.split_first_chunk()?;
        let (bad, rest) = rest.split_first_chunk()?;
        let (mean, rest) = rest.split_first_chunk()?;
        let max = rest.first_chunk()?;
        Some(Bucket {
            at: Timestamp::from_second(hour + i64::from(*number) * MINUTE).ok()?,
            good: u64::from(u16::from_le_bytes(*good)),
            bad: u64::from(u16::from_le_bytes(*bad)),
            mean_seconds: f64::from(u32::from_le_bytes(*mean)) / 1e6,
            max_seconds: f64::from(u32::from_le_bytes(*max)) / 1e6,
            percentiles: None,
        })
    })
}

/// A check's minutes, oldest first.
pub(super) fn minutes(
    connection: &Connection,
    check: i64,
    from: Timestamp,
    until: Timestamp,
) -> rusqlite::Result<Vec<Bucket>> {
    let mut statement = connection.prepare_cached(
        "SELECT hour, data FROM minutes WHERE check_id = ?1 AND hour > ?2 AND hour < ?3 ORDER BY hour",
    )?;
    let mut rows = statement.query(params![check, from.as_second() - HOUR, until.as_second()])?;
    let mut minutes = Vec::new();
    while let Some(row) = rows.next()? {
        let (hour, data): (i64, Vec<u8>) = (row.get(0)?, row.get(1)?);
        let wanted = |bucket: &Bucket| bucket.at >= from && bucket.at < until;
        minutes.extend(decode_minutes(hour, &data).filter(wanted));
    }
    Ok(minutes)
}

/// Durable samples from `from` (seconds) until `until`, or all that follow.
fn stored(
    connection: &Connection,
    check: i64,
    from: i64,
    until: Option<i64>,
) -> rusqlite::Result<Vec<Sample>> {
    let from_ms = from.saturating_mul(1000);
    let until_ms = until.map_or(i64::MAX, |until| until.saturating_mul(1000));
    let mut statement = connection.prepare_cached(
        "SELECT first_ms, data FROM sample_chunk
         WHERE check_id = ?1 AND first_ms >= ?2 AND first_ms < ?3 ORDER BY first_ms",
    )?;
    let mut rows = statement.query(params![check, from_ms - CHUNK_SPAN_MS, until_ms])?;
    let mut samples = Vec::new();
    while let Some(row) = rows.next()? {
        let (first_ms, data): (i64, Vec<u8>) = (row.get(0)?, row.get(1)?);
        let wanted = |sample: &Sample| (from_ms..until_ms).contains(&sample.at.as_millisecond());
        samples.extend(decode(first_ms, &data).filter(wanted));
    }
    Ok(samples)
}

mod past;

pub(super) use past::past;

#[cfg(test)]
mod tests;
