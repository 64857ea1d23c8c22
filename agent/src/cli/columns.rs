//! Columns for people: as wide as their widest cell, whatever the script.

use std::io::IsTerminal;

use anstyle::Style;
use unicode_width::{UnicodeWidthChar, UnicodeWidthStr};

use super::paint::{DIM, printable};

/// Columns of a screen that is none: what a wide window has.
const PIPE_WIDTH: usize = 120;

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

/// A cell and how it looks.
pub(super) type Cell = (String, Style);

/// Rows of any length, each cell in its colour; the first is the head.
pub(super) fn aligned(rows: &[Vec<Cell>], indent: &str) -> String {
    let rows: Vec<Vec<Cell>> = rows
        .iter()
        .map(|row| row.iter().map(|(cell, style)| (one_line(cell), *style)).collect())
        .collect();
    let widths = widths(&rows);
    let mut text = String::new();
    for row in &rows {
        text.push_str(indent);
        for (at, (cell, style)) in row.iter().enumerate() {
            text.push_str(&format!("{style}{cell}{style:#}"));
            if at + 1 < row.len() {
                text.extend(std::iter::repeat_n(' ', widths[at] - cell.width() + 2));
            }
        }
        text.truncate(text.trim_end().len());
        text.push('\n');
    }
    text
}

/// How many columns of a screen those rows take.
pub(super) fn width(rows: &[Vec<Cell>]) -> usize {
    widths(rows).iter().map(|width| width + 2).sum()
}

fn widths(rows: &[Vec<Cell>]) -> Vec<usize> {
    let columns = rows.iter().map(Vec::len).max().unwrap_or(0);
    let of = |row: &Vec<Cell>, at: usize| row.get(at).map_or(0, |(cell, _)| cell.width());
    (0..columns).map(|at| rows.iter().map(|row| of(row, at)).max().unwrap_or(0)).collect()
}

fn one_line(cell: &str) -> String {
    printable(cell).replace('\n', " ")
}

/// The beginning of a text that is wider than there is room for.
pub(super) fn clipped(text: &str, most: usize) -> String {
    if text.width() <= most {
        return text.to_owned();
    }
    let mut clipped = String::new();
    let mut room = most.saturating_sub(1);
    for character in text.chars() {
        let width = character.width().unwrap_or(0);
        if width > room {
            break;
        }
        room -= width;
        clipped.push(character);
    }
    clipped + "…"
}

/// Columns of the screen that standard output is; of what is no screen, `COLUMNS` or 120.
pub(super) fn screen() -> usize {
    let stdout = std::io::stdout();
    let told = || std::env::var("COLUMNS").ok()?.parse().ok();
    let seen = || {
        let size = rustix::termios::tcgetwinsize(&stdout).ok()?;
        (stdout.is_terminal() && size.ws_col > 0).then(|| usize::from(size.ws_col))
    };
    seen().or_else(told).unwrap_or(PIPE_WIDTH)
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn what_is_too_wide_is_cut_whatever_the_script() {
        for (text, most, cut) in [
            ("shop", 4, "shop"),
            ("shops", 4, "sho…"),
            ("상점상점", 8, "상점상점"),
            ("상점상점", 7, "상점상…"),
            ("상점상점", 6, "상점…"),
        ] {
            assert_eq!(clipped(text, most), cut);
            assert!(cut.width() <= most);
        }
    }
}
