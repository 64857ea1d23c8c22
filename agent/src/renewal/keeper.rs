//! Who renews a certificate: its renewer's own files and log, read where they may be.
//!
//! Blocks. Deliberately absent: looking for renewers that nothing in the plan leads to, and running
//! any of them.

use std::collections::HashMap;
use std::fs::File;
use std::io::{self, Read, Seek, SeekFrom};
use std::os::unix::fs::MetadataExt;
use std::path::{Path, PathBuf};
use std::sync::{Arc, Mutex, PoisonError};

use health::facts::CertificateFacts;
use jiff::Timestamp;

use super::acme_sh::{self, Kept};
use super::certbot::{self, Lineage};
use super::certbot_log;
use super::tries::Try;
use crate::small_file;
use crate::tls::{Memo, files};

/// The largest of a renewer's own files that is read.
const MOST_MIB: u64 = 1;
/// So much of a log's end is read, bytes: one run of certbot over fifty certificates that fail.
const MOST_OF_A_LOG: u64 = 4 << 20;
/// Logs remembered.
const LOGS: usize = 64;

/// A renewer, and what it says of one certificate.
#[derive(Clone, Debug)]
pub(crate) struct Keeper {
    /// Its own file about the certificate.
    pub(crate) path: PathBuf,
    /// What that says.
    pub(crate) kept_by: KeptBy,
    /// Its last try, where its log tells.
    pub(crate) last: Option<Try>,
    /// When it ran last, for whatever certificate: when its log changed.
    pub(crate) ran_at: Option<Timestamp>,
    /// Where its log is, and may not be read.
    pub(crate) closed_log: Option<PathBuf>,
    /// The newest certificate that it has, where that may be read.
    pub(crate) newest: Option<Newest>,
}

impl Keeper {
    /// What was known before of the last try stays known when its log has been rotated away: the next
    /// try may be half a day off.
    pub(crate) fn after(mut self, before: &Self) -> Self {
        if self.path == before.path {
            self.last = self.last.or_else(|| before.last.clone());
            self.ran_at = self.ran_at.max(before.ran_at);
        }
        self
    }
}

/// The newest certificate that a renewer has.
#[derive(Clone, Debug)]
pub(crate) struct Newest {
    /// Its chain.
    pub(crate) path: PathBuf,
    /// Itself.
    pub(crate) leaf: CertificateFacts,
}

impl Newest {
    fn read(path: PathBuf, now: Timestamp) -> Option<Self> {
        let file = files::read(&path, now).ok()?;
        let leaf = file.chain.first()?.clone();
        Some(Self { path, leaf })
    }
}

/// Whose file it is.
#[derive(Clone, Debug)]
pub(crate) enum KeptBy {
    Certbot(Lineage),
    AcmeSh(Kept),
}

impl KeptBy {
    /// What the renewer calls the certificate.
    pub(crate) fn name(&self) -> &str {
        match self {
            Self::Certbot(lineage) => &lineage.name,
            Self::AcmeSh(kept) => &kept.name,
        }
    }

    /// What the renewer is called.
    pub(crate) fn program(&self) -> &'static str {
        match self {
            Self::Certbot(_) => "certbot",
            Self::AcmeSh(_) => "acme.sh",
        }
    }
}

/// What a log said when it was read last.
#[derive(Clone, Debug)]
struct Log {
    stamp: Stamp,
    tries: Arc<HashMap<String, Try>>,
}

/// Metadata that changes when a log does: device, inode, size, and time of change.
type Stamp = (u64, u64, u64, (i64, i64));

/// Logs that were read before.
#[derive(Debug)]
pub(crate) struct Logs(Mutex<Memo<PathBuf, Log>>);

impl Default for Logs {
    fn default() -> Self {
        Self(Mutex::new(Memo::new(LOGS)))
    }
}

/// Where to look for a renewer.
#[derive(Clone, Debug, PartialEq, Eq, Hash)]
pub(crate) enum Lead {
    /// The certificate lies here.
    Certificate(PathBuf),
    /// The renewer's own file, as the plan names it.
    Named(PathBuf),
}

/// The renewer that a lead leads to, if any.
pub(crate) fn find(lead: &Lead, logs: &Logs, now: Timestamp) -> Option<Keeper> {
    match lead {
        Lead::Named(path) => read(path, logs, now),
        Lead::Certificate(path) => certbots(path, logs, now)
            .or_else(|| certbots(&path.canonicalize().ok()?, logs, now))
            .or_else(|| read(&acme_shs(path)?, logs, now)),
    }
}

fn certbots(certificate: &Path, logs: &Logs, now: Timestamp) -> Option<Keeper> {
    read(&certbot::file_about(certificate)?, logs, now)
}

/// `DOMAIN_ecc/fullchain.cer` has `DOMAIN_ecc/DOMAIN.conf` beside it.
fn acme_shs(certificate: &Path) -> Option<PathBuf> {
    let folder = certificate.parent()?;
    let name = folder.file_name()?.to_str()?;
    let domain = name.strip_suffix("_ecc").unwrap_or(name);
    let file = folder.join(format!("{domain}.conf"));
    file.is_file().then_some(file)
}

fn read(path: &Path, logs: &Logs, now: Timestamp) -> Option<Keeper> {
    let text = text_of(path)?;
    if let Some(kept) = Kept::read(&text) {
        return Some(of_acme_sh(path, kept, logs, now));
    }
    let name = path.file_stem()?.to_str()?;
    Some(of_certbot(path, Lineage::read(name, &text), logs, now))
}

fn of_certbot(path: &Path, lineage: Lineage, logs: &Logs, now: Timestamp) -> Keeper {
    let (mut last, mut ran_at, mut closed_log) = (None, None, None);
    for (age, log) in lineage.logs().enumerate() {
        match logs.read(&log, certbot_log::tries) {
            Ok((tries, changed)) => {
                ran_at = ran_at.or(changed);
                last = tries.get(&lineage.name).cloned();
            }
            Err(error) if error.kind() == io::ErrorKind::PermissionDenied => {
                closed_log = closed_log.or(Some(log));
            }
            // Only the newest may be missing while there are others.
            Err(_) if age > 0 => break,
            Err(_) => {}
        }
        if last.is_some() {
            break;
        }
    }
    let newest = lineage.fullchain.clone().and_then(|path| Newest::read(path, now));
    let kept_by = KeptBy::Certbot(lineage);
    Keeper { path: path.to_owned(), kept_by, last, ran_at, closed_log, newest }
}

fn of_acme_sh(path: &Path, kept: Kept, logs: &Logs, now: Timestamp) -> Keeper {
    // Its home holds a folder for each certificate, and account.conf.
    let account = path.parent().and_then(Path::parent).map(|home| home.join("account.conf"));
    let account = account.and_then(|path| text_of(&path)).unwrap_or_default();
    let (mut last, mut ran_at, mut closed_log) = (None, None, None);
    if let Some(log) = acme_sh::log_named_in(&account) {
        match logs.read(Path::new(log), |text, _| acme_sh::tries(text)) {
            Ok((tries, changed)) => (last, ran_at) = (tries.get(&kept.name).cloned(), changed),
            Err(error) if error.kind() == io::ErrorKind::PermissionDenied => {
                closed_log = Some(PathBuf::from(log));
            }
            Err(_) => {}
        }
    }
    let newest = Newest::read(path.with_file_name("fullchain.cer"), now);
    let kept_by = KeptBy::AcmeSh(kept);
    Keeper { path: path.to_owned(), kept_by, last, ran_at, closed_log, newest }
}

type Told = (Arc<HashMap<String, Try>>, Option<Timestamp>);

impl Logs {
    /// Every last try that a log tells, and when it changed; one that did not is not read again.
    fn read(
        &self,
        path: &Path,
        tries: impl FnOnce(&str, Option<Timestamp>) -> HashMap<String, Try>,
    ) -> io::Result<Told> {
        let metadata = std::fs::metadata(path)?;
        if !metadata.is_file() {
            return Err(io::ErrorKind::NotFound.into());
        }
        let stamp = (
            metadata.dev(),
            metadata.ino(),
            metadata.size(),
            (metadata.mtime(), metadata.mtime_nsec()),
        );
        // An empty one has just been begun by whoever rotates logs: nobody ran.
        let changed = Timestamp::from_second(metadata.mtime()).ok().filter(|_| metadata.size() > 0);
        let key = path.to_owned();
        let known = self.0.lock().unwrap_or_else(PoisonError::into_inner).recall(&key);
        if let Some(known) = known.filter(|known| known.stamp == stamp) {
            return Ok((known.tries, changed));
        }
        let text = end_of(path, metadata.size())?;
        let tries = Arc::new(tries(&text, changed));
        let log = Log { stamp, tries: Arc::clone(&tries) };
        self.0.lock().unwrap_or_else(PoisonError::into_inner).remember(key, log);
        Ok((tries, changed))
    }
}

fn text_of(path: &Path) -> Option<String> {
    let bytes = small_file::bytes(path, MOST_MIB).ok()?;
    Some(String::from_utf8_lossy(&bytes).into_owned())
}

fn end_of(path: &Path, size: u64) -> io::Result<String> {
    let mut file = File::open(path)?;
    file.seek(SeekFrom::Start(size.saturating_sub(MOST_OF_A_LOG)))?;
    let mut bytes = Vec::new();
    file.take(MOST_OF_A_LOG).read_to_end(&mut bytes)?;
    Ok(String::from_utf8_lossy(&bytes).into_owned())
}

#[cfg(test)]
mod tests {
    use std::fs;

    use super::*;
    use crate::renewal::tries::Outcome;

    #[test]
    fn finds_who_keeps_a_certificate() {
        let folder = tempfile::tempdir().unwrap();
        let root = folder.path();
        for within in ["live/shop", "archive/shop", "renewal", "log", "sh/mail.example_ecc", "ssl"]
        {
            fs::create_dir_all(root.join(within)).unwrap();
        }
        let write = |name: &str, text: &str| fs::write(root.join(name), text).unwrap();
        let logs_dir = root.join("log").display().to_string();
        write("renewal/shop.conf", &format!("[renewalparams]\nlogs_dir = {logs_dir}\n"));
        write("archive/shop/fullchain1.pem", "");
        let chain = root.join("archive/shop/fullchain1.pem");
        let linked = root.join("ssl/shop.pem");
        std::os::unix::fs::symlink(chain, &linked).unwrap();
        write("sh/mail.example_ecc/mail.example.conf", "Le_Domain='mail.example'\n");
        let log = root.join("sh.log").display().to_string();
        write("sh/account.conf", &format!("LOG_FILE='{log}'\n"));
        write("sh.log", "[x] Renewing: 'mail.example'\n[x] Error ordering\n");
        let logs = Logs::default();
        let found = |path: PathBuf| {
            let keeper = find(&Lead::Certificate(path), &logs, Timestamp::UNIX_EPOCH)?;
            let failed = matches!(keeper.last?.outcome, Outcome::Failed(..));
            Some((keeper.kept_by.program(), keeper.kept_by.name().to_owned(), failed))
        };
        let live = root.join("live/shop/fullchain.pem");
        assert_eq!(found(live.clone()), None, "no log yet");
        let said = |words: &str| {
            format!("2026-11-21 21:40:00,000:ERROR:certbot._internal.renewal:{words}\n")
        };
        write("log/letsencrypt.log.1", &said("Failed to renew certificate shop with error: x"));
        write("log/letsencrypt.log", &said("Failed to renew certificate other with error: x"));
        let certbots = Some(("certbot", "shop".to_owned(), true));
        assert_eq!((found(live.clone()), found(linked)), (certbots.clone(), certbots));
        // Commands that renew nothing begin a log too.
        for age in [5, 4, 3, 2] {
            write(&format!("log/letsencrypt.log.{age}"), "");
        }
        fs::rename(root.join("log/letsencrypt.log.1"), root.join("log/letsencrypt.log.6")).unwrap();
        write("log/letsencrypt.log.1", &said("Found the following certs:"));
        assert_eq!(found(live.clone()), Some(("certbot", "shop".to_owned(), true)));
        write("log/letsencrypt.log", &said("  /x/live/shop/fullchain.pem (success)"));
        assert_eq!(found(live), Some(("certbot", "shop".to_owned(), false)), "newer");
        let acme_shs = Some(("acme.sh", "mail.example".to_owned(), true));
        assert_eq!(found(root.join("sh/mail.example_ecc/fullchain.cer")), acme_shs);
        assert_eq!(found(root.join("ssl/other.pem")), None);
        let named =
            find(&Lead::Named(root.join("renewal/shop.conf")), &logs, Timestamp::UNIX_EPOCH);
        assert!(named.is_some_and(|keeper| keeper.ran_at.is_some()));
        assert!(find(&Lead::Named(root.join("nothing")), &logs, Timestamp::UNIX_EPOCH).is_none());
    }
}
