//! The page of a source: its datasets with their scores, and how they refer to each other.

use hw_base::{count, plural};

use super::markup::{self, table, text, value};
use super::{page, relations, scores, short_score};
use crate::source::{Source, SourceDataset};
use crate::{Alike, Reconciliation};

pub(crate) fn source_page(source: &Source) -> String {
    let rows: u64 = source.datasets.iter().map(|dataset| dataset.rows).sum();
    let top = format!(
        "<div><p class=\"kicker\">Data quality of a source</p><h1>{}</h1><ul class=\"facts\"><li><b>{}</b></li><li><b>{}</b></li>\
         <li><b>{}</b></li><li>from <code>{}</code></li></ul></div>",
        text(&heading(&source.name)),
        plural(source.datasets.len() as u64, "dataset"),
        plural(rows, "row"),
        plural(source.relationships.len() as u64, "reference"),
        text(&markup::cut(&source.name, 240)),
    );
    let headings = ["dataset", "#score", "in words", "#rows", "#columns", "#issues", "key"];
    let lines: Vec<Vec<String>> = source.datasets.iter().map(line).collect();
    let datasets = markup::section("datasets", "Datasets", "", &table("All datasets", &headings, &lines));
    let references = match relations::references(&source.relationships, None) {
        found if found.is_empty() => "<p class=\"card\">No references were found.</p>".to_owned(),
        found => found,
    };
    let body = datasets + &markup::section("relationships", "Relationships", "", &(references + &alike(source) + &reconciliations(source)));
    let contents =
        [("datasets", "Datasets", Some(source.datasets.len())), ("relationships", "Relationships", Some(source.relationships.len()))];
    let foot = "<p>By Headworks. This page runs no script and loads nothing; the same for programs is in <code>source.json</code>.</p>";
    page(&format!("Data quality of {}", heading(&source.name)), &top, &contents, &body, foot)
}

/// The last parts of the places that a source is, as far as a heading has room for them.
fn heading(name: &str) -> String {
    let places: Vec<&str> = name.split(", ").map(|place| place.rsplit('/').find(|part| !part.is_empty()).unwrap_or(place)).collect();
    match places.split_first() {
        Some((first, others)) if others.len() > 2 => format!("{first} and {} more", others.len()),
        _ => places.join(", "),
    }
}

/// Columns that mean the same under other names.
fn alike(source: &Source) -> String {
    if source.alike.is_empty() {
        return String::new();
    }
    let row = |one: &Alike| {
        vec![
            format!("{} {}", text(&one.dataset), value(&one.column)),
            format!("{} {}", text(&one.other_dataset), value(&one.other_column)),
            one.shared_values.to_string(),
            format!("{:.0} %", one.likeness * 100.0),
        ]
    };
    let rows: Vec<Vec<String>> = source.alike.iter().map(row).collect();
    table("Columns that mean the same under other names", &["column", "and", "#shared values", "#alike"], &rows)
}

/// Datasets that hold the same things, with their rows and sums.
fn reconciliations(source: &Source) -> String {
    let line = |one: &Reconciliation, what: String, here: String, there: String| {
        vec![format!("{} and {} by {}", text(&one.dataset), text(&one.with), value(&one.key)), what, here, there]
    };
    let lines = |one: &Reconciliation| {
        let rows = line(one, "rows".into(), count(one.rows), count(one.rows_with));
        let only = line(one, "keys that the other lacks".into(), count(one.only_here), count(one.only_there));
        let sums = one.sums.iter().map(|sum| {
            let apart = if sum.agrees() { "" } else { " (apart)" };
            line(one, format!("sum of {}{apart}", value(&sum.column)), sum.here.to_string(), sum.there.to_string())
        });
        [rows, only].into_iter().chain(sums).collect::<Vec<_>>()
    };
    let rows: Vec<Vec<String>> = source.reconciliations.iter().flat_map(lines).collect();
    let headings = ["datasets", "what", "#in the first", "#in the second"];
    if rows.is_empty() { String::new() } else { table("Datasets that hold the same things", &headings, &rows) }
}

fn line(dataset: &SourceDataset) -> Vec<String> {
    let band = scores::band(dataset.overall_score);
    vec![
        format!("<a href=\"{}/assessment.html\">{}</a>", address(&dataset.name), value(&dataset.name)),
        format!("<b class=\"{}\">{}</b>", band.class, short_score(dataset.overall_score)),
        band.word.to_lowercase(),
        count(dataset.rows),
        dataset.columns.to_string(),
        dataset.issues.to_string(),
        dataset.key.iter().map(|column| value(column)).collect::<Vec<_>>().join(" + "),
    ]
}

/// A name as part of an address: nothing in it can name another scheme or leave the folder.
fn address(name: &str) -> String {
    let byte = |byte: u8| match byte {
        byte if byte.is_ascii_alphanumeric() || matches!(byte, b'_' | b'-' | b'.') => char::from(byte).to_string(),
        byte => format!("%{byte:02X}"),
    };
    format!("./{}", name.bytes().map(byte).collect::<String>())
}
