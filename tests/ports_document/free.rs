//! `ports free` and `/api/v1/ports/free`: every way in which a port is not free.

use std::io::Read;
use std::net::{IpAddr, Shutdown, SocketAddr, TcpListener, TcpStream, UdpSocket};

use serde_json::{Value, json};
use socket2::{Domain, Socket, Type};

use crate::support::agent::{Agent, write_plan};
use crate::support::command::portwarden;
use crate::support::loopback::own_ip;

/// How many ports in a row a scene takes.
const PORTS: u16 = 7;

/// Seven ports in a row, of which each but the sixth is taken in another way.
struct Scene {
    first: u16,
    _listener: TcpListener,
    _bound: Socket,
    _datagrams: UdpSocket,
}

impl Scene {
    fn open(ip: IpAddr) -> Self {
        // What the system picks is ephemeral, and never free to allocate; so it is looked for below.
        let start = 10_000 + u16::try_from(std::process::id() % 20_000).unwrap();
        let runs = (start..32_000).chain(10_000..start).step_by(usize::from(PORTS));
        let can_bind = |port| {
            let bind = |kind| {
                let socket = Socket::new(Domain::IPV4, kind, None).unwrap();
                socket.bind(&SocketAddr::from(([0, 0, 0, 0], port)).into()).is_ok()
            };
            bind(Type::STREAM) && bind(Type::DGRAM)
        };
        let first = runs
            .into_iter()
            .find(|first| (*first..first + PORTS).all(can_bind))
            .expect("seven free ports in a row");
        let at = |offset| SocketAddr::new(ip, first + offset);
        end_a_connection(at(2));
        // Bound and not listened on: no table of listeners has it.
        let bound = Socket::new(Domain::IPV4, Type::STREAM, None).unwrap();
        bound.bind(&at(3).into()).unwrap();
        Self {
            first,
            _listener: TcpListener::bind(at(1)).unwrap(),
            _bound: bound,
            _datagrams: UdpSocket::bind(at(4)).unwrap(),
        }
    }

    fn plan(&self, ip: IpAddr) -> String {
        let first = self.first;
        format!(
            "[[host]]\nname = \"web\"\naddress = \"{ip}\"\nlocal = true\nundeclared = \"ignore\"\n\
             [[host.port]]\nport = {first}\nclaim = \"reserved\"\nservice = \"later\"\n\
             [[host]]\nname = \"back\"\naddress = \"192.0.2.9\"\n\
             [[host.port]]\nport = {listening}\nclaim = \"reserved\"\nprobe = \"none\"\n\
             [[forward]]\nname = \"nat\"\nfrom = \"{ip}:{outer}\"\nto = \"{ip}:{listening}\"\n",
            listening = first + 1,
            outer = first + 6,
        )
    }

    fn range(&self) -> String {
        format!("{}-{}", self.first, self.first + PORTS - 1)
    }

    /// The ports at these places of the range.
    fn at(&self, places: &[u16]) -> Value {
        places.iter().map(|place| self.first + place).collect()
    }
}

/// Leaves a connection in TIME_WAIT on this address: its server ended it first.
fn end_a_connection(address: SocketAddr) {
    let listener = TcpListener::bind(address).unwrap();
    let mut client = TcpStream::connect(address).unwrap();
    let (served, _) = listener.accept().unwrap();
    served.shutdown(Shutdown::Write).unwrap();
    assert_eq!(client.read(&mut [0]).unwrap(), 0);
}

fn reasons(answer: &Value, first: u16) -> Vec<(u64, String)> {
    let passed = answer["passed_over"].as_array().unwrap();
    passed
        .iter()
        .map(|run| {
            assert_eq!(run["first"], run["last"], "{run}");
            let place = run["first"].as_u64().unwrap() - u64::from(first);
            (place, run["why"].as_str().unwrap().to_owned())
        })
        .collect()
}

#[tokio::test(flavor = "multi_thread")]
async fn a_port_that_is_named_is_really_free() {
    let folder = tempfile::tempdir().unwrap();
    let ip = own_ip();
    let scene = Scene::open(ip);
    let range = scene.range();
    let listen = write_plan(folder.path(), "", &scene.plan(ip));
    let free =
        |arguments: &[&str]| portwarden(folder.path(), &[&["ports", "free"], arguments].concat());

    let told = free(&[&range]).expect(0);
    let named: Vec<u16> = told.out.lines().map(|line| line.parse().unwrap()).collect();
    assert_eq!(json!(named), scene.at(&[4, 5]), "{told:?}");
    // Anybody can bind what was named, without any option.
    for port in named {
        let socket = Socket::new(Domain::IPV4, Type::STREAM, None).unwrap();
        socket.bind(&SocketAddr::from(([0, 0, 0, 0], port)).into()).unwrap();
    }
    let told = free(&[&range, "--format", "json"]).expect(0).json();
    let why = |place, why: &str| (place, why.to_owned());
    assert_eq!(
        reasons(&told, scene.first),
        [
            why(0, "claimed"),
            why(1, "listening"),
            why(2, "connected"),
            why(3, "refused"),
            why(6, "claimed")
        ]
    );
    let told = free(&[&range, "--protocol", "udp", "--format", "json"]).expect(0).json();
    assert_eq!(told["ports"], scene.at(&[0, 1, 2, 3, 5, 6]), "{told}");
    let told = free(&[&range, "--block", "2"]).expect(0);
    assert_eq!(told.out.trim(), format!("{}-{}", scene.first + 4, scene.first + 5));

    // Fewer than asked for is said, and none at all is an error that names the reason.
    assert!(free(&[&range, "--count", "3"]).expect(1).err.contains("claimed by the plan"));
    let one = |place: u16| free(&[&(scene.first + place).to_string()]).expect(2).err;
    assert!(one(0).contains("later") && one(0).contains("web:"), "{}", one(0));
    assert!(one(2).contains("connections"), "{}", one(2));
    assert!(free(&[&range, "--block", "3"]).expect(2).err.contains("3 free tcp ports in a row"));
    assert!(free(&["9-1"]).expect(2).err.contains("1-9"));
    assert!(free(&["--host", "nowhere"]).expect(2).err.contains("web, back"));
    // Of another machine the plan alone is known.
    let told = free(&[&range, "--host", "back", "--format", "json"]).expect(0);
    assert_eq!(told.json()["ports"], scene.at(&[0, 2, 3, 4, 5]));
    assert!(
        told.err.contains("another machine")
            && !told.json()["looked_at_sockets"].as_bool().unwrap()
    );

    let agent = Agent::start_on(folder.path(), listen).await;
    let answer = agent.api(&format!("/ports/free?range={range}&count=1")).await;
    assert_eq!(answer["ports"], scene.at(&[4]), "{answer}");
    let answer = agent.api(&format!("/ports/free?range={range}")).await;
    assert_eq!(answer["ports"], scene.at(&[4, 5]), "{answer}");
    assert_eq!(reasons(&answer, scene.first).len(), 5);
    let answer = agent.api(&format!("/ports/free?range={range}&block=2")).await;
    assert_eq!(answer["blocks"], json!([{ "first": scene.first + 4, "last": scene.first + 5 }]));
    assert_eq!(agent.api("/ports/free").await["ports"].as_array().unwrap().len(), 10);
    for (query, word) in [
        ("range=9-1", "1-9"),
        ("range=web", "FIRST-LAST"),
        ("count=0", "1 to 1000"),
        ("count=many", "1 to 1000"),
        ("block=2000", "1 to 1000"),
        ("protocol=sctp", "tcp or udp"),
        ("host=nowhere", "web, back"),
        ("ranges=1-2", "range, count"),
        ("count=1&count=2", "each once"),
    ] {
        let (status, body) = agent.fetch(&format!("/api/v1/ports/free?{query}")).await.unwrap();
        assert_eq!(status, 400, "{query}: {body}");
        let told: Value = serde_json::from_str(&body).unwrap();
        assert!(told["error"].as_str().unwrap().contains(word), "{query}: {body}");
    }
}
