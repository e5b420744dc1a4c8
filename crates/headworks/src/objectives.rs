//! The objectives of a project, measured on the runs that its ledger remembers.

use hw_base::{Ledger, Result, Timestamp};
use hw_pipeline::Project;
use hw_validate::{SloState, SloStatus};
use serde_json::json;

/// The note of the ledger that keeps where the objectives stood after the last run.
const NOTE: &str = "slo";

/// Where every objective stands, in the order of the project.
pub(crate) fn statuses(project: &Project, ledger: &dyn Ledger, now: Timestamp) -> Result<Vec<SloStatus>> {
    let Some(since) = project.slos.iter().map(|slo| slo.since(now)).min() else { return Ok(vec![]) };
    let runs = ledger.runs_since(since)?;
    Ok(project.slos.iter().map(|slo| slo.status(&runs, now)).collect())
}

/// Measures the objectives after a run, and keeps them with their budgets in the ledger.
pub(crate) fn record(project: &Project, ledger: &dyn Ledger, now: Timestamp) -> Result<Vec<SloStatus>> {
    let statuses = statuses(project, ledger, now)?;
    if !statuses.is_empty() {
        ledger.note(NOTE, &json!({ "at": now, "objectives": statuses }))?;
    }
    Ok(statuses)
}

/// What a person should know about an objective; nothing where it is kept.
pub(crate) fn warning(status: &SloStatus) -> Option<String> {
    let SloStatus { name, over, unit, .. } = status;
    match (status.state, &status.burning) {
        (SloState::Missed, _) => Some(format!(
            "objective `{name}` is missed: {} of {unit} were good in {over}, promised {}",
            percent(status.attained.unwrap_or_default()),
            percent(status.target)
        )),
        (SloState::Burning, Some(burning)) => Some(format!(
            "objective `{name}` uses up its error budget {} times as fast as it lasts, over the last {}; {} of it is left",
            burn_rate(burning.burn_rate),
            hw_base::duration(burning.window_seconds),
            percent(status.budget_left.max(0.0)),
        )),
        _ => None,
    }
}

/// The objectives as a table.
pub(crate) fn rows(statuses: &[SloStatus]) -> Vec<Vec<String>> {
    let header = ["objective", "promised", "measured", "budget left", "burn rate", "state"].map(str::to_owned).to_vec();
    let row = |status: &SloStatus| {
        let is_measured = status.attained.is_some();
        vec![
            status.name.clone(),
            format!("{} over {}", percent(status.target), status.over),
            status.attained.map_or_else(|| "–".into(), |attained| format!("{} of {}", percent(attained), events(status))),
            if is_measured { percent(status.budget_left.max(0.0)) } else { "–".into() },
            if is_measured { burn_rate(status.burn_rate) } else { "–".into() },
            word(status.state).into(),
        ]
    };
    std::iter::once(header).chain(statuses.iter().map(row)).collect()
}

fn events(status: &SloStatus) -> String {
    #[expect(clippy::cast_possible_truncation, clippy::cast_sign_loss, reason = "events are counted, so they are whole and not negative")]
    let events = status.events.round() as u64;
    hw_base::plural(events, status.unit.trim_end_matches('s'))
}

fn burn_rate(rate: f64) -> String {
    if rate >= 1000.0 { "over 1000".into() } else { format!("{rate:.2}") }
}

fn percent(share: f64) -> String {
    let percent = share * 100.0;
    // Shares below the whole are not rounded up to it.
    let shown = if share < 1.0 { (percent * 100.0).floor() / 100.0 } else { percent };
    if (shown - shown.round()).abs() < 1e-9 { format!("{shown:.0} %") } else { format!("{shown:.2} %") }
}

fn word(state: SloState) -> &'static str {
    match state {
        SloState::NoData => "nothing measured yet",
        SloState::Met => "met",
        SloState::Burning => "met, but burning",
        SloState::Missed => "missed",
    }
}
