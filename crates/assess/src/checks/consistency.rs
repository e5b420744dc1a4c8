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
    if rows == known {
        return Some(finding.rows_where(in_another_case(&name, &variants)));
    }
    let rows_from = format!("from {} where {}", examination.shown_as, is_less_frequent(examination, &name));
    Some(finding.query(format!("select * {rows_from}")).shown_by(format!("select distinct {name} {rows_from}")))
}

/// The rows with these spellings.
fn in_another_case(name: &str, variants: &[(&str, u64)]) -> String {
    let values: Vec<String> = variants.iter().map(|(text, _)| literal(text)).collect();
    format!("{name} in ({})", values.join(", "))
}

/// The condition of the rows whose spelling is less frequent than another one, where these spellings are not all known.
fn is_less_frequent(examination: &Examination, name: &str) -> String {
    let table = examination.shown_as;
    format!(
        "{name} in (select spelling from (select spelling, \
         first_value(trim(spelling)) over (partition by lower(trim(spelling)) order by times desc, spelling) as usual \
         from (select {name} as spelling, count(*) as times from {table} where {name} is not null group by {name}) as counted) as compared \
         where trim(spelling) <> usual)"
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
            .rows_where(format!(r"({name} ~ '^\s+\S' or {name} ~ '\S\s+$')"))
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

/// Days written in several ways in one column: `2026-01-31` and `31/01/2026`. A zero that is left out, as in `2026-1-31`, is no other way.
pub(super) fn mixed_date_formats(examination: &Examination, column: &ColumnFacts) -> Option<Finding> {
    let text = column.text.as_ref()?;
    let all = shape_count(text, &DATES);
    let (most, usual) =
        date_formats(column).into_iter().map(|format| (shape_count(text, &format), format)).max_by_key(|format| format.0)?;
    let rows = all - most;
    let are_dates = all as f64 >= examination.limits.dominant_share * telling(column, text).max(1) as f64;
    let others = DATES.into_iter().filter(|shape| !usual.contains(shape) && shape_count(text, &[*shape]) > 0).collect::<Vec<TextShape>>();
    (rows > 0 && are_dates).then(|| {
        Finding::new("mixed_date_formats", Dimension::Consistency, rows)
            .column(&column.name)
            .confidence(0.9)
            .says(format!(
                "{} write `{}` in another format than the {} that are {}",
                examination.of_rows(rows),
                column.name,
                count(most),
                told_format(column, &usual)
            ))
            .rows_where(in_format(&identifier(&column.name), &others))
            .shows(texts_of(column, &others).take(5).map(Into::into).collect())
            .about_cells(Held::Shapes(others))
            .fix("read each format for itself when loading, and write days as `2026-01-31`")
    })
}

/// The shapes of days and moments.
const DATES: [TextShape; 3] = [TextShape::Date, TextShape::Timestamp, TextShape::OtherDate];

/// The shapes that are one format each.
fn date_formats(column: &ColumnFacts) -> Vec<Vec<TextShape>> {
    let mut lacking = texts_of(column, &[TextShape::OtherDate]).map(but_for_zeros);
    let padded = lacking.next().flatten().filter(|shape| lacking.all(|other| other == Some(*shape)));
    match padded {
        Some(TextShape::Date) => vec![vec![TextShape::Date, TextShape::OtherDate], vec![TextShape::Timestamp]],
        Some(_) => vec![vec![TextShape::Date], vec![TextShape::Timestamp, TextShape::OtherDate]],
        None => DATES.map(|shape| vec![shape]).to_vec(),
    }
}

/// The shape that a day or moment would have if its month and day were written with two digits: `2026-1-31`.
fn but_for_zeros(text: &str) -> Option<TextShape> {
    let text = text.trim();
    let day = text.split([' ', 'T']).next()?;
    let lengths: Vec<usize> = day.split('-').map(str::len).collect();
    let is_iso = matches!(lengths.as_slice(), [4, 1 | 2, 1 | 2]);
    is_iso.then_some(if day.len() == text.len() { TextShape::Date } else { TextShape::Timestamp })
}

/// The frequent texts of some shapes.
fn texts_of<'a>(column: &'a ColumnFacts, shapes: &[TextShape]) -> impl Iterator<Item = &'a str> {
    column.top_values.iter().filter_map(text_of).filter(move |text| shapes.contains(&TextShape::of(text)))
}

/// What the values of a format are: `of the shape date`, `written like 31/01/2026`.
fn told_format(column: &ColumnFacts, shapes: &[TextShape]) -> String {
    match (shapes, texts_of(column, shapes).next()) {
        ([TextShape::OtherDate], Some(example)) => format!("written like `{}`", example.trim()),
        _ => format!("of the shape {}", shapes.first().map_or("date", |shape| shape.name())),
    }
}

/// The condition of the days and moments of some shapes.
fn in_format(name: &str, shapes: &[TextShape]) -> String {
    let iso = "^[0-9]{4}-(0[1-9]|1[0-2])-(0[1-9]|[12][0-9]|3[01])";
    let other = "^[0-9]{1,4}(/[0-9]{1,2}/|[.][0-9]{1,2}[.]|-[0-9]{1,2}-)[0-9]{1,4}([ T]|$)";
    let of_shape = |shape: &TextShape| match shape {
        TextShape::Date => format!("trim({name}) ~ '{iso}$'"),
        TextShape::Timestamp => format!("trim({name}) ~ '{iso}[T ][0-9]'"),
        _ => format!("trim({name}) ~ '{other}' and trim({name}) !~ '{iso}'"),
    };
    let parts: Vec<String> = shapes.iter().map(of_shape).collect();
    format!("({})", parts.join(" or "))
}

/// Texts of another shape than one of these, but for blanks and words that stand for a missing value.
pub(super) fn other_shapes(column: &ColumnFacts, usual: &[TextShape]) -> Held {
    let but_for = stand_ins(column).iter().map(|(text, _, _)| (*text).to_owned()).collect();
    Held::OtherShapes { usual: usual.to_vec(), but_for }
}

/// ` and c not in ('N/A')`, empty where no word stands for a missing value.
pub(super) fn but_for_stand_ins(column: &ColumnFacts) -> String {
    let mut words: Vec<String> = stand_ins(column).iter().map(|(text, _, _)| literal(text)).collect();
    words.sort_unstable();
    if words.is_empty() {
        return String::new();
    }
    format!(" and {} not in ({})", identifier(&column.name), words.join(", "))
}
