//! Certificate files: what lies on disk.

use std::path::{Path, PathBuf};
use std::sync::Arc;

use health::facts::FileFacts;
use health::{Code, Finding, Phase, Severity, text};
use jiff::Timestamp;

use super::{Sight, Stopwatch};
use crate::renewal::Expected;
use crate::tls::files::{self, CertificateFile, Unreadable};
use crate::tls::key::PublicHalf;
use crate::tls::{Expiring, expiry, weak_key};

/// Most files of one check that are looked at.
const MOST_FILES: usize = 512;

/// `[[certificate]]` after validation.
#[derive(Clone, Debug)]
pub struct Spec {
    /// Absolute path, or a glob of them.
    pub path: String,
    /// The key; default: `privkey.pem` beside a `fullchain.pem` or `cert.pem`, or the same name
    /// with `.key`, if that exists, or a key within the file itself.
    pub key: Option<PathBuf>,
    /// When its end is near.
    pub expiring: Expiring,
    /// What is expected of its renewal.
    pub renewal: Expected,
}

/// One file as it was found.
#[derive(Debug)]
struct Found {
    path: String,
    file: Result<Arc<CertificateFile>, Unreadable>,
    key: Option<Key>,
}

/// The key that goes with a file.
#[derive(Debug)]
struct Key {
    path: String,
    public: Result<PublicHalf, Unreadable>,
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
        let files = self.found.iter().filter_map(|found| found.file.as_ref().err());
        let keys = self.found.iter().filter_map(|found| found.key.as_ref()?.public.as_ref().err());
        let closed = self.closed.iter().map(|(_, why)| why);
        files.chain(keys).chain(closed).find_map(Unreadable::lack)
    }
}

/// Runs one probe.
pub async fn observe(spec: &Spec, watch: &mut Stopwatch, now: Timestamp) -> Sight {
    let (pattern, key) = (spec.path.clone(), spec.key.clone());
    let reading = tokio::task::spawn_blocking(move || survey(&pattern, key.as_deref(), now));
    let outcome = tokio::time::timeout_at(watch.deadline(), reading).await;
    watch.lap(Phase::Read);
    let why = match outcome {
        Ok(Ok(reply)) => {
            let findings = judge(spec, &reply, now);
            let mut sight = Sight { findings, ..Sight::default() };
            sight.facts.blind = reply.lack().map(str::to_owned);
            sight.facts.files = reply.found.into_iter().map(facts).collect();
            return sight;
        }
        Ok(Err(error)) => error.to_string(),
        Err(_) => format!("no answer from the file system within {:?}", watch.timeout()),
    };
    let finding = Unreadable::System(why).finding(&spec.path);
    Sight { findings: vec![finding], ..Sight::default() }
}

/// Reads every file; blocks.
fn survey(pattern: &str, key: Option<&Path>, now: Timestamp) -> Reply {
    let mut reply = Reply::default();
    for path in matches(pattern, &mut reply) {
        let file = files::read(&path, now);
        let key = key_of(&path, key, file.as_deref().ok(), now);
        reply.found.push(Found { path: path.display().to_string(), file, key });
    }
    reply
}

fn matches(pattern: &str, reply: &mut Reply) -> Vec<PathBuf> {
    if !pattern.contains(['*', '?', '[']) {
        return vec![PathBuf::from(pattern)];
    }
    let mut paths = Vec::new();
    let Ok(walk) = glob::glob(pattern) else {
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

fn key_of(
    path: &Path,
    named: Option<&Path>,
    file: Option<&CertificateFile>,
    now: Timestamp,
) -> Option<Key> {
    if let Some(named) = named {
        let public = files::read_key(named, now);
        return Some(Key { path: named.display().to_string(), public });
    }
    if let Some(own) = file.and_then(|file| file.own_key.clone()) {
        return Some(Key { path: path.display().to_string(), public: Ok(own) });
    }
    let is_certbots = ["fullchain.pem", "cert.pem"].iter().any(|name| path.ends_with(name));
    let beside = is_certbots.then(|| path.with_file_name("privkey.pem"));
    beside.into_iter().chain([path.with_extension("key")]).find_map(|key| {
        if key == path || !key.exists() {
            return None;
        }
        let public = files::read_key(&key, now);
        Some(Key { path: key.display().to_string(), public })
    })
}

fn facts(found: Found) -> FileFacts {
    let (chain, modified) = match &found.file {
        Ok(file) => (Arc::clone(&file.chain), file.modified),
        Err(_) => (Arc::default(), None),
    };
    let (key_matches, key_unread) = match (&found.file, &found.key) {
        (Ok(file), Some(Key { public: Ok(PublicHalf::Known(bits)), .. })) => {
            (Some(file.public_keys.first() == Some(bits)), None)
        }
        (_, Some(Key { public: Ok(PublicHalf::Unknown(why)), .. })) => (None, Some(why.clone())),
        (_, Some(Key { public: Err(why), .. })) => (None, Some(why.reason().en)),
        _ => (None, None),
    };
    FileFacts {
        path: found.path,
        modified,
        chain,
        key_path: found.key.map(|key| key.path),
        key_matches,
        key_unread,
        ..FileFacts::default()
    }
}

fn judge(spec: &Spec, reply: &Reply, now: Timestamp) -> Vec<Finding> {
    let mut findings: Vec<Finding> =
        reply.found.iter().flat_map(|found| judge_file(spec, found, now)).collect();
    findings.extend(reply.closed.iter().map(|(path, why)| why.finding(path)));
    if reply.found.is_empty() && reply.closed.is_empty() {
        findings.push(no_match(&spec.path));
    }
    if reply.is_cut {
        findings.push(cut(&spec.path));
    }
    findings
}

fn judge_file(spec: &Spec, found: &Found, now: Timestamp) -> Vec<Finding> {
    let file = match &found.file {
        Ok(file) => file,
        Err(why) => return vec![why.finding(&found.path)],
    };
    let mut findings = expiry(&file.chain, &spec.expiring, &found.path, now);
    if file.weak_key
        && let Some(leaf) = file.chain.first()
    {
        let noun = text!("the certificate", "인증서");
        findings.push(weak_key(&found.path, &noun, &leaf.key));
    }
    match &found.key {
        Some(Key { path, public: Ok(PublicHalf::Known(bits)) })
            if file.public_keys.first() != Some(bits) =>
        {
            findings.push(mismatch(found, file, path, bits));
        }
        Some(Key { path, public: Err(why) }) => findings.push(why.finding(path)),
        _ => {}
    }
    findings
}

fn mismatch(found: &Found, file: &CertificateFile, key: &str, bits: &[u8]) -> Finding {
    let path = &found.path;
    let place = file.public_keys.iter().position(|known| known == bits).map(|index| index + 1);
    let remedy = match place {
        Some(place) => text!(
            "The key belongs to certificate number {place} in the file: the certificate itself must come first, its issuers after it. Put them in that order.",
            "키는 파일의 {place}번째 인증서의 것입니다. 서버 인증서가 맨 앞에, 발급 인증서는 그 뒤에 와야 합니다. 순서를 바로잡으세요."
        ),
        None => text!(
            "A server that reads both will not start again. Compare `openssl x509 -in {path} -noout -pubkey` with `openssl pkey -in {key} -pubout`, and put the pair of one issuance together; or issue anew: `certbot renew --force-renewal`.",
            "둘을 읽는 서버는 다시 시작되지 않습니다. `openssl x509 -in {path} -noout -pubkey`와 `openssl pkey -in {key} -pubout`을 비교해 같은 발급의 쌍으로 맞추거나 다시 발급하세요: `certbot renew --force-renewal`."
        ),
    };
    let finding = Finding::new(
        Code::CertKeyMismatch,
        &**path,
        text!(
            "{key} is not the key of the certificate in {path}",
            "{key}은(는) {path} 인증서의 키가 아닙니다"
        ),
        remedy,
    )
    .evidence("file", &**path)
    .evidence("key", key);
    match place {
        Some(place) => finding.evidence("belongs_to_element", place),
        None => finding,
    }
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
