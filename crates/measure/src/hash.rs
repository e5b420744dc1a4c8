//! Hashes of values. Equal values have equal hashes in every batch and every part.

use std::hash::Hasher;

use arrow_buffer::i256;

/// The hasher of sets that hold hashes, which are spread already.
#[derive(Default)]
pub(crate) struct AsIs(u64);

impl Hasher for AsIs {
    fn finish(&self) -> u64 {
        self.0
    }

    fn write(&mut self, _: &[u8]) {}

    fn write_u64(&mut self, hash: u64) {
        self.0 = hash;
    }

    #[expect(clippy::cast_possible_truncation, reason = "half of the bits are enough to spread them")]
    fn write_u128(&mut self, hash: u128) {
        self.0 = hash as u64;
    }
}

/// The hash of a missing value in the hash of its row.
pub(crate) const NULL_HASH: u64 = 0x9e37_79b9_7f4a_7c15;

/// Scatters the bits of a number over all 64 bits; no two numbers have the same result.
#[inline]
pub(crate) fn mix(number: u64) -> u64 {
    let mut bits = number ^ 0x2545_f491_4f6c_dd1d;
    bits = (bits ^ (bits >> 30)).wrapping_mul(0xbf58_476d_1ce4_e5b9);
    bits = (bits ^ (bits >> 27)).wrapping_mul(0x94d0_49bb_1331_11eb);
    bits ^ (bits >> 31)
}

#[inline]
pub(crate) fn mix_wide(number: i128) -> u64 {
    mix(word_of_wide(number))
}

/// The number itself where it fits into 64 bits.
#[inline]
pub(crate) fn word_of_wide(number: i128) -> u64 {
    i64::try_from(number).map_or_else(|_| mix_halves(number.cast_unsigned()), i64::cast_unsigned)
}

#[expect(clippy::cast_possible_truncation, reason = "the halves are wanted")]
fn mix_halves(number: u128) -> u64 {
    mix(number as u64) ^ (number >> 64) as u64
}

/// The hash of a row from that of the columns before it and the word of the next.
#[inline]
pub(crate) fn joined(row: u64, word: u64) -> u64 {
    folded(row ^ word ^ 0x2d35_8dcc_aa6c_78a5, 0x8bb8_4b93_962e_acc9)
}

pub(crate) fn mix_widest(number: i256) -> u64 {
    match number.to_i128() {
        Some(number) => mix_wide(number),
        None => number
            .to_le_bytes()
            .chunks_exact(8)
            .fold(1, |hash, bytes| mix(hash ^ bytes.iter().rev().fold(0, |word, byte| (word << 8) | u64::from(*byte)))),
    }
}

/// The bits of a float; one pattern for both zeros and one for every `NaN`.
#[inline]
pub(crate) fn bits(value: f64) -> u64 {
    if value.is_nan() { f64::NAN.to_bits() } else { without_sign_of_zero(value).to_bits() }
}

#[inline]
pub(crate) fn without_sign_of_zero(value: f64) -> f64 {
    value + 0.0
}

/// The hash of a string of bytes, sixteen at a time, each pair of words multiplied to 128 bits and folded.
#[inline]
pub(crate) fn hash_bytes(bytes: &[u8]) -> u64 {
    const SEEDS: [u64; 3] = [0xa076_1d64_78bd_642f, 0xe703_7ed1_a0b4_28db, 0x8ebc_6af0_9c88_c6e3];
    let length = bytes.len() as u64;
    let mut state = SEEDS[0] ^ length;
    let [first, second] = match bytes.len() {
        0..=3 => [short_word(bytes), 0],
        4..=8 => [half_word(bytes, 0), half_word(bytes, bytes.len() - 4)],
        9..=16 => [word(bytes, 0), word(bytes, bytes.len() - 8)],
        _ => {
            let last = bytes.len() - 16;
            for at in (0..last).step_by(16) {
                state = folded(word(bytes, at) ^ SEEDS[1], word(bytes, at + 8) ^ state);
            }
            [word(bytes, last), word(bytes, last + 8)]
        }
    };
    folded(folded(first ^ SEEDS[1], second ^ state) ^ SEEDS[2], SEEDS[1] ^ length)
}

/// The product of two words, its halves laid over each other.
#[inline]
#[expect(clippy::cast_possible_truncation, reason = "the halves are wanted")]
fn folded(a: u64, b: u64) -> u64 {
    let product = u128::from(a) * u128::from(b);
    (product >> 64) as u64 ^ product as u64
}

#[inline]
fn word(bytes: &[u8], at: usize) -> u64 {
    bytes.get(at..).and_then(|rest| rest.first_chunk()).map_or(0, |chunk| u64::from_le_bytes(*chunk))
}

#[inline]
fn half_word(bytes: &[u8], at: usize) -> u64 {
    bytes.get(at..).and_then(|rest| rest.first_chunk()).map_or(0, |chunk| u32::from_le_bytes(*chunk).into())
}

#[inline]
fn short_word(bytes: &[u8]) -> u64 {
    bytes.iter().fold(0, |word, byte| (word << 8) | u64::from(*byte))
}

#[cfg(test)]
mod tests {
    use std::collections::HashSet;

    use super::*;

    #[test]
    fn strings_that_look_alike_have_hashes_of_their_own() {
        let numbered = (0..200_000).flat_map(|n| [n.to_string(), format!("SKU-{n}"), format!("the customer of order number {n}")]);
        let zeros = (0..100).map(|n| "\0".repeat(n));
        let texts: HashSet<String> = numbered.chain(zeros).collect();
        let hashes: HashSet<u64> = texts.iter().map(|text| hash_bytes(text.as_bytes())).collect();
        assert_eq!(hashes.len(), texts.len());
        let buckets: HashSet<u64> = hashes.iter().map(|hash| hash >> 48).collect();
        assert!(buckets.len() > 65_000, "all first bits occur: {}", buckets.len());
    }
}
