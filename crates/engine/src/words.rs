//! The engine's own texts in words for people: what is wrong with a SELECT, where in it, and what to do.

use datafusion::common::Result as EngineResult;
use datafusion::common::tree_node::TreeNodeRecursion;
use datafusion::logical_expr::LogicalPlan;
use hw_base::{Error, Input, Reader};

use crate::place::Mark;

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
    let known = [functions, values, operators, queries];
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
        let name = last_name(between(rest, "\"", "\" at position")?);
        return at_twice(&as_written(name, &[with_plain_names(sql)]));
    }
    if let Some(rest) = after(line, "duplicate unqualified field name ").or_else(|| after(line, "duplicate qualified field name ")) {
        return at_twice(last_name(rest.trim_end_matches('.')));
    }
    if let Some(rest) = after(line, "Duplicate field name (case-insensitive): ") {
        return at_twice(rest.trim_matches('\''));
    }
    if line.contains("must appear in the GROUP BY clause") || line.contains("Column in SELECT must be in GROUP BY") {
        let name = last_name(between(line, "column \"", "\"")?);
        let help = format!("add it to GROUP BY, or say which of its values is meant: `max({name})`");
        return at(Mark::Word(name.into()), format!("column `{name}` is neither grouped nor aggregated"), help);
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
    let name = between(line, "Function '", "'")?;
    let (message, help) = match (between(line, "argument types '", "'"), between(line, "(DataType: ", ")")) {
        (Some(call), _) => {
            let types = call.strip_prefix(name).unwrap_or(call);
            let types = sql_types(types.trim_matches(['(', ')']));
            let message = if types.is_empty() {
                format!("the function `{name}` needs arguments")
            } else {
                format!("the function `{name}` cannot be given {types}")
            };
            (message, "look at the number of its arguments, or cast them".to_owned())
        }
        (None, Some(found)) => {
            let found = sql_types(found);
            (format!("the function `{name}` cannot be given {found}"), format!("cast the argument: `{name}(cast(… as double))`"))
        }
        _ => (sql_types(line), "look at its arguments".to_owned()),
    };
    at(Mark::Call(name.to_lowercase()), message, help)
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

/// Operators between types that do not go together.
fn operators(line: &str) -> Option<Told> {
    if let Some(found) = after(line, "Unary operator 'NOT' requires a boolean expression, got ") {
        let help = "compare it with something: `… > 0`, `… is not null`";
        return at(Mark::None, format!("what should be true or false is {}", sql_types(found)), help);
    }
    let arithmetic = between(line, "Cannot coerce arithmetic expression ", " to valid types");
    let comparison = || after(line, "Cannot infer common argument type for comparison operation ");
    let expression = arithmetic.or_else(comparison)?;
    let expression = sql_types(expression);
    let help = "cast one side to the type of the other: `cast(… as double)`";
    at(Mark::None, format!("`{expression}`: these types do not go together"), help)
}

/// Queries as a whole.
fn queries(line: &str) -> Option<Told> {
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
    const WORDS: [(&str, &str); 22] = [
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
    if is_computed { alias } else { alias.rsplit('.').next().unwrap_or(alias).trim_matches('"') }
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

/// What was given to a query: its SQL, that of its inputs, and names of columns in tables that look like expressions.
pub(crate) fn given(reader: &Reader, plan: &LogicalPlan) -> Vec<String> {
    let mut given = Vec::new();
    take_names(plan, &mut given).ok();
    given.retain(|name| name.contains('('));
    take_sql(reader, &mut given);
    given
}

fn take_names(plan: &LogicalPlan, names: &mut Vec<String>) -> EngineResult<TreeNodeRecursion> {
    plan.apply_with_subqueries(|part| {
        if let LogicalPlan::TableScan(scan) = part {
            match scan.source.get_logical_plan() {
                Some(view) => _ = take_names(&view, names)?,
                None => names.extend(scan.source.schema().fields().iter().map(|field| field.name().clone())),
            }
        }
        Ok(TreeNodeRecursion::Continue)
    })
}

fn take_sql(reader: &Reader, texts: &mut Vec<String>) {
    texts.push(with_plain_names(&reader.sql));
    for input in &reader.inputs {
        match input {
            Input::Query { sql, .. } => texts.push(with_plain_names(sql)),
            Input::Reader { reader, .. } => take_sql(reader, texts),
            _ => {}
        }
    }
}

/// SQL in which a quote inside of a name stands once, as in the name.
fn with_plain_names(sql: &str) -> String {
    sql.replace("\"\"", "\"")
}

/// The constant that the engine's words for an expression begin with, as SQL writes it, and what stands behind it.
fn constant(words: &str) -> Option<(String, &str)> {
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
    use std::sync::Arc;

    use datafusion::arrow::array::{ArrayRef, Int64Array};
    use datafusion::arrow::record_batch::RecordBatch;
    use datafusion::datasource::MemTable;
    use hw_base::Engine;

    use super::*;
    use crate::testing;

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

    #[tokio::test]
    async fn headers_keep_the_names_of_columns() {
        let folder = tempfile::tempdir().unwrap();
        let engine = testing::engine(folder.path(), 1);
        let rows = RecordBatch::try_from_iter([("Int64(3)", Arc::new(Int64Array::from(vec![1])) as ArrayRef)]).unwrap();
        engine.live().open("t", Arc::new(MemTable::try_new(rows.schema(), vec![vec![rows]]).unwrap()));
        let inputs = vec![Input::Live { name: "t".into(), relation: "t".into() }];
        let reader = Reader { inputs, ..testing::reader("select *, n + 4 as \"Int64(5)\", 6 + 7 from (select *, 1 as n from t)") };
        let found = engine.query(&reader, 1).await.unwrap().columns.into_iter().map(|column| column.name);
        assert_eq!(found.collect::<Vec<_>>(), ["Int64(3)", "n", "Int64(5)", "6 + 7"]);
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
        check("Error during planning: something new about Utf8View", "something new about text", "");
    }
}
