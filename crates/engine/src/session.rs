//! Sessions: a query with its names bound to tables, within the memory limit.

use std::ops::ControlFlow;
use std::sync::atomic::{AtomicUsize, Ordering};
use std::sync::{Arc, OnceLock};

use datafusion::arrow::datatypes::Field;
use datafusion::catalog::{
    CatalogProvider, CatalogProviderList, MemoryCatalogProvider, MemoryCatalogProviderList, MemorySchemaProvider, TableProvider,
};
use datafusion::common::tree_node::{Transformed, TreeNode, TreeNodeRecursion};
use datafusion::common::{DFSchema, Statistics, plan_err};
use datafusion::config::ConfigNonZeroUsize;
use datafusion::dataframe::DataFrame;
use datafusion::datasource::ViewTable;
use datafusion::execution::context::SQLOptions;
use datafusion::execution::{FunctionRegistry as _, SendableRecordBatchStream, SessionState};
use datafusion::logical_expr::expr::InList;
use datafusion::logical_expr::simplify::SimplifyContext;
use datafusion::logical_expr::{Expr, LogicalPlan, ScalarUDF};
use datafusion::optimizer::simplify_expressions::ExprSimplifier;
use datafusion::physical_expr::PhysicalExpr;
use datafusion::prelude::{SessionConfig, SessionContext};
use datafusion::sql::parser::Statement;
use hw_base::{ByteSize, DatasetName, Error, Input, ORIGIN_COLUMNS, Reader, Reference, Result, Span, StagedBatch, TableName, unknown};

use crate::changes;
use crate::failure::{Context, explain};
use crate::local::LocalEngine;
use crate::shown::Shown;
use crate::sql::arithmetic::checked;
use crate::sql::constants::fitting;
use crate::sql::distinct_from::bind_closely;
use crate::sql::moments::compared;
use crate::sql::own_tables::with_own_tables;
use crate::sql::standard::in_known_words;
use crate::sql::unknown_columns::with_further;
use crate::sql::wide;
use crate::sql::{read_before, references, say_what_is_meant};

/// How a query is run: each level uses less memory and more time than the one before.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(crate) enum Effort {
    /// Hash joins, all cores.
    Fast,
    /// The same, and the streams of a table are pieces of it, one after the other: whichever core is faster, each reads the same rows.
    InPieces,
    /// Hash joins, one stream: the same data gives the same rows in the same order, on however many cores.
    InOrder,
    /// Joins that sort and spill.
    Spilling,
    /// The same on one core, so that one operator may use all of the memory.
    Single,
}

impl Effort {
    /// The level to try when this one ran out of memory.
    pub(crate) fn next(self) -> Option<Self> {
        match self {
            Self::Fast | Self::InPieces => Some(Self::Spilling),
            Self::InOrder | Self::Spilling => Some(Self::Single),
            Self::Single => None,
        }
    }

    /// Sets the options that make it so.
    fn apply(self, config: &mut SessionConfig) {
        let options = config.options_mut();
        if matches!(self, Self::InOrder | Self::Single) {
            options.execution.target_partitions = 1;
        }
        if self == Self::Single
            && let Ok(rows) = ConfigNonZeroUsize::try_new(ROWS_AT_LAST)
        {
            options.execution.batch_size = rows;
        }
        options.execution.enable_file_stream_work_stealing = matches!(self, Self::Fast | Self::Spilling);
        options.optimizer.enable_round_robin_repartition = matches!(self, Self::Fast | Self::Spilling);
    }
}

/// A session whose names are bound.
pub(crate) struct Session {
    /// What plans a query. Every copy of it costs more than planning a short one.
    pub(crate) state: Box<SessionState>,
    /// DataFusion's own session, where one is needed.
    context: OnceLock<SessionContext>,
    memory: ByteSize,
    /// The bytes that a row takes in its files, of the table whose rows take most.
    widest: AtomicUsize,
}

/// So many bytes of files a batch holds at most, about; in memory they are some times as many.
const BYTES_AT_ONCE: usize = 2 << 20;
/// So many rows a batch has where nothing else helped.
const ROWS_AT_LAST: usize = 512;
/// A batch has no fewer rows than these because they are wide.
const FEWEST_AT_ONCE: usize = 256;

const CATALOG: &str = "warehouse";
const SCHEMA: &str = "main";

impl Session {
    /// An empty session.
    pub(crate) fn new(engine: &LocalEngine, effort: Effort) -> Self {
        let mut config = SessionConfig::new()
            .with_target_partitions(engine.threads)
            .with_default_catalog_and_schema(CATALOG, SCHEMA)
            .with_create_default_catalog_and_schema(true)
            .with_information_schema(false);
        let options = config.options_mut();
        options.sql_parser.collect_spans = true;
        options.execution.parquet.pushdown_filters = false;
        // The two kinds of plan differ in whether `… is not true` may be null, which changes no row, and a query that asks it twice would be refused.
        options.execution.skip_physical_aggregate_schema_check = true;
        effort.apply(&mut config);
        if let Some(deadline) = &engine.deadline {
            config = config.with_extension(Arc::new(deadline.clone()));
        }
        let mut state = engine.blank_session(effort);
        *state.config_mut() = config;
        let tables = MemoryCatalogProvider::new();
        // A fresh catalog has no schema that could refuse.
        let _ = tables.register_schema(SCHEMA, Arc::new(MemorySchemaProvider::new()));
        let catalogs = MemoryCatalogProviderList::new();
        catalogs.register_catalog(CATALOG.to_owned(), Arc::new(tables));
        state.register_catalog_list(Arc::new(catalogs));
        state.mark_start_execution();
        Self { state: Box::new(state), context: OnceLock::new(), memory: engine.memory, widest: AtomicUsize::default() }
    }

    /// DataFusion's own session over the same tables.
    pub(crate) fn context(&self) -> &SessionContext {
        self.context.get_or_init(|| SessionContext::new_with_state(SessionState::clone(&self.state)))
    }

    /// Makes a function known to queries.
    pub(crate) fn knows(&mut self, function: ScalarUDF) -> Result<()> {
        let known = self.state.register_udf(Arc::new(function));
        known.map(drop).map_err(|error| explain(error, &Context::default()))
    }

    /// A session in which every table that `reader` names is bound.
    pub(crate) async fn for_reader(engine: &LocalEngine, reader: &Reader, effort: Effort) -> Result<Self> {
        let mut session = Self::new(engine, effort);
        let references = Self::all_references(reader)?;
        for reference in &references {
            session.bind(engine, reader, reference).await?;
        }
        session.take_less_at_once();
        session.name_queries(reader, &references).await?;
        Ok(session)
    }

    /// Has rows come in smaller batches where a table has wide ones: a sort or a join holds several batches of each of its inputs.
    fn take_less_at_once(&mut self) {
        let width = self.widest.load(Ordering::Relaxed).max(1);
        let fitting = (BYTES_AT_ONCE / width).max(FEWEST_AT_ONCE);
        if fitting < self.state.config().batch_size()
            && let Ok(rows) = ConfigNonZeroUsize::try_new(fitting)
        {
            self.state.config_mut().options_mut().execution.batch_size = rows;
        }
    }

    /// Gives the queries among the inputs their names.
    async fn name_queries(&self, reader: &Reader, references: &[Reference]) -> Result<()> {
        for input in &reader.inputs {
            if let Input::Query { name, sql } = input {
                let view = Arc::new(ViewTable::new(self.plan(sql, None).await?, None));
                // A dot may stand inside a name, such as that of a file.
                let written = references.iter().find(|reference| reference.parts.join(".") == *name);
                let parts: Vec<&str> =
                    written.map_or_else(|| name.split('.').collect(), |written| written.parts.iter().map(String::as_str).collect());
                self.register(&parts, view)?;
            }
        }
        Ok(())
    }

    /// A session in which `staged` names the rows of a batch and `after` the table as it would be.
    pub(crate) async fn for_staged(engine: &LocalEngine, batch: &StagedBatch, reader: &Reader, effort: Effort) -> Result<Self> {
        let session = Self::new(engine, effort);
        let (staged, after) = engine.staged_tables(batch).await?;
        session.register(&["staged"], Arc::new(staged))?;
        session.register(&["after"], Arc::new(after))?;
        let references = Self::all_references(reader)?;
        for reference in &references {
            if !["staged", "after"].contains(&reference.parts.join(".").as_str()) {
                session.bind(engine, reader, reference).await?;
            }
        }
        session.name_queries(reader, &references).await?;
        Ok(session)
    }

    /// The tables that the query and the queries among its inputs name.
    fn all_references(reader: &Reader) -> Result<Vec<Reference>> {
        let mut all = references(&reader.sql, reader.file.as_deref())?;
        for input in &reader.inputs {
            if let Input::Query { sql, .. } = input {
                all.extend(references(sql, None)?);
            }
        }
        all.dedup_by(|a, b| a.parts == b.parts);
        Ok(all)
    }

    /// Binds an input of `reader` that its query does not name.
    pub(crate) async fn bind_input(&self, engine: &LocalEngine, reader: &Reader, name: &str) -> Result<()> {
        self.bind(engine, reader, &Reference { parts: vec![name.to_owned()], line: 1, column: 1 }).await
    }

    async fn bind(&self, engine: &LocalEngine, reader: &Reader, reference: &Reference) -> Result<()> {
        let name = reference.parts.join(".");
        let parts: Vec<&str> = reference.parts.iter().map(String::as_str).collect();
        let input = reader.inputs.iter().find(|input| input.name() == name);
        let table = match input {
            Some(Input::Query { .. }) => return Ok(()),
            Some(Input::Live { relation, .. }) => engine.live.find(relation),
            Some(Input::Reader { reader, .. }) => Some(Box::pin(self.view(engine, reader)).await?),
            Some(Input::Changes { before, after, .. }) => changes::between(engine, before, after).await?,
            Some(Input::Difference { before, after, .. }) => changes::difference(engine, before, after).await?,
            Some(Input::Table { table, version, after_batch, up_to_batch, hides_origin, .. }) => {
                let snapshot = engine.warehouse.open(table, *version).await?;
                let table = snapshot.map(|snapshot| {
                    let files = snapshot.files.iter().filter(|file| batch_is_between(file, *after_batch, *up_to_batch)).cloned().collect();
                    Arc::new(snapshot.table_of(files)) as Arc<dyn TableProvider>
                });
                match table {
                    Some(table) if *hides_origin => Some(Self::without_origin(table)?),
                    table => table,
                }
            }
            None => match table_of(&parts) {
                Some(table) => engine.readable(&table).await?.map(|snapshot| Arc::new(snapshot.table()) as _),
                None => engine.live.find(&name),
            },
        };
        let Some(table) = table else { return Err(unknown_table(engine, reader, reference)) };
        self.register(&parts, table)
    }

    /// The rows of a query that has inputs of its own.
    async fn view(&self, engine: &LocalEngine, reader: &Reader) -> Result<Arc<dyn TableProvider>> {
        let session = Self::for_reader(engine, reader, Effort::Fast).await?;
        self.widest.fetch_max(session.widest.load(Ordering::Relaxed), Ordering::Relaxed);
        let plan = session.plan(&reader.sql, reader.file.as_deref()).await?;
        let plan = with_own_tables(plan).map_err(|error| explain(error, &session.reading(reader)))?;
        Ok(session.frame(plan).into_view())
    }

    /// The table without the columns that tell where a row came from.
    fn without_origin(table: Arc<dyn TableProvider>) -> Result<Arc<dyn TableProvider>> {
        let own = |field: &Arc<Field>| !ORIGIN_COLUMNS.contains(&field.name().as_str());
        let shown = table.schema().fields().iter().enumerate().filter(|(_, field)| own(field)).map(|(at, _)| at).collect();
        Shown::new(table, shown).map(|shown| Arc::new(shown) as _).map_err(|error| explain(error, &Context::default()))
    }

    /// Registers a table under a name of up to three parts.
    pub(crate) fn register(&self, parts: &[&str], table: Arc<dyn TableProvider>) -> Result<()> {
        let (catalog, schema, name) = match parts {
            [name] => (CATALOG, SCHEMA, *name),
            [schema, name] => (CATALOG, *schema, *name),
            [catalog, schema, name] => (*catalog, *schema, *name),
            _ => return Err(Error::user(format!("`{}` has too many parts to be a table", parts.join("."))).code("HW302")),
        };
        if let Some(Statistics { num_rows, total_byte_size, .. }) = table.statistics()
            && let (Some(rows), Some(bytes)) = (num_rows.get_value(), total_byte_size.get_value())
        {
            self.widest.fetch_max(bytes / rows.max(&1), Ordering::Relaxed);
        }
        let catalogs = self.state.catalog_list();
        let catalog = catalogs.catalog(catalog).unwrap_or_else(|| {
            let made: Arc<dyn CatalogProvider> = Arc::new(MemoryCatalogProvider::new());
            catalogs.register_catalog(catalog.to_owned(), Arc::clone(&made));
            made
        });
        if catalog.schema(schema).is_none() {
            let made = Arc::new(MemorySchemaProvider::new());
            catalog.register_schema(schema, made).map_err(|error| explain(error, &Context::default()))?;
        }
        let schema = catalog.schema(schema).ok_or_else(|| Error::bug("a schema that was just made is gone"))?;
        if schema.table_exist(name) {
            return Ok(());
        }
        schema.register_table(name.to_owned(), table).map(|_| ()).map_err(|error| explain(error, &Context::default()))
    }

    /// A query, ready to run. Only SELECTs are allowed.
    pub(crate) async fn query(&self, sql: &str, file: Option<&str>) -> Result<DataFrame> {
        self.plan(sql, file).await.map(|plan| self.frame(plan))
    }

    /// A plan of this session, ready to run.
    pub(crate) fn frame(&self, plan: LogicalPlan) -> DataFrame {
        DataFrame::new(SessionState::clone(&self.state), plan)
    }

    /// The plan of a query, with the types that its rows will have.
    pub(crate) async fn plan(&self, sql: &str, file: Option<&str>) -> Result<LogicalPlan> {
        let plan = self.plan_as_written(sql, file).await?;
        if !is_typed_by_a_part(&plan) {
            return Ok(plan);
        }
        let analysed = self.state.analyzer().execute_and_check(plan, self.state.config_options(), |_, _| {});
        analysed.map_err(|error| explain(error, &Context { sql: Some(sql), ..self.about(file) }))
    }

    async fn plan_as_written(&self, sql: &str, file: Option<&str>) -> Result<LogicalPlan> {
        let options = SQLOptions::new().with_allow_ddl(false).with_allow_dml(false).with_allow_statements(false);
        if let Some(wide) = wide::split(sql)
            && let Some(frame) = wide.plan(self.context()).await
        {
            return Ok(frame.into_unoptimized_plan());
        }
        if let Some(name) = wide::whole_table(sql)
            && self.is_wide(name).await
            && let Ok(frame) = self.context().table(name).await
        {
            return Ok(frame.into_unoptimized_plan());
        }
        let failed = |error| explain(error, &Context { sql: Some(sql), ..self.about(file) });
        let statement = match read_before(sql) {
            Some(statement) => Statement::clone(&statement),
            None => self.read(sql).map_err(failed)?,
        };
        let plan = match Box::pin(self.state.statement_to_plan(statement)).await {
            Ok(plan) => plan,
            Err(error) => {
                let statement = self.read(sql).map_err(failed)?;
                let mut errors: Vec<Error> = Box::pin(with_further(&self.state, statement, error)).await.into_iter().map(failed).collect();
                errors.sort_by_key(|error| error.span().map(|span| (span.line, span.column)));
                return Err(Error::all(errors).unwrap_or_else(|| Error::bug("a query failed without a message")));
            }
        };
        options.verify_plan(&plan).map_err(failed)?;
        if sql.contains(['$', '?']) {
            refuse_placeholders(&plan, sql, file)?;
        }
        Ok(plan)
    }

    fn read(&self, sql: &str) -> datafusion::error::Result<Statement> {
        let mut statement = self.state.sql_to_statement(sql, &self.state.config_options().sql_parser.dialect)?;
        if let Statement::Statement(query) = &mut statement
            && let ControlFlow::Break(unclear) = say_what_is_meant(query)
        {
            return plan_err!("{}", unclear.message());
        }
        Ok(statement)
    }

    /// Whether a table has very many columns.
    async fn is_wide(&self, name: &str) -> bool {
        let schema = self.state.catalog_list().catalog(CATALOG).and_then(|catalog| catalog.schema(SCHEMA));
        let Some(schema) = schema else { return false };
        schema.table(name).await.ok().flatten().is_some_and(|table| table.schema().fields().len() >= wide::MANY)
    }

    /// The same query with its rows in an order that is the same every time. One that gives a single row keeps all cores.
    pub(crate) fn in_order(frame: DataFrame) -> DataFrame {
        let (mut state, plan) = frame.into_parts();
        if !gives_one_row(&plan) {
            state.config_mut().options_mut().execution.target_partitions = 1;
        }
        DataFrame::new(state, plan)
    }

    /// The rows of a query, as one stream.
    pub(crate) async fn rows(&self, sql: &str) -> Result<SendableRecordBatchStream> {
        self.query(sql, None).await?.execute_stream().await.map_err(|error| explain(error, &self.about(None)))
    }

    /// What a failure of the query of `reader` is about.
    pub(crate) fn reading<'a>(&self, reader: &'a Reader) -> Context<'a> {
        Context { sql: Some(&reader.sql), ..self.about(reader.file.as_deref()) }
    }

    /// An SQL expression over single rows, ready to be evaluated.
    pub(crate) fn row_expression(&self, sql: &str, schema: &DFSchema) -> datafusion::error::Result<Arc<dyn PhysicalExpr>> {
        let mut read = self.state.sql_to_expr_with_alias(sql, &self.state.config_options().sql_parser.dialect)?;
        in_known_words(&mut read.expr);
        bind_closely(&mut read.expr);
        let expression = compared(self.state.create_logical_expr_from_sql_expr(read, schema)?, schema)?.data;
        let simplify = SimplifyContext::builder().with_schema(Arc::new(schema.clone())).with_current_time().build();
        let simplifier = ExprSimplifier::new(simplify);
        // Some functions, such as `coalesce`, are only evaluated in their simplified form.
        let expression = fitting(simplifier.coerce(expression, schema)?, schema)?.data;
        let expression = compared_one_by_one(simplifier.simplify(expression)?)?;
        checked(self.state.create_physical_expr(expression, schema)?, schema.as_arrow()).map(|done| done.data)
    }

    /// What a failure of a query from `file` is about.
    pub(crate) fn about<'a>(&self, file: Option<&'a str>) -> Context<'a> {
        Context { file, sql: None, memory: Some(self.memory) }
    }
}

/// Whether a query gives one row however many it reads: aggregates over all of them.
pub(crate) fn gives_one_row(plan: &LogicalPlan) -> bool {
    match plan {
        LogicalPlan::Aggregate(aggregate) => aggregate.group_expr.is_empty(),
        LogicalPlan::Projection(projection) => gives_one_row(&projection.input),
        LogicalPlan::SubqueryAlias(alias) => gives_one_row(&alias.input),
        _ => false,
    }
}

/// Whether a plan may say other types than its rows will have. A UNION and a CASE have the type of their first part until they are analysed, and a
/// table made of `1` and `1.5` would be one of whole numbers.
fn is_typed_by_a_part(plan: &LogicalPlan) -> bool {
    let mut found = false;
    let looked = plan.apply_with_subqueries(|node| {
        found |= matches!(node, LogicalPlan::Union(_));
        node.apply_expressions(|expression| {
            found |= expression.exists(|part| Ok(matches!(part, Expr::Case(_))))?;
            Ok(TreeNodeRecursion::Continue)
        })?;
        Ok(if found { TreeNodeRecursion::Stop } else { TreeNodeRecursion::Continue })
    });
    found || looked.is_err()
}

/// How many values a column is compared with one by one: that takes less time than looking every row up in a table of them.
const FEW_VALUES: usize = 8;

/// The expression with `column in (…)` written as comparisons where the values are few.
fn compared_one_by_one(expression: Expr) -> datafusion::error::Result<Expr> {
    let is_few = |list: &InList| {
        matches!(*list.expr, Expr::Column(_))
            && list.list.len() <= FEW_VALUES
            && list.list.iter().all(|value| matches!(value, Expr::Literal(..)))
    };
    let rewrite = |expression: Expr| {
        let Expr::InList(list) = &expression else { return Ok(Transformed::no(expression)) };
        let column = || list.expr.as_ref().clone();
        let compared = match list.negated {
            _ if !is_few(list) => None,
            true => list.list.iter().map(|value| column().not_eq(value.clone())).reduce(Expr::and),
            false => list.list.iter().map(|value| column().eq(value.clone())).reduce(Expr::or),
        };
        Ok(compared.map_or(Transformed::no(expression), Transformed::yes))
    };
    expression.transform_up(rewrite).map(|done| done.data)
}

/// The table of the warehouse that a name means by itself.
fn table_of(parts: &[&str]) -> Option<TableName> {
    match parts {
        [name] => Some(TableName::model(*name)),
        ["production", name] => Some(TableName::model(*name).in_production()),
        ["quarantine", name] => Some(TableName::model(*name).quarantine()),
        ["quarantine", source, dataset] => Some(TableName::raw(&DatasetName::new(*source, *dataset)).quarantine()),
        ["deleted", name] => Some(TableName::model(*name).deleted()),
        ["reviewed", name] => Some(TableName::model(*name).reviewed()),
        ["reviewed", source, dataset] => Some(TableName::raw(&DatasetName::new(*source, *dataset)).reviewed()),
        ["raw", source, dataset] => Some(TableName::raw(&DatasetName::new(*source, *dataset))),
        _ => None,
    }
}

/// Whether a file of a raw copy belongs to one of these batches.
pub(crate) fn batch_is_between(file: &crate::files::TableFile, after: Option<i64>, up_to: Option<i64>) -> bool {
    let batch = file.partition.iter().find(|(column, _)| column == "_batch").and_then(|(_, value)| value.as_ref()?.parse::<i64>().ok());
    match batch {
        Some(batch) => after.is_none_or(|after| batch > after) && up_to.is_none_or(|up_to| batch <= up_to),
        None => true,
    }
}

/// Whether the rows that are kept out of a table have this name in SQL.
fn is_judged(table: &TableName, name: &str) -> bool {
    (table.is_raw() || table.leaf() == table.folder()) && table.quarantine().sql().replace('"', "") == name
}

fn unknown_table(engine: &LocalEngine, reader: &Reader, reference: &Reference) -> Error {
    // A dataset that is open under a name of the program's own is one that nobody writes.
    let is_own = |input: &&Input| matches!(input, Input::Live { name, relation } if name == relation);
    let named = reader.inputs.iter().filter(|input| !is_own(input)).map(|input| input.name().to_owned());
    let (name, tables) = (reference.parts.join("."), engine.warehouse.tables().unwrap_or_default());
    let kept_from = tables.iter().find(|table| reference.parts.first().is_some_and(|part| part == "quarantine") && is_judged(table, &name));
    let error = if let Some(table) = kept_from {
        Error::user(format!("nothing waits in quarantine: no row of `{}` is kept out of its table", table.leaf()))
            .code("HW302")
            .help("`headworks quarantine list` tells which tables have rows there")
    } else {
        let known: Vec<String> = named.chain(tables.iter().map(|table| table.sql().replace('"', ""))).collect();
        unknown("table", &name, known.iter().map(String::as_str)).code("HW302")
    };
    error.at(Span {
        file: reader.file.as_deref().unwrap_or("query").into(),
        line: reference.line,
        column: reference.column,
        length: reference.parts.join(".").chars().count(),
    })
}

/// Values that a query leaves open, as `$1`: nobody gives them.
fn refuse_placeholders(plan: &LogicalPlan, sql: &str, file: Option<&str>) -> Result<()> {
    let names = plan.get_parameter_names().map_err(|error| explain(error, &Context::default()))?;
    let Some(name) = names.into_iter().min() else { return Ok(()) };
    let error = Error::user(format!("`{name}` stands for a value that nobody gives")).code("HW301").help("write the value itself");
    let line = sql.lines().enumerate().find_map(|(at, line)| Some((at + 1, line[..line.find(&name)?].chars().count() + 1)));
    Err(match (line, file) {
        (Some((line, column)), Some(file)) => error.at(Span { file: file.into(), line, column, length: name.len() }),
        _ => error,
    })
}

#[cfg(test)]
mod tests {
    use datafusion::arrow::array::{ArrayRef, Int64Array};
    use datafusion::arrow::record_batch::RecordBatch;
    use datafusion::datasource::MemTable;
    use hw_base::{Engine, Value};

    use super::*;
    use crate::testing;

    #[tokio::test]
    async fn readers_that_mean_other_rows_by_one_name_have_subqueries_of_their_own() {
        let folder = tempfile::tempdir().unwrap();
        let engine = testing::engine(folder.path(), 1);
        let reader = |name: &str, numbers: Vec<i64>| {
            let rows = RecordBatch::try_from_iter([("n", Arc::new(Int64Array::from(numbers)) as ArrayRef)]).unwrap();
            engine.live().open(name, Arc::new(MemTable::try_new(rows.schema(), vec![vec![rows]]).unwrap()));
            let inputs = vec![Input::Live { name: "t".into(), relation: name.into() }];
            let sql = "select n, (select max(n) from t) as m from t where n < (select max(t.n) from t)";
            Input::Reader { name: name.into(), reader: Reader { inputs, ..testing::reader(sql) } }
        };
        let inputs = vec![reader("first", vec![1, 2]), reader("second", vec![3, 4, 5])];
        let both = Reader { inputs, ..testing::reader("select * from first union all select * from second order by n") };
        let rows = engine.query(&both, 10).await.unwrap().rows;
        assert_eq!(rows, [[1, 2], [3, 5], [4, 5]].map(|row| row.map(Value::Int).to_vec()));
    }

    #[test]
    fn a_text_that_is_too_long_to_be_kept_is_read_as_any_other() {
        let long = format!("with f (a, b) as (select 1, 1) select a + b from f where '{}' <> ''", "x".repeat(10_000));
        testing::check(&long, "2");
    }
}
