//! Turning the engine's failures into errors that help: who must act, where, and what to try next.

use datafusion::common::{DataFusionError, Diagnostic, SchemaError};
use deltalake_core::DeltaTableError;
use hw_base::{ByteSize, Error, Reader, Span, nearest};

use crate::damage::DAMAGED;
use crate::folder::refused;
use crate::local::LocalEngine;
use crate::sql::place::{self, Mark};
use crate::sql::words::{Told, told};

/// Words that people like to use as names.
const RESERVED: [&str; 14] =
    ["select", "from", "where", "group", "order", "having", "limit", "join", "on", "union", "as", "and", "table", "user"];

/// What a failing query was about.
#[derive(Clone, Debug, Default)]
pub(crate) struct Context<'a> {
    /// The file it comes from.
    pub(crate) file: Option<&'a str>,
    /// The SQL.
    pub(crate) sql: Option<&'a str>,
    /// The memory limit.
    pub(crate) memory: Option<ByteSize>,
}

/// What a task of its own is about, which outlives the query that it reads.
pub(crate) struct About {
    file: Option<String>,
    sql: String,
    memory: ByteSize,
}

impl About {
    /// The reading of `reader` by a task.
    pub(crate) fn new(engine: &LocalEngine, reader: &Reader) -> Self {
        Self { file: reader.file.clone(), sql: reader.sql.clone(), memory: engine.memory }
    }

    /// The same as a context.
    pub(crate) fn context(&self) -> Context<'_> {
        Context { file: self.file.as_deref(), sql: Some(&self.sql), memory: Some(self.memory) }
    }
}

impl Context<'_> {
    /// The SQL, as far as it is known.
    fn sql(&self) -> &str {
        self.sql.unwrap_or_default()
    }

    /// The place of a mark in the SQL.
    fn place(&self, mark: &Mark) -> Option<Span> {
        let sql = self.sql?;
        place::find(sql, mark).map(|found| place::span(file_of(self), sql, found))
    }

    /// The place where a file's SELECT begins. A query of the command line is in sight as a whole.
    fn start(&self) -> Option<Span> {
        let file = self.file?.into();
        Some(self.sql.map_or_else(
            || Span { file: file_of(self), line: 1, column: 1, length: 1 },
            |sql| place::span(file, sql, (place::first(sql), 1)),
        ))
    }
}

/// Explains a failure of a query, which may be several: each item of a SELECT has its own.
pub(crate) fn explain(error: DataFusionError, context: &Context<'_>) -> Error {
    match error {
        DataFusionError::Collection(errors) => Error::all(errors.into_iter().map(|error| explain(error, context)).collect())
            .unwrap_or_else(|| Error::bug("several errors without a message")),
        error => explain_one(error, context),
    }
}

fn explain_one(error: DataFusionError, context: &Context<'_>) -> Error {
    let mut span = error.diagnostic().and_then(|diagnostic| marked(diagnostic, context));
    let innermost = match unwrap(error) {
        Unwrapped::Ours(error) => return *error,
        Unwrapped::Engine(error) => error,
    };
    let explained = match *innermost {
        // It comes as an error of the writer, or as one of the limits.
        ref error if is_spill_limit(&error.to_string()) => spilled_too_much(&error.to_string()),
        DataFusionError::SchemaError(error, _) => schema_problem(&error, context, &mut span),
        DataFusionError::SQL(error, _) => sql_problem(&error.to_string(), context),
        DataFusionError::Plan(message) => placed(told(&message, context.sql()), context, &mut span),
        DataFusionError::ResourcesExhausted(message) => memory_problem(&message, context.memory),
        DataFusionError::IoError(error) => io_problem(&error),
        DataFusionError::NotImplemented(message) => match told(&message, context.sql()) {
            known if !known.error.remedies().is_empty() => placed(known, context, &mut span),
            unknown => {
                Error::user(format!("this SQL is not supported: {}", unknown.error.message())).code("HW301").help("write it in another way")
            }
        },
        DataFusionError::ObjectStore(error) => {
            store_problem(&error.to_string()).unwrap_or_else(|| Error::outside(format!("a file could not be read: {error}")).code("HW501"))
        }
        other => execution_problem(&other.to_string(), context, &mut span),
    };
    let is_about_sql = explained.known_code() == Some("HW301");
    match span.or_else(|| context.start().filter(|_| is_about_sql)) {
        Some(span) => explained.at(span),
        None => explained,
    }
}

/// An engine's text in plain words. A mark that is found in the SQL is nearer to the point than what the engine marks, which
/// is often all of a query.
fn placed(told: Told, context: &Context<'_>, span: &mut Option<Span>) -> Error {
    if let Some(found) = context.place(&told.mark) {
        *span = Some(found);
    }
    told.error
}

/// Explains a failure of the table format.
pub(crate) fn explain_delta(error: DeltaTableError) -> Error {
    match error {
        DeltaTableError::ObjectStore { source } => {
            let message = source.to_string();
            store_problem(&message).unwrap_or_else(|| unwritten(message))
        }
        DeltaTableError::Io { source } => io_problem(&source),
        DeltaTableError::InvalidVersion(version) => Error::user(format!("there is no version {version}")).code("HW503"),
        other => {
            let message = other.to_string();
            store_problem(&message).unwrap_or_else(|| unwritten(message))
        }
    }
}

fn unwritten(message: impl Into<String>) -> Error {
    Error::outside(message).code("HW501").help("look at the permissions and the free space of the folder, then run again")
}

/// Explains a failure of the file system.
pub(crate) fn io_problem(error: &std::io::Error) -> Error {
    use std::io::ErrorKind;
    match error.kind() {
        ErrorKind::StorageFull | ErrorKind::QuotaExceeded => out_of_space(&error.to_string()),
        ErrorKind::PermissionDenied | ErrorKind::ReadOnlyFilesystem => Error::outside(format!("a file cannot be written or read: {error}"))
            .code("HW501")
            .help("look at the permissions of the folder, then run again"),
        _ if is_spill_limit(&error.to_string()) => spilled_too_much(&error.to_string()),
        _ if is_out_of_space(&error.to_string()) => out_of_space(&error.to_string()),
        _ => unwritten(format!("a file operation failed: {error}")),
    }
}

/// A failure of a store, of this machine or another one, should the message tell of one.
fn store_problem(message: &str) -> Option<Error> {
    if is_out_of_space(message) { Some(out_of_space(message)) } else { refused(message) }
}

fn is_spill_limit(message: &str) -> bool {
    message.contains("disk space during the spilling")
}

fn spilled_too_much(message: &str) -> Error {
    let allowed = message.split_once("allowable limit of ").and_then(|(_, rest)| rest.split(". ").next()).unwrap_or("its limit");
    Error::user("the step spilled more to disk than it may")
        .code("HW402")
        .because(format!("`engine: {{ disk: … }}` allows {allowed}"))
        .help("raise it in headworks.yaml, for instance to twice that: `engine: { disk: … }`; or raise `engine: { memory: … }`, so that less has to be spilled")
}

fn is_out_of_space(message: &str) -> bool {
    message.contains("No space left") || message.contains("os error 28") || message.contains("Disk quota")
}

fn out_of_space(message: &str) -> Error {
    Error::outside("the disk is full")
        .code("HW402")
        .because(first_line(message))
        .help("free some space, then run again: of this step nothing was published, and finished steps are not repeated")
}

enum Unwrapped {
    Ours(Box<Error>),
    Engine(Box<DataFusionError>),
}

/// Takes off the wrappers that only add context.
fn unwrap(error: DataFusionError) -> Unwrapped {
    match error {
        DataFusionError::Diagnostic(_, inner) | DataFusionError::Context(_, inner) => unwrap(*inner),
        DataFusionError::External(inner) => match inner.downcast::<Error>() {
            Ok(ours) => Unwrapped::Ours(ours),
            Err(inner) => match inner.downcast::<DataFusionError>() {
                Ok(inner) => unwrap(*inner),
                Err(inner) => Unwrapped::Engine(Box::new(DataFusionError::External(inner))),
            },
        },
        DataFusionError::ArrowError(arrow, backtrace) => match *arrow {
            datafusion::arrow::error::ArrowError::ExternalError(inner) => unwrap(DataFusionError::External(inner)),
            datafusion::arrow::error::ArrowError::IoError(_, inner) => Unwrapped::Engine(Box::new(DataFusionError::IoError(inner))),
            other => Unwrapped::Engine(Box::new(DataFusionError::ArrowError(Box::new(other), backtrace))),
        },
        DataFusionError::Collection(errors) => match errors.into_iter().next() {
            Some(first) => unwrap(first),
            None => Unwrapped::Engine(Box::new(DataFusionError::Execution("several errors without a message".into()))),
        },
        DataFusionError::Shared(shared) => match std::sync::Arc::try_unwrap(shared) {
            Ok(inner) => unwrap(inner),
            Err(shared) => match ours_in(&shared) {
                Some(error) => Unwrapped::Ours(Box::new(error.clone())),
                None => Unwrapped::Engine(Box::new(DataFusionError::Execution(shared.to_string()))),
            },
        },
        other => Unwrapped::Engine(Box::new(other)),
    }
}

/// Our own error inside one that others still hold.
fn ours_in(error: &DataFusionError) -> Option<&Error> {
    match error.find_root() {
        DataFusionError::External(inner) => inner.downcast_ref(),
        _ => None,
    }
}

fn schema_problem(error: &SchemaError, context: &Context<'_>, span: &mut Option<Span>) -> Error {
    match error {
        SchemaError::FieldNotFound { field, valid_fields } => {
            let name = field.name();
            *span = span.take().or_else(|| context.place(&Mark::Word(name.to_owned())));
            let problem = Error::user(format!("there is no column `{}`", field.flat_name())).code("HW301");
            let namesake = valid_fields.iter().find(|valid| valid.name() == name);
            if let (Some(relation), Some(namesake)) = (&field.relation, namesake) {
                let problem = problem.because(format!("`{relation}` is no table of this SELECT, or has no such column"));
                return problem.help(format!("did you mean `{}`?", namesake.flat_name()));
            }
            let mut known: Vec<&str> =
                valid_fields.iter().map(datafusion::common::Column::name).filter(|name| !hw_base::ORIGIN_COLUMNS.contains(name)).collect();
            known.sort_unstable();
            known.dedup();
            match nearest(name, known.iter().copied()) {
                Some(meant) if meant.eq_ignore_ascii_case(name) && hw_base::identifier(meant).starts_with('"') => {
                    problem.help(format!("did you mean `\"{meant}\"`? Names with capitals need double quotes in SQL"))
                }
                Some(meant) => problem.help(format!("did you mean `{meant}`?")),
                None if known.is_empty() => problem,
                None => {
                    let problem = problem.help(format!("columns here: {}", list(&known)));
                    if field.relation.is_some() {
                        problem
                    } else {
                        problem.help(format!("if it is a text, write it in single quotes: `'{name}'`"))
                    }
                }
            }
        }
        // A name in the text of the query is marked; one that is not is the name of a column of its result.
        SchemaError::AmbiguousReference { field } if span.is_none() => {
            *span = context.place(&Mark::LastWord(field.name().to_owned()));
            Error::user(format!("two columns of the SELECT are named `{}`", field.name()))
                .code("HW301")
                .help("give one of them another name with `as`")
        }
        SchemaError::AmbiguousReference { field } => Error::user(format!("column `{}` could come from more than one table", field.name()))
            .code("HW301")
            .help("put the table's name or alias in front of it"),
        other => placed(told(&other.to_string(), context.sql()), context, span),
    }
}

fn list(names: &[&str]) -> String {
    let shown = names.iter().take(40).copied().collect::<Vec<_>>().join(", ");
    if names.len() > 40 { format!("{shown} … ({} in all)", names.len()) } else { shown }
}

/// A parser's message ends in `at Line: 3, Column: 12`.
fn sql_problem(message: &str, context: &Context<'_>) -> Error {
    let message = message.strip_prefix("sql parser error: ").unwrap_or(message);
    let (text, place) = message.split_once(" at Line: ").unwrap_or((message, ""));
    let text = text.replacen("Expected: ", "expected ", 1);
    let text = text.trim_end_matches('.');
    if let (Some(expected), Some(sql)) = (text.strip_suffix(", found: EOF"), context.sql) {
        let problem = Error::user(format!("the SQL ends too early: {expected}")).code("HW301");
        let problem = problem.at(place::span(file_of(context), sql, place::end(sql)));
        return match sql.get(..place::end(sql).0).and_then(|sql| sql.split_whitespace().next_back()) {
            _ if expected == "expected )" => problem.help(UNCLOSED),
            Some(last) => problem.help(format!("write what is missing behind `{last}`, or take that out")),
            None => problem,
        };
    }
    let problem = Error::user(format!("the SQL cannot be read: {text}")).code("HW301");
    let found = text.split_once("found: ").map(|(_, found)| found.to_lowercase()).unwrap_or_default();
    let problem = remedies(text, &found, context.sql()).into_iter().fold(problem, Error::help);
    let mut numbers = place.split(", Column: ").map(|part| part.trim().parse::<usize>().ok());
    match (numbers.next().flatten(), numbers.next().flatten()) {
        (Some(line), Some(column)) => problem.at(Span { file: file_of(context), line, column, length: 1 }),
        _ => problem,
    }
}

const UNCLOSED: &str = "a parenthesis that was opened is not closed";

/// What helps where a parser has `found` something else than its message expects.
fn remedies(text: &str, found: &str, sql: &str) -> Vec<String> {
    if found.starts_with('{') && ["{{", "{%", "{#"].iter().any(|template| sql.contains(template)) {
        return vec![
            "models are plain SQL, without templates: a model is read by its name (`from stg_orders`), a dataset behind its source (`from shop.orders`)".into(),
            "what `{{ this }}` and `is_incremental()` are for is said in the YAML beside the model: `load: upsert`, and `follow:`".into(),
            "`headworks import dbt` takes over the tests of a dbt project".into(),
        ];
    }
    if text.starts_with("expected )") {
        return vec![UNCLOSED.into()];
    }
    if text.starts_with("expected an SQL statement") || text.starts_with("expected SELECT, ") {
        return vec![nearest(found, ["select", "with"]).filter(|meant| *meant != found).map_or_else(
            || "a query begins with `select`, or with `with … as (…)` before it".to_owned(),
            |meant| format!("did you mean `{meant}`?"),
        )];
    }
    let is_reserved = RESERVED.contains(&found);
    let help =
        || format!("`{found}` is a word of SQL: before it something is missing, or it is a name and needs double quotes: `\"{found}\"`");
    is_reserved.then(help).into_iter().collect()
}

fn execution_problem(message: &str, context: &Context<'_>, span: &mut Option<Span>) -> Error {
    if let Some(error) = store_problem(message) {
        return error;
    }
    // The last is how a join says that it could not even hold the first batch of what it was to spill.
    if ["Resources exhausted", "memory limit", "no data to spill"].iter().any(|words| message.contains(words)) {
        return memory_problem(message, context.memory);
    }
    if message.contains("Parquet argument error") || message.contains("Parquet error") {
        let told = told(message, context.sql()).error;
        return Error::user(DAMAGED).code("HW203").because(told.message()).help("write or copy the file again");
    }
    placed(told(message, context.sql()), context, span)
}

/// The error that a query does not get along with its memory.
pub(crate) fn memory_problem(message: &str, limit: Option<ByteSize>) -> Error {
    let more = limit.map_or_else(|| "…".to_owned(), twice);
    let limit = limit.map_or_else(|| "the memory limit".to_owned(), |limit| format!("the memory limit of {limit}"));
    Error::user(format!("a query needs more than {limit}"))
        .code("HW401")
        .because(first_line(message).split(" with top memory consumers").next().unwrap_or_default())
        .help(format!("set `engine: {{ memory: {more} }}` in headworks.yaml, select fewer columns, or filter earlier"))
}

/// Twice a limit, as a project writes it.
fn twice(limit: ByteSize) -> String {
    const MIB: u64 = 1 << 20;
    match (limit.0.saturating_mul(2)).div_ceil(MIB) {
        mebibytes if mebibytes % 1024 == 0 => format!("{}GiB", mebibytes / 1024),
        mebibytes => format!("{mebibytes}MiB"),
    }
}

fn first_line(message: &str) -> String {
    let line = message.lines().find(|line| !line.trim().is_empty()).unwrap_or(message).trim();
    ["Error during planning: ", "Execution error: ", "Arrow error: ", "External error: ", "Optimizer rule "]
        .iter()
        .fold(line, |line, prefix| line.strip_prefix(prefix).unwrap_or(line))
        .to_owned()
}

fn file_of(context: &Context<'_>) -> std::path::PathBuf {
    context.file.unwrap_or("query").into()
}

#[expect(clippy::cast_possible_truncation, reason = "lines and columns of a query are small")]
fn marked(diagnostic: &Diagnostic, context: &Context<'_>) -> Option<Span> {
    let span = diagnostic.span?;
    let length = if span.end.line == span.start.line { span.end.column.saturating_sub(span.start.column).max(1) } else { 1 };
    Some(Span { file: file_of(context), line: span.start.line as usize, column: span.start.column as usize, length: length as usize })
}

#[cfg(test)]
mod tests {
    use std::sync::Arc;

    use super::*;

    #[test]
    fn an_error_of_ours_stays_one_where_several_wait_for_the_same_rows() {
        let ours = Error::passing("cannot reach the database").code("HW206");
        let others = Arc::new(DataFusionError::External(Box::new(ours)));
        let explained = explain(DataFusionError::Shared(Arc::clone(&others)), &Context::default());
        assert_eq!((explained.known_code(), explained.message()), (Some("HW206"), "cannot reach the database"));
    }
}
