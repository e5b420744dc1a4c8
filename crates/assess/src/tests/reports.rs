//! The forms an assessment is written in.

use expect_test::expect_file;
use hw_base::{Beginning, CodedColumn, CodedTable, ColumnType, Dimension};
use serde_json::Value as Json;

use super::{CUSTOMER_ORDERS, assessment, assessment_about};
use crate::examination::error_of;
use crate::fixture::{facts, now};
use crate::{About, Assessment, Evidence, Relationship, Source, reconciliations, rules_yaml};

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
fn ages_are_those_of_the_moment_that_was_asked_for() {
    let report = |day: i64, as_of| {
        let (about, at) = (About { as_of, ..About::new("shop.orders", "orders.csv") }, now() + chrono::TimeDelta::days(day));
        let judged = Assessment::judge(facts(CUSTOMER_ORDERS), about, at, "a-1".into(), Evidence::default());
        let dates = [at.to_rfc3339_opts(chrono::SecondsFormat::Secs, true), at.format("%Y-%m-%d %H:%M UTC").to_string()];
        let told = |text: String| dates.iter().fold(text, |text, date| text.replace(date, "DATE"));
        judged.files().into_iter().map(|(_, content)| told(content)).collect::<Vec<String>>()
    };
    let moment = now() - chrono::TimeDelta::hours(1);
    assert_ne!(report(10, None), report(100, None), "the age of these rows is told");
    let asked = report(10, Some(moment));
    assert_eq!(asked, report(100, Some(moment)));
    assert!(asked[..3].iter().all(|file| file.contains("2026-02-28")), "each file names the moment");
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
fn the_first_rows_state_how_many_there_are_and_what_their_error_rests_on() {
    let mut facts = facts("rows 1000; sample\n a text; nulls 80; distinct 3");
    facts.beginning = Some(Beginning { of_about: Some(90_000) });
    let cut = Assessment::judge(facts.clone(), About::new("shop", "shop.csv"), now(), "a1".into(), Evidence::default());
    assert_eq!(cut.findings[0].issue.description, "80 of the first 1,000 rows (8 % ± 1.8) have no `a`");
    for text in [cut.to_markdown(), cut.to_html()] {
        assert!(text.contains("the first 1,000 rows of about 90,000"), "{text}");
        assert!(text.contains("as far as the budget went") && text.contains("nothing to do with what they hold"), "{text}");
    }
    facts.beginning = Some(Beginning { of_about: None });
    let unknown = Assessment::judge(facts, About::new("shop", "shop.csv"), now(), "a1".into(), Evidence::default());
    assert_eq!(unknown.population(), "the first 1,000 rows");
}

#[test]
fn the_first_rows_do_not_tell_how_old_the_newest_is() {
    let mut facts = facts("rows 1000; sample\n created_at timestamp; distinct 900; min 2024-01-01; max 2025-03-01_12:00:00");
    facts.beginning = Some(Beginning { of_about: Some(90_000) });
    let cut = Assessment::judge(facts, About::new("shop", "shop.csv"), now(), "a1".into(), Evidence::default());
    assert!(cut.freshness.is_none() && cut.issues().all(|issue| issue.code != "stale_data"));
    let timeliness = cut.scores.dimensions.iter().find(|score| score.dimension == Dimension::Timeliness).unwrap();
    let reason = "only the first rows were read, and the newest may be among the others";
    assert_eq!((timeliness.score, timeliness.basis.as_str()), (None, reason));
}

#[test]
fn a_sample_states_its_error() {
    let sampled = assessment("rows 1000; sample\n a text; nulls 80; distinct 3");
    assert_eq!(sampled.findings[0].issue.description, "80 of 1,000 sampled rows (8 % ± 1.8) have no `a`");
    assert!((sampled.to_json()["error_bound"].as_f64().unwrap() - 0.031).abs() < 1e-3);
    for text in [sampled.to_markdown(), sampled.to_html()] {
        assert!(text.contains("every share is within 3.1 percentage points of that of all rows, 19 times out of 20"), "{text}");
    }
    assert_eq!(assessment("rows 1000\n a text; nulls 80; distinct 3").to_json()["error_bound"], Json::Null);
}

#[test]
fn every_number_of_a_sample_states_its_error() {
    let text = "rows 1000; sample
        id integer; nulls 80; distinct 30; top 7*300, 8*20; quantiles 10 20 30; histogram 1 9 10 20 30
        updated_at timestamp; distinct 900; min 2026-01-01; max 2026-02-28_12:00:00";
    let sampled = assessment(text);
    let json = sampled.to_json();
    let column = &json["columns"][0];
    let is_near = |number: &Json, expected: f64| number.as_f64().is_some_and(|number| (number - expected).abs() < 1e-3);
    assert_eq!(column["distinct_bound"], "at least");
    assert!(is_near(&column["top_values"][0]["share_error"], 0.0310), "{column:#}");
    assert!(is_near(&column["quantiles"][1]["rank_error"], 0.0322), "{column:#}");
    // Of 2,000 values nobody may say that the least one is not that of the first 0.19 %.
    assert!((error_of(0.0, 2000) - 0.00192).abs() < 1e-5 && (error_of(1.0, 2000) - 0.00192).abs() < 1e-5);
    assert!(column["mean_error"].is_number());
    let bound = |dimension: &str| &json["dimensions"][dimension]["error_bound"];
    assert!(bound("completeness")["within"].is_number(), "{json:#}");
    assert_eq!((bound("uniqueness"), bound("timeliness")), (&"at_most".into(), &"at_least".into()));
    let overall = &json["overall_error_bound"];
    assert!(overall["within"].is_number());
    assert_eq!((&overall["may_be_less"], &overall["may_be_more"]), (&true.into(), &true.into()));
    assert!(sampled.may_score_less_than(sampled.scores.overall) && !sampled.may_score_less_than(10.0));
    let (page, report) = (sampled.to_html(), sampled.to_markdown());
    assert!(page.contains("at least 30") && page.contains(" or less") && page.contains("Quantiles of a sample"), "{page}");
    assert!(report.contains("| at least 30 |") && report.contains("% ± 3.1"), "{report}");
    let whole = assessment(&text.replace("; sample", "")).to_json();
    assert_eq!((&whole["overall_error_bound"], &whole["columns"][0]["distinct_bound"]), (&Json::Null, &Json::Null));
    assert!(!assessment(&text.replace("; sample", "")).may_score_less_than(10.0));
}

#[test]
fn an_error_is_never_shown_as_none() {
    let errors = [0.017, 0.000_4, 0.000_03, error_of(0.0, 10_000_000)];
    assert_eq!(errors.map(crate::examination::points), ["1.7", "0.04", "0.003", "0.00004"]);
    assert_eq!(crate::action::moved(96.18, 96.18), "96.18, moved by less than 0.01");
    assert_eq!(crate::action::moved(98.81, 98.95), "98.81 -> 98.95");
}

#[test]
fn a_source_is_named_by_its_places() {
    let place = "postgres://shop@127.0.0.1:5432/shop";
    let tables: Vec<String> = ["orders", "lines", "products"].map(|table| format!("{place}#{table}")).into();
    assert_eq!(Source::name_of(tables.iter().map(String::as_str)), place);
    let page = |name: &str| Source::new(name, &[assessment("rows 3\n id integer; distinct 3")], Vec::new(), Vec::new()).to_html();
    assert!(page(place).contains("<h1>shop</h1>"), "{}", page(place));
    assert!(page("in/a.csv, in/b.csv, in/c.csv, in/d.csv").contains("<h1>a.csv and 3 more</h1>"));
}

#[test]
fn a_source_tells_its_datasets_and_how_they_refer_to_each_other() {
    let named = |name: &str, text: &str| assessment_about(text, About::new(name, "shop"));
    let orders = named("orders", "rows 100\n order_id integer; distinct 100\n status text; distinct 3; top open*50, shut*30, void*20");
    let returns = named(
        "returns",
        "rows 100\n id integer; distinct 100\n state text; distinct 3; top Open*50, shut*30, void*20\n flag text; distinct 2; top a*50, b*50",
    );
    let reference = Relationship {
        dataset: "returns".into(),
        columns: vec!["order_id".into()],
        references: "orders".into(),
        reference_columns: vec!["order_id".into()],
        to_key: true,
        orphans: 3,
        score: 0.9,
    };
    let source = Source::new("shop", &[orders, returns], vec![reference], Vec::new()).to_json();
    let relationship = serde_json::json!({
        "dataset": "returns", "columns": ["order_id"], "references": "orders", "reference_columns": ["order_id"], "to_key": true, "orphans": 3, "score": 0.9,
    });
    assert_eq!(source["relationships"], serde_json::json!([relationship]));
    assert_eq!(source["datasets"][0]["key"], serde_json::json!(["order_id"]));
    assert_eq!(source["alike"].as_array().unwrap().len(), 1);
    assert_eq!((&source["alike"][0]["column"], &source["alike"][0]["other_column"]), (&"status".into(), &"state".into()));
}

#[test]
fn the_report_reads_well() {
    expect_file!["report.md"].assert_eq(&assessment(CUSTOMER_ORDERS).to_markdown());
}

#[test]
fn names_from_the_data_never_become_markup() {
    let report = assessment("rows 10\n a```b|<script> text; nulls 1; distinct 2").to_markdown();
    assert!(report.contains("```` a```b\\|<script> ````"), "{report}");
    assert!(report.contains("````sql\n"), "{report}");
}

#[test]
fn datasets_that_hold_the_same_things_are_reconciled() {
    let coded = |name: &str, keys: &[&str]| CodedTable {
        name: name.into(),
        rows: keys.len() as u64,
        sampled: None,
        columns: vec![CodedColumn {
            name: "order_id".into(),
            kind: ColumnType::Integer,
            values: keys.iter().map(|&key| key.into()).collect(),
            codes: (1..=u32::try_from(keys.len()).unwrap()).collect(),
        }],
    };
    let (shop, ledger) = (coded("shop", &["1", "2", "3", "4"]), coded("ledger", &["2", "3", "4", "5", "6"]));
    let assessed = |name: &str, rows: usize, sum: f64| {
        let text =
            format!("rows {rows}\n order_id integer; distinct {rows}\n amount float; distinct 3\n status text; distinct 2; top a*2, b*2");
        let mut assessment = assessment_about(&text, About::new(name, name));
        assessment.facts.columns[1].numbers.as_mut().unwrap().sum = sum;
        assessment
    };
    let both = [assessed("shop", 4, 10.0), assessed("ledger", 5, 12.5)];
    let found = reconciliations(&[&shop, &ledger], &both);
    let [only] = &found[..] else { panic!("{found:?}") };
    assert_eq!((only.key.as_str(), only.rows, only.rows_with, only.only_here, only.only_there), ("order_id", 4, 5, 1, 2));
    assert_eq!((only.sums.len(), only.agrees(), only.sums[0].agrees()), (1, false, false));
    let source = Source::new("s", &both, Vec::new(), Vec::new()).reconciled(found);
    assert_eq!(source.to_json()["reconciliations"][0]["sums"][0]["there"], 12.5);
    assert!(source.to_html().contains("Datasets that hold the same things"));
}
