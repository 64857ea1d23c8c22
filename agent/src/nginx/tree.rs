//! Directives and blocks of one text, with their places.

use std::fmt;
use std::path::Path;
use std::sync::Arc;

use super::word::{Part, Unclosed, Words};

/// Blocks within blocks; real configurations have five.
const DEEPEST: usize = 64;
/// What one directive may have: a `map` of a large site is many directives, not one.
const MOST_ARGUMENTS: usize = 10_000;

/// Where something is written.
#[derive(Clone, Debug, PartialEq, Eq, PartialOrd, Ord, Hash)]
pub struct Place {
    /// The file.
    pub file: Arc<Path>,
    /// The line, from 1.
    pub line: u32,
}

impl fmt::Display for Place {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        write!(f, "{}:{}", self.file.display(), self.line)
    }
}

/// A name with its arguments, and the block after it.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Directive {
    /// Such as `listen`.
    pub name: String,
    /// What follows it, quotes taken off.
    pub arguments: Vec<String>,
    /// Where it begins.
    pub place: Place,
    /// What is in its braces; `None` when it ends with a semicolon. A block of code, such as
    /// `content_by_lua_block`, is empty.
    pub block: Option<Vec<Directive>>,
}

impl Directive {
    /// The first argument; empty where there is none.
    #[must_use]
    pub fn first(&self) -> &str {
        self.arguments.first().map_or("", String::as_str)
    }

    /// The directives of its block with this name.
    pub fn within<'a>(&'a self, name: &'a str) -> impl Iterator<Item = &'a Self> {
        self.block.iter().flatten().filter(move |inner| inner.name == name)
    }
}

/// Something that could not be read or understood.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Trouble {
    /// Where.
    pub place: Place,
    /// What, in a few words.
    pub reason: String,
}

/// What one text holds. `include` is a directive like any other here.
pub(super) fn parse(text: &str, file: &Arc<Path>) -> (Vec<Directive>, Vec<Trouble>) {
    let mut growing = Growing { file, troubles: Vec::new(), open: Vec::new(), top: Vec::new() };
    growing.run(Words::new(text));
    (growing.top, growing.troubles)
}

struct Growing<'a> {
    file: &'a Arc<Path>,
    troubles: Vec<Trouble>,
    /// Blocks not closed yet, the outermost first.
    open: Vec<Directive>,
    top: Vec<Directive>,
}

impl Growing<'_> {
    fn run(&mut self, mut words: Words<'_>) {
        let mut pending: Option<(Vec<String>, u32)> = None;
        // Blocks deeper than any real one are passed over whole.
        let mut passed_over = 0_usize;
        loop {
            let (part, line) = match words.next() {
                Ok(Some(part)) => part,
                Ok(None) => break,
                Err(Unclosed(line)) => {
                    self.trouble(line, "a quotation is never closed");
                    break;
                }
            };
            match part {
                Part::Word(word) => {
                    let (said, _) = pending.get_or_insert_with(|| (Vec::new(), line));
                    if said.len() < MOST_ARGUMENTS {
                        said.push(word);
                    }
                }
                Part::End => {
                    if let Some(said) = pending.take().filter(|_| passed_over == 0) {
                        let directive = self.directive(said, None);
                        self.add(directive);
                    }
                }
                Part::Open => {
                    let said = pending.take().unwrap_or_else(|| (Vec::new(), line));
                    if is_code(&said.0) {
                        if words.skip_code().is_err() {
                            self.trouble(line, "a block of code is never closed");
                        }
                        let directive = self.directive(said, Some(Vec::new()));
                        self.add(directive);
                    } else if self.open.len() >= DEEPEST {
                        if passed_over == 0 {
                            self.trouble(line, "blocks are nested too deeply to be read");
                        }
                        passed_over += 1;
                    } else {
                        let directive = self.directive(said, Some(Vec::new()));
                        self.open.push(directive);
                    }
                }
                Part::Close => {
                    if pending.take().is_some() {
                        self.trouble(line, "a semicolon is missing before this brace");
                    }
                    if passed_over > 0 {
                        passed_over -= 1;
                    } else if let Some(block) = self.open.pop() {
                        self.add(block);
                    } else {
                        self.trouble(line, "this brace closes nothing");
                    }
                }
            }
        }
        if let Some((_, line)) = pending {
            self.trouble(line, "the file ends within this directive");
        }
        while let Some(block) = self.open.pop() {
            self.trouble(block.place.line, "this block is never closed");
            self.add(block);
        }
    }

    fn directive(
        &self,
        (mut words, line): (Vec<String>, u32),
        block: Option<Vec<Directive>>,
    ) -> Directive {
        let name = if words.is_empty() { String::new() } else { words.remove(0) };
        let place = Place { file: self.file.clone(), line };
        Directive { name, arguments: words, place, block }
    }

    fn add(&mut self, directive: Directive) {
        match self.open.last_mut() {
            Some(block) => block.block.get_or_insert_default().push(directive),
            None => self.top.push(directive),
        }
    }

    fn trouble(&mut self, line: u32, reason: &str) {
        let place = Place { file: self.file.clone(), line };
        self.troubles.push(Trouble { place, reason: reason.to_owned() });
    }
}

/// Whether what follows is another language: `content_by_lua_block {`, `set_by_lua_block $x {`.
fn is_code(words: &[String]) -> bool {
    words.first().is_some_and(|name| name.ends_with("_by_lua_block"))
}

#[cfg(test)]
mod tests {
    use super::*;

    fn shown(directives: &[Directive]) -> String {
        let one = |directive: &Directive| {
            let mut words = vec![directive.name.as_str()];
            words.extend(directive.arguments.iter().map(String::as_str));
            let block = directive.block.as_deref();
            let tail = block.map_or(";".to_owned(), |block| format!(" {{{}}}", shown(block)));
            format!("{}{tail}", words.join(" "))
        };
        directives.iter().map(one).collect::<Vec<_>>().join(" ")
    }

    #[test]
    fn trees() {
        let file: Arc<Path> = Path::new("nginx.conf").into();
        let cases: &[(&str, &str, &[&str])] = &[
            ("a 1; b { c 2; d {} }", "a 1; b {c 2; d {}}", &[]),
            (
                "map $http_upgrade $c { default upgrade; '' close; \"~^a{2}\" 1; }",
                "map $http_upgrade $c {default upgrade;  close; ~^a{2} 1;}",
                &[],
            ),
            ("if ($host = a) { return 301 b; } c;", "if ($host = a) {return 301 b;} c;", &[]),
            ("content_by_lua_block { x = '}' } a;", "content_by_lua_block {} a;", &[]),
            (
                "a;\n}\nb {\nc",
                "a; b {}",
                &[
                    "nginx.conf:2 this brace closes nothing",
                    "nginx.conf:4 the file ends within this directive",
                    "nginx.conf:3 this block is never closed",
                ],
            ),
            (
                "a 'b",
                "",
                &[
                    "nginx.conf:1 a quotation is never closed",
                    "nginx.conf:1 the file ends within this directive",
                ],
            ),
            ("{ a; }", " {a;}", &[]),
            (";;", "", &[]),
        ];
        for &(text, expected, troubles) in cases {
            let (tree, found) = parse(text, &file);
            let found: Vec<String> =
                found.iter().map(|one| format!("{} {}", one.place, one.reason)).collect();
            assert_eq!(shown(&tree), expected, "{text}");
            assert_eq!(found, troubles, "{text}");
        }
    }

    #[test]
    fn depth_is_bounded() {
        let file: Arc<Path> = Path::new("deep").into();
        let text = "a {".repeat(100_000) + &"}".repeat(100_000) + " after;";
        let (tree, troubles) = parse(&text, &file);
        assert_eq!(troubles.len(), 1);
        assert_eq!(tree.last().unwrap().name, "after");
    }
}
