//! Real programs.

use std::time::Instant;

use super::super::template::sample_bundle;
use super::*;

async fn run(script: &str, timeout_ms: u64) -> Outcome {
    let command = ["/bin/sh", "-c", script].map(str::to_owned).to_vec();
    let timeout = Duration::from_millis(timeout_ms);
    Program { command, folder: "/".into(), timeout }.run(&sample_bundle()).await
}

#[tokio::test]
async fn its_end_is_the_answer() {
    let taken = |words: &str| Outcome::Taken { words: words.to_owned() };
    let deferred = |reason: &str| Outcome::Deferred { reason: reason.to_owned() };
    let refused = |reason: &str| Outcome::Refused { reason: reason.to_owned() };
    let table = [
        ("exit 0", taken("exit status: 0")),
        ("cat >/dev/null; echo told", taken("exit status: 0: told")),
        ("exit 1", deferred("exit status: 1")),
        ("echo no line >&2; exit 75", deferred("exit status: 75: no line")),
        ("exit 65", refused("exit status: 65")),
        ("kill -9 $$", deferred("signal: 9 (SIGKILL)")),
        ("head -c 10000000 /dev/zero >&2; exit 0", taken("exit status: 0")),
        ("grep -q '\"type\":\"incident.opened\"'", taken("exit status: 0")),
        ("echo $PORTWARDEN_EVENT $PORTWARDEN_MESSAGE", taken("exit status: 0: opened msg_sample")),
        ("env | grep -c CARGO", deferred("exit status: 1: 0")),
    ];
    for (script, outcome) in table {
        assert_eq!(run(script, 20_000).await, outcome, "{script}");
    }
}

#[tokio::test]
async fn one_that_hangs_is_killed_with_what_it_started() {
    let folder = std::env::temp_dir().join(format!("portwarden-program-{}", std::process::id()));
    let script = format!("sleep 300 & echo $! > {}; wait", folder.display());
    let Outcome::Deferred { reason } = run(&script, 1500).await else { panic!("taken") };
    assert!(reason.contains("killed"), "{reason}");
    let pid = std::fs::read_to_string(&folder).unwrap();
    std::fs::remove_file(&folder).unwrap();
    let state = || std::fs::read_to_string(format!("/proc/{}/stat", pid.trim())).ok();
    for _ in 0..500 {
        if state().is_none_or(|state| state.contains(") Z ")) {
            return;
        }
        tokio::time::sleep(Duration::from_millis(10)).await;
    }
    panic!("{:?}", state());
}

#[tokio::test]
async fn one_that_leaves_somebody_behind_is_not_waited_for() {
    #[expect(clippy::disallowed_methods, reason = "how long it takes is what is tested")]
    let start = Instant::now();
    let outcome = run("sleep 5 & exit 0", 20_000).await;
    assert_eq!(outcome, Outcome::Taken { words: "exit status: 0".to_owned() });
    assert!(start.elapsed() < Duration::from_secs(4));
}

#[tokio::test]
async fn one_that_is_not_there_is_tried_again() {
    let command = vec!["/nonexistent/siren".to_owned()];
    let program = Program { command, folder: "/".into(), timeout: Duration::from_secs(1) };
    assert!(matches!(program.run(&sample_bundle()).await, Outcome::Deferred { .. }));
}
