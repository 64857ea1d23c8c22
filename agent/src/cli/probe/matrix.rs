//! A zone for people: its servers, then every record on every server, as wide as the screen; where
//! that is too narrow, record by record, those together that say the same.

use std::fmt::Write as _;

use anstyle::Style;
use health::facts::{AnswerFacts, DnsFacts, DnssecFacts, Part, RecordFacts, Security};
use health::records::RecordPicture;
use health::{Language, State};
use jiff::Timestamp;

use super::Detail;
use crate::cli::columns::{self, Cell, aligned, clipped, columns};
use crate::cli::paint::{self, BOLD, DIM, printable};

/// Columns of the screen that one value may take.
const VALUE_WIDTH: usize = 32;
const PLANNED_WIDTH: usize = 44;
const PLAIN: Style = Style::new();

/// What is printed on.
#[derive(Clone, Copy, Debug)]
pub(in crate::cli) struct Paper {
    pub(in crate::cli) width: usize,
    pub(in crate::cli) detail: Detail,
    pub(in crate::cli) language: Language,
}

impl Paper {
    /// The screen, or the pipe, that standard output is.
    pub(in crate::cli) fn here(detail: Detail, language: Language) -> Self {
        Self { width: columns::screen(), detail, language }
    }

    fn words(self, en: &'static str, ko: &'static str) -> &'static str {
        match self.language {
            Language::En => en,
            Language::Ko => ko,
        }
    }
}

/// Blocks of lines, to be set apart by blank ones.
pub(in crate::cli) fn blocks(dns: &DnsFacts, at: Timestamp, paper: Paper) -> Vec<String> {
    let sheet = Sheet { dns, at, paper };
    let mut blocks = vec![sheet.servers()];
    blocks.extend(dns.dnssec.as_deref().map(|dnssec| sheet.dnssec(dnssec)));
    for part in [Part::Authority, Part::Parent, Part::Cache] {
        blocks.extend(sheet.records(part));
    }
    if paper.detail == Detail::Raw {
        blocks.extend(dns.records.iter().map(|record| sheet.raw(record)));
    }
    blocks
}

/// How servers stand above their columns.
#[derive(Clone, Copy, Debug)]
enum Head {
    /// Number and name.
    Names,
    /// The number in the list of servers.
    Numbers,
}

struct Sheet<'a> {
    dns: &'a DnsFacts,
    at: Timestamp,
    paper: Paper,
}

impl Sheet<'_> {
    fn servers(&self) -> String {
        let paper = self.paper;
        let mut text = format!(
            "{DIM}{}{DIM:#}  {BOLD}{}{BOLD:#}\n",
            paper.words("zone", "존"),
            printable(&self.dns.zone)
        );
        let has_nsid = self.dns.servers.iter().any(|server| server.nsid.is_some());
        let servers = self.dns.servers.iter().enumerate();
        let rows: Vec<[String; 8]> = servers
            .map(|(number, server)| {
                let lost = match server.lost {
                    0 => String::new(),
                    lost => format!("{lost}/{}", server.asked),
                };
                [
                    (number + 1).to_string(),
                    server.name.to_string(),
                    server.address.map_or_else(|| "-".to_owned(), |address| address.to_string()),
                    match server.part() {
                        Part::Authority => paper.words("authority", "권한 서버"),
                        Part::Parent => paper.words("parent", "상위 존"),
                        Part::Cache => paper.words("cache", "캐시"),
                    }
                    .to_owned(),
                    match (server.reachable, server.serial) {
                        (false, _) => paper.words("no answer", "응답 없음").to_owned(),
                        (true, Some(serial)) => serial.to_string(),
                        (true, None) => "-".to_owned(),
                    },
                    round_trip(server.rtt_seconds),
                    lost,
                    server.nsid.as_deref().unwrap_or_default().to_owned(),
                ]
            })
            .collect();
        let has_lost = rows.iter().any(|row| !row[6].is_empty());
        let head = [
            "#",
            paper.words("server", "서버"),
            paper.words("address", "주소"),
            paper.words("asked as", "역할"),
            paper.words("serial", "일련번호"),
            paper.words("time", "시간"),
            if has_lost { paper.words("lost", "손실") } else { "" },
            if has_nsid { "NSID" } else { "" },
        ];
        text += &columns(head, &rows, "  ");
        text
    }

    fn dnssec(&self, dnssec: &DnssecFacts) -> String {
        let paper = self.paper;
        let (state, words) = match dnssec.state {
            Security::Secure => (State::Up, paper.words("secure", "서명 유효")),
            Security::Insecure => {
                (State::Unknown, paper.words("insecure: not signed", "서명 없음"))
            }
            Security::Bogus => (State::Down, paper.words("bogus", "검증 실패")),
            Security::Unknown => (State::Unknown, paper.words("cannot be told", "알 수 없음")),
        };
        let style = paint::state(state);
        let mut text = format!("{DIM}DNSSEC{DIM:#}  {style}{words}{style:#}");
        let first = dnssec.signatures.iter().filter_map(|signed| signed.earliest_end).min();
        if let Some(end) = first {
            let left = left(end, self.at, paper.language);
            let _ = match paper.language {
                Language::En => write!(text, ", the first signature ends in {left}"),
                Language::Ko => write!(text, ", 가장 이른 서명은 {left} 후 만료"),
            };
        }
        if let Some(reason) = &dnssec.reason {
            let _ = write!(text, "\n        {}", printable(reason.in_language(paper.language)));
        }
        text + "\n"
    }

    /// Every record on the servers of one kind that were asked for it.
    fn records(&self, part: Part) -> Vec<String> {
        let servers: Vec<usize> = (0..self.dns.servers.len())
            .filter(|&server| self.dns.servers[server].part() == part)
            .collect();
        let is_asked = |record: &&RecordFacts| {
            record.answers.iter().any(|answer| servers.contains(&answer.server))
        };
        let records: Vec<&RecordFacts> = self.dns.records.iter().filter(is_asked).collect();
        if records.is_empty() {
            return Vec::new();
        }
        let titled = |words: &str| format!("{DIM}{words}{DIM:#}\n");
        let title = match part {
            Part::Authority => String::new(),
            Part::Parent => titled(self.paper.words("at the zone above", "상위 존에서")),
            Part::Cache => titled(self.paper.words("caches", "캐시")),
        };
        for head in [Head::Names, Head::Numbers] {
            let matrix = self.matrix(&records, &servers, head);
            if columns::width(&matrix) <= self.paper.width {
                return vec![title + &aligned(&matrix, "  ")];
            }
        }
        let folded = records.iter().map(|record| self.folded(record, &servers));
        let mut blocks: Vec<String> = folded.collect();
        if let Some(first) = blocks.first_mut() {
            first.insert_str(0, &title);
        }
        blocks
    }

    fn matrix(&self, records: &[&RecordFacts], servers: &[usize], named: Head) -> Vec<Vec<Cell>> {
        let head = |words: &str| (words.to_owned(), DIM);
        let mut first = vec![
            head(self.paper.words("record", "레코드")),
            head(self.paper.words("planned", "계획")),
        ];
        first.extend(servers.iter().map(|&server| match named {
            Head::Names => head(&self.numbered(server)),
            Head::Numbers => head(&format!("#{}", server + 1)),
        }));
        let mut rows = vec![first];
        for record in records {
            let title = format!("{} {}", record.name, record.record_type);
            let wanted = self.wanted(record);
            let mut row = vec![(title, BOLD), (clipped(&printable(&wanted), PLANNED_WIDTH), PLAIN)];
            let answers = servers.iter().map(|&server| {
                let answer = record.answers.iter().find(|answer| answer.server == server);
                answer.map_or(("-".to_owned(), DIM), |answer| self.cell(answer, &wanted))
            });
            row.extend(answers);
            rows.push(row);
        }
        rows
    }

    /// The mark, and what is not said by the plan already.
    fn cell(&self, answer: &AnswerFacts, wanted: &str) -> Cell {
        let (mark, style, is_odd) = self.mark(answer, wanted);
        let said = said(answer, self.paper);
        let mut text = mark.to_owned();
        let is_plain = answer.matches && (!is_odd || said == answer.outcome);
        if !is_plain {
            let _ = write!(text, " {}", clipped(&printable(&said), VALUE_WIDTH));
        }
        if let Some(left) = self.left_in_cache(answer) {
            let _ = write!(text, " ({left})");
        }
        (text, style)
    }

    /// Whether an answer is as it should be: `✗` not as planned, `!` as planned, but not what others say.
    fn mark(&self, answer: &AnswerFacts, wanted: &str) -> (&'static str, Style, bool) {
        let is_odd = answer.matches && !wanted.is_empty() && said(answer, self.paper) != wanted;
        let (mark, state) = match (answer.matches, is_odd) {
            (false, _) => ("✗", State::Down),
            (true, true) => ("!", State::Degraded),
            (true, false) => ("✓", State::Up),
        };
        (mark, paint::state(state), is_odd)
    }

    fn left_in_cache(&self, answer: &AnswerFacts) -> Option<String> {
        let server = self.dns.servers.get(answer.server).filter(|server| server.is_resolver)?;
        let end = answer.expiry(self.at).filter(|_| server.reachable)?;
        Some(left(end, self.at, self.paper.language))
    }

    /// What the plan says; where it says nothing, what most servers do.
    fn wanted(&self, record: &RecordFacts) -> String {
        if is_planned(record) { record.expected.to_string() } else { self.usual(record) }
    }

    fn usual(&self, record: &RecordFacts) -> String {
        RecordPicture::of(self.dns, record)
            .map(|picture| match picture.usual.values.as_slice() {
                [] => outcome(&picture.usual.outcome, self.paper).to_owned(),
                values => values.join(", "),
            })
            .unwrap_or_default()
    }

    fn numbered(&self, server: usize) -> String {
        let name = self.dns.servers.get(server).map(|server| &*server.name).unwrap_or_default();
        format!("{} {}", server + 1, clipped(&printable(name), VALUE_WIDTH))
    }

    /// One record: those servers together that say the same.
    fn folded(&self, record: &RecordFacts, servers: &[usize]) -> String {
        let usual = self.usual(record);
        let mut groups: Vec<(Cell, Vec<usize>)> = Vec::new();
        for answer in record.answers.iter().filter(|answer| servers.contains(&answer.server)) {
            let (mark, style, _) = self.mark(answer, &usual);
            let mut text = format!("{mark} {}", said(answer, self.paper));
            if let Some(left) = self.left_in_cache(answer) {
                let _ = write!(text, " ({left})");
            }
            match groups.iter_mut().find(|((known, _), _)| *known == text) {
                Some((_, others)) => others.push(answer.server),
                None => groups.push(((text, style), vec![answer.server])),
            }
        }
        groups.sort_by_key(|(_, servers)| std::cmp::Reverse(servers.len()));
        let mut text = self.title(record);
        for ((said, style), servers) in groups {
            let who: Vec<String> = match servers.as_slice() {
                [only] => vec![self.numbered(*only)],
                several => several.iter().map(|server| (server + 1).to_string()).collect(),
            };
            let room = self.paper.width.saturating_sub(4).max(VALUE_WIDTH);
            let _ = writeln!(text, "  {style}{}{style:#}", clipped(&printable(&said), room));
            let _ = writeln!(text, "    {DIM}#{}{DIM:#}", clipped(&who.join(" "), room));
        }
        text
    }

    fn title(&self, record: &RecordFacts) -> String {
        format!(
            "{BOLD}{} {}{BOLD:#}  {DIM}{}{DIM:#}\n",
            printable(&record.name),
            printable(&record.record_type),
            if is_planned(record) {
                clipped(&printable(&record.expected), self.paper.width.max(PLANNED_WIDTH))
            } else {
                String::new()
            },
        )
    }

    /// One record on every server, as it came.
    fn raw(&self, record: &RecordFacts) -> String {
        let paper = self.paper;
        let usual = self.usual(record);
        let mut text = self.title(record);
        for answer in &record.answers {
            let Some(server) = self.dns.servers.get(answer.server) else { continue };
            let (mark, style, _) = self.mark(answer, &usual);
            let _ = writeln!(
                text,
                "  {style}{mark} {}{style:#}  {DIM}{}{DIM:#}",
                printable(&said(answer, paper)),
                printable(&server.label()),
            );
            let mut told: Vec<String> = Vec::new();
            told.extend(answer.rcode());
            if answer.rtt_seconds.is_some() {
                told.push(format!(
                    "{} {}",
                    paper.words("flags", "플래그"),
                    or_dash(&answer.flags.to_string())
                ));
                told.extend(answer.ttl.map(|ttl| format!("TTL {ttl} s")));
                told.extend(self.left_in_cache(answer).map(|left| match paper.language {
                    Language::En => format!("{left} left"),
                    Language::Ko => format!("{left} 남음"),
                }));
                let transport = if answer.over_tcp { "TCP" } else { "UDP" };
                told.push(format!("{transport} {}", round_trip(answer.rtt_seconds)));
                let [answers, authority, additional] = answer.counts;
                told.push(format!("{answers}/{authority}/{additional}"));
                told.extend(server.nsid.as_ref().map(|nsid| format!("NSID {nsid}")));
            }
            if !told.is_empty() {
                let _ = writeln!(text, "      {DIM}{}{DIM:#}", printable(&told.join(", ")));
            }
            if let Some(dig) = record.dig(server) {
                let _ = writeln!(text, "      {DIM}${DIM:#} {}", printable(&dig));
            }
        }
        text
    }
}

/// The plan says something of its value; else servers need only agree.
fn is_planned(record: &RecordFacts) -> bool {
    *record.expected != *"anything"
}

fn or_dash(words: &str) -> &str {
    if words.is_empty() { "-" } else { words }
}

fn said(answer: &AnswerFacts, paper: Paper) -> String {
    match answer.values.as_slice() {
        [] => outcome(&answer.outcome, paper).to_owned(),
        values => values.join(", "),
    }
}

/// What an answer without values came to.
fn outcome(label: &str, paper: Paper) -> &str {
    match (label, paper.language) {
        ("nodata", Language::En) => "no such record",
        ("nodata", Language::Ko) => "레코드 없음",
        ("nxdomain", Language::En) => "no such name",
        ("nxdomain", Language::Ko) => "이름 없음",
        ("timeout", Language::En) => "no answer",
        ("timeout", Language::Ko) => "응답 없음",
        _ => label,
    }
}

fn round_trip(seconds: Option<f64>) -> String {
    seconds.map(|seconds| format!("{:.1} ms", seconds * 1e3)).unwrap_or_default()
}

/// Time until a moment, to the second where that matters.
fn left(end: Timestamp, now: Timestamp, language: Language) -> String {
    let seconds = end.duration_since(now).as_secs().max(0);
    let (days, hours, minutes) = (seconds / 86_400, seconds / 3600, seconds / 60 % 60);
    match (language, seconds) {
        (Language::En, 172_800..) => format!("{days} days"),
        (Language::Ko, 172_800..) => format!("{days}일"),
        (Language::En, 3600..) => format!("{hours} h {minutes} min"),
        (Language::Ko, 3600..) => format!("{hours}시간 {minutes}분"),
        (Language::En, 60..) => format!("{minutes} min {} s", seconds % 60),
        (Language::Ko, 60..) => format!("{minutes}분 {}초", seconds % 60),
        (Language::En, _) => format!("{seconds} s"),
        (Language::Ko, _) => format!("{seconds}초"),
    }
}
