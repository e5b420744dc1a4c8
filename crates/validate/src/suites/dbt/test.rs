//! One test of a dbt YAML file: its name, its arguments and its configuration.

use serde_json::{Map, Value as Json, json};

use super::Settings;
use crate::suites::words::Arguments;
use crate::suites::{ImportedItem, Rules, Translation};

/// A test with its configuration apart from its arguments.
#[derive(Clone, Debug)]
pub(super) struct Test {
    /// Its name with its package: `dbt_utils.accepted_range`.
    kind: String,
    /// Its arguments; `column_name` stands among them for a test of a column.
    arguments: Settings,
    /// Severity, limits, condition and the like.
    config: Settings,
}

/// Keys of the configuration that can also stand beside the arguments.
const CONFIG: &[&str] = &[
    "severity",
    "error_if",
    "warn_if",
    "where",
    "limit",
    "fail_calc",
    "enabled",
    "store_failures",
    "store_failures_as",
    "tags",
    "alias",
    "meta",
    "group",
    "name",
    "description",
    "database",
    "schema",
    "docs",
    "static_analysis",
    "sql_header",
];

/// Configuration that says nothing about the verdict.
const SILENT: &[&str] =
    &["store_failures", "store_failures_as", "tags", "alias", "meta", "group", "database", "schema", "docs", "limit", "static_analysis"];

impl Test {
    /// The test that `value` is: a name, or a map of one name to its arguments with the configuration in it or beside it.
    pub(super) fn of(value: &Json, column: Option<(&str, bool)>) -> Self {
        let none = Map::new();
        let (kind, inner, beside) = match value {
            Json::String(name) => (name.clone(), &none, &none),
            Json::Object(map) => {
                let named = map.get("test_name").and_then(Json::as_str);
                let is_test = |key: &str| !CONFIG.contains(&key) && key != "config" && key != "arguments";
                let test = map.iter().find(|(key, _)| is_test(key));
                let inner = test.and_then(|(_, arguments)| arguments.as_object()).unwrap_or(&none);
                named.map_or_else(
                    || (test.map(|(name, _)| name.clone()).unwrap_or_default(), inner, map),
                    |name| (name.to_owned(), map, &none),
                )
            }
            _ => (String::new(), &none, &none),
        };
        let (mut arguments, mut config) = (Map::new(), Map::new());
        for (key, value) in inner.iter().chain(beside.iter().filter(|(key, _)| **key != kind)) {
            match (key.as_str(), value) {
                ("test_name", _) => {}
                ("config", Json::Object(map)) => config.extend(map.clone()),
                ("arguments", Json::Object(map)) => arguments.extend(map.clone()),
                (name, value) if CONFIG.contains(&name) => {
                    config.insert(name.into(), value.clone());
                }
                (name, value) => {
                    arguments.insert(name.into(), value.clone());
                }
            }
        }
        if let Some((column, quoted)) = column {
            let written = if quoted { hw_base::identifier(column) } else { column.to_owned() };
            arguments.entry("column_name").or_insert_with(|| written.into());
        }
        Self { kind, arguments, config }
    }

    /// What became of it.
    pub(super) fn item(&self, table: &str) -> ImportedItem {
        let named = ["column_name", "combination_of_columns", "column_list", "column_A"].iter().find_map(|key| self.arguments.get(*key));
        let named = named.map(|value| value.as_str().map_or_else(|| value.to_string().replace('"', ""), str::to_owned));
        ImportedItem::new(Some(table), format!("{}({})", self.kind, named.unwrap_or_default()), self.translated())
    }

    fn translated(&self) -> Translation {
        if self.config.get("enabled") == Some(&json!(false)) {
            return Err("it is switched off (`enabled: false`)".into());
        }
        if let Some((key, value)) = self.arguments.iter().chain(&self.config).find(|(_, value)| is_unknown_jinja(value)) {
            return Err(format!("`{key}: {value}` is Jinja, whose value only dbt knows"));
        }
        let limits = self.limits()?;
        let rules = self.rules(&limits)?;
        let mut rules = rules.with("description", self.text("description").into());
        if let Some(condition) = self.text("where") {
            rules = rules.only_where(condition);
        }
        let mut all = Rules { rules: Vec::new(), ..rules.clone() };
        let can_fail = limits.iter().filter(|limit| !super::counted::never_fails(&rules, limit.tolerated));
        for limit in can_fail {
            let tolerated = limit.tolerated.map_or(Json::Null, |rows| json!(rows));
            all.rules.extend(rules.clone().with("on_failure", limit.action.into()).with("at_most", tolerated).rules);
        }
        if all.rules.is_empty() && !rules.rules.is_empty() {
            return Err("it never fails: its query returns one row at most, and more are tolerated".into());
        }
        Ok(all.named(self.text("name")))
    }

    /// The rules without the configuration of the test. Where failures are counted, they count as dbt does.
    fn rules(&self, limits: &[Limit]) -> Translation {
        let arguments = Arguments::new(&self.arguments);
        let tolerates = limits.iter().any(|limit| limit.tolerated.is_some());
        if let Some(sql) = super::counted::query_of_groups(&self.kind, &arguments).filter(|_| tolerates && arguments.all_used().is_ok()) {
            return Ok(Rules::sql("query", json!({ "sql": sql })));
        }
        let rules = super::words::translated(&self.kind, &arguments)?;
        arguments.all_used()?;
        match super::counted::counts_alike(&self.kind, &rules) {
            Err(why) if tolerates => Err(why),
            _ => Ok(rules),
        }
    }

    fn text(&self, key: &str) -> Option<&str> {
        self.config.get(key).and_then(Json::as_str).filter(|text| !text.trim().is_empty())
    }

    /// How many failures are tolerated before the test warns and before it fails.
    fn limits(&self) -> Result<Vec<Limit>, String> {
        let unknown = self.config.keys().find(|key| !CONFIG.contains(&key.as_str()));
        if let Some(key) = unknown.filter(|key| !SILENT.contains(&key.as_str())) {
            return Err(format!("the configuration `{key}` is not known"));
        }
        if self.config.get("fail_calc").and_then(Json::as_str).is_some_and(|calculation| calculation.trim() != "count(*)") {
            return Err("`fail_calc` counts something else than rows".into());
        }
        let tolerated = |key: &str| self.config.get(key).map(|value| tolerated(key, value)).transpose().map(Option::flatten);
        let (error, warning) = (tolerated("error_if")?, tolerated("warn_if")?);
        let alert = |tolerated| Limit { action: Some("alert"), tolerated };
        if self.text("severity").is_some_and(|severity| severity.eq_ignore_ascii_case("warn")) {
            return Ok(vec![alert(warning)]);
        }
        let block = Limit { action: None, tolerated: error };
        let warns_earlier = error.is_some() && warning.unwrap_or(0) < error.unwrap_or(0);
        Ok(if warns_earlier { vec![block, alert(warning)] } else { vec![block] })
    }
}

/// How many failures are tolerated, and what happens beyond.
struct Limit {
    action: Option<&'static str>,
    tolerated: Option<u64>,
}

/// The number of failures that a condition such as `> 10` tolerates; `None` for none.
fn tolerated(key: &str, condition: &Json) -> Result<Option<u64>, String> {
    let text = condition.as_str().unwrap_or_default().replace(' ', "");
    let number = |rest: &str| rest.parse::<u64>().ok();
    let found = match text.as_str() {
        "!=0" | "<>0" | ">0" | ">=1" => return Ok(None),
        text => text.strip_prefix(">=").and_then(number).map(|count| count.saturating_sub(1)).or_else(|| number(text.strip_prefix('>')?)),
    };
    found
        .map(Some)
        .ok_or_else(|| format!("the condition `{key}: {condition}` has no counterpart; a tolerance is a greatest number of failures"))
}

/// Whether a value holds Jinja other than `ref` and `source`.
fn is_unknown_jinja(value: &Json) -> bool {
    match value {
        Json::String(text) => (text.contains("{{") || text.contains("{%")) && super::words::relation(text).is_none(),
        Json::Array(items) => items.iter().any(is_unknown_jinja),
        Json::Object(map) => map.values().any(is_unknown_jinja),
        _ => false,
    }
}
