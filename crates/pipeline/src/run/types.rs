//! Whether the values of one type of column are values of another, by the names of the types.

/// The most digits of a decimal.
const MOST_DIGITS: u32 = 38;

/// Types of numbers.
#[derive(Clone, Copy, PartialEq)]
enum Number {
    /// Digits in all, and behind the point.
    Exact(u32, u32),
    Real,
    Double,
}

/// What becomes of a column of a raw copy when values of a type arrive.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(super) enum Fit {
    /// The column holds them.
    Fits,
    /// The column is cast to their type first, which holds what is there.
    Widens,
    /// Neither type holds the values of the other.
    Clashes,
}

/// How values of type `arriving` go into a column of type `known`. Types that have no short name always fit here; the engine
/// knows better.
pub(super) fn fit(arriving: &str, known: &str) -> Fit {
    let (arriving, known) = (plain(arriving), plain(known));
    if arriving == known || !is_compared(arriving) || !is_compared(known) || holds(known, arriving) {
        return Fit::Fits;
    }
    // Who declares text or `double` wants it for what is there as well.
    let is_asked_for = arriving == "text" || (arriving == "double" && number(known).is_some());
    if is_asked_for || holds(arriving, known) { Fit::Widens } else { Fit::Clashes }
}

/// Whether two names are those of one type.
pub(crate) fn is_same_type(first: &str, second: &str) -> bool {
    plain(first) == plain(second)
}

/// Whether whoever reads a column of type `before` can read it as `after`: an exact number with as many places, whatever its digits, or
/// a type that holds every value of the other. Types that have no short name are taken to.
pub(crate) fn reads_on(before: &str, after: &str) -> bool {
    let (before, after) = (plain(before), plain(after));
    match (number(before), number(after)) {
        (Some(Number::Exact(_, had)), Some(Number::Exact(_, has))) => has >= had,
        _ => before == after || !is_compared(before) || !is_compared(after) || holds(after, before),
    }
}

/// Whether a raw copy takes type `after` for a wider one of `before`, because values of it arrive or somebody declares it.
pub(crate) fn widens(before: &str, after: &str) -> bool {
    fit(after, before) == Fit::Widens
}

/// Whether a column of an unchanged model may go from one type to the other because of what the model reads: wider as in a raw copy, from one kind
/// of numbers to another, and from texts to what the source now says that they are.
pub(crate) fn follows_inputs(before: &str, after: &str) -> bool {
    let is_number = |name: &str| number(plain(name)).is_some();
    widens(before, after) || plain(before) == "text" || (is_number(before) && is_number(after))
}

/// A type that holds the values of two; text holds those of all.
pub(super) fn common(first: &str, second: &str) -> String {
    match (number(plain(first)), number(plain(second))) {
        (Some(Number::Exact(digits, places)), Some(Number::Exact(other_digits, other_places))) => {
            let (whole, places) =
                ((digits - places.min(digits)).max(other_digits - other_places.min(other_digits)), places.max(other_places));
            if whole + places <= MOST_DIGITS { format!("decimal({},{places})", whole + places) } else { "text".into() }
        }
        _ => "text".into(),
    }
}

fn plain(name: &str) -> &str {
    match name {
        "varchar" | "string" => "text",
        "timestamp with time zone" => "timestamptz",
        other => other,
    }
}

fn is_compared(name: &str) -> bool {
    number(name).is_some() || matches!(name, "text" | "boolean" | "date" | "timestamp" | "timestamptz")
}

fn number(name: &str) -> Option<Number> {
    Some(match name {
        "tinyint" => Number::Exact(3, 0),
        "smallint" => Number::Exact(5, 0),
        "int" => Number::Exact(10, 0),
        "bigint" => Number::Exact(19, 0),
        "real" => Number::Real,
        "double" => Number::Double,
        _ => {
            let (digits, places) = name.strip_prefix("decimal(")?.strip_suffix(')')?.split_once(',')?;
            Number::Exact(digits.trim().parse().ok()?, places.trim().parse().ok()?)
        }
    })
}

/// Whether every value of `small` is one of `large`.
fn holds(large: &str, small: &str) -> bool {
    let is_whole = |name: &str| matches!(name, "tinyint" | "smallint" | "int" | "bigint");
    match (number(large), number(small)) {
        (Some(Number::Exact(..)), Some(Number::Exact(..))) if is_whole(large) && !is_whole(small) => false,
        (Some(Number::Exact(digits, places)), Some(Number::Exact(own_digits, own_places))) => {
            places >= own_places && digits.saturating_sub(places) >= own_digits.saturating_sub(own_places)
        }
        (Some(Number::Double), Some(Number::Real)) => true,
        (Some(Number::Double), Some(Number::Exact(..))) => matches!(small, "tinyint" | "smallint" | "int"),
        _ => (large, small) == ("timestamp", "date"),
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn two_types_have_one_that_holds_both() {
        assert_eq!(common("decimal(12,2)", "bigint"), "decimal(21,2)");
        assert_eq!(common("decimal(38,0)", "decimal(12,2)"), "text");
        assert_eq!(common("date", "bigint"), "text");
    }

    #[test]
    fn what_a_raw_copy_widens_is_told_from_what_would_be_lost() {
        assert!(widens("bigint", "text") && widens("bigint", "double") && !reads_on("bigint", "text"));
        assert!(!widens("text", "bigint") && !widens("bigint", "int"));
        assert!(follows_inputs("double", "decimal(16,6)") && follows_inputs("varchar", "bigint") && follows_inputs("date", "timestamp"));
        assert!(!follows_inputs("timestamp", "date") && !follows_inputs("bigint", "date"));
    }

    #[test]
    fn a_type_fits_widens_or_clashes() {
        let cases = [
            ("int", "bigint", Fit::Fits),
            ("bigint", "int", Fit::Widens),
            ("decimal(12,3)", "decimal(11,2)", Fit::Widens),
            ("decimal(12,3)", "decimal(12,2)", Fit::Clashes),
            ("decimal(21,2)", "bigint", Fit::Widens),
            ("double", "int", Fit::Widens),
            ("double", "bigint", Fit::Widens),
            ("int", "double", Fit::Fits),
            ("timestamp", "date", Fit::Widens),
            ("timestamp with time zone", "timestamp", Fit::Clashes),
            ("varchar", "text", Fit::Fits),
            ("text", "bigint", Fit::Widens),
            ("bigint", "text", Fit::Clashes),
            ("int[]", "list(int)", Fit::Fits),
            ("time", "text", Fit::Fits),
        ];
        for (arriving, known, expected) in cases {
            assert_eq!(fit(arriving, known), expected, "{arriving} into {known}");
        }
    }
}
