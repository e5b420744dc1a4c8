//! Files that cannot be read.

use std::io;

use hw_base::Error;

/// The error for a file that cannot be read.
pub fn unreadable(name: &str, error: &io::Error) -> Error {
    match error.kind() {
        io::ErrorKind::NotFound => Error::user(format!("the file `{name}` is gone")).code("HW201").help("run again to list the files anew"),
        io::ErrorKind::PermissionDenied => {
            Error::user(format!("the file `{name}` may not be read")).code("HW201").because(error).help("grant read access to the file")
        }
        io::ErrorKind::InvalidData | io::ErrorKind::InvalidInput | io::ErrorKind::UnexpectedEof | io::ErrorKind::Other => {
            Error::user(format!("the file `{name}` is damaged or incomplete"))
                .code("HW203")
                .because(error)
                .help("fetch or compress the file again; nothing of it was loaded")
        }
        _ => Error::passing(format!("the file `{name}` cannot be read")).code("HW203").because(error).help("try again; look at the disk"),
    }
}
