//! One check of every kind, sick and healthy, and one receiver.

use tempfile::TempDir;
use tokio::net::TcpListener;

use super::support::agent::{Agent, free_address};
use super::support::nameserver::{Nameserver, Zone};
use super::support::receiver::Receiver;
use super::support::secure::{Authority, SecureServer};

pub(crate) const SECRET: &str = "a secret of this test";

/// One check of every kind, sick and healthy, and one receiver.
pub(crate) struct Scene {
    pub(crate) agent: Agent,
    pub(crate) receiver: Receiver,
    pub(crate) open: TcpListener,
    _undeclared: TcpListener,
    _secure: SecureServer,
    _nameserver: Nameserver,
    _folder: TempDir,
}

impl Scene {
    /// Every test has addresses of its own: 127.43.`net`.x.
    pub(crate) async fn start(net: u8) -> Self {
        let ip = |last: u8| format!("127.43.{net}.{last}");
        let folder = tempfile::tempdir().unwrap();
        let authority = Authority::new();
        std::fs::write(folder.path().join("roots.pem"), authority.pem()).unwrap();
        std::fs::write(folder.path().join("secret"), SECRET).unwrap();
        let secure = authority.serve(&ip(1), "shop.example", 60).await;
        let open = TcpListener::bind((ip(2), 0)).await.unwrap();
        let undeclared = TcpListener::bind((ip(2), 0)).await.unwrap();
        let receiver = Receiver::start().await;
        let records = format!("@ NS ns1\nns1 A 192.0.2.1\n@ A {}\n", ip(1));
        let nameserver = Nameserver::start(&ip(3), &[Zone::new("shop.example", 7, &records)]);
        let plan = PLAN
            .replace("RECEIVER", &receiver.url())
            .replace("HERE", &ip(2))
            .replace("OPEN", &open.local_addr().unwrap().port().to_string())
            .replace("CLOSED", &free_address(&ip(2)).port().to_string())
            .replace("REFUSED", &free_address(&ip(4)).to_string())
            .replace("SECURE", &secure.address.port().to_string())
            .replace("NAMESERVER", &nameserver.address().to_string());
        // Names of targets come from the test's own nameserver: all phases are there to be seen.
        let resolver = format!("resolver = \"{}\"", nameserver.address());
        let agent = Agent::start(folder.path(), &resolver, &plan).await;
        for (check, state) in [
            ("refused", "down"),
            ("plain", "down"),
            ("shop", "up"),
            ("certificate", "up"),
            ("zone", "up"),
            ("on disk", "up"),
        ] {
            agent.state(check, state).await;
        }
        agent
            .finding(
                &format!("here:{}", undeclared.local_addr().unwrap().port()),
                "port.undeclared",
            )
            .await;
        Self {
            agent,
            receiver,
            open,
            _undeclared: undeclared,
            _secure: secure,
            _nameserver: nameserver,
            _folder: folder,
        }
    }
}

const PLAN: &str = r#"
[defaults]
interval = "300ms"
timeout = "2s"
fail_after = 1
ca = "roots.pem"

[[host]]
name = "here"
address = "HERE"
local = true
undeclared = "warn"

  [[host.port]]
  port = OPEN
  service = "main"

  [[host.port]]
  port = CLOSED
  service = "gone"

[[tcp]]
name = "refused"
address = "REFUSED"

[[http]]
name = "shop"
url = "https://shop.example:SECURE/"
expect.body = "ok"

[[http]]
name = "plain"
url = "http://HERE:OPEN/"

[[tls]]
name = "certificate"
address = "shop.example:SECURE"

[[certificate]]
name = "on disk"
path = "roots.pem"

[[dns]]
name = "zone"
zone = "shop.example"
nameservers = ["NAMESERVER"]
consistent = false

  [[dns.record]]
  name = "www"
  type = "A"
  absent = true

[[receiver]]
name = "ops"
webhook = { url = "RECEIVER", secret_file = "secret" }
"#;
