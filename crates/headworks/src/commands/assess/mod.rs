//! `headworks assess`: measures datasets, scores them and says what is wrong with them.

mod budget;
mod cells;
mod opened;
mod resume;
#[cfg(test)]
mod tests;
mod update;

use std::collections::{BTreeMap, BTreeSet};
use std::path::{Path, PathBuf};
use std::sync::Arc;

use clap::{ArgMatches, Args, Command as Clap};
use hw_assess::{Assessment, Earlier, Evidence, Source, drift, listed_cells, reconciliations, refer, rules_files, rules_of_references};
use hw_base::{BoxFuture, ByteSize, Clock, CodeMemory, CodedTable, Column, Engine, Error, Result, TableFacts, TimeSpan, Timestamp};
use hw_connect::Snapshots;
use hw_engine::{Deadline, LocalEngine};
use hw_pipeline::{EngineSettings, raw_column_names};
use hw_validate::Proposal;
use serde_json::Value as Json;

use self::budget::{Budget, budget};
use self::opened::is_of_project;
pub(crate) use self::opened::{OpenedData, Subject, open};
use self::resume::Kept;
use self::update::Update;
use super::check::judged_by;
use super::{Command, at_least_one, described, memory, read};
use crate::files::{remove_if_there, write_file};
use crate::machine::{self, SystemClock};
use crate::naming::bind_named;
use crate::report;
use crate::terminal::{Format, Terminal};

/// The command.
pub(crate) struct Assess;

#[derive(Args)]
struct Arguments {
    /// Files, folders, globs or URLs of databases; `shop.db#orders` for one table or sheet; in a project also
    /// `source.dataset` and tables
    #[arg(value_name = "DATA", required_unless_present = "query")]
    data: Vec<String>,
    /// Assess the rows of this SELECT: over the tables of DATA, else over the project and files as `headworks sql` reads them
    #[arg(long, value_name = "SQL")]
    query: Option<String>,
    /// Write `assessment.html`, `.json`, `.md` and `rules/*.yaml` into this folder
    #[arg(long, value_name = "FOLDER")]
    out: Option<PathBuf>,
    /// Write every suspicious cell into this file: CSV or Parquet, by its ending
    #[arg(long, value_name = "FILE")]
    cells: Option<PathBuf>,
    /// Rules that are known to hold; where the data breaks them, that is a fact
    #[arg(long, value_name = "FILE")]
    rules: Option<PathBuf>,
    /// Other data that the rules name, as `NAME=FILE`
    #[arg(long = "with", value_name = "NAME=FILE", requires = "rules")]
    others: Vec<String>,
    /// An earlier `assessment.json`, the folder of one or several, or a data contract: says what changed since
    #[arg(long, value_name = "FILE")]
    against: Option<PathBuf>,
    /// What the data is used for, for the report
    #[arg(long = "use", value_name = "TEXT")]
    use_for: Option<String>,
    /// Tell ages as of this moment, such as `2026-01-31` or `2026-01-31 12:00` (UTC), instead of now
    #[arg(long, value_name = "TIME", value_parser = as_of)]
    as_of: Option<Timestamp>,
    /// Columns that matter most, separated by commas
    #[arg(long, value_name = "COLUMNS", value_delimiter = ',')]
    critical: Vec<String>,
    /// Look at this many rows, drawn from all by chance; then every number says so
    #[arg(long, value_name = "ROWS", value_parser = at_least_one, allow_negative_numbers = true)]
    sample: Option<usize>,
    /// Take no longer than this, such as `30s` or `5m`: what was read by then is told, with how far it is from the whole
    #[arg(long, value_name = "TIME", value_parser = budget)]
    budget: Option<TimeSpan>,
    /// Go on with the assessment in `--out` that a budget cut short: datasets that it read to their end stay as they are
    #[arg(long, requires = "out", conflicts_with_all = ["query", "update", "cells"])]
    resume: bool,
    /// Go on from the assessment in `--out` and read only the files that are new since then; at first read all, and leave what that takes
    #[arg(long, requires = "out", conflicts_with_all = ["query", "sample", "budget", "columns_only", "cells", "rules"])]
    update: bool,
    /// Measure the columns in one pass and stop there: no keys, no dependencies, no single cells, no rule is tried
    #[arg(long, conflicts_with_all = ["cells", "rules"])]
    columns_only: bool,
    /// End with exit code 1 if a dataset scores less
    #[arg(long, value_name = "SCORE", value_parser = score, allow_negative_numbers = true)]
    fail_under: Option<f64>,
    /// Memory that may be used
    #[arg(long, value_name = "SIZE", default_value = "2GiB", value_parser = memory, allow_negative_numbers = true)]
    memory: ByteSize,
    #[command(flatten)]
    common: super::Common,
}

/// A dataset that was assessed, and its cells for comparing it with others.
struct Assessed {
    assessment: Assessment,
    table: CodedTable,
}

impl Command for Assess {
    fn arguments(&self) -> Clap {
        described::<Arguments>(
            "assess",
            "Measure data, score it and say what is wrong with it",
            "Examples:\n  headworks assess orders.csv\n  headworks assess orders.csv --out assessment --critical order_id,amount\n  headworks assess shop.orders --fail-under 90 --format json\n  headworks assess shop.db 'book.xlsx#Orders'\n  headworks assess --query \"select * from fact_orders where amount > 0\"",
        )
    }

    fn run<'a>(&'a self, matches: &'a ArgMatches, terminal: &'a Terminal) -> BoxFuture<'a, Result<u8>> {
        Box::pin(async move {
            let mut arguments: Arguments = read(matches)?;
            arguments.critical.iter_mut().for_each(|column| *column = column.trim().to_owned());
            refuse_places(&arguments)?;
            let subjects = subjects(&arguments, terminal).await?;
            refuse_several(&arguments, subjects.len())?;
            let kept = if arguments.resume { Kept::of(&subjects, arguments.out.as_deref())? } else { Kept::default() };
            let subjects = kept.left(subjects, terminal);
            let snapshots = Snapshots::default();
            let assessed = Box::pin(assess_all(&subjects, (&arguments, &snapshots), &kept, terminal)).await;
            for told in snapshots.let_go().await {
                terminal.say(told);
            }
            let mut assessed = assessed?;
            let source = (assessed.len() + kept.len() > 1).then(|| kept.joined(related(&mut assessed)));
            show(&assessed, terminal)?;
            write_out(&assessed, source.as_ref(), &arguments, terminal)?;
            tell_unsure(&assessed, &arguments, terminal);
            let scores = assessed.iter().map(|one| (one.assessment.about.name.as_str(), one.assessment.scores.overall));
            Ok(u8::from(has_failed(scores.chain(kept.scores()), &arguments, terminal)))
        })
    }
}

/// What is assessed: the query, or each dataset behind the arguments.
async fn subjects(arguments: &Arguments, terminal: &Terminal) -> Result<Vec<Subject>> {
    if let Some(sql) = &arguments.query {
        return Ok(vec![Subject::query(sql, &arguments.data)?]);
    }
    let mut subjects = Vec::new();
    for data in &arguments.data {
        let datasets =
            if is_of_project(data, terminal).await? { vec![data.clone()] } else { hw_connect::datasets_at(&terminal.root, data).await? };
        subjects.extend(datasets.into_iter().map(Subject::Data));
    }
    Ok(subjects)
}

/// Assesses each. Of the tables of a database those that cannot be read are left out, and said so.
async fn assess_all(
    subjects: &[Subject],
    (arguments, snapshots): (&Arguments, &Snapshots),
    kept: &Kept,
    terminal: &Terminal,
) -> Result<Vec<Assessed>> {
    let are_listed = subjects.len() + kept.len() > arguments.data.len().max(1);
    let (mut assessed, mut names, mut failed) = (Vec::new(), kept.names(), None);
    let budget = Budget::asked(arguments);
    for (at, subject) in subjects.iter().enumerate() {
        let time = budget.as_ref().map(|budget| (budget, budget.share(subjects.len() - at)));
        match Box::pin(assess_one(subject, (arguments, snapshots), time, terminal)).await {
            Ok(mut one) => {
                one.assessment.about.name = free_name(&one.assessment.about.name, &mut names);
                one.table.name.clone_from(&one.assessment.about.name);
                if let (Some(out), true) = (&arguments.out, subjects.len() + kept.len() > 1) {
                    // Whatever comes, it need not be read again.
                    write(&one.assessment, &out.join(&one.assessment.about.name))?;
                }
                assessed.push(one);
            }
            Err(error) if are_listed || error.known_code() == Some(OUT_OF_TIME) => {
                terminal.say(format!("left out: {subject}: {}", error.message()));
                failed = Some(error);
            }
            Err(error) => return Err(error),
        }
    }
    failed.filter(|_| assessed.is_empty()).map_or(Ok(assessed), Err)
}

/// The code of the error that a budget was used up.
const OUT_OF_TIME: &str = "HW403";

/// Refuses places that nothing can be written to, before anything is read.
fn refuse_places(arguments: &Arguments) -> Result<()> {
    if let Some(out) = &arguments.out
        && let Some(file) = out.ancestors().find(|place| place.is_file())
    {
        return Err(Error::user(format!("`--out {}` names a folder, and `{}` is a file", out.display(), file.display()))
            .code("HW107")
            .help("name another folder for the report; it is made where there is none"));
    }
    let Some(cells) = &arguments.cells else { return Ok(()) };
    match cells.parent() {
        Some(folder) if !folder.as_os_str().is_empty() && !folder.is_dir() => {
            Err(Error::user(format!("`--cells {}` lies in the folder `{}`, which is not there", cells.display(), folder.display()))
                .code("HW107")
                .help("make the folder first, or name a file in another one"))
        }
        _ if cells.is_dir() => Err(Error::user(format!("`--cells {}` names a file, and that is a folder", cells.display()))
            .code("HW107")
            .help("name a file such as `cells.csv` in it")),
        _ => Ok(()),
    }
}

/// Says which datasets score less than `--fail-under` asks for, and whether any does.
fn has_failed<'a>(scores: impl Iterator<Item = (&'a str, f64)>, arguments: &Arguments, terminal: &Terminal) -> bool {
    let Some(limit) = arguments.fail_under else { return false };
    let failed: Vec<(&str, f64)> = scores.filter(|(_, score)| *score < limit).collect();
    for (name, score) in &failed {
        terminal.say(format!("failed: `{name}` scores {score} of 100, and `--fail-under` asks for {limit}"));
    }
    !failed.is_empty()
}

/// Says which datasets pass `--fail-under` by a sample, though all of their rows may not.
fn tell_unsure(assessed: &[Assessed], arguments: &Arguments, terminal: &Terminal) {
    let Some(limit) = arguments.fail_under else { return };
    for Assessed { assessment, .. } in assessed {
        let (name, score) = (&assessment.about.name, assessment.scores.overall);
        if score >= limit && assessment.may_score_less_than(limit) {
            let of = assessment.population();
            let what = format!("unsure: `{name}` scores {score} of 100 in {of}, and all rows may score less than {limit}");
            terminal.say(format!("{what}, which `--fail-under` asks for; assess all rows to be sure"));
        }
    }
}

fn refuse_several(arguments: &Arguments, datasets: usize) -> Result<()> {
    if arguments.update && datasets > 1 {
        return Err(Error::user("`--update` is for one dataset, and several are given").code("HW107").help("assess one at a time"));
    }
    if let Some(file) = arguments.against.as_ref().filter(|file| datasets > 1 && !file.is_dir()) {
        let json = document(file)?;
        if json.get("columns").is_some() {
            return Err(Error::user(format!("`--against {}` is the assessment of one dataset, and several are given", file.display()))
                .code("HW107")
                .help("give the folder that holds the assessments of all, as `--out` named it, or assess one at a time"));
        }
    }
    match &arguments.cells {
        Some(file) if datasets > 1 => Err(Error::user(format!("`--cells {}` is for one dataset, and several are given", file.display()))
            .code("HW107")
            .help("assess one at a time")),
        Some(file) => cells::Written::by_ending(file).map(drop),
        None => Ok(()),
    }
}

/// The name, with a number where a dataset before had it.
fn free_name(name: &str, taken: &mut BTreeSet<String>) -> String {
    let numbered = (2..).map(|number| format!("{name}_{number}"));
    let free = std::iter::once(name.to_owned()).chain(numbered).find(|name| taken.insert(name.clone()));
    free.unwrap_or_else(|| name.to_owned())
}

/// How the datasets refer to each other; each report gets its own part of it.
fn related(assessed: &mut [Assessed]) -> Source {
    let found = refer(&mut assessed.iter_mut().map(|one| (&mut one.assessment, &one.table)).collect::<Vec<_>>());
    let tables: Vec<&CodedTable> = assessed.iter().map(|one| &one.table).collect();
    let sampled = tables.iter().filter(|table| !table.is_whole()).map(|table| format!("of `{}` a sample was compared", table.name));
    let bounds: Vec<String> = sampled.collect();
    let assessments: Vec<Assessment> = assessed.iter().map(|one| one.assessment.clone()).collect();
    let name = Source::name_of(assessments.iter().map(|assessment| assessment.about.source.as_str()));
    let tables: Vec<&CodedTable> = assessed.iter().map(|one| &one.table).collect();
    let reconciled = reconciliations(&tables, &assessments);
    Source::new(name, &assessments, found, bounds).reconciled(reconciled)
}

fn show(assessed: &[Assessed], terminal: &Terminal) -> Result<()> {
    let assessments = || assessed.iter().map(|one| &one.assessment);
    match terminal.format {
        Format::Json => match assessed {
            [one] => return terminal.json(&one.assessment.to_json()),
            _ => return terminal.json(&assessments().map(Assessment::to_json).collect::<Vec<_>>()),
        },
        Format::Markdown => terminal.lines(assessments().map(Assessment::to_markdown)),
        Format::Text => terminal.lines(assessments().flat_map(report::assessment_lines)),
    }
    Ok(())
}

fn write_out(assessed: &[Assessed], source: Option<&Source>, arguments: &Arguments, terminal: &Terminal) -> Result<()> {
    if let (Some(file), [one]) = (&arguments.cells, assessed) {
        cells::write_cells(file, listed_cells(&one.assessment, &one.table))?;
        terminal.say(format!("written: {}", file.display()));
    }
    let Some(out) = &arguments.out else { return Ok(()) };
    for Assessed { assessment, .. } in assessed {
        let folder = if source.is_some() { out.join(&assessment.about.name) } else { out.clone() };
        write(assessment, &folder)?;
        terminal.say(format!("written: {}", folder.display()));
    }
    if let Some(source) = source {
        write_file(&out.join("source.json"), &format!("{:#}\n", source.to_json()))?;
        write_file(&out.join("source.html"), &source.to_html())?;
        terminal.say(format!("written: {}", out.join("source.html").display()));
    }
    Ok(())
}

/// Assesses one; where `--update` finds that its state is broken, from all files.
async fn assess_one(
    subject: &Subject,
    asked: (&Arguments, &Snapshots),
    time: Option<(&Budget, Deadline)>,
    terminal: &Terminal,
) -> Result<Assessed> {
    match assess_from(subject, asked, time.clone(), None, terminal).await {
        Err(broken) if broken.known_code() == Some("HW404") => assess_from(subject, asked, time, Some(&broken), terminal).await,
        assessed => assessed,
    }
}

async fn assess_from(
    subject: &Subject,
    (arguments, snapshots): (&Arguments, &Snapshots),
    time: Option<(&Budget, Deadline)>,
    broken: Option<&Error>,
    terminal: &Terminal,
) -> Result<Assessed> {
    terminal.busy(format!("reading {subject}"));
    let settings = EngineSettings { memory: arguments.memory, ..EngineSettings::default() };
    let (mut opened, update) = match subject {
        Subject::Data(data) if arguments.update => Update::begin(data, arguments, &settings, broken, terminal).await?,
        _ => (subject.open(&settings, terminal).await?, None),
    };
    opened.engine_mut().answer_in_order();
    if let Some((_, deadline)) = &time {
        opened.engine_mut().answer_until(deadline.clone());
    }
    refuse_unknown_columns(&arguments.critical, &opened).await?;
    opened.is_asked(arguments);
    let live = opened.engine().live().clone();
    bind_named(&terminal.root, &arguments.others, &live, &mut opened.rows.inputs).await?;
    // Datasets that refer to each other are to be of one moment.
    snapshots.share(&live, &opened.reader.inputs);
    snapshots.share(&live, &opened.rows.inputs);
    assess_opened(&opened, (arguments, update), time, terminal).await
}

async fn assess_opened(
    opened: &OpenedData,
    (arguments, update): (&Arguments, Option<Update>),
    time: Option<(&Budget, Deadline)>,
    terminal: &Terminal,
) -> Result<Assessed> {
    let earlier = match &arguments.against {
        Some(place) => Some(earlier(place, &opened.about.name)?),
        None => None,
    };
    let now = SystemClock.now();
    let id = machine::next_run_id(now);
    let (assessment, table) = match update {
        Some(update) => update.assess(opened, arguments, (now, id.0), terminal).await?,
        None if arguments.columns_only => {
            let measured = hw_assess::measure_columns(opened.engine(), &opened.reader, &opened.about, now, id.0);
            (measured.await?, CodedTable::default())
        }
        None => assess_whole(opened, arguments, (now, id.0)).await?,
    };
    let mut assessment = match earlier.map(|earlier| drift(&earlier, &assessment)) {
        Some(changes) => assessment.compared(changes),
        None => assessment,
    };
    if let Some(told) = time.and_then(|(budget, deadline)| budget.tell(&deadline, &mut assessment)) {
        terminal.say(told);
    }
    // What tells malformed records by a column of its own has them in its report.
    for left_out in hw_connect::left_out(opened.engine().live(), &opened.reader.inputs).iter().filter(|_| !opened.has_malformed) {
        terminal.beside(report::records::left_out(left_out));
    }
    let dataset = opened.about.name.split_once('.').map_or(opened.about.name.as_str(), |(_, dataset)| dataset);
    // The columns of a query have no source of their own.
    let told = opened.records().and_then(|_| report::records::unfit(dataset, &opened.unfit_columns()));
    if let Some(told) = told {
        terminal.beside(told);
    }
    Ok(Assessed { assessment, table })
}

/// What a dataset was: the assessment in a file, or in a folder that `--out` named; or what a contract promises.
fn earlier(place: &Path, dataset: &str) -> Result<Earlier> {
    let file = if place.is_dir() {
        let files = [place.join(dataset).join(REPORT), place.join(REPORT)];
        let found = files.iter().find(|file| file.exists()).cloned();
        found.ok_or_else(|| {
            let error = Error::user(format!("`{}` holds no assessment of `{dataset}`", place.display())).code("HW108");
            error.because(format!("there is neither `{}` nor `{}`", files[0].display(), files[1].display()))
        })?
    } else {
        place.to_owned()
    };
    Earlier::read(&document(&file)?, dataset)
        .map_err(|error| error.code("HW108").because(format!("`--against` names `{}`", file.display())))
}

/// The report that programs read.
const REPORT: &str = "assessment.json";

/// A file of JSON or YAML. YAML's reader keeps numbers such as `1.0` as they are written, which are numbers in JSON.
fn document(file: &Path) -> Result<Json> {
    let text = hw_config::read_text(file, file)?;
    serde_json::from_str(&text).or_else(|_| Ok(hw_config::parse_yaml(&text, file)?.to_json()))
}

/// Measures the columns and compares them with each other, from one pass over the data; then tries the rules.
async fn assess_whole(opened: &OpenedData, arguments: &Arguments, (now, id): (Timestamp, String)) -> Result<(Assessment, CodedTable)> {
    let measured = opened.engine().measure_and_code(&opened.reader, opened.about.measuring(), memory_for_codes(arguments)).await?;
    judge_whole(opened, arguments, measured, (now, id)).await
}

/// The memory for comparing columns. Where every suspicious cell is asked for, as many rows are compared as fit into half of all; else so
/// many as take bearable time: all up to an eighth, of more a sample.
fn memory_for_codes(arguments: &Arguments) -> CodeMemory {
    let part = |share: u64| ByteSize(arguments.memory.0 / share);
    if arguments.cells.is_some() { CodeMemory { whole: part(2), sample: part(2) } } else { CodeMemory { whole: part(8), sample: part(16) } }
}

/// Compares the columns, tries the rules and judges.
async fn judge_whole(
    opened: &OpenedData,
    arguments: &Arguments,
    (facts, mut table): (TableFacts, CodedTable),
    (now, id): (Timestamp, String),
) -> Result<(Assessment, CodedTable)> {
    table.name.clone_from(&opened.about.name);
    let (known, table) = compared(opened.engine(), &facts, table).await;
    let latest = if facts.scanned_all_rows {
        BTreeMap::new()
    } else {
        hw_assess::latest_moments_in(&table, &facts, opened.about.as_of.unwrap_or(now))
    };
    let mut evidence = Evidence { facts: Some(facts), latest, ..known };
    evidence.declared = judged_by(arguments.rules.as_deref(), &opened.about.source, opened).await?;
    let mut assessment = hw_assess::assess_with(opened.engine(), &opened.reader, &opened.about, now, id, evidence).await?;
    assessment.show_rows(&table);
    Ok((assessment, table))
}

/// What the columns say about each other, where there is time to compare them; where only the first rows were read there is none left.
async fn compared(engine: &LocalEngine, facts: &TableFacts, table: CodedTable) -> (Evidence, CodedTable) {
    if facts.beginning.is_some() {
        return (Evidence::default(), table);
    }
    let time = facts.columns.iter().find(|column| column.kind.is_temporal()).map(|column| column.name.clone());
    let table = Arc::new(table);
    let to_compare = Arc::clone(&table);
    let known = engine.work_in_time(move || Evidence::of_table(&to_compare, time.as_deref())).await;
    (known.unwrap_or_default(), Arc::unwrap_or_clone(table))
}

/// A moment, as `--as-of` names one.
fn as_of(text: &str) -> std::result::Result<Timestamp, String> {
    hw_validate::moment(text).ok_or_else(|| "expected a day such as `2026-01-31`, or a moment such as `2026-01-31 12:00`".into())
}

/// A score, as `--fail-under` names one.
fn score(text: &str) -> std::result::Result<f64, String> {
    text.parse().ok().filter(|score| (0.0..=100.0).contains(score)).ok_or_else(|| "expected a score from 0 to 100".into())
}

async fn refuse_unknown_columns(named: &[String], opened: &OpenedData) -> Result<()> {
    if named.is_empty() {
        return Ok(());
    }
    let columns = opened.engine().columns(&opened.reader).await?;
    let known = || columns.iter().map(|column| column.name.as_str()).filter(|name| *name != "_malformed");
    let unknown = named.iter().filter(|name| !known().any(|known| known == *name));
    let errors = unknown.map(|name| hw_base::unknown("column", name, known()).code("HW107").because("`--critical` names it"));
    Error::all(errors.collect()).map_or(Ok(()), Err)
}

/// The rules that are proposed, for columns under the names that they have in a raw copy, where a run and `headworks check`
/// look for them.
fn rules_to_run(assessment: &Assessment) -> Vec<Proposal> {
    let own = assessment.facts.columns.iter();
    let own: Vec<Column> =
        own.map(|facts| Column { name: facts.name.clone(), kind: facts.kind, sql_type: facts.sql_type.clone() }).collect();
    let names: BTreeMap<String, String> = own.iter().map(|column| column.name.clone()).zip(raw_column_names(&own)).collect();
    assessment.proposals.iter().map(|proposal| proposal.renamed(&names)).collect()
}

/// Writes the report and the rules.
pub(crate) fn write(assessment: &Assessment, folder: &Path) -> Result<()> {
    let rules = rules_files(&rules_to_run(assessment), &assessment.about.name);
    // Rules of an earlier report that this one does not make would be taken for its own.
    let references = rules_of_references(&assessment.about.name);
    if !rules.iter().any(|(path, _)| *path == references) {
        remove_if_there(&folder.join(references))?;
    }
    for (path, content) in assessment.files().into_iter().chain(rules) {
        write_file(&folder.join(path), &content)?;
    }
    Ok(())
}
