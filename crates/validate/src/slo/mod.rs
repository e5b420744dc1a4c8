//! Service level objectives over what runs have recorded: how much was good, how much of the error budget is left, how fast it burns.
//!
//! The words are those of *The Site Reliability Workbook* (Google, O'Reilly 2018), chapters 2 and 5. The indicator is the share of good
//! events among all: rows that keep a rule, runs that end in time, minutes with fresh tables. The **error budget** is the share that may be
//! bad, `1 − target`, of all events in the period. The **burn rate** is how fast it is used up: 1 uses all of it in exactly the period. An
//! objective **burns** where the burn rate is too high over a long window and still is over a short one (chapter 5, "Multiwindow,
//! Multi-Burn-Rate Alerts"). The windows of the book are for 30 days; for other periods they are as much longer or shorter.

mod settings;
mod tally;

use chrono::TimeDelta;
use hw_base::{RunRecord, Share, TimeSpan, Timestamp};
use serde::{Deserialize, Serialize};

pub use settings::{ProjectSlos, Promise, RuleSlo, RunTime, TableSlo};
use tally::Tally;

/// The share of runs that keep to `run_time_p95`.
const P95: Share = Share(0.95);

/// The burn rates that are too fast, each with the part of the period over which it is measured. In a period of 30 days these are
/// 2 % of the budget in 1 hour, 5 % in 6 hours and 10 % in 3 days (The Site Reliability Workbook, table 5-8).
const TOO_FAST: [(f64, i32); 3] = [(14.4, 720), (6.0, 120), (1.0, 10)];

/// The part of a window over which the burn rate must still be too fast.
const STILL: i32 = 12;

/// An objective.
#[derive(Clone, Debug, PartialEq)]
pub struct Slo {
    /// What it is called.
    pub name: String,
    /// What is measured.
    pub indicator: Indicator,
    /// The share of events that are to be good.
    pub target: Share,
    /// Over which time.
    pub over: TimeSpan,
}

/// What an objective measures.
#[derive(Clone, Debug, PartialEq)]
pub enum Indicator {
    /// Rows that keep a rule, over all loads of a step. A rule on an aggregate counts one event per load.
    Rule {
        /// The step: a model, or `raw/shop.orders`.
        step: String,
        /// The rule.
        rule: String,
    },
    /// Minutes in which the last good run is not older than this.
    Freshness(TimeSpan),
    /// Runs that take no longer than this, those left out that had nothing to do.
    RunTime(TimeSpan),
}

/// Where an objective stands.
#[derive(Clone, Debug, PartialEq, Serialize, Deserialize)]
pub struct SloStatus {
    /// The objective.
    pub name: String,
    /// In a word.
    pub state: SloState,
    /// The share of events that are to be good, 0 to 1.
    pub target: f64,
    /// The period, such as `28d`.
    pub over: String,
    /// What is counted: `rows`, `loads`, `minutes`, `runs`.
    pub unit: String,
    /// All events of the period.
    pub events: f64,
    /// Those that were bad.
    pub bad: f64,
    /// The share of events that were good, 0 to 1; `None` where there was none.
    pub attained: Option<f64>,
    /// How many events may be bad.
    pub budget: f64,
    /// The share of the budget that is left, at most 1; below 0 where more was used than there is.
    pub budget_left: f64,
    /// How fast the budget was used up over the whole period; 1 uses all of it.
    pub burn_rate: f64,
    /// The window in which it burns too fast, where it does.
    pub burning: Option<Burning>,
}

/// The state of an objective.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Serialize, Deserialize)]
#[serde(rename_all = "snake_case")]
pub enum SloState {
    /// Nothing was measured in the period.
    NoData,
    /// The target is kept.
    Met,
    /// It is kept, and the budget is used up too fast.
    Burning,
    /// More was bad than the budget allows.
    Missed,
}

/// A window in which a budget burns too fast.
#[derive(Clone, Debug, PartialEq, Serialize, Deserialize)]
pub struct Burning {
    /// The length of the window.
    pub window_seconds: f64,
    /// The burn rate in it.
    pub burn_rate: f64,
    /// The burn rate from which it is too fast.
    pub limit: f64,
}

impl ProjectSlos {
    /// The objectives about runs.
    pub fn of_runs(&self) -> Vec<Slo> {
        let freshness = self.freshness.map(|Promise { within, at_least, over }| Slo {
            name: "freshness".into(),
            indicator: Indicator::Freshness(within),
            target: at_least,
            over,
        });
        let run_time = self.run_time_p95.map(|RunTime { within, over }| Slo {
            name: "run_time_p95".into(),
            indicator: Indicator::RunTime(within),
            target: P95,
            over,
        });
        freshness.into_iter().chain(run_time).collect()
    }
}

impl Slo {
    /// When the period begins that ends now.
    pub fn since(&self, now: Timestamp) -> Timestamp {
        now - span(self.over)
    }

    /// Where it stands, by the runs of the period, in any order.
    pub fn status(&self, runs: &[RunRecord], now: Timestamp) -> SloStatus {
        let tally = Tally::of(&self.indicator, runs, now);
        let (events, bad) = tally.between(self.since(now), now);
        let allowed = self.target.complement().0;
        let budget = allowed * events;
        let burn_rate = burn_rate(events, bad, allowed);
        let burning = self.burning(&tally, now, allowed);
        // Shares are compared as rules compare them: what the budget just allows is allowed.
        let is_missed = bad > budget + 1e-9 * events;
        SloStatus {
            name: self.name.clone(),
            state: match () {
                () if events == 0.0 => SloState::NoData,
                () if is_missed => SloState::Missed,
                () if burning.is_some() => SloState::Burning,
                () => SloState::Met,
            },
            target: self.target.0,
            over: self.over.to_string(),
            unit: tally.unit.to_owned(),
            events,
            bad,
            attained: (events > 0.0).then(|| 1.0 - bad / events),
            budget,
            budget_left: if bad == 0.0 { 1.0 } else { 1.0 - burn_rate },
            burn_rate,
            burning,
        }
    }

    /// The first window in which the budget burns too fast, and still does in the short one that belongs to it.
    fn burning(&self, tally: &Tally, now: Timestamp, allowed: f64) -> Option<Burning> {
        let period = span(self.over);
        let rate = |window: TimeDelta| {
            let (events, bad) = tally.between(now - window, now);
            burn_rate(events, bad, allowed)
        };
        TOO_FAST.into_iter().find_map(|(limit, part)| {
            let (long, short) = (period / part, period / part / STILL);
            let burn_rate = rate(long);
            let window_seconds = long.as_seconds_f64();
            (burn_rate >= limit && rate(short) >= limit).then_some(Burning { window_seconds, burn_rate, limit })
        })
    }
}

fn span(span: TimeSpan) -> TimeDelta {
    TimeDelta::from_std(span.0).unwrap_or(TimeDelta::MAX)
}

/// How many times faster than allowed events are bad. Where nothing may be bad, one bad event uses up more than any budget.
fn burn_rate(events: f64, bad: f64, allowed: f64) -> f64 {
    match () {
        () if bad == 0.0 || events == 0.0 => 0.0,
        () if allowed == 0.0 => f64::MAX,
        () => bad / events / allowed,
    }
}

#[cfg(test)]
mod tests;
