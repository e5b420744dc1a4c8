//! Whatever order rows arrive in, and however they are spread over batches, the table equals that of one full load.

use hw_base::{
    ByteSize, Clock, CommitNote, Engine, FixedClock, History, Input, LoadMode, Reader, Review, RowWatch, Ruling, Shows, Staging, TableName,
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

/// Every other history in a folder, the others in a bucket.
fn engine_for(seed: u64, folder: &std::path::Path) -> LocalEngine {
    let bucket = || Site::bucket(Url::parse("s3://lake/w").unwrap(), std::sync::Arc::new(InMemory::new()));
    if seed.is_multiple_of(2) { engine_over(bucket(), folder) } else { engine(folder) }
}

/// A generator of the same numbers for the same seed (xorshift64).
pub(super) struct Chance(pub(super) u64);

impl Chance {
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

/// Is left out of every batch, and tells the types of one without events.
const NO_EVENT: Event = [99, 0, 0, 0, 0, 0];

fn history(chance: &mut Chance) -> Vec<Event> {
    let events = 1 + chance.below(14);
    (0..events)
        .map(|_| [chance.below(3), chance.below(3), chance.below(2), chance.below(3), usize::from(chance.below(4) == 0), chance.below(7)])
        .collect()
}

/// The events in random order and batches, some of which arrive twice.
fn deliveries(chance: &mut Chance, mut events: Vec<Event>) -> Vec<Vec<Event>> {
    chance.shuffle(&mut events);
    let mut batches: Vec<Vec<Event>> = Vec::new();
    for event in events {
        match batches.last_mut() {
            Some(batch) if chance.below(3) > 0 => batch.push(event),
            _ => batches.push(vec![event]),
        }
    }
    if chance.below(2) == 0 {
        let again = batches[chance.below(batches.len())].clone();
        batches.push(again);
    }
    batches
}

fn modes() -> Vec<(&'static str, LoadMode)> {
    let key = || vec!["k".to_owned()];
    let history = |shows, deletes: bool| {
        LoadMode::History(History { key: key(), later_by: "t".into(), deleted_when: deletes.then(|| "gone".into()), shows })
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

fn staging(table: &TableName, mode: &LoadMode, events: &[Event], window: usize, is_rebuild: bool) -> Staging {
    let row = |[k, a, b, c, gone, t]: &Event| format!("({k}, 'a{a}', {b}, {c}, {}, timestamp '2026-01-0{} 00:00:00')", *gone == 1, t + 1);
    let rows: Vec<String> = events.iter().chain([&NO_EVENT]).map(row).collect();
    let reader = Reader {
        sql: format!("select * from (values {}) as events (k, a, b, c, gone, t) where k < 99", rows.join(", ")),
        inputs: vec![],
        file: None,
    };
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
    engine.query(&reader, 1_000).await.unwrap().rows
}

/// One current row per key at most, no overlaps, and a version ends where the next one begins or where the row was deleted.
async fn versions_fit_together(engine: &LocalEngine, table: &TableName) -> bool {
    let sql = format!(
        "select count(*) from (select *, lead(valid_from) over (partition by k order by valid_from) as next, \
         count(*) filter (where is_current) over (partition by k) as currents from {table}) as v \
         where currents > 1 or valid_to <= valid_from or is_current <> (valid_to is null) or next < valid_to \
         or (is_current and next is not null)"
    );
    let found = engine.query(&Reader { sql, inputs: vec![], file: None }, 1).await.unwrap();
    found.rows == vec![vec![Value::Int(0)]]
}

/// How many histories to try: few in a test, more where `HEADWORKS_HISTORIES` says so.
#[expect(clippy::disallowed_methods, reason = "a test may look at its environment")]
fn histories() -> u64 {
    std::env::var("HEADWORKS_HISTORIES").ok().and_then(|text| text.parse().ok()).unwrap_or(12)
}

#[tokio::test(flavor = "multi_thread")]
async fn any_order_of_arrival_gives_the_table_of_one_full_load() {
    for seed in 1..=histories() {
        let folder = tempfile::tempdir().unwrap();
        let engine = engine_for(seed, folder.path());
        let mut chance = Chance(seed.wrapping_mul(0x9e37_79b9_7f4a_7c15) | 1);
        let events = history(&mut chance);
        for (name, mode) in modes() {
            let (whole, parts) = (TableName::model(format!("{name}_whole")), TableName::model(format!("{name}_parts")));
            load(&engine, &staging(&whole, &mode, &events, 1, true), 1).await;
            let batches = deliveries(&mut chance, events.clone());
            for (at, batch) in batches.iter().enumerate() {
                load(&engine, &staging(&parts, &mode, batch, at + 1, at == 0), at + 1).await;
            }
            let (expected, found) = (rows(&engine, &whole).await, rows(&engine, &parts).await);
            assert_eq!(found, expected, "seed {seed}, {name}, batches {batches:?}");
            assert!(!name.starts_with("scd2") || versions_fit_together(&engine, &parts).await, "seed {seed}, {name}, batches {batches:?}");
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
        load(&engine, &staging(&whole, &mode, &[begins, ends, is_gone], 1, true), 1).await;
        load(&engine, &staging(&parts, &mode, &[begins, ends], 1, true), 1).await;
        load(&engine, &staging(&parts, &mode, &[is_gone], 2, false), 2).await;
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
    let review = Review { rows: format!("k = {}", chance.below(3)), ruling };
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
fn naming(staging: Staging, keys: &[usize]) -> Staging {
    let named: Vec<String> = keys.iter().chain([&99]).map(|key| format!("({key}, 'a0')")).collect();
    let sql = format!("select distinct k, a from (values {}) as named (k, a) where k < 99", named.join(", "));
    let reader = Reader { inputs: vec![Input::Query { name: "members".into(), sql }], ..staging.reader };
    Staging { reader, members: Some("members".into()), ..staging }
}

/// Whether each key has kept the surrogate key that its member had.
async fn members_kept_their_keys(engine: &LocalEngine, table: &TableName) -> bool {
    let sql = format!(
        "select count(*) from (select k from {table} group by k having count(*) filter (where sk = md5(cast(k as text))) <> 1) as lost"
    );
    let found = engine.query(&Reader { sql, inputs: vec![], file: None }, 1).await.unwrap();
    found.rows == vec![vec![Value::Int(0)]]
}

#[tokio::test]
async fn members_that_facts_name_are_completed_whatever_arrives_first() {
    for seed in 1..=histories() {
        let folder = tempfile::tempdir().unwrap();
        let engine = engine(folder.path());
        let mut chance = Chance(seed.wrapping_mul(0x9e37_79b9_7f4a_7c15) | 1);
        let events = history(&mut chance);
        for (at, (name, mode)) in modes().into_iter().enumerate() {
            let guard = |staging: Staging| if (seed + at as u64).is_multiple_of(3) { guarded(staging) } else { staging };
            let (whole, parts) = (TableName::model(format!("{name}_whole")), TableName::model(format!("{name}_parts")));
            let mut batches = deliveries(&mut chance, events.clone());
            batches.insert(chance.below(batches.len() + 1), vec![]);
            let named: Vec<Vec<usize>> = batches.iter().map(|_| (0..chance.below(4)).map(|_| chance.below(5)).collect()).collect();
            load(&engine, &guard(naming(staging(&whole, &mode, &events, 1, true), &named.concat())), 1).await;
            for (at, (batch, keys)) in batches.iter().zip(&named).enumerate() {
                load(&engine, &guard(naming(staging(&parts, &mode, batch, at + 1, at == 0), keys)), at + 1).await;
                let is_kept = !name.starts_with("scd2") || members_kept_their_keys(&engine, &parts).await;
                assert!(is_kept, "seed {seed}, {name}, batches {batches:?}, members {named:?}");
            }
            let (expected, found) = (rows(&engine, &whole).await, rows(&engine, &parts).await);
            assert_eq!(found, expected, "seed {seed}, {name}, batches {batches:?}, members {named:?}");
            assert!(!name.starts_with("scd2") || versions_fit_together(&engine, &parts).await, "seed {seed}, {name}, {batches:?}");
        }
    }
}

async fn waiting(engine: &LocalEngine, table: &TableName) -> Vec<Vec<Value>> {
    let sql = format!("select distinct k, a, b, c, gone, t from {} order by k, t, a, b, c, gone", table.quarantine().sql());
    match engine.query(&Reader { sql, inputs: vec![], file: None }, 1_000).await {
        Ok(found) => found.rows,
        Err(error) if error.known_code() == Some("HW302") => vec![],
        Err(error) => panic!("{error}"),
    }
}

#[tokio::test(flavor = "multi_thread")]
async fn what_people_decided_holds_in_any_order_and_after_a_rebuild() {
    for seed in 1..=histories() {
        let folder = tempfile::tempdir().unwrap();
        let engine = engine_for(seed, folder.path());
        let mut chance = Chance(seed.wrapping_mul(0x9e37_79b9_7f4a_7c15) | 1);
        let events = history(&mut chance);
        for (name, mode) in modes() {
            let table = TableName::model(name);
            let batches = deliveries(&mut chance, events.clone());
            let mut window = 0;
            for batch in &batches {
                window += 1;
                load(&engine, &guarded(staging(&table, &mode, batch, window, window == 1)), window).await;
                let order = guarded(staging(&table, &mode, &events, window + 1, false));
                window += usize::from(decide(&engine, order, &mut chance, window + 1).await);
            }
            let before = (rows(&engine, &table).await, waiting(&engine, &table).await);
            load(&engine, &guarded(staging(&table, &mode, &events, window + 1, true)), window + 1).await;
            let after = (rows(&engine, &table).await, waiting(&engine, &table).await);
            assert_eq!(after, before, "seed {seed}, {name}, batches {batches:?}");
        }
    }
}

#[tokio::test]
async fn what_an_attempt_leaves_beside_the_table_counts_for_nothing() {
    let folder = tempfile::tempdir().unwrap();
    let engine = engine(folder.path());
    let (table, mode) = (TableName::model("orders"), modes().remove(0).1);
    let events = [[0, 0, 0, 0, 0, 1], [1, 0, 0, 0, 0, 1], [2, 1, 0, 0, 0, 1]];
    load(&engine, &guarded(staging(&table, &mode, &events, 1, true)), 1).await;
    let before = (rows(&engine, &table).await, waiting(&engine, &table).await);
    assert_eq!((before.0.len(), before.1.len()), (1, 2));
    let review = Review { rows: "k = 0".into(), ruling: Ruling::Vouched { rule: None } };
    let release = |label: &str| Staging {
        review: Some(review.clone()),
        label: format!("run-x-2-{label}"),
        ..guarded(staging(&table, &mode, &events, 2, false))
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
            let whole = staging(&table, &mode, &[[1, 1, 0, 0, 0, 1]], window, is_rebuild);
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
    load(&engine, &guarded(staging(&table, &mode, &events, 1, true)), 1).await;
    let before = waiting(&engine, &table).await;
    let without = |attempt: &str| Staging {
        withdraw: Some("k = 0".into()),
        label: format!("run-x-2-{attempt}"),
        ..guarded(staging(&table, &mode, &[], 2, false))
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
