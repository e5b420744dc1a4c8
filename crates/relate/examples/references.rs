//! Shows the references found between tables: `cargo run -p hw-relate --example references -- orders.csv customers.csv …`
//!
//! With `--declared FILE` (lines of table, column, table, column) it also says at which place each declared one is found.

#[path = "reading/mod.rs"]
mod reading;

use reading::{coded, print_line, read};

fn main() -> Result<(), String> {
    let mut files: Vec<String> = std::env::args().skip(1).collect();
    let declared = match files.iter().position(|argument| argument == "--declared") {
        Some(at) if at + 1 < files.len() => Some(files.drain(at..at + 2).next_back().unwrap_or_default()),
        _ => None,
    };
    let tables = files.iter().map(|file| Ok(coded(file, &read(file)?))).collect::<Result<Vec<_>, String>>()?;
    let all: Vec<&hw_base::CodedTable> = tables.iter().collect();
    let started = std::time::Instant::now();
    let found = hw_relate::references(&all);
    print_line(&format!("{} references in {:.2?}", found.len(), started.elapsed()));
    let name = |side: &hw_relate::TableColumns| {
        let table = &tables[side.table];
        let columns: Vec<&str> = side.columns.iter().map(|at| table.columns[*at].name.as_str()).collect();
        format!("{}({})", table.name, columns.join(", "))
    };
    let wanted = match declared {
        None => Vec::new(),
        Some(file) => read(&file)?,
    };
    let wanted: Vec<String> =
        wanted.iter().filter(|line| line.len() >= 4).map(|line| format!("{}({}) -> {}({})", line[0], line[1], line[2], line[3])).collect();
    let mut missing: Vec<String> = wanted.iter().map(|line| line.to_lowercase()).collect();
    for reference in &found {
        let line = format!("{} -> {}", name(&reference.from), name(&reference.to));
        let place = missing.iter().position(|other| *other == line.to_lowercase());
        let mark = place.map_or(" ", |_| "*");
        if let Some(at) = place {
            missing.remove(at);
        }
        print_line(&format!("{mark} {:.2} {line} (orphans {}, coverage {:.2})", reference.score, reference.orphans, reference.coverage));
    }
    for line in missing {
        print_line(&format!("missing {line}"));
    }
    Ok(())
}
