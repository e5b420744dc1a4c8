//! The Jinja whose value is known without dbt: names of types, texts, and what is kept from Jinja with `raw`.

use serde_json::Value as Json;

/// A text with the values of its Jinja; `None` where one of them is known to dbt alone.
pub(super) fn evaluated(text: &str) -> Option<String> {
    let (mut out, mut rest) = (String::new(), text);
    while let Some(at) = rest.find("{{").into_iter().chain(rest.find("{%")).min() {
        out.push_str(&rest[..at]);
        let (value, after) = if rest[at..].starts_with("{{") { expression(&rest[at..])? } else { raw(&rest[at..])? };
        out.push_str(&value);
        rest = after;
    }
    Some(out + rest)
}

/// The same for every text within a value. What names a table stays as it is.
pub(super) fn evaluated_value(value: &Json) -> Option<Json> {
    Some(match value {
        Json::String(text) if super::words::relation(text).is_none() => evaluated(text)?.into(),
        Json::Array(items) => items.iter().map(evaluated_value).collect::<Option<Vec<_>>>()?.into(),
        Json::Object(map) => {
            let entries = map.iter().map(|(key, value)| Some((key.clone(), evaluated_value(value)?)));
            entries.collect::<Option<serde_json::Map<_, _>>>()?.into()
        }
        other => other.clone(),
    })
}

/// An argument or a setting with the values of its Jinja.
///
/// # Errors
/// Says that its value is known to dbt alone.
pub(super) fn evaluated_entry(key: &str, value: &Json) -> Result<(String, Json), String> {
    let known = evaluated_value(value).ok_or_else(|| format!("`{key}: {value}` is Jinja, whose value only dbt knows"))?;
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
fn expression(text: &str) -> Option<(String, &str)> {
    let (inner, after) = text.strip_prefix("{{")?.split_once("}}")?;
    let inner = inner.trim_matches('-').trim();
    let literal = ['\'', '"'].into_iter().find_map(|quote| {
        let text = inner.strip_prefix(quote)?.strip_suffix(quote)?;
        (!text.contains([quote, '\\'])).then(|| text.to_owned())
    });
    Some((literal.or_else(|| type_name(inner).map(str::to_owned))?, after))
}

/// What stands between `{% raw %}` and `{% endraw %}` at the beginning of a text, and what follows it.
fn raw(text: &str) -> Option<(String, &str)> {
    let inside = text.strip_prefix("{% raw %}")?;
    let (kept, after) = inside.split_once("{% endraw %}")?;
    Some((kept.to_owned(), after))
}

/// The type that a macro of dbt and its packages stands for, in our SQL: `dbt.type_string()`.
fn type_name(call: &str) -> Option<&'static str> {
    let name = call.strip_suffix(')')?.trim_end().strip_suffix('(')?.trim();
    let name = match name.split_once('.') {
        Some(("dbt" | "dbt_utils" | "dbt_expectations", name)) => name,
        Some(_) => return None,
        None => name,
    };
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
        let check = |text: &str, expected: Option<&str>| assert_eq!(evaluated(text).as_deref(), expected, "{text}");
        check("cast(a as {{ dbt_expectations.type_timestamp() }}) > b", Some("cast(a as timestamp) > b"));
        check("{{ dbt.type_string () }}", Some("varchar"));
        check("{{ 'x' }}{{ type_int() }}", Some("xinteger"));
        check("{% raw %}{{x}}{% endraw %}", Some("{{x}}"));
        check("{{ var('x') }}", None);
        check("{% if x %}", None);
        check("{{ x", None);
    }

    #[test]
    fn what_is_no_jinja_is_kept_from_it() {
        for text in ["{{x}}", "{% x %}", "a {# b", "{{{{", "{ { }}"] {
            assert_eq!(evaluated(&kept_from_jinja(text)).as_deref(), Some(text), "{}", kept_from_jinja(text));
        }
        assert_eq!(kept_from_jinja("{{x}}"), "{% raw %}{{{% endraw %}x}}");
    }
}
