//! Servers that do not answer, or do not answer as a server of the zone must.

mod pace;

use health::{Code, Finding, Severity, Text, text};

use crate::probe::dns::exchange::Loss;
use crate::probe::dns::inquiry::SOA;
use crate::probe::dns::peers::Repute;
use crate::probe::dns::question::Role;
use crate::probe::dns::reply::{Outcome, Reply};
use crate::probe::dns::server::{self, Server};
use crate::probe::dns::survey::Survey;
use crate::probe::dns::values::render_name;
use crate::probe::dns::wording::{dig, some_of, title};

/// One server under judgement.
struct Case<'a> {
    survey: &'a Survey,
    server: &'a Server,
    replies: &'a [Reply],
    /// What was remembered of it.
    repute: Repute,
    /// At least one authoritative server has answered something.
    is_zone_alive: bool,
}

/// Findings about servers as such.
pub(super) fn judge(survey: &Survey) -> Vec<Finding> {
    let is_zone_alive = survey.authorities().any(|index| is_heard(&survey.replies[index]));
    let cases = survey.servers.iter().zip(&survey.replies).enumerate();
    cases
        .flat_map(|(index, (server, replies))| {
            let repute = survey.reputes.get(index).cloned().unwrap_or_default();
            Case { survey, server, replies, repute, is_zone_alive }.findings()
        })
        .collect()
}

fn is_heard(replies: &[Reply]) -> bool {
    replies.iter().any(|reply| !matches!(reply.outcome, Outcome::Lost(_)))
}

impl Case<'_> {
    fn findings(&self) -> Vec<Finding> {
        if let Some(failure) = &self.server.failure {
            let finding = server::unresolved(self.server, failure, &self.survey.zone);
            return vec![finding.severity(self.severity())];
        }
        if !is_heard(self.replies) {
            return self.silence().into_iter().collect();
        }
        [self.no_tcp().or_else(|| self.udp_only()), self.lame(), self.partly_lost(), self.slow()]
            .into_iter()
            .flatten()
            .collect()
    }

    /// A server that is down is half an outage while another lives.
    fn severity(&self) -> Severity {
        if self.is_zone_alive || self.server.role == Role::Resolver {
            Severity::Warning
        } else {
            Severity::Critical
        }
    }

    fn finding(&self, code: Code, summary: Text, remedy: Text) -> Finding {
        let finding = Finding::new(code, self.server.title(), summary, remedy)
            .evidence("nameserver", &*self.server.name);
        match self.server.address {
            Some(address) => finding.evidence("address", address.to_string()),
            None => finding,
        }
    }

    fn dig(&self) -> String {
        let question = &self.survey.questions()[SOA];
        dig(self.server, &question.name, question.record_type)
    }

    /// Nothing usable at all.
    fn silence(&self) -> Option<Finding> {
        let loss = match &self.replies.first()?.outcome {
            Outcome::Lost(Loss::NoTcp(_)) => return self.no_tcp(),
            Outcome::Lost(loss) => loss,
            _ => return None,
        };
        if matches!(loss, Loss::NoRoute(_)) && self.survey.has_other_way(self.server) {
            return None;
        }
        let (who, how) = (self.server.title(), how(loss));
        let role = role(self.server);
        let (how_en, how_ko) = (&how.en, &how.ko);
        let (role_en, role_ko) = (&role.en, &role.ko);
        if matches!(loss, Loss::NoTls(_)) {
            return Some(self.no_tls(&role, &how));
        }
        let port = self.server.address.map_or(53, |address| address.port());
        let finding = self.finding(
            Code::DnsUnreachable,
            text!("{role_en} {who} does not answer: {how_en}", "{role_ko} {who}에서 응답이 없습니다: {how_ko}"),
            text!(
                "Ask it by hand: `{dig}`. If that fails too, see on that machine whether the server runs and listens (`ss -lunp 'sport = :{port}'`), and whether a firewall drops UDP and TCP {port}.",
                "직접 물어보세요: `{dig}`. 역시 응답이 없으면 해당 서버에서 네임서버가 실행 중인지(`ss -lunp 'sport = :{port}'`), 방화벽이 UDP·TCP {port}을(를) 막는지 확인하세요.",
                dig = self.dig()
            ),
        );
        let finding = match loss {
            Loss::Unreachable(error) | Loss::NoRoute(error) => finding.evidence("error", &**error),
            _ => finding,
        };
        Some(finding.severity(self.severity()).evidence("got", loss.label()))
    }

    /// Reached, but not as the plan wants it: over TLS, and with the right certificate.
    fn no_tls(&self, role: &Text, how: &Text) -> Finding {
        let who = self.server.title();
        let address = self.server.address.map(|address| address.to_string()).unwrap_or_default();
        let (role_en, role_ko, how_en, how_ko) = (&role.en, &role.ko, &how.en, &how.ko);
        self.finding(
            Code::DnsUnreachable,
            text!(
                "{role_en} {who} cannot be asked over TLS: {how_en}",
                "{role_ko} {who}에 TLS로 물어볼 수 없습니다: {how_ko}"
            ),
            text!(
                "See what it presents: `openssl s_client -connect {address} </dev/null`. A certificate of its own making needs its root under `ca`; the name it must have is what follows `#` in the plan.",
                "서버가 제시하는 인증서를 확인하세요: `openssl s_client -connect {address} </dev/null`. 자체 발급 인증서라면 루트를 `ca`에 적으세요. 인증서의 이름은 계획에서 `#` 뒤에 적은 이름이어야 합니다."
            ),
        )
        .severity(self.severity())
        .evidence("got", "no-tls")
    }

    /// Truncated over UDP, and no TCP: no answer at all.
    fn no_tcp(&self) -> Option<Finding> {
        let (lost, errors) = self.lost(|loss| matches!(loss, Loss::NoTcp(_)));
        let error = errors.first()?;
        let (who, list) = (self.server.title(), some_of(&lost));
        Some(
            self.finding(
                Code::DnsNoTcp,
                text!(
                    "{who} says over UDP that its answer to {list} is too long, and cannot be asked over TCP: {error}",
                    "{who}의 {list} 응답은 UDP로 보내기에 너무 긴데 TCP로는 물어볼 수 없습니다: {error}"
                ),
                text!(
                    "Open TCP port 53 in the firewall before the nameserver and let it listen there: `{dig} +tcp` must answer. Or make the answer shorter.",
                    "네임서버 앞 방화벽에서 TCP 53번 포트를 열고 서버가 TCP로도 듣게 하세요: `{dig} +tcp`에 응답이 와야 합니다. 또는 응답을 줄이세요.",
                    dig = self.dig()
                ),
            )
            .evidence("queries", lost)
            .evidence("error", &**error),
        )
    }

    /// An answer that a server of this zone would not give; for a resolver, an error of its own.
    fn lame(&self) -> Option<Finding> {
        let wrong = self.survey.questions().iter().zip(self.replies).filter(|(_, reply)| {
            matches!(
                reply.outcome,
                Outcome::NotAuthoritative | Outcome::Upward(_) | Outcome::Failed(_)
            )
        });
        let wrong: Vec<_> = wrong.collect();
        let (asked, first) = wrong.first()?;
        let queries: Vec<String> =
            wrong.iter().map(|(asked, _)| title(&asked.name, asked.record_type)).collect();
        let (who, zone, list) =
            (self.server.title(), render_name(&self.survey.zone), some_of(&queries));
        let got = refusal(&first.outcome);
        let dig = dig(self.server, &asked.name, asked.record_type);
        let (summary, remedy) = match self.server.role {
            Role::Resolver => failing_resolver(&who, &list, &got, &dig),
            Role::Authoritative if self.replies[SOA].outcome.is_statement() => {
                failing_nameserver(&who, &zone, &list, &got, &dig)
            }
            Role::Authoritative => lame_nameserver(&who, &zone, &list, &got, &dig),
        };
        let code = match self.server.role {
            Role::Resolver => Code::DnsUnreachable,
            Role::Authoritative => Code::DnsLame,
        };
        let finding = self.finding(code, summary, remedy);
        Some(finding.evidence("got", first.outcome.label()).evidence("queries", queries))
    }

    /// Some queries answered, others lost twice or mangled.
    fn partly_lost(&self) -> Option<Finding> {
        let (lost, _) = self.lost(|loss| !matches!(loss, Loss::NoTcp(_) | Loss::Timeout));
        if lost.is_empty() {
            return None;
        }
        let (who, list) = (self.server.title(), some_of(&lost));
        Some(
            self.finding(
                Code::DnsUnreachable,
                text!(
                    "{who} answers, but not {list}: what came back is no usable DNS message",
                    "{who}에서 {list} 질의에 쓸 수 있는 DNS 응답이 오지 않았습니다"
                ),
                text!(
                    "Ask it by hand and look at the raw answer: `{dig}`. A middlebox that rewrites DNS, or a broken server, is the usual cause.",
                    "직접 물어보고 응답을 살펴보세요: `{dig}`. DNS를 고쳐 쓰는 중간 장비나 고장 난 서버가 흔한 원인입니다.",
                    dig = self.dig()
                ),
            )
            .severity(Severity::Warning)
            .evidence("queries", lost),
        )
    }

    /// Asked over TCP for once, it did not answer: no harm yet, until an answer grows long.
    fn udp_only(&self) -> Option<Finding> {
        let error = self.repute.no_tcp.as_deref()?;
        let who = self.server.title();
        let port = self.server.address.map_or(53, |address| address.port());
        Some(
            self.finding(
                Code::DnsNoTcp,
                text!(
                    "{who} answers over UDP, but not over TCP: {error}",
                    "{who}은(는) UDP로는 응답하지만 TCP로는 응답하지 않습니다: {error}"
                ),
                text!(
                    "Open TCP port {port} in the firewall before the nameserver and let it listen there: `{dig} +tcp` must answer. Every answer too long for UDP is lost until then.",
                    "네임서버 앞 방화벽에서 TCP {port}번 포트를 열고 서버가 TCP로도 듣게 하세요: `{dig} +tcp`에 응답이 와야 합니다. 그 전까지 UDP에 담기지 않는 긴 응답은 모두 받을 수 없습니다.",
                    dig = self.dig()
                ),
            )
            .evidence("error", error),
        )
    }

    /// The queries lost in a certain way, and for TCP in which words.
    fn lost(&self, is_such: impl Fn(&Loss) -> bool) -> (Vec<String>, Vec<String>) {
        let mut errors = Vec::new();
        let lost = self.survey.questions().iter().zip(self.replies).filter_map(|(asked, reply)| {
            let Outcome::Lost(loss) = &reply.outcome else { return None };
            if !is_such(loss) {
                return None;
            }
            if let Loss::NoTcp(error) = loss {
                errors.push(error.clone());
            }
            Some(title(&asked.name, asked.record_type))
        });
        let lost = lost.collect();
        (lost, errors)
    }
}

fn role(server: &Server) -> Text {
    match server.role {
        Role::Authoritative => text!("nameserver", "네임서버"),
        Role::Resolver => text!("resolver", "리졸버"),
    }
}

fn how(loss: &Loss) -> Text {
    match loss {
        Loss::Timeout => text!("no reply in time, twice", "두 번 물어도 제시간에 답이 없음"),
        Loss::Refused => text!("nothing listens on the port", "그 포트에서 듣는 프로세스가 없음"),
        Loss::Unreachable(error) => Text::same(&**error),
        Loss::NoRoute(error) => {
            text!("no route from here: {error}", "여기서 갈 경로가 없음: {error}")
        }
        Loss::Exhausted(error) => {
            text!("this machine could not ask: {error}", "이 서버에서 물어볼 수 없음: {error}")
        }
        Loss::Garbage => text!("what comes back is no DNS message", "DNS 메시지가 아닌 것이 옴"),
        Loss::NoTcp(error) => Text::same(&**error),
        Loss::NoTls(why) => why.clone(),
        Loss::Unresolved => text!("its name does not resolve", "이름의 주소를 찾을 수 없음"),
    }
}

fn refusal(outcome: &Outcome) -> Text {
    match outcome {
        Outcome::Upward(owner) => {
            text!("it refers to the servers of {owner} instead", "대신 {owner}의 네임서버를 가리킴")
        }
        Outcome::NotAuthoritative => {
            text!("the answer is not authoritative (no AA)", "권한 응답이 아님(AA 없음)")
        }
        other => Text::same(other.label().to_uppercase()),
    }
}

/// An error that is the resolver's own.
fn failing_resolver(who: &str, list: &str, got: &Text, dig: &str) -> (Text, Text) {
    let (got_en, got_ko) = (&got.en, &got.ko);
    (
        text!(
            "resolver {who} fails to answer {list}: {got_en}",
            "리졸버 {who}에서 {list} 질의에 실패했습니다: {got_ko}"
        ),
        text!(
            "The fault is the resolver's own when the nameservers answer: read its log, and ask it by hand: `{dig}`. REFUSED means that this machine may not use it.",
            "네임서버가 응답하고 있다면 리졸버의 문제입니다. 리졸버의 로그를 확인하고 직접 물어보세요: `{dig}`. REFUSED라면 이 서버에 사용이 허용되지 않은 것입니다."
        ),
    )
}

/// The zone is there, some of its answers are not.
fn failing_nameserver(who: &str, zone: &str, list: &str, got: &Text, dig: &str) -> (Text, Text) {
    let (got_en, got_ko) = (&got.en, &got.ko);
    (
        text!(
            "{who} serves {zone} but fails to answer {list} with authority: {got_en}",
            "{who}은(는) {zone} 존을 서비스하지만 {list} 질의에는 권한 응답을 하지 못합니다: {got_ko}"
        ),
        text!(
            "Ask it by hand and read its log: `{dig}`. A damaged zone file, a failing back end or a filter in that server is the usual cause.",
            "직접 물어보고 서버 로그를 확인하세요: `{dig}`. 손상된 존 파일, 백엔드 장애, 서버의 필터 설정이 흔한 원인입니다."
        ),
    )
}

/// The zone is not there at all.
fn lame_nameserver(who: &str, zone: &str, list: &str, got: &Text, dig: &str) -> (Text, Text) {
    let (got_en, got_ko) = (&got.en, &got.ko);
    (
        text!(
            "{who} is listed for {zone} but does not serve it ({list}): {got_en}",
            "{who}은(는) {zone}의 네임서버로 등록되어 있지만 이 존을 서비스하지 않습니다({list}): {got_ko}"
        ),
        text!(
            "Load the zone on that server (see its log for why it could not: a failed transfer, an expired copy), or take it out of the zone's NS records and the delegation at the registrar. Check: `{dig}` must show the flag `aa`.",
            "그 서버에 존을 올리거나(전송 실패, 만료 등의 이유는 로그에 있습니다), 존의 NS 레코드와 도메인 등록 정보에서 그 서버를 빼세요. 확인: `{dig}` 응답에 `aa` 플래그가 있어야 합니다."
        ),
    )
}
