//! A test of its own in SQL: every row that it returns breaks it.

use serde_json::{Map, json};

use super::config::{Config, is_configuration};
use super::expression::Known;
use super::jinja::evaluated;
use super::words::relation;
use crate::suites::{ImportedItem, Origin, Rules, Translation};

/// Whether `text` is a query in Jinja.
pub(super) fn is_one(text: &str) -> bool {
    let text = without_comments(text);
    let is_jinja = text.contains("{{") || text.contains("{%");
    let is_of_tables = text.contains("ref(") || text.contains("source(");
    let start = start(&text).to_lowercase();
    let is_query = ["select", "with", "("].iter().any(|word| start.starts_with(word));
    is_jinja && is_query && (is_of_tables || text.trim_start().starts_with('{'))
}

/// What the query begins with, behind configuration, statements in Jinja and comments.
fn start(text: &str) -> &str {
    let mut rest = text.trim_start();
    loop {
        let after = match rest.get(..2) {
            Some("--") => rest.split_once('\n').map_or("", |(_, after)| after),
            Some("{%") => rest.split_once("%}").map_or("", |(_, after)| after),
            Some("{{") if is_config(rest) => rest.split_once("}}").map_or("", |(_, after)| after),
            _ => return rest,
        };
        rest = after.trim_start();
    }
}

fn is_config(expression: &str) -> bool {
    expression.trim_start_matches(['{', '-']).trim_start().starts_with("config")
}

/// The rule about the first table that the query names; `None` for a file that defines a test and is none.
pub(super) fn item(text: &str, origin: &Origin) -> Option<ImportedItem> {
    let text = without_comments(text);
    let is_definition = ["test", "data_test", "macro"].iter().any(|word| {
        let inside = behind_comments(&text).strip_prefix("{%").map(|rest| rest.trim_start_matches('-').trim_start());
        inside.is_some_and(|inside| inside.starts_with(word))
    });
    let mut first = None;
    let translation = translated(&text, origin, &mut first);
    let called = origin.name.as_ref().map_or_else(|| "test in SQL".to_owned(), |name| format!("test `{name}`"));
    (!is_definition).then(|| ImportedItem::new(first.as_deref(), called, translation))
}

/// The text behind the comments of SQL that it begins with.
fn behind_comments(text: &str) -> &str {
    let mut rest = text.trim_start();
    loop {
        let after = match rest.get(..2) {
            Some("--") => rest.split_once('\n').map_or("", |(_, after)| after),
            Some("/*") => rest.split_once("*/").map_or("", |(_, after)| after),
            _ => return rest,
        };
        rest = after.trim_start();
    }
}

/// The text without the comments of Jinja.
fn without_comments(text: &str) -> String {
    let mut parts = text.split("{#");
    let before = parts.next().unwrap_or_default();
    let after = parts.map(|part| part.split_once("#}").map_or("", |(_, after)| after));
    std::iter::once(before).chain(after).collect()
}

fn translated(text: &str, origin: &Origin, first: &mut Option<String>) -> Translation {
    let (mut sql, mut rest, mut reads, mut config) = (String::new(), text, None, Config::default());
    // The tables are looked for in the whole query, so that a check that is not translated still says what it is about.
    let has_statements = text.replace("{% raw %}", "").replace("{% endraw %}", "").contains("{%");
    let mut why = has_statements.then(|| "it holds statements in Jinja, which only dbt can run".to_owned());
    while let Some(at) = rest.find("{{").into_iter().chain(rest.find("{% raw %}")).min() {
        sql.push_str(&rest[..at]);
        let closing = if rest[at..].starts_with("{{") { "}}" } else { "{% endraw %}" };
        let end = rest[at..].find(closing).ok_or("`{{` is not closed")? + at + closing.len();
        let inner = &rest[at..end];
        rest = &rest[end..];
        if is_config(inner) {
            config = configuration(inner, &origin.known)?;
        } else if let Some(name) = relation(inner) {
            if first.as_ref().is_none_or(|table| *table == name) {
                *first = Some(name);
                sql.push_str("{table}");
            } else {
                sql.push_str(&name);
                reads = Some(name);
            }
        } else {
            match evaluated(inner, &origin.known) {
                Ok(value) => sql.push_str(&value),
                Err(unknown) => why = why.or_else(|| Some(format!("`{inner}` is Jinja, {unknown}"))),
            }
        }
    }
    sql.push_str(rest);
    let of_test = origin.name.as_ref().and_then(|name| origin.of_tests.get(name)).cloned().unwrap_or_default();
    let config = config.within(&of_test).within(&origin.settings);
    config.is_enabled()?;
    if let Some(why) = why {
        return Err(why);
    }
    if first.is_none() {
        return Err("it names no table with `ref` or `source`".into());
    }
    let sql = sql.lines().filter(|line| !line.trim_start().starts_with("--")).collect::<Vec<_>>().join("\n");
    let rules = Rules::sql("query", json!({"sql": sql.trim().trim_end_matches(';'), "reads": reads}));
    // A condition only goes with tests in YAML.
    let without_condition = Config(config.0.into_iter().filter(|(key, _)| key != "where").collect());
    let limits = without_condition.limits()?;
    Ok(without_condition.applied(rules, &limits)?.named(origin.name.as_deref()))
}

/// What the `config` of a file says about whether its table is built.
pub(super) fn is_switched_on(text: &str, known: &Known) -> Option<bool> {
    let text = without_comments(text);
    let blocks = text.split("{{").skip(1).filter_map(|rest| rest.split_once("}}")).map(|(block, _)| block);
    let configs = blocks.filter(|block| is_config(block)).filter_map(|block| configuration(block, known).ok());
    configs.filter_map(|config| config.0.get("enabled")?.as_bool()).last()
}

/// The configuration in a block `{{ config(severity = 'warn') }}`.
fn configuration(block: &str, known: &Known) -> Result<Config, String> {
    let unknown = || format!("its `config` cannot be read: `{}`", block.split_whitespace().collect::<Vec<_>>().join(" "));
    let inner = block.split_once('(').and_then(|(_, rest)| rest.rsplit_once(')')).map(|(inner, _)| inner).ok_or_else(unknown)?;
    let mut found = Map::new();
    for setting in settings(inner) {
        let (key, value) = setting.split_once('=').ok_or_else(unknown)?;
        let key = key.trim();
        let decides = matches!(key, "severity" | "error_if" | "warn_if" | "fail_calc" | "enabled");
        match known.value(value) {
            Ok(value) if is_configuration(key) => {
                found.insert(key.to_owned(), value);
            }
            Err(why) if decides => return Err(format!("`{key}={}` in its `config` is Jinja, {why}", value.trim())),
            _ => {}
        }
    }
    Ok(Config(found))
}

/// The settings between commas. Commas in texts, lists and calls are none of these.
fn settings(inner: &str) -> Vec<&str> {
    let (mut depth, mut quote, mut start, mut found) = (0_i32, None, 0, Vec::new());
    for (at, c) in inner.char_indices() {
        match (quote, c) {
            (Some(open), _) => quote = quote.filter(|_| c != open),
            (None, '\'' | '"') => quote = Some(c),
            (None, '(' | '[' | '{') => depth += 1,
            (None, ')' | ']' | '}') => depth -= 1,
            (None, ',') if depth == 0 => {
                found.push(&inner[start..at]);
                start = at + 1;
            }
            _ => {}
        }
    }
    found.push(&inner[start..]);
    found.into_iter().filter(|setting| !setting.trim().is_empty()).collect()
}

#[cfg(test)]
mod tests {
    use serde_json::Value as Json;

    use super::*;
    use crate::suites::Outcome;

    #[track_caller]
    fn check(text: &str, expected: &str) {
        let origin = Origin { name: Some("t".into()), is_test: true, ..Origin::default() };
        let found = item(text, &origin).map(|item| match item.outcome {
            Outcome::NotTranslated { why } => format!("{:?} {}: {why}", item.table, item.check),
            outcome => format!("{:?} {}: {}", item.table, item.check, Json::Array(outcome.rules().to_vec())),
        });
        assert_eq!(found.as_deref().unwrap_or("none"), expected);
    }

    #[test]
    fn configuration_is_kept() {
        check(
            "{{\n  config(\n    severity = 'warn',\n    tags=['a', 'b'],\n    error_if=\">2\", warn_if='>1'\n  )\n}}\n-- why\nselect * from {{ ref('a') }};\n",
            r#"Some("a") test `t`: [{"query":{"sql":"select * from {table}","on_failure":"alert","at_most":1,"name":"t"}}]"#,
        );
        check("{{ config(enabled=false) }} select 1 from {{ ref('a') }}", r#"Some("a") test `t`: it is switched off (`enabled: false`)"#);
        check(
            "{{ config(severity=var('x')) }} select 1 from {{ ref('a') }}",
            "None test `t`: `severity=var('x')` in its `config` is Jinja, and `vars` of dbt_project.yml has no `x`, nor is there a default",
        );
    }

    #[test]
    fn what_only_dbt_can_run_is_told() {
        let why = "it holds statements in Jinja, which only dbt can run";
        check("{% set x = 1 %}\nselect * from {{ ref('a') }} where b < {{ x }}", &format!("Some(\"a\") test `t`: {why}"));
        check("select 1 as x where 1 = 2", "None test `t`: it names no table with `ref` or `source`");
        check(
            "select {{ env_var('x') }} from {{ ref('a') }}",
            "Some(\"a\") test `t`: `{{ env_var('x') }}` is Jinja, whose value only dbt knows",
        );
        check("{% test positive(model, column_name) %}\nselect 1\n{% endtest %}", "none");
        check("-- Numbers above zero.\n/* all of them */\n{%- test positive(model, column_name) -%}\nselect 1\n{% endtest %}", "none");
        check(
            "select '{% raw %}{{x}}{% endraw %}' as a, cast(b as {{ dbt.type_string() }}) from {{ ref('a') }}",
            r#"Some("a") test `t`: [{"query":{"sql":"select '{{x}}' as a, cast(b as varchar) from {table}","name":"t"}}]"#,
        );
        for text in
            ["{{\nconfig(severity='warn')\n}}\nselect 1 from {{ ref('a') }}", "{% set a = 1 %}\nwith a as (select 1) select {{ a }}"]
        {
            assert!(is_one(text), "{text}");
        }
        assert!(!is_one("select 1 from a") && !is_one("models:\n- name: a # {{ ref('b') }}"));
    }
}
