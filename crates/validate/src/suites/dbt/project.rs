//! What a project file, `dbt_project.yml`, says about the tests in a file of the project.

use std::path::Path;
use std::sync::Arc;

use serde_json::{Map, Value as Json};

use super::config::is_configuration;
use super::expression::Known;
use super::jinja::evaluated_entry;
use super::singular::is_switched_on;
use crate::suites::Origin;

/// The folders of a project whose files can hold tests: the setting that names them, an older name of it, and the usual folder.
const FOLDERS: [(&str, &str, &str); 5] = [
    ("model-paths", "source-paths", "models"),
    ("seed-paths", "data-paths", "seeds"),
    ("snapshot-paths", "", "snapshots"),
    ("analysis-paths", "", "analyses"),
    ("test-paths", "", "tests"),
];

/// How many of these have files that build tables; their usual names are also the keys of what the project says about the tables.
const OF_TABLES: usize = 3;

/// What the project says about a file, whose path is the one below the folder of the project.
pub fn dbt_origin(project: &Json, file: &Path) -> Origin {
    let name = file.file_stem().map(|stem| stem.to_string_lossy().into_owned());
    let is_test = file.extension().is_some_and(|ending| ending == "sql") && is_in(project, "test-paths", "", "tests", file).is_some();
    let below = FOLDERS.iter().find_map(|(key, older, usual)| is_in(project, key, older, usual, file));
    let folders = below.unwrap_or(file).parent().into_iter().flat_map(Path::iter).map(|part| part.to_string_lossy().into_owned());
    let own = project.get("name").and_then(Json::as_str).map(str::to_owned);
    let levels = ["tests", "data_tests"].iter().filter_map(|key| project.get(*key)).collect();
    let (settings, levels) = along(levels, own.into_iter().chain(folders));
    let of_tests = levels.iter().filter_map(|level| level.as_object()).flatten().filter(|(_, value)| value.is_object());
    let of_tests = of_tests.map(|(name, level)| {
        let mut settings = Map::new();
        take(&[level], &mut settings);
        (name.clone(), settings)
    });
    let known = Arc::new(Known { vars: vars(project), target: Map::new() });
    Origin { of_tests: of_tests.collect(), name, is_test, settings, known, ..Origin::default() }
}

/// Whether a table is built, where it is said.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq)]
pub struct Switch {
    /// What the file says that builds it, which counts most.
    pub own: Option<bool>,
    /// What its project says, which counts least.
    pub project: Option<bool>,
}

/// What a file that builds a table, and its project, say about whether it is built. The path is the one below the folder of the project.
pub fn dbt_switch(project: &Json, file: &Path, text: &str) -> Switch {
    let known = Known { vars: vars(project), target: Map::new() };
    let below = FOLDERS.iter().take(OF_TABLES).find_map(|(key, older, usual)| Some((*usual, is_in(project, key, older, usual, file)?)));
    let of_project = below.and_then(|(resource, below)| {
        let own = project.get("name").and_then(Json::as_str).map(str::to_owned);
        let names = below.with_extension("");
        let names = names.iter().map(|part| part.to_string_lossy().into_owned());
        let (settings, _) = along(project.get(resource).into_iter().collect(), own.into_iter().chain(names));
        evaluated_entry("enabled", settings.get("enabled")?, &known).ok()?.1.as_bool()
    });
    Switch { own: is_switched_on(text, &known), project: of_project }
}

/// The folders of a project whose files build tables.
pub fn dbt_table_folders(project: &Json) -> Vec<&str> {
    FOLDERS.iter().take(OF_TABLES).flat_map(|(key, older, usual)| paths(project, key, older, usual)).collect()
}

/// What the levels say along a path, of which deeper ones say more, and the levels at its end.
fn along(levels: Vec<&Json>, path: impl Iterator<Item = String>) -> (Map<String, Json>, Vec<&Json>) {
    let (mut levels, mut settings) = (levels, Map::new());
    take(&levels, &mut settings);
    for part in path {
        levels = levels.into_iter().filter_map(|level| level.get(&part)).collect();
        take(&levels, &mut settings);
    }
    (settings, levels)
}

/// The variables that files of the project see: its own come before those that are set for all.
fn vars(project: &Json) -> Map<String, Json> {
    let mut all = project.get("vars").and_then(Json::as_object).cloned().unwrap_or_default();
    let own = project.get("name").and_then(Json::as_str).and_then(|name| all.get(name)).and_then(Json::as_object).cloned();
    all.extend(own.unwrap_or_default());
    all
}

/// What is the same for every database in which a project can be built, from its file of profiles.
pub fn dbt_target(project: &Json, profiles: &Json) -> Map<String, Json> {
    let profile = project.get("profile").and_then(Json::as_str).and_then(|name| profiles.get(name));
    let outputs: Vec<(&String, &Json)> = profile.and_then(|profile| profile.get("outputs")?.as_object()).into_iter().flatten().collect();
    let [(name, first), others @ ..] = outputs.as_slice() else { return Map::new() };
    let is_shared = |key: &str| others.iter().all(|(_, other)| other.get(key) == first.get(key));
    let is_plain = |value: &&Json| value.as_str().is_some_and(|text| !text.contains("{{"));
    let shared = ["type", "schema", "database"].into_iter().filter(|key| is_shared(key));
    let mut found: Map<String, Json> = shared.filter_map(|key| Some((key.to_owned(), first.get(key).filter(is_plain)?.clone()))).collect();
    if others.is_empty() {
        found.insert("name".into(), Json::String((*name).clone()));
    }
    found
}

/// The path below a folder of the project.
fn is_in<'a>(project: &Json, key: &str, older: &str, usual: &str, file: &'a Path) -> Option<&'a Path> {
    paths(project, key, older, usual).into_iter().find_map(|path| file.strip_prefix(path).ok())
}

/// The folders of one kind.
fn paths<'a>(project: &'a Json, key: &str, older: &str, usual: &'a str) -> Vec<&'a str> {
    let named = project.get(key).or_else(|| project.get(older)).and_then(Json::as_array);
    named.map_or(vec![usual], |paths| paths.iter().filter_map(Json::as_str).collect())
}

/// The settings at one level, with a `+` in front or without.
fn take(levels: &[&Json], settings: &mut Map<String, Json>) {
    for (key, value) in levels.iter().filter_map(|level| level.as_object()).flatten() {
        let plain = key.strip_prefix('+').unwrap_or(key);
        if is_configuration(plain) && (key != plain || !value.is_object()) {
            settings.insert(plain.to_owned(), value.clone());
        }
    }
}

#[cfg(test)]
mod tests {
    use serde_json::json;

    use super::*;

    #[test]
    fn deeper_levels_say_more() {
        let project = json!({
            "name": "shop", "test-paths": ["checks"],
            "data_tests": {
                "+severity": "warn", "+meta": { "a": 1 }, "other": { "+enabled": false },
                "shop": { "+where": "a > 1", "staging": { "severity": "error", "+query_tag": "x", "t": { "+enabled": false } } },
            },
        });
        let origin = |path: &str| dbt_origin(&project, Path::new(path));
        let found = |path: &str| Json::Object(origin(path).settings).to_string();
        assert_eq!(found("models/schema.yml"), r#"{"severity":"warn","meta":{"a":1},"where":"a > 1"}"#);
        assert_eq!(found("models/staging/schema.yml"), r#"{"severity":"error","meta":{"a":1},"where":"a > 1"}"#);
        assert_eq!(origin("checks/staging/t.sql").of_tests["t"]["enabled"], json!(false));
        assert!(origin("checks/staging/t.sql").is_test && !origin("checks/schema.yml").is_test && !origin("models/t.sql").is_test);
        assert_eq!(origin("checks/t.sql").name.as_deref(), Some("t"));
    }

    #[test]
    fn tables_are_switched_off_by_their_file_or_their_folder() {
        let project = json!({
            "name": "shop", "vars": { "on": false },
            "models": { "shop": { "lit": { "+enabled": false }, "sub": { "+enabled": "{{ var('on') }}", "one": { "enabled": true } } } },
        });
        let check = |path: &str, text: &str, own: Option<bool>, project_says: Option<bool>| {
            assert_eq!(dbt_switch(&project, Path::new(path), text), Switch { own, project: project_says }, "{path}");
        };
        check("models/a.sql", "{{ config(materialized='table', enabled=false) }} select 1", Some(false), None);
        check("models/lit/a.sql", "select 1", None, Some(false));
        check("models/sub/a.sql", "select {{ x }}", None, Some(false));
        check("models/sub/one.sql", "{# {{ config(enabled=false) }} #}", None, Some(true));
        check("tests/a.sql", "", None, None);
        assert_eq!(dbt_table_folders(&json!({"model-paths": ["m"]})), ["m", "seeds", "snapshots"]);
    }

    #[test]
    fn variables_of_the_project_come_before_those_of_all() {
        let project = json!({"name": "shop", "vars": {"a": 1, "b": 2, "shop": {"b": 3}}});
        let known = &dbt_origin(&project, Path::new("models/schema.yml")).known;
        assert_eq!((known.value("var('a')"), known.value("var('b')")), (Ok(json!(1)), Ok(json!(3))));
    }

    #[test]
    fn a_target_is_known_where_all_agree() {
        let project = json!({"profile": "shop"});
        let found = |outputs: Json| Json::Object(dbt_target(&project, &json!({"shop": {"outputs": outputs}})));
        let dev = json!({"type": "postgres", "schema": "dev", "password": "x"});
        assert_eq!(found(json!({"dev": dev})), json!({"type": "postgres", "schema": "dev", "name": "dev"}));
        assert_eq!(found(json!({"dev": dev, "prod": {"type": "postgres", "schema": "public"}})), json!({"type": "postgres"}));
        assert_eq!(found(json!({"dev": {"type": "{{ env_var('X') }}"}})), json!({"name": "dev"}));
        assert_eq!(Json::Object(dbt_target(&project, &json!({}))), json!({}));
    }
}
