//! What is asked and by which road, beside the real thing: proxies, servers that want to know who
//! asks, versions of HTTP, compression, and tokens that are fetched first.

use std::fs;
use std::net::{SocketAddr, TcpStream};
use std::path::{Path, PathBuf};
use std::time::Duration;

use serde_json::Value;

use super::support::agent::{Agent, eventually, write_plan};
use super::support::certificates::{Authority, DAY, Order};
use super::support::command::portwarden;
use super::support::daemon::Daemon;
use super::support::loopback::own_address;
use super::support::nginx::Nginx;

/// Starts a program in a folder of its own and waits until it accepts.
pub(crate) fn start(
    folder: &Path,
    (program, package): (&str, &str),
    arguments: &[&str],
    listens: SocketAddr,
) -> Daemon {
    let mut daemon = Daemon::start(program, package, arguments, folder);
    let wait = Duration::from_millis(500);
    daemon.await_ready(|| TcpStream::connect_timeout(&listens, wait).is_ok());
    daemon
}

fn apart(folder: &Path, name: &str) -> PathBuf {
    let path = folder.join(name);
    fs::create_dir_all(&path).unwrap();
    path
}

fn tinyproxy(folder: &Path, keys: &str) -> (SocketAddr, Daemon) {
    let address = own_address();
    let file = folder.join("tinyproxy.conf");
    let text = format!(
        "Port {}\nListen {}\nTimeout 20\nMaxClients 20\nAllow 127.0.0.0/8\n{keys}\n",
        address.port(),
        address.ip()
    );
    fs::write(&file, text).unwrap();
    let arguments = ["-d", "-c", file.to_str().unwrap()];
    (address, start(folder, ("tinyproxy", "tinyproxy"), &arguments, address))
}

fn microsocks(folder: &Path, login: &[&str]) -> (SocketAddr, Daemon) {
    let address = own_address();
    let (ip, port) = (address.ip().to_string(), address.port().to_string());
    let arguments = [&["-i", &ip, "-p", &port], login].concat();
    (address, start(folder, ("microsocks", "microsocks"), &arguments, address))
}

/// Runs every check of a plan once: name, codes, the first finding, the facts of HTTP.
pub(crate) fn once(folder: &Path, plan: &str) -> Vec<(String, Vec<String>, Value, Value)> {
    write_plan(folder, "", plan);
    let ended = portwarden(folder, &["once", "--format", "json"]);
    assert!(ended.code < 2, "{ended:?}");
    for secret in ["hunter22", "letmein-77"] {
        assert!(!ended.out.contains(secret), "{}", ended.out);
    }
    let told = ended.json();
    let checks = told["checks"].as_array().unwrap().iter().map(|check| {
        let findings = check["findings"].as_array().unwrap();
        let code = |finding: &Value| finding["code"].as_str().unwrap().to_owned();
        (
            check["name"].as_str().unwrap().to_owned(),
            findings.iter().map(code).collect(),
            findings.first().cloned().unwrap_or_default(),
            check["facts"]["http"].clone(),
        )
    });
    checks.collect()
}

fn check(name: &str, url: &str, keys: &str) -> String {
    format!("[[http]]\nname = \"{name}\"\nurl = \"{url}\"\ntimeout = \"8s\"\n{keys}\n\n")
}

fn served(folder: &Path, authority: &Authority) -> (SocketAddr, SocketAddr, Nginx) {
    let order = Order { names: &["shop.example"], serial: 7, valid: (-DAY, 90 * DAY) };
    authority.issue(&order, folder);
    fs::write(folder.join("root.pem"), authority.pem()).unwrap();
    let (plain, secure) = (own_address(), own_address());
    let servers = format!(
        "server {{ listen {plain}; location / {{ return 200 \"well\\n\"; }} }}\n\
         server {{ listen {secure} ssl; server_name shop.example;\n\
           ssl_certificate fullchain.pem; ssl_certificate_key privkey.pem;\n\
           location / {{ return 200 \"well\\n\"; }} }}"
    );
    let nginx = Nginx::start(folder, &[plain, secure], &servers);
    (plain, secure, nginx)
}

#[test]
fn a_proxy_is_used_and_named_where_the_way_ends_there() {
    let folder = tempfile::tempdir().unwrap();
    let folder = folder.path();
    let (plain, secure, _nginx) = served(folder, &Authority::new("Proxies"));
    let (open, _open) = tinyproxy(&apart(folder, "open"), "");
    let login = "BasicAuth monitor hunter22";
    let (locked, _locked) = tinyproxy(&apart(folder, "locked"), login);
    let (socks, _socks) = microsocks(&apart(folder, "socks"), &[]);
    let user = ["-u", "monitor", "-P", "hunter22"];
    let (guarded, _guarded) = microsocks(&apart(folder, "guarded"), &user);
    let (gone, dead) = (own_address(), own_address());
    fs::write(folder.join("word"), "hunter22\n").unwrap();
    fs::write(folder.join("wrong"), "letmein-77\n").unwrap();
    let (http, https) = (format!("http://{plain}/"), "https://shop.example/");
    let tls = format!("ca = \"root.pem\"\nconnect = \"{secure}\"\n");
    let who = |url: String, file: &str| {
        format!("proxy = {{ url = \"{url}\", user = \"monitor\", password_file = \"{file}\" }}")
    };
    let plan = [
        check("plain by http", &http, &format!("proxy = \"http://{open}\"")),
        check("tls by http", https, &format!("{tls}proxy = \"http://{open}\"")),
        check("plain by socks", &http, &format!("proxy = \"socks5://{socks}\"")),
        check("tls by socks", https, &format!("{tls}proxy = \"socks5h://{socks}\"")),
        check("plain, let in", &http, &who(format!("http://{locked}"), "word")),
        check("tls, let in", https, &format!("{tls}{}", who(format!("http://{locked}"), "word"))),
        check("socks, let in", &http, &who(format!("socks5://{guarded}"), "word")),
        check("plain, nobody", &http, &format!("proxy = \"http://{locked}\"")),
        check("tls, nobody", https, &format!("{tls}proxy = \"http://{locked}\"")),
        check("tls, wrong", https, &format!("{tls}{}", who(format!("http://{locked}"), "wrong"))),
        check("socks, nobody", &http, &format!("proxy = \"socks5://{guarded}\"")),
        check("socks, wrong", &http, &who(format!("socks5://{guarded}"), "wrong")),
        check("no proxy there", &http, &format!("proxy = \"http://{gone}\"")),
        check("no proxy but a server", https, &format!("{tls}proxy = \"http://{plain}\"")),
        check("no socks but a server", &http, &format!("proxy = \"socks5://{plain}\"")),
        check(
            "dead behind http",
            &format!("http://{dead}/"),
            &format!("proxy = \"http://{open}\""),
        ),
        check(
            "dead behind connect",
            &format!("https://{dead}/"),
            &format!("proxy = \"http://{open}\""),
        ),
        check(
            "dead behind socks",
            &format!("http://{dead}/"),
            &format!("proxy = \"socks5://{socks}\""),
        ),
    ]
    .concat();
    let named = |address: SocketAddr| address.to_string();
    let expected = [
        ("plain by http", None),
        ("tls by http", None),
        ("plain by socks", None),
        ("tls by socks", None),
        ("plain, let in", None),
        ("tls, let in", None),
        ("socks, let in", None),
        ("plain, nobody", Some(("http.proxy", named(locked), "login"))),
        ("tls, nobody", Some(("http.proxy", named(locked), "login"))),
        ("tls, wrong", Some(("http.proxy", named(locked), "login"))),
        ("socks, nobody", Some(("http.proxy", named(guarded), "login"))),
        ("socks, wrong", Some(("http.proxy", named(guarded), "login"))),
        ("no proxy there", Some(("http.proxy", named(gone), "tcp.refused"))),
        ("no proxy but a server", Some(("http.proxy", named(plain), "other"))),
        ("no socks but a server", Some(("http.proxy", named(plain), "foreign"))),
        ("dead behind http", Some(("http.proxy", named(open), "unreached"))),
        ("dead behind connect", Some(("http.proxy", named(open), "unreached"))),
        ("dead behind socks", Some(("tcp.refused", named(dead), "refused"))),
    ];
    for ((name, codes, first, facts), (wanted, expected)) in
        once(folder, &plan).iter().zip(expected)
    {
        assert_eq!(name, wanted);
        match expected {
            None => {
                assert_eq!(codes, &[""; 0], "{name}: {first}");
                assert_eq!((&facts["status"], &facts["body_bytes"]), (&200.into(), &5.into()));
            }
            Some((code, subject, stage)) => {
                assert_eq!(codes, &[code], "{name}: {first}");
                assert_eq!(first["subject"], *subject, "{name}: {first}");
                assert_eq!(first["evidence"]["stage"], stage, "{name}: {first}");
            }
        }
    }
}

#[test]
fn servers_that_want_to_know_who_asks() {
    let folder = tempfile::tempdir().unwrap();
    let folder = folder.path();
    let authority = Authority::new("Clients");
    authority.issue_client("monitor", (-DAY, 30 * DAY), &apart(folder, "client"));
    Authority::new("Others").issue_client("x", (-DAY, 30 * DAY), &apart(folder, "stranger"));
    let order = Order { names: &["shop.example"], serial: 8, valid: (-DAY, 90 * DAY) };
    authority.issue(&order, folder);
    fs::write(folder.join("root.pem"), authority.pem()).unwrap();
    fs::write(folder.join("users"), "monitor:{PLAIN}hunter22\n").unwrap();
    fs::write(folder.join("word"), "hunter22\n").unwrap();
    fs::write(folder.join("wrong"), "letmein-77\n").unwrap();
    let (polite, strict, basic) = (own_address(), own_address(), own_address());
    let servers = format!(
        "server {{ listen {polite} ssl; ssl_certificate fullchain.pem; ssl_certificate_key privkey.pem;\n\
           ssl_client_certificate root.pem; ssl_verify_client on;\n\
           location / {{ return 200 \"$ssl_client_s_dn\\n\"; }} }}\n\
         server {{ listen {basic}; auth_basic shop; auth_basic_user_file users;\n\
           location / {{ root .; try_files /root.pem =404; }} }}"
    );
    let _nginx = Nginx::start(folder, &[polite, basic], &servers);
    let both = ["fullchain.pem", "privkey.pem"]
        .map(|name| fs::read_to_string(folder.join(name)).unwrap())
        .concat();
    fs::write(folder.join("both.pem"), both).unwrap();
    let place = folder.display();
    let haproxy = format!(
        "defaults\n  mode http\n  timeout connect 5s\n  timeout client 20s\n  timeout server 20s\n\
         frontend shop\n  bind {strict} ssl crt {place}/both.pem ca-file {place}/root.pem verify required\n  \
         http-request return status 200\n"
    );
    fs::write(folder.join("haproxy.cfg"), haproxy).unwrap();
    let file = folder.join("haproxy.cfg");
    let arguments = ["-db", "-f", file.to_str().unwrap()];
    let _haproxy = start(folder, ("haproxy", "haproxy"), &arguments, strict);
    let at = |address: SocketAddr| format!("ca = \"root.pem\"\nconnect = \"{address}\"\n");
    let shown = |who: &str| {
        format!(
            "client_certificate = \"{who}/fullchain.pem\"\nclient_key = \"{who}/privkey.pem\"\n"
        )
    };
    let https = "https://shop.example/";
    let login =
        |file: &str| format!("basic_auth = {{ user = \"monitor\", password_file = \"{file}\" }}");
    let http = format!("http://{basic}/");
    let plan = [
        check("nginx, shown", https, &format!("{}{}", at(polite), shown("client"))),
        check("haproxy, shown", https, &format!("{}{}", at(strict), shown("client"))),
        check("nginx, nothing", https, &at(polite)),
        check("haproxy, nothing", https, &at(strict)),
        check("haproxy, stranger", https, &format!("{}{}", at(strict), shown("stranger"))),
        check("no such file", https, &format!("{}{}", at(strict), shown("nowhere"))),
        check("user", &http, &login("word")),
        check("wrong word", &http, &login("wrong")),
    ]
    .concat();
    let expected = [
        ("nginx, shown", ""),
        ("haproxy, shown", ""),
        ("nginx, nothing", "http.status"),
        ("haproxy, nothing", "tls.handshake"),
        ("haproxy, stranger", "tls.handshake"),
        ("no such file", "cert.unreadable"),
        ("user", ""),
        ("wrong word", "http.status"),
    ];
    let seen = once(folder, &plan);
    for ((name, codes, first, facts), (wanted, code)) in seen.iter().zip(expected) {
        assert_eq!(name, wanted);
        assert_eq!(codes.concat(), code, "{name}: {first}");
        let sent = facts["request"]["headers"].to_string();
        let is_hidden = sent.contains("[\"authorization\",\"(hidden)\"]");
        assert_eq!(is_hidden, ["user", "wrong word"].contains(&wanted), "{facts}");
    }
    let words = |index: usize| seen[index].2.to_string();
    assert!(words(2).contains("client_certificate"), "{}", words(2));
    assert!(words(3).contains("lets nobody in without a client certificate"), "{}", words(3));
    assert!(words(4).contains("refuses our client certificate"), "{}", words(4));
}

#[test]
fn versions_families_and_compression() {
    let folder = tempfile::tempdir().unwrap();
    let folder = folder.path();
    let authority = Authority::new("Versions");
    let order = Order { names: &["shop.example"], serial: 9, valid: (-DAY, 90 * DAY) };
    authority.issue(&order, folder);
    fs::write(folder.join("root.pem"), authority.pem()).unwrap();
    fs::write(folder.join("page.txt"), "well packed ".repeat(1000)).unwrap();
    let (old, new, prior) = (own_address(), own_address(), own_address());
    let server = |listen: String| {
        format!(
            "server {{ listen {listen}; ssl_certificate fullchain.pem; ssl_certificate_key privkey.pem;\n\
               gzip on; gzip_types text/plain; gzip_http_version 1.0; root .; }}\n"
        )
    };
    let servers = server(format!("{old} ssl")) + &server(format!("{new} ssl http2"));
    let _nginx = Nginx::start(folder, &[old, new], &servers);
    let (ip, port) = (prior.ip().to_string(), prior.port().to_string());
    let place = folder.to_str().unwrap();
    let arguments = ["--no-tls", "-a", &ip, "-d", place, &port];
    let nghttpd = ("nghttpd", "nghttp2-server");
    let _prior = start(&apart(folder, "nghttpd"), nghttpd, &arguments, prior);
    let at = |address: SocketAddr| format!("ca = \"root.pem\"\nconnect = \"{address}\"\n");
    let url = "https://shop.example/page.txt";
    let packed = "accept_encoding = [\"br\", \"gzip\"]\nexpect.body = \"^(well packed ){1000}$\"";
    let clear = format!("http://{prior}/page.txt");
    let plan = [
        check("what it prefers", url, &at(new)),
        check("1.1 alone", url, &format!("{}http_version = \"1.1\"", at(new))),
        check("2 alone", url, &format!("{}http_version = \"2\"", at(new))),
        check("packed", url, &format!("{}{packed}", at(new))),
        check("prior knowledge", &clear, "http_version = \"2\""),
        check("no 2 there", url, &format!("{}http_version = \"2\"", at(old))),
        check("1.1 where 2 is spoken", &clear, ""),
        check("IPv6 alone", &clear.replace(&ip, "localhost"), "ip_version = 6"),
        check(
            "own resolver",
            "http://shop.example/",
            "resolver = \"127.53.255.253:9\"\ntimeout = \"2s\"",
        ),
    ]
    .concat();
    let seen = once(folder, &plan.replace("timeout = \"8s\"\nresolver", "resolver"));
    let expected = [
        ("what it prefers", "", "2"),
        ("1.1 alone", "", "1.1"),
        ("2 alone", "", "2"),
        ("packed", "", "2"),
        ("prior knowledge", "", "2"),
        ("no 2 there", "http.protocol tls.handshake", ""),
        ("1.1 where 2 is spoken", "http.protocol", ""),
        ("IPv6 alone", "tcp.refused tcp.unreachable", ""),
        ("own resolver", "resolve.failed", ""),
    ];
    for ((name, codes, first, facts), (wanted, code, version)) in seen.iter().zip(expected) {
        assert_eq!(name, wanted);
        if code.is_empty() {
            assert_eq!(codes, &[""; 0], "{name}: {first}");
            assert_eq!(facts["version"], version, "{name}");
        } else {
            assert_eq!(codes.len(), 1, "{name}: {codes:?} {first}");
            assert!(code.contains(&*codes[0]), "{name}: {first}");
        }
    }
    let (packed, whole) = (&seen[3].3, &seen[2].3);
    assert!(packed["headers"].to_string().contains("[\"content-encoding\",\"gzip\"]"), "{packed}");
    assert!(packed["body_bytes"].as_u64() < whole["body_bytes"].as_u64());
    assert!(packed["excerpt"].as_str().unwrap().starts_with("well packed well packed"));
    assert!(seen[7].2["subject"].as_str().unwrap().contains("[::1]"), "{}", seen[7].2);
}

#[tokio::test]
async fn a_token_is_fetched_kept_and_fetched_again_when_it_is_refused() {
    let folder = tempfile::tempdir().unwrap();
    let folder = folder.path();
    fs::write(folder.join("secret"), "p@ss word\n").unwrap();
    fs::write(folder.join("other"), "letmein-77\n").unwrap();
    let desk = own_address();
    let program = Path::new(env!("CARGO_MANIFEST_DIR")).join("../tests/http/apps/issuer.py");
    let arguments = [program.to_str().unwrap(), &desk.to_string()];
    let _desk = start(folder, ("python3", "python3"), &arguments, desk);
    let oauth2 = |secret: &str| {
        format!(
            "oauth2 = {{ token_url = \"http://{desk}/token\", client_id = \"monitor\", client_secret_file = \"{secret}\" }}\n"
        )
    };
    let url = format!("http://{desk}/orders");
    let often = "[defaults]\ninterval = \"100ms\"\nfail_after = 1\n\n";
    let plan = [
        often,
        &check("orders", &url, &(oauth2("secret") + "expect.json = { \"/welcome\" = true }")),
        &check("refused", &url, &oauth2("other")),
    ]
    .concat();
    let agent = Agent::start(folder, "", &plan).await;
    let finding = agent.finding("refused", "http.token").await;
    assert_eq!(finding["subject"], format!("http://{desk}/token"));
    let told = finding.to_string();
    assert!(told.contains("invalid_client") && !told.contains("letmein-77"), "{told}");
    assert!(told.contains("grant_type=client_credentials"), "{told}");
    let probes = async || {
        let lines =
            agent.metrics("portwarden_probes_total{kind=\"http\",outcome=\"success\"").await;
        lines.first().and_then(|line| line.rsplit(' ').next()?.parse::<u64>().ok()).unwrap_or(0)
    };
    let client = super::support::agent::client();
    let given = async || {
        let told = client.get(format!("http://{desk}/count")).send().await.unwrap();
        let told: Value = serde_json::from_str(&told.text().await.unwrap()).unwrap();
        told["given"].as_u64().unwrap()
    };
    agent.state("orders", "up").await;
    eventually("several probes", async || probes().await > 5).await;
    assert_eq!(given().await, 1);
    client.get(format!("http://{desk}/revoke")).send().await.unwrap();
    eventually("a second token", async || given().await == 2).await;
    let before = probes().await;
    eventually("more probes", async || probes().await > before + 5).await;
    assert_eq!(given().await, 2);
    let check = agent.check("orders").await;
    assert_eq!((check["state"].as_str(), &check["findings"]), (Some("up"), &Value::Array(vec![])));
    assert!(!check.to_string().contains("token-number"), "{check}");
}
