//! Orders between two columns: `start` is never after `end`.

use std::collections::HashMap;

use super::quantity::{Quantity, unrelated};
use crate::parallel;

/// Fewer rows whose two values differ show no order.
const LEAST_ROWS: u64 = 20;
/// Where unrelated rows hardly ever break the order, its two columns lie apart and the order says nothing: `id <= amount`.
const LEAST_SURPRISE: f64 = 0.05;
/// The greatest share of rows that may break an order which the names tell as well.
const GREATEST_SHARE_OF_NAMED: f64 = 0.1;
/// The same for moments whose names say nothing; numbers without names that tell must keep the order in every row.
const GREATEST_SHARE_OF_MOMENTS: f64 = 0.01;
/// How much rarer violations must be than between unrelated rows.
const GREATEST_SHARE_OF_EXPECTED: f64 = 0.2;
/// Of numbers, the greatest share of those that come as near to the limit as the rows beyond it: of more, it is no limit, and the two merely lie apart.
const GREATEST_SHARE_OF_NEAR: f64 = 0.15;
/// Pairs that are looked at; more would be a table of a thousand columns alike.
const MOST_PAIRS: usize = 50_000;

/// The values of one column are hardly ever greater than those of another.
#[derive(Clone, Debug, PartialEq)]
pub struct Order {
    /// The column with the lesser values.
    pub lesser: usize,
    /// The column with the greater values.
    pub greater: usize,
    /// Rows that hold both values.
    pub rows: u64,
    /// The coded rows whose lesser value is greater.
    pub violations: Vec<usize>,
    /// Whether the names tell the order too: `start` and `end`.
    pub is_named: bool,
    /// Whether the values are moments, and not numbers.
    pub is_time: bool,
}

/// The orders between columns of moments, and between columns of numbers whose names tell that they measure the same.
///
/// An order is told where the rows keep it far better than rows that have nothing to do with each other would.
pub(super) fn orders(quantities: &[Quantity<'_>], rows: usize) -> Vec<Order> {
    let pairs = comparable(quantities).into_iter();
    let likely: Vec<(usize, usize)> = pairs.filter(|(a, b)| is_likely(&quantities[*a], &quantities[*b])).collect();
    let found: Vec<Order> =
        parallel::map(&likely, |(a, b)| counted(&quantities[*a], &quantities[*b], rows)).into_iter().flatten().collect();
    without_implied(&found)
}

/// What columns have in common that can be compared.
#[derive(PartialEq, Eq, Hash)]
enum Topic<'a> {
    Time,
    Money,
    /// One of the families of names, by its place.
    Family(usize),
    Word(&'a str),
}

/// What a column may have in common with others.
fn topics<'a>(quantity: &'a Quantity<'_>) -> Vec<Topic<'a>> {
    if quantity.is_time {
        return vec![Topic::Time];
    }
    if quantity.is_identifier() {
        return Vec::new();
    }
    let words = quantity.words.iter().filter(|word| says_what(word)).map(|word| Topic::Word(word));
    let is_of = |family: &usize| has(quantity, FAMILIES[*family].0) || has(quantity, FAMILIES[*family].1);
    let families = (0..FAMILIES.len()).filter(is_of).map(Topic::Family);
    words.chain(families).chain(has(quantity, MONEY).then_some(Topic::Money)).collect()
}

/// The pairs that can be compared, in the order of the columns. Only columns with something in common are paired: of thousands, most have
/// nothing.
fn comparable(quantities: &[Quantity<'_>]) -> Vec<(usize, usize)> {
    let mut about: HashMap<Topic<'_>, Vec<usize>> = HashMap::new();
    for (at, quantity) in quantities.iter().enumerate() {
        for topic in topics(quantity) {
            about.entry(topic).or_default().push(at);
        }
    }
    let pairs_of = |a: usize| {
        let mut others: Vec<usize> = topics(&quantities[a]).iter().flat_map(|topic| &about[topic]).copied().collect();
        others.sort_unstable();
        others.dedup();
        others.retain(|b| a != *b && can_compare(&quantities[a], &quantities[*b]));
        others.into_iter().map(move |b| (a, b))
    };
    (0..quantities.len()).flat_map(pairs_of).take(MOST_PAIRS).collect()
}

fn can_compare(lesser: &Quantity<'_>, greater: &Quantity<'_>) -> bool {
    match (lesser.is_time, greater.is_time) {
        (true, true) => true,
        (false, false) => !lesser.is_identifier() && !greater.is_identifier() && (is_named(lesser, greater) || are_alike(lesser, greater)),
        _ => false,
    }
}

/// A first look at some rows: the order nearly holds, and unrelated rows break it.
fn is_likely(lesser: &Quantity<'_>, greater: &Quantity<'_>) -> bool {
    let (mut above, mut below) = (0_u32, 0_u32);
    for (a, b) in lesser.sample.iter().zip(&greater.sample) {
        above += u32::from(a > b);
        below += u32::from(a < b);
    }
    let most = most_violations(lesser, greater) * f64::from(above + below) * 1.5 + 2.0;
    f64::from(above) <= most && below > above && surprise(lesser, greater) >= LEAST_SURPRISE
}

/// The share of unrelated rows that break the order.
fn surprise(lesser: &Quantity<'_>, greater: &Quantity<'_>) -> f64 {
    let other = unrelated(greater.sample.len());
    let pairs = || lesser.sample.iter().enumerate().map(|(at, a)| (*a, greater.sample[other(at)]));
    let above = pairs().filter(|(a, b)| a > b).count();
    let compared = pairs().filter(|(a, b)| !a.is_nan() && !b.is_nan()).count();
    above as f64 / compared.max(1) as f64
}

fn most_violations(lesser: &Quantity<'_>, greater: &Quantity<'_>) -> f64 {
    match () {
        () if is_named(lesser, greater) => GREATEST_SHARE_OF_NAMED,
        () if lesser.is_time => GREATEST_SHARE_OF_MOMENTS,
        () => 0.0,
    }
}

/// Counts all rows.
fn counted(lesser: &Quantity<'_>, greater: &Quantity<'_>, rows: usize) -> Option<Order> {
    let (mut both, mut below, mut violations) = (0, 0, Vec::new());
    for row in 0..rows {
        let (a, b) = (lesser.value(row), greater.value(row));
        both += u64::from(!a.is_nan() && !b.is_nan());
        below += u64::from(a < b);
        if a > b {
            violations.push(row);
        }
    }
    let above = violations.len() as f64;
    let different = above + below as f64;
    let is_kept = above <= most_violations(lesser, greater) * different
        && above <= GREATEST_SHARE_OF_EXPECTED * surprise(lesser, greater) * different;
    let is_named = is_named(lesser, greater);
    (below >= LEAST_ROWS && is_kept && is_limit(lesser, greater, &violations, rows)).then_some(Order {
        lesser: lesser.at,
        greater: greater.at,
        rows: both,
        violations,
        is_named,
        is_time: lesser.is_time,
    })
}

/// Whether rows keep on their side of an order, however near they come to it. The mean of a cold day is below the usual low of its month now and then: what
/// merely lies apart leaves few rows near the limit, on either side. Where all lie farther from it than they vary, a row beyond it breaks it, too.
fn is_limit(lesser: &Quantity<'_>, greater: &Quantity<'_>, violations: &[usize], rows: usize) -> bool {
    if lesser.is_time || violations.is_empty() {
        return true;
    }
    let difference = |row: usize| greater.value(row) - lesser.value(row);
    let mut beyond: Vec<f64> = violations.iter().map(|row| -difference(*row)).collect();
    let mut kept: Vec<f64> = (0..rows).map(difference).filter(|difference| *difference >= 0.0).collect();
    beyond.sort_by(f64::total_cmp);
    kept.sort_by(f64::total_cmp);
    let reach = beyond[beyond.len() / 2];
    let near = |differences: &[f64]| differences.partition_point(|difference| *difference <= reach);
    let (tenth, most) = (kept[kept.len() / 10], kept[kept.len() * 9 / 10]);
    near(&beyond) as f64 <= GREATEST_SHARE_OF_NEAR * near(&kept) as f64 || tenth > most - tenth
}

/// Drops `a <= c` where `a <= b` and `b <= c` are told and no row breaks them.
fn without_implied(found: &[Order]) -> Vec<Order> {
    let holds = |lesser: usize, greater: usize| {
        found.iter().any(|order| order.lesser == lesser && order.greater == greater && order.violations.is_empty())
    };
    let is_implied = |order: &Order| found.iter().any(|middle| holds(order.lesser, middle.greater) && holds(middle.greater, order.greater));
    let mut kept: Vec<Order> = found.iter().filter(|order| !is_implied(order)).cloned().collect();
    kept.sort_by_key(|order| (std::cmp::Reverse(order.is_named), order.lesser, order.greater));
    kept
}

/// Words of names that begin something or bound it below, each with words that end it or bound it above.
const FAMILIES: &[(&[&str], &[&str])] = &[
    (
        &[
            "start",
            "started",
            "starts",
            "begin",
            "begins",
            "began",
            "from",
            "since",
            "open",
            "opened",
            "opening",
            "first",
            "departure",
            "departed",
            "checkin",
            "pickup",
            "birth",
            "born",
        ],
        &[
            "end",
            "ended",
            "ends",
            "finish",
            "finished",
            "until",
            "to",
            "thru",
            "through",
            "close",
            "closed",
            "closing",
            "last",
            "arrival",
            "arrived",
            "checkout",
            "dropoff",
            "return",
            "returned",
            "death",
            "died",
            "expiry",
            "expires",
            "expiration",
        ],
    ),
    (
        &[
            "created",
            "create",
            "creation",
            "placed",
            "ordered",
            "order",
            "submitted",
            "requested",
            "registered",
            "signup",
            "issued",
            "issue",
            "invoice",
            "hired",
            "hire",
            "joined",
            "posted",
            "sent",
            "announced",
        ],
        &[
            "updated",
            "modified",
            "changed",
            "shipped",
            "ship",
            "shipping",
            "dispatched",
            "delivered",
            "delivery",
            "received",
            "paid",
            "payment",
            "due",
            "resolved",
            "completed",
            "cancelled",
            "returned",
            "left",
            "terminated",
            "termination",
            "required",
            "closed",
            "processed",
            "deleted",
        ],
    ),
    (&["shipped", "ship", "dispatched", "sent"], &["delivered", "delivery", "received", "arrived"]),
    (
        &["min", "minimum", "low", "lower", "lowest", "least"],
        &["max", "maximum", "high", "higher", "upper", "highest", "greatest", "mean", "avg", "average", "median"],
    ),
    (&["mean", "avg", "average", "median"], &["max", "maximum", "high", "upper", "highest", "greatest"]),
];

/// Whether the names tell the order, in this direction and not in the other.
fn is_named(lesser: &Quantity<'_>, greater: &Quantity<'_>) -> bool {
    let tells = |a: &Quantity<'_>, b: &Quantity<'_>| FAMILIES.iter().any(|(early, late)| has(a, early) && has(b, late));
    tells(lesser, greater) && !tells(greater, lesser)
}

/// Whether a name has a word of a list.
fn has(quantity: &Quantity<'_>, list: &[&str]) -> bool {
    quantity.words.iter().any(|word| list.contains(&word.as_str()))
}

/// Amounts of money, which compare whatever the rest of their names says.
const MONEY: &[&str] =
    &["amount", "price", "total", "subtotal", "cost", "discount", "tax", "vat", "net", "gross", "fee", "paid", "revenue"];

/// Words of names that say nothing.
const SILENT: &[&str] = &["and", "of", "the", "per", "in", "by", "for"];

/// Whether two columns of numbers measure the same kind of thing: they share half of the words of the shorter name, or both are money.
fn are_alike(a: &Quantity<'_>, b: &Quantity<'_>) -> bool {
    let telling = |quantity: &Quantity<'_>| quantity.words.iter().filter(|word| !SILENT.contains(&word.as_str())).count();
    let shared = a.words.iter().filter(|word| says_what(word) && b.words.contains(word)).count();
    (shared > 0 && shared * 2 >= telling(a).min(telling(b))) || (has(a, MONEY) && has(b, MONEY))
}

/// Whether a word of a name says what is measured.
fn says_what(word: &str) -> bool {
    word.len() > 1 && word.bytes().all(|byte| byte.is_ascii_alphabetic()) && !SILENT.contains(&word)
}
