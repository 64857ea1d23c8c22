//! `stub_status = true`: what nginx counts of itself, and whether it drops connections. Pure but for
//! what is remembered from probe to probe.

use std::collections::HashMap;
use std::sync::{Arc, Mutex, PoisonError};

use health::facts::NginxFacts;
use health::{Code, Finding, text};
use jiff::{SignedDuration, Timestamp};

use super::{Heard, Walked, ask};
use crate::net::{Net, printable};
use crate::probe::Sight;

/// Most checks remembered.
const MOST_CHECKS: usize = 4096;
/// How long after the last connection that was dropped the finding stays: they come in bursts.
const HOLD: SignedDuration = SignedDuration::from_mins(5);
const SHOWN_CHARS: usize = 128;

/// What each nginx has counted, by the name of the check.
#[derive(Debug, Default)]
pub struct Memory(Mutex<HashMap<Arc<str>, Seen>>);

/// The counters of one nginx as they stood, and what they say over time.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
struct Seen {
    last: NginxFacts,
    /// Dropped beyond doubt: the two counters are not read at one moment, and are apart by a connection
    /// or two that are just being taken up. What two readings in a row say is so.
    certain: u64,
    drops: Option<Drops>,
}

/// Connections dropped of late.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
struct Drops {
    count: u64,
    since: Timestamp,
    until: Timestamp,
}

/// Reads the page, where one came, and judges it.
pub(super) fn attend(check: &Arc<str>, walked: Walked, net: &Net) -> Sight {
    let Walked { mut sight, heard } = walked;
    // An error page or a page that broke off has its finding already.
    let Some(heard) = heard.filter(|heard| heard.status.is_success()) else { return sight };
    let url = ask::subject(&heard.url);
    let finding = match parse(&heard.body) {
        Some(counted) => {
            sight.facts.nginx = Some(Box::new(counted));
            let drops = net.nginx.note(check, counted, crate::clock::now());
            drops.map(|drops| dropped(&url, &counted, drops))
        }
        None if sight.findings.is_empty() => Some(unreadable(&url, &heard)),
        None => None,
    };
    sight.findings.extend(finding);
    sight
}

impl Memory {
    /// Notes a reading, and says what was dropped of late.
    fn note(&self, check: &Arc<str>, counted: NginxFacts, now: Timestamp) -> Option<Drops> {
        let mut known = self.0.lock().unwrap_or_else(PoisonError::into_inner);
        let seen = advance(known.get(check).copied(), counted, now);
        if known.len() < MOST_CHECKS || known.contains_key(check) {
            known.insert(Arc::clone(check), seen);
        }
        seen.drops
    }
}

/// What is known after one more reading. Counters that went back began anew with nginx.
fn advance(before: Option<Seen>, counted: NginxFacts, now: Timestamp) -> Seen {
    let Some(before) = before.filter(|seen| seen.last.accepts <= counted.accepts) else {
        let drops = before.and_then(|seen| seen.drops).filter(|drops| is_recent(drops, now));
        return Seen { last: counted, certain: counted.dropped(), drops };
    };
    let certain = before.last.dropped().min(counted.dropped());
    let grown = certain.saturating_sub(before.certain);
    let recent = before.drops.filter(|drops| is_recent(drops, now));
    let drops = match (grown, recent) {
        (0, recent) => recent,
        (grown, None) => Some(Drops { count: grown, since: now, until: now }),
        (grown, Some(drops)) => Some(Drops { count: drops.count + grown, until: now, ..drops }),
    };
    Seen { last: counted, certain, drops }
}

fn is_recent(drops: &Drops, now: Timestamp) -> bool {
    now.duration_since(drops.until) <= HOLD
}

/// The page as nginx writes it.
pub(super) fn parse(page: &[u8]) -> Option<NginxFacts> {
    let page = std::str::from_utf8(page).ok()?;
    let mut lines = page.lines().map(str::trim).filter(|line| !line.is_empty());
    let active = lines.next()?.strip_prefix("Active connections:")?.trim().parse().ok()?;
    let titles = lines.next()?;
    if !titles.starts_with("server accepts handled requests") {
        return None;
    }
    let mut totals = lines.next()?.split_ascii_whitespace().map(|number| number.parse().ok());
    let mut total = || totals.next().flatten();
    let (accepts, handled, requests) = (total()?, total()?, total()?);
    let now: Vec<&str> = lines.next()?.split_ascii_whitespace().collect();
    let ["Reading:", reading, "Writing:", writing, "Waiting:", waiting] = now[..] else {
        return None;
    };
    let [reading, writing, waiting] =
        [reading, writing, waiting].map(|number: &str| number.parse().ok());
    Some(NginxFacts {
        active,
        accepts,
        handled,
        requests,
        reading: reading?,
        writing: writing?,
        waiting: waiting?,
    })
}

fn dropped(url: &str, counted: &NginxFacts, drops: Drops) -> Finding {
    let (count, since) = (drops.count, drops.since.strftime("%H:%M:%S UTC").to_string());
    Finding::new(
        Code::NginxDropped,
        url,
        text!(
            "nginx at {url} has dropped {count} connections since {since}: it has no room for more",
            "{url}의 nginx가 {since} 이후 연결 {count}개를 버렸습니다. 더 받을 자리가 없습니다"
        ),
        text!(
            "Its error log says which limit: `grep -E 'worker_connections are not enough|Too many open files' /var/log/nginx/error.log`. Raise `worker_connections` (and `worker_rlimit_nofile` with it), then `nginx -t && nginx -s reload`. Many in Writing: a slow application holds them, and that is the cause; many in Waiting: shorten `keepalive_timeout`.",
            "어떤 한도인지는 오류 로그에 나옵니다: `grep -E 'worker_connections are not enough|Too many open files' /var/log/nginx/error.log`. `worker_connections`(와 `worker_rlimit_nofile`)를 올리고 `nginx -t && nginx -s reload`를 실행하세요. Writing이 많으면 느린 애플리케이션이 원인이고, Waiting이 많으면 `keepalive_timeout`을 줄이세요."
        ),
    )
    .evidence("dropped", count)
    .evidence("since", drops.since.to_string())
    .evidence("active", counted.active)
    .evidence("writing", counted.writing)
    .evidence("waiting", counted.waiting)
    .evidence("accepts", counted.accepts)
    .evidence("handled", counted.handled)
}

fn unreadable(url: &str, heard: &Heard) -> Finding {
    let got = printable(&heard.body, SHOWN_CHARS);
    Finding::new(
        Code::NginxUnreadable,
        url,
        text!(
            "{url} answers, but not with the page on which nginx counts its connections",
            "{url}에서 응답하지만 nginx가 연결 수를 보여 주는 페이지가 아닙니다"
        ),
        text!(
            "Have nginx serve it there: `location = /nginx_status {{ stub_status; allow 127.0.0.1; deny all; }}` in a server that listens on 127.0.0.1, then `nginx -t && nginx -s reload`. See what comes now: `curl -s {url}`. If another server or location answers, correct the URL or dial with `connect`.",
            "nginx가 그 위치에서 내보내게 하세요: 127.0.0.1에서 듣는 server에 `location = /nginx_status {{ stub_status; allow 127.0.0.1; deny all; }}`을 두고 `nginx -t && nginx -s reload`를 실행합니다. 지금 무엇이 오는지는 `curl -s {url}`로 볼 수 있습니다. 다른 server나 location이 응답한다면 URL을 고치거나 `connect`로 접속하세요."
        ),
    )
    .evidence("expected", "Active connections: …")
    .evidence("got", got)
}

#[cfg(test)]
mod tests {
    use super::*;

    const PAGE: &str = "Active connections: 291 \nserver accepts handled requests\n \
                        16630948 16630940 31070465 \nReading: 6 Writing: 179 Waiting: 106 \n";

    #[test]
    fn the_page_is_read() {
        let counted = parse(PAGE.as_bytes()).unwrap();
        assert_eq!(
            (counted.active, counted.accepts, counted.handled),
            (291, 16_630_948, 16_630_940)
        );
        assert_eq!((counted.requests, counted.reading), (31_070_465, 6));
        assert_eq!((counted.writing, counted.waiting, counted.dropped()), (179, 106, 8));
        // As other servers of the same page write it, with the time taken.
        assert!(parse(PAGE.replace("requests", "requests request_time").as_bytes()).is_some());
    }

    #[test]
    fn anything_else_is_not() {
        for page in [
            "",
            "<html>hello</html>",
            "Active connections: x",
            "Active connections: 1\nserver accepts handled requests\n 1 1",
            "Active connections: 1\nserver accepts handled requests\n 1 1 1\nReading: 0",
            "Active connections: 99999999999999999999999\nserver accepts handled requests\n1 1 1\n",
            "{\"Active connections\": 1}",
        ] {
            assert_eq!(parse(page.as_bytes()), None, "{page:?}");
        }
        assert_eq!(parse(&[0xff; 300]), None);
    }

    /// Runs readings of (second, accepts, dropped) and says what was told after each.
    fn told(readings: &[(i64, u64, u64)]) -> Vec<Option<u64>> {
        let mut seen = None;
        let mut told = Vec::new();
        for &(second, accepts, dropped) in readings {
            let counted =
                NginxFacts { accepts, handled: accepts - dropped, ..NginxFacts::default() };
            let next = advance(seen, counted, Timestamp::from_second(second).unwrap());
            told.push(next.drops.map(|drops| drops.count));
            seen = Some(next);
        }
        told
    }

    #[test]
    fn only_what_grows_and_stays_is_told() {
        for (readings, expected) in [
            // Dropped long ago.
            (vec![(0, 100, 7), (30, 200, 7), (60, 300, 7)], vec![None, None, None]),
            // One that is just being taken up, at the first reading and at a later one.
            (vec![(0, 100, 1), (30, 200, 0), (60, 300, 1), (90, 400, 0)], vec![None; 4]),
            // Growing; told from the second reading on, and until it has long been quiet.
            (
                vec![
                    (0, 100, 0),
                    (30, 200, 5),
                    (60, 300, 9),
                    (90, 400, 9),
                    (391, 500, 9),
                    (420, 600, 9),
                ],
                vec![None, None, Some(5), Some(9), None, None],
            ),
            // nginx began anew in between: what was told is held, and nothing is counted twice.
            (
                vec![(0, 100, 0), (30, 200, 5), (60, 300, 5), (90, 3, 0), (120, 9, 0)],
                vec![None, None, Some(5), Some(5), Some(5)],
            ),
            (
                vec![(0, 1000, 50), (30, 10, 0), (60, 20, 3), (90, 30, 3)],
                vec![None, None, None, Some(3)],
            ),
        ] {
            assert_eq!(told(&readings), expected, "{readings:?}");
        }
    }

    #[test]
    fn so_many_checks_and_no_more_are_remembered() {
        let memory = Memory::default();
        for index in 0..=MOST_CHECKS {
            memory.note(&index.to_string().into(), NginxFacts::default(), Timestamp::UNIX_EPOCH);
        }
        assert_eq!(memory.0.lock().unwrap().len(), MOST_CHECKS);
    }
}
