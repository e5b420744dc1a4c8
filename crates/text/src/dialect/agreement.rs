//! How well the records of a text agree with marks: most have one number of fields, and so has the header.

use memchr::memchr;

use super::sample::{BEGINNING, Sample};
use crate::cells::Cursor;
use crate::split::Marks;

/// Quotes to try, the likelier first.
const QUOTES: [u8; 2] = [b'"', b'\''];
/// How much better a delimiter or a quote must agree than a likelier one.
pub(super) const BETTER: f64 = 0.02;
/// How well records agree at most where the header lacks a name for those of rows: with other marks it may lack none.
const OF_ROW_NAMES: f64 = 0.9;
/// The share of records that must agree with a delimiter for it to be one.
pub(super) const AGREEMENT: f64 = 0.5;

/// Marks, and how well records agree with them.
#[derive(Clone, Copy)]
pub(super) struct Likely {
    pub(super) agreement: f64,
    pub(super) fields: usize,
    pub(super) marks: Marks,
    /// Where the first record is, below titles and comments.
    pub(super) first: Cursor,
}

/// The marks with the likeliest quote, unless records agree better with another one.
pub(super) fn best_quote(sample: &[u8], best: impl Fn(u8) -> Likely) -> Likely {
    let [likeliest, others @ ..] = QUOTES;
    let mut found = best(likeliest);
    for quote in others.into_iter().filter(|quote| memchr(*quote, sample).is_some()) {
        let other = best(quote);
        if other.agreement > found.agreement + BETTER {
            found = other;
        }
    }
    found
}

impl Sample<'_> {
    /// How well the records agree with marks.
    pub(super) fn agreed(self, marks: Marks) -> Likely {
        let (agreement, fields) = agreement(&self.field_counts(marks));
        let agreement = if self.has_row_names(marks) { agreement * OF_ROW_NAMES } else { agreement };
        Likely { agreement, fields, marks, first: BEGINNING }
    }
}

impl Likely {
    /// The same in a text of which it was told from a place on.
    pub(super) fn behind(self, place: Cursor) -> Self {
        let first = Cursor { at: place.at + self.first.at, line: place.line + self.first.line - 1 };
        Self { first, ..self }
    }
}

/// The share of records that have as many fields as most have, and that number. A first record with another number
/// halves it: the header knows the columns.
fn agreement(counts: &[usize]) -> (f64, usize) {
    let mut sorted = counts.to_vec();
    sorted.sort_unstable();
    let most = sorted.chunk_by(|a, b| a == b).max_by_key(|run| run.len());
    let (fields, agreeing) = most.and_then(|run| Some((*run.first()?, run.len()))).unwrap_or_default();
    let share = agreeing as f64 / counts.len().max(1) as f64;
    if counts.first() == Some(&fields) { (share, fields) } else { (share / 2.0, fields) }
}

#[cfg(test)]
mod tests {
    use crate::dialect::Dialect;
    use crate::dialect::tests::UNKNOWN;

    #[test]
    fn quotes_are_told_by_agreement() {
        let quote = |text: &str| Dialect::detect(text.as_bytes(), true, UNKNOWN).marks.quote.map(char::from);
        assert_eq!(quote("id,name,x\n1,'n, 1',x\n2,'n, 2',x\n"), Some('\''));
        assert_eq!(quote("id;name\n1;'a;b'\n2;'c'\n3;d\n"), Some('\''));
        assert_eq!(quote("id,name,x\na1,'n,1',x\na2,'n,2',x\n"), Some('\''));
        assert_eq!(quote("id,name\n1,\"n, 1\"\n2,'s Hertogenbosch\n"), Some('"'));
        assert_eq!(quote("name,city\n'tis,x\nann,'s Hertogenbosch\n"), Some('"'));
    }
}
