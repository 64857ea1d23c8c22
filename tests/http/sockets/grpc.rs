//! A gRPC server that is asked for its health, directly and behind nginx.

use super::PACE;
use crate::support::agent::{Agent, eventually};
use crate::support::applications::Program;
use crate::support::certificates::{Authority, DAY, Order};
use crate::support::loopback::own_address;
use crate::support::nginx::Nginx;

#[tokio::test(flavor = "multi_thread")]
async fn it_serves_or_says_why_not() {
    let folder = tempfile::tempdir().unwrap();
    let mut app = Program::orders("serving");
    let authority = Authority::new("grpc");
    std::fs::write(folder.path().join("roots.pem"), authority.pem()).unwrap();
    std::fs::write(folder.path().join("token.txt"), "Bearer wrong-token\n").unwrap();
    let order = Order { names: &["api.example"], valid: (-DAY, 60 * DAY), serial: 9 };
    authority.issue(&order, folder.path());
    let (secure, plain) = (own_address(), own_address());
    let servers = format!(
        "server {{ listen {secure} ssl http2; ssl_certificate fullchain.pem;\n\
         ssl_certificate_key privkey.pem; location / {{ grpc_pass grpc://{}; }} }}\n\
         server {{ listen {plain}; location / {{ return 200 hello; }} }}",
        app.address
    );
    let _nginx = Nginx::start(folder.path(), &[secure, plain], &servers);
    let check = |name: &str, url: &str, keys: &str| {
        format!("[[grpc]]\nname = \"{name}\"\nurl = \"{url}\"\n{keys}\n")
    };
    let direct = format!("http://{}", app.address);
    let proxied =
        format!("connect = \"{secure}\"\nservice = \"shop.v1.Orders\"\nca = \"roots.pem\"");
    let plan = [
        PACE.to_owned(),
        check("direct", &direct, ""),
        check("proxied", "https://api.example", &proxied),
        check("unknown", &direct, "service = \"shop.v1.Nothing\""),
        check("token", &direct, "headers = { authorization = { value_file = \"token.txt\" } }"),
        check("page", &format!("http://{plain}"), ""),
    ]
    .concat();
    let agent = Agent::start(folder.path(), "", &plan).await;
    agent.state("direct", "up").await;
    agent.state("proxied", "up").await;
    let label = "check=\"proxied\",kind=\"grpc\",instance=\"https://api.example\",serving_status=\"SERVING\"";
    agent.metric("probe_grpc_healthcheck_response", label, "1").await;
    agent.metric("probe_grpc_ssl", "check=\"proxied\"", "1").await;
    agent.metric("probe_grpc_status_code", "check=\"unknown\"", "5").await;

    let finding = agent.finding("unknown", "grpc.not-serving").await;
    assert_eq!(finding["subject"], format!("{direct} (shop.v1.Nothing)"));
    let finding = agent.finding("token", "grpc.call-failed").await;
    assert_eq!(finding["evidence"]["got"], "grpc-status 16 (UNAUTHENTICATED)");
    assert!(!agent.api("/checks").await.to_string().contains("wrong-token"));
    let finding = agent.finding("page", "grpc.call-failed").await;
    assert!(finding["summary"].to_string().contains("HTTP/1"), "{finding}");

    app.change("not-serving");
    let finding = agent.finding("proxied", "grpc.not-serving").await;
    assert_eq!(finding["evidence"]["got"], "NOT_SERVING");
    assert!(finding["evidence"]["by_hand"].as_str().unwrap().contains("-service=shop.v1.Orders"));
    app.change("absent");
    let finding = agent.finding("direct", "grpc.call-failed").await;
    assert_eq!(finding["evidence"]["got"], "grpc-status 12 (UNIMPLEMENTED)");
    app.stop();
    agent.finding("direct", "tcp.refused").await;
    eventually("nginx reaches nobody", async || {
        let finding = agent.finding("proxied", "grpc.call-failed").await;
        finding["evidence"]["got"] == "HTTP 502"
            && finding["remedy"].to_string().contains("grpc_pass")
    })
    .await;
    app.change("serving");
    agent.state("direct", "up").await;
    agent.state("proxied", "up").await;
}
