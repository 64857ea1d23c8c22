//! At which hop it goes wrong: what every way showed, put together. Pure.

use health::{Code, Finding, Severity};
use serde_json::{Map, Value};

use super::compare::{What, differences};
use super::{Sameness, Taken, differs, is_about_certificate, wording};

/// What is wrong, each thing once and put down to the hop where it goes wrong; and where ways differ
/// that are well by themselves.
pub(crate) fn judge(taken: &[Taken], sameness: &Sameness) -> Vec<Finding> {
    let mut findings = attributed(taken, sameness);
    for pair in taken.windows(2) {
        if let [outer, inner] = pair
            && !outer.is_down()
            && !inner.is_down()
        {
            findings.extend(between(outer, inner, sameness));
        }
    }
    if !findings.is_empty() {
        let briefs = briefs(taken);
        for finding in &mut findings {
            finding.evidence.insert("ways".to_owned(), briefs.clone());
        }
    }
    findings
}

/// Whose fault a finding is.
pub(super) enum Fault<'a> {
    /// That of this way: by the next one all is well.
    Hop { at: &'a Taken, well: &'a Taken },
    /// That of the last: every way fails alike.
    Last(&'a Taken),
    /// That of one behind it, which fails in its own way.
    Behind { at: &'a Taken, cause: &'a Finding },
    /// An inner way's alone; by the outer ones all is well.
    Unnoticed { at: &'a Taken, well: &'a Taken },
    /// That of this way, and nothing more is known.
    Own(&'a Taken),
}

fn attributed(taken: &[Taken], sameness: &Sameness) -> Vec<Finding> {
    let mut told = Vec::new();
    let mut explained: Vec<&Finding> = Vec::new();
    for (index, way) in taken.iter().enumerate() {
        for finding in &way.findings {
            let was_told = index > 0 && alike(finding, &taken[index - 1]).is_some();
            let is_explained = explained.iter().any(|known| std::ptr::eq(*known, finding));
            let is_meant = index > 0 && is_left_to_others(finding, sameness);
            if was_told || is_explained || is_meant {
                continue;
            }
            if finding.severity == Severity::Notice {
                told.push(wording::of_way(finding.clone(), index, way));
                continue;
            }
            let fault = fault(taken, index, finding);
            if let Fault::Behind { cause, .. } = fault {
                if is_gateway(finding) || names_another(finding) {
                    explained.push(cause);
                }
            } else if names_another(finding) {
                // An upstream was asked and is at fault, whichever way passes that on.
                told.push(wording::of_way(finding.clone(), index, way));
                continue;
            }
            told.push(wording::told(finding.clone(), index, way, &fault));
        }
    }
    told
}

fn fault<'a>(taken: &'a [Taken], index: usize, finding: &'a Finding) -> Fault<'a> {
    let way = &taken[index];
    if index > 0 {
        return match &taken[..index] {
            [outer, ..] if !taken[..index].iter().any(Taken::is_down) => {
                Fault::Unnoticed { at: way, well: outer }
            }
            _ => Fault::Own(way),
        };
    }
    let last = deepest(taken, index, finding);
    let Some(next) = taken.get(last + 1) else {
        return if last > index { Fault::Last(&taken[last]) } else { Fault::Own(way) };
    };
    let is_critical = |finding: &&Finding| finding.severity == Severity::Critical;
    match next.findings.iter().find(is_critical) {
        // A proxy that verifies certificates gives up on a bad one; others do not look.
        Some(cause) if is_gateway(finding) || (next.is_down() && is_passed_on(finding)) => {
            Fault::Behind { at: &taken[deepest(taken, last + 1, cause)], cause }
        }
        _ if next.is_down() => Fault::Own(way),
        _ => Fault::Hop { at: &taken[last], well: next },
    }
}

/// The last way, without a gap, by which the same is wrong.
fn deepest(taken: &[Taken], index: usize, finding: &Finding) -> usize {
    let behind = taken.iter().enumerate().skip(index + 1);
    behind.take_while(|(_, way)| alike(finding, way).is_some()).last().map_or(index, |(at, _)| at)
}

/// The finding of a way that is this one again.
fn alike<'a>(finding: &Finding, way: &'a Taken) -> Option<&'a Finding> {
    if !is_passed_on(finding) {
        return None;
    }
    way.findings.iter().find(|other| {
        let same = |name: &str| other.evidence.get(name) == finding.evidence.get(name);
        other.code == finding.code
            && match finding.code {
                // Another status is another failure.
                Code::HttpStatus => same("got"),
                Code::HttpJson | Code::HttpHeader => {
                    other.subject == finding.subject && same("got")
                }
                _ => true,
            }
    })
}

/// A proxy may have it from whom it asks. A connection that fails, and a certificate, are its own.
fn is_passed_on(finding: &Finding) -> bool {
    finding.code.label().starts_with("http.")
}

/// What a hop before may add or mend, so that an inner way need not have it: headers, compression,
/// a version, a redirect. Certificates where they may differ.
fn is_left_to_others(finding: &Finding, sameness: &Sameness) -> bool {
    if is_about_certificate(finding) {
        return sameness.may_differ.certificate;
    }
    let is_an_answer = matches!(
        finding.code,
        Code::HttpStatus
            | Code::HttpBadGateway
            | Code::HttpHostRejected
            | Code::HttpRateLimited
            | Code::HttpMaintenance
            | Code::HttpBody
            | Code::HttpJson
            | Code::HttpTimeout
            | Code::HttpProtocol
            | Code::HttpSessionLost
    );
    is_passed_on(finding) && !is_an_answer
}

/// A proxy says that it got no answer, and nobody has said yet from whom.
pub(super) fn is_gateway(finding: &Finding) -> bool {
    let status = finding.evidence.get("got").and_then(Value::as_u64);
    finding.code == Code::HttpStatus && status.is_some_and(|status| (502..=504).contains(&status))
}

/// It says already who behind the proxy is at fault.
fn names_another(finding: &Finding) -> bool {
    matches!(finding.code, Code::HttpBadGateway | Code::HttpUpstream)
}

fn between(outer: &Taken, inner: &Taken, sameness: &Sameness) -> Vec<Finding> {
    let mut findings = Vec::new();
    for here in &outer.answers {
        let Some(there) = inner.answers.iter().find(|there| there.step == here.step) else {
            continue;
        };
        let mut differences = differences(here, there, sameness);
        // What is missing that the plan asks for has been told already.
        differences.retain(|difference| {
            let name = match difference.what {
                What::Cookie => difference.inner.split('=').next().unwrap_or_default(),
                _ => &*difference.key,
            };
            let ending = match &here.step {
                Some(step) => format!("[{name}] ({step})"),
                None => format!("[{name}]"),
            };
            !outer.findings.iter().any(|known| known.subject.ends_with(&ending))
        });
        if !differences.is_empty() {
            findings.push(differs::finding((outer, here), (inner, there), &differences));
        }
    }
    findings
}

/// How every way came out, for evidence.
fn briefs(taken: &[Taken]) -> Value {
    let brief = |way: &Taken| {
        let mut words = Vec::new();
        words.extend(way.address.map(|address| address.to_string()));
        let is_single = matches!(&way.answers[..], [answer] if answer.step.is_none());
        if is_single {
            words.extend(way.answers.iter().map(|answer| answer.heard.status.as_u16().to_string()));
        }
        let mut codes: Vec<&str> =
            way.findings.iter().map(|finding| finding.code.label()).collect();
        codes.dedup();
        words.push(if codes.is_empty() { "well".to_owned() } else { codes.join(" ") });
        Value::from(words.join(", "))
    };
    Value::Object(taken.iter().map(|way| (way.name.to_string(), brief(way))).collect::<Map<_, _>>())
}
