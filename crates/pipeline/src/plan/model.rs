//! The step that builds the table of a model, and what is decided about it.

use hw_base::{Engine, Error, Progress, Result, TableName, snake_case};

use super::{Decision, Extent, ReadFrom, Selection, Step, Work, was_rolled_back};
use crate::graph::Read;
use crate::position::{has_moved, lost_ground};
use crate::project::Model;
use crate::settings::Load;

/// What `follow:` names where the order of arrival tells which of two rows is the later one.
pub(crate) const BY_ARRIVAL: &str = "_batch";

/// A model, and what was planned before it.
pub(super) struct Planning<'a> {
    /// The model.
    pub(super) model: &'a Model,
    /// What it reads.
    pub(super) reads: &'a [Read],
    /// The steps before its own.
    pub(super) before: &'a [Step],
    /// What the plan is made for.
    pub(super) selection: &'a Selection,
}

impl Planning<'_> {
    /// Plans the build of the model, which stands at `progress`.
    pub(super) async fn step(&self, engine: &dyn Engine, progress: Option<Progress>) -> Result<Step> {
        self.refuse_foreign_follow()?;
        self.refuse_joined_follows(engine)?;
        self.refuse_versions_without_times()?;
        let Model { name, sql, file, settings, rules, fingerprint, .. } = self.model;
        let table = TableName::model(name);
        let by_arrival = self.follows_by_itself(engine);
        let reads: Vec<ReadFrom> = self.reads.iter().map(|read| self.read_from(read, by_arrival)).collect();
        let inputs: Vec<&Step> = self.before.iter().filter(|step| reads.iter().any(|read| read.step == step.name)).collect();
        let mut decision = self.decide(progress.as_ref(), &inputs);
        let mut anew = matches!(decision, Decision::Rebuild(_));
        if let Some(progress) = progress.as_ref().filter(|_| self.reads_on(&decision, &reads))
            && was_rolled_back(engine, &table, progress).await?
        {
            decision = after_rollback(decision);
            anew = true;
        }
        Ok(Step {
            name: name.clone(),
            load: settings.load.name(),
            window: self.window(&decision, anew, &reads),
            decision,
            anew,
            after: reads.iter().map(|read| read.step.clone()).collect(),
            rows: None,
            bytes: inputs.iter().map(|step| step.bytes).sum(),
            rules: rules.clone(),
            fingerprint: fingerprint.clone(),
            progress,
            work: Work::Build {
                sql: sql.clone(),
                file: file.clone(),
                settings: settings.load.clone(),
                partition_by: settings.partition_by.columns()?,
                later_by: self.later_by(engine),
                reads,
            },
            table,
        })
    }

    fn refuse_foreign_follow(&self) -> Result<()> {
        let is_read = |dataset: &&String| self.reads.iter().any(|read| read.dataset().is_some_and(|own| own.to_string() == **dataset));
        match self.model.settings.follow.keys().find(|dataset| !is_read(dataset)) {
            None => Ok(()),
            Some(dataset) => Err(Error::user(format!("`{}` follows `{dataset}`, which its SELECT does not read", self.model.name))
                .code("HW302")
                .help("remove it from `follow:`, or read it in the SELECT")
                .moved_to(self.model.place(&["follow", dataset], 0))),
        }
    }

    fn refuse_versions_without_times(&self) -> Result<()> {
        let settings = &self.model.settings;
        let tells_time = settings.follow.values().any(|column| column != BY_ARRIVAL);
        if !settings.load.needs_times() || tells_time {
            return Ok(());
        }
        let error = settings.load.without_times().within(format_args!("`{}`", self.model.name));
        Err(error.moved_to(self.model.place(&["load"], 0)))
    }

    /// Two followed datasets that are joined would miss each other: what arrived earlier in one, and later in the other.
    fn refuse_joined_follows(&self, engine: &dyn Engine) -> Result<()> {
        let followed = &self.model.settings.follow;
        let names: Vec<&str> = followed.keys().map(String::as_str).collect();
        if names.len() < 2 {
            return Ok(());
        }
        let mut columns = followed.values();
        let first = columns.next();
        let problem = if engine.joins(&self.model.sql, &names) {
            "rows that arrive in one of them would miss rows that arrived in the other earlier"
        } else if self.model.settings.load.needs_key() && columns.any(|column| Some(column) != first) {
            "different columns cannot tell which of two rows with one key is the later one"
        } else {
            return Ok(());
        };
        Err(Error::user(format!("`{}` cannot follow {} at once", self.model.name, names.join(" and ")))
            .code("HW305")
            .because(problem)
            .moved_to(self.model.place(&["follow"], 0))
            .help("follow one of them and read the other whole, or give each a model of its own and join these"))
    }

    /// Whether the model goes on where it has stopped although it does not say so: nothing but new rows can change it.
    fn follows_by_itself(&self, engine: &dyn Engine) -> bool {
        let settings = &self.model.settings;
        let reads_one_dataset = matches!(self.reads, [Read::Dataset { .. }]);
        settings.load != Load::Replace && settings.follow.is_empty() && reads_one_dataset && engine.is_row_by_row(&self.model.sql)
    }

    fn read_from(&self, read: &Read, by_arrival: bool) -> ReadFrom {
        match read {
            Read::Model(name) => {
                ReadFrom { name: name.clone(), step: name.clone(), table: TableName::model(name), extent: Extent::All, hides_origin: false }
            }
            Read::Dataset { name, dataset, with_origin } => {
                let table = TableName::raw(dataset);
                let extent = match self.model.settings.follow.contains_key(&dataset.to_string()) {
                    true => Extent::New,
                    false if self.is_snapshot(&table) => Extent::LastBatch,
                    false if by_arrival => Extent::New,
                    false if !with_origin && self.versions(&table).is_some_and(|key| !key.is_empty()) => Extent::Newest,
                    false => Extent::All,
                };
                ReadFrom { name: name.clone(), step: table.folder().to_owned(), table, extent, hides_origin: !with_origin }
            }
        }
    }

    /// Whether each batch of a raw copy is the whole dataset as it was then.
    fn is_snapshot(&self, table: &TableName) -> bool {
        let extracts_all = |step: &Step| matches!(&step.work, Work::Extract { files: None, follow: None, .. });
        self.before.iter().any(|step| step.table == *table && extracts_all(step))
    }

    /// The key of a raw copy that holds every version of a row that a run has seen.
    fn versions(&self, table: &TableName) -> Option<&[String]> {
        self.before.iter().filter(|step| step.table == *table).find_map(|step| match &step.work {
            Work::Extract { follow: Some(_), key, .. } => Some(key.as_slice()),
            _ => None,
        })
    }

    /// The column that tells which of two rows with one key is the later one; `None` where the order of arrival does.
    ///
    /// A database is read as it is at that moment. Where the model keeps one row per row of the source, what was read later is
    /// later, and no column knows better.
    fn later_by(&self, engine: &dyn Engine) -> Option<String> {
        let Model { sql, settings, .. } = self.model;
        let column = settings.follow.values().find(|column| *column != BY_ARRIVAL)?;
        let is_row_of_source = |step: &Step| match &step.work {
            Work::Extract { follow: Some(_), key, .. } => is_same_key(key, settings.load.key()),
            _ => false,
        };
        let arrives_in_order = match self.reads {
            [Read::Dataset { dataset, .. }] if matches!(settings.load, Load::Upsert(_)) => {
                let table = TableName::raw(dataset);
                self.before.iter().any(|step| step.table == table && is_row_of_source(step)) && engine.is_row_by_row(sql)
            }
            _ => false,
        };
        (!arrives_in_order).then(|| column.clone())
    }

    fn decide(&self, progress: Option<&Progress>, inputs: &[&Step]) -> Decision {
        if let Some(input) = inputs.iter().find(|input| matches!(input.decision, Decision::Fail(_))) {
            return Decision::Skip(format!("{} cannot be read", input.name));
        }
        let Some(progress) = progress else { return Decision::Rebuild("first load".into()) };
        if self.selection.rebuild && self.selection.names(&self.model.name) {
            return Decision::Rebuild("a rebuild was asked for".into());
        }
        if progress.fingerprint != self.model.fingerprint {
            return Decision::Rebuild("the model changed".into());
        }
        // A load that replaces the table does not mind what it has read before.
        let keeps_rows = self.model.settings.load != Load::Replace;
        if let Some(reason) = inputs.iter().filter(|_| keeps_rows).find_map(|input| lost_ground(input, progress)) {
            return Decision::Rebuild(reason);
        }
        let moved: Vec<&str> = inputs.iter().filter(|input| has_moved(input, progress)).map(|input| input.name.as_str()).collect();
        if !moved.is_empty() {
            return Decision::Run(format!("new rows in {}", moved.join(", ")));
        }
        let is_asked = |input: &&&Step| matches!(input.decision, Decision::Ask(_));
        let changing = inputs.iter().find(|input| input.decision.may_run() && !is_asked(input));
        match (changing, inputs.iter().find(is_asked)) {
            (Some(input), _) => Decision::Run(format!("{} changes", input.name)),
            (None, Some(input)) => Decision::Ask(format!("if {} has new rows", input.name)),
            (None, None) => Decision::Skip("no input changed".into()),
        }
    }

    /// Whether the load goes on where the last one has stopped.
    fn reads_on(&self, decision: &Decision, reads: &[ReadFrom]) -> bool {
        let is_continued = matches!(decision, Decision::Run(_) | Decision::Ask(_)) && self.model.settings.load != Load::Replace;
        is_continued && reads.iter().any(|read| read.extent == Extent::New)
    }

    fn window(&self, decision: &Decision, anew: bool, reads: &[ReadFrom]) -> String {
        let every_version = |read: &&ReadFrom| read.extent == Extent::All && self.versions(&read.table).is_some_and(<[String]>::is_empty);
        let versions: Vec<&str> = reads.iter().filter(every_version).map(|read| read.name.as_str()).collect();
        let new: Vec<&str> = reads.iter().filter(|read| read.extent == Extent::New).map(|read| read.name.as_str()).collect();
        match decision {
            Decision::Skip(_) => "nothing".into(),
            // Nobody knows which of them belong together.
            _ if !versions.is_empty() => format!("every version of the rows of {}", versions.join(", ")),
            _ if anew || new.is_empty() || self.model.settings.load == Load::Replace => "all rows".into(),
            _ => format!("new rows of {}", new.join(", ")),
        }
    }
}

/// Whether a model's key consists of the columns of a dataset's key, as they are named in its raw copy.
fn is_same_key(dataset: &[String], model: &[String]) -> bool {
    let is_named = |column: &String| model.contains(&snake_case(column));
    !dataset.is_empty() && dataset.len() == model.len() && dataset.iter().all(is_named)
}

/// What becomes of a decision where the table shows less than the step has read.
fn after_rollback(decision: Decision) -> Decision {
    match decision {
        Decision::Ask(condition) => Decision::Ask(format!("{condition}; all rows then, because the table was rolled back")),
        _ => Decision::Rebuild("the table was rolled back".into()),
    }
}
