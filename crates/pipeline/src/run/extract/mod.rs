//! What a step is about to copy from a source.

mod names;
mod rewritten;

use std::collections::{BTreeMap, BTreeSet};
use std::time::Duration;

use hw_base::{
    Column, ColumnType, Continuing, DatasetName, Delivered, Delivery, Input, ORIGIN_COLUMNS, Part, Position, Progress, Reader, Result,
    SourceFile, Staging, TableName, TableState, Timestamp, identifier, literal,
};
use serde_json::json;

use super::load::Batch;
use super::task::Task;
use super::{malformed, origins};
use crate::plan::{Asking, DECISIONS_END, Decision, Follow, READ_OTHERWISE, Step, Work, gone_files, noted_files, was_rolled_back};
use crate::position::{CONTENT, FILES, FIRST_BATCH, LAST_COPY, LOADED_AT, RENAMED, TAKEN_OUT, WATERMARK};
use crate::versions;
pub(crate) use names::names_of_delivery;
pub(super) use names::note_of_names;
pub use names::raw_column_names;
use names::{Names, noted_names, raw_name, raw_names};

/// The column of a raw copy that holds the file of a row.
pub(super) const FILE: &str = "_file";
/// The column of a raw copy that holds the batch of a row.
pub(super) const BATCH: &str = "_batch";
/// What the rows that arrive are called.
const ARRIVING: &str = "arriving";
/// What the rows are called that the raw copy has of a database.
const KNOWN: &str = "known_rows";

/// What becomes of the rows that a raw copy has.
enum Earlier {
    /// They stay.
    Stay,
    /// Those for which the SQL is true are taken out.
    Withdrawn(String),
    /// The batch takes the place of all.
    Replaced,
    /// They are part of the batch, because columns get wider types.
    Rewritten,
}

/// What is known of files that a batch does not read.
#[derive(Clone, Copy)]
enum Unread {
    /// They are as they were.
    Unchanged,
    /// They are gone, and all others are read in another way now.
    Outdated,
    /// They are gone, and the raw copy, which was rolled back, may have their rows or not.
    Uncertain,
}

/// A dataset and the raw copy that it is copied to.
struct Copying<'a> {
    task: Task<'a>,
    dataset: &'a DatasetName,
    files: Option<&'a [SourceFile]>,
    changed: &'a [String],
    follow: Option<&'a Follow>,
    /// How much of the time before what was reached is read again, in seconds.
    lookback_seconds: u64,
    /// The columns that identify a row, as the source names them.
    key: &'a [String],
    /// Whether each batch is the whole dataset and stays.
    compared: bool,
    /// Whether what it has of a database stays where all rows are read again.
    keeps_versions: bool,
    /// Whether all rows are asked for.
    again: bool,
    /// Where it is continued; `None` where it starts.
    before: Option<&'a Progress>,
    table: Option<TableState>,
    /// Where the rows of before are: in the raw copy itself, or in production's, with which an environment begins.
    earlier_in: TableName,
    /// What becomes of files that are not read.
    unread: Unread,
    /// Files that the raw copy has rows of under names that they do not have now, and that the ledger does not know.
    unknown: Vec<SourceFile>,
    earlier: Earlier,
    names: Names,
}

/// Prepares the batch of a dataset.
pub(super) async fn prepare(task: Task<'_>) -> Result<Option<Batch>> {
    let Work::Extract { dataset, files, changed, follow, lookback_seconds, key, compared, keeps_versions, again } = &task.step.work else {
        return Ok(None);
    };
    let own = task.table().await?;
    let window = task.next_window(own.as_ref())?;
    let begins_in_production = task.project.environment.is_some() && own.is_none() && task.step.progress.is_some();
    let earlier_in = if begins_in_production { task.step.table.in_production() } else { task.step.table.clone() };
    let table = if begins_in_production { task.ports.engine.table(&earlier_in, None).await? } else { own };
    let unread = match task.step.progress.as_ref().filter(|_| task.step.anew) {
        Some(progress) => {
            let is_uncertain = was_rolled_back(task.ports.engine, &earlier_in, progress).await?;
            if is_uncertain { Unread::Uncertain } else { Unread::Outdated }
        }
        None => Unread::Unchanged,
    };
    let before = task.step.progress.as_ref().filter(|_| !task.step.anew);
    let (files, follow, compared, keeps_versions, again) = (files.as_deref(), follow.as_ref(), *compared, *keeps_versions, *again);
    let lookback_seconds = *lookback_seconds;
    let unknown = match files {
        Some(present) if task.step.progress.is_none() && !compared => {
            let noted = noted_files(task.ports.engine, &task.step.table).await?;
            let gone = gone_files(task.ports.engine, &task.step.table, &noted, present).await?;
            tell_what_may_come_twice(task, (gone.as_slice(), &noted), present, changed);
            // Of what was read under another name the rows are taken out as well.
            let renamed = present.iter().filter_map(|file| noted.get(&file.path)).filter(|file| file.was.is_some());
            gone.iter().chain(renamed).cloned().collect()
        }
        _ => vec![],
    };
    let (earlier, names) = (Earlier::Stay, Names::new());
    let mut copying = Copying {
        task,
        dataset,
        files,
        changed,
        follow,
        lookback_seconds,
        key,
        compared,
        keeps_versions,
        again,
        before,
        table,
        earlier_in,
        unread,
        unknown,
        earlier,
        names,
    };
    if let Decision::Rebuild(reason) = &task.step.decision
        && reason.ends_with(DECISIONS_END)
    {
        task.ports.narrator.note(&format!("{}: {reason}", task.step.name));
    }
    copying.earlier = copying.earlier();
    copying.names = copying.known_names().await?;
    copying.batch(window).await.map(Some)
}

/// Says that rows may come twice where a ledger begins anew: a file that got another name after the last commit, and was corrected since, is
/// noted nowhere.
fn tell_what_may_come_twice(
    task: Task<'_>,
    (gone, noted): (&[SourceFile], &BTreeMap<String, SourceFile>),
    present: &[SourceFile],
    changed: &[String],
) {
    let is_known_again = |file: &&SourceFile| changed.contains(&file.path);
    let new = present.iter().filter(|file| !noted.contains_key(&file.path)).count();
    let Some(first) = gone.iter().find(|file| !is_known_again(file)) else { return };
    if new > gone.iter().filter(is_known_again).count() {
        let (name, path) = (&task.step.name, &first.path);
        task.ports.narrator.note(&format!(
            "{name}: the rows of `{path}` stay, which is not there any more; if a new file is that one, renamed and corrected, they come twice: \
             then move the folder `{name}` of the warehouse away, and `headworks run --rebuild` reads the files that are there"
        ));
    }
}

/// The files that a step reads and that hold nothing.
pub(super) fn empty_files(step: &Step) -> Vec<String> {
    let Work::Extract { files: Some(files), .. } = &step.work else { return vec![] };
    files.iter().filter(|file| file.bytes == 0).map(|file| file.path.clone()).collect()
}

/// The raw copy that a planned step goes on with, and what it will ask its source for; `None` where nothing has to fit to a raw copy.
///
/// # Errors
/// If the table or the ledger cannot be read.
pub(crate) async fn delivery_going_on(step: &Step, asking: Asking<'_>) -> Result<Option<(TableState, Delivery)>> {
    let Work::Extract { files, .. } = &step.work else { return Ok(None) };
    let reads_something = files.as_ref().is_none_or(|files| !files.is_empty());
    if step.anew || step.progress.is_none() || !reads_something {
        return Ok(None);
    }
    let Some(table) = asking.engine.table(&step.table, None).await? else { return Ok(None) };
    if files.is_some() && !tells_files(&table) {
        return Ok(None);
    }
    let has_no_rows = files.is_some() && table.rows == Some(0);
    let expected = expected_of(&table, &noted_names(asking.ledger, &step.name)?, has_no_rows);
    Ok(Some((table, Delivery { files: files.clone(), expected, ..Delivery::default() })))
}

/// The columns of a raw copy, as the source names them.
fn expected_of(table: &TableState, names: &Names, has_no_rows: bool) -> Vec<Column> {
    let columns = table.columns.iter().filter(|column| !ORIGIN_COLUMNS.contains(&column.name.as_str()));
    let sql_type = |column: &Column| if has_no_rows { String::new() } else { column.sql_type.clone() };
    let in_source = |column: &Column| names.get(&column.name).unwrap_or(&column.name).clone();
    columns.map(|column| Column { name: in_source(column), sql_type: sql_type(column), ..column.clone() }).collect()
}

/// Whether the rows of a raw copy tell the file that they came from.
fn tells_files(table: &TableState) -> bool {
    table.columns.iter().any(|column| column.name == FILE)
}

impl Copying<'_> {
    fn earlier(&self) -> Earlier {
        let step = self.task.step;
        let Some(table) = &self.table else { return Earlier::Stay };
        let was_read_otherwise = step.progress.as_ref().is_some_and(|progress| progress.fingerprint != step.fingerprint);
        match self.files {
            // The deliveries are all that is left of the history of the source.
            _ if self.compared && was_read_otherwise => Earlier::Replaced,
            _ if self.compared => Earlier::Stay,
            None if step.anew => Earlier::Replaced,
            None => Earlier::Stay,
            // Rows that do not tell their file could never be taken out.
            Some(_) if was_read_otherwise || !tells_files(table) || self.reads_all_otherwise() => Earlier::Replaced,
            Some(_) if self.changed.is_empty() => Earlier::Stay,
            Some(_) => Earlier::Withdrawn(self.rows_of_changed_files()),
        }
    }

    /// Whether every file that was read is read again in another way: then nothing stays of what was found out about its columns.
    fn reads_all_otherwise(&self) -> bool {
        let step = self.task.step;
        let is_otherwise = matches!(&step.decision, Decision::Rebuild(reason) if reason.starts_with(READ_OTHERWISE));
        is_otherwise && self.files_before().is_empty()
    }

    fn rows_of_changed_files(&self) -> String {
        let of_files = origins::rows_of(self.changed, self.files_known());
        if self.task.step.anew { format!("{FILE} is null or {of_files}") } else { of_files }
    }

    /// The names that the columns of the raw copy have in the source.
    async fn known_names(&self) -> Result<Names> {
        if self.table.is_none() || matches!(self.earlier, Earlier::Replaced) {
            return Ok(Names::new());
        }
        let Task { step, ports, .. } = self.task;
        let noted = noted_names(ports.ledger, &step.name)?;
        if !noted.is_empty() {
            return Ok(noted);
        }
        // A ledger that begins anew has no note: its columns are those that a raw copy would get that is made now.
        let files = self.files.map(<[SourceFile]>::to_vec);
        let delivered = ports.sources.open(self.dataset, &Delivery { files, ..Delivery::default() }).await?;
        Ok(raw_names(&delivered.columns, &Names::new()).into_iter().collect())
    }

    /// Files that were read before, as far as the ledger knows, else the raw copy.
    fn files_known(&self) -> &[SourceFile] {
        match self.task.step.progress.as_ref().and_then(|progress| progress.inputs.get(FILES)) {
            Some(Position::Files(known)) => known,
            _ => &self.unknown,
        }
    }

    /// Those that have not changed.
    fn files_before(&self) -> Vec<SourceFile> {
        self.files_known().iter().filter(|file| !self.changed.contains(&file.path)).cloned().collect()
    }

    /// What is asked of the source.
    fn delivery(&self) -> Delivery {
        let is_whole = !self.task.step.anew && !self.compared && matches!(self.earlier, Earlier::Replaced);
        let files = self.files.map(|files| {
            let mut files = [files, &if is_whole { self.files_before() } else { vec![] }].concat();
            files.sort();
            files
        });
        let may_lack = if self.task.step.anew { self.changed.to_vec() } else { vec![] };
        Delivery { files, continuing: self.continuing(), expected: self.expected(), may_lack }
    }

    /// How far a database was read.
    fn continuing(&self) -> Option<Continuing> {
        let since = match self.before.filter(|_| self.table.is_some() && !self.again).and_then(|before| before.inputs.get(WATERMARK)) {
            Some(Position::Watermark(reached)) => Some(reached.clone()),
            _ => None,
        };
        let column = match self.follow? {
            Follow::BySource => None,
            Follow::ByColumn(column) => Some(self.names.get(column).unwrap_or(column).clone()),
        };
        Some(Continuing { since, column, lookback_seconds: self.lookback_seconds })
    }

    /// The columns that the raw copy has, as the source names them; without types where no row has shown any.
    fn expected(&self) -> Vec<Column> {
        let kept = self.table.as_ref().filter(|_| !matches!(self.earlier, Earlier::Replaced));
        kept.map(|table| expected_of(table, &self.names, self.has_no_rows())).unwrap_or_default()
    }

    /// Whether files have brought columns and no row yet, so that nothing has shown what the columns hold.
    fn has_no_rows(&self) -> bool {
        self.files.is_some() && self.table.as_ref().is_some_and(|table| table.rows == Some(0))
    }

    async fn batch(mut self, window: i64) -> Result<Batch> {
        let Task { step, ports, .. } = self.task;
        let delivered = ports.sources.open(self.dataset, &self.delivery()).await?;
        for guess in &delivered.guesses {
            ports.narrator.note(&format!("{}: {guess}", step.name));
        }
        if self.starts_again(&delivered) && !self.keeps_versions {
            self.earlier = Earlier::Replaced;
        }
        let names = raw_names(&delivered.columns, &self.names);
        let all_names: Names = self.names.iter().map(|(raw, source)| (raw.clone(), source.clone())).chain(names.iter().cloned()).collect();
        ports.ledger.note(&note_of_names(&self.task.step.name), &json!(all_names))?;
        let key: Vec<String> = self.key.iter().filter_map(|column| raw_name(&names, column)).map(str::to_owned).collect();
        versions::note_key(ports.ledger, &step.table, &key)?;
        self.tell_new_columns(&names);
        let widened = self.widened(&names, &delivered)?;
        let mut inputs = vec![Input::Live { name: ARRIVING.into(), relation: delivered.relation.clone() }];
        let arriving = match &delivered.part {
            Part::NewAndSome { column, from } => {
                inputs.extend(versions::newest(ports.engine, ports.ledger, KNOWN, &step.table, self.before).await?);
                self.without_known(&delivered, &names, column, from)
            }
            Part::Whole | Part::New => ARRIVING.to_owned(),
        };
        let now = self.load_time();
        let sql = raw_rows(&names, delivered.has_origin, window, self.task.run.0.as_str(), now, &arriving);
        let mut reader = Reader { sql, inputs, file: None };
        if !widened.is_empty() || (self.begins_in_production() && !matches!(self.earlier, Earlier::Replaced)) {
            self.rewrite(&mut reader, &names, &widened, &delivered).await?;
        }
        let mut inputs = self.inputs(window, &delivered);
        inputs.insert(LOADED_AT.into(), Position::Watermark(in_words(now)));
        let progress = Progress { fingerprint: step.fingerprint.clone(), window, inputs, version: None };
        let delivery = self.follow.map(|_| delivered.relation.clone());
        // Later a file that lacks a column is refused, and a column that is new is told.
        let uneven_columns = if self.table.is_none() { delivered.uneven.clone() } else { vec![] };
        Ok(Batch {
            staging: self.staging(window, reader, &delivered),
            progress,
            delivery,
            is_trial: false,
            window: None,
            columns: None,
            uneven_columns,
            rows_let_in: 0,
        })
    }

    /// Whether an environment takes over what production has, to go on with it.
    fn begins_in_production(&self) -> bool {
        self.table.is_some() && self.earlier_in != self.task.step.table
    }

    /// Says which columns the raw copy gets: a model that names its columns does not have them.
    fn tell_new_columns(&self, names: &[(String, String)]) {
        let Some(table) = self.table.as_ref().filter(|_| !matches!(self.earlier, Earlier::Replaced)) else { return };
        let is_new = |name: &&str| table.columns.iter().all(|column| column.name != **name);
        let new: Vec<String> = names.iter().map(|(raw, _)| raw.as_str()).filter(is_new).map(|name| format!("`{name}`")).collect();
        if !new.is_empty() {
            let columns = if new.len() == 1 { "a new column" } else { "new columns" };
            let text = format!("{}: {columns}, {}; models have what their SELECT names", self.task.step.name, new.join(", "));
            self.task.ports.narrator.note(&text);
        }
    }

    /// The time of the batch. It never goes back, although the clock may: batches are in the order of their times.
    fn load_time(&self) -> Timestamp {
        let before = match self.task.step.progress.as_ref().and_then(|progress| progress.inputs.get(LOADED_AT)) {
            Some(Position::Watermark(before)) => before.parse::<Timestamp>().ok(),
            _ => None,
        };
        let now = self.task.ports.clock.now();
        before.map_or(now, |before| now.max(before + Duration::from_micros(1)))
    }

    /// Whether a database that was to go on where it was read before delivers all of its rows.
    fn starts_again(&self, delivered: &Delivered) -> bool {
        self.follow.is_some() && self.table.is_some() && delivered.part == Part::Whole
    }

    /// The rows that arrive, but for those that the raw copy has as they are.
    fn without_known(&self, delivered: &Delivered, names: &[(String, String)], column: &str, from: &str) -> String {
        let known: BTreeSet<&str> = self.table.iter().flat_map(|table| &table.columns).map(|column| column.name.as_str()).collect();
        let source = |(_, source): &(String, String)| identifier(source);
        let raw = |((raw, _), column): (&(String, String), &Column)| {
            let value = if known.contains(raw.as_str()) { identifier(raw) } else { "null".into() };
            stored(&value, &column.sql_type)
        };
        let mut arriving: Vec<String> = names.iter().map(source).collect();
        let mut before: Vec<String> = names.iter().zip(&delivered.columns).map(raw).collect();
        if delivered.has_origin {
            arriving.extend([FILE, "_line", "_malformed"].map(str::to_owned));
            before.extend(["varchar", "bigint", "varchar"].map(|sql_type| format!("cast(null as {sql_type})")));
        }
        let followed = names.iter().zip(&delivered.columns).find(|((_, source), _)| source == column);
        // Texts may have another order there, so all of them are looked at.
        let may_come_again = match followed {
            Some(((raw, _), column)) if column.kind != ColumnType::Text && known.contains(raw.as_str()) => {
                let raw = identifier(raw);
                format!(" where {raw} is null or {raw} >= {}", stored(&literal(from), &column.sql_type))
            }
            _ => String::new(),
        };
        let same = |(at, name): (usize, &String)| format!("({ARRIVING}.{name} is not distinct from before.value_{at})");
        let same = arriving.iter().enumerate().map(same).collect::<Vec<_>>().join(" and ");
        let before = before.iter().enumerate().map(|(at, value)| format!("{value} as value_{at}")).collect::<Vec<_>>().join(", ");
        let arriving = arriving.join(", ");
        let before = format!("(select {before} from {KNOWN}{may_come_again}) as before");
        format!("(select {arriving} from {ARRIVING} left anti join {before} on {same}) as {ARRIVING}")
    }

    fn staging(&self, window: i64, reader: Reader, delivered: &Delivered) -> Staging {
        let mut staging = self.task.staging(window, reader);
        staging.partition_by = vec![(BATCH.into(), BATCH.into())];
        // Where the source itself tells what is new, the content need not.
        staging.hash_content =
            (self.files.is_none() || self.compared) && delivered.part == Part::Whole && self.follow != Some(&Follow::BySource);
        if delivered.has_origin {
            staging.hidden = vec!["_malformed".into()];
            staging.watch.rows.push(malformed::watch_malformed());
        }
        staging.is_next_copy = self.files.is_none() && self.follow.is_none() && !self.compared;
        match &self.earlier {
            Earlier::Stay => {}
            Earlier::Withdrawn(rows) => staging.withdraw = Some(rows.clone()),
            Earlier::Replaced | Earlier::Rewritten => staging.is_rebuild = true,
        }
        staging
    }

    /// How far the source has been read once the batch is published, as far as it is known before.
    fn inputs(&self, window: i64, delivered: &Delivered) -> BTreeMap<String, Position> {
        let mut inputs = self.before.map(|progress| progress.inputs.clone()).unwrap_or_default();
        inputs.remove(LAST_COPY);
        inputs.remove(RENAMED);
        if let Some(files) = self.files {
            let kept = if self.compared { vec![] } else { self.files_before() };
            let read = files.iter().map(|file| SourceFile {
                digest: self.task.ports.sources.digest(self.dataset, file),
                is_rowless: delivered.rowless.contains(&file.path),
                ..file.clone()
            });
            let mut known: Vec<SourceFile> = kept.into_iter().map(|file| self.remembered(file)).chain(read).collect();
            known.sort();
            inputs.insert(FILES.into(), Position::Files(known));
        }
        if delivered.part != Part::Whole {
            // The raw copy holds more than what the hash is of.
            inputs.remove(CONTENT);
        }
        if self.follow.is_some() && (self.before.is_none() || self.starts_again(delivered)) {
            inputs.insert(FIRST_BATCH.into(), Position::Batch(window));
        }
        if self.before.is_none() || !matches!(self.earlier, Earlier::Stay) {
            inputs.insert(TAKEN_OUT.into(), Position::Batch(window));
        }
        inputs
    }

    /// A file that is not read. Where all others are, it is read as well should it come back; where nobody knows whether the raw copy has
    /// its rows, nothing more is known of it.
    fn remembered(&self, file: SourceFile) -> SourceFile {
        match self.unread {
            Unread::Unchanged => file,
            Unread::Outdated if !matches!(self.earlier, Earlier::Replaced) => SourceFile { is_outdated: true, ..file },
            Unread::Outdated | Unread::Uncertain => SourceFile { bytes: 0, modified: 0, ..file },
        }
    }
}

/// The rows that arrive, with the names of the raw copy and the columns that tell where each came from.
fn raw_rows(names: &[(String, String)], has_origin: bool, window: i64, run: &str, now: Timestamp, arriving: &str) -> String {
    let mut columns: Vec<String> = names.iter().map(|(raw, source)| format!("{} as {}", identifier(source), identifier(raw))).collect();
    if has_origin {
        columns.extend([FILE, "_line", "_malformed"].map(str::to_owned));
    }
    columns.push(format!("arrow_cast({}, 'Timestamp(Microsecond, Some(\"UTC\"))') as _loaded_at", literal(&in_words(now))));
    columns.push(format!("{} as _run", literal(run)));
    columns.push(format!("cast({window} as bigint) as {BATCH}"));
    format!("select {} from {arriving}", columns.join(", "))
}

/// A moment as SQL and the ledger read it, to the microsecond.
fn in_words(at: Timestamp) -> String {
    at.format("%Y-%m-%dT%H:%M:%S%.6fZ").to_string()
}

/// A value in a type as the raw copy stores it: SQL's own timestamps end in the year 2262.
pub(super) fn stored(value: &str, sql_type: &str) -> String {
    match sql_type {
        "binary" => format!("arrow_cast({value}, 'BinaryView')"),
        "timestamp" => format!("arrow_cast({value}, 'Timestamp(Microsecond, None)')"),
        "timestamp with time zone" => format!("arrow_cast({value}, 'Timestamp(Microsecond, Some(\"UTC\"))')"),
        _ => format!("cast({value} as {sql_type})"),
    }
}

/// The rows of an opened dataset under a name, without the records that cannot be read as rows. The columns have the names of
/// the raw copy; `origin` names those that tell where a row came from and are wanted too.
pub fn live_rows(name: &str, delivered: &Delivered, origin: &[&str], inputs: &mut Vec<Input>) -> Input {
    inputs.push(Input::Live { name: delivered.relation.clone(), relation: delivered.relation.clone() });
    let (origin, rows) = if delivered.has_origin { (origin, malformed::LEFT_OUT) } else { (&[][..], "") };
    Input::Query { name: name.to_owned(), sql: selected(delivered, origin) + rows }
}

/// The same with the records that cannot be read as rows, for a scan that counts both; `None` where all records are rows.
pub fn live_records(name: &str, delivered: &Delivered) -> Option<Input> {
    let sql = || selected(delivered, &["_file", "_line", "_malformed"]);
    delivered.has_origin.then(|| Input::Query { name: name.to_owned(), sql: sql() })
}

fn selected(delivered: &Delivered, origin: &[&str]) -> String {
    let named = delivered.columns.iter().zip(raw_column_names(&delivered.columns));
    let own = named.map(|(column, raw)| format!("{} as {}", identifier(&column.name), identifier(&raw)));
    let columns: Vec<String> = own.chain(origin.iter().map(|column| (*column).to_owned())).collect();
    format!("select {} from {}", columns.join(", "), delivered.relation)
}
