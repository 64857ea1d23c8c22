//! The pages as people see them: in a real Chromium, in both languages, kept current by events,
//! and with hostile text in every place that a target can write to.

#![allow(clippy::unwrap_used, reason = "a test that cannot set up its servers fails")]

mod support;

use std::net::SocketAddr;

use tempfile::TempDir;
use tokio::io::AsyncWriteExt;
use tokio::net::TcpListener;
use tokio::task::JoinHandle;

use support::agent::{Agent, eventually};
use support::browser::Browser;
use support::nameserver::Nameserver;
use support::scene::{Cast, Scene};
use support::secure::SecureServer;

/// What a target says to whoever looks at the page about it.
const HOSTILE: &str = "<script>window.owned=1</script><img src=x onerror=\"window.owned=1\">'\"";

/// An agent with something to show on every page.
struct Stage {
    agent: Agent,
    door: Door,
    folder: TempDir,
    _others: (SecureServer, Nameserver),
}

impl Stage {
    /// Every test has addresses of its own: 127.44.`net`.x.
    async fn start(net: u8) -> Self {
        let net = format!("127.44.{net}");
        let door = Door::open(format!("{net}.2:0").parse().unwrap()).await;
        let hostile = Door::open(format!("{net}.4:0").parse().unwrap()).await;
        let plan = PLAN
            .replace("DOOR", &door.address.to_string())
            .replace("BANNER", &hostile.address.to_string());
        let cast = Cast {
            net: &net,
            open: door.address.port(),
            claim: r#"service = "<img src=x onerror=window.owned=1>""#,
            undeclared: "ignore",
            records: r#"@ TXT "<script>window.owned=1</script>""#,
            plan: &plan,
            states: &[("banner", "down"), ("door", "up"), ("zone", "down")],
        };
        let scene = Scene::start(tempfile::tempdir().unwrap(), cast).await;
        let Scene { agent, secure, nameserver, folder } = scene;
        Self { agent, door, folder, _others: (secure, nameserver) }
    }

    fn url(&self, path: &str) -> String {
        format!("http://{}{path}", self.agent.listen)
    }
}

const PLAN: &str = r#"
  [[dns.record]]
  name = "@"
  type = "TXT"
  values = ["v=spf1 -all"]

[[tcp]]
name = "door"
address = "DOOR"

[[tcp]]
name = "banner"
address = "BANNER"
expect = "^SSH-2"
"#;

#[tokio::test(flavor = "multi_thread")]
async fn every_page_renders_in_english() {
    let scene = Stage::start(1).await;
    let pages = [
        ("/", "What is wrong now"),
        ("/ports", "gone"),
        ("/hosts/here", "Processes and their ports"),
        ("/certificates", "shop.example"),
        ("/dns", "not as planned"),
        ("/incidents", "Open now"),
        ("/checks/door", "History"),
        ("/checks/banner", "tcp.unexpected-reply"),
        ("/checks/shop", "Where the time went"),
        ("/checks/certificate", "A test's own root"),
        ("/checks/zone", "dns.drift"),
        ("/explain", "port.taken"),
        ("/explain/tcp.refused", "tcp.refused"),
    ];
    walk(&scene, "en", &pages).await;
}

#[tokio::test(flavor = "multi_thread")]
async fn every_page_renders_in_korean() {
    let scene = Stage::start(2).await;
    let pages = [
        ("/", "지금 문제가 있는 것"),
        ("/ports", "공개 범위"),
        ("/hosts/here", "프로세스별 포트"),
        ("/certificates", "인증서"),
        ("/dns", "계획과 다름"),
        ("/incidents", "진행 중"),
        ("/checks/door", "기록"),
        ("/checks/banner", "해결 방법"),
        ("/checks/shop", "단계별 소요 시간"),
        ("/checks/certificate", "인증서 체인"),
        ("/checks/zone", "계획과 다름"),
        ("/explain", "진단 코드"),
        ("/explain/tcp.refused", "기본 심각도"),
    ];
    walk(&scene, "ko", &pages).await;
}

/// Looks at pages as a person would, on a desk and on a phone.
async fn walk(scene: &Stage, language: &str, pages: &[(&str, &str)]) {
    let browser = Browser::start(language).await;
    let incident = scene.agent.api("/incidents").await["incidents"][0].clone();
    let incident_page = format!("/incidents/{}", incident["id"].as_str().unwrap());
    let check = incident["check"].as_str().unwrap();
    let certificates = scene.agent.api("/certificates").await;
    let leaf = &certificates["certificates"][0];
    let leaf_page = format!("/certificates/{}", leaf["fingerprint"].as_str().unwrap());
    let serial = leaf["serial"].as_str().unwrap();
    for (width, height) in [(1280, 900), (390, 844)] {
        browser.resize(width, height).await;
        for (path, words) in
            pages.iter().copied().chain([(&*incident_page, check), (&*leaf_page, serial)])
        {
            browser.open(&scene.url(path)).await;
            assert_eq!(browser.run("return document.documentElement.lang").await, language);
            let text = browser.text().await;
            assert!(text.contains(words), "{path} without {words}:\n{text}");
            let console = browser.console().await;
            assert!(console.is_empty(), "{path}: {console:#?}");
            // What is too wide scrolls inside its own box, never the page.
            assert_eq!(browser.run("return innerWidth").await, width);
            let overflow = "return document.documentElement.scrollWidth - innerWidth";
            let overflow = browser.run(overflow).await.as_i64().unwrap();
            assert!(overflow <= 0, "{path} is {overflow} px too wide at {width}");
            let headings = "return document.querySelectorAll('main h1').length";
            assert_eq!(browser.run(headings).await, 1, "{path}: one h1");
            nothing_was_executed(&browser, path).await;
        }
    }
}

#[tokio::test(flavor = "multi_thread")]
async fn hostile_text_is_text() {
    let scene = Stage::start(3).await;
    let browser = Browser::start("en").await;
    let pages = [("/checks/banner", HOSTILE), ("/checks/zone", "<script>window.owned=1</script>")];
    for (path, words) in pages {
        browser.open(&scene.url(path)).await;
        let shown = browser.run("return document.querySelector('main').textContent").await;
        let shown = shown.as_str().unwrap();
        assert!(shown.contains(words), "{path} hides what was said: {shown}");
        nothing_was_executed(&browser, path).await;
    }
    let filters =
        ["/?q=%22%3E%3Cscript%3Ewindow.owned%3D1%3C%2Fscript%3E", "/ports?q=%3Cimg%20src"];
    for path in filters {
        browser.open(&scene.url(path)).await;
        nothing_was_executed(&browser, path).await;
        let console = browser.console().await;
        assert!(console.is_empty(), "{path}: {console:#?}");
    }
}

#[tokio::test(flavor = "multi_thread")]
async fn what_would_get_through_is_stopped_by_the_policy_and_heard() {
    let scene = Stage::start(5).await;
    let browser = Browser::start("en").await;
    browser.open(&scene.url("/")).await;
    assert!(browser.console().await.is_empty());
    browser
        .run(
            "const script = document.createElement('script');\
             script.textContent = 'window.owned = 1';\
             document.querySelector('main').append(script);",
        )
        .await;
    assert_eq!(browser.run("return window.owned === undefined").await, true);
    let console = browser.console().await;
    assert!(console.iter().any(|line| line.contains("Content Security Policy")), "{console:?}");
}

async fn nothing_was_executed(browser: &Browser, path: &str) {
    assert_eq!(browser.run("return window.owned === undefined").await, true, "{path} executed");
    let foreign = "return document.querySelectorAll('main script, main img, main iframe').length";
    assert_eq!(browser.run(foreign).await, 0, "{path} has foreign elements");
}

#[tokio::test(flavor = "multi_thread")]
async fn a_page_follows_what_happens_without_being_reloaded() {
    let mut scene = Stage::start(4).await;
    let browser = Browser::start("en").await;
    browser.open(&scene.url("/?q=door")).await;
    let is_live = "return document.querySelector('#live.on') !== null";
    eventually("the page is live", async || browser.run(is_live).await == true).await;
    browser.run("window.marker = 'not reloaded'").await;
    browser.run("document.querySelector('#q').value = 'typed meanwhile'").await;

    let shows = async |code: &str| {
        let script = format!(
            "return [...document.querySelectorAll('main .code')].some(c => c.textContent === '{code}')"
        );
        browser.run(&script).await == true
    };
    assert!(!shows("tcp.refused").await);
    scene.door.close().await;
    eventually("the page shows the finding", async || shows("tcp.refused").await).await;
    scene.door.reopen().await;
    eventually("the page shows that it is over", async || !shows("tcp.refused").await).await;
    assert_eq!(browser.run("return window.marker").await, "not reloaded");
    let typed = "return document.querySelector('#q').value";
    assert_eq!(browser.run(typed).await, "typed meanwhile");

    // An agent that is gone must not look like one where all is well.
    scene.agent.kill();
    let is_offline = "return document.querySelector('#live.off') !== null";
    eventually("the page is offline", async || browser.run(is_offline).await == true).await;
    let folder = scene.folder.path();
    scene.agent = Agent::start_on(folder, scene.agent.listen).await;
    eventually("the page is live again", async || browser.run(is_live).await == true).await;
    assert_eq!(browser.run("return window.marker").await, "not reloaded");
}

#[tokio::test(flavor = "multi_thread")]
async fn a_filter_keeps_in_the_address_and_a_port_tells_who_held_it() {
    let mut scene = Stage::start(6).await;
    let browser = Browser::start("en").await;
    browser.open(&scene.url("/ports")).await;
    browser.run("window.marker = 'not reloaded'").await;
    let rows = "return document.querySelectorAll('main .c-port a').length";
    assert_eq!(browser.run(rows).await, 2);

    // Typed, and applied without a reload.
    browser
        .run(
            "const q = window.field = document.querySelector('#q');\
             q.focus();\
             q.value = 'gone';\
             q.dispatchEvent(new InputEvent('input', { bubbles: true }));",
        )
        .await;
    eventually("the table is narrowed", async || browser.run(rows).await == 1).await;
    assert_eq!(browser.run("return location.search").await, "?q=gone");
    let is_typed_in = "return document.activeElement === window.field && field.isConnected";
    assert_eq!(browser.run(is_typed_in).await, true, "the field itself stays");
    browser
        .run(
            "const state = document.querySelector('#state');\
             state.value = 'up';\
             state.dispatchEvent(new Event('change', { bubbles: true }));",
        )
        .await;
    eventually("nothing matches", async || browser.run(rows).await == 0).await;
    assert_eq!(browser.run("return location.search").await, "?q=gone&state=up");
    assert_eq!(browser.run("return window.marker").await, "not reloaded");
    let copied = "return document.querySelector('[data-copy-url]').dataset.copyUrl";
    assert_eq!(browser.run(copied).await, "/ports.md?state=up&q=gone");

    // The same by its address alone.
    browser.open(&scene.url("/ports?q=gone")).await;
    assert_eq!(browser.run(rows).await, 1);
    assert_eq!(browser.run("return document.querySelector('#q').value").await, "gone");

    let page = scene.url(&format!("/checks/here%3A{}", scene.door.address.port()));
    browser.open(&page).await;
    let told = "return document.querySelector('.tenures')?.textContent ?? ''";
    let tells = async |words: &str| {
        browser.run(told).await.as_str().is_some_and(|told| told.contains(words))
    };
    let here = format!("pid {}", std::process::id());
    eventually("who holds it is told", async || {
        browser.open(&page).await;
        tells(&here).await
    })
    .await;
    assert!(!tells("nobody").await);
    scene.door.close().await;
    eventually("that nobody holds it any more is told", async || tells("nobody").await).await;
    assert!(tells(&here).await, "and who did");
    let console = browser.console().await;
    assert!(console.is_empty(), "{console:#?}");
}

#[tokio::test(flavor = "multi_thread")]
async fn a_cell_opens_to_the_raw_answer_and_stays_open_while_the_page_is_kept_current() {
    let mut scene = Stage::start(7).await;
    let browser = Browser::start("en").await;
    look_into_a_cell(&browser, &mut scene, "[popover]:popover-open").await;
    // As a browser from before popovers.
    browser.run_first("delete HTMLElement.prototype.popover").await;
    look_into_a_cell(&browser, &mut scene, "[popover].shown").await;

    let until = "new Date(Date.now() + 65000).toISOString()";
    let count = format!(
        "document.querySelector('main').insertAdjacentHTML('beforeend', \
         `<time class=\"countdown\" id=\"left\" datetime=\"${{{until}}}\">?</time>`)"
    );
    browser.run(&count).await;
    let left = "return document.querySelector('#left')?.textContent";
    eventually("it counts down", async || {
        browser.run(left).await.as_str().is_some_and(|left| left.starts_with("1 min "))
    })
    .await;
    let console = browser.console().await;
    assert!(console.is_empty(), "{console:#?}");
}

/// Opens the raw answer of a cell, has the page renewed below it, and closes it.
async fn look_into_a_cell(browser: &Browser, scene: &mut Stage, open: &str) {
    browser.open(&scene.url("/dns/zone")).await;
    let is_live = "return document.querySelector('#live.on') !== null";
    eventually("the page is live", async || browser.run(is_live).await == true).await;
    let sheet = format!("return document.querySelector('{open}')?.textContent ?? ''");
    let is_open =
        async || browser.run(&sheet).await.as_str().is_some_and(|it| it.contains("dig @"));
    assert!(!is_open().await);
    browser
        .run(
            "const cell = document.querySelector('td.bad button.cell'); cell.focus(); cell.click();\
             document.querySelector('main .matrix').id = 'before';",
        )
        .await;
    assert!(is_open().await, "{open}");
    let is_renewed = "return document.querySelector('#before') === null";
    scene.door.close().await;
    eventually("the page is renewed", async || browser.run(is_renewed).await == true).await;
    assert!(is_open().await, "{open}, after the page was renewed");
    let focused = "return document.activeElement.matches('td.bad button.cell')";
    assert_eq!(browser.run(focused).await, true, "the cell keeps the focus");
    browser.run("document.querySelector('.sheet button[popovertargetaction]').click()").await;
    eventually("it is closed", async || !is_open().await).await;
    scene.door.reopen().await;
}

/// Says something hostile to everybody who comes in; may be closed.
struct Door {
    address: SocketAddr,
    accepting: Option<JoinHandle<()>>,
}

impl Door {
    async fn open(address: SocketAddr) -> Self {
        let listener = TcpListener::bind(address).await.unwrap();
        let address = listener.local_addr().unwrap();
        let accepting = tokio::spawn(async move {
            while let Ok((mut connection, _)) = listener.accept().await {
                let _ = connection.write_all(format!("{HOSTILE}\r\n").as_bytes()).await;
            }
        });
        Self { address, accepting: Some(accepting) }
    }

    async fn close(&mut self) {
        let accepting = self.accepting.take().unwrap();
        accepting.abort();
        let _ = accepting.await;
    }

    async fn reopen(&mut self) {
        *self = Self::open(self.address).await;
    }
}
