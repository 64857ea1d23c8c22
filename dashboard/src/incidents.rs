//! Incidents: those open, those over, and (in `timeline`) everything that is known of one.

mod timeline;

pub use timeline::incident;

use std::collections::HashSet;

use askama::Template;
use health::Incident;

use crate::frame::{Frame, Tab};
use crate::words::Words;
use crate::{Error, View};

#[derive(Template)]
#[template(path = "incidents.html")]
struct ListPage<'a> {
    page: Frame<'a>,
    t: Words,
    open: Vec<&'a Incident>,
    recent: Vec<&'a Incident>,
}

/// Open incidents of the snapshot and of the list, and those of the list that are over.
///
/// # Errors
/// When the template fails.
pub fn incidents(view: &View<'_>, remembered: &[Incident]) -> Result<String, Error> {
    let t = Words(view.language);
    let mut known: HashSet<&str> = HashSet::new();
    let all = view.snapshot.incidents.iter().map(|incident| &**incident).chain(remembered);
    let (mut open, mut recent): (Vec<&Incident>, Vec<&Incident>) = all
        .filter(|incident| known.insert(&incident.id))
        .partition(|incident| incident.resolved_at.is_none());
    below(&mut open);
    below(&mut recent);
    open.sort_by_key(|incident| std::cmp::Reverse((incident.severity, incident.opened_at)));
    recent.sort_by_key(|incident| std::cmp::Reverse(incident.opened_at));
    let page = Frame::new(view, Tab::Incidents, t.incidents());
    Ok(ListPage { page, t, open, recent }.render()?)
}

/// Leaves out those that are listed below the one that explains them. One that is still open when that
/// explanation no longer holds stands on its own again, and so does one of two that explained each other.
fn below(listed: &mut Vec<&Incident>) {
    let pairs: HashSet<(&str, &str)> = listed
        .iter()
        .flat_map(|cause| cause.consequences.iter().map(|after| (&*cause.id, &*after.incident)))
        .collect();
    let hidden: HashSet<&str> = pairs
        .iter()
        .filter(|(cause, after)| !pairs.contains(&(*after, *cause)) || cause < after)
        .map(|(_, after)| *after)
        .collect();
    let stands_alone =
        |incident: &Incident| incident.resolved_at.is_none() && incident.cause().is_none();
    listed.retain(|incident| stands_alone(incident) || !hidden.contains(&*incident.id));
}

#[cfg(test)]
mod tests {
    use std::collections::BTreeMap;
    use std::sync::Arc;

    use health::{Explanation, Kind, Severity, State};
    use jiff::Timestamp;

    use super::*;

    /// An incident by this id that lists these below it; explained by another, and whether it still is.
    fn incident(id: &str, below: &[&Incident], explained: Option<bool>) -> Incident {
        let begin = Timestamp::UNIX_EPOCH;
        Incident {
            id: id.into(),
            check: id.into(),
            kind: Kind::Http,
            instance: id.into(),
            host: None,
            severity: Severity::Critical,
            state: State::Down,
            opened_at: begin,
            updated_at: begin,
            resolved_at: None,
            findings: Vec::new(),
            explained_by: explained.map(|still| Explanation {
                check: Arc::from("cause"),
                incident: None,
                ended_at: (!still).then_some(begin),
            }),
            waits_until: None,
            consequences: below.iter().map(|after| after.as_consequence()).collect(),
            labels: BTreeMap::new(),
            flapping: None,
            acknowledged: None,
        }
    }

    #[test]
    fn what_stands_on_its_own_again_is_not_left_out() {
        let explained = incident("b", &[], Some(true));
        let no_longer = incident("c", &[], Some(false));
        let cause = incident("a", &[&explained, &no_longer], None);
        let over = |it: &Incident| Incident { resolved_at: Some(it.opened_at), ..it.clone() };
        let left = |mut listed: Vec<&Incident>| {
            below(&mut listed);
            listed.iter().map(|it| it.id.to_string()).collect::<Vec<_>>()
        };
        assert_eq!(left(vec![&cause, &explained, &no_longer]), ["a", "c"]);
        // Of those that are over, each is where it was.
        assert_eq!(left(vec![&over(&cause), &over(&explained), &over(&no_longer)]), ["a"]);
        // Two that explained each other in turn.
        let (one, other) = (incident("d", &[], Some(true)), incident("e", &[], Some(true)));
        let one = Incident { consequences: vec![other.as_consequence()], ..one };
        let other = Incident { consequences: vec![one.as_consequence()], ..other };
        assert_eq!(left(vec![&one, &other]), ["d"]);
    }
}
