//! Which models a command is about, as a person writes it: `fact_orders` alone, `+fact_orders` with the models that it reads,
//! `fact_orders+` with those that read it, `+fact_orders+` with both. One reading serves every command that takes names of models.

use std::collections::{BTreeMap, BTreeSet};
use std::fmt;
use std::str::FromStr;

use hw_base::{Error, Result, unknown};

use crate::graph::{Graph, Read};
use crate::project::Project;

/// What a plan is made for.
#[derive(Clone, Debug, Default)]
pub struct Selection {
    /// Only these models and what comes with them; all where empty.
    pub models: Vec<Selected>,
    /// Build the named models anew.
    pub rebuild: bool,
}

/// A model that was named, and which others come with it.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Selected {
    name: String,
    with_read: bool,
    with_readers: bool,
}

impl Selected {
    /// A model with all that it reads, which is what its bare name means where a command takes names; `NAME+` adds what reads it.
    ///
    /// # Errors
    /// HW107 where no name is left.
    pub fn with_what_it_reads(text: &str) -> Result<Self> {
        text.parse().map(|selected| Self { with_read: true, ..selected })
    }

    /// The model that was named.
    pub fn name(&self) -> &str {
        &self.name
    }

    /// The models that are meant, without those that they read: the named one, and what reads it where that was asked for.
    fn meant(&self, graph: &Graph) -> Vec<String> {
        let readers = if self.with_readers { graph.descendants(&self.name) } else { vec![] };
        std::iter::once(self.name.clone()).chain(readers).collect()
    }
}

impl FromStr for Selected {
    type Err = Error;

    fn from_str(text: &str) -> Result<Self> {
        let (name, with_read) = text.strip_prefix('+').map_or((text, false), |rest| (rest, true));
        let (name, with_readers) = name.strip_suffix('+').map_or((name, false), |rest| (rest, true));
        if name.is_empty() || name.starts_with('+') || name.ends_with('+') {
            return Err(Error::user(format!("`{text}` selects no model"))
                .code("HW107")
                .help("write `NAME`, `+NAME` with the models that it reads, `NAME+` with those that read it, or `+NAME+`"));
        }
        Ok(Self { name: name.to_owned(), with_read, with_readers })
    }
}

impl fmt::Display for Selected {
    fn fmt(&self, out: &mut fmt::Formatter<'_>) -> fmt::Result {
        let sign = |is_there| if is_there { "+" } else { "" };
        write!(out, "{}{}{}", sign(self.with_read), self.name, sign(self.with_readers))
    }
}

impl Selection {
    /// Models of these names with all that they read.
    pub fn of_models(names: impl IntoIterator<Item = String>) -> Self {
        let models = names.into_iter().map(|name| Selected { name, with_read: true, with_readers: false }).collect();
        Self { models, rebuild: false }
    }

    /// Whether a model was chosen by name, or stands in no list because all are.
    pub(crate) fn names(&self, model: &str) -> bool {
        self.models.is_empty() || self.models.iter().any(|chosen| chosen.name == model)
    }

    /// The selected models, each after those that it reads.
    ///
    /// # Errors
    /// HW302 for names that no model has.
    pub(crate) fn selected(&self, project: &Project, graph: &Graph) -> Result<Vec<String>> {
        self.refuse_unknown(project)?;
        let mut wanted = BTreeSet::new();
        for chosen in &self.models {
            let meant = chosen.meant(graph);
            if chosen.with_read {
                wanted.extend(with_ancestors(graph, meant.clone()));
            }
            wanted.extend(meant);
        }
        let is_wanted = |name: &&String| self.models.is_empty() || wanted.contains(*name);
        Ok(graph.order.iter().filter(is_wanted).cloned().collect())
    }

    /// The models that are meant, each after those that it reads and saying whether what it reads comes with it.
    ///
    /// # Errors
    /// HW302 for names that no model has.
    pub(crate) fn meant(&self, project: &Project, graph: &Graph) -> Result<Vec<Selected>> {
        self.refuse_unknown(project)?;
        let mut meant: BTreeMap<String, bool> = BTreeMap::new();
        for chosen in &self.models {
            for name in chosen.meant(graph) {
                *meant.entry(name).or_default() |= chosen.with_read;
            }
        }
        let with_read = |name: &String| if self.models.is_empty() { Some(true) } else { meant.get(name).copied() };
        let selected = |name: &String| Some(Selected { name: name.clone(), with_read: with_read(name)?, with_readers: false });
        Ok(graph.order.iter().filter_map(selected).collect())
    }

    fn refuse_unknown(&self, project: &Project) -> Result<()> {
        let known = || project.models.iter().map(|model| model.name.as_str());
        let foreign = self.models.iter().filter(|chosen| project.model(&chosen.name).is_none());
        let errors = foreign.map(|chosen| unknown("model", &chosen.name, known()).code("HW302")).collect();
        Error::all(errors).map_or(Ok(()), Err)
    }
}

/// The models that a selection is about, each after those that it reads.
///
/// # Errors
/// SQL that cannot be read, and HW302 for names that no model has.
pub fn selected_models(project: &Project, engine: &dyn hw_base::Engine, selection: &Selection) -> Result<Vec<String>> {
    selection.selected(project, &Graph::of(project, engine)?)
}

/// These models and all that they read, directly or not.
fn with_ancestors(graph: &Graph, mut models: Vec<String>) -> Vec<String> {
    let mut at = 0;
    while let Some(name) = models.get(at).cloned() {
        for read in graph.needs(&name) {
            if let Read::Model(other) = read
                && !models.contains(other)
            {
                models.push(other.clone());
            }
        }
        at += 1;
    }
    models
}
