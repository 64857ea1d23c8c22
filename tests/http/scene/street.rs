//! nginx with TLS in front of the shop, PostgreSQL behind it, and the agent that watches all three.

use std::net::SocketAddr;

use serde_json::Value;
use tempfile::TempDir;

use crate::support::agent::{Agent, eventually};
use crate::support::applications::Shop;
use crate::support::certificates::{Authority, DAY, Order};
use crate::support::loopback::own_address;
use crate::support::nginx::Nginx;
use crate::support::postgres::Postgres;

/// All of it, running and well.
pub(super) struct Street {
    pub(super) agent: Agent,
    pub(super) nginx: Nginx,
    pub(super) shop: Shop,
    pub(super) database: Postgres,
    pub(super) secure: SocketAddr,
    _folder: TempDir,
}

impl Street {
    /// Starts it with the checks that every test has and these besides: `SECURE`, `PLAIN`, `SHOP` and
    /// `DATABASE` in them stand for addresses. All checks are up when this returns.
    pub(super) async fn start(checks: &str) -> Self {
        let folder = tempfile::tempdir().unwrap();
        let database = Postgres::start(own_address(), "");
        let shop = Shop::start("shop.example", &database);
        let (secure, plain) = (own_address(), own_address());
        let authority = Authority::new("street");
        std::fs::write(folder.path().join("roots.pem"), authority.pem()).unwrap();
        let valid = (-DAY, 60 * DAY);
        authority.issue(&Order { names: &["shop.example"], valid, serial: 7 }, folder.path());
        let nginx =
            Nginx::start(folder.path(), &[secure, plain], &servers(secure, plain, shop.address));
        let addresses = [
            ("SECURE", secure.to_string()),
            ("PLAIN", plain.to_string()),
            ("SHOP", shop.address.to_string()),
            ("DATABASE", database.address.to_string()),
        ];
        let mut plan = format!("{}{checks}", plan(&shop, &database));
        for (word, address) in &addresses {
            plan = plan.replace(word, address);
        }
        let agent = Agent::start(folder.path(), "", &plan).await;
        let street = Self { agent, nginx, shop, database, secure, _folder: folder };
        street.is_well().await;
        street
    }

    /// Waits until nothing is wrong with any check.
    pub(super) async fn is_well(&self) {
        is_well(&self.agent).await;
    }

    /// Waits for a finding that names all of these, in its summary, subject, evidence or remedy.
    pub(super) async fn names(&self, check: &str, code: &str, words: &[&str]) -> Value {
        names(&self.agent, check, code, words).await
    }
}

/// Waits until nothing is wrong with any check.
pub(super) async fn is_well(agent: &Agent) {
    eventually("all is well", async || {
        let checks = agent.api("/checks").await;
        checks["checks"].as_array().unwrap().iter().all(|check| check["state"] == "up")
    })
    .await;
}

/// Waits for a finding that names all of these, in its summary, subject, evidence or remedy. One that
/// was made while something was half changed may come before it.
pub(super) async fn names(agent: &Agent, check: &str, code: &str, words: &[&str]) -> Value {
    let mut seen = Value::Null;
    let what = format!("{check} has {code} that names {words:?}");
    eventually(&what, async || {
        let findings = agent.api("/findings").await;
        let of_check = findings["findings"].as_array().unwrap().iter();
        let of_check: Vec<&Value> = of_check.filter(|found| found["check"] == check).collect();
        let told = |found: &Value| {
            ["summary", "subject", "evidence", "remedy"]
                .map(|part| found[part].to_string())
                .concat()
        };
        let wanted = of_check.iter().find(|found| {
            found["code"] == code && words.iter().all(|word| told(found).contains(word))
        });
        let is_there = wanted.is_some();
        let now = wanted.map_or_else(|| serde_json::json!(of_check), |&found| found.clone());
        if !is_there && now != seen {
            eprintln!("{check}: {now:#}");
        }
        seen = now;
        is_there
    })
    .await;
    seen
}

/// nginx over plain HTTP before something, and the agent that watches it.
pub(super) struct Proxied {
    pub(super) agent: Agent,
    pub(super) nginx: Nginx,
    pub(super) address: SocketAddr,
    _folder: TempDir,
}

impl Proxied {
    /// Starts nginx with these locations for shop.example, and the agent on checks of its address.
    /// All of them are up when this returns.
    pub(super) async fn start(location: &str, plan: impl Fn(SocketAddr) -> String) -> Self {
        Self::start_with("", location, plan).await
    }

    /// The same with more beside the server.
    pub(super) async fn start_with(
        beside: &str,
        location: &str,
        plan: impl Fn(SocketAddr) -> String,
    ) -> Self {
        let folder = tempfile::tempdir().unwrap();
        let address = own_address();
        let servers = format!(
            "{beside}\nserver {{ listen {address}; server_name shop.example; {location} }}"
        );
        let nginx = Nginx::start(folder.path(), &[address], &servers);
        let pace = "[defaults]\ninterval = \"300ms\"\ntimeout = \"2s\"\nfail_after = 1\n";
        let agent = Agent::start(folder.path(), "", &format!("{pace}{}", plan(address))).await;
        is_well(&agent).await;
        Self { agent, nginx, address, _folder: folder }
    }
}

fn servers(secure: SocketAddr, plain: SocketAddr, shop: SocketAddr) -> String {
    format!(
        r#"
upstream shop {{ server {shop}; }}
server {{
  listen {secure} ssl;
  server_name shop.example;
  ssl_certificate fullchain.pem;
  ssl_certificate_key privkey.pem;
  add_header Strict-Transport-Security "max-age=31536000" always;
  location / {{
    proxy_pass http://shop;
    proxy_set_header Host $host;
    proxy_set_header X-Forwarded-Proto $scheme;
    proxy_connect_timeout 1s;
    proxy_read_timeout 1s;
  }}
}}
server {{
  listen {plain};
  server_name shop.example;
  location / {{ return 301 https://shop.example$request_uri; }}
}}"#
    )
}

fn plan(shop: &Shop, database: &Postgres) -> String {
    format!(
        r#"
[defaults]
interval = "400ms"
timeout = "3s"
fail_after = 1
ca = "roots.pem"

[[host]]
name = "app"
address = "{app}"
local = true
undeclared = "ignore"

  [[host.port]]
  port = {app_port}
  service = "gunicorn"

[[host]]
name = "db"
address = "{db}"
local = true
undeclared = "ignore"

  [[host.port]]
  port = {db_port}
  service = "PostgreSQL"

[[http]]
name = "page"
url = "https://shop.example/"
connect = "SECURE"
upstream = "SHOP"
expect.body = "Welcome to the shop"
expect.headers = {{ strict-transport-security = "max-age=\\d{{6,}}" }}

[[http]]
name = "orders"
url = "https://shop.example/api/orders"
connect = "SECURE"
upstream = ["SHOP", "DATABASE"]

[[http]]
name = "health"
url = "https://shop.example/api/health"
connect = "SECURE"
upstream = "SHOP"
expect.json = {{ "/status" = "ok" }}
depends_on = ["db:{db_port}"]

[[http]]
name = "plain"
url = "http://shop.example/basket?size=L"
connect = "PLAIN"
expect.location = "^https://shop\\.example/basket\\?size=L$"
"#,
        app = shop.address.ip(),
        app_port = shop.address.port(),
        db = database.address.ip(),
        db_port = database.address.port(),
    )
}
