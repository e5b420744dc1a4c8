//! The unit tests that a project of the demo brings.

use crate::program::printed;

#[test]
fn the_demo_brings_tests_that_pass_before_and_after_its_first_run() {
    let folder = tempfile::tempdir().unwrap();
    printed(folder.path(), &["demo", "--rows", "1000", "--into", "project", "--prepare-only"]);
    let project = folder.path().join("project");
    assert!(printed(&project, &["test"]).ends_with("2 tests passed\n"));
    assert!(!project.join("warehouse").exists() && !project.join(".headworks").exists(), "a test wrote into the project");
    printed(&project, &["run"]);
    assert!(printed(&project, &["test"]).ends_with("2 tests passed\n"));
}
