//! Scores, recomputed by hand.

use hw_base::{Dimension, Severity};

use super::{CUSTOMER_ORDERS, assessment, assessment_about};
use crate::{About, Assessment};

#[track_caller]
fn check(facts: &str, expected: [Option<f64>; 6]) {
    let assessment = assessment(facts);
    let scores = Dimension::ALL.map(|dimension| assessment.scores.of(dimension));
    assert_eq!(scores, expected);
    let known: Vec<f64> = scores.into_iter().flatten().collect();
    let mean = known.iter().sum::<f64>() / known.len().max(1) as f64;
    assert!((assessment.scores.overall - mean).abs() <= 0.005 + 1e-9, "{} is not the mean {mean}", assessment.scores.overall);
}

#[test]
fn the_blueprints_table_is_scored_by_the_formula() {
    // completeness: 80 of 5 × 1,000 cells; accuracy: 20 × 0.8 of 4,920 values; consistency: 40 × 0.95 of 4,920 values;
    // timeliness: half a day old, a day allowed; uniqueness: 10 rows and 10 × 0.9 keys of 2 × 1,000.
    check(CUSTOMER_ORDERS, [Some(98.4), Some(99.67), Some(99.23), Some(100.0), Some(100.0), Some(99.05)]);
}

#[test]
fn timeliness_is_unknown_without_a_time_column() {
    check(
        "rows 100\n id integer; distinct 100\n birth_date date; min 1980-01-01; max 1990-01-01",
        [Some(100.0), Some(100.0), Some(100.0), None, Some(100.0), Some(100.0)],
    );
}

#[test]
fn twice_the_allowed_age_costs_half_times_confidence() {
    // 2 days old, 1 day allowed, confidence 0.9
    let facts = "rows 100\n updated_at timestamp; distinct 100; min 2026-02-20; max 2026-02-27";
    assert_eq!(assessment(facts).scores.of(Dimension::Timeliness), Some(55.0));
}

#[test]
fn malformed_records_count_a_cell_per_column() {
    // 25 records of 125, each of 2 cells: 50 of 250
    check("rows 100; malformed 25\n a integer\n b integer", [Some(100.0), Some(100.0), Some(100.0), None, Some(80.0), Some(100.0)]);
}

#[test]
fn nothing_vouches_for_nothing() {
    check("rows 0", [None; 6]);
    check("rows 0\n a integer", [None; 6]);
    check("rows 0; malformed 7\n a integer", [None, None, None, None, Some(0.0), None]);
    check("rows 10; duplicates 9\n a text; nulls 10; distinct 0", [Some(0.0), None, None, None, None, Some(10.0)]);
}

#[test]
fn what_cannot_be_judged_is_null_with_the_reason() {
    let told = |facts: &str, dimension: &str| assessment(facts).to_json()["dimensions"][dimension]["not_judged_because"].clone();
    assert_eq!(told("rows 0\n a integer", "accuracy"), "there is no row");
    assert_eq!(told("rows 0\n a integer", "timeliness"), "no column tells when rows came");
    assert_eq!(told("rows 10\n a text; nulls 10; distinct 0", "validity"), "no cell holds a value");
    assert_eq!(told("rows 10\n a text; nulls 10; distinct 0", "completeness"), serde_json::Value::Null);
    let empty = assessment("rows 0\n a integer");
    for text in [empty.to_markdown(), empty.to_html()] {
        assert!(text.contains("No dimension could be judged"), "{text}");
    }
}

#[test]
fn one_column_never_loses_more_than_it_has() {
    let facts = "rows 100\n name text; distinct 50; padded 100; folded 25\n other text; distinct 50";
    let assessment = assessment(facts);
    let consistency = &assessment.scores.dimensions[2];
    assert!(consistency.affected <= 100.0 && (consistency.judged - 200.0).abs() < 1e-9, "{consistency:?}");
}

#[test]
fn parts_add_up_to_what_is_affected() {
    for score in assessment(CUSTOMER_ORDERS).scores.dimensions {
        let sum: f64 = score.parts.iter().map(|part| part.affected * part.confidence).sum();
        assert!((sum - score.affected).abs() < 0.01, "{score:?}");
    }
}

#[test]
fn a_critical_column_weighs_more() {
    let facts = "rows 100\n id integer; distinct 100\n amount float; nulls 5";
    let severities = |critical: Vec<String>| {
        let about = About { critical, ..About::new("orders", "orders.csv") };
        assessment_about(facts, about).issues().map(|issue| issue.severity).collect::<Vec<_>>()
    };
    assert_eq!(severities(vec![]), [Severity::Medium]);
    assert_eq!(severities(vec!["amount".into()]), [Severity::High]);
}

#[test]
fn actions_tell_the_score_without_the_issue() {
    let improvements = |assessment: Assessment| {
        assessment.actions.into_iter().map(|action| (action.issue, action.expected_improvement)).collect::<Vec<_>>()
    };
    let expected = [("missing_values", "completeness 98.4 -> 100.0"), ("duplicate_rows", "uniqueness 99.0 -> 99.5")];
    let found = improvements(assessment(CUSTOMER_ORDERS));
    for (code, improvement) in expected {
        assert!(found.contains(&(code.into(), improvement.into())), "{code} {improvement} is not in {found:?}");
    }
}
