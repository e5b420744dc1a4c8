//! Files that come again, such as one a day: the patterns that name them all, and what they are called without their numbers.

use glob::Pattern;
use hw_base::snake_case;

use crate::files::without_ending;

/// A number in a pattern, and one where the names beside it are no numbers.
const NUMBERS: [&str; 2] = ["*", "[0-9]*"];
/// What may stand between the parts of a date, and before a number.
const SEPARATORS: [char; 4] = ['-', '_', '.', ' '];
/// How many digits directly behind letters are a date, as in `orders20260131`; fewer tell one of a few things from the others.
const LEAST_DATE: usize = 6;
/// A word for any piece of a table, as in `part-00000.parquet`: its folder tells more.
const PIECE: &str = "part";

/// The folder of a path and the name in it.
pub(crate) fn parted(path: &str) -> (&str, &str) {
    path.rsplit_once('/').unwrap_or(("", path))
}

/// A path with a `0` for each of its numbers: the same for paths that differ in numbers alone.
pub(crate) fn without_numbers(path: &str) -> String {
    let mut plain = String::with_capacity(path.len());
    for c in path.chars() {
        match c {
            '0'..='9' if plain.ends_with('0') => {}
            '0'..='9' => plain.push('0'),
            c => plain.push(c),
        }
    }
    plain
}

/// Patterns for files whose folders differ in numbers alone, the most general ones first: what else they match has to be looked at. The
/// first `given` folders stand as they are where they do not differ.
pub(crate) fn patterns(paths: &[&str], given: usize) -> Vec<String> {
    let (names, mut patterns) = (names(paths), Vec::new());
    for folder in folders(paths, given) {
        for name in &names {
            let pattern = if folder.is_empty() { name.clone() } else { format!("{folder}/{name}") };
            let is_new = !patterns.contains(&pattern) && paths.iter().all(|path| Pattern::escape(path) != pattern);
            if is_new {
                patterns.push(pattern);
            }
        }
    }
    patterns
}

fn folders(paths: &[&str], given: usize) -> Vec<String> {
    let all: Vec<Vec<&str>> = paths.iter().map(|path| parted(path).0.split('/').collect()).collect();
    let Some(first) = all.first() else { return Vec::new() };
    let differs = |at: usize| all.iter().any(|parts| parts.get(at) != first.get(at));
    // After the months of 2026 come those of 2027.
    let with_dates = NUMBERS.map(|number| folder_pattern(first, number, &|at, part| differs(at) || (at >= given && is_date(part))));
    let differing = NUMBERS.map(|number| folder_pattern(first, number, &|at, _| differs(at)));
    with_dates.into_iter().chain(differing).collect()
}

/// A folder with `number` in place of the numbers of those of its parts that are open.
fn folder_pattern(parts: &[&str], number: &str, is_open: &dyn Fn(usize, &str) -> bool) -> String {
    let parts = parts.iter().enumerate();
    let patterns = parts.map(|(at, part)| if is_open(at, part) { around_numbers(part, number) } else { Pattern::escape(part) });
    patterns.collect::<Vec<_>>().join("/")
}

/// Whether a folder is a date, a part of one or a number, alone or as the value of a key.
fn is_date(folder: &str) -> bool {
    let value = folder.rsplit_once('=').map_or(folder, |(_, value)| value);
    value.starts_with(|c: char| c.is_ascii_digit()) && value.chars().all(|c| c.is_ascii_digit() || SEPARATORS.contains(&c))
}

/// A name with `number` in place of all from its first to its last digit.
fn around_numbers(name: &str, number: &str) -> String {
    let is_digit = |c: char| c.is_ascii_digit();
    match (name.find(is_digit), name.rfind(is_digit)) {
        (Some(first), Some(last)) => format!("{}{number}{}", Pattern::escape(&name[..first]), Pattern::escape(&name[last + 1..])),
        _ => Pattern::escape(name),
    }
}

fn names(paths: &[&str]) -> Vec<String> {
    let names: Vec<&str> = paths.iter().map(|path| parted(path).1).collect();
    let stems: Vec<&str> = names.iter().map(|name| without_ending(name)).collect();
    let endings: Vec<&str> = names.iter().zip(&stems).map(|(name, stem)| &name[stem.len()..]).collect();
    let ending = of_endings(&endings);
    of_stems(&stems).into_iter().map(|stem| stem + &ending).collect()
}

/// The ending that files share: `.csv*` where some of them are compressed.
fn of_endings(endings: &[&str]) -> String {
    let [first, others @ ..] = endings else { return String::new() };
    let shared = others.iter().fold(*first, |shared, ending| common_start(shared, ending));
    let is_all = endings.iter().all(|ending| *ending == shared);
    format!("{}{}", Pattern::escape(shared), if is_all { "" } else { "*" })
}

fn of_stems(stems: &[&str]) -> Vec<String> {
    let [first, others @ ..] = stems else { return Vec::new() };
    if others.iter().all(|stem| stem == first) {
        return numbered(first).into_iter().chain([Pattern::escape(first)]).collect();
    }
    let start = others.iter().fold(*first, |start, stem| common_start(start, stem));
    let end = others.iter().fold(*first, |end, stem| common_end(end, stem));
    let before = start.split(char::is_numeric).next().unwrap_or_default();
    let behind = end.rsplit(char::is_numeric).next().unwrap_or_default();
    let around = |before: &str, behind: &str| format!("{}*{}", Pattern::escape(before), Pattern::escape(behind));
    let mut patterns = vec![around(before, ""), around(start, ""), around(before, behind)];
    // Where numbers come first, what follows them says which files are meant.
    if !before.contains(char::is_alphabetic) && behind.contains(char::is_alphabetic) {
        patterns.rotate_right(1);
    }
    patterns
}

/// The pattern for one name that ends with a date or a running number: `charges-*` for `charges-2026-01`.
fn numbered(stem: &str) -> Option<String> {
    let before = stem.trim_end_matches(|c: char| c.is_ascii_digit() || SEPARATORS.contains(&c));
    let end = &stem[before.len()..];
    let number = end.trim_start_matches(SEPARATORS);
    let separator = &end[..end.len() - number.len()];
    let digits = number.chars().filter(char::is_ascii_digit).count();
    match () {
        () if !number.ends_with(|c: char| c.is_ascii_digit()) => None,
        () if before.is_empty() => Some(format!("{separator}{}", NUMBERS[1])),
        () if separator.is_empty() && digits < LEAST_DATE => None,
        () => Some(format!("{}{separator}*", Pattern::escape(before))),
    }
}

fn common_start<'a>(first: &'a str, other: &str) -> &'a str {
    let differing = first.char_indices().zip(other.chars()).find(|((_, a), b)| a != b);
    let end = differing.map_or(first.len().min(other.len()), |((at, _), _)| at);
    first.get(..end).unwrap_or_default()
}

fn common_end<'a>(first: &'a str, other: &str) -> &'a str {
    let differing = first.char_indices().rev().zip(other.chars().rev()).find(|((_, a), b)| a != b);
    let start = differing.map_or(first.len().saturating_sub(other.len()), |((at, c), _)| at + c.len_utf8());
    first.get(start..).unwrap_or_default()
}

/// The name of a dataset and that of a folder which tells it from others of its name; empty where nothing tells one.
#[derive(Debug, PartialEq, Eq)]
pub(crate) struct Called {
    pub(crate) name: String,
    pub(crate) folder: String,
}

impl Called {
    /// What files are called that a pattern of [`patterns`] names: by their word, else by the nearest folder.
    pub(crate) fn by_files(paths: &[&str], pattern: &str) -> Self {
        let folder = paths.first().map_or("", |path| parted(path).0);
        let (word, folders) = (shared_word(paths), folder_names(folder, parted(pattern).0));
        let nearest = folders.first().cloned().unwrap_or_default();
        Self::new([telling(&word), nearest, word], &folders)
    }

    /// What files are called that somebody's glob names: by the folder that holds them all, where it tells nothing of their names.
    pub(crate) fn by_glob(paths: &[&str], glob: &str) -> Self {
        let (folder, last) = parted(glob);
        let folders = folder_names(folder, folder);
        let parent = folder_name(parted(folder).1, parted(folder).1);
        let nearest = folders.first().cloned().unwrap_or_default();
        let first = paths.first().map(|path| word(parted(path).1)).unwrap_or_default();
        let word = if last.starts_with('*') || first.is_empty() { shared_word(paths) } else { first };
        let parent = if last.starts_with('*') { parent } else { String::new() };
        Self::new([parent, telling(&word), nearest, word], &folders)
    }

    fn new<const N: usize>(names: [String; N], folders: &[String]) -> Self {
        let name = names.into_iter().find(|name| !name.is_empty()).unwrap_or_default();
        let folder = folders.iter().find(|folder| **folder != name).cloned().unwrap_or_default();
        Self { name, folder }
    }
}

/// A word, unless it would name any piece of any table.
fn telling(word: &str) -> String {
    if word == PIECE { String::new() } else { word.to_owned() }
}

/// What the folders are called, the nearest one first, without those that numbers or a key and its value name.
fn folder_names(folder: &str, pattern: &str) -> Vec<String> {
    let names = folder.rsplit('/').zip(pattern.rsplit('/')).map(|(part, pattern)| folder_name(part, pattern));
    names.filter(|name| !name.is_empty()).collect()
}

fn folder_name(part: &str, pattern: &str) -> String {
    match () {
        () if part.contains('=') || !part.contains(char::is_alphabetic) => String::new(),
        () if Pattern::escape(part) == pattern => snake_case(part),
        // A part of somebody's glob.
        () if part == pattern => String::new(),
        () => letters(part),
    }
}

/// What all of the files are called without numbers; empty where that differs, or nothing is left.
fn shared_word(paths: &[&str]) -> String {
    let mut words = paths.iter().map(|path| {
        let (name, word) = (parted(path).1, word(parted(path).1));
        if word.is_empty() { letters(without_ending(name)) } else { word }
    });
    let first = words.next().unwrap_or_default();
    if words.all(|word| word == first) { first } else { String::new() }
}

/// What a file is called before numbers begin: `orders` for `orders-2026-01.csv`; empty where it has no such word.
pub(crate) fn word(name: &str) -> String {
    let stem = without_ending(name);
    let mut words: Vec<String> = Vec::new();
    for part in stem.split(|c: char| !c.is_alphanumeric()).filter(|part| !part.is_empty()) {
        let letters: String = part.chars().take_while(|c| !c.is_numeric()).collect();
        let rest = &part[letters.len()..];
        let is_numbered = !rest.is_empty();
        if is_hash(part) || (is_numbered && !rest.chars().all(char::is_numeric)) {
            break;
        }
        if !letters.is_empty() {
            words.push(letters);
        }
        if is_numbered {
            break;
        }
    }
    if words.is_empty() { String::new() } else { snake_case(&words.join("_")) }
}

/// All words of a text without numbers: `flights` for `2026-01-31_flights`. Single letters, as of quarters and versions, tell nothing.
fn letters(text: &str) -> String {
    let parts = text.split(|c: char| !c.is_alphanumeric()).filter(|part| !is_hash(part));
    let parts = parts.map(|part| part.split_at(part.find(char::is_numeric).unwrap_or(part.len())));
    let is_word = |(letters, rest): &(&str, &str)| letters.chars().nth(1).is_some() && rest.chars().all(char::is_numeric);
    let words: Vec<&str> = parts.filter(is_word).map(|(letters, _)| letters).collect();
    if words.is_empty() { String::new() } else { snake_case(&words.join("_")) }
}

fn is_hash(part: &str) -> bool {
    part.len() >= 8 && part.chars().all(|c| c.is_ascii_hexdigit())
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_file_is_called_by_its_words_before_numbers() {
        let words = ["orders-2026-01.csv", "Orders 3.CSV", "part-00000-3f2a9c1d-c000.snappy.parquet", "3f2a9c1d.json", "jan.csv"];
        assert_eq!(words.map(word), ["orders", "orders", "part", "", "jan"]);
        assert_eq!(["2026-01-31_flights", "store12", "2026-q1", "3f2a9c1d", "deadbeef"].map(letters), ["flights", "store", "", "", ""]);
    }

    #[track_caller]
    fn check(paths: &[&str], given: usize, pattern: &str, name: &str) {
        let first = patterns(paths, given).into_iter().next().unwrap_or_default();
        assert_eq!((first.as_str(), Called::by_files(paths, &first).name.as_str()), (pattern, name), "{paths:?}");
    }

    #[test]
    fn what_differs_in_numbers_becomes_a_pattern() {
        check(&["in/flights/2026-01-01/flights.csv", "in/flights/2026-01-02/flights.csv"], 1, "in/flights/*/flights.csv", "flights");
        check(&["y/2026/01/orders.csv", "y/2026/02/orders.csv"], 1, "y/*/*/orders.csv", "orders");
        check(&["y/2026/01/orders.csv", "y/2026/02/orders.csv"], 2, "y/2026/*/orders.csv", "orders");
        check(&["y/2026/01/orders.csv", "y/2026/02/orders.csv"], usize::MAX, "y/2026/*/orders.csv", "orders");
        check(&["orders/dt=2026-01-01/part-0.csv", "orders/dt=2026-01-02/part-0.csv"], 0, "orders/dt=*/part-*.csv", "orders");
        check(&["dt=2026-01-01/part-0.csv", "dt=2026-01-02/part-0.csv"], 0, "dt=*/part-*.csv", "part");
        check(&["store1/2026-01.csv", "store2/2026-02.csv"], 0, "store*/*.csv", "store");
        check(&["in/2026-01_flights.csv", "in/2026-02_flights.csv"], 1, "in/*_flights.csv", "flights");
        check(&["in/flights-1.csv", "in/flights-2.csv.gz"], 1, "in/flights-*.csv*", "flights");
        check(&["a[1]/x-1.csv", "a[2]/x-2.csv"], 0, "a[[]*[]]/x-*.csv", "x");
        check(&["in/2026-01-01/1.csv"], 1, "in/*/[0-9]*.csv", "in");
    }

    #[test]
    fn one_file_is_one_of_many_where_its_name_ends_with_a_date_or_a_number() {
        for (path, pattern) in [
            ("charges-2026-01.ndjson", "charges-*.ndjson"),
            ("orders_export_1.csv.gz", "orders_export_*.csv.gz"),
            ("orders20260131.csv", "orders*.csv"),
            ("2026-01.csv", "[0-9]*.csv"),
            ("sf1_orders.csv", ""),
            ("sales2.csv", ""),
            ("orders.csv", ""),
            ("orders_2026_final.csv", ""),
        ] {
            assert_eq!(patterns(&[path], usize::MAX).into_iter().next().unwrap_or_default(), pattern, "{path}");
        }
    }

    #[track_caller]
    fn check_glob(glob: &str, paths: &[&str], name: &str) {
        assert_eq!(Called::by_glob(paths, glob).name, name, "{glob}");
    }

    #[test]
    fn a_glob_is_called_by_what_is_no_number_in_it() {
        check_glob("in/*s.csv", &["in/colors.csv", "in/sizes.csv"], "in");
        check_glob("landing/flights/*/*.csv*", &["landing/flights/2026-01-01/flights.csv"], "flights");
        check_glob("dt=*/*.csv", &["dt=2026-01-01/orders.csv", "dt=2026-01-02/orders.csv"], "orders");
        check_glob("dt=*/*.csv", &["dt=2026-01-01/a.csv", "dt=2026-01-02/b.csv"], "");
        check_glob("orders/dt=*/*.parquet", &["orders/dt=2026-01-01/part-0.parquet"], "orders");
        check_glob("shops/*/*.csv", &["shops/berlin/a.csv", "shops/paris/b.csv"], "shops");
        check_glob("landing/2026*.csv", &["landing/2026-01.csv", "landing/2026-02.csv"], "landing");
        check_glob("landing/orders-*.csv", &["landing/orders-1.csv"], "orders");
    }

    #[test]
    fn a_folder_tells_files_of_one_name_apart() {
        let expected = |name: &str, folder: &str| Called { name: name.to_owned(), folder: folder.to_owned() };
        assert_eq!(Called::by_files(&["a/2026/orders.csv"], "a/*/orders.csv"), expected("orders", "a"));
        assert_eq!(Called::by_files(&["berlin/orders/1.csv", "berlin/orders/2.csv"], "berlin/orders/*.csv"), expected("orders", "berlin"));
        assert_eq!(without_numbers("y/2026-01/a10.csv"), without_numbers("y/2025-12/a9.csv"));
    }
}
