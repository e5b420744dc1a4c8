//! Counts of cells with their sums from the first one on: what comes before any cell, and where any of the values lies, follow at
//! once, so that nothing about the distribution needs another look at all cells.

use std::collections::HashMap;

use crate::used::used_cells;

/// Cells that have one sum.
const CELLS_PER_SUM: usize = 256;

/// The cells, and what was found in one pass over them.
#[derive(Debug)]
pub(crate) struct Ranked<'a> {
    cells: &'a [u8],
    /// What was counted beyond a cell's limit.
    carried: &'a HashMap<usize, u64>,
    /// What comes before each group of cells, and what all of them hold.
    before: Vec<u64>,
    /// Cells that hold anything.
    pub(crate) used: u64,
    /// The sum of the places of all values, counted from the first cell.
    pub(crate) sum: u128,
    /// The sum of their squares.
    pub(crate) squares: u128,
}

impl<'a> Ranked<'a> {
    /// The sums of these counts.
    pub(crate) fn of(cells: &'a [u8], carried: &'a HashMap<usize, u64>) -> Self {
        let mut held = Vec::with_capacity(cells.len() / CELLS_PER_SUM + 2);
        let (mut used, mut sum, mut squares) = (0, 0, 0);
        for (first, group) in (0_u128..).step_by(CELLS_PER_SUM).zip(cells.chunks(CELLS_PER_SUM)) {
            let [all, places, place_squares] = moments(group);
            held.push(all);
            if all > 0 {
                used += used_cells(group);
                let (all, places) = (u128::from(all), u128::from(places));
                sum += first * all + places;
                squares += first * first * all + 2 * first * places + u128::from(place_squares);
            }
        }
        for (at, count) in carried {
            held[at / CELLS_PER_SUM] += count;
            let (at, count) = (*at as u128, u128::from(*count));
            sum += at * count;
            squares += at * at * count;
        }
        let mut before = 0;
        for held in &mut held {
            before += std::mem::replace(held, before);
        }
        held.push(before);
        Self { cells, carried, before: held, used, sum, squares }
    }

    /// How many values all cells hold.
    pub(crate) fn count(&self) -> u64 {
        self.before.last().copied().unwrap_or_default()
    }

    /// The cell of the value that so many come before.
    pub(crate) fn cell(&self, rank: u64) -> usize {
        let group = self.before.partition_point(|before| *before <= rank).saturating_sub(1);
        let mut left = rank - self.before[group];
        let first = group * CELLS_PER_SUM;
        let mut cells = first..self.cells.len();
        cells
            .find(|at| {
                let held = self.held(*at);
                let is_here = left < held;
                left = left.saturating_sub(held);
                is_here
            })
            .unwrap_or_default()
    }

    /// How many values come before a cell.
    pub(crate) fn before(&self, cell: usize) -> u64 {
        let group = cell / CELLS_PER_SUM;
        self.before[group] + (group * CELLS_PER_SUM..cell).map(|at| self.held(at)).sum::<u64>()
    }

    #[inline]
    fn held(&self, at: usize) -> u64 {
        let carried = if self.carried.is_empty() { 0 } else { self.carried.get(&at).copied().unwrap_or(0) };
        u64::from(self.cells[at]) + carried
    }
}

/// The sums of the counts of a group, of the places of its values, and of their squares.
fn moments(group: &[u8]) -> [u64; 3] {
    if group.chunks(8).all(|cells| cells.iter().fold(0, |any, cell| any | cell) == 0) {
        return [0; 3];
    }
    (0..).zip(group).fold([0; 3], |[all, places, squares], (at, count)| {
        let count = u64::from(*count);
        [all + count, places + at * count, squares + at * at * count]
    })
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::hash::mix;

    #[test]
    fn every_value_is_where_a_list_of_all_has_it() {
        for (length, one_in) in [(1, 1), (255, 2), (256, 1), (257, 3), (1_000, 1), (5_000, 700)] {
            let mut cells: Vec<u8> = (0..length).map(|at| if mix(at).is_multiple_of(one_in) { (mix(at) >> 56) as u8 } else { 0 }).collect();
            cells[0] = 200;
            let carried = HashMap::from([(0, 1_000)]);
            let mut all: Vec<usize> = vec![0; 1_000];
            all.extend(cells.iter().enumerate().flat_map(|(at, count)| std::iter::repeat_n(at, (*count).into())));
            all.sort_unstable();
            let ranked = Ranked::of(&cells, &carried);
            assert_eq!(ranked.count(), all.len() as u64);
            assert_eq!(ranked.used, cells.iter().filter(|cell| **cell > 0).count() as u64);
            assert_eq!(ranked.sum, all.iter().map(|at| *at as u128).sum());
            assert_eq!(ranked.squares, all.iter().map(|at| (*at as u128).pow(2)).sum());
            for (rank, at) in all.iter().enumerate() {
                assert_eq!(ranked.cell(rank as u64), *at);
            }
            for cell in 0..=cells.len() {
                assert_eq!(ranked.before(cell), all.partition_point(|at| *at < cell) as u64);
            }
        }
        assert_eq!(Ranked::of(&[], &HashMap::new()).count(), 0);
    }
}
