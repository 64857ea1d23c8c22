//! Whose ACME directory is asked: one that the plan names, or the one that certbot's own file about
//! the certificate names.

use std::path::{Path, PathBuf};

/// The largest of certbot's files that is read, in bytes.
const MOST_BYTES: u64 = 256 << 10;

/// Where a CA says what it offers (RFC 8555 section 7.1.1).
#[derive(Clone, Debug, PartialEq, Eq)]
pub enum Directory {
    /// At this address.
    At(String),
    /// Where this file of certbot's says.
    NamedIn(PathBuf),
}

impl Directory {
    /// Its address.
    ///
    /// # Errors
    /// One sentence for people when the file names none.
    pub(super) async fn url(&self) -> Result<String, String> {
        match self {
            Self::At(url) => Ok(url.clone()),
            Self::NamedIn(path) => {
                let text = read(path).await.map_err(|why| format!("{}: {why}", path.display()))?;
                server(&text).ok_or_else(|| format!("{}: names no https server", path.display()))
            }
        }
    }
}

async fn read(path: &Path) -> std::io::Result<String> {
    let described = tokio::fs::metadata(path).await?;
    if !described.is_file() || described.len() > MOST_BYTES {
        return Err(std::io::Error::other("not a file of certbot's"));
    }
    tokio::fs::read_to_string(path).await
}

/// `server = URL` of certbot's file.
fn server(text: &str) -> Option<String> {
    let mut values = text.lines().filter_map(|line| {
        let (key, value) = line.split_once('=')?;
        (key.trim() == "server").then(|| value.trim().to_owned())
    });
    values.next_back().filter(|url| url.starts_with("https://"))
}

#[cfg(test)]
mod tests {
    use super::server;

    #[test]
    fn reads_the_server() {
        let cases = [
            (
                "version = 2.1.0\n[renewalparams]\nserver = https://ca.example/dir\n",
                Some("https://ca.example/dir"),
            ),
            ("server=https://ca.example/dir", Some("https://ca.example/dir")),
            ("servers = https://ca.example/dir", None),
            ("server = http://ca.example/dir", None),
            ("", None),
        ];
        for (text, expected) in cases {
            assert_eq!(server(text).as_deref(), expected, "{text}");
        }
    }
}
