//! Verdicts over canned counts.

use chrono::{TimeZone, Utc};
use hw_base::{Column, ColumnType, Error, Input, Reader, Rows, StagedBatch, Value, Verdict, Watched, WatchedAggregate, WatchedRule};
use serde_json::{Value as Json, json};

use super::{Judging, Population};
use crate::gate::Gate;
use crate::testing::{FakeEngine, block_on, columns, rules};

const TABLE: &str = "order_id bigint, amount double, status varchar, updated_at timestamp";

/// One scan of 1,000 rows, which found these violations and values.
fn watched(violations: &[(&str, u64)], values: &[(&str, Value)]) -> Watched {
    let column = Column { name: "order_id".into(), kind: ColumnType::Integer, sql_type: "bigint".into() };
    let examples = Rows { columns: vec![column], rows: vec![vec![Value::Int(7)]], is_cut: true };
    let rule = |(id, violations): &(&str, u64)| WatchedRule {
        id: (*id).into(),
        violations: *violations,
        examples: if *violations > 0 { examples.clone() } else { Rows::default() },
        violating_rows: None,
        error: None,
    };
    let value = |(id, value): &(&str, Value)| WatchedAggregate { id: (*id).into(), value: value.clone() };
    Watched {
        rows: 1000,
        rules: violations.iter().map(rule).collect(),
        aggregates: values.iter().map(value).collect(),
        ..Watched::default()
    }
}

fn reader() -> Reader {
    Reader { sql: "select * from raw_orders".into(), inputs: vec![], file: Some("models/fact_orders.sql".into()) }
}

fn gate(list: &Json) -> Gate {
    Gate::new(&rules(list), &columns(TABLE))
}

fn judging<'a>(engine: &'a FakeEngine, reader: &'a Reader, population: &'a Population) -> Judging<'a> {
    let now = Utc.with_ymd_and_hms(2026, 1, 31, 12, 0, 0).unwrap();
    Judging { engine, reader, population, shown_as: "preview.fact_orders", examples: 5, now }
}

/// Judges a batch of 1,000 rows that makes a table of 5,000.
fn staged(list: &Json, engine: &FakeEngine, population: &Population, watched: Watched) -> hw_base::Result<Verdict> {
    let batch = StagedBatch { table: "fact_orders".into(), rows_after: 5000, watched, ..StagedBatch::default() };
    block_on(gate(list).judge_staged(&judging(engine, &reader(), population), &batch))
}

/// Judges 1,000 rows that were only read.
fn checked(list: &Json, engine: &FakeEngine, watched: &Watched) -> Verdict {
    block_on(gate(list).judge(&judging(engine, &reader(), &Population::default()), watched)).unwrap()
}

/// The results as `id: held|broken, violations/rows of population, tolerance …`.
fn written(verdict: &Verdict) -> Vec<String> {
    let line = |result: &hw_base::RuleResult| {
        let held = if result.held { "held" } else { "broken" };
        let measured = result.measured.as_ref().or(result.error.as_ref()).map(|text| format!(" [{text}]")).unwrap_or_default();
        let examples = if result.examples.is_empty() { String::new() } else { format!(" e.g. {}", result.examples.join("; ")) };
        format!(
            "{}: {held}, {}/{} {}, {}{measured}{examples}",
            result.id, result.violations, result.rows, result.population, result.tolerance
        )
    };
    verdict.results.iter().map(line).collect()
}

fn no_engine() -> FakeEngine {
    FakeEngine::default()
}

#[test]
fn rows_are_judged_by_the_counts_of_the_scan() {
    let list = json!([
        {"not_null": {"column": "order_id"}},
        {"not_null": {"column": "amount", "at_least": "95%"}},
        {"not_null": {"column": "status", "at_least": "95%"}},
        {"not_null": {"column": "updated_at", "at_most": 100, "where": "status = 'sent'"}},
    ]);
    let counts = [
        ("not_null_order_id", 0),
        ("not_null_amount", 50),
        ("not_null_status", 51),
        ("not_null_updated_at", 100),
        ("not_null_updated_at#judged", 300),
    ];
    let verdict = staged(&list, &no_engine(), &Population::default(), watched(&counts, &[])).unwrap();
    assert_eq!(
        written(&verdict),
        [
            "not_null_order_id: held, 0/1000 rows of this batch, none",
            "not_null_amount: held, 50/1000 rows of this batch, at most 5 % of the rows e.g. order_id=7",
            "not_null_status: broken, 51/1000 rows of this batch, at most 5 % of the rows e.g. order_id=7",
            "not_null_updated_at: held, 100/300 rows of this batch where status = 'sent', at most 100 rows e.g. order_id=7",
        ]
    );
    assert_eq!((verdict.held, verdict.blocking().count()), (false, 1));
    assert_eq!(
        verdict.results[3].query.as_deref(),
        Some("select * from preview.fact_orders where (status = 'sent') and (updated_at is null)")
    );
}

#[test]
fn a_reference_of_some_rows_is_judged_by_its_values_too() {
    let list = json!([{"referential": {"column": "order_id", "to": "orders.id", "where": "status = 'sent'"}}]);
    let mut engine = no_engine()
        .answers("select count(*) from after where (status = 'sent')", Ok(vec![vec![Value::Int(300)]]))
        .answers("select judged.order_id", Ok(vec![vec![Value::Int(7), Value::Int(2)]]));
    engine.without_partner = Some(2);
    let verdict = staged(&list, &engine, &Population::default(), watched(&[], &[])).unwrap();
    assert_eq!(
        written(&verdict),
        ["referential_order_id: broken, 2/300 rows of the table after this load where status = 'sent', none e.g. c0=7, c1=2"]
    );
    let asked = engine.asked.lock().unwrap()[0].clone();
    let rows = "select order_id from (select * from after where (status = 'sent')) as judged where order_id is not null";
    assert_eq!(asked, format!("{rows} among select id from orders as referred where id is not null"));
}

#[test]
fn a_quarantine_rule_never_blocks() {
    let list = json!([{"range": {"column": "amount", "min": 0, "on_failure": "quarantine"}}]);
    let verdict = staged(&list, &no_engine(), &Population::default(), watched(&[("range_amount", 3)], &[])).unwrap();
    assert_eq!(written(&verdict), ["range_amount: broken, 3/1000 rows of this batch, none e.g. order_id=7"]);
    assert_eq!(verdict.blocking().count(), 0);
}

#[test]
fn aggregates_of_a_whole_table_come_from_the_scan() {
    let list = json!([
        {"row_count": {"min": 1000}},
        {"aggregate": {"function": "mean", "column": "amount", "max": 12}},
        {"freshness": {"column": "updated_at", "within": "2h"}},
        {"freshness": {"column": "updated_at", "within": "1h", "name": "newest"}},
        {"aggregate": {"sql": "sum(amount)", "min": 1, "name": "total"}},
    ]);
    let text = |text: &str| Value::Text(text.into());
    let values = [
        ("row_count", Value::Int(1000)),
        ("aggregate_mean_amount", text("12.50")),
        ("freshness_updated_at", text("2026-01-31 10:30:00")),
        ("newest", text("2026-01-31T10:30:00Z")),
        ("total", Value::Null),
    ];
    let population = Population { batch_is_table: true, ..Population::default() };
    let verdict = staged(&list, &no_engine(), &population, watched(&[], &values)).unwrap();
    assert_eq!(
        written(&verdict),
        [
            "row_count: held, 0/5000 rows of the table after this load, at least 1000 [count(*) = 1000]",
            "aggregate_mean_amount: broken, 0/5000 rows of the table after this load, at most 12 [mean(amount) = 12.50]",
            "freshness_updated_at: held, 0/5000 rows of the table after this load, at most 2h old [max(updated_at) = 2026-01-31 10:30:00, 90 min 0 s old]",
            "newest: broken, 0/5000 rows of the table after this load, at most 1h old [max(updated_at) = 2026-01-31T10:30:00Z, 90 min 0 s old]",
            "total: broken, 0/5000 rows of the table after this load, at least 1 [sum(amount): no value]",
        ]
    );
}

#[test]
fn texts_that_are_no_moments_are_not_fresh() {
    let list = json!([{"freshness": {"column": "status", "within": "2h"}}]);
    let engine = no_engine().answers("select max(try_cast(trim(status) as timestamp(6)))", Ok(vec![vec![Value::Null, Value::Int(5000)]]));
    let verdict = staged(&list, &engine, &Population::default(), watched(&[], &[])).unwrap();
    assert_eq!(
        written(&verdict),
        ["freshness_status: broken, 0/5000 rows of the table after this load, at most 2h old [max(status): no value reads as a moment]"]
    );
}

#[test]
fn aggregates_of_a_changed_table_take_one_query() {
    let list = json!([{"row_count": {"min": 1}}, {"distinct_count": {"column": "status", "max": 3}}]);
    let engine = no_engine().answers(
        "select count(*) as measured_0, count(distinct status) as measured_1, count(*) as measured_rows from after",
        Ok(vec![vec![Value::Int(5000), Value::Int(4), Value::Int(5000)]]),
    );
    let verdict = staged(&list, &engine, &Population::default(), watched(&[], &[])).unwrap();
    assert_eq!(
        written(&verdict),
        [
            "row_count: held, 0/5000 rows of the table after this load, at least 1 [count(*) = 5000]",
            "distinct_count_status: broken, 0/5000 rows of the table after this load, at most 3 [count(distinct status) = 4]",
        ]
    );
    assert_eq!(engine.asked.lock().unwrap().len(), 1);
}

#[test]
fn one_wrong_aggregate_does_not_spoil_the_others() {
    let list = json!([{"row_count": {"min": 1}}, {"aggregate": {"sql": "summ(amount)", "min": 1, "name": "total"}}]);
    let engine = no_engine()
        .answers("select count(*) as measured_0, (summ", Err(Error::user("unknown function `summ`")))
        .answers("select count(*) as measured_0, count(*) as measured_rows from", Ok(vec![vec![Value::Int(9)]]))
        .answers("select (summ", Err(Error::user("unknown function `summ`")));
    let verdict = staged(&list, &engine, &Population::default(), watched(&[], &[])).unwrap();
    assert_eq!(
        written(&verdict),
        [
            "row_count: held, 0/5000 rows of the table after this load, at least 1 [count(*) = 9]",
            "total: broken, 0/0 , at least 1 [HW602: unknown function `summ`]",
        ]
    );
}

#[test]
fn a_measure_of_some_rows_says_how_many_those_are() {
    let list = json!([{"freshness": {"column": "updated_at", "within": "2h", "where": "status = 'sent'"}}]);
    let values = [("freshness_updated_at", Value::Text("2026-01-31T11:00:00".into())), ("freshness_updated_at#judged", Value::Int(300))];
    let population = Population { batch_is_table: true, ..Population::default() };
    let verdict = staged(&list, &no_engine(), &population, watched(&[], &values)).unwrap();
    assert_eq!(
        written(&verdict),
        ["freshness_updated_at: held, 0/300 rows of the table after this load where status = 'sent', at most 2h old \
          [max(updated_at) = 2026-01-31T11:00:00, 60 min 0 s old]"]
    );
}

#[test]
fn sets_are_counted_once_and_shown_only_if_broken() {
    let list = json!([
        {"unique": {"column": "order_id"}},
        {"referential": {"column": "status", "to": "statuses.name", "where": "amount > 0"}},
    ]);
    let engine = no_engine()
        .answers("select cast(coalesce(sum(copies_of_key), 0) as bigint)", Ok(vec![vec![Value::Int(0)]]))
        .answers(
            "select (select count(*) as violations from (select * from after where (amount > 0)) as judged",
            Ok(vec![vec![Value::Int(2), Value::Int(800)]]),
        )
        .answers("select judged.status", Ok(vec![vec![Value::Text("x".into()), Value::Int(2)]]));
    let verdict = staged(&list, &engine, &Population::default(), watched(&[], &[])).unwrap();
    assert_eq!(
        written(&verdict),
        [
            "unique_order_id: held, 0/5000 rows of the table after this load, none",
            "referential_status: broken, 2/800 rows of the table after this load where amount > 0, none e.g. c0=x, c1=2",
        ]
    );
    assert_eq!(engine.asked.lock().unwrap().len(), 3);
    assert_eq!(
        verdict.results[1].query.as_deref(),
        Some(
            "select * from (select * from preview.fact_orders where (amount > 0)) as judged where judged.status is not null \
             and not exists (select 1 from statuses as referred where referred.name = judged.status)"
        )
    );
}

#[test]
fn what_the_load_guarantees_is_not_asked() {
    let list = json!([{"unique": {"columns": ["status", "order_id"]}}]);
    let population = Population { unique_by: vec!["order_id".into()], ..Population::default() };
    let verdict = staged(&list, &no_engine(), &population, watched(&[], &[])).unwrap();
    assert_eq!(
        written(&verdict),
        ["unique_status_order_id: held, 0/5000 rows of the table after this load; the load keeps one row per key, none"]
    );
}

#[test]
fn a_rule_that_cannot_be_judged_has_not_held() {
    let list = json!([{"not_null": {"column": "ordr_id"}}, {"unique": {"column": "order_id"}}]);
    let engine = no_engine().answers("select cast", Err(Error::user("no such function").because("`cast` is gone")));
    let verdict = staged(&list, &engine, &Population::default(), watched(&[], &[])).unwrap();
    assert_eq!(
        written(&verdict),
        [
            "not_null_ordr_id: broken, 0/0 , none [HW602: there is no column `ordr_id`; did you mean `order_id`?]",
            "unique_order_id: broken, 0/0 , none [HW602: no such function; `cast` is gone]",
        ]
    );
    assert_eq!(verdict.blocking().count(), 2);
}

#[test]
fn a_failing_engine_is_no_verdict() {
    let list = json!([{"unique": {"column": "order_id"}}]);
    let engine = no_engine().answers("select cast", Err(Error::outside("the disk is gone")));
    let error = staged(&list, &engine, &Population::default(), watched(&[], &[])).unwrap_err();
    assert_eq!(error.message(), "the disk is gone");
    let missing = staged(&json!([{"not_null": {"column": "order_id"}}]), &no_engine(), &Population::default(), watched(&[], &[]));
    assert!(missing.unwrap_err().message().contains("did not count `not_null_order_id`"));
}

#[test]
fn columns_are_judged_without_a_row() {
    let list = json!([{"schema": {"columns": {"order_id": "bigint", "amount": "bigint"}, "on_failure": "alert"}}]);
    let verdict = staged(&list, &no_engine(), &Population::default(), watched(&[], &[])).unwrap();
    assert_eq!(written(&verdict), ["schema: broken, 1/2 columns of the table, none e.g. `amount` is double, declared bigint"]);
}

#[test]
fn a_check_without_a_load_reads_the_query_itself() {
    let list = json!([{"unique": {"column": "order_id"}}, {"row_count": {"min": 1}}]);
    let engine = no_engine().answers("select cast", Ok(vec![vec![Value::Int(0)]]));
    let verdict = checked(&list, &engine, &watched(&[], &[("row_count", Value::Int(1000))]));
    assert_eq!(
        written(&verdict),
        ["unique_order_id: held, 0/1000 rows read, none", "row_count: held, 0/1000 rows read, at least 1 [count(*) = 1000]"]
    );
    assert!(engine.asked.lock().unwrap()[0].starts_with("query: "));
    assert_eq!(*engine.inputs.lock().unwrap(), [Input::Query { name: "after".into(), sql: "select * from raw_orders".into() }]);
}

#[test]
fn a_check_leaves_out_what_a_run_would_divert() {
    let list = json!([{"range": {"column": "amount", "min": 0, "on_failure": "quarantine"}}, {"unique": {"column": "order_id"}}]);
    let engine = no_engine().answers("select cast", Ok(vec![vec![Value::Int(0)]]));
    let verdict = checked(&list, &engine, &watched(&[("range_amount", 3)], &[("#kept", Value::Int(997))]));
    assert_eq!(
        written(&verdict),
        [
            "range_amount: broken, 3/1000 rows read, none e.g. order_id=7",
            "unique_order_id: held, 0/997 rows read and not quarantined, none"
        ]
    );
    let inputs = engine.inputs.lock().unwrap();
    let Input::Query { sql, .. } = &inputs[1] else { panic!("{inputs:?}") };
    assert_eq!(sql, "select * from read_before_quarantine where (amount < 0 or amount > cast('Infinity' as double)) is not true");
}
