//! `mysql`: tables and views of a `MySQL` or `MariaDB` database, read as a stream under one snapshot.
//!
//! No value is changed or lost unseen: unsigned numbers get a type that holds them, `decimal` is exact, `enum`, `set` and `json`
//! are text, `timestamp` is a moment in UTC and `datetime` one without a zone. A value that has no counterpart, such as
//! `0000-00-00`, makes its row malformed; who wants the row instead names the column under `as_text`.

mod catalog;
mod read;
mod server;
mod types;

use std::collections::BTreeMap;
use std::sync::Arc;

use hw_base::{BoxFuture, Delivery, Error, News, Result, Settings, Survey, Tolerance, unknown};
use schemars::{JsonSchema, Schema, SchemaGenerator};
use serde::Deserialize;

use server::Server;

use super::csv::one_percent;
use super::{Connector, Opened, Place, Source, TableListing};
use crate::tables::{Tables, text_columns};

/// The connector for `MySQL` and `MariaDB`.
pub(super) struct Mysql;

/// Tables and views of a `MySQL` (8.0 or later) or `MariaDB` (10.5 or later) database.
///
/// Holds the URL as the project writes it, which may be a secret: no `Debug`.
#[derive(Clone, Deserialize, JsonSchema)]
#[serde(deny_unknown_fields)]
pub struct MysqlSettings {
    /// Where the database is: `mysql://user:password@host:3306/database`, best as a reference such as `${env:SHOP_URL}`.
    /// `?require_ssl=true` encrypts the connection.
    pub url: String,
    /// The tables and views to read, as a list, or as a map from a name of your own to the table:
    /// `{ order_lines: "Order Lines" }`. All that the user may read where it is left out.
    #[serde(default)]
    pub tables: Option<Tables>,
    /// The columns that identify a row of a table, for views and for tables without a primary key: `{ orders: [order_id] }`.
    #[serde(default)]
    pub keys: BTreeMap<String, Vec<String>>,
    /// Columns to read as text, each as `table.column`, because they hold values such as `0000-00-00` that their type cannot
    /// hold outside `MySQL`.
    #[serde(default)]
    pub as_text: Vec<String>,
    /// How many rows may be malformed before a delivery is refused. Each one is kept in quarantine.
    #[serde(default = "one_percent")]
    pub malformed: Tolerance,
}

impl Connector for Mysql {
    fn kind(&self) -> &'static str {
        "mysql"
    }

    fn summary(&self) -> &'static str {
        "tables and views of a MySQL or MariaDB database"
    }

    fn schemes(&self) -> &'static [&'static str] {
        &["mysql", "mariadb"]
    }

    fn tables<'a>(&'a self, url: &'a str, _schema: Option<&'a str>) -> BoxFuture<'a, Result<Vec<TableListing>>> {
        Box::pin(async move {
            let server = Server::at(url)?;
            let mut session = server.connect().await?;
            catalog::list(&server, &mut session).await
        })
    }

    fn schema(&self, generator: &mut SchemaGenerator) -> Schema {
        generator.subschema_for::<MysqlSettings>()
    }

    fn source(&self, settings: &Settings, place: Place) -> Result<Box<dyn Source>> {
        Ok(Box::new(MysqlSource { settings: Arc::new(settings.read()?), place }))
    }
}

struct MysqlSource {
    settings: Arc<MysqlSettings>,
    place: Place,
}

impl MysqlSource {
    fn server(&self) -> Result<Server> {
        Server::at(&(self.place.secrets)(&self.settings.url)?)
    }

    /// The table of a dataset, where the settings let it be read.
    fn table<'a>(&'a self, dataset: &'a str) -> Result<&'a str> {
        let Some(tables) = &self.settings.tables else { return Ok(dataset) };
        let known = tables.datasets();
        tables.of(dataset).ok_or_else(|| unknown("table", dataset, known.iter().map(String::as_str)).code("HW201"))
    }

    async fn survey_table(&self, dataset: &str) -> Result<Survey> {
        let (server, table) = (self.server()?, self.table(dataset)?);
        let mut session = server.connect().await?;
        let listing = catalog::table(&server, &mut session, table).await?;
        let key = self.settings.keys.get(dataset).cloned().unwrap_or(listing.primary_key);
        let (about_rows, bytes) = (listing.estimated_rows, listing.bytes);
        Ok(Survey { about_rows, bytes, news: News::ByColumn, key, ..Survey::default() })
    }

    async fn open_table(&self, dataset: &str, delivery: &Delivery) -> Result<Opened> {
        let (server, table) = (self.server()?, self.table(dataset)?);
        let mut session = server.connect().await?;
        let columns = catalog::columns(&server, &mut session, table).await?;
        let known = || columns.iter().map(|column| column.name.as_str());
        let as_text = text_columns(&self.settings.as_text, dataset);
        let named = self.settings.keys.get(dataset).into_iter().flatten().map(String::as_str).chain(as_text.iter().copied());
        let errors = named.filter(|name| !known().any(|known| known == *name)).map(|name| unknown("column", name, known()).code("HW201"));
        if let Some(error) = Error::all(errors.collect()) {
            return Err(error);
        }
        read::open(server, table, columns, &as_text, delivery)
    }
}

impl Source for MysqlSource {
    fn datasets(&self) -> Vec<String> {
        self.settings.tables.as_ref().map(Tables::datasets).unwrap_or_default()
    }

    fn malformed(&self) -> Tolerance {
        self.settings.malformed
    }

    fn survey<'a>(&'a self, dataset: &'a str) -> BoxFuture<'a, Result<Survey>> {
        Box::pin(self.survey_table(dataset))
    }

    fn open<'a>(&'a self, dataset: &'a str, delivery: &'a Delivery) -> BoxFuture<'a, Result<Opened>> {
        Box::pin(self.open_table(dataset, delivery))
    }
}
