//! The page: what it shows, that it is safe, and that it stays a size people can send.

use hw_base::{Dimension, PatternCount, Quantile, Value, Verdict};

use super::{CUSTOMER_ORDERS, assessment};
use crate::fixture::facts;
use crate::{
    About, Assessment, Cell, Dependency, Earlier, Evidence, HeldRules, Key, MissingColumn, MissingMap, Relations, Relationship, Source,
    drift, hold,
};

/// A shop's orders with everything a page can show.
const SHOP: &str = "rows 48210; duplicates 31
    order_id integer; distinct 48179; min 10001; max 58179; top 10007*2, 10009*2; histogram 10001 58179 2400 2410 2405 2390 2420 2400 2410 2405 2390 2420 2400 2410 2405 2390 2420 2400 2410 2405 2390 2420
    customer_id integer; nulls 3857; distinct 9120; min 1; max 9950; histogram 1 9950 210 212 208 216 220 214 209 211 208 207
    email text; nulls 120; distinct 9004; folded 8990; shapes email*47610, other*480; top ada@shop.example*31, n/a*212, grace@shop.example*22; padded 41
    status text; distinct 7; folded 5; top delivered*30120, shipped*9800, pending*5400, cancelled*1890, Delivered*840, DELIVERED*96, delvered*64
    country text; nulls 11; distinct 12; top DE*21000, FR*9100, IT*6400, ES*5200, AT*2900, NL*1900, BE*800, CH*400, PL*300, SE*120, DK*60, PT*19
    total_amount float; distinct 15320; min -120; max 99999; negatives 310; quantiles 24.5 48.9 96.2; histogram 0 800 9000 12800 9200 6100 3900 2400 1500 1000 700 500 340 250 180 120 90 60 40 20 12 8; top 19.99*640, 99999*37, 24.5*310
    ordered_at timestamp; distinct 47002; min 2025-03-01_00:04:11; max 2026-02-27_23:58:02; histogram 1740787200 1772236800 3800 3700 3900 4100 4000 4050 4200 3950 4000 4100 4210 4200
    note text; nulls 21210; distinct 17900";

fn relations() -> Relations {
    let names = |list: &[&str]| list.iter().map(|&name| name.to_owned()).collect::<Vec<String>>();
    let reference = |dataset: &str, column: &str, to: &str, orphans, score| Relationship {
        dataset: dataset.into(),
        columns: names(&[column]),
        references: to.into(),
        reference_columns: names(&["id"]),
        to_key: true,
        orphans,
        score,
    };
    Relations {
        rows: 48_210,
        keys: vec![Key { columns: names(&["order_id", "ordered_at"]), minimal: true, score: 0.8 }],
        dependencies: vec![
            Dependency { determinant: names(&["customer_id"]), dependent: "email".into(), error: 0.0, support: 46_000, score: 0.9 },
            Dependency { determinant: names(&["email"]), dependent: "country".into(), error: 0.0041, support: 46_000, score: 0.8 },
        ],
        references: vec![
            reference("shop.orders", "customer_id", "shop.customers", 42, 0.97),
            reference("shop.orders", "country", "shop.countries", 0, 0.91),
            reference("shop.order_lines", "order_id", "shop.orders", 0, 0.99),
        ],
        cells: vec![Cell {
            row: 7,
            column: "country".into(),
            dimension: Dimension::Consistency,
            issue: "breaks_dependency".into(),
            confidence: 0.83,
            suggestion: "DE".into(),
            value: Some("FR".into()),
        }],
        bounds: vec!["dependencies of more than 3 columns".into()],
        ..Relations::default()
    }
}

fn missing() -> MissingMap {
    let shares = (0..40).map(|block| if (12..20).contains(&block) { 0.7 } else { 0.02 }).collect();
    let columns = vec![MissingColumn { name: "customer_id".into(), shares }];
    MissingMap { by: Some("ordered_at".into()), from: "2025-03-01".into(), to: "2026-02-27".into(), columns }
}

/// What `check` would find on rows held back: all held but every fifth.
fn held(text: &str) -> HeldRules {
    let proposals = hw_validate::propose(&facts(text));
    let results = proposals.iter().enumerate().map(|(index, proposal)| hw_base::RuleResult {
        id: format!("r{index}"),
        kind: proposal.kind.clone(),
        dimension: proposal.dimension,
        columns: proposal.columns.clone(),
        held: index % 5 != 4,
        rows: 12_052,
        population: "rows held back".into(),
        violations: if index % 5 == 4 { 900 } else { 0 },
        share: if index % 5 == 4 { 0.0747 } else { 0.0 },
        tolerance: "none".into(),
        measured: None,
        action: proposal.on_failure,
        examples: Vec::new(),
        query: None,
        violating_rows: None,
        error: None,
        notes: hw_base::Notes::default(),
    });
    let verdict = Verdict::over(results.collect());
    hold(proposals, &verdict, "Proposed from the 36,158 rows before 2025-11-20 by `ordered_at`, judged on the 12,052 since then")
}

fn shop() -> Assessment {
    let about =
        About { use_for: Some("churn model".into()), critical: vec!["customer_id".into()], ..About::new("shop.orders", "orders.csv") };
    let evidence = Evidence { relations: Some(relations()), held: Some(held(SHOP)), missing: Some(missing()), ..Evidence::default() };
    let mut measured = facts(SHOP);
    let quantiles = [(0.01, 2.5), (0.05, 6.9), (0.25, 24.5), (0.5, 48.9), (0.75, 96.2), (0.95, 212.0), (0.99, 640.0)];
    measured.columns[5].numbers.as_mut().unwrap().quantiles = quantiles.map(|(at, value)| Quantile { at, value }).to_vec();
    let now = Assessment::judge(measured, about, crate::fixture::now(), "a-1".into(), evidence);
    let earlier = SHOP
        .replace("rows 48210", "rows 30000")
        .replace("nulls 3857", "nulls 12")
        .replace("delivered*30120, shipped*9800, pending*5400, cancelled*1890, Delivered*840, DELIVERED*96, delvered*64", "delivered*20000, shipped*9000, returned*1000")
        .replace("9000 12800 9200 6100 3900 2400 1500", "900 1280 2200 6100 9900 8400 5500")
        .replace("note text", "remark text")
        .replace(
            "nulls 11; distinct 12; top DE*21000, FR*9100, IT*6400, ES*5200, AT*2900, NL*1900, BE*800, CH*400, PL*300, SE*120, DK*60, PT*19",
            "distinct 11; top DE*13090, FR*5700, IT*4000, ES*3200, AT*1800, NL*1200, BE*500, CH*250, PL*180, SE*70, DK*10",
        )
        .replace("country text", "land text");
    let earlier = Earlier::read(&assessment(&earlier).to_json(), "shop.orders").unwrap();
    let change = drift(&earlier, &now);
    now.compared(change)
}

#[test]
fn the_page_is_sound_markup() {
    for page in [shop().to_html(), assessment("rows 0").to_html(), assessment(CUSTOMER_ORDERS).to_html(), source().to_html()] {
        check_nesting(&page);
        check_links(&page);
        assert_eq!(page.matches("<h1>").count(), 1);
        assert_eq!(page.matches("<table").count(), page.matches("<caption>").count());
        let images = page.matches("<svg").count();
        assert_eq!(
            page.matches("role=\"img\" aria-label=\"").count() - page.matches("class=\"fill\" role").count()
                + page.matches("<svg class=\"spark\"").count()
                + page.matches("<svg class=\"box\"").count(),
            images
        );
        for landmark in
            ["<html lang=\"en\">", "<header>", "<nav aria-label=", "<main id=\"main\">", "<footer>", "prefers-color-scheme:dark"]
        {
            assert!(page.contains(landmark), "{landmark}");
        }
        assert!(!page.contains("http://") && !page.contains("https://") && !page.contains("NaN"), "{page}");
    }
}

fn source() -> Source {
    Source::new("shop", &[shop(), assessment("rows 3\n id integer; distinct 3")], relations().references, Vec::new())
}

/// Every element that is opened is closed, in order.
fn check_nesting(page: &str) {
    let mut open: Vec<&str> = Vec::new();
    for piece in page.split('<').skip(1) {
        let tag = piece.split('>').next().unwrap();
        let name = tag.trim_start_matches('/').split([' ', '\n', '/']).next().unwrap();
        match name {
            "!doctype" | "meta" => {}
            _ if tag.starts_with('/') => assert_eq!(open.pop(), Some(name), "</{name}> in …{piece:.60}"),
            _ if tag.ends_with('/') => {}
            _ => open.push(name),
        }
    }
    assert_eq!(open, [""; 0]);
}

/// Every link within the page leads somewhere, and no place is named twice.
fn check_links(page: &str) {
    let quoted = |start: &str| page.split(start).skip(1).map(|rest| rest.split('"').next().unwrap().to_owned()).collect::<Vec<_>>();
    let places = quoted(" id=\"");
    let unique: std::collections::BTreeSet<&String> = places.iter().collect();
    assert_eq!(unique.len(), places.len(), "{places:?}");
    for link in quoted("href=\"#") {
        assert!(places.contains(&link), "#{link}");
    }
}

#[test]
fn a_sample_and_counts_of_some_values_are_called_so() {
    let mut facts = facts("rows 100000\n amount float; distinct 60000; min 1; max 9; histogram 1 9 10 20 30; top 5*40, 6*30");
    let told = |facts: &hw_base::TableFacts| {
        let about = About::new("orders", "orders.csv");
        let judged = Assessment::judge(facts.clone(), about, crate::fixture::now(), "a-1".into(), Evidence::default());
        let is_said = judged.to_json()["columns"][0]["top_values_are_exact"].clone();
        let pages: String = judged.files().into_iter().map(|(_, content)| content).collect();
        let words = ["of 60 values drawn by chance", "counted low where they came late", "(about 40)"];
        (is_said, words.map(|words| pages.contains(words)))
    };
    assert_eq!(told(&facts), (true.into(), [false; 3]));
    facts.columns[0].top_values_are_exact = false;
    facts.columns[0].numbers.as_mut().unwrap().quantile_values = 60;
    assert_eq!(told(&facts), (false.into(), [true; 3]));
}

#[test]
fn quantiles_and_long_numbers_are_told_to_the_last_digit() {
    let mut facts = facts(
        "rows 100\n card integer; distinct 100; min 4000487176168871; max 4999774817261360; histogram 4000487176168871 4999774817261360 50 50",
    );
    let quantiles = [(0.0, 4_000_487_176_168_871.0), (0.001, 4_000_487_176_168_871.0), (0.25, 4.3e15), (0.999, 4.99e15)];
    facts.columns[0].numbers.as_mut().unwrap().quantiles = quantiles.map(|(at, value)| Quantile { at, value }).to_vec();
    let judged = Assessment::judge(facts, About::new("cards", "cards.csv"), crate::fixture::now(), "a-1".into(), Evidence::default());
    let page = judged.to_html();
    for told in ["<li>0.1 % <b>4,000,487,176,168,871</b></li>", "<li>99.9 % <b>4,990,000,000,000,000</b></li>"] {
        assert!(page.contains(told), "{page}");
    }
}

#[test]
fn a_line_past_other_boxes_runs_between_their_rows() {
    let mut relations = relations();
    relations.references.push(Relationship { references: "shop.countries".into(), ..relations.references[2].clone() });
    let page = Source::new("shop", &[shop()], relations.references, Vec::new()).to_html();
    assert!(page.contains("M230 38C275 38 275 149 320 149H540C585 149 585 119 628 119"), "{page}");
}

#[test]
fn patterns_of_a_sample_and_estimated_repeats_are_called_so() {
    let mut facts = facts("rows 2000000\n reference text; distinct 1900000");
    facts.columns[0].text.as_mut().unwrap().patterns = vec![PatternCount { pattern: "A+-9+".into(), count: 31_000 }];
    let told = |facts: &hw_base::TableFacts| {
        let about = About::new("orders", "orders.csv");
        let judged = Assessment::judge(facts.clone(), about, crate::fixture::now(), "a-1".into(), Evidence::default());
        let json = judged.to_json();
        let is_exact = json["dimensions"]["uniqueness"]["duplicates_are_exact"].clone();
        (json["columns"][0]["pattern_sample"].clone(), judged.to_html().contains("Patterns of 31,000 values drawn by chance"), is_exact)
    };
    assert_eq!(told(&facts), (serde_json::Value::Null, false, true.into()));
    facts.columns[0].text.as_mut().unwrap().pattern_sample = Some(31_000);
    facts.duplicates_are_exact = false;
    assert_eq!(told(&facts), (31_000.into(), true, false.into()));
}

#[test]
fn nothing_from_the_data_becomes_markup() {
    let evil = "</td><script>alert(1)</script>\"'onload=x&lt;`";
    let mut facts = facts("rows 100\n a text; nulls 5; distinct 3; padded 2; top aaaa*90, aaab*3, n/a*2\n b float; nulls 1; distinct 9");
    for column in &mut facts.columns {
        column.name = format!("{}{evil}", column.name);
        column.sql_type = evil.into();
        (column.min, column.max) = (Value::Text(evil.into()), Value::Text(evil.into()));
    }
    facts.columns[0].top_values[0].value = Value::Text(evil.into());
    facts.columns[0].text.as_mut().unwrap().patterns = vec![PatternCount { pattern: evil.into(), count: 9 }];
    let about = About { use_for: Some(evil.into()), ..About::new(evil, evil) };
    let mut relations = relations();
    relations.references[0].dataset = evil.into();
    relations.dependencies[0].dependent = evil.into();
    relations.bounds = vec![evil.into()];
    let evidence = Evidence { relations: Some(relations), ..Evidence::default() };
    let mut judged = Assessment::judge(facts, about, crate::fixture::now(), evil.into(), evidence);
    let earlier = Earlier::read(&assessment(CUSTOMER_ORDERS).to_json(), "").unwrap();
    let change = drift(&Earlier { named: evil.into(), ..earlier }, &judged);
    judged = judged.compared(change);
    let source = Source::new(evil, std::slice::from_ref(&judged), judged.relations.references.clone(), vec![evil.into()]);
    for page in [judged.to_html(), source.to_html()] {
        assert!(page.contains("&lt;script&gt;"));
        assert!(!page.contains("<script") && !page.contains("onload=x\"") && !page.contains("\"'onload"), "{page}");
        check_nesting(&page);
    }
}

#[test]
fn two_hundred_columns_fit_in_two_megabytes() {
    let value = "a rather long value that a wide table may well hold in every one of its columns again and again";
    let tops: Vec<String> = (0..100).map(|index| format!("{value}_{index}*{}", 200 - index)).collect();
    let text = format!("wide text; nulls 5; distinct 5000; padded 3; top {}", tops.join(", "));
    let bins = vec!["17"; 40].join(" ");
    let number =
        format!("wide float; distinct 900; min -5; max 900; quantiles 1 2 3; negatives 5; histogram -5 900 {bins}; top 1*50, 2*40");
    let columns: Vec<String> =
        (0..200).map(|index| if index % 2 == 0 { &text } else { &number }.replacen("wide", &format!("wide_column_{index}"), 1)).collect();
    let mut facts = facts(&format!("rows 100000\n{}", columns.join("\n")));
    for text in facts.columns.iter_mut().filter_map(|column| column.text.as_mut()) {
        text.patterns = (0..20).map(|index| PatternCount { pattern: format!("{} {index}", "a+ 9+ A".repeat(8)), count: 1000 }).collect();
    }
    let judged = Assessment::judge(facts, About::new("wide", "wide.csv"), crate::fixture::now(), "a".into(), Evidence::default());
    let page = judged.to_html();
    assert!(page.len() < 2_000_000, "{}", page.len());
    check_nesting(&page);
}

#[test]
fn a_page_is_the_same_every_time() {
    assert_eq!(shop().to_html(), shop().to_html());
    assert_eq!(shop().to_json().to_string(), shop().to_json().to_string());
}
