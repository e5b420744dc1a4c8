//! `distribution`: the values spread as declared.

use hw_base::{Column, ColumnType, identifier};
use schemars::JsonSchema;
use serde::Deserialize;

use super::filtered;
use crate::columns::{as_double, find};
use crate::critical::{chi_squared, kolmogorov};
use crate::exact::Exact;
use crate::explain::About;
use crate::kinds::{RuleKind, comparable};
use crate::rule::{Problems, RuleBody};
use crate::scalar::Scalar;
use crate::shape::{Bounds, Limit, LimitValue, Shape};
use crate::shared_settings::{Common, kind_is, measuring_settings};

/// How far weights may add up to something else than 1.
const WEIGHTS_MAY_MISS: f64 = 0.001;

/// The share that an empty bin counts as in the population stability index, which would be endless otherwise.
const LEAST_SHARE: f64 = 0.0001;

/// The values spread as declared.
#[derive(Debug)]
pub(super) struct Distribution;

/// How the distance between two distributions is told.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Deserialize, JsonSchema)]
#[serde(rename_all = "snake_case")]
enum Distance {
    /// The Kullback-Leibler divergence of what is found from what is declared, in nats.
    KlDivergence,
    /// The population stability index.
    Psi,
    /// The statistic of the chi-squared test on the counts.
    ChiSquared,
    /// The greatest distance of the cumulated shares (Kolmogorov and Smirnov).
    KolmogorovSmirnov,
    /// Half the sum of the distances of the shares: the share of values that would have to move.
    TotalVariation,
}

measuring_settings! {
    /// Settings of `distribution`.
    DistributionSettings {
        /// The column.
        column: String,
        /// The values, for a column of words or codes.
        values: Option<Vec<Scalar>>,
        /// The limits between the bins, in order and one more than there are weights, for a column of numbers. A bin begins at its lower limit; the last also holds its upper one.
        bins: Option<Vec<f64>>,
        /// The declared share of each value or bin; together they are 1.
        weights: Vec<f64>,
        /// How the distance is told: `kl_divergence`, `psi`, `chi_squared`, `kolmogorov_smirnov` (for `bins`) or `total_variation`.
        distance: Distance,
        /// The greatest distance.
        max: Option<f64>,
        /// For `chi_squared` and `kolmogorov_smirnov`, in place of `max`: the distance that differs by chance with less probability than this breaks the rule, such as `0.05`.
        min_p_value: Option<f64>,
        /// The share that is declared for all values or numbers outside of the list; none where it is not given.
        others: Option<f64>,
    }
}

impl RuleKind for Distribution {
    kind_is!("distribution", Accuracy, Aggregate, DistributionSettings);

    fn about(&self) -> About {
        About {
            finds: "A distance between the shares of the values (`values`) or bins (`bins`) and the declared `weights` that is greater than `max`, or that chance would give with less probability than `min_p_value`. Values outside of the list count as one more, with the share `others`. Nulls and `NaN` are left out; no values at all break the rule. Where a value is found that has no weight, `kl_divergence` and `chi_squared` are endless; `psi` counts an empty share as 0.0001. Usual limits of `psi`: 0.1 for a small change, 0.25 for a large one.",
            matters: "A model that was trained on one mix of customers, or a forecast made for it, is wrong for another, though every row is right.",
            example: "- distribution: { column: status, values: [pending, shipped, delivered], weights: [0.1, 0.2, 0.7], distance: psi, max: 0.25, on_failure: alert }\n- distribution: { column: total_amount, bins: [0, 50, 200, 10000], weights: [0.5, 0.4, 0.1], distance: kolmogorov_smirnov, max: 0.1 }",
            remedy: "Count the values by day or source, to see when and where the shares moved. Declare new weights if the change is real.",
        }
    }
}

/// One bin: SQL for the number of its values, and the share that is declared for it.
struct Bin {
    count: String,
    weight: f64,
}

impl Distance {
    fn name(self) -> &'static str {
        match self {
            Self::KlDivergence => "kl_divergence",
            Self::Psi => "psi",
            Self::ChiSquared => "chi_squared",
            Self::KolmogorovSmirnov => "kolmogorov_smirnov",
            Self::TotalVariation => "total_variation",
        }
    }

    fn has_p_value(self) -> bool {
        matches!(self, Self::ChiSquared | Self::KolmogorovSmirnov)
    }

    /// The distance in SQL; null where there are no values.
    fn sql(self, bins: &[Bin], total: &str) -> String {
        let total = format!("nullif(cast({total} as double), 0)");
        let terms: Vec<String> = bins.iter().map(|bin| self.term(bin, &format!("({} / {total})", bin.count), &total)).collect();
        match self {
            Self::KolmogorovSmirnov => format!("greatest({})", cumulated(bins, &total).join(", ")),
            Self::TotalVariation => format!("({}) / 2", terms.join(" + ")),
            Self::KlDivergence | Self::Psi | Self::ChiSquared => terms.join(" + "),
        }
    }

    fn term(self, bin: &Bin, share: &str, total: &str) -> String {
        let (count, weight) = (&bin.count, bin.weight);
        match self {
            Self::KlDivergence | Self::ChiSquared if weight == 0.0 => {
                format!("case when {count} = 0 then {share} else cast('Infinity' as double) end")
            }
            Self::KlDivergence => format!("case when {count} = 0 then {share} else {share} * ln({share} / {weight}) end"),
            Self::Psi => {
                let (found, declared) = (format!("greatest({share}, {LEAST_SHARE})"), weight.max(LEAST_SHARE));
                format!("({found} - {declared}) * ln({found} / {declared})")
            }
            Self::ChiSquared => format!("({count} - {weight} * {total}) * ({count} - {weight} * {total}) / ({weight} * {total})"),
            Self::KolmogorovSmirnov | Self::TotalVariation => format!("abs({share} - {weight})"),
        }
    }
}

/// The distances of the cumulated shares, bin by bin.
fn cumulated(bins: &[Bin], total: &str) -> Vec<String> {
    let mut weight = 0.0;
    let mut counts = Vec::new();
    let mut distances = Vec::new();
    for bin in bins {
        weight += bin.weight;
        counts.push(bin.count.as_str());
        distances.push(format!("abs(({}) / {total} - {weight})", counts.join(" + ")));
    }
    distances
}

impl DistributionSettings {
    fn bins_of(&self, columns: &[Column]) -> Result<(Vec<Bin>, String), String> {
        let column = find(columns, &self.column)?;
        let counted = |condition: String| filtered("count(*)", Some(&self.and_condition(&condition)));
        let (conditions, all) = match (&self.values, &self.bins) {
            (Some(values), _) => {
                let (name, written) = comparable(column, values)?;
                let listed = format!("{name} in ({})", written.join(", "));
                let mut conditions: Vec<String> = written.iter().map(|value| format!("{name} = {value}")).collect();
                conditions.push(format!("not ({listed})"));
                (conditions, not_null(column))
            }
            (None, Some(edges)) => {
                let value = match column.kind {
                    ColumnType::Text => format!("try_cast({} as double)", identifier(&column.name)),
                    _ => as_double(column, "distribution with `bins`")?,
                };
                let number = |edge: &f64| Exact::of(*edge).map(|edge| edge.to_string()).unwrap_or_default();
                let last = edges.len().saturating_sub(2);
                let bin = |(at, pair): (usize, &[f64])| {
                    let upper = if at == last { "<=" } else { "<" };
                    format!("{value} >= {} and {value} {upper} {}", number(&pair[0]), number(&pair[1]))
                };
                let mut conditions: Vec<String> = edges.windows(2).enumerate().map(bin).collect();
                let (low, high) = (edges.first().map(number).unwrap_or_default(), edges.last().map(number).unwrap_or_default());
                conditions.push(format!("({value} < {low} or {value} > {high}) and not isnan({value})"));
                (conditions, format!("{value} is not null and not isnan({value})"))
            }
            (None, None) => return Err("neither `values` nor `bins` is given".into()),
        };
        let weights = self.weights.iter().copied().chain([self.others.unwrap_or_default()]);
        let bins = conditions.into_iter().zip(weights).map(|(condition, weight)| Bin { count: counted(condition), weight });
        Ok((bins.collect(), counted(all)))
    }

    fn and_condition(&self, condition: &str) -> String {
        match &self.condition {
            Some(own) => format!("({own}\n) and {condition}"),
            None => condition.into(),
        }
    }

    /// The greatest distance, and SQL to scale the measured one by, where it depends on the number of values.
    fn limit(&self, total: &str) -> (f64, String) {
        let Some(p_value) = self.min_p_value else { return (self.max.unwrap_or_default(), String::new()) };
        match self.distance {
            Distance::KolmogorovSmirnov => {
                let root = format!("sqrt(cast({total} as double))");
                (kolmogorov(p_value), format!(" * ({root} + 0.12 + 0.11 / nullif({root}, 0))"))
            }
            _ => (
                chi_squared(p_value, self.weights.len().saturating_sub(1) + usize::from(self.others.is_some_and(|share| share > 0.0))),
                String::new(),
            ),
        }
    }

    fn check_weights(&self, problems: &mut Problems<'_>) {
        if let Some(odd) = self.weights.iter().chain(&self.others).find(|weight| !(0.0..=1.0).contains(*weight)) {
            problems.add("weights", format!("`{odd}` is no share"), "give numbers between 0 and 1");
            return;
        }
        let sum: f64 = self.weights.iter().chain(&self.others).sum();
        if (sum - 1.0).abs() > WEIGHTS_MAY_MISS {
            problems.add("weights", format!("the weights add up to {sum}"), "give shares that add up to 1; `others` is one of them");
        }
    }

    fn check_bins(&self, problems: &mut Problems<'_>) {
        let (bins, key) = match (&self.values, &self.bins) {
            (Some(_), Some(_)) => return problems.add("bins", "`values` and `bins` are both given", "keep one of them"),
            (None, None) => {
                return problems.add("values", "neither `values` nor `bins` is given", "add `values: […]`, or `bins: […]` for numbers");
            }
            (Some(values), None) => (values.len(), "values"),
            (None, Some(edges)) => (edges.len().saturating_sub(1), "bins"),
        };
        if bins == 0 || bins != self.weights.len() {
            let what = if key == "bins" { "limits of bins are one more than weights" } else { "each value has one weight" };
            problems.add("weights", format!("{} weights do not fit `{key}`: {what}", self.weights.len()), format!("give {bins} weights"));
        }
        if self.bins.as_ref().is_some_and(|edges| !edges.is_sorted_by(|a, b| a < b)) {
            problems.add("bins", "the limits of the bins do not rise", "write them in order, each once");
        }
    }
}

fn not_null(column: &Column) -> String {
    format!("{} is not null", identifier(&column.name))
}

impl RuleBody for DistributionSettings {
    fn common(&self) -> Common {
        self.shared()
    }

    fn columns(&self) -> Vec<String> {
        vec![self.column.clone()]
    }

    fn check(&self, problems: &mut Problems<'_>) {
        self.check_bins(problems);
        self.check_weights(problems);
        match (self.max, self.min_p_value) {
            (Some(max), None) if max >= 0.0 => {}
            (Some(_), None) => problems.add("max", "a distance is not negative", "give 0 or more"),
            (None, Some(_)) if !self.distance.has_p_value() => {
                problems.add("min_p_value", format!("`{}` has no p-value", self.distance.name()), "use `max`");
            }
            (None, Some(p_value)) if p_value > 0.0 && p_value < 1.0 => {}
            (None, Some(p_value)) => problems.add("min_p_value", format!("`{p_value}` is no probability"), "give a number between 0 and 1"),
            (Some(_), Some(_)) => problems.add("min_p_value", "`max` and `min_p_value` are both given", "keep one of them"),
            (None, None) => problems.add("max", "no greatest distance is given", "add `max:`, or `min_p_value:` for a test"),
        }
        if self.distance == Distance::KolmogorovSmirnov && self.bins.is_none() {
            problems.add("distance", "`kolmogorov_smirnov` needs an order of the values", "give `bins`, or use `psi`");
        }
    }

    fn shape(&self, columns: &[Column]) -> Result<Shape, String> {
        if self.values.is_some() && find(columns, &self.column)?.kind == ColumnType::Float {
            return Err(format!("column `{}` holds floats, which are rarely equal to a value; use `bins`", self.column));
        }
        let (bins, total) = self.bins_of(columns)?;
        let (limit, scale) = self.limit(&total);
        let expression = format!("({}){scale}", self.distance.sql(&bins, &total));
        let label = format!("{}({})", self.distance.name(), identifier(&self.column));
        let max = Exact::of(limit).map(|limit| Limit::inside(LimitValue::Number(limit)));
        Ok(Shape::Aggregate { expression, label, bounds: Bounds::Between { min: None, max } })
    }
}

#[cfg(test)]
mod tests {
    use serde_json::{Value as Json, json};

    use crate::testing::{check_aggregate, check_misfit, refused};

    #[test]
    fn shares_are_compared_with_weights() {
        let rule = json!({"distribution": {"column": "a", "values": ["x", "y"], "weights": [0.25, 0.75], "distance": "total_variation", "max": 0.1}});
        let total = "nullif(cast(count(*) filter (where (a is not null)) as double), 0)";
        let expected = format!(
            "((abs((count(*) filter (where (a = 'x')) / {total}) - 0.25) + abs((count(*) filter (where (a = 'y')) / {total}) - 0.75) + \
             abs((count(*) filter (where (not (a in ('x', 'y')))) / {total}) - 0)) / 2): at most 0.1"
        );
        check_aggregate(&rule, "a varchar", &expected);
        check_misfit(&rule, "a double", "column `a` holds floats, which are rarely equal to a value; use `bins`");
    }

    #[test]
    fn a_probability_becomes_a_greatest_distance() {
        let rule = |distance: &str| json!({"distribution": {"column": "a", "bins": [0, 1, 2, 3], "weights": [0.5, 0.25, 0.25], "distance": distance, "min_p_value": 0.05}});
        for (distance, limit) in [("chi_squared", "5.991"), ("kolmogorov_smirnov", "1.358")] {
            let shape = crate::testing::shape_of(&rule(distance), "a bigint").unwrap();
            let crate::shape::Shape::Aggregate { bounds, .. } = shape else { panic!("{shape:?}") };
            assert!(bounds.words().starts_with(&format!("at most {limit}")), "{distance}: {}", bounds.words());
        }
    }

    #[test]
    fn weights_must_fit() {
        let refuse = |change: Json| {
            let mut settings = json!({"column": "a", "values": ["x", "y"], "weights": [0.25, 0.75], "distance": "psi", "max": 0.1});
            change.as_object().unwrap().iter().for_each(|(key, value)| settings[key] = value.clone());
            refused(&json!([{ "distribution": settings }]))
        };
        assert!(refuse(json!({"weights": [0.5, 0.6]})).contains("the weights add up to 1.1"));
        assert!(refuse(json!({"weights": [1.0]})).contains("give 2 weights"));
        assert!(refuse(json!({"weights": [-1.0, 2.0]})).contains("`-1` is no share"));
        assert!(refuse(json!({"max": -1.5})).contains("not negative"));
        assert!(refuse(json!({"min_p_value": 0.05, "max": null})).contains("`psi` has no p-value"));
        assert!(refuse(json!({"min_p_value": 0.05})).contains("keep one of them"));
        assert!(refuse(json!({"distance": "kolmogorov_smirnov"})).contains("needs an order"));
        assert!(refuse(json!({"values": null})).contains("neither `values` nor `bins`"));
        assert!(refuse(json!({"values": null, "bins": [1, 1, 2]})).contains("do not rise"));
    }
}
