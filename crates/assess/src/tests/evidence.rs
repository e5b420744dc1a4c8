//! What is known besides the measurements: declared rules, suspicious cells, an earlier assessment.

use std::collections::BTreeMap;

use expect_test::{Expect, expect};
use hw_base::{CodedColumn, CodedTable, ColumnType, Dimension, Notes, OnFailure, RuleResult, Value};
use serde_json::json;

use super::{assessment, assessment_in_light_of};
use crate::fixture::{coded, facts, now};
use crate::{About, Assessment, Cell, Dependency, Earlier, Evidence, Latest, Relations, TakenOver, drift, latest_moments_in};

fn judged(text: &str, evidence: Evidence) -> Assessment {
    assessment_in_light_of(text, About::new("shop.orders", "orders.csv"), evidence)
}

fn codes(assessment: &Assessment) -> Vec<String> {
    assessment.issues().map(|issue| format!("{} {} {}", issue.code, issue.column.as_deref().unwrap_or("-"), issue.rows)).collect()
}

#[test]
fn many_suspicious_values_are_queried_by_the_surest() {
    let text = "rows 1000\n w integer; distinct 900";
    let told = |values: u64| {
        let cells = (0..values).map(|row| cell(row, "w", Dimension::Accuracy, "numeric_outlier", &(9000 + row).to_string(), "")).collect();
        let relations = Relations { rows: 1000, cells, ..Relations::default() };
        let judged = judged(text, Evidence { relations: Some(relations), ..Evidence::default() });
        let issue = judged.issues().next().unwrap();
        let starts = issue.query.starts_with("select * from shop.orders where w in (9000, 9001, ");
        (issue.description.clone(), issue.query.matches(", ").count() + 1, starts)
    };
    let (description, named, starts) = told(50);
    assert!(starts && named == 50 && !description.contains("surest"), "{description}");
    let (description, named, starts) = told(60);
    assert!(starts && named == 50, "{description}");
    assert!(description.ends_with("in `w`; the query shows rows with the 50 surest of these 60 values"), "{description}");
}

fn latest(column: &str, come: &str, meant: &str) -> Evidence {
    let [come, meant] = [come, meant].map(|moment| Value::Text(moment.into()));
    Evidence { latest: BTreeMap::from([(column.to_owned(), Latest { come, meant })]), ..Evidence::default() }
}

#[test]
fn the_year_9999_hides_no_moments_to_come() {
    let text = "rows 1000\n created_at timestamp; distinct 900; min 2026-01-01; max 9999-12-31_00:00:00";
    let hidden = judged(text, latest("created_at", "2026-02-28 12:00:00", "2031-01-01 00:00:00"));
    let told: Vec<String> = hidden.issues().map(|issue| format!("{}\n{}", issue.description, issue.query)).collect();
    expect![[r#"
        at least 1 of 1,000 rows (0.10 %) are more than 1d ahead of now in `created_at`; the latest is 2031-01-01 00:00:00
        select * from shop.orders where cast(created_at as timestamp(6)) > cast('2026-03-02 00:00:00' as timestamp(6)) and cast(created_at as timestamp(6)) < cast('9999-01-01 00:00:00' as timestamp(6))"#]].assert_eq(&told.join("\n"));
    assert!(hidden.freshness.is_some_and(|freshness| (freshness.age_seconds - 43_200.0).abs() < 1e-9));
    assert_eq!(codes(&judged(text, latest("created_at", "2026-02-28 12:00:00", "2026-02-28 12:00:00"))), [""; 0]);
    assert_eq!(codes(&assessment(text)), [""; 0], "nobody asked");
    let frequent = assessment(&format!("{text}; top 2026-01-05_00:00:00*9, 2031-01-01_00:00:00*3, 2030-01-01_00:00:00*2"));
    let told: Vec<&str> = frequent.issues().map(|issue| issue.description.as_str()).collect();
    let ahead = "at least 5 of 1,000 rows (0.50 %) are more than 1d ahead of now in `created_at`";
    assert_eq!(told, [format!("{ahead}; the latest of the frequent ones is 2031-01-01 00:00:00")]);
    assert_eq!(codes(&assessment(&format!("{text}; top 2026-01-05_00:00:00*9"))), [""; 0]);
}

#[test]
fn of_a_sample_the_coded_rows_tell_the_moments_to_come() {
    let text = "rows 1000; sample\n created_at timestamp; distinct 900; min 2026-01-01; max 9999-12-31_00:00:00";
    let values = ["2026-02-28 12:00:00", "9999-12-31 00:00:00", "2031-01-01 00:00:00", "2026-01-01 00:00:00"].map(String::from).to_vec();
    let column = CodedColumn { name: "created_at".into(), kind: ColumnType::Timestamp, values, codes: vec![1, 2, 3, 4] };
    let table = CodedTable { name: "orders".into(), rows: 5000, sampled: Some((0..4).collect()), columns: vec![column] };
    let found = latest_moments_in(&table, &facts(text), now());
    assert_eq!(found, latest("created_at", "2026-02-28 12:00:00", "2031-01-01 00:00:00").latest);
    let judged = judged(text, Evidence { latest: found, ..Evidence::default() });
    assert_eq!(codes(&judged), ["future_dates created_at 1"]);
    let none = facts("rows 1000; sample\n created_at timestamp; distinct 900; min 2026-01-01; max 2026-02-28");
    assert!(latest_moments_in(&table, &none, now()).is_empty());
}

#[test]
fn the_newest_row_is_one_that_has_come() {
    let text = "rows 1000\n updated_at timestamp; distinct 900; min 2025-01-01; max 2030-01-01_00:00:00";
    let judged = judged(text, latest("updated_at", "2025-11-17 00:00:00", "2030-01-01 00:00:00"));
    let stale = judged.issues().find(|issue| issue.code == "stale_data").unwrap();
    assert!(stale.description.starts_with("the newest `updated_at` is 104.0 days old;"), "{}", stale.description);
    assert_eq!(
        stale.query,
        "select max(updated_at) as newest from shop.orders where cast(updated_at as timestamp(6)) <= cast('2026-03-02 00:00:00' as timestamp(6))"
    );
    assert_eq!(assessment(text).freshness, None, "where nobody asked, and no quantile tells, a row to come tells no age");
}

#[test]
fn moments_to_come_hide_no_odd_ones_of_the_past() {
    let text = "rows 1000\n created_at timestamp; distinct 900; min 0202-01-01; max 2031-01-01_00:00:00";
    let odd = |row: u64, value: &str| cell(row, "created_at", Dimension::Accuracy, "implausible_date", value, "");
    let cells = vec![odd(1, "0202-01-01 00:00:00"), odd(2, "2031-01-01 00:00:00")];
    let relations = Relations { rows: 1000, cells, ..Relations::default() };
    let mut told = codes(&judged(text, Evidence { relations: Some(relations), ..Evidence::default() }));
    told.sort();
    assert_eq!(told, ["future_dates created_at 1", "implausible_date created_at 1"]);
}

const PRICES: &str = "rows 1000\n price float; distinct 500; min -5; max 9000; negatives 12; quantiles 10 20 30; histogram -5 9000 999 0 0 0 0 0 1; top 20*2\n status text; distinct 3; nulls 40; top open*900, opne*2, shut*58";

fn rule(kind: &str, column: &str, dimension: Dimension, violations: u64) -> RuleResult {
    RuleResult {
        id: format!("{kind}_{column}"),
        kind: kind.into(),
        dimension,
        columns: vec![column.into()],
        held: violations == 0,
        rows: 1000,
        population: "all rows".into(),
        violations,
        share: violations as f64 / 1000.0,
        tolerance: "none".into(),
        measured: None,
        action: OnFailure::Quarantine,
        examples: Vec::new(),
        query: Some("select 1".into()),
        violating_rows: None,
        error: None,
        notes: Notes::default(),
    }
}

#[test]
fn declared_rules_are_facts_and_settle_suspicions() {
    assert_eq!(
        codes(&assessment(PRICES)),
        ["missing_values status 40", "negative_values price 12", "rare_categories status 2", "outliers price 1"]
    );
    let declared = vec![rule("range", "price", Dimension::Accuracy, 30), rule("not_null", "status", Dimension::Completeness, 40)];
    let judged = judged(PRICES, Evidence { declared, ..Evidence::default() });
    assert_eq!(codes(&judged), ["broken_rule status 40", "broken_rule price 30", "rare_categories status 2"]);
    let accuracy = judged.scores.dimensions.iter().find(|score| score.dimension == Dimension::Accuracy).unwrap();
    assert!((accuracy.affected - 30.0).abs() < 1e-9, "{accuracy:?}");
}

#[test]
fn what_a_look_at_every_cell_did_not_bear_out_is_not_suspected_of_more_rows_either() {
    let seen = Relations { rows: 1000, ..Relations::default() };
    let before = judged(PRICES, Evidence { relations: Some(seen), ..Evidence::default() });
    assert_eq!(codes(&before), ["missing_values status 40", "negative_values price 12"]);
    let later = |text: &str| judged(text, Evidence { taken_over: Some(TakenOver::of(&before)), ..Evidence::default() });
    assert_eq!(codes(&later(PRICES)), ["missing_values status 40", "negative_values price 12"]);
    let with_new = later(&PRICES.replace("opne*2", "opne*2, opnn*1"));
    assert_eq!(codes(&with_new), ["missing_values status 40", "negative_values price 12", "rare_categories status 3"]);
}

#[test]
fn what_was_told_of_values_is_counted_on_among_new_rows() {
    let text = "rows 600\n code text; distinct 300; top A1*2";
    let cells = (0..12).map(|row| cell(row, "code", Dimension::Completeness, "disguised_missing", "-", "")).collect();
    let relations = Relations { rows: 600, cells, ..Relations::default() };
    let before = judged(text, Evidence { relations: Some(relations), ..Evidence::default() });
    let (taken_over, day) = (TakenOver::of(&before), before.at.format("%Y-%m-%d"));
    let later = |counted: &[u64]| {
        let counted = counted.iter().map(|rows| ("code in ('-')".to_owned(), *rows)).collect();
        let evidence = Evidence { counted, taken_over: Some(taken_over.clone()), ..Evidence::default() };
        let found = judged(&text.replace("600", "1000"), evidence);
        let issue = found.issues().next().unwrap();
        (issue.description.clone(), issue.rows, found.scores.of(Dimension::Completeness))
    };
    let told = "rows (2 %) hold a stand-in for a missing value in `code`";
    assert_eq!(later(&[]), (format!("as of {day}: 12 of 600 {told}"), 12, Some(99.04)));
    assert_eq!(later(&[20]), (format!("20 of 1,000 {told}; new rows are counted by the values of {day}"), 20, Some(98.4)));
}

#[test]
fn a_rule_that_holds_takes_suspicions_away() {
    let declared = vec![rule("range", "price", Dimension::Accuracy, 0)];
    let judged = judged(PRICES, Evidence { declared, ..Evidence::default() });
    assert_eq!(codes(&judged), ["missing_values status 40", "rare_categories status 2"]);
}

#[test]
fn a_broken_aggregate_takes_what_its_column_has() {
    let broken = RuleResult {
        held: false,
        measured: Some("mean(price) = 3".into()),
        violations: 0,
        ..rule("aggregate", "a", Dimension::Accuracy, 0)
    };
    let of_table = RuleResult { columns: vec![], ..broken.clone() };
    let accuracy = |broken: RuleResult| {
        let judged =
            judged("rows 1000\n a integer; distinct 9\n b integer; distinct 9", Evidence { declared: vec![broken], ..Evidence::default() });
        assert_eq!(judged.findings[0].issue.description, "the rule `aggregate_a` is broken: mean(price) = 3, expected none");
        judged.scores.of(Dimension::Accuracy)
    };
    assert_eq!((accuracy(broken), accuracy(of_table)), (Some(50.0), Some(50.0)));
}

#[test]
fn a_rule_that_cannot_be_judged_is_told() {
    let unjudged = RuleResult {
        held: false,
        error: Some("HW602: there is no column `x`".into()),
        ..rule("not_null", "x", Dimension::Completeness, 0)
    };
    let judged = judged("rows 1000\n a integer; distinct 9", Evidence { declared: vec![unjudged], ..Evidence::default() });
    assert_eq!(judged.findings[0].issue.description, "the rule `not_null_x` cannot be judged: HW602: there is no column `x`");
    assert_eq!(judged.scores.of(Dimension::Completeness), Some(100.0));
}

fn cell(row: u64, column: &str, dimension: Dimension, issue: &str, value: &str, suggestion: &str) -> Cell {
    let (column, issue, suggestion) = (column.into(), issue.into(), suggestion.into());
    Cell { row, column, dimension, issue, confidence: 0.8, suggestion, value: Some(value.into()) }
}

#[test]
fn suspicious_cells_become_one_issue_per_column_and_kind() {
    let relations = Relations {
        rows: 1000,
        dependencies: vec![Dependency {
            determinant: vec!["zip".into()],
            dependent: "city".into(),
            error: 0.002,
            support: 900,
            score: 0.9,
        }],
        cells: vec![
            cell(1, "city", Dimension::Consistency, "contradicts_dependency", "Paris", "Lyon"),
            cell(2, "city", Dimension::Consistency, "contradicts_dependency", "Nice", "Lyon"),
            cell(3, "zip", Dimension::Validity, "type_outlier", "7x", ""),
            cell(4, "status", Dimension::Accuracy, "misspelling", "opne", "open"),
        ],
        ..Relations::default()
    };
    let text = "rows 1000\n zip integer; distinct 90\n city text; distinct 90\n status text; distinct 3; top open*940, opne*2, shut*58";
    let judged = judged(text, Evidence { relations: Some(relations), ..Evidence::default() });
    let told: Vec<String> = judged
        .issues()
        .map(|issue| format!("{}: {} [{}] {}", issue.code, issue.description, issue.examples.join(", "), issue.query))
        .collect();
    expect![[r#"
        contradicts_dependency: 2 of 1,000 rows (0.20 %) hold a value that rows like them contradict in `city`, which `zip` should decide [Paris → Lyon, Nice → Lyon] select * from shop.orders where city in ('Nice', 'Paris')
        misspelling: 1 of 1,000 rows (0.10 %) hold a likely misspelling of another value in `status` [opne → open] select * from shop.orders where status in ('opne')
        type_outlier: 1 of 1,000 rows (0.10 %) hold a value of another type than the rest in `zip` [7x] select * from shop.orders where cast(zip as varchar) in ('7x')"#]].assert_eq(&told.join("\n"));
}

#[test]
fn a_coded_table_says_its_keys_and_what_decides_what() {
    let column = |name: &str, values: &[&str], codes: Vec<u32>| CodedColumn {
        name: name.into(),
        kind: ColumnType::Text,
        values: values.iter().map(|&value| value.into()).collect(),
        codes,
    };
    let ids: Vec<String> = (0..60).map(|id| format!("id-{id}")).collect();
    let ids: Vec<&str> = ids.iter().map(String::as_str).collect();
    let table = CodedTable {
        name: "orders".into(),
        rows: 60,
        sampled: None,
        columns: vec![
            column("order_id", &ids, (1..=60).collect()),
            column("zip", &["1010", "69001", "75001"], (0..60).map(|row| row % 3 + 1).collect()),
            column("city", &["Wien", "Lyon", "Paris"], (0..60).map(|row| row % 3 + 1).collect()),
        ],
    };
    let relations = Relations::of(&table);
    assert_eq!(relations.keys[0].columns, ["order_id"]);
    let exact = |from: &str, to: &str| {
        relations.dependencies.iter().any(|one| one.determinant == [from] && one.dependent == to && one.error == 0.0)
    };
    assert!(exact("zip", "city") && exact("city", "zip"), "{relations:?}");
    assert_eq!(relations.bounds, [""; 0]);
    let json = judged("rows 60\n order_id text; distinct 60", Evidence { relations: Some(relations), ..Evidence::default() }).to_json();
    assert_eq!(json["keys"][0], json!({ "columns": ["order_id"], "minimal": true, "score": json["keys"][0]["score"] }));
}

#[test]
fn what_lies_south_of_the_equator_has_no_wrong_sign() {
    let told = |name: &str| {
        let sign = |row: usize| if row % 20 == 7 { "-" } else { "" };
        let cells: Vec<String> = (0..200).map(|row| format!("{}{}.{row}", sign(row), 10 + row * 37 % 50)).collect();
        let column = coded(name, ColumnType::Float, &cells.iter().map(String::as_str).collect::<Vec<_>>());
        let table = CodedTable { name: "towns".into(), rows: 200, sampled: None, columns: vec![column] };
        Relations::of(&table).cells.iter().filter(|cell| cell.issue == "wrong_sign").count()
    };
    assert_eq!(["height", "latitude", "goal_difference"].map(told), [10, 0, 0]);
}

#[test]
fn what_was_returned_is_below_zero_twice_and_no_mistake() {
    let told = |amount_of: &dyn Fn(usize) -> usize| {
        let cells = |is_turned: &dyn Fn(usize) -> usize, most: usize| -> Vec<String> {
            (0..200).map(|row| format!("{}{}", if is_turned(row) % 25 == 7 { "-" } else { "" }, 1 + row * 37 % most)).collect()
        };
        let column = |name: &str, cells: &[String]| coded(name, ColumnType::Integer, &cells.iter().map(String::as_str).collect::<Vec<_>>());
        let columns = vec![column("quantity", &cells(&|row| row, 9)), column("amount", &cells(amount_of, 71))];
        let table = CodedTable { name: "orders".into(), rows: 200, sampled: None, columns };
        let relations = Relations { cells: Vec::new(), ..Relations::of(&table) };
        let text = "rows 200
            quantity integer; distinct 18; min -9; max 9; negatives 8
            amount integer; distinct 79; min -71; max 71; negatives 8";
        let judged = judged(text, Evidence { relations: Some(relations), ..Evidence::default() });
        judged.issues().filter(|issue| issue.code == "negative_values").count()
    };
    assert_eq!(told(&|row| row), 0);
    assert_eq!(told(&|row| row + 11), 2, "one without the other");
}

#[test]
fn header_lines_between_the_rows_are_told_once() {
    let told = |is_header: &dyn Fn(usize) -> bool, text: &str| {
        let all = |name: &str, cell: &dyn Fn(usize) -> usize| {
            let cells: Vec<String> = (0..62).map(|row| if is_header(row) { name.to_owned() } else { cell(row).to_string() }).collect();
            coded(name, ColumnType::Text, &cells.iter().map(String::as_str).collect::<Vec<_>>())
        };
        let columns = vec![all("order_id", &|row| 1000 + row), all("amount", &|row| 20 + row * 7 % 41)];
        let table = CodedTable { name: "orders".into(), rows: 62, sampled: None, columns };
        codes(&judged(text, Evidence { relations: Some(Relations::of(&table)), ..Evidence::default() }))
    };
    let with_headers = "rows 62; duplicates 1
        order_id text; distinct 61; shapes integer*60, other*2; top order_id*2
        amount text; distinct 42; shapes integer*60, other*2; top amount*2, 17*2, 18*2";
    assert_eq!(told(&|row| row == 20 || row == 40, with_headers), ["repeated_header - 2"]);
    let without = "rows 62
        order_id integer; distinct 62
        amount integer; distinct 41; min 20; max 60; top 27*2, 28*2";
    assert_eq!(told(&|_| false, without), [""; 0]);
}

#[test]
fn what_stands_for_a_missing_value_and_what_copies_a_row_repeat_no_key() {
    let email = "rows 1000\n email text; distinct 970; shapes email*969, other*31; top n/a*31, a@b.example*1";
    assert_eq!(codes(&assessment(email)), ["disguised_missing email 31"]);
    let repeated = assessment(&email.replace("distinct 970", "distinct 965"));
    assert_eq!(codes(&repeated), ["disguised_missing email 31", "duplicate_keys email 5"]);
    let query = &repeated.issues().find(|issue| issue.code == "duplicate_keys").unwrap().query;
    assert!(query.contains("from shop.orders where email is not null and not (email in ('n/a'))"), "{query}");
    let orders = "rows 1000; duplicates 20\n order_id integer; distinct 980";
    assert_eq!(codes(&assessment(orders)), ["duplicate_rows - 20"]);
}

/// 300 orders, of which the first twelve are loaded again: row by row their number, and the host of their address.
fn loaded_again(number: &dyn Fn(usize) -> usize, host: &dyn Fn(usize) -> &'static str) -> CodedTable {
    let of = |row: usize| if row < 300 { row } else { row - 300 };
    let all = |name: &str, kind: ColumnType, cell: &dyn Fn(usize) -> String| {
        let cells: Vec<String> = (0..312).map(cell).collect();
        coded(name, kind, &cells.iter().map(String::as_str).collect::<Vec<_>>())
    };
    let word = |row: usize| format!("{}{}", ["Berg", "Stein", "Wald"][row % 3], ["mann", "hausen", "feld", "bach"][row / 3 % 4]);
    let columns = vec![
        all("order_id", ColumnType::Integer, &|row| (1000 + number(row)).to_string()),
        all("name", ColumnType::Text, &|row| format!("{} {}", word(of(row)), word(of(row) / 12))),
        all("email", ColumnType::Text, &|row| format!("{}.{}@{}.example", word(of(row)), of(row), host(row))),
    ];
    CodedTable { name: "orders".into(), rows: 312, sampled: None, columns }
}

#[test]
fn a_batch_that_was_loaded_again_is_told_once() {
    let text = "rows 312
        order_id integer; distinct 312
        name text; distinct 144
        email text; distinct 300; shapes email*312";
    let relations = Relations::of(&loaded_again(&|row| row, &|_| "mail"));
    assert_eq!(codes(&judged(text, Evidence { relations: Some(relations), ..Evidence::default() })), ["near_duplicate_rows - 12"]);
}

#[test]
fn keys_that_rows_with_a_slip_repeat_are_told() {
    let text = "rows 312
        order_id integer; distinct 300
        name text; distinct 144
        email text; distinct 312; shapes email*312";
    let relations = Relations::of(&loaded_again(&|row| row % 300, &|row| if row < 300 { "mail" } else { "mails" }));
    let told = judged(text, Evidence { relations: Some(relations), ..Evidence::default() });
    let mut found = codes(&told);
    found.sort();
    assert_eq!(found, ["duplicate_keys order_id 12", "near_duplicate_rows - 12"]);
    let near = told.issues().find(|issue| issue.code == "near_duplicate_rows").unwrap();
    assert!(!near.description.contains("the key") && !near.fix.contains("keys"), "{}", near.description);
}

#[test]
fn what_stands_for_a_missing_value_is_told_as_that_alone() {
    let told = |text: &str, cells: &[(u64, &str, &str)]| {
        let cells = cells.iter().map(|(row, issue, value)| cell(*row, "weight", Dimension::Accuracy, issue, value, "")).collect();
        let relations = Relations { rows: 600, cells, ..Relations::default() };
        let mut told = codes(&judged(text, Evidence { relations: Some(relations), ..Evidence::default() }));
        told.sort();
        told
    };
    let marked = "rows 600\n weight float; distinct 300; min -999; max 90; negatives 12; top -999*12, 61*2; quantiles 60 70 80";
    let outlier = (7, "numeric_outlier", "-999");
    assert_eq!(told(marked, &[outlier]), ["disguised_missing weight 12"]);
    assert_eq!(told(marked, &[outlier, (8, "numeric_outlier", "700")]), ["disguised_missing weight 12", "numeric_outlier weight 1"]);
    let below_zero = marked.replace("negatives 12", "negatives 15");
    assert_eq!(told(&below_zero, &[]), ["disguised_missing weight 12", "negative_values weight 3"]);
    let another = (9, "disguised_missing", "-9");
    assert_eq!(
        told(&marked.replace("negatives 12", "negatives 13"), &[another]),
        ["disguised_missing weight 1", "disguised_missing weight 12"],
        "one about -999 says nothing of -9"
    );
    let unmarked = "rows 600\n weight float; distinct 300; min -90; max 90; negatives 12; top 61*2; quantiles 60 70 80";
    assert_eq!(told(unmarked, &[]), ["negative_values weight 12"]);
    // Only the look at every cell tells -9 from a weight.
    let seen = unmarked.replace("top 61*2", "top -9*12");
    let marks: Vec<(u64, &str, &str)> = (0..12).map(|row| (row, "disguised_missing", "-9")).collect();
    assert_eq!(told(&seen, &marks), ["disguised_missing weight 12"]);
    let one_below = "rows 600\n weight float; distinct 300; min -5; max 9000; negatives 1; top 61*2; quantiles 60 70 80";
    assert_eq!(
        told(one_below, &[(7, "numeric_outlier", "9000"), (8, "wrong_sign", "-5")]),
        ["negative_values weight 1", "numeric_outlier weight 1"],
        "a number below zero says nothing of a great one"
    );
    let words = "rows 600\n weight text; distinct 90; shapes integer*597, other*3; top 61*20, m*3";
    assert_eq!(
        told(words, &[(1, "disguised_missing", "m"), (2, "disguised_missing", "m"), (3, "disguised_missing", "m")]),
        ["disguised_missing weight 3"]
    );
    assert_eq!(told(words, &[]), ["mixed_formats weight 3"]);
}

#[track_caller]
fn check_drift(earlier: &str, now: &str, expected: &Expect) {
    let earlier = Earlier::read(&assessment(earlier).to_json(), "shop.orders").unwrap();
    let drift = drift(&earlier, &assessment(now));
    let changes = drift.changes.iter().map(|change| {
        let test = change.test.as_ref().map(|test| format!(" [{} {}]", test.name, test.statistic)).unwrap_or_default();
        format!("{:?} {}: {}{test}; {} -> {}", change.severity, change.kind.name(), change.description, change.before, change.after)
    });
    expected.assert_eq(&changes.collect::<Vec<_>>().join("\n"));
}

const ORDERS: &str = "rows 10000
    order_id integer; distinct 10000; min 1; max 10000; histogram 1 10000 5000 5000
    status text; distinct 3; top open*5000, shut*3000, void*2000
    price float; distinct 900; min 0; max 100; quantiles 20 30 60; histogram 0 100 1000 3000 3000 1500 800 400 200 60 30 10
    note text; nulls 5000; distinct 4000
    at timestamp; distinct 900; min 2026-01-01; max 2026-02-28; histogram 1 100 50 50";

#[test]
fn nothing_changes_between_two_equal_assessments() {
    check_drift(ORDERS, ORDERS, &expect![""]);
}

#[test]
fn chance_is_no_drift() {
    let now = ORDERS
        .replace("open*5000, shut*3000, void*2000", "open*5050, shut*2970, void*1980")
        .replace("1000 3000 3000 1500", "1020 2990 2980 1510")
        .replace("nulls 5000", "nulls 5040")
        .replace("min 1; max 10000; histogram 1 10000", "min 10001; max 20000; histogram 10001 20000");
    check_drift(ORDERS, &now, &expect![""]);
}

#[test]
fn changes_are_told_with_test_and_effect() {
    let now = ORDERS
        .replace("rows 10000", "rows 4000")
        .replace("distinct 10000", "distinct 3990")
        .replace("open*5000, shut*3000, void*2000", "open*1000, shut*2000, lost*1000")
        .replace(
            "quantiles 20 30 60; histogram 0 100 1000 3000 3000 1500 800 400 200 60 30 10",
            "quantiles 50 70 80; histogram 0 100 10 30 60 200 400 800 1500 600 300 100",
        )
        .replace("nulls 5000", "nulls 100")
        .replace("at timestamp; distinct 900; min 2026-01-01; max 2026-02-28; histogram 1 100 50 50", "at text; distinct 900");
    check_drift(
        ORDERS,
        &now,
        &expect![[r#"
            High column retyped: `at` was timestamp and is text; timestamp -> text
            High volume: 4,000 rows where there were 10,000: -60.0 %; 10,000 -> 4,000
            High null rate: 2.50 % of `note` are missing, 50 % were (Cohen's h -1.253, large) [two-proportion z-test -52.76]; 50 % -> 2.50 %
            High categories: the values of `status` are spread otherwise; new: `lost`; gone: `void` (population stability index 3.75, large) [χ² test 4037]; `open` 50 % -> `shut` 50 %
            High distribution: the numbers of `price` are spread otherwise (quantile shift 1.096, large) [Kolmogorov–Smirnov test 0.775]; mean 0 ± 0 -> mean 0 ± 0
            High uniqueness: `order_id` told all rows apart; now 10 repeat a value; unique -> 10 repeats"#]],
    );
}

#[test]
fn a_column_of_another_type_is_told_once() {
    let now = ORDERS.replace("status text", "status integer").replace("open*5000, shut*3000, void*2000", "1*5000, 2*3000, 3*2000");
    check_drift(ORDERS, &now, &expect!["High column retyped: `status` was text and is integer; text -> integer"]);
}

#[test]
fn columns_come_go_and_change_their_names() {
    let now =
        ORDERS.replace("status text", "order_status text").replace("price float", "price text; bare").replace("note text", "remark text")
            + "\n    extra integer; distinct 7";
    let now = now.replace("; min 0; max 100; quantiles 20 30 60; histogram 0 100 1000 3000 3000 1500 800 400 200 60 30 10", "");
    check_drift(
        ORDERS,
        &now,
        &expect![[r#"
        High column removed: `note` is gone; text -> –
        High column retyped: `price` was float and is text; float -> text
        Medium column renamed: `status` is now called `order_status`: both hold the same; status -> order_status
        Low column added: `extra` is new; – -> integer
        Low column added: `remark` is new; – -> text"#]],
    );
}

#[test]
fn a_contract_is_compared_like_an_earlier_assessment() {
    let contract = json!({
        "apiVersion": "v3.1.0", "kind": "DataContract", "id": "orders-1", "version": "1.2.0", "status": "active",
        "schema": [
            { "name": "other", "properties": [] },
            { "name": "orders", "properties": [
                { "name": "order_id", "logicalType": "integer", "required": true, "unique": true },
                { "name": "status", "logicalType": "integer" },
                { "name": "note", "logicalType": "string", "required": true },
                { "name": "gone", "logicalType": "string" },
            ] },
        ],
    });
    let now = assessment(&ORDERS.replace("order_id integer; distinct 10000", "order_id integer; distinct 9990"));
    let earlier = Earlier::read(&contract, "shop.orders").unwrap();
    let changes: Vec<String> = drift(&earlier, &now).changes.iter().map(|change| change.description.clone()).collect();
    expect![[r#"
        `gone` is gone
        `status` was integer and is text
        `note` is required, and 5,000 are missing
        `order_id` told all rows apart; now 10 repeat a value
        `at` is new
        `price` is new"#]]
    .assert_eq(&changes.join("\n"));
    let error = Earlier::read(&contract, "shop.customers").unwrap_err().to_string();
    assert!(error.contains("the contract has no object `shop.customers`") && error.contains("it has: other, orders"), "{error}");
    let error = Earlier::read(&json!({ "a": 1 }), "x").unwrap_err().to_string();
    assert!(error.contains("no assessment and no data contract"), "{error}");
}

#[test]
fn drift_shows_in_every_form() {
    let now = ORDERS
        .replace("price float", "cost float; bare")
        .replace("; min 0; max 100; quantiles 20 30 60; histogram 0 100 1000 3000 3000 1500 800 400 200 60 30 10", "");
    let now = assessment(&now);
    let change = drift(&Earlier::read(&assessment(ORDERS).to_json(), "shop.orders").unwrap(), &now);
    let now = now.compared(change);
    assert_eq!(now.to_json()["dimensions"]["validity"]["schema_drift_detected"], json!(true));
    assert!(now.to_markdown().contains("## Drift") && now.to_html().contains("id=\"drift\""));
}
