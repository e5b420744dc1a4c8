//! What the stage asks an engine, with canned answers.

use std::pin::pin;
use std::sync::Mutex;
use std::task::{Context, Poll, Waker};

use expect_test::expect;
use hw_base::{
    BoxFuture, ByteSize, CodedTable, Column, CommitNote, Engine, Error, MeasureSettings, Published, Reader, Reference, Result, Rows,
    StagedBatch, Staging, TableFacts, TableName, TableState, TableVersion, Value, Watch, Watched,
};

use crate::fixture::{facts, now};
use crate::{About, assess};

/// An engine that knows facts, answers counts with 3 and other queries with one value, and writes down what it was asked.
struct Canned {
    facts: TableFacts,
    asked: Mutex<Vec<String>>,
    fails: bool,
}

impl Canned {
    fn answer(&self, reader: &Reader) -> Result<Rows> {
        self.asked.lock().unwrap().push(reader.sql.clone());
        if self.fails {
            return Err(Error::outside("gone"));
        }
        let counts = reader.sql.matches("count(*) filter").count();
        let row = match counts {
            0 if reader.sql.starts_with("select count(*)") => vec![Value::Int(1000)],
            0 => vec![Value::Text("odd".into())],
            counts => vec![Value::Int(3); counts],
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
        none()
    }
    fn query<'a>(&'a self, reader: &'a Reader, limit: usize) -> BoxFuture<'a, Result<Rows>> {
        assert_eq!(limit, 5);
        Box::pin(async { self.answer(reader) })
    }
    fn measure<'a>(&'a self, _: &'a Reader, _: MeasureSettings) -> BoxFuture<'a, Result<TableFacts>> {
        Box::pin(async { Ok(self.facts.clone()) })
    }
    fn coded<'a>(&'a self, _: &'a Reader, _: &'a str, _: ByteSize) -> BoxFuture<'a, Result<CodedTable>> {
        none()
    }
    fn watch<'a>(&'a self, _: &'a Reader, _: &'a Watch) -> BoxFuture<'a, Result<Watched>> {
        none()
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
    let engine = Canned { facts: facts(FACTS), asked: Mutex::default(), fails };
    let reader = Reader { sql: "select * from landing".into(), inputs: Vec::new(), file: None };
    let about = About::new("orders", "orders.csv");
    let mut future = pin!(assess(&engine, &reader, &about, now(), "a-1".into()));
    let Poll::Ready(assessment) = future.as_mut().poll(&mut Context::from_waker(Waker::noop())) else {
        panic!("canned answers do not wait")
    };
    let assessment = assessment.unwrap();
    let issues = assessment.issues().map(|issue| format!("{}; {}", issue.description, issue.examples.join(" | ")));
    (engine.asked.lock().unwrap().clone(), issues.collect())
}

#[test]
fn estimates_are_counted_and_examples_fetched() {
    let (asked, issues) = ask(false);
    expect![[r#"
        select count(*) from (select distinct order_id from assessed where order_id is not null) as values_of_column
        select count(*) filter (where (price < -50 or price > 90)) as rows_0 from assessed
        select distinct email from assessed where trim(email) !~ '^[A-Za-z0-9._%+-]+@[A-Za-z0-9-]+([.][A-Za-z0-9-]+)+$' and trim(email) <> ''
        select order_id, price, email, count(*) as copies from assessed group by order_id, price, email having count(*) > 1"#]].assert_eq(&asked.join("\n"));
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
