//! What is read of Soda: contracts, and checks in sentences.

use super::{check, read_suite};

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
    let one_level = "its threshold and the additional one have one level, which Soda refuses as well; give one of them `level: warn`";
    check(
        r#"
dataset: d/main/t
columns:
  - name: b
    checks:
      - missing: { threshold: { must_be_between: { greater_than: 5, less_than: 2 } } }
      - missing: { threshold: { must_be: 5, must_be_less_than: 3 } }
      - aggregate: { function: avg, name: "of ${x}", threshold: { must_be: 5 } }
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
            "t missing(b) => no number lies between 5 and 2, which Soda refuses as well; swap them, or write `must_be`",
            "t missing(b) => Soda judges no threshold with both `must_be` and `must_be_less_than`; keep one of them, or write `must_be_between`",
            r#"t aggregate(b) => [{"aggregate":{"function":"mean","column":"b","min":5,"max":5,"description":"of ${x}"}}]"#,
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
}

#[test]
fn ages_and_limits_of_sentences_are_read_as_soda_reads_them() {
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
