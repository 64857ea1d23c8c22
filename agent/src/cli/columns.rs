//! Columns for people: as wide as their widest cell, whatever the script.

use unicode_width::UnicodeWidthStr;

use super::paint::{DIM, printable};

/// Rows under a head, two blanks between columns, every line indented. Cells are made printable.
pub(super) fn columns<const N: usize>(
    head: [&str; N],
    rows: &[[String; N]],
    indent: &str,
) -> String {
    let rows: Vec<[String; N]> = rows
        .iter()
        .map(|row| std::array::from_fn(|at| printable(&row[at]).replace('\n', " ")))
        .collect();
    let widths: [usize; N] = std::array::from_fn(|at| {
        rows.iter().map(|row| row[at].width()).chain([head[at].width()]).max().unwrap_or(0)
    });
    let line = |cells: [&str; N]| -> String {
        let mut line = String::new();
        for (cell, width) in cells.iter().zip(widths) {
            line.push_str(cell);
            line.extend(std::iter::repeat_n(' ', width - cell.width() + 2));
        }
        line.trim_end().to_owned()
    };
    let mut text = format!("{indent}{DIM}{}{DIM:#}\n", line(head));
    for row in &rows {
        text.push_str(indent);
        text.push_str(&line(std::array::from_fn(|at| &*row[at])));
        text.push('\n');
    }
    text
}
