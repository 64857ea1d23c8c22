//! Plans as texts: what they become, and what is said about the wrong ones.

use std::collections::HashMap;
use std::path::{Path, PathBuf};
use std::sync::OnceLock;

use super::{Mistakes, Plan, Surroundings, parse};
use crate::tls::Roots;

mod alerting;
mod asked;
mod hostile;
mod mistakes;
mod reference;
mod sample;
mod signals;
mod signed;
mod sites;
mod unchanged;
mod values;
mod ways;
mod zones;

/// Variables and files that are there, and no others.
#[derive(Default)]
struct Small {
    variables: HashMap<&'static str, &'static str>,
    files: HashMap<PathBuf, &'static str>,
}

impl Surroundings for Small {
    fn variable(&self, name: &str) -> Option<String> {
        self.variables.get(name).map(ToString::to_string)
    }

    fn text_file(&self, path: &Path) -> Result<String, String> {
        match self.files.get(path) {
            Some(text) => Ok(text.to_string()),
            None => Err("No such file or directory".to_owned()),
        }
    }

    fn roots(&self, files: &[PathBuf]) -> Result<Roots, String> {
        static SYSTEM: OnceLock<Roots> = OnceLock::new();
        match files.iter().find(|file| !self.files.contains_key(*file)) {
            Some(missing) => Err(format!("{} is not there", missing.display())),
            None => Ok(SYSTEM.get_or_init(|| Roots::load(&[]).unwrap()).clone()),
        }
    }

    fn machine_name(&self) -> Option<String> {
        Some("seoul".to_owned())
    }
}

/// Variables and files as the examples name them.
fn surroundings() -> Small {
    let files = [
        "roots.pem",
        "other.pem",
        "token.txt",
        "night.secret",
        "monitor.password",
        "keystore.password",
        "upload.bin",
    ];
    let mut small = Small {
        variables: HashMap::from([
            ("OPS_WEBHOOK_SECRET", "whsec_c2VjcmV0"),
            ("PLAIN_SECRET", "plain words"),
            ("SLACK_WEBHOOK", "https://hooks.example/slack"),
            ("NTFY_TOPIC", "shop-alerts"),
            ("HEARTBEAT_URL", "https://alive.example/4f2d"),
            ("BROKEN_SECRET", "whsec_%%%"),
            ("EMPTY", ""),
            ("SHOP_TOKEN", "Bearer abc"),
            ("MONITOR_PASSWORD", "a word"),
            ("KEYSTORE_PASSWORD", "another word"),
            ("BACKUP_TOKEN", "a third word"),
            ("ID_SECRET", "a third"),
            ("PROXY_PASSWORD", "a fourth"),
            ("PORTWARDEN_TOKEN", "c0rrect-h0rse-battery"),
        ]),
        files: files.map(|name| (Path::new("/plans").join(name), "Bearer xyz\n")).into(),
    };
    small.files.insert("/plans/ntfy.topic".into(), "shop-alerts\n");
    // Webhook URLs that are secrets themselves.
    let url = "https://hooks.example/chat";
    let variables = ["DISCORD", "TEAMS", "MATTERMOST", "GOOGLE_CHAT", "NAVER_WORKS", "KAKAOWORK"];
    let files =
        ["slack", "discord", "teams", "mattermost", "google-chat", "naver-works", "kakaowork"];
    for service in variables {
        small.variables.insert(format!("{service}_WEBHOOK").leak(), url);
    }
    for service in files {
        small.files.insert(format!("/plans/{service}.url").into(), url);
    }
    small.variables.extend([("TELEGRAM_TOKEN", "1:token"), ("MATRIX_TOKEN", "a token")]);
    small.files.insert("/plans/telegram.token".into(), "1:token\n");
    small.files.insert("/plans/matrix.token".into(), "a token\n");
    small.files.insert("/plans/empty.txt".into(), "\n");
    small.files.insert("/plans/index.html".into(), "<h1>Shop</h1>\n");
    small
}

fn read(text: &str) -> Result<Plan, Mistakes> {
    parse(text, Path::new("probes.toml"), Path::new("/plans"), &surroundings())
}

#[track_caller]
fn good(text: &str) -> Plan {
    match read(text) {
        Ok(plan) => plan,
        Err(mistakes) => panic!("{mistakes}"),
    }
}

/// The rendered mistakes of a plan that has some.
#[track_caller]
fn bad(text: &str) -> String {
    match read(text) {
        Ok(_) => panic!("accepted:\n{text}"),
        Err(mistakes) => mistakes.to_string(),
    }
}
