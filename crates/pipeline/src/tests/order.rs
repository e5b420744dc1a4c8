//! Which steps a plan has, in which order.

use expect_test::{Expect, expect};
use serde_json::json;

use super::Models;
use crate::fixture::World;
use crate::{Selected, Selection};

/// Checks the steps of a plan, each with those it comes after.
#[track_caller]
fn check(models: Models<'_>, selection: &[&str], expected: Expect) {
    let selected = selection.iter().map(|model| Selected::with_what_it_reads(model)).collect::<hw_base::Result<_>>();
    check_selected(models, selected.unwrap(), expected);
}

/// Checks the steps of what `--select` takes.
#[track_caller]
fn check_select(selection: &[&str], expected: Expect) {
    let selected = selection.iter().map(|text| text.parse()).collect::<hw_base::Result<_>>();
    check_selected(&chain(), selected.unwrap(), expected);
}

#[track_caller]
fn check_selected(models: Models<'_>, selected: Vec<Selected>, expected: Expect) {
    let selection = Selection { models: selected, rebuild: false };
    let shown = match World::new(models).try_plan(&selection) {
        Ok(plan) => plan.steps.iter().map(|step| format!("{}: {}", step.name, step.after.join(", "))).collect::<Vec<_>>().join("\n"),
        Err(error) => error.to_string(),
    };
    expected.assert_eq(&shown);
}

fn chain() -> [(&'static str, &'static str, serde_json::Value); 4] {
    [
        ("a_report", "select * from facts join names", json!({})),
        ("facts", "select * from shop.orders join names", json!({})),
        ("names", "select * from raw.crm.customers", json!({})),
        ("other", "select * from lake.orders", json!({})),
    ]
}

#[test]
fn raw_copies_come_first_and_every_model_after_those_it_reads() {
    check(
        &chain(),
        &[],
        expect![[r#"
        raw/crm.customers: 
        raw/lake.orders: 
        raw/shop.orders: 
        names: raw/crm.customers
        facts: raw/shop.orders, names
        a_report: facts, names
        other: raw/lake.orders"#]],
    );
}

#[test]
fn a_selection_brings_what_it_reads_and_nothing_else() {
    check(
        &chain(),
        &["facts"],
        expect![[r#"
        raw/crm.customers: 
        raw/shop.orders: 
        names: raw/crm.customers
        facts: raw/shop.orders, names"#]],
    );
}

#[test]
fn an_unknown_selection_is_answered_with_the_known_models() {
    check(
        &chain(),
        &["fact"],
        expect![[r#"
            error[HW302]: unknown model `fact`
              help: did you mean `facts`?"#]],
    );
}

#[test]
fn models_in_a_circle_are_named_in_order() {
    let circle =
        [("a", "select * from b", json!({})), ("b", "select * from c join shop.orders", json!({})), ("c", "select * from b", json!({}))];
    check(
        &circle,
        &[],
        expect![[r#"
        error[HW303]: the models form a circle: `b` reads `c` reads `b`
          at: models/b.sql:1:1
          help: move the shared part into a model of its own"#]],
    );
}

#[test]
fn a_model_that_reads_itself_is_told_how_rows_are_added() {
    check(
        &[("a", "select * from shop.orders join a", json!({}))],
        &[],
        expect![[r#"
            error[HW303]: the models form a circle: `a` reads `a`
              at: models/a.sql:1:1
              help: move the shared part into a model of its own
              help: or, to add to the rows that it has, let the load do that: `load: { upsert: { key: [id] } }`
              help: what it has read already it need not read again: `follow: { shop.orders: updated_at }`"#]],
    );
}

#[test]
fn all_mistakes_of_all_models_come_at_once() {
    let wrong = [
        ("a", "selct 1", json!({})),
        ("b", "select * from shopp.orders join bb", json!({})),
        ("bb", "select * from raw.shop.orders", json!({})),
    ];
    check(
        &wrong,
        &[],
        expect![[r#"
        error[HW301]: `selct` is no SQL

        error[HW302]: unknown table `shopp.orders`
          at: models/b.sql:1:15
          help: known: a, b, bb, crm.…, lake.…, shop.…"#]],
    );
}

#[test]
fn only_what_is_read_can_be_followed() {
    check(
        &[("a", "select * from shop.orders", json!({ "follow": { "crm.orders": "updated_at" } }))],
        &[],
        expect![[r#"
            error[HW302]: `a` follows `crm.orders`, which its SELECT does not read
              help: remove it from `follow:`, or read it in the SELECT"#]],
    );
}

#[test]
fn a_table_that_a_rule_looks_at_comes_first() {
    let refers = |to: &str| json!({"rules": [{"referential": {"column": "a", "to": to}}]});
    check(
        &[("facts", "select * from shop.orders", refers("people.a")), ("people", "select * from crm.customers", json!({}))],
        &[],
        expect![[r#"
        raw/crm.customers: 
        raw/shop.orders: 
        people: raw/crm.customers
        facts: raw/shop.orders"#]],
    );
}

#[test]
fn rules_that_look_at_each_others_tables_are_no_circle() {
    let refers = |to: &str| json!({"rules": [{"referential": {"column": "a", "to": to}}]});
    check(
        &[
            ("a", "select * from shop.orders", refers("b.a")),
            ("b", "select * from crm.customers", refers("c.a")),
            ("c", "select * from a", refers("c.a")),
        ],
        &[],
        expect![[r#"
        raw/crm.customers: 
        raw/shop.orders: 
        b: raw/crm.customers
        a: raw/shop.orders
        c: a"#]],
    );
}

#[test]
fn a_plus_selects_what_reads_a_model_as_well() {
    check(
        &chain(),
        &["names+"],
        expect![[r#"
        raw/crm.customers: 
        raw/shop.orders: 
        names: raw/crm.customers
        facts: raw/shop.orders, names
        a_report: facts, names"#]],
    );
}

#[test]
fn a_selected_model_brings_its_datasets_and_a_sign_brings_others() {
    check_select(
        &["names"],
        expect![[r#"
        raw/crm.customers: 
        names: raw/crm.customers"#]],
    );
    check_select(
        &["+facts", "other"],
        expect![[r#"
        raw/crm.customers: 
        raw/lake.orders: 
        raw/shop.orders: 
        names: raw/crm.customers
        facts: raw/shop.orders, names
        other: raw/lake.orders"#]],
    );
    check_select(
        &["names+"],
        expect![[r#"
        raw/crm.customers: 
        raw/shop.orders: 
        names: raw/crm.customers
        facts: raw/shop.orders, names
        a_report: facts, names"#]],
    );
}

#[test]
fn a_selected_model_needs_what_it_reads() {
    check_select(
        &["facts"],
        expect![[r#"
            error[HW302]: `facts` reads `names`, which is not built yet
              help: `--select +facts` builds what it reads first"#]],
    );
}

#[test]
fn what_selects_nothing_is_refused() {
    for text in ["", "+", "++", "++facts", "facts++"] {
        assert_eq!(text.parse::<Selected>().unwrap_err().known_code(), Some("HW107"), "{text}");
    }
    assert_eq!("+facts+".parse::<Selected>().unwrap().to_string(), "+facts+");
}
