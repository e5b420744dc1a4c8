//! What the stage asks an engine, with canned answers.

use std::pin::pin;
use std::sync::Mutex;
use std::task::{Context, Poll, Waker};

use expect_test::expect;
use hw_base::{
    BoxFuture, CodeMemory, CodedTable, Column, CommitNote, Engine, Error, MeasureSettings, Published, Reader, Reference, Result, Rows,
    StagedBatch, Staging, TableFacts, TableName, TableState, TableVersion, Value, Watch, Watched, WatchedAggregate, WatchedRule,
};

use crate::fixture::{facts, now};
use crate::{About, Assessment, RuleTrial, assess, measure_columns};

/// An engine that knows facts, counts 3 rows for every condition, answers other queries with one value, and writes down what it was asked.
struct Canned {
    facts: TableFacts,
    /// The facts of the rows that are held back.
    late: TableFacts,
    asked: Mutex<Vec<String>>,
    fails: bool,
}

impl Canned {
    fn answer(&self, reader: &Reader) -> Result<Rows> {
        self.asked.lock().unwrap().push(reader.sql.clone());
        if self.fails {
            return Err(Error::outside("gone"));
        }
        let row = match reader.sql.as_str() {
            sql if sql.starts_with("select count(*)") => vec![Value::Int(1000)],
            sql if sql.starts_with("select max(") => ["2026-02-20 00:00:00", "2031-01-01 00:00:00"].map(|at| Value::Text(at.into())).into(),
            _ => vec![Value::Text("odd".into())],
        };
        Ok(Rows { rows: vec![row], ..Rows::default() })
    }
}

fn none<'a, T: Send + 'a>() -> BoxFuture<'a, Result<T>> {
    Box::pin(async { Err(Error::bug("the stage asks for no such thing")) })
}

impl Engine for Canned {
    fn reads(&self, _: &str, _: Option<&str>) -> Result<Vec<Reference>> {
        Ok(Vec::new())
    }
    fn columns<'a>(&'a self, _: &'a Reader) -> BoxFuture<'a, Result<Vec<Column>>> {
        let column =
            |column: &hw_base::ColumnFacts| Column { name: column.name.clone(), kind: column.kind, sql_type: column.sql_type.clone() };
        Box::pin(async move { Ok(self.facts.columns.iter().map(column).collect()) })
    }
    fn query<'a>(&'a self, reader: &'a Reader, limit: usize) -> BoxFuture<'a, Result<Rows>> {
        assert!(limit <= 5);
        Box::pin(async { self.answer(reader) })
    }
    fn measure<'a>(&'a self, reader: &'a Reader, _: MeasureSettings) -> BoxFuture<'a, Result<TableFacts>> {
        if reader.sql.starts_with("select * from parted") {
            self.asked.lock().unwrap().push(format!("measure: {}", reader.sql));
            return Box::pin(async { Ok(self.late.clone()) });
        }
        Box::pin(async { Ok(self.facts.clone()) })
    }
    fn measure_and_code<'a>(&'a self, _: &'a Reader, _: MeasureSettings, _: CodeMemory) -> BoxFuture<'a, Result<(TableFacts, CodedTable)>> {
        none()
    }
    fn watch<'a>(&'a self, reader: &'a Reader, watch: &'a Watch) -> BoxFuture<'a, Result<Watched>> {
        if self.fails {
            return none();
        }
        let is_of_findings = reader.sql.ends_with(" from assessed");
        let conditions = watch.rows.iter().filter(|_| is_of_findings).map(|rule| format!(" [{}]", rule.violates));
        let what = if watch.only_examples { "examples" } else { "watch" };
        self.asked.lock().unwrap().push(format!("{what}: {}{}", reader.sql, conditions.collect::<String>()));
        let violations = |id: &str| match id {
            _ if is_of_findings => 3,
            "not_null_email" => 90,
            _ => 0,
        };
        let columns: Vec<Column> =
            self.facts.columns.iter().map(|own| Column { name: own.name.clone(), kind: own.kind, sql_type: String::new() }).collect();
        let odd = vec![vec![Value::Text("odd".into()); columns.len()]; 3];
        let examples = Rows { columns, rows: odd, is_cut: false };
        let rules = watch.rows.iter().map(|rule| WatchedRule {
            id: rule.id.clone(),
            violations: violations(&rule.id),
            examples: examples.clone(),
            ..WatchedRule::default()
        });
        let aggregates = watch.aggregates.iter().map(|one| WatchedAggregate { id: one.id.clone(), value: Value::Int(250) });
        let watched = Watched { rows: 250, rules: rules.collect(), aggregates: aggregates.collect(), ..Watched::default() };
        Box::pin(async move { Ok(watched) })
    }
    fn stage<'a>(&'a self, _: &'a Staging) -> BoxFuture<'a, Result<StagedBatch>> {
        none()
    }
    fn query_staged<'a>(&'a self, _: &'a StagedBatch, _: &'a Reader, _: usize) -> BoxFuture<'a, Result<Rows>> {
        none()
    }
    fn publish<'a>(&'a self, _: &'a StagedBatch, _: &'a CommitNote) -> BoxFuture<'a, Result<Published>> {
        none()
    }
    fn discard<'a>(&'a self, _: &'a StagedBatch) -> BoxFuture<'a, Result<()>> {
        none()
    }
    fn sweep<'a>(&'a self, _: &'a TableName, _: &'a str) -> BoxFuture<'a, Result<u64>> {
        none()
    }
    fn table<'a>(&'a self, _: &'a TableName, _: Option<&'a str>) -> BoxFuture<'a, Result<Option<TableState>>> {
        none()
    }
    fn versions<'a>(&'a self, _: &'a TableName, _: usize) -> BoxFuture<'a, Result<Vec<TableVersion>>> {
        none()
    }
    fn roll_back<'a>(&'a self, _: &'a TableName, _: i64, _: &'a serde_json::Value) -> BoxFuture<'a, Result<i64>> {
        none()
    }
}

const FACTS: &str = "rows 1000; duplicates 4
    order_id integer; estimated 991
    price float; distinct 500; min 1; max 5000; quantiles 10 20 30; histogram 0 5000 995 0 0 0 0 0 0 5
    email text; distinct 900; shapes email*950, other*50";

fn ask(fails: bool) -> (Vec<String>, Vec<String>) {
    let (asked, assessment) = assessed(&About::new("orders", "orders.csv"), FACTS, fails);
    let issues = assessment.issues().map(|issue| format!("{}; {}", issue.description, issue.examples.join(" | ")));
    (asked, issues.collect())
}

fn assessed(about: &About, text: &str, fails: bool) -> (Vec<String>, Assessment) {
    let late = facts(&text.replace("rows 1000", "rows 250").replace("distinct 1000", "distinct 250"));
    let engine = Canned { facts: facts(text), late, asked: Mutex::default(), fails };
    let reader = Reader { sql: "select * from landing".into(), inputs: Vec::new(), file: None };
    let mut future = pin!(assess(&engine, &reader, about, now(), "a-1".into()));
    let Poll::Ready(assessment) = future.as_mut().poll(&mut Context::from_waker(Waker::noop())) else {
        panic!("canned answers do not wait")
    };
    let assessment = assessment.unwrap();
    let asked = engine.asked.lock().unwrap().clone();
    (asked, assessment)
}

#[test]
fn estimates_are_counted_and_examples_fetched() {
    let (asked, issues) = ask(false);
    expect![[r#"
        select count(*) from (select distinct order_id from assessed where order_id is not null) as values_of_column
        watch: select price from assessed [(price < -50 or price > 90)]
        examples: select email from assessed [trim(email) !~ '^[A-Za-z0-9._%+-]+@[A-Za-z0-9-]+([.][A-Za-z0-9-]+)+$' and trim(email) <> '']
        select order_id, price, email, count(*) as copies, count(*) - 1 as repeats from assessed group by order_id, price, email having count(*) > 1"#]]
    .assert_eq(&asked.join("\n"));
    expect![[r#"
        50 of 1,000 rows (5 %) hold something in `email` that is no e-mail address; odd
        4 of 1,000 rows (0.40 %) equal an earlier row in every column; odd
        3 of 1,000 rows (0.30 %) are outside -50 to 90 in `price`, more than 3 interquartile ranges beyond the quartiles; 5000"#]]
    .assert_eq(&issues.join("\n"));
}

#[test]
fn an_engine_that_cannot_answer_leaves_estimates() {
    let (_, issues) = ask(true);
    expect![[r#"
        50 of 1,000 rows (5 %) hold something in `email` that is no e-mail address; 
        4 of 1,000 rows (0.40 %) equal an earlier row in every column; 
        about 5 of 1,000 rows (0.50 %) are outside -50 to 90 in `price`, more than 3 interquartile ranges beyond the quartiles; 5000"#]]
    .assert_eq(&issues.join("\n"));
}

#[test]
fn columns_that_reach_beyond_the_present_are_asked_for_what_has_come_and_what_is_meant() {
    let text = "rows 1000\n created_at timestamp; distinct 900; min 2026-01-01; max 9999-12-31_00:00:00";
    let (asked, assessment) = assessed(&About::new("orders", "orders.csv"), text, false);
    expect![[r#"
        select max(case when cast(created_at as timestamp(6)) <= cast('2026-03-02 00:00:00' as timestamp(6)) then created_at end) as come, max(case when cast(created_at as timestamp(6)) < cast('9999-01-01 00:00:00' as timestamp(6)) then created_at end) as meant from assessed"#]]
    .assert_eq(&asked[0]);
    let told: Vec<String> = assessment.issues().map(|issue| issue.description.clone()).collect();
    let ahead = "3 of 1,000 rows (0.30 %) are more than 1d ahead of now in `created_at`; the latest is 2031-01-01 00:00:00";
    assert!(told.iter().any(|description| description == ahead), "{told:?}");
}

#[test]
fn columns_alone_are_asked_for_what_has_come_too() {
    let facts = facts("rows 1000\n updated_at timestamp; distinct 900; min 2025-01-01; max 2030-01-01_00:00:00");
    let engine = Canned { late: facts.clone(), facts, asked: Mutex::default(), fails: false };
    let reader = Reader { sql: "select * from landing".into(), inputs: Vec::new(), file: None };
    let about = About::new("orders", "orders.csv");
    let mut future = pin!(measure_columns(&engine, &reader, &about, now(), "a-1".into()));
    let Poll::Ready(assessment) = future.as_mut().poll(&mut Context::from_waker(Waker::noop())) else {
        panic!("canned answers do not wait")
    };
    let newest = assessment.unwrap().freshness.unwrap().newest;
    assert_eq!(newest.format("%Y-%m-%d").to_string(), "2026-02-20");
}

/// What is asked about rules, what became of them, and what the rules file says.
fn trial(text: &str, fails: bool) -> String {
    let about = About { rules: RuleTrial::HoldBack, ..About::new("orders", "orders.csv") };
    let (asked, assessment) = assessed(&about, text, fails);
    let about_parts = asked.into_iter().filter(|question| question.contains("from parted where"));
    let proposed =
        assessment.proposals.iter().map(|proposal| format!("+ {} {}: {}", proposal.kind, proposal.columns.join("+"), proposal.reason));
    let held = assessment.held.iter();
    let dropped = held.flat_map(|held| &held.dropped).map(|rule| format!("- {} {}: {}", rule.kind, rule.columns.join("+"), rule.reason));
    about_parts.chain(proposed).chain(dropped).collect::<Vec<_>>().join("\n")
}

#[test]
fn rules_are_tried_on_rows_they_were_not_made_from() {
    expect![[r#"
        measure: select * from parted where not (md5(concat_ws('|', cast(order_id as varchar))) >= '4')
        watch: select * from parted where not (md5(concat_ws('|', cast(order_id as varchar))) >= '4')
        + not_null order_id: `order_id` is missing in 0 of 750 rows; 0 of 250 rows held back break it, so at most 1.51 % of all do
        + not_blank email: `email` is blank in 0 of 750 rows; 0 of 250 rows held back break it, so at most 1.51 % of all do
        + row_count : 750 rows measured; an empty table is never right; count(*) = 250 on 250 rows held back
        - not_null email: 90 of 250 rows held back break it (36 %), and it tolerates none
        - unique order_id: it could not be judged on the rows held back: HW602: the engine did not return a count"#]]
    .assert_eq(&trial("rows 1000\n order_id integer; distinct 1000\n email text; distinct 90; folded 90", false));
}

#[test]
fn rules_are_tried_on_later_rows_where_a_column_tells_the_time() {
    let text = "rows 1000\n order_id integer; distinct 990\n created_at timestamp; distinct 900; min 2026-01-01; max 2026-02-28; quantiles 1 2 1770000000";
    expect![[r#"
        measure: select * from parted where not ((created_at is null or cast(created_at as timestamp(6)) < cast('2026-02-02 02:40:00' as timestamp(6))))
        watch: select * from parted where not ((created_at is null or cast(created_at as timestamp(6)) < cast('2026-02-02 02:40:00' as timestamp(6))))
        + not_null order_id: `order_id` is missing in 0 of 750 rows; 0 of 250 rows held back break it, so at most 1.51 % of all do
        + not_null created_at: `created_at` is missing in 0 of 750 rows; 0 of 250 rows held back break it, so at most 1.51 % of all do
        + row_count : 750 rows measured; an empty table is never right; count(*) = 250 on 250 rows held back"#]].assert_eq(&trial(text, false));
}

#[test]
fn rules_that_cannot_be_tried_are_proposed_as_such() {
    expect![[r#"
        measure: select * from parted where not (md5(concat_ws('|', cast(order_id as varchar))) >= '4')
        + not_null order_id: `order_id` is missing in 0 of 1,000 rows
        + unique order_id: `order_id` has a different value in each of 1,000 rows
        + row_count : 1,000 rows measured; an empty table is never right"#]]
    .assert_eq(&trial("rows 1000\n order_id integer; distinct 1000", true));
}
