//! One check of every kind, sick and healthy, and one receiver.

use tempfile::TempDir;
use tokio::net::TcpListener;

use super::support::agent::{Agent, free_address};
use super::support::nameserver::Nameserver;
use super::support::receiver::Receiver;
use super::support::scene::{self, Cast};
use super::support::secure::SecureServer;

pub(crate) const SECRET: &str = "a secret of this test";

/// One check of every kind, sick and healthy, and one receiver.
pub(crate) struct Scene {
    pub(crate) agent: Agent,
    pub(crate) receiver: Receiver,
    pub(crate) open: TcpListener,
    _undeclared: TcpListener,
    _others: (SecureServer, Nameserver, TempDir),
}

impl Scene {
    /// Every test has addresses of its own: 127.43.`net`.x.
    pub(crate) async fn start(net: u8) -> Self {
        let net = format!("127.43.{net}");
        let folder = tempfile::tempdir().unwrap();
        std::fs::write(folder.path().join("secret"), SECRET).unwrap();
        let open = TcpListener::bind(format!("{net}.2:0")).await.unwrap();
        let undeclared = TcpListener::bind(format!("{net}.2:0")).await.unwrap();
        let receiver = Receiver::start().await;
        let plan = PLAN
            .replace("RECEIVER", &receiver.url())
            .replace("OPEN", &open.local_addr().unwrap().to_string())
            .replace("REFUSED", &free_address(&format!("{net}.4")).to_string());
        let cast = Cast {
            net: &net,
            open: open.local_addr().unwrap().port(),
            claim: "service = \"main\"",
            undeclared: "warn",
            records: "",
            plan: &plan,
            states: &[("refused", "down"), ("plain", "down"), ("zone", "up"), ("on disk", "up")],
        };
        let scene::Scene { agent, secure, nameserver, folder } =
            scene::Scene::start(folder, cast).await;
        agent
            .finding(
                &format!("here:{}", undeclared.local_addr().unwrap().port()),
                "port.undeclared",
            )
            .await;
        let _others = (secure, nameserver, folder);
        Self { agent, receiver, open, _undeclared: undeclared, _others }
    }
}

const PLAN: &str = r#"
  [[dns.record]]
  name = "www"
  type = "A"
  absent = true

[[tcp]]
name = "refused"
address = "REFUSED"

[[http]]
name = "plain"
url = "http://OPEN/"

[[certificate]]
name = "on disk"
path = "roots.pem"

[[receiver]]
name = "ops"
webhook = { url = "RECEIVER", secret_file = "secret" }
"#;
