//! Checks of the groups that a query gives: `group by` looks at values of each of them, `group evolution` at which there are.

use hw_base::{identifier, literal};
use serde_json::{Map, Value as Json, json};

use super::conditions::{LEVELS, alternatives, condition_of, name_and_condition};
use super::language::sentence_and_settings;
use crate::suites::metrics::Threshold;
use crate::suites::pattern::{Syntax, ours};
use crate::suites::sql::with_placeholder;
use crate::suites::{Rules, Translation};

/// One translation per condition of each check of the groups.
pub(super) fn group_by(table: &str, settings: &Map<String, Json>) -> Result<Vec<Translation>, String> {
    let query = query_of(table, settings)?;
    let checks = settings.get("checks").and_then(Json::as_array).ok_or("it has no `checks`")?;
    let translations = checks.iter().flat_map(|check| of_each_group(&query, check).unwrap_or_else(|why| vec![Err(why)]));
    Ok(translations.collect())
}

fn of_each_group(query: &str, check: &Json) -> Result<Vec<Translation>, String> {
    let (sentence, settings) = sentence_and_settings(check);
    let (name, condition) = name_and_condition(&sentence);
    let other = settings.keys().find(|key| !["name", "warn", "fail"].contains(&key.as_str()));
    if let Some(word) = other.map(String::as_str).or_else(|| name.find(['(', ' ']).map(|_| name)) {
        return Err(format!("`{word}` of a check per group has no counterpart; name a column of the query"));
    }
    let rules = |threshold: &Threshold, action: &Json| {
        let holds = threshold.holds(&identifier(name));
        // A group without a value is not judged.
        let rules = Rules::sql("query", json!({"sql": format!("select * from ({query}) as grouped where not ({holds})")}));
        let rules = rules.with("description", settings.get("name").cloned().unwrap_or_default()).with("on_failure", action.clone());
        Ok(rules.note("more groups than `group_limit` says are an error in Soda alone"))
    };
    if condition.trim().is_empty() {
        return Ok(alternatives(&settings)?.iter().map(|limit| rules(&limit.threshold, &limit.action)).collect());
    }
    Ok(vec![rules(&condition_of(condition)?, &Json::Null)])
}

/// One translation per condition on the groups that there are.
pub(super) fn group_evolution(table: &str, settings: &Map<String, Json>) -> Result<Vec<Translation>, String> {
    let query = query_of(table, settings)?;
    let mut all = Vec::new();
    for (level, action) in LEVELS {
        let Some(given) = settings.get(level) else { continue };
        for (wrong, names) in given.as_object().ok_or_else(|| format!("`{level}: {given}` is no list of conditions on groups"))? {
            all.push(of_names(&query, wrong, names).map(|rules| rules.with("on_failure", json!(action))));
        }
    }
    if all.is_empty() { Err("it has neither `warn` nor `fail` with a list of groups".into()) } else { Ok(all) }
}

fn of_names(query: &str, wrong: &str, names: &Json) -> Translation {
    let no_list = || format!("`{wrong}: {names}` is no list of texts");
    let listed = || names.as_array()?.iter().map(Json::as_str).collect::<Option<Vec<_>>>().filter(|names| !names.is_empty());
    let sql = match wrong {
        "when required group missing" => {
            let wanted = listed().ok_or_else(no_list)?.iter().map(|name| format!("select {} as name", literal(name))).collect::<Vec<_>>();
            format!(
                "select wanted.name from ({}) as wanted where not exists (select 1 from ({query}) as found(name) where found.name = wanted.name)",
                wanted.join(" union all ")
            )
        }
        "when forbidden group present" => {
            let fits = listed().ok_or_else(no_list)?.into_iter().map(begins_with).collect::<Result<Vec<_>, _>>()?;
            format!("select * from ({query}) as found(name) where {}", fits.join(" or "))
        }
        "when groups change" => return Err("it compares with earlier results, which are kept of numbers alone".into()),
        other => return Err(format!("`{other}` is not known")),
    };
    Ok(Rules::sql("query", json!({ "sql": sql })))
}

/// SQL that is true for groups that begin as `name` says: Soda takes it for a regular expression, in which `%` is one character or more.
fn begins_with(name: &str) -> Result<String, String> {
    // Soda replaces the star of what it has put for `%` once more: `%` is one character at least.
    let pattern = ours(&format!("^(?:{})", name.replace('*', ".*").replace('%', "..*")), Syntax::Python)?;
    Ok(format!("regexp_like(cast(name as varchar), {})", literal(&pattern)))
}

/// The query of the groups, with the placeholder for its table.
fn query_of(table: &str, settings: &Map<String, Json>) -> Result<String, String> {
    let query = settings.get("query").and_then(Json::as_str).ok_or("it has no `query`")?;
    let query = with_placeholder(query.trim().trim_end_matches(';'), table);
    if query.contains("{table}") { Ok(query) } else { Err("its query does not name the table that it is about".into()) }
}
