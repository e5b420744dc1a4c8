//! The project that a test is carried out in: the tested model and what it reads, with given rows in place of sources and models.

use std::collections::{BTreeMap, BTreeSet};

use hw_base::{DatasetName, Engine, Error, LooseRows, Node, Result, Settings, SettingsMap, qualified, unknown};
use hw_validate::Rule;

use super::{Named, UnitTest};
use crate::graph::{Read, reads_of};
use crate::project::{Model, Project, fingerprint};
use crate::push_down::ModelEngine;
use crate::settings::ModelSettings;

/// The source that holds the rows given for models.
pub const GIVEN: &str = "_given";

/// The word that leaves out every rule.
const ALL: &str = "all";

/// A table whose rows are given.
#[derive(Clone, Debug)]
pub struct GivenTable {
    /// The dataset that the test's project reads.
    pub dataset: DatasetName,
    /// What the test calls it: `shop.orders`, or the name of a model.
    pub name: String,
    /// The settings of its source; `None` where it stands for a model.
    pub source: Option<Settings>,
    /// Types that the test declares.
    pub types: Vec<(Named, Named)>,
    /// The rows of each delivery; `None` where nothing of it is delivered.
    pub deliveries: Vec<Option<LooseRows>>,
}

/// The project of a test.
#[derive(Clone, Debug)]
pub struct Rehearsal {
    /// The project: no more than the test needs.
    pub project: Project,
    /// The tables whose rows are given.
    pub given: Vec<GivenTable>,
    /// Rules that are not judged because they look at a table that is not given, each with that table.
    pub left_out: Vec<(String, String)>,
}

impl Rehearsal {
    /// The project of `test`: the model, what it reads down to given rows, and what its rules look at where that is given.
    ///
    /// # Errors
    /// Each with its place: an unknown model, a dataset that is read and not given, rows that nobody reads, unknown rules.
    pub fn of(project: &Project, test: &UnitTest, engine: &dyn Engine) -> Result<Self> {
        let tested = project.model(&test.model.name).ok_or_else(|| {
            let known = project.models.iter().map(|model| model.name.as_str());
            unknown("model", &test.model.name, known).code("HW302").moved_to(test.model.span.clone())
        })?;
        let mut needs = Needs { project, test, engine, models: BTreeMap::new(), given: BTreeSet::new(), read: BTreeSet::new() };
        needs.model(tested)?;
        let left_out = needs.tables_of_rules(tested);
        needs.refuse_unread()?;
        needs.rehearsal(left_out)
    }
}

/// What a test needs of its project.
struct Needs<'a> {
    project: &'a Project,
    test: &'a UnitTest,
    engine: &'a dyn Engine,
    /// The models, given ones among them.
    models: BTreeMap<&'a str, Model>,
    /// The models whose rows are given.
    given: BTreeSet<&'a str>,
    /// The datasets.
    read: BTreeSet<DatasetName>,
}

impl<'a> Needs<'a> {
    fn is_given(&self, name: &str) -> bool {
        self.test.steps.iter().any(|step| step.given.contains_key(name))
    }

    fn model(&mut self, model: &'a Model) -> Result<()> {
        if self.models.contains_key(model.name.as_str()) {
            return Ok(());
        }
        if self.is_given(&model.name) && model.name != self.test.model.name {
            self.given.insert(&model.name);
            self.models.insert(&model.name, stand_in(model));
            return Ok(());
        }
        let with_members = self.with_given_members(model);
        self.models.insert(&model.name, with_members);
        for read in reads_of(self.project, model, self.engine)? {
            match read {
                Read::Model(name) => self.project.model(&name).map_or(Ok(()), |other| self.model(other))?,
                Read::Dataset { dataset, .. } if self.is_given(&dataset.to_string()) => drop(self.read.insert(dataset)),
                Read::Dataset { dataset, .. } => return Err(self.not_given(&dataset, model)),
            }
        }
        Ok(())
    }

    /// The model, inferring members where rows of a dataset are given that names them.
    fn with_given_members(&mut self, model: &Model) -> Model {
        let mut model = model.clone();
        model.settings.infer.retain(|dataset, _| self.test.steps.iter().any(|step| step.given.contains_key(dataset)));
        self.read.extend(model.settings.infer.keys().filter_map(|dataset| DatasetName::parse(dataset)));
        model
    }

    fn not_given(&self, dataset: &DatasetName, model: &Model) -> Error {
        let error = Error::user(format!("`{}` reads `{dataset}`, which is not given", model.name)).code("HW308");
        let error = error.help(format!("give it rows: `given: {{ {dataset}: [ … ] }}`, or `[]` for none"));
        let error = if model.name == self.test.model.name {
            error
        } else {
            error.help(format!("or give the rows of `{}` in its place", model.name))
        };
        error.moved_to(self.test.span.clone())
    }

    /// Adds what the rules of the tested model look at, where it is given. Returns the rules for which it is not.
    fn tables_of_rules(&mut self, tested: &Model) -> Vec<(String, String)> {
        let mut left_out = Vec::new();
        for (rule, table) in tested.rules.iter().filter_map(|rule| Some((rule, rule.body.other_table()?))) {
            let dataset = DatasetName::parse(table.strip_prefix("raw.").unwrap_or(&table));
            match (self.project.model(&table), dataset) {
                (Some(model), _) if self.is_given(&table) => {
                    // The rows of a given model are read from nowhere else, so nothing can be missing.
                    let _ = self.model(model);
                }
                (None, Some(dataset)) if self.is_given(&dataset.to_string()) => drop(self.read.insert(dataset)),
                _ if self.models.contains_key(table.as_str()) => {}
                _ => left_out.push((rule.id.clone(), table)),
            }
        }
        left_out
    }

    /// Refuses rows that nobody reads: a name is mistyped, or the test has grown old.
    fn refuse_unread(&self) -> Result<()> {
        let given = self.test.steps.iter().flat_map(|step| step.given.values().map(|(name, _)| name));
        let read: Vec<String> = self.models.keys().map(ToString::to_string).chain(self.read.iter().map(ToString::to_string)).collect();
        let is_read = |name: &Named| name.name != self.test.model.name && read.contains(&name.name);
        Error::all(given.filter(|name| !is_read(name)).map(|name| self.unread(name, &read)).collect()).map_or(Ok(()), Err)
    }

    fn unread(&self, name: &Named, read: &[String]) -> Error {
        let model = &self.test.model.name;
        let error = if name.name == *model {
            Error::user(format!("`{model}` is the model that is tested")).help("give its rows before the first delivery under `before:`")
        } else {
            let known = read.iter().map(String::as_str).filter(|known| known != model);
            unknown("table", &name.name, known).because(format!("neither `{model}` nor what it needs reads it"))
        };
        error.code("HW302").moved_to(name.span.clone())
    }

    fn rehearsal(self, left_out: Vec<(String, String)>) -> Result<Rehearsal> {
        let mut left_out_rules: BTreeSet<&str> = left_out.iter().map(|(rule, _)| rule.as_str()).collect();
        left_out_rules.extend(self.test.without_rules.iter().map(|rule| rule.name.as_str()));
        self.refuse_unknown_rules()?;
        let keep = |rules: &[Rule]| -> Vec<Rule> {
            let is_kept = |rule: &&Rule| !left_out_rules.contains(rule.id.as_str()) && !left_out_rules.contains(ALL);
            rules.iter().filter(is_kept).cloned().collect()
        };
        // A test reaches no database: the engine builds what is built inside one, and nothing is delivered.
        let here = |model: &Model| ModelSettings { deliver: None, engine: ModelEngine::default(), ..model.settings.clone() };
        let models = self.models.values();
        let models = models.map(|model| Model { rules: keep(&model.rules), settings: here(model), ..model.clone() }).collect();
        let of_dataset = |dataset: &DatasetName| Some((dataset.clone(), keep(self.project.dataset_rules.get(dataset)?)));
        let dataset_rules = self.read.iter().filter_map(of_dataset).collect();
        let mut sources = self.project.sources.clone();
        sources.push((GIVEN.to_owned(), empty()));
        let project = Project { sources, models, dataset_rules, ..self.project.clone() };
        Ok(Rehearsal { project, given: self.given_tables(), left_out })
    }

    fn given_tables(&self) -> Vec<GivenTable> {
        let models = self.given.iter().map(|name| (DatasetName::new(GIVEN, *name), (*name).to_owned(), None));
        let source = |dataset: &DatasetName| self.project.sources.iter().find(|(name, _)| *name == dataset.source);
        let datasets =
            self.read.iter().map(|dataset| (dataset.clone(), dataset.to_string(), source(dataset).map(|(_, settings)| settings.clone())));
        let table = |(dataset, name, source): (DatasetName, String, Option<Settings>)| {
            let deliveries = self.test.steps.iter().map(|step| step.given.get(&name).map(|(_, rows)| rows.clone())).collect();
            GivenTable { dataset, source, types: self.test.types.get(&name).cloned().unwrap_or_default(), deliveries, name }
        };
        models.chain(datasets).map(table).collect()
    }

    /// Refuses names of rules that neither a model nor a dataset of the test has.
    fn refuse_unknown_rules(&self) -> Result<()> {
        let of_models = self.models.values().flat_map(|model| &model.rules);
        let of_datasets = self.read.iter().filter_map(|dataset| self.project.dataset_rules.get(dataset)).flatten();
        let known: Vec<&str> = of_models.chain(of_datasets).map(|rule| rule.id.as_str()).collect();
        let expected = self.test.steps.iter().flat_map(|step| [&step.expect.blocked_by, &step.expect.broken]).flatten().flatten();
        let of_test = self.test.without_rules.iter().filter(|rule| rule.name != ALL).chain(expected);
        let error = |rule: &Named| unknown("rule", &rule.name, known.iter().copied()).code("HW302").moved_to(rule.span.clone());
        Error::all(of_test.filter(|rule| !known.contains(&rule.name.as_str())).map(error).collect()).map_or(Ok(()), Err)
    }
}

/// A model whose table is the rows that are given for it.
fn stand_in(model: &Model) -> Model {
    let sql = format!("select * from {}", qualified([GIVEN, model.name.as_str()]));
    Model {
        name: model.name.clone(),
        fingerprint: fingerprint(&[&sql]),
        sql,
        file: model.file.clone(),
        settings: ModelSettings::default(),
        rules: vec![],
        contract: None,
        yaml: empty(),
    }
}

fn empty() -> Settings {
    Settings { node: Node::Map(SettingsMap::default()), span: None }
}
