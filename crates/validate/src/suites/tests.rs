//! The contract that every format keeps, and what is read of each.

mod dbt;
mod odcs;
mod soda;

use serde_json::Value as Json;

use super::{Dialect, HowWritten, Outcome, SUITES, TableRules, read_suite};
use crate::kinds::RULE_KINDS;
use crate::rule::{Rule, read_rules};
use crate::testing::columns;
use hw_base::Settings;

const TABLE: &str = "order_id bigint, line bigint, line_number bigint, customer_id bigint, customer_name varchar, email varchar, \
    country_code varchar, shop_id bigint, status varchar, total_amount decimal(12,2), discount decimal(12,2), order_date date, \
    shipped_at timestamp, delivered_at timestamp, updated_at timestamp, note varchar";

/// The rules of all kinds' examples.
fn examples() -> Vec<Rule> {
    let read = |yaml: &str| -> Vec<Rule> {
        let list: Json = serde_saphyr::from_str(yaml).unwrap();
        read_rules(&Settings::from_json(&list)).unwrap()
    };
    let plain = "[{not_null: {column: note}}, {unique: {column: email}}, {accepted_values: {column: status, values: [a, b]}}, \
                 {accepted_values: {column: line, values: [1, 2]}}, {referential: {column: customer_id, to: customers.id}}, \
                 {range: {column: line, min: 1, max: 9}}, {length: {column: note, max: 9}}, {row_count: {min: 1, max: 9}}, \
                 {not_null: {column: line, at_most: 3}}, {not_null: {column: line, at_least: 95%, on_failure: alert}}]";
    RULE_KINDS.iter().flat_map(|kind| read(kind.about().example)).chain(read(plain)).collect()
}

#[test]
fn every_rule_is_written_or_says_why_and_the_file_is_read_back() {
    let (rules, table) = (examples(), columns(TABLE));
    for suite in SUITES {
        let written = suite.write(&[TableRules { table: "orders", columns: &table, rules: &rules, dialect: Dialect::default() }]);
        assert_eq!(written.items.len(), rules.len(), "{}", suite.name());
        for item in &written.items {
            assert!(item.how != HowWritten::NotWritten(String::new()), "{}: {}", suite.name(), item.rule);
        }
        assert!(suite.recognises(&written.text), "{} does not recognise\n{}", suite.name(), written.text);
        let recognised: Vec<&str> = SUITES.iter().filter(|other| other.recognises(&written.text)).map(|other| other.name()).collect();
        assert_eq!(recognised, [suite.name()]);
        let imported = suite.read(&written.text).unwrap_or_else(|error| panic!("{}: {error}\n{}", suite.name(), written.text));
        let lost: Vec<String> = imported
            .items
            .iter()
            .filter(|item| matches!(item.outcome, Outcome::NotTranslated { .. }))
            .map(|item| format!("{:?}", item.outcome))
            .collect();
        assert_eq!(lost, [""; 0], "{}:\n{}", suite.name(), written.text);
        imported.to_rules().unwrap();
    }
}

#[test]
fn what_has_a_word_comes_back_as_the_rule_it_was() {
    let table = columns(TABLE);
    for suite in SUITES.iter().filter(|suite| suite.name() != "sql") {
        let mut in_words = 0;
        for rule in examples() {
            let written = suite.write(&[TableRules {
                table: "orders",
                columns: &table,
                rules: std::slice::from_ref(&rule),
                dialect: Dialect::default(),
            }]);
            if !matches!(written.items[0].how, HowWritten::InWords(_)) {
                continue;
            }
            in_words += 1;
            let read = suite.read(&written.text).unwrap().to_rules().unwrap();
            let same = read.iter().any(|back| {
                back.kind.name() == rule.kind.name()
                    && back.tolerance == rule.tolerance
                    && back.body.shape(&table) == rule.body.shape(&table)
            });
            // A rule can be two of theirs, and a comparison turned round.
            let is_other = read.len() > 1 || rule.kind.name() == "compare";
            assert!(
                same || is_other,
                "{}: {}\n{}\n{:?}",
                suite.name(),
                rule.settings,
                written.text,
                read.iter().map(|rule| &rule.settings).collect::<Vec<_>>()
            );
        }
        assert!(in_words >= 3, "{} has {in_words} words", suite.name());
    }
}

/// Reads a file and writes what became of each check: `table check => rules`.
#[track_caller]
fn check(text: &str, expected: &[&str]) {
    let imported = read_suite("auto", text).unwrap_or_else(|error| panic!("{error}"));
    let line = |item: &super::ImportedItem| {
        let outcome = match &item.outcome {
            Outcome::NotTranslated { why } => why.clone(),
            outcome => Json::Array(outcome.rules().to_vec()).to_string(),
        };
        format!("{} {} => {outcome}", item.table.as_deref().unwrap_or("-"), item.check)
    };
    let found: Vec<String> = imported.items.iter().map(line).collect();
    assert_eq!(found, expected);
}

#[test]
fn the_table_of_a_file_is_found_by_its_name() {
    let text = "version: 2\nmodels:\n- { name: a, columns: [{ name: x, tests: [not_null] }] }\n- { name: b, columns: [{ name: y, tests: [unique] }] }\n";
    let imported = read_suite("auto", text).unwrap();
    let checks = |wanted, names: &[&str]| {
        imported.for_table(wanted, names).map(|found| found.items.iter().map(|item| item.check.clone()).collect::<Vec<_>>())
    };
    assert_eq!(checks(None, &["data/b.csv", "b"]).unwrap(), ["unique(y)"]);
    assert_eq!(checks(Some("a"), &["b"]).unwrap(), ["not_null(x)"]);
    let error = checks(None, &["c"]).unwrap_err().to_string();
    assert!(error.contains("no checks about `c`") && error.contains("it is about a, b"), "{error}");
}

#[test]
fn one_list_may_be_named_in_many_places_and_the_last_of_two_keys_counts() {
    let tests = (0..300).map(|at| format!("  - {{ name: m{at}, columns: [{{ name: id, tests: *t }}] }}\n")).collect::<Vec<_>>().concat();
    let text = format!("models:\n  - {{ name: m, columns: [{{ name: id, tests: &t [unique] }}] }}\n{tests}");
    assert_eq!(read_suite("auto", &text).unwrap().items.len(), 301);
    let text = "models:\n  - name: t\n    columns:\n      - name: id\n        data_tests: [unique]\n        data_tests: [not_null]\n";
    check(text, &[r#"t not_null(id) => [{"not_null":{"column":"id"}}]"#, "- the keys of the file => []"]);
    let note = read_suite("auto", text).unwrap().items[1].outcome.note().unwrap_or_default().to_owned();
    assert!(note.starts_with("`data_tests` is given for the second time in line 6; the last one counts"), "{note}");
    let deep = format!("models: {}{}\n", "[".repeat(70), "]".repeat(70));
    let error = read_suite("dbt", &deep).unwrap_err().to_string();
    assert!(error.contains("more than is read of one file") && error.contains("split it"), "{error}");
}

#[test]
fn a_file_of_no_format_says_so() {
    let error = read_suite("auto", "rules: []").unwrap_err().to_string();
    assert!(error.contains("in none of the formats") && error.contains("`--rules`"), "{error}");
    assert!(read_suite("dbtt", "").unwrap_err().to_string().contains("did you mean `dbt`?"));
    assert!(read_suite("odcs", "apiVersion: v2.2.2\nkind: DataContract").unwrap_err().to_string().contains("`v2.2.2`, and only version 3"));
    let old = read_suite("auto", "datasetDomain: seller\ndataset:\n  - table: tbl\n").unwrap_err().to_string();
    assert!(old.contains("`apiVersion` is not given, and only version 3 is read") && old.contains("`dataset` is `schema`"), "{old}");
    assert!(read_suite("soda", "a: 1").unwrap_err().to_string().contains("neither `dataset:` nor"));
}
