//! What people decide about rows in quarantine.

use expect_test::expect;
use hw_base::{Ruling, StepOutcome};
use serde_json::{Value as Json, json};

use super::{check_plan, following, replaced};
use crate::fixture::World;

fn vouched() -> Ruling {
    Ruling::Vouched { rule: None }
}

fn by_arrival() -> (&'static str, &'static str, Json) {
    ("stock", "select * from shop.orders", json!({ "load": { "upsert": { "key": ["id"] } } }))
}

#[test]
fn released_rows_are_a_batch_of_their_own_and_nothing_else_is_read() {
    let world = World::new(&[following()]).ran();
    let before = world.standing("orders");
    expect![[r#"
        stage orders: upsert id, later by updated_at from quarantine where true
        publish orders as window 2
        orders: published 3 rows as version 1
        Succeeded, exit code 0"#]]
    .assert_eq(&world.review("orders", vouched()));
    let inputs = |standing: &str| standing.split_once(": ").unwrap().1.to_owned();
    assert_eq!(inputs(&world.standing("orders")), inputs(&before));
    let state = world.state();
    let review = state.runs[1].steps[0].review.clone().unwrap();
    assert_eq!((review.who.as_str(), review.rows, review.reason.as_deref()), ("ada", 3, Some("it is right")));
}

#[test]
fn whoever_reads_the_table_has_something_new_to_read() {
    let world = World::new(&[following(), ("child", "select * from orders", json!({}))]).ran();
    world.review("orders", vouched());
    check_plan(
        &world,
        expect![[r#"
        raw/shop.orders: skip, no new files | nothing
        orders: skip, no input changed | nothing
        child: run, new rows in orders | all rows"#]],
    );
}

#[test]
fn a_table_that_is_replaced_gets_the_rows_beside_those_it_has() {
    let world = World::new(&[replaced()]).ran();
    expect![[r#"
        stage report: append from quarantine where true
        publish report as window 2
        report: published 3 rows as version 1
        Succeeded, exit code 0"#]]
    .assert_eq(&world.review("report", vouched()));
}

#[test]
fn where_the_order_of_arrival_decides_the_table_is_built_anew() {
    let world = World::new(&[by_arrival()]).ran();
    world.holds("shop.orders", "a.csv b.csv");
    world.run();
    expect![[r#"
        stage stock: upsert id anew from shop.orders up to batch 2
        publish stock as window 3
        stock: published 3 rows as version 2
        Succeeded, exit code 0"#]]
    .assert_eq(&world.review("stock", vouched()));
    expect![[r#"
        stage stock: upsert id from quarantine where true
        publish stock as window 4
        stock: published 3 rows as version 3
        Succeeded, exit code 0"#]]
    .assert_eq(&world.review("stock", Ruling::Dropped));
}

#[test]
fn rows_of_a_dataset_enter_their_old_batch_so_its_readers_begin_anew() {
    let world = World::new(&[following()]).ran();
    expect![[r#"
        stage raw/shop.orders: append from quarantine where true
        publish raw/shop.orders as window 2
        raw/shop.orders: published 3 rows as version 1
        Succeeded, exit code 0"#]]
    .assert_eq(&world.review("raw/shop.orders", Ruling::Repaired(vec![("id".into(), "7".into())])));
    check_plan(
        &world,
        expect![[r#"
        raw/shop.orders: skip, no new files | nothing
        orders: rebuild, rows of `shop.orders` were taken out or let in | all rows"#]],
    );
    assert!(
        world.state().staging.as_ref().unwrap().review.as_ref().is_some_and(|review| {
            matches!(&review.ruling, Ruling::Repaired(values) if values.len() == 2 && values[1].0 == "_malformed")
        })
    );
}

#[test]
fn a_table_whose_model_has_changed_is_run_first() {
    let mut world = World::new(&[following()]).ran();
    world.change_models(&[("orders", "select id, updated_at from shop.orders", following().2)]);
    expect![[r#"
        error[HW604]: `orders` has to be loaded before rows in its quarantine are decided about
          because: the model changed: SELECT
          help: `headworks run` does it; then look again at what waits"#]]
    .assert_eq(&world.review("orders", vouched()));
    expect!["error[HW302]: no model and no dataset that a model reads is named `unheard`"].assert_eq(&world.review("unheard", vouched()));
}

#[test]
fn a_rule_that_blocks_refuses_a_release() {
    let rules = json!({ "rules": [{ "not_null": { "column": "id" } }] });
    let world = World::new(&[("guarded", "select * from shop.orders", rules)]).ran();
    let before = world.standing("guarded");
    world.arrives("guarded", "rows 2; not_null_id 1");
    expect![[r#"
        stage guarded: append from quarantine where true
        discard guarded
        guarded: blocked
        Blocked, exit code 1"#]]
    .assert_eq(&world.review("guarded", vouched()));
    assert_eq!(world.standing("guarded"), before);
}

#[test]
fn a_release_that_was_killed_is_settled_and_not_continued() {
    for (dies_at, published) in [("publish orders", false), ("save orders published", true)] {
        let world = World::new(&[following()]).ran();
        let windows = world.state().tables["orders"].window;
        let gone = || hw_base::Error::outside("the process is gone");
        world.fails(dies_at, gone);
        // Whoever is killed writes nothing down any more.
        world.fails("save orders failed", gone);
        assert!(world.try_review("orders", vouched()).is_err(), "{dies_at}");
        assert!(world.recover().is_none(), "{dies_at}");
        let table = world.state().tables["orders"].window;
        assert_eq!(table > windows, published, "{dies_at}");
        let state = world.state();
        let run = state.runs.last().unwrap();
        assert!(run.ended.is_some(), "{dies_at}");
        let done: Vec<_> = run.steps.iter().filter(|step| step.outcome == StepOutcome::Published).collect();
        assert_eq!(done.len(), usize::from(published), "{dies_at}");
        assert!(!published || state.progress["orders"].window == table, "{dies_at}");
    }
}

#[test]
fn the_last_whole_copy_stays_the_one_that_is_read_after_a_decision_about_its_rows() {
    let world = World::new(&[("a", "select * from crm.orders", json!({}))]).ran();
    world.review("raw/crm.orders", Ruling::Dropped);
    expect!["window 2, version 1: content hash a, last_copy batch 1, loaded_at > 2026-03-01T00:00:00.000000Z, taken_out batch 1"]
        .assert_eq(&world.standing("raw/crm.orders"));
    world.arrives("raw/crm.orders", "rows 3; hash a");
    expect![[r#"
        open crm.orders: all
        note raw/crm.orders: new columns, `id`, `status`, `updated_at`; models have what their SELECT names
        stage raw/crm.orders: append from the source
        discard raw/crm.orders
        stage a: replace from crm.orders after batch 0 up to 2
        publish a as window 2
        raw/crm.orders: unchanged
        a: published 3 rows as version 1
        Succeeded, exit code 0"#]]
    .assert_eq(&world.run());
    world.arrives("raw/crm.orders", "rows 3; hash b");
    expect![[r#"
        open crm.orders: all
        note raw/crm.orders: new columns, `id`, `status`, `updated_at`; models have what their SELECT names
        stage raw/crm.orders: append from the source
        publish raw/crm.orders as window 3
        stage a: replace from crm.orders after batch 2 up to 3
        publish a as window 3
        raw/crm.orders: published 3 rows as version 2
        a: published 3 rows as version 2
        Succeeded, exit code 0"#]]
    .assert_eq(&world.run());
}
