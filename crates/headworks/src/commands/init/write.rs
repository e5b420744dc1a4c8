//! The files of the project: what they say, and that they overwrite nothing.

use std::collections::{BTreeMap, BTreeSet};
use std::fmt::Write as _;
use std::path::Path;

use hw_assess::{rules_list, rules_yaml};
use hw_base::{Error, Result, identifier, snake_case};

use super::{Found, URL_VARIABLE};
use crate::files::write_file;

/// The folders that are never committed.
const IGNORED: [&str; 2] = [".headworks/", "warehouse/"];

/// Writes the project's files and returns their names.
pub(super) fn project(root: &Path, name: &str, schema: Option<&str>, found: &[Found]) -> Result<Vec<String>> {
    let mut files = vec![(hw_config::PROJECT_FILE.to_owned(), settings_text(name, schema, found))];
    for one in found {
        let table = &one.dataset.dataset;
        files.push((format!("models/{table}.sql"), model_text(one)));
        files.push((format!("models/{table}.yaml"), model_settings(one)));
        files.push((format!("rules/{}.yaml", one.dataset), rules_yaml(&one.rules, &one.dataset.to_string())));
    }
    refuse_overwriting(root, &files)?;
    files.insert(1, (".gitignore".to_owned(), ignored(root)));
    for (file, text) in &files {
        write_file(&root.join(file), text)?;
    }
    Ok(files.into_iter().map(|(file, _)| file).collect())
}

fn refuse_overwriting(root: &Path, files: &[(String, String)]) -> Result<()> {
    let there: Vec<String> =
        files.iter().filter(|(file, _)| root.join(file).exists()).map(|(file, _)| format!("`{file}`")).take(5).collect();
    if there.is_empty() {
        return Ok(());
    }
    Err(Error::user(format!("the project would overwrite {}; nothing was written", there.join(", ")))
        .code("HW104")
        .help("move these files away, or make the project in another folder"))
}

/// What is there, and the lines of the project that it lacks.
fn ignored(root: &Path) -> String {
    let mut text = std::fs::read_to_string(root.join(".gitignore")).unwrap_or_default();
    if !text.is_empty() && !text.ends_with('\n') {
        text.push('\n');
    }
    for folder in IGNORED {
        if !text.lines().any(|line| line == folder) {
            text.push_str(folder);
            text.push('\n');
        }
    }
    text
}

/// Text in YAML's double quotes, whatever it holds.
fn quoted(text: &str) -> String {
    let mut quoted = String::from("\"");
    for c in text.chars() {
        match c {
            '"' | '\\' => quoted.extend(['\\', c]),
            c if c.is_control() || matches!(c, '\u{85}' | '\u{2028}' | '\u{2029}' | '\u{feff}') => {
                let _ = write!(quoted, "\\u{:04x}", u32::from(c));
            }
            c => quoted.push(c),
        }
    }
    quoted.push('"');
    quoted
}

/// Text that YAML takes for nothing else, else in quotes.
fn word(text: &str) -> String {
    let is_word =
        text.starts_with(|c: char| c.is_ascii_lowercase()) && text.chars().all(|c| c.is_ascii_lowercase() || "_0123456789".contains(c));
    if is_word && !["true", "false", "null", "yes", "no", "on", "off", "y", "n"].contains(&text) { text.to_owned() } else { quoted(text) }
}

fn settings_text(name: &str, schema: Option<&str>, found: &[Found]) -> String {
    let mut text = format!("project: {}\nwarehouse: warehouse/\nengine: {{ memory: 2GiB }}\nsources:\n", word(name));
    let mut sources: Vec<&str> = found.iter().map(|one| one.dataset.source.as_str()).collect();
    sources.sort_unstable();
    sources.dedup();
    for source in sources {
        let own: Vec<&Found> = found.iter().filter(|one| one.dataset.source == source).collect();
        let kind = own.first().map_or("", |one| one.kind);
        let _ = writeln!(text, "  {source}:\n    {kind}:");
        let key = if own.iter().any(|one| one.is_in_database()) {
            let _ = writeln!(text, "      url: \"${{env:{URL_VARIABLE}}}\"");
            if let Some(schema) = schema.or(Some("public")).filter(|_| kind == "postgres") {
                let _ = writeln!(text, "      schema: {}", word(schema));
            }
            "tables"
        } else {
            "path"
        };
        let null: BTreeSet<&String> = own.iter().flat_map(|one| &one.null).collect();
        if !null.is_empty() {
            let null: Vec<String> = null.into_iter().map(|mark| quoted(mark)).collect();
            let _ = writeln!(text, "      # Found in the place of values: they are loaded as missing.\n      null: [{}]", null.join(", "));
        }
        let as_text = own.iter().flat_map(|one| one.as_text.iter().map(move |column| quoted(&format!("{}.{column}", one.dataset.dataset))));
        let as_text: Vec<String> = as_text.collect();
        if !as_text.is_empty() {
            let _ = writeln!(
                text,
                "      # They hold values such as `infinity`, which their types cannot hold outside of the database.\n      as_text: [{}]",
                as_text.join(", ")
            );
        }
        let declared = declared(&own);
        if !declared.is_empty() {
            let columns: Vec<String> = declared.iter().map(|(name, kind)| format!("{}: {}", word(name), quoted(kind))).collect();
            let _ =
                writeln!(text, "      # Some of the files lack them: they are missing there.\n      columns: {{ {} }}", columns.join(", "));
        }
        let _ = writeln!(text, "      {key}:");
        for one in own {
            // References in a path are resolved; those in the name of a table are none.
            let place = if one.is_in_database() { one.place.clone() } else { one.place.replace("${", "$${") };
            let _ = writeln!(text, "        {}: {}", word(&one.dataset.dataset), quoted(&place));
        }
    }
    text
}

/// The types of columns that files of a source may lack. Its datasets share them, so none is declared that is something else in another.
fn declared(own: &[&Found]) -> BTreeMap<String, String> {
    let kinds =
        |raw: &str| own.iter().flat_map(|one| &one.facts.columns).filter(|facts| facts.name == raw).map(|facts| &facts.sql_type).collect();
    let lacking = own.iter().flat_map(|one| &one.uneven).map(|name| snake_case(name));
    let known = lacking.filter_map(|name| {
        let kinds: BTreeSet<&String> = kinds(&name);
        let only = kinds.first().filter(|kind| kinds.len() == 1 && hw_connect::can_be_declared(kind))?;
        Some((name.clone(), (*only).clone()))
    });
    known.collect()
}

fn model_text(one: &Found) -> String {
    let columns: Vec<String> = one.columns.iter().map(|column| format!("  {}", identifier(column))).collect();
    let dataset = hw_base::qualified([one.dataset.source.as_str(), one.dataset.dataset.as_str()]);
    format!("select\n{}\nfrom {dataset}\n", columns.join(",\n"))
}

fn model_settings(one: &Found) -> String {
    let mut text = format!("description: {} as they were delivered.\nload: replace\n", one.dataset.dataset);
    if !one.references.is_empty() {
        text.push_str("# References that the data shows. Strike out what is no promise.\n");
        text.push_str(&rules_list(&one.references));
    }
    text
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn whatever_a_name_holds_yaml_reads_it_back() {
        for name in ["shop", "no", "it's \"odd\"", "a: b #c", "${env:HOME}", "line\nbreak\\", "1e3", ""] {
            let settings = hw_config::parse_yaml(&format!("project: {}\n", word(name)), Path::new("headworks.yaml")).unwrap();
            assert_eq!(settings.get("project").unwrap().read::<String>().unwrap(), name);
        }
    }
}
