//! A project: its models with their settings and rules, and the sources they may read.

use std::collections::BTreeMap;
use std::path::PathBuf;

use hw_base::{DatasetName, Error, Node, Result, Settings, SettingsMap, Span, TableName, TimeSpan, Tolerance, in_parallel};
use hw_validate::{Rule, Slo};

use crate::contracts::{Contracts, Promised, Unchecked};
use crate::contradictions;
use crate::deliver;
use crate::environment::Environment;
use crate::members;
use crate::promises::slos;
use crate::settings::{Load, ModelSettings, ProjectSettings, Recompute};

/// The files of a project, read but not yet understood.
#[derive(Clone, Debug)]
pub struct ProjectText {
    /// The folder.
    pub root: PathBuf,
    /// `headworks.yaml`.
    pub settings: Settings,
    /// The models.
    pub models: Vec<ModelText>,
    /// The rules of source datasets, by file stem: `shop.orders`.
    pub rules: Vec<(String, Settings)>,
    /// The files of contracts, by path: `contracts/orders.odcs.yaml`.
    pub contracts: Vec<(String, String)>,
}

/// The files of a model.
#[derive(Clone, Debug)]
pub struct ModelText {
    /// Its name: the file's stem.
    pub name: String,
    /// Its SELECT.
    pub sql: String,
    /// The file of the SELECT, relative to the project.
    pub file: String,
    /// Its YAML.
    pub settings: Option<Settings>,
}

/// A project.
#[derive(Clone, Debug)]
pub struct Project {
    /// The folder.
    pub root: PathBuf,
    /// What `headworks.yaml` says.
    pub settings: ProjectSettings,
    /// Where the warehouse lies, as the connectors read it; where they say, if nothing is said.
    pub warehouse: Option<Settings>,
    /// The sources, as the connectors read them.
    pub sources: Vec<(String, Settings)>,
    /// How long the extraction of a dataset may take, by source.
    pub timeouts: BTreeMap<String, TimeSpan>,
    /// The databases that models are delivered to, as the connectors read them.
    pub targets: Vec<(String, Settings)>,
    /// The models, in the order of their names.
    pub models: Vec<Model>,
    /// The rules of source datasets.
    pub dataset_rules: BTreeMap<DatasetName, Vec<Rule>>,
    /// What is promised, and measured after every run.
    pub slos: Vec<Slo>,
    /// What contracts promise and no run checks.
    pub unchecked: Vec<Unchecked>,
    /// The environment that the project is built in; production where there is none.
    pub environment: Option<Environment>,
}

/// A model.
#[derive(Clone, Debug)]
pub struct Model {
    /// Its name, and its table's.
    pub name: String,
    /// Its SELECT.
    pub sql: String,
    /// The file of the SELECT, relative to the project.
    pub file: String,
    /// How it is loaded and kept.
    pub settings: ModelSettings,
    /// What its rows must keep to.
    pub rules: Vec<Rule>,
    /// A hash of everything that defines it.
    pub fingerprint: String,
    /// A hash of its contract, where it has one.
    pub contract: Option<String>,
    /// Its YAML, for the places of what stands in it.
    pub yaml: Settings,
}

/// How many malformed records are tolerated where nothing is said.
pub const MALFORMED_TOLERANCE: Tolerance = Tolerance::Share(hw_base::Share(0.01));

impl ProjectText {
    /// The sources with the settings of their connectors, whatever else is wrong with the project.
    pub fn sources(&self) -> Vec<(String, Settings)> {
        of_connectors(entries(&self.settings, "sources").unwrap_or_default())
    }
}

impl Project {
    /// Understands the files of a project.
    ///
    /// # Errors
    /// All problems of all files in one error.
    pub fn read(text: &ProjectText) -> Result<Self> {
        let mut errors = Vec::new();
        let mut keep = |error: Error| errors.push(error);
        let sources = entries(&text.settings, "sources").map_err(&mut keep).unwrap_or_default();
        let targets = entries(&text.settings, "targets").map_err(&mut keep).unwrap_or_default();
        let timeouts = timeouts_of(&sources).map_err(&mut keep).unwrap_or_default();
        let sources = of_connectors(sources);
        let settings = without(&without(&text.settings, "sources"), "targets").read::<ProjectSettings>().map_err(&mut keep).ok();
        let contracts = Contracts(&text.contracts);
        let mut unchecked = Vec::new();
        let mut models = Vec::with_capacity(text.models.len());
        for model in in_parallel(text.models.iter().collect(), |model| Model::read(model, &contracts)) {
            match model {
                Ok((model, rest)) => {
                    models.push(model);
                    unchecked.extend(rest);
                }
                Err(error) => errors.push(error),
            }
        }
        models.sort_by(|one, other| one.name.cmp(&other.name));
        let mut dataset_rules = BTreeMap::new();
        errors.extend(sources.iter().filter_map(|(name, settings)| check_name("source", name, settings.span.clone()).err()));
        errors.extend(targets.iter().filter_map(|(name, settings)| check_name("target", name, settings.span.clone()).err()));
        errors.extend(deliver::misfits(&models, &targets));
        for (stem, rules) in &text.rules {
            match read_dataset_rules(stem, rules, &sources, &contracts) {
                Ok((dataset, promised)) => {
                    unchecked.extend(promised.unchecked);
                    dataset_rules.insert(dataset, promised.rules);
                }
                Err(error) => errors.push(error),
            }
        }
        match (Error::all(errors), settings) {
            (None, Some(settings)) => {
                let slos = slos(&text.settings, &settings, &models, &dataset_rules)?;
                Ok(Self {
                    root: text.root.clone(),
                    settings,
                    warehouse: text.settings.get("warehouse").cloned(),
                    sources,
                    timeouts,
                    targets,
                    models,
                    dataset_rules,
                    slos,
                    unchecked,
                    environment: None,
                })
            }
            (Some(error), _) => Err(error),
            (None, None) => Err(Error::bug("a project was refused without a reason")),
        }
    }

    /// The model of that name.
    pub fn model(&self, name: &str) -> Option<&Model> {
        self.models.binary_search_by(|model| model.name.as_str().cmp(name)).ok().map(|at| &self.models[at])
    }

    /// Whether a table holds what waits in quarantine of a model or dataset of the project, and not of one that it had once.
    pub fn has_in_quarantine(&self, table: &TableName) -> bool {
        let Some(of) = table.folder().strip_prefix("quarantine/") else { return false };
        self.model(of).is_some() || of.split_once('.').is_some_and(|(source, _)| self.sources.iter().any(|(name, _)| name == source))
    }

    /// Whether a table is production's, which the environment that the project is built in only reads.
    pub(crate) fn borrows(&self, table: &TableName) -> bool {
        self.environment.as_ref().is_some_and(|environment| !environment.builds(table))
    }

    /// How many malformed records a dataset's source tolerates.
    pub fn malformed_tolerance(&self, dataset: &DatasetName) -> Tolerance {
        let source = self.sources.iter().find(|(name, _)| *name == dataset.source);
        let connector = source.and_then(|(_, settings)| settings.entries().first());
        let setting = connector.and_then(|entry| entry.value.get("malformed"));
        setting.and_then(|setting| setting.read().ok()).unwrap_or(MALFORMED_TOLERANCE)
    }
}

/// What is left of the settings of sources for their connectors to read.
fn of_connectors(sources: Vec<(String, Settings)>) -> Vec<(String, Settings)> {
    sources.into_iter().map(|(name, settings)| (name, without(&settings, "timeout"))).collect()
}

fn without(settings: &Settings, key: &str) -> Settings {
    let entries = settings.entries().iter().filter(|entry| entry.key != key).cloned().collect();
    Settings { node: Node::Map(SettingsMap(entries)), span: settings.span.clone() }
}

/// The names of models' tables that the warehouse needs for folders of its own.
const FOLDERS: [&str; 5] = ["deleted", "preview", "quarantine", "raw", "reviewed"];

/// Names stand in SQL without quotes: they are made of lower-case letters, digits and underscores.
fn check_name(what: &str, name: &str, span: Option<Span>) -> Result<()> {
    let is_plain = |c: char| c == '_' || c.is_numeric() || (c.is_alphabetic() && !c.is_uppercase());
    let error = if FOLDERS.contains(&name) {
        Error::user(format!("a {what} cannot be named `{name}`"))
            .because("Headworks keeps tables of its own under that name")
            .help(format!("rename it, for instance to `{name}_data`"))
    } else if name.is_empty() || name.starts_with(char::is_numeric) || !name.chars().all(is_plain) {
        Error::user(format!("`{name}` is no name of a {what}"))
            .because("names are made of lower-case letters, digits and `_`, and start with a letter or `_`, so that SQL takes them without quotes")
            .help(format!("rename it to `{}`", hw_base::snake_case(name)))
    } else {
        return Ok(());
    };
    let error = error.code("HW104");
    Err(match span {
        Some(span) => error.at(span),
        None => error,
    })
}

/// The sources or the targets of a project: names with settings.
fn entries(project: &Settings, key: &str) -> Result<Vec<(String, Settings)>> {
    let Some(settings) = project.get(key) else { return Ok(vec![]) };
    if !matches!(settings.node, Node::Map(_) | Node::Null) {
        let (what, example) = if key == "targets" { ("target", "postgres: { url: … }") } else { ("source", "csv: { path: … }") };
        let error = Error::user(format!("`{key}` holds no names with settings"))
            .code("HW104")
            .help(format!("write each {what} as `NAME: {{ {example} }}`, without `-` before it"));
        return Err(match &settings.span {
            Some(span) => error.at(span.clone()),
            None => error,
        });
    }
    Ok(settings.entries().iter().map(|entry| (entry.key.clone(), entry.value.clone())).collect())
}

/// How long each source may take, which stands beside its kind.
fn timeouts_of(sources: &[(String, Settings)]) -> Result<BTreeMap<String, TimeSpan>> {
    let limited = sources.iter().filter_map(|(name, settings)| Some((name.clone(), settings.get("timeout")?)));
    let read = |(name, timeout): (String, &Settings)| {
        let span = timeout.read()?;
        match contradictions::no_time(span, &name) {
            Some(error) => Err(error.moved_to(timeout.span.clone())),
            None => Ok((name, span)),
        }
    };
    limited.map(read).collect()
}

fn read_dataset_rules<'c>(
    stem: &str,
    settings: &Settings,
    sources: &[(String, Settings)],
    contracts: &Contracts<'c>,
) -> Result<(DatasetName, Promised<'c>)> {
    let dataset = DatasetName::parse(stem).ok_or_else(|| {
        Error::user(format!("`rules/{stem}.yaml` names no dataset"))
            .code("HW104")
            .help("name the file after source and dataset: `rules/shop.orders.yaml`")
    })?;
    if !sources.iter().any(|(source, _)| *source == dataset.source) {
        let known = sources.iter().map(|(source, _)| source.as_str());
        return Err(hw_base::unknown("source", &dataset.source, known).code("HW201").within(format_args!("`rules/{stem}.yaml`")));
    }
    let keys = ["rules", "contract", "description"];
    if let Some(entry) = settings.entries().iter().find(|entry| !keys.contains(&entry.key.as_str())) {
        let error = hw_base::unknown("key", &entry.key, keys).code("HW102");
        return Err(match &entry.key_span {
            Some(span) => error.at(span.clone()),
            None => error,
        });
    }
    let promised = contracts.rules(settings, &[stem, &dataset.dataset])?;
    Ok((dataset, promised))
}

/// What does not change the rows of a table: what is promised about it, how long it may take, where copies of it lie, and how often its source
/// is asked for the same.
pub(crate) const NOT_OF_ROWS: [&str; 4] = ["slo", "timeout", "deliver", "lookback"];

impl Model {
    fn read(text: &ModelText, contracts: &Contracts<'_>) -> Result<(Self, Vec<Unchecked>)> {
        check_name("model", &text.name, Some(Span { file: text.file.clone().into(), line: 1, column: 1, length: 1 }))?;
        let empty = Settings { node: Node::Map(SettingsMap::default()), span: None };
        let yaml = text.settings.as_ref().unwrap_or(&empty);
        let settings = without(yaml, "rules").read::<ModelSettings>();
        let (settings, promised) = match (settings, contracts.rules(yaml, &[&text.name])) {
            (Ok(settings), Ok(promised)) => (settings, promised),
            (Err(first), Err(second)) => return Err(Error::all(vec![first, second]).unwrap_or_else(|| Error::bug("two errors are none"))),
            (Err(error), _) | (_, Err(error)) => return Err(error),
        };
        let mut errors = twice(&text.name, yaml, &settings);
        errors.extend(contradictions::of_model(&text.name, &settings, yaml));
        if let Err(error) = settings.partition_by.columns() {
            errors.push(error.moved_to(place(yaml, &["partition_by"], 0)));
        }
        if let Some(error) = Error::all(errors) {
            return Err(error);
        }
        if settings.load.needs_key() && settings.load.key().is_empty() {
            let load = settings.load.name();
            let error = Error::user(format!("`{}` is loaded by `{load}` without a key", text.name))
                .code("HW103")
                .help(format!("name the columns that identify a row: `{load}: {{ key: [order_id] }}`"));
            return Err(match yaml.get("load").and_then(|load| load.span.clone()) {
                Some(span) => error.at(span),
                None => error,
            });
        }
        if let Some(error) = Error::all(members::misfits(&text.name, &settings, yaml)) {
            return Err(error);
        }
        if let Load::Recompute(recompute) = &settings.load {
            refuse_unpartitioned(&text.name, &settings, recompute).map_err(|error| error.moved_to(place(yaml, &["load"], 0)))?;
        }
        let yaml_text = NOT_OF_ROWS.iter().fold(yaml.clone(), |yaml, key| without(&yaml, key)).to_json().to_string();
        let definition: Vec<&str> = [text.sql.as_str(), &yaml_text].into_iter().chain(promised.contract).collect();
        let model = Self {
            name: text.name.clone(),
            sql: text.sql.clone(),
            file: text.file.clone(),
            settings,
            rules: promised.rules,
            fingerprint: fingerprint(&definition),
            contract: promised.contract.map(|text| fingerprint(&[text])),
            yaml: yaml.clone(),
        };
        Ok((model, promised.unchecked))
    }

    /// Where a setting stands in the YAML: the value below these keys, or its item of that number where it is a list.
    pub(crate) fn place(&self, keys: &[&str], item: usize) -> Option<Span> {
        place(&self.yaml, keys, item)
    }
}

/// What is rebuilt in part has parts, and what tells the part of a row tells it whole.
fn refuse_unpartitioned(model: &str, settings: &ModelSettings, recompute: &Recompute) -> Result<()> {
    let columns = settings.partition_by.columns()?.len();
    if columns == 0 {
        return Err(Error::user(format!("`{model}` is loaded by `recompute`, and has no partitions"))
            .code("HW103")
            .help("say what they are: `partition_by: month(order_date)`; or replace the whole table: `load: replace`"));
    }
    for (input, told) in &recompute.from {
        let told = told.columns()?.len();
        if told != columns {
            return Err(Error::user(format!("`{model}` has {columns} partition columns, and {told} are told from `{input}`"))
                .code("HW104")
                .help("write what tells each of them, in the order of `partition_by`"));
        }
    }
    Ok(())
}

pub(crate) fn place(yaml: &Settings, keys: &[&str], item: usize) -> Option<Span> {
    let mut found = yaml;
    for key in keys {
        found = found.get(key)?;
    }
    found.items().get(item).unwrap_or(found).span.clone()
}

/// The columns that a key or the partitions name twice.
fn twice(model: &str, yaml: &Settings, settings: &ModelSettings) -> Vec<Error> {
    let load = &settings.load;
    let lists = [("key", load.key(), vec!["load", load.name(), "key"]), ("partition_by", &settings.partition_by.0, vec!["partition_by"])];
    let mut errors = Vec::new();
    for (what, names, keys) in &lists {
        for (at, name) in names.iter().enumerate().filter(|(at, name)| names[..*at].contains(name)) {
            errors.push(
                Error::user(format!("`{name}` stands twice in `{what}` of `{model}`"))
                    .code("HW304")
                    .help("keep one of them")
                    .moved_to(place(yaml, keys, at)),
            );
        }
    }
    errors
}

/// A hash of texts that is the same in every process and version (FNV-1a, 64 bits).
pub fn fingerprint(texts: &[&str]) -> String {
    let mut hash: u64 = 0xcbf2_9ce4_8422_2325;
    for text in texts {
        for byte in text.bytes().chain([0]) {
            hash = (hash ^ u64::from(byte)).wrapping_mul(0x0100_0000_01b3);
        }
    }
    format!("{hash:016x}")
}
