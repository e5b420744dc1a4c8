//! Files that no project describes: what they are is told by their names and first bytes.

use std::path::Path;
use std::sync::Arc;

use hw_base::{Delivered, Delivery, Error, Result, Settings, SourceFile};
use hw_engine::LiveTables;
use serde_json::json;

use crate::connectors::{CONNECTORS, Connector, Place, connector};
use crate::file_source::blocking;
use crate::files::{self, path_of, unreadable};
use crate::project::register;
use crate::text::{SAMPLE_BYTES, check_is_text, sample};

/// A path that was opened without a project.
#[derive(Clone, Debug)]
pub struct OpenedPath {
    /// The kind of source, such as `csv`.
    pub kind: &'static str,
    /// The dataset, named after its file or folder.
    pub dataset: String,
    /// What the engine reads.
    pub delivered: Delivered,
    /// The files, sorted by path; none for a Delta table.
    pub files: Vec<SourceFile>,
    /// Whether it is known to hold no rows.
    pub is_empty: bool,
}

/// A path whose kind is known.
struct Recognised {
    connector: &'static dyn Connector,
    files: Vec<SourceFile>,
}

/// The kind of a file, a folder or a glob below `root`, such as `csv`.
///
/// # Errors
/// `HW201` where nothing matches, `HW203` where no connector reads it.
pub async fn recognise(root: &Path, path: &str) -> Result<&'static str> {
    Ok(recognised(root, path).await?.connector.kind())
}

/// Opens a file, a folder or a glob that no project describes, with everything detected.
///
/// # Errors
/// `HW201` where nothing matches, `HW202` where all files are empty, `HW203` where they are not what their names say.
pub async fn open_path(root: &Path, path: &str, live: &LiveTables) -> Result<OpenedPath> {
    let Recognised { connector, files } = recognised(root, path).await?;
    let dataset = files::dataset_name(path).unwrap_or_else(|| "data".to_owned());
    let place = Place { source: "file".into(), root: root.to_owned(), secrets: Arc::new(|text| Ok(text.to_owned())) };
    let settings = Settings::from_json(&json!({ "path": { dataset.as_str(): path } }));
    let source = connector.source(&settings, place)?;
    let chosen = (!files.is_empty()).then(|| files.clone());
    let opened = source.open(&dataset, &Delivery { files: chosen, ..Delivery::default() }).await?;
    let is_empty = opened.is_empty;
    let delivered = register(live, &dataset, opened);
    Ok(OpenedPath { kind: connector.kind(), dataset, delivered, files, is_empty })
}

async fn recognised(root: &Path, path: &str) -> Result<Recognised> {
    let (root, path) = (root.to_owned(), path.to_owned());
    blocking(move || recognise_files(&root, &path)).await
}

fn recognise_files(root: &Path, path: &str) -> Result<Recognised> {
    if root.join(path).join("_delta_log").is_dir() {
        return Ok(Recognised { connector: connector("delta")?, files: Vec::new() });
    }
    let endings: Vec<&str> = CONNECTORS.iter().flat_map(|connector| connector.endings()).copied().collect();
    let files = files::list(root, path, &endings)?;
    let Some(first) = files.iter().find(|file| file.bytes > 0).or(files.first()) else {
        return Err(Error::user(format!("no file matches `{path}`")).code("HW201"));
    };
    let connector = recognise_file(root, first)?;
    let files = if files.len() > 1 { of_kind(connector, files) } else { files };
    Ok(Recognised { connector, files })
}

/// The files of a mixed folder that a connector reads.
fn of_kind(connector: &dyn Connector, files: Vec<SourceFile>) -> Vec<SourceFile> {
    let fits = |file: &SourceFile| connector.endings().contains(&files::ending(&file.path).as_str());
    if files.iter().any(fits) { files.into_iter().filter(fits).collect() } else { files }
}

/// The connector of a file: by its content where that is plain, else by its ending.
pub(crate) fn recognise_file(root: &Path, file: &SourceFile) -> Result<&'static dyn Connector> {
    let head = sample(&path_of(root, file), SAMPLE_BYTES.min(64 << 10)).map_err(|error| unreadable(&file.path, &error))?;
    let ending = files::ending(&file.path);
    let by_ending = CONNECTORS.iter().copied().find(|connector| connector.endings().contains(&ending.as_str()));
    match by_ending {
        Some(found) => Ok(found),
        None if head.starts_with(b"PAR1") => connector("parquet"),
        None => {
            check_is_text(&file.path, &head, &head)?;
            connector(if head.trim_ascii_start().starts_with(b"{") { "json" } else { "csv" })
        }
    }
}
