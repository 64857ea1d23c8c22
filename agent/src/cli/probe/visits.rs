//! The requests of a probe as a waterfall of letters: each phase is as wide as it was long.

use std::fmt::Write as _;
use std::time::Duration;

use health::facts::{Role, VisitFacts};
use health::{Language, Phase, State};
use unicode_width::{UnicodeWidthChar, UnicodeWidthStr};

use crate::cli::paint::{self, BOLD, DIM, printable};

/// Columns of the picture, and of what stands before it at most.
const WIDTH: usize = 40;
const NAME_WIDTH: usize = 34;

/// `None` of a probe that made a single request: its phases say as much.
pub(super) fn waterfall(
    visits: &[VisitFacts],
    whole: Duration,
    language: Language,
) -> Option<String> {
    let end = visits.iter().map(|visit| visit.begun + visit.took).max()?.max(whole);
    let names: Vec<String> = visits.iter().map(|visit| name(visit, language)).collect();
    let width = names.iter().map(|name| name.width()).max().unwrap_or(0);
    let mut text = String::new();
    let mut phases: Vec<Phase> = Vec::new();
    for (visit, name) in visits.iter().zip(&names) {
        phases.extend(visit.phases.iter().map(|(phase, _)| phase));
        let blanks = " ".repeat(width.saturating_sub(name.width()));
        let (code, took) = (status(visit), visit.took);
        let colour = paint::state(if is_well(visit) { State::Up } else { State::Down });
        let _ = writeln!(
            text,
            "{BOLD}{name}{BOLD:#}{blanks}  {}  {colour}{code:>3}{colour:#} {}",
            bar(visit, end),
            paint::milliseconds(took)
        );
        let codes = visit.codes.iter().map(|code| code.label().to_owned());
        let said: Vec<String> = codes.chain(visit.failure.as_deref().map(printable)).collect();
        if !said.is_empty() {
            let _ = writeln!(text, "    → {}", said.join(", "));
        }
    }
    phases.sort_unstable();
    phases.dedup();
    let legend: Vec<String> =
        phases.iter().map(|&phase| format!("{} {}", letter(phase), phase.label())).collect();
    if !legend.is_empty() {
        let _ = writeln!(text, "{DIM}{}{DIM:#}", legend.join(" · "));
    }
    Some(text)
}

fn is_well(visit: &VisitFacts) -> bool {
    visit.codes.is_empty() && visit.failure.is_none()
}

fn status(visit: &VisitFacts) -> String {
    let status = visit.http.as_ref().and_then(|http| http.status);
    status.map_or_else(|| "—".to_owned(), |status| status.to_string())
}

fn name(visit: &VisitFacts, language: Language) -> String {
    let role = match (language, visit.role) {
        (Language::En, role) => role.label(),
        (Language::Ko, Role::Step) => "단계",
        (Language::Ko, Role::Way) => "경로",
        (Language::Ko, Role::Redirect) => "리디렉션",
        (Language::Ko, Role::Upstream) => "업스트림",
        (Language::Ko, Role::Control) => "대조",
    };
    let way = visit.way.as_deref().filter(|way| **way != *visit.name);
    let way = way.map(|way| format!(" ({way})")).unwrap_or_default();
    let whole = printable(&format!("{role} {}{way}", visit.name));
    if whole.width() <= NAME_WIDTH {
        return whole;
    }
    let mut width = 0;
    let mut short: String = whole
        .chars()
        .take_while(|c| {
            width += c.width().unwrap_or(0);
            width < NAME_WIDTH
        })
        .collect();
    short.push('…');
    short
}

const fn letter(phase: Phase) -> char {
    match phase {
        Phase::Resolve => 'r',
        Phase::Connect => 'c',
        Phase::Tls => 't',
        Phase::Processing => 'p',
        Phase::Transfer => 'x',
        Phase::Dialogue => 'd',
        Phase::Delegation => 'g',
        Phase::Request => 'q',
        Phase::Read => 'f',
    }
}

/// What took any time at all has a letter.
fn bar(visit: &VisitFacts, end: Duration) -> String {
    let mut bar = ['·'; WIDTH];
    let mut at = visit.begun;
    for (phase, took) in visit.phases.iter() {
        let first = column(at, end).min(WIDTH - 1);
        let last = column(at + took, end).clamp(first + 1, WIDTH);
        if !took.is_zero() {
            bar[first..last].fill(letter(phase));
        }
        at += took;
    }
    bar.iter().collect()
}

fn column(at: Duration, end: Duration) -> usize {
    let columns = at.as_nanos() * WIDTH as u128 / end.as_nanos().max(1);
    usize::try_from(columns).unwrap_or(WIDTH)
}

#[cfg(test)]
mod tests {
    use health::Phases;
    use health::facts::HttpFacts;

    use super::*;

    fn visit(role: Role, name: &str, begun: u64, phases: &[(Phase, u64)]) -> VisitFacts {
        let mut spent = Phases::default();
        for &(phase, took) in phases {
            spent.add(phase, Duration::from_millis(took));
        }
        VisitFacts {
            role,
            name: name.into(),
            way: None,
            begun: Duration::from_millis(begun),
            took: phases.iter().map(|&(_, took)| Duration::from_millis(took)).sum(),
            phases: spent,
            address: None,
            http: None,
            codes: Vec::new(),
            failure: None,
        }
    }

    #[test]
    fn letters_are_as_many_as_time_was_spent() {
        let mut first = visit(Role::Way, "a", 0, &[(Phase::Connect, 10), (Phase::Processing, 10)]);
        first.http = Some(Box::new(HttpFacts { status: Some(301), ..HttpFacts::default() }));
        let mut second = visit(Role::Redirect, "b", 20, &[(Phase::Processing, 20)]);
        second.failure = Some("no answer".to_owned());
        let text = waterfall(&[first, second], Duration::from_millis(40), Language::En).unwrap();
        let text = anstream::adapter::strip_str(&text).to_string();
        let expected = "\
way a       ccccccccccpppppppppp····················  301    20.000 ms
redirect b  ····················pppppppppppppppppppp    —    20.000 ms
    → no answer
c connect · p processing
";
        assert_eq!(text, expected);
        assert!(waterfall(&[], Duration::ZERO, Language::En).is_none());
    }

    #[test]
    fn what_is_short_is_still_seen_and_what_is_long_stays_inside() {
        let brief = visit(Role::Step, "x", 999, &[(Phase::Connect, 0), (Phase::Tls, 1)]);
        assert!(bar(&brief, Duration::from_secs(1)).ends_with("·t"));
        let over = visit(Role::Step, "x", 0, &[(Phase::Tls, 5_000)]);
        assert_eq!(bar(&over, Duration::from_secs(1)), "t".repeat(WIDTH));
        let long = visit(Role::Step, &"한".repeat(80), 0, &[]);
        assert!(name(&long, Language::Ko).width() <= NAME_WIDTH);
    }
}
