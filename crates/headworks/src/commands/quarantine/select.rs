//! Which rows in quarantine a person means.

use clap::Args;
use hw_base::{Column, Engine, Error, Reader, Result, TableName, literal};

use super::waiting;
use crate::house::House;

/// Which rows in quarantine are meant.
#[derive(Args, Clone)]
pub(super) struct Selecting {
    /// The table: a model, or `source.dataset`
    pub(super) table: String,
    /// Rows that broke this rule
    #[arg(long, value_name = "RULE")]
    pub(super) rule: Option<String>,
    /// Rows for which this SQL is true
    #[arg(long = "where", value_name = "SQL")]
    pub(super) condition: Option<String>,
    /// Rows that this run put there
    #[arg(long, value_name = "RUN")]
    pub(super) run: Option<String>,
}

/// Rows in the quarantine of a table.
pub(super) struct Selected {
    /// The quarantine.
    pub(super) quarantine: TableName,
    /// Its columns.
    pub(super) columns: Vec<Column>,
    /// What is true for the rows.
    pub(super) condition: String,
}

impl Selecting {
    /// Whether any row would do.
    pub(super) fn is_any(&self) -> bool {
        self.rule.is_none() && self.condition.is_none() && self.run.is_none()
    }

    /// The options as they were written.
    pub(super) fn words(&self) -> String {
        let options = [("--rule", &self.rule), ("--where", &self.condition), ("--run", &self.run)];
        let written = options.into_iter().filter_map(|(name, value)| Some(format!("{name} {}", quoted(value.as_ref()?))));
        let written: Vec<String> = written.collect();
        if written.is_empty() { "--all".into() } else { written.join(" ") }
    }

    /// The rows, which need not be any.
    ///
    /// # Errors
    /// HW603 where nothing of the table waits, HW301 for SQL that cannot be read.
    pub(super) async fn selected(&self, house: &House) -> Result<Selected> {
        let quarantine = TableName::model(format!("quarantine/{}", self.table));
        let waiting = waiting(house).await?;
        if !waiting.iter().any(|(table, _)| *table == quarantine) {
            let known = waiting.iter().map(|(table, _)| table.leaf());
            return Err(Error::user(format!("no row of `{}` waits in quarantine", self.table))
                .code("HW603")
                .help(format!("rows wait of: {}", list_or(known, "no table"))));
        }
        let condition = self.sql();
        let all = house.engine.columns(&reader(format!("select * from {}", quarantine.sql()))).await?;
        // Tried by itself, so that a message names what the person wrote.
        if self.condition.is_some() {
            let tried = house.engine.columns(&reader(format!("select * from {} where {condition}", quarantine.sql()))).await;
            // The place is one in a query that nobody has seen.
            tried.map_err(|error| error.moved_to(None).within("`--where`"))?;
        }
        Ok(Selected { quarantine, columns: all, condition })
    }

    fn sql(&self) -> String {
        let rule = self.rule.iter().map(|rule| format!("strpos(concat(', ', _rules, ', '), {}) > 0", literal(&format!(", {rule}, "))));
        let run = self.run.iter().map(|run| format!("_run = {}", literal(run)));
        let condition = self.condition.iter().map(|sql| format!("({sql}\n)"));
        let all: Vec<String> = rule.chain(run).chain(condition).collect();
        if all.is_empty() { "true".into() } else { all.join(" and ") }
    }
}

impl Selected {
    /// A SELECT over the rows.
    pub(super) fn query(&self, columns: &str, rest: &str) -> Reader {
        reader(format!("select {columns} from {} where {}{rest}", self.quarantine.sql(), self.condition))
    }

    /// Whether the quarantine has a column.
    pub(super) fn has(&self, name: &str) -> bool {
        self.columns.iter().any(|column| column.name == name)
    }
}

/// Names in a sentence, or a word for none.
pub(super) fn list_or<'a>(names: impl Iterator<Item = &'a str>, none: &str) -> String {
    let names: Vec<&str> = names.collect();
    if names.is_empty() { none.into() } else { names.join(", ") }
}

fn reader(sql: String) -> Reader {
    Reader { sql, inputs: vec![], file: None }
}

fn quoted(text: &str) -> String {
    if text.contains([' ', '\'', '"', '(', '<', '>', '*']) { format!("\"{text}\"") } else { text.to_owned() }
}
