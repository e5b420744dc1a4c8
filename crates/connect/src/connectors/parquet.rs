//! `parquet`: Parquet files.

use std::fs::File;
use std::path::Path;
use std::sync::Arc;

use datafusion::arrow::datatypes::{DataType, Field, Schema};
use datafusion::datasource::file_format::parquet::ParquetFormat;
use datafusion::datasource::listing::{ListingOptions, ListingTable, ListingTableConfig, ListingTableUrl};
use datafusion::parquet::arrow::arrow_reader::{ArrowReaderMetadata, ArrowReaderOptions};
use hw_base::{BoxFuture, Column, Delivery, Error, Result, Settings, SourceFile, Survey};
use schemars::{JsonSchema, Schema as JsonSchemaOf, SchemaGenerator};
use serde::Deserialize;
use url::Url;

use super::{Connector, Opened, Place, Source};
use crate::file_source::{FileSource, delivered_files, survey};
use crate::files::{path_of, unreadable};
use crate::layout::{Layout, check_duplicates};
use crate::paths::Paths;
use crate::types::{arrow_to_sql_type, column_of, common_type, plain_type, sql_type_to_arrow};

/// The connector for Parquet.
pub(super) struct Parquet;

/// Settings of a `parquet` source.
///
/// Files of one dataset may have their columns in different orders; a column that a file lacks is null there.
#[derive(Clone, Debug, Deserialize, JsonSchema)]
#[serde(deny_unknown_fields)]
pub struct ParquetSettings {
    /// The files: a path, a folder or a glob such as `landing/orders/*.parquet`; or a map from dataset to such a path.
    /// Relative paths start at the project folder.
    pub path: Paths,
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

    fn schema(&self, generator: &mut SchemaGenerator) -> JsonSchemaOf {
        generator.subschema_for::<ParquetSettings>()
    }

    fn source(&self, settings: &Settings, place: Place) -> Result<Box<dyn Source>> {
        let parquet: ParquetSettings = settings.read()?;
        Ok(Box::new(ParquetSource(FileSource { place, paths: parquet.path, endings: self.endings() })))
    }
}

struct ParquetSource(FileSource);

impl Source for ParquetSource {
    fn datasets(&self) -> Vec<String> {
        self.0.datasets()
    }

    fn survey<'a>(&'a self, dataset: &'a str) -> BoxFuture<'a, Result<Survey>> {
        Box::pin(survey(self.0.clone(), dataset.to_owned()))
    }

    fn open<'a>(&'a self, dataset: &'a str, delivery: &'a Delivery) -> BoxFuture<'a, Result<Opened>> {
        let root = self.0.place.root.clone();
        let open = move |files: &[SourceFile], delivery: &Delivery| open_files(&root, files, &delivery.expected);
        Box::pin(delivered_files(self.0.clone(), dataset.to_owned(), delivery.clone(), open))
    }
}

/// The footer of a file: its columns and its number of rows.
struct Footer {
    file: String,
    names: Vec<String>,
    fields: Vec<Field>,
    rows: i64,
}

fn open_files(root: &Path, files: &[SourceFile], expected: &[Column]) -> Result<Opened> {
    let footers = files.iter().map(|file| footer(root, file)).collect::<Result<Vec<_>>>()?;
    let layout = Layout { files: footers.iter().map(|footer| (footer.file.as_str(), &footer.names[..])).collect(), expected };
    let fields = layout.columns()?.iter().map(|name| merged(name, &footers, expected)).collect::<Result<Vec<_>>>()?;
    let columns = fields.iter().map(column_of).collect();
    let urls = files.iter().map(|file| listing_url(root, file)).collect::<Result<Vec<_>>>()?;
    let options = ListingOptions::new(Arc::new(ParquetFormat::default())).with_file_extension("");
    let config = ListingTableConfig::new_with_multi_paths(urls).with_listing_options(options).with_schema(Arc::new(Schema::new(fields)));
    let table = ListingTable::try_new(config).map_err(|error| Error::bug("the Parquet files cannot be listed").because(error))?;
    Ok(Opened { table: Arc::new(table), columns, has_origin: false, is_empty: footers.iter().all(|footer| footer.rows == 0) })
}

fn footer(root: &Path, file: &SourceFile) -> Result<Footer> {
    let opened = File::open(path_of(root, file)).map_err(|error| unreadable(&file.path, &error))?;
    let metadata = ArrowReaderMetadata::load(&opened, ArrowReaderOptions::new()).map_err(|error| {
        Error::user(format!("`{}` is no whole Parquet file", file.path))
            .code("HW203")
            .because(error)
            .help("its footer is missing or damaged: write or copy the file again; nothing of it was loaded")
    })?;
    let fields: Vec<Field> = metadata.schema().fields().iter().map(|field| field.as_ref().clone()).collect();
    let names: Vec<String> = fields.iter().map(|field| field.name().clone()).collect();
    check_duplicates(&file.path, &names)?;
    Ok(Footer { file: file.path.clone(), names, fields, rows: metadata.metadata().file_metadata().num_rows() })
}

/// The column of all files, in a type that holds the values of each.
fn merged(name: &str, footers: &[Footer], expected: &[Column]) -> Result<Field> {
    let mut known: Option<(DataType, &str)> =
        expected.iter().find(|column| column.name == name).and_then(|column| Some((sql_type_to_arrow(&column.sql_type)?, "the raw copy")));
    let is_fixed = known.is_some();
    for footer in footers {
        let Some(field) = footer.fields.iter().find(|field| field.name() == name) else { continue };
        let found = plain_type(field.data_type());
        known = Some(match known {
            None => (found, &footer.file),
            Some((data_type, file)) => match common_type(&data_type, &found) {
                Some(common) if !is_fixed || common == data_type => (common, file),
                _ => return Err(clash(name, (&footer.file, &found), (file, &data_type))),
            },
        });
    }
    let data_type = known.map_or(DataType::Utf8View, |(data_type, _)| data_type);
    Ok(Field::new(name, data_type, true))
}

fn clash(column: &str, found: (&str, &DataType), known: (&str, &DataType)) -> Error {
    Error::user(format!("column `{column}` is {} in `{}`", arrow_to_sql_type(found.1), found.0))
        .code("HW204")
        .because(format!("it is {} in {}", arrow_to_sql_type(known.1), known.0))
        .help("write the file again with the type it had, or load it as a dataset of its own")
}

fn listing_url(root: &Path, file: &SourceFile) -> Result<ListingTableUrl> {
    let path = std::path::absolute(path_of(root, file)).map_err(|error| unreadable(&file.path, &error))?;
    let url = Url::from_file_path(&path).map_err(|()| Error::user(format!("`{}` is no path of a file", file.path)).code("HW201"))?;
    ListingTableUrl::try_new(url, None).map_err(|error| Error::user(format!("`{}` cannot be read", file.path)).code("HW201").because(error))
}
