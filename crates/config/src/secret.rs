//! References to secrets, and the secrets they resolve to.

use std::path::Path;

use hw_base::{Error, Result};

/// The kinds of references, as a project writes them.
const KNOWN: &str = "`${env:NAME}` and `${file:path}`";

/// A text that may hold secrets. It has no `Debug`, `Display` or `Serialize`, so it cannot be shown by accident.
pub struct Secret {
    text: String,
    resolved: Vec<String>,
}

impl Secret {
    /// The text itself. Hand it to what needs it, and keep it out of messages; see [`crate::redact`].
    pub fn expose(&self) -> &str {
        &self.text
    }

    /// What the references stood for.
    pub(crate) fn resolved(&self) -> &[String] {
        &self.resolved
    }
}

/// Whether `text` refers to a secret, in any form that [`resolve`] would look at.
pub fn has_reference(text: &str) -> bool {
    text.replace("$${", "").contains("${")
}

/// Replaces every `${env:NAME}` and `${file:path}` in `text`; `$${` stands for `${`.
///
/// Paths are relative to `root`; line ends at the end of a file do not count.
///
/// # Errors
/// `HW105` for a variable that is not set, a file that cannot be read, and a reference of no known form.
pub fn resolve(text: &str, environment: &dyn Fn(&str) -> Option<String>, root: &Path) -> Result<Secret> {
    let mut secret = Secret { text: String::with_capacity(text.len()), resolved: Vec::new() };
    let mut rest = text;
    while let Some(start) = rest.find("${") {
        let (before, reference) = rest.split_at(start);
        rest = &reference[2..];
        if let Some(before) = before.strip_suffix('$') {
            secret.text.push_str(before);
            secret.text.push_str("${");
            continue;
        }
        let end = rest.find('}').ok_or_else(|| not_closed(rest))?;
        let value = look_up(&rest[..end], environment, root)?;
        secret.text.push_str(before);
        secret.text.push_str(&value);
        secret.resolved.push(value);
        rest = &rest[end + 1..];
    }
    secret.text.push_str(rest);
    Ok(secret)
}

fn look_up(reference: &str, environment: &dyn Fn(&str) -> Option<String>, root: &Path) -> Result<String> {
    match reference.split_once(':') {
        Some(("env", name)) if !name.is_empty() => environment(name).ok_or_else(|| not_set(name)),
        Some(("file", path)) if !path.is_empty() => read_secret(path, root),
        _ => Err(unknown_form(reference)),
    }
}

fn read_secret(path: &str, root: &Path) -> Result<String> {
    let text = std::fs::read_to_string(root.join(path)).map_err(|error| {
        Error::user(format!("the secret file `{path}` cannot be read"))
            .code("HW105")
            .because(error)
            .help("paths are relative to the project folder")
    })?;
    Ok(text.trim_end_matches(['\r', '\n']).into())
}

fn not_set(name: &str) -> Error {
    Error::user(format!("the environment variable `{name}` is not set")).code("HW105").help(format!("set it: `export {name}=…`"))
}

fn not_closed(reference: &str) -> Error {
    let start: String = reference.chars().take_while(|c| c.is_alphanumeric() || "_:".contains(*c)).collect();
    Error::user(format!("the reference `${{{start}` is not closed")).code("HW105").help("end it with `}`, or write `$${` for a plain `${`")
}

fn unknown_form(reference: &str) -> Error {
    let error = Error::user(format!("`${{{reference}}}` is no reference to a secret")).code("HW105").help(format!("known: {KNOWN}"));
    let is_name = !reference.is_empty() && reference.chars().all(|c| c.is_ascii_alphanumeric() || c == '_');
    if is_name { error.help(format!("did you mean `${{env:{reference}}}`?")) } else { error }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[track_caller]
    fn check(text: &str, expected: &str) {
        let folder = tempfile::tempdir().unwrap();
        std::fs::write(folder.path().join("pw"), "p w\r\n").unwrap();
        let environment = |name: &str| (name == "USER_NAME").then(|| "ada ${env:X}".to_owned());
        let found = match resolve(text, &environment, folder.path()) {
            Ok(secret) => secret.expose().to_owned(),
            Err(error) => error.to_string().lines().map(str::trim).collect::<Vec<_>>().join(" | "),
        };
        assert!(found == expected || (expected.ends_with('…') && found.starts_with(expected.trim_end_matches('…'))), "{found}");
    }

    #[test]
    fn references_are_replaced_once_anywhere_in_the_text() {
        check("plain $5 }", "plain $5 }");
        check("pg://${env:USER_NAME}:${file:pw}@h", "pg://ada ${env:X}:p w@h");
        check("$${env:USER_NAME} ${file:pw}", "${env:USER_NAME} p w");
        assert!(has_reference("a ${env:B}") && !has_reference("a $${env:B}") && !has_reference("$B"));
    }

    #[test]
    fn what_cannot_be_resolved_is_named() {
        check("${env:SHOP_URL}", "error[HW105]: the environment variable `SHOP_URL` is not set | help: set it: `export SHOP_URL=…`");
        check("${file:none}", "error[HW105]: the secret file `none` cannot be read | because: …");
        check("${vault:x}", "error[HW105]: `${vault:x}` is no reference to a secret | help: known: `${env:NAME}` and `${file:path}`");
        check(
            "${HOME}",
            "error[HW105]: `${HOME}` is no reference to a secret | help: known: `${env:NAME}` and `${file:path}` | help: did you mean `${env:HOME}`?",
        );
        check("x${env:A b", "error[HW105]: the reference `${env:A` is not closed…");
        check("${env:}", "error[HW105]: `${env:}` is no reference…");
    }
}
