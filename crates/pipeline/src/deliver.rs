//! Deliveries: what a model says about the table in a database that shows what its own table shows.

use std::collections::BTreeMap;
use std::fmt;

use hw_base::{Column, ColumnType, Error, OnFailure, Partitioning, Period, Placement, TimeSpan, unknown};
use schemars::{JsonSchema, Schema, SchemaGenerator, json_schema};
use serde::de::value::MapAccessDeserializer;
use serde::{Deserialize, Deserializer, Serialize, de};

use crate::project::Model;
use crate::settings::{Load, OneOrMore};

/// The longest name that PostgreSQL keeps whole, in bytes.
const LONGEST_NAME: usize = 63;

/// A table in a database that shows what the model's table shows.
#[derive(Clone, Debug, Default, PartialEq, Eq, Deserialize, Serialize, JsonSchema)]
#[serde(deny_unknown_fields)]
pub struct Deliver {
    /// The database, as `targets:` in headworks.yaml names it.
    pub to: String,
    /// The table there, such as `analytics.fact_orders`; where it is not given, that of the model's name in the schema of the target.
    #[serde(default)]
    pub table: Option<String>,
    /// The columns that identify a row, where the load of the model has no key. A rule `unique` on them has to block, or to put rows
    /// into quarantine.
    #[serde(default)]
    pub key: Vec<String>,
    /// How the table is split: `{ by: order_date, every: month }`.
    #[serde(default)]
    pub partition: Option<Partitioning>,
    /// Indexes, each a column or a list of columns.
    #[serde(default)]
    pub indexes: Vec<OneOrMore>,
    /// How long a delivery may take, such as `30m`; as long as it takes where it is not given.
    #[serde(default)]
    pub timeout: Option<TimeSpan>,
}

/// Reads a delivery, or the name of a target alone.
pub(crate) fn read<'de, D: Deserializer<'de>>(deserializer: D) -> Result<Option<Deliver>, D::Error> {
    struct ShortOrLong;
    impl<'de> de::Visitor<'de> for ShortOrLong {
        type Value = Deliver;
        fn expecting(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
            f.write_str("the name of a target, or `{ to: reporting, table: analytics.fact_orders }`")
        }
        fn visit_str<E: de::Error>(self, to: &str) -> Result<Deliver, E> {
            Ok(Deliver { to: to.to_owned(), ..Deliver::default() })
        }
        fn visit_map<A: de::MapAccess<'de>>(self, map: A) -> Result<Deliver, A::Error> {
            Deliver::deserialize(MapAccessDeserializer::new(map))
        }
    }
    deserializer.deserialize_any(ShortOrLong).map(Some)
}

/// The schema of what [`read`] reads.
pub(crate) fn schema(generator: &mut SchemaGenerator) -> Schema {
    json_schema!({ "anyOf": [{ "type": "string" }, generator.subschema_for::<Deliver>()] })
}

impl Deliver {
    /// The table there, as the project names it.
    pub(crate) fn table<'a>(&'a self, model: &'a str) -> &'a str {
        self.table.as_deref().unwrap_or(model)
    }

    /// The step that delivers.
    pub(crate) fn step(&self, model: &str) -> String {
        format!("{}/{}", self.to, self.table(model))
    }

    /// Where the copy of a model's table lies, and how.
    pub(crate) fn placement(&self, model: &Model) -> Placement {
        Placement {
            target: self.to.clone(),
            table: self.table(&model.name).to_owned(),
            key: if self.key.is_empty() { model.settings.load.identity() } else { self.key.clone() },
            partition: self.partition.clone(),
            indexes: self.indexes.iter().map(|columns| columns.0.clone()).collect(),
        }
    }
}

/// Whether a load only ever adds rows.
pub(crate) fn only_grows(load: &Load) -> bool {
    matches!(load, Load::Append(_))
}

/// What is wrong with the deliveries of models, whatever their columns are, each with its place.
pub(crate) fn misfits(models: &[Model], targets: &[String]) -> Vec<Error> {
    let mut taken: BTreeMap<String, &str> = BTreeMap::new();
    let mut errors = Vec::new();
    for (model, deliver) in models.iter().filter_map(|model| Some((model, model.settings.deliver.as_ref()?))) {
        let delivery = Delivery { model, deliver };
        errors.extend(delivery.unknown_target(targets));
        errors.extend(delivery.wrong_table());
        errors.extend(delivery.wrong_key());
        if let Some(other) = taken.insert(deliver.step(&model.name), &model.name) {
            let table = deliver.table(&model.name);
            let error = Error::user(format!("`{other}` and `{}` are delivered to one table, `{table}` of `{}`", model.name, deliver.to));
            errors.push(error.code("HW104").help("name another one: `table: …`").moved_to(delivery.place("table")));
        }
    }
    errors
}

/// What is wrong with the columns that the delivery of a model names, where its table has `columns`.
pub(crate) fn unfit(model: &Model, columns: &[Column]) -> Vec<Error> {
    let Some(deliver) = &model.settings.deliver else { return vec![] };
    let delivery = Delivery { model, deliver };
    let known = |name: &str| columns.iter().find(|column| column.name == name);
    let unknown_column = |keys: &str, item: usize, name: &str| {
        let error = unknown("column", name, columns.iter().map(|column| column.name.as_str())).code("HW304");
        error
            .because(format!("`deliver` names it, and the table of `{}` does not have it", model.name))
            .moved_to(model.place(&["deliver", keys], item))
    };
    let indexed = deliver.indexes.iter().enumerate().flat_map(|(item, columns)| columns.0.iter().map(move |name| ("indexes", item, name)));
    let keyed = deliver.key.iter().enumerate().map(|(item, name)| ("key", item, name));
    let named = keyed.chain(indexed).filter(|(_, _, name)| known(name).is_none());
    let mut errors: Vec<Error> = named.map(|(keys, item, name)| unknown_column(keys, item, name)).collect();
    if let Some(partition) = &deliver.partition {
        match known(&partition.by) {
            None => errors.push(unknown_column("partition", 0, &partition.by)),
            Some(column) if !matches!(column.kind, ColumnType::Date | ColumnType::Timestamp) => errors.push(
                Error::user(format!("`{}` is {}, which tells no {}", column.name, column.sql_type, partition.every.name()))
                    .code("HW304")
                    .help("split by a date or a timestamp")
                    .moved_to(delivery.place("partition")),
            ),
            Some(_) => {}
        }
    }
    errors
}

/// A model and its delivery.
struct Delivery<'a> {
    model: &'a Model,
    deliver: &'a Deliver,
}

impl Delivery<'_> {
    fn place(&self, key: &str) -> Option<hw_base::Span> {
        self.model.place(&["deliver", key], 0).or_else(|| self.model.place(&["deliver"], 0))
    }

    fn unknown_target(&self, targets: &[String]) -> Option<Error> {
        let to = &self.deliver.to;
        if targets.contains(to) {
            return None;
        }
        let error = if targets.is_empty() {
            Error::user(format!("there is no target `{to}`"))
                .code("HW104")
                .help(format!("name it in headworks.yaml: `targets: {{ {to}: {{ postgres: {{ url: \"${{env:TARGET_URL}}\" }} }} }}`"))
        } else {
            unknown("target", to, targets.iter().map(String::as_str)).code("HW104")
        };
        Some(error.moved_to(self.place("to")))
    }

    /// The name of a partition is that of its table with the time that it holds.
    fn wrong_table(&self) -> Option<Error> {
        let table = self.deliver.table(&self.model.name);
        let parts: Vec<&str> = table.split('.').collect();
        let longest = match self.deliver.partition.as_ref().map(|partition| partition.every) {
            None => LONGEST_NAME,
            Some(Period::Day) => LONGEST_NAME - "_2026_01_31".len(),
            Some(Period::Month) => LONGEST_NAME - "_2026_01".len(),
            Some(Period::Year) => LONGEST_NAME - "_2026".len(),
        };
        let error = Error::user(format!("`{table}` is no name of a table to deliver to")).code("HW104");
        let error = if parts.len() > 2 || parts.iter().any(|part| part.is_empty()) {
            error.because("expected a table, or a schema and a table with a dot between them")
        } else if parts.iter().any(|part| part.len() > longest) {
            error.because(format!("its parts may have up to {longest} bytes"))
        } else {
            return None;
        };
        Some(error.help("name it: `deliver: { to: reporting, table: analytics.fact_orders }`").moved_to(self.place("table")))
    }

    /// A key that nothing guards would let rows disappear behind others.
    fn wrong_key(&self) -> Option<Error> {
        let (model, key) = (self.model, &self.deliver.key);
        if key.is_empty() {
            return None;
        }
        let own = model.settings.load.identity();
        let error = if !own.is_empty() {
            Error::user(format!("`{}` has a key by its load: {}", model.name, own.join(", "))).help("remove `key` from `deliver`")
        } else if !is_guarded(model, key) {
            Error::user(format!("nothing guards the key by which `{}` is delivered", model.name))
                .because("two rows with one key could not be told apart there")
                .help(format!("add the rule `unique: {{ columns: [{}] }}`, which blocks", key.join(", ")))
        } else {
            return None;
        };
        Some(error.code("HW104").moved_to(self.place("key")))
    }
}

/// Whether a rule keeps rows with one key from becoming visible.
fn is_guarded(model: &Model, key: &[String]) -> bool {
    let mut wanted = key.to_vec();
    wanted.sort();
    model.rules.iter().any(|rule| {
        let mut columns = rule.columns.clone();
        columns.sort();
        let keeps = match rule.on_failure {
            OnFailure::Block => !rule.tolerance.admits(1, u64::MAX),
            OnFailure::Quarantine => true,
            OnFailure::Alert | OnFailure::Log => false,
        };
        rule.kind.name() == "unique" && rule.condition.is_none() && columns == wanted && keeps
    })
}

/// The columns that the table of a model has, where its SELECT returns `columns`.
pub(crate) fn columns_of_table(model: &Model, columns: &[Column]) -> Vec<Column> {
    let later_by = model.settings.follow.values().next().map(String::as_str);
    let added = model.settings.added(columns, later_by);
    let mut all: Vec<Column> = columns.iter().cloned().chain(added).collect();
    for (name, _) in model.settings.partition_by.columns().unwrap_or_default() {
        if all.iter().all(|column| column.name != name) {
            all.push(Column { name, kind: ColumnType::Date, sql_type: "date".into() });
        }
    }
    all
}
