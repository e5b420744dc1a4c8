//! What is missing: input that is there and that a step has not loaded, and partitions by time without a row between others that have
//! some.

use hw_base::{Error, Input, Ledger, Reader, Result, StepOutcome, TableName, Value, count, identifier};
use serde::Serialize;

use crate::graph::reads_of;
use crate::plan::{Asking, Decision, Step, plan};
use crate::project::{Model, Project};
use crate::run::is_partial;
use crate::selection::Selection;
use crate::versions::current_rows;

/// The most partitions that a table is looked at for.
const MOST: usize = 20_000;
/// How many runs are looked at for the reason why a step stayed behind.
const RUNS: usize = 5;

/// What is missing.
#[derive(Clone, Debug, Serialize)]
pub struct Gaps {
    /// The format of this value.
    pub schema_version: &'static str,
    /// Steps that have not loaded all there is.
    pub behind: Vec<Behind>,
    /// Tables that show an earlier version again.
    #[serde(skip_serializing_if = "Vec::is_empty")]
    pub rolled_back: Vec<RolledBack>,
    /// Partitions by time without a row.
    pub holes: Vec<Hole>,
    /// Windows that no backfill has built.
    pub unbuilt: Vec<Unbuilt>,
}

/// Windows of a table that was built by windows, and that no backfill has built.
#[derive(Clone, Debug, Serialize)]
pub struct Unbuilt {
    /// The table.
    pub table: String,
    /// The first days of the windows.
    pub windows: Vec<String>,
    /// Whether the rows are lacking that have no day, and belong to no window: every backfill builds them.
    pub lacks_rows_without_day: bool,
}

/// A step that has not loaded all there is.
#[derive(Clone, Debug, Serialize)]
pub struct Behind {
    /// The step.
    pub step: String,
    /// What it lacks.
    pub lacks: String,
    /// What became of it in the last run that tried.
    pub because: Option<String>,
}

/// A table that was rolled back: it lacks what came after the version that it shows, until something new is loaded.
#[derive(Clone, Debug, Serialize)]
pub struct RolledBack {
    /// The step.
    pub step: String,
    /// The version that it shows again, in words.
    pub to: String,
}

/// Partitions of a table without a row, between others that have some.
#[derive(Clone, Debug, Serialize)]
pub struct Hole {
    /// The table.
    pub table: String,
    /// Its partition column.
    pub column: String,
    /// The time that a partition holds: `year`, `month` or `day`.
    pub every: String,
    /// The first day of the first partition.
    pub first: String,
    /// The first day of the last one.
    pub last: String,
    /// The first days of those that are missing.
    pub missing: Vec<String>,
}

/// Finds out what is missing. Nothing is changed; of the tables only the partition columns are read.
///
/// # Errors
/// What keeps a plan from being made; a table that cannot be read.
pub async fn gaps(project: &Project, asking: Asking<'_>) -> Result<Gaps> {
    let plan = plan(project, asking, &Selection::default()).await?;
    let runs = asking.ledger.runs(RUNS)?;
    let tried = |step: &Step| runs.iter().flat_map(|run| &run.steps).find(|record| record.model == step.name);
    let because = |step: &Step| match tried(step)? {
        record if record.outcome == StepOutcome::Blocked => Some("blocked by a rule".to_owned()),
        record => record.error.clone(),
    };
    let has_failed = |step: &Step| tried(step).is_some_and(|record| record.outcome == StepOutcome::Failed);
    let (mut behind, mut rolled_back) = (Vec::new(), Vec::new());
    for step in &plan.steps {
        match lacks(step, has_failed(step)) {
            Some(lacks) => behind.push(Behind { step: step.name.clone(), lacks, because: because(step) }),
            None => rolled_back.extend(shown_again(step, asking.ledger)?),
        }
    }
    let (mut holes, mut unbuilt) = (Vec::new(), Vec::new());
    for model in &project.models {
        if !asking.engine.has_table(&TableName::model(&model.name))? {
            continue;
        }
        match unbuilt_windows(project, model, asking).await? {
            Some(windows) => unbuilt.push(windows),
            None => holes.extend(hole(model, asking).await?),
        }
    }
    Ok(Gaps { schema_version: "1", behind, rolled_back, holes, unbuilt })
}

/// What a step has not loaded; `None` where nobody knows of anything.
fn lacks(step: &Step, has_failed: bool) -> Option<String> {
    match &step.decision {
        Decision::Run(_) => Some(step.window.clone()),
        Decision::Rebuild(reason) => Some(format!("all rows ({reason})")),
        Decision::Fail(reason) => Some(format!("everything new: {reason}")),
        Decision::Ask(_) if has_failed => Some(step.window.clone()),
        // A database is asked when it is read.
        Decision::Ask(_) | Decision::Skip(_) => None,
    }
}

/// The earlier version that the table of a step shows, where nothing was loaded since it was rolled back.
fn shown_again(step: &Step, ledger: &dyn Ledger) -> Result<Option<RolledBack>> {
    let last = ledger.published(&step.name, 1)?.into_iter().next();
    let rollback = last.filter(|(_, record)| record.load == "rollback");
    Ok(rollback.map(|(_, record)| RolledBack { step: step.name.clone(), to: record.window }))
}

/// The windows that the SELECT of a model has rows for and its table has not, where backfills have built only some.
async fn unbuilt_windows(project: &Project, model: &Model, asking: Asking<'_>) -> Result<Option<Unbuilt>> {
    if !is_partial(model, asking.ledger)? {
        return Ok(None);
    }
    let Some((column, expression)) = model.settings.partition_by.columns()?.into_iter().next() else { return Ok(None) };
    let mut inputs = Vec::new();
    for read in reads_of(project, model, asking.engine)? {
        if let Some(dataset) = read.dataset() {
            inputs.extend(current_rows(asking.engine, asking.ledger, &read.name(), &TableName::raw(dataset)).await?);
        }
    }
    let days = |from: String| format!("select distinct cast({from} as varchar) as day");
    let select = model.sql.trim_end().trim_end_matches(';');
    let sql = format!(
        "{} from ({select}\n) as model except {} from {} order by 1",
        days(expression.clone()),
        days(identifier(&column)),
        TableName::model(&model.name).sql(),
    );
    let rows = asking.engine.query(&Reader { sql, inputs, file: None }, MOST).await?;
    let windows: Vec<String> = rows.rows.iter().filter_map(|row| text(row)).collect();
    let lacks_rows_without_day = windows.len() < rows.rows.len();
    Ok((!rows.rows.is_empty()).then(|| Unbuilt { table: model.name.clone(), windows, lacks_rows_without_day }))
}

/// The text in the first column of a row.
fn text(row: &[Value]) -> Option<String> {
    match row.first() {
        Some(Value::Text(day)) => Some(day.clone()),
        _ => None,
    }
}

/// The partitions by time that a table has no row in.
async fn hole(model: &Model, asking: Asking<'_>) -> Result<Option<Hole>> {
    let partitions = &model.settings.partition_by;
    let sources = partitions.sources()?;
    let Some(at) = sources.iter().position(|(unit, _)| unit.is_some()) else { return Ok(None) };
    let (Some((Some(unit), _)), Some((column, _))) = (sources.get(at), partitions.columns()?.into_iter().nth(at)) else { return Ok(None) };
    let state = asking.engine.table(&TableName::model(&model.name), None).await?;
    // One that has changed since has other partitions, and lacks all rows.
    if state.is_none_or(|state| state.columns.iter().all(|known| known.name != column)) {
        return Ok(None);
    }
    let table = Input::Table {
        name: "looked_at".into(),
        table: TableName::model(&model.name),
        version: None,
        after_batch: None,
        up_to_batch: None,
        hides_origin: false,
    };
    let sql = format!("select distinct cast({0} as varchar) as day from looked_at where {0} is not null order by 1", identifier(&column));
    let rows = asking.engine.query(&Reader { sql, inputs: vec![table], file: None }, MOST).await?;
    let days: Vec<String> = rows.rows.iter().filter_map(|row| text(row)).collect();
    let (Some(first), Some(last)) = (days.first().cloned(), days.last().cloned()) else { return Ok(None) };
    let missing = missing(unit, &days);
    Ok((!missing.is_empty()).then(|| Hole { table: model.name.clone(), column, every: (*unit).to_owned(), first, last, missing }))
}

/// The days at which partitions would begin that are not there.
fn missing(unit: &str, days: &[String]) -> Vec<String> {
    let (Some(first), Some(last)) = (days.first(), days.last()) else { return vec![] };
    let mut missing = Vec::new();
    let mut day = first.clone();
    while let Some(next) = after(unit, &day).filter(|next| next < last && missing.len() < MOST) {
        if days.binary_search(&next).is_err() {
            missing.push(next.clone());
        }
        day = next;
    }
    missing
}

/// The days at which the partitions begin that hold a day from `from` to `to`.
///
/// # Errors
/// HW107 for what is no day, and where none lies between.
pub(crate) fn days_between(unit: &str, from: &str, to: &str) -> Result<Vec<String>> {
    let begins = |day: &str| {
        let at = format!("{day}T00:00:00Z").parse::<hw_base::Timestamp>().ok().filter(|_| day.len() == 10)?;
        Some(at.format(beginning(unit)).to_string())
    };
    let no_day = |day: &str| Error::user(format!("`{day}` is no day")).code("HW107").help("write it as `2025-01-31`");
    let first = begins(from).ok_or_else(|| no_day(from))?;
    let last = begins(to).ok_or_else(|| no_day(to))?;
    if from > to {
        return Err(Error::user(format!("`--from {from}` is later than `--to {to}`")).code("HW107").help("exchange them"));
    }
    let next = |day: &String| after(unit, day).filter(|next| *next <= last);
    let days: Vec<String> = std::iter::successors(Some(first), next).take(MOST + 1).collect();
    if days.len() > MOST {
        return Err(Error::user(format!("from {from} to {to} there are more than {} {unit}s", count(MOST as u64)))
            .code("HW107")
            .help("backfill them in parts: give a later `--from` or an earlier `--to`"));
    }
    Ok(days)
}

/// How the first day of a partition is written.
fn beginning(unit: &str) -> &'static str {
    match unit {
        "year" => "%Y-01-01",
        "month" => "%Y-%m-01",
        _ => "%Y-%m-%d",
    }
}

/// The first day of the next partition; `None` for what is no day of a year with four digits.
pub(crate) fn after(unit: &str, day: &str) -> Option<String> {
    let days = |text: &str| text.parse::<hw_base::Timestamp>().ok();
    let start = days(&format!("{day}T00:00:00Z"))?;
    // Some days into the next one, whose beginning is then looked for.
    let inside = match unit {
        "year" => start + std::time::Duration::from_hours(8808),
        "month" => start + std::time::Duration::from_hours(768),
        _ => start + std::time::Duration::from_hours(24),
    };
    Some(inside.format(beginning(unit)).to_string()).filter(|next| next.len() == day.len())
}

#[cfg(test)]
mod tests {
    use super::{MOST, days_between, missing};

    #[track_caller]
    fn check(unit: &str, days: &[&str], expected: &[&str]) {
        let days: Vec<String> = days.iter().map(|day| (*day).to_owned()).collect();
        assert_eq!(missing(unit, &days), expected);
    }

    #[test]
    fn more_windows_than_are_built_at_once_are_refused() {
        assert_eq!(days_between("day", "1960-01-01", "2014-10-03").unwrap().len(), MOST);
        let error = days_between("day", "1960-01-01", "2014-10-04").unwrap_err();
        assert_eq!(error.message(), "from 1960-01-01 to 2014-10-04 there are more than 20,000 days");
    }

    #[test]
    fn what_is_missing_lies_between_the_first_and_the_last() {
        check("month", &["2025-11-01", "2026-01-01", "2026-04-01"], &["2025-12-01", "2026-02-01", "2026-03-01"]);
        check("day", &["2024-02-28", "2024-03-01"], &["2024-02-29"]);
        check("year", &["2020-01-01", "2021-01-01", "2024-01-01"], &["2022-01-01", "2023-01-01"]);
        check("month", &["2025-11-01"], &[]);
        check("month", &[], &[]);
    }
}
