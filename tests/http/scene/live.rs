//! socket.io on Node.js behind nginx: an upgrade that the proxy loses, and one that the application
//! refuses.

use super::street::{Proxied, is_well, names};
use crate::support::applications::Program;

#[tokio::test(flavor = "multi_thread")]
async fn an_upgrade_is_refused_by_the_proxy_or_by_the_application() {
    let mut live = Program::live("websocket");
    let upgrade = "proxy_set_header Upgrade $http_upgrade;";
    let location = format!(
        "location / {{ proxy_pass http://{}; proxy_http_version 1.1; {upgrade} \
         proxy_set_header Connection \"upgrade\"; proxy_set_header Host $host; }}",
        live.address
    );
    let plan = |proxy| {
        format!(
            r#"
[[websocket]]
name = "live updates"
url = "ws://shop.example/socket.io/?EIO=4&transport=websocket"
connect = "{proxy}"
upstream = "{}"
"#,
            live.address
        )
    };
    let place = Proxied::start(&location, plan).await;
    let (proxy, application) = (place.address.to_string(), live.address.to_string());

    place.nginx.rewrite(upgrade, "");
    let found = names(&place.agent, "live updates", "http.upgrade-refused", &[&proxy]).await;
    let refused_by = found["evidence"]["refused_by"].as_str().unwrap();
    assert!(refused_by.contains(&proxy), "{found}");
    place.nginx.rewrite("proxy_http_version 1.1;", &format!("proxy_http_version 1.1; {upgrade}"));
    is_well(&place.agent).await;

    live.change("polling");
    let found = names(&place.agent, "live updates", "http.upgrade-refused", &[&application]).await;
    let refused_by = found["evidence"]["refused_by"].as_str().unwrap();
    assert!(refused_by.contains(&application), "{found}");
    live.change("websocket");
    is_well(&place.agent).await;

    live.stop();
    names(&place.agent, "live updates", "http.bad-gateway", &[&application, "refuses"]).await;
    live.start_again();
    is_well(&place.agent).await;
}
