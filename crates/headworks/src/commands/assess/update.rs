//! `--update`: an assessment that goes on from an earlier one and reads only files that are new.

use std::path::{Path, PathBuf};

use hw_assess::{Assessment, Evidence, TakenOver};
use hw_base::{CodedTable, Column, Engine, Error, Result, Sketches, SourceFile, Timestamp};
use hw_pipeline::EngineSettings;
use serde::{Deserialize, Serialize};

use super::opened::{is_of_project, open_file};
use super::{Arguments, OpenedData, judge_whole, memory_for_codes};
use crate::files::replace_file;
use crate::terminal::Terminal;

/// The file beside the report that the next assessment goes on from.
const STATE: &str = "update.state";
/// The version of its form.
const VERSION: u32 = 2;

/// What is kept of an assessment.
#[derive(Serialize, Deserialize)]
struct State {
    version: u32,
    /// The files that were read.
    files: Vec<SourceFile>,
    /// Their columns, as the engine reads them.
    columns: Vec<Column>,
    taken_over: TakenOver,
    #[serde(skip)]
    sketches: Sketches,
}

/// An assessment that leaves a state, and may go on from one.
pub(super) struct Update {
    state: PathBuf,
    /// All files that are there.
    files: Vec<SourceFile>,
    /// What it goes on from; else why all files are read.
    before: std::result::Result<State, String>,
}

impl Update {
    /// Opens what has to be read: the new files, or all where an earlier state is missing or tells of other files, or where `broken`
    /// says why nothing goes on from it.
    pub(super) async fn begin(
        data: &str,
        arguments: &Arguments,
        settings: &EngineSettings,
        broken: Option<&Error>,
        terminal: &Terminal,
    ) -> Result<(OpenedData, Option<Self>)> {
        let root = &terminal.root;
        let files = if is_of_project(data, terminal).await? { Vec::new() } else { hw_connect::files_at(root, data).await? };
        if files.is_empty() {
            let error = Error::user(format!("`--update` reads files, and `{}` is none", hw_config::redact_url(data))).code("HW107");
            return Err(error.help("name files, a folder or a glob; assess everything else without `--update`"));
        }
        let state = arguments.out.clone().unwrap_or_default().join(STATE);
        let begun = match broken {
            Some(error) => Err(format!("`{}` cannot be gone on from: {}", state.display(), error.message())),
            None => begun(&state, data, &files, settings, root).await,
        };
        let (opened, before) = match begun {
            Ok((opened, before)) => (opened, Ok(before)),
            Err(why) => (open_file(data, Some(&files), settings, root).await?, Err(why)),
        };
        Ok((opened, Some(Self { state, files, before })))
    }

    /// Assesses what was opened, and leaves the state for the next time.
    ///
    /// # Errors
    /// `HW404` where the earlier state is broken: then all files have to be read.
    pub(super) async fn assess(
        self,
        opened: &OpenedData,
        arguments: &Arguments,
        (now, id): (Timestamp, String),
        terminal: &Terminal,
    ) -> Result<(Assessment, CodedTable)> {
        let (engine, about) = (opened.engine(), &opened.about);
        let columns = columns_read(opened).await?;
        let before = self.before.as_ref().ok().map(|before| &before.sketches);
        let found = engine.measure_further(&opened.reader, about.measuring(), memory_for_codes(arguments), before).await?;
        terminal.say(self.told());
        let (assessment, table) = match self.before {
            Ok(before) => {
                let evidence = Evidence { facts: Some(found.facts), taken_over: Some(before.taken_over), ..Evidence::default() };
                (hw_assess::assess_with(engine, &opened.reader, about, now, id, evidence).await?, CodedTable::default())
            }
            Err(_) => judge_whole(opened, arguments, (found.facts, found.table), (now, id)).await?,
        };
        let taken_over = TakenOver::of(&assessment);
        State { version: VERSION, files: self.files, columns, taken_over, sketches: found.sketches }.write(&self.state)?;
        Ok((assessment, table))
    }

    /// What is read and why, in a sentence.
    fn told(&self) -> String {
        match &self.before {
            Err(why) => format!("all files are read: {why}"),
            Ok(before) => match self.files.len() - before.files.len() {
                0 => format!("no file is new since the assessment of {}: nothing is read", day(before)),
                new => format!("{} new since the assessment of {}", hw_base::plural(new as u64, "file"), day(before)),
            },
        }
    }
}

/// The new files, opened, and what is known of the others; else why all have to be read.
async fn begun(
    state: &Path,
    data: &str,
    files: &[SourceFile],
    settings: &EngineSettings,
    root: &Path,
) -> std::result::Result<(OpenedData, State), String> {
    let before = State::read(state)?;
    if let Some(other) = before.files.iter().find(|file| !files.contains(file)) {
        let became = if files.iter().any(|file| file.path == other.path) { "has changed" } else { "is gone" };
        return Err(format!("`{}` {became} since the assessment of {}", other.path, day(&before)));
    }
    let new: Vec<SourceFile> = files.iter().filter(|file| !before.files.contains(file)).cloned().collect();
    // With nothing new the first file is opened, and none of its rows is read.
    let read = if new.is_empty() { &files[..1] } else { new.as_slice() };
    let opened = open_file(data, Some(read), settings, root).await;
    let mut opened = opened.map_err(|error| error.message().to_owned())?;
    if new.is_empty() {
        opened.reader.sql = format!("select * from ({}) as known where false", opened.reader.sql);
    }
    if columns_read(&opened).await.map_err(|error| error.message().to_owned())? != before.columns {
        return Err(format!("the new files have other columns than those of the assessment of {}", day(&before)));
    }
    Ok((opened, before))
}

/// The columns of what was opened, but for the one that holds broken lines.
async fn columns_read(opened: &OpenedData) -> Result<Vec<Column>> {
    let columns = opened.engine().columns(&opened.reader).await?;
    Ok(columns.into_iter().filter(|column| column.name != "_malformed").collect())
}

fn day(state: &State) -> String {
    state.taken_over.at.format("%Y-%m-%d %H:%M UTC").to_string()
}

impl State {
    /// Reads what an assessment left; else why there is nothing to go on from.
    fn read(path: &Path) -> std::result::Result<Self, String> {
        let bytes = match std::fs::read(path) {
            Ok(bytes) => bytes,
            Err(error) if error.kind() == std::io::ErrorKind::NotFound => return Err("there is nothing yet to go on from".into()),
            Err(error) => return Err(format!("`{}` cannot be read: {error}", path.display())),
        };
        let end = bytes.iter().position(|byte| *byte == b'\n').unwrap_or(bytes.len());
        match serde_json::from_slice::<Self>(&bytes[..end]) {
            Ok(state) if state.version == VERSION => {
                Ok(Self { sketches: Sketches(bytes.get(end + 1..).unwrap_or_default().to_vec()), ..state })
            }
            _ => Err(format!("`{}` is damaged or of another version", path.display())),
        }
    }

    fn write(&self, path: &Path) -> Result<()> {
        let mut bytes =
            serde_json::to_vec(self).map_err(|error| Error::bug("the state of an assessment cannot be written").because(error))?;
        bytes.push(b'\n');
        bytes.extend_from_slice(&self.sketches.0);
        replace_file(path, &bytes)
    }
}
