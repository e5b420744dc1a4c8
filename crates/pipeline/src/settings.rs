//! What the user said: the settings of a project and of its models. Reading them does no work.

use std::collections::BTreeMap;

use hw_base::{
    Column, ColumnType, Error, History, IS_INFERRED, LoadMode, Result, Shows, TimeSpan, VALID_FROM, VALID_TO, first_day, identifier,
};
use hw_validate::{ProjectSlos, RuleSlo};
use schemars::{JsonSchema, Schema};
use serde::de::IgnoredAny;
use serde::{Deserialize, Serialize};
use serde_json::{Value as Json, json};

use crate::deliver::{self, Deliver};
use crate::engine_settings::EngineSettings;
use crate::push_down::ModelEngine;

/// `headworks.yaml`, without `sources` and `targets`, which the connectors read.
#[derive(Clone, Debug, Deserialize, JsonSchema)]
#[serde(deny_unknown_fields)]
pub struct ProjectSettings {
    /// The name of the project; it is part of every commit's transaction id.
    pub project: String,
    /// Where the data comes from. Like `targets` it stands here so that a mistyped key is told; [`crate::Project::sources`] has what it says.
    #[serde(default)]
    #[schemars(skip)]
    pub sources: IgnoredAny,
    /// Where tables go besides the warehouse.
    #[serde(default)]
    #[schemars(skip)]
    pub targets: IgnoredAny,
    /// Where the warehouse lies. It stands here so that a mistyped key is told; [`crate::Project::warehouse`] has what it says.
    #[serde(default)]
    #[schemars(skip)]
    pub warehouse: IgnoredAny,
    /// What the engine may use.
    #[serde(default)]
    pub engine: EngineSettings,
    /// What is promised about runs and about rules, and measured after every run.
    #[serde(default)]
    pub slo: ProjectSlos,
}

/// `models/NAME.yaml`, without `rules`, which the rule kinds read.
#[derive(Clone, Debug, Default, Deserialize, JsonSchema)]
#[serde(deny_unknown_fields, default)]
pub struct ModelSettings {
    /// What the table is for.
    pub description: Option<String>,
    /// What one row stands for: `one row per order`.
    pub grain: Option<String>,
    /// How a batch changes the table.
    pub load: Load,
    /// Datasets of which a run reads only what arrived since the last run, each with the column that tells which of two
    /// rows with one key is the later one: `shop.customer_orders: updated_at`.
    pub follow: BTreeMap<String, String>,
    /// How much of the time before the greatest value so far is read again of a followed dataset whose source tells what is new by that
    /// column alone, such as `3d`: for rows that become visible later than their stamp says. What is there already is left out.
    pub lookback: Option<TimeSpan>,
    /// Datasets whose rows name members of this dimension, each with the SQL of the key in its columns: `shop.orders: customer_id`.
    /// A key of which no row has arrived gets a row that says so in `is_inferred`; the first row of the key takes its place.
    pub infer: BTreeMap<String, OneOrMore>,
    /// Values that an inferred member has instead of null: `segment: unknown`.
    pub inferred: BTreeMap<String, Json>,
    /// How the table is split into folders: a column, or `year(column)`, `month(column)`, `day(column)`.
    pub partition_by: PartitionBy,
    /// A file in `contracts/` with what the table promises, in the form of ODCS or of another tool. It is checked on every run
    /// together with `rules`.
    pub contract: Option<String>,
    /// The rules. They stand here so that a mistyped key is told; [`crate::Model::rules`] has what they say.
    #[schemars(skip)]
    pub rules: IgnoredAny,
    /// Where the table is built: inside the database that `deliver` names, with `{ push_down: postgres }`.
    pub engine: ModelEngine,
    /// How long a run may build the table, such as `30m`; as long as it takes where it is not given.
    pub timeout: Option<TimeSpan>,
    /// Shares of rows that are promised to keep a rule, measured after every run.
    pub slo: Vec<RuleSlo>,
    /// A table in a database that shows what this one shows: the name of a target, or where it lies there and how.
    #[serde(deserialize_with = "deliver::read")]
    #[schemars(schema_with = "deliver::schema")]
    pub deliver: Option<Deliver>,
}

/// The column that tells which rows are inferred.
pub(crate) fn inferred_column() -> Column {
    Column { name: IS_INFERRED.into(), kind: ColumnType::Boolean, sql_type: "boolean".into() }
}

impl ModelSettings {
    /// The columns that the table has besides those of the SELECT and its partitions, where `later_by` tells when a version became true.
    pub fn added(&self, columns: &[Column], later_by: Option<&str>) -> Vec<Column> {
        let member = (!self.infer.is_empty()).then(inferred_column);
        member.into_iter().chain(self.load.added(columns, later_by)).collect()
    }
}

/// How a batch changes its table.
#[derive(Clone, Debug, Default, PartialEq, Eq, Deserialize, Serialize, JsonSchema)]
#[serde(rename_all = "snake_case")]
#[schemars(transform = with_bare_words)]
pub enum Load {
    /// Every run replaces the whole table.
    #[default]
    Replace,
    /// Every run adds the rows of its batch.
    Append(Append),
    /// Every run adds the rows whose key is new, and replaces those whose key is known.
    Upsert(Upsert),
    /// As `upsert`: a dimension that shows the last version of each row (slowly changing dimension, type 1).
    Scd1(Upsert),
    /// Every version in a row of its own, with the time in which it was true (type 2).
    Scd2(Versions),
    /// The last version, with what some columns held before their last change (type 3).
    Scd3(LastVersion),
    /// Versions as in `scd2`, of a source that does not tell when its rows change: each delivery is compared in whole with the one
    /// before it, and what differs is true from the time of the extraction on.
    Snapshot(Snapshot),
    /// Every run builds anew the partitions that new, changed and removed rows touch, and leaves the others alone.
    Recompute(Recompute),
}

/// The loads that need no settings may be written as a word: `load: append`.
fn with_bare_words(schema: &mut Schema) {
    if let Some(Json::Array(choices)) = schema.get_mut("oneOf") {
        choices.push(json!({ "type": "string", "enum": ["append", "recompute"] }));
    }
}

/// How rows are added.
#[derive(Clone, Debug, Default, PartialEq, Eq, Deserialize, Serialize, JsonSchema)]
#[serde(deny_unknown_fields, default)]
pub struct Append {
    /// Rows whose key the table already has are left out, newer or not: of two rows with one key the first to arrive stays.
    pub key: Vec<String>,
}

/// How rows are merged.
#[derive(Clone, Debug, Default, PartialEq, Eq, Deserialize, Serialize, JsonSchema)]
#[serde(deny_unknown_fields)]
pub struct Upsert {
    /// The columns that identify a row.
    pub key: Vec<String>,
    /// A Boolean SQL expression over the row; where it is true, the row with that key is deleted.
    #[serde(default)]
    pub delete_when: Option<String>,
}

/// How versions are kept in rows of their own.
#[derive(Clone, Debug, Default, PartialEq, Eq, Deserialize, Serialize, JsonSchema)]
#[serde(deny_unknown_fields)]
pub struct Versions {
    /// The columns that identify what the versions are versions of.
    pub key: Vec<String>,
    /// A Boolean SQL expression over the row; where it is true, the current version ends and no other begins.
    #[serde(default)]
    pub delete_when: Option<String>,
    /// Columns whose change opens no version.
    #[serde(default)]
    pub ignore: Vec<String>,
    /// Columns that show their latest value in every version, as in type 1.
    #[serde(default)]
    pub overwrite: Vec<String>,
    /// Columns that show their latest value in every version, and beside it what they held before and since when they hold it, as in type 3.
    #[serde(default)]
    pub previous: Vec<String>,
    /// A column to add that identifies a version and is the same in every load.
    #[serde(default)]
    pub surrogate_key: Option<String>,
}

/// How versions are told from whole deliveries.
#[derive(Clone, Debug, Default, PartialEq, Eq, Deserialize, Serialize, JsonSchema)]
#[serde(deny_unknown_fields)]
pub struct Snapshot {
    /// The columns that identify a row.
    pub key: Vec<String>,
    /// What becomes of a row that a delivery does not have any more.
    #[serde(default)]
    pub deletes: Deletes,
    /// Columns whose change opens no version.
    #[serde(default)]
    pub ignore: Vec<String>,
    /// Columns that show their latest value in every version, as in type 1.
    #[serde(default)]
    pub overwrite: Vec<String>,
    /// Columns that show their latest value in every version, and beside it what they held before and since when they hold it, as in type 3.
    #[serde(default)]
    pub previous: Vec<String>,
    /// A column to add that identifies a version and is the same in every load.
    #[serde(default)]
    pub surrogate_key: Option<String>,
}

/// What becomes of a row that a delivery does not have any more.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq, Deserialize, Serialize, JsonSchema)]
#[serde(rename_all = "snake_case")]
pub enum Deletes {
    /// Its version ends with the delivery.
    #[default]
    Close,
    /// Nothing: its last version stays the current one.
    Ignore,
}

/// How the partitions are found that have to be built anew.
#[derive(Clone, Debug, Default, PartialEq, Eq, Deserialize, Serialize, JsonSchema)]
#[serde(deny_unknown_fields, default)]
pub struct Recompute {
    /// For datasets and models whose rows do not let trace their partition through the SELECT: what tells it, in the columns
    /// of the dataset and written as in `partition_by`: `shop.orders: month(ordered_at)`.
    pub from: BTreeMap<String, PartitionBy>,
}

/// How the last version is kept with earlier values.
#[derive(Clone, Debug, Default, PartialEq, Eq, Deserialize, Serialize, JsonSchema)]
#[serde(deny_unknown_fields)]
pub struct LastVersion {
    /// The columns that identify a row.
    pub key: Vec<String>,
    /// The columns that get `previous_…` and `…_changed_at` beside them.
    pub previous: Vec<String>,
    /// A Boolean SQL expression over the row; where it is true, the row with that key is deleted.
    #[serde(default)]
    pub delete_when: Option<String>,
}

impl Load {
    /// The word for it.
    pub fn name(&self) -> &'static str {
        match self {
            Self::Replace => "replace",
            Self::Append(_) => "append",
            Self::Upsert(_) => "upsert",
            Self::Scd1(_) => "scd1",
            Self::Scd2(_) => "scd2",
            Self::Scd3(_) => "scd3",
            Self::Snapshot(_) => "snapshot",
            Self::Recompute(_) => "recompute",
        }
    }

    /// The columns that identify a row.
    pub fn key(&self) -> &[String] {
        match self {
            Self::Replace | Self::Recompute(_) => &[],
            Self::Append(append) => &append.key,
            Self::Upsert(upsert) | Self::Scd1(upsert) => &upsert.key,
            Self::Scd2(versions) => &versions.key,
            Self::Scd3(previous) => &previous.key,
            Self::Snapshot(snapshot) => &snapshot.key,
        }
    }

    /// What marks a row as deleted.
    pub fn deleted_when(&self) -> Option<&str> {
        match self {
            Self::Replace | Self::Append(_) | Self::Snapshot(_) | Self::Recompute(_) => None,
            Self::Upsert(upsert) | Self::Scd1(upsert) => upsert.delete_when.as_deref(),
            Self::Scd2(versions) => versions.delete_when.as_deref(),
            Self::Scd3(previous) => previous.delete_when.as_deref(),
        }
    }

    /// The columns of which no two rows of the table have the same values; none where a key may have several rows.
    pub fn unique_by(&self) -> &[String] {
        match self {
            Self::Scd2(_) | Self::Snapshot(_) => &[],
            _ => self.key(),
        }
    }

    /// The columns that tell a row of the table from all others; none where nothing does.
    pub fn identity(&self) -> Vec<String> {
        let begins = matches!(self, Self::Scd2(_) | Self::Snapshot(_)).then(|| VALID_FROM.to_owned());
        self.key().iter().cloned().chain(begins).collect()
    }

    /// Whether its table keeps of a followed dataset what the source may have no longer: earlier versions, or events of a log with a key.
    pub fn keeps_history(&self) -> bool {
        match self {
            Self::Scd2(_) | Self::Scd3(_) => true,
            Self::Append(append) => !append.key.is_empty(),
            _ => false,
        }
    }

    /// Whether rows are merged by their key.
    pub fn needs_key(&self) -> bool {
        !matches!(self, Self::Replace | Self::Append(_) | Self::Recompute(_))
    }

    /// The columns that the load adds to those of the SELECT, where `later_by` tells when a version became true.
    pub fn added(&self, columns: &[Column], later_by: Option<&str>) -> Vec<Column> {
        let like =
            |name: String, other: &str| columns.iter().find(|column| column.name == other).map(|column| Column { name, ..column.clone() });
        let of = |name: &str, kind, sql_type: &str| Column { name: name.to_owned(), kind, sql_type: sql_type.to_owned() };
        let time = |name: String| later_by.and_then(|later_by| like(name, later_by));
        // What a column held before, and since when it holds what it does.
        let previous = |names: &[String], time: &dyn Fn(String) -> Option<Column>| -> Vec<Column> {
            let each = |name: &String| [like(format!("previous_{name}"), name), time(format!("{name}_changed_at"))];
            names.iter().flat_map(each).flatten().collect()
        };
        let surrogate = |name: &Option<String>| name.as_ref().map(|name| of(name, ColumnType::Text, "text"));
        let is_current = || of("is_current", ColumnType::Boolean, "boolean");
        match self {
            Self::Scd2(versions) => {
                let times = [VALID_FROM, VALID_TO].map(|name| time(name.to_owned()));
                let added = times.into_iter().flatten().chain([is_current()]).chain(previous(&versions.previous, &time));
                added.chain(surrogate(&versions.surrogate_key)).collect()
            }
            Self::Scd3(settings) => previous(&settings.previous, &time),
            Self::Snapshot(snapshot) => {
                let is_new = |column: &Column| columns.iter().all(|known| known.name != column.name);
                let moment = |name: String| Some(of(&name, ColumnType::Timestamp, "timestamp with time zone"));
                let moments = [VALID_FROM, VALID_TO].into_iter().filter_map(|name| moment(name.to_owned()));
                let added = moments.filter(is_new).chain([is_current()]).chain(previous(&snapshot.previous, &moment));
                added.chain(surrogate(&snapshot.surrogate_key)).collect()
            }
            _ => vec![],
        }
    }

    /// Whether the order of versions decides what the table shows, so that `follow:` must tell when each became true.
    pub fn needs_times(&self) -> bool {
        matches!(self, Self::Scd2(_) | Self::Scd3(_))
    }

    /// The columns of the SELECT that the load names besides the key, each with the setting that does.
    pub fn named(&self) -> Vec<(&'static str, &str)> {
        fn each<'a>(setting: &'static str, names: &'a [String]) -> impl Iterator<Item = (&'static str, &'a str)> {
            names.iter().map(move |name| (setting, name.as_str()))
        }
        match self {
            Self::Scd2(versions) => {
                let rest = each("overwrite", &versions.overwrite).chain(each("previous", &versions.previous));
                each("ignore", &versions.ignore).chain(rest).collect()
            }
            Self::Scd3(previous) => each("previous", &previous.previous).collect(),
            Self::Snapshot(snapshot) => {
                let rest = each("overwrite", &snapshot.overwrite).chain(each("previous", &snapshot.previous));
                each("ignore", &snapshot.ignore).chain(rest).collect()
            }
            _ => vec![],
        }
    }

    /// How a batch changes the table, where `later_by` tells which of two rows is the later one.
    ///
    /// # Errors
    /// HW305 for versions without a time.
    pub fn mode(&self, later_by: Option<String>) -> Result<LoadMode> {
        let upsert =
            |upsert: &Upsert, later_by| LoadMode::Upsert { key: upsert.key.clone(), later_by, deleted_when: upsert.delete_when.clone() };
        Ok(match self {
            Self::Replace => LoadMode::Replace,
            Self::Append(append) => LoadMode::Append { key: append.key.clone() },
            Self::Upsert(settings) | Self::Scd1(settings) => upsert(settings, later_by),
            Self::Scd2(versions) => LoadMode::History(History {
                key: versions.key.clone(),
                later_by: later_by.ok_or_else(|| self.without_times())?,
                deleted_when: versions.delete_when.clone(),
                shows: Shows::Versions {
                    ignore: versions.ignore.clone(),
                    overwrite: versions.overwrite.clone(),
                    previous: versions.previous.clone(),
                    surrogate_key: versions.surrogate_key.clone(),
                },
            }),
            Self::Scd3(previous) => LoadMode::History(History {
                key: previous.key.clone(),
                later_by: later_by.ok_or_else(|| self.without_times())?,
                deleted_when: previous.delete_when.clone(),
                shows: Shows::Last { previous: previous.previous.clone() },
            }),
            Self::Snapshot(snapshot) => LoadMode::History(History {
                key: snapshot.key.clone(),
                later_by: VALID_FROM.into(),
                deleted_when: Some(format!("{VALID_TO} = {VALID_FROM}")),
                shows: Shows::Versions {
                    ignore: snapshot.ignore.clone(),
                    overwrite: snapshot.overwrite.clone(),
                    previous: snapshot.previous.clone(),
                    surrogate_key: snapshot.surrogate_key.clone(),
                },
            }),
            Self::Recompute(_) => LoadMode::Recompute { only: "true".into() },
        })
    }

    /// Says that nothing tells when a version became true.
    pub fn without_times(&self) -> Error {
        Error::user(format!("`load: {}` needs a column that tells when a version became true", self.name()))
            .code("HW305")
            .help("name it: `follow: { source.dataset: updated_at }`; where the source has none, select `_loaded_at` from `raw.source.dataset` and follow that")
    }
}

/// An SQL expression or several.
#[derive(Clone, Debug, Default, PartialEq, Eq, Serialize)]
pub struct OneOrMore(pub Vec<String>);

/// One partition column or several.
#[derive(Clone, Debug, Default, PartialEq, Eq, Serialize)]
pub struct PartitionBy(pub Vec<String>);

impl<'de> Deserialize<'de> for PartitionBy {
    fn deserialize<D: serde::Deserializer<'de>>(deserializer: D) -> Result<Self, D::Error> {
        OneOrMore::deserialize(deserializer).map(|texts| Self(texts.0))
    }
}

impl<'de> Deserialize<'de> for OneOrMore {
    fn deserialize<D: serde::Deserializer<'de>>(deserializer: D) -> Result<Self, D::Error> {
        struct Visitor;
        impl<'de> serde::de::Visitor<'de> for Visitor {
            type Value = OneOrMore;
            fn expecting(&self, f: &mut std::fmt::Formatter<'_>) -> std::fmt::Result {
                f.write_str("a text, or a list of texts")
            }
            fn visit_str<E: serde::de::Error>(self, text: &str) -> Result<OneOrMore, E> {
                Ok(OneOrMore(vec![text.to_owned()]))
            }
            fn visit_seq<A: serde::de::SeqAccess<'de>>(self, mut items: A) -> Result<OneOrMore, A::Error> {
                let mut columns = Vec::new();
                while let Some(column) = items.next_element()? {
                    columns.push(column);
                }
                Ok(OneOrMore(columns))
            }
        }
        deserializer.deserialize_any(Visitor)
    }
}

impl JsonSchema for PartitionBy {
    fn schema_name() -> std::borrow::Cow<'static, str> {
        "PartitionBy".into()
    }
    fn json_schema(_: &mut schemars::SchemaGenerator) -> schemars::Schema {
        schemars::json_schema!({ "type": ["string", "array"], "items": { "type": "string" } })
    }
}

impl JsonSchema for OneOrMore {
    fn schema_name() -> std::borrow::Cow<'static, str> {
        "OneOrMore".into()
    }
    fn json_schema(_: &mut schemars::SchemaGenerator) -> schemars::Schema {
        schemars::json_schema!({ "type": ["string", "array"], "items": { "type": "string" } })
    }
}

impl PartitionBy {
    /// The partition columns, each with the expression that fills it.
    pub fn columns(&self) -> Result<Vec<(String, String)>> {
        self.0.iter().map(|text| partition_column(text)).collect()
    }

    /// What each partition is made of: a unit of time, where it has one, and a column.
    pub(crate) fn sources(&self) -> Result<Vec<(Option<&str>, &str)>> {
        self.0.iter().map(|text| partition_source(text)).collect()
    }
}

/// What a partition is made of: a unit of time, where it has one, and a column.
fn partition_source(text: &str) -> Result<(Option<&str>, &str)> {
    let wrong = || {
        Error::user(format!("`{text}` cannot partition a table"))
            .code("HW104")
            .help("write a column, or `year(column)`, `month(column)`, `day(column)`")
    };
    match text.trim().split_once('(') {
        None => Ok((None, text.trim())),
        Some((unit @ ("year" | "month" | "day"), rest)) => Ok((Some(unit), rest.strip_suffix(')').ok_or_else(wrong)?.trim())),
        Some(_) => Err(wrong()),
    }
}

fn partition_column(text: &str) -> Result<(String, String)> {
    Ok(match partition_source(text)? {
        (None, column) => (column.to_owned(), identifier(column)),
        (Some(unit), column) => (format!("{column}_{unit}"), first_day(unit, &identifier(column))),
    })
}
