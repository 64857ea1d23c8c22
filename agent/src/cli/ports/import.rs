//! `ports import`: a hand-kept table as claims.

use std::path::PathBuf;

use anyhow::{Context, anyhow, bail};
use clap::Args;
use health::Language;

use super::super::{Outcome, paint};
use crate::port_document::{self, Landing, Weight};
use crate::small_file;

/// `ports import`
#[derive(Debug, Args)]
pub struct Import {
    /// Markdown, or CSV by its ending.
    #[arg(value_name = "FILE")]
    pub file: PathBuf,
    /// The host of rows that name none.
    #[arg(long, value_name = "NAME", default_value = "server")]
    pub host: String,
}

pub(super) fn execute(import: &Import, language: Language) -> anyhow::Result<Outcome> {
    let file = import.file.display().to_string();
    let bytes = small_file::bytes(&import.file, port_document::LARGEST_MIB)
        .map_err(|reason| anyhow!("{file} cannot be read: {reason}"))?;
    let document = port_document::read(&import.file, bytes, &[]).with_context(|| file.clone())?;
    let found_nothing = document.entries.is_empty();
    let landing = Landing { file: &file, host: &import.host, language };
    let imported = port_document::import(document, &landing);
    for note in &imported.notes {
        let words = paint::printable(note.text.in_language(language));
        anstream::eprintln!("{}:{}: {words}", paint::printable(&file), note.line);
    }
    if found_nothing {
        bail!("{file}: no row with a port was found; a table needs a column called Port or 포트");
    }
    paint::line(imported.toml.trim_end());
    let has_mistakes = imported.notes.iter().any(|note| note.weight == Weight::Mistake);
    Ok(if has_mistakes { Outcome::Findings } else { Outcome::Well })
}
