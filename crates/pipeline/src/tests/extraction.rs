//! What an extraction asks of its source, and what becomes of the rows that the raw copy has.

use expect_test::{Expect, expect};
use hw_base::{Error, RowWatch};
use serde_json::{Value as Json, json};

use super::{check_plan, check_run, following, following_database, replaced};
use crate::fixture::{World, block_on};
use crate::{Asking, Decision, Selected, Selection, try_models};

/// Checks only what concerns raw copies.
#[track_caller]
fn check(world: &World, expected: Expect) {
    let lines = world.run();
    let about_raw = |line: &&str| line.contains("raw/") || line.starts_with("open");
    expected.assert_eq(&lines.lines().filter(about_raw).collect::<Vec<_>>().join("\n"));
}

#[test]
fn of_files_only_the_new_and_the_changed_are_read() {
    let world = World::new(&[replaced()]);
    world.holds("shop.orders", "a.csv b.csv");
    check(
        &world,
        expect![[r#"
        open shop.orders: a.csv b.csv
        stage raw/shop.orders: append from the source
        publish raw/shop.orders as window 1
        raw/shop.orders: published 3 rows as version 0"#]],
    );
    world.holds("shop.orders", "a.csv b.csv c.csv");
    check(
        &world,
        expect![[r#"
        open shop.orders: c.csv; expecting id status updated_at
        stage raw/shop.orders: append from the source
        publish raw/shop.orders as window 2
        raw/shop.orders: published 3 rows as version 1"#]],
    );
    world.holds("shop.orders", "a.csv b.csv*2 c.csv d.csv");
    check(
        &world,
        expect![[r#"
        open shop.orders: b.csv d.csv; expecting id status updated_at
        stage raw/shop.orders: append from the source, takes out _file in ('b.csv')
        publish raw/shop.orders as window 3
        raw/shop.orders: published 3 rows as version 2"#]],
    );
    expect!["window 3, version 2: files [a.csv*1 b.csv*2 c.csv*1 d.csv*1], loaded_at > 2026-03-01T00:00:00.000002Z, taken_out batch 3"]
        .assert_eq(&world.standing("raw/shop.orders"));
}

#[test]
fn a_file_that_vanished_keeps_its_rows_and_is_not_read_when_it_comes_back() {
    let world = World::new(&[replaced()]);
    world.holds("shop.orders", "a.csv b.csv");
    world.run();
    world.holds("shop.orders", "b.csv");
    check(&world, expect!["raw/shop.orders: unchanged"]);
    world.holds("shop.orders", "a.csv b.csv");
    check(&world, expect!["raw/shop.orders: unchanged"]);
}

#[test]
fn a_plan_tells_that_what_arrives_lacks_columns_of_the_raw_copy() {
    let world = World::new(&[replaced()]).ran();
    world.holds("shop.orders", "a.csv b.csv");
    world.fails("open shop.orders: b.csv; expecting id status updated_at", || {
        Error::user("`b.csv` lacks the column `status`").code("HW204")
    });
    let mut plan = world.try_plan(&Selection::default()).unwrap();
    let asking = Asking { engine: &world, sources: &world, ledger: &world };
    let errors = block_on(try_models(&world.project, asking, &world, &mut plan));
    assert_eq!(errors.iter().map(Error::message).collect::<Vec<_>>(), ["`b.csv` lacks the column `status`"]);
    assert_eq!(plan.steps[0].decision, Decision::Fail("`b.csv` lacks the column `status`".into()));
    assert_eq!(plan.steps[1].decision, Decision::Skip("raw/shop.orders cannot be built".into()));
}

#[test]
fn a_plan_tells_that_the_load_makes_a_column_that_the_select_returns() {
    let load = json!({ "load": { "scd2": { "key": ["id"], "surrogate_key": "status" } }, "follow": { "shop.orders": "updated_at" } });
    let world = World::new(&[("dim", "select * from shop.orders", load)]);
    let mut plan = world.try_plan(&Selection::default()).unwrap();
    let asking = Asking { engine: &world, sources: &world, ledger: &world };
    let errors = block_on(try_models(&world.project, asking, &world, &mut plan));
    let messages: Vec<&str> = errors.iter().map(Error::message).collect();
    assert_eq!(messages, ["the column `status` is made by the load, and the SELECT returns one of that name"]);
}

#[test]
fn a_plan_tells_that_a_history_would_be_lost_with_the_raw_copy_of_a_database() {
    let errors = |world: &World, rebuild: bool| -> Vec<String> {
        let models = vec![Selected::with_what_it_reads("people").unwrap()];
        let mut plan = world.try_plan(&Selection { models, rebuild }).unwrap();
        let asking = Asking { engine: world, sources: world, ledger: world };
        block_on(try_models(&world.project, asking, world, &mut plan)).iter().map(ToString::to_string).collect()
    };
    let history = json!({ "load": { "scd2": { "key": ["id"] } }, "follow": { "crm.orders": "updated_at" } });
    let world = World::new(&[("people", "select * from crm.orders", history)]).ran();
    assert!(errors(&world, false).is_empty());
    world.remove("raw/crm.orders");
    expect![[r#"
        error[HW306]: building `people` anew would lose its history
          because: the raw copy of `crm.orders` has none of the rows that it was built from, and the source tells no history
          help: to keep it: put the folder `raw/crm.orders` of the warehouse back as it was; a new definition may have another model name
          help: to build it from what the source has now: `headworks run people --rebuild`"#]]
    .assert_eq(&errors(&world, false).join("\n"));
    assert!(!errors(&world, true).concat().contains("HW306"), "it was asked for");
    for step in ["raw/crm.orders", "people"] {
        world.forget(step);
    }
    let help = "put the ledger that knows the table, `.headworks/ledger.db`, and the folder `raw/crm.orders` of the warehouse back";
    assert!(errors(&world, false).concat().contains(help), "the ledger is lost, too");
}

#[test]
fn a_ledger_that_begins_anew_takes_over_a_raw_copy_with_versions() {
    let history = json!({ "load": { "scd2": { "key": ["id"] } }, "follow": { "crm.orders": "updated_at" } });
    let world = World::new(&[("people", "select * from crm.orders", history)]).ran();
    for step in ["raw/crm.orders", "people"] {
        world.forget(step);
    }
    check_plan(
        &world,
        expect![[r#"
            raw/crm.orders: run, the ledger does not know the raw copy; all rows are read again, earlier versions stay | all rows
            people: rebuild, first load | all rows"#]],
    );
    check_run(
        &world,
        expect![[r#"
            open crm.orders: expecting id status updated_at
            stage raw/crm.orders: append from the source
            publish raw/crm.orders as window 2
            stage people: versions of id by updated_at anew from crm.orders up to batch 2
            publish people as window 2
            raw/crm.orders: published 3 rows as version 1
            people: published 3 rows as version 1
            Succeeded, exit code 0"#]],
    );
}

#[test]
fn a_quote_in_a_path_stays_a_quote() {
    let world = World::new(&[replaced()]);
    world.holds("shop.orders", "o'clock.csv");
    world.run();
    world.holds("shop.orders", "o'clock.csv*2");
    check(
        &world,
        expect![[r#"
        open shop.orders: o'clock.csv; expecting id status updated_at
        stage raw/shop.orders: append from the source, takes out _file in ('o''clock.csv')
        publish raw/shop.orders as window 2
        raw/shop.orders: published 3 rows as version 1"#]],
    );
}

#[test]
fn files_that_do_not_tell_where_a_row_came_from_are_read_as_a_whole_when_one_changes() {
    let world = World::new(&[("a", "select * from lake.orders", json!({}))]);
    world.holds("lake.orders", "a.parquet b.parquet");
    world.run();
    world.holds("lake.orders", "a.parquet b.parquet c.parquet");
    check(
        &world,
        expect![[r#"
            open lake.orders: a.parquet b.parquet c.parquet
            stage raw/lake.orders: append anew from the source
            publish raw/lake.orders as window 2
            raw/lake.orders: published 3 rows as version 1"#]],
    );
    world.holds("lake.orders", "a.parquet b.parquet*2 c.parquet");
    check(
        &world,
        expect![[r#"
        open lake.orders: a.parquet b.parquet c.parquet
        stage raw/lake.orders: append anew from the source
        publish raw/lake.orders as window 3
        raw/lake.orders: published 3 rows as version 2"#]],
    );
    expect!["window 3, version 2: files [a.parquet*1 b.parquet*2 c.parquet*1], loaded_at > 2026-03-01T00:00:00.000002Z, taken_out batch 3"]
        .assert_eq(&world.standing("raw/lake.orders"));
}

#[test]
fn a_database_that_is_followed_is_asked_from_the_watermark_on() {
    let world = World::new(&[following_database()]);
    world.arrives("raw/crm.orders", "rows 3; watermark 2026-01-05");
    world.arrives("raw/crm.orders", "rows 0");
    world.arrives("raw/crm.orders", "rows 1; watermark 2026-01-06");
    check(
        &world,
        expect![[r#"
        open crm.orders: all
        stage raw/crm.orders: append from the source
        publish raw/crm.orders as window 1
        raw/crm.orders: published 3 rows as version 0"#]],
    );
    check(
        &world,
        expect![[r#"
            open crm.orders: updated_at since 2026-01-05; expecting id status updated_at
            stage raw/crm.orders: append from the source, known_rows up to batch 1
            discard raw/crm.orders
            raw/crm.orders: unchanged"#]],
    );
    expect!["window 1, version 0: first_batch batch 1, loaded_at > 2026-03-01T00:00:00.000001Z, taken_out batch 1, watermark > 2026-01-05"]
        .assert_eq(&world.standing("raw/crm.orders"));
    check(
        &world,
        expect![[r#"
            open crm.orders: updated_at since 2026-01-05; expecting id status updated_at
            stage raw/crm.orders: append from the source, known_rows up to batch 1
            publish raw/crm.orders as window 2
            raw/crm.orders: published 1 rows as version 1"#]],
    );
    expect!["window 2, version 1: first_batch batch 1, loaded_at > 2026-03-01T00:00:00.000002Z, taken_out batch 1, watermark > 2026-01-06"]
        .assert_eq(&world.standing("raw/crm.orders"));
}

#[test]
fn a_watermark_is_asked_for_by_the_name_that_the_source_gives_the_column() {
    let world = World::new(&[following_database()]);
    world.state().columns.insert("crm.orders".into(), "Id, Status, Updated At".into());
    world.arrives("raw/crm.orders", "rows 3; watermark 2026-01-05");
    world.run();
    check(
        &world,
        expect![[r#"
            open crm.orders: Updated At since 2026-01-05; expecting Id Status Updated At
            stage raw/crm.orders: append from the source, known_rows up to batch 1
            publish raw/crm.orders as window 2
            raw/crm.orders: published 3 rows as version 1"#]],
    );
}

/// A model that follows a table which tells what is new by itself.
fn following_customers() -> (&'static str, &'static str, Json) {
    let settings = json!({ "load": { "upsert": { "key": ["id"] } }, "follow": { "crm.customers": "updated_at" } });
    ("customers", "select * from crm.customers", settings)
}

#[test]
fn the_version_that_was_read_last_stays_for_dimensions_too() {
    let settings = json!({ "load": { "scd1": { "key": ["id"] } }, "follow": { "crm.customers": "updated_at" } });
    let world = World::new(&[("customers", "select * from crm.customers", settings)]);
    world.state().row_by_row = true;
    world.arrives("raw/crm.customers", "rows 3; watermark {5}");
    check_run(
        &world,
        expect![[r#"
            open crm.customers: all
            stage raw/crm.customers: append from the source
            publish raw/crm.customers as window 1
            stage customers: upsert id anew from crm.customers up to batch 1
            publish customers as window 1
            raw/crm.customers: published 3 rows as version 0
            customers: published 3 rows as version 0
            Succeeded, exit code 0"#]],
    );
}

#[test]
fn a_table_that_tells_what_is_new_needs_no_column_and_other_models_read_its_newest_rows() {
    let world = World::new(&[following_customers(), ("a", "select * from crm.customers", json!({}))]);
    world.state().row_by_row = true;
    world.arrives("raw/crm.customers", "rows 3; watermark {5}");
    world.arrives("raw/crm.customers", "rows 1; watermark {9}");
    check_run(
        &world,
        expect![[r#"
            open crm.customers: all
            stage raw/crm.customers: append from the source
            publish raw/crm.customers as window 1
            stage a: replace anew from versions.crm.customers with origin after batch 1 up to 1, first_versions.crm.customers with origin after batch 0 up to 1, query crm.customers
            publish a as window 1
            stage customers: upsert id anew from crm.customers up to batch 1
            publish customers as window 1
            raw/crm.customers: published 3 rows as version 0
            a: published 3 rows as version 0
            customers: published 3 rows as version 0
            Succeeded, exit code 0"#]],
    );
    check_plan(
        &world,
        expect![[r#"
        raw/crm.customers: ask, the source is asked for changes | new and changed rows
        a: ask, if raw/crm.customers has new rows | all rows
        customers: ask, if raw/crm.customers has new rows | new rows of crm.customers"#]],
    );
    check_run(
        &world,
        expect![[r#"
            open crm.customers: new since {5}; expecting id status updated_at
            stage raw/crm.customers: append from the source
            publish raw/crm.customers as window 2
            stage a: replace from versions.crm.customers with origin after batch 1 up to 2, first_versions.crm.customers with origin after batch 0 up to 1, query crm.customers
            publish a as window 2
            stage customers: upsert id from crm.customers after batch 1 up to 2
            publish customers as window 2
            raw/crm.customers: published 1 rows as version 1
            a: published 3 rows as version 1
            customers: published 3 rows as version 1
            Succeeded, exit code 0"#]],
    );
    expect!["window 2, version 1: first_batch batch 1, loaded_at > 2026-03-01T00:00:00.000001Z, taken_out batch 1, watermark > {9}"]
        .assert_eq(&world.standing("raw/crm.customers"));
}

#[test]
fn a_database_that_cannot_go_on_takes_the_place_of_what_was_read_before() {
    let world = World::new(&[following_customers()]);
    world.arrives("raw/crm.customers", "rows 3; watermark {5}");
    world.run();
    world.state().forgets = true;
    world.arrives("raw/crm.customers", "rows 4; watermark {2}");
    check_run(
        &world,
        expect![[r#"
        open crm.customers: expecting id status updated_at
        stage raw/crm.customers: append anew from the source
        publish raw/crm.customers as window 2
        stage customers: upsert id, later by updated_at anew from crm.customers up to batch 2
        publish customers as window 2
        raw/crm.customers: published 4 rows as version 1
        customers: published 3 rows as version 1
        Succeeded, exit code 0"#]],
    );
    expect!["window 2, version 1: first_batch batch 2, loaded_at > 2026-03-01T00:00:00.000001Z, taken_out batch 2, watermark > {2}"]
        .assert_eq(&world.standing("raw/crm.customers"));
}

#[test]
fn where_a_delivery_ended_nobody_knows_all_rows_are_read_again() {
    let world = World::new(&[following_customers()]);
    world.arrives("raw/crm.customers", "rows 3");
    world.run();
    check_run(
        &world,
        expect![[r#"
        open crm.customers: expecting id status updated_at
        stage raw/crm.customers: append anew from the source
        publish raw/crm.customers as window 2
        stage customers: upsert id, later by updated_at anew from crm.customers up to batch 2
        publish customers as window 2
        raw/crm.customers: published 3 rows as version 1
        customers: published 3 rows as version 1
        Succeeded, exit code 0"#]],
    );
}

#[test]
fn rows_that_may_come_again_are_compared_with_the_raw_copy() {
    let world = World::new(&[following_database()]);
    world.arrives("raw/crm.orders", "rows 3; watermark 2026-01-05");
    world.run();
    world.fails("stage raw/crm.orders", || Error::outside("seen enough"));
    world.run();
    let staging = world.state().staging.take().unwrap();
    expect![[r#"
        select id as id, status as status, updated_at as updated_at, _file, _line, _malformed, arrow_cast('2026-03-01T00:00:00.000001Z', 'Timestamp(Microsecond, Some("UTC"))') as _loaded_at, 'r2' as _run, cast(2 as bigint) as _batch
        from (select id, status, updated_at, _file, _line, _malformed
        from arriving left anti join (select cast(id as varchar) as value_0, cast(status as varchar) as value_1, arrow_cast(updated_at, 'Timestamp(Microsecond, None)') as value_2, cast(null as varchar) as value_3, cast(null as bigint) as value_4, cast(null as varchar) as value_5
        from known_rows
        where updated_at is null or updated_at >= arrow_cast('2026-01-05', 'Timestamp(Microsecond, None)')) as before on (arriving.id is not distinct
        from before.value_0) and (arriving.status is not distinct
        from before.value_1) and (arriving.updated_at is not distinct
        from before.value_2) and (arriving._file is not distinct
        from before.value_3) and (arriving._line is not distinct
        from before.value_4) and (arriving._malformed is not distinct
        from before.value_5)) as arriving"#]].assert_eq(&staging.reader.sql.replace(" from", "\nfrom").replace(" where", "\nwhere"));
}

#[test]
fn a_database_that_nobody_follows_is_copied_as_a_whole_if_it_changed() {
    let world = World::new(&[("a", "select * from crm.orders", json!({}))]);
    world.arrives("raw/crm.orders", "rows 3; hash a");
    world.arrives("raw/crm.orders", "rows 3; hash a");
    world.arrives("raw/crm.orders", "rows 3; hash b");
    check(
        &world,
        expect![[r#"
        open crm.orders: all
        stage raw/crm.orders: append from the source
        publish raw/crm.orders as window 1
        raw/crm.orders: published 3 rows as version 0"#]],
    );
    check(
        &world,
        expect![[r#"
        open crm.orders: expecting id status updated_at
        stage raw/crm.orders: append from the source
        discard raw/crm.orders
        raw/crm.orders: unchanged"#]],
    );
    check(
        &world,
        expect![[r#"
        open crm.orders: expecting id status updated_at
        stage raw/crm.orders: append from the source
        publish raw/crm.orders as window 2
        raw/crm.orders: published 3 rows as version 1"#]],
    );
    expect!["window 2, version 1: content hash b, loaded_at > 2026-03-01T00:00:00.000002Z, taken_out batch 1"]
        .assert_eq(&world.standing("raw/crm.orders"));
}

#[test]
fn models_that_follow_by_different_columns_are_served_with_whole_copies() {
    let other = ("other", "select * from crm.orders", json!({ "follow": { "crm.orders": "id" } }));
    let world = World::new(&[following_database(), other]);
    world.arrives("raw/crm.orders", "rows 3; hash a; watermark 2026-01-05");
    world.arrives("raw/crm.orders", "rows 3; hash b; watermark 2026-01-06");
    world.run();
    check(
        &world,
        expect![[r#"
        open crm.orders: expecting id status updated_at
        stage raw/crm.orders: append from the source
        publish raw/crm.orders as window 2
        raw/crm.orders: published 3 rows as version 1"#]],
    );
}

#[test]
fn a_database_that_is_followed_from_now_on_is_copied_from_the_start() {
    let mut world = World::new(&[("a", "select * from crm.orders", json!({}))]).ran();
    world.change_models(&[("a", "select * from crm.orders", json!({})), following_database()]);
    check_plan(
        &world,
        expect![[r#"
            raw/crm.orders: rebuild, it is extracted in another way now | all rows
            a: run, raw/crm.orders changes | every version of the rows of crm.orders
            orders: rebuild, first load | all rows"#]],
    );
    world.arrives("raw/crm.orders", "rows 3; watermark 2026-01-05");
    check_run(
        &world,
        expect![[r#"
        open crm.orders: all
        stage raw/crm.orders: append anew from the source
        publish raw/crm.orders as window 2
        stage a: replace from crm.orders up to batch 2
        publish a as window 2
        stage orders: upsert id, later by updated_at anew from crm.orders up to batch 2
        publish orders as window 1
        raw/crm.orders: published 3 rows as version 1
        a: published 3 rows as version 1
        orders: published 3 rows as version 0
        Succeeded, exit code 0"#]],
    );
    check_plan(
        &world,
        expect![[r#"
            raw/crm.orders: ask, the source is asked for changes | updated_at >= 2026-01-05
            a: ask, if raw/crm.orders has new rows | every version of the rows of crm.orders
            orders: ask, if raw/crm.orders has new rows | new rows of crm.orders"#]],
    );
}

#[test]
fn a_raw_copy_that_the_ledger_does_not_know_is_not_loaded_twice() {
    let world = World::new(&[following(), ("names", "select * from crm.orders", json!({}))]).ran();
    for step in ["raw/shop.orders", "raw/crm.orders", "orders", "names"] {
        world.forget(step);
    }
    check_plan(
        &world,
        expect![[r#"
        raw/crm.orders: rebuild, the ledger does not know the raw copy | all rows
        raw/shop.orders: rebuild, the ledger does not know the raw copy | a.csv
        names: rebuild, first load | all rows
        orders: rebuild, first load | all rows"#]],
    );
    check_run(
        &world,
        expect![[r#"
        open crm.orders: all
        stage raw/crm.orders: append anew from the source
        publish raw/crm.orders as window 2
        open shop.orders: a.csv; expecting id status updated_at
        stage raw/shop.orders: append from the source, takes out _file is null or _file in ('a.csv')
        publish raw/shop.orders as window 2
        stage names: replace anew from crm.orders after batch 1 up to 2
        publish names as window 2
        stage orders: upsert id, later by updated_at anew from shop.orders up to batch 2
        publish orders as window 2
        raw/crm.orders: published 3 rows as version 1
        raw/shop.orders: published 3 rows as version 1
        names: published 3 rows as version 1
        orders: published 3 rows as version 1
        Succeeded, exit code 0"#]],
    );
    check_plan(
        &world,
        expect![[r#"
        raw/crm.orders: ask, the source is asked for changes | all rows
        raw/shop.orders: skip, no new files | nothing
        names: ask, if raw/crm.orders has new rows | all rows
        orders: skip, no input changed | nothing"#]],
    );
}

#[test]
fn batches_of_another_project_are_not_numbered_once_more() {
    let world = World::new(&[replaced()]).ran();
    world.holds("shop.orders", "a.csv b.csv");
    world.run();
    world.forget("raw/shop.orders");
    world.state().tables.get_mut("raw/shop.orders").unwrap().window = 0;
    check(
        &world,
        expect![[r#"
        open shop.orders: a.csv b.csv; expecting id status updated_at
        stage raw/shop.orders: append from the source, takes out _file is null or _file in ('a.csv', 'b.csv')
        publish raw/shop.orders as window 3
        raw/shop.orders: published 3 rows as version 2"#]],
    );
}

#[test]
fn a_column_keeps_its_name_whatever_the_order_of_the_columns() {
    let world = World::new(&[replaced()]);
    world.state().columns.insert("shop.orders".into(), "Order ID, order_id".into());
    world.run();
    expect![[r#"{"order_id":"Order ID","order_id_2":"order_id"}"#]]
        .assert_eq(&world.state().notes["columns of raw/shop.orders"].to_string());
    world.state().columns.insert("shop.orders".into(), "order_id, ORDER-ID, Order ID".into());
    world.holds("shop.orders", "a.csv b.csv");
    check(
        &world,
        expect![[r#"
            open shop.orders: b.csv; expecting Order ID order_id
            note raw/shop.orders: a new column, `order_id_3`; models have what their SELECT names
            stage raw/shop.orders: append from the source
            publish raw/shop.orders as window 2
            raw/shop.orders: published 3 rows as version 1"#]],
    );
    expect![[r#"{"order_id":"Order ID","order_id_2":"order_id","order_id_3":"ORDER-ID"}"#]]
        .assert_eq(&world.state().notes["columns of raw/shop.orders"].to_string());
}

#[test]
fn a_column_keeps_its_name_where_a_ledger_begins_anew() {
    let world = World::new(&[replaced()]);
    world.state().columns.insert("shop.orders".into(), "Order ID, amount".into());
    world.run();
    for step in ["raw/shop.orders", "report"] {
        world.forget(step);
    }
    world.state().notes.clear();
    check(
        &world,
        expect![[r#"
            open shop.orders: a.csv
            open shop.orders: a.csv; expecting Order ID amount
            stage raw/shop.orders: append from the source, takes out _file is null or _file in ('a.csv')
            publish raw/shop.orders as window 2
            raw/shop.orders: published 3 rows as version 1"#]],
    );
    expect![[r#"{"amount":"amount","order_id":"Order ID"}"#]].assert_eq(&world.state().notes["columns of raw/shop.orders"].to_string());
}

#[test]
fn a_ledger_that_is_older_than_the_table_is_refused() {
    let world = World::new(&[replaced()]).ran();
    let before = world.state().progress.clone();
    world.holds("shop.orders", "a.csv b.csv");
    world.run();
    world.state().progress = before;
    let (_, errors) = world.try_run().unwrap();
    expect![[r#"
        error[HW702]: the ledger is older than the table `raw/shop.orders`
          because: the table has seen window 2, the ledger knows windows up to 1
          help: if another machine or copy of the project has run: let one of them alone run it, with the ledger that knows all windows
          help: if the ledger was put back from a backup: put the newer one back
          help: or move this ledger away, and keep it: the next run begins one, takes over the raw copies, and builds the tables from these and what the sources have; history that they do not tell stays as it is (HW306)"#]]
    .assert_eq(&errors[0].to_string());
    expect![[""]].assert_eq(&world.asked());
}

#[test]
fn a_plan_that_does_not_know_what_another_machine_has_written_is_not_carried_out() {
    let world = World::new(&[replaced()]);
    let plan = world.try_plan(&Selection::default()).unwrap();
    world.is_written_by_another("raw/shop.orders");
    let (_, errors) = world.carries_out(&plan, None).unwrap();
    expect![[r#"
        error[HW502]: another run has written `raw/shop.orders` since this one was planned
          because: the table has seen window 1, and had seen 0 then: it was made with a ledger of its own
          help: nothing of this step was published and nothing is lost; run again: the next plan knows what is there
          help: let one machine alone run the project, or give each a warehouse of its own"#]]
    .assert_eq(&errors[0].to_string());
    assert!(world.run().contains("raw/shop.orders: published"), "the next plan knows it");
}

#[test]
fn a_killed_run_does_not_take_the_commit_of_another_machine_for_its_own() {
    let world = World::new(&[replaced()]);
    world.dies(&["publish raw/shop.orders", "save raw/shop.orders failed"]);
    world.is_written_by_another("raw/shop.orders");
    let continued = world.recover().unwrap();
    assert!(continued.steps.is_empty(), "{:?}", continued.steps);
    assert_eq!(world.standing("raw/shop.orders"), "nowhere");
}

#[test]
fn rules_of_a_dataset_judge_its_raw_copy() {
    let world = World::new(&[("a", "select * from shop.guarded", json!({}))]);
    world.state().surveys.insert("shop.guarded".into(), hw_base::Survey::default());
    world.arrives("raw/shop.guarded", "rows 3; not_null_id 1");
    check_run(
        &world,
        expect![[r#"
        open shop.guarded: all
        stage raw/shop.guarded: append from the source
        discard raw/shop.guarded
        raw/shop.guarded: blocked
        a: skipped, `raw/shop.guarded` did not go through
        Blocked, exit code 1"#]],
    );
}

/// Checks the order to stage a raw copy, which is the last one because nothing else is staged.
#[track_caller]
fn check_staging(dataset: &str, columns: &str, expected: Expect) {
    let world = World::new(&[("a", &format!("select * from {dataset}"), json!({ "follow": { (dataset): "updated_at" } }))]);
    world.state().columns.insert(dataset.into(), columns.into());
    world.fails(&format!("stage raw/{dataset}"), || Error::outside("seen enough"));
    world.run();
    let staging = world.state().staging.take().unwrap();
    let rule = |rule: &RowWatch| format!("{}: {}; diverts {}, excludes {}", rule.id, rule.violates, rule.diverts, rule.excludes);
    let rules: Vec<String> = staging.watch.rows.iter().map(rule).collect();
    let aggregates: Vec<String> = staging.watch.aggregates.iter().map(|watch| format!("{}: {}", watch.id, watch.expression)).collect();
    let shown = [
        staging.reader.sql.replace(", ", ",\n  ").replace(" from", "\nfrom"),
        format!("partitions {:?}, hidden {:?}, hash {}", staging.partition_by, staging.hidden, staging.hash_content),
        format!("rules {rules:?}, aggregates {aggregates:?}"),
    ];
    expected.assert_eq(&shown.join("\n"));
}

#[test]
fn every_row_of_a_raw_copy_tells_where_it_came_from() {
    check_staging(
        "shop.orders",
        "Order ID, select, order_id",
        expect![[r#"
            select "Order ID" as order_id,
              "select" as "select",
              order_id as order_id_2,
              _file,
              _line,
              _malformed,
              arrow_cast('2026-03-01T00:00:00.000000Z',
              'Timestamp(Microsecond,
              Some("UTC"))') as _loaded_at,
              'r1' as _run,
              cast(1 as bigint) as _batch
            from arriving
            partitions [("_batch", "_batch")], hidden ["_malformed"], hash false
            rules ["malformed_record: _malformed is not null; diverts true, excludes true"], aggregates []"#]],
    );
    check_staging(
        "lake.orders",
        "id",
        expect![[r#"
        select id as id,
          arrow_cast('2026-03-01T00:00:00.000000Z',
          'Timestamp(Microsecond,
          Some("UTC"))') as _loaded_at,
          'r1' as _run,
          cast(1 as bigint) as _batch
        from arriving
        partitions [("_batch", "_batch")], hidden [], hash false
        rules [], aggregates []"#]],
    );
    check_staging(
        "crm.orders",
        "id, updated_at",
        expect![[r#"
            select id as id,
              updated_at as updated_at,
              _file,
              _line,
              _malformed,
              arrow_cast('2026-03-01T00:00:00.000000Z',
              'Timestamp(Microsecond,
              Some("UTC"))') as _loaded_at,
              'r1' as _run,
              cast(1 as bigint) as _batch
            from arriving
            partitions [("_batch", "_batch")], hidden ["_malformed"], hash true
            rules ["malformed_record: _malformed is not null; diverts true, excludes true"], aggregates []"#]],
    );
}
