//! Journeys through nginx to an application that loses its session in every way there is.

use std::fs;
use std::net::SocketAddr;

use serde_json::Value;
use tempfile::TempDir;

use crate::support::agent::{Agent, eventually};
use crate::support::applications::Program;
use crate::support::loopback::own_address;
use crate::support::nginx::Nginx;

const PASSWORD: &str = "p&ss w0rd+1";

struct Way {
    agent: Agent,
    nginx: Nginx,
    application: Program,
    outer: SocketAddr,
    folder: TempDir,
}

impl Way {
    async fn start(checks: &str) -> Self {
        let folder = tempfile::tempdir().unwrap();
        fs::write(folder.path().join("password.txt"), PASSWORD).unwrap();
        let application = Program::sessions("well");
        let outer = own_address();
        let nginx = Nginx::start(folder.path(), &[outer], &server(outer, application.address));
        let plan = plan(checks, outer, application.address);
        let agent = Agent::start(folder.path(), "", &plan).await;
        let way = Self { agent, nginx, application, outer, folder };
        way.is_well().await;
        way
    }

    async fn is_well(&self) {
        eventually("all is well", async || {
            let checks = self.agent.api("/checks").await;
            checks["checks"].as_array().unwrap().iter().all(|check| check["state"] == "up")
        })
        .await;
    }

    /// These checks, with the addresses of this way.
    fn agent_plan(&self, checks: &str) -> String {
        plan(checks, self.outer, self.application.address)
    }

    /// Waits for a session lost at this step for this reason.
    async fn lost(&self, step: &str, why: &str) -> Value {
        let mut found = Value::Null;
        eventually(&format!("{step}: {why}"), async || {
            found = self.agent.finding("session", "http.session-lost").await;
            found["evidence"]["why"] == why && found["evidence"]["step"] == step
        })
        .await;
        found
    }

    /// Has nginx read another line in the place of `# HERE`.
    fn proxy(&self, line: &str) {
        let path = self.folder.path().join("nginx.conf");
        let text = fs::read_to_string(&path).unwrap();
        let (before, after) = text.split_once("# HERE").unwrap();
        let after = after.split_once('\n').unwrap().1;
        fs::write(&path, format!("{before}# HERE\n    {line}\n{}", after_line(after))).unwrap();
        self.nginx.reload();
    }
}

fn plan(checks: &str, outer: SocketAddr, inner: SocketAddr) -> String {
    let checks = checks.replace("OUTER", &outer.to_string());
    let checks = checks.replace("INNER", &inner.to_string());
    format!("[defaults]\ninterval = \"300ms\"\ntimeout = \"3s\"\nfail_after = 1\n{checks}")
}

/// Without the line that stood there before.
fn after_line(after: &str) -> &str {
    after.split_once('\n').unwrap().1
}

fn server(outer: SocketAddr, inner: SocketAddr) -> String {
    format!(
        "server {{\n  listen {outer};\n  server_name shop.example;\n  location / {{\n    \
         proxy_pass http://{inner};\n    proxy_set_header Host $host;\n    # HERE\n    \n  }}\n}}"
    )
}

const SESSION: &str = r#"
[[journey]]
name = "session"
base = "http://shop.example"
connect = "OUTER"
upstream = "INNER"
values = { password = { value_file = "password.txt" } }

[[journey.step]]
name = "form"
path = "/login"
capture.csrf = { body = 'name="csrf" value="([^"]+)"' }

[[journey.step]]
name = "log in"
method = "POST"
path = "/api/auth/session"
headers = { content-type = "application/x-www-form-urlencoded" }
body = "csrf={csrf}&password={password}"
expect.cookie = "sid"
capture = { token = "/token", id = { json = "/user/id" } }

[[journey.step]]
name = "still known"
path = "/api/auth/session"
expect.json = { "/valid" = true }

[[journey.step]]
name = "orders"
path = "/api/orders/{id}?token={token}"
headers = { authorization = "Bearer {token}" }

[[journey.step]]
name = "home"
path = "/home"
expect.body = "Welcome back"
"#;

#[tokio::test(flavor = "multi_thread")]
async fn a_lost_session_is_told_with_its_reason_and_the_guilty_hop() {
    let mut way = Way::start(SESSION).await;
    for (mode, why, guilty, step) in [
        ("never", "never set", "application", "log in"),
        ("domain", "wrong domain", "application", "log in"),
        ("secure", "Secure over http", "application", "log in"),
        ("none", "SameSite=None without Secure", "application", "log in"),
        ("expired", "expired at once", "application", "log in"),
        ("path", "wrong path", "application", "still known"),
        ("forgets", "forgotten by the application", "application", "still known"),
    ] {
        way.application.change(mode);
        let found = way.lost(step, why).await;
        assert_eq!(found["evidence"]["guilty"].as_str().unwrap_or(""), guilty, "{mode}: {found}");
    }
    way.application.change("well");
    way.is_well().await;

    // Nobody said which cookie matters: another one is sent, and the one that browsers drop is told.
    let silent = way.agent_plan(&SESSION.replace("expect.cookie = \"sid\"", ""));
    way.agent.replan("", &silent);
    way.application.change("domain");
    let found = way.lost("still known", "wrong domain").await;
    assert_eq!(found["evidence"]["cookie"], "sid", "{found}");
    way.agent.replan("", &way.agent_plan(SESSION));
    way.application.change("well");
    way.is_well().await;

    for (line, why, step) in [
        ("proxy_hide_header Set-Cookie;", "dropped by the proxy", "log in"),
        ("proxy_cookie_flags sid secure;", "changed by the proxy", "log in"),
        ("proxy_set_header Cookie '';", "dropped by the proxy on the way in", "still known"),
    ] {
        way.proxy(line);
        let found = way.lost(step, why).await;
        assert_eq!(found["evidence"]["guilty"], "proxy", "{line}: {found}");
    }
    way.proxy("");
    way.is_well().await;
}

/// A login that leads on by itself, beside a form's token that comes along whatever happens.
const ENTERED: &str = r#"
[[journey]]
name = "session"
base = "http://shop.example"
connect = "OUTER"
upstream = "INNER"

[[journey.step]]
name = "enter"
path = "/enter"
expect.cookie = ["sid", "csrf"]

[[journey.step]]
name = "account"
path = "/account"
capture = { user = { body = "user ([0-9]+)" } }

[[journey.step]]
name = "me"
path = "/me?user={user}"
"#;

#[tokio::test(flavor = "multi_thread")]
async fn a_session_lost_behind_a_redirect_is_told_at_its_step() {
    let mut way = Way::start(ENTERED).await;
    way.application.change("path");
    let found = way.lost("enter", "wrong path").await;
    assert_eq!(found["evidence"]["cookie"], "sid", "{found}");
    assert_eq!(found["evidence"]["instead"], "http.status", "{found}");
    assert_eq!(found["evidence"]["guilty"], "application", "{found}");
    // A cookie of the same name that ends elsewhere takes nothing from the one that lives.
    way.application.change("moved");
    way.is_well().await;

    // The answer ends the cookie that the proxy kept from the application.
    way.application.change("well");
    way.proxy("proxy_set_header Cookie '';");
    let found = way.lost("enter", "dropped by the proxy on the way in").await;
    assert_eq!(found["evidence"]["guilty"], "proxy", "{found}");
    way.proxy("proxy_cookie_path / /shop/;");
    let found = way.lost("enter", "changed by the proxy").await;
    assert_eq!(found["evidence"]["how"], "wrong path", "{found}");
    way.proxy("");
    way.is_well().await;

    // Nobody says what the account is like but by what is taken out of it.
    way.agent.replan(
        "",
        &way.agent_plan(
            &ENTERED.replace("/enter", "/login").replace("[\"sid\", \"csrf\"]", "\"seen\""),
        ),
    );
    let found = way.lost("account", "forgotten by the application").await;
    assert_eq!(found["evidence"]["instead"], "http.body", "{found}");
}

#[tokio::test(flavor = "multi_thread")]
async fn steps_are_shown_and_measured_and_no_secret_is() {
    let mut way = Way::start(SESSION).await;
    let names = |check: &Value| -> Vec<(String, bool)> {
        let visits = check["last"]["facts"]["visits"].as_array().unwrap();
        let steps = visits.iter().filter(|visit| visit["role"] == "step");
        steps
            .map(|visit| (visit["name"].as_str().unwrap().to_owned(), visit["failure"].is_string()))
            .collect()
    };
    let check = way.agent.check("session").await;
    let made = |name: &str| (name.to_owned(), false);
    let steps = ["form", "log in", "still known", "orders", "home"].map(made);
    assert_eq!(names(&check), steps);
    let label =
        "check=\"session\",kind=\"journey\",instance=\"http://shop.example\",step=\"orders\"";
    way.agent.metric("portwarden_journey_step_success", label, "1").await;

    way.application.change("never");
    way.lost("log in", "never set").await;
    let check = way.agent.check("session").await;
    let failed: Vec<bool> = names(&check).into_iter().map(|(_, failed)| failed).collect();
    assert_eq!(failed, [false, false, true, true, true], "{check}");
    way.agent.metric("portwarden_journey_step_success", label, "0").await;

    let told = format!("{check} {}", way.agent.api("/findings").await);
    for secret in [PASSWORD, "p%26ss%20w0rd%2B1", "Bearer "] {
        assert!(!told.contains(secret), "{secret}: {told}");
    }
    assert!(told.contains("csrf={csrf}&password={password}"), "{told}");
}

#[tokio::test(flavor = "multi_thread")]
async fn attributes_of_a_cookie_are_expected_of_a_single_check_too() {
    let mut way = Way::start(
        r#"
[[http]]
name = "form"
url = "http://shop.example/login"
connect = "OUTER"
expect.cookie = { name = "seen", http_only = true, path = "/", domain = "" }
"#,
    )
    .await;
    way.proxy("proxy_cookie_flags seen nohttponly;");
    let found = way.agent.finding("form", "http.cookie").await;
    assert_eq!(found["evidence"]["expected"]["HttpOnly"], "yes", "{found}");
    assert_eq!(found["severity"], "warning");
    way.proxy("proxy_hide_header Set-Cookie;");
    way.agent.finding("form", "http.session-lost").await;
    way.proxy("");
    way.is_well().await;
    way.application.stop();
    way.agent.finding("form", "http.status").await;
}
