//! E-mail by SMTP (RFC 5321): over TLS from the start, by STARTTLS, or in the clear where nobody logs in.
//!
//! Each recipient is judged by itself: who is refused for good does not keep the others from being
//! told, and who took a message is not sent it again because another was busy. What goes wrong before
//! the envelope (connection, TLS, password) is tried again: it is mended here, and the message is not
//! at fault. Deliberately absent: queues of other mail servers; what they took counts as delivered.

use std::collections::VecDeque;
use std::error::Error as _;
use std::fmt;
use std::str::FromStr;
use std::sync::{Arc, Mutex, OnceLock, PoisonError};
use std::time::Duration;

use jiff::Timestamp;
use lettre::message::Mailbox;
use lettre::transport::smtp::Error;
use lettre::transport::smtp::authentication::{Credentials, DEFAULT_MECHANISMS};
use lettre::transport::smtp::client::{
    AsyncSmtpConnection, Certificate, TlsParameters, TlsParametersBuilder,
};
use lettre::transport::smtp::commands::{Data, Mail as From, Rcpt};
use lettre::transport::smtp::extension::{ClientId, Extension, MailParameter};

use super::Outcome;
use super::posting::excerpt;
use crate::Hidden;
use crate::telling::Telling;

mod letter;

/// The bound on one attempt: mail servers let strangers wait before they greet.
const ATTEMPT_TIMEOUT: Duration = Duration::from_secs(30);
/// Messages of which is remembered who took them.
const REMEMBERED: usize = 256;

/// E-mail by SMTP.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Mail {
    /// Name or address of the mail server.
    pub server: String,
    /// Its port.
    pub port: u16,
    /// How the way there is secured.
    pub security: Security,
    /// User and password.
    pub login: Option<(String, Hidden)>,
    /// Whom it is from.
    pub from: Address,
    /// Whom it is for; at least one.
    pub to: Vec<Address>,
    /// What certificates of the server may lead to.
    pub roots: Roots,
    /// Who took which message.
    pub taken: Taken,
}

/// How the way to a mail server is secured.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Security {
    /// TLS from the start (RFC 8314), usually port 465.
    Tls,
    /// STARTTLS, and nothing without it (RFC 3207); usually port 587.
    Starttls,
    /// Not at all.
    Plain,
}

/// One address, with or without a name: `portwarden <alerts@shop.example>`.
#[derive(Clone, PartialEq, Eq)]
pub struct Address(Mailbox);

impl FromStr for Address {
    type Err = String;

    fn from_str(text: &str) -> Result<Self, String> {
        text.parse().map(Self).map_err(|error: lettre::address::AddressError| error.to_string())
    }
}

impl fmt::Debug for Address {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        write!(f, "{}", self.0)
    }
}

/// Roots beside the system's, as PEM.
#[derive(Clone, Default)]
pub struct Roots {
    pem: Vec<Vec<u8>>,
    kept: Arc<OnceLock<TlsParameters>>,
}

impl Roots {
    /// The system's, and these of PEM files.
    ///
    /// # Errors
    /// When one of them holds no certificate.
    pub fn with(pem: Vec<Vec<u8>>) -> Result<Self, String> {
        for one in &pem {
            Certificate::from_pem(one).map_err(|error| error.to_string())?;
        }
        Ok(Self { pem, kept: Arc::default() })
    }

    /// Settings of TLS with this server, made once.
    fn settings(&self, server: &str) -> Result<TlsParameters, Error> {
        if let Some(kept) = self.kept.get() {
            return Ok(kept.clone());
        }
        let mut settings = TlsParametersBuilder::new(server.to_owned());
        for pem in &self.pem {
            settings = settings.add_root_certificate(Certificate::from_pem(pem)?);
        }
        let settings = settings.build_rustls()?;
        Ok(self.kept.get_or_init(|| settings).clone())
    }
}

impl fmt::Debug for Roots {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        write!(f, "Roots({})", self.pem.len())
    }
}

impl PartialEq for Roots {
    fn eq(&self, other: &Self) -> bool {
        self.pem == other.pem
    }
}

impl Eq for Roots {}

/// Who took which message, while not all have: by its id, with their places in the list. Equal to
/// every other, because it says nothing of where and how.
#[derive(Clone, Debug, Default)]
pub struct Taken(Arc<Mutex<VecDeque<(String, Places)>>>);

/// Places in the list of recipients.
type Places = Vec<usize>;

impl Taken {
    fn of(&self, id: &str) -> Vec<usize> {
        let all = self.0.lock().unwrap_or_else(PoisonError::into_inner);
        all.iter().find(|(known, _)| known == id).map(|(_, by)| by.clone()).unwrap_or_default()
    }

    fn note(&self, id: &str, by: Vec<usize>) {
        let mut all = self.0.lock().unwrap_or_else(PoisonError::into_inner);
        all.retain(|(known, _)| known != id);
        all.push_back((id.to_owned(), by));
        if all.len() > REMEMBERED {
            all.pop_front();
        }
    }

    fn forget(&self, id: &str) {
        self.0.lock().unwrap_or_else(PoisonError::into_inner).retain(|(known, _)| known != id);
    }
}

impl PartialEq for Taken {
    fn eq(&self, _: &Self) -> bool {
        true
    }
}

impl Eq for Taken {}

/// What became of the recipients of one attempt.
#[derive(Debug, Default)]
struct Recipients {
    accepted: Vec<usize>,
    /// For good, with what was said.
    refused: Vec<(usize, String)>,
    /// For now.
    busy: Vec<(usize, String)>,
}

impl Mail {
    /// Makes one attempt.
    pub(super) async fn send(&self, telling: &Telling, now: Timestamp) -> Outcome {
        let letter = match letter::write(self, telling, now) {
            Ok(letter) => letter,
            Err(reason) => return Outcome::Unsendable { reason },
        };
        match tokio::time::timeout(ATTEMPT_TIMEOUT, self.converse(&telling.id, &letter)).await {
            Ok(Ok(outcome) | Err(outcome)) => outcome,
            Err(_) => Outcome::Lost { reason: "no answer in time".to_owned() },
        }
    }

    async fn converse(&self, id: &str, letter: &[u8]) -> Result<Outcome, Outcome> {
        let mut server = Box::pin(self.connect()).await.map_err(|error| before_envelope(&error))?;
        let outcome = self.hand_over(&mut server, id, letter).await;
        match &outcome {
            // Where the connection is lost there is nobody to take leave of.
            Err(Outcome::Lost { .. }) => {}
            _ => drop(tokio::time::timeout(Duration::from_secs(1), server.quit()).await),
        }
        outcome
    }

    async fn connect(&self) -> Result<AsyncSmtpConnection, Error> {
        let hello = ClientId::default();
        let settings = || self.roots.settings(&self.server);
        let immediate = match self.security {
            Security::Tls => Some(settings()?),
            Security::Starttls | Security::Plain => None,
        };
        let place = (self.server.as_str(), self.port);
        let mut server = AsyncSmtpConnection::connect_tokio1(
            place,
            Some(ATTEMPT_TIMEOUT),
            &hello,
            immediate,
            None,
        )
        .await?;
        if self.security == Security::Starttls {
            // Without it, this is an error: nothing is said in the clear.
            server.starttls(settings()?, &hello).await?;
        }
        if let Some((user, password)) = &self.login {
            let credentials = Credentials::new(user.clone(), password.expose().to_owned());
            server.auth(DEFAULT_MECHANISMS, &credentials).await?;
        }
        Ok(server)
    }

    async fn hand_over(
        &self,
        server: &mut AsyncSmtpConnection,
        id: &str,
        letter: &[u8],
    ) -> Result<Outcome, Outcome> {
        let is_wide = |address: &Address| !address.0.email.to_string().is_ascii();
        let mut parameters = Vec::new();
        if self.to.iter().chain([&self.from]).any(is_wide) {
            if !server.server_info().supports_feature(Extension::SmtpUtfEight) {
                let reason = "the mail server takes no addresses beyond ASCII (SMTPUTF8)";
                return Ok(Outcome::Refused { reason: reason.to_owned() });
            }
            parameters.push(MailParameter::SmtpUtfEight);
        }
        let sender = From::new(Some(self.from.0.email.clone()), parameters);
        server.command(sender).await.map_err(|error| in_envelope(&error))?;
        let before = self.taken.of(id);
        let recipients = self.name_recipients(server, &before).await?;
        if recipients.accepted.is_empty() {
            return Ok(self.without_any(id, &before, &recipients));
        }
        server.command(Data).await.map_err(|error| in_envelope(&error))?;
        let taken = server.message(letter).await.map_err(|error| in_envelope(&error))?;
        let said: Vec<&str> = taken.message().collect();
        let words = format!("{} {}", taken.code(), said.join(" "));
        Ok(self.with_some(id, before, &recipients, &excerpt(&words)))
    }

    /// Names everybody who has not taken it yet.
    async fn name_recipients(
        &self,
        server: &mut AsyncSmtpConnection,
        before: &[usize],
    ) -> Result<Recipients, Outcome> {
        let mut recipients = Recipients::default();
        for (place, to) in self.to.iter().enumerate().filter(|(place, _)| !before.contains(place)) {
            match server.command(Rcpt::new(to.0.email.clone(), vec![])).await {
                Ok(_) => recipients.accepted.push(place),
                Err(error) if error.is_permanent() => {
                    recipients.refused.push((place, said(&error)));
                }
                Err(error) if error.is_transient() => recipients.busy.push((place, said(&error))),
                Err(error) => return Err(in_envelope(&error)),
            }
        }
        Ok(recipients)
    }

    fn without_any(&self, id: &str, before: &[usize], recipients: &Recipients) -> Outcome {
        let reason = self.words_of(&recipients.refused, &recipients.busy);
        if !recipients.busy.is_empty() {
            return Outcome::Deferred { reason };
        }
        self.taken.forget(id);
        if before.is_empty() {
            Outcome::Refused { reason }
        } else {
            Outcome::Taken { words: with("250 before", &reason) }
        }
    }

    fn with_some(
        &self,
        id: &str,
        mut taken: Vec<usize>,
        recipients: &Recipients,
        words: &str,
    ) -> Outcome {
        let missing = self.words_of(&recipients.refused, &recipients.busy);
        if recipients.busy.is_empty() {
            self.taken.forget(id);
            return Outcome::Taken { words: with(words, &missing) };
        }
        taken.extend(&recipients.accepted);
        self.taken.note(id, taken);
        Outcome::Deferred { reason: with("not all took it", &missing) }
    }

    /// `who@shop.example: 550 no such user`, for each of them.
    fn words_of(&self, refused: &[(usize, String)], busy: &[(usize, String)]) -> String {
        let each = refused.iter().chain(busy);
        let words: Vec<String> =
            each.map(|(place, said)| format!("{}: {said}", self.to[*place].0.email)).collect();
        words.join("; ")
    }
}

fn with(words: &str, more: &str) -> String {
    if more.is_empty() { words.to_owned() } else { format!("{words}; {more}") }
}

/// What goes wrong before anything was said of the message is not the message's fault.
fn before_envelope(error: &Error) -> Outcome {
    match error.status() {
        Some(_) => Outcome::Deferred { reason: said(error) },
        None => Outcome::Lost { reason: said(error) },
    }
}

/// What the server says of sender, recipients and message.
fn in_envelope(error: &Error) -> Outcome {
    let reason = said(error);
    match error.status() {
        Some(_) if error.is_permanent() => Outcome::Refused { reason },
        Some(_) => Outcome::Deferred { reason },
        None => Outcome::Lost { reason },
    }
}

/// `550 5.1.1 no such user`; or why there is no answer.
fn said(error: &Error) -> String {
    let mut words = Vec::new();
    match error.status() {
        Some(code) => words.push(code.to_string()),
        None if error.is_timeout() => return "no answer in time".to_owned(),
        None => {}
    }
    let mut cause = error.source();
    while let Some(inner) = cause {
        let inner_words = inner.to_string();
        if !words.contains(&inner_words) {
            words.push(inner_words);
        }
        cause = inner.source();
    }
    if words.is_empty() {
        words.push(error.to_string());
    }
    excerpt(&words.join(" "))
}

#[cfg(test)]
mod tests;
