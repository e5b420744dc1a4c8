//! The names that the columns of a source have in its raw copy: such as need no quotes, each kept for as long as its column is there.

use std::collections::{BTreeMap, BTreeSet};

use hw_base::{Column, Ledger, ORIGIN_COLUMNS, Result, snake_case};

/// Column names that need no quotes, each with the name that the source gives it.
pub(super) type Names = BTreeMap<String, String>;

/// The columns of a delivery to a raw copy that is there, each with its name in the raw copy and in the source.
///
/// # Errors
/// If the ledger cannot be read.
pub(crate) fn names_of_delivery(columns: &[Column], ledger: &dyn Ledger, step: &str) -> Result<Vec<(String, String)>> {
    Ok(raw_names(columns, &noted_names(ledger, step)?))
}

/// The names that the columns of a raw copy have in the source, as they are noted down.
pub(super) fn noted_names(ledger: &dyn Ledger, step: &str) -> Result<Names> {
    let note = ledger.noted(&note_of_names(step))?;
    Ok(note.and_then(|note| serde_json::from_value(note).ok()).unwrap_or_default())
}

/// The name of the note that tells how the source names the columns of a raw copy.
pub(in super::super) fn note_of_names(step: &str) -> String {
    format!("columns of {step}")
}

/// The name in the raw copy of a column of the source.
pub(super) fn raw_name<'a>(names: &'a [(String, String)], column: &str) -> Option<&'a str> {
    names.iter().find(|(_, source)| source == column).map(|(raw, _)| raw.as_str())
}

/// The names that columns of a source have in its raw copy, where it is made anew.
pub fn raw_column_names(columns: &[Column]) -> Vec<String> {
    raw_names(columns, &Names::new()).into_iter().map(|(raw, _)| raw).collect()
}

/// The columns of a delivery, each with its name in the raw copy and in the source. A column keeps the name that it has.
pub(super) fn raw_names(columns: &[Column], known: &Names) -> Vec<(String, String)> {
    let mut taken: BTreeSet<String> = known.keys().cloned().chain(ORIGIN_COLUMNS.map(str::to_owned)).collect();
    let kept: BTreeMap<&str, &str> = known.iter().map(|(raw, source)| (source.as_str(), raw.as_str())).collect();
    let mut name = |source: &str| match kept.get(source) {
        Some(raw) => (*raw).to_owned(),
        None => free_name(&snake_case(source), &mut taken),
    };
    columns.iter().map(|column| (name(&column.name), column.name.clone())).collect()
}

fn free_name(plain: &str, taken: &mut BTreeSet<String>) -> String {
    let mut name = plain.to_owned();
    let mut number = 2;
    while !taken.insert(name.clone()) {
        name = format!("{plain}_{number}");
        number += 1;
    }
    name
}
