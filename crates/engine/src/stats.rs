//! The statistics of a Parquet file as a Delta log keeps them: rows, least and greatest values, nulls.

use datafusion::arrow::datatypes::{DataType, Schema};
use datafusion::parquet::file::metadata::ParquetMetaData;
use datafusion::parquet::file::statistics::Statistics;
use hw_base::Value;
use serde_json::{Map, Value as Json, json};

use crate::types;

/// Columns beyond this one carry no statistics, as in other Delta writers.
const INDEXED_COLUMNS: usize = 32;
/// Text longer than this is left out of the statistics.
const LONGEST_TEXT: usize = 64;

/// The statistics of a closed file whose columns are those of `schema`, as the JSON text of an `add`.
pub(crate) fn of(metadata: &ParquetMetaData, schema: &Schema) -> String {
    let rows: i64 = metadata.row_groups().iter().map(datafusion::parquet::file::metadata::RowGroupMetaData::num_rows).sum();
    let (mut least, mut greatest, mut nulls) = (Map::new(), Map::new(), Map::new());
    for leaf in 0..metadata.file_metadata().schema_descr().num_columns() {
        let column = metadata.file_metadata().schema_descr().column(leaf);
        let [name] = column.path().parts() else { continue };
        let Ok(index) = schema.index_of(name) else { continue };
        if index >= INDEXED_COLUMNS {
            continue;
        }
        let groups: Vec<Option<&Statistics>> = metadata.row_groups().iter().map(|group| group.column(leaf).statistics()).collect();
        if let Some(count) = groups.iter().map(|group| group.and_then(Statistics::null_count_opt)).sum::<Option<u64>>() {
            nulls.insert(name.clone(), json!(count));
        }
        if let Some((low, high)) = bounds(&groups, schema.field(index).data_type()) {
            least.insert(name.clone(), low);
            greatest.insert(name.clone(), high);
        }
    }
    json!({ "numRecords": rows, "minValues": least, "maxValues": greatest, "nullCount": nulls }).to_string()
}

/// The least and greatest value over all row groups that hold any; `None` where one does not tell.
fn bounds(groups: &[Option<&Statistics>], data_type: &DataType) -> Option<(Json, Json)> {
    let mut least: Option<Bound> = None;
    let mut greatest: Option<Bound> = None;
    for group in groups {
        let statistics = (*group)?;
        let Some((low, high)) = group_bounds(statistics)? else { continue };
        least = Some(match least {
            Some(known) if known.is_below(&low) => known,
            _ => low,
        });
        greatest = Some(match greatest {
            Some(known) if high.is_below(&known) => known,
            _ => high,
        });
    }
    Some((least?.json(data_type)?, greatest?.json(data_type)?))
}

/// A bound of a column, in the form Parquet keeps it.
enum Bound {
    Bool(bool),
    Int(i64),
    Float(f64),
    Text(String),
}

impl Bound {
    fn is_below(&self, other: &Self) -> bool {
        match (self, other) {
            (Self::Bool(a), Self::Bool(b)) => a < b,
            (Self::Int(a), Self::Int(b)) => a < b,
            (Self::Float(a), Self::Float(b)) => a < b,
            (Self::Text(a), Self::Text(b)) => a < b,
            _ => false,
        }
    }

    fn json(self, data_type: &DataType) -> Option<Json> {
        match (self, data_type) {
            (Self::Int(days), DataType::Date32) => Some(text(types::date(i32::try_from(days).ok()?))),
            (Self::Int(micros), DataType::Timestamp(_, zone)) => moment(micros, zone.is_some()),
            (Self::Int(_), DataType::Decimal128(..)) => None,
            (Self::Int(number), _) => Some(json!(number)),
            (Self::Float(number), _) if number.is_finite() => Some(json!(number)),
            (Self::Text(value), _) if value.len() <= LONGEST_TEXT => Some(json!(value)),
            _ => None,
        }
    }
}

fn text(value: Value) -> Json {
    match value {
        Value::Text(text) => Json::String(text),
        _ => Json::Null,
    }
}

/// Delta keeps moments in milliseconds; only whole ones are told, because a cut one would be no bound.
fn moment(micros: i64, is_utc: bool) -> Option<Json> {
    let zone = if is_utc { "Z" } else { "" };
    let moment = chrono::DateTime::from_timestamp_micros(micros)?;
    (micros % 1000 == 0).then(|| json!(format!("{}{zone}", moment.format("%Y-%m-%dT%H:%M:%S%.3f"))))
}

/// The bounds of one row group: `None` where it does not tell, `Some(None)` where it holds only nulls.
#[expect(clippy::option_option, reason = "not telling and holding nothing are two things")]
fn group_bounds(statistics: &Statistics) -> Option<Option<(Bound, Bound)>> {
    if statistics.min_bytes_opt().is_none() {
        return match statistics {
            Statistics::Boolean(_) | Statistics::Int32(_) | Statistics::Int64(_) | Statistics::ByteArray(_) => Some(None),
            _ => None,
        };
    }
    let utf8 = |bytes: &[u8]| std::str::from_utf8(bytes).ok().map(str::to_owned);
    match statistics {
        Statistics::Boolean(s) => Some(Some((Bound::Bool(*s.min_opt()?), Bound::Bool(*s.max_opt()?)))),
        Statistics::Int32(s) => Some(Some((Bound::Int((*s.min_opt()?).into()), Bound::Int((*s.max_opt()?).into())))),
        Statistics::Int64(s) => Some(Some((Bound::Int(*s.min_opt()?), Bound::Int(*s.max_opt()?)))),
        Statistics::Float(s) => Some(Some((Bound::Float((*s.min_opt()?).into()), Bound::Float((*s.max_opt()?).into())))),
        Statistics::Double(s) => Some(Some((Bound::Float(*s.min_opt()?), Bound::Float(*s.max_opt()?)))),
        Statistics::ByteArray(s) if s.min_is_exact() && s.max_is_exact() => {
            Some(Some((Bound::Text(utf8(s.min_opt()?.data())?), Bound::Text(utf8(s.max_opt()?.data())?))))
        }
        _ => None,
    }
}
