//! Tables that show less than the ledger says of them: an earlier version is the newest again.

use expect_test::expect;
use serde_json::json;

use super::{check_plan, check_run, following, following_database, replaced};
use crate::Selection;
use crate::fixture::World;

#[test]
fn a_table_that_was_exchanged_for_one_with_the_same_version_is_refused() {
    let world = World::new(&[replaced()]).ran();
    let refused = |table: &str| {
        let error = world.try_plan(&Selection::default()).unwrap_err();
        assert_eq!(error.known_code(), Some("HW702"));
        assert_eq!(error.message(), format!("the table `{table}` is not the one that the ledger knows"));
    };
    let is_written_by = |table: &str, run: &str| world.state().tables.get_mut(table).unwrap().versions[0].1 = run.into();
    is_written_by("report", "another");
    assert!(world.try_plan(&Selection::default()).is_ok(), "nothing would be added, and one table stands for all");
    world.holds("shop.orders", "a.csv b.csv");
    refused("report");
    world.holds("shop.orders", "a.csv");
    is_written_by("raw/shop.orders", "another");
    refused("raw/shop.orders");
}

#[test]
fn a_rolled_back_raw_copy_is_read_as_it_is_until_its_files_change() {
    let world = World::new(&[following(), replaced()]).ran();
    world.holds("shop.orders", "a.csv b.csv");
    world.run();
    world.roll_back("raw/shop.orders");
    check_plan(
        &world,
        expect![[r#"
        raw/shop.orders: skip, no new files | nothing
        orders: rebuild, the raw copy of `shop.orders` was rolled back | all rows
        report: run, new rows in raw/shop.orders | all rows"#]],
    );
    world.run();
    check_plan(
        &world,
        expect![[r#"
        raw/shop.orders: skip, no new files | nothing
        orders: skip, no input changed | nothing
        report: skip, no input changed | nothing"#]],
    );
}

#[test]
fn a_rolled_back_raw_copy_is_loaded_anew_when_its_files_change() {
    let world = World::new(&[following(), replaced()]).ran();
    world.holds("shop.orders", "a.csv b.csv");
    world.run();
    world.roll_back("raw/shop.orders");
    world.holds("shop.orders", "b.csv c.csv");
    check_plan(
        &world,
        expect![[r#"
            raw/shop.orders: rebuild, the raw copy was rolled back | 2 files, b.csv to c.csv
            orders: rebuild, the raw copy of `shop.orders` is loaded anew | all rows
            report: run, new rows in raw/shop.orders | all rows"#]],
    );
    check_run(
        &world,
        expect![[r#"
            open shop.orders: b.csv c.csv; expecting id status updated_at
            stage raw/shop.orders: append from the source, takes out _file is null or _file in ('b.csv', 'c.csv')
            publish raw/shop.orders as window 3
            stage orders: upsert id, later by updated_at anew from shop.orders up to batch 3
            publish orders as window 3
            stage report: replace from shop.orders up to batch 3
            publish report as window 3
            raw/shop.orders: published 3 rows as version 3
            orders: published 3 rows as version 2
            report: published 3 rows as version 2
            Succeeded, exit code 0"#]],
    );
    expect!["window 3, version 3: files [a.csv*0 b.csv*1 c.csv*1], loaded_at > 2026-03-01T00:00:00.000002Z, taken_out batch 3"]
        .assert_eq(&world.standing("raw/shop.orders"));
    // Nobody knows whether the raw copy still has the rows of the file that had vanished.
    world.holds("shop.orders", "a.csv b.csv c.csv");
    check_run(
        &world,
        expect![[r#"
            open shop.orders: a.csv; expecting id status updated_at
            stage raw/shop.orders: append from the source, takes out _file in ('a.csv')
            publish raw/shop.orders as window 4
            stage orders: upsert id, later by updated_at anew from shop.orders up to batch 4
            publish orders as window 4
            stage report: replace from shop.orders up to batch 4
            publish report as window 4
            raw/shop.orders: published 3 rows as version 4
            orders: published 3 rows as version 3
            report: published 3 rows as version 3
            Succeeded, exit code 0"#]],
    );
    check_plan(
        &world,
        expect![[r#"
        raw/shop.orders: skip, no new files | nothing
        orders: skip, no input changed | nothing
        report: skip, no input changed | nothing"#]],
    );
}

#[test]
fn a_rolled_back_raw_copy_of_a_database_is_read_again() {
    let world = World::new(&[following_database(), ("all", "select * from crm.customers", json!({}))]);
    world.arrives("raw/crm.orders", "rows 3; watermark 2026-01-05");
    world.run();
    world.roll_back("raw/crm.orders");
    world.roll_back("raw/crm.customers");
    check_plan(
        &world,
        expect![[r#"
        raw/crm.customers: rebuild, the raw copy was rolled back | all rows
        raw/crm.orders: rebuild, the raw copy was rolled back | all rows
        all: run, new rows in raw/crm.customers | all rows
        orders: rebuild, the raw copy of `crm.orders` is loaded anew | all rows"#]],
    );
    check_run(
        &world,
        expect![[r#"
        open crm.customers: all
        stage raw/crm.customers: append anew from the source
        publish raw/crm.customers as window 2
        open crm.orders: all
        stage raw/crm.orders: append anew from the source
        publish raw/crm.orders as window 2
        stage all: replace from crm.customers after batch 1 up to 2
        publish all as window 2
        stage orders: upsert id, later by updated_at anew from crm.orders up to batch 2
        publish orders as window 2
        raw/crm.customers: published 3 rows as version 2
        raw/crm.orders: published 3 rows as version 2
        all: published 3 rows as version 1
        orders: published 3 rows as version 1
        Succeeded, exit code 0"#]],
    );
}

#[test]
fn a_rolled_back_model_stays_until_an_input_changes_and_is_then_built_anew() {
    let world = World::new(&[following(), ("daily", "select * from orders", json!({}))]).ran();
    world.holds("shop.orders", "a.csv b.csv");
    world.run();
    world.roll_back("orders");
    check_plan(
        &world,
        expect![[r#"
        raw/shop.orders: skip, no new files | nothing
        orders: skip, no input changed | nothing
        daily: run, new rows in orders | all rows"#]],
    );
    world.run();
    check_plan(
        &world,
        expect![[r#"
        raw/shop.orders: skip, no new files | nothing
        orders: skip, no input changed | nothing
        daily: skip, no input changed | nothing"#]],
    );
    world.holds("shop.orders", "a.csv b.csv c.csv");
    check_plan(
        &world,
        expect![[r#"
        raw/shop.orders: run, 1 new or changed file | c.csv
        orders: rebuild, the table was rolled back | all rows
        daily: run, orders changes | all rows"#]],
    );
    check_run(
        &world,
        expect![[r#"
        open shop.orders: c.csv; expecting id status updated_at
        stage raw/shop.orders: append from the source
        publish raw/shop.orders as window 3
        stage orders: upsert id, later by updated_at anew from shop.orders up to batch 3
        publish orders as window 3
        stage daily: replace from orders at version 3
        publish daily as window 4
        raw/shop.orders: published 3 rows as version 2
        orders: published 3 rows as version 3
        daily: published 3 rows as version 3
        Succeeded, exit code 0"#]],
    );
    world.holds("shop.orders", "a.csv b.csv c.csv d.csv");
    check_plan(
        &world,
        expect![[r#"
        raw/shop.orders: run, 1 new or changed file | d.csv
        orders: run, raw/shop.orders changes | new rows of shop.orders
        daily: run, orders changes | all rows"#]],
    );
}

#[test]
fn a_rolled_back_model_over_a_database_is_built_anew_only_if_there_are_new_rows() {
    let world = World::new(&[following_database()]);
    world.arrives("raw/crm.orders", "rows 3; watermark 2026-01-05");
    world.run();
    world.roll_back("orders");
    check_plan(
        &world,
        expect![[r#"
            raw/crm.orders: ask, the source is asked for changes | updated_at >= 2026-01-05
            orders: ask, if raw/crm.orders has new rows; all rows then, because the table was rolled back | all rows"#]],
    );
    world.arrives("raw/crm.orders", "rows 0");
    world.arrives("raw/crm.orders", "rows 2; watermark 2026-01-06");
    check_run(
        &world,
        expect![[r#"
            open crm.orders: updated_at since 2026-01-05; expecting id status updated_at
            stage raw/crm.orders: append from the source, known_rows up to batch 1
            discard raw/crm.orders
            raw/crm.orders: unchanged
            orders: unchanged
            Unchanged, exit code 0"#]],
    );
    check_run(
        &world,
        expect![[r#"
            open crm.orders: updated_at since 2026-01-05; expecting id status updated_at
            stage raw/crm.orders: append from the source, known_rows up to batch 1
            publish raw/crm.orders as window 2
            stage orders: upsert id, later by updated_at anew from crm.orders up to batch 2
            publish orders as window 2
            raw/crm.orders: published 2 rows as version 1
            orders: published 3 rows as version 2
            Succeeded, exit code 0"#]],
    );
}

#[test]
fn a_rolled_back_table_that_is_replaced_anyway_is_no_reason() {
    let world = World::new(&[replaced()]).ran();
    world.roll_back("report");
    check_plan(
        &world,
        expect![[r#"
        raw/shop.orders: skip, no new files | nothing
        report: skip, no input changed | nothing"#]],
    );
    world.holds("shop.orders", "a.csv b.csv");
    check_plan(
        &world,
        expect![[r#"
        raw/shop.orders: run, 1 new or changed file | b.csv
        report: run, raw/shop.orders changes | all rows"#]],
    );
}
