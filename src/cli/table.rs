//! Tables as kubectl prints them: upper-case headings, no lines, two blanks between columns.
//!
//! Nothing is cut, on a terminal or off it. A colour only repeats what a word says already.

use comfy_table::presets::NOTHING;
use comfy_table::{Attribute, Color, ContentArrangement};

use super::human::printable;

/// What a word means, for its colour.
#[derive(Debug, Clone, Copy, Default, PartialEq, Eq)]
pub enum Tone {
    /// Nothing special.
    #[default]
    Plain,
    /// As it should be.
    Good,
    /// Worth a look.
    Notice,
    /// Something is wrong.
    Bad,
    /// Of less interest.
    Faint,
    /// A name that the eye looks for.
    Strong,
}

/// One cell of a table.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Cell {
    text: String,
    tone: Tone,
}

impl Cell {
    /// Makes a cell with a tone. Line ends become blanks, other control characters are replaced.
    pub fn new(text: impl AsRef<str>, tone: Tone) -> Self {
        let text = printable(text.as_ref()).replace('\n', " ");
        Self { text, tone }
    }

    /// Makes a plain cell.
    pub fn plain(text: impl AsRef<str>) -> Self {
        Self::new(text, Tone::Plain)
    }

    /// Makes a plain cell, or an empty one.
    pub fn optional(text: Option<impl AsRef<str>>) -> Self {
        text.map_or_else(|| Self::plain(""), Self::plain)
    }

    /// Gives it another tone.
    #[must_use]
    pub fn with(self, tone: Tone) -> Self {
        Self { tone, ..self }
    }

    fn styled(&self) -> comfy_table::Cell {
        let text = if self.text.is_empty() {
            "-"
        } else {
            &self.text
        };
        let cell = comfy_table::Cell::new(text);
        match self.tone {
            Tone::Plain => cell,
            Tone::Good => cell.fg(Color::Green),
            Tone::Notice => cell.fg(Color::Yellow),
            Tone::Bad => cell.fg(Color::Red).add_attribute(Attribute::Bold),
            Tone::Faint => cell.add_attribute(Attribute::Dim),
            Tone::Strong => cell.add_attribute(Attribute::Bold),
        }
    }
}

/// A table that grows by rows.
#[derive(Debug, Clone)]
pub struct Table {
    headings: Vec<&'static str>,
    rows: Vec<Vec<Cell>>,
}

impl Table {
    /// Begins a table with its headings, in upper case.
    pub fn new(headings: &[&'static str]) -> Self {
        Self {
            headings: headings.to_vec(),
            rows: Vec::new(),
        }
    }

    /// Adds a row with one cell for each heading.
    pub fn row(&mut self, cells: Vec<Cell>) {
        self.rows.push(cells);
    }

    /// Returns the number of rows.
    pub fn len(&self) -> usize {
        self.rows.len()
    }

    /// Returns whether there are no rows.
    pub fn is_empty(&self) -> bool {
        self.rows.is_empty()
    }

    /// Writes the table, with colours, which the output takes off where there should be none.
    /// Columns that are empty in every row are left out; a table without rows is empty.
    pub fn render(&self) -> String {
        if self.rows.is_empty() {
            return String::new();
        }
        let shown: Vec<bool> = (0..self.headings.len())
            .map(|column| self.rows.iter().any(|row| has_text(row, column)))
            .collect();
        let mut table = comfy_table::Table::new();
        table.load_style(NOTHING);
        table.set_content_arrangement(ContentArrangement::Disabled);
        table.enforce_styling();
        table.style_text_only();
        table.set_header(kept(&self.headings, &shown));
        for row in &self.rows {
            table.add_row(kept(row, &shown).map(Cell::styled));
        }
        for column in table.column_iter_mut() {
            column.set_padding((0, 2));
        }
        let lines: Vec<String> = table
            .lines()
            .map(|line| line.trim_end().to_owned())
            .collect();
        lines.join("\n") + "\n"
    }
}

fn has_text(row: &[Cell], column: usize) -> bool {
    row.get(column).is_some_and(|cell| !cell.text.is_empty())
}

fn kept<'a, T>(cells: &'a [T], shown: &'a [bool]) -> impl Iterator<Item = &'a T> {
    let pairs = cells.iter().zip(shown);
    pairs.filter(|(_, shown)| **shown).map(|(cell, _)| cell)
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn columns_are_aligned_and_empty_ones_left_out() {
        let mut table = Table::new(&["ASSET", "OWNER", "KIND"]);
        table.row(vec![
            Cell::plain("a"),
            Cell::plain(""),
            Cell::plain("source"),
        ]);
        table.row(vec![
            Cell::plain("long.name"),
            Cell::plain(""),
            Cell::plain(""),
        ]);
        assert_eq!(
            table.render(),
            "ASSET      KIND\na          source\nlong.name  -\n"
        );
    }

    #[test]
    fn a_cell_never_breaks_its_line_or_steers_the_terminal() {
        let mut table = Table::new(&["A"]);
        table.row(vec![Cell::plain("one\ntwo\u{1b}[0m")]);
        assert_eq!(table.render(), "A\none two\u{fffd}[0m\n");
    }

    #[test]
    fn a_table_without_rows_has_no_headings() {
        assert_eq!(Table::new(&["A"]).render(), "");
    }
}
