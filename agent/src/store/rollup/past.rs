//! A check's past: what is rolled up, and the samples that are not yet.

use std::collections::BTreeMap;

use health::history::{Bucket, History, Percentiles, Sample};
use jiff::Timestamp;
use rusqlite::{Connection, params};

use super::{DAY, HOUR, Sums, decode, rolled_until, stored};

/// Hours of the last day, days of the last ninety and the newest `count` samples of a check; without
/// a number it has no rows yet, only `fresh` samples.
pub(in crate::store) fn past(
    connection: &Connection,
    check: Option<i64>,
    fresh: Vec<Sample>,
    count: usize,
    now: Timestamp,
) -> rusqlite::Result<History> {
    let mut rolled = i64::MIN;
    let (mut hours, mut days) = (BTreeMap::new(), BTreeMap::new());
    let mut spread = BTreeMap::new();
    let mut samples = fresh;
    if let Some(check) = check {
        rolled = rolled_until(connection)?;
        hours = buckets(connection, check, HOUR, now.as_second() - DAY)?;
        spread = percentiles(connection, check, now.as_second() - DAY)?;
        days = buckets(connection, check, DAY, now.as_second() - 90 * DAY)?;
        samples = recent(connection, check, samples, rolled, count)?;
    }
    let mut durations: BTreeMap<i64, Vec<f64>> = BTreeMap::new();
    for sample in &samples {
        let at = sample.at.as_second();
        if at >= rolled {
            let hour = at.div_euclid(HOUR) * HOUR;
            hours.entry(hour).or_default().add(sample);
            durations.entry(hour).or_default().push(sample.duration_seconds);
            days.entry(at.div_euclid(DAY) * DAY).or_default().add(sample);
        }
    }
    for (hour, mut durations) in durations {
        spread.extend(Percentiles::of(&mut durations).map(|percentiles| (hour, percentiles)));
    }
    samples.drain(..samples.len().saturating_sub(count));
    let since = now.as_second() - DAY;
    hours.retain(|at, _| at + HOUR > since);
    let mut hours = finish(hours);
    for hour in &mut hours {
        hour.percentiles = spread.remove(&hour.at.as_second());
    }
    Ok(History { samples, hours, days: finish(days), ..History::default() })
}

fn finish(sums: BTreeMap<i64, Sums>) -> Vec<Bucket> {
    sums.into_iter().map(|(at, sums)| sums.bucket(at)).collect()
}

/// Durable and fresh samples in order: all that are not rolled up, and at least the newest `count`.
fn recent(
    connection: &Connection,
    check: i64,
    fresh: Vec<Sample>,
    rolled: i64,
    count: usize,
) -> rusqlite::Result<Vec<Sample>> {
    let mut samples = stored(connection, check, rolled, None)?;
    if samples.len() + fresh.len() < count {
        samples.clear();
        let mut statement = connection.prepare_cached(
            "SELECT first_ms, data FROM sample_chunk WHERE check_id = ?1 ORDER BY first_ms DESC",
        )?;
        let mut rows = statement.query([check])?;
        while samples.len() < count
            && let Some(row) = rows.next()?
        {
            let (first_ms, data): (i64, Vec<u8>) = (row.get(0)?, row.get(1)?);
            samples.extend(decode(first_ms, &data));
        }
    }
    samples.extend(fresh);
    samples.sort_by_key(|sample| sample.at);
    // What became durable between the two looks was seen twice.
    samples.dedup_by_key(|sample| sample.at);
    Ok(samples)
}

fn buckets(
    connection: &Connection,
    check: i64,
    span: i64,
    from: i64,
) -> rusqlite::Result<BTreeMap<i64, Sums>> {
    let mut statement = connection.prepare_cached(
        "SELECT at, good, bad, sum_us, max_us FROM bucket
         WHERE check_id = ?1 AND span = ?2 AND at > ?3 - ?2 ORDER BY at",
    )?;
    let rows = statement.query_map(params![check, span, from], |row| {
        let (good, bad) = (row.get(1)?, row.get(2)?);
        Ok((row.get(0)?, Sums { good, bad, sum_us: row.get(3)?, max_us: row.get(4)? }))
    })?;
    rows.collect()
}

/// How durations spread in the hours that are rolled up.
fn percentiles(
    connection: &Connection,
    check: i64,
    from: i64,
) -> rusqlite::Result<BTreeMap<i64, Percentiles>> {
    let mut statement = connection.prepare_cached(
        "SELECT at, p50_us, p90_us, p99_us FROM bucket
         WHERE check_id = ?1 AND span = 3600 AND at > ?2 - 3600 AND p50_us IS NOT NULL",
    )?;
    let rows = statement.query_map(params![check, from], |row| {
        let seconds = |column| row.get(column).map(|micros: u32| f64::from(micros) / 1e6);
        let (p50_seconds, p90_seconds, p99_seconds) = (seconds(1)?, seconds(2)?, seconds(3)?);
        Ok((row.get(0)?, Percentiles { p50_seconds, p90_seconds, p99_seconds }))
    })?;
    rows.collect()
}
