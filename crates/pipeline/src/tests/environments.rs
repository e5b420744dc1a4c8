//! Environments: what is built there, and what production may take over.

use expect_test::{Expect, expect};
use hw_base::{Error, Position, Ruling, SourceFile, TableName};
use serde_json::json;

use super::{check_plan, following, replaced};
use crate::fixture::{Table, World, block_on};
use crate::{Asking, Building, Environment, Promotion, Selection, try_models};

const TOTALS: (&str, &str) = ("totals", "select * from orders");

fn changed() -> (&'static str, &'static str, serde_json::Value) {
    let (name, _, settings) = following();
    (name, "select *, 1 as one from shop.orders", settings)
}

/// The environment of a project on top of what `production` has built.
fn environment(world: &mut World, production: &World) {
    world.project.environment = Some(Environment::of("dev", &world.project, production, production).unwrap());
}

/// Lets the ledger of an environment say what that of `production` does of its raw copy.
fn on_top(world: &World, production: &World) {
    let at = production.state().progress["raw/shop.orders"].clone();
    let mut state = world.state();
    state.progress.insert("raw/shop.orders".into(), at);
    state.tables.entry("raw/shop.orders".into()).or_default();
}

/// Production, and an environment that has built a changed model.
fn built() -> (World, World) {
    let totals = (TOTALS.0, TOTALS.1, json!({}));
    let production = World::new(&[following(), totals.clone(), replaced()]).ran();
    let mut world = World::new(&[changed(), totals, replaced()]);
    environment(&mut world, &production);
    on_top(&world, &production);
    (production, world.ran())
}

#[track_caller]
fn check(production: &World, world: &World, expected: Expect) {
    on_top(world, production);
    let plan = world.try_plan(&Selection::default()).unwrap();
    let building = Building {
        project: &world.project,
        plan: &plan,
        engine: world,
        ledger: world,
        production_engine: production,
        production,
        targets: world,
        may_lose: false,
    };
    expected.assert_eq(&match block_on(Promotion::of(building)) {
        Ok(promotion) => format!("{promotion:#?}").lines().filter(|line| line.contains("model:") || line.contains(" window: ")).collect(),
        Err(error) => error.to_string(),
    });
}

#[test]
fn a_changed_model_and_what_reads_it_are_built_and_all_else_is_read_from_production() {
    let (production, mut world) = built();
    let own: Vec<&str> = world.project.environment.iter().flat_map(Environment::own).map(TableName::folder).collect();
    assert_eq!(own, ["orders", "totals"]);
    check_plan(
        &world,
        expect![[r#"
        orders: skip, no input changed | nothing
        totals: skip, no input changed | nothing"#]],
    );
    // What was read of the environment's own table is nothing that could be continued with production's.
    world.change_models(&[following(), (TOTALS.0, "select *, 2 as two from orders", json!({})), replaced()]);
    environment(&mut world, &production);
    check_plan(&world, expect!["totals: rebuild, the model changed: SELECT | all rows"]);
}

#[test]
fn what_was_built_is_taken_over_with_windows_after_productions() {
    let (production, world) = built();
    check(
        &production,
        &world,
        expect![[
            r#"            model: "orders",            window: "version 0 of dev",                window: 3,            model: "totals",            window: "version 0 of dev",                window: 3,"#
        ]],
    );
}

#[test]
fn rows_that_arrived_since_keep_an_environment_from_being_promoted() {
    let (production, world) = built();
    production.holds("shop.orders", "a.csv b.csv");
    production.run();
    check(
        &production,
        &world,
        expect![[r#"
        error[HW504]: `dev` cannot be promoted as it is
          because: `orders` was built before the last rows of `raw/shop.orders` arrived
          help: `headworks run --env dev` brings it up to date (`--rebuild MODEL` where somebody has decided); then promote again"#]],
    );
    world.run();
    check(
        &production,
        &world,
        expect![[
            r#"            model: "orders",            window: "version 1 of dev",                window: 4,            model: "totals",            window: "version 1 of dev",                window: 4,"#
        ]],
    );
}

#[test]
fn so_do_decisions_about_rows_in_quarantine() {
    let (production, world) = built();
    production.review("orders", Ruling::Dropped);
    check(
        &production,
        &world,
        expect![[r#"
        error[HW504]: `dev` cannot be promoted as it is
          because: somebody has decided about rows in quarantine of `orders` since
          help: `headworks run --env dev` brings it up to date (`--rebuild MODEL` where somebody has decided); then promote again"#]],
    );
}

/// Production that has read two files, and an environment that has read what is left of them in another way.
fn reading_otherwise(files: &str) -> (World, World) {
    let settings = |word: &str| json!({ "null": [word] });
    let production = World::with_sources(&[replaced()], &settings("NA"));
    production.holds("shop.orders", "a.csv b.csv");
    production.run();
    let mut world = World::with_sources(&[replaced()], &settings("-"));
    environment(&mut world, &production);
    world.holds("shop.orders", files);
    let columns = production.state().tables["raw/shop.orders"].columns.clone();
    let raw_copy = Table { columns, ..Table::default() };
    world.state().tables.insert("production/raw/shop.orders".into(), raw_copy);
    world.state().notes = production.state().notes.clone();
    (production, world)
}

#[test]
fn an_environment_that_reads_files_in_another_way_begins_with_the_rows_of_those_that_are_gone() {
    let (_, world) = reading_otherwise("b.csv");
    check_plan(
        &world,
        expect![[r#"
            raw/shop.orders: rebuild, files are read in another way now: `null`; 1 that was loaded is gone, its rows stay | b.csv
            report: rebuild, it reads raw/shop.orders, which is built here | all rows"#]],
    );
    let lines = world.run();
    let about_raw: Vec<&str> = lines.lines().filter(|line| line.contains("raw/") || line.starts_with("open")).collect();
    expect![[r#"
        open shop.orders: b.csv; expecting id status updated_at
        stage raw/shop.orders: append anew from the source, before at version 0
        publish raw/shop.orders as window 2
        raw/shop.orders: published 3 rows as version 0"#]]
    .assert_eq(&about_raw.join("\n"));
    expect!["window 2, version 0: files [a.csv*1 b.csv*1], loaded_at > 2026-03-01T00:00:00.000001Z, taken_out batch 2"]
        .assert_eq(&world.standing("raw/shop.orders"));
}

#[test]
fn an_environment_builds_no_history_anew_that_production_alone_has() {
    let history = || json!({ "load": { "scd2": { "key": ["id"] } }, "follow": { "crm.orders": "updated_at" } });
    let production = World::new(&[("people", "select * from crm.orders", history())]).ran();
    production.remove("raw/crm.orders");
    let mut world = World::new(&[("people", "select * from crm.orders", history())]);
    environment(&mut world, &production);
    world.state().tables.insert("production/people".into(), Table::default());
    let mut plan = world.try_plan(&Selection::default()).unwrap();
    let asking = Asking { engine: &world, sources: &world, ledger: &world };
    let errors = block_on(try_models(&world.project, asking, &world, &mut plan));
    let messages: Vec<&str> = errors.iter().map(Error::message).collect();
    assert_eq!(messages, ["building `people` anew would lose its history"]);
}

#[test]
fn an_environment_without_rows_of_files_that_are_gone_is_promoted_only_where_that_is_asked_for() {
    let (production, world) = reading_otherwise("a.csv b.csv");
    world.run();
    let read = Position::Files(vec![SourceFile::listed("b.csv", 1, 1)]);
    world.state().progress.get_mut("raw/shop.orders").unwrap().inputs.insert("files".into(), read);
    let mut plan = world.try_plan(&Selection::default()).unwrap();
    plan.steps.retain(|step| step.table.is_raw());
    let promotion = |may_lose: bool| {
        let (engine, ledger, production_engine): (&World, &World, &World) = (&world, &world, &production);
        let targets = &world;
        let building = Building {
            project: &world.project,
            plan: &plan,
            engine,
            ledger,
            production_engine,
            production: &production,
            targets,
            may_lose,
        };
        block_on(Promotion::of(building)).err().map(|error| error.to_string())
    };
    expect![[r#"
        error[HW306]: production would lose rows or history by promoting `dev`
          because: `raw/shop.orders` has no rows of `a.csv` there, which production has read
          help: to keep them: `headworks env drop dev`; then `headworks run --env dev` begins with them
          help: if that is meant: `headworks promote dev --rebuild`"#]]
    .assert_eq(&promotion(false).unwrap_or_default());
    assert_eq!(promotion(true), None);
}

#[test]
fn columns_that_production_has_are_not_taken_away_unless_that_is_asked_for() {
    let (production, world) = built();
    production.state().tables.get_mut("orders").unwrap().columns = vec!["one".into(), "gone".into()];
    check(
        &production,
        &world,
        expect![[r#"
        error[HW310]: the changed `orders` would take columns away from those who read it
          because: - gone varchar
          at: models/orders.sql:1:1
          help: if that is meant: `headworks promote dev --rebuild`
          help: else keep them in the SELECT; `headworks diff orders --env dev` shows what changes"#]],
    );
}

#[test]
fn what_could_not_be_delivered_then_is_not_promoted() {
    let delivered = |(name, sql, mut settings): (&'static str, &'static str, serde_json::Value)| {
        settings["deliver"] = json!("reporting");
        (name, sql, settings)
    };
    let production = World::new(&[delivered(following()), replaced()]).ran();
    let mut world = World::new(&[delivered(changed()), replaced()]);
    environment(&mut world, &production);
    on_top(&world, &production);
    let world = world.ran();
    world.fails("look whether reporting/orders takes", || Error::user("a column has another type there").code("HW207"));
    check(&production, &world, expect!["error[HW207]: a column has another type there"]);
}
