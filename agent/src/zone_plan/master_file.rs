//! Zone files (RFC 1035 §5, TTL units as everybody writes them): entries with their owners and
//! values, names completed. A parser of our own, because what is wanted is the value as it is
//! written, of any type, and the line a mistake is on.
//!
//! Deliberately absent: `$INCLUDE` and `$GENERATE`. A file that names other files is not read
//! behind its owner's back; the remedy says how to have it written out.

use std::borrow::Cow;

use hickory_proto::rr::Name;

use super::Held;

/// What is wrong with a zone file, and where.
#[derive(Debug, PartialEq, Eq, thiserror::Error)]
#[error("line {line}: {message}")]
pub(crate) struct Mistake {
    /// From 1.
    pub(crate) line: usize,
    pub(crate) message: String,
}

/// A file as text. Bytes that are no UTF-8 become what zone files write for them, `\DDD`: of a comment
/// in another encoding nothing is lost, and a value keeps its bytes.
pub(crate) fn text(bytes: &[u8]) -> Cow<'_, str> {
    if let Ok(text) = std::str::from_utf8(bytes) {
        return text.into();
    }
    let mut text = String::with_capacity(bytes.len() + bytes.len() / 8);
    for chunk in bytes.utf8_chunks() {
        text.push_str(chunk.valid());
        chunk.invalid().iter().for_each(|byte| text.push_str(&format!("\\{byte:03}")));
    }
    text.into()
}

/// The zone that a file is of, and its records. `zone` where the file need not say.
///
/// # Errors
/// The first mistake.
pub(crate) fn read(text: &str, zone: Option<&Name>) -> Result<(Name, Vec<Held>), Mistake> {
    let mut reader = Reader { origin: zone.cloned(), owner: None, zone: None, held: Vec::new() };
    for entry in Entries::new(text) {
        reader.take(entry?)?;
    }
    match zone.cloned().or(reader.zone) {
        Some(zone) => Ok((zone, reader.held)),
        None => Err(Mistake {
            line: text.lines().count(),
            message: "there is no SOA, so the zone's name is not known: give it with --zone".into(),
        }),
    }
}

/// One logical line: words, and whether it began with a blank.
struct Entry {
    line: usize,
    is_indented: bool,
    words: Vec<String>,
}

struct Reader {
    origin: Option<Name>,
    /// Of the entry before.
    owner: Option<Name>,
    /// Whose SOA was seen.
    zone: Option<Name>,
    held: Vec<Held>,
}

impl Reader {
    fn take(&mut self, entry: Entry) -> Result<(), Mistake> {
        let line = entry.line;
        self.read(entry).map_err(|message| Mistake { line, message })
    }

    fn read(&mut self, entry: Entry) -> Result<(), String> {
        let mut words = entry.words.into_iter().peekable();
        if !entry.is_indented {
            let Some(first) = words.next() else { return Ok(()) };
            if first.starts_with('$') {
                return self.direct(&first, words.next());
            }
            self.owner = Some(self.complete(&first)?);
        }
        // TTL and class in either order, both optional.
        while words.peek().is_some_and(|word| is_ttl(word) || word.eq_ignore_ascii_case("IN")) {
            words.next();
        }
        let Some(kind) = words.next() else {
            return Err("an owner without a record".to_owned());
        };
        if ["CH", "HS", "CS"].iter().any(|class| kind.eq_ignore_ascii_case(class)) {
            return Err(format!("the class {kind} is not the Internet's: IN"));
        }
        let kind = kind.to_ascii_uppercase();
        if !kind.bytes().all(|byte| byte.is_ascii_alphanumeric() || byte == b'-') {
            return Err(format!("`{kind}` is not a type"));
        }
        let fields: Vec<String> = words.collect();
        let Some(owner) = self.owner.clone() else {
            return Err("a line that begins with a blank, and no owner before it".to_owned());
        };
        if kind == "SOA" && self.zone.is_none() {
            self.zone = Some(owner.clone());
        }
        let value = self.value(&kind, fields)?;
        self.held.push(Held { name: owner, record_type: kind, value });
        Ok(())
    }

    fn direct(&mut self, directive: &str, argument: Option<String>) -> Result<(), String> {
        match directive.to_ascii_uppercase().as_str() {
            "$TTL" => match argument {
                Some(ttl) if is_ttl(&ttl) => Ok(()),
                _ => Err("$TTL needs a time, such as 3600 or 1h".to_owned()),
            },
            "$ORIGIN" => {
                let name = argument.ok_or("$ORIGIN needs a name")?;
                self.origin = Some(self.complete(&name)?);
                Ok(())
            }
            "$INCLUDE" | "$GENERATE" => Err(format!(
                "{directive} is not followed; have the whole zone written out first, such as `named-compilezone -F text -o - ZONE FILE`"
            )),
            _ => Err(format!("`{directive}` is not known; $ORIGIN and $TTL are")),
        }
    }

    /// The value with its names complete.
    fn value(&self, kind: &str, mut fields: Vec<String>) -> Result<String, String> {
        if fields.first().is_some_and(|first| first == "\\#") {
            // The generic form of RFC 3597; nobody compares by it.
            return Ok(fields.join(" "));
        }
        let names: &[usize] = match kind {
            "CNAME" | "NS" | "PTR" | "DNAME" => &[0],
            "MX" | "SVCB" | "HTTPS" => &[1],
            "SRV" => &[3],
            "SOA" => &[0, 1],
            _ => &[],
        };
        for &at in names {
            let Some(field) = fields.get_mut(at) else {
                return Err(format!("the value of {kind} is not complete"));
            };
            if field != "." {
                let name = crate::probe::dns::shown(&self.complete(field)?);
                *field = if name.ends_with('.') { name } else { format!("{name}.") };
            }
        }
        if kind == "SOA" {
            for field in fields.iter_mut().skip(2) {
                *field = seconds(field).map_or_else(|| field.clone(), |time| time.to_string());
            }
        }
        if kind == "TXT" {
            for field in fields.iter_mut().filter(|field| !field.starts_with('"')) {
                *field = format!("\"{field}\"");
            }
        }
        if fields.is_empty() {
            return Err(format!("{kind} without a value"));
        }
        Ok(fields.join(" "))
    }

    /// A name as it is written, completed with the origin.
    fn complete(&self, written: &str) -> Result<Name, String> {
        let wrong = |error: &dyn std::fmt::Display| format!("`{written}` is not a name: {error}");
        let origin = || {
            self.origin.as_ref().ok_or_else(|| {
                format!(
                    "`{written}` is not complete, and neither $ORIGIN nor --zone says where it is"
                )
            })
        };
        if written == "@" {
            return Ok(origin()?.clone());
        }
        let name = match written.contains('/') && !written.contains('\\') {
            // Parts of reverse zones have such names (RFC 2317).
            true => Name::from_labels(written.trim_end_matches('.').split('.').map(str::as_bytes)),
            false => Name::from_ascii(written),
        };
        let mut name = name.map_err(|error| wrong(&error))?;
        let is_complete = written.ends_with('.') && !written.ends_with("\\.");
        if !is_complete {
            name.set_fqdn(false);
            name = name.append_domain(origin()?).map_err(|error| wrong(&error))?;
        }
        name.set_fqdn(true);
        Ok(name.to_lowercase())
    }
}

fn is_ttl(word: &str) -> bool {
    seconds(word).is_some()
}

/// `3600`, or with units: `1h30m`.
fn seconds(word: &str) -> Option<u64> {
    let (mut total, mut number) = (0_u64, None::<u64>);
    for byte in word.bytes() {
        let unit = match byte.to_ascii_lowercase() {
            b'0'..=b'9' => {
                let so_far = number.unwrap_or(0).checked_mul(10)?;
                number = Some(so_far.checked_add(u64::from(byte - b'0'))?);
                continue;
            }
            b's' => 1,
            b'm' => 60,
            b'h' => 3600,
            b'd' => 86_400,
            b'w' => 604_800,
            _ => return None,
        };
        total = total.checked_add(number.take()?.checked_mul(unit)?)?;
    }
    match number {
        Some(rest) => total.checked_add(rest),
        None if word.is_empty() => None,
        None => Some(total),
    }
}

/// Logical lines: parentheses join, comments and empty lines go.
struct Entries<'a> {
    lines: std::iter::Enumerate<std::str::Lines<'a>>,
}

impl<'a> Entries<'a> {
    fn new(text: &'a str) -> Self {
        Self { lines: text.strip_prefix('\u{feff}').unwrap_or(text).lines().enumerate() }
    }
}

impl Iterator for Entries<'_> {
    type Item = Result<Entry, Mistake>;

    fn next(&mut self) -> Option<Self::Item> {
        let mut entry = Entry { line: 0, is_indented: false, words: Vec::new() };
        let mut depth = 0_usize;
        for (index, line) in self.lines.by_ref() {
            let number = index + 1;
            if depth == 0 {
                entry.line = number;
                entry.is_indented = line.starts_with([' ', '\t']);
            }
            if let Err(message) = split(line, &mut depth, &mut entry.words) {
                return Some(Err(Mistake { line: number, message: message.to_owned() }));
            }
            if depth == 0 && !entry.words.is_empty() {
                return Some(Ok(entry));
            }
        }
        (depth > 0).then(|| {
            let message = "a parenthesis is opened here and never closed".to_owned();
            Err(Mistake { line: entry.line, message })
        })
    }
}

/// The words of one line. Quotes stay, so that a quoted `;` or blank is told from a bare one.
fn split(line: &str, depth: &mut usize, words: &mut Vec<String>) -> Result<(), &'static str> {
    let mut word = String::new();
    let mut characters = line.chars();
    let mut end = |word: &mut String| {
        if !word.is_empty() {
            words.push(std::mem::take(word));
        }
    };
    while let Some(character) = characters.next() {
        match character {
            ';' => break,
            ' ' | '\t' | '\r' => end(&mut word),
            '(' => {
                end(&mut word);
                *depth += 1;
            }
            ')' => {
                end(&mut word);
                *depth =
                    depth.checked_sub(1).ok_or("a parenthesis is closed that was not opened")?;
            }
            '\\' => {
                word.push('\\');
                word.push(characters.next().ok_or("the line ends in a lone backslash")?);
            }
            '"' => {
                // A string of its own, or, within a word, a part of it: alpn="h2,h3".
                let is_string = word.is_empty() || word.starts_with('"');
                if is_string {
                    end(&mut word);
                }
                quote(&mut characters, &mut word)?;
                if is_string {
                    end(&mut word);
                }
            }
            other => word.push(other),
        }
    }
    end(&mut word);
    Ok(())
}

/// The rest of a quoted string, closing quote included.
fn quote(characters: &mut std::str::Chars<'_>, word: &mut String) -> Result<(), &'static str> {
    word.push('"');
    while let Some(character) = characters.next() {
        word.push(character);
        match character {
            '"' => return Ok(()),
            '\\' => word.push(characters.next().ok_or("the line ends in a lone backslash")?),
            _ => {}
        }
    }
    Err("a quote is opened here and not closed on this line")
}
