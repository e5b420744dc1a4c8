//! `matches`: text has the form that a regular expression describes.

use std::sync::Arc;

use hw_base::{Column, ColumnFacts, ColumnType, Dimension, Result, Settings, TableFacts, TextShape, count, literal, plural};
use regex::Regex;
use schemars::{Schema, SchemaGenerator};
use serde_json::json;

use crate::columns::{as_text, find};
use crate::explain::About;
use crate::kinds::{Require, RuleKind, check_patterns, patterns, violates_patterns};
use crate::propose::{Proposal, percent_above};
use crate::rule::{Problems, RuleBody, Scope, read_body};
use crate::shape::Shape;
use crate::shared_settings::{Common, counting_settings};

/// A form that fewer of the values have is not the form of the column.
const FEWEST_OF_SHAPE: f64 = 0.95;

/// The forms that are worth a rule, and how to tell them.
const FORMS: &[(TextShape, &str)] = &[
    (TextShape::Email, r"^\s*[A-Za-z0-9._%+-]+@[A-Za-z0-9-]+(\.[A-Za-z0-9-]+)+\s*$"),
    (TextShape::Uuid, r"^\s*[0-9A-Fa-f]{8}-[0-9A-Fa-f]{4}-[0-9A-Fa-f]{4}-[0-9A-Fa-f]{4}-[0-9A-Fa-f]{12}\s*$"),
    (TextShape::Date, r"^\s*[0-9]{4}-(0[1-9]|1[0-2])-(0[1-9]|[12][0-9]|3[01])\s*$"),
    (TextShape::Timestamp, r"^\s*[0-9]{4}-(0[1-9]|1[0-2])-(0[1-9]|[12][0-9]|3[01])[T ][0-9]{2}:[0-9]{2}"),
    (TextShape::Url, r"^\s*[A-Za-z]{2,10}://[^ ]*\.[^ ]*\s*$"),
];

/// Text has the form that a regular expression describes.
#[derive(Debug)]
pub(super) struct Matches;

counting_settings! {
    /// Settings of `matches`.
    MatchesSettings {
        /// The column.
        column: String,
        /// The regular expression. It may match anywhere in the text; `^` and `$` tie it to the ends.
        pattern: Option<String>,
        /// Several regular expressions in place of one.
        patterns: Option<Vec<String>>,
        /// How many of the expressions must match: `any` of them (where it is not given) or `all`.
        #[serde(default)]
        require: Require,
        /// Whether none of the expressions may match.
        #[serde(default)]
        not: bool,
        /// Whether upper and lower case are the same.
        #[serde(default)]
        ignore_case: bool,
    }
}

impl RuleKind for Matches {
    fn name(&self) -> &'static str {
        "matches"
    }

    fn dimension(&self) -> Dimension {
        Dimension::Validity
    }

    fn scope(&self) -> Scope {
        Scope::Row
    }

    fn schema(&self, generator: &mut SchemaGenerator) -> Schema {
        generator.subschema_for::<MatchesSettings>()
    }

    fn read(&self, settings: &Settings) -> Result<Arc<dyn RuleBody>> {
        read_body::<MatchesSettings>(settings)
    }

    fn about(&self) -> About {
        About {
            finds: "Texts that the regular expression does not match; with `not: true`, texts that it does match. It may match anywhere in the text: begin it with `^` and end it with `$` to match the whole. With `patterns`, texts that none of them matches, or not all of them with `require: all`; with `not: true`, texts that one of them matches. Matching takes time in proportion to the text, whatever the expression; so looking ahead or back (`(?=…)`, `\\1`) is not known. Nulls are the business of `not_null`.",
            matters: "An address without an `@` bounces, and a code with a blank in it joins to nothing.",
            example: "- matches: { column: email, pattern: '^[^@ ]+@[^@ ]+\\.[^@ ]+$', at_most: 1% }",
            remedy: "Mend the form in the model where it can be told, for example with `trim` or `upper`; ask the source otherwise. Check with the examples that the expression itself is right.",
        }
    }

    fn propose(&self, facts: &TableFacts) -> Vec<Proposal> {
        facts.columns.iter().filter(|column| column.kind == ColumnType::Text).filter_map(propose_for).collect()
    }
}

fn propose_for(column: &ColumnFacts) -> Option<Proposal> {
    let values = column.rows.saturating_sub(column.nulls);
    let shapes = &column.text.as_ref()?.shapes;
    let (found, (_, pattern)) = FORMS.iter().find_map(|form| {
        shapes.iter().find(|found| found.shape == form.0 && is_the_form(found.count, values)).map(|found| (found, form))
    })?;
    let others = values.saturating_sub(found.count);
    let settings = match others {
        0 => json!({ "column": column.name, "pattern": pattern, "on_failure": "quarantine" }),
        _ => json!({ "column": column.name, "pattern": pattern, "at_most": percent_above(others, values), "on_failure": "alert" }),
    };
    let reason =
        format!("{} of {} of `{}` have the form `{}`", count(found.count), plural(values, "value"), column.name, found.shape.name());
    Proposal::new("matches", &settings, std::slice::from_ref(column), reason, values)
}

fn is_the_form(count: u64, values: u64) -> bool {
    count > 0 && count as f64 >= FEWEST_OF_SHAPE * values as f64
}

/// What to do about an expression that takes more memory than is allowed.
const TOO_LARGE: &str = "repetitions such as `{1000}` make it large, most of all inside of each other and of `\\w` or `.`; \
    use smaller ones, or leave the number of characters to `length`";

/// Expressions are matched in time that grows with the text alone, so what needs looking around or back is not known.
fn remedy(pattern: &str) -> &'static str {
    if ["(?=", "(?!", "(?<=", "(?<!"].iter().any(|part| pattern.contains(part)) || has_back_reference(pattern) {
        "looking ahead, behind or back is not known here, so that no expression takes for ever; \
         say it with two rules, one of them with `not: true`, or with `expression`"
    } else {
        "put the pattern in single quotes, and a `\\` before a sign that is meant as it stands, such as `\\(`"
    }
}

fn has_back_reference(pattern: &str) -> bool {
    pattern.split('\\').skip(1).any(|rest| rest.starts_with(|c: char| c.is_ascii_digit()))
}

impl RuleBody for MatchesSettings {
    fn common(&self) -> Common {
        self.shared()
    }

    fn columns(&self) -> Vec<String> {
        vec![self.column.clone()]
    }

    fn check(&self, problems: &mut Problems<'_>) {
        check_patterns(self.pattern.as_deref(), self.patterns.as_deref(), problems);
        let key = if self.patterns.is_some() { "patterns" } else { "pattern" };
        for pattern in patterns(self.pattern.as_ref(), self.patterns.as_ref()) {
            if let Err(error) = Regex::new(pattern) {
                match error {
                    regex::Error::CompiledTooBig(_) => problems.add(key, format!("`{key}` is too large a regular expression"), TOO_LARGE),
                    error => {
                        let reason = error.to_string().lines().last().unwrap_or_default().trim_start_matches("error: ").to_owned();
                        problems.add(key, format!("`{key}` is no regular expression: {reason}"), remedy(pattern));
                    }
                }
            }
        }
    }

    fn shape(&self, columns: &[Column]) -> Result<Shape, String> {
        let column = find(columns, &self.column)?;
        let flags = if self.ignore_case { ", 'i'" } else { "" };
        let matches = patterns(self.pattern.as_ref(), self.patterns.as_ref())
            .map(|pattern| format!("regexp_like({}, {}{flags})", as_text(column), literal(pattern)));
        Ok(Shape::Row { violates: violates_patterns(&matches.collect::<Vec<_>>(), self.require, self.not) })
    }
}

#[cfg(test)]
mod tests {
    use hw_base::{ShapeCount, TextShape};
    use regex::Regex;
    use serde_json::json;

    use super::FORMS;
    use crate::testing::{check_proposals, check_row, refused, text_facts};

    #[test]
    fn texts_are_compared_with_the_expression() {
        check_row(&json!({"matches": {"column": "a", "pattern": "^'"}}), "a varchar", "not (regexp_like(a, '^'''))");
        check_row(&json!({"matches": {"column": "a", "pattern": "x", "not": true}}), "a varchar", "(regexp_like(a, 'x'))");
        check_row(
            &json!({"matches": {"column": "a", "pattern": "x", "ignore_case": true}}),
            "a bigint",
            "not (regexp_like(cast(a as varchar), 'x', 'i'))",
        );
    }

    #[test]
    fn an_expression_that_does_not_compile_is_refused() {
        let error = refused(&json!([{"matches": {"column": "a", "pattern": "(x"}}]));
        assert!(error.contains("`pattern` is no regular expression: unclosed group"), "{error}");
        let error = refused(&json!([{"matches": {"column": "a", "pattern": "(\\w{1000}){1000}"}}]));
        assert!(error.contains("`pattern` is too large a regular expression") && error.contains("`length`"), "{error}");
    }

    #[test]
    fn several_expressions_are_any_or_all() {
        let check = |settings: serde_json::Value, sql| check_row(&json!({ "matches": settings }), "a varchar", sql);
        check(json!({"column": "a", "patterns": ["x", "y"]}), "not (regexp_like(a, 'x') or regexp_like(a, 'y'))");
        check(json!({"column": "a", "patterns": ["x", "y"], "require": "all"}), "not (regexp_like(a, 'x') and regexp_like(a, 'y'))");
        check(json!({"column": "a", "patterns": ["x", "y"], "not": true}), "(regexp_like(a, 'x') or regexp_like(a, 'y'))");
    }

    #[test]
    fn what_could_take_for_ever_is_not_known() {
        for pattern in ["(?=a)b", "(a)\\1", "(?<!x)y"] {
            let error = refused(&json!([{"matches": {"column": "a", "pattern": pattern}}]));
            assert!(error.contains("looking ahead, behind or back is not known"), "{error}");
        }
    }

    #[test]
    fn every_form_matches_what_has_its_shape() {
        let texts = ["a.b@c.example", "123e4567-e89b-12d3-a456-426614174000", "2026-01-31", "2026-01-31T12:00:00Z", "https://a.example/x"];
        for ((shape, pattern), text) in FORMS.iter().zip(texts) {
            assert_eq!(TextShape::of(text), *shape);
            assert!(Regex::new(pattern).unwrap().is_match(text), "{pattern} does not match {text}");
            assert!(!Regex::new(pattern).unwrap().is_match("nothing of the kind"));
        }
    }

    #[test]
    fn a_form_that_almost_all_texts_have_is_proposed() {
        let mut table = text_facts("email", &[("a@b.example", 600), ("c@d.example", 400)]);
        table.columns[0].text.as_mut().unwrap().shapes =
            vec![ShapeCount { shape: TextShape::Email, count: 980 }, ShapeCount { shape: TextShape::Other, count: 20 }];
        check_proposals(
            "matches",
            &table,
            &[
                r#"{"column":"email","pattern":"^\\s*[A-Za-z0-9._%+-]+@[A-Za-z0-9-]+(\\.[A-Za-z0-9-]+)+\\s*$","at_most":"3%","on_failure":"alert"}: 980 of 1,000 values of `email` have the form `e-mail address`"#,
            ],
        );
    }
}
