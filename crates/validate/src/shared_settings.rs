//! The settings that rules of many kinds share, written into each kind's settings so that every key keeps its place.

use hw_base::{Notes, OnFailure, Severity, Share, Tolerance};
use schemars::JsonSchema;
use serde::Deserialize;

/// What all rules have besides the settings of their kind.
#[derive(Clone, Debug, PartialEq)]
pub struct Common {
    /// The name the user gave.
    pub name: Option<String>,
    /// How much may break the rule.
    pub tolerance: Tolerance,
    /// What happens if it breaks.
    pub on_failure: OnFailure,
    /// Only rows where this SQL is true are judged.
    pub condition: Option<String>,
    /// What the user tells about the rule.
    pub notes: Notes,
}

/// How much a broken rule matters, as a project writes it.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Deserialize, JsonSchema)]
#[serde(rename_all = "snake_case")]
pub(crate) enum SeverityWord {
    /// Fix it before the data is used.
    High,
    /// Fix it soon.
    Medium,
    /// Worth knowing.
    Low,
}

impl From<SeverityWord> for Severity {
    fn from(word: SeverityWord) -> Self {
        match word {
            SeverityWord::High => Self::High,
            SeverityWord::Medium => Self::Medium,
            SeverityWord::Low => Self::Low,
        }
    }
}

/// The tolerance that `at_least` or `at_most` says; none where neither is given.
pub(crate) fn tolerance(at_least: Option<Share>, at_most: Option<Tolerance>) -> Tolerance {
    match (at_least, at_most) {
        (Some(share), _) => Tolerance::Share(share.complement()),
        (None, Some(tolerance)) => tolerance,
        (None, None) => Tolerance::NONE,
    }
}

/// Declares the settings of a kind that counts rows: its own, and those that all such kinds share.
macro_rules! counting_settings {
    ($(#[$about:meta])* $name:ident { $($(#[$doc:meta])* $field:ident: $type:ty,)* }) => {
        $(#[$about])*
        #[derive(Debug, serde::Deserialize, schemars::JsonSchema)]
        #[serde(deny_unknown_fields)]
        struct $name {
            $($(#[$doc])* $field: $type,)*
            /// A name of your own for the rule, unique within its list.
            name: Option<String>,
            /// The share of rows that must hold, such as `95%`. All of them where neither this nor `at_most` is given.
            at_least: Option<hw_base::Share>,
            /// How many rows may break the rule: a share such as `5%`, or a number of rows such as `100`.
            at_most: Option<hw_base::Tolerance>,
            /// What happens if the rule breaks: `block` (where it is not given), `quarantine` (for rules on single rows, `unique` and `referential`), `alert` or `log`.
            #[serde(default)]
            on_failure: hw_base::OnFailure,
            /// Judge only the rows where this SQL condition is true.
            #[serde(rename = "where")]
            condition: Option<String>,
            /// How much a broken rule matters: `high`, `medium` or `low`.
            severity: Option<$crate::shared_settings::SeverityWord>,
            /// Who is asked about the rule: a person, a team or an address.
            owner: Option<String>,
            /// What the rule promises, in a sentence.
            description: Option<String>,
        }

        impl $name {
            fn shared(&self) -> $crate::shared_settings::Common {
                $crate::shared_settings::Common {
                    name: self.name.clone(),
                    tolerance: $crate::shared_settings::tolerance(self.at_least, self.at_most),
                    on_failure: self.on_failure,
                    condition: self.condition.clone(),
                    notes: hw_base::Notes {
                        severity: self.severity.map(Into::into),
                        owner: self.owner.clone(),
                        description: self.description.clone(),
                    },
                }
            }
        }
    };
}

/// Declares the settings of a kind that measures one value over all rows: its own, and those that all such kinds share.
macro_rules! measuring_settings {
    ($(#[$about:meta])* $name:ident { $($(#[$doc:meta])* $field:ident: $type:ty,)* }) => {
        $(#[$about])*
        #[derive(Debug, serde::Deserialize, schemars::JsonSchema)]
        #[serde(deny_unknown_fields)]
        struct $name {
            $($(#[$doc])* $field: $type,)*
            /// A name of your own for the rule, unique within its list.
            name: Option<String>,
            /// What happens if the rule breaks: `block` (where it is not given), `alert` or `log`.
            #[serde(default)]
            on_failure: hw_base::OnFailure,
            /// Measure only the rows where this SQL condition is true.
            #[serde(rename = "where")]
            condition: Option<String>,
            /// How much a broken rule matters: `high`, `medium` or `low`.
            severity: Option<$crate::shared_settings::SeverityWord>,
            /// Who is asked about the rule: a person, a team or an address.
            owner: Option<String>,
            /// What the rule promises, in a sentence.
            description: Option<String>,
        }

        impl $name {
            fn shared(&self) -> $crate::shared_settings::Common {
                $crate::shared_settings::Common {
                    name: self.name.clone(),
                    tolerance: hw_base::Tolerance::NONE,
                    on_failure: self.on_failure,
                    condition: self.condition.clone(),
                    notes: hw_base::Notes {
                        severity: self.severity.map(Into::into),
                        owner: self.owner.clone(),
                        description: self.description.clone(),
                    },
                }
            }
        }
    };
}

/// Declares, inside its `impl RuleKind`, what a kind is called, what it watches and looks at, and the type of its settings.
macro_rules! kind_is {
    ($name:literal, $dimension:ident, $scope:ident, $settings:ty) => {
        fn name(&self) -> &'static str {
            $name
        }

        fn dimension(&self) -> hw_base::Dimension {
            hw_base::Dimension::$dimension
        }

        fn scope(&self) -> $crate::rule::Scope {
            $crate::rule::Scope::$scope
        }

        fn schema(&self, generator: &mut schemars::SchemaGenerator) -> schemars::Schema {
            generator.subschema_for::<$settings>()
        }

        fn read(&self, settings: &hw_base::Settings) -> hw_base::Result<std::sync::Arc<dyn $crate::rule::RuleBody>> {
            $crate::rule::read_body::<$settings>(settings)
        }
    };
}

pub(crate) use {counting_settings, kind_is, measuring_settings};

#[cfg(test)]
mod tests {
    use super::*;

    #[track_caller]
    fn check(at_least: &str, violations: u64, rows: u64, holds: bool) {
        let share: Tolerance = at_least.parse().unwrap();
        let Tolerance::Share(share) = share else { panic!("{at_least} is no share") };
        assert_eq!(tolerance(Some(share), None).admits(violations, rows), holds, "{at_least}: {violations} of {rows}");
    }

    #[test]
    fn at_least_admits_exactly_its_complement() {
        check("95%", 50, 1000, true);
        check("95%", 51, 1000, false);
        check("90%", 100_000_000, 1_000_000_000, true);
        check("90%", 100_000_001, 1_000_000_000, false);
        check("100%", 1, 1_000_000, false);
        check("0%", 10, 10, true);
        check("95%", 0, 0, true);
    }
}
