//! Commands that talk to the agent that runs: where it is and what lets somebody in follows from the plan.
//! Of the plan `[agent]` alone is read, so that whoever asks for quiet needs no secrets of receivers.

use std::net::{IpAddr, Ipv4Addr, Ipv6Addr, SocketAddr};
use std::path::Path;
use std::time::Duration;

use alerts::Hidden;
use anyhow::{Context as _, bail};
use reqwest::{Method, StatusCode};
use serde_json::Value;

use crate::{plan, token};

/// Most bytes of an answer that are read: some thousand open incidents.
const MOST_BYTES: usize = 64 * 1024 * 1024;
/// It answers once something is written down, and says so when that takes longer than a few seconds.
const ANSWERS_WITHIN: Duration = Duration::from_secs(30);

/// The agent that runs.
pub(super) struct Running {
    base: String,
    token: Option<Hidden>,
    client: reqwest::Client,
    runtime: tokio::runtime::Runtime,
}

/// How a command talks to it.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(super) enum Talk {
    /// It only asks.
    Looks,
    /// It changes what is told, and brings the token along.
    Changes,
}

impl Running {
    /// The agent of this plan; `None` after its mistakes have been printed.
    pub(super) fn of(config: &Path, talk: Talk) -> anyhow::Result<Option<Self>> {
        let agent = match plan::load_agent(config) {
            Ok(agent) => agent,
            Err(mistakes) => {
                anstream::eprintln!("{}", format!("{mistakes:#}").trim_end());
                return Ok(None);
            }
        };
        let token = match talk {
            Talk::Looks => None,
            Talk::Changes => Some(token::read(&agent).with_context(|| {
                format!(
                    "the agent's token cannot be read from {} (has the agent of this plan been started, and may you read it?)",
                    token::file_of(&agent).display()
                )
            })?),
        };
        let (client, base) = (client()?, base(agent.listen));
        Ok(Some(Self { base, token, client, runtime: super::runtime()? }))
    }

    /// Asks, and hands back what is answered; `Null` where that is nothing.
    pub(super) fn ask(
        &self,
        method: Method,
        path: &str,
        body: Option<&Value>,
    ) -> anyhow::Result<Value> {
        self.runtime.block_on(async {
            let mut request = self.client.request(method, format!("{}{path}", self.base));
            if let Some(token) = &self.token {
                request = request.bearer_auth(token.expose());
            }
            if let Some(body) = body {
                request =
                    request.header("content-type", "application/json").body(body.to_string());
            }
            let mut answer = request.send().await.with_context(|| {
                format!("the agent does not answer at {} (agent.listen); is it running?", self.base)
            })?;
            let code = answer.status();
            let mut bytes = Vec::new();
            while let Some(more) = answer.chunk().await? {
                bytes.extend_from_slice(&more);
                if bytes.len() > MOST_BYTES {
                    bail!("the agent answers with more than {MOST_BYTES} bytes");
                }
            }
            let said: Value = serde_json::from_slice(&bytes).unwrap_or_default();
            if code.is_success() {
                return Ok(said);
            }
            let why = said["error"].as_str().unwrap_or("it does not say why");
            let why = super::paint::printable(why);
            match code {
                StatusCode::UNAUTHORIZED => bail!(
                    "{why}; the agent may have been started with another one than this plan and environment name"
                ),
                _ => bail!("{why} ({code})"),
            }
        })
    }
}

/// Dials the agent itself: a proxy that the environment names would learn the token.
pub(crate) fn client() -> anyhow::Result<reqwest::Client> {
    let tls = crate::tls::client_settings().map_err(anyhow::Error::msg)?;
    let client = reqwest::Client::builder()
        .tls_backend_preconfigured(tls)
        .no_proxy()
        .redirect(reqwest::redirect::Policy::none())
        .timeout(ANSWERS_WITHIN);
    Ok(client.build()?)
}

/// Where the API is of an agent that listens there.
pub(crate) fn base(listen: SocketAddr) -> String {
    format!("http://{}/api/v1", dialled(listen))
}

/// Where to dial an agent that listens there.
fn dialled(listen: SocketAddr) -> SocketAddr {
    let ip = match listen.ip() {
        IpAddr::V4(ip) if ip.is_unspecified() => Ipv4Addr::LOCALHOST.into(),
        IpAddr::V6(ip) if ip.is_unspecified() => Ipv6Addr::LOCALHOST.into(),
        ip => ip,
    };
    SocketAddr::new(ip, listen.port())
}

/// Who somebody is, where they do not say: as the system knows them.
pub(super) fn own_name() -> String {
    ["SUDO_USER", "USER", "LOGNAME"]
        .into_iter()
        .find_map(|name| std::env::var(name).ok().filter(|value| !value.trim().is_empty()))
        .unwrap_or_else(|| format!("uid {}", rustix::process::getuid().as_raw()))
}

/// An id as one segment of a path.
pub(super) fn segment(id: &str) -> anyhow::Result<&str> {
    let is_plain = !id.is_empty()
        && id.bytes().all(|byte| byte.is_ascii_alphanumeric() || b"-_.".contains(&byte));
    if is_plain { Ok(id) } else { bail!("{id:?} is not an id") }
}
