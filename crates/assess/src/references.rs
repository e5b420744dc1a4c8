//! References between tables as rules of the tables that refer.

use std::collections::BTreeSet;

use hw_base::{CodedTable, TableFacts};
use hw_relate::{Reference, orphans, references};
use hw_validate::{FoundReference, Proposal};

/// From this score on, names and values both say that a reference of one column is meant.
const LEAST_SCORE: f64 = 0.8;
/// The same for several columns together: a table has many keys of several columns that are none but by chance.
const LEAST_SCORE_TOGETHER: f64 = 0.9;
/// The greatest share of rows that may refer to nothing.
const GREATEST_ORPHANS: f64 = 0.05;

/// The rules that the references between these tables ask for, each with the place of the table that refers.
///
/// Only what leads to a key is asked for, once per column, and only where all rows of both tables are coded. Rules that would let tables
/// be judged against each other in a circle are left out, those first that are less likely meant: one of the tables would have to be
/// there before the other.
pub fn reference_rules(tables: &[(&CodedTable, &TableFacts)]) -> Vec<(usize, Proposal)> {
    let coded: Vec<&CodedTable> = tables.iter().map(|(table, _)| *table).collect();
    rules_of(&references(&coded), tables)
}

/// The rules that references which were found ask for.
pub(crate) fn rules_of(found: &[Reference], tables: &[(&CodedTable, &TableFacts)]) -> Vec<(usize, Proposal)> {
    let (mut rules, mut told, mut edges) = (Vec::new(), BTreeSet::new(), Vec::new());
    for reference in found.iter().filter(|reference| is_sure(reference)) {
        let (from, to) = (reference.from.table, reference.to.table);
        let closes_circle = from != to && leads(&edges, to, from);
        if closes_circle || told.contains(&reference.from) {
            continue;
        }
        if let Some(rule) = rule(reference, tables) {
            told.insert(reference.from.clone());
            edges.push((from, to));
            rules.push((from, rule));
        }
    }
    rules
}

fn is_sure(reference: &Reference) -> bool {
    let least = if reference.from.columns.len() == 1 { LEAST_SCORE } else { LEAST_SCORE_TOGETHER };
    reference.is_key && reference.score >= least
}

/// Whether one table is judged against another, directly or through others.
fn leads(edges: &[(usize, usize)], from: usize, to: usize) -> bool {
    let (mut reached, mut at) = (vec![from], 0);
    while let Some(table) = reached.get(at).copied() {
        let next = edges.iter().filter(|(referring, _)| *referring == table).map(|(_, referred)| *referred);
        let new: Vec<usize> = next.filter(|table| !reached.contains(table)).collect();
        reached.extend(new);
        at += 1;
    }
    reached.contains(&to)
}

fn rule(reference: &Reference, tables: &[(&CodedTable, &TableFacts)]) -> Option<Proposal> {
    let ((from, facts), (to, _)) = (tables.get(reference.from.table)?, tables.get(reference.to.table)?);
    let counted = orphans((from, &reference.from.columns), (to, &reference.to.columns))?;
    if counted.orphans as f64 > GREATEST_ORPHANS * counted.rows as f64 {
        return None;
    }
    let names = |table: &CodedTable, columns: &[usize]| columns.iter().map(|at| table.columns[*at].name.clone()).collect();
    let found = FoundReference {
        columns: names(from, &reference.from.columns),
        table: to.name.clone(),
        key: names(to, &reference.to.columns),
        rows: counted.rows,
        orphans: counted.orphans,
    };
    found.proposal(facts)
}

#[cfg(test)]
mod tests {
    use hw_base::{CodedColumn, ColumnType};

    use super::*;
    use crate::fixture::facts;

    /// Columns of whole numbers; 0 stands for a missing value.
    fn table(name: &str, columns: &[(&str, Vec<u64>)]) -> CodedTable {
        let column = |(name, cells): &(&str, Vec<u64>)| {
            let (mut values, mut codes) = (Vec::new(), Vec::new());
            for cell in cells {
                let known = values.iter().position(|value| *value == cell.to_string());
                let at = known.unwrap_or_else(|| {
                    values.push(cell.to_string());
                    values.len() - 1
                });
                codes.push(if *cell == 0 { 0 } else { u32::try_from(at).unwrap() + 1 });
            }
            CodedColumn { name: (*name).into(), kind: ColumnType::Integer, values, codes }
        };
        let rows = columns[0].1.len() as u64;
        CodedTable { name: name.into(), rows, sampled: None, columns: columns.iter().map(column).collect() }
    }

    fn proposed(tables: &[CodedTable]) -> Vec<String> {
        let measured: Vec<_> = tables
            .iter()
            .map(|table| {
                let lines: Vec<String> = table.columns.iter().map(|column| format!("{} integer", column.name)).collect();
                facts(&format!("rows {}\n{}", table.rows, lines.join("\n")))
            })
            .collect();
        let both: Vec<(&CodedTable, &TableFacts)> = tables.iter().zip(&measured).collect();
        reference_rules(&both).into_iter().map(|(at, rule)| format!("{}: {}", tables[at].name, rule.settings)).collect()
    }

    fn customers() -> CodedTable {
        table("customers", &[("customer_id", (1..=100).collect())])
    }

    #[test]
    fn a_reference_that_holds_blocks_and_one_with_orphans_alerts() {
        let orders = |unknown: u64| {
            let customer = (1..=200).map(|row| if row <= unknown { 900 + row } else { row % 100 + 1 }).collect();
            table("orders", &[("order_id", (5001..=5200).collect()), ("customer_id", customer)])
        };
        let rule = |end: &str| format!(r#"orders: {{"column":"customer_id","to":"customers.customer_id",{end}}}"#);
        assert_eq!(proposed(&[orders(0), customers()]), [rule(r#""on_failure":"block""#)]);
        assert_eq!(proposed(&[orders(3), customers()]), [rule(r#""at_most":"4%","on_failure":"alert""#)]);
        assert!(proposed(&[orders(30), customers()]).is_empty(), "so many orphans are no reference");
        let sampled = CodedTable { sampled: Some((0..100).collect()), ..customers() };
        assert!(proposed(&[orders(0), sampled]).is_empty());
    }

    #[test]
    fn tables_are_never_judged_against_each_other_in_a_circle() {
        let ring = |name: &str, own: &str, next: &str, at: u64, to: u64| {
            table(name, &[(own, (at..at + 50).collect()), (next, (0..50).map(|row| to + row * 7 % 50).collect())])
        };
        let tables = [
            ring("shops", "shop_id", "city_id", 100, 200),
            ring("cities", "city_id", "country_id", 200, 300),
            ring("countries", "country_id", "shop_id", 300, 100),
        ];
        assert_eq!(proposed(&tables).len(), 2, "{:?}", proposed(&tables));
    }

    #[test]
    fn a_table_may_refer_to_itself() {
        let boss = (1..=40).map(|row| row / 2).collect();
        let employees = table("employees", &[("employee_id", (1..=40).collect()), ("parent_employee_id", boss)]);
        assert_eq!(
            proposed(&[employees]),
            [r#"employees: {"column":"parent_employee_id","to":"employees.employee_id","on_failure":"block"}"#]
        );
    }
}
