//! Values that the plan does not write down itself: a file holds them, or a command prints them, one
//! a line, read anew for every probe. Deliberately absent: a guess from an earlier reading. Where the
//! values cannot be told, nothing is judged.

use std::collections::HashMap;
use std::path::{Path, PathBuf};
use std::sync::{Arc, Mutex, PoisonError};
use std::time::{Duration, Instant};

use futures_util::future::join_all;
use health::{Code, Finding, text};
use hickory_proto::rr::Name;
use tokio::time::timeout_at;

use super::expectation::Expected;
use super::inquiry::{Inquiry, Planned};
use super::values::{normalise, render_name};
use super::wording::title;
use crate::clock::monotonic;
use crate::small_file;

mod command;

/// A file of values may have so many MiB.
const LARGEST_MIB: u64 = 1;
/// Values of one record: more are no plan but an accident.
const MOST_VALUES: usize = 256;
/// What a command printed is good for this long: a short interval runs it no more often.
const GOOD_FOR: Duration = Duration::from_secs(10);
/// Outputs of commands kept at most.
const MOST_KEPT: usize = 1024;

/// Where the values of a record come from, if not from the plan itself.
#[derive(Clone, Debug, PartialEq, Eq, Hash)]
pub enum ValueSource {
    /// A file.
    File(PathBuf),
    /// A program with its arguments; no shell is between.
    Command(Vec<String>),
}

/// What commands printed last.
#[derive(Debug, Default)]
pub(super) struct Outputs {
    kept: Mutex<HashMap<(Vec<String>, String), (Instant, Output)>>,
}

/// What was written or printed, or why nothing came; no file is `Ok(None)`.
type Output = Result<Option<Vec<u8>>, String>;

/// The records of an inquiry with all values filled in, and a finding for each whose values cannot
/// be told. Ends at the deadline.
pub(super) async fn fill_in(
    inquiry: &Inquiry,
    zone: &Name,
    outputs: &Outputs,
    deadline: tokio::time::Instant,
) -> (Vec<Arc<Planned>>, Vec<Finding>) {
    let mut records = inquiry.records.clone();
    let mut findings = Vec::new();
    let asked = records.iter().enumerate().filter_map(|(index, planned)| {
        let source = planned.source.clone()?;
        let (planned, named) = (planned.clone(), title(&planned.name, planned.record_type));
        Some(async move {
            let output = output(&source, &planned, zone, outputs, deadline).await;
            let expected = output.and_then(|output| read(output.as_deref(), &planned, zone));
            (index, source, named, expected)
        })
    });
    for (index, source, named, expected) in join_all(asked).await {
        let expected = expected.unwrap_or_else(|why| {
            findings.push(unknown(&named, &source, &why));
            Expected::Unknown
        });
        records[index] = Arc::new(records[index].with_expected(expected));
    }
    (records, findings)
}

async fn output(
    source: &ValueSource,
    planned: &Planned,
    zone: &Name,
    outputs: &Outputs,
    deadline: tokio::time::Instant,
) -> Output {
    match source {
        ValueSource::File(path) => {
            let path = path.clone();
            let reading = tokio::task::spawn_blocking(move || file(&path));
            match timeout_at(deadline, reading).await {
                Ok(Ok(output)) => output,
                Ok(Err(error)) => Err(error.to_string()),
                Err(_) => Err("it could not be read in time".to_owned()),
            }
        }
        ValueSource::Command(words) => {
            let key = (words.clone(), title(&planned.name, planned.record_type));
            if let Some(output) = outputs.recall(&key, monotonic()) {
                return output;
            }
            let about = [
                ("PORTWARDEN_ZONE", render_name(zone)),
                ("PORTWARDEN_NAME", render_name(&planned.name)),
                ("PORTWARDEN_TYPE", planned.record_type.to_string()),
            ];
            let output = command::run(words, &about, deadline).await.map(Some);
            outputs.keep(key, output.clone(), monotonic());
            output
        }
    }
}

/// Nothing, where there is no file in a folder that is there. A folder that is missing too is a
/// disk that is not mounted, or a typing mistake.
fn file(path: &Path) -> Output {
    let folder = path.parent().is_some_and(Path::is_dir);
    match path.try_exists() {
        Ok(false) if folder => Ok(None),
        Ok(_) => small_file::bytes(path, LARGEST_MIB).map(Some),
        Err(error) => Err(error.to_string()),
    }
}

impl Outputs {
    fn recall(&self, key: &(Vec<String>, String), now: Instant) -> Option<Output> {
        let kept = self.kept.lock().unwrap_or_else(PoisonError::into_inner);
        kept.get(key).filter(|(end, _)| *end > now).map(|(_, output)| output.clone())
    }

    fn keep(&self, key: (Vec<String>, String), output: Output, now: Instant) {
        let mut kept = self.kept.lock().unwrap_or_else(PoisonError::into_inner);
        if kept.len() >= MOST_KEPT {
            kept.retain(|_, (end, _)| *end > now);
        }
        if kept.len() < MOST_KEPT {
            kept.insert(key, (now + GOOD_FOR, output));
        }
    }
}

/// What the lines say. A challenge that is named nowhere is not due and has to be absent; of any
/// other record it is more likely that its values were lost.
fn read(output: Option<&[u8]>, planned: &Planned, zone: &Name) -> Result<Expected, String> {
    let Some(bytes) = output else {
        return if planned.is_challenge {
            Ok(Expected::Absent)
        } else {
            Err("there is no such file".to_owned())
        };
    };
    let text = std::str::from_utf8(bytes).map_err(|_| "it is not text in UTF-8".to_owned())?;
    let mut values = Vec::new();
    for (line, value) in text.lines().map(str::trim).enumerate().filter(|(_, v)| !v.is_empty()) {
        let value = normalise(planned.record_type, zone, value);
        values.push(value.map_err(|why| format!("line {}: {why}", line + 1))?);
    }
    values.sort_unstable();
    values.dedup();
    match values.len() {
        0 if planned.is_challenge => Ok(Expected::Absent),
        0 => Err("it names no value".to_owned()),
        1..=MOST_VALUES => Ok(Expected::Exactly(values)),
        more => Err(format!("it names {more} values; at most {MOST_VALUES} are taken")),
    }
}

fn unknown(title: &str, source: &ValueSource, why: &str) -> Finding {
    let (kind_en, kind_ko, shown, by_hand) = match source {
        ValueSource::File(path) => {
            ("the file", "파일", path.display().to_string(), format!("ls -l {}", path.display()))
        }
        ValueSource::Command(words) => {
            ("the command", "명령", words.join(" "), format!("{}; echo $?", words.join(" ")))
        }
    };
    Finding::new(
        Code::DnsValuesUnknown,
        title,
        text!(
            "what {title} should be cannot be told, so it is not judged: {kind_en} {shown}: {why}",
            "{title}의 올바른 값을 알 수 없어 판정하지 않았습니다. {kind_ko} {shown}: {why}"
        ),
        text!(
            "Try it as the user that portwarden runs as: `{by_hand}`. It has to give one value a line; for an ACME challenge nothing at all means that none is due.",
            "portwarden을 실행하는 사용자로 직접 확인하세요: `{by_hand}`. 한 줄에 값 하나씩이어야 하며, ACME 챌린지의 경우 아무것도 없으면 지금은 챌린지가 없다는 뜻입니다."
        ),
    )
    .evidence("source", shown)
    .evidence("error", why)
}

#[cfg(test)]
mod tests;
