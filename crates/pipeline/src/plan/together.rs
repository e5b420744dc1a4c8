//! Rules on rows together that put rows into quarantine: which of them a load can go by, and the tables that rows wait for.

use hw_base::{Column, Error, Result, TableName, Together, identifier, unknown};
use hw_validate::Rule;

use super::model::Planning;
use super::{Extent, Parent, ReadFrom};
use crate::graph::Read;
use crate::settings::Load;

/// Refuses rules of a dataset that would put rows into quarantine because of other rows: what a source delivers again is there again.
pub(super) fn refuse_of_dataset(rules: &[Rule]) -> Result<()> {
    let refused = |rule: &Rule| {
        Error::user(format!("`{}` looks at rows together, and cannot keep rows of a source out of its raw copy", rule.id))
            .code("HW605")
            .because("a raw copy holds what was delivered, batch by batch; what a row refers to and what repeats it may come and go")
            .help("give the rule to the model that reads the dataset: its table is judged as a whole")
            .help("or use `on_failure: alert` or `block` here")
            .moved_to(rule.span.clone())
    };
    Error::all(rules.iter().filter(|rule| rule.set_watch().is_some()).map(refused).collect()).map_or(Ok(()), Err)
}

/// Why a rule finds no row in another table, which has these columns.
pub(super) fn unknown_partner(rule: &Rule, known: &[Column]) -> Option<Error> {
    let Together::Known { table, columns } = rule.set_watch()?.asks else { return None };
    let missing = columns.iter().find(|column| known.iter().all(|known| known.name != **column))?;
    let error = unknown("column", missing, known.iter().map(|column| column.name.as_str())).code("HW602");
    Some(error.within(format_args!("rule `{}`", rule.id)).because(format!("`{table}` does not have it")).moved_to(rule.span.clone()))
}

impl Planning<'_> {
    /// The tables that rows wait for. None of them is read by the SELECT under these names.
    pub(super) fn parents(&self) -> Vec<Parent> {
        let parent = |(at, (rule, read)): (usize, &(String, Read))| Parent { rule: rule.clone(), read: self.parent(at, read) };
        self.parents.iter().enumerate().map(parent).collect()
    }

    fn parent(&self, at: usize, read: &Read) -> ReadFrom {
        let name = format!("referred_{at}");
        match read {
            Read::Model(model) => {
                let table = TableName::model(model);
                ReadFrom { name, step: model.clone(), table, extent: Extent::All, hides_origin: false }
            }
            Read::Dataset { dataset, .. } => {
                let table = TableName::raw(dataset);
                let extent = match self.versions(&table) {
                    _ if self.is_snapshot(&table) => Extent::LastBatch,
                    Some(key) if !key.is_empty() => Extent::Newest,
                    _ => Extent::All,
                };
                ReadFrom { name, step: table.folder().to_owned(), table, extent, hides_origin: true }
            }
        }
    }

    /// Refuses what would not come to the same table whenever the rows arrive.
    pub(super) fn refuse_quarantine_of_sets(&self) -> Result<()> {
        let refused = |rule: &Rule| {
            let watch = rule.set_watch()?;
            let error = match &watch.asks {
                Together::First { .. } => self.first_that_changes(rule, &watch.columns)?,
                Together::Known { table, .. } => self.partner_that_changes(rule, table)?,
            };
            Some(error.code("HW605").moved_to(rule.span.clone()))
        };
        Error::all(self.model.rules.iter().filter_map(refused).collect()).map_or(Ok(()), Err)
    }

    /// Why the load cannot keep the first of several rows.
    fn first_that_changes(&self, rule: &Rule, columns: &[String]) -> Option<Error> {
        let settings = &self.model.settings;
        let load = &settings.load;
        let is_in = |column: &String| columns.contains(column);
        if !load.unique_by().is_empty() && load.unique_by().iter().all(is_in) {
            return None;
        }
        let error = |problem: String| {
            Error::user(format!("`{}` cannot put rows into quarantine with `load: {}`", rule.id, load.name())).because(problem)
        };
        match load {
            Load::Replace => None,
            Load::Append(append) if append.key.is_empty() => None,
            Load::Recompute(_) => {
                let sources = settings.partition_by.sources().unwrap_or_default();
                let (_, outside) = sources.into_iter().find(|(_, column)| !columns.iter().any(|known| known == column))?;
                Some(
                    error(format!("two rows with the same values may lie in two partitions, since `{outside}` is none of its columns"))
                        .help(format!(
                            "add `{outside}` to its columns, load the table with `replace`, or use `on_failure: block` or `alert`"
                        )),
                )
            }
            _ => Some(
                error("a later row with the same key may take the values of another one, or give them free".into())
                    .help(format!(
                        "load the table with `replace`, and keep one row in the SELECT: `… qualify row_number() over (partition by {} order by …) = 1`",
                        listed(columns)
                    ))
                    .help("or use `on_failure: block` or `alert`; where these columns are the key, name them as the key of the load"),
            ),
        }
    }

    /// Why rows of the load cannot wait for a row of another table.
    fn partner_that_changes(&self, rule: &Rule, table: &str) -> Option<Error> {
        let (model, load) = (&self.model.name, &self.model.settings.load);
        let error = |problem: &str| Error::user(format!("`{}` cannot put rows into quarantine", rule.id)).because(problem.to_owned());
        if table == model {
            let help = "use `on_failure: block` or `alert`: rows of one load may refer to each other there";
            return Some(error("the rows refer to their own table, so that a row which waits lets others wait in turn").help(help));
        }
        if matches!(load, Load::Snapshot(_)) {
            let help = "give the rule to a model that reads this one, or use `on_failure: alert`";
            return Some(error("`load: snapshot` compares whole deliveries, and a row that waits would count as deleted").help(help));
        }
        None
    }
}

fn listed(columns: &[String]) -> String {
    columns.iter().map(|column| identifier(column)).collect::<Vec<_>>().join(", ")
}
