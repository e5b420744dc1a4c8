//! Values that lie close together, counted one by one: whole numbers, decimals, days, moments, Booleans, and floats that are
//! whole hundredths.
//!
//! Every possible value between the least and the greatest has a cell of one byte, so that a value costs one addition, and
//! everything about the column follows exactly from the counts. What does not fit gives up, and is measured by its hashes.

use std::collections::HashMap;
use std::sync::Arc;

use arrow_schema::{DataType, TimeUnit};
use hw_base::{NumberFacts, Steps};

use crate::ascending::Ascending;
use crate::cadence::{Days, Stepping};
use crate::cell::{Cell, Extremes};
use crate::form::{Form, unsigned};
use crate::found::Found;
use crate::hash::{bits, mix};
use crate::lane::Lane;
use crate::numbers::{self, Total, seconds, wide_to_float};
use crate::pool::Purse;
use crate::ranked::Ranked;
use crate::stored::restored;
use crate::unit::{Unit, read, whole};
use crate::used::{CELLS_AT_ONCE, Used};

/// Cells that any column may have.
const LEAST_CELLS: u64 = 1 << 16;
/// Cells that a column may have however few of them are used, once it has shown a few thousand values.
const EARLY_CELLS: u64 = 1 << 23;
/// Cells per value, before and after that.
const EARLY_CELLS_PER_VALUE: u64 = 1024;
const CELLS_PER_VALUE: u64 = 16;
/// The part of the pool that a column may take. All together leave a quarter of it to the hashes.
const SHARE: u64 = 8;
/// The highest count of a cell; what goes beyond is carried.
const FULL: u8 = u8::MAX;

/// The counts of all values of a column.
#[derive(Debug)]
pub(crate) struct Dense {
    form: Form,
    unit: Unit,
    /// The value of the first cell.
    base: i64,
    /// The least and the greatest value.
    ends: Option<(i64, i64)>,
    cells: Vec<u8>,
    /// What was counted beyond a cell's limit.
    carried: HashMap<usize, u64>,
    values: u64,
    stepping: Stepping<i64>,
    purse: Arc<Purse>,
    /// Rows that are known to come, 0 where nobody knows.
    rows: u64,
    scratch: Vec<i64>,
}

restored!(Dense { unit, base, ends, cells, carried, values, stepping });

impl Dense {
    /// No values yet; `None` for a column whose values are never counted this way.
    pub(crate) fn new(form: &Form, purse: &Arc<Purse>) -> Option<Self> {
        use DataType as D;
        let unit = match &form.values {
            D::Timestamp(unit, _) => Unit::Of(match unit {
                TimeUnit::Second => 86_400,
                TimeUnit::Millisecond => 86_400_000,
                TimeUnit::Microsecond => 86_400_000_000,
                TimeUnit::Nanosecond => 86_400_000_000_000,
            }),
            D::Date64 => Unit::Of(86_400_000),
            D::Float64 => Unit::Parts(1.0),
            D::Boolean | D::Date32 | D::Decimal32(..) | D::Decimal64(..) | D::Decimal128(..) => Unit::Of(1),
            values if values.is_integer() => Unit::Of(1),
            _ => return None,
        };
        Some(Self::empty(form, unit, purse))
    }

    /// So many rows will come in all: as many values are worth more cells than the first ones alone.
    pub(crate) fn expect(&mut self, rows: u64) {
        self.rows = rows;
    }

    /// Counts the values of `lane`, or does nothing and returns false where they do not fit.
    pub(crate) fn add(&mut self, lane: &Lane) -> bool {
        let mut places = std::mem::take(&mut self.scratch);
        let fits = self.places(lane, &mut places);
        if fits {
            let one = self.one();
            self.stepping.add(&places, |before, after| after.wrapping_sub(before) == one);
            self.count(&places);
        }
        self.scratch = places;
        fits
    }

    /// The values in units of the cells, which become finer until they fit; false where they never do.
    fn places(&mut self, lane: &Lane, places: &mut Vec<i64>) -> bool {
        while !read(lane, self.unit, places) {
            let Some(unit) = self.finer() else { return false };
            if !self.refine(unit) {
                return false;
            }
        }
        let Some((low, high)) = ends(places) else { return true };
        self.reach(low, high, places.len() as u64)
    }

    fn count(&mut self, places: &[i64]) {
        self.values += places.len() as u64;
        for place in places {
            let at = index(*place, self.base);
            let cell = &mut self.cells[at];
            if *cell == FULL {
                *cell = 1;
                *self.carried.entry(at).or_default() += u64::from(FULL);
            } else {
                *cell += 1;
            }
        }
    }

    /// What is greater by one, in units.
    fn one(&self) -> i64 {
        match self.unit {
            Unit::Parts(parts) => whole(parts),
            Unit::Of(_) => 10_i64.checked_pow(u32::try_from(self.form.scale()).unwrap_or(0)).unwrap_or(i64::MAX),
        }
    }

    /// The steps from value to value.
    pub(crate) fn steps(&self) -> &Steps {
        &self.stepping.steps
    }

    /// The same where moments are seconds.
    pub(crate) fn steps_in_seconds(&self) -> Steps {
        let keeps_one = self.finer().is_none() || matches!(self.unit, Unit::Parts(_));
        Steps { by_one: if keeps_one { self.stepping.steps.by_one } else { 0 }, ..self.stepping.steps }
    }

    fn finer(&self) -> Option<Unit> {
        let per_second = match &self.form.values {
            DataType::Timestamp(TimeUnit::Millisecond, _) | DataType::Date64 => 1_000,
            DataType::Timestamp(TimeUnit::Microsecond, _) => 1_000_000,
            DataType::Timestamp(TimeUnit::Nanosecond, _) => 1_000_000_000,
            _ => 1,
        };
        match self.unit {
            Unit::Parts(1.0) => Some(Unit::Parts(100.0)),
            Unit::Of(unit) if unit > per_second => Some(Unit::Of(per_second)),
            _ => None,
        }
    }

    /// Counts in finer units what was counted so far.
    fn refine(&mut self, unit: Unit) -> bool {
        let times = match (self.unit, unit) {
            (Unit::Of(old), Unit::Of(new)) => old / new,
            (Unit::Parts(old), Unit::Parts(new)) => whole(new / old),
            _ => return false,
        };
        let counted: Vec<(i64, u64)> = self.counted().collect();
        let Some(counted) = counted.into_iter().map(|(place, count)| Some((place.checked_mul(times)?, count))).collect::<Option<Vec<_>>>()
        else {
            return false;
        };
        let mut finer = Self::empty(&self.form, unit, &self.purse);
        finer.expect(self.rows);
        let places: Vec<i64> = counted.iter().map(|(place, _)| *place).collect();
        if ends(&places).is_some_and(|(low, high)| !finer.reach(low, high, self.values)) {
            return false;
        }
        for (place, count) in counted {
            finer.count_repeated(place, count);
        }
        finer.stepping = std::mem::replace(&mut self.stepping, Stepping::new());
        finer.stepping.convert(|last| last.checked_mul(times), matches!(unit, Unit::Parts(_)));
        *self = finer;
        true
    }

    fn empty(form: &Form, unit: Unit, purse: &Arc<Purse>) -> Self {
        Self {
            form: form.clone(),
            unit,
            base: 0,
            ends: None,
            cells: Vec::new(),
            carried: HashMap::new(),
            values: 0,
            stepping: Stepping::new(),
            purse: Arc::clone(purse),
            rows: 0,
            scratch: Vec::new(),
        }
    }

    fn count_repeated(&mut self, place: i64, count: u64) {
        self.values += count;
        let at = index(place, self.base);
        let total = u64::from(self.cells[at]) + self.carried.remove(&at).unwrap_or(0) + count;
        let (cell, carried) = match u8::try_from(total) {
            Ok(cell) => (cell, 0),
            Err(_) => (FULL, total - u64::from(FULL)),
        };
        self.cells[at] = cell;
        if carried > 0 {
            self.carried.insert(at, carried);
        }
    }

    /// Makes cells for all values from `low` to `high` if `more` values are worth them.
    fn reach(&mut self, low: i64, high: i64, more: u64) -> bool {
        let (known_low, known_high) = self.ends.unwrap_or((low, high));
        let ends = (known_low.min(low), known_high.max(high));
        let (first, cells) = (i128::from(self.base), self.cells.len());
        if i128::from(low) < first || i128::from(high) >= first + cells as i128 {
            let most = self.most_cells(self.values + more);
            let needed = usize::try_from(i128::from(ends.1) - i128::from(ends.0) + 1).ok().filter(|needed| *needed as u64 <= most);
            let Some((needed, length)) = needed.and_then(|needed| Some((needed, self.length(needed, most)?))) else { return false };
            // The room to grow into is on the side where it grew; on both where it had been on the other.
            let below = match length - needed {
                room if length == cells => room / 2,
                room if ends.0 < known_low => room,
                _ => 0,
            };
            let base = i64::try_from(i128::from(ends.0) - below as i128).ok();
            let Some(base) = base.filter(|base| base.checked_add_unsigned(length as u64).is_some()) else { return false };
            self.move_to(base, length);
        }
        self.ends = Some(ends);
        true
    }

    /// How many cells to have where so many are `needed`: some more to grow into if there is memory for them; `None` if there is not even
    /// for those.
    fn length(&self, needed: usize, most: u64) -> Option<usize> {
        let cells = self.cells.len();
        let roomy = needed.max(usize::try_from((cells as u64 * 2).min(most)).unwrap_or(needed));
        let may_have = |length: usize| self.purse.takes(length - cells, self.purse.total() / 4);
        if needed <= cells { Some(cells) } else { [roomy, needed].into_iter().find(|length| may_have(*length)) }
    }

    fn most_cells(&self, values: u64) -> u64 {
        let early = (values * EARLY_CELLS_PER_VALUE).clamp(LEAST_CELLS, EARLY_CELLS);
        early.max(values.max(self.rows) * CELLS_PER_VALUE).min((self.purse.total() as u64 / SHARE).max(LEAST_CELLS))
    }

    fn move_to(&mut self, base: i64, length: usize) {
        let mut cells = vec![0; length];
        if let Some((low, high)) = self.ends {
            let (from, to) = (index(low, self.base), index(low, base));
            let used = index(high, low) + 1;
            cells[to..to + used].copy_from_slice(&self.cells[from..from + used]);
            let moved = |at: usize| index(place(at, self.base), base);
            self.carried = std::mem::take(&mut self.carried).into_iter().map(|(at, count)| (moved(at), count)).collect();
        }
        (self.base, self.cells) = (base, cells);
    }

    /// What the counts say.
    pub(crate) fn finish(&self, top_values: usize) -> Found {
        let has_numbers = self.form.kind.is_numeric() || self.form.kind.is_temporal();
        let ranked = Ranked::of(&self.cells, &self.carried);
        let end = |rank: Option<u64>| rank.map(|rank| self.cell(place(ranked.cell(rank), self.base)));
        let last = ranked.count().checked_sub(1);
        Found {
            distinct: ranked.used,
            distinct_is_exact: true,
            extremes: Extremes { least: end(last.map(|_| 0)), greatest: end(last) },
            top: self.top(top_values).into_iter().map(|(place, count)| (self.cell(place), count)).collect(),
            top_is_exact: true,
            numbers: (has_numbers && last.is_some()).then(|| self.number_facts(&ranked)),
            text: None,
        }
    }

    fn number_facts(&self, ranked: &Ranked<'_>) -> NumberFacts {
        let numbers = Numbers { dense: self, ranked };
        let days = if numbers::is_on_calendar(&self.form) { Days::of(&numbers) } else { Days::default() };
        NumberFacts { steps: *self.steps(), cadence: days.finish(), ..numbers::facts(&numbers.total(), &numbers) }
    }

    /// The most frequent values, the most frequent first; of equally frequent ones the lesser first.
    fn top(&self, most: usize) -> Vec<(i64, u64)> {
        let mut top: Vec<(i64, u64)> = Vec::new();
        for (first, cells) in (0..).step_by(CELLS_AT_ONCE).zip(self.cells.chunks(CELLS_AT_ONCE)) {
            let least = if top.len() < most { 0 } else { top.last().map_or(u64::MAX, |(_, least)| *least) };
            // Most cells hold too little, and telling that of many together takes next to nothing.
            let may_be_more = !self.carried.is_empty() || u64::from(cells.iter().fold(0, |most, cell| most.max(*cell))) > least;
            let cells = if may_be_more { cells } else { &[] };
            for at in Used::of(cells) {
                let_in(&mut top, most, (place(first + at, self.base), self.count_at(first + at)));
            }
        }
        top
    }

    /// The values that occur, in units, in ascending order, and how often they do.
    fn counted(&self) -> impl Iterator<Item = (i64, u64)> {
        Used::of(&self.cells).map(|at| (place(at, self.base), self.count_at(at)))
    }

    /// How often the value of a cell occurs.
    #[inline]
    fn count_at(&self, at: usize) -> u64 {
        let carried = if self.carried.is_empty() { 0 } else { self.carried.get(&at).copied().unwrap_or(0) };
        u64::from(self.cells[at]) + carried
    }

    /// The values that occur in ascending order as they are kept elsewhere, and how often they do.
    pub(crate) fn entries(&self) -> impl Iterator<Item = (Cell, u64)> {
        self.counted().map(|(place, count)| (self.cell(place), count))
    }

    /// The same values as numbers.
    pub(crate) fn numbers(&self) -> impl Iterator<Item = (f64, u64)> {
        let number = self.number();
        self.counted().map(move |(place, count)| (number(place), count))
    }

    /// Gives the number of a place.
    fn number(&self) -> impl Fn(i64) -> f64 + use<> {
        let scale = 10_f64.powi(self.form.scale().into());
        let (times, over) = seconds(&self.form.values);
        let is_unsigned = self.form.values == DataType::UInt64;
        let is_decimal = self.form.kind == hw_base::ColumnType::Decimal;
        let unit = self.unit;
        move |place| match unit {
            Unit::Parts(parts) => place as f64 / parts,
            Unit::Of(_) if is_unsigned => unsigned(place) as f64,
            Unit::Of(unit) if is_decimal => wide_to_float(i128::from(place * unit)) / scale,
            Unit::Of(unit) => (place * unit) as f64 * times / over,
        }
    }

    /// What a distance in cells is multiplied with and divided by to be one of numbers.
    fn width(&self) -> (f64, f64) {
        let (times, over) = seconds(&self.form.values);
        match self.unit {
            Unit::Parts(parts) => (1.0, parts),
            Unit::Of(unit) if self.form.kind == hw_base::ColumnType::Decimal => (unit as f64, 10_f64.powi(self.form.scale().into())),
            Unit::Of(unit) => (unit as f64 * times, over),
        }
    }

    /// A value in units as it is kept elsewhere.
    fn cell(&self, place: i64) -> Cell {
        match (self.unit, &self.form.values) {
            (Unit::Parts(parts), _) => Cell::Float(place as f64 / parts),
            (Unit::Of(_), DataType::Boolean) => Cell::Boolean(place != 0),
            (Unit::Of(unit), DataType::Decimal32(..) | DataType::Decimal64(..) | DataType::Decimal128(..)) => {
                Cell::Decimal(i128::from(place * unit))
            }
            (Unit::Of(unit), _) => Cell::Integer(place * unit),
        }
    }

    /// The hash of one of these values, the same that a lane gives it.
    pub(crate) fn hash(cell: &Cell) -> u64 {
        match cell {
            Cell::Integer(value) => mix(value.cast_unsigned()),
            Cell::Decimal(value) => crate::hash::mix_wide(*value),
            Cell::Float(value) => mix(bits(*value)),
            Cell::Boolean(value) => mix(u64::from(*value)),
            Cell::WideDecimal(_) | Cell::Text(_) | Cell::Bytes(_) => 0,
        }
    }
}

impl Drop for Dense {
    fn drop(&mut self) {
        self.purse.give(self.cells.len());
    }
}

/// The values of a column as numbers.
struct Numbers<'a> {
    dense: &'a Dense,
    ranked: &'a Ranked<'a>,
}

impl Numbers<'_> {
    /// What follows from the sums, which are exact until they become floats.
    fn total(&self) -> Total {
        let Ranked { sum, squares, .. } = *self.ranked;
        let (count, (times, over)) = (self.count(), self.dense.width());
        let first = match self.dense.form.values {
            DataType::UInt64 => i128::from(unsigned(self.dense.base)),
            _ => i128::from(self.dense.base),
        };
        // Squares around a whole number near the mean are small enough to be told from each other.
        let (all, middle) = (u128::from(count), sum / u128::from(count).max(1));
        let from_middle = (sum - middle * all) as f64;
        let squares = (squares + middle * middle * all - 2 * middle * sum) as f64 - from_middle * from_middle / count as f64;
        let negatives = self.first(|number| number < 0.0);
        Total {
            count,
            sum: (first * all.cast_signed() + sum.cast_signed()) as f64 * times / over,
            squares: squares * times / over * times / over,
            negatives,
            zeros: self.first(|number| number <= 0.0) - negatives,
            low: self.at(0),
            high: self.at(count.saturating_sub(1)),
        }
    }
}

impl Ascending for Numbers<'_> {
    fn count(&self) -> u64 {
        self.ranked.count()
    }

    fn at(&self, rank: u64) -> f64 {
        self.dense.number()(place(self.ranked.cell(rank), self.dense.base))
    }

    fn first(&self, fulfil: impl Fn(f64) -> bool) -> u64 {
        // Cells that nothing was counted in yet may stand for numbers that there are not.
        let Some(last) = self.count().checked_sub(1) else { return 0 };
        let (mut low, mut end) = (self.ranked.cell(0), self.ranked.cell(last) + 1);
        let number = self.dense.number();
        while low < end {
            let half = low.midpoint(end);
            if fulfil(number(place(half, self.dense.base))) {
                low = half + 1;
            } else {
                end = half;
            }
        }
        self.ranked.before(low)
    }
}

/// Lets a value with its count into the most frequent ones, where it belongs there.
fn let_in(top: &mut Vec<(i64, u64)>, most: usize, (place, count): (i64, u64)) {
    let is_full = top.len() == most;
    if is_full && top.last().is_none_or(|(_, least)| count <= *least) {
        return;
    }
    let at = top.partition_point(|(_, other)| *other >= count);
    top.truncate(most - usize::from(is_full));
    top.insert(at, (place, count));
}

fn ends(places: &[i64]) -> Option<(i64, i64)> {
    let first = *places.first()?;
    Some(places.iter().fold((first, first), |(low, high), place| (low.min(*place), high.max(*place))))
}

/// The cell of a value that is not below `base`.
#[inline]
#[expect(clippy::cast_possible_truncation, reason = "a place within the cells")]
fn index(value: i64, base: i64) -> usize {
    value.wrapping_sub(base).cast_unsigned() as usize
}

/// The value of a cell.
#[inline]
fn place(at: usize, base: i64) -> i64 {
    base.wrapping_add_unsigned(at as u64)
}
