//! Scores the suspicious cells of a table against its clean twin, or shows what is found where there is none.
//!
//! `cargo run -p hw-relate --example score -- dirty.csv clean.csv` prints precision, recall and F1 per column, per issue
//! and in all; a cell is wrong where the two files differ. With one file it prints the keys, dependencies and cells found.
//! With `--columns` before the files it prints the figures per column too, with `--list` the cells flagged in vain and missed.

#[path = "reading/mod.rs"]
mod reading;

use std::collections::{BTreeMap, HashMap, HashSet};

use hw_base::CodedTable;
use hw_relate::{Cell, cells, dependencies, keys};
use reading::{coded, print_line, read};

fn main() -> Result<(), String> {
    let arguments: Vec<String> = std::env::args().skip(1).collect();
    let (options, files): (Vec<&String>, Vec<&String>) = arguments.iter().partition(|argument| argument.starts_with("--"));
    let asks = |option: &str| options.iter().any(|given| *given == option);
    let (dirty_file, clean_file) = match files[..] {
        [dirty] => (dirty, None),
        [dirty, clean] => (dirty, Some(clean)),
        _ => return Err("name a file, or a dirty and a clean one: score [--columns] [--list] dirty.csv [clean.csv]".to_owned()),
    };
    let dirty = read(dirty_file)?;
    let table = coded(dirty_file, &dirty);
    let started = std::time::Instant::now();
    let found_keys = keys(&table);
    let after_keys = started.elapsed();
    let found = dependencies(&table, &found_keys);
    let after_dependencies = started.elapsed();
    let flagged = cells(&table, &found_keys, &found);
    let took = started.elapsed();
    print_line(&format!(
        "{} rows, {} columns; keys {:.2?}, dependencies {:.2?}, cells {:.2?}",
        table.coded_rows(),
        table.columns.len(),
        after_keys,
        after_dependencies.saturating_sub(after_keys),
        took.saturating_sub(after_dependencies)
    ));
    if clean_file.is_none() || asks("--found") {
        show(&table, &found_keys, &found);
    }
    match clean_file {
        None => summary(&table, &flagged, asks("--list")),
        Some(clean) => compare(&table, &dirty, &read(clean)?, &flagged, (asks("--columns"), asks("--list"))),
    }
    Ok(())
}

fn names(table: &CodedTable, columns: &[usize]) -> String {
    let names: Vec<&str> = columns.iter().map(|at| table.columns[*at].name.as_str()).collect();
    names.join(", ")
}

fn show(table: &CodedTable, keys: &hw_relate::Keys, found: &hw_relate::Dependencies) {
    print_line(&format!("{} keys{}", keys.keys.len(), if keys.is_complete { "" } else { " (bounded)" }));
    for key in keys.keys.iter().take(8) {
        print_line(&format!("  {:.2} {}", key.score, names(table, &key.columns)));
    }
    let exact = found.dependencies.iter().filter(|dependency| dependency.is_exact()).count();
    let bounded = if found.is_complete { "" } else { " (bounded)" };
    print_line(&format!("{} dependencies, {exact} exact{bounded}", found.dependencies.len()));
    for dependency in found.dependencies.iter().take(25) {
        let determinant = names(table, &dependency.determinant);
        let dependent = &table.columns[dependency.dependent].name;
        print_line(&format!(
            "  {:.2} {determinant} -> {dependent} (g3 {:.4}, support {})",
            dependency.score, dependency.error, dependency.support
        ));
    }
}

fn summary(table: &CodedTable, flagged: &[Cell], list: bool) {
    let mut counts: BTreeMap<(&str, &str), usize> = BTreeMap::new();
    for cell in flagged {
        *counts.entry((cell.issue, &table.columns[cell.column].name)).or_default() += 1;
    }
    let share = flagged.len() as f64 / (table.coded_rows() * table.columns.len()).max(1) as f64 * 100.0;
    print_line(&format!("{} suspicious cells ({share:.2} %)", flagged.len()));
    for ((issue, column), count) in counts {
        print_line(&format!("  {issue} {column}: {count}"));
    }
    if list {
        for cell in flagged.iter().take(200) {
            print_line(&line(table, cell));
        }
    }
}

fn line(table: &CodedTable, cell: &Cell) -> String {
    let column = &table.columns[cell.column];
    let (row, value) = (cell.row, column.value(cell.row));
    format!("  {:.2} {} {}[{row}] = {value:?} -> {:?}", cell.confidence, cell.issue, column.name, cell.suggestion)
}

fn compare(table: &CodedTable, dirty: &[Vec<String>], clean: &[Vec<String>], flagged: &[Cell], (by_column, list): (bool, bool)) {
    let mut wrong: HashSet<(usize, usize)> = HashSet::new();
    for (row, (before, after)) in dirty.iter().zip(clean).skip(1).enumerate() {
        wrong.extend(before.iter().zip(after).enumerate().filter(|(_, (a, b))| a != b).map(|(column, _)| (row, column)));
    }
    let right = |cell: &&Cell| wrong.contains(&(cell.row, cell.column));
    let mut issues: BTreeMap<&str, (usize, usize)> = BTreeMap::new();
    for cell in flagged {
        let count = issues.entry(cell.issue).or_default();
        count.0 += 1;
        count.1 += usize::from(right(&cell));
    }
    for (issue, (flagged, right)) in &issues {
        print_line(&format!("  {issue}: {flagged} flagged, {right} right"));
    }
    let mended = flagged
        .iter()
        .filter(right)
        .filter(|cell| cell.suggestion.as_ref() == clean.get(cell.row + 1).and_then(|row| row.get(cell.column)));
    print_line(&format!("  suggestions right: {}", mended.count()));
    if by_column {
        for (column, named) in table.columns.iter().enumerate() {
            let of_column: Vec<&Cell> = flagged.iter().filter(|cell| cell.column == column).collect();
            let errors = wrong.iter().filter(|(_, c)| *c == column).count();
            print_line(&figures(&named.name, of_column.len(), of_column.iter().copied().filter(|cell| right(cell)).count(), errors));
        }
    }
    if list {
        misses(table, dirty, clean, flagged, &wrong);
    }
    print_line(&figures("all", flagged.len(), flagged.iter().filter(right).count(), wrong.len()));
}

fn misses(table: &CodedTable, dirty: &[Vec<String>], clean: &[Vec<String>], flagged: &[Cell], wrong: &HashSet<(usize, usize)>) {
    let mut shown: HashMap<usize, usize> = HashMap::new();
    for cell in flagged.iter().filter(|cell| !wrong.contains(&(cell.row, cell.column))) {
        let count = shown.entry(cell.column).or_default();
        *count += 1;
        if *count <= 12 {
            print_line(&format!("  in vain{}", line(table, cell)));
        }
    }
    let found: HashSet<(usize, usize)> = flagged.iter().map(|cell| (cell.row, cell.column)).collect();
    let mut missed: Vec<&(usize, usize)> = wrong.iter().filter(|at| !found.contains(at)).collect();
    missed.sort();
    let mut shown: HashMap<usize, usize> = HashMap::new();
    for (row, column) in missed {
        let count = shown.entry(*column).or_default();
        *count += 1;
        if *count <= 12 {
            let name = &table.columns[*column].name;
            print_line(&format!("  missed {name}[{row}] = {:?}, clean {:?}", dirty[row + 1][*column], clean[row + 1][*column]));
        }
    }
}

fn figures(name: &str, flagged: usize, right: usize, wrong: usize) -> String {
    let precision = right as f64 / flagged.max(1) as f64;
    let recall = right as f64 / wrong.max(1) as f64;
    let f1 = 2.0 * right as f64 / (flagged + wrong).max(1) as f64;
    format!("  {name}: wrong {wrong}, flagged {flagged}, precision {precision:.3}, recall {recall:.3}, F1 {f1:.3}")
}
