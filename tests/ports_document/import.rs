//! Tables that were kept by hand, read into a plan that this very program takes.

use std::fs;
use std::path::Path;

use crate::support::command::portwarden;

#[test]
fn tables_kept_by_hand_become_a_plan() {
    let samples = Path::new(env!("CARGO_MANIFEST_DIR")).join("../tests/ports_document/samples");
    let folder = tempfile::tempdir().unwrap();
    for (name, unread) in
        [("portal.ko.md", ":31: "), ("two-hosts.en.md", ":30: "), ("table.csv", ":7: ")]
    {
        let file = samples.join(name).display().to_string();
        let told =
            portwarden(folder.path(), &["ports", "import", &file, "--host", "web"]).expect(1);
        // What was not read is told to who types the command and to who reads the plan.
        assert!(told.err.contains(&format!("{name}{unread}")), "{told:?}");
        assert!(told.out.contains(&format!("{name}{unread}")), "{told:?}");
        fs::write(folder.path().join("probes.toml"), &told.out).unwrap();
        portwarden(folder.path(), &["validate"]).expect(0);
    }

    // There and back.
    let write = || portwarden(folder.path(), &["ports", "--format", "markdown"]).expect(0).out;
    let page = write();
    fs::write(folder.path().join("PORTS.md"), &page).unwrap();
    let plan = portwarden(folder.path(), &["ports", "import", "PORTS.md"]).expect(0).out;
    fs::write(folder.path().join("probes.toml"), plan).unwrap();
    assert_eq!(write(), page);

    fs::write(folder.path().join("notes.md"), "# Notes\n\nNo table here.\n").unwrap();
    let none = portwarden(folder.path(), &["ports", "import", "notes.md"]).expect(2);
    assert!(none.err.contains("포트") && none.out.is_empty(), "{none:?}");
    let missing = portwarden(folder.path(), &["ports", "import", "nowhere.md"]).expect(2);
    assert!(missing.err.contains("nowhere.md"), "{missing:?}");
}
