//! What is decided about every step, and why.

use expect_test::expect;
use hw_base::{Blame, Error};
use serde_json::json;

use super::{check_plan, check_run, following, following_database, replaced};
use crate::fixture::World;
use crate::{Selected, Selection};

#[test]
fn the_first_run_loads_everything() {
    check_plan(
        &World::new(&[following(), replaced()]),
        expect![[r#"
        raw/shop.orders: run, 1 file | a.csv
        orders: rebuild, first load | all rows
        report: rebuild, first load | all rows"#]],
    );
}

#[test]
fn without_news_there_is_nothing_to_do() {
    check_plan(
        &World::new(&[following(), replaced()]).ran(),
        expect![[r#"
        raw/shop.orders: skip, no new files | nothing
        orders: skip, no input changed | nothing
        report: skip, no input changed | nothing"#]],
    );
}

#[test]
fn a_new_file_is_read_by_all_and_only_its_rows_by_who_follows() {
    let world = World::new(&[following(), replaced()]).ran();
    world.holds("shop.orders", "a.csv b.csv c.csv");
    check_plan(
        &world,
        expect![[r#"
        raw/shop.orders: run, 2 new or changed files | 2 files, b.csv to c.csv
        orders: run, raw/shop.orders changes | new rows of shop.orders
        report: run, raw/shop.orders changes | all rows"#]],
    );
}

#[test]
fn a_database_is_asked() {
    let world = World::new(&[following_database(), ("names", "select * from crm.customers join orders", json!({}))]);
    check_plan(
        &world,
        expect![[r#"
        raw/crm.customers: run, first extraction | all rows
        raw/crm.orders: run, first extraction | all rows
        orders: rebuild, first load | all rows
        names: rebuild, first load | all rows"#]],
    );
    world.arrives("raw/crm.orders", "rows 3; watermark 2026-01-05");
    world.run();
    check_plan(
        &world,
        expect![[r#"
            raw/crm.customers: ask, the source is asked for changes | all rows
            raw/crm.orders: ask, the source is asked for changes | updated_at >= 2026-01-05
            orders: ask, if raw/crm.orders has new rows | new rows of crm.orders
            names: ask, if raw/crm.customers has new rows | all rows"#]],
    );
}

#[test]
fn a_database_that_did_not_answer_in_time_for_the_plan_is_no_mistake_of_the_project() {
    let world = World::new(&[following_database()]);
    let survey = world.state().surveys.remove("crm.orders").unwrap();
    let plan = world.try_plan(&Selection::default()).unwrap();
    world.state().surveys.insert("crm.orders".into(), survey);
    let (_, errors) = world.carries_out(&plan, None).unwrap();
    expect![[r#"
        error[HW206]: `crm.orders` could not be read when the run was planned
          because: there is no `crm.orders`
          help: it can be read now: run again"#]]
    .assert_eq(&errors[0].to_string());
    assert_eq!(errors[0].blame(), Blame::Outside);
}

#[test]
fn an_input_that_changes_for_sure_comes_before_one_that_is_asked() {
    let world = World::new(&[("a", "select * from crm.orders join shop.orders", json!({}))]).ran();
    check_plan(
        &world,
        expect![[r#"
        raw/crm.orders: ask, the source is asked for changes | all rows
        raw/shop.orders: skip, no new files | nothing
        a: ask, if raw/crm.orders has new rows | all rows"#]],
    );
    world.holds("shop.orders", "a.csv b.csv");
    check_plan(
        &world,
        expect![[r#"
        raw/crm.orders: ask, the source is asked for changes | all rows
        raw/shop.orders: run, 1 new or changed file | b.csv
        a: run, raw/shop.orders changes | all rows"#]],
    );
}

#[test]
fn what_was_published_but_not_read_is_read_later() {
    let world = World::new(&[following()]).ran();
    world.holds("shop.orders", "a.csv b.csv");
    world.fails("stage orders", || Error::outside("disk full"));
    world.run();
    check_plan(
        &world,
        expect![[r#"
        raw/shop.orders: skip, no new files | nothing
        orders: run, new rows in raw/shop.orders | new rows of shop.orders"#]],
    );
}

#[test]
fn a_changed_model_and_a_rebuild_that_was_asked_for_start_over() {
    let mut world = World::new(&[following(), replaced()]).ran();
    expect![[r#"
        raw/shop.orders: skip, no new files | nothing
        orders: rebuild, a rebuild was asked for | all rows"#]]
    .assert_eq(&world.plan(&Selection { rebuild: true, ..Selection::of_models(["orders".to_owned()]) }));
    expect![[r#"
        raw/shop.orders: skip, no new files | nothing
        orders: rebuild, a rebuild was asked for | all rows
        report: rebuild, a rebuild was asked for | all rows"#]]
    .assert_eq(&world.plan(&Selection { models: vec![], rebuild: true }));
    world.change_models(&[following(), ("report", "select id from shop.orders", json!({}))]);
    check_plan(
        &world,
        expect![[r#"
            raw/shop.orders: skip, no new files | nothing
            orders: skip, no input changed | nothing
            report: rebuild, the model changed: SELECT | all rows"#]],
    );
}

#[test]
fn a_model_whose_table_was_removed_is_loaded_anew_and_read_again() {
    let world = World::new(&[following(), ("daily", "select * from orders", json!({}))]).ran();
    world.remove("orders");
    check_plan(
        &world,
        expect![[r#"
        raw/shop.orders: skip, no new files | nothing
        orders: rebuild, first load | all rows
        daily: run, orders changes | all rows"#]],
    );
    // The rebuilt table comes to version 0 once more; only its window tells that it is another one.
    world.fails("stage daily", || Error::outside("disk full"));
    check_run(
        &world,
        expect![[r#"
        stage orders: upsert id, later by updated_at anew from shop.orders up to batch 1
        publish orders as window 2
        stage daily: replace from orders at version 0
        raw/shop.orders: unchanged
        orders: published 3 rows as version 0
        daily: failed, disk full
        Failed, exit code 3"#]],
    );
    check_plan(
        &world,
        expect![[r#"
        raw/shop.orders: skip, no new files | nothing
        orders: skip, no input changed | nothing
        daily: run, new rows in orders | all rows"#]],
    );
}

#[test]
fn a_removed_raw_copy_is_loaded_from_the_start_and_so_are_the_models_that_follow_it() {
    let world = World::new(&[following(), replaced()]).ran();
    world.holds("shop.orders", "a.csv b.csv");
    world.run();
    world.remove("raw/shop.orders");
    check_plan(
        &world,
        expect![[r#"
        raw/shop.orders: run, 2 files | 2 files, a.csv to b.csv
        orders: rebuild, the raw copy of `shop.orders` was removed | all rows
        report: run, raw/shop.orders changes | all rows"#]],
    );
    check_run(
        &world,
        expect![[r#"
        open shop.orders: a.csv b.csv
        stage raw/shop.orders: append from the source
        publish raw/shop.orders as window 3
        stage orders: upsert id, later by updated_at anew from shop.orders up to batch 3
        publish orders as window 3
        stage report: replace from shop.orders up to batch 3
        publish report as window 3
        raw/shop.orders: published 3 rows as version 0
        orders: published 3 rows as version 2
        report: published 3 rows as version 2
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
fn a_removed_raw_copy_is_noticed_although_the_run_that_loads_it_does_not_come_to_the_model() {
    let world = World::new(&[following()]).ran();
    world.remove("raw/shop.orders");
    world.fails("stage orders", || Error::outside("disk full"));
    world.run();
    check_plan(
        &world,
        expect![[r#"
            raw/shop.orders: skip, no new files | nothing
            orders: rebuild, rows of `shop.orders` were taken out or let in | all rows"#]],
    );
}

#[test]
fn a_raw_copy_that_is_lost_with_one_of_its_files_is_made_anew_only_where_that_is_asked_for() {
    let world = World::new(&[following()]);
    world.holds("shop.orders", "a.csv b.csv");
    world.run();
    world.remove("raw/shop.orders");
    world.holds("shop.orders", "b.csv*2");
    let refused = |rebuild: bool| world.try_plan(&Selection { models: vec![], rebuild }).as_ref().err().map(ToString::to_string);
    expect![[r#"
        error[HW306]: the raw copy of `shop.orders` is gone, and with it rows that its source has no longer
          because: it had the rows of `a.csv`, which is not at the source any more
          help: put the folder `raw/shop.orders` of the warehouse back as it was, or the files that are missing at the source
          help: to build the tables from the files that are left, without these rows: `headworks run --rebuild`"#]]
    .assert_eq(&refused(false).unwrap_or_default());
    assert_eq!(refused(true), None);
    world.holds("shop.orders", "a.csv b.csv*2");
    assert_eq!(refused(false), None, "every file is there");
}

#[test]
fn a_rebuild_by_name_takes_no_rows_from_tables_that_it_leaves_out() {
    let world = World::new(&[following(), replaced()]);
    world.holds("shop.orders", "a.csv b.csv");
    world.run();
    world.remove("raw/shop.orders");
    world.holds("shop.orders", "b.csv*2");
    let refused = |names: &[&str]| {
        let models = names.iter().map(|name| Selected::with_what_it_reads(name).unwrap()).collect();
        world.try_plan(&Selection { models, rebuild: true }).as_ref().err().map(ToString::to_string)
    };
    expect![[r#"
        error[HW306]: the raw copy of `shop.orders` is gone, and with it rows that its source has no longer
          because: it had the rows of `a.csv`, which is not at the source any more
          because: `report` would lose them as well with the next run
          help: put the folder `raw/shop.orders` of the warehouse back as it was, or the files that are missing at the source
          help: to build the tables from the files that are left, without these rows: `headworks run orders report --rebuild`"#]]
    .assert_eq(&refused(&["orders"]).unwrap_or_default());
    assert_eq!(refused(&["orders", "report"]), None);
}

#[test]
fn a_raw_copy_that_is_lost_with_the_ledger_is_made_anew_only_where_that_is_asked_for() {
    let world = World::new(&[following()]).ran();
    world.remove("raw/shop.orders");
    for step in ["raw/shop.orders", "orders"] {
        world.forget(step);
    }
    let refused = |rebuild: bool| world.try_plan(&Selection { models: vec![], rebuild }).as_ref().err().map(ToString::to_string);
    expect![[r#"
        error[HW306]: the raw copy of `shop.orders` is gone, and with it the ledger that knew its files
          because: `orders` may have rows of files that are not at the source any more
          help: put the ledger back as it was, `.headworks/ledger.db`, or the folder `raw/shop.orders` of the warehouse
          help: to build the tables from the files that are there, and nothing else: `headworks run --rebuild`"#]]
    .assert_eq(&refused(false).unwrap_or_default());
    assert_eq!(refused(true), None);
}

#[test]
fn a_file_that_had_no_row_is_no_loss() {
    let world = World::new(&[following()]).ran();
    world.holds("shop.orders", "a.csv e.csv");
    world.arrives("raw/shop.orders", "rows 0");
    world.run();
    world.remove("raw/shop.orders");
    world.holds("shop.orders", "a.csv");
    assert!(world.try_plan(&Selection::default()).is_ok());
}

#[test]
fn a_position_beyond_the_raw_copy_is_noticed() {
    let world = World::new(&[following()]).ran();
    world.holds("shop.orders", "a.csv b.csv");
    world.run();
    world.state().progress.get_mut("raw/shop.orders").unwrap().window = 1;
    check_plan(
        &world,
        expect![[r#"
        raw/shop.orders: skip, no new files | nothing
        orders: rebuild, the raw copy of `shop.orders` was removed | all rows"#]],
    );
}

#[test]
fn rows_of_a_changed_file_are_taken_out_of_the_models_as_well() {
    let world = World::new(&[following(), replaced()]).ran();
    world.holds("shop.orders", "a.csv*2");
    check_plan(
        &world,
        expect![[r#"
        raw/shop.orders: run, 1 new or changed file | a.csv
        orders: rebuild, files of `shop.orders` changed | all rows
        report: run, raw/shop.orders changes | all rows"#]],
    );
    world.fails("stage orders", || Error::outside("disk full"));
    world.run();
    check_plan(
        &world,
        expect![[r#"
            raw/shop.orders: skip, no new files | nothing
            orders: rebuild, rows of `shop.orders` were taken out or let in | all rows
            report: skip, no input changed | nothing"#]],
    );
    world.run();
    world.holds("shop.orders", "a.csv*2 b.csv");
    check_plan(
        &world,
        expect![[r#"
        raw/shop.orders: run, 1 new or changed file | b.csv
        orders: run, raw/shop.orders changes | new rows of shop.orders
        report: run, raw/shop.orders changes | all rows"#]],
    );
}
