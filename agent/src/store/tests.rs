//! On real files: crashes, full disks, damaged and locked databases.

use std::os::unix::fs::PermissionsExt;

use alerts::{Engine, Outbox as _, Policy, Receiver};
use health::facts::{Role, VisitFacts};
use health::history::Account;
use health::snapshot::{Last, Outcome};
use health::{
    Check, Code, Facts, Finding, Kind, Phases, Severity, StandingFinding, Text, Thresholds, Timing,
    Transition,
};
use tempfile::TempDir;

use super::*;

pub(super) fn at(seconds: i64) -> Timestamp {
    Timestamp::from_second(1_800_000_000 + seconds).unwrap()
}

pub(super) fn folder() -> (TempDir, PathBuf) {
    let folder = tempfile::tempdir().unwrap();
    let path = folder.path().join("portwarden.db");
    (folder, path)
}

pub(super) fn engine(receivers: &[Receiver]) -> Engine {
    Engine::new(Policy {
        agent: "edge".into(),
        url: "http://127.0.0.1:9740".to_owned(),
        receivers: receivers.iter().cloned().map(Arc::new).collect(),
        ..Policy::default()
    })
}

pub(super) fn receiver(name: &str, url: String) -> Receiver {
    let webhook = alerts::Webhook { url, secret: None };
    Receiver::new(name, alerts::Channel::Webhook(webhook))
}

fn check(name: &str) -> Check {
    Check {
        name: name.into(),
        kind: Kind::Tcp,
        instance: "127.0.0.1:22".into(),
        host: None,
        timing: Timing::Every(Duration::from_secs(30)),
        timeout: Duration::from_secs(5),
        thresholds: Thresholds::default(),
        depends_on: Vec::new(),
        labels: std::collections::BTreeMap::new(),
    }
}

/// The batch that opens an incident of this check.
pub(super) fn opening(engine: &mut Engine, name: &str, now: Timestamp) -> Batch {
    let finding = Finding::new(Code::TcpRefused, "s", Text::same("what"), Text::same("do"));
    let standing = StandingFinding {
        finding: Arc::new(finding.severity(Severity::Critical)),
        since: now,
        confirmed: true,
        explained_by: None,
    };
    let opened = Transition::Opened(vec![standing]);
    let step = engine.advance(&check(name), State::Down, &opened, None, now);
    let change = Change { at: now, from: State::Up, to: State::Down };
    batch(step, now, vec![(name.into(), change)])
}

/// The batch that resolves it.
pub(super) fn resolving(engine: &mut Engine, name: &str, now: Timestamp) -> Batch {
    let step = engine.advance(&check(name), State::Up, &Transition::Resolved, None, now);
    batch(step, now, vec![(name.into(), Change { at: now, from: State::Down, to: State::Up })])
}

fn batch(step: alerts::Step, at: Timestamp, changes: Vec<(Arc<str>, Change)>) -> Batch {
    let incidents = step.incident.into_iter().collect();
    Batch { at, changes, incidents, notifications: step.notifications, ..Batch::default() }
}

fn nobody() -> Vec<Receiver> {
    vec![receiver("ops", "http://127.0.0.1:9/".to_owned())]
}

/// The files as a killed process would leave them.
pub(super) fn crash_image(path: &Path, folder: &Path) -> PathBuf {
    let image = folder.join("image.db");
    for suffix in ["", "-wal"] {
        let name = |path: &Path| PathBuf::from(format!("{}{suffix}", path.display()));
        std::fs::copy(name(path), name(&image)).unwrap();
    }
    image
}

impl Store {
    /// Runs something on the writer's own connection.
    pub(super) async fn on_writer<T: Send + 'static>(
        &self,
        act: impl FnOnce(&rusqlite::Connection) -> T + Send + 'static,
    ) -> T {
        let (answer, done) = oneshot::channel();
        let job = Job::Read(Box::new(move |connection| {
            let _ = answer.send(act(connection));
        }));
        assert!(self.0.jobs.send(job).is_ok());
        done.await.unwrap()
    }

    async fn pragma(&self, sql: &'static str) {
        self.on_writer(move |connection| connection.execute_batch(sql)).await.unwrap();
    }
}

#[tokio::test]
async fn what_was_acknowledged_is_there_after_a_crash() {
    let (folder, path) = folder();
    let (store, restored) = Store::open(&path, at(0)).unwrap();
    assert!(restored.incidents.is_empty() && restored.states.is_empty());
    let mut engine = engine(&nobody());
    store.commit(opening(&mut engine, "a", at(1))).written().await.unwrap();
    store.commit(opening(&mut engine, "b", at(2))).written().await.unwrap();
    store.commit(resolving(&mut engine, "b", at(3))).written().await.unwrap();

    let (_, restored) = Store::open(&crash_image(&path, folder.path()), at(4)).unwrap();
    assert_eq!(restored.pending, 3);
    assert_eq!(restored.states["a"], (State::Down, at(1)));
    assert_eq!(restored.states["b"], (State::Up, at(3)));
    let mut resumed = self::engine(&nobody());
    resumed.resume(restored.incidents);
    assert_eq!(resumed.next_due(), engine.next_due());
    let end = at(100_000);
    assert_eq!(resumed.due(end), engine.due(end));
    let resolved = resolving(&mut resumed, "a", end);
    assert_eq!(resolved.notifications, resolving(&mut engine, "a", end).notifications);
    assert_eq!(resolved.notifications.len(), 1);
}

#[tokio::test]
async fn what_the_pages_read() {
    let (_folder, path) = folder();
    let (store, _) = Store::open(&path, at(0)).unwrap();
    let mut engine = engine(&nobody());
    let mut ids = Vec::new();
    for n in 0..5 {
        let opened = opening(&mut engine, "a", at(3600 * n));
        ids.push(Arc::clone(&opened.incidents[0].id));
        store.commit(opened);
        store.commit(resolving(&mut engine, "a", at(3600 * n + 5))).written().await.unwrap();
    }
    ids.reverse();
    let page = |incidents: Vec<Incident>| incidents.into_iter().map(|i| i.id).collect::<Vec<_>>();
    let newest = page(store.incidents(2, None).await.unwrap());
    assert_eq!(newest, ids[..2]);
    assert_eq!(page(store.incidents(9, Some(&newest[1])).await.unwrap()), ids[2..]);
    let Account { incident, notifications: records, .. } =
        store.incident(&ids[0]).await.unwrap().unwrap();
    assert_eq!(incident.resolved_at, Some(at(4 * 3600 + 5)));
    assert_eq!(
        records.iter().map(|record| record.event.label()).collect::<Vec<_>>(),
        ["opened", "resolved"]
    );
    assert_eq!(store.incident("nobody").await.unwrap(), None);
    let history = store.history("a", at(100)).await.unwrap();
    assert_eq!(page(history.incidents), ids);
    assert_eq!(history.changes.len(), 10);
    let newest = Change { at: at(4 * 3600 + 5), from: State::Down, to: State::Up };
    assert_eq!(history.changes[0], newest);
}

#[tokio::test]
async fn the_file_is_private_and_for_one_agent() {
    let (_folder, path) = folder();
    let (store, _) = Store::open(&path, at(0)).unwrap();
    assert_eq!(std::fs::metadata(&path).unwrap().permissions().mode() & 0o777, 0o600);
    let Err(StoreError::Open { source, .. }) = Store::open(&path, at(0)) else {
        panic!("opened twice")
    };
    assert!(matches!(*source, StoreError::InUse));
    store.close().await.unwrap();
    assert!(matches!(store.commit(Batch::default()).written().await, Err(StoreError::Closed)));
}

#[tokio::test]
async fn a_damaged_or_newer_file_is_refused_and_life_goes_on_in_memory() {
    let (folder, path) = folder();
    std::fs::write(&path, "not a database, and long enough to be taken for one".repeat(100))
        .unwrap();
    let error = Store::open(&path, at(0)).err().unwrap();
    assert!(error.to_string().contains("portwarden.db cannot be opened"), "{error}");
    let newer = folder.path().join("newer.db");
    rusqlite::Connection::open(&newer).unwrap().pragma_update(None, "user_version", 99).unwrap();
    let refused = Store::open(&newer, at(0)).err().unwrap().to_string();
    assert!(refused.contains("later version"), "{refused}");
    assert!(Store::open(folder.path(), at(0)).is_err());

    let store = Store::detached(&error, at(7)).unwrap();
    let trouble = store.trouble().borrow().clone().unwrap();
    assert_eq!(trouble.since, at(7));
    assert!(trouble.message.en.contains("Nothing is stored"), "{}", trouble.message.en);
    store.commit(opening(&mut engine(&nobody()), "a", at(8))).written().await.unwrap();
    assert_eq!(store.waiting("ops", 5).await.unwrap().pending, 1);
    assert_eq!(store.incidents(5, None).await.unwrap().len(), 1);
    assert!(!store.writable(at(9)).await);
    assert!(store.trouble().borrow().is_some(), "writing to memory does not end it");
}

#[tokio::test]
async fn a_full_disk_delays_and_loses_nothing() {
    let (_folder, path) = folder();
    let (store, _) = Store::open(&path, at(0)).unwrap();
    assert!(store.writable(at(0)).await);
    let mut engine = engine(&nobody());
    store.pragma("PRAGMA max_page_count = 1").await;
    let mut trouble = store.trouble();
    let receipts: Vec<Receipt> = (0..50)
        .map(|n| store.commit(opening(&mut engine, &format!("check {n}"), at(n + 1))))
        .collect();
    let told = trouble.wait_for(Option::is_some).await.unwrap().clone().unwrap();
    assert!(told.message.en.contains("full") && told.message.ko.contains("portwarden.db"));
    assert!(told.since >= at(1));
    assert!(!store.writable(at(60)).await);
    let waiting = store.waiting("ops", 100).await.unwrap();
    assert!(waiting.heads.len() < 50, "there was room for all");
    store.pragma("PRAGMA max_page_count = 100000").await;
    for receipt in receipts {
        receipt.written().await.unwrap();
    }
    trouble.wait_for(Option::is_none).await.unwrap();
    assert!(store.writable(at(120)).await);
    assert_eq!(store.waiting("ops", 100).await.unwrap().heads.len(), 50);
}

#[tokio::test]
async fn at_the_bound_the_newest_batch_is_refused_and_counted() {
    let (_folder, path) = folder();
    let (store, _) = Store::open(&path, at(0)).unwrap();
    store.pragma("PRAGMA query_only = 1").await;
    let mut big = opening(&mut engine(&nobody()), "a", at(1));
    big.changes = vec![big.changes[0].clone(); WAITING - 2];
    let big = store.commit(big);
    let small = store.commit(opening(&mut engine(&nobody()), "b", at(2)));
    assert!(matches!(small.written().await, Err(StoreError::Backlog)));
    assert_eq!(store.batches_refused(), 1);
    store.pragma("PRAGMA query_only = 0").await;
    big.written().await.unwrap();
    store.commit(opening(&mut engine(&nobody()), "b", at(2))).written().await.unwrap();
}

#[tokio::test]
async fn one_batch_that_can_never_be_written_holds_up_no_other() {
    let (_folder, path) = folder();
    let (store, _) = Store::open(&path, at(0)).unwrap();
    store
        .pragma(
            "CREATE TRIGGER poison BEFORE INSERT ON incident
             WHEN NEW.body LIKE '%\"check\":\"bad\"%' BEGIN SELECT RAISE(ABORT, 'no'); END",
        )
        .await;
    let mut engine = engine(&nobody());
    let receipts =
        ["a", "bad", "c"].map(|name| store.commit(opening(&mut engine, name, at(1))).written());
    let [a, bad, c] = receipts;
    assert!(a.await.is_ok());
    assert!(matches!(bad.await, Err(StoreError::Sqlite(_))));
    assert!(c.await.is_ok());
    assert!(store.trouble().borrow().is_none());
}

#[tokio::test]
async fn a_stop_writes_the_newest_samples_too() {
    let (_folder, path) = folder();
    let (store, _) = Store::open(&path, at(0)).unwrap();
    let check: Arc<str> = "a".into();
    let sample = |n| Sample { at: at(n), duration_seconds: 0.25, success: n != 1 };
    store.append((0..3).map(|n| (&check, sample(n))));
    let before = store.history("a", at(10)).await.unwrap();
    assert_eq!(before.samples, [sample(0), sample(1), sample(2)]);
    store.close().await.unwrap();
    let (store, _) = Store::open(&path, at(20)).unwrap();
    assert_eq!(store.history("a", at(20)).await.unwrap(), before);
}

#[tokio::test]
async fn no_page_and_no_delivery_scans_a_table() {
    let (_folder, path) = folder();
    let (store, _) = Store::open(&path, at(0)).unwrap();
    let queries = [
        outbox::TRIED,
        outbox::FRESH,
        "SELECT id FROM notification WHERE bundle = ?1 AND standing = 'pending'",
        "SELECT count(*) FROM notification WHERE receiver = ?1 AND standing = 'pending'",
        "SELECT body FROM incident ORDER BY opened_at DESC, id DESC LIMIT ?1",
        "SELECT body FROM incident WHERE (opened_at, id) <
             (SELECT opened_at, id FROM incident WHERE id = ?2)
         ORDER BY opened_at DESC, id DESC LIMIT ?1",
        "SELECT body FROM incident WHERE check_id = ?1 ORDER BY opened_at DESC LIMIT ?2",
        "SELECT id FROM notification WHERE incident = ?1 ORDER BY seq LIMIT 1000",
        "SELECT at FROM change WHERE check_id = ?1 ORDER BY at DESC, rowid DESC LIMIT ?2",
        "SELECT data FROM sample_chunk WHERE check_id = ?1 ORDER BY first_ms DESC",
        "SELECT good FROM bucket WHERE check_id = ?1 AND span = ?2 AND at > ?3 - ?2 ORDER BY at",
        "SELECT data FROM minutes WHERE check_id = ?1 AND hour > ?2 AND hour < ?3 ORDER BY hour",
    ];
    for query in queries {
        let plan: Vec<String> = store
            .on_writer(move |connection| {
                let mut statement =
                    connection.prepare(&format!("EXPLAIN QUERY PLAN {query}")).unwrap();
                let count = statement.parameter_count();
                let parameters = rusqlite::params_from_iter(vec![1; count]);
                statement
                    .query_map(parameters, |row| row.get(3))
                    .unwrap()
                    .map(Result::unwrap)
                    .collect()
            })
            .await;
        let scans =
            plan.iter().any(|step| step.starts_with("SCAN") && !step.contains("USING INDEX"));
        let sorts = plan.iter().any(|step| step.contains("TEMP B-TREE"));
        assert!(!scans && !sorts, "{query}: {plan:?}");
    }
}

#[tokio::test]
async fn tenures_never_take_the_room_of_incidents() {
    let (_folder, path) = folder();
    let (store, _) = Store::open(&path, at(0)).unwrap();
    store.pragma("PRAGMA query_only = 1").await;
    let noted = |count: usize| {
        let one = |n: usize| (Arc::from(format!("web:{n}")), tenure(1, 2, None));
        Batch { at: at(0), tenures: (0..count).map(one).collect(), ..Batch::default() }
    };
    // A first start with very many claims.
    let all = store.commit(noted(WAITING + 5_000));
    let further = store.commit(noted(1));
    assert!(matches!(further.written().await, Err(StoreError::Notes)));
    let mut both = opening(&mut engine(&nobody()), "a", at(1));
    both.tenures = noted(1).tenures;
    let both = store.commit(both);
    assert_eq!(store.batches_refused(), 0);
    store.pragma("PRAGMA query_only = 0").await;
    all.written().await.unwrap();
    both.written().await.unwrap();
    store.commit(noted(1)).written().await.unwrap();
    store.close().await.unwrap();
    let (_store, restored) = Store::open(&path, at(2)).unwrap();
    assert_eq!((restored.incidents.len(), restored.tenures.len()), (1, WAITING + 5_000));
}

fn tenure(since: i64, pid: u32, before: Option<u32>) -> Arc<Tenure> {
    let held = |pid| health::ports::Holding {
        listening: true,
        process: Some("node".to_owned()),
        pid: Some(pid),
        owner_unknown: None,
        bind: vec!["127.0.0.1".parse().unwrap()],
    };
    Arc::new(Tenure { since: at(since), holding: held(pid), before: before.map(held) })
}

#[tokio::test]
async fn who_held_a_port_is_remembered_within_bounds() {
    let (_folder, path) = folder();
    let (store, _) = Store::open(&path, at(0)).unwrap();
    let written = |name: &str, tenure| Batch {
        at: at(0),
        tenures: vec![(Arc::from(name), tenure)],
        ..Batch::default()
    };
    for n in 0..(tenures::KEPT + 20) {
        let tenure = tenure(i64::from(n), n, n.checked_sub(1));
        store.commit(written("web:3011", tenure)).written().await.unwrap();
    }
    for other in ["web:53/udp", "web:x:80", "webs:80", "we:80", "web"] {
        store.commit(written(other, tenure(1_000, 1, Some(2)))).written().await.unwrap();
    }
    store.commit(written("web:81", tenure(1_000, 1, None))).written().await.unwrap();
    let newest = tenures::KEPT + 19;
    let kept = store.tenures("web:3011").await.unwrap();
    assert_eq!(kept.len(), tenures::KEPT as usize);
    assert_eq!(kept[0], *tenure(i64::from(newest), newest, Some(newest - 1)), "newest first");
    assert_eq!(store.history("web:3011", at(500)).await.unwrap().tenures, kept);
    assert!(store.tenures("nobody").await.unwrap().is_empty());
    let names: Vec<_> = store.tenures_on("web", 3).await.unwrap();
    let names: Vec<&str> = names.iter().map(|(name, _)| &**name).collect();
    assert_eq!(
        names,
        ["web:53/udp", "web:3011", "web:3011"],
        "its own ports alone, and changes alone"
    );

    // A year later only how each port stands is left.
    let year = 366 * 86_400;
    store.retain(at(year), Retention::default()).await.unwrap();
    assert_eq!(store.tenures("web:3011").await.unwrap(), kept[..1]);
    store.close().await.unwrap();
    let (_store, restored) = Store::open(&path, at(year)).unwrap();
    assert_eq!(restored.tenures["web:3011"], kept[0]);
    assert_eq!(restored.tenures.len(), 7);
}

#[tokio::test]
async fn a_database_of_the_first_version_is_brought_up_to_date() {
    let (_folder, path) = folder();
    let old = rusqlite::Connection::open(&path).unwrap();
    old.execute_batch(schema::STEPS[0]).unwrap();
    old.execute_batch("INSERT INTO checks VALUES (1, 'a', 'down', 5)").unwrap();
    old.pragma_update(None, "user_version", 1).unwrap();
    drop(old);
    let (store, restored) = Store::open(&path, at(0)).unwrap();
    assert_eq!(restored.states[&Arc::from("a")].0, State::Down, "nothing is lost");
    assert!(restored.tenures.is_empty());
    let batch = Batch { tenures: vec![("web:1".into(), tenure(1, 2, None))], ..Batch::default() };
    store.commit(batch).written().await.unwrap();
    assert_eq!(store.tenures("web:1").await.unwrap().len(), 1);
}

#[tokio::test]
async fn the_certificates_seen_last_are_remembered() {
    let (_folder, path) = folder();
    let (store, restored) = Store::open(&path, at(0)).unwrap();
    assert!(restored.certificates.is_empty());
    let seen = |instance: &str| CertificatesSeen {
        instance: instance.to_owned(),
        tls: None,
        files: Vec::new(),
        served: Vec::new(),
    };
    for (check, instance) in [("shop", "old:443"), ("disk", "/a/*.pem"), ("shop", "new:443")] {
        let certificates = vec![(Arc::from(check), seen(instance))];
        let batch = Batch { at: at(1), certificates, ..Batch::default() };
        store.commit(batch).written().await.unwrap();
    }
    store.close().await.unwrap();
    let damage = rusqlite::Connection::open(&path).unwrap();
    damage.execute_batch("UPDATE certificates SET seen = '{' WHERE seen LIKE '%pem%'").unwrap();
    drop(damage);
    let (_store, restored) = Store::open(&path, at(2)).unwrap();
    let expected = HashMap::from([(Arc::from("shop"), seen("new:443"))]);
    assert_eq!(restored.certificates, expected, "a row that is not understood is left out");
}

#[tokio::test]
async fn the_last_good_and_the_last_bad_look_are_remembered() {
    let (_folder, path) = folder();
    let (store, restored) = Store::open(&path, at(0)).unwrap();
    assert!(restored.outcomes.is_empty());
    let outcome = |seconds, success| {
        let visits = vec![VisitFacts {
            role: Role::Step,
            name: "log in".into(),
            way: None,
            begun: Duration::ZERO,
            took: Duration::from_millis(3),
            phases: Phases::default(),
            address: None,
            http: Some(Box::default()),
            codes: vec![Code::HttpStatus],
            failure: None,
        }];
        let facts = Facts { visits, ..Facts::default() };
        let finding = Finding::new(Code::HttpStatus, "s", Text::same("what"), Text::same("do"));
        let last = Arc::new(Last {
            at: at(seconds),
            duration: Duration::from_millis(5),
            phases: Phases::default(),
            facts,
            findings: if success { Vec::new() } else { vec![finding] },
            success,
        });
        (Arc::<str>::from("shop"), Outcome { instance: "https://shop.example/".into(), last })
    };
    for (seconds, success) in [(1, true), (2, false), (3, false)] {
        let batch =
            Batch { at: at(4), outcomes: vec![outcome(seconds, success)], ..Batch::default() };
        store.commit(batch).written().await.unwrap();
    }
    store.close().await.unwrap();
    drop(store);
    let (_store, restored) = Store::open(&path, at(5)).unwrap();
    let known = &restored.outcomes["shop"];
    let kept: Vec<_> = known.iter().map(|it| (it.last.at, it.last.success)).collect();
    assert_eq!(kept, [(at(3), false), (at(1), true)], "the newest of each");
    let (_, written) = outcome(3, false);
    assert_eq!(known[0].last.facts, written.last.facts);
    assert_eq!(known[0].last.findings, written.last.findings);
}
