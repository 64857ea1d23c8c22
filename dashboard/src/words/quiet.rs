//! Words about who is told, who is not, and why.

use health::Language;

use super::{Count, Words};
use crate::amount;

words! {
    log_in: "Log in", "로그인";
    log_out: "Log out", "로그아웃";
    log_in_lead: "Everybody may look. Who wants to silence or acknowledge gives the agent’s token, once.", "보는 것은 누구나 할 수 있습니다. 알림을 중지하거나 장애를 확인 처리하려면 에이전트의 토큰을 한 번 입력하십시오.";
    your_name: "Your name, as others shall read it", "이름(다른 사람에게 표시됩니다)";
    token: "Token", "토큰";
    where_the_token_is: "The token is in the file beside the agent’s store, such as `portwarden.db.token`, unless the plan names another place with `token_env` or `token_file`.", "토큰은 에이전트 저장소 옆의 파일(예: `portwarden.db.token`)에 있습니다. 계획 파일에 `token_env`나 `token_file`이 있으면 그곳에 있습니다.";
    no_token: "The agent has no token, because none could be written beside its store; its log says why.", "저장소 옆에 토큰을 기록하지 못해 에이전트에 토큰이 없습니다. 이유는 로그에 있습니다.";
    refused_title: "That was not done", "처리하지 않았습니다";
    silences: "Silences", "알림 중지";
    silences_and_maintenance: "Silences and maintenance", "알림 중지와 유지보수";
    silences_lead: "What is held back, by whom, and until when. Looking goes on; nothing is lost: what is still wrong when the quiet ends is told then.", "무엇을 누가 언제까지 보류했는지 보여 줍니다. 점검은 계속되며, 중지가 끝났을 때 여전히 문제가 있으면 그때 알립니다.";
    active_silences: "Now", "지금 적용 중";
    no_silences: "Nobody asked for quiet.", "알림을 중지한 사람이 없습니다.";
    upcoming: "Later", "예정";
    new_silence: "Ask for quiet", "새 알림 중지";
    past_silences: "Over", "지난 알림 중지";
    maintenance: "Maintenance windows of the plan", "계획 파일의 유지보수 시간";
    no_maintenance: "The plan has none.", "계획 파일에 유지보수 시간이 없습니다.";
    open_window: "open now", "진행 중";
    begins: "begins", "시작";
    until: "until", "종료";
    end_now: "End now", "지금 끝내기";
    check: "Check", "점검 항목";
    code: "Code", "진단 코드";
    label: "Label", "라벨";
    at_least: "At least", "최소 심각도";
    how_long: "For", "기간";
    or_until: "or until", "또는 종료 시각";
    reason: "Why", "사유";
    silence: "Silence", "알림 중지";
    stars: "Every condition that is filled in has to hold. A star stands for anything: web*, tls.*", "입력한 조건을 모두 만족하는 장애에 적용됩니다. 별표는 임의의 문자열을 뜻합니다. 예: web*, tls.*";
    log_in_to_silence: "Log in to silence", "로그인하여 알림 중지하기";
    log_in_to_act: "Log in to acknowledge or silence", "로그인하여 확인 처리하거나 알림 중지하기";
    acknowledge: "I am on it", "제가 처리하겠습니다";
    acknowledge_what: "No reminders and no escalation from then on. If it gets worse, and when it is over, that is told all the same.", "이후 재알림과 상위 알림을 보내지 않습니다. 더 나빠지거나 해소되면 그대로 알립니다.";
    withdraw: "Not any more", "확인 취소";
    note: "Note", "메모";
    quiet: "Quiet", "알림 보류";
    held: "Held back", "보류";
    told: "Told", "알림";
    because: "because", "이유:";
    not_told: "Not told", "알리지 않음";
    whoever: "everybody", "모든 수신자";
    began_to_flap: "Its state began to change all the time", "상태가 자주 바뀌기 시작했습니다";
    has_settled: "It settled", "상태가 안정되었습니다";
    given_up: "given up", "전달 포기";
    next_attempt: "next attempt", "다음 시도";
    attempts: "Attempts", "시도 내역";
    why_no_routes: "there are no routes: every receiver hears all", "경로가 없어 모든 수신자가 모든 알림을 받습니다";
    why_follows: "whoever was told of it is told how it goes on", "이미 알림을 받은 수신자에게 경과를 알립니다";
    why_flaps_now: "it changes all the time; there is quiet until it settles", "상태가 자주 바뀌어, 안정될 때까지 알림을 보류합니다";
    why_settled: "it has settled", "상태가 안정되었습니다";
    why_off_hours: "no route names anybody at this hour", "이 시간대에 알림을 받을 수신자가 없습니다";
    why_unrouted: "no route matches: nobody is to be told", "맞는 경로가 없어 아무에게도 알리지 않습니다";
}

counted! {
    n_silences: "{n} silence", "{n} silences", "알림 중지 {n}건";
    n_open_match: "{n} open incident", "{n} open incidents", "진행 중인 장애 {n}건 해당";
    n_hours: "{n} hour", "{n} hours", "{n}시간";
    n_others: "together with {n} other", "together with {n} others", "다른 {n}건과 함께";
    n_turns: "{n} time bad", "{n} times bad", "{n}번 나빠짐";
}

phrases! {
    logged_in_as(name): "Logged in as {name}", "{name}님으로 로그인됨";
    bad_for(span): "bad for {span} in all", "나빴던 시간 합계 {span}";
    is_on_it(who): "{who} is on it", "{who}님이 처리 중";
    acknowledged_by(who): "{who} is on it", "{who}님이 확인했습니다";
    why_route(number): "route {number} names this receiver", "{number}번째 경로에 지정된 수신자입니다";
    why_escalated(span): "nobody acknowledged it for {span}", "{span} 동안 아무도 확인하지 않았습니다";
    why_reminds(number): "it is still there: reminder {number}", "아직 계속되고 있습니다: {number}번째 재알림";
    why_released(held): "what held it back is over: {held}", "보류 사유가 끝났습니다: {held}";
    why_maintenance(name, until): "maintenance `{name}` until {until}", "유지보수 `{name}`, {until}까지";
    why_silenced(who, until): "silenced by {who} until {until}", "{who}님이 {until}까지 알림 중지";
    why_acknowledged(who): "{who} is on it", "{who}님이 처리 중";
    why_flapping(since): "it has been changing all the time since {since}", "{since}부터 상태가 자주 바뀌고 있습니다";
    why_explained(cause): "explained by `{cause}`, which was told", "원인 `{cause}`을(를) 이미 알렸습니다";
    why_awaits_cause(cause, until): "it waits for its cause, `{cause}`, until {until} at most", "원인 `{cause}`을(를) 늦어도 {until}까지 기다립니다";
    why_off_hours_until(until): "no route names anybody at this hour; from {until} one does", "이 시간대에 알림을 받을 수신자가 없습니다. {until}부터 알립니다";
    why_over_before(held): "it was over before what held it back: {held}", "보류가 끝나기 전에 해소되었습니다: {held}";
}
