//! Rules on rows together that put rows into quarantine: a column tells which rows break them, before the rows are watched.
//!
//! So these rows go the way of all rows that break a rule. Whether a row has a partner in another table follows from the row and that
//! table. Which of several rows with one key is the first follows from the order of arrival, among the rows that break no other rule
//! which keeps them out: those of the table came before those of the batch.

use std::sync::Arc;

use datafusion::arrow::datatypes::{Field, Schema};
use datafusion::dataframe::DataFrame;
use hw_base::{Error, LoadMode, Result, RowWatch, SetWatch, Staging, Together, Watch, identifier, literal};

use super::order::replaces;
use super::origin::CARRIED;
use super::review::{SOURCE, WAIVED};
use crate::beside::Beside;
use crate::failure::{Context, explain};
use crate::local::LocalEngine;
use crate::schema::MARK;
use crate::session::Session;
use crate::warehouse::Snapshot;

/// The rules on rows together, as rules on rows that have their marks.
pub(super) fn add_rules(watch: &mut Watch) {
    let rule = |(at, set): (usize, &SetWatch)| RowWatch { id: set.id.clone(), violates: mark(at), diverts: true, excludes: false };
    let rules: Vec<RowWatch> = watch.sets.iter().enumerate().map(rule).collect();
    watch.rows.extend(rules);
}

/// The column that is true for the rows that break a rule.
fn mark(at: usize) -> String {
    format!("{MARK}{at}")
}

/// Whether rows in quarantine break one of these rules, as SQL.
pub(super) fn mentioned<'s>(sets: impl Iterator<Item = &'s SetWatch>) -> String {
    let any: Vec<String> =
        sets.map(|set| format!("strpos(concat(', ', _rules, ', '), {}) > 0", literal(&format!(", {}, ", set.id)))).collect();
    if any.is_empty() { "false".into() } else { format!("({})", any.join(" or ")) }
}

/// All that marking rows needs.
pub(super) struct Marking<'a> {
    pub(super) engine: &'a LocalEngine,
    pub(super) session: &'a Session,
    pub(super) staging: &'a Staging,
    /// The rows in quarantine, where some wait that a later load looks at.
    pub(super) quarantine: Option<Snapshot>,
    /// Whether rows of the table came before those of the batch.
    goes_on: bool,
}

impl<'a> Marking<'a> {
    /// Binds what the rules of `staging` look at.
    pub(super) async fn new(
        engine: &'a LocalEngine,
        session: &'a Session,
        staging: &'a Staging,
        target: Option<&Snapshot>,
    ) -> Result<Self> {
        let target = target.filter(|_| !staging.watch.sets.is_empty() && !replaces(staging));
        let quarantine = match target {
            Some(target) => engine.beside(Beside::Quarantine, &staging.table, target).await?,
            None => None,
        };
        for set in &staging.watch.sets {
            if let Together::Known { table, .. } = &set.asks {
                session.bind_input(engine, &staging.reader, table).await.map_err(|error| cannot_judge(set, &error))?;
            }
        }
        if let Some(target) = target {
            session.register(&["present_rows"], Arc::new(target.table()))?;
        }
        if let Some(quarantine) = &quarantine {
            session.register(&["waiting_rows"], Arc::new(quarantine.table()))?;
        }
        let goes_on = target.is_some() && matches!(staging.mode, LoadMode::Append { .. });
        Ok(Self { engine, session, staging, quarantine, goes_on })
    }

    /// The rows with a mark for each rule, and the names of the marks. `named` tells these rows from others in the session.
    pub(super) async fn marked(&self, named: &str, frame: DataFrame, watch: &Watch) -> Result<(DataFrame, Vec<String>)> {
        let mut frame = self.without_partner(named, frame).await?;
        for (at, set) in watch.sets.iter().enumerate() {
            if let Together::First { nulls_match } = set.asks {
                let rows = Rows::new(self.session, &format!("{named}_{at}"), frame)?;
                let sql = self.not_first(&rows, (at, set, nulls_match), &clean(watch));
                frame = self.query(&sql, set).await?;
            }
        }
        let marks: Vec<String> = (0..watch.sets.len()).map(mark).collect();
        // The marks come last, in the order of the rules.
        let columns = frame.schema().as_arrow().clone();
        let own = columns.fields().iter().map(|field| field.name().as_str()).filter(|name| !name.starts_with(MARK));
        let all: Vec<&str> = own.chain(marks.iter().map(String::as_str)).collect();
        let frame =
            if marks.is_empty() { frame } else { frame.select_columns(&all).map_err(|error| explain(error, &Context::default()))? };
        Ok((frame, marks))
    }

    /// The rows with a mark for each rule that asks for a row of another table.
    pub(super) async fn without_partner(&self, named: &str, frame: DataFrame) -> Result<DataFrame> {
        let mut frame = frame;
        for (at, set) in self.staging.watch.sets.iter().enumerate() {
            if let Together::Known { table, columns } = &set.asks {
                let rows = Rows::new(self.session, &format!("{named}_{at}"), frame)?;
                let sql = format!(
                    "select {own}, coalesce(partners._found is null and ({judged}), false) as {mark} from {name} \
                     left join (select distinct {partners}, true as _found from {table}) as partners on {on}",
                    own = rows.own(&rows.name),
                    judged = set.judged,
                    mark = mark(at),
                    name = rows.name,
                    partners = keys(columns),
                    table = identifier(table),
                    on = on("partners", &rows.name, &set.columns, false),
                );
                frame = self.query(&sql, set).await?;
            }
        }
        Ok(frame)
    }

    /// The SELECT of the rows with a mark for those that are not the first with their values.
    fn not_first(&self, rows: &Rows, (at, set, nulls_match): (usize, &SetWatch, bool), clean: &str) -> String {
        let key = set.columns.iter().map(|column| format!("standing.{}", identifier(column))).collect::<Vec<_>>().join(", ");
        let (is_taken, taken) = if self.goes_on {
            let on = on("taken", "standing", &set.columns, nulls_match);
            ("taken._found is not null or ", format!(" left join ({}) as taken on {on}", self.taken(set)))
        } else {
            ("", String::new())
        };
        format!(
            "select {own}, coalesce(standing._stands and ({is_taken}row_number() over (partition by standing._stands, {key} order by {order}) > 1), false) as {mark} \
             from (select *, coalesce(({clean}) and ({judged}), false) as _stands from {name}) as standing{taken}",
            own = rows.own("standing"),
            order = rows.by_arrival("standing"),
            mark = mark(at),
            judged = set.judged,
            name = rows.name,
        )
    }

    /// The values that earlier rows have: those of the table, and those that wait because another one is taken already.
    fn taken(&self, set: &SetWatch) -> String {
        let keys = keys(&set.columns);
        let mut taken = format!("select {keys}, true as _found from present_rows where {}", set.judged);
        if self.quarantine.is_some() {
            let firsts = self.staging.watch.sets.iter().filter(|set| matches!(set.asks, Together::First { .. }));
            taken += &format!(" union all select {keys}, true as _found from waiting_rows where {} and {}", set.judged, mentioned(firsts));
        }
        format!("select distinct * from ({taken}) as earlier")
    }

    async fn query(&self, sql: &str, set: &SetWatch) -> Result<DataFrame> {
        self.session.query(sql, None).await.map_err(|error| cannot_judge(set, &error))
    }
}

/// SQL that is true for rows that break no rule which keeps them out, besides those about who is the first.
fn clean(watch: &Watch) -> String {
    let is_first = |rule: &RowWatch| watch.sets.iter().any(|set| set.id == rule.id && matches!(set.asks, Together::First { .. }));
    let keeping_out = watch.rows.iter().filter(|rule| rule.diverts && !is_first(rule));
    let holds: Vec<String> = keeping_out.map(|rule| format!("not coalesce({}, false)", rule.violates)).collect();
    if holds.is_empty() { "true".into() } else { holds.join(" and ") }
}

/// Columns under the names that a comparison knows them by.
fn keys(columns: &[String]) -> String {
    columns.iter().enumerate().map(|(at, column)| format!("{} as _key_{at}", identifier(column))).collect::<Vec<_>>().join(", ")
}

/// The condition that `keyed`, whose columns have such names, and the rows have the same values.
fn on(keyed: &str, rows: &str, columns: &[String], nulls_match: bool) -> String {
    let same = if nulls_match { "is not distinct from" } else { "=" };
    let each = columns.iter().enumerate().map(|(at, column)| format!("{keyed}._key_{at} {same} {rows}.{}", identifier(column)));
    each.collect::<Vec<_>>().join(" and ")
}

/// Rows under a name.
struct Rows {
    name: String,
    schema: Schema,
}

impl Rows {
    fn new(session: &Session, name: &str, frame: DataFrame) -> Result<Self> {
        let schema = frame.schema().as_arrow().clone();
        session.register(&[name], frame.into_view())?;
        Ok(Self { name: name.to_owned(), schema })
    }

    /// Their columns, as columns of `of`.
    fn own(&self, of: &str) -> String {
        self.schema.fields().iter().map(|field| format!("{of}.{}", identifier(field.name()))).collect::<Vec<_>>().join(", ")
    }

    /// The order in which they arrived; where nobody knows that the content decides.
    fn by_arrival(&self, of: &str) -> String {
        let is_content = |field: &&Arc<Field>| {
            let name = field.name().as_str();
            !field.data_type().is_nested() && !CARRIED.contains(&name) && ![SOURCE, WAIVED].contains(&name) && !name.starts_with(MARK)
        };
        let origin = CARRIED.into_iter().filter(|name| self.schema.index_of(name).is_ok());
        let content = self.schema.fields().iter().filter(is_content).map(|field| field.name().as_str());
        origin.chain(content).map(|name| format!("{of}.{} nulls last", identifier(name))).collect::<Vec<_>>().join(", ")
    }
}

fn cannot_judge(set: &SetWatch, error: &Error) -> Error {
    let cannot = Error::user(format!("rule `{}` cannot be judged: {}", set.id, error.message())).code("HW602");
    error.remedies().iter().fold(cannot, |cannot, help| cannot.help(help.clone()))
}
