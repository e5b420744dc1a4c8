//! The next of two bytes, eight at a time: fields are short, and for short texts this beats a call to a search that is
//! made for long ones.

use memchr::memchr2;

const LOW: u64 = 0x0101_0101_0101_0101;
const HIGH: u64 = 0x8080_8080_8080_8080;
/// After so many bytes the search for long texts takes over.
const SHORT: usize = 64;

/// Two bytes to look for.
#[derive(Clone, Copy, Debug)]
pub(crate) struct Either {
    first: u8,
    second: u8,
    firsts: u64,
    seconds: u64,
}

impl Either {
    pub(crate) fn of(first: u8, second: u8) -> Self {
        Self { first, second, firsts: u64::from(first) * LOW, seconds: u64::from(second) * LOW }
    }

    /// The first place at or after `from` that holds one of the two.
    pub(crate) fn find(&self, bytes: &[u8], from: usize) -> Option<usize> {
        let mut at = from;
        while let Some(eight) = bytes.get(at..)?.first_chunk::<8>() {
            let word = u64::from_le_bytes(*eight);
            let found = zero_bytes(word ^ self.firsts) | zero_bytes(word ^ self.seconds);
            if found != 0 {
                return Some(at + (found.trailing_zeros() / 8) as usize);
            }
            at += 8;
            if at - from >= SHORT {
                return memchr2(self.first, self.second, bytes.get(at..)?).map(|further| at + further);
            }
        }
        let rest = bytes.get(at..)?;
        rest.iter().position(|byte| *byte == self.first || *byte == self.second).map(|further| at + further)
    }
}

/// The high bit of every byte that is zero. Bits above the lowest set one may be set without cause.
fn zero_bytes(word: u64) -> u64 {
    word.wrapping_sub(LOW) & !word & HIGH
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn the_nearer_of_both_is_found() {
        let mut text = vec![b'x'; 300];
        assert_eq!(Either::of(b',', b'\n').find(&text, 0), None);
        for place in (0..300).rev() {
            text[place] = if place % 3 == 0 { b',' } else { b'\n' };
            assert_eq!(Either::of(b',', b'\n').find(&text, 0), Some(place));
        }
        assert_eq!(Either::of(b',', b'\n').find(&text, 300), None);
    }
}
