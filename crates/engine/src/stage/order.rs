//! What an order to stage a batch amounts to: what stays, what is remembered, and what the load itself asks of rows.

use datafusion::arrow::datatypes::{DataType, Field};
use datafusion::dataframe::DataFrame;
use hw_base::{LoadMode, Result, RowWatch, Staging, VALID_FROM, VALID_TO, Watch, float_of_key, identifier};

use crate::failure::{Context, explain};
use crate::session::Session;

/// Whether nothing stays of what the table has.
pub(super) fn replaces(staging: &Staging) -> bool {
    staging.is_rebuild || staging.mode == LoadMode::Replace
}

/// Whether rows that the table does not show are remembered. Where the order of arrival decides, a row that comes after its deletion is a
/// new one.
pub(super) fn remembers_deleted(mode: &LoadMode) -> bool {
    matches!(mode, LoadMode::Upsert { later_by: Some(_), deleted_when: Some(_), .. } | LoadMode::History(_))
}

/// Whether it matters where a row came from: the order of arrival decides between rows with one key, or rows may go to quarantine,
/// which tells their file and line.
pub(super) fn needs_origin(staging: &Staging) -> bool {
    let by_arrival = match &staging.mode {
        LoadMode::Replace | LoadMode::Recompute { .. } | LoadMode::History(_) => false,
        LoadMode::Append { key } => !key.is_empty(),
        LoadMode::Upsert { later_by, .. } => later_by.is_none(),
    };
    by_arrival || !staging.watch.sets.is_empty() || staging.watch.rows.iter().any(|rule| rule.diverts)
}

/// Rows without a whole key cannot be loaded by key, versions without a time have no place among the others, and of two rows with one key in
/// one delivery nobody knows which is meant; they go to quarantine.
pub(super) fn add_key_rules(watch: &mut Watch, mode: &LoadMode) {
    let mut divert = |id: &str, violates: String| watch.rows.push(RowWatch { id: id.into(), violates, diverts: true, excludes: false });
    let missing: Vec<String> = mode.key().iter().map(|column| format!("{} is null", identifier(column))).collect();
    if !missing.is_empty() {
        divert("key_is_present", missing.join(" or "));
    }
    if let LoadMode::History(history) = mode {
        divert("change_time_is_present", format!("{} is null", identifier(&history.later_by)));
        // A row that ends before it begins shares its key with another one of its delivery.
        if history.brings_times() {
            divert("key_is_unique", format!("{VALID_TO} < {VALID_FROM}"));
        }
    }
}

/// The rows with one zero and one NaN among the floats of their key: by their bits there are several, and rows that differ in those alone have one key.
pub(super) fn with_plain_keys(frame: DataFrame, mode: &LoadMode) -> Result<DataFrame> {
    let failed = |error| explain(error, &Context::default());
    let mut frame = frame;
    for column in mode.key() {
        let sql_type = match frame.schema().as_arrow().field_with_name(column).map(Field::data_type) {
            Ok(DataType::Float64) => "double",
            Ok(DataType::Float32 | DataType::Float16) => "real",
            _ => continue,
        };
        let plain = frame.parse_sql_expr(&float_of_key(column, sql_type)).map_err(failed)?;
        frame = frame.with_column(column, plain).map_err(failed)?;
    }
    Ok(frame)
}

/// Adds the partition columns that the query does not have.
pub(super) fn with_partitions(session: &Session, frame: DataFrame, staging: &Staging) -> Result<DataFrame> {
    let mut frame = frame;
    for (column, expression) in &staging.partition_by {
        if frame.schema().as_arrow().index_of(column).is_err() {
            let failed = |error| explain(error, &session.about(None)).within(format_args!("`partition_by` of `{}`", staging.table));
            let expression = frame.parse_sql_expr(expression).map_err(failed)?;
            frame = frame.with_column(column, expression).map_err(failed)?;
        }
    }
    Ok(frame)
}
