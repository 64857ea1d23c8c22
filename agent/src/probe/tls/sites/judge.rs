//! What is wrong with the sites of an nginx, as files and as served. Pure.

use std::path::Path;
use std::sync::Arc;
use std::time::Duration;

use health::facts::{CertificateFacts, FileFacts, ServedFacts};
use health::{Code, Finding, Severity, text};
use jiff::Timestamp;

use super::survey::{Asked, Name, Pair, Site};
use super::{Files, Seen, Spec, place};
use crate::nginx::Trouble;
use crate::probe::certificate::Found;
use crate::tls::files::CertificateFile;
use crate::tls::{self, Expiring, KeyKind, is_valid_for, nearing_end};

/// What the configuration itself lacks.
pub(super) fn configuration(first: &Path, sites: &[Site], troubles: &[Trouble]) -> Vec<Finding> {
    let mut findings: Vec<Finding> =
        troubles.iter().map(|trouble| not_understood(first, sites, trouble)).collect();
    if findings.is_empty() && sites.is_empty() {
        findings.push(no_site(first));
    }
    findings
}

/// Every file that a site names, once, and the names of sites that it is not valid for.
pub(super) fn files(
    sites: &[Site],
    files: &Files,
    expiring: &Expiring,
    now: Timestamp,
) -> Vec<Finding> {
    let mut findings = Vec::new();
    for ((path, key), found) in files {
        let named = sites
            .iter()
            .flat_map(|site| &site.pairs)
            .find(|pair| pair.path == *path && pair.key == *key)
            .map(|pair| pair.place.to_string());
        let judged = found.judge(expiring, now).into_iter();
        findings.extend(judged.map(|finding| finding.evidence("named_in", named.clone())));
    }
    for site in sites {
        for (pair, file) in readable(site, files) {
            findings.extend(lacking_names(site, pair, file));
        }
    }
    findings
}

/// The same files for pages and metrics.
pub(super) fn file_facts(sites: &[Site], files: &Files) -> Vec<FileFacts> {
    let mut facts: Vec<FileFacts> = Vec::new();
    for pair in sites.iter().flat_map(|site| &site.pairs) {
        let Some(found) = found(pair, files) else { continue };
        if facts.iter().all(|known| known.path != found.path) {
            facts.push(FileFacts { named_in: Some(pair.place.to_string()), ..found.facts() });
        }
    }
    facts
}

/// One door of one site.
#[derive(Clone, Copy, Debug)]
pub(super) struct Scene<'a> {
    pub(super) sites: &'a [Site],
    pub(super) files: &'a Files,
    pub(super) site: usize,
    pub(super) asked: &'a Asked,
    pub(super) spec: &'a Spec,
    pub(super) now: Timestamp,
}

impl Scene<'_> {
    /// What was served there, and what is wrong with it.
    pub(super) fn judge(&self, seen: &Seen) -> (Option<ServedFacts>, Vec<Finding>) {
        let Some(site) = self.sites.get(self.site) else { return (None, Vec::new()) };
        let facts = seen.peer.map(|peer| place(site, self.asked, peer));
        let (presented, peer) = match (&seen.outcome, seen.peer) {
            (Ok(presented), Some(peer)) => (presented, peer),
            (Err(finding), _) => {
                let finding = (**finding).clone().evidence("named_in", site.place.to_string());
                let failure = Some(finding.summary.en.clone());
                return (facts.map(|facts| ServedFacts { failure, ..facts }), vec![finding]);
            }
            (Ok(_), None) => return (None, Vec::new()),
        };
        let name = self.asked.name(peer);
        let subject = tls::subject(peer, &name);
        let judged =
            |subject: &str| tls::judge(presented, &name, &self.spec.roots, subject, self.now);
        let (tls, mut findings) = judged(&subject);
        if *self.asked == Asked::Nobody {
            // Nobody's name was asked for, so none can be missing.
            findings.retain(|finding| finding.code != Code::CertWrongName);
        }
        let facts = facts.map(|facts| ServedFacts {
            protocol: tls.protocol.clone(),
            chain: Arc::clone(&tls.chain),
            ..facts
        });
        let Some(served) = tls.chain.first() else { return (facts, findings) };
        let own: Vec<(&Pair, &CertificateFile)> = readable(site, self.files).collect();
        if let Some((pair, _)) = own.iter().find(|(_, file)| holds(file, served)) {
            // Names and dates are told of the file; the chain too is one and the same for all places.
            let path = pair.path.display().to_string();
            let (_, mut findings) = judged(&path);
            findings.retain(|finding| finding.code != Code::CertWrongName);
            let findings = findings
                .into_iter()
                .map(|finding| finding.evidence("served_at", subject.clone()))
                .collect();
            let facts = facts.map(|facts| ServedFacts { file: Some(path), ..facts });
            return (facts, findings);
        }
        findings.extend(nearing_end(&tls.chain, &self.spec.expiring, &subject, self.now));
        if let Some(other) = self.against(&own, served, &name, &subject) {
            // The reload that mends this mends a wrong name as well.
            let reload = other.severity > Severity::Notice;
            findings.retain(|finding| !(reload && finding.code == Code::CertWrongName));
            findings.push(other.evidence("named_in", site.place.to_string()));
        }
        (facts, findings)
    }

    /// What is served, against the files that should be.
    fn against(
        &self,
        own: &[(&Pair, &CertificateFile)],
        served: &CertificateFacts,
        name: &str,
        subject: &str,
    ) -> Option<Finding> {
        let is_named = *self.asked != Asked::Nobody;
        let mut fitting = own
            .iter()
            .filter(|(_, file)| !is_named || is_valid_for(&file.leaf, name) != Some(false));
        let kind = KeyKind::of(&served.key);
        let is_twin = |(_, file): &&&(&Pair, &CertificateFile)| {
            file.chain.first().is_some_and(|leaf| KeyKind::of(&leaf.key) == kind)
        };
        let (pair, file) = fitting.clone().find(|one| is_twin(&one)).or_else(|| fitting.next())?;
        let path = pair.path.display().to_string();
        if let Some(other) = self.elsewhere(served) {
            return Some(not_read(file, &path, served, Some(&other), name, subject));
        }
        let covers = |own: &String| own.eq_ignore_ascii_case(name) || is_below(name, own);
        if is_named && !served.names.iter().any(covers) {
            return Some(not_read(file, &path, served, None, name, subject));
        }
        super::super::served::judge(served, file, &path, name, subject, self.now)
    }

    /// The file of another site that holds what is served.
    fn elsewhere(&self, served: &CertificateFacts) -> Option<String> {
        let others = self.sites.iter().enumerate().filter(|(index, _)| *index != self.site);
        others
            .flat_map(|(_, site)| readable(site, self.files))
            .find(|(_, file)| holds(file, served))
            .map(|(pair, _)| pair.path.display().to_string())
    }
}

/// RFC 6125 section 6.4.3: a star stands for one label.
fn is_below(name: &str, pattern: &str) -> bool {
    let (Some(below), Some((_, rest))) = (pattern.strip_prefix("*."), name.split_once('.')) else {
        return false;
    };
    rest.eq_ignore_ascii_case(below)
}

fn found<'a>(pair: &Pair, files: &'a Files) -> Option<&'a Found> {
    files.get(&(pair.path.clone(), pair.key.clone()))
}

fn readable<'a>(
    site: &'a Site,
    files: &'a Files,
) -> impl Iterator<Item = (&'a Pair, &'a CertificateFile)> {
    site.pairs.iter().filter_map(|pair| Some((pair, found(pair, files)?.file.as_deref().ok()?)))
}

fn holds(file: &CertificateFile, served: &CertificateFacts) -> bool {
    file.chain.first().is_some_and(|leaf| leaf.fingerprint == served.fingerprint)
}

/// Names of a server that its certificate is not valid for.
fn lacking_names(site: &Site, pair: &Pair, file: &CertificateFile) -> Vec<Finding> {
    let Some(leaf) = file.chain.first() else { return Vec::new() };
    let lacks = |name: &&Name| match name {
        Name::Exact(name) => is_valid_for(&file.leaf, name) == Some(false),
        // A certificate may name the few names below it that are in use.
        Name::Below(below) => {
            is_valid_for(&file.leaf, &name.sample()) == Some(false)
                && !leaf.names.iter().any(|own| {
                    own.strip_suffix(below.as_str()).is_some_and(|rest| rest.ends_with('.'))
                })
        }
    };
    let lacking: Vec<&Name> = site.names.iter().filter(lacks).collect();
    let severity = if lacking.len() == site.names.len() {
        Severity::Critical
    } else {
        // Nobody may ever ask for a name that was written down as well.
        Severity::Warning
    };
    lacking
        .into_iter()
        .map(|name| lacking_name(&name.shown(), site, pair, leaf).severity(severity))
        .collect()
}

fn lacking_name(name: &str, site: &Site, pair: &Pair, leaf: &CertificateFacts) -> Finding {
    let path = pair.path.display();
    let place = &site.place;
    let names = said(&leaf.names);
    Finding::new(
        Code::CertWrongName,
        format!("{name} ({path})"),
        text!(
            "the server {name} ({place}) has a certificate that is not valid for it: {path} is for {names}",
            "{name} 서버({place})의 인증서가 그 이름에 유효하지 않습니다: {path}은(는) {names}용입니다"
        ),
        text!(
            "Issue it anew with the name, `certbot certonly --expand -d {name} …`, or name another `ssl_certificate` in {place}; if nobody uses the name, take it out of `server_name`. Then `nginx -t && nginx -s reload`.",
            "`certbot certonly --expand -d {name} …`으로 이름을 넣어 다시 발급하거나 {place}에 다른 `ssl_certificate`를 적으세요. 쓰지 않는 이름이라면 `server_name`에서 빼세요. 그다음 `nginx -t && nginx -s reload`."
        ),
    )
    .evidence("expected", name)
    .evidence("got", leaf.names.clone())
    .evidence("file", path.to_string())
    .evidence("named_in", pair.place.to_string())
}

/// nginx serves the certificate of another site: it has not read the configuration as it is now.
fn not_read(
    file: &CertificateFile,
    path: &str,
    served: &CertificateFacts,
    other: Option<&str>,
    name: &str,
    subject: &str,
) -> Finding {
    let instead = other.map_or_else(|| said(&served.names), str::to_owned);
    Finding::new(
        Code::TlsNotReloaded,
        subject,
        text!(
            "{subject} serves {instead} and not {path}, which the configuration names for {name}: nginx has not read it",
            "{subject}에서 설정이 {name}에 지정한 {path}이(가) 아니라 {instead}을(를) 제공합니다: nginx가 이 설정을 읽지 않았습니다"
        ),
        text!(
            "`nginx -t && nginx -s reload`, with systemd `systemctl reload nginx`. If it stays: another server listens there, or a second `server` block of that name comes first: `nginx -T | grep -n server_name`.",
            "`nginx -t && nginx -s reload`, systemd를 쓴다면 `systemctl reload nginx`. 그래도 그대로라면 다른 서버가 그 주소를 쓰고 있거나 같은 이름의 `server` 블록이 앞에 있습니다: `nginx -T | grep -n server_name`."
        ),
    )
    .evidence("file", path)
    .evidence("expected", file.chain.first().map(|leaf| leaf.names.clone()))
    .evidence("got", served.names.clone())
}

fn not_understood(first: &Path, sites: &[Site], trouble: &Trouble) -> Finding {
    let Trouble { place, reason } = trouble;
    let path = place.file.display().to_string();
    let severity = if sites.is_empty() && *place.file == *first {
        Severity::Critical
    } else {
        Severity::Warning
    };
    Finding::new(
        Code::CertUnreadable,
        &*path,
        text!(
            "{place}: {reason}; certificates that are named there are not looked at",
            "{place}: {reason}. 그곳에 지정된 인증서는 확인하지 못합니다"
        ),
        text!(
            "See what nginx itself says: `nginx -t -c {first}`. If it is content, this user may not read the file: `namei -l {path}` shows where, `setfacl -m u:$(id -un):r {path}` lets it.",
            "nginx가 뭐라고 하는지 보세요: `nginx -t -c {first}`. 문제가 없다고 하면 이 사용자에게 읽기 권한이 없는 것입니다: `namei -l {path}`로 확인하고 `setfacl -m u:$(id -un):r {path}`로 허용하세요.",
            first = first.display(),
        ),
    )
    .severity(severity)
    .evidence("file", &*path)
    .evidence("line", place.line)
    .evidence("error", reason.clone())
}

fn no_site(first: &Path) -> Finding {
    let path = first.display();
    Finding::new(
        Code::CertUnreadable,
        path.to_string(),
        text!(
            "{path} makes no server with a certificate, so there is nothing to look at",
            "{path}에 인증서를 쓰는 server가 없어 확인할 것이 없습니다"
        ),
        text!(
            "Is it the file that nginx is started with? `nginx -V 2>&1 | grep -o 'conf-path=[^ ]*'` and `ps -o cmd -C nginx` show it. Servers of `stream` and `mail` are not looked at.",
            "nginx가 시작할 때 읽는 파일이 맞나요? `nginx -V 2>&1 | grep -o 'conf-path=[^ ]*'`와 `ps -o cmd -C nginx`로 확인하세요. `stream`과 `mail`의 서버는 확인하지 않습니다."
        ),
    )
    .severity(Severity::Notice)
}

/// More places than are looked at.
pub(super) fn cut(first: &Path, places: usize, most: usize) -> Finding {
    let path = first.display();
    Finding::new(
        Code::CertUnreadable,
        format!("{path}, beyond {most} places"),
        text!(
            "{path} makes {places} places where certificates are served; {most} of them are looked at, files all the same",
            "{path}에 인증서를 제공하는 곳이 {places}군데 있습니다. 그중 {most}군데만 확인하고, 파일은 모두 확인합니다"
        ),
        text!(
            "Name the others in checks of their own: `[[tls]]` with `address`.",
            "나머지는 `address`가 있는 `[[tls]]` 점검으로 따로 적으세요."
        ),
    )
    .severity(Severity::Notice)
}

/// Places that the time of the probe did not reach.
pub(super) fn out_of_time(first: &Path, places: usize, timeout: Duration) -> Finding {
    let path = first.display();
    Finding::new(
        Code::CertUnreadable,
        format!("{path}, beyond the timeout"),
        text!(
            "{places} places that {path} makes were not asked within {timeout:?}; their files were looked at all the same",
            "{path}에 있는 {places}곳은 제한 시간 {timeout:?} 안에 확인하지 못했습니다. 파일은 모두 확인했습니다"
        ),
        text!(
            "Raise `timeout` of this check, or see to the address that keeps it waiting.",
            "이 점검의 `timeout`을 늘리거나, 응답이 늦은 주소부터 살펴보세요."
        ),
    )
    .severity(Severity::Notice)
}

fn said(names: &[String]) -> String {
    match names {
        [] => "-".to_owned(),
        names => names.iter().take(5).cloned().collect::<Vec<_>>().join(", "),
    }
}
