//! What OpenSSH says in place of its identification to those it has no time for. Pure.

/// Why a server does not even introduce itself.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(crate) enum TurnedAway {
    /// Too many connections wait to log in: `MaxStartups`.
    Full,
    /// Either that, or this address is penalised (`PerSourcePenalties`): OpenSSH since 9.8 has one
    /// sentence for both.
    FullOrPenalised,
}

/// Why the server sends us away, by what it said; `None`: it does not.
pub(crate) fn turned_away(said: &[u8]) -> Option<TurnedAway> {
    match said {
        _ if said.starts_with(b"Exceeded MaxStartups") => Some(TurnedAway::Full),
        _ if said.starts_with(b"Not allowed at this time") => Some(TurnedAway::FullOrPenalised),
        _ => None,
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn who_is_sent_away_is_told_why() {
        for (said, expected) in [
            (&b"Exceeded MaxStartups\r\n"[..], Some(TurnedAway::Full)),
            (b"Not allowed at this time\r\n", Some(TurnedAway::FullOrPenalised)),
            (b"SSH-2.0-OpenSSH_9.9", None),
            (b"", None),
        ] {
            assert_eq!(turned_away(said), expected);
        }
    }
}
