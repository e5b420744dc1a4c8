//! The one query that counts for all rules on single rows, and takes all aggregates.

use std::collections::{BTreeSet, HashMap};

use hw_base::{Questions, Result, Value, Watch, Watched, WatchedAggregate, WatchedRule};

use super::Asked;
use crate::connectors::postgres::dialect::{
    self, BaseTable, Expressions, Guard, Named, Refused, Relations, Scope, Selected, Written, output,
};
use crate::connectors::postgres::quoted;
use crate::connectors::postgres::types::Wire;

/// What the rows are called.
const ROWS: &str = "judged_rows";
/// The most that one query is asked for, below the 1,664 columns that PostgreSQL has at most.
const MOST_COLUMNS: usize = 1600;

/// Something that a rule asks of each row, or of all of them, and on what its answer depends.
pub(in super::super) struct Asking {
    /// The name of the watch.
    pub(super) id: String,
    /// What is asked.
    pub(super) written: Written,
    /// The columns that it names.
    pub(super) named: Vec<String>,
    guards: Vec<String>,
    may_fail: bool,
}

/// All that is asked of the rows of one query.
pub(in super::super) struct Count {
    /// The rows.
    pub(super) rows: Selected,
    /// What is true for rows that break a rule.
    pub(super) rules: Vec<Asking>,
    aggregates: Vec<Asking>,
}

impl Count {
    /// Writes what can be asked; `None` where the rows themselves cannot.
    pub(in super::super) fn of(questions: &Questions, tables: &HashMap<String, BaseTable>) -> Option<Self> {
        let relations = Relations::new(tables, &questions.rows.inputs);
        let mut of_rows = Vec::new();
        let query = dialect::select(&questions.rows.sql).ok()?;
        let rows = relations.selected(&query, None, &mut of_rows).ok().filter(Selected::is_named)?;
        let scope = Scope::of(ROWS, &rows.columns);
        let asking = |id: &str, sql: &str| asking(&relations, &scope, &of_rows, id, sql).ok();
        let is_of_row = |asking: &Asking| asking.written.wire == Wire::Bool && asking.written.is_of_row();
        let rules = questions.watch.rows.iter().filter_map(|rule| asking(&rule.id, &rule.violates)).filter(is_of_row).collect();
        let aggregates = questions.watch.aggregates.iter().filter_map(|aggregate| asking(&aggregate.id, &aggregate.expression));
        let aggregates = aggregates.filter(|asking| !asking.written.is_of_row()).collect();
        Some(Self { rows, rules, aggregates })
    }

    /// Asks it. Aggregates are about the rows that stay where rules divert some: these are asked for first.
    pub(super) async fn ask(&self, session: &Asked<'_>, watch: &Watch) -> Result<Option<Watched>> {
        let diverting: Vec<&str> = watch.rows.iter().filter(|rule| rule.diverts).map(|rule| rule.id.as_str()).collect();
        if diverting.is_empty() {
            return Query::of(self.from(), &self.rules, &self.aggregates).ask(session).await;
        }
        let Some(watched) = Query::of(self.from(), &self.rules, &[]).ask(session).await? else { return Ok(None) };
        let answered = |id: &&str| watched.rules.iter().any(|rule| rule.id == *id);
        if !diverting.iter().all(answered) {
            return Ok(Some(watched));
        }
        let of_rule = self.rules.iter().filter(|rule| diverting.contains(&rule.id.as_str()));
        let stays: Vec<String> = of_rule.map(|rule| format!("{} is not true", rule.written.sql)).collect();
        let from = format!("{} where {}", self.from(), stays.join(" and "));
        let staying = Query::of(from, &[], &self.aggregates).ask(session).await?;
        Ok(Some(Watched { aggregates: staying.map(|staying| staying.aggregates).unwrap_or_default(), ..watched }))
    }

    /// What could be answered: the numbers say nothing.
    pub(super) fn askable(&self) -> Watched {
        let rule = |asking: &Asking| WatchedRule { id: asking.id.clone(), ..WatchedRule::default() };
        let aggregate = |asking: &Asking| WatchedAggregate { id: asking.id.clone(), value: Value::Null };
        Watched {
            rules: self.rules.iter().map(rule).collect(),
            aggregates: self.aggregates.iter().map(aggregate).collect(),
            ..Watched::default()
        }
    }

    /// The condition for rows that break a rule; `None` where it cannot be asked.
    pub(in super::super) fn broken(&self, rule: &str) -> Option<&str> {
        self.rules.iter().find(|asking| asking.id == rule).map(|asking| asking.written.sql.as_str())
    }

    /// The rows as a FROM names them.
    pub(in super::super) fn from(&self) -> String {
        format!("({}) as {}", self.rows.sql, quoted(ROWS))
    }
}

/// The query for some of the askings.
struct Query<'a> {
    from: String,
    rules: Vec<&'a Asking>,
    aggregates: Vec<&'a Asking>,
    /// Under which of these conditions something is not answered, each once.
    guards: Vec<&'a str>,
}

impl<'a> Query<'a> {
    fn of(from: String, rules: &'a [Asking], aggregates: &'a [Asking]) -> Self {
        Self { from, rules: rules.iter().collect(), aggregates: aggregates.iter().collect(), guards: vec![] }.guarded()
    }

    /// The same without what the server may refuse for the data.
    fn sure(&self) -> Self {
        let sure = |askings: &[&'a Asking]| askings.iter().copied().filter(|asking| !asking.may_fail).collect();
        Self { from: self.from.clone(), rules: sure(&self.rules), aggregates: sure(&self.aggregates), guards: vec![] }.guarded()
    }

    fn guarded(mut self) -> Self {
        let all = self.rules.iter().chain(&self.aggregates).flat_map(|asking| asking.guards.iter().map(String::as_str));
        self.guards = all.collect::<BTreeSet<_>>().into_iter().collect();
        self
    }

    async fn ask(&self, session: &Asked<'_>) -> Result<Option<Watched>> {
        match self.answer(session).await? {
            None => self.sure().answer(session).await,
            answered => Ok(answered),
        }
    }

    async fn answer(&self, session: &Asked<'_>) -> Result<Option<Watched>> {
        let columns = self.columns();
        if columns.len() > MOST_COLUMNS {
            return Ok(None);
        }
        let rows = session.rows(&self.sql(), &columns).await?;
        Ok(rows.and_then(|rows| rows.into_iter().next()).map(|row| self.watched(row)))
    }

    fn sql(&self) -> String {
        let rules = self.rules.iter().map(|rule| format!("count(*) filter (where {})", rule.written.sql));
        let aggregates = self.aggregates.iter().map(|aggregate| output(&aggregate.written.sql, &aggregate.written.wire));
        let guards = self.guards.iter().map(|guard| (*guard).to_owned());
        let items: Vec<String> = std::iter::once("count(*)".to_owned()).chain(rules).chain(aggregates).chain(guards).collect();
        format!("select {} from {}", items.join(", "), self.from)
    }

    fn columns(&self) -> Vec<Named> {
        let named = |name: &str, wire: Wire| Named { name: name.to_owned(), wire };
        let rules = self.rules.iter().map(|rule| named(&rule.id, Wire::Int8));
        let aggregates = self.aggregates.iter().map(|aggregate| named(&aggregate.id, aggregate.written.wire.clone()));
        let guards = self.guards.iter().map(|guard| named(guard, Wire::Bool));
        std::iter::once(named("rows", Wire::Int8)).chain(rules).chain(aggregates).chain(guards).collect()
    }

    /// What the row of the answer says. Nothing is said about what depends on a guard that is true.
    fn watched(&self, row: Vec<Value>) -> Watched {
        let mut values = row.into_iter();
        let mut next = || values.next().unwrap_or(Value::Null);
        let number = |value: &Value| value.as_u64().unwrap_or_default();
        let rows = number(&next());
        let rules: Vec<(&Asking, Value)> = self.rules.iter().map(|rule| (*rule, next())).collect();
        let aggregates: Vec<(&Asking, Value)> = self.aggregates.iter().map(|aggregate| (*aggregate, next())).collect();
        let differs: Vec<&str> = self.guards.iter().copied().filter(|_| next() != Value::Bool(false)).collect();
        let stands = |(asking, _): &(&Asking, Value)| !asking.guards.iter().any(|guard| differs.contains(&guard.as_str()));
        let rule =
            |(rule, value): (&Asking, Value)| WatchedRule { id: rule.id.clone(), violations: number(&value), ..WatchedRule::default() };
        let aggregate = |(aggregate, value): (&Asking, Value)| WatchedAggregate { id: aggregate.id.clone(), value };
        Watched {
            rows,
            rules: rules.into_iter().filter(stands).map(rule).collect(),
            aggregates: aggregates.into_iter().filter(stands).map(aggregate).collect(),
            ..Watched::default()
        }
    }
}

fn asking(relations: &Relations<'_>, scope: &Scope<'_>, of_rows: &[Guard], id: &str, sql: &str) -> std::result::Result<Asking, Refused> {
    let mut expressions = Expressions::new(relations, scope);
    let written = expressions.write(&dialect::expression(sql)?)?;
    let Expressions { guards, named, may_fail, .. } = expressions;
    if guards.iter().any(|guard| matches!(guard, Guard::Tied(_))) {
        return Err(Refused { what: "a window in a rule".into(), at: None });
    }
    let guards = guards.iter().chain(of_rows).map(condition).collect();
    Ok(Asking { id: id.to_owned(), written, named, guards, may_fail })
}

/// A guard as something to select: true where the answer does not count.
fn condition(guard: &Guard) -> String {
    match guard {
        Guard::Row(condition) => format!("coalesce(bool_or({condition}), false)"),
        Guard::Rows(condition) | Guard::Alone(condition) | Guard::Tied(condition) => format!("({condition})"),
    }
}
