//! Members of a dimension that facts name before their own rows arrive (`infer`).
//!
//! The dimension reads the keys that datasets name, batch by batch as they arrive; what has a row already, or is marked as deleted, the
//! engine leaves out. So the table follows from the rows and keys that ever arrived, in whatever order.
//! Inferred members: R. Kimball, M. Ross, *The Data Warehouse Toolkit*, 3rd ed., 2013, ch. 19, "late arriving dimension rows".

use hw_base::{Column, DatasetName, Engine, Error, IS_INFERRED, Input, Reader, Result, Settings, TableName, identifier, literal};
use serde_json::Value as Json;

use crate::plan::{BY_ARRIVAL, Extent, ReadFrom};
use crate::project::{Model, Project, place};
use crate::settings::{Load, ModelSettings};

/// The query of the members that datasets name.
const MEMBERS: &str = "inferred_members";

/// What keeps the settings of a model from inferring members.
pub(crate) fn misfits(model: &str, settings: &ModelSettings, yaml: &Settings) -> Vec<Error> {
    if settings.infer.is_empty() {
        let lonely = || Error::user(format!("`{model}` has values for inferred members, and infers none"));
        let help = "say where they are named: `infer: { shop.orders: customer_id }`";
        let error = lonely().code("HW309").help(help).moved_to(place(yaml, &["inferred"], 0));
        return (!settings.inferred.is_empty()).then_some(error).into_iter().collect();
    }
    let refused = refused_load(model, &settings.load).or_else(|| refused_deletion(model, settings));
    if let Some(error) = refused {
        return vec![error.code("HW309").moved_to(place(yaml, &["infer"], 0))];
    }
    let mut errors = Vec::new();
    for (dataset, named) in &settings.infer {
        let error = if DatasetName::parse(dataset).is_none() {
            Error::user(format!("`{dataset}` is no dataset")).help("members are named by a dataset of a source, such as `shop.orders`")
        } else if named.0.len() != settings.load.key().len() {
            let key = settings.load.key().join(", ");
            Error::user(format!("`{dataset}` names members by other columns than the key of `{model}` has"))
                .help(format!("name what holds the key ({key}), column by column"))
        } else {
            continue;
        };
        errors.push(error.code("HW309").moved_to(place(yaml, &["infer", dataset], 0)));
    }
    errors.extend(settings.inferred.iter().filter_map(|(column, value)| {
        Some(unfit_value(column, value, settings.load.key())?.code("HW104").moved_to(place(yaml, &["inferred", column], 0)))
    }));
    errors
}

fn refused_load(model: &str, load: &Load) -> Option<Error> {
    let because = match load {
        Load::Upsert(_) | Load::Scd1(_) | Load::Scd2(_) | Load::Scd3(_) => return None,
        Load::Replace | Load::Recompute(_) => "its rows have no key by which a member could be completed",
        Load::Append(_) => "its rows are only added, so no member could be completed",
        Load::Snapshot(_) => "it compares whole deliveries, and no delivery holds the member",
    };
    let error = Error::user(format!("`{model}` infers members, and is loaded by `{}`", load.name())).because(because);
    Some(error.help("load it by `upsert`, `scd1`, `scd2` or `scd3`, with the key of the dimension"))
}

/// Where nothing but the order of arrival tells that a row was deleted, nobody could tell later that its key was known.
fn refused_deletion(model: &str, settings: &ModelSettings) -> Option<Error> {
    settings.load.deleted_when()?;
    let tells_time = settings.follow.values().any(|column| column != BY_ARRIVAL);
    let error = || Error::user(format!("`{model}` infers members and deletes rows, and follows no column that tells which row is later"));
    (!tells_time).then(|| error().help("name it: `follow: { source.dataset: updated_at }`"))
}

fn unfit_value(column: &str, value: &Json, key: &[String]) -> Option<Error> {
    if key.iter().any(|name| name == column) {
        let error = Error::user(format!("`{column}` is part of the key, which the facts name"));
        return Some(error.help("leave it out of `inferred`"));
    }
    let error = || Error::user(format!("`{column}` of an inferred member is no single value"));
    matches!(value, Json::Array(_) | Json::Object(_)).then(|| error().help("write a text, a number, true or false"))
}

/// The datasets that name members of a model.
///
/// # Errors
/// HW201 for one of an unknown source.
pub(crate) fn datasets(project: &Project, model: &Model) -> Result<Vec<DatasetName>> {
    let mut known = project.sources.iter().map(|(source, _)| source.as_str());
    let datasets: Vec<DatasetName> = model.settings.infer.keys().filter_map(|name| DatasetName::parse(name)).collect();
    match datasets.iter().find(|dataset| !known.clone().any(|source| source == dataset.source)) {
        None => Ok(datasets),
        Some(dataset) => {
            let error = hw_base::unknown("source", &dataset.source, known.by_ref()).code("HW201");
            Err(error.moved_to(model.place(&["infer", &dataset.to_string()], 0)))
        }
    }
}

/// What a model reads of the datasets that name its members: what arrived since the last time, and of a table of a database every
/// batch, because a key that was named once may stand in a fact.
pub(crate) fn reads(model: &Model) -> impl Iterator<Item = ReadFrom> {
    let datasets = model.settings.infer.keys().filter_map(|name| DatasetName::parse(name));
    datasets.map(|dataset| {
        let table = TableName::raw(&dataset);
        let step = table.folder().to_owned();
        ReadFrom { name: named(&dataset.to_string()), step, table, extent: Extent::Members, hides_origin: true }
    })
}

/// The name under which the query of the members reads a dataset.
fn named(dataset: &str) -> String {
    format!("inferred.{dataset}")
}

/// The query of the members that datasets name, by the columns of the model; `None` where it infers none.
pub(crate) fn query(model: &Model) -> Option<Input> {
    let key = model.settings.load.key();
    let keys: Vec<String> = model.settings.infer.iter().map(|(dataset, named)| keys_of(dataset, &named.0, key)).collect();
    let values = model.settings.inferred.iter().map(|(column, value)| format!(", {} as {}", written(value), identifier(column)));
    let sql = format!(
        "select {}{} from ({}) as named",
        key.iter().map(|name| identifier(name)).collect::<Vec<_>>().join(", "),
        values.collect::<Vec<_>>().concat(),
        keys.join(" union ")
    );
    (!keys.is_empty()).then(|| Input::Query { name: MEMBERS.into(), sql })
}

/// The keys that a dataset names. A row without a whole key names none.
fn keys_of(dataset: &str, expressions: &[String], key: &[String]) -> String {
    let own = expressions.iter().zip(key).map(|(expression, name)| format!("({expression}) as {}", identifier(name)));
    let whole = expressions.iter().map(|expression| format!("({expression}) is not null"));
    format!(
        "select distinct {} from {} where {}",
        own.collect::<Vec<_>>().join(", "),
        hw_base::qualified(named(dataset).split('.')),
        whole.collect::<Vec<_>>().join(" and ")
    )
}

/// A value of YAML in SQL.
fn written(value: &Json) -> String {
    match value {
        Json::String(text) => literal(text),
        other => other.to_string(),
    }
}

/// What does not fit between the members of a model and the columns that its SELECT returns; `reader` is the SELECT with what it reads.
///
/// # Errors
/// If the engine fails for another reason than the SQL of the settings.
pub(crate) async fn fit(model: &Model, reader: &Reader, columns: &[Column], engine: &dyn Engine) -> Result<Vec<Error>> {
    let mut errors = Vec::new();
    if columns.iter().any(|column| column.name == IS_INFERRED) {
        let error = Error::user(format!("the column `{IS_INFERRED}` is made by the load, and the SELECT returns one of that name"));
        errors.push(error.help(format!("give it another name: `{IS_INFERRED} as source_{IS_INFERRED}`")));
    }
    errors.extend(untimely(model, columns));
    for (dataset, named) in &model.settings.infer {
        let sql = keys_of(dataset, &named.0, model.settings.load.key());
        let tried = Reader { sql, inputs: reader.inputs.clone(), file: None };
        errors.extend(
            match engine.columns(&tried).await {
                Ok(keys) => unlike(dataset, columns, &keys),
                Err(error) if error.known_code() == Some("HW301") => Some(error.within(format_args!("`infer` of `{dataset}`"))),
                Err(error) => return Err(error),
            }
            .map(|error| error.moved_to(model.place(&["infer", dataset], 0))),
        );
    }
    for (name, value) in &model.settings.inferred {
        let place = model.place(&["inferred", name], 0);
        errors.extend(unfit(name, value, columns, engine).await?.map(|error| error.moved_to(place)));
    }
    Ok(errors.into_iter().map(|error| error.code("HW309")).collect())
}

/// The first version of a member is true since ever, which only a time can say.
fn untimely(model: &Model, columns: &[Column]) -> Option<Error> {
    let later_by = model.settings.follow.values().find(|column| *column != BY_ARRIVAL)?;
    let column = columns.iter().find(|column| column.name == *later_by)?;
    let is_told =
        !matches!(model.settings.load, Load::Scd2(_)) || matches!(column.kind, hw_base::ColumnType::Date | hw_base::ColumnType::Timestamp);
    let (does, place) = if model.settings.infer.is_empty() {
        ("keeps versions by their time", model.place(&["follow"], 0))
    } else {
        ("infers members", model.place(&["infer"], 0))
    };
    let error = || Error::user(format!("`{}` {does}, and `{later_by}` is {}, no date or time", model.name, column.sql_type));
    let help = format!("follow a column that tells when a version became true, or cast it: `cast({later_by} as timestamp) as {later_by}`");
    (!is_told).then(|| error().help(help).moved_to(place))
}

/// Keys of another kind than those of the dimension would never meet its rows.
fn unlike(dataset: &str, columns: &[Column], keys: &[Column]) -> Option<Error> {
    let own = |key: &&Column| columns.iter().find(|column| column.name == key.name);
    let differs = |key: &&Column| own(key).is_some_and(|own| own.kind != key.kind && !(own.kind.is_numeric() && key.kind.is_numeric()));
    let key = keys.iter().find(differs)?;
    let own = own(&key)?;
    let error = Error::user(format!("`{dataset}` names members by {}, and `{}` is {}", key.sql_type, own.name, own.sql_type));
    Some(error.help(format!("cast it: `infer: {{ {dataset}: try_cast({} as {}) }}`", own.name, own.sql_type)))
}

/// A value that its column cannot hold, or that has no column.
async fn unfit(name: &str, value: &Json, columns: &[Column], engine: &dyn Engine) -> Result<Option<Error>> {
    let Some(column) = columns.iter().find(|column| column.name == name) else {
        return Ok(Some(hw_base::unknown("column", name, columns.iter().map(|column| column.name.as_str()))));
    };
    let sql = format!("select cast({} as {}) as {}", written(value), column.sql_type, identifier(name));
    let error = || Error::user(format!("`{name}` is {}, which cannot hold {}", column.sql_type, written(value)));
    Ok(engine.query(&Reader { sql, inputs: vec![], file: None }, 1).await.err().map(|_| error().help("write a value of that type")))
}
