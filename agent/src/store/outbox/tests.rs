//! The courier between this outbox and real receivers: outages, restarts, order, Retry-After.

use std::collections::HashMap;
use std::sync::atomic::{AtomicI64, Ordering};
use std::sync::{Arc, Mutex};

use alerts::{Clock, Courier, Dispatch, Engine, Receiver};
use axum::Router;
use axum::body::Bytes;
use axum::http::{HeaderMap, StatusCode};
use axum::routing::post;
use health::history::Account;
use jiff::SignedDuration;
use tokio::net::TcpListener;
use tokio::sync::oneshot;
use tokio::task::JoinHandle;

use super::*;
use crate::store::tests::{crash_image, engine, folder, opening, receiver, resolving};
use crate::store::{Batch, Store};

/// What arrived: the webhook-id, the event, the check.
type Arrived = (String, String, String);

/// Status and Retry-After.
type Answer = (u16, Option<u64>);

/// A real receiver whose answer can be changed.
#[derive(Clone)]
struct Hook {
    url: String,
    seen: Arc<Mutex<Vec<Arrived>>>,
    bodies: Arc<Mutex<Vec<serde_json::Value>>>,
    /// By check; the empty name is for all others.
    answers: Arc<Mutex<HashMap<String, Answer>>>,
    arrivals: Arc<watch::Sender<usize>>,
}

impl Hook {
    async fn start() -> Self {
        let listener = TcpListener::bind("127.32.0.1:0").await.unwrap();
        let hook = Self {
            url: format!("http://{}/hook", listener.local_addr().unwrap()),
            seen: Arc::default(),
            bodies: Arc::default(),
            answers: Arc::default(),
            arrivals: Arc::new(watch::Sender::new(0)),
        };
        let own = hook.clone();
        let router = Router::new().route(
            "/hook",
            post(move |headers: HeaderMap, body: Bytes| async move { own.take(&headers, &body) }),
        );
        tokio::spawn(async move { axum::serve(listener, router).await });
        hook
    }

    fn take(&self, headers: &HeaderMap, body: &[u8]) -> (StatusCode, HeaderMap) {
        let body: serde_json::Value = serde_json::from_slice(body).unwrap();
        let id = headers["webhook-id"].to_str().unwrap().to_owned();
        let word = |key: &str| body[key].as_str().unwrap_or_default().to_owned();
        let check = word("check");
        let answers = self.answers.lock().unwrap();
        let (status, retry_after) = answers.get(&check).or(answers.get("")).unwrap_or(&(204, None));
        let mut headers = HeaderMap::new();
        if let Some(seconds) = retry_after {
            headers.insert("retry-after", (*seconds).into());
        }
        self.seen.lock().unwrap().push((id, word("type"), check));
        self.bodies.lock().unwrap().push(body);
        self.arrivals.send_modify(|count| *count += 1);
        (StatusCode::from_u16(*status).unwrap(), headers)
    }

    fn answer(&self, check: &str, status: u16, retry_after: Option<u64>) {
        self.answers.lock().unwrap().insert(check.to_owned(), (status, retry_after));
    }

    async fn arrived(&self, count: usize) -> Vec<Arrived> {
        self.arrivals.subscribe().wait_for(|seen| *seen >= count).await.unwrap();
        self.seen.lock().unwrap().clone()
    }
}

/// A wall clock that the test sets.
#[derive(Clone)]
struct Watch(Arc<AtomicI64>);

impl Watch {
    fn new() -> Self {
        Self(Arc::new(AtomicI64::new(nanos(crate::store::tests::at(0)))))
    }

    fn now(&self) -> Timestamp {
        moment(self.0.load(Ordering::SeqCst))
    }

    fn advance(&self, by: SignedDuration) {
        self.0.fetch_add(i64::try_from(by.as_nanos()).unwrap(), Ordering::SeqCst);
    }

    fn clock(&self) -> Clock {
        let watch = self.clone();
        Arc::new(move || watch.now())
    }
}

struct Running {
    stop: oneshot::Sender<()>,
    task: JoinHandle<()>,
    reports: watch::Receiver<Vec<Dispatch>>,
    receivers: watch::Sender<Vec<Arc<Receiver>>>,
}

impl Running {
    fn start(store: &Store, receivers: &[Receiver], watch: &Watch) -> Self {
        let provider = Arc::new(rustls::crypto::ring::default_provider());
        let tls = rustls::ClientConfig::builder_with_provider(provider)
            .with_safe_default_protocol_versions()
            .unwrap()
            .with_root_certificates(rustls::RootCertStore::empty())
            .with_no_client_auth();
        let client = alerts::client(tls).unwrap();
        let receivers = receivers.iter().cloned().map(Arc::new).collect();
        let (sender, receivers) = watch::channel(receivers);
        let (courier, reports) = Courier::new(client, store.clone(), receivers, watch.clock());
        let (stop, stopped) = oneshot::channel();
        let task = tokio::spawn(courier.run(async move {
            let _ = stopped.await;
        }));
        Self { stop, task, reports, receivers: sender }
    }

    async fn wait_for(&mut self, name: &str, what: impl Fn(&Dispatch) -> bool) -> Dispatch {
        let found =
            |all: &Vec<Dispatch>| all.iter().any(|one| &*one.standing.name == name && what(one));
        let all = self.reports.wait_for(found).await.unwrap().clone();
        all.into_iter().find(|one| &*one.standing.name == name).unwrap()
    }

    async fn stop(self) {
        self.stop.send(()).unwrap();
        self.task.await.unwrap();
    }
}

/// Makes lanes look at the clock again, as the next notification would.
async fn poke(store: &Store) {
    store.0.added.send_modify(|count| *count += 1);
}

fn ids(batch: &Batch) -> Vec<String> {
    batch.notifications.iter().map(|n| n.id.to_string()).collect()
}

async fn commit(store: &Store, batch: &Batch) {
    store.commit(batch.clone()).written().await.unwrap();
}

fn setup(hooks: &[(&str, &Hook)]) -> (Vec<Receiver>, Engine, Watch) {
    let receivers: Vec<Receiver> =
        hooks.iter().map(|(name, hook)| receiver(name, hook.url.clone())).collect();
    let engine = engine(&receivers);
    (receivers, engine, Watch::new())
}

#[tokio::test]
async fn an_outage_over_a_crash_loses_nothing_and_repeats_under_the_same_id() {
    let (folder, path) = folder();
    let (store, _) = Store::open(&path, crate::store::tests::at(0)).unwrap();
    let hook = Hook::start().await;
    let (receivers, mut engine, watch) = setup(&[("ops", &hook)]);
    hook.answer("", 503, None);
    let opened = opening(&mut engine, "a", watch.now());
    let resolved = resolving(&mut engine, "a", watch.now());
    commit(&store, &opened).await;
    commit(&store, &resolved).await;
    let mut running = Running::start(&store, &receivers, &watch);
    let failing = running.wait_for("ops", |one| one.retried == 1).await;
    assert_eq!(failing.standing.pending, 2);
    assert_eq!(failing.standing.failed, Some((watch.now(), "503".to_owned())));
    running.stop().await;

    // Killed here; the receiver comes back while nobody runs.
    let image = crash_image(&path, folder.path());
    hook.answer("", 204, None);
    watch.advance(SignedDuration::from_hours(1));
    let (store, restored) = Store::open(&image, watch.now()).unwrap();
    assert_eq!(restored.pending, 2);
    let mut running = Running::start(&store, &receivers, &watch);
    let done = running.wait_for("ops", |one| one.delivered == 2 && one.standing.pending == 0).await;
    assert_eq!(done.standing.failed, None);
    let arrived = hook.arrived(3).await;
    let (first, second) = (&ids(&opened)[0], &ids(&resolved)[0]);
    let order: Vec<_> = arrived.iter().map(|(id, event, _)| (id, event.as_str())).collect();
    let wanted =
        [(first, "incident.opened"), (first, "incident.opened"), (second, "incident.resolved")];
    assert_eq!(order, wanted);
    let Account { notifications: records, .. } =
        store.incident(&opened.incidents[0].id).await.unwrap().unwrap();
    assert_eq!(records[0].attempts, 2);
    assert_eq!(records[0].delivered_at, Some(watch.now()));
    assert_eq!(records[1].last_outcome.as_deref(), Some("204"));
    running.stop().await;
}

#[tokio::test]
async fn a_message_that_is_refused_again_and_again_holds_up_only_its_own_incident() {
    let (_folder, path) = folder();
    let (store, _) = Store::open(&path, crate::store::tests::at(0)).unwrap();
    let hook = Hook::start().await;
    let (receivers, mut engine, watch) = setup(&[("ops", &hook)]);
    hook.answer("poison", 500, None);
    for check in ["poison", "a", "b"] {
        let opened = opening(&mut engine, check, watch.now());
        commit(&store, &opened).await;
        commit(&store, &resolving(&mut engine, check, watch.now())).await;
    }
    let mut running = Running::start(&store, &receivers, &watch);
    running.wait_for("ops", |one| one.delivered == 4 && one.standing.pending == 2).await;
    let arrived = hook.arrived(5).await;
    let poison = arrived.iter().filter(|(.., check)| check == "poison");
    assert!(poison.clone().all(|(_, event, _)| event == "incident.opened"), "{arrived:?}");
    hook.answer("poison", 200, None);
    watch.advance(SignedDuration::from_mins(1));
    poke(&store).await;
    running.wait_for("ops", |one| one.delivered == 6 && one.standing.pending == 0).await;
    running.stop().await;
}

#[tokio::test]
async fn retry_after_closes_the_receiver_and_a_success_opens_it_for_all() {
    let (_folder, path) = folder();
    let (store, _) = Store::open(&path, crate::store::tests::at(0)).unwrap();
    let hook = Hook::start().await;
    let (receivers, mut engine, watch) = setup(&[("ops", &hook)]);
    hook.answer("", 429, Some(3600));
    commit(&store, &opening(&mut engine, "a", watch.now())).await;
    let mut running = Running::start(&store, &receivers, &watch);
    running.wait_for("ops", |one| one.retried == 1).await;
    // Others wait too: it is the receiver that asked.
    commit(&store, &opening(&mut engine, "b", watch.now())).await;
    watch.advance(SignedDuration::from_mins(59));
    poke(&store).await;
    running.wait_for("ops", |one| one.standing.pending == 2).await;
    hook.answer("", 200, None);
    watch.advance(SignedDuration::from_mins(2));
    poke(&store).await;
    running.wait_for("ops", |one| one.delivered == 2).await;
    assert_eq!(hook.arrived(3).await.len(), 3, "called before the time it asked for");
    running.stop().await;
}

#[tokio::test]
async fn what_will_never_be_taken_is_given_up_and_shown() {
    let (_folder, path) = folder();
    let (store, _) = Store::open(&path, crate::store::tests::at(0)).unwrap();
    let hook = Hook::start().await;
    let (receivers, mut engine, watch) = setup(&[("ops", &hook)]);
    hook.answer("a", 410, None);
    let opened = opening(&mut engine, "a", watch.now());
    commit(&store, &opened).await;
    let mut running = Running::start(&store, &receivers, &watch);
    let given_up = running.wait_for("ops", |one| one.failed == 1).await;
    assert_eq!(given_up.standing.failed, Some((watch.now(), "410".to_owned())));
    running.wait_for("ops", |one| one.standing.pending == 0).await;
    running.stop().await;
    let Account { notifications: records, .. } =
        store.incident(&opened.incidents[0].id).await.unwrap().unwrap();
    assert_eq!((records[0].attempts, records[0].next_attempt_at), (1, None));
    let standing = store.standings().await.unwrap().remove(0);
    assert_eq!(standing.failed, Some((watch.now(), "410".to_owned())));
}

#[tokio::test]
async fn a_silent_receiver_delays_no_other_and_one_that_leaves_is_given_up() {
    let (_folder, path) = folder();
    let (store, _) = Store::open(&path, crate::store::tests::at(0)).unwrap();
    let hook = Hook::start().await;
    // Accepts into its backlog and never says a word.
    let silent = std::net::TcpListener::bind("127.32.0.1:0").unwrap();
    let (mut receivers, _, watch) = setup(&[("ops", &hook)]);
    receivers.push(receiver("silent", format!("http://{}/", silent.local_addr().unwrap())));
    let mut engine = engine(&receivers);
    let opened = opening(&mut engine, "a", watch.now());
    commit(&store, &opened).await;
    let mut running = Running::start(&store, &receivers, &watch);
    running.wait_for("ops", |one| one.delivered == 1).await;
    // An attempt at the silent one is still under way, or waits for another.
    drop(silent);
    running.wait_for("silent", |one| one.retried == 1).await;
    running.receivers.send_replace(vec![Arc::new(receivers[0].clone())]);
    running.reports.wait_for(|all| all.len() == 1).await.unwrap();
    commit(&store, &opening(&mut engine, "b", watch.now())).await;
    running.wait_for("ops", |one| one.delivered == 2).await;
    running.stop().await;
    let Account { notifications: records, .. } =
        store.incident(&opened.incidents[0].id).await.unwrap().unwrap();
    let silent = records.iter().find(|record| &*record.receiver == "silent").unwrap();
    assert_eq!(silent.last_outcome.as_deref(), Some("the receiver left the plan"));
}

#[tokio::test]
async fn a_receiver_that_comes_while_another_leaves_keeps_its_messages() {
    let (_folder, path) = folder();
    let (store, _) = Store::open(&path, crate::store::tests::at(0)).unwrap();
    let hook = Hook::start().await;
    let silent = TcpListener::bind("127.32.0.1:0").await.unwrap();
    let gone = receiver("silent", format!("http://{}/", silent.local_addr().unwrap()));
    let (receivers, mut to_ops, watch) = setup(&[("ops", &hook)]);
    let mut to_gone = engine(std::slice::from_ref(&gone));
    commit(&store, &opening(&mut to_gone, "a", watch.now())).await;
    let mut running = Running::start(&store, &[gone], &watch);
    let (connection, _) = silent.accept().await.unwrap();
    // The courier waits for the attempt under way to end, and has read the plan before that.
    running.receivers.send_replace(Vec::new());
    for nth in 0..10 {
        commit(&store, &opening(&mut to_gone, &format!("more {nth}"), watch.now())).await;
    }
    running.receivers.send_replace(receivers.iter().cloned().map(Arc::new).collect());
    commit(&store, &opening(&mut to_ops, "b", watch.now())).await;
    drop((connection, silent));
    let told = running.wait_for("ops", |one| one.standing.pending == 0 && one.delivered == 1);
    told.await;
    while !store.addressees().await.unwrap().is_empty() {
        tokio::task::yield_now().await;
    }
    assert_eq!(hook.arrived(1).await[0].2, "b");
    running.stop().await;
}

#[tokio::test]
async fn a_receiver_with_another_address_is_tried_at_once() {
    let (_folder, path) = folder();
    let (store, _) = Store::open(&path, crate::store::tests::at(0)).unwrap();
    let (wrong, right) = (Hook::start().await, Hook::start().await);
    let (receivers, mut engine, watch) = setup(&[("ops", &wrong)]);
    wrong.answer("", 503, Some(3600));
    for check in ["a", "b", "c", "d"] {
        commit(&store, &opening(&mut engine, check, watch.now())).await;
    }
    let mut running = Running::start(&store, &receivers, &watch);
    running.wait_for("ops", |one| one.retried >= 1).await;
    let mended = receiver("ops", right.url.clone());
    running.receivers.send_replace(vec![Arc::new(mended)]);
    // No time passes on the clock.
    let done = running.wait_for("ops", |one| one.standing.pending == 0).await;
    assert_eq!((done.delivered, done.standing.failing_since), (4, None));
    assert_eq!(right.arrived(4).await.len(), 4);
    running.stop().await;
}

#[tokio::test]
async fn a_receiver_that_comes_back_to_the_plan_is_not_failing_for_what_was_given_up_with_it() {
    let (_folder, path) = folder();
    let (store, _) = Store::open(&path, crate::store::tests::at(0)).unwrap();
    let hook = Hook::start().await;
    let (receivers, mut engine, watch) = setup(&[("ops", &hook)]);
    hook.answer("", 503, None);
    commit(&store, &opening(&mut engine, "a", watch.now())).await;
    let mut running = Running::start(&store, &receivers, &watch);
    running.wait_for("ops", |one| one.standing.failing_since.is_some()).await;
    running.stop().await;
    let mut running = Running::start(&store, &receivers, &watch);
    running.wait_for("ops", |one| one.standing.failing_since.is_some()).await;
    running.receivers.send_replace(Vec::new());
    while !store.addressees().await.unwrap().is_empty() {
        tokio::task::yield_now().await;
    }
    running.receivers.send_replace(receivers.into_iter().map(Arc::new).collect());
    let back = running.wait_for("ops", |_| true).await;
    assert_eq!((back.standing.failing_since, back.standing.failed), (None, None));
    running.stop().await;
}

#[tokio::test]
async fn a_delivered_attempt_that_cannot_be_recorded_is_not_sent_again() {
    let (_folder, path) = folder();
    let (store, _) = Store::open(&path, crate::store::tests::at(0)).unwrap();
    let hook = Hook::start().await;
    let (receivers, mut engine, watch) = setup(&[("ops", &hook)]);
    commit(&store, &opening(&mut engine, "a", watch.now())).await;
    store.on_writer(|c| c.execute_batch("PRAGMA query_only = 1")).await.unwrap();
    let mut running = Running::start(&store, &receivers, &watch);
    running.wait_for("ops", |one| one.delivered == 1).await;
    store.trouble().wait_for(Option::is_some).await.unwrap();
    poke(&store).await;
    store.on_writer(|c| c.execute_batch("PRAGMA query_only = 0")).await.unwrap();
    running.wait_for("ops", |one| one.standing.pending == 0).await;
    assert_eq!(hook.arrived(1).await.len(), 1);
    running.stop().await;
}

#[tokio::test]
async fn a_burst_goes_out_in_bundles_and_again_as_it_did() {
    let (folder, path) = folder();
    let (store, _) = Store::open(&path, crate::store::tests::at(0)).unwrap();
    let hook = Hook::start().await;
    let (receivers, mut engine, watch) = setup(&[("ops", &hook)]);
    hook.answer("", 503, None);
    let mut burst = Batch::default();
    for nth in 0..700 {
        let opened = opening(&mut engine, &format!("door {nth:03}"), watch.now());
        burst.incidents.extend(opened.incidents);
        burst.notifications.extend(opened.notifications);
    }
    commit(&store, &burst).await;
    let mut running = Running::start(&store, &receivers, &watch);
    running.wait_for("ops", |one| one.retried == 2).await;
    running.stop().await;

    // Killed here; then more opens, which goes apart from what was sent before.
    let image = crash_image(&path, folder.path());
    let (store, _) = Store::open(&image, watch.now()).unwrap();
    commit(&store, &opening(&mut engine, "late", watch.now())).await;
    hook.answer("", 204, None);
    watch.advance(SignedDuration::from_mins(1));
    let mut running = Running::start(&store, &receivers, &watch);
    let done = running.wait_for("ops", |one| one.standing.pending == 0).await;
    assert_eq!(done.delivered, 701);
    running.stop().await;
    let bodies = hook.bodies.lock().unwrap().clone();
    let mut sizes = HashMap::<String, Vec<usize>>::new();
    for ((id, ..), body) in hook.seen.lock().unwrap().iter().zip(&bodies) {
        let others = body["others"].as_array().map_or(0, Vec::len);
        sizes.entry(id.clone()).or_default().push(1 + others);
    }
    let mut sizes: Vec<Vec<usize>> = sizes.into_values().collect();
    sizes.sort();
    assert_eq!(sizes.len(), 3, "{sizes:?}");
    assert_eq!(sizes[0], [1]);
    assert!(sizes[1..].iter().all(|sent| sent.len() == 2 && sent[0] == sent[1]), "{sizes:?}");
    assert_eq!(sizes[1][0] + sizes[2][0], 700);
    let single = bodies.iter().find(|body| body["check"] == "late").unwrap();
    assert!(single.get("others").is_none(), "{single}");
    // Each of them knows how it was told, with how many others.
    let account = store.incident(&burst.incidents[3].id).await.unwrap().unwrap();
    let told = &account.notifications[0];
    let outcomes: Vec<&str> = told.tries.iter().map(|one| &*one.outcome).collect();
    assert_eq!(outcomes, ["503", "204"]);
    assert_eq!((told.attempts, told.others > 100), (2, true), "{told:?}");
}

#[tokio::test]
async fn what_opens_during_an_outage_is_gathered_and_follows_when_it_is_over() {
    let (_folder, path) = folder();
    let (store, _) = Store::open(&path, crate::store::tests::at(0)).unwrap();
    let hook = Hook::start().await;
    let (receivers, mut engine, watch) = setup(&[("ops", &hook)]);
    hook.answer("", 500, None);
    let mut running = Running::start(&store, &receivers, &watch);
    for nth in 0..40_u64 {
        commit(&store, &opening(&mut engine, &format!("door {nth}"), watch.now())).await;
        running.wait_for("ops", |one| one.standing.pending == nth + 1).await;
    }
    let during = running.wait_for("ops", |one| one.retried >= 3).await;
    assert!(during.retried < 10, "everybody was tried: {during:?}");
    assert!(during.standing.failing_since.is_some());
    assert_eq!(during.failing_since(watch.now()), None, "it has just begun");
    watch.advance(SignedDuration::from_mins(6));
    assert!(during.failing_since(watch.now()).is_some());
    hook.answer("", 204, None);
    poke(&store).await;
    let after = running.wait_for("ops", |one| one.standing.pending == 0).await;
    assert_eq!((after.delivered, after.standing.failing_since), (40, None));
    let took = hook.seen.lock().unwrap().len() - usize::try_from(after.retried).unwrap();
    assert!(took < 15, "{took} messages");
    running.stop().await;
}

#[tokio::test]
async fn what_never_arrives_is_given_up_with_its_last_answer() {
    let (_folder, path) = folder();
    let (store, _) = Store::open(&path, crate::store::tests::at(0)).unwrap();
    let hook = Hook::start().await;
    let (receivers, mut engine, watch) = setup(&[("ops", &hook)]);
    hook.answer("", 502, None);
    let opened = opening(&mut engine, "a", watch.now());
    commit(&store, &opened).await;
    let mut running = Running::start(&store, &receivers, &watch);
    let since = running.wait_for("ops", |one| one.retried == 1).await.standing.failing_since;
    running.stop().await;
    // Since when it fails is known after a restart, too.
    assert!(since.is_some());
    assert_eq!(store.standings().await.unwrap()[0].failing_since, since);
    let mut running = Running::start(&store, &receivers, &watch);
    watch.advance(SignedDuration::from_hours(73));
    poke(&store).await;
    let given_up = running.wait_for("ops", |one| one.expired == 1).await;
    assert_eq!(given_up.failing_since(watch.now()), since);
    running.wait_for("ops", |one| one.standing.pending == 0).await;
    running.stop().await;
    let account = store.incident(&opened.incidents[0].id).await.unwrap().unwrap();
    let words = account.notifications[0].last_outcome.as_deref();
    assert_eq!(words, Some("given up after 73 h, last answer: 502"));
    assert_eq!(account.notifications[0].next_attempt_at, None);
}
