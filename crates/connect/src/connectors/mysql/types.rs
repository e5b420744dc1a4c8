//! What becomes of each type.

use datafusion::arrow::datatypes::{DataType, TimeUnit};
use mysql_async::Value;

use crate::rows::Cell;
use crate::types::MOST_DIGITS;

/// Microseconds in a second.
const MICROS: i64 = 1_000_000;

/// A column of a table.
#[derive(Clone, Debug, PartialEq, Eq)]
pub(super) struct SourceColumn {
    /// Its name.
    pub(super) name: String,
    /// The word of its type, such as `decimal`.
    pub(super) word: String,
    /// Its type as declared, such as `decimal(12,2) unsigned`.
    pub(super) declared: String,
    /// The digits of a number, all and after the point.
    pub(super) digits: (u64, u64),
    /// Whether its text is asked for.
    pub(super) as_text: bool,
}

impl SourceColumn {
    /// The type in which its values are handed on.
    pub(super) fn data_type(&self) -> DataType {
        let is_unsigned = self.declared.contains("unsigned");
        let (digits, places) = self.digits;
        match self.word.as_str() {
            _ if self.as_text => DataType::Utf8View,
            "tinyint" => {
                if is_unsigned {
                    DataType::Int16
                } else {
                    DataType::Int8
                }
            }
            "smallint" => {
                if is_unsigned {
                    DataType::Int32
                } else {
                    DataType::Int16
                }
            }
            "mediumint" | "year" => DataType::Int32,
            "int" => {
                if is_unsigned {
                    DataType::Int64
                } else {
                    DataType::Int32
                }
            }
            "bigint" if is_unsigned => DataType::Decimal128(20, 0),
            "bigint" => DataType::Int64,
            "float" => DataType::Float32,
            "double" => DataType::Float64,
            "decimal" => match (u8::try_from(digits), i8::try_from(places)) {
                (Ok(digits), Ok(places)) if digits <= MOST_DIGITS => DataType::Decimal128(digits, places),
                _ => DataType::Utf8View,
            },
            "bit" if digits <= 1 => DataType::Boolean,
            "bit" => DataType::Decimal128(20, 0),
            "date" => DataType::Date32,
            "datetime" => DataType::Timestamp(TimeUnit::Microsecond, None),
            "timestamp" => DataType::Timestamp(TimeUnit::Microsecond, Some("UTC".into())),
            word if is_binary(word) => DataType::BinaryView,
            _ => DataType::Utf8View,
        }
    }

    /// What the SELECT asks for.
    pub(super) fn expression(&self) -> String {
        let name = quoted(&self.name);
        if self.as_text { format!("cast({name} as char) as {name}") } else { name }
    }

    /// Whether its values are times, which can lie in the future.
    pub(super) fn is_of_time(&self) -> bool {
        matches!(self.word.as_str(), "date" | "datetime" | "timestamp")
    }

    /// Whether SQL writes its values without quotes.
    pub(super) fn is_number(&self) -> bool {
        matches!(self.word.as_str(), "tinyint" | "smallint" | "mediumint" | "int" | "bigint" | "decimal" | "float" | "double" | "year")
    }

    /// A value as the server sends it.
    pub(super) fn cell<'a>(&self, value: &'a Value) -> Cell<'a> {
        match value {
            Value::NULL => Cell::Null,
            Value::Int(number) => Cell::Integer(*number),
            Value::UInt(number) => Cell::Unsigned(*number),
            Value::Float(number) => Cell::Real(f64::from(*number)),
            Value::Double(number) => Cell::Real(*number),
            Value::Bytes(bytes) if self.word == "bit" && !self.as_text => Cell::Unsigned(big_endian(bytes)),
            Value::Bytes(bytes) if is_binary(&self.word) && !self.as_text => Cell::Bytes(bytes),
            Value::Bytes(bytes) => std::str::from_utf8(bytes).map_or(Cell::Bytes(bytes), Cell::Text),
            Value::Date(year, month, day, hour, minute, second, micros) => {
                moment((*year, *month, *day), (*hour, *minute, *second, *micros)).unwrap_or(Cell::Broken("a day that no calendar has"))
            }
            Value::Time(is_negative, days, hours, minutes, seconds, micros) => {
                let seconds = i64::from(*days) * 86_400 + i64::from(*hours) * 3600 + i64::from(*minutes) * 60 + i64::from(*seconds);
                let length = seconds * MICROS + i64::from(*micros);
                Cell::Clock(if *is_negative { -length } else { length })
            }
        }
    }
}

fn is_binary(word: &str) -> bool {
    matches!(word, "binary" | "varbinary" | "tinyblob" | "blob" | "mediumblob" | "longblob" | "geometry" | "point" | "polygon")
}

fn big_endian(bytes: &[u8]) -> u64 {
    bytes.iter().take(8).fold(0, |number, byte| number << 8 | u64::from(*byte))
}

fn moment((year, month, day): (u16, u8, u8), (hour, minute, second, micros): (u8, u8, u8, u32)) -> Option<Cell<'static>> {
    let date = chrono::NaiveDate::from_ymd_opt(year.into(), month.into(), day.into())?;
    let moment = date.and_hms_micro_opt(hour.into(), minute.into(), second.into(), micros)?;
    Some(Cell::Moment(moment.and_utc().timestamp_micros()))
}

/// A name in backticks, as `MySQL` always takes it.
pub(super) fn quoted(name: &str) -> String {
    format!("`{}`", name.replace('`', "``"))
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::types::arrow_to_sql_type;

    fn column(declared: &str, digits: (u64, u64)) -> SourceColumn {
        let word = declared.split(['(', ' ']).next().unwrap().to_owned();
        SourceColumn { name: "c".into(), word, declared: declared.into(), digits, as_text: false }
    }

    #[test]
    fn every_type_holds_all_of_its_values() {
        let of = |declared, digits| arrow_to_sql_type(&column(declared, digits).data_type());
        assert_eq!(
            [of("tinyint(3) unsigned", (3, 0)), of("int(11)", (10, 0)), of("int(10) unsigned", (10, 0))],
            ["smallint", "int", "bigint"]
        );
        assert_eq!(
            [of("bigint(20) unsigned", (20, 0)), of("decimal(12,2)", (12, 2)), of("decimal(65,30)", (65, 30))],
            ["decimal(20,0)", "decimal(12,2)", "text"]
        );
        assert_eq!(
            [of("bit(1)", (1, 0)), of("bit(8)", (8, 0)), of("enum('a')", (0, 0)), of("time(6)", (0, 0))],
            ["boolean", "decimal(20,0)", "text", "text"]
        );
        assert_eq!([of("datetime", (0, 0)), of("timestamp", (0, 0)), of("longblob", (0, 0))], ["timestamp", "timestamptz", "binary"]);
    }

    #[test]
    fn values_come_as_they_are() {
        let int = column("int", (10, 0));
        assert_eq!(column("bit(9)", (9, 0)).cell(&Value::Bytes(vec![1, 3])), Cell::Unsigned(259));
        assert_eq!(int.cell(&Value::Date(0, 0, 0, 0, 0, 0, 0)), Cell::Broken("a day that no calendar has"));
        assert_eq!(int.cell(&Value::Date(1970, 1, 2, 0, 0, 0, 5)), Cell::Moment(86_400_000_005));
        assert_eq!(int.cell(&Value::Time(true, 1, 12, 0, 0, 0)).shown().as_deref(), Some("-36:00:00"));
        assert_eq!(int.cell(&Value::UInt(u64::MAX)).shown().as_deref(), Some("18446744073709551615"));
    }
}
