//! Stage 3: the plan of a run (pure) and carrying it out: order, windows, retries, resume.
//!
//! The plan is a value; explaining it and carrying it out are two readers of it. Whatever touches the world goes through
//! the ports.

mod compare;
mod contracts;
mod contradictions;
mod definition;
mod deliver;
mod engine_settings;
mod environment;
mod fit;
mod gaps;
mod graph;
mod history;
mod members;
mod plan;
mod position;
mod project;
mod promises;
mod push_down;
mod run;
mod selection;
mod settings;
pub mod unit;
mod versions;

#[cfg(test)]
mod fixture;
#[cfg(test)]
mod tests;

pub use compare::{ColumnDifference, Comparison, Difference, Retyped, Side};
pub use contracts::Unchecked;
pub use deliver::Deliver;
pub use engine_settings::{EngineSettings, sufficient};
pub use environment::Environment;
pub use gaps::{Behind, Gaps, Hole, RolledBack, Unbuilt, gaps};
pub use graph::placed_where_read;
pub use history::{LearnedLimit, learned_limits};
pub use plan::{Asking, Decision, Extent, Follow, Parent, Plan, ReadFrom, Step, Work, arriving, plan, try_models};
pub use project::{MALFORMED_TOLERANCE, Model, ModelText, Project, ProjectText, fingerprint};
pub use push_down::{Inside, ModelEngine};
pub use run::{
    Asked, Backfill, Building, MALFORMED, Meter, Narrator, Ports, Promotion, alerts, close, exit_code, fill, left_out, live_records,
    live_rows, promote, raw_column_names, recover, review, run, targets, watch_malformed, windows_left, with_malformed,
};
pub use selection::{Selected, Selection, selected_models};
pub use settings::{Append, Load, ModelSettings, PartitionBy, ProjectSettings, Upsert};
pub use versions::{current_rows, key as raw_key, rolled_back};
