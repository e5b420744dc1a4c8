//! `range`: values lie between two limits.

use std::cmp::Ordering;
use std::sync::Arc;

use hw_base::{Column, ColumnFacts, ColumnType, Dimension, Result, Settings, TableFacts, Value, identifier};
use schemars::{Schema, SchemaGenerator};
use serde_json::json;

use crate::columns::{as_moment, find};
use crate::explain::About;
use crate::kinds::RuleKind;
use crate::propose::{Proposal, percent_above, share_in_words};
use crate::rule::{Problems, RuleBody, Scope, read_body};
use crate::scalar::{Scalar, whole_numbers};
use crate::shape::Shape;
use crate::shared_settings::{Common, counting_settings};

/// Above this share of negative values a measure counts as one that may be negative.
const MOST_NEGATIVE: f64 = 0.01;

/// Measures whose name holds one of these words may be negative.
const SIGNED: &[&str] = &[
    "balance",
    "change",
    "delta",
    "diff",
    "profit",
    "margin",
    "latitude",
    "longitude",
    "lat",
    "lon",
    "lng",
    "temperature",
    "offset",
    "id",
];

/// The digits before and after the point with which texts are compared as decimals.
const WHOLE_DIGITS: usize = 20;
const PLACES: usize = 18;

/// Values lie between two limits.
#[derive(Debug)]
pub(super) struct Range;

counting_settings! {
    /// Settings of `range`.
    RangeSettings {
        /// The column.
        column: String,
        /// The least value: a number, a date such as `2026-01-31`, or a moment such as `2026-01-31 12:00`.
        min: Option<Scalar>,
        /// The greatest value. A date means its midnight where the column holds moments.
        max: Option<Scalar>,
        /// Values must be above this: like `min`, but the limit itself is outside.
        above: Option<Scalar>,
        /// Values must be below this: like `max`, but the limit itself is outside.
        below: Option<Scalar>,
        /// Whether `min` and `max` themselves are outside.
        #[serde(default)]
        exclusive: bool,
    }
}

impl RuleKind for Range {
    fn name(&self) -> &'static str {
        "range"
    }

    fn dimension(&self) -> Dimension {
        Dimension::Validity
    }

    fn scope(&self) -> Scope {
        Scope::Row
    }

    fn schema(&self, generator: &mut SchemaGenerator) -> Schema {
        generator.subschema_for::<RangeSettings>()
    }

    fn read(&self, settings: &Settings) -> Result<Arc<dyn RuleBody>> {
        read_body::<RangeSettings>(settings)
    }

    fn about(&self) -> About {
        About {
            finds: "Values below `min` or above `max`; the limits themselves are inside unless `exclusive: true` is set, or `above` and `below` stand in their place. Nulls are left out, `NaN` is outside. A date as a limit of moments means its midnight, so `max: 2026-01-31` leaves out nearly all of that day. In a text column, texts that read as numbers or dates are compared as such where the limit is one, and the others are left to `matches`.",
            matters: "One price with a slipped decimal point outweighs a thousand right ones in every mean.",
            example: "- range: { column: total_amount, min: 0, max: 100000, on_failure: quarantine }\n- range: { column: order_date, min: 2015-01-01 }",
            remedy: "Look at the examples: a unit that changed needs a conversion in the model, a sign may mean a refund that belongs in a column of its own. Widen the limits if the values are right.",
        }
    }

    fn propose(&self, facts: &TableFacts) -> Vec<Proposal> {
        facts.columns.iter().filter(|column| is_a_measure(column)).filter_map(propose_for).collect()
    }
}

/// Proposes that a measure is not negative, where (almost) none is. `NaN` is as wrong as a negative number.
fn propose_for(column: &ColumnFacts) -> Option<Proposal> {
    let negatives = column.numbers.as_ref()?.negatives + infinities_below(column) + not_numbers(column);
    let values = column.rows.saturating_sub(column.nulls);
    let share = negatives as f64 / values.max(1) as f64;
    if values == 0 || share > MOST_NEGATIVE {
        return None;
    }
    let settings = match negatives {
        0 => json!({ "column": column.name, "min": 0, "on_failure": "quarantine" }),
        _ => json!({ "column": column.name, "min": 0, "at_most": percent_above(negatives, values), "on_failure": "alert" }),
    };
    let what = if not_numbers(column) > 0 { "below zero or no number" } else { "below zero" };
    let reason = format!("`{}` is {what} in {}", column.name, share_in_words(negatives, values));
    Proposal::new("range", &settings, std::slice::from_ref(column), reason, values)
}

/// Values that are `NaN`, as far as the frequent ones tell.
fn not_numbers(column: &ColumnFacts) -> u64 {
    column.top_values.iter().filter(|top| top.value.as_f64().is_some_and(f64::is_nan)).map(|top| top.count).sum()
}

/// Values that are `-Infinity`, which are not counted among the numbers below zero: as far as the frequent ones tell, and at least one where it
/// is the least of all.
fn infinities_below(column: &ColumnFacts) -> u64 {
    let is_infinite = |value: &Value| value.as_f64().is_some_and(|number| number.is_infinite() && number < 0.0);
    let told: u64 = column.top_values.iter().filter(|top| is_infinite(&top.value)).map(|top| top.count).sum();
    told.max(u64::from(is_infinite(&column.min)))
}

fn is_a_measure(column: &ColumnFacts) -> bool {
    let name = column.name.to_lowercase();
    column.kind.is_numeric() && !name.split('_').any(|word| SIGNED.contains(&word))
}

impl RangeSettings {
    /// Both limits with the comparison that breaks them.
    fn limits(&self) -> Vec<(&Scalar, &'static str)> {
        let (below, above) = if self.exclusive { ("<=", ">=") } else { ("<", ">") };
        let pairs = [(&self.min, below), (&self.above, "<="), (&self.max, above), (&self.below, ">=")];
        pairs.into_iter().filter_map(|(limit, breaks)| limit.as_ref().map(|limit| (limit, breaks))).collect()
    }
}

impl RuleBody for RangeSettings {
    fn common(&self) -> Common {
        self.shared()
    }

    fn columns(&self) -> Vec<String> {
        vec![self.column.clone()]
    }

    fn check(&self, problems: &mut Problems<'_>) {
        super::check_sides([&self.min, &self.above, &self.max, &self.below], problems);
        if self.exclusive && self.min.is_some() && self.min.as_ref().zip(self.max.as_ref()).is_some_and(|(min, max)| is_equal(min, max)) {
            problems.add("exclusive", "no value lies between equal limits", "remove `exclusive`");
        }
    }

    fn shape(&self, columns: &[Column]) -> Result<Shape, String> {
        let column = find(columns, &self.column)?;
        if matches!(column.kind, ColumnType::Binary | ColumnType::Other | ColumnType::Time) {
            return Err(format!("`range` needs numbers, dates, moments or texts, and column `{}` is {}", column.name, column.sql_type));
        }
        self.leaves_room(column)?;
        let mut sides = Vec::new();
        for (limit, breaks) in self.limits().into_iter().filter(|(limit, _)| limit.beyond(column).is_none()) {
            let (value, kind) = compared(column, limit);
            let written = limit.for_column(&Column { kind, ..column.clone() })?;
            let side = format!("{value} {breaks} {written}");
            sides.push(exactly(column, limit, breaks).map_or(side.clone(), |exact| format!("coalesce({exact}, {side})")));
            sides.extend(self.not_a_number(&value, kind));
        }
        let violates = if sides.is_empty() { "false".to_owned() } else { sides.join(" or ") };
        Ok(Shape::Row { violates })
    }
}

fn is_equal(a: &Scalar, b: &Scalar) -> bool {
    a.compare(b) == Some(Ordering::Equal)
}

impl RangeSettings {
    /// Makes sure that a column of exact numbers can hold one between the limits.
    fn leaves_room(&self, column: &Column) -> Result<(), String> {
        let no_room = || format!("no value of column `{}`, which is {}, lies between these limits", column.name, column.sql_type);
        if self.limits().into_iter().any(|(limit, breaks)| is_kept_by_none(column, limit, breaks)) {
            return Err(no_room());
        }
        if column.kind != ColumnType::Integer {
            return Ok(());
        }
        let (mut low, mut high) = whole_numbers(column);
        for (limit, breaks) in self.limits() {
            let Some(number) = limit.as_number() else { continue };
            match breaks {
                "<" => low = low.max(number.ceil()),
                "<=" => low = low.max(number.floor() + 1),
                ">" => high = high.min(number.floor()),
                _ => high = high.min(number.ceil() - 1),
            }
        }
        if low <= high { Ok(()) } else { Err(no_room()) }
    }

    /// Finds `NaN` where there is only one limit. Engines order it above all numbers, or below if it has a sign, so that it
    /// is always beyond one of two limits.
    fn not_a_number(&self, value: &str, kind: ColumnType) -> Option<String> {
        match (self.min.as_ref().or(self.above.as_ref()), self.max.as_ref().or(self.below.as_ref())) {
            _ if kind != ColumnType::Float => None,
            (Some(_), None) => Some(format!("{value} > cast('Infinity' as double)")),
            (None, Some(_)) => Some(format!("{value} < cast('-Infinity' as double)")),
            _ => None,
        }
    }
}

/// Whether a limit lies beyond all numbers of the column, on the side where each of them breaks it.
fn is_kept_by_none(column: &Column, limit: &Scalar, breaks: &str) -> bool {
    match limit.beyond(column) {
        Some(Ordering::Greater) => breaks.starts_with('<'),
        Some(_) => breaks.starts_with('>'),
        None => false,
    }
}

/// How a text that reads as a decimal breaks a limit: with all its digits, of which a float has fewer.
fn exactly(column: &Column, limit: &Scalar, breaks: &str) -> Option<String> {
    let limit = limit.as_number().filter(|limit| column.kind == ColumnType::Text && limit.fits(WHOLE_DIGITS, PLACES))?;
    let name = identifier(&column.name);
    Some(format!("try_cast(trim({name}) as decimal({},{PLACES})) {breaks} {}", WHOLE_DIGITS + PLACES, limit.sql()))
}

/// What is compared with a limit, and what kind of value it is. A text is compared as what the limit is.
fn compared(column: &Column, limit: &Scalar) -> (String, ColumnType) {
    let name = identifier(&column.name);
    match column.kind {
        ColumnType::Text if limit.as_number().is_some() => (format!("try_cast(trim({name}) as double)"), ColumnType::Float),
        ColumnType::Text if limit.as_moment().is_some() => (format!("try_cast(trim({name}) as timestamp(6))"), ColumnType::Timestamp),
        ColumnType::Date if limit.is_moment_for(column) => (as_moment(column), ColumnType::Timestamp),
        kind => (name, kind),
    }
}

#[cfg(test)]
mod tests {
    use serde_json::json;

    use crate::testing::{check_misfit, check_proposals, check_row, number_facts, refused};

    #[test]
    fn limits_are_written_for_the_type_of_the_column() {
        let rule = json!({"range": {"column": "a", "min": 0, "max": 1.5}});
        check_row(&rule, "a double", "a < 0 or a > 1.5");
        let (exact, float) = ("try_cast(trim(a) as decimal(38,18))", "try_cast(trim(a) as double)");
        let limits = format!("coalesce({exact} < 0, {float} < 0) or coalesce({exact} > cast('1.5' as decimal(2,1)), {float} > 1.5)");
        check_row(&rule, "a varchar", &limits);
        check_misfit(&rule, "a date", "`0` does not fit column `a`, which is date");
        let dates = json!({"range": {"column": "a", "min": "2026-01-31", "exclusive": true}});
        check_row(&dates, "a date", "a <= cast('2026-01-31' as date)");
        check_row(&dates, "a timestamp", "a <= cast('2026-01-31 00:00:00' as timestamp(6))");
        check_row(&dates, "a varchar", "try_cast(trim(a) as timestamp(6)) <= cast('2026-01-31 00:00:00' as timestamp(6))");
        check_row(&json!({"range": {"column": "a", "min": "m"}}), "a varchar", "a < 'm'");
    }

    #[test]
    fn days_and_moments_are_compared_in_microseconds() {
        let rule = json!({"range": {"column": "a", "min": "2026-01-31 12:00", "max": "9999-12-31"}});
        let expected = "cast(a as timestamp(6)) < cast('2026-01-31 12:00:00' as timestamp(6)) or a > cast('9999-12-31' as date)";
        check_row(&rule, "a date", expected);
    }

    #[test]
    fn limits_of_decimals_are_exact() {
        let rule = json!({"range": {"column": "a", "min": 99999.99, "max": "12345678901234567.89"}});
        let expected = "a < cast('99999.99' as decimal(7,2)) or a > cast('12345678901234567.89' as decimal(19,2))";
        check_row(&rule, "a decimal(12,2)", expected);
        check_row(&json!({"range": {"column": "a", "min": 0, "below": 1e36}}), "a decimal(12,2)", "a < 0");
        check_row(&json!({"range": {"column": "a", "min": -1e36}}), "a decimal(12,2)", "false");
        let none = "no value of column `a`, which is decimal(12,2), lies between these limits";
        check_misfit(&json!({"range": {"column": "a", "above": 1e36}}), "a decimal(12,2)", none);
    }

    #[test]
    fn what_is_no_number_is_outside_of_one_limit_too() {
        let least = json!({"range": {"column": "a", "min": 0}});
        check_row(&least, "a double", "a < 0 or a > cast('Infinity' as double)");
        let float = "try_cast(trim(a) as double)";
        let expected = format!("coalesce(try_cast(trim(a) as decimal(38,18)) < 0, {float} < 0) or {float} > cast('Infinity' as double)");
        check_row(&least, "a varchar", &expected);
        check_row(&least, "a bigint", "a < 0");
        let greatest = json!({"range": {"column": "a", "max": 10, "exclusive": true}});
        check_row(&greatest, "a double", "a >= 10 or a < cast('-Infinity' as double)");
        check_row(&json!({"range": {"column": "a", "min": 1, "below": 10}}), "a double", "a < 1 or a >= 10");
        check_row(&json!({"range": {"column": "a", "above": 1}}), "a double", "a <= 1 or a > cast('Infinity' as double)");
    }

    #[test]
    fn whole_numbers_need_room_too() {
        let none = |sql_type: &str| format!("no value of column `a`, which is {sql_type}, lies between these limits");
        check_misfit(&json!({"range": {"column": "a", "above": 5, "below": 6}}), "a bigint", &none("bigint"));
        check_misfit(&json!({"range": {"column": "a", "min": "9223372036854775808"}}), "a bigint", &none("bigint"));
        check_row(&json!({"range": {"column": "a", "above": 5, "below": 7}}), "a bigint", "a <= 5 or a >= 7");
    }

    #[test]
    fn limits_must_leave_room() {
        let refuse = |settings| refused(&json!([{ "range": settings }]));
        assert!(refuse(json!({"column": "a"})).contains("neither `min` nor `max`"));
        assert!(refuse(json!({"column": "a", "min": 10, "max": 9})).contains("`min` is greater than `max`"));
        assert!(refuse(json!({"column": "a", "min": 10, "max": "2026-01-31"})).contains("no two values of one kind"));
        assert!(refuse(json!({"column": "a", "min": 1, "below": 1})).contains("no value lies above"));
        assert!(refuse(json!({"column": "a", "min": 1, "above": 1})).contains("keep one of them"));
        assert!(refuse(json!({"column": "a", "min": 1, "max": 1, "exclusive": true})).contains("no value lies between"));
    }

    #[test]
    fn measures_without_negatives_are_kept_so() {
        check_proposals(
            "range",
            &number_facts("amount", 1000, 0),
            &[r#"{"column":"amount","min":0,"on_failure":"quarantine"}: `amount` is below zero in 0 of 1,000 rows"#],
        );
        check_proposals(
            "range",
            &number_facts("amount", 1000, 4),
            &[r#"{"column":"amount","min":0,"at_most":"1%","on_failure":"alert"}: `amount` is below zero in 4 of 1,000 rows (0.40 %)"#],
        );
        check_proposals("range", &number_facts("amount", 1000, 400), &[]);
        let mut facts = number_facts("amount", 1000, 4);
        facts.columns[0].top_values = vec![hw_base::ValueCount { value: hw_base::Value::Text("NaN".into()), count: 2 }];
        let proposal = r#"{"column":"amount","min":0,"at_most":"2%","on_failure":"alert"}: `amount` is below zero or no number in 6 of 1,000 rows (0.60 %)"#;
        check_proposals("range", &facts, &[proposal]);
        check_proposals("range", &number_facts("account_balance", 1000, 0), &[]);
        let mut facts = number_facts("amount", 1000, 0);
        facts.columns[0].min = hw_base::Value::Text("-Infinity".into());
        let proposal =
            r#"{"column":"amount","min":0,"at_most":"1%","on_failure":"alert"}: `amount` is below zero in 1 of 1,000 rows (0.10 %)"#;
        check_proposals("range", &facts, &[proposal]);
        facts.columns[0].top_values = vec![hw_base::ValueCount { value: hw_base::Value::Text("-Infinity".into()), count: 4 }];
        let proposal =
            r#"{"column":"amount","min":0,"at_most":"1%","on_failure":"alert"}: `amount` is below zero in 4 of 1,000 rows (0.40 %)"#;
        check_proposals("range", &facts, &[proposal]);
    }
}
