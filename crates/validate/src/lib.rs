//! Stage 4: rules, the gate that judges them, and the verdict.
//!
//! A rule says what must hold about a dataset or a table. Its kind (a file of the shelf `kinds/`) owns its settings, its
//! manual page and the SQL that tells which rows break it. The [`Gate`] fits rules to the columns of a table, says what a
//! scan has to count ([`Gate::watch`]) and turns counts into a [`hw_base::Verdict`].
//!
//! Nothing here runs SQL: it is handed to the [`hw_base::Engine`]. Staging, quarantine and publishing belong to the
//! pipeline, which obeys the verdict.

mod annotations;
mod change;
mod columns;
mod critical;
mod exact;
mod explain;
mod gate;
mod judge;
mod kinds;
mod learned;
mod moment;
mod propose;
mod results;
mod rule;
mod scalar;
mod shape;
mod shared_settings;
mod slo;
mod strftime;
mod suites;

#[cfg(test)]
mod testing;

pub use annotations::{results_github, results_sarif};
pub use change::Change;
pub use exact::Exact;
pub use explain::{About, explain, rules_schema};
pub use gate::{Gate, TRIED};
pub use judge::{Judging, Population};
pub use kinds::{FoundReference, RULE_KINDS, RuleKind, rule_kind};
pub use learned::{Learned, Observation};
pub use moment::moment;
pub use propose::{Proposal, percent_above, propose};
pub use results::{CheckResult, FailOn, escaped as xml_text, results_json, results_junit, results_of_rules, results_of_suite};
pub use rule::{COLUMN_SETTINGS, Problems, Rule, RuleBody, Scope, read_rules};
pub use shape::{Bounds, Limit, LimitValue, Shape, Template};
pub use shared_settings::Common;
pub use slo::{Burning, Indicator, ProjectSlos, Promise, RuleSlo, RunTime, Slo, SloState, SloStatus, TableSlo};
pub use suites::yaml::{comment as yaml_comment, flow as yaml_flow};
pub use suites::{
    DbtKnown, DbtSwitch, Dialect, HowWritten, Imported, ImportedItem, Origin, Outcome, SUITES, Suite, TableRules, Written, WrittenItem,
    dbt_origin, dbt_switch, dbt_table_folders, dbt_target, read_suite, read_suite_of, suite,
};
