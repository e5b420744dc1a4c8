//! The columns of a dataset of several files: all of their columns by name, those of the raw copy first.

use std::collections::{HashMap, HashSet};

use hw_base::{Column, Delivery, Error, Result};
pub(crate) use hw_text::HIDDEN;

use crate::types::Declared;

/// How many names an error lists.
const MOST_NAMES: usize = 10;

/// The names of the columns of each file, in the order of the files.
pub(crate) struct Layout<'a> {
    pub(crate) files: Vec<(&'a str, &'a [String])>,
    /// What is asked for, with the columns that the raw copy has.
    pub(crate) delivery: &'a Delivery,
    /// The columns that the project declares; a file may lack them.
    pub(crate) declared: &'a Declared,
}

impl Layout<'_> {
    /// All columns: the expected ones, then those of the files in the order they appear.
    pub(crate) fn columns(&self) -> Result<Vec<String>> {
        self.check_expected()?;
        let mut known: HashSet<&str> = HashSet::new();
        let expected = self.delivery.expected.iter().map(|column| column.name.as_str());
        let found = self.files.iter().flat_map(|(_, names)| names.iter().map(String::as_str));
        Ok(expected.chain(found).filter(|name| known.insert(name)).map(str::to_owned).collect())
    }

    /// Every file has the columns of the raw copy, but for declared ones.
    fn check_expected(&self) -> Result<()> {
        let needed = || self.delivery.expected.iter().filter(|column| self.declared.of(&column.name).is_none());
        let mut errors = Vec::new();
        for (file, names) in self.files.iter().filter(|(file, _)| !self.delivery.may_lack.iter().any(|path| path == file)) {
            let names_of_file: HashSet<&str> = names.iter().map(String::as_str).collect();
            let lacking: Vec<&Column> = needed().filter(|column| !names_of_file.contains(column.name.as_str())).collect();
            if !lacking.is_empty() {
                errors.push(lacks(file, &lacking, names));
            }
            if errors.len() >= MOST_NAMES {
                break;
            }
        }
        Error::all(errors).map_or(Ok(()), Err)
    }
}

/// Names the columns of files as the raw copy does, or else the first file, where they differ in upper and lower case alone: that is one name
/// to the warehouse.
pub(crate) fn in_known_case<'a>(files: impl Iterator<Item = &'a mut Vec<String>>, delivery: &Delivery) {
    let mut known: HashMap<String, String> = HashMap::new();
    let mut ambiguous: HashSet<String> = HashSet::new();
    for column in &delivery.expected {
        let name = column.name.to_lowercase();
        if known.insert(name.clone(), column.name.clone()).is_some() {
            ambiguous.insert(name);
        }
    }
    for name in files.flatten() {
        let lower = name.to_lowercase();
        if !ambiguous.contains(&lower) {
            known.entry(lower).or_insert_with(|| name.clone()).clone_into(name);
        }
    }
}

/// The columns that some files lack and others have, but for declared ones, in the order they appear.
pub(crate) fn uneven<'a>(files: impl Iterator<Item = &'a [String]> + Clone, declared: &Declared) -> Vec<String> {
    let count = files.clone().count();
    let mut having: HashMap<&str, usize> = HashMap::new();
    files.clone().flatten().for_each(|name| *having.entry(name).or_default() += 1);
    let mut told = HashSet::new();
    let is_lacking = |name: &str| having[name] < count && declared.of(name).is_none();
    files.flatten().filter(|name| is_lacking(name) && told.insert(name.as_str())).cloned().collect()
}

/// Which cell of a file fills each of `columns`.
pub(crate) fn places(columns: &[String], names: &[String]) -> Vec<Option<usize>> {
    let by_name: HashMap<&str, usize> = names.iter().enumerate().map(|(place, name)| (name.as_str(), place)).collect();
    columns.iter().map(|column| by_name.get(column.as_str()).copied()).collect()
}

/// What helps where the names of columns stand in a header that ends with this line.
pub(crate) fn rename_or_number(lines: u64) -> String {
    format!("rename one of them at the source, or set `header: false` and `skip_rows: {lines}` to name all by position")
}

/// What helps where the names of columns are fixed.
pub(crate) const RENAME: &str = "rename one of them at the source";

/// Refuses names that stand twice in one file. Letters count the same in both cases, as the warehouse takes them.
pub(crate) fn check_duplicates(file: &str, names: &[String], remedy: &str) -> Result<()> {
    let mut seen: HashMap<String, usize> = HashMap::new();
    let mut errors = Vec::new();
    for (at, name) in names.iter().enumerate() {
        if let Some(first) = seen.insert(name.to_lowercase(), at) {
            errors.push(twice(file, [(first, names[first].as_str()), (at, name.as_str())]).code("HW204").help(remedy));
        }
    }
    Error::all(errors).map_or(Ok(()), Err)
}

/// The error for two columns of one name, each with its place.
fn twice(file: &str, [(first, earlier), (at, name)]: [(usize, &str); 2]) -> Error {
    let (first, at) = (ordinal(first + 1), ordinal(at + 1));
    if earlier == name {
        return Error::user(format!("two columns of `{file}` are named `{name}`: the {first} and the {at}"));
    }
    Error::user(format!("two columns of `{file}` have one name: `{earlier}`, the {first}, and `{name}`, the {at}"))
        .because("names that differ in upper and lower case alone are one name to the warehouse")
}

/// What helps where a table of others has lost columns.
pub(crate) const PUT_BACK: &str = "put the columns back, one that was renamed beside its new name; null in every row is enough, \
     and models keep the history that they have";

/// What comes of it where its raw copy is moved away instead.
pub(crate) const COPIED_ANEW: &str = "the next run copies the table anew, without the versions that the source has no longer; models with \
     history are built from that with `--rebuild` alone, and lose it then";

/// Refuses a table of others that lacks columns of the raw copy: no setting says that it may.
pub(crate) fn check_table(name: &str, names: &[String], delivery: &Delivery) -> Result<()> {
    let lacking: Vec<&Column> = delivery.expected.iter().filter(|column| !names.contains(&column.name)).collect();
    if lacking.is_empty() {
        return Ok(());
    }
    Err(lacking_of(name, &lacking, names).help(PUT_BACK).help(format!(
        "or move the folder of its raw copy away, below `raw` of the warehouse, and let the models do without them: {COPIED_ANEW}"
    )))
}

fn lacks(file: &str, columns: &[&Column], names: &[String]) -> Error {
    let error = lacking_of(file, columns, names);
    // As a column of its own it would split the rows in two.
    let otherwise = |column: &Column| names.iter().find(|name| name.to_lowercase() == column.name.to_lowercase());
    if let Some((column, name)) = columns.iter().copied().find_map(|column| Some((column, otherwise(column)?))) {
        return error
            .because(format!("`{name}` and `{}` differ in upper and lower case", column.name))
            .help("deliver it again with the names as they were");
    }
    error.help("deliver the file again with the column").help(format!(
        "or say that files may lack it: `columns: {{ {} }}` under the source; it is null there",
        columns
            .iter()
            .take(MOST_NAMES)
            .map(|column| format!("{}: {}", column.name, quoted(&column.sql_type)))
            .collect::<Vec<_>>()
            .join(", ")
    ))
}

/// The error for columns that a file or a table lacks, without what helps.
fn lacking_of(file: &str, columns: &[&Column], names: &[String]) -> Error {
    let list =
        |names: &mut dyn Iterator<Item = &str>| names.take(MOST_NAMES).map(|name| format!("`{name}`")).collect::<Vec<_>>().join(", ");
    let what = if columns.len() == 1 { "the column" } else { "the columns" };
    Error::user(format!("`{file}` lacks {what} {}", list(&mut columns.iter().map(|column| column.name.as_str())))).code("HW204").because(
        format!(
            "the dataset had {} before; the file has {}",
            if columns.len() == 1 { "it" } else { "them" },
            list(&mut names.iter().map(String::as_str))
        ),
    )
}

/// A type as YAML takes it between braces.
fn quoted(sql_type: &str) -> String {
    let sql_type = if sql_type.is_empty() { "text" } else { sql_type };
    if sql_type.contains(',') { format!("\"{sql_type}\"") } else { sql_type.to_owned() }
}

/// The name under which a column of a source is read: its own, but for those of the hidden columns, which get a `_` behind
/// them. In the raw copy `_file` of a source is `file`.
pub(crate) fn free_of_hidden(name: &str) -> String {
    if HIDDEN.contains(&name) { format!("{name}_") } else { name.to_owned() }
}

/// The name that a source gives the column that [`free_of_hidden`] named.
pub(crate) fn own_name(name: &str) -> &str {
    name.strip_suffix('_').filter(|own| HIDDEN.contains(own)).unwrap_or(name)
}

fn ordinal(number: usize) -> String {
    let suffix = match (number % 10, number % 100) {
        (1, tens) if tens != 11 => "st",
        (2, tens) if tens != 12 => "nd",
        (3, tens) if tens != 13 => "rd",
        _ => "th",
    };
    format!("{number}{suffix}")
}

/// The error for files of which nothing tells what their columns hold.
pub(crate) fn header_alone<'a>(files: impl ExactSizeIterator<Item = &'a str>) -> Error {
    let what = if files.len() == 1 { "has a header and no row" } else { "have headers and no row" };
    let more = if files.len() > MOST_NAMES { format!(" and {} more", files.len() - MOST_NAMES) } else { String::new() };
    let names: Vec<String> = files.take(MOST_NAMES).map(|name| format!("`{name}`")).collect();
    Error::user(format!("{}{more} {what}", names.join(", ")))
        .code("HW202")
        .because("without a row nothing tells the types of the columns")
        .help("check the export that writes it, or wait for the first rows; where the first line is a row, set `header: false`")
        .help("if it is right without rows, declare the types: `columns: { id: bigint, name: text }` under the source of a project")
}

#[cfg(test)]
mod tests {
    use datafusion::arrow::datatypes::DataType;

    use super::*;

    #[test]
    fn columns_that_some_files_lack_are_told_where_nobody_has_declared_them() {
        let names = |names: &str| -> Vec<String> { names.split(' ').map(str::to_owned).collect() };
        let files = [names("id amount note"), names("id betrag note"), names("id")];
        let declared = Declared { types: [("note".to_owned(), DataType::Utf8)].into(), ..Declared::default() };
        assert_eq!(uneven(files.iter().map(Vec::as_slice), &declared), ["amount", "betrag"]);
        assert!(uneven(files.iter().take(1).map(Vec::as_slice), &declared).is_empty());
    }
    #[test]
    fn a_column_that_differs_in_case_alone_is_no_other_column() {
        let known = ["Id", "a", "A"].map(|name| Column { name: name.into(), kind: hw_base::ColumnType::Text, sql_type: "text".into() });
        let delivery = Delivery { expected: known.to_vec(), ..Delivery::default() };
        let names = |names: &str| -> Vec<String> { names.split(' ').map(str::to_owned).collect() };
        let mut files = [names("ID A New"), names("id a NEW")];
        in_known_case(files.iter_mut(), &delivery);
        assert_eq!(files, [names("Id A New"), names("Id a New")]);
        assert!(check_table("people", &names("Id a A more"), &delivery).is_ok());
        assert!(!check_table("people", &names("Id a"), &delivery).unwrap_err().to_string().contains("columns:"));
        let error = lacks("t.parquet", &[&known[0]], &names("ID note")).to_string();
        assert!(error.contains("`ID` and `Id` differ in upper and lower case") && !error.contains("columns:"), "{error}");
    }
}
