//! Charts as inline SVG. Each is an image with a description; the numbers stand beside it as text.

use hw_base::{Histogram, NumberFacts, Quantile};

use super::markup::text;
use super::short_score;

/// Width and height of a histogram.
const WIDTH: f64 = 320.0;
const HEIGHT: f64 = 84.0;

/// A histogram as bars; empty where there is nothing to show.
pub(super) fn histogram(histogram: &Histogram, described: &str) -> String {
    let bars = bars(histogram, WIDTH, HEIGHT);
    if bars.is_empty() {
        return bars;
    }
    format!(
        "<svg class=\"hist\" viewBox=\"0 0 {WIDTH} {HEIGHT}\" preserveAspectRatio=\"none\" role=\"img\" aria-label=\"{}\">\
         <path d=\"{bars}\"/></svg>",
        text(described)
    )
}

/// A small histogram without words, for a row of a table that has them.
pub(super) fn spark(histogram: &Histogram) -> String {
    let bars = bars(histogram, 80.0, 20.0);
    if bars.is_empty() {
        return bars;
    }
    format!("<svg class=\"spark\" viewBox=\"0 0 80 20\" preserveAspectRatio=\"none\" aria-hidden=\"true\"><path d=\"{bars}\"/></svg>")
}

/// Where values are missing: darker where more are. Blocks of one shade are drawn as one.
pub(super) fn strip(shares: &[f64], described: &str) -> String {
    let width = WIDTH / shares.len().max(1) as f64;
    let mut blocks = String::new();
    let mut start = 0;
    while start < shares.len() {
        let shade = shade(shares[start]);
        let end = shares[start..].iter().position(|share| self::shade(*share) != shade).map_or(shares.len(), |more| start + more);
        if shade > 0 {
            let (left, across) = (width * start as f64, width * (end - start) as f64);
            blocks.push_str(&format!("<path d=\"M{left:.1} 0h{across:.1}v14h-{across:.1}z\" opacity=\".{shade}\"/>"));
        }
        start = end;
    }
    format!(
        "<svg class=\"gaps\" viewBox=\"0 0 {WIDTH} 14\" preserveAspectRatio=\"none\" role=\"img\" aria-label=\"{}\">{blocks}</svg>",
        text(described)
    )
}

/// 0 for nothing missing, else one of nine shades; the first is dark enough to be seen.
fn shade(share: f64) -> u8 {
    match share {
        share if share <= 0.0 => 0,
        share if share < 0.05 => 3,
        share if share < 0.2 => 4,
        share if share < 0.5 => 6,
        share if share < 0.8 => 8,
        _ => 9,
    }
}

/// The bars as one path. A step that holds anything is seen.
fn bars(histogram: &Histogram, width: f64, height: f64) -> String {
    let most = histogram.counts.iter().copied().max().unwrap_or(0) as f64;
    if most <= 0.0 {
        return String::new();
    }
    let step = width / histogram.counts.len() as f64;
    let gap = if step > 4.0 { 1.0 } else { 0.0 };
    let filled = histogram.counts.iter().enumerate().filter(|(_, count)| **count > 0);
    let bar = |(index, count): (usize, &u64)| {
        let tall = (*count as f64 / most * height).max(1.5);
        let (left, across) = (step * index as f64, step - gap);
        format!("M{left:.1} {:.1}h{across:.1}v{tall:.1}h-{across:.1}z", height - tall)
    };
    filled.map(bar).collect()
}

/// The quantiles as a box from the first to the third quartile, with a line at the median and whiskers to 1 % and 99 %.
pub(super) fn box_plot(numbers: &NumberFacts) -> String {
    let at = |share: f64| numbers.quantiles.iter().find(|quantile| (quantile.at - share).abs() < 1e-9).map(value);
    let (Some(Some(low)), Some(Some(first)), Some(Some(middle)), Some(Some(third)), Some(Some(high))) =
        (at(0.01), at(0.25), at(0.5), at(0.75), at(0.99))
    else {
        return String::new();
    };
    if high <= low {
        return String::new();
    }
    let x = |value: f64| 4.0 + (value - low) / (high - low) * (WIDTH - 8.0);
    let (first, middle, third) = (x(first), x(middle), x(third));
    format!(
        "<svg class=\"box\" viewBox=\"0 0 {WIDTH} 20\" preserveAspectRatio=\"none\" aria-hidden=\"true\">\
         <path class=\"line\" d=\"M4 10H{:.1}M4 5v10M{:.1} 5v10\"/>\
         <rect x=\"{first:.1}\" y=\"3\" width=\"{:.1}\" height=\"14\"/><path class=\"middle\" d=\"M{middle:.1} 3v14\"/></svg>",
        WIDTH - 4.0,
        WIDTH - 4.0,
        (third - first).max(1.0),
    )
}

fn value(quantile: &Quantile) -> Option<f64> {
    quantile.value.is_finite().then_some(quantile.value)
}

/// A score as a ring, 0 to 100, with its number in the middle.
pub(super) fn ring(score: f64, class: &str) -> String {
    let shown = short_score(score);
    let around = 2.0 * std::f64::consts::PI * 52.0;
    let filled = around * score.clamp(0.0, 100.0) / 100.0;
    format!(
        "<svg class=\"ring {class}\" viewBox=\"0 0 120 120\" role=\"img\" aria-label=\"overall score {shown} of 100\">\
         <circle class=\"track\" cx=\"60\" cy=\"60\" r=\"52\"/>\
         <circle class=\"fill\" cx=\"60\" cy=\"60\" r=\"52\" stroke-dasharray=\"{filled:.1} {around:.1}\" transform=\"rotate(-90 60 60)\"/>\
         <text x=\"60\" y=\"66\">{shown}</text><text class=\"of\" x=\"60\" y=\"84\">of 100</text></svg>"
    )
}
