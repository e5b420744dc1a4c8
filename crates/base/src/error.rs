//! The one error type of the workspace: what is wrong, why, where, who must act and what to do next.

use std::fmt;
use std::path::PathBuf;

/// A result that fails with [`Error`].
pub type Result<T, E = Error> = std::result::Result<T, E>;

/// Who has to act before a second try can succeed.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Blame {
    /// The project, the command line or the input named by them is wrong. Exit code 2.
    User,
    /// Something outside this process failed. Exit code 3.
    Outside,
    /// A bug in Headworks. Exit code 70.
    Headworks,
}

/// Whether trying again unchanged may help.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Retry {
    /// It fails again.
    Never,
    /// It may pass after a pause.
    WithBackoff,
}

/// A place in a text file, one-based.
#[derive(Clone, Debug, PartialEq, Eq, serde::Serialize)]
pub struct Span {
    /// The file, relative to the project where it lies inside it.
    pub file: PathBuf,
    /// One-based line.
    pub line: usize,
    /// One-based column, in characters.
    pub column: usize,
    /// How many characters the marked text has, at least 1.
    pub length: usize,
}

/// The one error type of the workspace.
///
/// Callers decide by [`Blame`] and [`Retry`]; people decide by message and help. The message is lower
/// case, has no full stop, puts names in backticks and says what was expected and what was found.
#[derive(Clone, Debug)]
pub struct Error(Box<Parts>);

#[derive(Clone, Debug)]
struct Parts {
    blame: Blame,
    retry: Retry,
    code: Option<&'static str>,
    message: String,
    because: Vec<String>,
    help: Vec<String>,
    span: Option<Span>,
    also: Vec<Error>,
}

impl Error {
    fn new(blame: Blame, retry: Retry, message: impl Into<String>) -> Self {
        let message = message.into();
        Self(Box::new(Parts { blame, retry, code: None, message, because: vec![], help: vec![], span: None, also: vec![] }))
    }

    /// The user must change the project, the command or the input.
    pub fn user(message: impl Into<String>) -> Self {
        Self::new(Blame::User, Retry::Never, message)
    }

    /// Something outside failed, and trying again unchanged does not help.
    pub fn outside(message: impl Into<String>) -> Self {
        Self::new(Blame::Outside, Retry::Never, message)
    }

    /// Something outside failed that often passes, such as a refused connection.
    pub fn passing(message: impl Into<String>) -> Self {
        Self::new(Blame::Outside, Retry::WithBackoff, message)
    }

    /// Headworks broke one of its own promises.
    pub fn bug(message: impl Into<String>) -> Self {
        Self::new(Blame::Headworks, Retry::Never, message).code("HW901")
    }

    /// Joins several errors into one that shows them all, each of them once. Returns `None` for none.
    pub fn all(errors: Vec<Error>) -> Option<Self> {
        let mut errors = errors.into_iter();
        let mut first = errors.next()?;
        for mut error in errors {
            let nested = std::mem::take(&mut error.0.also);
            for error in std::iter::once(error).chain(nested) {
                if !std::iter::once(&first).chain(first.others()).any(|told| told.says_the_same(&error)) {
                    first.0.also.push(error);
                }
            }
        }
        Some(first)
    }

    /// Whether a person would read the same, those told beside them left aside.
    fn says_the_same(&self, other: &Self) -> bool {
        let (a, b) = (&self.0, &other.0);
        a.code == b.code && a.message == b.message && a.because == b.because && a.help == b.help && a.span == b.span
    }

    /// Sets the code under which `headworks explain CODE` tells more; see [`crate::CODES`].
    #[must_use]
    pub fn code(mut self, code: &'static str) -> Self {
        self.0.code = Some(code);
        self
    }

    /// Adds a cause, the nearest first.
    #[must_use]
    pub fn because(mut self, cause: impl fmt::Display) -> Self {
        self.0.because.push(cause.to_string());
        self
    }

    /// Adds the next command or setting to try.
    #[must_use]
    pub fn help(mut self, help: impl Into<String>) -> Self {
        self.0.help.push(help.into());
        self
    }

    /// Says where it is. A place that is already known stays.
    #[must_use]
    pub fn at(mut self, span: Span) -> Self {
        self.0.span.get_or_insert(span);
        self
    }

    /// Says where it is, in place of what is known: for a text that was taken out of another file.
    #[must_use]
    pub fn moved_to(mut self, span: Option<Span>) -> Self {
        self.0.span = span;
        self
    }

    /// Puts `context` in front of the message: `context: message`.
    #[must_use]
    pub fn within(mut self, context: impl fmt::Display) -> Self {
        self.0.message = format!("{context}: {}", self.0.message);
        self
    }

    /// Who must act.
    pub fn blame(&self) -> Blame {
        self.0.blame
    }

    /// Whether trying again may help.
    pub fn retry(&self) -> Retry {
        self.0.retry
    }

    /// The code for `headworks explain`, where there is one.
    pub fn known_code(&self) -> Option<&'static str> {
        self.0.code
    }

    /// What is wrong, in one line.
    pub fn message(&self) -> &str {
        &self.0.message
    }

    /// Why, the nearest cause first.
    pub fn causes(&self) -> &[String] {
        &self.0.because
    }

    /// What to do next.
    pub fn remedies(&self) -> &[String] {
        &self.0.help
    }

    /// Where, if it is a place in a file.
    pub fn span(&self) -> Option<&Span> {
        self.0.span.as_ref()
    }

    /// Errors found in the same go, in the order of their places.
    pub fn others(&self) -> &[Error] {
        &self.0.also
    }
}

impl fmt::Display for Error {
    /// The plain form: message, causes, place and help, one per line.
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        match self.0.code {
            Some(code) => write!(f, "error[{code}]: {}", self.0.message)?,
            None => write!(f, "error: {}", self.0.message)?,
        }
        for cause in &self.0.because {
            write!(f, "\n  because: {}", cause.replace('\n', "\n           "))?;
        }
        if let Some(Span { file, line, column, .. }) = &self.0.span {
            write!(f, "\n  at: {}:{line}:{column}", file.display())?;
        }
        for help in &self.0.help {
            write!(f, "\n  help: {}", help.replace('\n', "\n        "))?;
        }
        for other in &self.0.also {
            write!(f, "\n\n{other}")?;
        }
        Ok(())
    }
}

impl std::error::Error for Error {}

/// The known name nearest to a mistyped one, if any is near enough to be meant.
pub fn nearest<'a>(name: &str, known: impl IntoIterator<Item = &'a str>) -> Option<&'a str> {
    let lower = name.to_lowercase();
    known
        .into_iter()
        .map(|candidate| (strsim::damerau_levenshtein(&lower, &candidate.to_lowercase()), candidate))
        .filter(|(distance, candidate)| *distance <= 1 + candidate.chars().count().min(name.chars().count()) / 4)
        .min_by_key(|(distance, _)| *distance)
        .map(|(_, candidate)| candidate)
}

/// The error for an unknown name: it lists the known ones and the one that was probably meant.
pub fn unknown<'a>(what: &str, name: &str, known: impl IntoIterator<Item = &'a str>) -> Error {
    let mut known: Vec<&str> = known.into_iter().collect();
    known.sort_unstable();
    known.dedup();
    let error = Error::user(format!("unknown {what} `{name}`"));
    match nearest(name, known.iter().copied()) {
        Some(meant) => error.help(format!("did you mean `{meant}`?")),
        None if known.is_empty() => error.help(format!("there is no {what} yet")),
        None if known.len() > 40 => error.help(format!("there are {}, among them: {}", known.len(), known[..40].join(", "))),
        None => error.help(format!("known: {}", known.join(", "))),
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn the_plain_form_says_what_why_where_and_what_next() {
        let error = Error::user("column `email` cannot be the merge key of `customers`")
            .because("31 of 1,000 values occur more than once")
            .at(Span { file: "headworks.yaml".into(), line: 14, column: 9, length: 5 })
            .help("try `customer_id`");
        assert_eq!(
            error.to_string(),
            "error: column `email` cannot be the merge key of `customers`\n  because: 31 of 1,000 values occur more than once\n  at: headworks.yaml:14:9\n  help: try `customer_id`"
        );
    }

    #[test]
    fn an_error_that_is_met_twice_is_told_once() {
        let error = |place: usize| Error::user("wrong").at(Span { file: "headworks.yaml".into(), line: place, column: 1, length: 1 });
        let pair = || Error::all(vec![error(1), error(2)]).unwrap();
        let told = Error::all(vec![error(1), error(1), pair(), pair()]).unwrap();
        assert_eq!(told.others().len(), 1);
    }

    #[test]
    fn a_mistyped_name_finds_its_neighbour_and_a_foreign_one_finds_none() {
        assert_eq!(nearest("custmer_id", ["order_id", "customer_id"]), Some("customer_id"));
        assert_eq!(nearest("zebra", ["order_id", "customer_id"]), None);
    }
}
