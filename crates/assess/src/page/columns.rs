//! One card per column, and a table to find them.

use hw_base::{ColumnFacts, ColumnType, NumberFacts, Share, TextFacts, Timestamp, Value, count};

use super::chart::{box_plot, histogram, spark, strip};
use super::markup::{self, bar, table, text, value};
use super::{number, short_score};
use crate::checks::disguised_nulls;
use crate::column::{present, share_of};
use crate::examination::points;
use crate::{Assessment, Meaning, Score};

/// From this number of columns on, cards show less, so that the page stays small enough to be sent.
const MANY_COLUMNS: usize = 60;

pub(super) fn section(assessment: &Assessment) -> String {
    if assessment.facts.columns.is_empty() {
        return String::new();
    }
    let columns = || assessment.facts.columns.iter().zip(&assessment.meanings).enumerate();
    let rows: Vec<Vec<String>> = columns().map(|(index, (column, meaning))| overview(assessment, index, column, meaning)).collect();
    let headings = ["column", "type", "means", "#missing", "#distinct", "spread", "#issues"];
    let cards: String = columns().map(|(index, (column, meaning))| card(assessment, index, column, meaning)).collect();
    let content = format!("{}<div class=\"cols\">{cards}</div>", table("All columns", &headings, &rows));
    markup::section("columns", "Columns", &format!("Measured on {}.", assessment.population()), &content)
}

fn overview(assessment: &Assessment, index: usize, column: &ColumnFacts, meaning: &Meaning) -> Vec<String> {
    let issues = assessment.issues().filter(|issue| issue.column.as_ref() == Some(&column.name)).count();
    vec![
        format!("<a href=\"#c{index}\">{}</a>", value(&column.name)),
        logical(meaning),
        text(&meaning.semantic_type.replace('_', " ")),
        Share(share_of(column.nulls, column.rows)).to_string(),
        distinct(assessment, column),
        column.numbers.as_ref().map_or_else(|| leading(column), |numbers| spark(&numbers.histogram)),
        issues.to_string(),
    ]
}

/// How many values differ; how sure that is.
fn distinct(assessment: &Assessment, column: &ColumnFacts) -> String {
    let about = if column.distinct_is_exact { "" } else { "≈ " };
    format!("{}{about}{}", assessment.at_least(), count(column.distinct))
}

/// What most values of a column without numbers are.
fn leading(column: &ColumnFacts) -> String {
    let first = column.top_values.first().filter(|top| top.count > 1);
    first
        .map(|top| format!("{} {}", text(&markup::cut(&top.value.to_string(), 18)), Share(share_of(top.count, present(column)))))
        .unwrap_or_default()
}

fn logical(meaning: &Meaning) -> String {
    match &meaning.format {
        Some(format) => format!("{} {}", meaning.logical_type, value(format)),
        None => meaning.logical_type.to_owned(),
    }
}

fn card(assessment: &Assessment, index: usize, column: &ColumnFacts, meaning: &Meaning) -> String {
    let listed = if assessment.facts.columns.len() > MANY_COLUMNS { 5 } else { 8 };
    let scores = assessment.scores.columns.get(index).map(|scores| mini(&scores.scores)).unwrap_or_default();
    let disguised = disguised_nulls(&assessment.findings, &column.name);
    [
        format!("<article class=\"col\" id=\"c{index}\"><header><h3>{}</h3></header>", value(&column.name)),
        tags(column, meaning),
        filled(column, disguised),
        gaps(assessment, column),
        chart(assessment, column),
        details(assessment, column, disguised),
        top_values(assessment, column, listed),
        column.text.as_ref().map(|text| patterns(assessment, text, present(column), listed)).unwrap_or_default(),
        scores,
        "</article>\n".into(),
    ]
    .concat()
}

fn tags(column: &ColumnFacts, meaning: &Meaning) -> String {
    let physical = text(&column.sql_type);
    let role = text(&meaning.semantic_type.replace('_', " "));
    let hides_another = meaning.format.is_some() || (column.kind == ColumnType::Text && meaning.logical_type != "text");
    let reads = if hides_another { format!("<span class=\"tag\">reads as {}</span>", logical(meaning)) } else { String::new() };
    let personal = if meaning.is_personal() { "<span class=\"tag fair\">personal data</span>" } else { "" };
    format!(
        "<div class=\"tags\"><span class=\"tag\">{physical}</span>{reads}<span class=\"tag\">{role}, {:.0} % sure</span>{personal}</div>",
        meaning.semantic_confidence * 100.0
    )
}

/// A bar of what is there, what is missing in disguise and what is missing; the patterns differ, not only the colours.
fn filled(column: &ColumnFacts, disguised: u64) -> String {
    let missing = share_of(column.nulls, column.rows) * 100.0;
    let disguised_share = share_of(disguised, column.rows) * 100.0;
    let there = (100.0 - missing - disguised_share).max(0.0);
    let label = format!("{there:.1} % there, {disguised_share:.1} % missing in disguise, {missing:.1} % missing");
    format!(
        "<div class=\"fill\" role=\"img\" aria-label=\"{label}\"><i style=\"width:{there:.2}%\"></i>\
         <i class=\"d\" style=\"width:{disguised_share:.2}%\"></i><i class=\"m\" style=\"width:{missing:.2}%\"></i></div>"
    )
}

/// Where the column misses values, over time or over the order of the rows.
fn gaps(assessment: &Assessment, column: &ColumnFacts) -> String {
    let map = assessment.missing.as_ref();
    let found = map.and_then(|map| Some((map, map.columns.iter().find(|missing| missing.name == column.name)?)));
    let Some((map, missing)) = found else { return String::new() };
    let most = missing.shares.iter().copied().fold(0.0, f64::max);
    let described = format!("where values are missing from {} to {}; at most {} of a block", map.from, map.to, Share(most));
    let by = map.by.as_ref().map_or_else(|| "the order of the rows".to_owned(), |by| value(by));
    format!(
        "<h4 style=\"margin-top:12px\">Missing by {by}, at most {} at a time</h4>{}<div class=\"axis\"><span>{}</span><span>{}</span></div>",
        Share(most),
        strip(&missing.shares, &described),
        text(&markup::cut(&map.from, 20)),
        text(&markup::cut(&map.to, 20)),
    )
}

fn chart(assessment: &Assessment, column: &ColumnFacts) -> String {
    let Some(numbers) = column.numbers.as_ref().filter(|numbers| numbers.histogram.counts.iter().any(|count| *count > 0)) else {
        return String::new();
    };
    let (low, high) = (edge(column, numbers.histogram.low), edge(column, numbers.histogram.high));
    let described = format!("how the values spread from {low} to {high}");
    // An assessment that does not know how many values these are of says nothing.
    let is_sample = numbers.quantile_values > 0 && !numbers.fences.is_exact;
    let sampled = if is_sample { format!(" of {} values drawn by chance", count(numbers.quantile_values)) } else { String::new() };
    let boxed = if column.kind.is_numeric() { box_plot(numbers) } else { String::new() };
    format!(
        "<h4 style=\"margin-top:12px\">Spread{sampled}</h4>{}<div class=\"axis\"><span>{}</span><span>{}</span></div>{boxed}{}",
        histogram(&numbers.histogram, &described),
        text(&low),
        text(&high),
        if column.kind.is_numeric() { quantiles(assessment, column, numbers) } else { String::new() }
    )
}

fn quantiles(assessment: &Assessment, column: &ColumnFacts, numbers: &NumberFacts) -> String {
    let shown = numbers.quantiles.iter().filter(|quantile| quantile.value.is_finite());
    let shown: Vec<String> =
        shown.map(|quantile| format!("<li>{} % <b>{}</b></li>", number(quantile.at * 100.0), short(quantile.value))).collect();
    let error = assessment.rank_error(column, numbers, 0.5).map(points);
    let error = error.map(|error| format!("<p class=\"note\">Quantiles of a sample: the rank of the median is within {error} points.</p>"));
    format!("<ul class=\"quantiles\" aria-label=\"Quantiles\">{}</ul>{}", shown.concat(), error.unwrap_or_default())
}

/// An edge of a histogram: a moment for dates, which are measured in seconds, a number otherwise.
fn edge(column: &ColumnFacts, value: f64) -> String {
    if !column.kind.is_temporal() {
        return short(value);
    }
    #[expect(clippy::cast_possible_truncation, reason = "whole seconds are enough, and the cast saturates")]
    let moment = Timestamp::from_timestamp(value as i64, 0);
    moment.map_or_else(|| short(value), |moment| moment.format("%Y-%m-%d").to_string())
}

/// The whole numbers below this one are exact as floats, so that those of sixteen digits, as of cards, are told to the last.
const WHOLE: f64 = 9_007_199_254_740_992.0;

/// A number in few characters, but with all digits before the point.
fn short(value: f64) -> String {
    if !value.is_finite() {
        return "–".into();
    }
    let size = value.abs();
    match size {
        size if size > 0.0 && !(1e-3..WHOLE).contains(&size) => format!("{value:.2e}"),
        size if size >= 1.0 || size <= 0.0 => number(value),
        _ => format!("{value:.3e}").parse::<f64>().map_or_else(|_| value.to_string(), |value| value.to_string()),
    }
}

fn details(assessment: &Assessment, column: &ColumnFacts, disguised: u64) -> String {
    let mut pairs = vec![
        ("missing", format!("{} ({})", count(column.nulls), Share(share_of(column.nulls, column.rows)))),
        ("distinct", distinct(assessment, column)),
    ];
    if disguised > 0 {
        pairs.insert(1, ("missing in disguise", format!("{} ({})", count(disguised), Share(share_of(disguised, column.rows)))));
    }
    for (name, extreme) in [("least", &column.min), ("greatest", &column.max)] {
        if *extreme != Value::Null {
            pairs.push((name, value(&markup::cut(&extreme.to_string(), 40))));
        }
    }
    let numbers = column.numbers.as_ref().filter(|_| column.kind.is_numeric() && present(column) > 0);
    pairs.extend(numbers.map(|numbers| number_pairs(numbers, assessment.mean_error(column, numbers))).unwrap_or_default());
    pairs.extend(column.text.as_ref().map(text_pairs).unwrap_or_default());
    let pairs: Vec<String> = pairs.iter().map(|(name, told)| format!("<dt>{name}</dt><dd>{told}</dd>")).collect();
    format!("<dl>{}</dl>", pairs.concat())
}

fn number_pairs(numbers: &NumberFacts, error: Option<f64>) -> Vec<(&'static str, String)> {
    let error = error.map(|error| format!(" ± {}", short(error))).unwrap_or_default();
    let mut pairs = vec![("mean", short(numbers.mean) + &error), ("deviation", short(numbers.standard_deviation))];
    if numbers.zeros > 0 {
        pairs.push(("zero", count(numbers.zeros)));
    }
    if numbers.negatives > 0 {
        pairs.push(("below zero", count(numbers.negatives)));
    }
    pairs
}

fn text_pairs(text: &TextFacts) -> Vec<(&'static str, String)> {
    let mut pairs = vec![("length", format!("{} to {}, mean {}", text.min_length, text.max_length, number(text.mean_length)))];
    for (name, rows) in [("empty", text.empty), ("blank", text.blank), ("padded", text.padded), ("non-printing", text.non_printing)] {
        if rows > 0 {
            pairs.push((name, count(rows)));
        }
    }
    pairs
}

fn top_values(assessment: &Assessment, column: &ColumnFacts, listed: usize) -> String {
    let all = present(column);
    let repeated: Vec<_> = column.top_values.iter().filter(|top| top.count > 1 || column.distinct <= 10).take(listed).collect();
    if repeated.is_empty() {
        return String::new();
    }
    let row = |top: &&hw_base::ValueCount| tops_row(assessment, &top.value.to_string(), top.count, all);
    let rows: String = repeated.iter().map(row).collect();
    let further = column.distinct.saturating_sub(repeated.len() as u64);
    let further = if further > 0 { format!(" ({}{} further)", assessment.at_least(), count(further)) } else { String::new() };
    let about = if column.top_values_are_exact { "" } else { ", counted low where they came late" };
    format!("<table class=\"tops\"><caption>Most frequent values{further}{about}</caption><tbody>{rows}</tbody></table>")
}

fn patterns(assessment: &Assessment, text: &TextFacts, values: u64, listed: usize) -> String {
    let all = text.pattern_sample.unwrap_or(values);
    if text.patterns.is_empty() {
        return String::new();
    }
    let shown = text.patterns.iter().take(listed.min(5));
    let rows: String = shown.map(|pattern| tops_row(assessment, &pattern.pattern, pattern.count, all)).collect();
    let of = text.pattern_sample.map(|values| format!(" of {} values drawn by chance", count(values))).unwrap_or_default();
    let letters = "A upper, a lower case, 9 digit, + repeated";
    format!("<table class=\"tops\"><caption>Patterns{of}: {letters}</caption><tbody>{rows}</tbody></table>")
}

fn tops_row(assessment: &Assessment, name: &str, rows: u64, all: u64) -> String {
    let share = share_of(rows, all);
    let error = assessment.error_of_share(rows, all).map(|error| format!(" ± {}", points(error))).unwrap_or_default();
    format!(
        "<tr><th scope=\"row\"><code>{}</code></th><td>{}</td><td class=\"n\">{}</td><td class=\"n\">{}{error}</td></tr>",
        text(&markup::cut(name, 40)),
        bar(share, ""),
        count(rows),
        Share(share)
    )
}

fn mini(scores: &[Score]) -> String {
    let judged = scores.iter().filter_map(|score| Some((score, score.score?)));
    let items: Vec<String> = judged
        .map(|(score, value)| {
            let numbers = score.numbers_in_column().map(|numbers| format!(" ({numbers})")).unwrap_or_default();
            format!("<li>{} <b>{}</b>{numbers}</li>", score.dimension.name(), short_score(value))
        })
        .collect();
    if items.is_empty() { String::new() } else { format!("<ul class=\"mini\" aria-label=\"Scores of the column\">{}</ul>", items.concat()) }
}
