//! Rows that come back from quarantine by themselves: another table has the rows now that they refer to.
//!
//! They join the rows that arrive, as the SELECT had returned them, and so pass the same gate; the quarantine is written anew without them.

use std::sync::Arc;

use datafusion::arrow::datatypes::Schema;
use datafusion::common::{Column, ScalarValue};
use datafusion::dataframe::DataFrame;
use datafusion::logical_expr::{Expr, cast, lit};
use futures::StreamExt;
use hw_base::{Result, StagedFile, Together};

use super::together::{Marking, mentioned};
use crate::failure::{Context, explain};
use crate::schema::MARK;
use crate::writer::Writer;

/// What becomes of the quarantine when rows leave it.
pub(super) struct Returned {
    /// How many leave.
    pub(super) rows: u64,
    /// Files with the rows that stay.
    pub(super) rest: Vec<StagedFile>,
    /// Files to take away.
    pub(super) taken: Vec<String>,
}

fn failed(error: datafusion::common::DataFusionError) -> hw_base::Error {
    explain(error, &Context::default())
}

/// The rows of a query and those that come back, where the order asks for them and there are some.
pub(super) async fn with_returned(marking: &Marking<'_>, frame: DataFrame) -> Result<(DataFrame, Option<Returned>)> {
    let Some(quarantine) = marking.quarantine.as_ref().filter(|_| marking.staging.retries) else { return Ok((frame, None)) };
    let waiting = marking.session.query("select * from waiting_rows", None).await?;
    let waiting = marking.without_partner("waiting", waiting).await?;
    let known = marking.staging.watch.sets.iter().filter(|set| matches!(set.asks, Together::Known { .. }));
    let columns = waiting.schema().as_arrow().clone();
    let marks = columns.fields().iter().map(|field| field.name()).filter(|name| name.starts_with(MARK));
    let returns: Vec<String> = std::iter::once(mentioned(known)).chain(marks.map(|mark| format!("not {mark}"))).collect();
    let returns = waiting.parse_sql_expr(&returns.join(" and ")).map_err(failed)?;
    let rows = waiting.clone().filter(returns.clone().is_true()).map_err(failed)?;
    let rest = waiting.filter(returns.is_not_true()).and_then(|rest| as_it_was(rest, &quarantine.schema)).map_err(failed)?;
    let rest = written(marking, rest, &quarantine.schema).await?;
    let taken = quarantine.files.iter().map(|file| file.name.clone()).collect();
    let staying: u64 = rest.iter().map(|file| file.rows).sum();
    let left = quarantine.rows().unwrap_or_default().saturating_sub(staying);
    let rows = as_selected(rows, frame.schema().as_arrow(), &quarantine.schema).map_err(failed)?;
    Ok((frame.union(rows).map_err(failed)?, Some(Returned { rows: left, rest, taken })))
}

fn as_it_was(rows: DataFrame, schema: &Schema) -> datafusion::error::Result<DataFrame> {
    let names: Vec<&str> = schema.fields().iter().map(|field| field.name().as_str()).collect();
    rows.select_columns(&names)
}

/// Rows of the quarantine in the columns of the SELECT; those that the quarantine lacks are null.
fn as_selected(rows: DataFrame, wanted: &Schema, known: &Schema) -> datafusion::error::Result<DataFrame> {
    let expr = |field: &Arc<datafusion::arrow::datatypes::Field>| {
        let kept = if field.name() == "_run" { "_loaded_by_run" } else { field.name() };
        let value = match known.index_of(kept) {
            Ok(_) => cast(Expr::Column(Column::from_name(kept)), field.data_type().clone()),
            Err(_) => lit(ScalarValue::try_from(field.data_type())?),
        };
        Ok(value.alias(field.name()))
    };
    let exprs: Vec<Expr> = wanted.fields().iter().map(expr).collect::<datafusion::error::Result<_>>()?;
    rows.select(exprs)
}

/// Writes the rows that stay in quarantine.
async fn written(marking: &Marking<'_>, rows: DataFrame, schema: &datafusion::arrow::datatypes::SchemaRef) -> Result<Vec<StagedFile>> {
    let (engine, staging) = (marking.engine, marking.staging);
    let folder = engine.warehouse.folder(&staging.table.quarantine());
    let budget = usize::try_from(engine.memory.0 / 16).unwrap_or(usize::MAX);
    let mut writer = Writer::new(&folder, format!("{}-wait", staging.label), schema, &[], budget);
    let mut stream = rows.execute_stream().await.map_err(failed)?;
    while let Some(batch) = stream.next().await {
        writer.write(&super::review::fitted(&batch.map_err(failed)?, schema)?)?;
    }
    writer.finish()
}
