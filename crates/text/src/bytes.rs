//! Files as streams of UTF-8: decompressed and decoded on the way.

use std::fs::File;
use std::io::{self, Read};
use std::path::Path;

use encoding_rs::{Decoder, DecoderResult, Encoding, UTF_8};
use flate2::read::MultiGzDecoder;

use crate::encoding;

/// How many bytes tell encoding, dialect and types.
pub const SAMPLE_BYTES: usize = 1 << 20;
/// How many bytes tell the encoding.
const ENCODING_BYTES: usize = 256 << 10;
/// How many bytes are decoded at a time.
const DECODED_AT_ONCE: usize = 64 << 10;

/// A stream of bytes that can move between threads.
pub(crate) type Bytes = Box<dyn Read + Send>;

/// Opens a file, decompressed where its first bytes say gzip or Zstandard.
pub(crate) fn open(path: &Path) -> io::Result<Box<dyn Read + Send>> {
    let mut file = File::open(path)?;
    let mut magic = Vec::with_capacity(4);
    file.by_ref().take(4).read_to_end(&mut magic)?;
    let whole = io::Cursor::new(magic.clone()).chain(file);
    Ok(match magic[..] {
        [0x1F, 0x8B, ..] => Box::new(MultiGzDecoder::new(io::BufReader::new(whole))),
        [0x28, 0xB5, 0x2F, 0xFD] => Box::new(zstd::Decoder::new(whole)?),
        _ => Box::new(whole),
    })
}

/// The first bytes of a file, decompressed.
pub fn sample(path: &Path, most: usize) -> io::Result<Vec<u8>> {
    let mut sample = Vec::with_capacity(most.min(64 << 10));
    open(path)?.take(most as u64).read_to_end(&mut sample)?;
    Ok(sample)
}

/// The encoding of a file: that of its byte order mark, else the named one, else as its first bytes say.
pub fn encoding_of(sample: &[u8], named: Option<&'static Encoding>) -> (&'static Encoding, usize) {
    let (detected, mark) = encoding::detect(sample.get(..ENCODING_BYTES).unwrap_or(sample));
    match named {
        Some(named) if mark == 0 => (named, 0),
        _ => (detected, mark),
    }
}

/// Opens a file as UTF-8, without its byte order mark. Text in another encoding is decoded; UTF-8 is passed on as it
/// is, so that broken characters can be told apart record by record.
pub(crate) fn open_text(path: &Path, encoding: &'static Encoding, mark: usize) -> io::Result<Bytes> {
    let mut bytes = open(path)?;
    io::copy(&mut bytes.by_ref().take(mark as u64), &mut io::sink())?;
    Ok(decoded(bytes, encoding))
}

/// The text of a sample, in UTF-8.
pub fn decode_sample(sample: &[u8], encoding: &'static Encoding, mark: usize) -> Vec<u8> {
    let rest = sample.get(mark..).unwrap_or_default();
    if encoding == UTF_8 { rest.to_vec() } else { encoding.decode_without_bom_handling(rest).0.into_owned().into_bytes() }
}

fn decoded(bytes: Bytes, encoding: &'static Encoding) -> Bytes {
    if encoding == UTF_8 {
        return bytes;
    }
    let decoder = encoding.new_decoder_without_bom_handling();
    Box::new(Decoding {
        bytes,
        decoder,
        input: vec![0; DECODED_AT_ONCE],
        start: 0,
        end: 0,
        is_at_end: false,
        is_done: false,
        spare: vec![],
    })
}

/// A reader that decodes another one to UTF-8.
struct Decoding {
    bytes: Bytes,
    decoder: Decoder,
    input: Vec<u8>,
    start: usize,
    end: usize,
    is_at_end: bool,
    is_done: bool,
    /// Decoded bytes that did not fit into the caller's buffer.
    spare: Vec<u8>,
}

impl Read for Decoding {
    fn read(&mut self, out: &mut [u8]) -> io::Result<usize> {
        loop {
            if !self.spare.is_empty() {
                return Ok(self.give_spare(out));
            }
            if self.is_done || out.is_empty() {
                return Ok(0);
            }
            if self.start == self.end && !self.is_at_end {
                self.start = 0;
                self.end = self.bytes.read(&mut self.input)?;
                self.is_at_end = self.end == 0;
            }
            self.decode();
        }
    }
}

impl Decoding {
    fn decode(&mut self) {
        let mut decoded = vec![0; DECODED_AT_ONCE];
        let input = self.input.get(self.start..self.end).unwrap_or_default();
        let (result, read, written) = self.decoder.decode_to_utf8_without_replacement(input, &mut decoded, self.is_at_end);
        self.start += read;
        self.is_done = self.is_at_end && result == DecoderResult::InputEmpty;
        decoded.truncate(written);
        if matches!(result, DecoderResult::Malformed(..)) {
            // No UTF-8 has this byte: the record is told apart like one whose UTF-8 is broken.
            decoded.push(0xFF);
        }
        self.spare = decoded;
    }

    fn give_spare(&mut self, out: &mut [u8]) -> usize {
        let length = self.spare.len().min(out.len());
        let rest = self.spare.split_off(length);
        out[..length].copy_from_slice(&self.spare);
        self.spare = rest;
        length
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use encoding_rs::{UTF_16LE, WINDOWS_1252};

    fn read_in_small_steps(bytes: Vec<u8>, encoding: &'static Encoding) -> String {
        let mut reader = decoded(Box::new(io::Cursor::new(bytes)), encoding);
        let (mut text, mut step) = (Vec::new(), [0; 3]);
        loop {
            match reader.read(&mut step).unwrap() {
                0 => return String::from_utf8(text).unwrap(),
                length => text.extend_from_slice(&step[..length]),
            }
        }
    }

    #[test]
    fn other_encodings_become_utf_8() {
        let wide: Vec<u8> = "Zoë €5\r\n".encode_utf16().flat_map(u16::to_le_bytes).collect();
        assert_eq!(read_in_small_steps(wide, UTF_16LE), "Zoë €5\r\n");
        assert_eq!(read_in_small_steps(b"Zo\xeb \x805".to_vec(), WINDOWS_1252), "Zoë €5");
    }

    #[test]
    fn what_an_encoding_does_not_know_stays_broken() {
        let broken = |bytes: &[u8]| {
            let mut text = Vec::new();
            decoded(Box::new(io::Cursor::new(bytes.to_vec())), UTF_16LE).read_to_end(&mut text).unwrap();
            text
        };
        assert_eq!(broken(b"a\0b\0\x0a"), b"ab\xFF");
        assert_eq!(broken(b"a\0\x00\xd8b\0"), b"a\xFFb");
    }
}
