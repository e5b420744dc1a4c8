//! How far some columns determine another: counts over groups of rows.

use crate::columns::{Column, groups};

/// How far a determinant determines one dependent.
#[derive(Clone, Copy, Debug, Default, PartialEq)]
pub(crate) struct Agreement {
    /// Rows that were looked at, those that are alone in their group included.
    pub(crate) rows: u64,
    /// Groups, those of one row included.
    pub(crate) groups: u64,
    /// Rows in groups of two and more.
    pub(crate) support: u64,
    /// The fewest rows to remove for the dependency to hold.
    pub(crate) violations: u64,
    /// The sum over groups of squared counts by group size: the chance, times `rows`, to guess the dependent right by drawing
    /// another row of the group.
    pub(crate) purity: f64,
}

impl Agreement {
    /// The measure g3: the share of rows to remove.
    pub(crate) fn error(&self) -> f64 {
        self.violations as f64 / (self.rows.max(1)) as f64
    }

    /// The measure μ⁺: how much better than by chance the determinant tells the dependent, corrected for the number of groups,
    /// 0 to 1. Parciak et al. (ICDE 2024) found it among the three measures that tell real approximate dependencies best.
    ///
    /// `sameness` is the chance that two drawn rows have the same dependent, from [`sameness`].
    pub(crate) fn strength(&self, sameness: f64) -> f64 {
        let (rows, groups) = (self.rows as f64, self.groups as f64);
        if rows <= groups || sameness >= 1.0 {
            return 0.0;
        }
        let doubt = (1.0 - self.purity / rows) / (1.0 - sameness) * (rows - 1.0) / (rows - groups);
        (1.0 - doubt).clamp(0.0, 1.0)
    }
}

/// The chance that two drawn rows hold the same value.
pub(crate) fn sameness(column: &Column<'_>) -> f64 {
    let rows = column.coded.codes.len().max(1) as f64;
    column.counts.iter().map(|count| (f64::from(*count) / rows).powi(2)).sum()
}

/// Which rows a measurement looks at.
#[derive(Clone, Copy, Debug, PartialEq)]
pub(crate) enum Extent {
    /// All of them.
    All,
    /// Whole groups until about this many rows are seen; of large groups the first rows.
    About(u64),
}

/// The fewest rows to remove so that `keys` can determine `dependent`, as far as the counts of their values tell: what is left
/// of a group is one value, and no value is more than its count.
pub(crate) fn least_violations(keys: &[&Column<'_>], dependent: &Column<'_>) -> u64 {
    let groups = keys.iter().map(|key| key.distinct).fold(1, usize::saturating_mul);
    let lost_values = dependent.distinct.saturating_sub(groups) as u64;
    let [key] = keys else { return lost_values };
    let most = dependent.counts.iter().copied().max().unwrap_or(0);
    lost_values.max(key.counts.iter().map(|count| u64::from(count.saturating_sub(most))).sum())
}

/// Measures how far `keys` determine each of `dependents`. One with more violations than `most_violations` is given up; what
/// is told of it then shows no more than that.
pub(crate) fn agreements(keys: &[&Column<'_>], dependents: &[&Column<'_>], extent: Extent, most_violations: u64) -> Vec<Agreement> {
    let mut found = vec![Agreement::default(); dependents.len()];
    let mut counters: Vec<Counter> = dependents.iter().map(|column| Counter::of(column)).collect();
    let mut open: Vec<usize> = (0..dependents.len()).collect();
    let rows = keys.first().map_or(0, |column| column.coded.codes.len() as u64);
    let (most, longest) = match extent {
        Extent::All => (u64::MAX, usize::MAX),
        Extent::About(most) => (most, usize::try_from(most / 8).unwrap_or(usize::MAX).max(200)),
    };
    let (mut supported, mut groups_seen) = (0, 0);
    let visited = groups(keys, most.saturating_mul(3), |group| {
        let group = &group[..group.len().min(longest)];
        supported += group.len() as u64;
        groups_seen += 1;
        open.retain(|at| {
            let (dependent, agreement) = (dependents[*at], &mut found[*at]);
            let (top, squares) = counters[*at].count_rows(dependent, group);
            agreement.violations += group.len() as u64 - u64::from(top);
            agreement.purity += squares / group.len() as f64;
            agreement.violations <= most_violations
        });
        supported < most && !open.is_empty()
    });
    let is_whole = supported < most && visited <= most.saturating_mul(3);
    let seen = if is_whole { rows } else { visited.max(supported) };
    for agreement in &mut found {
        agreement.rows = seen;
        agreement.support = supported;
        agreement.groups = groups_seen + seen.saturating_sub(supported);
        agreement.purity += seen.saturating_sub(supported) as f64;
    }
    found
}

/// Counts codes, and forgets them without touching those that did not occur.
pub(crate) struct Counter {
    counts: Vec<u32>,
    touched: Vec<u32>,
}

impl Counter {
    /// A counter for the codes of a column.
    pub(crate) fn of(column: &Column<'_>) -> Self {
        Self { counts: vec![0; column.counts.len()], touched: Vec::new() }
    }

    /// The greatest count, and the sum of the squares of all.
    pub(crate) fn count(&mut self, codes: impl Iterator<Item = u32>) -> (u32, f64) {
        self.add(codes);
        let (mut top, mut squares) = (0, 0.0);
        for code in self.touched.drain(..) {
            let count = std::mem::take(&mut self.counts[code as usize]);
            top = top.max(count);
            squares += f64::from(count).powi(2);
        }
        (top, squares)
    }

    /// The same of what `column` holds in `rows`.
    pub(crate) fn count_rows(&mut self, column: &Column<'_>, rows: &[u32]) -> (u32, f64) {
        match rows {
            [a, b] if column.code(*a) == column.code(*b) => (2, 4.0),
            [_, _] => (1, 2.0),
            _ => self.count(rows.iter().map(|row| column.code(*row))),
        }
    }

    /// The codes with their counts, the most frequent first, of equals the lower code.
    pub(crate) fn ranked(&mut self, codes: impl Iterator<Item = u32>) -> Vec<(u32, u32)> {
        self.add(codes);
        let counts = &mut self.counts;
        let mut ranked: Vec<(u32, u32)> = self.touched.drain(..).map(|code| (code, std::mem::take(&mut counts[code as usize]))).collect();
        ranked.sort_unstable_by_key(|(code, count)| (std::cmp::Reverse(*count), *code));
        ranked
    }

    fn add(&mut self, codes: impl Iterator<Item = u32>) {
        for code in codes {
            let count = &mut self.counts[code as usize];
            if *count == 0 {
                self.touched.push(code);
            }
            *count += 1;
        }
    }
}
