//! Rows that break what holds between columns otherwise.

use hw_base::{Dimension, identifier};

use crate::examination::Counted;
use crate::listed::Held;
use crate::pattern::{MissingWhere, Pattern, PatternKind};
use crate::{Examination, Finding};

/// One finding per pattern that rows break, and per column with values where it is empty otherwise.
pub(super) fn broken_patterns(examination: &Examination) -> Vec<Finding> {
    let Some(relations) = &examination.evidence.relations else { return Vec::new() };
    let patterns = relations.patterns.iter().filter(|pattern| pattern.violations > 0).map(|pattern| broken(examination, pattern));
    let unexpected = relations.missing_where.iter().filter(|one| one.unexpected > 0).map(|one| unexpected_value(examination, one));
    patterns.chain(unexpected).collect()
}

fn broken(examination: &Examination, pattern: &Pattern) -> Finding {
    let counted = counted(examination, &pattern.broken_where, pattern.violations);
    let (code, fix) = match pattern.kind {
        PatternKind::Order => {
            ("order_violation", "find out which of the two is wrong, and mend it at the source; `compare` keeps the next ones out")
        }
        PatternKind::Sum | PatternKind::Product => (
            "formula_violation",
            "find out which of the numbers is wrong, and mend it at the source; the proposed rule keeps the next ones out",
        ),
    };
    let says = format!("{}{} break what holds otherwise: {}", counted.about(), examination.of_rows(counted.rows), pattern.statement);
    of_columns(Finding::new(code, Dimension::Consistency, counted.rows), &pattern.columns)
        .confidence(pattern.confidence)
        .weight(2.0)
        .says(says)
        .rows_where(&pattern.broken_where)
        .about_cells(Held::Rows(pattern.broken_rows.clone()))
        .shows(pattern.examples.clone())
        .counted(counted)
        .fix(fix)
}

fn unexpected_value(examination: &Examination, missing: &MissingWhere) -> Finding {
    let condition = format!("{} is not null and {}", identifier(&missing.column), missing.missing_where);
    let counted = counted(examination, &condition, missing.unexpected);
    let (rows, column) = (examination.of_rows(counted.rows), &missing.column);
    Finding::new("unexpected_value", Dimension::Consistency, counted.rows)
        .column(column)
        .confidence(0.6)
        .says(format!("{}{rows} have a `{column}` where it is empty otherwise: where {}", counted.about(), missing.statement))
        .rows_where(condition)
        .about_cells(Held::Rows(missing.unexpected_rows.clone()))
        .shows(missing.examples.clone())
        .counted(counted)
        .fix(format!(
            "find out whether `{column}` or `{}` is wrong, and mend it at the source; `is_null` keeps the next ones out",
            missing.by
        ))
}

fn of_columns(mut finding: Finding, columns: &[String]) -> Finding {
    finding.issue.columns = columns.to_vec();
    finding
}

/// The rows that meet a condition: as counted among the coded rows where these are all, else by the engine, else by their share.
pub(super) fn counted(examination: &Examination, condition: &str, coded: u64) -> Counted {
    let (rows, looked_at) = (examination.facts.rows, examination.evidence.relations.as_ref().map_or(0, |relations| relations.rows));
    if looked_at >= rows {
        return Counted { rows: coded, is_estimate: false };
    }
    examination.rows_where(condition, examination.scaled(coded, looked_at))
}
