//! ODCS: data contracts of the Open Data Contract Standard, version 3.
//!
//! Besides `quality`, a contract promises columns with types, required and unique properties, keys, relationships, limits on
//! values and how late data may be: all of them are rules.

mod columns;
mod quality;
mod references;
mod service;
mod write;

use std::cmp::Ordering;

use hw_base::{Error, Result, identifier, unknown};
use serde_json::{Map, Value as Json, json};

use crate::exact::Exact;
use crate::scalar::Scalar;

use self::references::{Referred, referred};
use super::pattern::{Syntax, ours};
use super::words::texts;
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
            object_items(object, &file, &mut items);
        }
        items.extend(list(&file, "slaProperties").flat_map(|sla| service::items(sla, &file)));
        let objects = || list(&file, "schema");
        let named = objects().filter_map(|object| Some((object.get("name")?.as_str()?.to_owned(), name_of(object).to_owned())));
        let other_names = named.filter(|(name, _)| objects().all(|object| name_of(object) != name.as_str())).collect();
        Ok(Imported { items, other_names, ..Imported::default() })
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
fn object_items(object: &Json, contract: &Json, items: &mut Vec<ImportedItem>) {
    let table = name_of(object);
    let names: Vec<&str> = [table].into_iter().chain(object.get("name").and_then(Json::as_str).filter(|name| *name != table)).collect();
    let properties: Vec<&Json> = list(object, "properties").collect();
    let mut add = |check: String, translation: Translation| items.push(ImportedItem::new(Some(table), check, translation));
    if !properties.is_empty() {
        add("properties".into(), Ok(columns::types(&properties)));
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
            add(format!("relationship({column})"), relationship_rule(&[column.to_owned()], relationship, contract));
        }
        for check in list(property, "quality") {
            add(quality::called(check, Some(column)), quality::translated(check, &names, Some(column)));
        }
    }
    for relationship in list(object, "relationships") {
        let from = columns_of(object, relationship.get("from"), contract);
        let called = from.as_ref().map(|from| from.join(", ")).unwrap_or_default();
        add(format!("relationship({called})"), from.and_then(|from| relationship_rule(&from, relationship, contract)));
    }
    for check in list(object, "quality") {
        add(quality::called(check, None), quality::translated(check, &names, None));
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

/// The columns that a reference, or a list of such, means.
fn all_referred(value: Option<&Json>, own: Option<&Json>, contract: &Json) -> Result<Vec<Referred>, String> {
    let references = value.and_then(texts).unwrap_or_default();
    references.iter().map(|reference| referred(reference, own, contract)).collect()
}

/// The columns of an object that a relationship begins at.
fn columns_of(object: &Json, from: Option<&Json>, contract: &Json) -> Result<Vec<String>, String> {
    let from = all_referred(from, Some(object), contract)?;
    if let Some(other) = from.iter().filter_map(|from| from.table.as_deref()).find(|table| *table != name_of(object)) {
        return Err(format!("`from` is a column of `{other}`, and the relationship stands at `{}`", name_of(object)));
    }
    Ok(from.into_iter().map(|from| from.column).collect())
}

/// A foreign key: `to` is a reference, or a list of such.
fn relationship_rule(from: &[String], relationship: &Json, contract: &Json) -> Translation {
    if relationship.get("type").and_then(Json::as_str).is_some_and(|kind| kind != "foreignKey") {
        return Err(format!("a relationship of type {} is no rule", relationship["type"]));
    }
    let to = all_referred(relationship.get("to"), None, contract)?;
    let table = to.first().and_then(|first| first.table.clone()).ok_or("`to` is not of the form `table.column`")?;
    if to.iter().any(|other| other.table.as_ref() != Some(&table)) {
        return Err("`to` names columns of several tables".into());
    }
    let columns: Vec<String> = to.into_iter().map(|to| to.column).collect();
    Ok(Rules::one("referential", json!({"columns": from, "to": {"table": table, "columns": columns}})))
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
        "minItems" => Ok(Rules::one("expression", json!({"sql": format!("cardinality({}) >= {value}", identifier(column))}))),
        "maxItems" => Ok(Rules::one("expression", json!({"sql": format!("cardinality({}) <= {value}", identifier(column))}))),
        "uniqueItems" if value == &json!(true) => {
            let name = identifier(column);
            Ok(Rules::one("expression", json!({"sql": format!("cardinality(array_distinct({name})) = cardinality({name})")})))
        }
        "required" => Err(OF_PARTS.into()),
        "minProperties" | "maxProperties" => Err("all values of a column of objects have the same parts here".into()),
        "timezone" | "defaultTimezone" => Err("moments here are those of UTC, with a zone or without".into()),
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
    if let Some((min, max)) = ends_of(format) {
        return Ok(Rules::one("range", json!({"column": column, "min": min, "max": max})));
    }
    let form = match format {
        "email" => "email",
        "uuid" => "uuid",
        "uri" => "url",
        "ipv4" => "ipv4",
        "ipv6" => "ipv6",
        "hostname" => {
            let name = Rules::one("matches", json!({"column": column, "pattern": HOST}));
            return Ok(name.and("length", json!({"column": column, "max": 253})));
        }
        "i128" | "f64" => return Ok(Rules::default().note("every number here has room in it, so no rule is needed")),
        "f32" => return Err("the format `f32` says how a number is stored, and not which one it may be".into()),
        _ => return Err(format!("the format `{format}` says how values are written elsewhere; `parses` knows formats of `strftime`")),
    };
    Ok(Rules::one("parses", json!({"column": column, "as": form})))
}

/// A name of a host: labels of up to 63 letters, digits and hyphens.
const HOST: &str = r"^[A-Za-z0-9]([A-Za-z0-9-]{0,61}[A-Za-z0-9])?(\.[A-Za-z0-9]([A-Za-z0-9-]{0,61}[A-Za-z0-9])?)*$";

/// The least and the greatest whole number of a format, which is one of Rust's types. No number here is beyond the last one.
fn ends_of(format: &str) -> Option<(Json, Json)> {
    Some(match format {
        "i8" => (json!(i8::MIN), json!(i8::MAX)),
        "i16" => (json!(i16::MIN), json!(i16::MAX)),
        "i32" => (json!(i32::MIN), json!(i32::MAX)),
        "i64" => (json!(i64::MIN), json!(i64::MAX)),
        "u8" => (json!(0), json!(u8::MAX)),
        "u16" => (json!(0), json!(u16::MAX)),
        "u32" => (json!(0), json!(u32::MAX)),
        "u64" => (json!(0), json!(u64::MAX.to_string())),
        "u128" => (json!(0), Json::Null),
        _ => return None,
    })
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
    fn relationships_are_found_by_ids() {
        let contract = json!({"apiVersion": "v3.1.0", "kind": "DataContract", "schema": [
            {"id": "t_tbl", "name": "t", "properties": [{"id": "k_id", "name": "k", "relationships": [{"to": "schema/o_tbl/properties/s_id"}]}],
                "relationships": [
                    {"from": "schema/t_tbl/properties/k_id", "to": "schema/o_tbl/properties/s_id"},
                    {"from": ["t.k"], "to": ["o.s"]},
                    {"from": "o.s", "to": "o.s"}]},
            {"id": "o_tbl", "name": "o", "properties": [{"id": "s_id", "name": "s"}]}]});
        let imported = Odcs.read(&contract.to_string()).unwrap();
        let rule = json!({"referential": {"columns": ["k"], "to": {"table": "o", "columns": ["s"]}}});
        for item in &imported.items[1..4] {
            assert_eq!((item.check.as_str(), item.outcome.rules()), ("relationship(k)", [rule.clone()].as_slice()));
        }
        let why = "`from` is a column of `o`, and the relationship stands at `t`".to_owned();
        assert_eq!(imported.items[4].outcome, crate::suites::Outcome::NotTranslated { why });
    }

    #[test]
    fn formats_and_options_become_rules() {
        let check = |options: Json, expected: &str| {
            let (option, value) = options.as_object().unwrap().iter().next().unwrap();
            let found = option_rule("p", option, value, &Map::new());
            let found = found.map_or_else(|why| why, |rules| Json::Array(rules.rules).to_string() + &rules.note.unwrap_or_default());
            assert_eq!(found, expected);
        };
        check(json!({"format": "i8"}), r#"[{"range":{"column":"p","min":-128,"max":127}}]"#);
        check(json!({"format": "u64"}), r#"[{"range":{"column":"p","min":0,"max":"18446744073709551615"}}]"#);
        check(json!({"format": "u128"}), r#"[{"range":{"column":"p","min":0}}]"#);
        check(json!({"format": "f64"}), "[]every number here has room in it, so no rule is needed");
        check(json!({"format": "f32"}), "the format `f32` says how a number is stored, and not which one it may be");
        check(json!({"minItems": 2}), r#"[{"expression":{"sql":"cardinality(p) >= 2"}}]"#);
        check(json!({"uniqueItems": true}), r#"[{"expression":{"sql":"cardinality(array_distinct(p)) = cardinality(p)"}}]"#);
        check(json!({"uniqueItems": false}), "the option `uniqueItems` has no counterpart");
        let host = regex::Regex::new(HOST).unwrap();
        for (name, is_one) in [("a", true), ("a-b.example.org", true), ("-a", false), ("a..b", false), ("a_b", false), ("a.", false)] {
            assert_eq!(host.is_match(name), is_one, "{name}");
        }
    }

    #[test]
    fn a_table_goes_by_both_of_its_names() {
        let query = |table: &str| json!({"type": "sql", "query": format!("select count(*) from {table}"), "mustBe": 4});
        let contract = json!({"apiVersion": "v3.1.0", "kind": "DataContract", "schema": [
            {"name": "orders", "physicalName": "orders_tbl", "quality": [query("orders"), query("shop.orders_tbl")]},
            {"name": "customers", "physicalName": "orders", "quality": [query("customers")]}]});
        let imported = Odcs.read(&contract.to_string()).unwrap();
        let rules = |table: &str| imported.for_table(Some(table), &[]).unwrap().to_rules().unwrap().len();
        assert_eq!((rules("orders_tbl"), rules("customers")), (2, 1));
        assert_eq!(rules("orders"), 1, "what the data is called comes first");
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
