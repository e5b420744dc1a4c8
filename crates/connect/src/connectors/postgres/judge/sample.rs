//! Some of the rows that break a rule.

use hw_base::{Column, Questions, Result, Rows, Value, Watched};

use super::count::{Asking, Count};
use super::{Asked, source_column};
use crate::connectors::postgres::dialect::{Named, output};
use crate::connectors::postgres::quoted;
use crate::connectors::postgres::types::Wire;

/// Rules that fewer rows break are looked for in one reading together; of those that more break, some are found soon.
const FEW: u64 = 100;

/// A rule, and the columns that are shown of the rows that break it.
struct Broken<'a> {
    rule: &'a Asking,
    shown: Vec<&'a Named>,
}

/// Fetches rows for each rule that is to be shown and is broken.
pub(super) async fn fill(session: &Asked<'_>, count: &Count, questions: &Questions, watched: &mut Watched) -> Result<()> {
    let most = questions.watch.examples;
    let found = |rule: &Asking| watched.rules.iter().find(|found| found.id == rule.id).map_or(0, |found| found.violations);
    let broken = count.rules.iter().filter(|rule| found(rule) > 0 && questions.shown.contains(&rule.id));
    let (few, many): (Vec<&Asking>, Vec<&Asking>) = broken.partition(|rule| found(rule) <= FEW);
    let mut rows: Vec<(String, Rows)> = Vec::new();
    for (rules, limit) in std::iter::once((few, None)).chain(many.into_iter().map(|rule| (vec![rule], Some(most)))) {
        let broken: Vec<Broken<'_>> = rules.into_iter().map(|rule| shown(count, rule, &questions.watch.key)).collect();
        rows.extend(fetched(session, count, &broken, most, limit).await?);
    }
    for rule in &mut watched.rules {
        if let Some((_, examples)) = rows.iter().find(|(id, _)| *id == rule.id) {
            rule.examples = examples.clone();
        }
    }
    Ok(())
}

/// The key and the columns of the rule, these in the order of the table.
fn shown<'a>(count: &'a Count, rule: &'a Asking, key: &[String]) -> Broken<'a> {
    let columns = &count.rows.columns;
    let of_key = key.iter().filter_map(|name| columns.iter().find(|column| column.name == *name));
    let of_rule = columns.iter().filter(|column| rule.named.contains(&column.name) && !key.contains(&column.name));
    Broken { rule, shown: of_key.chain(of_rule).collect() }
}

/// Rows that break one of the rules, for each of these; none where the server refuses to look for them.
async fn fetched(
    session: &Asked<'_>,
    count: &Count,
    broken: &[Broken<'_>],
    most: usize,
    limit: Option<usize>,
) -> Result<Vec<(String, Rows)>> {
    if broken.is_empty() {
        return Ok(vec![]);
    }
    let mut columns: Vec<Named> = Vec::new();
    for column in broken.iter().flat_map(|broken| &broken.shown) {
        if !columns.contains(column) {
            columns.push((*column).clone());
        }
    }
    let shown = columns.iter().map(|column| output(&quoted(&column.name), &column.wire));
    let breaks = broken.iter().map(|broken| format!("({}) is true", broken.rule.written.sql));
    let items: Vec<String> = shown.chain(breaks.clone()).collect();
    let limit = limit.map(|limit| format!(" limit {limit}")).unwrap_or_default();
    let sql = format!("select {} from {} where {}{limit}", items.join(", "), count.from(), breaks.collect::<Vec<_>>().join(" or "));
    let marks = (0..broken.len()).map(|at| Named { name: format!("breaks {at}"), wire: Wire::Bool });
    let all: Vec<Named> = columns.iter().cloned().chain(marks).collect();
    let rows = session.rows(&sql, &all).await?.unwrap_or_default();
    Ok(broken.iter().enumerate().map(|(at, broken)| (broken.rule.id.clone(), broken.rows(&columns, &rows, at, most))).collect())
}

impl Broken<'_> {
    /// Its rows among those of several rules; `at` tells which mark is its own.
    fn rows(&self, columns: &[Named], rows: &[Vec<Value>], at: usize, most: usize) -> Rows {
        let own = rows.iter().filter(|row| row.get(columns.len() + at) == Some(&Value::Bool(true)));
        let places: Vec<usize> = self.shown.iter().filter_map(|shown| columns.iter().position(|column| column == *shown)).collect();
        let picked = |row: &Vec<Value>| places.iter().map(|place| row[*place].clone()).collect();
        let columns: Vec<Column> = self.shown.iter().map(|column| source_column(column).column()).collect();
        Rows { columns, is_cut: own.clone().count() >= most, rows: own.take(most).map(picked).collect() }
    }
}
