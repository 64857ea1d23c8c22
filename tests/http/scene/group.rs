//! Three plain applications behind nginx and behind HAProxy: one of them dead, and two proxies that
//! lead to each other's application.

use super::street::{Proxied, is_well, names};
use crate::support::agent::Agent;
use crate::support::applications::{Program, haproxy};
use crate::support::loopback::own_address;

#[tokio::test(flavor = "multi_thread")]
async fn one_of_three_that_is_dead_is_told_while_visitors_are_still_served() {
    let mut three = ["one", "two", "three"].map(Program::plain);
    let members: String =
        three.iter().map(|program| format!("server {};", program.address)).collect();
    let backends: Vec<String> =
        three.iter().map(|program| format!("\"{}\"", program.address)).collect();
    let servers = format!("upstream three {{ {members} }}");
    let location = "location / { proxy_pass http://three; proxy_connect_timeout 1s; }";
    let haproxy_at = own_address();
    let plan = |proxy| {
        format!(
            r#"
[[http]]
name = "by nginx"
url = "http://shop.example/"
connect = "{proxy}"
nginx = "nginx.conf"

[[http]]
name = "by haproxy"
url = "http://shop.example/"
connect = "{haproxy_at}"
backends = [{}]
"#,
            backends.join(", ")
        )
    };
    let folder = tempfile::tempdir().unwrap();
    let lines: String = three
        .iter()
        .enumerate()
        .map(|(index, program)| format!("  server s{index} {} check inter 200\n", program.address))
        .collect();
    let text = format!(
        "defaults\n  mode http\n  timeout client 5s\n  timeout server 5s\n  timeout connect 1s\n  \
         option redispatch\nlisten three\n  bind {haproxy_at}\n{lines}"
    );
    let _haproxy = haproxy(folder.path(), &[haproxy_at], &text);
    let place = Proxied::start_with(&servers, location, plan).await;

    let dead = three[1].address.to_string();
    three[1].stop();
    for check in ["by nginx", "by haproxy"] {
        let found = names(&place.agent, check, "http.upstream", &[&dead]).await;
        assert_eq!(found["severity"], "warning", "{found}");
    }
    three[1].start_again();
    is_well(&place.agent).await;

    // All of them: now nobody is served.
    three.iter_mut().for_each(Program::stop);
    for check in ["by nginx", "by haproxy"] {
        names(&place.agent, check, "http.bad-gateway", &["refuses"]).await;
    }
    three.iter_mut().for_each(Program::start_again);
    is_well(&place.agent).await;
}

#[tokio::test(flavor = "multi_thread")]
async fn two_backends_that_were_swapped_are_told_by_both_proxies() {
    let (shop, admin) = (Program::plain("shop"), Program::plain("admin"));
    let text = |shop_to: &Program, admin_to: &Program, at: [std::net::SocketAddr; 2]| {
        format!(
            "defaults\n  mode http\n  timeout client 5s\n  timeout server 5s\n  timeout connect 1s\n\
             listen shop\n  bind {}\n  server s {}\nlisten admin\n  bind {}\n  server s {}\n",
            at[0], shop_to.address, at[1], admin_to.address
        )
    };
    let at = [own_address(), own_address()];
    let folder = tempfile::tempdir().unwrap();
    let proxy = haproxy(folder.path(), &at, &text(&shop, &admin, at));
    let check = |name: &str, at: std::net::SocketAddr, upstream: &Program| {
        format!(
            "[[http]]\nname = \"{name}\"\nurl = \"http://{name}.shop.example/\"\nconnect = \"{at}\"\n\
             upstream = \"{}\"\nexpect.json = {{ \"/name\" = \"{name}\" }}\n\n",
            upstream.address
        )
    };
    let plan = format!(
        "[defaults]\ninterval = \"300ms\"\ntimeout = \"2s\"\nfail_after = 1\n\n{}{}",
        check("shop", at[0], &shop),
        check("admin", at[1], &admin)
    );
    let agent = Agent::start(folder.path(), "", &plan).await;
    is_well(&agent).await;

    proxy.terminate();
    let proxy = haproxy(folder.path(), &at, &text(&admin, &shop, at));
    for (name, upstream) in [("shop", &shop), ("admin", &admin)] {
        // The application itself is well: the way that leads to it is not.
        let upstream = upstream.address.to_string();
        let found = names(&agent, name, "http.json", &[&upstream]).await;
        assert!(found["summary"].as_str().unwrap().contains("expected"), "{found}");
    }
    proxy.terminate();
    let _proxy = haproxy(folder.path(), &at, &text(&shop, &admin, at));
    is_well(&agent).await;
}
