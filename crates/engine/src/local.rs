//! The engine in this process: DataFusion within a memory limit, over a warehouse of Delta tables.

use std::cmp::Ordering;
use std::collections::BTreeSet;
use std::num::NonZeroUsize;
use std::path::PathBuf;
use std::sync::{Arc, OnceLock};

use datafusion::common::stats::Precision;
use datafusion::execution::FunctionRegistry as _;
use datafusion::execution::disk_manager::{DiskManagerBuilder, DiskManagerMode};
use datafusion::execution::runtime_env::{RuntimeEnv, RuntimeEnvBuilder};
use datafusion::execution::session_state::{SessionState, SessionStateBuilder};
use datafusion::logical_expr::ScalarUDF;
use datafusion::optimizer::AnalyzerRule;
use datafusion::physical_plan::execute_stream_partitioned;
use datafusion::prelude::{SessionConfig, SessionContext};
use deltalake_core::DeltaTable;
use futures::TryStreamExt;
use hw_base::{
    BoxFuture, ByteSize, CodeMemory, CodedTable, Column, CommitNote, Engine, Error, Further, Growth, MeasureSettings, PromotedFrom,
    Published, Reader, Reference, Result, Rows, Sketches, StagedBatch, StagedFile, Staging, TableFacts, TableName, TableState,
    TableVersion, Traced, Watch, Watched,
};
use serde_json::Value as Json;

use crate::beside::Beside;
use crate::by_partition::WindowsByPartition;
use crate::compact::CompactBeforeSorts;
use crate::crowded::{OperatorPool, SharedOutByOne};
use crate::deadline::{Deadline, in_time};
use crate::failure::{Context, explain, explain_delta, io_problem, memory_problem};
use crate::files::FileTable;
use crate::folder::{Disk, FolderRef, Site};
use crate::live::LiveTables;
use crate::measure::Means;
use crate::outgrown::Outgrown;
use crate::planned::Planned;
use crate::session::{Effort, Session};
use crate::spilling::{SortedGroups, SortedJoins, WholeSorts};
use crate::sql::any_date::any_date;
use crate::sql::arithmetic::CheckedArithmetic;
use crate::sql::computed_first::ComputedFirst;
use crate::sql::constants::with_fitting_constants;
use crate::sql::extremes::extremes;
use crate::sql::gathered::gathered;
use crate::sql::json::{json_keeps_to, json_valid};
use crate::sql::json_path::json_value;
use crate::sql::mean::mean;
use crate::sql::memberships::Memberships;
use crate::sql::moments::{Compared, Microseconds};
use crate::sql::multiples::Multiples;
use crate::sql::namesakes::{Rule, with_namesakes_apart};
use crate::sql::quantile::quantile_cont;
use crate::sql::remainder::remainder;
use crate::sql::seconds::with_seconds;
use crate::sql::sum::sum;
use crate::store::Lasting;
use crate::warehouse::{Warehouse, arrow_schema};
use crate::{adopt, damage, growth, kept, measure, partners, publish, schema, sql, sql::series, stage, trace, types};

/// What the engine may use.
#[derive(Clone, Copy, Debug)]
pub struct Limits {
    /// Memory of the process.
    pub memory: ByteSize,
    /// Disk for what does not fit into memory.
    pub disk: ByteSize,
    /// Cores; all where `None`.
    pub threads: Option<usize>,
}

/// The engine in this process. Clones share its memory and its tables.
#[derive(Clone)]
pub struct LocalEngine {
    pub(crate) warehouse: Warehouse,
    pub(crate) runtime: Arc<RuntimeEnv>,
    pool: Arc<OperatorPool>,
    outgrown: Outgrown,
    pub(crate) live: LiveTables,
    pub(crate) memory: ByteSize,
    /// What one step may use of the memory beside the operators.
    pub(crate) share: ByteSize,
    pub(crate) threads: usize,
    /// When it stops answering.
    pub(crate) deadline: Option<Deadline>,
    /// Whether the first rows of a query are the same ones each time.
    pub(crate) is_in_order: bool,
    scratch: PathBuf,
    /// Sessions that know all functions and no table, by the rules of their plans; every other one begins as a copy of one.
    blank: Arc<[OnceLock<SessionState>; 2]>,
    pub(crate) planned: Planned,
}

impl LocalEngine {
    /// An engine over the warehouse at `warehouse`, which need not exist yet; `scratch` is for files of its own.
    pub fn new(warehouse: impl Into<Site>, scratch: PathBuf, live: LiveTables, limits: Limits) -> Result<Self> {
        let threads = limits.threads.unwrap_or_else(|| std::thread::available_parallelism().map_or(1, NonZeroUsize::get));
        // Half of the limit goes to the operators that ask; the other half is for decoding, encoding and key sets.
        let pool = Arc::new(OperatorPool::new(usize::try_from(limits.memory.0 / 2).unwrap_or(usize::MAX)));
        let spill = scratch.join("spill");
        std::fs::create_dir_all(&spill)
            .map_err(|error| io_problem(&error).within(format_args!("the folder `{}` cannot be made", spill.display())))?;
        let disk =
            DiskManagerBuilder::default().with_mode(DiskManagerMode::Directories(vec![spill])).with_max_temp_directory_size(limits.disk.0);
        let runtime =
            RuntimeEnvBuilder::new().with_memory_pool(Arc::<OperatorPool>::clone(&pool)).with_disk_manager_builder(disk).build_arc();
        let runtime = runtime.map_err(|error| explain(error, &Context::default()))?;
        let warehouse = Warehouse::new(warehouse.into(), scratch.join("spool"))?;
        for folder in [&Disk::passing(scratch.clone()), warehouse.root()] {
            runtime.register_object_store(folder.store_url().as_ref(), folder.store());
        }
        Ok(Self {
            warehouse,
            runtime,
            pool,
            outgrown: Outgrown::new(limits.memory),
            live,
            memory: limits.memory,
            share: limits.memory,
            threads,
            deadline: None,
            is_in_order: false,
            scratch,
            blank: Arc::default(),
            planned: Planned::default(),
        })
    }

    /// From now on it answers until `deadline` only: measuring ends with the rows that it has by then, all other questions are refused
    /// with `HW403`. It plans, stages and publishes as before.
    pub fn answer_until(&mut self, deadline: Deadline) {
        self.deadline = Some(deadline);
        self.planned = Planned::default();
    }

    /// The outcome of `work` that asks nothing of it; `None` where it was not done by the deadline.
    pub async fn work_in_time<T: Send + 'static>(&self, work: impl FnOnce() -> T + Send + 'static) -> Option<T> {
        match &self.deadline {
            None => Some(work()),
            Some(deadline) => deadline.wait_beside(work).await,
        }
    }

    /// From now on `end` is called, and should end the program, where it holds twice the memory limit and what was broken off does not end.
    pub fn end_by(&self, end: fn(Error)) {
        self.outgrown.end_by(end);
    }

    /// From now on a query returns its rows in the order in which one core finds them: the same data gives the same first rows each time.
    pub fn answer_in_order(&mut self) {
        self.is_in_order = true;
    }

    /// The same engine for so many steps at the same time, each with its share of the memory.
    #[must_use]
    pub fn shared_by(mut self, steps: usize) -> Self {
        self.share = ByteSize(self.memory.0 / (steps.max(1) as u64));
        self
    }

    /// An engine like this one over a warehouse that is thrown away: it shares memory and functions with it, works on one core, and
    /// flushes nothing to disk.
    #[must_use]
    pub fn passing(&self, warehouse: PathBuf, scratch: PathBuf) -> Self {
        Self {
            warehouse: Warehouse::passing(warehouse),
            runtime: Arc::clone(&self.runtime),
            pool: Arc::clone(&self.pool),
            outgrown: self.outgrown.clone(),
            live: LiveTables::default(),
            memory: self.memory,
            share: self.share,
            threads: 1,
            deadline: None,
            is_in_order: false,
            scratch,
            blank: Arc::clone(&self.blank),
            planned: Planned::default(),
        }
    }

    /// The engine of an environment, which has the tables `own` itself and reads all others from this warehouse.
    #[must_use]
    pub fn in_environment(self, name: &str, own: BTreeSet<TableName>) -> Self {
        let folder = Arc::clone(self.warehouse.environment(name).root());
        Self { warehouse: self.warehouse.beneath(folder, own), planned: Planned::default(), ..self }
    }

    /// The same in a folder of its own, which is thrown away.
    #[must_use]
    pub fn above(self, folder: PathBuf, own: BTreeSet<TableName>) -> Self {
        let folder = Arc::new(Disk::new(folder, Lasting::Passing, &self.warehouse.working));
        Self { warehouse: self.warehouse.beneath(folder, own), planned: Planned::default(), ..self }
    }

    /// A session that knows all functions and no table.
    pub(crate) fn blank_session(&self, effort: Effort) -> SessionState {
        let make = |spills: bool| {
            let state = SessionContext::new_with_config_rt(SessionConfig::new(), Arc::clone(&self.runtime)).state();
            let mut analyzers: Vec<Arc<dyn AnalyzerRule + Send + Sync>> = vec![Arc::new(Memberships), Arc::new(Compared)];
            analyzers.extend(state.analyzer().rules.iter().cloned());
            let rules = with_own_rules(with_namesakes_apart(state.physical_optimizers()), spills);
            let optimizers = with_fitting_constants(state.optimizers());
            let state = SessionStateBuilder::new_from_existing(state)
                .with_physical_optimizer_rules(rules)
                .with_optimizer_rules(optimizers)
                .with_optimizer_rule(Arc::new(ComputedFirst))
                .with_analyzer_rules(analyzers)
                .with_type_planner(Arc::new(Microseconds));
            with_own_functions(state.build(), spills)
        };
        let [usual, spilling] = self.blank.as_ref();
        match effort {
            Effort::Fast | Effort::InPieces | Effort::InOrder => usual.get_or_init(|| make(false)).clone(),
            Effort::Spilling | Effort::Single => spilling.get_or_init(|| make(true)).clone(),
        }
    }

    /// What comes of `work`, which ends with HW401 where the process outgrows its memory limit. Where it shares rows out between cores it also does as
    /// soon as there is no room for them. `table` is what is worked at.
    pub(crate) async fn unless_crowded<T>(
        &self,
        effort: Effort,
        table: Option<&TableName>,
        work: impl Future<Output = Result<T>>,
    ) -> Result<T> {
        let work = async {
            let outgrown = || Err(memory_problem("the values that it builds have outgrown the limit by half", Some(self.memory)));
            self.outgrown.unless_outgrown(table, work).await.unwrap_or_else(outgrown)
        };
        if !matches!(effort, Effort::Fast | Effort::InPieces) {
            return work.await;
        }
        let crowded = || Err(memory_problem("there is no room for rows on their way between cores", Some(self.memory)));
        self.pool.unless_crowded(work).await.unwrap_or_else(crowded)
    }

    /// Does work on another thread, so that steps which run at the same time share the cores. It is broken off where nobody waits for it.
    /// What is handed over should be small, since it is moved several times: `async move { Box::pin(…).await }`.
    async fn apart<T, F>(&self, work: impl FnOnce(Self) -> F) -> Result<T>
    where
        T: Send + 'static,
        F: Future<Output = Result<T>> + Send + 'static,
    {
        let done = stage::joined(vec![self.warehouse.working.spawn(work(self.clone()))]).await?.pop();
        done.ok_or_else(|| Error::bug("work has ended without a result"))
    }

    async fn columns_of(&self, reader: &Reader) -> Result<Vec<Column>> {
        let session = Box::pin(Session::for_reader(self, reader, Effort::Fast)).await?;
        let plan = session.plan(&reader.sql, reader.file.as_deref()).await?;
        let columns = types::columns(&types::stored_schema(plan.schema().as_arrow()));
        self.planned.keep(reader, session, plan);
        Ok(columns)
    }

    /// Only the optimizer finds types that do not go together in conditions, and constants that are none of their type.
    async fn tried_columns(&self, reader: &Reader) -> Result<Vec<Column>> {
        let session = Box::pin(Session::for_reader(self, reader, Effort::Fast)).await?;
        let plan = session.plan(&reader.sql, reader.file.as_deref()).await?;
        session.state.optimize(&plan).map_err(|error| explain(error, &session.reading(reader)))?;
        Ok(types::columns(&types::stored_schema(plan.schema().as_arrow())))
    }

    /// The opened source datasets.
    pub fn live(&self) -> &LiveTables {
        &self.live
    }

    /// Every table of the warehouse.
    pub fn tables(&self) -> Result<Vec<TableName>> {
        self.warehouse.tables()
    }

    /// Removes the tables of an environment.
    pub fn drop_environment(&self, name: &str) -> Result<()> {
        self.warehouse.environment(name).root().remove_all()
    }

    /// A folder for files that one staging needs for itself.
    pub(crate) fn scratch(&self, label: &str) -> PathBuf {
        self.scratch.join(label)
    }

    /// The same as a folder for rows that are set aside.
    pub(crate) fn aside(&self, label: &str) -> FolderRef {
        Disk::passing(self.scratch(label))
    }

    /// Removes what an attempt left in the folders of a table, where nothing of it was published.
    pub(crate) fn sweep_label(&self, table: &TableName, label: &str) -> Result<u64> {
        std::fs::remove_dir_all(self.scratch(label)).ok();
        let named = std::collections::HashSet::new();
        with_beside(table).iter().map(|table| self.warehouse.folder(table).sweep(label, &named)).sum()
    }

    async fn run_query(&self, reader: &Reader, limit: usize, effort: Effort) -> Result<Rows> {
        let session = Session::for_reader(self, reader, effort).await?;
        let frame = session.query(&reader.sql, reader.file.as_deref()).await?;
        let failed = |error| explain(error, &session.reading(reader));
        let columns = types::answered(reader, frame.logical_plan());
        let frame = if self.is_in_order { kept::few_of_many(Session::in_order(frame)) } else { frame };
        let batches = frame.limit(0, Some(limit.saturating_add(1))).map_err(failed)?.collect().await.map_err(failed)?;
        Ok(types::rows(columns, &batches, limit))
    }

    /// As one stream, so that the rows come in the order of the files; measuring them is shared out.
    async fn run_measure(&self, reader: &Reader, settings: MeasureSettings, means: Means) -> Result<Further> {
        let measured = async {
            let session = Session::for_reader(self, reader, Effort::InOrder).await?;
            let frame = session.query(&reader.sql, reader.file.as_deref()).await?;
            let failed = |error| explain(error, &session.reading(reader));
            let (schema, rows) = (Arc::new(frame.schema().as_arrow().clone()), measure::known_rows(frame.logical_plan()));
            let task = Arc::new(frame.task_ctx());
            let plan = frame.create_physical_plan().await.map_err(failed)?;
            let streams = execute_stream_partitioned(plan, task).map_err(failed)?;
            measure::measure(streams, &schema, settings, Means { rows, ..means }).await
        };
        match measured.await {
            Err(error) => Err(damage::named(self, reader, error).await),
            found => found,
        }
    }

    /// What a measurement may use; the columns are coded where memory for that is given.
    fn means(&self, coded: Option<CodeMemory>) -> Means {
        let bytes = |size: ByteSize| usize::try_from(size.0).unwrap_or(usize::MAX);
        Means {
            memory: bytes(self.memory) / 2,
            coded,
            before: None,
            keeps_sketches: false,
            threads: self.threads,
            deadline: self.deadline.clone(),
            rows: Precision::Absent,
        }
    }

    async fn with_less_memory<'a, T, F>(&'a self, run: impl Fn(Effort) -> F) -> Result<T>
    where
        F: Future<Output = Result<T>> + 'a,
    {
        let mut effort = Effort::Fast;
        loop {
            match self.unless_crowded(effort, None, Box::pin(run(effort))).await {
                Err(error) if error.known_code() == Some("HW401") && effort.next().is_some() => effort = effort.next().unwrap_or(effort),
                result => return result,
            }
        }
    }

    async fn run_query_staged(&self, batch: &StagedBatch, reader: &Reader, limit: usize) -> Result<Rows> {
        let run = |effort: Effort| async move {
            let session = Session::for_staged(self, batch, reader, effort).await?;
            let frame = session.query(&reader.sql, reader.file.as_deref()).await?;
            let failed = |error| explain(error, &session.reading(reader));
            let columns = types::answered(reader, frame.logical_plan());
            let batches = frame.limit(0, Some(limit.saturating_add(1))).map_err(failed)?.collect().await.map_err(failed)?;
            Ok(types::rows(columns, &batches, limit))
        };
        self.with_less_memory(run).await
    }

    /// The rows of a staged batch, and the table as it would be.
    pub(crate) async fn staged_tables(&self, batch: &StagedBatch) -> Result<(FileTable, FileTable)> {
        let name = TableName::model(&batch.table);
        let schema = arrow_schema(&schema::from_log(&batch.schema)?, &batch.partition_columns)?;
        let partitions = batch.partition_columns.len();
        let folder = self.warehouse.folder(&name).opened()?;
        let arriving: Vec<_> = batch.files.iter().map(|file| stage::in_folder(&folder, file)).collect();
        let mut after = arriving.clone();
        if let (Some(base), false) = (batch.base, batch.removed.is_empty() && batch.files.is_empty() && batch.base.is_none()) {
            let present = self.warehouse.open(&name, Some(base)).await?;
            after.extend(present.into_iter().flat_map(|present| present.files).filter(|file| !batch.removed.contains(&file.name)));
        }
        Ok((FileTable::new(Arc::clone(&schema), partitions, arriving), FileTable::new(schema, partitions, after)))
    }

    async fn table_state(&self, table: &TableName, application: Option<&str>) -> Result<Option<TableState>> {
        let Some(snapshot) = self.readable(table).await? else { return Ok(None) };
        let window = match application {
            Some(application) => snapshot.window(application).await?,
            None => None,
        };
        Ok(Some(TableState {
            id: snapshot.id.clone(),
            version: snapshot.version,
            columns: types::columns(&snapshot.schema),
            rows: snapshot.rows(),
            bytes: snapshot.files.iter().map(|file| file.bytes).sum(),
            files: snapshot.files.len() as u64,
            window,
        }))
    }

    async fn table_versions(&self, table: &TableName, limit: usize) -> Result<Vec<TableVersion>> {
        let Some(snapshot) = self.warehouse.open(table, None).await? else { return Ok(vec![]) };
        let newest = snapshot.version;
        let mut handle = DeltaTable::new(snapshot.log_store);
        handle.load().await.map_err(explain_delta)?;
        let commits: Vec<_> = handle.history(Some(limit)).try_collect().await.map_err(explain_delta)?;
        let version = |(age, info): (i64, &deltalake_core::kernel::CommitInfo)| TableVersion {
            version: newest - age,
            at: info.timestamp.and_then(chrono::DateTime::from_timestamp_millis),
            operation: info.operation.clone().unwrap_or_default(),
            run: info.info.get("headworks.run").and_then(Json::as_str).map(str::to_owned),
            project: info.info.get("headworks.project").and_then(Json::as_str).map(str::to_owned),
            files: info.info.get("headworks.files").and_then(|files| serde_json::from_value(files.clone()).ok()).unwrap_or_default(),
        };
        Ok((0_i64..).zip(&commits).map(version).collect())
    }

    /// Removes staged files, and the folder that was made for them where it is that of no table yet.
    fn remove(&self, folder: &TableName, files: &[StagedFile]) -> Result<()> {
        let folder = self.warehouse.folder(folder);
        files.iter().try_for_each(|file| folder.remove(&file.path))?;
        folder.remove_empty();
        Ok(())
    }

    async fn sweep_table(&self, table: &TableName, label: &str) -> Result<u64> {
        let mut removed = 0;
        for table in with_beside(table) {
            // Beside a table the newest version may be of an attempt that has died; what counts is an earlier one then.
            let versions = [self.warehouse.open(&table, None).await?, self.readable(&table).await?];
            let named = versions.into_iter().flatten().flat_map(|version| version.files).map(|file| file.name).collect();
            let folder = self.warehouse.folder(&table);
            removed += folder.sweep(label, &named)?;
            folder.remove_empty();
        }
        let scratch = std::fs::read_dir(&self.scratch).into_iter().flatten().flatten();
        for entry in scratch.filter(|entry| entry.file_name().to_string_lossy().starts_with(label)) {
            std::fs::remove_dir_all(entry.path()).ok();
        }
        Ok(removed)
    }
}

/// A table and those beside it.
fn with_beside(table: &TableName) -> Vec<TableName> {
    std::iter::once(table.clone()).chain(Beside::ALL.map(|beside| beside.of(table))).collect()
}

/// The rules of physical plans with our own before and after them; with those that spill wherever something can.
fn with_own_rules(engines: Vec<Rule>, spills: bool) -> Vec<Rule> {
    let mut rules: Vec<Rule> = vec![Arc::new(CheckedArithmetic)];
    if spills {
        rules.push(Arc::new(SortedJoins));
    }
    rules.extend(engines);
    rules.push(Arc::new(if spills { SortedGroups::OfAll } else { SortedGroups::OfOrderedValues }));
    if spills {
        rules.push(Arc::new(WholeSorts));
    }
    rules.push(Arc::new(WindowsByPartition));
    rules.push(Arc::new(CompactBeforeSorts));
    if spills {
        rules.push(Arc::new(SharedOutByOne));
    }
    rules
}

/// The state with our functions. One that is made of another state takes over functions in any order, and of two with one name either, so ours
/// come last.
fn with_own_functions(mut state: SessionState, may_spill: bool) -> SessionState {
    // The engine's name for it is one that nobody else has.
    let sign = state.scalar_functions().get("signum").map(|signum| ScalarUDF::clone(signum).with_aliases(["sign"]));
    let own = [json_valid(), json_keeps_to(), json_value(), any_date(), remainder(), with_seconds()];
    let scalar: Vec<_> = own.into_iter().chain(sign).map(|function| state.register_udf(Arc::new(function))).collect();
    let own = [quantile_cont(), sum(), mean()].into_iter().chain(extremes()).chain(gathered(may_spill));
    let aggregate: Vec<_> = own.map(|function| state.register_udaf(Arc::new(function))).collect();
    debug_assert!(
        scalar.iter().all(std::result::Result::is_ok) && aggregate.iter().all(std::result::Result::is_ok),
        "a state takes every function"
    );
    let planner = state.register_expr_planner(Arc::new(Multiples));
    debug_assert!(planner.is_ok(), "a state takes every planner");
    series::take_moments(&mut state);
    state
}

impl Engine for LocalEngine {
    fn reads(&self, sql: &str, file: Option<&str>) -> Result<Vec<Reference>> {
        sql::references(sql, file)
    }

    fn is_row_by_row(&self, sql: &str) -> bool {
        sql::is_row_by_row(sql)
    }

    fn joins(&self, sql: &str, tables: &[&str]) -> bool {
        sql::joins(sql, tables)
    }

    fn growth(&self, sql: &str, tables: &[&str]) -> Growth {
        growth::growth(sql, tables)
    }

    fn traced<'a>(&'a self, reader: &'a Reader, partition_by: &'a [(String, String)]) -> BoxFuture<'a, Result<Vec<Traced>>> {
        Box::pin(trace::traced(self, reader, partition_by))
    }

    fn columns<'a>(&'a self, reader: &'a Reader) -> BoxFuture<'a, Result<Vec<Column>>> {
        let reader = reader.clone();
        Box::pin(self.apart(|engine| async move { Box::pin(engine.columns_of(&reader)).await }))
    }

    fn tried<'a>(&'a self, reader: &'a Reader) -> BoxFuture<'a, Result<Vec<Column>>> {
        let reader = reader.clone();
        Box::pin(self.apart(|engine| async move { Box::pin(engine.tried_columns(&reader)).await }))
    }

    fn query<'a>(&'a self, reader: &'a Reader, limit: usize) -> BoxFuture<'a, Result<Rows>> {
        Box::pin(async move {
            let answering = self.with_less_memory(move |effort| self.run_query(reader, limit, effort));
            match in_time(self.deadline.as_ref(), answering).await {
                Err(error) => Err(damage::named(self, reader, error).await),
                found => found,
            }
        })
    }

    fn measure<'a>(&'a self, reader: &'a Reader, settings: MeasureSettings) -> BoxFuture<'a, Result<TableFacts>> {
        Box::pin(async move { self.run_measure(reader, settings, self.means(None)).await.map(|found| found.facts) })
    }

    fn measure_and_code<'a>(
        &'a self,
        reader: &'a Reader,
        settings: MeasureSettings,
        memory: CodeMemory,
    ) -> BoxFuture<'a, Result<(TableFacts, CodedTable)>> {
        let means = self.means(Some(memory));
        Box::pin(async move { self.run_measure(reader, settings, means).await.map(|found| (found.facts, found.table)) })
    }

    fn measure_further<'a>(
        &'a self,
        reader: &'a Reader,
        settings: MeasureSettings,
        memory: CodeMemory,
        before: Option<&'a Sketches>,
    ) -> BoxFuture<'a, Result<Further>> {
        let means = Means { before: before.cloned(), keeps_sketches: true, ..self.means(Some(memory)) };
        Box::pin(self.run_measure(reader, settings, means))
    }

    fn keep<'a>(&'a self, reader: &'a Reader) -> BoxFuture<'a, Result<Option<Reader>>> {
        Box::pin(async move {
            let kept = self.unless_crowded(Effort::InPieces, None, Box::pin(kept::keep(self, reader)));
            match in_time(self.deadline.as_ref(), kept).await {
                Err(error) if error.known_code() == Some("HW401") => Ok(None),
                kept => kept,
            }
        })
    }

    fn watch<'a>(&'a self, reader: &'a Reader, watch: &'a Watch) -> BoxFuture<'a, Result<Watched>> {
        Box::pin(async move {
            match in_time(self.deadline.as_ref(), stage::watch(self, reader, watch)).await {
                Err(error) => Err(damage::named(self, reader, error).await),
                found => found,
            }
        })
    }

    fn stage<'a>(&'a self, staging: &'a Staging) -> BoxFuture<'a, Result<StagedBatch>> {
        let staging = staging.clone();
        Box::pin(self.apart(|engine| async move { Box::pin(stage::stage(&engine, &staging)).await }))
    }

    fn query_staged<'a>(&'a self, batch: &'a StagedBatch, reader: &'a Reader, limit: usize) -> BoxFuture<'a, Result<Rows>> {
        Box::pin(self.run_query_staged(batch, reader, limit))
    }

    fn without_partner<'a>(
        &'a self,
        batch: Option<&'a StagedBatch>,
        rows: &'a Reader,
        among: &'a Reader,
    ) -> BoxFuture<'a, Result<Option<u64>>> {
        Box::pin(self.with_less_memory(move |effort| partners::without_partner(self, effort, batch, rows, among)))
    }

    fn publish<'a>(&'a self, batch: &'a StagedBatch, note: &'a CommitNote) -> BoxFuture<'a, Result<Published>> {
        let (batch, note) = (batch.clone(), note.clone());
        Box::pin(self.apart(|engine| async move { Box::pin(publish::publish(&engine, &batch, &note)).await }))
    }

    fn adopt<'a>(&'a self, table: &'a TableName, from: &'a PromotedFrom, note: &'a CommitNote) -> BoxFuture<'a, Result<Published>> {
        Box::pin(adopt::adopt(self, table, from, note))
    }

    fn discard<'a>(&'a self, batch: &'a StagedBatch) -> BoxFuture<'a, Result<()>> {
        Box::pin(async move {
            let table = TableName::model(&batch.table);
            self.remove(&table, &batch.files)?;
            self.remove(&table.quarantine(), &batch.quarantined)?;
            self.remove(&table.deleted(), &batch.deleted)?;
            self.remove(&table.reviewed(), &batch.reviewed)
        })
    }

    fn idle(&self) -> BoxFuture<'_, ()> {
        Box::pin(self.warehouse.working.ended())
    }

    fn sweep<'a>(&'a self, table: &'a TableName, label: &'a str) -> BoxFuture<'a, Result<u64>> {
        Box::pin(self.sweep_table(table, label))
    }

    fn has_table(&self, table: &TableName) -> Result<bool> {
        self.warehouse.has_log(table)
    }

    fn standing(&self, table: &TableName, version: i64) -> Result<Option<Ordering>> {
        self.warehouse.standing(table, version)
    }

    fn writer<'a>(&'a self, table: &'a TableName, version: i64) -> BoxFuture<'a, Result<Option<String>>> {
        Box::pin(async move {
            let info = self.warehouse.commit_info(table, version).await?;
            Ok(info.as_ref().and_then(|info| info.get("headworks.run")).and_then(Json::as_str).map(str::to_owned))
        })
    }

    fn table<'a>(&'a self, table: &'a TableName, application: Option<&'a str>) -> BoxFuture<'a, Result<Option<TableState>>> {
        Box::pin(self.table_state(table, application))
    }

    fn versions<'a>(&'a self, table: &'a TableName, limit: usize) -> BoxFuture<'a, Result<Vec<TableVersion>>> {
        Box::pin(self.table_versions(table, limit))
    }

    fn roll_back<'a>(&'a self, table: &'a TableName, version: i64, details: &'a Json) -> BoxFuture<'a, Result<i64>> {
        Box::pin(publish::roll_back(self, table, version, details))
    }
}
