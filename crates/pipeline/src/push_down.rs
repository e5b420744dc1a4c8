//! Models that are built inside the database that their rows lie in: what they say about it, what keeps a model from it, and the order that
//! follows.

use hw_base::{
    Column, Delivery, Engine, Error, Input, Ledger, PUSHED_ROWS, PUSHED_TABLE, Placement, PushDown, Reader, Result, Settings, Sources,
    Span, Timestamp, Watched, identifier,
};
use hw_validate::{Gate, Population};
use schemars::JsonSchema;
use serde::Deserialize;

use crate::fit;
use crate::graph::{Read, reads_of, resolved};
use crate::history;
use crate::plan::Step;
use crate::project::{Model, Project};
use crate::run::{EXAMPLES, live_rows};
use crate::settings::Load;

/// Where a model is built.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq, Deserialize, JsonSchema)]
#[serde(deny_unknown_fields, default)]
pub struct ModelEngine {
    /// Lets the SELECT and the load run inside the database that `deliver` names, in which the rows lie that the model reads: `postgres`.
    /// The table is there and nowhere else.
    pub push_down: Option<Inside>,
}

/// A kind of database that models can be built in.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Deserialize, JsonSchema)]
#[serde(rename_all = "snake_case")]
pub enum Inside {
    /// PostgreSQL.
    Postgres,
}

impl Inside {
    /// The word for it, under `sources:` and `targets:` too.
    fn kind(self) -> &'static str {
        match self {
            Self::Postgres => "postgres",
        }
    }

    /// Its own name.
    fn name(self) -> &'static str {
        match self {
            Self::Postgres => "PostgreSQL",
        }
    }
}

impl Model {
    /// The kind of database that it is built in; `None` for the engine.
    pub(crate) fn inside(&self) -> Option<Inside> {
        self.settings.engine.push_down
    }

    /// Where its table lies, if that is in a database alone.
    pub(crate) fn placed_inside(&self) -> Option<Placement> {
        self.inside().and(self.settings.deliver.as_ref()).map(|deliver| deliver.placement(self))
    }
}

/// What keeps a model from being built inside a database, as far as its settings and its inputs tell; each with its place.
pub(crate) fn misfits(project: &Project, model: &Model, inside: Inside, reads: &[Read], engine: &dyn Engine) -> Vec<Error> {
    let misfit = Misfit { project, model, inside, engine };
    let mut errors: Vec<Error> = misfit.settings().collect();
    errors.extend(misfit.target());
    errors.extend(reads.iter().filter_map(|read| misfit.read(read)));
    errors.extend(model.rules.iter().filter(|rule| rule.set_watch().is_some()).map(|rule| {
        let error = misfit.error(format!("`{}` would put rows into quarantine because of other rows", rule.id));
        error.help("use `on_failure: block` or `alert`").moved_to(rule.span.clone())
    }));
    errors
}

struct Misfit<'a> {
    project: &'a Project,
    model: &'a Model,
    inside: Inside,
    engine: &'a dyn Engine,
}

impl Misfit<'_> {
    fn error(&self, problem: String) -> Error {
        Error::user(format!("`{}` cannot be built inside {}", self.model.name, self.inside.name())).code("HW311").because(problem)
    }

    fn settings(&self) -> impl Iterator<Item = Error> {
        let settings = &self.model.settings;
        let load = &settings.load;
        let is_known = matches!(load, Load::Replace | Load::Upsert(_)) && load.deleted_when().is_none();
        let others = [
            (!is_known, "load", "only `replace`, and `upsert` without `delete_when`, run there"),
            (!settings.follow.is_empty(), "follow", "every run reads all rows there, so there is nothing to follow"),
            (!settings.infer.is_empty(), "infer", "members are inferred by the engine alone"),
            (
                !settings.partition_by.0.is_empty(),
                "partition_by",
                "its folders are those of the warehouse; `deliver: { partition: … }` splits the table there",
            ),
        ];
        let wrong = others.into_iter().filter(|(is_wrong, ..)| *is_wrong);
        wrong.map(|(_, key, problem)| {
            self.error(problem.to_owned())
                .help("remove it; or remove `push_down`: then the engine builds the table")
                .moved_to(self.model.place(&[key], 0))
        })
    }

    fn target(&self) -> Option<Error> {
        let Some(deliver) = &self.model.settings.deliver else {
            let error = self.error("it does not say where its table lies".to_owned()).code("HW103");
            return Some(error.help("name a target: `deliver: reporting`").moved_to(self.model.place(&["engine"], 0)));
        };
        let kind = kind_of(&self.project.targets, &deliver.to)?;
        let problem = || format!("target `{}` is of kind `{kind}`", deliver.to);
        (kind != self.inside.kind()).then(|| self.error(problem()).moved_to(self.model.place(&["deliver"], 0)))
    }

    fn read(&self, read: &Read) -> Option<Error> {
        let (problem, help) = match read {
            Read::Dataset { name, with_origin: true, .. } => (
                format!("`{name}` is a raw copy, which lies in the warehouse"),
                format!("read the source itself: `{}`", &name["raw.".len()..]),
            ),
            Read::Dataset { name, dataset, .. } => match kind_of(&self.project.sources, &dataset.source) {
                Some(kind) if kind != self.inside.kind() => {
                    (format!("`{name}` comes from a source of kind `{kind}`"), "remove `push_down`".into())
                }
                _ if self.project.dataset_rules.get(dataset).is_some_and(|rules| !rules.is_empty()) => (
                    format!("rules/{dataset}.yaml judges rows as they are copied, and none are"),
                    format!("give its rules to `{}`, or judge them by `headworks check {dataset}`", self.model.name),
                ),
                _ => return None,
            },
            Read::Model(name) => self.read_model(self.project.model(name)?)?,
        };
        Some(self.error(problem).help(help).moved_to(place_of(self.model, &read.name(), self.engine)))
    }

    fn read_model(&self, other: &Model) -> Option<(String, String)> {
        let name = &other.name;
        let target = |model: &Model| model.settings.deliver.as_ref().map(|deliver| deliver.to.clone());
        if other.inside() != Some(self.inside) {
            let help = format!("build `{name}` there too (`engine: {{ push_down: {} }}`), or remove `push_down` here", self.inside.kind());
            return Some((format!("the table of `{name}` lies in the warehouse"), help));
        }
        let is_other = target(other) != target(self.model);
        is_other.then(|| (format!("`{name}` is built in another target"), "build both in one target".into()))
    }
}

/// Why the engine cannot build a model: it reads one whose table lies in a database.
pub(crate) fn unreadable(project: &Project, model: &Model, reads: &[Read], engine: &dyn Engine) -> Option<Error> {
    let inside = |read: &&Read| matches!(read, Read::Model(name) if project.model(name).is_some_and(|other| other.inside().is_some()));
    let name = reads.iter().find(inside)?.name();
    let error = Error::user(format!("`{}` cannot read `{name}`, whose table lies in a database alone", model.name)).code("HW311");
    let error = error
        .help(format!("build `{}` there too: `engine: {{ push_down: postgres }}` and `deliver: …`", model.name))
        .help(format!("or let the engine build `{name}`, and deliver its table: remove `engine` there"));
    Some(error.moved_to(place_of(model, &name, engine)))
}

/// The kind of a source or a target.
fn kind_of<'a>(places: &'a [(String, Settings)], name: &str) -> Option<&'a str> {
    let (_, settings) = places.iter().find(|(known, _)| known == name)?;
    settings.entries().first().map(|entry| entry.key.as_str())
}

/// Where a SELECT names a table.
fn place_of(model: &Model, name: &str, engine: &dyn Engine) -> Option<Span> {
    let references = engine.reads(&model.sql, Some(&model.file)).ok()?;
    let found = references.into_iter().find(|reference| reference.parts.join(".") == name)?;
    Some(Span { file: model.file.clone().into(), line: found.line, column: found.column, length: name.chars().count() })
}

/// What preparing an order asks.
#[derive(Clone, Copy)]
pub(crate) struct Surroundings<'a> {
    /// Knows SQL and types.
    pub(crate) engine: &'a dyn Engine,
    /// Tells the columns of what is read.
    pub(crate) sources: &'a dyn Sources,
    /// Knows what rules have learned.
    pub(crate) ledger: &'a dyn Ledger,
    /// The present moment.
    pub(crate) now: Timestamp,
    /// The run.
    pub(crate) run: &'a str,
}

/// An order, and the gate for its rows.
pub(crate) struct Prepared {
    pub(crate) order: PushDown,
    pub(crate) gate: Gate,
}

impl Prepared {
    /// What the rows are to their table.
    pub(crate) fn population(&self) -> Population {
        Population { batch_is_table: !self.order.keeps, unique_by: self.order.merge_by.clone() }
    }

    /// Refuses rules that would have to be judged over copies of the rows.
    ///
    /// # Errors
    /// HW311 for each, with its place.
    pub(crate) fn refuse_open(&self, answered: &Watched) -> Result<()> {
        let refused = |rule: &hw_validate::Rule| {
            Error::user(format!(
                "rule `{}` of `{}` cannot be judged inside PostgreSQL exactly as the engine would",
                rule.id, self.order.model
            ))
            .code("HW311")
            .help("write it in another way; or remove `push_down`: the engine judges the same rules over copies of the rows")
            .moved_to(rule.span.clone())
        };
        Error::all(self.gate.left_open(answered).map(refused).collect()).map_or(Ok(()), Err)
    }
}

/// Prepares the order of a step; `None` where it builds nothing inside a database.
///
/// # Errors
/// What is wrong with SELECT, YAML and rules; a source that cannot be opened.
pub(crate) async fn prepare(project: &Project, step: &Step, around: Surroundings<'_>) -> Result<Option<Prepared>> {
    let Some((model, placement)) = project.model(&step.name).and_then(|model| Some((model, model.placed_inside()?))) else {
        return Ok(None);
    };
    let binding = Binding { project, around };
    let reader = binding.reader(model).await?;
    let columns = around.engine.columns(&reader).await?;
    fit::check(model, &reader, &columns, around.engine).await?;
    let mut known = reader.clone();
    binding.bind_others(model, &mut known.inputs).await?;
    let mut gate = fit::gate(step, &known, &columns, around.engine).await?;
    history::learn(&mut gate, &step.name, around.ledger, around.now)?;
    let watch = gate.watch(&placement.key, EXAMPLES, false);
    let rows = |relation: &str| rows_of(relation, &columns, &known.inputs);
    let made = binding.made(&known.inputs);
    let order = PushDown {
        of_rows: gate.questions_of_rows(&rows(PUSHED_ROWS), &watch),
        of_table: gate.questions_of_table(&rows(PUSHED_TABLE), &watch, &model.name, around.now),
        project: project.settings.project.clone(),
        model: model.name.clone(),
        run: around.run.to_owned(),
        merge_by: model.settings.load.key().to_vec(),
        keeps: !model.settings.load.key().is_empty() && !step.anew,
        placement,
        reader,
        made,
        columns,
    };
    Ok(Some(Prepared { order, gate }))
}

/// All rows of a relation, beside what rules name.
fn rows_of(relation: &str, columns: &[Column], inputs: &[Input]) -> Reader {
    let names: Vec<String> = columns.iter().map(|column| identifier(&column.name)).collect();
    let live = Input::Live { name: relation.to_owned(), relation: relation.to_owned() };
    let inputs = inputs.iter().cloned().chain([live]).collect();
    Reader { sql: format!("select {} from {relation}", names.join(", ")), inputs, file: None }
}

/// Lets names of SQL stand for what they are inside a database.
struct Binding<'a> {
    project: &'a Project,
    around: Surroundings<'a>,
}

impl Binding<'_> {
    /// The SELECT of a model with what it reads: tables of sources, and the SELECTs of models that are built there.
    async fn reader(&self, model: &Model) -> Result<Reader> {
        let mut inputs = Vec::new();
        for read in reads_of(self.project, model, self.around.engine)? {
            self.bind(&read, &mut inputs).await?;
        }
        Ok(Reader { sql: model.sql.clone(), inputs, file: Some(model.file.clone()) })
    }

    async fn bind(&self, read: &Read, inputs: &mut Vec<Input>) -> Result<()> {
        match read {
            Read::Dataset { name, dataset, .. } => {
                let delivered = self.around.sources.open(dataset, &Delivery::default()).await?;
                let rows = live_rows(name, &delivered, &[], inputs);
                inputs.push(rows);
            }
            Read::Model(name) => {
                if let Some(model) = self.project.model(name).filter(|model| model.inside().is_some()) {
                    let reader = Box::pin(self.reader(model)).await?;
                    inputs.push(Input::Reader { name: name.clone(), reader });
                }
            }
        }
        Ok(())
    }

    /// Lets the tables that rules name stand for what they are, where the SELECT does not read them.
    async fn bind_others(&self, model: &Model, inputs: &mut Vec<Input>) -> Result<()> {
        for other in model.rules.iter().filter_map(|rule| rule.body.other_table()) {
            let is_bound = inputs.iter().any(|input| input.name() == other) || other == model.name;
            if let Some(read) = resolved(self.project, &other).filter(|_| !is_bound) {
                self.bind(&read, inputs).await?;
            }
        }
        Ok(())
    }

    /// The names that stand for tables of the target, each with its table.
    fn made(&self, inputs: &[Input]) -> Vec<(String, String)> {
        let table = |input: &Input| {
            let model = self.project.model(input.name())?;
            Some((model.name.clone(), model.placed_inside()?.table))
        };
        inputs.iter().filter_map(table).collect()
    }
}
