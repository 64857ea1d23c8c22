//! Words and marks: the smallest parts of a configuration, told apart as `ngx_conf_read_token` does.

/// A word, or one of the three marks that structure words.
#[derive(Clone, Debug, PartialEq, Eq)]
pub(super) enum Part {
    Word(String),
    /// `;`
    End,
    /// `{`
    Open,
    /// `}`
    Close,
}

/// Reads parts from a text, and knows the line.
#[derive(Debug)]
pub(super) struct Words<'a> {
    rest: &'a str,
    line: u32,
}

/// A quotation or a block of code that the text ends in; the line it began on.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(super) struct Unclosed(pub(super) u32);

impl<'a> Words<'a> {
    pub(super) fn new(text: &'a str) -> Self {
        Self { rest: text.strip_prefix('\u{feff}').unwrap_or(text), line: 1 }
    }

    /// The next part and the line it begins on; `None` at the end of the text.
    pub(super) fn next(&mut self) -> Result<Option<(Part, u32)>, Unclosed> {
        self.skip_blanks();
        let line = self.line;
        let part = match self.rest.chars().next() {
            None => return Ok(None),
            Some(';') => self.mark(Part::End),
            Some('{') => self.mark(Part::Open),
            Some('}') => self.mark(Part::Close),
            Some(quote @ ('"' | '\'')) => {
                self.take();
                Part::Word(self.quoted(quote).ok_or(Unclosed(line))?)
            }
            Some(_) => Part::Word(self.bare()),
        };
        Ok(Some((part, line)))
    }

    /// Skips a block of code in another language up to the brace that closes it; the brace that
    /// opens it has been read. Braces within Lua's strings and comments do not count.
    pub(super) fn skip_code(&mut self) -> Result<(), Unclosed> {
        let began = self.line;
        let mut depth = 1;
        while let Some(c) = self.take() {
            match c {
                '{' => depth += 1,
                '}' => depth -= 1,
                '"' | '\'' => {
                    self.quoted(c).ok_or(Unclosed(began))?;
                }
                '-' if self.rest.starts_with("-[[") => self.skip_past("]]"),
                '-' if self.rest.starts_with('-') => self.skip_past("\n"),
                '[' if self.rest.starts_with('[') => self.skip_past("]]"),
                _ => {}
            }
            if depth == 0 {
                return Ok(());
            }
        }
        Err(Unclosed(began))
    }

    fn mark(&mut self, mark: Part) -> Part {
        self.take();
        mark
    }

    fn take(&mut self) -> Option<char> {
        let mut chars = self.rest.chars();
        let c = chars.next()?;
        self.rest = chars.as_str();
        self.line += u32::from(c == '\n');
        Some(c)
    }

    fn skip_past(&mut self, end: &str) {
        let length = self.rest.find(end).map_or(self.rest.len(), |at| at + end.len());
        let (skipped, rest) = self.rest.split_at(length);
        self.line += lines(skipped);
        self.rest = rest;
    }

    fn skip_blanks(&mut self) {
        loop {
            match self.rest.chars().next() {
                Some('#') => self.skip_past("\n"),
                Some(c) if is_blank(c) => {
                    self.take();
                }
                _ => return,
            }
        }
    }

    /// Up to the quote that ends it; `None` when there is none.
    fn quoted(&mut self, quote: char) -> Option<String> {
        let mut word = String::new();
        loop {
            match self.take()? {
                '\\' => escape(self.take()?, &mut word),
                c if c == quote => return Some(word),
                c => word.push(c),
            }
        }
    }

    fn bare(&mut self) -> String {
        let mut word = String::new();
        let mut is_variable = false;
        while let Some(c) = self.rest.chars().next() {
            // `${name}` is part of a word; any other brace begins a block.
            let ends = is_blank(c) || c == ';' || (c == '{' && !is_variable);
            if ends {
                break;
            }
            self.take();
            if c == '\\' {
                if let Some(next) = self.take() {
                    escape(next, &mut word);
                }
            } else {
                word.push(c);
            }
            is_variable = c == '$';
        }
        word
    }
}

/// nginx takes the backslash away before quotes, blanks and itself, and keeps it elsewhere, which
/// is what lets `\.` through to a regular expression.
fn escape(next: char, word: &mut String) {
    match next {
        '"' | '\'' | '\\' => word.push(next),
        't' => word.push('\t'),
        'r' => word.push('\r'),
        'n' => word.push('\n'),
        _ => {
            word.push('\\');
            word.push(next);
        }
    }
}

const fn is_blank(c: char) -> bool {
    matches!(c, ' ' | '\t' | '\r' | '\n')
}

fn lines(text: &str) -> u32 {
    u32::try_from(text.bytes().filter(|&byte| byte == b'\n').count()).unwrap_or(u32::MAX)
}

#[cfg(test)]
mod tests {
    use super::*;

    /// Parts as one would write them, words in brackets.
    fn shown(text: &str) -> String {
        let mut words = Words::new(text);
        let mut shown = String::new();
        loop {
            match words.next() {
                Ok(Some((Part::Word(word), _))) => shown += &format!("[{word}]"),
                Ok(Some((Part::End, _))) => shown.push(';'),
                Ok(Some((Part::Open, _))) => shown.push('{'),
                Ok(Some((Part::Close, _))) => shown.push('}'),
                Ok(None) => return shown,
                Err(Unclosed(line)) => return format!("{shown} unclosed since {line}"),
            }
        }
    }

    #[test]
    fn parts() {
        for (text, expected) in [
            ("listen 80;", "[listen][80];"),
            ("\u{feff}listen\t80 ;", "[listen][80];"),
            ("a;b{c}d", "[a];[b]{[c}d]"),
            ("a {b;} d", "[a]{[b];}[d]"),
            ("# all of it { ; }\na; # and this }\nb;", "[a];[b];"),
            ("a#b c;", "[a#b][c];"),
            ("a \"b ; { } # c\" 'd \"e\"';", "[a][b ; { } # c][d \"e\"];"),
            (r#"a "b\"c" 'd\'e' f\ g;"#, r#"[a][b"c][d'e][f\ g];"#),
            (r"rewrite ^/(.*)\.php$ /$1 last;", r"[rewrite][^/(.*)\.php$][/$1][last];"),
            (r#"location ~ "^/\d{3}$" {}"#, r"[location][~][^/\d{3}$]{}"),
            ("set $a ${b}c;", "[set][$a][${b}c];"),
            ("a \"\";", "[a][];"),
            ("a \"b", "[a] unclosed since 1"),
            ("a;\n\nb 'c\n", "[a];[b] unclosed since 3"),
            ("", ""),
            ("\\", "[]"),
            ("한글 값;", "[한글][값];"),
        ] {
            assert_eq!(shown(text), expected, "{text:?}");
        }
    }

    #[test]
    fn code_is_skipped_whole() {
        for (code, rest) in [
            ("ngx.say('}') } after;", "[after];"),
            ("if a then b = {1, {2}} end } after;", "[after];"),
            ("-- a comment }\nx = \"}\" } after;", "[after];"),
            ("--[[ } ]] y = [[ } ]] } after;", "[after];"),
            ("a - b } after;", "[after];"),
        ] {
            let mut words = Words::new(code);
            assert_eq!(words.skip_code(), Ok(()), "{code}");
            assert_eq!(shown(words.rest), rest, "{code}");
        }
        assert_eq!(Words::new("a { b }").skip_code(), Err(Unclosed(1)));
    }

    #[test]
    fn lines_are_counted_everywhere() {
        let mut words = Words::new("a # x\n'b\nc' d\n--[[\n]] }\ne");
        let mut found = Vec::new();
        for _ in 0..3 {
            found.push(words.next().unwrap().unwrap().1);
        }
        words.skip_code().unwrap();
        found.push(words.next().unwrap().unwrap().1);
        assert_eq!(found, [1, 2, 3, 6]);
    }
}
