//! Quiet that was asked for: silences, maintenance windows, and the form to ask for more; and in words, why
//! somebody was told of an incident or not.

use askama::Template;
use health::snapshot::MaintenanceStanding;
use health::{Kind, Matcher, Severity, Silence, Why};
use jiff::{SignedDuration, Timestamp};

use crate::frame::{Frame, Tab};
use crate::words::Words;
use crate::{Error, View, amount};

/// A silence, and how many open incidents it is about.
struct Row<'a> {
    silence: &'a Silence,
    matching: usize,
}

/// What a form to ask for a silence begins with.
pub(crate) struct Prefilled<'a> {
    pub(crate) check: &'a str,
    /// Where to go once it is made.
    pub(crate) next: String,
    /// Every condition can be typed, and not the check alone.
    pub(crate) is_whole: bool,
}

#[derive(Template)]
#[template(path = "silences.html")]
struct Page<'a> {
    page: Frame<'a>,
    t: Words,
    active: Vec<Row<'a>>,
    upcoming: Vec<Row<'a>>,
    past: Vec<Row<'a>>,
    windows: &'a [MaintenanceStanding],
    prefilled: Prefilled<'a>,
}

/// Silences that hold, those that will, maintenance windows, and what is over.
///
/// # Errors
/// When the template fails.
pub fn silences(view: &View<'_>, past: &[Silence]) -> Result<String, Error> {
    let t = Words(view.language);
    let snapshot = view.snapshot;
    let row = |silence| Row {
        silence,
        matching: snapshot.incidents.iter().filter(|it| silence.about.is_about(it)).count(),
    };
    let (active, upcoming): (Vec<&Silence>, Vec<&Silence>) = snapshot
        .silences
        .iter()
        .map(|silence| &**silence)
        .filter(|silence| view.now < silence.ends_at)
        .partition(|silence| silence.is_active(view.now));
    let page = Page {
        page: Frame::new(view, Tab::Incidents, t.silences()),
        t,
        active: active.into_iter().map(row).collect(),
        upcoming: upcoming.into_iter().map(row).collect(),
        past: past.iter().map(|silence| Row { silence, matching: 0 }).collect(),
        windows: &snapshot.maintenance,
        prefilled: Prefilled { check: "", next: "/silences".to_owned(), is_whole: true },
    };
    Ok(page.render()?)
}

impl Frame<'_> {
    /// The time of today, or day and time, in the page's zone.
    pub(crate) fn clock(&self, at: Timestamp) -> String {
        let (then, today) =
            (at.to_zoned(self.view.zone.clone()), self.view.now.to_zoned(self.view.zone.clone()));
        let format = if then.date() == today.date() { "%H:%M" } else { "%Y-%m-%d %H:%M" };
        then.strftime(format).to_string()
    }

    /// Why somebody was told, or not.
    pub(crate) fn why(&self, why: &Why) -> String {
        let t = Words(self.view.language);
        let clock = |at: &Timestamp| self.clock(*at);
        match why {
            Why::Routed { route: Some(number) } => t.why_route(&number.to_string()),
            Why::Routed { route: None } => t.why_no_routes().to_owned(),
            Why::Escalated { after_seconds } => {
                let after = i64::try_from(*after_seconds).unwrap_or(i64::MAX);
                t.why_escalated(&amount::span(t, SignedDuration::from_secs(after)))
            }
            Why::Follows => t.why_follows().to_owned(),
            Why::Reminds { nth } => t.why_reminds(&nth.to_string()),
            Why::FlapsNow => t.why_flaps_now().to_owned(),
            Why::Settled => t.why_settled().to_owned(),
            Why::Released { held } => t.why_released(&self.why(held)),
            Why::Maintenance { name, until } => t.why_maintenance(name, &clock(until)),
            Why::Silenced { author, until, .. } => t.why_silenced(author, &clock(until)),
            Why::Acknowledged { author } => t.why_acknowledged(author),
            Why::Flapping { since } => t.why_flapping(&clock(since)),
            Why::Explained { cause } => t.why_explained(cause),
            Why::AwaitsCause { cause, until } => t.why_awaits_cause(cause, &clock(until)),
            Why::OffHours { until: Some(until) } => t.why_off_hours_until(&clock(until)),
            Why::OffHours { until: None } => t.why_off_hours().to_owned(),
            Why::Unrouted => t.why_unrouted().to_owned(),
            Why::OverBefore { held } => t.why_over_before(&self.why(held)),
        }
    }

    /// What a silence or a window is about, condition by condition: what, and which.
    pub(crate) fn about(&self, about: &Matcher) -> Vec<(&'static str, String)> {
        let t = Words(self.view.language);
        let Matcher { check, host, kind, code, severity, label } = about;
        let mut conditions = Vec::new();
        let mut any = |what, names: Vec<&str>| {
            if !names.is_empty() {
                conditions.push((what, names.join(", ")));
            }
        };
        any(t.check(), check.iter().map(|it| &**it).collect());
        any(t.host(), host.iter().map(|it| &**it).collect());
        any(t.kind(), kind.iter().map(|it| t.kind_of(it)).collect());
        any(t.code(), code.iter().map(|it| &**it).collect());
        conditions.extend(severity.map(|least| (t.at_least(), t.severity_of(least).to_owned())));
        conditions.extend(label.iter().map(|(name, value)| (t.label(), format!("{name}={value}"))));
        if conditions.is_empty() {
            conditions.push((t.check(), "*".to_owned()));
        }
        conditions
    }

    /// What holds back messages at this moment: silences, and maintenance windows with their ends.
    pub(crate) fn quiet_now(&self) -> Option<String> {
        let t = Words(self.view.language);
        let (snapshot, now) = (self.view.snapshot, self.view.now);
        let silences = snapshot.silences.iter().filter(|silence| silence.is_active(now)).count();
        let open = snapshot.maintenance.iter();
        let open = open.filter(|window| window.from <= now && now < window.until);
        let windows = open.map(|window| t.why_maintenance(&window.name, &self.clock(window.until)));
        let counted = (silences > 0).then(|| t.n_silences(silences));
        let all: Vec<String> = counted.into_iter().chain(windows.take(3)).collect();
        (!all.is_empty()).then(|| all.join(" · "))
    }
}
