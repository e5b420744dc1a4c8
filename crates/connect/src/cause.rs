//! What a driver says went wrong, in words for a person.

use std::error::Error;

/// The innermost cause of an error whose outer layers say little. The error itself where it has none.
pub(crate) fn innermost(error: &(dyn Error + 'static)) -> String {
    let Some(last) = std::iter::successors(error.source(), |cause| (*cause).source()).last() else { return error.to_string() };
    // The operating system's own number helps nobody.
    last.to_string().split(" (os error").next().unwrap_or_default().to_lowercase()
}

#[cfg(test)]
mod tests {
    use std::io;

    use super::*;

    #[test]
    fn the_last_word_is_the_innermost() {
        let refused = io::Error::from_raw_os_error(111);
        let driver = mysql_async::Error::Io(mysql_async::IoError::Io(refused));
        assert_eq!(innermost(&driver), "connection refused");
        assert_eq!(innermost(&io::Error::other("Alone")), "Alone");
    }
}
