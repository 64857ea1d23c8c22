//! Quiet asked for on pages, over the API and from the command line; and who is not let in.

use std::os::unix::fs::PermissionsExt as _;
use std::path::Path;

use reqwest::{Method, Response};
use serde_json::{Value, json};
use tempfile::TempDir;

use crate::support::agent::{Agent, client_that_stays, eventually};
use crate::support::browser::Browser;
use crate::support::command::{portwarden, portwarden_with};
use crate::support::loopback::own_address;

/// An agent that watches a port on which nobody listens.
struct Office {
    agent: Agent,
    client: reqwest::Client,
    folder: TempDir,
}

/// A form's fields.
type Fields<'a> = &'a [(&'a str, &'a str)];

impl Office {
    async fn open() -> Self {
        let folder = tempfile::tempdir().unwrap();
        let door = own_address();
        let plan = format!(
            "[[tcp]]\nname = \"front door\"\naddress = \"{door}\"\ninterval = \"200ms\"\nfail_after = 1\n"
        );
        let agent = Agent::start(folder.path(), "", &plan).await;
        agent.state("front door", "down").await;
        eventually("an incident is open", async || {
            !agent.api("/incidents").await["incidents"].as_array().unwrap().is_empty()
        })
        .await;
        Self { agent, client: client_that_stays(), folder }
    }

    fn token(&self) -> String {
        let file = self.folder.path().join("portwarden.db.token");
        std::fs::read_to_string(file).unwrap().trim().to_owned()
    }

    fn url(&self, path: &str) -> String {
        format!("http://{}{path}", self.agent.listen)
    }

    async fn incident(&self) -> Value {
        self.agent.api("/incidents").await["incidents"][0].clone()
    }

    /// A request to the API with these headers beside.
    async fn ask(
        &self,
        method: Method,
        path: &str,
        headers: &[(&str, &str)],
        body: &Value,
    ) -> Response {
        let mut request = self.client.request(method, self.url(&format!("/api/v1{path}")));
        for (name, value) in headers {
            request = request.header(*name, *value);
        }
        request.body(body.to_string()).send().await.unwrap()
    }

    /// A form as a browser without scripts sends it.
    async fn send(&self, path: &str, cookie: &str, origin: &str, fields: Fields<'_>) -> Response {
        let encode = |text: &str| -> String {
            let plain = |byte: u8| byte.is_ascii_alphanumeric() || b"-_.".contains(&byte);
            let one = |byte: u8| match plain(byte) {
                true => char::from(byte).to_string(),
                false => format!("%{byte:02X}"),
            };
            text.bytes().map(one).collect()
        };
        let pairs = fields.iter().map(|(name, value)| format!("{name}={}", encode(value)));
        let body = pairs.collect::<Vec<_>>().join("&");
        self.client
            .post(self.url(path))
            .header("content-type", "application/x-www-form-urlencoded")
            .header("origin", origin)
            .header("cookie", cookie)
            .body(body)
            .send()
            .await
            .unwrap()
    }

    async fn page(&self, path: &str, cookie: &str) -> String {
        let request = self.client.get(self.url(path)).header("cookie", cookie);
        request.send().await.unwrap().text().await.unwrap()
    }

    fn origin(&self) -> String {
        format!("http://{}", self.agent.listen)
    }

    /// Logs in, and hands back the session's cookie and what its forms carry.
    async fn log_in(&self, name: &str) -> (String, String) {
        let (cookie, seal) = self.login_form().await;
        let token = self.token();
        let fields = [("seal", &*seal), ("next", "/silences"), ("name", name), ("token", &*token)];
        let answer = self.send("/login", &cookie, &self.origin(), &fields).await;
        assert_eq!(answer.status(), 303);
        assert_eq!(answer.headers()["location"], "/silences");
        let session = cookie_of(&answer);
        let page = self.page("/silences", &session).await;
        assert!(page.contains(&format!("Logged in as {name}")), "{page}");
        let csrf = field(&page, "csrf");
        (session, csrf)
    }

    async fn login_form(&self) -> (String, String) {
        let answer = self.client.get(self.url("/login")).send().await.unwrap();
        let cookie = cookie_of(&answer);
        (cookie, field(&answer.text().await.unwrap(), "seal"))
    }
}

/// The first cookie that an answer sets, as it is sent back.
fn cookie_of(answer: &Response) -> String {
    let cookie = answer.headers()["set-cookie"].to_str().unwrap();
    assert!(cookie.contains("HttpOnly") && cookie.contains("SameSite=Strict"), "{cookie}");
    cookie.split(';').next().unwrap().to_owned()
}

/// The value of a hidden field.
fn field(page: &str, name: &str) -> String {
    let (_, rest) = page.split_once(&format!("name=\"{name}\" value=\"")).expect(name);
    rest.split('"').next().unwrap().to_owned()
}

fn silence() -> Value {
    json!({"about": {"check": "front*"}, "for": "2h", "author": "kim", "reason": "release"})
}

#[tokio::test(flavor = "multi_thread")]
async fn a_program_with_the_token_asks_for_quiet_and_it_outlives_the_agent() {
    let mut office = Office::open().await;
    let file = office.folder.path().join("portwarden.db.token");
    assert_eq!(std::fs::metadata(file).unwrap().permissions().mode() & 0o777, 0o600);
    let token = office.token();
    let bearer = format!("Bearer {token}");
    let with: &[(&str, &str)] = &[("authorization", &bearer)];

    let made = office.ask(Method::POST, "/silences", with, &silence()).await;
    assert_eq!(made.status(), 201);
    let place = made.headers()["location"].to_str().unwrap().to_owned();
    let made: Value = serde_json::from_str(&made.text().await.unwrap()).unwrap();
    assert_eq!((&made["state"], &made["open_incidents"]), (&json!("active"), &json!(1)), "{made}");
    assert_eq!(made["about"], json!({"check": ["front*"]}));
    let id = made["id"].as_str().unwrap().to_owned();
    assert_eq!(place, format!("/api/v1/silences/{id}"));
    // Who reads right after writing reads what was written.
    assert_eq!(office.agent.api("/silences").await["silences"][0]["id"], *id);
    assert_eq!(office.agent.metrics("portwarden_silences ").await, ["portwarden_silences 1"]);

    let incident = office.incident().await["id"].as_str().unwrap().to_owned();
    let path = format!("/incidents/{incident}/acknowledgement");
    let said = json!({"author": "lee", "note": "the key is on its way"});
    assert_eq!(office.ask(Method::POST, &path, with, &said).await.status(), 200);
    assert_eq!(office.incident().await["acknowledged"]["author"], "lee");

    office.agent.kill();
    office.agent = Agent::start_on(office.folder.path(), office.agent.listen).await;
    assert_eq!(office.token(), token, "the token is made once");
    let silences = office.agent.api("/silences").await;
    assert_eq!(silences["silences"][0]["id"], *id, "{silences}");
    assert_eq!(office.incident().await["acknowledged"]["note"], "the key is on its way");

    let null = Value::Null;
    assert_eq!(office.ask(Method::DELETE, &path, with, &null).await.status(), 204);
    assert_eq!(office.incident().await["acknowledged"], null);
    let path = format!("/silences/{id}");
    assert_eq!(office.ask(Method::DELETE, &path, with, &null).await.status(), 204);
    assert_eq!(office.agent.api(&path).await["state"], "ended");
    assert_eq!(office.ask(Method::DELETE, &path, with, &null).await.status(), 404);
    let nobody = "/incidents/nothing/acknowledgement";
    assert_eq!(office.ask(Method::POST, nobody, with, &said).await.status(), 404);
}

#[tokio::test(flavor = "multi_thread")]
async fn nobody_else_changes_anything() {
    let office = Office::open().await;
    let bearer = format!("Bearer {}", office.token());
    let right = ("authorization", &*bearer);
    let listen = office.agent.listen.to_string();
    let table: &[(&[(&str, &str)], u16)] = &[
        (&[], 401),
        (&[("authorization", "Bearer ")], 401),
        (&[("authorization", "Basic a2ltOmtpbQ==")], 401),
        (&[("cookie", "portwarden_session=made-up")], 401),
        (&[right, ("origin", "http://evil.example")], 403),
        (&[right, ("origin", "null")], 403),
        (&[right, ("sec-fetch-site", "cross-site")], 403),
        (&[right, ("host", "evil.example")], 403),
        (&[right, ("host", "evil.example:9740"), ("origin", "http://evil.example:9740")], 403),
        (&[right, ("host", &listen)], 201),
    ];
    for (headers, expected) in table {
        let answer = office.ask(Method::POST, "/silences", headers, &silence()).await;
        assert_eq!(answer.status(), *expected, "{headers:?}");
    }
    let large = json!({"reason": "x".repeat(70_000)});
    assert_eq!(office.ask(Method::POST, "/silences", &[right], &large).await.status(), 413);
    let wrong = json!({"about": {}, "for": "1h", "author": "a", "reason": "b"});
    assert_eq!(office.ask(Method::POST, "/silences", &[right], &wrong).await.status(), 422);
    let known = office.agent.api("/silences").await;
    assert_eq!(known["silences"].as_array().unwrap().len(), 1, "{known}");

    // Guessing comes to an end soon, also for the right token from there.
    let guess = [("authorization", "Bearer guess")];
    let mut answers = Vec::new();
    for _ in 0..12 {
        let answer = office.ask(Method::POST, "/silences", &guess, &silence()).await;
        answers.push(answer.status().as_u16());
    }
    assert!(answers.starts_with(&[401]) && answers.ends_with(&[429, 429]), "{answers:?}");
    let late = office.ask(Method::POST, "/silences", &[right], &silence()).await;
    assert_eq!(late.status(), 429);
    assert!(late.headers().contains_key("retry-after"));
    let log = office.agent.log();
    assert!(!log.contains(&office.token()), "the token is in the log");
    for path in ["/", "/login", "/silences", "/api/v1/checks", "/metrics"] {
        assert!(!office.page(path, "").await.contains(&office.token()), "{path}");
    }
}

#[tokio::test(flavor = "multi_thread")]
async fn forms_work_without_scripts_and_only_from_pages_of_this_agent() {
    let office = Office::open().await;
    let (origin, token) = (office.origin(), office.token());
    let (cookie, seal) = office.login_form().await;
    let (other_cookie, _) = office.login_form().await;
    let table: &[(&str, &str, &str, &str, u16)] = &[
        (&cookie, &origin, &seal, "wrong", 401),
        (&cookie, "http://evil.example", &seal, &token, 403),
        ("", &origin, &seal, &token, 403),
        (&other_cookie, &origin, &seal, &token, 403),
        (&cookie, &origin, "", &token, 403),
    ];
    for (cookie, origin, seal, token, expected) in table {
        let fields = [("seal", *seal), ("name", "kim"), ("token", *token)];
        let answer = office.send("/login", cookie, origin, &fields).await;
        assert_eq!(answer.status(), *expected, "{cookie} {origin} {seal}");
    }
    // A link that would lead elsewhere leads home.
    let fields =
        [("seal", &*seal), ("name", "kim"), ("token", &*token), ("next", "//evil.example/")];
    let answer = office.send("/login", &cookie, &origin, &fields).await;
    assert_eq!(
        (answer.status().as_u16(), &answer.headers()["location"]),
        (303, &"/".parse().unwrap())
    );

    let (kim, csrf) = office.log_in("kim").await;
    let (lee, other_csrf) = office.log_in("lee").await;
    let wanted =
        |csrf| [("csrf", csrf), ("check", "front door"), ("for", "1h"), ("reason", "keys")];
    for (cookie, origin, csrf, expected) in [
        (&*kim, &*origin, "", 403),
        (&*kim, &*origin, &*other_csrf, 403),
        (&*kim, "http://evil.example", &*csrf, 403),
        ("", &*origin, &*csrf, 303),
    ] {
        let answer = office.send("/silences", cookie, origin, &wanted(csrf)).await;
        assert_eq!(answer.status(), expected, "{cookie} {origin}");
        let place = answer.headers().get("location");
        assert!(place.is_none_or(|place| place.to_str().unwrap().starts_with("/login?next=")));
    }
    assert_eq!(office.agent.api("/silences").await["silences"], json!([]));

    let answer = office.send("/silences", &kim, &origin, &wanted(&csrf)).await;
    assert_eq!(answer.status(), 303);
    let page = office.page("/silences", &kim).await;
    assert!(page.contains("keys") && page.contains("End now"), "{page}");
    let id = office.agent.api("/silences").await["silences"][0]["id"].clone();
    let path = format!("/silences/{}/end", id.as_str().unwrap());
    assert_eq!(office.send(&path, &lee, &origin, &[("csrf", &other_csrf)]).await.status(), 303);
    let silences = office.agent.api("/silences").await;
    assert_eq!(silences["silences"][0]["state"], "ended", "{silences}");

    let incident = office.incident().await["id"].as_str().unwrap().to_owned();
    let path = format!("/incidents/{incident}/acknowledgement");
    let fields = [("csrf", &*csrf), ("what", "acknowledge"), ("note", "<b>soon</b>")];
    assert_eq!(office.send(&path, &kim, &origin, &fields).await.status(), 303);
    let page = office.page(&format!("/incidents/{incident}"), "").await;
    assert!(page.contains("kim is on it") && page.contains("&#60;b&#62;soon"), "{page}");
    assert!(office.page("/", "").await.contains("kim is on it"));

    // Whoever logs in again is somebody once: the session before is over.
    let (form, seal) = office.login_form().await;
    let fields = [("seal", &*seal), ("name", "lee"), ("token", &*token)];
    let both = format!("{form}; {lee}");
    let answer = office.send("/login", &both, &origin, &fields).await;
    assert_eq!(answer.status(), 303);
    let lee_before = lee;
    let lee = cookie_of(&answer);
    let csrf_now = field(&office.page("/silences", &lee).await, "csrf");
    let late = office.send("/silences", &lee_before, &origin, &wanted(&other_csrf)).await;
    assert!(late.headers()["location"].to_str().unwrap().starts_with("/login"), "{late:?}");
    assert_ne!(csrf_now, other_csrf);

    // What was logged out is out, though the browser may have kept the cookie and the form.
    assert_eq!(office.send("/logout", &kim, &origin, &[("csrf", &csrf)]).await.status(), 303);
    let replayed = office.send("/silences", &kim, &origin, &wanted(&csrf)).await;
    assert!(replayed.headers()["location"].to_str().unwrap().starts_with("/login"), "{replayed:?}");
    let replayed = office.send("/silences", &lee, &origin, &wanted(&csrf)).await;
    assert_eq!(replayed.status(), 403, "a form of one session in another");
}

#[tokio::test(flavor = "multi_thread")]
async fn commands_talk_to_the_agent_that_runs() {
    let office = Office::open().await;
    let folder = office.folder.path();
    let run = |arguments: &[&str]| portwarden(folder, arguments);
    let add = ["silence", "add", "front*", "--for", "30m", "--reason", "moving", "--author", "kim"];
    let made = run(&[&add[..], &["--format", "json"]].concat()).expect(0).json();
    let id = made["id"].as_str().unwrap();
    let listed = run(&["silence"]).expect(0).out;
    for words in [id, "active", "check=front*", "kim", "moving"] {
        assert!(listed.contains(words), "{words} is not in {listed}");
    }
    let listed = run(&["silence", "list", "--format", "json"]).expect(0).json();
    assert_eq!(listed["silences"][0]["id"], id);
    run(&["silence", "end", id]).expect(0);
    assert!(run(&["silence"]).expect(0).out.contains("Nobody asked for quiet."));
    assert!(run(&["silence", "list", "--all"]).expect(0).out.contains("ended"));
    let gone = run(&["silence", "end", id]).expect(2);
    assert!(gone.err.contains("no silence has this id"), "{}", gone.err);
    let nonsense = [&add[..4], &["1h", "--code", "tls.nonsense", "--reason", "x"]].concat();
    assert!(run(&nonsense).expect(2).err.contains("tls.nonsense is no code"));

    let said = run(&["acknowledge", "front door", "--author", "lee", "--note", "mine"]).expect(0);
    assert!(said.out.contains("lee is on it"), "{}", said.out);
    let incident = office.incident().await;
    assert_eq!(incident["acknowledged"]["note"], "mine");
    run(&["acknowledge", incident["id"].as_str().unwrap(), "--withdraw"]).expect(0);
    assert_eq!(office.incident().await["acknowledged"], Value::Null);
    let unknown = run(&["acknowledge", "back door"]).expect(2);
    assert!(unknown.err.contains("front door"), "{}", unknown.err);

    // A proxy that the environment names is not shown the token, and does not stand in the way.
    for variable in ["http_proxy", "all_proxy"] {
        let proxy = (variable, "http://127.0.0.1:9");
        portwarden_with(proxy, folder, &["silence"]).expect(0);
    }

    let elsewhere = tempfile::tempdir().unwrap();
    copy_plan(folder, elsewhere.path());
    let refused = portwarden(elsewhere.path(), &add).expect(2);
    assert!(refused.err.contains("portwarden.db.token"), "{}", refused.err);
    std::fs::write(elsewhere.path().join("portwarden.db.token"), "another-token\n").unwrap();
    let refused = portwarden(elsewhere.path(), &add).expect(2);
    assert!(refused.err.contains("not the agent's token"), "{}", refused.err);
}

fn copy_plan(from: &Path, to: &Path) {
    std::fs::copy(from.join("probes.toml"), to.join("probes.toml")).unwrap();
}

#[tokio::test(flavor = "multi_thread")]
async fn a_person_does_it_in_a_browser_in_english() {
    in_a_browser("en", ["I am on it", "Log out", "is on it", "silenced by", "End now"]).await;
}

#[tokio::test(flavor = "multi_thread")]
async fn a_person_does_it_in_a_browser_in_korean() {
    let words = ["제가 처리하겠습니다", "로그아웃", "님이 처리 중", "알림 중지", "지금 끝내기"];
    in_a_browser("ko", words).await;
}

async fn in_a_browser(language: &str, [on_it, out, marked, silenced, end]: [&str; 5]) {
    let office = Office::open().await;
    let browser = Browser::start(language).await;
    let incident = office.incident().await["id"].as_str().unwrap().to_owned();
    let page = office.url(&format!("/incidents/{incident}"));
    browser.resize(1280, 900).await;
    browser.open(&page).await;
    click(&browser, "main a[href^='/login']").await;
    fill(&browser, "#name", "민수").await;
    fill(&browser, "#token", &office.token()).await;
    click(&browser, "main form button").await;
    assert_eq!(browser.run("return location.pathname").await, format!("/incidents/{incident}"));
    shows(&browser, out).await;
    shows(&browser, on_it).await;
    looks_whole(&browser, &page).await;
    fill(&browser, "#acknowledge-note", "보고 있습니다").await;
    click(&browser, "main form button.primary").await;
    shows(&browser, marked).await;
    shows(&browser, "보고 있습니다").await;

    browser.run("document.querySelector('details.panel').open = true").await;
    fill(&browser, "#silence-reason", "이사").await;
    click(&browser, "details.panel form button").await;
    browser.open(&office.url("/silences")).await;
    shows(&browser, end).await;
    shows(&browser, "이사").await;
    for path in ["/", "/incidents", "/silences", &format!("/incidents/{incident}")] {
        looks_whole(&browser, &office.url(path)).await;
    }
    browser.resize(1280, 900).await;
    browser.open(&office.url("/")).await;
    shows(&browser, silenced_line(language, silenced)).await;
    browser.open(&office.url("/silences")).await;
    click(&browser, ".silences form button").await;
    let silences = office.agent.api("/silences").await;
    assert_eq!(silences["silences"][0]["state"], "ended", "{silences}");
    click(&browser, "form.visitor button").await;
    browser.open(&office.url("/login")).await;
    looks_whole(&browser, &office.url("/login")).await;
    let text = browser.text().await;
    assert!(!text.contains("민수"), "{text}");
}

/// What the overview says of a silence.
fn silenced_line<'a>(language: &str, korean: &'a str) -> &'a str {
    if language == "en" { "1 silence" } else { korean }
}

async fn fill(browser: &Browser, field: &str, words: &str) {
    let script = format!("document.querySelector({field:?}).value = {}", json!(words));
    browser.run(&script).await;
}

/// Clicks, and waits until another page is there.
async fn click(browser: &Browser, what: &str) {
    browser.run("window.before = true").await;
    browser.run(&format!("document.querySelector({what:?}).click()")).await;
    eventually("the next page is there", async || {
        browser.run("return document.readyState === 'complete' && !window.before").await == true
    })
    .await;
}

async fn shows(browser: &Browser, words: &str) {
    let text = browser.text().await;
    assert!(text.contains(words), "without {words}:\n{text}");
}

/// Nothing is cut off on a desk or a phone, and the browser has nothing to complain of.
async fn looks_whole(browser: &Browser, url: &str) {
    for (width, height) in [(390, 844), (1280, 900)] {
        browser.resize(width, height).await;
        browser.open(url).await;
        let overflow = "return document.documentElement.scrollWidth - innerWidth";
        let overflow = browser.run(overflow).await.as_i64().unwrap();
        assert!(overflow <= 0, "{url} is {overflow} px too wide at {width}");
        let console = browser.console().await;
        assert!(console.is_empty(), "{url}: {console:#?}");
        assert_eq!(browser.run("return document.querySelectorAll('main h1').length").await, 1);
    }
}
