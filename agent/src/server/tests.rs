//! The server over a real socket: every route, what it says of itself, and what it does with
//! whatever is typed into an address bar.

use std::net::SocketAddr;
use std::path::Path;
use std::time::Duration;

use health::facts::{CertificateFacts, FileFacts, TlsFacts};
use health::{Code, Facts, Finding, Observation, Phases, Severity, Text};
use jiff::Timestamp;
use reqwest::redirect::Policy;
use serde_json::json;
use tokio::io::{AsyncReadExt, AsyncWriteExt};
use tokio::net::{TcpListener, TcpStream};

use super::*;
use crate::board::Board;
use crate::plan::{self, ThisMachine};

const PLAN: &str = r#"
[defaults]
fail_after = 1

[[host]]
name = "web"
address = "127.0.0.9"

  [[host.port]]
  port = 53
  protocol = "udp"
  service = "names"

  [[host.port]]
  port = 3011
  service = "main app"

  [[host.port]]
  port = "3012-3013"
  claim = "reserved"

[[tcp]]
name = "상점 #1?"
address = "127.0.0.1:22"

[[tcp]]
name = "<b>&amp; 100%"
address = "127.0.0.1:23"
"#;

const TOKEN: &str = "open-sesame-open-sesame";

fn at(seconds: i64) -> Timestamp {
    Timestamp::from_second(1_767_225_600 + seconds).unwrap()
}

fn snapshot() -> Snapshot {
    let plan = plan::parse(PLAN, Path::new("probes.toml"), Path::new("/"), &ThisMachine)
        .unwrap_or_else(|mistakes| panic!("{mistakes}"));
    let mut board = Board::default();
    for (key, check) in board.reconcile(&plan, at(0)).added {
        let findings = match &*check.frame.name {
            "web:3011" => vec![
                Finding::new(
                    Code::PortDead,
                    "127.0.0.9:3011",
                    Text { en: "nobody answers".into(), ko: "응답이 없습니다".into() },
                    Text { en: "start it".into(), ko: "시작하세요".into() },
                )
                .severity(Severity::Critical),
            ],
            _ => Vec::new(),
        };
        let is_shop = &*check.frame.name == "상점 #1?";
        let facts = if is_shop { certificate() } else { Facts::default() };
        let observation = Observation {
            at: at(1),
            duration: Duration::from_millis(2),
            phases: Phases::default(),
            facts,
            findings,
        };
        board.record(key, observation, Some(at(30)), at(1));
    }
    Snapshot {
        agent: plan.agent.name.clone(),
        at: at(2),
        started_at: at(0),
        plan: health::snapshot::PlanStanding {
            path: "probes.toml".into(),
            loaded_at: at(0),
            refused: None,
        },
        checks: board.standings(),
        hosts: plan.hosts.clone(),
        ephemeral: None,
        swept: Vec::new(),
        listen: None,
        incidents: Vec::new(),
        receivers: Vec::new(),
        silences: Vec::new(),
        maintenance: Vec::new(),
        troubles: Vec::new(),
    }
}

/// One certificate, served and in a file, whose name a spreadsheet would compute.
fn certificate() -> Facts {
    let leaf = CertificateFacts {
        fingerprint: "0a1b".to_owned(),
        serial: "04:9f".to_owned(),
        subject: "CN==1+1".to_owned(),
        issuer: "CN=R11,O=A CA".to_owned(),
        names: vec!["=1+1".to_owned(), "shop.example".to_owned()],
        not_before: at(0),
        not_after: at(90 * 86_400),
        ..CertificateFacts::default()
    };
    let chain = Arc::new(vec![leaf]);
    let file = FileFacts {
        path: "/live/a, b.pem".to_owned(),
        chain: chain.clone(),
        ..FileFacts::default()
    };
    let tls = TlsFacts { server_name: "shop.example".to_owned(), chain, ..TlsFacts::default() };
    Facts {
        address: Some("127.0.0.1:22".parse().unwrap()),
        tls: Some(Box::new(tls)),
        files: vec![file],
        ..Facts::default()
    }
}

/// A server of its own, with an empty store.
struct Site {
    address: SocketAddr,
    stop: CancellationToken,
    turned: watch::Sender<std::time::Instant>,
    snapshot: watch::Sender<Arc<Snapshot>>,
    server: tokio::task::JoinHandle<()>,
    inbox: mpsc::UnboundedReceiver<Message>,
    client: reqwest::Client,
    _folder: tempfile::TempDir,
}

async fn site() -> Site {
    let folder = tempfile::tempdir().unwrap();
    let (store, _) = Store::open(&folder.path().join("p.db"), clock::now()).unwrap();
    let (sender, snapshot) = watch::channel(Arc::new(snapshot()));
    let (turned, turns) = watch::channel(clock::monotonic());
    let stop = CancellationToken::new();
    let (told, inbox) = mpsc::unbounded_channel();
    let served = Served {
        metrics: Arc::new(Metrics::new(snapshot.clone())),
        snapshot,
        store,
        turned: turns,
        heartbeats: Arc::default(),
        inbox: told,
        access: Access::new(Some(&alerts::Hidden::new(TOKEN)), "http://watch.example", 9740),
        stop: stop.clone(),
    };
    let listener = TcpListener::bind("127.0.0.1:0").await.unwrap();
    let address = listener.local_addr().unwrap();
    let server = tokio::spawn(serve(listener, Arc::new(served)));
    let settings = crate::tls::client_settings().unwrap();
    let client = reqwest::Client::builder()
        .tls_backend_preconfigured(settings)
        .redirect(Policy::none())
        .no_proxy()
        .build()
        .unwrap();
    Site { address, stop, turned, snapshot: sender, server, inbox, client, _folder: folder }
}

impl Site {
    async fn ask(&self, path: &str, headers: &[(&str, &str)]) -> reqwest::Response {
        let mut request = self.client.get(format!("http://{}{path}", self.address));
        for (name, value) in headers {
            request = request.header(*name, *value);
        }
        request.send().await.unwrap()
    }

    async fn text(&self, path: &str) -> (u16, String) {
        let answer = self.ask(path, &[]).await;
        (answer.status().as_u16(), answer.text().await.unwrap())
    }

    async fn json(&self, path: &str) -> serde_json::Value {
        let answer = self.ask(path, &[]).await;
        assert_eq!(answer.headers()["content-type"], "application/json", "{path}");
        serde_json::from_slice(&answer.bytes().await.unwrap()).unwrap()
    }
}

#[tokio::test]
async fn every_page_answers_with_the_headers_that_keep_it_safe() {
    let site = site().await;
    for (path, code, kind) in [
        ("/", 200, "text/html; charset=utf-8"),
        ("/ports", 200, "text/html; charset=utf-8"),
        ("/ports.md", 200, "text/markdown; charset=utf-8"),
        ("/ports.csv", 200, "text/csv; charset=utf-8"),
        ("/hosts/web", 200, "text/html; charset=utf-8"),
        ("/hosts/none", 404, "text/html; charset=utf-8"),
        ("/certificates", 200, "text/html; charset=utf-8"),
        ("/certificates.csv", 200, "text/csv; charset=utf-8"),
        ("/certificates/0A:1B", 200, "text/html; charset=utf-8"),
        ("/certificates/none", 404, "text/html; charset=utf-8"),
        ("/dns", 200, "text/html; charset=utf-8"),
        ("/incidents", 200, "text/html; charset=utf-8"),
        ("/incidents/none", 404, "text/html; charset=utf-8"),
        ("/explain", 200, "text/html; charset=utf-8"),
        ("/explain/port.dead", 200, "text/html; charset=utf-8"),
        ("/explain/no.such", 404, "text/html; charset=utf-8"),
        ("/checks/web%3A3011", 200, "text/html; charset=utf-8"),
        ("/checks/none", 404, "text/html; charset=utf-8"),
        ("/checks/%FF", 400, "text/plain; charset=utf-8"),
        ("/nowhere", 404, "text/html; charset=utf-8"),
        ("/assets/none.css", 404, "text/plain; charset=utf-8"),
        ("/metrics", 200, "text/plain; version=0.0.4; charset=utf-8"),
        ("/healthz", 200, "text/plain; charset=utf-8"),
        ("/readyz", 200, "text/plain; charset=utf-8"),
        ("/api/v1/findings", 200, "application/json"),
        ("/api/v1/checks", 200, "application/json"),
        ("/api/v1/checks/none", 404, "application/json"),
        ("/api/v1/ports", 200, "application/json"),
        ("/api/v1/ports/web/3011/changes", 200, "application/json"),
        ("/api/v1/ports/web/53/changes?protocol=udp", 200, "application/json"),
        ("/api/v1/ports/web/53/changes", 404, "application/json"),
        ("/api/v1/ports/web/0/changes", 404, "application/json"),
        ("/api/v1/ports/none/3011/changes", 404, "application/json"),
        ("/api/v1/certificates", 200, "application/json"),
        ("/api/v1/certificates/0a1b", 200, "application/json"),
        ("/api/v1/certificates/none", 404, "application/json"),
        ("/api/v1/dns", 200, "application/json"),
        ("/api/v1/incidents", 200, "application/json"),
        ("/api/v1/incidents/none", 404, "application/json"),
        ("/api/v1/nothing", 404, "application/json"),
    ] {
        let answer = site.ask(path, &[]).await;
        assert_eq!(answer.status().as_u16(), code, "{path}");
        let headers = answer.headers();
        assert_eq!(headers["content-type"], kind, "{path}");
        assert_eq!(headers["content-security-policy"], dashboard::CONTENT_SECURITY_POLICY);
        assert_eq!(headers["x-content-type-options"], "nosniff", "{path}");
        assert_eq!(headers["x-frame-options"], "DENY", "{path}");
        assert_eq!(headers["cache-control"], "no-store", "{path}");
    }
}

#[tokio::test]
async fn names_of_any_kind_lead_to_their_check() {
    let site = site().await;
    for (path, name) in [
        ("web%3A53%2Fudp", "web:53/udp"),
        ("web:53/udp", "web:53/udp"),
        ("%EC%83%81%EC%A0%90%20%231%3F", "상점 #1?"),
        ("%3Cb%3E%26amp%3B%20100%25", "<b>&amp; 100%"),
    ] {
        let (code, page) = site.text(&format!("/checks/{path}")).await;
        assert_eq!(code, 200, "{path}");
        assert!(!page.contains("<b>&amp;"), "markup from a name");
        let answer = site.json(&format!("/api/v1/checks/{path}")).await;
        assert_eq!(answer["check"]["name"], name);
        assert!(answer["history"]["samples"].is_array(), "{answer}");
    }
}

#[tokio::test]
async fn the_language_is_that_of_the_link_then_the_cookie_then_the_browser() {
    let site = site().await;
    let (english, korean) = ("<html lang=\"en\"", "<html lang=\"ko\"");
    for (path, cookie, browser, expected) in [
        ("/", "", "", english),
        ("/", "", "ko-KR,ko;q=0.9,en;q=0.5", korean),
        ("/", "", "de,en;q=0.5,ko;q=0.2", english),
        ("/", "portwarden_language=ko", "en", korean),
        ("/", "other=1; portwarden_language=en", "ko", english),
        ("/", "portwarden_language=xx", "ko", korean),
        ("/?lang=ko", "portwarden_language=en", "en", korean),
        ("/?q=a&lang=en", "portwarden_language=ko", "ko", english),
        ("/?lang=xx", "", "ko", korean),
    ] {
        let answer = site.ask(path, &[("cookie", cookie), ("accept-language", browser)]).await;
        let is_chosen = path.contains("lang=en") || path.contains("lang=ko");
        let headers = answer.headers().clone();
        assert_eq!(headers.contains_key("set-cookie"), is_chosen, "{path}");
        if is_chosen {
            let language = path.rsplit('=').next().unwrap();
            let cookie = headers["set-cookie"].to_str().unwrap();
            assert!(cookie.starts_with(&format!("portwarden_language={language}; ")), "{cookie}");
        }
        assert!(headers["vary"].to_str().unwrap().contains("accept-language"), "{path}");
        let page = answer.text().await.unwrap();
        assert!(page.contains(expected), "{path} {cookie:?} {browser:?}");
    }
}

#[tokio::test]
async fn a_query_that_cannot_be_read_narrows_nothing() {
    let site = site().await;
    for path in [
        "/?q=a&q=b",
        "/ports?host=web&host=web",
        "/ports?page=-1",
        "/ports?page=99999999999999999999",
        "/?page=x&kind=nothing&state=%FF",
        "/ports.csv?q=a&q=b",
        "/certificates?q=a&q=b&page=x",
        "/certificates.csv?state=nothing&order=%FF",
        "/api/v1/certificates?lang=xx&order=backwards",
        "/api/v1/findings?lang=xx",
        "/api/v1/checks?lang=en&lang=ko",
    ] {
        assert_eq!(site.text(path).await.0, 200, "{path}");
    }
}

#[tokio::test]
async fn downloads_hold_what_the_table_shows() {
    let site = site().await;
    let everything = site.text("/ports.csv").await.1;
    assert_eq!(everything.lines().count(), 5, "{everything}");
    for (query, rows) in [
        ("?host=web", 4),
        ("?host=other", 0),
        ("?claim=reserved", 2),
        ("?state=down", 1),
        ("?state=sick", 1),
        ("?q=names", 1),
        ("?q=MAIN%20app&claim=allocated&page=7", 1),
        ("?claim=undeclared", 0),
        ("?claim=anything", 4),
    ] {
        let csv = site.text(&format!("/ports.csv{query}")).await.1;
        assert_eq!(csv.lines().count(), rows + 1, "{query}: {csv}");
    }
    let markdown = site.text("/ports.md?claim=reserved").await.1;
    assert!(markdown.contains("3012") && !markdown.contains("3011"), "{markdown}");
}

#[tokio::test]
async fn a_certificate_is_told_once_with_its_places() {
    let site = site().await;
    let list = site.json("/api/v1/certificates").await;
    let all = list["certificates"].as_array().unwrap();
    assert_eq!(all.len(), 1);
    assert_eq!((&all[0]["position"], &all[0]["serial"]), (&json!(0), &json!("04:9f")));
    let due = at(60 * 86_400).to_string();
    assert_eq!(all[0]["renewal"]["due"], due);
    assert_eq!(all[0]["renewal"]["source"], "lifetime");
    let places = all[0]["places"].as_array().unwrap();
    assert_eq!(
        (&places[0]["stored"], &places[0]["place"]),
        (&json!("served"), &json!("127.0.0.1:22"))
    );
    assert_eq!(places[0]["served"]["server_name"], "shop.example");
    assert_eq!(
        (&places[1]["stored"], &places[1]["place"]),
        (&json!("file"), &json!("/live/a, b.pem"))
    );
    for (query, count) in
        [("?q=shop", 1), ("?q=none", 0), ("?place=file&lang=ko", 1), ("?issuer=R12", 0)]
    {
        let list = site.json(&format!("/api/v1/certificates{query}")).await;
        assert_eq!(list["certificates"].as_array().unwrap().len(), count, "{query}");
        let csv = site.text(&format!("/certificates.csv{query}")).await.1;
        assert_eq!(csv.lines().count(), count + 1, "{query}: {csv}");
    }
    let csv = site.text("/certificates.csv").await.1;
    let row = csv.lines().nth(1).unwrap();
    assert!(row.starts_with("'=1+1,'=1+1; shop.example,leaf,R11,04:9f,0a1b,"), "{row}");
    assert!(row.contains(",127.0.0.1:22,\"/live/a, b.pem\",상점 #1?,"), "{row}");
    assert_eq!(csv.lines().next().unwrap().split(',').count(), 22);
    let one = site.json("/api/v1/certificates/0A:1b").await;
    assert_eq!(one["certificate"]["names"][1], "shop.example");
}

#[tokio::test]
async fn the_api_speaks_the_language_asked_for() {
    let site = site().await;
    let findings = site.json("/api/v1/findings").await;
    assert_eq!(findings["findings"][0]["summary"], "nobody answers");
    assert_eq!(findings["findings"][0]["confirmed"], true);
    assert_eq!(findings["findings"][0]["explained_by"], serde_json::Value::Null);
    let findings = site.json("/api/v1/findings?lang=ko").await;
    assert_eq!(findings["findings"][0]["summary"], "응답이 없습니다");
}

#[tokio::test]
async fn a_loop_that_hangs_is_not_ready_though_the_process_lives() {
    let site = site().await;
    let past = clock::monotonic().checked_sub(Duration::from_secs(60)).unwrap();
    site.turned.send_replace(past);
    let (code, words) = site.text("/readyz").await;
    assert_eq!(code, 503);
    assert!(words.contains("has not turned for 6"), "{words}");
    assert_eq!(site.text("/healthz").await.0, 200);
}

#[tokio::test]
async fn metrics_are_negotiated_and_packed() {
    let site = site().await;
    let open = site.ask("/metrics", &[("accept", "application/openmetrics-text")]).await;
    let kind = open.headers()["content-type"].to_str().unwrap().to_owned();
    assert!(kind.starts_with("application/openmetrics-text; version=1.0.0"), "{kind}");
    assert!(open.text().await.unwrap().ends_with("# EOF\n"));
    let packed = site.ask("/metrics", &[("accept-encoding", "gzip")]).await;
    assert_eq!(packed.headers()["content-encoding"], "gzip");
}

#[tokio::test]
async fn assets_may_be_kept_for_good() {
    let site = site().await;
    let page = site.text("/").await.1;
    let (_, rest) = page.split_once("/assets/").unwrap();
    let path = rest.split(['"', '\'']).next().unwrap();
    let asset = site.ask(&format!("/assets/{path}"), &[]).await;
    assert_eq!(asset.status().as_u16(), 200, "{path}");
    let kept = asset.headers()["cache-control"].to_str().unwrap();
    assert!(kept.contains("immutable"), "{kept}");
}

#[tokio::test]
async fn other_methods_are_refused() {
    let site = site().await;
    let answer = site.client.post(format!("http://{}/", site.address)).send().await.unwrap();
    assert_eq!(answer.status().as_u16(), 405);
}

#[tokio::test]
async fn what_holds_and_is_not_written_down_is_not_called_undone() {
    let mut site = site().await;
    let silence = json!({
        "about": { "check": "web*" }, "for": "1h", "author": "kim", "reason": "release",
    });
    let asked = site
        .client
        .post(format!("http://{}/api/v1/silences", site.address))
        .bearer_auth(TOKEN)
        .body(silence.to_string())
        .send();
    // The loop has decided, and the store will never write it.
    let refused = async {
        let Some(Message::Silence { written, .. }) = site.inbox.recv().await else {
            panic!("the loop is told of a silence")
        };
        drop(written);
    };
    let (answer, ()) = tokio::join!(asked, refused);
    let answer = answer.unwrap();
    assert_eq!(answer.status().as_u16(), 503);
    let why = answer.text().await.unwrap();
    assert!(why.contains("holds until the agent ends"), "{why}");
}

#[tokio::test]
async fn live_events_follow_the_snapshot_and_end_with_the_server() {
    let site = site().await;
    let mut events = site.ask("/api/v1/events", &[]).await;
    assert_eq!(events.headers()["content-type"], "text/event-stream");
    let first = events.chunk().await.unwrap().unwrap();
    let first = String::from_utf8_lossy(&first).into_owned();
    assert!(first.starts_with("event: snapshot\ndata: {"), "{first}");
    assert!(first.contains("\"critical\":1"), "{first}");
    let well = Snapshot { checks: Vec::new(), ..snapshot() };
    site.snapshot.send_replace(Arc::new(well));
    let second = events.chunk().await.unwrap().unwrap();
    assert!(String::from_utf8_lossy(&second).contains("\"critical\":0"));
    site.stop.cancel();
    assert!(events.chunk().await.unwrap().is_none(), "the stream ends in good order");
    site.server.await.unwrap();
}

#[tokio::test]
async fn the_server_ends_although_visitors_say_nothing() {
    let site = site().await;
    let mut silent = TcpStream::connect(site.address).await.unwrap();
    let mut kept = TcpStream::connect(site.address).await.unwrap();
    kept.write_all(b"GET /healthz HTTP/1.1\r\nhost: a\r\n\r\n").await.unwrap();
    let mut bytes = [0; 12];
    kept.read_exact(&mut bytes).await.unwrap();
    assert_eq!(&bytes, b"HTTP/1.1 200");
    site.stop.cancel();
    site.server.await.unwrap();
    let mut rest = Vec::new();
    silent.read_to_end(&mut rest).await.unwrap();
    assert!(rest.is_empty());
    assert!(TcpStream::connect(site.address).await.is_err(), "nobody listens any more");
}
