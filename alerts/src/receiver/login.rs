//! Who we say we are to a receiver over HTTP.

use base64::Engine as _;
use base64::engine::general_purpose::STANDARD;

use super::posting::Posting;
use crate::Hidden;

/// What proves who asks.
#[derive(Clone, Debug, PartialEq, Eq)]
pub enum Login {
    /// User and password (RFC 7617).
    Basic {
        /// The user.
        user: String,
        /// The password.
        password: Hidden,
    },
    /// A token (RFC 6750).
    Bearer(Hidden),
}

impl Login {
    /// The request with the header that logs in.
    pub(super) fn on(&self, posting: Posting) -> Posting {
        match self {
            Self::Basic { user, password } => {
                let pair = STANDARD.encode(format!("{user}:{}", password.expose()));
                posting
                    .with("authorization", &format!("Basic {pair}"))
                    .hiding(&Hidden::new(pair))
                    .hiding(password)
            }
            Self::Bearer(token) => {
                posting.with("authorization", &format!("Bearer {}", token.expose())).hiding(token)
            }
        }
    }
}
