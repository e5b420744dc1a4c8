//! Types of Python and of databases, in our words.

use serde_json::json;

use crate::suites::types::type_words;
use crate::suites::words::Arguments;
use crate::suites::{Rules, Translation};

/// Types as their engines call them, in our words.
pub(super) fn types(names: &[String], arguments: &Arguments<'_>) -> Translation {
    let mut ours: Vec<&str> = Vec::new();
    for known in names.iter().filter_map(|name| words_of(name)) {
        ours.extend(known.iter().filter(|word| !ours.contains(word)).copied().collect::<Vec<_>>());
    }
    // A list holds the names that several engines have, and no column here has a type that is not known.
    let unknown: Vec<&str> = names.iter().filter(|name| words_of(name).is_none()).map(String::as_str).collect();
    if ours.is_empty() {
        return Err(format!("the type `{}` is not known", unknown.join("`, `")));
    }
    let left_out = if unknown.is_empty() { String::new() } else { format!("; left out, since not known: `{}`", unknown.join("`, `")) };
    let note = format!("types are those of Headworks, of which each stands for several of Python and SQL{left_out}");
    let column = arguments.text("column")?;
    Ok(Rules::one("schema", json!({"columns": {column: ours}})).note(note))
}

/// What numpy calls a type with its size is no other size; names of databases stand for several.
fn words_of(name: &str) -> Option<&'static [&'static str]> {
    match name {
        "int16" => Some(&["smallint"]),
        "int32" => Some(&["integer"]),
        "int64" => Some(&["bigint"]),
        _ => type_words(name),
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn names_that_are_not_known_are_left_out_where_others_are() {
        let given = json!({"column": "a"});
        let of = |names: &[&str]| {
            let names: Vec<String> = names.iter().map(|name| (*name).to_owned()).collect();
            let rules = types(&names, &Arguments::new(given.as_object().unwrap()));
            rules.map_or_else(|why| why, |rules| format!("{} {}", rules.rules[0], rules.note.unwrap_or_default()))
        };
        assert_eq!(
            of(&["NCHAR", "NTEXT", "ROWID"]),
            r#"{"schema":{"columns":{"a":["varchar"]}}} types are those of Headworks, of which each stands for several of Python and SQL; left out, since not known: `ROWID`"#
        );
        assert_eq!(of(&["ROWID"]), "the type `ROWID` is not known");
        assert!(of(&["BYTEINT"]).contains("bigint"));
        assert!(of(&["int32", "float64"]).starts_with(r#"{"schema":{"columns":{"a":["integer","double","real","decimal"]}}}"#));
    }
}
