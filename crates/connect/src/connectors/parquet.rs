//! `parquet`: Parquet files.

use std::collections::BTreeMap;
use std::fs::File;
use std::path::{Component, Path, PathBuf};
use std::sync::Arc;

use datafusion::arrow::datatypes::Field;
use datafusion::catalog::TableProvider;
use datafusion::datasource::{ViewTable, provider_as_source};
use datafusion::logical_expr::{Expr, LogicalPlanBuilder, ident};
use datafusion::parquet::arrow::arrow_reader::{ArrowReaderMetadata, ArrowReaderOptions};
use hw_base::{Delivery, Error, Part, Result, Settings, SourceFile, Tolerance};
use schemars::{JsonSchema, Schema as JsonSchemaOf, SchemaGenerator};
use serde::Deserialize;

use super::{Connector, Opened, Place, Reached, Source};
use crate::file_source::{FileSource, WholeFiles};
use crate::files::{path_of, unreadable};
use crate::layout::{HIDDEN, free_of_hidden, own_name, uneven};
use crate::merge::{FileColumns, merged};
use crate::origin::{OriginFile, OriginTable};
use crate::paths::Paths;
use crate::types::{Declared, column_of, declared_types};

/// The connector for Parquet.
pub(super) struct Parquet;

/// Settings of a `parquet` source.
///
/// Files of one dataset may have their columns in different orders and in types that one of them holds.
#[derive(Clone, Debug, Deserialize, JsonSchema)]
#[serde(deny_unknown_fields)]
pub struct ParquetSettings {
    /// The files: a path, a folder or a glob such as `landing/orders/*.parquet`; or a map from dataset to such a path.
    /// Relative paths start at the project folder.
    pub path: Paths,
    /// Types of columns, where those of the files do not fit: `{ amount: "decimal(12,2)" }`. A file may lack a column that
    /// is named here.
    #[serde(default)]
    pub columns: BTreeMap<String, String>,
}

impl Connector for Parquet {
    fn kind(&self) -> &'static str {
        "parquet"
    }

    fn summary(&self) -> &'static str {
        "Parquet files"
    }

    fn endings(&self) -> &'static [&'static str] {
        &["parquet", "pq"]
    }

    fn is_content(&self, head: &[u8]) -> bool {
        head.starts_with(b"PAR1")
    }

    fn schema(&self, generator: &mut SchemaGenerator) -> JsonSchemaOf {
        generator.subschema_for::<ParquetSettings>()
    }

    fn source(&self, settings: &Settings, place: Place) -> Result<Box<dyn Source>> {
        let parquet: ParquetSettings = settings.read()?;
        let declared = declared_types(&parquet.columns, settings, parquet.path.count())?;
        let files = FileSource { place, paths: parquet.path, endings: self.endings() };
        Ok(Box::new(WholeFiles::new(files, Tolerance::NONE, move |root, files, delivery| open_files(root, files, &declared, delivery))))
    }
}

/// The footer of a file: its columns and its number of rows.
struct Footer {
    columns: FileColumns,
    rows: i64,
}

fn open_files(root: &Path, files: &[SourceFile], declared: &Declared, delivery: &Delivery) -> Result<Opened> {
    let footers = files.iter().map(|file| footer(root, file)).collect::<Result<Vec<_>>>()?;
    let fields = merged(footers.iter().map(|footer| &footer.columns).collect(), declared, delivery)?;
    let columns = fields.iter().map(column_of).collect();
    let uneven = uneven(footers.iter().map(|footer| &footer.columns.names[..]), declared);
    let rows = footers.iter().map(|footer| u64::try_from(footer.rows).ok()).sum();
    let rowless = files.iter().zip(&footers).filter(|(_, footer)| footer.rows == 0).map(|(file, _)| file.path.clone()).collect();
    let files = files.iter().zip(&footers).map(|(file, footer)| parquet_file(root, file, footer)).collect::<Result<Vec<_>>>()?;
    Ok(Opened {
        table: parquet_table(fields, files)?,
        columns,
        has_origin: true,
        rows,
        uneven,
        rowless,
        part: Part::Whole,
        reached: Reached::default(),
    })
}

fn footer(root: &Path, file: &SourceFile) -> Result<Footer> {
    let opened = File::open(path_of(root, file)).map_err(|error| unreadable(&file.path, &error))?;
    let metadata = ArrowReaderMetadata::load(&opened, ArrowReaderOptions::new()).map_err(|error| {
        Error::user(format!("`{}` is no whole Parquet file", file.path))
            .code("HW203")
            .because(error)
            .help("its footer is missing or damaged: write or copy the file again; nothing of it was loaded")
    })?;
    let field = |field: &Arc<Field>| field.as_ref().clone().with_name(free_of_hidden(field.name()));
    let fields: Vec<Field> = metadata.schema().fields().iter().map(field).collect();
    Ok(Footer { columns: FileColumns::new(&file.path, fields)?, rows: metadata.metadata().file_metadata().num_rows() })
}

/// A file of the dataset as the engine reads it.
fn parquet_file(root: &Path, file: &SourceFile, footer: &Footer) -> Result<OriginFile> {
    let wrong = |error: &dyn std::fmt::Display| Error::user(format!("`{}` cannot be read", file.path)).code("HW201").because(error);
    let path = in_the_store(&path_of(root, file)).map_err(|error| unreadable(&file.path, &error))?;
    let location = object_store::path::Path::from_absolute_path(path).map_err(|error| wrong(&error))?;
    Ok(OriginFile { name: file.path.clone(), location, bytes: file.bytes, rows: u64::try_from(footer.rows).unwrap_or_default() })
}

/// The path of a file as an object store takes it, which knows no `..`; where one stands only the disk knows what it leads to.
fn in_the_store(path: &Path) -> std::io::Result<PathBuf> {
    if path.components().any(|part| part == Component::ParentDir) { path.canonicalize() } else { std::path::absolute(path) }
}

/// What the hidden columns are called inside, so that columns of the files that are named like them keep their names.
const INSIDE: [&str; 3] = ["_file of headworks", "_line of headworks", "_malformed of headworks"];

/// The files as a table with the hidden columns.
fn parquet_table(fields: Vec<Field>, files: Vec<OriginFile>) -> Result<Arc<dyn TableProvider>> {
    if fields.iter().all(|field| own_name(field.name()) == field.name()) {
        return Ok(Arc::new(OriginTable::new(fields, HIDDEN, files)));
    }
    let own = fields.iter().map(|field| ident(own_name(field.name())).alias(field.name()));
    let hidden = INSIDE.iter().zip(HIDDEN).map(|(inside, name)| ident(*inside).alias(name));
    let columns: Vec<Expr> = own.chain(hidden).collect();
    let fields = fields.into_iter().map(|field| Field::new(own_name(field.name()), field.data_type().clone(), true)).collect();
    let table: Arc<dyn TableProvider> = Arc::new(OriginTable::new(fields, INSIDE, files));
    let plan = LogicalPlanBuilder::scan("parquet", provider_as_source(table), None).and_then(|plan| plan.project(columns)?.build());
    let plan = plan.map_err(|error| Error::bug("the Parquet files cannot be planned").because(error))?;
    Ok(Arc::new(ViewTable::new(plan, None)))
}
