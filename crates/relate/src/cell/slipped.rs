//! Slipped rows: rows whose cells stand one column beside their own, from some column to the last.
//!
//! One separator too many moves what follows it to the right and leaves a cell empty; one too few moves it to the left and leaves the last cell empty.
//! A single cell that fits the column beside it proves nothing. A row has slipped where all the cells from there on, weighed together, fit the columns
//! beside them far better than their own: the logarithms of how much better add up (Good, Probability and the weighing of evidence, 1950), and a cell
//! that is at home where it stands speaks against it. One beside its equal says nothing.
//!
//! The numbers of a great town fit the greater ones beside them. So a number among numbers, as a word among words, counts little: at least two cells must
//! show by what they are that they are none of their column. Where an exchange of two neighbours says as much, it is the lesser mistake.

use hw_base::trimmed;

use super::Accusation;
use super::exchanged::Norm;
use super::profile::Profile;

/// How much better all cells of a slipped row together must fit the columns beside them.
const BETTER: f64 = 10_000.0;
/// The most that one cell counts, and the most that the cell counts which a slip left empty.
const MOST: f64 = 1_000_000.0;
const MOST_OF_EMPTY: f64 = 1_000.0;
/// So many cells must be alien to their column and fit the one beside them more than so much better, of which one may be the cell that the slip left
/// empty. The other cells count so much at most.
const LEAST_TELLING: (usize, f64) = (2, 10.0);
/// How much better than the exchange of two neighbours a slip must explain the row.
const SURER_THAN_EXCHANGE: f64 = 100.0;
/// How often the cell is empty that a slip may leave so.
const EMPTIED: f64 = 0.5;
/// More rows than this share that seem to have slipped are of another kind.
const GREATEST_SHARE: f64 = 0.1;
const CONFIDENCE: f64 = 0.8;

/// The cells of slipped rows, each with the value that likely belongs there.
pub(super) fn slipped(profiles: &[Profile<'_>], norms: &[Option<Norm<'_>>]) -> Vec<Accusation> {
    if norms.is_empty() {
        return Vec::new();
    }
    let table = Table::of(profiles, norms);
    let rows = profiles[0].column.coded.codes.len();
    let slips: Vec<(u32, Slip)> = (0_u32..).take(rows).filter_map(|row| Some((row, table.slip(row)?))).collect();
    if slips.len() as f64 > GREATEST_SHARE * rows as f64 {
        return Vec::new();
    }
    slips.into_iter().flat_map(|(row, slip)| table.accuse(row, slip)).collect()
}

/// Where the cells of a row have slipped to.
#[derive(Clone, Copy)]
enum Way {
    Right,
    Left,
}

/// A row whose cells have slipped, from a column on, with the weight of what speaks for it.
#[derive(Clone, Copy)]
struct Slip {
    weight: f64,
    from: usize,
    way: Way,
}

/// How much better the values of a table fit the columns beside their own, as logarithms, by column and code.
struct Table<'a> {
    profiles: &'a [Profile<'a>],
    /// Against the column before, from where a cell may have slipped to the right; the first has none.
    from_before: Vec<Vec<f64>>,
    /// Against the column after, from where it may have slipped to the left; the last has none.
    from_after: Vec<Vec<f64>>,
}

impl<'a> Table<'a> {
    fn of(profiles: &'a [Profile<'a>], norms: &[Option<Norm<'_>>]) -> Self {
        let against = |at: usize, home: Option<usize>| {
            let home = home.filter(|home| *home < profiles.len());
            home.map_or_else(Vec::new, |home| gains([&profiles[at], &profiles[home]], [norms[at].as_ref(), norms[home].as_ref()]))
        };
        let places = 0..profiles.len();
        let from_before = places.clone().map(|at| against(at, at.checked_sub(1))).collect();
        Self { profiles, from_before, from_after: places.map(|at| against(at, Some(at + 1))).collect() }
    }

    fn slip(&self, row: u32) -> Option<Slip> {
        let slip = surer(self.to_the_left(row), self.to_the_right(row))?;
        let exchange = self.exchange(row);
        (exchange < BETTER.ln() || slip.weight >= exchange + SURER_THAN_EXCHANGE.ln()).then_some(slip)
    }

    /// What most speaks for an exchange of two neighbours, of which each fits the column of the other one better.
    fn exchange(&self, row: u32) -> f64 {
        let gain = |gains: &[Vec<f64>], at: usize| gains[at][self.profiles[at].column.code(row) as usize];
        let pairs = (1..self.profiles.len()).map(|at| (gain(&self.from_after, at - 1), gain(&self.from_before, at)));
        pairs.filter(|(one, other)| *one > 0.0 && *other > 0.0).map(|(one, other)| one + other).fold(0.0, f64::max)
    }

    /// The slip to the right that most speaks for.
    fn to_the_right(&self, row: u32) -> Option<Slip> {
        let (mut moved, mut best) = (Moved::default(), None);
        for from in (0..self.profiles.len() - 1).rev() {
            if self.text(from, row) == self.text(from + 1, row) {
                continue;
            }
            let first = moved.add(self.profiles[from + 1].column.code(row), &self.from_before[from + 1]);
            let emptied = self.emptied(from, row) + self.doubled(from, row);
            if is_telling(first) || is_telling(emptied) && first > 0.0 {
                best = surer(best, moved.slip(emptied, from, Way::Right));
            }
        }
        best
    }

    /// The slip to the left that most speaks for, where the last cell is empty.
    fn to_the_left(&self, row: u32) -> Option<Slip> {
        let last = self.profiles.len() - 1;
        if self.profiles[last].column.code(row) != 0 {
            return None;
        }
        let (mut moved, mut best) = (Moved::default(), None);
        for from in (0..last).rev() {
            if self.text(from, row) == self.text(from + 1, row) {
                continue;
            }
            if is_telling(moved.add(self.profiles[from].column.code(row), &self.from_after[from])) {
                best = surer(best, moved.slip(self.emptied(last, row), from, Way::Left));
            }
        }
        best
    }

    /// What it says that a cell is empty: the more, the less often the column is.
    fn emptied(&self, at: usize, row: u32) -> f64 {
        let is_empty = self.profiles[at].column.code(row) == 0;
        if is_empty { (EMPTIED / missing(&self.profiles[at], 1)).clamp(1.0, MOST_OF_EMPTY).ln() } else { 0.0 }
    }

    /// What it says that a cell holds the value of the one before, which has been written twice.
    fn doubled(&self, at: usize, row: u32) -> f64 {
        let is_doubled =
            at.checked_sub(1).is_some_and(|before| self.text(before, row).is_some() && self.text(before, row) == self.text(at, row));
        if is_doubled { self.from_before[at][self.profiles[at].column.code(row) as usize].max(0.0) } else { 0.0 }
    }

    fn text(&self, at: usize, row: u32) -> Option<&str> {
        self.profiles.get(at).and_then(|profile| profile.column.text(profile.column.code(row)))
    }

    /// The cells of the slip, but for those whose value is as good at home.
    fn accuse(&self, row: u32, slip: Slip) -> Vec<Accusation> {
        let text = |at: usize| self.text(at, row);
        let meant = |at: usize| match slip.way {
            Way::Right => text(at + 1),
            Way::Left => at.checked_sub(1).filter(|before| *before >= slip.from).and_then(text),
        };
        let gains = match slip.way {
            Way::Right => &self.from_before,
            Way::Left => &self.from_after,
        };
        let is_at_home = |at: usize| {
            let code = self.profiles[at].column.code(row);
            code != 0 && gains[at].get(code as usize).is_none_or(|gain| *gain <= 0.0)
        };
        let wrong = (slip.from..self.profiles.len()).filter(|at| !is_at_home(*at) && !are_equal(text(*at), meant(*at)));
        let accuse = |at: usize| Accusation {
            row,
            column: at,
            issue: if text(at).is_none() { "missing_value" } else { "swapped_value" },
            confidence: CONFIDENCE,
            suggestion: meant(at).map(str::to_owned),
        };
        wrong.map(accuse).collect()
    }
}

/// The cells from some column to the last.
#[derive(Default)]
struct Moved {
    weight: f64,
    telling: usize,
}

impl Moved {
    /// Adds a cell. What its value says for the slip is returned: an empty one is empty for many reasons.
    fn add(&mut self, code: u32, gains: &[f64]) -> f64 {
        let gain = gains[code as usize];
        self.weight += gain;
        let of_value = if code == 0 { 0.0 } else { gain };
        self.telling += usize::from(is_telling(of_value));
        of_value
    }

    /// The slip of these cells, where enough speaks for it.
    fn slip(&self, emptied: f64, from: usize, way: Way) -> Option<Slip> {
        let weight = self.weight + emptied;
        let telling = self.telling + usize::from(is_telling(emptied));
        (telling >= LEAST_TELLING.0 && weight >= BETTER.ln()).then_some(Slip { weight, from, way })
    }
}

/// The slip that more speaks for, the first one where as much speaks for the other.
fn surer(one: Option<Slip>, other: Option<Slip>) -> Option<Slip> {
    other.into_iter().chain(one).max_by(|a, b| a.weight.total_cmp(&b.weight))
}

/// Whether a cell that fits the column beside it so much better shows by what it is that it is none of its own.
fn is_telling(gain: f64) -> bool {
    gain > LEAST_TELLING.1.ln()
}

/// Whether two cells hold the same text or the same number.
fn are_equal(one: Option<&str>, other: Option<&str>) -> bool {
    let number = |text: Option<&str>| trimmed(text?).parse::<f64>().ok();
    one == other || number(one).zip(number(other)).is_some_and(|(one, other)| one.total_cmp(&other).is_eq())
}

/// How much better the values of a column fit another one, as logarithms by code; nothing is known where one of both gives no norm. What is not alien to
/// its column is not telling, however much better it fits the other one.
fn gains([own, home]: [&Profile<'_>; 2], norms: [Option<&Norm<'_>>; 2]) -> Vec<f64> {
    let [Some(norm), Some(norm_at_home)] = norms else { return vec![0.0; own.column.counts.len()] };
    let of_none = missing(home, 0) / missing(own, 1);
    let of_values = own.column.counted().map(|(_, value, count)| {
        let times = norm_at_home.fit(value, 0) / norm.fit(value, 1);
        if times > LEAST_TELLING.1 && !norm.is_alien(value, count, norm_at_home) { LEAST_TELLING.1 } else { times }
    });
    std::iter::once(of_none).chain(of_values).map(|times| times.clamp(1.0 / MOST, MOST).ln()).collect()
}

/// The share of the cells of a column that are empty; `own` is 1 where that is asked of one of them.
fn missing(profile: &Profile<'_>, own: u32) -> f64 {
    let others = f64::from(profile.column.nulls().saturating_sub(own));
    (others + 0.5) / (profile.column.coded.codes.len() as f64 + 1.0)
}
