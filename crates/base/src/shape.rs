//! What a piece of text looks like: a number, a date, an e-mail address … by its characters alone.

use serde::{Deserialize, Serialize};

/// What a text looks like. The first that fits, in this order.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Hash, PartialOrd, Ord, Serialize, Deserialize)]
#[serde(rename_all = "snake_case")]
pub enum TextShape {
    /// No characters, or white space only.
    Blank,
    /// `true`, `false`, `yes`, `no`, in any case.
    Boolean,
    /// A whole number without leading zeros, up to 18 digits.
    Integer,
    /// A decimal number with a point.
    Decimal,
    /// `2026-01-31`.
    Date,
    /// `2026-01-31T12:00:00` and its neighbours.
    Timestamp,
    /// `31/01/2026`, `1.31.26` and other dates that are not ISO.
    OtherDate,
    /// A number with leading zeros, separators, a currency or a unit.
    NumberLike,
    /// `a@b.example`.
    Email,
    /// `https://…`.
    Url,
    /// A UUID.
    Uuid,
    /// An IPv4 or IPv6 address.
    IpAddress,
    /// Anything else.
    Other,
}

/// What stands in a text, as bits. Looked at once, it tells that most shapes are impossible.
const DIGIT: u8 = 1;
/// `a` to `f`, which stand in addresses of machines.
const HEX_LETTER: u8 = 2;
const POINT: u8 = 4;
const COLON: u8 = 8;
const AT: u8 = 16;
const SLASH: u8 = 32;
const HYPHEN: u8 = 64;
const OTHER: u8 = 128;

/// What each byte is.
#[expect(clippy::cast_possible_truncation, reason = "ASCII has seven bits")]
const CLASSES: [u8; 256] = {
    let mut classes = [OTHER; 256];
    let mut byte = 0;
    while byte < 128 {
        classes[byte] = match byte as u8 {
            b'0'..=b'9' => DIGIT,
            b'a'..=b'f' | b'A'..=b'F' => HEX_LETTER,
            b'.' => POINT,
            b':' => COLON,
            b'@' => AT,
            b'/' => SLASH,
            b'-' => HYPHEN,
            _ => OTHER,
        };
        byte += 1;
    }
    classes
};

/// What stands in a text.
#[derive(Clone, Copy)]
struct Classes(u8);

impl Classes {
    #[inline]
    fn of(bytes: &[u8]) -> Self {
        Self(bytes.iter().fold(0, |classes, byte| classes | CLASSES[usize::from(*byte)]))
    }

    fn has(self, any: u8) -> bool {
        self.0 & any != 0
    }

    fn has_only(self, these: u8) -> bool {
        self.0 & !these == 0
    }
}

impl TextShape {
    /// The shape of `text`, without its surrounding white space.
    pub fn of(text: &str) -> Self {
        let text = trimmed(text);
        let bytes = text.as_bytes();
        let Some(&first) = bytes.first() else { return Self::Blank };
        if first.is_ascii_digit() || matches!(first, b'-' | b'+' | b'.' | b'$' | b'(') || !first.is_ascii() {
            return Self::of_number_like(text, Classes::of(bytes));
        }
        match text.len() {
            2..=5 if is_boolean(text) => Self::Boolean,
            36 if is_uuid(bytes) => Self::Uuid,
            _ if is_email(bytes) => Self::Email,
            _ => Self::of_address_or_other(text, Classes::of(bytes)),
        }
    }

    fn of_address_or_other(text: &str, classes: Classes) -> Self {
        if classes.has(COLON) && classes.has(SLASH) && is_url(text.as_bytes()) {
            Self::Url
        } else if is_ip_address(text, classes) {
            Self::IpAddress
        } else {
            Self::Other
        }
    }

    fn of_number_like(text: &str, classes: Classes) -> Self {
        let bytes = text.as_bytes();
        let digits = bytes.strip_prefix(b"-").or_else(|| bytes.strip_prefix(b"+")).unwrap_or(bytes);
        if !digits.is_empty() && digits.len() <= 18 && digits.iter().all(u8::is_ascii_digit) {
            return if digits.len() > 1 && digits[0] == b'0' { Self::NumberLike } else { Self::Integer };
        }
        if digits.iter().all(|byte| byte.is_ascii_digit() || matches!(byte, b'.' | b'e' | b'E' | b'+' | b'-')) && is_decimal(digits) {
            return Self::Decimal;
        }
        if is_iso_date(bytes) {
            return match bytes.len() {
                10 => Self::Date,
                _ if matches!(bytes[10], b'T' | b' ') && is_time(&text[11..]) => Self::Timestamp,
                _ => Self::Other,
            };
        }
        match text.len() {
            36 if is_uuid(bytes) => Self::Uuid,
            _ if classes.has(SLASH | POINT | HYPHEN) && is_other_date(text) => Self::OtherDate,
            _ if is_ip_address(text, classes) => Self::IpAddress,
            _ if classes.has(AT) && is_email(bytes) => Self::Email,
            _ if is_number_with_dressing(text) => Self::NumberLike,
            _ => Self::Other,
        }
    }

    /// The word for it.
    pub fn name(self) -> &'static str {
        match self {
            Self::Blank => "blank",
            Self::Boolean => "boolean",
            Self::Integer => "integer",
            Self::Decimal => "decimal",
            Self::Date => "date",
            Self::Timestamp => "timestamp",
            Self::OtherDate => "date in another format",
            Self::NumberLike => "number with leading zeros, separators or a unit",
            Self::Email => "e-mail address",
            Self::Url => "URL",
            Self::Uuid => "UUID",
            Self::IpAddress => "IP address",
            Self::Other => "other text",
        }
    }
}

/// The text without its surrounding white space. Most texts begin and end with a plain character; only the others are looked at closely.
pub fn trimmed(text: &str) -> &str {
    match text.as_bytes() {
        [first, .., last] if first.is_ascii_graphic() && last.is_ascii_graphic() => text,
        _ => text.trim(),
    }
}

/// Whether a character is never seen: control characters but for tab and line ends, marks without a width, and blanks that do not break.
pub fn is_non_printing(c: char) -> bool {
    let is_mark = matches!(c, '\u{a0}' | '\u{ad}' | '\u{200b}'..='\u{200f}' | '\u{202a}'..='\u{202e}' | '\u{2060}'..='\u{206f}');
    is_mark || matches!(c, '\u{feff}' | '\u{fffd}') || (c.is_control() && !matches!(c, '\t' | '\n' | '\r'))
}

fn is_boolean(text: &str) -> bool {
    ["true", "false", "yes", "no"].iter().any(|word| text.eq_ignore_ascii_case(word))
}

fn is_decimal(digits: &[u8]) -> bool {
    let mantissa_end = digits.iter().position(|b| matches!(b, b'e' | b'E')).unwrap_or(digits.len());
    let (mantissa, exponent) = digits.split_at(mantissa_end);
    let points: usize = mantissa.iter().map(|b| usize::from(*b == b'.')).sum();
    let only_digits = mantissa.iter().all(|b| b.is_ascii_digit() || *b == b'.') && mantissa.iter().any(u8::is_ascii_digit);
    let exponent_digits = exponent.get(1..).map(|e| e.strip_prefix(b"-").or_else(|| e.strip_prefix(b"+")).unwrap_or(e));
    let good_exponent = exponent_digits.is_none_or(|e| !e.is_empty() && e.len() <= 3 && e.iter().all(u8::is_ascii_digit));
    let has_leading_zero = mantissa.len() > 1 && mantissa[0] == b'0' && mantissa[1].is_ascii_digit();
    only_digits && good_exponent && points <= 1 && (points == 1 || !exponent.is_empty()) && !has_leading_zero
}

fn two_digits(bytes: &[u8]) -> Option<u32> {
    match bytes {
        [a, b] if a.is_ascii_digit() && b.is_ascii_digit() => Some(u32::from(a - b'0') * 10 + u32::from(b - b'0')),
        _ => None,
    }
}

fn is_iso_date(bytes: &[u8]) -> bool {
    bytes.len() >= 10
        && bytes[..4].iter().all(u8::is_ascii_digit)
        && bytes[4] == b'-'
        && bytes[7] == b'-'
        && two_digits(&bytes[5..7]).is_some_and(|month| (1..=12).contains(&month))
        && two_digits(&bytes[8..10]).is_some_and(|day| (1..=31).contains(&day))
}

fn is_time(text: &str) -> bool {
    let text = text.strip_suffix('Z').unwrap_or(text);
    let (clock, zone) = match text.rfind(['+', '-']) {
        Some(at) => text.split_at(at),
        None => (text, ""),
    };
    let zone_is_good = zone.is_empty() || (zone.len() <= 6 && zone[1..].bytes().all(|b| b.is_ascii_digit() || b == b':'));
    let (clock, fraction) = clock.split_once('.').unwrap_or((clock, "0"));
    let parts: Vec<Option<u32>> = clock.trim().split(':').map(|part| two_digits(part.as_bytes())).collect();
    let limits = [24, 60, 61];
    zone_is_good
        && (2..=3).contains(&parts.len())
        && parts.iter().zip(limits).all(|(part, limit)| part.is_some_and(|value| value < limit))
        && fraction.bytes().all(|b| b.is_ascii_digit())
}

fn is_other_date(text: &str) -> bool {
    let day = text.split([' ', 'T']).next().unwrap_or(text);
    // Three parts of up to four characters and two separators.
    if !(5..=14).contains(&day.len()) {
        return false;
    }
    ['/', '.', '-'].iter().any(|separator| {
        let mut parts = day.split(*separator).map(|part| if part.len() <= 4 { part.parse::<u32>().ok() } else { None });
        match [parts.next(), parts.next(), parts.next(), parts.next()] {
            [Some(Some(a)), Some(Some(b)), Some(Some(c)), None] => {
                let (first, last) = if a > 31 { (c, a) } else { (a, c) };
                (1..=31).contains(&first)
                    && (1..=31).contains(&b)
                    && (first <= 12 || b <= 12)
                    && (last <= 99 || (1800..=2200).contains(&last))
            }
            _ => false,
        }
    })
}

/// Up to three letters beside digits and what stands around them; most other text is told by its first few characters.
fn is_number_with_dressing(text: &str) -> bool {
    let (mut digits, mut letters) = (0, 0);
    for byte in text.bytes() {
        match byte {
            b'0'..=b'9' => digits += 1,
            b',' | b'.' | b' ' | b'\'' | b'_' | b'%' | b'$' | b'+' | b'(' | b')' => {}
            128.. => return is_number_with_any_dressing(text),
            byte if byte.is_ascii_alphabetic() && letters < 3 => letters += 1,
            _ => return false,
        }
    }
    digits > 0
}

/// The same where not all characters are ASCII.
fn is_number_with_any_dressing(text: &str) -> bool {
    let (mut digits, mut letters) = (0, 0);
    for c in text.chars() {
        match c {
            '0'..='9' => digits += 1,
            ',' | '.' | ' ' | '\'' | '_' | '%' | '$' | '€' | '£' | '¥' | '+' | '(' | ')' => {}
            c if c.is_alphabetic() && letters < 3 => letters += 1,
            _ => return false,
        }
    }
    digits > 0
}

/// Whether only characters of an IP address occur; then it is worth reading.
fn is_ip_address(text: &str, classes: Classes) -> bool {
    classes.has(POINT | COLON) && classes.has_only(DIGIT | HEX_LETTER | POINT | COLON) && text.parse::<std::net::IpAddr>().is_ok()
}

/// The part of an e-mail address that a byte may stand in: its name, its domain, or as a dot between the parts of both.
const PARTS_OF_EMAIL: [u8; 256] = {
    let mut parts = [0; 256];
    let mut byte = 0;
    while byte < 128 {
        #[expect(clippy::cast_possible_truncation, reason = "ASCII has seven bits")]
        let own = byte as u8;
        parts[byte] = match own {
            b'.' => OF_NAME | OF_DOMAIN | DOT,
            b'-' => OF_NAME | OF_DOMAIN,
            b'_' | b'%' | b'+' => OF_NAME,
            own if own.is_ascii_alphanumeric() => OF_NAME | OF_DOMAIN,
            _ => 0,
        };
        byte += 1;
    }
    parts
};
const OF_NAME: u8 = 1;
const OF_DOMAIN: u8 = 2;
const DOT: u8 = 4;

/// `a@b.example`: one `@`, a name, and a domain with a dot.
fn is_email(bytes: &[u8]) -> bool {
    let name = bytes.iter().take_while(|byte| PARTS_OF_EMAIL[usize::from(**byte)] & OF_NAME != 0).count();
    name > 0 && bytes[name..].strip_prefix(b"@").is_some_and(is_domain)
}

/// Letters, digits and hyphens between single dots, of which there is one at least.
fn is_domain(domain: &[u8]) -> bool {
    let (mut last, mut has_dot) = (DOT, false);
    for byte in domain {
        let part = PARTS_OF_EMAIL[usize::from(*byte)];
        if part & OF_DOMAIN == 0 || part & last & DOT != 0 {
            return false;
        }
        (last, has_dot) = (part, has_dot || part & DOT != 0);
    }
    has_dot && last & DOT == 0
}

fn is_url(bytes: &[u8]) -> bool {
    let scheme = bytes.iter().take(11).position(|byte| !byte.is_ascii_alphabetic()).unwrap_or(0);
    let rest = bytes[scheme..].strip_prefix(b"://");
    scheme >= 2 && rest.is_some_and(|rest| rest.contains(&b'.') && !rest.contains(&b' '))
}

fn is_uuid(bytes: &[u8]) -> bool {
    bytes.len() == 36
        && bytes.iter().enumerate().all(|(i, b)| if matches!(i, 8 | 13 | 18 | 23) { *b == b'-' } else { b.is_ascii_hexdigit() })
}

/// The character pattern of a text: `A` for upper case, `a` for lower case, `9` for digits, others as they are; runs are
/// written once with `+`: `SKU-1042` → `A+-9+`.
pub fn character_pattern(text: &str) -> String {
    let mut pattern = String::with_capacity(text.len().min(32));
    let mut last = '\0';
    let mut is_run = false;
    for c in text.chars() {
        let class = match c {
            c if c.is_ascii_digit() => '9',
            c if c.is_uppercase() => 'A',
            c if c.is_alphabetic() => 'a',
            c => c,
        };
        if class == last && matches!(class, '9' | 'A' | 'a') {
            if !is_run {
                pattern.push('+');
                is_run = true;
            }
        } else {
            if pattern.len() > 60 {
                pattern.push('…');
                break;
            }
            pattern.push(class);
            last = class;
            is_run = false;
        }
    }
    pattern
}

#[cfg(test)]
mod tests {
    use super::*;

    #[track_caller]
    fn check(shape: TextShape, texts: &[&str]) {
        for text in texts {
            assert_eq!(TextShape::of(text), shape, "{text}");
        }
    }

    #[test]
    fn texts_are_told_by_their_characters() {
        check(TextShape::Blank, &["", "  "]);
        check(TextShape::Boolean, &["true", "No"]);
        check(TextShape::Integer, &["0", "-12", " 42 "]);
        check(TextShape::Decimal, &["1.5", "-0.25", "1e9", ".5"]);
        check(TextShape::Date, &["2026-01-31"]);
        check(TextShape::Timestamp, &["2026-01-31T12:00:00", "2026-01-31 12:00:00.123Z", "2026-01-31T12:00:00+02:00"]);
        check(TextShape::OtherDate, &["31/01/2026", "1.31.26", "2026/01/31"]);
        check(TextShape::NumberLike, &["007", "1,250.00", "$5", "12 kg", "5%", "€ 9"]);
        check(TextShape::Email, &["a.b@c.example", "1a@b.co"]);
        check(TextShape::Url, &["https://a.example/x"]);
        check(TextShape::Uuid, &["123e4567-e89b-12d3-a456-426614174000"]);
        check(TextShape::IpAddress, &["10.0.0.1", "::1"]);
        check(TextShape::Other, &["delivered", "a@b", "12 Main St", "a@.b", "a@b.", "a@b..c", "a@b@c.d", "x://a.b", "12-x"]);
        check(
            TextShape::Other,
            &["2026-01-01\u{feff}id", "31/31/2026", "1/2/3/4", "1234 abcd", "8453 Cedar Dr, Springfield 21517", "http://a b.c", ":"],
        );
        check(TextShape::Url, &["ftp://a.b", "abcdefghij://a.b"]);
    }

    #[test]
    fn patterns_fold_runs() {
        assert_eq!(["SKU-1042", "ab1", "A1B2"].map(character_pattern), ["A+-9+", "a+9", "A9A9"]);
    }
}
