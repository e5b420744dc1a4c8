//! The plan: which steps a run takes, in which order, and why. Making it reads no data and changes nothing.

use std::collections::BTreeMap;

use hw_base::{DatasetName, Engine, Error, Ledger, Position, Progress, Result, SourceFile, Sources, Survey, TableName, count, plural};
use hw_validate::Rule;
use serde::Serialize;

use crate::graph::{Graph, Read};
use crate::project::{Model, Project};
use crate::settings::Load;

/// What a run does.
#[derive(Clone, Debug, Serialize)]
pub struct Plan {
    /// The format of this value.
    pub schema_version: &'static str,
    /// The project.
    pub project: String,
    /// The steps, in order.
    pub steps: Vec<Step>,
}

/// One step of a plan: it makes or changes one table.
#[derive(Clone, Debug, Serialize)]
pub struct Step {
    /// Its name: a model's, or `raw/shop.customer_orders`.
    pub name: String,
    /// The table.
    pub table: TableName,
    /// What it does.
    pub work: Work,
    /// How it loads: `append`, `upsert` …
    pub load: &'static str,
    /// Whether it runs.
    pub decision: Decision,
    /// The window it loads, in words.
    pub window: String,
    /// Names of the steps it reads.
    pub after: Vec<String>,
    /// Rows to read, where known.
    pub rows: Option<u64>,
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
        /// Files that were read before and have changed: their earlier rows are taken out.
        changed: Vec<String>,
        /// The column whose greatest value so far tells where to go on, for a database.
        follow: Option<String>,
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
        /// What the names in the SELECT stand for.
        #[serde(skip)]
        reads: Vec<ReadFrom>,
    },
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

/// How much of an input a step reads.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Extent {
    /// All of it.
    All,
    /// What arrived since the last time.
    New,
    /// The last batch, which is the whole dataset as it was then.
    LastBatch,
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
}

impl Decision {
    /// Why.
    pub fn reason(&self) -> &str {
        match self {
            Self::Run(reason) | Self::Rebuild(reason) | Self::Ask(reason) | Self::Skip(reason) => reason,
        }
    }

    /// Whether the step may change its table.
    pub fn may_run(&self) -> bool {
        !matches!(self, Self::Skip(_))
    }
}

/// What the plan is made for.
#[derive(Clone, Debug, Default)]
pub struct Selection {
    /// Only these models and what they read; all where empty.
    pub models: Vec<String>,
    /// Build the selected models anew.
    pub rebuild: bool,
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
/// Everything that is wrong with the models' SQL and names, all at once; a source that cannot be listed.
pub async fn plan(project: &Project, asking: Asking<'_>, selection: &Selection) -> Result<Plan> {
    let graph = Graph::of(project, asking.engine)?;
    let selected = selected(project, &graph, selection)?;
    let mut progress = asking.ledger.all_progress()?;
    let follows = follows(project);
    let mut steps: Vec<Step> = Vec::new();
    let datasets = graph.datasets().into_iter().filter(|dataset| {
        selected.iter().any(|model| graph.reads.get(model).is_some_and(|reads| reads.iter().any(|read| read.dataset() == Some(dataset))))
    });
    for dataset in datasets {
        let survey = asking.sources.survey(&dataset).await?;
        // A table that is gone, or another warehouse, is loaded from the start.
        let known = progress.remove(TableName::raw(&dataset).folder()).filter(|_| asking.engine.has_table(&TableName::raw(&dataset)));
        steps.push(extract(project, &dataset, survey, known, follows.get(&dataset.to_string()).cloned()));
    }
    for name in selected {
        let Some(model) = project.model(&name) else { continue };
        let known = progress.remove(&name).filter(|_| asking.engine.has_table(&TableName::model(&name)));
        let step = build(model, graph.reads.get(&name).map(Vec::as_slice).unwrap_or_default(), known, &steps, selection)?;
        steps.push(step);
    }
    Ok(Plan { schema_version: "1", project: project.settings.project.clone(), steps })
}

/// The selected models with all that they read, in order.
fn selected(project: &Project, graph: &Graph, selection: &Selection) -> Result<Vec<String>> {
    if selection.models.is_empty() {
        return Ok(graph.order.clone());
    }
    let mut wanted = selection.models.clone();
    let mut at = 0;
    while let Some(name) = wanted.get(at).cloned() {
        if project.model(&name).is_none() {
            return Err(hw_base::unknown("model", &name, project.models.iter().map(|model| model.name.as_str())));
        }
        for read in graph.reads.get(&name).into_iter().flatten() {
            if let Read::Model(other) = read
                && !wanted.contains(other)
            {
                wanted.push(other.clone());
            }
        }
        at += 1;
    }
    Ok(graph.order.iter().filter(|name| wanted.contains(name)).cloned().collect())
}

/// For each followed dataset the column, where all models that follow it agree.
fn follows(project: &Project) -> BTreeMap<String, String> {
    let mut follows: BTreeMap<String, Vec<String>> = BTreeMap::new();
    for model in &project.models {
        for (dataset, column) in &model.settings.follow {
            follows.entry(dataset.clone()).or_default().push(column.clone());
        }
    }
    follows
        .into_iter()
        .filter(|(_, columns)| columns.windows(2).all(|pair| pair[0] == pair[1]))
        .filter_map(|(dataset, mut columns)| Some((dataset, columns.pop()?)))
        .collect()
}

fn extract(project: &Project, dataset: &DatasetName, survey: Survey, progress: Option<Progress>, follow: Option<String>) -> Step {
    let loaded: &[SourceFile] = match progress.as_ref().and_then(|progress| progress.inputs.get(FILES)) {
        Some(Position::Files(files)) => files,
        _ => &[],
    };
    let (files, changed) = match &survey.files {
        Some(present) => {
            let new: Vec<SourceFile> = present.iter().filter(|file| !loaded.contains(file)).cloned().collect();
            let changed =
                new.iter().filter(|file| loaded.iter().any(|known| known.path == file.path)).map(|file| file.path.clone()).collect();
            (Some(new), changed)
        }
        None => (None, vec![]),
    };
    let decision = match &files {
        Some(files) if files.is_empty() => Decision::Skip("no new files".into()),
        Some(files) if loaded.is_empty() => Decision::Run(plural(files.len() as u64, "file")),
        Some(files) => Decision::Run(plural(files.len() as u64, "new or changed file")),
        None if progress.is_none() => Decision::Run("first extraction".into()),
        None => Decision::Ask("the source is asked for changes".into()),
    };
    let bytes = files.as_ref().map_or(survey.bytes, |files| Some(files.iter().map(|file| file.bytes).sum()));
    let window = match (&files, &follow) {
        (Some(files), _) => files_in_words(files),
        (None, Some(column)) => match progress.as_ref().and_then(|progress| progress.inputs.get(WATERMARK)) {
            Some(Position::Watermark(value)) => format!("{column} > {value}"),
            _ => "all rows".into(),
        },
        (None, None) => "all rows".into(),
    };
    let table = TableName::raw(dataset);
    Step {
        name: table.folder().to_owned(),
        load: "append",
        decision,
        window,
        after: vec![],
        rows: survey.rows,
        bytes,
        rules: project.dataset_rules.get(dataset).cloned().unwrap_or_default(),
        fingerprint: "extract".into(),
        progress,
        work: Work::Extract { dataset: dataset.clone(), files, changed, follow },
        table,
    }
}

/// The name under which an extraction notes the files it has read.
pub(crate) const FILES: &str = "files";
/// The name under which an extraction notes how far it has read.
pub(crate) const WATERMARK: &str = "watermark";
/// The name under which an extraction notes the hash of what it has read.
pub(crate) const CONTENT: &str = "content";

fn files_in_words(files: &[SourceFile]) -> String {
    match files {
        [] => "nothing".into(),
        [one] => one.path.clone(),
        [first, .., last] => format!("{} files, {} to {}", count(files.len() as u64), first.path, last.path),
    }
}

fn build(model: &Model, reads: &[Read], progress: Option<Progress>, before: &[Step], selection: &Selection) -> Result<Step> {
    let table = TableName::model(&model.name);
    for dataset in model.settings.follow.keys() {
        if !reads.iter().any(|read| read.dataset().is_some_and(|own| own.to_string() == *dataset)) {
            return Err(Error::user(format!("`{}` follows `{dataset}`, which its SELECT does not read", model.name))
                .code("HW302")
                .at(hw_base::Span { file: model.file.clone().into(), line: 1, column: 1, length: 1 })
                .help("remove it from `follow:`, or read it in the SELECT"));
        }
    }
    let reads: Vec<ReadFrom> = reads.iter().map(|read| read_from(model, read, before)).collect();
    let after: Vec<String> = reads.iter().map(|read| read.step.clone()).collect();
    let decision = decide(model, progress.as_ref(), &after, before, selection);
    let input = |step: &&Step| after.contains(&step.name);
    let window = match &decision {
        Decision::Skip(_) => "nothing".into(),
        Decision::Rebuild(_) => "all rows".into(),
        _ => window_in_words(model, &reads),
    };
    Ok(Step {
        name: model.name.clone(),
        load: model.settings.load.name(),
        window,
        rows: None,
        bytes: before.iter().filter(input).map(|step| step.bytes).sum(),
        rules: model.rules.clone(),
        fingerprint: model.fingerprint.clone(),
        progress,
        decision,
        work: Work::Build {
            sql: model.sql.clone(),
            file: model.file.clone(),
            settings: model.settings.load.clone(),
            partition_by: model.settings.partition_by.columns()?,
            later_by: model.settings.follow.values().next().cloned(),
            reads,
        },
        after,
        table,
    })
}

fn read_from(model: &Model, read: &Read, before: &[Step]) -> ReadFrom {
    match read {
        Read::Model(name) => {
            ReadFrom { name: name.clone(), step: name.clone(), table: TableName::model(name), extent: Extent::All, hides_origin: false }
        }
        Read::Dataset { name, dataset, with_origin } => {
            let table = TableName::raw(dataset);
            let is_snapshot =
                before.iter().any(|step| step.table == table && matches!(&step.work, Work::Extract { files: None, follow: None, .. }));
            let extent = match model.settings.follow.contains_key(&dataset.to_string()) {
                true => Extent::New,
                false if is_snapshot => Extent::LastBatch,
                false => Extent::All,
            };
            ReadFrom { name: name.clone(), step: table.folder().to_owned(), table, extent, hides_origin: !with_origin }
        }
    }
}

fn decide(model: &Model, progress: Option<&Progress>, after: &[String], before: &[Step], selection: &Selection) -> Decision {
    let Some(progress) = progress else { return Decision::Rebuild("first load".into()) };
    if selection.rebuild && (selection.models.is_empty() || selection.models.contains(&model.name)) {
        return Decision::Rebuild("a rebuild was asked for".into());
    }
    if progress.fingerprint != model.fingerprint {
        return Decision::Rebuild("the model changed".into());
    }
    let inputs: Vec<&Step> = before.iter().filter(|step| after.contains(&step.name)).collect();
    let moved: Vec<&str> = inputs.iter().filter(|step| has_moved(step, progress)).map(|step| step.name.as_str()).collect();
    if !moved.is_empty() {
        return Decision::Run(format!("new rows in {}", moved.join(", ")));
    }
    match inputs.iter().find(|step| step.decision.may_run()) {
        Some(step) if matches!(step.decision, Decision::Ask(_)) => Decision::Ask(format!("if {} has new rows", step.name)),
        Some(step) => Decision::Run(format!("{} changes", step.name)),
        None => Decision::Skip("no input changed".into()),
    }
}

/// Whether an input has been published since a model read it.
fn has_moved(step: &Step, progress: &Progress) -> bool {
    let Some(at) = &step.progress else { return false };
    match progress.inputs.get(&step.name) {
        Some(Position::Batch(batch)) => at.window > *batch,
        Some(Position::Version(version)) => at.version.is_some_and(|now| now != *version),
        _ => true,
    }
}

fn window_in_words(model: &Model, reads: &[ReadFrom]) -> String {
    let new: Vec<&str> = reads.iter().filter(|read| read.extent == Extent::New).map(|read| read.name.as_str()).collect();
    match (&model.settings.load, new.is_empty()) {
        (Load::Replace, _) | (_, true) => "all rows".into(),
        (_, false) => format!("new rows of {}", new.join(", ")),
    }
}
