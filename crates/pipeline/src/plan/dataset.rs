//! The step that copies what is new in a source dataset.

use std::collections::BTreeSet;
use std::time::Duration;

use hw_base::{
    DatasetName, Delivery, Engine, Ledger, News, ORIGIN_COLUMNS, Position, Progress, Reference, Result, SourceFile, Survey, TableName,
    TimeSpan, count, plural,
};

use super::recognised::{gone_files, noted_files, recognised};
use super::{Asking, Decision, FROM_PRODUCTION, Follow, Step, Work, was_rolled_back};
use crate::definition;
use crate::position::{ALL_FILES, ALL_ROWS, FILES, WATERMARK, WHAT_IS_NEW};
use crate::project::{Model, Project};
use crate::settings::Load;
use crate::versions;

/// How the reason begins for which files are read again that have not changed.
pub(crate) const READ_OTHERWISE: &str = "files are read in another way now: ";

/// How the reason ends where people decided about rows in quarantine that came from such files: a decision holds as long as its record does.
pub(crate) const DECISIONS_END: &str = "; decisions about their rows in quarantine end, see `headworks quarantine log`";

/// What there is to read of a dataset, and what was read before.
struct Reading {
    survey: Survey,
    follow: Option<Follow>,
    lookback_seconds: u64,
    progress: Option<Progress>,
    /// Whether each delivery is the whole dataset, because a model compares them.
    compared: bool,
    /// Whether what the raw copy has of a database stays, because a model keeps history of it.
    keeps_versions: bool,
    /// Settings that have changed since its files were read, and that say how files are read.
    reads_otherwise: Vec<String>,
    /// The last window of this project that the raw copy has seen, where the ledger does not know it; 0 for none.
    seen: i64,
}

/// Plans the extraction of a dataset of which `progress` was read; of a raw copy that the ledger does not know, `seen` is the last window.
pub(super) async fn step(
    project: &Project,
    asking: Asking<'_>,
    dataset: DatasetName,
    (progress, seen): (Option<Progress>, i64),
) -> Result<Step> {
    let table = TableName::raw(&dataset);
    let survey = asking.sources.survey(&dataset).await?;
    let compared = is_compared(project, asking.engine, &dataset);
    let may_begin = progress.is_none() && survey.files.is_some() && !compared;
    let begun = begun_in_production(project, asking, &table)?.filter(|_| may_begin);
    let (progress, read_in_production) = begun.map_or((progress, None), |(at, otherwise)| (Some(at), Some(otherwise)));
    let progress = if compared { progress } else { progress.map(|progress| recognised(asking.sources, &dataset, &survey, progress)) };
    let follow = follow(project, &dataset, &survey).filter(|_| !compared);
    let reads_otherwise = match read_in_production {
        Some(otherwise) => vec![otherwise],
        None if survey.files.is_some() && !compared => reads_otherwise(project, asking.ledger, &dataset)?,
        None => vec![],
    };
    let keeps_versions = survey.files.is_none() && !compared && keeps_versions(project, &dataset);
    let lookback_seconds = lookback_seconds(project, &dataset);
    let reading = Reading { survey, follow, lookback_seconds, progress, compared, keeps_versions, reads_otherwise, seen };
    let why_anew = match reading.why_anew(asking, &table).await? {
        Some(reason) if reason.starts_with(READ_OTHERWISE) && has_decisions(project, asking.engine, &dataset)? => {
            Some(format!("{reason}{DECISIONS_END}"))
        }
        why_anew => why_anew,
    };
    let again = why_anew.is_some() && reading.goes_on();
    let decision = match why_anew {
        Some(reason) if again => Decision::Run(format!("{reason}; all rows are read again, earlier versions stay")),
        Some(reason) => Decision::Rebuild(reason),
        None => reading.decision(),
    };
    let anew = matches!(decision, Decision::Rebuild(_));
    let files = reading.files(anew);
    let changed = [reading.changed(files.as_deref(), anew), reading.former_names(asking, &dataset, &table).await?].concat();
    Ok(Step {
        name: table.folder().to_owned(),
        load: "append",
        decision,
        anew,
        window: reading.window(files.as_deref(), anew || again),
        after: vec![],
        rows: reading.survey.rows,
        about_rows: reading.survey.about_rows.filter(|_| reading.reads_all(anew || again)),
        bytes: files.as_ref().map_or(reading.survey.bytes, |files| Some(files.iter().map(|file| file.bytes).sum())),
        rules: project.dataset_rules.get(&dataset).cloned().unwrap_or_default(),
        fingerprint: reading.way(),
        work: Work::Extract {
            dataset,
            changed,
            files,
            lookback_seconds: if matches!(reading.follow, Some(Follow::ByColumn(_))) { lookback_seconds } else { 0 },
            follow: reading.follow,
            key: reading.survey.key,
            compared,
            keeps_versions,
            again,
        },
        progress: reading.progress,
        seen: 0,
        table,
    })
}

/// Where production stands with files that an environment reads in another way and has not read yet, and what is other about it: it goes on
/// from production's raw copy, as a run of production would.
fn begun_in_production(project: &Project, asking: Asking<'_>, table: &TableName) -> Result<Option<(Progress, String)>> {
    let Some(environment) = &project.environment else { return Ok(None) };
    let otherwise = environment.why(table).and_then(|why| why.strip_prefix(READ_OTHERWISE));
    let (Some(at), Some(otherwise)) = (environment.in_production(table), otherwise) else { return Ok(None) };
    let is_there = !asking.engine.has_table(table)? && asking.engine.has_table(&table.in_production())?;
    Ok(is_there.then(|| (at.clone(), otherwise.to_owned())))
}

/// The step of a dataset of which an environment reads production's raw copy: its source is not asked.
pub(super) fn of_production(project: &Project, asking: Asking<'_>, dataset: DatasetName, progress: Option<Progress>) -> Step {
    let table = TableName::raw(&dataset);
    let way = progress.as_ref().map(|progress| progress.fingerprint.clone()).unwrap_or_default();
    let follow = way.strip_prefix(WHAT_IS_NEW).map(|by| match by.strip_prefix(" by ") {
        Some(column) => Follow::ByColumn(column.to_owned()),
        None => Follow::BySource,
    });
    let work = Work::Extract {
        files: (way == ALL_FILES).then(Vec::new),
        changed: vec![],
        follow,
        lookback_seconds: 0,
        // Where the note cannot be read, the ledger cannot, and planning has said so.
        key: versions::key(asking.ledger, &table).unwrap_or_default(),
        compared: is_compared(project, asking.engine, &dataset),
        keeps_versions: false,
        again: false,
        dataset,
    };
    Step::idle(table, "append", Decision::Skip(FROM_PRODUCTION.into()), progress, work)
}

/// Why an environment cannot read production's raw copy of a dataset, which stands at `production`.
///
/// # Errors
/// If production's ledger cannot be read.
pub(crate) fn why_own(
    project: &Project,
    engine: &dyn Engine,
    dataset: &DatasetName,
    (production, ledger): (Option<&Progress>, &dyn Ledger),
) -> Result<Option<String>> {
    let Some(at) = production else { return Ok(Some("production has not extracted it".into())) };
    if is_compared(project, engine, dataset) && at.fingerprint != ALL_ROWS {
        return Ok(Some("production does not keep it delivery by delivery".into()));
    }
    let others = if at.fingerprint == ALL_FILES { reads_otherwise(project, ledger, dataset)? } else { vec![] };
    Ok((!others.is_empty()).then(|| format!("{READ_OTHERWISE}{}", others.join(", "))))
}

/// The reading settings of a dataset that have changed since its files were read.
fn reads_otherwise(project: &Project, ledger: &dyn Ledger, dataset: &DatasetName) -> Result<Vec<String>> {
    let before = definition::noted(ledger, TableName::raw(dataset).folder())?;
    Ok(before.map(|before| definition::changes_of_dataset(&before, &definition::of_dataset(project, dataset))).unwrap_or_default())
}

/// What the next run would copy of a dataset: its new and changed files, or all rows of a database.
///
/// # Errors
/// If the source cannot be listed.
pub async fn arriving(project: &Project, asking: Asking<'_>, dataset: &DatasetName) -> Result<Delivery> {
    let progress = asking.ledger.progress(TableName::raw(dataset).folder())?;
    let step = step(project, asking, dataset.clone(), (progress, 0)).await?;
    let Work::Extract { files, .. } = step.work else { return Ok(Delivery::default()) };
    // No file at all cannot be opened; then there is nothing new, and what is there is shown.
    Ok(Delivery { files: files.filter(|files| !files.is_empty()), ..Delivery::default() })
}

/// Whether a model compares whole deliveries of the dataset.
pub(super) fn is_compared(project: &Project, engine: &dyn Engine, dataset: &DatasetName) -> bool {
    project.models.iter().filter(|model| matches!(model.settings.load, Load::Snapshot(_))).any(|model| reads(model, engine, dataset))
}

/// Whether people decided about rows in the quarantine of a dataset or of a model that reads it.
fn has_decisions(project: &Project, engine: &dyn Engine, dataset: &DatasetName) -> Result<bool> {
    let readers = project.models.iter().filter(|model| reads(model, engine, dataset)).map(|model| TableName::model(&model.name));
    for table in readers.chain([TableName::raw(dataset)]) {
        if engine.has_table(&table.reviewed())? {
            return Ok(true);
        }
    }
    Ok(false)
}

/// Whether the SELECT of a model reads a dataset.
pub(super) fn reads(model: &Model, engine: &dyn Engine, dataset: &DatasetName) -> bool {
    let (name, raw) = (dataset.to_string(), format!("raw.{dataset}"));
    let is_named = |reference: &Reference| [&name, &raw].contains(&&reference.parts.join("."));
    engine.reads(&model.sql, None).is_ok_and(|references| references.iter().any(is_named))
}

/// Whether a model follows the dataset that keeps what the source has no longer: earlier versions, or the events of a log with a key.
/// Without a key, rows that come again would be added again.
fn keeps_versions(project: &Project, dataset: &DatasetName) -> bool {
    let dataset = dataset.to_string();
    let loads = || project.models.iter().filter(|model| model.settings.follow.contains_key(&dataset)).map(|model| &model.settings.load);
    let adds_again = |load: &Load| matches!(load, Load::Append(append) if append.key.is_empty());
    loads().any(Load::keeps_history) && !loads().any(adds_again)
}

/// How what is new in a dataset is told, where a model follows it and all of them agree on a column if one is needed.
fn follow(project: &Project, dataset: &DatasetName, survey: &Survey) -> Option<Follow> {
    let dataset = dataset.to_string();
    let mut columns = project.models.iter().filter_map(|model| model.settings.follow.get(&dataset)).peekable();
    if survey.files.is_some() || columns.peek().is_none() {
        return None;
    }
    // What Headworks adds to a raw copy is nothing that a source could be asked for.
    let mut columns = columns.filter(|column| !ORIGIN_COLUMNS.contains(&column.as_str()));
    match survey.news {
        News::Untold => None,
        News::Exact => Some(Follow::BySource),
        News::ByColumn => {
            let first = columns.next()?;
            columns.all(|column| column == first).then(|| Follow::ByColumn(first.clone()))
        }
    }
}

/// How much of the time before what was read of a dataset is read again: the most that a model which follows it asks for.
fn lookback_seconds(project: &Project, dataset: &DatasetName) -> u64 {
    let dataset = &dataset.to_string();
    let asked =
        project.models.iter().filter(|model| model.settings.follow.contains_key(dataset)).filter_map(|model| model.settings.lookback);
    asked.map(|lookback| lookback.0.as_secs()).max().unwrap_or_default()
}

impl Reading {
    /// How the dataset is read: what was read in another way cannot be continued.
    fn way(&self) -> String {
        match (&self.survey.files, &self.follow) {
            (Some(_), _) if !self.compared => ALL_FILES.into(),
            (_, Some(Follow::BySource)) => WHAT_IS_NEW.into(),
            (_, Some(Follow::ByColumn(column))) => format!("{WHAT_IS_NEW} by {column}"),
            (_, None) => ALL_ROWS.into(),
        }
    }

    /// Why the raw copy cannot be continued, where it cannot.
    async fn why_anew(&self, asking: Asking<'_>, table: &TableName) -> Result<Option<String>> {
        let Some(progress) = &self.progress else {
            return Ok(asking.engine.has_table(table)?.then(|| "the ledger does not know the raw copy".into()));
        };
        if progress.fingerprint != self.way() {
            return Ok(Some("it is extracted in another way now".into()));
        }
        let has_files = self.survey.files.as_ref().is_some_and(|files| !files.is_empty());
        if has_files && !self.reads_otherwise.is_empty() && !self.loaded().is_empty() {
            return Ok(Some(format!("{READ_OTHERWISE}{}{}", self.reads_otherwise.join(", "), self.gone_in_words())));
        }
        if self.decision().may_run() && was_rolled_back(asking.engine, table, progress).await? {
            return Ok(Some("the raw copy was rolled back".into()));
        }
        Ok(None)
    }

    /// Whether the raw copy goes on although all rows are read again. Where a ledger begins anew, it alone has the earlier versions.
    fn goes_on(&self) -> bool {
        let may_have_versions = match &self.progress {
            Some(progress) => progress.fingerprint.starts_with(WHAT_IS_NEW),
            None => self.seen > 0,
        };
        self.keeps_versions && may_have_versions
    }

    fn decision(&self) -> Decision {
        match self.files(false) {
            Some(files) if files.is_empty() => Decision::Skip(format!("no new files{}", self.gone_in_words())),
            Some(files) if self.loaded().is_empty() => Decision::Run(plural(files.len() as u64, "file")),
            Some(files) if self.compared => {
                let moved = files.iter().filter(|file| !self.has_read(file)).count() + self.gone().count();
                Decision::Run(format!("{} new, changed or gone; all are read, to be compared", plural(moved as u64, "file")))
            }
            Some(files) => Decision::Run(format!("{}{}", plural(files.len() as u64, "new or changed file"), self.gone_in_words())),
            None if self.progress.is_none() => Decision::Run("first extraction".into()),
            None => Decision::Ask("the source is asked for changes".into()),
        }
    }

    /// Whether all rows of a database are read, and not what is new alone.
    fn reads_all(&self, anew: bool) -> bool {
        let goes_on = self.progress.as_ref().is_some_and(|progress| progress.inputs.contains_key(WATERMARK));
        self.survey.files.is_none() && (anew || self.follow.is_none() || !goes_on)
    }

    /// The files that were read before.
    fn loaded(&self) -> &[SourceFile] {
        match self.progress.as_ref().and_then(|progress| progress.inputs.get(FILES)) {
            Some(Position::Files(files)) => files,
            _ => &[],
        }
    }

    fn has_read(&self, file: &SourceFile) -> bool {
        self.loaded().iter().any(|known| known.is_listed_like(file))
    }

    /// The files to read.
    fn files(&self, anew: bool) -> Option<Vec<SourceFile>> {
        let present = self.survey.files.as_ref()?;
        let is_new = |file: &&SourceFile| anew || !self.has_read(file);
        if self.compared && (self.gone().next().is_some() || present.iter().any(|file| is_new(&file))) {
            return Some(present.clone());
        }
        Some(present.iter().filter(is_new).cloned().collect())
    }

    /// The files of which the raw copy may have rows already.
    fn changed(&self, files: Option<&[SourceFile]>, anew: bool) -> Vec<String> {
        if self.compared {
            return vec![];
        }
        let may_be_there = |file: &&SourceFile| anew || self.loaded().iter().any(|known| known.path == file.path);
        files.unwrap_or_default().iter().filter(may_be_there).map(|file| file.path.clone()).collect()
    }

    /// Names under which a raw copy that the ledger does not know has the rows of files that have another one now, as its commits tell.
    async fn former_names(&self, asking: Asking<'_>, dataset: &DatasetName, table: &TableName) -> Result<Vec<String>> {
        let (Some(present), None, false) = (&self.survey.files, &self.progress, self.compared) else { return Ok(vec![]) };
        let noted = noted_files(asking.engine, table).await?;
        let mut gone = gone_files(asking.engine, table, &noted, present).await?;
        let mut former = Vec::new();
        for file in present.iter().filter(|file| noted.get(&file.path).is_none_or(|known| !known.is_listed_like(file))) {
            let is_same = |known: &SourceFile| {
                (known.bytes, known.modified) == (file.bytes, file.modified) && known.digest == asking.sources.digest(dataset, file)
            };
            if let Some(at) = gone.iter().position(is_same) {
                former.push(gone.swap_remove(at).path);
            }
        }
        Ok(former)
    }

    /// Files that were read and are not there any more.
    fn gone(&self) -> impl Iterator<Item = &SourceFile> {
        let present: BTreeSet<&str> = self.survey.files.iter().flatten().map(|file| file.path.as_str()).collect();
        self.loaded().iter().filter(move |known| !present.contains(known.path.as_str()))
    }

    fn gone_in_words(&self) -> String {
        match self.gone().count() {
            0 => String::new(),
            1 => "; 1 that was loaded is gone, its rows stay".into(),
            gone => format!("; {} that were loaded are gone, their rows stay", count(gone as u64)),
        }
    }

    fn window(&self, files: Option<&[SourceFile]>, anew: bool) -> String {
        let watermark = self.progress.as_ref().filter(|_| !anew).and_then(|progress| progress.inputs.get(WATERMARK));
        match (files, &self.follow, watermark) {
            (Some(files), ..) => files_in_words(files),
            (None, Some(Follow::ByColumn(column)), Some(Position::Watermark(value))) => match self.lookback_seconds {
                0 => format!("{column} >= {value}"),
                seconds => format!("{column} >= {value}, and {} before it", TimeSpan(Duration::from_secs(seconds))),
            },
            (None, Some(Follow::BySource), Some(_)) => "new and changed rows".into(),
            _ => "all rows".into(),
        }
    }
}

fn files_in_words(files: &[SourceFile]) -> String {
    match files {
        [] => "nothing".into(),
        [one] => one.path.clone(),
        [first, .., last] => format!("{} files, {} to {}", count(files.len() as u64), first.path, last.path),
    }
}
