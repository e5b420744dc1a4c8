//! `headworks diff`: how the rows of a table change with the code, between an environment and production, or between two versions.

use clap::{ArgMatches, Args, Command as Clap};
use hw_base::{BoxFuture, Clock, Engine, Error, Result, Share, StepOutcome, TableName};
use hw_pipeline::{Comparison, Narrator, Selection, Side, Step, plan, run};

use super::{Command, Common, InEnvironment, at_least_one, described, one_sentence, read};
use crate::house::House;
use crate::machine::{self, SystemClock};
use crate::report;
use crate::terminal::{Format, Terminal};

/// The environment in which a changed model is built to be compared.
const AS_IT_IS_NOW: &str = "the model as it is now";

/// The command.
pub(crate) struct Diff;

#[derive(Args)]
struct Arguments {
    /// The model of the table
    #[arg(value_name = "MODEL")]
    table: String,
    /// Compare two versions of the table: this one, and the one that `--to` names
    #[arg(long, value_name = "VERSION")]
    from: Option<i64>,
    /// The version to compare that of `--from` with; the newest where it is not given
    #[arg(long, value_name = "VERSION", requires = "from")]
    to: Option<i64>,
    /// The columns that identify a row, where the model does not say it
    #[arg(long, value_name = "COLUMN", value_delimiter = ',')]
    key: Vec<String>,
    /// Compare only a share of all keys, such as `1%`; the same ones every time
    #[arg(long, value_name = "SHARE", value_parser = share)]
    sample: Option<Share>,
    /// How many added and removed rows to show
    #[arg(long, default_value_t = 5, value_parser = at_least_one, allow_negative_numbers = true)]
    limit: usize,
    #[command(flatten)]
    place: InEnvironment,
    #[command(flatten)]
    common: Common,
}

fn share(text: &str) -> std::result::Result<Share, String> {
    text.parse().map_err(|error: Error| one_sentence(&error))
}

impl Command for Diff {
    fn arguments(&self) -> Clap {
        described::<Arguments>(
            "diff",
            "Compare a table with what its changed model makes of it, row by row",
            "Examples:\n  headworks diff fact_orders\n  headworks diff fact_orders --env dev --sample 1%\n  headworks diff fact_orders --from 12 --to 14\n  headworks diff totals --key country --format markdown",
        )
    }

    fn run<'a>(&'a self, matches: &'a ArgMatches, terminal: &'a Terminal) -> BoxFuture<'a, Result<u8>> {
        Box::pin(async move {
            let arguments: Arguments = read(matches)?;
            match (arguments.from, &terminal.place) {
                (Some(from), _) => {
                    let house = House::look_in(&terminal.root, terminal.place.as_ref())?;
                    between_versions(&house, &arguments, from, terminal).await
                }
                (None, Some(place)) => {
                    let house = House::look_in(&terminal.root, Some(place))?;
                    with_production(&house, &arguments, &place.name, terminal).await
                }
                (None, None) => {
                    let house = House::passing(&terminal.root, "diff")?;
                    if builds(&house, &arguments.table) && !house.is_built_inside(&arguments.table) {
                        build(&house, &arguments.table, terminal).await?;
                    }
                    with_production(&house, &arguments, AS_IT_IS_NOW, terminal).await
                }
            }
        })
    }
}

/// Whether the environment has a table of its own, or would have.
fn builds(house: &House, table: &str) -> bool {
    house.project.environment.iter().flat_map(hw_pipeline::Environment::own).any(|own| own.folder() == table)
}

/// Builds a model, and what it reads of what has changed, in an environment that is thrown away.
async fn build(house: &House, model: &str, terminal: &Terminal) -> Result<()> {
    house.model(model)?;
    let plan = plan(&house.project, house.asking(), &Selection::of_models([model.to_owned()])).await?;
    let id = machine::next_run_id(SystemClock.now());
    let (record, errors) = run(&house.project, &plan, id, None, house.ports(&Busy(terminal))).await?;
    if let Some(error) = errors.into_iter().next() {
        return Err(error);
    }
    match record.steps.iter().find(|step| step.outcome == StepOutcome::Blocked) {
        None => Ok(()),
        Some(step) => {
            let error = Error::user(format!("`{}` would be blocked by a rule, so there is nothing to compare", step.model)).code("HW601");
            let blocking = step.verdict.blocking().map(|rule| format!("{}: {} of {} rows", rule.id, rule.violations, rule.rows));
            Err(blocking.fold(error, Error::because))
        }
    }
}

/// Compares production's table with the one that the environment has.
async fn with_production(house: &House, arguments: &Arguments, name: &str, terminal: &Terminal) -> Result<u8> {
    let after = TableName::named(&arguments.table);
    if house.is_built_inside(&arguments.table) {
        return Err(house.no_table(&after));
    }
    let before = after.in_production();
    if !house.engine.has_table(&before)? {
        if house.engine.has_table(&after)? {
            let text = format!("`{}` is new: production has no table of that name; all of its rows would be added", arguments.table);
            return not_compared(&arguments.table, text, terminal);
        }
        return Err(house.no_table(&after).because("production has no table of that name to compare with"));
    }
    if !builds(house, &arguments.table) {
        let text = format!("nothing to compare: `{}` and what it reads are as production built them", arguments.table);
        let code = not_compared(&arguments.table, text, terminal);
        terminal.say(format!("`headworks diff {} --from VERSION` compares two versions of it", arguments.table));
        return code;
    }
    if !house.engine.has_table(&after)? {
        return Err(Error::user(format!("`{}` is not built in `{name}` yet", arguments.table)).code("HW302").help(format!(
            "`headworks run {}{}` builds it",
            arguments.table,
            terminal.in_environment()
        )));
    }
    let version = |state: Option<hw_base::TableState>| state.map(|state| state.version);
    let before = Side { name: "production".into(), version: version(house.engine.table(&before, None).await?), table: before };
    let own = if name == AS_IT_IS_NOW { None } else { version(house.engine.table(&after, None).await?) };
    compare(house, arguments, (before, Side { name: name.into(), table: after, version: own }), terminal).await
}

/// Says why no rows were compared.
fn not_compared(table: &str, why: String, terminal: &Terminal) -> Result<u8> {
    match terminal.format {
        Format::Json => terminal.json(&serde_json::json!({ "schema_version": "1", "table": table, "not_compared": why }))?,
        Format::Text | Format::Markdown => terminal.line(why),
    }
    Ok(0)
}

async fn between_versions(house: &House, arguments: &Arguments, from: i64, terminal: &Terminal) -> Result<u8> {
    let table = TableName::named(&arguments.table);
    let Some(newest) = house.engine.table(&table, None).await? else {
        return Err(house.no_table(&table));
    };
    let side = |version: i64| Side { name: format!("version {version}"), table: table.clone(), version: Some(version) };
    compare(house, arguments, (side(from), side(arguments.to.unwrap_or(newest.version))), terminal).await
}

async fn compare(house: &House, arguments: &Arguments, (before, after): (Side, Side), terminal: &Terminal) -> Result<u8> {
    let key = if arguments.key.is_empty() { known_key(house, &arguments.table) } else { arguments.key.clone() };
    if arguments.sample.is_some() && key.is_empty() {
        return Err(Error::user(format!("a sample of `{}` needs a key", arguments.table))
            .code("HW107")
            .because("of each key all rows or none are compared, and no key is known")
            .help("name the columns that identify a row: `--key COLUMN,COLUMN`"));
    }
    terminal.busy(format!("comparing {}", arguments.table));
    let comparison = Comparison { engine: &house.engine, before, after, key, sample: arguments.sample, examples: arguments.limit };
    let found = comparison.difference().await?;
    match terminal.format {
        Format::Json => terminal.json(&found)?,
        Format::Text | Format::Markdown => terminal.lines(report::diff::lines(&arguments.table, &found, terminal)),
    }
    Ok(0)
}

/// The columns that identify a row: those of the load, else those of a rule that no two rows have the same values in.
fn known_key(house: &House, table: &str) -> Vec<String> {
    let Some(model) = house.project.model(table) else { return vec![] };
    let identity = model.settings.load.identity();
    if !identity.is_empty() {
        return identity;
    }
    let unique = model.rules.iter().find(|rule| rule.kind.name() == "unique" && rule.condition.is_none());
    unique.map(|rule| rule.columns.clone()).unwrap_or_default()
}

/// Shows that something goes on.
struct Busy<'a>(&'a Terminal);

impl Narrator for Busy<'_> {
    fn step_starts(&self, step: &Step) {
        self.0.busy(format!("{} ({}): {}", step.name, step.load, step.window));
    }

    fn note(&self, text: &str) {
        self.0.say(text);
    }
}
