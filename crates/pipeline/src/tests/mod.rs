//! Tests of planning and running over ports with canned answers.

#![allow(clippy::needless_raw_string_hashes, reason = "expect-test writes them")]
#![allow(clippy::needless_pass_by_value, reason = "`expect!` reads best as an argument")]
#![allow(clippy::unwrap_used, clippy::panic, reason = "a test that cannot go on should stop")]

mod attempts;
mod batches;
mod decisions;
mod deliveries;
mod environments;
mod extraction;
mod members;
mod order;
mod project;
mod push_down;
mod recovery;
mod reviews;
mod rollbacks;
mod targets;
mod together;
mod verdicts;

use expect_test::Expect;
use serde_json::{Value as Json, json};

use crate::Selection;
use crate::fixture::World;

/// Models, each with name, SELECT and settings.
type Models<'a> = &'a [(&'a str, &'a str, Json)];

/// A model that follows the files of the shop.
fn following() -> (&'static str, &'static str, Json) {
    ("orders", "select * from shop.orders", json!({ "load": { "upsert": { "key": ["id"] } }, "follow": { "shop.orders": "updated_at" } }))
}

/// A model that follows the database of the CRM.
fn following_database() -> (&'static str, &'static str, Json) {
    ("orders", "select * from crm.orders", json!({ "load": { "upsert": { "key": ["id"] } }, "follow": { "crm.orders": "updated_at" } }))
}

/// A model that is replaced by every run.
fn replaced() -> (&'static str, &'static str, Json) {
    ("report", "select * from shop.orders", json!({}))
}

/// Checks the plan of all models.
#[track_caller]
fn check_plan(world: &World, expected: Expect) {
    expected.assert_eq(&world.plan(&Selection::default()));
}

/// Checks what the next run asks of the ports and how it ends.
#[track_caller]
fn check_run(world: &World, expected: Expect) {
    expected.assert_eq(&world.run());
}
