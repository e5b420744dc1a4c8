//! Finding a rule's columns among those of a table, and writing them into SQL.

use hw_base::{Column, ColumnType, identifier, nearest};

/// The column called `name`.
///
/// # Errors
/// Says that there is none, with the nearest name that there is.
pub(crate) fn find<'a>(columns: &'a [Column], name: &str) -> Result<&'a Column, String> {
    columns.iter().find(|column| column.name == name).ok_or_else(|| no_such_column(columns, name))
}

/// Makes sure that all of `names` are columns.
pub(crate) fn find_all<'a>(columns: &'a [Column], names: &[String]) -> Result<Vec<&'a Column>, String> {
    names.iter().map(|name| find(columns, name)).collect()
}

fn no_such_column(columns: &[Column], name: &str) -> String {
    let known = columns.iter().map(|column| column.name.as_str());
    match nearest(name, known.clone()) {
        Some(meant) => format!("there is no column `{name}`; did you mean `{meant}`?"),
        None => format!("there is no column `{name}`; there are: {}", known.collect::<Vec<_>>().join(", ")),
    }
}

/// The column as SQL for text, cast where it holds something else.
pub(crate) fn as_text(column: &Column) -> String {
    let name = identifier(&column.name);
    match column.kind {
        ColumnType::Text => name,
        _ => format!("cast({name} as varchar)"),
    }
}

/// The column as a moment in microseconds. Left to themselves, engines compare a day with a moment in nanoseconds, which end
/// in the year 2262.
pub(crate) fn as_moment(column: &Column) -> String {
    format!("cast({} as timestamp(6))", identifier(&column.name))
}

/// Names as a list in SQL: `order_id, "Line No"`.
pub(crate) fn list(names: &[String]) -> String {
    names.iter().map(|name| identifier(name)).collect::<Vec<_>>().join(", ")
}

/// A condition that all of `names` are there: `a is not null and b is not null`.
pub(crate) fn all_present(names: &[String]) -> String {
    names.iter().map(|name| format!("{} is not null", identifier(name))).collect::<Vec<_>>().join(" and ")
}

/// A condition that one of `names` is there: `a is not null or b is not null`.
pub(crate) fn any_present(names: &[String]) -> String {
    names.iter().map(|name| format!("{} is not null", identifier(name))).collect::<Vec<_>>().join(" or ")
}

/// The column as SQL that compares with `other` by value: a decimal with a float as a float, a day with a moment as a moment.
///
/// # Errors
/// Says that the two do not compare.
pub(crate) fn beside(column: &Column, other: &Column) -> Result<String, String> {
    if family(column.kind) != family(other.kind) {
        return Err(format!(
            "`{}` is {} and `{}` is {}, which do not compare; cast one of them in the model, or use `expression`",
            column.name, column.sql_type, other.name, other.sql_type
        ));
    }
    Ok(match (column.kind, other.kind) {
        (ColumnType::Decimal, ColumnType::Float) => format!("cast({} as double)", identifier(&column.name)),
        (ColumnType::Date, ColumnType::Timestamp) => as_moment(column),
        _ => identifier(&column.name),
    })
}

/// Types that compare with each other.
fn family(kind: ColumnType) -> ColumnType {
    match kind {
        ColumnType::Integer | ColumnType::Decimal | ColumnType::Float => ColumnType::Float,
        ColumnType::Date | ColumnType::Timestamp => ColumnType::Timestamp,
        ColumnType::Boolean | ColumnType::Text | ColumnType::Time | ColumnType::Binary | ColumnType::Other => kind,
    }
}

/// A column of numbers as SQL for floats.
///
/// # Errors
/// Says that `kind` needs numbers.
pub(crate) fn as_double(column: &Column, kind: &str) -> Result<String, String> {
    let name = identifier(&column.name);
    match column.kind {
        ColumnType::Float => Ok(name),
        ColumnType::Integer | ColumnType::Decimal => Ok(format!("cast({name} as double)")),
        _ => Err(format!("`{kind}` needs numbers, and column `{}` is {}", column.name, column.sql_type)),
    }
}

/// SQL that is true for numbers of `column`, which `value` stands for, and neither for `NaN` nor for endless ones; `None` where there are
/// no others.
pub(crate) fn is_finite(column: &Column, value: &str) -> Option<String> {
    (column.kind == ColumnType::Float).then(|| format!("abs({value}) < cast('Infinity' as double)"))
}

/// A column of days or moments as SQL for moments; texts that read as such count.
///
/// # Errors
/// Says that `kind` needs moments.
pub(crate) fn moments_of(column: &Column, kind: &str) -> Result<String, String> {
    match column.kind {
        ColumnType::Date | ColumnType::Timestamp => Ok(as_moment(column)),
        ColumnType::Text => Ok(format!("try_cast(trim({}) as timestamp(6))", identifier(&column.name))),
        _ => Err(format!("`{kind}` needs dates or moments, and column `{}` is {}", column.name, column.sql_type)),
    }
}

/// The beginning of a condition that also finds texts which read as no moment, where `column` holds texts: in no order they have a place.
pub(crate) fn or_unread(column: &Column, moment: &str) -> String {
    if column.kind == ColumnType::Text { format!("{moment} is null or ") } else { String::new() }
}

/// SQL that a user wrote, in parentheses. A comment at its end cannot swallow what follows.
pub(crate) fn in_parentheses(sql: &str) -> String {
    let sql = sql.trim().trim_end_matches(';').trim_end();
    if sql.contains("--") { format!("({sql}\n)") } else { format!("({sql})") }
}

/// The columns whose names occur in `sql`, in the order of the table.
pub(crate) fn mentioned(columns: &[Column], sql: &str) -> Vec<String> {
    let without_text: String = sql.split('\'').step_by(2).collect::<Vec<_>>().join(" ");
    let words: Vec<&str> = without_text.split(|c: char| !(c.is_alphanumeric() || c == '_')).collect();
    let is_mentioned = |column: &&Column| {
        let name = column.name.as_str();
        words.iter().any(|word| word.eq_ignore_ascii_case(name)) || without_text.contains(&format!("\"{name}\""))
    };
    columns.iter().filter(is_mentioned).map(|column| column.name.clone()).collect()
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::testing::columns;

    #[test]
    fn a_missing_column_names_its_neighbour() {
        let table = columns("customer_id bigint, status varchar");
        assert_eq!(find(&table, "custmer_id").unwrap_err(), "there is no column `custmer_id`; did you mean `customer_id`?");
        assert_eq!(find(&table, "zebra").unwrap_err(), "there is no column `zebra`; there are: customer_id, status");
    }

    #[test]
    fn columns_are_found_in_sql_but_not_in_its_texts() {
        let table = columns("a bigint, status varchar, Order No varchar");
        assert_eq!(mentioned(&table, "A > 1 and x = 'status'"), ["a"]);
        assert_eq!(mentioned(&table, "\"Order No\" <> ''"), ["Order No"]);
    }

    #[test]
    fn a_comment_cannot_swallow_the_rest() {
        assert_eq!(in_parentheses(" a > 1; "), "(a > 1)");
        assert_eq!(in_parentheses("a > 1 -- why"), "(a > 1 -- why\n)");
    }
}
