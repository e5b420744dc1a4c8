//! How a person names data: a file, a folder, a glob or the URL of a database, and after `#` one dataset of several in it.

use std::fmt;
use std::path::Path;

use crate::files::is_glob;

/// Data as a person names it: a file, a folder, a glob or the URL of a database, and after `#` a table or sheet of it.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Address {
    /// The place.
    pub place: String,
    /// The table or sheet, where one is named.
    pub part: Option<String>,
}

impl Address {
    /// Reads what stands for data below `root`. A file whose own name has a `#` is taken as it is.
    pub fn read(root: &Path, text: &str) -> Self {
        let is_place = |place: &str| !place.is_empty() && (root.join(place).exists() || is_glob(place));
        let cuts = text.match_indices('#').map(|(at, _)| (&text[..at], &text[at + 1..]));
        let cut = match () {
            () if root.join(text).exists() => None,
            // A password may have a `#` too.
            () if text.contains("://") => text.rsplit_once('#').filter(|(_, part)| !part.contains(['@', '/'])),
            () => cuts.into_iter().find(|(place, _)| is_place(place)),
        };
        match cut {
            Some((place, part)) => Self { place: place.to_owned(), part: Some(part.to_owned()) },
            None => Self { place: text.to_owned(), part: None },
        }
    }

    /// Whether the place is a database behind a URL, which may hold a password.
    pub fn is_url(&self) -> bool {
        self.place.contains("://")
    }

    /// The place as it may be shown: without user, password and parameters of a URL.
    pub(crate) fn shown_place(&self) -> String {
        let Some((scheme, rest)) = self.place.split_once("://") else { return self.place.clone() };
        let host = rest.rsplit_once('@').map_or(rest, |(_, host)| host);
        format!("{scheme}://{}", host.split('?').next().unwrap_or_default())
    }
}

impl fmt::Display for Address {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        match &self.part {
            Some(part) => write!(f, "{}#{part}", self.place),
            None => f.write_str(&self.place),
        }
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_part_follows_a_place_that_exists() {
        let folder = tempfile::tempdir().unwrap();
        for name in ["shop.db", "odd#1.csv"] {
            std::fs::write(folder.path().join(name), "x").unwrap();
        }
        let read = |text: &str| Address::read(folder.path(), text);
        let address = |place: &str, part: Option<&str>| Address { place: place.into(), part: part.map(str::to_owned) };
        assert_eq!(read("shop.db#Order Lines"), address("shop.db", Some("Order Lines")));
        assert_eq!(read("shop.db#a#b"), address("shop.db", Some("a#b")));
        assert_eq!(read("shops/*.db#orders"), address("shops/*.db", Some("orders")));
        assert_eq!(read("postgres://h/shop#orders"), address("postgres://h/shop", Some("orders")));
        assert_eq!(read("postgres://ada:p/w#d@h/shop?sslmode=off#orders").shown_place(), "postgres://h/shop");
        assert_eq!(read("odd#1.csv"), address("odd#1.csv", None));
        assert_eq!(read("gone.db#orders"), address("gone.db#orders", None));
    }
}
