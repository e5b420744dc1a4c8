//! Values that do not have the form they should have.

use std::collections::BTreeMap;

use hw_base::{ColumnFacts, Dimension, Share, TextFacts, TextShape, count, identifier, plural};

use super::completeness::disguised_missing;
use super::consistency::{but_for_stand_ins, other_shapes};
use crate::accused::{NAMED_VALUES, in_sql};
use crate::column::{is_header, shape_count, share_of, telling, telling_texts};
use crate::examination::Counted;
use crate::header::{Told, ToldInColumn};
use crate::listed::Held;
use crate::meaning::{CODES, Code, EMAIL_PATTERN, dominant_form};
use crate::{Examination, Finding, words};

/// Nearly all values have one form; the others break it.
pub(super) fn mixed_formats(examination: &Examination, column: &ColumnFacts) -> Option<Finding> {
    let text = column.text.as_ref()?;
    let (form, fitting) = dominant_form(column, examination.limits.dominant_share)?;
    let told = ToldInColumn::of(examination, column);
    let rows = telling(column, text).saturating_sub(fitting + told.as_ref().map_or(0, |told| told.rows));
    let is_code =
        matches!(examination.meaning(column).semantic_type, "code" | "phone" | "identifier" | "card_number") && form.name != "uuid";
    if rows == 0 || words::is_email(&column.name) || is_code || has_leading_zeros(column) || words::has_word(&column.name, words::CODE) {
        return None;
    }
    let finding = but_for_headers(misfits("mixed_formats", column, rows, form.pattern, form.shapes).confidence(0.9), column, told.as_ref());
    let are_all = |is_such: &dyn Fn(&str) -> bool| {
        let such = telling_texts(column).into_iter().filter(|(text, _)| is_such(text));
        such.map(|(_, rows)| rows).sum::<u64>() == rows
    };
    if told.is_none() && are_all(&|text| is_header(&column.name, text)) {
        return Some(finding.says(format!("{} hold {HEADER} in `{}`", examination.of_rows(rows), column.name)).fix(NO_HEADER));
    }
    if are_all(&is_infinite) {
        let fix = "load the column as `double`, which holds them, or read them as null where they come of a division by zero";
        return Some(finding.says(format!("{} hold an infinite number in `{}`", examination.of_rows(rows), column.name)).fix(fix));
    }
    let form = form.name.replace('_', " ");
    let sentence =
        format!("{} hold something in `{}` that is no {form}, unlike the other {}", examination.of_rows(rows), column.name, count(fitting));
    let fix = format!("correct them at the source, or let a `matches` rule on the {form} form send the rows to quarantine");
    Some(finding.says(sentence).fix(fix))
}

fn is_infinite(text: &str) -> bool {
    text.trim().parse::<f64>().is_ok_and(f64::is_infinite)
}

/// What a row holds that is the header line once more, and what to do.
pub(super) const HEADER: &str = "the name of the column, as a repeated header line does,";
pub(super) const NO_HEADER: &str = "leave out the header lines between the rows when loading";

/// Header lines between the rows: told once, and not in every column that holds its name there.
pub(super) fn repeated_header(examination: &Examination) -> Option<Finding> {
    let Told { condition, counted, columns, .. } = Told::of(examination)?;
    let finding = Finding::new("repeated_header", Dimension::Validity, counted.rows)
        .confidence(0.98)
        .says(format!("{}{} are the header line once more", counted.about(), examination.of_rows(counted.rows)))
        .rows_where(condition)
        .shows(columns)
        .counted(counted)
        .affects(counted.rows as f64 * examination.facts.columns.len() as f64)
        .fix(NO_HEADER);
    Some(finding)
}

/// The finding without the header lines that are told as rows.
fn but_for_headers(mut finding: Finding, column: &ColumnFacts, told: Option<&ToldInColumn>) -> Finding {
    let Some(told) = told else { return finding };
    if let Some(condition) = &mut finding.condition {
        condition.push_str(&format!(" and not {}", told.condition));
    }
    if let Some(Held::OtherShapes { but_for, .. }) = &mut finding.held {
        but_for.extend(told.texts.iter().cloned());
    }
    finding.issue.examples.retain(|text| !is_header(&column.name, text));
    finding
}

/// Whether a frequent value is a number with a leading zero: the column holds codes of digits, and all of them are fine.
fn has_leading_zeros(column: &ColumnFacts) -> bool {
    let is_padded = |text: &str| text.len() > 1 && text.starts_with('0') && text.bytes().all(|byte| byte.is_ascii_digit());
    telling_texts(column).into_iter().any(|(text, _)| is_padded(text))
}

/// Codes that no check digit and no list proves, among such that are proven.
pub(super) fn invalid_codes(examination: &Examination, column: &ColumnFacts) -> Option<Finding> {
    let role = examination.meaning(column).semantic_type;
    let code = CODES.iter().find(|code| code.role == role)?;
    let relations = examination.evidence.relations.as_ref();
    let mut wrong = match relations {
        Some(relations) => relations.wrong_codes.get(&column.name)?.get(role)?.clone(),
        None => wrong_among_all(code, column)?,
    };
    let stand_ins = disguised_missing(examination, column).and_then(|told| told.held);
    wrong.retain(|text, _| !is_header(&column.name, text) && !stand_ins.as_ref().is_some_and(|held| held.is_value(text)));
    let found: u64 = wrong.values().sum();
    let looked_at = relations.map_or(examination.facts.rows, |relations| relations.rows);
    let is_estimate = looked_at < examination.facts.rows;
    let rows = if is_estimate { examination.scaled(found, looked_at) } else { found };
    let counted = Counted { rows, is_estimate };
    let named: Vec<String> = wrong.keys().take(NAMED_VALUES).map(|text| in_sql(column.kind, text)).collect();
    let condition = format!("{} in ({})", identifier(&column.name), named.join(", "));
    let says = format!("{}{} hold something in `{}` that is no {}", counted.about(), examination.of_rows(rows), column.name, code.what);
    (rows > 0).then(|| {
        let finding = Finding::new("invalid_codes", Dimension::Validity, rows)
            .column(&column.name)
            .confidence(code.confidence)
            .shows(wrong.keys().take(5).cloned().collect())
            .counted(counted)
            .fix("correct them at the source; until then let a rule on the column send the rows to quarantine");
        let finding = if wrong.len() <= NAMED_VALUES {
            finding.says(says).rows_where(condition)
        } else {
            let all = count(wrong.len() as u64);
            let query = format!("select * from {} where {condition}", examination.shown_as);
            finding.says(format!("{says}; the query shows rows with {NAMED_VALUES} of these {all} values")).query(query)
        };
        finding.about_cells(Held::Texts(wrong.into_keys().collect()))
    })
}

/// The values that are no such codes, where measurements know all values.
fn wrong_among_all(code: &Code, column: &ColumnFacts) -> Option<BTreeMap<String, u64>> {
    let are_all = column.distinct_is_exact && column.top_values_are_exact && column.distinct <= column.top_values.len() as u64;
    let texts: Vec<(String, u64)> = column.top_values.iter().map(|top| (top.value.to_string(), top.count)).collect();
    let values: Vec<(&str, u64)> = texts.iter().map(|(text, rows)| (text.as_str(), *rows)).collect();
    are_all.then(|| code.wrong(&values))
}

pub(super) fn malformed_emails(examination: &Examination, column: &ColumnFacts) -> Option<Finding> {
    let text = column.text.as_ref()?;
    let emails = shape_count(text, &[TextShape::Email]);
    let told = ToldInColumn::of(examination, column);
    let rows = telling(column, text).saturating_sub(emails + told.as_ref().map_or(0, |told| told.rows));
    let is_mostly_email = emails > 0 && emails >= rows;
    (words::is_email(&column.name) && rows > 0 && is_mostly_email).then(|| {
        but_for_headers(misfits("malformed_emails", column, rows, EMAIL_PATTERN, &[TextShape::Email]), column, told.as_ref())
            .confidence(0.95)
            .says(format!("{} hold something in `{}` that is no e-mail address", examination.of_rows(rows), column.name))
            .fix("correct them at the source, or let a `matches` rule send the rows to quarantine")
    })
}

/// The finding about values of `column` that do not fit a pattern.
fn misfits(code: &str, column: &ColumnFacts, rows: u64, pattern: &str, usual: &[TextShape]) -> Finding {
    let name = identifier(&column.name);
    let telling = telling_texts(column).into_iter().map(|(text, _)| text);
    let shown = telling.filter(|text| !usual.contains(&TextShape::of(text))).take(5).map(Into::into).collect();
    Finding::new(code, Dimension::Validity, rows)
        .column(&column.name)
        .rows_where(format!("trim({name}) !~ {} and trim({name}) <> ''{}", hw_base::literal(pattern), but_for_stand_ins(column)))
        .about_cells(other_shapes(column, usual))
        .shows(shown)
}

pub(super) fn numbers_stored_as_text(examination: &Examination, column: &ColumnFacts) -> Option<Finding> {
    let is_code = words::is_identifier(&column.name) || words::has_word(&column.name, words::CODE);
    (!is_code).then(|| stored_as_text(examination, column, "numbers_stored_as_text", &["integer", "decimal"])).flatten()
}

pub(super) fn dates_stored_as_text(examination: &Examination, column: &ColumnFacts) -> Option<Finding> {
    stored_as_text(examination, column, "dates_stored_as_text", &["date", "timestamp"])
}

/// Every telling value reads as another type than text: by its shape, or by a format that the frequent values have.
fn stored_as_text(examination: &Examination, column: &ColumnFacts, code: &str, types: &[&str]) -> Option<Finding> {
    let text = column.text.as_ref()?;
    let all = telling(column, text);
    let meaning = examination.meaning(column);
    let by_shape =
        dominant_form(column, 1.0).filter(|(form, fitting)| types.contains(&form.name) && *fitting >= all).map(|(form, _)| form.name);
    let by_format = meaning.format.as_ref().filter(|_| types.contains(&meaning.logical_type)).map(|_| meaning.logical_type);
    let name_of_type = by_shape.or(by_format)?;
    if let Some(format) = meaning.format.as_deref().filter(|format| by_shape.is_none() && code.starts_with("numbers") && has_unit(format)) {
        return (all > 0).then(|| numbers_with_a_unit(examination, column, all, format));
    }
    let values = format!("{} {}values of `{}`", count(all), examination.sampled(), column.name);
    let (which, bound) = if by_shape.is_some() { ("all", examination.bound_of_all()) } else { ("the frequent ones of the", String::new()) };
    let written = meaning.format.as_ref().filter(|_| by_shape.is_none_or(|shape| shape == meaning.logical_type));
    let written = written.map(|format| format!(", written `{format}`,")).unwrap_or_default();
    let name = identifier(&column.name);
    (all > 0).then(|| {
        Finding::new(code, Dimension::Validity, all)
            .column(&column.name)
            .confidence(match (by_shape, name_of_type) {
                (None, _) => 0.7,
                (Some(_), "integer") => 0.6,
                (Some(_), _) => 0.8,
            })
            .weight(0.1)
            .says(format!("{which} {values} read as {name_of_type} (blanks and stand-ins aside){bound}, but the column holds text"))
            .rows_where(format!("trim({name}) <> ''{}", but_for_stand_ins(column)))
            .shows(telling_texts(column).into_iter().take(3).map(|(text, _)| text.into()).collect())
            .fix(
                match reading(&identifier(&hw_base::snake_case(&column.name)), meaning.format.as_deref().filter(|_| !written.is_empty())) {
                    Some(sql) => format!("read `{}` as {name_of_type} in the model: `{sql}`", column.name),
                    None => format!("declare `{}` as {name_of_type}{written} where it is loaded", column.name),
                },
            )
    })
}

/// Whether the format of a number has a word behind it, as `1234 mg` has.
fn has_unit(format: &str) -> bool {
    format.split_once(' ').is_some_and(|(_, unit)| unit != "%")
}

/// A number with its unit is no number before the unit is taken off, and says more than one.
fn numbers_with_a_unit(examination: &Examination, column: &ColumnFacts, all: u64, format: &str) -> Finding {
    let name = identifier(&column.name);
    Finding::new("numbers_stored_as_text", Dimension::Validity, all)
        .column(&column.name)
        .confidence(0.7)
        .weight(0.1)
        .says(format!(
            "the frequent ones of the {} {}values of `{}` are numbers with a unit, written `{format}` (blanks and stand-ins aside), \
             so the column holds text",
            count(all),
            examination.sampled(),
            column.name
        ))
        .rows_where(format!("trim({name}) <> ''{}", but_for_stand_ins(column)))
        .shows(telling_texts(column).into_iter().take(3).map(|(text, _)| text.into()).collect())
        .fix("load the number alone, in one unit, and let the name of the column tell the unit, or a column of its own")
}

/// The SQL that reads a text which is written in such a way, for a column as models name it; `None` where more than a word of SQL is needed.
fn reading(column: &str, format: Option<&str>) -> Option<String> {
    let number = |text: &str| format!("cast({text} as decimal(18,6))");
    Some(match format? {
        "1.234,56" => number(&format!("replace(replace({column}, '.', ''), ',', '.')")),
        "1234,56" => number(&format!("replace({column}, ',', '.')")),
        "1,234.56" => number(&format!("replace({column}, ',', '')")),
        "1,234" => format!("cast(replace({column}, ',', '') as bigint)"),
        day if day.starts_with('%') && !day.contains(" or ") && !day.contains(":%") => format!("to_date({column}, '{day}')"),
        _ => return None,
    })
}

/// What the engine counts as non-printing: control characters but for tab and line ends, marks without a width, and blanks that
/// do not break.
const NON_PRINTING: &str =
    r"[\x00-\x08\x0B\x0C\x0E-\x1F\x7F-\x{A0}\x{AD}\x{200B}-\x{200F}\x{202A}-\x{202E}\x{2060}-\x{206F}\x{FEFF}\x{FFFD}]";

pub(super) fn non_printing_characters(examination: &Examination, column: &ColumnFacts) -> Option<Finding> {
    let rows = column.text.as_ref().map_or(0, |text: &TextFacts| text.non_printing);
    (rows > 0).then(|| {
        Finding::new("non_printing_characters", Dimension::Validity, rows)
            .column(&column.name)
            .confidence(0.9)
            .says(format!("{} have control or other non-printing characters in `{}`", examination.of_rows(rows), column.name))
            .rows_where(format!("{} ~ '{NON_PRINTING}'", identifier(&column.name)))
            .about_cells(Held::NonPrinting)
            .fix("remove these characters when loading")
    })
}

/// Records that never became rows. Each would have filled every column once.
pub(super) fn malformed_records(examination: &Examination) -> Option<Finding> {
    let facts = examination.facts;
    let records = facts.rows + facts.malformed;
    let share = share_of(facts.malformed, records);
    (facts.malformed > 0).then(|| {
        let sentence = format!("{} of {} ({}) could not be read as rows", count(facts.malformed), plural(records, "record"), Share(share));
        let mut finding = Finding::new("malformed_records", Dimension::Validity, facts.malformed)
            .weight(5.0)
            .says(sentence)
            .affects(facts.malformed as f64 * facts.columns.len() as f64)
            .fix("often the delimiter, a quote or the type of a column is wrong; a run puts each of them into quarantine with its file, line and reason");
        finding.issue.share = share;
        finding
    })
}
