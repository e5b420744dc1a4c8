//! What changed, and the rules that the data suggests.

use hw_base::Share;
use hw_validate::Proposal;

use super::markup::{self, full_sentence, sentence, table, text, value};
use super::severity_tag;
use crate::drift::Change;
use crate::{Assessment, Trial, rules_yaml};

pub(super) fn drift(assessment: &Assessment) -> String {
    let Some(drift) = &assessment.drift else { return String::new() };
    let lead = format!(
        "Compared with {}. A change is listed where chance hardly explains it (p below 0.01 / {}) and where it is large enough to matter.",
        text(&drift.against),
        drift.tests.max(1)
    );
    if drift.changes.is_empty() {
        return markup::section("drift", "Drift", &lead, "<p class=\"card\">Nothing changed that matters.</p>");
    }
    let rows: Vec<Vec<String>> = drift.changes.iter().map(change).collect();
    let headings = ["change", "what changed", "before", "now", "test", "matters"];
    markup::section("drift", "Drift", &lead, &table("What changed", &headings, &rows))
}

fn change(change: &Change) -> Vec<String> {
    let test = change.test.as_ref().map(|test| format!("{} {}, {}", test.name, test.statistic, chance(test.p_value)));
    vec![
        text(change.kind.name()),
        format!("<div class=\"wide\">{}</div>", full_sentence(&change.description)),
        sentence(&change.before),
        sentence(&change.after),
        text(&test.unwrap_or_default()),
        severity_tag(change.severity),
    ]
}

/// No chance is nothing; one that is too small for the arithmetic is said to be small.
fn chance(p_value: f64) -> String {
    if p_value < 1e-15 { "p < 1e-15".into() } else { format!("p = {p_value}") }
}

pub(super) fn section(assessment: &Assessment) -> String {
    if assessment.proposals.is_empty() {
        return markup::section("rules", "Proposed rules", "", "<p class=\"card\">The data suggests none.</p>");
    }
    let split = assessment.held.as_ref().map(|held| format!(" {}", full_sentence(&held.split))).unwrap_or_default();
    let lead = format!("Ready to run with <code>headworks check --rules</code>.{split}");
    let rows: Vec<Vec<String>> = match &assessment.held {
        Some(held) => held.kept.iter().map(|kept| rule(&kept.proposal, Some(&kept.trial))).collect(),
        None => assessment.proposals.iter().map(|proposal| rule(proposal, None)).collect(),
    };
    let headings = ["rule", "on", "dimension", "if it breaks", "#support", "false alarms on rows held back", "why"];
    let yaml = text(&rules_yaml(&assessment.proposals, &assessment.about.name));
    let content = format!(
        "{}{}<details><summary>The rules as a file</summary><pre><code>{yaml}</code></pre></details>",
        table("Rules that the data keeps to", &headings, &rows),
        dropped(assessment)
    );
    markup::section("rules", "Proposed rules", &lead, &content)
}

fn rule(proposal: &Proposal, trial: Option<&Trial>) -> Vec<String> {
    let trial = trial.map_or_else(
        || "not tried".to_owned(),
        |trial| match &trial.measured {
            Some(measured) => format!("held: {}", sentence(measured)),
            None => format!("{} (at most {:.2} %)", Share(trial.false_alarm_rate), trial.at_most * 100.0),
        },
    );
    vec![
        value(&proposal.kind),
        proposal.columns.iter().map(|column| value(column)).collect::<Vec<_>>().join(" + "),
        proposal.dimension.name().into(),
        proposal.on_failure.name().into(),
        hw_base::count(proposal.support),
        trial,
        format!("<div class=\"wide\">{}</div>", full_sentence(&proposal.reason)),
    ]
}

fn dropped(assessment: &Assessment) -> String {
    let dropped = assessment.held.as_ref().map(|held| held.dropped.as_slice()).unwrap_or_default();
    if dropped.is_empty() {
        return String::new();
    }
    let item = |rule: &crate::DroppedRule| {
        let columns = rule.columns.iter().map(|column| value(column)).collect::<Vec<_>>().join(" + ");
        format!("<li>{} on {columns}: {}</li>", value(&rule.kind), sentence(&rule.reason))
    };
    let items: String = dropped.iter().take(100).map(item).collect();
    format!("<details><summary>Not proposed ({})</summary><ul class=\"parts\">{items}</ul></details>", dropped.len())
}
