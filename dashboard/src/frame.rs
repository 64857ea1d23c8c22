//! What all pages share: navigation, banners, words, and how times and links are written.

use std::collections::HashMap;
use std::time::Duration;

use askama::filters::Safe;
use health::ports::Holding;
use health::snapshot::ReceiverStanding;
use health::{Language, State, Text};
use jiff::{SignedDuration, Timestamp};

use crate::words::Words;
use crate::{View, amount, asset, link};

/// Which entry of the navigation a page belongs to.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(crate) enum Tab {
    Overview,
    Ports,
    Certificates,
    Dns,
    Incidents,
    Explain,
    /// The page of one check: what is said of it needs no link to it.
    Check,
    Nowhere,
}

/// One entry of the navigation.
pub(crate) struct Entry {
    pub(crate) href: &'static str,
    pub(crate) label: &'static str,
    pub(crate) is_current: bool,
    pub(crate) count: usize,
}

/// Something about the agent itself that every page has to say.
pub(crate) struct Banner {
    pub(crate) since: Timestamp,
    pub(crate) message: String,
    pub(crate) detail: Option<String>,
}

/// A stretch of prose; what stood between backticks is code.
pub(crate) struct Piece<'a> {
    pub(crate) is_code: bool,
    pub(crate) text: &'a str,
}

impl Piece<'_> {
    /// Short enough to be kept on one line of any screen.
    pub(crate) fn is_short(&self) -> bool {
        self.text.chars().count() <= 34
    }
}

/// What every template sees as `page`.
pub(crate) struct Frame<'a> {
    pub(crate) view: View<'a>,
    pub(crate) tab: Tab,
    pub(crate) title: String,
    t: Words,
    /// Checks whose open incident somebody is on, and who.
    on_it: HashMap<&'a str, &'a str>,
}

impl<'a> Frame<'a> {
    pub(crate) fn new(view: &View<'a>, tab: Tab, title: impl Into<String>) -> Self {
        let acknowledged = view.snapshot.incidents.iter().filter_map(|incident| {
            Some((&*incident.check, &*incident.acknowledged.as_ref()?.author))
        });
        let on_it = acknowledged.collect();
        Self { view: *view, tab, title: title.into(), t: Words(view.language), on_it }
    }

    /// Who is on the open incident of a check.
    pub(crate) fn on_it(&self, check: &str) -> Option<&'a str> {
        self.on_it.get(check).copied()
    }

    /// Where somebody logs in, to come back to this page.
    pub(crate) fn login_href(&self) -> String {
        link::with_query("/login", &[("next", &self.address())])
    }

    /// Where a silence is ended.
    pub(crate) fn end_silence_href(&self, id: &str) -> String {
        format!("/silences/{}/end", link::encode(id))
    }

    /// Where somebody says that they are on an incident.
    pub(crate) fn acknowledge_href(&self, id: &str) -> String {
        format!("{}/acknowledgement", link::incident(id))
    }

    /// The zone that times without one are read and written in.
    pub(crate) fn zone_name(&self) -> String {
        let now = self.view.now.to_zoned(self.view.zone.clone());
        now.strftime("%Z").to_string()
    }

    pub(crate) fn entries(&self) -> [Entry; 5] {
        let entry =
            |href, label, tab, count| Entry { href, label, is_current: self.tab == tab, count };
        [
            entry("/", self.t.overview(), Tab::Overview, 0),
            entry("/ports", self.t.ports(), Tab::Ports, 0),
            entry("/certificates", self.t.certificates(), Tab::Certificates, 0),
            entry("/dns", self.t.dns(), Tab::Dns, 0),
            entry(
                "/incidents",
                self.t.incidents(),
                Tab::Incidents,
                // What follows from another is listed below it.
                self.view.snapshot.incidents.iter().filter(|it| it.cause().is_none()).count(),
            ),
        ]
    }

    pub(crate) fn banners(&self) -> Vec<Banner> {
        let snapshot = self.view.snapshot;
        let mut banners = Vec::new();
        if let Some((at, mistakes)) = &snapshot.plan.refused {
            banners.push(Banner {
                since: *at,
                message: self.t.plan_refused().to_owned(),
                detail: Some(mistakes.clone()),
            });
        }
        banners.extend(snapshot.troubles.iter().map(|trouble| Banner {
            since: trouble.since,
            message: self.text(&trouble.message).to_owned(),
            detail: None,
        }));
        // What has lasted is a trouble of the agent, and is said once.
        let is_said = |receiver: &&ReceiverStanding| {
            snapshot.troubles.iter().any(|trouble| {
                Some(trouble.since) == receiver.failing_since
                    && trouble.message.en.contains(&*receiver.name)
            })
        };
        for receiver in snapshot.receivers.iter().filter(|receiver| !is_said(receiver)) {
            if let Some((at, answer)) = &receiver.failed {
                let mut detail = answer.clone();
                if receiver.pending > 0 {
                    detail = format!("{detail} · {}", self.t.n_pending(receiver.pending));
                }
                banners.push(Banner {
                    since: *at,
                    message: self.t.receiver_failing(&receiver.name),
                    detail: Some(detail),
                });
            }
        }
        banners
    }

    /// The icon tells a row of browser tabs which one needs a look.
    pub(crate) fn icon(&self) -> &'static str {
        let worst =
            self.view.snapshot.checks.iter().map(|standing| standing.state).max_by_key(|state| {
                match state {
                    State::Down => 2,
                    State::Degraded => 1,
                    State::Up | State::Unknown => 0,
                }
            });
        asset::url(match worst {
            Some(State::Down) => "icon-down.svg",
            Some(State::Degraded) => "icon-degraded.svg",
            _ => "icon.svg",
        })
    }

    pub(crate) fn asset(&self, name: &str) -> &'static str {
        asset::url(name)
    }

    pub(crate) fn version(&self) -> &'static str {
        env!("CARGO_PKG_VERSION")
    }

    /// The moment the page is made for, for its script.
    pub(crate) fn now(&self) -> String {
        self.view.now.strftime("%Y-%m-%dT%H:%M:%SZ").to_string()
    }

    /// Path and query of this page, for paper.
    pub(crate) fn address(&self) -> String {
        let (path, query) = (self.view.path, self.view.query);
        if query.is_empty() { path.to_owned() } else { format!("{path}?{query}") }
    }

    pub(crate) fn in_english(&self) -> String {
        link::in_language(self.view.path, self.view.query, "en")
    }

    pub(crate) fn in_korean(&self) -> String {
        link::in_language(self.view.path, self.view.query, "ko")
    }

    pub(crate) fn is_korean(&self) -> bool {
        self.view.language == Language::Ko
    }

    pub(crate) fn text<'t>(&self, text: &'t Text) -> &'t str {
        text.in_language(self.view.language)
    }

    /// How long ago, or how far ahead, with the exact moment behind it.
    pub(crate) fn when(&self, at: &Timestamp) -> Safe<String> {
        self.moment(*at, &amount::relative(self.t, *at, self.view.now))
    }

    /// When something is due: never in the past.
    pub(crate) fn due(&self, at: &Timestamp) -> Safe<String> {
        if at.duration_since(self.view.now).as_secs() < 1 {
            return self.moment(*at, self.t.now());
        }
        self.when(at)
    }

    /// Since when something has been so: the time of today, or the day.
    pub(crate) fn since(&self, at: &Timestamp) -> Safe<String> {
        let (zoned, today) =
            (at.to_zoned(self.view.zone.clone()), self.view.now.to_zoned(self.view.zone.clone()));
        let format = if zoned.date() == today.date() { "%H:%M" } else { "%Y-%m-%d" };
        let Safe(moment) = self.moment(*at, &zoned.strftime(format).to_string());
        Safe(self.t.since_then(&moment))
    }

    /// For how long something has been so, with the moment it began behind it.
    pub(crate) fn held(&self, since: &Timestamp) -> Safe<String> {
        let span = amount::span(self.t, self.view.now.duration_since(*since));
        self.moment(*since, &self.t.for_span(&span))
    }

    /// The day alone, with the exact moment behind it.
    pub(crate) fn day(&self, at: &Timestamp) -> Safe<String> {
        let day = at.to_zoned(self.view.zone.clone()).strftime("%Y-%m-%d").to_string();
        self.moment(*at, &day)
    }

    /// Date and time to the second, in the page's zone.
    pub(crate) fn exact(&self, at: &Timestamp) -> Safe<String> {
        let zoned = at.to_zoned(self.view.zone.clone());
        self.moment(*at, &zoned.strftime("%Y-%m-%d %H:%M:%S").to_string())
    }

    // Made of digits and our own words alone, so that nothing in it needs escaping.
    fn moment(&self, at: Timestamp, words: &str) -> Safe<String> {
        let zoned = at.to_zoned(self.view.zone.clone());
        Safe(format!(
            "<time datetime=\"{}\" title=\"{}\">{words}</time>",
            at.strftime("%Y-%m-%dT%H:%M:%SZ"),
            zoned.strftime("%Y-%m-%dT%H:%M:%S%:z"),
        ))
    }

    /// The words of [`Frame::when`] alone.
    pub(crate) fn relative(&self, at: &Timestamp) -> String {
        amount::relative(self.t, *at, self.view.now)
    }

    pub(crate) fn took(&self, duration: &Duration) -> String {
        amount::took(*duration)
    }

    /// A number of seconds: exact below a minute, in large units above.
    pub(crate) fn seconds(&self, seconds: &f64) -> String {
        match Duration::try_from_secs_f64(*seconds) {
            Ok(long) if long.as_secs() >= 60 => self.span(&Duration::from_secs(long.as_secs())),
            _ => amount::took_seconds(*seconds),
        }
    }

    /// A configured duration, such as an interval.
    pub(crate) fn span(&self, duration: &Duration) -> String {
        if duration.as_secs() == 0 || duration.subsec_nanos() != 0 {
            return amount::took(*duration);
        }
        let span = SignedDuration::try_from(*duration).unwrap_or(SignedDuration::MAX);
        amount::span(self.t, span)
    }

    /// Who holds a port, in words: `node (pid 811)`.
    pub(crate) fn holder(&self, holding: &Holding) -> String {
        match (&holding.process, holding.pid, holding.owner_unknown.as_deref()) {
            _ if !holding.listening => self.t.nobody().to_owned(),
            (Some(name), Some(pid), _) => format!("{name} (pid {pid})"),
            (Some(name), None, _) => name.clone(),
            (None, _, Some("permission")) => self.t.another_user().to_owned(),
            (None, _, Some(_)) => self.t.owner_kernel().to_owned(),
            (None, _, None) => self.t.somebody().to_owned(),
        }
    }

    /// The addresses a holding is bound to.
    pub(crate) fn addresses(&self, holding: &Holding) -> String {
        let addresses: Vec<String> = holding.bind.iter().map(ToString::to_string).collect();
        addresses.join(", ")
    }

    /// How long from one moment to another, or to now.
    pub(crate) fn lasted(&self, from: &Timestamp, to: &Option<Timestamp>) -> String {
        amount::span(self.t, to.unwrap_or(self.view.now).duration_since(*from))
    }

    pub(crate) fn check_href(&self, name: &str) -> String {
        link::check(name)
    }

    /// The page of the zone that a check looks at.
    pub(crate) fn zone_href(&self, name: &str) -> String {
        link::zone(name, "")
    }

    /// How long until a moment, kept right by the page's script; `None` when it has passed.
    pub(crate) fn countdown(&self, until: &Timestamp) -> Option<Safe<String>> {
        let left = until.duration_since(self.view.now);
        if left.as_secs() < 1 {
            return None;
        }
        let Safe(moment) = self.moment(*until, &amount::countdown(self.t, left));
        Some(Safe(moment.replacen("<time ", "<time class=\"countdown\" ", 1)))
    }

    pub(crate) fn host_href(&self, name: &str) -> String {
        link::host(name)
    }

    pub(crate) fn incident_href(&self, id: &str) -> String {
        link::incident(id)
    }

    /// Prose split at its backticks.
    pub(crate) fn pieces<'t>(&self, prose: &'t str) -> Vec<Piece<'t>> {
        pieces(prose)
    }
}

/// Splits prose at its backticks; a lone one stays prose.
pub(crate) fn pieces(prose: &str) -> Vec<Piece<'_>> {
    let mut pieces = Vec::new();
    let mut rest = prose;
    while let Some((before, after)) = rest.split_once('`') {
        let Some((code, remaining)) = after.split_once('`') else { break };
        if !before.is_empty() {
            pieces.push(Piece { is_code: false, text: before });
        }
        if !code.is_empty() {
            pieces.push(Piece { is_code: true, text: code });
        }
        rest = remaining;
    }
    if !rest.is_empty() {
        pieces.push(Piece { is_code: false, text: rest });
    }
    pieces
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn backticks_make_code() {
        let shown = |prose| {
            pieces(prose)
                .iter()
                .map(|piece| {
                    if piece.is_code { format!("<{}>", piece.text) } else { piece.text.to_owned() }
                })
                .collect::<String>()
        };
        assert_eq!(shown("Reload: `nginx -s reload`."), "Reload: <nginx -s reload>.");
        assert_eq!(shown("`a` or `b`"), "<a> or <b>");
        assert_eq!(shown("a lone ` stays"), "a lone ` stays");
        assert_eq!(shown("``"), "");
    }
}
