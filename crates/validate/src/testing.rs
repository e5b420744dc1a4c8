//! Settings, columns and facts for tests, and the helpers that check a kind.

use std::sync::Mutex;
use std::task::{Context, Poll, Waker};

use hw_base::{
    Blame, BoxFuture, CodeMemory, CodedTable, Column, ColumnFacts, ColumnType, CommitNote, Engine, Error, Input, MeasureSettings,
    NumberFacts, Published, Reader, Reference, Result, Rows, Settings, Span, StagedBatch, Staging, TableFacts, TableName, TableState,
    TableVersion, TextFacts, TextShape, Value, ValueCount, Watch, Watched,
};
use serde_json::{Value as Json, json};

use crate::gate::Gate;
use crate::kinds::rule_kind;
use crate::propose::Proposal;
use crate::rule::{Rule, read_rules};
use crate::shape::Shape;

/// Columns from `order_id bigint, Line No decimal(12,2)`: the last word is the type.
pub(crate) fn columns(text: &str) -> Vec<Column> {
    let column = |text: &str| {
        let (name, sql_type) = text.trim().rsplit_once(' ').unwrap();
        Column { name: name.into(), kind: kind(sql_type), sql_type: sql_type.into() }
    };
    text.replace("(12,2)", "(12;2)").replace("(12,0)", "(12;0)").split(',').map(|text| column(&text.replace(';', ","))).collect()
}

fn kind(sql_type: &str) -> ColumnType {
    match sql_type.split('(').next().unwrap() {
        "boolean" => ColumnType::Boolean,
        "bigint" => ColumnType::Integer,
        "decimal" => ColumnType::Decimal,
        "double" | "real" => ColumnType::Float,
        "varchar" => ColumnType::Text,
        "date" => ColumnType::Date,
        "timestamp" => ColumnType::Timestamp,
        other => panic!("{other}"),
    }
}

/// Reads rules that must be right.
pub(crate) fn rules(list: &Json) -> Vec<Rule> {
    read_rules(&Settings::from_json(list)).unwrap_or_else(|error| panic!("{error}"))
}

/// Why rules are refused.
#[track_caller]
pub(crate) fn refused(list: &Json) -> String {
    read_rules(&placed_settings(list)).map(|rules| rules.len()).expect_err("the rules were read").to_string()
}

/// The shape of one rule on a table.
pub(crate) fn shape_of(rule: &Json, table: &str) -> Result<Shape, String> {
    rules(&json!([rule]))[0].body.shape(&columns(table))
}

/// Checks the SQL that finds violating rows, as the engine gets it.
#[track_caller]
pub(crate) fn check_row(rule: &Json, table: &str, violates: &str) {
    let gate = Gate::new(&rules(&json!([rule])), &columns(table));
    assert_eq!(gate.misfits().map(|error| error.to_string()).collect::<Vec<_>>(), [""; 0]);
    assert_eq!(gate.watch(&[], 5, false).rows[0].violates, violates);
}

/// Checks the SQL that counts violating rows of the table `own` as it would be after a load.
#[track_caller]
pub(crate) fn check_set(rule: &Json, table: &str, sql: &str) {
    let rule = &rules(&json!([rule]))[0];
    let Ok(Shape::Set { count, .. }) = rule.body.shape(&columns(table)) else { panic!("{rule:?} is no rule on sets") };
    let relation = rule.condition_sql().map_or("after".to_owned(), |condition| format!("(select * from after where {condition})"));
    assert_eq!(count.over(&relation, "after", Some("own")), sql);
}

/// Checks an aggregate and its bounds, as `count(*): at least 1`.
#[track_caller]
pub(crate) fn check_aggregate(rule: &Json, table: &str, expected: &str) {
    match shape_of(rule, table) {
        Ok(Shape::Aggregate { expression, bounds, .. }) => assert_eq!(format!("{expression}: {}", bounds.words()), expected),
        other => panic!("{other:?} is no aggregate"),
    }
}

/// Checks why a rule does not fit a table.
#[track_caller]
pub(crate) fn check_misfit(rule: &Json, table: &str, expected: &str) {
    assert_eq!(shape_of(rule, table).unwrap_err(), expected);
}

/// Checks what a kind proposes, each as `settings: reason`.
#[track_caller]
pub(crate) fn check_proposals(kind: &str, facts: &TableFacts, expected: &[&str]) {
    let written = |proposal: Proposal| format!("{}: {}", proposal.settings, proposal.reason);
    let found: Vec<String> = rule_kind(kind).unwrap().propose(facts).into_iter().map(written).collect();
    assert_eq!(found, expected);
}

/// Facts of columns given as `(name, type, nulls, distinct)`.
pub(crate) fn facts(rows: u64, table: &[(&str, &str, u64, u64)]) -> TableFacts {
    let columns = table.iter().map(|(name, sql_type, nulls, distinct)| ColumnFacts {
        nulls: *nulls,
        distinct: *distinct,
        ..column_facts(name, sql_type, rows)
    });
    TableFacts { rows, columns: columns.collect(), duplicates_are_exact: true, scanned_all_rows: true, ..TableFacts::default() }
}

/// Facts of one numeric column.
pub(crate) fn number_facts(name: &str, rows: u64, negatives: u64) -> TableFacts {
    let mut table = facts(rows, &[(name, "double", 0, 10)]);
    table.columns[0].numbers = Some(NumberFacts { negatives, ..NumberFacts::default() });
    table
}

/// Facts of one text column that holds `values` with their counts.
pub(crate) fn text_facts(name: &str, values: &[(&str, u64)]) -> TableFacts {
    let rows = values.iter().map(|(_, count)| count).sum();
    let mut table = facts(rows, &[(name, "varchar", 0, values.len() as u64)]);
    let column = &mut table.columns[0];
    column.top_values = values.iter().map(|(value, count)| ValueCount { value: Value::Text((*value).into()), count: *count }).collect();
    let length = |value: &&str| value.chars().count() as u64;
    let texts: Vec<&str> = values.iter().map(|(value, _)| *value).collect();
    column.text = Some(TextFacts {
        min_length: texts.iter().map(length).min().unwrap_or_default(),
        max_length: texts.iter().map(length).max().unwrap_or_default(),
        shapes: vec![hw_base::ShapeCount { shape: TextShape::Other, count: rows }],
        ..TextFacts::default()
    });
    table
}

fn column_facts(name: &str, sql_type: &str, rows: u64) -> ColumnFacts {
    ColumnFacts {
        name: name.into(),
        kind: kind(sql_type),
        sql_type: sql_type.into(),
        rows,
        nulls: 0,
        distinct: 0,
        distinct_is_exact: true,
        min: Value::Null,
        max: Value::Null,
        top_values: vec![],
        top_values_are_exact: true,
        numbers: None,
        text: None,
    }
}

/// Settings whose places are numbered in the order of the tree.
pub(crate) fn placed_settings(json: &Json) -> Settings {
    fn number(settings: &mut Settings, next: &mut usize) {
        settings.span = Some(place(next));
        match &mut settings.node {
            hw_base::Node::Map(map) => {
                for entry in &mut map.0 {
                    entry.key_span = Some(place(next));
                    number(&mut entry.value, next);
                }
            }
            hw_base::Node::List(items) => items.iter_mut().for_each(|item| number(item, next)),
            _ => {}
        }
    }
    fn place(next: &mut usize) -> Span {
        *next += 1;
        Span { file: "t.yaml".into(), line: *next, column: 1, length: 1 }
    }
    let mut settings = Settings::from_json(json);
    number(&mut settings, &mut 0);
    settings
}

/// Runs a future that never waits.
pub(crate) fn block_on<T>(future: impl Future<Output = T>) -> T {
    let mut future = std::pin::pin!(future);
    let mut context = Context::from_waker(Waker::noop());
    match future.as_mut().poll(&mut context) {
        Poll::Ready(value) => value,
        Poll::Pending => panic!("the future waits"),
    }
}

/// An engine with canned answers. It panics on any query it does not know.
#[derive(Default)]
pub(crate) struct FakeEngine {
    described: Vec<(String, Result<Vec<Column>>)>,
    answers: Vec<(String, Result<Vec<Vec<Value>>>)>,
    /// How many rows have no partner in another table, where that is counted by their values.
    pub(crate) without_partner: Option<u64>,
    /// What was asked, as `query: SQL` or `staged: SQL`, and the inputs of the last one.
    pub(crate) asked: Mutex<Vec<String>>,
    pub(crate) inputs: Mutex<Vec<Input>>,
}

impl FakeEngine {
    /// Describes a query.
    pub(crate) fn describes(mut self, sql: &str, columns_of: Result<&str>) -> Self {
        self.described.push((sql.into(), columns_of.map(columns)));
        self
    }

    /// Answers queries whose SQL begins so.
    pub(crate) fn answers(mut self, sql: &str, rows: Result<Vec<Vec<Value>>>) -> Self {
        self.answers.push((sql.into(), rows));
        self
    }

    fn answer(&self, how: &str, reader: &Reader) -> Result<Rows> {
        self.asked.lock().unwrap().push(format!("{how}: {}", reader.sql));
        (*self.inputs.lock().unwrap()).clone_from(&reader.inputs);
        let known = self.answers.iter().find(|(sql, _)| reader.sql.starts_with(sql.as_str()));
        let (_, answer) = known.unwrap_or_else(|| panic!("nobody told the answer to {}", reader.sql));
        let rows = repeat(answer)?.clone();
        let width = rows.first().map_or(0, Vec::len);
        let columns = (0..width).map(|at| Column { name: format!("c{at}"), kind: ColumnType::Other, sql_type: "any".into() }).collect();
        Ok(Rows { columns, rows, is_cut: false })
    }
}

/// The answer once more; an error is made anew.
fn repeat<T>(answer: &Result<T>) -> Result<&T> {
    answer.as_ref().map_err(|error| {
        let again = match error.blame() {
            Blame::User => error.causes().iter().fold(Error::user(error.message()), Error::because),
            _ => Error::outside(error.message()),
        };
        match error.known_code() {
            Some(code) => again.code(code),
            None => again,
        }
    })
}

impl Engine for FakeEngine {
    fn reads(&self, _: &str, _: Option<&str>) -> Result<Vec<Reference>> {
        unimplemented!()
    }
    fn is_row_by_row(&self, sql: &str) -> bool {
        !sql.contains("sum(")
    }
    fn columns<'a>(&'a self, reader: &'a Reader) -> BoxFuture<'a, Result<Vec<Column>>> {
        let known = self.described.iter().find(|(sql, _)| *sql == reader.sql);
        let (_, answer) = known.unwrap_or_else(|| panic!("nobody described {}", reader.sql));
        Box::pin(async move { repeat(answer).cloned() })
    }
    fn query<'a>(&'a self, reader: &'a Reader, _: usize) -> BoxFuture<'a, Result<Rows>> {
        Box::pin(async move { self.answer("query", reader) })
    }
    fn query_staged<'a>(&'a self, _: &'a StagedBatch, reader: &'a Reader, _: usize) -> BoxFuture<'a, Result<Rows>> {
        Box::pin(async move { self.answer("staged", reader) })
    }
    fn without_partner<'a>(
        &'a self,
        _: Option<&'a StagedBatch>,
        rows: &'a Reader,
        among: &'a Reader,
    ) -> BoxFuture<'a, Result<Option<u64>>> {
        if self.without_partner.is_some() {
            self.asked.lock().unwrap().push(format!("{} among {}", rows.sql, among.sql));
        }
        Box::pin(std::future::ready(Ok(self.without_partner)))
    }
    fn measure<'a>(&'a self, _: &'a Reader, _: MeasureSettings) -> BoxFuture<'a, Result<TableFacts>> {
        unimplemented!()
    }
    fn measure_and_code<'a>(&'a self, _: &'a Reader, _: MeasureSettings, _: CodeMemory) -> BoxFuture<'a, Result<(TableFacts, CodedTable)>> {
        unimplemented!()
    }
    fn watch<'a>(&'a self, _: &'a Reader, _: &'a Watch) -> BoxFuture<'a, Result<Watched>> {
        unimplemented!()
    }
    fn stage<'a>(&'a self, _: &'a Staging) -> BoxFuture<'a, Result<StagedBatch>> {
        unimplemented!()
    }
    fn publish<'a>(&'a self, _: &'a StagedBatch, _: &'a CommitNote) -> BoxFuture<'a, Result<Published>> {
        unimplemented!()
    }
    fn discard<'a>(&'a self, _: &'a StagedBatch) -> BoxFuture<'a, Result<()>> {
        unimplemented!()
    }
    fn sweep<'a>(&'a self, _: &'a TableName, _: &'a str) -> BoxFuture<'a, Result<u64>> {
        unimplemented!()
    }
    fn table<'a>(&'a self, _: &'a TableName, _: Option<&'a str>) -> BoxFuture<'a, Result<Option<TableState>>> {
        unimplemented!()
    }
    fn versions<'a>(&'a self, _: &'a TableName, _: usize) -> BoxFuture<'a, Result<Vec<TableVersion>>> {
        unimplemented!()
    }
    fn roll_back<'a>(&'a self, _: &'a TableName, _: i64, _: &'a Json) -> BoxFuture<'a, Result<i64>> {
        unimplemented!()
    }
}
