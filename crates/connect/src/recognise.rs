//! Files that no project describes: what they are is told by their names and first bytes.

use std::path::Path;
use std::sync::Arc;

use hw_base::{Delivered, Delivery, Error, Result, Settings, SourceFile, snake_case};
use hw_engine::LiveTables;
use serde_json::{Value as Json, json};

use crate::address::Address;
use crate::connectors::{CONNECTORS, Connector, Place, TableListing, connector, connector_of_url};
use crate::file_source::blocking;
use crate::files::{self, path_of, unreadable};
use crate::project::register;
use crate::text::check_is_text;
use hw_text::{SAMPLE_BYTES, sample};

/// How many names an error lists.
const MOST_NAMES: usize = 10;

/// A path that was opened without a project.
#[derive(Clone, Debug)]
pub struct OpenedPath {
    /// The kind of source, such as `csv`.
    pub kind: &'static str,
    /// The dataset, named after its file or folder, or its table or sheet.
    pub dataset: String,
    /// What the engine reads.
    pub delivered: Delivered,
    /// The files, sorted by path; none for a Delta table.
    pub files: Vec<SourceFile>,
    /// Whether it is known to hold no rows.
    pub is_empty: bool,
    /// Files of the folder or pattern that are of another kind, and are not read.
    pub left_out: Vec<String>,
}

/// Data whose kind is known.
struct Recognised {
    connector: &'static dyn Connector,
    address: Address,
    files: Vec<SourceFile>,
    /// The tables or sheets inside; `None` where the files are one dataset.
    parts: Option<Vec<String>>,
    /// Tables inside that the user of the database may not read.
    closed: Vec<String>,
    left_out: Vec<String>,
}

/// The kind of a file, a folder or a glob below `root`, or of the database of a URL, such as `csv`.
///
/// # Errors
/// `HW201` where nothing matches, `HW203` where no connector reads it.
pub async fn recognise(root: &Path, path: &str) -> Result<&'static str> {
    Ok(recognised(root, path).await?.connector.kind())
}

/// The tables of a database or the sheets of a workbook; `None` for what is one dataset.
///
/// # Errors
/// As for [`open_path`].
pub async fn parts_at(root: &Path, path: &str) -> Result<Option<Vec<String>>> {
    Ok(recognised(root, path).await?.parts)
}

/// The datasets behind what a person names: each table of a database and each sheet of a workbook for itself, everything else
/// as it is.
///
/// # Errors
/// As for [`open_path`].
pub async fn datasets_at(root: &Path, path: &str) -> Result<Vec<String>> {
    let address = Address::read(root, path);
    if address.part.is_some() {
        return Ok(vec![path.to_owned()]);
    }
    let found = recognised(root, path).await?;
    let parts = found.parts.map(|parts| [parts, found.closed].concat());
    match parts {
        None => Ok(vec![path.to_owned()]),
        Some(parts) if parts.is_empty() => Err(nothing_inside(&address)),
        Some(parts) if parts.len() == 1 => Ok(vec![path.to_owned()]),
        Some(parts) => Ok(parts.into_iter().map(|part| Address { part: Some(part), ..address.clone() }.to_string()).collect()),
    }
}

/// Opens a file, a folder, a glob or a database that no project describes, with everything detected. A table of a database or
/// a sheet of a workbook follows its place after `#`, unless it is the only one, which is named after its file.
///
/// # Errors
/// `HW201` where nothing matches, `HW202` where all files are empty, `HW203` where they are not what their names say.
pub async fn open_path(root: &Path, path: &str, live: &LiveTables) -> Result<OpenedPath> {
    open_recognised(root, recognised(root, path).await?, live).await
}

/// The files behind a path, sorted; none for a database or a Delta table, and none for a file that holds several tables or sheets.
///
/// # Errors
/// As for [`open_path`].
pub async fn files_at(root: &Path, path: &str) -> Result<Vec<SourceFile>> {
    let found = recognised(root, path).await?;
    Ok(if found.parts.is_none() { found.files } else { Vec::new() })
}

/// Opens only these of the files behind a path.
///
/// # Errors
/// As for [`open_path`].
pub async fn open_files(root: &Path, path: &str, files: &[SourceFile], live: &LiveTables) -> Result<OpenedPath> {
    let found = Recognised { files: files.to_vec(), ..recognised(root, path).await? };
    open_recognised(root, found, live).await
}

async fn open_recognised(root: &Path, found: Recognised, live: &LiveTables) -> Result<OpenedPath> {
    let Recognised { connector, mut address, files, parts, left_out, closed: _ } = found;
    let of_part = address.part.as_deref().map(snake_case).filter(|name| !name.is_empty());
    address.part = part_of(&address, parts.as_deref())?;
    let dataset = of_part.or_else(|| files::dataset_name(&address.place)).unwrap_or_else(|| "data".to_owned());
    let place = Place { source: "file".into(), root: root.to_owned(), secrets: Arc::new(|text| Ok(text.to_owned())) };
    let source = connector.source(&Settings::from_json(&settings_of(connector, &address, &dataset)), place)?;
    let chosen = (!files.is_empty()).then(|| files.clone());
    let opened = source.open(&dataset, &Delivery { files: chosen, ..Delivery::default() }).await?;
    let is_empty = opened.rows == Some(0);
    let delivered = register(live, &dataset, opened);
    Ok(OpenedPath { kind: connector.kind(), dataset, delivered, files, is_empty, left_out })
}

/// The settings of a source that has nothing but `address`.
fn settings_of(connector: &dyn Connector, address: &Address, dataset: &str) -> Json {
    let Some(table) = address.part.as_deref().filter(|_| address.is_url()) else {
        return json!({ "path": { dataset: address.to_string() } });
    };
    let (schema, table) = table.split_once('.').map_or((None, table), |(schema, table)| (Some(schema), table));
    connector.settings_of(&address.place, schema, [(dataset.to_owned(), table.into())].into_iter().collect())
}

/// The part that an address means.
fn part_of(address: &Address, parts: Option<&[String]>) -> Result<Option<String>> {
    let place = &address.shown_place();
    match (parts, &address.part) {
        (None, None) => Ok(None),
        (None, Some(part)) => {
            Err(Error::user(format!("`{place}` has no parts, and `#{part}` names one")).code("HW201").help(format!("name it as `{place}`")))
        }
        (Some(_), Some(part)) => Ok(Some(part.clone())),
        (Some([]), None) => Err(nothing_inside(address)),
        (Some([only]), None) => Ok(Some(only.clone())),
        (Some(parts), None) => {
            let shown: Vec<String> = parts.iter().take(MOST_NAMES).map(|part| format!("`{part}`")).collect();
            let more = if parts.len() > MOST_NAMES { ", …" } else { "" };
            Err(Error::user(format!("`{place}` holds {} datasets, and one is needed here", parts.len()))
                .code("HW201")
                .because(format!("they are {}{more}", shown.join(", ")))
                .help(format!("name one: `{place}#{}`", parts[0])))
        }
    }
}

fn nothing_inside(address: &Address) -> Error {
    let place = address.shown_place();
    let error = Error::user(format!("`{place}` holds no table")).code("HW202");
    if !address.is_url() {
        return error.help("look whether it is the right file");
    }
    let error = error.help("look whether it is the right database, and whether its user may see the tables");
    let has_schemas = connector_of_url(&address.place).is_ok_and(|connector| connector.kind() == "postgres");
    if !has_schemas {
        return error;
    }
    let named = format!("a table of another schema is named with it: `{place}#SCHEMA.TABLE`");
    error.because("only the schema `public` was looked into").help(named)
}

async fn recognised(root: &Path, path: &str) -> Result<Recognised> {
    let (root, address) = (root.to_owned(), Address::read(root, path));
    if !address.is_url() {
        return blocking(move || recognise_files(&root, address)).await;
    }
    let connector = connector_of_url(&address.place)?;
    let (parts, closed) = if let Some(part) = &address.part {
        (vec![part.clone()], Vec::new())
    } else {
        let (open, closed): (Vec<_>, Vec<_>) =
            connector.tables(&address.place, None).await?.into_iter().partition(|table| table.is_readable);
        let names = |tables: Vec<TableListing>| tables.into_iter().map(|table| connector.part_of(&table.name)).collect();
        (names(open), names(closed))
    };
    Ok(Recognised { connector, address, files: Vec::new(), parts: Some(parts), closed, left_out: Vec::new() })
}

fn recognise_files(root: &Path, address: Address) -> Result<Recognised> {
    let path = address.place.as_str();
    if root.join(path).join("_delta_log").is_dir() {
        return Ok(Recognised {
            connector: connector("delta")?,
            address,
            files: Vec::new(),
            parts: None,
            closed: Vec::new(),
            left_out: Vec::new(),
        });
    }
    let endings: Vec<&str> = CONNECTORS.iter().flat_map(|connector| connector.endings()).copied().collect();
    let files = files::list(root, path, &endings)?;
    let Some(first) = files.iter().find(|file| file.bytes > 0).or(files.first()) else {
        return Err(Error::user(format!("no file matches `{path}`")).code("HW201"));
    };
    let connector = recognise_file(root, first)?;
    let (files, left_out) = if files.len() > 1 { of_kind(connector, files) } else { (files, Vec::new()) };
    let parts = connector.parts(root, &files)?;
    Ok(Recognised { connector, address, files, parts, closed: Vec::new(), left_out })
}

/// The files of a mixed folder that a connector reads, and the paths of the others.
fn of_kind(connector: &dyn Connector, files: Vec<SourceFile>) -> (Vec<SourceFile>, Vec<String>) {
    let fits = |file: &SourceFile| connector.endings().contains(&files::ending(&file.path).as_str());
    if !files.iter().any(fits) {
        return (files, Vec::new());
    }
    let (files, others): (Vec<_>, Vec<_>) = files.into_iter().partition(fits);
    (files, others.into_iter().map(|file| file.path).collect())
}

/// The connector of a file: by its content where that is plain, else by its ending.
pub(crate) fn recognise_file(root: &Path, file: &SourceFile) -> Result<&'static dyn Connector> {
    let head = sample(&path_of(root, file), SAMPLE_BYTES.min(64 << 10)).map_err(|error| unreadable(&file.path, &error))?;
    let ending = files::ending(&file.path);
    let by_ending = CONNECTORS.iter().copied().find(|connector| connector.endings().contains(&ending.as_str()));
    if let Some(found) = by_ending {
        Ok(found)
    } else {
        if let Some(found) = CONNECTORS.iter().copied().find(|connector| connector.is_content(&head)) {
            return Ok(found);
        }
        check_is_text(&file.path, &head, &head)?;
        connector(if head.trim_ascii_start().starts_with(b"{") { "json" } else { "csv" })
    }
}

/// Whether a name ends as those of the files that a connector reads.
pub fn has_known_ending(name: &str) -> bool {
    let ending = files::ending(name);
    CONNECTORS.iter().any(|connector| connector.endings().contains(&ending.as_str()))
}

/// What bytes are the beginning of.
pub(crate) fn content(head: &[u8]) -> &'static str {
    const MARKS: [(&[u8], &str); 13] = [
        (b"PAR1", "a Parquet file"),
        (b"SQLite format 3", "an SQLite database"),
        (b"Obj\x01", "an Avro file"),
        (b"PK\x03\x04", "a ZIP archive or a workbook"),
        (b"\xd0\xcf\x11\xe0", "an old or encrypted Office document"),
        (b"\x1f\x8b", "a file compressed with gzip"),
        (b"\x28\xb5\x2f\xfd", "a file compressed with Zstandard"),
        (b"BZh", "a file compressed with bzip2"),
        (b"\xfd7zXZ\x00", "a file compressed with xz"),
        (b"7z\xbc\xaf\x27\x1c", "a 7z archive"),
        (b"%PDF", "a PDF document"),
        (b"<", "HTML or XML"),
        (b"{", "JSON"),
    ];
    let of_mark = MARKS.iter().find(|(mark, _)| head.starts_with(mark)).map(|(_, what)| *what);
    let is_whole_text = |text: &str| text.chars().all(|c| !c.is_control() || c.is_ascii_whitespace());
    let is_text = match std::str::from_utf8(head) {
        Ok(text) => is_whole_text(text),
        // The last character may be cut off.
        Err(error) => error.error_len().is_none() && head.len() > 64,
    };
    of_mark.unwrap_or(if is_text { "text" } else { "bytes of no known kind" })
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_database_without_tables_is_no_file() {
        let advice = |place: &str| nothing_inside(&Address::read(Path::new("."), place)).remedies().concat();
        assert!(advice("postgres://shop@localhost/shop").contains("right database"));
        assert!(advice("shop.db").contains("right file"));
    }
}
