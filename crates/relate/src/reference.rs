//! References between tables: inclusion dependencies, ranked by how much they look like declared foreign keys.
//!
//! Candidates are found on distinct values (the single-column case of `SPIDER`, Bauckmann et al., ICDE 2007) and are told apart
//! from accidental inclusions by names, keys, coverage and spread, the features that Rostin et al. (2009) and of
//! Zhang and others (VLDB 2010) found to matter.

use std::collections::{BTreeMap, HashMap, HashSet};

use hw_base::{CodedTable, ColumnType};

use crate::cell::says_nothing;
use crate::columns::Column;
use crate::words::{singular, words};
use crate::{Key, Keys, Reference, TableColumns, keys, repeated};

/// The greatest share of referring rows without a counterpart.
const GREATEST_ORPHANS: f64 = 0.05;
/// References below this score are not told.
const LEAST_SCORE: f64 = 0.3;
/// Orphans that are shown.
const SHOWN: usize = 10;
/// Columns of a composite reference.
const WIDEST: usize = 3;

/// The references between some tables (and within one), the most plausible first.
///
/// The side referred to is a key of its table, of one column, or of two or three; or a column that repeats, where the names say so
/// (`customers` in versions). Up to 5 % of the referring rows may be
/// orphans. Of several keys that hold the same values the most plausible is told. Values are compared as texts, whole numbers
/// without regard to a fraction of zeros.
pub fn references(tables: &[&CodedTable]) -> Vec<Reference> {
    let sides: Vec<Side<'_>> = tables.iter().map(|table| Side::of(table)).collect();
    let mut found = single(&sides);
    found.extend(composite(&sides, &found));
    found.extend(repeated::references(&sides, &found));
    found.retain(|reference| reference.score >= LEAST_SCORE);
    found.sort_by(|a, b| b.score.total_cmp(&a.score).then_with(|| (&a.from, &a.to).cmp(&(&b.from, &b.to))));
    one_target_each(found)
}

/// A table with what references ask of it.
pub(crate) struct Side<'a> {
    pub(crate) table: &'a CodedTable,
    pub(crate) columns: Vec<Column<'a>>,
    pub(crate) keys: Keys,
    /// Distinct values per column, as compared.
    values: Vec<HashMap<&'a str, u32>>,
    /// Whether all names of columns begin with an abbreviation of the table: `l_orderkey`, `ss_sold_date_sk`.
    is_abbreviated: bool,
}

/// The longest word that is taken for an abbreviation, and the fewest columns that show one.
const ABBREVIATION: (usize, usize) = (3, 3);

impl<'a> Side<'a> {
    fn of(table: &'a CodedTable) -> Self {
        let columns = Column::all(table);
        let values = columns
            .iter()
            .map(|column| column.counted().filter(|(_, _, count)| *count > 0).map(|(_, value, count)| (plain(value), count)).collect());
        let values = values.collect();
        let mut found = keys(table);
        found.keys.truncate(40);
        Self { table, columns, keys: found, values, is_abbreviated: is_abbreviated(table) }
    }

    /// The words of a column's name, without the abbreviation of the table.
    pub(crate) fn words(&self, column: usize) -> Vec<String> {
        words(&self.table.columns[column].name).split_off(usize::from(self.is_abbreviated))
    }

    fn kind(&self, column: usize) -> ColumnType {
        self.table.columns[column].kind
    }
}

fn is_abbreviated(table: &CodedTable) -> bool {
    let names: Vec<Vec<String>> = table.columns.iter().map(|column| words(&column.name)).collect();
    let Some(first) = names.first().and_then(|name| name.first()) else { return false };
    let (longest, fewest) = ABBREVIATION;
    first.len() <= longest && names.len() >= fewest && names.iter().all(|name| name.len() > 1 && name.first() == Some(first))
}

/// A whole number as it is written without a fraction.
pub(crate) fn plain(value: &str) -> &str {
    let whole = value.split_once('.').filter(|(whole, fraction)| {
        !whole.is_empty() && whole.bytes().all(|b| b.is_ascii_digit()) && !fraction.is_empty() && fraction.bytes().all(|b| b == b'0')
    });
    whole.map_or(value, |(whole, _)| whole)
}

/// Whether columns of these kinds can refer to each other.
pub(crate) fn can_refer(kind: ColumnType) -> bool {
    !matches!(kind, ColumnType::Boolean | ColumnType::Binary | ColumnType::Other | ColumnType::Time | ColumnType::Timestamp)
}

/// References of one column.
fn single(sides: &[Side<'_>]) -> Vec<Reference> {
    let mut found = Vec::new();
    for (to_table, to) in sides.iter().enumerate() {
        for key in to.keys.keys.iter().filter(|key| key.columns.len() == 1 && can_refer(to.kind(key.columns[0]))) {
            for (from_table, from) in sides.iter().enumerate() {
                for column in (0..from.columns.len()).filter(|column| (from_table, *column) != (to_table, key.columns[0])) {
                    found.extend(refer(sides, (from_table, column), (to_table, key)).map(|(reference, _)| reference));
                }
            }
        }
    }
    found
}

/// The reference of one column to a key of one column, where nearly all its values are found there, and how alike their names are.
pub(crate) fn refer(sides: &[Side<'_>], (from_table, column): (usize, usize), (to_table, key): (usize, &Key)) -> Option<(Reference, f64)> {
    let (from, to) = (&sides[from_table], &sides[to_table]);
    let target = key.columns[0];
    let (own, known) = (&from.columns[column], &to.values[target]);
    if !can_refer(from.kind(column)) || own.values() == 0 || is_number(from.kind(column)) != is_number(to.kind(target)) {
        return None;
    }
    let rows: u64 = own.counts[1..].iter().map(|count| u64::from(*count)).sum();
    let most = rows as f64 * GREATEST_ORPHANS;
    let (mut orphans, mut met, mut shown) = (0, 0_u32, Vec::new());
    for (_, value, count) in own.counted().filter(|(_, value, count)| *count > 0 && !says_nothing(value)) {
        if known.contains_key(plain(value)) {
            met += 1;
        } else {
            orphans += u64::from(count);
            shown.push(value.to_owned());
            if orphans as f64 > most {
                return None;
            }
        }
    }
    shown.truncate(SHOWN);
    let coverage = f64::from(met) / known.len().max(1) as f64;
    let orphan_share = orphans as f64 / rows.max(1) as f64;
    let pair = Pair { from: (from, column, from_table), to: (to, target, to_table), key, coverage, met: f64::from(met), orphan_share };
    let reference = Reference {
        from: TableColumns { table: from_table, columns: vec![column] },
        to: TableColumns { table: to_table, columns: vec![target] },
        is_key: true,
        orphans,
        rows,
        orphan_values: shown,
        coverage,
        score: pair.score(),
    };
    Some((reference, pair.names()))
}

pub(crate) fn is_number(kind: ColumnType) -> bool {
    matches!(kind, ColumnType::Integer | ColumnType::Decimal | ColumnType::Float)
}

/// A referring column and a key, with what was counted.
struct Pair<'a> {
    from: (&'a Side<'a>, usize, usize),
    to: (&'a Side<'a>, usize, usize),
    key: &'a Key,
    coverage: f64,
    met: f64,
    orphan_share: f64,
}

impl Pair<'_> {
    /// Names weigh most; then what the values say, which for small whole numbers is little.
    fn score(&self) -> f64 {
        let evidence = 0.55 * self.names() + 0.2 * self.coverage.sqrt() + 0.15 * self.key.score + 0.1 * self.spread();
        let surprise = if self.is_small_range() { 0.75 } else { 1.0 };
        let clean = 1.0 - 4.0 * self.orphan_share;
        let direction = if self.is_key_to_key() { 0.4 } else { 1.0 };
        (evidence * surprise * clean * direction * self.kinds()).clamp(0.0, 1.0)
    }

    /// How far the name of the referring column speaks of the table or key referred to, 0 to 1.
    fn names(&self) -> f64 {
        let (from, column, from_table) = self.from;
        let (to, target, to_table) = self.to;
        let (own, key) = (from.words(column), to.words(target));
        let table: Vec<String> = words(&to.table.name);
        name_likeness(&own, &key, &table, from_table == to_table)
    }

    /// How evenly the met values lie over the range of the key: an accidental inclusion sits at its low end.
    fn spread(&self) -> f64 {
        let (to, target, _) = self.to;
        let (from, column, _) = self.from;
        let numbers = |column: &Column<'_>| {
            column
                .counted()
                .filter(|(_, _, count)| *count > 0)
                .filter_map(|(_, value, _)| value.parse::<f64>().ok())
                .fold(f64::MIN, f64::max)
        };
        if !is_number(to.kind(target)) {
            return 1.0;
        }
        let (most, reached) = (numbers(&to.columns[target]), numbers(&from.columns[column]));
        if most > 0.0 { (reached / most).clamp(0.0, 1.0) } else { 0.5 }
    }

    /// Whole numbers from a short run beginning near 1: any such column includes any other.
    fn is_small_range(&self) -> bool {
        let (to, target, _) = self.to;
        is_number(to.kind(target)) && (self.met < 50.0 || self.coverage < 0.3) && self.names() < 0.6
    }

    /// Whether the referring column is the key of its own table: two surrogate keys that count from 1 include each other.
    fn is_key_to_key(&self) -> bool {
        let (from, column, _) = self.from;
        let is_best = from.keys.keys.first().is_some_and(|key| key.columns == [column]);
        let names_itself = name_likeness(&from.words(column), &["id".to_owned()], &words(&from.table.name), false) > 0.8;
        (is_best || names_itself) && self.names() < 0.9
    }

    /// Measures, dates and prose do not refer.
    fn kinds(&self) -> f64 {
        let (from, column, _) = self.from;
        let last = words(&from.table.columns[column].name).pop().unwrap_or_default();
        if is_number(from.kind(column)) && MEASURES.contains(&last.as_str()) {
            return 0.3;
        }
        match from.kind(column) {
            ColumnType::Date => 0.4,
            ColumnType::Decimal | ColumnType::Float if from.columns[column].coded.values.iter().any(|value| plain(value).contains('.')) => {
                0.3
            }
            _ => 1.0,
        }
    }
}

/// Names of what is measured or counted.
const MEASURES: &[&str] = &[
    "quantity",
    "qty",
    "amount",
    "price",
    "cost",
    "total",
    "subtotal",
    "tax",
    "count",
    "year",
    "month",
    "day",
    "age",
    "rating",
    "score",
    "level",
    "stock",
    "discount",
    "rate",
    "length",
    "duration",
    "width",
    "height",
    "weight",
    "size",
    "rank",
    "percent",
    "balance",
    "salary",
    "units",
    "milliseconds",
    "bytes",
    "minutes",
    "seconds",
    "hours",
    "points",
    "votes",
];

/// Parts that people play: a column named so refers to a table of people.
const STAFF: &[&str] = &[
    "rep",
    "representative",
    "manager",
    "agent",
    "salesperson",
    "seller",
    "staff",
    "supervisor",
    "assignee",
    "owner",
    "author",
    "creator",
    "approver",
    "reviewer",
    "employee",
    "user",
    "by",
];

/// How far a key is its table's own and not one that the table shares or borrows: `film_id` is that of `film`, less so of
/// `film_category`, and `store_id` is not that of `staff`.
pub(crate) fn home(key_name: &str, table_name: &str) -> f64 {
    const GENERIC: &[&str] =
        &["id", "key", "sk", "code", "name", "uuid", "number", "no", "nr", "pk", "iso", "iata", "symbol", "abbreviation", "title", "email"];
    let stem = GENERIC.iter().find_map(|ending| key_name.strip_suffix(ending)).unwrap_or(key_name);
    match stem {
        "" => 1.0,
        _ if stem == table_name => 1.0,
        _ if table_name.ends_with(stem) || stem.ends_with(table_name) => 0.95,
        _ if table_name.contains(stem) => 0.8,
        _ => 0.3,
    }
}

/// The words of a name as one, each without its plural ending.
pub(crate) fn plain_name(words: &[String]) -> String {
    words.iter().map(|word| singular(word)).collect()
}

/// How far the words of a referring column point at a key: `customer_id` at `customers.id` or `customers.customer_id`, `reports_to` at
/// nothing by name.
fn name_likeness(own: &[String], key: &[String], table: &[String], is_same_table: bool) -> f64 {
    let (own_name, key_name, table_name) = (plain_name(own), plain_name(key), plain_name(table));
    let tail = key.last().map_or("", String::as_str);
    let is_generic = matches!(key_name.as_str(), "id" | "key" | "sk" | "code" | "name" | "uuid" | "no" | "number" | "pk");
    let full = format!("{table_name}{key_name}");
    let home = home(&key_name, &table_name);
    if own_name == full || (!is_generic && own_name == key_name && !is_same_table) {
        return home.max(0.7);
    }
    if home < 0.5 {
        return 0.3 * f64::from(u8::from(own_name.contains(&table_name)));
    }
    if own_name == table_name
        || format!("{own_name}{tail}") == full
        || (!is_generic && own_name.ends_with(&key_name) && !own_name.is_empty())
    {
        return 0.9;
    }
    let stems: Vec<String> = own.iter().map(|word| singular(word)).collect();
    let of_table: Vec<String> = table.iter().map(|word| singular(word)).collect();
    let shared = of_table.iter().filter(|word| stems.contains(word)).count() as f64;
    let same_tail = own.last().is_some_and(|last| last == tail || last.ends_with(tail) && tail.len() > 1);
    let by_table = if of_table.is_empty() { 0.0 } else { shared / of_table.len() as f64 };
    let contained = table_name.len() > 3 && own_name.contains(&table_name)
        || own_name.len() > 3 && table_name.contains(own_name.trim_end_matches("id")) && own_name.trim_end_matches("id").len() > 2;
    let mut likeness = 0.75 * by_table + if contained { 0.3 } else { 0.0 };
    likeness += if same_tail { 0.15 } else { 0.0 };
    let is_staff = table
        .iter()
        .any(|word| matches!(singular(word).as_str(), "employee" | "staff" | "user" | "person" | "people" | "member" | "contact"));
    if is_staff && own.iter().any(|word| STAFF.contains(&word.as_str())) {
        likeness += 0.6;
    }
    let is_of_one_stem =
        |a: &String, b: &String| a.len() > 3 && b.len() > 3 && a.chars().zip(b.chars()).take_while(|(x, y)| x == y).count() >= 4;
    if likeness < 0.3 && stems.iter().any(|own| of_table.iter().any(|word| is_of_one_stem(own, word))) {
        likeness += 0.3;
    }
    if is_same_table
        && own
            .iter()
            .any(|word| matches!(word.as_str(), "parent" | "report" | "reports" | "supervisor" | "boss" | "predecessor" | "previous"))
    {
        likeness += 0.7;
    }
    likeness.min(0.9)
}

/// References through composite keys: each part is included in its part, and the combinations are too.
fn composite(sides: &[Side<'_>], single: &[Reference]) -> Vec<Reference> {
    let told: HashSet<(usize, usize, usize)> = single
        .iter()
        .filter(|reference| reference.score > 0.6)
        .map(|reference| (reference.from.table, reference.from.columns[0], reference.to.table))
        .collect();
    let mut found = Vec::new();
    for (to_table, to) in sides.iter().enumerate() {
        let keys = to.keys.keys.iter().filter(|key| (2..=WIDEST).contains(&key.columns.len()));
        for key in keys.take(10) {
            for (from_table, from) in sides.iter().enumerate().filter(|(from_table, _)| *from_table != to_table) {
                let Some(columns) = counterparts(from, to, key) else { continue };
                if columns.iter().all(|column| !told.contains(&(from_table, *column, to_table))) {
                    found.extend(refer_together((from_table, from, &columns), (to_table, to, key)));
                }
            }
        }
    }
    found
}

/// The columns named like the parts of a key, in its order.
fn counterparts(from: &Side<'_>, to: &Side<'_>, key: &Key) -> Option<Vec<usize>> {
    let name = |side: &Side<'_>, column: usize| plain_name(&side.words(column));
    key.columns.iter().map(|part| (0..from.columns.len()).find(|column| name(from, *column) == name(to, *part))).collect()
}

fn refer_together(
    (from_table, from, columns): (usize, &Side<'_>, &[usize]),
    (to_table, to, key): (usize, &Side<'_>, &Key),
) -> Option<Reference> {
    let tuple = |side: &Side<'_>, columns: &[usize], row: usize| -> Option<Vec<String>> {
        columns.iter().map(|column| side.table.columns[*column].value(row).map(|value| plain(value).to_owned())).collect()
    };
    let known: HashSet<Vec<String>> = (0..to.table.coded_rows()).filter_map(|row| tuple(to, &key.columns, row)).collect();
    let mut tuples: BTreeMap<Vec<String>, u64> = BTreeMap::new();
    for tuple in (0..from.table.coded_rows()).filter_map(|row| tuple(from, columns, row)) {
        *tuples.entry(tuple).or_default() += 1;
    }
    let rows: u64 = tuples.values().sum();
    let lost: Vec<(&Vec<String>, &u64)> = tuples.iter().filter(|(tuple, _)| !known.contains(*tuple)).collect();
    let orphans: u64 = lost.iter().map(|(_, rows)| **rows).sum();
    let orphan_share = orphans as f64 / rows.max(1) as f64;
    if rows == 0 || orphan_share > GREATEST_ORPHANS {
        return None;
    }
    let coverage = (tuples.len() - lost.len()) as f64 / known.len().max(1) as f64;
    Some(Reference {
        from: TableColumns { table: from_table, columns: columns.to_vec() },
        to: TableColumns { table: to_table, columns: key.columns.clone() },
        is_key: true,
        orphans,
        rows,
        orphan_values: lost.iter().take(SHOWN).map(|(tuple, _)| tuple.join(", ")).collect(),
        coverage,
        score: (0.6 + 0.2 * coverage.sqrt() + 0.2 * key.score) * (1.0 - 4.0 * orphan_share),
    })
}

/// Of the references of the same columns keeps the best, and others only where they are nearly as good.
fn one_target_each(sorted: Vec<Reference>) -> Vec<Reference> {
    let mut best: HashMap<TableColumns, f64> = HashMap::new();
    let mut kept: Vec<Reference> = Vec::new();
    for reference in sorted {
        let best = *best.entry(reference.from.clone()).or_insert(reference.score);
        let is_mirror = kept.iter().any(|other| other.from == reference.to && other.to == reference.from);
        if reference.score >= 0.9 * best && !is_mirror {
            kept.push(reference);
        }
    }
    kept
}
