//! Functional dependencies, exact and approximate.

use std::collections::{BTreeMap, HashSet};

use hw_base::{CodedTable, ColumnType};

use crate::agreement::{Agreement, Counter, Extent, agreements, least_violations, sameness};
use crate::columns::{Column, groups};
use crate::lattice::{Bounds, MOST_COLUMNS, Set, Target, minimal, positions};
use crate::parallel;
use crate::{Dependencies, Dependency, Keys, Violation};

/// The greatest error (g3) of an approximate dependency that is told.
const GREATEST_ERROR: f64 = 0.1;
/// The least strength (μ⁺) of an approximate dependency that is told.
const LEAST_STRENGTH: f64 = 0.3;
/// Cells that a first look at all pairs may read, and that exact counting may read.
const LOOKS: u64 = 40_000_000;

/// The minimal functional dependencies of a table, the most plausible first.
///
/// Null equals null, as in most published ground truths. Exact ones hold on all coded rows and are minimal; those of keys are
/// among them, with a low score. Approximate ones have an error (g3, the share of rows to remove) of at most 0.1 and
/// tell the dependent much better than chance (μ⁺ of at least 0.3); their determinants have one or two columns. Work is
/// bounded; [`Dependencies::is_complete`] says whether all minimal exact ones are there.
pub fn dependencies(table: &CodedTable, keys: &Keys) -> Dependencies {
    let columns = Column::all(table);
    Column::sort_all(&columns);
    let rows = table.coded_rows();
    if rows < 2 {
        return Dependencies { dependencies: Vec::new(), is_complete: true };
    }
    let (exact, is_complete) = exact(&columns, rows);
    let approximate = approximate(&columns, &exact, rows);
    let judge = Judge::of(&columns, keys);
    let mut dependencies: Vec<Dependency> = judge.rated(&exact);
    dependencies.extend(approximate.into_iter().map(|(determinant, dependent, agreement)| judge.one(&determinant, dependent, agreement)));
    dependencies.sort_by(|a, b| {
        let plausible = b.score.total_cmp(&a.score);
        plausible.then_with(|| (a.determinant.len(), &a.determinant, a.dependent).cmp(&(b.determinant.len(), &b.determinant, b.dependent)))
    });
    Dependencies { dependencies, is_complete }
}

/// The rows that contradict a dependency: in every group the rows that do not hold its most frequent value, by row. A group
/// whose most frequent values are equally frequent says nothing.
pub fn violations(table: &CodedTable, dependency: &Dependency) -> Vec<Violation> {
    let columns = Column::all(table);
    let keys: Vec<&Column<'_>> = dependency.determinant.iter().map(|at| &columns[*at]).collect();
    let dependent = &columns[dependency.dependent];
    let mut counter = Counter::of(dependent);
    let mut found = Vec::new();
    groups(&keys, u64::MAX, |group| {
        let ranked = counter.ranked(group.iter().map(|row| dependent.code(*row)));
        if let [(expected, agreeing), (_, second), ..] = ranked[..]
            && agreeing > second
        {
            let against = group.iter().filter(|row| dependent.code(**row) != expected);
            found.extend(against.map(|row| Violation {
                row: *row as usize,
                expected: dependent.text(expected).map(str::to_owned),
                agreeing: u64::from(agreeing),
                group: group.len() as u64,
            }));
        }
        true
    });
    found.sort_by_key(|violation| violation.row);
    found
}

type Plain = (Vec<usize>, usize);

/// All minimal exact dependencies, and whether these are all.
fn exact(columns: &[Column<'_>], rows: usize) -> (Vec<Plain>, bool) {
    let chosen: Vec<usize> = (0..columns.len()).take(MOST_COLUMNS).collect();
    let all: Set = (0..chosen.len()).map(|at| 1 << at).sum();
    let targets: Vec<Target> = chosen.iter().map(|at| Target { bit: 1 << at, by: all & !(1 << at) }).collect();
    let width = match (rows, chosen.len()) {
        (0..=20_000, 0..=20) => 12,
        (0..=200_000, 0..=40) => 4,
        (0..=2_000_000, 0..=40) => 3,
        _ => 2,
    };
    let bounds = Bounds { visits: 40_000_000, width, candidates: 2_000 };
    let searched: Vec<&Column<'_>> = chosen.iter().map(|at| &columns[*at]).collect();
    let found = minimal(&searched, &targets, bounds);
    let sets = found.determinants.iter().zip(&chosen);
    let plain = sets.flat_map(|(sets, dependent)| sets.iter().map(|set| (positions(*set).collect(), *dependent))).collect();
    (plain, found.is_complete && chosen.len() == columns.len())
}

/// Approximate dependencies of one and two columns.
fn approximate(columns: &[Column<'_>], exact: &[Plain], rows: usize) -> Vec<(Vec<usize>, usize, Agreement)> {
    let known: HashSet<Plain> = exact.iter().filter(|(determinant, _)| determinant.len() < 2).cloned().collect();
    let constant: HashSet<usize> =
        known.iter().filter(|(determinant, _)| determinant.is_empty()).map(|(_, dependent)| *dependent).collect();
    let same: Vec<f64> = columns.iter().map(sameness).collect();
    let open: Vec<usize> = (0..columns.len()).filter(|at| !constant.contains(at) && columns[*at].distinct > 1).collect();
    let determinants: Vec<usize> = open.iter().copied().filter(|at| columns[*at].distinct < rows).collect();
    let mut found = Vec::new();
    let mut told: HashSet<Plain> = known;
    let pairs = (determinants.len() * open.len()).max(1) as u64;
    let of_one = parallel::map(&determinants, |at| {
        let dependents: Vec<usize> = open.iter().copied().filter(|b| b != at && !told.contains(&(vec![*at], *b))).collect();
        measured(columns, &same, &[*at], dependents, LOOKS / pairs)
    });
    found.extend(of_one.into_iter().flatten());
    told.extend(found.iter().map(|(determinant, dependent, _)| (determinant.clone(), *dependent)));
    let narrow: Vec<usize> = determinants.iter().copied().filter(|at| columns[*at].distinct * 2 < rows).collect();
    if narrow.len() <= 30 {
        found.extend(of_pairs(columns, &same, &narrow, &open, &told));
    }
    found
}

fn of_pairs(
    columns: &[Column<'_>],
    same: &[f64],
    narrow: &[usize],
    open: &[usize],
    told: &HashSet<Plain>,
) -> Vec<(Vec<usize>, usize, Agreement)> {
    let looks = LOOKS / (narrow.len().pow(2) * open.len() / 2).max(1) as u64;
    let pairs: Vec<(usize, usize)> = narrow.iter().enumerate().flat_map(|(i, a)| narrow[i + 1..].iter().map(|b| (*a, *b))).collect();
    let of_pairs = parallel::map(&pairs, |(a, b)| {
        let untold = |c: &usize| c != a && c != b && !told.contains(&(vec![*a], *c)) && !told.contains(&(vec![*b], *c));
        let dependents: Vec<usize> = open.iter().copied().filter(untold).collect();
        measured(columns, same, &[*a, *b], dependents, looks)
    });
    let is_worth_telling = |(determinant, dependent, agreement): &(Vec<usize>, usize, Agreement)| {
        let rows = columns[determinant[0]].coded.codes.len() as u64;
        agreement.violations > 0 && agreement.support * 2 > rows && agreement.strength(same[*dependent]) > 0.8
    };
    of_pairs.into_iter().flatten().filter(is_worth_telling).collect()
}

/// Measures one determinant, at first on about `looks` rows, then exactly what is left.
fn measured(
    columns: &[Column<'_>],
    same: &[f64],
    determinant: &[usize],
    mut dependents: Vec<usize>,
    looks: u64,
) -> Vec<(Vec<usize>, usize, Agreement)> {
    let keys: Vec<&Column<'_>> = determinant.iter().map(|at| &columns[*at]).collect();
    let rows = keys.first().map_or(0, |column| column.coded.codes.len() as u64);
    let hopeless = most_violations(rows);
    dependents.retain(|at| least_violations(&keys, &columns[*at]) <= hopeless);
    let measure = |dependents: Vec<usize>, extent: Extent, tolerance: f64| -> Vec<(usize, Agreement)> {
        let targets: Vec<&Column<'_>> = dependents.iter().map(|at| &columns[*at]).collect();
        let hopeless = if extent == Extent::All { hopeless } else { u64::MAX };
        let all = dependents.into_iter().zip(agreements(&keys, &targets, extent, hopeless));
        all.filter(|(at, agreement)| is_telling(agreement, same[*at], tolerance)).collect()
    };
    let looks = looks.max(2_000);
    let likely =
        if rows > looks * 2 { measure(dependents, Extent::About(looks), 0.5).into_iter().map(|(at, _)| at).collect() } else { dependents };
    if likely.is_empty() {
        return Vec::new();
    }
    measure(likely, Extent::All, 1.0).into_iter().map(|(at, agreement)| (determinant.to_vec(), at, agreement)).collect()
}

/// The violations with which a dependency over `rows` rows is not told.
#[expect(clippy::cast_possible_truncation, clippy::cast_sign_loss, reason = "a tenth of a number of rows")]
fn most_violations(rows: u64) -> u64 {
    (rows as f64 * GREATEST_ERROR) as u64 + 1
}

/// Whether an approximate dependency is worth telling; a `tolerance` below 1 keeps more for an exact look.
fn is_telling(agreement: &Agreement, sameness: f64, tolerance: f64) -> bool {
    let contradicted = agreement.violations as f64 / agreement.support.max(1) as f64;
    agreement.error() * tolerance <= GREATEST_ERROR
        && contradicted * tolerance <= 0.25
        && agreement.strength(sameness) >= LEAST_STRENGTH * tolerance
}

/// Rates dependencies.
struct Judge<'a> {
    columns: &'a [Column<'a>],
    same: Vec<f64>,
    keys: HashSet<Vec<usize>>,
}

impl<'a> Judge<'a> {
    fn of(columns: &'a [Column<'a>], keys: &Keys) -> Self {
        let same = columns.iter().map(sameness).collect();
        Self { columns, same, keys: keys.keys.iter().map(|key| key.columns.clone()).collect() }
    }

    /// Exact dependencies, measured determinant by determinant within a bound.
    fn rated(&self, exact: &[Plain]) -> Vec<Dependency> {
        let mut by_determinant: BTreeMap<(usize, &Vec<usize>), Vec<usize>> = BTreeMap::new();
        for (determinant, dependent) in exact {
            by_determinant.entry((determinant.len(), determinant)).or_default().push(*dependent);
        }
        let rows = self.columns.first().map_or(0, |column| column.coded.codes.len() as u64);
        let mut left = LOOKS.max(4 * rows);
        let mut rated = Vec::new();
        for ((_, determinant), dependents) in by_determinant {
            let is_key = determinant.is_empty() || self.keys.contains(determinant);
            let cost = rows * dependents.len() as u64;
            let measured = (!is_key && cost <= left).then(|| {
                left -= cost;
                let keys: Vec<&Column<'_>> = determinant.iter().map(|at| &self.columns[*at]).collect();
                let targets: Vec<&Column<'_>> = dependents.iter().map(|at| &self.columns[*at]).collect();
                agreements(&keys, &targets, Extent::All, u64::MAX)
            });
            let unmeasured = Agreement { rows, ..Agreement::default() };
            for (at, dependent) in dependents.into_iter().enumerate() {
                rated.push(self.one(determinant, dependent, measured.as_ref().map_or(unmeasured, |all| all[at])));
            }
        }
        rated
    }

    fn one(&self, determinant: &[usize], dependent: usize, agreement: Agreement) -> Dependency {
        let support_share = agreement.support as f64 / agreement.rows.max(1) as f64;
        let narrow = 0.8_f64.powi(i32::try_from(determinant.len().max(1)).unwrap_or(i32::MAX) - 1);
        let plain: f64 = determinant.iter().map(|at| suits_as_determinant(&self.columns[*at])).fold(1.0, f64::min);
        let strength = agreement.strength(self.same[dependent]);
        let score = strength * support_share.sqrt() * narrow * plain * (1.0 - agreement.error());
        Dependency { determinant: determinant.to_vec(), dependent, error: agreement.error(), support: agreement.support, score }
    }
}

/// Measures and prose determine by chance only.
fn suits_as_determinant(column: &Column<'_>) -> f64 {
    match column.coded.kind {
        ColumnType::Float | ColumnType::Decimal => 0.4,
        ColumnType::Timestamp | ColumnType::Time => 0.6,
        ColumnType::Binary | ColumnType::Other => 0.5,
        _ => 1.0,
    }
}
