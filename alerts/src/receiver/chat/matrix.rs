//! A room of Matrix, by the client-server API (v3, `PUT …/send/m.room.message/{txnId}`).

use http::Method;
use serde_json::json;

use super::{html, marked, signed};
use crate::Hidden;
use crate::prose::{Prose, plain_lines};
use crate::receiver::posting::{Posting, in_path};

/// The most that is sent: an event may have 64 KiB with all that servers add.
const MOST_BYTES: usize = 56 * 1024;

/// A room, and who writes to it.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Matrix {
    /// The homeserver, without a final slash.
    pub homeserver: String,
    /// The room's id: `!…`.
    pub room: String,
    /// The access token of a user who is in the room.
    pub token: Hidden,
}

impl Matrix {
    /// The request of one attempt. A repeated one bears the same transaction id, so that the homeserver
    /// keeps one of them.
    pub(super) fn compose(&self, prose: &Prose) -> Posting {
        let title = signed(prose);
        let body = prose.fitted(
            |lines| {
                let set = |piece: &_| html::piece(piece, "strong");
                let formatted = marked(lines, set).replace('\n', "<br>");
                json!({
                    // A notice (`m.notice`) would wake nobody.
                    "msgtype": "m.text",
                    "body": format!("{title}\n{}", plain_lines(lines)),
                    "format": "org.matrix.custom.html",
                    "formatted_body":
                        format!("<strong>{}</strong><br>{formatted}", html::escaped(&title)),
                    // Nobody is called, whatever the text looks like.
                    "m.mentions": {},
                })
                .to_string()
            },
            |body| body.len() <= MOST_BYTES,
        );
        let url = format!(
            "{}/_matrix/client/v3/rooms/{}/send/m.room.message/{}",
            self.homeserver,
            in_path(&self.room),
            in_path(&prose.id),
        );
        Posting::new(Method::PUT, &url, body)
            .with("content-type", "application/json")
            .with("authorization", &format!("Bearer {}", self.token.expose()))
            .hiding(&self.token)
    }
}
