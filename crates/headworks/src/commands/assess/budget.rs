//! The time that an assessment may take, shared by its datasets.

use std::time::Duration;

use hw_assess::Assessment;
use hw_base::TimeSpan;
use hw_engine::Deadline;

use super::Arguments;

/// How a report says that it was cut short.
pub(super) const CUT: &str = "the budget of";

/// How long the assessment of tables of a server may take where nothing else is asked for: no statement outlives it.
const OF_SERVERS: Duration = Duration::from_hours(1);

/// The time that `--budget` allows.
#[derive(Clone, Debug)]
pub(super) struct Budget {
    whole: TimeSpan,
    end: Deadline,
}

impl Budget {
    /// What the command line allows; what data of a server may take, where it says nothing.
    pub(super) fn asked(arguments: &Arguments) -> Option<Self> {
        let reads_server = || arguments.data.iter().any(|data| data.contains("://"));
        arguments.budget.or_else(|| reads_server().then_some(TimeSpan(OF_SERVERS))).map(Self::of)
    }

    /// It begins to run out now.
    fn of(whole: TimeSpan) -> Self {
        Self { whole, end: Deadline::after(whole.0) }
    }

    /// The end of the time for one of `left` datasets that are still to be assessed: what others did not use is shared by the rest.
    pub(super) fn share(&self, left: usize) -> Deadline {
        let left = u32::try_from(left.max(1)).unwrap_or(u32::MAX);
        Deadline::after(self.end.remaining() / left)
    }

    /// Says in the report, and returns, what is missing because the time was up; `None` where nothing is.
    pub(super) fn tell(&self, deadline: &Deadline, assessment: &mut Assessment) -> Option<String> {
        if !deadline.has_cut() {
            return None;
        }
        let missing = match assessment.facts.beginning {
            Some(_) => {
                "the rows after these were not read, columns were not compared, nothing was counted a second time, and no rule was tried"
            }
            None if assessment.relations.rows == 0 => {
                "all rows were measured, but columns were not compared, not all was counted a second time, some issues show no examples, and rules may be untried"
            }
            None => "all rows were measured, but not all was counted a second time, some issues show no examples, and rules may be untried",
        };
        let told = format!("{CUT} {} was used up on {}: {missing}", self.whole, assessment.population());
        assessment.relations.bounds.push(told.clone());
        Some(told)
    }
}

/// A budget, as `--budget` names one.
pub(super) fn budget(text: &str) -> Result<TimeSpan, String> {
    let whole: TimeSpan = text.parse().map_err(|error: hw_base::Error| super::super::one_sentence(&error))?;
    if whole.0 == Duration::ZERO { Err("nothing can be read in no time; name a span such as `30s` or `5m`".into()) } else { Ok(whole) }
}
