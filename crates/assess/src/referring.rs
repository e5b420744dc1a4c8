//! What the references between datasets add to the assessments of those that refer: orphans as an issue, and rules that keep the
//! references.

use hw_base::{CodedColumn, CodedTable, Dimension, TableFacts, identifier};
use hw_relate::{Reference, orphans, references};

use crate::listed::Held;
use crate::references::rules_of;
use crate::relations::named_reference;
use crate::{Assessment, Cell, Evidence, Examination, Finding, Relationship, Scores, checks, recommend};

/// From this score on rows without a counterpart are an issue.
const LEAST_SCORE: f64 = 0.5;

/// The references between the datasets of a source, the best first; each assessment gets its own, with the orphans as an issue of the
/// dataset that refers.
pub fn refer(datasets: &mut [(&mut Assessment, &CodedTable)]) -> Vec<Relationship> {
    let tables: Vec<&CodedTable> = datasets.iter().map(|(_, table)| *table).collect();
    let found = references(&tables);
    let named: Vec<Relationship> = found.iter().filter_map(|reference| named_reference(&tables, reference)).collect();
    let measured: Vec<(&CodedTable, &TableFacts)> = datasets.iter().map(|(assessment, table)| (*table, &assessment.facts)).collect();
    let rules = rules_of(&found, &measured);
    let shown_as: Vec<String> = datasets.iter().map(|(assessment, _)| assessment.about.shown_as.clone()).collect();
    // A row that is not among some rows of a dataset may be among the others.
    let is_known = |at: usize| datasets.get(at).is_some_and(|(assessment, table)| table.is_whole() && assessment.facts.scanned_all_rows);
    let telling = found.iter().filter(|one| is_known(one.to.table));
    let lost = telling.filter_map(|one| {
        let (assessment, _) = datasets.get(one.from.table)?;
        Some((one.from.table, lost_rows(one, &tables, &shown_as, assessment)?))
    });
    let lost: Vec<(usize, Finding)> = lost.collect();
    for (assessment, _) in datasets.iter_mut() {
        let relations = std::mem::take(&mut assessment.relations);
        assessment.relations = relations.with_references(&assessment.about.name, &named);
    }
    for (at, rule) in rules {
        datasets[at].0.proposals.push(rule);
    }
    for (at, (assessment, table)) in datasets.iter_mut().enumerate() {
        let own = lost.iter().filter(|(from, _)| *from == at).map(|(_, finding)| finding.clone());
        assessment.add_orphans(own.collect(), table.coded_rows() as u64);
    }
    named
}

/// The rows that refer to nothing, counted among the coded rows as a rule counts them: each value as it is written, but for those that one of
/// the findings that are `told` about the dataset takes for missing.
fn lost_rows(reference: &Reference, tables: &[&CodedTable], shown_as: &[String], told: &Assessment) -> Option<Finding> {
    let (from, to) = (tables.get(reference.from.table)?, tables.get(reference.to.table)?);
    let own: Vec<&CodedColumn> = reference.from.columns.iter().filter_map(|at| from.columns.get(*at)).collect();
    let stands_for_none = |finding: &&Finding| {
        let is_own = |name: &String| own.iter().any(|column| column.name == *name);
        finding.issue.code == "disguised_missing" && finding.issue.column.as_ref().is_some_and(is_own)
    };
    let stand_ins = told.findings.iter().filter(stands_for_none);
    let stand_ins: Vec<(&Finding, Held)> = stand_ins.map(|finding| (finding, held(finding, &told.relations.cells))).collect();
    let counted = if stand_ins.is_empty() {
        orphans((from, &reference.from.columns), (to, &reference.to.columns))
    } else {
        let columns: Vec<CodedColumn> = own.iter().map(|column| without_stand_ins(column, &stand_ins)).collect();
        let places: Vec<usize> = (0..columns.len()).collect();
        let referring = CodedTable { name: from.name.clone(), rows: from.rows, sampled: from.sampled.clone(), columns };
        orphans((&referring, &places), (to, &reference.to.columns))
    };
    let counted = counted.map(|counted| counted.orphans);
    let rows = counted.unwrap_or(reference.orphans);
    if rows == 0 || !reference.is_key || reference.score < LEAST_SCORE {
        return None;
    }
    let names = |table: &CodedTable, columns: &[usize]| columns.iter().map(|at| table.columns[*at].name.clone()).collect::<Vec<_>>();
    let (columns, key) = (names(from, &reference.from.columns), names(to, &reference.to.columns));
    let (table, other) = (shown_as.get(reference.from.table)?, shown_as.get(reference.to.table)?);
    let is_value = |value: &&String| !stand_ins.iter().any(|(_, held)| held.is_value(value));
    let but_for: Vec<String> =
        stand_ins.iter().filter_map(|(finding, _)| finding.condition.as_ref().map(|condition| format!(" and not ({condition})"))).collect();
    let mut finding = Finding::new("orphan_rows", Dimension::Consistency, rows)
        .column(columns.first()?)
        .confidence(reference.score)
        .weight(5.0)
        .says(format!("refer with `{}` to no row of `{}`", columns.join("`, `"), to.name))
        .shows(reference.orphan_values.iter().filter(is_value).take(5).cloned().collect())
        .query(query(table, &columns, &but_for.concat(), (other, &key)))
        .fix(format!(
            "load the rows that `{}` lacks, or correct the values at the source; a `referential` rule keeps the next ones out",
            to.name
        ));
    finding.issue.columns = columns;
    finding.is_estimate = counted.is_none();
    Some(finding)
}

/// What stands for a missing value as a finding tells: by measurements, or cell by cell.
fn held(finding: &Finding, cells: &[Cell]) -> Held {
    let of_cells = || {
        let own = cells.iter().filter(|cell| cell.issue == finding.issue.code && finding.issue.column.as_ref() == Some(&cell.column));
        Held::Texts(own.filter_map(|cell| cell.value.clone()).collect())
    };
    finding.held.clone().unwrap_or_else(of_cells)
}

/// The column, with nothing where a value stands for a missing one.
fn without_stand_ins(column: &CodedColumn, stand_ins: &[(&Finding, Held)]) -> CodedColumn {
    let mut plain = column.clone();
    let own = stand_ins.iter().filter(|(finding, _)| finding.issue.column.as_ref() == Some(&column.name));
    let held: Vec<&Held> = own.map(|(_, held)| held).collect();
    if held.is_empty() {
        return plain;
    }
    let is_none = std::iter::once(false).chain(column.values.iter().map(|value| held.iter().any(|held| held.is_value(value))));
    let is_none: Vec<bool> = is_none.collect();
    plain.codes.iter_mut().filter(|code| is_none[**code as usize]).for_each(|code| *code = 0);
    plain
}

/// The rows of `table` that have values in `columns` and no counterpart in the `key` of `other`, `but_for` those that stand for none.
fn query(table: &str, columns: &[String], but_for: &str, (other, key): (&str, &[String])) -> String {
    let own: Vec<String> = columns.iter().map(|name| format!("referring.{}", identifier(name))).collect();
    let present: Vec<String> = own.iter().map(|name| format!("{name} is not null")).collect();
    let equal: Vec<String> = own.iter().zip(key).map(|(own, key)| format!("known.{} = {own}", identifier(key))).collect();
    format!(
        "select referring.* from {table} as referring where {}{but_for} and not exists (select 1 from {other} as known where {})",
        present.join(" and "),
        equal.join(" and ")
    )
}

impl Assessment {
    /// With rows that refer to nothing, counted among so many rows; scores and actions are told anew.
    fn add_orphans(&mut self, findings: Vec<Finding>, looked_at: u64) {
        let is_declared =
            |finding: &Finding| self.declared.iter().any(|rule| rule.kind == "referential" && rule.columns == finding.issue.columns);
        let findings: Vec<Finding> = findings.into_iter().filter(|finding| !is_declared(finding)).collect();
        if findings.is_empty() {
            return;
        }
        let evidence = Evidence { relations: Some(std::mem::take(&mut self.relations)), ..Evidence::default() };
        let examination = Examination::new(&self.facts, &self.about, self.at, &evidence);
        for mut finding in findings {
            let rows = examination.scaled(finding.issue.rows, looked_at);
            let about = if finding.is_estimate { "about " } else { "" };
            finding.issue.description = format!("{about}{} {}", examination.of_rows(rows), finding.issue.description);
            (finding.issue.rows, finding.affected) = (rows, rows as f64);
            self.findings.push(finding.rated(&examination));
        }
        checks::sort(&mut self.findings);
        self.scores = Scores::from(&examination, &self.findings);
        self.actions = recommend(&examination, &self.findings, &self.scores);
        self.relations = evidence.relations.unwrap_or_default();
    }
}

#[cfg(test)]
mod tests {
    use hw_base::ColumnType;

    use super::*;
    use crate::fixture::{facts, now};
    use crate::{About, Relations};

    fn column(name: &str, values: impl Iterator<Item = u64>) -> CodedColumn {
        let values: Vec<String> = values.map(|value| value.to_string()).collect();
        let mut known: Vec<String> = values.clone();
        known.sort();
        known.dedup();
        let code = |value: &String| u32::try_from(known.binary_search(value).unwrap()).unwrap() + 1;
        CodedColumn { name: name.into(), kind: ColumnType::Integer, codes: values.iter().map(code).collect(), values: known }
    }

    fn dataset(name: &str, columns: Vec<CodedColumn>) -> (Assessment, CodedTable) {
        let rows = columns[0].codes.len() as u64;
        let lines: Vec<String> =
            columns.iter().map(|column| format!("{} integer; distinct {}", column.name, column.values.len())).collect();
        let facts = facts(&format!("rows {rows}\n{}", lines.join("\n")));
        let about = About { shown_as: name.into(), ..About::new(name, name) };
        let assessment = Assessment::judge(facts, about, now(), "run".into(), Evidence::default());
        (assessment, CodedTable { name: name.into(), rows, sampled: None, columns })
    }

    #[test]
    fn what_stands_for_a_missing_value_refers_to_nothing_and_is_no_orphan() {
        let (mut customers, known) = dataset("customers", vec![column("customer_id", 1..=100)]);
        let referring = |row: u64| if row <= 8 { 9999 } else { row % 100 + 1 };
        let (plain, own) = dataset("orders", vec![column("order_id", 5001..=5400), column("customer_id", (1..=400).map(referring))]);
        let facts = facts(
            "rows 400
             order_id integer; distinct 400
             customer_id integer; distinct 101; min 1; max 9999; quantiles 25 50 75; top 9999*8, 5*4",
        );
        let mut orders = Assessment::judge(facts, plain.about, now(), "run".into(), Evidence::default());
        refer(&mut [(&mut customers, &known), (&mut orders, &own)]);
        let told: Vec<(&str, u64)> = orders.findings.iter().map(|one| (one.issue.code.as_str(), one.issue.rows)).collect();
        assert_eq!(told, [("disguised_missing", 8)]);
    }

    #[test]
    fn what_only_the_look_at_every_cell_takes_for_missing_is_no_orphan() {
        let (mut customers, known) = dataset("customers", vec![column("customer_id", 1..=100)]);
        let referring = |row: u64| if row <= 8 { 0 } else { row % 100 + 1 };
        let (plain, own) = dataset("orders", vec![column("order_id", 5001..=5400), column("customer_id", (1..=400).map(referring))]);
        let cell = |row: u64| Cell {
            row,
            column: "customer_id".into(),
            dimension: Dimension::Completeness,
            issue: "disguised_missing".into(),
            confidence: 0.6,
            suggestion: String::new(),
            value: Some("0".into()),
        };
        let relations = Relations { rows: 400, cells: (0..8).map(cell).collect(), ..Relations::default() };
        let evidence = Evidence { relations: Some(relations), ..Evidence::default() };
        let mut orders = Assessment::judge(plain.facts, plain.about, now(), "run".into(), evidence);
        refer(&mut [(&mut customers, &known), (&mut orders, &own)]);
        let told: Vec<(&str, u64)> = orders.findings.iter().map(|one| (one.issue.code.as_str(), one.issue.rows)).collect();
        assert_eq!(told, [("disguised_missing", 8)]);
    }

    #[test]
    fn rows_without_a_counterpart_are_an_issue_and_ask_for_a_rule() {
        let (mut customers, known) = dataset("customers", vec![column("customer_id", 1..=100)]);
        let referring = column("customer_id", (1..=400).map(|row| if row <= 4 { 900 + row } else { row % 100 + 1 }));
        let (mut orders, own) = dataset("orders", vec![column("order_id", 5001..=5400), referring]);
        let before = orders.scores.overall;
        let found = refer(&mut [(&mut customers, &known), (&mut orders, &own)]);
        assert_eq!((found.len(), customers.findings.len()), (1, 0));
        let issue = &orders.findings[0].issue;
        assert_eq!(issue.description, "4 of 400 rows (1 %) refer with `customer_id` to no row of `customers`");
        assert_eq!(
            issue.query,
            "select referring.* from orders as referring where referring.customer_id is not null and not exists (select 1 from customers as known where known.customer_id = referring.customer_id)"
        );
        assert!(orders.scores.overall < before && orders.actions.iter().any(|action| action.issue == "orphan_rows"));
        assert_eq!(orders.proposals.last().map(|rule| rule.kind.as_str()), Some("referential"));
        assert_eq!((orders.relations.references.len(), customers.relations.references.len()), (1, 1));
        let (mut customers, known) = dataset("customers", vec![column("customer_id", 1..=100)]);
        let (mut orders, own) = dataset("orders", vec![own.columns[0].clone(), own.columns[1].clone()]);
        customers.facts.scanned_all_rows = false;
        refer(&mut [(&mut customers, &known), (&mut orders, &own)]);
        assert!(orders.findings.iter().all(|finding| finding.issue.code != "orphan_rows"), "the first rows alone are known");
    }
}
