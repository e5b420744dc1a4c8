//! What a column means: the type its values read as, and the role they play.

mod codes;
mod forms;
mod hidden;
mod roles;

pub(crate) use codes::{CODES, Code, wrong_codes};

use hw_base::{ColumnFacts, ColumnType, TableFacts, TextFacts, TextShape};
use serde::Serialize;

use crate::column::{present, shape_count, share_of, telling, telling_texts};
use crate::{checks, words};

/// What a column means.
#[derive(Clone, Debug, PartialEq, Serialize)]
pub struct Meaning {
    /// The type its values read as: `integer`, `date`, `text` …
    pub logical_type: &'static str,
    /// How the type is written, where text hides it: `%d/%m/%Y`.
    pub format: Option<String>,
    /// The role they play: `identifier`, `email`, `measure`, `category` …
    pub semantic_type: &'static str,
    /// How sure the role is, 0 to 1.
    pub semantic_confidence: f64,
}

impl Meaning {
    /// Whether the values tell about a person: names, addresses, accounts.
    pub fn is_personal(&self) -> bool {
        matches!(self.semantic_type, "email" | "phone" | "iban" | "card_number" | "person_name" | "address" | "ip_address")
    }
}

/// What `column` means, told from its type, its name and its values.
pub fn meaning(column: &ColumnFacts, facts: &TableFacts) -> Meaning {
    let hidden = hidden::hidden(column);
    let logical_type = hidden.as_ref().map_or_else(|| logical_type(column), |hidden| hidden.logical_type);
    let (semantic_type, semantic_confidence) = semantic_type(column, facts, logical_type);
    let format = hidden.map(|hidden| hidden.format);
    Meaning { logical_type, format, semantic_type, semantic_confidence: (semantic_confidence * 100.0).round() / 100.0 }
}

/// A form that text can have: what its values look like and what they should be.
#[derive(Clone, Copy, Debug)]
pub(crate) struct Form {
    /// The type in words.
    pub(crate) name: &'static str,
    /// The shapes that have it.
    pub(crate) shapes: &'static [TextShape],
    /// A regular expression for the trimmed text, which matches what has the shapes: the rows that are told are those that it does not match.
    pub(crate) pattern: &'static str,
}

const FORMS: &[Form] = &[
    Form { name: "integer", shapes: &[TextShape::Integer], pattern: "^[-+]?(0|[1-9][0-9]{0,17})$" },
    Form {
        name: "decimal",
        shapes: &[TextShape::Integer, TextShape::Decimal],
        pattern: r"^[-+]?((0|[1-9][0-9]*)[.]?[0-9]*|[.][0-9]+)([eE][-+]?[0-9]{1,3})?$",
    },
    Form { name: "date", shapes: &[TextShape::Date], pattern: DATE_PATTERN },
    Form { name: "timestamp", shapes: &[TextShape::Timestamp], pattern: TIMESTAMP_PATTERN },
    Form {
        name: "date",
        shapes: &[TextShape::Date, TextShape::Timestamp, TextShape::OtherDate],
        pattern: "^[0-9]{1,4}[-/.][0-9]{1,2}[-/.][0-9]{1,4}",
    },
    Form { name: "boolean", shapes: &[TextShape::Boolean], pattern: "^([Tt][Rr][Uu][Ee]|[Ff][Aa][Ll][Ss][Ee]|[Yy][Ee][Ss]|[Nn][Oo])$" },
    Form { name: "email", shapes: &[TextShape::Email], pattern: EMAIL_PATTERN },
    Form { name: "url", shapes: &[TextShape::Url], pattern: "^[A-Za-z]{2,10}://[^ ]*[.][^ ]*$" },
    Form { name: "uuid", shapes: &[TextShape::Uuid], pattern: "^[0-9A-Fa-f]{8}(-[0-9A-Fa-f]{4}){3}-[0-9A-Fa-f]{12}$" },
    Form { name: "ip_address", shapes: &[TextShape::IpAddress], pattern: IP_ADDRESS_PATTERN },
];

/// What a day looks like: no month after the 12th, no day after the 31st.
const DATE_PATTERN: &str = "^[0-9]{4}-(0[1-9]|1[0-2])-(0[1-9]|[12][0-9]|3[01])$";

/// What a day with a time looks like.
const TIMESTAMP_PATTERN: &str = "^[0-9]{4}-(0[1-9]|1[0-2])-(0[1-9]|[12][0-9]|3[01])[T ] *\
     ([01][0-9]|2[0-3]):[0-5][0-9](:([0-5][0-9]|60))? *([.][0-9]*)?([-+][0-9:]{0,5})?Z?$";

/// What an IP address looks like: four numbers up to 255, or up to eight groups of hexadecimal digits.
const IP_ADDRESS_PATTERN: &str = "^(((25[0-5]|2[0-4][0-9]|1[0-9][0-9]|[1-9]?[0-9])[.]){3}(25[0-5]|2[0-4][0-9]|1[0-9][0-9]|[1-9]?[0-9])\
     |[0-9A-Fa-f]{0,4}(:[0-9A-Fa-f]{0,4}){2,7}(([.][0-9]{1,3}){3})?)$";

/// What an e-mail address looks like.
pub(crate) const EMAIL_PATTERN: &str = "^[A-Za-z0-9._%+-]+@[A-Za-z0-9-]+([.][A-Za-z0-9-]+)+$";

/// The narrowest form that at least `least` of the telling values have, with how many do.
pub(crate) fn dominant_form(column: &ColumnFacts, least: f64) -> Option<(&'static Form, u64)> {
    let text = column.text.as_ref()?;
    let all = telling(column, text);
    let counted = FORMS.iter().map(|form| (form, shape_count(text, form.shapes)));
    let candidates = counted.filter(|(_, count)| all > 0 && *count as f64 >= least * all as f64);
    candidates.fold(None, |best, (form, count)| match best {
        Some((_, most)) if most >= count => best,
        _ => Some((form, count)),
    })
}

fn logical_type(column: &ColumnFacts) -> &'static str {
    match column.kind {
        ColumnType::Boolean => "boolean",
        ColumnType::Integer => "integer",
        ColumnType::Decimal => "decimal",
        ColumnType::Float => "float",
        ColumnType::Date => "date",
        ColumnType::Time => "time",
        ColumnType::Timestamp => "timestamp",
        ColumnType::Binary => "binary",
        ColumnType::Other => "other",
        ColumnType::Text => text_type(column),
    }
}

fn text_type(column: &ColumnFacts) -> &'static str {
    match dominant_form(column, 0.9) {
        Some((form, _)) if matches!(form.name, "integer" | "decimal" | "date" | "timestamp" | "boolean") => form.name,
        _ => "text",
    }
}

fn semantic_type(column: &ColumnFacts, facts: &TableFacts, logical_type: &str) -> (&'static str, f64) {
    let name = column.name.as_str();
    match logical_type {
        _ if present(column) == 0 => ("unknown", 0.0),
        "boolean" => ("flag", 0.95),
        "date" => ("date", 0.95),
        "timestamp" => ("timestamp", 0.95),
        "integer" | "decimal" | "float" => number_role(column, facts),
        "text" => text_role(column, facts),
        _ if words::is_identifier(name) => ("identifier", 0.8),
        _ => ("unknown", 0.3),
    }
}

fn number_role(column: &ColumnFacts, facts: &TableFacts) -> (&'static str, f64) {
    let name = column.name.as_str();
    let (low, high) = (column.min.as_f64().unwrap_or(f64::NAN), column.max.as_f64().unwrap_or(f64::NAN));
    let is_whole = matches!(column.kind, ColumnType::Integer | ColumnType::Text);
    let proven = if is_whole { roles::role(column) } else { None };
    match proven.or_else(|| roles::coordinate(name, low, high)) {
        Some(proven) => proven,
        None if words::is_identifier(name) || checks::is_key_like(column, facts) => ("identifier", 0.9),
        None if words::has_word(name, words::PHONE) && high >= 1e6 => ("phone", 0.8),
        None if words::has_word(name, words::CODE) && low.fract().abs() + high.fract().abs() < 1e-9 => ("code", 0.7),
        None if is_whole && words::has_word(name, &["year", "yr", "jahr"]) && low >= 1000.0 && high <= 2200.0 => ("year", 0.95),
        None if is_whole && is_numbering(column, high - low) => ("identifier", 0.7),
        None if words::has_word(name, &["type", "status", "kind", "category", "class", "level", "flag"]) => ("category", 0.8),
        None if words::has_word(name, words::NEVER_NEGATIVE) || words::has_word(name, words::SIGNED) => ("measure", 0.9),
        None => ("measure", 0.6),
    }
}

/// Whether the values number the rows: each another one, with hardly a gap.
fn is_numbering(column: &ColumnFacts, span: f64) -> bool {
    let rows = present(column) as f64;
    column.distinct_is_exact && column.nulls == 0 && rows >= 20.0 && column.distinct == column.rows && span + 1.0 <= rows * 1.1
}

fn text_role(column: &ColumnFacts, facts: &TableFacts) -> (&'static str, f64) {
    let name = column.name.as_str();
    let text = column.text.as_ref();
    match dominant_form(column, 0.9) {
        Some((form, count)) if matches!(form.name, "email" | "url" | "uuid" | "ip_address") => {
            return (form.name, share_of(count, present(column)));
        }
        _ => {}
    }
    match roles::role(column) {
        Some(proven) => proven,
        None if words::is_email(name) => ("email", 0.7),
        None if words::has_word(name, words::PHONE) => ("phone", 0.8),
        None if words::is_identifier(name) || checks::is_key_like(column, facts) => ("identifier", 0.9),
        None if is_category(column) => ("category", 0.85),
        None if words::has_word(name, words::CODE) || text.is_some_and(has_one_pattern) => ("code", 0.7),
        None if are_codes(column) => ("code", 0.6),
        None if text.is_some_and(|text| text.mean_length >= 40.0) => ("free_text", 0.85),
        None if words::has_word(name, &["name", "firstname", "lastname", "surname", "title"]) => ("name", 0.7),
        None if column.distinct.saturating_mul(2) <= present(column) => ("category", 0.6),
        None if text.is_some_and(|text| text.mean_length < 25.0 && is_worded(text)) => ("name", 0.5),
        None => ("free_text", 0.6),
    }
}

/// Whether the values are short and of capitals and digits alone.
fn are_codes(column: &ColumnFacts) -> bool {
    let texts = telling_texts(column);
    let is_code =
        |text: &str| (2..=12).contains(&text.len()) && text.bytes().all(|byte| byte.is_ascii_uppercase() || byte.is_ascii_digit());
    texts.len() >= 5 && texts.iter().all(|(text, _)| is_code(text))
}

/// Whether most values are one or two words.
fn is_worded(text: &TextFacts) -> bool {
    let all: u64 = text.patterns.iter().map(|pattern| pattern.count).sum();
    let is_short = |pattern: &str| pattern.matches(' ').count() <= 1;
    let short: u64 = text.patterns.iter().filter(|pattern| is_short(&pattern.pattern)).map(|pattern| pattern.count).sum();
    all > 0 && short.saturating_mul(2) > all
}

/// Whether few values occur again and again.
pub(crate) fn is_category(column: &ColumnFacts) -> bool {
    let present = present(column);
    column.distinct > 0 && column.distinct <= 200 && present >= 20 && column.distinct.saturating_mul(10) <= present
}

/// Whether nearly all values have one pattern that holds digits.
fn has_one_pattern(text: &TextFacts) -> bool {
    let all: u64 = text.patterns.iter().map(|pattern| pattern.count).sum();
    text.patterns.first().is_some_and(|first| first.pattern.contains('9') && first.count as f64 >= 0.9 * all as f64)
}
