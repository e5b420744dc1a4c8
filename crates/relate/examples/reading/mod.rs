//! Files of comma-separated values as coded tables, for the examples.

use std::collections::HashMap;
use std::io::Write;

use hw_base::{CodedColumn, CodedTable, ColumnType, TextShape};

/// Prints a line; a reader that has gone away is no error.
pub(crate) fn print_line(line: &str) {
    let _ = writeln!(std::io::stdout(), "{line}");
}

/// Codes the records of a file, the first of which is its header.
pub(crate) fn coded(name: &str, records: &[Vec<String>]) -> CodedTable {
    let header = records.first().cloned().unwrap_or_default();
    let columns = header.iter().enumerate().map(|(at, name)| column(name, records.iter().skip(1).map(|record| record.get(at))));
    let stem = std::path::Path::new(name).file_stem().map_or_else(String::new, |stem| stem.to_string_lossy().into_owned());
    CodedTable { name: stem, rows: records.len().saturating_sub(1) as u64, sampled: None, columns: columns.collect() }
}

fn column<'a>(name: &str, cells: impl Iterator<Item = Option<&'a String>>) -> CodedColumn {
    let (mut known, mut values, mut codes) = (HashMap::new(), Vec::new(), Vec::new());
    for cell in cells {
        codes.push(match cell.filter(|text| !text.is_empty()) {
            None => 0,
            Some(text) => *known.entry(text.clone()).or_insert_with(|| {
                values.push(text.clone());
                u32::try_from(values.len()).unwrap_or(u32::MAX)
            }),
        });
    }
    CodedColumn { name: name.to_owned(), kind: kind(&values), values, codes }
}

fn kind(values: &[String]) -> ColumnType {
    let all = |allowed: &[TextShape]| !values.is_empty() && values.iter().all(|value| allowed.contains(&TextShape::of(value)));
    match () {
        () if all(&[TextShape::Integer]) => ColumnType::Integer,
        () if all(&[TextShape::Integer, TextShape::Decimal]) => ColumnType::Float,
        () if all(&[TextShape::Date]) => ColumnType::Date,
        () if all(&[TextShape::Timestamp]) => ColumnType::Timestamp,
        () if all(&[TextShape::Boolean]) => ColumnType::Boolean,
        () => ColumnType::Text,
    }
}

/// Reads comma-separated values: quotes, doubled quotes and line ends within quotes.
pub(crate) fn read(file: &str) -> Result<Vec<Vec<String>>, String> {
    let bytes = std::fs::read(file).map_err(|error| format!("cannot read {file}: {error}"))?;
    let text = String::from_utf8_lossy(&bytes);
    let (mut records, mut record, mut cell) = (Vec::new(), Vec::new(), String::new());
    let mut characters = text.trim_start_matches('\u{feff}').chars().peekable();
    let mut is_quoted = false;
    while let Some(c) = characters.next() {
        match c {
            '"' if is_quoted && characters.peek() == Some(&'"') => {
                characters.next();
                cell.push('"');
            }
            '"' => is_quoted = !is_quoted,
            ',' if !is_quoted => record.push(std::mem::take(&mut cell)),
            '\r' if !is_quoted && characters.peek() == Some(&'\n') => {}
            '\n' if !is_quoted => {
                record.push(std::mem::take(&mut cell));
                records.push(std::mem::take(&mut record));
            }
            c => cell.push(c),
        }
    }
    if !cell.is_empty() || !record.is_empty() {
        record.push(cell);
        records.push(record);
    }
    Ok(records)
}
