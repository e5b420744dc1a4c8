//! What the ledger keeps, and what it keeps after a crash.

use hw_base::{Blame, Position, Retry, RunOutcome};

use super::*;

fn ledger(folder: &tempfile::TempDir) -> SqliteLedger {
    SqliteLedger::open(&folder.path().join(".headworks/ledger.db")).unwrap()
}

fn run(name: &str, second: u32) -> RunRecord {
    RunRecord {
        run: RunId(name.into()),
        project: "shop".into(),
        started: format!("2026-11-23T01:02:{second:02}.5Z").parse().unwrap(),
        ended: None,
        outcome: None,
        steps: vec![],
        version_group: BTreeMap::new(),
    }
}

fn ended(mut run: RunRecord) -> RunRecord {
    run.ended = Some(run.started + Duration::from_secs(4));
    run.outcome = Some(RunOutcome::Succeeded);
    run.version_group.insert("fact".into(), 3);
    run
}

fn progress(window: i64) -> Progress {
    let inputs = [("shop.orders".to_owned(), Position::Batch(window))].into();
    Progress { fingerprint: "f00".into(), window, inputs, version: Some(window) }
}

fn step(model: &str, outcome: StepOutcome, window: i64) -> StepRecord {
    let record = json!({
        "model": model, "load": "upsert", "window": "batch 1", "outcome": outcome, "rows_read": 10, "rows_written": 9,
        "rows_quarantined": 1, "seconds": 0.25, "peak_memory_bytes": 1 << 20, "spilled_bytes": 0,
        "commit": { "table": model, "version": window }, "verdict": { "held": true, "results": [] }, "progress": progress(window),
    });
    serde_json::from_value(record).unwrap()
}

#[track_caller]
fn refused<T>(result: Result<T>, parts: &[&str]) {
    let message = result.err().unwrap().to_string();
    for part in parts {
        assert!(message.contains(part), "`{part}` is not in\n{message}");
    }
}

#[test]
fn the_loads_of_a_step_come_without_those_of_others() {
    let folder = tempfile::tempdir().unwrap();
    let ledger = ledger(&folder);
    // The names of runs that begin within one second sort by chance.
    for (name, second) in [("r4", 1), ("r3", 2), ("r2", 3), ("r1", 4)] {
        let record = run(name, second);
        ledger.begin(&record).unwrap();
        let outcome = if name == "r2" { StepOutcome::Blocked } else { StepOutcome::Published };
        ledger.save_step(&record.run, &step("a", outcome, i64::from(second))).unwrap();
        ledger.save_step(&record.run, &step("b", StepOutcome::Published, 9)).unwrap();
    }
    let found = |limit: usize| -> Vec<(Timestamp, i64)> {
        ledger.published("a", limit).unwrap().into_iter().map(|(at, record)| (at, record.progress.window)).collect()
    };
    assert_eq!(found(9), [4, 2, 1].map(|second| (run("r", second).started, i64::from(second))));
    assert_eq!(found(2), found(9)[..2]);
    assert!(ledger.published("c", 9).unwrap().is_empty());
}

#[test]
fn a_version_is_known_by_the_newest_run_that_published_it() {
    let folder = tempfile::tempdir().unwrap();
    let ledger = ledger(&folder);
    for (name, outcome, version) in [
        ("r1", StepOutcome::Published, 7),
        ("r2", StepOutcome::Published, 7),
        ("r3", StepOutcome::Failed, 7),
        ("r4", StepOutcome::Published, 8),
    ] {
        ledger.begin(&run(name, 1)).unwrap();
        ledger.save_step(&RunId(name.into()), &step("a", outcome, version)).unwrap();
    }
    assert_eq!(ledger.publisher("a", 7).unwrap(), Some(RunId("r2".into())));
    assert_eq!((ledger.publisher("a", 9).unwrap(), ledger.publisher("b", 7).unwrap()), (None, None));
}

#[test]
fn a_version_of_a_table_that_was_made_anew_is_that_of_the_run_which_published_it_last() {
    let folder = tempfile::tempdir().unwrap();
    let ledger = ledger(&folder);
    let publisher = |version: i64| ledger.publisher("a", version).unwrap().map(|run| run.0);
    // Both begin within one second, and their names do not sort as they ran.
    for name in ["r9", "r1"] {
        ledger.begin(&run(name, 1)).unwrap();
        ledger.save_step(&RunId(name.into()), &step("a", StepOutcome::Published, 1)).unwrap();
    }
    assert_eq!(publisher(1).as_deref(), Some("r1"));
    ledger.save_step(&RunId("r1".into()), &step("a", StepOutcome::Started, 2)).unwrap();
    assert_eq!(publisher(1).as_deref(), Some("r1"), "it was killed, continued, and killed again");
    ledger.locked().execute("delete from notes", []).unwrap();
    assert_eq!(publisher(1).as_deref(), Some("r9"), "an older program took no note");
}

#[test]
fn a_record_is_saved_without_planning_its_statement_again() {
    let folder = tempfile::tempdir().unwrap();
    let ledger = ledger(&folder);
    let record = run("r1", 1);
    ledger.begin(&record).unwrap();
    for model in ["a", "b", "a", "c"] {
        ledger.save_step(&record.run, &step(model, StepOutcome::Published, 1)).unwrap();
    }
    let connection = ledger.locked();
    for statement in [SAVE_STEP, SAVE_PROGRESS] {
        let statement = connection.prepare_cached(statement).unwrap();
        assert_eq!(statement.get_status(rusqlite::StatementStatus::Run), 4);
        assert_eq!(statement.get_status(rusqlite::StatementStatus::RePrepare), 0);
    }
}

#[test]
fn a_run_comes_back_with_its_steps_in_order() {
    let folder = tempfile::tempdir().unwrap();
    let ledger = ledger(&folder);
    let mut record = run("r1", 1);
    ledger.begin(&record).unwrap();
    for (model, outcome) in [("b", StepOutcome::Started), ("a", StepOutcome::Published), ("b", StepOutcome::Blocked)] {
        ledger.save_step(&record.run, &step(model, outcome, 1)).unwrap();
    }
    record.steps = vec![step("b", StepOutcome::Blocked, 1), step("a", StepOutcome::Published, 1)];
    assert_eq!(ledger.unfinished().unwrap().as_ref(), Some(&record));
    let record = ended(record);
    ledger.end(&record).unwrap();
    assert_eq!(ledger.unfinished().unwrap(), None);
    assert_eq!(ledger.runs(10).unwrap(), [record]);
}

#[test]
fn runs_come_newest_first_and_only_the_newest_can_be_unfinished() {
    let folder = tempfile::tempdir().unwrap();
    let ledger = ledger(&folder);
    ledger.begin(&run("r1", 1)).unwrap();
    ledger.begin(&ended(run("r3", 3))).unwrap();
    ledger.begin(&ended(run("r2", 2))).unwrap();
    // A clock may go back: what counts is the order in which they began.
    let names: Vec<_> = ledger.runs(2).unwrap().into_iter().map(|run| run.run.0).collect();
    assert_eq!((names, ledger.unfinished().unwrap()), (vec!["r2".into(), "r3".into()], None));
    assert_eq!(ledger.runs(usize::MAX).unwrap().len(), 3);
}

#[test]
fn only_published_and_unchanged_steps_become_progress() {
    let folder = tempfile::tempdir().unwrap();
    let ledger = ledger(&folder);
    let record = run("r1", 1);
    ledger.begin(&record).unwrap();
    for outcome in [StepOutcome::Started, StepOutcome::Blocked, StepOutcome::Failed, StepOutcome::Skipped] {
        ledger.save_step(&record.run, &step("a", outcome, 1)).unwrap();
    }
    assert_eq!(ledger.progress("a").unwrap(), None);
    ledger.save_step(&record.run, &step("a", StepOutcome::Published, 2)).unwrap();
    ledger.save_step(&record.run, &step("b", StepOutcome::Unchanged, 5)).unwrap();
    ledger.save_step(&record.run, &step("a", StepOutcome::Started, 3)).unwrap();
    assert_eq!(ledger.all_progress().unwrap(), [("a".into(), progress(2)), ("b".into(), progress(5))].into());
    ledger.forget("a").unwrap();
    assert_eq!((ledger.progress("a").unwrap(), ledger.progress("b").unwrap()), (None, Some(progress(5))));
}

#[test]
fn notes_are_kept_and_replaced() {
    let folder = tempfile::tempdir().unwrap();
    let ledger = ledger(&folder);
    ledger.note("survey/shop", &json!({"files": 1})).unwrap();
    ledger.note("survey/shop", &json!([2, "zwei"])).unwrap();
    assert_eq!((ledger.noted("survey/shop").unwrap(), ledger.noted("other").unwrap()), (Some(json!([2, "zwei"])), None));
}

#[test]
fn what_people_ask_for_has_columns() {
    let folder = tempfile::tempdir().unwrap();
    let ledger = ledger(&folder);
    let record = ended(run("r1", 1));
    ledger.begin(&record).unwrap();
    ledger.save_step(&record.run, &step("a", StepOutcome::Published, 2)).unwrap();
    let query = "select concat_ws(' ', runs.outcome, started, ended, steps.outcome, rows_written, table_name, table_version, rules_held)
        from steps join runs using (run)";
    let found: String = ledger.locked().query_row(query, [], |row| row.get(0)).unwrap();
    assert_eq!(found, "succeeded 2026-11-23T01:02:01.500000000Z 2026-11-23T01:02:05.500000000Z published 9 a 2 1");
}

#[test]
fn a_change_that_is_not_committed_leaves_nothing() {
    let folder = tempfile::tempdir().unwrap();
    let ledger = ledger(&folder);
    let record = run("r1", 1);
    ledger.begin(&record).unwrap();
    {
        let mut connection = ledger.locked();
        let transaction = connection.transaction().unwrap();
        save_step(&transaction, &record.run, &step("a", StepOutcome::Published, 1)).unwrap();
        save_progress(&transaction, "a", &progress(1)).unwrap();
    }
    let failed = ledger.write(|transaction| {
        save_step(transaction, &record.run, &step("b", StepOutcome::Published, 1))?;
        Err(rusqlite::Error::InvalidQuery)
    });
    refused(failed, &["error[HW702]"]);
    assert_eq!((ledger.runs(1).unwrap(), ledger.all_progress().unwrap()), (vec![record], BTreeMap::new()));
}

#[test]
fn a_full_disk_is_told_as_one() {
    let folder = tempfile::tempdir().unwrap();
    let ledger = ledger(&folder);
    ledger.begin(&run("r1", 1)).unwrap();
    ledger.locked().pragma_update(None, "max_page_count", 1).unwrap();
    let long = json!("a".repeat(1_000_000));
    refused(ledger.note("long", &long), &["error[HW402]: the disk is full", "free some space"]);
}

#[test]
fn what_was_committed_outlives_a_process_that_closes_nothing() {
    let folder = tempfile::tempdir().unwrap();
    let first = ledger(&folder);
    first.begin(&run("r1", 1)).unwrap();
    first.save_step(&RunId("r1".into()), &step("a", StepOutcome::Published, 1)).unwrap();
    std::mem::forget(first);
    let second = ledger(&folder);
    assert_eq!(second.unfinished().unwrap().map(|run| run.steps.len()), Some(1));
    assert_eq!(second.progress("a").unwrap(), Some(progress(1)));
}

#[test]
fn readers_go_on_while_a_run_writes_and_cannot_write() {
    let folder = tempfile::tempdir().unwrap();
    let path = folder.path().join("ledger.db");
    refused(SqliteLedger::open_read_only(&path), &["error[HW702]: there is no ledger", "headworks run"]);
    let writer = SqliteLedger::open(&path).unwrap();
    writer.begin(&run("r1", 1)).unwrap();
    let reader = SqliteLedger::open_read_only(&path).unwrap();
    let mut connection = writer.locked();
    let transaction = connection.transaction_with_behavior(TransactionBehavior::Immediate).unwrap();
    save_run(&transaction, &run("r2", 2)).unwrap();
    assert_eq!(reader.runs(9).unwrap().len(), 1);
    transaction.commit().unwrap();
    assert_eq!(reader.runs(9).unwrap().len(), 2);
    refused(reader.forget("a"), &["error[HW702]", "readonly"]);
}

#[test]
fn the_log_is_flushed_before_the_file_is_written_and_records_belong_to_a_run() {
    let folder = tempfile::tempdir().unwrap();
    let ledger = ledger(&folder);
    let pragma = |name: &str| ledger.locked().pragma_query_value(None, name, |row| row.get::<_, rusqlite::types::Value>(0)).unwrap();
    assert_eq!(pragma("journal_mode"), "wal".to_owned().into());
    assert_eq!((pragma("synchronous"), pragma("foreign_keys")), (1.into(), 1.into()));
    let error = ledger.save_step(&RunId("none".into()), &step("a", StepOutcome::Published, 1)).unwrap_err();
    assert_eq!((error.blame(), ledger.all_progress().unwrap().len()), (Blame::Headworks, 0));
}

#[test]
fn a_file_that_cannot_be_used_says_why_and_what_to_do() {
    let folder = tempfile::tempdir().unwrap();
    let damaged = folder.path().join("damaged.db");
    std::fs::write(&damaged, "not a database at all, but long enough to be looked at ".repeat(40)).unwrap();
    for result in [SqliteLedger::open(&damaged), SqliteLedger::open_read_only(&damaged)] {
        refused(result, &["error[HW702]: the ledger `", "because: ", "not a database", "help: move the file away"]);
    }
    refused(SqliteLedger::open(&damaged.join("ledger.db")), &["error[HW702]", "because: ", "help: look at the permissions"]);
    let newer = folder.path().join("newer.db");
    Connection::open(&newer).unwrap().pragma_update(None, "user_version", 99).unwrap();
    refused(SqliteLedger::open(&newer), &["error[HW702]: a newer Headworks wrote"]);
    refused(SqliteLedger::open_read_only(&newer), &["error[HW702]: a newer Headworks wrote"]);
}

#[test]
fn a_truncated_file_is_refused_and_not_overwritten() {
    let folder = tempfile::tempdir().unwrap();
    let path = folder.path().join("ledger.db");
    let ledger = SqliteLedger::open(&path).unwrap();
    (0..60).for_each(|second| ledger.begin(&run(&format!("r{second}"), second % 60)).unwrap());
    drop(ledger);
    let bytes = std::fs::read(&path).unwrap();
    std::fs::write(&path, &bytes[..5000]).unwrap();
    let result = SqliteLedger::open(&path).and_then(|ledger| ledger.runs(99));
    refused(result, &["error[HW702]", "malformed", "move the file away"]);
}

#[test]
#[cfg(unix)]
fn a_folder_that_cannot_be_written_is_told() {
    use std::os::unix::fs::PermissionsExt as _;
    let folder = tempfile::tempdir().unwrap();
    std::fs::set_permissions(folder.path(), std::fs::Permissions::from_mode(0o555)).unwrap();
    let is_root = std::fs::write(folder.path().join("probe"), "").is_ok();
    if !is_root {
        refused(SqliteLedger::open(&folder.path().join("ledger.db")), &["error[HW702]", "because: ", "help: look at the permissions"]);
    }
    std::fs::set_permissions(folder.path(), std::fs::Permissions::from_mode(0o755)).unwrap();
}

#[test]
fn a_busy_file_may_be_tried_again() {
    let busy = rusqlite::Error::SqliteFailure(rusqlite::ffi::Error::new(rusqlite::ffi::SQLITE_BUSY), None);
    assert_eq!(refusal(Path::new("l"), &busy).retry(), Retry::WithBackoff);
}

#[test]
#[ignore = "measures: cargo test -p hw-ledger speed -- --ignored --nocapture"]
fn speed_of_a_thousand_steps() {
    let folder = tempfile::tempdir().unwrap();
    let ledger = ledger(&folder);
    let mut record = run("r1", 1);
    ledger.begin(&record).unwrap();
    let milliseconds = |start: std::time::Instant| start.elapsed().as_secs_f64() * 1000.0;
    let start = std::time::Instant::now();
    for number in 0..1000 {
        ledger.save_step(&record.run, &step(&format!("model_{number}"), StepOutcome::Published, 1)).unwrap();
    }
    println!("save_step × 1000: {:.1} ms", milliseconds(start));
    record.steps = (0..1000).map(|number| step(&format!("model_{number}"), StepOutcome::Published, 1)).collect();
    let start = std::time::Instant::now();
    ledger.end(&record).unwrap();
    println!("end with 1000 steps: {:.1} ms", milliseconds(start));
    let start = std::time::Instant::now();
    let found = ledger.all_progress().unwrap().len();
    println!("all_progress of {found}: {:.1} ms", milliseconds(start));
    let start = std::time::Instant::now();
    let found = ledger.runs(1).unwrap()[0].steps.len();
    println!("runs(1) with {found} steps: {:.1} ms", milliseconds(start));
}
