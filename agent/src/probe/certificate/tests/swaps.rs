//! Files that are replaced: by a link that is pointed elsewhere, and one after the other.

use std::os::unix::fs::symlink;

use super::*;

/// Writes a pair into a folder, made if need be.
fn write(folder: &Path, leaf: &Leaf) {
    std::fs::create_dir_all(folder).unwrap();
    std::fs::write(folder.join("privkey.pem"), leaf.key.serialize_pem()).unwrap();
    std::fs::write(folder.join("fullchain.pem"), pem(&[&leaf.der])).unwrap();
}

/// Points a link elsewhere as those do who must never be without: by renaming a new one over it.
fn point(link: &Path, target: impl AsRef<Path>) {
    let new = link.with_file_name("new-link");
    symlink(target, &new).unwrap();
    std::fs::rename(new, link).unwrap();
}

/// Valid by the machine's own clock, too.
fn lasting(params: &mut rcgen::CertificateParams) {
    days(params, -30, 3_650);
}

#[tokio::test]
async fn a_link_that_is_pointed_elsewhere_is_a_change() {
    let root = Authority::root("Test Root");
    let folder = closed_folder();
    let at = |name: &str| folder.path().join(name);
    let [first, second] = [1, 2].map(|number| {
        let leaf = root.leaf(&[&format!("v{number}.example")], &lasting);
        write(&at(&format!("archive/{number}")), &leaf);
        leaf
    });
    // certbot: a link for every file. Kubernetes: files lead into a folder that is itself a link.
    std::fs::create_dir_all(at("live")).unwrap();
    for name in ["fullchain.pem", "privkey.pem"] {
        symlink(format!("../archive/1/{name}"), at("live").join(name)).unwrap();
    }
    std::fs::create_dir_all(at("mount")).unwrap();
    symlink(at("archive/1"), at("mount/..data")).unwrap();
    for name in ["fullchain.pem", "privkey.pem"] {
        symlink(Path::new("..data").join(name), at("mount").join(name)).unwrap();
    }
    let later = crate::clock::now() + Duration::from_secs(60);
    let names = async |place: &str| {
        let mut watch = Stopwatch::start(Duration::from_secs(5));
        let spec = spec(&at(place).join("fullchain.pem"));
        let sight = observe(&spec, &mut watch, later).await;
        assert_eq!(said(&sight), [""; 0], "{place}: {:#?}", sight.findings);
        let file = sight.facts.files[0].clone();
        assert_eq!(file.key_matches, Some(true), "{place}");
        (file.chain[0].names[0].clone(), file.modified.unwrap())
    };
    for place in ["live", "mount"] {
        let (name, before) = names(place).await;
        assert_eq!(name, "v1.example", "{place}");
        match place {
            "live" => {
                for name in ["fullchain.pem", "privkey.pem"] {
                    point(&at("live").join(name), format!("../archive/2/{name}"));
                }
            }
            _ => point(&at("mount/..data"), at("archive/2")),
        }
        let (name, after) = names(place).await;
        assert_eq!(name, "v2.example", "{place}");
        assert!(
            after >= before,
            "{place}: since the link was pointed, not since the file was written"
        );
        // And back again, to a file that was known before.
        match place {
            "live" => {
                for name in ["fullchain.pem", "privkey.pem"] {
                    point(&at("live").join(name), format!("../archive/1/{name}"));
                }
            }
            _ => point(&at("mount/..data"), at("archive/1")),
        }
        assert_eq!(names(place).await.0, "v1.example", "{place}");
    }
    drop((first, second));
}

#[tokio::test]
async fn a_pair_that_is_being_replaced_is_given_a_moment() {
    let root = Authority::root("Test Root");
    let (old, new) =
        (root.leaf(&["shop.example"], &lasting), root.leaf(&["shop.example"], &lasting));
    let folder = closed_folder();
    let (chain, key) = (folder.path().join("fullchain.pem"), folder.path().join("privkey.pem"));
    write(folder.path(), &old);
    let spec = spec(&chain);
    let look = async || {
        let mut watch = Stopwatch::start(Duration::from_secs(5));
        said(&observe(&spec, &mut watch, crate::clock::now()).await)
    };
    assert_eq!(look().await, [""; 0]);

    std::fs::write(&chain, pem(&[&new.der])).unwrap();
    let renewer = async {
        tokio::time::sleep(SETTLING / 5).await;
        std::fs::write(&key, new.key.serialize_pem()).unwrap();
    };
    let (told, ()) = tokio::join!(look(), renewer);
    assert_eq!(told, [""; 0], "the key came a moment later");

    std::fs::write(&chain, pem(&[&old.der])).unwrap();
    assert_eq!(look().await, ["cert.key-mismatch/critical"], "the key never came");
}
