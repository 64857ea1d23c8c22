//! Certificate files: what lies on disk.

use std::path::{Path, PathBuf};
use std::time::Duration;

use health::{Code, Finding, Phase, Severity, text};
use jiff::Timestamp;

use super::tcp::speaks::Password;
use super::{Sight, Stopwatch};
use crate::patience;
use crate::renewal::Expected;
use crate::tls::Expiring;
use crate::tls::files::Unreadable;

mod file;
mod permissions;

pub(crate) use file::Found;

/// Most files of one check that are looked at.
const MOST_FILES: usize = 512;
/// What a renewer that is seen between two files is given to write the second.
pub(crate) const SETTLING: Duration = Duration::from_millis(500);

/// `[[certificate]]` after validation.
#[derive(Clone, Debug)]
pub struct Spec {
    /// Absolute path, or a glob of them.
    pub path: String,
    /// The key; default: `privkey.pem` beside a `fullchain.pem` or `cert.pem`, or the same name
    /// with `.key`, if that exists, or a key within the file itself.
    pub key: Option<PathBuf>,
    /// What opens PKCS#12 files.
    pub password: Option<Password>,
    /// When its end is near.
    pub expiring: Expiring,
    /// What is expected of its renewal.
    pub renewal: Expected,
}

/// All that a path or a glob leads to.
#[derive(Debug, Default)]
struct Reply {
    found: Vec<Found>,
    /// Folders that could not be looked into, and why.
    closed: Vec<(String, Unreadable)>,
    /// More files than are looked at.
    is_cut: bool,
}

impl Reply {
    /// What this machine had run out of, so that not everything could be looked at.
    fn lack(&self) -> Option<&str> {
        let closed = self.closed.iter().find_map(|(_, why)| why.lack());
        self.found.iter().find_map(Found::lack).or(closed)
    }
}

/// Runs one probe.
pub async fn observe(spec: &Spec, watch: &mut Stopwatch, now: Timestamp) -> Sight {
    let mut outcome = read(spec, watch, now).await;
    let is_midway = |reply: &Reply| reply.found.iter().any(|found| found.is_midway(now));
    if outcome.as_ref().is_ok_and(is_midway) && watch.left() > 2 * SETTLING {
        tokio::time::sleep(SETTLING).await;
        outcome = read(spec, watch, now).await;
    }
    watch.lap(Phase::Read);
    let why = match outcome {
        Ok(reply) => {
            let findings = judge(spec, &reply, now);
            let mut sight = Sight { findings, ..Sight::default() };
            sight.facts.blind = reply.lack().map(str::to_owned);
            sight.facts.files = reply.found.iter().map(Found::facts).collect();
            return sight;
        }
        Err(why) => why,
    };
    let finding = Unreadable::System(why).finding(&spec.path);
    Sight { findings: vec![finding], ..Sight::default() }
}

/// Looks at all of it once; why not, where it cannot be.
async fn read(spec: &Spec, watch: &Stopwatch, now: Timestamp) -> Result<Reply, String> {
    let settings = spec.clone();
    patience::look(&spec.path, watch, move || survey(&settings, now)).await
}

/// Reads every file; blocks.
fn survey(spec: &Spec, now: Timestamp) -> Reply {
    let mut reply = Reply::default();
    let password = spec.password.as_ref().map(|password| &*password.0);
    for path in matches(&spec.path, &mut reply) {
        reply.found.push(Found::look(&path, spec.key.as_deref(), password, now));
    }
    reply
}

fn matches(pattern: &str, reply: &mut Reply) -> Vec<PathBuf> {
    if !pattern.contains(['*', '?', '[']) {
        return vec![PathBuf::from(pattern)];
    }
    let mut paths = Vec::new();
    // As a shell has it, and `ls` in the remedy: Kubernetes keeps `..data` beside what it leads to.
    let options =
        glob::MatchOptions { require_literal_leading_dot: true, ..glob::MatchOptions::default() };
    let Ok(walk) = glob::glob_with(pattern, options) else {
        // Not a pattern after all: then it is a name.
        return vec![PathBuf::from(pattern)];
    };
    for entry in walk {
        match entry {
            Ok(path) if paths.len() < MOST_FILES => paths.push(path),
            Ok(_) => {
                reply.is_cut = true;
                break;
            }
            Err(error) => {
                let path = error.path().display().to_string();
                reply.closed.push((path, Unreadable::of(error.error())));
            }
        }
    }
    if paths.is_empty() && reply.closed.is_empty() {
        // A folder that may not be looked into seems empty to a glob.
        let folder = Path::new(pattern)
            .ancestors()
            .find(|path| !path.to_string_lossy().contains(['*', '?', '[']));
        if let Some(folder) = folder
            && let Err(error) = std::fs::read_dir(folder)
        {
            reply.closed.push((folder.display().to_string(), Unreadable::of(&error)));
        }
    }
    paths
}

fn judge(spec: &Spec, reply: &Reply, now: Timestamp) -> Vec<Finding> {
    let mut findings: Vec<Finding> =
        reply.found.iter().flat_map(|found| found.judge(&spec.expiring, now)).collect();
    findings.extend(reply.closed.iter().map(|(path, why)| why.finding(path)));
    if reply.found.is_empty() && reply.closed.is_empty() {
        findings.push(no_match(&spec.path));
    }
    if reply.is_cut {
        findings.push(cut(&spec.path));
    }
    findings
}

fn no_match(pattern: &str) -> Finding {
    Finding::new(
        Code::CertUnreadable,
        pattern,
        text!("no file matches {pattern}", "{pattern}에 맞는 파일이 없습니다"),
        text!(
            "Check the pattern: `ls -l {pattern}`. If the certificates are gone, the servers that name them will not start again: `certbot certificates`.",
            "패턴을 확인하세요: `ls -l {pattern}`. 인증서가 사라졌다면 이를 쓰는 서버는 다시 시작되지 않습니다: `certbot certificates`."
        ),
    )
    .evidence("pattern", pattern)
}

fn cut(pattern: &str) -> Finding {
    Finding::new(
        Code::CertUnreadable,
        format!("{pattern}, beyond {MOST_FILES} files"),
        text!(
            "more than {MOST_FILES} files match {pattern}; the others were not looked at",
            "{pattern}에 맞는 파일이 {MOST_FILES}개를 넘습니다. 나머지는 확인하지 않았습니다"
        ),
        text!("Split the pattern over several checks.", "패턴을 여러 점검 항목으로 나누세요."),
    )
    .severity(Severity::Notice)
    .evidence("looked_at", MOST_FILES)
}

#[cfg(test)]
mod tests;
