//! Files that nobody wrote to: one that was only touched or copied anew is listed as it is now, and one that has another name now is known
//! by that. Their rows stay as they are, under the name they came from, so that none of them becomes newer than it is. Where several have one
//! size and time, only their content tells which is which.

use std::collections::{BTreeMap, BTreeSet};

use hw_base::{
    DatasetName, Engine, Position, Progress, Reader, Result, SourceFile, Sources, Survey, TableName, TableState, Value, literal,
};

use crate::position::{FILES, RENAMED};

/// Where a dataset stands, with its files as they are listed and named now.
pub(super) fn recognised(sources: &dyn Sources, dataset: &DatasetName, survey: &Survey, mut progress: Progress) -> Progress {
    let (Some(present), Some(Position::Files(before))) = (&survey.files, progress.inputs.get(FILES)) else { return progress };
    let known = as_they_are_now(present, before.clone(), progress.window, &|file| sources.digest(dataset, file));
    let renamed = renamed_since(before, not_noted(&progress), &known);
    progress.inputs.remove(RENAMED);
    if !renamed.is_empty() {
        progress.inputs.insert(RENAMED.into(), Position::Files(renamed));
    }
    progress.inputs.insert(FILES.into(), Position::Files(known));
    progress
}

/// Files that have another name than the raw copy of a dataset that stands at `progress` notes.
pub(crate) fn not_noted(progress: &Progress) -> &[SourceFile] {
    match progress.inputs.get(RENAMED) {
        Some(Position::Files(renamed)) => renamed,
        _ => &[],
    }
}

/// Known files that have another name than they had before, with those of which that was so already.
fn renamed_since(before: &[SourceFile], not_noted: &[SourceFile], known: &[SourceFile]) -> Vec<SourceFile> {
    let names = |file: &SourceFile| (file.path.clone(), file.was.clone());
    let waiting: BTreeSet<_> = not_noted.iter().map(names).collect();
    let noted: BTreeSet<_> = before.iter().map(names).filter(|names| !waiting.contains(names)).collect();
    known.iter().filter(|file| file.was.is_some() && !noted.contains(&names(file))).cloned().collect()
}

/// The files that the commits of a raw copy note, by name and as each was when it was read last. A ledger that begins anew knows no others.
///
/// # Errors
/// If the raw copy cannot be read.
pub(crate) async fn noted_files(engine: &dyn Engine, table: &TableName) -> Result<BTreeMap<String, SourceFile>> {
    let tells_files = |state: &TableState| state.columns.iter().any(|column| column.name == "_file");
    let Some(state) = engine.table(table, None).await?.filter(tells_files) else { return Ok(BTreeMap::new()) };
    let versions = engine.versions(table, usize::try_from(state.version).unwrap_or_default() + 1).await?;
    // The newest version comes first.
    Ok(versions.into_iter().rev().fold(BTreeMap::new(), |noted, version| noted_with(noted, version.files)))
}

/// What is noted once a commit has noted `files` as well: what has another name now is known by that alone.
fn noted_with(mut noted: BTreeMap<String, SourceFile>, files: Vec<SourceFile>) -> BTreeMap<String, SourceFile> {
    let renamed: Vec<&SourceFile> = files.iter().filter(|file| file.was.is_some()).collect();
    let is_same = |known: &SourceFile, file: &SourceFile| {
        file.was.as_deref() == Some(name_when_read(known)) && (file.bytes, &file.digest) == (known.bytes, &known.digest)
    };
    noted.retain(|_, known| !renamed.iter().any(|file| is_same(known, file)));
    noted.extend(files.into_iter().map(|file| (file.path.clone(), file)));
    noted
}

/// Those of the noted files that the source has under their name no longer, and of which the raw copy has rows.
///
/// # Errors
/// If the raw copy cannot be read.
pub(crate) async fn gone_files(
    engine: &dyn Engine,
    table: &TableName,
    noted: &BTreeMap<String, SourceFile>,
    present: &[SourceFile],
) -> Result<Vec<SourceFile>> {
    let names: BTreeSet<&str> = present.iter().map(|file| file.path.as_str()).collect();
    let gone: Vec<&SourceFile> = noted.values().filter(|file| !names.contains(file.path.as_str())).collect();
    if gone.is_empty() {
        return Ok(vec![]);
    }
    let names: Vec<String> = gone.iter().map(|file| literal(name_when_read(file))).collect();
    let sql = format!("select _file from {} where _file in ({}) group by _file", table.sql(), names.join(", "));
    let found = engine.query(&Reader { sql, inputs: vec![], file: None }, gone.len()).await?;
    let with_rows = found.rows.iter().filter_map(|row| match &row[..] {
        [Value::Text(name)] => Some(name.as_str()),
        _ => None,
    });
    let with_rows: BTreeSet<&str> = with_rows.collect();
    Ok(gone.into_iter().filter(|file| with_rows.contains(name_when_read(file))).cloned().collect())
}

/// The files that are known up to a batch, as those that are present show them. What is to be read again is listed like no file.
fn as_they_are_now(
    present: &[SourceFile],
    mut known: Vec<SourceFile>,
    last_batch: i64,
    digest: &dyn Fn(&SourceFile) -> Option<String>,
) -> Vec<SourceFile> {
    complete(&mut known, present, last_batch);
    let mut files = Files::told_apart(present, known, digest);
    for (at, path) in files.renames() {
        renamed(&mut files.known, at, path, last_batch);
        // It took the place of a file that is nowhere else: read again, it replaces the rows of both.
        if files.places.get(path).is_some_and(|before| files.missing.contains(before)) {
            read_again(&mut files.known[at]);
        }
    }
    files.read_again_what_changed();
    files.read_again_what_came_back();
    files.known.sort();
    files.known
}

/// Files that are known, and those that are present.
struct Files<'a> {
    present: &'a [SourceFile],
    known: Vec<SourceFile>,
    /// Where among the known ones each name stands.
    places: BTreeMap<String, usize>,
    /// Sizes and times that files of several names have or had.
    shared: BTreeSet<(u64, i64)>,
    /// Known ones that are gone, or whose name another one has.
    missing: BTreeSet<usize>,
    /// Those present that are no known one of their name.
    unknown: Vec<&'a SourceFile>,
    digest: &'a dyn Fn(&SourceFile) -> Option<String>,
}

impl<'a> Files<'a> {
    fn told_apart(present: &'a [SourceFile], known: Vec<SourceFile>, digest: &'a dyn Fn(&SourceFile) -> Option<String>) -> Self {
        let places: BTreeMap<String, usize> = known.iter().enumerate().map(|(at, file)| (file.path.clone(), at)).collect();
        let missing = places.values().copied().collect();
        let shared = shared(present, &known);
        let mut files = Self { present, known, places, shared, missing, unknown: Vec::new(), digest };
        for file in present {
            match files.places.get(&file.path).copied().filter(|at| files.is_same(*at, file)) {
                Some(at) => {
                    files.known[at].modified = file.modified;
                    files.missing.remove(&at);
                }
                None => files.unknown.push(file),
            }
        }
        files
    }

    /// Whether nobody has written to a file that has its name still.
    fn is_same(&self, at: usize, file: &SourceFile) -> bool {
        let known = &self.known[at];
        if known.is_listed_like(file) {
            let content = if self.shared.contains(&listing(file)) { (self.digest)(file) } else { None };
            return content.is_none() || known.digest.is_none() || content == known.digest;
        }
        let may_be_alike = known.bytes == file.bytes && known.digest.is_some();
        may_be_alike && known.has_content_of((self.digest)(file).as_deref())
    }

    /// Known files that have another name now, each with that.
    fn renames(&mut self) -> Vec<(usize, &'a str)> {
        let mut renames = Vec::new();
        for file in std::mem::take(&mut self.unknown) {
            let is_alike = |at: &usize| file.bytes > 0 && listing(&self.known[*at]) == listing(file);
            let candidates: Vec<usize> = self.missing.iter().copied().filter(is_alike).collect();
            let content = if candidates.is_empty() { None } else { (self.digest)(file) };
            if let Some(at) = candidates.into_iter().find(|at| self.known[*at].digest == content) {
                self.missing.remove(&at);
                renames.push((at, file.path.as_str()));
            }
        }
        renames
    }

    /// Lets those count as changed that are listed as before, and whose content is another one or that of another file.
    fn read_again_what_changed(&mut self) {
        for file in self.present {
            if let Some(at) = self.places.get(&file.path)
                && self.missing.contains(at)
                && self.known[*at].is_listed_like(file)
            {
                read_again(&mut self.known[*at]);
            }
        }
    }

    /// Lets those count as changed that are back and whose rows were read in another way than all others.
    fn read_again_what_came_back(&mut self) {
        for (at, file) in self.known.iter_mut().enumerate() {
            if file.is_outdated && !self.missing.contains(&at) {
                read_again(file);
            }
        }
    }
}

/// The size and the time of a file.
fn listing(file: &SourceFile) -> (u64, i64) {
    (file.bytes, file.modified)
}

/// Sizes and times that files of several names have or had.
fn shared(present: &[SourceFile], known: &[SourceFile]) -> BTreeSet<(u64, i64)> {
    let mut names: BTreeMap<(u64, i64), &str> = BTreeMap::new();
    let mut shared = BTreeSet::new();
    for file in known.iter().chain(present).filter(|file| file.bytes > 0) {
        if *names.entry(listing(file)).or_insert(file.path.as_str()) != file.path.as_str() {
            shared.insert(listing(file));
        }
    }
    shared
}

/// Notes that a known file has another name now. Its rows are in the batches so far, under the name that it had when it was read.
fn renamed(known: &mut [SourceFile], at: usize, path: &str, last_batch: i64) {
    let was = name_when_read(&known[at]).to_owned();
    let others_had_it = known.iter().enumerate().any(|(other, file)| other != at && name_when_read(file) == was);
    let is_known_by_it = was == path && !others_had_it;
    let file = &mut known[at];
    file.was_until = file.was_until.or(Some(last_batch)).filter(|_| !is_known_by_it);
    file.was = Some(was).filter(|_| !is_known_by_it);
    path.clone_into(&mut file.path);
}

fn name_when_read(file: &SourceFile) -> &str {
    file.was.as_deref().unwrap_or(&file.path)
}

/// Adds to what older programs noted of renamed files until when a name was theirs. Where no other file had it, that is until now; else
/// nobody can tell whose rows are whose, and all of these files are read again, unless one is gone.
fn complete(known: &mut [SourceFile], present: &[SourceFile], last_batch: i64) {
    let names: BTreeSet<String> = known.iter().filter(|file| file.was_until.is_none()).filter_map(|file| file.was.clone()).collect();
    for name in names {
        let had_it = |file: &SourceFile| file.path == name || file.was.as_ref() == Some(&name);
        let mut sharing: Vec<&mut SourceFile> = known.iter_mut().filter(|file| had_it(file)).collect();
        if let [only] = &mut sharing[..] {
            only.was_until = Some(last_batch);
        } else if sharing.iter().all(|file| present.iter().any(|present| present.path == file.path)) {
            for file in sharing {
                read_again(file);
            }
        }
    }
}

/// Lets a known file count as changed.
fn read_again(file: &mut SourceFile) {
    (file.bytes, file.modified) = (0, 0);
}

#[cfg(test)]
mod tests {
    use super::*;

    /// Files as `path=content`, written when their content was, those in capitals all at once: `b=x<a@2` had the name `a` until batch 2;
    /// `b=x<a` is what older programs noted. Of `a=x!` the rows were read in another way.
    fn files(text: &str) -> Vec<SourceFile> {
        text.split_whitespace().map(file).collect()
    }

    fn file(text: &str) -> SourceFile {
        let (text, was) = text.split_once('<').map_or((text, None), |(text, was)| (text, Some(was)));
        let (path, content) = text.split_once('=').unwrap();
        let (was, until) = was.map_or((None, None), |was| match was.split_once('@') {
            Some((was, until)) => (Some(was), Some(until.parse().unwrap())),
            None => (Some(was), None),
        });
        let is_outdated = content.ends_with('!');
        let content = content.trim_end_matches('!');
        let written = i64::from(content.as_bytes()[0].max(b'Z'));
        let (digest, was) = (Some(content.to_owned()), was.map(str::to_owned));
        SourceFile { digest, was, was_until: until, is_outdated, ..SourceFile::listed(path, 9, written) }
    }

    fn shown(file: &SourceFile) -> String {
        let content = if file.bytes == 0 { "?" } else { file.digest.as_deref().unwrap() };
        let until = file.was_until.map(|until| format!("@{until}")).unwrap_or_default();
        let was = file.was.as_ref().map(|was| format!("<{was}{until}")).unwrap_or_default();
        let outdated = if file.is_outdated && file.bytes > 0 { "!" } else { "" };
        format!("{}={content}{outdated}{was}", file.path)
    }

    /// What is known after batch 5, when these files are there; `?` is what counts as changed.
    #[track_caller]
    fn check(known: &str, present: &str, expected: &str) {
        let now = as_they_are_now(&files(present), files(known), 5, &|file| file_content(&files(present), file));
        assert_eq!(now.iter().map(shown).collect::<Vec<_>>().join(" "), expected);
    }

    fn file_content(present: &[SourceFile], file: &SourceFile) -> Option<String> {
        present.iter().find(|present| present.path == file.path)?.digest.clone()
    }

    #[test]
    fn a_commit_notes_the_names_that_files_have_got_since_the_one_before() {
        let check = |before: &str, not_noted: &str, known: &str, expected: &str| {
            let renamed = renamed_since(&files(before), &files(not_noted), &files(known));
            assert_eq!(renamed.iter().map(shown).collect::<Vec<_>>().join(" "), expected);
        };
        check("a=x b=y", "", "a=x c=y<b@5", "c=y<b@5");
        check("a=x c=y<b@5", "c=y<b@5", "a=x c=y<b@5", "c=y<b@5");
        check("a=x c=y<b@5", "c=y<b@5", "a=x d=y<b@5", "d=y<b@5");
        check("a=x c=y<b@5", "", "a=x c=y<b@5", "");
        check("c=y<b@5", "c=y<b@5", "b=y", "");
    }

    #[test]
    fn a_file_is_noted_under_the_name_that_it_got_last() {
        let check = |commits: &[&str], expected: &str| {
            let noted = commits.iter().fold(BTreeMap::new(), |noted, commit| noted_with(noted, files(commit)));
            assert_eq!(noted.values().map(shown).collect::<Vec<_>>().join(" "), expected);
        };
        check(&["a=x b=y", "c=x<a@1"], "b=y c=x<a@1");
        check(&["a=x", "c=x<a@1 a=z", "d=x<a@1"], "a=z d=x<a@1");
        check(&["a=x b=y", "a=y<b@1 b=x<a@1"], "a=y<b@1 b=x<a@1");
        check(&["a=x", "c=x<a@1", "c=z"], "c=z");
    }

    #[test]
    fn a_file_that_nobody_wrote_to_is_known_by_the_name_that_it_has_now() {
        check("a=x b=y", "a=x c=y", "a=x c=y<b@5");
        check("a=x", "a=y", "a=x");
        check("a=x", "b=y", "a=x");
        check("c=y<b@2", "d=y", "d=y<b@2");
        check("c=y<b@2", "b=y", "b=y");
    }

    #[test]
    fn files_that_take_the_names_of_others_in_one_go_are_each_known_by_their_own() {
        check("a=x c=y", "b=x a=y", "a=y<c@5 b=x<a@5");
        check("a=x b=y", "a=y b=x", "a=y<b@5 b=x<a@5");
        check("a=y<b@5 b=x<a@5", "a=x b=y", "a=x b=y");
        check("a=x b=y c=z", "b=x c=y d=z", "b=x<a@5 c=y<b@5 d=z<c@5");
        check("a=y b=x<a@2", "a=x c=y", "a=x<a@2 c=y<a@5");
    }

    #[test]
    fn files_of_one_size_and_time_are_known_by_their_content() {
        check("a=X c=Y", "b=X a=Y", "a=Y<c@5 b=X<a@5");
        check("a=X b=Y c=Z", "b=X c=Y d=Z", "b=X<a@5 c=Y<b@5 d=Z<c@5");
        check("a=X", "a=X b=X", "a=X");
        check("a=X b=Y", "a=Y b=X", "a=Y<b@5 b=X<a@5");
        check("a=X b=Y", "a=Z b=Y", "a=? b=Y");
    }

    #[test]
    fn of_files_of_one_size_and_time_one_that_is_overwritten_is_read_again() {
        check("a=X b=Y", "b=X", "b=?<a@5 b=?");
        check("a=X b=Y", "a=z b=X", "b=?<a@5 b=?");
        check("a=X b=Y", "a=Y b=z", "a=? a=?<b@5");
        check("a=X b=Y c=Z", "a=w b=X c=Y", "b=X<a@5 c=?<b@5 c=?");
        check("a=Y<b@2 b=X<a@2", "a=z b=X", "a=Y<b@2 b=X<a@2");
    }

    #[test]
    fn a_file_that_took_the_place_of_one_that_is_nowhere_else_replaces_the_rows_of_both() {
        check("a=x c=y", "a=y", "a=?<c@5 a=x");
        check("a=y b=x<a@2", "a=x", "a=?<a@2 a=y");
    }

    #[test]
    fn a_file_that_was_gone_when_all_were_read_in_another_way_is_read_again_when_it_is_back() {
        check("a=x! b=y", "b=y", "a=x! b=y");
        check("a=x! b=y", "a=x b=y", "a=? b=y");
        check("a=x! b=y", "b=y c=x", "b=y c=?<a@5");
    }

    #[test]
    fn what_older_programs_noted_of_a_name_is_completed_or_its_files_are_read_again() {
        check("b=x<a", "b=x", "b=x<a@5");
        check("b=x<a", "b=x a=y", "b=x<a@5");
        check("a=y b=x<a", "a=y b=x", "a=? b=?<a");
        check("a=y b=x<a", "b=x", "a=y b=x<a");
    }
}
