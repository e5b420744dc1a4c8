//! Turning counts into a verdict.
//!
//! Rules on single rows are judged by what the scan counted. Rules on sets of rows, and aggregates of a table that the
//! batch only changes, are asked of the engine over the table as it would be after the load.

mod in_place;
mod pushed;
mod relation;

use std::collections::HashMap;

use hw_base::{Engine, Reader, Result, RuleResult, StagedBatch, Timestamp, Tolerance, Value, Verdict, Watched};

use crate::gate::{Fitted, Gate, judged_id};
use crate::shape::{Shape, Template};
use relation::{Answer, Relation, whole_number};

/// What a batch is to its table.
#[derive(Clone, Debug, Default, PartialEq, Eq)]
pub struct Population {
    /// Whether the rows of the batch become the whole table: a replace, a rebuild or the first load.
    pub batch_is_table: bool,
    /// The SELECT of the rows that count, from `after`, where the table keeps earlier copies or versions of them as well.
    pub present: Option<String>,
    /// The columns by which the load itself keeps one row per key; empty where it does not.
    pub unique_by: Vec<String>,
}

/// All that judging needs besides the counts.
#[derive(Clone, Copy)]
pub struct Judging<'a> {
    /// Answers the questions that the scan could not.
    pub engine: &'a dyn Engine,
    /// The rows that were scanned, and what the names in its query stand for.
    pub reader: &'a Reader,
    /// What the batch is to its table.
    pub population: &'a Population,
    /// How queries that people run later name the table.
    pub shown_as: &'a str,
    /// How many violating rows to show per rule on sets.
    pub examples: usize,
    /// The present moment, for freshness.
    pub now: Timestamp,
}

impl Gate {
    /// Judges a staged batch together with the table that it would make.
    ///
    /// A `quarantine` rule counts the rows it diverted as violations; it held if its tolerance admits them. It never
    /// blocks, as [`Verdict::blocking`] says.
    ///
    /// # Errors
    /// If the engine fails. SQL that it refuses is a rule that cannot be judged, and no error.
    pub async fn judge_staged(&self, judging: &Judging<'_>, batch: &StagedBatch) -> Result<Verdict> {
        if self.fitted.is_empty() {
            return Ok(Verdict::over(vec![]));
        }
        self.judge_over(&Relation::staged(self, judging, batch).await?).await
    }

    /// Judges rows that were only read, as `headworks check` does.
    ///
    /// Rows that a quarantine rule would divert take no part in rules on sets and in aggregates, as in a run.
    ///
    /// # Errors
    /// If the engine fails. SQL that it refuses is a rule that cannot be judged, and no error.
    pub async fn judge(&self, judging: &Judging<'_>, watched: &Watched) -> Result<Verdict> {
        self.judge_over(&Relation::read(self, judging, watched).await?).await
    }

    async fn judge_over(&self, relation: &Relation<'_>) -> Result<Verdict> {
        let values = self.measure(relation).await?;
        let mut results = Vec::with_capacity(self.fitted.len());
        for fitted in &self.fitted {
            results.push(judge_rule(fitted, relation, &values).await?);
        }
        Ok(Verdict::over(results))
    }

    /// The values of all aggregates, by the name of their rule.
    async fn measure(&self, relation: &Relation<'_>) -> Result<HashMap<String, Result<Value, String>>> {
        let watches: Vec<_> = self.fitted.iter().flat_map(Fitted::aggregate_watches).collect();
        let mut values = HashMap::new();
        // Where one of them fails on the rows, the scan has none, and they are asked for one by one.
        if relation.aggregates_were_watched && watches.iter().all(|watch| relation.watched_value(&watch.id).is_ok()) {
            for watch in watches {
                let value = relation.watched_value(&watch.id)?;
                values.insert(watch.id, Ok(value));
            }
            return Ok(values);
        }
        let expressions: Vec<&str> = watches.iter().map(|watch| watch.expression.as_str()).collect();
        let answers = relation.measure(&expressions).await?;
        values.extend(watches.iter().map(|watch| watch.id.clone()).zip(answers));
        Ok(values)
    }
}

async fn judge_rule(fitted: &Fitted, relation: &Relation<'_>, values: &HashMap<String, Result<Value, String>>) -> Result<RuleResult> {
    Ok(match &fitted.shape {
        Err(reason) => unjudged(fitted, relation, reason),
        Ok(Shape::Row { .. }) => judge_rows(fitted, relation)?,
        // The scan has diverted the rows that break it.
        Ok(Shape::Set { .. }) if relation.watched_rule(&fitted.rule.id).is_ok() => judge_rows(fitted, relation)?,
        Ok(Shape::Aggregate { .. }) => judge_aggregate(fitted, relation, values),
        Ok(Shape::Columns { judged, differences }) => judge_columns(fitted, relation, *judged, differences),
        Ok(Shape::Set { count, examples, .. }) => judge_set(fitted, relation, count, examples).await?,
    })
}

/// A result that says nothing yet: not held, nothing counted.
fn blank(fitted: &Fitted, relation: &Relation<'_>) -> RuleResult {
    let rule = &fitted.rule;
    RuleResult {
        id: rule.id.clone(),
        kind: rule.kind.name().into(),
        dimension: rule.dimension,
        columns: fitted.columns.clone(),
        held: false,
        rows: 0,
        population: String::new(),
        violations: 0,
        share: 0.0,
        tolerance: tolerance_in_words(fitted),
        measured: None,
        action: rule.on_failure,
        examples: Vec::new(),
        query: query(fitted, relation),
        violating_rows: None,
        error: None,
        notes: rule.notes.clone(),
    }
}

fn unjudged(fitted: &Fitted, relation: &Relation<'_>, reason: &str) -> RuleResult {
    RuleResult { error: Some(cannot_be_judged(fitted, reason)), query: None, ..blank(fitted, relation) }
}

/// Why a rule cannot be judged, and where it stands.
fn cannot_be_judged(fitted: &Fitted, reason: &str) -> String {
    let place = fitted.rule.span.as_ref().map(|span| format!(" ({}:{}:{})", span.file.display(), span.line, span.column));
    format!("HW602: {reason}{}", place.unwrap_or_default())
}

/// Judges a count of violating rows.
fn counted(fitted: &Fitted, relation: &Relation<'_>, violations: u64, rows: u64) -> RuleResult {
    RuleResult {
        held: RuleResult::holds(violations, rows, fitted.rule.tolerance),
        rows,
        violations,
        share: if rows == 0 { 0.0 } else { violations as f64 / rows as f64 },
        ..blank(fitted, relation)
    }
}

fn judge_rows(fitted: &Fitted, relation: &Relation<'_>) -> Result<RuleResult> {
    let rule = &fitted.rule;
    let watched = relation.watched_rule(&rule.id)?;
    let population_rule = rule.condition.as_ref().map(|_| relation.watched_rule(&judged_id(rule))).transpose()?;
    if let Some(reason) = watched.error.as_ref().or(population_rule.and_then(|rule| rule.error.as_ref())) {
        return Ok(unjudged(fitted, relation, reason));
    }
    let rows = population_rule.map_or(relation.watched.rows, |judged| judged.violations);
    Ok(RuleResult {
        population: population(fitted, relation.scanned),
        examples: watched.examples.rendered(),
        violating_rows: watched.violating_rows.clone(),
        ..counted(fitted, relation, watched.violations, rows)
    })
}

fn judge_aggregate(fitted: &Fitted, relation: &Relation<'_>, values: &HashMap<String, Result<Value, String>>) -> RuleResult {
    let value = values.get(&fitted.rule.id);
    let (Ok(Shape::Aggregate { label, bounds, .. }), Some(Ok(value))) = (&fitted.shape, value) else {
        let reason = value.and_then(|value| value.as_ref().err()).map_or("its value was not measured", String::as_str);
        return unjudged(fitted, relation, reason);
    };
    let measured = bounds.judge(label, value, relation.judging.now);
    let counted = values.get(&judged_id(&fitted.rule)).and_then(|rows| whole_number(rows.as_ref().ok()?));
    RuleResult {
        held: measured.held,
        rows: counted.unwrap_or(relation.table_rows),
        population: population(fitted, relation.table),
        measured: Some(measured.words),
        error: measured.error.map(|reason| cannot_be_judged(fitted, &reason)),
        ..blank(fitted, relation)
    }
}

fn judge_columns(fitted: &Fitted, relation: &Relation<'_>, judged: u64, differences: &[String]) -> RuleResult {
    RuleResult {
        population: "columns of the table".into(),
        examples: differences.to_vec(),
        ..counted(fitted, relation, differences.len() as u64, judged)
    }
}

async fn judge_set(fitted: &Fitted, relation: &Relation<'_>, count: &Template, examples: &Template) -> Result<RuleResult> {
    if is_kept_by_the_load(fitted, relation) {
        let population = format!("{}; the load keeps one row per key", relation.table);
        return Ok(RuleResult { population, ..counted(fitted, relation, 0, relation.table_rows) });
    }
    if let Some(set) = relation.watched_set(&fitted.rule.id) {
        let examples = set.examples.rendered();
        let rows = set.judged.unwrap_or(relation.table_rows);
        return Ok(RuleResult {
            population: population(fitted, relation.table),
            examples,
            ..counted(fitted, relation, set.violations, rows)
        });
    }
    if let Some((violations, rows)) = relation.without_partner(&fitted.rule).await? {
        let examples = match violations {
            0 => Vec::new(),
            _ => rendered(relation.examples(examples, fitted.rule.condition_sql()).await?),
        };
        return Ok(RuleResult { population: population(fitted, relation.table), examples, ..counted(fitted, relation, violations, rows) });
    }
    let (violations, rows) = match relation.count(count, fitted.rule.condition_sql()).await? {
        Ok(counts) => counts,
        Err(reason) => return Ok(unjudged(fitted, relation, &fitted.rule.of_tables(&reason))),
    };
    let examples = match violations {
        0 => Vec::new(),
        _ => rendered(relation.examples(examples, fitted.rule.condition_sql()).await?),
    };
    Ok(RuleResult { population: population(fitted, relation.table), examples, ..counted(fitted, relation, violations, rows) })
}

/// Whether the load keeps one row per key, and the rule asks for no more.
fn is_kept_by_the_load(fitted: &Fitted, relation: &Relation<'_>) -> bool {
    let key = &relation.judging.population.unique_by;
    fitted.rule.kind.name() == "unique"
        && fitted.rule.condition.is_none()
        && !key.is_empty()
        && key.iter().all(|column| fitted.rule.columns.contains(column))
}

/// Examples help, and their absence changes no verdict.
fn rendered(answer: Answer) -> Vec<String> {
    answer.map(|rows| rows.rendered()).unwrap_or_default()
}

fn population(fitted: &Fitted, rows: &str) -> String {
    match &fitted.rule.condition {
        Some(condition) => format!("{rows} where {}", condition.trim()),
        None => rows.into(),
    }
}

fn tolerance_in_words(fitted: &Fitted) -> String {
    match (&fitted.shape, fitted.rule.tolerance) {
        (Ok(Shape::Aggregate { bounds, .. }), _) => bounds.words(),
        (_, Tolerance::NONE) => "none".into(),
        (_, Tolerance::Share(share)) => format!("at most {share} of the rows"),
        (_, tolerance @ Tolerance::Rows(_)) => format!("at most {tolerance}"),
    }
}

/// A query for people: all violating rows, or the measured value.
fn query(fitted: &Fitted, relation: &Relation<'_>) -> Option<String> {
    let name = relation.judging.shown_as;
    // Rows that quarantine rules take away are none of those that sets and aggregates are about.
    let stay = relation.kept.as_ref().map_or(name.to_owned(), |kept| format!("(select * from {name} where {kept})"));
    match fitted.shape.as_ref().ok()? {
        Shape::Row { .. } => Some(format!("select * from {name} where {}", fitted.violates()?)),
        Shape::Aggregate { expression, .. } => Some(format!("select {expression} as measured from {stay}")),
        Shape::Set { violations, .. } => {
            let rows = match fitted.rule.condition_sql() {
                Some(condition) => format!("(select * from {stay} where {condition})"),
                None => without_alias(&stay).to_owned(),
            };
            Some(violations.over(&rows, without_alias(&stay), relation.own.as_deref()))
        }
        Shape::Columns { .. } => None,
    }
}

/// The SELECT that stands for a table without its alias, since rules give their rows one of their own.
fn without_alias(rows: &str) -> &str {
    match rows.rsplit_once(") as ") {
        Some((select, alias)) if rows.starts_with('(') && !alias.contains([')', '\'', '"', ' ']) => &rows[..=select.len()],
        _ => rows,
    }
}

#[cfg(test)]
mod tests;
