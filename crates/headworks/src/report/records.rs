//! Records that cannot be read as rows, in a sentence.

use hw_base::plural;
use hw_connect::LeftOut;

/// Says how many records are missing among the rows, and where.
pub(crate) fn left_out(left_out: &LeftOut) -> String {
    let records = left_out.files.iter().map(|(_, records)| records).sum();
    let least = if left_out.is_all { "" } else { "at least " };
    let cannot = if records == 1 { "cannot be read as a row and is left out" } else { "cannot be read as rows and are left out" };
    let named = left_out.files.first().map(|(file, _)| file.as_str()).unwrap_or_default();
    let place = match left_out.files.len() as u64 {
        1 => format!("`{named}`"),
        files => format!("{}, such as `{named}`,", plural(files, "file")),
    };
    let why = match &left_out.why {
        Some(why) if records == 1 => format!(": {why}"),
        Some(why) => format!("; one of them: {why}"),
        None => format!("; `headworks assess {named}` says why"),
    };
    format!("{least}{} of {place} {cannot}{why}", plural(records, "record"))
}
