//! A login that is lost: by the application, by its settings, or by the proxy before it.

use super::street::Street;

/// The login by way of nginx and directly, and the same over plain HTTP past nginx.
const LOGIN: &str = r#"
[[journey]]
name = "login"
base = "https://shop.example"
ways = { outer = "SECURE", app = { connect = "SHOP", plain = true } }

  [[journey.step]]
  name = "log in"
  method = "POST"
  path = "/api/session"
  expect.cookie = "sessionid"

  [[journey.step]]
  name = "still known"
  path = "/api/session"
  expect.json = { "/valid" = true }

[[journey]]
name = "plain login"
base = "http://shop.example"
connect = "SHOP"

  [[journey.step]]
  name = "log in"
  method = "POST"
  path = "/api/session"

  [[journey.step]]
  name = "still known"
  path = "/api/session"
  expect.json = { "/valid" = true }
"#;

#[tokio::test(flavor = "multi_thread")]
async fn a_session_that_the_proxy_or_the_application_loses_is_told_with_why() {
    let mut street = Street::start(LOGIN).await;
    let (proxy, shop) = (street.secure.to_string(), street.shop.address.to_string());

    street.nginx.rewrite(
        "proxy_pass http://shop;",
        "proxy_pass http://shop; proxy_hide_header Set-Cookie;",
    );
    street.names("login", "http.session-lost", &[&proxy, "sessionid", "as it should be"]).await;
    street.nginx.rewrite(" proxy_hide_header Set-Cookie;", "");
    street.is_well().await;

    for (setting, value, why) in [
        ("SHOP_COOKIE_DOMAIN", "other.example", "other.example"),
        ("SHOP_COOKIE_PATH", "/shop", "/shop"),
    ] {
        street.shop.set(setting, value);
        for journey in ["login", "plain login"] {
            street.names(journey, "http.session-lost", &["sessionid", why]).await;
        }
        // Without the proxy it is the same: the application itself is at fault.
        street.names("login", "http.session-lost", &[&shop]).await;
        street.shop.clear(setting);
        street.is_well().await;
    }

    street.shop.set("SHOP_COOKIE_SECURE", "1");
    street.names("plain login", "http.session-lost", &["sessionid", "Secure"]).await;
    street.shop.clear("SHOP_COOKIE_SECURE");
    street.is_well().await;

    // Sessions go into a cache that keeps nothing.
    street.shop.set("SHOP_FORGETS", "1");
    street.names("plain login", "http.session-lost", &["sessionid", "still known"]).await;
    street.names("login", "http.session-lost", &[&shop]).await;
    street.shop.clear("SHOP_FORGETS");
    street.is_well().await;
}

#[tokio::test(flavor = "multi_thread")]
async fn a_host_that_the_proxy_does_not_pass_on_is_not_put_down_to_the_application() {
    let checks = r#"
[[http]]
name = "by both"
url = "https://shop.example/"
ways = { outer = "SECURE", app = { connect = "SHOP", plain = true } }

[[http]]
name = "as nginx has it"
url = "https://shop.example/"
connect = "SECURE"
nginx = "nginx.conf"
"#;
    let street = Street::start(checks).await;
    let proxy = street.secure.to_string();
    let line = "proxy_set_header Host $host;";
    street.nginx.rewrite(line, "");
    street.names("by both", "http.host-rejected", &[&proxy, "shop.example"]).await;
    // What it sends instead is read from its files: the name of the upstream.
    street
        .names("as nginx has it", "http.host-rejected", &["shop.example", "proxy_set_header"])
        .await;
    let pass = "proxy_pass http://shop;";
    street.nginx.rewrite(pass, &format!("{pass}\n    {line}"));
    street.is_well().await;
}

#[tokio::test(flavor = "multi_thread")]
async fn limits_and_maintenance_are_the_proxys_own_doing() {
    let checks = r#"
[[http]]
name = "front"
url = "https://shop.example/"
connect = "SECURE"
nginx = "nginx.conf"
expect.body = "Welcome to the shop"
"#;
    let street = Street::start(checks).await;
    let rule = "upstream shop {";
    let zone =
        format!("limit_req_zone $server_name zone=few:1m rate=1r/m; limit_req_status 429;\n{rule}");
    street.nginx.rewrite(rule, &zone);
    street.nginx.rewrite("proxy_pass http://shop;", "limit_req zone=few; proxy_pass http://shop;");
    street.names("front", "http.rate-limited", &["429"]).await;
    street.nginx.rewrite("limit_req zone=few; ", "");
    street.is_well().await;

    // A page that is there, with 200, and is not the page.
    street.nginx.rewrite(
        "proxy_pass http://shop;",
        "default_type text/html; return 200 '<title>Down for maintenance</title><h1>Back soon</h1>';",
    );
    street.names("front", "http.maintenance", &["200", "maintenance"]).await;
    street.nginx.rewrite(
        "default_type text/html; return 200 '<title>Down for maintenance</title><h1>Back soon</h1>';",
        "proxy_pass http://shop;",
    );
    street.is_well().await;
}
