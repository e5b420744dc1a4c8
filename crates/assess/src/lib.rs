//! Stage 1: measures a dataset, says what is wrong with it, scores it on the six dimensions and proposes what to do.
//!
//! One call of [`assess`] goes through the [`hw_base::Engine`] port; everything after the measuring is a pure
//! function of the facts, so the same facts give the same report. Nothing here reads files or prints.
//!
//! Every score follows one visible formula, `100 × (1 − affected × confidence / judged)`, and carries the numbers
//! that went in: see [`Score`].

mod about;
mod accused;
mod action;
mod alike;
mod assessment;
mod checks;
mod column;
mod copies;
mod drift;
mod evidence;
mod examination;
mod fences;
mod growing;
mod header;
mod held;
mod json;
mod listed;
mod markdown;
mod marks;
mod meaning;
mod measured;
mod missing;
mod near;
mod page;
mod pattern;
mod reconcile;
mod references;
mod referring;
mod relations;
mod remainder;
mod rules;
mod sampled;
mod score;
mod shown_rows;
mod source;
mod taken_over;
mod tried;
mod volume;
mod words;

#[cfg(test)]
mod fixture;
#[cfg(test)]
mod tests;

pub use about::{About, Limits, RuleTrial, Weights};
pub use action::{Action, Effort, recommend};
pub use alike::{Alike, alike_columns};
pub use assessment::Assessment;
pub use checks::{Freshness, find_issues, freshness};
pub use drift::{Change, ChangeKind, Drift, Earlier, EarlierColumn, Effect, Test, drift};
pub use evidence::{Evidence, Latest, latest_moments_in};
pub use examination::{Examination, Finding};
pub use held::{DroppedRule, HeldRule, HeldRules, Trial, hold};
pub use listed::listed_cells;
pub use marks::{columns_of_values, has_marks, missing_marks};
pub use meaning::{Meaning, meaning};
pub use measured::{assess, assess_with, measure_columns};
pub use missing::{MissingColumn, MissingMap};
pub use near::{Correlation, NearPair, NearRows};
pub use pattern::{MissingWhere, Pattern, PatternKind, PatternRule};
pub use reconcile::{Reconciliation, SumOfBoth, reconciliations};
pub use references::reference_rules;
pub use referring::refer;
pub use relations::{Cell, Dependency, Key, Relations, Relationship, cells_csv, cells_in_order};
pub use rules::{rules_files, rules_list, rules_of_references, rules_yaml};
pub use score::{ColumnScores, Score, ScorePart, Scores, shown_score};
pub use source::{Source, SourceDataset};
pub use taken_over::TakenOver;
pub use volume::{Stretch, Volume};
