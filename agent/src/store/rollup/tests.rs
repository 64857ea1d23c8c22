//! Roll-ups against sums made by hand.

use std::sync::Arc;

use health::history::{Bucket, Percentiles, Sample};
use jiff::{SignedDuration, Timestamp};

use crate::store::tests::folder;
use crate::store::{Retention, Store};

/// The start of an hour that is the start of a day.
const START: i64 = 1_800_057_600;

fn at(seconds: i64) -> Timestamp {
    Timestamp::from_second(START + seconds).unwrap()
}

/// Irregular, so that no sum comes out right by chance.
fn sample(n: i64) -> Sample {
    Sample {
        at: Timestamp::from_millisecond((START * 1000) + n * 17_300).unwrap(),
        duration_seconds: f64::from(u32::try_from(n * 7919 % 100_000).unwrap()) / 1e6,
        success: n % 11 != 3,
    }
}

#[expect(clippy::cast_precision_loss, reason = "small numbers")]
fn by_hand(samples: &[Sample], span: i64) -> Vec<Bucket> {
    let mut buckets: Vec<Bucket> = Vec::new();
    for sample in samples {
        let start = sample.at.as_second().div_euclid(span) * span;
        if buckets.last().is_none_or(|bucket| bucket.at.as_second() != start) {
            let at = Timestamp::from_second(start).unwrap();
            buckets.push(Bucket {
                at,
                good: 0,
                bad: 0,
                mean_seconds: 0.0,
                max_seconds: 0.0,
                percentiles: None,
            });
        }
        let bucket = buckets.last_mut().unwrap();
        *(if sample.success { &mut bucket.good } else { &mut bucket.bad }) += 1;
        let count = (bucket.good + bucket.bad) as f64;
        bucket.mean_seconds += (sample.duration_seconds - bucket.mean_seconds) / count;
        bucket.max_seconds = bucket.max_seconds.max(sample.duration_seconds);
    }
    buckets
}

#[track_caller]
fn assert_same(got: &[Bucket], wanted: &[Bucket], tolerance: f64) {
    assert_eq!(got.len(), wanted.len());
    for (got, wanted) in got.iter().zip(wanted) {
        assert_eq!((got.at, got.good, got.bad), (wanted.at, wanted.good, wanted.bad));
        assert!((got.mean_seconds - wanted.mean_seconds).abs() <= tolerance, "{got:?} {wanted:?}");
        assert!((got.max_seconds - wanted.max_seconds).abs() <= tolerance, "{got:?} {wanted:?}");
    }
}

#[tokio::test]
async fn roll_ups_come_to_the_same_as_adding_up_by_hand_whenever_they_run() {
    let (_folder, path) = folder();
    let (store, _) = Store::open(&path, at(0)).unwrap();
    let checks: [Arc<str>; 2] = ["a".into(), "b".into()];
    // Twenty hours and a bit.
    let samples: Vec<Sample> = (0..4200).map(sample).collect();
    let end = samples.last().unwrap().at;
    for (n, sample) in samples.iter().enumerate() {
        store.append(checks.iter().map(|check| (check, *sample)));
        // At odd moments, and twice for the same.
        if n % 937 == 0 {
            store.roll_up(sample.at).await.unwrap();
            store.roll_up(sample.at).await.unwrap();
        }
    }
    let before = store.history("a", end).await.unwrap();
    let later = end.checked_add(SignedDuration::from_hours(2)).unwrap();
    store.roll_up(later).await.unwrap();
    let after = store.history("a", end).await.unwrap();
    for history in [&before, &after, &store.history("b", end).await.unwrap()] {
        assert_eq!(history.samples, samples[samples.len() - 300..]);
        assert_same(&history.hours, &by_hand(&samples, 3600), 1e-9);
        assert_same(&history.days, &by_hand(&samples, 86_400), 1e-9);
        for hour in &history.hours {
            let of_hour =
                samples.iter().filter(|it| it.at.as_second() / 3600 * 3600 == hour.at.as_second());
            let mut durations: Vec<f64> = of_hour.map(|it| it.duration_seconds).collect();
            let wanted = Percentiles::of(&mut durations).unwrap();
            let got = hour.percentiles.unwrap();
            for (got, wanted) in [
                (got.p50_seconds, wanted.p50_seconds),
                (got.p90_seconds, wanted.p90_seconds),
                (got.p99_seconds, wanted.p99_seconds),
            ] {
                assert!((got - wanted).abs() < 1e-9, "{got} {wanted}");
            }
        }
        assert!(history.days.iter().all(|day| day.percentiles.is_none()));
    }
    let minutes = store.minutes("a", at(0), later).await.unwrap();
    assert_same(&minutes, &by_hand(&samples, 60), 1.1e-6);
    let some = store.minutes("a", at(90), at(7300)).await.unwrap();
    let wanted = by_hand(&samples, 60);
    let wanted: Vec<Bucket> =
        wanted.into_iter().filter(|bucket| bucket.at >= at(90) && bucket.at < at(7300)).collect();
    assert_same(&some, &wanted, 1.1e-6);
    assert!(store.minutes("nobody", at(0), later).await.unwrap().is_empty());
}

#[tokio::test]
async fn what_is_old_is_forgotten_level_by_level() {
    let (_folder, path) = folder();
    let (store, _) = Store::open(&path, at(0)).unwrap();
    let check: Arc<str> = "a".into();
    store.append((0..600).map(|n| (&check, sample(n))));
    store.roll_up(at(24 * 3600)).await.unwrap();
    let days = |days: i64| at(days * 86_400 + 7200);
    let left = async |now: Timestamp| {
        store.retain(now, Retention::default()).await.unwrap();
        store
            .on_writer(|connection| {
                let count =
                    |sql| connection.query_row(sql, [], |row| row.get::<_, i64>(0)).unwrap();
                [
                    count("SELECT min(count(*), 1) FROM sample_chunk"),
                    count("SELECT min(count(*), 1) FROM minutes"),
                    count("SELECT min(count(*), 1) FROM bucket WHERE span = 3600"),
                    count("SELECT min(count(*), 1) FROM bucket WHERE span = 86400"),
                ]
            })
            .await
    };
    assert_eq!(left(days(1)).await, [1, 1, 1, 1]);
    assert_eq!(left(days(3)).await, [0, 1, 1, 1]);
    assert_eq!(left(days(8)).await, [0, 0, 1, 1]);
    assert_eq!(left(days(91)).await, [0, 0, 0, 1]);
    assert_eq!(left(days(731)).await, [0, 0, 0, 0]);
}

#[tokio::test]
async fn the_newest_incident_of_a_check_is_never_forgotten() {
    use crate::store::tests::{engine, opening, receiver, resolving};
    let (_folder, path) = folder();
    let (store, _) = Store::open(&path, at(0)).unwrap();
    let mut engine = engine(&[receiver("ops", "http://127.0.0.1:9/".to_owned())]);
    for (check, hours) in [("a", 0), ("a", 1), ("b", 2)] {
        store.commit(opening(&mut engine, check, at(hours * 3600)));
        let resolved = resolving(&mut engine, check, at(hours * 3600 + 60));
        store.commit(resolved).written().await.unwrap();
    }
    store.commit(opening(&mut engine, "c", at(3 * 3600))).written().await.unwrap();
    store.retain(at(800 * 86_400), Retention::default()).await.unwrap();
    let left = store.incidents(10, None).await.unwrap();
    let left: Vec<_> = left.iter().map(|incident| (&*incident.check, incident.opened_at)).collect();
    assert_eq!(left, [("c", at(3 * 3600)), ("b", at(2 * 3600)), ("a", at(3600))]);
}
