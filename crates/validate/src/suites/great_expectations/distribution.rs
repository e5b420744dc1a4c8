//! Partition objects of Great Expectations, as distributions.

use serde_json::json;

use super::expectations::ALWAYS_HOLDS;
use crate::suites::words::{Arguments, number};
use crate::suites::{Rules, Translation};

/// A partition in bins, with what is declared beyond their ends.
struct Bins {
    edges: Vec<f64>,
    weights: Vec<f64>,
}

/// A limit that every float of a usual kind lies within.
const ENDLESS: f64 = f64::MAX / 10.0;

impl Bins {
    /// Adds a bin for what lies beyond each end that is not endless already.
    fn of(edges: Vec<f64>, weights: Vec<f64>, tails: Option<&[f64]>, holdout: f64) -> Result<Self, String> {
        let mut bins = Self { edges, weights };
        let is_endless = |edge: Option<&f64>| edge.is_some_and(|edge| edge.is_infinite());
        let (low, high) = (is_endless(bins.edges.first()), is_endless(bins.edges.last()));
        let (below, above) = match tails {
            Some([below, above]) if !low && !high && holdout == 0.0 => (Some(*below), Some(*above)),
            Some(_) => return Err("`tail_weights` do not go with `tail_weight_holdout` or with endless bins".into()),
            None if low && high && holdout > 0.0 => return Err("`tail_weight_holdout` does not go with endless bins".into()),
            None if low || high => ((!low).then_some(holdout), (!high).then_some(holdout)),
            None => (Some(holdout / 2.0), Some(holdout / 2.0)),
        };
        if let Some(below) = below.filter(|_| holdout > 0.0 || tails.is_some()) {
            bins.weights.insert(0, below);
            bins.edges.insert(0, -ENDLESS);
        }
        if let Some(above) = above.filter(|_| holdout > 0.0 || tails.is_some()) {
            bins.weights.push(above);
            bins.edges.push(ENDLESS);
        }
        bins.edges = bins.edges.iter().map(|edge| edge.clamp(-ENDLESS, ENDLESS)).collect();
        Ok(bins)
    }
}

/// The weights less what is held out, each zero with its part of what is held out inside.
fn held_out(weights: &[f64], tail: f64, inside: f64) -> Vec<f64> {
    let zeros = weights.iter().filter(|weight| **weight == 0.0).count();
    let spread = if zeros > 0 { inside / zeros as f64 } else { 0.0 };
    weights.iter().map(|weight| if *weight == 0.0 { spread } else { weight * (1.0 - tail - inside) }).collect()
}

/// The rule on the distance of a column's values from a partition.
pub(super) fn distribution(distance: &str, limit: &str, their_limit: &str, arguments: &Arguments<'_>) -> Translation {
    arguments.ignore(&["bucketize_data"]);
    let (partition, column, greatest) = (arguments.get("partition_object"), arguments.text("column")?, arguments.get(their_limit));
    let (tail, inside) =
        (arguments.number("tail_weight_holdout").unwrap_or(0.0), arguments.number("internal_weight_holdout").unwrap_or(0.0));
    if greatest.is_null() && distance == "kl_divergence" {
        return Err(ALWAYS_HOLDS.into());
    }
    if [tail, inside].iter().any(|share| !(0.0..=1.0).contains(share)) {
        return Err("what is held out must be a share between 0 and 1".into());
    }
    let list = |key: &str| -> Option<Vec<f64>> { partition.get(key)?.as_array()?.iter().map(number).collect() };
    let weights = list("weights").ok_or("`partition_object` is not set or has no `weights`")?;
    let declared: f64 = weights.iter().chain(&list("tail_weights").unwrap_or_default()).sum();
    if (declared - 1.0).abs() > 0.001 || weights.iter().any(|weight| *weight < 0.0) {
        return Err(format!("the weights of `partition_object` add up to {declared} and not to 1"));
    }
    let mut settings = json!({"column": column, "distance": distance, limit: greatest});
    let (mut weights, mut others) = (held_out(&weights, tail, inside), 0.0);
    match (partition.get("values"), list("bins")) {
        (Some(_), _) if inside > 0.0 => return Err("`internal_weight_holdout` does not go with values".into()),
        (Some(values), _) => (settings["values"], others) = (values.clone(), tail),
        (None, Some(edges)) if distance == "kl_divergence" => {
            let bins = Bins::of(edges, weights, list("tail_weights").as_deref(), tail)?;
            (settings["bins"], weights) = (json!(bins.edges), bins.weights);
        }
        _ => {
            return Err(format!(
                "`partition_object` has nothing that `{distance}` can measure: give `values`, or `bins` for kl_divergence"
            ));
        }
    }
    // Their measure brings the weights back to a sum of 1.
    let sum = weights.iter().sum::<f64>() + others;
    settings["weights"] = json!(weights.iter().map(|weight| weight / sum).collect::<Vec<_>>());
    if others > 0.0 {
        settings["others"] = json!(others / sum);
    }
    let rules = Rules::one("distribution", settings);
    let note = "all values outside of the partition are one part, where Great Expectations gives each its own";
    Ok(if others > 0.0 { rules.note(note) } else { rules })
}
