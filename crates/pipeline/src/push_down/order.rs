//! The order to build a table inside a database: what the names in a SELECT stand for there, and what is asked for its rules.

use hw_base::{
    Column, Delivery, Engine, Error, Input, Ledger, PUSHED_ROWS, PUSHED_TABLE, PushDown, Reader, Result, Sources, Timestamp, Watched,
    identifier,
};
use hw_validate::{Gate, Population};

use crate::fit;
use crate::graph::{Read, reads_of, resolved};
use crate::history;
use crate::plan::Step;
use crate::project::{Model, Project};
use crate::run::{EXAMPLES, live_rows};

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
        Population { batch_is_table: !self.order.keeps, present: None, unique_by: self.order.merge_by.clone() }
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
