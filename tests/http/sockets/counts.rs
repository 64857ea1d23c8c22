//! What nginx counts of itself.

use std::io::Write;
use std::net::{SocketAddr, TcpStream};

use super::PACE;
use crate::support::agent::{Agent, eventually};
use crate::support::loopback::own_address;
use crate::support::nginx::Nginx;

/// So many visitors come at a time.
const WAVE: usize = 32;

#[tokio::test(flavor = "multi_thread")]
async fn what_nginx_counts_is_exported_and_what_it_drops_is_told() {
    let folder = tempfile::tempdir().unwrap();
    let listen = own_address();
    let servers = format!(
        "server {{ listen {listen}; location = /nginx_status {{ stub_status; }}\n\
         location = /page {{ return 200 hello; }} }}"
    );
    let mut nginx = Nginx::start(folder.path(), &[listen], &servers);
    let check = |name: &str, path: &str| {
        format!(
            "[[http]]\nname = \"{name}\"\nurl = \"http://{listen}{path}\"\nstub_status = true\n"
        )
    };
    let plan = [PACE, &check("nginx", "/nginx_status"), &check("page", "/page")].concat();
    let agent = Agent::start(folder.path(), "", &plan).await;
    agent.state("nginx", "up").await;
    agent.metric("nginx_connections_reading", "check=\"nginx\"", "0").await;
    let names =
        ["nginx_connections_accepted", "nginx_connections_active", "nginx_http_requests_total"];
    for name in names {
        assert_eq!(agent.metrics(&format!("{name}{{")).await.len(), 1, "{name}");
    }
    let finding = agent.finding("page", "nginx.unreadable").await;
    assert_eq!(finding["evidence"]["got"], "hello");

    // Half a request each: once nginx has read it, it cannot let go of the connection to take up
    // another. Those that it has not read yet it may close, so there is always one more.
    let mut crowd = Vec::new();
    eventually("nginx has no room left", async || {
        crowd.extend((0..WAVE).filter_map(|_| half_a_request(listen)));
        std::fs::read_to_string(folder.path().join("nginx.log"))
            .is_ok_and(|log| log.matches("worker_connections are not enough").count() > WAVE)
    })
    .await;
    drop(crowd);
    let finding = agent.finding("nginx", "nginx.dropped").await;
    assert!(finding["evidence"]["dropped"].as_u64() > Some(10), "{finding}");
    assert_eq!(finding["severity"], "warning");

    nginx.stop();
    agent.finding("nginx", "tcp.refused").await;
    nginx.start_again();
    agent.healed("nginx", "tcp.refused").await;
}

fn half_a_request(to: SocketAddr) -> Option<TcpStream> {
    let mut stream = TcpStream::connect(to).ok()?;
    stream.write_all(b"GET / HTTP/1.1\r\n").ok()?;
    Some(stream)
}
