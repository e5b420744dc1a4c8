//! A shop's raw data, the same for the same seed: orders as monthly CSV files, customers as NDJSON, products as Parquet.
//!
//! The dirt is the blueprint's: 8 % of orders without a customer, 2 % with a negative amount, `status` in many spellings,
//! some order ids twice, malformed e-mail addresses, and customers whose row arrives only with the second delivery.

use std::fmt::Write;
use std::path::Path;

use hw_base::Result;
use hw_engine::{PlainColumn, write_parquet};

use crate::files::{make_folder, write_file};

/// How much data.
#[derive(Clone, Copy, Debug)]
pub(crate) struct Size {
    /// Orders of the first delivery.
    pub(crate) orders: u64,
    /// The seed of every value.
    pub(crate) seed: u64,
}

const MONTHS: u64 = 24;
/// 2024-01-01, in days since 1970.
const FIRST_DAY: i64 = 19_723;
const STATUS: [&str; 4] = ["pending", "shipped", "delivered", "cancelled"];
const FIRST: [&str; 12] = ["ana", "ben", "chloe", "dev", "eli", "fay", "gus", "hana", "ivan", "jo", "kai", "lena"];
const LAST: [&str; 10] = ["smith", "jones", "garcia", "muller", "chen", "patel", "kim", "silva", "novak", "rossi"];
const STREET: [&str; 8] = ["Main St", "Oak Ave", "Pine Rd", "Maple Ln", "Cedar Dr", "Lake Blvd", "Hill St", "Mill Rd"];
const CITY: [&str; 8] = ["Springfield", "Riverton", "Fairview", "Georgetown", "Salem", "Madison", "Clinton", "Bristol"];
const SEGMENT: [&str; 4] = ["consumer", "business", "vip", "reseller"];
const COUNTRY: [&str; 6] = ["US", "GB", "DE", "FR", "JP", "BR"];
const CATEGORY: [&str; 6] = ["books", "toys", "garden", "kitchen", "sports", "audio"];

/// Random numbers that depend on nothing but the seed, the row and what they are for (splitmix64).
#[derive(Clone, Copy)]
struct Dice {
    seed: u64,
    row: u64,
}

impl Dice {
    fn roll(self, purpose: u64) -> u64 {
        let mut x = self.seed.wrapping_mul(0x9e37_79b9_7f4a_7c15)
            ^ self.row.wrapping_mul(0xd1b5_4a32_d192_ed03)
            ^ purpose.wrapping_mul(0x8cb9_2ba7_2f3d_8dd7);
        x = (x ^ (x >> 30)).wrapping_mul(0xbf58_476d_1ce4_e5b9);
        x = (x ^ (x >> 27)).wrapping_mul(0x94d0_49bb_1331_11eb);
        x ^ (x >> 31)
    }

    /// A whole number below `limit`.
    fn below(self, purpose: u64, limit: u64) -> u64 {
        ((u128::from(self.roll(purpose)) * u128::from(limit.max(1))) >> 64) as u64
    }

    /// True in `parts` of a thousand cases.
    fn happens(self, purpose: u64, parts: u64) -> bool {
        self.below(purpose, 1000) < parts
    }

    fn pick(self, purpose: u64, words: &[&'static str]) -> &'static str {
        words[usize::try_from(self.below(purpose, words.len() as u64)).unwrap_or_default()]
    }
}

impl Size {
    fn customers(self) -> u64 {
        (self.orders / 10).max(20)
    }

    fn products(self) -> u64 {
        (self.orders / 1000).max(50)
    }

    fn dice(self, table: u64, row: u64) -> Dice {
        Dice { seed: self.seed.wrapping_mul(31).wrapping_add(table), row }
    }

    /// Customers whose row arrives only with the second delivery.
    fn is_late(self, customer: u64) -> bool {
        self.dice(2, customer).happens(20, 10)
    }
}

/// Writes the first delivery into `folder`.
pub(crate) fn write_landing(folder: &Path, size: Size) -> Result<()> {
    make_folder(&folder.join("orders"))?;
    let months: Vec<u64> = (0..MONTHS).collect();
    let threads = std::thread::available_parallelism().map_or(1, std::num::NonZero::get);
    let written: Vec<Result<()>> = std::thread::scope(|scope| {
        let parts = months
            .chunks(months.len().div_ceil(threads))
            .map(|part| scope.spawn(|| part.iter().try_for_each(|month| write_month(folder, size, *month))));
        parts.collect::<Vec<_>>().into_iter().map(|part| part.join().unwrap_or(Ok(()))).collect()
    });
    written.into_iter().collect::<Result<()>>()?;
    let first: String = (1..=size.customers()).filter(|id| !size.is_late(*id)).map(|id| customer(size, id, 0)).collect();
    write_file(&folder.join("customers/2025-12-31.ndjson"), &first)?;
    write_products(&folder.join("products.parquet"), size)
}

/// Writes the second delivery, a day later: new orders, later versions of old ones, late orders, late and changed customers.
pub(crate) fn deliver_day_two(folder: &Path, size: Size) -> Result<()> {
    let mut text = HEADER.to_owned();
    let new = (size.orders / 200).max(5);
    for row in size.orders..size.orders + new {
        let dice = size.dice(1, row);
        let days_late = if dice.happens(40, 50) { 1 + dice.below(41, 150) } else { 0 };
        order(size, row, day_two() - i64::try_from(days_late).unwrap_or_default(), day_two(), &mut text);
    }
    for row in (0..size.orders).step_by(usize::try_from(size.orders / new.max(1)).unwrap_or(1).max(1)) {
        order(size, row, day_of(size, row), day_two(), &mut text);
    }
    write_file(&folder.join("orders/2026-01-01.csv"), &text)?;
    let changed = (1..=size.customers()).filter(|id| size.is_late(*id) || size.dice(2, *id).happens(21, 5));
    let customers: String = changed.map(|id| customer(size, id, 1)).collect();
    write_file(&folder.join("customers/2026-01-01.ndjson"), &customers)
}

const HEADER: &str = "order_id,customer_id,order_date,total_amount,quantity,status,product_id,shipping_address,email,updated_at\n";

fn day_two() -> i64 {
    FIRST_DAY + 731
}

fn day_of(size: Size, row: u64) -> i64 {
    FIRST_DAY + i64::try_from(row * 731 / size.orders.max(1)).unwrap_or_default()
}

fn month_of(day: i64) -> u64 {
    let date = chrono::DateTime::from_timestamp(day * 86_400, 0).unwrap_or_default();
    let number = |format: &str| date.format(format).to_string().parse::<u64>().unwrap_or_default();
    (number("%Y") - 2024) * 12 + number("%m") - 1
}

fn write_month(folder: &Path, size: Size, month: u64) -> Result<()> {
    let mut text = HEADER.to_owned();
    let guess = size.orders * month / MONTHS;
    let slack = size.orders / MONTHS / 2 + 40;
    let last = (size.orders * (month + 1) / MONTHS + slack).min(size.orders);
    for row in guess.saturating_sub(slack)..last {
        let day = day_of(size, row);
        if month_of(day) == month {
            order(size, row, day, day, &mut text);
            if size.dice(1, row).happens(30, 5) {
                order(size, row, day, day + 1, &mut text);
            }
        }
    }
    write_file(&folder.join(format!("orders/{}-{:02}.csv", 2024 + month / 12, month % 12 + 1)), &text)
}

/// One order as it was on `known`: an order that is known later has gone on.
fn order(size: Size, row: u64, day: i64, known: i64, text: &mut String) {
    let dice = size.dice(1, row);
    let moment = |day: i64, seconds: u64| {
        let at = chrono::DateTime::from_timestamp(day * 86_400 + i64::try_from(seconds).unwrap_or_default(), 0).unwrap_or_default();
        at.format("%Y-%m-%d %H:%M:%S").to_string()
    };
    let customer = 1 + dice.below(1, size.customers());
    let customer_id = if dice.happens(2, 80) { String::new() } else { customer.to_string() };
    let product = 1 + dice.below(3, size.products());
    let quantity = if dice.happens(4, 3) { 0 } else { 1 + dice.below(5, 6) };
    let cents = price_in_cents(size, product) * quantity.max(1);
    let sign = if dice.happens(6, 20) { "-" } else { "" };
    let progress = if known > day { 3.min(dice.below(7, 4) + 1) } else { dice.below(7, 4) };
    let status = spelling(dice, STATUS[usize::try_from(progress).unwrap_or_default()]);
    let address = if dice.happens(8, 120) {
        String::new()
    } else {
        format!("\"{} {}, {} {}\"", 1 + dice.below(9, 9999), dice.pick(10, &STREET), dice.pick(11, &CITY), 10_000 + dice.below(12, 89_999))
    };
    let email = match dice.below(13, 1000) {
        0..30 => format!("{}_at_example.com", dice.pick(14, &FIRST)),
        30..40 => String::new(),
        _ => address_of(size, customer),
    };
    // The later version of an order that comes twice is known an hour later; everything else follows the clock.
    let seconds = dice.below(15, 80_000) + if known > day { 3600 } else { 0 };
    let _ = writeln!(
        text,
        "{},{customer_id},{},{sign}{}.{:02},{quantity},{status},{product},{address},{email},{}",
        row + 1,
        moment(day, dice.below(16, 80_000)),
        cents / 100,
        cents % 100,
        moment(known, seconds)
    );
}

fn spelling(dice: Dice, status: &str) -> String {
    match dice.below(20, 100) {
        0..70 => status.to_owned(),
        70..85 => status.chars().enumerate().map(|(i, c)| if i == 0 { c.to_ascii_uppercase() } else { c }).collect(),
        85..94 => status.to_uppercase(),
        94..99 => format!("{status} "),
        _ => dice.pick(21, &["shiped", "unknown", "RETURNED?", "n/a"]).to_owned(),
    }
}

fn address_of(size: Size, customer: u64) -> String {
    let dice = size.dice(2, customer);
    format!("{}.{}{customer}@example.com", dice.pick(1, &FIRST), dice.pick(2, &LAST))
}

fn price_in_cents(size: Size, product: u64) -> u64 {
    199 + size.dice(3, product).below(1, 20_000)
}

fn customer(size: Size, id: u64, version: u64) -> String {
    let dice = size.dice(2, id);
    let moved = size.dice(20 + version, id);
    let name = |word: &str| word.chars().enumerate().map(|(i, c)| if i == 0 { c.to_ascii_uppercase() } else { c }).collect::<String>();
    let updated = if version == 0 { "2025-12-01T00:00:00" } else { "2026-01-01T06:00:00" };
    format!(
        "{{\"customer_id\":{id},\"name\":\"{} {}\",\"email\":\"{}\",\"segment\":\"{}\",\"city\":\"{}\",\"country\":\"{}\",\"updated_at\":\"{updated}\"}}\n",
        name(dice.pick(1, &FIRST)),
        name(dice.pick(2, &LAST)),
        address_of(size, id),
        moved.pick(5, &SEGMENT),
        moved.pick(6, &CITY),
        dice.pick(7, &COUNTRY),
    )
}

fn write_products(path: &Path, size: Size) -> Result<()> {
    let ids: Vec<u64> = (1..=size.products()).collect();
    let whole = |value: u64| i64::try_from(value).unwrap_or(i64::MAX);
    let columns = [
        ("product_id", PlainColumn::Whole(ids.iter().map(|id| whole(*id)).collect())),
        ("sku", PlainColumn::Text(ids.iter().map(|id| format!("SKU-{}", 100_000 + id)).collect())),
        ("name", PlainColumn::Text(ids.iter().map(|id| format!("Item {id}")).collect())),
        ("category", PlainColumn::Text(ids.iter().map(|id| size.dice(3, *id).pick(2, &CATEGORY).to_owned()).collect())),
        ("unit_price", PlainColumn::Cents(ids.iter().map(|id| whole(price_in_cents(size, *id))).collect())),
    ];
    write_parquet(path, &columns)
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn every_order_is_in_exactly_one_month() {
        let size = Size { orders: 5000, seed: 7 };
        let folder = tempfile::tempdir().unwrap();
        write_landing(folder.path(), size).unwrap();
        let mut ids = std::collections::BTreeMap::new();
        for month in 0..MONTHS {
            let file = folder.path().join(format!("orders/{}-{:02}.csv", 2024 + month / 12, month % 12 + 1));
            for line in std::fs::read_to_string(file).unwrap().lines().skip(1) {
                *ids.entry(line.split(',').next().unwrap().parse::<u64>().unwrap()).or_insert(0) += 1;
            }
        }
        assert_eq!(ids.len(), 5000);
        assert!(ids.values().all(|times| *times <= 2) && ids.values().any(|times| *times == 2));
    }
}
