//! Ends and beginnings in good order: SIGTERM, and a second agent on the same store.

use std::process::Command;
use std::time::Duration;

use portwarden::clock;
use tokio::io::AsyncWriteExt;
use tokio::net::{TcpListener, TcpStream};

use super::support::agent::{Agent, client, write_plan};
use super::support::receiver::Receiver;
use super::target::Target;
use super::telling::{first_bytes, plan};

#[tokio::test(flavor = "multi_thread")]
async fn sigterm_ends_it_at_once_with_streams_open() {
    let folder = tempfile::tempdir().unwrap();
    let target = Target::open("127.41.4.1").await;
    let receiver = Receiver::start().await;
    let mut agent =
        Agent::start(folder.path(), "", &plan(receiver.address, [("door", target.address)])).await;
    let mut streams = Vec::new();
    for _ in 0..3 {
        let url = format!("http://{}/api/v1/events", agent.listen);
        let mut stream = client().get(url).send().await.unwrap();
        assert!(stream.chunk().await.unwrap().is_some(), "a first event");
        streams.push(stream);
    }
    let start = clock::monotonic();
    let ended = agent.terminate();
    let took = clock::monotonic() - start;
    assert_eq!(ended.code(), Some(0), "{}", agent.log());
    assert!(took < Duration::from_secs(4), "it took {took:?}");
    for mut stream in streams {
        while let Ok(Some(_)) = stream.chunk().await {}
    }
    assert!(agent.log().contains("ended"), "{}", agent.log());
}

#[tokio::test(flavor = "multi_thread")]
async fn sigterm_waits_for_nobody_who_hangs() {
    let folder = tempfile::tempdir().unwrap();
    let mut target = Target::open("127.41.7.1").await;
    let mute = TcpListener::bind("127.0.0.1:0").await.unwrap();
    let address = mute.local_addr().unwrap();
    let mut agent =
        Agent::start(folder.path(), "", &plan(address, [("door", target.address)])).await;
    agent.state("door", "up").await;
    let mut half = TcpStream::connect(agent.listen).await.unwrap();
    half.write_all(b"GET / HTTP/1.1\r\nhost: ").await.unwrap();
    target.close().await;
    let (connection, _) = mute.accept().await.unwrap();
    let before = first_bytes(&connection).await;

    let start = clock::monotonic();
    let ended = agent.terminate();
    let took = clock::monotonic() - start;
    assert_eq!(ended.code(), Some(0), "{}", agent.log());
    assert!(took < Duration::from_secs(8), "it took {took:?}");
    drop((connection, mute));

    let receiver = Receiver::start_on(address).await;
    let _agent = Agent::start_on(folder.path(), agent.listen).await;
    let opened = receiver.expect("incident.opened", "door").await;
    assert!(before.contains(opened.id()), "another id than before:\n{before}");
}

#[tokio::test(flavor = "multi_thread")]
async fn two_agents_never_share_a_store() {
    let folder = tempfile::tempdir().unwrap();
    let target = Target::open("127.41.8.1").await;
    let receiver = Receiver::start().await;
    let plan = plan(receiver.address, [("door", target.address)]);
    let _agent = Agent::start(folder.path(), "", &plan).await;
    let second = tempfile::tempdir().unwrap();
    let store = format!("store = \"{}\"", folder.path().join("portwarden.db").display());
    write_plan(second.path(), &store, &plan);
    let done = Command::new(env!("CARGO_BIN_EXE_portwarden"))
        .args(["run"])
        .current_dir(second.path())
        .output()
        .unwrap();
    let said = String::from_utf8_lossy(&done.stderr);
    assert_eq!(done.status.code(), Some(2), "{said}");
    assert!(said.contains("another portwarden is running with this database"), "{said}");
}
