//! Numbers about text: lengths, white space, non-printing characters, shapes and patterns.
//!
//! *Empty*, *blank* (white space only, at least one character) and *padded* exclude each other. *Non-printing* are control
//! characters other than tab and line ends, zero-width and direction marks, soft hyphens, non-breaking spaces and U+FFFD,
//! which stands for bytes that could not be read.

use std::collections::{HashMap, HashSet};
use std::hash::{BuildHasherDefault, Hasher};

use hw_base::{PatternCount, ShapeCount, Spellings, TextFacts, TextShape, Value, ValueCount, character_pattern, is_non_printing};

use crate::form::cut;
use crate::hash::hash_bytes;
use crate::stored::{restored, stored};

/// Values whose pattern is kept at a time.
const PATTERN_VALUES: u64 = 50_000;
const SHOWN_PATTERNS: usize = 20;
const SHOWN_SPELLINGS: usize = 20;
/// Different values up to which folded ones are told apart.
const FOLDED_VALUES: usize = 100_000;

const SHAPES: [TextShape; 13] = [
    TextShape::Blank,
    TextShape::Boolean,
    TextShape::Integer,
    TextShape::Decimal,
    TextShape::Date,
    TextShape::Timestamp,
    TextShape::OtherDate,
    TextShape::NumberLike,
    TextShape::Email,
    TextShape::Url,
    TextShape::Uuid,
    TextShape::IpAddress,
    TextShape::Other,
];

/// The text of the rows.
#[derive(Debug, Default)]
pub(crate) struct Texts {
    values: u64,
    characters: u64,
    min_length: Option<u32>,
    max_length: u32,
    empty: u64,
    blank: u64,
    padded: u64,
    non_printing: u64,
    mojibake: u64,
    quoted: u64,
    delimited: u64,
    shapes: [u64; SHAPES.len()],
    memory: Memory,
    patterns: Patterns,
    folded: Folded,
}

// What was remembered of values is found out again.
restored!(Texts {
    values,
    characters,
    min_length,
    max_length,
    empty,
    blank,
    padded,
    non_printing,
    mojibake,
    quoted,
    delimited,
    shapes,
    patterns,
    folded
});

impl Texts {
    /// No text yet. To look at fewer repeated values again, `remembered` of them are kept in mind.
    pub(crate) fn new(remembered: usize) -> Self {
        Self { memory: Memory::new(remembered), ..Self::default() }
    }

    /// Adds a text that occurs `count` times and has the hash `hash`; `lottery` is a random number.
    #[inline]
    pub(crate) fn add(&mut self, text: &str, count: u64, hash: u64, lottery: u64) {
        let traits = self.memory.recall(hash).unwrap_or_else(|| self.look_at(text, hash));
        self.values += count;
        self.characters += u64::from(traits.length) * count;
        self.min_length = Some(self.min_length.map_or(traits.length, |least| least.min(traits.length)));
        self.max_length = self.max_length.max(traits.length);
        self.shapes[usize::from(traits.shape)] += count;
        match traits.space {
            Space::None => {}
            Space::Padded => self.padded += count,
            Space::Blank => self.blank += count,
            Space::Empty => self.empty += count,
        }
        if traits.marks != 0 {
            self.count_marks(traits.marks, count);
        }
        self.patterns.add(text, count, lottery);
    }

    #[cold]
    fn count_marks(&mut self, marks: u8, count: u64) {
        let counters = [
            (NON_PRINTING, &mut self.non_printing),
            (MOJIBAKE, &mut self.mojibake),
            (QUOTED, &mut self.quoted),
            (DELIMITED, &mut self.delimited),
        ];
        counters.into_iter().filter(|(mark, _)| marks & mark != 0).for_each(|(_, counter)| *counter += count);
    }

    fn look_at(&mut self, text: &str, hash: u64) -> Traits {
        let traits = Traits::of(text);
        self.memory.remember(hash, traits);
        self.folded.add(text);
        traits
    }

    /// Ends a chunk: thins what has grown too large. Not called while all values are known, so that few values are
    /// looked at completely.
    pub(crate) fn settle(&mut self) {
        self.patterns.thin();
        self.memory.end_if_useless();
    }

    /// The facts, given the number of different values; `None` for no text.
    pub(crate) fn finish(self, distinct: u64) -> Option<TextFacts> {
        let shapes = SHAPES.into_iter().zip(self.shapes).filter(|(_, count)| *count > 0);
        let mut shapes: Vec<_> = shapes.map(|(shape, count)| ShapeCount { shape, count }).collect();
        shapes.sort_by_key(|shape| std::cmp::Reverse(shape.count));
        Some(TextFacts {
            min_length: self.min_length?.into(),
            max_length: self.max_length.into(),
            mean_length: self.characters as f64 / self.values as f64,
            empty: self.empty,
            blank: self.blank,
            padded: self.padded,
            non_printing: self.non_printing,
            mojibake: self.mojibake,
            quoted: self.quoted,
            delimited: self.delimited,
            spellings: Vec::new(),
            shapes,
            pattern_sample: self.patterns.sample(),
            patterns: self.patterns.finish(),
            distinct_folded: self.folded.count().filter(|_| distinct <= FOLDED_VALUES as u64),
        })
    }
}

/// What there is to count about one text.
#[derive(Clone, Copy, Debug)]
struct Traits {
    length: u32,
    /// The place in [`SHAPES`].
    shape: u8,
    space: Space,
    /// [`NON_PRINTING`] and its neighbours, as bits.
    marks: u8,
}

const NON_PRINTING: u8 = 1;
const MOJIBAKE: u8 = 2;
const QUOTED: u8 = 4;
const DELIMITED: u8 = 8;
/// Not a mark of a text but of its bytes.
const NOT_ASCII: u8 = 16;

/// What each byte says about the text that it stands in.
const BYTE_MARKS: [u8; 256] = {
    let mut marks = [0; 256];
    let mut byte = 0;
    while byte < 256 {
        marks[byte] = match byte {
            9 | 10 | 13 | 0x3b | 0x7c => DELIMITED,
            0..32 | 127 => NON_PRINTING,
            128.. => NOT_ASCII,
            _ => 0,
        };
        byte += 1;
    }
    marks
};

/// Whether no byte leaves a mark, as far as looking at eight bytes together tells: where it says no, some may.
#[inline]
fn is_plain(bytes: &[u8]) -> bool {
    let Some(last) = bytes.last_chunk() else { return false };
    let (words, _) = bytes.as_chunks();
    words.iter().chain([last]).fold(0, |marked, word| marked | marked_of_eight(u64::from_le_bytes(*word))) & (EACH * 128) == 0
}

/// One in each of eight bytes.
const EACH: u64 = 0x0101_0101_0101_0101;

/// The highest bit of each byte that leaves a mark, and perhaps of others above one that does.
#[inline]
fn marked_of_eight(word: u64) -> u64 {
    let is_zero = |word: u64| word.wrapping_sub(EACH) & !word;
    let is_control_or_not_ascii = word | word.wrapping_sub(EACH * 32) | word.wrapping_add(EACH);
    is_control_or_not_ascii | is_zero(word ^ (EACH * 0x3b)) | is_zero(word ^ (EACH * 0x7c))
}

#[derive(Clone, Copy, Debug)]
enum Space {
    None,
    Padded,
    Blank,
    Empty,
}

impl Traits {
    fn of(text: &str) -> Self {
        let bytes = text.as_bytes();
        let mut marks = if is_plain(bytes) { 0 } else { bytes.iter().fold(0, |marks, byte| marks | BYTE_MARKS[usize::from(*byte)]) };
        let mut length = text.len();
        if marks & NOT_ASCII != 0 {
            length = text.chars().count();
            marks |= if text.chars().any(is_non_printing) { NON_PRINTING } else { 0 };
            marks |= if is_mojibake(text) { MOJIBAKE } else { 0 };
            marks &= !NOT_ASCII;
        }
        if let [first @ (b'"' | b'\''), .., last] = bytes
            && first == last
        {
            marks |= QUOTED;
        }
        Self { length: u32::try_from(length).unwrap_or(u32::MAX), shape: TextShape::of(text) as u8, space: Space::of(text), marks }
    }
}

/// Whether a letter that UTF-8 begins with is followed by a sign that it goes on with, both read as Latin-1 or its Windows kin.
fn is_mojibake(text: &str) -> bool {
    let mut last = ' ';
    text.chars().any(|c| {
        let is_pair = match last {
            'Ã' | 'Â' => {
                matches!(c, '\u{80}'..='\u{bf}' | 'Œ' | 'œ' | 'Š' | 'š' | 'Ÿ' | 'Ž' | 'ž' | 'ƒ' | '\u{2010}'..='\u{203a}' | '€' | '™')
            }
            'â' => matches!(c, '€' | '\u{80}' | '„' | '\u{84}'),
            _ => false,
        };
        last = c;
        is_pair
    })
}

impl Space {
    fn of(text: &str) -> Self {
        match text.as_bytes() {
            [] => Self::Empty,
            // Most values begin and end with a plain character; only the others are looked at closely.
            [first, .., last] if first.is_ascii_graphic() && last.is_ascii_graphic() => Self::None,
            _ => match text.trim().len() {
                0 => Self::Blank,
                trimmed if trimmed < text.len() => Self::Padded,
                _ => Self::None,
            },
        }
    }
}

/// The traits of values seen lately, each at the place that the last bits of its hash name.
#[derive(Debug, Default)]
struct Memory {
    places: Vec<(u64, Option<Traits>)>,
    recalled: u64,
    missed: u64,
}

impl Memory {
    fn new(places: usize) -> Self {
        Self { places: vec![(0, None); places], recalled: 0, missed: 0 }
    }

    #[inline]
    fn recall(&mut self, hash: u64) -> Option<Traits> {
        let at = self.place(hash)?;
        let (held, traits) = self.places[at];
        let found = traits.filter(|_| held == hash);
        self.recalled += u64::from(found.is_some());
        found
    }

    fn remember(&mut self, hash: u64, traits: Traits) {
        if let Some(at) = self.place(hash) {
            self.missed += 1;
            self.places[at] = (hash, Some(traits));
        }
    }

    #[inline]
    #[expect(clippy::cast_possible_truncation, reason = "only the last bits are wanted")]
    fn place(&self, hash: u64) -> Option<usize> {
        let mask = self.places.len().checked_sub(1)?;
        Some(hash as usize & mask)
    }

    /// Ends where hardly a value comes twice, as in a key.
    fn end_if_useless(&mut self) {
        if self.missed > 4 * self.places.len() as u64 && self.recalled < self.missed / 8 {
            *self = Self::default();
        }
    }
}

/// The patterns of a sample of values: all of them at first; whenever there are too many, half of them go and half as
/// many come in.
#[derive(Debug, Default)]
struct Patterns {
    counts: HashMap<String, u64>,
    looked_at: u64,
    /// One value in 2^`thinned` is looked at.
    thinned: u32,
}

stored!(Patterns { counts, looked_at, thinned });

impl Patterns {
    #[inline]
    fn add(&mut self, text: &str, count: u64, lottery: u64) {
        if lottery.trailing_zeros() >= self.thinned {
            *self.counts.entry(character_pattern(text)).or_default() += count;
            self.looked_at += count;
        }
    }

    /// Thins the sample down to its size.
    fn thin(&mut self) {
        while self.looked_at > PATTERN_VALUES {
            self.halve();
        }
    }

    fn halve(&mut self) {
        self.thinned += 1;
        self.counts.values_mut().for_each(|count| *count /= 2);
        self.counts.retain(|_, count| *count > 0);
        self.looked_at = self.counts.values().sum();
    }

    /// How many values were looked at, where those are not all.
    fn sample(&self) -> Option<u64> {
        (self.thinned > 0).then_some(self.looked_at)
    }

    fn finish(self) -> Vec<PatternCount> {
        let mut patterns: Vec<_> = self.counts.into_iter().map(|(pattern, count)| PatternCount { pattern, count }).collect();
        patterns.sort_unstable_by(|a, b| b.count.cmp(&a.count).then_with(|| a.pattern.cmp(&b.pattern)));
        patterns.truncate(SHOWN_PATTERNS);
        patterns
    }
}

/// The different values after trimming and lower-casing, by their hashes.
#[derive(Debug, Default)]
struct Folded {
    hashes: HashSet<u64, BuildHasherDefault<AsItIs>>,
    is_overfull: bool,
    buffer: String,
}

restored!(Folded { hashes, is_overfull });

impl Folded {
    fn add(&mut self, text: &str) {
        if !self.is_overfull {
            self.buffer.clear();
            fold(text.trim(), &mut self.buffer);
            self.hashes.insert(hash_bytes(self.buffer.as_bytes()));
            self.limit();
        }
    }

    /// Gives up where there are too many: then the values before folding are too many as well.
    fn limit(&mut self) {
        if self.hashes.len() > FOLDED_VALUES {
            *self = Self { is_overfull: true, ..Self::default() };
        }
    }

    fn count(&self) -> Option<u64> {
        (!self.is_overfull).then_some(self.hashes.len() as u64)
    }
}

/// Takes a hash for a hash.
#[derive(Debug, Default)]
struct AsItIs(u64);

impl Hasher for AsItIs {
    fn finish(&self) -> u64 {
        self.0
    }
    fn write(&mut self, bytes: &[u8]) {
        self.0 = hash_bytes(bytes);
    }
    fn write_u64(&mut self, hash: u64) {
        self.0 = hash;
    }
}

/// Values that are one after folding, from all values of a column and their counts.
pub(crate) fn spellings<'a>(values: impl Iterator<Item = (&'a str, u64)>) -> Vec<Spellings> {
    let mut groups: HashMap<String, Vec<(&str, u64)>> = HashMap::new();
    for (text, count) in values {
        let mut folded = String::new();
        fold(text.trim(), &mut folded);
        groups.entry(folded).or_default().push((text, count));
    }
    let rows = |group: &[(&str, u64)]| group.iter().map(|(_, count)| count).sum::<u64>();
    let mut groups: Vec<_> = groups.into_iter().filter(|(_, group)| group.len() > 1).collect();
    groups.sort_unstable_by(|(a, mine), (b, theirs)| rows(theirs).cmp(&rows(mine)).then_with(|| a.cmp(b)));
    groups.truncate(SHOWN_SPELLINGS);
    let shown = groups.into_iter().map(|(folded, mut group)| {
        group.sort_unstable_by(|(a, mine), (b, theirs)| theirs.cmp(mine).then_with(|| a.cmp(b)));
        let spellings = group.into_iter().take(SHOWN_SPELLINGS);
        Spellings { folded, spellings: spellings.map(|(text, count)| ValueCount { value: Value::Text(cut(text)), count }).collect() }
    });
    shown.collect()
}

fn fold(text: &str, buffer: &mut String) {
    if text.is_ascii() {
        buffer.push_str(text);
        buffer.make_ascii_lowercase();
    } else {
        buffer.extend(text.chars().flat_map(char::to_lowercase));
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_text_looks_plain_only_where_no_byte_leaves_a_mark() {
        for byte in 0..=u8::MAX {
            for (length, at) in [(8, 0), (8, 7), (9, 8), (30, 12), (30, 29), (16, 8)] {
                let mut bytes = vec![b'~'; length];
                bytes[at] = byte;
                let is_marked = BYTE_MARKS[usize::from(byte)] != 0;
                assert_eq!(is_plain(&bytes), !is_marked, "byte {byte} at {at} of {length}");
            }
        }
        assert!(!is_plain(b"short"), "not looked at");
    }
}
