//! Which files make one dataset, where nobody has said so.
//!
//! Files whose paths differ in numbers alone (`orders-2026-01.csv` and `orders-2026-02.csv`, `2026/01/orders.csv` and
//! `2026/02/orders.csv`) are one dataset if they have columns in common and a pattern names them and no others; so are all files of a
//! glob that have the same columns. Every other file stands for itself, and for those to come where its name ends with a date or a number.

use std::collections::{BTreeMap, HashSet};
use std::path::Path;

use hw_base::{Delivery, Error, Result, Settings, SourceFile, snake_case};
use serde_json::json;

use crate::address::Address;
use crate::connectors::{Place, connector};
use crate::file_source::blocking;
use crate::files::{self, ending, is_glob, without_ending};
use crate::patterns::{Called, parted, patterns, without_numbers, word};
use crate::recognise::recognise_file;

/// A dataset that was found.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Discovered {
    /// The kind of source that reads it, such as `csv`.
    pub kind: &'static str,
    /// A file, a folder or a glob; for a table or a sheet followed by `#` and its name.
    pub path: String,
    /// A name that needs no quotes.
    pub name: String,
    /// The name of the folder that it lies in, to tell it from others of its name.
    pub folder: String,
    /// Whether `path` is a pattern made of the paths of its files, which others will match that are still to come.
    pub is_open: bool,
}

/// What was found.
#[derive(Debug, Default)]
pub struct Found {
    /// The datasets.
    pub datasets: Vec<Discovered>,
    /// Files of folders and globs that cannot be read, each with the reason.
    pub left_out: Vec<(String, Error)>,
}

/// Finds the datasets in files, folders and globs below `root`.
///
/// # Errors
/// `HW201` where a path matches nothing; whatever is wrong with a file that is named itself.
pub async fn discover(root: &Path, paths: &[String]) -> Result<Found> {
    let mut found = Found::default();
    let mut named = Vec::new();
    for path in paths {
        let address = Address::read(root, path);
        let (whole, pattern) = (root.join(&address.place), is_glob(&address.place));
        if whole.join("_delta_log").is_dir() {
            found.datasets.push(delta(path));
        } else if whole.is_file() {
            let looked = looked_at(root, files::list(root, &address.place, &[])?, address.part.as_deref()).await;
            let is_alone = looked.len() == 1;
            for (name, looked) in looked {
                match looked {
                    Ok(file) => named.push(file),
                    Err(error) if is_alone => return Err(error),
                    Err(error) => found.left_out.push((name, error)),
                }
            }
        } else {
            let listed = listed(root, &address.place, &mut found.datasets)?;
            let mut readable = Vec::new();
            for (name, looked) in looked_at(root, listed, address.part.as_deref()).await {
                match looked {
                    Ok(file) => readable.push(file),
                    Err(error) => found.left_out.push((name, error)),
                }
            }
            if let Some(first) = readable.first().filter(|first| pattern && readable.iter().all(|file| file.is_like(first))) {
                found.datasets.push(first.dataset(&address.place, Called::by_glob(&paths_of(&readable), &address.place)));
            } else {
                let given = if pattern { usize::MAX } else { depth(&address.place) };
                found.datasets.extend(grouped(root, readable, given));
            }
        }
    }
    found.datasets.extend(grouped(root, named, usize::MAX));
    Ok(found)
}

/// How many parts of the paths of its files a folder is.
fn depth(folder: &str) -> usize {
    folder.trim_end_matches('/').split('/').filter(|part| *part != ".").count()
}

/// A file or a part of one, and what a look at its head tells.
#[derive(Clone, Debug)]
struct Looked {
    path: String,
    part: Option<String>,
    /// Whether the part is the only one of its file, and no name says which one is meant.
    is_only: bool,
    kind: &'static str,
    columns: HashSet<String>,
}

fn delta(path: &str) -> Discovered {
    let path = path.trim_end_matches('/');
    let (folder, name) = parted(path);
    Discovered { kind: "delta", path: path.to_owned(), name: snake_case(name), folder: last_part(folder), is_open: false }
}

fn last_part(folder: &str) -> String {
    let name = folder.rsplit('/').find(|part| !matches!(*part, "" | "." | "..") && !is_glob(part)).unwrap_or_default();
    if name.is_empty() { String::new() } else { snake_case(name) }
}

/// The files of a folder or a glob; Delta tables inside are datasets at once.
fn listed(root: &Path, path: &str, datasets: &mut Vec<Discovered>) -> Result<Vec<SourceFile>> {
    let endings: Vec<&str> = crate::CONNECTORS.iter().flat_map(|connector| connector.endings()).copied().collect();
    if !root.join(path).is_dir() {
        return files::list(root, path, &endings);
    }
    let mut tables: Vec<String> = Vec::new();
    delta_tables(root, path.trim_end_matches('/'), &mut tables);
    datasets.extend(tables.iter().map(|table| delta(table)));
    let files = files::list(root, path, &endings);
    let is_own = |file: &SourceFile| !tables.iter().any(|table| root.join(&file.path).starts_with(root.join(table)));
    match files {
        Ok(files) => Ok(files.into_iter().filter(is_own).collect()),
        Err(_) if !tables.is_empty() => Ok(vec![]),
        Err(error) => Err(error),
    }
}

fn delta_tables(root: &Path, folder: &str, tables: &mut Vec<String>) {
    let entries = std::fs::read_dir(root.join(folder)).into_iter().flatten().flatten();
    let mut names: Vec<String> = entries
        .filter(|entry| entry.file_type().is_ok_and(|kind| kind.is_dir()))
        .map(|entry| entry.file_name().to_string_lossy().into_owned())
        .filter(|name| !name.starts_with(['.', '_']))
        .collect();
    names.sort();
    for name in names {
        let path = format!("{folder}/{name}");
        if root.join(&path).join("_delta_log").is_dir() { tables.push(path) } else { delta_tables(root, &path, tables) }
    }
}

/// Looks at the heads of files, and of what they hold.
async fn looked_at(root: &Path, files: Vec<SourceFile>, part: Option<&str>) -> Vec<(String, Result<Looked>)> {
    let mut looked = Vec::with_capacity(files.len());
    for file in files {
        let (folder, described) = (root.to_owned(), file.clone());
        let inside = blocking(move || {
            let connector = recognise_file(&folder, &described)?;
            Ok((connector.kind(), connector.parts(&folder, &[described])?))
        });
        match inside.await {
            Ok((kind, None)) => looked.push((file.path.clone(), look_at(root, file, kind, None).await)),
            Ok((kind, Some(parts))) => {
                let is_only = part.is_none() && parts.len() == 1;
                for part in part.map_or(parts, |part| vec![part.to_owned()]) {
                    let name = format!("{}#{part}", file.path);
                    let looked_at = look_at(root, file.clone(), kind, Some(part)).await;
                    looked.push((name, looked_at.map(|looked| Looked { is_only, ..looked })));
                }
            }
            Err(error) => looked.push((file.path, Err(error))),
        }
    }
    looked
}

async fn look_at(root: &Path, file: SourceFile, kind: &'static str, part: Option<String>) -> Result<Looked> {
    let place = Place { source: "file".into(), root: root.to_owned(), secrets: std::sync::Arc::new(|text| Ok(text.to_owned())) };
    let address = Address { place: file.path.clone(), part };
    let source = connector(kind)?.source(&Settings::from_json(&json!({ "path": { "file": address.to_string() } })), place)?;
    let opened = source.open("file", &Delivery { files: Some(vec![file]), ..Delivery::default() }).await?;
    let columns = opened.columns.into_iter().map(|column| column.name).collect();
    Ok(Looked { path: address.place, part: address.part, is_only: false, kind, columns })
}

/// What files have in common that may be one dataset: something of their folders, something of their names.
type Likeness = fn(&Looked) -> (String, String);

/// Which files may be one dataset; where they are none, the next one divides them.
const LIKENESSES: [Likeness; 3] = [
    |file| (without_numbers(file.parted().0), word(file.parted().1)),
    |file| (without_numbers(file.parted().0), without_numbers(file.parted().1)),
    |file| (file.parted().0.to_owned(), word(file.parted().1)),
];

/// The datasets of files that were found one by one, below a folder of so many parts that was given.
fn grouped(root: &Path, files: Vec<Looked>, given: usize) -> Vec<Discovered> {
    let mut known = HashSet::new();
    let once = files.into_iter().filter(|file| known.insert((file.path.clone(), file.part.clone()))).collect();
    divided(root, once, given, &LIKENESSES)
}

fn divided(root: &Path, files: Vec<Looked>, given: usize, likenesses: &[Likeness]) -> Vec<Discovered> {
    let [likeness, narrower @ ..] = likenesses else { return files.iter().map(Looked::alone).collect() };
    let mut groups: BTreeMap<(String, &str, String, Option<String>), Vec<Looked>> = BTreeMap::new();
    for file in files {
        let (folder, name) = likeness(&file);
        groups.entry((folder, file.kind, name, file.part.clone())).or_default().push(file);
    }
    let datasets = groups.into_values().flat_map(|group| match as_one(root, &group, given) {
        Some(dataset) => vec![dataset],
        None if group.len() == 1 => group.iter().map(Looked::alone).collect(),
        None => divided(root, group, given, narrower),
    });
    datasets.collect()
}

/// One dataset, where a pattern names exactly these files and they belong together.
fn as_one(root: &Path, group: &[Looked], given: usize) -> Option<Discovered> {
    let first = group.first()?;
    if has_copies(group) || !group.iter().all(|file| file.is_related(first)) {
        return None;
    }
    let mut paths = paths_of(group);
    paths.sort_unstable();
    let pattern = patterns(&paths, given).into_iter().find(|pattern| {
        let listed = files::list(root, pattern, &[ending(&first.path).as_str()]).unwrap_or_default();
        listed.iter().map(|file| file.path.as_str()).eq(paths.iter().copied())
    })?;
    Some(Discovered { is_open: true, ..first.dataset(&pattern, Called::by_files(&paths, &pattern)) })
}

/// Whether files differ in their endings alone, as a file and its compressed copy do: together their rows would be there twice.
fn has_copies(group: &[Looked]) -> bool {
    let mut known = HashSet::new();
    !group.iter().all(|file| known.insert((file.parted().0, without_ending(file.parted().1))))
}

fn paths_of(files: &[Looked]) -> Vec<&str> {
    files.iter().map(|file| file.path.as_str()).collect()
}

impl Looked {
    fn parted(&self) -> (&str, &str) {
        parted(&self.path)
    }

    fn is_like(&self, other: &Self) -> bool {
        self.kind == other.kind && self.part == other.part && self.columns == other.columns
    }

    /// Whether it has most of the columns of another one, or the other way round.
    fn is_related(&self, other: &Self) -> bool {
        let shared = self.columns.intersection(&other.columns).count();
        self.kind == other.kind && shared * 2 >= self.columns.len().min(other.columns.len())
    }

    /// The dataset that is this file alone.
    fn alone(&self) -> Discovered {
        let (folder, name) = self.parted();
        self.dataset(&self.path, Called { name: snake_case(without_ending(name)), folder: last_part(folder) })
    }

    /// The dataset at `path`, of which this is a file. A part of a file is called by its own name, unless it is the only one.
    fn dataset(&self, path: &str, called: Called) -> Discovered {
        let address = Address { place: path.to_owned(), part: self.part.clone() };
        let file = snake_case(without_ending(self.parted().1));
        let (name, folder) = match &self.part {
            Some(part) if !self.is_only => (snake_case(part), file),
            Some(_) => (called.name, file),
            None => (called.name, called.folder),
        };
        let name = if name.is_empty() { self.kind.to_owned() } else { name };
        Discovered { kind: self.kind, path: address.to_string(), name, folder, is_open: false }
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    fn write(root: &Path, path: &str, text: &str) {
        std::fs::create_dir_all(root.join(path).parent().unwrap()).unwrap();
        std::fs::write(root.join(path), text).unwrap();
    }

    /// The datasets that are found in small files, as their names and paths.
    #[track_caller]
    fn check(files: &[&str], data: &[&str], expected: &[(&str, &str)]) {
        let folder = tempfile::tempdir().unwrap();
        for path in files {
            let columns = if path.ends_with("other.csv") { "x,y\n1,2\n" } else { "id,amount\n1,2\n" };
            write(folder.path(), path, columns);
        }
        let data: Vec<String> = data.iter().map(|data| (*data).to_owned()).collect();
        let runtime = tokio::runtime::Builder::new_current_thread().enable_all().build().unwrap();
        let found = runtime.block_on(discover(folder.path(), &data)).unwrap();
        let found: Vec<(&str, &str)> = found.datasets.iter().map(|found| (found.name.as_str(), found.path.as_str())).collect();
        assert_eq!(found, expected, "{data:?}");
    }

    #[test]
    fn folders_that_differ_in_numbers_are_one_dataset_for_each_name() {
        let days = ["in/flights/2026-01-01/flights.csv", "in/flights/2026-01-02/flights.csv", "in/flights/2026-01-02/seats.csv"];
        check(&days, &["in"], &[("flights", "in/flights/*/flights.csv"), ("seats", "in/flights/*/seats.csv")]);
        check(&days, &["./in/flights/"], &[("flights", "in/flights/*/flights.csv"), ("seats", "in/flights/*/seats.csv")]);
        check(&days[..2], &["in/flights/*/*.csv*"], &[("flights", "in/flights/*/*.csv*")]);
        check(&days[..2], &days[..2], &[("flights", "in/flights/*/flights.csv")]);
        check(&["y/2025/01/orders.csv", "y/2025/02/orders.csv"], &["y"], &[("orders", "y/*/*/orders.csv")]);
        let apart = [("customers", "a/customers/[0-9]*.csv"), ("orders", "a/orders/[0-9]*.csv")];
        check(&["a/customers/1.csv", "a/orders/1.csv"], &["a"], &apart);
        check(&["a/dt=2026-01-01/x.csv", "a/dt=2026-01-02/x.csv"], &["a"], &[("x", "a/dt=*/x.csv")]);
    }

    #[test]
    fn a_pattern_names_no_other_files() {
        let beside = ["in/2026/a.csv", "in/2027/a.csv", "in/old/a.csv"];
        check(&beside, &["in"], &[("a", "in/[0-9]*/a.csv"), ("a", "in/old/a.csv")]);
        check(&beside[..2], &beside[..1], &[("a", "in/2026/a.csv")]);
        check(&["in/sales-1.csv", "in/sales-2.csv"], &["in/sales-1.csv"], &[("sales_1", "in/sales-1.csv")]);
        check(&["in/sales-1.csv", "in/sales.csv.md5"], &["in"], &[("sales", "in/sales-*.csv")]);
        let numbers_first = ["in/1-flights.csv", "in/2-flights.csv", "in/1-other.csv"];
        check(&numbers_first, &["in"], &[("flights", "in/*-flights.csv"), ("_1_other", "in/1-other.csv")]);
        check(&["in/a.csv", "in/a.tsv"], &["in"], &[("a", "in/a.csv"), ("a", "in/a.tsv")]);
    }

    #[tokio::test]
    async fn files_that_differ_in_numbers_are_one_dataset_and_no_others() {
        let folder = tempfile::tempdir().unwrap();
        for (path, text) in [
            ("in/orders-1.csv", "id,amount\n1,2\n"),
            ("in/orders-2.csv", "id,amount,note\n1,2,x\n"),
            ("in/colors.csv", "id,name\n1,red\n"),
            ("in/sizes.csv", "id,name\n1,small\n"),
            ("other/orders-1.csv", "x\n1\n"),
            ("in/broken.parquet", "no"),
        ] {
            write(folder.path(), path, text);
        }
        let found = discover(folder.path(), &["in".into(), "other/orders-1.csv".into()]).await.unwrap();
        let mut datasets: Vec<(String, String)> = found.datasets.into_iter().map(|found| (found.name, found.path)).collect();
        datasets.sort();
        let expected =
            [("colors", "in/colors.csv"), ("orders", "in/orders-*.csv"), ("orders", "other/orders-*.csv"), ("sizes", "in/sizes.csv")];
        assert_eq!(datasets, expected.map(|(name, path)| (name.to_owned(), path.to_owned())));
        assert_eq!(found.left_out.into_iter().map(|(path, _)| path).collect::<Vec<_>>(), ["in/broken.parquet"]);
        let typed = discover(folder.path(), &["in/*s.csv".into()]).await.unwrap().datasets;
        assert_eq!((typed.len(), typed[0].name.as_str(), typed[0].path.as_str()), (1, "in", "in/*s.csv"));
    }
}
