//! Files of text records: how their bytes become text, text becomes records, records become cells and cells become
//! typed columns. CSV and JSON share all of it but the step from a record to its cells.
//!
//! Bytes are never trusted: what cannot be read as a record becomes a malformed row that says why, with its line.

mod bytes;
mod cells;
mod columns;
mod delimited;
mod dialect;
mod encoding;
pub mod infer;
mod json;
pub mod loose;
mod objects;
mod rows;
mod scan;
mod split;
pub mod types;
mod unreadable;
pub mod values;

pub use bytes::{SAMPLE_BYTES, decode_sample, encoding_of, sample};
pub use cells::{Cell, Cells, ChunkText, Cursor, Record, RecordFile, malformed};
pub use delimited::DelimitedFile;
pub use dialect::{Dialect, KnownDialect, KnownFields, Quote, line_end};
pub use encoding::{is_wide, named as encoding_named};
pub use json::JsonFile;
pub use rows::{HIDDEN, Projection};
pub use split::{CHUNK_BYTES, Chunk, Marks, Splitter};
pub use unreadable::unreadable;

#[cfg(test)]
mod tests;
