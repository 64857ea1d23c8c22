//! PostgreSQL: every way in which it says no, and that it hears nothing bad of us.

use serde_json::Value;

use crate::support::agent::eventually;
use crate::support::loopback::own_address;
use crate::support::postgres::Postgres;
use crate::{found, probe, well};

/// Room for two clients, none of it kept for superusers.
const TWO_CLIENTS: &str = "max_connections = 2\nsuperuser_reserved_connections = 0\n\
                           max_wal_senders = 0\nautovacuum = off";

/// The finding's code and severity, or nothing.
fn verdict(seen: &Value) -> (String, String) {
    let word = |name: &str| seen["findings"][0][name].as_str().unwrap_or_default().to_owned();
    (word("code"), word("severity"))
}

#[tokio::test(flavor = "multi_thread")]
async fn every_answer_is_told_from_the_others() {
    let mut server = Postgres::start(own_address(), TWO_CLIENTS);
    let address = server.address;

    // Nobody said that there is such a user: it lives.
    let seen = probe(address, &["postgres"]);
    assert!(well(&seen).1.starts_with("28000: role \"portwarden\" does not exist"), "{seen:#}");
    let seen = probe(address, &["postgres", "--user", "postgres"]);
    let (version, answer) = well(&seen);
    assert!(version.starts_with(|first: char| first.is_ascii_digit()), "{version}");
    assert_eq!(answer, "postgres is let in, ready for query");
    let seen = probe(address, &["postgres", "--user", "postgres", "--database", "shop"]);
    assert!(found(&seen, "tcp.not-ready", "critical").contains("has no database \"shop\""));
    let seen = probe(address, &["postgres", "--user", "shop"]);
    assert!(found(&seen, "tcp.not-ready", "warning").contains("the user \"shop\""));

    let held = [server.session(), server.session()];
    let seen = probe(address, &["postgres"]);
    assert!(found(&seen, "tcp.not-ready", "critical").contains("takes no more clients: \"53300: "));
    drop(held);
    eventually("there is room again", async || {
        verdict(&probe(address, &["postgres"])).0.is_empty()
    })
    .await;

    let sees = async |arguments: &[&str], code: &str, severity: &str| {
        eventually(&format!("{arguments:?} sees {code} {severity}"), async || {
            verdict(&probe(address, arguments)) == (code.to_owned(), severity.to_owned())
        })
        .await;
    };
    server.let_in("local all all trust\n");
    sees(&["postgres"], "tcp.not-ready", "notice").await;
    sees(&["postgres", "--user", "postgres"], "tcp.not-ready", "warning").await;
    server.let_in("host all all all scram-sha-256\n");
    sees(&["postgres"], "", "").await;
    let before = server.log();
    assert_eq!(well(&probe(address, &["postgres"])).1, "asks for a password (SCRAM-SHA-256)");
    server.let_in("host all all all trust\n");
    sees(&["postgres", "--user", "postgres"], "", "").await;
    let said = server.log().replace(&before, "");
    assert!(!said.contains("FATAL") && !said.contains("unexpected"), "{said}");

    // It waits for a client to leave, and takes no other.
    let last = server.session();
    server.signal("TERM");
    sees(&["postgres"], "tcp.not-ready", "critical").await;
    let seen = probe(address, &["postgres"]);
    assert!(found(&seen, "tcp.not-ready", "critical").contains("57P03"), "{seen:#}");
    drop(last);
    sees(&["postgres"], "tcp.refused", "critical").await;
    server.stop();
}

/// Three places, two of them for superusers: who only knocks is asked for a password all the same.
const ONE_PLACE: &str = "max_connections = 3\nsuperuser_reserved_connections = 2\n\
                         max_wal_senders = 0\nautovacuum = off";

#[tokio::test(flavor = "multi_thread")]
async fn who_proves_a_password_sees_that_the_last_places_are_kept() {
    let mut server = Postgres::start(own_address(), ONE_PLACE);
    let address = server.address;
    server.execute("create role monitor login password 'hunter2'");
    server.let_in("host all postgres all trust\nhost all all all scram-sha-256\n");
    let knocking = ["postgres", "--user", "monitor"];
    let proving = |password: &str| {
        std::fs::write(server.folder().join("password"), password).unwrap();
        let file = server.folder().join("password");
        let key = format!("password_file = {:?}", file.to_str().unwrap());
        probe(address, &["postgres", "--user", "monitor", "--set", &key])
    };
    eventually("a password is asked for", async || {
        probe(address, &knocking)["facts"]["hello"]["answer"]
            == "asks for a password (SCRAM-SHA-256)"
    })
    .await;
    assert_eq!(well(&proving("hunter2\n")).1, "monitor is let in, ready for query");
    let seen = proving("hunter3");
    assert!(found(&seen, "tcp.not-ready", "warning").contains("28P01"), "{seen:#}");

    let held = server.session();
    eventually("only the places for superusers are left", async || {
        proving("hunter2")["findings"][0]["code"] == "tcp.not-ready"
    })
    .await;
    let seen = proving("hunter2");
    assert!(found(&seen, "tcp.not-ready", "critical").contains("53300"), "{seen:#}");
    well(&probe(address, &knocking));
    drop(held);
    server.stop();
}
