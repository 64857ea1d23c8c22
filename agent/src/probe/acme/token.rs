//! The challenge file: put into a webroot as certbot would, and removed again whatever happens.
//!
//! A file is locked while its probe runs, and the kernel lets go of the lock when the process ends,
//! however it ends. So a token that nobody holds was left behind by an agent that was killed, and may
//! be removed; one that somebody holds is another check's or another agent's, and stays.
//!
//! Deliberately absent: removing folders. A renewer may be about to put its own challenge there.

use std::fs::{self, DirBuilder, File, OpenOptions, Permissions};
use std::io::{self, ErrorKind, Read, Write};
use std::os::unix::fs::{DirBuilderExt, MetadataExt, OpenOptionsExt, PermissionsExt};
use std::path::{Path, PathBuf};

use base64::Engine;
use base64::engine::general_purpose::URL_SAFE_NO_PAD;
use ring::rand::{SecureRandom, SystemRandom};

/// Where a CA looks (RFC 8555 section 8.3), as folders below the webroot.
const FOLDERS: [&str; 2] = [".well-known", "acme-challenge"];
/// What the names of our tokens begin with. With 32 characters after it a name is as long as a CA's.
const PREFIX: &str = "portwarden-";
const RANDOM_CHARS: usize = 32;
/// Most entries of a folder that are looked at for tokens left behind.
const MOST_ENTRIES: usize = 4096;
/// Longer than any token's contents.
const MOST_BYTES: u64 = 256;
/// A sweep may come between making a file and locking it; it does not come three times.
const ATTEMPTS: usize = 3;

/// What is put into webroots, and expected back.
#[derive(Clone, Debug, PartialEq, Eq)]
pub(super) struct Challenge {
    /// The file's name.
    pub(super) name: String,
    /// Its contents: the name and a digest's worth of letters, as a key authorization has them.
    pub(super) body: String,
}

/// A challenge in its webroot; removed when it is dropped.
#[derive(Debug)]
pub(super) struct Token {
    pub(super) path: PathBuf,
    /// Holds the lock.
    held: File,
}

/// A challenge that could not be put down.
#[derive(Debug)]
pub(super) struct Unput {
    /// The file or folder that it failed at.
    pub(super) path: PathBuf,
    pub(super) error: io::Error,
}

impl Challenge {
    /// Another one each time.
    ///
    /// # Errors
    /// When the system gives no randomness.
    pub(super) fn random() -> io::Result<Self> {
        let mut bytes = [0; 56];
        SystemRandom::new()
            .fill(&mut bytes)
            .map_err(|_| io::Error::other("the system gives no randomness"))?;
        let (own, digest) = bytes.split_at(24);
        let name = format!("{PREFIX}{}", URL_SAFE_NO_PAD.encode(own));
        let body = format!("{name}.{}", URL_SAFE_NO_PAD.encode(digest));
        Ok(Self { name, body })
    }

    /// Puts it into a webroot, readable for everybody; blocks.
    ///
    /// # Errors
    /// What could not be made, and why.
    pub(super) fn put(&self, webroot: &Path) -> Result<Token, Unput> {
        let folder = made_folder(webroot)?;
        let path = folder.join(&self.name);
        // The folder is named: the file has another name each time.
        let failed = |error| Unput { path: folder.clone(), error };
        for _ in 0..ATTEMPTS {
            let file = OpenOptions::new()
                .write(true)
                .create_new(true)
                .mode(0o644)
                .open(&path)
                .map_err(failed)?;
            // From here on it is removed, whatever fails.
            let mut token = Token { path: path.clone(), held: file };
            token.fill(&self.body).map_err(failed)?;
            if token.is_in_place() {
                return Ok(token);
            }
        }
        Err(failed(io::Error::other("it vanishes as soon as it is made")))
    }
}

impl Token {
    fn fill(&mut self, body: &str) -> io::Result<()> {
        self.held.lock()?;
        // Whatever the umask says: the server reads it as another user.
        self.held.set_permissions(Permissions::from_mode(0o644))?;
        self.held.write_all(body.as_bytes())
    }

    fn is_in_place(&self) -> bool {
        let identity = |metadata: fs::Metadata| (metadata.dev(), metadata.ino());
        let there = fs::symlink_metadata(&self.path).map(identity).ok();
        there.is_some() && there == self.held.metadata().map(identity).ok()
    }
}

impl Drop for Token {
    fn drop(&mut self) {
        if let Err(error) = fs::remove_file(&self.path)
            && error.kind() != ErrorKind::NotFound
        {
            tracing::warn!(path = %self.path.display(), %error, "a challenge could not be removed");
        }
    }
}

/// The folder of challenges within a webroot.
pub(super) fn folder(webroot: &Path) -> PathBuf {
    FOLDERS.iter().fold(webroot.to_owned(), |path, part| path.join(part))
}

/// The same, made where it is not there, and given to whom the webroot belongs: a renewer that runs as
/// that user puts its own challenges there.
fn made_folder(webroot: &Path) -> Result<PathBuf, Unput> {
    let failed = |path: &Path, error| Unput { path: path.to_owned(), error };
    let owner = fs::metadata(webroot).map_err(|error| failed(webroot, error))?;
    if !owner.is_dir() {
        return Err(failed(webroot, ErrorKind::NotADirectory.into()));
    }
    let mut path = webroot.to_owned();
    for part in FOLDERS {
        path.push(part);
        match DirBuilder::new().mode(0o755).create(&path) {
            Ok(()) => {
                // By the folder itself rather than its path, which may lead elsewhere by now.
                let flags = libc::O_DIRECTORY | libc::O_NOFOLLOW;
                let made = OpenOptions::new().read(true).custom_flags(flags).open(&path);
                let made = made.map_err(|error| failed(&path, error))?;
                made.set_permissions(Permissions::from_mode(0o755))
                    .map_err(|error| failed(&path, error))?;
                // Only root may, and only root needs to.
                let _ = std::os::unix::fs::fchown(&made, Some(owner.uid()), Some(owner.gid()));
            }
            Err(error) if error.kind() == ErrorKind::AlreadyExists => {}
            Err(error) => return Err(failed(&path, error)),
        }
    }
    Ok(path)
}

/// Removes tokens that an agent left behind when it was killed, and nothing else; blocks.
pub(super) fn sweep(webroot: &Path) {
    let Ok(entries) = fs::read_dir(folder(webroot)) else { return };
    for entry in entries.take(MOST_ENTRIES).flatten() {
        let name = entry.file_name();
        let Some(name) = name.to_str().filter(|name| is_ours(name)) else { continue };
        if is_left_behind(&entry.path(), name).unwrap_or(false)
            && fs::remove_file(entry.path()).is_ok()
        {
            tracing::info!(path = %entry.path().display(), "removed a challenge left behind");
        }
    }
}

fn is_ours(name: &str) -> bool {
    name.strip_prefix(PREFIX).is_some_and(|random| {
        let is_letter = |byte: u8| byte.is_ascii_alphanumeric() || byte == b'-' || byte == b'_';
        random.len() == RANDOM_CHARS && random.bytes().all(is_letter)
    })
}

/// Ours by its contents too, and held by nobody.
fn is_left_behind(path: &Path, name: &str) -> io::Result<bool> {
    let flags = libc::O_NOFOLLOW | libc::O_NONBLOCK;
    let file = OpenOptions::new().read(true).custom_flags(flags).open(path)?;
    let metadata = file.metadata()?;
    if !metadata.is_file() || metadata.len() > MOST_BYTES || file.try_lock().is_err() {
        return Ok(false);
    }
    let mut contents = String::new();
    (&file).take(MOST_BYTES).read_to_string(&mut contents)?;
    // An agent that was killed before it wrote left it empty.
    let rest = contents.strip_prefix(name);
    Ok(contents.is_empty() || rest.is_some_and(|rest| rest.starts_with('.')))
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn is_put_down_for_everybody_and_removed() {
        let root = tempfile::tempdir().unwrap();
        let challenge = Challenge::random().unwrap();
        let token = challenge.put(root.path()).unwrap();
        let path = folder(root.path()).join(&challenge.name);
        assert_eq!(token.path, path);
        assert_eq!(challenge.name.len(), 43, "as long as a CA's");
        assert_eq!(fs::read_to_string(&path).unwrap(), challenge.body);
        assert_eq!(fs::metadata(&path).unwrap().permissions().mode() & 0o777, 0o644);
        for part in [".well-known", ".well-known/acme-challenge"] {
            let mode = fs::metadata(root.path().join(part)).unwrap().permissions().mode();
            assert_eq!(mode & 0o777, 0o755, "{part}");
        }
        drop(token);
        assert!(!path.exists());
        assert!(folder(root.path()).exists(), "folders stay");
    }

    #[test]
    fn what_is_left_behind_goes_and_nothing_else() {
        let root = tempfile::tempdir().unwrap();
        let (held, killed) = (Challenge::random().unwrap(), Challenge::random().unwrap());
        let (empty, foreign) = (Challenge::random().unwrap(), Challenge::random().unwrap());
        let token = held.put(root.path()).unwrap();
        let folder = folder(root.path());
        let put = |name: &str, body: &str| fs::write(folder.join(name), body).unwrap();
        put(&killed.name, &killed.body);
        put(&empty.name, "");
        put(&foreign.name, "somebody else's");
        put("portwarden-short", "portwarden-short.x");
        put("evaGxfADs6pSRb2LAv9IZf17Dt3juxGJ-PCt92wr-oA", "evaGxfADs6.x");
        let linked = Challenge::random().unwrap();
        std::os::unix::fs::symlink("/etc/hostname", folder.join(&linked.name)).unwrap();
        sweep(root.path());
        let mut left: Vec<String> = fs::read_dir(&folder)
            .unwrap()
            .map(|entry| entry.unwrap().file_name().into_string().unwrap())
            .collect();
        left.sort();
        let mut expected = vec![
            held.name.clone(),
            foreign.name,
            linked.name,
            "portwarden-short".to_owned(),
            "evaGxfADs6pSRb2LAv9IZf17Dt3juxGJ-PCt92wr-oA".to_owned(),
        ];
        expected.sort();
        assert_eq!(left, expected);
        drop(token);
    }

    #[test]
    fn what_cannot_be_put_down_says_where() {
        let root = tempfile::tempdir().unwrap();
        let challenge = Challenge::random().unwrap();
        let missing = root.path().join("missing");
        let unput = challenge.put(&missing).unwrap_err();
        assert_eq!((unput.path, unput.error.kind()), (missing, ErrorKind::NotFound));
        let file = root.path().join("file");
        fs::write(&file, "").unwrap();
        let unput = challenge.put(&file).unwrap_err();
        assert_eq!((unput.path, unput.error.kind()), (file, ErrorKind::NotADirectory));
        fs::write(root.path().join(".well-known"), "").unwrap();
        let unput = challenge.put(root.path()).unwrap_err();
        assert_eq!(unput.path, root.path().join(".well-known/acme-challenge"));
        fs::remove_file(root.path().join(".well-known")).unwrap();
        fs::create_dir(root.path().join(".well-known")).unwrap();
        fs::write(folder(root.path()), "").unwrap();
        let unput = challenge.put(root.path()).unwrap_err();
        assert_eq!(
            (unput.path, unput.error.kind()),
            (folder(root.path()), ErrorKind::NotADirectory)
        );
    }
}
