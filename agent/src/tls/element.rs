//! Which part an element plays in a chain, and what to call it.

use std::collections::HashSet;

use health::facts::CertificateFacts;
use health::{Text, text};

/// The part an element plays in a chain.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(crate) enum Role {
    /// The certificate itself: the first one, or one that issued nothing else here.
    Leaf,
    /// Issued another element, and was issued by somebody else.
    Intermediate,
    /// Issued another element, and itself.
    Root,
}

/// The part of every element, in order.
pub(crate) fn roles(chain: &[CertificateFacts]) -> Vec<Role> {
    let issuers: HashSet<&str> = chain
        .iter()
        .filter(|element| !element.is_self_signed)
        .map(|element| element.issuer.as_str())
        .collect();
    chain
        .iter()
        .enumerate()
        .map(|(index, element)| {
            if index == 0 || !issuers.contains(element.subject.as_str()) {
                Role::Leaf
            } else if element.is_self_signed {
                Role::Root
            } else {
                Role::Intermediate
            }
        })
        .collect()
}

/// What to call one element: as the subject of a finding, and within a sentence.
pub(crate) struct Labels {
    /// The subject of a finding about it.
    pub(crate) subject: String,
    /// Within a sentence.
    pub(crate) noun: Text,
}

/// What to call one element of the chain that `subject` presented or holds.
pub(crate) fn labels(chain: &[CertificateFacts], index: usize, subject: &str) -> Labels {
    let role = roles(chain).get(index).copied().unwrap_or(Role::Leaf);
    if index == 0 {
        return Labels { subject: subject.to_owned(), noun: text!("the certificate", "인증서") };
    }
    let name = chain.get(index).map_or("", |element| calling_name(&element.subject));
    let (kind, noun) = match role {
        Role::Leaf => ("certificate", text!("the certificate \"{name}\"", "인증서 \"{name}\"")),
        Role::Intermediate => (
            "intermediate",
            text!("the intermediate certificate \"{name}\"", "중간 인증서 \"{name}\""),
        ),
        Role::Root => ("root", text!("the root certificate \"{name}\"", "루트 인증서 \"{name}\"")),
    };
    Labels { subject: format!("{subject}, {kind} \"{name}\""), noun }
}

/// The common name out of an RFC 4514 string, or the whole of it: what people call a CA.
pub(crate) fn calling_name(distinguished: &str) -> &str {
    let mut start = 0;
    let mut escaped = false;
    for (index, character) in distinguished.char_indices() {
        if character == ',' && !escaped {
            if let Some(name) = distinguished[start..index].strip_prefix("CN=") {
                return name;
            }
            start = index + 1;
        }
        escaped = character == '\\' && !escaped;
    }
    distinguished[start..].strip_prefix("CN=").unwrap_or(distinguished)
}

#[cfg(test)]
mod tests {
    use super::calling_name;

    #[test]
    fn calls_a_ca_by_its_common_name() {
        let cases = [
            ("CN=R3,O=Let's Encrypt,C=US", "R3"),
            ("O=No Common Name,C=KR", "O=No Common Name,C=KR"),
            ("OU=x,CN=Last\\, with comma", "Last\\, with comma"),
            ("", ""),
        ];
        for (distinguished, name) in cases {
            assert_eq!(calling_name(distinguished), name);
        }
    }
}
