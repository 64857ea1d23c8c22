//! Chat services: what each wants to read, and what its answers mean.
//!
//! What comes from outside (names of checks, what a server answered) is never markup: where a service
//! has a form of text that holds none, that is used, and elsewhere every character is escaped. Nobody is
//! ever called by a name in a message (`@here`).

use super::posting::Posting;
use crate::prose::{Line, Piece, Prose, Tone};

mod discord;
mod google_chat;
mod html;
mod judge;
mod kakaowork;
mod markdown;
mod matrix;
mod mattermost;
mod naver_works;
mod slack;
mod teams;
mod telegram;

pub use discord::Discord;
pub use google_chat::GoogleChat;
pub(super) use html::escaped;
pub(super) use judge::judge;
pub use kakaowork::KakaoWork;
pub use matrix::Matrix;
pub use mattermost::Mattermost;
pub use naver_works::NaverWorks;
pub use slack::Slack;
pub use teams::Teams;
pub use telegram::Telegram;

/// A chat service.
#[derive(Clone, Debug, PartialEq, Eq)]
pub enum Chat {
    /// Slack, by an incoming webhook.
    Slack(Slack),
    /// Discord, by a webhook of a channel.
    Discord(Discord),
    /// Microsoft Teams, by a webhook of a workflow.
    Teams(Teams),
    /// Telegram, by a bot.
    Telegram(Telegram),
    /// Mattermost, by an incoming webhook.
    Mattermost(Mattermost),
    /// Google Chat, by a webhook of a space.
    GoogleChat(GoogleChat),
    /// A room of Matrix.
    Matrix(Matrix),
    /// Naver Works (LINE WORKS), by an incoming webhook.
    NaverWorks(NaverWorks),
    /// KakaoWork, by an incoming webhook.
    KakaoWork(KakaoWork),
}

impl Chat {
    /// The name used in the plan, pages and the API.
    #[must_use]
    pub const fn label(&self) -> &'static str {
        match self {
            Self::Slack(_) => "slack",
            Self::Discord(_) => "discord",
            Self::Teams(_) => "teams",
            Self::Telegram(_) => "telegram",
            Self::Mattermost(_) => "mattermost",
            Self::GoogleChat(_) => "google_chat",
            Self::Matrix(_) => "matrix",
            Self::NaverWorks(_) => "naver_works",
            Self::KakaoWork(_) => "kakaowork",
        }
    }

    /// The request of one attempt.
    pub(super) fn compose(&self, prose: &Prose) -> Posting {
        match self {
            Self::Slack(slack) => slack.compose(prose),
            Self::Discord(discord) => discord.compose(prose),
            Self::Teams(teams) => teams.compose(prose),
            Self::Telegram(telegram) => telegram.compose(prose),
            Self::Mattermost(mattermost) => mattermost.compose(prose),
            Self::GoogleChat(google) => google.compose(prose),
            Self::Matrix(matrix) => matrix.compose(prose),
            Self::NaverWorks(naver) => naver.compose(prose),
            Self::KakaoWork(kakao) => kakao.compose(prose),
        }
    }
}

impl Tone {
    /// A sign before the title, for who skims a channel.
    const fn sign(self) -> &'static str {
        match self {
            Self::Critical => "🔴",
            Self::Warning => "🟠",
            Self::Good => "🟢",
            Self::Neutral => "⚪",
        }
    }

    /// Its colour, as 0xRRGGBB.
    const fn colour(self) -> u32 {
        match self {
            Self::Critical => 0x00d3_2f2f,
            Self::Warning => 0x00f5_7c00,
            Self::Good => 0x0038_8e3c,
            Self::Neutral => 0x0075_7575,
        }
    }
}

/// The title with its sign.
fn signed(prose: &Prose) -> String {
    format!("{} {}", prose.tone.sign(), prose.title)
}

/// Lines in a service's markup, each piece by `set`.
fn marked(lines: &[Line], set: impl Fn(&Piece) -> String) -> String {
    let line = |line: &Line| {
        let pieces: String = line.pieces.iter().map(&set).collect();
        format!("{}{pieces}", set(&Piece::plain(line.mark())))
    };
    lines.iter().map(line).collect::<Vec<_>>().join("\n")
}

#[cfg(test)]
mod tests;
