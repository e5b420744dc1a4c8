//! Counting for rules: every rule of a watch is judged on every batch as it passes by, so one scan serves all of them.

use std::cmp::Ordering;
use std::sync::{Arc, Mutex, PoisonError};

use datafusion::arrow::array::{Array, ArrayRef, AsArray, BooleanArray, StringArray};
use datafusion::arrow::compute::{filter, or_kleene};
use datafusion::arrow::datatypes::{Int64Type, Schema, SchemaRef};
use datafusion::arrow::record_batch::RecordBatch;
use datafusion::catalog::streaming::StreamingTable;
use datafusion::common::DFSchema;
use datafusion::dataframe::DataFrame;
use datafusion::execution::{SendableRecordBatchStream, TaskContext};
use datafusion::physical_expr::PhysicalExpr;
use datafusion::physical_expr::expressions::lit;
use datafusion::physical_expr::utils::collect_columns;
use datafusion::physical_plan::stream::RecordBatchStreamAdapter;
use datafusion::physical_plan::streaming::PartitionStream;
use hw_base::{AggregateWatch, Error, Result, Rows, Value, Watch, Watched, WatchedAggregate, WatchedRule};
use tokio::sync::mpsc;

use crate::failure::{Context, explain};
use crate::keys::hashes;
use crate::parts::Parts;
use crate::session::Session;
use crate::types;

/// The row rules of a watch, compiled for one schema.
pub(crate) struct Watcher {
    schema: SchemaRef,
    rules: Vec<CompiledRule>,
    parts: Parts,
    examples: usize,
    all_rows: bool,
    shown: Shown,
    /// Whether a rule that fails on some rows stops the scan, because it decides where rows go.
    is_strict: bool,
}

/// Which of the rows that break a rule are its examples.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
enum Shown {
    /// Some from all over the rows, the same ones each time.
    Anywhere,
    /// The first, where the order of the rows is that of the source.
    First,
    /// The first, and with them reading ends.
    FirstAlone,
}

struct CompiledRule {
    id: String,
    violates: Arc<dyn PhysicalExpr>,
    /// The same over rows that have the parts of several rules beside their columns.
    beside_parts: Arc<dyn PhysicalExpr>,
    diverts: bool,
    excludes: bool,
    shown: Vec<usize>,
    /// Why it cannot be judged on any row.
    unfit: Option<Error>,
}

/// The columns that tell where a record stands.
const PLACE: [&str; 2] = ["_file", "_line"];

/// What one task has counted.
#[derive(Default)]
pub(crate) struct Counts {
    rows: u64,
    rules: Vec<RuleCount>,
}

#[derive(Default)]
struct RuleCount {
    violations: u64,
    /// With the hash of each.
    examples: Vec<(u64, Vec<Value>)>,
    rows: Vec<u64>,
    error: Option<String>,
}

/// The rows of a batch that break a rule.
struct Broken<'a> {
    violates: &'a BooleanArray,
    /// What are no rows.
    excluded: Option<&'a BooleanArray>,
    /// How many rows there were in the batches before.
    before: u64,
}

impl Broken<'_> {
    /// The number of a row among all rows.
    fn number(&self, row: usize) -> u64 {
        let none = self.excluded.map_or(0, |excluded| excluded.slice(0, row).true_count());
        self.before + (row - none) as u64
    }
}

/// Rows of a batch that may not enter the table.
pub(crate) struct Diverted {
    /// True where a row is diverted.
    pub(crate) mask: BooleanArray,
    /// The rules that each diverted row breaks, in the order of the rows.
    pub(crate) rules: StringArray,
}

impl Watcher {
    /// Compiles the row rules of `watch` for rows of `schema`. A rule that does not fit them fails alone, unless it decides where rows go.
    pub(crate) fn compile(session: &Session, schema: &SchemaRef, watch: &Watch) -> Result<Self> {
        let mut watcher = Self::of(session, schema, watch)?;
        let unfit = watcher.rules.iter_mut().filter(|rule| rule.diverts || rule.excludes).find_map(|rule| rule.unfit.take());
        unfit.map_or(Ok(watcher), Err)
    }

    /// The same where rows are only read: a rule that fails, on some rows or on all, fails alone, and takes none away.
    pub(crate) fn only_reading(session: &Session, schema: &SchemaRef, watch: &Watch, is_in_order: bool) -> Result<Self> {
        let watcher = Self { is_strict: false, ..Self::of(session, schema, watch)? };
        let is_first = is_in_order && watcher.shown == Shown::Anywhere;
        Ok(if is_first { Self { shown: Shown::First, ..watcher } } else { watcher })
    }

    fn of(session: &Session, schema: &SchemaRef, watch: &Watch) -> Result<Self> {
        let df_schema = DFSchema::try_from(Arc::clone(schema)).map_err(|error| explain(error, &Context::default()))?;
        let key: Vec<usize> = watch.key.iter().filter_map(|column| schema.index_of(column).ok()).collect();
        let compile = |rule: &hw_base::RowWatch| {
            let (violates, unfit) = match session.row_expression(&rule.violates, &df_schema) {
                Ok(violates) => (violates, None),
                Err(error) => (lit(false), Some(cannot_judge(&rule.id, &explain(error, &Context::default())))),
            };
            let mut shown = key.clone();
            let mut own: Vec<usize> =
                collect_columns(&violates).iter().map(datafusion::physical_expr::expressions::Column::index).collect();
            own.sort_unstable();
            if let Some(set) = watch.sets.iter().find(|set| set.id == rule.id) {
                own = set.columns.iter().filter_map(|column| schema.index_of(column).ok()).collect();
            }
            if rule.excludes {
                // What is no row has no key; it is found by its place.
                shown = PLACE.iter().filter_map(|column| schema.index_of(column).ok()).collect();
            }
            shown.extend(own.into_iter().filter(|index| !key.contains(index)));
            let beside_parts = Arc::clone(&violates);
            CompiledRule { id: rule.id.clone(), violates, beside_parts, diverts: rule.diverts, excludes: rule.excludes, shown, unfit }
        };
        let mut rules: Vec<CompiledRule> = watch.rows.iter().map(compile).collect();
        let all: Vec<_> = rules.iter().map(|rule| Arc::clone(&rule.violates)).collect();
        let (parts, beside_parts) = Parts::of(&all, schema).map_err(|error| explain(error, &Context::default()))?;
        for (rule, beside_parts) in rules.iter_mut().zip(beside_parts) {
            rule.beside_parts = beside_parts;
        }
        let (schema, examples) = (Arc::clone(schema), watch.examples);
        let shown = if watch.only_examples { Shown::FirstAlone } else { Shown::Anywhere };
        Ok(Self { schema, rules, parts, examples, all_rows: watch.all_rows, shown, is_strict: true })
    }

    /// Empty counts.
    pub(crate) fn counts(&self) -> Counts {
        let unfit = |rule: &CompiledRule| rule.unfit.as_ref().map(|error| error.message().to_owned());
        Counts { rows: 0, rules: self.rules.iter().map(|rule| RuleCount { error: unfit(rule), ..RuleCount::default() }).collect() }
    }

    /// Whether nothing is left to look for.
    pub(crate) fn has_enough(&self, counts: &Counts) -> bool {
        self.shown == Shown::FirstAlone && counts.rules.iter().all(|rule| rule.error.is_some() || rule.examples.len() >= self.examples)
    }

    /// Judges every rule on a batch, and tells which rows are to be diverted.
    pub(crate) fn look(&self, batch: &RecordBatch, counts: &mut Counts) -> Result<Option<Diverted>> {
        let mut broken: Vec<(&str, BooleanArray)> = Vec::new();
        let mut excluded: Option<BooleanArray> = None;
        let beside_parts = self.parts.beside(batch);
        for (rule, count) in self.rules.iter().zip(&mut counts.rules) {
            let violates = match rule.evaluate(batch, beside_parts.as_ref()) {
                Ok(violates) => violates,
                // Only a rule that decides where rows go stops the scan; any other fails alone.
                Err(error) if !self.is_strict || (!rule.diverts && !rule.excludes) => {
                    count.error.get_or_insert_with(|| error.message().to_owned());
                    continue;
                }
                Err(error) => return Err(error),
            };
            let violates = match &excluded {
                Some(excluded) => and_not_excluded(&violates, excluded),
                None => violates,
            };
            if rule.excludes && violates.true_count() > 0 {
                excluded = Some(violates.clone());
            }
            let violations = violates.true_count();
            if violations == 0 {
                continue;
            }
            count.violations += violations as u64;
            self.note_rows(rule, batch, &Broken { violates: &violates, excluded: excluded.as_ref(), before: counts.rows }, count)?;
            if rule.diverts {
                broken.push((&rule.id, violates));
            }
        }
        counts.rows += (batch.num_rows() - excluded.map_or(0, |excluded| excluded.true_count())) as u64;
        diverted(&broken)
    }

    fn note_rows(&self, rule: &CompiledRule, batch: &RecordBatch, broken: &Broken<'_>, count: &mut RuleCount) -> Result<()> {
        let rows = || (0..batch.num_rows()).filter(|row| broken.violates.is_valid(*row) && broken.violates.value(*row));
        if self.shown != Shown::Anywhere {
            let missing = self.examples.saturating_sub(count.examples.len());
            count.examples.extend(rows().take(missing).map(|row| (0, shown_of(rule.shown.iter().map(|at| batch.column(*at)), row))));
        } else if self.examples > 0 {
            self.note_examples(rule, batch, broken.violates, &mut count.examples)?;
        }
        if self.all_rows {
            count.rows.extend(rows().map(|row| broken.number(row)));
        }
        Ok(())
    }

    /// Keeps those rows as examples that have the least hashes: they are the same whichever task comes to them first, and from all over the rows.
    fn note_examples(
        &self,
        rule: &CompiledRule,
        batch: &RecordBatch,
        violates: &BooleanArray,
        examples: &mut Vec<(u64, Vec<Value>)>,
    ) -> Result<()> {
        let shown: Vec<ArrayRef> = rule
            .shown
            .iter()
            .map(|at| filter(batch.column(*at), violates))
            .collect::<Result<_, _>>()
            .map_err(|error| explain(error.into(), &Context::default()))?;
        for (row, hash) in self.order(rule, &shown, violates.true_count())?.into_iter().enumerate() {
            if examples.len() >= self.examples && examples.last().is_some_and(|(most, _)| *most <= hash) {
                continue;
            }
            // One that looks like another says nothing new.
            if let Err(place) = examples.binary_search_by_key(&hash, |(other, _)| *other) {
                examples.insert(place, (hash, shown_of(shown.iter(), row)));
                examples.truncate(self.examples);
            }
        }
        Ok(())
    }

    /// A number per row; the rows with the least are the examples. What is no row is found by its line, so the first lines are shown.
    fn order(&self, rule: &CompiledRule, shown: &[ArrayRef], rows: usize) -> Result<Vec<u64>> {
        let line = rule.shown.iter().position(|at| rule.excludes && self.schema.field(*at).name() == PLACE[1]);
        let lines = line.and_then(|line| shown[line].as_primitive_opt::<Int64Type>());
        lines.map_or_else(|| hashes(shown, rows), |lines| Ok(lines.values().iter().map(|line| line.unsigned_abs()).collect()))
    }

    /// Of the examples of all tasks those that are shown: in their order, where that is told, else as people sort them.
    fn chosen(&self, mut examples: Vec<(u64, Vec<Value>)>) -> Vec<Vec<Value>> {
        examples.sort_by_key(|(hash, _)| *hash);
        if self.shown == Shown::Anywhere {
            examples.dedup_by_key(|(hash, _)| *hash);
        }
        examples.truncate(self.examples);
        let mut rows: Vec<Vec<Value>> = examples.into_iter().map(|(_, row)| row).collect();
        if self.shown == Shown::Anywhere {
            rows.sort_by(|one, other| in_order(one, other));
        }
        rows
    }

    /// Adds up what the tasks have counted.
    pub(crate) fn watched(&self, counts: Vec<Counts>) -> Watched {
        let mut watched = Watched { rows: counts.iter().map(|count| count.rows).sum(), ..Watched::default() };
        let mut per_rule: Vec<RuleCount> = self.rules.iter().map(|_| RuleCount::default()).collect();
        for count in counts {
            for (sum, part) in per_rule.iter_mut().zip(count.rules) {
                sum.violations += part.violations;
                sum.examples.extend(part.examples);
                sum.rows.extend(part.rows);
                sum.error = sum.error.take().or(part.error);
            }
        }
        for (rule, mut sum) in self.rules.iter().zip(per_rule) {
            let examples = self.chosen(sum.examples);
            sum.rows.sort_unstable();
            let shown = Schema::new(rule.shown.iter().map(|index| self.schema.field(*index).clone()).collect::<Vec<_>>());
            watched.rules.push(WatchedRule {
                id: rule.id.clone(),
                violations: sum.violations,
                examples: Rows { columns: types::columns(&shown), is_cut: sum.violations > examples.len() as u64, rows: examples },
                violating_rows: self.all_rows.then_some(sum.rows),
                error: sum.error,
            });
        }
        watched
    }
}

impl CompiledRule {
    fn evaluate(&self, batch: &RecordBatch, beside_parts: Option<&RecordBatch>) -> Result<BooleanArray> {
        let failed = |error| cannot_judge(&self.id, &explain(error, &Context::default()));
        let value = match beside_parts {
            Some(rows) => self.beside_parts.evaluate(rows),
            None => self.violates.evaluate(batch),
        };
        let array = value.and_then(|value| value.into_array(batch.num_rows())).map_err(failed)?;
        match array.as_boolean_opt() {
            Some(boolean) => Ok(boolean.clone()),
            None => Err(Error::user(format!(
                "rule `{}` cannot be judged: its expression gives {}, not true or false",
                self.id,
                types::sql_type(array.data_type())
            ))
            .code("HW602")),
        }
    }
}

/// A row of the columns that are shown.
fn shown_of<'a>(columns: impl Iterator<Item = &'a ArrayRef>, row: usize) -> Vec<Value> {
    columns.map(|column| types::value(column.as_ref(), row)).collect()
}

/// How people sort two rows: by the first values that differ, numbers by their size.
fn in_order(one: &[Value], other: &[Value]) -> Ordering {
    let of_values = |(one, other): (&Value, &Value)| match (one.as_f64(), other.as_f64()) {
        (Some(one), Some(other)) => one.total_cmp(&other),
        (Some(_), None) => Ordering::Less,
        (None, Some(_)) => Ordering::Greater,
        (None, None) => one.to_json().to_string().cmp(&other.to_json().to_string()),
    };
    one.iter().zip(other).map(of_values).find(|order| order.is_ne()).unwrap_or(Ordering::Equal)
}

/// The violations among the rows that are not excluded.
fn and_not_excluded(violates: &BooleanArray, excluded: &BooleanArray) -> BooleanArray {
    let is_true = |array: &BooleanArray, row: usize| array.is_valid(row) && array.value(row);
    (0..violates.len()).map(|row| Some(is_true(violates, row) && !is_true(excluded, row))).collect()
}

fn cannot_judge(id: &str, error: &Error) -> Error {
    let mut explained = Error::user(format!("rule `{id}` cannot be judged: {}", error.message())).code("HW602");
    for help in error.remedies() {
        explained = explained.help(help.clone());
    }
    explained
}

/// Joins the masks of the broken rules, and names the rules of each row.
fn diverted(broken: &[(&str, BooleanArray)]) -> Result<Option<Diverted>> {
    let Some((_, first)) = broken.first() else { return Ok(None) };
    let mut mask = first.clone();
    for (_, other) in &broken[1..] {
        mask = or_kleene(&mask, other).map_err(|error| explain(error.into(), &Context::default()))?;
    }
    let is_broken = |rule: &BooleanArray, row: usize| rule.is_valid(row) && rule.value(row);
    let mask: BooleanArray = (0..mask.len()).map(|row| Some(is_broken(&mask, row))).collect();
    let rules = (0..mask.len()).filter(|row| mask.value(*row)).map(|row| {
        let names: Vec<&str> = broken.iter().filter(|(_, rule)| is_broken(rule, row)).map(|(id, _)| *id).collect();
        Some(names.join(", "))
    });
    Ok(Some(Diverted { rules: rules.collect(), mask }))
}

/// A query over the batches as they pass by, fed through channels: any SQL aggregate, in the same scan. Without aggregates it has no
/// channels.
#[derive(Default)]
pub(crate) struct Tap {
    ids: Vec<String>,
    senders: Vec<mpsc::Sender<RecordBatch>>,
    query: Option<tokio::task::JoinHandle<Result<Vec<Value>>>>,
}

impl Tap {
    /// Starts aggregates over rows of `schema` from `tasks` tasks, which its query calls `rows`.
    pub(crate) async fn open(
        session: &Session,
        (rows, schema): (&str, &SchemaRef),
        aggregates: &[AggregateWatch],
        tasks: usize,
    ) -> Result<Self> {
        if aggregates.is_empty() {
            return Ok(Self::default());
        }
        let (senders, receivers): (Vec<_>, Vec<_>) = (0..tasks).map(|_| mpsc::channel(2)).unzip();
        let parts = receivers.into_iter().map(|receiver| {
            let stream = Channel { schema: Arc::clone(schema), receiver: Mutex::new(Some(receiver)) };
            Arc::new(stream) as Arc<dyn PartitionStream>
        });
        let table = StreamingTable::try_new(Arc::clone(schema), parts.collect()).map_err(|error| explain(error, &Context::default()))?;
        session.register(&[rows], Arc::new(table))?;
        let frame = Self::query_of(session, rows, aggregates).await?;
        let query = tokio::spawn(async move {
            let batches = frame.collect().await.map_err(|error| explain(error, &Context::default()))?;
            let row = batches.iter().find(|batch| batch.num_rows() > 0);
            Ok(row.map(|batch| batch.columns().iter().map(|column| types::value(column.as_ref(), 0)).collect()).unwrap_or_default())
        });
        Ok(Self { ids: aggregates.iter().map(|aggregate| aggregate.id.clone()).collect(), senders, query: Some(query) })
    }

    /// The same for rules, none of which may take the others with it: where one cannot be planned, no aggregate is taken.
    pub(crate) async fn of_rules(session: &Session, rows: (&str, &SchemaRef), aggregates: &[AggregateWatch], tasks: usize) -> Result<Self> {
        match Self::open(session, rows, aggregates, tasks).await {
            Err(error) if error.known_code() == Some("HW602") => Ok(Self::default()),
            tap => tap,
        }
    }

    /// All aggregates as one query; where it cannot be planned, the aggregate to blame is named.
    async fn query_of(session: &Session, rows: &str, aggregates: &[AggregateWatch]) -> Result<DataFrame> {
        let columns: Vec<String> =
            aggregates.iter().enumerate().map(|(i, aggregate)| format!("{} as a{i}", aggregate.expression)).collect();
        let planned = session.query(&format!("select {} from {rows}", columns.join(", ")), None).await;
        if planned.is_err() {
            for aggregate in aggregates {
                let alone = format!("select {} from {rows}", aggregate.expression);
                session.query(&alone, None).await.map_err(|error| cannot_judge(&aggregate.id, &error))?;
            }
        }
        planned
    }

    /// The channel of one task. Dropping it says that the task has no more rows.
    pub(crate) fn sender(&self, task: usize) -> Option<mpsc::Sender<RecordBatch>> {
        self.senders.get(task).cloned()
    }

    /// The aggregates, once every task has dropped its channel.
    pub(crate) async fn finish(self) -> Result<Vec<WatchedAggregate>> {
        drop(self.senders);
        let Some(query) = self.query else { return Ok(vec![]) };
        let values = query.await.map_err(|error| Error::bug(format!("the aggregates of the rules ended early: {error}")))??;
        Ok(self.ids.into_iter().zip(values).map(|(id, value)| WatchedAggregate { id, value }).collect())
    }

    /// The same for rules: none where one of them fails on the rows. Which one, tells who asks for them one by one.
    pub(crate) async fn finish_of_rules(self) -> Result<Vec<WatchedAggregate>> {
        match self.finish().await {
            Err(error) if error.known_code() == Some("HW301") => Ok(vec![]),
            aggregates => aggregates,
        }
    }
}

#[derive(Debug)]
struct Channel {
    schema: SchemaRef,
    receiver: Mutex<Option<mpsc::Receiver<RecordBatch>>>,
}

impl PartitionStream for Channel {
    fn schema(&self) -> &SchemaRef {
        &self.schema
    }

    fn execute(&self, _: Arc<TaskContext>) -> SendableRecordBatchStream {
        let receiver = self.receiver.lock().unwrap_or_else(PoisonError::into_inner).take();
        let batches = futures::stream::unfold(receiver, |receiver| async move {
            let mut receiver = receiver?;
            receiver.recv().await.map(|batch| (Ok(batch), Some(receiver)))
        });
        Box::pin(RecordBatchStreamAdapter::new(Arc::clone(&self.schema), batches))
    }
}

#[cfg(test)]
mod tests {
    use datafusion::arrow::array::{ArrayRef, Int64Array};
    use datafusion::datasource::MemTable;
    use hw_base::{Engine, Input, Reader, RowWatch};

    use super::*;
    use crate::testing::engine;

    #[tokio::test]
    async fn examples_are_different_rows_and_the_same_ones_each_time() {
        let folder = tempfile::tempdir().unwrap();
        let engine = engine(folder.path(), 4);
        let batch = |at: i64| {
            let numbers = Int64Array::from_iter_values((0..100).map(|row| (row * at) % 7 - 5));
            RecordBatch::try_from_iter([("n", Arc::new(numbers) as ArrayRef)]).unwrap()
        };
        let batches: Vec<RecordBatch> = (0..40).map(batch).collect();
        let parts: Vec<Vec<RecordBatch>> = batches.chunks(10).map(<[RecordBatch]>::to_vec).collect();
        engine.live().open("numbers", Arc::new(MemTable::try_new(batches[0].schema(), parts).unwrap()));
        let inputs = vec![Input::Live { name: "numbers".into(), relation: "numbers".into() }];
        let reader = Reader { sql: "select n from numbers".into(), inputs, file: None };
        let rule = RowWatch { id: "n".into(), violates: "n < 0".into(), diverts: false, excludes: false };
        let watch = Watch { rows: vec![rule], examples: 3, ..Watch::default() };
        let first = engine.watch(&reader, &watch).await.unwrap().rules.remove(0).examples.rows;
        assert!(first.len() == 3 && first.windows(2).all(|pair| pair[0] != pair[1]), "{first:?}");
        for _ in 0..5 {
            assert_eq!(engine.watch(&reader, &watch).await.unwrap().rules[0].examples.rows, first);
        }
    }

    #[tokio::test]
    async fn where_examples_are_all_that_is_wanted_reading_ends_with_them() {
        let folder = tempfile::tempdir().unwrap();
        let mut engine = engine(folder.path(), 2);
        engine.answer_in_order();
        let batch = |at: i64| {
            let numbers = Int64Array::from_iter_values(at * 100..(at + 1) * 100);
            RecordBatch::try_from_iter([("n", Arc::new(numbers) as ArrayRef)]).unwrap()
        };
        let batches: Vec<RecordBatch> = (0..500).map(batch).collect();
        engine.live().open("numbers", Arc::new(MemTable::try_new(batches[0].schema(), vec![batches]).unwrap()));
        let inputs = vec![Input::Live { name: "numbers".into(), relation: "numbers".into() }];
        let reader = Reader { sql: "select n from numbers".into(), inputs, file: None };
        let rule = |violates: &str| RowWatch { id: violates.into(), violates: violates.into(), diverts: false, excludes: false };
        let watch = |rules: &[&str], only_examples| Watch {
            rows: rules.iter().map(|violates| rule(violates)).collect(),
            examples: 3,
            only_examples,
            ..Watch::default()
        };
        let all = engine.watch(&reader, &watch(&["n >= 10"], false)).await.unwrap();
        assert_eq!((all.rows, all.rules[0].violations), (50_000, 49_990));
        let few = engine.watch(&reader, &watch(&["n >= 10"], true)).await.unwrap();
        assert!(few.rows < 50_000, "{}", few.rows);
        assert_eq!(few.rules[0].examples.rows, all.rules[0].examples.rows);
        let rare = engine.watch(&reader, &watch(&["n >= 10", "n = 49999"], true)).await.unwrap();
        assert_eq!((rare.rows, rare.rules[1].violations), (50_000, 1), "one that is rare is looked for to the end");
    }
}
