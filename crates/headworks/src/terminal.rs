//! The terminal: where results, errors and progress go.

use std::io::{IsTerminal, Write};
use std::path::{Path, PathBuf};
use std::sync::{Arc, Mutex};
use std::time::Duration;

use clap::ValueEnum;
use hw_base::Error;
use indicatif::{ProgressBar, ProgressStyle};
use serde::Serialize;

use crate::place::Place;
use crate::report;

/// How results are printed.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq, clap::ValueEnum)]
pub(crate) enum Format {
    /// For people.
    #[default]
    Text,
    /// For programs: stable and versioned.
    Json,
    /// For tickets and reviews.
    Markdown,
}

/// The terminal. A clone shows and clears the same.
#[derive(Clone)]
pub(crate) struct Terminal {
    /// How results are printed.
    pub(crate) format: Format,
    /// The project's folder.
    pub(crate) root: PathBuf,
    /// The environment of the project; production where there is none.
    pub(crate) place: Option<Place>,
    color: bool,
    bar: Arc<Mutex<Option<ProgressBar>>>,
    /// Why a part of the result could not be printed.
    lost: Arc<Mutex<Option<std::io::Error>>>,
}

impl Terminal {
    /// The terminal that the arguments ask for.
    pub(crate) fn of(matches: &clap::ArgMatches) -> Self {
        let mut inner = matches;
        while let Some((_, part)) = inner.subcommand() {
            inner = part;
        }
        // A command with formats of its own is of another type, and the words are the same.
        let word = || inner.try_get_raw("format").ok().flatten()?.next()?.to_str().and_then(|word| Format::from_str(word, true).ok());
        let format = inner.try_get_one::<Format>("format").ok().flatten().copied().or_else(word).unwrap_or_default();
        let root = inner.try_get_one::<PathBuf>("project").ok().flatten().cloned().unwrap_or_else(|| PathBuf::from("."));
        let production = inner.try_get_one::<PathBuf>("production").ok().flatten().cloned();
        let place =
            inner.try_get_one::<String>("env").ok().flatten().map(|name| Place { name: name.clone(), production, is_passing: false });
        Self { format, root, place, color: std::io::stderr().is_terminal(), bar: Arc::default(), lost: Arc::default() }
    }

    /// The terminal for a command line that cannot be read: what it would have been, as far as anybody can tell.
    pub(crate) fn of_unread(arguments: &[std::ffi::OsString]) -> Self {
        let follows = arguments.windows(2).any(|pair| pair[0] == "--format" && pair[1] == "json");
        let is_json = follows || arguments.iter().any(|argument| argument == "--format=json");
        let format = if is_json { Format::Json } else { Format::Text };
        Self {
            format,
            root: PathBuf::from("."),
            place: None,
            color: std::io::stderr().is_terminal(),
            bar: Arc::default(),
            lost: Arc::default(),
        }
    }

    /// The same terminal for another project folder, in text.
    pub(crate) fn inside(&self, root: &Path) -> Self {
        Self { format: Format::Text, root: root.to_owned(), place: None, color: self.color, bar: Arc::default(), lost: Arc::default() }
    }

    /// The option that a command needs to work on the same tables.
    pub(crate) fn in_environment(&self) -> String {
        let Some(Place { name, production, .. }) = &self.place else { return String::new() };
        let production = production.as_ref().map(|folder| format!(" --production {}", folder.display())).unwrap_or_default();
        format!(" --env {name}{production}")
    }

    /// Prints a line of a result.
    pub(crate) fn line(&self, text: impl AsRef<str>) {
        self.clear();
        let mut out = std::io::stdout();
        match writeln!(out, "{}", text.as_ref()).and_then(|()| out.flush()) {
            // A closed pipe ends the output, not the work.
            Err(error) if error.kind() != std::io::ErrorKind::BrokenPipe => {
                self.lost.lock().unwrap_or_else(std::sync::PoisonError::into_inner).get_or_insert(error);
            }
            _ => {}
        }
    }

    /// The error where a part of the result could not be printed: who reads it would take it for the whole.
    pub(crate) fn lost(&self) -> Option<Error> {
        let lost = self.lost.lock().unwrap_or_else(std::sync::PoisonError::into_inner).take()?;
        let error = Error::outside("the result could not be printed as a whole").code("HW501").because(lost);
        Some(error.help("make room where it is written to, and run the command again"))
    }

    /// Prints the lines of a result.
    pub(crate) fn lines(&self, lines: impl IntoIterator<Item = impl AsRef<str>>) {
        for line in lines {
            self.line(line);
        }
    }

    /// Prints a line for people beside the result; nothing where the result is for programs.
    pub(crate) fn say(&self, text: impl AsRef<str>) {
        match self.format {
            Format::Text => self.line(text),
            Format::Json | Format::Markdown => self.beside(text),
        }
    }

    /// The same for several lines.
    pub(crate) fn say_all(&self, lines: impl IntoIterator<Item = impl AsRef<str>>) {
        for line in lines {
            self.say(line);
        }
    }

    /// Prints a line for people that is no part of the result.
    pub(crate) fn beside(&self, text: impl AsRef<str>) {
        self.clear();
        let _ = writeln!(std::io::stderr(), "{}", text.as_ref());
    }

    /// Prints a result as JSON.
    pub(crate) fn json(&self, value: &impl Serialize) -> hw_base::Result<()> {
        let text =
            serde_json::to_string_pretty(value).map_err(|error| Error::bug(format!("a result could not be written as JSON: {error}")))?;
        self.line(text);
        Ok(())
    }

    /// Prints the error with which a command ends: for people beside the result, for programs in its place.
    pub(crate) fn error(&self, error: &Error, exit_code: u8) {
        self.clear();
        if self.format == Format::Json {
            let failure = report::json::failure(error, exit_code);
            let _ = writeln!(std::io::stdout(), "{failure:#}");
            return;
        }
        let _ = writeln!(std::io::stderr(), "{}", hw_config::render(error, &self.root, self.color));
    }

    /// Prints a table; the columns in `right` hold numbers.
    pub(crate) fn table(&self, rows: &[Vec<String>], right: &[usize]) {
        let lines = if self.format == Format::Markdown { report::markdown::table(rows, right) } else { table(rows, right) };
        self.lines(lines);
    }

    /// Shows that something goes on, once it has lasted for a second. Nothing where nobody watches.
    pub(crate) fn busy(&self, text: impl Into<String>) {
        self.clear();
        if !std::io::stderr().is_terminal() {
            return;
        }
        let bar = ProgressBar::new_spinner().with_message(text.into());
        if let Ok(style) = ProgressStyle::with_template("  {spinner} {msg} {elapsed}") {
            bar.set_style(style);
        }
        bar.enable_steady_tick(Duration::from_millis(200));
        *self.bar.lock().unwrap_or_else(std::sync::PoisonError::into_inner) = Some(bar);
    }

    /// Ends what [`Terminal::busy`] shows.
    pub(crate) fn clear(&self) {
        if let Some(bar) = self.bar.lock().unwrap_or_else(std::sync::PoisonError::into_inner).take() {
            bar.finish_and_clear();
        }
    }
}

/// Lines up columns; the first is left-aligned, those in `right` are right-aligned.
pub(crate) fn table(rows: &[Vec<String>], right: &[usize]) -> Vec<String> {
    let columns = rows.iter().map(Vec::len).max().unwrap_or_default();
    let width = |column: usize| rows.iter().filter_map(|row| row.get(column)).map(|cell| cell.chars().count()).max().unwrap_or_default();
    let widths: Vec<usize> = (0..columns).map(width).collect();
    let cell = |(column, text): (usize, &String)| {
        let padding = " ".repeat(widths[column].saturating_sub(text.chars().count()));
        if right.contains(&column) { format!("{padding}{text}") } else { format!("{text}{padding}") }
    };
    rows.iter().map(|row| row.iter().enumerate().map(cell).collect::<Vec<_>>().join("  ").trim_end().to_owned()).collect()
}
