//! nginx with TLS in front of the shop, PostgreSQL behind it, and the agent that watches all three.

use std::net::SocketAddr;

use serde_json::Value;
use tempfile::TempDir;

use crate::support::agent::Agent;
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
    pub(super) plain: SocketAddr,
    pub(super) folder: TempDir,
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
        let street = Self { agent, nginx, shop, database, secure, plain, folder };
        street.is_well().await;
        street
    }

    /// Waits until nothing is wrong with any check.
    pub(super) async fn is_well(&self) {
        crate::support::agent::eventually("all is well", async || {
            let checks = self.agent.api("/checks").await;
            checks["checks"].as_array().unwrap().iter().all(|check| check["state"] == "up")
        })
        .await;
    }

    /// Waits for a finding and looks that it names all of these, in its summary, subject or evidence.
    pub(super) async fn names(&self, check: &str, code: &str, words: &[&str]) -> Value {
        let mut found = Value::Null;
        let what = format!("{check} has {code} that names {words:?}");
        crate::support::agent::eventually(&what, async || {
            found = self.agent.finding(check, code).await;
            let told = format!("{} {} {}", found["summary"], found["subject"], found["evidence"]);
            words.iter().all(|word| told.contains(word))
        })
        .await;
        found
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
