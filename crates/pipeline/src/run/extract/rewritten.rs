//! A raw copy that is written anew with what arrives, because columns get wider types or an environment goes on with what production has.

use std::collections::{BTreeMap, BTreeSet};

use hw_base::{Column, Delivered, Error, Input, Part, Reader, Result, TableName, TableState, identifier};

use super::{BATCH, Copying, Earlier, FILE};
use crate::run::types::{Fit, common, fit};

impl Copying<'_> {
    /// The columns of the raw copy that need a wider type for what arrives, each with that type.
    ///
    /// # Errors
    /// HW204 for a column whose values have no type in common with those that arrive.
    pub(super) fn widened(&self, names: &[(String, String)], delivered: &Delivered) -> Result<BTreeMap<String, String>> {
        let Some(table) = self.table.as_ref().filter(|_| !matches!(self.earlier, Earlier::Replaced)) else { return Ok(BTreeMap::new()) };
        let known: BTreeMap<&str, &str> = table.columns.iter().map(|column| (column.name.as_str(), column.sql_type.as_str())).collect();
        let (mut widened, mut errors) = (BTreeMap::new(), Vec::new());
        for ((raw, _), column) in names.iter().zip(&delivered.columns) {
            let Some(before) = known.get(raw.as_str()) else { continue };
            match fit(&column.sql_type, before) {
                Fit::Fits => {}
                Fit::Widens => drop(widened.insert(raw.clone(), column.sql_type.clone())),
                Fit::Clashes if self.has_no_rows() => drop(widened.insert(raw.clone(), column.sql_type.clone())),
                Fit::Clashes => errors.push(self.clash(column, before)),
            }
        }
        Error::all(errors).map_or(Ok(widened), Err)
    }

    fn clash(&self, column: &Column, before: &str) -> Error {
        let dataset = self.dataset;
        let error =
            Error::user(format!("column `{}` of `{dataset}` is {} now, but the raw copy holds {before}", column.name, column.sql_type))
                .code("HW204")
                .because("one type does not hold all values of the other");
        match self.files {
            Some(_) => error.help(format!(
                "declare a type that holds both: `columns: {{ {}: \"{}\" }}` under source `{}`",
                column.name,
                common(&column.sql_type, before),
                dataset.source
            )),
            None => error
                .help(format!("read it as text: `as_text: [{}.{}]` under source `{}`", dataset.dataset, column.name, dataset.source))
                .help(dataset.help_to_copy_anew()),
        }
    }

    /// Lets the batch hold the rows of before as well, in the wider types, and those that wait in quarantine: what a batch with all rows keeps
    /// out takes the place of these.
    pub(super) async fn rewrite(
        &mut self,
        reader: &mut Reader,
        names: &[(String, String)],
        widened: &BTreeMap<String, String>,
        delivered: &Delivered,
    ) -> Result<()> {
        let own = names.iter().map(|(raw, _)| raw.as_str());
        let origin: &[&str] = if delivered.has_origin { &[FILE, "_line", "_malformed"] } else { &[] };
        let columns: Vec<&str> = own.chain(origin.iter().copied()).chain(["_loaded_at", "_run", BATCH]).collect();
        let kept = match &self.earlier {
            Earlier::Withdrawn(rows) => format!("coalesce({rows}, false) is false"),
            _ => "true".to_owned(),
        };
        let version = self.task.step.progress.as_ref().filter(|_| self.begins_in_production()).and_then(|progress| progress.version);
        if let Some(table) = self.table.as_ref().filter(|_| !self.has_no_rows()) {
            let before = in_wider_types(&columns, table, widened).join(", ");
            reader.sql = format!("{} union all select {before} from before where {kept}", reader.sql);
            // What production has read since, the environment does not know.
            reader.inputs.push(input("before", &self.earlier_in, version));
        }
        // Rows that a database delivers once more, it delivers whether they wait or not.
        let comes_once = self.files.is_some() || delivered.part == Part::New;
        let quarantine = self.quarantine();
        let waiting = self.task.ports.engine.table(&quarantine, None).await?;
        if let Some(table) = waiting.filter(|table| comes_once && table.rows != Some(0)) {
            reader.sql = format!("{} union all {} and {kept}", reader.sql, self.waiting(&columns, table, widened));
            reader.inputs.push(input("waiting", &quarantine, None));
        }
        self.earlier = Earlier::Rewritten;
        Ok(())
    }

    /// Where the rows of before wait that were kept out.
    fn quarantine(&self) -> TableName {
        let quarantine = self.task.step.table.quarantine();
        if self.begins_in_production() { quarantine.in_production() } else { quarantine }
    }

    /// The rows that wait in the quarantine of a raw copy, in its columns, as SQL.
    fn waiting(&self, columns: &[&str], mut quarantine: TableState, widened: &BTreeMap<String, String>) -> String {
        // Where no row has shown what a column holds, it may hold anything else by now.
        let is_untold = self.has_no_rows() && !widened.is_empty();
        quarantine.columns.retain(|column| !is_untold || !widened.contains_key(&column.name));
        let values = in_wider_types(columns, &quarantine, widened);
        let of_its_run = |(name, value): (&&str, String)| if *name == "_run" { "_loaded_by_run as _run".to_owned() } else { value };
        let values = columns.iter().zip(values).map(of_its_run).collect::<Vec<_>>().join(", ");
        let malformed = if is_untold { " and _malformed is not null" } else { "" };
        // Those of an attempt that came to nothing, or of production since, are not known here.
        let known = self.task.step.progress.as_ref().map(|progress| format!(" and {BATCH} <= {}", progress.window)).unwrap_or_default();
        format!("select {values} from waiting where true{malformed}{known}")
    }
}

/// Columns as a table has them, in wider types where some need them; those that it does not have are null.
fn in_wider_types(columns: &[&str], table: &TableState, widened: &BTreeMap<String, String>) -> Vec<String> {
    let known: BTreeSet<&str> = table.columns.iter().map(|column| column.name.as_str()).collect();
    let value = |name: &&str| match widened.get(*name) {
        _ if !known.contains(name) => format!("null as {}", identifier(name)),
        Some(sql_type) if fit(sql_type, "timestamp") != Fit::Fits => format!("cast({0} as {sql_type}) as {0}", identifier(name)),
        Some(_) | None => identifier(name),
    };
    columns.iter().map(value).collect()
}

/// All rows of a table, under a name.
fn input(name: &str, table: &TableName, version: Option<i64>) -> Input {
    Input::Table { name: name.into(), table: table.clone(), version, after_batch: None, up_to_batch: None, hides_origin: false }
}
