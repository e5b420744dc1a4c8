//! Settings that each are well written and make no sense: a column that is to be two things at once, a load without what it is for, no
//! time at all.

use hw_base::{Error, Settings, TimeSpan};

use crate::plan::BY_ARRIVAL;
use crate::project::place;
use crate::settings::{Load, ModelSettings};

/// What makes no sense in the settings of a model, each with its place.
pub(crate) fn of_model(model: &str, settings: &ModelSettings, yaml: &Settings) -> Vec<Error> {
    let load = &settings.load;
    let named = load.named();
    let mut errors = Vec::new();
    for (at, (setting, column)) in named.iter().enumerate() {
        let item = named[..at].iter().filter(|(other, _)| other == setting).count();
        let is_followed = settings.follow.values().any(|followed| followed == column);
        let error = match named[..at].iter().find(|(_, other)| other == column) {
            _ if load.key().iter().any(|key| key == column) => {
                in_key(column, setting).because("a row with another key is another row, so it never changes in its key")
            }
            Some((other, _)) if other == setting => twice(column, setting, model),
            Some((other, _)) => both(column, other, setting, model),
            None if is_followed && *setting != "ignore" => ordered_by(column, setting),
            None => continue,
        };
        errors.push(error.code("HW304").moved_to(place(yaml, &["load", load.name(), setting], item)));
    }
    if matches!(load, Load::Scd3(settings) if settings.previous.is_empty()) {
        errors.push(without_previous(model).moved_to(place(yaml, &["load", load.name(), "previous"], 0)));
    }
    if settings.lookback.is_some() && settings.follow.values().all(|column| column == BY_ARRIVAL) {
        errors.push(nothing_behind(model).moved_to(place(yaml, &["lookback"], 0)));
    }
    let of_delivery = settings.deliver.as_ref().and_then(|deliver| deliver.timeout);
    for (timeout, keys) in [(settings.timeout, &["timeout"][..]), (of_delivery, &["deliver", "timeout"][..])] {
        errors.extend(timeout.and_then(|timeout| no_time(timeout, model)).map(|error| error.moved_to(place(yaml, keys, 0))));
    }
    errors
}

/// Says that nothing can be done in no time.
pub(crate) fn no_time(timeout: TimeSpan, whose: &str) -> Option<Error> {
    let error = Error::user(format!("`{whose}` has no time at all: its `timeout` is {timeout}"))
        .code("HW104")
        .help("write how long it may take, such as `30m`; without `timeout` it takes as long as it takes");
    timeout.0.is_zero().then_some(error)
}

fn nothing_behind(model: &str) -> Error {
    Error::user(format!("`{model}` looks back, and follows no column"))
        .code("HW104")
        .help("name the column that tells what is new: `follow: { shop.orders: updated_at }`; or remove `lookback`")
}

fn in_key(column: &str, setting: &str) -> Error {
    Error::user(format!("`{column}` is a key column, so it cannot stand in `{setting}`")).help(format!("take it out of `{setting}`"))
}

fn twice(column: &str, setting: &str, model: &str) -> Error {
    Error::user(format!("`{column}` stands twice in `{setting}` of `{model}`")).help("keep one of them")
}

fn both(column: &str, first: &str, second: &str, model: &str) -> Error {
    Error::user(format!("`{column}` stands in `{first}` and in `{second}` of `{model}`"))
        .because("a column is of one type: its changes open no version (`ignore`), it shows its latest value (`overwrite`, type 1), or that and the one before (`previous`, type 3); else each of its values is a version (type 2)")
        .help("keep one of them")
}

fn ordered_by(column: &str, setting: &str) -> Error {
    Error::user(format!("`{column}` tells when each version became true, so it cannot stand in `{setting}`"))
        .because("if every version showed the latest time, none could be put in order")
        .help(format!("take it out of `{setting}`"))
}

fn without_previous(model: &str) -> Error {
    Error::user(format!("`{model}` is loaded by `scd3`, and no column keeps what it held before"))
        .code("HW103")
        .help("name one: `previous: [segment]`; or show the last version alone: `load: { scd1: { key: … } }`")
}
