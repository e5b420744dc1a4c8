//! `accepted_values`: the column holds only values of a list.

use std::sync::Arc;

use hw_base::{Column, ColumnFacts, ColumnType, Dimension, Result, Settings, TableFacts, TextShape, Value, plural};
use schemars::{Schema, SchemaGenerator};
use serde_json::{Value as Json, json};

use crate::columns::find;
use crate::explain::About;
use crate::kinds::{RuleKind, listed};
use crate::propose::{Proposal, percent_above};
use crate::rule::{Problems, RuleBody, Scope, read_body};
use crate::scalar::Scalar;
use crate::shape::Shape;
use crate::shared_settings::{Common, counting_settings};

/// More values than this are no list.
const MOST_VALUES: u64 = 20;

/// A value that occurs less often may be a slip.
const FEWEST_OCCURRENCES: u64 = 5;

/// Fewer values that were seen once tell of no open set.
const FEWEST_SEEN_ONCE: u64 = 3;

/// More rows than this outside the supported values make the list doubtful.
const MOST_OUTSIDE: f64 = 0.01;

/// The column holds only values of a list.
#[derive(Debug)]
pub(super) struct AcceptedValues;

counting_settings! {
    /// Settings of `accepted_values`.
    AcceptedValuesSettings {
        /// The column.
        column: String,
        /// The values it may hold. Nulls are the business of `not_null`.
        values: Vec<Scalar>,
        /// Whether upper and lower case are the same.
        #[serde(default)]
        ignore_case: bool,
    }
}

impl RuleKind for AcceptedValues {
    fn name(&self) -> &'static str {
        "accepted_values"
    }

    fn dimension(&self) -> Dimension {
        Dimension::Validity
    }

    fn scope(&self) -> Scope {
        Scope::Row
    }

    fn schema(&self, generator: &mut SchemaGenerator) -> Schema {
        generator.subschema_for::<AcceptedValuesSettings>()
    }

    fn read(&self, settings: &Settings) -> Result<Arc<dyn RuleBody>> {
        read_body::<AcceptedValuesSettings>(settings)
    }

    fn about(&self) -> About {
        About {
            finds: "Values that are not in the list. Upper and lower case differ unless `ignore_case: true` is set, and white space counts. Nulls are the business of `not_null`.",
            matters: "A status that nobody has heard of is counted by no report: it is in no group, and in no total.",
            example: "- accepted_values: { column: status, values: [pending, shipped, delivered, cancelled], on_failure: quarantine }",
            remedy: "A new value that is right belongs in the list; look for models that name the values. A misspelled one is mapped to the right one in the model, or mended at the source.",
        }
    }

    fn propose(&self, facts: &TableFacts) -> Vec<Proposal> {
        facts.columns.iter().filter_map(propose_for).collect()
    }
}

/// Proposes the values that occur often enough, if they cover (almost) all rows.
fn propose_for(column: &ColumnFacts) -> Option<Proposal> {
    let values = column.rows.saturating_sub(column.nulls);
    if !is_a_list_of_words(column) || values < FEWEST_OCCURRENCES * column.distinct {
        return None;
    }
    let supported = column.top_values.iter().filter(|found| found.value != Value::Null && found.count >= FEWEST_OCCURRENCES);
    let (names, counts): (Vec<String>, Vec<u64>) = supported.map(|found| (found.value.to_string(), found.count)).unzip();
    let outside = values.saturating_sub(counts.iter().sum());
    let share = outside as f64 / values as f64;
    if names.is_empty() || share > MOST_OUTSIDE || is_open(column) {
        return None;
    }
    let reason = format!(
        "{} of `{}` cover {} of {}",
        plural(names.len() as u64, "value"),
        column.name,
        hw_base::count(values - outside),
        plural(values, "row")
    );
    Proposal::new("accepted_values", &settings(column, names, (outside, values)), std::slice::from_ref(column), reason, values)
}

/// Whether values keep being new: half of them have been seen once, so that more are to come that were not (Good, 1953). Of a list of words a few are
/// mistyped.
fn is_open(column: &ColumnFacts) -> bool {
    let once = column.top_values.iter().filter(|found| found.value != Value::Null && found.count == 1).count() as u64;
    once >= FEWEST_SEEN_ONCE && once * 2 >= column.distinct
}

fn settings(column: &ColumnFacts, mut names: Vec<String>, (outside, values): (u64, u64)) -> Json {
    names.sort();
    // A column that has shown one value so far may well show another.
    if outside == 0 && names.len() == 1 {
        json!({ "column": column.name, "values": names, "on_failure": "alert" })
    } else if outside > 0 {
        json!({ "column": column.name, "values": names, "at_most": percent_above(outside, values), "on_failure": "alert" })
    } else {
        json!({ "column": column.name, "values": names, "on_failure": "quarantine" })
    }
}

/// Whether a text column repeats a few words; dates and numbers in a text are no words.
fn is_a_list_of_words(column: &ColumnFacts) -> bool {
    let are_words = column.text.as_ref().is_none_or(|text| {
        text.shapes.iter().all(|found| found.count == 0 || matches!(found.shape, TextShape::Other | TextShape::Boolean))
    });
    column.kind == ColumnType::Text && column.distinct_is_exact && (1..=MOST_VALUES).contains(&column.distinct) && are_words
}

impl RuleBody for AcceptedValuesSettings {
    fn common(&self) -> Common {
        self.shared()
    }

    fn columns(&self) -> Vec<String> {
        vec![self.column.clone()]
    }

    fn check(&self, problems: &mut Problems<'_>) {
        if self.values.is_empty() {
            problems.add("values", "`values` is empty", "list the values that are right, such as `[pending, shipped]`");
        }
    }

    fn shape(&self, columns: &[Column]) -> Result<Shape, String> {
        let (name, values) = listed(find(columns, &self.column)?, &self.values, self.ignore_case)?;
        Ok(Shape::Row { violates: format!("{name} not in {values}") })
    }
}

#[cfg(test)]
mod tests {
    use serde_json::json;

    use crate::testing::{check_misfit, check_proposals, check_row, refused, text_facts};

    #[test]
    fn values_are_written_for_the_type_of_the_column() {
        let rule = |values| json!({"accepted_values": {"column": "a", "values": values}});
        check_row(&rule(json!(["x", "o'clock", 5])), "a varchar", "a not in ('x', 'o''clock', '5')");
        check_row(&rule(json!([1, "2"])), "a bigint", "a not in (1, 2)");
        check_row(&rule(json!(["2026-01-31"])), "a date", "a not in (cast('2026-01-31' as date))");
        check_row(&rule(json!([true])), "a boolean", "a not in (true)");
        check_row(&rule(json!([0.1, 7])), "a decimal(12,2)", "a not in (cast('0.1' as decimal(1,1)), 7)");
        check_row(
            &rule(json!(["2026-01-31 12:00"])),
            "a date",
            "cast(a as timestamp(6)) not in (cast('2026-01-31 12:00:00' as timestamp(6)))",
        );
        check_misfit(&rule(json!(["x"])), "a bigint", "`x` does not fit column `a`, which is bigint");
        check_misfit(&rule(json!([1.5])), "a bigint", "`1.5` does not fit column `a`, which is bigint");
        check_row(&rule(json!([7, 1e36])), "a decimal(12,2)", "a not in (7)");
        check_row(&rule(json!([5, 1.5])), "a bigint", "a not in (5, cast('1.5' as decimal(2,1)))");
        check_misfit(&rule(json!(["1e19"])), "a bigint", "`1e19` does not fit column `a`, which is bigint");
        check_row(&rule(json!([0, 0.5])), "a double", "(a + 0.0) not in (0, 0.5)");
    }

    #[test]
    fn case_is_ignored_on_request() {
        let rule = json!({"accepted_values": {"column": "a", "values": ["New", "OLD"], "ignore_case": true}});
        check_row(&rule, "a varchar", "lower(a) not in ('new', 'old')");
    }

    #[test]
    fn a_null_is_no_value() {
        let error = refused(&json!([{"accepted_values": {"column": "a", "values": ["x", null]}}]));
        assert!(error.contains("expected a number, a date or text, found nothing") && error.contains("t.yaml:"), "{error}");
    }

    #[test]
    fn an_empty_list_accepts_nothing_and_is_refused() {
        assert!(refused(&json!([{"accepted_values": {"column": "a", "values": []}}])).contains("`values` is empty"));
    }

    #[test]
    fn only_supported_values_are_proposed() {
        check_proposals(
            "accepted_values",
            &text_facts("status", &[("shipped", 600), ("pending", 400)]),
            &[
                r#"{"column":"status","values":["pending","shipped"],"on_failure":"quarantine"}: 2 values of `status` cover 1,000 of 1,000 rows"#,
            ],
        );
        check_proposals(
            "accepted_values",
            &text_facts("status", &[("shipped", 600), ("pending", 397), ("shiped", 3)]),
            &[
                r#"{"column":"status","values":["pending","shipped"],"at_most":"1%","on_failure":"alert"}: 2 values of `status` cover 997 of 1,000 rows"#,
            ],
        );
        check_proposals("accepted_values", &text_facts("status", &[("a", 3), ("b", 3), ("c", 3)]), &[]);
        let names = [("Obama", 600), ("Clinton", 397), ("Chafee", 1), ("Pollina", 1), ("Murkowski", 1)];
        check_proposals("accepted_values", &text_facts("candidate", &names), &[]);
    }
}
