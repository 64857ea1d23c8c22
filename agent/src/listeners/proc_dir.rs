//! /proc, read with few and small system calls: a thousand processes are looked into at once.
//!
//! A process's folder is held open while it is read, so that all of it is of one process, even
//! when its id is given to another meanwhile.

use std::mem::MaybeUninit;
use std::os::fd::OwnedFd;

use rustix::fs::{CWD, Mode, OFlags, RawDir, open, openat, readlinkat_raw};
use rustix::io::{Errno, read};

/// Some hundred names at a time.
const NAMES_BYTES: usize = 8 << 10;
/// `socket:[4242]` is far shorter; what is longer is no socket.
const LINK_BYTES: usize = 64;
/// The longest path.
const PATH_BYTES: usize = 4 << 10;
const FOLDER: OFlags = OFlags::DIRECTORY.union(OFlags::RDONLY).union(OFlags::CLOEXEC);

/// The folder of one process.
#[derive(Debug)]
pub(super) struct ProcDir(OwnedFd);

/// The ids of all processes; `None` when /proc cannot be read.
pub(super) fn pids() -> Option<Vec<u32>> {
    let proc = open("/proc", FOLDER, Mode::empty()).ok()?;
    let mut pids = Vec::with_capacity(1024);
    numbers(&proc, |pid| pids.push(pid)).ok()?;
    Some(pids)
}

impl ProcDir {
    /// Opens the folder; `None` when the process is gone.
    pub(super) fn open(pid: u32) -> Option<Self> {
        let path = format!("/proc/{pid}");
        openat(CWD, path, FOLDER | OFlags::PATH, Mode::empty()).ok().map(Self)
    }

    /// A file from its beginning, no more than `cap` bytes; `None` when it cannot be read.
    pub(super) fn file(&self, name: &str, cap: usize) -> Option<Vec<u8>> {
        let file = openat(&self.0, name, OFlags::RDONLY | OFlags::CLOEXEC, Mode::empty()).ok()?;
        let mut bytes = vec![0; cap];
        let mut filled = 0;
        while filled < cap {
            match read(&file, bytes.get_mut(filled..)?) {
                Ok(0) => break,
                Ok(length) => filled += length,
                Err(Errno::INTR) => {}
                Err(_) => return None,
            }
        }
        bytes.truncate(filled);
        Some(bytes)
    }

    /// Where a link leads.
    pub(super) fn link(&self, name: &str) -> Option<Vec<u8>> {
        let mut path = [MaybeUninit::uninit(); PATH_BYTES];
        let (path, _) = readlinkat_raw(&self.0, name, &mut path).ok()?;
        Some(path.to_vec())
    }

    /// The inode of the socket behind a descriptor.
    pub(super) fn socket(&self, descriptor: u32) -> Option<u64> {
        socket(&self.0, &format!("fd/{descriptor}"))
    }

    /// Hands every descriptor that is a socket to `each`, with its inode.
    ///
    /// # Errors
    /// [`Errno::ACCESS`] when they may not be seen; any other: the process is gone.
    pub(super) fn sockets(&self, mut each: impl FnMut(u32, u64)) -> Result<(), Errno> {
        let folder = openat(&self.0, "fd", FOLDER, Mode::empty())?;
        let mut names = [MaybeUninit::uninit(); NAMES_BYTES];
        let mut entries = RawDir::new(&folder, &mut names);
        while let Some(entry) = entries.next() {
            let entry = entry?;
            let name = entry.file_name();
            if let Some(descriptor) = number(name.to_bytes())
                && let Some(inode) = socket(&folder, name)
            {
                each(descriptor, inode);
            }
        }
        Ok(())
    }
}

fn numbers(folder: &OwnedFd, mut each: impl FnMut(u32)) -> Result<(), Errno> {
    let mut names = [MaybeUninit::uninit(); NAMES_BYTES];
    let mut entries = RawDir::new(folder, &mut names);
    while let Some(entry) = entries.next() {
        if let Some(number) = number(entry?.file_name().to_bytes()) {
            each(number);
        }
    }
    Ok(())
}

/// `socket:[4242]`
fn socket(folder: &OwnedFd, name: impl rustix::path::Arg) -> Option<u64> {
    let mut target = [MaybeUninit::uninit(); LINK_BYTES];
    let (target, _) = readlinkat_raw(folder, name, &mut target).ok()?;
    digits(target.strip_prefix(b"socket:[")?.strip_suffix(b"]")?)
}

fn number(name: &[u8]) -> Option<u32> {
    digits(name).and_then(|number| u32::try_from(number).ok())
}

fn digits(text: &[u8]) -> Option<u64> {
    std::str::from_utf8(text).ok()?.parse().ok()
}
