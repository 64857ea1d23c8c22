//! Who may read a private key: `cert.key-permissions`.
//!
//! Deliberately absent: groups. Many servers read their key by one, and who is in it is its owner's
//! business. Access control lists are left out for the same reason.

use std::os::unix::fs::PermissionsExt;
use std::path::Path;

use health::{Code, Finding, text};

/// What every user of the machine may do with a key.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(super) enum Openness {
    /// Read it.
    Read(u32),
    /// Write to it; perhaps read it too.
    Write(u32),
}

impl Openness {
    fn mode(self) -> u32 {
        match self {
            Self::Read(mode) | Self::Write(mode) => mode,
        }
    }
}

/// Looks at a key that is there, where it really lies; `None` when it is closed, or cannot be told. Blocks.
pub(super) fn look(path: &Path) -> Option<Openness> {
    let real = std::fs::canonicalize(path).ok()?;
    let mode = |path: &Path| Some(std::fs::metadata(path).ok()?.permissions().mode() & 0o7777);
    let folders = real.ancestors().skip(1).map(mode);
    judge(mode(&real)?, folders)
}

/// A key is as open as the folders above it: certbot once wrote keys that all may read into a folder
/// that nobody may enter.
fn judge(mode: u32, folders: impl IntoIterator<Item = Option<u32>>) -> Option<Openness> {
    let open = match mode {
        mode if mode & 0o002 != 0 => Openness::Write(mode),
        mode if mode & 0o004 != 0 => Openness::Read(mode),
        _ => return None,
    };
    let is_reached = folders.into_iter().all(|mode| mode.is_some_and(|mode| mode & 0o001 != 0));
    is_reached.then_some(open)
}

/// `cert.key-permissions` about a key.
pub(super) fn finding(path: &str, open: Openness) -> Finding {
    let mode = format!("{:04o}", open.mode());
    let summary = match open {
        Openness::Read(_) => text!(
            "every user of this machine may read the private key {path} (mode {mode})",
            "이 서버의 모든 사용자가 개인 키 {path}을(를) 읽을 수 있습니다(모드 {mode})"
        ),
        Openness::Write(_) => text!(
            "every user of this machine may change the private key {path} (mode {mode})",
            "이 서버의 모든 사용자가 개인 키 {path}을(를) 바꿀 수 있습니다(모드 {mode})"
        ),
    };
    Finding::new(
        Code::CertKeyPermissions,
        path,
        summary,
        text!(
            "`chmod o-rwx {path}`. A server that reads it as a user of its own gets it by a group instead: `chgrp ssl-cert {path} && chmod 0640 {path}`. If strangers have accounts here, have the certificate issued anew with another key.",
            "`chmod o-rwx {path}`를 실행하세요. 별도 사용자로 키를 읽는 서버에는 그룹으로 권한을 주세요: `chgrp ssl-cert {path} && chmod 0640 {path}`. 이 서버에 남이 쓰는 계정이 있다면 새 키로 인증서를 다시 발급하세요."
        ),
    )
    .evidence("file", path)
    .evidence("mode", mode)
    .evidence("expected", "no access for others, such as 0600 or 0640")
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn as_open_as_the_way_to_it() {
        let open: &[u32] = &[0o755, 0o755];
        for (mode, folders, expected) in [
            (0o600, open, None),
            (0o640, open, None),
            (0o660, open, None),
            (0o644, open, Some(Openness::Read(0o644))),
            (0o604, open, Some(Openness::Read(0o604))),
            (0o666, open, Some(Openness::Write(0o666))),
            (0o602, open, Some(Openness::Write(0o602))),
            (0o644, &[0o755, 0o700, 0o755], None),
            (0o666, &[0o750, 0o755], None),
            (0o644, &[0o711], Some(Openness::Read(0o644))),
        ] {
            let folders: Vec<Option<u32>> = folders.iter().copied().map(Some).collect();
            assert_eq!(judge(mode, folders), expected, "{mode:o}");
        }
        assert_eq!(judge(0o644, [None]), None, "a folder that cannot be looked at");
    }

    #[test]
    fn a_link_is_as_open_as_what_it_leads_to() {
        let folder = tempfile::tempdir().unwrap();
        let (key, link) = (folder.path().join("key"), folder.path().join("link"));
        std::fs::write(&key, "").unwrap();
        std::os::unix::fs::symlink(&key, &link).unwrap();
        let set = |path: &Path, mode| {
            std::fs::set_permissions(path, std::fs::Permissions::from_mode(mode)).unwrap();
        };
        set(&key, 0o644);
        set(folder.path(), 0o700);
        assert_eq!(look(&link), None, "the folder is closed");
        set(folder.path(), 0o755);
        assert_eq!(look(&link), Some(Openness::Read(0o644)));
        set(&key, 0o600);
        assert_eq!(look(&link), None);
        assert_eq!(look(&folder.path().join("none")), None);
    }
}
