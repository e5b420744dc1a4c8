//! Deciding about rows in quarantine.

use clap::Args;
use hw_base::{Clock, Engine, Error, OnFailure, Result, Review, Ruling, RunOutcome, RunRecord, StepRecord, TableName, count, plural};
use hw_ledger::RunLock;
use hw_pipeline::{Asked, Narrator, Selection, exit_code, plan, recover, review};
use serde_json::{Value as Json, json};

use super::Common;
use super::look::{counted, nothing_selected, word};
use super::select::{Selected, Selecting};
use super::waiting;
use crate::house::House;
use crate::machine::{self, SystemClock};
use crate::report;
use crate::terminal::{Format, Terminal};

/// What every decision takes.
#[derive(Args)]
struct Deciding {
    #[command(flatten)]
    selecting: Selecting,
    /// All rows of the table that wait
    #[arg(long, conflicts_with_all = ["rule", "condition", "run"])]
    all: bool,
    /// Why; it is kept with the decision
    #[arg(long, value_name = "TEXT")]
    reason: Option<String>,
    /// Stage and judge the rows, say what would happen, and change nothing
    #[arg(long)]
    dry_run: bool,
}

/// `headworks quarantine release`.
#[derive(Args)]
pub(super) struct Release {
    #[command(flatten)]
    deciding: Deciding,
    /// Give a column another value: `column = expression`; the rows then have to keep the rules
    #[arg(long = "set", value_name = "COLUMN = SQL")]
    set: Vec<String>,
    #[command(flatten)]
    common: Common,
}

/// `headworks quarantine drop`.
#[derive(Args)]
pub(super) struct DropRows {
    #[command(flatten)]
    deciding: Deciding,
    #[command(flatten)]
    common: Common,
}

/// Lets rows enter.
pub(super) async fn release(Release { deciding, set, .. }: &Release, terminal: &Terminal) -> Result<u8> {
    if let Some(rule) = deciding.selecting.rule.as_deref().filter(|rule| set.is_empty() && NEED_VALUES.contains(rule)) {
        return Err(needs_values(rule));
    }
    let ruling = if set.is_empty() {
        Ruling::Vouched { rule: deciding.selecting.rule.clone() }
    } else {
        Ruling::Repaired(set.iter().map(|text| assignment(text)).collect::<Result<_>>()?)
    };
    decide(deciding, ruling, terminal).await
}

/// Rows that break these rules cannot be loaded as they are, whoever vouches for them.
const NEED_VALUES: [&str; 4] = ["key_is_present", "change_time_is_present", "malformed_record", SHARES_KEY];

/// What such rows do.
const LACKS_VALUES: &str = "on for values that the load cannot do without (`--set`)";

/// The rule that rows break which share their key with another one of their delivery.
const SHARES_KEY: &str = "key_is_unique";

fn needs_values(rule: &str) -> Error {
    if rule == SHARES_KEY {
        return Error::user(format!("rows that wait because of `{rule}` cannot enter as they are"))
            .code("HW107")
            .because("another row of the same delivery has their key, and a delivery says one thing of a key")
            .help("correct them at the source: the next delivery is compared as ever; or `headworks quarantine drop` them");
    }
    Error::user(format!("rows that wait because of `{rule}` cannot enter as they are"))
        .code("HW107")
        .because("a row without its key, a version without its time and a record that could not be read have no place in the table")
        .help("give them what they lack: `--set \"order_id = 7\"`; or `headworks quarantine drop` them")
}

/// Decides that rows never enter.
pub(super) async fn drop_rows(arguments: &DropRows, terminal: &Terminal) -> Result<u8> {
    decide(&arguments.deciding, Ruling::Dropped, terminal).await
}

fn assignment(text: &str) -> Result<(String, String)> {
    let parts = text.split_once('=').map(|(column, sql)| (column.trim().trim_matches('"').to_owned(), sql.trim().to_owned()));
    parts.filter(|(column, sql)| !column.is_empty() && !sql.is_empty()).ok_or_else(|| {
        Error::user(format!("`--set {text}` gives no column a value")).code("HW107").help("write `--set \"amount = abs(amount)\"`")
    })
}

async fn decide(deciding: &Deciding, ruling: Ruling, terminal: &Terminal) -> Result<u8> {
    let selecting = &deciding.selecting;
    if selecting.is_any() && !deciding.all {
        return Err(Error::user(format!("nobody said which rows of `{}` are meant", selecting.table))
            .code("HW107")
            .help("give `--rule RULE`, `--where SQL` or `--run RUN`; `--all` means all of them")
            .help(format!("`headworks quarantine show {}` shows what waits", selecting.table)));
    }
    let house = House::open(&terminal.root)?;
    let now = SystemClock.now();
    let run = machine::next_run_id(now);
    let _lock = RunLock::take(house.state(), &run)?;
    let narrator = Quiet(terminal);
    let ports = house.ports(&narrator);
    if let Some(unfinished) = recover(&house.project, ports).await? {
        return Err(Error::user(format!("run {} was interrupted and may have published a part of its tables", unfinished.run))
            .code("HW703")
            .help("`headworks run` continues it; then decide"));
    }
    let selected = selecting.selected(&house).await?;
    let rows = counted(house.engine.query(&selected.query("count(*)", ""), 1).await?.single());
    if rows == 0 {
        return Err(nothing_selected(&house, selecting).await?);
    }
    let asked = asked(deciding, &selected, ruling);
    let models = if asked.table.is_raw() { vec![] } else { vec![selecting.table.clone()] };
    let plan = plan(&house.project, house.asking(), &Selection::of_models(models)).await?;
    let (record, errors) = review(&house.project, &plan, &asked, run, ports).await?;
    let code = match (record.outcome, &asked.review.ruling) {
        // Somebody asked for rows to enter, and none did.
        (Some(RunOutcome::Unchanged), Ruling::Repaired(_) | Ruling::Vouched { .. }) => 1,
        _ => exit_code(&record, &errors),
    };
    let waits = waiting(&house).await?.into_iter().find(|(table, _)| *table == selected.quarantine).map_or(0, |(_, rows)| rows);
    let decided = Decided { asked: &asked, record: &record, selected: rows, waits };
    match terminal.format {
        Format::Json => terminal.json(&decided.json(&errors, code))?,
        Format::Text | Format::Markdown => {
            terminal.lines(decided.lines(terminal));
            for error in &errors {
                terminal.error(error, code);
            }
        }
    }
    Ok(code)
}

fn asked(deciding: &Deciding, selected: &Selected, ruling: Ruling) -> Asked {
    let name = &deciding.selecting.table;
    let table = TableName::named(name);
    Asked {
        table,
        review: Review { rows: selected.condition.clone(), ruling },
        who: machine::user(),
        selector: deciding.selecting.words(),
        reason: deciding.reason.clone(),
        is_trial: deciding.dry_run,
    }
}

/// What became of the rows.
struct Decided<'a> {
    asked: &'a Asked,
    record: &'a RunRecord,
    /// Rows that were meant.
    selected: u64,
    /// Rows of the table that wait now.
    waits: u64,
}

impl Decided<'_> {
    fn step(&self) -> Option<&StepRecord> {
        self.record.steps.first()
    }

    fn rows(&self) -> u64 {
        self.step().and_then(|step| step.review.as_ref()).map_or(0, |review| review.rows)
    }

    fn json(&self, errors: &[Error], code: u8) -> Json {
        let step = self.step();
        json!({
            "schema_version": "1",
            "run": (!self.asked.is_trial).then(|| self.record.run.clone()),
            "table": self.asked.table.leaf(),
            "decision": word(&self.asked.review.ruling),
            "dry_run": self.asked.is_trial,
            "outcome": self.record.outcome,
            "rows_selected": self.selected,
            "rows_decided": self.rows(),
            "rows_written": step.map(|step| step.rows_written),
            "rows_quarantined": step.map(|step| step.rows_quarantined),
            "waiting": self.waits,
            "commit": step.and_then(|step| step.commit.clone()),
            "verdict": step.map(|step| step.verdict.clone()),
            "errors": report::json::all(errors),
            "exit_code": code,
        })
    }

    fn lines(&self, terminal: &Terminal) -> Vec<String> {
        let Some(step) = self.step() else { return vec![] };
        match self.record.outcome {
            Some(RunOutcome::Blocked) => {
                let mut lines = report::step_lines(step, terminal);
                lines.push(format!("nothing was released: the rows of `{}` wait as before", self.asked.table.leaf()));
                lines
            }
            Some(RunOutcome::Failed) | None => {
                vec![format!("nothing was changed: the rows of `{}` wait as before", self.asked.table.leaf())]
            }
            Some(RunOutcome::Unchanged) => vec![format!(
                "nothing was released: {}; `headworks quarantine show {}` shows them",
                self.hindrance(),
                self.asked.table.leaf()
            )],
            Some(RunOutcome::Succeeded) => self.done(step),
        }
    }

    /// Why no row entered.
    fn hindrance(&self) -> String {
        let rows = plural(self.selected, "row");
        match self.asked.review.ruling {
            Ruling::Vouched { .. } => format!("{rows} {} {LACKS_VALUES}", waits(self.selected)),
            Ruling::Repaired(_) | Ruling::Dropped => format!("with these values {rows} would still break a quarantine rule"),
        }
    }

    fn done(&self, step: &StepRecord) -> Vec<String> {
        let table = self.asked.table.leaf();
        let would = if self.asked.is_trial { "would be " } else { "" };
        let run = if self.asked.is_trial { String::new() } else { format!(" (run {})", self.record.run) };
        let mut lines = vec![format!("{} of `{table}` {would}{}{run}", plural(self.rows(), "row"), word(&self.asked.review.ruling))];
        let builds_anew = step.review.as_ref().is_some_and(|review| review.builds_anew);
        if self.asked.review.ruling != Ruling::Dropped {
            lines.push(self.entered(step, builds_anew));
        }
        let undecided = self.selected.saturating_sub(self.rows());
        if undecided > 0 {
            lines.push(format!("  {} would still break a quarantine rule with these values: left as before", plural(undecided, "row")));
        }
        if !builds_anew {
            let broken = step.verdict.results.iter().filter(|result| result.action == OnFailure::Quarantine && result.violations > 0);
            let broken: Vec<String> = broken
                .map(|result| format!("  {} {} on because of `{}`", plural(result.violations, "row"), waits(result.violations), result.id))
                .collect();
            if broken.is_empty() && step.rows_quarantined > 0 {
                let rows = plural(step.rows_quarantined, "row");
                lines.push(format!("  {rows} {} {LACKS_VALUES}", waits(step.rows_quarantined)));
            }
            lines.extend(broken);
        }
        if !self.asked.is_trial {
            lines.push(match self.waits {
                0 => format!("  no row of `{table}` waits any more"),
                rows => format!("  {} of `{table}` in quarantine now", plural(rows, "row")),
            });
            if self.asked.review.ruling != Ruling::Dropped {
                lines.push("  `headworks run` brings them to the tables that read it".into());
            }
        }
        lines
    }

    fn entered(&self, step: &StepRecord, builds_anew: bool) -> String {
        let version = step.commit.as_ref().map_or(String::new(), |commit| format!(" as version {}", commit.version));
        if builds_anew {
            let table = self.asked.table.leaf();
            let verb = if self.asked.is_trial { "would be" } else { "was" };
            return format!(
                "  `{table}` {verb} built anew{version}, because the order of arrival decides which row stays: {} rows",
                count(step.rows_written)
            );
        }
        let late = self.rows().saturating_sub(step.rows_written + step.rows_quarantined);
        let late = if late > 0 { format!(", {} gave way to a later one or a deletion", count(late)) } else { String::new() };
        let verb = if self.asked.is_trial { "would enter" } else { "entered" };
        format!("  {} {verb}{version}{late}", count(step.rows_written))
    }
}

/// The verb of so many rows.
fn waits(rows: u64) -> &'static str {
    if rows == 1 { "waits" } else { "wait" }
}

/// Says only what a person has to know.
struct Quiet<'a>(&'a Terminal);

impl Narrator for Quiet<'_> {
    fn note(&self, text: &str) {
        self.0.say(text);
    }
}
