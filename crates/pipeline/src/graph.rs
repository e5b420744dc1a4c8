//! Which model reads what, and the order that follows from it.

use std::collections::{BTreeMap, BTreeSet};

use hw_base::{DatasetName, Engine, Error, Reference, Result, SetWatch, Span, TableName, Together, in_parallel, unknown};

use crate::plan::Asking;
use crate::project::{Model, Project};

/// What a name in a model's FROM stands for.
#[derive(Clone, Debug, PartialEq, Eq)]
pub(crate) enum Read {
    /// A dataset of a source; its raw copy is read. `with_origin` keeps the columns that tell where a row came from.
    Dataset { name: String, dataset: DatasetName, with_origin: bool },
    /// Another model.
    Model(String),
}

/// The models in an order in which each comes after those it reads.
#[derive(Clone, Debug)]
pub(crate) struct Graph {
    /// The models' names in order.
    pub(crate) order: Vec<String>,
    /// What each reads.
    pub(crate) reads: BTreeMap<String, Vec<Read>>,
    /// The tables without whose rows those of a model wait in quarantine, each with the rule that says so.
    pub(crate) parents: BTreeMap<String, Vec<(String, Read)>>,
}

impl Graph {
    /// Finds out what every model reads.
    ///
    /// # Errors
    /// Every SQL text that cannot be read, every unknown table, and a circle of models.
    pub(crate) fn of(project: &Project, engine: &dyn Engine) -> Result<Self> {
        let mut errors = Vec::new();
        let mut reads = BTreeMap::new();
        let found = in_parallel(project.models.iter().collect(), |model| (model, reads_of(project, model, engine)));
        for (model, found) in found {
            match found {
                Ok(own) => drop(reads.insert(model.name.clone(), own)),
                Err(error) => errors.push(error),
            }
        }
        errors.extend(unknown_partners(project, engine)?);
        let mut parents = BTreeMap::new();
        for model in &project.models {
            match parents_of(project, model) {
                Ok(own) => drop(parents.insert(model.name.clone(), own)),
                Err(error) => errors.push(error),
            }
        }
        match Error::all(errors) {
            Some(error) => Err(error),
            None => Ok(Self { order: order(project, &reads, &parents)?, reads, parents }),
        }
    }

    /// All that has to be there before a model is built: what it reads, and what its rows wait for.
    pub(crate) fn needs(&self, model: &str) -> impl Iterator<Item = &Read> {
        let parents = self.parents.get(model).into_iter().flatten().map(|(_, read)| read);
        self.reads.get(model).into_iter().flatten().chain(parents)
    }

    /// The models that need a model, directly or through others.
    pub(crate) fn descendants(&self, name: &str) -> Vec<String> {
        let mut found: Vec<&str> = vec![name];
        // Readers come after what they read, so one pass finds them all.
        for model in &self.order {
            let reads_one = |read: &Read| matches!(read, Read::Model(other) if found.contains(&other.as_str()));
            if self.needs(model).any(reads_one) {
                found.push(model);
            }
        }
        found.into_iter().skip(1).map(str::to_owned).collect()
    }

    /// The datasets that these models read, sorted.
    pub(crate) fn datasets_of(&self, models: &[String]) -> BTreeSet<DatasetName> {
        models.iter().flat_map(|model| self.needs(model)).filter_map(Read::dataset).cloned().collect()
    }
}

impl Read {
    /// The name in the SELECT.
    pub(crate) fn name(&self) -> String {
        match self {
            Self::Dataset { name, .. } | Self::Model(name) => name.clone(),
        }
    }

    /// The dataset, if it is one.
    pub(crate) fn dataset(&self) -> Option<&DatasetName> {
        match self {
            Self::Dataset { dataset, .. } => Some(dataset),
            Self::Model(_) => None,
        }
    }
}

pub(crate) fn reads_of(project: &Project, model: &Model, engine: &dyn Engine) -> Result<Vec<Read>> {
    let mut reads = Vec::new();
    let mut errors = Vec::new();
    for reference in engine.reads(&model.sql, Some(&model.file))? {
        match resolve(project, &reference) {
            Some(read) => reads.push(read),
            None => errors.push(unknown_table(project, &model.file, &reference)),
        }
    }
    Error::all(errors).map_or(Ok(reads), Err)
}

/// Rules that look at tables which neither the project nor the warehouse knows: they can never be judged.
fn unknown_partners(project: &Project, engine: &dyn Engine) -> Result<Vec<Error>> {
    let mut errors = Vec::new();
    let of_models = project.models.iter().flat_map(|model| &model.rules);
    for rule in of_models.chain(project.dataset_rules.values().flatten()) {
        // Those that let rows wait are looked at with what a model reads.
        let Some(table) = rule.body.other_table().filter(|_| rule.set_watch().is_none()) else { continue };
        let parts: Vec<String> = table.split('.').map(str::to_owned).collect();
        if !is_known(project, engine, &parts)? {
            let error = unknown_table(project, "", &Reference { parts, line: 1, column: 1 });
            errors.push(error.within(format_args!("rule `{}`", rule.id)).moved_to(rule.span.clone()));
        }
    }
    Ok(errors)
}

/// Whether the project or the warehouse knows a table that a rule names.
pub(crate) fn is_known(project: &Project, engine: &dyn Engine, parts: &[String]) -> Result<bool> {
    match parts {
        [name] => Ok(project.model(name).is_some() || engine.has_table(&TableName::model(name))?),
        // The engine knows them by itself.
        [first, _, ..] if matches!(first.as_str(), "production" | "quarantine" | "deleted" | "reviewed") => Ok(true),
        parts => Ok(resolved(project, &parts.join(".")).is_some()),
    }
}

/// Says of a dataset that its source does not have where a model reads it.
pub fn placed_where_read(error: Error, dataset: &DatasetName, project: &Project, asking: Asking<'_>) -> Error {
    if error.known_code() != Some("HW201") || error.span().is_some() || asking.sources.datasets().contains(dataset) {
        return error;
    }
    let is_it = |reference: &Reference| resolve(project, reference).is_some_and(|read| read.dataset() == Some(dataset));
    let place = |model: &Model| {
        let references = asking.engine.reads(&model.sql, Some(&model.file)).unwrap_or_default();
        references.iter().find(|reference| is_it(reference)).map(|reference| span_of(&model.file, reference))
    };
    match project.models.iter().find_map(place) {
        Some(span) => error.at(span),
        None => error,
    }
}

/// The tables without whose rows those of a model wait in quarantine, each with the rule that says so.
fn parents_of(project: &Project, model: &Model) -> Result<Vec<(String, Read)>> {
    let mut parents = Vec::new();
    for rule in &model.rules {
        let Some(SetWatch { asks: Together::Known { table, .. }, .. }) = rule.set_watch() else { continue };
        let reference = Reference { parts: table.split('.').map(str::to_owned).collect(), line: 1, column: 1 };
        match resolved(project, &table) {
            Some(read) => parents.push((rule.id.clone(), read)),
            None => {
                return Err(unknown_table(project, &model.file, &reference)
                    .within(format_args!("rule `{}`", rule.id))
                    .moved_to(rule.span.clone()));
            }
        }
    }
    Ok(parents)
}

/// What a name stands for, as a rule writes it.
pub(crate) fn resolved(project: &Project, name: &str) -> Option<Read> {
    resolve(project, &Reference { parts: name.split('.').map(str::to_owned).collect(), line: 1, column: 1 })
}

fn resolve(project: &Project, reference: &Reference) -> Option<Read> {
    let is_source = |name: &str| project.sources.iter().any(|(source, _)| source == name);
    let parts: Vec<&str> = reference.parts.iter().map(String::as_str).collect();
    let name = reference.parts.join(".");
    match parts[..] {
        [model] if project.model(model).is_some() => Some(Read::Model(model.to_owned())),
        [source, dataset] if is_source(source) => {
            Some(Read::Dataset { name, dataset: DatasetName::new(source, dataset), with_origin: false })
        }
        ["raw", source, dataset] if is_source(source) => {
            Some(Read::Dataset { name, dataset: DatasetName::new(source, dataset), with_origin: true })
        }
        _ => None,
    }
}

pub(crate) fn unknown_table(project: &Project, file: &str, reference: &Reference) -> Error {
    let name = reference.parts.join(".");
    let models = project.models.iter().map(|model| model.name.clone());
    let sources = project.sources.iter().map(|(source, _)| format!("{source}.…"));
    let known: Vec<String> = models.chain(sources).collect();
    let error = unknown("table", &name, known.iter().map(String::as_str)).code("HW302").at(span_of(file, reference));
    match (&reference.parts[..], project.sources.first()) {
        ([one], _)
            if DatasetName::parse(one).is_some_and(|dataset| project.sources.iter().any(|(source, _)| *source == dataset.source)) =>
        {
            error.help(format!("quotes make one name of it: write `{one}` without them, or quote each part"))
        }
        ([one], Some((source, _))) => {
            error.help(format!("a dataset stands behind its source, such as `{source}.{}`", hw_base::snake_case(one)))
        }
        _ => error,
    }
}

fn span_of(file: &str, reference: &Reference) -> Span {
    let length = reference.parts.join(".").chars().count();
    Span { file: file.into(), line: reference.line, column: reference.column, length }
}

/// A depth-first order; models without a relation to each other keep their order by name.
fn order(project: &Project, reads: &BTreeMap<String, Vec<Read>>, parents: &BTreeMap<String, Vec<(String, Read)>>) -> Result<Vec<String>> {
    let mut walk = Walk { project, reads, parents, path: Vec::new(), done: BTreeSet::new(), order: Vec::with_capacity(reads.len()) };
    reads.keys().try_for_each(|name| walk.visit(name))?;
    Ok(walk.order)
}

/// A walk through the models, each after all that it needs.
struct Walk<'a> {
    project: &'a Project,
    reads: &'a BTreeMap<String, Vec<Read>>,
    parents: &'a BTreeMap<String, Vec<(String, Read)>>,
    /// The models that wait for the one that is visited.
    path: Vec<&'a str>,
    done: BTreeSet<&'a str>,
    order: Vec<String>,
}

impl<'a> Walk<'a> {
    fn visit(&mut self, name: &'a str) -> Result<()> {
        if self.done.contains(name) {
            return Ok(());
        }
        if let Some(start) = self.path.iter().position(|on_path| *on_path == name) {
            return Err(self.circle(&self.path[start..]));
        }
        self.path.push(name);
        self.models_read(name).try_for_each(|other| self.visit(other))?;
        self.models_judged_against(name).into_iter().try_for_each(|other| self.visit(other))?;
        self.path.pop();
        self.done.insert(name);
        self.order.push(name.to_owned());
        Ok(())
    }

    /// Why these models cannot be put in order.
    fn circle(&self, path: &[&str]) -> Error {
        let error = circle(self.project, path);
        let waits = path.iter().find_map(|name| self.parents.get(*name)?.iter().find(|(_, read)| path.contains(&read.name().as_str())));
        match waits {
            Some((rule, read)) => {
                error.help(format!("or let rows that break `{rule}` not wait for `{}`: `on_failure: block` or `alert`", read.name()))
            }
            None if path.len() == 1 => error
                .help("or, to add to the rows that it has, let the load do that: `load: { upsert: { key: [id] } }`")
                .help("what it has read already it need not read again: `follow: { shop.orders: updated_at }`"),
            None => error,
        }
    }

    fn models_read(&self, name: &str) -> impl Iterator<Item = &'a str> + use<'a> {
        let parents = self.parents.get(name).into_iter().flatten().map(|(_, read)| read);
        self.reads.get(name).into_iter().flatten().chain(parents).filter_map(|read| match read {
            Read::Model(other) => Some(other.as_str()),
            Read::Dataset { .. } => None,
        })
    }

    /// The models that rules of this one look at. They come first, so that a rule is judged on what this run has loaded, but
    /// for those that themselves read a model that waits: these are judged as they were.
    fn models_judged_against(&self, name: &str) -> Vec<&'a str> {
        let rules = self.project.model(name).into_iter().flat_map(|model| &model.rules);
        let others = rules.filter_map(|rule| rule.body.other_table()).filter_map(|other| self.reads.get_key_value(other.as_str()));
        others.map(|(other, _)| other.as_str()).filter(|other| !self.needs_one_that_waits(other)).collect()
    }

    fn needs_one_that_waits(&self, name: &'a str) -> bool {
        let (mut reached, mut at) = (vec![name], 0);
        while let Some(model) = reached.get(at).copied() {
            if self.path.contains(&model) {
                return true;
            }
            let further: Vec<&str> = self.models_read(model).filter(|other| !reached.contains(other)).collect();
            reached.extend(further);
            at += 1;
        }
        false
    }
}

fn circle(project: &Project, path: &[&str]) -> Error {
    let names: Vec<String> = path.iter().chain(path.first()).map(|name| format!("`{name}`")).collect();
    let error = Error::user(format!("the models form a circle: {}", names.join(" reads ")))
        .code("HW303")
        .help("move the shared part into a model of its own");
    match path.first().and_then(|name| project.model(name)) {
        Some(model) => error.at(Span { file: model.file.clone().into(), line: 1, column: 1, length: 1 }),
        None => error,
    }
}
