//! Certificate folders of those who renew them.

use std::path::{Path, PathBuf};

use super::entry::Entry;
use super::{Error, Scope};
use crate::small_file;

/// Enough to know that a pattern leads somewhere.
const MOST_LOOKED_AT: usize = 64;

/// Where certificates lie in a folder that somebody names.
const LAYOUTS: [&str; 7] = [
    "live/*/fullchain.pem",
    "*/fullchain.pem",
    "*/fullchain.cer",
    "fullchain.pem",
    "certificates/*.crt",
    "*.crt",
    "*/*/*.crt",
];

/// One `[[certificate]]` for each pattern that leads to a file which may be read.
///
/// # Errors
/// When a folder that was asked for by name cannot be read.
pub(super) fn entries(scope: &Scope) -> Result<Vec<Entry>, Error> {
    let mut patterns: Vec<(String, PathBuf, &str)> = Vec::new();
    for folder in &scope.certificates {
        let folder = std::path::absolute(folder).unwrap_or_else(|_| folder.clone());
        if let Err(error) = std::fs::read_dir(&folder) {
            return Err(Error::Unreadable(folder, error.to_string()));
        }
        let name = format!("certificates in {}", folder.display());
        patterns.extend(LAYOUTS.map(|layout| (name.clone(), folder.clone(), layout)));
    }
    if scope.certificates.is_empty() {
        patterns = usual(scope.home.as_deref());
    }
    Ok(patterns.iter().filter_map(|(name, folder, layout)| entry(name, folder, layout)).collect())
}

fn usual(home: Option<&Path>) -> Vec<(String, PathBuf, &'static str)> {
    const CADDY: &str = ".local/share/caddy/certificates";
    let mut usual = vec![
        ("certbot", PathBuf::from("/etc/letsencrypt/live"), "*/fullchain.pem"),
        ("lego", PathBuf::from("/etc/lego/certificates"), "*.crt"),
        ("Caddy", Path::new("/var/lib/caddy").join(CADDY), "*/*/*.crt"),
    ];
    if let Some(home) = home {
        usual.extend([
            ("lego", home.join(".lego/certificates"), "*.crt"),
            ("acme.sh", home.join(".acme.sh"), "*/fullchain.cer"),
            ("Caddy", home.join(CADDY), "*/*/*.crt"),
        ]);
    }
    let named = |(who, folder, layout)| (format!("certificates of {who}"), folder, layout);
    usual.into_iter().map(named).collect()
}

fn entry(name: &str, folder: &Path, layout: &str) -> Option<Entry> {
    let folder = folder.to_str()?;
    let pattern = format!("{}/{layout}", glob::Pattern::escape(folder).trim_end_matches('/'));
    let files = glob::glob(&pattern).ok()?.filter_map(Result::ok).take(MOST_LOOKED_AT);
    let readable = files.filter(|path| small_file::open(path).is_ok()).count();
    let count = match readable {
        0 => return None,
        1 => "one file".to_owned(),
        MOST_LOOKED_AT => format!("{MOST_LOOKED_AT} files or more"),
        count => format!("{count} files"),
    };
    let mut entry = Entry::new("certificate", name).with("path", pattern);
    entry.sources.push(format!("{folder}/{layout}: {count}"));
    Some(entry)
}

#[cfg(test)]
mod tests {
    use std::fs;

    use super::*;

    fn paths(scope: &Scope) -> Vec<String> {
        entries(scope)
            .unwrap()
            .iter()
            .map(|one| one.keys[0].1.as_str().unwrap().to_owned())
            .collect()
    }

    #[test]
    fn folders_that_people_have() {
        let folder = tempfile::tempdir().unwrap();
        let home = folder.path().to_str().unwrap().to_owned();
        for path in [
            ".lego/certificates/shop.example.crt",
            ".acme.sh/shop.example_ecc/fullchain.cer",
            ".local/share/caddy/certificates/acme-v02/shop.example/shop.example.crt",
            "named[1]/live/shop.example/fullchain.pem",
            "named[1]/live/README",
        ] {
            let path = folder.path().join(path);
            fs::create_dir_all(path.parent().unwrap()).unwrap();
            fs::write(path, "x").unwrap();
        }
        let scope = Scope { home: Some(home.clone().into()), ..Scope::default() };
        let found: Vec<String> =
            paths(&scope).into_iter().filter(|path| path.starts_with(&home)).collect();
        let expected = [
            ".lego/certificates/*.crt",
            ".acme.sh/*/fullchain.cer",
            ".local/share/caddy/certificates/*/*/*.crt",
        ];
        assert_eq!(found, expected.map(|path| format!("{home}/{path}")));

        let named =
            Scope { certificates: vec![folder.path().join("named[1]")], ..Scope::default() };
        assert_eq!(paths(&named), [format!("{home}/named[[]1[]]/live/*/fullchain.pem")]);
        let missing = Scope { certificates: vec!["/none".into()], ..Scope::default() };
        assert!(entries(&missing).is_err());
    }
}
