//! Values that should be one and are written in several ways.

use std::collections::BTreeMap;

use hw_base::{ColumnFacts, Dimension, TextShape, ValueCount, count, identifier, literal};

use crate::column::{present, shape_count, share_of, stand_ins, telling, text_of};
use crate::listed::Held;
use crate::meaning::is_category;
use crate::{Examination, Finding, words};

/// `Delivered` and `DELIVERED`. Padded values are the business of `padded_values`.
pub(super) fn inconsistent_casing(examination: &Examination, column: &ColumnFacts) -> Option<Finding> {
    let text = column.text.as_ref()?;
    let folded = text.distinct_folded?;
    let is_category = is_category(column);
    let variants = casing_variants(column, if is_category { 1 } else { TIMES });
    let known: u64 = variants.iter().map(|variant| variant.1).sum();
    let further =
        if column.distinct_is_exact && is_category { column.distinct.saturating_sub(folded).saturating_sub(text.padded) } else { 0 };
    let rows = known.max(further);
    let role = examination.meaning(column).semantic_type;
    if rows == 0 || matches!(role, "identifier" | "uuid" | "url") {
        return None;
    }
    let shown: Vec<String> = variants.iter().take(5).map(|variant| variant.0.to_owned()).collect();
    let held = Held::Texts(variants.iter().map(|variant| variant.0.to_owned()).collect());
    let at_least = if rows > known { "at least " } else { "" };
    let name = identifier(&column.name);
    let finding = Finding::new("inconsistent_casing", Dimension::Consistency, rows)
        .column(&column.name)
        .confidence(if is_category { 0.95 } else { 0.5 })
        .says(format!("{at_least}{} write `{}` in another case than a more frequent value", examination.of_rows(rows), column.name))
        .shows(shown)
        .about_cells(held)
        .fix(format!("load `lower(trim({name}))`, and let `accepted_values` name the spellings that are right"));
    Some(if rows > known { finding.query(spellings(examination, &name)) } else { finding.rows_where(in_another_case(&name, &variants)) })
}

/// The rows with these spellings.
fn in_another_case(name: &str, variants: &[(&str, u64)]) -> String {
    let values: Vec<String> = variants.iter().map(|(text, _)| literal(text)).collect();
    format!("{name} in ({})", values.join(", "))
}

/// The query for values of several spellings, where these are not all known.
fn spellings(examination: &Examination, name: &str) -> String {
    format!(
        "select lower(trim({name})) as folded, count(distinct {name}) as spellings, count(*) as rows_affected from {} group by lower(trim({name})) having count(distinct {name}) > 1",
        examination.shown_as
    )
}

/// How many times as frequent the usual case of a value is where the values are no categories: among titles and names, `It` and `IT` are two.
const TIMES: u64 = 5;

/// The frequent values that differ in case, and not only in white space, from one that is at least so many `times` as frequent; with
/// their rows.
fn casing_variants(column: &ColumnFacts, times: u64) -> Vec<(&str, u64)> {
    let mut leaders: BTreeMap<String, (&str, u64)> = BTreeMap::new();
    let mut variants = Vec::new();
    for (text, rows) in column.top_values.iter().filter_map(|top| Some((text_of(top)?, top.count))) {
        let (leader, most) = *leaders.entry(text.trim().to_lowercase()).or_insert((text, rows));
        if leader.trim() != text.trim() && most >= times * rows {
            variants.push((text, rows));
        }
    }
    variants
}

pub(super) fn padded_values(examination: &Examination, column: &ColumnFacts) -> Option<Finding> {
    let text = column.text.as_ref()?;
    let rows = text.padded;
    let name = identifier(&column.name);
    let padded = column.top_values.iter().filter_map(text_of).filter(|text| text.trim() != *text && !text.trim().is_empty());
    (rows > 0).then(|| {
        Finding::new("padded_values", Dimension::Consistency, rows)
            .column(&column.name)
            .says(format!("{} have white space before or after `{}`", examination.of_rows(rows), column.name))
            .rows_where(format!(r"{name} ~ '^\s' or {name} ~ '\s$'"))
            .about_cells(Held::Padded)
            .shows(padded.take(5).map(|text| format!("\"{text}\"")).collect())
            .fix(format!("load `trim({name})`"))
    })
}

/// Values that are rare among few and one or two letters away from a frequent one: likely slips of the pen.
pub(super) fn rare_categories(examination: &Examination, column: &ColumnFacts) -> Option<Finding> {
    let is_small = column.distinct <= examination.limits.category_values;
    if column.text.is_none() || !is_small || !is_category(column) {
        return None;
    }
    let slips = slips(examination, column);
    let rows: u64 = slips.iter().map(|slip| slip.rows).sum();
    let pairs: Vec<String> = slips.iter().take(5).map(|slip| format!("`{}` for `{}`", slip.written, slip.meant)).collect();
    let values: Vec<String> = slips.iter().map(|slip| literal(slip.written)).collect();
    (rows > 0).then(|| {
        Finding::new("rare_categories", Dimension::Consistency, rows)
            .column(&column.name)
            .confidence(0.75)
            .says(format!(
                "{} hold a rare value of `{}` that is nearly a frequent one: {}",
                examination.of_rows(rows),
                column.name,
                pairs.join(", ")
            ))
            .rows_where(format!("{} in ({})", identifier(&column.name), values.join(", ")))
            .about_cells(Held::Texts(slips.iter().map(|slip| slip.written.to_owned()).collect()))
            .shows(slips.iter().take(5).map(|slip| slip.written.to_owned()).collect())
            .fix("map them to the value that was meant, and let `accepted_values` stop the next ones")
    })
}

struct Slip<'a> {
    written: &'a str,
    meant: &'a str,
    rows: u64,
}

fn slips<'a>(examination: &Examination, column: &'a ColumnFacts) -> Vec<Slip<'a>> {
    let all = present(column);
    let is_rare = |top: &ValueCount| share_of(top.count, all) < examination.limits.rare_share;
    let is_word = |text: &str| text.trim().chars().count() >= 4 && !text.contains(|c: char| c.is_ascii_digit());
    let texts = || column.top_values.iter().filter_map(|top| Some((text_of(top)?, top))).filter(|(text, _)| is_word(text));
    let frequent: Vec<(&str, u64)> = texts().filter(|(_, top)| !is_rare(top)).map(|(text, top)| (text, top.count)).collect();
    let rare = texts().filter(|(text, top)| is_rare(top) && words::stands_for_missing(text).is_none());
    rare.filter_map(|(written, top)| {
        let candidates =
            frequent.iter().filter(|(text, rows)| *rows >= 20 * top.count && text.trim().to_lowercase() != written.trim().to_lowercase());
        let is_variant = frequent.iter().any(|(text, _)| text.trim().to_lowercase() == written.trim().to_lowercase());
        let meant = hw_base::nearest(written, candidates.map(|(text, _)| *text))?;
        (!is_variant).then_some(Slip { written, meant, rows: top.count })
    })
    .collect()
}

/// Days written in several ways in one column: `2026-01-31` and `31/01/2026`.
pub(super) fn mixed_date_formats(examination: &Examination, column: &ColumnFacts) -> Option<Finding> {
    let text = column.text.as_ref()?;
    let kinds = DATES.map(|shape| (shape, shape_count(text, &[shape])));
    let all: u64 = kinds.iter().map(|kind| kind.1).sum();
    let (usual, most) = kinds.into_iter().max_by_key(|kind| kind.1)?;
    let rows = all - most;
    let are_dates = all as f64 >= examination.limits.dominant_share * telling(column, text).max(1) as f64;
    let name = identifier(&column.name);
    (rows > 0 && are_dates).then(|| {
        Finding::new("mixed_date_formats", Dimension::Consistency, rows)
            .column(&column.name)
            .confidence(0.9)
            .says(format!(
                "{} write `{}` in another format than the {} that are of the shape {}",
                examination.of_rows(rows),
                column.name,
                count(most),
                usual.name()
            ))
            .rows_where(format!("trim({name}) !~ '{}' and trim({name}) <> ''{}", pattern(usual), but_for_stand_ins(column)))
            .about_cells(Held::Shapes(kinds_but_for(usual)))
            .shows(column.top_values.iter().filter_map(text_of).filter(|text| is_other_date(text, usual)).take(5).map(Into::into).collect())
            .fix("read each format for itself when loading, and write days as `2026-01-31`")
    })
}

/// The shapes of days and moments.
const DATES: [TextShape; 3] = [TextShape::Date, TextShape::Timestamp, TextShape::OtherDate];

fn kinds_but_for(usual: TextShape) -> Vec<TextShape> {
    DATES.into_iter().filter(|shape| *shape != usual).collect()
}

fn is_other_date(text: &str, usual: TextShape) -> bool {
    kinds_but_for(usual).contains(&TextShape::of(text))
}

fn pattern(shape: TextShape) -> &'static str {
    match shape {
        TextShape::Date => "^[0-9]{4}-[0-9]{2}-[0-9]{2}$",
        TextShape::Timestamp => "^[0-9]{4}-[0-9]{2}-[0-9]{2}[T ][0-9]",
        _ => "^[0-9]{1,4}[/.][0-9]{1,2}[/.][0-9]{1,4}",
    }
}

/// Texts of another shape than one of these, but for blanks and words that stand for a missing value.
pub(super) fn other_shapes(column: &ColumnFacts, usual: &[TextShape]) -> Held {
    let but_for = stand_ins(column).iter().map(|(text, _, _)| text.trim().to_lowercase()).collect();
    Held::OtherShapes { usual: usual.to_vec(), but_for }
}

/// ` and lower(trim(c)) not in ('n/a')`, empty where no word stands for a missing value.
pub(super) fn but_for_stand_ins(column: &ColumnFacts) -> String {
    let mut words: Vec<String> = stand_ins(column).iter().map(|(text, _, _)| literal(&text.trim().to_lowercase())).collect();
    words.sort_unstable();
    words.dedup();
    if words.is_empty() {
        return String::new();
    }
    format!(" and lower(trim({})) not in ({})", identifier(&column.name), words.join(", "))
}
