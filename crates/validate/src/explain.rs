//! The manual of the rule kinds, and the JSON Schema of a list of rules.

use schemars::{Schema, SchemaGenerator, json_schema};
use serde_json::{Map, Value as Json};

use crate::kinds::{RULE_KINDS, RuleKind, rule_kind};
use crate::suites::elsewhere::{ELSEWHERE, Elsewhere};

/// The manual page of a kind.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub struct About {
    /// What it finds.
    pub finds: &'static str,
    /// Why it matters.
    pub matters: &'static str,
    /// One rule or more, in YAML, as they stand under `rules:`.
    pub example: &'static str,
    /// What to do if it breaks.
    pub remedy: &'static str,
}

/// The manual page of a kind as Markdown, for `headworks explain rule KIND`; `None` for an unknown kind.
pub fn explain(kind: &str) -> Option<String> {
    let kind = rule_kind(kind).ok()?;
    let About { finds, matters, example, remedy } = kind.about();
    let (name, dimension, scope) = (kind.name(), kind.dimension().name(), kind.scope().words());
    Some(format!(
        "# {name}\n\nDimension: {dimension}. Looks at {scope}.\n\n## What it finds\n\n{finds}\n\n## Why it matters\n\n{matters}\n\n\
         ## Example\n\n```yaml\nrules:\n{example}\n```\n\n## Settings\n\n{settings}\n\n## In other tools\n\n{elsewhere}\n\n## What to do\n\n{remedy}\n",
        example = indented(example),
        settings = settings(kind),
        elsewhere = ELSEWHERE.iter().find(|words| words.kind == name).map(called_elsewhere).unwrap_or_default(),
    ))
}

/// The reference of all kinds as Markdown, as `docs/rules.md` holds it.
#[cfg(test)]
fn reference() -> String {
    RULE_KINDS.iter().zip(ELSEWHERE).map(|(kind, elsewhere)| section(*kind, elsewhere)).collect()
}

/// What other tools call a kind.
fn called_elsewhere(elsewhere: &Elsewhere) -> String {
    let tools =
        [("Great Expectations", elsewhere.great_expectations), ("dbt", elsewhere.dbt), ("Soda", elsewhere.soda), ("ODCS", elsewhere.odcs)];
    let called: Vec<String> = tools.iter().filter(|(_, words)| !words.is_empty()).map(|(tool, words)| format!("{tool}: {words}")).collect();
    if called.is_empty() { "no word of its own".to_owned() } else { called.join(" · ") }
}

#[cfg(test)]
fn section(kind: &dyn RuleKind, elsewhere: &Elsewhere) -> String {
    let About { finds, example, .. } = kind.about();
    let elsewhere = called_elsewhere(elsewhere);
    let settings: Vec<String> = settings(kind)
        .lines()
        .filter(|line| !SHARED.iter().any(|key| line.starts_with(&format!("- `{key}`:"))))
        .map(str::to_owned)
        .collect();
    format!(
        "### {name}\n\n{dimension} · looks at {scope}\n\n{finds}\n\n```yaml\n{example}\n```\n\n{settings}\n\nElsewhere: {elsewhere}\n\n",
        name = kind.name(),
        dimension = kind.dimension().name(),
        scope = kind.scope().words(),
        settings = settings.join("\n"),
    )
}

/// Settings that rules of nearly all kinds have.
#[cfg(test)]
const SHARED: [&str; 8] = ["name", "at_least", "at_most", "on_failure", "where", "severity", "owner", "description"];

/// The settings of a kind, one per line, as their doc comments tell them.
fn settings(kind: &dyn RuleKind) -> String {
    let mut generator = SchemaGenerator::default();
    kind.schema(&mut generator);
    let definitions: Vec<&Json> = generator.definitions().values().collect();
    let own = definitions.iter().find(|definition| definition["properties"]["on_failure"].is_object());
    let properties = own.and_then(|definition| definition["properties"].as_object());
    let line = |(name, property): (&String, &Json)| {
        let about = property["description"].as_str().unwrap_or_default().replace('\n', " ");
        format!("- `{name}`: {about}")
    };
    properties.into_iter().flatten().map(line).collect::<Vec<_>>().join("\n")
}

fn indented(yaml: &str) -> String {
    yaml.lines().map(|line| format!("  {line}")).collect::<Vec<_>>().join("\n")
}

/// The JSON Schema of a list of rules: each item has exactly one kind as its key.
pub fn rules_schema(generator: &mut SchemaGenerator) -> Schema {
    let mut kinds = Map::new();
    for kind in RULE_KINDS {
        let mut settings = kind.schema(generator);
        settings.insert("description".into(), kind.about().finds.into());
        kinds.insert(kind.name().into(), settings.into());
    }
    json_schema!({
        "type": "array",
        "description": "Rules: what must hold about the rows.",
        "items": {
            "type": "object",
            "properties": Json::Object(kinds),
            "additionalProperties": false,
            "minProperties": 1,
            "maxProperties": 1,
        },
    })
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_manual_page_has_its_four_parts() {
        let page = explain("not_null").unwrap();
        for part in
            ["# not_null", "Dimension: completeness. Looks at every row", "What it finds", "Why it matters", "What to do", "  - not_null:"]
        {
            assert!(page.contains(part), "{part} is not in\n{page}");
        }
        assert_eq!(explain("nonsense"), None);
    }

    /// `UPDATE_DOCS=1 cargo test -p hw-validate reference` writes the section anew.
    #[test]
    fn the_reference_in_the_manual_is_the_one_of_the_kinds() {
        let path = std::path::Path::new(env!("CARGO_MANIFEST_DIR")).join("../../docs/rules.md");
        let page = std::fs::read_to_string(&path).unwrap();
        let (before, _) = page.split_once("## The kinds\n").unwrap();
        let expected = format!("{before}## The kinds\n\n{}\n", reference().trim_end());
        if std::env::vars().any(|(name, _)| name == "UPDATE_DOCS") {
            std::fs::write(&path, &expected).unwrap();
        } else {
            assert_eq!(page, expected, "docs/rules.md is stale");
        }
    }

    #[test]
    fn the_schema_knows_every_kind_and_its_settings() {
        let mut generator = SchemaGenerator::default();
        let schema = rules_schema(&mut generator).to_value();
        let kinds = schema["items"]["properties"].as_object().unwrap();
        assert_eq!(kinds.len(), RULE_KINDS.len());
        let definitions = serde_json::to_string(generator.definitions()).unwrap();
        assert!(definitions.contains("\"where\"") && definitions.contains("\"at_least\""), "{definitions}");
    }
}
