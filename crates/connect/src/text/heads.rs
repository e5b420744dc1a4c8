//! The heads of CSV files: what their first bytes tell about encoding, dialect and columns.

use std::path::{Path, PathBuf};

use encoding_rs::{Encoding, UTF_8};
use hw_base::{ByteSize, Column, Delivery, Error, Result, SourceFile, Span, plural};
use hw_text::{
    DelimitedFile, Dialect, KnownDialect, KnownFields, Quote, SAMPLE_BYTES, decode_sample, encoding_of, is_wide, line_end, sample,
};
use memchr::memchr;

use super::open::open;
use crate::connectors::Opened;
use crate::files::{path_of, unreadable};
use crate::layout::{self, Layout};
use crate::types::Declared;

/// What a project says about its CSV files; the rest is detected.
#[derive(Debug)]
pub(crate) struct DelimitedOptions {
    pub(crate) delimiter: Option<u8>,
    pub(crate) quote: Quote,
    pub(crate) comment: Option<u8>,
    pub(crate) encoding: Option<&'static Encoding>,
    pub(crate) has_header: Option<bool>,
    pub(crate) nulls: Vec<String>,
    pub(crate) declared: Declared,
    /// Lines above the header; those of titles and comments where nothing is said.
    pub(crate) skip_rows: Option<usize>,
    pub(crate) places: Places,
}

/// Where a project says what may not fit its files.
#[derive(Debug, Default)]
pub(crate) struct Places {
    pub(crate) delimiter: Option<Span>,
    pub(crate) encoding: Option<Span>,
}

/// The encoding of a name.
pub(crate) fn encoding_named(label: &str) -> Result<&'static Encoding> {
    hw_text::encoding_named(label).ok_or_else(|| {
        Error::user(format!("`{label}` is no encoding"))
            .code("HW104")
            .help("write for instance `utf-8`, `latin1`, `windows-1252`, `utf-16le` or `shift_jis`")
    })
}

/// Opens CSV files as one dataset.
pub(crate) fn open_delimited(root: &Path, files: &[SourceFile], options: &DelimitedOptions, delivery: &Delivery) -> Result<Opened> {
    let mut heads = Vec::with_capacity(files.len());
    for file in files {
        heads.extend(Head::read(root, file, options, &delivery.expected)?);
    }
    if heads.is_empty() {
        return Err(empty(files, "it holds not even a header"));
    }
    layout::in_known_case(heads.iter_mut().map(|head| &mut head.columns), delivery);
    let files_of = heads.iter().map(|head| (head.name.as_str(), &head.columns[..])).collect();
    let layout = Layout { files: files_of, delivery, declared: &options.declared };
    let columns = layout.columns()?;
    let uneven = layout::uneven(heads.iter().map(|head| &head.columns[..]), &options.declared);
    let bytes = files.iter().map(|file| file.bytes).sum();
    let rowless = heads.iter().filter(|head| head.is_alone).map(|head| head.name.clone()).collect();
    let readable = heads.into_iter().map(|head| head.into_file(&columns, options)).collect();
    Ok(Opened { uneven, rowless, ..open(&columns, readable, bytes, &options.declared, &delivery.expected)? })
}

/// The error for files without a byte, of which `lacking` says what they ought to hold.
pub(super) fn empty(files: &[SourceFile], lacking: &str) -> Error {
    let names: Vec<String> = files.iter().take(5).map(|file| format!("`{}`", file.path)).collect();
    let what = if files.len() == 1 { "is empty" } else { "are empty" };
    Error::user(format!("{} {what}", names.join(", "))).code("HW202").help(format!("check the export that writes it; {lacking}"))
}

/// What is known about a file before its records are read.
struct Head {
    name: String,
    path: PathBuf,
    encoding: &'static Encoding,
    mark: usize,
    /// Lines above the header.
    above: usize,
    dialect: Dialect,
    columns: Vec<String>,
    /// Whether it is a header and nothing else.
    is_alone: bool,
    guesses: Vec<String>,
}

impl Head {
    /// Reads the head of a file; `None` for an empty one.
    fn read(root: &Path, file: &SourceFile, options: &DelimitedOptions, expected: &[Column]) -> Result<Option<Self>> {
        let path = path_of(root, file);
        let first = sample(&path, SAMPLE_BYTES).map_err(|error| unreadable(&file.path, &error))?;
        let (encoding, mark) = encoding_of(&first, options.encoding);
        let is_whole = first.len() < SAMPLE_BYTES;
        let text = decode_sample(&first, encoding, mark);
        if options.encoding.is_some() && is_wide(encoding) && mark == 0 && !first.contains(&0) && !first.is_empty() {
            return Err(narrow(&file.path, encoding, options));
        }
        check_is_text(&file.path, &first, &text)?;
        let line_end = line_end(&text);
        let skipped = options.skip_rows.unwrap_or_default();
        let text = without_lines(&text, skipped, line_end);
        let told = told_delimiter(text, line_end);
        let above = skipped + usize::from(told.is_some());
        let text = without_lines(text, above - skipped, line_end);
        if text.trim_ascii().is_empty() {
            return Ok(None);
        }
        let mut dialect = Dialect::detect(text, is_whole, options.known(told, expected));
        let (above, text) = (above + dialect.above, without_lines(text, dialect.above, line_end));
        if !dialect.holds_a_record(text, is_whole) {
            return Err(endless(&file.path));
        }
        if let Some(likelier) = options.delimiter.and_then(|_| dialect.likelier_delimiter(text, is_whole)) {
            return Err(other_delimiter(&file.path, dialect.marks.delimiter, likelier, options));
        }
        if options.has_header.is_none() {
            dialect.has_header = known_header(&dialect, expected, is_whole.then_some(text)).unwrap_or(dialect.has_header);
        }
        let columns = names(&dialect.first, dialect.has_header);
        if columns.is_empty() {
            return Err(no_field(&file.path));
        }
        let header_lines = dialect.header_lines(text, is_whole);
        let header_end = above as u64 + header_lines;
        let below = without_lines(text, usize::try_from(header_lines).unwrap_or(usize::MAX), line_end);
        let is_alone = is_whole && dialect.has_header && below.trim_ascii().is_empty();
        layout::check_duplicates(&file.path, &columns, &layout::rename_or_number(header_end))?;
        let is_guessed = options.encoding.is_none() && mark == 0 && encoding != UTF_8;
        let unused = if options.delimiter.is_none() { dialect.unused_delimiter(text, is_whole) } else { None };
        let guesses = [
            is_guessed.then(|| guessed_encoding(&file.path, encoding)),
            (dialect.above > 0).then(|| guessed_titles(&file.path, &dialect)),
            dialect.has_uneven_ends.then(|| guessed_ends(&file.path)),
            dialect.has_row_names.then(|| guessed_row_names(&file.path)),
            dialect.telling_year.as_ref().filter(|_| dialect.has_header && expected.is_empty()).map(|year| guessed_year(&file.path, year)),
            dialect.is_of_groups(text, is_whole).then(|| guessed_names(&file.path)),
            unused.map(|delimiter| guessed_column(&file.path, delimiter, dialect.is_of_numbers(text, is_whole))),
        ];
        let guesses = guesses.into_iter().flatten().collect();
        Ok(Some(Self { name: file.path.clone(), path, encoding, mark, above, dialect, columns, is_alone, guesses }))
    }

    fn into_file(self, columns: &[String], options: &DelimitedOptions) -> DelimitedFile {
        DelimitedFile {
            places: layout::places(columns, &self.columns),
            width: self.columns.len(),
            name: self.name,
            path: self.path,
            encoding: self.encoding,
            mark: self.mark,
            marks: self.dialect.marks,
            skip_rows: self.above,
            has_header: self.dialect.has_header,
            nulls: options.nulls.clone(),
            guesses: self.guesses,
        }
    }
}

impl Default for DelimitedOptions {
    fn default() -> Self {
        Self {
            delimiter: None,
            quote: Quote::Detected,
            comment: None,
            encoding: None,
            has_header: None,
            nulls: Vec::new(),
            declared: Declared::default(),
            skip_rows: None,
            places: Places::default(),
        }
    }
}

impl DelimitedOptions {
    fn known(&self, told: Option<u8>, expected: &[Column]) -> KnownDialect {
        KnownDialect {
            delimiter: self.delimiter.or(told),
            quote: self.quote,
            comment: self.comment,
            has_header: self.has_header,
            may_have_titles: self.skip_rows.is_none(),
            fields: self.known_fields(expected),
        }
    }

    /// What the columns that the raw copy has and those that are declared tell about the fields of a record: columns without a name are
    /// numbered, and where `column_1` is none of them, no file begins with one.
    fn known_fields(&self, expected: &[Column]) -> KnownFields {
        let number = |column: &Column| column.name.strip_prefix("column_")?.parse::<usize>().ok();
        let fewest = expected.iter().filter_map(number).max().unwrap_or_default();
        let names = || expected.iter().map(|column| &column.name).chain(self.declared.types.keys());
        let are_unknown = names().next().is_none();
        let may_begin_unnamed = self.has_header != Some(false) && (are_unknown || names().any(|name| name == "column_1"));
        KnownFields { fewest, may_begin_unnamed }
    }
}

/// Whether the first record of a file is a header, where the columns of earlier files tell: it is one if it holds their names, and none if these
/// have no names and nothing but a year tells, or the file, of which `whole` is the text, has no other record that could tell.
fn known_header(dialect: &Dialect, expected: &[Column], whole: Option<&[u8]>) -> Option<bool> {
    let is_expected = |name: &String| expected.iter().any(|column| column.name == *name);
    let has_no_names = |count: usize| expected.len() == count && names(&dialect.first, false).iter().all(is_expected);
    let is_one_record = || whole.is_some_and(|text| memchr(dialect.marks.line_end, text.trim_ascii_end()).is_none());
    match dialect.has_header {
        false if dialect.first.len() > 1 && names(&dialect.first, true).iter().all(is_expected) => Some(true),
        true if has_no_names(dialect.first.len()) && (dialect.telling_year.is_some() || is_one_record()) => Some(false),
        _ => None,
    }
}

/// The names of the columns; those without a name are numbered.
fn names(first: &[String], has_header: bool) -> Vec<String> {
    let named = |(at, field): (usize, &String)| match field.trim() {
        name if name.is_empty() || !has_header => format!("column_{}", at + 1),
        name => layout::free_of_hidden(name),
    };
    first.iter().enumerate().map(named).collect()
}

/// The delimiter that the file itself tells in a line of its own, `sep=;`, as Excel writes and reads it.
fn told_delimiter(text: &[u8], line_end: u8) -> Option<u8> {
    let line = text.split(|byte| *byte == line_end).next()?;
    let line = line.strip_suffix(b"\r").unwrap_or(line);
    match line.strip_prefix(b"\"").and_then(|line| line.strip_suffix(b"\"")).unwrap_or(line) {
        [word @ .., b'=', delimiter] if word.eq_ignore_ascii_case(b"sep") && !delimiter.is_ascii_alphanumeric() => Some(*delimiter),
        _ => None,
    }
}

fn without_lines(mut text: &[u8], lines: usize, line_end: u8) -> &[u8] {
    for _ in 0..lines {
        text = memchr(line_end, text).and_then(|end| text.get(end + 1..)).unwrap_or_default();
    }
    text
}

/// What helps with files that are packed in a way that nobody unpacks here.
const UNPACK: &str = "unpack it; of compressed files only those of gzip and zstd are read as they are";

/// Refuses what is no text, and says what it is where its first bytes tell.
pub(crate) fn check_is_text(name: &str, raw: &[u8], text: &[u8]) -> Result<()> {
    let what = match raw {
        // A header may begin with the same letters.
        _ if raw.starts_with(b"PAR1\x15") => {
            Some(("a Parquet file", "read it as `parquet: { path: … }`, or give it the ending `.parquet`"))
        }
        [b'P', b'K', 3, 4, ..] => Some(("a ZIP archive or a workbook", "unpack it, or give it the ending `.xlsx` or `.ods`")),
        [0xD0, 0xCF, 0x11, 0xE0, ..] => Some(("an old Excel workbook", "save the sheet as CSV")),
        _ if raw.starts_with(b"SQLite format 3\0") => Some(("an SQLite database", "export its tables as CSV")),
        [b'%', b'P', b'D', b'F', ..] => Some(("a PDF document", "ask for the data as CSV")),
        [b'B', b'Z', b'h', b'1'..=b'9', b'1', b'A', b'Y', b'&', b'S', b'Y', ..] => Some(("a file compressed with bzip2", UNPACK)),
        [0xFD, b'7', b'z', b'X', b'Z', 0, ..] => Some(("a file compressed with xz", UNPACK)),
        [0x04, 0x22, 0x4D, 0x18, ..] => Some(("a file compressed with LZ4", UNPACK)),
        [b'7', b'z', 0xBC, 0xAF, 0x27, 0x1C, ..] => Some(("a 7z archive", UNPACK)),
        [b'R', b'a', b'r', b'!', 0x1A, 0x07, ..] => Some(("a RAR archive", UNPACK)),
        _ => None,
    };
    let refused = |what: &str, because: String| Error::user(format!("`{name}` is {what}")).code("HW203").because(because);
    match (what, odd_line(text)) {
        (Some((what, help)), _) => Err(refused(what, "text was expected".into()).help(help)),
        (None, Some(line)) => Err(refused("no text", format!("text was expected, and line {line} holds characters that no text has"))
            .help("look at the file; an encoding can be named under `encoding:`")),
        (None, None) => Ok(()),
    }
}

/// How many characters that no text holds may be flaws of a few cells, however short the text.
const FEW_ODD: usize = 4;

/// The first line with a character that no text holds, where more than one in fifty is such a one, and they are no few.
fn odd_line(text: &[u8]) -> Option<usize> {
    let is_odd = |byte: &u8| matches!(byte, 0..=8 | 14..=26 | 28..=31);
    let first = text.iter().position(is_odd)?;
    let odd = text.iter().filter(|byte| is_odd(byte)).count();
    let looks_binary = odd > FEW_ODD && odd * 50 > text.len();
    looks_binary.then(|| 1 + memchr::memchr_iter(b'\n', text.get(..first).unwrap_or_default()).count())
}

/// Every line end and every delimiter in UTF-16 has a zero byte.
fn narrow(name: &str, encoding: &'static Encoding, options: &DelimitedOptions) -> Error {
    let error = Error::user(format!("`{name}` does not look like {}", encoding.name()))
        .code("HW203")
        .because("it has no zero byte, as every line end would have one in that encoding")
        .help("leave `encoding:` out, then it is detected; or name the one in which the file is written");
    placed(error, options.places.encoding.as_ref())
}

fn guessed_encoding(name: &str, encoding: &'static Encoding) -> String {
    let encoding = encoding.name().to_lowercase();
    format!(
        "`{name}` is no UTF-8 and is read as {encoding}; should letters look wrong, name its encoding: `encoding: …` under a `csv` source"
    )
}

fn guessed_titles(name: &str, dialect: &Dialect) -> String {
    let (lines, are) = (plural(dialect.above as u64, "line"), if dialect.above == 1 { "is" } else { "are" });
    let (first, is) = if dialect.has_header { ("header", "the header") } else { ("first record", "a record") };
    format!("{lines} above the {first} of `{name}` {are} left out; `skip_rows: 0` under a `csv` source has the first line be {is}")
}

fn guessed_ends(name: &str) -> String {
    format!("a delimiter ends the first record of `{name}` and not all others; the empty field behind it is left out")
}

fn guessed_row_names(name: &str) -> String {
    format!(
        "records of `{name}` have one field more than the header: the first one is taken for the names of rows, as R writes them, and is `column_1`; where the last one has no name instead, add that to the header"
    )
}

fn guessed_names(name: &str) -> String {
    format!(
        "the header of `{name}` leaves columns without names, and the record below it holds some: where that is the header, write `skip_rows: 1` under a `csv` source"
    )
}

fn guessed_year(name: &str, year: &str) -> String {
    format!(
        "the first record of `{name}` is taken for the header, of which `{}` names a column as a year; `header: false` under a `csv` source has it be a row",
        year.trim()
    )
}

fn guessed_column(name: &str, delimiter: u8, is_of_numbers: bool) -> String {
    let delimiter = shown(delimiter);
    if is_of_numbers {
        return format!(
            "`{name}` is read as one column, and most of its lines hold {delimiter}, which is taken for the decimal comma of numbers; `delimiter: {delimiter}` under a `csv` source has it stand between fields"
        );
    }
    format!(
        "`{name}` is read as one column, and most of its lines hold {delimiter}; should that stand between fields, write `delimiter: {delimiter}` under a `csv` source, and `skip_rows: 1` where a title is above the header"
    )
}

/// A delimiter as a project writes it.
fn shown(delimiter: u8) -> String {
    if delimiter == b'\t' { "tab".to_owned() } else { format!("\"{}\"", char::from(delimiter)) }
}

fn other_delimiter(name: &str, declared: u8, likelier: u8, options: &DelimitedOptions) -> Error {
    let error = Error::user(format!("no line of `{name}` has the delimiter {}", shown(declared)))
        .code("HW203")
        .because(format!("all lines have as many fields by {}", shown(likelier)))
        .help(format!("write `delimiter: {}`, or leave it out, then it is detected for each file", shown(likelier)));
    placed(error, options.places.delimiter.as_ref())
}

fn placed(error: Error, place: Option<&Span>) -> Error {
    match place {
        Some(span) => error.at(span.clone()),
        None => error,
    }
}

fn no_field(name: &str) -> Error {
    Error::user(format!("the first record of `{name}` cannot be read"))
        .code("HW203")
        .because("the quote that it begins with is not closed as it must be: behind it stands neither a delimiter nor the end of the line")
        .help("look at the file; where quotes are a part of the values, write `quote: \"\"` under a `csv` source")
}

fn endless(name: &str) -> Error {
    Error::user(format!("the first record of `{name}` does not end within {}", ByteSize(SAMPLE_BYTES as u64)))
        .code("HW203")
        .because("a header is expected there")
        .help("look at the file; a quote that is never closed can be ruled out with `quote: \"\"`")
}
