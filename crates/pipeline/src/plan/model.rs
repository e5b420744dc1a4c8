//! The step that builds the table of a model, and what is decided about it.

use std::collections::BTreeSet;

use hw_base::{Engine, Error, Growth, Input, Progress, Reader, Result, TableName, snake_case};

use serde_json::Value as Json;

use super::steps::Steps;
use super::{Asking, Decision, Extent, FROM_PRODUCTION, Parent, ReadFrom, Step, Work, dataset, deliver, was_rolled_back};
use crate::definition;
use crate::graph::Read;
use crate::members;
use crate::position::{has_moved, lost_ground, was_made_anew};
use crate::project::{Model, Project};
use crate::push_down::unreadable;
use crate::selection::Selection;
use crate::settings::{Load, Recompute};

/// What `follow:` names where the order of arrival tells which of two rows is the later one.
pub(crate) const BY_ARRIVAL: &str = "_batch";

/// Why a model is built anew that somebody named.
pub(crate) const ASKED_FOR: &str = "a rebuild was asked for";

/// A model, and what was planned before it.
pub(super) struct Planning<'a> {
    /// The project.
    pub(super) project: &'a Project,
    /// The model.
    pub(super) model: &'a Model,
    /// What it reads.
    pub(super) reads: &'a [Read],
    /// The tables without whose rows its own wait in quarantine, each with the rule that says so.
    pub(super) parents: &'a [(String, Read)],
    /// The steps before its own.
    pub(super) before: &'a Steps,
    /// What the plan is made for.
    pub(super) selection: &'a Selection,
    /// What the model was defined by when it was built last, where it has changed since and somebody noted that down.
    pub(super) definition: Option<&'a Json>,
}

impl Planning<'_> {
    /// Plans the build of the model, which stands at `progress`, and its delivery.
    pub(super) async fn steps(&self, asking: Asking<'_>, progress: Option<Progress>) -> Result<Vec<Step>> {
        match self.model.inside() {
            // An environment writes nothing to a database.
            Some(_) if self.project.environment.is_some() => Ok(vec![]),
            Some(inside) => Ok(vec![self.pushed(inside, asking.engine, progress)?]),
            None => {
                unreadable(self.project, self.model, self.reads, asking.engine).map_or(Ok(()), Err)?;
                let step = self.step(asking.engine, progress).await?;
                let delivery = deliver::step(self.project, self.model, &step, asking).await?;
                Ok(std::iter::once(step).chain(delivery).collect())
            }
        }
    }

    /// Plans the build of the model by the engine.
    async fn step(&self, engine: &dyn Engine, progress: Option<Progress>) -> Result<Step> {
        self.refuse_foreign_follow()?;
        self.refuse_joined_follows(engine)?;
        self.refuse_versions_without_times()?;
        self.refuse_what_cannot_be_compared(engine)?;
        self.refuse_foreign_partitions()?;
        self.refuse_quarantine_of_sets()?;
        let Model { name, sql, file, settings, rules, .. } = self.model;
        let table = TableName::model(name);
        let by_arrival = self.follows_by_itself(engine);
        let selected = self.reads.iter().map(|read| self.read_from(read, by_arrival));
        let reads: Vec<ReadFrom> = selected.chain(members::reads(self.model)).collect();
        let parents = self.parents();
        let inputs = self.before.called(reads.iter().map(|read| read.step.as_str()));
        let needed = [inputs.clone(), self.before.called(parents.iter().map(|parent| parent.read.step.as_str()))].concat();
        let mut decision = self.decide(progress.as_ref(), &inputs, &needed);
        if decision.may_run() {
            self.refuse_repeated_rows(engine, &reads)?;
        }
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
            window: match (&settings.load, decision.may_run() && !anew) {
                (Load::Recompute(recompute), true) => {
                    self.partitions_in_words(engine, recompute, &reads, &inputs, progress.as_ref()).await?
                }
                _ => self.window(&decision, anew, &reads),
            },
            decision,
            anew,
            after: after(&reads, &parents),
            rows: None,
            about_rows: None,
            // How much of a table has to be read of which nothing is new, only its reading tells.
            bytes: inputs.iter().map(|step| step.bytes.filter(|_| step.progress.is_none() || (!anew && step.table.is_raw()))).sum(),
            rules: rules.clone(),
            fingerprint: self.fingerprint(),
            progress,
            seen: 0,
            work: Work::Build {
                sql: sql.clone(),
                file: file.clone(),
                settings: settings.load.clone(),
                partition_by: settings.partition_by.columns()?,
                later_by: self.later_by(engine),
                infers: !settings.infer.is_empty(),
                reads,
                parents,
            },
            table,
        })
    }

    fn refuse_foreign_follow(&self) -> Result<()> {
        let is_read = |dataset: &&String| self.reads.iter().any(|read| read.dataset().is_some_and(|own| own.to_string() == **dataset));
        match self.model.settings.follow.keys().find(|dataset| !is_read(dataset)) {
            None => Ok(()),
            Some(dataset) => Err(self.foreign_follow(dataset).code("HW302").moved_to(self.model.place(&["follow", dataset], 0))),
        }
    }

    fn foreign_follow(&self, dataset: &str) -> Error {
        let name = &self.model.name;
        if self.project.model(dataset).is_some() {
            return Error::user(format!("`{name}` follows `{dataset}`, which is a model: only datasets of sources can be followed"))
                .help(format!("remove it from `follow:`; `{dataset}` is read whole"))
                .help(format!("or read in the SELECT the dataset that `{dataset}` reads, and follow that"));
        }
        Error::user(format!("`{name}` follows `{dataset}`, which its SELECT does not read"))
            .help("remove it from `follow:`, or read it in the SELECT")
    }

    fn refuse_foreign_partitions(&self) -> Result<()> {
        let Load::Recompute(recompute) = &self.model.settings.load else { return Ok(()) };
        let read: Vec<String> = self.reads.iter().map(Read::name).collect();
        match recompute.from.keys().find(|name| !read.contains(name)) {
            None => Ok(()),
            Some(name) => Err(hw_base::unknown("input", name, read.iter().map(String::as_str))
                .code("HW302")
                .because(format!("the SELECT of `{}` does not read it", self.model.name))
                .moved_to(self.model.place(&["load", "recompute", "from", name], 0))),
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

    /// Deliveries are compared of one dataset, and nobody may expect to read of it only what is new.
    fn refuse_what_cannot_be_compared(&self, engine: &dyn Engine) -> Result<()> {
        let Model { name, settings, .. } = self.model;
        let error = match (&settings.load, self.reads) {
            (Load::Snapshot(_), [Read::Dataset { .. }]) if settings.follow.is_empty() => None,
            (Load::Snapshot(_), [Read::Dataset { dataset, .. }]) => Some(
                Error::user(format!("`{name}` compares whole deliveries of `{dataset}`, so it cannot follow a column of it"))
                    .help("remove `follow:`; or keep the versions that the column tells: `load: { scd2: … }`")
                    .moved_to(self.model.place(&["follow"], 0)),
            ),
            (Load::Snapshot(_), _) => Some(
                Error::user(format!("`{name}` compares whole deliveries, so its SELECT reads one dataset of a source and nothing else"))
                    .because("only a delivery of a source is there to be compared again when the table is built anew")
                    .help("join and aggregate in a model that reads this one")
                    .moved_to(self.model.place(&["load"], 0)),
            ),
            _ => self.followed_and_compared(engine),
        };
        error.map_or(Ok(()), |error| Err(error.code("HW305")))
    }

    fn followed_and_compared(&self, engine: &dyn Engine) -> Option<Error> {
        let Model { name, settings, .. } = self.model;
        let followed = |read: &&Read| read.dataset().is_some_and(|dataset| settings.follow.contains_key(&dataset.to_string()));
        let mut followed = self.reads.iter().filter(followed).filter_map(Read::dataset);
        let dataset = followed.find(|dataset| dataset::is_compared(self.project, engine, dataset))?;
        let error =
            Error::user(format!("`{name}` follows `{dataset}`, of which another model compares whole deliveries (`load: snapshot`)"));
        let error = error.because("each batch of its raw copy is the whole dataset, not what is new");
        Some(
            error
                .help("remove `follow:`, or give the dataset a second name in `headworks.yaml`")
                .moved_to(self.model.place(&["follow"], 0)),
        )
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

    /// Rows that come of no new ones cannot be added every time: without a key nobody could tell what is there already.
    fn refuse_repeated_rows(&self, engine: &dyn Engine, reads: &[ReadFrom]) -> Result<()> {
        let Model { name, sql, settings, .. } = self.model;
        if !matches!(&settings.load, Load::Append(append) if append.key.is_empty()) {
            return Ok(());
        }
        let arrives = |read: &&ReadFrom| read.table.is_raw() && !self.is_snapshot(&read.table);
        let followed: Vec<&str> =
            reads.iter().filter(arrives).filter(|read| read.extent == Extent::New).map(|read| read.name.as_str()).collect();
        let is_whole = |read: &&ReadFrom| !followed.contains(&read.name.as_str());
        let Some(whole) = reads.iter().find(is_whole).or(reads.first()) else { return Ok(()) };
        if engine.growth(sql, &followed) != Growth::Repeated {
            return Ok(());
        }
        let (rows, why) = match &followed[..] {
            [] => (
                format!("all of its rows again whenever `{}` changes", whole.name),
                "only a plain SELECT of one dataset goes on by itself; this one reads all rows each time".to_owned(),
            ),
            _ => (
                format!("rows of `{}` again with each run", whole.name),
                format!(
                    "its SELECT reads `{}` whole each time, or in a query within, and returns rows or values that need nothing new in {}",
                    whole.name,
                    in_words(&followed)
                ),
            ),
        };
        let mut error = Error::user(format!("`{name}` would add {rows}"))
            .code("HW305")
            .because(format!("{why}, and `load: append` without a key adds whatever it returns"))
            .help("to make the table of all rows: `load: replace`, or `upsert` with the columns that tell its rows apart as the key");
        let datasets: Vec<&ReadFrom> = reads.iter().filter(arrives).collect();
        if let Some(follow) = self.sound_follow(engine, &datasets) {
            let others: Vec<&str> = reads.iter().filter(|read| !follow.contains(&&read.table)).map(|read| read.name.as_str()).collect();
            let missed = if others.is_empty() {
                String::new()
            } else {
                format!("; what comes to {} after them adds and changes nothing", in_words(&others))
            };
            let follow = follow.iter().map(|table| format!("{}: {BY_ARRIVAL}", table.leaf())).collect::<Vec<_>>().join(", ");
            error = error.help(format!("to add what the new rows alone give, a sum of each delivery: `follow: {{ {follow} }}`{missed}"));
        }
        Err(error.moved_to(self.model.place(&["load"], 0)))
    }

    /// What to follow of these datasets, so that nothing is added twice: one of them, else all.
    fn sound_follow<'a>(&self, engine: &dyn Engine, datasets: &[&'a ReadFrom]) -> Option<Vec<&'a TableName>> {
        let sql = &self.model.sql;
        let tables: BTreeSet<&'a TableName> = datasets.iter().map(|read| &read.table).collect();
        let tables: Vec<&'a TableName> = tables.into_iter().collect();
        let names = |tables: &[&TableName]| -> Vec<&str> {
            datasets.iter().filter(|read| tables.contains(&&read.table)).map(|read| read.name.as_str()).collect()
        };
        let is_sound = |tables: &Vec<&TableName>| {
            let names = names(tables);
            engine.growth(sql, &names) != Growth::Repeated && (tables.len() == 1 || !engine.joins(sql, &names))
        };
        tables.iter().map(|table| vec![*table]).chain([tables.clone()]).find(is_sound)
    }

    /// Whether the model goes on where it has stopped although it does not say so: nothing but new rows can change it.
    fn follows_by_itself(&self, engine: &dyn Engine) -> bool {
        let settings = &self.model.settings;
        let reads_one_dataset = matches!(self.reads, [Read::Dataset { .. }]);
        let reads_all = matches!(settings.load, Load::Replace | Load::Recompute(_));
        !reads_all && settings.follow.is_empty() && reads_one_dataset && engine.is_row_by_row(&self.model.sql)
    }

    fn read_from(&self, read: &Read, by_arrival: bool) -> ReadFrom {
        match read {
            Read::Model(name) => {
                ReadFrom { name: name.clone(), step: name.clone(), table: TableName::model(name), extent: Extent::All, hides_origin: false }
            }
            Read::Dataset { name, dataset, with_origin } => {
                let table = TableName::raw(dataset);
                let extent = match self.model.settings.follow.contains_key(&dataset.to_string()) {
                    _ if matches!(self.model.settings.load, Load::Snapshot(_)) => Extent::Deliveries,
                    true if !matches!(self.model.settings.load, Load::Recompute(_)) => Extent::New,
                    _ if self.is_snapshot(&table) => Extent::LastBatch,
                    _ if by_arrival => Extent::New,
                    _ if !with_origin && self.versions(&table).is_some_and(|key| !key.is_empty()) => Extent::Newest,
                    _ => Extent::All,
                };
                ReadFrom { name: name.clone(), step: table.folder().to_owned(), table, extent, hides_origin: !with_origin }
            }
        }
    }

    /// Whether each batch of a raw copy is the whole dataset as it was then.
    pub(super) fn is_snapshot(&self, table: &TableName) -> bool {
        self.before.of(table).any(|step| step.work.copies_whole())
    }

    /// The key of a raw copy that holds every version of a row that a run has seen.
    pub(super) fn versions(&self, table: &TableName) -> Option<&[String]> {
        self.before.of(table).find_map(|step| match &step.work {
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
            [Read::Dataset { dataset, .. }] if matches!(settings.load, Load::Upsert(_) | Load::Scd1(_)) => {
                let table = TableName::raw(dataset);
                self.before.of(&table).any(is_row_of_source) && engine.is_row_by_row(sql)
            }
            _ => false,
        };
        // Whoever infers members has to know what was deleted, which only a column tells for good.
        let remembers = !settings.infer.is_empty() && settings.load.deleted_when().is_some();
        (!arrives_in_order || remembers).then(|| column.clone())
    }

    /// Whether the model is built, which reads `inputs` and needs `needed`.
    fn decide(&self, progress: Option<&Progress>, inputs: &[&Step], needed: &[&Step]) -> Decision {
        if let Some(reason) = needed.iter().find_map(|input| input.unreadable()) {
            return Decision::Skip(reason);
        }
        if self.project.borrows(&TableName::model(&self.model.name)) {
            return Decision::Skip(FROM_PRODUCTION.into());
        }
        // Also of a table that the ledger does not know: what it has may be lost by it.
        if self.selection.rebuild && self.selection.names(&self.model.name) {
            return Decision::Rebuild(ASKED_FOR.into());
        }
        let Some(progress) = progress else { return Decision::Rebuild(self.why_first()) };
        if progress.fingerprint != self.fingerprint() {
            return Decision::Rebuild(self.what_changed());
        }
        if let Some(reason) = inputs.iter().find_map(|input| self.lost_ground(input, progress)) {
            return Decision::Rebuild(reason);
        }
        let moved: Vec<&str> = needed.iter().filter(|input| has_moved(input, progress)).map(|input| input.name.as_str()).collect();
        if !moved.is_empty() {
            return Decision::Run(format!("new rows in {}", moved.join(", ")));
        }
        let is_asked = |input: &&&Step| matches!(input.decision, Decision::Ask(_));
        let changing = needed.iter().find(|input| input.decision.may_run() && !is_asked(input));
        match (changing, needed.iter().find(is_asked)) {
            (Some(input), _) => Decision::Run(format!("{} changes", input.name)),
            (None, Some(input)) => Decision::Ask(format!("if {} has new rows", input.name)),
            (None, None) => Decision::Skip("no input changed".into()),
        }
    }

    /// A hash of everything that defines the step. In an environment that includes whose tables it reads: what was read of production's is
    /// nothing that could be continued with the environment's own.
    fn fingerprint(&self) -> String {
        let Some(environment) = &self.project.environment else { return self.model.fingerprint.clone() };
        environment.fingerprint(self.model, self.reads)
    }

    pub(super) fn what_changed(&self) -> String {
        let changes = self.definition.and_then(|before| definition::changes_of_model(before, &definition::of_model(self.model)));
        changes.map_or("the model changed".into(), |changes| format!("the model changed: {changes}"))
    }

    fn why_first(&self) -> String {
        let environment = self.project.environment.as_ref();
        let why = environment.and_then(|environment| environment.why(&TableName::model(&self.model.name)));
        why.unwrap_or("first load").to_owned()
    }

    /// Why the model cannot go on from what it has read of an input.
    fn lost_ground(&self, input: &Step, progress: &Progress) -> Option<String> {
        match self.model.settings.load {
            // It does not mind what it has read before.
            Load::Replace => None,
            // What was taken out touches a partition like what was added.
            Load::Recompute(_) => was_made_anew(input, progress),
            _ => lost_ground(input, progress),
        }
    }

    /// Whether the load goes on where the last one has stopped.
    fn reads_on(&self, decision: &Decision, reads: &[ReadFrom]) -> bool {
        let load = &self.model.settings.load;
        let is_continued = matches!(decision, Decision::Run(_) | Decision::Ask(_)) && *load != Load::Replace;
        let goes_on = |read: &ReadFrom| matches!(read.extent, Extent::New | Extent::Members | Extent::Deliveries);
        is_continued && (matches!(load, Load::Recompute(_)) || reads.iter().any(goes_on))
    }

    /// What changes which partitions, as far as that is known before anything is read.
    async fn partitions_in_words(
        &self,
        engine: &dyn Engine,
        recompute: &Recompute,
        reads: &[ReadFrom],
        inputs: &[&Step],
        progress: Option<&Progress>,
    ) -> Result<String> {
        let settings = &self.model.settings;
        let whole = |read: &ReadFrom| Input::Table {
            name: read.name.clone(),
            table: read.table.clone(),
            version: None,
            after_batch: None,
            up_to_batch: None,
            hides_origin: read.hides_origin,
        };
        let reader = Reader { sql: self.model.sql.clone(), inputs: reads.iter().map(whole).collect(), file: None };
        let traced = engine.traced(&reader, &settings.partition_by.columns()?).await?;
        let is_told = |name: &String| recompute.from.contains_key(name) || traced.iter().any(|traced| traced.input == *name);
        let changes = |step: &&&Step| step.decision.may_run() || progress.is_some_and(|progress| has_moved(step, progress));
        let changing: Vec<&str> = inputs.iter().filter(changes).map(|step| step.name.as_str()).collect();
        let names = reads.iter().filter(|read| changing.contains(&read.step.as_str())).map(|read| read.name.clone());
        let (told, untold): (Vec<String>, Vec<String>) = names.partition(is_told);
        let by = settings.partition_by.0.join(", ");
        Ok(match (&told[..], &untold[..]) {
            (_, []) => format!("{by} of changed rows in {}", told.join(", ")),
            ([], _) => format!("all rows: no row of {} tells its {by}", untold.join(", ")),
            _ => format!("{by} of changed rows in {}; all rows if {} changes", told.join(", "), untold.join(" or ")),
        })
    }

    fn window(&self, decision: &Decision, anew: bool, reads: &[ReadFrom]) -> String {
        let rows = self.rows_in_words(decision, anew, reads);
        let naming: Vec<String> = self.model.settings.infer.keys().cloned().collect();
        if naming.is_empty() || !decision.may_run() { rows } else { format!("{rows}; members that {} names", naming.join(" or ")) }
    }

    fn rows_in_words(&self, decision: &Decision, anew: bool, reads: &[ReadFrom]) -> String {
        let every_version = |read: &&ReadFrom| read.extent == Extent::All && self.versions(&read.table).is_some_and(<[String]>::is_empty);
        let versions: Vec<&str> = reads.iter().filter(every_version).map(|read| read.name.as_str()).collect();
        let new: Vec<&str> = reads.iter().filter(|read| read.extent == Extent::New).map(|read| read.name.as_str()).collect();
        match decision {
            Decision::Skip(_) => "nothing".into(),
            // Nobody knows which of them belong together.
            _ if !versions.is_empty() => format!("every version of the rows of {}", versions.join(", ")),
            _ if anew && matches!(self.model.settings.load, Load::Snapshot(_)) => "every delivery".into(),
            _ if reads.iter().any(|read| read.extent == Extent::Deliveries) => "new deliveries, compared with the one before".into(),
            _ if anew || new.is_empty() || self.model.settings.load == Load::Replace => "all rows".into(),
            _ => format!("new rows of {}", new.join(", ")),
        }
    }
}

/// The step of a model that nobody has selected, whose table stands at `progress` and is read as it is.
pub(super) fn as_it_is(model: &Model, progress: Option<Progress>) -> Step {
    let work = Work::Build {
        sql: model.sql.clone(),
        file: model.file.clone(),
        settings: model.settings.load.clone(),
        partition_by: vec![],
        later_by: None,
        infers: false,
        reads: vec![],
        parents: vec![],
    };
    let (table, load) = (TableName::model(&model.name), model.settings.load.name());
    let step = Step::idle(table, load, Decision::Skip("read as it is".into()), progress, work);
    Step { fingerprint: model.fingerprint.clone(), ..step }
}

/// The steps that come before one that reads `reads`, each once.
fn after(reads: &[ReadFrom], parents: &[Parent]) -> Vec<String> {
    let read: Vec<String> = reads.iter().map(|read| read.step.clone()).collect();
    let mut waited_for: Vec<String> = parents.iter().map(|parent| parent.read.step.clone()).filter(|step| !read.contains(step)).collect();
    waited_for.dedup();
    [read, waited_for].concat()
}

/// Whether a model's key consists of the columns of a dataset's key, as they are named in its raw copy.
fn is_same_key(dataset: &[String], model: &[String]) -> bool {
    let is_named = |column: &String| model.contains(&snake_case(column));
    !dataset.is_empty() && dataset.len() == model.len() && dataset.iter().all(is_named)
}

fn in_words(names: &[&str]) -> String {
    names.iter().map(|name| format!("`{name}`")).collect::<Vec<_>>().join(" and ")
}

/// What becomes of a decision where the table shows less than the step has read.
fn after_rollback(decision: Decision) -> Decision {
    match decision {
        Decision::Ask(condition) => Decision::Ask(format!("{condition}; all rows then, because the table was rolled back")),
        _ => Decision::Rebuild("the table was rolled back".into()),
    }
}
