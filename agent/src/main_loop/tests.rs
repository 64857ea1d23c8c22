//! The loop driven by hand, message by message: nothing here waits for a clock or a network.

use std::path::Path;

use health::snapshot::PlanStanding;
use health::{Code, Facts, Finding, Phases, Severity, State, Text};

use super::*;
use crate::plan::ThisMachine;

const TCP: &str = "[defaults]\nfail_after = 1\n[[tcp]]\nname = \"a\"\naddress = \"127.0.0.1:22\"\n";
const HOST: &str =
    "[[host]]\nname = \"web\"\naddress = \"127.0.0.9\"\nlocal = true\nundeclared = \"warn\"\n";

fn plan(text: &str) -> Plan {
    crate::plan::parse(text, Path::new("probes.toml"), Path::new("/"), &ThisMachine)
        .unwrap_or_else(|mistakes| panic!("{mistakes}"))
}

/// A loop over a plan, with a store of its own, and what it publishes.
struct Driven {
    main_loop: MainLoop,
    snapshot: watch::Receiver<Arc<Snapshot>>,
    store: Store,
    _folder: tempfile::TempDir,
}

fn driven(text: &str) -> Driven {
    let folder = tempfile::tempdir().unwrap();
    let (store, restored) = Store::open(&folder.path().join("p.db"), clock::now()).unwrap();
    begin(text, store, restored, folder)
}

fn begin(text: &str, store: Store, restored: Restored, folder: tempfile::TempDir) -> Driven {
    let empty = Snapshot {
        agent: "".into(),
        at: Timestamp::UNIX_EPOCH,
        started_at: Timestamp::UNIX_EPOCH,
        plan: PlanStanding { path: String::new(), loaded_at: Timestamp::UNIX_EPOCH, refused: None },
        checks: Vec::new(),
        hosts: Vec::new(),
        ephemeral: None,
        swept: Vec::new(),
        listen: None,
        incidents: Vec::new(),
        receivers: Vec::new(),
        silences: Vec::new(),
        maintenance: Vec::new(),
        troubles: Vec::new(),
    };
    let (sender, snapshot) = watch::channel(Arc::new(empty));
    let main_loop = MainLoop::new(Parts {
        plan: plan(text),
        net: Net::new(Some("127.0.0.1:1".parse().unwrap())).unwrap(),
        store: store.clone(),
        restored,
        counters: Counters::default(),
        dispatches: watch::channel(Vec::new()).1,
        addressees: watch::channel(Vec::new()).0,
        heartbeat: watch::channel(None).0,
        heartbeat_trouble: watch::channel(None).1,
        snapshot: sender,
        turned: watch::channel(clock::monotonic()).0,
    });
    Driven { main_loop, snapshot, store, _folder: folder }
}

/// Ends a loop and begins another on its store.
async fn restarted(driven: Driven, text: &str) -> Driven {
    let path = driven.store.path().unwrap().to_owned();
    driven.store.close().await.unwrap();
    let Driven { main_loop, store, _folder: folder, .. } = driven;
    drop((main_loop, store));
    let (store, restored) = Store::open(&path, clock::now()).unwrap();
    begin(text, store, restored, folder)
}

impl Driven {
    fn tell(&mut self, message: Message) {
        let moment = self.main_loop.moment();
        self.main_loop.take(message, moment);
        self.main_loop.commit(moment.wall);
        self.main_loop.publish(moment);
    }

    fn reload(&mut self, text: &str) {
        self.tell(Message::Reloaded(Ok(Box::new(plan(text)))));
    }

    /// The key of the check or sweep that is scheduled under this name.
    fn key(&self, name: &str) -> Key {
        let found = self.main_loop.jobs.iter().find(|(_, job)| match job {
            Job::Check(check) => &*check.frame.name == name,
            Job::Sweep(sweep) => &*sweep.host.name == name,
        });
        *found.unwrap().0
    }

    fn open(&self) -> Vec<String> {
        self.snapshot.borrow().incidents.iter().map(|open| open.check.to_string()).collect()
    }
}

fn seen(code: Option<Code>) -> Observation {
    let finding = |code| {
        Finding::new(code, "subject", Text::same("wrong"), Text::same("fix it"))
            .severity(Severity::Critical)
    };
    Observation {
        at: clock::now(),
        duration: Duration::from_millis(1),
        phases: Phases::default(),
        facts: Facts::default(),
        findings: code.map(finding).into_iter().collect(),
    }
}

fn observed(key: Key, code: Option<Code>) -> Message {
    Message::Observed { key, observation: Box::new(seen(code)) }
}

fn swept(key: Key, ports: &[u16]) -> Message {
    let port = |&port: &u16| {
        let key = PortKey { host: "web".into(), port, protocol: health::Protocol::Tcp };
        (key, seen(Some(Code::PortUndeclared)))
    };
    Message::Swept { key, found: Some(ports.iter().map(port).collect()) }
}

#[tokio::test]
async fn an_incident_ends_with_its_check() {
    let mut driven = driven(TCP);
    driven.tell(observed(driven.key("a"), Some(Code::TcpRefused)));
    assert_eq!(driven.open(), ["a"]);
    assert!(driven.snapshot.borrow().check("a").unwrap().incident.is_some());
    driven.reload("");
    assert!(driven.open().is_empty() && driven.snapshot.borrow().checks.is_empty());
    driven.reload(TCP);
    let snapshot = driven.snapshot.borrow().clone();
    let standing = snapshot.check("a").unwrap();
    assert_eq!((standing.state, &standing.incident), (State::Unknown, &None));
    driven.store.close().await.unwrap();
}

#[tokio::test]
async fn an_incident_stays_open_when_settings_change_and_the_old_probe_is_not_heard() {
    let mut driven = driven(TCP);
    let old = driven.key("a");
    driven.tell(observed(old, Some(Code::TcpRefused)));
    driven.reload(&TCP.replace(":22", ":23"));
    let new = driven.key("a");
    assert_ne!(old, new);
    driven.tell(observed(old, None));
    assert_eq!(driven.open(), ["a"], "what the old settings saw says nothing of the new");
    driven.tell(observed(new, None));
    assert!(driven.open().is_empty());
}

#[tokio::test]
async fn another_resolver_makes_nobody_forget() {
    let mut driven = driven(TCP);
    let before = Arc::clone(&driven.main_loop.net);
    driven.reload(&format!("[agent]\nresolver = \"127.0.0.1:2\"\n{TCP}"));
    let after = &driven.main_loop.net;
    assert!(!Arc::ptr_eq(&before, after), "names are resolved by the new one");
    assert!(Arc::ptr_eq(&before.dns, &after.dns));
    assert!(Arc::ptr_eq(&before.certificates, &after.certificates));
    assert!(Arc::ptr_eq(&before.authority, &after.authority), "who is revoked");
    assert!(Arc::ptr_eq(&before.renewals, &after.renewals));
    assert!(Arc::ptr_eq(&before.nameless, &after.nameless));
    assert!(Arc::ptr_eq(&before.acme, &after.acme));
}

#[tokio::test]
async fn a_sweep_that_could_not_look_changes_nothing() {
    let mut driven = driven(&format!("{TCP}{HOST}"));
    let key = driven.key("web");
    driven.tell(swept(key, &[7000]));
    assert_eq!(driven.open(), ["web:7000"]);
    driven.tell(Message::Swept { key, found: None });
    assert_eq!(driven.open(), ["web:7000"]);
    driven.tell(swept(key, &[]));
    assert!(driven.open().is_empty());
    assert!(driven.snapshot.borrow().check("web:7000").is_none());
}

#[tokio::test]
async fn a_sweep_under_way_when_its_host_goes_is_not_heard() {
    let mut driven = driven(&format!("{TCP}{HOST}"));
    let key = driven.key("web");
    driven.reload(TCP);
    driven.tell(swept(key, &[7000]));
    assert!(driven.open().is_empty() && driven.snapshot.borrow().check("web:7000").is_none());
}

#[tokio::test]
async fn a_sweep_keeps_its_key_unless_its_interval_changes() {
    let text = format!("{TCP}{HOST}");
    let mut driven = driven(&text);
    let key = driven.key("web");
    driven.reload(&text.replace("\"warn\"", "\"critical\""));
    assert_eq!(driven.key("web"), key);
    driven.reload(&text.replace("fail_after = 1", "interval = \"77s\""));
    assert_ne!(driven.key("web"), key);
}

#[tokio::test]
async fn a_bad_plan_is_shown_until_a_good_one_comes() {
    let mut driven = driven(TCP);
    driven.tell(Message::Reloaded(Err("probes.toml:1:1: no".into())));
    let refused = driven.snapshot.borrow().plan.refused.clone();
    assert_eq!(refused.map(|(_, mistakes)| mistakes).as_deref(), Some("probes.toml:1:1: no"));
    assert_eq!(driven.snapshot.borrow().checks.len(), 1, "the old plan runs on");
    driven.reload(TCP);
    assert_eq!(driven.snapshot.borrow().plan.refused, None);
}

#[tokio::test]
async fn a_restart_is_asked_for_only_while_it_is_needed() {
    let agent = |port: u16| format!("[agent]\nlisten = \"127.0.0.1:{port}\"\n{TCP}");
    let mut driven = driven(&agent(9740));
    for (port, is_needed) in [(9740, false), (9741, true), (9742, true), (9740, false)] {
        driven.reload(&agent(port));
        assert_eq!(!driven.snapshot.borrow().troubles.is_empty(), is_needed, "{port}");
    }
}

#[tokio::test]
async fn what_was_open_is_open_after_a_restart_unless_its_check_is_gone() {
    for (text, expected) in [
        (format!("{TCP}{HOST}"), &["a", "web:7000"][..]),
        (TCP.to_owned(), &["a"][..]),
        (HOST.to_owned(), &["web:7000"][..]),
        (TCP.replace("[[tcp]]", "[[tls]]"), &[][..]),
    ] {
        let mut first = driven(&format!("{TCP}{HOST}"));
        first.tell(observed(first.key("a"), Some(Code::TcpRefused)));
        first.tell(swept(first.key("web"), &[7000]));
        let id = first.snapshot.borrow().check("a").unwrap().incident.clone();
        let second = restarted(first, &text).await;
        let mut open = second.open();
        open.sort_unstable();
        assert_eq!(open, expected, "{text}");
        if open.iter().any(|check| check == "a") {
            assert_eq!(second.snapshot.borrow().check("a").unwrap().incident, id, "the same one");
        }
        second.store.close().await.unwrap();
    }
}

#[tokio::test]
async fn a_state_outlasts_a_restart_unless_it_turns_out_to_be_another() {
    let mut driven = driven(TCP);
    let mut first = None;
    // Twice, because the second start reads what the first run wrote down.
    for (code, lasts) in [(None, true), (None, true), (Some(Code::TcpRefused), false)] {
        let key = driven.key("a");
        driven.tell(observed(key, code));
        let since = driven.snapshot.borrow().check("a").unwrap().since;
        assert_eq!(since == *first.get_or_insert(since), lasts, "{code:?}");
        driven = restarted(driven, TCP).await;
    }
    driven.store.close().await.unwrap();
}

fn asked_for_quiet(minutes: i64) -> Silence {
    let now = clock::now();
    Silence {
        id: "s1".into(),
        about: health::Matcher { check: vec!["a".into()], ..health::Matcher::default() },
        starts_at: now,
        ends_at: now.checked_add(jiff::SignedDuration::from_mins(minutes)).unwrap(),
        author: "kim".into(),
        reason: "disk swap".into(),
        created_at: now,
    }
}

/// What was decided about the open incident of a check, as the store has it.
async fn decided(driven: &Driven, incident: &str) -> Vec<String> {
    let account = driven.store.incident(incident).await.unwrap().unwrap();
    let because = |why: &health::Why| {
        serde_json::to_value(why).unwrap()["because"].as_str().unwrap().to_owned()
    };
    account.decisions.iter().map(|one| because(&one.why)).collect()
}

const OPS: &str = "[[receiver]]\nname = \"ops\"\nwebhook = { url = \"http://127.0.0.1:1/\" }\n";

#[tokio::test]
async fn a_silence_is_written_down_before_it_is_said_to_hold_and_outlasts_a_restart() {
    let text = format!("{TCP}{OPS}");
    let mut driven = driven(&text);
    let (written, receipt) = oneshot::channel();
    driven.tell(Message::Silence { silence: asked_for_quiet(60), written });
    receipt.await.unwrap();
    driven.tell(observed(driven.key("a"), Some(Code::TcpRefused)));
    let id = driven.snapshot.borrow().check("a").unwrap().incident.clone().unwrap();
    let mut driven = restarted(driven, &text).await;
    assert_eq!(driven.snapshot.borrow().silences.len(), 1);
    assert_eq!(decided(&driven, &id).await, ["silenced"]);
    // The loop sleeps no longer than until the silence ends.
    let due = driven.main_loop.engine.next_due().unwrap();
    assert!(due <= driven.snapshot.borrow().silences[0].ends_at);
    for is_known in [true, false] {
        let (written, receipt) = oneshot::channel();
        driven.tell(Message::EndSilence { id: "s1".into(), written });
        assert_eq!(receipt.await, Ok(is_known));
    }
    assert_eq!(decided(&driven, &id).await, ["silenced", "released"]);
    driven.store.close().await.unwrap();
}

#[tokio::test]
async fn an_acknowledgement_is_written_down_and_outlasts_a_restart() {
    let text = format!("{TCP}{OPS}");
    let mut driven = driven(&text);
    driven.tell(observed(driven.key("a"), Some(Code::TcpRefused)));
    let id = driven.snapshot.borrow().check("a").unwrap().incident.clone().unwrap();
    let acknowledgement = Acknowledgement { author: "kim".into(), at: clock::now(), note: None };
    for (incident, is_open) in [(id.clone(), true), ("none".into(), false)] {
        let (written, receipt) = oneshot::channel();
        let acknowledgement = Some(acknowledgement.clone());
        driven.tell(Message::Acknowledge { incident, acknowledgement, written });
        assert_eq!(receipt.await, Ok(is_open));
    }
    let driven = restarted(driven, &text).await;
    let open = driven.snapshot.borrow().incidents[0].clone();
    assert_eq!((&open.id, &open.acknowledged), (&id, &Some(acknowledgement)));
    driven.store.close().await.unwrap();
}

#[tokio::test]
async fn what_flaps_is_open_while_it_is_well_and_is_seen_bad_again_after_a_restart() {
    let mut driven = driven(TCP);
    for _ in 0..3 {
        driven.tell(observed(driven.key("a"), Some(Code::TcpRefused)));
        driven.tell(observed(driven.key("a"), None));
    }
    let standing = |driven: &Driven| {
        let snapshot = driven.snapshot.borrow();
        (snapshot.check("a").unwrap().state, snapshot.incidents[0].clone())
    };
    let (state, before) = standing(&driven);
    assert!(before.is_flapping() && state == State::Up);
    let mut driven = restarted(driven, TCP).await;
    driven.tell(observed(driven.key("a"), None));
    assert_eq!(standing(&driven).1.flapping, before.flapping, "well, as it was");
    driven.tell(observed(driven.key("a"), Some(Code::TcpRefused)));
    let (state, after) = standing(&driven);
    assert_eq!((state, after.state, &after.id), (State::Down, State::Down, &before.id));
    assert_eq!(after.flapping.as_ref().unwrap().turns, 4);
    driven.store.close().await.unwrap();
}

#[test]
fn a_lost_sender_does_not_make_the_loop_spin() {
    use futures_util::FutureExt;
    let (sender, mut watched) = watch::channel(1);
    sender.send_replace(2);
    assert!(changed(&mut watched).now_or_never().is_some());
    drop(sender);
    assert!(changed(&mut watched).now_or_never().is_none());
}

#[tokio::test]
async fn certificates_in_use_are_known_again_after_a_restart() {
    use crate::tls::workshop::{Leaf, plain};
    use health::facts::{CertificatesSeen, TlsFacts};

    const TLS: &str = "[[tls]]\nname = \"shop\"\naddress = \"shop.example:443\"\n";
    let instance = plan(TLS).checks[0].frame.instance.to_string();
    let leaf = crate::tls::facts_of(&Leaf::self_signed(&["shop.example"], &plain).der).unwrap();
    for (instance, version) in [(instance, 1), ("other.example:443".to_owned(), 0)] {
        let folder = tempfile::tempdir().unwrap();
        let (store, mut restored) = Store::open(&folder.path().join("p.db"), clock::now()).unwrap();
        let tls = TlsFacts {
            protocol: "TLS 1.3".to_owned(),
            cipher: String::new(),
            alpn: None,
            server_name: "shop.example".to_owned(),
            chain: Arc::new(vec![leaf.clone()]),
            trusted: false,
            ..TlsFacts::default()
        };
        let seen = CertificatesSeen {
            instance,
            tls: Some(Box::new(tls)),
            files: Vec::new(),
            served: Vec::new(),
        };
        restored.certificates.insert("shop".into(), seen);
        let driven = begin(TLS, store, restored, folder);
        assert_eq!(driven.main_loop.net.certificates.version(), version);
    }
}

const TOLD: &str = "[[receiver]]\nname = \"ops\"\nwebhook = { url = \"http://127.0.0.1:9/\" }\n\
    [[tcp]]\nname = \"nightly\"\naddress = \"127.0.0.1:23\"\ncron = \"0 * * * *\"\ntimezone = \"UTC\"\n";

/// A loop on the same store, as if it had been away for so long, told what it missed; the message.
async fn back_after(
    driven: Driven,
    text: &str,
    away: jiff::SignedDuration,
) -> Vec<serde_json::Value> {
    let gone = clock::now() - away;
    driven.store.note_alive(gone);
    let mut driven = restarted(driven, text).await;
    driven.tell(observed(driven.key("a"), Some(Code::TcpRefused)));
    let now = clock::now();
    driven.main_loop.tell_absence(now);
    assert!(driven.main_loop.batch.notifications.is_empty(), "everything is to be looked at first");
    driven.main_loop.tell_absence(now + jiff::SignedDuration::from_mins(4));
    let told = std::mem::take(&mut driven.main_loop.batch.notifications);
    driven.main_loop.tell_absence(now + jiff::SignedDuration::from_mins(9));
    assert!(driven.main_loop.batch.notifications.is_empty(), "told twice");
    told.iter().map(|one| serde_json::from_str(&one.body).unwrap()).collect()
}

#[tokio::test]
async fn what_was_missed_while_it_was_not_running_is_told_once() {
    let text = format!("{TCP}{TOLD}");
    let away = jiff::SignedDuration::from_hours(3);
    let told = back_after(driven(&text), &text, away).await;
    assert_eq!(told.len(), 1);
    let message = &told[0];
    assert_eq!((&message["type"], &message["agent"]), (&"agent.missed".into(), &message["agent"]));
    let missed = &message["missed"];
    assert_eq!(missed["incidents"][0]["check"], "a");
    assert_eq!(missed["looks"][0]["check"], "nightly");
    assert_eq!(missed["looks"][0]["count"], 3);
    let at = |key: &str| message[key].as_str().unwrap().parse::<Timestamp>().unwrap();
    assert!(at("resolved_at").duration_since(at("opened_at")) >= away, "{message}");

    // A restart of seconds is none that anything is missed in.
    let short = jiff::SignedDuration::from_secs(40);
    assert!(back_after(driven(&text), &text, short).await.is_empty());
}

#[tokio::test]
async fn where_nothing_was_missed_nothing_is_told() {
    let text = format!(
        "{TCP}[[receiver]]\nname = \"ops\"\nwebhook = {{ url = \"http://127.0.0.1:9/\" }}\n"
    );
    let driven = driven(&text);
    driven.store.note_alive(clock::now() - jiff::SignedDuration::from_hours(3));
    let mut driven = restarted(driven, &text).await;
    driven.tell(observed(driven.key("a"), None));
    driven.main_loop.tell_absence(clock::now() + jiff::SignedDuration::from_mins(9));
    assert!(driven.main_loop.batch.notifications.is_empty());
}

#[tokio::test]
async fn a_second_restart_before_it_is_told_forgets_nothing_that_was_missed() {
    let text = format!("{TCP}{TOLD}");
    let driven = driven(&text);
    let away = jiff::SignedDuration::from_hours(3);
    driven.store.note_alive(clock::now() - away);
    let mut driven = restarted(driven, &text).await;
    driven.main_loop.give_sign(clock::now());
    driven.main_loop.take_leave(clock::now());
    let mut driven = restarted(driven, &text).await;
    let now = clock::now();
    driven.main_loop.tell_absence(now + jiff::SignedDuration::from_mins(4));
    assert_eq!(driven.main_loop.batch.notifications.len(), 1);
    driven.main_loop.commit(now);
    driven.main_loop.give_sign(now);
    let mut driven = restarted(driven, &text).await;
    driven.main_loop.tell_absence(now + jiff::SignedDuration::from_mins(9));
    assert!(driven.main_loop.batch.notifications.is_empty(), "told twice");
}
