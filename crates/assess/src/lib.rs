//! Stage 1: measures a dataset, says what is wrong with it, scores it on the six dimensions and proposes what to do.
//!
//! One call of [`assess`] goes through the [`hw_base::Engine`] port; everything after the measuring is a pure
//! function of the facts, so the same facts give the same report. Nothing here reads files or prints.
//!
//! Every score follows one visible formula, `100 × (1 − affected × confidence / judged)`, and carries the numbers
//! that went in: see [`Score`].

mod about;
mod action;
mod assessment;
mod checks;
mod column;
mod examination;
mod json;
mod markdown;
mod meaning;
mod measured;
mod rules;
mod score;
mod words;

#[cfg(test)]
mod fixture;
#[cfg(test)]
mod tests;

pub use about::{About, Limits, Weights};
pub use action::{Action, Effort, recommend};
pub use assessment::{Assessment, Key};
pub use checks::{Freshness, find_issues, freshness};
pub use examination::{Examination, Finding};
pub use meaning::{Meaning, meaning};
pub use measured::assess;
pub use rules::rules_yaml;
pub use score::{ColumnScores, Score, ScorePart, Scores};
