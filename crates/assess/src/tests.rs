//! Tests of the whole stage on facts written as tables.

#![expect(clippy::needless_raw_string_hashes, reason = "expect-test writes them when it updates a test")]

mod asking;
mod contract;
mod evidence;
mod findings;
mod listed;
mod meanings;
mod pages;
mod reports;
mod scores;

use crate::fixture::{facts, now};
use crate::{About, Assessment, Evidence};

/// The blueprint's table: 8 % missing `customer_id`, 2 % negative `total_amount`, inconsistent `status`.
const CUSTOMER_ORDERS: &str = "rows 1000; duplicates 10
    order_id integer; distinct 980; min 1; max 990; top 7*3, 8*2
    customer_id integer; nulls 80; distinct 300; min 1; max 300
    status text; distinct 6; folded 4; top delivered*600, shipped*200, pending*100, cancelled*60, Delivered*30, DELIVERED*10
    total_amount float; distinct 800; min -20; max 90; negatives 20; quantiles 10 20 30; top -5*3, 20*2
    updated_at timestamp; distinct 900; min 2026-01-01; max 2026-02-28_12:00:00";

/// The assessment of `text`, with nothing counted by an engine.
fn assessment(text: &str) -> Assessment {
    assessment_about(text, About::new("shop.orders", "orders.csv"))
}

fn assessment_about(text: &str, about: About) -> Assessment {
    assessment_in_light_of(text, about, Evidence::default())
}

fn assessment_in_light_of(text: &str, about: About, evidence: Evidence) -> Assessment {
    Assessment::judge(facts(text), about, now(), "a-1".into(), evidence)
}
