//! A body that must stay what it is: by a digest of the plan, or by a file.

use std::sync::{Arc, Mutex, PoisonError};

use health::{Code, Finding, text};

use super::Reply;
use crate::net::printable;
use crate::probe::http::expect::{Expect, Unchanged, digest};
use crate::probe::http::{Spec, content};

/// Most bytes of a body that is remembered, and most bodies.
const KEPT_BYTES: usize = 64 * 1024;
const KEPT_BODIES: usize = 64;
/// Most bytes of a line shown before and behind the first difference.
const AROUND_BYTES: usize = 60;

/// Bodies as they were when they were as planned, by their digest: what has changed since can be
/// shown. In memory alone; that it has changed is known without.
#[derive(Debug, Default)]
pub struct Bodies(Mutex<Vec<Kept>>);

/// A body and its digest.
type Kept = ([u8; 32], Arc<[u8]>);

impl Bodies {
    /// The body that a plan expects, if it was seen.
    pub(in crate::probe::http) fn as_planned(&self, spec: &Spec) -> Option<Arc<[u8]>> {
        self.of(&spec.expect.unchanged.as_ref()?.digest)
    }

    /// Keeps a body that is as planned.
    pub(in crate::probe::http) fn note(&self, spec: &Spec, reply: &Reply) {
        let Some(unchanged) = &spec.expect.unchanged else { return };
        let is_known = reply.as_planned.is_some() || unchanged.file.is_some();
        if is_known || reply.body.is_over_cap || !reply.is_complete {
            return;
        }
        let decoded = content::decoded(&reply.headers, &reply.body.kept, spec.max_body_bytes);
        let Ok(bytes) = decoded else { return };
        let bytes = unchanged.stripped(&bytes);
        // Another answer may have been accepted, such as a 304 without a body.
        if bytes.len() <= KEPT_BYTES && digest(&bytes) == unchanged.digest {
            self.keep(unchanged.digest, bytes.as_ref().into());
        }
    }

    fn of(&self, digest: &[u8; 32]) -> Option<Arc<[u8]>> {
        let kept = self.0.lock().unwrap_or_else(PoisonError::into_inner);
        kept.iter().find(|(known, _)| known == digest).map(|(_, bytes)| Arc::clone(bytes))
    }

    fn keep(&self, digest: [u8; 32], bytes: Arc<[u8]>) {
        let mut kept = self.0.lock().unwrap_or_else(PoisonError::into_inner);
        if kept.iter().any(|(known, _)| *known == digest) {
            return;
        }
        if kept.len() >= KEPT_BODIES {
            kept.remove(0);
        }
        kept.push((digest, bytes));
    }
}

/// The body is not what it was, and where it begins to differ.
pub(super) fn judge(expect: &Expect, bytes: &[u8], reply: &Reply) -> Option<Finding> {
    let unchanged = expect.unchanged.as_ref()?;
    // A 304 has no body, and says that nothing changed.
    if reply.status == http::StatusCode::NOT_MODIFIED {
        return None;
    }
    let bytes = unchanged.stripped(bytes);
    let got = digest(&bytes);
    if got == unchanged.digest {
        return None;
    }
    let known = match &unchanged.file {
        Some((_, text)) => Some(&text[..]),
        None => reply.as_planned.as_deref(),
    };
    Some(changed(unchanged, &got, known.map(|known| Difference::of(known, &bytes)), reply))
}

fn changed(
    unchanged: &Unchanged,
    got: &[u8; 32],
    difference: Option<Difference>,
    reply: &Reply,
) -> Finding {
    let url = &reply.subject;
    let summary = match (&difference, &unchanged.file) {
        (Some(Difference { line, is, .. }), Some((file, _))) => text!(
            "{url} is not the same as {file}: line {line} is {is}",
            "{url}의 내용이 {file}과(와) 다릅니다: {line}번째 줄이 {is}입니다"
        ),
        (Some(Difference { line, is, .. }), None) => text!(
            "{url} has changed: line {line} is now {is}",
            "{url}의 내용이 바뀌었습니다: {line}번째 줄이 이제 {is}입니다"
        ),
        (None, _) => text!(
            "{url} has changed: its body is not the one of the plan",
            "{url}의 내용이 바뀌었습니다: 계획에 적힌 본문이 아닙니다"
        ),
    };
    let digest = format!("sha256:{}", hex(got));
    let remedy = match &unchanged.file {
        Some((file, _)) => text!(
            "See what differs: `curl -s --compressed {url} | diff - {file}`. Who changed it, and when: `ls -l --time-style=full-iso {file}`, the deployment's log, logins (`last -20`). If the page is right, copy it to that file and send SIGHUP; if nobody of yours did it, take the site off the net and look for other files that are newer than the deployment.",
            "무엇이 다른지 보세요: `curl -s --compressed {url} | diff - {file}`. 누가 언제 바꿨는지는 `ls -l --time-style=full-iso {file}`, 배포 로그, 로그인 기록(`last -20`)으로 확인하세요. 지금 페이지가 맞다면 그 파일에 복사하고 SIGHUP을 보내세요. 아무도 바꾸지 않았다면 사이트를 내리고 배포 이후 바뀐 다른 파일을 찾으세요."
        ),
        None => text!(
            "See the body: `curl -s --compressed {url} | less`. A deployment of yours? Then write `body_hash = \"{digest}\"`. What changes with every request (a nonce, the time) goes into `ignoring`. If nobody of yours did it, take the site off the net and look for files newer than the last deployment: `find WEBROOT -newer FILE -type f`.",
            "본문을 확인하세요: `curl -s --compressed {url} | less`. 직접 배포한 것이라면 `body_hash = \"{digest}\"`로 고쳐 적으세요. 요청마다 바뀌는 부분(nonce, 시각)은 `ignoring`에 적습니다. 아무도 바꾸지 않았다면 사이트를 내리고 마지막 배포 이후 바뀐 파일을 찾으세요: `find 웹루트 -newer 파일 -type f`."
        ),
    };
    let finding = Finding::new(Code::HttpChanged, &**url, summary, remedy)
        .evidence("expected", format!("sha256:{}", hex(&unchanged.digest)))
        .evidence("got", digest);
    match difference {
        Some(difference) => finding
            .evidence("line", difference.line)
            .evidence("was", difference.was)
            .evidence("is", difference.is),
        None => finding.evidence("begins", printable(&reply.body.kept, 160)),
    }
}

/// Where two bodies begin to differ.
#[derive(Debug, PartialEq, Eq)]
struct Difference {
    /// Counted from one.
    line: usize,
    was: String,
    is: String,
}

impl Difference {
    fn of(known: &[u8], now: &[u8]) -> Self {
        let at = known.iter().zip(now).take_while(|(known, now)| known == now).count();
        let line = 1 + known[..at].iter().filter(|&&byte| byte == b'\n').count();
        Self { line, was: around(known, at), is: around(now, at) }
    }
}

/// The line at this byte, as far as it is near.
fn around(bytes: &[u8], at: usize) -> String {
    let before = &bytes[at.saturating_sub(AROUND_BYTES)..at.min(bytes.len())];
    let begin = before.iter().rposition(|&byte| byte == b'\n').map_or(0, |end| end + 1);
    let after = &bytes[at.min(bytes.len())..bytes.len().min(at + AROUND_BYTES)];
    let end = after.iter().position(|&byte| byte == b'\n').unwrap_or(after.len());
    let line = [&before[begin..], &after[..end]].concat();
    format!("\"{}\"", printable(line.trim_ascii(), 2 * AROUND_BYTES))
}

fn hex(digest: &[u8; 32]) -> String {
    digest.iter().map(|byte| format!("{byte:02x}")).collect()
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn the_first_difference_is_shown() {
        for (known, now, line, was, is) in [
            ("a\nb\nc\n", "a\nX\nc\n", 2, "\"b\"", "\"X\""),
            ("<h1>Shop</h1>\n", "<h1>Owned</h1>\n", 1, "\"<h1>Shop</h1>\"", "\"<h1>Owned</h1>\""),
            ("a\n", "", 1, "\"a\"", "\"\""),
            ("", "a\n", 1, "\"\"", "\"a\""),
            ("a\n", "a\nb\n", 2, "\"\"", "\"b\""),
            ("a\nb", "a\nb", 2, "\"b\"", "\"b\""),
        ] {
            let found = Difference::of(known.as_bytes(), now.as_bytes());
            assert_eq!(found, Difference { line, was: was.into(), is: is.into() }, "{known:?}");
        }
        let (long, other) = ("x".repeat(10_000), "y".repeat(10_000));
        assert!(Difference::of(long.as_bytes(), other.as_bytes()).is.len() < 200);
    }

    #[test]
    fn what_is_kept_is_bounded() {
        let bodies = Bodies::default();
        for number in 0..200_u8 {
            bodies.keep([number; 32], Arc::from(&[number][..]));
        }
        assert_eq!(bodies.0.lock().unwrap().len(), KEPT_BODIES);
        assert!(bodies.of(&[199; 32]).is_some() && bodies.of(&[0; 32]).is_none());
    }
}
