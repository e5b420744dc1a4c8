//! Plain SQL: one query per rule that returns rows where the rule is broken.

use hw_base::Result;
use serde_json::json;

use super::dialect::{is_word, quoted_length};
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
        Ok(Imported { items: items.collect(), ..Imported::default() })
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

/// Puts the placeholder where the table stands in a FROM or a JOIN. A name without quotes is the same in any case of letters, and may
/// have the names of its schema and database in front.
pub(super) fn with_placeholder(sql: &str, table: &str) -> String {
    let mut out = String::with_capacity(sql.len());
    let (mut rest, mut place, mut named) = (sql, Place::Elsewhere, NamedQuery::default());
    while let Some(first) = rest.chars().next() {
        let length = match first {
            '\'' => quoted_length(rest, first),
            '-' if rest.starts_with("--") => rest.find('\n').unwrap_or(rest.len()),
            '/' if rest.starts_with("/*") => rest.find("*/").map_or(rest.len(), |end| end + 2),
            '"' | '`' => name_length(rest),
            _ if is_word(first) => name_length(rest),
            _ => first.len_utf8(),
        };
        let (token, after) = rest.split_at(length);
        let is_call = after.trim_start().starts_with('(') && !token.contains(['"', '`']);
        let is_table = place == Place::OfTable && !is_call && names(token, table);
        out.push_str(if is_table && !named.hides_table() { "{table}" } else { token });
        named.follow(token, after, table);
        place = place.after(token);
        rest = after;
    }
    out
}

/// A query of a WITH that is called as the table is: behind it, the name is its own.
#[derive(Default)]
struct NamedQuery {
    /// How many parentheses are open.
    depth: usize,
    /// How many were where it begins.
    begins_at: Option<usize>,
    is_over: bool,
}

impl NamedQuery {
    fn hides_table(&self) -> bool {
        self.is_over
    }

    fn follow(&mut self, token: &str, after: &str, table: &str) {
        match token {
            "(" => self.depth += 1,
            ")" => {
                self.depth = self.depth.saturating_sub(1);
                self.is_over |= self.begins_at == Some(self.depth);
            }
            name if self.begins_at.is_none() && names(name, table) && is_definition(after) => self.begins_at = Some(self.depth),
            _ => {}
        }
    }
}

/// Whether `as (` follows.
fn is_definition(after: &str) -> bool {
    let word = after.trim_start();
    word.get(..2).is_some_and(|word| word.eq_ignore_ascii_case("as")) && word[2..].trim_start().starts_with('(')
}

/// Where in a query a word stands.
#[derive(Clone, Copy, PartialEq, Eq)]
enum Place {
    /// Where a table is named.
    OfTable,
    /// Behind a table in a list of tables.
    BehindTable,
    /// Anywhere else.
    Elsewhere,
    /// Behind `distinct`, whose `from` names no table.
    BehindDistinct,
}

impl Place {
    /// The place of what follows a word or a sign.
    fn after(self, token: &str) -> Self {
        let is_comment = token.starts_with("--") || token.starts_with("/*");
        match token.to_lowercase().as_str() {
            _ if token.trim().is_empty() || is_comment => self,
            "from" if self == Self::BehindDistinct => Self::Elsewhere,
            "from" | "join" => Self::OfTable,
            "distinct" => Self::BehindDistinct,
            "," if self == Self::BehindTable => Self::OfTable,
            "where" | "on" | "using" | "group" | "order" | "having" | "limit" | "union" | "select" | "(" | ")" | ";" => Self::Elsewhere,
            _ if matches!(self, Self::OfTable | Self::BehindTable) => Self::BehindTable,
            _ => Self::Elsewhere,
        }
    }
}

/// The length of a name with the names in front of it: `shop."Orders"`.
fn name_length(sql: &str) -> usize {
    let one = |sql: &str| match sql.chars().next() {
        Some(quote @ ('"' | '`')) => quoted_length(sql, quote),
        _ => sql.find(|c| !is_word(c)).unwrap_or(sql.len()),
    };
    let mut length = one(sql);
    while let Some(next) = sql[length..].strip_prefix('.').map(one).filter(|next| *next > 0) {
        length += next + 1;
    }
    length
}

/// Whether a name in SQL is that of the table: its last parts are. The table may be named with the parts in front or without.
fn names(written: &str, table: &str) -> bool {
    let is_same = |(written, own): (&str, &str)| {
        let inner = ['"', '`'].into_iter().find_map(|quote| written.strip_prefix(quote)?.strip_suffix(quote));
        inner.map_or_else(|| written.eq_ignore_ascii_case(own), |inner| inner == own)
    };
    let (parts, own): (Vec<&str>, Vec<&str>) = (written.split('.').collect(), table.split('.').collect());
    parts.len() >= own.len() && parts.iter().rev().copied().zip(own.iter().rev().copied()).all(is_same)
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
    fn the_table_is_found_in_any_case_and_behind_its_schema() {
        let check = |sql: &str, table: &str, expected: &str| assert_eq!(with_placeholder(sql, table), expected);
        check("select * from Air_Quality where a > 1", "Air_Quality", "select * from {table} where a > 1");
        check("SELECT status FROM main.STATUS, other", "Status", "SELECT status FROM {table}, other");
        check("select * from o, orders where x = 'from orders'", "orders", "select * from o, {table} where x = 'from orders'");
        check("select * from \"shop\".orders -- from orders\njoin ORDERS", "orders", "select * from {table} -- from orders\njoin {table}");
        check("select * from \"Orders\" join (select * from orders)", "Orders", "select * from {table} join (select * from {table})");
        check(
            "with orders as (select * from orders where a) select * from orders",
            "orders",
            "with orders as (select * from {table} where a) select * from orders",
        );
        check("select orders from a where b is distinct from orders", "orders", "select orders from a where b is distinct from orders");
        check("select * from shop.orders join orders", "shop.orders", "select * from {table} join orders");
        check("select * from \"orders\" join orders_old", "Orders", "select * from \"orders\" join orders_old");
    }

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
