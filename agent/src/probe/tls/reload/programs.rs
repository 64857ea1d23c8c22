//! How programs are made to read a renewed certificate: a table of those that terminate TLS.

use health::{Process, Text, text};

/// One program's way.
#[derive(Debug)]
pub(super) struct Program {
    /// It has to be started anew: no reload reads certificates again.
    pub(super) is_restarted: bool,
    /// Its units know no `reload`, or one that leaves certificates alone: it is always asked itself.
    pub(super) is_asked_itself: bool,
    /// What to type where nothing like systemd runs it, with backticks.
    pub(super) by_hand: String,
    /// The same for a hook, where the process id of today says nothing.
    pub(super) hook: Option<String>,
    /// The same where it runs in a container, `ID` standing for it.
    pub(super) in_container: Option<String>,
    /// One sentence more that people need, with a blank before it.
    pub(super) extra: Option<Text>,
}

impl Program {
    /// Reloaded by a command, here and in a container alike.
    fn by(command: impl Into<String>) -> Self {
        let command = command.into();
        Self {
            is_restarted: false,
            is_asked_itself: false,
            by_hand: format!("`{command}`"),
            in_container: Some(format!("docker exec ID {command}")),
            hook: Some(command),
            extra: None,
        }
    }

    /// Reloaded by a signal to its first process.
    fn by_signal(signal: &str, process: &Process) -> Self {
        Self {
            is_restarted: false,
            is_asked_itself: false,
            by_hand: format!("`kill -{signal} {}`", process.pid),
            hook: Some(format!("pkill -{signal} -o -x {}", process.name)),
            in_container: Some(format!("docker kill -s {signal} ID")),
            extra: None,
        }
    }

    /// Started anew by whatever started it.
    fn restarted(process: &Process) -> Self {
        Self {
            is_restarted: true,
            is_asked_itself: false,
            by_hand: format!("`kill {}`, then start it the way it was started before", process.pid),
            hook: None,
            in_container: None,
            extra: None,
        }
    }

    fn asked_itself(self) -> Self {
        Self { is_asked_itself: true, ..self }
    }

    fn saying(self, extra: Text) -> Self {
        Self { extra: Some(extra), ..self }
    }
}

/// The way of the program that a process runs.
pub(super) fn of(process: &Process) -> Program {
    let executable = process.executable.as_deref().and_then(|path| path.rsplit('/').next());
    let line = &*process.command_line;
    // Interpreters say in their arguments what they run.
    let runs = |name: &str| line.split([' ', '/']).any(|word| word == name);
    match executable.unwrap_or(&process.name) {
        name @ ("nginx" | "openresty" | "angie" | "tengine" | "freenginx") => nginx(name, line),
        "haproxy" => haproxy(line),
        "apache2" | "httpd" | "httpd-prefork" | "httpd-worker" | "httpd-event" => {
            Program::by("apachectl graceful")
        }
        "caddy" => {
            let from = after(line, "--config").map(|path| format!(" --config {path}"));
            // Without force a configuration that did not change is not loaded again.
            Program::by(format!("caddy reload --force{}", from.unwrap_or_default()))
        }
        "envoy" => Program::restarted(process).saying(text!(
            " Envoy reads a renewed file by itself only where it gets it by SDS with `watched_directory`.",
            " Envoy는 `watched_directory`가 있는 SDS로 인증서를 받을 때만 갱신된 파일을 스스로 읽습니다."
        )),
        "traefik" => Program::by("touch /etc/traefik/dynamic.yml").saying(text!(
            " Traefik reads certificates again when the file of its dynamic configuration that names them changes: give the path of yours.",
            " Traefik은 인증서를 적은 동적 설정 파일이 바뀔 때 인증서를 다시 읽으므로, 실제 설정 파일 경로를 쓰세요."
        )).asked_itself(),
        "master" if line.is_empty() || line.contains("postfix") || line.contains("master") => {
            Program::by("postfix reload")
        }
        "dovecot" => Program::by("doveadm reload"),
        "postgres" | "postmaster" => match after(line, "-D") {
            Some(folder) => Program::by(format!("pg_ctl reload -D {folder}")),
            None => Program::by_signal("HUP", process),
        },
        "mariadbd" => Program::by("mariadb -e \"FLUSH SSL\"").asked_itself(),
        "mysqld" => Program::by("mysql -e \"ALTER INSTANCE RELOAD TLS\"").asked_itself(),
        "redis-server" | "valkey-server" => Program::by("redis-cli CONFIG SET tls-cert-file PATH")
            .asked_itself()
            .saying(text!(
                " Setting the path anew has the file read again; PATH is the one it has already.",
                " 경로를 다시 설정하면 파일을 다시 읽습니다. PATH에는 지금 쓰는 경로를 그대로 적으세요."
            )),
        "unbound" => Program::by("unbound-control reload"),
        "knotd" => Program::by("knotc reload"),
        "named" => Program::by("rndc reload"),
        "gunicorn" | "mosquitto" | "stunnel" | "stunnel4" | "exim" | "exim4" | "proftpd"
        | "squid" | "sniproxy" | "hitch" | "inspircd" => Program::by_signal("HUP", process),
        _ if runs("prosody") => Program::by("prosodyctl reload"),
        _ if runs("ejabberd") => Program::by("ejabberdctl reload-config"),
        _ if runs("gunicorn") => Program::by_signal("HUP", process),
        _ => Program::restarted(process),
    }
}

/// nginx finds its master by its configuration, so one that was started with another has to be told.
fn nginx(name: &str, line: &str) -> Program {
    let option = |flag| after(line, flag).map(|value| format!(" {flag} {value}"));
    let (prefix, configuration) = (option("-p"), option("-c"));
    let options = prefix.unwrap_or_default() + &configuration.unwrap_or_default();
    let test = format!("{name} -t{options}");
    Program::by(format!("{name} -s reload{options}")).saying(text!(
        " If it stays as it is, nginx refused its configuration and runs on with the one before: `{test}` says why.",
        " 그래도 그대로라면 nginx가 새 설정을 거부하고 이전 설정으로 계속 실행 중인 것입니다: `{test}`로 이유를 볼 수 있습니다."
    ))
}

fn haproxy(line: &str) -> Program {
    let bundle = text!(
        " HAProxy reads certificate and key from one file: put them together first, as `cat fullchain.pem privkey.pem > site.pem`.",
        " HAProxy는 인증서와 키를 한 파일에서 읽으므로 먼저 합치세요: `cat fullchain.pem privkey.pem > site.pem`."
    );
    let has_master = line.split(' ').any(|word| matches!(word, "-W" | "-Ws" | "-master-worker"));
    if has_master {
        // The sockets are held by a worker; the signal is for the master, which is older.
        let command = "pkill -USR2 -o -x haproxy".to_owned();
        return Program {
            in_container: Some("docker kill -s USR2 ID".to_owned()),
            ..Program::by(command).saying(bundle)
        };
    }
    let configuration = after(line, "-f").unwrap_or("/etc/haproxy/haproxy.cfg");
    let command = format!("haproxy -D -f {configuration} -sf $(pidof haproxy)");
    Program { in_container: None, ..Program::by(command).saying(bundle) }
}

/// The word after an option.
fn after<'a>(line: &'a str, flag: &str) -> Option<&'a str> {
    let mut words = line.split(' ').skip_while(|word| *word != flag);
    words.nth(1).filter(|value| !value.is_empty() && !value.starts_with('-'))
}
