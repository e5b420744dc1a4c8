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
    check_plan(&world, expect![[r#""#]]);
    check_run(&world, expect![[r#""#]]);
    world.holds("shop.orders", "b.csv");
    world.arrives("raw/shop.orders", "rows 2; hash c");
    check_run(&world, expect![[r#""#]]);
}

#[test]
fn a_delivery_with_the_same_content_is_none() {
    let world = World::new(&[compared("select * from shop.orders")]).ran();
    world.holds("shop.orders", "a.csv*2");
    check_run(&world, expect![[r#""#]]);
    check_plan(&world, expect![[r#""#]]);
}

#[test]
fn a_database_is_read_as_a_whole() {
    let world = World::new(&[compared("select * from crm.customers")]).ran();
    world.arrives("raw/crm.customers", "rows 3; hash b");
    check_run(&world, expect![[r#""#]]);
}

#[test]
fn a_snapshot_reads_one_dataset() {
    check_refused(&[compared("select * from shop.orders join crm.customers")], expect![[r#""#]]);
    check_refused(&[compared("select * from report"), ("report", "select * from shop.orders", json!({}))], expect![[r#""#]]);
}

#[test]
fn what_is_compared_cannot_be_followed() {
    let follow = json!({ "load": { "snapshot": { "key": ["id"] } }, "follow": { "shop.orders": "updated_at" } });
    check_refused(&[("history", "select * from shop.orders", follow)], expect![[r#""#]]);
    check_refused(&[compared("select * from shop.orders"), super::following()], expect![[r#""#]]);
}

#[test]
fn what_is_built_in_parts_has_parts_and_inputs_that_tell_them() {
    let recompute = |settings: Json| ("months", "select * from shop.orders", settings);
    check_refused(
        &[recompute(json!({ "load": { "recompute": { "from": { "shop.order": "month(at)" } } }, "partition_by": "month(day)" }))],
        expect![[r#""#]],
    );
    let world = World::new(&[recompute(json!({ "load": { "recompute": {} }, "partition_by": "updated_at" }))]);
    check_run(&world, expect![[r#""#]]);
}

#[test]
fn partitions_are_built_that_changed_rows_touch() {
    let settings =
        json!({ "load": { "recompute": { "from": { "shop.orders": "month(updated_at)" } } }, "partition_by": "month(updated_at)" });
    let world = World::new(&[("months", "select * from shop.orders join crm.customers", settings)]).ran();
    world.holds("shop.orders", "a.csv b.csv");
    check_plan(&world, expect![[r#""#]]);
    check_run(&world, expect![[r#""#]]);
    world.arrives("raw/crm.customers", "rows 1; hash b");
    check_run(&world, expect![[r#""#]]);
}
