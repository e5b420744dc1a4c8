//! Cells that contradict the rest of their table, gathered by column and kind.

use std::collections::{BTreeMap, BTreeSet};

use hw_base::{ColumnType, Dimension, count, identifier, literal};

use super::SUPERSEDED;
use super::completeness::disguised_missing;
use super::declared::is_settled;
use super::validity::{HEADER, NO_HEADER};
use crate::accused::NAMED_VALUES;
use crate::column::is_header;
use crate::examination::Counted;
use crate::listed::Held;
use crate::{Cell, Examination, Finding};

/// One finding per column and kind of suspicion, unless one of `known` tells the same about the column.
pub(super) fn suspicious_cells(examination: &Examination, known: &[Finding]) -> Vec<Finding> {
    let Some(relations) = &examination.evidence.relations else { return Vec::new() };
    let mut groups: BTreeMap<(&str, &str), Vec<&Cell>> = BTreeMap::new();
    for cell in &relations.cells {
        groups.entry((&cell.column, &cell.issue)).or_default().push(cell);
    }
    let fresh = groups.into_iter().filter_map(|((column, issue), mut cells)| {
        let of_column = known.iter().filter(|other| other.issue.column.as_deref() == Some(column));
        let suspected = cells.len();
        of_column.for_each(|other| cells.retain(|cell| !tells_of(examination, other, cell)));
        // Of cells that are told in part, the condition of all says too much.
        let accused = relations.accused.rows(column, issue).filter(|_| cells.len() == suspected);
        finding(examination, (column, issue), &cells, accused)
    });
    fresh.collect()
}

/// Whether a finding about the column tells why the cell is suspicious, too.
fn tells_of(examination: &Examination, finding: &Finding, cell: &Cell) -> bool {
    let code = finding.issue.code.as_str();
    // What stands for a missing value is odd in other ways, and has another form, for that reason alone.
    let tells_of_stand_ins = match code {
        "disguised_missing" => cell.issue != code,
        "mixed_formats" => cell.issue == "disguised_missing",
        _ => false,
    };
    if tells_of_stand_ins {
        return is_about(finding, cell) && !is_settled(examination, finding);
    }
    // One about moments that lie ahead says nothing of odd ones in the past, one about numbers below zero nothing of greater ones, and one about some
    // stand-ins or codes nothing of others.
    let is_of_some = code == "invalid_codes" || matches!(finding.held, Some(Held::After(_) | Held::StandIns(_) | Held::Negative { .. }));
    let tells_of_all = cell.value.is_none() || !is_of_some;
    same_kind(&cell.issue).contains(&code) && (tells_of_all || is_about(finding, cell))
}

/// Whether a finding is about what a cell holds.
fn is_about(finding: &Finding, cell: &Cell) -> bool {
    finding.held.as_ref().zip(cell.value.as_ref()).is_some_and(|(held, value)| held.is_value(value))
}

/// Whether a suspicion from measurements gives way to the look at every single cell, which sees more.
pub(super) fn is_superseded(examination: &Examination, finding: &Finding) -> bool {
    let saw_all =
        examination.evidence.relations.as_ref().is_some_and(|relations| relations.rows > 0 && relations.rows >= examination.facts.rows);
    let code = finding.issue.code.as_str();
    saw_all && (SUPERSEDED.contains(&code) || (code == "mixed_formats" && are_told_cell_by_cell(examination, finding)))
}

/// Whether all values that break a form are numbers in another unit, or stand for missing ones in a way that measurements do not tell.
fn are_told_cell_by_cell(examination: &Examination, finding: &Finding) -> bool {
    let mut of_column = examination.facts.columns.iter().filter(|column| finding.issue.column.as_ref() == Some(&column.name));
    let has_known_stand_ins = of_column.any(|column| disguised_missing(examination, column).is_some());
    let is_stand_in = |cell: &Cell| cell.issue == "disguised_missing" && !has_known_stand_ins && is_about(finding, cell);
    let cells = examination.evidence.relations.iter().flat_map(|relations| &relations.cells);
    let of_column = cells.filter(|cell| finding.issue.column.as_ref() == Some(&cell.column));
    of_column.filter(|cell| cell.issue == "unit_mixture" || is_stand_in(cell)).count() as u64 >= finding.issue.rows
}

/// The findings on measurements that tell the same as a suspicion about cells.
fn same_kind(issue: &str) -> &'static [&'static str] {
    match issue {
        "missing_value" => &["missing_values"],
        "disguised_missing" => &["disguised_missing"],
        "blank_variant" => &["padded_values"],
        "ambiguous_date" => &["mixed_date_formats"],
        "format_outlier" | "type_outlier" => {
            &["mixed_formats", "mixed_date_formats", "malformed_emails", "non_printing_characters", "invalid_codes"]
        }
        "implausible_date" => &["future_dates"],
        "misspelling" => &["rare_categories", "invalid_codes"],
        "case_variant" => &["inconsistent_casing"],
        "contradicts_dependency" => &["invalid_codes"],
        "numeric_outlier" => &["outliers", "negative_values", "invalid_codes"],
        "wrong_sign" => &["negative_values"],
        _ => &[],
    }
}

/// The finding about some cells, with the condition that they alone meet, where one tells.
fn finding(examination: &Examination, (column, issue): (&str, &str), cells: &[&Cell], accused: Option<&str>) -> Option<Finding> {
    let dimension: Dimension = cells.first()?.dimension;
    let found = cells.len() as u64;
    let looked_at = examination.evidence.relations.as_ref().map_or(0, |relations| relations.rows);
    let is_estimate = looked_at > 0 && looked_at < examination.facts.rows;
    let rows = if is_estimate { examination.scaled(found, looked_at) } else { found };
    let counted = Counted { rows, is_estimate };
    let confidence = cells.iter().map(|cell| cell.confidence).sum::<f64>() / found as f64;
    let are_headers = || cells.iter().all(|cell| cell.value.as_deref().is_some_and(|value| is_header(column, value)));
    let (what, fix) = if issue == "type_outlier" && are_headers() { (HEADER, NO_HEADER) } else { words(issue) };
    let says =
        format!("{}{} hold {what} in `{column}`{}", counted.about(), examination.of_rows(rows), decided_by(examination, column, issue));
    let finding = Finding::new(issue, dimension, rows)
        .column(column)
        .confidence(confidence.clamp(0.0, 1.0))
        .says(says)
        .shows(shown(cells))
        .counted(counted)
        .fix(fix);
    if let Some(condition) = accused {
        return Some(finding.rows_where(condition));
    }
    let relations = examination.evidence.relations.as_ref();
    let values_tell = !is_estimate && relations.is_some_and(|relations| !relations.accused.are_untold(column, issue));
    let groups = if values_tell && surest_values(cells).len() <= NAMED_VALUES { None } else { contradiction(examination, column, issue) };
    Some(match groups {
        Some(query) => showing(examination, finding, "all rows of the groups that disagree").query(query),
        None => by_values(examination, column, cells, finding),
    })
}

/// The finding with a query that names the suspicious values, or the surest of them where they are many.
fn by_values(examination: &Examination, column: &str, cells: &[&Cell], finding: Finding) -> Finding {
    let values = surest_values(cells);
    let surest = &values[..values.len().min(NAMED_VALUES)];
    match named(examination, column, surest) {
        None => finding,
        Some(condition) if surest.len() == values.len() => showing(examination, finding, "all rows that hold these").rows_where(condition),
        Some(condition) => {
            let (description, all) = (&finding.issue.description, count(values.len() as u64));
            let says = format!("{description}; the query shows rows with the {NAMED_VALUES} surest of these {all} values");
            finding.says(says).query(format!("select * from {} where {condition}", examination.shown_as))
        }
    }
}

/// The finding with what its query shows, where that is more than the rows that are told.
fn showing(examination: &Examination, finding: Finding, rows: &str) -> Finding {
    let (relations, column) = (examination.evidence.relations.as_ref(), finding.issue.column.as_deref().unwrap_or_default());
    if !relations.is_some_and(|relations| relations.accused.are_untold(column, &finding.issue.code)) {
        return finding;
    }
    let says = format!("{}; the query shows {rows}", finding.issue.description);
    finding.says(says)
}

/// What is wrong, and what to do.
fn words(issue: &str) -> (&'static str, &'static str) {
    match issue {
        "missing_value" => ("nothing", "fill in the missing values at the source"),
        "disguised_missing" => ("a stand-in for a missing value", "read these values as null when loading; then `not_null` sees them"),
        "blank_variant" => ("a value that differs from another only in white space", "load the column trimmed"),
        "case_variant" => ("another value in another case", "bring them into one case when loading, and let `accepted_values` keep it"),
        "contradicts_dependency" => (
            "a value that rows like them contradict",
            "find out which side is right, and mend it at the source; a rule keeps the next ones out",
        ),
        "ambiguous_date" => ("a date that reads in two ways", "read each format for itself when loading, and write days as `2026-01-31`"),
        "encoding_error" => {
            ("text that was read in the wrong encoding", "load the source in its own encoding, usually UTF-8 or Windows-1252")
        }
        "unit_mixture" => ("a number in another unit than the rest", "bring them into one unit when loading"),
        "format_outlier" => ("a value in another form than the rest", "bring them into one form when loading, and let `matches` keep it"),
        "type_outlier" => {
            ("a value of another type than the rest", "correct them at the source, or let `matches` send the rows to quarantine")
        }
        "implausible_date" => ("a date that can hardly be true", "correct them at the source; a `range` rule keeps the next ones out"),
        "misspelling" => {
            ("a likely misspelling of another value", "map them to the value that was meant, and let `accepted_values` stop the next ones")
        }
        "numeric_outlier" => {
            ("a number far from the rest", "look at the values; if they are mistakes, a `range` rule keeps the next ones out")
        }
        "wrong_sign" => (
            "a number below zero, as large as the others are above it,",
            "find out whether the sign is meant; if not, mend it at the source, and let `range` with `min: 0` keep the next ones out",
        ),
        "swapped_value" => {
            ("a value that belongs into another column", "find out where the columns were mixed up, and mend it at the source")
        }
        _ => ("a suspicious value", "look at the values, and mend them at the source"),
    }
}

/// `, which `email` should decide`, for values that contradict what other columns decide.
fn decided_by(examination: &Examination, column: &str, issue: &str) -> String {
    match broken_dependency(examination, column).filter(|_| issue == "contradicts_dependency") {
        Some(determinant) => format!(", which `{}` should decide", determinant.join("` and `")),
        None => String::new(),
    }
}

/// The columns that contradict `column`: where that was looked up those, else those of the most plausible dependency that it breaks.
fn broken_dependency<'a>(examination: &Examination<'a>, column: &str) -> Option<&'a [String]> {
    let relations = examination.evidence.relations.as_ref()?;
    if relations.rows >= examination.facts.rows && relations.accused.is_of_all_rows() {
        return relations.accused.by(column);
    }
    let broken = relations.dependencies.iter().find(|one| one.dependent == column && one.error > 0.0 && !one.determinant.is_empty());
    broken.map(|one| one.determinant.as_slice()).or_else(|| relations.accused.by(column))
}

/// The rows whose like disagree about `column`.
fn contradiction(examination: &Examination, column: &str, issue: &str) -> Option<String> {
    let determinant = broken_dependency(examination, column).filter(|_| issue == "contradicts_dependency")?;
    let names: Vec<String> = determinant.iter().map(|name| identifier(name)).collect();
    let (table, grouped) = (examination.shown_as, names.join(", "));
    let joined: Vec<String> = names.iter().map(|name| format!("rows_of.{name} = disagreeing.{name}")).collect();
    Some(format!(
        "select rows_of.* from {table} as rows_of join (select {grouped} from {table} group by {grouped} having count(distinct {}) > 1) as disagreeing on {}",
        identifier(column),
        joined.join(" and ")
    ))
}

/// A condition that names these values; that there is none, where there are none.
fn named(examination: &Examination, column: &str, values: &[&str]) -> Option<String> {
    let kind = examination.facts.columns.iter().find(|facts| facts.name == column)?.kind;
    let values: BTreeSet<&str> = values.iter().copied().collect();
    let name = identifier(column);
    if values.is_empty() {
        return Some(format!("{name} is null"));
    }
    let is_number = kind.is_numeric() && values.iter().all(|value| value.parse::<f64>().is_ok_and(f64::is_finite));
    let list: Vec<String> = values.iter().map(|value| if is_number { (*value).to_owned() } else { literal(value) }).collect();
    let compared = if kind == ColumnType::Text || is_number { name } else { format!("cast({name} as varchar)") };
    Some(format!("{compared} in ({})", list.join(", ")))
}

fn surest_first<'a>(cells: &[&'a Cell]) -> Vec<&'a Cell> {
    let mut sorted = cells.to_vec();
    sorted.sort_by(|a, b| b.confidence.total_cmp(&a.confidence).then(a.row.cmp(&b.row)));
    sorted
}

/// The different values of these cells, the surest first.
fn surest_values<'a>(cells: &[&'a Cell]) -> Vec<&'a str> {
    let mut seen = BTreeSet::new();
    surest_first(cells).into_iter().filter_map(|cell| cell.value.as_deref()).filter(|value| seen.insert(*value)).collect()
}

/// Different values, the surest first, each with what it should probably be.
fn shown(cells: &[&Cell]) -> Vec<String> {
    let mut shown: Vec<String> = Vec::new();
    for cell in surest_first(cells) {
        let value = cell.value.as_deref().unwrap_or("null");
        let told = if cell.suggestion.is_empty() { value.to_owned() } else { format!("{value} → {}", cell.suggestion) };
        if shown.len() < 5 && !shown.contains(&told) {
            shown.push(told);
        }
    }
    shown
}
