//! Whether a renewer is on course: its certificates against the clock, and its own words.

use crate::support::certificates::{Authority, DAY, Order};
use crate::support::command::portwarden;

#[test]
fn a_certificate_long_before_its_renewal_is_well() {
    let folder = tempfile::tempdir().unwrap();
    let order = Order { names: &["shop.example"], serial: 1, valid: (-50 * DAY, 40 * DAY) };
    Authority::new("Test Root").issue(&order, folder.path());
    let plan = "[[certificate]]\nname = \"shop\"\npath = \"fullchain.pem\"\n";
    std::fs::write(folder.path().join("probes.toml"), plan).unwrap();
    portwarden(folder.path(), &["once", "shop"]).expect(0);
}
