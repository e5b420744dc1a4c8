//! Rules judged over a load that runs inside a database: row by row over what the SELECT returned, everything else over the table as it
//! would be. The database counts, and nothing is asked of the engine.

use hw_base::{Input, Questions, Reader, Result, Timestamp, Verdict, Watch, Watched};

use super::Judging;
use super::in_place::set_question;
use super::relation::{ALL_ROWS, Relation};
use crate::gate::Gate;

impl Gate {
    /// What the rules ask of each row of `reader`.
    pub fn questions_of_rows(&self, reader: &Reader, watch: &Watch) -> Questions {
        let watch = Watch { aggregates: vec![], ..watch.clone() };
        let shown = self.rules().map(|rule| rule.id.clone()).collect();
        Questions { rows: reader.clone(), watch, shown, sets: vec![], of_records: vec![] }
    }

    /// What the rules ask of the rows of `reader` together, which are the table called `own`.
    pub fn questions_of_table(&self, reader: &Reader, watch: &Watch, own: &str, now: Timestamp) -> Questions {
        let table = Input::Query { name: ALL_ROWS.into(), sql: reader.sql.clone() };
        let inputs: Vec<Input> = reader.inputs.iter().cloned().chain([table]).collect();
        let sets = self.fitted.iter().filter_map(|fitted| set_question(fitted, &inputs, now, Some(own))).collect();
        Questions { rows: reader.clone(), watch: Watch { rows: vec![], ..watch.clone() }, shown: vec![], sets, of_records: vec![] }
    }

    /// The rules that could be judged and about which `answered` leaves something open.
    pub fn left_open<'a>(&'a self, answered: &Watched) -> impl Iterator<Item = &'a crate::Rule> {
        let answered = self.answered(answered);
        let could_be = self.fitted.iter().filter(|fitted| fitted.shape.is_ok()).map(|fitted| &fitted.rule);
        could_be.filter(move |rule| !answered.contains(&rule.id))
    }

    /// Judges a load by what its database has counted; the table, which is called `own`, would have `rows_after` rows.
    ///
    /// # Errors
    /// If a rule was left open.
    pub async fn judge_pushed(&self, judging: &Judging<'_>, watched: &Watched, own: &str, rows_after: u64) -> Result<Verdict> {
        self.judge_over(&Relation::pushed(judging, watched, own, rows_after)).await
    }
}

#[cfg(test)]
mod tests {
    use serde_json::json;

    use super::*;
    use crate::testing::{columns, rules};

    #[test]
    fn rows_are_asked_about_as_they_come_and_the_table_as_it_would_be() {
        let rules = rules(&json!([
            {"not_null": {"column": "a", "on_failure": "quarantine"}},
            {"row_count": {"min": 1}},
            {"unique": {"column": "b"}},
        ]));
        let gate = Gate::new(&rules, &columns("a bigint, b varchar"));
        let watch = gate.watch(&[], 5, false);
        let reader = |sql: &str| Reader { sql: sql.into(), inputs: vec![], file: None };
        let of_rows = gate.questions_of_rows(&reader("select a, b from arriving"), &watch);
        assert_eq!((of_rows.watch.rows.len(), of_rows.watch.aggregates.len(), of_rows.sets.len()), (1, 0, 0));
        let of_table = gate.questions_of_table(&reader("select a, b from published"), &watch, "orders", Timestamp::UNIX_EPOCH);
        assert_eq!((of_table.watch.rows.len(), of_table.sets.len()), (0, 1));
        assert_eq!(of_table.sets[0].count.inputs, [Input::Query { name: ALL_ROWS.into(), sql: "select a, b from published".into() }]);
        let open: Vec<&str> = gate.left_open(&Watched::default()).map(|rule| rule.id.as_str()).collect();
        assert_eq!(open, ["not_null_a", "row_count", "unique_b"]);
    }
}
