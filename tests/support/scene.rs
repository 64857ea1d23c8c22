//! What several tests look at, each from its own side: a host with an open and a closed port, a
//! site with its certificate, and the site's zone, whose nameserver also resolves names.

use tempfile::TempDir;

use super::agent::{Agent, free_address};
use super::nameserver::{Nameserver, Zone};
use super::secure::{Authority, SecureServer};

/// All of it, running.
pub struct Scene {
    pub agent: Agent,
    pub secure: SecureServer,
    pub nameserver: Nameserver,
    pub folder: TempDir,
}

/// What a test adds. The addresses `.1` (site), `.2` (host) and `.3` (nameserver) of its network are
/// taken.
pub struct Cast<'a> {
    /// The first three numbers of all addresses.
    pub net: &'a str,
    /// The open port of the host.
    pub open: u16,
    /// What the plan says of that port.
    pub claim: &'a str,
    /// What becomes of listeners that the plan does not know.
    pub undeclared: &'a str,
    /// More lines of the zone.
    pub records: &'a str,
    /// The planned record of the zone, then whatever else is planned.
    pub plan: &'a str,
    /// Checks, and the state that each of them is waited for.
    pub states: &'a [(&'a str, &'a str)],
}

impl Scene {
    /// Starts everything in a folder where the test may have put files of its own.
    pub async fn start(folder: TempDir, cast: Cast<'_>) -> Self {
        let Cast { net, open, claim, undeclared, .. } = cast;
        let authority = Authority::new();
        std::fs::write(folder.path().join("roots.pem"), authority.pem()).unwrap();
        let secure = authority.serve(&format!("{net}.1"), "shop.example", 60).await;
        let records = format!("@ NS ns1\nns1 A 192.0.2.1\n@ A {net}.1\n{}\n", cast.records);
        let zones = [Zone::new("shop.example", 7, &records)];
        let nameserver = Nameserver::start(&format!("{net}.3"), &zones);
        let plan = format!(
            r#"
[defaults]
interval = "300ms"
timeout = "2s"
fail_after = 1
ca = "roots.pem"

[[host]]
name = "here"
address = "{net}.2"
local = true
undeclared = "{undeclared}"

  [[host.port]]
  port = {open}
  {claim}

  [[host.port]]
  port = {closed}
  service = "gone"

[[http]]
name = "shop"
url = "https://shop.example:{site}/"
expect.body = "ok"

[[tls]]
name = "certificate"
address = "shop.example:{site}"

[[dns]]
name = "zone"
zone = "shop.example"
nameservers = ["{nameserver}"]
consistent = false

{more}"#,
            closed = free_address(&format!("{net}.2")).port(),
            site = secure.address.port(),
            nameserver = nameserver.address(),
            more = cast.plan,
        );
        let resolver = format!("resolver = \"{}\"", nameserver.address());
        let agent = Agent::start(folder.path(), &resolver, &plan).await;
        for (check, state) in [("shop", "up"), ("certificate", "up")].iter().chain(cast.states) {
            agent.state(check, state).await;
        }
        Self { agent, secure, nameserver, folder }
    }
}
