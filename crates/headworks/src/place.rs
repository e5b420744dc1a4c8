//! Where a project and its environments keep their state: what was run there, and whether a run is going on.

use std::path::{Path, PathBuf};

use hw_base::Result;
use hw_ledger::SqliteLedger;

use crate::files::absolute;

/// The folder of a project that is never committed.
pub(crate) const STATE: &str = ".headworks";

/// The ledger, in the folder of a project's or an environment's state.
pub(crate) const LEDGER: &str = "ledger.db";

/// The folder of environments, in that of a project's state.
const ENVIRONMENTS: &str = "environments";

/// An environment of a project, as a command line names it.
#[derive(Clone, Debug)]
pub(crate) struct Place {
    /// Its name.
    pub(crate) name: String,
    /// The folder of production's project, where that is another one.
    pub(crate) production: Option<PathBuf>,
    /// Whether it is thrown away when the program ends.
    pub(crate) is_passing: bool,
}

impl Place {
    /// The folder of production's project; `root` is that of the project.
    pub(crate) fn production<'a>(&'a self, root: &'a Path) -> &'a Path {
        self.production.as_deref().unwrap_or(root)
    }

    /// Refuses an environment that no run has made.
    pub(crate) fn refuse_unknown(&self, root: &Path) -> Result<()> {
        let (name, known) = (&self.name, environments(self.production(root)));
        if known.iter().any(|known| known == name) {
            return Ok(());
        }
        let error = hw_base::unknown("environment", name, known.iter().map(String::as_str)).code("HW505");
        Err(error.help(format!("`headworks run --env {name}` makes one")))
    }
}

/// Whether a run of the project in `root` is going on, in an environment where one is named.
pub(crate) fn is_going_on(root: &Path, place: Option<&Place>) -> Result<bool> {
    let production = place.map_or(absolute(root), |place| absolute(place.production(&absolute(root)?)))?;
    Ok(hw_ledger::is_held(&state_folder(&production, place.map(|place| place.name.as_str()))))
}

/// The folder of the state of a project, or of one of its environments.
pub(crate) fn state_folder(root: &Path, environment: Option<&str>) -> PathBuf {
    let state = root.join(STATE);
    environment.map_or(state.clone(), |name| state.join(ENVIRONMENTS).join(name))
}

/// The ledger in a folder, for reading; an empty one where none is there.
pub(crate) fn looked_at(state: &Path) -> Result<SqliteLedger> {
    let ledger = state.join(LEDGER);
    if ledger.exists() { SqliteLedger::open_read_only(&ledger) } else { SqliteLedger::empty() }
}

/// The environments of the project in `root`, by name.
pub(crate) fn environments(root: &Path) -> Vec<String> {
    let entries = std::fs::read_dir(root.join(STATE).join(ENVIRONMENTS)).into_iter().flatten().flatten();
    let made = entries.filter(|entry| entry.path().join(LEDGER).exists());
    let mut names: Vec<String> = made.map(|entry| entry.file_name().to_string_lossy().into_owned()).collect();
    names.sort();
    names
}
