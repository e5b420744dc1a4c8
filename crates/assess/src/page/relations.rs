//! Keys, dependencies and references.

use hw_base::count;

use super::markup::{self, sentence, table, text, value};
use crate::{Assessment, Relationship};

pub(super) fn section(assessment: &Assessment) -> String {
    let parts = [
        keys(assessment),
        references(&assessment.relations.references, Some(&assessment.about.name)),
        dependencies(assessment),
        patterns(assessment),
        missing_where(assessment),
        correlations(assessment),
        bounds(&assessment.relations.bounds),
    ];
    markup::section("keys", "Keys and relationships", "", &parts.concat())
}

fn keys(assessment: &Assessment) -> String {
    if assessment.relations.keys.is_empty() {
        return "<p class=\"card\">No columns were found that tell all rows apart.</p>".into();
    }
    let row = |key: &crate::Key| vec![names(&key.columns), if key.minimal { "yes" } else { "no" }.into(), format!("{:.2}", key.score)];
    let rows: Vec<Vec<String>> = assessment.relations.keys.iter().take(20).map(row).collect();
    table("Candidate keys, the best first", &["columns", "minimal", "#how likely meant"], &rows)
}

/// Dependencies that the page lists.
const LISTED: usize = 30;

fn dependencies(assessment: &Assessment) -> String {
    if assessment.relations.dependencies.is_empty() {
        return String::new();
    }
    let row = |dependency: &crate::Dependency| {
        let breaks = match dependency.error {
            error if error <= 0.0 => "none".to_owned(),
            error => format!("{:.3} %", error * 100.0),
        };
        vec![names(&dependency.determinant), value(&dependency.dependent), breaks]
    };
    let shown = assessment.relations.dependencies.iter().take(LISTED);
    let rows: Vec<Vec<String>> = shown.map(row).collect();
    let more = assessment.relations.dependencies.len().saturating_sub(rows.len()) as u64;
    let more = if more > 0 {
        format!("<p class=\"note\">{} further ones are in <code>assessment.json</code>.</p>", count(more))
    } else {
        String::new()
    };
    table("Dependencies: what decides what", &["columns", "decide", "#rows that break it"], &rows) + &more
}

/// Orders, sums and products between columns.
fn patterns(assessment: &Assessment) -> String {
    let row = |pattern: &crate::Pattern| vec![sentence(&pattern.statement), count(pattern.rows), count(pattern.violations)];
    let rows: Vec<Vec<String>> = assessment.relations.patterns.iter().take(LISTED).map(row).collect();
    if rows.is_empty() {
        String::new()
    } else {
        table("What holds between columns", &["what holds", "#rows", "#rows that break it"], &rows)
    }
}

/// Where values are missing, as another column tells.
fn missing_where(assessment: &Assessment) -> String {
    let row = |missing: &crate::MissingWhere| {
        let kind = if missing.is_exact { "always, and nowhere else" } else { "at times, and nowhere else" };
        let exceptions = missing.unexplained + missing.unexpected;
        vec![value(&missing.column), sentence(&missing.statement), kind.to_owned(), count(exceptions)]
    };
    let rows: Vec<Vec<String>> = assessment.relations.missing_where.iter().take(LISTED).map(row).collect();
    let headings = ["column", "is missing where", "how often", "#exceptions"];
    if rows.is_empty() { String::new() } else { table("Where values are missing, as another column tells", &headings, &rows) }
}

fn correlations(assessment: &Assessment) -> String {
    let row = |one: &crate::Correlation| vec![names(&one.columns), format!("{:.2}", one.coefficient), count(one.rows)];
    let rows: Vec<Vec<String>> = assessment.relations.correlations.iter().take(LISTED).map(row).collect();
    let headings = ["columns", "#Spearman's rank correlation", "#measured on rows"];
    if rows.is_empty() { String::new() } else { table("What rises and falls together", &headings, &rows) }
}

/// The references as a diagram and as a table; `own` is the dataset that the page is about.
pub(super) fn references(references: &[Relationship], own: Option<&str>) -> String {
    if references.is_empty() {
        return String::new();
    }
    let row = |reference: &Relationship| {
        vec![
            format!("{} {}", text(&reference.dataset), names(&reference.columns)),
            format!("{} {}{}", text(&reference.references), names(&reference.reference_columns), repeats(reference)),
            count(reference.orphans),
            format!("{:.2}", reference.score),
        ]
    };
    let rows: Vec<Vec<String>> = references.iter().map(row).collect();
    diagram(references, own) + &table("References, the best first", &["from", "to", "#orphans", "#how likely meant"], &rows)
}

/// Says so where the values referred to are no key.
fn repeats(reference: &Relationship) -> &'static str {
    if reference.to_key { "" } else { " (which repeats)" }
}

fn names(columns: &[String]) -> String {
    columns.iter().map(|column| value(column)).collect::<Vec<_>>().join(" + ")
}

fn bounds(bounds: &[String]) -> String {
    if bounds.is_empty() {
        return String::new();
    }
    let items: Vec<String> = bounds.iter().map(|bound| format!("<li>{}</li>", sentence(bound))).collect();
    format!("<p class=\"note\">Not searched to the end:</p><ul class=\"note\">{}</ul>", items.concat())
}

/// A box of the diagram.
struct Node<'a> {
    name: &'a str,
    x: u32,
    y: u32,
}

const BOX_WIDTH: u32 = 220;
const BOX_HEIGHT: u32 = 44;
const STEP: u32 = 74;
/// Where the boxes stand: those that refer, those that do both, those that are referred to.
const COLUMNS: [u32; 3] = [10, 320, 630];

/// Datasets that refer stand left, datasets referred to stand right; one that does both stands in the middle.
fn diagram(references: &[Relationship], own: Option<&str>) -> String {
    let nodes = placed(references);
    let height = nodes.iter().map(|node| node.y + BOX_HEIGHT).max().unwrap_or(0) + 20;
    let find = |name: &str| nodes.iter().find(|node| node.name == name);
    let arrow_of = |(index, reference): (usize, &Relationship)| {
        let into = |other: &&Relationship| other.references == reference.references;
        let (before, all) = (references.iter().take(index).filter(into).count(), references.iter().filter(into).count());
        let lane = Lane { index: before, all, passes_boxes: nodes.iter().any(|node| node.x == COLUMNS[1]) };
        Some(arrow(reference, find(&reference.dataset)?, find(&reference.references)?, lane))
    };
    let arrows: String = references.iter().enumerate().filter_map(arrow_of).collect();
    let boxes: String = nodes.iter().map(|node| drawn(node, own == Some(node.name))).collect();
    let described: Vec<String> =
        references.iter().map(|reference| format!("{} refers to {}", reference.dataset, reference.references)).collect();
    format!(
        "<div class=\"flow\"><svg class=\"diagram\" viewBox=\"0 0 860 {height}\" role=\"img\" aria-label=\"{}\"><defs><marker id=\"tip\" viewBox=\"0 0 8 8\" \
         refX=\"7\" refY=\"4\" markerWidth=\"8\" markerHeight=\"8\" orient=\"auto\"><path class=\"head\" d=\"M0 0l8 4l-8 4z\"/></marker></defs>\
         {arrows}{boxes}</svg></div>\n",
        text(&described.join("; "))
    )
}

fn placed(references: &[Relationship]) -> Vec<Node<'_>> {
    let mut names: Vec<&str> = Vec::new();
    for name in references.iter().flat_map(|reference| [reference.dataset.as_str(), reference.references.as_str()]) {
        if !names.contains(&name) {
            names.push(name);
        }
    }
    let refers = |name: &str| references.iter().any(|reference| reference.dataset == name && reference.references != name);
    let is_referred_to = |name: &str| references.iter().any(|reference| reference.references == name && reference.dataset != name);
    let mut filled = [0_u32; 3];
    let mut nodes = Vec::with_capacity(names.len());
    for name in names {
        let place = match (refers(name), is_referred_to(name)) {
            (true, false) => 0,
            (false, true) => 2,
            _ => 1,
        };
        let x = COLUMNS[place];
        nodes.push(Node { name, x, y: 16 + filled[place] * STEP });
        filled[place] += 1;
    }
    nodes
}

fn drawn(node: &Node, is_own: bool) -> String {
    let (x, y) = (node.x, node.y);
    let class = if is_own { " class=\"own\"" } else { "" };
    format!(
        "<rect{class} x=\"{x}\" y=\"{y}\" width=\"{BOX_WIDTH}\" height=\"{BOX_HEIGHT}\" rx=\"9\"/>\
         <text class=\"name\" x=\"{}\" y=\"{}\">{}</text>",
        x + 14,
        y + 27,
        text(&markup::cut(node.name, 24))
    )
}

/// Which of the arrows into one box it is.
#[derive(Clone, Copy)]
struct Lane {
    index: usize,
    all: usize,
    /// Whether boxes stand between the first and the last column.
    passes_boxes: bool,
}

impl Lane {
    /// How far below the top of the box the arrow arrives.
    fn offset(self) -> u32 {
        let part = |number: usize| u32::try_from(number).unwrap_or(u32::MAX);
        BOX_HEIGHT.saturating_mul(part(self.index + 1)) / part(self.all + 1)
    }
}

/// An arrow from the dataset that refers to the one referred to; broken where rows have nothing to refer to.
fn arrow(reference: &Relationship, from: &Node, to: &Node, lane: Lane) -> String {
    let class = if reference.orphans > 0 { " class=\"broken\"" } else { "" };
    let (y, to_y) = (from.y + BOX_HEIGHT / 2, to.y + lane.offset());
    let (right, to_right) = (from.x + BOX_WIDTH, to.x + BOX_WIDTH);
    let path = match from.x.cmp(&to.x) {
        std::cmp::Ordering::Less if lane.passes_boxes && to.x - right > BOX_WIDTH => {
            // Between two rows of boxes nothing is in the way.
            let (left, passed, between) = (COLUMNS[1], COLUMNS[1] + BOX_WIDTH, to.y + u32::midpoint(BOX_HEIGHT, STEP));
            let (bend, last) = (u32::midpoint(right, left), u32::midpoint(passed, to.x));
            format!("M{right} {y}C{bend} {y} {bend} {between} {left} {between}H{passed}C{last} {between} {last} {to_y} {} {to_y}", to.x - 2)
        }
        std::cmp::Ordering::Less => {
            let bend = u32::midpoint(right, to.x);
            format!("M{right} {y}C{bend} {y} {bend} {to_y} {} {to_y}", to.x - 2)
        }
        std::cmp::Ordering::Equal => format!("M{right} {y}C{} {y} {} {to_y} {} {to_y}", right + 60, right + 60, right + 2),
        std::cmp::Ordering::Greater => {
            let bend = u32::midpoint(from.x, to_right);
            format!("M{} {y}C{bend} {y} {bend} {to_y} {} {to_y}", from.x, to_right + 2)
        }
    };
    let label = if from.x < to.x && lane.all <= 2 {
        let columns = markup::cut(&reference.columns.join(" + "), 13);
        format!("<text class=\"soft\" x=\"{}\" y=\"{}\" text-anchor=\"end\">{}</text>", to.x - 14, to_y - 5, text(&columns))
    } else {
        String::new()
    };
    format!("<path{class} d=\"{path}\" marker-end=\"url(#tip)\"/>{label}")
}
