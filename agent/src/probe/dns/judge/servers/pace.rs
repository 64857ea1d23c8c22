//! Servers that lose or delay many queries: judged over the newest queries to each, because one
//! lost packet means nothing, and one probe sees too few of them. Pure.

use std::time::Duration;

use health::{Code, Finding, Text, text};

use super::Case;
use crate::probe::dns::exchange::Loss;
use crate::probe::dns::peers::Pace;
use crate::probe::dns::wording::some_of;

/// Fewer losses than this are chance,
const LEAST_LOST: u32 = 3;
/// and so are those of one moment, such as a restart,
const LEAST_MOMENTS: u32 = 2;
/// and less than one query in so many.
const LOST_SHARE: u32 = 10;
/// Answers that tell of a steady delay; more than half of them have to be late.
const LEAST_ANSWERED: u32 = 5;

/// What is wrong with a server's pace.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
enum Trouble {
    /// Many queries are never answered.
    Losing,
    /// Most answers come late.
    Late,
}

/// What the newest queries to a server say of it.
fn trouble(pace: &Pace) -> Option<Trouble> {
    let answered = pace.asked.saturating_sub(pace.lost);
    if pace.lost >= LEAST_LOST
        && pace.moments_of_loss >= LEAST_MOMENTS
        && pace.lost * LOST_SHARE >= pace.asked
    {
        Some(Trouble::Losing)
    } else if answered >= LEAST_ANSWERED && pace.delayed * 2 > answered {
        Some(Trouble::Late)
    } else {
        None
    }
}

impl Case<'_> {
    /// Too many of the newest queries were lost or late, or some got no answer just now.
    pub(super) fn slow(&self) -> Option<Finding> {
        let (unanswered, _) = self.lost(|loss| *loss == Loss::Timeout);
        let trouble = trouble(&self.repute.pace);
        let finding = match trouble {
            Some(Trouble::Losing) => self.losing(),
            Some(Trouble::Late) if unanswered.is_empty() => self.late(),
            _ if unanswered.is_empty() => return None,
            _ => self.leaving_open(&unanswered),
        };
        let pace = &self.repute.pace;
        let finding = finding.evidence("queries", pace.asked).evidence("lost", pace.lost);
        let finding = match pace.median {
            Some(median) => finding.evidence("median", brief(median)),
            None => finding,
        };
        Some(match unanswered.is_empty() {
            true => finding,
            false => finding.evidence("unanswered", unanswered),
        })
    }

    fn losing(&self) -> Finding {
        let (who, pace) = (self.server.title(), &self.repute.pace);
        let (lost, asked, over) = (pace.lost, pace.asked, span(pace.over));
        let (over_en, over_ko, share) = (&over.en, &over.ko, percent(lost, asked));
        self.finding(
            Code::DnsSlow,
            text!(
                "{who} loses queries: {lost} of the last {asked} were never answered ({share}, over {over_en})",
                "{who}에서 질의가 유실됩니다: 최근 {over_ko} 동안의 {asked}개 중 {lost}개({share})가 응답을 받지 못했습니다"
            ),
            text!(
                "Look for packet loss on the way (`mtr -u`), response rate limiting on the server, or a machine without room to breathe.",
                "경로의 패킷 손실(`mtr -u`), 서버의 응답 속도 제한(RRL), 서버 과부하를 확인하세요."
            ),
        )
        .evidence("share", share)
    }

    fn late(&self) -> Finding {
        let (who, pace) = (self.server.title(), &self.repute.pace);
        let (delayed, answered) = (pace.delayed, pace.asked - pace.lost);
        let limit = brief(self.survey.slow_after);
        let median = brief(pace.median.unwrap_or_default());
        self.finding(
            Code::DnsSlow,
            text!(
                "{who} answers slowly: {delayed} of its last {answered} answers took longer than {limit} (median {median})",
                "{who}의 응답이 느립니다: 최근 응답 {answered}개 중 {delayed}개가 {limit}보다 오래 걸렸습니다(중앙값 {median})"
            ),
            text!(
                "Ask it by hand and compare with a server nearby: `{dig}` shows the query time. If it is far away, raise `slow_after`; if not, look at its load and at the way there (`mtr -u`).",
                "직접 물어보고 가까운 서버와 비교하세요: `{dig}`에 질의 시간이 나옵니다. 멀리 있는 서버라면 `slow_after`를 늘리고, 아니라면 서버의 부하와 경로(`mtr -u`)를 확인하세요.",
                dig = self.dig()
            ),
        )
        .evidence("limit", limit)
        .evidence("delayed", delayed)
    }

    /// Some questions found no answer in either attempt, though the others did.
    fn leaving_open(&self, unanswered: &[String]) -> Finding {
        let (who, list) = (self.server.title(), some_of(unanswered));
        self.finding(
            Code::DnsSlow,
            text!(
                "{who} answers, but not {list}: nothing came back, twice",
                "{who}은(는) 응답하지만 {list} 질의에는 두 번 물어도 답이 없습니다"
            ),
            text!(
                "Ask it by hand: `{dig}`. Look for packet loss on the way (`mtr -u`), response rate limiting on the server, or a filter that drops these queries.",
                "직접 물어보세요: `{dig}`. 경로의 패킷 손실(`mtr -u`), 서버의 응답 속도 제한(RRL), 이런 질의를 버리는 필터를 확인하세요.",
                dig = self.dig()
            ),
        )
    }
}

/// A share for people: `12 %`.
fn percent(part: u32, whole: u32) -> String {
    format!("{} %", (u64::from(part) * 100).div_ceil(u64::from(whole.max(1))))
}

/// A short time for people: `38 ms`, `1.2 s`.
fn brief(time: Duration) -> String {
    match time.as_micros() {
        0..10_000 => format!("{:.1} ms", time.as_secs_f64() * 1e3),
        10_000..1_000_000 => format!("{} ms", time.as_millis()),
        _ => format!("{:.1} s", time.as_secs_f64()),
    }
}

/// The time that was looked back over, for people.
fn span(time: Duration) -> Text {
    match time.as_secs() {
        0..=120 => text!("{seconds} s", "{seconds}초", seconds = time.as_secs().max(1)),
        seconds @ 121..=7200 => {
            text!("{minutes} minutes", "{minutes}분", minutes = seconds.div_ceil(60))
        }
        seconds => text!("{hours} hours", "{hours}시간", hours = seconds.div_ceil(3600)),
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn loss_and_delay_have_to_be_more_than_chance() {
        use Trouble::{Late, Losing};
        for (asked, lost, moments_of_loss, delayed, expected) in [
            (0, 0, 0, 0, None),
            (100, 0, 0, 0, None),
            (2, 1, 1, 0, None),
            (100, 1, 1, 0, None),
            (12, 2, 2, 0, None),
            (12, 3, 2, 0, Some(Losing)),
            (40, 12, 1, 0, None),
            (100, 9, 9, 0, None),
            (100, 10, 10, 0, Some(Losing)),
            (4, 0, 0, 4, None),
            (5, 0, 0, 3, Some(Late)),
            (100, 0, 0, 50, None),
            (100, 0, 0, 51, Some(Late)),
            (100, 30, 9, 70, Some(Losing)),
        ] {
            let pace = Pace { asked, lost, moments_of_loss, delayed, ..Pace::default() };
            assert_eq!(trouble(&pace), expected, "{pace:?}");
        }
    }

    #[test]
    fn figures_read_well() {
        assert_eq!(percent(1, 3), "34 %");
        assert_eq!(percent(0, 0), "0 %");
        for (micros, said) in [(380, "0.4 ms"), (38_200, "38 ms"), (1_240_000, "1.2 s")] {
            assert_eq!(brief(Duration::from_micros(micros)), said);
        }
        for (seconds, said) in [(0, "1 s"), (120, "120 s"), (840, "14 minutes"), (9000, "3 hours")]
        {
            assert_eq!(span(Duration::from_secs(seconds)).en, said);
        }
    }
}
