//! The issues and what to do about them.

use hw_base::{ExampleRow, Severity, Share, count};

use super::markup::{self, bar, full_sentence, sentence, text, value};
use super::{column_link, severity_tag};
use crate::action::moved;
use crate::{Action, Assessment, Finding};

pub(super) fn issues(assessment: &Assessment) -> String {
    if assessment.findings.is_empty() {
        let nothing = format!("<p class=\"card\">None was found on {}.</p>", assessment.population());
        return markup::section("issues", "Issues", "", &nothing);
    }
    let articles: String = assessment.findings.iter().map(|finding| article(assessment, finding)).collect();
    let lead = "What matters most comes first. Each query can be run again by anyone who has the data.";
    markup::section("issues", "Issues", lead, &articles)
}

fn article(assessment: &Assessment, finding: &Finding) -> String {
    let issue = &finding.issue;
    let class = match issue.severity {
        Severity::High => "high",
        Severity::Medium => "medium",
        Severity::Low => "low",
    };
    let place = match (&issue.column, issue.columns.as_slice()) {
        (Some(column), _) => format!(" in {}", column_link(assessment, column)),
        (None, [_, _, ..]) => format!(" in {}", issue.columns.iter().map(|column| value(column)).collect::<Vec<_>>().join(", ")),
        _ => String::new(),
    };
    format!(
        "<article class=\"issue {class}\"><header><h3>{}{place}</h3>{}</header><ul class=\"meta\"><li><b>{}</b></li>\
         <li>{}{} {} {}</li><li>confidence <b>{:.0} %</b></li></ul><p>{}</p>{}{}<p><b>Fix:</b> {}</p>{}</article>\n",
        text(&capital(&issue.code.replace('_', " "))),
        severity_tag(issue.severity),
        issue.dimension.name(),
        if finding.is_estimate { "about " } else { "" },
        count(issue.rows),
        rows_word(issue.rows),
        format_args!("({}){}", Share(issue.share), bar(issue.share, class_of(issue.severity))),
        issue.confidence * 100.0,
        full_sentence(&issue.description),
        examples(&issue.examples),
        rows(&issue.example_rows),
        full_sentence(&issue.fix),
        query(&issue.query),
    )
}

fn rows_word(rows: u64) -> &'static str {
    if rows == 1 { "row" } else { "rows" }
}

fn class_of(severity: Severity) -> &'static str {
    match severity {
        Severity::High => "poor",
        Severity::Medium => "fair",
        Severity::Low => "low",
    }
}

fn capital(words: &str) -> String {
    let mut chars = words.chars();
    chars.next().map(|first| first.to_uppercase().chain(chars).collect()).unwrap_or_default()
}

fn examples(examples: &[String]) -> String {
    if examples.is_empty() {
        return String::new();
    }
    let shown: Vec<String> = examples.iter().map(|example| format!("<code>{}</code>", text(&markup::cut(example, 160)))).collect();
    format!("<p class=\"examples\"><b>Examples:</b> {}</p>", shown.concat())
}

/// Rows that the page shows of an issue.
const SHOWN_ROWS: usize = 3;

/// Some rows with what they are found by; all that are shown have the same columns.
fn rows(rows: &[ExampleRow]) -> String {
    let Some(first) = rows.first() else { return String::new() };
    let heading = |(name, _): (&str, &str)| format!("<th scope=\"col\">{}</th>", value(name));
    let cell = |(_, told): (&str, &str)| format!("<td>{}</td>", value(told));
    let line = |row: &ExampleRow| format!("<tr><th scope=\"row\">{}</th>{}</tr>", row.row, row.cells().map(cell).collect::<String>());
    let headings: String = first.cells().map(heading).collect();
    let lines: String = rows.iter().take(SHOWN_ROWS).map(line).collect();
    format!(
        "<div class=\"rows\" role=\"region\" aria-label=\"Some of the rows\" tabindex=\"0\"><table><caption>Some of the rows, \
         counted from 0</caption><thead><tr><th scope=\"col\">row</th>{headings}</tr></thead><tbody>{lines}</tbody></table></div>"
    )
}

fn query(sql: &str) -> String {
    if sql.is_empty() {
        return String::new();
    }
    format!("<details><summary>Query that shows the rows</summary><pre><code>{}</code></pre></details>", text(sql))
}

pub(super) fn actions(assessment: &Assessment) -> String {
    if assessment.actions.is_empty() {
        return markup::section("actions", "Actions", "", "<p class=\"card\">Nothing would raise a score.</p>");
    }
    let (first, further) = assessment.actions.split_at(assessment.actions.len().min(SHOWN_ACTIONS));
    let list = |actions: &[Action], start: usize| {
        let items: String = actions.iter().map(|action| item(assessment, action)).collect();
        format!("<ol class=\"acts\" style=\"counter-reset:a {start}\">{items}</ol>")
    };
    let further = match further {
        [] => String::new(),
        further => format!("<details><summary>{} further</summary>{}</details>", further.len(), list(further, SHOWN_ACTIONS)),
    };
    let lead = "What pays most comes first: rows affected × severity × use, against effort. Each score is recomputed without the issue.";
    markup::section("actions", "Actions", lead, &(list(first, 0) + &further))
}

/// Actions that are shown at once.
const SHOWN_ACTIONS: usize = 8;

fn item(assessment: &Assessment, action: &Action) -> String {
    format!(
        "<li class=\"act\"><p>{}</p><ul class=\"meta\"><li class=\"gain\">{}</li><li>overall <b>{}</b></li>\
         <li>effort {}</li><li>{}</li></ul></li>\n",
        full_sentence(&action.action),
        sentence(&action.expected_improvement.replace("->", "→")),
        moved(assessment.scores.overall, action.overall_score_after).replace("->", "→"),
        action.estimated_effort.name(),
        severity_tag(action.priority),
    )
}
