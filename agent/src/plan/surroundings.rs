//! What a plan refers to outside its own text: variables, files, roots, the machine's name.

use std::io::Read;
use std::path::{Path, PathBuf};

use crate::tls::Roots;

/// The world around a plan, so that reading a plan is a function of its text and of this.
pub trait Surroundings {
    /// An environment variable; `None` when it is not set or not UTF-8.
    fn variable(&self, name: &str) -> Option<String>;

    /// A small text file, at most 64 KiB.
    ///
    /// # Errors
    /// Why not, in a few words for people.
    fn text_file(&self, path: &Path) -> Result<String, String>;

    /// A file of any bytes, at most 8 MiB.
    ///
    /// # Errors
    /// Why not, in a few words for people.
    fn bytes_file(&self, path: &Path) -> Result<Vec<u8>, String> {
        self.text_file(path).map(String::into_bytes)
    }

    /// The system's trusted roots and those of the files.
    ///
    /// # Errors
    /// One sentence for people.
    fn roots(&self, files: &[PathBuf]) -> Result<Roots, String>;

    /// The machine's name, where it has one.
    fn machine_name(&self) -> Option<String>;
}

/// The machine this program runs on.
#[derive(Clone, Copy, Debug, Default)]
pub struct ThisMachine;

impl Surroundings for ThisMachine {
    fn variable(&self, name: &str) -> Option<String> {
        std::env::var(name).ok()
    }

    fn text_file(&self, path: &Path) -> Result<String, String> {
        let bytes = bounded(path, 64 * 1024).map_err(|error| error.to_string())?;
        let bytes = bytes.ok_or("larger than 64 KiB")?;
        String::from_utf8(bytes).map_err(|_| "not UTF-8 text".to_owned())
    }

    fn bytes_file(&self, path: &Path) -> Result<Vec<u8>, String> {
        let bytes = bounded(path, 8 * 1024 * 1024).map_err(|error| error.to_string())?;
        bytes.ok_or_else(|| "larger than 8 MiB".to_owned())
    }

    fn roots(&self, files: &[PathBuf]) -> Result<Roots, String> {
        Roots::load(files)
    }

    fn machine_name(&self) -> Option<String> {
        let name = self.text_file(Path::new("/proc/sys/kernel/hostname")).ok()?;
        Some(name.trim().to_owned())
    }
}

/// All bytes of a file, or `None` when there are more than `most`.
pub(super) fn bounded(path: &Path, most: u64) -> std::io::Result<Option<Vec<u8>>> {
    let mut bytes = Vec::new();
    std::fs::File::open(path)?.take(most + 1).read_to_end(&mut bytes)?;
    Ok((bytes.len() as u64 <= most).then_some(bytes))
}
