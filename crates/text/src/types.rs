//! SQL type names and Arrow types, in both directions.

use arrow_schema::{DataType, TimeUnit};

/// The most digits a decimal can have.
pub const MOST_DIGITS: u8 = 38;

/// The Arrow type behind an SQL type name such as `bigint`, `decimal(12,2)` or `timestamp`; `None` for an unknown name.
///
/// Text is `Utf8View`: short values lie inside the array itself, so that comparing, grouping and filtering rows moves
/// sixteen bytes and copies no text, and it is the type in which the engine reads text back from the warehouse.
pub fn sql_type_to_arrow(name: &str) -> Option<DataType> {
    let name = name.trim().to_ascii_lowercase();
    Some(match name.as_str() {
        "boolean" | "bool" => DataType::Boolean,
        "tinyint" => DataType::Int8,
        "smallint" => DataType::Int16,
        "int" | "integer" => DataType::Int32,
        "bigint" | "long" => DataType::Int64,
        "real" | "float" => DataType::Float32,
        "double" | "double precision" => DataType::Float64,
        "text" | "string" | "varchar" => DataType::Utf8View,
        "date" => DataType::Date32,
        "timestamp" => DataType::Timestamp(TimeUnit::Microsecond, None),
        "timestamptz" | "timestamp with time zone" => DataType::Timestamp(TimeUnit::Microsecond, Some("UTC".into())),
        "time" => DataType::Time64(TimeUnit::Microsecond),
        "binary" | "bytea" => DataType::BinaryView,
        "decimal" | "numeric" => DataType::Decimal128(MOST_DIGITS, 10),
        other => return decimal_type(other),
    })
}

/// Reads `decimal(p,s)` and `decimal(p)`.
fn decimal_type(name: &str) -> Option<DataType> {
    let inner = name.strip_prefix("decimal").or_else(|| name.strip_prefix("numeric"))?.trim();
    let inner = inner.strip_prefix('(')?.strip_suffix(')')?;
    let (precision, scale) = inner.split_once(',').unwrap_or((inner, "0"));
    let (precision, scale) = (precision.trim().parse::<u8>().ok()?, scale.trim().parse::<u8>().ok()?);
    let is_possible = (1..=MOST_DIGITS).contains(&precision) && scale <= precision;
    is_possible.then_some(DataType::Decimal128(precision, i8::try_from(scale).ok()?))
}

/// The SQL name of an Arrow type. Types that SQL has no short word for are named as Arrow names them.
pub fn arrow_to_sql_type(data_type: &DataType) -> String {
    match data_type {
        DataType::Boolean => "boolean".into(),
        DataType::Int8 => "tinyint".into(),
        DataType::Int16 | DataType::UInt8 => "smallint".into(),
        DataType::Int32 | DataType::UInt16 => "int".into(),
        DataType::Int64 | DataType::UInt32 => "bigint".into(),
        DataType::UInt64 => "decimal(20,0)".into(),
        DataType::Float16 | DataType::Float32 => "real".into(),
        DataType::Float64 => "double".into(),
        DataType::Decimal32(p, s) | DataType::Decimal64(p, s) | DataType::Decimal128(p, s) | DataType::Decimal256(p, s) => {
            format!("decimal({p},{s})")
        }
        DataType::Utf8 | DataType::LargeUtf8 | DataType::Utf8View => "text".into(),
        DataType::Date32 | DataType::Date64 => "date".into(),
        DataType::Timestamp(_, None) => "timestamp".into(),
        DataType::Timestamp(_, Some(_)) => "timestamptz".into(),
        DataType::Time32(_) | DataType::Time64(_) => "time".into(),
        DataType::Binary | DataType::LargeBinary | DataType::BinaryView | DataType::FixedSizeBinary(_) => "binary".into(),
        DataType::Dictionary(_, values) => arrow_to_sql_type(values),
        other => other.to_string().to_lowercase(),
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn names_and_types_lead_to_each_other() {
        for name in
            ["boolean", "tinyint", "smallint", "int", "bigint", "real", "double", "text", "date", "timestamp", "time", "decimal(12,2)"]
        {
            assert_eq!(sql_type_to_arrow(name).as_ref().map(arrow_to_sql_type).as_deref(), Some(name));
        }
        assert_eq!(sql_type_to_arrow("numeric(9)"), Some(DataType::Decimal128(9, 0)));
        assert_eq!(["decimal(39,0)", "decimal(2,3)", "money", "decimal(", ""].map(sql_type_to_arrow), [None, None, None, None, None]);
    }
}
