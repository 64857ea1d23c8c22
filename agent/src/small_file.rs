//! Files of other programs: regular ones alone, and no more of them than is expected.

use std::fs::File;
use std::io::Read;
use std::path::Path;

/// Opens a regular file. A pipe would wait for a writer that never comes.
///
/// # Errors
/// Why not, in a few words for people.
pub(crate) fn open(path: &Path) -> Result<File, String> {
    let metadata = std::fs::metadata(path).map_err(|error| error.to_string())?;
    if !metadata.is_file() {
        return Err("it is not a file".to_owned());
    }
    File::open(path).map_err(|error| error.to_string())
}

/// All bytes of a regular file of at most so many MiB.
///
/// # Errors
/// Why not, in a few words for people.
pub(crate) fn bytes(path: &Path, most_mib: u64) -> Result<Vec<u8>, String> {
    let most = most_mib << 20;
    let mut bytes = Vec::new();
    open(path)?.take(most + 1).read_to_end(&mut bytes).map_err(|error| error.to_string())?;
    if bytes.len() as u64 > most {
        return Err(format!("it is larger than {most_mib} MiB"));
    }
    Ok(bytes)
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn only_small_regular_files() {
        let folder = tempfile::tempdir().unwrap();
        let at = |name: &str| folder.path().join(name);
        std::fs::write(at("full"), vec![b'#'; 1 << 20]).unwrap();
        std::fs::write(at("large"), vec![b'#'; (1 << 20) + 1]).unwrap();
        let made = std::process::Command::new("mkfifo").arg(at("pipe")).status().unwrap();
        assert!(made.success());
        assert_eq!(bytes(&at("full"), 1).map(|bytes| bytes.len()), Ok(1 << 20));
        for (name, reason) in [
            ("large", "it is larger than 1 MiB"),
            ("pipe", "it is not a file"),
            ("", "it is not a file"),
            ("none", "No such file or directory (os error 2)"),
        ] {
            assert_eq!(bytes(&at(name), 1), Err(reason.to_owned()), "{name}");
        }
    }
}
