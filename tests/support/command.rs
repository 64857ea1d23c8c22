//! One command of the real binary, run to its end.

use std::path::Path;
use std::process::{Command, Stdio};

use serde_json::Value;

use super::daemon;

/// How a command ended, and what it printed.
#[derive(Debug)]
pub struct Ended {
    /// The exit code.
    pub code: i32,
    /// Standard output.
    pub out: String,
    /// Standard error.
    pub err: String,
}

impl Ended {
    /// Standard output as JSON.
    pub fn json(&self) -> Value {
        serde_json::from_str(&self.out).unwrap_or_else(|error| panic!("{error}: {self:?}"))
    }

    /// Fails unless it ended with this code.
    #[track_caller]
    pub fn expect(self, code: i32) -> Self {
        assert_eq!(self.code, code, "{self:?}");
        self
    }
}

/// Runs `portwarden` in a folder with these arguments and, for a secret, one more variable.
pub fn portwarden_with(variable: (&str, &str), folder: &Path, arguments: &[&str]) -> Ended {
    let mut command = Command::new(env!("CARGO_BIN_EXE_portwarden"));
    command
        .current_dir(folder)
        .args(arguments)
        .env("LC_ALL", "C")
        .env(variable.0, variable.1)
        .stdin(Stdio::null())
        .stdout(Stdio::piped())
        .stderr(Stdio::piped());
    let output = daemon::spawn(&mut command).unwrap().wait_with_output().unwrap();
    Ended {
        code: output.status.code().expect("it ended by itself"),
        out: String::from_utf8(output.stdout).unwrap(),
        err: String::from_utf8(output.stderr).unwrap(),
    }
}

/// Runs `portwarden` in a folder with these arguments.
pub fn portwarden(folder: &Path, arguments: &[&str]) -> Ended {
    portwarden_with(("TERM", "dumb"), folder, arguments)
}
