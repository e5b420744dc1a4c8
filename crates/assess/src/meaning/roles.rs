//! Roles that values and names prove together.

use hw_base::{ColumnFacts, ColumnType};

use super::{codes, forms};
use crate::column::telling_texts;
use crate::words;

/// Tells whether a value fits.
type Fits = fn(&str) -> bool;

/// A role that values can play.
struct Role {
    name: &'static str,
    /// Words that the name of the column has.
    words: &'static [&'static str],
    /// Words that speak against it.
    unless: &'static [&'static str],
    /// Whether a value can play it, once the name says so.
    may_be: Fits,
    /// What some of the values must show besides.
    shows: Option<Fits>,
    /// How sure it is where both name and values say so.
    named: f64,
    /// Whether a value proves it without the name, and how sure it is then.
    alone: Option<(Fits, f64)>,
}

const NOBODY: &[&str] = &[
    "product",
    "company",
    "file",
    "city",
    "country",
    "event",
    "team",
    "brand",
    "table",
    "column",
    "host",
    "item",
    "category",
    "school",
    "hospital",
    "restaurant",
    "station",
    "state",
    "county",
    "game",
    "movie",
    "beer",
    "brewery",
    "journal",
    "organization",
    "organisation",
    "class",
    "type",
    "project",
    "domain",
    "model",
];

const ROLES: &[Role] = &[
    Role {
        name: "iban",
        words: &["iban"],
        unless: &[],
        may_be: forms::is_iban,
        shows: None,
        named: 0.99,
        alone: Some((forms::is_iban, 0.99)),
    },
    Role {
        name: "card_number",
        words: &["card", "creditcard", "pan", "cc"],
        unless: &["id", "type"],
        may_be: forms::is_card_number,
        shows: None,
        named: 0.99,
        alone: Some((forms::is_card_number, 0.95)),
    },
    Role {
        name: "phone",
        words: words::PHONE,
        unless: &[],
        may_be: has_phone_digits,
        shows: None,
        named: 0.95,
        alone: Some((forms::is_phone, 0.85)),
    },
    Role {
        name: "postcode",
        words: &["zip", "zipcode", "postal", "postcode", "plz", "postalcode", "eircode", "pincode", "postleitzahl"],
        unless: &[],
        may_be: forms::may_be_postcode,
        shows: None,
        named: 0.95,
        alone: Some((forms::is_distinct_postcode, 0.85)),
    },
    Role {
        name: "country_code",
        words: &["country", "nation", "nationality", "iso", "iso2", "iso3", "cc"],
        unless: &["state"],
        may_be: codes::is_country,
        shows: None,
        named: 0.97,
        alone: Some((forms::is_country_code, 0.85)),
    },
    Role {
        name: "currency_code",
        words: &["currency", "ccy", "curr"],
        unless: &[],
        may_be: codes::is_currency,
        shows: None,
        named: 0.98,
        alone: Some((forms::is_currency_code, 0.85)),
    },
    Role {
        name: "address",
        words: &["address", "street", "addr", "adresse", "strasse", "addressline"],
        unless: &["email", "mail", "ip", "mac", "web", "url"],
        may_be: is_some_text,
        shows: None,
        named: 0.85,
        alone: Some((forms::is_address, 0.85)),
    },
    Role {
        name: "person_name",
        words: &["firstname", "lastname", "middlename", "givenname", "familyname", "surname", "forename", "fullname", "fname", "lname"],
        unless: &[],
        may_be: forms::is_name_part,
        shows: None,
        named: 0.95,
        alone: None,
    },
    Role {
        name: "person_name",
        words: &[
            "name",
            "customer",
            "employee",
            "author",
            "contact",
            "person",
            "patient",
            "owner",
            "manager",
            "passenger",
            "student",
            "teacher",
        ],
        unless: NOBODY,
        may_be: forms::is_person_name,
        shows: Some(forms::has_given_name),
        named: 0.85,
        alone: None,
    },
];

/// Share of the frequent values that must play a role that the name says.
const LEAST_NAMED: f64 = 0.75;
/// Share of the frequent values that must show what a role shows.
const LEAST_SHOWN: f64 = 0.1;
/// Share of the frequent values that must prove a role by themselves.
const LEAST_ALONE: f64 = 0.95;
/// Distinct values that are enough to prove a role by themselves.
const FEWEST: usize = 5;

/// The role that values and name prove most surely; `None` where they prove none.
pub(super) fn role(column: &ColumnFacts) -> Option<(&'static str, f64)> {
    let own: Vec<String>;
    let values: Vec<&str> = if column.kind == ColumnType::Integer {
        own = column.top_values.iter().map(|top| top.value.to_string()).collect();
        own.iter().map(String::as_str).collect()
    } else {
        telling_texts(column).into_iter().map(|(text, _)| text.trim()).collect()
    };
    if values.is_empty() {
        return None;
    }
    let judged = ROLES.iter().filter_map(|role| Some((role.name, role.confidence(&column.name, &values)?)));
    let best = judged.fold(None, |best: Option<(&'static str, f64)>, next| match best {
        Some(best) if best.1 >= next.1 => Some(best),
        _ => Some(next),
    });
    best.or_else(|| names_by_themselves(&values))
}

impl Role {
    fn confidence(&self, name: &str, values: &[&str]) -> Option<f64> {
        let share_of = |fits: fn(&str) -> bool| values.iter().filter(|value| fits(value)).count() as f64 / values.len() as f64;
        if says(name, self.unless) {
            return None;
        }
        if says(name, self.words) {
            let may_be = share_of(self.may_be);
            if may_be >= LEAST_NAMED && self.shows.is_none_or(|shows| share_of(shows) >= LEAST_SHOWN) {
                return Some(self.named * may_be);
            }
        }
        let (proves, sure) = self.alone.filter(|_| values.len() >= FEWEST)?;
        let (mut disproved, count) = (0.0, values.len() as f64);
        for _ in values.iter().filter(|value| !proves(value)) {
            disproved += 1.0;
            // Most columns play no role, and a few of their values show it.
            if disproved > (1.0 - LEAST_ALONE) * count {
                return None;
            }
        }
        let share = 1.0 - disproved / count;
        (share >= LEAST_ALONE).then_some(sure * share)
    }
}

/// Whether a word of `name`, or two words in one, is in `list`: `first_name` says `firstname`.
fn says(name: &str, list: &[&str]) -> bool {
    let words = words::words(name);
    words.iter().any(|word| list.contains(&word.as_str())) || words.windows(2).any(|pair| list.contains(&pair.concat().as_str()))
}

/// Names of people give themselves away by the given names among them.
fn names_by_themselves(values: &[&str]) -> Option<(&'static str, f64)> {
    let share_of = |fits: fn(&str) -> bool| values.iter().filter(|value| fits(value)).count() as f64 / values.len() as f64;
    let is_sure = values.len() >= 10 && share_of(forms::is_person_name) >= 0.9 && share_of(forms::has_given_name) >= 0.3;
    is_sure.then_some(("person_name", 0.75))
}

/// Whether a column of this name can hold latitudes or longitudes between `low` and `high`.
pub(super) fn coordinate(name: &str, low: f64, high: f64) -> Option<(&'static str, f64)> {
    let is_within = |limit: f64| low >= -limit && high <= limit;
    match () {
        () if words::has_word(name, &["delta", "change", "diff"]) => None,
        () if words::has_word(name, &["lat", "latitude"]) && is_within(90.0) => Some(("latitude", 0.97)),
        () if words::has_word(name, &["lon", "lng", "longitude"]) && is_within(180.0) => Some(("longitude", 0.97)),
        () => None,
    }
}

fn has_phone_digits(text: &str) -> bool {
    let digits = text.bytes().filter(u8::is_ascii_digit).count();
    let letters = text.chars().filter(|c| c.is_alphabetic()).count();
    (6..=17).contains(&digits) && letters <= 3
}

fn is_some_text(text: &str) -> bool {
    text.chars().filter(|c| c.is_alphabetic()).count() >= 3
}
