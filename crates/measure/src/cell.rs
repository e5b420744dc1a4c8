//! One value taken out of a column, to be kept while the batch it came from goes away.

use std::cmp::Ordering;

use arrow_buffer::i256;

use crate::stored::{Stored, stored};

/// A value of a [`Lane`](super::lane::Lane). Two cells of one column have the same variant.
#[derive(Clone, Debug, PartialEq)]
pub(crate) enum Cell {
    /// Integers, days, moments and times in the unit of the column.
    Integer(i64),
    /// Decimals of up to 38 digits, without their point.
    Decimal(i128),
    /// Decimals of up to 76 digits, without their point.
    WideDecimal(i256),
    Float(f64),
    Boolean(bool),
    Text(Box<str>),
    Bytes(Box<[u8]>),
}

impl Cell {
    /// The order of values within a column.
    pub(crate) fn compare(&self, other: &Self) -> Ordering {
        match (self, other) {
            (Self::Integer(a), Self::Integer(b)) => a.cmp(b),
            (Self::Decimal(a), Self::Decimal(b)) => a.cmp(b),
            (Self::WideDecimal(a), Self::WideDecimal(b)) => a.cmp(b),
            (Self::Float(a), Self::Float(b)) => a.total_cmp(b),
            (Self::Boolean(a), Self::Boolean(b)) => a.cmp(b),
            (Self::Text(a), Self::Text(b)) => a.cmp(b),
            (Self::Bytes(a), Self::Bytes(b)) => a.cmp(b),
            _ => Ordering::Equal,
        }
    }

    /// Whether it has a place in the order of values: `NaN` has none.
    pub(crate) fn is_ordered(&self) -> bool {
        !matches!(self, Self::Float(value) if value.is_nan())
    }

    /// Bytes on the heap beside the cell itself.
    pub(crate) fn heap_bytes(&self) -> usize {
        match self {
            Self::Text(text) => text.len(),
            Self::Bytes(bytes) => bytes.len(),
            _ => 0,
        }
    }
}

impl Stored for Cell {
    fn store(&self, bytes: &mut Vec<u8>) {
        match self {
            Self::Integer(value) => (0_u8, *value).store(bytes),
            Self::Decimal(value) => (1_u8, *value).store(bytes),
            Self::WideDecimal(value) => (2_u8, *value).store(bytes),
            Self::Float(value) => (3_u8, *value).store(bytes),
            Self::Boolean(value) => (4_u8, *value).store(bytes),
            Self::Text(text) => (5_u8, text.to_string()).store(bytes),
            Self::Bytes(value) => (6_u8, value.to_vec()).store(bytes),
        }
    }
    fn load(bytes: &mut &[u8]) -> Option<Self> {
        Some(match u8::load(bytes)? {
            0 => Self::Integer(Stored::load(bytes)?),
            1 => Self::Decimal(Stored::load(bytes)?),
            2 => Self::WideDecimal(Stored::load(bytes)?),
            3 => Self::Float(Stored::load(bytes)?),
            4 => Self::Boolean(Stored::load(bytes)?),
            5 => Self::Text(String::load(bytes)?.into()),
            6 => Self::Bytes(Vec::load(bytes)?.into()),
            _ => return None,
        })
    }
}

impl Stored for Box<Cell> {
    fn store(&self, bytes: &mut Vec<u8>) {
        self.as_ref().store(bytes);
    }
    fn load(bytes: &mut &[u8]) -> Option<Self> {
        Cell::load(bytes).map(Self::new)
    }
}

/// The least and the greatest value seen.
#[derive(Debug, Default)]
pub(crate) struct Extremes {
    pub(crate) least: Option<Cell>,
    pub(crate) greatest: Option<Cell>,
}

stored!(Extremes { least, greatest });

impl Extremes {
    /// Takes `cell` into account.
    pub(crate) fn add(&mut self, cell: &Cell) {
        if !cell.is_ordered() {
            return;
        }
        if self.least.as_ref().is_none_or(|least| cell.compare(least) == Ordering::Less) {
            self.least = Some(cell.clone());
        }
        if self.greatest.as_ref().is_none_or(|greatest| cell.compare(greatest) == Ordering::Greater) {
            self.greatest = Some(cell.clone());
        }
    }
}
