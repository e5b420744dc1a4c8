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

/// Says how records become rows that values of these columns keep from being rows; nothing where there is no such column.
pub(crate) fn unfit(dataset: &str, columns: &[String]) -> Option<String> {
    let named: Vec<String> = columns.iter().map(|column| format!("`{column}`")).collect();
    let entries: Vec<String> = columns.iter().map(|column| format!("{dataset}.{column}")).collect();
    let hold = if columns.len() == 1 { "holds values that its type" } else { "hold values that their types" };
    let (named, entries) = (named.join(", "), entries.join(", "));
    let told = format!("{dataset}: {named} {hold} cannot hold here; `as_text: [{entries}]` under its source reads them as text");
    (!columns.is_empty()).then_some(told)
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn columns_to_be_read_as_text_are_entries_of_a_setting() {
        let told = |columns: &[&str]| unfit("prices", &columns.iter().map(|column| (*column).to_owned()).collect::<Vec<_>>());
        assert_eq!(told(&[]), None);
        let one =
            "prices: `grid` holds values that its type cannot hold here; `as_text: [prices.grid]` under its source reads them as text";
        assert_eq!(told(&["grid"]).as_deref(), Some(one));
        assert!(told(&["grid", "valid_to"]).unwrap().contains("`as_text: [prices.grid, prices.valid_to]`"));
    }
}
