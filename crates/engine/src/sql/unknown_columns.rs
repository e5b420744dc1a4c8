//! The columns of a query that none of its tables has. The engine stops at the first of a clause, so a column that was found missing stands for a null, and
//! the query is planned once more: one go tells all of them.

use std::collections::BTreeSet;
use std::ops::ControlFlow;

use datafusion::common::{DataFusionError, SchemaError};
use datafusion::execution::SessionState;
use datafusion::sql::parser::Statement;
use datafusion::sql::sqlparser::ast::{Expr, Value, VisitMut, VisitorMut};

use crate::sql::known_as;

/// A failure of a query, and after it a failure for each further column that is missing.
pub(crate) async fn with_further(state: &SessionState, mut statement: Statement, error: DataFusionError) -> Vec<DataFusionError> {
    let mut missing: BTreeSet<String> = BTreeSet::new();
    let mut errors = each(error);
    let mut found = Vec::new();
    loop {
        let is_first = found.is_empty();
        // What else fails later may follow from the nulls.
        let is_news = |error: &DataFusionError| missing_in(error).map_or(is_first, |name| !missing.contains(name));
        errors.retain(is_news);
        let mut names = BTreeSet::new();
        errors.retain(|error| missing_in(error).is_none_or(|name| names.insert(name.to_owned())));
        found.append(&mut errors);
        if names.is_empty() || !stand_for_null(&mut statement, &names) {
            return found;
        }
        missing.append(&mut names);
        match Box::pin(state.statement_to_plan(statement.clone())).await {
            Ok(_) => return found,
            Err(error) => errors = each(error),
        }
    }
}

fn each(error: DataFusionError) -> Vec<DataFusionError> {
    match error {
        DataFusionError::Collection(errors) => errors.into_iter().flat_map(each).collect(),
        error => vec![error],
    }
}

/// The name of the column that is missing, if that is what failed.
fn missing_in(error: &DataFusionError) -> Option<&str> {
    let DataFusionError::SchemaError(error, _) = error.find_root() else { return None };
    match error.as_ref() {
        SchemaError::FieldNotFound { field, .. } => Some(field.name()),
        _ => None,
    }
}

/// Puts a null in the place of columns of these names; false where there are none in the text.
fn stand_for_null(statement: &mut Statement, names: &BTreeSet<String>) -> bool {
    let Statement::Statement(query) = statement else { return false };
    let mut missing = Missing { names, has_found: false };
    let _ = VisitMut::visit(&mut **query, &mut missing);
    missing.has_found
}

struct Missing<'a> {
    names: &'a BTreeSet<String>,
    has_found: bool,
}

impl VisitorMut for Missing<'_> {
    type Break = ();

    fn pre_visit_expr(&mut self, expr: &mut Expr) -> ControlFlow<()> {
        let name = match &*expr {
            Expr::Identifier(name) => Some(name),
            Expr::CompoundIdentifier(parts) => parts.last(),
            _ => None,
        };
        if name.is_some_and(|name| self.names.contains(&known_as(name))) {
            self.has_found = true;
            *expr = Expr::value(Value::Null);
        }
        ControlFlow::Continue(())
    }
}

#[cfg(test)]
mod tests {
    use hw_base::Engine;

    use crate::testing::{engine, reader, wait};

    #[track_caller]
    fn check(sql: &str, expected: &[&str]) {
        let folder = tempfile::tempdir().unwrap();
        let error = wait(engine(folder.path(), 1).query(&reader(sql), 1)).unwrap_err();
        let told: Vec<&str> = std::iter::once(&error).chain(error.others()).map(hw_base::Error::message).collect();
        assert_eq!(told, expected, "{sql}");
        assert!(std::iter::once(&error).chain(error.others()).all(|error| error.span().is_some()), "{sql}");
    }

    #[test]
    fn one_go_tells_every_column_that_is_missing() {
        let rows = "(select 1 as id, 'a' as name, 2 as amount) as t";
        check(
            &format!("select nme, upper(nam), t.idd + amont from {rows} where ammount > 2 group by nme, naem"),
            &[
                "there is no column `nme`",
                "there is no column `nam`",
                "there is no column `t.idd`",
                "there is no column `amont`",
                "there is no column `ammount`",
                "there is no column `naem`",
            ],
        );
        check(&format!("select nme, nme, \"Nme\" from {rows}"), &["there is no column `nme`", "there is no column `Nme`"]);
        check(&format!("select q.nme from (select nme from {rows}) as q"), &["there is no column `nme`"]);
        check(&format!("select id from {rows} where nothing(id) = 1"), &["there is no function `nothing`"]);
    }
}
