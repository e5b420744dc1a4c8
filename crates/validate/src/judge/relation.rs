//! The rows that rules are judged on, and how to ask about them.

use hw_base::{Blame, Error, Input, Reader, Result, Rows, StagedBatch, TableName, Timestamp, Value, Watched, WatchedRule, WatchedSet};

use super::Judging;
use crate::columns::in_parentheses;
use crate::gate::{Gate, KEPT, reason};
use crate::rule::Rule;
use crate::shape::Template;

/// The relation of all rows that rules on sets look at: the table as it would be, or the rows read.
pub(super) const ALL_ROWS: &str = "after";

/// The relation of those that count, where the table keeps earlier copies or versions of them as well.
const PRESENT_ROWS: &str = "present_rows";

/// The relation of the rows read, where quarantine rules take some of them away.
const READ: &str = "read_before_quarantine";

/// The rows of a load, in words.
const BATCH: &str = "rows of this batch";

/// The table that they would make, in words.
const TABLE: &str = "rows of the table after this load";

/// The rows of an answer, or why the engine refused the SQL.
pub(super) type Answer = Result<Rows, String>;

/// The rows that rules are judged on.
pub(super) struct Relation<'a> {
    pub(super) judging: &'a Judging<'a>,
    /// What the scan counted.
    pub(super) watched: &'a Watched,
    /// The rows of the scan, in words.
    pub(super) scanned: &'static str,
    /// The rows that sets and aggregates are about, in words.
    pub(super) table: &'static str,
    /// How many those are.
    pub(super) table_rows: u64,
    /// Whether the aggregates of the scan are those of the table.
    pub(super) aggregates_were_watched: bool,
    /// The name of the table itself, where it is one.
    pub(super) own: Option<String>,
    /// The SQL that is true for rows that no quarantine rule takes away, where such rules take some and sets are about the others.
    pub(super) kept: Option<String>,
    /// The name of the rows that sets and aggregates are about.
    all_rows: &'static str,
    batch: Option<&'a StagedBatch>,
    inputs: Vec<Input>,
}

impl<'a> Relation<'a> {
    /// A staged batch, and the table that it would make.
    pub(super) async fn staged(gate: &Gate, judging: &'a Judging<'a>, batch: &'a StagedBatch) -> Result<Self> {
        let mut relation = Self {
            judging,
            watched: &batch.watched,
            scanned: BATCH,
            table: TABLE,
            table_rows: batch.rows_after,
            aggregates_were_watched: judging.population.batch_is_table,
            own: Some(TableName::model(&batch.table).leaf().to_owned()),
            kept: kept_rows(gate).filter(|_| judging.population.batch_is_table),
            all_rows: ALL_ROWS,
            batch: Some(batch),
            inputs: judging.reader.inputs.clone(),
        };
        if let Some(sql) = &judging.population.present {
            relation.inputs.push(Input::Query { name: PRESENT_ROWS.into(), sql: sql.clone() });
            relation.all_rows = PRESENT_ROWS;
            relation.table_rows = relation.number_of_rows().await?;
        }
        Ok(relation)
    }

    /// Rows inside a database, and the table of `rows_after` rows, called `own`, that they would make there.
    pub(super) fn pushed(judging: &'a Judging<'a>, watched: &'a Watched, own: &str, rows_after: u64) -> Self {
        Self {
            judging,
            watched,
            scanned: BATCH,
            table: TABLE,
            table_rows: rows_after,
            aggregates_were_watched: true,
            own: Some(own.to_owned()),
            kept: None,
            all_rows: ALL_ROWS,
            batch: None,
            inputs: vec![],
        }
    }

    /// Rows that were only read.
    pub(super) async fn read(gate: &Gate, judging: &'a Judging<'a>, watched: &'a Watched) -> Result<Self> {
        let (inputs, diverts) = inputs_of_read(gate, judging.reader);
        let mut relation = Self {
            judging,
            watched,
            scanned: "rows read",
            table: if diverts { "rows read and not quarantined" } else { "rows read" },
            table_rows: watched.rows,
            aggregates_were_watched: true,
            own: None,
            kept: kept_rows(gate),
            all_rows: ALL_ROWS,
            batch: None,
            inputs,
        };
        if diverts {
            relation.table_rows = match relation.watched_value(KEPT) {
                Ok(kept) => whole_number(&kept).unwrap_or_default(),
                // An aggregate beside it failed on the rows.
                Err(_) => relation.number_of_rows().await?,
            };
        }
        Ok(relation)
    }

    /// What the scan counted under `id`.
    pub(super) fn watched_rule(&self, id: &str) -> Result<&'a WatchedRule> {
        self.watched.rules.iter().find(|rule| rule.id == id).ok_or_else(|| not_counted(id))
    }

    /// The aggregate that the scan took under `id`.
    pub(super) fn watched_value(&self, id: &str) -> Result<Value> {
        let found = self.watched.aggregates.iter().find(|aggregate| aggregate.id == id);
        found.map(|aggregate| aggregate.value.clone()).ok_or_else(|| not_counted(id))
    }

    /// What was counted for a rule on rows together where the rows lie.
    pub(super) fn watched_set(&self, id: &str) -> Option<&'a WatchedSet> {
        self.watched.sets.iter().find(|set| set.id == id)
    }

    async fn number_of_rows(&self) -> Result<u64> {
        let counted = self.query(format!("select count(*) from {}", self.all_rows), 1).await?.map_err(Error::bug)?;
        let number = counted.rows.first().and_then(|row| row.first()).and_then(whole_number);
        number.ok_or_else(|| Error::bug("the engine did not return a count"))
    }

    /// Takes all aggregates in one query; one by one where one of them spoils it.
    pub(super) async fn measure(&self, expressions: &[&str]) -> Result<Vec<Result<Value, String>>> {
        if expressions.is_empty() {
            return Ok(Vec::new());
        }
        match self.query(self.measuring(expressions), 1).await? {
            Ok(rows) => Ok(first_row(&rows, expressions.len())),
            Err(reason) if expressions.len() == 1 => Ok(vec![Err(reason)]),
            Err(_) => {
                let mut values = Vec::with_capacity(expressions.len());
                for expression in expressions {
                    let answer = self.query(self.measuring(&[*expression]), 1).await?;
                    values.push(answer.and_then(|rows| first_row(&rows, 1).remove(0)));
                }
                Ok(values)
            }
        }
    }

    /// The number of violating rows, and of the rows judged.
    pub(super) async fn count(&self, count: &Template, condition: Option<String>) -> Result<Result<(u64, u64), String>> {
        let sql = counting(&self.over(count, condition.as_deref()), condition.as_deref(), self.all_rows);
        let answer = self.query(sql, 1).await?;
        Ok(answer.and_then(|rows| {
            let cells = rows.rows.first().map(Vec::as_slice).unwrap_or_default();
            let number = |at: usize| cells.get(at).and_then(whole_number);
            let judged = if condition.is_some() { number(1) } else { Some(self.table_rows) };
            number(0).zip(judged).ok_or_else(|| "the engine did not return a count".to_owned())
        }))
    }

    /// The number of rows whose values have no partner, and of the rows judged, where that need not be asked as a join.
    pub(super) async fn without_partner(&self, rule: &Rule) -> Result<Option<(u64, u64)>> {
        let Some(asked) = rule.body.partners() else { return Ok(None) };
        let condition = rule.condition_sql();
        let reader = |asked| Reader { sql: self.over(&asked, condition.as_deref()), inputs: self.inputs.clone(), file: None };
        let [rows, among] = asked.map(reader);
        let violations = match self.judging.engine.without_partner(self.batch, &rows, &among).await {
            // The query of the rule says what is wrong with it, or makes do with the memory there is.
            Err(error) if error.blame() == Blame::User || error.known_code() == Some("HW401") => return Ok(None),
            answer => answer?,
        };
        let Some(violations) = violations else { return Ok(None) };
        let Some(condition) = condition else { return Ok(Some((violations, self.table_rows))) };
        let counted = self.query(format!("select count(*) from {} where {condition}", self.all_rows), 1).await?;
        Ok(counted.ok().and_then(|rows| whole_number(rows.rows.first()?.first()?)).map(|judged| (violations, judged)))
    }

    /// Some of the violating rows.
    pub(super) async fn examples(&self, examples: &Template, condition: Option<String>) -> Result<Answer> {
        self.query(self.over(examples, condition.as_deref()), self.judging.examples).await
    }

    fn over(&self, template: &Template, condition: Option<&str>) -> String {
        over_all_rows(template, condition, self.judging.now, (self.all_rows, self.own.as_deref()))
    }

    /// Takes the aggregates in one row. The count keeps out what is none, and would give a row per row.
    fn measuring(&self, expressions: &[&str]) -> String {
        let named: Vec<String> = expressions.iter().enumerate().map(|(at, expression)| format!("{expression} as measured_{at}")).collect();
        format!("select {}, count(*) as measured_rows from {}", named.join(", "), self.all_rows)
    }

    async fn query(&self, sql: String, limit: usize) -> Result<Answer> {
        let reader = Reader { sql, inputs: self.inputs.clone(), file: None };
        let answer = match self.batch {
            Some(batch) => self.judging.engine.query_staged(batch, &reader, limit).await,
            None => self.judging.engine.query(&reader, limit).await,
        };
        match answer {
            Ok(rows) => Ok(Ok(rows)),
            Err(error) if error.blame() == Blame::User => Ok(Err(reason(&error))),
            Err(error) => Err(error),
        }
    }
}

/// The inputs of questions about rows that were only read, and whether a quarantine rule takes some of them away.
pub(super) fn inputs_of_read(gate: &Gate, reader: &Reader) -> (Vec<Input>, bool) {
    let (mut inputs, sql) = (reader.inputs.clone(), reader.sql.clone());
    let kept = kept_rows(gate);
    if let Some(kept) = &kept {
        inputs.push(Input::Query { name: READ.into(), sql });
        inputs.push(Input::Query { name: ALL_ROWS.into(), sql: format!("select * from {READ} where {kept}") });
    } else {
        inputs.push(Input::Query { name: ALL_ROWS.into(), sql });
    }
    (inputs, kept.is_some())
}

/// The SQL that is true for rows that no quarantine rule takes away; `None` where there is no such rule.
fn kept_rows(gate: &Gate) -> Option<String> {
    let kept: Vec<String> = gate.diverting().map(|violates| format!("{} is not true", in_parentheses(&violates))).collect();
    (!kept.is_empty()).then(|| kept.join(" and "))
}

/// The SELECT of a template over all rows, or those where `condition` is true. `own` is the name of the table itself, where it is one.
pub(super) fn over_all_rows(template: &Template, condition: Option<&str>, now: Timestamp, (all_rows, own): (&str, Option<&str>)) -> String {
    let rows = condition.map_or(all_rows.to_owned(), |condition| format!("(select * from {all_rows} where {condition})"));
    let now = format!("cast('{}' as timestamp(6))", now.format("%Y-%m-%d %H:%M:%S%.f"));
    template.at(&now, &rows, all_rows, own)
}

/// Counts the violating rows by `sql`, and beside them the rows judged where `condition` says which those are.
pub(super) fn counting(sql: &str, condition: Option<&str>, all_rows: &str) -> String {
    match condition {
        Some(condition) => format!("select ({sql}) as violations, (select count(*) from {all_rows} where {condition}) as judged"),
        None => sql.to_owned(),
    }
}

/// The cells of the only row.
fn first_row(rows: &Rows, length: usize) -> Vec<Result<Value, String>> {
    let cells = rows.rows.first().map(Vec::as_slice).unwrap_or_default();
    (0..length).map(|at| cells.get(at).cloned().ok_or_else(|| "the engine returned no value".to_owned())).collect()
}

pub(super) fn whole_number(value: &Value) -> Option<u64> {
    value.as_u64().or_else(|| value.to_string().parse().ok())
}

fn not_counted(id: &str) -> Error {
    Error::bug(format!("the scan did not count `{id}`")).help("judge with the gate that made the watch")
}
