//! Proposed rules as a rules file that `headworks check` and a project take as it is.

use std::collections::BTreeMap;

use hw_base::OnFailure;
use hw_validate::Proposal;
use serde_json::{Map, Value as Json};

/// A rules file with one rule per proposal; the comment above each rule says why it is proposed.
pub fn rules_yaml(proposals: &[Proposal], dataset: &str) -> String {
    let mut lines = vec![
        comment(&format!("Rules for {dataset}, proposed from its data.")),
        comment("Each holds on the data it was made from, or within the share it tolerates. Strike out what is no promise."),
    ];
    if proposals.is_empty() {
        lines.push("rules: []".into());
    } else {
        lines.push("rules:".into());
    }
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

/// The settings of the rule, with its action where that is not the usual one.
fn settings(proposal: &Proposal) -> Json {
    let mut settings: Map<String, Json> = proposal.settings.as_object().cloned().unwrap_or_default();
    if proposal.on_failure != OnFailure::default() && !settings.contains_key("on_failure") {
        settings.insert("on_failure".into(), proposal.on_failure.name().into());
    }
    Json::Object(settings)
}

/// One line of comment, whatever the text holds.
fn comment(text: &str) -> String {
    let words: Vec<&str> = text.split(|c: char| c.is_whitespace() || c.is_control()).filter(|word| !word.is_empty()).collect();
    format!("# {}", words.join(" "))
}

/// A value in YAML's flow form: `{ column: status, values: [pending, "31"] }`.
fn flow(value: &Json) -> String {
    match value {
        Json::Null | Json::Bool(_) | Json::Number(_) => value.to_string(),
        Json::String(text) => scalar(text),
        Json::Array(items) => format!("[{}]", items.iter().map(flow).collect::<Vec<_>>().join(", ")),
        Json::Object(entries) if entries.is_empty() => "{}".into(),
        Json::Object(entries) => {
            let pairs: Vec<String> = entries.iter().map(|(key, value)| format!("{}: {}", scalar(key), flow(value))).collect();
            format!("{{ {} }}", pairs.join(", "))
        }
    }
}

/// Text bare where YAML cannot take it for anything else, in double quotes otherwise.
fn scalar(text: &str) -> String {
    if is_plain(text) || is_percentage(text) { text.into() } else { quoted(text) }
}

fn is_plain(text: &str) -> bool {
    let starts_with_letter = text.starts_with(|c: char| c.is_ascii_alphabetic() || c == '_');
    let is_simple = text.chars().all(|c| c.is_ascii_alphanumeric() || matches!(c, '_' | '-' | '.' | '/' | ' '));
    starts_with_letter && is_simple && !text.ends_with(' ') && !RESERVED.contains(&text.to_ascii_lowercase().as_str())
}

fn is_percentage(text: &str) -> bool {
    let is_number =
        |digits: &str| digits.starts_with(|c: char| c.is_ascii_digit()) && digits.chars().all(|c| c.is_ascii_digit() || c == '.');
    text.strip_suffix('%').is_some_and(is_number)
}

/// JSON's form is YAML's double-quoted form, but for characters that YAML does not take raw.
fn quoted(text: &str) -> String {
    let json = Json::String(text.into()).to_string();
    json.chars().map(|c| if is_unprintable(c) { format!("\\u{:04x}", u32::from(c)) } else { c.to_string() }).collect()
}

fn is_unprintable(c: char) -> bool {
    c.is_control() || matches!(c, '\u{2028}' | '\u{2029}' | '\u{feff}' | '\u{fffe}' | '\u{ffff}')
}

/// Bare words that some YAML reader takes for a Boolean, nothing or a number.
const RESERVED: &[&str] = &["true", "false", "null", "yes", "no", "on", "off", "y", "n", "inf", "nan", "infinity"];

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
