// SPDX-License-Identifier: GPL-2.0

//! Columns for people.

/// Returns the rows with their columns below each other, each behind `indent` spaces.
pub fn columns(rows: &[Vec<String>], indent: usize) -> String {
    let count = rows.iter().map(Vec::len).max().unwrap_or(0);
    let width = |column: usize| {
        let cells = rows.iter().filter_map(|row| row.get(column));
        cells.map(|cell| cell.chars().count()).max().unwrap_or(0)
    };
    let widths: Vec<usize> = (0..count).map(width).collect();
    let mut text = String::new();
    for row in rows {
        let mut line = " ".repeat(indent);
        for (cell, width) in row.iter().zip(&widths) {
            line.push_str(cell);
            let gap = width.saturating_sub(cell.chars().count());
            line.push_str(&" ".repeat(gap.saturating_add(2)));
        }
        text.push_str(line.trim_end());
        text.push('\n');
    }
    text
}

/// Returns text in which what could steer a terminal is replaced: names come from anybody.
pub fn plain(text: &str) -> String {
    let keep = |c: char| if c.is_control() { '?' } else { c };
    text.chars().map(keep).collect()
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn columns_are_below_each_other() {
        let rows = [vec!["a", "bb", "c"], vec!["äää", "b"]];
        let rows = rows.map(|row| row.into_iter().map(String::from).collect());
        assert_eq!(columns(&rows, 1), " a    bb  c\n äää  b\n");
        assert_eq!(columns(&[], 4), "");
    }

    #[test]
    fn nothing_steers_a_terminal() {
        assert_eq!(plain("a\x1b[2Jb\n"), "a?[2Jb?");
    }
}
