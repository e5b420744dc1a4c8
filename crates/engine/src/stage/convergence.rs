//! Whatever order rows arrive in, and however they are spread over batches, the table equals that of one full load.
//!
//! A full table carries many histories at once, each with keys, an order and lateness of its own, so that thousands are tried in
//! the time that a few loads take. Where one of them ends otherwise, the message tells that one alone. `HEADWORKS_HISTORIES=1000000` is
//! a long watch (`make soak`).

use std::sync::Arc;

use datafusion::arrow::array::{ArrayRef, BooleanArray, Int64Array, StringArray, TimestampMicrosecondArray};
use datafusion::arrow::record_batch::RecordBatch;
use datafusion::datasource::MemTable;
use hw_base::{
    ByteSize, Clock, CommitNote, Engine, FixedClock, Input, LoadMode, Reader, Review, RowWatch, Ruling, Shows, Staging, TableName,
    Timestamp, Value, Watch,
};
use object_store::memory::InMemory;
use url::Url;

use crate::beside::Beside;
use crate::{Limits, LiveTables, LocalEngine, Site};

pub(super) fn engine(folder: &std::path::Path) -> LocalEngine {
    engine_over(folder.join("w").into(), folder)
}

fn engine_over(warehouse: Site, folder: &std::path::Path) -> LocalEngine {
    let limits = Limits { memory: ByteSize(1 << 30), disk: ByteSize(1 << 30), threads: Some(1) };
    LocalEngine::new(warehouse, folder.join("s"), LiveTables::default(), limits).unwrap()
}

/// Every other seed in a folder, the others in a bucket.
fn engine_for(seed: u64, folder: &std::path::Path) -> LocalEngine {
    let bucket = || Site::bucket(Url::parse("s3://lake/w").unwrap(), Arc::new(InMemory::new()));
    if seed.is_multiple_of(2) { engine_over(bucket(), folder) } else { engine(folder) }
}

/// A generator of the same numbers for the same seed (xorshift64).
pub(super) struct Chance(pub(super) u64);

impl Chance {
    fn of(seed: u64) -> Self {
        Self(seed.wrapping_mul(0x9e37_79b9_7f4a_7c15) | 1)
    }

    pub(super) fn below(&mut self, bound: usize) -> usize {
        self.0 ^= self.0 << 13;
        self.0 ^= self.0 >> 7;
        self.0 ^= self.0 << 17;
        usize::try_from(self.0 % bound as u64).unwrap()
    }

    fn shuffle<T>(&mut self, items: &mut [T]) {
        for at in (1..items.len()).rev() {
            items.swap(at, self.below(at + 1));
        }
    }
}

/// One version of a row, as it arrives: key, tracked, ignored and overwritten value, deletion, time.
type Event = [usize; 6];

/// So many keys belong to each history, from `KEYS` times its number on. Events have the first three of them, facts may name all.
const KEYS: usize = 5;
/// Over how many loads a history is spread at most.
const LOADS: usize = 5;
/// How many histories a full table carries at once.
const TOGETHER: usize = 200;
/// How many histories each law is tried on at least, where `HEADWORKS_HISTORIES` says nothing else.
const HISTORIES: usize = 3_000;

/// What happens to a few keys, and how it arrives.
#[derive(Debug)]
struct History {
    events: Vec<Event>,
    /// The events of each load; some come twice.
    loads: [Vec<Event>; LOADS],
    /// The keys that facts name in each load.
    named: [Vec<usize>; LOADS],
}

impl History {
    fn new(chance: &mut Chance, number: usize) -> Self {
        let (first, count) = (number * KEYS, 1 + chance.below(14));
        let event = |_| {
            let (key, is_gone) = (first + chance.below(3), chance.below(4) == 0);
            [key, chance.below(3), chance.below(2), chance.below(3), usize::from(is_gone), chance.below(7)]
        };
        let events: Vec<Event> = (0..count).map(event).collect();
        let ends = 1 + chance.below(LOADS);
        let begins = chance.below(ends);
        let mut loads: [Vec<Event>; LOADS] = Default::default();
        for event in &events {
            loads[begins + chance.below(ends - begins)].push(*event);
        }
        if chance.below(2) == 0 {
            let again = loads[chance.below(LOADS)].clone();
            loads[chance.below(LOADS)].extend(again);
        }
        let named = std::array::from_fn(|_| (0..chance.below(4)).map(|_| first + chance.below(KEYS)).collect());
        Self { events, loads, named }
    }
}

/// One way to load, and the histories that are loaded so.
struct Trial {
    seed: u64,
    name: &'static str,
    mode: LoadMode,
    histories: Vec<History>,
    chance: Chance,
}

impl Trial {
    /// The table of one full load, and that of many.
    fn tables(&self) -> (TableName, TableName) {
        (TableName::model(format!("{}_whole", self.name)), TableName::model(format!("{}_parts", self.name)))
    }

    /// All that ever happens.
    fn events(&mut self) -> Vec<Event> {
        let events = self.histories.iter().flat_map(|history| &history.events).copied().collect();
        self.shuffled(events)
    }

    /// What arrives in a load.
    fn arriving(&mut self, load: usize) -> Vec<Event> {
        let events = self.histories.iter().flat_map(|history| &history.loads[load]).copied().collect();
        self.shuffled(events)
    }

    /// The keys that facts name in a load.
    fn named(&self, load: usize) -> Vec<usize> {
        self.histories.iter().flat_map(|history| &history.named[load]).copied().collect()
    }

    fn shuffled(&mut self, mut events: Vec<Event>) -> Vec<Event> {
        self.chance.shuffle(&mut events);
        events
    }

    /// Each history has these rows; both are in the order of the keys.
    #[track_caller]
    fn holds(&self, found: &[Vec<Value>], expected: &[Vec<Value>]) {
        let Some(at) = (0..found.len().max(expected.len())).find(|at| found.get(*at) != expected.get(*at)) else { return };
        let history = [found, expected].into_iter().filter_map(|rows| rows.get(at)).map(|row| key_of(row) / KEYS).min().unwrap();
        let own = |rows: &[Vec<Value>]| -> Vec<Vec<Value>> { rows.iter().filter(|row| key_of(row) / KEYS == history).cloned().collect() };
        self.fails(history, &format!("has {:?}, not {:?}", own(found), own(expected)));
    }

    /// One current row per key at most, no overlaps, and a version ends where the next one begins or where the row was deleted.
    async fn versions_fit_together(&self, engine: &LocalEngine, table: &TableName) {
        let sql = format!(
            "select k from (select *, lead(valid_from) over (partition by k order by valid_from) as next, \
             count(*) filter (where is_current) over (partition by k) as currents from {table}) as v \
             where currents > 1 or valid_to <= valid_from or is_current <> (valid_to is null) or next < valid_to \
             or (is_current and next is not null) order by k"
        );
        self.has_none(engine, sql, "has versions that do not fit together").await;
    }

    /// Each key has kept the surrogate key that its member had.
    async fn members_kept_their_keys(&self, engine: &LocalEngine, table: &TableName) {
        let sql = format!("select k from {table} group by k having count(*) filter (where sk = md5(cast(k as text))) <> 1 order by k");
        self.has_none(engine, sql, "has lost the surrogate key of a member").await;
    }

    /// A query for the keys that break a law of versions finds none.
    async fn has_none(&self, engine: &LocalEngine, sql: String, what: &str) {
        if !self.name.starts_with("scd2") {
            return;
        }
        let found = engine.query(&Reader { sql, inputs: vec![], file: None }, 1).await.unwrap();
        if let Some(row) = found.rows.first() {
            self.fails(key_of(row) / KEYS, what);
        }
    }

    #[track_caller]
    fn fails(&self, number: usize, what: &str) -> ! {
        let (first, history) = (number * KEYS, self.histories.get(number));
        panic!("seed {}, {}: history {number} (keys {first} to {}) {what}; {history:?}", self.seed, self.name, first + KEYS - 1);
    }
}

fn key_of(row: &[Value]) -> usize {
    usize::try_from(row[0].as_u64().unwrap()).unwrap()
}

/// How many histories a table carries: a table of few rows has corners of its own, such as having none at all.
fn together(seed: u64) -> usize {
    if seed.is_multiple_of(3) { TOGETHER } else { 1 }
}

/// The seeds that it takes to try as many histories as are wanted.
#[expect(clippy::disallowed_methods, reason = "a test may look at its environment")]
fn seeds() -> impl Iterator<Item = u64> {
    let wanted = std::env::var("HEADWORKS_HISTORIES").ok().and_then(|text| text.parse().ok()).unwrap_or(HISTORIES);
    (1..).scan(0, move |tried, seed| {
        let is_next = *tried < wanted;
        *tried += modes().len() * together(seed);
        is_next.then_some(seed)
    })
}

/// Every way to load with histories of its own.
fn trials(seed: u64) -> Vec<Trial> {
    let mut chance = Chance::of(seed);
    let trial = |(name, mode)| {
        let histories = (0..together(seed)).map(|number| History::new(&mut chance, number)).collect();
        Trial { seed, name, mode, histories, chance: Chance(chance.0) }
    };
    modes().into_iter().map(trial).collect()
}

fn modes() -> Vec<(&'static str, LoadMode)> {
    let key = || vec!["k".to_owned()];
    let history = |shows, deletes: bool| {
        LoadMode::History(hw_base::History { key: key(), later_by: "t".into(), deleted_when: deletes.then(|| "gone".into()), shows })
    };
    let with_previous = |ignore: &[&str], overwrite: &[&str], previous: &[&str]| Shows::Versions {
        ignore: ignore.iter().map(|name| (*name).to_owned()).collect(),
        overwrite: overwrite.iter().map(|name| (*name).to_owned()).collect(),
        previous: previous.iter().map(|name| (*name).to_owned()).collect(),
        surrogate_key: Some("sk".into()),
    };
    let versions = |ignore: &[&str], overwrite: &[&str]| with_previous(ignore, overwrite, &[]);
    vec![
        ("upsert", LoadMode::Upsert { key: key(), later_by: Some("t".into()), deleted_when: Some("gone".into()) }),
        ("upsert_kept", LoadMode::Upsert { key: key(), later_by: Some("t".into()), deleted_when: None }),
        ("scd2", history(versions(&[], &[]), true)),
        ("scd2_ignore", history(versions(&["b", "gone", "c"], &[]), false)),
        ("scd2_overwrite", history(versions(&["b"], &["c"]), true)),
        ("scd2_previous", history(with_previous(&[], &[], &["c"]), true)),
        ("scd2_each_type", history(with_previous(&["gone"], &["b"], &["a", "c"]), false)),
        ("scd3", history(Shows::Last { previous: vec!["a".into(), "c".into()] }, true)),
    ]
}

/// Opens rows in memory under a name: a text of thousands of them would take longer to plan than to load.
fn open(engine: &LocalEngine, name: &str, relation: String, columns: Vec<(&str, ArrayRef)>) -> Input {
    let columns = columns.into_iter().map(|(name, values)| (name, values, true));
    let rows = RecordBatch::try_from_iter_with_nullable(columns).unwrap();
    engine.live().open(&relation, Arc::new(MemTable::try_new(rows.schema(), vec![vec![rows]]).unwrap()));
    Input::Live { name: name.into(), relation }
}

fn int(number: usize) -> i64 {
    i64::try_from(number).unwrap()
}

fn ints(numbers: impl Iterator<Item = usize>) -> ArrayRef {
    Arc::new(Int64Array::from_iter_values(numbers.map(int)))
}

fn texts(numbers: impl Iterator<Item = usize>) -> ArrayRef {
    Arc::new(StringArray::from_iter_values(numbers.map(|number| format!("a{number}"))))
}

/// The microseconds of a day of January 2026.
fn midnight(day: usize) -> i64 {
    (20_454 + int(day)) * 86_400_000_000
}

fn staging(engine: &LocalEngine, table: &TableName, mode: &LoadMode, events: &[Event], window: usize, is_rebuild: bool) -> Staging {
    let values = |at: usize| events.iter().map(move |event| event[at]);
    let gone: Vec<bool> = values(4).map(|gone| gone == 1).collect();
    let columns = vec![
        ("k", ints(values(0))),
        ("a", texts(values(1))),
        ("b", ints(values(2))),
        ("c", ints(values(3))),
        ("gone", Arc::new(BooleanArray::from(gone)) as ArrayRef),
        ("t", Arc::new(TimestampMicrosecondArray::from_iter_values(values(5).map(midnight))) as ArrayRef),
    ];
    let inputs = vec![open(engine, "events", format!("{table}_{window}"), columns)];
    let reader = Reader { sql: "select * from events".into(), inputs, file: None };
    let labels = (format!("run-x-{window}-1"), "run".into());
    Staging { mode: mode.clone(), is_rebuild, ..Staging::adding(table.clone(), reader, labels, moment()) }
}

pub(super) fn moment() -> Timestamp {
    FixedClock(Timestamp::default()).now()
}

pub(super) async fn load(engine: &LocalEngine, staging: &Staging, window: usize) {
    let batch = engine.stage(staging).await.unwrap();
    if batch.changes_nothing() {
        return engine.discard(&batch).await.unwrap();
    }
    engine.publish(&batch, &note(staging, window)).await.unwrap();
}

pub(super) fn note(staging: &Staging, window: usize) -> CommitNote {
    CommitNote {
        application: staging.table.folder().to_owned(),
        window: i64::try_from(window).unwrap(),
        details: serde_json::json!({}),
        at: moment(),
    }
}

async fn rows(engine: &LocalEngine, table: &TableName) -> Vec<Vec<Value>> {
    let reader = Reader { sql: format!("select * from {table} order by k, t"), inputs: vec![], file: None };
    engine.query(&reader, 1_000_000).await.unwrap().rows
}

#[tokio::test(flavor = "multi_thread")]
async fn any_order_of_arrival_gives_the_table_of_one_full_load() {
    for seed in seeds() {
        let folder = tempfile::tempdir().unwrap();
        let engine = engine_for(seed, folder.path());
        for mut trial in trials(seed) {
            let ((whole, parts), mode) = (trial.tables(), trial.mode.clone());
            load(&engine, &staging(&engine, &whole, &mode, &trial.events(), 1, true), 1).await;
            for at in 0..LOADS {
                let batch = trial.arriving(at);
                load(&engine, &staging(&engine, &parts, &mode, &batch, at + 1, at == 0), at + 1).await;
            }
            trial.holds(&rows(&engine, &parts).await, &rows(&engine, &whole).await);
            trial.versions_fit_together(&engine, &parts).await;
        }
    }
}

#[tokio::test(flavor = "multi_thread")]
async fn a_deletion_of_the_time_of_a_version_leaves_what_the_one_before_it_had() {
    let folder = tempfile::tempdir().unwrap();
    let engine = engine(folder.path());
    let (begins, ends, is_gone) = ([0, 0, 0, 0, 0, 0], [0, 1, 0, 1, 0, 1], [0, 1, 0, 1, 1, 1]);
    for (name, mode) in modes() {
        let (whole, parts) = (TableName::model(format!("{name}_whole")), TableName::model(format!("{name}_parts")));
        load(&engine, &staging(&engine, &whole, &mode, &[begins, ends, is_gone], 1, true), 1).await;
        load(&engine, &staging(&engine, &parts, &mode, &[begins, ends], 1, true), 1).await;
        load(&engine, &staging(&engine, &parts, &mode, &[is_gone], 2, false), 2).await;
        assert_eq!(rows(&engine, &parts).await, rows(&engine, &whole).await, "{name}");
    }
}

/// The same staging with a rule that keeps some rows out.
fn guarded(staging: Staging) -> Staging {
    let rule = RowWatch { id: "no_a0".into(), violates: "a = 'a0'".into(), diverts: true, excludes: false };
    Staging { watch: Watch { rows: vec![rule], ..Watch::default() }, ..staging }
}

/// Decides about some of the rows that wait, if any do.
async fn decide(engine: &LocalEngine, staging: Staging, chance: &mut Chance, window: usize) -> bool {
    let ruling = match chance.below(4) {
        0 => Ruling::Dropped,
        1 => Ruling::Vouched { rule: None },
        _ => Ruling::Repaired(vec![("a".into(), format!("'a{}'", chance.below(2) + 1)), ("b".into(), "b + 5".into())]),
    };
    let every = 2 + chance.below(4);
    let review = Review { rows: format!("k % {every} = {}", chance.below(every)), ruling };
    match engine.stage(&Staging { review: Some(review), ..staging.clone() }).await {
        Err(error) => assert_eq!(error.known_code(), Some("HW603")),
        Ok(batch) if batch.rows_reviewed == 0 => engine.discard(&batch).await.unwrap(),
        Ok(batch) => {
            engine.publish(&batch, &note(&staging, window)).await.unwrap();
            return true;
        }
    }
    false
}

/// The same staging where facts name keys of the dimension.
fn naming(engine: &LocalEngine, mut staging: Staging, keys: &[usize]) -> Staging {
    let columns = vec![("k", ints(keys.iter().copied())), ("a", texts(keys.iter().map(|_| 0)))];
    let named = open(engine, "named", format!("{}_{}_named", staging.table, staging.label), columns);
    let members = Input::Query { name: "members".into(), sql: "select distinct k, a from named".into() };
    staging.reader.inputs.extend([named, members]);
    Staging { members: Some("members".into()), ..staging }
}

#[tokio::test]
async fn members_that_facts_name_are_completed_whatever_arrives_first() {
    for seed in seeds() {
        let folder = tempfile::tempdir().unwrap();
        let engine = engine(folder.path());
        for mut trial in trials(seed) {
            let ((whole, parts), mode, is_guarded) = (trial.tables(), trial.mode.clone(), trial.chance.below(3) == 0);
            let order = |table: &TableName, events: &[Event], keys: &[usize], window: usize, is_rebuild: bool| {
                let order = naming(&engine, staging(&engine, table, &mode, events, window, is_rebuild), keys);
                if is_guarded { guarded(order) } else { order }
            };
            let named: Vec<Vec<usize>> = (0..LOADS).map(|at| trial.named(at)).collect();
            load(&engine, &order(&whole, &trial.events(), &named.concat(), 1, true), 1).await;
            for (at, keys) in named.iter().enumerate() {
                load(&engine, &order(&parts, &trial.arriving(at), keys, at + 1, at == 0), at + 1).await;
                trial.members_kept_their_keys(&engine, &parts).await;
            }
            trial.holds(&rows(&engine, &parts).await, &rows(&engine, &whole).await);
            trial.versions_fit_together(&engine, &parts).await;
        }
    }
}

async fn waiting(engine: &LocalEngine, table: &TableName) -> Vec<Vec<Value>> {
    let sql = format!("select distinct k, a, b, c, gone, t from {} order by k, t, a, b, c, gone", table.quarantine().sql());
    match engine.query(&Reader { sql, inputs: vec![], file: None }, 1_000_000).await {
        Ok(found) => found.rows,
        Err(error) if error.known_code() == Some("HW302") => vec![],
        Err(error) => panic!("{error}"),
    }
}

#[tokio::test(flavor = "multi_thread")]
async fn what_people_decided_holds_in_any_order_and_after_a_rebuild() {
    for seed in seeds() {
        let folder = tempfile::tempdir().unwrap();
        let engine = engine_for(seed, folder.path());
        for mut trial in trials(seed) {
            let (table, mode, events) = (TableName::model(trial.name), trial.mode.clone(), trial.events());
            let order =
                |events: &[Event], window: usize, is_rebuild: bool| guarded(staging(&engine, &table, &mode, events, window, is_rebuild));
            let mut window = 0;
            for at in 0..LOADS {
                window += 1;
                load(&engine, &order(&trial.arriving(at), window, window == 1), window).await;
                let decided = decide(&engine, order(&events, window + 1, false), &mut trial.chance, window + 1).await;
                window += usize::from(decided);
            }
            let before = (rows(&engine, &table).await, waiting(&engine, &table).await);
            load(&engine, &order(&events, window + 1, true), window + 1).await;
            trial.holds(&rows(&engine, &table).await, &before.0);
            trial.holds(&waiting(&engine, &table).await, &before.1);
        }
    }
}

#[tokio::test]
async fn what_an_attempt_leaves_beside_the_table_counts_for_nothing() {
    let folder = tempfile::tempdir().unwrap();
    let engine = engine(folder.path());
    let (table, mode) = (TableName::model("orders"), modes().remove(0).1);
    let events = [[0, 0, 0, 0, 0, 1], [1, 0, 0, 0, 0, 1], [2, 1, 0, 0, 0, 1]];
    load(&engine, &guarded(staging(&engine, &table, &mode, &events, 1, true)), 1).await;
    let before = (rows(&engine, &table).await, waiting(&engine, &table).await);
    assert_eq!((before.0.len(), before.1.len()), (1, 2));
    let review = Review { rows: "k = 0".into(), ruling: Ruling::Vouched { rule: None } };
    let release = |label: &str| Staging {
        review: Some(review.clone()),
        label: format!("run-x-2-{label}"),
        ..guarded(staging(&engine, &table, &mode, &events, 2, false))
    };
    let (first, second) = (release("1"), release("2"));
    let batch = engine.stage(&first).await.unwrap();
    let present = engine.warehouse.open(&table, None).await.unwrap();
    for beside in Beside::ALL {
        // The process dies before the commit of the table.
        engine.set_beside(beside, &batch, present.as_ref(), &note(&first, 2)).await.unwrap();
        assert_eq!((rows(&engine, &table).await, waiting(&engine, &table).await), before, "{beside:?}");
    }
    engine.sweep(&table, "run-x-2").await.unwrap();
    let batch = engine.stage(&second).await.unwrap();
    assert_eq!((batch.rows_reviewed, batch.rows_written, batch.rows_quarantined), (1, 1, 0));
    engine.publish(&batch, &note(&second, 2)).await.unwrap();
    assert_eq!((rows(&engine, &table).await.len(), waiting(&engine, &table).await.len()), (2, 1));
    assert!(engine.publish(&batch, &note(&second, 2)).await.unwrap().was_there);
}

#[tokio::test]
async fn nobody_can_vouch_for_rows_without_a_key() {
    let folder = tempfile::tempdir().unwrap();
    let engine = engine(folder.path());
    for (name, mode) in modes() {
        let table = TableName::model(name);
        let order = |window: usize, is_rebuild: bool| {
            let whole = staging(&engine, &table, &mode, &[[1, 1, 0, 0, 0, 1]], window, is_rebuild);
            let sql = format!("{} union all select null, 'a1', 0, 0, false, timestamp '2026-01-01 00:00:00'", whole.reader.sql);
            Staging { reader: Reader { sql, ..whole.reader }, ..whole }
        };
        load(&engine, &order(1, true), 1).await;
        for (rows, is_rebuild) in [("k is null", false), ("k is null", true), ("true", false)] {
            let review = Review { rows: rows.into(), ruling: Ruling::Vouched { rule: None } };
            let batch = engine.stage(&Staging { review: Some(review), ..order(2, is_rebuild) }).await.unwrap();
            assert_eq!(batch.rows_reviewed, 0, "{name}, {rows}");
            engine.discard(&batch).await.unwrap();
        }
        assert_eq!(waiting(&engine, &table).await.len(), 1, "{name}");
    }
}

#[tokio::test(flavor = "multi_thread")]
async fn rows_are_taken_out_of_quarantine_whatever_a_dead_attempt_left_there() {
    let folder = tempfile::tempdir().unwrap();
    let engine = engine(folder.path());
    let (table, mode) = (TableName::model("orders"), modes().remove(0).1);
    let events = [[0, 0, 0, 0, 0, 1], [1, 0, 0, 0, 0, 1], [2, 1, 0, 0, 0, 1]];
    load(&engine, &guarded(staging(&engine, &table, &mode, &events, 1, true)), 1).await;
    let before = waiting(&engine, &table).await;
    let without = |attempt: &str| Staging {
        withdraw: Some("k = 0".into()),
        label: format!("run-x-2-{attempt}"),
        ..guarded(staging(&engine, &table, &mode, &[], 2, false))
    };
    let (first, second) = (without("1"), without("2"));
    let batch = engine.stage(&first).await.unwrap();
    let present = engine.warehouse.open(&table, None).await.unwrap();
    engine.set_beside(Beside::Quarantine, &batch, present.as_ref(), &note(&first, 2)).await.unwrap();
    // The process dies here; the next one removes what the run left behind, in whatever window.
    engine.sweep(&table, "run-x-").await.unwrap();
    assert_eq!(waiting(&engine, &table).await, before);
    let batch = engine.stage(&second).await.unwrap();
    engine.publish(&batch, &note(&second, 2)).await.unwrap();
    assert_eq!(waiting(&engine, &table).await, [before[1].clone()]);
}
