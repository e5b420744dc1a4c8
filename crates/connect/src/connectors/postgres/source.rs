//! PostgreSQL as a source of a project.

use std::sync::Arc;

use hw_base::{BoxFuture, Delivery, Error, Result, Settings, Survey, Tolerance};
use schemars::{Schema, SchemaGenerator};

use super::{PostgresSettings, Selection, open, survey, text_columns};
use crate::connectors::{Connector, Opened, Place, Source};

/// The connector for PostgreSQL.
pub(crate) struct Postgres;

impl Connector for Postgres {
    fn kind(&self) -> &'static str {
        "postgres"
    }

    fn summary(&self) -> &'static str {
        "tables and views of a PostgreSQL database, read in parallel under one snapshot"
    }

    fn schema(&self, generator: &mut SchemaGenerator) -> Schema {
        generator.subschema_for::<PostgresSettings>()
    }

    fn source(&self, settings: &Settings, place: Place) -> Result<Box<dyn Source>> {
        let read: PostgresSettings = settings.read()?;
        Ok(Box::new(PostgresSource { settings: Arc::new(read), place }))
    }
}

struct PostgresSource {
    settings: Arc<PostgresSettings>,
    place: Place,
}

impl PostgresSource {
    /// The table of a dataset, where the settings let it be read.
    fn table<'a>(&self, dataset: &'a str) -> Result<&'a str> {
        match &self.settings.tables {
            Some(tables) if !tables.iter().any(|table| table == dataset) => {
                Err(hw_base::unknown("table", dataset, tables.iter().map(String::as_str)).code("HW201"))
            }
            _ => Ok(dataset),
        }
    }

    async fn survey_table(&self, dataset: &str) -> Result<Survey> {
        let url = (self.place.secrets)(&self.settings.url)?;
        survey(&url, &self.settings.schema, self.table(dataset)?).await
    }

    async fn open_table(&self, dataset: &str, delivery: &Delivery) -> Result<Opened> {
        let url = (self.place.secrets)(&self.settings.url)?;
        let table = self.table(dataset)?;
        let selection = Selection {
            schema: &self.settings.schema,
            table,
            after: delivery.after.as_ref().map(|(column, value)| (column.as_str(), value.as_str())),
            connections: self.settings.connections,
            as_text: text_columns(&self.settings.as_text, table),
        };
        let (provider, columns) = open(&url, &selection).await?;
        let missing: Vec<&str> = delivery
            .expected
            .iter()
            .map(|column| column.name.as_str())
            .filter(|name| !columns.iter().any(|column| column.name == *name))
            .collect();
        if !missing.is_empty() {
            return Err(Error::user(format!("table `{table}` has lost {}", missing.join(", ")))
                .code("HW204")
                .because("the raw copy has columns that the source has no longer")
                .help("let the models do without them and move the raw copy away, or put the columns back"));
        }
        Ok(Opened { table: provider, columns, has_origin: true, is_empty: false })
    }
}

impl Source for PostgresSource {
    fn datasets(&self) -> Vec<String> {
        self.settings.tables.clone().unwrap_or_default()
    }

    fn malformed(&self) -> Tolerance {
        Tolerance::Share(hw_base::Share(0.01))
    }

    fn survey<'a>(&'a self, dataset: &'a str) -> BoxFuture<'a, Result<Survey>> {
        Box::pin(self.survey_table(dataset))
    }

    fn open<'a>(&'a self, dataset: &'a str, delivery: &'a Delivery) -> BoxFuture<'a, Result<Opened>> {
        Box::pin(self.open_table(dataset, delivery))
    }
}
