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
        let value = match self {
            Self::Basic { user, password } => {
                format!("Basic {}", STANDARD.encode(format!("{user}:{}", password.expose())))
            }
            Self::Bearer(token) => format!("Bearer {}", token.expose()),
        };
        posting.with("authorization", &value)
    }
}
