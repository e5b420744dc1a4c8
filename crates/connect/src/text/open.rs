//! Record files become a table whose columns have types.

use std::collections::HashMap;
use std::sync::Arc;

use datafusion::arrow::datatypes::{DataType, Field};
use hw_base::{Column, Part, Result, plural};
use hw_text::RecordFile;
use hw_text::infer::{Doubt, infer};

use super::table::RecordTable;
use crate::connectors::{Opened, Reached};
use crate::layout::header_alone;
use crate::types::{Declared, check_declared, column_of, sql_type_to_arrow};

/// How many columns a sentence names.
const MOST_COLUMNS: usize = 3;

/// Types the columns and makes the table. What the project declares comes first, then what the raw copy has, then what
/// the values look like.
pub(super) fn open<F: RecordFile + 'static>(
    columns: &[String],
    files: Vec<F>,
    bytes: u64,
    declared: &Declared,
    expected: &[Column],
) -> Result<Opened> {
    let (inferred, records) = infer(&files.iter().map(|file| file as &dyn RecordFile).collect::<Vec<_>>(), columns.len())?;
    let kept: HashMap<&str, DataType> =
        expected.iter().filter_map(|column| Some((column.name.as_str(), sql_type_to_arrow(&column.sql_type)?))).collect();
    check_declared(columns, declared)?;
    let known = |name: &String| declared.of(name).or_else(|| kept.get(name.as_str())).cloned();
    if records == 0 && !columns.iter().all(|name| known(name).is_some()) {
        return Err(header_alone(files.iter().map(RecordFile::name)));
    }
    let doubted = columns.iter().zip(&inferred).filter_map(|(name, inferred)| {
        let doubt = inferred.doubt?;
        let is_told = known(name).is_none_or(|data_type| doubt == Doubt::Zones && matches!(data_type, DataType::Timestamp(..)));
        is_told.then_some((name.as_str(), doubt))
    });
    let doubts: Vec<(&str, Doubt)> = doubted.collect();
    let told = told(&doubts, &files);
    let fields: Vec<Field> =
        columns.iter().zip(inferred).map(|(name, inferred)| Field::new(name, known(name).unwrap_or(inferred.data_type), true)).collect();
    let described = fields.iter().map(column_of).collect();
    let files = files.into_iter().map(|file| Arc::new(file) as Arc<dyn RecordFile>).collect();
    let guessed = columns.iter().map(|name| declared.of(name).is_none()).collect();
    let table = Arc::new(RecordTable::new(fields, guessed, files, bytes, told));
    Ok(Opened {
        table,
        columns: described,
        has_origin: true,
        rows: (records == 0).then_some(0),
        uneven: Vec::new(),
        rowless: Vec::new(),
        part: Part::Whole,
        reached: Reached::default(),
    })
}

/// What is not certain about columns, a sentence for each kind of doubt.
fn told<F: RecordFile>(doubts: &[(&str, Doubt)], files: &[F]) -> Vec<String> {
    let file = match files {
        [] => String::new(),
        [file] => format!("`{}`", file.name()),
        [first, others @ ..] => format!("`{}` and {}", first.name(), plural(others.len() as u64, "other file")),
    };
    let sentence = |doubt: Doubt| {
        let columns: Vec<&str> = doubts.iter().filter(|(_, other)| *other == doubt).map(|(name, _)| *name).collect();
        let first = columns.first()?;
        let names: Vec<String> = columns.iter().take(MOST_COLUMNS).map(|name| format!("`{name}`")).collect();
        let more = columns.len().saturating_sub(MOST_COLUMNS);
        let more = if more > 0 { format!(" and {}", plural(more as u64, "other column")) } else { String::new() };
        let of = format!("{}{more} of {file}", names.join(", "));
        Some(match doubt {
            Doubt::Codes => format!(
                "digits around an `e`, such as `12e3`, are kept as text in {of}: all values there have one length, as codes have; should they be numbers, write `columns: {{ {first}: double }}` under the source"
            ),
            Doubt::Zones => format!(
                "some moments have a zone and others none in {of}: those without one are taken as UTC; `columns: {{ {first}: text }}` under the source keeps all as they are written"
            ),
        })
    };
    [Doubt::Codes, Doubt::Zones].into_iter().filter_map(sentence).collect()
}
