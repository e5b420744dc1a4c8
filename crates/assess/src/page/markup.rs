//! Writing text into HTML so that it stays text.

/// Characters of a value that a page shows.
const SHOWN: usize = 60;

/// Text as HTML shows it. Control characters are shown as what they are, so that nobody looks for what cannot be seen.
pub(super) fn text(raw: &str) -> String {
    let mut safe = String::with_capacity(raw.len());
    for c in raw.chars() {
        match c {
            '&' => safe.push_str("&amp;"),
            '<' => safe.push_str("&lt;"),
            '>' => safe.push_str("&gt;"),
            '"' => safe.push_str("&quot;"),
            '\'' => safe.push_str("&#39;"),
            '\n' => safe.push(c),
            c if is_invisible(c) => safe.push_str(&format!("\\u{{{:x}}}", u32::from(c))),
            c => safe.push(c),
        }
    }
    safe
}

/// Characters that would hide text or turn it around.
fn is_invisible(c: char) -> bool {
    c.is_control() || matches!(c, '\u{200b}'..='\u{200f}' | '\u{202a}'..='\u{202e}' | '\u{2060}'..='\u{206f}' | '\u{feff}')
}

/// A value from the data: code on one line, cut to what a reader takes in.
pub(super) fn value(raw: &str) -> String {
    format!("<code>{}</code>", text(&cut(raw, SHOWN)))
}

/// The first characters on one line, with `…` where there are more. Blank text is said to be so.
pub(super) fn cut(raw: &str, most: usize) -> String {
    if raw.is_empty() {
        return "(empty)".into();
    }
    let line = raw.replace(['\n', '\r', '\t'], "⏎");
    let shown: String = line.chars().take(most).collect();
    let shown = if line.chars().nth(most).is_some() { shown + "…" } else { shown };
    if shown.trim() == shown { shown } else { format!("\"{shown}\"") }
}

/// A sentence whose `code spans` stay code and whose everything else stays text.
pub(super) fn sentence(raw: &str) -> String {
    let parts: Vec<&str> = raw.split('`').collect();
    // An odd backtick belongs to the data: then nothing is code.
    if parts.len().is_multiple_of(2) {
        return text(raw);
    }
    let part = |(index, part): (usize, &&str)| if index % 2 == 1 { format!("<code>{}</code>", text(part)) } else { text(part) };
    parts.iter().enumerate().map(part).collect()
}

/// A sentence that begins with a capital letter and ends with a full stop.
pub(super) fn full_sentence(raw: &str) -> String {
    let mut chars = raw.chars();
    let capital = chars.next().map(|first| first.to_uppercase().chain(chars).collect::<String>()).unwrap_or_default();
    let end = if capital.ends_with(['.', '!', '?']) { "" } else { "." };
    sentence(&(capital + end))
}

/// A section with its heading, which the table of contents points at.
pub(super) fn section(id: &str, heading: &str, lead: &str, content: &str) -> String {
    let lead = if lead.is_empty() { String::new() } else { format!("<p class=\"lead\">{lead}</p>\n") };
    format!("<section id=\"{id}\" aria-labelledby=\"{id}-h\">\n<h2 id=\"{id}-h\">{heading}</h2>\n{lead}{content}\n</section>\n")
}

/// A table with a caption, in a box that scrolls by itself where it is wider than the page.
pub(super) fn table(caption: &str, headings: &[&str], rows: &[Vec<String>]) -> String {
    let cell = |(index, cell): (usize, &String)| match index {
        0 => format!("<th scope=\"row\">{cell}</th>"),
        _ => format!("<td>{cell}</td>"),
    };
    let heading = |heading: &&str| match heading.strip_prefix('#') {
        Some(number) => format!("<th scope=\"col\" class=\"n\">{number}</th>"),
        None => format!("<th scope=\"col\">{heading}</th>"),
    };
    let numbers = |index: usize| headings.get(index).is_some_and(|heading| heading.starts_with('#'));
    let aligned = |(index, cell_of): (usize, &String)| {
        let plain = cell((index, cell_of));
        if numbers(index) { plain.replacen("<td>", "<td class=\"n\">", 1) } else { plain }
    };
    let body: Vec<String> =
        rows.iter().map(|row| format!("<tr>{}</tr>\n", row.iter().enumerate().map(aligned).collect::<String>())).collect();
    let body = body.concat();
    let head: String = headings.iter().map(heading).collect();
    format!(
        "<div class=\"scroll\" role=\"region\" aria-label=\"{caption}\" tabindex=\"0\"><table><caption>{caption}</caption>\
         <thead><tr>{head}</tr></thead><tbody>\n{body}</tbody></table></div>\n"
    )
}

/// A share, 0 to 1, as a bar with its number beside it.
pub(super) fn bar(share: f64, class: &str) -> String {
    let width = share.clamp(0.0, 1.0) * 100.0;
    // What is there is seen, however little it is.
    let width = if share > 0.0 { width.max(1.5) } else { 0.0 };
    format!("<span class=\"bar\" aria-hidden=\"true\"><i class=\"{class}\" style=\"width:{width:.1}%\"></i></span>")
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn text_never_becomes_markup() {
        assert_eq!(text("<script>alert('a&b')</script>"), "&lt;script&gt;alert(&#39;a&amp;b&#39;)&lt;/script&gt;");
        assert_eq!(text("a\u{202e}b\u{7}"), "a\\u{202e}b\\u{7}");
        assert_eq!(value(" x\n"), "<code>&quot; x⏎&quot;</code>");
        assert_eq!(value(""), "<code>(empty)</code>");
        assert_eq!(sentence("`a<b` is < 5"), "<code>a&lt;b</code> is &lt; 5");
        assert_eq!(sentence("a ` b"), "a ` b");
        assert_eq!(full_sentence("a few. are"), "A few. are.");
    }
}
