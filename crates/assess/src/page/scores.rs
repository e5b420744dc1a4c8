//! The scores, with the numbers that went in.

use hw_base::Dimension;

use super::markup::{self, bar, sentence, text, value};
use super::{number, short_score};
use crate::sampled::OverallError;
use crate::{Assessment, Score};

/// What a score is called.
pub(super) struct Band {
    pub(super) class: &'static str,
    pub(super) word: &'static str,
}

/// From 95 on data is sound, from 80 on usable with care.
pub(super) fn band(score: f64) -> Band {
    match score {
        score if score >= 95.0 => Band { class: "good", word: "Sound" },
        score if score >= 80.0 => Band { class: "fair", word: "Usable with care" },
        _ => Band { class: "poor", word: "Needs work" },
    }
}

pub(super) fn section(assessment: &Assessment) -> String {
    let cards: String = assessment.scores.dimensions.iter().map(|score| card(assessment, score)).collect();
    let lead = "Score = 100 × (1 − affected / judged). An issue adds to <i>affected</i> what it affects times its confidence: a fact \
                counts in full, a suspicion as much as it is sure. The issues of one column add up to no more than the column has.";
    let content = format!("<div class=\"dims\">{cards}</div>\n<p class=\"formula\">{}</p>", overall(assessment));
    markup::section("scores", "Scores", lead, &content)
}

fn card(assessment: &Assessment, score: &Score) -> String {
    let name = score.dimension.name();
    let Some(value) = score.score else {
        return format!(
            "<article class=\"dim\"><header><h3>{name}</h3><span class=\"big none\">not judged</span></header>\
             <p class=\"note\">{}; it takes no part in the overall score.</p></article>\n",
            sentence(&score.basis)
        );
    };
    let band = band(value);
    format!(
        "<article class=\"dim\"><header><h3>{name}</h3><span class=\"big {}\">{}</span></header>{}\
         <p class=\"formula\">100 × (1 − {} / {}) = {}{}</p><p class=\"note\">{}</p>{}</article>\n",
        band.class,
        short_score(value),
        bar(value / 100.0, band.class),
        number(score.affected),
        number(score.judged),
        number(value),
        assessment.score_error_in_words(score),
        basis(score),
        parts(score)
    )
}

/// What the numbers count.
fn basis(score: &Score) -> String {
    format!("{} = {} {}", number(score.judged), sentence(&score.basis), text(&unit(score)))
}

fn unit(score: &Score) -> String {
    if score.dimension == Dimension::Timeliness { String::new() } else { format!("({})", score.unit) }
}

fn parts(score: &Score) -> String {
    if score.parts.is_empty() {
        return String::new();
    }
    let part = |part: &crate::ScorePart| {
        let column = part.column.as_ref().map(|column| format!(" in {}", value(column))).unwrap_or_default();
        let (code, affected) = (part.code.replace('_', " "), number(part.affected));
        format!("<li>{}{column}: {affected} × {} (at most {})</li>", text(&code), part.confidence, number(part.at_most))
    };
    let parts: Vec<String> = score.parts.iter().map(part).collect();
    format!("<details><summary>What went in ({})</summary><ul class=\"parts\">{}</ul></details>", parts.len(), parts.concat())
}

/// `Overall = (98.4 + 100) / 2 = 99.2`, with the weights where they differ.
fn overall(assessment: &Assessment) -> String {
    let weights = &assessment.about.limits.weights;
    let known: Vec<(f64, f64)> =
        assessment.scores.dimensions.iter().filter_map(|score| Some((score.score?, weights.of(score.dimension)))).collect();
    if known.is_empty() {
        return "No dimension could be judged, so the overall score is <b>0</b>: nothing vouches for the data".into();
    }
    let is_even = known.windows(2).all(|pair| pair[0].1.total_cmp(&pair[1].1).is_eq());
    let term = |(score, weight): &(f64, f64)| if is_even { number(*score) } else { format!("{} × {weight}", number(*score)) };
    let sum: Vec<String> = known.iter().map(term).collect();
    let whole = if is_even { known.len() as f64 } else { known.iter().map(|(_, weight)| weight).sum() };
    let error = assessment.overall_error().map(OverallError::in_words).unwrap_or_default();
    format!("Overall = ({}) / {} = <b>{}</b>{error}", sum.join(" + "), number(whole), number(assessment.scores.overall))
}
