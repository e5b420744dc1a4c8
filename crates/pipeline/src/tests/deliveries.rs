//! Models that compare whole deliveries: what is read for them, and what is refused.

use expect_test::{Expect, expect};
use serde_json::{Value as Json, json};

use super::{check_plan, check_run};
use crate::Selection;
use crate::fixture::World;

fn compared(dataset: &'static str) -> (&'static str, &'static str, Json) {
    ("history", dataset, json!({ "load": { "snapshot": { "key": ["id"] } } }))
}

#[track_caller]
fn check_refused(models: &[(&str, &str, Json)], expected: Expect) {
    expected.assert_eq(&World::new(models).try_plan(&Selection::default()).unwrap_err().to_string());
}

#[test]
fn all_files_are_one_delivery_whenever_one_of_them_changes() {
    let world = World::new(&[compared("select * from shop.orders"), ("report", "select * from shop.orders", json!({}))]);
    world.holds("shop.orders", "a.csv b.csv");
    let world = world.ran();
    world.holds("shop.orders", "a.csv*2 b.csv");
    world.arrives("raw/shop.orders", "rows 3; hash b");
    check_plan(
        &world,
        expect![[r#"
        raw/shop.orders: run, 1 file new, changed or gone; all are read, to be compared | 2 files, a.csv to b.csv
        history: run, raw/shop.orders changes | new deliveries, compared with the one before
        report: run, raw/shop.orders changes | all rows"#]],
    );
    check_run(
        &world,
        expect![[r#"
        open shop.orders: a.csv b.csv; expecting id status updated_at
        stage raw/shop.orders: append from the source
        publish raw/shop.orders as window 2
        stage history: versions of id by valid_from from delivery_2 (shop.orders after batch 1 up to 2)
        publish history as window 2
        stage report: replace from shop.orders after batch 1 up to 2
        publish report as window 2
        raw/shop.orders: published 3 rows as version 1
        history: published 3 rows as version 1
        report: published 3 rows as version 1
        Succeeded, exit code 0"#]],
    );
    world.holds("shop.orders", "b.csv");
    world.arrives("raw/shop.orders", "rows 2; hash c");
    check_run(
        &world,
        expect![[r#"
        open shop.orders: b.csv; expecting id status updated_at
        stage raw/shop.orders: append from the source
        publish raw/shop.orders as window 3
        stage history: versions of id by valid_from from delivery_3 (shop.orders after batch 2 up to 3)
        publish history as window 3
        stage report: replace from shop.orders after batch 2 up to 3
        publish report as window 3
        raw/shop.orders: published 2 rows as version 2
        history: published 3 rows as version 2
        report: published 3 rows as version 2
        Succeeded, exit code 0"#]],
    );
}

#[test]
fn a_delivery_with_the_same_content_is_none() {
    let world = World::new(&[compared("select * from shop.orders")]).ran();
    world.holds("shop.orders", "a.csv*2");
    check_run(
        &world,
        expect![[r#"
        open shop.orders: a.csv; expecting id status updated_at
        stage raw/shop.orders: append from the source
        discard raw/shop.orders
        raw/shop.orders: unchanged
        history: unchanged
        Unchanged, exit code 0"#]],
    );
    check_plan(
        &world,
        expect![[r#"
        raw/shop.orders: skip, no new files | nothing
        history: skip, no input changed | nothing"#]],
    );
}

#[test]
fn a_database_is_read_as_a_whole() {
    let world = World::new(&[compared("select * from crm.customers")]).ran();
    world.arrives("raw/crm.customers", "rows 3; hash b");
    check_run(
        &world,
        expect![[r#"
        open crm.customers: expecting id status updated_at
        stage raw/crm.customers: append from the source
        publish raw/crm.customers as window 2
        stage history: versions of id by valid_from from delivery_2 (crm.customers after batch 1 up to 2)
        publish history as window 2
        raw/crm.customers: published 3 rows as version 1
        history: published 3 rows as version 1
        Succeeded, exit code 0"#]],
    );
}

#[test]
fn a_snapshot_reads_one_dataset() {
    check_refused(
        &[compared("select * from shop.orders join crm.customers")],
        expect![[r#"
        error[HW305]: `history` compares whole deliveries, so its SELECT reads one dataset of a source and nothing else
          because: only a delivery of a source is there to be compared again when the table is built anew
          help: join and aggregate in a model that reads this one"#]],
    );
    check_refused(
        &[compared("select * from report"), ("report", "select * from shop.orders", json!({}))],
        expect![[r#"
        error[HW305]: `history` compares whole deliveries, so its SELECT reads one dataset of a source and nothing else
          because: only a delivery of a source is there to be compared again when the table is built anew
          help: join and aggregate in a model that reads this one"#]],
    );
}

#[test]
fn what_is_compared_cannot_be_followed() {
    let follow = json!({ "load": { "snapshot": { "key": ["id"] } }, "follow": { "shop.orders": "updated_at" } });
    check_refused(
        &[("history", "select * from shop.orders", follow)],
        expect![[r#"
        error[HW305]: `history` compares whole deliveries of `shop.orders`, so it cannot follow a column of it
          help: remove `follow:`; or keep the versions that the column tells: `load: { scd2: … }`"#]],
    );
    check_refused(
        &[compared("select * from shop.orders"), super::following()],
        expect![[r#"
        error[HW305]: `orders` follows `shop.orders`, of which another model compares whole deliveries (`load: snapshot`)
          because: each batch of its raw copy is the whole dataset, not what is new
          help: remove `follow:`, or give the dataset a second name in `headworks.yaml`"#]],
    );
}

#[test]
fn what_is_made_of_all_rows_is_not_added_every_time() {
    let append = || json!({ "load": { "append": {} } });
    check_refused(
        &[("daily", "select * from shop.orders", append())],
        expect![[r#"
            error[HW305]: `daily` would add all of its rows again whenever `shop.orders` changes
              because: only a plain SELECT of one dataset goes on by itself; this one reads all rows each time, and `load: append` without a key adds whatever it returns
              help: to make the table of all rows: `load: replace`, or `upsert` with the columns that tell its rows apart as the key
              help: to add what the new rows alone give, a sum of each delivery: `follow: { shop.orders: _batch }`"#]],
    );
    check_refused(
        &[("daily", "select * from report", append()), super::replaced()],
        expect![[r#"
            error[HW305]: `daily` would add all of its rows again whenever `report` changes
              because: only a plain SELECT of one dataset goes on by itself; this one reads all rows each time, and `load: append` without a key adds whatever it returns
              help: to make the table of all rows: `load: replace`, or `upsert` with the columns that tell its rows apart as the key"#]],
    );
    check_refused(
        &[("daily", "select * from shop.orders left join crm.customers on true", append())],
        expect![[r#"
            error[HW305]: `daily` would add all of its rows again whenever `shop.orders` changes
              because: only a plain SELECT of one dataset goes on by itself; this one reads all rows each time, and `load: append` without a key adds whatever it returns
              help: to make the table of all rows: `load: replace`, or `upsert` with the columns that tell its rows apart as the key
              help: to add what the new rows alone give, a sum of each delivery: `follow: { shop.orders: _batch }`; what comes to `crm.customers` after them adds and changes nothing"#]],
    );
    let united = json!({ "load": { "append": {} }, "follow": { "shop.orders": "_batch" } });
    check_refused(
        &[("daily", "select * from shop.orders union all select * from crm.customers", united)],
        expect![[r#"
            error[HW305]: `daily` would add rows of `crm.customers` again with each run
              because: its SELECT reads `crm.customers` whole each time, or in a query within, and returns rows or values that need nothing new in `shop.orders`, and `load: append` without a key adds whatever it returns
              help: to make the table of all rows: `load: replace`, or `upsert` with the columns that tell its rows apart as the key"#]],
    );
    let world = World::new(&[("daily", "select * from shop.orders", append())]);
    world.state().row_by_row = true;
    check_plan(
        &world,
        expect![[r#"
            raw/shop.orders: run, 1 file | a.csv
            daily: rebuild, first load | all rows"#]],
    );
}

#[test]
fn a_model_cannot_be_followed() {
    let follow = json!({ "load": { "append": {} }, "follow": { "report": "_batch" } });
    check_refused(
        &[("daily", "select * from report", follow), super::replaced()],
        expect![[r#"
            error[HW302]: `daily` follows `report`, which is a model: only datasets of sources can be followed
              help: remove it from `follow:`; `report` is read whole
              help: or read in the SELECT the dataset that `report` reads, and follow that"#]],
    );
}

#[test]
fn what_is_built_in_parts_has_parts_and_inputs_that_tell_them() {
    let recompute = |settings: Json| ("months", "select * from shop.orders", settings);
    check_refused(
        &[recompute(json!({ "load": { "recompute": { "from": { "shop.order": "month(at)" } } }, "partition_by": "month(day)" }))],
        expect![[r#"
            error[HW302]: unknown input `shop.order`
              because: the SELECT of `months` does not read it
              help: did you mean `shop.orders`?"#]],
    );
    let world = World::new(&[recompute(json!({ "load": { "recompute": {} }, "partition_by": "updated_at" }))]);
    check_run(
        &world,
        expect![[r#"
        open shop.orders: a.csv
        stage raw/shop.orders: append from the source
        publish raw/shop.orders as window 1
        raw/shop.orders: published 3 rows as version 0
        months: failed, `months`: no row that the SELECT reads tells its partition (`partition_by: updated_at`)
        Failed, exit code 2"#]],
    );
}

#[test]
fn partitions_are_built_that_changed_rows_touch() {
    let settings =
        json!({ "load": { "recompute": { "from": { "shop.orders": "month(updated_at)" } } }, "partition_by": "month(updated_at)" });
    let world = World::new(&[("months", "select * from shop.orders join crm.customers", settings)]).ran();
    world.holds("shop.orders", "a.csv b.csv");
    check_plan(
        &world,
        expect![[r#"
        raw/crm.customers: ask, the source is asked for changes | all rows
        raw/shop.orders: run, 1 new or changed file | b.csv
        months: run, raw/shop.orders changes | month(updated_at) of changed rows in shop.orders; all rows if crm.customers changes"#]],
    );
    check_run(
        &world,
        expect![[r#"
        open crm.customers: expecting id status updated_at
        stage raw/crm.customers: append from the source
        discard raw/crm.customers
        open shop.orders: b.csv; expecting id status updated_at
        stage raw/shop.orders: append from the source
        publish raw/shop.orders as window 2
        stage months: recompute where false from shop.orders up to batch 2, crm.customers after batch 0 up to 1
        publish months as window 2
        raw/crm.customers: unchanged
        raw/shop.orders: published 3 rows as version 1
        months: published 3 rows as version 1
        Succeeded, exit code 0"#]],
    );
    world.arrives("raw/crm.customers", "rows 1; hash b");
    check_run(
        &world,
        expect![[r#"
        open crm.customers: expecting id status updated_at
        stage raw/crm.customers: append from the source
        publish raw/crm.customers as window 2
        stage months: recompute where true anew from shop.orders up to batch 2, crm.customers after batch 1 up to 2
        publish months as window 3
        raw/crm.customers: published 1 rows as version 1
        raw/shop.orders: unchanged
        months: published 3 rows as version 2
        Succeeded, exit code 0"#]],
    );
}

#[test]
fn a_column_of_a_history_is_not_taken_away_without_saying_what_is_lost() {
    let mut world = World::new(&[compared("select * from shop.orders")]).ran();
    world.state().tables.get_mut("history").unwrap().columns = vec!["id".into(), "gone".into()];
    world.change_models(&[compared("select id from shop.orders")]);
    let (_, errors) = world.try_run().unwrap();
    expect![[r#"
        error[HW310]: the changed `history` would take columns away from those who read it
          because: - gone varchar
          at: models/history.sql:1:1
          help: if that is meant: `headworks run history --rebuild`; then all versions of its history lose them
          help: else keep them in the SELECT, or leave the table and give the new definition another model name; `headworks diff history` shows what changes"#]]
    .assert_eq(&errors[0].to_string());
}
