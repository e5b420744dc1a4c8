//! A test of its own in SQL: every row that it returns breaks it.

use serde_json::json;

use super::words::relation;
use crate::suites::{ImportedItem, Rules, Translation};

/// Whether `text` is a query with `ref` or `source` in it.
pub(super) fn is_one(text: &str) -> bool {
    let text = without_comments(text);
    let start = text.lines().map(str::trim).find(|line| !line.is_empty() && !line.starts_with("--") && !line.starts_with("{{ config"));
    let start = start.unwrap_or_default().to_lowercase();
    let is_query = start.starts_with("select") || start.starts_with("with");
    is_query && text.contains("{{") && (text.contains("ref(") || text.contains("source("))
}

/// The rule about the first table that the query names.
pub(super) fn item(text: &str) -> ImportedItem {
    let mut first = None;
    let translation = translated(&without_comments(text), &mut first);
    ImportedItem::new(first.as_deref(), "test in SQL", translation)
}

/// The text without the comments of Jinja.
fn without_comments(text: &str) -> String {
    let mut parts = text.split("{#");
    let before = parts.next().unwrap_or_default();
    let after = parts.map(|part| part.split_once("#}").map_or("", |(_, after)| after));
    std::iter::once(before).chain(after).collect()
}

fn translated(text: &str, first: &mut Option<String>) -> Translation {
    let (mut sql, mut rest, mut reads) = (String::new(), text, None);
    while let Some(at) = rest.find("{{") {
        sql.push_str(&rest[..at]);
        let end = rest[at..].find("}}").ok_or("`{{` is not closed")? + at + 2;
        let inner = &rest[at..end];
        rest = &rest[end..];
        if inner.contains("config(") {
            if inner.contains("severity") || inner.contains("_if") || inner.contains("fail_calc") {
                return Err("its `config` limits or counts failures; write them at the rule".into());
            }
            continue;
        }
        let name = relation(inner).ok_or_else(|| format!("`{inner}` is Jinja, whose value only dbt knows"))?;
        if first.as_ref().is_none_or(|table| *table == name) {
            *first = Some(name);
            sql.push_str("{table}");
        } else {
            sql.push_str(&name);
            reads = Some(name);
        }
    }
    sql.push_str(rest);
    if sql.contains("{%") {
        return Err("it holds statements in Jinja, which only dbt can run".into());
    }
    let sql = sql.lines().filter(|line| !line.trim_start().starts_with("--")).collect::<Vec<_>>().join("\n");
    Ok(Rules::sql("query", json!({"sql": sql.trim().trim_end_matches(';'), "reads": reads})))
}
