//! Errors as people read them: what, why, where with the line itself, and what to do next.

use std::fmt::Write as _;
use std::path::Path;

use hw_base::{Error, Span};

use crate::redact_url;

/// The most characters of a line that are shown.
const WIDEST_LINE: usize = 120;

/// Shows `error` and all errors found in the same go, each with the line of the file below `root` that it
/// speaks of. Passwords inside URLs are hidden. Without `color` the text is plain.
pub fn render(error: &Error, root: &Path, color: bool) -> String {
    let paint = Paint { is_colored: color };
    let errors: Vec<&Error> = std::iter::once(error).chain(error.others()).collect();
    let mut blocks: Vec<String> = errors.iter().map(|error| block(error, root, paint)).collect();
    if errors.len() > 1 {
        blocks.push(format!("{} errors", errors.len()));
    }
    blocks.join("\n\n")
}

fn block(error: &Error, root: &Path, paint: Paint) -> String {
    let label = error.known_code().map_or_else(|| "error".into(), |code| format!("error[{code}]"));
    let mut out = format!("{}: {}", paint.red(&label), paint.bold(&redact_url(error.message())));
    for cause in error.causes() {
        push_note(&mut out, &paint.cyan("because"), cause, "           ");
    }
    if let Some(span) = error.span() {
        push_place(&mut out, span, root, paint);
    }
    for help in error.remedies() {
        push_note(&mut out, &paint.green("help"), help, "        ");
    }
    out
}

fn push_note(out: &mut String, label: &str, text: &str, indentation: &str) {
    out.push_str("\n  ");
    out.push_str(label);
    out.push_str(": ");
    out.push_str(&redact_url(text).replace('\n', &format!("\n{indentation}")));
}

fn push_place(out: &mut String, span: &Span, root: &Path, paint: Paint) {
    let Span { file, line, column, .. } = span;
    // Writing to a `String` cannot fail.
    let _ = write!(out, "\n  {}: {}:{line}:{column}", paint.cyan("at"), file.display());
    if let Some(text) = line_of(&root.join(file), *line) {
        push_line(out, span, &text, paint);
    }
}

fn line_of(path: &Path, line: usize) -> Option<String> {
    let text = std::fs::read_to_string(path).ok()?;
    let text = text.strip_prefix('\u{feff}').unwrap_or(&text);
    text.lines().nth(line.checked_sub(1)?).map(str::to_owned)
}

/// Shows the line with its marker; a line in which something had to be hidden has none, since nothing
/// stands in its column any more.
fn push_line(out: &mut String, span: &Span, text: &str, paint: Paint) {
    let shown = redact_url(text);
    let skipped = if span.column + span.length > WIDEST_LINE { span.column.saturating_sub(WIDEST_LINE / 2) } else { 0 };
    let visible: String = shown.chars().skip(skipped).take(WIDEST_LINE).map(|c| if c.is_control() { ' ' } else { c }).collect();
    let number = span.line.to_string();
    let margin = " ".repeat(number.len());
    let bar = paint.cyan("|");
    let _ = write!(out, "\n    {margin} {bar}\n    {} {bar} {}", paint.cyan(&number), visible.trim_end());
    if shown == text {
        let width = visible.chars().count();
        let indentation = " ".repeat(span.column.saturating_sub(skipped + 1).min(width));
        let length = span.length.clamp(1, width.saturating_sub(indentation.len()).max(1));
        let _ = write!(out, "\n    {margin} {bar} {indentation}{}", paint.red(&"^".repeat(length)));
    }
}

/// Colours for a terminal, or none.
#[derive(Clone, Copy)]
struct Paint {
    is_colored: bool,
}

impl Paint {
    fn style(self, code: &str, text: &str) -> String {
        if self.is_colored { format!("\u{1b}[{code}m{text}\u{1b}[0m") } else { text.into() }
    }

    fn bold(self, text: &str) -> String {
        self.style("1", text)
    }

    fn red(self, text: &str) -> String {
        self.style("1;31", text)
    }

    fn green(self, text: &str) -> String {
        self.style("1;32", text)
    }

    fn cyan(self, text: &str) -> String {
        self.style("36", text)
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    fn span(line: usize, column: usize, length: usize) -> Span {
        Span { file: "headworks.yaml".into(), line, column, length }
    }

    #[track_caller]
    fn check(file: &str, error: &Error, expected: &str) {
        let folder = tempfile::tempdir().unwrap();
        std::fs::write(folder.path().join("headworks.yaml"), file).unwrap();
        let shown = render(error, folder.path(), false);
        assert_eq!(shown, expected, "\n{shown}");
    }

    #[test]
    fn the_line_is_shown_with_its_marker() {
        let error = Error::user("unknown key `memroy`").code("HW102").because("one\ntwo").at(span(2, 11, 6)).help("did you mean `memory`?");
        check(
            "project: ä\nengine: { memroy: 2GiB }\n",
            &error,
            "error[HW102]: unknown key `memroy`\n  because: one\n           two\n  at: headworks.yaml:2:11\n      |\n    2 | engine: { memroy: 2GiB }\n      |           ^^^^^^\n  help: did you mean `memory`?",
        );
    }

    #[test]
    fn several_errors_are_counted_and_a_line_that_is_gone_is_left_out() {
        let errors = vec![Error::user("one").at(span(9, 1, 1)), Error::user("two")];
        check("a: 1\n", &Error::all(errors).unwrap(), "error: one\n  at: headworks.yaml:9:1\n\nerror: two\n\n2 errors");
    }

    #[test]
    fn a_place_that_nobody_knows_exactly_is_no_reason_to_panic() {
        let shown = "error: m\n  at: headworks.yaml:1:0\n      |\n    1 | a: 1\n      | ^";
        check("a: 1\n", &Error::user("m").at(span(1, 0, 0)), shown);
        check("a: 1\n", &Error::user("m").at(span(0, 0, 0)), "error: m\n  at: headworks.yaml:0:0");
        check("a: 1\n", &Error::user("m").at(span(1, 99, 5)), "error: m\n  at: headworks.yaml:1:99\n      |\n    1 | a: 1\n      |     ^");
    }

    #[test]
    fn passwords_are_hidden_in_lines_and_messages() {
        let error = Error::user("found `pg://a:pw@h`").at(span(1, 6, 11));
        check("url: pg://a:pw@h\n", &error, "error: found `pg://a:***@h`\n  at: headworks.yaml:1:6\n      |\n    1 | url: pg://a:***@h");
    }

    #[test]
    fn of_a_long_line_the_marked_part_is_shown() {
        let folder = tempfile::tempdir().unwrap();
        std::fs::write(folder.path().join("headworks.yaml"), format!("{}bad{}", "x".repeat(500), "y".repeat(500))).unwrap();
        let shown = render(&Error::user("m").at(span(1, 501, 3)), folder.path(), false);
        let lines: Vec<&str> = shown.lines().collect();
        let marker = lines[4].find('^').unwrap();
        assert_eq!(&lines[3][marker..marker + 3], "bad");
        assert!(lines.iter().all(|line| line.len() < 140));
    }

    #[test]
    fn colour_only_where_it_is_wanted() {
        let error = Error::user("m").help("h");
        assert!(render(&error, Path::new("."), true).contains("\u{1b}[1;31merror\u{1b}[0m"));
        assert!(!render(&error, Path::new("."), false).contains('\u{1b}'));
    }
}
