//! PostgreSQL as a source of a project.

use std::collections::HashMap;
use std::sync::Arc;

use datafusion::arrow::datatypes::DataType;
use hw_base::{BoxFuture, Column, DatasetName, Delivery, Error, Result, Settings, Survey, Tolerance};
use schemars::{Schema, SchemaGenerator};
use serde_json::{Map, Value as Json, json};

use super::snapshot::Snapshot;
use super::target::{PostgresTarget, PostgresTargetSettings};
use super::{PUBLIC, PostgresSettings, Selection, Table, exists, open, survey, tables};
use crate::connectors::{Connector, Opened, Place, Source, TableListing, Target};
use crate::layout::{COPIED_ANEW, PUT_BACK};
use crate::tables::{Tables, text_columns};
use crate::types::{common_type, sql_type_to_arrow};

/// The connector for PostgreSQL.
pub(crate) struct Postgres;

impl Connector for Postgres {
    fn kind(&self) -> &'static str {
        "postgres"
    }

    fn summary(&self) -> &'static str {
        "tables and views of a PostgreSQL database, read in parallel under one snapshot for all"
    }

    fn schemes(&self) -> &'static [&'static str] {
        &["postgres", "postgresql"]
    }

    fn part_of(&self, table: &str) -> String {
        // What stands before a point would be taken for the schema.
        if table.contains('.') { format!("{PUBLIC}.{table}") } else { table.to_owned() }
    }

    fn tables<'a>(&'a self, url: &'a str, schema: Option<&'a str>) -> BoxFuture<'a, Result<Vec<TableListing>>> {
        Box::pin(tables(url, schema.unwrap_or(PUBLIC)))
    }

    fn settings_of(&self, url: &str, schema: Option<&str>, tables: Map<String, Json>) -> Json {
        json!({ "url": url, "schema": schema.unwrap_or(PUBLIC), "tables": tables })
    }

    fn schema(&self, generator: &mut SchemaGenerator) -> Schema {
        generator.subschema_for::<PostgresSettings>()
    }

    fn target_schema(&self, generator: &mut SchemaGenerator) -> Option<Schema> {
        Some(generator.subschema_for::<PostgresTargetSettings>())
    }

    fn target(&self, settings: &Settings, place: Place) -> Option<Result<Box<dyn Target>>> {
        Some(PostgresTarget::read(settings, place).map(|target| Box::new(target) as _))
    }

    fn source(&self, settings: &Settings, place: Place) -> Result<Box<dyn Source>> {
        let read: PostgresSettings = settings.read()?;
        let at = |setting: &str, error: Error| match settings.get(setting).and_then(|entries| entries.span.clone()) {
            Some(span) => error.at(span),
            None => error,
        };
        check_as_text(&read).map_err(|error| at("as_text", error))?;
        check_keys(&read).map_err(|error| at("keys", error))?;
        Ok(Box::new(PostgresSource { settings: Arc::new(read), place, snapshot: Snapshot::default() }))
    }
}

/// Refuses entries of `as_text` that name no table of the source.
fn check_as_text(settings: &PostgresSettings) -> Result<()> {
    let wrong = |entry: &String| match &settings.tables {
        None => (!entry.contains('.')).then(|| Error::user(format!("`as_text` names no column with `{entry}`"))),
        Some(tables) => {
            let datasets = tables.datasets();
            let is_known = datasets.iter().any(|table| entry.strip_prefix(table.as_str()).is_some_and(|rest| rest.starts_with('.')));
            let table = entry.split('.').next().unwrap_or_default();
            (!is_known).then(|| hw_base::unknown("table", table, datasets.iter().map(String::as_str)))
        }
    };
    let errors = settings.as_text.iter().filter_map(wrong);
    let errors = errors.map(|error| error.code("HW104").help("write each entry as `table.column`, for instance `orders.placed_at`"));
    Error::all(errors.collect()).map_or(Ok(()), Err)
}

/// Refuses keys of tables that the settings do not name, and keys without columns.
fn check_keys(settings: &PostgresSettings) -> Result<()> {
    let datasets = settings.tables.as_ref().map(Tables::datasets);
    let wrong = |(table, columns): (&String, &Vec<String>)| match &datasets {
        Some(datasets) if !datasets.contains(table) => Some(hw_base::unknown("table", table, datasets.iter().map(String::as_str))),
        _ => columns.is_empty().then(|| Error::user(format!("`keys` names no column for `{table}`"))),
    };
    let errors = settings.keys.iter().filter_map(wrong);
    let errors = errors.map(|error| error.code("HW104").help("write each key as `table: [column]`, for instance `orders: [order_id]`"));
    Error::all(errors.collect()).map_or(Ok(()), Err)
}

struct PostgresSource {
    settings: Arc<PostgresSettings>,
    place: Place,
    /// What the readings of all its tables see.
    snapshot: Snapshot,
}

impl PostgresSource {
    /// The table of a dataset, where the settings let it be read.
    fn table<'a>(&'a self, dataset: &'a str) -> Result<&'a str> {
        if let Some(tables) = &self.settings.tables {
            let known = tables.datasets();
            return tables.of(dataset).ok_or_else(|| hw_base::unknown("table", dataset, known.iter().map(String::as_str)).code("HW201"));
        }
        if dataset.contains(['/', '\\']) {
            return Err(Error::user(format!("the table `{dataset}` needs another name in the project"))
                .code("HW104")
                .because("its raw copy is a folder of that name")
                .help(format!("name it: `tables: {{ {}: \"{dataset}\" }}` under the source", hw_base::snake_case(dataset))));
        }
        Ok(dataset)
    }

    async fn survey_table(&self, dataset: &str) -> Result<Survey> {
        let url = (self.place.secrets)(&self.settings.url)?;
        let survey = survey(&url, &self.settings.schema, self.table(dataset)?).await?;
        let key = self.settings.keys.get(dataset).cloned().unwrap_or(survey.key);
        Ok(Survey { key, ..survey })
    }

    /// Refuses a key of columns that the table does not have.
    fn check_key(&self, dataset: &str, columns: &[Column]) -> Result<()> {
        let known = || columns.iter().map(|column| column.name.as_str());
        match self.settings.keys.get(dataset).into_iter().flatten().find(|name| !known().any(|column| column == name.as_str())) {
            None => Ok(()),
            Some(name) => Err(hw_base::unknown("column", name, known())
                .code("HW201")
                .because(format!("`keys` of source `{}` names it for `{dataset}`", self.place.source))),
        }
    }

    async fn open_table(&self, dataset: &str, delivery: &Delivery) -> Result<Opened> {
        let url = (self.place.secrets)(&self.settings.url)?;
        let table = self.table(dataset)?;
        self.check_tables_of_as_text(&url, dataset).await?;
        let selection = Selection {
            schema: &self.settings.schema,
            table,
            continuing: delivery.continuing.as_ref(),
            known: &delivery.expected,
            connections: self.settings.connections,
            as_text: text_columns(&self.settings.as_text, dataset),
        };
        let Table { provider, columns, part, reached } = open(&url, &selection).await?;
        self.check_expected(dataset, &columns, &delivery.expected)?;
        self.check_key(dataset, &columns)?;
        provider.share(&self.snapshot);
        Ok(Opened { table: provider, columns, has_origin: true, rows: None, uneven: Vec::new(), rowless: Vec::new(), part, reached })
    }

    /// Refuses entries of `as_text` for tables that the database does not have, where no setting lists the tables.
    async fn check_tables_of_as_text(&self, url: &str, dataset: &str) -> Result<()> {
        let is_own = |entry: &&String| entry.strip_prefix(dataset).is_some_and(|rest| rest.starts_with('.'));
        for entry in self.settings.as_text.iter().filter(|entry| self.settings.tables.is_none() && !is_own(entry)) {
            let table = entry.split('.').next().unwrap_or_default();
            exists(url, &self.settings.schema, table).await.map_err(|error| error.within("`as_text`"))?;
        }
        Ok(())
    }

    /// What the raw copy has must be there, in a type that can go on.
    fn check_expected(&self, dataset: &str, columns: &[Column], expected: &[Column]) -> Result<()> {
        let found: HashMap<&str, &Column> = columns.iter().map(|column| (column.name.as_str(), column)).collect();
        let missing: Vec<String> =
            expected.iter().filter(|column| !found.contains_key(column.name.as_str())).map(|column| format!("`{}`", column.name)).collect();
        if !missing.is_empty() {
            return Err(Error::user(format!("table `{dataset}` has lost {}", missing.join(", ")))
                .code("HW204")
                .because("the raw copy has columns that the source has no longer")
                .help(PUT_BACK)
                .help(format!(
                    "or move the folder `raw/{}.{dataset}` of the warehouse away and let the models do without them: {COPIED_ANEW}",
                    self.place.source
                )));
        }
        let as_text = text_columns(&self.settings.as_text, dataset);
        let changed = expected.iter().filter_map(|known| Some((known, *found.get(known.name.as_str())?)));
        let changed = changed.filter(|(known, now)| !as_text.contains(&now.name.as_str()) && !goes_on(&known.sql_type, &now.sql_type));
        let errors = changed.map(|(known, now)| {
            Error::user(format!("column `{}` of `{dataset}` is {} now, but the raw copy holds {}", now.name, now.sql_type, known.sql_type))
                .code("HW204")
                .because("one type does not hold all values of the other")
                .help(format!("read it as text from now on: `as_text: [{dataset}.{}]` under source `{}`", now.name, self.place.source))
                .help(DatasetName::new(&self.place.source, dataset).help_to_copy_anew())
        });
        Error::all(errors.collect()).map_or(Ok(()), Err)
    }
}

/// Whether one of two types holds all values of the other, as far as this room knows them.
fn goes_on(known: &str, now: &str) -> bool {
    let (Some(known), Some(now)) = (sql_type_to_arrow(known), sql_type_to_arrow(now)) else { return true };
    let has_zone = |data_type: &DataType| matches!(data_type, DataType::Timestamp(_, Some(_)));
    let common = common_type(&known, &now).filter(|_| has_zone(&known) == has_zone(&now));
    common.is_some_and(|common| common == known || common == now)
}

impl Source for PostgresSource {
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

    fn let_go(&self) -> BoxFuture<'_, Option<String>> {
        Box::pin(self.snapshot.let_go())
    }
}
