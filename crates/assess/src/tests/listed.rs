//! Every row that an issue counts has its cell in the list of cells, once.

use hw_base::{CodedColumn, CodedTable, ColumnType, Dimension};

use crate::fixture::{facts, now};
use crate::pattern::{Pattern, PatternKind, PatternRule};
use crate::{About, Assessment, Cell, Evidence, Relations, listed_cells};

fn column(name: &str, cells: &[&str]) -> CodedColumn {
    let mut values: Vec<String> = Vec::new();
    let codes = cells.iter().map(|cell| {
        if cell.is_empty() {
            return 0;
        }
        let at = values.iter().position(|value| value == cell).unwrap_or_else(|| {
            values.push((*cell).to_owned());
            values.len() - 1
        });
        u32::try_from(at + 1).unwrap()
    });
    let codes = codes.collect();
    CodedColumn { name: name.into(), kind: ColumnType::Text, values, codes }
}

fn table(columns: Vec<CodedColumn>) -> CodedTable {
    CodedTable { name: "orders".into(), rows: columns[0].codes.len() as u64, sampled: None, columns }
}

/// What is listed, as `row column issue confidence`.
fn check(text: &str, table: &CodedTable, relations: Relations, expected: &[&str]) {
    let evidence = Evidence { relations: Some(Relations { rows: table.rows, ..relations }), ..Evidence::default() };
    let assessment = Assessment::judge(facts(text), About::new("orders", "orders"), now(), "1".into(), evidence);
    let listed = listed_cells(&assessment, table);
    let mut told: Vec<String> =
        listed.iter().map(|cell| format!("{} {} {} {}", cell.row, cell.column, cell.issue, cell.confidence)).collect();
    told.sort();
    assert_eq!(told, expected);
}

fn cell(row: u64, column: &str) -> Cell {
    let (column, issue) = (column.into(), "numeric_outlier".into());
    Cell { row, column, dimension: Dimension::Accuracy, issue, confidence: 0.9, suggestion: String::new(), value: None }
}

#[test]
fn rows_that_measurements_count_are_listed_but_for_cells_that_are_known() {
    let ages: Vec<String> = (0..60).map(|row| if [1, 2, 4].contains(&row) { -40 - row } else { 20 + row }.to_string()).collect();
    let ages: Vec<&str> = ages.iter().map(String::as_str).collect();
    let table = table(vec![column("age", &ages)]);
    let text = "rows 60\n age integer; distinct 60; negatives 3";
    let relations = Relations { cells: vec![cell(4, "age")], ..Relations::default() };
    check(text, &table, relations, &["1 age negative_values 0.8", "2 age negative_values 0.8", "4 age numeric_outlier 0.9"]);
}

#[test]
fn a_stand_in_is_listed_as_such_however_often_it_repeats() {
    let mails: Vec<String> = (0..60).map(|row| if row % 20 == 3 { "n/a".into() } else { format!("a{row}@b.example") }).collect();
    let mails: Vec<&str> = mails.iter().map(String::as_str).collect();
    let table = table(vec![column("email", &mails)]);
    let text = "rows 60\n email text; distinct 58; top n/a*3, a1@b.example*1; shapes email*57, other*3";
    let expected = ["23 email disguised_missing 0.9", "3 email disguised_missing 0.9", "43 email disguised_missing 0.9"];
    check(text, &table, Relations::default(), &expected);
}

#[test]
fn a_stand_in_is_told_and_listed_in_all_its_spellings() {
    let guest = |row: usize| match row {
        3 | 23 | 43 => "None".to_owned(),
        // Too rare to be among the frequent values, and found cell by cell as another form.
        90 => "none".to_owned(),
        _ => format!("Guest {row}"),
    };
    let guests: Vec<String> = (0..100).map(guest).collect();
    let guests: Vec<&str> = guests.iter().map(String::as_str).collect();
    let table = table(vec![column("guest", &guests)]);
    let text = "rows 100\n guest text; distinct 98; top None*3, Guest_1*1";
    let odd = Cell { issue: "format_outlier".into(), value: Some("none".into()), ..cell(90, "guest") };
    let missing_words = Relations::of(&table).missing_words;
    let relations = || Relations { rows: 100, cells: vec![odd.clone()], missing_words: missing_words.clone(), ..Relations::default() };
    let evidence = Evidence { relations: Some(relations()), ..Evidence::default() };
    let assessment = Assessment::judge(facts(text), About::new("orders", "orders"), now(), "1".into(), evidence);
    let told: Vec<(u64, &str)> = assessment.issues().map(|issue| (issue.rows, issue.query.as_str())).collect();
    assert_eq!(told, [(4, "select * from orders where guest in ('None', 'none')")]);
    let expected = ["23", "3", "43"].map(|row| format!("{row} guest disguised_missing 0.6"));
    let expected: Vec<&str> = expected.iter().map(String::as_str).chain(["90 guest disguised_missing 0.9"]).collect();
    check(text, &table, relations(), &expected);
}

#[test]
fn stand_ins_that_a_column_holds_hardly_anything_but_are_no_single_cells() {
    let told = |every: u64| {
        let rating = |row: u64| if row.is_multiple_of(every) { format!("{row}.5") } else { "NULL".into() };
        let ratings: Vec<String> = (0..60).map(rating).collect();
        let ratings: Vec<&str> = ratings.iter().map(String::as_str).collect();
        let stand_in = |row: u64| Cell { issue: "disguised_missing".into(), dimension: Dimension::Completeness, ..cell(row, "rating") };
        let cells = (0..60).filter(|row: &u64| !row.is_multiple_of(every)).map(stand_in).collect();
        let relations = Relations { rows: 60, cells, ..Relations::default() };
        let evidence = Evidence { relations: Some(relations), ..Evidence::default() };
        let text = "rows 60\n rating text; distinct 31";
        let assessment = Assessment::judge(facts(text), About::new("orders", "orders"), now(), "1".into(), evidence);
        listed_cells(&assessment, &table(vec![column("rating", &ratings)])).len()
    };
    assert_eq!([told(2), told(20)], [30, 0]);
}

#[test]
fn a_number_in_another_unit_is_not_told_as_another_form_too() {
    let codes = |issue: &str| {
        let cells = [7, 17, 27].map(|row| Cell { issue: issue.into(), dimension: Dimension::Consistency, ..cell(row, "area") });
        let relations = Relations { rows: 400, cells: cells.to_vec(), ..Relations::default() };
        let evidence = Evidence { relations: Some(relations), ..Evidence::default() };
        let text = "rows 400\n area text; distinct 380; shapes integer*397, other*3";
        let assessment = Assessment::judge(facts(text), About::new("orders", "orders"), now(), "1".into(), evidence);
        assessment.findings.into_iter().map(|finding| finding.issue.code).collect::<Vec<_>>()
    };
    assert_eq!(codes("unit_mixture"), ["unit_mixture"]);
    assert_eq!(codes("type_outlier"), ["mixed_formats"]);
}

fn sum(parts: [&str; 2], result: &str, broken_rows: Vec<usize>) -> Pattern {
    let columns = vec![parts[0].to_owned(), parts[1].to_owned(), result.to_owned()];
    let violations = broken_rows.len() as u64;
    let rule = PatternRule {
        kind: "expression",
        settings: serde_json::json!({}),
        statement: String::new(),
        broken_where: format!("{result} is broken"),
        judged_where: None,
        violations,
        judged: None,
    };
    Pattern {
        kind: PatternKind::Sum,
        columns,
        statement: format!("`{}` + `{}` = `{result}`", parts[0], parts[1]),
        rows: 4,
        violations,
        confidence: 0.9,
        broken_where: format!("{result} is broken"),
        examples: vec!["shown".into()],
        broken_rows,
        rule,
    }
}

#[test]
fn of_a_broken_sum_the_cell_is_listed_that_others_do_not_bear_out() {
    let table = table(vec![
        column("net", &["10", "20", "30", "9000", "40"]),
        column("tax", &["1", "2", "3", "2", "4"]),
        column("gross", &["11", "22", "35", "14", "47"]),
        column("fee", &["5", "5", "5", "5", "5"]),
        column("total", &["16", "27", "40", "19", "49"]),
    ]);
    let text = "rows 5\n net integer; distinct 5\n tax integer; distinct 5\n gross integer; distinct 5\n fee integer; distinct 1\n total integer; distinct 5";
    let patterns = vec![sum(["net", "tax"], "gross", vec![2, 3, 4]), sum(["gross", "fee"], "total", vec![4])];
    let expected = [
        // `gross` + `fee` = `total` holds in row 2.
        "2 net formula_violation 0.45",
        "2 tax formula_violation 0.45",
        // No other row has such a `net`.
        "3 net formula_violation 0.9",
        // Both sums are broken, and have `gross` in common.
        "4 gross formula_violation 0.9",
    ];
    check(text, &table, Relations { patterns, ..Relations::default() }, &expected);
}

fn order(lesser: &str, greater: &str, broken_rows: Vec<usize>) -> Pattern {
    let columns = vec![lesser.to_owned(), greater.to_owned()];
    Pattern { kind: PatternKind::Order, columns, ..sum([lesser, lesser], greater, broken_rows) }
}

#[test]
fn of_a_broken_order_the_cell_is_listed_that_lies_unusually_far_from_a_third() {
    let table = table(vec![
        column("low", &["10", "20", "30", "40", "50", "60"]),
        column("avg", &["14", "25", "34", "46", "54", "65"]),
        column("high", &["20", "30", "42", "50", "30", "70"]),
    ]);
    let text = "rows 6\n low integer; distinct 6\n avg integer; distinct 6\n high integer; distinct 5";
    let patterns = vec![order("low", "avg", Vec::new()), order("avg", "high", vec![4])];
    check(text, &table, Relations { patterns, ..Relations::default() }, &["4 high order_violation 0.9"]);
}
