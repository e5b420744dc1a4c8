//! The step that builds a table inside the database that it lies in.

use hw_base::{Engine, Error, Progress, Result, TableName};

use super::model::Planning;
use super::{ASKED_FOR, Decision, Step, Work};
use crate::graph::Read;
use crate::push_down::{Inside, misfits};

impl Planning<'_> {
    /// Plans the build of the model inside a database, which stands at `progress`.
    ///
    /// # Errors
    /// All that keeps it from being built there, each with its place.
    pub(super) fn pushed(&self, inside: Inside, engine: &dyn Engine, progress: Option<Progress>) -> Result<Step> {
        let model = self.model;
        Error::all(misfits(self.project, model, inside, self.reads, engine)).map_or(Ok(()), Err)?;
        let Some(deliver) = &model.settings.deliver else { return Err(Error::bug("a table inside a database lies nowhere")) };
        let decision = self.decide_pushed(progress.as_ref());
        let read = |read: &Read| matches!(read, Read::Model(_)).then(|| read.name());
        Ok(Step {
            name: model.name.clone(),
            table: TableName::model(&model.name),
            work: Work::PushDown { sql: model.sql.clone(), file: model.file.clone(), placement: deliver.placement(model) },
            load: model.settings.load.name(),
            anew: matches!(decision, Decision::Rebuild(_)),
            decision,
            window: format!("all rows, inside {}", deliver.to),
            after: self.reads.iter().filter_map(read).collect(),
            rows: None,
            about_rows: None,
            bytes: None,
            rules: model.rules.clone(),
            fingerprint: model.fingerprint.clone(),
            progress,
            seen: 0,
        })
    }

    /// What has changed there only a run finds out. Rows that an upsert kept are not thrown away unless somebody asks for it.
    fn decide_pushed(&self, progress: Option<&Progress>) -> Decision {
        match progress {
            None => Decision::Run("first load".into()),
            Some(_) if self.selection.rebuild && self.selection.names(&self.model.name) => Decision::Rebuild(ASKED_FOR.into()),
            Some(progress) if progress.fingerprint != self.model.fingerprint => Decision::Run(self.what_changed()),
            Some(_) => Decision::Ask("if its SELECT returns other rows".into()),
        }
    }
}
