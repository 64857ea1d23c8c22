//! The page where somebody gives the agent's token, once.

use askama::Template;

use crate::frame::{Frame, Tab};
use crate::words::Words;
use crate::{Error, View};

/// What the page is made of beyond the view.
#[derive(Clone, Copy, Debug)]
pub struct LoginForm<'a> {
    /// What has to come back with the form; `None`: nobody can log in, because there is no token.
    pub seal: Option<&'a str>,
    /// Where to go afterwards: a path of these pages.
    pub next: &'a str,
    /// The name that was typed.
    pub name: &'a str,
    /// Why the last attempt failed.
    pub refused: Option<&'a str>,
}

#[derive(Template)]
#[template(path = "login.html")]
struct Page<'a> {
    page: Frame<'a>,
    t: Words,
    form: &'a LoginForm<'a>,
}

/// The page where somebody logs in.
///
/// # Errors
/// When the template fails.
pub fn login(view: &View<'_>, form: &LoginForm<'_>) -> Result<String, Error> {
    let t = Words(view.language);
    Ok(Page { page: Frame::new(view, Tab::Nowhere, t.log_in()), t, form }.render()?)
}
