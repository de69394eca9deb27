//! Aligned columns for people.

use std::fmt::Write as _;

/// Which way a column is aligned.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(crate) enum Align {
    Left,
    Right,
}

/// A table with a head line. Cells are plain text.
#[derive(Debug)]
pub(crate) struct Table {
    columns: Vec<(&'static str, Align)>,
    rows: Vec<Vec<String>>,
}

impl Table {
    pub(crate) fn new(columns: &[(&'static str, Align)]) -> Self {
        Self {
            columns: columns.to_vec(),
            rows: Vec::new(),
        }
    }

    pub(crate) fn row(&mut self, cells: impl IntoIterator<Item = String>) {
        self.rows.push(cells.into_iter().collect());
    }

    /// The table as text; no blanks at line ends.
    pub(crate) fn render(&self) -> String {
        let mut widths: Vec<usize> = self
            .columns
            .iter()
            .map(|(name, _)| name.chars().count())
            .collect();
        for row in &self.rows {
            for (width, cell) in widths.iter_mut().zip(row) {
                *width = (*width).max(cell.chars().count());
            }
        }
        let mut text = String::new();
        self.line(&mut text, &widths, self.columns.iter().map(|(name, _)| *name));
        for row in &self.rows {
            self.line(&mut text, &widths, row.iter().map(String::as_str));
        }
        text
    }

    fn line<'c>(&self, text: &mut String, widths: &[usize], cells: impl Iterator<Item = &'c str>) {
        let mut line = String::new();
        for ((cell, width), (_, align)) in cells.zip(widths).zip(&self.columns) {
            // Writing to a String cannot fail.
            let _ = match align {
                Align::Left => write!(line, "{cell:<width$}  "),
                Align::Right => write!(line, "{cell:>width$}  "),
            };
        }
        text.push_str(line.trim_end());
        text.push('\n');
    }
}

/// Name and value pairs below each other, values aligned.
pub(crate) fn pairs(rows: &[(&str, String)]) -> String {
    let width = rows
        .iter()
        .map(|(name, _)| name.chars().count())
        .max()
        .unwrap_or(0);
    let mut text = String::new();
    for (name, value) in rows {
        let _ = writeln!(text, "{name:<width$}  {value}");
    }
    text
}

/// A duration in seconds as people read it: "12s", "3m05s", "2h07m", "4d03h".
pub(crate) fn age(seconds: u64) -> String {
    let (minute, hour, day) = (60, 3_600, 86_400);
    match seconds {
        _ if seconds < minute => format!("{seconds}s"),
        _ if seconds < hour => format!("{}m{:02}s", seconds / minute, seconds % minute),
        _ if seconds < day => format!("{}h{:02}m", seconds / hour, seconds % hour / minute),
        _ => format!("{}d{:02}h", seconds / day, seconds % day / hour),
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn columns_are_as_wide_as_their_widest_cell() {
        let mut table = Table::new(&[("TRUNK", Align::Left), ("CALLS", Align::Right)]);
        table.row(["pbx".to_owned(), "7".to_owned()]);
        table.row(["carrier-a".to_owned(), "123456".to_owned()]);
        assert_eq!(
            table.render(),
            "TRUNK       CALLS\npbx             7\ncarrier-a  123456\n"
        );
    }

    #[test]
    fn ages_keep_two_units() {
        assert_eq!(
            [age(5), age(185), age(7_620), age(356_400)],
            ["5s", "3m05s", "2h07m", "4d03h"]
        );
    }
}
