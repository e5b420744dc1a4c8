//! Rules that hold: proposed from one part of the rows, judged on the rest.
//!
//! The rows that nobody looked at while proposing are taken as good. Whatever a rule flags there is a false alarm, so their
//! share is the false-alarm rate that the rule carries. A rule that fails there beyond its tolerance is not proposed.

use std::collections::HashMap;

use hw_base::{Dimension, RuleResult, Share, Verdict, count, identifier, plural};
use hw_validate::Proposal;
use serde::Serialize;

/// The rules that were proposed, and what became of them on the rows held back.
#[derive(Clone, Debug, Default, PartialEq)]
pub struct HeldRules {
    /// The rules that held, in the order they were proposed.
    pub kept: Vec<HeldRule>,
    /// The rules that did not, with the reason.
    pub dropped: Vec<DroppedRule>,
    /// How the rows were parted, in words.
    pub split: String,
}

/// A rule that held on rows it was not made from.
#[derive(Clone, Debug, PartialEq)]
pub struct HeldRule {
    /// The rule.
    pub proposal: Proposal,
    /// How it came out on the rows held back.
    pub trial: Trial,
}

/// How a rule came out on rows it was not made from.
#[derive(Clone, Debug, PartialEq, Serialize)]
pub struct Trial {
    /// Rows it was judged on.
    pub rows: u64,
    /// Rows among them that it flags.
    pub violations: u64,
    /// `violations` as a share of `rows`, 0 to 1: the false-alarm rate.
    pub false_alarm_rate: f64,
    /// The upper end of the 95 % interval of that share (Wilson), 0 to 1.
    pub at_most: f64,
    /// What was measured, for a rule on one value over all rows: such a rule flags no single row.
    pub measured: Option<String>,
}

/// A rule that did not hold.
#[derive(Clone, Debug, PartialEq, Serialize)]
pub struct DroppedRule {
    /// Its kind.
    pub kind: String,
    /// Its columns.
    pub columns: Vec<String>,
    /// The dimension it would have watched.
    pub dimension: Dimension,
    /// Why it is not proposed.
    pub reason: String,
}

/// Keeps the proposals that held in `verdict`, which judged them on rows held back, in their order; then drops what another
/// kept rule implies. `split` says how the rows were parted.
pub fn hold(proposals: Vec<Proposal>, verdict: &Verdict, split: impl Into<String>) -> HeldRules {
    let mut rules = HeldRules { split: split.into(), ..HeldRules::default() };
    for (proposal, result) in proposals.into_iter().zip(&verdict.results) {
        match failure(result) {
            Some(reason) => rules.dropped.push(dropped(&proposal, reason)),
            None => rules.kept.push(HeldRule { proposal, trial: Trial::of(result) }),
        }
    }
    rules.without_implied()
}

/// Why a rule failed on the rows held back; `None` where it held.
fn failure(result: &RuleResult) -> Option<String> {
    if let Some(error) = &result.error {
        return Some(format!("it could not be judged on the rows held back: {error}"));
    }
    (!result.held).then(|| match &result.measured {
        Some(measured) => format!("on the rows held back {measured}"),
        None => format!(
            "{} of {} held back break it ({}), and it tolerates {}",
            count(result.violations),
            plural(result.rows, "row"),
            Share(result.share),
            result.tolerance
        ),
    })
}

/// A proposal that is none, and why.
pub(crate) fn dropped(proposal: &Proposal, reason: String) -> DroppedRule {
    DroppedRule { kind: proposal.kind.clone(), columns: proposal.columns.clone(), dimension: proposal.dimension, reason }
}

impl Trial {
    fn of(result: &RuleResult) -> Self {
        let share = if result.rows == 0 { 0.0 } else { result.violations as f64 / result.rows as f64 };
        Self {
            rows: result.rows,
            violations: result.violations,
            false_alarm_rate: share,
            at_most: upper(result.violations, result.rows),
            measured: result.measured.clone(),
        }
    }

    /// `0 of 250 rows held back break it, so at most 1.51 % do`.
    pub fn words(&self) -> String {
        if let Some(measured) = &self.measured {
            return format!("{measured} on {} held back", plural(self.rows, "row"));
        }
        let at_most = self.at_most * 100.0;
        format!("{} of {} held back break it, so at most {at_most:.2} % of all do", count(self.violations), plural(self.rows, "row"))
    }
}

/// The upper end of Wilson's 95 % interval of a share; 1 where there are no rows.
fn upper(part: u64, whole: u64) -> f64 {
    if whole == 0 {
        return 1.0;
    }
    let (z, n) = (1.96, whole as f64);
    let share = part as f64 / n;
    let centre = share + z * z / (2.0 * n);
    let margin = z * (share * (1.0 - share) / n + z * z / (4.0 * n * n)).sqrt();
    ((centre + margin) / (1.0 + z * z / n)).min(1.0)
}

impl HeldRules {
    /// The rules that held, each with how it came out as part of its reason.
    pub fn proposals(&self) -> Vec<Proposal> {
        let told =
            |rule: &HeldRule| Proposal { reason: format!("{}; {}", rule.proposal.reason, rule.trial.words()), ..rule.proposal.clone() };
        self.kept.iter().map(told).collect()
    }

    /// Without the rules that another kept rule implies.
    fn without_implied(mut self) -> Self {
        let all = std::mem::take(&mut self.kept);
        let stronger = Stronger::of(all.iter().map(|rule| &rule.proposal));
        for rule in &all {
            match stronger.find(&rule.proposal) {
                None => self.kept.push(rule.clone()),
                Some(by) => self.dropped.push(dropped(&rule.proposal, format!("the rule `{}` implies it", by.kind))),
            }
        }
        self
    }
}

/// Rules by what they may imply: a wide table has tens of thousands, and each is implied by few.
pub(crate) struct Stronger<'a> {
    by_columns: HashMap<&'a [String], Vec<&'a Proposal>>,
    keys: Vec<&'a Proposal>,
}

impl<'a> Stronger<'a> {
    pub(crate) fn of(rules: impl Iterator<Item = &'a Proposal>) -> Self {
        let (mut by_columns, mut keys): (HashMap<&[String], Vec<&Proposal>>, _) = (HashMap::new(), Vec::new());
        for rule in rules {
            by_columns.entry(&rule.columns).or_default().push(rule);
            if rule.kind == "unique" {
                keys.push(rule);
            }
        }
        Self { by_columns, keys }
    }

    /// Whether one of them flags the same rows as `weak`, the other way round.
    pub(crate) fn has_contrapositive_of(&self, weak: &Proposal) -> bool {
        let turned = columns_of_contrapositive(weak).and_then(|columns| self.by_columns.get(&columns[..]));
        turned.is_some_and(|rules| rules.iter().any(|strong| are_contrapositives(strong, weak)))
    }

    /// The first rule that implies `weak`.
    fn find(&self, weak: &Proposal) -> Option<&'a Proposal> {
        let turned = columns_of_contrapositive(weak);
        let same = [Some(&weak.columns[..]), turned.as_deref()].into_iter().flatten().filter_map(|columns| self.by_columns.get(columns));
        let keys = self.keys.iter().filter(|_| weak.kind == "unique");
        same.flatten().chain(keys).copied().find(|strong| implies(strong, weak))
    }
}

/// The column of the rule that says the same the other way round; `is_null b where a is null` is about `a`.
fn columns_of_contrapositive(rule: &Proposal) -> Option<Vec<String>> {
    let condition = rule.settings.get("where")?.as_str()?.strip_suffix(" is null").filter(|_| rule.kind == "is_null")?;
    let bare = condition.strip_prefix('"').and_then(|rest| rest.strip_suffix('"')).map(|quoted| quoted.replace("\"\"", "\""));
    Some(vec![bare.unwrap_or_else(|| condition.to_owned())])
}

/// Whether two rules flag the same rows: `not_null a where b is not null` and `is_null b where a is null`.
fn are_contrapositives(one: &Proposal, other: &Proposal) -> bool {
    let where_of = |proposal: &Proposal| proposal.settings.get("where").and_then(|text| text.as_str()).map(str::to_owned);
    let (Some(own), Some(theirs)) = (where_of(one), where_of(other)) else { return false };
    let is_of = |condition: &str, proposal: &Proposal, end: &str| match &proposal.columns[..] {
        [column] => condition == format!("{} {end}", identifier(column)),
        _ => false,
    };
    (one.kind.as_str(), other.kind.as_str()) == ("not_null", "is_null")
        && is_of(&own, other, "is not null")
        && is_of(&theirs, one, "is null")
}

/// Whether whatever keeps to `strong` keeps to `weak`, for two different rules.
fn implies(strong: &Proposal, weak: &Proposal) -> bool {
    let tolerates = |proposal: &Proposal| proposal.settings.get("at_most").is_some() || proposal.settings.get("at_least").is_some();
    // Of two that say the same, the one on what has to be there stays.
    if are_contrapositives(strong, weak) {
        return true;
    }
    if strong == weak || tolerates(strong) || strong.settings.get("where").is_some() {
        return false;
    }
    let same = strong.columns == weak.columns;
    match (strong.kind.as_str(), weak.kind.as_str()) {
        ("accepted_values", "matches" | "length" | "not_blank" | "range" | "distinct_count") | ("matches", "length" | "not_blank") => same,
        ("length", "not_blank") => same && strong.settings["min"].as_u64().is_some_and(|min| min > 0),
        ("unique", "unique") => strong.columns.len() < weak.columns.len() && strong.columns.iter().all(|own| weak.columns.contains(own)),
        _ => false,
    }
}

#[cfg(test)]
mod tests {
    use hw_base::{Notes, OnFailure};
    use serde_json::{Value as Json, json};

    use super::*;

    fn proposal(kind: &str, columns: &[&str], settings: Json) -> Proposal {
        Proposal {
            kind: kind.into(),
            settings,
            columns: columns.iter().map(|&column| column.into()).collect(),
            dimension: Dimension::Validity,
            on_failure: OnFailure::Block,
            definition: String::new(),
            reason: String::new(),
            support: 1,
        }
    }

    fn result(violations: u64, held: bool) -> RuleResult {
        RuleResult {
            id: String::new(),
            kind: String::new(),
            dimension: Dimension::Validity,
            columns: Vec::new(),
            held,
            rows: 1000,
            population: String::new(),
            violations,
            share: violations as f64 / 1000.0,
            tolerance: "none".into(),
            measured: None,
            action: OnFailure::Block,
            examples: Vec::new(),
            query: None,
            violating_rows: None,
            error: None,
            notes: Notes::default(),
        }
    }

    #[test]
    fn what_fails_on_the_rows_held_back_is_not_proposed() {
        let proposals = vec![proposal("not_null", &["a"], json!({})), proposal("range", &["b"], json!({}))];
        let rules = hold(proposals, &Verdict::over(vec![result(0, true), result(30, false)]), "by time");
        assert_eq!(rules.kept.len(), 1);
        assert_eq!(rules.kept[0].trial.words(), "0 of 1,000 rows held back break it, so at most 0.38 % of all do");
        assert_eq!(rules.dropped[0].reason, "30 of 1,000 rows held back break it (3 %), and it tolerates none");
    }

    #[test]
    fn no_kept_rule_is_implied_by_another() {
        let proposals = vec![
            proposal("unique", &["id"], json!({})),
            proposal("unique", &["id", "line"], json!({})),
            proposal("accepted_values", &["status"], json!({})),
            proposal("length", &["status"], json!({})),
            proposal("accepted_values", &["kind"], json!({ "at_most": "1%" })),
            proposal("length", &["kind"], json!({})),
        ];
        let rules = hold(proposals, &Verdict::over(vec![result(0, true); 6]), "by hash");
        let kept: Vec<String> =
            rules.kept.iter().map(|rule| format!("{} {}", rule.proposal.kind, rule.proposal.columns.join("+"))).collect();
        assert_eq!(kept, ["unique id", "accepted_values status", "accepted_values kind", "length kind"]);
        assert_eq!(rules.dropped.len(), 2);
    }

    #[test]
    fn of_two_rules_that_flag_the_same_rows_one_is_kept() {
        let rule = |kind: &str, column: &str, condition: &str| proposal(kind, &[column], json!({ "where": condition, "at_most": "1%" }));
        let proposals = vec![
            rule("not_null", "a", "b is not null"),
            rule("is_null", "b", "a is null"),
            rule("not_null", "b", "a is not null"),
            rule("is_null", "c", "a is null"),
        ];
        let rules = hold(proposals, &Verdict::over(vec![result(0, true); 4]), "by hash");
        let kept: Vec<String> =
            rules.kept.iter().map(|rule| format!("{} {}", rule.proposal.kind, rule.proposal.columns.join("+"))).collect();
        assert_eq!(kept, ["not_null a", "not_null b", "is_null c"]);
        assert_eq!(rules.dropped[0].reason, "the rule `not_null` implies it");
    }

    #[test]
    fn a_rule_that_a_dropped_rule_would_imply_is_kept() {
        let proposals = vec![proposal("accepted_values", &["a"], json!({})), proposal("length", &["a"], json!({}))];
        let rules = hold(proposals, &Verdict::over(vec![result(9, false), result(0, true)]), "");
        assert_eq!(rules.kept.len(), 1);
    }
}
