//! YAML as a settings tree whose every node and key knows its place.
//!
//! The tree is built from the events of the YAML parser, in one pass: reading through serde's `Spanned` took
//! more than twice as long and lost the spelling of numbers. Values are those of YAML 1.2, so only `true` and `false`
//! are Boolean, and `on:`, `no` and `007` stay text. Syntax errors end the reading at the first one; keys given
//! twice and whatever else the parser does not mind are all reported.

use std::borrow::Cow;
use std::collections::HashMap;
use std::path::Path;

use hw_base::{Entry, Error, Node, Result, Settings, SettingsMap, Span};
use serde_saphyr::granit_parser::{Event, Parser, ScalarStyle, ScanError, Span as Place, StrInput, StructureStyle, Tag};

/// How many nodes a file may have once its aliases are followed.
const MOST_NODES: usize = 1_000_000;

/// Reads the YAML file at `path`. Places and messages name it `shown_as`.
///
/// # Errors
/// What [`parse_yaml`] refuses, and files that cannot be read or are no UTF-8 text.
pub fn read_yaml(path: &Path, shown_as: &Path) -> Result<Settings> {
    parse_yaml(&read_text(path, shown_as)?, shown_as)
}

/// Reads YAML text. An empty text is an empty map; whole numbers beyond 64 bits stay text.
///
/// # Errors
/// `HW101` for YAML that cannot be read, with the place; one error per key that is given twice.
pub fn parse_yaml(text: &str, shown_as: &Path) -> Result<Settings> {
    let text = text.strip_prefix('\u{feff}').unwrap_or(text);
    let source = Source { text, file: shown_as };
    let options = serde_saphyr::granit_parser::options! { emit_comments: false, flow_nesting_limit: 64, block_nesting_limit: 64 };
    let parser = Parser::new_from_str_with_options(text, options);
    let mut reading = Reading { source, parser, anchors: HashMap::new(), nodes: 0, errors: Vec::new() };
    match reading.document() {
        Ok(settings) => Error::all(reading.errors).map_or(Ok(settings), Err),
        Err(error) => {
            reading.errors.push(error);
            Err(Error::all(reading.errors).unwrap_or_else(|| Error::bug("YAML was refused without a reason")))
        }
    }
}

/// Reads a text file of a project; a byte order mark at its start is left out.
pub(crate) fn read_text(path: &Path, shown_as: &Path) -> Result<String> {
    let bytes = std::fs::read(path).map_err(|error| Error::outside(format!("`{}` cannot be read", shown_as.display())).because(error))?;
    let mut text = String::from_utf8(bytes).map_err(|error| not_text(error.as_bytes(), error.utf8_error().valid_up_to(), shown_as))?;
    if text.starts_with('\u{feff}') {
        text.drain(..'\u{feff}'.len_utf8());
    }
    Ok(text)
}

fn not_text(bytes: &[u8], valid_bytes: usize, shown_as: &Path) -> Error {
    let valid = String::from_utf8_lossy(&bytes[..valid_bytes]);
    let line = valid.matches('\n').count() + 1;
    let column = valid.rsplit('\n').next().unwrap_or_default().chars().count() + 1;
    Error::user(format!("`{}` is no UTF-8 text", shown_as.display()))
        .code("HW101")
        .because(format!("the byte 0x{:02x} begins no character", bytes[valid_bytes]))
        .at(Span { file: shown_as.into(), line, column, length: 1 })
        .help("save the file as UTF-8")
}

/// The text that a tree is read from.
#[derive(Clone, Copy)]
struct Source<'a> {
    text: &'a str,
    file: &'a Path,
}

/// A tree in the making.
struct Reading<'a> {
    source: Source<'a>,
    parser: Parser<'a, StrInput<'a>>,
    /// Nodes with an anchor, each with the number of nodes in it.
    anchors: HashMap<usize, (Settings, usize)>,
    nodes: usize,
    errors: Vec<Error>,
}

impl<'a> Reading<'a> {
    /// The only document of the text.
    fn document(&mut self) -> Result<Settings> {
        let mut settings = Settings { node: Node::Map(SettingsMap::default()), span: Some(self.source.first_line()) };
        loop {
            match self.event()? {
                (Event::StreamStart | Event::DocumentEnd, _) => {}
                (Event::DocumentStart(..), place) if self.nodes > 0 => return Err(self.source.second_document(place)),
                (Event::DocumentStart(..), _) => settings = self.root(settings)?,
                _ => return Ok(settings),
            }
        }
    }

    /// The node of the document, or `empty` where it has none.
    fn root(&mut self, empty: Settings) -> Result<Settings> {
        let (event, place) = self.event()?;
        let settings = self.node(event, place, None)?;
        Ok(if settings.node == Node::Null { empty } else { settings })
    }

    fn event(&mut self) -> Result<(Event<'a>, Place)> {
        match self.parser.next_event() {
            Some(Ok(event)) => Ok(event),
            Some(Err(error)) => Err(self.source.refusal(&error)),
            None => Ok((Event::StreamEnd, Place::default())),
        }
    }

    /// The node that begins with `event`; `key` is the place of the key that it stands under.
    fn node(&mut self, event: Event<'a>, place: Place, key: Option<&Span>) -> Result<Settings> {
        let before = self.nodes;
        self.count(1, place)?;
        let (node, span, anchor) = match event {
            Event::Alias(anchor) => return self.alias(anchor, place),
            Event::Scalar(text, style, anchor, tag) => {
                self.check_tag(tag.as_deref(), place);
                let is_left_out = self.source.marked(place).is_empty();
                let span = key.filter(|_| is_left_out).cloned().unwrap_or_else(|| self.source.span(place));
                (scalar(text, style, tag.as_deref()), span, anchor)
            }
            Event::SequenceStart(style, anchor, _) => (self.list()?, self.source.opening(style, place, key), anchor),
            Event::MappingStart(style, anchor, _) => (self.map()?, self.source.opening(style, place, key), anchor),
            _ => return Err(self.source.error("a value is missing", place)),
        };
        let settings = Settings { node, span: Some(span) };
        if anchor != 0 {
            self.anchors.insert(anchor, (settings.clone(), self.nodes - before));
        }
        Ok(settings)
    }

    fn count(&mut self, nodes: usize, place: Place) -> Result<()> {
        self.nodes += nodes;
        if self.nodes <= MOST_NODES {
            return Ok(());
        }
        Err(self.source.error("the file has too many values", place).because("an alias counts as often as it is used"))
    }

    fn alias(&mut self, anchor: usize, place: Place) -> Result<Settings> {
        let nodes = self.anchors.get(&anchor).map_or(0, |(_, nodes)| *nodes);
        self.count(nodes, place)?;
        match self.anchors.get(&anchor) {
            Some((settings, _)) => Ok(Settings { span: Some(self.source.span(place)), ..settings.clone() }),
            None => Err(self.source.error("an alias cannot stand inside the value that it names", place)),
        }
    }

    fn check_tag(&mut self, tag: Option<&Tag>, place: Place) {
        if let Some(tag) = tag.filter(|tag| tag.is_custom()) {
            self.errors.push(self.source.error(&format!("the tag `{}` has no meaning here", tag.original()), place).help("remove it"));
        }
    }

    fn list(&mut self) -> Result<Node> {
        let mut items = Vec::new();
        loop {
            match self.event()? {
                (Event::SequenceEnd, _) => return Ok(Node::List(items)),
                (event, place) => items.push(self.node(event, place, None)?),
            }
        }
    }

    fn map(&mut self) -> Result<Node> {
        let mut map = SettingsMap::default();
        let mut merged = Vec::new();
        loop {
            match self.event()? {
                (Event::MappingEnd, _) => break,
                (Event::Scalar(key, style, ..), place) if key == "<<" && style == ScalarStyle::Plain => merged.push(self.merged(place)?),
                (Event::Scalar(key, ..), place) => self.entry(&mut map, key, place)?,
                (_, place) => return Err(self.source.error("a key must be plain text", place)),
            }
        }
        for entry in merged.into_iter().flatten() {
            if !map.0.iter().any(|own| own.key == entry.key) {
                map.0.push(entry);
            }
        }
        Ok(Node::Map(map))
    }

    /// Reads the value of `key` and adds both to `map`, unless the key is there already.
    fn entry(&mut self, map: &mut SettingsMap, key: Cow<'a, str>, place: Place) -> Result<()> {
        let key_span = self.source.span(place);
        let (event, place) = self.event()?;
        let value = self.node(event, place, Some(&key_span))?;
        match map.0.iter().find(|entry| entry.key == key) {
            Some(first) => self.errors.push(given_twice(first, key_span)),
            None => map.0.push(Entry { key: key.into_owned(), key_span: Some(key_span), value }),
        }
        Ok(())
    }

    /// The entries that `<<` brings in, from a map or from a list of maps.
    fn merged(&mut self, key: Place) -> Result<Vec<Entry>> {
        let (event, place) = self.event()?;
        let value = self.node(event, place, None)?;
        match value.node {
            Node::Map(map) => Ok(map.0),
            Node::List(maps) if maps.iter().all(|map| matches!(map.node, Node::Map(_))) => {
                Ok(maps.iter().flat_map(|map| map.entries().to_vec()).collect())
            }
            _ => Err(self.source.error("`<<` merges maps only", key)),
        }
    }
}

/// What a scalar means in YAML 1.2.
fn scalar(text: Cow<'_, str>, style: ScalarStyle, tag: Option<&Tag>) -> Node {
    let is_text =
        style != ScalarStyle::Plain || tag.is_some_and(|tag| !matches!(tag.core_suffix(), Some("null" | "bool" | "int" | "float")));
    match &*text {
        _ if is_text => Node::Text(text.into_owned()),
        "" | "~" | "null" | "Null" | "NULL" => Node::Null,
        "true" | "True" | "TRUE" => Node::Bool(true),
        "false" | "False" | "FALSE" => Node::Bool(false),
        _ => number(&text).unwrap_or_else(|| Node::Text(text.into_owned())),
    }
}

/// A number, if `text` is one that a node can hold as it is written.
fn number(text: &str) -> Option<Node> {
    let digits = text.strip_prefix(['+', '-']).unwrap_or(text);
    if !digits.starts_with(|c: char| c.is_ascii_digit() || c == '.') {
        return None;
    }
    if let Some(hexadecimal) = text.strip_prefix("0x") {
        return i64::from_str_radix(hexadecimal, 16).ok().map(Node::Integer);
    }
    if digits.bytes().all(|byte| byte.is_ascii_digit()) {
        let is_padded = digits.len() > 1 && digits.starts_with('0');
        return text.parse().ok().filter(|_| !is_padded).map(Node::Integer);
    }
    text.parse().ok().filter(|number: &f64| number.is_finite()).map(Node::Float)
}

impl Source<'_> {
    fn span(&self, place: Place) -> Span {
        let length = self.marked(place).chars().count().max(1);
        Span { file: self.file.into(), line: place.start.line(), column: place.start.col() + 1, length }
    }

    /// The place of a list or map. One that begins only in a later line stands where its key stands; one without
    /// a key is its first line, so that its place is never that of its first key.
    fn opening(&self, style: StructureStyle, place: Place, key: Option<&Span>) -> Span {
        match (style, key) {
            (StructureStyle::Flow, _) => Span { length: 1, ..self.span(place) },
            (StructureStyle::Block, Some(key)) => key.clone(),
            (StructureStyle::Block, None) => {
                let length = self.line_from(place).trim_end().chars().count().max(1);
                Span { length, ..self.span(place) }
            }
        }
    }

    fn first_line(&self) -> Span {
        Span { file: self.file.into(), line: 1, column: 1, length: 1 }
    }

    /// The text at `place`, up to the end of its first line.
    fn marked(&self, place: Place) -> &str {
        let rest = self.line_from(place);
        let bytes = |marker: serde_saphyr::granit_parser::Marker| marker.byte_offset().unwrap_or_default();
        let length = bytes(place.end).saturating_sub(bytes(place.start));
        rest.get(..length).unwrap_or(rest).trim_end()
    }

    /// The rest of the line that begins at `place`.
    fn line_from(&self, place: Place) -> &str {
        let start = place.start.byte_offset().unwrap_or(usize::MAX);
        self.text.get(start..).and_then(|rest| rest.lines().next()).unwrap_or_default()
    }

    fn error(&self, message: &str, place: Place) -> Error {
        Error::user(message).code("HW101").at(self.span(place))
    }

    fn second_document(&self, place: Place) -> Error {
        self.error("a second document begins", place).because("a file holds one document").help("remove the `---`, or make two files")
    }

    /// What the parser refused, in our words.
    fn refusal(&self, error: &ScanError) -> Error {
        let marker = *error.marker();
        if let Some(tab) = self.indenting_tab(marker.line()) {
            return Error::user("a tab is used for indentation").code("HW101").at(tab).help("indent with spaces");
        }
        self.error(&format!("`{}` is no valid YAML", self.file.display()), Place::empty(marker)).because(error.kind())
    }

    /// The place of a tab in the indentation of `line`, or of a line directly beside it.
    fn indenting_tab(&self, line: usize) -> Option<Span> {
        let mut near = self.text.lines().enumerate().skip(line.saturating_sub(2)).take(3);
        near.find_map(|(index, text)| {
            let indentation = &text[..text.len() - text.trim_start().len()];
            let column = indentation.chars().position(|c| c == '\t')? + 1;
            Some(Span { file: self.file.into(), line: index + 1, column, length: 1 })
        })
    }
}

fn given_twice(first: &Entry, again: Span) -> Error {
    let line = first.key_span.as_ref().map_or(0, |span| span.line);
    Error::user(format!("the key `{}` is given twice", first.key))
        .code("HW101")
        .because(format!("it already stands in line {line}"))
        .at(again)
        .help("keep one of them")
}

#[cfg(test)]
mod tests {
    use super::*;

    fn parse(text: &str) -> Result<Settings> {
        parse_yaml(text, Path::new("t.yaml"))
    }

    #[track_caller]
    fn refused(text: &str, parts: &[&str]) {
        let message = parse(text).unwrap_err().to_string();
        for part in parts {
            assert!(message.contains(part), "`{part}` is not in\n{message}");
        }
    }

    fn places(settings: &Settings, out: &mut Vec<String>) {
        let place = |span: &Option<Span>| span.as_ref().map(|span| format!("{}:{}+{}", span.line, span.column, span.length));
        out.push(place(&settings.span).unwrap_or_default());
        for entry in settings.entries() {
            out.push(format!("{} {}", entry.key, place(&entry.key_span).unwrap_or_default()));
            places(&entry.value, out);
        }
        settings.items().iter().for_each(|item| places(item, out));
    }

    #[track_caller]
    fn check_places(text: &str, expected: &[&str]) {
        let mut found = Vec::new();
        places(&parse(text).unwrap(), &mut found);
        assert_eq!(found, expected);
    }

    #[test]
    fn values_keep_their_types_and_only_true_and_false_are_boolean() {
        let text = "a: 1\nb: -2.5\nc: true\nd: no\non: yes\nf:\ng: '7'\nh: 18446744073709551616\ni: 9223372036854775808\nj: 007\nk: 1e3\nl: |\n  x\n  y\nm: .nan\n";
        let json = parse(text).unwrap().to_json().to_string();
        assert_eq!(
            json,
            r#"{"a":1,"b":-2.5,"c":true,"d":"no","on":"yes","f":null,"g":"7","h":"18446744073709551616","i":"9223372036854775808","j":"007","k":1000.0,"l":"x\ny\n","m":".nan"}"#
        );
    }

    #[test]
    fn every_node_and_key_has_its_place() {
        check_places(
            "äb: hello # c\nload: { upsert: [id, 'b c'] }\nx:\n  y: 1\n",
            &[
                "1:1+13",
                "äb 1:1+2",
                "1:5+5",
                "load 2:1+4",
                "2:7+1",
                "upsert 2:9+6",
                "2:17+1",
                "2:18+2",
                "2:22+5",
                "x 3:1+1",
                "3:1+1",
                "y 4:3+1",
                "4:6+1",
            ],
        );
    }

    #[test]
    fn a_list_item_is_its_line_and_a_missing_value_stands_at_its_key() {
        check_places(
            "- not_null: a\n  at: 1\n- b:\n",
            &["1:1+13", "1:3+11", "not_null 1:3+8", "1:13+1", "at 2:3+2", "2:7+1", "3:3+2", "b 3:3+1", "3:3+1"],
        );
    }

    #[test]
    fn long_text_is_marked_on_its_first_line_only() {
        check_places("a: |\n  x\n  y\nb: \"q\n  r\"\n", &["1:1+4", "a 1:1+1", "2:3+1", "b 4:1+1", "4:4+2"]);
    }

    #[test]
    fn anchors_and_merges_are_followed() {
        let settings = parse("base: &base { a: 1, b: 2 }\nuse: *base\nmore: { <<: *base, b: 3 }\n").unwrap();
        assert_eq!(settings.get("use").unwrap().to_json().to_string(), r#"{"a":1,"b":2}"#);
        let more = settings.get("more").unwrap();
        assert_eq!((more.get("a").unwrap().to_json(), more.get("b").unwrap().to_json()), (1.into(), 3.into()));
        assert_eq!(settings.get("use").unwrap().span.as_ref().map(|span| (span.line, span.column)), Some((2, 6)));
    }

    #[test]
    fn an_empty_text_is_an_empty_map_and_a_byte_order_mark_is_skipped() {
        for text in ["", "\n", "# nothing\n", "---\n", "\u{feff}"] {
            assert_eq!(parse(text).unwrap().node, Node::Map(SettingsMap::default()), "{text:?}");
        }
        check_places("\u{feff}a: 1", &["1:1+4", "a 1:1+1", "1:4+1"]);
    }

    #[test]
    fn every_key_given_twice_is_named_with_its_place() {
        refused(
            "a: 1\nb: { c: 1, c: 2 }\na: 2\n",
            &[
                "error[HW101]: the key `c` is given twice",
                "t.yaml:2:12",
                "the key `a` is given twice",
                "already stands in line 1",
                "t.yaml:3:1",
            ],
        );
    }

    #[test]
    fn broken_yaml_is_refused_with_its_place() {
        refused("a:\n\tb: 1\n", &["error[HW101]: a tab is used for indentation", "at: t.yaml:2:1", "help: indent with spaces"]);
        refused("a:\n  b: 1\n\tc: 2\n", &["a tab is used", "at: t.yaml:3:1"]);
        refused("a: [1, 2\nb: 3\n", &["error[HW101]: `t.yaml` is no valid YAML", "because: ", "at: t.yaml:"]);
        refused("a: 'x\n", &["is no valid YAML", "at: t.yaml:"]);
        refused("a: 1\n---\nb: 2\n", &["error[HW101]: a second document begins", "at: t.yaml:2:1"]);
        refused("a: *nowhere\n", &["at: t.yaml:1:4"]);
    }

    #[test]
    fn what_yaml_allows_and_a_project_does_not_is_refused() {
        refused("[a]: 1\n", &["a key must be plain text", "t.yaml:1:1"]);
        refused("a: !foo b\n", &["the tag `!foo` has no meaning here"]);
        refused("a: &x [*x]\n", &["an alias cannot stand inside the value that it names", "t.yaml:1:8"]);
        refused("a: { <<: 3 }\n", &["`<<` merges maps only"]);
        refused(&"[".repeat(10_000), &["is no valid YAML", "recursion limit"]);
        let bomb: Vec<String> = (0..9).map(|level| format!("a{level}: &a{level} [{}]\n", format!("*a{},", level - 1).repeat(10))).collect();
        refused(&bomb.concat().replace("*a-1", "x"), &["the file has too many values"]);
    }

    #[test]
    fn a_file_that_is_no_text_says_where() {
        let folder = tempfile::tempdir().unwrap();
        let path = folder.path().join("x.yaml");
        std::fs::write(&path, b"a: 1\nb: \xff\n").unwrap();
        let message = read_yaml(&path, Path::new("x.yaml")).unwrap_err().to_string();
        assert!(message.contains("`x.yaml` is no UTF-8 text") && message.contains("x.yaml:2:4"), "{message}");
        let message = read_yaml(&folder.path().join("none.yaml"), Path::new("none.yaml")).unwrap_err().to_string();
        assert!(message.contains("`none.yaml` cannot be read"), "{message}");
    }

    #[test]
    fn problems_of_typed_settings_point_into_the_file() {
        #[derive(Debug, serde::Deserialize)]
        #[serde(deny_unknown_fields)]
        #[expect(dead_code, reason = "only read")]
        struct Item {
            name: String,
            size: u32,
        }
        let error = parse("- nmae: x\n  size: 1\n- name: y\n  size: big\n").unwrap().read::<Vec<Item>>().unwrap_err().to_string();
        for part in ["unknown key `nmae`", "t.yaml:1:3", "did you mean `name`?", "expected u32", "t.yaml:4:9"] {
            assert!(error.contains(part), "`{part}` is not in\n{error}");
        }
    }
}
