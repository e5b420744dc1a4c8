//! The columns of a dataset of several files: all of their columns by name, those of the raw copy first.

use std::collections::{HashMap, HashSet};

use hw_base::{Column, Error, Result};

/// The hidden columns: the file, the line where the record starts, and what is wrong with it.
pub(crate) const HIDDEN: [&str; 3] = ["_file", "_line", "_malformed"];
/// How many names an error lists.
const MOST_NAMES: usize = 10;

/// The names of the columns of each file, in the order of the files.
pub(crate) struct Layout<'a> {
    pub(crate) files: Vec<(&'a str, &'a [String])>,
    /// The columns that the raw copy has.
    pub(crate) expected: &'a [Column],
}

impl Layout<'_> {
    /// All columns: the expected ones, then those of the files in the order they appear.
    pub(crate) fn columns(&self) -> Result<Vec<String>> {
        self.check_expected()?;
        let mut known: HashSet<&str> = HashSet::new();
        let expected = self.expected.iter().map(|column| column.name.as_str());
        let found = self.files.iter().flat_map(|(_, names)| names.iter().map(String::as_str));
        let columns: Vec<String> = expected.chain(found).filter(|name| known.insert(name)).map(str::to_owned).collect();
        check_hidden(&columns)?;
        Ok(columns)
    }

    /// An expected column may be absent from files that are older than it, and from no other.
    fn check_expected(&self) -> Result<()> {
        let mut errors = Vec::new();
        let mut lacking: HashMap<&str, Vec<&str>> = HashMap::new();
        for column in self.expected {
            let has = |names: &[String]| names.contains(&column.name);
            let first = self.files.iter().position(|(_, names)| has(names));
            let from = first.unwrap_or(0);
            for (file, _) in self.files.iter().skip(from).filter(|(_, names)| !has(names)) {
                lacking.entry(file).or_default().push(&column.name);
            }
        }
        for (file, names) in &self.files {
            if let Some(columns) = lacking.get(file) {
                errors.push(lacks(file, columns, names));
            }
            if errors.len() >= MOST_NAMES {
                break;
            }
        }
        Error::all(errors).map_or(Ok(()), Err)
    }
}

/// Which cell of a file fills each of `columns`.
pub(crate) fn places(columns: &[String], names: &[String]) -> Vec<Option<usize>> {
    let by_name: HashMap<&str, usize> = names.iter().enumerate().map(|(place, name)| (name.as_str(), place)).collect();
    columns.iter().map(|column| by_name.get(column.as_str()).copied()).collect()
}

/// Refuses names that stand twice in one file. Letters count the same in both cases, as the warehouse takes them.
pub(crate) fn check_duplicates(file: &str, names: &[String]) -> Result<()> {
    let mut seen: HashMap<String, usize> = HashMap::new();
    let mut errors = Vec::new();
    for (at, name) in names.iter().enumerate() {
        if let Some(first) = seen.insert(name.to_lowercase(), at) {
            errors.push(
                Error::user(format!("two columns of `{file}` are named `{name}`: the {} and the {}", ordinal(first + 1), ordinal(at + 1)))
                    .code("HW204")
                    .help("rename one of them at the source, or set `header: false` and `skip_rows: 1` to name all by position"),
            );
        }
    }
    Error::all(errors).map_or(Ok(()), Err)
}

fn lacks(file: &str, columns: &[&str], names: &[String]) -> Error {
    let list =
        |names: &mut dyn Iterator<Item = &str>| names.take(MOST_NAMES).map(|name| format!("`{name}`")).collect::<Vec<_>>().join(", ");
    let what = if columns.len() == 1 { "the column" } else { "the columns" };
    Error::user(format!("`{file}` lacks {what} {}", list(&mut columns.iter().copied())))
        .code("HW204")
        .because(format!("the dataset had them before; the file has {}", list(&mut names.iter().map(String::as_str))))
        .help("deliver the file again with the column, or load it as a dataset of its own")
}

fn check_hidden(columns: &[String]) -> Result<()> {
    match columns.iter().find(|name| HIDDEN.contains(&name.as_str())) {
        Some(name) => Err(Error::user(format!("a column of the dataset is named `{name}`, which Headworks keeps for itself"))
            .code("HW204")
            .help("rename the column at the source")),
        None => Ok(()),
    }
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
