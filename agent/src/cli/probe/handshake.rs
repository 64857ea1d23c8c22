//! A handshake for people: what was settled, how everything came out, the chain certificate by
//! certificate, and what is served elsewhere. Pure.

use std::fmt::Write as _;

use health::facts::{CertificateFacts, ServedFacts, TlsFacts};
use health::{Language, Observation, State};
use jiff::{SignedDuration, Timestamp};

use super::{Detail, verdicts};
use crate::cli::paint::{self, BOLD, DIM, printable};
use crate::probe::Spec;

/// Most names of a certificate that are printed unless everything is asked for.
const MOST_NAMES: usize = 12;

/// How a handshake is put on paper.
#[derive(Clone, Copy)]
struct Paper {
    now: Timestamp,
    detail: Detail,
    language: Language,
}

/// One block of lines for the handshake itself, and one for what is served elsewhere.
pub(super) fn blocks(
    spec: &Spec,
    seen: &Observation,
    detail: Detail,
    language: Language,
) -> Vec<String> {
    let paper = Paper { now: seen.at, detail, language };
    let Some(tls) = seen.facts.tls.as_deref() else {
        // Nothing came from the address that is looked at in full; others may have answered.
        let nothing = TlsFacts::default();
        return elsewhere(&nothing, &seen.facts.served, paper).into_iter().collect();
    };
    let mut blocks =
        vec![settled(spec, tls, language) + &verdicts::lines(spec, seen, tls, language)];
    let chain: Vec<String> =
        (0..tls.chain.len()).map(|position| element(tls, position, paper)).collect();
    let mut chain = chain.join("\n");
    chain += &root(tls, language);
    blocks.push(chain);
    if let Some(file) = &tls.file {
        let mut text = format!("{BOLD}{}{BOLD:#}\n", printable(&file.path));
        match file.chain.first() {
            Some(leaf) => text += &certificate("0", "", leaf, paper),
            None => {
                let _ = writeln!(
                    text,
                    "    {DIM}{}{DIM:#}",
                    in_words(language, "unreadable", "읽을 수 없음")
                );
            }
        }
        blocks.push(text);
    }
    blocks.extend(elsewhere(tls, &seen.facts.served, paper));
    blocks
}

fn in_words(language: Language, en: &'static str, ko: &'static str) -> &'static str {
    match language {
        Language::En => en,
        Language::Ko => ko,
    }
}

/// What both ends settled on, and by what name the server was asked.
fn settled(spec: &Spec, tls: &TlsFacts, language: Language) -> String {
    let alpn = tls.alpn.as_deref().map(|alpn| format!(", ALPN {alpn}")).unwrap_or_default();
    let before = tls.starttls.as_deref().map(|spoken| format!(", STARTTLS {spoken}"));
    let mut text = format!(
        "{BOLD}{}{BOLD:#}  {}{}{}\n",
        printable(&tls.protocol),
        printable(&tls.cipher),
        printable(&alpn),
        printable(&before.unwrap_or_default()),
    );
    let is_sent = !matches!(spec, Spec::Tls(spec) if !spec.sends_name);
    let how = if is_sent { "" } else { in_words(language, " (not sent)", " (보내지 않음)") };
    let _ = writeln!(text, "{DIM}asked for   {DIM:#}{}{how}", printable(&tls.server_name));
    if !tls.old_versions.is_empty() {
        let versions = printable(&tls.old_versions.join(", "));
        let _ = writeln!(text, "{DIM}also speaks {DIM:#}{versions}");
    }
    if tls.asks_for_certificate {
        let words = in_words(language, "for a client certificate", "클라이언트 인증서");
        let _ = writeln!(text, "{DIM}asks        {DIM:#}{words}");
    }
    text.push('\n');
    text
}

fn element(tls: &TlsFacts, position: usize, paper: Paper) -> String {
    let Some(one) = tls.chain.get(position) else { return String::new() };
    let is_needed = !tls.trusted || tls.path.is_empty() || tls.path.contains(&position);
    let language = paper.language;
    let role = match position {
        0 => "",
        _ if one.is_self_signed => in_words(
            language,
            "a root: clients have it or do not trust it",
            "루트: 클라이언트가 이미 갖고 있거나 신뢰하지 않습니다",
        ),
        _ if !is_needed => {
            in_words(language, "not on the way to the root", "루트로 가는 길에 쓰이지 않음")
        }
        _ => "",
    };
    certificate(&position.to_string(), role, one, paper)
}

/// The root that the chain ends in, which servers rightly do not send.
fn root(tls: &TlsFacts, language: Language) -> String {
    let top = tls.path.last().and_then(|&at| tls.chain.get(at));
    match top {
        Some(top) if tls.trusted && !top.is_self_signed => {
            let words =
                in_words(language, "trusted here, not sent", "여기에서 신뢰함, 전송되지 않음");
            format!("\n └  {BOLD}{}{BOLD:#}  {DIM}{words}{DIM:#}\n", printable(&top.issuer))
        }
        _ => String::new(),
    }
}

fn certificate(position: &str, role: &str, one: &CertificateFacts, paper: Paper) -> String {
    let Paper { now, detail, language } = paper;
    let mut text = format!("{position:>2}  {BOLD}{}{BOLD:#}", printable(&one.subject));
    if !role.is_empty() {
        let _ = write!(text, "  {DIM}{role}{DIM:#}");
    }
    text.push('\n');
    let mut field = |name: &str, value: String| {
        let _ = writeln!(text, "    {DIM}{name:<8}{DIM:#}  {value}");
    };
    if !one.names.is_empty() {
        field("names", names(&one.names, detail));
    }
    let itself = in_words(language, "itself", "자기 자신");
    field("issuer", if one.is_self_signed { itself.to_owned() } else { printable(&one.issuer) });
    let (left, colour) = left(one, now, language);
    let [from, to] = [one.not_before, one.not_after].map(day);
    field("valid", format!("{from} → {to}  {colour}{left}{colour:#}"));
    field("key", format!("{}, signed with {}", printable(&one.key), printable(&one.signature)));
    field("serial", printable(&one.serial));
    field("sha256", printable(&one.fingerprint));
    if !one.spki_sha256.is_empty() {
        field("pin", format!("sha256/{}", printable(&one.spki_sha256)));
    }
    if let Some(count) = one.timestamps {
        field("logged", format!("{count} SCT"));
    }
    if detail == Detail::Raw {
        let places = [("ca", &one.ca_issuers), ("ocsp", &one.ocsp), ("ari", &one.renewal_id)];
        for (name, place) in places {
            if let Some(place) = place {
                field(name, printable(place));
            }
        }
        one.crls.iter().for_each(|url| field("crl", printable(url)));
    }
    text
}

fn names(names: &[String], detail: Detail) -> String {
    let most = match detail {
        Detail::Brief => MOST_NAMES,
        Detail::Raw => names.len(),
    };
    let shown = printable(&names.iter().take(most).cloned().collect::<Vec<_>>().join(", "));
    match names.len().saturating_sub(most) {
        0 => shown,
        more => format!("{shown}, +{more} (-v)"),
    }
}

/// Other addresses, and the same one for who names nobody: a line each.
fn elsewhere(tls: &TlsFacts, served: &[ServedFacts], paper: Paper) -> Option<String> {
    let places: Vec<String> = served
        .iter()
        .map(|place| {
            let name = match &place.server_name {
                Some(name) if *name == tls.server_name => String::new(),
                Some(name) => format!(" ({name})"),
                None => in_words(paper.language, " without SNI", " SNI 없이").to_owned(),
            };
            format!("{}{name}", place.address)
        })
        .collect();
    let width = places.iter().map(|place| unicode_width::UnicodeWidthStr::width(&**place)).max()?;
    let title = in_words(paper.language, "served elsewhere", "다른 곳에서 제공되는 인증서");
    let mut text = format!("{BOLD}{title}{BOLD:#}\n");
    for (place, served) in places.iter().zip(served) {
        let blanks = " ".repeat(width - unicode_width::UnicodeWidthStr::width(&**place));
        let _ =
            writeln!(text, "    {}{blanks}  {}", printable(place), presented(tls, served, paper));
    }
    Some(text)
}

fn presented(tls: &TlsFacts, served: &ServedFacts, paper: Paper) -> String {
    let protocol = printable(&served.protocol);
    let Some(leaf) = served.chain.first() else {
        // It begins with what stands before it already.
        let subject = crate::tls::subject(served.address, &tls.server_name);
        let failure = served.failure.as_deref().unwrap_or_default();
        let failure = printable(failure.strip_prefix(&subject).unwrap_or(failure).trim_start());
        let bad = paint::state(State::Down);
        return format!("{bad}{failure}{bad:#}");
    };
    if served.chain == tls.chain {
        let good = paint::state(State::Up);
        let words = in_words(paper.language, "the same chain", "같은 체인");
        return format!("{protocol}  {good}{words}{good:#}").trim_start().to_owned();
    }
    let is_own = tls.chain.first().is_some_and(|own| own.fingerprint == leaf.fingerprint);
    if is_own {
        let words = in_words(
            paper.language,
            "the same certificate, another chain",
            "인증서는 같고 체인이 다름",
        );
        return format!("{protocol}  {words}").trim_start().to_owned();
    }
    let (left, colour) = left(leaf, paper.now, paper.language);
    let (subject, serial) = (printable(&leaf.subject), printable(&leaf.serial));
    format!("{protocol}  {subject}  serial {serial}  {colour}{left}{colour:#}")
        .trim_start()
        .to_owned()
}

/// How long it is valid still, and how that looks.
fn left(one: &CertificateFacts, now: Timestamp, language: Language) -> (String, anstyle::Style) {
    let whole = days(one.not_after.duration_since(one.not_before));
    let left = days(one.not_after.duration_since(now));
    let (words, state) = match language {
        _ if one.not_before > now => match language {
            Language::En => ("not valid yet".to_owned(), State::Down),
            Language::Ko => ("아직 유효하지 않음".to_owned(), State::Down),
        },
        Language::En if one.not_after <= now => {
            (format!("expired {} days ago", -left), State::Down)
        }
        Language::Ko if one.not_after <= now => (format!("{}일 전에 만료됨", -left), State::Down),
        Language::En => (format!("{left} of {whole} days left"), fading(left, whole)),
        Language::Ko => (format!("{whole}일 중 {left}일 남음"), fading(left, whole)),
    };
    (words, paint::state(state))
}

/// The usual bounds: a third of the lifetime, then a tenth.
fn fading(left: i64, whole: i64) -> State {
    match left * 100 {
        part if part <= whole * 10 => State::Down,
        part if part <= whole * 33 => State::Degraded,
        _ => State::Up,
    }
}

fn days(span: SignedDuration) -> i64 {
    span.as_hours() / 24
}

fn day(at: Timestamp) -> String {
    at.strftime("%Y-%m-%d %H:%M UTC").to_string()
}
