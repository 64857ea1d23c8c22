//! The words themselves, in every language.
//!
//! Names of checks and people come from outside, so that no Korean particle may follow one: its form
//! would depend on the name.

use health::{Event, Language, State};

/// Words of one language.
#[derive(Clone, Copy, Debug)]
pub(super) struct Words(pub(super) Language);

/// One sentence in both, of which the one is taken.
macro_rules! say {
    ($words:expr, $en:literal, $ko:literal $(,)?) => {
        match $words.0 {
            Language::En => format!($en),
            Language::Ko => format!($ko),
        }
    };
}

impl Words {
    /// One of two fixed words.
    pub(super) const fn either(self, en: &'static str, ko: &'static str) -> &'static str {
        match self.0 {
            Language::En => en,
            Language::Ko => ko,
        }
    }

    pub(super) const fn state(self, state: State) -> &'static str {
        match state {
            State::Down => self.either("Down", "장애"),
            State::Degraded => self.either("Degraded", "주의"),
            State::Up => self.either("Well", "정상"),
            State::Unknown => self.either("Unknown", "확인 불가"),
        }
    }

    /// After the name of a check.
    pub(super) const fn is(self, state: State) -> &'static str {
        match state {
            State::Down => self.either("is down", "장애"),
            State::Degraded => self.either("is degraded", "주의"),
            State::Up => self.either("is well", "정상"),
            State::Unknown => self.either("is not known", "확인 불가"),
        }
    }

    pub(super) const fn changed(self) -> &'static str {
        self.either("Changed", "변경")
    }

    pub(super) const fn flapping(self) -> &'static str {
        self.either("Flapping", "불안정")
    }

    pub(super) const fn settled(self) -> &'static str {
        self.either("Settled", "안정됨")
    }

    pub(super) const fn unwatched(self) -> &'static str {
        self.either("No longer watched", "감시 종료")
    }

    /// Before what was wrong.
    pub(super) const fn was(self) -> &'static str {
        self.either("It was", "내용")
    }

    pub(super) const fn consequences(self) -> &'static str {
        self.either("Also affected", "함께 영향받음")
    }

    /// Of an incident that is listed below another.
    pub(super) const fn over(self) -> &'static str {
        self.either("over", "복구됨")
    }

    pub(super) fn resolved_after(self, span: &str) -> String {
        say!(self, "Resolved after {span}", "{span} 만에 복구")
    }

    pub(super) fn still(self, state: State, span: &str) -> String {
        let how = self.state(state);
        match self.0 {
            Language::En if span.is_empty() => format!("Still {}", how.to_lowercase()),
            Language::En => format!("Still {} after {span}", how.to_lowercase()),
            Language::Ko if span.is_empty() => format!("{how} 지속"),
            Language::Ko => format!("{span}째 {how}"),
        }
    }

    pub(super) fn turns(self, turns: u32, since: &str) -> String {
        match (self.0, turns) {
            (Language::En, 1) => format!("went bad once since {since}"),
            (Language::En, _) => format!("went bad {turns} times since {since}"),
            (Language::Ko, _) => format!("{since}부터 {turns}번 나빠짐"),
        }
    }

    /// What is said of several at once, before their names. `state`: where it is the same of all.
    pub(super) fn several(self, event: Event, n: usize, state: Option<State>) -> String {
        let how = match state {
            Some(state @ (State::Down | State::Degraded)) => self.state(state),
            _ => self.either("Not well", "이상"),
        };
        let small = how.to_lowercase();
        match event {
            Event::Updated => say!(self, "{n} incidents changed", "인시던트 {n}건 변경"),
            Event::Reminder => say!(self, "{n} checks still {small}", "{how} {n}건 지속"),
            Event::Resolved => say!(self, "{n} incidents resolved", "{n}건 복구"),
            _ => say!(self, "{n} checks {small}", "{how} {n}건"),
        }
    }

    /// A list of which `more` are left out.
    pub(super) fn and_more(self, listed: &str, more: usize) -> String {
        match more {
            0 => listed.to_owned(),
            _ => say!(self, "{listed} and {more} more", "{listed} 외 {more}건"),
        }
    }

    /// On a line of its own.
    pub(super) fn more(self, more: usize) -> String {
        say!(self, "and {more} more", "외 {more}건")
    }

    pub(super) fn by(self, author: &str, at: &str) -> String {
        say!(self, "{author}, {at}", "{author}, {at}")
    }

    pub(super) const fn link(self, to_one_incident: IsOne) -> &'static str {
        match to_one_incident {
            IsOne::Yes => self.either("Open the incident", "인시던트 보기"),
            IsOne::No => self.either("Open the dashboard", "대시보드 열기"),
        }
    }

    pub(super) fn test_title(self, agent: &str) -> String {
        say!(self, "A test message from portwarden ({agent})", "portwarden 시험 알림 ({agent})")
    }

    pub(super) const fn test_lead(self) -> &'static str {
        self.either(
            "Nothing is wrong: somebody wanted to see whether messages arrive here.",
            "문제가 생긴 것이 아닙니다. 알림이 이곳에 도착하는지 확인하려고 보냈습니다.",
        )
    }

    pub(super) fn missed_title(self, agent: &str) -> String {
        say!(self, "portwarden ({agent}) was not running", "portwarden ({agent}) 실행 중단")
    }

    pub(super) fn missed_looks(self, check: &str, count: u32, last: &str) -> String {
        match (self.0, count) {
            (Language::En, 1) => format!("Not looked at: {check} · it was due at {last}"),
            (Language::En, _) => {
                format!("Not looked at: {check} · it was due {count} times, last at {last}")
            }
            (Language::Ko, _) => {
                format!("확인하지 못함: {check} · 예정된 확인 {count}번, 마지막은 {last}")
            }
        }
    }

    pub(super) fn missed_between(self, from: &str, until: &str) -> String {
        say!(
            self,
            "It was not running from {from} until {until}, and looked at nothing in that time.",
            "{from}부터 {until}까지 실행되지 않아 그동안은 아무것도 확인하지 못했습니다."
        )
    }
}

/// What a link leads to.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(super) enum IsOne {
    /// The page of one incident.
    Yes,
    /// A page about all.
    No,
}
