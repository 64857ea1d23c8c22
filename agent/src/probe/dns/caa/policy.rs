//! What one CAA set permits (RFC 8659 §4, RFC 8657). Pure. Deliberately absent: which set is the
//! one that counts.

use crate::probe::dns::Renewal;
use crate::probe::dns::values::caa_parts;

/// Set in the flags of a property that a CA must understand (RFC 8659 §4.1).
const CRITICAL: u8 = 0x80;
/// Properties that CAs know, or may pass over when they issue for servers.
const KNOWN_TAGS: [&str; 7] =
    ["issue", "issuewild", "iodef", "issuemail", "issuevmc", "contactemail", "contactphone"];

/// Who would issue, and for what.
#[derive(Clone, Copy, Debug)]
pub(in crate::probe::dns) struct Request<'a> {
    /// The names that the CA answers to.
    pub(in crate::probe::dns) ca: &'a [String],
    pub(in crate::probe::dns) is_wildcard: bool,
    pub(in crate::probe::dns) renewal: &'a Renewal,
}

/// Why a CA must not issue.
#[derive(Clone, Debug, PartialEq, Eq, PartialOrd, Ord)]
pub(in crate::probe::dns) enum Refusal {
    /// A property that nobody knows is critical.
    Critical(String),
    /// The property names nobody: `;`.
    Nobody,
    /// What the property says cannot be read, which counts as naming nobody.
    Malformed(String),
    /// Others are named: these.
    Others(Vec<String>),
    /// Another account is meant: these.
    Account(Vec<String>),
    /// Another method is meant: these.
    Method(Vec<String>),
}

/// The property that decides: `issuewild` for wildcards where there is one, else `issue`.
pub(in crate::probe::dns) fn deciding_tag(values: &[String], is_wildcard: bool) -> &'static str {
    let has_wild = || {
        let mut parts = values.iter().filter_map(|value| caa_parts(value));
        parts.any(|(_, tag, _)| tag == "issuewild")
    };
    if is_wildcard && has_wild() { "issuewild" } else { "issue" }
}

/// Whether the CA may issue. Values are rendered CAA records.
///
/// # Errors
/// Why not.
pub(in crate::probe::dns) fn decide(
    values: &[String],
    request: Request<'_>,
) -> Result<(), Refusal> {
    let properties: Vec<_> = values.iter().filter_map(|value| caa_parts(value)).collect();
    let unknown = properties
        .iter()
        .find(|(flags, tag, _)| flags & CRITICAL != 0 && !KNOWN_TAGS.contains(tag));
    if let Some((_, tag, _)) = unknown {
        return Err(Refusal::Critical((*tag).to_owned()));
    }
    let tag = deciding_tag(values, request.is_wildcard);
    let (mut others, mut refusal, mut malformed) = (Vec::new(), None, None);
    let mut is_any = false;
    for (_, _, property) in properties.iter().filter(|(_, own, _)| *own == tag) {
        is_any = true;
        let text = String::from_utf8_lossy(property);
        let Some(grant) = Grant::read(&text) else {
            malformed.get_or_insert_with(|| text.into_owned());
            continue;
        };
        if !request.ca.iter().any(|name| name.eq_ignore_ascii_case(grant.ca)) {
            if !grant.ca.is_empty() {
                others.push(grant.ca.to_ascii_lowercase());
            }
            continue;
        }
        match grant.satisfied_by(request) {
            Ok(()) => return Ok(()),
            Err(why) => refusal = Some(why),
        }
    }
    if !is_any {
        return Ok(());
    }
    others.sort_unstable();
    others.dedup();
    Err(match (refusal, malformed) {
        (Some(refusal), _) => refusal,
        (None, Some(text)) => Refusal::Malformed(text),
        (None, None) if others.is_empty() => Refusal::Nobody,
        (None, None) => Refusal::Others(others),
    })
}

/// An `issue` or `issuewild` property read (RFC 8659 §4.2).
struct Grant<'a> {
    /// Empty: nobody.
    ca: &'a str,
    parameters: Vec<(&'a str, &'a str)>,
}

impl<'a> Grant<'a> {
    fn read(text: &'a str) -> Option<Self> {
        let mut parts = text.split(';').map(|part| part.trim_matches([' ', '\t']));
        let ca = parts.next().unwrap_or_default();
        let is_name = ca.is_empty()
            || ca.split('.').all(|label| {
                !label.is_empty()
                    && label.bytes().all(|byte| byte.is_ascii_alphanumeric() || byte == b'-')
            });
        let parameters: Option<Vec<_>> = parts
            .filter(|part| !part.is_empty())
            .map(|part| {
                let (tag, value) = part.split_once('=')?;
                let (tag, value) = (tag.trim_end(), value.trim_start());
                let is_tag =
                    !tag.is_empty() && tag.bytes().all(|byte| byte.is_ascii_alphanumeric());
                (is_tag && value.bytes().all(|byte| byte.is_ascii_graphic()))
                    .then_some((tag, value))
            })
            .collect();
        Some(Self { ca, parameters: parameters.filter(|_| is_name)? })
    }

    /// Whether the parameters that are known leave this request be (RFC 8657 §3, §4).
    fn satisfied_by(&self, request: Request<'_>) -> Result<(), Refusal> {
        let of = |tag: &str| -> Vec<&str> {
            let own = self.parameters.iter().filter(|(own, _)| own.eq_ignore_ascii_case(tag));
            own.map(|&(_, value)| value).collect()
        };
        let owned = |values: &[&str]| values.iter().map(|&value| value.to_owned()).collect();
        let accounts = of("accounturi");
        let is_other = |account: &String| accounts != [account.as_str()];
        // Two of them can never be satisfied at once.
        if accounts.len() > 1
            || (!accounts.is_empty() && request.renewal.account.as_ref().is_some_and(is_other))
        {
            return Err(Refusal::Account(owned(&accounts)));
        }
        let methods = of("validationmethods");
        let needed = request.renewal.method.filter(|_| !request.is_wildcard);
        // No other method can prove control over a wildcard.
        let needed = needed.or(request.is_wildcard.then_some("dns-01"));
        let listed: Vec<&str> = methods.iter().flat_map(|list| list.split(',')).collect();
        match needed {
            Some(needed) if !methods.is_empty() && !listed.contains(&needed) => {
                Err(Refusal::Method(owned(&listed)))
            }
            _ => Ok(()),
        }
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    const ACCOUNT: &str = "https://ca.example/acct/1";

    fn verdict(values: &[&str], is_wildcard: bool, renewal: &Renewal) -> Result<(), Refusal> {
        let values: Vec<String> = values.iter().map(|&value| value.to_owned()).collect();
        let ca = ["letsencrypt.org".to_owned()];
        decide(&values, Request { ca: &ca, is_wildcard, renewal })
    }

    fn others(names: &[&str]) -> Result<(), Refusal> {
        Err(Refusal::Others(names.iter().map(|&name| name.to_owned()).collect()))
    }

    #[test]
    fn sets_and_what_they_permit() {
        type Case<'a> = (&'a [&'a str], Result<(), Refusal>, Result<(), Refusal>);
        let table: &[Case<'_>] = &[
            (&["0 issue \"letsencrypt.org\""], Ok(()), Ok(())),
            (&["0 issue \"LetsEncrypt.org\""], Ok(()), Ok(())),
            (&["0 issue \" letsencrypt.org ; a=b\""], Ok(()), Ok(())),
            (&["0 issue \"digicert.com\""], others(&["digicert.com"]), others(&["digicert.com"])),
            (&["0 issue \"digicert.com\"", "0 issue \"letsencrypt.org\""], Ok(()), Ok(())),
            (&["0 issue \";\""], Err(Refusal::Nobody), Err(Refusal::Nobody)),
            (&["0 issue \"\""], Err(Refusal::Nobody), Err(Refusal::Nobody)),
            (&["0 issue \";\"", "0 issue \"letsencrypt.org\""], Ok(()), Ok(())),
            // For wildcards alone, and not at all for others.
            (&["0 issuewild \";\""], Ok(()), Err(Refusal::Nobody)),
            (
                &["0 issue \"letsencrypt.org\"", "0 issuewild \"pki.goog\""],
                Ok(()),
                others(&["pki.goog"]),
            ),
            (&["0 issue \";\"", "0 issuewild \"letsencrypt.org\""], Err(Refusal::Nobody), Ok(())),
            // Neither restricts anybody.
            (&["0 iodef \"mailto:a@shop.example\""], Ok(()), Ok(())),
            (&["128 iodef \"mailto:a@shop.example\"", "128 issuemail \";\""], Ok(()), Ok(())),
            (&["0 tbs \"unknown\""], Ok(()), Ok(())),
            (
                &["0 issue \"letsencrypt.org\"", "128 tbs \"unknown\""],
                Err(Refusal::Critical("tbs".to_owned())),
                Err(Refusal::Critical("tbs".to_owned())),
            ),
            (
                &["0 issue \"https://letsencrypt.org\""],
                Err(Refusal::Malformed("https://letsencrypt.org".to_owned())),
                Err(Refusal::Malformed("https://letsencrypt.org".to_owned())),
            ),
            (
                &["0 issue \"letsencrypt.org; accounturi\""],
                Err(Refusal::Malformed("letsencrypt.org; accounturi".to_owned())),
                Err(Refusal::Malformed("letsencrypt.org; accounturi".to_owned())),
            ),
        ];
        for (values, plain, wildcard) in table {
            let renewal = Renewal::default();
            assert_eq!(verdict(values, false, &renewal), *plain, "{values:?}");
            assert_eq!(verdict(values, true, &renewal), *wildcard, "{values:?} wildcard");
        }
    }

    #[test]
    fn parameters_bind_an_account_and_a_method() {
        let renewal =
            |account: Option<&str>, method| Renewal { account: account.map(str::to_owned), method };
        let account =
            |uris: &[&str]| Err(Refusal::Account(uris.iter().map(|&uri| uri.to_owned()).collect()));
        let method = |names: &[&str]| {
            Err(Refusal::Method(names.iter().map(|&name| name.to_owned()).collect()))
        };
        let bound = "0 issue \"letsencrypt.org; accounturi=https://ca.example/acct/1\"";
        let other = "0 issue \"letsencrypt.org; accounturi=https://ca.example/acct/2\"";
        let both = "0 issue \"letsencrypt.org; accounturi=https://ca.example/acct/1; accounturi=https://ca.example/acct/2\"";
        let by_http = "0 issue \"letsencrypt.org; validationmethods=http-01,tls-alpn-01\"";
        let mine = renewal(Some(ACCOUNT), None);
        assert_eq!(verdict(&[bound], false, &mine), Ok(()));
        assert_eq!(verdict(&[other], false, &mine), account(&["https://ca.example/acct/2"]));
        assert_eq!(verdict(&[other, bound], false, &mine), Ok(()), "either of them");
        assert_eq!(verdict(&[other], false, &renewal(None, None)), Ok(()), "not known which");
        assert_eq!(
            verdict(&[both], false, &renewal(None, None)),
            account(&[ACCOUNT, "https://ca.example/acct/2"])
        );
        let listed = method(&["http-01", "tls-alpn-01"]);
        assert_eq!(verdict(&[by_http], false, &renewal(None, None)), Ok(()));
        assert_eq!(verdict(&[by_http], false, &renewal(None, Some("http-01"))), Ok(()));
        assert_eq!(verdict(&[by_http], false, &renewal(None, Some("dns-01"))), listed);
        assert_eq!(verdict(&[by_http], true, &renewal(None, None)), listed, "wildcards need DNS");
    }
}
