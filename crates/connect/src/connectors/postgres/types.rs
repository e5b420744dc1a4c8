//! Which Arrow type a PostgreSQL type becomes, how it comes over the wire, and what the SELECT asks for.

use std::sync::Arc;

use datafusion::arrow::datatypes::{DataType, Field, TimeUnit};
use hw_base::{Column, ColumnType};
use tokio_postgres::types::Type;

use super::quoted;
use crate::layout::free_of_hidden;

/// Digits that a 128-bit decimal holds.
const MOST_DIGITS: i32 = 38;
/// The decimal that is taken for a `numeric` without digits whose values nobody has seen.
const UNSEEN: Wire = Wire::Decimal { precision: 38, scale: 10 };
/// The places that decimals for a `numeric` without digits have: those of amounts and rates, and those that PostgreSQL gives to averages.
const USUAL_PLACES: [i32; 2] = [10, 20];
/// What PostgreSQL adds to the modifier of a sized type.
const MODIFIER_OFFSET: i32 = 4;

/// The text of a value.
const TEXT: &str = "text";
/// The text of a value as the server shows it, where a cast to text makes another one of it: that of a host gets a mask. There is no such cast to `name`.
const SHOWN: &str = "name::text";

/// How the values of a column come over the wire.
#[derive(Clone, Debug, PartialEq, Eq)]
pub(super) enum Wire {
    Bool,
    Int2,
    Int4,
    Int8,
    Float4,
    Float8,
    Decimal {
        precision: u8,
        scale: i8,
    },
    Text,
    /// Text behind a version byte.
    Jsonb,
    Uuid,
    Bytes,
    Date,
    Timestamp,
    TimestampUtc,
    List(Box<Wire>),
}

/// A column of a table, and how to read it.
#[derive(Clone, Debug, PartialEq)]
pub(super) struct SourceColumn {
    /// Its name.
    pub(super) name: String,
    /// Its type as PostgreSQL writes it, such as `character varying(20)`.
    pub(super) declared: String,
    /// How its values come.
    pub(super) wire: Wire,
    /// What the SELECT casts it to, where it does not come as it is; to one type after the other where there are several.
    pub(super) cast: Option<&'static str>,
    /// Whether it is a `numeric` without digits, of which the server does not know that its values fit.
    pub(super) is_free: bool,
}

/// A type as the catalog describes it, with domains resolved to what they are made of.
#[derive(Clone, Copy, Debug)]
pub(super) struct CatalogType {
    /// The type.
    pub(super) oid: u32,
    /// Its modifier, such as the digits of a `numeric(12, 2)`; -1 for none.
    pub(super) modifier: i32,
    /// Whether it is an array.
    pub(super) is_array: bool,
}

impl SourceColumn {
    /// Decides how to read a column.
    pub(super) fn new(name: String, declared: String, kind: CatalogType) -> Self {
        let is_free = !kind.is_array && kind.oid == Type::NUMERIC.oid() && kind.modifier < MODIFIER_OFFSET;
        let (wire, cast) = match () {
            () if is_free => (UNSEEN, None),
            () if kind.is_array => array(kind),
            () => scalar(kind),
        };
        Self { name, declared, wire, cast, is_free }
    }

    /// The same column, read as a decimal for numbers of so many digits before and after the point; as text where there is none.
    pub(super) fn fitting(self, whole_digits: i32, places: i32) -> Self {
        let fits = |scale: &i32| (places..=MOST_DIGITS - whole_digits).contains(scale);
        match USUAL_PLACES.into_iter().chain([places]).find(fits).map(u8::try_from) {
            Some(Ok(scale)) => Self { wire: Wire::Decimal { precision: 38, scale: scale.cast_signed() }, ..self },
            _ => self.into_text(),
        }
    }

    /// The same column, read as the text that PostgreSQL prints.
    pub(super) fn into_text(self) -> Self {
        let known = self.cast.filter(|_| self.wire == Wire::Text);
        Self { wire: Wire::Text, cast: known.or(Some(TEXT)), is_free: false, ..self }
    }

    /// What the SELECT asks for.
    pub(super) fn expression(&self) -> String {
        match self.cast {
            Some(cast) => format!("{}::{cast}", quoted(&self.name)),
            None => quoted(&self.name),
        }
    }

    /// The Arrow field. Everything may be null, because the columns of a malformed record are.
    pub(super) fn field(&self) -> Field {
        Field::new(free_of_hidden(&self.name), self.wire.data_type(), true)
    }

    /// The column as the light rooms know it.
    pub(super) fn column(&self) -> Column {
        Column { name: free_of_hidden(&self.name), kind: self.wire.kind(), sql_type: self.wire.sql_type() }
    }
}

fn array(kind: CatalogType) -> (Wire, Option<&'static str>) {
    let element = match Type::from_oid(kind.oid).as_ref().map(Type::kind) {
        Some(tokio_postgres::types::Kind::Array(element)) => scalar(CatalogType { oid: element.oid(), is_array: false, ..kind }),
        _ => (Wire::Text, Some(TEXT)),
    };
    match element {
        (_, Some(SHOWN)) => (Wire::List(Box::new(Wire::Text)), Some("text::text[]")),
        (_, Some(_)) => (Wire::List(Box::new(Wire::Text)), Some("text[]")),
        (wire, None) => (Wire::List(Box::new(wire)), None),
    }
}

fn scalar(kind: CatalogType) -> (Wire, Option<&'static str>) {
    let Some(known) = Type::from_oid(kind.oid) else { return (Wire::Text, Some(TEXT)) };
    let wire = match known {
        Type::BOOL => Wire::Bool,
        Type::INT2 => Wire::Int2,
        Type::INT4 => Wire::Int4,
        Type::INT8 => Wire::Int8,
        Type::FLOAT4 => Wire::Float4,
        Type::FLOAT8 => Wire::Float8,
        Type::TEXT | Type::VARCHAR | Type::NAME | Type::JSON => Wire::Text,
        Type::JSONB => Wire::Jsonb,
        Type::UUID => Wire::Uuid,
        Type::BYTEA => Wire::Bytes,
        Type::DATE => Wire::Date,
        Type::TIMESTAMP => Wire::Timestamp,
        Type::TIMESTAMPTZ => Wire::TimestampUtc,
        Type::NUMERIC => match decimal(kind.modifier) {
            Some(wire) => wire,
            None => return (Wire::Text, Some(TEXT)),
        },
        Type::INET => return (Wire::Text, Some(SHOWN)),
        _ => return (Wire::Text, Some(TEXT)),
    };
    (wire, None)
}

/// The decimal that holds every `numeric` of this modifier, if there is one.
///
/// PostgreSQL also has scales below zero and above the precision: `numeric(3, -2)` holds 99,900 and needs five digits,
/// `numeric(2, 5)` holds 0.00099 and needs five as well.
fn decimal(modifier: i32) -> Option<Wire> {
    let packed = modifier.checked_sub(MODIFIER_OFFSET).filter(|packed| *packed >= 0)?;
    let precision = packed >> 16;
    // Eleven bits with sign.
    let scale = ((packed & 0x7ff) ^ 1024) - 1024;
    let (precision, scale) = if scale < 0 { (precision - scale, 0) } else { (precision.max(scale), scale) };
    if precision > MOST_DIGITS {
        return None;
    }
    Some(Wire::Decimal { precision: precision.try_into().ok()?, scale: scale.try_into().ok()? })
}

impl Wire {
    /// The Arrow type.
    pub(super) fn data_type(&self) -> DataType {
        match self {
            Self::Bool => DataType::Boolean,
            Self::Int2 => DataType::Int16,
            Self::Int4 => DataType::Int32,
            Self::Int8 => DataType::Int64,
            Self::Float4 => DataType::Float32,
            Self::Float8 => DataType::Float64,
            Self::Decimal { precision, scale } => DataType::Decimal128(*precision, *scale),
            Self::Text | Self::Jsonb | Self::Uuid => DataType::Utf8,
            Self::Bytes => DataType::Binary,
            Self::Date => DataType::Date32,
            Self::Timestamp => DataType::Timestamp(TimeUnit::Microsecond, None),
            Self::TimestampUtc => DataType::Timestamp(TimeUnit::Microsecond, Some("UTC".into())),
            Self::List(element) => DataType::List(Arc::new(element.item())),
        }
    }

    /// The field of a list of such values.
    pub(super) fn item(&self) -> Field {
        Field::new_list_field(self.data_type(), true)
    }

    fn kind(&self) -> ColumnType {
        match self {
            Self::Bool => ColumnType::Boolean,
            Self::Int2 | Self::Int4 | Self::Int8 => ColumnType::Integer,
            Self::Float4 | Self::Float8 => ColumnType::Float,
            Self::Decimal { .. } => ColumnType::Decimal,
            Self::Text | Self::Jsonb | Self::Uuid => ColumnType::Text,
            Self::Bytes => ColumnType::Binary,
            Self::Date => ColumnType::Date,
            Self::Timestamp | Self::TimestampUtc => ColumnType::Timestamp,
            Self::List(_) => ColumnType::Other,
        }
    }

    /// The type in SQL's words.
    pub(super) fn sql_type(&self) -> String {
        match self {
            Self::Bool => "boolean".into(),
            Self::Int2 => "smallint".into(),
            Self::Int4 => "int".into(),
            Self::Int8 => "bigint".into(),
            Self::Float4 => "real".into(),
            Self::Float8 => "double".into(),
            Self::Decimal { precision, scale } => format!("decimal({precision},{scale})"),
            Self::Text | Self::Jsonb | Self::Uuid => "varchar".into(),
            Self::Bytes => "bytea".into(),
            Self::Date => "date".into(),
            Self::Timestamp => "timestamp".into(),
            Self::TimestampUtc => "timestamp with time zone".into(),
            Self::List(element) => format!("{}[]", element.sql_type()),
        }
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    fn read(oid: u32, modifier: i32, is_array: bool) -> (String, Option<&'static str>) {
        let column = SourceColumn::new("c".into(), String::new(), CatalogType { oid, modifier, is_array });
        (column.wire.sql_type(), column.cast)
    }

    #[test]
    fn numbers_keep_their_digits_or_become_text() {
        let modifier = |precision: i32, scale: i32| ((precision << 16) | (scale & 0x7ff)) + 4;
        let numeric = Type::NUMERIC.oid();
        assert_eq!(read(numeric, modifier(12, 2), false), ("decimal(12,2)".into(), None));
        assert_eq!(read(numeric, modifier(3, -2), false), ("decimal(5,0)".into(), None));
        assert_eq!(read(numeric, modifier(2, 5), false), ("decimal(5,5)".into(), None));
        assert_eq!(read(numeric, modifier(39, 2), false), ("varchar".into(), Some("text")));
        assert_eq!(read(numeric, -1, false), ("decimal(38,10)".into(), None));
        assert_eq!(read(Type::NUMERIC_ARRAY.oid(), -1, true), ("varchar[]".into(), Some("text[]")));
    }

    #[test]
    fn a_numeric_without_digits_becomes_a_decimal_that_holds_its_values() {
        let fitting = |whole_digits, places| {
            let free = CatalogType { oid: Type::NUMERIC.oid(), modifier: -1, is_array: false };
            SourceColumn::new("c".into(), String::new(), free).fitting(whole_digits, places).wire.sql_type()
        };
        assert_eq!([fitting(1, 0), fitting(28, 10)], ["decimal(38,10)"; 2]);
        assert_eq!([fitting(1, 16), fitting(18, 20)], ["decimal(38,20)"; 2]);
        assert_eq!([fitting(30, 2), fitting(38, 0), fitting(22, 16)], ["decimal(38,2)", "decimal(38,0)", "decimal(38,16)"]);
        assert_eq!([fitting(39, 0), fitting(1, 38), fitting(1, 16_000)], ["varchar"; 3]);
    }

    #[test]
    fn arrays_become_lists_of_what_they_hold_or_of_text() {
        assert_eq!(read(Type::INT4_ARRAY.oid(), -1, true), ("int[]".into(), None));
        assert_eq!(read(Type::INTERVAL_ARRAY.oid(), -1, true), ("varchar[]".into(), Some("text[]")));
        assert_eq!(read(4_000_000, -1, true), ("varchar[]".into(), Some("text[]")));
    }

    #[test]
    fn what_is_not_known_comes_as_text() {
        assert_eq!(read(Type::INET.oid(), -1, false), ("varchar".into(), Some("name::text")));
        assert_eq!(read(Type::INET_ARRAY.oid(), -1, true), ("varchar[]".into(), Some("text::text[]")));
        assert_eq!(read(Type::CIDR.oid(), -1, false), ("varchar".into(), Some("text")));
        assert_eq!(read(4_000_000, -1, false), ("varchar".into(), Some("text")));
    }
}
