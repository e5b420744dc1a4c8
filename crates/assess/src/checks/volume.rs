//! Times without rows and times with too many.

use hw_base::{Dimension, count, identifier, plural};

use crate::volume::{Stretch, Volume};
use crate::{Examination, Finding};

pub(super) fn volume_gaps(examination: &Examination) -> Option<Finding> {
    let volume = examination.evidence.volume.as_ref()?;
    let missing = volume.gaps.iter().map(|gap| gap.usual).sum::<f64>();
    let rows = whole(scaled(examination, missing));
    (!volume.gaps.is_empty()).then(|| {
        of_volume(examination, volume, Finding::new("volume_gap", Dimension::Completeness, rows))
            .confidence(0.6)
            .says(format!(
                "no rows in {} by `{}`, where about {} would be usual",
                told(&volume.gaps, volume.span),
                volume.column,
                plural(rows, "row")
            ))
            .shows(shown(&volume.gaps))
            .fix("ask the source for the time that is missing; `no_gaps` tells the next one")
    })
}

pub(super) fn volume_spikes(examination: &Examination) -> Option<Finding> {
    let volume = examination.evidence.volume.as_ref()?;
    let excess = volume.spikes.iter().map(|spike| spike.rows as f64 - spike.usual).sum::<f64>();
    let rows = whole(scaled(examination, excess));
    (!volume.spikes.is_empty()).then(|| {
        of_volume(examination, volume, Finding::new("volume_spike", Dimension::Consistency, rows))
            .confidence(0.4)
            .weight(0.5)
            .says(format!("about {} more than usual in {} by `{}`", plural(rows, "row"), told(&volume.spikes, volume.span), volume.column))
            .shows(shown(&volume.spikes))
            .fix("find out whether something was delivered twice, or whether more happened than usual")
    })
}

fn of_volume(examination: &Examination, volume: &Volume, finding: Finding) -> Finding {
    let name = identifier(&volume.column);
    let span = format!("date_trunc('{}', {name})", volume.span);
    finding.column(&volume.column).query(format!(
        "select {span} as {}_of_rows, count(*) as rows_came from {} where {name} is not null group by {span} order by {span}",
        volume.span, examination.shown_as
    ))
}

/// `3 stretches of 5 days`, or the only one by its name.
fn told(stretches: &[Stretch], span: &str) -> String {
    match stretches {
        [only] if only.from == only.to => format!("the {span} {}", only.from),
        [only] => format!("the {span}s from {} to {}", only.from, only.to),
        several => format!("{} stretches of {span}s", count(several.len() as u64)),
    }
}

fn shown(stretches: &[Stretch]) -> Vec<String> {
    let line = |one: &Stretch| {
        let span = if one.from == one.to { one.from.clone() } else { format!("{} to {}", one.from, one.to) };
        format!("{span}: {} instead of about {}", count(one.rows), count(whole(one.usual)))
    };
    stretches.iter().take(5).map(line).collect()
}

/// A number of coded rows as one of all rows.
fn scaled(examination: &Examination, rows: f64) -> f64 {
    let coded = examination.evidence.relations.as_ref().map_or(0, |relations| relations.rows);
    if coded == 0 { rows } else { rows * examination.facts.rows as f64 / coded as f64 }
}

fn whole(rows: f64) -> u64 {
    #[expect(clippy::cast_possible_truncation, clippy::cast_sign_loss, reason = "rows are few enough, and the cast saturates")]
    let whole = rows.round() as u64;
    whole
}
