//! `delta`: Delta tables in a folder.

use std::collections::HashMap;
use std::sync::Arc;

use datafusion::arrow::datatypes::{DataType, Schema};
use datafusion::catalog::TableProvider;
use datafusion::datasource::{ViewTable, provider_as_source};
use datafusion::error::DataFusionError;
use datafusion::logical_expr::{Expr, LogicalPlanBuilder, cast, ident};
use deltalake_core::{DeltaTable, open_table};
use hw_base::{BoxFuture, Delivery, Error, Part, Result, Settings, Survey};
use schemars::{JsonSchema, Schema as JsonSchemaOf, SchemaGenerator};
use serde::Deserialize;
use url::Url;

use super::{Connector, Opened, Place, Reached, Source};
use crate::layout::Layout;
use crate::paths::Paths;
use crate::types::{column_of, plain_type};

/// The connector for Delta tables.
pub(super) struct Delta;

/// Settings of a `delta` source: the newest version of each table is read.
#[derive(Clone, Debug, Deserialize, JsonSchema)]
#[serde(deny_unknown_fields)]
pub struct DeltaSettings {
    /// The folder of the table, which holds `_delta_log`; or a map from dataset to such a folder. Relative paths start
    /// at the project folder.
    pub path: Paths,
}

impl Connector for Delta {
    fn kind(&self) -> &'static str {
        "delta"
    }

    fn summary(&self) -> &'static str {
        "Delta tables in a folder"
    }

    fn schema(&self, generator: &mut SchemaGenerator) -> JsonSchemaOf {
        generator.subschema_for::<DeltaSettings>()
    }

    fn source(&self, settings: &Settings, place: Place) -> Result<Box<dyn Source>> {
        let delta: DeltaSettings = settings.read()?;
        Ok(Box::new(DeltaSource { place, paths: delta.path }))
    }
}

struct DeltaSource {
    place: Place,
    paths: Paths,
}

impl DeltaSource {
    async fn table(&self, dataset: &str) -> Result<DeltaTable> {
        let path = self.paths.resolved(&self.place.secrets)?.of(&self.place.source, dataset)?;
        let folder = std::path::absolute(self.place.root.join(&path)).map_err(|error| no_table(&path, &error))?;
        if !folder.join("_delta_log").is_dir() {
            return Err(no_table(&path, &"the folder does not exist, or has no `_delta_log`"));
        }
        let url = Url::from_directory_path(&folder).map_err(|()| no_table(&path, &"it is no path of a folder"))?;
        open_table(url).await.map_err(|error| unreadable(&path, &error))
    }

    async fn survey_table(&self, dataset: &str) -> Result<Survey> {
        let table = self.table(dataset).await?;
        let bytes =
            table.snapshot().ok().map(|state| state.log_data().iter().map(|file| u64::try_from(file.size()).unwrap_or_default()).sum());
        Ok(Survey { bytes, ..Survey::default() })
    }

    async fn open_table(&self, dataset: &str, delivery: &Delivery) -> Result<Opened> {
        let table = self.table(dataset).await?;
        let provider = table.table_provider().await.map_err(|error| unreadable(dataset, &error))?;
        let provider = with_plain_types(provider).map_err(|error| Error::bug("a Delta table cannot be planned").because(error))?;
        let schema = provider.schema();
        let names: Vec<String> = schema.fields().iter().map(|field| field.name().clone()).collect();
        Layout { files: vec![(dataset, &names)], delivery, declared: &HashMap::new() }.columns()?;
        let columns = schema.fields().iter().map(|field| column_of(field)).collect();
        let is_empty = table.snapshot().is_ok_and(|state| state.log_data().num_files() == 0);
        Ok(Opened { table: provider, columns, has_origin: false, is_empty, part: Part::Whole, reached: Reached::default() })
    }
}

impl Source for DeltaSource {
    fn datasets(&self) -> Vec<String> {
        self.paths.names(&self.place)
    }

    fn survey<'a>(&'a self, dataset: &'a str) -> BoxFuture<'a, Result<Survey>> {
        Box::pin(self.survey_table(dataset))
    }

    fn open<'a>(&'a self, dataset: &'a str, delivery: &'a Delivery) -> BoxFuture<'a, Result<Opened>> {
        Box::pin(self.open_table(dataset, delivery))
    }
}

/// The table with every column in the plain type of its kind: Delta hands partition columns out as dictionaries.
fn with_plain_types(table: Arc<dyn TableProvider>) -> Result<Arc<dyn TableProvider>, DataFusionError> {
    let schema: Arc<Schema> = table.schema();
    let is_plain = |data_type: &DataType| plain_type(data_type) == *data_type;
    if schema.fields().iter().all(|field| is_plain(field.data_type())) {
        return Ok(table);
    }
    let columns: Vec<Expr> = schema
        .fields()
        .iter()
        .map(|field| match plain_type(field.data_type()) {
            plain if plain == *field.data_type() => ident(field.name()),
            plain => cast(ident(field.name()), plain).alias(field.name()),
        })
        .collect();
    let plan = LogicalPlanBuilder::scan("delta", provider_as_source(table), None)?.project(columns)?.build()?;
    Ok(Arc::new(ViewTable::new(plan, None)))
}

fn no_table(path: &str, cause: &dyn std::fmt::Display) -> Error {
    Error::user(format!("`{path}` is no Delta table")).code("HW201").because(cause).help("name the folder that holds `_delta_log`")
}

fn unreadable(path: &str, error: &dyn std::fmt::Display) -> Error {
    Error::user(format!("the Delta table `{path}` cannot be read"))
        .code("HW203")
        .because(error)
        .help("look at the table with the tool that writes it")
}
