//! A check's past: what is rolled up, and the samples that are not yet.

use std::collections::BTreeMap;

use health::history::{Bucket, History, Sample};
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
    let mut samples = fresh;
    if let Some(check) = check {
        rolled = rolled_until(connection)?;
        hours = buckets(connection, check, HOUR, now.as_second() - DAY)?;
        days = buckets(connection, check, DAY, now.as_second() - 90 * DAY)?;
        samples = recent(connection, check, samples, rolled, count)?;
    }
    for sample in &samples {
        let at = sample.at.as_second();
        if at >= rolled {
            hours.entry(at.div_euclid(HOUR) * HOUR).or_default().add(sample);
            days.entry(at.div_euclid(DAY) * DAY).or_default().add(sample);
        }
    }
    samples.drain(..samples.len().saturating_sub(count));
    let since = now.as_second() - DAY;
    hours.retain(|at, _| at + HOUR > since);
    Ok(History { samples, hours: finish(hours), days: finish(days), ..History::default() })
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
