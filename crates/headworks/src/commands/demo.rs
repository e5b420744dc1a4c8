//! `headworks demo`: from raw files to a guarded warehouse, on data of its own.

use std::path::{Path, PathBuf};

use clap::{ArgMatches, Args, Command as Clap};
use hw_assess::Assessment;
use hw_base::{BoxFuture, Clock, Engine, Error, Result, RunOutcome, RunRecord, count, duration};
use hw_pipeline::{EngineSettings, Selection};

use super::{Command, assess, described, memory, read, run_project};
use crate::demo::{self, Size};
use crate::house::House;
use crate::machine::SystemClock;
use crate::place::STATE;
use crate::report;
use crate::terminal::Terminal;

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
            "Examples:\n  headworks demo\n  headworks demo --rows 10000 --into /tmp/shop",
        )
    }

    fn run<'a>(&'a self, matches: &'a ArgMatches, terminal: &'a Terminal) -> BoxFuture<'a, Result<u8>> {
        Box::pin(async move {
            let arguments: Arguments = read(matches)?;
            clear(&arguments.into)?;
            let terminal = terminal.inside(&arguments.into);
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
    let size = Size { orders: arguments.rows, seed: arguments.seed };
    let folder = arguments.into.as_path();
    let begun = SystemClock.now();
    title(terminal, "1  Raw data lands");
    // The project comes first, so that a demo that is killed half way is known as one and can be started again.
    demo::write_project(folder, &arguments.memory)?;
    terminal.busy("writing the shop's files");
    demo::write_landing(&folder.join("landing"), size)?;
    terminal.line(format!(
        "two years of a shop in {}: orders as 24 CSV files, customers as NDJSON, products as Parquet",
        folder.join("landing").display()
    ));
    terminal.line(format!(
        "{} orders (seed {}); 8 % lack the customer, 2 % have a negative amount, `status` comes in many spellings",
        count(size.orders),
        size.seed
    ));
    if arguments.prepare_only {
        return Ok(0);
    }
    title(terminal, "2  What is wrong with it?  (headworks assess)");
    for data in ["landing/orders/*.csv", "landing/customers/*.ndjson", "landing/products.parquet"] {
        let assessment = assess_file(data, terminal).await?;
        terminal.lines(report::assessment_lines(&assessment).into_iter().take(8));
        assess::write(&assessment, &folder.join("assessment").join(&assessment.about.name))?;
    }
    title(terminal, "3  The first run: the gate holds  (headworks run)");
    let blocked = run(terminal).await?;
    expect(&blocked, RunOutcome::Blocked)?;
    title(terminal, "4  The remedy: orders without a customer point to the unknown one, and an alert watches them");
    demo::apply_remedy(folder)?;
    terminal.line("changed models/fact_orders.sql: coalesce(customer_id, -1); the rule is an alert now");
    let first = run(terminal).await?;
    expect(&first, RunOutcome::Succeeded)?;
    title(terminal, "5  A day later: new, changed and late rows arrive");
    demo::deliver_day_two(&folder.join("landing"), size)?;
    let second = run(terminal).await?;
    expect(&second, RunOutcome::Succeeded)?;
    title(terminal, "6  The same run once more");
    let third = run(terminal).await?;
    expect(&third, RunOutcome::Unchanged)?;
    title(terminal, "7  What is there now");
    summary(terminal, &first, &second).await?;
    let seconds = (SystemClock.now() - begun).num_milliseconds() as f64 / 1000.0;
    terminal.line(format!("The whole demo took {}. The folder {} is a normal project; try:", duration(seconds), folder.display()));
    for command in [
        "headworks status".to_owned(),
        "headworks plan".to_owned(),
        "headworks sql \"select status, count(*) as orders, sum(total_amount) as amount from fact_orders group by status order by 2 desc\""
            .to_owned(),
        "headworks sql \"select _rules, count(*) as rows from quarantine.fact_orders group by _rules\"".to_owned(),
        "headworks rollback fact_orders".to_owned(),
        "headworks explain rule referential".to_owned(),
    ] {
        terminal.line(format!("  cd {} && {command}", folder.display()));
    }
    Ok(0)
}

fn title(terminal: &Terminal, text: &str) {
    terminal.line(format!("\n── {text}"));
}

async fn assess_file(data: &str, terminal: &Terminal) -> Result<Assessment> {
    terminal.busy(format!("measuring {data}"));
    let opened = assess::open(data, &EngineSettings::default(), terminal).await?;
    hw_assess::assess(opened.engine(), &opened.reader, &opened.about, SystemClock.now(), format!("demo-{}", opened.about.name)).await
}

async fn run(terminal: &Terminal) -> Result<RunRecord> {
    let (record, errors) = run_project(terminal, &Selection::default()).await?;
    report::run_summary(&record, terminal);
    match Error::all(errors) {
        Some(error) => Err(error),
        None => Ok(record),
    }
}

/// The demo shows what it promises, or says that it did not.
fn expect(record: &RunRecord, outcome: RunOutcome) -> Result<()> {
    if record.outcome == Some(outcome) {
        return Ok(());
    }
    Err(Error::bug(format!("the demo expected the run to end as {outcome:?}, it ended as {:?}", record.outcome)))
}

async fn summary(terminal: &Terminal, first: &RunRecord, second: &RunRecord) -> Result<()> {
    let house = House::look(&terminal.root)?;
    let number = async |sql: &str| -> Result<u64> {
        let reader = house.reader(sql).await?;
        Ok(house.engine.query(&reader, 1).await?.single().and_then(hw_base::Value::as_u64).unwrap_or_default())
    };
    let orders = number("select count(*) from fact_orders").await?;
    let unknown = number("select count(*) from fact_orders where customer_id = -1").await?;
    let kept_out = number("select count(*) from quarantine.fact_orders").await?;
    let customers = number("select count(*) from dim_customers").await?;
    let late =
        number("select count(*) from fact_orders f where not exists (select 1 from dim_customers c where c.customer_id = f.customer_id)")
            .await?;
    let rows =
        |record: &RunRecord| record.steps.iter().filter(|step| step.model == "fact_orders").map(|step| step.rows_written).sum::<u64>();
    terminal.line(format!(
        "fact_orders holds {} orders: {} came with the first delivery, {} were new or changed a day later.",
        count(orders),
        count(rows(first)),
        count(rows(second))
    ));
    terminal.line(format!(
        "{} of them have no customer and point to the unknown one; {} point to a customer that is still to come.",
        count(unknown),
        count(late)
    ));
    terminal.line(format!(
        "{} rows broke a rule and wait in quarantine.fact_orders; nobody could read them in fact_orders at any time.",
        count(kept_out)
    ));
    terminal.line(format!("dim_customers holds {} customers, those that arrived late included.", count(customers)));
    Ok(())
}
