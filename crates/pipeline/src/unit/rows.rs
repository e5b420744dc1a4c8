//! Rows as a test gives them: a list of maps, CSV text, or the path of a CSV file.

use std::path::Path;

use hw_base::{LooseCell, LooseColumn, LooseRows, Node, Result, Settings};

use super::csv;
use super::reading::{misfit, placed};

/// Reads a text file by its path below the project.
pub type Texts<'a> = &'a dyn Fn(&Path) -> Result<String>;

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
        rows.columns.iter().map(|column| item.get(&column.name).map_or_else(|| missing(item), cell)).collect()
    };
    let all = items.iter().map(cells).collect();
    Ok(LooseRows { rows: all, ..rows })
}

fn cell(value: &Settings) -> LooseCell {
    let (text, is_text) = match &value.node {
        Node::Null => (None, false),
        Node::Bool(value) => (Some(value.to_string()), false),
        Node::Integer(number) => (Some(number.to_string()), false),
        Node::Float(number) => (Some(number.to_string()), false),
        Node::Text(text) => (Some(text.clone()), true),
        Node::List(_) | Node::Map(_) => (Some(value.to_json().to_string()), true),
    };
    LooseCell { text, is_text, span: value.span.clone() }
}
