//! Which encoding a text is in, by its first bytes.

use encoding_rs::{Encoding, ISO_8859_15, SHIFT_JIS, UTF_8, UTF_16BE, UTF_16LE, WINDOWS_1252};

/// The encoding of a file that begins with `sample`, and the length of its byte order mark.
///
/// A byte order mark decides. Without one, text of every second byte zero is UTF-16, and what is no UTF-8 is
/// Windows-1252, which holds Latin-1.
pub(crate) fn detect(sample: &[u8]) -> (&'static Encoding, usize) {
    if let Some(found) = Encoding::for_bom(sample) {
        return found;
    }
    if let Some(wide) = utf_16_without_mark(sample) {
        return (wide, 0);
    }
    (if is_utf_8_so_far(sample) { UTF_8 } else { WINDOWS_1252 }, 0)
}

/// The encoding that a project names, such as `latin1` or `utf-16`.
pub fn named(label: &str) -> Option<&'static Encoding> {
    Encoding::for_label(label.trim().as_bytes()).or_else(|| written_otherwise(label))
}

/// The encoding of a name that other programs write in another way: `latin-1`, `utf_16_le`, `windows1252`.
fn written_otherwise(label: &str) -> Option<&'static Encoding> {
    let plain: String = label.chars().filter(char::is_ascii_alphanumeric).collect::<String>().to_ascii_lowercase();
    match plain.as_str() {
        "utf8sig" | "utf8bom" => Some(UTF_8),
        "utf16" | "utf16le" => Some(UTF_16LE),
        "utf16be" => Some(UTF_16BE),
        "ansi" => Some(WINDOWS_1252),
        "latin9" => Some(ISO_8859_15),
        "shiftjis" => Some(SHIFT_JIS),
        _ => Encoding::for_label(plain.as_bytes()).or_else(|| {
            let page = ["windows", "win", "cp"].iter().find_map(|word| plain.strip_prefix(*word))?;
            Encoding::for_label(format!("windows-{page}").as_bytes())
        }),
    }
}

/// Whether every character of an encoding takes two bytes or four.
pub fn is_wide(encoding: &'static Encoding) -> bool {
    encoding == UTF_16LE || encoding == UTF_16BE
}

/// Whether the bytes are UTF-8; a character that the end of the sample cuts is no offence. Broken bytes in a text that has more
/// multi-byte characters are offences of their records, not another encoding: in hardly any other one do bytes form so many.
fn is_utf_8_so_far(sample: &[u8]) -> bool {
    let mut rest = sample;
    let (mut good, mut broken) = (0_usize, 0_usize);
    loop {
        match std::str::from_utf8(rest) {
            Ok(text) => {
                good += wide_characters(text.as_bytes());
                break;
            }
            Err(error) => {
                good += wide_characters(rest.get(..error.valid_up_to()).unwrap_or_default());
                let Some(length) = error.error_len() else { break };
                broken += 1;
                rest = rest.get(error.valid_up_to() + length..).unwrap_or_default();
            }
        }
    }
    broken == 0 || good > broken
}

/// How many characters of more than one byte there are, in valid UTF-8.
fn wide_characters(text: &[u8]) -> usize {
    text.iter().filter(|byte| **byte >= 0xC0).count()
}

fn utf_16_without_mark(sample: &[u8]) -> Option<&'static Encoding> {
    let pairs = sample.chunks_exact(2);
    let count = pairs.len();
    let (mut first_zero, mut second_zero) = (0, 0);
    for pair in pairs {
        first_zero += usize::from(pair[0] == 0 && pair[1] != 0);
        second_zero += usize::from(pair[1] == 0 && pair[0] != 0);
    }
    match () {
        () if count >= 2 && second_zero * 10 > count * 6 => Some(UTF_16LE),
        () if count >= 2 && first_zero * 10 > count * 6 => Some(UTF_16BE),
        () => None,
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn encodings_have_the_names_that_people_write() {
        let name = |label: &str| named(label).map(Encoding::name);
        for latin in ["latin-1", "Latin1", "latin_1", "iso-8859-1", "ISO8859_1", "cp1252", "cp-1252", "windows1252", "win-1252", "ansi"] {
            assert_eq!(name(latin), Some("windows-1252"), "{latin}");
        }
        assert_eq!(["utf8", "UTF_8", "utf-8-sig"].map(name), [Some("UTF-8"); 3]);
        assert_eq!(["utf_16_le", "UTF16"].map(name), [Some("UTF-16LE"); 2]);
        assert_eq!(["utf16be", "shift jis"].map(name), [Some("UTF-16BE"), Some("Shift_JIS")]);
        assert_eq!(["windows-1250", "win1250", "latin-2"].map(name), [Some("windows-1250"), Some("windows-1250"), Some("ISO-8859-2")]);
        assert_eq!(["latin-99", "cp850", "", "utf-7"].map(name), [None; 4]);
    }

    #[test]
    fn encodings_are_told_by_their_bytes() {
        let name = |bytes: &[u8]| detect(bytes).0.name();
        assert_eq!(name("café".as_bytes()), "UTF-8");
        assert_eq!(name(b"caf\xe9;1"), "windows-1252");
        assert_eq!(name(b"\xff\xfea\0b\0"), "UTF-16LE");
        assert_eq!(name(b"\0a\0,\0b\0\n"), "UTF-16BE");
        assert_eq!(name(&"é".as_bytes()[..1]), "UTF-8");
        assert_eq!(detect(b"\xef\xbb\xbfid").1, 3);
        assert_eq!(name(format!("{}\u{e9}", "ü".repeat(50)).as_bytes()), "UTF-8");
        assert_eq!(name(&["ü".repeat(50).as_bytes(), b"\xff"].concat()), "UTF-8");
        assert_eq!(name(&["Müller\nZoë\n".as_bytes(), b"Jos\xe9\n"].concat()), "UTF-8");
        assert_eq!(name(b"\xabCAF\xc9\xbb"), "windows-1252");
    }
}
