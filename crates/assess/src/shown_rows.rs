//! Rows to show with an issue: what is wrong in them, beside what a reader finds them by.

use std::collections::{BTreeMap, BTreeSet};

use hw_base::{CodedColumn, CodedTable, ExampleRow};

use crate::accused::coded_row;
use crate::listed::{Held, data_row, is_of_repeats};
use crate::{Assessment, Cell, Finding, words};

/// Rows that are shown of an issue.
const SHOWN: usize = 5;

impl Assessment {
    /// Shows some rows of each issue, as far as `table`, in which the columns were compared, tells which they are.
    pub fn show_rows(&mut self, table: &CodedTable) {
        let (key, has_copies) = (self.found_by(table), !self.relations.copies.equal.is_empty());
        let rows: Vec<Vec<usize>> = self.findings.iter().map(|finding| self.rows_of(finding, table)).collect();
        for (finding, rows) in self.findings.iter_mut().zip(rows) {
            let shown: Vec<ExampleRow> = rows.into_iter().map(|row| example(finding, &key, table, row)).collect();
            // How often a value is there does not tell whether it repeats in more than copies.
            if has_copies && is_of_repeats(finding) && !shown.is_empty() {
                let values: BTreeSet<String> = shown.iter().flat_map(|row| row.values.values().flatten().cloned()).collect();
                finding.issue.examples = values.into_iter().collect();
            }
            finding.issue.example_rows = shown;
        }
    }

    /// The first coded rows that a finding is about; none where only a query tells.
    fn rows_of(&self, finding: &Finding, table: &CodedTable) -> Vec<usize> {
        let issue = &finding.issue;
        let column = table.columns.iter().find(|column| issue.column.as_ref() == Some(&column.name));
        match (&finding.held, column) {
            (Some(Held::Rows(rows)), _) => rows.iter().copied().take(SHOWN).collect(),
            (Some(held), Some(column)) => held.first_rows(column, &self.relations.copies.equal, SHOWN),
            (None, Some(column)) if issue.code == "missing_values" => self.missing_rows(column),
            _ => self.suspicious_rows(finding, table),
        }
    }

    /// The first rows without a value; where these are missing by design, the first that are not.
    fn missing_rows(&self, column: &CodedColumn) -> Vec<usize> {
        let explained = self.relations.missing_where.iter().find(|missing| missing.column == column.name);
        match explained.filter(|missing| missing.is_by_design) {
            Some(missing) => missing.unexplained_rows.iter().copied().take(SHOWN).collect(),
            None => column.codes.iter().enumerate().filter(|(_, code)| **code == 0).map(|(row, _)| row).take(SHOWN).collect(),
        }
    }

    /// The first rows with suspicious cells of that kind. Where some of these are told as something else, they are no rows of this finding.
    fn suspicious_rows(&self, finding: &Finding, table: &CodedTable) -> Vec<usize> {
        let issue = &finding.issue;
        let of_column = |other: &&Finding| other.issue.column == issue.column && other.issue.code != issue.code;
        let told: Vec<&Held> = self.findings.iter().filter(of_column).filter_map(|other| other.held.as_ref()).collect();
        let is_told_otherwise = |cell: &&Cell| cell.value.as_ref().is_some_and(|value| told.iter().any(|held| held.is_value(value)));
        let is_own = |cell: &&Cell| cell.issue == issue.code && issue.column.as_ref() == Some(&cell.column);
        let mut own: Vec<&Cell> = self.relations.cells.iter().filter(is_own).collect();
        own.sort_by_key(is_told_otherwise);
        own.truncate(self.looked_at(finding));
        own.into_iter().filter_map(|cell| coded_row(table, cell.row)).take(SHOWN).collect()
    }

    /// How many rows of a finding are among those that were looked at.
    fn looked_at(&self, finding: &Finding) -> usize {
        let (told, all) = (u128::from(finding.issue.rows), u128::from(self.facts.rows.max(1)));
        let among_them = if finding.is_estimate { (told * u128::from(self.relations.rows)).div_ceil(all) } else { told };
        usize::try_from(among_them).unwrap_or(usize::MAX)
    }

    /// The columns that a reader finds a row by: the best key, else the first column that is named like one, else the first.
    fn found_by<'a>(&self, table: &'a CodedTable) -> Vec<&'a CodedColumn> {
        let of_key = self.relations.keys.first().map(|key| key.columns.as_slice()).unwrap_or_default();
        let key: Vec<&CodedColumn> = table.columns.iter().filter(|column| of_key.contains(&column.name)).collect();
        if !key.is_empty() {
            return key;
        }
        let named = table.columns.iter().find(|column| words::is_identifier(&column.name));
        named.or_else(|| table.columns.first()).into_iter().collect()
    }
}

fn example(finding: &Finding, key: &[&CodedColumn], table: &CodedTable, row: usize) -> ExampleRow {
    let value = |column: &CodedColumn| (column.name.clone(), column.value(row).map(str::to_owned));
    let accused = table.columns.iter().filter(|column| finding.issue.columns.contains(&column.name));
    ExampleRow {
        row: data_row(table, row),
        key: key.iter().map(|column| value(column)).collect::<BTreeMap<_, _>>(),
        values: accused.map(value).collect::<BTreeMap<_, _>>(),
    }
}

#[cfg(test)]
mod tests {
    use hw_base::{ColumnType, Dimension};

    use super::*;
    use crate::fixture::{coded, facts, now};
    use crate::{About, Evidence, MissingWhere};

    #[test]
    fn an_issue_shows_rows_with_what_they_are_found_by() {
        let facts = facts(
            "rows 100
            note text; distinct 90
            order_id integer; distinct 100
            amount float; nulls 1; distinct 60; min -5; max 9; negatives 1",
        );
        let columns = vec![
            coded("note", ColumnType::Text, &["a", "b", "c", "d"]),
            coded("order_id", ColumnType::Integer, &["11", "12", "13", "14"]),
            CodedColumn {
                name: "amount".into(),
                kind: ColumnType::Float,
                values: vec!["7".into(), "-5".into(), "9".into()],
                codes: vec![1, 0, 2, 3],
            },
        ];
        let table = CodedTable { name: "orders".into(), rows: 100, sampled: Some(vec![1, 3, 5, 7]), columns };
        let mut assessment = Assessment::judge(facts, About::new("orders", "orders.csv"), now(), "a-1".into(), Evidence::default());
        assessment.show_rows(&table);
        let shown = |code: &str| {
            let issue = assessment.issues().find(|issue| issue.code == code).unwrap();
            let rows = issue.example_rows.iter().map(|row| (row.row, row.cells().collect::<Vec<_>>()));
            rows.collect::<Vec<_>>()
        };
        assert_eq!(shown("missing_values"), [(3, vec![("order_id", "12"), ("amount", "null")])]);
        assert_eq!(shown("negative_values"), [(5, vec![("order_id", "13"), ("amount", "-5")])]);
        assert!(assessment.to_html().contains("<th scope=\"row\">3</th>"));
        assert!(assessment.to_markdown().contains("- row 3: `order_id` `12`, `amount` `null`"));
        assert_eq!(assessment.to_json()["issues"][0]["example_rows"].as_array().map(Vec::len), Some(1));
    }

    #[test]
    fn an_issue_shows_no_rows_that_another_one_accuses() {
        let table = CodedTable {
            name: "towns".into(),
            rows: 4,
            sampled: None,
            columns: vec![coded("zip", ColumnType::Text, &["none", "12345", "TX", "none"])],
        };
        let facts = facts("rows 4\n zip text; distinct 3");
        let mut assessment = Assessment::judge(facts, About::new("towns", "towns.csv"), now(), "a-1".into(), Evidence::default());
        let cell = |row: u64, value: &str| Cell {
            row,
            column: "zip".into(),
            dimension: Dimension::Validity,
            issue: "type_outlier".into(),
            confidence: 0.9,
            suggestion: String::new(),
            value: Some(value.into()),
        };
        assessment.relations.cells = vec![cell(0, "none"), cell(2, "TX"), cell(3, "none")];
        let stand_ins = Held::StandIns(vec!["none".into()]);
        assessment.findings = vec![
            Finding::new("type_outlier", Dimension::Validity, 1).column("zip"),
            Finding::new("disguised_missing", Dimension::Completeness, 2).column("zip").about_cells(stand_ins),
        ];
        assessment.show_rows(&table);
        let shown = assessment.issues().map(|issue| issue.example_rows.iter().map(|row| row.row).collect::<Vec<_>>());
        assert_eq!(shown.collect::<Vec<_>>(), [vec![2], vec![0, 3]]);
    }

    #[test]
    fn rows_that_are_copies_are_not_shown_as_repeated_keys() {
        let columns = vec![coded("id", ColumnType::Integer, &["1", "2", "3", "2", "1"])];
        let table = CodedTable { name: "orders".into(), rows: 5, sampled: None, columns };
        let facts = facts("rows 5\n id integer; distinct 3");
        let mut assessment = Assessment::judge(facts, About::new("orders", "orders.csv"), now(), "a-1".into(), Evidence::default());
        assessment.relations.copies.equal = vec![3];
        let repeats = Finding::new("duplicate_keys", Dimension::Uniqueness, 1).column("id").shows(vec!["1".into(), "2".into()]);
        assessment.findings = vec![repeats.about_cells(Held::Repeats(Vec::new()))];
        assessment.show_rows(&table);
        let issue = assessment.issues().next().unwrap();
        assert_eq!(issue.example_rows.iter().map(|row| row.row).collect::<Vec<_>>(), [4]);
        assert_eq!(issue.examples, ["1"]);
    }

    #[test]
    fn values_that_are_missing_by_design_are_not_shown_as_missing() {
        let column = CodedColumn { name: "note".into(), kind: ColumnType::Text, values: vec!["a".into()], codes: vec![0, 1, 0, 1] };
        let table = CodedTable { name: "notes".into(), rows: 4, sampled: None, columns: vec![column] };
        let facts = facts("rows 4\n note text; nulls 2; distinct 1");
        let mut assessment = Assessment::judge(facts, About::new("notes", "notes.csv"), now(), "a-1".into(), Evidence::default());
        assessment.relations.missing_where = vec![MissingWhere {
            column: "note".into(),
            by: "kind".into(),
            statement: "`kind` is `x`".into(),
            is_exact: true,
            is_by_design: true,
            is_of_null: false,
            rows: 1,
            unexplained: 1,
            unexpected: 0,
            missing_where: "kind = 'x'".into(),
            filled_where: "kind <> 'x'".into(),
            unexplained_rows: vec![2],
            unexpected_rows: vec![],
            examples: vec![],
            rules: vec![],
        }];
        assessment.findings = vec![Finding::new("missing_values", Dimension::Completeness, 1).column("note")];
        assessment.show_rows(&table);
        let shown: Vec<u64> = assessment.issues().flat_map(|issue| &issue.example_rows).map(|row| row.row).collect();
        assert_eq!(shown, [2]);
    }
}
