//! Files of checks of other tools, with what the project of their tool says about them.

use std::path::{Path, PathBuf};
use std::sync::Arc;

use hw_base::Result;
use hw_validate::{DbtKnown, Imported, Origin, dbt_origin, dbt_target, read_suite_of};

/// The file of a project of dbt.
const DBT_PROJECT: &str = "dbt_project.yml";
/// The file that may lie beside it and says in which databases it is built.
const DBT_PROFILES: &str = "profiles.yml";

/// Reads the checks of a file of `tool`.
pub(crate) fn read_checks(tool: &str, file: &Path) -> Result<Imported> {
    let text = hw_config::read_text(file, file)?;
    read_suite_of(tool, &text, &origin(file)?)
}

fn origin(file: &Path) -> Result<Origin> {
    let name = file.file_stem().map(|stem| stem.to_string_lossy().into_owned());
    let own = Origin { file: file.to_owned(), name, ..Origin::default() };
    let absolute = std::path::absolute(file).unwrap_or_else(|_| file.to_owned());
    let Some(project) = project_of(&absolute) else { return Ok(own) };
    let Ok(below) = absolute.strip_prefix(&project) else { return Ok(own) };
    let settings = hw_config::read_yaml(&project.join(DBT_PROJECT), Path::new(DBT_PROJECT))?.to_json();
    let mut found = Origin { file: own.file, ..dbt_origin(&settings, below) };
    let profiles = project.join(DBT_PROFILES);
    if profiles.is_file() {
        // A file that dbt cannot read either is no reason to read no tests.
        let profiles = hw_config::read_yaml(&profiles, Path::new(DBT_PROFILES)).map(|profiles| profiles.to_json()).unwrap_or_default();
        let target = dbt_target(&settings, &profiles);
        found.known = Arc::new(DbtKnown { target, ..DbtKnown::clone(&found.known) });
    }
    Ok(found)
}

/// The folder of the dbt project in which a file lies.
fn project_of(file: &Path) -> Option<PathBuf> {
    file.ancestors().skip(1).find(|folder| folder.join(DBT_PROJECT).is_file()).map(Path::to_owned)
}
