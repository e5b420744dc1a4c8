//! The columns of a table that is delivered to: how PostgreSQL writes their types, and whether those that are there still fit.

use datafusion::arrow::datatypes::{DataType, Schema};
use hw_base::{Error, Result};
use tokio_postgres::types::Type;

use super::relation::Relation;
use crate::connectors::postgres::quoted;
use crate::connectors::postgres::types::Wire;

/// A column, and how its values are sent.
#[derive(Clone, Debug, PartialEq)]
pub(in super::super) struct TargetColumn {
    /// Its name.
    pub(in super::super) name: String,
    /// How its values are sent.
    pub(in super::super) wire: Wire,
}

/// A column that a table of the database has.
#[derive(Clone, Debug, PartialEq)]
pub(in super::super) struct PresentColumn {
    /// Its name.
    pub(in super::super) name: String,
    /// Its type, as PostgreSQL writes it.
    pub(super) declared: String,
}

impl TargetColumn {
    /// The column for values of `data_type`.
    pub(super) fn new(name: &str, data_type: &DataType) -> Self {
        Self { name: name.to_owned(), wire: wire(data_type) }
    }

    /// The columns of a schema.
    pub(super) fn all(schema: &Schema) -> Vec<Self> {
        schema.fields().iter().map(|field| Self::new(field.name(), field.data_type())).collect()
    }

    /// The type, as PostgreSQL writes it.
    pub(in super::super) fn declared(&self) -> String {
        declared(&self.wire)
    }

    /// The column as a CREATE TABLE writes it.
    pub(in super::super) fn definition(&self) -> String {
        format!("{} {}", quoted(&self.name), self.declared())
    }
}

/// How values of a type that tables of the warehouse have are sent. What has no counterpart is sent as JSON.
fn wire(data_type: &DataType) -> Wire {
    match data_type {
        DataType::Boolean => Wire::Bool,
        DataType::Int8 | DataType::Int16 | DataType::UInt8 => Wire::Int2,
        DataType::Int32 | DataType::UInt16 => Wire::Int4,
        DataType::Int64 | DataType::UInt32 => Wire::Int8,
        DataType::UInt64 => Wire::Decimal { precision: 20, scale: 0 },
        DataType::Float16 | DataType::Float32 => Wire::Float4,
        DataType::Float64 => Wire::Float8,
        DataType::Decimal32(precision, scale) | DataType::Decimal64(precision, scale) | DataType::Decimal128(precision, scale)
            if *scale >= 0 =>
        {
            Wire::Decimal { precision: *precision, scale: *scale }
        }
        DataType::Utf8 | DataType::LargeUtf8 | DataType::Utf8View => Wire::Text,
        DataType::Binary | DataType::LargeBinary | DataType::BinaryView | DataType::FixedSizeBinary(_) => Wire::Bytes,
        DataType::Date32 | DataType::Date64 => Wire::Date,
        DataType::Timestamp(_, None) => Wire::Timestamp,
        DataType::Timestamp(_, Some(_)) => Wire::TimestampUtc,
        DataType::Dictionary(_, value) => wire(value),
        DataType::List(item) | DataType::LargeList(item) => match wire(item.data_type()) {
            Wire::List(_) | Wire::Jsonb => Wire::Jsonb,
            element => Wire::List(Box::new(element)),
        },
        _ => Wire::Jsonb,
    }
}

fn declared(wire: &Wire) -> String {
    match wire {
        Wire::Bool => "boolean".into(),
        Wire::Int2 => "smallint".into(),
        Wire::Int4 => "integer".into(),
        Wire::Int8 => "bigint".into(),
        Wire::Float4 => "real".into(),
        Wire::Float8 => "double precision".into(),
        Wire::Decimal { precision, scale } => format!("numeric({precision},{scale})"),
        Wire::Text | Wire::Uuid => "text".into(),
        Wire::Jsonb => "jsonb".into(),
        Wire::Bytes => "bytea".into(),
        Wire::Date => "date".into(),
        Wire::Timestamp => "timestamp without time zone".into(),
        Wire::TimestampUtc => "timestamp with time zone".into(),
        Wire::List(element) => format!("{}[]", declared(element)),
    }
}

/// The type of the elements of an array, by PostgreSQL's number for it.
pub(super) fn element_oid(element: &Wire) -> u32 {
    let known = match element {
        Wire::Bool => Type::BOOL,
        Wire::Int2 => Type::INT2,
        Wire::Int4 => Type::INT4,
        Wire::Int8 => Type::INT8,
        Wire::Float4 => Type::FLOAT4,
        Wire::Float8 => Type::FLOAT8,
        Wire::Decimal { .. } => Type::NUMERIC,
        Wire::Text | Wire::Uuid => Type::TEXT,
        Wire::Jsonb | Wire::List(_) => Type::JSONB,
        Wire::Bytes => Type::BYTEA,
        Wire::Date => Type::DATE,
        Wire::Timestamp => Type::TIMESTAMP,
        Wire::TimestampUtc => Type::TIMESTAMPTZ,
    };
    known.oid()
}

/// The columns to add to a table that has `present`, so that it takes rows of `wanted`.
///
/// # Errors
/// HW207 for each column that is gone or has another type, with the statement that mends it.
pub(in super::super) fn to_add<'a>(
    table: &Relation,
    present: &[PresentColumn],
    wanted: &'a [TargetColumn],
) -> Result<Vec<&'a TargetColumn>> {
    let find = |name: &str| wanted.iter().find(|column| column.name == name);
    let gone = present.iter().filter(|column| find(&column.name).is_none()).map(|column| gone(table, column));
    let retyped = present.iter().filter_map(|column| Some((column, find(&column.name)?)));
    let retyped = retyped.filter(|(column, wanted)| column.declared != wanted.declared()).map(|(was, is)| retype(table, was, is));
    Error::all(gone.chain(retyped).collect()).map_or(Ok(()), Err)?;
    Ok(wanted.iter().filter(|column| present.iter().all(|known| known.name != column.name)).collect())
}

fn gone(table: &Relation, column: &PresentColumn) -> Error {
    let name = &column.name;
    Error::user(format!("`{table}` has a column `{name}` that the model does not have"))
        .code("HW207")
        .because("somebody may read it there, so it is not dropped")
        .help(format!("if nobody does: `alter table {} drop column {}`; the next run goes on", table.sql(), quoted(name)))
        .help("else keep it in the SELECT, or deliver to another table: `table: …`")
}

fn retype(table: &Relation, was: &PresentColumn, is: &TargetColumn) -> Error {
    let (name, now) = (&is.name, is.declared());
    Error::user(format!("column `{name}` of `{table}` is {}, and {now} in the model", was.declared))
        .code("HW207")
        .because("changing it would lock readers out while all rows are written anew, and views may depend on it")
        .help(format!("change it yourself: `alter table {} alter column {} type {now}`; the next run goes on", table.sql(), quoted(name)))
        .help("else cast it in the SELECT, or deliver to another table: `table: …`")
}

#[cfg(test)]
mod tests {
    use std::sync::Arc;

    use datafusion::arrow::datatypes::Field;

    use super::*;

    fn column(name: &str, data_type: &DataType) -> TargetColumn {
        TargetColumn::new(name, data_type)
    }

    #[test]
    fn types_are_written_as_postgresql_writes_them() {
        let list = |item: DataType| DataType::List(Arc::new(Field::new_list_field(item, true)));
        let declared = |data_type: &DataType| column("c", data_type).declared();
        assert_eq!(declared(&DataType::Decimal128(12, 2)), "numeric(12,2)");
        assert_eq!(declared(&DataType::UInt64), "numeric(20,0)");
        assert_eq!(declared(&list(DataType::Int32)), "integer[]");
        assert_eq!(declared(&list(list(DataType::Int32))), "jsonb");
        assert_eq!(declared(&DataType::Struct(vec![Field::new("a", DataType::Int8, true)].into())), "jsonb");
    }

    #[test]
    fn new_columns_are_added_and_all_others_are_told() {
        let table = Relation::of("analytics.orders", "public");
        let present = |name: &str, declared: &str| PresentColumn { name: name.into(), declared: declared.into() };
        let wanted = [column("id", &DataType::Int64), column("note", &DataType::Utf8)];
        let added = to_add(&table, &[present("id", "bigint")], &wanted).unwrap();
        assert_eq!(added, [&wanted[1]]);
        let refused = to_add(&table, &[present("id", "integer"), present("Old", "text")], &wanted).unwrap_err();
        let text = refused.to_string();
        assert!(text.contains("alter column \"id\" type bigint"), "{text}");
        assert!(text.contains("drop column \"Old\""), "{text}");
    }
}
