//! The columns of several files whose types are told by the files themselves.

use std::collections::HashMap;

use datafusion::arrow::datatypes::{DataType, Field};
use hw_base::{Column, Delivery, Error, Result};

use crate::layout::{Layout, RENAME, check_duplicates};
use crate::types::{Declared, arrow_to_sql_type, common_type, plain_type, sql_type_to_arrow};

/// The columns of a file.
#[derive(Clone, Debug)]
pub(crate) struct FileColumns {
    pub(crate) file: String,
    pub(crate) names: Vec<String>,
    pub(crate) fields: Vec<Field>,
}

impl FileColumns {
    /// The columns that `file` tells.
    pub(crate) fn new(file: &str, fields: Vec<Field>) -> Result<Self> {
        let names: Vec<String> = fields.iter().map(|field| field.name().clone()).collect();
        check_duplicates(file, &names, RENAME)?;
        Ok(Self { file: file.to_owned(), names, fields })
    }
}

/// The columns of all files, each in a type that holds the values of each file and of the raw copy.
pub(crate) fn merged(files: Vec<&FileColumns>, declared: &Declared, delivery: &Delivery) -> Result<Vec<Field>> {
    let by_file = files.iter().map(|file| (file.file.as_str(), &file.names[..])).collect();
    let names = Layout { files: by_file, delivery, declared }.columns()?;
    let kept = |column: &Column| Some((column.name.clone(), (sql_type_to_arrow(&column.sql_type)?, "the raw copy")));
    let mut known: HashMap<String, (DataType, &str)> = delivery.expected.iter().filter_map(kept).collect();
    for file in files {
        for field in file.fields.iter().filter(|field| declared.of(field.name()).is_none()) {
            let found = plain_type(field.data_type());
            let common = match known.get(field.name()) {
                None => (found, file.file.as_str()),
                Some((data_type, before)) => match common_type(data_type, &found) {
                    Some(common) => (common, *before),
                    None => return Err(clash(field.name(), (&file.file, &found), (before, data_type))),
                },
            };
            known.insert(field.name().clone(), common);
        }
    }
    let mut data_type = |name: &String| match (declared.of(name), known.remove(name)) {
        (Some(declared), _) => declared.clone(),
        (None, known) => known.map_or(DataType::Utf8View, |(data_type, _)| data_type),
    };
    let types: Vec<DataType> = names.iter().map(&mut data_type).collect();
    Ok(names.iter().zip(types).map(|(name, data_type)| Field::new(name, data_type, true)).collect())
}

fn clash(column: &str, found: (&str, &DataType), known: (&str, &DataType)) -> Error {
    Error::user(format!("column `{column}` is {} in `{}`", arrow_to_sql_type(found.1), found.0))
        .code("HW204")
        .because(format!("it is {} in {}", arrow_to_sql_type(known.1), known.0))
        .help(if found.1.is_numeric() && known.1.is_numeric() {
            format!(
                "declare the type that holds both, with some 15 digits of each number: `columns: {{ {column}: double }}` under the source; the rows that are there are cast to it"
            )
        } else {
            format!("declare the type that holds both: `columns: {{ {column}: text }}` under the source; the rows that are there are cast to it")
        })
        .help("or write the file again with the type it had")
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn numbers_of_two_types_are_not_declared_as_text() {
        let help = |found: &DataType, known: &DataType| clash("v", ("2.parquet", found), ("1.parquet", known)).remedies()[0].clone();
        assert!(help(&DataType::Decimal128(10, 2), &DataType::Float64).contains("columns: { v: double }"));
        assert!(help(&DataType::Date32, &DataType::Float64).contains("columns: { v: text }"));
    }
}
