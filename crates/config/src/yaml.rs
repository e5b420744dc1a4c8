//! YAML as a settings tree whose every node and key knows its place.
//!
//! The tree is built from the events of the YAML parser, in one pass: reading through serde's `Spanned` took
//! more than twice as long and lost the spelling of numbers. Values are those of YAML 1.2, so only `true` and `false`
//! are Boolean, and `on:`, `no` and `007` stay text. Syntax errors end the reading at the first one; keys given
//! twice and whatever else the parser does not mind are all reported.

use std::borrow::Cow;
use std::collections::HashMap;
use std::io::ErrorKind as FileErrorKind;
use std::path::Path;

use hw_base::{Entry, Error, Node, Result, Settings, SettingsMap, Span};
use serde_saphyr::granit_parser::{ErrorKind, Event, Parser, ScalarStyle, ScanError, Span as Place, StrInput, StructureStyle, Tag};

/// How many nodes a file may have once its aliases are followed.
const MOST_NODES: usize = 1_000_000;

/// How many lists and maps may stand in each other, those behind an alias included: whoever walks the tree does so on a stack.
const MOST_LEVELS: usize = 64;

/// Reads the YAML file at `path`. Places and messages name it `shown_as`.
///
/// # Errors
/// What [`parse_yaml`] refuses, and files that cannot be read or are no UTF-8 text.
pub fn read_yaml(path: &Path, shown_as: &Path) -> Result<Settings> {
    parse_yaml(&read_text(path, shown_as)?, shown_as)
}

/// Reads YAML text. An empty text is an empty map; whole numbers beyond 64 bits stay text, and so do other numbers that are
/// not written as they are shown, such as `1.50` and `1e3`: a code may look like a number, and a limit may have more digits
/// than a float.
///
/// # Errors
/// `HW101` for YAML that cannot be read, with the place; one error per key that is given twice.
pub fn parse_yaml(text: &str, shown_as: &Path) -> Result<Settings> {
    let text = text.strip_prefix('\u{feff}').unwrap_or(text);
    let source = Source { text, file: shown_as };
    let options =
        serde_saphyr::granit_parser::options! { emit_comments: false, flow_nesting_limit: MOST_LEVELS, block_nesting_limit: MOST_LEVELS };
    let parser = Parser::new_from_str_with_options(text, options);
    let mut reading = Reading { source, parser, anchors: HashMap::new(), nodes: 0, levels: 0, errors: Vec::new() };
    match reading.document() {
        Ok(settings) => Error::all(reading.errors).map_or(Ok(settings), Err),
        Err(error) => {
            reading.errors.push(error);
            Err(Error::all(reading.errors).unwrap_or_else(|| Error::bug("YAML was refused without a reason")))
        }
    }
}

/// Reads a text file of a project; a byte order mark at its start is left out.
///
/// # Errors
/// Files that cannot be read or are no UTF-8 text.
pub fn read_text(path: &Path, shown_as: &Path) -> Result<String> {
    let bytes = std::fs::read(path).map_err(|error| unreadable(shown_as, &error))?;
    let mut text = String::from_utf8(bytes).map_err(|error| not_text(error.as_bytes(), error.utf8_error().valid_up_to(), shown_as))?;
    if text.starts_with('\u{feff}') {
        text.drain(..'\u{feff}'.len_utf8());
    }
    Ok(text)
}

fn unreadable(shown_as: &Path, error: &std::io::Error) -> Error {
    let message = format!("`{}` cannot be read", shown_as.display());
    match error.kind() {
        FileErrorKind::NotFound | FileErrorKind::IsADirectory => Error::user(message).code("HW108").because(error).help("check the path"),
        _ => Error::outside(message).code("HW108").because(error).help("look at the permissions of the file"),
    }
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
    /// Lists and maps that are open.
    levels: usize,
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
            _ => return Err(self.source.error("a value is missing", place).help("write a value, or remove the key")),
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
        let error = self.source.error("the file has too many values", place).because("an alias counts as often as it is used");
        Err(error.help("write the values out where they are needed, or split the file"))
    }

    fn alias(&mut self, anchor: usize, place: Place) -> Result<Settings> {
        let nodes = self.anchors.get(&anchor).map_or(0, |(_, nodes)| *nodes);
        self.count(nodes, place)?;
        let inside_itself = || {
            let error = self.source.error("an alias cannot stand inside the value that it names", place);
            error.help("name another value with `&name`, or write it out")
        };
        let (settings, _) = self.anchors.get(&anchor).ok_or_else(inside_itself)?;
        if self.levels + levels(settings) > MOST_LEVELS {
            let error = self.source.error("the file nests too deeply", place);
            return Err(error.because(format!("an alias brings its own levels, and there may be {MOST_LEVELS}")).help("nest less deeply"));
        }
        Ok(Settings { span: Some(self.source.span(place)), ..settings.clone() })
    }

    fn check_tag(&mut self, tag: Option<&Tag>, place: Place) {
        if let Some(tag) = tag.filter(|tag| tag.is_custom()) {
            self.errors.push(self.source.error(&format!("the tag `{}` has no meaning here", tag.original()), place).help("remove it"));
        }
    }

    fn list(&mut self) -> Result<Node> {
        let mut items = Vec::new();
        self.levels += 1;
        loop {
            match self.event()? {
                (Event::SequenceEnd, _) => break,
                (event, place) => items.push(self.node(event, place, None)?),
            }
        }
        self.levels -= 1;
        Ok(Node::List(items))
    }

    fn map(&mut self) -> Result<Node> {
        let mut map = SettingsMap::default();
        let mut merged = Vec::new();
        self.levels += 1;
        loop {
            match self.event()? {
                (Event::MappingEnd, _) => break,
                (Event::Scalar(key, style, ..), place) if key == "<<" && style == ScalarStyle::Plain => merged.push(self.merged(place)?),
                (Event::Scalar(key, ..), place) => self.entry(&mut map, key, place)?,
                (_, place) => {
                    let error = self.source.error("a key must be plain text", place);
                    return Err(error.help("write `key: value`; a list or a map cannot be a key"));
                }
            }
        }
        self.levels -= 1;
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
            _ => Err(self.source.error("`<<` merges maps only", key).help("name a map with `&name`, and merge it with `<<: *name`")),
        }
    }
}

/// How many lists and maps stand in each other in `settings`.
fn levels(settings: &Settings) -> usize {
    match &settings.node {
        Node::List(items) => 1 + items.iter().map(levels).max().unwrap_or_default(),
        Node::Map(map) => 1 + map.0.iter().map(|entry| levels(&entry.value)).max().unwrap_or_default(),
        _ => 0,
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
    text.parse().ok().filter(|number: &f64| number.is_finite() && number.to_string() == text).map(Node::Float)
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
        let refused = self.error(&format!("`{}` is no valid YAML", self.file.display()), Place::empty(marker));
        refused.because(error.kind()).help(remedy(error.kind()))
    }

    /// The place of a tab in the indentation of `line`, or else of a line directly beside it.
    fn indenting_tab(&self, line: usize) -> Option<Span> {
        let near = [line, line.saturating_sub(1), line + 1];
        near.into_iter().find_map(|line| {
            let text = self.text.lines().nth(line.checked_sub(1)?)?;
            let indentation = &text[..text.find(|c: char| !c.is_whitespace())?];
            let column = indentation.chars().position(|c| c == '\t')? + 1;
            Some(Span { file: self.file.into(), line, column, length: 1 })
        })
    }
}

/// What to do about a mistake in the YAML.
fn remedy(kind: &ErrorKind) -> &'static str {
    match kind {
        ErrorKind::MappingValueNotAllowed | ErrorKind::MappingKeyNotAllowed | ErrorKind::InvalidColonPlacement => {
            "indent this line like the keys that it stands with; put text that holds `: ` in single quotes"
        }
        ErrorKind::SimpleKeyExpected | ErrorKind::InvalidSimpleKey | ErrorKind::ExpectedBlockMappingKey => {
            "write `key: value`, with a space after the colon, and indent keys that stand together alike"
        }
        ErrorKind::UnclosedQuotedScalar
        | ErrorKind::InvalidTrailingSingleQuotedScalar
        | ErrorKind::InvalidTrailingDoubleQuotedScalar
        | ErrorKind::InvalidQuotedScalarIndent => "close the quote; inside single quotes, write `''` for one of them",
        ErrorKind::UnknownQuotedScalarEscape | ErrorKind::InvalidQuotedScalarHexEscape => {
            "put text with a `\\`, such as a pattern, in single quotes"
        }
        ErrorKind::UnclosedFlowCollection { .. }
        | ErrorKind::MisplacedFlowCollectionEnd
        | ErrorKind::MismatchedFlowCollectionEnd { .. }
        | ErrorKind::ExpectedFlowSequenceSeparator
        | ErrorKind::ExpectedFlowMappingSeparator
        | ErrorKind::UnexpectedEofFlowSequence
        | ErrorKind::UnexpectedEofFlowMapping => "close every `[` and `{`, and put a comma between what stands in it",
        ErrorKind::BlockSequenceEntryNotAllowed | ErrorKind::ExpectedBlockSequenceEntry | ErrorKind::BlockEntryInFlowCollection => {
            "begin a list in the line below its key, each item with `- ` and all indented alike"
        }
        ErrorKind::RecursionLimitExceeded => "nest less deeply",
        ErrorKind::UnknownAnchor => "name a value with `&name` above, or write it out",
        ErrorKind::UnexpectedCharacter { .. } => "put text that begins with a sign, such as `@`, `%` or a backtick, in single quotes",
        _ => "look at this line and the one above: often a quote, a bracket, a colon or a space is missing",
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
mod tests;
