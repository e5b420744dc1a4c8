//! Rows as CSV text, as people write them into a test: commas, double quotes, names in the first line.

use hw_base::{Error, LooseCell, LooseColumn, LooseRows, Result, Span};

/// Reads CSV text; an empty field is a missing value, an empty pair of quotes is empty text. `place` is that of the whole text.
///
/// # Errors
/// HW104 for a record that has more or fewer fields than the header, and for a quote that is not closed.
pub(super) fn read(text: &str, place: Option<&Span>) -> Result<LooseRows> {
    let mut records = records(text).ok_or_else(|| wrong("a quote of the CSV text is not closed", "close it", place))?.into_iter();
    let header = records.next().unwrap_or_default();
    let columns: Vec<LooseColumn> =
        header.into_iter().map(|cell| LooseColumn { name: cell.text.unwrap_or_default(), span: place.cloned() }).collect();
    let mut rows = Vec::new();
    for (at, mut record) in records.enumerate() {
        if record.len() != columns.len() {
            let found = format!("record {} of the CSV text has {} fields, its header has {}", at + 1, record.len(), columns.len());
            return Err(wrong(&found, "write one field per column; put a value with a comma into double quotes", place));
        }
        for cell in &mut record {
            cell.span = place.cloned();
        }
        rows.push(record);
    }
    Ok(LooseRows { columns, rows, span: place.cloned() })
}

fn wrong(message: &str, help: &str, place: Option<&Span>) -> Error {
    Error::user(message).code("HW104").help(help).moved_to(place.cloned())
}

/// The records, without empty lines; `None` where a quote is not closed.
fn records(text: &str) -> Option<Vec<Vec<LooseCell>>> {
    let (mut records, mut record) = (Vec::new(), Vec::new());
    let mut rest = text;
    while !rest.is_empty() {
        let (cell, after) = field(rest)?;
        let is_alone = record.is_empty();
        let end = after.chars().next();
        rest = after.get(1..).unwrap_or_default();
        if end == Some(',') {
            record.push(cell);
            continue;
        }
        // A line with nothing in it is no record.
        if !is_alone || cell.text.is_some() {
            record.push(cell);
            records.push(std::mem::take(&mut record));
        }
    }
    if !record.is_empty() {
        record.push(LooseCell::default());
        records.push(record);
    }
    Some(records)
}

/// The first field of a text, and the text from the comma or the line's end behind it.
fn field(text: &str) -> Option<(LooseCell, &str)> {
    let Some(mut quoted) = text.trim_start_matches([' ', '\t']).strip_prefix('"') else {
        let end = text.find([',', '\n']).unwrap_or(text.len());
        let bare = text[..end].trim();
        return Some((cell((!bare.is_empty()).then(|| bare.to_owned())), &text[end..]));
    };
    let mut value = String::new();
    loop {
        let (part, after) = quoted.split_once('"')?;
        value.push_str(part);
        if let Some(more) = after.strip_prefix('"') {
            value.push('"');
            quoted = more;
        } else {
            let end = after.find([',', '\n']).unwrap_or(after.len());
            return Some((cell(Some(value)), &after[end..]));
        }
    }
}

fn cell(text: Option<String>) -> LooseCell {
    LooseCell { text, is_text: false, span: None }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[track_caller]
    fn check(text: &str, expected: &str) {
        let shown = match read(text, None) {
            Err(error) => error.message().to_owned(),
            Ok(rows) => {
                let header: Vec<&str> = rows.columns.iter().map(|column| column.name.as_str()).collect();
                let row = |row: &Vec<LooseCell>| row.iter().map(|cell| cell.text.as_deref().unwrap_or("∅")).collect::<Vec<_>>().join("|");
                std::iter::once(header.join("|")).chain(rows.rows.iter().map(row)).collect::<Vec<_>>().join("\n")
            }
        };
        assert_eq!(shown, expected);
    }

    #[test]
    fn records_are_lines_and_quotes_hold_whatever_they_hold() {
        check("id,name\n1,Ann\n2, Bo \n\n3,\n", "id|name\n1|Ann\n2|Bo\n3|∅");
        check("id,name\r\n1,\"a, \"\"b\"\"\nc\"\r\n2,\"\"", "id|name\n1|a, \"b\"\nc\n2|");
        check("id,name\n1,", "id|name\n1|∅");
        check("", "");
    }

    #[test]
    fn what_does_not_fit_is_told() {
        check("id,name\n1\n", "record 1 of the CSV text has 1 fields, its header has 2");
        check("id\n\"1\n", "a quote of the CSV text is not closed");
    }
}
