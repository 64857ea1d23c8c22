//! A configuration from its first file on, with every `include` in place.

use std::path::{Path, PathBuf};
use std::sync::Arc;

use super::tree::{self, Directive, Place, Trouble};
use crate::small_file;

/// Larger files are not configuration.
const FILE_MIB: u64 = 4;
/// Bytes of all files together.
const ALL_BYTES: u64 = 32 << 20;
/// How often a file is read; one that is included twice counts twice.
const MOST_FILES: usize = 2_000;
/// Files within files.
const DEEPEST: usize = 32;
/// Troubles kept; a file that is none makes thousands.
const MOST_TROUBLES: usize = 100;

/// All files of one nginx.
#[derive(Clone, Debug, Default)]
pub struct Configuration {
    /// Everything, in the order nginx reads it.
    pub directives: Vec<Directive>,
    /// Every file that was read, once each, the first one first.
    pub files: Vec<PathBuf>,
    /// What could not be read or understood.
    pub troubles: Vec<Trouble>,
    /// What relative names of files are relative to: the folder of the first file.
    pub folder: PathBuf,
}

/// Reads a configuration. Never fails: what cannot be read is a trouble, with its place. Blocks.
#[must_use]
pub fn read(first: &Path) -> Configuration {
    let first = std::path::absolute(first).unwrap_or_else(|_| first.to_owned());
    let folder = first.parent().unwrap_or(Path::new("/")).to_owned();
    let mut reading = Reading {
        found: Configuration { folder, ..Configuration::default() },
        stack: Vec::new(),
        files: 0,
        bytes: 0,
    };
    let from = Place { file: first.as_path().into(), line: 1 };
    reading.found.directives = reading.file(&first, &from);
    reading.found
}

struct Reading {
    found: Configuration,
    /// The files that are being read, by their real names.
    stack: Vec<PathBuf>,
    files: usize,
    bytes: u64,
}

impl Reading {
    /// What a file holds; `from` is where it was asked for.
    fn file(&mut self, path: &Path, from: &Place) -> Vec<Directive> {
        let real = std::fs::canonicalize(path).unwrap_or_else(|_| path.to_owned());
        if self.stack.contains(&real) {
            return self.trouble(from, format!("{} includes itself", path.display()));
        }
        if self.stack.len() >= DEEPEST || self.files >= MOST_FILES || self.bytes > ALL_BYTES {
            return self.trouble(from, format!("{} is one file too many", path.display()));
        }
        self.files += 1;
        let text = match small_file::bytes(path, FILE_MIB) {
            Ok(bytes) => String::from_utf8_lossy(&bytes).into_owned(),
            Err(reason) => {
                return self.trouble(from, format!("{} cannot be read: {reason}", path.display()));
            }
        };
        self.bytes += text.len() as u64;
        if !self.found.files.iter().any(|known| known == path) {
            self.found.files.push(path.to_owned());
        }
        let (directives, troubles) = tree::parse(&text, &Arc::from(path));
        troubles.into_iter().for_each(|trouble| self.keep(trouble));
        self.stack.push(real);
        let directives = self.expand(directives);
        self.stack.pop();
        directives
    }

    /// The same, with included files in the place of `include`.
    fn expand(&mut self, directives: Vec<Directive>) -> Vec<Directive> {
        let mut expanded = Vec::with_capacity(directives.len());
        for mut directive in directives {
            if directive.name == "include" && directive.block.is_none() {
                for path in self.matches(&directive) {
                    expanded.extend(self.file(&path, &directive.place));
                }
                continue;
            }
            directive.block = directive.block.map(|block| self.expand(block));
            expanded.push(directive);
        }
        expanded
    }

    /// The files that an `include` names; a pattern may name none.
    fn matches(&mut self, include: &Directive) -> Vec<PathBuf> {
        let written = include.first();
        let path = self.found.folder.join(written);
        if !written.contains(['*', '?', '[']) {
            return vec![path];
        }
        let folder = glob::Pattern::escape(&self.found.folder.to_string_lossy());
        // Two stars are one to nginx; to us they would walk whole trees.
        let pattern = Path::new(&folder).join(written).to_string_lossy().replace("**", "*");
        let options = glob::MatchOptions {
            case_sensitive: true,
            require_literal_separator: true,
            require_literal_leading_dot: true,
        };
        match glob::glob_with(&pattern, options) {
            Ok(paths) => paths.filter_map(Result::ok).take(MOST_FILES).collect(),
            Err(error) => {
                let reason = format!("{written:?} is not a pattern: {}", error.msg);
                self.trouble(&include.place, reason);
                Vec::new()
            }
        }
    }

    fn trouble(&mut self, place: &Place, reason: String) -> Vec<Directive> {
        self.keep(Trouble { place: place.clone(), reason });
        Vec::new()
    }

    fn keep(&mut self, trouble: Trouble) {
        if self.found.troubles.len() < MOST_TROUBLES {
            self.found.troubles.push(trouble);
        }
    }
}

#[cfg(test)]
mod tests {
    use std::fs;

    use proptest::prelude::*;

    use super::*;

    fn names(directives: &[Directive]) -> String {
        let one = |directive: &Directive| match &directive.block {
            Some(block) => format!("{}({})", directive.name, names(block)),
            None => directive.name.clone(),
        };
        directives.iter().map(one).collect::<Vec<_>>().join(" ")
    }

    #[test]
    fn included_files_stand_where_they_are_named() {
        let folder = tempfile::tempdir().unwrap();
        let at = |name: &str| folder.path().join(name);
        fs::create_dir(at("conf.d")).unwrap();
        fs::create_dir(at("deep")).unwrap();
        for (name, text) in [
            (
                "nginx.conf",
                "a;\nhttp { include conf.d/*.conf; include none/*.conf; b; }\ninclude missing;",
            ),
            ("conf.d/2.conf", "two;"),
            ("conf.d/1.conf", "one { include deep/x; }"),
            ("conf.d/.hidden.conf", "hidden;"),
            ("conf.d/3.bak", "bak;"),
            // Relative to the first file's folder, not to its own.
            ("deep/x", "x;"),
        ] {
            fs::write(at(name), text).unwrap();
        }
        let found = read(&at("nginx.conf"));
        assert_eq!(names(&found.directives), "a http(one(x) two b)");
        assert_eq!(found.files.len(), 4);
        assert_eq!(found.troubles.len(), 1);
        assert_eq!(
            found.troubles[0].place.to_string(),
            format!("{}:3", at("nginx.conf").display())
        );
        let one = &found.directives[1].block.as_ref().unwrap()[0];
        assert_eq!(one.place.to_string(), format!("{}:1", at("conf.d/1.conf").display()));
    }

    #[test]
    fn loops_and_floods_end() {
        let folder = tempfile::tempdir().unwrap();
        let at = |name: &str| folder.path().join(name);
        fs::write(at("loop"), "a; include loop; b;").unwrap();
        let found = read(&at("loop"));
        assert_eq!(names(&found.directives), "a b");
        assert!(found.troubles[0].reason.ends_with("includes itself"), "{:?}", found.troubles);

        // Each level includes the next ten times: ten thousand million files.
        for level in 0..10 {
            let next = format!("include level{};", level + 1).repeat(10);
            fs::write(at(&format!("level{level}")), next).unwrap();
        }
        fs::write(at("level10"), "x;").unwrap();
        let found = read(&at("level0"));
        assert!(found.directives.len() <= MOST_FILES);
        assert!((1..=MOST_TROUBLES).contains(&found.troubles.len()));

        assert!(read(folder.path()).troubles[0].reason.ends_with("is not a file"));
        fs::write(at("large"), vec![b'#'; (FILE_MIB as usize) << 20 | 1]).unwrap();
        assert!(read(&at("large")).troubles[0].reason.ends_with("is larger than 4 MiB"));
    }

    proptest! {
        #[test]
        fn any_bytes_are_survived(bytes in proptest::collection::vec(any::<u8>(), 0..2_000)) {
            let folder = tempfile::tempdir().unwrap();
            let path = folder.path().join("nginx.conf");
            fs::write(&path, bytes).unwrap();
            let found = read(&path);
            let _ = super::super::Sites::of(&found);
            prop_assert!(found.troubles.len() <= MOST_TROUBLES);
        }

        #[test]
        fn any_structure_is_survived(
            text in "([{};#\"'\\\\$\n]|http|server|listen|location|~|upstream|include|server_name|proxy_pass|[0-9:*./a-z\\[\\]]{1,8}| ){0,200}"
        ) {
            let (directives, _) = tree::parse(&text, &Arc::from(Path::new("x")));
            let found = Configuration { directives, ..Configuration::default() };
            let _ = super::super::Sites::of(&found);
        }
    }
}
