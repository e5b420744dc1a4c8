//! Columns that a query names as their files do, under the names by which queries know them.

use std::collections::HashSet;
use std::ops::ControlFlow;

use datafusion::sql::sqlparser::ast::{
    ExceptSelectItem, ExcludeSelectItem, Expr, Ident, JoinConstraint, JoinOperator, ObjectName, ObjectNamePart, Query, Select, SelectItem,
    SetExpr, TableFactor, TableWithJoins, Visit, Visitor, WildcardAdditionalOptions,
};
use datafusion::sql::sqlparser::dialect::GenericDialect;
use datafusion::sql::sqlparser::tokenizer::{Location, Span, Token, Tokenizer};
use hw_base::{ORIGIN_COLUMNS, identifier};

use crate::sql::{as_written, known_as, normalized};

/// The names that a table's file gives its columns, each with the one by which queries know the column.
pub type ColumnNames = Vec<(String, String)>;

/// A condition on one table in which columns that are named as the file does, in quotes if need be, have the names by which queries know
/// them. What stands in texts and comments is no column. What cannot be read stays as it is.
pub fn condition_with_known_names(sql: &str, names: &[(String, String)]) -> String {
    let Ok(tokens) = Tokenizer::new(&GenericDialect, sql).tokenize_with_location() else { return sql.to_owned() };
    let own = tokens.iter().filter_map(|token| match &token.token {
        Token::Word(word) => Some((token.span, known(names, &word.value, word.quote_style)?.to_owned())),
        _ => None,
    });
    replaced(sql, own.collect())
}

/// The same for a query on several tables, each with the name that the query calls it by. A name counts only where its table is read, so two
/// tables may know one name by different ones; names of tables and those that the query gives its results stay.
pub fn query_with_known_names(sql: &str, tables: &[(String, ColumnNames)]) -> String {
    let has_names = tables.iter().any(|(_, names)| !names.is_empty());
    let Some(query) = has_names.then(|| as_written(sql)).flatten() else { return sql.to_owned() };
    let mut renaming = Renaming { with: tables.to_vec(), scopes: Vec::new(), given: HashSet::new(), found: Vec::new() };
    let _ = query.visit(&mut renaming);
    replaced(sql, renaming.found)
}

/// The name by which queries know the column that the file calls so. Without quotes a name is the file's where it needs none, as `_comment`
/// does not, and queries know no other column by it.
fn known<'a>(names: &'a [(String, String)], own: &str, quote: Option<char>) -> Option<&'a str> {
    let is_plain = || quote.is_none() && identifier(own) == own && !ORIGIN_COLUMNS.contains(&own);
    let is_meant = quote == Some('"') || (is_plain() && names.iter().all(|(_, known)| known != own));
    names.iter().find(|(name, _)| is_meant && name == own).map(|(_, known)| known.as_str())
}

/// The text with other names in place of these parts.
fn replaced(sql: &str, mut names: Vec<(Span, String)>) -> String {
    names.sort_by_key(|(span, _)| (span.start.line, span.start.column));
    names.dedup_by_key(|(span, _)| span.start);
    let (mut text, mut copied) = (String::new(), 0);
    for (span, name) in names.into_iter().filter(|(span, _)| span.start.line > 0) {
        text.push_str(&sql[copied..place_of(sql, span.start)]);
        text.push_str(&identifier(&name));
        copied = place_of(sql, span.end);
    }
    text + &sql[copied..]
}

/// Where a line and a column, both counted from 1 and the column in characters, begin in the text.
fn place_of(sql: &str, location: Location) -> usize {
    let number = |number: u64| usize::try_from(number).unwrap_or(usize::MAX).saturating_sub(1);
    let before: usize = sql.split_inclusive('\n').take(number(location.line)).map(str::len).sum();
    sql[before..].char_indices().nth(number(location.column)).map_or(sql.len(), |(place, _)| before + place)
}

/// Tables by the names that a SELECT calls them.
type Tables = Vec<(String, ColumnNames)>;

struct Renaming {
    /// What names of tables stand for: files, and the queries of `with`.
    with: Tables,
    /// For each query around: how many of them there were before it, and the tables of its SELECT.
    scopes: Vec<(usize, Tables)>,
    /// Places where a name is one that the query has given.
    given: HashSet<Location>,
    found: Vec<(Span, String)>,
}

impl Visitor for Renaming {
    type Break = ();

    fn pre_visit_query(&mut self, query: &Query) -> ControlFlow<()> {
        let before = self.with.len();
        for table in query.with.iter().flat_map(|with| &with.cte_tables) {
            let names = if table.alias.columns.is_empty() { outputs(&table.query, &self.with) } else { ColumnNames::new() };
            self.with.push((known_as(&table.alias.name), names));
        }
        if let (Some(order), SetExpr::Select(select)) = (&query.order_by, query.body.as_ref()) {
            let given = select.projection.iter().filter_map(|item| match item {
                SelectItem::ExprWithAlias { alias, .. } => Some(alias.value.as_str()),
                _ => None,
            });
            let mut sorted = Sorted { given: given.collect(), found: &mut self.given };
            let _ = order.visit(&mut sorted);
        }
        self.scopes.push((before, Tables::new()));
        ControlFlow::Continue(())
    }

    fn post_visit_query(&mut self, _: &Query) -> ControlFlow<()> {
        if let Some((before, _)) = self.scopes.pop() {
            self.with.truncate(before);
        }
        ControlFlow::Continue(())
    }

    fn pre_visit_select(&mut self, select: &Select) -> ControlFlow<()> {
        let tables = tables_of(&select.from, &self.with);
        if let Some((_, own)) = self.scopes.last_mut() {
            *own = tables;
        }
        let joins = select.from.iter().flat_map(|from| &from.joins).filter_map(|join| constraint(&join.join_operator));
        let used = joins.filter_map(|constraint| match constraint {
            JoinConstraint::Using(names) => Some(names.iter().filter_map(only_part)),
            _ => None,
        });
        let wildcards = select.projection.iter().filter_map(|item| match item {
            SelectItem::Wildcard(options) | SelectItem::QualifiedWildcard(_, options) => Some(left_out(options)),
            _ => None,
        });
        let named: Vec<&Ident> = used.flatten().chain(wildcards.flatten()).collect();
        for ident in named {
            self.note(ident, None);
        }
        ControlFlow::Continue(())
    }

    fn pre_visit_expr(&mut self, expr: &Expr) -> ControlFlow<()> {
        match expr {
            Expr::Identifier(ident) => self.note(ident, None),
            Expr::CompoundIdentifier(parts) => {
                if let [.., table, ident] = &parts[..] {
                    self.note(ident, Some(table));
                }
            }
            _ => {}
        }
        ControlFlow::Continue(())
    }
}

impl Renaming {
    /// Notes a column whose name is that of a file.
    fn note(&mut self, ident: &Ident, table: Option<&Ident>) {
        if self.given.contains(&ident.span.start) {
            return;
        }
        let is_meant = |name: &str| table.is_none_or(|table| name == known_as(table));
        for (_, tables) in self.scopes.iter().rev() {
            let meant = tables.iter().filter(|(name, _)| is_meant(name));
            let different: HashSet<&str> = meant.filter_map(|(_, names)| known(names, &ident.value, ident.quote_style)).collect();
            match different.len() {
                0 => {}
                1 => return self.found.extend(different.into_iter().map(|known| (ident.span, known.to_owned()))),
                // Which one is meant is left open, as it would be between two tables.
                _ => return,
            }
        }
    }
}

/// Finds the names in an order that are among those that the query has given.
struct Sorted<'a> {
    given: HashSet<&'a str>,
    found: &'a mut HashSet<Location>,
}

impl Visitor for Sorted<'_> {
    type Break = ();

    fn pre_visit_expr(&mut self, expr: &Expr) -> ControlFlow<()> {
        if let Expr::Identifier(ident) = expr
            && self.given.contains(ident.value.as_str())
        {
            self.found.insert(ident.span.start);
        }
        ControlFlow::Continue(())
    }
}

/// The tables of a FROM, with the names of their columns.
fn tables_of(from: &[TableWithJoins], with: &Tables) -> Tables {
    let factors = from.iter().flat_map(|table| std::iter::once(&table.relation).chain(table.joins.iter().map(|join| &join.relation)));
    factors.flat_map(|factor| tables_of_factor(factor, with)).collect()
}

fn tables_of_factor(factor: &TableFactor, with: &Tables) -> Tables {
    let (name, alias, names) = match factor {
        TableFactor::Table { name, alias, args: None, .. } => {
            let parts: Vec<String> = name.0.iter().map(normalized).collect();
            let meant = parts.join(".");
            let names = with.iter().rev().find(|(name, _)| *name == meant).map(|(_, names)| names.clone());
            (parts.into_iter().next_back().unwrap_or_default(), alias, names.unwrap_or_default())
        }
        TableFactor::Derived { subquery, alias, .. } => (String::new(), alias, outputs(subquery, with)),
        TableFactor::NestedJoin { table_with_joins, alias: None } => return tables_of(std::slice::from_ref(table_with_joins), with),
        _ => return Tables::new(),
    };
    match alias {
        None => vec![(name, names)],
        Some(alias) if alias.columns.is_empty() => vec![(known_as(&alias.name), names)],
        Some(_) => Tables::new(),
    }
}

/// The columns of a query's result that still have the name by which queries know a column of a file, with the name that the file gives it.
fn outputs(query: &Query, with: &Tables) -> ColumnNames {
    let mut with = with.clone();
    for table in query.with.iter().flat_map(|with| &with.cte_tables) {
        let names = outputs(&table.query, &with);
        with.push((known_as(&table.alias.name), names));
    }
    outputs_of(&query.body, &with)
}

fn outputs_of(body: &SetExpr, with: &Tables) -> ColumnNames {
    match body {
        SetExpr::Select(select) => {
            let tables = tables_of(&select.from, with);
            let all = || tables.iter().flat_map(|(_, names)| names.iter().cloned());
            let of_item = |item: &SelectItem| -> ColumnNames {
                match item {
                    SelectItem::Wildcard(_) | SelectItem::QualifiedWildcard(..) => all().collect(),
                    SelectItem::UnnamedExpr(Expr::Identifier(ident)) => all().filter(|(own, _)| *own == ident.value).collect(),
                    SelectItem::UnnamedExpr(Expr::CompoundIdentifier(parts)) => {
                        all().filter(|(own, _)| parts.last().is_some_and(|last| *own == last.value)).collect()
                    }
                    _ => ColumnNames::new(),
                }
            };
            select.projection.iter().flat_map(of_item).collect()
        }
        SetExpr::Query(query) => outputs(query, with),
        SetExpr::SetOperation { left, .. } => outputs_of(left, with),
        _ => ColumnNames::new(),
    }
}

fn constraint(operator: &JoinOperator) -> Option<&JoinConstraint> {
    use JoinOperator as J;
    match operator {
        J::Join(constraint)
        | J::Inner(constraint)
        | J::Left(constraint)
        | J::LeftOuter(constraint)
        | J::Right(constraint)
        | J::RightOuter(constraint)
        | J::FullOuter(constraint)
        | J::Semi(constraint)
        | J::LeftSemi(constraint)
        | J::RightSemi(constraint)
        | J::Anti(constraint)
        | J::LeftAnti(constraint)
        | J::RightAnti(constraint) => Some(constraint),
        _ => None,
    }
}

/// The columns that a `*` leaves out.
fn left_out(options: &WildcardAdditionalOptions) -> Vec<&Ident> {
    let excluded = options.opt_exclude.iter().flat_map(|exclude| match exclude {
        ExcludeSelectItem::Single(name) => std::slice::from_ref(name),
        ExcludeSelectItem::Multiple(names) => &names[..],
    });
    let but = options
        .opt_except
        .iter()
        .flat_map(|ExceptSelectItem { first_element, additional_elements }| std::iter::once(first_element).chain(additional_elements));
    excluded.filter_map(only_part).chain(but).collect()
}

fn only_part(name: &ObjectName) -> Option<&Ident> {
    name.0.last().and_then(ObjectNamePart::as_ident)
}

#[cfg(test)]
mod tests {
    use super::*;

    fn names(pairs: &[(&str, &str)]) -> ColumnNames {
        pairs.iter().map(|(own, known)| ((*own).to_owned(), (*known).to_owned())).collect()
    }

    #[track_caller]
    fn check(sql: &str, expected: &str) {
        let tables = [
            ("f.csv".to_owned(), names(&[("A B", "a_b"), ("Größe", "größe"), ("a\"b", "a_b_2")])),
            ("g.csv".to_owned(), names(&[("a-b", "a_b"), ("A B", "a_b_2"), ("C", "c")])),
        ];
        assert_eq!(query_with_known_names(sql, &tables), expected);
    }

    #[test]
    fn a_name_is_that_of_the_table_it_is_asked_of() {
        check(r#"select "A B", "a""b" from 'f.csv'"#, r"select a_b, a_b_2 from 'f.csv'");
        check(
            r#"select f."A B", G."A B", "C", "Größe" from 'f.csv' f join 'g.csv' as g on f."A B" = g."A B""#,
            r#"select f.a_b, G.a_b_2, c, "größe" from 'f.csv' f join 'g.csv' as g on f.a_b = g.a_b_2"#,
        );
        check(r#"select "A B" from 'f.csv', 'g.csv'"#, r#"select "A B" from 'f.csv', 'g.csv'"#);
        check(
            r#"select q."A B", g."A B" from q, 'g.csv' g where exists (select 1 from 'f.csv' f where "A B" = g."C")"#,
            r#"select q."A B", g.a_b_2 from q, 'g.csv' g where exists (select 1 from 'f.csv' f where a_b = g.c)"#,
        );
    }

    #[test]
    fn a_name_that_needs_no_quotes_is_known_without() {
        let own = names(&[("_comment", "comment"), ("a__b", "a_b"), ("a_b", "a_b_2"), ("_file", "file"), ("Order", "order")]);
        let known = |sql: &str| query_with_known_names(sql, &[("f.csv".to_owned(), own.clone())]);
        assert_eq!(known("select _comment, a__b, _file from 'f.csv' order by 1"), "select comment, a_b, _file from 'f.csv' order by 1");
        // `a_b` is known, and means what the file calls `a__b`.
        assert_eq!(known("select a_b from 'f.csv' where _comment is null"), "select a_b from 'f.csv' where comment is null");
        assert_eq!(condition_with_known_names("_comment = '_comment'", &own), "comment = '_comment'");
    }

    #[test]
    fn names_that_the_query_gives_stay() {
        check(
            r#"with "A B" as (select * from 'f.csv') select "A B"."A B" as "A B" from "A B" order by "A B""#,
            r#"with "A B" as (select * from 'f.csv') select "A B".a_b as "A B" from "A B" order by "A B""#,
        );
        check(r#"select "A B" from (select "A B" as "A B" from 'f.csv') t"#, r#"select "A B" from (select a_b as "A B" from 'f.csv') t"#);
        check(
            r#"select "A B" from (select "A B" from 'f.csv' union all select "A B" from 'g.csv') t"#,
            r"select a_b from (select a_b from 'f.csv' union all select a_b_2 from 'g.csv') t",
        );
        check(
            r#"select 'ä', * exclude ("A B") from 'f.csv' join 'q' using ("Größe") -- "A B""#,
            r#"select 'ä', * exclude (a_b) from 'f.csv' join 'q' using ("größe") -- "A B""#,
        );
        check(
            r#"select "A B", * exclude ("A B") from 'f.csv' f full join 'q' using ("A B") left join 'q' as p using ("A B") where "A B" > 1"#,
            r"select a_b, * exclude (a_b) from 'f.csv' f full join 'q' using (a_b) left join 'q' as p using (a_b) where a_b > 1",
        );
    }

    #[test]
    fn a_condition_is_about_one_table() {
        let own = names(&[("A B", "a_b")]);
        assert_eq!(condition_with_known_names(r#""A B" = e'it\'s "A B"' /* "A B" */"#, &own), r#"a_b = e'it\'s "A B"' /* "A B" */"#);
        assert_eq!(condition_with_known_names("'open", &own), "'open");
    }
}
