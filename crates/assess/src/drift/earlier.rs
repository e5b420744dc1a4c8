//! What a dataset is compared with: an earlier assessment, or a contract that says what it should be.

use hw_base::{Error, NumberFacts, Result, ShapeCount, ValueCount};
use serde::de::DeserializeOwned;
use serde_json::Value as Json;

/// A dataset as it was, or as it should be.
#[derive(Clone, Debug, Default, PartialEq)]
pub struct Earlier {
    /// What it is, in words: `the assessment of 2026-01-31`.
    pub named: String,
    /// Rows; `None` where that is not told.
    pub rows: Option<u64>,
    /// Whether these are a sample, or the first of all.
    pub is_sample: bool,
    /// The columns, in order.
    pub columns: Vec<EarlierColumn>,
}

/// A column as it was, or as it should be. What is not told is `None` or empty.
#[derive(Clone, Debug, Default, PartialEq)]
pub struct EarlierColumn {
    /// Its name.
    pub name: String,
    /// The type in SQL's words.
    pub physical_type: Option<String>,
    /// The type its values read as.
    pub logical_type: Option<String>,
    /// The role its values play.
    pub semantic_type: Option<String>,
    /// Missing values.
    pub nulls: Option<u64>,
    /// Distinct values.
    pub distinct: Option<u64>,
    /// The frequent values.
    pub top_values: Vec<ValueCount>,
    /// How its numbers spread.
    pub numbers: Option<NumberFacts>,
    /// The shapes of its text.
    pub shapes: Vec<ShapeCount>,
    /// Whether every row must have a value.
    pub is_required: bool,
    /// Whether no value may occur twice.
    pub is_unique: bool,
}

impl Earlier {
    /// Reads an `assessment.json`, or a data contract of the Open Data Contract Standard as JSON. `dataset` chooses among
    /// several objects of a contract.
    ///
    /// # Errors
    /// If it is neither, or a contract of several objects none of which is named `dataset`.
    pub fn read(json: &Json, dataset: &str) -> Result<Self> {
        match (&json["columns"], &json["schema"]) {
            (Json::Array(columns), _) => Ok(Self::assessment(json, columns)),
            (_, Json::Array(objects)) => Self::contract(json, objects, dataset),
            _ => Err(Error::user("there is nothing to compare with: it is no assessment and no data contract")
                .help("give the `assessment.json` of an earlier `headworks assess … --out FOLDER`, or a contract with a `schema:` list")),
        }
    }

    fn assessment(json: &Json, columns: &[Json]) -> Self {
        let date = json["assessment_date"].as_str().unwrap_or("an unknown date");
        Self {
            named: format!("the assessment of {date}"),
            rows: json["dataset"]["row_count"].as_u64(),
            is_sample: json["dataset"]["all_rows_measured"] == false,
            columns: columns.iter().map(measured_column).collect(),
        }
    }

    fn contract(json: &Json, objects: &[Json], dataset: &str) -> Result<Self> {
        let last = dataset.rsplit('.').next().unwrap_or(dataset);
        let names = ["name", "physicalName"];
        let is_named = |object: &&Json| names.iter().any(|key| object[*key].as_str().is_some_and(|name| name == dataset || name == last));
        let object = match objects {
            [only] => only,
            _ => objects.iter().find(is_named).ok_or_else(|| no_such_object(objects, dataset))?,
        };
        let version = json["version"].as_str().unwrap_or("without a version");
        let title = json["id"].as_str().or(json["name"].as_str()).unwrap_or(dataset);
        let properties = object["properties"].as_array().map(Vec::as_slice).unwrap_or_default();
        Ok(Self {
            named: format!("the contract {title} {version}"),
            columns: properties.iter().map(agreed_column).collect(),
            ..Self::default()
        })
    }
}

fn no_such_object(objects: &[Json], dataset: &str) -> Error {
    let known: Vec<&str> = objects.iter().filter_map(|object| object["name"].as_str()).collect();
    Error::user(format!("the contract has no object `{dataset}`"))
        .help(format!("it has: {}; name the dataset like one of them, or give a contract of one object", known.join(", ")))
}

fn measured_column(json: &Json) -> EarlierColumn {
    let word = |key: &str| json[key].as_str().map(str::to_owned);
    EarlierColumn {
        name: word("name").unwrap_or_default(),
        physical_type: word("physical_type"),
        logical_type: word("logical_type"),
        semantic_type: word("semantic_type"),
        nulls: json["nulls"].as_u64(),
        distinct: json["distinct"].as_u64(),
        top_values: read(&json["top_values"]),
        numbers: read(&json["numbers"]),
        shapes: read(&json["text"]["shapes"]),
        is_required: false,
        is_unique: false,
    }
}

fn agreed_column(json: &Json) -> EarlierColumn {
    let word = |key: &str| json[key].as_str().map(str::to_owned);
    let is_key = json["primaryKey"].as_bool().unwrap_or(false);
    EarlierColumn {
        name: word("physicalName").or(word("name")).unwrap_or_default(),
        logical_type: word("logicalType"),
        is_required: is_key || json["required"].as_bool().unwrap_or(false),
        is_unique: json["unique"].as_bool().unwrap_or(false) || (is_key && json["primaryKeyPosition"].as_i64().unwrap_or(1) < 1),
        ..EarlierColumn::default()
    }
}

/// What another version wrote in another form is not told.
fn read<T: DeserializeOwned + Default>(json: &Json) -> T {
    T::deserialize(json).unwrap_or_default()
}
