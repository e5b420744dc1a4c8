//! Environments: what changed code builds for itself, on top of what production has built.
//!
//! A table that would come out as it is in production is read there; nothing is copied. A model whose definition differs, and every model that
//! reads one which is built here, is built in the environment. Sources are asked only for datasets that production has not extracted in a way
//! that would do.

use std::collections::BTreeMap;

use hw_base::{Engine, Ledger, Progress, Result, TableName};

use crate::definition;
use crate::graph::{Graph, Read};
use crate::plan::why_own;
use crate::project::{Model, Project, fingerprint};

/// An environment of a project.
#[derive(Clone, Debug)]
pub struct Environment {
    /// Its name.
    pub name: String,
    /// The tables that it builds, and why.
    own: BTreeMap<TableName, Own>,
}

/// A table that an environment builds.
#[derive(Clone, Debug)]
struct Own {
    /// Why it is not read from production.
    why: String,
    /// Where production stands with it, as its ledger knows.
    in_production: Option<Progress>,
}

impl Environment {
    /// Finds out what an environment has to build, by what `production` has built. Nothing is read but the ledger.
    ///
    /// # Errors
    /// SQL that cannot be read, and a ledger that cannot.
    pub fn of(name: &str, project: &Project, engine: &dyn Engine, production: &dyn Ledger) -> Result<Self> {
        let graph = Graph::of(project, engine)?;
        let progress = production.all_progress()?;
        let standing = |table: &TableName| match progress.get(table.folder()) {
            Some(at) => engine.has_table(table).map(|is_there| is_there.then_some(at)),
            None => Ok(None),
        };
        let in_production = |table: &TableName| progress.get(table.folder()).cloned();
        let mut own = BTreeMap::new();
        for dataset in graph.datasets_of(&graph.order) {
            let table = TableName::raw(&dataset);
            if let Some(why) = why_own(project, engine, &dataset, (standing(&table)?, production))? {
                own.insert(table.clone(), Own { why, in_production: in_production(&table) });
            }
        }
        for model in graph.order.iter().filter_map(|name| project.model(name)) {
            let table = TableName::model(&model.name);
            let built = graph.reads.get(&model.name).into_iter().flatten().map(table_of).find(|read| own.contains_key(read));
            let why = match (standing(&table)?, built) {
                (None, _) => "production has not built it".into(),
                (Some(at), _) if at.fingerprint != model.fingerprint => differs(production, model)?,
                (Some(_), Some(read)) => format!("it reads {read}, which is built here"),
                (Some(_), None) => continue,
            };
            own.insert(table.clone(), Own { why, in_production: in_production(&table) });
        }
        Ok(Self { name: name.to_owned(), own })
    }

    /// The tables that it builds. It reads all others from production.
    pub fn own(&self) -> impl Iterator<Item = &TableName> {
        self.own.keys()
    }

    /// Whether it builds a table.
    pub(crate) fn builds(&self, table: &TableName) -> bool {
        self.own.contains_key(table)
    }

    /// Why it builds a table.
    pub(crate) fn why(&self, table: &TableName) -> Option<&str> {
        Some(self.own.get(table)?.why.as_str())
    }

    /// Where production stands with a table that is built here, as its ledger knows: production may have lost it since.
    pub(crate) fn in_production(&self, table: &TableName) -> Option<&Progress> {
        self.own.get(table)?.in_production.as_ref()
    }

    /// A hash of what defines a model here: its definition, and which of its inputs are built here too.
    pub(crate) fn fingerprint(&self, model: &Model, reads: &[Read]) -> String {
        let own: Vec<TableName> = reads.iter().map(table_of).filter(|table| self.builds(table)).collect();
        let texts: Vec<&str> = std::iter::once(model.fingerprint.as_str()).chain(own.iter().map(TableName::folder)).collect();
        if own.is_empty() { model.fingerprint.clone() } else { fingerprint(&texts) }
    }
}

/// In what a model differs from the one that production has built.
fn differs(production: &dyn Ledger, model: &Model) -> Result<String> {
    let before = definition::noted(production, &model.name)?;
    let changes = before.and_then(|before| definition::changes_of_model(&before, &definition::of_model(model)));
    Ok(format!("it differs from production's{}", changes.map(|changes| format!(": {changes}")).unwrap_or_default()))
}

/// The table that a name in a SELECT stands for.
fn table_of(read: &Read) -> TableName {
    match read {
        Read::Dataset { dataset, .. } => TableName::raw(dataset),
        Read::Model(name) => TableName::model(name),
    }
}
