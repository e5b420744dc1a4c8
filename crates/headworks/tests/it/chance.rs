//! Numbers that look random and are the same for the same seed.

/// A generator of them (xorshift64).
pub(crate) struct Chance(pub(crate) u64);

impl Chance {
    /// A number below `bound`.
    pub(crate) fn below(&mut self, bound: usize) -> usize {
        self.0 ^= self.0 << 13;
        self.0 ^= self.0 >> 7;
        self.0 ^= self.0 << 17;
        usize::try_from(self.0 % bound as u64).unwrap()
    }

    /// Whether something happens that happens once in so many times.
    pub(crate) fn hits(&mut self, once_in: usize) -> bool {
        self.below(once_in) == 0
    }

    /// One of several texts.
    pub(crate) fn one<'a>(&mut self, of: &[&'a str]) -> &'a str {
        of[self.below(of.len())]
    }
}
