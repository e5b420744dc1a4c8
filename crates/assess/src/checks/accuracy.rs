//! Values that can hardly be true.

use hw_base::{ColumnFacts, ColumnType, Dimension, NumberFacts, TimeSpan, Value, ValueCount, identifier};

use super::completeness::{holds_only_nan, number_stand_ins, stand_ins_below_zero};
use crate::column::{
    NO_MOMENT, examples, is_temporal, moment, moment_in_sql, moments_in_sql, present, present_until, quantile, share_of, stands_for_none,
};
use crate::examination::Counted;
use crate::listed::Held;
use crate::{Examination, Finding, words};

/// Numbers below zero where the name says a quantity. Those that stand for a missing value are told as that alone, and those of returns, which another
/// column turns as well, are none.
pub(super) fn negative_values(examination: &Examination, column: &ColumnFacts) -> Option<Finding> {
    let stand_ins = stand_ins_below_zero(examination, column);
    let negatives = column.numbers.as_ref()?.negatives.saturating_sub(stand_ins.values().sum());
    let is_quantity = words::has_word(&column.name, words::NEVER_NEGATIVE) && !words::has_word(&column.name, words::SIGNED);
    let is_rare = share_of(negatives, present(column)) < examination.limits.negative_share;
    let is_turned = examination.evidence.relations.as_ref().is_some_and(|relations| relations.turned.contains(&column.name));
    let frequent = column.top_values.iter().map(|top| &top.value);
    let least = std::iter::once(&column.min).filter(|least| !column.top_values.iter().any(|top| top.value == **least));
    let but_for: Vec<String> = stand_ins.into_keys().collect();
    let name = identifier(&column.name);
    let condition = match but_for.as_slice() {
        [] => format!("{name} < 0"),
        _ => format!("{name} < 0 and {name} not in ({})", but_for.join(", ")),
    };
    let held = Held::Negative { but_for };
    let shown = examples(frequent.chain(least).filter(|value| held.is_value(&value.to_string())));
    (negatives > 0 && column.kind.is_numeric() && is_quantity && is_rare && !is_turned).then(|| {
        Finding::new("negative_values", Dimension::Accuracy, negatives)
            .column(&column.name)
            .confidence(0.8)
            .says(format!("{} are below zero in `{}`, whose name says a quantity", examination.of_rows(negatives), column.name))
            .rows_where(condition)
            .about_cells(held)
            .shows(shown)
            .fix("find out whether these are refunds; if not, let `range` with `min: 0` send the rows to quarantine")
    })
}

/// Values far beyond the quartiles that also stand apart from all others. In columns with a long right tail the upper fence
/// stands on the logarithm; a tail that thins out little by little is the nature of a column and no mistake.
pub(super) fn outliers(examination: &Examination, column: &ColumnFacts) -> Option<Finding> {
    let numbers = column.numbers.as_ref()?;
    if !column.kind.is_numeric() || examination.meaning(column).semantic_type != "measure" {
        return None;
    }
    let (low, high) = fences(numbers, examination.limits.outlier_ranges)?;
    let (min, max) = (column.min.as_f64()?, column.max.as_f64()?);
    let (apart_below, apart_above) = (min < low && stands_below(column, numbers, min), max > high && has_gap(column, numbers, Side::Above));
    if !apart_below && !apart_above {
        return None;
    }
    let (low, high) = (if apart_below { low } else { low.min(min) }, if apart_above { high } else { high.max(max) });
    let aside = number_stand_ins(column);
    let condition = beyond_condition(column, (low, high), &aside);
    let counted = examination.rows_where(&condition, beyond(numbers, (low, high), column, &aside));
    let share = share_of(counted.rows, present(column));
    let extremes = [(&column.min, min < low), (&column.max, max > high)].into_iter().filter(|(_, is_beyond)| *is_beyond);
    let shown = examples(extremes.map(|(value, _)| value).filter(|value| aside.iter().all(|top| top.value != **value)));
    (share > 0.0 && share <= examination.limits.outlier_share)
        .then(|| outlier_finding(examination, column, counted, (low, high)).rows_where(condition).shows(shown))
}

/// A side of the median.
#[derive(Clone, Copy, PartialEq, Eq)]
enum Side {
    Below,
    Above,
}

/// Whether the least value stands apart. Long tails lead upwards far more often than downwards, so a distance is enough where
/// the steps of the histogram are too wide to show a gap.
fn stands_below(column: &ColumnFacts, numbers: &NumberFacts, min: f64) -> bool {
    let quartiles = quantile(numbers, 0.25).zip(quantile(numbers, 0.75));
    has_gap(column, numbers, Side::Below) || quartiles.is_some_and(|(first, third)| first - min >= 10.0 * (third - first))
}

/// Whether the histogram has a stretch without values on one side of the median that is as wide as all before it, and wider than
/// two usual steps from value to value: whole numbers have gaps by nature.
fn has_gap(column: &ColumnFacts, numbers: &NumberFacts, side: Side) -> bool {
    let mut counts = numbers.histogram.counts.clone();
    if side == Side::Below {
        counts.reverse();
    }
    let all: u64 = counts.iter().sum();
    let filled: Vec<(usize, u64)> = counts.into_iter().enumerate().filter(|(_, count)| *count > 0).collect();
    let usual = 2.0 * numbers.histogram.counts.len() as f64 / column.distinct.saturating_sub(1).max(1) as f64;
    let mut seen = 0;
    filled.windows(2).any(|pair| {
        let ((first, _), (last, count), (next, _)) = (filled[0], pair[0], pair[1]);
        seen += count;
        let (gap, width) = (next - last - 1, last - first + 1);
        seen * 2 > all && gap >= width && gap as f64 >= usual
    })
}

fn outlier_finding(examination: &Examination, column: &ColumnFacts, counted: Counted, (low, high): (f64, f64)) -> Finding {
    let rows = examination.of_rows(counted.rows);
    let sentence = format!(
        "{}{rows} are outside {low} to {high} in `{}`, more than {} interquartile ranges beyond the quartiles",
        counted.about(),
        column.name,
        examination.limits.outlier_ranges,
    );
    Finding::new("outliers", Dimension::Accuracy, counted.rows)
        .column(&column.name)
        .confidence(0.4)
        .says(sentence)
        .counted(counted)
        .fix("look at the values; if they are mistakes, a `range` rule keeps the next ones out")
}

/// The fences, rounded to what their distance makes worth showing; `None` where half of the values are equal.
fn fences(numbers: &NumberFacts, ranges: f64) -> Option<(f64, f64)> {
    let (first, middle, third) = (quantile(numbers, 0.25)?, quantile(numbers, 0.5)?, quantile(numbers, 0.75)?);
    let spread = third - first;
    if spread <= 0.0 {
        return None;
    }
    let is_skewed = first > 0.0 && third - middle > 1.5 * (middle - first);
    let linear = third + ranges * spread;
    let high = if is_skewed { linear.max(third * (third / first).powf(ranges)) } else { linear };
    let step = 10_f64.powf(spread.log10().floor() - 2.0);
    let rounded = |value: f64| (value / step).round() * step;
    let (low, high) = (tidy(rounded(first - ranges * spread)), tidy(rounded(high)));
    (low.is_finite() && high.is_finite()).then_some((low, high))
}

/// Drops the digits that only the binary form of a number has.
fn tidy(value: f64) -> f64 {
    format!("{value:.9e}").parse().unwrap_or(value)
}

/// The condition of a value beyond the fences that is no stand-in for a missing one.
fn beyond_condition(column: &ColumnFacts, (low, high): (f64, f64), aside: &[&ValueCount]) -> String {
    let name = identifier(&column.name);
    // Engines compare a decimal with a bare fence as decimals of 15 digits before the point, which is not enough for some.
    let number = if column.kind == ColumnType::Decimal { format!("cast({name} as double)") } else { name.clone() };
    let condition = format!("({number} < {low} or {number} > {high})");
    if aside.is_empty() {
        return condition;
    }
    let values: Vec<String> = aside.iter().map(|top| top.value.to_string()).collect();
    format!("{condition} and {name} not in ({})", values.join(", "))
}

/// About how many values lie beyond the fences, by the histogram and without the stand-ins for missing ones; at least
/// one where an extreme is no stand-in.
fn beyond(numbers: &NumberFacts, (low, high): (f64, f64), column: &ColumnFacts, aside: &[&ValueCount]) -> u64 {
    let present = present(column);
    let histogram = &numbers.histogram;
    let step = (histogram.high - histogram.low) / histogram.counts.len().max(1) as f64;
    let all: u64 = histogram.counts.iter().sum();
    let is_beyond = |index: usize| {
        let start = histogram.low + step * index as f64;
        start >= high || start + step <= low
    };
    let outside: u64 = histogram.counts.iter().enumerate().filter(|(index, _)| is_beyond(*index)).map(|(_, count)| count).sum();
    let scaled = u128::from(outside) * u128::from(present) / u128::from(all.max(1));
    let scaled = u64::try_from(scaled).unwrap_or(u64::MAX).min(present);
    let is_aside = |extreme: &Value| aside.iter().any(|top| top.value == *extreme);
    let least = u64::from(aside.is_empty() || !(is_aside(&column.min) || is_aside(&column.max)));
    scaled.saturating_sub(aside.iter().map(|top| top.count).sum()).max(least)
}

/// An event that has not happened yet cannot be recorded truly. Moments of the year 9999 are none, and hide no others.
pub(super) fn future_dates(examination: &Examination, column: &ColumnFacts) -> Option<Finding> {
    let (is_change, is_event) = (words::has_word(&column.name, words::CHANGE_TIME), words::has_word(&column.name, words::EVENT_TIME));
    let lies_ahead = words::has_word(&column.name, words::OTHER_TIME) && !is_change;
    if !is_temporal(column) || !(is_change || is_event) || lies_ahead {
        return None;
    }
    let ((latest, called), limit) = (latest(examination, column)?, present_until(examination.now));
    if moment(latest)? <= limit {
        return None;
    }
    let moments = moments_in_sql(column);
    let but_for_none = if *latest == column.max { String::new() } else { format!(" and {moments} < {NO_MOMENT}") };
    let condition = format!("{moments} > {}{but_for_none}", moment_in_sql(limit));
    let frequent = column.top_values.iter().filter(|top| Held::After(limit).is_value(&top.value.to_string()));
    let counted = examination.rows_where(&condition, frequent.map(|top| top.count).sum::<u64>().max(1));
    let grace = TimeSpan(std::time::Duration::from_hours(24));
    (counted.rows > 0).then(|| {
        let rows = if counted.is_estimate { "at least ".to_owned() } else { String::new() } + &examination.of_rows(counted.rows);
        Finding::new("future_dates", Dimension::Accuracy, counted.rows)
            .column(&column.name)
            .confidence(if is_change { 0.95 } else { 0.8 })
            .says(format!("{rows} are more than {grace} ahead of {} in `{}`; {called} is {latest}", examination.moment, column.name))
            .rows_where(condition)
            .about_cells(Held::After(limit))
            .shows(examples([latest]))
            .counted(counted)
            .fix("check the time zone and the clock of the source; an `expression` rule keeps the next ones out")
    })
}

/// The latest moment of a column, and what it is called; where that is of the year 9999, the latest before it, as far as that was asked for, or as the
/// frequent values tell.
fn latest<'a>(examination: &Examination<'a>, column: &'a ColumnFacts) -> Option<(&'a Value, &'static str)> {
    if !moment(&column.max).is_some_and(stands_for_none) {
        return Some((&column.max, "the latest"));
    }
    if let Some(latest) = examination.evidence.latest.get(&column.name) {
        return Some((&latest.meant, "the latest"));
    }
    let moments = column.top_values.iter().filter_map(|top| Some((moment(&top.value)?, &top.value)));
    let (_, latest) = moments.filter(|(moment, _)| !stands_for_none(*moment)).max_by_key(|(moment, _)| *moment)?;
    Some((latest, "the latest of the frequent ones"))
}

/// A column of one value may be a default that nobody ever filled in. A hint: it takes nothing from the score.
pub(super) fn constant_column(examination: &Examination, column: &ColumnFacts) -> Option<Finding> {
    let is_constant = column.distinct == 1 && column.nulls == 0 && column.rows >= 10 && !holds_only_nan(column);
    is_constant.then(|| {
        Finding::new("constant_column", Dimension::Accuracy, column.rows)
            .column(&column.name)
            .confidence(0.2)
            .weight(0.0)
            .says(format!(
                "every {}`{}` is `{}`{}; it may be a default that nobody filled in",
                examination.sampled(),
                column.name,
                column.min,
                examination.bound_of_all()
            ))
            .shows(examples([&column.min]))
            .query(format!("select distinct {} from {}", identifier(&column.name), examination.shown_as))
            .fix("leave the column out if it says nothing")
    })
}
