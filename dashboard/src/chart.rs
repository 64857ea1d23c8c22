//! Pictures in numbers: where the rectangles and lines of the templates' SVG go. Widths are
//! attributes and never styles, because the Content-Security-Policy forbids those.

use std::fmt::Write;
use std::time::Duration;

use health::history::{Bucket, Percentiles, Sample};
use health::{Phase, Phases};
use jiff::{SignedDuration, Timestamp};

use crate::amount;
use crate::words::Words;

mod spread;

pub(crate) use spread::{Spreads, spread};

/// Height of the bars, in the SVG's own units.
const BAR_HEIGHT: f64 = 34.0;

/// One phase as a stretch of the waterfall.
pub(crate) struct Stretch {
    pub(crate) phase: Phase,
    /// Start and width in percent of the whole probe.
    pub(crate) x: String,
    pub(crate) width: String,
    pub(crate) took: String,
}

/// The phases of a probe one after another; what belongs to none of them stays empty at the end.
pub(crate) fn waterfall(phases: &Phases, whole: Duration) -> Vec<Stretch> {
    let sum: Duration = phases.iter().map(|(_, took)| took).sum();
    stretches(phases, Duration::ZERO, whole.max(sum))
}

/// The phases of something that began so long after the whole, one after another.
pub(crate) fn stretches(phases: &Phases, begun: Duration, whole: Duration) -> Vec<Stretch> {
    let whole = whole.as_secs_f64().max(f64::MIN_POSITIVE);
    let mut x = begun.as_secs_f64() / whole * 100.0;
    phases
        .iter()
        .map(|(phase, took)| {
            let width = took.as_secs_f64() / whole * 100.0;
            let shown = width.max(0.5);
            let stretch = Stretch {
                phase,
                x: format!("{:.2}%", f64::min(x, 100.0 - shown)),
                width: format!("{shown:.2}%"),
                took: amount::took(took),
            };
            x += width;
            stretch
        })
        .collect()
}

/// One hour or day: how much of it was good.
pub(crate) struct Bar {
    pub(crate) x: usize,
    pub(crate) good: String,
    pub(crate) bad: String,
    pub(crate) is_empty: bool,
    pub(crate) label: String,
}

/// Bars of equal spans of time, oldest first, spans without observations left empty.
pub(crate) struct Bars {
    pub(crate) bars: Vec<Bar>,
    pub(crate) uptime: Option<String>,
    pub(crate) width: usize,
}

/// How a row of bars is cut.
#[derive(Clone, Copy)]
pub(crate) enum Cut {
    /// 24 bars of an hour.
    Hours,
    /// 90 bars of a day.
    Days,
}

impl Cut {
    const fn seconds(self) -> i64 {
        match self {
            Self::Hours => 3600,
            Self::Days => 86_400,
        }
    }

    const fn bars(self) -> i64 {
        match self {
            Self::Hours => 24,
            Self::Days => 90,
        }
    }

    const fn format(self) -> &'static str {
        match self {
            Self::Hours => "%m-%d %H:%MZ",
            Self::Days => "%Y-%m-%d",
        }
    }
}

/// Width of one bar with its gap.
const BAR_STEP: usize = 10;

/// The buckets as bars that end now.
pub(crate) fn bars(t: Words, buckets: &[Bucket], cut: Cut, now: Timestamp) -> Bars {
    let last = now.as_second().div_euclid(cut.seconds());
    let first = last - cut.bars() + 1;
    let (mut good, mut seen) = (0_u64, 0_u64);
    let mut rest = buckets.iter().peekable();
    let bars = (first..=last)
        .zip(0_usize..)
        .map(|(span, at)| {
            let of = |bucket: &Bucket| bucket.at.as_second().div_euclid(cut.seconds());
            while rest.next_if(|bucket| of(bucket) < span).is_some() {}
            let bucket = rest.next_if(|bucket| of(bucket) == span);
            let start = Timestamp::from_second(span * cut.seconds()).unwrap_or(now);
            let when = start.strftime(cut.format()).to_string();
            let Some(bucket) = bucket.filter(|bucket| bucket.good + bucket.bad > 0) else {
                let label = t.bar_empty(&when);
                let (good, bad) = ("0".to_owned(), "0".to_owned());
                return Bar { x: at * BAR_STEP, good, bad, is_empty: true, label };
            };
            good += bucket.good;
            seen += bucket.good + bucket.bad;
            Bar {
                x: at * BAR_STEP,
                good: format!("{:.1}", BAR_HEIGHT - bad_height(bucket)),
                bad: format!("{:.1}", bad_height(bucket)),
                is_empty: false,
                label: t.bar_label(
                    &when,
                    &amount::percent(bucket.uptime()),
                    &(bucket.good + bucket.bad).to_string(),
                ),
            }
        })
        .collect::<Vec<_>>();
    let whole = Bucket {
        at: now,
        good,
        bad: seen - good,
        mean_seconds: 0.0,
        max_seconds: 0.0,
        percentiles: None,
    };
    let uptime = (seen > 0).then(|| amount::percent(whole.uptime()));
    Bars { width: bars.len() * BAR_STEP, bars, uptime }
}

/// How high the bad part stands: in proportion, but never too small to see.
fn bad_height(bucket: &Bucket) -> f64 {
    if bucket.bad == 0 { 0.0 } else { ((1.0 - bucket.uptime()) * BAR_HEIGHT).max(6.0) }
}

/// The durations of the last observations as a line.
pub(crate) struct Line {
    /// `x,y` pairs in a box of 600 × 80.
    pub(crate) points: String,
    /// The same, closed along the bottom.
    pub(crate) area: String,
    /// Where observations were bad.
    pub(crate) bad: Vec<String>,
    /// How durations spread, and how high each is drawn.
    pub(crate) marks: [Mark; 3],
    pub(crate) longest: String,
    pub(crate) first: Timestamp,
    pub(crate) last: Timestamp,
}

/// How long so many of a hundred took at most.
pub(crate) struct Mark {
    pub(crate) name: &'static str,
    pub(crate) took: String,
    pub(crate) y: String,
}

/// The samples as a line over time, from zero to the longest; `None` for fewer than two.
pub(crate) fn line(samples: &[Sample]) -> Option<Line> {
    let (first, last) = (samples.first()?.at, samples.last()?.at);
    let whole = last.duration_since(first);
    if samples.len() < 2 || whole <= SignedDuration::ZERO {
        return None;
    }
    let mut sorted: Vec<f64> = samples.iter().map(|sample| sample.duration_seconds).collect();
    let spread = Percentiles::of(&mut sorted)?;
    let longest = *sorted.last()?;
    let top = if longest > 0.0 { longest } else { 1.0 };
    let height = |seconds: f64| 76.0 - seconds.max(0.0) / top * 72.0;
    let (mut points, mut bad) = (String::new(), Vec::new());
    for sample in samples {
        let x = sample.at.duration_since(first).as_secs_f64() / whole.as_secs_f64() * 600.0;
        let y = height(sample.duration_seconds);
        // Writing to a string cannot fail.
        let _ = write!(points, "{x:.1},{y:.1} ");
        if !sample.success {
            bad.push(format!("{x:.1}"));
        }
    }
    let area = format!("0,80 {points}600,80");
    let longest = amount::took_seconds(longest);
    let marks =
        [("p50", spread.p50_seconds), ("p90", spread.p90_seconds), ("p99", spread.p99_seconds)]
            .map(|(name, seconds)| Mark {
                name,
                took: amount::took_seconds(seconds),
                y: format!("{:.1}", height(seconds)),
            });
    Some(Line { points, area, bad, marks, longest, first, last })
}

#[cfg(test)]
mod tests {
    use health::Language;

    use super::*;

    #[test]
    fn bars_end_now_and_leave_gaps_empty() {
        let now = Timestamp::from_second(86_400 * 200 + 5).unwrap();
        let bucket = |days: i64, good, bad| Bucket {
            at: Timestamp::from_second(86_400 * (200 - days)).unwrap(),
            good,
            bad,
            mean_seconds: 0.0,
            max_seconds: 0.0,
            percentiles: None,
        };
        let buckets = [bucket(120, 0, 9), bucket(2, 99, 1), bucket(0, 10, 0)];
        let drawn = bars(Words(Language::En), &buckets, Cut::Days, now);
        assert_eq!((drawn.bars.len(), drawn.width), (90, 900));
        assert_eq!(drawn.uptime.as_deref(), Some("99.09 %"));
        assert_eq!((&*drawn.bars[87].bad, &*drawn.bars[87].good), ("6.0", "28.0"));
        assert!(drawn.bars[88].is_empty && !drawn.bars[89].is_empty);
        assert_eq!(bars(Words(Language::En), &[], Cut::Hours, now).uptime, None);
    }

    #[test]
    fn a_waterfall_never_leaves_its_box() {
        let mut phases = Phases::default();
        phases.add(Phase::Connect, Duration::from_millis(30));
        phases.add(Phase::Tls, Duration::from_millis(90));
        phases.add(Phase::Processing, Duration::ZERO);
        let drawn = waterfall(&phases, Duration::from_millis(100));
        let shown: Vec<(&str, &str)> = drawn.iter().map(|s| (&*s.x, &*s.width)).collect();
        assert_eq!(shown, [("0.00%", "25.00%"), ("25.00%", "75.00%"), ("99.50%", "0.50%")]);
    }

    #[test]
    fn a_line_needs_two_moments() {
        let sample = |second, duration_seconds, success| Sample {
            at: Timestamp::from_second(second).unwrap(),
            duration_seconds,
            success,
        };
        assert!(line(&[]).is_none());
        assert!(line(&[sample(0, 1.0, true)]).is_none());
        let drawn = line(&[sample(0, 0.5, true), sample(10, 1.0, false)]).unwrap();
        assert_eq!(drawn.points, "0.0,40.0 600.0,4.0 ");
        assert_eq!(drawn.bad, ["600.0"]);
    }
}
