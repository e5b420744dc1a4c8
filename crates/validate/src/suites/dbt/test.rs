//! One test of a dbt YAML file: its name, its arguments and its configuration.

use std::sync::Arc;

use serde_json::{Map, Value as Json, json};

use super::Settings;
use super::config::{Config, Limit, is_configuration};
use super::expression::Known;
use super::jinja::evaluated_entry;
use crate::suites::words::{Arguments, texts};
use crate::suites::{ImportedItem, Origin, Rules, Translation};

/// A test with its configuration apart from its arguments.
#[derive(Clone, Debug)]
pub(super) struct Test {
    /// Its name with its package: `dbt_utils.accepted_range`.
    kind: String,
    /// Its arguments; `column_name` stands among them for a test of a column.
    arguments: Settings,
    /// Severity, limits, condition and the like.
    config: Config,
    /// What is known of its project.
    known: Arc<Known>,
}

/// Puts a setting of a test among its arguments, or into its configuration.
fn place(key: &str, value: &Json, arguments: &mut Settings, config: &mut Settings) {
    match value {
        Json::Object(map) if key == "config" => config.extend(map.clone()),
        value if is_configuration(key) => {
            config.insert(key.into(), value.clone());
        }
        value => {
            arguments.insert(key.into(), value.clone());
        }
    }
}

impl Test {
    /// The test that `value` is: a name, or a map of one name to its arguments with the configuration in it or beside it.
    pub(super) fn of(value: &Json, column: Option<(&str, bool)>) -> Self {
        let none = Map::new();
        let (kind, inner, beside) = match value {
            Json::String(name) => (name.clone(), &none, &none),
            Json::Object(map) => {
                let named = map.get("test_name").and_then(Json::as_str);
                let is_test = |key: &str| !is_configuration(key) && key != "config" && key != "arguments";
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
                // dbt takes configuration out of the arguments, too.
                ("arguments", Json::Object(map)) => map.iter().for_each(|(key, value)| place(key, value, &mut arguments, &mut config)),
                (key, value) => place(key, value, &mut arguments, &mut config),
            }
        }
        if let Some((column, quoted)) = column {
            let written = if quoted { hw_base::identifier(column) } else { column.to_owned() };
            arguments.entry("column_name").or_insert_with(|| written.into());
        }
        Self { kind, arguments, config: Config(config), known: Arc::default() }
    }

    /// The same with what its project says about it.
    pub(super) fn within(self, origin: &Origin, table: &str) -> Self {
        let column = self.arguments.get("column_name").and_then(Json::as_str).unwrap_or_default();
        let generated = format!("{}_{}_{column}", self.kind.replace('.', "_"), table.rsplit('.').next().unwrap_or(table));
        let name = self.config.text("name").unwrap_or(&generated);
        let config = match origin.of_tests.get(name) {
            Some(own) => self.config.clone().within(own),
            None => self.config.clone(),
        };
        Self { config: config.within(&origin.settings), known: Arc::clone(&origin.known), ..self }
    }

    /// What became of it.
    pub(super) fn item(&self, table: &str) -> ImportedItem {
        let named = ["column_name", "combination_of_columns", "column_list", "column_A"].iter().find_map(|key| self.arguments.get(*key));
        let named = named.map(|value| value.as_str().map_or_else(|| value.to_string().replace('"', ""), str::to_owned));
        let own = self.config.text("name").map(|name| format!(" `{name}`")).unwrap_or_default();
        ImportedItem::new(Some(table), format!("{}({}){own}", self.kind, named.unwrap_or_default()), self.translated())
    }

    fn translated(&self) -> Translation {
        self.config.is_enabled()?;
        let evaluated = self.arguments.iter().map(|(key, value)| evaluated_entry(key, value, &self.known).map(with_truth));
        let arguments = evaluated.collect::<Result<Settings, String>>()?;
        let config = self.config.evaluated(&self.known)?;
        config.is_enabled()?;
        let limits = config.limits()?;
        let rules = self.rules(&arguments, &limits)?;
        let rules = match refused(&self.kind, &arguments, config.text("where")) {
            Some(note) => rules.and_note(note),
            None => rules,
        };
        config.applied(rules, &limits)
    }

    /// The rules without the configuration of the test. Where failures are counted, they count as dbt does.
    fn rules(&self, arguments: &Settings, limits: &[Limit]) -> Translation {
        let arguments = Arguments::new(arguments);
        let is_of_query = limits.iter().any(Limit::is_of_query);
        if let Some(sql) = super::counted::query_of_groups(&self.kind, &arguments).filter(|_| is_of_query && arguments.all_used().is_ok()) {
            return Ok(Rules::sql("query", json!({ "sql": sql })));
        }
        let rules = super::words::translated(&self.kind, &arguments)?;
        arguments.all_used()?;
        match super::counted::counts_alike(&self.kind, &rules) {
            Err(why) if limits.iter().any(Limit::counts) => Err(why),
            _ => Ok(rules),
        }
    }
}

/// What dbt itself stops at, where a rule of ours judges.
fn refused(kind: &str, arguments: &Settings, condition: Option<&str>) -> Option<&'static str> {
    let has = |key: &str| arguments.get(key).is_some_and(|value| !value.is_null());
    let mut patterns = ["regex", "regex_list"].iter().filter_map(|key| texts(arguments.get(*key)?)).flatten();
    match kind {
        "dbt_utils.equality" if condition.is_some() => Some("dbt itself stops at this test with a `where`"),
        "dbt_utils.not_null_proportion" if !has("at_least") => Some("dbt itself stops at this test without `at_least`"),
        _ if patterns.any(|pattern| is_verbose(&pattern)) => Some("DuckDB knows no `(?x)`, so that dbt stops there"),
        _ => None,
    }
}

/// Whether blanks of a pattern are no part of it.
fn is_verbose(pattern: &str) -> bool {
    let mut flags = pattern.split("(?").skip(1).map(|group| group.chars().take_while(char::is_ascii_alphabetic));
    flags.any(|mut flags| flags.any(|flag| flag == 'x'))
}

/// Arguments that macros only ask whether they are true.
const OF_TRUTH: [&str; 8] = [
    "display_inconsistent_columns",
    "ignore_time_component",
    "inclusive",
    "or_equal",
    "quote",
    "quote_values",
    "strictly",
    "zero_length_range_allowed",
];

/// An argument as Jinja takes it: any text but an empty one is true there, `"false"` as well.
fn with_truth((key, value): (String, Json)) -> (String, Json) {
    let is_true = match &value {
        Json::String(text) => !text.is_empty(),
        Json::Number(number) => number.as_f64() != Some(0.0),
        _ => return (key, value),
    };
    let value = if OF_TRUTH.contains(&key.as_str()) { Json::Bool(is_true) } else { value };
    (key, value)
}

#[cfg(test)]
mod tests {
    use super::*;

    #[track_caller]
    fn check(test: &Json, expected: &str) {
        let item = Test::of(test, Some(("a", false))).item("t");
        assert_eq!(Json::Array(item.outcome.rules().to_vec()).to_string(), expected);
    }

    #[test]
    fn an_expression_with_a_query_is_a_query() {
        let limits = json!({"min_value": "(select 1)", "max_value": 100, "row_condition": "b"});
        check(
            &json!({"dbt_expectations.expect_column_values_to_be_between": limits}),
            r#"[{"query":{"sql":"select * from {table} where not (a >= (select 1) and a <= 100)","where":"b"}}]"#,
        );
        let text = json!({"expression": "<> 'select'"});
        check(&json!({"dbt_utils.expression_is_true": text}), r#"[{"expression":{"sql":"a <> 'select'"}}]"#);
    }

    #[test]
    fn what_stops_dbt_is_told() {
        let note = |test: &Json| Test::of(test, None).item("t").outcome.note().map(str::to_owned);
        let stops = |what: &str| Some(format!("dbt itself stops at this test {what}"));
        let equality = json!({"arguments": {"compare_model": "ref('u')"}, "config": {"where": "b"}});
        assert_eq!(note(&json!({"dbt_utils.equality": equality})), stops("with a `where`"));
        assert_eq!(note(&json!({"dbt_utils.not_null_proportion": {"column_name": "a", "at_most": 0.5}})), stops("without `at_least`"));
        assert_eq!(note(&json!({"dbt_utils.not_null_proportion": {"column_name": "a", "at_least": 0.5}})), None);
        let matches = |regex: &str| {
            let arguments = json!({"column_name": "a", "regex": regex});
            note(&json!({"dbt_expectations.expect_column_values_to_match_regex": arguments}))
        };
        assert_eq!(matches("(?ix) a b"), Some("DuckDB knows no `(?x)`, so that dbt stops there".to_owned()));
        assert_eq!(matches("(?i)x"), None);
    }
}
