//! How late rows were: the time of the load minus the time in the followed column. A row whose time lies after the load is loaded
//! like every other one, and told.

use hw_base::{AggregateWatch, Column, Lateness, Value, Watched, identifier};

use super::task::Task;
use crate::plan::BY_ARRIVAL;

/// What the aggregates are called; no rule has such a name.
const AHEAD: &str = "#rows ahead";
const LATEST: &str = "#latest time";
const LONGEST: &str = "#longest delay";
const MEDIAN: &str = "#median delay";
const P95: &str = "#p95 delay";

/// The followed column of a model, where it tells times.
fn followed<'c>(task: Task<'_>, columns: &'c [Column]) -> Option<&'c Column> {
    let follow = &task.project.model(&task.step.name)?.settings.follow;
    let name = follow.values().find(|column| *column != BY_ARRIVAL)?;
    columns.iter().find(|column| column.name == *name && column.kind.is_temporal())
}

/// What to compute about the rows on the way. How late they were is asked of what is new alone: a first load has the whole past.
pub(super) fn watches(task: Task<'_>, columns: &[Column], is_rebuild: bool) -> Vec<AggregateWatch> {
    let Some(column) = followed(task, columns) else { return vec![] };
    let (name, now) = (identifier(&column.name), task.ports.clock.now().timestamp_micros());
    // Timestamps in nanoseconds, which SQL would make of them, end in the year 2262.
    let micros = format!("arrow_cast(arrow_cast({name}, 'Timestamp(Microsecond, None)'), 'Int64')");
    let percentile = |share: f64| {
        let delay = format!("case when {micros} <= {now} then arrow_cast({now} - {micros}, 'Float64') end");
        format!("approx_percentile_cont({share}) within group (order by {delay})")
    };
    let mut all = vec![(AHEAD, format!("count(*) filter (where {micros} > {now})")), (LATEST, format!("arrow_cast(max({name}), 'Utf8')"))];
    if !is_rebuild {
        all.extend([(LONGEST, format!("{now} - min({micros})")), (MEDIAN, percentile(0.5)), (P95, percentile(0.95))]);
    }
    all.into_iter().map(|(id, expression)| AggregateWatch { id: id.into(), expression }).collect()
}

/// What was computed; `None` where no column tells times.
pub(super) fn measured(task: Task<'_>, watched: &Watched) -> Option<Lateness> {
    let value = |id: &str| watched.of_arriving.iter().find(|aggregate| aggregate.id == id).map(|aggregate| &aggregate.value);
    let seconds = |id: &str| match value(id)? {
        Value::Int(micros) => Some(std::time::Duration::from_micros(u64::try_from(*micros).ok()?).as_secs_f64()),
        Value::Float(micros) => Some(micros / 1e6),
        _ => None,
    };
    let follow = &task.project.model(&task.step.name)?.settings.follow;
    let column = follow.values().find(|column| *column != BY_ARRIVAL)?.clone();
    let rows_ahead = match value(AHEAD)? {
        Value::Int(rows) => u64::try_from(*rows).unwrap_or_default(),
        _ => 0,
    };
    let latest = match value(LATEST) {
        Some(Value::Text(text)) if rows_ahead > 0 => Some(text.clone()),
        _ => None,
    };
    Some(Lateness { column, rows_ahead, latest, median_seconds: seconds(MEDIAN), p95_seconds: seconds(P95), max_seconds: seconds(LONGEST) })
}
