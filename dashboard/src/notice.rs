//! Pages that say there is nothing to show, in the same style as the rest.

use askama::Template;

use crate::frame::{Frame, Tab};
use crate::words::Words;
use crate::{Error, View};

#[derive(Template)]
#[template(path = "notice.html")]
struct Page<'a> {
    page: Frame<'a>,
    t: Words,
    code: u16,
    explanation: &'a str,
}

/// The page for an address that leads nowhere: 404.
///
/// # Errors
/// When the template fails.
pub fn not_found(view: &View<'_>) -> Result<String, Error> {
    let t = Words(view.language);
    let page = Frame::new(view, Tab::Nowhere, t.not_found_title());
    Ok(Page { page, t, code: 404, explanation: t.not_found_why() }.render()?)
}

/// The page for a request that failed with this HTTP status, and why.
///
/// # Errors
/// When the template fails.
pub fn failed(view: &View<'_>, code: u16, explanation: &str) -> Result<String, Error> {
    let t = Words(view.language);
    let page = Frame::new(view, Tab::Nowhere, t.failed_title());
    Ok(Page { page, t, code, explanation }.render()?)
}

/// The page for something that was asked for and is not done, with this HTTP status, and why not.
///
/// # Errors
/// When the template fails.
pub fn refused(view: &View<'_>, code: u16, explanation: &str) -> Result<String, Error> {
    let t = Words(view.language);
    let page = Frame::new(view, Tab::Nowhere, t.refused_title());
    Ok(Page { page, t, code, explanation }.render()?)
}
