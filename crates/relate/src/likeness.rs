//! How far the name of a column points at a key of another table.

use crate::words::singular;

/// Names of what is measured or counted.
pub(crate) const MEASURES: &[&str] = &[
    "quantity",
    "qty",
    "amount",
    "price",
    "cost",
    "total",
    "subtotal",
    "tax",
    "count",
    "year",
    "month",
    "day",
    "age",
    "rating",
    "score",
    "level",
    "stock",
    "discount",
    "rate",
    "length",
    "duration",
    "width",
    "height",
    "weight",
    "size",
    "rank",
    "percent",
    "balance",
    "salary",
    "units",
    "milliseconds",
    "bytes",
    "minutes",
    "seconds",
    "hours",
    "points",
    "votes",
];

/// Parts that people play: a column named so refers to a table of people.
const STAFF: &[&str] = &[
    "adviser",
    "advisor",
    "boss",
    "chief",
    "head",
    "leader",
    "mentor",
    "teacher",
    "tutor",
    "rep",
    "representative",
    "manager",
    "agent",
    "salesperson",
    "seller",
    "staff",
    "supervisor",
    "assignee",
    "owner",
    "author",
    "creator",
    "approver",
    "reviewer",
    "employee",
    "user",
    "by",
];

/// Words of the names of tables of people.
const PEOPLE: &[&str] = &[
    "employee",
    "staff",
    "user",
    "person",
    "people",
    "member",
    "contact",
    "instructor",
    "teacher",
    "professor",
    "physician",
    "doctor",
    "clerk",
    "worker",
    "student",
];

/// How far a key is its table's own and not one that the table shares or borrows: `film_id` is that of `film`, less so of
/// `film_category`, and `store_id` is not that of `staff`.
pub(crate) fn home(key_name: &str, table_name: &str) -> f64 {
    const GENERIC: &[&str] =
        &["id", "key", "sk", "code", "name", "uuid", "number", "no", "nr", "pk", "iso", "iata", "symbol", "abbreviation", "title", "email"];
    let stem = GENERIC.iter().find_map(|ending| key_name.strip_suffix(ending)).unwrap_or(key_name);
    match stem {
        "" => 1.0,
        _ if stem == table_name => 1.0,
        _ if table_name.ends_with(stem) || stem.ends_with(table_name) => 0.95,
        _ if table_name.contains(stem) => 0.8,
        _ => 0.3,
    }
}

/// The words of a name as one, each without its plural ending.
pub(crate) fn plain_name(words: &[String]) -> String {
    words.iter().map(|word| singular(word)).collect()
}

/// How far the words of a referring column point at a key: `customer_id` at `customers.id` or `customers.customer_id`, `reports_to` at
/// nothing by name.
pub(crate) fn name_likeness(own: &[String], key: &[String], table: &[String], is_same_table: bool) -> f64 {
    let (own_name, key_name, table_name) = (plain_name(own), plain_name(key), plain_name(table));
    let tail = key.last().map_or("", String::as_str);
    let is_generic = matches!(key_name.as_str(), "id" | "key" | "sk" | "code" | "name" | "uuid" | "no" | "number" | "pk");
    let full = format!("{table_name}{key_name}");
    let home = home(&key_name, &table_name);
    if own_name == full || (!is_generic && own_name == key_name && !is_same_table) {
        return home.max(0.7);
    }
    if home < 0.5 {
        return 0.3 * f64::from(u8::from(own_name.contains(&table_name)));
    }
    if own_name == table_name
        || format!("{own_name}{tail}") == full
        || (!is_generic && own_name.ends_with(&key_name) && !own_name.is_empty())
    {
        return 0.9;
    }
    let stems: Vec<String> = own.iter().map(|word| singular(word)).collect();
    let of_table: Vec<String> = table.iter().map(|word| singular(word)).collect();
    let shared = of_table.iter().filter(|word| stems.contains(word)).count() as f64;
    let same_tail = own.last().is_some_and(|last| last == tail || last.ends_with(tail) && tail.len() > 1);
    let by_table = if of_table.is_empty() { 0.0 } else { shared / of_table.len() as f64 };
    let contained = table_name.len() > 3 && own_name.contains(&table_name)
        || own_name.len() > 3 && table_name.contains(own_name.trim_end_matches("id")) && own_name.trim_end_matches("id").len() > 2;
    let mut likeness = 0.75 * by_table + if contained { 0.3 } else { 0.0 };
    likeness += if same_tail { 0.15 } else { 0.0 };
    let is_staff = table.iter().any(|word| PEOPLE.contains(&singular(word).as_str()));
    if is_staff && own.iter().any(|word| STAFF.contains(&word.as_str())) {
        likeness += 0.6;
    }
    let is_of_one_stem =
        |a: &String, b: &String| a.len() > 3 && b.len() > 3 && a.chars().zip(b.chars()).take_while(|(x, y)| x == y).count() >= 4;
    if likeness < 0.3 && stems.iter().any(|own| of_table.iter().any(|word| is_of_one_stem(own, word))) {
        likeness += 0.3;
    }
    if is_same_table
        && own
            .iter()
            .any(|word| matches!(word.as_str(), "parent" | "report" | "reports" | "supervisor" | "boss" | "predecessor" | "previous"))
    {
        likeness += 0.7;
    }
    likeness.min(0.9)
}
