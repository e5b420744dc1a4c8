//! ODCS: data contracts of the Open Data Contract Standard, version 3.
//!
//! Besides `quality`, a contract promises columns with types, required and unique properties, keys, relationships, limits on
//! values and how late data may be: all of them are rules.

mod quality;
mod write;

use std::cmp::Ordering;

use hw_base::{Error, Result, identifier, unknown};
use serde_json::{Map, Value as Json, json};

use crate::exact::Exact;
use crate::scalar::Scalar;

use super::pattern::{Syntax, ours};
use super::words::plain_number;
use super::{Imported, ImportedItem, Rules, Suite, TableRules, Translation, Written, not_of_the_format, read_values};

/// Contracts of the Open Data Contract Standard.
#[derive(Debug)]
pub(super) struct Odcs;

impl Suite for Odcs {
    fn name(&self) -> &'static str {
        "odcs"
    }

    fn about(&self) -> &'static str {
        "data contracts of the Open Data Contract Standard 3"
    }

    fn recognises(&self, text: &str) -> bool {
        let is_of_version_2 = text.lines().any(|line| line.trim_end() == "dataset:") && text.contains("- table:");
        (text.contains("apiVersion") && text.contains("DataContract")) || is_of_version_2
    }

    fn read(&self, text: &str) -> Result<Imported> {
        let file = read_values("ODCS", text)?;
        let version = file.get("apiVersion").and_then(Json::as_str);
        if !version.is_some_and(|version| version.starts_with("v3.")) {
            let found = version.map_or_else(|| "`apiVersion` is not given".to_owned(), |version| format!("`apiVersion` is `{version}`"));
            let error = not_of_the_format("ODCS", format!("{found}, and only version 3 is read"));
            let is_old = file.get("dataset").is_some();
            return Err(if is_old { error.help(FROM_VERSION_2) } else { error });
        }
        let mut items = Vec::new();
        for object in list(&file, "schema") {
            for property in list(object, "properties") {
                possible(property, name_of(object))?;
            }
            object_items(object, &mut items);
        }
        items.extend(list(&file, "slaProperties").flat_map(sla_items));
        Ok(Imported { items, ..Imported::default() })
    }

    fn write(&self, tables: &[TableRules<'_>]) -> Written {
        write::written(tables)
    }
}

/// What to do with a contract of version 2.
const FROM_VERSION_2: &str = "bring it to version 3 of the standard, where `dataset` is `schema`, a `table` or `column` has a `name`, and \
    `columns` are `properties`";

/// The logical types of the standard.
const LOGICAL_TYPES: [&str; 9] = ["string", "date", "timestamp", "time", "number", "integer", "object", "array", "boolean"];

/// Makes sure that a property promises something that can be kept.
fn possible(property: &Json, table: &str) -> Result<()> {
    let place = || format!("`{table}.{}`", name_of(property));
    if let Some(word) = property.get("logicalType").and_then(Json::as_str).filter(|word| !LOGICAL_TYPES.contains(word)) {
        return Err(unknown("logicalType", word, LOGICAL_TYPES).code("HW104").within(place()));
    }
    let option = |key: &str| {
        let value = property.get("logicalTypeOptions")?.get(key).filter(|value| !value.is_boolean())?;
        serde_json::from_value::<Scalar>(value.clone()).ok()
    };
    for (least, greatest) in [("minimum", "maximum"), ("minLength", "maxLength"), ("exclusiveMinimum", "exclusiveMaximum")] {
        if let Some((low, high)) = option(least).zip(option(greatest))
            && low.compare(&high) == Some(Ordering::Greater)
        {
            let error = Error::user(format!("`{least}` is {low} and `{greatest}` is {high}: no value lies between")).code("HW104");
            return Err(error.help("swap them").within(place()));
        }
    }
    Ok(())
}

fn list<'a>(value: &'a Json, key: &str) -> impl Iterator<Item = &'a Json> {
    value.get(key).and_then(Json::as_array).into_iter().flatten()
}

/// The name that the data has: the physical one where it is given.
fn name_of(element: &Json) -> &str {
    let named = |key: &str| element.get(key).and_then(Json::as_str).filter(|name| !name.is_empty());
    named("physicalName").or_else(|| named("name")).unwrap_or_default()
}

fn is_true(element: &Json, key: &str) -> bool {
    element.get(key) == Some(&json!(true))
}

/// The promises about one table.
fn object_items(object: &Json, items: &mut Vec<ImportedItem>) {
    let table = name_of(object);
    let properties: Vec<&Json> = list(object, "properties").collect();
    let mut add = |check: String, translation: Translation| items.push(ImportedItem::new(Some(table), check, translation));
    if !properties.is_empty() {
        add("properties".into(), Ok(types(&properties)));
    }
    let mut key: Vec<&Json> = properties.iter().copied().filter(|property| is_true(property, "primaryKey")).collect();
    key.sort_by_key(|property| property.get("primaryKeyPosition").and_then(Json::as_i64).unwrap_or(i64::MAX));
    let key: Vec<&str> = key.into_iter().map(name_of).collect();
    if !key.is_empty() {
        let unique = Rules::one("unique", json!({ "columns": key }));
        let rules = key.iter().fold(unique, |rules, column| rules.and("not_null", json!({ "column": column })));
        add(format!("primaryKey({})", key.join(", ")), Ok(rules));
    }
    for property in &properties {
        let column = name_of(property);
        if is_true(property, "required") && !key.contains(&column) {
            add(format!("required({column})"), Ok(Rules::one("not_null", json!({ "column": column }))));
        }
        if is_true(property, "unique") && key != [column] {
            add(format!("unique({column})"), Ok(Rules::one("unique", json!({ "column": column }))));
        }
        if let Some(options) = property.get("logicalTypeOptions").and_then(Json::as_object) {
            for (option, value) in options.iter().filter(|(option, value)| !is_word_on_a_limit(option, value)) {
                add(format!("{option}({column})"), option_rule(column, option, value, options));
            }
        }
        if parts_of(property).any(makes_promises) {
            add(format!("properties({column})"), Err(OF_PARTS.into()));
        }
        for relationship in list(property, "relationships") {
            add(format!("relationship({column})"), relationship_rule(&[column.to_owned()], relationship));
        }
        for check in list(property, "quality") {
            add(quality::called(check, Some(column)), quality::translated(check, table, Some(column)));
        }
    }
    for relationship in list(object, "relationships") {
        let from = names(relationship.get("from"));
        add(format!("relationship({})", from.join(", ")), relationship_rule(&from, relationship));
    }
    for check in list(object, "quality") {
        add(quality::called(check, None), quality::translated(check, table, None));
    }
}

/// Said of promises about parts of a column.
const OF_PARTS: &str = "rules on parts of a nested column have no counterpart; make columns of these parts in the model";

/// The parts of a nested property: the properties of an object, the items of an array.
fn parts_of(property: &Json) -> impl Iterator<Item = &Json> {
    list(property, "properties").chain(property.get("items"))
}

/// Whether something is promised of the values of a property or of its parts.
fn makes_promises(property: &Json) -> bool {
    ["required", "unique"].iter().any(|key| is_true(property, key))
        || ["quality", "logicalTypeOptions"].iter().any(|key| property.get(*key).is_some())
        || parts_of(property).any(makes_promises)
}

/// The columns with the types that they may have. Others may be there: a contract does not say that it names all.
fn types(properties: &[&Json]) -> Rules {
    let of = |property: &Json| -> Json {
        match property.get("logicalType").and_then(Json::as_str) {
            Some("string") => json!("varchar"),
            Some("integer") => json!(["bigint", "int", "smallint", "tinyint"]),
            Some("number") => json!(["double", "real", "decimal", "bigint", "int", "smallint", "tinyint"]),
            Some("boolean") => json!("boolean"),
            Some("date") => json!(["date", "timestamp", "timestamptz"]),
            Some("timestamp") => json!(["timestamp", "timestamptz"]),
            Some("time") => json!(["time", "varchar"]),
            _ => json!("any"),
        }
    };
    let columns: Map<String, Json> = properties.iter().map(|property| (name_of(property).to_owned(), of(property))).collect();
    Rules::one("schema", json!({ "columns": columns }))
}

fn names(value: Option<&Json>) -> Vec<String> {
    let last = |name: &str| name.rsplit(['.', '/']).next().unwrap_or_default().to_owned();
    match value {
        Some(Json::String(name)) => vec![last(name)],
        Some(Json::Array(items)) => items.iter().filter_map(|item| item.as_str().map(last)).collect(),
        _ => Vec::new(),
    }
}

/// A foreign key: `to` is `table.column`, or a list of such.
fn relationship_rule(from: &[String], relationship: &Json) -> Translation {
    if relationship.get("type").and_then(Json::as_str).is_some_and(|kind| kind != "foreignKey") {
        return Err(format!("a relationship of type {} is no rule", relationship["type"]));
    }
    let first = match relationship.get("to") {
        Some(Json::Array(items)) => items.first().and_then(Json::as_str),
        other => other.and_then(Json::as_str),
    };
    let (table, _) = first.and_then(|to| to.rsplit_once(['.', '/'])).ok_or("`to` is not of the form `table.column`")?;
    let table = table.rsplit('/').next().unwrap_or_default();
    Ok(Rules::one("referential", json!({"columns": from, "to": {"table": table, "columns": names(relationship.get("to"))}})))
}

/// Whether the option only says of `minimum` or `maximum` that no value may be it, as in version 3.0; later ones name a limit of their own.
fn is_word_on_a_limit(option: &str, value: &Json) -> bool {
    matches!(option, "exclusiveMinimum" | "exclusiveMaximum") && value.is_boolean()
}

/// What a logical type promises about its values; `options` are all of its promises.
fn option_rule(column: &str, option: &str, value: &Json, options: &Map<String, Json>) -> Translation {
    let is_strict = |word: &str| options.get(word) == Some(&json!(true));
    let one = |kind: &str, setting: &str| Ok(Rules::one(kind, json!({"column": column, setting: value})));
    match option {
        "minLength" => one("length", "min"),
        "maxLength" => one("length", "max"),
        "pattern" => {
            let pattern = value.as_str().map(|pattern| ours(pattern, Syntax::Re2)).transpose()?;
            Ok(Rules::one("matches", json!({"column": column, "pattern": pattern})))
        }
        "minimum" => one("range", if is_strict("exclusiveMinimum") { "above" } else { "min" }),
        "maximum" => one("range", if is_strict("exclusiveMaximum") { "below" } else { "max" }),
        "exclusiveMinimum" => one("range", "above"),
        "exclusiveMaximum" => one("range", "below"),
        "multipleOf" => Ok(Rules::sql("expression", json!({"sql": is_multiple(&identifier(column), value)?}))),
        "format" => format_rule(column, value.as_str().unwrap_or_default()),
        _ => Err(format!("the option `{option}` has no counterpart")),
    }
}

/// SQL that is true for multiples of `step`. A fraction is compared digit by digit: 0.01 is no float, and a contract does not
/// say whether its column holds floats. The digits far behind those of the step are what floats are wrong by.
fn is_multiple(name: &str, step: &Json) -> Result<String, String> {
    let exact = Exact::parse(&step.to_string()).filter(|step| *step > Exact::from(0));
    let exact = exact.ok_or_else(|| format!("`multipleOf: {step}` is no number above zero"))?;
    if exact.places() == 0 {
        return Ok(format!("{name} % {exact} = 0"));
    }
    let decimal = format!("decimal(38,{})", (exact.places() + 10).min(38));
    Ok(format!("coalesce(try_cast(cast({name} as varchar) as {decimal}) % cast('{exact}' as {decimal}) = 0, {name} is null)"))
}

fn format_rule(column: &str, format: &str) -> Translation {
    let form = match format {
        "email" => "email",
        "uuid" => "uuid",
        "uri" => "url",
        "ipv4" => "ipv4",
        "ipv6" => "ipv6",
        _ => return Err(format!("the format `{format}` says how values are written elsewhere; `parses` knows formats of `strftime`")),
    };
    Ok(Rules::one("parses", json!({"column": column, "as": form})))
}

/// A promise of service for each of its elements: latency is how old the newest row may be.
fn sla_items(sla: &Json) -> impl Iterator<Item = ImportedItem> {
    sla.get("element").and_then(Json::as_str).unwrap_or_default().split(',').map(move |element| sla_item(element.trim(), sla))
}

fn sla_item(element: &str, sla: &Json) -> ImportedItem {
    let property = sla.get("property").and_then(Json::as_str).unwrap_or_default();
    let (table, column) = element.rsplit_once('.').unwrap_or(("", element));
    let table = table.rsplit(['.', '/']).next().filter(|table| !table.is_empty());
    let of = if element.is_empty() { String::new() } else { format!("({element})") };
    ImportedItem::new(table, format!("slaProperties {property}{of}"), sla_rule(property, column, sla))
}

fn sla_rule(property: &str, column: &str, sla: &Json) -> Translation {
    if !matches!(property, "latency" | "ly" | "freshness" | "fr") {
        return Err(format!("`{property}` is a promise about the service and not about rows"));
    }
    if column.is_empty() {
        return Err("`element` names no column".into());
    }
    let value = sla.get("value").and_then(super::words::number).filter(|value| value.fract() == 0.0).ok_or("`value` is no whole number")?;
    let (unit, times) = match sla.get("unit").and_then(Json::as_str).unwrap_or("d") {
        "d" | "day" | "days" => ("d", 1.0),
        "h" | "hr" | "hour" | "hours" => ("h", 1.0),
        "m" | "min" | "minute" | "minutes" => ("m", 1.0),
        "w" | "week" | "weeks" => ("d", 7.0),
        "y" | "yr" | "year" | "years" => ("d", 365.0),
        other => return Err(format!("the unit `{other}` is not known")),
    };
    Ok(Rules::one("freshness", json!({"column": column, "within": format!("{}{unit}", plain_number(value * times))})))
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn limits_are_strict_in_the_words_of_both_versions() {
        let check = |options: Json, expected: &[Json]| {
            let contract = json!({"apiVersion": "v3.0.2", "kind": "DataContract", "schema": [
                {"name": "t", "properties": [{"name": "p", "logicalType": "integer", "logicalTypeOptions": options}]}]});
            let imported = Odcs.read(&contract.to_string()).unwrap();
            let rules: Vec<Json> = imported.items.iter().skip(1).flat_map(|item| item.outcome.rules().to_vec()).collect();
            assert_eq!(rules, expected, "{options}");
        };
        let range = |limit: &str| json!({"range": {"column": "p", limit: 5}});
        check(json!({"maximum": 5, "exclusiveMaximum": true}), &[range("below")]);
        check(json!({"minimum": 5, "exclusiveMinimum": true, "exclusiveMaximum": false}), &[range("above")]);
        check(json!({"minimum": 5, "exclusiveMinimum": false}), &[range("min")]);
        check(json!({"exclusiveMaximum": 5}), &[range("below")]);
    }

    #[test]
    fn promises_about_parts_are_told() {
        let contract = json!({"apiVersion": "v3.0.2", "kind": "DataContract", "schema": [{"name": "t", "properties": [
            {"name": "home", "logicalType": "object", "properties": [{"name": "street"}, {"name": "lines", "items": {"required": true}}]},
            {"name": "tags", "logicalType": "array", "items": {"logicalType": "string"}}]}]});
        let imported = Odcs.read(&contract.to_string()).unwrap();
        let checks: Vec<&str> = imported.items.iter().map(|item| item.check.as_str()).collect();
        assert_eq!(checks, ["properties", "properties(home)"]);
    }

    #[test]
    fn fractions_are_compared_digit_by_digit() {
        let check = |step: Json, expected: &str| assert_eq!(is_multiple("p", &step).unwrap_or_else(|why| why), expected);
        check(json!(5), "p % 5 = 0");
        check(json!(5.0), "p % 5 = 0");
        let decimals = "coalesce(try_cast(cast(p as varchar) as decimal(38,12)) % cast('0.01' as decimal(38,12)) = 0, p is null)";
        check(json!(0.01), decimals);
        check(json!(0), "`multipleOf: 0` is no number above zero");
    }
}
