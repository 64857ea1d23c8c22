//! The same by two ways in: an edge that ends TLS, a proxy behind it, and an application, each an
//! nginx server; broken one after the other.

use serde_json::Value;

use crate::support::agent::{Agent, eventually};
use crate::support::certificates::{Authority, DAY, Order};
use crate::support::loopback::{on, own_ip};
use crate::support::nginx::Nginx;

/// The three of them, and an agent that asks by each.
struct Street {
    edge: String,
    proxy: String,
    app: String,
    nginx: Nginx,
    agent: Agent,
    authority: Authority,
    folder: tempfile::TempDir,
}

impl Street {
    async fn start() -> Self {
        let folder = tempfile::tempdir().unwrap();
        let place = folder.path();
        let authority = Authority::new("Test Root");
        for server in ["edge", "proxy"] {
            std::fs::create_dir(place.join(server)).unwrap();
        }
        std::fs::write(place.join("root.pem"), authority.pem()).unwrap();
        let (edge, proxy, app) = (on(own_ip()), on(own_ip()), on(own_ip()));
        issue(&authority, 1, &place.join("edge"));
        for file in ["fullchain.pem", "privkey.pem"] {
            std::fs::copy(place.join("edge").join(file), place.join("proxy").join(file)).unwrap();
        }
        let servers = format!(
            r#"
            server {{
                listen {edge} ssl;
                server_name shop.example;
                ssl_certificate edge/fullchain.pem;
                ssl_certificate_key edge/privkey.pem;
                location / {{
                    proxy_pass https://{proxy};
                    proxy_connect_timeout 500ms;
                    proxy_set_header Host $host;
                    # edge
                }}
            }}
            server {{
                listen {proxy} ssl;
                server_name shop.example;
                ssl_certificate proxy/fullchain.pem;
                ssl_certificate_key proxy/privkey.pem;
                location / {{
                    proxy_pass http://{app};
                    proxy_set_header Host $host;
                    proxy_set_header X-Forwarded-Proto https;
                    add_header strict-transport-security "max-age=63072000" always;
                    # proxy
                }}
            }}
            server {{
                listen {app} default_server;
                return 400 'unknown name';
            }}
            server {{
                listen {app};
                server_name shop.example;
                add_header set-cookie "sid=secretvalue; Path=/; Secure; HttpOnly; SameSite=Lax" always;
                add_header x-frame-options DENY always;
                location /login {{ return 302 $http_x_forwarded_proto://$host/welcome; }}
                location = /session {{ return 200 'in'; }}
                location = /me {{
                    if ($http_cookie !~ "sid=secretvalue") {{ return 401; }}
                    return 200 'still in';
                }}
                location / {{
                    # app
                    return 200 'one\ntwo\n';
                }}
            }}"#
        );
        let nginx = Nginx::start(place, &[edge, proxy, app], &servers);
        let ways = format!(
            "ways = {{ outer = \"{edge}\", inner = \"{proxy}\", app = {{ connect = \"{app}\", plain = true }} }}"
        );
        let plan = format!(
            r#"
            [defaults]
            interval = "300ms"
            timeout = "3s"
            fail_after = 2
            ca = "root.pem"

            [[http]]
            name = "shop"
            url = "https://shop.example/"
            {ways}
            same_body = true

            [[http]]
            name = "login"
            url = "https://shop.example/login"
            follow_redirects = false
            {ways}

            [[http]]
            name = "short"
            url = "https://shop.example/"
            connect = "{edge}"
            inner = "{proxy}"

            [[journey]]
            name = "session"
            base = "https://shop.example"
            {ways}

            [[journey.step]]
            name = "log in"
            path = "/session"
            expect.cookie = "sid"

            [[journey.step]]
            name = "still known"
            path = "/me""#
        );
        let agent = Agent::start(place, "", &plan).await;
        let (edge, proxy, app) = (edge.to_string(), proxy.to_string(), app.to_string());
        let street = Self { edge, proxy, app, nginx, agent, authority, folder };
        street.is_well().await;
        street
    }

    async fn is_well(&self) {
        for check in ["shop", "login", "short", "session"] {
            self.agent.state(check, "up").await;
        }
        for code in ["http.differs-by-way", "http.status", "http.bad-gateway"] {
            self.agent.healed("shop", code).await;
        }
    }

    /// Waits for a finding that names this hop, in these words: one probe may fall into a reload.
    async fn names(&self, check: &str, code: &str, hop: &str, words: &[&str]) -> Value {
        let mut found = Value::Null;
        let told = |finding: &Value| format!("{} {}", finding["summary"], finding["evidence"]);
        eventually(&format!("{check} has {code} at {hop}: {words:?}"), async || {
            let findings = self.agent.api("/findings").await;
            let mut findings = findings["findings"].as_array().unwrap().iter();
            let wanted = findings.find(|finding| {
                finding["check"] == check
                    && finding["code"] == code
                    && finding["evidence"]["hop"] == hop
                    && words.iter().all(|word| told(finding).contains(word))
            });
            found = wanted.cloned().unwrap_or_default();
            !found.is_null()
        })
        .await;
        assert!(!told(&found).contains("secretvalue"), "{found}");
        found
    }
}

fn issue(authority: &Authority, serial: u64, folder: &std::path::Path) {
    let order = Order { names: &["shop.example"], serial, valid: (-DAY, 80 * DAY) };
    authority.issue(&order, folder);
}

#[tokio::test(flavor = "multi_thread")]
async fn a_failure_is_put_down_to_the_hop_where_it_begins() {
    let street = Street::start().await;
    let last = street.agent.check("shop").await["last"].clone();
    let visits = last["facts"]["visits"].as_array().unwrap().clone();
    let ways: Vec<_> = visits.iter().map(|visit| visit["way"].as_str().unwrap()).collect();
    assert_eq!(ways, ["outer", "inner", "app"], "{last:#}");
    assert_eq!(visits[2]["address"], *street.app);

    // The edge fails by itself.
    street.nginx.rewrite("# edge", "return 500;# edge");
    let found = street
        .names("shop", "http.status", "outer", &[&street.edge, &street.proxy, "as it should be"])
        .await;
    let command = found["evidence"]["by_hand_well"].as_str().unwrap();
    assert!(command.contains(&format!("shop.example:443:{}", street.proxy)), "{command}");
    street.names("short", "http.status", "outer", &[&street.edge, &street.proxy]).await;
    street.nginx.rewrite("return 500;# edge", "# edge");
    street.is_well().await;

    // The proxy behind it.
    street.nginx.rewrite("# proxy", "return 500;# proxy");
    street.names("shop", "http.status", "inner", &[&street.proxy, &street.app]).await;
    street.names("short", "http.status", "inner", &["asked directly, says the same"]).await;
    street.nginx.rewrite("return 500;# proxy", "# proxy");
    street.is_well().await;

    // The application.
    street.nginx.rewrite("# app", "return 500;# app");
    street.names("shop", "http.status", "app", &[&street.app, "asked directly"]).await;
    street.nginx.rewrite("return 500;# app", "# app");
    street.is_well().await;

    // The proxy looks for it where nobody is: the application is well.
    let lost = format!("proxy_pass http://{};", street.app);
    street.nginx.rewrite(&lost, "proxy_pass http://127.0.0.1:9;");
    street.names("shop", "http.status", "inner", &["502", &street.app, "as it should be"]).await;
    street.nginx.rewrite("proxy_pass http://127.0.0.1:9;", &lost);
    street.is_well().await;

    // The application is gone: named without `upstream`.
    let listen = format!("listen {};", street.app);
    let default = format!("listen {} default_server;", street.app);
    let gone = format!("listen unix:{}/gone.sock;", street.folder.path().display());
    let gone_default = gone.replace(';', " default_server;");
    street.nginx.rewrite(&default, &gone_default);
    street.nginx.rewrite(&listen, &gone);
    let found = street.names("shop", "http.bad-gateway", "app", &["502", &street.app]).await;
    assert_eq!(found["subject"], *street.app, "{found}");
    street.nginx.rewrite(&gone_default, &default);
    street.nginx.rewrite(&gone, &listen);
    street.is_well().await;
}

#[tokio::test(flavor = "multi_thread")]
async fn what_a_hop_changes_is_told() {
    let street = Street::start().await;
    for (hop, from, to, check, words) in [
        ("outer", "# edge", "proxy_hide_header set-cookie;# edge", "shop", "sid is dropped"),
        ("outer", "# edge", "proxy_cookie_flags sid nosecure;# edge", "shop", "loses Secure"),
        ("inner", "# proxy", "proxy_hide_header x-frame-options;# proxy", "shop", "is dropped"),
        ("inner", "# proxy", "add_header x-frame-options DENY always;# proxy", "shop", "2 times"),
        (
            "outer",
            "# edge",
            "proxy_redirect https://shop.example/welcome /lost;# edge",
            "login",
            "/lost",
        ),
        (
            "inner",
            "# proxy",
            "sub_filter_types *; sub_filter two 2;# proxy",
            "shop",
            "from line 2 on",
        ),
    ] {
        street.nginx.rewrite(from, to);
        let found = street.names(check, "http.differs-by-way", hop, &[words]).await;
        assert_eq!(found["severity"], "warning", "{found}");
        street.nginx.rewrite(to, from);
        street.agent.healed(check, "http.differs-by-way").await;
        street.is_well().await;
    }

    // The name gets lost on the way: the application knows it.
    street.nginx.rewrite(
        "proxy_set_header Host $host;\n                    proxy_set_header X",
        "proxy_set_header X",
    );
    street
        .names("shop", "http.host-rejected", "inner", &["does not pass the name shop.example on"])
        .await;
    street.nginx.rewrite(
        "proxy_set_header X-Forwarded-Proto",
        "proxy_set_header Host $host;\n                    proxy_set_header X-Forwarded-Proto",
    );
    street.is_well().await;

    // A renewed certificate that one of them has not read.
    issue(&street.authority, 2, &street.folder.path().join("proxy"));
    street.nginx.reload();
    street.names("shop", "http.differs-by-way", "outer", &["older certificate"]).await;
    for file in ["fullchain.pem", "privkey.pem"] {
        let [from, to] =
            ["proxy", "edge"].map(|server| street.folder.path().join(server).join(file));
        std::fs::copy(from, to).unwrap();
    }
    street.nginx.reload();
    street.agent.healed("shop", "http.differs-by-way").await;
    street.is_well().await;
}

#[tokio::test(flavor = "multi_thread")]
async fn a_session_that_a_hop_loses_is_told_with_the_hop() {
    let street = Street::start().await;
    let visits = street.agent.check("session").await["last"]["facts"]["visits"].clone();
    let steps: Vec<_> = visits
        .as_array()
        .unwrap()
        .iter()
        .map(|visit| (visit["name"].as_str().unwrap(), visit["way"].as_str().unwrap()))
        .collect();
    let expected = ["outer", "inner", "app"].map(|way| [("log in", way), ("still known", way)]);
    assert_eq!(steps, expected.concat(), "{visits:#}");

    street.nginx.rewrite("# proxy", "proxy_hide_header set-cookie;# proxy");
    let words = ["log in", "sid", &*street.app, "as it should be"];
    street.names("session", "http.session-lost", "inner", &words).await;
    street.nginx.rewrite("proxy_hide_header set-cookie;# proxy", "# proxy");
    street.agent.healed("session", "http.session-lost").await;
    street.is_well().await;
}
