//! `headworks demo`: from raw files to a guarded warehouse, on data of its own.

use std::path::{Path, PathBuf};

use clap::{ArgMatches, Args, Command as Clap};
use hw_assess::Assessment;
use hw_base::{BoxFuture, Clock, Engine, Error, Result, RunOutcome, RunRecord, count, duration};
use hw_pipeline::{EngineSettings, Selection};
use serde::Serialize;
use serde_json::{Value as Json, json};

use super::{Command, assess, described, memory, read, run_project};
use crate::demo::{self, Size};
use crate::house::House;
use crate::machine::SystemClock;
use crate::place::STATE;
use crate::report;
use crate::terminal::{Format, Terminal};

/// The command.
pub(crate) struct Demo;

/// Fewer orders show nothing: the share that lacks its customer would be a handful of rows.
const LEAST_ORDERS: u64 = 1000;

#[derive(Args)]
struct Arguments {
    /// Orders of the first delivery
    #[arg(long, default_value_t = 1_000_000, value_parser = orders, allow_negative_numbers = true)]
    rows: u64,
    /// The seed of every value
    #[arg(long, default_value_t = 42)]
    seed: u64,
    /// The folder to make; it must be empty or an earlier demo
    #[arg(long, value_name = "FOLDER", default_value = "headworks-demo")]
    into: PathBuf,
    /// Memory that may be used
    #[arg(long, value_name = "SIZE", default_value = "2GiB", value_parser = size, allow_negative_numbers = true)]
    memory: String,
    /// Write the data and the project, and stop before the first run
    #[arg(long)]
    prepare_only: bool,
    /// How to print the result
    #[arg(long, value_enum, default_value_t)]
    format: Format,
}

impl Arguments {
    fn size(&self) -> Size {
        Size { orders: self.rows, seed: self.seed }
    }
}

/// A limit of memory, as the project will have it.
fn size(text: &str) -> std::result::Result<String, String> {
    memory(text).map(|_| text.to_owned())
}

fn orders(text: &str) -> std::result::Result<u64, String> {
    let enough = text.parse().ok().filter(|orders| *orders >= LEAST_ORDERS);
    enough.ok_or_else(|| format!("expected a whole number from {} on", count(LEAST_ORDERS)))
}

impl Command for Demo {
    fn arguments(&self) -> Clap {
        described::<Arguments>(
            "demo",
            "Show it at work: raw, dirty shop data becomes a guarded warehouse",
            "Examples:\n  headworks demo\n  headworks demo --rows 10000 --into /tmp/shop\n  headworks demo --rows 10000 --format json",
        )
    }

    fn run<'a>(&'a self, matches: &'a ArgMatches, terminal: &'a Terminal) -> BoxFuture<'a, Result<u8>> {
        Box::pin(async move {
            let arguments: Arguments = read(matches)?;
            clear(&arguments.into)?;
            let mut terminal = terminal.inside(&arguments.into);
            if arguments.format == Format::Json {
                terminal.format = Format::Json;
            }
            show(&arguments, &terminal).await
        })
    }
}

/// Removes an earlier demo. Anything else that is there is left alone.
fn clear(folder: &Path) -> Result<()> {
    let is_used = std::fs::read_dir(folder).is_ok_and(|mut entries| entries.next().is_some());
    if !is_used {
        return Ok(());
    }
    let is_a_demo = std::fs::read_to_string(folder.join("headworks.yaml")).is_ok_and(|text| text.starts_with(demo::FIRST_LINE));
    if !is_a_demo {
        return Err(Error::user(format!("`{}` holds files that are no demo", folder.display()))
            .code("HW104")
            .help("give an empty folder with `--into FOLDER`"));
    }
    for part in ["headworks.yaml", ".gitignore"] {
        std::fs::remove_file(folder.join(part)).ok();
    }
    for part in ["landing", "models", "rules", "assessment", "warehouse", STATE] {
        let part = folder.join(part);
        if part.exists() {
            std::fs::remove_dir_all(&part)
                .map_err(|error| Error::outside(format!("`{}` cannot be removed: {error}", part.display())).code("HW501"))?;
        }
    }
    Ok(())
}

async fn show(arguments: &Arguments, terminal: &Terminal) -> Result<u8> {
    let begun = SystemClock.now();
    land(arguments, terminal)?;
    let mut json = json!({ "schema_version": "1", "project": arguments.into, "orders": arguments.rows, "seed": arguments.seed });
    if !arguments.prepare_only {
        let assessments = assess_landing(&arguments.into, terminal).await?;
        let runs = load(arguments, terminal).await?;
        title(terminal, "7  What is there now");
        let found = Found::of(&runs, terminal).await?;
        let seconds = (SystemClock.now() - begun).num_milliseconds() as f64 / 1000.0;
        terminal.say_all(found.lines());
        terminal.say_all(what_next(seconds, &arguments.into));
        json["assessments"] = assessments.into();
        json["runs"] = runs.iter().map(report::json::run_record).collect();
        json["found"] = serde_json::to_value(&found).unwrap_or_default();
        json["seconds"] = seconds.into();
    }
    if terminal.format == Format::Json {
        json["exit_code"] = 0.into();
        terminal.json(&json)?;
    }
    Ok(0)
}

/// Writes the project and the shop's first files.
fn land(arguments: &Arguments, terminal: &Terminal) -> Result<()> {
    let landing = arguments.into.join("landing");
    title(terminal, "1  Raw data lands");
    // The project comes first, so that a demo that is killed half way is known as one and can be started again.
    demo::write_project(&arguments.into, &arguments.memory)?;
    terminal.busy("writing the shop's files");
    demo::write_landing(&landing, arguments.size())?;
    terminal.say(format!("two years of a shop in {}: orders as 24 CSV files, customers as NDJSON, products as Parquet", landing.display()));
    terminal.say(format!(
        "{} orders (seed {}); 8 % lack the customer, 2 % have a negative amount, `status` comes in many spellings",
        count(arguments.rows),
        arguments.seed
    ));
    Ok(())
}

/// Assesses what has landed, and tells how good it is.
async fn assess_landing(folder: &Path, terminal: &Terminal) -> Result<Vec<Json>> {
    title(terminal, "2  What is wrong with it?  (headworks assess)");
    let mut assessments = Vec::new();
    for data in ["landing/orders/*.csv", "landing/customers/*.ndjson", "landing/products.parquet"] {
        let assessment = assess_file(data, terminal).await?;
        terminal.say_all(report::assessment_lines(&assessment).into_iter().take(8));
        let reports = folder.join("assessment").join(&assessment.about.name);
        assess::write(&assessment, &reports)?;
        assessments.push(json!({ "dataset": assessment.about.name, "overall_score": assessment.scores.overall, "reports": reports }));
    }
    Ok(assessments)
}

/// The first run, which is blocked, the one after the remedy, the one of the second day, and one that finds nothing.
async fn load(arguments: &Arguments, terminal: &Terminal) -> Result<[RunRecord; 4]> {
    title(terminal, "3  The first run: the gate holds  (headworks run)");
    let blocked = run(terminal, RunOutcome::Blocked).await?;
    title(terminal, "4  The remedy: orders without a customer point to the unknown one, and an alert watches them");
    demo::apply_remedy(&arguments.into)?;
    terminal.say("changed models/fact_orders.sql: coalesce(customer_id, -1); the rule is an alert now");
    let first = run(terminal, RunOutcome::Succeeded).await?;
    title(terminal, "5  A day later: new, changed and late rows arrive");
    demo::deliver_day_two(&arguments.into.join("landing"), arguments.size())?;
    let second = run(terminal, RunOutcome::Succeeded).await?;
    title(terminal, "6  The same run once more");
    let third = run(terminal, RunOutcome::Unchanged).await?;
    Ok([blocked, first, second, third])
}

/// How long it took, and what to try in the project that is there now.
fn what_next(seconds: f64, folder: &Path) -> Vec<String> {
    let commands = [
        "headworks status",
        "headworks plan",
        "headworks sql \"select status, count(*) as orders, sum(total_amount) as amount from fact_orders group by status order by 2 desc\"",
        "headworks sql \"select _rules, count(*) as rows from quarantine.fact_orders group by _rules\"",
        "headworks rollback fact_orders",
        "headworks explain rule referential",
    ];
    let took = format!("The whole demo took {}. The folder {} is a normal project; try:", duration(seconds), folder.display());
    std::iter::once(took).chain(commands.iter().map(|command| format!("  cd {} && {command}", folder.display()))).collect()
}

fn title(terminal: &Terminal, text: &str) {
    terminal.say(format!("\n── {text}"));
}

async fn assess_file(data: &str, terminal: &Terminal) -> Result<Assessment> {
    terminal.busy(format!("measuring {data}"));
    let opened = assess::open(data, &EngineSettings::default(), terminal).await?;
    hw_assess::assess(opened.engine(), &opened.reader, &opened.about, SystemClock.now(), format!("demo-{}", opened.about.name)).await
}

/// Runs the project. The demo shows what it promises, or says that it did not.
async fn run(terminal: &Terminal, outcome: RunOutcome) -> Result<RunRecord> {
    let (record, errors) = run_project(terminal, &Selection::default()).await?;
    if terminal.format == Format::Text {
        report::run_summary(&record, terminal);
    }
    match Error::all(errors) {
        Some(error) => Err(error),
        None if record.outcome == Some(outcome) => Ok(record),
        None => Err(Error::bug(format!("the demo expected the run to end as {outcome:?}, it ended as {:?}", record.outcome))),
    }
}

/// What the tables hold in the end.
#[derive(Serialize)]
struct Found {
    /// Orders of the fact table.
    orders: u64,
    /// Orders that came with the first delivery.
    first_orders: u64,
    /// Orders that were new or changed a day later.
    later_orders: u64,
    /// Orders of the unknown customer.
    without_customer: u64,
    /// Orders of a customer who is still to come.
    of_late_customers: u64,
    /// Orders that wait in quarantine.
    quarantined: u64,
    /// Customers of the dimension.
    customers: u64,
}

impl Found {
    async fn of([_, first, second, _]: &[RunRecord; 4], terminal: &Terminal) -> Result<Self> {
        let house = House::look(&terminal.root)?;
        let number = async |sql: &str| -> Result<u64> {
            let reader = house.reader(sql).await?;
            Ok(house.engine.query(&reader, 1).await?.single().and_then(hw_base::Value::as_u64).unwrap_or_default())
        };
        let rows =
            |record: &RunRecord| record.steps.iter().filter(|step| step.model == "fact_orders").map(|step| step.rows_written).sum::<u64>();
        Ok(Self {
            orders: number("select count(*) from fact_orders").await?,
            first_orders: rows(first),
            later_orders: rows(second),
            without_customer: number("select count(*) from fact_orders where customer_id = -1").await?,
            of_late_customers: number(
                "select count(*) from fact_orders f where not exists (select 1 from dim_customers c where c.customer_id = f.customer_id)",
            )
            .await?,
            quarantined: number("select count(*) from quarantine.fact_orders").await?,
            customers: number("select count(*) from dim_customers").await?,
        })
    }

    fn lines(&self) -> [String; 4] {
        [
            format!(
                "fact_orders holds {} orders: {} came with the first delivery, {} were new or changed a day later.",
                count(self.orders),
                count(self.first_orders),
                count(self.later_orders)
            ),
            format!(
                "{} of them have no customer and point to the unknown one; {} point to a customer that is still to come.",
                count(self.without_customer),
                count(self.of_late_customers)
            ),
            format!(
                "{} rows broke a rule and wait in quarantine.fact_orders; nobody could read them in fact_orders at any time.",
                count(self.quarantined)
            ),
            format!("dim_customers holds {} customers, those that arrived late included.", count(self.customers)),
        ]
    }
}
