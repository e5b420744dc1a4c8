//! Things that are recorded more than once.

use hw_base::{ColumnFacts, ColumnType, Dimension, TableFacts, Value, identifier, literal};

use super::completeness::disguised_missing;
use crate::column::{examples, present};
use crate::copies::Repeats;
use crate::header::{Told, ToldInColumn};
use crate::listed::Held;
use crate::words::free_name;
use crate::{Examination, Finding, words};

/// Rows that occur twice. Where no column names things, rows may be alike by chance and are no copies.
pub(super) fn duplicate_rows(examination: &Examination) -> Option<Finding> {
    let facts = examination.facts;
    let all = all_names(facts);
    let names = all.join(", ");
    let are_alike_by_chance = examination.evidence.relations.as_ref().is_some_and(|relations| relations.are_alike_by_chance);
    let about = if facts.duplicates_are_exact { "" } else { "about " };
    let are_headers = repeated_headers(examination) == facts.duplicate_rows;
    (facts.duplicate_rows > 0 && !are_alike_by_chance && !are_headers).then(|| {
        let mut finding = Finding::new("duplicate_rows", Dimension::Uniqueness, facts.duplicate_rows)
            .confidence(if facts.duplicates_are_exact { 1.0 } else { 0.9 })
            .weight(2.0)
            .says(format!("{about}{} equal an earlier row in every column", examination.of_repeating_rows(facts.duplicate_rows)))
            .query(repeats_of(facts, &all, examination.shown_as))
            .shown_by(format!(
                "select {names}, count(*) as copies, count(*) - 1 as repeats from {} group by {names} having count(*) > 1",
                examination.shown_as
            ))
            .fix("keep one of each when loading: `select distinct`, or an upsert by key");
        finding.is_estimate = !facts.duplicates_are_exact;
        finding.narrowed = copies_of_few(facts, &names, examination.shown_as);
        finding
    })
}

/// Rows that record again what an earlier row records, under another key, in another case, or with a slip of the pen.
pub(super) fn near_duplicate_rows(examination: &Examination) -> Option<Finding> {
    let relations = examination.evidence.relations.as_ref()?;
    let near = &relations.near_duplicates;
    let rows = if relations.rows >= examination.facts.rows { near.rows } else { examination.scaled(near.rows, relations.rows) };
    let shown = near.pairs.iter().take(5).map(|pair| format!("row {} / row {}: {}", pair.repeats, pair.row, pair.difference));
    let unseen = if near.query_tells_all { "" } else { "; the query shows the others" };
    let slips = hw_base::count(near.slips);
    let slips = if near.slips > 0 { format!(", {slips} of them with a letter that differs{unseen}") } else { String::new() };
    let (differing, kept) = if near.have_other_keys { ("the key and ", ", and let both keys lead to it") } else { ("", "") };
    (near.rows > 0).then(|| {
        let mut finding = Finding::new("near_duplicate_rows", Dimension::Uniqueness, rows)
            .confidence(if near.slips * 2 > near.rows { 0.6 } else { 0.7 })
            .weight(2.0)
            .says(format!(
                "{} likely record what an earlier row records: all but {differing}stamps of time agree, case, blanks and \
                 punctuation aside{slips}",
                examination.of_repeating_rows(rows)
            ))
            .shows(shown.collect())
            .query(near.query.replace("{table}", examination.shown_as))
            .fix(format!("decide which of the rows stays{kept}; bring names into one form before rows are compared"));
        finding.is_estimate = relations.rows < examination.facts.rows;
        finding
    })
}

fn all_names(facts: &TableFacts) -> Vec<String> {
    facts.columns.iter().map(|column| identifier(&column.name)).collect()
}

/// A query for the rows that repeat what another one holds in the columns `key`: of all that hold the same, each but one. `source` is what
/// follows `from`.
fn repeats_of(facts: &TableFacts, key: &[String], source: &str) -> String {
    let number = free_name(facts.columns.iter().map(|column| column.name.as_str()), "occurrence");
    let names = all_names(facts).join(", ");
    // What they hold is the same, so any of it will do where an order must be named.
    let (first, key) = (key.first().map_or("", String::as_str), key.join(", "));
    format!(
        "select {names} from (select {names}, row_number() over (partition by {key} order by {first}) as {number} from {source}) \
         as numbered where {number} > 1"
    )
}

/// A query for some of the rows that occur more than once: a copy also repeats the value of the column that repeats least, so
/// that a few of its repeated values spare grouping all rows.
fn copies_of_few(facts: &TableFacts, names: &str, table: &str) -> Option<String> {
    let is_plain = |column: &&ColumnFacts| matches!(column.kind, ColumnType::Integer | ColumnType::Text);
    let column = facts.columns.iter().filter(is_plain).max_by_key(|column| column.distinct)?;
    let is_selective = column.distinct >= facts.rows / 2;
    let repeated = column.top_values.iter().filter(|top| top.count > 1 && is_selective);
    let values: Vec<String> =
        repeated.map(|top| if column.kind == ColumnType::Text { literal(&top.value.to_string()) } else { top.value.to_string() }).collect();
    (!values.is_empty()).then(|| {
        let condition = format!("{} in ({})", identifier(&column.name), values.join(", "));
        format!("select {names}, count(*) as copies from {table} where {condition} group by {names} having count(*) > 1 order by {names}")
    })
}

/// How many header lines between the rows repeat one of them; none where these are not told as such.
fn repeated_headers(examination: &Examination) -> u64 {
    Told::of(examination).filter(|told| !told.counted.is_estimate).map_or(0, |told| told.repeats)
}

/// What stands for a missing value in a column, which is told as that and repeats no key.
#[derive(Default)]
struct StandIns {
    values: Vec<String>,
    /// Rows that hold one of an earlier row.
    repeats: u64,
    /// ` and not (c in ('N/A'))`, empty where there are none.
    but_for: String,
}

impl StandIns {
    fn of(examination: &Examination, column: &ColumnFacts) -> Self {
        let Some(told) = disguised_missing(examination, column) else { return Self::default() };
        let Some(Held::StandIns(values)) = told.held else { return Self::default() };
        let but_for = told.condition.map(|condition| format!(" and not ({condition})")).unwrap_or_default();
        Self { repeats: told.issue.rows.saturating_sub(values.len() as u64), values, but_for }
    }

    fn are_among(&self, value: &Value) -> bool {
        self.values.iter().any(|stand_in| *stand_in == value.to_string())
    }
}

/// Values of a key that repeat, but for the rows that are told as copies and what stands for a missing value.
pub(super) fn duplicate_keys(examination: &Examination, column: &ColumnFacts) -> Option<Finding> {
    let stand_ins = StandIns::of(examination, column);
    let told = Repeats::of(examination, &column.name);
    let repeats = present(column).saturating_sub(column.distinct + stand_ins.repeats + told.equal);
    // In a sample the values of every column of many hardly repeat.
    let may_be_key = examination.facts.scanned_all_rows || words::is_identifier(&column.name);
    let are_headers = ToldInColumn::of(examination, column).is_some_and(|headers| headers.repeats == repeats);
    if repeats <= told.near || are_headers || !may_be_key || !is_key_like(column, examination.facts) || is_within_error(column) {
        return None;
    }
    let name = identifier(&column.name);
    let about = if column.distinct_is_exact { "" } else { "about " };
    let rows_of = if told.equal > 0 {
        format!("(select distinct {} from {}) as different", all_names(examination.facts).join(", "), examination.shown_as)
    } else {
        examination.shown_as.to_owned()
    };
    let source = format!("{rows_of} where {name} is not null{}", stand_ins.but_for);
    let copies = if column.top_values_are_exact { column.top_values.as_slice() } else { &[] };
    let certainty = if words::is_identifier(&column.name) { 0.9 } else { 0.7 };
    let mut finding = Finding::new("duplicate_keys", Dimension::Uniqueness, repeats)
        .column(&column.name)
        .confidence(if column.distinct_is_exact { certainty } else { certainty - 0.2 })
        .weight(5.0)
        .says(format!(
            "{about}{} repeat the `{}` of an earlier row, though it looks like a key",
            examination.of_repeating_rows(repeats),
            column.name
        ))
        .shows(examples(copies.iter().filter(|top| top.count > 1 && !stand_ins.are_among(&top.value)).map(|top| &top.value)))
        .query(repeats_of(examination.facts, std::slice::from_ref(&name), &source))
        .shown_by(format!("select {name}, count(*) as copies from {source} group by {name} having count(*) > 1"))
        .about_cells(Held::Repeats(stand_ins.values))
        .fix(format!("upsert by `{}`, or let `unique` block the load until the source is right", column.name));
    finding.is_estimate = !column.distinct_is_exact;
    Some(finding)
}

/// Whether the values of `column` should tell its rows apart: it is named so, and nearly all of them do. The first
/// column may be named `…_id` and repeat more often.
pub(crate) fn is_key_like(column: &ColumnFacts, facts: &TableFacts) -> bool {
    let rows = present(column);
    let share = if rows == 0 { 0.0 } else { column.distinct as f64 / rows as f64 };
    let is_first = facts.columns.first().is_some_and(|first| first.name == column.name);
    let is_named_first = words::is_identifier(&column.name) && (is_first || words::words(&column.name) == ["id"]);
    is_key_candidate(column) && share >= if is_named_first { 0.8 } else { 0.95 }
}

/// Whether type and name allow the column to be a key.
pub(crate) fn is_key_candidate(column: &ColumnFacts) -> bool {
    let has_type = matches!(column.kind, ColumnType::Integer | ColumnType::Text | ColumnType::Decimal);
    has_type && present(column) >= 2 && words::may_identify(&column.name)
}

/// Whether the repeats may come from the error of an estimated count alone.
fn is_within_error(column: &ColumnFacts) -> bool {
    !column.distinct_is_exact && column.distinct as f64 >= 0.97 * present(column) as f64
}
