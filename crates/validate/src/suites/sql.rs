//! Plain SQL: one query per rule that returns rows where the rule is broken.

use hw_base::Result;
use serde_json::json;

use super::violations::{table_sql, violations_sql};
use super::{HowWritten, Imported, ImportedItem, Rules, Suite, TableRules, Written, WrittenItem};

/// Plain SQL checks.
#[derive(Debug)]
pub(super) struct Sql;

/// Starts the line that names a check.
const CHECK: &str = "-- check:";

impl Suite for Sql {
    fn name(&self) -> &'static str {
        "sql"
    }

    fn about(&self) -> &'static str {
        "queries in plain SQL, each of which returns rows where something is wrong"
    }

    fn recognises(&self, text: &str) -> bool {
        let first = text.lines().map(str::trim).find(|line| !line.is_empty() && (!line.starts_with("--") || line.starts_with(CHECK)));
        let first = first.unwrap_or_default().to_lowercase();
        [CHECK, "select ", "with "].iter().any(|start| (first.clone() + " ").starts_with(start))
    }

    /// One check per query. A line `-- check: table.name` above a query names its table and its rule.
    fn read(&self, text: &str) -> Result<Imported> {
        let items = statements(text).into_iter().enumerate().map(|(at, (heading, sql))| item(at + 1, heading.as_deref(), &sql));
        Ok(Imported { items: items.collect() })
    }

    fn write(&self, tables: &[TableRules<'_>]) -> Written {
        let mut written = Written::default();
        for table in tables {
            for rule in table.rules {
                let how = match violations_sql(rule, table, &table_sql(table.table)) {
                    Ok(sql) => {
                        let note =
                            rule.notes.description.as_deref().map(|text| format!("-- {}\n", text.replace('\n', " "))).unwrap_or_default();
                        written.text.push_str(&format!("{CHECK} {}.{}\n{note}{sql};\n\n", table.table, rule.id));
                        HowWritten::AsSql
                    }
                    Err(why) => {
                        written.text.push_str(&format!("-- not written: {}.{}: {why}\n\n", table.table, rule.id));
                        HowWritten::NotWritten(why)
                    }
                };
                written.items.push(WrittenItem { table: table.table.into(), rule: rule.id.clone(), how });
            }
        }
        written
    }
}

fn item(number: usize, heading: Option<&str>, sql: &str) -> ImportedItem {
    let (table, name) = match heading.and_then(|heading| heading.rsplit_once('.')) {
        Some((table, name)) => (Some(table), Some(name)),
        None => (None, heading),
    };
    let check = name.map_or_else(|| format!("query {number}"), str::to_owned);
    let ours = table.map_or_else(|| sql.to_owned(), |table| with_placeholder(sql, table));
    let translation = if ours.contains("{table}") {
        Ok(Rules::sql("query", json!({"sql": ours, "name": name})))
    } else {
        Err("it is not clear which table it is about; write `-- check: table.name` above it, or `{table}` in its FROM".into())
    };
    ImportedItem::new(table, check, translation)
}

/// Puts the placeholder where the table stands as a word of its own, outside of texts.
pub(super) fn with_placeholder(sql: &str, table: &str) -> String {
    let name = table_sql(table);
    let is_word = |c: char| c.is_alphanumeric() || matches!(c, '_' | '.' | '"' | '\'');
    let mut out = String::new();
    let mut rest = sql;
    while let Some(at) = rest.find(&name) {
        let (before, after) = (&rest[..at], &rest[at + name.len()..]);
        out.push_str(before);
        let in_text = (out.matches('\'').count() % 2) == 1;
        let is_alone = !out.ends_with(is_word) && !after.starts_with(is_word);
        out.push_str(if is_alone && !in_text { "{table}" } else { &name });
        rest = after;
    }
    out + rest
}

/// The queries of a text with the names above them. A `;` in a text or a comment ends none.
fn statements(text: &str) -> Vec<(Option<String>, String)> {
    let mut found = Vec::new();
    let (mut heading, mut sql, mut in_text) = (None, String::new(), false);
    for line in text.lines() {
        if let Some(name) = line.trim().strip_prefix(CHECK).filter(|_| sql.trim().is_empty()) {
            heading = Some(name.trim().to_owned());
            continue;
        }
        if line.trim_start().starts_with("--") && !in_text {
            continue;
        }
        for c in line.chars() {
            in_text ^= c == '\'';
            if c == ';' && !in_text {
                found.extend(finished(&mut heading, &mut sql));
            } else {
                sql.push(c);
            }
        }
        sql.push('\n');
    }
    found.extend(finished(&mut heading, &mut sql));
    found
}

fn finished(heading: &mut Option<String>, sql: &mut String) -> Option<(Option<String>, String)> {
    let query = std::mem::take(sql).trim().to_owned();
    (!query.is_empty()).then(|| (heading.take(), query))
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn queries_are_read_with_their_names() {
        let text = "-- check: shop.orders.positive\n-- why: refunds are elsewhere\nselect * from shop.orders where note <> ';shop.orders' and amount < 0;\nselect 1;";
        let imported = Sql.read(text).unwrap();
        let rules = imported.rules(Some("shop.orders"));
        assert_eq!(
            rules,
            [json!({"query": {"sql": "select * from {table} where note <> ';shop.orders' and amount < 0", "name": "positive"}})]
        );
        assert_eq!(imported.items[1].check, "query 2");
        assert!(imported.report().contains("2 checks: 0 translated, 1 run as their SQL, 1 not translated"), "{}", imported.report());
    }
}
