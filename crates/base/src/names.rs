//! Names of datasets and tables, and how they map to each other.

use std::fmt;

use serde::{Deserialize, Serialize};

/// A dataset of a source: `shop.customer_orders`.
#[derive(Clone, Debug, PartialEq, Eq, Hash, PartialOrd, Ord, Serialize, Deserialize)]
pub struct DatasetName {
    /// The key under `sources:`.
    pub source: String,
    /// The dataset inside it.
    pub dataset: String,
}

impl DatasetName {
    /// Names `dataset` of `source`.
    pub fn new(source: impl Into<String>, dataset: impl Into<String>) -> Self {
        Self { source: source.into(), dataset: dataset.into() }
    }

    /// Reads `source.dataset`; `None` where the text has no dot.
    pub fn parse(text: &str) -> Option<Self> {
        let (source, dataset) = text.split_once('.')?;
        Some(Self::new(source, dataset))
    }

    /// How its raw copy is made anew, where no type holds both what the copy has and what the source has now; and what is lost by it.
    pub fn help_to_copy_anew(&self) -> String {
        format!(
            "or move the folder `raw/{self}` of the warehouse away: the next run copies the table anew, without the versions that the source has no longer; models with history are built from that with `--rebuild` alone"
        )
    }
}

impl fmt::Display for DatasetName {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        write!(f, "{}.{}", self.source, self.dataset)
    }
}

/// What stands before the name of a table of production.
const PRODUCTION: &str = "production/";

/// A table of the warehouse, written as its folder below it: `fact_orders`,
/// `raw/shop.customer_orders`, `quarantine/fact_orders`.
#[derive(Clone, Debug, PartialEq, Eq, Hash, PartialOrd, Ord, Serialize, Deserialize)]
#[serde(transparent)]
pub struct TableName(String);

impl TableName {
    /// The table that a model makes.
    pub fn model(name: impl Into<String>) -> Self {
        Self(name.into())
    }

    /// The table that a person names: a model's, the raw copy of `source.dataset`, or any by its folder.
    pub fn named(name: &str) -> Self {
        match DatasetName::parse(name).filter(|_| !name.contains('/')) {
            Some(dataset) => Self::raw(&dataset),
            None => Self::model(name),
        }
    }

    /// The raw copy of a source dataset.
    pub fn raw(dataset: &DatasetName) -> Self {
        Self(format!("raw/{dataset}"))
    }

    /// Where rows that may not enter `self` go; a raw copy's is named after its dataset.
    #[must_use]
    pub fn quarantine(&self) -> Self {
        Self(format!("quarantine/{}", self.leaf()))
    }

    /// Where the rows are remembered that a load took out of `self` because they are marked as deleted.
    #[must_use]
    pub fn deleted(&self) -> Self {
        Self(format!("deleted/{}", self.leaf()))
    }

    /// Where it is remembered what people decided about the rows in quarantine of `self`.
    #[must_use]
    pub fn reviewed(&self) -> Self {
        Self(format!("reviewed/{}", self.leaf()))
    }

    /// The same table as production has it, wherever it is asked for: `production/fact_orders`.
    #[must_use]
    pub fn in_production(&self) -> Self {
        Self(format!("{PRODUCTION}{}", self.0))
    }

    /// The folder below production's warehouse, for a table that was asked for as [`Self::in_production`].
    pub fn folder_in_production(&self) -> Option<&str> {
        self.0.strip_prefix(PRODUCTION)
    }

    /// The folder below the warehouse, with `/` on every system.
    pub fn folder(&self) -> &str {
        &self.0
    }

    /// The last part: `fact_orders`, `shop.customer_orders`.
    pub fn leaf(&self) -> &str {
        self.0.rsplit('/').next().unwrap_or(&self.0)
    }

    /// Whether this is a raw copy.
    pub fn is_raw(&self) -> bool {
        self.0.starts_with("raw/")
    }

    /// How SQL names it: `fact_orders`, `raw.shop.customer_orders`, `quarantine.fact_orders`.
    pub fn sql(&self) -> String {
        match self.0.split_once('/') {
            Some(("raw", dataset)) => {
                let parts: Vec<String> = dataset.splitn(2, '.').map(crate::identifier).collect();
                format!("raw.{}", parts.join("."))
            }
            Some((schema, table)) => format!("{schema}.{}", crate::identifier(table)),
            None => crate::identifier(&self.0),
        }
    }
}

impl fmt::Display for TableName {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str(&self.0)
    }
}

/// Turns any column or file name into one that needs no quotes in SQL: `Order ID` → `order_id`.
///
/// Empty results become `column`.
pub fn snake_case(name: &str) -> String {
    let mut out = String::with_capacity(name.len());
    let mut previous_is_lower = false;
    for c in name.chars() {
        if c.is_alphanumeric() {
            if c.is_uppercase() && previous_is_lower {
                out.push('_');
            }
            out.extend(c.to_lowercase());
            previous_is_lower = c.is_lowercase() || c.is_numeric();
        } else {
            if !out.is_empty() && !out.ends_with('_') {
                out.push('_');
            }
            previous_is_lower = false;
        }
    }
    let trimmed = out.trim_end_matches('_');
    match trimmed.chars().next() {
        None => "column".into(),
        Some(first) if first.is_numeric() => format!("_{trimmed}"),
        Some(_) => trimmed.into(),
    }
}

/// The columns that say where and when a row of a raw copy arrived. Models do not see them; a column of a source that is named
/// like one of them gets another name in the raw copy.
pub const ORIGIN_COLUMNS: [&str; 6] = ["_file", "_line", "_malformed", "_loaded_at", "_run", "_batch"];

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn odd_names_become_plain_ones() {
        let plain = ["Order ID", "customerId", "  e-mail ", "2024 total", "%", "já_é"].map(snake_case);
        assert_eq!(plain, ["order_id", "customer_id", "e_mail", "_2024_total", "column", "já_é"]);
    }

    #[test]
    fn tables_have_a_folder_and_an_sql_name() {
        let raw = TableName::raw(&DatasetName::new("shop", "Orders"));
        assert_eq!((raw.folder(), raw.sql().as_str()), ("raw/shop.Orders", "raw.shop.\"Orders\""));
        assert_eq!(raw.quarantine().folder(), "quarantine/shop.Orders");
    }
}
