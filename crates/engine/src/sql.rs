//! Reading SQL text: which tables it names, and where.

use std::ops::ControlFlow;

use datafusion::common::DataFusionError;
use datafusion::sql::parser::{DFParserBuilder, Statement};
use datafusion::sql::resolve::resolve_table_references;
use datafusion::sql::sqlparser::ast::{ObjectName, ObjectNamePart, Statement as SqlStatement, TableFactor, Visit, Visitor};
use datafusion::sql::sqlparser::dialect::GenericDialect;
use hw_base::{Error, Reference, Result};

use crate::failure::{Context, explain};

/// The tables that one SELECT names, in the order they appear.
pub(crate) fn references(sql: &str, file: Option<&str>) -> Result<Vec<Reference>> {
    let context = Context { file, memory: None };
    let statement = select(sql, &context)?;
    let (_, own) = resolve_table_references(&statement, true).map_err(|error| explain(error, &context))?;
    let own: Vec<String> = own.iter().map(|name| name.table().to_owned()).collect();
    let Statement::Statement(select) = statement else { return Ok(vec![]) };
    let mut found = Relations { own, references: Vec::new() };
    let _ = select.visit(&mut found);
    Ok(found.references)
}

/// Collects the tables of a query; functions that return tables are none.
struct Relations {
    own: Vec<String>,
    references: Vec<Reference>,
}

impl Visitor for Relations {
    type Break = ();

    fn pre_visit_table_factor(&mut self, factor: &TableFactor) -> ControlFlow<()> {
        if let TableFactor::Table { name, args: None, .. } = factor {
            self.note(name);
        }
        ControlFlow::Continue(())
    }
}

impl Relations {
    fn note(&mut self, name: &ObjectName) {
        let parts: Vec<String> = name.0.iter().map(normalized).collect();
        let is_own = parts.len() == 1 && self.own.contains(&parts[0]);
        if is_own || self.references.iter().any(|known| known.parts == parts) {
            return;
        }
        let start = name.0.first().and_then(ObjectNamePart::as_ident).map(|ident| ident.span.start);
        let (line, column) = start.map_or((1, 1), |start| (start.line, start.column));
        #[expect(clippy::cast_possible_truncation, reason = "lines and columns of a query are small")]
        self.references.push(Reference { parts, line: line as usize, column: column as usize });
    }
}

fn normalized(part: &ObjectNamePart) -> String {
    match part.as_ident() {
        Some(ident) if ident.quote_style.is_none() => ident.value.to_lowercase(),
        Some(ident) => ident.value.clone(),
        None => part.to_string(),
    }
}

/// Parses a text that must hold one SELECT.
fn select(sql: &str, context: &Context<'_>) -> Result<Statement> {
    let parser = DFParserBuilder::new(sql).with_dialect(&GenericDialect {}).build();
    let mut statements =
        parser.and_then(|mut parser| parser.parse_statements()).map_err(|error: DataFusionError| explain(error, context))?;
    match (statements.pop_front(), statements.is_empty()) {
        (Some(statement @ Statement::Statement(_)), true) if is_query(&statement) => Ok(statement),
        (None, _) => Err(Error::user("the SQL is empty").code("HW301").help("write one SELECT")),
        (_, false) => Err(Error::user("the SQL holds more than one statement")
            .code("HW301")
            .help("write one SELECT; `with … as (…)` gives names to its parts")),
        _ => Err(Error::user("the SQL is no SELECT").code("HW301").help("write one SELECT; Headworks makes and changes the tables itself")),
    }
    .map_err(|error| match context.file {
        Some(file) => error.at(hw_base::Span { file: file.into(), line: 1, column: 1, length: 1 }),
        None => error,
    })
}

fn is_query(statement: &Statement) -> bool {
    matches!(statement, Statement::Statement(inner) if matches!(inner.as_ref(), SqlStatement::Query(_)))
}
