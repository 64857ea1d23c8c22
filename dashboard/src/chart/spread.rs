//! How durations spread hour by hour: from the half to all but one of a hundred.

use health::history::Bucket;
use jiff::Timestamp;

use super::{BAR_STEP, Cut};
use crate::amount;
use crate::words::Words;

/// Height of the picture, in the SVG's own units.
const HEIGHT: f64 = 60.0;

/// One hour.
pub(crate) struct Spread {
    pub(crate) x: usize,
    /// Top and height of what lies between the half and nine of ten, and of what is above it.
    pub(crate) most: (String, String),
    pub(crate) rest: (String, String),
    /// Where the half is.
    pub(crate) half: String,
    pub(crate) label: String,
}

/// The last 24 hours.
pub(crate) struct Spreads {
    pub(crate) hours: Vec<Spread>,
    pub(crate) width: usize,
    /// What the top of the picture stands for.
    pub(crate) top: String,
}

/// `None` when fewer than two hours are known.
pub(crate) fn spread(t: Words, hours: &[Bucket], now: Timestamp) -> Option<Spreads> {
    let cut = Cut::Hours;
    let last = now.as_second().div_euclid(cut.seconds());
    let first = last - cut.bars() + 1;
    let known = hours.iter().filter_map(|hour| {
        let at = hour.at.as_second().div_euclid(cut.seconds()) - first;
        let at = usize::try_from(at).ok().filter(|_| at < cut.bars())?;
        Some((at, hour.at, hour.percentiles?))
    });
    let known: Vec<_> = known.collect();
    let top = known.iter().map(|(_, _, spread)| spread.p99_seconds).fold(0.0, f64::max);
    if known.len() < 2 || top <= 0.0 {
        return None;
    }
    let y = |seconds: f64| HEIGHT - seconds / top * (HEIGHT - 2.0);
    let band = |upper: f64, lower: f64| {
        (format!("{:.1}", y(upper)), format!("{:.1}", (y(lower) - y(upper)).max(0.5)))
    };
    let hours = known
        .into_iter()
        .map(|(at, start, spread)| {
            let [half, most, all] = [spread.p50_seconds, spread.p90_seconds, spread.p99_seconds];
            let [p50, p90, p99] = [half, most, all].map(amount::took_seconds);
            let when = start.strftime(cut.format()).to_string();
            Spread {
                x: at * BAR_STEP,
                most: band(most, half),
                rest: band(all, most),
                half: format!("{:.1}", y(half)),
                label: t.spread_label(&when, &p50, &p90, &p99),
            }
        })
        .collect();
    let width = usize::try_from(cut.bars()).unwrap_or(0) * BAR_STEP;
    Some(Spreads { hours, width, top: amount::took_seconds(top) })
}

#[cfg(test)]
mod tests {
    use health::Language;
    use health::history::Percentiles;

    use super::*;

    #[test]
    fn hours_stand_where_they_were_and_unknown_ones_stay_empty() {
        let now = Timestamp::from_second(3600 * 1000 + 5).unwrap();
        let hour = |ago: i64, spread: Option<f64>| Bucket {
            at: Timestamp::from_second(3600 * (1000 - ago)).unwrap(),
            good: 9,
            bad: 0,
            mean_seconds: 0.1,
            max_seconds: 1.0,
            percentiles: spread.map(|p50_seconds| Percentiles {
                p50_seconds,
                p90_seconds: p50_seconds * 2.0,
                p99_seconds: p50_seconds * 4.0,
            }),
        };
        let words = Words(Language::En);
        let hours = [hour(30, Some(9.0)), hour(23, Some(0.1)), hour(2, None), hour(0, Some(0.25))];
        let drawn = spread(words, &hours, now).unwrap();
        let at: Vec<usize> = drawn.hours.iter().map(|hour| hour.x).collect();
        assert_eq!((at, drawn.width, &*drawn.top), (vec![0, 230], 240, "1.00 s"));
        let last = &drawn.hours[1];
        assert_eq!((&*last.rest.0, &*last.rest.1), ("2.0", "29.0"));
        assert_eq!((&*last.most.0, &*last.most.1, &*last.half), ("31.0", "14.5", "45.5"));
        assert!(spread(words, &hours[..2], now).is_none());
    }
}
