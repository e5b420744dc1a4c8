//! `headworks check`: judges data by rules without loading it.

use std::collections::BTreeSet;
use std::path::{Path, PathBuf};

use clap::builder::PossibleValuesParser;
use clap::{ArgMatches, Args, Command as Clap};
use hw_base::{
    BoxFuture, Clock, Column, DatasetName, Dimension, Engine, Entry, Error, InPlace, Input, Node, Notes, OnFailure, Questions, Reader,
    Result, RowWatch, RuleResult, Settings, SettingsMap, Verdict, Watch, Watched, WatchedRule, plural, snake_case,
};
use hw_connect::{LeftOut, Snapshots, in_place};
use hw_pipeline::{EngineSettings, MALFORMED, watch_malformed};
use hw_validate::{
    COLUMN_SETTINGS, CheckResult, FailOn, Gate, Imported, Judging, Population, Rule, read_rules, results_github, results_json,
    results_junit, results_of_rules, results_of_suite, results_sarif,
};

use super::assess::{OpenedData, Subject};
use super::{Command, InEnvironment, described, read};
use crate::machine::SystemClock;
use crate::naming;
use crate::report;
use crate::suite_files::read_checks;
use crate::terminal::Terminal;

/// The command.
pub(crate) struct Check;

/// How many of the rows that break a rule are shown.
const EXAMPLES: usize = 5;

/// How the results are printed.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq, clap::ValueEnum)]
enum Output {
    /// For people.
    #[default]
    Text,
    /// For programs: stable and versioned.
    Json,
    /// For tickets and reviews.
    Markdown,
    /// For continuous integration: JUnit's XML.
    Junit,
    /// For workflows of GitHub: annotations beside the rules.
    Github,
    /// For tools that show findings of analyses: SARIF 2.1.0.
    Sarif,
}

#[derive(Args)]
struct Arguments {
    /// A file, a folder, a glob or the URL of a database; `shop.db#orders` for one table or sheet; in a project also a table or
    /// `source.dataset`
    #[arg(required_unless_present = "query")]
    data: Option<String>,
    /// Judge the rows of this SELECT: over the tables of DATA, else over the project and files as `headworks sql` reads them
    #[arg(long, value_name = "SQL")]
    query: Option<String>,
    /// The rules; in a project those of the table or dataset where it is not given
    #[arg(long, value_name = "FILE")]
    rules: Option<PathBuf>,
    /// Checks of another tool, as they are: a suite of Great Expectations, a file of dbt or Soda, a contract of ODCS, queries in SQL
    #[arg(long, value_name = "FILE", conflicts_with = "rules")]
    suite: Option<PathBuf>,
    /// The tool that the suite is of
    #[arg(long, value_name = "TOOL", default_value = "auto")]
    suite_format: String,
    /// Which table of the suite the data is, where it has another name
    #[arg(long, value_name = "TABLE", requires = "suite")]
    table: Option<String>,
    /// Other data that the rules name, as `NAME=FILE`
    #[arg(long = "with", value_name = "NAME=FILE")]
    others: Vec<String>,
    /// Which broken rules end with exit code 1
    #[arg(long, value_name = "WORD", default_value = "block", value_parser = PossibleValuesParser::new(FailOn::WORDS))]
    fail_on: String,
    /// Keep the number of every row that breaks a rule (from 0, in file order)
    #[arg(long)]
    all_rows: bool,
    #[command(flatten)]
    place: InEnvironment,
    /// The folder of the project
    #[arg(long, value_name = "FOLDER", default_value = ".")]
    project: PathBuf,
    /// How to print the results
    #[arg(long, value_enum, default_value_t)]
    format: Output,
}

impl Arguments {
    fn subject(&self) -> Result<Subject> {
        let data = self.data.clone();
        match &self.query {
            Some(sql) => Subject::query(sql, data.as_slice()),
            None => Ok(Subject::Data(data.unwrap_or_default())),
        }
    }

    /// The names that a suite may have for the data.
    fn names(&self, opened: &OpenedData) -> Vec<String> {
        let stem = self.data.as_deref().and_then(|data| Path::new(data).file_stem());
        let stem = stem.map(|stem| stem.to_string_lossy().into_owned());
        self.data.iter().cloned().chain(stem).chain([opened.about.name.clone()]).collect()
    }

    /// Which broken rules make the check fail.
    fn fail_on(&self) -> FailOn {
        FailOn::parse(&self.fail_on).unwrap_or_default()
    }

    /// What the data is called in messages.
    fn shown(&self) -> String {
        match (&self.data, &self.query) {
            (Some(data), None) => hw_config::redact_url(data),
            _ => "the query".to_owned(),
        }
    }
}

/// Rules, and the suite that they come from where they do.
struct Asked {
    rules: Vec<Rule>,
    suite: Option<Imported>,
    /// The names by which the suite's rules look at the judged data itself.
    own: BTreeSet<String>,
}

impl Command for Check {
    fn arguments(&self) -> Clap {
        described::<Arguments>(
            "check",
            "Judge data by rules; load nothing",
            "Examples:\n  headworks check orders.csv --rules rules.yaml\n  headworks check fact_orders\n  headworks check shop.orders --format json",
        )
    }

    fn run<'a>(&'a self, matches: &'a ArgMatches, terminal: &'a Terminal) -> BoxFuture<'a, Result<u8>> {
        Box::pin(async move {
            let arguments: Arguments = read(matches)?;
            let mut opened = arguments.subject()?.open(&EngineSettings::default(), terminal).await?;
            let live = opened.engine().live().clone();
            naming::bind_named(&terminal.root, &arguments.others, &live, &mut opened.rows.inputs).await?;
            let asked = asked(&arguments, &mut opened)?;
            terminal.busy(format!("checking {}", opened.about.name));
            let snapshots = Snapshots::default();
            snapshots.share(opened.engine().live(), &opened.rows.inputs);
            // The numbers of rows are those of a reading.
            let place = if arguments.all_rows { None } else { in_place(opened.engine().live(), &opened.rows) };
            let judged = judge(&opened, &asked.rules, arguments.all_rows, place.as_deref()).await;
            for told in snapshots.let_go().await {
                terminal.beside(told);
            }
            let Judged { mut verdict, malformed, left_out, in_place } = judged?;
            let mut results = match &asked.suite {
                Some(suite) => results_of_suite(suite, &verdict),
                None => results_of_rules(&verdict),
            };
            results.extend(malformed.clone().map(CheckResult::of_rule));
            verdict = Verdict::over(verdict.results.into_iter().chain(malformed).collect());
            if let Some(in_place) = &in_place {
                in_place.mark(&mut results);
            }
            let own = asked.own.iter().filter_map(|name| Some(format!("{name}={}", arguments.data.as_deref()?)));
            let others = arguments.others.iter().chain(&opened.tables).cloned().chain(own).collect();
            show(&Shown { results: &results, rules: &asked.rules, verdict: &verdict, others, in_place }, &arguments, terminal)?;
            for left_out in &left_out {
                terminal.beside(report::records::left_out(left_out));
            }
            Ok(exit_code(&results, arguments.fail_on()))
        })
    }
}

fn asked(arguments: &Arguments, opened: &mut OpenedData) -> Result<Asked> {
    if let Some(file) = &arguments.suite {
        let names = arguments.names(opened);
        let names: Vec<&str> = names.iter().map(String::as_str).collect();
        let suite = read_checks(&arguments.suite_format, file)?.for_table(arguments.table.as_deref(), &names)?;
        // Another tool knows the columns under the names that the file gives them.
        opened.name_as_given();
        let rules = suite.to_rules()?;
        let own = suite.tables().into_iter().flatten().chain(names.last().copied());
        let own = own.filter(|name| rules.iter().any(|rule| looks_at(rule, name)) && !naming::is_bound(name, &opened.rows.inputs));
        let own: BTreeSet<String> = own.map(str::to_owned).collect();
        let whole = opened.rows.clone();
        opened.rows.inputs.extend(own.iter().map(|name| Input::Reader { name: name.clone(), reader: whole.clone() }));
        return Ok(Asked { rules, suite: Some(suite), own });
    }
    let data = arguments.data.as_deref().filter(|_| arguments.query.is_none());
    rules(arguments.rules.as_deref(), data.unwrap_or("the query"), opened).map(|rules| Asked { rules, suite: None, own: BTreeSet::new() })
}

/// Whether a rule looks at the table called `name` beside the rows that it judges.
fn looks_at(rule: &Rule, name: &str) -> bool {
    rule.body.other_table().as_deref() == Some(name)
}

/// The rules of a file, for columns under the names that they have in a raw copy.
fn rules_of(file: &Path, opened: &OpenedData) -> Result<Vec<Rule>> {
    let settings = hw_config::read_yaml(file, file)?;
    let rules = read_rules(&with_raw_names(settings.get("rules").unwrap_or(&settings), &opened.names, Role::Settings))?;
    if rules.is_empty() {
        return Err(Error::user(format!("there are no rules in `{}`", file.display()))
            .code("HW103")
            .help("`headworks explain rule KIND` shows how one is written"));
    }
    Ok(rules)
}

/// Judges data by the rules of a file; where none is given, by those that the project has for the data.
pub(crate) async fn judged_by(file: Option<&Path>, data: &str, opened: &OpenedData) -> Result<Vec<RuleResult>> {
    let rules = match file {
        Some(file) => rules_of(file, opened)?,
        None => rules_of_project(data, opened),
    };
    if rules.is_empty() { Ok(vec![]) } else { Ok(judge(opened, &rules, false, None).await?.verdict.results) }
}

/// The rules that the project has for the data.
fn rules_of_project(data: &str, opened: &OpenedData) -> Vec<Rule> {
    let Some(house) = opened.house() else { return vec![] };
    let of_dataset = || house.project.dataset_rules.get(&DatasetName::parse(data)?).cloned();
    house.project.model(data).map(|model| model.rules.clone()).or_else(of_dataset).unwrap_or_default()
}

/// The rules of a file; where none is given, those that the project has for the data.
pub(super) fn rules(file: Option<&Path>, data: &str, opened: &OpenedData) -> Result<Vec<Rule>> {
    if let Some(file) = file {
        return rules_of(file, opened);
    }
    Some(rules_of_project(data, opened)).filter(|rules| !rules.is_empty()).ok_or_else(|| {
        let error = Error::user(format!("there are no rules for `{data}`")).code("HW103");
        let error = match dataset_with_rules(data, opened) {
            Some(dataset) => error.help(format!("the dataset `{dataset}` has rules: `headworks check {dataset}`")),
            None => error,
        };
        error
            .help("give a file with `--rules FILE`; `headworks assess … --out FOLDER` writes one")
            .help("checks of another tool are given with `--suite FILE`")
    })
}

/// The first dataset of the project that has rules and the name of the data.
fn dataset_with_rules<'a>(data: &str, opened: &'a OpenedData) -> Option<&'a DatasetName> {
    let mut all = opened.house()?.project.dataset_rules.iter();
    all.find(|(dataset, rules)| dataset.dataset == data && !rules.is_empty()).map(|(dataset, _)| dataset)
}

/// What a text in the settings of a rule is.
#[derive(Clone, Copy, PartialEq, Eq)]
enum Role {
    /// Anything but the name of a column or SQL.
    Settings,
    /// The name of a column.
    Column,
    /// SQL.
    Sql,
}

/// The rules with the names of the raw copy where they name columns as the file does: `Order ID` is `order_id`.
fn with_raw_names(rules: &Settings, names: &[(String, String)], role: Role) -> Settings {
    let node = match &rules.node {
        Node::Text(text) => Node::Text(match role {
            Role::Settings => text.clone(),
            Role::Column if names.iter().any(|(_, raw)| raw == text) => text.clone(),
            Role::Column => names.iter().find(|(own, _)| own == text).map_or_else(|| text.clone(), |(_, raw)| raw.clone()),
            Role::Sql => naming::with_known_names(text, names),
        }),
        Node::List(items) => Node::List(items.iter().map(|item| with_raw_names(item, names, role)).collect()),
        Node::Map(SettingsMap(entries)) => {
            let renamed = |entry: &Entry| Entry { value: with_raw_names(&entry.value, names, role_of(&entry.key)), ..entry.clone() };
            Node::Map(SettingsMap(entries.iter().map(renamed).collect()))
        }
        other => other.clone(),
    };
    Settings { node, span: rules.span.clone() }
}

fn role_of(key: &str) -> Role {
    match key {
        setting if COLUMN_SETTINGS.contains(&setting) => Role::Column,
        "where" | "sql" | "expression" => Role::Sql,
        _ => Role::Settings,
    }
}

/// How rules came out, and which of them the place judged that the rows lie in.
struct Judged {
    verdict: Verdict,
    /// The records that no rule could judge.
    malformed: Option<RuleResult>,
    /// The records that a query does not see.
    left_out: Vec<LeftOut>,
    in_place: Option<JudgedInPlace>,
}

/// Rules that were judged where the rows lie.
struct JudgedInPlace {
    /// The place, such as `postgres`.
    place: &'static str,
    /// The names of the rules.
    rules: BTreeSet<String>,
    /// Whether rows were copied for others.
    copied: bool,
}

impl JudgedInPlace {
    fn mark(&self, results: &mut [CheckResult]) {
        for result in results.iter_mut().filter(|result| self.rules.contains(&result.result.id)) {
            result.judged = Some(self.place.to_owned());
        }
    }

    /// Where rules were judged, in a sentence; none where the place judged none.
    fn sentence(&self, rules: usize) -> Option<String> {
        let place = if self.place == "postgres" { "PostgreSQL" } else { self.place };
        let copied = if self.copied { "rows were copied for the others" } else { "no rows copied" };
        (!self.rules.is_empty())
            .then(|| format!("{} of {} judged inside {place}, {copied}", self.rules.len(), plural(rules as u64, "rule")))
    }
}

/// Judges the rows; `place` is asked first for what it can answer without handing them out.
async fn judge(opened: &OpenedData, rules: &[Rule], all_rows: bool, place: Option<&dyn InPlace>) -> Result<Judged> {
    let (engine, reader) = (opened.engine(), &opened.rows);
    let now = opened.about.as_of.unwrap_or_else(|| SystemClock.now());
    let columns = engine.columns(reader).await?;
    let mut gate = Gate::new(rules, &columns);
    gate.try_sql(engine, reader).await?;
    let key = match place {
        Some(place) => named(&place.key().await?, &columns),
        None => vec![],
    };
    let shown = if key.is_empty() { gate.identifying(&columns) } else { key.clone() };
    let watch = gate.watch(&shown, EXAMPLES, all_rows);
    let answered = match place {
        Some(place) => {
            let questions = Questions { of_records: of_records(opened, &key), ..gate.questions(reader, &watch, now) };
            place.answer(&questions).await?
        }
        None => None,
    };
    let in_place = answered.as_ref().map(|answered| gate.answered(answered)).unwrap_or_default();
    let rest = answered.as_ref().map_or_else(|| Some(watch.clone()), |answered| gate.unanswered(&watch, answered));
    let scanned = rest.is_some();
    let watched = answered.unwrap_or_default();
    let (watched, malformed) = if let Some(rest) = rest {
        let (scan, malformed) = scan(opened, rest).await?;
        (watched.and(scan), malformed)
    } else {
        let of_data = opened.records().and(watched.of_records.first());
        let malformed = of_data.and_then(|broken| malformed(broken, watched.rows, opened));
        (watched, malformed)
    };
    let population = Population { batch_is_table: true, ..Population::default() };
    let judging = Judging { engine, reader, population: &population, shown_as: &opened.shown_as, examples: EXAMPLES, now };
    let mut verdict = gate.judge(&judging, &watched).await?;
    tell_what_to_give(&mut verdict, rules, opened);
    let left_out = left_out(opened, &watched);
    let Some(place) = place else { return Ok(Judged { verdict, malformed, left_out, in_place: None }) };
    let copied = scanned || verdict.results.iter().any(|result| result.error.is_none() && !in_place.contains(&result.id));
    Ok(Judged { malformed, left_out, in_place: Some(JudgedInPlace { place: place.name(), rules: in_place, copied }), verdict })
}

/// What a place is asked of the records that cannot be read as rows: of the data, or of each table that a query reads.
fn of_records(opened: &OpenedData, key: &[String]) -> Vec<Questions> {
    let asked = |id: &str, rows: Reader, key: &[String]| {
        let broken = RowWatch { id: id.to_owned(), diverts: false, ..watch_malformed() };
        let watch = Watch { rows: vec![broken], key: key.to_vec(), examples: EXAMPLES, ..Watch::default() };
        Questions { rows, watch, shown: vec![id.to_owned()], sets: vec![], of_records: vec![] }
    };
    match opened.records() {
        Some(rows) => vec![asked(MALFORMED, rows, key)],
        None => opened.records_of_tables().map(|(name, rows)| asked(name, rows, &[])).collect(),
    }
}

/// The records that a query does not see: as the place has counted them, else as scans have met them. Of other data the verdict tells them.
fn left_out(opened: &OpenedData, watched: &Watched) -> Vec<LeftOut> {
    if opened.records().is_some() {
        return vec![];
    }
    if watched.of_records.is_empty() {
        return hw_connect::left_out(opened.engine().live(), &opened.rows.inputs);
    }
    let of_table = |broken: &WatchedRule| LeftOut {
        files: vec![(hw_config::redact_url(&broken.id), broken.violations)],
        is_all: true,
        why: broken.examples.rows.first().and_then(|row| row.last()).map(ToString::to_string),
    };
    watched.of_records.iter().filter(|broken| broken.violations > 0).map(of_table).collect()
}

/// Says how to give the other data that a rule looks at, where nobody has; in a project it has its name.
fn tell_what_to_give(verdict: &mut Verdict, rules: &[Rule], opened: &OpenedData) {
    if opened.house().is_some() {
        return;
    }
    let is_given = |name: &str| opened.rows.inputs.iter().any(|input| input.name() == name);
    for (result, rule) in verdict.results.iter_mut().zip(rules) {
        if let Some(other) = rule.body.other_table().filter(|other| result.error.is_some() && !is_given(other)) {
            result.error = Some(format!("HW602: it looks at `{other}`, which is not given; add `--with {other}=FILE`"));
        }
    }
}

/// One scan for all rules of the watch, and what it found of records that cannot be read as rows.
async fn scan(opened: &OpenedData, mut watch: Watch) -> Result<(Watched, Option<RuleResult>)> {
    let Some(records) = opened.records() else { return Ok((opened.engine().watch(&opened.rows, &watch).await?, None)) };
    watch.rows.insert(0, watch_malformed());
    let mut watched = opened.engine().watch(&records, &watch).await?;
    let broken = watched.rules.remove(0);
    let malformed = malformed(&broken, watched.rows, opened);
    Ok((watched, malformed))
}

/// How a delivery of these rows would come out that has these malformed records beside them; `None` where it has none.
fn malformed(broken: &WatchedRule, rows: u64, opened: &OpenedData) -> Option<RuleResult> {
    let (records, tolerance) = (rows + broken.violations, opened.malformed_tolerance());
    (broken.violations > 0).then(|| RuleResult {
        id: MALFORMED.to_owned(),
        kind: MALFORMED.to_owned(),
        dimension: Dimension::Validity,
        columns: vec![],
        held: tolerance.admits(broken.violations, records),
        rows: records,
        population: "records read".to_owned(),
        violations: broken.violations,
        share: broken.violations as f64 / records as f64,
        tolerance: format!("at most {tolerance} of the records"),
        measured: None,
        action: OnFailure::Block,
        examples: broken.examples.rendered(),
        query: None,
        violating_rows: None,
        error: None,
        notes: Notes::default(),
    })
}

/// The columns of a key as the rows name them; none where one is missing.
fn named(key: &[String], columns: &[Column]) -> Vec<String> {
    let known = |name: &str| columns.iter().any(|column| column.name == name);
    let name = |own: &String| [own.clone(), snake_case(own)].into_iter().find(|name| known(name));
    key.iter().map(name).collect::<Option<_>>().unwrap_or_default()
}

/// What a check found.
struct Shown<'a> {
    results: &'a [CheckResult],
    rules: &'a [Rule],
    verdict: &'a Verdict,
    /// Other data that the rules look at, as `NAME=FILE`.
    others: Vec<String>,
    in_place: Option<JudgedInPlace>,
}

fn show(shown: &Shown<'_>, arguments: &Arguments, terminal: &Terminal) -> Result<()> {
    let Shown { results, rules, verdict, others, in_place } = shown;
    let file = arguments.rules.as_deref().or(arguments.suite.as_deref()).unwrap_or(&arguments.project).display().to_string();
    match arguments.format {
        Output::Json => return terminal.json(&results_json(results)),
        Output::Junit => terminal.line(results_junit(&arguments.shown(), results, arguments.fail_on()).trim_end()),
        Output::Github => terminal.lines(results_github(results, rules, &file).lines()),
        Output::Sarif => return terminal.json(&results_sarif(results, rules, &file)),
        Output::Markdown => {
            terminal.lines(report::markdown::verdict(verdict));
            terminal.line(format!("\n{}", report::verdict_summary(verdict)));
        }
        Output::Text => {
            terminal.lines(report::verdict_lines(verdict, others, terminal));
            for result in results.iter().filter(|result| result.result.kind.is_empty() && result.untranslated.is_none()) {
                terminal.line(format!("- {}: {}", result.result.id, result.note.as_deref().unwrap_or("it asks for nothing")));
            }
            for result in results.iter().filter(|result| result.untranslated.is_some()) {
                terminal.line(format!("? {}: {}", result.result.id, result.finding()));
            }
            let sentence = in_place.as_ref().and_then(|in_place| in_place.sentence(verdict.results.len()));
            terminal.lines(sentence);
        }
    }
    Ok(())
}

/// 1 where a rule broke that `--fail-on` names; 2 where a rule could not be judged.
fn exit_code(results: &[CheckResult], fail_on: FailOn) -> u8 {
    if results.iter().any(|result| result.result.error.is_some()) {
        return 2;
    }
    u8::from(fail_on.fails(results))
}
