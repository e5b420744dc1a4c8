//! `like`: text fits a pattern with `%` and `_`.

use hw_base::{Column, literal};

use crate::columns::{as_text, find};
use crate::explain::About;
use crate::kinds::{Require, RuleKind, check_patterns, patterns, violates_patterns};
use crate::rule::{Problems, RuleBody};
use crate::shape::Shape;
use crate::shared_settings::{Common, counting_settings, kind_is};

/// Text fits a pattern with `%` and `_`.
#[derive(Debug)]
pub(super) struct Like;

counting_settings! {
    /// Settings of `like`.
    LikeSettings {
        /// The column.
        column: String,
        /// The pattern of the whole text: `%` stands for any characters or none, `_` for one character.
        pattern: Option<String>,
        /// Several patterns in place of one.
        patterns: Option<Vec<String>>,
        /// How many of the patterns the text must fit: `any` of them (where it is not given) or `all`.
        #[serde(default)]
        require: Require,
        /// Whether the text must fit none of the patterns.
        #[serde(default)]
        not: bool,
        /// Whether upper and lower case are the same.
        #[serde(default)]
        ignore_case: bool,
    }
}

impl RuleKind for Like {
    kind_is!("like", Validity, Row, LikeSettings);

    fn about(&self) -> About {
        About {
            finds: "Texts that do not fit the pattern as a whole, where `%` stands for any characters or none and `_` for one. With `patterns`, texts that fit none of them, or not all of them with `require: all`. With `not: true`, texts that fit one. Nulls are the business of `not_null`.",
            matters: "A simple form is easier to read as a pattern than as a regular expression, and a wrong prefix joins to nothing.",
            example: "- like: { column: email, pattern: '%_@_%._%' }\n- like: { column: status, patterns: ['test%', 'dummy%'], not: true }",
            remedy: "Mend the form in the model where it can be told, for example with `trim` or `upper`; ask the source otherwise.",
        }
    }
}

impl RuleBody for LikeSettings {
    fn common(&self) -> Common {
        self.shared()
    }

    fn columns(&self) -> Vec<String> {
        vec![self.column.clone()]
    }

    fn check(&self, problems: &mut Problems<'_>) {
        check_patterns(self.pattern.as_deref(), self.patterns.as_deref(), problems);
    }

    fn shape(&self, columns: &[Column]) -> Result<Shape, String> {
        let text = as_text(find(columns, &self.column)?);
        let operator = if self.ignore_case { "ilike" } else { "like" };
        let fits = patterns(self.pattern.as_ref(), self.patterns.as_ref()).map(|pattern| format!("{text} {operator} {}", literal(pattern)));
        Ok(Shape::Row { violates: violates_patterns(&fits.collect::<Vec<_>>(), self.require, self.not) })
    }
}

#[cfg(test)]
mod tests {
    use serde_json::json;

    use crate::testing::{check_row, refused};

    #[test]
    fn texts_are_compared_with_the_patterns() {
        let check = |settings, table, sql| check_row(&json!({ "like": settings }), table, sql);
        check(json!({"column": "a", "pattern": "x%"}), "a varchar", "not (a like 'x%')");
        check(json!({"column": "a", "pattern": "x%", "not": true, "ignore_case": true}), "a bigint", "(cast(a as varchar) ilike 'x%')");
        check(json!({"column": "a", "patterns": ["x%", "y'"]}), "a varchar", "not (a like 'x%' or a like 'y''')");
        check(json!({"column": "a", "patterns": ["x%", "y"], "require": "all"}), "a varchar", "not (a like 'x%' and a like 'y')");
        check(json!({"column": "a", "patterns": ["x%", "y"], "not": true}), "a varchar", "(a like 'x%' or a like 'y')");
        let refuse = |settings| refused(&json!([{ "like": settings }]));
        assert!(refuse(json!({"column": "a"})).contains("no pattern is given"));
        assert!(refuse(json!({"column": "a", "patterns": []})).contains("no pattern is given"));
        assert!(refuse(json!({"column": "a", "pattern": "x", "patterns": ["y"]})).contains("keep one of them"));
    }
}
