//! The gate: rules fitted to the columns of one table.

use std::collections::BTreeMap;

use hw_base::{
    AggregateWatch, Blame, Column, ColumnType, Engine, Error, Input, ORIGIN_COLUMNS, OnFailure, Reader, Result, RowWatch, SetWatch,
    Timestamp, Watch,
};

use crate::columns::mentioned;
use crate::learned::Observation;
use crate::rule::Rule;
use crate::shape::{Bounds, Shape};

/// Names the aggregate that counts the rows that no quarantine rule takes.
pub(crate) const KEPT: &str = "#kept";

/// How many columns tell a row that has no key.
const FIRST_COLUMNS: usize = 3;

/// The relation that a rule is tried on.
pub const TRIED: &str = "judged";

/// Why SQL about single rows is none.
const LOOKS_AT_OTHERS: &str = "the SQL must be about one row by itself, and it looks at others (an aggregate, a window or a query); \
    `aggregate` takes SQL over all rows, `query` a SELECT of the rows that are wrong";

/// Rules fitted to the columns of one table.
///
/// A rule that does not fit stays in the gate: its result says why, and it has not held.
#[derive(Clone, Debug)]
pub struct Gate {
    pub(crate) fitted: Vec<Fitted>,
}

/// A rule, and what it asks of the table.
#[derive(Clone, Debug)]
pub(crate) struct Fitted {
    /// The rule.
    pub(crate) rule: Rule,
    /// The columns it looks at, those in the user's own SQL included.
    pub(crate) columns: Vec<String>,
    /// What it asks, or why it cannot be judged.
    pub(crate) shape: Result<Shape, String>,
}

impl Gate {
    /// Fits `rules` to a table with these columns.
    pub fn new(rules: &[Rule], columns: &[Column]) -> Self {
        Self { fitted: rules.iter().map(|rule| Fitted::new(rule, columns)).collect() }
    }

    /// The rules, in the order they were declared.
    pub fn rules(&self) -> impl Iterator<Item = &Rule> {
        self.fitted.iter().map(|fitted| &fitted.rule)
    }

    /// The rules that cannot be judged, each as the error to show where a plan is made.
    pub fn misfits(&self) -> impl Iterator<Item = Error> {
        self.fitted.iter().filter_map(Fitted::misfit)
    }

    /// Whether a rule that cannot be judged keeps every batch from being published.
    pub fn stops(&self) -> bool {
        self.fitted.iter().any(|fitted| fitted.shape.is_err() && fitted.rule.on_failure == OnFailure::Block)
    }

    /// Tries the SQL that users wrote on the rows of `reader`, without reading one. A rule whose SQL is not valid becomes
    /// one that cannot be judged, instead of a failure of the scan it takes part in.
    ///
    /// # Errors
    /// If the engine fails for another reason than the SQL.
    pub async fn try_sql(&mut self, engine: &dyn Engine, reader: &Reader) -> Result<()> {
        for fitted in &mut self.fitted {
            let Some((sql, wanted)) = fitted.to_try() else { continue };
            let mut inputs = reader.inputs.clone();
            inputs.push(Input::Query { name: TRIED.into(), sql: reader.sql.clone() });
            let looks_at_others = matches!(fitted.shape, Ok(Shape::Row { .. })) && !engine.is_row_by_row(&sql);
            match engine.columns(&Reader { sql, inputs: inputs.clone(), file: None }).await {
                Ok(_) if looks_at_others => fitted.shape = Err(LOOKS_AT_OTHERS.into()),
                Ok(columns) => fitted.expect(wanted, &columns),
                // Another table may be made before the rule is judged.
                Err(error) if matches!(wanted, Wanted::Count) && error.known_code() == Some("HW302") => {}
                Err(error) if error.blame() == Blame::User => {
                    let of_condition = fitted.no_condition(engine, inputs).await?;
                    fitted.shape = Err(of_condition.unwrap_or_else(|| fitted.at_the_end(reason(&error))));
                }
                Err(error) => return Err(error),
            }
        }
        Ok(())
    }

    /// The rules on rows together that look at more than columns which are known to be there, each with a SELECT over [`TRIED`] that is
    /// valid if the rule can be judged. `own` is the name of the table itself.
    pub fn tried_sets(&self, own: &str) -> impl Iterator<Item = (&Rule, String)> {
        self.fitted.iter().filter_map(move |fitted| {
            let rule = &fitted.rule;
            match &fitted.shape {
                // What puts rows into quarantine is tried with the load.
                Ok(Shape::Set { count, .. }) if rule.looks_elsewhere() && rule.set_watch().is_none() => {
                    Some((rule, count.over(&fitted.tried_rows(), TRIED, Some(own))))
                }
                _ => None,
            }
        })
    }

    /// The rules whose limits are learned from earlier runs, by name, each with what it measures as results call it.
    pub fn learning(&self) -> impl Iterator<Item = (&str, &str)> {
        self.fitted.iter().filter_map(|fitted| match &fitted.shape {
            Ok(Shape::Aggregate { bounds: Bounds::Learned { .. }, label, .. }) => Some((fitted.rule.id.as_str(), label.as_str())),
            _ => None,
        })
    }

    /// Learns limits from what earlier runs measured, by the name of the rule, for a run at `now`.
    pub fn learn(&mut self, earlier: &BTreeMap<String, Vec<Observation>>, now: Timestamp) {
        for fitted in &mut self.fitted {
            if let Ok(Shape::Aggregate { bounds, .. }) = &mut fitted.shape
                && let Bounds::Learned { how, .. } = bounds
            {
                *bounds = how.bounds(earlier.get(&fitted.rule.id).map_or(&[], Vec::as_slice), now);
            }
        }
    }

    /// Learns nothing for a window of a backfill: until the last one, the table is half built.
    pub fn learn_nothing(&mut self) {
        for fitted in &mut self.fitted {
            if let Ok(Shape::Aggregate { bounds: Bounds::Learned { words, .. }, .. }) = &mut fitted.shape {
                "anything: windows of a backfill are not compared with earlier loads".clone_into(words);
            }
        }
    }

    /// The learned limits in words, by the name of the rule.
    pub fn learned(&self) -> impl Iterator<Item = (&str, String)> {
        self.fitted.iter().filter_map(|fitted| match &fitted.shape {
            Ok(Shape::Aggregate { bounds: bounds @ Bounds::Learned { .. }, .. }) => Some((fitted.rule.id.as_str(), bounds.words())),
            _ => None,
        })
    }

    /// The columns that tell people which row an example is, where no key does: those that a rule asks to be unique, else the first ones.
    pub fn identifying(&self, columns: &[Column]) -> Vec<String> {
        let is_key = |fitted: &&Fitted| fitted.rule.kind.name() == "unique" && fitted.rule.condition.is_none() && fitted.shape.is_ok();
        if let Some(unique) = self.fitted.iter().find(is_key) {
            return unique.rule.columns.clone();
        }
        let is_short = |column: &&Column| {
            !matches!(column.kind, ColumnType::Binary | ColumnType::Other) && !ORIGIN_COLUMNS.contains(&column.name.as_str())
        };
        columns.iter().filter(is_short).take(FIRST_COLUMNS).map(|column| column.name.clone()).collect()
    }

    /// What a scan has to count: all rules on single rows, and all aggregates.
    ///
    /// `key` is shown with every one of the `examples`; `all_rows` keeps the number of every violating row. Rows of
    /// a `quarantine` rule are diverted, however many the rule tolerates.
    pub fn watch(&self, key: &[String], examples: usize, all_rows: bool) -> Watch {
        Watch {
            rows: self.fitted.iter().flat_map(Fitted::row_watches).collect(),
            sets: self.fitted.iter().filter_map(Fitted::set_watch).collect(),
            aggregates: self.fitted.iter().flat_map(Fitted::aggregate_watches).chain(self.kept_watch()).collect(),
            of_arriving: vec![],
            key: key.to_vec(),
            examples,
            all_rows,
            only_examples: false,
        }
    }

    /// Counts the rows that stay, where some may not.
    fn kept_watch(&self) -> Option<AggregateWatch> {
        self.diverting().next().map(|_| AggregateWatch { id: KEPT.into(), expression: "count(*)".into() })
    }

    /// For every quarantine rule, the SQL that is true for the rows it diverts.
    pub(crate) fn diverting(&self) -> impl Iterator<Item = String> {
        self.fitted.iter().filter(|fitted| fitted.diverts()).filter_map(Fitted::violates)
    }
}

/// Names the count of the rows that a rule with `where` is judged on.
pub(crate) fn judged_id(rule: &Rule) -> String {
    format!("{}#judged", rule.id)
}

/// An error as the reason why a rule cannot be judged.
pub(crate) fn reason(error: &Error) -> String {
    let parts = std::iter::once(error.message()).chain(error.causes().iter().map(String::as_str));
    let remedies = error.remedies().iter().map(String::as_str);
    parts.chain(remedies).collect::<Vec<_>>().join("; ")
}

impl Fitted {
    fn new(rule: &Rule, columns: &[Column]) -> Self {
        let sql = [rule.body.sql(), rule.condition.as_deref().filter(|_| rule.columns.is_empty())];
        let in_sql = sql.into_iter().flatten().flat_map(|sql| mentioned(columns, sql));
        let mut named = rule.columns.clone();
        for column in in_sql {
            if !named.contains(&column) {
                named.push(column);
            }
        }
        Self { rule: rule.clone(), columns: named, shape: rule.body.shape(columns) }
    }

    fn misfit(&self) -> Option<Error> {
        self.shape.as_ref().err().map(|reason| self.rule.misfit(reason))
    }

    fn diverts(&self) -> bool {
        self.rule.on_failure == OnFailure::Quarantine
    }

    /// The SQL that is true for violating rows, where the rule is one on single rows.
    pub(crate) fn violates(&self) -> Option<String> {
        match (&self.shape, self.rule.condition_sql()) {
            (Ok(Shape::Row { violates }), None) => Some(violates.clone()),
            (Ok(Shape::Row { violates }), Some(condition)) => Some(format!("{condition} and ({violates})")),
            _ => None,
        }
    }

    fn row_watches(&self) -> Vec<RowWatch> {
        let judged = self.rule.condition_sql().map(|condition| RowWatch {
            id: judged_id(&self.rule),
            violates: condition,
            diverts: false,
            excludes: false,
        });
        match self.violates() {
            Some(violates) => {
                let watch = RowWatch { id: self.rule.id.clone(), violates, diverts: self.diverts(), excludes: false };
                std::iter::once(watch).chain(judged).collect()
            }
            None => judged.filter(|_| self.set_watch().is_some()).into_iter().collect(),
        }
    }

    /// The rows to divert, where the rule is one on rows together that tells them.
    fn set_watch(&self) -> Option<SetWatch> {
        self.rule.set_watch().filter(|_| self.shape.is_ok())
    }

    /// The value to measure, where the rule is about one, and the number of rows that it is measured on.
    pub(crate) fn aggregate_watches(&self) -> Vec<AggregateWatch> {
        let Ok(Shape::Aggregate { expression, .. }) = &self.shape else { return Vec::new() };
        let judged = self
            .rule
            .condition_sql()
            .map(|condition| AggregateWatch { id: judged_id(&self.rule), expression: format!("count(*) filter (where {condition})") });
        let watch = AggregateWatch { id: self.rule.id.clone(), expression: expression.clone() };
        std::iter::once(watch).chain(judged).collect()
    }

    /// A SELECT that is valid if the user's own SQL in the rule is, and what its first column has to be. Beside a count, only an
    /// aggregate is valid.
    fn to_try(&self) -> Option<(String, Wanted)> {
        let condition = self.rule.condition_sql();
        let has_sql = self.rule.body.sql().is_some();
        let (expression, wanted) = match self.shape.as_ref().ok()? {
            _ if !has_sql && condition.is_none() => return None,
            Shape::Row { .. } => (self.violates()?, Wanted::Truth),
            Shape::Aggregate { expression, .. } => {
                return Some((format!("select {expression} as result, count(*) as judged_rows from {TRIED}"), Wanted::Measure));
            }
            Shape::Set { count, .. } if has_sql => {
                return Some((count.over(&self.tried_rows(), TRIED, None), Wanted::Count));
            }
            Shape::Set { .. } | Shape::Columns { .. } => (condition?, Wanted::Truth),
        };
        Some((format!("select {expression} as result from {TRIED}"), wanted))
    }

    /// What is wrong with `where`, where it is valid SQL and no condition.
    async fn no_condition(&self, engine: &dyn Engine, inputs: Vec<Input>) -> Result<Option<String>> {
        let Some(condition) = self.rule.condition_sql() else { return Ok(None) };
        let tried = Reader { sql: format!("select {condition} as result from {TRIED}"), inputs, file: None };
        let columns = match engine.columns(&tried).await {
            Ok(columns) => columns,
            Err(error) if error.blame() == Blame::User => return Ok(None),
            Err(error) => return Err(error),
        };
        let other = columns.first().filter(|column| column.kind != ColumnType::Boolean);
        Ok(other.map(|column| no_truth("`where`", &column.sql_type)))
    }

    /// The reason where the engine meets the `)` that stands behind SQL in ours, which says more than there is in the user's.
    fn at_the_end(&self, reason: String) -> String {
        let sqls = [("the SQL", self.rule.body.sql()), ("`where`", self.rule.condition.as_deref())];
        let unfinished = sqls.into_iter().find(|(_, sql)| sql.is_some_and(is_unfinished));
        let expected = reason.strip_prefix("the SQL cannot be read: ").and_then(|rest| rest.strip_suffix(", found: )"));
        match unfinished.zip(expected) {
            Some(((name, _), expected)) => format!("{name} ends too early: {expected}"),
            None => reason,
        }
    }

    /// The rows that a rule on rows together is tried on.
    fn tried_rows(&self) -> String {
        self.rule.condition_sql().map_or(TRIED.to_owned(), |condition| format!("(select * from {TRIED} where {condition})"))
    }

    /// Makes sure that what should be true or false is so, and that what should be measured can be.
    fn expect(&mut self, wanted: Wanted, columns: &[Column]) {
        let Some(column) = columns.first() else { return };
        let can_be_measured = column.kind.is_numeric() || column.kind.is_temporal() || column.kind == ColumnType::Text;
        let sql = if self.rule.body.sql().is_some() { "the SQL" } else { "`where`" };
        self.shape = Err(match wanted {
            Wanted::Truth if column.kind != ColumnType::Boolean => no_truth(sql, &column.sql_type),
            Wanted::Measure if !can_be_measured => format!("the SQL must give a number, a date or a moment; it is {}", column.sql_type),
            _ => return,
        });
    }
}

/// Whether something must follow what the SQL ends with.
fn is_unfinished(sql: &str) -> bool {
    let sql = sql.trim().trim_end_matches(';').trim_end().to_lowercase();
    sql.ends_with(['+', '-', '*', '/', '%', '<', '>', '=', '|']) || [" and", " or", " not"].iter().any(|word| sql.ends_with(word))
}

fn no_truth(sql: &str, found: &str) -> String {
    format!("{sql} must be true or false for every row; it is {found}")
}

/// What the SQL of a rule has to give.
#[derive(Clone, Copy)]
enum Wanted {
    /// True or false for a row.
    Truth,
    /// A number or a moment for all rows.
    Measure,
    /// A number of rows, which every query has.
    Count,
}

#[cfg(test)]
mod tests {
    use serde_json::json;

    use super::*;
    use crate::testing::{FakeEngine, block_on, columns, rules};

    fn gate() -> Gate {
        let rules = rules(&json!([
            {"not_null": {"column": "a"}},
            {"range": {"column": "a", "min": 0, "on_failure": "quarantine", "where": "b = 'x'"}},
            {"row_count": {"min": 1}},
            {"unique": {"column": "a"}},
            {"not_null": {"column": "aa"}},
        ]));
        Gate::new(&rules, &columns("a bigint, b varchar"))
    }

    #[test]
    fn one_scan_counts_rows_and_aggregates() {
        let watch = gate().watch(&["a".into()], 5, true);
        let rows: Vec<String> = watch.rows.iter().map(|row| format!("{}: {} ({})", row.id, row.violates, row.diverts)).collect();
        assert_eq!(rows, ["not_null_a: a is null (false)", "range_a: (b = 'x') and (a < 0) (true)", "range_a#judged: (b = 'x') (false)"]);
        let aggregates: Vec<String> =
            watch.aggregates.iter().map(|aggregate| format!("{}: {}", aggregate.id, aggregate.expression)).collect();
        assert_eq!(aggregates, ["row_count: count(*)", "#kept: count(*)"]);
        assert_eq!((watch.key, watch.examples, watch.all_rows), (vec!["a".to_owned()], 5, true));
    }

    #[test]
    fn a_row_without_a_key_is_told_by_what_is_unique_or_stands_first() {
        let columns = columns("a bigint, b varchar, c varchar, d varchar");
        let told = |list: serde_json::Value| Gate::new(&rules(&list), &columns).identifying(&columns);
        assert_eq!(told(json!([{"unique": {"column": "d", "where": "a > 1"}}, {"unique": {"columns": ["b", "c"]}}])), ["b", "c"]);
        assert_eq!(told(json!([{"unique": {"column": "none"}}])), ["a", "b", "c"]);
    }

    #[test]
    fn a_rule_that_does_not_fit_is_told_where_the_plan_is_made() {
        let misfits: Vec<String> = gate().misfits().map(|error| error.to_string()).collect();
        assert_eq!(misfits, ["error[HW602]: rule `not_null_aa` cannot be judged\n  because: there is no column `aa`; did you mean `a`?"]);
    }

    #[test]
    fn sql_of_users_is_tried_before_the_scan() {
        let rules = rules(&json!([
            {"expression": {"sql": "a + 1"}},
            {"expression": {"sql": "a >"}},
            {"expression": {"sql": "a > 1"}},
            {"unique": {"column": "a", "where": "zebra"}},
            {"aggregate": {"sql": "a", "min": 1}},
            {"aggregate": {"sql": "max(a) > 1 -- why", "min": 1}},
            {"query": {"sql": "select b from {table}", "where": "a > 1"}},
            {"query": {"sql": "select a from {table} join later using (a)"}},
            {"expression": {"sql": "sum(a) > 1"}},
            {"not_null": {"column": "a", "where": "a"}},
        ]));
        let mut gate = Gate::new(&rules, &columns("a bigint"));
        let engine = FakeEngine::default()
            .describes("select not (a + 1) as result from judged", Ok("result bigint"))
            .describes("select not (a >) as result from judged", Err(Error::user("the SQL cannot be read: expected a value, found: )")))
            .describes("select not (a > 1) as result from judged", Ok("result boolean"))
            .describes("select (zebra) as result from judged", Err(Error::user("no field `zebra`")))
            .describes("select (a) as result, count(*) as judged_rows from judged", Err(Error::user("`a` is no aggregate")))
            .describes("select (max(a) > 1 -- why\n) as result, count(*) as judged_rows from judged", Ok("result boolean"))
            .describes(
                "select count(*) as violations from (select b from (select * from judged where (a > 1))) as broken",
                Err(Error::user("there is no column `b`").code("HW301")),
            )
            .describes(
                "select count(*) as violations from (select a from judged join later using (a)) as broken",
                Err(Error::user("unknown table `later`").code("HW302")),
            )
            .describes("select not (sum(a) > 1) as result from judged", Ok("result boolean"))
            .describes(
                "select (a) and (a is null) as result from judged",
                Err(Error::user("`bigint AND boolean`: these types do not go together")),
            )
            .describes("select (a) as result from judged", Ok("result bigint"))
            .describes("select (a > 1) as result from judged", Ok("result boolean"));
        block_on(gate.try_sql(&engine, &Reader { sql: "select 1 as a".into(), inputs: vec![], file: None })).unwrap();
        let misfits: Vec<String> = gate.misfits().map(|error| error.causes().join("; ")).collect();
        assert_eq!(
            misfits,
            [
                "the SQL must be true or false for every row; it is bigint",
                "the SQL ends too early: expected a value",
                "no field `zebra`",
                "`a` is no aggregate",
                "the SQL must give a number, a date or a moment; it is boolean",
                "there is no column `b`",
                LOOKS_AT_OTHERS,
                "`where` must be true or false for every row; it is bigint",
            ]
        );
        assert_eq!(gate.fitted[2].columns, ["a"]);
    }
}
