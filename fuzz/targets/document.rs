//! Port documents kept by hand, as Markdown and as CSV.

#![no_main]

use std::path::Path;

use portwarden::port_document::read;

libfuzzer_sys::fuzz_target!(|bytes: &[u8]| {
    for name in ["ports.md", "ports.csv", "ports.tsv"] {
        let _ = read(Path::new(name), bytes.to_vec(), &["web", "db"]);
    }
});
