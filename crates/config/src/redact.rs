//! Taking secrets out of texts that people see.

use crate::Secret;

/// What stands where a secret stood.
const MASK: &str = "***";

/// Parameters whose values are secrets, in URLs and connection strings.
const SECRET_PARAMETERS: &[&str] =
    &["password", "passwd", "pwd", "token", "secret", "sig", "api_key", "apikey", "access_key", "secret_access_key"];

/// A password shorter than this is not searched for on its own: it would tear the message apart.
const SHORTEST_SEARCHED: usize = 3;

/// Takes `secret`, its password where it is a URL, and every password inside a URL out of `message`.
pub fn redact(message: &str, secret: &Secret) -> String {
    let mut parts: Vec<&str> = secret.resolved().iter().map(String::as_str).collect();
    parts.extend(password(secret.expose()));
    parts.retain(|part| part.chars().count() >= SHORTEST_SEARCHED);
    parts.sort_by_key(|part| std::cmp::Reverse(part.len()));
    let masked = parts.iter().fold(message.to_owned(), |text, part| text.replace(part, MASK));
    redact_url(&masked)
}

/// Hides the password of every URL in `url`, and the values of parameters such as `password=` and `sig=`.
///
/// The text around them stays: `postgres://ada:pw@host/shop` becomes `postgres://ada:***@host/shop`.
pub fn redact_url(url: &str) -> String {
    let mut shown = String::with_capacity(url.len());
    let mut rest = url;
    while let Some(password) = password(rest) {
        let start = password.as_ptr().addr() - rest.as_ptr().addr();
        shown.push_str(&rest[..start]);
        shown.push_str(MASK);
        rest = &rest[start + password.len()..];
    }
    shown.push_str(rest);
    mask_parameters(&shown)
}

/// The password of the first URL in `text` that has one, as a part of `text`.
fn password(text: &str) -> Option<&str> {
    let starts = text.match_indices("://").map(|(at, separator)| at + separator.len());
    starts.into_iter().find_map(|start| user_part(&text[start..])?.split_once(':').map(|(_, password)| password))
}

/// What stands before the host: `ada:pw` in `ada:pw@host/shop`. An unescaped `/` in a password is recognised.
fn user_part(after_scheme: &str) -> Option<&str> {
    let url = until(after_scheme, |c| c.is_whitespace() || "\"'`<>".contains(c));
    let authority = until(url, |c| "/?#".contains(c));
    let has_port = authority.rsplit_once(':').is_none_or(|(_, port)| port.bytes().all(|byte| byte.is_ascii_digit()));
    match authority.rfind('@') {
        Some(end) => Some(&authority[..end]),
        None if has_port => None,
        None => url.rfind('@').map(|end| &url[..end]),
    }
}

fn mask_parameters(text: &str) -> String {
    let mut shown = String::with_capacity(text.len());
    let mut rest = text;
    while let Some(equals) = rest.find('=') {
        let (before, after) = rest.split_at(equals + 1);
        let name = before[..equals].rsplit(|c: char| !(c.is_alphanumeric() || c == '_')).next().unwrap_or_default();
        let is_secret = SECRET_PARAMETERS.iter().any(|secret| name.eq_ignore_ascii_case(secret));
        let value = until(after, |c| c.is_whitespace() || "&;\"'`<>,".contains(c));
        shown.push_str(before);
        shown.push_str(if is_secret && !value.is_empty() { MASK } else { "" });
        rest = if is_secret { &after[value.len()..] } else { after };
    }
    shown + rest
}

fn until(text: &str, is_end: impl Fn(char) -> bool) -> &str {
    &text[..text.find(is_end).unwrap_or(text.len())]
}

#[cfg(test)]
mod tests {
    use std::path::Path;

    use super::*;

    #[track_caller]
    fn check(text: &str, expected: &str) {
        assert_eq!(redact_url(text), expected);
    }

    #[test]
    fn passwords_of_urls_are_hidden_and_the_rest_stays() {
        check("postgres://ada:s3cret@db:5432/shop?sslmode=require", "postgres://ada:***@db:5432/shop?sslmode=require");
        check("postgres://ada@db/shop", "postgres://ada@db/shop");
        check("see http://host:80/a@b and s3://bucket/key", "see http://host:80/a@b and s3://bucket/key");
        check("a `mysql://u:p@h`, b `mysql://u:q@h`", "a `mysql://u:***@h`, b `mysql://u:***@h`");
        check("postgres://u:p@x@h/d and postgres://u:p/w@h/d", "postgres://u:***@h/d and postgres://u:***@h/d");
        check("host=db Password=abc user=ada", "host=db Password=*** user=ada");
        check("https://x.blob/y?sv=1&sig=abc%3D&se=2", "https://x.blob/y?sv=1&sig=***&se=2");
    }

    #[test]
    fn a_secret_and_its_password_leave_the_message() {
        let environment = |name: &str| Some(if name == "URL" { "postgres://ada:s3cret@db/shop" } else { "t0ken" }.to_owned());
        let secret = crate::resolve("${env:URL}", &environment, Path::new(".")).unwrap();
        assert_eq!(redact("cannot open postgres://ada:s3cret@db/shop (s3cret)", &secret), "cannot open *** (***)");
        let secret = crate::resolve("Bearer ${env:TOKEN}", &environment, Path::new(".")).unwrap();
        assert_eq!(redact("header `Bearer t0ken` refused", &secret), "header `Bearer ***` refused");
    }
}
