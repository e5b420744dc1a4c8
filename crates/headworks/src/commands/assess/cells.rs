//! The file that lists suspicious cells.

use std::path::Path;

use hw_assess::{Cell, cells_csv, cells_in_order};
use hw_base::{Error, Result};
use hw_engine::{PlainColumn, write_parquet};

use crate::files::{make_folder_of, write_file};

/// How the cells are written.
#[derive(Clone, Copy)]
pub(super) enum Written {
    Csv,
    Parquet,
}

impl Written {
    /// As the ending of the file's name says.
    pub(super) fn by_ending(file: &Path) -> Result<Self> {
        let ending = file.extension().map(|ending| ending.to_string_lossy().to_lowercase());
        match ending.as_deref() {
            Some("csv") => Ok(Self::Csv),
            Some("parquet") => Ok(Self::Parquet),
            _ => Err(Error::user(format!("`--cells {}` ends in neither `.csv` nor `.parquet`", file.display()))
                .code("HW107")
                .help("cells are written as CSV or as Parquet: name a file such as `cells.csv` or `cells.parquet`")),
        }
    }
}

/// Writes the cells into a file, in the order of rows, then of columns.
pub(super) fn write_cells(file: &Path, cells: Vec<Cell>) -> Result<()> {
    let cells = cells_in_order(cells);
    match Written::by_ending(file)? {
        Written::Csv => write_file(file, &cells_csv(&cells)),
        Written::Parquet => {
            make_folder_of(file)?;
            write_parquet(file, &columns(&cells))
        }
    }
}

/// The same columns as in CSV.
fn columns(cells: &[Cell]) -> [(&'static str, PlainColumn); 6] {
    let text = |of: fn(&Cell) -> &str| PlainColumn::Text(cells.iter().map(|cell| of(cell).to_owned()).collect());
    let rows = cells.iter().map(|cell| i64::try_from(cell.row).unwrap_or(i64::MAX)).collect();
    [
        ("row", PlainColumn::Whole(rows)),
        ("column", text(|cell| &cell.column)),
        ("dimension", text(|cell| cell.dimension.name())),
        ("issue", text(|cell| &cell.issue)),
        ("confidence", PlainColumn::Number(cells.iter().map(|cell| cell.confidence).collect())),
        ("suggestion", text(|cell| &cell.suggestion)),
    ]
}
