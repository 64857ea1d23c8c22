//! How a job that did not report as it should is told. For who reads it at night on a machine that may
//! have no systemd.

use std::time::Duration;

use health::facts::{CallFacts, Signal};
use health::{Code, Finding, Severity, Text, text};
use jiff::Timestamp;

use super::judge::Deadline;
use super::{Heard, Spec};

/// Nothing came when something had to.
pub(super) fn missed(spec: &Spec, heard: &Heard, deadline: Deadline) -> Finding {
    let name = &spec.name;
    let (due, late) = (moment(deadline.due), moment(deadline.missed_at));
    let last = heard.pulse.calls.last();
    let finding = Finding::new(
        Code::HeartbeatMissed,
        &**name,
        match last {
            Some(last) => text!(
                "{name} should have reported by {due} and has not; the last call came at {at}",
                "{name}의 보고가 {due}까지 와야 했지만 오지 않았습니다. 마지막 호출: {at}",
                at = moment(last.at)
            ),
            None => text!(
                "{name} should have reported by {due} and has never called",
                "{name}의 보고가 {due}까지 와야 했지만 한 번도 오지 않았습니다"
            ),
        },
        remedy(spec, heard),
    )
    .evidence("expected", format!("a call by {due}, at the latest {late}"))
    .evidence("got", last.map_or_else(|| "no call yet".to_owned(), described))
    .evidence("rhythm", &*spec.terms.rhythm.written)
    .evidence("call", &*spec.by_hand);
    refused(finding, heard)
}

fn remedy(spec: &Spec, heard: &Heard) -> Text {
    let call = &spec.by_hand;
    if heard.refused_at.is_some() {
        return text!(
            "Somebody called in its name without the right token: the job may run well and only lack it. Compare the job's token with the one this agent was started with, then run by hand: `{call}`",
            "올바른 토큰 없이 이 이름으로 온 호출이 있습니다. 작업은 정상인데 토큰만 다를 수 있습니다. 작업의 토큰과 이 에이전트가 시작할 때 읽은 토큰을 비교한 뒤 직접 호출해 보세요: `{call}`"
        );
    }
    text!(
        "On the job's machine, see whether cron runs at all: `pgrep -a 'cron|crond'`; if not, start it: `service cron start` (in a container it does not start by itself after a restart; with systemd: `systemctl status cron`). Then whether the job is there: `crontab -l`, `ls /etc/cron.d`; whether it ran: `grep CRON /var/log/syslog` or the job's own log. If it ran, call by hand from that machine: `{call}`",
        "작업이 있는 서버에서 cron이 실행 중인지 확인하세요: `pgrep -a 'cron|crond'`. 없으면 시작하세요: `service cron start` (컨테이너에서는 재시작 후 저절로 시작되지 않습니다. systemd라면 `systemctl status cron`). 그다음 작업이 등록되어 있는지(`crontab -l`, `ls /etc/cron.d`), 실행되었는지(`grep CRON /var/log/syslog` 또는 작업의 로그) 확인하세요. 실행되었다면 그 서버에서 직접 호출해 보세요: `{call}`"
    )
}

/// It says itself that it failed.
pub(super) fn failed(spec: &Spec, heard: &Heard, failure: &CallFacts) -> Finding {
    let name = &spec.name;
    let at = moment(failure.at);
    let summary = match failure.exit {
        Some(exit) => text!(
            "{name} failed at {at}: it ended with status {exit}",
            "{name} 작업이 {at}에 실패했습니다: 종료 코드 {exit}"
        ),
        None => {
            text!("{name} says that it failed at {at}", "{name} 작업이 {at}에 실패를 알렸습니다")
        }
    };
    let mut finding = Finding::new(
        Code::HeartbeatFailed,
        &**name,
        summary,
        text!(
            "Read what the job printed (in the evidence where it sent it along, else in its own log or in the mail of its user), mend that, and run the job again by hand: the next call that says it went well heals this.",
            "작업이 출력한 내용을 확인하세요(함께 보냈다면 근거에 있고, 아니면 작업의 로그나 해당 사용자의 메일에 있습니다). 원인을 고친 뒤 작업을 직접 다시 실행하세요. 성공했다는 다음 호출이 오면 해결됩니다."
        ),
    )
    .evidence("expected", "exit status 0")
    .evidence("got", described(failure));
    if let Some(said) = &failure.said {
        finding = finding.evidence("said", &**said);
    }
    if let Some(since) = heard.pulse.failing_since.filter(|since| *since < failure.at) {
        finding = finding.evidence("failing_since", moment(since));
    }
    if let Some(last) = heard.pulse.succeeded_at {
        finding = finding.evidence("succeeded_last", moment(last));
    }
    finding
}

/// It said that it began, and not that it ended.
pub(super) fn overrun(spec: &Spec, heard: &Heard, began: Timestamp, ends_by: Timestamp) -> Finding {
    let name = &spec.name;
    let (began, ends_by) = (moment(began), moment(ends_by));
    let within = span(spec.terms.runs_within);
    let finding = Finding::new(
        Code::HeartbeatOverrun,
        &**name,
        text!(
            "{name} began at {began} and has not said that it ended; it may take {within}",
            "{name} 작업이 {began}에 시작했지만 끝났다는 호출이 없습니다. 허용 시간: {within}"
        ),
        text!(
            "On the job's machine, see whether it still runs: `ps -eo pid,etime,stat,args | grep -v grep | grep JOB`. If it does, what it waits for: `cat /proc/PID/wchan`, `ls -l /proc/PID/fd`, its log. If it does not, it was killed (`dmesg | grep -i -E 'killed|oom'`) or the machine restarted under it (`uptime -s`): run it again. If it may take longer, raise `runs_within`.",
            "작업이 있는 서버에서 아직 실행 중인지 확인하세요: `ps -eo pid,etime,stat,args | grep -v grep | grep 작업이름`. 실행 중이면 무엇을 기다리는지 보세요: `cat /proc/PID/wchan`, `ls -l /proc/PID/fd`, 작업 로그. 없으면 강제 종료되었거나(`dmesg | grep -i -E 'killed|oom'`) 서버가 재시작된 것입니다(`uptime -s`). 다시 실행하세요. 원래 오래 걸리는 작업이라면 `runs_within`을 늘리세요."
        ),
    )
    .evidence("expected", format!("an end by {ends_by}"))
    .evidence("began", began);
    let took = heard.pulse.took_seconds.and_then(|took| Duration::try_from_secs_f64(took).ok());
    match took {
        Some(took) => finding.evidence("took_last", span(took)),
        None => finding,
    }
}

/// A call may have come while this agent was away.
pub(super) fn excused(spec: &Spec, deadline: Deadline) -> Finding {
    let name = &spec.name;
    let late = moment(deadline.missed_at);
    Finding::new(
        Code::HeartbeatMissed,
        &**name,
        text!(
            "{name} was due while this agent was down, so its call may have come and not been heard; the next one is waited for until {late}",
            "{name}의 보고 시각에 이 에이전트가 멈춰 있어 호출을 받지 못했을 수 있습니다. 다음 호출을 {late}까지 기다립니다"
        ),
        text!(
            "Nothing, if the job's own log says that it ran. To be sure now, run it by hand; its call clears this.",
            "작업의 로그에 실행 기록이 있으면 조치가 필요 없습니다. 지금 확인하려면 작업을 직접 실행하세요. 호출이 오면 사라집니다."
        ),
    )
    .severity(Severity::Notice)
    .evidence("waits_until", late)
}

/// It has never called, and its time is not over.
pub(super) fn awaited(spec: &Spec, deadline: Deadline) -> Finding {
    let (name, call) = (&spec.name, &spec.by_hand);
    let late = moment(deadline.missed_at);
    Finding::new(
        Code::HeartbeatMissed,
        &**name,
        text!(
            "{name} has not called yet; the first call is waited for until {late}",
            "{name}에서 아직 호출이 없습니다. 첫 호출을 {late}까지 기다립니다"
        ),
        text!(
            "Let the job call when it has ended well: `… && {call}`. To try it now, run that line by hand.",
            "작업이 성공하면 호출하도록 하세요: `… && {call}`. 지금 시험하려면 이 명령을 직접 실행하세요."
        ),
    )
    .severity(Severity::Notice)
    .evidence("waits_until", late)
    .evidence("call", &*spec.by_hand)
}

fn refused(finding: Finding, heard: &Heard) -> Finding {
    match heard.refused_at {
        Some(at) => {
            finding.evidence("refused", format!("a call without the right token at {}", moment(at)))
        }
        None => finding,
    }
}

/// One call in few words.
fn described(call: &CallFacts) -> String {
    let what = match (call.signal, call.exit) {
        (Signal::Start, _) => "it begins".to_owned(),
        (Signal::Success, _) => "it went well".to_owned(),
        (Signal::Fail, Some(exit)) => format!("it ended with status {exit}"),
        (Signal::Fail, None) => "it failed".to_owned(),
    };
    let from = call.from.map(|from| format!(" from {from}")).unwrap_or_default();
    format!("{what}, called at {}{from}", moment(call.at))
}

fn moment(at: Timestamp) -> String {
    at.strftime("%Y-%m-%d %H:%M:%S UTC").to_string()
}

/// As the plan writes a duration: `90s`, `30m`, `2h`.
fn span(length: Duration) -> String {
    let seconds = length.as_secs();
    match seconds {
        0 => format!("{}ms", length.as_millis()),
        _ if seconds.is_multiple_of(86_400) => format!("{}d", seconds / 86_400),
        _ if seconds.is_multiple_of(3600) => format!("{}h", seconds / 3600),
        _ if seconds.is_multiple_of(60) => format!("{}m", seconds / 60),
        _ => format!("{seconds}s"),
    }
}
