//! Django under gunicorn behind nginx, with PostgreSQL behind it.

use super::street::Street;
use crate::support::agent::eventually;

#[tokio::test(flavor = "multi_thread")]
async fn an_application_that_is_dead_hung_or_cutting_is_named_behind_its_proxy() {
    let mut street = Street::start("").await;
    let shop = street.shop.address.to_string();

    street.shop.stop();
    street.names("page", "http.bad-gateway", &[&shop, "refuses connections", "502"]).await;
    // One cause: the port itself is dead, and whatever goes through it is explained by that.
    let claim = format!("app:{}", street.shop.address.port());
    street.agent.finding(&claim, "port.dead").await;
    for check in ["page", "orders", "health"] {
        street.agent.explained(check, "http.bad-gateway", &claim).await;
    }
    // One incident, and the others below it.
    let mut told = Vec::new();
    eventually("what follows from the dead port is told below it", async || {
        let incidents = street.agent.api("/incidents").await;
        let mut incidents = incidents["incidents"].as_array().unwrap().iter();
        let cause = incidents.find(|incident| incident["check"] == claim.as_str());
        let below = cause.and_then(|cause| cause["consequences"].as_array());
        let below = below.into_iter().flatten().filter_map(|one| one["check"].as_str());
        told = below.map(str::to_owned).collect();
        ["page", "orders", "health"].iter().all(|check| told.iter().any(|one| one == check))
    })
    .await;
    street.shop.start_again();
    street.is_well().await;

    street.shop.freeze();
    street.names("page", "http.bad-gateway", &[&shop, "gives no answer", "504"]).await;
    street.shop.thaw();
    street.is_well().await;

    street.shop.crash();
    street.names("page", "http.bad-gateway", &[&shop, "accepts and cuts", "502"]).await;
    street.shop.recover();
    street.is_well().await;
}

#[tokio::test(flavor = "multi_thread")]
async fn a_name_refused_is_told_with_the_name() {
    let mut street = Street::start("").await;
    street.shop.set("SHOP_HOSTS", "www.shop.example");
    street.names("page", "http.host-rejected", &["shop.example", "400"]).await;
    street.shop.set("SHOP_HOSTS", "shop.example");
    street.is_well().await;
}

#[tokio::test(flavor = "multi_thread")]
async fn a_database_that_is_slow_or_gone_is_told_through_the_application() {
    let slow = r#"
[[http]]
name = "orders in time"
url = "https://shop.example/api/orders"
connect = "SECURE"
expect.within = "500ms"
"#;
    let mut street = Street::start(slow).await;
    street.database.execute(
        "ALTER TABLE orders RENAME TO orders_kept; \
         CREATE VIEW orders AS SELECT 1 AS id FROM pg_sleep(0.7)",
    );
    let found = street.names("orders in time", "http.slow", &["processing"]).await;
    assert_eq!(found["evidence"]["slowest_phase"], "processing", "{found}");
    street.database.execute("DROP VIEW orders; ALTER TABLE orders_kept RENAME TO orders");
    street.is_well().await;

    // Sick, and says so itself with 200.
    street.database.stop();
    let found = street.names("health", "http.json", &["degraded", "/status"]).await;
    assert_eq!(found["evidence"]["expected"], "\"ok\"", "{found}");
    let claim = format!("db:{}", street.database.address.port());
    street.agent.explained("health", "http.json", &claim).await;
    street.database.start_again();
    street.is_well().await;
}

#[tokio::test(flavor = "multi_thread")]
async fn a_header_that_vanished_is_told() {
    let street = Street::start("").await;
    let line = "add_header Strict-Transport-Security \"max-age=31536000\" always;";
    street.nginx.rewrite(line, "");
    street.names("page", "http.header", &["strict-transport-security"]).await;
    street.nginx.rewrite(
        "server_name shop.example;\n  ssl",
        &format!("server_name shop.example;\n  {line}\n  ssl"),
    );
    street.is_well().await;
}

#[tokio::test(flavor = "multi_thread")]
async fn a_redirect_that_is_missing_wrong_or_looping_is_told() {
    let followed = r#"
[[http]]
name = "front door"
url = "https://shop.example/"
connect = "SECURE"
expect.body = "Welcome"
"#;
    let mut street = Street::start(followed).await;
    let rule = "return 301 https://shop.example$request_uri;";

    street.nginx.rewrite(rule, "return 200 'hello';");
    street.names("plain", "http.redirect", &["does not redirect"]).await;
    street.nginx.rewrite("return 200 'hello';", "return 301 https://www.shop.example/;");
    street.names("plain", "http.redirect", &["https://www.shop.example/"]).await;
    street.nginx.rewrite("return 301 https://www.shop.example/;", rule);
    street.is_well().await;

    // The application insists on https, and the proxy forgets to say that it was asked over https.
    street.nginx.rewrite("proxy_set_header X-Forwarded-Proto $scheme;", "");
    street.shop.set("SHOP_HTTPS", "1");
    street.names("front door", "http.redirect", &["loops"]).await;
    street.nginx.rewrite(
        "proxy_set_header Host $host;",
        "proxy_set_header Host $host;\n    proxy_set_header X-Forwarded-Proto $scheme;",
    );
    street.shop.clear("SHOP_HTTPS");
    street.is_well().await;
}
