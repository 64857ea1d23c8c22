//! What this agent can see of the machine it runs on, where that is not all: the network of a
//! container alone, or sockets without their owners. Said once, with the way to grant it.
//!
//! Deliberately absent: guessing. What is a container's network and what the machine's is told
//! only where the kernel or a network card says so.

use std::path::Path;

use health::{Text, text};

use super::process::{container_of, read_capped};

/// The machine's own PID namespace (`PROC_PID_INIT_INO`).
const FIRST_PIDS: &str = "pid:[4026531836]";
/// The machine's own network namespace, where it has a number of its own (since Linux 6.18).
const FIRST_NETWORK: &str = "net:[4026531833]";
const FILE_BYTES: u64 = 16 << 10;

/// Whose sockets are seen, when they are not simply the machine's and their owners'; `None` when
/// they are, or when nothing says otherwise.
#[must_use]
pub fn limits() -> Option<Text> {
    Surroundings::look().limits()
}

/// How to let this agent see who owns a socket.
#[must_use]
pub fn owners_hidden() -> Text {
    text!(
        "This agent may not see which processes own some sockets, so owners are not judged. Run it as root, or grant it: `setcap cap_sys_ptrace,cap_dac_read_search+ep $(command -v portwarden)`.",
        "일부 소켓을 어떤 프로세스가 소유하는지 볼 권한이 없어 소유자를 판정하지 않습니다. root로 실행하거나 권한을 주세요: `setcap cap_sys_ptrace,cap_dac_read_search+ep $(command -v portwarden)`."
    )
}

/// What tells a container from a machine.
#[derive(Debug, Default)]
struct Surroundings {
    /// What runs the container that this is, if it is one.
    container: Option<String>,
    pids: Option<String>,
    network: Option<String>,
    /// The network of process 1.
    first_network: Option<String>,
    /// A network card, which a container has only together with the machine's network.
    card: bool,
}

impl Surroundings {
    fn look() -> Self {
        let link = |path: &str| {
            let target = std::fs::read_link(path).ok()?;
            Some(target.to_string_lossy().into_owned())
        };
        let cards = std::fs::read_dir("/sys/class/net");
        Self {
            container: container(),
            pids: link("/proc/self/ns/pid"),
            network: link("/proc/self/ns/net"),
            first_network: link("/proc/1/ns/net"),
            card: cards.is_ok_and(|mut cards| {
                cards.any(|card| card.is_ok_and(|card| card.path().join("device").exists()))
            }),
        }
    }

    fn limits(&self) -> Option<Text> {
        let network = self.network.as_deref()?;
        let all_processes = self.pids.as_deref() == Some(FIRST_PIDS);
        if let (true, Some(first)) = (all_processes, self.first_network.as_deref()) {
            return (first != network).then(|| another(network, first));
        }
        let container = self.container.as_deref()?;
        if network == FIRST_NETWORK || self.card {
            return (!all_processes).then(|| without_owners(container));
        }
        Some(inside(container, network))
    }
}

fn another(network: &str, first: &str) -> Text {
    text!(
        "This agent sees the sockets of one network namespace alone, {network}; that of process 1 is {first}. To see the machine's, start it there: `nsenter -t 1 -n portwarden …`.",
        "이 에이전트는 {network} 네트워크 네임스페이스의 소켓만 봅니다. 1번 프로세스의 네임스페이스는 {first}입니다. 서버의 소켓을 보려면 그곳에서 시작하세요: `nsenter -t 1 -n portwarden …`."
    )
}

fn without_owners(container: &str) -> Text {
    text!(
        "This agent runs in a container ({container}) with the machine's network: it sees the machine's sockets, but of processes outside the container none, so their owners are unknown. Start it with `--pid host` as well.",
        "이 에이전트는 서버의 네트워크를 쓰는 컨테이너({container}) 안에서 실행 중입니다. 서버의 소켓은 보이지만 컨테이너 밖의 프로세스는 보이지 않아 소유자를 알 수 없습니다. `--pid host`도 함께 주고 시작하세요."
    )
}

fn inside(container: &str, network: &str) -> Text {
    text!(
        "This agent runs in a container ({container}) and sees the sockets of the container's network alone, {network}: local hosts are this container, not the machine. To see the machine's, start it with `--network host --pid host`.",
        "이 에이전트는 컨테이너({container}) 안에서 실행 중이며 컨테이너 네트워크({network})의 소켓만 봅니다. local 호스트는 서버가 아니라 이 컨테이너입니다. 서버를 보려면 `--network host --pid host`로 시작하세요."
    )
}

fn container() -> Option<String> {
    for (file, name) in [("/run/.containerenv", "podman"), ("/.dockerenv", "docker")] {
        if Path::new(file).exists() {
            return Some(name.to_owned());
        }
    }
    let text = |path: &str| {
        let bytes = read_capped(path, FILE_BYTES).unwrap_or_default();
        String::from_utf8_lossy(&bytes).into_owned()
    };
    // systemd writes down what it was started by, such as lxc or systemd-nspawn.
    let by_systemd = text("/run/systemd/container").trim().to_owned();
    if !by_systemd.is_empty() {
        return Some(by_systemd);
    }
    container_of(&text("/proc/self/cgroup"))
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn what_is_said_of_the_surroundings() {
        let own = Some("net:[4026532008]");
        // Container, PID namespace, network, that of process 1, a card, what is said.
        type Case = (
            Option<&'static str>,
            &'static str,
            Option<&'static str>,
            Option<&'static str>,
            bool,
            Option<&'static str>,
        );
        let cases: &[Case] = &[
            // An ordinary machine, as root and without the right to look at process 1.
            (None, FIRST_PIDS, own, own, true, None),
            (None, FIRST_PIDS, own, None, true, None),
            (None, FIRST_PIDS, own, None, false, None),
            // A machine made from a container's image.
            (Some("docker"), FIRST_PIDS, Some(FIRST_NETWORK), None, true, None),
            (None, FIRST_PIDS, own, Some(FIRST_NETWORK), false, Some("nsenter -t 1 -n")),
            (Some("docker"), FIRST_PIDS, own, own, true, None),
            (
                Some("docker"),
                "pid:[4026532001]",
                own,
                own,
                false,
                Some("the container's network alone"),
            ),
            (Some("docker"), "pid:[4026532001]", own, own, true, Some("`--pid host` as well")),
            (Some("lxc"), "pid:[4026532001]", Some(FIRST_NETWORK), None, false, Some("(lxc)")),
            // A sandbox with processes of its own that says of nothing to be a container.
            (None, "pid:[4026532001]", own, own, false, None),
            (Some("docker"), FIRST_PIDS, None, None, false, None),
        ];
        for &(container, pids, network, first, card, said) in cases {
            let text = |text: Option<&str>| text.map(str::to_owned);
            let surroundings = Surroundings {
                container: text(container),
                pids: Some(pids.to_owned()),
                network: text(network),
                first_network: text(first),
                card,
            };
            let limits = surroundings.limits();
            match said {
                Some(words) => {
                    let limits = limits.unwrap();
                    assert!(limits.en.contains(words), "{surroundings:?}: {}", limits.en);
                }
                None => assert_eq!(limits, None, "{surroundings:?}"),
            }
        }
    }

    #[test]
    fn this_machine_can_be_looked_at() {
        assert!(Surroundings::look().network.is_some());
    }
}
