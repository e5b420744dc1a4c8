//! The heads of JSON files: what their first bytes tell about encoding, form and keys.

use std::collections::{HashMap, HashSet};
use std::path::Path;
use std::sync::Arc;

use hw_base::{Delivery, Error, Result, SourceFile};
use hw_text::{JsonFile, SAMPLE_BYTES, decode_sample, encoding_of, sample};

use super::heads::{check_is_text, empty};
use super::open::open;
use crate::connectors::Opened;
use crate::files::{path_of, unreadable};
use crate::layout::{self, Layout};
use crate::types::Declared;

/// What a project says about its JSON files.
#[derive(Debug, Default)]
pub(crate) struct JsonOptions {
    pub(crate) declared: Declared,
}

/// Opens JSON files as one dataset.
pub(crate) fn open_json(root: &Path, files: &[SourceFile], options: &JsonOptions, delivery: &Delivery) -> Result<Opened> {
    let mut heads = Vec::with_capacity(files.len());
    for file in files {
        heads.extend(Head::read(root, file)?);
    }
    if heads.is_empty() {
        return Err(empty(files, "it holds no object"));
    }
    let expected = &delivery.expected;
    // A record may lack any key, so a file may too.
    let free = Delivery::default();
    let files_of = heads.iter().map(|head| (head.file.name.as_str(), &head.keys[..])).collect();
    let layout = Layout { files: files_of, delivery: &free, declared: &options.declared };
    let mut columns: Vec<String> = expected.iter().map(|column| column.name.clone()).collect();
    let kept: HashSet<&str> = expected.iter().map(|column| column.name.as_str()).collect();
    columns.extend(layout.columns()?.into_iter().filter(|name| !kept.contains(name.as_str())));
    if columns.is_empty() {
        return Err(no_json(&heads[0].file.name));
    }
    layout::check_duplicates(&heads[0].file.name, &columns, layout::RENAME)?;
    let known = columns.iter().enumerate().map(|(at, name)| (layout::own_name(name).to_owned(), at));
    let known: Arc<HashMap<String, usize>> = Arc::new(known.collect());
    let readable = heads.into_iter().map(|head| JsonFile { known: Arc::clone(&known), ..head.file }).collect();
    open(&columns, readable, files.iter().map(|file| file.bytes).sum(), &options.declared, expected)
}

/// A file with the keys of its first records.
struct Head {
    file: JsonFile,
    keys: Vec<String>,
}

impl Head {
    /// Reads the head of a file; `None` for an empty one.
    fn read(root: &Path, file: &SourceFile) -> Result<Option<Self>> {
        let path = path_of(root, file);
        let first = sample(&path, SAMPLE_BYTES).map_err(|error| unreadable(&file.path, &error))?;
        let (encoding, mark) = encoding_of(&first, None);
        let text = decode_sample(&first, encoding, mark);
        check_is_text(&file.path, &first, &text)?;
        let is_list = match text.trim_ascii_start().first() {
            None => return Ok(None),
            Some(b'[') => true,
            Some(b'{') => false,
            Some(_) => return Err(no_json(&file.path)),
        };
        let file = JsonFile { name: file.path.clone(), path, encoding, mark, is_list, known: Arc::default() };
        let keys = file.keys()?.iter().map(|key| layout::free_of_hidden(key)).collect();
        Ok(Some(Self { file, keys }))
    }
}

fn no_json(name: &str) -> Error {
    Error::user(format!("`{name}` holds no JSON objects"))
        .code("HW203")
        .because("one object per line was expected, or one list of objects")
        .help("one object that spans several lines is put onto one by `jq -c . FILE`")
        .help("if it is delimited text, read it as `csv: { path: … }`")
}
