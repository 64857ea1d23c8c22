//! Configuration files that nginx would not take.

use std::path::Path;
use std::sync::Arc;

use super::{Configuration, Sites, tree};

/// One file, and the sites that it makes.
pub fn nginx(bytes: &[u8]) {
    let Ok(text) = std::str::from_utf8(bytes) else { return };
    let lines = text.split('\n').count();
    let file: Arc<Path> = Path::new("/fuzz/nginx.conf").into();
    let (directives, troubles) = tree::parse(text, &file);
    for directive in &directives {
        assert!((1..=lines).contains(&(directive.place.line as usize)), "{directive:?}");
    }
    let _ = Sites::of(&Configuration { directives, troubles, ..Configuration::default() });
}
