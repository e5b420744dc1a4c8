//! References between tables: inclusion dependencies, ranked by how much they look like declared foreign keys.
//!
//! Candidates are found on distinct values (the single-column case of `SPIDER`, Bauckmann et al., ICDE 2007) and are told apart
//! from accidental inclusions by names, keys, coverage and spread, the features that Rostin et al. (2009) and of
//! Zhang and others (VLDB 2010) found to matter.

use std::collections::{BTreeMap, HashMap, HashSet};

use hw_base::{CodedTable, ColumnType};

use crate::cell::says_nothing;
use crate::columns::Column;
use crate::inclusion::telling;
use crate::likeness::{MEASURES, name_likeness, plain_name};
use crate::words::words;
use crate::{Key, Keys, Reference, TableColumns, keys, repeated};

/// The greatest share of referring rows without a counterpart.
const GREATEST_ORPHANS: f64 = 0.05;
/// The same where names or values leave no doubt that a reference is meant.
const GREATEST_ORPHANS_OF_SURE: f64 = 0.2;
/// The likeness of names that leaves no doubt.
const SURE_LIKENESS: f64 = 0.9;
/// How much values that are not among the keys by chance count against names that say the same.
const BY_VALUES: f64 = 0.75;
/// The least share of the keys that rows which draw from all of them would mention, and of their range.
const LEAST_OF_EXPECTED: f64 = 0.95;
/// The greatest score of a reference that the values tell and the names do not: too little for a rule.
const MOST_BY_VALUES: f64 = 0.79;
/// How near to that of the best key of its table the score of another must be for values alone to point at it.
const LIKE_THE_BEST: f64 = 0.7;
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
/// orphans, up to 20 % where names or values leave no doubt. Of several keys that hold the same values the most plausible is told. Values are compared as texts, whole numbers
/// without regard to a fraction of zeros.
pub fn references(tables: &[&CodedTable]) -> Vec<Reference> {
    let sides: Vec<Side<'_>> = tables.iter().map(|table| Side::of(table)).collect();
    let mut found = single(&sides);
    found.extend(composite(&sides, &found));
    found.extend(repeated::references(&sides, &found));
    found.retain(|reference| reference.score >= LEAST_SCORE);
    found.sort_by(|a, b| b.score.total_cmp(&a.score).then_with(|| (&a.from, &a.to).cmp(&(&b.from, &b.to))));
    one_target_each(found, &sides)
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

    /// Whether the name of a column of numbers says that it is measured or counted.
    fn is_measure(&self, column: usize) -> bool {
        let last = words(&self.table.columns[column].name).pop().unwrap_or_default();
        is_number(self.kind(column)) && MEASURES.contains(&last.as_str())
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
    let most = rows as f64 * GREATEST_ORPHANS_OF_SURE;
    let (mut orphans, mut met, mut shown) = (0, Vec::new(), Vec::new());
    for (_, value, count) in own.counted().filter(|(_, value, count)| *count > 0 && !says_nothing(value)) {
        if known.contains_key(plain(value)) {
            met.push(value);
        } else {
            orphans += u64::from(count);
            shown.push(value.to_owned());
            if orphans as f64 > most {
                return None;
            }
        }
    }
    shown.truncate(SHOWN);
    let coverage = met.len() as f64 / known.len().max(1) as f64;
    let orphan_share = orphans as f64 / rows.max(1) as f64;
    let pair = Pair {
        from: (from, column, from_table),
        to: (to, target, to_table),
        key,
        coverage,
        met: met.len() as f64,
        rows: rows as f64,
        orphan_share,
        telling: if is_like_the_best(to, key) { telling(&to.columns[target], &met) } else { 0.0 },
    };
    if !pair.may_be_meant() {
        return None;
    }
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

/// Whether a key is about as good as the best of its table.
fn is_like_the_best(side: &Side<'_>, key: &Key) -> bool {
    side.keys.keys.first().is_some_and(|best| key.score >= LIKE_THE_BEST * best.score)
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
    rows: f64,
    orphan_share: f64,
    /// How far the values alone say that the reference is meant, 0 to 1.
    telling: f64,
}

impl Pair<'_> {
    /// Whether it may be more than chance: few orphans, and for whole numbers from a short run a name that says so, or values that are
    /// drawn from all of the keys.
    fn may_be_meant(&self) -> bool {
        let names = self.names();
        let is_sure = self.telling > 0.0 || names >= SURE_LIKENESS;
        let (from, column, _) = self.from;
        let is_silent = is_number(from.kind(column)) && self.telling == 0.0 && names < 0.3;
        self.orphan_share <= if is_sure { GREATEST_ORPHANS_OF_SURE } else { GREATEST_ORPHANS }
            && (!is_silent || self.draws_from_all() || self.is_named_as_reference())
    }

    /// Whether the values are those that rows would have which draw from all of the keys by chance, as orders draw from customers.
    fn draws_from_all(&self) -> bool {
        let keys = self.met / self.coverage.max(f64::MIN_POSITIVE);
        let expected = 1.0 - (-self.rows / keys.max(1.0)).exp();
        self.orphan_share == 0.0 && self.coverage >= LEAST_OF_EXPECTED * expected && self.spread() >= LEAST_OF_EXPECTED
    }

    /// Whether the name of the referring column ends like that of something that refers.
    fn is_named_as_reference(&self) -> bool {
        let (from, column, _) = self.from;
        let name = from.words(column).pop().unwrap_or_default();
        ["id", "key", "sk", "fk", "ref"].iter().any(|ending| name.ends_with(ending))
    }

    /// Names weigh most; then what the values say, which for small whole numbers is little.
    fn score(&self) -> f64 {
        let by_values = BY_VALUES * self.telling;
        let meant = self.names().max(by_values);
        let most = if by_values > self.names() { MOST_BY_VALUES } else { 1.0 };
        let evidence = 0.55 * meant + 0.2 * self.coverage.sqrt() + 0.15 * self.key.score + 0.1 * self.spread();
        let surprise = if self.is_small_range() { 0.75 } else { 1.0 };
        let clean = 1.0 - self.orphan_share * if self.telling > 0.0 { 2.0 } else { 4.0 };
        let direction = match self.is_key_to_key() {
            true if self.telling > 0.0 => 0.8,
            true => 0.4,
            false => 1.0,
        };
        (evidence * surprise * clean * direction * self.kinds()).clamp(0.0, most)
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
        is_number(to.kind(target)) && self.telling == 0.0 && (self.met < 50.0 || self.coverage < 0.3) && self.names() < 0.6
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
        if from.is_measure(column) {
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

/// References through composite keys: each part is included in its part, and the combinations are too.
fn composite(sides: &[Side<'_>], single: &[Reference]) -> Vec<Reference> {
    let told: HashSet<(usize, usize, usize)> = single
        .iter()
        .filter(|reference| reference.score > 0.6)
        .map(|reference| (reference.from.table, reference.from.columns[0], reference.to.table))
        .collect();
    let mut found = Vec::new();
    for (to_table, to) in sides.iter().enumerate() {
        let is_measured = |key: &&Key| key.columns.iter().any(|part| to.is_measure(*part));
        let keys = to.keys.keys.iter().filter(|key| (2..=WIDEST).contains(&key.columns.len()) && !is_measured(key));
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

/// Of the references of the same columns keeps the best, and others only where they are nearly as good and lead to other values.
fn one_target_each(sorted: Vec<Reference>, sides: &[Side<'_>]) -> Vec<Reference> {
    let mut best: HashMap<TableColumns, f64> = HashMap::new();
    let mut kept: Vec<Reference> = Vec::new();
    for reference in sorted {
        let best = *best.entry(reference.from.clone()).or_insert(reference.score);
        let is_mirror = kept.iter().any(|other| other.from == reference.to && other.to == reference.from);
        let is_wider = kept.iter().any(|other| other.from == reference.from && is_wider(&other.to, &reference.to, sides));
        if reference.score >= 0.9 * best && !is_mirror && !is_wider {
            kept.push(reference);
        }
    }
    kept
}

/// Whether the second column holds all values of the first and more: instructors are people as well, but an instructor is meant.
fn is_wider(one: &TableColumns, other: &TableColumns, sides: &[Side<'_>]) -> bool {
    let values = |columns: &TableColumns| Some(&sides.get(columns.table)?.values[*columns.columns.first()?]);
    let is_single = one.columns.len() == 1 && other.columns.len() == 1;
    let (Some(one), Some(other)) = (values(one), values(other)) else { return false };
    is_single && one.len() < other.len() && one.keys().all(|value| other.contains_key(value))
}
