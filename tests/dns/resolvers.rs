//! Codes about caches and delegations: a resolver that holds on to the past, one that fails, and a
//! parent that names other servers.

use hickory_proto::rr::RecordType;

use crate::support::tree::{Signing, Tree};
use crate::watched::Watched;

#[tokio::test(flavor = "multi_thread")]
async fn a_cache_is_stale_until_its_time_is_up() {
    let mut tree = Tree::grow(Signing::Unsigned, "www 6 A 192.0.2.10");
    let cache = tree.resolver();
    let subject = cache.address().to_string();
    let plan = format!(
        r#"
        [[dns]]
        name = "zone"
        zone = "shop.example"
        nameservers = [{}]
        resolvers = ["{subject}"]
        [[dns.record]]
        name = "www"
        type = "A"
        "#,
        tree.listed()
    );
    let watched = Watched::start(&plan).await;
    watched.is_well().await;
    cache.warm("www.shop.example", RecordType::A);
    tree.publish(2, "www 6 A 192.0.2.11");
    watched.says(&[("dns.stale-cache", &subject)]).await;
    let finding = watched.agent.finding("zone", "dns.stale-cache").await;
    assert_eq!(finding["evidence"]["got"], serde_json::json!(["192.0.2.10"]), "{finding}");
    assert_eq!(finding["evidence"]["expected"], serde_json::json!(["192.0.2.11"]), "{finding}");
    assert!(finding["evidence"]["ttl_seconds"].as_u64().unwrap() <= 6, "{finding}");
    watched.is_well().await;

    cache.freeze();
    watched.says(&[("dns.unreachable", &subject)]).await;
    cache.thaw();
    watched.is_well().await;
}

#[tokio::test(flavor = "multi_thread")]
async fn a_parent_that_names_another_server_is_found_and_forgiven() {
    let mut tree = Tree::grow(Signing::Unsigned, "");
    let right = tree.delegation();
    let more = format!("{right}shop NS ns5.shop\nns5.shop A {}\n", tree.ip(4));
    tree.delegate(2, &more);
    let plan = format!(
        "[[dns]]\nname = \"zone\"\nzone = \"shop.example\"\nparent = [\"{}\"]\n",
        tree.parent.address()
    );
    let mut watched = Watched::start(&plan).await;
    watched.says(&[("dns.delegation", "shop.example NS")]).await;
    tree.delegate(3, &right);
    // A delegation is kept for minutes, but not over a restart.
    watched.starts_again().await;
    watched.is_well().await;
    assert_eq!(watched.incidents().await, 1);
}
