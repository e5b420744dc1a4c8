//! Failures: what is tried again, what is skipped, and what is left behind.

use expect_test::expect;
use hw_base::Error;
use serde_json::json;

use super::{check_plan, check_run, following, replaced};
use crate::fixture::World;

fn passing() -> Error {
    Error::passing("no answer")
}

fn lasting() -> Error {
    Error::outside("no access")
}

#[test]
fn a_failure_that_passes_is_tried_again_after_growing_pauses() {
    let world = World::new(&[replaced()]);
    world.fails("open", passing);
    world.fails("open", passing);
    check_run(
        &world,
        expect![[r#"
            open shop.orders: a.csv
            note raw/shop.orders: no answer (attempt 1 of 3)
            pause 1.706s
            open shop.orders: a.csv
            note raw/shop.orders: no answer (attempt 2 of 3)
            pause 2.992s
            open shop.orders: a.csv
            stage raw/shop.orders: append from the source
            publish raw/shop.orders as window 1
            sweep raw/shop.orders r1-1
            stage report: replace anew from shop.orders up to batch 1
            publish report as window 1
            raw/shop.orders: published 3 rows as version 0
            report: published 3 rows as version 0
            Succeeded, exit code 0"#]],
    );
}

#[test]
fn the_third_failure_is_the_last() {
    let world = World::new(&[replaced()]);
    for _ in 0..3 {
        world.fails("stage raw/shop.orders", passing);
    }
    check_run(
        &world,
        expect![[r#"
            open shop.orders: a.csv
            stage raw/shop.orders: append from the source
            note raw/shop.orders: no answer (attempt 1 of 3)
            pause 1.706s
            open shop.orders: a.csv
            stage raw/shop.orders: append from the source
            note raw/shop.orders: no answer (attempt 2 of 3)
            pause 2.992s
            open shop.orders: a.csv
            stage raw/shop.orders: append from the source
            raw/shop.orders: failed, no answer
            report: skipped, `raw/shop.orders` did not go through
            Failed, exit code 3"#]],
    );
}

#[test]
fn a_failure_that_lasts_is_not_tried_again() {
    let world = World::new(&[replaced()]);
    world.fails("open", lasting);
    check_run(
        &world,
        expect![[r#"
        open shop.orders: a.csv
        raw/shop.orders: failed, no access
        report: skipped, `raw/shop.orders` did not go through
        Failed, exit code 3"#]],
    );
}

#[test]
fn a_failed_step_stops_its_descendants_and_nobody_else() {
    let models = [
        ("child", "select * from parent", json!({})),
        ("grandchild", "select * from child", json!({})),
        ("parent", "select * from shop.orders", json!({})),
        ("sibling", "select * from shop.orders", json!({})),
    ];
    let world = World::new(&models);
    world.fails("stage parent", lasting);
    check_run(
        &world,
        expect![[r#"
        open shop.orders: a.csv
        stage raw/shop.orders: append from the source
        publish raw/shop.orders as window 1
        stage parent: replace anew from shop.orders up to batch 1
        stage sibling: replace anew from shop.orders up to batch 1
        publish sibling as window 1
        raw/shop.orders: published 3 rows as version 0
        parent: failed, no access
        child: skipped, `parent` did not go through
        grandchild: skipped, `child` did not go through
        sibling: published 3 rows as version 0
        Failed, exit code 3"#]],
    );
    check_plan(
        &world,
        expect![[r#"
        raw/shop.orders: skip, no new files | nothing
        parent: rebuild, first load | all rows
        child: rebuild, first load | all rows
        grandchild: rebuild, first load | all rows
        sibling: skip, no input changed | nothing"#]],
    );
}

#[test]
fn a_commit_that_is_refused_leaves_nothing_and_is_tried_again() {
    let world = World::new(&[following()]);
    world.fails("publish orders", passing);
    check_run(
        &world,
        expect![[r#"
            open shop.orders: a.csv
            stage raw/shop.orders: append from the source
            publish raw/shop.orders as window 1
            stage orders: upsert id, later by updated_at anew from shop.orders up to batch 1
            publish orders as window 1
            sweep orders r1-1
            note orders: no answer (attempt 1 of 3)
            pause 1.794s
            stage orders: upsert id, later by updated_at anew from shop.orders up to batch 1
            publish orders as window 1
            sweep orders r1-1
            raw/shop.orders: published 3 rows as version 0
            orders: published 3 rows as version 0
            Succeeded, exit code 0"#]],
    );
}

#[test]
fn a_commit_whose_answer_is_lost_is_not_made_again() {
    let world = World::new(&[following()]);
    world.fails("answer orders", passing);
    check_run(
        &world,
        expect![[r#"
        open shop.orders: a.csv
        stage raw/shop.orders: append from the source
        publish raw/shop.orders as window 1
        stage orders: upsert id, later by updated_at anew from shop.orders up to batch 1
        publish orders as window 1
        raw/shop.orders: published 3 rows as version 0
        orders: published 3 rows as version 0
        Succeeded, exit code 0"#]],
    );
}

#[test]
fn a_window_that_somebody_else_has_published_is_not_taken_for_the_own() {
    let world = World::new(&[replaced()]).ran();
    world.holds("shop.orders", "a.csv b.csv");
    world.fails("race for report", lasting);
    check_run(
        &world,
        expect![[r#"
        open shop.orders: b.csv; expecting id status updated_at
        stage raw/shop.orders: append from the source
        publish raw/shop.orders as window 2
        stage report: replace from shop.orders up to batch 2
        publish report as window 2
        sweep report r2-2
        raw/shop.orders: published 3 rows as version 1
        report: failed, another writer has published window 2 of `report`
        Failed, exit code 3"#]],
    );
}

#[test]
fn what_a_failure_after_staging_leaves_is_removed() {
    let world = World::new(&[("a", "select * from shop.orders", json!({ "rules": [{ "unique": { "column": "id" } }] }))]);
    world.fails("judge a", lasting);
    check_run(
        &world,
        expect![[r#"
        open shop.orders: a.csv
        stage raw/shop.orders: append from the source
        publish raw/shop.orders as window 1
        stage a: replace anew from shop.orders up to batch 1
        judge a
        sweep a r1-1
        raw/shop.orders: published 3 rows as version 0
        a: failed, no access
        Failed, exit code 3"#]],
    );
}

#[test]
fn a_cleaning_that_fails_hides_no_cause() {
    let world = World::new(&[replaced()]);
    world.fails("publish report", lasting);
    world.fails("sweep report", || Error::outside("read-only disk"));
    let (_, errors) = world.try_run().unwrap();
    expect![[r#"
        error: no access
          because: what it left behind could not be removed: read-only disk"#]]
    .assert_eq(&errors[0].to_string());
}

#[test]
fn the_exit_code_tells_who_must_act() {
    for (error, code) in [(lasting as fn() -> Error, 3), (|| Error::user("no"), 2), (|| Error::bug("no"), 70)] {
        let world = World::new(&[replaced()]);
        world.fails("stage report", error);
        assert!(world.run().ends_with(&format!("Failed, exit code {code}")));
    }
}

#[test]
fn a_database_that_does_not_answer_is_left_in_peace() {
    let model = |name, dataset| (name, dataset, json!({}));
    let world = World::new(&[
        model("a", "select * from crm.customers"),
        model("b", "select * from crm.orders"),
        model("c", "select * from shop.orders"),
    ]);
    for _ in 0..3 {
        world.fails("open crm.customers", passing);
    }
    check_run(
        &world,
        expect![[r#"
        open crm.customers: all
        note raw/crm.customers: no answer (attempt 1 of 3)
        pause 1.416s
        open crm.customers: all
        note raw/crm.customers: no answer (attempt 2 of 3)
        pause 3.036s
        open crm.customers: all
        open shop.orders: a.csv
        stage raw/shop.orders: append from the source
        publish raw/shop.orders as window 1
        stage c: replace anew from shop.orders up to batch 1
        publish c as window 1
        raw/crm.customers: failed, no answer
        raw/crm.orders: skipped, source `crm` has just failed, three times
        raw/shop.orders: published 3 rows as version 0
        a: skipped, `raw/crm.customers` did not go through
        b: skipped, `raw/crm.orders` did not go through
        c: published 3 rows as version 0
        Failed, exit code 3"#]],
    );
}

#[test]
fn a_source_is_let_go_of_as_soon_as_its_last_step_has_read_it() {
    let model = |name, dataset| (name, dataset, json!({}));
    let world = World::new(&[
        model("a", "select * from crm.customers"),
        model("b", "select * from crm.orders"),
        model("c", "select * from a join b"),
        model("d", "select * from shop.orders"),
    ]);
    world.state().apart = Some("two moments".into());
    world.fails("open crm.orders", passing);
    let told = world.run();
    let at = |line: &str| told.lines().position(|told| told.starts_with(line)).unwrap_or_else(|| panic!("`{line}` is not in\n{told}"));
    assert_eq!(told.matches("let go of").count(), 2, "{told}");
    assert!(at("publish raw/crm.customers") < at("let go of crm") && at("publish raw/crm.orders") < at("let go of crm"), "{told}");
    assert!(at("let go of crm") < at("note two moments") && at("let go of crm") < at("stage c"), "{told}");
}
