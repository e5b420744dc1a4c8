//! The demo: what it prints for programs, and what the README shows of it.

use std::path::Path;

use serde_json::Value as Json;

use crate::program::printed;

#[test]
fn the_demo_is_one_object_for_programs() {
    let folder = tempfile::tempdir().unwrap();
    let told: Json =
        serde_json::from_str(&printed(folder.path(), &["demo", "--rows", "1500", "--into", "shop", "--format", "json"])).unwrap();
    let outcomes: Vec<&str> = told["runs"].as_array().unwrap().iter().map(|run| run["outcome"].as_str().unwrap()).collect();
    assert_eq!(outcomes, ["blocked", "succeeded", "succeeded", "unchanged"]);
    assert_eq!((told["schema_version"].as_str(), told["exit_code"].as_u64()), (Some("1"), Some(0)));
    assert_eq!((told["orders"].as_u64(), told["assessments"].as_array().map(Vec::len)), (Some(1500), Some(3)));
    assert!(told["found"]["orders"].as_u64().unwrap() > 1400, "{told}");
}

#[test]
fn the_readme_shows_what_the_demo_prints() {
    let root = Path::new(env!("CARGO_MANIFEST_DIR")).join("../..");
    let read = |file: &str| std::fs::read_to_string(root.join(file)).unwrap();
    let (readme, page) = (read("README.md"), read("docs/demo.md"));
    let (_, excerpt) = readme.split_once("```text\n").unwrap();
    let (excerpt, _) = excerpt.split_once("```").unwrap();
    let printed: Vec<&str> = page.lines().collect();
    let foreign: Vec<&str> = excerpt.lines().filter(|line| *line != "…" && !printed.contains(line)).collect();
    assert!(excerpt.lines().count() > 3 && foreign.is_empty(), "`docs/write.sh` writes it anew: {foreign:#?}");
}
