//! `delta`: Delta tables in a folder.

use std::sync::Arc;

use datafusion::catalog::TableProvider;
use datafusion::datasource::{ViewTable, provider_as_source};
use datafusion::error::DataFusionError;
use datafusion::logical_expr::{Expr, LogicalPlanBuilder, cast, ident};
use hw_base::{BoxFuture, Delivery, Error, Part, Result, Settings, Survey};
use hw_engine::{ForeignTable, open_foreign};
use schemars::{JsonSchema, Schema as JsonSchemaOf, SchemaGenerator};
use serde::Deserialize;

use super::{Connector, Opened, Place, Reached, Source};
use crate::layout::check_table;
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
    async fn table(&self, dataset: &str) -> Result<ForeignTable> {
        let path = self.paths.resolved(&self.place.secrets)?.of(&self.place.source, dataset)?;
        let folder = std::path::absolute(self.place.root.join(&path)).map_err(|error| no_table(&path, &error))?;
        if !folder.join("_delta_log").is_dir() {
            return Err(no_table(&path, &"the folder does not exist, or has no `_delta_log`"));
        }
        open_foreign(&folder).await.map_err(|error| unreadable(&path, &error.message()))
    }

    async fn survey_table(&self, dataset: &str) -> Result<Survey> {
        Ok(Survey { bytes: Some(self.table(dataset).await?.bytes), ..Survey::default() })
    }

    async fn open_table(&self, dataset: &str, delivery: &Delivery) -> Result<Opened> {
        let table = self.table(dataset).await?;
        let known_rows = table.known_rows;
        let rows = with_plain_types(table).map_err(|error| Error::bug("a Delta table cannot be planned").because(error))?;
        let schema = rows.schema();
        let names: Vec<String> = schema.fields().iter().map(|field| field.name().clone()).collect();
        check_table(dataset, &names, delivery)?;
        let columns = schema.fields().iter().map(|field| column_of(field)).collect();
        Ok(Opened {
            table: rows,
            columns,
            has_origin: false,
            rows: known_rows,
            uneven: Vec::new(),
            rowless: Vec::new(),
            part: Part::Whole,
            reached: Reached::default(),
        })
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

/// The rows with every column in the plain type of its kind, in the order of the log.
fn with_plain_types(table: ForeignTable) -> Result<Arc<dyn TableProvider>, DataFusionError> {
    let schema = table.rows.schema();
    let column = |name: &String| {
        let field = schema.field_with_name(name)?;
        let plain = plain_type(field.data_type());
        Ok(if plain == *field.data_type() { ident(name) } else { cast(ident(name), plain).alias(name) })
    };
    let columns = table.columns.iter().map(column).collect::<Result<Vec<Expr>, DataFusionError>>()?;
    let plan = LogicalPlanBuilder::scan("delta", provider_as_source(table.rows), None)?.project(columns)?.build()?;
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
