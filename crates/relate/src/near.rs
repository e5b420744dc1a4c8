//! Near-duplicate rows: one thing recorded twice, up to its key, to case, blanks and punctuation, and to one slip of the pen.
//!
//! Rows are blocked by a hash of all their columns but keys and stamps of time, and once more per column of text without that column:
//! rows of one block differ at most in that column. So the work is linear in rows × columns of text; no two rows are compared that do
//! not agree on everything else. Whether agreeing on the rest says anything is told by the blocks themselves: where rows that agree on
//! it are mostly different, it says nothing.

use std::collections::{HashMap, HashSet};

use hw_base::{CodedTable, ColumnType};

use crate::columns::Column;
use crate::words::{edits, words};
use crate::{Keys, parallel, twins};

/// Columns of text that are left out one after the other.
const MOST_TEXTS: usize = 12;
/// Rows of a block that are compared with each other; larger blocks are no things recorded twice.
const MOST_ROWS: usize = 8;
/// How much more often rows of a block must be near each other than far.
const NEAR_TO_FAR: usize = 2;
/// Where more rows than this share are near others with a slip, or are near them by chance, rows are no things that are recorded once.
const GREATEST_SHARE: f64 = 0.1;
/// A text this long may hold a slip of the pen; in shorter ones a letter makes another word.
const LEAST_LETTERS: usize = 6;
/// The share of rows that must differ in a column for it to name things.
const LEAST_VARIETY: f64 = 0.5;
/// Fewer rows show nothing.
const LEAST_ROWS: usize = 50;

/// Two rows that likely record one thing.
#[derive(Clone, Debug, PartialEq, Eq, PartialOrd, Ord)]
pub struct NearDuplicate {
    /// The later row.
    pub row: usize,
    /// The earlier row that it repeats.
    pub repeats: usize,
    /// The column of text in which a letter differs; `None` where only case, blanks, punctuation or the key do.
    pub slip_in: Option<usize>,
}

/// Rows that likely record what an earlier row records.
#[derive(Clone, Debug, Default, PartialEq, Eq)]
pub struct NearDuplicates {
    /// The columns in which such rows agree, but for case, blanks and punctuation: all but keys and stamps of time.
    pub compared: Vec<usize>,
    /// The keys, in which they may differ; none where such rows repeat the key as well.
    pub keys: Vec<usize>,
    /// The rows, each with the earlier one, by row.
    pub pairs: Vec<NearDuplicate>,
}

/// Rows that likely record what an earlier row records. Rows that are equal in every column are not among them.
pub fn near_duplicates(table: &CodedTable, keys: &Keys) -> NearDuplicates {
    let columns = Column::all(table);
    let rows = table.coded_rows();
    let copies = equal_rows(&columns, rows);
    let is_key = |at: usize| {
        // Rows that are equal in every column repeat the key as well.
        let is_but_for_copies = columns[at].nulls() == 0 && columns[at].values() + copies.len() == rows;
        is_but_for_copies || keys.keys.iter().any(|key| key.columns == [at])
    };
    let (aside, compared): (Vec<usize>, Vec<usize>) = (0..columns.len()).partition(|at| is_aside(table, is_key(*at), *at));
    let keys: Vec<usize> = aside.into_iter().filter(|at| is_key(*at)).collect();
    // Half of the rows may repeat the others.
    let names: Vec<usize> = compared.iter().copied().filter(|at| names_things(&columns[*at], rows.div_ceil(2))).collect();
    if rows < LEAST_ROWS || names.is_empty() || compared.len() < 2 {
        return NearDuplicates::default();
    }
    let hashed = parallel::map(&compared, |at| Folded::of(&columns[*at], *at));
    let totals: Vec<u64> = (0..rows).map(|row| hashed.iter().fold(0_u64, |sum, column| sum.wrapping_add(column.hash(row)))).collect();
    let mut same = equal_pairs(&totals, |one, other| !are_equal(&columns, one, other)).near;
    same.retain(|(_, row)| !copies.contains(row));
    let names: Vec<usize> = names.into_iter().filter(|at| names_things(&columns[*at], rows - same.len())).collect();
    if names.is_empty() {
        return NearDuplicates::default();
    }
    if is_many(same.len(), rows) && are_alike_by_chance(&hashed, &totals) {
        return NearDuplicates { compared, keys, pairs: Vec::new() };
    }
    let mut found: Vec<NearDuplicate> = same.into_iter().map(|(repeats, row)| NearDuplicate { row, repeats, slip_in: None }).collect();
    let texts: Vec<&Folded<'_>> = hashed.iter().filter(|column| names.contains(&column.at)).take(MOST_TEXTS).collect();
    for (text, slips) in texts.iter().zip(parallel::map(&texts, |text| slips(text, &totals))) {
        found.extend(slips.into_iter().map(|(repeats, row)| NearDuplicate { row, repeats, slip_in: Some(text.at) }));
    }
    found.retain(|pair| !copies.contains(&pair.row));
    found.sort();
    found.dedup_by_key(|pair| pair.row);
    if is_many(found.iter().filter(|pair| pair.slip_in.is_some()).count(), rows) {
        found.retain(|pair| pair.slip_in.is_none());
    }
    NearDuplicates { compared, keys, pairs: found }
}

fn is_many(found: usize, rows: usize) -> bool {
    found as f64 > GREATEST_SHARE * rows as f64
}

/// Whether rows that agree in all of these columns do so by chance, and not as a batch that was loaded again under other keys.
fn are_alike_by_chance(hashed: &[Folded<'_>], totals: &[u64]) -> bool {
    let columns: Vec<&Column<'_>> = hashed.iter().map(|column| column.column).collect();
    twins::are_by_chance(&columns, totals, |at, row| hashed[at].hash(row))
}

/// The rows that equal an earlier one in every column, ascending.
pub fn copies(table: &CodedTable) -> Vec<usize> {
    let mut rows: Vec<usize> = equal_rows(&Column::all(table), table.coded_rows()).into_iter().collect();
    rows.sort_unstable();
    rows
}

/// The rows that equal an earlier one in every column.
fn equal_rows(columns: &[Column<'_>], rows: usize) -> HashSet<usize> {
    let mixed_in = |hash: u64, column: &Column<'_>, row: usize| mixed(hash ^ u64::from(column.coded.codes[row]));
    let hashes: Vec<u64> = (0..rows).map(|row| columns.iter().fold(1, |hash, column| mixed_in(hash, column, row))).collect();
    let of_block = |block: Vec<usize>| {
        let is_copy = |at: &usize| block[..*at].iter().any(|earlier| are_equal(columns, *earlier, block[*at]));
        // In a block of many rows all are copies of one, but for a hash that meets by chance.
        let copies: Vec<usize> = if block.len() > 1_000 { (1..block.len()).collect() } else { (1..block.len()).filter(is_copy).collect() };
        copies.into_iter().map(|at| block[at]).collect::<Vec<_>>()
    };
    blocks(&hashes).into_iter().flat_map(of_block).collect()
}

/// Whether a column tells nothing about what a row records: its key, and when it was written.
fn is_aside(table: &CodedTable, is_key: bool, at: usize) -> bool {
    const STAMPS: &[&str] =
        &["created", "updated", "modified", "changed", "loaded", "inserted", "imported", "synced", "extracted", "ingested"];
    let column = &table.columns[at];
    let words = words(&column.name);
    let last = words.last().map_or("", String::as_str);
    let is_named_key = matches!(last, "id" | "key" | "pk" | "uuid" | "guid" | "no" | "nr" | "number" | "index");
    let is_stamp =
        matches!(column.kind, ColumnType::Date | ColumnType::Timestamp) && words.iter().any(|word| STAMPS.contains(&word.as_str()));
    is_stamp || (is_key && (is_named_key || column.kind == ColumnType::Integer)) || column.kind == ColumnType::Binary
}

/// Whether a column of text names the things that so many rows record: most of its values differ, and they hold letters.
fn names_things(column: &Column<'_>, rows: usize) -> bool {
    let has_letters = |text: &String| text.chars().filter(|c| c.is_alphabetic()).count() >= LEAST_LETTERS;
    let values = &column.coded.values;
    let lettered = values.iter().take(1_000).filter(|text| has_letters(text)).count();
    column.coded.kind == ColumnType::Text
        && column.values() as f64 >= LEAST_VARIETY * rows as f64
        && lettered * 2 >= values.len().min(1_000)
}

/// A column with a hash of each of its values, the same for texts that differ in case, blanks and punctuation alone.
struct Folded<'a> {
    at: usize,
    column: &'a Column<'a>,
    hashes: Vec<u64>,
}

impl<'a> Folded<'a> {
    fn of(column: &'a Column<'a>, at: usize) -> Self {
        let seed = mixed(at as u64 + 1);
        let is_text = column.coded.kind == ColumnType::Text;
        let hash = |text: &String| if is_text { folded(text, seed) } else { bytes(text.bytes(), seed) };
        let hashes = std::iter::once(seed).chain(column.coded.values.iter().map(hash)).collect();
        Self { at, column, hashes }
    }

    fn hash(&self, row: usize) -> u64 {
        self.hashes[self.column.coded.codes[row] as usize]
    }

    fn text(&self, row: usize) -> Option<&'a str> {
        self.column.text(self.column.coded.codes[row])
    }
}

/// The letters and digits of a text, without case.
fn plain(text: &str) -> impl Iterator<Item = char> {
    text.chars().filter(|c| c.is_alphanumeric()).flat_map(char::to_lowercase)
}

fn folded(text: &str, seed: u64) -> u64 {
    plain(text).fold(seed, |hash, c| mixed(hash ^ u64::from(c)))
}

fn bytes(bytes: impl Iterator<Item = u8>, seed: u64) -> u64 {
    bytes.fold(seed, |hash, byte| mixed(hash ^ u64::from(byte)))
}

/// The finaliser of `splitmix64`.
pub(crate) fn mixed(number: u64) -> u64 {
    let x = (number ^ (number >> 30)).wrapping_mul(0xBF58_476D_1CE4_E5B9);
    let x = (x ^ (x >> 27)).wrapping_mul(0x94D0_49BB_1331_11EB);
    (x ^ (x >> 31)).wrapping_add(0x9E37_79B9_7F4A_7C15)
}

/// Pairs of rows of one block, and how many pairs of blocks were not.
struct Pairs {
    near: Vec<(usize, usize)>,
    far: usize,
}

/// Of the rows with equal hashes those that are near an earlier one, each with the first such row.
fn equal_pairs(hashes: &[u64], is_near: impl Fn(usize, usize) -> bool) -> Pairs {
    let mut pairs = Pairs { near: Vec::new(), far: 0 };
    for block in blocks(hashes) {
        if block.len() > MOST_ROWS {
            pairs.far += block.len();
            continue;
        }
        for (at, row) in block.iter().enumerate().skip(1) {
            match block[..at].iter().find(|earlier| is_near(**earlier, *row)) {
                Some(earlier) => pairs.near.push((*earlier, *row)),
                None => pairs.far += 1,
            }
        }
    }
    pairs
}

/// The rows whose hash occurs more than once, block by block. Two bits per slot tell first which hashes may: those of most rows occur
/// once and are never sorted.
pub(crate) fn blocks(hashes: &[u64]) -> Vec<Vec<usize>> {
    let slots = (hashes.len() * 8).next_power_of_two();
    let slot = |hash: u64| usize::try_from(hash & (slots as u64 - 1)).unwrap_or(0);
    let (mut once, mut twice) = (vec![0_u64; slots / 64 + 1], vec![0_u64; slots / 64 + 1]);
    for hash in hashes {
        let (word, bit) = (slot(*hash) / 64, 1 << (slot(*hash) % 64));
        twice[word] |= once[word] & bit;
        once[word] |= bit;
    }
    let mut blocks: HashMap<u64, Vec<usize>> = HashMap::new();
    for (row, hash) in hashes.iter().enumerate().filter(|(_, hash)| twice[slot(**hash) / 64] >> (slot(**hash) % 64) & 1 == 1) {
        blocks.entry(*hash).or_default().push(row);
    }
    let mut blocks: Vec<Vec<usize>> = blocks.into_values().filter(|rows| rows.len() > 1).collect();
    blocks.sort_unstable_by_key(|rows| rows[0]);
    blocks
}

/// Whether two rows are equal in every column: these are duplicates, not nearly.
fn are_equal(columns: &[Column<'_>], one: usize, other: usize) -> bool {
    columns.iter().all(|column| column.coded.codes[one] == column.coded.codes[other])
}

/// The pairs of rows that agree on all but `text`, and there up to one letter; none where rows that agree on the rest are often far
/// from each other.
fn slips(text: &Folded<'_>, totals: &[u64]) -> Vec<(usize, usize)> {
    let rest: Vec<u64> = totals.iter().enumerate().map(|(row, total)| total.wrapping_sub(text.hash(row))).collect();
    let is_slip = |one: usize, other: usize| match (text.text(one), text.text(other)) {
        (Some(one), Some(other)) => is_slip(one, other),
        _ => false,
    };
    let pairs = equal_pairs(&rest, |one, other| text.hash(one) == text.hash(other) || is_slip(one, other));
    let slipped = pairs.near.iter().filter(|(one, other)| text.hash(*one) != text.hash(*other)).copied();
    if pairs.near.len() < NEAR_TO_FAR * pairs.far { Vec::new() } else { slipped.collect() }
}

/// Whether two texts differ in one letter: inserted, left out, replaced, or swapped with its neighbour. A digit makes another thing.
fn is_slip(one: &str, other: &str) -> bool {
    let (one, other): (Vec<char>, Vec<char>) = (plain(one).collect(), plain(other).collect());
    let digits = |text: &[char]| text.iter().copied().filter(char::is_ascii_digit).collect::<String>();
    one.len().min(other.len()) >= LEAST_LETTERS && digits(&one) == digits(&other) && edits(&one, &other, 1).is_some()
}
