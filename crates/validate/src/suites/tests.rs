//! The contract that every format keeps, and what is read of each.

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
fn tests_of_dbt_are_read() {
    check(
        r#"
version: 2
models:
  - name: orders
    data_tests:
      - dbt_utils.unique_combination_of_columns: { combination_of_columns: [order_id, line] }
      - dbt_utils.expression_is_true: { arguments: { expression: "a >= b" }, config: { severity: warn, where: "c" } }
      - my_macro
    columns:
      - name: order_id
        tests:
          - not_null
          - unique: { config: { error_if: ">10" } }
      - name: status
        tests:
          - accepted_values: { values: [a, b] }
          - accepted_values: { arguments: { values: [1, 2, null], quote: false } }
          - relationships: { to: "ref('statuses')", field: id, error_if: ">= 5", warn_if: "> 1" }
          - dbt_utils.accepted_range: { min_value: 0, inclusive: false }
          - dbt_expectations.expect_column_values_to_be_between: { min_value: 1, strictly: "false" }
          - dbt_expectations.expect_column_values_to_match_regex: { regex: "^a", flags: i, row_condition: "x > 1" }
          - unique: { enabled: false }
          - not_null: { where: "day = '{{ var('day') }}'" }
          - not_null: { arguments: { where: "a > 1", config: { severity: warn }, error_if: ">3" } }
sources:
  - name: shop
    tables:
      - name: raw
        loaded_at_field: at
        freshness: { warn_after: { count: 12, period: hour }, error_after: { count: 2, period: day } }
unit_tests:
  - { name: adds_up, model: orders }
"#,
        &[
            r#"orders dbt_utils.unique_combination_of_columns([order_id,line]) => [{"unique":{"columns":["order_id","line"],"skip_if":"never"}}]"#,
            r#"orders dbt_utils.expression_is_true() => [{"expression":{"sql":"a >= b","where":"c","on_failure":"alert"}}]"#,
            "orders my_macro() => `my_macro` is a macro of the project, which only dbt can run",
            r#"orders not_null(order_id) => [{"not_null":{"column":"order_id"}}]"#,
            r#"orders unique(order_id) => [{"query":{"sql":"select order_id, count(*) as copies from {table} where order_id is not null group by order_id having count(*) > 1","at_most":10}},{"query":{"sql":"select order_id, count(*) as copies from {table} where order_id is not null group by order_id having count(*) > 1","on_failure":"alert"}}]"#,
            r#"orders accepted_values(status) => [{"accepted_values":{"column":"status","values":["a","b"]}}]"#,
            r#"orders accepted_values(status) => [{"accepted_values":{"column":"status","values":[1,2]}}]"#,
            r#"orders relationships(status) => [{"referential":{"column":"status","to":{"table":"statuses","columns":["id"]},"at_most":4}},{"referential":{"column":"status","to":{"table":"statuses","columns":["id"]},"on_failure":"alert","at_most":1}}]"#,
            r#"orders dbt_utils.accepted_range(status) => [{"range":{"column":"status","above":0}}]"#,
            r#"orders dbt_expectations.expect_column_values_to_be_between(status) => [{"range":{"column":"status","above":1}}]"#,
            r#"orders dbt_expectations.expect_column_values_to_match_regex(status) => [{"matches":{"column":"status","pattern":"^a","ignore_case":true,"where":"x > 1"}}]"#,
            "orders unique(status) => it is switched off (`enabled: false`)",
            r#"orders not_null(status) => `where: "day = '{{ var('day') }}'"` is Jinja, and `vars` of dbt_project.yml has no `day`, nor is there a default"#,
            r#"orders not_null(status) => [{"not_null":{"column":"status","where":"a > 1","on_failure":"alert"}}]"#,
            r#"shop.raw freshness error_after => [{"freshness":{"column":"at","within":"2d"}}]"#,
            r#"shop.raw freshness warn_after => [{"freshness":{"column":"at","within":"12h","on_failure":"alert"}}]"#,
            "orders unit test adds_up => it expects nothing",
        ],
    );
    check(
        "-- refunds\nselect * from {{ ref('orders') }} as o join {{ source('shop', 'raw') }} using (id) where o.total < 0;\n",
        &[
            r#"orders test in SQL => [{"query":{"sql":"select * from {table} as o join shop.raw using (id) where o.total < 0","reads":"shop.raw"}}]"#,
        ],
    );
}

#[test]
fn what_dbt_does_not_run_or_runs_elsewhere_is_told() {
    check(
        r#"
version: 2
models:
  - name: orders
    data_tests: [{ dbt_utils.expression_is_true: { expression: "a > 0" } }]
    columns:
      - name: id
        data_tests: [unique]
    versions:
      - v: 1
        columns: [{ include: all }, { name: id, data_tests: [not_null] }]
      - v: 2
        data_tests: [{ dbt_utils.expression_is_true: { expression: "a > -10" } }]
seeds:
  - name: rates
    config: { enabled: false }
    data_tests: [{ unique: { column_name: id } }]
sources:
  - name: shop
    loaded_at_field: at
    config:
      freshness: { warn_after: { count: 1, period: day }, error_after: { count: 5, period: day }, filter: "x > 1" }
    tables:
      - name: some
        freshness: { error_after: { count: 2, period: day } }
      - name: more
        freshness: { warn_after: null }
      - name: none
        freshness: null
      - name: queried
        loaded_at_query: "select max(at) from {{ this }}"
        freshness: { warn_after: null }
      - name: off
        config: { enabled: false }
        columns: [{ name: id, data_tests: [unique] }]
"#,
        &[
            r#"orders dbt_utils.expression_is_true() => [{"expression":{"sql":"a > -10"}}]"#,
            r#"orders unique(id) => [{"unique":{"column":"id"}}]"#,
            "orders the tests of version 1 => they are about the table of that version alone; write them at a model of its own, such as `orders_v1`",
            "rates the tests of the table => the table is switched off (`enabled: false`), and dbt runs none of them",
            r#"shop.some freshness error_after => [{"freshness":{"column":"at","within":"2d","where":"x > 1"}}]"#,
            r#"shop.some freshness warn_after => [{"freshness":{"column":"at","within":"1d","on_failure":"alert","where":"x > 1"}}]"#,
            r#"shop.more freshness error_after => [{"freshness":{"column":"at","within":"5d","where":"x > 1"}}]"#,
            "shop.queried freshness error_after => `loaded_at_query` is SQL for the database of the source; name a column with `loaded_at_field`",
            "shop.off the tests of the table => the table is switched off (`enabled: false`), and dbt runs none of them",
        ],
    );
}

#[test]
fn enforced_contracts_of_dbt_are_read() {
    check(
        r#"
version: 2
models:
  - name: orders
    config: { contract: { enforced: true } }
    columns: [{ name: id, data_type: bigint }, { name: price, data_type: "decimal(10,2)" }]
  - name: older
    contract: { enforced: true }
    columns: [{ name: id }]
  - name: none
    config: { contract: { enforced: "{{ true }}" } }
  - name: loose
    config: { contract: { enforced: false } }
    columns: [{ name: id, data_type: bigint }]
"#,
        &[
            r#"orders contract => [{"schema":{"columns":{"id":"bigint","price":"decimal(10,2)"},"exact":true}}]"#,
            "older contract => the column `id` has no `data_type`, without which dbt builds no table under a contract",
            "none contract => it names no columns, without which dbt builds no table under a contract",
        ],
    );
}

#[test]
fn contracts_of_soda_are_read() {
    check(
        r#"
dataset: postgres/shop/public/orders
filter: "day > 1"
columns:
  - name: id
    data_type: integer
    checks:
      - missing:
      - duplicate: { threshold: { must_be_less_than: 5 } }
  - name: status
    missing_values: ["N/A"]
    checks:
      - missing: { threshold: { metric: percent, must_be_less_than_or_equal: 5, level: warn } }
      - invalid: { valid_values: [a, b], name: known }
      - aggregate: { function: avg_length, threshold: { must_be_between: { greater_than: 1, less_than_or_equal: 3 } } }
  - name: note
    column_expression: lower(note)
    checks:
      - missing: { store_failed_rows: true }
checks:
  - schema: { allow_extra_columns: true }
  - row_count:
  - freshness: { column: at, threshold: { unit: day, must_be_less_than: 2 } }
  - failed_rows: { expression: "a > b" }
  - failed_rows: { query: "select * from orders where a > b", threshold: { must_be_less_than: 3 } }
  - failed_rows: { query: "select * from orders where a > b", threshold: { must_be: 3 } }
  - metric: { query: "select count(*) from orders", threshold: { must_be: "${var.x}" } }
"#,
        &[
            r#"orders schema() => [{"schema":{"columns":{"id":"integer","status":"any","note":"any"},"exact":false,"relative_order":["id","status","note"]}}]"#,
            r#"orders row_count() => [{"row_count":{"min":1,"where":"day > 1"}}]"#,
            r#"orders freshness() => [{"freshness":{"column":"at","within":"2d","where":"day > 1"}}]"#,
            r#"orders failed_rows() => [{"expression":{"sql":"not (a > b)","where":"day > 1"}}]"#,
            r#"orders failed_rows() => [{"query":{"sql":"select * from {table} where a > b","at_most":2}}]"#,
            r#"orders failed_rows() => [{"query":{"sql":"select * from (select (select count(*) from (select * from {table} where a > b) as failing) as measured) as metric where (measured >= 3 and measured <= 3) is not true"}}]"#,
            "orders metric() => `threshold` holds a variable, whose value is only known when Soda runs",
            r#"orders missing(id) => [{"not_null":{"column":"id","where":"day > 1"}}]"#,
            r#"orders duplicate(id) => [{"aggregate":{"below":5,"sql":"(count(id) filter (where day > 1) - count(distinct id) filter (where day > 1))"}}]"#,
            r#"orders missing(status) => [{"expression":{"sql":"not (status is null or status in ('N/A'))","at_most":"5%","where":"day > 1","on_failure":"alert"}}]"#,
            r#"orders invalid(status) => [{"expression":{"sql":"not (not (status is null or status in ('N/A')) and status not in ('a', 'b'))","where":"day > 1","description":"known"}}]"#,
            r#"orders aggregate(status) => [{"aggregate":{"function":"mean_length","column":"status","where":"(day > 1) and (not (status is null or status in ('N/A')))","above":1,"max":3}}]"#,
            r#"orders missing(note) => the setting `column_expression: "lower(note)"` has no counterpart"#,
        ],
    );
}

#[test]
fn sentences_of_soda_are_read() {
    check(
        r#"
filter orders [daily]:
  where: day = 1
checks for orders [daily]:
  - row_count between 1 and 10
checks for orders:
  - missing_count(id) = 0
  - missing_percent(email) < 5 %
  - duplicate_count(a, b) = 0
  - invalid_count(email) = 0:
      valid format: email
      name: Addresses
  - avg(total) between 10 and 20:
      filter: status = 'x'
  - max(total):
      warn: when > 100
      fail: when not between 0 and 500
  - freshness(at) < 1d
  - values in (customer_id) must exist in customers (id)
  - row_count same as archive
  - schema:
      fail:
        when required column missing: [id]
        when wrong column type: { id: integer }
      warn:
        when forbidden column present: ["pii_%"]
  - my_share < 1:
      my_share expression: sum(a) / sum(b)
  - anomaly detection for row_count
  - change for row_count < 5
"#,
        &[
            r#"orders row_count between 1 and 10 => [{"row_count":{"min":1,"max":10,"where":"day = 1"}}]"#,
            r#"orders missing_count(id) = 0 => [{"not_null":{"column":"id"}}]"#,
            r#"orders missing_percent(email) < 5 % => [{"aggregate":{"below":5,"sql":"coalesce(100.0 * count(*) filter (where email is null) / nullif(count(*), 0), 0)"}}]"#,
            r#"orders duplicate_count(a, b) = 0 => [{"unique":{"columns":["a","b"]}}]"#,
            r#"orders invalid_count(email) = 0 => [{"matches":{"pattern":"^[a-zA-ZÀ-ÿĀ-ſƀ-ȳ0-9.\\-_%+]+@[a-zA-ZÀ-ÿĀ-ſƀ-ȳ0-9.\\-_%]+\\.[A-Za-z]{2,4}$","column":"email","description":"Addresses"}}]"#,
            r#"orders avg(total) between 10 and 20 => [{"aggregate":{"function":"mean","column":"total","where":"status = 'x'","min":10,"max":20}}]"#,
            r#"orders max(total) => [{"aggregate":{"function":"max","column":"total","min":0,"max":500}}]"#,
            r#"orders max(total) => [{"aggregate":{"function":"max","column":"total","max":100,"on_failure":"alert"}}]"#,
            r#"orders freshness(at) < 1d => [{"freshness":{"column":"at","within":"1d"}}]"#,
            r#"orders values in (customer_id) must exist in customers (id) => [{"referential":{"columns":["customer_id"],"to":{"table":"customers","columns":["id"]}}}]"#,
            r#"orders row_count same as archive => [{"reconcile":{"with":"archive"}}]"#,
            r#"orders schema => [{"schema":{"columns":{"id":"any"}}}]"#,
            r#"orders schema => [{"schema":{"columns":{"id":"integer"}}}]"#,
            r#"orders schema => [{"schema":{"forbidden":["pii_*"],"on_failure":"alert"}}]"#,
            r#"orders my_share < 1 => [{"aggregate":{"below":1,"sql":"sum(a) / sum(b)"}}]"#,
            r#"orders anomaly detection for row_count => [{"row_count":{"learned":true,"on_failure":"alert"}}]"#,
            r#"orders change for row_count < 5 => [{"row_count":{"change":{"below":5}}}]"#,
        ],
    );
}

#[test]
fn what_soda_knows_otherwise_is_told() {
    check(
        r"
filter t [part]:
  where: a > 2
checks for t [part]:
  - total < 100:
      total expression: sum(a)
checks for t:
  - total < 100:
      total expression: sum(a)
      filter: a > 2
  - freshness(at, CLOSE) < 1d
  - freshness(at)
  - freshness(at):
      fail: { when: 1d }
  - values in (a) must exist in u (a):
      warn: when > 3
  - group evolution:
      fields: [a]
",
        &[
            r#"t total < 100 => [{"query":{"sql":"select * from (select (select sum(a) from {table} where a > 2) as measured) as metric where (measured < 100) is not true"}}]"#,
            "t total < 100 => Soda applies no `filter` to an expression; write it into the expression",
            "t freshness(at, CLOSE) < 1d => its ages end at the variable `CLOSE`, whose value is only known when Soda runs",
            "t freshness(at) => it has no condition",
            "t freshness(at) => `fail` is no condition",
            "t values in (a) must exist in u (a) => `warn` and `fail` do not go with it, in Soda as well",
            "t group evolution => it has no `query`",
        ],
    );
    let variable = "its dataset or its column holds a variable, whose value is only known when Soda runs";
    check(
        r#"
dataset: d/main/t
filter: "day > ${var.start}"
checks:
  - row_count:
"#,
        &[&format!("t row_count() => {variable}")],
    );
    check(
        r#"
dataset: d/main/t
columns:
  - name: a
    valid_values: ["${var.word}"]
    checks:
      - invalid:
  - name: b
    checks:
      - missing: { threshold: { must_be_les_than: 5 } }
      - missing: { threshold: { must_be_between: { greater: 5 } } }
"#,
        &[
            &format!("t invalid(a) => {variable}"),
            "t missing(b) => the threshold `must_be_les_than: 5` is not known",
            "t missing(b) => `must_be_between` needs two limits",
        ],
    );
}

#[test]
fn thresholds_that_soda_does_not_judge_are_told() {
    check(
        r#"
dataset: d/main/t
columns:
  - name: b
    checks:
      - missing: { threshold: { must_be_between: { greater_than: 5, less_than: 2 } } }
      - missing: { threshold: { must_be: 5, must_be_less_than: 3 } }
      - aggregate: { function: avg, name: "of ${x}", threshold: { must_be: 5 } }
"#,
        &[
            "t missing(b) => no number lies between 5 and 2, which Soda refuses as well; swap them, or write `must_be`",
            "t missing(b) => Soda judges no threshold with both `must_be` and `must_be_less_than`; keep one of them, or write `must_be_between`",
            r#"t aggregate(b) => [{"aggregate":{"function":"mean","column":"b","min":5,"max":5,"description":"of ${x}"}}]"#,
        ],
    );
}

#[test]
fn numbers_and_ages_that_soda_does_not_read_are_told() {
    let one_level = "its threshold and the additional one have one level, which Soda refuses as well; give one of them `level: warn`";
    check(
        r#"
dataset: d/main/t
columns:
  - name: b
    checks:
      - missing: { threshold: { must_be: "5" } }
      - missing: { threshold: { must_be_less_than: 5, level: WARN } }
      - missing: { threshold: { must_be_less_than: 5, additional: { must_be_less_than: 9 } } }
      - invalid: { valid_min: "1" }
      - missing: { threshold: 5 }
      - missing: 5
      - missing: { threshold: { unit: kg, must_be: 5 } }
checks:
  - schema: { allow_extra_columns: "yes" }
"#,
        &[
            r#"t schema() => `allow_extra_columns: "yes"` is neither `true` nor `false`"#,
            r#"t missing(b) => `must_be: "5"` is no number, which Soda wants there; write one without quotes"#,
            r#"t missing(b) => [{"not_null":{"column":"b","at_most":4,"on_failure":"alert"}}]"#,
            &format!("t missing(b) => {one_level}"),
            &format!("t missing(b) => {one_level}"),
            r#"t invalid(b) => `valid_min: "1"` is no number, which Soda wants there; write one without quotes"#,
            "t missing(b) => `threshold: 5` is no map, such as `must_be: 5`",
            "t missing(b) => the setting `missing: 5` has no counterpart",
            r#"t missing(b) => `unit: "kg"` does not go with a threshold of `missing`, in Soda as well"#,
        ],
    );
    check(
        r#"
checks for t:
  - freshness(at) < 90s
  - freshness(at):
      fail: when > 1w
  - missing_count(b) < 1e2
  - missing_count(b) <= 5 %
  - missing_count(b):
      fail: "> 5"
  - invalid_count(b) = 0:
      valid min: "1"
"#,
        &[
            "t freshness(at) < 90s => Soda reads no age in `90s` and never fails by it; write days, hours and minutes, such as `7d` or `1d6h`",
            "t freshness(at) => Soda reads no age in `1w` and never fails by it; write days, hours and minutes, such as `7d` or `1d6h`",
            r#"t missing_count(b) < 1e2 => [{"not_null":{"column":"b","at_most":99}}]"#,
            r#"t missing_count(b) <= 5 % => [{"not_null":{"column":"b","at_most":5}}]"#,
            "t missing_count(b) => `fail: > 5` does not begin with `when`, which Soda wants there",
            r#"t invalid_count(b) = 0 => [{"range":{"min":1,"column":"b"}}]"#,
        ],
    );
}

#[test]
fn what_soda_passes_over_does_not_count() {
    let text = r#"
filter t [part]:
  where: b > 1
checks for t:
  - values in (a) must exist in u (a):
      filter: a = 1
  - failed rows:
      fail condition: a < 0
      filter: a = 1
  - row_count same as u:
      filter: a < 4
  - row_count > 0:
      warn: when < 9
  - freshness(at) < 1d6h:
      warn: when > 1h
  - freshness using at < 2d
  - valid_count(a) = 4:
      valid values: [x, y]
  - valid_count(a) > 4
  - max(a) > 50:
      name: "after ${DAY}"
checks for t [part]:
  - values in (a) must exist in u (a)
"#;
    check(
        text,
        &[
            r#"t values in (a) must exist in u (a) => [{"referential":{"columns":["a"],"to":{"table":"u","columns":["a"]}}}]"#,
            r#"t failed rows => [{"expression":{"sql":"not (a < 0)"}}]"#,
            r#"t row_count same as u => [{"reconcile":{"with":"u"}}]"#,
            r#"t row_count > 0 => [{"row_count":{"min":1}}]"#,
            r#"t freshness(at) < 1d6h => [{"freshness":{"column":"at","within":"30h"}}]"#,
            r#"t freshness using at < 2d => [{"freshness":{"column":"at","within":"2d"}}]"#,
            r#"t valid_count(a) = 4 => [{"aggregate":{"min":4,"max":4,"sql":"count(*) filter (where not (a is null or a not in ('x', 'y')))"}}]"#,
            r#"t valid_count(a) > 4 => [{"aggregate":{"above":4,"sql":"count(*) filter (where a is not null)"}}]"#,
            r#"t max(a) > 50 => [{"aggregate":{"function":"max","column":"a","above":50,"description":"after ${DAY}"}}]"#,
            r#"t values in (a) must exist in u (a) => [{"referential":{"columns":["a"],"to":{"table":"u","columns":["a"]},"where":"b > 1"}}]"#,
        ],
    );
    let imported = read_suite("auto", text).unwrap();
    let notes: Vec<&str> = imported.items.iter().filter_map(|item| item.outcome.note()).collect();
    let filter = "Soda applies no `filter` to it, so none counts here either";
    let condition = "Soda reads no `warn` and no `fail` below a condition in the sentence, so none counts here either";
    assert_eq!(notes, [filter, filter, filter, condition, condition]);
}

#[test]
fn failed_rows_of_soda_keep_their_limits() {
    check(
        r"
checks for orders:
  - failed rows:
      fail condition: a > b
  - failed rows:
      fail condition: a > c
      warn: when > 0
      fail: when > 10
",
        &[
            r#"orders failed rows => [{"expression":{"sql":"not (a > b)"}}]"#,
            r#"orders failed rows => [{"expression":{"sql":"not (a > c)","at_most":10}}]"#,
            r#"orders failed rows => [{"expression":{"sql":"not (a > c)","on_failure":"alert"}}]"#,
        ],
    );
}

#[test]
fn what_is_missing_is_no_part_of_a_measure_of_soda() {
    check(
        r#"
dataset: d/main/t
columns:
  - name: amount
    missing_values: [10]
    checks:
      - aggregate: { function: avg, threshold: { must_be: 40 } }
      - aggregate: { function: sum, filter: "id > 1", threshold: { must_be: 160 } }
      - aggregate: { function: max, missing_values: [60], valid_max: 5, threshold: { must_be: 50 } }
      - type: no_missing_values
"#,
        &[
            r#"t aggregate(amount) => [{"aggregate":{"function":"mean","column":"amount","where":"not (amount is null or amount in (10))","min":40,"max":40}}]"#,
            r#"t aggregate(amount) => [{"aggregate":{"function":"sum","column":"amount","where":"(id > 1) and (not (amount is null or amount in (10)))","min":160,"max":160}}]"#,
            r#"t aggregate(amount) => [{"aggregate":{"function":"max","column":"amount","where":"not ((amount is null or amount in (60)) and ((amount > 5)))","min":50,"max":50}}]"#,
            "t type(amount) => `type: no_missing_values` is a word of the contracts of Soda 3, which are not read; write it in those of Soda 4, such as `- missing:`",
        ],
    );
}

#[test]
fn sections_of_soda_beside_its_checks_are_kept() {
    check(
        r"
configurations for t:
  missing values for name: [N/A]
  valid max for amount: 50
  include null for status: true
filter t [daily]:
  where: region = 'west'
filter t [region]:
  where: region = '${REGION}'
checks for t:
  - missing_count(name) = 1
  - missing_count(name) = 2:
      missing values: [none]
  - avg(amount) < 40
  - var_pop(amount) > 20
  - missing_count(status) = 0
  - row_count same as t2 [daily] in other_source
  - values in (status) must not exist in ref (k)
  - freshness(ts::timestamp) < 1d
  - failed rows:
      column: amount
      collect failed rows: true
      identity: ${ID}
      fail condition: amount < 0
checks for t [daily]:
  - row_count same as t2
checks for t [region]:
  - row_count = 0
checks for ${DATASET}:
  - row_count = 0
",
        &[
            r#"t missing_count(name) = 1 => [{"aggregate":{"min":1,"max":1,"sql":"count(*) filter (where name is null or name in ('N/A'))"}}]"#,
            r#"t missing_count(name) = 2 => [{"aggregate":{"min":2,"max":2,"sql":"count(*) filter (where name is null or name in ('none', 'N/A'))"}}]"#,
            r#"t avg(amount) < 40 => [{"aggregate":{"function":"mean","column":"amount","where":"not (amount is null or (amount > 50))","below":40}}]"#,
            r#"t var_pop(amount) > 20 => [{"aggregate":{"above":20,"sql":"var_pop(amount) filter (where not (amount is null or (amount > 50)))"}}]"#,
            "t missing_count(status) = 0 => the setting `include null for status: true` of its table has no counterpart",
            "t row_count same as t2 [daily] in other_source => the other table lies in another data source, `other_source`; see `reconcile`",
            r#"t values in (status) must not exist in ref (k) => [{"query":{"sql":"select judged.* from {table} as judged where exists (select 1 from ref as referred where referred.k = judged.status)","reads":"ref"}}]"#,
            r#"t freshness(ts::timestamp) < 1d => [{"freshness":{"column":"ts","within":"1d"}}]"#,
            r#"t failed rows => [{"expression":{"sql":"not (amount < 0)"}}]"#,
            r#"t row_count same as t2 => [{"reconcile":{"with":"t2","where":"region = 'west'"}}]"#,
            "t row_count = 0 => the filter of its table holds a variable, whose value is only known when Soda runs",
            "${DATASET} row_count = 0 => the name of its table is a variable, whose value is only known when Soda runs",
        ],
    );
}

#[test]
fn contracts_of_the_open_standard_are_read() {
    check(
        r#"
apiVersion: v3.1.0
kind: DataContract
id: x
version: 1.0.0
status: active
schema:
  - name: orders
    properties:
      - { name: id, logicalType: integer, primaryKey: true, primaryKeyPosition: 1 }
      - name: email
        logicalType: string
        required: true
        unique: true
        logicalTypeOptions: { maxLength: 50, format: email }
        relationships: [{ to: customers.email }]
        quality:
          - { metric: nullValues, mustBeLessThan: 5, unit: percent }
          - { metric: missingValues, arguments: { missingValues: [null, "N/A"] }, mustBeLessThan: 3, severity: warning, description: why }
          - { type: text, description: verified }
          - { type: sql, query: "SELECT count(*) FROM {object} WHERE {property} = ''", mustBeLessOrEqualTo: 1, dimension: conformity }
          - { type: custom, engine: greatExpectations, implementation: "type: expect_column_values_to_not_be_null\nkwargs: { column: email }" }
    quality:
      - { metric: rowCount, mustBeBetween: [100, 120] }
      - { metric: duplicateValues, mustBe: 0, arguments: { properties: [id, email] } }
slaProperties:
  - { property: latency, value: 4, unit: d, element: orders.at }
  - { property: retention, value: 3, unit: y }
"#,
        &[
            r#"orders properties => [{"schema":{"columns":{"id":["bigint","integer","smallint","tinyint"],"email":"varchar"}}}]"#,
            r#"orders primaryKey(id) => [{"unique":{"columns":["id"]}},{"not_null":{"column":"id"}}]"#,
            r#"orders required(email) => [{"not_null":{"column":"email"}}]"#,
            r#"orders unique(email) => [{"unique":{"column":"email"}}]"#,
            r#"orders maxLength(email) => [{"length":{"column":"email","max":50}}]"#,
            r#"orders format(email) => [{"parses":{"column":"email","as":"email"}}]"#,
            r#"orders relationship(email) => [{"referential":{"columns":["email"],"to":{"table":"customers","columns":["email"]}}}]"#,
            r#"orders quality nullValues(email) => [{"aggregate":{"below":5,"sql":"coalesce(100.0 * count(*) filter (where email is null) / nullif(count(*), 0), 0)"}}]"#,
            r#"orders quality missingValues(email) => [{"expression":{"sql":"not (email is null or email in ('N/A'))","at_most":2,"description":"why","severity":"medium","on_failure":"alert"}}]"#,
            "orders quality text(email) => it is a text for people",
            r#"orders quality sql(email) => [{"query":{"sql":"select * from (select (SELECT count(*) FROM {table} WHERE email = '') as measured) as metric where (measured <= 1) is not true","dimension":"validity"}}]"#,
            r#"orders quality custom(email) => [{"not_null":{"column":"email"}}]"#,
            r#"orders quality rowCount => [{"row_count":{"min":101,"max":119}}]"#,
            r#"orders quality duplicateValues => [{"unique":{"columns":["id","email"]}}]"#,
            r#"orders slaProperties latency(orders.at) => [{"freshness":{"column":"at","within":"4d"}}]"#,
            "- slaProperties retention => `retention` says how long rows are kept, and not that older ones are gone",
        ],
    );
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
