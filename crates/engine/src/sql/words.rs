//! The engine's own texts in words for people: what is wrong with a SELECT, where in it, and what to do.

use hw_base::Error;

use crate::sql::formats::NOT_READ;
use crate::sql::memberships::{TIED, TIED_AGGREGATE};
use crate::sql::place::Mark;

/// An engine's text, understood.
#[derive(Debug)]
pub(crate) struct Told {
    /// The error, still without its place.
    pub(crate) error: Error,
    /// What to look for in the SQL.
    pub(crate) mark: Mark,
}

/// Says in plain words what a text of the engine about some SQL means. A text that nobody has met yet is at least freed of the engine's
/// prefixes and names of types.
pub(crate) fn told(text: &str, sql: &str) -> Told {
    let line = plain(text);
    let known = [functions, values, listed, operators, queries];
    let found = columns(&line, sql).or_else(|| known.iter().find_map(|topic| topic(&line)));
    found.unwrap_or_else(|| Told { error: wrong(sql_types(&line)), mark: Mark::None })
}

fn wrong(message: impl Into<String>) -> Error {
    Error::user(message).code("HW301")
}

#[expect(clippy::unnecessary_wraps, reason = "every topic ends with it, and answers with an option")]
fn at(mark: Mark, message: impl Into<String>, help: impl Into<String>) -> Option<Told> {
    Some(Told { error: wrong(message).help(help), mark })
}

/// Columns: named twice, neither grouped nor aggregated, of a table that is not there.
fn columns(line: &str, sql: &str) -> Option<Told> {
    if let Some(rest) = after(line, "Projections require unique expression names but the expression ") {
        let expression = between(rest, "\"", "\" at position")?;
        let name = as_written(last_name(&without_casts(expression)), &[with_plain_names(sql)]);
        let Told { error, mark } = at_twice(&name)?;
        let is_cast = rest.contains("CAST(");
        return Some(Told { error: if is_cast { error.because("a cast has the name of what it casts") } else { error }, mark });
    }
    if let Some(rest) = after(line, "duplicate unqualified field name ").or_else(|| after(line, "duplicate qualified field name ")) {
        let name = as_written(last_name(rest.trim_end_matches('.')), &[with_plain_names(sql)]);
        let Told { error, mark } = at_twice(&name)?;
        // What is taken together has a name of its own, whatever the SELECT calls it.
        let help = "where they differ in a cast alone, cast before: `from (select cast(… as …) as … from …)`";
        return Some(Told { error: if name.contains('(') { error.help(help) } else { error }, mark });
    }
    if let Some(rest) = after(line, "Duplicate field name (case-insensitive): ") {
        return at_twice(rest.trim_matches('\''));
    }
    if line.contains("must appear in the GROUP BY clause") || line.contains("Column in SELECT must be in GROUP BY") {
        let name = last_name(between(line, "column \"", "\"")?);
        let help = format!("add it to GROUP BY, or say which of its values is meant: `max({name})`");
        return at(Mark::Word(name.into()), format!("column `{name}` is neither grouped nor aggregated"), help);
    }
    if let Some(name) = between(line, "Unsupported compound identifier '", "'") {
        let error = Error::user(format!("`{name}` has too many parts to be a table")).code("HW302");
        let error = match name.replacen(".raw.", ".", 1) {
            shorter if shorter != name && shorter.split('.').count() <= 3 => error.help(format!("did you mean `{shorter}`?")),
            _ => error.help("a model is read by its name (`fact_orders`), a dataset behind its source (`shop.orders`)"),
        };
        return Some(Told { error, mark: Mark::Word(name.into()) });
    }
    if let Some(parts) = after(line, "compound identifier: [").or_else(|| after(line, "could not parse compound identifier from [")) {
        let name = parts.trim_end_matches(']').replace("\", \"", ".").replace('"', "");
        let help = "a column is read by its name, or behind the name or the alias of its table (`o.amount`); a part of it is taken by `o.address['city']`";
        return at(Mark::Word(name.clone()), format!("`{name}` has too many parts to be a column"), help);
    }
    let name = after(line, "Invalid qualifier ")?;
    let help = "use the name or the alias that stands in FROM";
    at(Mark::Word(name.into()), format!("`{name}` is no table of this SELECT"), help)
}

fn at_twice(name: &str) -> Option<Told> {
    let help = "give one of them another name with `as`";
    at(Mark::LastWord(name.into()), format!("two columns of the SELECT are named `{name}`"), help)
}

/// Functions that need `over (…)`.
const WINDOW_FUNCTIONS: [&str; 9] = ["row_number", "rank", "dense_rank", "percent_rank", "cume_dist", "ntile", "lag", "lead", "nth_value"];

/// Functions: unknown ones, and arguments that they do not take.
fn functions(line: &str) -> Option<Told> {
    if let Some(rest) = after(line, "Invalid function '") {
        let name = rest.split('\'').next()?;
        let error = wrong(format!("there is no function `{name}`"));
        let error = match rest.split_once("Did you mean '").and_then(|(_, meant)| meant.split('\'').next()) {
            _ if WINDOW_FUNCTIONS.contains(&name) => error.help(format!("it looks at other rows: write `{name}(…) over (order by …)`")),
            Some(meant) if hw_base::nearest(name, [meant]).is_some() => error.help(format!("did you mean `{meant}`?")),
            _ => error,
        };
        return Some(Told { error, mark: Mark::Call(name.into()) });
    }
    if let Some(name) = between(line, "table function '", "' not found") {
        let help = "files are read through a source: `sources: { shop: { csv: { path: … } } }` in headworks.yaml";
        return at(Mark::Call(name.into()), format!("there is no table function `{name}`"), help);
    }
    if let Some(unit) = between(line, "granularity: '", "'") {
        let known = after(line, "Supported values are: ").unwrap_or("day, month, year");
        return at(Mark::Text(unit.into()), format!("`date_trunc` knows no unit `{unit}`"), format!("known: {known}"));
    }
    if let Some(format) = between(line, NOT_READ, "`") {
        let message = format!("`to_char` cannot read the format `{format}`, and would give it back as it is");
        let help = "name the parts of a moment by `%`: `'%Y-%m-%d %H:%M:%S'`; `YYYY`, `MM`, `DD`, `HH24`, `MI` and `SS` are read as well";
        return at(Mark::Text(format.into()), message, help);
    }
    if let Some(told) = uncoerced(line) {
        return Some(told);
    }
    let name = between(line, "Function '", "'")?;
    let (message, help) = match (between(line, "argument types '", "'"), after(line, "(DataType: ").and_then(in_parentheses)) {
        (Some(call), found) if found.is_none() || !line.contains("requires numbers") => {
            let types = call.strip_prefix(name).unwrap_or(call);
            let types = sql_types(types.trim_matches(['(', ')']));
            let message = if types.is_empty() {
                format!("the function `{name}` needs arguments")
            } else {
                format!("the function `{name}` cannot be given {types}")
            };
            (message, "look at the number of its arguments, or cast them".to_owned())
        }
        (_, Some(found)) => {
            let found = sql_types(found);
            (format!("the function `{name}` cannot be given {found}"), format!("cast the argument: `{name}(cast(… as double))`"))
        }
        _ => (sql_types(line), "look at its arguments".to_owned()),
    };
    at(Mark::Call(name.to_lowercase()), message, help)
}

/// Arguments of which none of the lists fits that a function takes.
fn uncoerced(line: &str) -> Option<Told> {
    let name = between(line, "Failed to coerce arguments to satisfy a call to '", "' function")?;
    let types = between(line, &format!("argument types '{name}("), ")'").map(sql_types).unwrap_or_default();
    let help = match name {
        "string_agg" if !types.contains(',') => "say what stands between the texts: `string_agg(…, ', ' order by …)`",
        _ => "look at the number of its arguments, or cast them",
    };
    at(Mark::Call(name.into()), format!("the function `{name}` cannot be given {types}"), help)
}

/// Values that do not fit a type.
fn values(line: &str) -> Option<Told> {
    if line.to_lowercase().contains("divide by zero") {
        return at(Mark::Division, "a number is divided by zero", "divide by `nullif(…, 0)`: the result is null there");
    }
    let text = between(line, "Cannot cast string '", "' to value of ")
        .and_then(|text| Some((text, after(line, "to value of ")?.trim_end_matches(" type"))));
    let moment = || between(line, "Error parsing timestamp from '", "'").map(|text| (text, "timestamp"));
    if let Some((text, found)) = text.or_else(moment) {
        let found = sql_types(found);
        let found = if found.starts_with("decimal") { "decimal".to_owned() } else { found };
        let help = format!("`try_cast(… as {found})` gives null for such a text; or compare with a text: `cast(… as text)`");
        return at(Mark::Conversion(text.into()), format!("the text `{text}` is no {found}"), help);
    }
    if let Some(rest) = after(line, "Casting from ").or_else(|| after(line, "Unsupported CAST from ")) {
        let (from, to) = rest.split_once(" to ")?;
        let (from, to) = (sql_types(from), sql_types(to.trim_end_matches(" not supported")));
        return at(
            Mark::Conversion(String::new()),
            format!("{from} cannot be cast to {to}"),
            "compare or compute a value of that type first",
        );
    }
    if line.contains("Overflow in AvgAccumulator") {
        let message = "a mean has more than the 38 digits of a decimal: behind the point it has four more than its values";
        return at(Mark::None, message, "take it of floats: `avg(cast(… as double))`");
    }
    let too_large = ["verflow happened on", "rithmetic overflow", "is too large to store", "Can't cast value", "out of range"];
    if too_large.iter().any(|words| line.contains(words)) {
        let told = wrong("a number does not fit into its type").because(sql_types(line));
        return Some(Told {
            error: told.help("cast what it is computed of to a type with room for it first, such as `decimal(38,2)` or `double`"),
            mark: Mark::None,
        });
    }
    line.contains("egular expression did not compile").then(|| Told {
        error: wrong("a regular expression of the SELECT cannot be read")
            .help("a character such as `(` or `*` that stands for itself needs `\\` before it"),
        mark: Mark::None,
    })
}

/// Rows of `values` that do not go together. The engine counts them from 0.
fn listed(line: &str) -> Option<Told> {
    let next = |number: &str| number.parse::<usize>().ok().map(|number| number + 1);
    let values = || Mark::Word("values".into());
    if let Some(rest) = after(line, "Inconsistent data type across values list at row ") {
        let (row, column) = (next(rest.split_once(' ')?.0)?, next(between(rest, " column ", ".")?)?);
        let (before, found) = after(rest, "Was ")?.split_once(" but found ")?;
        let (before, found) = (sql_types(before), sql_types(found));
        let message = format!("column {column} of `values` is {before} at first and {found} in row {row}");
        return at(values(), message, "cast its values to one type, such as `date '2026-01-31'` or `cast(… as text)`");
    }
    let rest = after(line, "Inconsistent data length across values list: got ")?;
    let (found, row) = (rest.split_once(' ')?.0, next(between(rest, " in row ", " but")?)?);
    let expected = after(rest, "expected ")?;
    let message = format!("row {row} of `values` has another number of values than the first: {found} and {expected}");
    at(values(), message, "give every row as many values; `null` is one that is not known")
}

/// Operators between types that do not go together.
fn operators(line: &str) -> Option<Told> {
    if let Some(found) = after(line, "Unary operator 'NOT' requires a boolean expression, got ") {
        let help = "compare it with something: `… > 0`, `… is not null`";
        return at(Mark::None, format!("what should be true or false is {}", sql_types(found)), help);
    }
    let arithmetic = between(line, "Cannot coerce arithmetic expression ", " to valid types");
    let of_time = || between(line, "Cannot get result type for temporal operation ", ": ");
    let comparison = || after(line, "Cannot infer common argument type for comparison operation ");
    let expression = sql_types(arithmetic.or_else(of_time).or_else(comparison)?);
    let help = if ["interval", "duration"].iter().any(|kind| expression.contains(kind)) {
        "multiply one interval by one whole number, `3 * interval '90 minutes'`, or take the seconds of what is compared or computed of: `extract(epoch from …)`"
    } else {
        "cast one side to the type of the other: `cast(… as double)`"
    };
    at(Mark::None, format!("`{expression}`: these types do not go together"), help)
}

const TIED_NOT_IN: &str = "a subquery that is tied to the row around it does not tell whether `not in` holds where there are nulls";
const NOT_EXISTS: &str = "write `not exists (select 1 from … where … = …)`, which takes a null for no value at all";

/// What the engine says of subqueries that it does not take, what that means, and what helps.
const SUBQUERIES: [(&str, &str, &str); 9] = [
    (
        "does not support logical expression ScalarSubquery",
        "a subquery that stands for one value can be tied to the row around it by `=` alone",
        "join its table instead, and group by the key of the row: `left join … on … group by …`",
    ),
    (
        "does not support logical expression Exists",
        "a subquery that is asked whether it has a row stands in a condition (`where`), not among the columns",
        "join what it returns, each once, and ask whether it was found: `left join (select distinct …) as found on …`",
    ),
    (
        "does not support logical expression InSubquery",
        "`in` with a subquery stands in a condition (`where`), not among the columns",
        "join what it returns, each once, and ask whether it was found: `left join (select distinct …) as found on …`",
    ),
    (
        "does not support logical expression OuterReferenceColumn",
        "a subquery that is tied to the row around it has no limit and no union of its own",
        "number its rows (`row_number() over (partition by … order by …)`), and join those that have the first numbers",
    ),
    (
        "Correlated scalar subquery must be aggregated",
        "a subquery that stands for one value may return several rows",
        "let it return one for each row around it, whatever the rows are: `max(…)`",
    ),
    ("null_aware anti join only supports single column", TIED_NOT_IN, NOT_EXISTS),
    (TIED, TIED_NOT_IN, NOT_EXISTS),
    (
        TIED_AGGREGATE,
        "what an aggregate comes to is left out of a subquery that is tied to the row around it",
        "leave none out, and compare what it comes to: `(select count(*) from … where … = …) > 1`",
    ),
    (
        "The subquery should only return one column",
        "a subquery returns several columns where one is expected",
        "let it return one; several are compared by `exists (select 1 from … where … = … and … = …)`",
    ),
];

/// Queries as a whole.
fn queries(line: &str) -> Option<Told> {
    if let Some((_, message, help)) = SUBQUERIES.iter().find(|(words, ..)| line.contains(words)) {
        return at(Mark::Subquery, *message, *help);
    }
    if let Some(kind) = ["Semi", "Anti"].into_iter().find(|kind| line.contains(&format!("Unsupported JOIN operator {kind}"))) {
        let kind = kind.to_lowercase();
        let help = format!("write `left {kind} join`");
        return at(Mark::Word(kind.clone()), format!("`{kind} join` does not say the rows of which side it keeps"), help);
    }
    if line.contains("Aggregate ORDER BY is not implemented for window functions") {
        let help = "say the order behind `over`: `over (order by …)`";
        return at(Mark::Word("over".into()), "an aggregate with `over` has no order of its own", help);
    }
    if line.contains("Aggregate functions are not allowed in the WHERE clause") {
        return at(Mark::Word("where".into()), "WHERE holds an aggregate", "filter groups with `having`, after `group by`");
    }
    if line.contains("Scalar subquery returned more than one row") {
        let help = "let it return one: `max(…)` or `limit 1`; or ask whether a value is among them: `in (select …)`";
        return at(Mark::Subquery, "a subquery that stands for one value returned several rows", help);
    }
    if line.contains("UNION queries have different number of columns") {
        let help = "let every SELECT return the same columns in the same order; `null as name` fills a gap";
        return at(Mark::Word("union".into()), "the SELECTs of a UNION return different numbers of columns", help);
    }
    if line.contains("There is only support Literal types for field") {
        let help = "for another value where there is no such row: `coalesce(lag(…) over (…), …)`";
        return at(Mark::Word("over".into()), "behind its first argument a window function takes constants alone", help);
    }
    if line.contains("Conflicting ordering requirements") {
        let help = "take one of them in a SELECT of its own, in a subquery, and join it";
        return at(Mark::None, "aggregates of one SELECT look at their rows in different orders", help);
    }
    if line.contains("does not support logical expression WindowFunction") {
        let help = "compute it in a subquery, and take its column: `from (select …, … over (…) as name from …)`";
        return at(Mark::Word("over".into()), "a function with `over` stands where its rows are not there yet, such as in GROUP BY", help);
    }
    if line.contains("invalid digit found in string") {
        let help = "write `order by 2` for the second column of the SELECT, or the name of a column";
        return at(Mark::LastWord("order".into()), "ORDER BY holds a number that is no whole one", help);
    }
    if let Some(rest) = after(line, "Order by column out of bounds, specified: ") {
        let (place, columns) = rest.split_once(", max: ")?;
        let message = format!("ORDER BY holds {place}, and the SELECT has no column of that number");
        return at(Mark::LastWord("order".into()), message, format!("the last column has the number {columns}"));
    }
    if line.contains("Cannot access field at argument") {
        let help = "where a table around a subquery is called like a column inside of it, give that table another alias";
        return at(Mark::None, "a name behind a dot was taken for a part of a column that has no parts", help);
    }
    line.contains("LIMIT must be >= 0").then_some(())?;
    at(Mark::LastWord("limit".into()), "LIMIT is negative", "give the number of rows, or leave it out")
}

/// The text without the engine's prefixes, in one line.
fn plain(text: &str) -> String {
    const PREFIXES: [&str; 13] = [
        "Error during planning: ",
        "Execution error: ",
        "Arrow error: ",
        "External error: ",
        "Optimizer rule ",
        "Internal error: ",
        "Cast error: ",
        "Parser error: ",
        "Compute error: ",
        "Schema error: ",
        "Invalid argument error: ",
        "type_coercion",
        "caused by",
    ];
    let lines = text.lines().map(str::trim).filter(|line| !line.is_empty());
    let mut plain = lines.take_while(|line| !line.starts_with("This issue was likely caused by a bug")).collect::<Vec<_>>().join(" ");
    while let Some(prefix) = PREFIXES.iter().find(|prefix| plain.starts_with(**prefix)) {
        plain = plain[prefix.len()..].trim_start().to_owned();
    }
    plain.trim_end_matches('.').to_owned()
}

/// The text with the types in SQL's words.
fn sql_types(text: &str) -> String {
    const WORDS: [(&str, &str); 25] = [
        ("Utf8View", "text"),
        ("LargeUtf8", "text"),
        ("Utf8", "text"),
        ("UInt64", "bigint unsigned"),
        ("UInt32", "int unsigned"),
        ("UInt16", "smallint unsigned"),
        ("UInt8", "tinyint unsigned"),
        ("Int64", "bigint"),
        ("Int32", "int"),
        ("Int16", "smallint"),
        ("Int8", "tinyint"),
        ("Float64", "double"),
        ("Float32", "real"),
        ("Decimal256", "decimal"),
        ("Decimal128", "decimal"),
        ("Decimal64", "decimal"),
        ("Decimal32", "decimal"),
        ("Date32", "date"),
        ("Boolean", "boolean"),
        ("Timestamp(Nanosecond, None)", "timestamp"),
        ("Timestamp(Microsecond, None)", "timestamp"),
        ("Timestamp(ns)", "timestamp"),
        ("Timestamp(µs)", "timestamp"),
        ("Interval(MonthDayNano)", "interval"),
        ("Duration(µs)", "duration"),
    ];
    WORDS.iter().fold(text.to_owned(), |text, (engine, sql)| with_word(&text, engine, sql))
}

/// The text with another word wherever this one stands by itself: a name that somebody gave may hold it.
fn with_word(text: &str, word: &str, other: &str) -> String {
    let is_part = |c: char| c.is_alphanumeric() || c == '_';
    let (mut changed, mut rest) = (String::with_capacity(text.len()), text);
    while let Some(at) = rest.find(word) {
        let (before, behind) = (&rest[..at], &rest[at + word.len()..]);
        let is_inside = behind.starts_with(is_part) || before.ends_with(is_part) || (before.is_empty() && changed.ends_with(is_part));
        changed.push_str(before);
        changed.push_str(if is_inside { word } else { other });
        rest = behind;
    }
    changed + rest
}

/// The name of a column without its table, of `shop.orders.id` and of `amount AS id`.
fn last_name(expression: &str) -> &str {
    let alias = expression.rsplit(" AS ").next().unwrap_or(expression);
    let is_computed = alias.contains('(') || OPERATORS.iter().any(|operator| alias.contains(operator));
    let name = if is_computed { alias } else { alias.rsplit('.').next().unwrap_or(alias) };
    name.trim_matches('"')
}

/// An expression without its casts, which are no part of the name that the engine gives it.
fn without_casts(expression: &str) -> String {
    let Some((before, inside)) = expression.split_once("CAST(") else { return expression.to_owned() };
    let Some(cast) = in_parentheses(inside) else { return expression.to_owned() };
    let value = cast.rsplit_once(" AS ").map_or(cast, |(value, _)| value);
    without_casts(&format!("{}{value}{}", before.trim_end_matches("TRY_"), &inside[cast.len() + 1..]))
}

/// The text behind a parenthesis up to the one that closes it.
fn in_parentheses(behind: &str) -> Option<&str> {
    let mut depth = 1;
    let end = behind.find(|c: char| {
        depth += i32::from(c == '(') - i32::from(c == ')');
        depth == 0
    });
    Some(&behind[..end?])
}

/// Signs of an expression that is more than the name of a column, as the engine writes them.
const OPERATORS: [&str; 6] = [" + ", " - ", " * ", " / ", " % ", " || "];

/// An expression with its constants as they are written in SQL: `min(1)` for the engine's `min(Int64(1))`. What stands in one of the texts that
/// were given is left as it is.
pub(crate) fn as_written<S: AsRef<str>>(expression: &str, given: &[S]) -> String {
    let is_given = |words: &str| given.iter().any(|given| given.as_ref().contains(words));
    let (mut written, mut rest) = (String::with_capacity(expression.len()), expression);
    while let Some(first) = rest.chars().next() {
        let is_inside_a_word = written.ends_with(|c: char| c.is_alphanumeric() || c == '_');
        let made = constant(rest).filter(|(_, behind)| !is_inside_a_word && !is_given(&rest[..rest.len() - behind.len()]));
        if let Some((value, behind)) = made {
            written.push_str(&value);
            rest = behind;
        } else {
            written.push(first);
            rest = &rest[first.len_utf8()..];
        }
    }
    written
}

/// SQL in which a quote inside of a name stands once, as in the name.
pub(crate) fn with_plain_names(sql: &str) -> String {
    sql.replace("\"\"", "\"")
}

/// The constant that the engine's words for an expression begin with, as SQL writes it, and what stands behind it.
pub(crate) fn constant(words: &str) -> Option<(String, &str)> {
    const PLAIN: [&str; 4] = ["Int64(", "UInt64(", "Float64(", "Boolean("];
    if let Some(text) = words.strip_prefix("Utf8(\"") {
        return text.split_once("\")").map(|(text, behind)| (format!("'{text}'"), behind));
    }
    let (value, behind) = PLAIN.iter().find_map(|kind| words.strip_prefix(kind))?.split_once(')')?;
    let is_value = value.parse::<f64>().is_ok() || ["true", "false", "NULL"].contains(&value);
    // A float without a point would be another constant.
    let is_cut = words.starts_with("Float64(") && value.bytes().all(|byte| byte.is_ascii_digit() || byte == b'-');
    is_value.then(|| (if is_cut { format!("{value}.0") } else { value.to_owned() }, behind))
}

fn after<'a>(text: &'a str, words: &str) -> Option<&'a str> {
    text.split_once(words).map(|(_, rest)| rest)
}

fn between<'a>(text: &'a str, before: &str, behind: &str) -> Option<&'a str> {
    after(text, before)?.split_once(behind).map(|(inner, _)| inner)
}

#[cfg(test)]
mod tests {
    use super::*;

    #[track_caller]
    fn check(text: &str, message: &str, help: &str) {
        let told = told(text, "").error;
        assert_eq!(told.message(), message);
        assert!(help.is_empty() || told.remedies().iter().any(|remedy| remedy.contains(help)), "{told}");
    }

    #[test]
    fn expressions_are_told_as_they_are_written() {
        let twice = |expression: &str, sql: &str| {
            let text = format!(
                "Projections require unique expression names but the expression \"{expression}\" at position 0 and \"x\" at position 1"
            );
            told(&text, sql).error.message().to_owned()
        };
        assert_eq!(twice("Float64(1.5)", ""), "two columns of the SELECT are named `1.5`");
        assert_eq!(twice("t.a + Int64(1)", ""), "two columns of the SELECT are named `t.a + 1`");
        assert_eq!(twice("upper(Utf8(\"x.y\"))", ""), "two columns of the SELECT are named `upper('x.y')`");
        assert_eq!(as_written("min(Int64(1)) + MyInt64(2)", &[""; 0]), "min(1) + MyInt64(2)");
        assert_eq!(twice("CAST(shop.orders.a AS Int32)", ""), "two columns of the SELECT are named `a`");
        assert_eq!(twice("sum(TRY_CAST(CAST(t.a AS Decimal128(10, 2)) AS Int8))", ""), "two columns of the SELECT are named `sum(t.a)`");
        assert_eq!(twice("CAST(t.a AS Int32) + Int64(1) AS b", ""), "two columns of the SELECT are named `b`");
    }

    #[test]
    fn names_of_too_many_parts_are_told() {
        let of_table =
            |name: &str| format!("Error during planning: Unsupported compound identifier '{name}'. Expected 1, 2 or 3 parts, got 4");
        check(&of_table("a.b.c.d"), "`a.b.c.d` has too many parts to be a table", "behind its source");
        check(&of_table("quarantine.raw.s.t"), "`quarantine.raw.s.t` has too many parts to be a table", "did you mean `quarantine.s.t`?");
        check("compound identifier: [\"a\", \"b\", \"c\", \"d\", \"e\"]", "`a.b.c.d.e` has too many parts to be a column", "`o.amount`");
    }

    #[test]
    fn names_that_somebody_gave_stay() {
        let text = |name: &str| format!("Projections require unique expression names but the expression \"t.a AS {name}\" at position 0");
        let twice = |name: &str, sql: &str| told(&text(name), sql).error.message().to_owned();
        let named = "two columns of the SELECT are named";
        assert_eq!(twice("Int64(3)", "select a as \"Int64(3)\", b as \"Int64(3)\" from t"), format!("{named} `Int64(3)`"));
        assert_eq!(twice("Utf8(\"x\")", "select a as \"Utf8(\"\"x\"\")\", b from t"), format!("{named} `Utf8(\"x\")`"));
        assert_eq!(as_written("sum(t.Int64(3) + Int64(4))", &["Int64(3)"]), "sum(t.Int64(3) + 4)");
        assert_eq!(sql_types("Int64_total is Int64, not Utf8View or MyInt64"), "Int64_total is bigint, not text or MyInt64");
    }

    #[test]
    fn what_helps_is_told_of_conflicts() {
        check(
            "Physical plan does not support logical expression ScalarSubquery(<subquery>)",
            "a subquery that stands for one value can be tied to the row around it by `=` alone",
            "left join",
        );
        check(
            "Schema contains duplicate unqualified field name \"max(t.d)\"",
            "two columns of the SELECT are named `max(t.d)`",
            "cast before",
        );
        check(
            "Conflicting ordering requirements in aggregate functions is not supported",
            "aggregates of one SELECT look at their rows in different orders",
            "in a SELECT of its own",
        );
        check(
            "Execution error: Function 'sum' user-defined coercion failed with: Error during planning: Function 'sum' requires numbers, but received others (DataType: Utf8View) No function matches the given name and argument types 'sum(Utf8View)'.",
            "the function `sum` cannot be given text",
            "cast the argument",
        );
    }

    #[test]
    fn what_stands_in_a_wrong_place_is_told() {
        check(
            "Physical plan does not support logical expression WindowFunction(WindowFunction { fun: WindowUDF(WindowUDF {",
            "a function with `over` stands where its rows are not there yet, such as in GROUP BY",
            "in a subquery",
        );
        check("Error during planning: invalid digit found in string", "ORDER BY holds a number that is no whole one", "order by 2");
        check(
            "Order by column out of bounds, specified: 5, max: 2",
            "ORDER BY holds 5, and the SELECT has no column of that number",
            "the number 2",
        );
        check(
            "Failed to coerce arguments to satisfy a call to 'string_agg' function: coercion from Utf8View to the signature OneOf([Exact([Utf8, Utf8])]) failed. No function matches the given name and argument types 'string_agg(Utf8View)'.",
            "the function `string_agg` cannot be given text",
            "between the texts",
        );
        check(
            "Cannot access field at argument 1: type Int64 is not Struct, Map, or Null",
            "a name behind a dot was taken for a part of a column that has no parts",
            "another alias",
        );
    }

    #[test]
    fn the_texts_of_the_engine_become_sentences() {
        check(
            "Error during planning: Internal error: Function 'sum' failed to match any signature, errors: Error during planning: Function 'sum' requires Decimal, but received String (DataType: Utf8View).",
            "the function `sum` cannot be given text",
            "cast the argument",
        );
        check(
            "Error during planning: Function 'upper' expects 1 arguments but received 2. No function matches the given name and argument types 'upper(Int64, Int64)'. You might need to add explicit type casts.",
            "the function `upper` cannot be given bigint, bigint",
            "number of its arguments",
        );
        check("Arrow error: Divide by zero error", "a number is divided by zero", "nullif");
        check(
            "Execution error: Arithmetic Overflow in AvgAccumulator",
            "a mean has more than the 38 digits of a decimal: behind the point it has four more than its values",
            "avg(cast(… as double))",
        );
        check(
            "Arrow error: Cast error: Cannot cast string 'open' to value of Int64 type",
            "the text `open` is no bigint",
            "try_cast(… as bigint)",
        );
        check("Cast error: Casting from Decimal128(18, 2) to Boolean not supported", "decimal(18, 2) cannot be cast to boolean", "");
        check(
            "Projections require unique expression names but the expression \"shop.orders.order_id\" at position 0 and \"amount AS order_id\" at position 1 have the same name.",
            "two columns of the SELECT are named `order_id`",
            "with `as`",
        );
        check(
            "Cannot coerce arithmetic expression Utf8View + Int64 to valid types",
            "`text + bigint`: these types do not go together",
            "cast",
        );
        check(
            "Error during planning: Cannot get result type for temporal operation Interval(MonthDayNano) * Float64: Invalid argument error: Invalid interval arithmetic operation: Interval(MonthDayNano) * Interval(MonthDayNano)",
            "`interval * double`: these types do not go together",
            "extract(epoch from …)",
        );
        check(
            "Function 'sum' requires numbers, but received others (DataType: Timestamp(µs))",
            "the function `sum` cannot be given timestamp",
            "cast the argument",
        );
        check(
            "Error during planning: Inconsistent data type across values list at row 1 column 0. Was Utf8 but found Date32",
            "column 1 of `values` is text at first and date in row 2",
            "to one type",
        );
        check(
            "Error during planning: Inconsistent data length across values list: got 1 values in row 1 but expected 2",
            "row 2 of `values` has another number of values than the first: 1 and 2",
            "`null`",
        );
        check("Error during planning: something new about Utf8View", "something new about text", "");
    }
}
