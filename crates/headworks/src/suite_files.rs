//! Files of checks of other tools, with what the project of their tool says about them.

use std::collections::BTreeMap;
use std::path::{Path, PathBuf};
use std::sync::Arc;

use hw_base::Result;
use hw_validate::{DbtKnown, DbtSwitch, Imported, Origin, dbt_origin, dbt_switch, dbt_table_folders, dbt_target, read_suite_of};
use serde_json::Value as Json;

/// The file of a project of dbt.
const DBT_PROJECT: &str = "dbt_project.yml";
/// The file that may lie beside it and says in which databases it is built.
const DBT_PROFILES: &str = "profiles.yml";

/// Reads the checks of a file of `tool`.
pub(crate) fn read_checks(tool: &str, file: &Path) -> Result<Imported> {
    let text = hw_config::read_text(file, file)?;
    read_suite_of(tool, &text, &origin(file, &text)?)
}

fn origin(file: &Path, text: &str) -> Result<Origin> {
    let name = file.file_stem().map(|stem| stem.to_string_lossy().into_owned());
    let own = Origin { file: file.to_owned(), name, ..Origin::default() };
    let absolute = std::path::absolute(file).unwrap_or_else(|_| file.to_owned());
    let Some(project) = project_of(&absolute) else { return Ok(own) };
    let Ok(below) = absolute.strip_prefix(&project) else { return Ok(own) };
    let settings = hw_config::read_yaml(&project.join(DBT_PROJECT), Path::new(DBT_PROJECT))?.to_json();
    let of_tables = switches(&project, &settings, text);
    let mut found = Origin { file: own.file, of_tables, ..dbt_origin(&settings, below) };
    let profiles = project.join(DBT_PROFILES);
    if profiles.is_file() {
        // A file that dbt cannot read either is no reason to read no tests.
        let profiles = hw_config::read_yaml(&profiles, Path::new(DBT_PROFILES)).map(|profiles| profiles.to_json()).unwrap_or_default();
        let target = dbt_target(&settings, &profiles);
        found.known = Arc::new(DbtKnown { target, ..DbtKnown::clone(&found.known) });
    }
    Ok(found)
}

/// Whether the tables that a file of checks names are switched on, as the files that build them and their project say.
fn switches(project: &Path, settings: &Json, checks: &str) -> BTreeMap<String, DbtSwitch> {
    let files = dbt_table_folders(settings).into_iter().flat_map(|folder| files_below(&project.join(folder)));
    let switch = |file: PathBuf| {
        let (name, ending) = (file.file_stem()?.to_str()?, file.extension()?.to_str()?);
        if !matches!(ending, "sql" | "py" | "csv") || !checks.contains(name) {
            return None;
        }
        let text = if ending == "sql" { std::fs::read_to_string(&file).unwrap_or_default() } else { String::new() };
        Some((name.to_owned(), dbt_switch(settings, file.strip_prefix(project).ok()?, &text)))
    };
    files.filter_map(switch).collect()
}

/// The files below a folder; none where it cannot be read.
fn files_below(folder: &Path) -> Vec<PathBuf> {
    let (mut folders, mut files) = (vec![folder.to_owned()], Vec::new());
    while let Some(folder) = folders.pop() {
        for path in std::fs::read_dir(folder).into_iter().flatten().flatten().map(|entry| entry.path()) {
            if path.is_dir() {
                folders.push(path);
            } else {
                files.push(path);
            }
        }
    }
    files
}

/// The folder of the dbt project in which a file lies.
fn project_of(file: &Path) -> Option<PathBuf> {
    file.ancestors().skip(1).find(|folder| folder.join(DBT_PROJECT).is_file()).map(Path::to_owned)
}
