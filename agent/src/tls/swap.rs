//! Since when a path leads to what it leads to now: the newest of the file's own change and of every
//! link on the way, for a renewer may write a file first and point a link at it later.

use std::collections::VecDeque;
use std::ffi::OsString;
use std::fs::{Metadata, symlink_metadata};
use std::os::unix::fs::MetadataExt;
use std::path::{Component, Path, PathBuf};

use jiff::Timestamp;

/// Links that are followed; as many as Linux does.
const MOST_LINKS: usize = 40;

/// The moment; `None` when the path leads nowhere. Blocks.
pub(crate) fn since(path: &Path) -> Option<Timestamp> {
    let mut left: VecDeque<OsString> = names(path).collect();
    let mut reached = PathBuf::from("/");
    if path.is_relative() {
        reached = PathBuf::new();
    }
    let (mut newest, mut links) = (None, 0);
    while let Some(name) = left.pop_front() {
        if name == ".." {
            reached.pop();
            continue;
        }
        let step = reached.join(&name);
        let metadata = symlink_metadata(&step).ok()?;
        if metadata.is_symlink() {
            links += 1;
            if links > MOST_LINKS {
                return None;
            }
            newest = newest.max(modified(&metadata));
            let target = std::fs::read_link(&step).ok()?;
            if target.is_absolute() {
                reached = PathBuf::from("/");
            }
            names(&target).rev().for_each(|name| left.push_front(name));
            continue;
        }
        if left.is_empty() {
            newest = newest.max(modified(&metadata));
        }
        reached = step;
    }
    newest
}

fn names(path: &Path) -> impl DoubleEndedIterator<Item = OsString> {
    path.components().filter_map(|component| match component {
        Component::Normal(name) => Some(name.to_owned()),
        Component::ParentDir => Some(OsString::from("..")),
        Component::RootDir | Component::CurDir | Component::Prefix(_) => None,
    })
}

fn modified(metadata: &Metadata) -> Option<Timestamp> {
    Timestamp::new(metadata.mtime(), i32::try_from(metadata.mtime_nsec()).ok()?).ok()
}

#[cfg(test)]
mod tests {
    use std::os::unix::fs::symlink;
    use std::time::{Duration, UNIX_EPOCH};

    use super::*;

    #[test]
    fn the_newest_step_counts() {
        let folder = tempfile::tempdir().unwrap();
        let at = |name: &str| folder.path().join(name);
        std::fs::create_dir(at("archive")).unwrap();
        std::fs::create_dir(at("live")).unwrap();
        let file = std::fs::File::create(at("archive/cert1.pem")).unwrap();
        file.set_modified(UNIX_EPOCH + Duration::from_secs(1_000_000)).unwrap();
        let old = Timestamp::from_second(1_000_000).ok();
        assert_eq!(since(&at("archive/cert1.pem")), old);
        symlink("../archive/cert1.pem", at("live/cert.pem")).unwrap();
        let linked = since(&at("live/cert.pem"));
        assert!(linked > old, "the link is newer than what it leads to");
        // Kubernetes: the file is a link into a folder that is a link of its own.
        symlink("archive", at("..data")).unwrap();
        symlink("..data/cert1.pem", at("cert.pem")).unwrap();
        assert!(since(&at("cert.pem")) >= linked);
        symlink("round", at("round")).unwrap();
        symlink("nowhere", at("dangling")).unwrap();
        for nothing in ["round", "dangling", "none"] {
            assert_eq!(since(&at(nothing)), None, "{nothing}");
        }
    }
}
