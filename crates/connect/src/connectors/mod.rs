//! The shelf of connectors: the kinds of places that data comes from.
//!
//! Add one: a file in this folder, its `mod` line and its line in [`CONNECTORS`].

use std::path::{Path, PathBuf};
use std::sync::{Arc, Mutex, PoisonError};

use datafusion::catalog::TableProvider;
use hw_base::{
    BoxFuture, Built, Column, Delivery, Node, Part, Placement, PushDown, Pushed, Result, Settings, SettingsMap, Shipment, Shipped,
    SourceFile, Span, Survey, Timestamp, Tolerance, Watched, unknown,
};
use hw_engine::{LiveTables, LocalEngine};
use schemars::{Schema, SchemaGenerator};
use serde_json::{Map, Value as Json, json};

mod avro;
mod csv;
mod delta;
mod excel;
mod json;
mod mysql;
mod parquet;
mod postgres;
mod sqlite;

pub use avro::AvroSettings;
pub use csv::CsvSettings;
pub use delta::DeltaSettings;
pub use excel::ExcelSettings;
pub use json::JsonSettings;
pub use mysql::MysqlSettings;
pub use parquet::ParquetSettings;
pub use postgres::{PostgresSettings, PostgresTargetSettings, Snapshots, original};
pub(crate) use postgres::{in_place as in_postgres, left_out as left_out_in_postgres, unfit_columns as unfit_columns_in_postgres};
pub use sqlite::SqliteSettings;

/// Every connector there is, in the order the manual lists them.
pub const CONNECTORS: &[&dyn Connector] = &[
    &csv::Csv,
    &json::Json,
    &parquet::Parquet,
    &avro::Avro,
    &delta::Delta,
    &excel::Excel,
    &sqlite::Sqlite,
    &mysql::Mysql,
    &postgres::Postgres,
];

/// Resolves the secret references of a setting, such as `${env:SHOP_URL}`.
pub type Secrets = Arc<dyn Fn(&str) -> Result<String> + Send + Sync>;

/// The same references; what is wrong with one has the place where it stands in `settings`.
pub(crate) fn placed_secrets(secrets: &Secrets, settings: &Settings) -> Secrets {
    let (secrets, settings) = (Arc::clone(secrets), settings.clone());
    Arc::new(move |text| {
        secrets(text).map_err(|error| match place_of(&settings, text) {
            Some(span) => error.at(span.clone()),
            None => error,
        })
    })
}

fn place_of<'a>(settings: &'a Settings, text: &str) -> Option<&'a Span> {
    match &settings.node {
        Node::Text(own) => settings.span.as_ref().filter(|_| own == text),
        Node::List(items) => items.iter().find_map(|item| place_of(item, text)),
        Node::Map(SettingsMap(entries)) => entries.iter().find_map(|entry| place_of(&entry.value, text)),
        _ => None,
    }
}

/// A kind of place that data comes from.
pub trait Connector: Send + Sync {
    /// The word a project uses: `csv: { … }`.
    fn kind(&self) -> &'static str;

    /// What it reads, in one line.
    fn summary(&self) -> &'static str;

    /// The endings of its files in lower case, without those of a compression; none for what is no file.
    fn endings(&self) -> &'static [&'static str] {
        &[]
    }

    /// Whether a file that begins like this is one of its files, whatever it is called.
    fn is_content(&self, _head: &[u8]) -> bool {
        false
    }

    /// The datasets inside of its files, such as the tables of a database; `None` where files are one dataset.
    fn parts(&self, _root: &Path, _files: &[SourceFile]) -> Result<Option<Vec<String>>> {
        Ok(None)
    }

    /// The schemes of the URLs that name its databases; none for what is read from files.
    fn schemes(&self) -> &'static [&'static str] {
        &[]
    }

    /// How a table of the usual schema is named behind the `#` of an address.
    fn part_of(&self, table: &str) -> String {
        table.to_owned()
    }

    /// Lists the tables and views of a database, by name.
    fn tables<'a>(&'a self, _url: &'a str, _schema: Option<&'a str>) -> BoxFuture<'a, Result<Vec<TableListing>>> {
        Box::pin(async { Ok(Vec::new()) })
    }

    /// The settings of a source that reads `tables` of a database, a map from dataset to table.
    fn settings_of(&self, url: &str, _schema: Option<&str>, tables: Map<String, Json>) -> Json {
        json!({ "url": url, "tables": tables })
    }

    /// Whether its settings name spellings of a missing value: `null: ["NA"]`.
    fn names_missing(&self) -> bool {
        false
    }

    /// The JSON Schema of its settings.
    fn schema(&self, generator: &mut SchemaGenerator) -> Schema;

    /// The JSON Schema of the settings of a target of its kind; `None` where nothing can be delivered to it.
    fn target_schema(&self, _generator: &mut SchemaGenerator) -> Option<Schema> {
        None
    }

    /// Reads the settings of a target, where it can be one. Nothing is opened yet.
    fn target(&self, _settings: &Settings, _place: Place) -> Option<Result<Box<dyn Target>>> {
        None
    }

    /// Reads the settings of a source. Nothing is opened yet.
    fn source(&self, settings: &Settings, place: Place) -> Result<Box<dyn Source>>;
}

/// Where a source or a target stands.
#[derive(Clone)]
pub struct Place {
    /// Its name.
    pub source: String,
    /// The folder that paths are relative to.
    pub root: PathBuf,
    /// Resolves references to secrets, at the moment of use.
    pub secrets: Secrets,
}

/// A database that tables are delivered to.
pub trait Target: Send + Sync {
    /// Brings a table there to a version that the engine reads; see [`hw_base::Targets::deliver`].
    fn deliver<'a>(&'a self, shipment: &'a Shipment, engine: &'a LocalEngine) -> BoxFuture<'a, Result<Option<Shipped>>>;

    /// Looks whether a table there takes rows with these columns; see [`hw_base::Targets::takes`].
    fn takes<'a>(&'a self, placement: &'a Placement, columns: &'a [Column]) -> BoxFuture<'a, Result<()>>;

    /// Looks whether an order can be carried out there; see [`hw_base::Targets::try_push_down`].
    fn try_push_down<'a>(&'a self, order: &'a PushDown, live: &'a LiveTables) -> BoxFuture<'a, Result<Watched>>;

    /// Runs a SELECT there over what `live` has opened; see [`hw_base::Targets::push_down`].
    fn push_down<'a>(&'a self, order: &'a PushDown, live: &'a LiveTables) -> BoxFuture<'a, Result<Box<dyn Pushed>>>;

    /// What a table was built to there; see [`hw_base::Targets::built`].
    fn built<'a>(&'a self, placement: &'a Placement) -> BoxFuture<'a, Result<Option<Built>>>;
}

/// A source of a project.
pub trait Source: Send + Sync {
    /// The datasets it names.
    fn datasets(&self) -> Vec<String>;

    /// The malformed records it tolerates.
    fn malformed(&self) -> Tolerance {
        Tolerance::NONE
    }

    /// Lists what a dataset holds, without reading its rows.
    fn survey<'a>(&'a self, dataset: &'a str) -> BoxFuture<'a, Result<Survey>>;

    /// What the content of a file is, in short; `None` where the file alone does not tell.
    fn digest(&self, _file: &SourceFile) -> Option<String> {
        None
    }

    /// Makes a delivery of a dataset readable.
    fn open<'a>(&'a self, dataset: &'a str, delivery: &'a Delivery) -> BoxFuture<'a, Result<Opened>>;

    /// Lets go of what its datasets are read of together; see [`hw_base::Sources::let_go`].
    fn let_go(&self) -> BoxFuture<'_, Option<String>> {
        Box::pin(async { None })
    }

    /// When the newest row of a dataset was made, where the source knows.
    fn newest<'a>(&'a self, _dataset: &'a str) -> BoxFuture<'a, Result<Option<Timestamp>>> {
        Box::pin(async { Ok(None) })
    }
}

/// A delivery that the engine can read.
#[derive(Clone, Debug)]
pub struct Opened {
    /// The rows, read when they are asked for.
    pub table: Arc<dyn TableProvider>,
    /// The columns of the dataset, without the hidden ones.
    pub columns: Vec<Column>,
    /// Whether the table has the hidden columns `_file`, `_line` and `_malformed`.
    pub has_origin: bool,
    /// Its rows, where they are known before they are read.
    pub rows: Option<u64>,
    /// The columns that some of its files lack and that the project does not declare.
    pub uneven: Vec<String>,
    /// Its files of which it is known that they have no row.
    pub rowless: Vec<String>,
    /// Which rows of a database they are.
    pub part: Part,
    /// Where the delivery ends, for a database.
    pub reached: Reached,
}

/// Where a delivery ends, known once all of it has been read. Clones share it.
#[derive(Clone, Debug, Default)]
pub struct Reached(Arc<Mutex<Option<String>>>);

impl Reached {
    /// Notes where a reading ended.
    pub(crate) fn note(&self, reached: Option<String>) {
        *self.0.lock().unwrap_or_else(PoisonError::into_inner) = reached;
    }

    /// Where the last reading ended that was complete.
    pub fn get(&self) -> Option<String> {
        self.0.lock().unwrap_or_else(PoisonError::into_inner).clone()
    }
}

/// A table or view that a database offers.
#[derive(Clone, Debug, PartialEq)]
pub struct TableListing {
    /// Its name, without the schema.
    pub name: String,
    /// About how many rows it has; `None` for views and for tables that were never analyzed.
    pub estimated_rows: Option<u64>,
    /// Bytes on the server's disk without indexes; `None` for views and foreign tables.
    pub bytes: Option<u64>,
    /// Whether the user may read all of it.
    pub is_readable: bool,
    /// Its columns, in order.
    pub columns: Vec<Column>,
    /// The columns of its primary key, in the order of the key; none where it has no key.
    pub primary_key: Vec<String>,
}

/// The connector for the database that a URL names.
///
/// # Errors
/// `HW201` for a scheme that no connector knows.
pub fn connector_of_url(url: &str) -> Result<&'static dyn Connector> {
    let scheme = url.split("://").next().unwrap_or_default();
    let found = CONNECTORS.iter().copied().find(|connector| connector.schemes().contains(&scheme));
    found.ok_or_else(|| {
        let known: Vec<&str> = CONNECTORS.iter().flat_map(|connector| connector.schemes()).copied().collect();
        unknown("kind of database", &format!("{scheme}://"), known.iter().copied())
            .code("HW201")
            .help("give files, or a URL such as `postgres://user@host/database`")
    })
}

/// The connector of a kind.
pub fn connector(kind: &str) -> Result<&'static dyn Connector> {
    let found = CONNECTORS.iter().copied().find(|connector| connector.kind() == kind);
    found.ok_or_else(|| unknown("kind of source", kind, CONNECTORS.iter().map(|connector| connector.kind())).code("HW102"))
}

#[cfg(test)]
mod tests;
