//! Which files make one dataset, where nobody has said so.
//!
//! Files of one folder whose names differ in numbers alone (`orders-2026-01.csv`, `orders-2026-02.csv`) are one dataset if
//! they have columns in common; so are all files of a glob that have the same columns. Every other file stands for itself.

use std::collections::{BTreeMap, HashSet};
use std::path::Path;

use hw_base::{Delivery, Error, Result, Settings, SourceFile, snake_case};
use serde_json::json;

use crate::connectors::{Place, connector};
use crate::file_source::blocking;
use crate::files::{self, ending, is_glob, without_ending};
use crate::parts::Address;
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
            match readable.first().filter(|first| pattern && readable.iter().all(|file| file.is_like(first))) {
                Some(first) => found.datasets.push(first.dataset(&address.place)),
                None => found.datasets.extend(grouped(root, readable)),
            }
        }
    }
    found.datasets.extend(grouped(root, named));
    Ok(found)
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
    Discovered { kind: "delta", path: path.to_owned(), name: snake_case(name), folder: last_part(folder) }
}

fn parted(path: &str) -> (&str, &str) {
    path.rsplit_once('/').unwrap_or(("", path))
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

/// The datasets of files that were found one by one.
fn grouped(root: &Path, files: Vec<Looked>) -> Vec<Discovered> {
    let mut groups: BTreeMap<(String, &str, String, Option<String>), Vec<Looked>> = BTreeMap::new();
    for file in files {
        let (folder, name) = parted(&file.path);
        let group = groups.entry((folder.to_owned(), file.kind, word(name), file.part.clone())).or_default();
        if !group.iter().any(|known| known.path == file.path) {
            group.push(file);
        }
    }
    groups.into_values().flat_map(|group| one_or_many(root, &group)).collect()
}

/// One dataset, where a glob names exactly these files and they belong together; else one each.
fn one_or_many(root: &Path, group: &[Looked]) -> Vec<Discovered> {
    let related = group.len() > 1 && group.iter().all(|file| file.is_related(&group[0]));
    match (group, related.then(|| glob_of(root, group)).flatten()) {
        ([first, ..], Some(glob)) => vec![first.dataset(&glob)],
        _ => group.iter().map(|file| file.dataset(&file.path)).collect(),
    }
}

impl Looked {
    fn is_like(&self, other: &Self) -> bool {
        self.kind == other.kind && self.part == other.part && self.columns == other.columns
    }

    /// Whether it has most of the columns of another one, or the other way round.
    fn is_related(&self, other: &Self) -> bool {
        let shared = self.columns.intersection(&other.columns).count();
        self.kind == other.kind && shared * 2 >= self.columns.len().min(other.columns.len())
    }

    /// The dataset at `path`, of which this is a file.
    fn dataset(&self, path: &str) -> Discovered {
        let (folder, name) = parted(&self.path);
        let address = Address { place: path.to_owned(), part: self.part.clone() };
        let (of_part, file) = (self.part.as_deref().map(snake_case), snake_case(without_ending(name)));
        let folder = if of_part.is_some() { file } else { last_part(folder) };
        let name = match (of_part, path == self.path, word(name)) {
            (Some(part), ..) if !part.is_empty() && !self.is_only => part,
            (_, true, _) => snake_case(without_ending(name)),
            (_, false, word) if word.is_empty() && folder.is_empty() => self.kind.to_owned(),
            (_, false, word) if word.is_empty() || path_is_folder_of_one(path) => folder.clone(),
            (_, false, word) => word,
        };
        let name = if name.is_empty() { self.kind.to_owned() } else { name };
        Discovered { kind: self.kind, path: address.to_string(), name, folder }
    }
}

/// Whether a glob says nothing of the names of its files, so that the folder names the dataset.
fn path_is_folder_of_one(path: &str) -> bool {
    parted(path).1.starts_with('*')
}

/// What a file is called before numbers begin: `orders` for `orders-2026-01.csv`; empty where it has no such word.
fn word(name: &str) -> String {
    let stem = without_ending(name);
    let mut words: Vec<String> = Vec::new();
    for part in stem.split(|c: char| !c.is_alphanumeric()).filter(|part| !part.is_empty()) {
        let letters: String = part.chars().take_while(|c| !c.is_numeric()).collect();
        let rest = &part[letters.len()..];
        let is_hash = part.len() >= 8 && part.chars().all(|c| c.is_ascii_hexdigit());
        let is_numbered = !rest.is_empty();
        if is_hash || (is_numbered && !rest.chars().all(char::is_numeric)) {
            break;
        }
        if !letters.is_empty() {
            words.push(letters);
        }
        if is_numbered {
            break;
        }
    }
    if words.is_empty() { String::new() } else { snake_case(&words.join("_")) }
}

/// A glob that names the files of a group and no others.
fn glob_of(root: &Path, group: &[Looked]) -> Option<String> {
    let (folder, first) = parted(&group[0].path);
    let names: Vec<&str> = group.iter().map(|file| parted(&file.path).1).collect();
    let suffix = &first[without_ending(first).len()..];
    let shared = names.iter().fold(without_ending(first), |shared, name| {
        let same =
            shared.char_indices().zip(name.chars()).find(|((_, a), b)| a != b).map_or(shared.len().min(name.len()), |((at, _), _)| at);
        shared.get(..same).unwrap_or_default()
    });
    let before_numbers = shared.find(char::is_numeric).map_or(shared, |at| &shared[..at]);
    let escaped = if folder.is_empty() { String::new() } else { format!("{}/", glob::Pattern::escape(folder)) };
    let mut wanted: Vec<&str> = group.iter().map(|file| file.path.as_str()).collect();
    wanted.sort_unstable();
    [before_numbers, shared]
        .iter()
        .map(|prefix| format!("{escaped}{}*{}", glob::Pattern::escape(prefix), glob::Pattern::escape(suffix)))
        .find(|glob| {
            let listed = files::list(root, glob, &[ending(first).as_str()]).unwrap_or_default();
            listed.iter().map(|file| file.path.as_str()).eq(wanted.iter().copied())
        })
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_file_is_called_by_its_words_before_numbers() {
        let words = ["orders-2026-01.csv", "Orders 3.CSV", "part-00000-3f2a9c1d-c000.snappy.parquet", "3f2a9c1d.json", "jan.csv"];
        assert_eq!(words.map(word), ["orders", "orders", "part", "", "jan"]);
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
            std::fs::create_dir_all(folder.path().join(path).parent().unwrap()).unwrap();
            std::fs::write(folder.path().join(path), text).unwrap();
        }
        let found = discover(folder.path(), &["in".into(), "other/orders-1.csv".into()]).await.unwrap();
        let mut datasets: Vec<(String, String)> = found.datasets.into_iter().map(|found| (found.name, found.path)).collect();
        datasets.sort();
        let expected =
            [("colors", "in/colors.csv"), ("orders", "in/orders-*.csv"), ("orders_1", "other/orders-1.csv"), ("sizes", "in/sizes.csv")];
        assert_eq!(datasets, expected.map(|(name, path)| (name.to_owned(), path.to_owned())));
        assert_eq!(found.left_out.into_iter().map(|(path, _)| path).collect::<Vec<_>>(), ["in/broken.parquet"]);
        let typed = discover(folder.path(), &["in/*s.csv".into()]).await.unwrap().datasets;
        assert_eq!((typed.len(), typed[0].name.as_str(), typed[0].path.as_str()), (1, "in", "in/*s.csv"));
    }
}
