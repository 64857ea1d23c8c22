//! The stylesheet, the script and the icons, embedded. Their URLs carry a hash of their content,
//! so that a browser may keep them forever and still never shows a stale one.

use std::sync::LazyLock;

/// One embedded file, ready to be served.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub struct Asset {
    /// The Content-Type header.
    pub content_type: &'static str,
    /// The content.
    pub body: &'static [u8],
    /// The ETag header, with its quotes.
    pub etag: &'static str,
}

struct Embedded {
    asset: Asset,
    name: &'static str,
    url: String,
}

static EMBEDDED: LazyLock<Vec<Embedded>> = LazyLock::new(|| {
    const SVG: &str = "image/svg+xml";
    [
        ("style.css", "text/css; charset=utf-8", include_bytes!("../assets/style.css").as_slice()),
        ("live.js", "text/javascript; charset=utf-8", include_bytes!("../assets/live.js")),
        ("icon.svg", SVG, include_bytes!("../assets/icon.svg")),
        ("icon-degraded.svg", SVG, include_bytes!("../assets/icon-degraded.svg")),
        ("icon-down.svg", SVG, include_bytes!("../assets/icon-down.svg")),
    ]
    .into_iter()
    .map(|(name, content_type, body)| {
        let hash = fnv1a(body);
        // Once per program: the tag has to outlive every answer that carries it.
        let etag: &'static str = Box::leak(format!("\"{hash:016x}\"").into_boxed_str());
        let url = format!("/assets/{hash:016x}/{name}");
        Embedded { asset: Asset { content_type, body, etag }, name, url }
    })
    .collect()
});

/// The asset at a path such as `/assets/0123456789abcdef/style.css`, with or without the leading
/// `/assets/`; `favicon.ico` is the icon. `None` for anything else, a stale hash included.
#[must_use]
pub fn asset(path: &str) -> Option<Asset> {
    let path = path.trim_start_matches('/');
    let path = path.strip_prefix("assets/").unwrap_or(path);
    if path == "favicon.ico" {
        return named("icon.svg").map(|embedded| embedded.asset);
    }
    EMBEDDED
        .iter()
        .find(|embedded| embedded.url.strip_prefix("/assets/") == Some(path))
        .map(|embedded| embedded.asset)
}

/// The URL of the asset with this name; empty when there is none.
pub(crate) fn url(name: &str) -> &'static str {
    named(name).map_or("", |embedded| embedded.url.as_str())
}

fn named(name: &str) -> Option<&'static Embedded> {
    EMBEDDED.iter().find(|embedded| embedded.name == name)
}

/// FNV-1a, 64 bits: tells versions of our own files apart, and is not asked to do more.
fn fnv1a(bytes: &[u8]) -> u64 {
    bytes.iter().fold(0xcbf2_9ce4_8422_2325, |hash, &byte| {
        (hash ^ u64::from(byte)).wrapping_mul(0x0100_0000_01b3)
    })
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn every_asset_is_found_by_its_url_and_nothing_else_is() {
        for embedded in EMBEDDED.iter() {
            assert_eq!(asset(&embedded.url), Some(embedded.asset));
            assert_eq!(asset(url(embedded.name)), Some(embedded.asset));
        }
        assert_eq!(asset("favicon.ico"), asset(url("icon.svg")));
        for stranger in ["", "/assets/", "/assets/0/style.css", "style.css", "../Cargo.toml"] {
            assert_eq!(asset(stranger), None, "{stranger}");
        }
    }
}
