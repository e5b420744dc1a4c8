//! Proposed rules as a rules file that `headworks check` and a project take as it is.

use std::collections::BTreeMap;

use hw_base::OnFailure;
use hw_validate::{Proposal, yaml_comment as comment, yaml_flow as flow};
use serde_json::{Map, Value as Json};

/// The rules files of a dataset, by their paths: one that is ready to run, and one of the rules that look at other tables, where there are
/// any.
pub fn rules_files(proposals: &[Proposal], dataset: &str) -> Vec<(String, String)> {
    let (others, own): (Vec<Proposal>, Vec<Proposal>) = proposals.iter().cloned().partition(|proposal| other_table(proposal).is_some());
    let mut files = vec![(format!("rules/{dataset}.yaml"), rules_yaml(&own, dataset))];
    if !others.is_empty() {
        files.push((rules_of_references(dataset), rules_yaml(&others, dataset)));
    }
    files
}

/// The path of the rules file for rules that look at other tables.
pub fn rules_of_references(dataset: &str) -> String {
    format!("rules/{dataset}.references.yaml")
}

/// A rules file with one rule per proposal; the comment above each rule says why it is proposed.
pub fn rules_yaml(proposals: &[Proposal], dataset: &str) -> String {
    let mut lines = vec![
        comment(&format!("Rules for {dataset}, proposed from its data.")),
        comment("Each holds on the data it was made from, or within the share it tolerates. Strike out what is no promise."),
    ];
    if let Some(other) = proposals.iter().find_map(other_table) {
        lines.push(comment(&format!("They look at other tables: `headworks check … --with {other}=FILE`.")));
    }
    lines.push(rules_list(proposals));
    lines.join("\n")
}

/// The list `rules:` alone, as it stands in a rules file or in the settings of a model.
pub fn rules_list(proposals: &[Proposal]) -> String {
    let mut lines = vec![if proposals.is_empty() { "rules: []" } else { "rules:" }.to_owned()];
    for proposal in proposals {
        lines.push(format!("  {}", comment(&proposal.reason)));
        lines.push(format!("  - {}: {}", proposal.kind, flow(&settings(proposal))));
    }
    lines.join("\n") + "\n"
}

/// The names of the proposed rules: kind and columns, and a number from the second of a name on.
pub(crate) fn rule_names(proposals: &[Proposal]) -> Vec<String> {
    let mut taken: BTreeMap<String, u64> = BTreeMap::new();
    let names = proposals.iter().map(|proposal| {
        let words: Vec<&str> = std::iter::once(&proposal.kind).chain(&proposal.columns).map(String::as_str).collect();
        let name = words.join("_");
        let times = taken.entry(name.clone()).or_default();
        *times += 1;
        if *times == 1 { name } else { format!("{name}_{times}") }
    });
    names.collect()
}

/// The table that a `referential` rule looks at.
fn other_table(proposal: &Proposal) -> Option<&str> {
    let to = proposal.settings.get("to").filter(|_| proposal.kind == "referential")?;
    to.get("table").and_then(Json::as_str).or_else(|| Some(to.as_str()?.rsplit_once('.')?.0))
}

/// The settings of the rule, with its action where that is not the usual one.
fn settings(proposal: &Proposal) -> Json {
    let mut settings: Map<String, Json> = proposal.settings.as_object().cloned().unwrap_or_default();
    if proposal.on_failure != OnFailure::default() && !settings.contains_key("on_failure") {
        settings.insert("on_failure".into(), proposal.on_failure.name().into());
    }
    Json::Object(settings)
}

#[cfg(test)]
mod tests {
    use expect_test::expect;
    use hw_base::Dimension;
    use serde_json::json;

    use super::*;

    fn proposal(kind: &str, settings: Json, on_failure: OnFailure, reason: &str) -> Proposal {
        Proposal {
            kind: kind.into(),
            settings,
            columns: vec!["status".into()],
            dimension: Dimension::Validity,
            on_failure,
            definition: "status is not null".into(),
            reason: reason.into(),
            support: 10,
        }
    }

    #[test]
    fn a_rules_file_is_ready_to_run() {
        let proposals = [
            proposal("not_null", json!({"column": "status", "at_least": "95%"}), OnFailure::Block, "no nulls\nin 10 rows"),
            proposal(
                "accepted_values",
                json!({"column": "Order Status", "values": ["pending", "no", "31", "a: b", "é\u{7f}\"", 7]}),
                OnFailure::Quarantine,
                "five values",
            ),
        ];
        expect![[r#"
            # Rules for shop.orders, proposed from its data.
            # Each holds on the data it was made from, or within the share it tolerates. Strike out what is no promise.
            rules:
              # no nulls in 10 rows
              - not_null: { column: status, at_least: 95% }
              # five values
              - accepted_values: { column: Order Status, values: [pending, "no", "31", "a: b", "é\u007f\"", 7], on_failure: quarantine }
        "#]]
        .assert_eq(&rules_yaml(&proposals, "shop.orders"));
    }

    #[test]
    fn no_proposals_are_an_empty_list() {
        assert!(rules_yaml(&[], "x").ends_with("rules: []\n"));
    }
}
