//! A column as codes of its distinct values, made batch by batch, and thinned to a uniform sample where it grows too large.
//!
//! Which rows belong to the sample is decided by a random number per row that depends on the row's number alone, so all
//! columns keep the same rows without asking each other: at level `n`, one row in 2ⁿ.

use arrow_array::{Array, ArrayRef};
use arrow_buffer::{BooleanBuffer, i256};
use arrow_schema::{ArrowError, Schema};
use hw_base::CodedColumn;

use crate::cell::Cell;
use crate::form::{Form, all_hexadecimal};
use crate::hash::{bits, hash_bytes, mix, mix_wide, mix_widest};
use crate::lane::Lane;
use crate::rows::Visible;

/// What a row number is mixed with, so that this sample does not depend on that of the measurements.
const SEED: u64 = 0x6a09_e667_f3bc_c908;

/// Whether the row with this number belongs to the sample of `level`; at level 0 every row does.
pub(crate) fn is_sampled(row: u64, level: u32) -> bool {
    mix(row ^ SEED).trailing_zeros() >= level
}

/// The coders of the visible columns of `schema`, in order.
pub(crate) fn coders(schema: &Schema) -> Vec<Coder> {
    Visible::of(schema).forms(schema).into_iter().map(Coder::new).collect()
}

/// A column that is being coded.
#[derive(Debug)]
pub(crate) struct Coder {
    form: Form,
    /// `None` before the first batch.
    values: Option<Values>,
    /// Per row: 0 for null, else one more than the index of its value.
    codes: Vec<u32>,
}

/// The distinct values by first appearance, as they are compared.
#[derive(Debug)]
enum Values {
    Integers(Interner<i64>),
    Decimals(Interner<i128>),
    WideDecimals(Interner<i256>),
    /// The bits of floats.
    Floats(Interner<u64>),
    Texts(Interner<Box<str>>),
    Bytes(Interner<Box<[u8]>>),
}

impl Coder {
    fn new(form: Form) -> Self {
        Self { form, values: None, codes: Vec::new() }
    }

    /// Codes the rows of `array`.
    pub(crate) fn add(&mut self, array: &ArrayRef) -> Result<(), ArrowError> {
        let lane = Lane::read(array, &self.form)?;
        let first = self.codes.len();
        self.codes.resize(first + array.len(), 0);
        let codes = &mut self.codes[first..];
        match (self.values.get_or_insert_with(|| Values::of(&lane)), &lane) {
            (Values::Integers(values), Lane::Integers(array)) => {
                lane.for_each_valid(|row| codes[row] = values.code(mix(array.value(row).cast_unsigned()), &array.value(row)));
            }
            (Values::Integers(values), Lane::Booleans(array)) => {
                lane.for_each_valid(|row| codes[row] = values.code(mix(array.value(row).into()), &array.value(row).into()));
            }
            (Values::Decimals(values), Lane::Decimals(array)) => {
                lane.for_each_valid(|row| codes[row] = values.code(mix_wide(array.value(row)), &array.value(row)));
            }
            (Values::WideDecimals(values), Lane::WideDecimals(array)) => {
                lane.for_each_valid(|row| codes[row] = values.code(mix_widest(array.value(row)), &array.value(row)));
            }
            (Values::Floats(values), Lane::Floats(array)) => {
                lane.for_each_valid(|row| codes[row] = values.code(mix(bits(array.value(row))), &bits(array.value(row))));
            }
            (Values::Texts(values), Lane::Texts(array)) => {
                lane.for_each_valid(|row| codes[row] = values.code(hash_bytes(array.value(row).as_bytes()), array.value(row)));
            }
            (Values::Bytes(values), Lane::Bytes(array)) => {
                lane.for_each_valid(|row| codes[row] = values.code(hash_bytes(array.value(row)), array.value(row)));
            }
            _ => return Err(ArrowError::SchemaError(format!("the type of `{}` changes on the way", self.form.name))),
        }
        Ok(())
    }

    /// Keeps the rows that are set in `kept`, and the values that these still have.
    pub(crate) fn thin(&mut self, kept: &BooleanBuffer) {
        let mut codes: Vec<u32> = kept.set_indices().map(|row| self.codes[row]).collect();
        match &mut self.values {
            Some(Values::Integers(values)) => values.keep(&mut codes),
            Some(Values::Decimals(values)) => values.keep(&mut codes),
            Some(Values::WideDecimals(values)) => values.keep(&mut codes),
            Some(Values::Floats(values)) => values.keep(&mut codes),
            Some(Values::Texts(values)) => values.keep(&mut codes),
            Some(Values::Bytes(values)) => values.keep(&mut codes),
            None => {}
        }
        self.codes = codes;
    }

    /// About how many bytes the coded column will use, with what it needs on the way.
    pub(crate) fn bytes(&self) -> usize {
        self.codes.len() * size_of::<u32>()
            + match &self.values {
                Some(Values::Integers(values)) => values.bytes(),
                Some(Values::Decimals(values)) => values.bytes(),
                Some(Values::WideDecimals(values)) => values.bytes(),
                Some(Values::Floats(values)) => values.bytes(),
                Some(Values::Texts(values)) => values.bytes(),
                Some(Values::Bytes(values)) => values.bytes(),
                None => 0,
            }
    }

    /// The column; its values are written now, each once.
    pub(crate) fn finish(self) -> CodedColumn {
        let form = &self.form;
        let show = |cell: Cell| form.show(&cell).to_string();
        let is_boolean = form.kind == hw_base::ColumnType::Boolean;
        let values = match self.values {
            Some(Values::Integers(values)) if is_boolean => values.written(|value| show(Cell::Boolean(value != 0))),
            Some(Values::Integers(values)) => values.written(|value| show(Cell::Integer(value))),
            Some(Values::Decimals(values)) => values.written(|value| show(Cell::Decimal(value))),
            Some(Values::WideDecimals(values)) => values.written(|value| show(Cell::WideDecimal(value))),
            Some(Values::Floats(values)) => values.written(|value| show(Cell::Float(f64::from_bits(value)))),
            Some(Values::Texts(values)) => values.written(String::from),
            Some(Values::Bytes(values)) => values.written(|value| all_hexadecimal(&value)),
            None => Vec::new(),
        };
        CodedColumn { name: self.form.name, kind: self.form.kind, values, codes: self.codes }
    }
}

impl Values {
    fn of(lane: &Lane) -> Self {
        match lane {
            Lane::Integers(_) | Lane::Booleans(_) => Self::Integers(Interner::new()),
            Lane::Decimals(_) => Self::Decimals(Interner::new()),
            Lane::WideDecimals(_) => Self::WideDecimals(Interner::new()),
            Lane::Floats(_) => Self::Floats(Interner::new()),
            Lane::Texts(_) => Self::Texts(Interner::new()),
            Lane::Bytes(_) => Self::Bytes(Interner::new()),
        }
    }
}

/// A value that is kept once, and the form in which it is looked for.
trait Key {
    type Sought: ?Sized;
    fn equals(&self, sought: &Self::Sought) -> bool;
    fn keep(sought: &Self::Sought) -> Self;
    /// Bytes it uses, also once it is written as text.
    fn bytes(&self) -> usize;
}

/// What a short text uses: itself, and its piece of the heap.
const TEXT_BYTES: usize = size_of::<String>() + 24;

macro_rules! plain_keys {
    ($($number:ty),*) => {$(
        impl Key for $number {
            type Sought = Self;
            #[inline]
            fn equals(&self, sought: &Self) -> bool {
                self == sought
            }
            #[inline]
            fn keep(sought: &Self) -> Self {
                *sought
            }
            fn bytes(&self) -> usize {
                size_of::<Self>() + TEXT_BYTES
            }
        }
    )*};
}
plain_keys!(i64, i128, i256, u64);

impl Key for Box<str> {
    type Sought = str;
    #[inline]
    fn equals(&self, sought: &str) -> bool {
        **self == *sought
    }
    fn keep(sought: &str) -> Self {
        sought.into()
    }
    fn bytes(&self) -> usize {
        self.len() + size_of::<Self>() + TEXT_BYTES
    }
}

impl Key for Box<[u8]> {
    type Sought = [u8];
    #[inline]
    fn equals(&self, sought: &[u8]) -> bool {
        **self == *sought
    }
    fn keep(sought: &[u8]) -> Self {
        sought.into()
    }
    fn bytes(&self) -> usize {
        self.len() * 3 + size_of::<Self>() + TEXT_BYTES
    }
}

/// Values and their codes, with an open-addressed table over them.
#[derive(Debug)]
struct Interner<K> {
    /// The first half of a value's hash, which also chooses the slot, and its code; 0 where free.
    slots: Vec<u64>,
    keys: Vec<K>,
    key_bytes: usize,
}

impl<K: Key> Interner<K> {
    fn new() -> Self {
        Self { slots: vec![0; 64], keys: Vec::new(), key_bytes: 0 }
    }

    /// The code of a value, which is new or known.
    #[inline]
    fn code(&mut self, hash: u64, sought: &K::Sought) -> u32 {
        let mask = self.slots.len() - 1;
        let mut at = first_half(hash) & mask;
        while self.slots[at] != 0 {
            let code = second_half(self.slots[at]);
            if first_half(self.slots[at]) == first_half(hash) && self.keys[code - 1].equals(sought) {
                return code_of(code);
            }
            at = (at + 1) & mask;
        }
        self.keys.push(K::keep(sought));
        let code = code_of(self.keys.len());
        self.slots[at] = slot(hash, code);
        self.key_bytes += self.keys[self.keys.len() - 1].bytes();
        if self.keys.len() * 2 > self.slots.len() {
            self.grow();
        }
        code
    }

    fn grow(&mut self) {
        let larger = self.slots.len() * 4;
        let old = std::mem::replace(&mut self.slots, vec![0; larger]);
        old.into_iter().filter(|slot| *slot != 0).for_each(|slot| self.place(slot));
    }

    /// Puts a slot whose value is not in the table where it belongs.
    fn place(&mut self, slot: u64) {
        let mask = self.slots.len() - 1;
        let mut at = first_half(slot) & mask;
        while self.slots[at] != 0 {
            at = (at + 1) & mask;
        }
        self.slots[at] = slot;
    }

    /// Keeps the values that `codes` name and gives them new codes by first appearance.
    fn keep(&mut self, codes: &mut [u32]) {
        let mut old_slots = vec![0; self.keys.len()];
        self.slots.iter().filter(|slot| **slot != 0).for_each(|slot| old_slots[second_half(*slot) - 1] = *slot);
        let mut old_keys: Vec<Option<K>> = std::mem::take(&mut self.keys).into_iter().map(Some).collect();
        *self = Self::new();
        let mut renamed = vec![0; old_keys.len()];
        for code in codes.iter_mut().filter(|code| **code != 0) {
            let old = second_half(u64::from(*code)) - 1;
            if let Some(key) = old_keys[old].take() {
                self.key_bytes += key.bytes();
                self.keys.push(key);
                renamed[old] = code_of(self.keys.len());
            }
            *code = renamed[old];
        }
        self.slots = vec![0; (self.keys.len() * 2).next_power_of_two().max(64)];
        let kept = old_slots.into_iter().zip(renamed).filter(|(_, code)| *code != 0);
        kept.for_each(|(old, code)| self.place(slot(old, code)));
    }

    fn bytes(&self) -> usize {
        self.slots.len() * size_of::<u64>() + self.key_bytes
    }

    fn written(self, write: impl Fn(K) -> String) -> Vec<String> {
        drop(self.slots);
        self.keys.into_iter().map(write).collect()
    }
}

fn slot(hash: u64, code: u32) -> u64 {
    (hash >> 32 << 32) | u64::from(code)
}

#[inline]
#[allow(clippy::cast_possible_truncation, reason = "half of it is left, which the least machine holds")]
fn first_half(slot: u64) -> usize {
    (slot >> 32) as usize
}

#[inline]
#[expect(clippy::cast_possible_truncation, reason = "half of it is wanted")]
fn second_half(slot: u64) -> usize {
    slot as u32 as usize
}

/// Values of one column are as many as memory holds, and that is less than 2³².
#[inline]
fn code_of(number: usize) -> u32 {
    u32::try_from(number).unwrap_or(u32::MAX)
}

#[cfg(test)]
mod tests {
    #![allow(clippy::unwrap_used, reason = "a test that cannot go on should stop")]

    use std::sync::Arc;

    use arrow_array::{BooleanArray, Float64Array, Int64Array, StringArray, StringViewArray, TimestampMicrosecondArray};
    use arrow_schema::Field;

    use super::*;

    fn coder(array: &ArrayRef) -> Coder {
        coders(&Schema::new(vec![Field::new("c", array.data_type().clone(), true)])).remove(0)
    }

    fn coded(arrays: &[ArrayRef]) -> CodedColumn {
        let mut coder = coder(&arrays[0]);
        for array in arrays {
            coder.add(array).unwrap();
        }
        coder.finish()
    }

    #[track_caller]
    fn check(array: impl Array + 'static, values: &[&str], codes: &[u32]) {
        let column = coded(&[Arc::new(array)]);
        assert_eq!((column.values.iter().map(String::as_str).collect::<Vec<_>>(), &column.codes[..]), (values.to_vec(), codes));
    }

    #[test]
    fn values_are_kept_once_in_the_order_of_their_appearance() {
        check(Int64Array::from(vec![Some(7), None, Some(-1), Some(7)]), &["7", "-1"], &[1, 0, 2, 1]);
        check(StringArray::from(vec![Some("b"), Some(""), None, Some("b")]), &["b", ""], &[1, 2, 0, 1]);
        check(Float64Array::from(vec![0.0, -0.0, 1.5, f64::NAN, f64::NAN]), &["0", "1.5", "NaN"], &[1, 1, 2, 3, 3]);
        check(BooleanArray::from(vec![Some(true), None, Some(false)]), &["true", "false"], &[1, 0, 2]);
        check(TimestampMicrosecondArray::from(vec![0]), &["1970-01-01T00:00:00"], &[1]);
        check(Int64Array::from(vec![None, None]), &[], &[0, 0]);
        let text = "x".repeat(3_000);
        check(StringViewArray::from(vec![text.as_str()]), &[&text], &[1]);
    }

    #[test]
    fn batches_share_their_codes() {
        let batch = |numbers: std::ops::Range<i64>| Arc::new(Int64Array::from_iter_values(numbers)) as ArrayRef;
        let column = coded(&[batch(0..5_000), batch(2_000..9_000)]);
        assert_eq!((column.values.len(), column.codes.len()), (9_000, 12_000));
        for (row, code) in column.codes.iter().enumerate() {
            let number = if row < 5_000 { row } else { row - 3_000 };
            assert_eq!(column.values[*code as usize - 1], number.to_string());
        }
    }

    #[test]
    #[expect(clippy::cast_possible_truncation, reason = "the rows are few")]
    fn a_thinned_column_is_that_of_the_rows_that_are_left() {
        let texts: Vec<Option<String>> = (0..20_000_u64).map(|row| (row % 7 != 0).then(|| format!("value {}", mix(row) % 6_000))).collect();
        let batch = |rows: &[Option<String>]| Arc::new(StringArray::from(rows.to_vec())) as ArrayRef;
        let kept = |level| (0..20_000).filter(move |row| is_sampled(*row, level));
        let mut thinned = coder(&batch(&texts));
        thinned.add(&batch(&texts[..15_000])).unwrap();
        let before = thinned.bytes();
        thinned.thin(&(0..15_000).map(|row| is_sampled(row, 2)).collect());
        assert!(thinned.bytes() < before / 2);
        let later: Vec<_> = kept(2).filter(|row| *row >= 15_000).map(|row| texts[row as usize].clone()).collect();
        thinned.add(&batch(&later)).unwrap();
        let direct: Vec<_> = kept(2).map(|row| texts[row as usize].clone()).collect();
        assert_eq!(thinned.finish(), coded(&[batch(&direct)]));
        assert!((4_700..5_300).contains(&direct.len()), "{}", direct.len());
    }
}
