//! What SQL means here: reading its text, and a file for everything that DataFusion lacks or takes in another way than people who write SQL do.

pub(crate) mod any_date;
pub(crate) mod arithmetic;
pub(crate) mod computed_first;
pub(crate) mod constants;
pub(crate) mod decimal_digits;
pub(crate) mod decimal_sum;
pub(crate) mod decimals;
pub(crate) mod distinct_from;
pub(crate) mod extremes;
pub(crate) mod formats;
pub(crate) mod gathered;
pub(crate) mod headers;
pub(crate) mod json;
pub(crate) mod json_path;
pub(crate) mod listed;
pub(crate) mod mean;
pub(crate) mod memberships;
pub(crate) mod merged;
pub(crate) mod moments;
pub(crate) mod multiples;
pub(crate) mod namesakes;
pub(crate) mod nan;
pub(crate) mod of_text;
pub(crate) mod ordinals;
pub(crate) mod own_tables;
pub(crate) mod patterns;
pub(crate) mod place;
pub(crate) mod quantile;
pub(crate) mod remainder;
pub(crate) mod renamed;
pub(crate) mod seconds;
pub(crate) mod series;
pub(crate) mod sliding;
pub(crate) mod spans;
pub(crate) mod standard;
pub(crate) mod sum;
pub(crate) mod unknown_columns;
pub(crate) mod wide;
pub(crate) mod words;

use std::collections::HashMap;
use std::ops::ControlFlow;
use std::sync::{Arc, LazyLock, Mutex, PoisonError};

use datafusion::common::DataFusionError;
use datafusion::functions_aggregate::all_default_aggregate_functions;
use datafusion::sql::parser::{DFParserBuilder, Statement};
use datafusion::sql::resolve::resolve_table_references;
use datafusion::sql::sqlparser::ast::{
    BinaryOperator, Cte, Expr, GroupByExpr, Ident, ObjectName, ObjectNamePart, Query, SelectItem, SetExpr, SetOperator, SetQuantifier,
    Statement as SqlStatement, TableFactor, Visit, VisitMut, Visitor, VisitorMut,
};
use datafusion::sql::sqlparser::dialect::GenericDialect;
use hw_base::{Error, Reference, Result};

use crate::failure::{Context, explain};
use crate::sql::distinct_from::bind_closely;
use crate::sql::listed::list_as_floats;
use crate::sql::merged::{Unclear, stand_for_values};
use crate::sql::ordinals::spell_out;
use crate::sql::place::Mark;
use crate::sql::standard::in_known_words;

/// The tables that one SELECT names, in the order they appear.
pub(crate) fn references(sql: &str, file: Option<&str>) -> Result<Vec<Reference>> {
    let context = Context { file, sql: Some(sql), memory: None };
    let statement = select(sql, &context)?;
    let (_, own) = resolve_table_references(&statement, true).map_err(|error| explain(error, &context))?;
    let own: Vec<String> = own.iter().map(|name| name.table().to_owned()).collect();
    let Statement::Statement(select) = &*statement else { return Ok(vec![]) };
    let mut found = Relations { own, sql, references: Vec::new() };
    let _ = select.visit(&mut found);
    Ok(found.references)
}

/// Whether each row of the result follows from one row of the one table that the SELECT reads: no joins, groups, windows, limits
/// or parts.
pub(crate) fn is_row_by_row(sql: &str) -> bool {
    let Some(query) = parsed(sql) else { return false };
    let SetExpr::Select(select) = query.body.as_ref() else { return false };
    let is_bounded = query.with.is_some() || query.limit_clause.is_some() || query.fetch.is_some() || select.top.is_some();
    let is_grouped = select.distinct.is_some()
        || select.having.is_some()
        || select.qualify.is_some()
        || !matches!(&select.group_by, GroupByExpr::Expressions(by, _) if by.is_empty());
    let reads_one =
        matches!(&select.from[..], [one] if one.joins.is_empty() && matches!(one.relation, TableFactor::Table { args: None, .. }));
    let mut others = OtherRows::new();
    reads_one && !is_bounded && !is_grouped && query.visit(&mut others).is_continue()
}

/// Whether a SELECT of the query brings rows of several of these tables together.
pub(crate) fn joins(sql: &str, tables: &[&str]) -> bool {
    let Some(query) = parsed(sql) else { return false };
    query.visit(&mut Joined { tables }).is_break()
}

/// The query that a SELECT is; `None` for what cannot be read.
pub(crate) fn parsed(sql: &str) -> Option<Box<Query>> {
    match &*select(sql, &Context::default()).ok()? {
        Statement::Statement(statement) => match &**statement {
            SqlStatement::Query(query) => Some(query.clone()),
            _ => None,
        },
        _ => None,
    }
}

/// The query with every name where its text has it; `None` for what cannot be read.
pub(crate) fn as_written(sql: &str) -> Option<Box<Query>> {
    let Statement::Statement(statement) = read(sql, &Context::default()).ok()? else { return None };
    match *statement {
        SqlStatement::Query(query) => Some(query),
        _ => None,
    }
}

/// SELECTs that were read already. A plan asks about each of its models several times, and reading takes most of that time.
static READ: LazyLock<Mutex<HashMap<String, Arc<Statement>>>> = LazyLock::new(Mutex::default);

/// How many are kept, and how long they may be.
const MOST_READ: usize = 4_096;
const LONGEST_READ: usize = 8_192;

/// A SELECT that was read before.
pub(crate) fn read_before(sql: &str) -> Option<Arc<Statement>> {
    READ.lock().unwrap_or_else(PoisonError::into_inner).get(sql).cloned()
}

fn keep(sql: &str, statement: &Arc<Statement>) {
    let mut read = READ.lock().unwrap_or_else(PoisonError::into_inner);
    if sql.len() <= LONGEST_READ && read.len() < MOST_READ {
        read.insert(sql.to_owned(), Arc::clone(statement));
    }
}

fn aggregates() -> Vec<String> {
    let functions = all_default_aggregate_functions();
    functions.iter().flat_map(|function| function.aliases().iter().cloned().chain([function.name().to_owned()])).collect()
}

/// Finds an expression that looks at other rows: an aggregate, a window, a query.
pub(crate) struct OtherRows {
    names: Vec<String>,
}

impl OtherRows {
    /// One that knows all aggregates.
    pub(crate) fn new() -> Self {
        Self { names: aggregates() }
    }
}

impl Visitor for OtherRows {
    type Break = ();

    fn pre_visit_expr(&mut self, expr: &Expr) -> ControlFlow<()> {
        let looks_at_others = match expr {
            Expr::Function(function) => function.over.is_some() || self.names.contains(&function.name.to_string().to_lowercase()),
            Expr::Subquery(_) | Expr::Exists { .. } | Expr::InSubquery { .. } => true,
            _ => false,
        };
        if looks_at_others { ControlFlow::Break(()) } else { ControlFlow::Continue(()) }
    }
}

/// Finds a SELECT that names several of the tables.
struct Joined<'a> {
    tables: &'a [&'a str],
}

impl Visitor for Joined<'_> {
    type Break = ();

    fn pre_visit_query(&mut self, query: &Query) -> ControlFlow<()> {
        let SetExpr::Select(select) = query.body.as_ref() else { return ControlFlow::Continue(()) };
        let mut inside = Relations { own: vec![], sql: "", references: vec![] };
        let _ = select.from.visit(&mut inside);
        let named = inside.references.iter().filter(|reference| self.tables.contains(&reference.parts.join(".").as_str())).count();
        if named > 1 { ControlFlow::Break(()) } else { ControlFlow::Continue(()) }
    }
}

/// Collects the tables of a query; functions that return tables are none.
struct Relations<'a> {
    own: Vec<String>,
    sql: &'a str,
    references: Vec<Reference>,
}

impl Visitor for Relations<'_> {
    type Break = ();

    fn pre_visit_table_factor(&mut self, factor: &TableFactor) -> ControlFlow<()> {
        if let TableFactor::Table { name, args: None, .. } = factor {
            self.note(name);
        }
        ControlFlow::Continue(())
    }
}

impl Relations<'_> {
    fn note(&mut self, name: &ObjectName) {
        let parts: Vec<String> = name.0.iter().map(normalized).collect();
        let is_own = parts.len() == 1 && self.own.contains(&parts[0]);
        if is_own || self.references.iter().any(|known| known.parts == parts) {
            return;
        }
        let start = name.0.first().and_then(ObjectNamePart::as_ident).map(|ident| ident.span.start);
        // A name in single quotes has no place of its own.
        let (line, column) = if let Some(start) = start.filter(|start| start.line > 0) {
            (start.line, start.column)
        } else {
            let found = place::find(self.sql, &Mark::Text(parts[0].clone())).unwrap_or_default();
            let span = place::span("query".into(), self.sql, found);
            (span.line as u64, span.column as u64)
        };
        #[expect(clippy::cast_possible_truncation, reason = "lines and columns of a query are small")]
        self.references.push(Reference { parts, line: line as usize, column: column as usize });
    }
}

/// A part of a name as tables are known by it.
pub(crate) fn normalized(part: &ObjectNamePart) -> String {
    part.as_ident().map_or_else(|| part.to_string(), known_as)
}

/// A name as tables and columns are known by it.
pub(crate) fn known_as(name: &Ident) -> String {
    if name.quote_style.is_some() { name.value.clone() } else { name.value.to_lowercase() }
}

/// Parses a text that must hold one SELECT.
fn select(sql: &str, context: &Context<'_>) -> Result<Arc<Statement>> {
    if let Some(statement) = read_before(sql) {
        return Ok(statement);
    }
    let mut statement = read(sql, context)?;
    if let Statement::Statement(query) = &mut statement {
        if let ControlFlow::Break(unlike) = Visit::visit(&**query, &mut Unlikes) {
            return Err(unlike.error(sql, context));
        }
        if let ControlFlow::Break(unclear) = say_what_is_meant(query) {
            return Err(Unlike::Merged(unclear).error(sql, context));
        }
    }
    let statement = Arc::new(statement);
    keep(sql, &statement);
    Ok(statement)
}

/// Has a statement say what is meant where the engine would take it for something else.
pub(crate) fn say_what_is_meant(statement: &mut SqlStatement) -> ControlFlow<Unclear> {
    let _ = VisitMut::visit(statement, &mut NamedConstants);
    in_known_words(statement);
    bind_closely(statement);
    stand_for_values(statement)?;
    list_as_floats(statement);
    spell_out(statement);
    ControlFlow::Continue(())
}

fn read(sql: &str, context: &Context<'_>) -> Result<Statement> {
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
        Some(file) => error.at(place::span(file.into(), sql, (place::first(sql), 1))),
        None => error,
    })
}

fn is_query(statement: &Statement) -> bool {
    matches!(statement, Statement::Statement(inner) if matches!(inner.as_ref(), SqlStatement::Query(_)))
}

/// What the engine reads and takes for something else.
enum Unlike {
    /// `except all` and `intersect all`: it does not count how often a row is there.
    All(SetOperator),
    /// `tablesample`: it takes all rows.
    Sample,
    /// `^`: exclusive or, a power elsewhere.
    Caret,
    /// Columns that joins merge: it takes them from one side.
    Merged(Unclear),
}

impl Unlike {
    fn error(&self, sql: &str, context: &Context<'_>) -> Error {
        let (word, message, help) = match self {
            Self::All(operator) => {
                let word = operator.to_string().to_lowercase();
                let message = format!("`{word} all` is not supported: how often equal rows are there is not counted");
                let help = format!(
                    "number equal rows and leave `all` out: add `row_number() over (partition by …) as copy`, with all columns in the place of `…`, to both sides of `{word}`"
                );
                (word, message, help)
            }
            Self::Sample => (
                "tablesample".to_owned(),
                "`tablesample` is not supported".to_owned(),
                "let a condition choose the rows, such as `where random() < 0.1`, or `limit` their number".to_owned(),
            ),
            Self::Caret => (
                "^".to_owned(),
                "`^` is not supported: it is a power in some databases and exclusive or in others".to_owned(),
                "write `power(a, b)` for a power".to_owned(),
            ),
            Self::Merged(unclear) => {
                let word = if *unclear == Unclear::Names { "natural" } else { "using" };
                (word.to_owned(), unclear.message().to_owned(), unclear.help().to_owned())
            }
        };
        let error = Error::user(message).code("HW301").help(help);
        match place::find(sql, &Mark::Word(word)) {
            Some(found) => error.at(place::span(context.file.unwrap_or("query").into(), sql, found)),
            None => error,
        }
    }
}

/// Finds what the engine takes for something else.
struct Unlikes;

impl Visitor for Unlikes {
    type Break = Unlike;

    fn pre_visit_query(&mut self, query: &Query) -> ControlFlow<Unlike> {
        all_of_rows(&query.body).map_or(ControlFlow::Continue(()), |operator| ControlFlow::Break(Unlike::All(operator)))
    }

    fn pre_visit_expr(&mut self, expr: &Expr) -> ControlFlow<Unlike> {
        match expr {
            Expr::BinaryOp { op: BinaryOperator::BitwiseXor, .. } => ControlFlow::Break(Unlike::Caret),
            _ => ControlFlow::Continue(()),
        }
    }

    fn pre_visit_table_factor(&mut self, factor: &TableFactor) -> ControlFlow<Unlike> {
        match factor {
            TableFactor::Table { sample: Some(_), .. } | TableFactor::Derived { sample: Some(_), .. } => ControlFlow::Break(Unlike::Sample),
            _ => ControlFlow::Continue(()),
        }
    }
}

/// The operator of an `except all` or an `intersect all` among the sides of a query. Queries in parentheses are visited by themselves.
fn all_of_rows(body: &SetExpr) -> Option<SetOperator> {
    let SetExpr::SetOperation { left, op, set_quantifier, right } = body else { return None };
    match (op, set_quantifier) {
        (SetOperator::Except | SetOperator::Intersect, SetQuantifier::All) => Some(*op),
        _ => all_of_rows(left).or_else(|| all_of_rows(right)),
    }
}

/// Names the constants of queries whose columns are named where they begin, as in `with f (a, b) as (select 1, 1)`: the engine would take them for
/// columns of one name.
struct NamedConstants;

impl VisitorMut for NamedConstants {
    type Break = ();

    fn pre_visit_query(&mut self, query: &mut Query) -> ControlFlow<()> {
        for Cte { alias, query, .. } in query.with.iter_mut().flat_map(|with| &mut with.cte_tables) {
            if !alias.columns.is_empty() {
                name_constants(&mut query.body);
            }
        }
        ControlFlow::Continue(())
    }
}

fn name_constants(body: &mut SetExpr) {
    match body {
        SetExpr::SetOperation { left, .. } => name_constants(left),
        SetExpr::Query(query) => name_constants(&mut query.body),
        SetExpr::Select(select) => {
            for (at, item) in select.projection.iter_mut().enumerate() {
                if let SelectItem::UnnamedExpr(expr @ Expr::Value(_)) = item {
                    *item = SelectItem::ExprWithAlias { expr: expr.clone(), alias: Ident::new(format!("__constant_{at}")) };
                }
            }
        }
        _ => {}
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_select_is_row_by_row_unless_other_rows_matter() {
        for sql in ["select a, upper(b) as b from shop.orders o where a > 1 order by a", "select * from shop.orders"] {
            assert!(is_row_by_row(sql), "{sql}");
        }
        for sql in [
            "select count(*) from t",
            "select distinct a from t",
            "select a, row_number() over (order by a) from t",
            "select a from t group by a",
            "select a from t join u using (a)",
            "select a from t union all select a from u",
            "select a from t limit 3",
            "with p as (select a from t) select a from p",
            "select a from t where a in (select a from u)",
        ] {
            assert!(!is_row_by_row(sql), "{sql}");
        }
    }

    #[test]
    fn what_the_engine_would_take_for_something_else_is_refused() {
        let refused = |sql: &str| references(sql, None).map_err(|error| error.message().to_owned()).unwrap_err();
        assert!(refused("select a from t except all select a from u").starts_with("`except all` is not supported"));
        assert!(refused("select a from t where 2 ^ a > 8").starts_with("`^` is not supported"));
        assert!(refused("select a from (select a from t union select 1 intersect all select a from u)").starts_with("`intersect all`"));
        assert!(
            refused("with p as (select 1 union all (select a from t except all select 2)) select * from p").starts_with("`except all`")
        );
        assert_eq!(refused("select a from t tablesample (10 percent)"), "`tablesample` is not supported");
        for sql in ["select a from t except select a from u", "select a from t union all select a from u", "select * except (a) from t"] {
            assert!(references(sql, None).is_ok(), "{sql}");
        }
    }

    #[test]
    fn constants_below_a_list_of_names_have_names() {
        let read = |sql: &str| parsed(sql).unwrap().to_string();
        let found = read("with recursive f (a, b) as (select 1, 1 union all select b, 2 from f) select * from f");
        assert!(found.contains("1 AS __constant_0") && found.contains("1 AS __constant_1"), "{found}");
        assert!(!read("with f as (select 1, 1) select * from f").contains("__constant"));
    }

    #[test]
    fn a_join_brings_tables_together_and_a_union_does_not() {
        let both = ["shop.a", "shop.b"];
        assert!(joins("select 1 from shop.a join shop.b using (id)", &both));
        assert!(joins("select 1 from shop.a, (select * from shop.b) b", &both));
        assert!(!joins("select id from shop.a union all select id from shop.b", &both));
        assert!(!joins("select id from shop.a join shop.c using (id)", &both));
    }

    #[test]
    fn a_column_may_be_called_by_any_word() {
        for word in datafusion::sql::sqlparser::keywords::ALL_KEYWORDS {
            let name = hw_base::identifier(&word.to_ascii_lowercase());
            let sql = format!(
                "select 1 as a, {name}, t.{name} as b, count(distinct {name}) as {name}, sum(1) filter (where {name} > 0) as n from {name} as t \
                 where {name} is null and ({name} in (1, {name}) or not {name} < 3 or trim({name}) ~ '1') \
                 group by {name}, t.{name} having count({name}) > 1 order by 1, {name} desc limit 5"
            );
            assert!(read(&sql, &Context::default()).is_ok(), "{sql}");
        }
    }
}
