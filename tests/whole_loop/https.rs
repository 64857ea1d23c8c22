//! Web services behind nginx: what is expected of an answer, and who is to blame for a bad one.

use std::net::SocketAddr;
use std::path::Path;
use std::time::Duration;

use axum::Router;
use axum::routing::get;
use serde_json::Value;

use crate::support::agent::Agent;
use crate::support::certificates::{Authority, DAY, Order};
use crate::support::loopback::{on, own_address, own_ip};
use crate::support::nginx::Nginx;
use crate::support::receiver::Receiver;

/// A shop over https, plain http that leads there, and an application that is not running.
struct Shop {
    https: SocketAddr,
    /// The same without HTTP/2.
    https1: SocketAddr,
    plain: SocketAddr,
    app: SocketAddr,
    nginx: Nginx,
}

impl Shop {
    fn open(folder: &Path) -> Self {
        let ip = own_ip();
        let (https, https1, plain, app) = (on(ip), on(ip), on(ip), own_address());
        let authority = Authority::new("Test Root");
        let order = Order { names: &["shop.example"], serial: 1, valid: (-DAY, 80 * DAY) };
        authority.issue(&order, folder);
        std::fs::write(folder.join("root.pem"), authority.pem()).unwrap();
        let servers = format!(
            r#"
            server {{
                listen {https} ssl http2;
                listen {https1} ssl;
                ssl_certificate fullchain.pem;
                ssl_certificate_key privkey.pem;
                add_header strict-transport-security "max-age=63072000" always;
                location = /api/health {{
                    default_type application/json;
                    return 200 '{{"status": "ok", "queue": {{"length": 3}}, "host": "$host"}}';
                }}
                location = /broken {{ return 500 'sorry'; }}
                location /app/ {{ proxy_pass http://{app}; }}
            }}
            server {{
                listen {plain};
                absolute_redirect off;
                location = /loop {{ return 302 /loop; }}
                location / {{ return 301 https://shop.example$request_uri; }}
            }}"#
        );
        let nginx = Nginx::start(folder, &[https, https1, plain], &servers);
        Self { https, https1, plain, app, nginx }
    }
}

const PACE: &str = r#"
    [defaults]
    interval = "300ms"
    timeout = "2s"
    fail_after = 2
    ca = "root.pem"
"#;

#[tokio::test(flavor = "multi_thread")]
async fn every_expectation_is_judged_by_itself() {
    let folder = tempfile::tempdir().unwrap();
    let shop = Shop::open(folder.path());
    let check = |name: &str, path: &str, keys: &str| {
        let https = shop.https;
        format!(
            "[[http]]\nname = \"{name}\"\nurl = \"https://shop.example{path}\"\nconnect = \"{https}\"\n{keys}\n"
        )
    };
    let well = r#"
        expect.status = ["2xx"]
        expect.body = '"status": "ok"'
        expect.json = { "/status" = "ok", "/queue/length" = 3, "/host" = "shop.example" }
        expect.headers = { strict-transport-security = "max-age=\\d+" }
        expect.within = "2s""#;
    let failing = [
        ("status", "/broken", "", "http.status", "500", "down"),
        ("body", "/api/health", "expect.body = \"degraded\"", "http.body", "degraded", "down"),
        (
            "json",
            "/api/health",
            "expect.json = { \"/queue/length\" = 0 }",
            "http.json",
            "0",
            "down",
        ),
        (
            "header",
            "/api/health",
            "expect.headers = { x-cache = \"HIT\" }",
            "http.header",
            "HIT",
            "degraded",
        ),
    ];
    let mut plan = PACE.to_owned() + &check("well", "/api/health", well);
    let https1 = shop.https1;
    plan += &format!(
        "[[http]]\nname = \"well over 1.1\"\nurl = \"https://shop.example/api/health\"\nconnect = \"{https1}\"\n{well}\n"
    );
    for (name, path, keys, ..) in failing {
        plan += &check(name, path, keys);
    }
    let agent = Agent::start(folder.path(), "", &plan).await;
    agent.state("well", "up").await;
    let facts = agent.check("well").await["last"]["facts"].clone();
    assert_eq!(facts["http"]["version"], "2", "{facts}");
    assert_eq!(facts["tls"]["trusted"], true, "{facts}");
    agent.state("well over 1.1", "up").await;
    assert_eq!(agent.check("well over 1.1").await["last"]["facts"]["http"]["version"], "1.1");
    for (name, _, _, code, expected, state) in failing {
        let finding = agent.finding(name, code).await;
        let evidence = finding["evidence"].to_string();
        assert!(evidence.contains(expected), "{name}: {evidence}");
        assert!(!finding["remedy"].as_str().unwrap().is_empty());
        agent.state(name, state).await;
    }
    agent.metric("probe_http_status_code", "check=\"status\"", "500").await;
    agent.metric("probe_failed_due_to_regex", "check=\"body\"", "1").await;
    assert_eq!(agent.check("well").await["state"], "up");
}

#[tokio::test(flavor = "multi_thread")]
async fn a_slow_answer_is_told_with_the_phase_that_took_so_long() {
    let folder = tempfile::tempdir().unwrap();
    let listener = tokio::net::TcpListener::bind((own_ip(), 0)).await.unwrap();
    let address = listener.local_addr().unwrap();
    let answer = || async {
        tokio::time::sleep(Duration::from_millis(400)).await;
        "at last"
    };
    let app = Router::new().route("/", get(answer));
    tokio::spawn(async move { axum::serve(listener, app).await });
    let check = |name: &str, keys: &str| {
        format!("[[http]]\nname = \"{name}\"\nurl = \"http://{address}/\"\n{keys}\n")
    };
    let plan = format!(
        "[defaults]\ninterval = \"500ms\"\ntimeout = \"3s\"\n{}{}{}",
        check("patient", "expect.within = \"3s\""),
        check("hurried", "expect.within = \"100ms\""),
        check("too hurried", "timeout = \"200ms\"")
    );
    let agent = Agent::start(folder.path(), "", &plan).await;
    let slow = agent.finding("hurried", "http.slow").await;
    assert!(slow["summary"].as_str().unwrap().contains("processing"), "{slow}");
    let late = agent.finding("too hurried", "http.timeout").await;
    assert_eq!(late["evidence"]["phase"], "processing", "{late}");
    agent.state("patient", "up").await;
    let phases = agent.metrics("probe_http_duration_seconds").await;
    let processing = |line: &&String| {
        line.contains("check=\"patient\"") && line.contains("phase=\"processing\"")
    };
    let line = phases.iter().find(processing).unwrap();
    let took: f64 = line.rsplit(' ').next().unwrap().parse().unwrap();
    assert!((0.4..3.0).contains(&took), "{line}");
}

#[tokio::test(flavor = "multi_thread")]
async fn redirects_are_followed_or_judged() {
    let folder = tempfile::tempdir().unwrap();
    let shop = Shop::open(folder.path());
    let (plain, https) = (shop.plain, shop.https);
    let ways = format!(
        "connect = {{ \"shop.example:80\" = \"{plain}\", \"shop.example:443\" = \"{https}\" }}"
    );
    let plan = format!(
        r#"{PACE}
        [[http]]
        name = "followed"
        url = "http://shop.example/api/health"
        {ways}
        expect.json = {{ "/status" = "ok" }}

        [[http]]
        name = "leads to https"
        url = "http://shop.example/basket?id=7"
        {ways}
        follow_redirects = false
        expect.status = [301, 308]
        expect.location = '^https://shop\.example/basket\?id=7$'

        [[http]]
        name = "leads elsewhere"
        url = "http://shop.example/"
        {ways}
        follow_redirects = false
        expect.location = "^https://www"

        [[http]]
        name = "in circles"
        url = "http://shop.example/loop"
        {ways}
        "#
    );
    let agent = Agent::start(folder.path(), "", &plan).await;
    agent.state("followed", "up").await;
    agent.state("leads to https", "up").await;
    agent.metric("probe_http_redirects", "check=\"followed\"", "1").await;
    let elsewhere = agent.finding("leads elsewhere", "http.redirect").await;
    assert_eq!(elsewhere["evidence"]["expected"], "^https://www", "{elsewhere}");
    assert_eq!(elsewhere["evidence"]["got"], "https://shop.example/", "{elsewhere}");
    let circles = agent.finding("in circles", "http.redirect").await;
    assert!(circles["summary"].as_str().unwrap().contains("/loop"), "{circles}");
}

#[tokio::test(flavor = "multi_thread")]
async fn a_bad_gateway_is_blamed_on_the_upstream_that_is_dead() {
    let folder = tempfile::tempdir().unwrap();
    let mut shop = Shop::open(folder.path());
    let ops = Receiver::start().await;
    let (https, app) = (shop.https, shop.app);
    let (ip, port) = (app.ip(), app.port());
    let plan = format!(
        r#"{PACE}
        [[host]]
        name = "app"
        address = "{ip}"
        local = true
        undeclared = "ignore"

        [[host.port]]
        port = {port}
        service = "application"
        exposure = "loopback"

        [[http]]
        name = "basket"
        url = "https://shop.example/app/basket"
        connect = "{https}"
        upstream = "app:{port}"
        {}"#,
        ops.in_plan(folder.path())
    );
    let agent = Agent::start(folder.path(), "", &plan).await;
    let claim = format!("app:{port}");
    let opened = ops.expect("incident.opened", &claim).await;
    let finding = agent.finding("basket", "http.bad-gateway").await;
    let subject = finding["subject"].as_str().unwrap();
    assert!(subject.contains(&app.to_string()), "names the upstream: {subject}");
    assert_eq!(finding["evidence"]["status"], 502);
    assert!(finding["summary"].as_str().unwrap().contains("refuses connections"), "{finding}");
    agent.explained("basket", "http.bad-gateway", &claim).await;
    assert!(opened.is_signed());

    // The application starts: a second nginx in its place.
    let place = folder.path().join("app");
    std::fs::create_dir(&place).unwrap();
    let server = format!("server {{ listen {app}; location / {{ return 200 'basket'; }} }}");
    let _app = Nginx::start(&place, &[app], &server);
    let resolved = ops.expect("incident.resolved", &claim).await;
    assert_eq!(resolved.message["id"], opened.message["id"]);
    agent.state("basket", "up").await;
    assert_eq!(ops.taken().len(), 2, "the page is a consequence and is not told of");

    // With the proxy itself gone it is a refused connection, and nobody else's fault.
    shop.nginx.stop();
    let refused = agent.finding("basket", "tcp.refused").await;
    assert_eq!(refused["explained_by"], Value::Null);
}

#[tokio::test(flavor = "multi_thread")]
async fn a_private_root_is_trusted_only_where_the_plan_says_so() {
    let folder = tempfile::tempdir().unwrap();
    let shop = Shop::open(folder.path());
    let https = shop.https;
    let plan = format!(
        r#"
        [defaults]
        interval = "300ms"
        [[http]]
        name = "without"
        url = "https://shop.example/api/health"
        connect = "{https}"
        [[tls]]
        name = "with"
        address = "shop.example:443"
        connect = "{https}"
        ca = "root.pem"
        [[tls]]
        name = "another name"
        address = "{https}"
        server_name = "mail.example"
        ca = "root.pem"
        "#
    );
    let agent = Agent::start(folder.path(), "", &plan).await;
    agent.state("with", "up").await;
    let untrusted = agent.finding("without", "tls.untrusted").await;
    assert!(untrusted["subject"].as_str().unwrap().contains(&https.to_string()), "{untrusted}");
    let wrong = agent.finding("another name", "cert.wrong-name").await;
    assert!(wrong["evidence"].to_string().contains("shop.example"), "{wrong}");
    // The chain is known all the same: its end is exported while it is not trusted.
    let ends = agent.metrics("probe_ssl_earliest_cert_expiry").await;
    assert!(ends.iter().any(|line| line.contains("check=\"without\"")), "{ends:?}");
}
