//! What a person means by a name on the command line or in SQL: a table or a dataset of the project, or a path.
//!
//! There is one rule for all commands. A name that has a `/` or is a pattern is a path. Of a table and a path of one name the table is meant,
//! and `./name` is the path.

use std::path::Path;

use hw_base::{Column, Engine, Error, Input, Reader, Result};
use hw_config::project_files;
use hw_connect::Address;
use hw_engine::{ColumnNames, LiveTables, LocalEngine};
use hw_pipeline::{live_rows, raw_column_names};

use crate::house::{House, read_project};
use crate::place::Place;

/// Whether the data that a person names is a file, a part of one, a folder or a glob below `root`.
pub(crate) fn is_path(root: &Path, data: &str) -> bool {
    root.join(Address::read(root, data).place).exists() || data.contains(['/', '*', '?'])
}

/// The same, also where a file is meant that is not there: its name ends as those of files.
pub(crate) fn means_path(root: &Path, data: &str) -> bool {
    is_path(root, data) || hw_connect::has_known_ending(&Address::read(root, data).place)
}

/// The project in `root`, where a person means a table or a dataset of it by a name; `None` where a path is meant. Of a table and a path of
/// one name the table is meant, as in SQL.
pub(crate) async fn project_meant(data: &str, root: &Path, place: Option<&Place>) -> Result<Option<House>> {
    let is_path = means_path(root, data);
    if !root.join(hw_config::PROJECT_FILE).exists() || (is_path && !may_be_of_project(data, root)) {
        return Ok(None);
    }
    let house = House::look_in(root, place)?;
    let is_meant = !is_path || house.has(data).await?;
    Ok(is_meant.then_some(house))
}

/// Whether the name of a path can be one of the project's as well: one word, or two of which the first is a source.
fn may_be_of_project(data: &str, root: &Path) -> bool {
    let is_source = |name: &str| {
        project_files(root).is_ok_and(|files| files.settings.get("sources").is_some_and(|sources| sources.get(name).is_some()))
    };
    !data.contains(['/', '*', '?', '#']) && data.split_once('.').is_none_or(|(source, _)| is_source(source))
}

/// The names that a file gives its columns, each with the name by which queries know the column. What a column is called in queries stays.
fn own_names(columns: &[Column]) -> ColumnNames {
    let known = raw_column_names(columns);
    let own = columns.iter().map(|column| &column.name).zip(&known);
    own.filter(|(own, _)| !known.contains(own)).map(|(own, known)| (own.clone(), known.clone())).collect()
}

/// A condition on a file with the names by which queries know the columns: `"Order ID"` is `order_id`.
pub(crate) fn with_known_names(sql: &str, names: &[(String, String)]) -> String {
    let foreign: ColumnNames = names.iter().filter(|(own, _)| !names.iter().any(|(_, known)| known == own)).cloned().collect();
    if foreign.is_empty() { sql.to_owned() } else { hw_engine::condition_with_known_names(sql, &foreign) }
}

/// The files that a query reads, by the names that it has for them, with the names of their columns.
pub(crate) type OwnNames = Vec<(String, ColumnNames)>;

/// Lets a query read the rows of a file by its path.
pub(crate) async fn bind_file(root: &Path, file: &str, live: &LiveTables, inputs: &mut Vec<Input>) -> Result<(String, ColumnNames)> {
    let opened = hw_connect::open_path(root, file, live).await?;
    let rows = live_rows(file, &opened.delivered, &[], inputs);
    inputs.push(rows);
    Ok((file.to_owned(), own_names(&opened.delivered.columns)))
}

/// Files that have names before the query is looked at.
#[derive(Default)]
pub(crate) struct Named {
    pub(crate) inputs: Vec<Input>,
    pub(crate) names: OwnNames,
}

/// Lets a query read files by names that the command line gives them, as `NAME=FILE`.
pub(crate) async fn bind_named(root: &Path, named: &[String], live: &LiveTables, inputs: &mut Vec<Input>) -> Result<OwnNames> {
    let mut own = OwnNames::new();
    for text in named {
        let (name, path) = text.split_once('=').filter(|(name, _)| !name.is_empty()).ok_or_else(|| {
            Error::user(format!("`--with {text}` is not of the form `NAME=FILE`"))
                .code("HW104")
                .help("write `--with customers=customers.csv`")
        })?;
        let delivered = hw_connect::open_path(root, path, live).await?.delivered;
        let rows = live_rows(name, &delivered, &[], inputs);
        inputs.push(rows);
        own.push((name.to_owned(), own_names(&delivered.columns)));
    }
    Ok(own)
}

/// Whether one of the inputs has that name in a query.
pub(crate) fn is_bound(name: &str, inputs: &[Input]) -> bool {
    inputs.iter().any(|input| input.name() == name)
}

/// A query that reads files by their paths, where there is no project; `inputs` say what some of its names stand for.
pub(crate) async fn reader_of_files(root: &Path, sql: &str, engine: &LocalEngine, named: Named) -> Result<Reader> {
    let Named { mut inputs, mut names } = named;
    for reference in engine.reads(sql, None)? {
        match &reference.parts[..] {
            parts if is_bound(&parts.join("."), &inputs) => {}
            [file] if means_path(root, file) => names.push(bind_file(root, file, engine.live(), &mut inputs).await?),
            // Every other name belongs to a project.
            parts if !has_project_file(root) => return Err(unknown_beside_no_project(root, &parts.join("."))),
            _ => drop(read_project(root)?),
        }
    }
    Ok(Reader { sql: hw_engine::query_with_known_names(sql, &names), inputs, file: None })
}

/// Whether there is a project, or what was meant as one.
fn has_project_file(root: &Path) -> bool {
    [hw_config::PROJECT_FILE, "headworks.yml"].iter().any(|file| root.join(file).exists())
}

fn unknown_beside_no_project(root: &Path, name: &str) -> Error {
    Error::user(format!("unknown table `{name}`"))
        .code("HW302")
        .because(format!("no file is called so, and `{}` is no project that could have it", root.display()))
        .help("name a file by its path, as in `select … from 'orders.csv'`; for a table of a project go there, or give `--project FOLDER`")
}

/// A query whose names are the tables of a database, the sheets of a workbook, or the one file that `data` is; and what these names stand for, as
/// `--with` takes it.
pub(crate) async fn reader_of_parts(root: &Path, data: &str, sql: &str, engine: &LocalEngine) -> Result<(Reader, Vec<String>)> {
    let parts = hw_connect::parts_at(root, data).await?;
    let (mut inputs, mut names, mut tables) = (Vec::new(), OwnNames::new(), Vec::new());
    for reference in engine.reads(sql, None)? {
        let name = reference.parts.join(".");
        let address = if parts.is_some() { format!("{data}#{name}") } else { data.to_owned() };
        let opened = hw_connect::open_path(root, &address, engine.live()).await?;
        if parts.is_none() && opened.dataset != name {
            return Err(hw_base::unknown("dataset", &name, [opened.dataset.as_str()]).code("HW302"));
        }
        let rows = live_rows(&name, &opened.delivered, &[], &mut inputs);
        inputs.push(rows);
        tables.push(format!("{name}={address}"));
        names.push((name, own_names(&opened.delivered.columns)));
    }
    Ok((Reader { sql: hw_engine::query_with_known_names(sql, &names), inputs, file: None }, tables))
}
