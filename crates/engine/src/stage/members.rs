//! Members of a dimension that facts name before their own rows arrive: rows with their key alone, which give way to the first row of it.
//!
//! A member counts as long as nothing is known of its key: no row of the table, and none that was deleted. So it does not matter which
//! arrives first.

use std::sync::Arc;

use datafusion::arrow::datatypes::{DataType, Field, Schema};
use datafusion::common::{Column, JoinType, ScalarValue};
use datafusion::dataframe::DataFrame;
use datafusion::logical_expr::{Expr, cast, lit, when};
use hw_base::{IS_INFERRED, Result, RowWatch, SINCE_EVER, Staging, identifier};

use crate::failure::{Context, explain};
use crate::session::Session;
use crate::warehouse::Snapshot;

fn failed(error: datafusion::common::DataFusionError) -> hw_base::Error {
    explain(error, &Context::default())
}

fn column(name: &str) -> Expr {
    Expr::Column(Column::from_name(name))
}

/// The rows of a batch with the members that it needs, of which none of the tables in `known` has the key; a column tells which are
/// inferred. What the batch knows itself is told when its rows are settled, because a rule may keep them out.
pub(super) async fn added(session: &Session, frame: DataFrame, staging: &Staging, known: [Option<&Snapshot>; 2]) -> Result<DataFrame> {
    let Some(members) = &staging.members else { return Ok(frame) };
    let frame = frame.with_column(IS_INFERRED, lit(false)).map_err(failed)?;
    let schema = frame.schema().as_arrow().clone();
    let named = session.query(&format!("select * from {}", identifier(members)), None).await?;
    let mut named = as_rows(named, &schema)?;
    for table in known.into_iter().flatten() {
        named = unknown_to(table, session, named, staging.mode.key())?;
    }
    frame.union(named).map_err(failed)
}

/// The members in the columns of the rows.
fn as_rows(named: DataFrame, schema: &Schema) -> Result<DataFrame> {
    let told = named.schema().as_arrow().clone();
    let exprs = schema.fields().iter().map(|field| {
        let value = if field.name() == IS_INFERRED {
            lit(true)
        } else if told.index_of(field.name()).is_ok() {
            cast(column(field.name()), field.data_type().clone())
        } else {
            lit(ScalarValue::try_from(field.data_type()).map_err(failed)?)
        };
        Ok(value.alias(field.name()))
    });
    named.select(exprs.collect::<Result<Vec<Expr>>>()?).map_err(failed)
}

/// The members whose key a table does not have.
fn unknown_to(table: &Snapshot, session: &Session, named: DataFrame, key: &[String]) -> Result<DataFrame> {
    let schema = named.schema().as_arrow().clone();
    let theirs: Vec<String> = (0..key.len()).map(|at| format!("_known_{at}")).collect();
    let exprs = key.iter().zip(&theirs).map(|(name, theirs)| {
        let field = schema.field_with_name(name).map_err(|error| failed(error.into()))?;
        Ok(cast(column(name), field.data_type().clone()).alias(theirs))
    });
    let exprs = exprs.collect::<Result<Vec<Expr>>>()?;
    let keys = session.context().read_table(Arc::new(table.table())).and_then(|rows| rows.select(exprs)).map_err(failed)?;
    let own: Vec<&str> = key.iter().map(String::as_str).collect();
    let theirs: Vec<&str> = theirs.iter().map(String::as_str).collect();
    named.join(keys, JoinType::LeftAnti, &own, &theirs, None).map_err(failed)
}

/// Members are no rows that rules judge, or count: nobody has told yet what they are.
pub(super) fn left_out() -> RowWatch {
    RowWatch { id: IS_INFERRED.into(), violates: IS_INFERRED.into(), diverts: false, excludes: true }
}

/// The events without members of whose key something is known.
pub(super) fn without_known(events: &str, key: &str) -> String {
    format!(
        "select * from (select *, bool_or({IS_INFERRED} is not true) over (partition by {key}) as _is_known from ({events}) as events) \
         as told where {IS_INFERRED} is not true or not _is_known"
    )
}

/// From when on the first version of a member is true: as far back as anybody asks, so that facts of any age find it.
pub(super) fn since_ever(schema: &Schema, later_by: &str) -> Result<Expr> {
    let field = schema.field_with_name(later_by).map_err(|error| failed(error.into()))?;
    let day = cast(lit(SINCE_EVER), field.data_type().clone());
    when(column(later_by).lt(day.clone()), column(later_by)).otherwise(day).map_err(failed)
}

/// The same in SQL, over the columns of the table.
pub(super) fn since_ever_sql(schema: &Schema, later_by: &str) -> String {
    let kind = match schema.field_with_name(later_by).map(Field::data_type) {
        Ok(DataType::Date32) => "Date32",
        Ok(DataType::Timestamp(_, Some(_))) => "Timestamp(Microsecond, Some(\"UTC\"))",
        _ => "Timestamp(Microsecond, None)",
    };
    let (later, day) = (identifier(later_by), format!("arrow_cast('{SINCE_EVER}', '{kind}')"));
    format!("case when {later} < {day} then {later} else {day} end")
}
