//! What an answer means. The services say the same things in words of their own, and none contradicts
//! another, so that one reading serves all; the tests have every documented answer.

use jiff::{SignedDuration, Timestamp};
use serde_json::Value;

use crate::receiver::Outcome;
use crate::receiver::posting::{Answer, excerpt, retry_after};

/// How Teams' older connectors say that the message went no further, in an answer of 200.
const PASSED_ON: &str = "Microsoft Teams endpoint returned HTTP error ";

/// What an answer means.
pub(in crate::receiver) fn judge(answer: &Answer, now: Timestamp) -> Outcome {
    let said: Value = serde_json::from_str(&answer.body).unwrap_or_default();
    if !(200..300).contains(&answer.status) {
        let asked = retry_after(&answer.headers, now).max(wait(&said));
        return answer.refused(asked);
    }
    if let Some((_, code)) = answer.body.split_once(PASSED_ON) {
        let code: String = code.chars().take_while(char::is_ascii_digit).collect();
        return refusal(answer, code == "429" || code.starts_with('5'));
    }
    // KakaoWork and Telegram answer 200 to what they did not take.
    if said["success"] == false || said["ok"] == false {
        let error = &said["error"];
        let code = error["code"].as_str().or(error.as_str()).unwrap_or_default();
        let busy = ["too_many", "rate_limit", "limit_exceeded", "internal", "temporar", "timeout"];
        return refusal(answer, busy.iter().any(|word| code.contains(word)));
    }
    Outcome::Delivered { status: answer.status }
}

/// Answered with a 2xx, and yet not taken.
fn refusal(answer: &Answer, for_now: bool) -> Outcome {
    if for_now {
        // By its status, it would never be tried again.
        let reason = format!("{}: {}", answer.status, excerpt(&answer.body));
        return Outcome::Lost { reason };
    }
    answer.refused(None)
}

/// How long the body asks to wait: Discord in seconds and their parts, Telegram in whole ones, Matrix in
/// milliseconds.
fn wait(said: &Value) -> Option<SignedDuration> {
    let seconds = said["retry_after"].as_f64();
    let seconds = seconds.or_else(|| said["parameters"]["retry_after"].as_f64());
    let seconds = seconds.or_else(|| said["retry_after_ms"].as_f64().map(|ms| ms / 1000.0))?;
    SignedDuration::try_from_secs_f64(seconds.clamp(0.0, 1e9)).ok()
}

#[cfg(test)]
mod tests {
    use http::{HeaderMap, HeaderValue};

    use super::*;
    use crate::retry::{self, Verdict};

    fn now() -> Timestamp {
        "2027-01-15T08:00:00Z".parse().unwrap()
    }

    #[test]
    fn answers_mean_what_each_service_says_they_do() {
        // What becomes of it: taken, tried again after so many seconds, or given up.
        let table: &[(u16, Option<&str>, &str, &str)] = &[
            // Slack
            (200, None, "ok", "taken"),
            (429, Some("30"), r#"{"ok":false,"error":"rate_limited"}"#, "in 30"),
            (400, None, "invalid_payload", "given up"),
            (403, None, "action_prohibited", "given up"),
            (404, None, "channel_not_found", "given up"),
            (410, None, "channel_is_archived", "given up"),
            (500, None, "rollup_error", "in 5"),
            // Discord
            (204, None, "", "taken"),
            (
                429,
                Some("1"),
                r#"{"message":"You are being rate limited.","retry_after":64.57,"global":false}"#,
                "in 64",
            ),
            (404, None, r#"{"message":"Unknown Webhook","code":10015}"#, "given up"),
            (400, None, r#"{"embeds":["0"]}"#, "given up"),
            // Teams
            (202, None, "", "taken"),
            (200, None, "1", "taken"),
            (
                200,
                None,
                "Webhook message delivery failed with error: Microsoft Teams endpoint returned HTTP error 429 with ContextId x",
                "in 5",
            ),
            (
                200,
                None,
                "Webhook message delivery failed with error: Microsoft Teams endpoint returned HTTP error 413 with ContextId x",
                "given up",
            ),
            (400, None, r#"{"error":{"code":"TriggerInputSchemaMismatch"}}"#, "given up"),
            // Telegram
            (200, None, r#"{"ok":true,"result":{"message_id":7}}"#, "taken"),
            (
                429,
                None,
                r#"{"ok":false,"error_code":429,"description":"Too Many Requests: retry after 35","parameters":{"retry_after":35}}"#,
                "in 35",
            ),
            (
                400,
                None,
                r#"{"ok":false,"error_code":400,"description":"Bad Request: chat not found"}"#,
                "given up",
            ),
            (
                401,
                None,
                r#"{"ok":false,"error_code":401,"description":"Unauthorized"}"#,
                "given up",
            ),
            // Google Chat
            (200, None, r#"{"name":"spaces/A/messages/B"}"#, "taken"),
            (429, None, r#"{"error":{"code":429,"status":"RESOURCE_EXHAUSTED"}}"#, "in 5"),
            // Matrix
            (200, None, r#"{"event_id":"$x"}"#, "taken"),
            (429, None, r#"{"errcode":"M_LIMIT_EXCEEDED","retry_after_ms":90500}"#, "in 90"),
            (403, None, r#"{"errcode":"M_FORBIDDEN","error":"not in room"}"#, "given up"),
            // Naver Works
            (200, None, r#"{"code":200,"message":"success"}"#, "taken"),
            (400, None, r#"{"code":"INVALID_PARAMETER","description":"x"}"#, "given up"),
            // KakaoWork
            (200, None, r#"{"success":true,"error":null}"#, "taken"),
            (
                200,
                None,
                r#"{"success":false,"error":{"code":"invalid_parameter","message":"x"}}"#,
                "given up",
            ),
            (
                200,
                None,
                r#"{"success":false,"error":{"code":"too_many_requests","message":"x"}}"#,
                "in 5",
            ),
            // None of them.
            (301, None, "", "given up"),
            (502, None, "<html>bad gateway</html>", "in 5"),
        ];
        for (status, asked, body, expected) in table {
            let mut headers = HeaderMap::new();
            if let Some(seconds) = asked {
                headers.insert("retry-after", HeaderValue::from_static(seconds));
            }
            let answer = Answer { status: *status, headers, body: (*body).to_owned() };
            let outcome = judge(&answer, now());
            let verdict = retry::after(1, &outcome, retry::expires_at(now()), now(), 0.5);
            let said = match verdict {
                Verdict::Delivered => "taken".to_owned(),
                Verdict::Retry(at) => format!("in {}", at.duration_since(now()).as_secs()),
                _ => "given up".to_owned(),
            };
            assert_eq!(said, *expected, "{status} {body}");
        }
    }
}
