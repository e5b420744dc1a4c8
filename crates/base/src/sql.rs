//! Writing names and values into SQL safely.

/// A name as SQL needs it: bare where that is safe, else in double quotes.
pub fn identifier(name: &str) -> String {
    let plain = name.chars().enumerate().all(|(i, c)| c.is_ascii_lowercase() || c == '_' || (i > 0 && c.is_ascii_digit()));
    if plain && !name.is_empty() && !RESERVED.contains(&name) { name.into() } else { format!("\"{}\"", name.replace('"', "\"\"")) }
}

/// A dotted name, each part written as [`identifier`].
pub fn qualified<'a>(parts: impl IntoIterator<Item = &'a str>) -> String {
    parts.into_iter().map(identifier).collect::<Vec<_>>().join(".")
}

/// The first day of the `year` or `month` that holds a day or moment, or the `day` itself. It works on calendars, not on nanoseconds, which
/// end in 2262.
pub fn first_day(unit: &str, of: &str) -> String {
    let part = |name: &str| format!("date_part('{name}', {of})");
    match unit {
        "year" => format!("make_date({}, 1, 1)", part("year")),
        "month" => format!("make_date({}, {}, 1)", part("year"), part("month")),
        _ => format!("make_date({}, {}, {})", part("year"), part("month"), part("day")),
    }
}

/// A float of a key, which is a `double` or a `real`: both zeros are one value, and so is all that is no number, as where SQL compares them.
pub fn float_of_key(column: &str, sql_type: &str) -> String {
    let own = identifier(column);
    format!("case when {own} = 0 then cast(0 as {sql_type}) when isnan({own}) then cast('NaN' as {sql_type}) else {own} end")
}

/// A text literal with its quotes doubled.
pub fn literal(text: &str) -> String {
    format!("'{}'", text.replace('\'', "''"))
}

/// Words that cannot stand bare where a column or a table can, in any clause, or that mean something else there, as `current_user` does. A test of
/// the engine runs over all words that its parser knows.
const RESERVED: &[&str] = &[
    "all",
    "analyze",
    "and",
    "any",
    "array",
    "as",
    "asc",
    "between",
    "both",
    "by",
    "case",
    "cast",
    "cluster",
    "column",
    "cross",
    "cube",
    "current_catalog",
    "current_date",
    "current_time",
    "current_timestamp",
    "current_user",
    "date",
    "desc",
    "distinct",
    "distribute",
    "else",
    "end",
    "except",
    "exclude",
    "exists",
    "explain",
    "extract",
    "false",
    "fetch",
    "filter",
    "for",
    "from",
    "full",
    "group",
    "having",
    "in",
    "inner",
    "intersect",
    "interval",
    "into",
    "is",
    "join",
    "lateral",
    "leading",
    "left",
    "like",
    "limit",
    "localtime",
    "localtimestamp",
    "minus",
    "natural",
    "not",
    "null",
    "offset",
    "on",
    "or",
    "order",
    "outer",
    "over",
    "partition",
    "primary",
    "qualify",
    "returning",
    "right",
    "rollup",
    "row",
    "rows",
    "select",
    "session_user",
    "set",
    "some",
    "sort",
    "struct",
    "table",
    "then",
    "time",
    "timestamp",
    "to",
    "top",
    "trailing",
    "trim",
    "true",
    "union",
    "unique",
    "unnest",
    "user",
    "using",
    "values",
    "view",
    "when",
    "where",
    "window",
    "with",
];

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn only_names_that_need_quotes_get_them() {
        assert_eq!(
            ["order_id", "Order", "a b", "order", "x\"y"].map(identifier),
            ["order_id", "\"Order\"", "\"a b\"", "\"order\"", "\"x\"\"y\""]
        );
        assert_eq!(
            ["trim", "struct", "cube", "rollup", "returning"].map(identifier).concat(),
            "\"trim\"\"struct\"\"cube\"\"rollup\"\"returning\""
        );
        assert_eq!(["sort", "status"].map(identifier), ["\"sort\"", "status"]);
        assert!(RESERVED.is_sorted());
        assert_eq!(literal("o'clock"), "'o''clock'");
    }
}
