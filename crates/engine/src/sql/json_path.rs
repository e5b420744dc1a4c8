//! `json_value`: the value at a path inside of a text of JSON, as text.
//!
//! No tree is made of the text: numbers, objects and lists come as they are written, with all digits and in the order of their keys.

use std::borrow::Cow;
use std::sync::Arc;

use datafusion::arrow::array::{AsArray, StringViewArray};
use datafusion::arrow::compute::cast;
use datafusion::arrow::datatypes::{DataType, Field, FieldRef};
use datafusion::common::types::logical_string;
use datafusion::common::{Result as EngineResult, ScalarValue, plan_err};
use datafusion::logical_expr::{
    Coercion, ColumnarValue, ReturnFieldArgs, ScalarFunctionArgs, ScalarUDF, ScalarUDFImpl, Signature, TypeSignatureClass, Volatility,
};
use serde::de::IgnoredAny;

/// White space of JSON, and what stands between keys and values.
const BETWEEN: [char; 6] = [' ', '\t', '\r', '\n', ',', ':'];

/// `json_value(text, path)`, also called `json_extract_string`.
pub(crate) fn json_value() -> ScalarUDF {
    // Each argument keeps its own type of texts: a cast around the path would hide that it is written out.
    let text = || Coercion::new_exact(TypeSignatureClass::Native(logical_string()));
    let signature = Signature::coercible(vec![text(), text()], Volatility::Immutable);
    ScalarUDF::from(JsonValue { signature, aliases: vec!["json_extract_string".to_owned()] })
}

#[derive(Debug, PartialEq, Eq, Hash)]
struct JsonValue {
    signature: Signature,
    aliases: Vec<String>,
}

impl ScalarUDFImpl for JsonValue {
    fn name(&self) -> &'static str {
        "json_value"
    }

    fn aliases(&self) -> &[String] {
        &self.aliases
    }

    fn signature(&self) -> &Signature {
        &self.signature
    }

    fn return_type(&self, _: &[DataType]) -> EngineResult<DataType> {
        Ok(DataType::Utf8View)
    }

    /// Looks at the path as well, so that a plan tells what is wrong with it.
    fn return_field_from_args(&self, arguments: ReturnFieldArgs) -> EngineResult<FieldRef> {
        let [_, Some(path)] = arguments.scalar_arguments else { return not_written_out() };
        if let Some(path) = path.try_as_str().flatten() {
            checked(path)?;
        }
        Ok(Arc::new(Field::new(self.name(), DataType::Utf8View, true)))
    }

    fn invoke_with_args(&self, arguments: ScalarFunctionArgs) -> EngineResult<ColumnarValue> {
        let [texts, ColumnarValue::Scalar(path)] = arguments.args.as_slice() else { return not_written_out() };
        let Some(path) = path.try_as_str().flatten() else { return Ok(ColumnarValue::Scalar(ScalarValue::Utf8View(None))) };
        let steps = checked(path)?;
        let texts = cast(&texts.to_array(arguments.number_rows)?, &DataType::Utf8View)?;
        let values: StringViewArray = texts.as_string_view().iter().map(|text| text.and_then(|text| value_at(text, &steps))).collect();
        Ok(ColumnarValue::Array(Arc::new(values)))
    }
}

fn not_written_out<T>() -> EngineResult<T> {
    plan_err!("the second value of `json_value` is a path that is written out, such as '$.address.city'")
}

fn checked(path: &str) -> EngineResult<Vec<Step>> {
    match steps(path) {
        Ok(steps) => Ok(steps),
        Err(reason) => {
            plan_err!("`{path}` is no path of `json_value`: {reason}; write one such as '$.address.city', '$.lines[0].sku' or '$[\"a b\"]'")
        }
    }
}

/// A step of a path: into an object or into a list.
#[derive(Debug, PartialEq, Eq)]
enum Step {
    Key(String),
    /// The place in a list, the first one is 0.
    Place(usize),
}

/// The steps of a path, which begins with `$` or with the first key.
fn steps(path: &str) -> Result<Vec<Step>, String> {
    let below = path.strip_prefix('$').filter(|rest| rest.is_empty() || rest.starts_with(['.', '[']));
    let whole = match below {
        Some(below) => below.to_owned(),
        None if path.starts_with('[') => path.to_owned(),
        None => format!(".{path}"),
    };
    let (mut steps, mut rest) = (Vec::new(), whole.as_str());
    while !rest.is_empty() {
        let (step, after) = match (rest.strip_prefix('.'), rest.strip_prefix('[')) {
            (Some(key), _) => named(key)?,
            (_, Some(inside)) => bracketed(inside)?,
            _ => return Err(format!("`{rest}` follows without a `.`")),
        };
        steps.push(step);
        rest = after;
    }
    Ok(steps)
}

/// A key behind a `.`, and what follows.
fn named(text: &str) -> Result<(Step, &str), String> {
    if text.starts_with(['"', '\'']) {
        return quoted(text);
    }
    let (key, rest) = text.split_at(text.find(['.', '[']).unwrap_or(text.len()));
    match key {
        "" => Err("a key is missing".to_owned()),
        "*" => Err("`*` stands for many values, and one can be told".to_owned()),
        key => Ok((Step::Key(key.to_owned()), rest)),
    }
}

/// What stands behind a `[`, up to its `]`, and what follows.
fn bracketed(text: &str) -> Result<(Step, &str), String> {
    if text.starts_with(['"', '\'']) {
        let (step, rest) = quoted(text)?;
        return Ok((step, rest.strip_prefix(']').ok_or("a `]` is missing")?));
    }
    let (place, rest) = text.split_once(']').ok_or("a `]` is missing")?;
    match place.parse() {
        Ok(place) => Ok((Step::Place(place), rest)),
        Err(_) => Err(format!("`[{place}]` is no place in a list, of which the first is `[0]`")),
    }
}

/// A key in quotes, and what follows.
fn quoted(text: &str) -> Result<(Step, &str), String> {
    let (quote, inside) = text.split_at(1);
    let (key, rest) = inside.split_once(quote).ok_or("a quote is not closed")?;
    Ok((Step::Key(key.to_owned()), rest))
}

/// The value at the end of the steps; none where the text is no JSON, has no such place, or null there.
fn value_at<'a>(text: &'a str, steps: &[Step]) -> Option<Cow<'a, str>> {
    serde_json::from_str::<IgnoredAny>(text).ok()?;
    let found = steps.iter().try_fold(text.trim(), |value, step| match step {
        Step::Key(key) => under_key(value, key),
        Step::Place(place) => at_place(value, *place),
    })?;
    match found {
        "null" => None,
        found if found.starts_with('"') => read_text(found),
        found => Some(Cow::Borrowed(found)),
    }
}

/// The value of a key in an object. Of a key that comes again the last one counts, as in PostgreSQL.
fn under_key<'a>(object: &'a str, key: &str) -> Option<&'a str> {
    let mut rest = object.strip_prefix('{')?;
    let mut found = None;
    while let Some(written) = taken(&mut rest) {
        let value = taken(&mut rest)?;
        if read_text(written).is_some_and(|read| read == key) {
            found = Some(value);
        }
    }
    found
}

fn at_place(list: &str, place: usize) -> Option<&str> {
    let mut rest = list.strip_prefix('[')?;
    std::iter::from_fn(|| taken(&mut rest)).nth(place)
}

/// Takes the next key or value from what is left of an object or a list; none at its end.
fn taken<'a>(rest: &mut &'a str) -> Option<&'a str> {
    let text = rest.trim_start_matches(BETWEEN);
    let (value, after) = text.split_at(length(text));
    *rest = after;
    (!value.is_empty()).then_some(value)
}

/// How many bytes of a text, which is a part of JSON, are the value that it begins with.
fn length(text: &str) -> usize {
    let (mut depth, mut is_in_text, mut is_escaped) = (0_usize, false, false);
    for (at, byte) in text.bytes().enumerate() {
        match byte {
            _ if is_escaped => is_escaped = false,
            b'\\' if is_in_text => is_escaped = true,
            b'"' => is_in_text = !is_in_text,
            _ if is_in_text => {}
            b'{' | b'[' => depth += 1,
            b',' | b':' | b'}' | b']' | b' ' | b'\t' | b'\r' | b'\n' if depth == 0 => return at,
            b'}' | b']' => depth -= 1,
            _ => continue,
        }
        if depth == 0 && !is_in_text {
            return at + 1;
        }
    }
    text.len()
}

/// A text of JSON without its quotes and escapes; none where these stand for no characters.
fn read_text(written: &str) -> Option<Cow<'_, str>> {
    if written.contains('\\') {
        return serde_json::from_str(written).ok().map(Cow::Owned);
    }
    written.strip_prefix('"')?.strip_suffix('"').map(Cow::Borrowed)
}

#[cfg(test)]
mod tests {
    #![allow(clippy::unwrap_used, reason = "a test that cannot go on should stop")]

    use super::*;

    const ORDER: &str = r#" {"id": 12345678901234567890, "sum": 1.50, "paid" : true, "note": null, "who": {"a b": "Ada", "z": 1, "a": [ ]},
        "lines": [{"sku": "x\"1\u00e9", "tags": ["},", "]"]}, [1,2 , 3]], "$oid": "o", "": "none", "id2": {}} "#;

    #[track_caller]
    fn check(text: &str, path: &str, expected: Option<&str>) {
        assert_eq!(value_at(text, &steps(path).unwrap()).as_deref(), expected, "{path} of {text}");
    }

    #[test]
    fn values_are_found_by_their_path() {
        check(ORDER, "$.id", Some("12345678901234567890"));
        check(ORDER, "sum", Some("1.50"));
        check(ORDER, "$['paid']", Some("true"));
        check(ORDER, "$.note", None);
        check(ORDER, "$.who[\"a b\"]", Some("Ada"));
        check(ORDER, "who.z", Some("1"));
        check(ORDER, "$.who", Some(r#"{"a b": "Ada", "z": 1, "a": [ ]}"#));
        check(ORDER, "$.lines[0].sku", Some("x\"1é"));
        check(ORDER, "$.lines[0].tags[1]", Some("]"));
        check(ORDER, "lines[1]", Some("[1,2 , 3]"));
        check(ORDER, "lines[1][2]", Some("3"));
        check(ORDER, "$oid", Some("o"));
        check(ORDER, "$.\"\"", Some("none"));
        check(ORDER, "$.id2", Some("{}"));
        check(ORDER, "$", Some(ORDER.trim()));
        check("[[], {\"a\": -1e3}]", "[1].a", Some("-1e3"));
        check("\"a\"", "$", Some("a"));
        check(r#"{"\u0061": 1}"#, "a", Some("1"));
        check(r#"{"a": {"b": 1}, "a": {"b": 2}}"#, "a.b", Some("2"));
    }

    #[test]
    fn what_is_not_there_is_null() {
        for path in ["$.gone", "$.id.gone", "$.id[0]", "$.lines[2]", "$.lines.sku", "$.who[0]", "$.who.a[0]", "$[0]"] {
            check(ORDER, path, None);
        }
        for text in ["", "no JSON", "{'a': 1}", "{\"a\": 1", "null", "1"] {
            check(text, "$.a", None);
        }
        check(r#"{"a": "\ud800"}"#, "$.a", None);
    }

    #[test]
    fn depth_has_no_limit() {
        let deep = format!("{{\"a\": {}{}, \"b\": 1}}", "[".repeat(100_000), "]".repeat(100_000));
        check(&deep, "$.b", Some("1"));
    }

    #[track_caller]
    fn check_planned(path: Option<&str>, expected: Result<(), &str>) {
        let fields = ["a", "path"].map(|name| Arc::new(Field::new(name, DataType::Utf8View, true)));
        let path = path.map(|path| ScalarValue::Utf8(Some(path.to_owned())));
        let planned =
            json_value().return_field_from_args(ReturnFieldArgs { arg_fields: &fields, scalar_arguments: &[None, path.as_ref()] });
        match (planned, expected) {
            (Ok(_), Ok(())) => {}
            (Err(error), Err(reason)) => assert!(error.to_string().contains(reason), "{error}"),
            (planned, _) => assert_eq!(planned.map(|_| ()).map_err(|error| error.to_string()), expected.map_err(str::to_owned), "{path:?}"),
        }
    }

    #[test]
    fn a_path_is_checked_before_any_row_is_read() {
        check_planned(Some("$.address.city"), Ok(()));
        check_planned(None, Err("is a path that is written out"));
        check_planned(Some(""), Err("`` is no path of `json_value`: a key is missing; write one such as '$.address.city'"));
        check_planned(Some("$.a..b"), Err("a key is missing"));
        check_planned(Some("$.a[*].b"), Err("`[*]` is no place in a list, of which the first is `[0]`"));
        check_planned(Some("$.*"), Err("`*` stands for many values"));
        check_planned(Some("$.a[-1]"), Err("`[-1]` is no place in a list"));
        check_planned(Some("$.a[0"), Err("a `]` is missing"));
        check_planned(Some("$[\"a]"), Err("a quote is not closed"));
        check_planned(Some("$.a[0]b"), Err("`b` follows without a `.`"));
    }
}
