//! Places, values and refusals of YAML.

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
    let text = "a: 1\nb: -2.5\nc: true\nd: no\non: yes\nf:\ng: '7'\nh: 18446744073709551616\ni: 9223372036854775808\nj: 007\nk: 1e3\nn: 1.50\nl: |\n  x\n  y\nm: .nan\n";
    let json = parse(text).unwrap().to_json().to_string();
    assert_eq!(
        json,
        r#"{"a":1,"b":-2.5,"c":true,"d":"no","on":"yes","f":null,"g":"7","h":"18446744073709551616","i":"9223372036854775808","j":"007","k":"1e3","n":"1.50","l":"x\ny\n","m":".nan"}"#
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

/// Every error has its place in the text and says what to do.
#[track_caller]
fn is_told_well(text: &str) {
    let Err(error) = parse(text) else { return };
    for error in std::iter::once(&error).chain(error.others()) {
        let span = error.span().unwrap_or_else(|| panic!("{text:?}: no place in\n{error}"));
        assert!(span.line >= 1 && span.column >= 1 && span.length >= 1, "{text:?}: {span:?}");
        assert!(span.line <= text.lines().count() + 1, "{text:?}: {span:?}");
        assert!(!error.remedies().is_empty() && error.known_code().is_some(), "{text:?}: no help in\n{error}");
    }
}

#[test]
fn every_refusal_says_where_and_what_to_do() {
    let mistakes = [
        "a: b: c",
        "a:\n  b: 1\n   c: 2",
        "a: 'it's'",
        "a: \"x\\d\"",
        "a: [1, 2}",
        "a: {b: 1",
        "a: @x",
        "a: %x",
        "a: `x`",
        "a: - 1",
        "a\nb: 1",
        "a:1\nb: 2",
        "- a\nb: 1",
        "a: *x",
        "a: &x [*x]",
        "a: !x 1",
        "a: 1\na: 2",
        "a: 1\n---\nb: 1",
        "? [a]\n: 1",
        "{[a]: 1}",
        "a: {<<: 1}",
        "a: |\n\tx",
        "a: 1\n...\nb",
        "%YAML 3.0\n---\na: 1",
        "a: \"\\ud800\"",
        "a: \u{0}",
        "a: \u{7}",
        "\u{0}",
        "a: \u{feff}b",
        "a: 1 #x\n b",
        "\ta: 1",
    ];
    mistakes.into_iter().for_each(is_told_well);
    for text in [mistakes[0], mistakes[2], mistakes[4], mistakes[6], mistakes[9]] {
        assert!(parse(text).is_err(), "{text}");
    }
}

#[test]
fn deep_nesting_is_refused_and_never_overflows_the_stack() {
    let blocks = (0..5_000).fold(String::new(), |text, level| text + &" ".repeat(level) + "a:\n");
    let lists = format!("a: {}", "- ".repeat(5_000));
    for text in [blocks, lists, "{a: ".repeat(5_000), "[".repeat(5_000)] {
        assert!(parse(&text).is_err());
        is_told_well(&text);
    }
}

/// Every alias brings the levels of the one before: without a limit, a small file makes a tree that no stack can walk.
#[test]
fn aliases_cannot_nest_more_deeply_than_the_file_may() {
    let nested = |inside: &str| format!("{}{inside}{}", "[".repeat(60), "]".repeat(60));
    let chain = (1..180).fold(format!("a0: &a0 {}\n", nested("1")), |text, level| {
        text + &format!("a{level}: &a{level} {}\n", nested(&format!("*a{}", level - 1)))
    });
    refused(&chain, &["the file nests too deeply", "at: t.yaml:2:", "help: nest less deeply"]);
    let merges =
        (1..100).fold("a0: &a0 { x: 1 }\n".to_owned(), |text, level| text + &format!("a{level}: &a{level} {{ y: *a{} }}\n", level - 1));
    refused(&merges, &["the file nests too deeply"]);
    assert!(parse(&format!("a: &a {}\nb: [[*a]]\n", nested("1"))).is_ok());
}

/// Cuts and changes a good file at every place: nothing panics, and whatever is refused is told well.
#[test]
fn no_damage_to_a_file_goes_without_place_and_help() {
    let good = "project: \"ä\" # c\nengine: { memory: 1GiB, \u{e9}: [1, 'x'] }\nbase: &b\n  k: |\n    text\n  n: ~\r\nuse: *b\nlist:\n  - a: -1\n    b: .5\n  - [ ]\n";
    assert!(parse(good).is_ok());
    for (at, _) in good.char_indices() {
        is_told_well(&good[..at]);
        for sign in ["\t", "\n", ":", "- ", "{", "]", "'", "\"", "*", "&", "!", "|", "%", "\r", "\u{0}", "\u{feff}", "🦀", "---\n", "<<: "]
        {
            is_told_well(&format!("{}{sign}{}", &good[..at], &good[at..]));
        }
    }
}

#[test]
fn line_ends_of_windows_change_no_place_and_no_value() {
    let unix = "a: |\n  x\n  y\nb: { c: 1 }\nd:\n  - e: 'f\n    g'\n";
    let windows = unix.replace('\n', "\r\n");
    let (mut expected, mut found) = (Vec::new(), Vec::new());
    places(&parse(unix).unwrap(), &mut expected);
    places(&parse(&windows).unwrap(), &mut found);
    assert_eq!(found, expected);
    assert_eq!(parse(&windows).unwrap().to_json(), parse(unix).unwrap().to_json());
    refused("a: 1\r\na: 2\r\n", &["the key `a` is given twice", "at: t.yaml:2:1"]);
}

#[test]
fn a_tab_is_blamed_only_where_it_indents() {
    refused("a: 1\n\t\nb: [\n", &["is no valid YAML", "close every `[` and `{`"]);
    assert_eq!(parse("a:\tb\nc: |\n  x\n  \ty\n").unwrap().to_json().to_string(), r#"{"a":"b","c":"x\n\ty\n"}"#);
}

#[test]
fn a_list_is_a_list_and_a_text_a_text() {
    assert!(matches!(parse("- a\n- b\n").unwrap().node, Node::List(items) if items.len() == 2));
    assert_eq!(parse("hello").unwrap().node, Node::Text("hello".into()));
}

#[test]
fn a_file_that_is_no_text_says_where() {
    let folder = tempfile::tempdir().unwrap();
    let path = folder.path().join("x.yaml");
    std::fs::write(&path, b"a: 1\nb: \xff\n").unwrap();
    let message = read_yaml(&path, Path::new("x.yaml")).unwrap_err().to_string();
    assert!(message.contains("`x.yaml` is no UTF-8 text") && message.contains("x.yaml:2:4"), "{message}");
    std::fs::write(&path, b"\xff\xfea\0:\0").unwrap();
    let message = read_yaml(&path, Path::new("x.yaml")).unwrap_err().to_string();
    assert!(
        message.contains("`x.yaml` is no UTF-8 text") && message.contains("x.yaml:1:1") && message.contains("save the file"),
        "{message}"
    );
    std::fs::write(&path, b"\xef\xbb\xbfa: 1\r\n").unwrap();
    assert_eq!(read_yaml(&path, Path::new("x.yaml")).unwrap().to_json().to_string(), r#"{"a":1}"#);
    let message = read_yaml(&folder.path().join("none.yaml"), Path::new("none.yaml")).unwrap_err().to_string();
    assert!(message.contains("`none.yaml` cannot be read") && message.contains("help: check the path"), "{message}");
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
    for part in
        ["unknown key `nmae`", "t.yaml:1:3", "did you mean `name`?", "expected a whole number of at least 0, found `big`", "t.yaml:4:9"]
    {
        assert!(error.contains(part), "`{part}` is not in\n{error}");
    }
}

#[test]
fn a_mistake_in_an_alias_is_told_once_at_its_place() {
    #[derive(Debug, serde::Deserialize)]
    #[serde(deny_unknown_fields)]
    #[expect(dead_code, reason = "only read")]
    struct Item {
        size: u32,
    }
    let error = parse("- &x { size: big }\n- *x\n- { size: -1 }\n").unwrap().read::<Vec<Item>>().unwrap_err().to_string();
    assert_eq!(error.matches("error[").count(), 2, "{error}");
    for part in ["found `big`", "t.yaml:1:14", "found `-1`", "t.yaml:3:11"] {
        assert!(error.contains(part), "`{part}` is not in\n{error}");
    }
}

#[test]
fn an_unknown_choice_is_one_error_in_every_form() {
    #[derive(Debug, Default, serde::Deserialize)]
    #[serde(rename_all = "snake_case")]
    #[expect(dead_code, reason = "only read")]
    enum Load {
        #[default]
        Replace,
        Upsert {
            key: Vec<String>,
        },
    }
    #[derive(Debug, Default, serde::Deserialize)]
    #[serde(deny_unknown_fields, default)]
    struct Model {
        grain: String,
        load: Load,
    }
    for (text, choice, place) in [
        ("load: { upsret: { key: [id] } }\ngrian: x\n", "upsret", "t.yaml:1:9"),
        ("load:\n  upsret:\n    key: [id]\ngrian: x\n", "upsret", "t.yaml:2:3"),
        ("load:\n  upsret:\ngrian: x\n", "upsret", "t.yaml:2:3"),
        ("load: upsret\ngrian: x\n", "upsret", "t.yaml:1:7"),
        ("grian: x\nload: replac\n", "replac", "t.yaml:2:7"),
    ] {
        let error = parse(text).unwrap().read::<Model>().unwrap_err().to_string();
        assert_eq!(error.matches("error[").count(), 2, "{error}");
        for part in [&format!("unknown choice `{choice}`"), place, "unknown key `grian`", "did you mean `grain`?"] {
            assert!(error.contains(part), "`{part}` is not in\n{error}");
        }
    }
}
