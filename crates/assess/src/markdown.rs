//! The report for reviews and tickets.

use hw_base::{ColumnFacts, Dimension, Issue, Severity, Share, count, plural};

use crate::column::{present, share_of};
use crate::examination::points;
use crate::{Assessment, ColumnScores, Drift, Finding, Meaning, Relations, Score, rules_yaml, shown_score};

impl Assessment {
    /// The assessment as Markdown. Values and names come from the data, so they never become markup.
    pub fn to_markdown(&self) -> String {
        let sections = [
            self.summary(),
            self.score_section(),
            self.issue_section(),
            self.action_section(),
            self.column_section(),
            relation_section(&self.relations),
            self.drift.as_ref().map(drift_section).unwrap_or_default(),
            self.rule_section(),
        ];
        let told: Vec<String> = sections.into_iter().filter(|section| !section.is_empty()).collect();
        told.join("\n\n") + "\n"
    }

    fn summary(&self) -> String {
        let mut lines = vec![
            format!("# Data quality of {}", code(&self.about.name)),
            String::new(),
            format!(
                "**Overall score: {} of 100.** Measured on {}, {}.",
                shown_score(self.scores.overall),
                self.population(),
                plural(self.facts.columns.len() as u64, "column")
            ),
            String::new(),
            format!("- Source: {}", code(&self.about.source)),
            format!("- Assessed: {} (id {})", self.at.format("%Y-%m-%d %H:%M UTC"), code(&self.id)),
        ];
        lines.extend(self.about.as_of_in_words().map(|moment| format!("- Ages are told as of: {moment}")));
        lines.extend(self.about.use_for.as_ref().map(|use_for| format!("- Used for: {}", escaped(use_for))));
        lines.extend(self.freshness.as_ref().map(|freshness| {
            let (from, to) = (freshness.oldest.format("%Y-%m-%d"), freshness.newest.format("%Y-%m-%d"));
            format!("- Period: {from} to {to}, by {}", code(&freshness.column))
        }));
        lines.push(format!("- Issues: {}", self.issue_counts()));
        lines.extend(Some(self.error_in_words()).filter(|words| !words.is_empty()).map(|words| format!("- {words}")));
        lines.join("\n")
    }

    fn issue_counts(&self) -> String {
        let of = |severity| self.issues().filter(|issue| issue.severity == severity).count();
        format!("{} high, {} medium, {} low", of(Severity::High), of(Severity::Medium), of(Severity::Low))
    }

    fn score_section(&self) -> String {
        let mut lines = vec![
            "## Scores".to_owned(),
            String::new(),
            "| dimension | score | affected | judged | unit | judged is |".into(),
            "| --- | ---: | ---: | ---: | --- | --- |".into(),
        ];
        lines.extend(self.scores.dimensions.iter().map(|score| score_line(score, &self.score_error_in_words(score))));
        lines.push(String::new());
        lines.push("Score = 100 × (1 − affected / judged). An issue adds to `affected` what it affects times its confidence; the issues of one column add up to no more than the column has.".into());
        lines.push(self.overall_sentence());
        let parts: Vec<String> = self.scores.dimensions.iter().flat_map(part_lines).collect();
        if !parts.is_empty() {
            lines.push(String::new());
            lines.extend(parts);
        }
        lines.join("\n")
    }

    /// How the overall score comes about.
    fn overall_sentence(&self) -> String {
        let weights = &self.about.limits.weights;
        let known: Vec<Dimension> =
            self.scores.dimensions.iter().filter(|score| score.score.is_some()).map(|score| score.dimension).collect();
        let has_one_weight = known.windows(2).all(|pair| weights.of(pair[0]).total_cmp(&weights.of(pair[1])).is_eq());
        if known.is_empty() {
            return "No dimension could be judged, so the overall score is 0: nothing vouches for the data.".into();
        }
        if has_one_weight {
            return format!("The overall score is the mean of the {} scores that are known.", known.len());
        }
        let listed: Vec<String> = known.iter().map(|dimension| format!("{} {}", dimension.name(), weights.of(*dimension))).collect();
        format!("The overall score is the mean of the scores that are known, by their weights: {}.", listed.join(", "))
    }

    fn issue_section(&self) -> String {
        let heading = "## Issues".to_owned();
        if self.findings.is_empty() {
            return format!("{heading}\n\nNone found on {}.", self.population());
        }
        let issues = self.findings.iter().enumerate().map(|(index, finding)| issue_text(index + 1, finding));
        std::iter::once(heading).chain(issues).collect::<Vec<_>>().join("\n\n")
    }

    fn action_section(&self) -> String {
        if self.actions.is_empty() {
            return "## What to do\n\nNothing that would raise a score.".into();
        }
        let mut lines = vec![
            "## What to do".to_owned(),
            String::new(),
            "What pays most comes first: rows, severity and critical columns against effort.".into(),
            String::new(),
        ];
        lines.push("| priority | action | effort | score without the issue | overall |".into());
        lines.push("| --- | --- | --- | --- | ---: |".into());
        lines.extend(self.actions.iter().map(|action| {
            format!(
                "| {} | {} | {} | {} | {} |",
                severity(action.priority),
                escaped(&action.action),
                action.estimated_effort.name(),
                action.expected_improvement,
                shown_score(action.overall_score_after)
            )
        }));
        lines.join("\n")
    }

    fn column_section(&self) -> String {
        let mut lines = vec![
            format!("## Columns\n\nOver {}.\n", self.population()),
            "| column | type | reads as | means | null | distinct | least | greatest | most frequent |".into(),
            "| --- | --- | --- | --- | ---: | ---: | --- | --- | --- |".into(),
        ];
        lines.extend(self.facts.columns.iter().zip(&self.meanings).map(|(column, meaning)| self.column_line(column, meaning)));
        lines.extend(self.scores_of_columns());
        lines.join("\n")
    }

    fn column_line(&self, column: &ColumnFacts, meaning: &Meaning) -> String {
        let (at_least, about) = (self.at_least(), if column.distinct_is_exact { "" } else { "about " });
        let about_each = if column.top_values_are_exact { "" } else { "about " };
        let frequent = column.top_values.iter().take(3);
        let frequent = frequent.map(|top| {
            let share = Share(share_of(top.count, present(column)));
            let error = self.error_of_share(top.count, present(column)).map(|error| format!(", {share} ± {}", points(error)));
            format!("{} ({about_each}{}{})", code(&top.value.to_string()), count(top.count), error.unwrap_or_default())
        });
        format!(
            "| {} | {} | {} | {} ({:.0} %) | {} | {at_least}{about}{} | {} | {} | {} |",
            code(&column.name),
            column.sql_type,
            meaning
                .format
                .as_ref()
                .map_or_else(|| meaning.logical_type.to_owned(), |format| format!("{} {}", meaning.logical_type, code(format))),
            meaning.semantic_type.replace('_', " "),
            meaning.semantic_confidence * 100.0,
            Share(share_of(column.nulls, column.rows)),
            count(column.distinct),
            code(&column.min.to_string()),
            code(&column.max.to_string()),
            frequent.collect::<Vec<_>>().join(", "),
        )
    }

    /// The columns of which a score is not perfect, with the numbers that went in.
    fn scores_of_columns(&self) -> Vec<String> {
        let is_flawed = |column: &&ColumnScores| column.scores.iter().any(|score| score.score.is_some_and(|score| score < 100.0));
        let flawed: Vec<&ColumnScores> = self.scores.columns.iter().filter(is_flawed).collect();
        if flawed.is_empty() {
            return Vec::new();
        }
        let names = Dimension::ALL.map(Dimension::name).join(" | ");
        let mut lines = vec![
            "\nTheir scores, with what is affected of what was judged; columns that are not listed have 100 in all.\n".to_owned(),
            format!("| column | {names} |"),
            format!("| --- |{}", " ---: |".repeat(Dimension::ALL.len())),
        ];
        lines.extend(flawed.into_iter().map(|column| {
            let cells: Vec<String> = column.scores.iter().map(score_cell).collect();
            format!("| {} | {} |", code(&column.column), cells.join(" | "))
        }));
        lines
    }

    fn rule_section(&self) -> String {
        let held = self.held.as_ref();
        let split = held.map(|held| format!("The rules were {}.\n\n", escaped(&held.split))).unwrap_or_default();
        let dropped = held.map(|held| held.dropped.as_slice()).unwrap_or_default();
        let items = dropped.iter().map(|rule| format!("- {} on {}: {}", code(&rule.kind), listed(&rule.columns), escaped(&rule.reason)));
        let items: Vec<String> = items.collect();
        let dropped = if items.is_empty() { String::new() } else { format!("\n\nNot proposed:\n\n{}", items.join("\n")) };
        format!("## Proposed rules\n\n{split}{}{dropped}", fenced("yaml", &rules_yaml(&self.proposals, &self.about.name)))
    }
}

/// Keys, dependencies and references; empty where there are none.
fn relation_section(relations: &Relations) -> String {
    let keys = relations.keys.iter().take(LISTED).map(|key| format!("- {} ({:.2})", listed(&key.columns), key.score));
    let references = relations.references.iter().take(LISTED).map(|one| {
        let (from, to) = (listed(&one.columns), listed(&one.reference_columns));
        let repeats = if one.to_key { "" } else { ", which repeats" };
        let orphans = plural(one.orphans, "orphan");
        format!("- {} {from} → {} {to}{repeats}: {orphans} ({:.2})", code(&one.dataset), code(&one.references), one.score)
    });
    let dependencies = relations.dependencies.iter().take(LISTED).map(|one| {
        let broken = if one.error > 0.0 { format!(", but for {} of the rows", Share(one.error)) } else { String::new() };
        match &one.determinant[..] {
            [] => format!("- {} is the same in every row{broken}", code(&one.dependent)),
            determinant => format!("- {} → {}{broken}", listed(determinant), code(&one.dependent)),
        }
    });
    let patterns = relations.patterns.iter().take(LISTED).map(|one| {
        let of = plural(one.rows, "row");
        let broken = if one.violations > 0 { format!(", but for {} of {of}", count(one.violations)) } else { format!(" in {of}") };
        format!("- {}{broken}", escaped(&one.statement))
    });
    let missing = relations.missing_where.iter().take(LISTED).map(|one| {
        let but = if one.is_exact { "" } else { ", though not always" };
        format!("- {} is missing where {}{but}", code(&one.column), escaped(&one.statement))
    });
    let correlations = relations
        .correlations
        .iter()
        .take(LISTED)
        .map(|one| format!("- {}: {:.2} on {}", listed(&one.columns), one.coefficient, plural(one.rows, "row")));
    let bounds = relations.bounds.iter().map(|bound| format!("- {}", escaped(bound)));
    let parts: [(&str, Vec<String>); 7] = [
        ("Candidate keys, with how likely they are meant:", keys.collect()),
        ("References:", references.collect()),
        ("What decides what:", dependencies.collect()),
        ("What holds between columns:", patterns.collect()),
        ("Where values are missing, as another column tells:", missing.collect()),
        ("What rises and falls together (Spearman's rank correlation):", correlations.collect()),
        ("Not searched to the end:", bounds.collect()),
    ];
    let told: Vec<String> =
        parts.into_iter().filter(|(_, lines)| !lines.is_empty()).map(|(lead, lines)| format!("{lead}\n\n{}", lines.join("\n"))).collect();
    if told.is_empty() { String::new() } else { format!("## Keys and relationships\n\n{}", told.join("\n\n")) }
}

fn drift_section(drift: &Drift) -> String {
    let lead = format!("## Drift\n\nCompared with {}.", escaped(&drift.against));
    if drift.changes.is_empty() {
        return format!("{lead} Nothing changed that matters.");
    }
    let mut lines =
        vec!["| change | what changed | before | now | test | matters |".to_owned(), "| --- | --- | --- | --- | --- | --- |".into()];
    lines.extend(drift.changes.iter().map(|change| {
        let test = change.test.as_ref().map(|test| format!("{} {}, p = {}", test.name, test.statistic, test.p_value)).unwrap_or_default();
        let cells = [change.kind.name(), &change.description, &change.before, &change.after, &test].map(escaped);
        format!("| {} | {} |", cells.join(" | "), severity(change.severity))
    }));
    format!("{lead}\n\n{}", lines.join("\n"))
}

/// How many keys, references and dependencies are listed.
const LISTED: usize = 50;

fn listed(columns: &[String]) -> String {
    columns.iter().map(|column| code(column)).collect::<Vec<_>>().join(" + ")
}

fn score_line(score: &Score, error: &str) -> String {
    let value = score.score.map_or_else(|| "unknown".into(), shown_score);
    let (dimension, basis) = (score.dimension.name(), escaped(&score.basis));
    format!("| {dimension} | {value}{error} | {} | {} | {} | {basis} |", score.affected, score.judged, score.unit)
}

fn score_cell(score: &Score) -> String {
    match score.score {
        None => "–".into(),
        Some(value) => {
            let numbers = score.numbers_in_column().map(|numbers| format!(" ({numbers})")).unwrap_or_default();
            shown_score(value) + &numbers
        }
    }
}

fn part_lines(score: &Score) -> impl Iterator<Item = String> {
    score.parts.iter().map(move |part| {
        let column = part.column.as_ref().map(|column| format!(" in {}", code(column))).unwrap_or_default();
        let (dimension, code) = (score.dimension.name(), &part.code);
        format!("- {dimension}: {code}{column} affects {} of {} at confidence {}", part.affected, part.at_most, part.confidence)
    })
}

fn issue_text(number: usize, finding: &Finding) -> String {
    let issue = &finding.issue;
    let place = issue.column.as_ref().map(|column| format!(" in {}", code(column))).unwrap_or_default();
    let mut parts = vec![
        format!("### {number}. {}{place}", issue.code.replace('_', " ")),
        format!(
            "{}, {}, confidence {}. {}.",
            severity(issue.severity),
            issue.dimension.name(),
            issue.confidence,
            escaped(&issue.description)
        ),
    ];
    parts.extend(examples_line(issue));
    parts.extend(example_rows(issue));
    parts.push(format!("Fix: {}.", escaped(&issue.fix)));
    if !issue.query.is_empty() {
        parts.push(fenced("sql", &issue.query));
    }
    parts.join("\n\n")
}

fn examples_line(issue: &Issue) -> Option<String> {
    let examples: Vec<String> = issue.examples.iter().map(|example| code(example)).collect();
    (!examples.is_empty()).then(|| format!("Examples: {}", examples.join(", ")))
}

fn example_rows(issue: &Issue) -> Option<String> {
    let rows = issue.example_rows.iter().map(|row| {
        let cells: Vec<String> = row.cells().map(|(name, value)| format!("{} {}", code(name), code(value))).collect();
        format!("- row {}: {}", row.row, cells.join(", "))
    });
    let rows: Vec<String> = rows.collect();
    (!rows.is_empty()).then(|| format!("Some of the rows, counted from 0:\n\n{}", rows.join("\n")))
}

fn severity(severity: Severity) -> &'static str {
    match severity {
        Severity::High => "HIGH",
        Severity::Medium => "MEDIUM",
        Severity::Low => "LOW",
    }
}

/// Text from the data as a code span of one line, cut to what a table can hold.
fn code(text: &str) -> String {
    let visible: String = text.chars().take(60).flat_map(|c| if c.is_control() { c.escape_default().collect() } else { vec![c] }).collect();
    let visible = if text.chars().nth(60).is_some() { visible + "…" } else { visible };
    let visible = visible.replace('|', "\\|");
    let needs_space = visible.contains('`') || visible.trim() != visible || visible.is_empty();
    let fence = "`".repeat(longest_run_of_backticks(&visible) + 1);
    if needs_space { format!("{fence} {visible} {fence}") } else { format!("{fence}{visible}{fence}") }
}

/// A sentence as one line of Markdown, with its code spans but without markup of its own.
fn escaped(text: &str) -> String {
    let one_line = text.replace(['\n', '\r'], " ");
    one_line.replace('|', "\\|").replace('<', "&lt;")
}

/// A block that its content cannot close.
fn fenced(language: &str, content: &str) -> String {
    let fence = "`".repeat(longest_run_of_backticks(content).max(2) + 1);
    format!("{fence}{language}\n{}\n{fence}", content.trim_end())
}

fn longest_run_of_backticks(text: &str) -> usize {
    text.split(|c| c != '`').map(str::len).max().unwrap_or(0)
}
