//! The order to build a table inside a database: what the names in a SELECT stand for there, and what is asked for its rules.

use hw_base::{
    Column, Delivery, Engine, Error, Input, Keeps, Ledger, Living, PUSHED_ROWS, PUSHED_TABLE, PushDown, Reader, Result, RowWatch, SetWatch,
    Sources, Timestamp, Together, Watched, identifier,
};
use hw_validate::{Gate, Population, Rule};

use crate::fit;
use crate::graph::{Read, reads_of, resolved};
use crate::history;
use crate::plan::Step;
use crate::project::{Model, Project};
use crate::run::{EXAMPLES, live_rows};
use crate::settings::Load;

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
        let is_table = self.order.keeps == Keeps::Nothing && self.order.living.is_none();
        Population { batch_is_table: is_table, present: None, unique_by: self.order.merge_by.clone() }
    }

    /// Refuses rules that would have to be judged over copies of the rows.
    ///
    /// # Errors
    /// HW311 for each, with its place.
    pub(crate) fn refuse_open(&self, answered: &Watched) -> Result<()> {
        let refused = |rule: &Rule| {
            Error::user(format!(
                "rule `{}` of `{}` cannot be judged inside PostgreSQL exactly as the engine would",
                rule.id, self.order.model
            ))
            .code("HW311")
            .help("write it in another way; or remove `push_down`: the engine judges the same rules over copies of the rows")
            .moved_to(rule.span.clone())
        };
        // Rows that such a rule keeps out have to be told.
        let is_told = |rule: &Rule| rule.set_watch().is_none() || answered.rules.iter().any(|counted| counted.id == rule.id);
        let open: Vec<&Rule> = self.gate.left_open(answered).collect();
        let open = self.gate.rules().filter(|rule| open.iter().any(|other| other.id == rule.id) || !is_told(rule));
        Error::all(open.map(refused).collect()).map_or(Ok(()), Err)
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
    let key = if placement.key.is_empty() { gate.identifying(&columns) } else { placement.key.clone() };
    let mut watch = gate.watch(&key, EXAMPLES, false);
    let without_partner: Vec<RowWatch> = watch.sets.iter().filter_map(without_partner).collect();
    watch.rows.extend(without_partner);
    let rows = |relation: &str| rows_of(relation, &columns, &known.inputs);
    let made = binding.made(&known.inputs);
    let order = PushDown {
        of_rows: gate.questions_of_rows(&rows(PUSHED_ROWS), &watch),
        of_table: gate.questions_of_table(&rows(PUSHED_TABLE), &watch, &model.name, around.now),
        project: project.settings.project.clone(),
        model: model.name.clone(),
        run: around.run.to_owned(),
        merge_by: model.settings.load.key().to_vec(),
        keeps: if step.anew { Keeps::Nothing } else { keeps(&model.settings.load) },
        living: living(model, rows(PUSHED_ROWS)),
        placement,
        reader,
        made,
        columns,
    };
    Ok(Some(Prepared { order, gate }))
}

/// Which rows of its table a load keeps.
fn keeps(load: &Load) -> Keeps {
    match load {
        Load::Append(_) => Keeps::All,
        _ if load.key().is_empty() => Keeps::Nothing,
        _ => Keeps::Others,
    }
}

/// A rule that asks for a row of another table, as one on single rows.
fn without_partner(set: &SetWatch) -> Option<RowWatch> {
    let Together::Known { table, columns } = &set.asks else { return None };
    // Names of their own, so that a name of both tables means the row.
    let keys: Vec<String> = columns.iter().enumerate().map(|(at, column)| format!("{} as _key_{at}", identifier(column))).collect();
    let same: Vec<String> = set.columns.iter().enumerate().map(|(at, column)| format!("_key_{at} = {}", identifier(column))).collect();
    let (keys, same, table) = (keys.join(", "), same.join(" and "), identifier(table));
    let violates = format!("({}) and not exists (select 1 from (select {keys} from {table}) as partners where {same})", set.judged);
    Some(RowWatch { id: set.id.clone(), violates, diverts: true, excludes: false })
}

/// Those of the rows of a SELECT, which are `all`, that are no deletions.
fn living(model: &Model, all: Reader) -> Option<Living> {
    let load = &model.settings.load;
    let deleted = load.deleted_when()?;
    let sql = format!("{} where not coalesce(cast(({deleted}\n) as boolean), false)", all.sql);
    Some(Living { reader: Reader { sql, ..all }, place: model.place(&["load", load.name(), "delete_when"], 0) })
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
