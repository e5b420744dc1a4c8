//! The forms an assessment is written in.

use expect_test::expect;
use serde_json::Value as Json;

use super::{CUSTOMER_ORDERS, assessment};
use crate::rules_yaml;

const ODD_FACTS: &[&str] = &[
    "rows 0",
    "rows 0\n a integer\n b text",
    "rows 10; duplicates 9\n a text; nulls 10; distinct 0\n b float; nulls 10; distinct 0",
    "rows 100; malformed 5; sample\n id integer; distinct 99\n email text; distinct 90; shapes email*95, other*5",
    "rows 1\n x float; distinct 1; min 1; max 1; quantiles NaN inf 1",
    "rows 100\n day text; distinct 60; shapes date*90, other_date*10; padded 4\n `|<b> text; distinct 50; empty 5",
    CUSTOMER_ORDERS,
];

#[test]
fn no_form_shows_what_is_no_number() {
    for facts in ODD_FACTS {
        let assessment = assessment(facts);
        let text = assessment.to_markdown() + &assessment.to_json().to_string();
        assert!(!text.contains("NaN") && !text.contains(" inf"), "{text}");
    }
}

#[test]
fn the_overall_score_can_be_recomputed_from_the_json_form() {
    let json = assessment(CUSTOMER_ORDERS).to_json();
    let scores: Vec<f64> = json["dimensions"].as_object().unwrap().values().filter_map(|entry| entry["score"].as_f64()).collect();
    let mean = scores.iter().sum::<f64>() / scores.len() as f64;
    assert!((json["overall_score"].as_f64().unwrap() - mean).abs() <= 0.005 + 1e-9);
    for (name, entry) in json["dimensions"].as_object().unwrap() {
        let number = |key: &str| entry["formula"][key].as_f64().unwrap();
        let score = 100.0 * (1.0 - number("affected") / number("judged"));
        assert!((entry["score"].as_f64().unwrap() - score).abs() <= 0.01, "{name}: {entry:#}");
    }
}

#[test]
fn the_rules_file_is_what_validate_reads() {
    for facts in ODD_FACTS {
        let proposals = assessment(facts).proposals;
        let file: Json = serde_saphyr::from_str(&rules_yaml(&proposals, "shop.orders")).unwrap();
        let rules = hw_validate::read_rules(&hw_base::Settings::from_json(&file["rules"])).unwrap();
        assert_eq!(rules.len(), proposals.len());
    }
}

#[test]
fn any_text_survives_the_rules_file() {
    let texts = [
        "",
        " x",
        "no",
        "1e3",
        "0x1f",
        "2026-01-31",
        "a: b",
        "a #b",
        "- a",
        "*a",
        "5%",
        "é\u{7f}\u{2028}\"\\",
        "it's",
        "a\nb",
        "{",
        "Null",
        "~",
        "1_000",
    ];
    let mut proposals = assessment(CUSTOMER_ORDERS).proposals;
    proposals.truncate(1);
    proposals[0].settings = serde_json::json!({ "column": "a", "values": texts, "5%": { "x": null } });
    let file: Json = serde_saphyr::from_str(&rules_yaml(&proposals, "shop\norders")).unwrap();
    assert_eq!(file["rules"][0][&proposals[0].kind]["values"], serde_json::json!(texts));
}

#[test]
fn the_report_reads_well() {
    expect![[r#"
        # Data quality of `shop.orders`

        **Overall score: 99.4 of 100.** Measured on all 1,000 rows, 5 columns.

        - Source: `orders.csv`
        - Assessed: 2026-03-01 00:00 UTC (id `a-1`)
        - Period: 2026-01-01 to 2026-02-28, by `updated_at`
        - Issues: 0 high, 5 medium, 0 low

        ## Scores

        | dimension | score | affected | judged | unit |
        | --- | ---: | ---: | ---: | --- |
        | completeness | 98.4 | 80 | 5000 | cells |
        | accuracy | 99.7 | 16 | 4920 | cells that hold a value |
        | consistency | 99.2 | 38 | 4920 | cells that hold a value |
        | timeliness | 100.0 | 0 | 86400 | seconds of age |
        | validity | 100.0 | 0 | 4920 | cells that hold a value |
        | uniqueness | 99.0 | 19 | 2000 | rows, as a whole and per key column |

        Score = 100 × (1 − affected / judged). An issue adds to `affected` what it affects times its confidence; the issues of one column add up to no more than the column has. The overall score is the mean of the scores by their weights.

        - completeness: missing_values in `customer_id` affects 80 at confidence 1
        - accuracy: negative_values in `total_amount` affects 20 at confidence 0.8
        - consistency: inconsistent_casing in `status` affects 40 at confidence 0.95
        - uniqueness: duplicate_rows affects 10 at confidence 1
        - uniqueness: duplicate_keys in `order_id` affects 10 at confidence 0.9

        ## Issues

        ### 1. missing values in `customer_id`

        MEDIUM, completeness, confidence 1. 80 of 1,000 rows (8 %) have no `customer_id`.

        Fix: fill in the missing values at the source, or let `not_null` send the rows to quarantine.

        ```sql
        select * from shop.orders where customer_id is null
        ```

        ### 2. inconsistent casing in `status`

        MEDIUM, consistency, confidence 0.95. 40 of 1,000 rows (4 %) write `status` in another case than a more frequent value.

        Examples: `Delivered`, `DELIVERED`

        Fix: load `lower(trim(status))`, and let `accepted_values` name the spellings that are right.

        ```sql
        select lower(trim(status)) as folded, count(distinct status) as spellings, count(*) as rows_affected from shop.orders group by lower(trim(status)) having count(distinct status) > 1
        ```

        ### 3. negative values in `total_amount`

        MEDIUM, accuracy, confidence 0.8. 20 of 1,000 rows (2 %) are below zero in `total_amount`, whose name says a quantity.

        Examples: `-5`, `-20`

        Fix: find out whether these are refunds; if not, let `range` with `min: 0` send the rows to quarantine.

        ```sql
        select * from shop.orders where total_amount < 0
        ```

        ### 4. duplicate rows

        MEDIUM, uniqueness, confidence 1. 10 of 1,000 rows (1 %) equal an earlier row in every column.

        Fix: keep one of each when loading: `select distinct`, or an upsert by key.

        ```sql
        select order_id, customer_id, status, total_amount, updated_at, count(*) as copies from shop.orders group by order_id, customer_id, status, total_amount, updated_at having count(*) > 1
        ```

        ### 5. duplicate keys in `order_id`

        MEDIUM, uniqueness, confidence 0.9. 10 of 1,000 rows (1 %) repeat the `order_id` of an earlier row, though it looks like a key.

        Examples: `7`, `8`

        Fix: upsert by `order_id`, or let `unique` block the load until the source is right.

        ```sql
        select order_id, count(*) as copies from shop.orders where order_id is not null group by order_id having count(*) > 1
        ```

        ## What to do

        What pays most comes first: rows, severity and critical columns against effort.

        | priority | action | effort | score without the issue | overall |
        | --- | --- | --- | --- | ---: |
        | MEDIUM | `status`: load `lower(trim(status))`, and let `accepted_values` name the spellings that are right | low | consistency 99.2 -> 100.0 | 99.5 |
        | MEDIUM | `customer_id`: fill in the missing values at the source, or let `not_null` send the rows to quarantine | high | completeness 98.4 -> 100.0 | 99.7 |
        | MEDIUM | keep one of each when loading: `select distinct`, or an upsert by key | low | uniqueness 99.0 -> 99.5 | 99.5 |
        | MEDIUM | `total_amount`: find out whether these are refunds; if not, let `range` with `min: 0` send the rows to quarantine | medium | accuracy 99.7 -> 100.0 | 99.5 |
        | MEDIUM | `order_id`: upsert by `order_id`, or let `unique` block the load until the source is right | medium | uniqueness 99.0 -> 99.5 | 99.5 |

        ## Columns

        Over all 1,000 rows.

        | column | type | reads as | means | null | distinct | least | greatest | most frequent |
        | --- | --- | --- | --- | ---: | ---: | --- | --- | --- |
        | `order_id` | integer | integer | identifier (90 %) | 0 % | 990 | `1` | `990` | `7` (3), `8` (2) |
        | `customer_id` | integer | integer | identifier (90 %) | 8 % | 300 | `1` | `300` |  |
        | `status` | text | text | category (85 %) | 0 % | 6 | `null` | `null` | `delivered` (600), `shipped` (200), `pending` (100) |
        | `total_amount` | float | float | measure (90 %) | 0 % | 800 | `-20` | `90` | `-5` (3), `20` (2) |
        | `updated_at` | timestamp | timestamp | timestamp (95 %) | 0 % | 900 | `2026-01-01` | `2026-02-28 12:00:00` |  |

        ## Proposed rules

        ```yaml
        # Rules for shop.orders, proposed from its data.
        # Each holds on the data it was made from, or within the share it tolerates. Strike out what is no promise.
        rules:
          # `order_id` is missing in 0 of 1,000 rows
          - not_null: { column: order_id, on_failure: block }
          # `status` is missing in 0 of 1,000 rows
          - not_null: { column: status, on_failure: block }
          # `total_amount` is missing in 0 of 1,000 rows
          - not_null: { column: total_amount, on_failure: block }
          # `updated_at` is missing in 0 of 1,000 rows
          - not_null: { column: updated_at, on_failure: block }
          # 6 values of `status` cover 1,000 of 1,000 rows
          - accepted_values: { column: status, values: [DELIVERED, Delivered, cancelled, delivered, pending, shipped], on_failure: quarantine }
          # 1,000 rows measured; an empty table is never right
          - row_count: { min: 1, on_failure: block }
        ```
    "#]].assert_eq(&assessment(CUSTOMER_ORDERS).to_markdown());
}

#[test]
fn names_from_the_data_never_become_markup() {
    let report = assessment("rows 10\n a```b|<script> text; nulls 1; distinct 2").to_markdown();
    assert!(report.contains("```` a```b\\|<script> ````"), "{report}");
    assert!(report.contains("````sql\n"), "{report}");
}
