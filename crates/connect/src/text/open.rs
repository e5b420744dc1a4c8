//! Record files become a table whose columns have types.

use std::collections::HashMap;
use std::sync::Arc;

use datafusion::arrow::datatypes::{DataType, Field};
use hw_base::{Column, Part, Result};
use hw_text::{RecordFile, infer};

use super::table::RecordTable;
use crate::connectors::{Opened, Reached};
use crate::layout::header_alone;
use crate::types::{Declared, check_declared, column_of, sql_type_to_arrow};

/// Types the columns and makes the table. What the project declares comes first, then what the raw copy has, then what
/// the values look like.
pub(super) fn open<F: RecordFile + 'static>(
    columns: &[String],
    files: Vec<F>,
    bytes: u64,
    declared: &Declared,
    expected: &[Column],
) -> Result<Opened> {
    let (inferred, records) = infer::infer(&files.iter().map(|file| file as &dyn RecordFile).collect::<Vec<_>>(), columns.len())?;
    let kept: HashMap<&str, DataType> =
        expected.iter().filter_map(|column| Some((column.name.as_str(), sql_type_to_arrow(&column.sql_type)?))).collect();
    check_declared(columns, declared)?;
    let known = |name: &String| declared.of(name).or_else(|| kept.get(name.as_str())).cloned();
    if records == 0 && !columns.iter().all(|name| known(name).is_some()) {
        return Err(header_alone(files.iter().map(RecordFile::name)));
    }
    let fields: Vec<Field> =
        columns.iter().zip(inferred).map(|(name, inferred)| Field::new(name, known(name).unwrap_or(inferred), true)).collect();
    let described = fields.iter().map(column_of).collect();
    let files = files.into_iter().map(|file| Arc::new(file) as Arc<dyn RecordFile>).collect();
    let guessed = columns.iter().map(|name| declared.of(name).is_none()).collect();
    let table = Arc::new(RecordTable::new(fields, guessed, files, bytes));
    Ok(Opened {
        table,
        columns: described,
        has_origin: true,
        is_empty: records == 0,
        uneven: Vec::new(),
        part: Part::Whole,
        reached: Reached::default(),
    })
}
