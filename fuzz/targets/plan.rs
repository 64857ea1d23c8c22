//! Plans: every mistake stands within the file, and can be shown.

#![no_main]

use std::path::{Path, PathBuf};

use portwarden::plan::{Surroundings, parse};
use portwarden::tls::Roots;

/// A machine that has nothing: what a plan says is not to be looked up.
struct Nothing;

impl Surroundings for Nothing {
    fn variable(&self, _: &str) -> Option<String> {
        None
    }

    fn text_file(&self, _: &Path) -> Result<String, String> {
        Err("there is no such file".to_owned())
    }

    fn roots(&self, _: &[PathBuf]) -> Result<Roots, String> {
        Err("there are none".to_owned())
    }

    fn machine_name(&self) -> Option<String> {
        None
    }
}

libfuzzer_sys::fuzz_target!(|bytes: &[u8]| {
    let Ok(text) = std::str::from_utf8(bytes) else { return };
    let Err(mistakes) = parse(text, Path::new("probes.toml"), Path::new("/fuzz"), &Nothing) else {
        return;
    };
    let lines: Vec<&str> = text.split('\n').collect();
    for mistake in mistakes.list() {
        if let (Some(line), Some(column)) = (mistake.line, mistake.column) {
            assert!((1..=lines.len()).contains(&line), "{mistake}");
            assert!((1..=lines[line - 1].chars().count() + 1).contains(&column), "{mistake}");
        }
    }
    let plain = format!("{mistakes}{mistakes:#}");
    assert!(!plain.contains('\u{7}'), "{plain:?}");
});
