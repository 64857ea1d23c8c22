//! Long lists in bounded pages.

use std::ops::Range;

/// Rows on one page of a long list: what a browser lays out without a pause.
pub(crate) const ROWS: usize = 500;

/// One page of a list.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(crate) struct Slice {
    /// From 1.
    pub(crate) page: usize,
    /// At least 1.
    pub(crate) pages: usize,
    /// Rows in the whole list.
    pub(crate) rows: usize,
    size: usize,
}

impl Slice {
    /// The page asked for, or the nearest there is; anything that is no number means the first.
    pub(crate) fn of(rows: usize, asked: Option<&str>) -> Self {
        Self::of_size(rows, asked, ROWS)
    }

    /// The same with pages of another size, at least 1.
    pub(crate) fn of_size(rows: usize, asked: Option<&str>, size: usize) -> Self {
        let pages = rows.div_ceil(size).max(1);
        let page = asked.and_then(|page| page.trim().parse().ok()).unwrap_or(1);
        Self { page: usize::clamp(page, 1, pages), pages, rows, size }
    }

    pub(crate) fn range(&self) -> Range<usize> {
        let start = (self.page - 1) * self.size;
        start..self.rows.min(start + self.size)
    }

    pub(crate) fn previous(&self) -> Option<usize> {
        (self.page > 1).then(|| self.page - 1)
    }

    pub(crate) fn next(&self) -> Option<usize> {
        (self.page < self.pages).then(|| self.page + 1)
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn any_page_asked_for_is_one_that_exists() {
        let cases = [
            (0, None, 1, 0..0),
            (499, Some("7"), 1, 0..499),
            (1_001, Some("3"), 3, 1_000..1_001),
            (1_001, Some("0"), 1, 0..500),
            (1_001, Some("-4"), 1, 0..500),
            (1_001, Some("99999999999999999999999"), 1, 0..500),
            (1_001, Some(" 2 "), 2, 500..1_000),
        ];
        for (rows, asked, page, range) in cases {
            let slice = Slice::of(rows, asked);
            assert_eq!((slice.page, slice.range()), (page, range));
        }
    }
}
