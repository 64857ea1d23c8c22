//! Every certificate seen, the first to end at the top.

use askama::Template;

use crate::chain::{self, Certificate};
use crate::frame::{Frame, Tab};
use crate::words::Words;
use crate::{Error, View};

/// Certificates shown; those that end later are only counted.
const SHOWN: usize = 500;

#[derive(Template)]
#[template(path = "certificates.html")]
struct Page<'a> {
    page: Frame<'a>,
    t: Words,
    leaves: Vec<Certificate<'a>>,
    leaves_left: usize,
    issuing: Vec<Certificate<'a>>,
}

/// The certificates page.
///
/// # Errors
/// When the template fails.
pub fn certificates(view: &View<'_>) -> Result<String, Error> {
    let t = Words(view.language);
    let [mut leaves, mut issuing] = chain::gather(view.snapshot, view.now);
    let leaves_left = leaves.len().saturating_sub(SHOWN);
    leaves.truncate(SHOWN);
    issuing.truncate(SHOWN);
    let page = Frame::new(view, Tab::Certificates, t.certificates());
    Ok(Page { page, t, leaves, leaves_left, issuing }.render()?)
}
