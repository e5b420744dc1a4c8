//! Whether what a model's YAML and its rules say of columns fits the columns that its SELECT returns.

use hw_base::{
    Column, ColumnType, Engine, Error, Input, Ledger, ORIGIN_COLUMNS, Reader, Result, Span, TableState, VALID_FROM, VALID_TO, identifier,
    unknown,
};
use hw_validate::Gate;

use crate::definition;
use crate::deliver;
use crate::members;
use crate::plan::{ASKED_FOR, BY_ARRIVAL, Decision, Step, Work};
use crate::project::{Model, Project};
use crate::run::touched::traceable;
use crate::run::types::{follows_inputs, is_same_type, reads_on};
use crate::settings::{Load, inferred_column};

/// The name under which `delete_when` is tried on the rows of the SELECT.
const TRIED: &str = "arriving";

/// Checks the key, the followed column, the partition columns and `delete_when` of a model; `reader` is its SELECT with what
/// it reads, `columns` are those that it returns.
///
/// # Errors
/// All that does not fit, each with its place in the YAML.
pub(crate) async fn check(model: &Model, reader: &Reader, columns: &[Column], engine: &dyn Engine) -> Result<()> {
    let fitting = Fitting { model, columns };
    let mut errors = fitting.twice();
    errors.extend(fitting.nameless());
    errors.extend(fitting.made());
    errors.extend(fitting.key());
    errors.extend(fitting.named());
    errors.extend(fitting.follow(reader, engine).await?);
    errors.extend(fitting.partitions()?);
    errors.extend(deliver::unfit(model, &deliver::columns_of_table(model, columns)));
    if let Some(condition) = model.settings.load.deleted_when() {
        errors.extend(deletion(model, condition, reader, engine).await?);
    }
    errors.extend(members::fit(model, reader, columns, engine).await?);
    if let (Load::Recompute(recompute), true) = (&model.settings.load, errors.is_empty()) {
        let untraceable = traceable(engine, reader, &model.settings.partition_by, recompute).await?;
        errors.extend(untraceable.map(|error| error.within(format_args!("`{}`", model.name)).moved_to(model.place(&["load"], 0))));
    }
    Error::all(errors).map_or(Ok(()), Err)
}

/// The rules of a step, fitted to the columns that its table will have: `columns`, which `reader` returns, and those that the load adds.
///
/// # Errors
/// If the engine fails for another reason than the SQL of a rule.
pub(crate) async fn gate(step: &Step, reader: &Reader, columns: &[Column], engine: &dyn Engine) -> Result<Gate> {
    let added = added(step, columns);
    let reader = with_columns(reader, &added);
    let columns: Vec<Column> = columns.iter().cloned().chain(added).collect();
    let mut gate = Gate::new(&step.rules, &columns);
    gate.try_sql(engine, &reader).await?;
    Ok(gate)
}

/// The rows of `reader` with the columns that the load adds, none of which is read.
pub(crate) fn rows(step: &Step, reader: &Reader, columns: &[Column]) -> Reader {
    with_columns(reader, &added(step, columns))
}

/// How the columns of a table change that is built anew.
#[derive(Debug, Default)]
pub(crate) struct ColumnChanges {
    /// In words, each.
    pub(crate) all: Vec<String>,
    /// Those of them that whoever reads the table may miss.
    lost: Vec<Lost>,
    /// Whether they come from what the model reads, and not from its definition.
    of_inputs: bool,
}

/// A change by which whoever reads the table may miss something.
#[derive(Debug)]
struct Lost {
    /// The column.
    column: String,
    /// The change, in words.
    change: String,
}

impl ColumnChanges {
    /// The changes from the columns that a table has to those of its step, whose SELECT returns `columns`.
    pub(crate) fn of(step: &Step, table: &TableState, columns: &[Column]) -> Self {
        Self::to(step, table, &columns_of_table(step, columns))
    }

    /// The changes from the columns that a table has to those that it will have once its step has run.
    pub(crate) fn to(step: &Step, table: &TableState, after: &[Column]) -> Self {
        let of_inputs = step.progress.as_ref().is_some_and(|progress| progress.fingerprint == step.fingerprint);
        Self::between(table, after, of_inputs)
    }

    /// The changes from production's table to the columns of the one that would take its place. `of_inputs` says that the model is production's.
    pub(crate) fn of_promotion(production: &TableState, built: &[Column], of_inputs: bool) -> Self {
        Self::between(production, built, of_inputs)
    }

    /// The changes from the columns of a table to others. Types may follow what an unchanged model reads, and the first rows show what it
    /// holds.
    fn between(table: &TableState, after: &[Column], of_inputs: bool) -> Self {
        let is_allowed = |before: &str, after: &str| of_inputs && (table.rows == Some(0) || follows_inputs(before, after));
        let present = &table.columns;
        let mut changes = Self { of_inputs, ..Self::default() };
        for column in after {
            match present.iter().find(|known| known.name == column.name) {
                None => changes.all.push(format!("+ {} {}", column.name, column.sql_type)),
                Some(known) if is_same_type(&known.sql_type, &column.sql_type) => {}
                Some(known) => {
                    let change = format!("{} {} → {}", column.name, known.sql_type, column.sql_type);
                    if !reads_on(&known.sql_type, &column.sql_type) && !is_allowed(&known.sql_type, &column.sql_type) {
                        changes.lost.push(Lost { column: column.name.clone(), change: change.clone() });
                    }
                    changes.all.push(change);
                }
            }
        }
        for gone in present.iter().filter(|known| after.iter().all(|column| column.name != known.name)) {
            let change = format!("- {} {}", gone.name, gone.sql_type);
            changes.lost.push(Lost { column: gone.name.clone(), change: change.clone() });
            changes.all.push(change);
        }
        changes
    }

    /// Those that whoever reads the table may miss, in words; `None` where there is none.
    pub(crate) fn lost_in_words(&self) -> Option<String> {
        (!self.lost.is_empty()).then(|| self.lost.iter().map(|lost| lost.change.as_str()).collect::<Vec<_>>().join(", "))
    }

    /// Why a run, or the promotion of an environment, does not make them unless it is asked to; `None` where nobody can miss anything. The
    /// ledger knows what made the columns.
    pub(crate) fn refusal(&self, model: &Model, ledger: &dyn Ledger, promoted: Option<&str>) -> Option<Error> {
        let lost = self.lost_in_words()?;
        let name = &model.name;
        let made_by = self.lost_partitions(name, ledger);
        let (keep, place) = match made_by.len() {
            _ if self.of_inputs => {
                ("bring them back where they come from (a source, its settings, a model), or write them in the SELECT".to_owned(), None)
            }
            0 => ("keep them in the SELECT".to_owned(), None),
            made if made == self.lost.len() => (format!("leave {} in `partition_by`", made_by.join(", ")), partition_place(model)),
            _ => (format!("keep them in the SELECT, and {} in `partition_by`", made_by.join(", ")), None),
        };
        let what = if self.of_inputs {
            format!("a change in what `{name}` reads would take columns away from those who read `{name}`")
        } else {
            format!("the changed `{name}` would take columns away from those who read it")
        };
        let (confirmed, shown) = match promoted {
            Some(environment) => (format!("promote {environment} --rebuild"), format!("diff {name} --env {environment}")),
            None => (format!("run {name} --rebuild"), format!("diff {name}")),
        };
        let load = &model.settings.load;
        let (price, or_beside) = if load.keeps_history() || matches!(load, Load::Snapshot(_)) {
            ("; then all versions of its history lose them", ", or leave the table and give the new definition another model name")
        } else {
            ("", "")
        };
        let error = Error::user(what)
            .code("HW310")
            .because(lost)
            .help(format!("if that is meant: `headworks {confirmed}`{price}"))
            .help(format!("else {keep}{or_beside}; `headworks {shown}` shows what changes"));
        Some(error.at(place.unwrap_or_else(|| Span { file: model.file.clone().into(), line: 1, column: 1, length: 1 })))
    }

    /// What made those of the lost columns that the SELECT never returned.
    fn lost_partitions(&self, model: &str, ledger: &dyn Ledger) -> Vec<String> {
        // Where the note cannot be read, the columns are told like those of the SELECT.
        let before = definition::noted(ledger, model).ok().flatten();
        let made = before.map(|before| definition::partition_columns(&before)).unwrap_or_default();
        let is_lost = |name: &str| self.lost.iter().any(|lost| lost.column == name);
        made.into_iter().filter(|(column, _)| is_lost(column)).map(|(_, made_by)| format!("`{made_by}`")).collect()
    }
}

/// Where the partitions of a model stand in its YAML, or would stand.
fn partition_place(model: &Model) -> Option<Span> {
    model.place(&["partition_by"], 0).or_else(|| model.yaml.span.clone())
}

/// Whether a run makes changes of columns only if it is asked to: the table was built before, and people read it.
pub(crate) fn guards_columns(project: &Project, step: &Step) -> bool {
    step.progress.is_some() && project.environment.is_none() && step.decision != Decision::Rebuild(ASKED_FOR.into())
}

/// The columns of the table of a step whose SELECT returns `columns`.
pub(crate) fn columns_of_table(step: &Step, columns: &[Column]) -> Vec<Column> {
    columns.iter().cloned().chain(added(step, columns)).collect()
}

/// The columns that the table of a step has besides those of the SELECT.
fn added(step: &Step, columns: &[Column]) -> Vec<Column> {
    let Work::Build { settings, later_by, partition_by, infers, .. } = &step.work else { return vec![] };
    let member = infers.then(inferred_column);
    let mut added: Vec<Column> = member.into_iter().chain(settings.added(columns, later_by.as_deref())).collect();
    let is_new = |name: &str| !columns.iter().any(|column| column.name == name);
    let partitions = partition_by.iter().filter(|(name, _)| is_new(name));
    added.extend(partitions.map(|(name, _)| Column { name: name.clone(), kind: ColumnType::Date, sql_type: "date".into() }));
    added
}

/// The rows with columns that the load adds, for trying SQL on them.
fn with_columns(reader: &Reader, added: &[Column]) -> Reader {
    if added.is_empty() {
        return reader.clone();
    }
    let columns: Vec<String> =
        added.iter().map(|column| format!("cast(null as {}) as {}", column.sql_type, identifier(&column.name))).collect();
    let sql = reader.sql.trim_end().trim_end_matches(';');
    Reader { sql: format!("select *, {} from ({sql}\n) as model", columns.join(", ")), ..reader.clone() }
}

/// A model, and the columns that its SELECT returns.
struct Fitting<'a> {
    model: &'a Model,
    columns: &'a [Column],
}

impl Fitting<'_> {
    fn column(&self, name: &str) -> Option<&Column> {
        self.columns.iter().find(|column| column.name == name)
    }

    fn unknown(&self, what: &str, name: &str, span: Option<Span>) -> Error {
        let known = self.columns.iter().map(|column| column.name.as_str());
        let error = unknown(what, name, known).code("HW304").because(format!("the SELECT of `{}` does not return it", self.model.name));
        error.moved_to(span)
    }

    fn key(&self) -> Vec<Error> {
        let load = &self.model.settings.load;
        let missing = load.key().iter().enumerate().filter(|(_, name)| self.column(name).is_none());
        missing.map(|(at, name)| self.unknown("key column", name, self.model.place(&["load", load.name(), "key"], at))).collect()
    }

    /// Columns of the SELECT that a table cannot tell apart, in any case of letters.
    fn twice(&self) -> Vec<Error> {
        let names: Vec<String> = self.columns.iter().map(|column| column.name.to_lowercase()).collect();
        let second = names.iter().enumerate().find(|(at, name)| names[..*at].contains(name));
        let error = second.map(|(_, name)| {
            Error::user(format!("two columns of the SELECT are named `{name}`"))
                .code("HW301")
                .at(Span { file: self.model.file.clone().into(), line: 1, column: 1, length: 1 })
                .help("give one of them another name with `as`")
        });
        error.into_iter().collect()
    }

    /// Columns that are called like the expression that fills them: many readers of the table cannot name such a column, and some refuse it.
    fn nameless(&self) -> Option<Error> {
        let is_made_up = |name: &&str| {
            name.contains(['(', ')']) || [" + ", " - ", " * ", " / ", " % ", " = ", " || "].iter().any(|sign| name.contains(sign))
        };
        // A name may also come along with all columns of another table, where somebody has written it.
        let takes_all = self.model.sql.replace("(*)", "").contains('*');
        let is_written = |name: &&str| takes_all || self.model.sql.contains(&identifier(name));
        let name = self.columns.iter().map(|column| column.name.as_str()).find(|name| is_made_up(name) && !is_written(name))?;
        let error = Error::user(format!("the column `{name}` of the SELECT has no name of its own"))
            .code("HW301")
            .at(Span { file: self.model.file.clone().into(), line: 1, column: 1, length: 1 })
            .help("give it one with `as`, such as `count(*) as orders`");
        Some(error)
    }

    /// Columns of the SELECT that are called like one that the load makes.
    fn made(&self) -> Vec<Error> {
        let settings = &self.model.settings;
        let later_by = settings.follow.values().find(|column| *column != BY_ARRIVAL);
        let added = settings.load.added(self.columns, later_by.map(String::as_str));
        let mut made: Vec<String> = added.into_iter().map(|column| column.name).collect();
        if matches!(settings.load, Load::Snapshot(_)) {
            made.extend([VALID_FROM, VALID_TO].map(str::to_owned));
        }
        let clashing = self.columns.iter().filter(|column| made.contains(&column.name));
        let error = |Column { name, .. }: &Column| {
            Error::user(format!("the column `{name}` is made by the load, and the SELECT returns one of that name"))
                .code("HW304")
                .at(Span { file: self.model.file.clone().into(), line: 1, column: 1, length: 1 })
                .help(format!("give it another name: `{name} as source_{name}`"))
        };
        clashing.map(error).collect()
    }

    /// The columns that the load names besides the key.
    fn named(&self) -> Vec<Error> {
        let load = &self.model.settings.load;
        let named = load.named();
        let missing = named.iter().enumerate().filter(|(_, (_, name))| self.column(name).is_none());
        let error = |(at, (setting, name)): (usize, &(&str, &str))| {
            let item = named[..at].iter().filter(|(other, _)| other == setting).count();
            self.unknown(&format!("column in `{setting}`"), name, self.model.place(&["load", load.name(), setting], item))
        };
        missing.map(error).collect()
    }

    /// The followed columns. A load that tells rows apart by a key orders them by that column, so the SELECT returns it; to any other one it
    /// tells what is new in the dataset, which has it then.
    async fn follow(&self, reader: &Reader, engine: &dyn Engine) -> Result<Vec<Error>> {
        let mut errors = Vec::new();
        let followed = self.model.settings.follow.iter();
        for (dataset, column) in followed.filter(|(_, column)| *column != BY_ARRIVAL && self.column(column).is_none()) {
            if self.model.settings.load.needs_key() {
                errors.push(self.not_selected(dataset, column));
            } else if let Some(known) = columns_of(dataset, reader, engine).await? {
                errors.extend(self.not_there(dataset, column, &known));
            }
        }
        Ok(errors)
    }

    /// Why a column cannot be followed that the SELECT does not return, where its dataset does not have it either.
    fn not_there(&self, dataset: &str, column: &str, known: &[Column]) -> Option<Error> {
        if ORIGIN_COLUMNS.contains(&column) || known.iter().any(|known| known.name == column) {
            return None;
        }
        let names = known.iter().chain(self.columns).map(|column| column.name.as_str());
        let error = unknown("column in `follow`", column, names)
            .code("HW304")
            .because(format!("neither `{dataset}` has it, nor does the SELECT of `{}` return it", self.model.name));
        Some(error.moved_to(self.model.place(&["follow", dataset], 0)))
    }

    fn not_selected(&self, dataset: &str, column: &str) -> Error {
        let model = &self.model.name;
        let error = Error::user(format!("`{model}` follows `{column}`, which its SELECT does not return"))
            .code("HW304")
            .because("without it nobody can tell which of two rows with one key is the later one")
            .moved_to(self.model.place(&["follow", dataset], 0));
        match hw_base::nearest(column, self.columns.iter().map(|column| column.name.as_str())) {
            Some(meant) => error.help(format!("did you mean `{meant}`?")),
            None => error.help(format!("add `{column}` to the SELECT, or follow `{BY_ARRIVAL}`: then the row stays that arrived last")),
        }
    }

    fn partitions(&self) -> Result<Vec<Error>> {
        let mut errors = Vec::new();
        let partitions = self.model.settings.partition_by.sources()?;
        let later_by = self.model.settings.follow.values().find(|column| *column != BY_ARRIVAL);
        let added = self.model.settings.added(self.columns, later_by.map(String::as_str));
        for (at, (unit, name)) in partitions.iter().enumerate() {
            let place = || self.model.place(&["partition_by"], at);
            match self.column(name).or_else(|| added.iter().find(|column| column.name == *name)) {
                None => errors.push(self.unknown("partition column", name, place())),
                Some(column) if unit.is_some() && !column.kind.is_temporal() => errors.push(no_moment(column, place())),
                Some(column) if matches!(column.kind, ColumnType::Other | ColumnType::Binary) => errors.push(no_folder(column, place())),
                Some(_) => {}
            }
        }
        let is_partition = |column: &Column| partitions.iter().any(|(unit, name)| unit.is_none() && *name == column.name);
        if added.is_empty() && !self.columns.is_empty() && self.columns.iter().all(is_partition) {
            let error = Error::user(format!("`{}` is partitioned by all of its columns", self.model.name)).code("HW304");
            let error =
                error.because("the values of partition columns are in the names of folders, so nothing would be left for the files");
            errors.push(error.help("leave out at least one").moved_to(self.model.place(&["partition_by"], 0)));
        }
        Ok(errors)
    }
}

fn no_moment(column: &Column, place: Option<Span>) -> Error {
    let Column { name, sql_type, .. } = column;
    Error::user(format!("`{name}` is {sql_type}, so it has no year, month or day to partition by"))
        .code("HW304")
        .help(format!("cast it in the SELECT: `cast({name} as date) as {name}`; or partition by another column"))
        .moved_to(place)
}

fn no_folder(column: &Column, place: Option<Span>) -> Error {
    Error::user(format!("`{}` is {}, which cannot name a folder", column.name, column.sql_type))
        .code("HW304")
        .help("partition by a column with single values")
        .moved_to(place)
}

/// The columns of a dataset that a SELECT reads; `None` where it names it in another way.
async fn columns_of(dataset: &str, reader: &Reader, engine: &dyn Engine) -> Result<Option<Vec<Column>>> {
    let Some((source, name)) = dataset.split_once('.') else { return Ok(None) };
    if reader.inputs.iter().all(|input| input.name() != dataset) {
        return Ok(None);
    }
    let sql = format!("select * from {}.{}", identifier(source), identifier(name));
    engine.columns(&Reader { sql, file: None, ..reader.clone() }).await.map(Some)
}

/// What is wrong with `delete_when`, which has to be true or false for a row of the SELECT.
async fn deletion(model: &Model, condition: &str, reader: &Reader, engine: &dyn Engine) -> Result<Option<Error>> {
    let mut inputs = reader.inputs.clone();
    inputs.push(Input::Query { name: TRIED.into(), sql: reader.sql.clone() });
    let tried = Reader { sql: format!("select ({condition}) as deleted from {TRIED}"), inputs, file: None };
    let place = model.place(&["load", model.settings.load.name(), "delete_when"], 0);
    match engine.columns(&tried).await {
        Ok(columns) => Ok(columns.first().filter(|column| column.kind != ColumnType::Boolean).map(|column| {
            Error::user(format!("`delete_when` gives {}, not true or false", column.sql_type))
                .code("HW304")
                .help("write a condition, such as `is_deleted` of type boolean or `status = 'deleted'`")
                .moved_to(place)
        })),
        Err(error) if error.known_code() == Some("HW301") => Ok(Some(error.within("`delete_when`").moved_to(place))),
        Err(error) => Err(error),
    }
}
