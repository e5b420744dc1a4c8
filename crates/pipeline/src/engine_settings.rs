//! What the user said about the machine: memory, disk, cores.

use std::num::NonZeroUsize;

use hw_base::{ByteSize, Error, Result};
use schemars::JsonSchema;
use serde::Deserialize;

/// What the engine may use.
#[derive(Clone, Copy, Debug, Deserialize, JsonSchema)]
#[serde(deny_unknown_fields, default)]
pub struct EngineSettings {
    /// Memory of the process, such as `2GiB`; at least `512MiB`.
    #[serde(deserialize_with = "memory")]
    pub memory: ByteSize,
    /// Disk for what does not fit into memory, such as `50GiB`.
    pub disk: ByteSize,
    /// Cores; all of them where it is not given.
    #[serde(deserialize_with = "at_least_one")]
    pub threads: Option<NonZeroUsize>,
    /// Steps that run at the same time, of those that do not wait for each other. Where it is not given, as many as have a GiB of
    /// memory and a core each, up to four.
    #[serde(deserialize_with = "at_least_one")]
    pub parallel: Option<NonZeroUsize>,
}

impl EngineSettings {
    /// How many steps run at the same time.
    pub fn steps_at_once(&self) -> usize {
        let fitting = usize::try_from(self.memory.0 >> 30).unwrap_or(usize::MAX);
        self.parallel.map_or_else(|| fitting.min(self.threads.map_or(4, NonZeroUsize::get)).clamp(1, 4), NonZeroUsize::get)
    }
}

/// The least memory that the process keeps to, measured on wide joins and monthly partitions.
const LEAST_MEMORY: ByteSize = ByteSize(512 << 20);

/// The limit of memory, where it is large enough to work with.
///
/// # Errors
/// HW104 for one that would not be kept.
pub fn sufficient(memory: ByteSize) -> Result<ByteSize> {
    if memory >= LEAST_MEMORY {
        return Ok(memory);
    }
    let help = "a number without a unit counts bytes: write `512MiB` or `2GiB`";
    Err(Error::user(format!("{memory} of memory is not enough to work with: the least is {LEAST_MEMORY}")).code("HW104").help(help))
}

fn memory<'de, D: serde::Deserializer<'de>>(deserializer: D) -> Result<ByteSize, D::Error> {
    let size = ByteSize::deserialize(deserializer)?;
    sufficient(size).map_err(|error| {
        let remedies = error.remedies().iter().map(String::as_str);
        serde::de::Error::custom(std::iter::once(error.message()).chain(remedies).collect::<Vec<_>>().join("; "))
    })
}

fn at_least_one<'de, D: serde::Deserializer<'de>>(deserializer: D) -> Result<Option<NonZeroUsize>, D::Error> {
    let number = usize::deserialize(deserializer)?;
    NonZeroUsize::new(number).map(Some).ok_or_else(|| serde::de::Error::custom("expected at least 1, or nothing for what fits the machine"))
}

impl Default for EngineSettings {
    fn default() -> Self {
        Self { memory: ByteSize(2 << 30), disk: ByteSize(50 << 30), threads: None, parallel: None }
    }
}
