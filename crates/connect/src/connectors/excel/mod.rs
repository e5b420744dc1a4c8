//! `excel`: the sheets of workbooks, `.xlsx`, `.xls`, `.xlsb` and `.ods`.
//!
//! A sheet is made for eyes: titles stand above the header, columns are left empty, a formula may have failed. The header is the
//! first row that looks like one; every cell below it decides the type of its column; an error such as `#DIV/0!` makes its row
//! malformed, so that it is told and not taken for a missing value.

mod cells;
mod layout;
mod workbook;

use std::collections::BTreeMap;
use std::path::Path;
use std::sync::Arc;

use hw_base::{Result, Settings, SourceFile, Tolerance};
use schemars::{JsonSchema, Schema, SchemaGenerator};
use serde::Deserialize;

use layout::{Reading, Sheet, Survey};
use workbook::Workbook;

use super::csv::one_percent;
use super::{Connector, Place, Source};
use crate::file_source::FileSource;
use crate::layout::rename_or_number;
use crate::parts::{Look, PartOfFile, PartedFormat, PartedSource, parts_of};
use crate::paths::Paths;
use crate::rows::{Cell, Outlet, Wanted};
use crate::types::declared_types;

/// The connector for workbooks.
pub(super) struct Excel;

/// Settings of an `excel` source: sheets of workbooks of Excel (`.xlsx`, `.xlsm`, `.xlsb`, `.xls`) and `OpenDocument` (`.ods`).
#[derive(Clone, Debug, Deserialize, JsonSchema)]
#[serde(deny_unknown_fields)]
pub struct ExcelSettings {
    /// The workbook: `shop.xlsx` for all of its sheets, `shop.xlsx#Orders` for one; or a map from dataset to such a path. A glob
    /// such as `landing/*.xlsx#Orders` reads the sheet of that name in every workbook. Relative paths start at the project folder.
    pub path: Paths,
    /// Whether a row names the columns. Detected; without names they are `column_1`, `column_2` …
    #[serde(default)]
    pub header: Option<bool>,
    /// Rows at the top of the sheet to leave out.
    #[serde(default)]
    pub skip_rows: usize,
    /// Texts and errors that stand for a missing value, beside the empty cell: `["n/a", "#N/A"]`.
    #[serde(default)]
    pub null: Vec<String>,
    /// Types of columns, where the detected ones do not fit: `{ zip: text, amount: "decimal(12,2)" }`.
    #[serde(default)]
    pub columns: BTreeMap<String, String>,
    /// How many rows may be malformed before a delivery is refused. Each one is kept in quarantine.
    #[serde(default = "one_percent")]
    pub malformed: Tolerance,
}

impl Connector for Excel {
    fn kind(&self) -> &'static str {
        "excel"
    }

    fn summary(&self) -> &'static str {
        "sheets of workbooks: .xlsx, .xls, .xlsb, .ods"
    }

    fn endings(&self) -> &'static [&'static str] {
        &["xlsx", "xlsm", "xlsb", "xls", "ods"]
    }

    fn parts(&self, root: &Path, files: &[SourceFile]) -> Result<Option<Vec<String>>> {
        parts_of(&Sheets { reading: Reading::default() }, root, files).map(Some)
    }

    fn names_missing(&self) -> bool {
        true
    }

    fn schema(&self, generator: &mut SchemaGenerator) -> Schema {
        generator.subschema_for::<ExcelSettings>()
    }

    fn source(&self, settings: &Settings, place: Place) -> Result<Box<dyn Source>> {
        let excel: ExcelSettings = settings.read()?;
        // Without a name for each, the path stands for any number of sheets.
        let datasets = if let Paths::One(_) = excel.path { usize::MAX } else { excel.path.count() };
        let declared = Arc::new(declared_types(&excel.columns, settings, datasets)?);
        let files = FileSource { place, paths: excel.path, endings: self.endings() };
        let reading = Reading { header: excel.header, skip_rows: excel.skip_rows, nulls: excel.null };
        Ok(Box::new(PartedSource { files, format: Arc::new(Sheets { reading }), declared, malformed: excel.malformed }))
    }
}

/// The format of a workbook.
#[derive(Debug)]
struct Sheets {
    reading: Reading,
}

impl PartedFormat for Sheets {
    const NOUN: &'static str = "sheet";
    const IS_TYPED_BY_ROWS: bool = true;
    type Shape = Sheet;

    fn renaming(sheet: &Sheet) -> String {
        rename_or_number(sheet.first_row.into())
    }

    fn parts(&self, root: &Path, file: &SourceFile) -> Result<Vec<String>> {
        Workbook::open(root, file)?.sheets_with_cells()
    }

    fn look(&self, root: &Path, file: &SourceFile, part: &str) -> Result<(Look, Sheet)> {
        let mut survey = Survey::new(&self.reading);
        Workbook::open(root, file)?.each_row(part, &mut |row, cells| {
            survey.see(row, cells);
            true
        })?;
        Ok(survey.finish())
    }

    fn read(&self, root: &Path, part: &PartOfFile<Sheet>, wanted: &Wanted, outlet: &mut Outlet) -> Result<()> {
        let (sheet, places) = (&part.shape, part.columns(wanted));
        Workbook::open(root, &part.file)?.each_row(&part.part, &mut |row, cells| {
            if row < sheet.first_row || self.reading.is_empty(cells) {
                return true;
            }
            let value = |place: &Option<usize>| place.map_or(Cell::Null, |place| self.reading.value(cells, sheet.columns[place].at));
            outlet.push(Some(u64::from(row) + 1), &places.iter().map(value).collect::<Vec<_>>())
        })
    }
}
