//! Incidents → decisions (pure) → notifications → delivery (the only I/O here).

use health::Severity;

/// Somebody to be told.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Receiver {
    /// Unique among receivers.
    pub name: String,
    /// How.
    pub channel: Channel,
}

/// How a receiver is told.
#[derive(Clone, Debug, PartialEq, Eq)]
pub enum Channel {
    /// A webhook by the Standard Webhooks specification.
    Webhook(Webhook),
}

/// A webhook by the Standard Webhooks specification.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Webhook {
    /// http or https.
    pub url: String,
    /// Signs every message, when given.
    pub secret: Option<Secret>,
}

/// The bytes of a webhook secret; never shown.
#[derive(Clone, PartialEq, Eq)]
pub struct Secret(pub Vec<u8>);

impl std::fmt::Debug for Secret {
    fn fmt(&self, f: &mut std::fmt::Formatter<'_>) -> std::fmt::Result {
        f.write_str("Secret(…)")
    }
}

/// Which incidents go to whom. The first route that matches wins; without routes everybody hears all.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Route {
    /// Matches incidents of at least this severity; `None`: all.
    pub severity: Option<Severity>,
    /// Names of receivers.
    pub receivers: Vec<String>,
}
