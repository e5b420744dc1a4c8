//! A step of a run with all that carrying it out needs, and the numbers of its windows.

use hw_base::{Error, Reader, Result, RunId, Staging, TableName, TableState, TimeSpan};

use super::Ports;
use super::places::Place;
use crate::plan::{BEGIN_ANEW, Step, Work};
use crate::project::{Project, fingerprint};

/// A step of a run, and all that carrying it out needs.
#[derive(Clone, Copy)]
pub(super) struct Task<'a> {
    /// The project.
    pub(super) project: &'a Project,
    /// The step.
    pub(super) step: &'a Step,
    /// The run.
    pub(super) run: &'a RunId,
    /// The ports.
    pub(super) ports: Ports<'a>,
    /// Whether the run may have tried the step before.
    pub(super) is_repeated: bool,
    /// The windows to build, where a backfill asks for them.
    pub(super) windows: Option<&'a [String]>,
    /// Its place among the steps that work at the same time; `None` where it is alone.
    pub(super) place: Option<&'a Place<'a>>,
}

/// What names the transactions of a table.
pub(crate) fn application(project: &Project, table: &TableName) -> String {
    format!("headworks/{}/{table}", project.settings.project)
}

/// The version of a table that has seen a window of its step; `None` where it has not.
pub(super) async fn version_with(project: &Project, table: &TableName, window: i64, ports: Ports<'_>) -> Result<Option<i64>> {
    let state = ports.engine.table(table, Some(&application(project, table))).await?;
    Ok(state.filter(|state| state.window.is_some_and(|seen| seen >= window)).map(|state| state.version))
}

/// The version of a table that has seen a window of its step because a run has published it; `None` where it has not, also where another
/// run has.
pub(super) async fn version_by(project: &Project, table: &TableName, window: i64, run: &RunId, ports: Ports<'_>) -> Result<Option<i64>> {
    /// Foreign commits, such as a compaction, that may have followed.
    const LOOKED_AT: usize = 100;
    let Some(version) = version_with(project, table, window, ports).await? else { return Ok(None) };
    let versions = ports.engine.versions(table, LOOKED_AT).await?;
    Ok(versions.iter().any(|version| version.run.as_ref() == Some(&run.0)).then_some(version))
}

impl Task<'_> {
    /// The step's table as it is, with the last window that it has seen.
    pub(super) async fn table(&self) -> Result<Option<TableState>> {
        let application = application(self.project, &self.step.table);
        self.ports.engine.table(&self.step.table, Some(&application)).await
    }

    /// Lets another step work: this one waits for the disk from now on.
    pub(super) fn leaves_its_place(&self) {
        self.place.inspect(|place| place.leave());
    }

    /// Works once more, be there a place or not.
    pub(super) fn takes_its_place(&self) {
        self.place.inspect(|place| place.take());
    }

    /// The number of the window that comes next.
    ///
    /// Where the ledger has forgotten the step, or the table is gone, a number that was given is not given again: the
    /// quarantine and the models that read the table may have seen it.
    ///
    /// # Errors
    /// If the table has seen windows that the ledger does not know: their rows would be loaded twice, and the next ones
    /// be taken for rows that are there.
    pub(super) fn next_window(&self, table: Option<&TableState>) -> Result<i64> {
        let seen = table.and_then(|table| table.window).unwrap_or_default();
        let next = self.window_after(seen, table)?;
        // What an environment has built may become production's, whose windows it has to come after.
        let environment = self.project.environment.as_ref();
        let production = environment.and_then(|environment| environment.in_production(&self.step.table)).map_or(0, |at| at.window);
        Ok(next.max(production + 1))
    }

    fn window_after(&self, seen: i64, table: Option<&TableState>) -> Result<i64> {
        match &self.step.progress {
            Some(before) if seen > before.window => Err(self.ledger_is_behind(seen, before.window)),
            Some(before) => Ok(before.window + 1),
            None if seen > self.step.seen => Err(self.written_meanwhile(seen)),
            None => {
                let known = self.ports.ledger.progress(&self.step.name)?.map_or(0, |progress| progress.window);
                let commits = table.map_or(0, |table| table.version + 1);
                Ok(known.max(seen).max(commits) + 1)
            }
        }
    }

    fn ledger_is_behind(&self, seen: i64, known: i64) -> Error {
        let table = &self.step.table;
        Error::user(format!("the ledger is older than the table `{table}`"))
            .code("HW702")
            .because(format!("the table has seen window {seen}, the ledger knows windows up to {known}"))
            .help("if another machine or copy of the project has run: let one of them alone run it, with the ledger that knows all windows")
            .help("if the ledger was put back from a backup: put the newer one back")
            .help(BEGIN_ANEW)
    }

    /// Going on by a plan that does not know the window could load its rows twice.
    fn written_meanwhile(&self, seen: i64) -> Error {
        let table = &self.step.table;
        Error::outside(format!("another run has written `{table}` since this one was planned"))
            .code("HW502")
            .because(format!(
                "the table has seen window {seen}, and had seen {} then: it was made with a ledger of its own",
                self.step.seen
            ))
            .help("nothing of this step was published and nothing is lost; run again: the next plan knows what is there")
            .help("let one machine alone run the project, or give each a warehouse of its own")
    }

    /// How long the step may take.
    pub(super) fn time_limit(&self) -> Option<TimeSpan> {
        match &self.step.work {
            Work::Extract { dataset, .. } => self.project.timeouts.get(&dataset.source).copied(),
            Work::Build { .. } | Work::PushDown { .. } => self.project.model(&self.step.name)?.settings.timeout,
            Work::Deliver { model, .. } => self.project.model(model)?.settings.deliver.as_ref()?.timeout,
        }
    }

    /// An order to stage the rows of `reader` for a window; they are added to the table.
    pub(super) fn staging(&self, window: i64, reader: Reader) -> Staging {
        let now = self.ports.clock.now();
        // Two steps may stage at one moment.
        let label = format!("{}-{window}-{:x}{}", self.run, now.timestamp_micros(), &fingerprint(&[self.step.table.folder()])[..4]);
        Staging::adding(self.step.table.clone(), reader, (label, self.run.0.clone()), now)
    }

    /// Removes what an attempt left that ends with `error`. Files that a version names stay.
    pub(super) async fn swept(&self, label: &str, error: Error) -> Error {
        match self.ports.engine.sweep(&self.step.table, label).await {
            Ok(_) => error,
            Err(cause) => error.because(format!("what it left behind could not be removed: {}", cause.message())),
        }
    }
}
