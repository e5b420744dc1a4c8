//! Reading typed settings, with every problem told once.

use serde::Deserialize;
use serde_json::{Value as Json, json};

use super::*;

#[derive(Debug, Deserialize, PartialEq)]
#[serde(deny_unknown_fields)]
struct Engine {
    memory: String,
    threads: Option<u32>,
    mode: Option<Mode>,
}

#[derive(Debug, Default, Deserialize, PartialEq)]
#[serde(rename_all = "snake_case")]
enum Mode {
    #[default]
    Fast,
    Upsert(Upsert),
    Merge {
        key: Vec<String>,
    },
}

#[derive(Debug, Deserialize, PartialEq)]
#[serde(deny_unknown_fields)]
struct Upsert {
    key: Vec<String>,
    twice: Option<bool>,
}

/// A model's settings: a choice with a default, and a required one.
#[derive(Debug, Deserialize, PartialEq)]
#[serde(deny_unknown_fields)]
struct Model {
    #[serde(default)]
    load: Mode,
    needed: Mode,
}

#[derive(Debug, Deserialize)]
#[serde(deny_unknown_fields)]
#[expect(dead_code, reason = "only read")]
struct Item {
    name: String,
    size: u32,
}

/// Settings whose places are numbered in the order of the tree.
fn placed(json: &Json) -> Settings {
    fn number(settings: &mut Settings, next: &mut usize) {
        settings.span = Some(place(next));
        match &mut settings.node {
            Node::Map(map) => {
                for entry in &mut map.0 {
                    entry.key_span = Some(place(next));
                    number(&mut entry.value, next);
                }
            }
            Node::List(items) => items.iter_mut().for_each(|item| number(item, next)),
            _ => {}
        }
    }
    fn place(next: &mut usize) -> Span {
        *next += 1;
        Span { file: "t.yaml".into(), line: *next, column: 1, length: 1 }
    }
    let mut settings = Settings::from_json(json);
    number(&mut settings, &mut 0);
    settings
}

/// Every problem as `line: message`, and makes sure that each has help.
fn problems<T: DeserializeOwned>(settings: &Settings) -> Vec<String> {
    let Err(error) = settings.read::<T>() else { return Vec::new() };
    let all = std::iter::once(&error).chain(error.others());
    let told = all.map(|error| {
        assert!(!error.remedies().is_empty(), "{error}");
        format!("{}: {}", error.span().map_or(0, |span| span.line), error.message())
    });
    told.collect()
}

#[track_caller]
fn check<T: DeserializeOwned>(json: &Json, expected: &[&str]) {
    assert_eq!(problems::<T>(&placed(json)), expected);
    let without_places: Vec<String> = problems::<T>(&Settings::from_json(json));
    assert_eq!(without_places.len(), expected.len(), "{without_places:?}");
}

#[test]
fn typed_settings_are_read_with_both_forms_of_an_enum() {
    let read = |mode: Json| placed(&json!({"memory": "1GiB", "mode": mode})).read::<Engine>().ok().and_then(|engine| engine.mode);
    assert_eq!(read(json!("fast")), Some(Mode::Fast));
    assert_eq!(read(json!({"fast": null})), Some(Mode::Fast));
    assert_eq!(read(json!({"merge": {"key": ["id"]}})), Some(Mode::Merge { key: vec!["id".into()] }));
    assert_eq!(read(json!({"upsert": {"key": ["id"]}})), Some(Mode::Upsert(Upsert { key: vec!["id".into()], twice: None })));
}

#[test]
fn a_choice_whose_settings_have_defaults_may_stand_alone() {
    #[derive(Debug, Default, Deserialize, PartialEq)]
    #[serde(default)]
    struct Append {
        key: Vec<String>,
    }
    #[derive(Debug, Deserialize, PartialEq)]
    #[serde(rename_all = "lowercase")]
    enum Load {
        Append(Append),
        Upsert(Upsert),
    }
    assert_eq!(placed(&json!("append")).read::<Load>().unwrap(), Load::Append(Append::default()));
    let error = placed(&json!("upsert")).read::<Load>().unwrap_err();
    assert_eq!((error.message(), error.span().unwrap().line), ("`upsert` needs settings", 1));
}

#[test]
fn one_go_shows_every_problem_with_its_place() {
    let error = placed(&json!({"memroy": "1GiB", "threads": "two", "mode": {"upsret": {}}})).read::<Engine>().unwrap_err().to_string();
    for part in [
        "unknown key `memroy`",
        "did you mean `memory`?",
        "t.yaml:2:1",
        "expected a whole number of at least 0, found `two`",
        "t.yaml:5:1",
        "unknown choice `upsret`",
        "did you mean `upsert`?",
        "t.yaml:8:1",
    ] {
        assert!(error.contains(part), "`{part}` is not in\n{error}");
    }
    assert_eq!(error.matches("error[").count(), 3, "{error}");
}

#[test]
fn an_unknown_choice_is_one_problem() {
    check::<Model>(&json!({"load": {"upsrt": {"key": ["id"]}}, "needed": "fast"}), &["4: unknown choice `upsrt`"]);
    check::<Model>(&json!({"load": "upsrt", "needed": "fast"}), &["3: unknown choice `upsrt`"]);
    check::<Model>(&json!({"load": "fast", "needed": "fsat"}), &["5: unknown choice `fsat`"]);
    check::<Model>(&json!({"load": "fast", "needed": {"fsat": 1}}), &["6: unknown choice `fsat`"]);
    check::<Vec<Mode>>(&json!([{"upsrt": {}}, "fast", "fsat"]), &["3: unknown choice `upsrt`", "6: unknown choice `fsat`"]);
    check::<Mode>(&json!({"upsrt": {}}), &["2: unknown choice `upsrt`"]);
}

#[test]
fn what_stands_beside_and_below_an_unknown_choice_is_still_read() {
    check::<Model>(
        &json!({"laod": 1, "load": {"upsrt": {}}, "needed": {"upsert": {"kye": ["id"]}}, "more": 2}),
        &["2: unknown key `laod`", "6: unknown choice `upsrt`", "12: unknown key `kye`", "15: unknown key `more`"],
    );
    check::<Model>(&json!({"load": {"upsert": {"key": 5}}, "needed": "fast"}), &["7: expected a list, found `5`"]);
    check::<Model>(
        &json!({"load": {"upsert": {"twice": "yes"}}, "needed": "fast"}),
        &["5: `key` is missing", "7: expected `true` or `false`, found `yes`"],
    );
}

#[test]
fn a_choice_says_what_it_wants() {
    check::<Model>(&json!({"load": {}, "needed": "fast"}), &["3: expected one of `fast`, `upsert`, `merge`, found nothing"]);
    check::<Model>(
        &json!({"load": {"fast": null, "upsert": {}}, "needed": "fast"}),
        &["3: expected one of `fast`, `upsert`, `merge`, found `fast` and `upsert`"],
    );
    check::<Model>(&json!({"load": ["fast"], "needed": "fast"}), &["3: expected one of `fast`, `upsert`, `merge`, found a list"]);
    check::<Model>(&json!({"load": "upsert", "needed": "fast"}), &["3: `upsert` needs settings"]);
    check::<Model>(&json!({"load": {"fast": {"x": 1}}, "needed": "fast"}), &["4: `fast` takes no settings"]);
}

#[test]
fn a_missing_key_is_told_unless_a_problem_stands_in_its_place() {
    check::<Engine>(&json!({}), &["1: `memory` is missing"]);
    check::<Engine>(&json!({"memroy": "1GiB"}), &["2: unknown key `memroy`"]);
    check::<Engine>(&json!({"memory": [1]}), &["3: expected text, found a list"]);
    check::<Engine>(&json!({"zebra": 1}), &["1: `memory` is missing", "2: unknown key `zebra`"]);
}

#[test]
fn a_problem_of_one_item_hides_none_of_another() {
    check::<Vec<Item>>(
        &json!([{"name": "a", "size": "big"}, {"name": "b"}, {"nmae": "c", "size": 1}, {"size": -1, "name": "d"}]),
        &[
            "6: expected a whole number of at least 0, found `big`",
            "7: `size` is missing",
            "11: unknown key `nmae`",
            "17: expected a whole number of at least 0, found `-1`",
        ],
    );
}

#[test]
fn wrong_types_are_told_in_words_that_people_use() {
    check::<Vec<Item>>(&json!({"name": "a"}), &["1: expected a list, found keys with values"]);
    check::<Item>(&json!(["a", 7]), &["1: expected keys with values, found a list"]);
    check::<Model>(&json!({"load": {"merge": [["id"]]}, "needed": "fast"}), &["5: expected keys with values, found a list"]);
    check::<Item>(&json!("a"), &["1: expected keys with values, found `a`"]);
    check::<Item>(&json!(null), &["1: expected keys with values, found nothing"]);
    check::<Item>(&json!({"name": "a", "size": "7"}), &["5: expected a whole number of at least 0, found the text `7`"]);
    check::<Item>(
        &json!({"name": {"b": 1}, "size": 1.5}),
        &["3: expected text, found keys with values", "7: expected a whole number of at least 0, found `1.5`"],
    );
    check::<Item>(
        &json!({"name": null, "size": true}),
        &["3: expected text, found nothing", "5: expected a whole number of at least 0, found `true`"],
    );
}

#[test]
fn a_problem_that_an_alias_repeats_is_told_once() {
    let item = placed(&json!({"name": "a", "size": "big"}));
    let list = Settings { node: Node::List(vec![item.clone(), item]), span: None };
    assert_eq!(problems::<Vec<Item>>(&list), ["5: expected a whole number of at least 0, found `big`"]);
}

#[test]
fn one_go_ends_somewhere() {
    let items: Vec<Json> = (0..100).map(|_| json!({"x": 1})).collect();
    assert_eq!(problems::<Vec<Item>>(&placed(&Json::Array(items))).len(), 20);
}
