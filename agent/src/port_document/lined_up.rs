//! Markdown tables whose columns line up in an editor, too, whatever the script.

use unicode_width::UnicodeWidthStr;

/// On which side the cells of a column line up.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(crate) enum Align {
    /// Words.
    Left,
    /// Numbers.
    Right,
}

/// A table, every line of it ended. Cells are written as they are: escape them first.
pub(crate) fn lined_up<const N: usize>(
    headings: [(&str, Align); N],
    rows: &[[String; N]],
) -> String {
    // Three dashes are the least that every reader takes for a table.
    let widths: [usize; N] = std::array::from_fn(|at| {
        let cells = rows.iter().map(|row| row[at].width());
        cells.chain([headings[at].0.width(), 4]).max().unwrap_or_default()
    });
    let mut out = String::new();
    write_row(&mut out, headings.map(|(heading, align)| (heading, align)), widths);
    for ((_, align), width) in headings.iter().zip(widths) {
        out.push_str("| ");
        match align {
            Align::Left => out.extend(std::iter::repeat_n('-', width)),
            Align::Right => {
                out.extend(std::iter::repeat_n('-', width - 1));
                out.push(':');
            }
        }
        out.push(' ');
    }
    out.push_str("|\n");
    for row in rows {
        write_row(&mut out, std::array::from_fn(|at| (&*row[at], headings[at].1)), widths);
    }
    out
}

fn write_row<const N: usize>(out: &mut String, cells: [(&str, Align); N], widths: [usize; N]) {
    for ((cell, align), width) in cells.into_iter().zip(widths) {
        let pad = std::iter::repeat_n(' ', width.saturating_sub(cell.width()));
        out.push_str("| ");
        match align {
            Align::Left => {
                out.push_str(cell);
                out.extend(pad);
            }
            Align::Right => {
                out.extend(pad);
                out.push_str(cell);
            }
        }
        out.push(' ');
    }
    out.push_str("|\n");
}
