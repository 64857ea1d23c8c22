//! Writes every page, healthy and sick, in both languages, to a folder, to be looked at with a
//! browser: `cargo run -p dashboard --example gallery -- FOLDER`.

#[path = "../tests/fixture/mod.rs"]
mod fixture;

use std::error::Error;
use std::fs;
use std::path::PathBuf;

use dashboard::{CertificatesQuery, DnsQuery, OverviewQuery, PortsQuery, View};
use health::history::Account;
use health::{Code, Kind, Language, Snapshot};
use jiff::tz::TimeZone;

const DOCUMENT: &str = "# port.taken\n\nA port that the plan keeps free is in use.\n\n## Why it matters\n\nThe next service that gets this port **will not start**. See also [port.dead](port.dead.md).\n\n## Check by hand\n\n```sh\nss -ltnp 'sport = :3014'\nps -fp 48211\n```\n\n| what | where |\n|---|---|\n| claim | `probes.toml` |\n\n- stop it, or\n- give it a port of its own\n";

fn main() -> Result<(), Box<dyn Error>> {
    let folder = PathBuf::from(std::env::args().nth(1).ok_or("name a folder")?);
    fs::create_dir_all(&folder)?;
    for (day, snapshot) in [
        ("sick", fixture::sick()),
        ("well", fixture::healthy()),
        ("many", fixture::many(10_000)),
        ("fleet", fixture::fleet(500)),
        ("store", fixture::certificates(10_000)),
        ("wide", fixture::zone::wide_snapshot()),
        ("zones", fixture::zone::zones(240)),
        ("empty", fixture::empty()),
    ] {
        for language in [Language::En, Language::Ko] {
            for (page, html) in pages(&snapshot, language)? {
                let name = format!("{day}-{page}-{language:?}.html").to_lowercase();
                fs::write(folder.join(name), localised(&html, &folder)?)?;
            }
        }
    }
    Ok(())
}

fn pages(
    snapshot: &Snapshot,
    language: Language,
) -> Result<Vec<(&'static str, String)>, dashboard::Error> {
    let zone = TimeZone::fixed(jiff::tz::offset(9));
    let view = View {
        snapshot,
        language,
        now: fixture::now(),
        zone: &zone,
        path: "/",
        query: "",
        visitor: None,
    };
    let incidents = fixture::past::incidents(snapshot);
    let mut pages = vec![
        ("overview", dashboard::overview(&view, &OverviewQuery::default())?),
        ("ports", dashboard::ports(&view, &PortsQuery::default())?),
        ("certificates", dashboard::certificates(&view, &CertificatesQuery::default())?),
        ("dns", dashboard::dns(&view, &DnsQuery::default())?),
        ("incidents", dashboard::incidents(&view, &incidents)?),
        ("codes", dashboard::explain_index(&view)?),
        ("code", dashboard::explain(&view, Code::PortTaken, DOCUMENT)?),
        ("nowhere", dashboard::not_found(&view)?),
    ];
    if let Some(host) = snapshot.hosts.first() {
        let past = fixture::past::of_host(snapshot, &host.name);
        pages.extend(dashboard::host(&view, &host.name, &past, None)?.map(|html| ("host", html)));
    }
    for (page, name) in [
        ("http", "shop"),
        ("journey", "session"),
        ("websocket", "live updates"),
        ("ping", "router"),
        ("heartbeat", "backup"),
        ("tls", "shop-certificate"),
        ("mail", "mail"),
        ("files", "on disk"),
        ("acme", "renewal path"),
        ("zone", "zone"),
        ("port", "web:3014"),
        ("app", "web:3011"),
    ] {
        let history = fixture::past::history(snapshot, name);
        pages.extend(dashboard::check(&view, name, &history)?.map(|html| (page, html)));
    }
    let zones = snapshot.checks.iter().filter(|standing| standing.check.kind == Kind::Dns);
    for standing in zones.take(1) {
        let name = &*standing.check.name;
        let history = fixture::past::history(snapshot, name);
        let drawn = dashboard::dns_zone(&view, name, &history, &DnsQuery::default())?;
        pages.extend(drawn.map(|html| ("dns-zone", html)));
    }
    for (page, name) in [
        ("leaf", "shop.example"),
        ("blog", "blog.example"),
        ("old-leaf", "03:77:c2"),
        ("issuing", "8a:7d"),
    ] {
        if let Some(fingerprint) = fixture::fingerprint(snapshot, name) {
            pages.extend(dashboard::certificate(&view, &fingerprint)?.map(|html| (page, html)));
        }
    }
    if let Some(incident) = incidents.first() {
        let account = Account {
            incident: incident.clone(),
            notifications: fixture::past::notifications(),
            decisions: fixture::quiet::decisions(),
        };
        pages.push(("incident", dashboard::incident(&view, &account)?));
    }
    Ok(pages)
}

/// The page with its assets beside it, because a file has no server to ask.
fn localised(html: &str, folder: &std::path::Path) -> Result<String, Box<dyn Error>> {
    let mut local = html.to_owned();
    while let Some(start) = local.find("\"/assets/") {
        let end = local[start + 1..].find('"').ok_or("an attribute without an end")? + start + 1;
        let url = local[start + 1..end].to_owned();
        let asset = dashboard::asset(&url).ok_or("an asset that is not there")?;
        let name = url.rsplit('/').next().unwrap_or_default();
        fs::write(folder.join(name), asset.body)?;
        local = local.replace(&url, name);
    }
    Ok(local)
}
