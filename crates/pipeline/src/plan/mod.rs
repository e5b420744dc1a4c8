//! The plan: which steps a run takes, in which order, and why. Making it reads no data and changes nothing.

mod dataset;
mod deliver;
mod foreseen;
mod model;
mod push_down;
mod recognised;
mod standing;
mod steps;
mod together;
mod trial;

use std::collections::BTreeMap;

use hw_base::{Blame, DatasetName, Engine, Error, Ledger, Placement, Progress, Result, Retry, SourceFile, Sources, TableName};
use hw_validate::Rule;
use serde::Serialize;

pub use self::dataset::arriving;
pub(crate) use self::dataset::{DECISIONS_END, READ_OTHERWISE, why_own};
pub(crate) use self::model::{ASKED_FOR, BY_ARRIVAL};
pub(crate) use self::recognised::{gone_files, not_noted, noted_files};
pub(crate) use self::standing::BEGIN_ANEW;
use self::steps::Steps;
pub use self::trial::try_models;
use crate::definition;
use crate::graph::{Graph, Read};
use crate::members;
use crate::project::{Model, Project};
use crate::run::application;
use crate::selection::Selection;
use crate::settings::Load;

/// What a run does.
#[derive(Clone, Debug, Serialize)]
pub struct Plan {
    /// The format of this value.
    pub schema_version: &'static str,
    /// The project.
    pub project: String,
    /// The environment that it is for; production where there is none.
    #[serde(skip_serializing_if = "Option::is_none")]
    pub environment: Option<String>,
    /// The steps, in order.
    pub steps: Vec<Step>,
    /// How the columns of tables that are built anew change, by step.
    #[serde(skip_serializing_if = "BTreeMap::is_empty")]
    pub columns: BTreeMap<String, Vec<String>>,
    /// Steps whose SELECT is tried by the run alone, each with the reason.
    #[serde(skip_serializing_if = "BTreeMap::is_empty")]
    pub untried: BTreeMap<String, String>,
    /// Tables that the environment reads from production, because it would build them as they are there.
    #[serde(skip_serializing_if = "Vec::is_empty")]
    pub from_production: Vec<TableName>,
}

/// One step of a plan: it makes or changes one table, or delivers it.
#[derive(Clone, Debug, Serialize)]
pub struct Step {
    /// Its name: a model's, `raw/shop.customer_orders`, or `reporting/analytics.fact_orders`.
    pub name: String,
    /// The table; of a delivery that which is delivered.
    pub table: TableName,
    /// What it does.
    pub work: Work,
    /// How it loads: `append`, `upsert` …
    pub load: &'static str,
    /// Whether it runs.
    pub decision: Decision,
    /// Whether it loads all rows in place of what it had, should it run.
    #[serde(skip)]
    pub anew: bool,
    /// The window it loads, in words.
    pub window: String,
    /// Names of the steps it reads.
    pub after: Vec<String>,
    /// Rows to read, where known.
    pub rows: Option<u64>,
    /// About how many, where a database only estimates them.
    #[serde(skip_serializing_if = "Option::is_none")]
    pub about_rows: Option<u64>,
    /// Bytes to read, where known.
    pub bytes: Option<u64>,
    /// What its rows must keep to.
    #[serde(skip)]
    pub rules: Vec<Rule>,
    /// A hash of everything that defines it.
    pub fingerprint: String,
    /// Where it stands.
    #[serde(skip)]
    pub progress: Option<Progress>,
    /// The last window that its table had seen when it was planned, where the ledger does not know where it stands; 0 for none.
    #[serde(skip)]
    pub seen: i64,
}

/// What a step does.
#[derive(Clone, Debug, Serialize)]
#[serde(rename_all = "snake_case")]
pub enum Work {
    /// Copies what is new in a source dataset.
    Extract {
        /// The dataset.
        dataset: DatasetName,
        /// The files to read; `None` for a database.
        files: Option<Vec<SourceFile>>,
        /// Files that were read before and have changed, and former names of files: their earlier rows are taken out.
        changed: Vec<String>,
        /// How what is new is told, for a database; `None` where all rows are copied.
        follow: Option<Follow>,
        /// How much of the time before the greatest value of that column is read again, in seconds.
        #[serde(skip_serializing_if = "is_none_of_it")]
        lookback_seconds: u64,
        /// The columns that identify a row, as the source names them; none where nobody knows.
        key: Vec<String>,
        /// Whether a model compares its deliveries, so that each is the whole dataset and none is taken out again.
        compared: bool,
        /// Whether earlier versions of the rows of a database stay where all of them are read again, because a model keeps history.
        keeps_versions: bool,
        /// Whether all rows are asked for, although some were read before.
        again: bool,
    },
    /// Builds the table of a model.
    Build {
        /// Its SELECT.
        sql: String,
        /// The file of the SELECT.
        file: String,
        /// How it loads.
        settings: Load,
        /// Partition columns with the expressions that fill them.
        partition_by: Vec<(String, String)>,
        /// The column that tells which of two rows is the later one.
        later_by: Option<String>,
        /// Whether keys that facts name get a row before their own arrives.
        infers: bool,
        /// What the names in the SELECT stand for.
        #[serde(skip)]
        reads: Vec<ReadFrom>,
        /// The tables without whose rows its own wait in quarantine.
        #[serde(skip)]
        parents: Vec<Parent>,
    },
    /// Builds the table of a model inside the database that it lies in.
    PushDown {
        /// Its SELECT.
        sql: String,
        /// The file of the SELECT.
        file: String,
        /// Where the table lies, and how.
        placement: Placement,
    },
    /// Brings a table in a database to the published version of a model's table.
    Deliver {
        /// The model.
        model: String,
        /// Where the table lies, and how.
        placement: Placement,
        /// Whether the loads of the model only ever add rows.
        only_grows: bool,
    },
}

#[expect(clippy::trivially_copy_pass_by_ref, reason = "as serde calls it")]
fn is_none_of_it(seconds: &u64) -> bool {
    *seconds == 0
}

/// How what is new in a dataset of a database is told.
#[derive(Clone, Debug, PartialEq, Eq, Serialize)]
#[serde(rename_all = "snake_case")]
pub enum Follow {
    /// The source tells it by itself.
    BySource,
    /// A column grows with every change.
    ByColumn(String),
}

/// What a name in a SELECT stands for, and how much of it is read.
#[derive(Clone, Debug)]
pub struct ReadFrom {
    /// The name in the SELECT.
    pub name: String,
    /// The step that makes the table.
    pub step: String,
    /// The table.
    pub table: TableName,
    /// How much of it is read.
    pub extent: Extent,
    /// Whether the columns that tell where a raw row came from are left out.
    pub hides_origin: bool,
}

/// A table without whose rows those of a step wait in quarantine.
#[derive(Clone, Debug)]
pub struct Parent {
    /// The rule that says so.
    pub rule: String,
    /// The table. Its name stands in no SELECT.
    pub read: ReadFrom,
}

/// How much of an input a step reads.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Extent {
    /// All of it.
    All,
    /// What arrived since the last time.
    New,
    /// Of each row the version that arrived last, where the raw copy holds every version.
    Newest,
    /// The last batch, which is the whole dataset as it was then.
    LastBatch,
    /// What arrived since the last time, for the keys that it names of members without a row.
    Members,
    /// Batch by batch what arrived since the last time, and the batch before, each of which is the whole dataset.
    Deliveries,
}

/// Whether a step runs, and why.
#[derive(Clone, Debug, Serialize, PartialEq, Eq)]
#[serde(rename_all = "snake_case")]
pub enum Decision {
    /// It runs.
    Run(String),
    /// It runs and builds everything anew.
    Rebuild(String),
    /// It asks the source whether anything is new.
    Ask(String),
    /// There is nothing to do.
    Skip(String),
    /// It cannot run, because its source cannot be listed, or what the model says does not fit.
    Fail(String),
}

impl Decision {
    /// Why.
    pub fn reason(&self) -> &str {
        match self {
            Self::Run(reason) | Self::Rebuild(reason) | Self::Ask(reason) | Self::Skip(reason) | Self::Fail(reason) => reason,
        }
    }

    /// Whether the step may change its table.
    pub fn may_run(&self) -> bool {
        !matches!(self, Self::Skip(_))
    }
}

/// The ports that planning asks.
#[derive(Clone, Copy)]
pub struct Asking<'a> {
    /// Parses SQL.
    pub engine: &'a dyn Engine,
    /// Lists what the sources hold.
    pub sources: &'a dyn Sources,
    /// Tells where every step stands.
    pub ledger: &'a dyn Ledger,
}

/// Makes the plan.
///
/// # Errors
/// Everything that is wrong with the models' SQL and names, all at once. A dataset that is not there or is described wrongly, and a source
/// that does not answer, fail alone.
pub async fn plan(project: &Project, asking: Asking<'_>, selection: &Selection) -> Result<Plan> {
    let graph = Graph::of(project, asking.engine)?;
    let selected = selection.selected(project, &graph)?;
    let mut progress = asking.ledger.all_progress()?;
    let inside = |name: &str| project.model(name).and_then(Model::inside);
    // A table that is gone, or another warehouse, is loaded from the start.
    let mut standing = |table: &TableName| match progress.remove(table.folder()) {
        Some(at) if inside(table.folder()).is_some() => Ok(Some(at)),
        Some(at) => asking.engine.has_table(table).map(|is_there| is_there.then_some(at)),
        None => Ok(None),
    };
    let mut steps = Steps::default();
    // What is built inside a database reads its rows there.
    let copying: Vec<String> = selected.iter().filter(|name| inside(name).is_none()).cloned().collect();
    let mut datasets = graph.datasets_of(&copying);
    for model in copying.iter().filter_map(|name| project.model(name)) {
        datasets.extend(members::datasets(project, model)?);
    }
    add_datasets(project, asking, datasets, &mut standing, &mut steps).await?;
    let taken = read_as_they_are(&graph, &selected);
    for model in taken.iter().filter_map(|(_, name)| project.model(name)) {
        let known = standing(&TableName::model(&model.name))?;
        refuse_unbuilt(project, model, known.as_ref(), &taken)?;
        steps.push(model::as_it_is(model, known));
    }
    for model in selected.iter().filter_map(|name| project.model(name)) {
        let table = TableName::model(&model.name);
        let known = standing(&table)?;
        let seen = seen(project, asking.engine, &table, known.as_ref()).await?;
        let reads = graph.reads.get(&model.name).map(Vec::as_slice).unwrap_or_default();
        let parents = graph.parents.get(&model.name).map(Vec::as_slice).unwrap_or_default();
        let is_other = known.as_ref().is_some_and(|known| known.fingerprint != model.fingerprint);
        let definition = if is_other { definition::noted(asking.ledger, &model.name)? } else { None };
        let planning = model::Planning { project, model, reads, parents, before: &steps, selection, definition: definition.as_ref() };
        for step in planning.steps(asking, known).await? {
            steps.push(Step { seen, ..step });
        }
    }
    let is_chosen = |step: &Step| taken.iter().all(|(_, name)| *name != step.name);
    let chosen = steps.into_vec().into_iter().filter(is_chosen);
    let (borrowed, steps): (Vec<Step>, Vec<Step>) = chosen.partition(|step| project.borrows(&step.table));
    standing::check(project, asking, &steps, selection).await?;
    Ok(Plan {
        schema_version: "1",
        project: project.settings.project.clone(),
        environment: project.environment.as_ref().map(|environment| environment.name.clone()),
        steps,
        columns: BTreeMap::new(),
        untried: BTreeMap::new(),
        from_production: borrowed.into_iter().map(|step| step.table).collect(),
    })
}

/// The models that selected ones need and that are not selected themselves, each behind the first that needs it: they are read as they are.
fn read_as_they_are(graph: &Graph, selected: &[String]) -> Vec<(String, String)> {
    let mut taken: Vec<(String, String)> = Vec::new();
    for reader in selected {
        for read in graph.needs(reader) {
            if let Read::Model(name) = read
                && !selected.contains(name)
                && taken.iter().all(|(_, known)| known != name)
            {
                taken.push((reader.clone(), name.clone()));
            }
        }
    }
    taken
}

/// A model that is read as it is has to be there.
fn refuse_unbuilt(project: &Project, model: &Model, known: Option<&Progress>, taken: &[(String, String)]) -> Result<()> {
    let reader = taken.iter().find(|(_, name)| *name == model.name).map(|(reader, _)| reader);
    match (known, reader) {
        (None, Some(reader)) if model.inside().is_none() || project.environment.is_none() => {
            Err(Error::user(format!("`{reader}` reads `{}`, which is not built yet", model.name))
                .code("HW302")
                .help(format!("`--select +{reader}` builds what it reads first")))
        }
        _ => Ok(()),
    }
}

/// Plans the extraction of datasets; `standing` tells where each stands.
async fn add_datasets(
    project: &Project,
    asking: Asking<'_>,
    datasets: impl IntoIterator<Item = DatasetName>,
    standing: &mut impl FnMut(&TableName) -> Result<Option<Progress>>,
    steps: &mut Steps,
) -> Result<()> {
    let mut silent: BTreeMap<String, Error> = BTreeMap::new();
    for dataset in datasets {
        together::refuse_of_dataset(project.dataset_rules.get(&dataset).map(Vec::as_slice).unwrap_or_default())?;
        let table = TableName::raw(&dataset);
        let known = standing(&table)?;
        if project.borrows(&table) {
            steps.push(dataset::of_production(project, asking, dataset, known));
            continue;
        }
        let seen = seen(project, asking.engine, &table, known.as_ref()).await?;
        if let Some(error) = silent.get(&dataset.source) {
            steps.push(Step { seen, ..failing(dataset, known, error) });
            continue;
        }
        let step = match dataset::step(project, asking, dataset.clone(), (known.clone(), seen)).await {
            Err(error) if error.blame() == Blame::User => failing(dataset, known, &error),
            // A source that does not answer is asked again when its turn comes; the others need not wait for it.
            Err(error) if error.retry() == Retry::WithBackoff => {
                let step = failing(dataset.clone(), known, &error);
                silent.insert(dataset.source, error);
                step
            }
            step => step?,
        };
        steps.push(Step { seen, ..step });
    }
    Ok(())
}

/// The last window that a table has seen of which the ledger knows nothing. It is read before anything is planned by it.
async fn seen(project: &Project, engine: &dyn Engine, table: &TableName, known: Option<&Progress>) -> Result<i64> {
    if known.is_some() || !engine.has_table(table)? {
        return Ok(0);
    }
    let state = engine.table(table, Some(&application(project, table))).await?;
    Ok(state.and_then(|state| state.window).unwrap_or_default())
}

/// Why a step does nothing in an environment.
pub(crate) const FROM_PRODUCTION: &str = "read from production";

/// The step of a dataset that cannot be listed. It fails when it is carried out, and what reads it is skipped.
fn failing(dataset: DatasetName, progress: Option<Progress>, error: &Error) -> Step {
    let table = TableName::raw(&dataset);
    let work = Work::Extract {
        dataset,
        files: None,
        changed: vec![],
        follow: None,
        lookback_seconds: 0,
        key: vec![],
        compared: false,
        keeps_versions: false,
        again: false,
    };
    Step::idle(table, "append", Decision::Fail(error.message().to_owned()), progress, work)
}

/// How the reason ends for which a step is skipped that needs what cannot be read.
const UNREADABLE: &str = " cannot be read";

impl Step {
    /// A step that reads nothing now; its table stands at `progress`.
    fn idle(table: TableName, load: &'static str, decision: Decision, progress: Option<Progress>, work: Work) -> Self {
        Self {
            name: table.folder().to_owned(),
            load,
            decision,
            anew: false,
            window: "nothing".into(),
            after: vec![],
            rows: None,
            about_rows: None,
            bytes: None,
            rules: vec![],
            fingerprint: progress.as_ref().map(|progress| progress.fingerprint.clone()).unwrap_or_default(),
            work,
            progress,
            seen: 0,
            table,
        }
    }

    /// Why what reads the table of the step cannot be built, where its rows cannot be read.
    fn unreadable(&self) -> Option<String> {
        match &self.decision {
            Decision::Fail(_) => Some(format!("{}{UNREADABLE}", self.name)),
            Decision::Skip(reason) if reason.ends_with(UNREADABLE) => Some(reason.clone()),
            _ => None,
        }
    }
}

impl Work {
    /// Whether each batch of its table is the whole dataset as it was then.
    pub fn copies_whole(&self) -> bool {
        matches!(self, Self::Extract { files: None, follow: None, .. } | Self::Extract { compared: true, .. })
    }
}

/// Whether somebody made an earlier version of the step's table the newest since the step published last.
///
/// The step's inputs have been read further then than its table shows.
pub(crate) async fn was_rolled_back(engine: &dyn Engine, table: &TableName, progress: &Progress) -> Result<bool> {
    /// Foreign commits, such as a compaction, that may have followed the rollback.
    const LOOKED_AT: usize = 20;
    let Some(published) = progress.version else { return Ok(false) };
    let versions = engine.versions(table, LOOKED_AT).await?;
    Ok(versions.iter().any(|version| version.version >= published && version.operation == "RESTORE"))
}
