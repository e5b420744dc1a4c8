//! The step that brings a table in a database to the published version of a model's table.

use hw_base::{Error, Result};

use super::{Asking, Decision, Step, Work};
use crate::deliver::{only_grows, unfit};
use crate::project::{Model, Project, fingerprint};

/// The delivery of a model, where it has one; `build` is the step before it. An environment delivers nothing.
///
/// # Errors
/// Columns that the delivery names and the table does not have, each with its place.
pub(super) async fn step(project: &Project, model: &Model, build: &Step, asking: Asking<'_>) -> Result<Option<Step>> {
    let Some(deliver) = model.settings.deliver.as_ref().filter(|_| project.environment.is_none()) else { return Ok(None) };
    if !matches!(build.decision, Decision::Rebuild(_)) {
        let columns = asking.engine.table(&build.table, None).await?.map(|state| state.columns);
        let errors = columns.map(|columns| unfit(model, &columns)).unwrap_or_default();
        Error::all(errors).map_or(Ok(()), Err)?;
    }
    let name = deliver.step(&model.name);
    let placement = deliver.placement(model);
    let decision = decide(build, &placement.target);
    Ok(Some(Step {
        table: build.table.clone(),
        load: "deliver",
        anew: false,
        window: if decision.may_run() { format!("what differs in {}", model.name) } else { "nothing".into() },
        decision,
        after: vec![build.name.clone()],
        rows: None,
        about_rows: None,
        bytes: None,
        rules: vec![],
        fingerprint: fingerprint(&[&serde_json::to_string(&placement).unwrap_or_default()]),
        progress: asking.ledger.progress(&name)?,
        seen: 0,
        work: Work::Deliver { model: model.name.clone(), placement, only_grows: only_grows(&model.settings.load) },
        name,
    }))
}

/// What a target shows only the target knows: it may have been restored from a backup, or its table dropped.
fn decide(build: &Step, target: &str) -> Decision {
    if let Some(reason) = build.unreadable() {
        return Decision::Skip(reason);
    }
    match (&build.decision, build.progress.as_ref().and_then(|progress| progress.version)) {
        (Decision::Run(_) | Decision::Rebuild(_), _) => Decision::Run(format!("{} changes", build.name)),
        (Decision::Ask(_), None) => Decision::Ask(format!("if {} changes", build.name)),
        (Decision::Ask(_), Some(version)) => {
            Decision::Ask(format!("if {} changes, or {target} shows another version than {version}", build.name))
        }
        (Decision::Skip(_) | Decision::Fail(_), Some(version)) => {
            Decision::Ask(format!("if {target} shows another version than {version}"))
        }
        (Decision::Skip(_) | Decision::Fail(_), None) => Decision::Skip(format!("{} has no version", build.name)),
    }
}
