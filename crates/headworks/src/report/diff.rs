//! The difference between two tables in words.

use hw_base::{Rows, Share, count, plural};
use hw_pipeline::{Difference, Side};

use super::{markdown, rows_lines};
use crate::terminal::{Format, Terminal, table};

/// The difference, most telling things first.
pub(crate) fn lines(name: &str, found: &Difference, terminal: &Terminal) -> Vec<String> {
    let mut lines = vec![format!("{name}: {} → {}, {}", side(&found.before), side(&found.after), by(found))];
    lines.extend(schema_line(found));
    lines.push(rows_line(found));
    lines.extend((found.repeated_keys > 0).then(|| {
        format!("{} of several differing rows: they are counted, not compared column by column", plural(found.repeated_keys, "key"))
    }));
    if !found.columns.is_empty() {
        lines.push(String::new());
        lines.extend(tabular(&columns(found), &[1], terminal));
    }
    for (what, rows) in [("added", &found.added_examples), ("removed", &found.removed_examples)] {
        if !rows.rows.is_empty() {
            lines.extend([String::new(), format!("{what}, for example:")]);
            lines.extend(examples(rows, terminal));
        }
    }
    lines
}

fn side(side: &Side) -> String {
    match side.version {
        Some(version) if side.name != format!("version {version}") => format!("{} (version {version})", side.name),
        _ => side.name.clone(),
    }
}

fn by(found: &Difference) -> String {
    let sample = found.sample.filter(|sample| sample.0 < 1.0).map(|Share(share)| format!(", about {} of all keys", Share(share)));
    let key = if found.key.is_empty() {
        "whole rows, since no key is known (`--key`)".to_owned()
    } else {
        format!("by {}", found.key.join(", "))
    };
    format!("{key}{}", sample.unwrap_or_default())
}

fn schema_line(found: &Difference) -> Option<String> {
    let added = found.columns_added.iter().map(|column| format!("+ {} {}", column.name, column.sql_type));
    let removed = found.columns_removed.iter().map(|column| format!("- {} {}", column.name, column.sql_type));
    let retyped = found.columns_retyped.iter().map(|column| format!("{} {} → {}", column.name, column.before, column.after));
    let all: Vec<String> = added.chain(removed).chain(retyped).collect();
    (!all.is_empty()).then(|| format!("columns: {}", all.join(" · ")))
}

fn rows_line(found: &Difference) -> String {
    let Difference { rows_before, rows_after, added, removed, changed, .. } = found;
    if found.is_empty() {
        return format!("no difference: {}", plural(*rows_after, "row"));
    }
    format!(
        "rows: {} → {}: {} added, {} removed, {} changed, {} the same",
        count(*rows_before),
        count(*rows_after),
        count(*added),
        count(*removed),
        count(*changed),
        count(found.unchanged())
    )
}

fn columns(found: &Difference) -> Vec<Vec<String>> {
    let key = format!("for example {}", found.key.join(" · "));
    let header = ["changed column", "rows", &key, "before", "after"].map(str::to_owned).to_vec();
    let row = |column: &hw_pipeline::ColumnDifference| {
        vec![column.name.clone(), count(column.rows), column.key.clone(), column.before.to_string(), column.after.to_string()]
    };
    std::iter::once(header).chain(found.columns.iter().map(row)).collect()
}

fn tabular(rows: &[Vec<String>], right: &[usize], terminal: &Terminal) -> Vec<String> {
    if terminal.format == Format::Markdown { markdown::table(rows, right) } else { table(rows, right) }
}

fn examples(rows: &Rows, terminal: &Terminal) -> Vec<String> {
    if terminal.format == Format::Markdown {
        return markdown::rows(rows);
    }
    let mut lines = rows_lines(rows);
    lines.pop();
    lines
}
