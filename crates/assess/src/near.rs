//! Near-duplicate rows and correlations, in the words of the report.

use hw_base::{CodedTable, ColumnType, identifier};
use hw_relate::{Keys, NearDuplicates};
use serde::Serialize;

use crate::accused::naming;
use crate::words::free_name;

/// Pairs that are listed.
const LISTED: usize = 100;

/// Rows that likely record what an earlier row records.
#[derive(Clone, Debug, Default, PartialEq, Serialize)]
pub struct NearRows {
    /// Rows among those looked at.
    pub rows: u64,
    /// Rows among them with a slip of the pen: a letter that differs in one column of text.
    pub slips: u64,
    /// The columns in which such rows agree, but for case, blanks and punctuation, and the slip.
    pub compared: Vec<String>,
    /// The first of them.
    pub pairs: Vec<NearPair>,
    /// Whether they stand under another key than the row that they repeat.
    #[serde(skip)]
    pub have_other_keys: bool,
    /// The rows as SQL; `{table}` stands for the dataset.
    #[serde(skip)]
    pub query: String,
    /// Whether the query tells those with a slip too.
    #[serde(skip)]
    pub query_tells_all: bool,
}

/// A row that likely records what an earlier one records.
#[derive(Clone, Debug, PartialEq, Serialize)]
pub struct NearPair {
    /// The row, from 0 in file order.
    pub row: u64,
    /// The earlier row.
    pub repeats: u64,
    /// How the two differ.
    pub difference: String,
}

/// Two columns of numbers that rise and fall together.
#[derive(Clone, Debug, PartialEq, Serialize)]
pub struct Correlation {
    /// The two columns.
    pub columns: Vec<String>,
    /// Spearman's rank correlation, -1 to 1.
    pub coefficient: f64,
    /// Rows that it was measured on, spread evenly over the dataset.
    pub rows: u64,
}

impl NearRows {
    /// The near-duplicates of a table with the names of its columns. `keys` are those of the table.
    pub(crate) fn of(table: &CodedTable, keys: &Keys, found: &NearDuplicates) -> Self {
        let number = |row: usize| table.sampled.as_ref().and_then(|rows| rows.get(row).copied()).unwrap_or(row as u64);
        let pairs = found.pairs.iter().take(LISTED).map(|pair| NearPair {
            row: number(pair.row),
            repeats: number(pair.repeats),
            difference: difference(table, pair.repeats, pair.row),
        });
        let rows: Vec<usize> = found.pairs.iter().map(|pair| pair.row).collect();
        let named = naming(table, keys, &rows).map(|condition| format!("select * from {{table}} where {condition}"));
        Self {
            rows: found.pairs.len() as u64,
            slips: found.pairs.iter().filter(|pair| pair.slip_in.is_some()).count() as u64,
            compared: found.compared.iter().map(|at| table.columns[*at].name.clone()).collect(),
            pairs: pairs.collect(),
            have_other_keys: !found.keys.is_empty(),
            query_tells_all: named.is_some(),
            query: named.unwrap_or_else(|| query(table, &found.compared)),
        }
    }
}

/// `name: Ann Lee / ann lee`, for every column that differs.
fn difference(table: &CodedTable, one: usize, other: usize) -> String {
    let differing = table.columns.iter().filter(|column| column.codes[one] != column.codes[other]);
    let told = differing.map(|column| format!("{}: {} / {}", column.name, shown(column.value(one)), shown(column.value(other))));
    told.collect::<Vec<_>>().join(", ")
}

fn shown(value: Option<&str>) -> &str {
    value.unwrap_or("null")
}

/// The rows that repeat another one on the compared columns up to case, blanks and punctuation, copies of whole rows aside.
fn query(table: &CodedTable, compared: &[usize]) -> String {
    let folded = |at: &usize| {
        let (name, kind) = (identifier(&table.columns[*at].name), table.columns[*at].kind);
        if kind == ColumnType::Text { format!("lower(regexp_replace({name}, '[^[:alnum:]]', '', 'g'))") } else { name }
    };
    let folded: Vec<String> = compared.iter().map(folded).collect();
    let (first, folded) = (folded.first().cloned().unwrap_or_default(), folded.join(", "));
    let number = free_name(table.columns.iter().map(|column| column.name.as_str()), "occurrence");
    let names: Vec<String> = table.columns.iter().map(|column| identifier(&column.name)).collect();
    let names = names.join(", ");
    format!(
        "select {names} from (select {names}, row_number() over (partition by {folded} order by {first}) as {number} \
         from (select distinct {names} from {{table}}) as different) as numbered where {number} > 1"
    )
}

/// The correlations of a table with the names of its columns.
pub(crate) fn correlations(table: &CodedTable, found: &[hw_relate::Correlation]) -> Vec<Correlation> {
    let name = |at: usize| table.columns[at].name.clone();
    let named = found.iter().map(|one| Correlation {
        columns: vec![name(one.a), name(one.b)],
        coefficient: (one.coefficient * 1000.0).round() / 1000.0,
        rows: one.rows,
    });
    named.collect()
}
