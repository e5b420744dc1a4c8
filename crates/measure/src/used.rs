//! Which of many counts are not zero: found for many at a time, because one by one it would take longer than what is done with them.

use std::ops::Range;

/// How many cells are used.
pub(crate) fn used_cells(cells: &[u8]) -> u64 {
    // As many as a byte can count.
    cells.chunks(255).map(|cells| u64::from(cells.iter().map(|cell| u8::from(*cell != 0)).sum::<u8>())).sum()
}

/// Cells of which one word tells which are used.
pub(crate) const CELLS_AT_ONCE: usize = 64;

/// The cells that are used, in ascending order. Where they lie scattered, looking at one after the other would take far longer.
#[derive(Debug)]
pub(crate) struct Used<'a> {
    cells: &'a [u8],
    /// The words that nobody looked at yet.
    left: Range<usize>,
    /// The number of a word, and a bit for each of its cells that is to come.
    front: (usize, u64),
}

impl<'a> Used<'a> {
    /// Those of `cells`, by their places.
    pub(crate) fn of(cells: &'a [u8]) -> Self {
        Self { cells, left: 0..cells.len().div_ceil(CELLS_AT_ONCE), front: (0, 0) }
    }

    fn word(&self, number: usize) -> (usize, u64) {
        let first = number * CELLS_AT_ONCE;
        let cells = &self.cells[first..self.cells.len().min(first + CELLS_AT_ONCE)];
        (number, cells.chunks(8).rev().fold(0, |word, cells| word << 8 | used_of_eight(cells)))
    }
}

impl Iterator for Used<'_> {
    type Item = usize;

    #[inline]
    fn next(&mut self) -> Option<usize> {
        while self.front.1 == 0 {
            let number = self.left.next()?;
            self.front = self.word(number);
        }
        let (number, word) = self.front;
        self.front.1 = word & (word - 1);
        Some(number * CELLS_AT_ONCE + word.trailing_zeros() as usize)
    }
}

/// A bit for each of up to eight cells that is used.
#[inline]
fn used_of_eight(cells: &[u8]) -> u64 {
    const LOW_BITS: u64 = 0x7f7f_7f7f_7f7f_7f7f;
    let word = match cells.first_chunk() {
        Some(eight) => u64::from_le_bytes(*eight),
        None => cells.iter().rev().fold(0, |word, cell| word << 8 | u64::from(*cell)),
    };
    // The highest bit of each byte that is not zero, and then these bits side by side.
    let is_used = (((word & LOW_BITS) + LOW_BITS) | word) & !LOW_BITS;
    (is_used >> 7).wrapping_mul(0x0102_0408_1020_4080) >> 56
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::hash::mix;

    #[test]
    fn used_cells_are_found_in_their_order() {
        for (length, one_in) in [(0, 1), (1, 1), (7, 2), (64, 1), (65, 3), (1_000, 2), (1_000, 40), (1_003, 5_000)] {
            let cells: Vec<u8> = (0..length).map(|at| if mix(at).is_multiple_of(one_in) { 1 + (mix(at) >> 57) as u8 } else { 0 }).collect();
            let expected: Vec<usize> = (0..cells.len()).filter(|at| cells[*at] != 0).collect();
            assert_eq!(Used::of(&cells).collect::<Vec<_>>(), expected);
            assert_eq!(used_cells(&cells), expected.len() as u64);
        }
    }
}
