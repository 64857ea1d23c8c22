//! Roots that this machine's administrator added to the system's: CAs of their own, of whom nobody asks
//! what browsers ask of the CAs of the web.

use std::collections::HashSet;
use std::path::{Path, PathBuf};

use super::certificate::fingerprint;
use super::files;

/// Where distributions look for such roots: Debian and Alpine, Fedora, openSUSE, Arch.
pub(super) const FOLDERS: &[&str] = &[
    "/usr/local/share/ca-certificates",
    "/etc/pki/ca-trust/source/anchors",
    "/etc/pki/trust/anchors",
    "/etc/ca-certificates/trust-source/anchors",
];
/// Most entries of these folders looked at.
const MOST_ENTRIES: usize = 1_000;
/// How deep folders within them are followed.
const DEEPEST: usize = 3;

/// The fingerprints of every certificate in these folders; what cannot be read is left out.
pub(super) fn fingerprints(folders: &[impl AsRef<Path>]) -> HashSet<String> {
    let mut found = HashSet::new();
    let mut entries = 0;
    let mut open: Vec<(PathBuf, usize)> =
        folders.iter().map(|folder| (folder.as_ref().to_owned(), 0)).collect();
    while let Some((folder, depth)) = open.pop() {
        let Ok(listing) = std::fs::read_dir(&folder) else { continue };
        for entry in listing.flatten() {
            entries += 1;
            if entries > MOST_ENTRIES {
                return found;
            }
            let path = entry.path();
            if path.is_dir() {
                if depth < DEEPEST {
                    open.push((path, depth + 1));
                }
            } else if let Ok(bytes) = files::read_bytes(&path) {
                found.extend(files::certificates(&bytes).iter().map(|der| fingerprint(der)));
            }
        }
    }
    found
}

#[cfg(test)]
mod tests {
    use super::fingerprints;
    use crate::tls::certificate::fingerprint;
    use crate::tls::workshop::{Authority, pem};

    #[test]
    fn finds_them_in_folders_within_folders() {
        let folder = tempfile::tempdir().unwrap();
        let inner = folder.path().join("company");
        std::fs::create_dir(&inner).unwrap();
        let [first, second] = ["One", "Two"].map(|name| Authority::root(name).der());
        std::fs::write(inner.join("one.crt"), pem(&[&first])).unwrap();
        std::fs::write(folder.path().join("two.der"), &second).unwrap();
        std::fs::write(folder.path().join("README"), "nothing").unwrap();
        let found = fingerprints(&[folder.path(), &folder.path().join("nowhere")]);
        assert_eq!(found, [fingerprint(&first), fingerprint(&second)].into());
    }
}
