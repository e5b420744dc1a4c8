//! The Jinja whose value is known without dbt: names of types, texts, and what is kept from Jinja with `raw`.

use serde_json::Value as Json;

use super::expression::{Known, UNKNOWN};

/// A text with the values of its Jinja.
///
/// # Errors
/// Says what is not known about one of them, behind "is Jinja, ".
pub(super) fn evaluated(text: &str, known: &Known) -> Result<String, String> {
    let (mut out, mut rest) = (String::new(), text);
    while let Some(at) = rest.find("{{").into_iter().chain(rest.find("{%")).min() {
        out.push_str(&rest[..at]);
        let (value, after) = if rest[at..].starts_with("{{") {
            let (value, after) = expression(&rest[at..], known)?;
            (super::expression::text(&value).ok_or(UNKNOWN)?, after)
        } else {
            raw(&rest[at..]).ok_or(UNKNOWN)?
        };
        out.push_str(&value);
        rest = after;
    }
    Ok(out + rest)
}

/// The same for every text within a value. What names a table stays as it is; an expression alone is its value, whatever that is.
pub(super) fn evaluated_value(value: &Json, known: &Known) -> Result<Json, String> {
    Ok(match value {
        Json::String(text) if super::words::relation(text).is_none() && has_jinja(text) => match expression(text.trim(), known) {
            Ok((value, "")) => plain(value),
            _ => plain(evaluated(text, known)?.into()),
        },
        Json::Array(items) => items.iter().map(|item| evaluated_value(item, known)).collect::<Result<Vec<_>, _>>()?.into(),
        Json::Object(map) => {
            let entries = map.iter().map(|(key, value)| Ok((key.clone(), evaluated_value(value, known)?)));
            entries.collect::<Result<serde_json::Map<_, _>, String>>()?.into()
        }
        other => other.clone(),
    })
}

/// A number or a truth value that Jinja has written as text is one.
fn plain(value: Json) -> Json {
    match value.as_str() {
        Some("True") => true.into(),
        Some("False") => false.into(),
        Some(text) => serde_json::from_str::<Json>(text).ok().filter(Json::is_number).unwrap_or(value),
        None => value,
    }
}

/// An argument or a setting with the values of its Jinja.
///
/// # Errors
/// Says what is not known about it.
pub(super) fn evaluated_entry(key: &str, value: &Json, known: &Known) -> Result<(String, Json), String> {
    let known = evaluated_value(value, known).map_err(|why| format!("`{key}: {value}` is Jinja, {why}"))?;
    Ok((key.to_owned(), known))
}

/// A text in which nothing is Jinja to dbt.
pub(super) fn kept_from_jinja(text: &str) -> String {
    let (mut out, mut rest) = (String::new(), text);
    while let Some(at) = SIGNS.iter().filter_map(|sign| rest.find(sign)).min() {
        let end = rest[at..].find(|c| !matches!(c, '{' | '%' | '#')).map_or(rest.len(), |length| at + length);
        out.push_str(&format!("{}{{% raw %}}{}{{% endraw %}}", &rest[..at], &rest[at..end]));
        rest = &rest[end..];
    }
    out + rest
}

/// What begins a part in Jinja.
const SIGNS: [&str; 3] = ["{{", "{%", "{#"];

/// Whether dbt would take a part of the text for Jinja.
pub(super) fn has_jinja(text: &str) -> bool {
    SIGNS.iter().any(|sign| text.contains(sign))
}

/// The value of the expression in braces at the beginning of a text, and what follows it.
fn expression<'a>(text: &'a str, known: &Known) -> Result<(Json, &'a str), String> {
    let (inner, after) = text.strip_prefix("{{").and_then(|rest| rest.split_once("}}")).ok_or(UNKNOWN)?;
    Ok((known.value(inner.trim_matches('-'))?, after))
}

/// What stands between `{% raw %}` and `{% endraw %}` at the beginning of a text, and what follows it.
fn raw(text: &str) -> Option<(String, &str)> {
    let inside = text.strip_prefix("{% raw %}")?;
    let (kept, after) = inside.split_once("{% endraw %}")?;
    Some((kept.to_owned(), after))
}

/// The type that a macro of dbt and its packages stands for, in our SQL: `type_string`.
pub(super) fn type_name(name: &str) -> Option<&'static str> {
    Some(match name {
        "type_string" => "varchar",
        "type_timestamp" | "type_datetime" => "timestamp",
        "type_float" => "double",
        "type_numeric" => "numeric(28,6)",
        "type_int" => "integer",
        "type_bigint" => "bigint",
        "type_boolean" => "boolean",
        "type_date" => "date",
        _ => return None,
    })
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn known_values_stand_in_their_places() {
        let check = |text: &str, expected: Option<&str>| {
            assert_eq!(evaluated(text, &Known::default()).ok().as_deref(), expected, "{text}");
        };
        check("cast(a as {{ dbt_expectations.type_timestamp() }}) > b", Some("cast(a as timestamp) > b"));
        check("{{ dbt.type_string () }}", Some("varchar"));
        check("{{ 'x' }}{{ type_int() }}", Some("xinteger"));
        check("{% raw %}{{x}}{% endraw %}", Some("{{x}}"));
        check("{{ var('x') }}", None);
        check("{% if x %}", None);
        check("{{ x", None);
    }

    #[test]
    fn an_expression_alone_keeps_its_type() {
        let vars = serde_json::json!({"n": 5, "s": "5", "l": [1, "a"], "t": "x"});
        let known = Known { vars: vars.as_object().cloned().unwrap_or_default(), ..Known::default() };
        let check = |text: &str, expected: Json| assert_eq!(evaluated_value(&text.into(), &known), Ok(expected), "{text}");
        check("{{ var('n') }}", 5.into());
        check(" {{ var('s') }}", 5.into());
        check("{{ var('l') }}", serde_json::json!([1, "a"]));
        check("a > {{ var('n') }}", "a > 5".into());
        check("{{ var('n') }}{{ var('t') }}", "5x".into());
        check("05", "05".into());
    }

    #[test]
    fn what_is_no_jinja_is_kept_from_it() {
        for text in ["{{x}}", "{% x %}", "a {# b", "{{{{", "{ { }}"] {
            assert_eq!(evaluated(&kept_from_jinja(text), &Known::default()).as_deref(), Ok(text), "{}", kept_from_jinja(text));
        }
        assert_eq!(kept_from_jinja("{{x}}"), "{% raw %}{{{% endraw %}x}}");
    }
}
