//! The state of a measurement as bytes, so that it can go on another day as if it had never stopped.
//!
//! Numbers are written exactly. What follows from the schema and the memory is made anew; only what rows have left is stored.

use std::collections::{HashMap, HashSet};
use std::hash::{BuildHasher, Hash};

use arrow_buffer::i256;
use hw_base::{Steps, Value};

/// A value that is written as bytes and read back.
pub(crate) trait Stored: Sized {
    /// Writes it behind `bytes`.
    fn store(&self, bytes: &mut Vec<u8>);
    /// Takes it off the front of `bytes`; `None` where they hold something else.
    fn load(bytes: &mut &[u8]) -> Option<Self>;
}

/// A state that is written as bytes, and brought back into one that is new.
pub(crate) trait Restored {
    /// Writes it behind `bytes`.
    fn keep(&self, bytes: &mut Vec<u8>);
    /// Brings back what the front of `bytes` holds; `None` where that is something else.
    fn restore(&mut self, bytes: &mut &[u8]) -> Option<()>;
}

impl<T: Stored> Restored for T {
    fn keep(&self, bytes: &mut Vec<u8>) {
        self.store(bytes);
    }
    fn restore(&mut self, bytes: &mut &[u8]) -> Option<()> {
        *self = T::load(bytes)?;
        Some(())
    }
}

/// Stores all fields of a struct.
macro_rules! stored {
    ($name:ident { $($field:ident),+ }) => {
        impl $crate::stored::Stored for $name {
            fn store(&self, bytes: &mut Vec<u8>) {
                $($crate::stored::Stored::store(&self.$field, bytes);)+
            }
            fn load(bytes: &mut &[u8]) -> Option<Self> {
                Some(Self { $($field: $crate::stored::Stored::load(bytes)?),+ })
            }
        }
    };
}

/// Restores these fields of a struct; the others are those of a new one.
macro_rules! restored {
    ($name:ident { $($field:ident),+ }) => {
        impl $crate::stored::Restored for $name {
            fn keep(&self, bytes: &mut Vec<u8>) {
                $($crate::stored::Restored::keep(&self.$field, bytes);)+
            }
            fn restore(&mut self, bytes: &mut &[u8]) -> Option<()> {
                $($crate::stored::Restored::restore(&mut self.$field, bytes)?;)+
                Some(())
            }
        }
    };
}
pub(crate) use {restored, stored};

/// Stores a state that may be missing.
pub(crate) fn keep_some<T: Restored>(state: Option<&T>, bytes: &mut Vec<u8>) {
    state.is_some().store(bytes);
    if let Some(state) = state {
        state.keep(bytes);
    }
}

/// Brings back a state that may be missing; `new` makes it.
pub(crate) fn restore_some<T: Restored>(place: &mut Option<T>, new: impl FnOnce() -> Option<T>, bytes: &mut &[u8]) -> Option<()> {
    *place = None;
    if bool::load(bytes)? {
        let mut state = new()?;
        state.restore(bytes)?;
        *place = Some(state);
    }
    Some(())
}

macro_rules! stored_numbers {
    ($($number:ty),*) => {$(
        impl Stored for $number {
            fn store(&self, bytes: &mut Vec<u8>) {
                bytes.extend_from_slice(&self.to_le_bytes());
            }
            fn load(bytes: &mut &[u8]) -> Option<Self> {
                let (own, rest) = bytes.split_first_chunk()?;
                *bytes = rest;
                Some(Self::from_le_bytes(*own))
            }
        }
    )*};
}
stored_numbers!(u8, u32, u64, i64, i128, i256, f64);

impl Stored for usize {
    fn store(&self, bytes: &mut Vec<u8>) {
        (*self as u64).store(bytes);
    }
    fn load(bytes: &mut &[u8]) -> Option<Self> {
        Self::try_from(u64::load(bytes)?).ok()
    }
}

impl Stored for bool {
    fn store(&self, bytes: &mut Vec<u8>) {
        u8::from(*self).store(bytes);
    }
    fn load(bytes: &mut &[u8]) -> Option<Self> {
        Some(u8::load(bytes)? != 0)
    }
}

impl<T: Stored> Stored for Vec<T> {
    fn store(&self, bytes: &mut Vec<u8>) {
        self.len().store(bytes);
        for item in self {
            item.store(bytes);
        }
    }
    fn load(bytes: &mut &[u8]) -> Option<Self> {
        let length = usize::load(bytes)?;
        // Damaged bytes may claim any length; every item takes a byte at least.
        let mut items = Self::with_capacity(length.min(bytes.len()));
        for _ in 0..length {
            items.push(T::load(bytes)?);
        }
        Some(items)
    }
}

impl<T: Stored + Copy + Default, const N: usize> Stored for [T; N] {
    fn store(&self, bytes: &mut Vec<u8>) {
        for item in self {
            item.store(bytes);
        }
    }
    fn load(bytes: &mut &[u8]) -> Option<Self> {
        let mut items = [T::default(); N];
        for item in &mut items {
            *item = T::load(bytes)?;
        }
        Some(items)
    }
}

impl<T: Stored> Stored for Option<T> {
    fn store(&self, bytes: &mut Vec<u8>) {
        self.is_some().store(bytes);
        if let Some(item) = self {
            item.store(bytes);
        }
    }
    fn load(bytes: &mut &[u8]) -> Option<Self> {
        Some(if bool::load(bytes)? { Some(T::load(bytes)?) } else { None })
    }
}

impl<A: Stored, B: Stored> Stored for (A, B) {
    fn store(&self, bytes: &mut Vec<u8>) {
        self.0.store(bytes);
        self.1.store(bytes);
    }
    fn load(bytes: &mut &[u8]) -> Option<Self> {
        Some((A::load(bytes)?, B::load(bytes)?))
    }
}

impl Stored for String {
    fn store(&self, bytes: &mut Vec<u8>) {
        self.len().store(bytes);
        bytes.extend_from_slice(self.as_bytes());
    }
    fn load(bytes: &mut &[u8]) -> Option<Self> {
        Self::from_utf8(Vec::load(bytes)?).ok()
    }
}

impl<K: Stored + Eq + Hash, V: Stored, S: BuildHasher + Default> Stored for HashMap<K, V, S> {
    fn store(&self, bytes: &mut Vec<u8>) {
        self.len().store(bytes);
        for (key, value) in self {
            key.store(bytes);
            value.store(bytes);
        }
    }
    fn load(bytes: &mut &[u8]) -> Option<Self> {
        Some(Vec::load(bytes)?.into_iter().collect())
    }
}

impl<K: Stored + Eq + Hash, S: BuildHasher + Default> Stored for HashSet<K, S> {
    fn store(&self, bytes: &mut Vec<u8>) {
        self.len().store(bytes);
        for key in self {
            key.store(bytes);
        }
    }
    fn load(bytes: &mut &[u8]) -> Option<Self> {
        Some(Vec::load(bytes)?.into_iter().collect())
    }
}

impl Stored for Steps {
    fn store(&self, bytes: &mut Vec<u8>) {
        [self.up, self.down, self.same, self.by_one].store(bytes);
    }
    fn load(bytes: &mut &[u8]) -> Option<Self> {
        let [up, down, same, by_one] = Stored::load(bytes)?;
        Some(Self { up, down, same, by_one })
    }
}

impl Stored for Value {
    fn store(&self, bytes: &mut Vec<u8>) {
        match self {
            Self::Null => 0_u8.store(bytes),
            Self::Bool(value) => (1_u8, *value).store(bytes),
            Self::Int(value) => (2_u8, *value).store(bytes),
            Self::Float(value) => (3_u8, *value).store(bytes),
            Self::Text(text) => (4_u8, text.clone()).store(bytes),
            Self::Nested(value) => (4_u8, value.to_string()).store(bytes),
        }
    }
    fn load(bytes: &mut &[u8]) -> Option<Self> {
        Some(match u8::load(bytes)? {
            0 => Self::Null,
            1 => Self::Bool(Stored::load(bytes)?),
            2 => Self::Int(Stored::load(bytes)?),
            3 => Self::Float(Stored::load(bytes)?),
            4 => Self::Text(Stored::load(bytes)?),
            _ => return None,
        })
    }
}
