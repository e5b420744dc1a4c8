//! The files of a dataset: found by path, folder or glob, listed in the order of their paths.

use std::fs::{self, File};
use std::io::{self, Read, Seek, SeekFrom};
use std::path::{Path, PathBuf};
use std::time::UNIX_EPOCH;

use hw_base::{Error, Result, SourceFile, nearest, snake_case};
pub(crate) use hw_text::unreadable;

/// Endings of compressed files.
const COMPRESSED: [&str; 3] = ["gz", "zst", "zstd"];
/// Characters that make a path a glob.
const GLOB: [char; 3] = ['*', '?', '['];
/// How many names an error lists.
const MOST_NAMES: usize = 8;

/// Lists the files that `pattern` names below `root`: one file, all files with one of `endings` below a folder, or what
/// a glob matches. A file or folder whose own name looks like a glob is taken as it is.
pub(crate) fn list(root: &Path, pattern: &str, endings: &[&str]) -> Result<Vec<SourceFile>> {
    let whole = root.join(pattern);
    let paths = if is_glob(pattern) && !whole.exists() {
        glob_paths(root, pattern)?
    } else if whole.is_dir() {
        let mut found = Vec::new();
        walk(root, &whole, endings, &mut found)?;
        found
    } else if whole.is_file() || is_out_of_sight(&whole) {
        vec![whole]
    } else {
        Vec::new()
    };
    let mut files = paths.iter().map(|path| describe(root, path)).collect::<Result<Vec<_>>>()?;
    files.sort();
    if files.is_empty() { Err(nothing_found(root, pattern, endings)) } else { Ok(files) }
}

/// The path of a listed file.
pub(crate) fn path_of(root: &Path, file: &SourceFile) -> PathBuf {
    root.join(&file.path)
}

/// The ending of a file name in lower case, without that of a compression.
pub(crate) fn ending(path: &str) -> String {
    let name = path.rsplit('/').next().unwrap_or(path).to_lowercase();
    let name = COMPRESSED.iter().find_map(|ending| name.strip_suffix(&format!(".{ending}"))).unwrap_or(&name);
    name.rsplit_once('.').map(|(_, ending)| ending.to_owned()).unwrap_or_default()
}

/// The name of the dataset behind a path: the file without its ending, else the last folder that is no glob.
pub(crate) fn dataset_name(pattern: &str) -> Option<String> {
    let mut parts = pattern.trim_end_matches('/').rsplit('/').map(|part| (part, is_glob(part)));
    let (file, is_pattern) = parts.next()?;
    let name = if is_pattern {
        parts.find(|(part, is_pattern)| !is_pattern && !matches!(*part, "" | "." | ".."))?.0
    } else {
        without_ending(file)
    };
    (!name.is_empty() && !matches!(name, "." | "..")).then(|| snake_case(name))
}

/// Whether a path stands for many.
pub(crate) fn is_glob(text: &str) -> bool {
    text.contains(GLOB)
}

/// A file name without its ending and that of a compression.
pub(crate) fn without_ending(file: &str) -> &str {
    let lower = file.to_lowercase();
    let kept = COMPRESSED.iter().find(|ending| lower.ends_with(&format!(".{ending}"))).map_or(file.len(), |e| file.len() - e.len() - 1);
    let file = file.get(..kept).unwrap_or(file);
    file.rsplit_once('.').map_or(file, |(stem, _)| if stem.is_empty() { file } else { stem })
}

fn glob_paths(root: &Path, pattern: &str) -> Result<Vec<PathBuf>> {
    let escaped = glob::Pattern::escape(&root.to_string_lossy());
    let whole = Path::new(&escaped).join(pattern);
    let options = glob::MatchOptions { require_literal_leading_dot: true, require_literal_separator: true, case_sensitive: true };
    let paths = glob::glob_with(&whole.to_string_lossy(), options).map_err(|error| {
        Error::user(format!("`{pattern}` is no valid path pattern"))
            .code("HW104")
            .because(error)
            .help("`*` stands for any characters of a name, `**` for any folders")
    })?;
    paths
        .filter_map(|path| match path {
            Ok(path) => (path.is_file() || is_out_of_sight(&path)).then_some(Ok(path)),
            Err(error) => Some(Err(closed(&shown(root, error.path()), error.error()))),
        })
        .collect()
}

/// Whether there is a name of which nothing can be known: a link that leads nowhere, a file behind a closed folder. Left out it would be
/// missing without a word; whoever describes it says why it cannot be.
fn is_out_of_sight(path: &Path) -> bool {
    fs::metadata(path).is_err_and(|error| error.kind() == io::ErrorKind::PermissionDenied || path.is_symlink())
}

fn walk(root: &Path, folder: &Path, endings: &[&str], found: &mut Vec<PathBuf>) -> Result<()> {
    let failed = |error: io::Error| closed(&shown(root, folder), &error);
    for entry in fs::read_dir(folder).map_err(failed)? {
        let path = entry.map_err(failed)?.path();
        let name = path.file_name().map(|name| name.to_string_lossy().into_owned()).unwrap_or_default();
        if name.starts_with(['.', '_']) {
            continue;
        }
        if path.is_dir() {
            walk(root, &path, endings, found)?;
        } else if endings.contains(&ending(&name).as_str()) {
            found.push(path);
        }
    }
    Ok(())
}

fn describe(root: &Path, path: &Path) -> Result<SourceFile> {
    let shown = shown(root, path);
    let facts = fs::metadata(path).map_err(|error| match fs::read_link(path) {
        Ok(target) if error.kind() == io::ErrorKind::NotFound => leads_nowhere(&shown, &target),
        _ => unreadable(&shown, &error),
    })?;
    let modified = facts.modified().ok().and_then(|at| at.duration_since(UNIX_EPOCH).ok()).map(|age| age.as_micros());
    Ok(SourceFile::listed(shown, facts.len(), modified.and_then(|micros| i64::try_from(micros).ok()).unwrap_or_default()))
}

/// Bytes up to which a digest is of the whole content of a file; of a longer one it is of parts, as it is made beside reading the file.
const WHOLLY_DIGESTED: u64 = 4 << 20;
/// The parts of a longer file, spread over all of it.
const DIGESTED_PARTS: u64 = 64;
const DIGESTED_PART: u64 = 64 << 10;

/// What the content of a file is, in short; `None` where it cannot be read.
pub(crate) fn digest(root: &Path, file: &SourceFile) -> Option<String> {
    let mut content = File::open(path_of(root, file)).ok()?;
    let bytes = content.metadata().ok()?.len();
    let mut digest = blake3::Hasher::new();
    digest.update(&bytes.to_le_bytes());
    let (kind, parts) = if bytes <= WHOLLY_DIGESTED { ("", vec![(0, bytes)]) } else { (SourceFile::OF_PARTS, parts_of(bytes)) };
    for (from, length) in parts {
        content.seek(SeekFrom::Start(from)).ok()?;
        let mut part = Vec::new();
        (&content).take(length).read_to_end(&mut part).ok()?;
        digest.update(&part);
    }
    Some(format!("{kind}{}", digest.finalize().to_hex()))
}

/// Where the parts of a long file begin and how long they are; the last one ends it.
fn parts_of(bytes: u64) -> Vec<(u64, u64)> {
    let last = bytes - DIGESTED_PART;
    (0..DIGESTED_PARTS).map(|part| (last / (DIGESTED_PARTS - 1) * part, DIGESTED_PART)).chain([(last, DIGESTED_PART)]).collect()
}

/// A path as a project writes it.
fn shown(root: &Path, path: &Path) -> String {
    path.strip_prefix(root).unwrap_or(path).to_string_lossy().replace('\\', "/")
}

fn leads_nowhere(link: &str, target: &Path) -> Error {
    Error::user(format!("`{link}` is a link to `{}`, which does not exist", target.display()))
        .code("HW201")
        .help("bring back what it leads to, or remove the link")
}

/// The error for a folder that cannot be listed.
fn closed(folder: &str, error: &io::Error) -> Error {
    if error.kind() != io::ErrorKind::PermissionDenied {
        return unreadable(folder, error);
    }
    Error::user(format!("the folder `{folder}` may not be read")).code("HW201").because(error).help("grant read access to the folder")
}

/// The error for a path that names no file: it tells how far the path exists and what lies there.
fn nothing_found(root: &Path, pattern: &str, endings: &[&str]) -> Error {
    let (folder, missing) = deepest_folder(root, pattern);
    let names = names_in(&root.join(&folder));
    let is_here = matches!(root.to_str(), Some("" | "."));
    let project = if is_here { ".".to_owned() } else { root.display().to_string() };
    let shown = if folder.is_empty() { &project } else { &folder };
    let what = if is_glob(pattern) || root.join(pattern).is_dir() { "no file matches" } else { "there is no file" };
    let error = Error::user(format!("{what} `{pattern}`")).code("HW201").because(listing(shown, &names));
    let wanted = without_ending(&missing).trim_matches(GLOB);
    let same_kind = names.iter().find(|name| endings.contains(&ending(name).as_str()));
    match nearest(&missing, names.iter().map(String::as_str))
        .or_else(|| nearest(wanted, names.iter().map(String::as_str)))
        .or(same_kind.map(String::as_str))
    {
        Some(meant) if folder.is_empty() => error.help(format!("did you mean `{meant}`?")),
        Some(meant) => error.help(format!("did you mean `{}/{meant}`?", folder.trim_end_matches('/'))),
        None if !is_here => {
            error.help(format!("paths are relative to the project folder, which is `{project}`; `*` stands for any characters of a name"))
        }
        None => error.help("paths are relative to the project folder; `*` stands for any characters of a name"),
    }
}

/// The deepest folder of the path that exists, and the next part of the path.
fn deepest_folder(root: &Path, pattern: &str) -> (String, String) {
    let mut folder = String::new();
    for part in pattern.trim_end_matches('/').split('/') {
        let next = match folder.as_str() {
            "" if !pattern.starts_with('/') => part.to_owned(),
            "" | "/" => format!("/{part}"),
            _ => format!("{folder}/{part}"),
        };
        if is_glob(part) || !root.join(&next).is_dir() {
            return (folder, part.to_owned());
        }
        folder = next;
    }
    (folder, String::new())
}

fn names_in(folder: &Path) -> Vec<String> {
    let entries = fs::read_dir(folder).into_iter().flatten().flatten();
    let mut names: Vec<String> =
        entries.map(|entry| entry.file_name().to_string_lossy().into_owned()).filter(|name| !name.starts_with('.')).collect();
    names.sort();
    names
}

fn listing(folder: &str, names: &[String]) -> String {
    let shown: Vec<String> = names.iter().take(MOST_NAMES).map(|name| format!("`{name}`")).collect();
    match names.len() {
        0 => format!("the folder `{folder}` is empty or does not exist"),
        count if count > MOST_NAMES => format!("the folder `{folder}` holds {} and {} more", shown.join(", "), count - MOST_NAMES),
        _ => format!("the folder `{folder}` holds {}", shown.join(", ")),
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_digest_tells_contents_apart_and_says_whether_it_is_of_the_whole() {
        let folder = tempfile::tempdir().unwrap();
        let digest_of = |content: &[u8]| {
            std::fs::write(folder.path().join("a.csv"), content).unwrap();
            digest(folder.path(), &SourceFile::listed("a.csv", 0, 0)).unwrap()
        };
        let [one, other] = [digest_of(b"id\n1\n"), digest_of(b"id\n2\n")];
        assert!(one != other && one == digest_of(b"id\n1\n"));
        let known = |digest: &str| SourceFile { digest: Some(digest.into()), ..SourceFile::listed("a.csv", 5, 0) };
        assert!(known(&one).has_content_of(Some(&one)) && !known(&one).has_content_of(Some(&other)) && !known(&one).has_content_of(None));
        let mut long = vec![b'x'; 5 << 20];
        let first = digest_of(&long);
        let last = long.len() - 1;
        long[last] = b'y';
        assert!(first != digest_of(&long) && !known(&first).has_content_of(Some(&first)), "{first}");
        assert_eq!(digest(folder.path(), &SourceFile::listed("b.csv", 0, 0)), None);
    }

    #[test]
    fn datasets_are_named_after_files_and_folders() {
        let name = |pattern: &str| dataset_name(pattern).unwrap_or_default();
        assert_eq!(name("landing/orders/*.csv"), "orders");
        assert_eq!(name("landing/Products 2026.parquet"), "products_2026");
        assert_eq!(name("/data/orders.csv.gz"), "orders");
        assert_eq!(name("landing/*/orders.csv"), "orders");
        assert_eq!(name("landing/orders/"), "orders");
        assert_eq!(name("landing/orders/**/2026-*.csv"), "orders");
        assert_eq!(dataset_name("*.csv"), None);
    }

    #[test]
    fn files_are_listed_by_path_and_a_miss_is_explained() {
        let folder = tempfile::tempdir().unwrap();
        fs::create_dir_all(folder.path().join("landing/orders")).unwrap();
        for name in ["b.csv", "a.csv.gz", "note.md", ".hidden.csv"] {
            fs::write(folder.path().join("landing/orders").join(name), "x").unwrap();
        }
        let paths =
            |pattern: &str| -> Vec<String> { list(folder.path(), pattern, &["csv"]).unwrap().into_iter().map(|file| file.path).collect() };
        assert_eq!(paths("landing/orders"), ["landing/orders/a.csv.gz", "landing/orders/b.csv"]);
        assert_eq!(paths("landing/*/b*"), ["landing/orders/b.csv"]);
        let error = list(folder.path(), "landing/ordres/*.csv", &["csv"]).unwrap_err().to_string();
        assert_eq!(
            error,
            "error[HW201]: no file matches `landing/ordres/*.csv`\n  because: the folder `landing` holds `orders`\n  help: did you mean `landing/orders`?"
        );
    }

    #[test]
    fn a_miss_says_which_folder_was_looked_in() {
        let folder = tempfile::tempdir().unwrap();
        let project = folder.path().join("new");
        let error = list(&project, "in/a.csv", &["csv"]).unwrap_err().to_string();
        let shown = project.display();
        assert!(error.contains(&format!("because: the folder `{shown}` is empty or does not exist")), "{error}");
        assert!(error.contains(&format!("the project folder, which is `{shown}`;")), "{error}");
    }

    #[test]
    fn a_link_that_leads_nowhere_is_not_left_out() {
        let folder = tempfile::tempdir().unwrap();
        fs::create_dir(folder.path().join("in")).unwrap();
        fs::write(folder.path().join("in/a.csv"), "x").unwrap();
        std::os::unix::fs::symlink("/nonexistent/x.csv", folder.path().join("in/b.csv")).unwrap();
        for pattern in ["in/*.csv", "in/b.csv", "in"] {
            assert_eq!(
                list(folder.path(), pattern, &["csv"]).unwrap_err().to_string(),
                "error[HW201]: `in/b.csv` is a link to `/nonexistent/x.csv`, which does not exist\n  help: bring back what it leads to, or remove the link",
                "{pattern}"
            );
        }
    }

    #[test]
    fn a_closed_folder_is_called_one() {
        assert_eq!(
            closed("in", &io::ErrorKind::PermissionDenied.into()).to_string(),
            "error[HW201]: the folder `in` may not be read\n  because: permission denied\n  help: grant read access to the folder"
        );
    }
}
