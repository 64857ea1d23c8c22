//! The measured part of a page: written anew between two lines, the rest of the page left alone.

use std::fmt::Display;
use std::fs;
use std::path::Path;

use anyhow::Context;

/// Puts figures into docs/benchmarks.md between `<!-- NAME: begin -->` and `<!-- NAME: end -->`.
pub(crate) fn write(name: &str, figures: &impl Display) -> anyhow::Result<()> {
    let page = Path::new(env!("CARGO_MANIFEST_DIR")).join("../docs/benchmarks.md");
    let text = fs::read_to_string(&page).with_context(|| page.display().to_string())?;
    let (begin, end) = (format!("<!-- {name}: begin -->"), format!("<!-- {name}: end -->"));
    let (before, rest) = text.split_once(&begin).with_context(|| begin.clone())?;
    let (_, after) = rest.split_once(&end).with_context(|| end.clone())?;
    fs::write(&page, format!("{before}{begin}\n{figures}\n{end}{after}"))
        .with_context(|| format!("cannot write {}", page.display()))
}
