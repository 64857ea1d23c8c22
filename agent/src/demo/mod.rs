//! `demo`: everything on loopback in one process. Sick and healthy targets are started, a plan
//! over them is written into a folder of its own, and the agent runs it.

mod certificates;
mod nameserver;
mod quiet;
mod visits;
mod web;

use std::fmt::Write as _;
use std::fs;
use std::net::{Ipv4Addr, SocketAddr};
use std::os::unix::fs::PermissionsExt;
use std::path::{Path, PathBuf};

use anyhow::Context;
use jiff::{SignedDuration, Timestamp};
use tokio::net::TcpListener;

use crate::cli::Outcome;
use crate::{clock, plan};
use certificates::Authority;

/// The demo's own corner of the loopback network.
const WEB: Ipv4Addr = Ipv4Addr::new(127, 77, 0, 1);
const BACK: Ipv4Addr = Ipv4Addr::new(127, 77, 0, 2);
const CHAT: Ipv4Addr = Ipv4Addr::new(127, 77, 0, 3);

/// Runs the demo until SIGTERM or SIGINT.
///
/// # Errors
/// When its folder or its servers cannot be made.
pub fn run(listen: SocketAddr) -> anyhow::Result<Outcome> {
    let folder = std::env::temp_dir().join(format!("portwarden-demo-{}", std::process::id()));
    fs::create_dir_all(&folder).with_context(|| format!("cannot make {}", folder.display()))?;
    // There is a private key in it, and others look into the same folder above.
    fs::set_permissions(&folder, fs::Permissions::from_mode(0o700))?;
    let outcome = crate::run::block_on(async {
        let targets = Targets::start(&folder, clock::now()).await?;
        let file = folder.join("probes.toml");
        fs::write(&file, targets.plan(listen))?;
        visits::jobs(listen);
        let plan = plan::load(&file).map_err(|mistakes| anyhow::anyhow!("{mistakes}"))?;
        anstream::eprintln!(
            "The demo watches its own sick and healthy servers.\n\n  dashboard  http://{listen}/\n  plan       {}\n\nMessages to the chat channel appear below. To silence and acknowledge, log in with\nthe token in {folder}/portwarden.db.token. Ctrl-C ends it.\n",
            file.display(),
            folder = folder.display(),
        );
        quiet::ask(&plan.agent);
        crate::run::agent_until_signal(plan).await
    });
    // The folder is the demo's own: nothing else is ever in it.
    let _ = fs::remove_dir_all(&folder);
    outcome.map(|()| Outcome::Well)
}

/// Where everything listens.
struct Targets {
    folder: PathBuf,
    app: SocketAddr,
    squatter: SocketAddr,
    stranger: SocketAddr,
    proxy: SocketAddr,
    near_end: SocketAddr,
    not_reloaded: SocketAddr,
    challenges: SocketAddr,
    dead: SocketAddr,
    chat: SocketAddr,
    pager: SocketAddr,
    nameservers: Vec<SocketAddr>,
}

impl Targets {
    async fn start(folder: &Path, now: Timestamp) -> anyhow::Result<Self> {
        let ago = |days: i64| now - SignedDuration::from_hours(24 * days);
        let ahead = |days: i64| now + SignedDuration::from_hours(24 * days);
        let authority = Authority::new(ago(400), ahead(3000))?;
        fs::write(folder.join("roots.pem"), authority.pem())?;

        let healthy = authority.issue("shop.example", ago(10), ahead(80))?;
        let near_end = authority.issue("blog.example", ago(86), ahead(4))?;
        let served = authority.issue("api.example", ago(84), ahead(6))?;
        let renewed = authority.issue("api.example", ago(2), ahead(88))?;
        fs::write(folder.join("api.example.pem"), renewed.pem())?;
        let renewed_at = std::time::SystemTime::from(now - SignedDuration::from_hours(31));
        fs::File::open(folder.join("api.example.pem"))?.set_modified(renewed_at)?;
        fs::write(folder.join("api.example.key"), renewed.key_pem())?;

        // A port where nobody listens: bound once to be sure of that, and let go.
        let dead = bind(BACK, 3014).await?.local_addr()?;
        let app = bind(BACK, 3011).await?;
        let app_address = app.local_addr()?;
        web::app(app);
        let squatter = bind(WEB, 3012).await?;
        let squatter_address = squatter.local_addr()?;
        web::app(squatter);
        let stranger = bind(WEB, 8099).await?;
        let stranger_address = stranger.local_addr()?;
        web::app(stranger);
        let proxy = bind(WEB, 8443).await?;
        let proxy_address = proxy.local_addr()?;
        web::proxy(proxy, healthy.server_settings()?);
        let near = bind(WEB, 8444).await?;
        let near_address = near.local_addr()?;
        web::proxy(near, near_end.server_settings()?);
        let old = bind(WEB, 8445).await?;
        let old_address = old.local_addr()?;
        web::proxy(old, served.server_settings()?);
        let challenges = bind(WEB, 8080).await?;
        let challenges_address = challenges.local_addr()?;
        fs::create_dir(folder.join("webroot"))?;
        web::challenges(challenges, folder.join("webroot"));
        let chat = bind(CHAT, 8066).await?;
        let chat_address = chat.local_addr()?;
        web::chat(chat);
        let pager = bind(CHAT, 8067).await?;
        let pager_address = pager.local_addr()?;
        web::pager(pager);

        let mut nameservers = Vec::new();
        for number in 1..=4 {
            let token =
                if number == 3 { "stale-challenge-token" } else { "current-challenge-token" };
            nameservers.push(nameserver::start(Ipv4Addr::new(127, 77, 53, number), token).await?);
        }
        Ok(Self {
            folder: folder.to_owned(),
            app: app_address,
            squatter: squatter_address,
            stranger: stranger_address,
            proxy: proxy_address,
            near_end: near_address,
            not_reloaded: old_address,
            challenges: challenges_address,
            dead,
            chat: chat_address,
            pager: pager_address,
            nameservers,
        })
    }

    /// The plan over these targets, in the words a user would write.
    fn plan(&self, listen: SocketAddr) -> String {
        let Self {
            app, squatter, stranger, proxy, near_end, not_reloaded, dead, chat, pager, ..
        } = self;
        let challenges = self.challenges;
        let (window_from, window_until) = {
            let now = clock::now();
            (now - SignedDuration::from_hours(1), now + SignedDuration::from_hours(3))
        };
        let folder = self.folder.display();
        let mut text = format!(
            r#"[agent]
name = "demo"
listen = "{listen}"
store = "{folder}/portwarden.db"

[defaults]
interval = "3s"
timeout = "2s"
ca = "{folder}/roots.pem"

[[host]]
name = "web"
address = "{web}"
local = true
undeclared = "warn"

  [[host.port]]
  port = {proxy_port}
  service = "reverse proxy"
  exposure = "loopback"

  [[host.port]]
  port = {near_port}
  service = "blog"
  exposure = "loopback"

  [[host.port]]
  port = {old_port}
  service = "API gateway"
  exposure = "loopback"

  [[host.port]]
  port = {challenges_port}
  service = "challenges"
  description = "stands for port 80, which the demo may not have"
  exposure = "loopback"

  [[host.port]]
  port = {squatter_port}
  service = "API"
  description = "for the API that is to be split off; somebody was quicker"
  claim = "reserved"

  [[host.port]]
  port = "5432-5434"
  service = "PostgreSQL and its replicas"
  claim = "reserved"

[[host]]
name = "back"
address = "{back}"
local = true
undeclared = "ignore"

  [[host.port]]
  port = {app_port}
  service = "main app"
  exposure = "loopback"

  [[host.port]]
  port = {dead_port}
  service = "live updates"
  description = "allocated, and nobody answers"
  exposure = "loopback"

[[http]]
name = "shop"
url = "https://shop.example/api/health"
connect = "{proxy}"
expect.json = {{ "/status" = "ok" }}
expect.headers = {{ strict-transport-security = "max-age=\\d+" }}

[[http]]
name = "shop live updates"
url = "https://shop.example/live"
connect = "{proxy}"
upstream = "back:{dead_port}"

[[http]]
name = "main app"
url = "http://{app}/api/health"
expect.status = ["2xx"]

[[tls]]
name = "blog certificate"
address = "blog.example:443"
connect = "{near_end}"

[[tls]]
name = "api certificate"
address = "api.example:443"
connect = "{not_reloaded}"
file = "{folder}/api.example.pem"

[[tls]]
name = "shop certificate"
address = "shop.example:443"
connect = "{proxy}"

[[certificate]]
name = "certificates on disk"
path = "{folder}/*.example.pem"

[[acme]]
name = "renewal path"
domains = ["shop.example", "blog.example"]
webroot = "{folder}/webroot"
connect = {{ 80 = "{challenges}", "shop.example:443" = "{proxy}", "blog.example:443" = "{near_end}" }}

[[tcp]]
name = "telnet stays closed"
address = "{web}:23"
expect_closed = true

[[dns]]
name = "shop.example zone"
zone = "shop.example"
nameservers = {nameservers:?}
dnssec = "off"                       # nobody outside is asked

  [[dns.record]]
  name = "@"
  type = "A"
  values = ["192.0.2.10"]

  [[dns.record]]
  name = "_acme-challenge"
  type = "TXT"
  values = ["current-challenge-token"]

[[receiver]]
name = "chat"
webhook = {{ url = "http://{chat}/hook" }}

[[maintenance]]
name = "nameserver upgrade"
kind = "dns"
from = {window_from:.0}
until = {window_until:.0}

[[receiver]]
name = "pager"                       # its service has forgotten us: every message is refused
webhook = {{ url = "http://{pager}/hook" }}
"#,
            web = WEB,
            back = BACK,
            proxy_port = proxy.port(),
            near_port = near_end.port(),
            old_port = not_reloaded.port(),
            challenges_port = challenges.port(),
            squatter_port = squatter.port(),
            app_port = app.port(),
            dead_port = dead.port(),
            nameservers = self.nameservers.iter().map(ToString::to_string).collect::<Vec<_>>(),
        );
        text += &visits::plan(*proxy, *app);
        let _ = writeln!(text, "\n# {stranger} is left out on purpose: nobody ever wrote it down.");
        text
    }
}

/// Binds the port that reads well, or another one when that is taken.
async fn bind(address: Ipv4Addr, preferred: u16) -> anyhow::Result<TcpListener> {
    match TcpListener::bind((address, preferred)).await {
        Ok(listener) => Ok(listener),
        Err(_) => TcpListener::bind((address, 0))
            .await
            .with_context(|| format!("cannot listen on {address}: the demo needs 127.77.0.0/16")),
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[tokio::test]
    async fn the_plan_is_understood_whole() {
        let folder = tempfile::tempdir().unwrap();
        let targets = Targets::start(folder.path(), clock::now()).await.unwrap();
        let text = targets.plan("127.0.0.1:9740".parse().unwrap());
        let file = folder.path().join("probes.toml");
        let plan = plan::parse(&text, &file, folder.path(), &plan::ThisMachine);
        let plan = plan.unwrap_or_else(|mistakes| panic!("{mistakes}"));
        for name in ["login", "catalog by both ways", "live prices", "backup"] {
            assert!(plan.checks.iter().any(|check| &*check.frame.name == name), "{name}");
        }
    }
}
