//! How far a step has read its inputs, and whether an input still is what the step has read.
//!
//! A raw copy is read batch by batch, any other table version by version. Of every input both numbers are noted down: a
//! rollback changes the version and not the window, and a table that was removed and made anew may come to a version that
//! it had before, but never to a window.

use hw_base::{Position, Progress, TableName};

use crate::plan::{Step, Work};

/// The name under which an extraction notes the files it has read.
pub(crate) const FILES: &str = "files";
/// The name under which an extraction notes files that have another name than its raw copy notes, until the next commit does.
pub(crate) const RENAMED: &str = "renamed";
/// The name under which an extraction notes how far it has read.
pub(crate) const WATERMARK: &str = "watermark";
/// The name under which an extraction notes the hash of what it has read.
pub(crate) const CONTENT: &str = "content";
/// The name under which an extraction notes the last batch that took rows of earlier batches out.
pub(crate) const TAKEN_OUT: &str = "taken_out";

/// The name under which an extraction notes the time that its last batch has as `_loaded_at`.
pub(crate) const LOADED_AT: &str = "loaded_at";

/// The name under which an extraction that copies what is new notes the batch that it began with, which has all rows.
pub(crate) const FIRST_BATCH: &str = "first_batch";

/// The name under which a decision about rows in quarantine notes the batch that has the last whole copy: the rows that it lets in join
/// that batch, so its own has none.
pub(crate) const LAST_COPY: &str = "last_copy";

/// The fingerprint of an extraction that reads files, each once.
pub(crate) const ALL_FILES: &str = "extract";
/// The fingerprint of an extraction that copies all rows every time.
pub(crate) const ALL_ROWS: &str = "extract all rows";
/// What the fingerprint of an extraction starts with that copies what is new in a database.
pub(crate) const WHAT_IS_NEW: &str = "extract what is new";

/// What a step notes down about an input that stands at `at`.
pub(crate) fn noted(input: &str, table: &TableName, at: Option<&Progress>) -> Vec<(String, Position)> {
    let window = Position::Batch(at.map(|at| at.window).unwrap_or_default());
    let version = Position::Version(at.and_then(|at| at.version).unwrap_or_default());
    if table.is_raw() {
        let last_copy = at.and_then(|at| at.inputs.get(LAST_COPY)).map(|batch| (format!("{input}#{LAST_COPY}"), batch.clone()));
        [(input.to_owned(), window), (format!("{input}#version"), version)].into_iter().chain(last_copy).collect()
    } else {
        vec![(input.to_owned(), version), (format!("{input}#window"), window)]
    }
}

/// The batch of a raw copy that stands at `at` which has the last whole copy, where each batch is one.
pub(crate) fn last_copy(at: &Progress) -> i64 {
    match at.inputs.get(LAST_COPY) {
        Some(Position::Batch(batch)) => *batch,
        _ => at.window,
    }
}

/// The batch of a raw copy that had the last whole copy when a step read it.
pub(crate) fn copy_read(input: &str, reader: &Progress) -> Option<i64> {
    match reader.inputs.get(&format!("{input}#{LAST_COPY}")) {
        Some(Position::Batch(batch)) => Some(*batch),
        _ => batch_read(input, reader),
    }
}

/// Whether an input is at another place than it was when a step read it.
pub(crate) fn has_moved(input: &Step, reader: &Progress) -> bool {
    let Some(at) = &input.progress else { return false };
    noted(&input.name, &input.table, Some(at)).iter().any(|(name, now)| match reader.inputs.get(name) {
        Some(read) => read != now,
        None => *name == input.name,
    })
}

/// Why rows that a step has read from a raw copy may not be there any more, or may come again, where that is so.
///
/// A step that reads only new batches would keep the former and add the latter once more.
pub(crate) fn lost_ground(input: &Step, reader: &Progress) -> Option<String> {
    if let Some(reason) = was_made_anew(input, reader) {
        return Some(reason);
    }
    let Some(Position::Batch(read)) = reader.inputs.get(&input.name) else { return None };
    let (dataset, at) = (input.table.leaf(), input.progress.as_ref()?);
    if matches!(&input.work, Work::Extract { changed, .. } if !changed.is_empty()) {
        return Some(format!("files of `{dataset}` changed"));
    }
    if matches!(at.inputs.get(TAKEN_OUT), Some(Position::Batch(batch)) if batch > read) {
        return Some(format!("rows of `{dataset}` were taken out or let in"));
    }
    (at.window == *read && has_moved(input, reader)).then(|| format!("the raw copy of `{dataset}` was rolled back"))
}

/// Why a raw copy is no later version of the one that a step has read, where that is so.
pub(crate) fn was_made_anew(input: &Step, reader: &Progress) -> Option<String> {
    let Some(Position::Batch(read)) = reader.inputs.get(&input.name) else { return None };
    let dataset = input.table.leaf();
    if input.anew {
        return Some(format!("the raw copy of `{dataset}` is loaded anew"));
    }
    let is_known = input.progress.as_ref().is_some_and(|at| at.window >= *read);
    (!is_known).then(|| format!("the raw copy of `{dataset}` was removed"))
}

/// The version of an input's table that a step has read.
pub(crate) fn version_read(input: &str, table: &TableName, reader: &Progress) -> Option<i64> {
    let name = if table.is_raw() { format!("{input}#version") } else { input.to_owned() };
    match reader.inputs.get(&name) {
        Some(Position::Version(version)) => Some(*version),
        _ => None,
    }
}

/// The batch of a raw copy up to which a step has read it.
pub(crate) fn batch_read(input: &str, reader: &Progress) -> Option<i64> {
    match reader.inputs.get(input) {
        Some(Position::Batch(batch)) => Some(*batch),
        _ => None,
    }
}
