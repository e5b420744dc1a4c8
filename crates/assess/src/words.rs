//! What the name of a column says about its values, and the words that stand for a missing value.

use hw_base::snake_case;

/// The lower-case words of a name: `OrderDate` → `order`, `date`.
pub(crate) fn words(name: &str) -> Vec<String> {
    snake_case(name).split('_').filter(|word| !word.is_empty()).map(Into::into).collect()
}

/// Whether a word of `name` is in `list`.
pub(crate) fn has_word(name: &str, list: &[&str]) -> bool {
    words(name).iter().any(|word| list.contains(&word.as_str()))
}

/// Whether `name` ends like an identifier: `id`, `order_id`, `customerKey`.
pub(crate) fn is_identifier(name: &str) -> bool {
    words(name).last().is_some_and(|word| IDENTIFIER.contains(&word.as_str()))
}

/// Whether a name ends like something that tells rows apart, though it is no identifier: `order_number`, `email`.
pub(crate) fn may_identify(name: &str) -> bool {
    is_identifier(name) || is_email(name) || words(name).last().is_some_and(|word| NUMBERING.contains(&word.as_str()))
}

/// Whether a text is what a test may find instead of a number.
pub(crate) fn is_result(text: &str) -> bool {
    RESULTS.contains(&text.trim().to_lowercase().as_str())
}

/// Whether a name says e-mail address.
pub(crate) fn is_email(name: &str) -> bool {
    let words = words(name);
    let pair = words.windows(2).any(|pair| pair[0] == "e" && pair[1] == "mail");
    pair || words.iter().any(|word| word == "email" || word == "mail")
}

/// `name`, with underscores behind it where it is one of those that are `taken`.
pub(crate) fn free_name<'a>(taken: impl Iterator<Item = &'a str>, name: &str) -> String {
    let taken: Vec<String> = taken.map(str::to_lowercase).collect();
    let mut free = name.to_owned();
    while taken.contains(&free) {
        free.push('_');
    }
    free
}

/// How surely a text stands for a missing value: `None` where it does not.
pub(crate) fn stands_for_missing(text: &str) -> Option<f64> {
    let bare = text.trim();
    let is_one_of = |words: &[&str]| words.iter().any(|word| word.eq_ignore_ascii_case(bare));
    match bare {
        "" => Some(0.95),
        _ if is_one_of(SURELY_MISSING) => Some(0.9),
        _ if is_one_of(MAYBE_MISSING) => Some(0.6),
        _ => None,
    }
}

const IDENTIFIER: &[&str] = &["id", "key", "uuid", "guid", "pk"];
const NUMBERING: &[&str] = &["number", "no", "nr", "num", "sku", "isbn", "iban", "vin", "ref", "reference"];

/// Digits that are no quantity.
pub(crate) const CODE: &[&str] = &[
    "code", "zip", "zipcode", "postal", "postcode", "plz", "sku", "ean", "isbn", "iban", "phone", "mobile", "tel", "fax", "number", "no",
    "ssn",
];

/// What a test finds where it finds no number.
const RESULTS: &[&str] = &[
    "positive",
    "negative",
    "pos",
    "neg",
    "reactive",
    "nonreactive",
    "non-reactive",
    "detected",
    "not detected",
    "normal",
    "abnormal",
    "trace",
    "traces",
    "inf",
    "-inf",
    "infinity",
];

/// Telephone numbers.
pub(crate) const PHONE: &[&str] = &["phone", "mobile", "tel", "telephone", "fax"];

/// Quantities that are hardly ever below zero.
pub(crate) const NEVER_NEGATIVE: &[&str] = &[
    "amount",
    "price",
    "total",
    "quantity",
    "qty",
    "count",
    "age",
    "cost",
    "weight",
    "height",
    "width",
    "length",
    "distance",
    "duration",
    "stock",
    "revenue",
    "sales",
    "fee",
    "salary",
    "income",
    "population",
    "size",
    "units",
    "items",
    "subtotal",
    "paid",
    "rating",
    "seats",
];

/// Quantities that may well be below zero, whatever other words the name has.
pub(crate) const SIGNED: &[&str] = &[
    "balance",
    "change",
    "delta",
    "difference",
    "diff",
    "profit",
    "margin",
    "net",
    "adjustment",
    "refund",
    "return",
    "returns",
    "growth",
    "temperature",
    "latitude",
    "longitude",
    "lat",
    "lon",
    "lng",
    "offset",
    "discount",
    "credit",
    "anomaly",
    "deviation",
    "residual",
    "surplus",
    "altitude",
    "elevation",
];

/// When a row was written or changed.
pub(crate) const CHANGE_TIME: &[&str] =
    &["updated", "update", "modified", "changed", "loaded", "ingested", "inserted", "synced", "extracted", "refreshed"];

/// When something happened.
pub(crate) const EVENT_TIME: &[&str] = &[
    "created",
    "date",
    "time",
    "timestamp",
    "datetime",
    "ts",
    "at",
    "day",
    "occurred",
    "event",
    "placed",
    "ordered",
    "recorded",
    "logged",
    "received",
    "order",
    "signup",
    "registered",
    "paid",
    "sold",
    "purchase",
];

/// Moments that lie ahead or far back by nature.
pub(crate) const OTHER_TIME: &[&str] = &[
    "birth",
    "birthday",
    "birthdate",
    "dob",
    "born",
    "expiry",
    "expires",
    "expiration",
    "expire",
    "due",
    "valid",
    "until",
    "end",
    "ends",
    "start",
    "starts",
    "planned",
    "scheduled",
    "estimated",
    "eta",
    "deadline",
    "hire",
    "hired",
    "founded",
    "renewal",
    "next",
    "target",
    "promised",
    "expected",
    "forecast",
    "delivery",
    "release",
    "death",
    "effective",
    "maturity",
    "appointment",
    "booking",
    "departure",
    "arrival",
];

const SURELY_MISSING: &[&str] =
    &["n/a", "#n/a", "n.a.", "nan", "null", "nil", "<null>", "(null)", "\\n", "missing", "not available", "not applicable", "undefined"];
const MAYBE_MISSING: &[&str] = &[
    "na",
    "none",
    "unknown",
    "-",
    "--",
    "---",
    "?",
    "??",
    "???",
    ".",
    "tbd",
    "tba",
    "unspecified",
    "not specified",
    "xxx",
    "blank",
    "empty",
];

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn names_tell_what_they_hold() {
        assert!(is_identifier("order_id") && is_identifier("customerKey") && !is_identifier("paid"));
        assert!(is_email("e-mail") && is_email("ContactEmail") && !is_email("mailing"));
        assert!(may_identify("order_number") && !may_identify("number_of_items"));
    }

    #[test]
    fn some_words_stand_for_nothing() {
        assert_eq!([" N/A ", "unknown", "", "north"].map(stands_for_missing), [Some(0.9), Some(0.6), Some(0.95), None]);
    }
}
