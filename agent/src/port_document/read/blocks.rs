//! Markdown as the few blocks that matter here, each with the line it begins on.

use pulldown_cmark::{Event, HeadingLevel, Options, Parser, Tag, TagEnd};

/// One line of a table.
#[derive(Clone, Debug, Default, PartialEq, Eq)]
pub(in crate::port_document) struct Row {
    pub(in crate::port_document) line: usize,
    pub(in crate::port_document) cells: Vec<String>,
}

/// A block of a page, as text without markup.
#[derive(Clone, Debug, PartialEq, Eq)]
pub(super) enum Block {
    Heading {
        level: u8,
        text: String,
    },
    Paragraph {
        line: usize,
        text: String,
    },
    /// The words of a list item, without those of lists within it.
    Item {
        line: usize,
        text: String,
    },
    Table {
        head: Row,
        rows: Vec<Row>,
    },
    /// A table written in HTML.
    Html {
        line: usize,
    },
}

/// What a page consists of, in its order.
pub(super) fn blocks(text: &str) -> Vec<Block> {
    let mut reader = Reader { lines: line_starts(text), ..Reader::default() };
    // Not struck-out text: in `3012~3014, 3016~3018` it would eat the middle.
    for (event, range) in Parser::new_ext(text, Options::ENABLE_TABLES).into_offset_iter() {
        reader.take(event, range.start);
    }
    reader.blocks
}

#[derive(Default)]
struct Reader {
    lines: Vec<usize>,
    blocks: Vec<Block>,
    /// Text of the innermost block that is open.
    text: String,
    /// Where each open list item began, and whether its words have been handed over.
    items: Vec<(usize, Handed)>,
    table: Option<(Row, Vec<Row>)>,
    row: Row,
    opaque: usize,
}

#[derive(Clone, Copy, Debug, PartialEq, Eq)]
enum Handed {
    Yes,
    No,
}

impl Reader {
    fn take(&mut self, event: Event<'_>, at: usize) {
        match event {
            Event::Start(tag) => self.open(&tag, at),
            Event::End(tag) => self.close(tag, at),
            Event::Text(words) | Event::Code(words) if self.opaque == 0 => {
                self.text.push_str(&words);
            }
            Event::SoftBreak | Event::HardBreak => self.text.push(' '),
            // People break lines in a cell so.
            Event::InlineHtml(html) if html.to_ascii_lowercase().starts_with("<br") => {
                self.text.push_str(", ");
            }
            Event::Html(html) if html.to_ascii_lowercase().contains("<table") => {
                self.blocks.push(Block::Html { line: self.line(at) });
            }
            _ => {}
        }
    }

    fn open(&mut self, tag: &Tag<'_>, at: usize) {
        match tag {
            Tag::Heading { .. } | Tag::TableCell => self.text.clear(),
            Tag::Paragraph if self.items.is_empty() => self.text.clear(),
            Tag::Item => {
                self.hand_over_item();
                self.items.push((at, Handed::No));
                self.text.clear();
            }
            // A list within an item: the item's own words come first.
            Tag::List(_) => self.hand_over_item(),
            Tag::Table(_) => self.table = Some(Default::default()),
            Tag::TableHead | Tag::TableRow => {
                self.row = Row { line: self.line(at), cells: Vec::new() };
            }
            Tag::CodeBlock(_) => self.opaque += 1,
            _ => {}
        }
    }

    fn close(&mut self, tag: TagEnd, at: usize) {
        match tag {
            TagEnd::Heading(level) => {
                let text = self.text.trim().to_owned();
                self.blocks.push(Block::Heading { level: number(level), text });
            }
            TagEnd::Paragraph if self.items.is_empty() => {
                let text = std::mem::take(&mut self.text);
                self.blocks.push(Block::Paragraph { line: self.line(at), text });
            }
            TagEnd::Item => {
                self.hand_over_item();
                self.items.pop();
            }
            TagEnd::TableCell => self.row.cells.push(self.text.trim().to_owned()),
            TagEnd::TableHead => {
                if let Some((head, _)) = &mut self.table {
                    *head = std::mem::take(&mut self.row);
                }
            }
            TagEnd::TableRow => {
                if let Some((_, rows)) = &mut self.table {
                    rows.push(std::mem::take(&mut self.row));
                }
            }
            TagEnd::Table => {
                let table = self.table.take();
                self.blocks.extend(table.map(|(head, rows)| Block::Table { head, rows }));
            }
            TagEnd::CodeBlock => self.opaque = self.opaque.saturating_sub(1),
            _ => {}
        }
    }

    fn hand_over_item(&mut self) {
        if let Some((at, handed @ Handed::No)) = self.items.last_mut() {
            *handed = Handed::Yes;
            let (line, text) = (line_of(&self.lines, *at), std::mem::take(&mut self.text));
            self.blocks.push(Block::Item { line, text: text.trim().to_owned() });
        }
    }

    fn line(&self, at: usize) -> usize {
        line_of(&self.lines, at)
    }
}

fn line_starts(text: &str) -> Vec<usize> {
    std::iter::once(0).chain(text.match_indices('\n').map(|(at, _)| at + 1)).collect()
}

/// The line, counted from 1, that holds this byte.
fn line_of(starts: &[usize], at: usize) -> usize {
    starts.partition_point(|start| *start <= at)
}

const fn number(level: HeadingLevel) -> u8 {
    match level {
        HeadingLevel::H1 => 1,
        HeadingLevel::H2 => 2,
        HeadingLevel::H3 => 3,
        HeadingLevel::H4 => 4,
        HeadingLevel::H5 => 5,
        HeadingLevel::H6 => 6,
    }
}
