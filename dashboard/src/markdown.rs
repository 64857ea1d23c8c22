//! The documentation of a code, from Markdown to HTML. Raw HTML within it is shown, not obeyed;
//! pictures become their words, and links lead into this dashboard or to the web, nowhere else.

use askama::filters::Safe;
use health::Code;
use pulldown_cmark::{CowStr, Event, Options, Parser, Tag, TagEnd, html};

use crate::escape;

/// The HTML of a Markdown document, its first heading left out: the page has a title already.
pub(crate) fn to_html(markdown: &str) -> Safe<String> {
    let options = Options::ENABLE_TABLES | Options::ENABLE_STRIKETHROUGH;
    let mut in_title = false;
    let mut past_title = false;
    let mut open_links = Vec::new();
    let events = Parser::new_ext(markdown, options).filter_map(|event| {
        match &event {
            Event::Start(Tag::Heading { level, .. }) if !past_title && *level as u8 == 1 => {
                in_title = true;
                past_title = true;
                return None;
            }
            Event::End(TagEnd::Heading(_)) if in_title => {
                in_title = false;
                return None;
            }
            _ if in_title => return None,
            _ => past_title = true,
        }
        tame(event, &mut open_links)
    });
    let mut page = String::with_capacity(markdown.len() * 2);
    html::push_html(&mut page, events);
    Safe(page)
}

/// What an event is let through as; whether each open link was kept is remembered for its end.
fn tame<'a>(event: Event<'a>, open_links: &mut Vec<bool>) -> Option<Event<'a>> {
    Some(match event {
        Event::Html(raw) | Event::InlineHtml(raw) => Event::Text(shown(&raw)),
        Event::Text(text) => Event::Text(shown(&text)),
        Event::Code(text) => Event::Code(shown(&text)),
        Event::Start(Tag::HtmlBlock) => Event::Start(Tag::Paragraph),
        Event::End(TagEnd::HtmlBlock) => Event::End(TagEnd::Paragraph),
        Event::Start(Tag::Image { .. }) | Event::End(TagEnd::Image) => return None,
        Event::Start(Tag::Link { link_type, dest_url, title, id }) => {
            let target = target(&dest_url);
            open_links.push(target.is_some());
            let dest_url = CowStr::from(target?);
            Event::Start(Tag::Link { link_type, dest_url, title, id })
        }
        Event::End(TagEnd::Link) => {
            let was_kept = open_links.pop().unwrap_or_default();
            return was_kept.then_some(Event::End(TagEnd::Link));
        }
        other => other,
    })
}

fn shown(text: &str) -> CowStr<'static> {
    CowStr::from(escape::neutral(text))
}

/// Where a link may lead: the web, a heading of this page, or the page of another code.
fn target(link: &str) -> Option<String> {
    if link.starts_with("https://") || link.starts_with("http://") || link.starts_with('#') {
        return Some(link.to_owned());
    }
    let (path, fragment) = link.split_once('#').unwrap_or((link, ""));
    let stem = path.rsplit('/').next()?;
    let code = Code::from_label(stem.strip_suffix(".md").unwrap_or(stem))?;
    let separator = if fragment.is_empty() { "" } else { "#" };
    Some(format!("/explain/{code}{separator}{fragment}"))
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn documents_lose_their_title_and_whatever_is_not_plain_markdown() {
        let cases = [
            ("# Title\n\nText `a<b`.", "<p>Text <code>a&lt;b</code>.</p>\n"),
            ("## Part\n", "<h2>Part</h2>\n"),
            ("<script>alert(1)</script>\n", "<p>&lt;script&gt;alert(1)&lt;/script&gt;\n</p>\n"),
            ("a <b onclick=x>b</b>", "<p>a &lt;b onclick=x&gt;b&lt;/b&gt;</p>\n"),
            ("[go](javascript:alert(1))", "<p>go</p>\n"),
            ("[go](data:text/html,x) [[x]](//evil.example)", "<p>go [x]</p>\n"),
            ("![a picture](https://e.example/x.png)", "<p>a picture</p>\n"),
            (
                "[see](cert.expired.md) and [it](../findings/tls.untrusted.md#fix)",
                "<p><a href=\"/explain/cert.expired\">see</a> and \
                 <a href=\"/explain/tls.untrusted#fix\">it</a></p>\n",
            ),
            ("x\u{202e}y", "<p>x[U+202E]y</p>\n"),
        ];
        for (markdown, html) in cases {
            assert_eq!(to_html(markdown).0, html, "{markdown}");
        }
    }
}
