//! Certificate files: read when they changed, remembered while they did not.
//!
//! A path is followed to what it leads to now, so that a link that is pointed elsewhere (certbot's
//! `live`, Kubernetes' `..data`) is a change like any other.

use std::fs::{File, Metadata};
use std::hash::Hash;
use std::io::{self, Read};
use std::os::unix::fs::MetadataExt;
use std::path::{Path, PathBuf};
use std::sync::{Arc, LazyLock, Mutex, PoisonError};

use health::facts::CertificateFacts;
use health::{Code, Finding, Text, text};
use jiff::Timestamp;
use ring::digest::{SHA256, digest};
use rustls_pki_types::CertificateDer;
use rustls_pki_types::pem::PemObject;

use super::certificate::{Certificate, parse};
use super::key::{self, PublicHalf};
use super::memo::Memo;
use super::{pkcs12, swap};
use crate::net::is_lack;

/// Largest file read, in bytes.
const LARGEST: u64 = 1024 * 1024;
/// Most certificates of one file that are read: more than any bundle of system roots.
const MOST_CERTIFICATES: usize = 512;
/// Files remembered per generation.
const REMEMBERED: usize = 2_048;
/// A file that changed less long ago than this may change again without a new timestamp.
const SETTLED_SECONDS: i64 = 2;

/// A file with at least one certificate in it.
#[derive(Debug)]
pub(crate) struct CertificateFile {
    /// Facts of every certificate, in file order; never empty.
    pub(crate) chain: Arc<Vec<CertificateFacts>>,
    /// The first certificate.
    pub(crate) leaf: CertificateDer<'static>,
    /// Public key bits of every certificate, in file order.
    pub(crate) public_keys: Vec<Vec<u8>>,
    /// The first certificate's key is weak.
    pub(crate) weak_key: bool,
    /// The public half of a private key within the file itself.
    pub(crate) own_key: Option<PublicHalf>,
    /// When the contents last changed.
    pub(crate) modified: Option<Timestamp>,
}

/// Why a file is not usable.
#[derive(Clone, Debug, PartialEq, Eq)]
pub(crate) enum Unreadable {
    /// No such file.
    Missing,
    /// It is there, or may be, and this process may not look.
    Forbidden,
    /// A directory, a pipe, a device.
    NotAFile,
    /// More than 1 MiB.
    TooLarge,
    /// It is encrypted, and no password is known.
    Locked,
    /// It is encrypted with another password.
    WrongPassword,
    /// Readable, but no certificate in it; what it seems to be instead, if that is known.
    NoCertificate(Option<&'static str>),
    /// A certificate in it cannot be read.
    Garbage(String),
    /// Only so many of so many certificates in it are whole.
    Cut(usize, usize),
    /// A key file without a key; what it seems to be instead.
    NoKey(&'static str),
    /// This machine has run out of something: nothing is known of the file.
    Exhausted(String),
    /// The operating system says so.
    System(String),
}

/// Metadata that changes when contents do.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
struct Stamp {
    device: u64,
    inode: u64,
    size: u64,
    modified: (i64, i64),
    changed: (i64, i64),
}

impl Stamp {
    fn of(metadata: &Metadata) -> Self {
        Self {
            device: metadata.dev(),
            inode: metadata.ino(),
            size: metadata.size(),
            modified: (metadata.mtime(), metadata.mtime_nsec()),
            changed: (metadata.ctime(), metadata.ctime_nsec()),
        }
    }
}

/// A file as opened with a password, which is kept as its digest alone.
type Opened = (PathBuf, Option<[u8; 32]>);
type Reading<T> = (Stamp, T);
static CERTIFICATES: LazyLock<Mutex<Memo<Opened, Reading<Arc<CertificateFile>>>>> =
    LazyLock::new(|| Mutex::new(Memo::new(REMEMBERED)));
static KEYS: LazyLock<Mutex<Memo<PathBuf, Reading<PublicHalf>>>> =
    LazyLock::new(|| Mutex::new(Memo::new(REMEMBERED)));

/// Reads a certificate file that needs no password: PEM, DER, or PKCS#12 with an empty one; blocks.
/// An unchanged file is not read again.
///
/// # Errors
/// Why it is not usable.
pub(crate) fn read(path: &Path, now: Timestamp) -> Result<Arc<CertificateFile>, Unreadable> {
    read_with(path, None, now)
}

/// As [`read`], with the password of a PKCS#12 file.
///
/// # Errors
/// Why it is not usable.
pub(crate) fn read_with(
    path: &Path,
    password: Option<&str>,
    now: Timestamp,
) -> Result<Arc<CertificateFile>, Unreadable> {
    let locked_by = password.map(|password| {
        let mut key = [0; 32];
        key.copy_from_slice(digest(&SHA256, password.as_bytes()).as_ref());
        key
    });
    remembered(&CERTIFICATES, (path.to_owned(), locked_by), path, now, || {
        let bytes = read_bytes(path)?;
        parse_file(&bytes, password, swap::since(path)).map(Arc::new)
    })
}

/// Reads the public half of a key file; blocks. An unchanged file is not read again.
///
/// # Errors
/// When there is no such file.
pub(crate) fn read_key(path: &Path, now: Timestamp) -> Result<PublicHalf, Unreadable> {
    remembered(&KEYS, path.to_owned(), path, now, || key::read(path))
}

/// The bytes of a regular file of at most 1 MiB; blocks.
///
/// # Errors
/// Why it is not usable.
pub(crate) fn read_bytes(path: &Path) -> Result<Vec<u8>, Unreadable> {
    // Looked at before it is opened: opening a pipe would wait for a writer.
    let metadata = std::fs::metadata(path).map_err(|error| Unreadable::of(&error))?;
    if !metadata.is_file() {
        return Err(Unreadable::NotAFile);
    }
    let mut bytes = Vec::new();
    File::open(path)
        .and_then(|file| file.take(LARGEST + 1).read_to_end(&mut bytes))
        .map_err(|error| Unreadable::of(&error))?;
    if bytes.len() as u64 > LARGEST { Err(Unreadable::TooLarge) } else { Ok(bytes) }
}

/// Every certificate within the bytes of a file: the sections of a PEM file, or DER itself.
pub(crate) fn certificates(bytes: &[u8]) -> Vec<CertificateDer<'static>> {
    if bytes.windows(11).any(|window| window == b"-----BEGIN ") {
        let sections = CertificateDer::pem_slice_iter(bytes);
        return sections.take(MOST_CERTIFICATES).filter_map(Result::ok).collect();
    }
    // A DER certificate begins with a SEQUENCE.
    if bytes.first() == Some(&0x30) { vec![bytes.to_vec().into()] } else { Vec::new() }
}

pub(super) fn parse_file(
    bytes: &[u8],
    password: Option<&str>,
    modified: Option<Timestamp>,
) -> Result<CertificateFile, Unreadable> {
    let (ders, own_key) = if pkcs12::is_pkcs12(bytes) {
        let opened = pkcs12::open(bytes, password)?;
        (opened.certificates, opened.key)
    } else {
        (certificates(bytes), key::within(bytes))
    };
    let Some(leaf) = ders.first().cloned() else {
        return Err(Unreadable::NoCertificate(likeness(bytes)));
    };
    let begun = begun(bytes);
    if ders.len() < begun.min(MOST_CERTIFICATES) {
        return Err(Unreadable::Cut(ders.len(), begun));
    }
    let parsed: Result<Vec<Certificate>, _> = ders.iter().map(|der| parse(der)).collect();
    let parsed = parsed.map_err(|error| match likeness(bytes) {
        Some(likeness) => Unreadable::NoCertificate(Some(likeness)),
        None => Unreadable::Garbage(error.to_string()),
    })?;
    let weak_key = parsed.first().is_some_and(|leaf| leaf.weak_key);
    let (chain, public_keys) =
        parsed.into_iter().map(|certificate| (certificate.facts, certificate.public_key)).unzip();
    Ok(CertificateFile { chain: Arc::new(chain), leaf, public_keys, weak_key, own_key, modified })
}

/// How many certificates begin in a PEM file; servers refuse it all when one of them is not whole.
fn begun(bytes: &[u8]) -> usize {
    let lines = bytes.split(|byte| matches!(byte, b'\n' | b'\r'));
    lines.filter(|line| line.trim_ascii_end() == b"-----BEGIN CERTIFICATE-----").count()
}

/// What a file without a certificate seems to be instead.
fn likeness(bytes: &[u8]) -> Option<&'static str> {
    let words = String::from_utf8_lossy(bytes);
    if bytes.is_empty() {
        Some("an empty file")
    } else if bytes.starts_with(&[0xfe, 0xed, 0xfe, 0xed]) {
        Some(
            "a Java keystore (JKS); `keytool -importkeystore -deststoretype pkcs12` turns it into one that can be read",
        )
    } else if words.contains("-----BEGIN PKCS7-----") || words.contains("-----BEGIN CMS-----") {
        Some("a PKCS#7 bundle; `openssl pkcs7 -print_certs` turns it into PEM")
    } else if words.contains("-----BEGIN TRUSTED CERTIFICATE-----") {
        Some(
            "OpenSSL's own form of a trusted certificate, which servers do not read; `openssl x509` turns it into PEM",
        )
    } else if bytes.starts_with(&[0xff, 0xfe]) || bytes.starts_with(&[0xfe, 0xff]) {
        Some("text in UTF-16, which no server reads; `iconv -f UTF-16 -t ASCII` turns it into PEM")
    } else if words.contains("CERTIFICATE REQUEST-----") {
        Some("a certificate request (CSR)")
    } else if words.contains("PRIVATE KEY-----") {
        Some("a private key alone")
    } else if words.contains("-----BEGIN CERTIFICATE-----") {
        Some("a truncated or damaged PEM file")
    } else if key::within(bytes).is_some() {
        Some("a private key alone")
    } else {
        None
    }
}

fn remembered<K: Hash + Eq + Clone, T: Clone>(
    memo: &Mutex<Memo<K, Reading<T>>>,
    key: K,
    path: &Path,
    now: Timestamp,
    read: impl FnOnce() -> Result<T, Unreadable>,
) -> Result<T, Unreadable> {
    let metadata = std::fs::metadata(path).map_err(|error| Unreadable::of(&error))?;
    let before = Stamp::of(&metadata);
    let known = memo.lock().unwrap_or_else(PoisonError::into_inner).recall(&key);
    if let Some((stamp, value)) = known
        && stamp == before
    {
        return Ok(value);
    }
    let value = read()?;
    let after = std::fs::metadata(path).map(|metadata| Stamp::of(&metadata));
    let is_settled = before.changed.0 < now.as_second() - SETTLED_SECONDS;
    if is_settled && after.is_ok_and(|after| after == before) {
        let mut memo = memo.lock().unwrap_or_else(PoisonError::into_inner);
        memo.remember(key, (before, value.clone()));
    }
    Ok(value)
}

impl Unreadable {
    /// Sorts an error of the operating system.
    pub(crate) fn of(error: &io::Error) -> Self {
        match error.kind() {
            io::ErrorKind::NotFound => Self::Missing,
            io::ErrorKind::PermissionDenied => Self::Forbidden,
            _ if is_lack(error) => Self::Exhausted(error.to_string()),
            _ => Self::System(error.to_string()),
        }
    }

    /// What this machine has run out of, where that is why.
    pub(crate) fn lack(&self) -> Option<&str> {
        match self {
            Self::Exhausted(words) => Some(words),
            _ => None,
        }
    }

    /// The reason within a sentence.
    pub(crate) fn reason(&self) -> Text {
        match self {
            Self::Missing => text!("there is no such file", "파일이 없습니다"),
            Self::Forbidden => {
                text!("this process may not read it", "이 프로세스에 읽기 권한이 없습니다")
            }
            Self::NotAFile => text!("it is not a regular file", "일반 파일이 아닙니다"),
            Self::TooLarge => text!("it is larger than 1 MiB", "1MiB보다 큽니다"),
            Self::Locked => text!(
                "it is a PKCS#12 file with a password, and the plan names none",
                "암호가 걸린 PKCS#12 파일인데 계획에 암호가 없습니다"
            ),
            Self::WrongPassword => text!(
                "it is a PKCS#12 file with another password than the plan's",
                "PKCS#12 파일의 암호가 계획에 있는 암호와 다릅니다"
            ),
            Self::NoCertificate(Some(likeness)) => {
                text!("it holds no certificate; it is {likeness}", "인증서가 없습니다({likeness})")
            }
            Self::NoCertificate(None) => text!(
                "it holds no certificate, neither PEM nor DER nor PKCS#12",
                "PEM, DER, PKCS#12 형식의 인증서가 없습니다"
            ),
            Self::Garbage(words) => {
                text!(
                    "a certificate in it is damaged: {words}",
                    "손상된 인증서가 있습니다: {words}"
                )
            }
            Self::Cut(whole, begun) => text!(
                "only {whole} of the {begun} certificates in it can be read, so it is cut off or damaged",
                "인증서 {begun}개 중 {whole}개만 읽을 수 있어 파일이 잘렸거나 손상된 것으로 보입니다"
            ),
            Self::NoKey(likeness) => {
                text!("it holds no private key; it is {likeness}", "개인 키가 없습니다({likeness})")
            }
            Self::Exhausted(words) | Self::System(words) => Text::same(words.clone()),
        }
    }

    /// `cert.unreadable` about a path.
    pub(crate) fn finding(&self, path: &str) -> Finding {
        let why = self.reason();
        let remedy = match self {
            Self::Forbidden => text!(
                "Let the user this runs as read it: `setfacl -m u:$(id -un):r {path}` and `setfacl -m u:$(id -un):x` on each folder above (for Let's Encrypt: `/etc/letsencrypt/live` and `/etc/letsencrypt/archive`), or run portwarden as a user that may.",
                "실행 사용자가 읽을 수 있게 하세요: `setfacl -m u:$(id -un):r {path}`, 상위 폴더마다 `setfacl -m u:$(id -un):x`(Let's Encrypt라면 `/etc/letsencrypt/live`와 `/etc/letsencrypt/archive`). 또는 권한이 있는 사용자로 portwarden을 실행하세요."
            ),
            Self::Missing => text!(
                "Check the path: `ls -l {path}`. A server that names it will not start again: issue the certificate (`certbot certificates` lists what there is) or correct the path.",
                "경로를 확인하세요: `ls -l {path}`. 이 파일을 쓰는 서버는 다시 시작되지 않습니다. 인증서를 발급하거나(`certbot certificates`로 목록 확인) 경로를 고치세요."
            ),
            Self::Locked | Self::WrongPassword => text!(
                "Name its password in the check, `password_env = \"NAME\"` or `password_file = \"PATH\"`, and try it by hand: `openssl pkcs12 -in {path} -noout` asks for it. Was the file made anew with another password, the server that reads it needs that one too.",
                "점검 항목에 암호를 `password_env = \"이름\"`이나 `password_file = \"경로\"`로 알려 주고, `openssl pkcs12 -in {path} -noout`으로 직접 확인해 보세요. 파일을 다른 암호로 다시 만들었다면 이를 읽는 서버의 설정도 바꿔야 합니다."
            ),
            Self::NoKey(_) => text!(
                "See what it is: `file {path}` and `openssl pkey -in {path} -noout`. A server that reads it will not start again: put the key of the certificate back, or have the certificate issued anew with another key.",
                "무엇인지 확인하세요: `file {path}`, `openssl pkey -in {path} -noout`. 이 파일을 읽는 서버는 다시 시작되지 않으니 인증서의 키를 되돌리거나 새 키로 인증서를 다시 발급하세요."
            ),
            _ => text!(
                "See what it is: `file {path}` and `openssl x509 -in {path} -noout -subject -dates`. A server that reads it will not start again: put the right file back.",
                "무엇인지 확인하세요: `file {path}`, `openssl x509 -in {path} -noout -subject -dates`. 이 파일을 읽는 서버는 다시 시작되지 않으니 올바른 파일로 되돌리세요."
            ),
        };
        Finding::new(
            Code::CertUnreadable,
            path,
            text!(
                "{path} is not usable: {why_en}",
                "{path} 파일을 쓸 수 없습니다: {why_ko}",
                why_en = why.en,
                why_ko = why.ko,
            ),
            remedy,
        )
        .evidence("file", path)
        .evidence("error", why.en)
    }
}
