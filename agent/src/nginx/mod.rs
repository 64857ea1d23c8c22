//! nginx configuration as nginx reads it: words, blocks, included files, and from them the servers
//! of its `http` block.
//!
//! Nothing is run and nothing is asked of a running nginx; the files say it all. What cannot be
//! understood becomes a [`Trouble`] with its place, and the rest is read on. Deliberately absent:
//! the meaning of modules (a `map`, an `if`, a script stays a block of directives), variables, and
//! the environment.

mod files;
#[cfg(feature = "fuzzing")]
pub(crate) mod fuzzing;
mod route;
mod server;
mod tree;
mod word;

pub use files::{Configuration, read};
pub use route::Route;
pub use server::{Address, Answer, Listen, Location, Matching, Pass, Server, Sites, Upstream};
pub use tree::{Directive, Place, Trouble};
