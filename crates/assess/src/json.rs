//! The machine-readable form of an assessment, by the published contract.

use hw_base::{ColumnFacts, Dimension, Issue, NumberFacts, OnFailure};
use hw_validate::Proposal;
use serde_json::{Map, Value as Json, json};

use crate::checks::{age, disguised_nulls, why_unknown};
use crate::column::{present, share_of};
use crate::meaning::dominant_form;
use crate::rules::rule_names;
use crate::score::rounded;
use crate::{Assessment, Drift, Meaning, Score, Trial};

/// The version of the form.
const SCHEMA_VERSION: &str = "1.0";

/// How many frequent values and patterns the form lists per column.
const LISTED_VALUES: usize = 50;

impl Assessment {
    /// The assessment by the contract `assessment.schema.json`, with further fields. Percentages are 0 to 100, shares
    /// and confidences 0 to 1.
    pub fn to_json(&self) -> Json {
        json!({
            "schema_version": SCHEMA_VERSION,
            "assessment_id": self.id,
            "dataset": self.dataset(),
            "assessment_date": self.at.to_rfc3339_opts(chrono::SecondsFormat::Secs, true),
            "as_of": self.about.as_of.map(|moment| moment.to_rfc3339_opts(chrono::SecondsFormat::Secs, true)),
            "population": self.population(),
            "error_bound": self.error_bound(),
            "dimensions": self.dimensions(),
            "overall_score": self.scores.overall,
            "overall_error_bound": self.overall_error(),
            "weights": self.about.limits.weights,
            "recommended_actions": self.actions,
            "validation_rules": self.rules(),
            "columns": self.columns(),
            "keys": self.relations.keys,
            "dependencies": self.relations.dependencies,
            "relationships": self.relations.references,
            "patterns": self.relations.patterns,
            "missing_where": self.relations.missing_where,
            "correlations": self.relations.correlations,
            "near_duplicates": self.relations.near_duplicates,
            "bounds": self.relations.bounds,
            "missing_map": self.missing,
            "volume": self.volume,
            "drift": self.drift,
            "issues": self.issues().collect::<Vec<_>>(),
        })
    }

    fn dataset(&self) -> Json {
        let day = |at: hw_base::Timestamp| at.format("%Y-%m-%d").to_string();
        let period = self.freshness.as_ref().map(|freshness| format!("{} to {}", day(freshness.oldest), day(freshness.newest)));
        json!({
            "name": self.about.name,
            "source": self.about.source,
            "time_period": period,
            "row_count": self.facts.rows,
            "column_count": self.facts.columns.len(),
            "malformed_records": self.facts.malformed,
            "all_rows_measured": self.facts.scanned_all_rows,
            "use": self.about.use_for,
            "critical_columns": self.about.critical,
        })
    }

    fn dimensions(&self) -> Json {
        let entries = self.scores.dimensions.iter().map(|score| {
            let mut entry = Map::new();
            entry.insert("score".into(), json!(score.score));
            if score.score.is_none() {
                entry.insert("not_judged_because".into(), json!(score.basis));
            }
            entry.insert("error_bound".into(), json!(self.score_error(score)));
            entry.extend(self.details(score.dimension));
            entry.insert("formula".into(), formula(score));
            (score.dimension.name().to_owned(), Json::Object(entry))
        });
        Json::Object(entries.collect())
    }

    fn details(&self, dimension: Dimension) -> Map<String, Json> {
        let details = match dimension {
            Dimension::Completeness => self.completeness(),
            Dimension::Accuracy => json!({ "validation_rules_failed": self.failed_rules() }),
            Dimension::Consistency => json!({ "inconsistencies": self.inconsistencies() }),
            Dimension::Timeliness => self.timeliness(),
            Dimension::Validity => {
                json!({ "schema_drift_detected": self.drift.as_ref().is_some_and(Drift::has_schema_change), "type_mismatches": self.type_mismatches() })
            }
            Dimension::Uniqueness => {
                let rate = percent(share_of(self.facts.duplicate_rows, self.facts.rows));
                let is_exact = self.facts.duplicates_are_exact && self.facts.scanned_all_rows;
                json!({ "duplicate_records": self.facts.duplicate_rows, "duplicate_rate": rate, "duplicates_are_exact": is_exact })
            }
        };
        details.as_object().cloned().unwrap_or_default()
    }

    fn completeness(&self) -> Json {
        let columns = || self.facts.columns.iter();
        let missing = columns().map(|column| (column.name.clone(), json!(percent(share_of(column.nulls, column.rows)))));
        let disguised = columns().map(|column| (column, disguised_nulls(&self.findings, &column.name)));
        let disguised = disguised.map(|(column, rows)| (column.name.clone(), json!(percent(share_of(rows, column.rows)))));
        let is_missing = |name: &str| self.issues_of(Dimension::Completeness).any(|issue| issue.column.as_deref() == Some(name));
        let critical: Vec<&String> = self.about.critical.iter().filter(|name| is_missing(name)).collect();
        json!({
            "missing_values_by_column": missing.collect::<Map<_, _>>(),
            "disguised_missing_by_column": disguised.collect::<Map<_, _>>(),
            "critical_missing_fields": critical,
        })
    }

    fn failed_rules(&self) -> Vec<Json> {
        let failed = self.issues_of(Dimension::Accuracy).map(
            |issue| json!({ "rule": issue.code, "column": issue.column, "failure_rate": percent(issue.share), "examples": issue.examples }),
        );
        failed.collect()
    }

    fn inconsistencies(&self) -> Vec<Json> {
        let found = self.issues_of(Dimension::Consistency).map(|issue| {
            let kind =
                if matches!(issue.code.as_str(), "padded_values" | "mixed_date_formats") { "format_mismatch" } else { "conflicting" };
            json!({
                "type": kind, "column": issue.column, "description": issue.description,
                "affected_rows": issue.rows, "severity": issue.severity,
            })
        });
        found.collect()
    }

    fn timeliness(&self) -> Json {
        let freshness = match &self.freshness {
            Some(freshness) => format!("the newest `{}` is {} old", freshness.column, age(freshness.age_seconds)),
            None => format!("unknown: {}", why_unknown(&self.facts)),
        };
        let stale: Vec<&String> = self.issues_of(Dimension::Timeliness).map(|issue| &issue.description).collect();
        json!({ "freshness": freshness, "staleness_issues": stale })
    }

    fn type_mismatches(&self) -> Vec<Json> {
        let of_type = ["mixed_formats", "malformed_emails", "numbers_stored_as_text", "dates_stored_as_text"];
        let issues = self.issues_of(Dimension::Validity).filter(|issue| of_type.contains(&issue.code.as_str()));
        issues.filter_map(|issue| self.type_mismatch(issue)).collect()
    }

    fn type_mismatch(&self, issue: &Issue) -> Option<Json> {
        let column = self.facts.columns.iter().find(|column| Some(&column.name) == issue.column.as_ref())?;
        let form = dominant_form(column, self.about.limits.dominant_share).map(|(form, _)| form.name);
        let expected = if issue.code == "malformed_emails" { "email" } else { form.unwrap_or("text") };
        Some(json!({
            "column": column.name, "expected_type": expected, "actual_type": column.sql_type, "error_rate": percent(issue.share),
        }))
    }

    fn columns(&self) -> Vec<Json> {
        let columns = self.facts.columns.iter().zip(&self.meanings).zip(&self.scores.columns);
        columns.map(|((column, meaning), scores)| self.column(column, meaning, &scores.scores)).collect()
    }

    fn column(&self, column: &ColumnFacts, meaning: &Meaning, scores: &[Score]) -> Json {
        let numbers = column.numbers.as_ref().filter(|_| column.rows > column.nulls);
        let quantiles = numbers.map(|numbers| self.quantiles(column, numbers));
        let top_values = column.top_values.iter().take(LISTED_VALUES);
        let top_values = top_values.map(|top| with_error(json!(top), "share_error", self.error_of_share(top.count, present(column))));
        let patterns = column.text.as_ref().map(|text| text.patterns.iter().take(LISTED_VALUES).collect::<Vec<_>>());
        let known = scores.iter().filter(|score| score.score.is_some());
        let numbers_of_scores =
            known.map(|score| (score.dimension.name().to_owned(), json!({ "affected": score.affected, "judged": score.judged })));
        let scores = scores.iter().map(|score| (score.dimension.name().to_owned(), json!(score.score)));
        json!({
            "name": column.name,
            "physical_type": column.sql_type,
            "logical_type": meaning.logical_type,
            "format": meaning.format,
            "semantic_type": meaning.semantic_type,
            "semantic_confidence": rounded(meaning.semantic_confidence),
            "is_personal": meaning.is_personal(),
            "nulls": column.nulls,
            "disguised_nulls": disguised_nulls(&self.findings, &column.name),
            "distinct": column.distinct,
            "distinct_is_exact": column.distinct_is_exact && self.facts.scanned_all_rows,
            "distinct_bound": self.distinct_bound(column),
            "min": column.min,
            "max": column.max,
            "quantiles": quantiles.unwrap_or_default(),
            "top_values": top_values.collect::<Vec<_>>(),
            "top_values_are_exact": column.top_values_are_exact && self.facts.scanned_all_rows,
            "patterns": patterns.unwrap_or_default(),
            "pattern_sample": column.text.as_ref().and_then(|text| text.pattern_sample),
            "numbers": numbers,
            "mean_error": numbers.and_then(|numbers| self.mean_error(column, numbers)),
            "text": column.text,
            "scores": scores.collect::<Map<_, _>>(),
            "numbers_of_scores": numbers_of_scores.collect::<Map<_, _>>(),
        })
    }

    fn quantiles(&self, column: &ColumnFacts, numbers: &NumberFacts) -> Vec<Json> {
        let finite = numbers.quantiles.iter().filter(|quantile| quantile.value.is_finite());
        finite.map(|quantile| with_error(json!(quantile), "rank_error", self.rank_error(column, numbers, quantile.at))).collect()
    }

    fn rules(&self) -> Vec<Json> {
        let named = rule_names(&self.proposals).into_iter().zip(&self.proposals).zip(self.trials());
        named.map(|((name, proposal), trial)| self.rule(&name, proposal, trial)).collect()
    }

    /// The contract knows no quarantine, so that action shows as block beside its true name.
    fn rule(&self, name: &str, proposal: &Proposal, trial: Option<&Trial>) -> Json {
        let failure_action = match proposal.on_failure {
            OnFailure::Block | OnFailure::Quarantine => "block",
            OnFailure::Alert => "alert",
            OnFailure::Log => "log",
        };
        json!({
            "rule_name": name,
            "rule_definition": proposal.definition_for(&self.about.shown_as),
            "applies_to": proposal.columns,
            "failure_action": failure_action,
            "action": proposal.on_failure.name(),
            "kind": proposal.kind,
            "settings": proposal.settings,
            "dimension": proposal.dimension,
            "reason": proposal.reason,
            "support": proposal.support,
            "held_back": trial,
        })
    }
}

/// A number of a sample with how far it may be from that of all rows.
fn with_error(mut entry: Json, name: &str, error: Option<f64>) -> Json {
    if let (Some(fields), Some(error)) = (entry.as_object_mut(), error) {
        fields.insert(name.into(), json!(error));
    }
    entry
}

/// The numbers that a score was made of.
fn formula(score: &Score) -> Json {
    json!({
        "text": "100 × (1 − affected / judged), where affected is the sum of affected × confidence of the parts, per column at most its at_most",
        "affected": score.affected,
        "judged": score.judged,
        "unit": score.unit,
        "basis": score.basis,
        "parts": score.parts,
    })
}

/// A share as a percentage, 0 to 100.
fn percent(share: f64) -> f64 {
    rounded(share * 100.0).clamp(0.0, 100.0)
}
