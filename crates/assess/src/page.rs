//! The report as one page that people send to each other: it runs no script and loads nothing.

mod chart;
mod columns;
mod findings;
mod markup;
mod relations;
mod rules;
mod scores;
mod source;

use hw_base::{Severity, plural};

use crate::score::number;
use crate::{Assessment, shown_score};
use markup::{text, value};

pub(crate) use source::source_page;

const STYLE: &str = include_str!("page/style.css");

impl Assessment {
    /// The assessment as one self-contained HTML page, for light and dark, for phones and for print. Everything that comes
    /// from the data is escaped, and the page forbids itself scripts and the network.
    pub fn to_html(&self) -> String {
        let title = format!("Data quality of {}", self.about.name);
        let sections = [
            (scores::section(self), "scores", "Scores", None),
            (findings::issues(self), "issues", "Issues", Some(self.findings.len())),
            (findings::actions(self), "actions", "Actions", Some(self.actions.len())),
            (columns::section(self), "columns", "Columns", Some(self.facts.columns.len())),
            (relations::section(self), "keys", "Keys", None),
            (rules::drift(self), "drift", "Drift", self.drift.as_ref().map(|drift| drift.changes.len())),
            (rules::section(self), "rules", "Rules", Some(self.proposals.len())),
        ];
        let links: Vec<(&str, &str, Option<usize>)> =
            sections.iter().filter(|section| !section.0.is_empty()).map(|(_, id, name, many)| (*id, *name, *many)).collect();
        let body: String = sections.iter().map(|(content, ..)| content.as_str()).collect();
        page(&title, &self.top(), &links, &body, &self.foot())
    }

    fn top(&self) -> String {
        let overall = self.scores.overall;
        let mut facts = vec![
            format!("<li><b>{}</b></li>", plural(self.facts.rows, "row")),
            format!("<li><b>{}</b></li>", plural(self.facts.columns.len() as u64, "column")),
            format!("<li>source {}</li>", value(&self.about.source)),
        ];
        facts.extend(self.freshness.as_ref().map(|freshness| {
            let (from, to) = (freshness.oldest.format("%Y-%m-%d"), freshness.newest.format("%Y-%m-%d"));
            format!("<li>{from} to {to} by {}</li>", value(&freshness.column))
        }));
        facts.extend(self.about.use_for.as_ref().map(|use_for| format!("<li>used for <b>{}</b></li>", text(use_for))));
        facts.push(format!("<li>assessed {}</li>", self.at.format("%Y-%m-%d %H:%M UTC")));
        facts.extend(self.about.as_of_in_words().map(|moment| format!("<li>ages as of {moment}</li>")));
        format!(
            "<div><p class=\"kicker\">Data quality assessment</p><h1>{}</h1><ul class=\"facts\">{}</ul><p class=\"verdict\">{}</p></div>{}",
            text(&self.about.name),
            facts.concat(),
            self.verdict(),
            chart::ring(overall, scores::band(overall).class),
        )
    }

    /// What a reader in a hurry takes away.
    fn verdict(&self) -> String {
        let of = |severity| self.issues().filter(|issue| issue.severity == severity).count() as u64;
        let counts = [(of(Severity::High), "high"), (of(Severity::Medium), "medium"), (of(Severity::Low), "low")];
        let told: Vec<String> = counts.iter().filter(|(count, _)| *count > 0).map(|(count, word)| format!("{count} {word}")).collect();
        let issues = match self.findings.len() as u64 {
            0 => "No issue was found".to_owned(),
            all => format!("{} found: {}", plural(all, "issue"), told.join(", ")),
        };
        let first = self.actions.iter().find(|action| action.overall_score_after - self.scores.overall >= 0.1);
        let first = first.map(|action| format!(" The first action that moves it takes the score to {:.1}.", action.overall_score_after));
        let (word, population, bound) = (scores::band(self.scores.overall).word, self.population(), self.error_in_words());
        format!("<b>{word}.</b> {issues}, on {population}.{} {bound}", first.unwrap_or_default())
    }

    fn foot(&self) -> String {
        format!(
            "<p>Assessment {} by Headworks. Every number is about {}. This page runs no script and loads nothing; the same report for \
             programs is in <code>assessment.json</code>.</p>",
            value(&self.id),
            self.population()
        )
    }
}

/// A page: its title, what stands on top, the links to its sections with how much each holds, the sections and the foot.
fn page(title: &str, top: &str, links: &[(&str, &str, Option<usize>)], body: &str, foot: &str) -> String {
    let link = |(id, name, many): &(&str, &str, Option<usize>)| {
        let many = many.map(|many| format!(" <small>{many}</small>")).unwrap_or_default();
        format!("<li><a href=\"#{id}\">{name}{many}</a></li>")
    };
    let links: String = links.iter().map(link).collect();
    format!(
        "<!doctype html>\n<html lang=\"en\">\n<head>\n<meta charset=\"utf-8\">\n\
         <meta name=\"viewport\" content=\"width=device-width,initial-scale=1\">\n\
         <meta http-equiv=\"Content-Security-Policy\" content=\"default-src 'none'; style-src 'unsafe-inline'\">\n\
         <meta name=\"color-scheme\" content=\"light dark\">\n<title>{}</title>\n<style>\n{STYLE}</style>\n</head>\n<body>\n\
         <a class=\"skip\" href=\"#main\">Skip to the report</a>\n<header><div class=\"top\">{top}</div></header>\n\
         <nav aria-label=\"Sections\"><ul>{links}</ul></nav>\n<main id=\"main\">\n{body}</main>\n<footer>{foot}</footer>\n</body>\n</html>\n",
        text(title)
    )
}

/// The word and the sign of a severity; the colour only repeats them.
fn severity_tag(severity: Severity) -> String {
    let (class, word) = match severity {
        Severity::High => ("high", "▲ high"),
        Severity::Medium => ("medium", "◆ medium"),
        Severity::Low => ("low", "● low"),
    };
    format!("<span class=\"tag {class}\">{word}</span>")
}

/// Where the card of a column stands on the page.
fn column_anchor(assessment: &Assessment, name: &str) -> Option<String> {
    assessment.facts.columns.iter().position(|column| column.name == name).map(|index| format!("c{index}"))
}

/// The name of a column, as a link to its card.
fn column_link(assessment: &Assessment, name: &str) -> String {
    match column_anchor(assessment, name) {
        Some(anchor) => format!("<a href=\"#{anchor}\">{}</a>", value(name)),
        None => value(name),
    }
}

/// A score as [`shown_score`] has it, without a decimal where it is perfect.
fn short_score(score: f64) -> String {
    if score < 100.0 { shown_score(score) } else { "100".into() }
}
