//! Jobs that report by themselves: a real agent, and jobs as they are in a crontab, with `sh` and `curl`.

use std::path::Path;
use std::process::{Command, Output, Stdio};
use std::time::Duration;

use serde_json::{Value, json};

use crate::support::agent::{Agent, eventually};
use crate::support::daemon;
use crate::support::receiver::Receiver;

/// Runs a line as cron would: by `sh`, with an environment that has next to nothing.
fn job(line: &str, variables: &[(&str, &str)]) -> Output {
    let mut command = Command::new("sh");
    command
        .args(["-c", line])
        .env_clear()
        .env("PATH", "/usr/bin:/bin")
        .envs(variables.iter().copied())
        .stdin(Stdio::null())
        .stdout(Stdio::piped())
        .stderr(Stdio::piped());
    daemon::spawn(&mut command).unwrap().wait_with_output().unwrap()
}

#[track_caller]
fn runs(line: &str) {
    let ended = job(line, &[]);
    assert!(ended.status.success(), "{line}: {ended:?}");
}

/// The line that the page of a check offers to be copied.
async fn by_hand(agent: &Agent, check: &str) -> String {
    let mut line = String::new();
    eventually("the check says how it is called", async || {
        let check = agent.check(check).await;
        let heartbeat = &check["last"]["facts"]["heartbeat"];
        line = heartbeat["by_hand"].as_str().unwrap_or_default().to_owned();
        !line.is_empty()
    })
    .await;
    line
}

fn calls(check: &Value) -> Vec<Value> {
    let calls = check["last"]["facts"]["heartbeat"]["calls"].as_array().cloned();
    calls.unwrap_or_default().iter().map(|call| call["signal"].clone()).collect()
}

#[tokio::test(flavor = "multi_thread")]
async fn a_job_that_stops_calling_is_missed_and_its_next_call_heals_it() {
    let folder = tempfile::tempdir().unwrap();
    let ops = Receiver::start().await;
    let plan = format!(
        r#"
        [[heartbeat]]
        name = "nightly backup"
        period = "2s"
        grace = "1s"
        {}"#,
        ops.in_plan(folder.path())
    );
    let agent = Agent::start(folder.path(), "", &plan).await;
    let awaited = agent.finding("nightly backup", "heartbeat.missed").await;
    assert_eq!(awaited["severity"], "notice", "{awaited}");
    let line = by_hand(&agent, "nightly backup").await;
    assert!(line.contains("/api/v1/heartbeat/nightly-backup"), "{line}");

    runs(&line);
    agent.healed("nightly backup", "heartbeat.missed").await;
    agent.state("nightly backup", "up").await;
    let opened = ops.expect("incident.opened", "nightly backup").await.message;
    assert_eq!(opened["findings"][0]["code"], "heartbeat.missed");
    let missed = agent.finding("nightly backup", "heartbeat.missed").await;
    assert_eq!(
        (&missed["severity"], &missed["subject"]),
        (&json!("critical"), &json!("nightly backup"))
    );
    let remedy = missed["remedy"].as_str().unwrap();
    assert!(remedy.contains("pgrep -a 'cron|crond'") && remedy.contains(&line), "{remedy}");
    assert!(missed["evidence"]["got"].as_str().unwrap().contains("it went well"), "{missed}");

    runs(&format!("true && {line}"));
    let resolved = ops.expect("incident.resolved", "nightly backup").await.message;
    assert_eq!(resolved["id"], opened["id"]);
    agent.metric("portwarden_check_state", "check=\"nightly backup\"", "1").await;
}

#[tokio::test(flavor = "multi_thread")]
async fn a_job_says_how_it_ended_and_what_went_wrong() {
    let folder = tempfile::tempdir().unwrap();
    let plan = "[[heartbeat]]\nname = \"renew\"\nperiod = \"1h\"\nruns_within = \"2s\"\n";
    let agent = Agent::start(folder.path(), "", plan).await;
    let url = format!("http://{}/api/v1/heartbeat/renew", agent.listen);

    // As the how-to writes it: the output is sent along, and the status after it.
    runs(&format!(
        "out=$(sh -c 'echo asking; echo password=hunter2; echo refused; exit 3' 2>&1); \
         printf %s \"$out\" | curl -fsS -m 10 --data-binary @- {url}/3"
    ));
    let failed = agent.finding("renew", "heartbeat.failed").await;
    assert_eq!(failed["severity"], "critical");
    assert!(failed["summary"].as_str().unwrap().ends_with("it ended with status 3"), "{failed}");
    assert_eq!(failed["evidence"]["said"], "asking\\npassword=(hidden)\\nrefused");
    let (_, everything) = agent.fetch("/api/v1/checks").await.unwrap();
    assert!(!everything.contains("hunter2"), "{everything}");
    let check = agent.check("renew").await;
    assert_eq!(check["state"], "down");
    assert_eq!(check["last"]["facts"]["heartbeat"]["calls"][0]["from"], "127.0.0.1");

    // It begins, and that alone heals nothing; then it takes too long, then it ends well.
    runs(&format!("curl -fsS -m 10 {url}/start"));
    let overrun = agent.finding("renew", "heartbeat.overrun").await;
    assert!(
        overrun["remedy"].as_str().unwrap().contains("ps -eo pid,etime,stat,args"),
        "{overrun}"
    );
    agent.finding("renew", "heartbeat.failed").await;
    runs(&format!("curl -fsS -m 10 -I {url}"));
    agent.healed("renew", "heartbeat.overrun").await;
    agent.healed("renew", "heartbeat.failed").await;
    agent.state("renew", "up").await;
    let check = agent.check("renew").await;
    assert_eq!(calls(&check), ["success", "start", "fail"]);
    assert!(check["last"]["facts"]["heartbeat"]["took_seconds"].as_f64().unwrap() >= 2.0);

    // Also by status alone, by GET and by POST.
    for (end, state) in [("/fail", "down"), ("/0", "up"), ("/255", "down"), ("", "up")] {
        runs(&format!("curl -fsS -m 10 -X POST {url}{end}"));
        agent.state("renew", state).await;
    }
}

#[tokio::test(flavor = "multi_thread")]
async fn who_has_no_token_or_no_such_job_is_refused() {
    let folder = tempfile::tempdir().unwrap();
    std::fs::write(folder.path().join("renew.token"), "s3cret-words\n").unwrap();
    let plan = "[[heartbeat]]\nname = \"renew\"\nperiod = \"2s\"\ngrace = \"1s\"\ntoken_file = \"renew.token\"\n";
    let agent = Agent::start(folder.path(), "", plan).await;
    let url = format!("http://{}/api/v1/heartbeat", agent.listen);
    for (request, expected) in [
        (format!("{url}/renew"), "401"),
        (format!("{url}/renew?token=other"), "401"),
        (format!("-H 'Authorization: Bearer s3cret-word' {url}/renew/start"), "401"),
        (format!("{url}/other?token=s3cret-words"), "404"),
        (format!("{url}/renew/256?token=s3cret-words"), "404"),
        (format!("{url}/renew/stop?token=s3cret-words"), "404"),
        (format!("-X DELETE {url}/renew?token=s3cret-words"), "405"),
        (format!("-H 'Sec-Fetch-Site: cross-site' {url}/renew?token=s3cret-words"), "403"),
        (format!("-H 'Sec-Purpose: prefetch' {url}/renew?token=s3cret-words"), "403"),
    ] {
        let ended = job(&format!("curl -sS -m 10 -o /dev/null -w '%{{http_code}}' {request}"), &[]);
        assert_eq!(String::from_utf8_lossy(&ended.stdout), expected, "{request}");
    }
    // None of them counted, and that somebody tried is said.
    let mut missed = Value::Null;
    eventually("the job is missed", async || {
        missed = agent.finding("renew", "heartbeat.missed").await;
        missed["severity"] == "critical"
    })
    .await;
    let refused = missed["evidence"]["refused"].as_str().unwrap();
    assert!(refused.starts_with("a call without the right token at"), "{missed}");
    assert_eq!(calls(&agent.check("renew").await), [Value::Null; 0]);

    let line = by_hand(&agent, "renew").await;
    assert!(!line.contains("s3cret"), "{line}");
    runs(&line);
    agent.healed("renew", "heartbeat.missed").await;
    runs(&format!(
        "curl -fsS -m 10 '{url}/renew/fail?token=s3cret-words' -d 'token was s3cret-words'"
    ));
    agent.finding("renew", "heartbeat.failed").await;
    for path in ["/api/v1/checks", "/api/v1/findings", "/checks/renew", "/metrics"] {
        let (_, shown) = agent.fetch(path).await.unwrap();
        assert!(!shown.contains("s3cret"), "{path}: {shown}");
    }
    assert!(!agent.log().contains("s3cret"), "{}", agent.log());
}

#[tokio::test(flavor = "multi_thread")]
async fn what_a_job_has_said_survives_the_kernel_killing_the_agent() {
    let folder = tempfile::tempdir().unwrap();
    let plan = "[[heartbeat]]\nname = \"backup\"\nperiod = \"1h\"\n\n\
                [[heartbeat]]\nname = \"renew\"\ncron = \"0 3 * * *\"\ntimezone = \"Asia/Seoul\"\n";
    let mut agent = Agent::start(folder.path(), "", plan).await;
    let url = format!("http://{}/api/v1/heartbeat", agent.listen);
    runs(&format!("curl -fsS -m 10 {url}/backup/start && curl -fsS -m 10 {url}/backup"));
    runs(&format!("curl -fsS -m 10 {url}/renew/7"));
    // What was answered is written down.
    agent.kill();
    let agent = Agent::start_on(folder.path(), agent.listen).await;
    agent.finding("renew", "heartbeat.failed").await;
    eventually("the calls are known again", async || {
        calls(&agent.check("backup").await) == ["success", "start"]
    })
    .await;
    agent.state("backup", "up").await;
    let mut renew = Value::Null;
    eventually("the other has been looked at", async || {
        renew = agent.check("renew").await;
        !renew["last"].is_null()
    })
    .await;
    assert_eq!(renew["state"], "down");
    assert_eq!(renew["last"]["facts"]["heartbeat"]["rhythm"], "0 3 * * * (Asia/Seoul)");
    let due = renew["last"]["facts"]["heartbeat"]["due"].as_str().unwrap();
    assert!(due.ends_with("T18:00:00Z"), "{due}");

    // A job that is no longer planned is forgotten; planned again, it begins anew.
    agent.replan("", "[[heartbeat]]\nname = \"renew\"\ncron = \"0 4 * * *\"\n");
    eventually("backup is gone", async || agent.check("backup").await.is_null()).await;
    let ended = job(&format!("curl -fsS -m 10 {url}/backup"), &[]);
    assert_eq!(ended.status.code(), Some(22), "{ended:?}");
    agent.finding("renew", "heartbeat.failed").await;
    agent.replan("", plan);
    eventually("backup is back", async || !agent.check("backup").await["last"].is_null()).await;
    assert_eq!(calls(&agent.check("backup").await), [Value::Null; 0]);
}

/// Sends these bytes to the agent and hands back the first line of the answer.
async fn raw(agent: &Agent, request: Vec<u8>) -> String {
    use tokio::io::{AsyncReadExt, AsyncWriteExt};
    let mut stream = tokio::net::TcpStream::connect(agent.listen).await.unwrap();
    let _ = stream.write_all(&request).await;
    let mut answer = Vec::new();
    let _ = tokio::time::timeout(Duration::from_secs(30), stream.read_to_end(&mut answer)).await;
    String::from_utf8_lossy(&answer).lines().next().unwrap_or_default().to_owned()
}

#[tokio::test(flavor = "multi_thread")]
async fn a_body_without_end_is_bounded_and_the_call_counts() {
    let folder = tempfile::tempdir().unwrap();
    let agent =
        Agent::start(folder.path(), "", "[[heartbeat]]\nname = \"x\"\nperiod = \"1h\"\n").await;
    let head = "POST /api/v1/heartbeat/x/1 HTTP/1.1\r\nhost: x\r\nconnection: close\r\n";
    let before = agent.resident_kib();
    let mut huge = format!("{head}content-length: 4294967296\r\n\r\n").into_bytes();
    huge.extend(std::iter::repeat_n(b'x', 8 * 1024 * 1024));
    raw(&agent, huge).await;
    // A body that breaks off counts as well: what matters is that the job called.
    let cut = format!("{head}content-length: 100\r\n\r\nno space left\n").into_bytes();
    let mut stream = tokio::net::TcpStream::connect(agent.listen).await.unwrap();
    tokio::io::AsyncWriteExt::write_all(&mut stream, &cut).await.unwrap();
    drop(stream);
    eventually("both calls are heard", async || calls(&agent.check("x").await).len() == 2).await;
    let grown = agent.resident_kib().saturating_sub(before);
    assert!(grown < 16 * 1024, "{grown} KiB");
    let names = Path::new("/api/v1/heartbeat").join("%00%ff");
    let (status, _) = agent.fetch(names.to_str().unwrap()).await.unwrap();
    assert!((400..500).contains(&status), "{status}");
}
