//! One certificate file with its key: what is there, and what is wrong with it as a file.

use std::path::Path;
use std::sync::Arc;

use health::facts::FileFacts;
use health::{Code, Finding, text};
use jiff::{SignedDuration, Timestamp};

use super::permissions::{self, Openness};
use crate::tls::files::{self, CertificateFile, Unreadable};
use crate::tls::key::PublicHalf;
use crate::tls::{Expiring, expiry, since, weak_key};

/// A renewer that replaces certificate and key one after the other is done by then.
const MIDWAY: SignedDuration = SignedDuration::from_secs(2);

/// One file as it was found.
#[derive(Debug)]
pub(crate) struct Found {
    pub(crate) path: String,
    pub(crate) file: Result<Arc<CertificateFile>, Unreadable>,
    pub(crate) key: Option<Key>,
}

/// The key that goes with a file.
#[derive(Debug)]
pub(crate) struct Key {
    pub(super) path: String,
    pub(super) public: Result<PublicHalf, Unreadable>,
    /// Who may read it that should not.
    open: Option<Openness>,
}

impl Key {
    fn read(path: &Path, now: Timestamp) -> Self {
        let public = files::read_key(path, now);
        let open = match &public {
            // Encrypted, or no key at all: whoever reads it has nothing.
            Ok(PublicHalf::Unknown(_)) | Err(_) => None,
            Ok(PublicHalf::Known(_)) => permissions::look(path),
        };
        Self { path: path.display().to_string(), public, open }
    }
}

impl Found {
    /// Reads a file and its key: the one named, or else the one within the file, or beside it. Blocks.
    pub(crate) fn look(
        path: &Path,
        key: Option<&Path>,
        password: Option<&str>,
        now: Timestamp,
    ) -> Self {
        let file = files::read_with(path, password, now);
        let key = match (key, file.as_deref().ok().and_then(|file| file.own_key.clone())) {
            (Some(named), _) => Some(Key::read(named, now)),
            (None, Some(own)) => {
                // What a password keeps shut may be read by whoever likes.
                let is_shut = password.is_some() || matches!(own, PublicHalf::Unknown(_));
                let open = if is_shut { None } else { permissions::look(path) };
                Some(Key { path: path.display().to_string(), public: Ok(own), open })
            }
            (None, None) => beside(path, now),
        };
        Self { path: path.display().to_string(), file, key }
    }

    /// What this machine had run out of, so that not everything could be looked at.
    pub(crate) fn lack(&self) -> Option<&str> {
        let key = self.key.as_ref().and_then(|key| key.public.as_ref().err());
        self.file.as_ref().err().into_iter().chain(key).find_map(Unreadable::lack)
    }

    /// The same for pages and metrics.
    pub(crate) fn facts(&self) -> FileFacts {
        let (chain, modified) = match &self.file {
            Ok(file) => (Arc::clone(&file.chain), file.modified),
            Err(_) => (Arc::default(), None),
        };
        let (key_matches, key_unread) = match (&self.file, &self.key) {
            (Ok(file), Some(Key { public: Ok(PublicHalf::Known(bits)), .. })) => {
                (Some(file.public_keys.first() == Some(bits)), None)
            }
            (_, Some(Key { public: Ok(PublicHalf::Unknown(why)), .. })) => {
                (None, Some(why.clone()))
            }
            (_, Some(Key { public: Err(why), .. })) => (None, Some(why.reason().en)),
            _ => (None, None),
        };
        FileFacts {
            path: self.path.clone(),
            modified,
            chain,
            key_path: self.key.as_ref().map(|key| key.path.clone()),
            key_matches,
            key_unread,
            ..FileFacts::default()
        }
    }

    /// Certificate and key do not belong together, and one of them was replaced this very moment: the
    /// other may be about to be.
    pub(crate) fn is_midway(&self, now: Timestamp) -> bool {
        let (Ok(file), Some(key)) = (&self.file, &self.key) else { return false };
        let differs = matches!(&key.public, Ok(PublicHalf::Known(bits)) if file.public_keys.first() != Some(bits));
        let ages = [file.modified, since(Path::new(&key.path))];
        let is_fresh = |at: Timestamp| {
            // What was written after the probe began is the freshest of all.
            now.duration_since(at).abs() < MIDWAY
        };
        differs && ages.into_iter().flatten().any(is_fresh)
    }

    /// What is wrong with it.
    pub(crate) fn judge(&self, expiring: &Expiring, now: Timestamp) -> Vec<Finding> {
        let file = match &self.file {
            Ok(file) => file,
            Err(why) => return vec![why.finding(&self.path)],
        };
        let mut findings = expiry(&file.chain, expiring, &self.path, now);
        if file.weak_key
            && let Some(leaf) = file.chain.first()
        {
            let noun = text!("the certificate", "인증서");
            findings.push(weak_key(&self.path, &noun, &leaf.key));
        }
        match &self.key {
            Some(Key { path, public: Ok(PublicHalf::Known(bits)), .. })
                if file.public_keys.first() != Some(bits) =>
            {
                findings.push(mismatch(&self.path, file, path, bits));
            }
            Some(Key { path, public: Err(why), .. }) => findings.push(why.finding(path)),
            _ => {}
        }
        let open = self.key.as_ref().and_then(|key| Some((key, key.open?)));
        findings.extend(open.map(|(key, open)| permissions::finding(&key.path, open)));
        findings
    }
}

/// `privkey.pem` beside a `fullchain.pem` or `cert.pem`, `tls.key` beside a `tls.crt` as Kubernetes has
/// them, or the same name with `.key`.
fn beside(path: &Path, now: Timestamp) -> Option<Key> {
    let is_certbots = ["fullchain.pem", "cert.pem"].iter().any(|name| path.ends_with(name));
    let beside = is_certbots.then(|| path.with_file_name("privkey.pem"));
    beside
        .into_iter()
        .chain([path.with_extension("key")])
        .find(|key| key != path && key.is_file())
        .map(|key| Key::read(&key, now))
}

fn mismatch(path: &str, file: &CertificateFile, key: &str, bits: &[u8]) -> Finding {
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
        path,
        text!(
            "{key} is not the key of the certificate in {path}",
            "{key}은(는) {path} 인증서의 키가 아닙니다"
        ),
        remedy,
    )
    .evidence("file", path)
    .evidence("key", key);
    match place {
        Some(place) => finding.evidence("belongs_to_element", place),
        None => finding,
    }
}
