//! `assessment.json` keeps its published contract, and its report can be recomputed, also where there is hardly any data.

use serde_json::{Value as Json, json};

use super::{CUSTOMER_ORDERS, assessment, assessment_about};
use crate::{About, Limits, Weights};

/// Facts at the edges: nothing, almost nothing, and nothing but what is wrong.
const EDGES: &[&str] = &[
    "rows 0",
    "rows 0\n a integer\n b text",
    "rows 0; malformed 7",
    "rows 0; malformed 7\n a integer; bare\n b text; bare",
    "rows 5",
    "rows 5; duplicates 4",
    "rows 1\n a integer; bare; nulls 1; distinct 0",
    "rows 10; duplicates 9
     a text; bare; nulls 10; distinct 0
     b float; bare; nulls 10; distinct 0
     c date; bare; nulls 10; distinct 0
     d timestamp; bare; nulls 10; distinct 0
     e boolean; nulls 10; distinct 0
     f decimal; bare; nulls 10; distinct 0
     g integer; nulls 10; distinct 0
     h binary; nulls 10; distinct 0
     i other; nulls 10; distinct 0
     order_id text; nulls 10; distinct 0",
    "rows 1\n id integer; distinct 1; min 1; max 1",
    "rows 1\n x float; distinct 1; min NaN; max inf; quantiles NaN inf -inf; histogram NaN inf 1; top NaN*1",
    "rows 100\n price float; distinct 90; min -1e308; max 1e308; quantiles -1e308 0 1e308; histogram -1e308 1e308 1 98 1; top 1*2",
    "rows 100; malformed 5; sample\n id integer; estimated 99\n email text; estimated 200; shapes email*95, other*5",
    "rows 100; duplicates 100\n id integer; distinct 1; top 7*100; min 7; max 7",
    "rows 3\n updated_at timestamp; distinct 3; min 9999-12-31; max 9999-12-31",
    "rows 3\n updated_at timestamp; distinct 3; min 0001-01-01; max 0001-01-01",
    CUSTOMER_ORDERS,
];

#[test]
fn the_contract_holds_at_the_edges() {
    let schema: Json = serde_json::from_str(include_str!("../../../../contracts/assessment.schema.json")).unwrap();
    for facts in EDGES {
        for critical in [vec![], vec!["a".to_owned(), "no_such_column".to_owned()]] {
            let about = About { critical, use_for: Some("tests".into()), ..About::new("shop.orders", "orders.csv") };
            let json: Json = serde_json::from_str(&assessment_about(facts, about).to_json().to_string()).unwrap();
            let problems = problems(&schema, &schema, &json, "$");
            assert_eq!(problems, [""; 0], "{facts}\n{json:#}");
        }
    }
}

#[test]
fn the_checker_sees_what_breaks_a_contract() {
    let schema = json!({
        "type": "object", "required": ["a"], "$defs": { "percent": { "type": "number", "minimum": 0, "maximum": 100 } },
        "properties": {
            "a": { "$ref": "#/$defs/percent" },
            "b": { "type": "array", "items": { "enum": ["x"] } },
            "c": { "anyOf": [{ "type": "null" }, { "type": "string", "format": "date-time" }] },
        },
        "additionalProperties": { "type": "integer" },
    });
    let found = |json: Json| problems(&schema, &schema, &json, "$");
    assert_eq!(found(json!({ "a": 1.5, "b": ["x"], "c": "2026-01-31T00:00:00Z", "d": 1 })), [""; 0]);
    assert_eq!(found(json!({ "a": 101 })), ["$.a: 101 is above 100"]);
    assert_eq!(found(json!({ "a": null, "d": 1.5 })), ["$.a: null is no number", "$.d: 1.5 is no integer"]);
    assert_eq!(found(json!({ "b": ["y"], "c": 1 })), ["$.a is missing", "$.b[0]: \"y\" is no choice", "$.c: 1 fits none"]);
    assert_eq!(found(json!([])), ["$: [] is no object"]);
}

#[test]
fn every_number_of_the_contract_is_one() {
    for facts in EDGES {
        let json = assessment(facts).to_json();
        for (name, entry) in json["dimensions"].as_object().unwrap() {
            let formula = &entry["formula"];
            let numbers = ["affected", "judged"].map(|key| &formula[key]);
            assert!(numbers.iter().all(|number| number.is_number()), "{facts}\n{name}: {entry:#}");
            for part in formula["parts"].as_array().unwrap() {
                assert!(["affected", "confidence", "at_most"].iter().all(|key| part[key].is_number()), "{facts}\n{part:#}");
            }
        }
        for issue in json["issues"].as_array().unwrap() {
            assert!(issue["share"].as_f64().is_some_and(|share| (0.0..=1.0).contains(&share)), "{facts}\n{issue:#}");
            assert!(issue["confidence"].as_f64().is_some_and(|confidence| (0.0..=1.0).contains(&confidence)), "{facts}\n{issue:#}");
        }
    }
}

/// Takes nothing but the JSON form and a pencil.
#[test]
fn every_score_can_be_recomputed_from_what_is_printed() {
    for facts in EDGES.iter().chain(&["rows 100\n name text; distinct 50; padded 100; folded 25; top A*40, a*30\n other text; distinct 50"])
    {
        let json = assessment(facts).to_json();
        for (name, entry) in json["dimensions"].as_object().unwrap() {
            let formula = &entry["formula"];
            let affected = affected(&formula["parts"]);
            let judged = formula["judged"].as_f64().unwrap();
            assert!((affected - formula["affected"].as_f64().unwrap()).abs() <= 0.011, "{facts}\n{name}: {affected} {formula:#}");
            let score = if judged > 0.0 { 100.0 * (1.0 - (affected / judged).min(1.0)) } else { 0.0 };
            match entry["score"].as_f64() {
                Some(told) => assert!((told - score).abs() <= 0.02, "{facts}\n{name}: {score} {entry:#}"),
                None => assert!(judged == 0.0 && entry["not_judged_because"].is_string(), "{facts}\n{name}"),
            }
        }
    }
}

/// The sum of affected × confidence, of each column at most what it has.
fn affected(parts: &Json) -> f64 {
    let mut columns = std::collections::BTreeMap::new();
    for part in parts.as_array().unwrap() {
        let number = |key: &str| part[key].as_f64().unwrap();
        let entry = columns.entry(part["column"].as_str()).or_insert((0.0, number("at_most")));
        entry.0 += number("affected") * number("confidence");
    }
    columns.iter().map(|(column, (sum, at_most))| if column.is_some() { f64::min(*sum, *at_most) } else { *sum }).sum()
}

#[test]
fn the_numbers_in_words_add_up_to_what_was_judged() {
    let assessment = assessment("rows 100; malformed 25; duplicates 5\n id integer; distinct 100\n a text; nulls 40; distinct 30");
    let told: Vec<String> = assessment.scores.dimensions.iter().map(|score| format!("{} = {}", score.basis, score.judged)).collect();
    assert_eq!(
        told,
        [
            "100 rows × 2 columns = 200",
            "200 cells − 40 missing = 160",
            "200 cells − 40 missing = 160",
            "no column tells when rows came = 0",
            "200 cells − 40 missing + 25 malformed records × 2 columns = 210",
            "100 rows + 100 values of `id` = 200",
        ]
    );
}

#[test]
fn weights_are_printed_where_they_differ() {
    let weights = Weights { completeness: 2.0, ..Weights::default() };
    let about = About { limits: Limits { weights, ..Limits::default() }, ..About::new("shop.orders", "orders.csv") };
    let assessment = assessment_about("rows 10\n a integer; nulls 5", about);
    // completeness 50 counts twice beside four scores of 100; nothing tells the age.
    assert!((assessment.scores.overall - 83.33).abs() < 1e-9, "{}", assessment.scores.overall);
    let report = assessment.to_markdown();
    assert!(report.contains("by their weights: completeness 2, accuracy 1, consistency 1, validity 1, uniqueness 1."), "{report}");
}

/// What in `json` breaks `schema`, as far as the contract's keywords go.
fn problems(root: &Json, schema: &Json, json: &Json, at: &str) -> Vec<String> {
    let keywords = schema.as_object().unwrap();
    keywords.iter().flat_map(|(keyword, wanted)| keyword_problems(root, (schema, keyword, wanted), json, at)).collect()
}

fn keyword_problems(root: &Json, (schema, keyword, wanted): (&Json, &str, &Json), json: &Json, at: &str) -> Vec<String> {
    let told = |is_good: bool, what: String| if is_good { vec![] } else { vec![format!("{at}: {json} {what}")] };
    match keyword {
        "$schema" | "$defs" | "title" | "description" => vec![],
        "$ref" => problems(root, root.pointer(wanted.as_str().unwrap().trim_start_matches('#')).unwrap(), json, at),
        "type" => {
            let types = wanted.as_array().cloned().unwrap_or_else(|| vec![wanted.clone()]);
            told(
                types.iter().any(|name| is_of_type(json, name.as_str().unwrap())),
                format!("is no {}", wanted.as_str().unwrap_or("type of it")),
            )
        }
        "enum" => told(wanted.as_array().unwrap().contains(json), "is no choice".into()),
        "anyOf" => {
            let fits = wanted.as_array().unwrap().iter().any(|choice| problems(root, choice, json, at).is_empty());
            told(fits, "fits none".into())
        }
        "minimum" => told(json.as_f64().is_none_or(|number| number >= wanted.as_f64().unwrap()), format!("is below {wanted}")),
        "maximum" => told(json.as_f64().is_none_or(|number| number <= wanted.as_f64().unwrap()), format!("is above {wanted}")),
        "format" => told(json.as_str().is_none_or(|text| chrono::DateTime::parse_from_rfc3339(text).is_ok()), format!("is no {wanted}")),
        "required" => {
            let keys = wanted.as_array().unwrap().iter().filter_map(Json::as_str);
            keys.filter(|key| json.is_object() && json.get(key).is_none()).map(|key| format!("{at}.{key} is missing")).collect()
        }
        "properties" => {
            let present = wanted.as_object().unwrap().iter().filter_map(|(key, schema)| Some((key, schema, json.get(key)?)));
            present.flat_map(|(key, schema, value)| problems(root, schema, value, &format!("{at}.{key}"))).collect()
        }
        "additionalProperties" => {
            let others = json.as_object().into_iter().flatten().filter(|(key, _)| schema["properties"].get(key).is_none());
            others.flat_map(|(key, value)| problems(root, wanted, value, &format!("{at}.{key}"))).collect()
        }
        "items" => {
            let items = json.as_array().into_iter().flatten().enumerate();
            items.flat_map(|(index, item)| problems(root, wanted, item, &format!("{at}[{index}]"))).collect()
        }
        other => panic!("the checker does not know `{other}`"),
    }
}

fn is_of_type(json: &Json, name: &str) -> bool {
    match name {
        "object" => json.is_object(),
        "array" => json.is_array(),
        "string" => json.is_string(),
        "number" => json.is_number(),
        "integer" => json.is_u64() || json.is_i64(),
        "boolean" => json.is_boolean(),
        "null" => json.is_null(),
        other => panic!("the checker does not know the type `{other}`"),
    }
}
