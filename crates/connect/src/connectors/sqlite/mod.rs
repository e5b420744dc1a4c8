//! `sqlite`: the tables and views of SQLite databases.
//!
//! SQLite keeps any value in any column, whatever type is declared. So a declared type holds where most of the first rows keep
//! to it; else the values decide. What is there all the same and does not fit, such as a text among numbers, makes its row
//! malformed.

mod declared;

use std::collections::BTreeMap;
use std::io::Read;
use std::path::Path;
use std::sync::Arc;
use std::time::{Duration, UNIX_EPOCH};

use datafusion::arrow::datatypes::DataType;
use hw_base::{Error, Result, Settings, SourceFile, Tolerance};
use rusqlite::types::ValueRef;
use rusqlite::{Connection, ErrorCode, OpenFlags, Rows, Statement};
use schemars::{JsonSchema, Schema, SchemaGenerator};
use serde::Deserialize;

use declared::{Declaration, Tally};

use super::csv::one_percent;
use super::{Connector, Place, Source};
use crate::file_source::FileSource;
use crate::files::{list, path_of, unreadable};
use crate::layout::RENAME;
use crate::parts::{Look, PartOfFile, PartedFormat, PartedSource, parts_of};
use crate::paths::Paths;
use crate::recognise::content;
use crate::rows::{Cell, Outlet, Wanted};
use crate::types::declared_types;

/// What every database starts with.
const MARK: &[u8; 16] = b"SQLite format 3\0";
/// How long to wait for a program that writes.
const PATIENCE: Duration = Duration::from_secs(5);
/// How many rows decide the types of the columns.
const ROWS_LOOKED_AT: usize = 20_000;

/// The connector for SQLite.
pub(super) struct Sqlite;

/// Settings of a `sqlite` source: tables and views of SQLite databases, opened for reading only.
#[derive(Clone, Debug, Deserialize, JsonSchema)]
#[serde(deny_unknown_fields)]
pub struct SqliteSettings {
    /// The database: `shop.db` for all of its tables, `shop.db#orders` for one; or a map from dataset to such a path. A glob
    /// such as `shops/*.db#orders` reads the table of that name in every database. Relative paths start at the project folder.
    pub path: Paths,
    /// Types of columns, where those found do not fit: `{ amount: "decimal(12,2)" }`.
    #[serde(default)]
    pub columns: BTreeMap<String, String>,
    /// How many rows may be malformed before a delivery is refused. Each one is kept in quarantine.
    #[serde(default = "one_percent")]
    pub malformed: Tolerance,
}

impl Connector for Sqlite {
    fn kind(&self) -> &'static str {
        "sqlite"
    }

    fn summary(&self) -> &'static str {
        "tables and views of SQLite databases"
    }

    fn endings(&self) -> &'static [&'static str] {
        &["db", "sqlite", "sqlite3", "db3"]
    }

    fn is_content(&self, head: &[u8]) -> bool {
        head.starts_with(MARK)
    }

    fn parts(&self, root: &Path, files: &[SourceFile]) -> Result<Option<Vec<String>>> {
        parts_of(&Database, root, files).map(Some)
    }

    fn schema(&self, generator: &mut SchemaGenerator) -> Schema {
        generator.subschema_for::<SqliteSettings>()
    }

    fn source(&self, settings: &Settings, place: Place) -> Result<Box<dyn Source>> {
        let sqlite: SqliteSettings = settings.read()?;
        // Without a name for each, the path stands for any number of tables.
        let datasets = if let Paths::One(_) = sqlite.path { usize::MAX } else { sqlite.path.count() };
        let declared = Arc::new(declared_types(&sqlite.columns, settings, datasets)?);
        let files = FileSource { place, paths: sqlite.path, endings: self.endings() };
        Ok(Box::new(PartedSource { files, format: Arc::new(Database), declared, malformed: sqlite.malformed }))
    }
}

/// The format of a database file.
#[derive(Debug)]
struct Database;

impl PartedFormat for Database {
    const NOUN: &'static str = "table";
    /// The names of the columns.
    type Shape = Vec<String>;

    fn renaming(_: &Self::Shape) -> String {
        RENAME.to_owned()
    }

    fn parts(&self, root: &Path, file: &SourceFile) -> Result<Vec<String>> {
        let connection = open(root, file)?;
        let sql = "select name from pragma_table_list where schema = 'main' and type in ('table', 'view', 'virtual') \
                   and substr(name, 1, 7) <> 'sqlite_' order by name";
        let names = connection.prepare(sql).and_then(|mut statement| statement.query_map([], |row| row.get(0))?.collect());
        names.map_err(|error| explained(file, None, &error))
    }

    fn look(&self, root: &Path, file: &SourceFile, part: &str) -> Result<(Look, Vec<String>)> {
        let connection = open(root, file)?;
        look(&connection, part).map_err(|error| explained(file, Some(part), &error))
    }

    fn read(&self, root: &Path, part: &PartOfFile<Vec<String>>, wanted: &Wanted, outlet: &mut Outlet) -> Result<()> {
        let connection = open(root, &part.file)?;
        read(&connection, part, wanted, outlet).map_err(|error| explained(&part.file, Some(&part.part), &error))
    }

    /// What a database has newly is first in a file beside it, which counts as part of it.
    fn list(&self, root: &Path, pattern: &str, endings: &[&str]) -> Result<Vec<SourceFile>> {
        let files = list(root, pattern, endings)?;
        Ok(files.into_iter().map(|file| with_log(root, file)).collect())
    }

    fn digest(&self, _: &Path, _: &SourceFile) -> Option<String> {
        None
    }
}

fn with_log(root: &Path, mut file: SourceFile) -> SourceFile {
    let mut path = path_of(root, &file).into_os_string();
    path.push("-wal");
    let Ok(log) = std::fs::metadata(path) else { return file };
    let modified = log.modified().ok().and_then(|at| at.duration_since(UNIX_EPOCH).ok()).map(|age| age.as_micros());
    if log.len() > 0 {
        file.bytes += log.len();
        file.modified = file.modified.max(modified.and_then(|micros| i64::try_from(micros).ok()).unwrap_or_default());
    }
    file
}

/// Opens a database for reading only.
fn open(root: &Path, file: &SourceFile) -> Result<Connection> {
    let path = path_of(root, file);
    check_mark(&path, file)?;
    let flags = OpenFlags::SQLITE_OPEN_READ_ONLY | OpenFlags::SQLITE_OPEN_NO_MUTEX;
    let opened = Connection::open_with_flags(&path, flags).and_then(|connection| {
        connection.busy_timeout(PATIENCE)?;
        connection.query_row("select count(*) from sqlite_schema", [], |_| Ok(()))?;
        Ok(connection)
    });
    match opened {
        // A folder that may only be read has no room for the lock file of a database that keeps a log; nobody writes there.
        Err(error) if error.sqlite_error_code() == Some(ErrorCode::CannotOpen) => {
            open_unlocked(&path).map_err(|_| explained(file, None, &error))
        }
        opened => opened.map_err(|error| explained(file, None, &error)),
    }
}

fn open_unlocked(path: &Path) -> rusqlite::Result<Connection> {
    let path = path.to_string_lossy().replace('%', "%25").replace('?', "%3f").replace('#', "%23");
    let flags = OpenFlags::SQLITE_OPEN_READ_ONLY | OpenFlags::SQLITE_OPEN_NO_MUTEX | OpenFlags::SQLITE_OPEN_URI;
    let connection = Connection::open_with_flags(format!("file:{path}?immutable=1"), flags)?;
    connection.query_row("select count(*) from sqlite_schema", [], |_| Ok(()))?;
    Ok(connection)
}

fn check_mark(path: &Path, file: &SourceFile) -> Result<()> {
    let mut head = Vec::new();
    let opened = std::fs::File::open(path).and_then(|opened| opened.take(4096).read_to_end(&mut head));
    opened.map_err(|error| unreadable(&file.path, &error))?;
    if head.starts_with(MARK) {
        return Ok(());
    }
    if head.is_empty() {
        return Err(Error::user(format!("`{}` is empty", file.path)).code("HW202").help("look whether it is the right file"));
    }
    Err(Error::user(format!("`{}` is no SQLite database", file.path))
        .code("HW203")
        .because(format!("it begins as {}", content(&head)))
        .help("an encrypted database looks like random bytes: decrypt it into a file of its own, and read that"))
}

fn look(connection: &Connection, table: &str) -> rusqlite::Result<(Look, Vec<String>)> {
    let declarations = declarations(connection, table)?;
    let mut statement = connection.prepare(&format!("select * from {}", quoted(table)))?;
    let names: Vec<String> = statement.column_names().map(str::to_owned).collect();
    let mut tallies = vec![Tally::default(); names.len()];
    let (mut rows, mut seen) = (statement.query([])?, 0);
    while seen < ROWS_LOOKED_AT
        && let Some(row) = rows.next()?
    {
        for (place, tally) in tallies.iter_mut().enumerate() {
            tally.see(&cell(row.get_ref(place)?));
        }
        seen += 1;
    }
    let declared = |name: &String| declarations.get(name).map_or(Declaration::Nothing, |declared| Declaration::read(declared));
    let types: Vec<DataType> = names.iter().zip(&tallies).map(|(name, tally)| tally.data_type(declared(name))).collect();
    Ok((Look { names: names.clone(), types, is_empty: seen == 0 }, names))
}

/// The declared types of the columns.
fn declarations(connection: &Connection, table: &str) -> rusqlite::Result<BTreeMap<String, String>> {
    let mut statement = connection.prepare("select name, type from pragma_table_xinfo(?1)")?;
    statement.query_map([table], |row| Ok((row.get(0)?, row.get(1)?)))?.collect()
}

fn read(connection: &Connection, part: &PartOfFile<Vec<String>>, wanted: &Wanted, outlet: &mut Outlet) -> rusqlite::Result<()> {
    let mut statement = select(connection, part, wanted)?;
    let columns = statement.column_count();
    let mut rows: Rows<'_> = statement.query([])?;
    let mut line = 0;
    while let Some(row) = rows.next()? {
        line += 1;
        let cells = (0..columns).map(|place| row.get_ref(place).map(cell)).collect::<rusqlite::Result<Vec<_>>>()?;
        if !outlet.push(Some(line), &cells) {
            break;
        }
    }
    Ok(())
}

/// The query of the columns that a scan reads, in the order in which the table keeps its rows.
fn select<'a>(connection: &'a Connection, part: &PartOfFile<Vec<String>>, wanted: &Wanted) -> rusqlite::Result<Statement<'a>> {
    let table = quoted(&part.part);
    let is_view: bool =
        connection.query_row("select count(*) from sqlite_schema where name = ?1 and type = 'view'", [&part.part], |row| row.get(0))?;
    // Else an index that has all the columns might give them in its own order.
    let order = if is_view { "" } else { " not indexed" };
    let column = |place: Option<usize>| place.map_or_else(|| "null".into(), |place| quoted(&part.shape[place]));
    let mut columns: Vec<String> = part.columns(wanted).into_iter().map(column).collect();
    if columns.is_empty() {
        columns.push("null".into());
    }
    connection.prepare(&format!("select {} from {table}{order}", columns.join(", ")))
}

fn cell(value: ValueRef<'_>) -> Cell<'_> {
    match value {
        ValueRef::Null => Cell::Null,
        ValueRef::Integer(number) => Cell::Integer(number),
        ValueRef::Real(number) => Cell::Real(number),
        ValueRef::Text(bytes) => std::str::from_utf8(bytes).map_or(Cell::Bytes(bytes), Cell::Text),
        ValueRef::Blob(bytes) => Cell::Bytes(bytes),
    }
}

fn quoted(name: &str) -> String {
    format!("\"{}\"", name.replace('"', "\"\""))
}

/// What SQLite says, with what to do.
fn explained(file: &SourceFile, table: Option<&str>, error: &rusqlite::Error) -> Error {
    let name = &file.path;
    let what = table.map_or_else(|| format!("the database `{name}`"), |table| format!("the table `{table}` of `{name}`"));
    let explained = match error.sqlite_error_code() {
        Some(ErrorCode::DatabaseBusy | ErrorCode::DatabaseLocked) => Error::passing(format!("`{name}` is locked by another program"))
            .help("try again when that program has written, or copy the database with `sqlite3 FILE \".backup COPY\"`"),
        Some(ErrorCode::NotADatabase) => {
            Error::user(format!("`{name}` is no SQLite database, or is encrypted")).help("decrypt it into a file of its own, and read that")
        }
        Some(ErrorCode::DatabaseCorrupt) => Error::user(format!("{what} is damaged or incomplete"))
            .help("copy the file again; `sqlite3 FILE .recover` saves what can be read of it"),
        Some(ErrorCode::CannotOpen | ErrorCode::PermissionDenied) => {
            Error::user(format!("{what} may not be read")).help("grant read access to the file and its folder")
        }
        Some(ErrorCode::SystemIoFailure) => Error::passing(format!("{what} cannot be read")).help("try again; look at the disk"),
        _ => Error::user(format!("{what} cannot be read")).help("look at it with `sqlite3`; a view may name a table that is gone"),
    };
    explained.code("HW203").because(error)
}
