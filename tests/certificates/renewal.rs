//! Whether a renewer is on course: its certificates against the clock, and its own words.

use crate::support::certificates::{Authority, DAY, Order};
use crate::support::command::portwarden;
use crate::support::loopback::own_address;
use crate::support::nginx::Nginx;
use crate::support::pebble::{Certbot, Pebble, Practice};

#[test]
fn a_certificate_long_before_its_renewal_is_well() {
    let folder = tempfile::tempdir().unwrap();
    let order = Order { names: &["shop.example"], serial: 1, valid: (-50 * DAY, 40 * DAY) };
    Authority::new("Test Root").issue(&order, folder.path());
    let plan = "[[certificate]]\nname = \"shop\"\npath = \"fullchain.pem\"\n";
    std::fs::write(folder.path().join("probes.toml"), plan).unwrap();
    portwarden(folder.path(), &["once", "shop"]).expect(0);
}

#[test]
fn an_authority_of_our_own_issues_and_renews_over_http() {
    let folder = tempfile::tempdir().unwrap();
    let (folder, site) = (folder.path(), own_address());
    let webroot = folder.join("www");
    std::fs::create_dir(&webroot).unwrap();
    let server = format!("server {{ listen {site}; root {}; }}", webroot.display());
    let _nginx = Nginx::start(folder, &[site], &server);
    let pebble = Pebble::start(folder, Practice { site, validity: 90 * DAY });
    let certbot = Certbot::of(&pebble, folder);
    certbot.issue(&["shop.example", "www.shop.example"], &webroot).expect(0);
    certbot.renew(&["--force-renewal"]).expect(0);
    // A port on which nobody listens.
    pebble.lead("shop.example", &["127.3.3.3".parse().unwrap()]);
    certbot.renew(&["--force-renewal"]).expect(1);
    assert!(certbot.live("shop.example").join("fullchain.pem").exists());
}
