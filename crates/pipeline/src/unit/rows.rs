//! Rows as a test gives them: a list of maps, CSV text, or the path of a CSV file.

use std::path::Path;

use hw_base::{LooseCell, LooseColumn, LooseRows, Node, Result, Settings};

use super::csv;
use super::reading::{misfit, placed};

/// Reads a text file by its path below the project.
pub type Texts<'a> = &'a dyn Fn(&Path) -> Result<String>;

/// The column of a quarantine with the rules that a row broke, as one text.
const BROKEN_RULES: &str = "_rules";

/// Where a test stands, and how files beside it are read.
#[derive(Clone, Copy)]
pub(super) struct Files<'a> {
    /// The folder of the test, below the project.
    pub(super) folder: &'a Path,
    /// Reads them.
    pub(super) texts: Texts<'a>,
}

impl Files<'_> {
    /// Reads rows in any of their forms.
    ///
    /// # Errors
    /// Each with its place: rows that are no maps, CSV that cannot be read, a file that is not there.
    pub(super) fn rows(self, settings: &Settings) -> Result<LooseRows> {
        match &settings.node {
            Node::Null => Ok(LooseRows { span: settings.span.clone(), ..LooseRows::default() }),
            Node::List(items) => listed(items, settings),
            Node::Text(text) if text.contains('\n') => csv::read(text, settings.span.as_ref()),
            Node::Text(path) => self.file(path, settings),
            _ => Err(misfit(
                "rows are a list of maps, CSV text, or the path of a CSV file",
                "write one `- { order_id: 1, status: paid }` per row, or `[]` for none",
                settings,
            )),
        }
    }

    fn file(self, path: &str, settings: &Settings) -> Result<LooseRows> {
        let text = (self.texts)(&self.folder.join(path)).map_err(|error| placed(error, settings))?;
        csv::read(&text, settings.span.as_ref()).map_err(|error| error.within(format_args!("`{path}`")))
    }
}

fn listed(items: &[Settings], settings: &Settings) -> Result<LooseRows> {
    let mut rows = LooseRows { span: settings.span.clone(), ..LooseRows::default() };
    for item in items {
        if !matches!(item.node, Node::Map(_)) {
            return Err(misfit("a row is a map from columns to values", "write `- { order_id: 1, status: paid }`", item));
        }
        for entry in item.entries().iter().filter(|entry| rows.position(&entry.key).is_none()).collect::<Vec<_>>() {
            rows.columns.push(LooseColumn { name: entry.key.clone(), span: entry.key_span.clone() });
        }
    }
    let missing = |item: &Settings| LooseCell { span: item.span.clone(), ..LooseCell::default() };
    let cells = |item: &Settings| -> Vec<LooseCell> {
        rows.columns.iter().map(|column| item.get(&column.name).map_or_else(|| missing(item), |value| cell(&column.name, value))).collect()
    };
    let all = items.iter().map(cells).collect();
    Ok(LooseRows { rows: all, ..rows })
}

fn cell(column: &str, value: &Settings) -> LooseCell {
    let (text, is_text) = match &value.node {
        Node::List(rules) if column == BROKEN_RULES => (Some(names(rules)), true),
        Node::Null => (None, false),
        Node::Bool(value) => (Some(value.to_string()), false),
        Node::Integer(number) => (Some(number.to_string()), false),
        Node::Float(number) => (Some(number.to_string()), false),
        Node::Text(text) => (Some(text.clone()), true),
        Node::List(_) | Node::Map(_) => (Some(value.to_json().to_string()), true),
    };
    LooseCell { text, is_text, span: value.span.clone() }
}

/// The names of rules as a quarantine keeps them: `not_null_id, range_amount`.
fn names(rules: &[Settings]) -> String {
    let name = |rule: &Settings| match &rule.node {
        Node::Text(name) => name.clone(),
        _ => rule.to_json().to_string(),
    };
    rules.iter().map(name).collect::<Vec<_>>().join(", ")
}

#[cfg(test)]
mod tests {
    use serde_json::json;

    use super::*;

    #[test]
    fn the_rules_that_a_row_broke_are_a_text_or_a_list() {
        let files = Files { folder: Path::new("tests"), texts: &|_| Ok(String::new()) };
        let texts = |rules: serde_json::Value| {
            let rows = files.rows(&Settings::from_json(&json!([{ "a": [1], "_rules": rules }]))).unwrap();
            rows.rows[0].iter().map(|cell| cell.text.clone().unwrap_or_default()).collect::<Vec<_>>()
        };
        assert_eq!(texts(json!(["range_amount", "not_null_id"])), ["[1]", "range_amount, not_null_id"]);
        assert_eq!(texts(json!("range_amount")), ["[1]", "range_amount"]);
    }
}
