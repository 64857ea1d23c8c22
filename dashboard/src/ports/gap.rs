//! What lies between the rows: ports that nobody has, as far as that can be told, and those that
//! the kernel gives to clients.

use std::sync::Arc;

use health::{Host, Protocol, Snapshot, Undeclared};

use super::row::Row;

/// Below this, ports are given by convention, and what is free among them is no news.
const FIRST: u16 = 1024;
/// Between two neighbours further apart than this, only the rest of a hundred is told.
const WINDOW: u16 = 100;

/// One line of the table.
pub(crate) enum Line<'a> {
    Row(Row<'a>),
    Gap(Gap),
}

/// A stretch of ports without a row.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(crate) struct Gap {
    pub(crate) first: u16,
    pub(crate) last: u16,
    pub(crate) kind: GapKind,
}

#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(crate) enum GapKind {
    /// Neither claimed nor listening.
    Free,
    /// Not claimed; who listens there cannot be told, or nobody wanted to know.
    Unclaimed,
    /// For clients of this machine.
    Ephemeral,
}

impl Gap {
    pub(crate) fn ports(&self) -> String {
        if self.first == self.last {
            self.first.to_string()
        } else {
            format!("{}–{}", self.first, self.last)
        }
    }
}

/// The rows, which are all of a host's in order, with what lies between them.
pub(crate) fn with_gaps<'a>(rows: Vec<Row<'a>>, host: &Host, snapshot: &Snapshot) -> Vec<Line<'a>> {
    let ephemeral = snapshot.ephemeral;
    let ephemeral = ephemeral.filter(|_| host.local);
    let kind = kind_of(host, &snapshot.swept);
    // The agent's own port has no row, and is not free.
    let own = snapshot.listen.filter(|_| host.local).map(|listen| listen.port());
    let mut lines = Vec::with_capacity(rows.len() * 2);
    let mut marker = ephemeral;
    let mut last_taken: Option<u16> = None;
    for row in rows {
        if row.key.protocol == Protocol::Tcp {
            let next = row.key.port;
            gaps(&mut lines, last_taken, Some(next), kind, ephemeral, own);
            mark(&mut lines, &mut marker, Some(next));
            last_taken = Some(row.last_port);
        }
        lines.push(Line::Row(row));
    }
    if last_taken.is_some() {
        gaps(&mut lines, last_taken, None, kind, ephemeral, own);
        mark(&mut lines, &mut marker, None);
    }
    lines
}

/// What can be said of ports without a row: free only where everybody would have one.
fn kind_of(host: &Host, swept: &[Arc<str>]) -> GapKind {
    let sees_all = host.undeclared != Undeclared::Ignore && host.ignore.is_empty();
    if host.local && sees_all && swept.contains(&host.name) {
        GapKind::Free
    } else {
        GapKind::Unclaimed
    }
}

/// The stretches between two neighbours; after the last one without a `next`.
fn gaps(
    lines: &mut Vec<Line<'_>>,
    taken: Option<u16>,
    next: Option<u16>,
    kind: GapKind,
    ephemeral: Option<(u16, u16)>,
    own: Option<u16>,
) {
    let Some(taken) = taken.filter(|taken| *taken >= FIRST) else { return };
    let Some(first) = taken.checked_add(1) else { return };
    let hundred = (taken / 100 * 100).saturating_add(99);
    let mut last = match next {
        Some(next) if next - first <= WINDOW => next - 1,
        _ => hundred,
    };
    if let Some((from, to)) = ephemeral {
        if (from..=to).contains(&first) {
            return;
        }
        if (first..=last).contains(&from) {
            last = from - 1;
        }
    }
    let mut tell = |first: u32, last: u32| {
        if let (Ok(first), Ok(last)) = (u16::try_from(first), u16::try_from(last))
            && first <= last
        {
            lines.push(Line::Gap(Gap { first, last, kind }));
        }
    };
    let (first, last) = (u32::from(first), u32::from(last));
    match own.map(u32::from).filter(|own| (first..=last).contains(own)) {
        Some(own) => {
            tell(first, own - 1);
            tell(own + 1, last);
        }
        None => tell(first, last),
    }
}

/// Tells of the ephemeral ports where they begin.
fn mark(lines: &mut Vec<Line<'_>>, marker: &mut Option<(u16, u16)>, next: Option<u16>) {
    if let Some((first, last)) = marker.take_if(|(from, _)| next.is_none_or(|next| next >= *from)) {
        lines.push(Line::Gap(Gap { first, last, kind: GapKind::Ephemeral }));
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    fn between(taken: u16, next: Option<u16>) -> Vec<(u16, u16)> {
        let mut lines = Vec::new();
        gaps(&mut lines, Some(taken), next, GapKind::Free, Some((32_768, 60_999)), Some(9090));
        let stretch = |line: &Line<'_>| match line {
            Line::Gap(gap) => (gap.first, gap.last),
            Line::Row(row) => (row.key.port, row.key.port),
        };
        lines.iter().map(stretch).collect()
    }

    #[test]
    fn nothing_is_called_free_before_it_was_looked_at() {
        let host = |local, undeclared| Host {
            name: "web".into(),
            address: "127.0.0.1".into(),
            local,
            undeclared,
            addresses: health::claim::Addresses::default(),
            ignore: Vec::new(),
            claims: Vec::new(),
        };
        let (warn, ignore) = (Undeclared::Warn, Undeclared::Ignore);
        for (local, undeclared, swept, expected) in [
            (true, warn, "web", GapKind::Free),
            (true, warn, "other", GapKind::Unclaimed),
            (true, ignore, "web", GapKind::Unclaimed),
            (false, warn, "web", GapKind::Unclaimed),
        ] {
            let kind = kind_of(&host(local, undeclared), &[swept.into()]);
            assert_eq!(kind, expected, "{local} {undeclared:?} {swept}");
        }
    }

    #[test]
    fn gaps_are_told_near_what_is_claimed() {
        type Case = (u16, Option<u16>, &'static [(u16, u16)]);
        let cases: [Case; 14] = [
            (3014, Some(3020), &[(3015, 3019)]),
            (3014, Some(3100), &[(3015, 3099)]),
            (3014, Some(5432), &[(3015, 3099)]),
            (3014, Some(3015), &[]),
            (3099, Some(5432), &[]),
            (22, Some(80), &[]),
            (443, Some(3000), &[]),
            (8000, None, &[(8001, 8099)]),
            (65_535, None, &[]),
            (32_750, None, &[(32_751, 32_767)]),
            (40_000, Some(40_005), &[]),
            (9080, Some(9100), &[(9081, 9089), (9091, 9099)]),
            (9089, Some(9092), &[(9091, 9091)]),
            (9080, Some(9091), &[(9081, 9089)]),
        ];
        for (taken, next, expected) in cases {
            assert_eq!(between(taken, next), expected, "{taken} {next:?}");
        }
    }
}
