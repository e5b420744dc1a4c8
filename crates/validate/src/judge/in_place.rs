//! Rules judged where the rows lie: what such a place is asked, and what is left for a scan of our own.

use std::collections::BTreeSet;

use hw_base::{Input, Questions, Reader, SetQuestion, Timestamp, Watch, Watched};

use super::relation::{ALL_ROWS, counting, inputs_of_read, over_all_rows};
use crate::gate::{Fitted, Gate, judged_id};
use crate::shape::{Shape, Template};

impl Gate {
    /// All that the rules ask of the rows of `reader`, for a place that answers for its rows itself.
    pub fn questions(&self, reader: &Reader, watch: &Watch, now: Timestamp) -> Questions {
        let (inputs, _) = inputs_of_read(self, reader);
        Questions {
            rows: reader.clone(),
            watch: watch.clone(),
            shown: self.rules().map(|rule| rule.id.clone()).collect(),
            sets: self.fitted.iter().filter_map(|fitted| set_question(fitted, &inputs, now, None)).collect(),
            of_records: vec![],
        }
    }

    /// What of `watch` a place has left open; `None` where it has answered everything.
    pub fn unanswered(&self, watch: &Watch, answered: &Watched) -> Option<Watch> {
        let has_rule = |id: &str| answered.rules.iter().any(|rule| rule.id == id);
        let has_aggregate = |id: &str| answered.aggregates.iter().any(|aggregate| aggregate.id == id);
        let mut rest = watch.clone();
        rest.aggregates.retain(|aggregate| !has_aggregate(&aggregate.id));
        // Aggregates are about the rows that stay.
        rest.rows.retain(|row| !has_rule(&row.id) || (row.diverts && !rest.aggregates.is_empty()));
        (!rest.rows.is_empty() || !rest.aggregates.is_empty()).then_some(rest)
    }

    /// The rules that `answered` is all there is to know about.
    pub fn answered(&self, answered: &Watched) -> BTreeSet<String> {
        let is_answered = |id: &str, shape: &Shape| match shape {
            Shape::Row { .. } => answered.rules.iter().any(|rule| rule.id == id),
            Shape::Aggregate { .. } => answered.aggregates.iter().any(|aggregate| aggregate.id == id),
            Shape::Set { .. } => answered.sets.iter().any(|set| set.id == id),
            Shape::Columns { .. } => true,
        };
        let is_whole = |fitted: &&Fitted| {
            let Ok(shape) = &fitted.shape else { return false };
            let needs_count = fitted.rule.condition.is_some() && matches!(shape, Shape::Row { .. } | Shape::Aggregate { .. });
            is_answered(&fitted.rule.id, shape) && (!needs_count || is_answered(&judged_id(&fitted.rule), shape))
        };
        self.fitted.iter().filter(is_whole).map(|fitted| fitted.rule.id.clone()).collect()
    }
}

/// What a rule asks of rows together; `own` is the name of their table, where they are one.
pub(super) fn set_question(fitted: &Fitted, inputs: &[Input], now: Timestamp, own: Option<&str>) -> Option<SetQuestion> {
    let Ok(Shape::Set { count, examples, .. }) = &fitted.shape else { return None };
    let condition = fitted.rule.condition_sql();
    let over = |template: &Template| over_all_rows(template, condition.as_deref(), now, (ALL_ROWS, own));
    let reader = |sql: String| Reader { sql, inputs: inputs.to_vec(), file: None };
    Some(SetQuestion {
        id: fitted.rule.id.clone(),
        count: reader(counting(&over(count), condition.as_deref(), ALL_ROWS)),
        examples: reader(over(examples)),
    })
}

#[cfg(test)]
mod tests {
    use hw_base::{Value, WatchedAggregate, WatchedRule, WatchedSet};
    use serde_json::json;

    use super::*;
    use crate::testing::{columns, rules};

    fn gate() -> Gate {
        let rules = rules(&json!([
            {"not_null": {"column": "a"}},
            {"range": {"column": "a", "min": 0, "where": "b = 'x'"}},
            {"row_count": {"min": 1}},
            {"unique": {"column": "a", "where": "b = 'x'"}},
            {"schema": {"columns": {"a": "bigint"}}},
        ]));
        Gate::new(&rules, &columns("a bigint, b varchar"))
    }

    fn answers(rules: &[&str], aggregates: &[&str], sets: &[&str]) -> Watched {
        Watched {
            rules: rules.iter().map(|id| WatchedRule { id: (*id).into(), ..WatchedRule::default() }).collect(),
            aggregates: aggregates.iter().map(|id| WatchedAggregate { id: (*id).into(), value: Value::Int(1) }).collect(),
            sets: sets.iter().map(|id| WatchedSet { id: (*id).into(), ..WatchedSet::default() }).collect(),
            ..Watched::default()
        }
    }

    #[test]
    fn only_what_was_left_open_is_scanned_for() {
        let gate = gate();
        let watch = gate.watch(&[], 5, false);
        let rest = gate.unanswered(&watch, &answers(&["not_null_a", "range_a"], &["row_count"], &[])).unwrap();
        assert_eq!(rest.rows.iter().map(|row| row.id.as_str()).collect::<Vec<_>>(), ["range_a#judged"]);
        assert!(rest.aggregates.is_empty());
        assert_eq!(gate.unanswered(&watch, &answers(&["not_null_a", "range_a", "range_a#judged"], &["row_count"], &[])), None);
    }

    #[test]
    fn rules_that_divert_rows_are_scanned_for_with_aggregates() {
        let rules = rules(
            &json!([{"not_null": {"column": "a", "on_failure": "quarantine"}}, {"not_null": {"column": "b"}}, {"row_count": {"min": 1}}]),
        );
        let gate = Gate::new(&rules, &columns("a bigint, b varchar"));
        let rest = gate.unanswered(&gate.watch(&[], 5, false), &answers(&["not_null_a", "not_null_b"], &["#kept"], &[])).unwrap();
        assert_eq!(rest.rows.iter().map(|row| row.id.as_str()).collect::<Vec<_>>(), ["not_null_a"]);
    }

    #[test]
    fn a_rule_is_answered_where_nothing_of_it_was_left_open() {
        let answered = gate().answered(&answers(&["not_null_a", "range_a"], &[], &["unique_a"]));
        assert_eq!(answered.into_iter().collect::<Vec<_>>(), ["not_null_a", "schema", "unique_a"]);
    }

    #[test]
    fn rules_on_rows_together_ask_with_their_condition() {
        let gate = gate();
        let reader = Reader { sql: "select * from data".into(), inputs: vec![], file: None };
        let questions = gate.questions(&reader, &gate.watch(&[], 5, false), Timestamp::UNIX_EPOCH);
        let [set] = &questions.sets[..] else { panic!("one rule is about rows together") };
        assert!(set.count.sql.ends_with("(select count(*) from after where (b = 'x')) as judged"), "{}", set.count.sql);
        assert!(set.examples.sql.contains("from (select * from after where (b = 'x')) as judged"), "{}", set.examples.sql);
        assert_eq!(set.count.inputs, [Input::Query { name: "after".into(), sql: "select * from data".into() }]);
    }
}
