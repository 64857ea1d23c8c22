//! The token that lets somebody change what is told: from the plan, or from a file that is made once
//! beside the store. Deliberately absent: who is let in by it, which the server decides.

use std::fs::{self, File};
use std::io::{self, Read as _, Write as _};
use std::os::unix::fs::{OpenOptionsExt as _, PermissionsExt as _};
use std::path::{Path, PathBuf};

use alerts::Hidden;
use base64::Engine as _;
use base64::engine::general_purpose::URL_SAFE_NO_PAD;
use ring::rand::{SecureRandom as _, SystemRandom};

use crate::plan::Agent;

/// Bytes of chance in what nobody may guess.
const CHANCE: usize = 32;
/// Most bytes of the file that are read.
const MOST_BYTES: u64 = 4096;

/// Where the token is kept that the plan does not name.
#[must_use]
pub fn file_of(agent: &Agent) -> PathBuf {
    let mut name = agent.store.as_os_str().to_owned();
    name.push(".token");
    name.into()
}

/// The token of an agent that runs, or has run.
///
/// # Errors
/// When the file beside the store cannot be read, or holds no token.
pub fn read(agent: &Agent) -> io::Result<Hidden> {
    match &agent.token {
        Some(planned) => Ok(planned.clone()),
        None => read_file(&file_of(agent)),
    }
}

/// The token of the agent that starts: one is made where there is none yet.
///
/// # Errors
/// When it can be neither read nor written down.
pub fn keep(agent: &Agent) -> io::Result<Hidden> {
    match read(agent) {
        Err(error) if error.kind() == io::ErrorKind::NotFound => make(&file_of(agent)),
        read => read,
    }
}

/// Words that nobody can guess, in letters that may stand in a URL; `None` where the system has no
/// chance to give.
#[must_use]
pub fn unguessable() -> Option<String> {
    let mut bytes = [0; CHANCE];
    SystemRandom::new().fill(&mut bytes).ok()?;
    Some(URL_SAFE_NO_PAD.encode(bytes))
}

fn read_file(path: &Path) -> io::Result<Hidden> {
    let file = File::open(path)?;
    if file.metadata()?.permissions().mode() & 0o077 != 0 {
        tracing::warn!(path = %path.display(), "others may read the token: `chmod 600` it");
    }
    let mut text = String::new();
    file.take(MOST_BYTES).read_to_string(&mut text)?;
    match text.trim() {
        "" => Err(io::Error::new(io::ErrorKind::InvalidData, "there is no token in it")),
        token => Ok(Hidden::new(token)),
    }
}

/// Written whole under another name first: nobody ever reads half a token.
fn make(path: &Path) -> io::Result<Hidden> {
    let token = unguessable().ok_or_else(|| io::Error::other("the system gives no chance"))?;
    let mut unfinished = path.as_os_str().to_owned();
    unfinished.push(".new");
    // What an agent that was killed left behind.
    let _ = fs::remove_file(&unfinished);
    let mut file = File::options().write(true).create_new(true).mode(0o600).open(&unfinished)?;
    file.write_all(token.as_bytes())?;
    file.write_all(b"\n")?;
    file.sync_all()?;
    fs::rename(&unfinished, path)?;
    Ok(Hidden::new(token))
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::plan;

    fn agent(folder: &Path) -> Agent {
        let file = folder.join("probes.toml");
        plan::parse("", &file, folder, &plan::ThisMachine).unwrap().agent
    }

    #[test]
    fn a_token_is_made_once_and_is_for_its_owner_alone() {
        let folder = tempfile::tempdir().unwrap();
        let agent = agent(folder.path());
        assert_eq!(read(&agent).unwrap_err().kind(), io::ErrorKind::NotFound);
        let made = keep(&agent).unwrap();
        assert_eq!(made.expose().len(), 43);
        let file = folder.path().join("portwarden.db.token");
        assert_eq!(fs::metadata(&file).unwrap().permissions().mode() & 0o777, 0o600);
        assert_eq!(keep(&agent).unwrap(), made);
        assert_eq!(read(&agent).unwrap(), made);
        assert_ne!(unguessable(), unguessable());
    }

    #[test]
    fn an_empty_file_opens_nothing() {
        let folder = tempfile::tempdir().unwrap();
        fs::write(folder.path().join("portwarden.db.token"), " \n").unwrap();
        assert!(keep(&agent(folder.path())).is_err());
    }

    #[test]
    fn the_plan_has_the_first_word() {
        let folder = tempfile::tempdir().unwrap();
        let agent = Agent { token: Some(Hidden::new("0123456789abcdef")), ..agent(folder.path()) };
        assert_eq!(keep(&agent).unwrap().expose(), "0123456789abcdef");
        assert!(!file_of(&agent).exists());
    }
}
