//! What each service documents of its messages: keys, kinds and longest texts.

use super::*;

/// Fails unless the service would take it.
pub(super) fn check(chat: &Chat, payload: &Value) {
    match chat {
        Chat::Slack(_) => slack(payload),
        Chat::Discord(_) => discord(payload),
        Chat::Teams(_) => teams(payload),
        Chat::Telegram(_) => telegram(payload),
        Chat::Mattermost(_) => {
            keys(payload, &["attachments", "channel"]);
            keys(&payload["attachments"][0], &["fallback", "color", "text"]);
            within(&payload["attachments"][0]["text"], 1, 7000);
        }
        Chat::GoogleChat(_) => google_chat(payload),
        Chat::Matrix(_) => {
            keys(payload, &["msgtype", "body", "format", "formatted_body", "m.mentions"]);
            assert!(payload.to_string().len() < 60 * 1024);
        }
        Chat::NaverWorks(_) => {
            keys(payload, &["title", "body", "button"]);
            within(&payload["title"], 1, 100);
            within(&payload["body"]["text"], 1, 1000);
            if let Some(button) = payload.get("button") {
                within(&button["label"], 1, 20);
                within(&button["url"], 1, 1000);
            }
        }
        Chat::KakaoWork(_) => kakaowork(payload),
    }
}

fn slack(payload: &Value) {
    keys(payload, &["text", "blocks", "unfurl_links", "unfurl_media"]);
    let blocks = payload["blocks"].as_array().unwrap();
    assert!((1..=50).contains(&blocks.len()));
    let mut text = 0;
    for block in blocks {
        match block["type"].as_str().unwrap() {
            "header" => within(&block["text"]["text"], 1, 150),
            "context" => {
                let elements = block["elements"].as_array().unwrap();
                assert!((1..=10).contains(&elements.len()));
                elements.iter().for_each(|one| within(&one["text"], 1, 2000));
            }
            "rich_text" => {
                let elements = block["elements"][0]["elements"].as_array().unwrap();
                assert!(!elements.is_empty());
                for element in elements {
                    assert!(["text", "link"].contains(&element["type"].as_str().unwrap()));
                    within(&element["text"], 1, 3000);
                    text += element["text"].as_str().unwrap().chars().count();
                }
            }
            other => panic!("a block of type {other}"),
        }
    }
    assert!(text <= 3000, "{text}");
}

fn discord(payload: &Value) {
    keys(payload, &["embeds", "allowed_mentions"]);
    let embed = &payload["embeds"][0];
    keys(embed, &["title", "description", "color", "footer", "url"]);
    let units = |value: &Value| value.as_str().unwrap().encode_utf16().count();
    let texts = [&embed["title"], &embed["description"], &embed["footer"]["text"]].map(units);
    let [title, description, footer] = texts;
    assert!(title <= 256 && description <= 4096 && footer <= 2048, "{texts:?}");
    assert!(texts.iter().sum::<usize>() <= 6000, "{texts:?}");
    assert!(embed["color"].as_u64().unwrap() <= 0x00ff_ffff);
}

fn teams(payload: &Value) {
    assert!(payload.to_string().len() <= 28 * 1024, "{}", payload.to_string().len());
    assert_eq!(payload["type"], "message");
    let attachment = &payload["attachments"][0];
    keys(attachment, &["contentType", "contentUrl", "content"]);
    assert_eq!(attachment["contentType"], "application/vnd.microsoft.card.adaptive");
    let card = &attachment["content"];
    keys(card, &["$schema", "type", "version", "msteams", "fallbackText", "body", "actions"]);
    for block in card["body"].as_array().unwrap() {
        assert_eq!(block["type"], "RichTextBlock");
        let runs = block["inlines"].as_array().unwrap();
        assert!(!runs.is_empty());
        let known =
            ["type", "text", "size", "weight", "color", "fontType", "selectAction", "isSubtle"];
        runs.iter().for_each(|run| keys(run, &known));
    }
}

fn telegram(payload: &Value) {
    keys(payload, &["chat_id", "text", "parse_mode", "link_preview_options", "message_thread_id"]);
    let text = payload["text"].as_str().unwrap();
    assert!((1..=4096).contains(&text.encode_utf16().count()));
    // Every tag is one that Telegram knows, and is closed.
    let mut open: Vec<String> = Vec::new();
    for part in text.split('<').skip(1) {
        let (tag, _) = part.split_once('>').unwrap();
        match tag.strip_prefix('/') {
            Some(end) => assert_eq!(open.pop().unwrap(), end),
            None => open.push(tag.split(' ').next().unwrap().to_owned()),
        }
        assert!(
            ["b", "code", "a"].contains(&tag.trim_start_matches('/').split(' ').next().unwrap())
        );
    }
    assert!(open.is_empty());
}

fn google_chat(payload: &Value) {
    assert!(payload.to_string().len() <= 32_000, "{}", payload.to_string().len());
    keys(payload, &["fallbackText", "cardsV2"]);
    keys(&payload["cardsV2"][0], &["cardId", "card"]);
    let card = &payload["cardsV2"][0]["card"];
    keys(&card["header"], &["title", "subtitle"]);
    for widget in card["sections"][0]["widgets"].as_array().unwrap() {
        keys(widget, &["textParagraph", "buttonList"]);
    }
}

fn kakaowork(payload: &Value) {
    keys(payload, &["text", "blocks"]);
    let blocks = payload["blocks"].as_array().unwrap();
    assert!(blocks.len() <= 20);
    for block in blocks {
        match block["type"].as_str().unwrap() {
            "header" => {
                within(&block["text"], 1, 20);
                assert!(["red", "yellow", "blue"].contains(&block["style"].as_str().unwrap()));
            }
            "button" => within(&block["text"], 1, 20),
            "text" => {
                within(&block["text"], 1, 500);
                let inlines = block["inlines"].as_array().unwrap();
                let whole: String =
                    inlines.iter().map(|inline| inline["text"].as_str().unwrap()).collect();
                assert_eq!(block["text"], whole);
            }
            other => panic!("a block of type {other}"),
        }
    }
}

/// Nothing in it makes the service ring for somebody.
pub(super) fn calls_nobody(chat: &Chat, payload: &Value) {
    let text = payload.to_string();
    match chat {
        // Rich text and runs are not parsed; only the line for telephones is.
        Chat::Slack(_) => assert!(!payload["text"].as_str().unwrap().contains('<')),
        Chat::Teams(_) => assert!(!text.contains("entities")),
        Chat::Discord(_) => assert_eq!(payload["allowed_mentions"], json!({ "parse": [] })),
        Chat::Matrix(_) => assert_eq!(payload["m.mentions"], json!({})),
        Chat::GoogleChat(_) => assert!(payload.get("text").is_none()),
        Chat::NaverWorks(_) => assert!(!text.contains("<m")),
        Chat::KakaoWork(_) => assert!(!text.contains("\"mention\"")),
        Chat::Telegram(_) => outside_code(payload["text"].as_str().unwrap(), "<code>", "</code>"),
        Chat::Mattermost(_) => {
            let text = payload["attachments"][0]["text"].as_str().unwrap();
            assert!(!text.contains("<!") && !text.contains("<@"), "{text}");
        }
    }
}

fn outside_code(text: &str, begin: &str, end: &str) {
    let mut rest = text;
    while let Some((before, after)) = rest.split_once(begin) {
        assert!(!before.contains('@'), "{before}");
        rest = after.split_once(end).unwrap().1;
    }
    assert!(!rest.contains('@'), "{rest}");
}

fn keys(value: &Value, known: &[&str]) {
    for key in value.as_object().unwrap_or_else(|| panic!("{value}")).keys() {
        assert!(known.contains(&key.as_str()), "{key} in {value}");
    }
}

fn within(value: &Value, least: usize, most: usize) {
    let chars = value.as_str().unwrap().chars().count();
    assert!((least..=most).contains(&chars), "{chars} of {most}: {value}");
}
