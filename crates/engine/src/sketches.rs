//! Measurements as bytes: compressed, with what the engine counts beside them.

use std::io::Write;

use datafusion::arrow::datatypes::SchemaRef;
use hw_base::{Error, Result, Sketches};
use hw_measure::Measurement;

use crate::measure::Means;

/// How hard it is compressed: the least, since hashes hardly give way and counts do at once.
const LEVEL: i32 = 1;

/// A measurement and the number of malformed records.
pub(crate) fn written(measurement: &mut Measurement, malformed: u64) -> Result<Sketches> {
    let mut bytes = malformed.to_le_bytes().to_vec();
    bytes.extend(measurement.stored());
    packed(&bytes).map(Sketches).map_err(|error| Error::bug("the measurement cannot be compressed").because(error))
}

/// The bytes compressed, with a checksum: a number that a disk has changed would else be one like all others.
fn packed(bytes: &[u8]) -> std::io::Result<Vec<u8>> {
    let mut encoder = zstd::Encoder::new(Vec::new(), LEVEL)?;
    encoder.include_checksum(true)?;
    encoder.write_all(bytes)?;
    encoder.finish()
}

/// What [`written`] wrote, for rows of `schema`.
pub(crate) fn read(sketches: &Sketches, schema: &SchemaRef, means: &Means) -> Result<(Measurement, u64)> {
    let bytes = zstd::decode_all(&sketches.0[..]).unwrap_or_default();
    let read = bytes.split_first_chunk().and_then(|(malformed, state)| {
        Some((Measurement::resumed(schema, means.memory, means.threads, state)?, u64::from_le_bytes(*malformed)))
    });
    read.ok_or_else(|| Error::user("the stored measurement is damaged, of other columns, or of another version").code("HW404"))
}
