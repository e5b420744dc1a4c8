//! Which rows of a raw copy came from a file. Those of a renamed file stay under the name that it had, and another file may have that name
//! by now: then the batches tell them apart.

use hw_base::{SourceFile, literal};

use super::extract::{BATCH, FILE};

/// The rows that came from the files of these paths, as SQL; `known` are the files that were read before.
pub(super) fn rows_of(paths: &[String], known: &[SourceFile]) -> String {
    let (mut names, mut parts) = (Vec::new(), Vec::new());
    for path in paths {
        // A file may have taken the place of another one that was known by this path.
        let files = known.iter().filter(|file| file.path == *path);
        let earlier = files.filter_map(|file| Some((file.was.as_deref()?, file.was_until)));
        for (name, until) in [(path.as_str(), None)].into_iter().chain(earlier) {
            match (before(name, until, known), until) {
                (None, None) => names.push(literal(name)),
                (after, until) => parts.push(part(name, after, until)),
            }
        }
    }
    let all = (!names.is_empty()).then(|| format!("{FILE} in ({})", names.join(", ")));
    all.into_iter().chain(parts).collect::<Vec<_>>().join(" or ")
}

/// The last batch that may have rows of another file, which had this name before the one that has it until that batch, or now.
fn before(name: &str, until: Option<i64>, known: &[SourceFile]) -> Option<i64> {
    let others = known.iter().filter(|file| file.was.as_deref() == Some(name)).filter_map(|file| file.was_until);
    others.filter(|other| until.is_none_or(|until| *other < until)).max()
}

fn part(name: &str, after: Option<i64>, until: Option<i64>) -> String {
    let after = after.map(|batch| format!(" and {BATCH} > {batch}")).unwrap_or_default();
    let until = until.map(|batch| format!(" and {BATCH} <= {batch}")).unwrap_or_default();
    format!("({FILE} = {}{after}{until})", literal(name))
}

#[cfg(test)]
mod tests {
    use super::*;

    fn file(path: &str, was: Option<(&str, i64)>) -> SourceFile {
        let (was, was_until) = (was.map(|(was, _)| was.to_owned()), was.map(|(_, until)| until));
        SourceFile { was, was_until, ..SourceFile::listed(path, 1, 1) }
    }

    #[track_caller]
    fn check(paths: &[&str], known: &[SourceFile], expected: &str) {
        let paths: Vec<String> = paths.iter().map(|path| (*path).to_owned()).collect();
        assert_eq!(rows_of(&paths, known), expected);
    }

    #[test]
    fn a_name_that_several_files_had_is_told_apart_by_the_batches() {
        let (plain, second) = (file("b", None), file("b", Some(("a", 2))));
        check(&["a", "b"], std::slice::from_ref(&plain), "_file in ('a', 'b')");
        check(&["b"], std::slice::from_ref(&second), "_file in ('b') or (_file = 'a' and _batch <= 2)");
        let known = [file("a", None), second, file("c", Some(("a", 5)))];
        check(&["a"], &known, "(_file = 'a' and _batch > 5)");
        check(&["c"], &known, "_file in ('c') or (_file = 'a' and _batch > 2 and _batch <= 5)");
        check(&["b"], &known, "_file in ('b') or (_file = 'a' and _batch <= 2)");
        let back = [file("a", Some(("a", 2))), file("c", Some(("a", 5)))];
        check(&["a"], &back, "(_file = 'a' and _batch > 5) or (_file = 'a' and _batch <= 2)");
        let pair = [file("a", Some(("c", 5))), file("b", Some(("a", 5)))];
        check(&["a"], &pair, "(_file = 'a' and _batch > 5) or (_file = 'c' and _batch <= 5)");
        check(&["b"], &pair, "_file in ('b') or (_file = 'a' and _batch <= 5)");
        let replaced = [file("a", None), file("a", Some(("c", 5)))];
        check(&["a"], &replaced, "_file in ('a') or (_file = 'c' and _batch <= 5)");
    }
}
