//! A workbook, opened by what it is and not by what it is called.

use std::fs::File;
use std::io::{BufReader, Read};
use std::path::Path;

use calamine::{
    Data, DataRef, Error as BookError, Ods, OdsError, Reader, SheetType, Sheets, Xls, XlsError, Xlsb, XlsbError, Xlsx, XlsxError,
};
use hw_base::{Error, Result, SourceFile};

use super::layout::Row;
use crate::files::{path_of, unreadable};
use crate::recognise::content;

type Book = Sheets<BufReader<File>>;

/// An opened workbook.
pub(super) struct Workbook<'a> {
    file: &'a SourceFile,
    book: Book,
}

/// How a workbook of one format is opened.
type Opening = fn(BufReader<File>) -> std::result::Result<Book, BookError>;

impl<'a> Workbook<'a> {
    /// Opens a workbook.
    pub(super) fn open(root: &Path, file: &'a SourceFile) -> Result<Self> {
        let path = path_of(root, file);
        let mut head = Vec::new();
        let read = File::open(&path).and_then(|opened| opened.take(4096).read_to_end(&mut head));
        read.map_err(|error| unreadable(&file.path, &error))?;
        match &head[..] {
            [] => Err(Error::user(format!("`{}` is empty", file.path)).code("HW202").help("look whether it is the right file")),
            [b'P', b'K', ..] => Self::first_of(&[xlsx, ods, xlsb], &path, file),
            [0xD0, 0xCF, 0x11, 0xE0, ..] => Self::first_of(&[xls, xlsx], &path, file),
            _ => Err(Error::user(format!("`{}` is no workbook", file.path))
                .code("HW203")
                .because(format!("it begins as {}", content(&head)))
                .help("programs that export tables of HTML or text as `.xls` make no workbook: save it as `.xlsx`, or read it as CSV")),
        }
    }

    /// The workbook in the first format that it is in.
    fn first_of(formats: &[Opening], path: &Path, file: &'a SourceFile) -> Result<Self> {
        let mut first = None;
        for format in formats {
            let opened = File::open(path).map_err(|error| unreadable(&file.path, &error))?;
            match format(BufReader::new(opened)) {
                Ok(book) => return Ok(Self { file, book }),
                Err(error) if is_about_password(&error) => return Err(locked(file)),
                Err(error) => _ = first.get_or_insert(error),
            }
        }
        Err(damaged(file, first.as_ref()))
    }

    /// The names of the sheets that have a cell, in their order.
    pub(super) fn sheets_with_cells(&mut self) -> Result<Vec<String>> {
        let sheets: Vec<String> =
            self.book.sheets_metadata().iter().filter(|sheet| sheet.typ == SheetType::WorkSheet).map(|sheet| sheet.name.clone()).collect();
        let mut found = Vec::new();
        for sheet in sheets {
            let mut has_cells = false;
            self.each_row(&sheet, &mut |_, cells| {
                has_cells = !cells.is_empty();
                !has_cells
            })?;
            if has_cells {
                found.push(sheet);
            }
        }
        Ok(found)
    }

    /// Hands the rows of a sheet on, each with its number from 0, until `take` wants no more.
    pub(super) fn each_row(&mut self, sheet: &str, take: &mut dyn FnMut(u32, &Row) -> bool) -> Result<()> {
        let file = self.file;
        let read = match &mut self.book {
            Sheets::Xlsx(book) => each_row_of_stream(book, sheet, take).map_err(BookError::Xlsx),
            book => each_row_of_range(book, sheet, take),
        };
        read.map_err(|error| damaged(file, Some(&error)))
    }
}

fn xlsx(file: BufReader<File>) -> std::result::Result<Book, BookError> {
    Xlsx::new(file).map(Sheets::Xlsx).map_err(BookError::Xlsx)
}

fn ods(file: BufReader<File>) -> std::result::Result<Book, BookError> {
    Ods::new(file).map(Sheets::Ods).map_err(BookError::Ods)
}

fn xlsb(file: BufReader<File>) -> std::result::Result<Book, BookError> {
    Xlsb::new(file).map(Sheets::Xlsb).map_err(BookError::Xlsb)
}

fn xls(file: BufReader<File>) -> std::result::Result<Book, BookError> {
    Xls::new(file).map(Sheets::Xls).map_err(BookError::Xls)
}

/// Reads cell by cell, so that a sheet needs no more memory than one of its rows.
fn each_row_of_stream(
    book: &mut Xlsx<BufReader<File>>,
    sheet: &str,
    take: &mut dyn FnMut(u32, &Row) -> bool,
) -> std::result::Result<(), XlsxError> {
    let mut cells = book.worksheet_cells_reader(sheet)?;
    let (mut number, mut row): (u32, Vec<(u32, Data)>) = (0, Vec::new());
    while let Some(cell) = cells.next_cell()? {
        let (row_of_cell, place) = cell.get_position();
        if row_of_cell != number {
            if !row.is_empty() && !take(number, sorted(&mut row)) {
                return Ok(());
            }
            row.clear();
            number = row_of_cell;
        }
        if !matches!(cell.get_value(), DataRef::Empty) {
            row.push((place, Data::from(cell.get_value().clone())));
        }
    }
    if !row.is_empty() {
        take(number, sorted(&mut row));
    }
    Ok(())
}

fn sorted(row: &mut [(u32, Data)]) -> &Row {
    row.sort_by_key(|(place, _)| *place);
    row
}

fn each_row_of_range(book: &mut Book, sheet: &str, take: &mut dyn FnMut(u32, &Row) -> bool) -> std::result::Result<(), BookError> {
    let range = book.worksheet_range(sheet)?;
    let (first_row, first_place) = range.start().unwrap_or_default();
    for (number, cells) in (first_row..).zip(range.rows()) {
        let cells = (first_place..).zip(cells).filter(|(_, data)| **data != Data::Empty);
        let row: Vec<(u32, Data)> = cells.map(|(place, data)| (place, data.clone())).collect();
        if !row.is_empty() && !take(number, &row) {
            break;
        }
    }
    Ok(())
}

fn is_about_password(error: &BookError) -> bool {
    matches!(
        error,
        BookError::Xlsx(XlsxError::Password)
            | BookError::Xls(XlsError::Password)
            | BookError::Ods(OdsError::Password)
            | BookError::Xlsb(XlsbError::Password)
    )
}

fn locked(file: &SourceFile) -> Error {
    Error::user(format!("the workbook `{}` is protected by a password", file.path))
        .code("HW203")
        .because("its content is encrypted, and Headworks asks for no passwords of files")
        .help("save a copy without a password: File, Info, Protect Workbook in Excel")
}

fn damaged(file: &SourceFile, error: Option<&BookError>) -> Error {
    let damaged = Error::user(format!("the workbook `{}` is damaged or incomplete", file.path)).code("HW203");
    let damaged = match error {
        Some(error) => damaged.because(error),
        None => damaged,
    };
    damaged.help("open it, save it again and fetch it anew; nothing of it was loaded")
}
