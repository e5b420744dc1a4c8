//! The checks, one file per dimension. Each looks at facts and writes down findings; none reads data.

mod accuracy;
mod cells;
mod completeness;
mod consistency;
mod declared;
mod patterns;
mod timeliness;
mod uniqueness;
mod validity;
mod volume;

pub(crate) use completeness::disguised_nulls;
pub use timeliness::{Freshness, freshness};
pub(crate) use timeliness::{age, tells_age, why_unknown};
pub(crate) use uniqueness::{is_key_candidate, is_key_like};

use hw_base::ColumnFacts;

use crate::{Examination, Finding, taken_over};

/// Issues that measurements suspect, and that a look at every single cell sees better.
pub(crate) const SUPERSEDED: [&str; 2] = ["outliers", "rare_categories"];

type TableCheck = fn(&Examination) -> Option<Finding>;
type ColumnCheck = fn(&Examination, &ColumnFacts) -> Option<Finding>;

const TABLE_CHECKS: &[TableCheck] = &[
    completeness::no_data,
    uniqueness::duplicate_rows,
    uniqueness::near_duplicate_rows,
    validity::malformed_records,
    validity::repeated_header,
    timeliness::stale_data,
    volume::volume_gaps,
    volume::volume_spikes,
];

const COLUMN_CHECKS: &[ColumnCheck] = &[
    completeness::missing_values,
    completeness::disguised_missing,
    accuracy::negative_values,
    accuracy::outliers,
    accuracy::future_dates,
    accuracy::constant_column,
    consistency::inconsistent_casing,
    consistency::padded_values,
    consistency::rare_categories,
    consistency::mixed_date_formats,
    validity::mixed_formats,
    validity::malformed_emails,
    validity::invalid_codes,
    validity::numbers_stored_as_text,
    validity::dates_stored_as_text,
    validity::non_printing_characters,
    uniqueness::duplicate_keys,
];

/// What breaks patterns: findings whose rows may have to be counted, because the patterns are those of a sample.
pub(crate) fn find_patterns(examination: &Examination) -> Vec<Finding> {
    let missing = examination.facts.columns.iter().filter_map(|column| completeness::missing_values(examination, column));
    patterns::broken_patterns(examination).into_iter().chain(missing).collect()
}

/// Everything that is wrong with a dataset, as far as measurements, declared rules and suspicious cells tell; what matters most
/// comes first.
pub fn find_issues(examination: &Examination) -> Vec<Finding> {
    let in_table = TABLE_CHECKS.iter().filter_map(|check| check(examination));
    let columns = examination.facts.columns.iter();
    let in_columns = columns.flat_map(|column| COLUMN_CHECKS.iter().filter_map(move |check| check(examination, column)));
    let mut findings: Vec<Finding> = in_table.chain(in_columns).collect();
    findings.retain(|finding| !cells::is_superseded(examination, finding) && !taken_over::is_refuted(examination, finding));
    findings.extend(cells::suspicious_cells(examination, &findings));
    findings.extend(patterns::broken_patterns(examination));
    findings.extend(taken_over::findings(examination, &findings));
    findings.retain(|finding| !declared::is_settled(examination, finding));
    findings.extend(declared::broken_rules(examination));
    let mut findings: Vec<Finding> = findings.into_iter().map(|finding| finding.rated(examination)).collect();
    sort(&mut findings);
    findings
}

/// What matters most comes first.
pub(crate) fn sort(findings: &mut [Finding]) {
    findings.sort_by(|a, b| {
        let ((severity_a, rows_a), (severity_b, rows_b)) = (a.rank(), b.rank());
        severity_a.cmp(&severity_b).then(rows_b.total_cmp(&rows_a))
    });
}
