//! Continuing a run whose process died.

use expect_test::expect;
use hw_base::{Error, StepOutcome};
use serde_json::json;

use super::{check_plan, check_run, following, following_database, replaced};
use crate::fixture::World;

#[test]
fn without_a_killed_run_there_is_nothing_to_continue() {
    let world = World::new(&[replaced()]).ran();
    assert!(world.recover().is_none());
    assert_eq!(world.asked(), "");
}

#[test]
fn a_step_whose_table_has_seen_the_window_is_recorded_as_published() {
    let world = World::new(&[following_database()]);
    world.arrives("raw/crm.orders", "rows 3; watermark 2026-01-05");
    world.dies(&["save raw/crm.orders published"]);
    expect!["nowhere"].assert_eq(&world.standing("raw/crm.orders"));
    let record = world.recover().unwrap();
    let steps: Vec<String> = record.steps.iter().map(|step| format!("{} {:?} {:?}", step.model, step.outcome, step.commit)).collect();
    expect![[r#"raw/crm.orders Published Some(StepCommit { table: "raw/crm.orders", version: 0 })"#]].assert_eq(&steps.join("\n"));
    expect!["window 1, version 0: content hash a, first_batch batch 1, loaded_at > 2026-03-01T00:00:00.000000Z, taken_out batch 1, watermark > 2026-01-05"]
        .assert_eq(&world.standing("raw/crm.orders"));
    expect!["sweep raw/crm.orders r1"].assert_eq(&world.asked());
}

#[test]
fn a_step_whose_table_has_not_seen_the_window_is_swept_and_done_again() {
    let world = World::new(&[following()]);
    world.dies(&["publish orders", "save orders failed"]);
    let record = world.recover().unwrap();
    let steps: Vec<String> = record.steps.iter().map(|step| format!("{} {:?}", step.model, step.outcome)).collect();
    expect!["raw/shop.orders Published"].assert_eq(&steps.join("\n"));
    expect!["sweep orders r1"].assert_eq(&world.asked());
    check_run(
        &world,
        expect![[r#"
        stage orders: upsert id, later by updated_at anew from shop.orders up to batch 1
        publish orders as window 1
        sweep orders r1-1
        raw/shop.orders: published 3 rows as version 0
        orders: published 3 rows as version 0
        Succeeded, exit code 0"#]],
    );
}

#[test]
fn what_was_broken_off_and_does_not_stop_is_left_to_the_next_run() {
    let world = World::new(&[replaced()]);
    world.state().is_busy = true;
    world.fails("stage report", || Error::outside("`report` took too long").code("HW704"));
    let error = world.try_run().unwrap_err();
    assert_eq!(error.message(), "`report` took longer than the time limit, and does not stop: the run ends here");
    let recorded = world.state().runs[0].steps.iter().map(|step| (step.model.clone(), step.outcome)).collect::<Vec<_>>();
    assert!(recorded.contains(&("report".into(), StepOutcome::Started)), "{recorded:?}");
    world.state().is_busy = false;
    world.asked();
    assert_eq!(world.recover().unwrap().steps.len(), 1);
    expect!["sweep report r1"].assert_eq(&world.asked());
}

#[test]
fn what_a_run_published_before_it_was_killed_stays_in_its_record() {
    let world = World::new(&[following(), replaced()]);
    world.dies(&["save orders published"]);
    check_run(
        &world,
        expect![[r#"
        stage report: replace anew from shop.orders up to batch 1
        publish report as window 1
        sweep report r1-1
        raw/shop.orders: published 3 rows as version 0
        orders: published 3 rows as version 0
        report: published 3 rows as version 0
        Succeeded, exit code 0"#]],
    );
    let state = world.state();
    let saved: Vec<String> = state.runs[0].steps.iter().map(|step| format!("{} {:?}", step.model, step.outcome)).collect();
    assert_eq!(state.runs.len(), 1);
    expect![[r#"
        raw/shop.orders Published
        orders Published
        report Published"#]]
    .assert_eq(&saved.join("\n"));
}

#[test]
fn a_step_that_is_published_once_more_by_a_continued_run_is_recorded_as_it_ended() {
    let world = World::new(&[following()]);
    world.dies(&["stage orders", "save orders failed"]);
    world.holds("shop.orders", "a.csv b.csv");
    world.arrives("raw/shop.orders", "rows 7");
    check_run(
        &world,
        expect![[r#"
        open shop.orders: b.csv; expecting id status updated_at
        stage raw/shop.orders: append from the source
        publish raw/shop.orders as window 2
        sweep raw/shop.orders r1-2
        stage orders: upsert id, later by updated_at anew from shop.orders up to batch 2
        publish orders as window 1
        sweep orders r1-1
        raw/shop.orders: published 7 rows as version 1
        orders: published 3 rows as version 0
        Succeeded, exit code 0"#]],
    );
}

#[test]
fn a_killed_window_is_loaded_under_the_same_number() {
    let world = World::new(&[following()]).ran();
    world.holds("shop.orders", "a.csv b.csv");
    world.dies(&["stage raw/shop.orders", "save raw/shop.orders failed"]);
    check_plan(
        &world,
        expect![[r#"
        raw/shop.orders: run, 1 new or changed file | b.csv
        orders: run, raw/shop.orders changes | new rows of shop.orders"#]],
    );
    check_run(
        &world,
        expect![[r#"
        open shop.orders: b.csv; expecting id status updated_at
        stage raw/shop.orders: append from the source
        publish raw/shop.orders as window 2
        sweep raw/shop.orders r2-2
        stage orders: upsert id, later by updated_at from shop.orders after batch 1 up to 2
        publish orders as window 2
        sweep orders r2-2
        raw/shop.orders: published 3 rows as version 1
        orders: published 3 rows as version 1
        Succeeded, exit code 0"#]],
    );
    check_run(
        &world,
        expect![[r#"
        raw/shop.orders: unchanged
        orders: unchanged
        Unchanged, exit code 0"#]],
    );
}

#[test]
fn a_raw_copy_that_was_published_before_the_kill_is_not_read_again() {
    let world = World::new(&[following(), ("daily", "select * from orders", json!({}))]).ran();
    world.holds("shop.orders", "a.csv b.csv");
    world.dies(&["save raw/shop.orders published"]);
    check_run(
        &world,
        expect![[r#"
        stage orders: upsert id, later by updated_at from shop.orders after batch 1 up to 2
        publish orders as window 2
        sweep orders r2-2
        stage daily: replace from orders at version 1
        publish daily as window 2
        sweep daily r2-2
        raw/shop.orders: published 3 rows as version 1
        orders: published 3 rows as version 1
        daily: published 3 rows as version 1
        Succeeded, exit code 0"#]],
    );
}
