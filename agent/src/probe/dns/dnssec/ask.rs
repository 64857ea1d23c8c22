//! Signed answers, from servers directly or from a resolver that is asked not to validate.

use std::net::{IpAddr, SocketAddr};

use hickory_proto::op::{Message, ResponseCode};
use hickory_proto::rr::{Name, RecordType};
use tokio::time::Instant;

use crate::clock::monotonic;
use crate::probe::dns::exchange::{self, Errand, Loss};
use crate::probe::dns::question::{Question, Role};

/// Resolvers of the system that are tried.
const MOST_UPSTREAMS: usize = 3;

/// From where and until when is asked.
#[derive(Clone, Copy, Debug)]
pub(super) struct Way<'a> {
    /// The agent's resolvers.
    pub(super) upstreams: &'a [SocketAddr],
    /// The address that the plan wants nameservers asked from.
    pub(super) source: Option<IpAddr>,
    pub(super) deadline: Instant,
}

impl Way<'_> {
    /// All questions to one server.
    async fn all(
        &self,
        server: SocketAddr,
        role: Role,
        questions: &[Question],
    ) -> Vec<Result<Message, Loss>> {
        // What is said of a nameserver's address need not hold for the agent's own resolver.
        let source = self.source.filter(|_| role == Role::Authoritative);
        let errand = Errand { server, source, role, questions, deadline: self.deadline };
        exchange::ask(errand, |_, arrival| arrival.map(|arrival| arrival.message)).await
    }

    /// One question to the first of these servers that makes a statement about the name.
    ///
    /// # Errors
    /// Why none did, for people.
    pub(super) async fn one(
        &self,
        servers: &[SocketAddr],
        role: Role,
        name: &Name,
        record_type: RecordType,
    ) -> Result<Message, String> {
        let question = [match role {
            Role::Authoritative => Question::signed(name, record_type),
            Role::Resolver => Question::signed_unchecked(name, record_type),
        }];
        let mut failure = "there is nobody to ask".to_owned();
        let servers = &servers[..servers.len().min(MOST_UPSTREAMS)];
        for (index, &server) in servers.iter().enumerate() {
            let now = Instant::from_std(monotonic());
            let share = u32::try_from(servers.len() - index).unwrap_or(1);
            let deadline = now + self.deadline.saturating_duration_since(now) / share;
            let answer = Self { deadline, ..*self }.all(server, role, &question).await.pop();
            failure = match answer {
                Some(Ok(message))
                    if role == Role::Authoritative && !message.metadata.authoritative =>
                {
                    format!("{server}: no authority for {name}")
                }
                Some(Ok(message)) => match message.metadata.response_code {
                    ResponseCode::NoError | ResponseCode::NXDomain => return Ok(message),
                    other => format!("{server}: {}", other.to_str()),
                },
                Some(Err(loss)) => format!("{server}: {}", loss.label()),
                None => continue,
            };
        }
        Err(failure)
    }

    /// One question to the agent's resolver, with the bit that has it pass on what it would refuse.
    ///
    /// # Errors
    /// Why there is no answer, for people.
    pub(super) async fn resolve(
        &self,
        name: &Name,
        record_type: RecordType,
    ) -> Result<Message, String> {
        self.one(self.upstreams, Role::Resolver, name, record_type).await
    }
}
