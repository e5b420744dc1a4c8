//! What changed from one delivery of a dataset to the next: the rows of a model that keeps versions (`load: snapshot`) although its source
//! does not tell when they change.
//!
//! A delivery is a batch of the raw copy that holds the whole dataset. The SELECT is carried out on each that has not been
//! read and on the last one that has; a row counts where it differs from the row of its key in the delivery before. So what is loaded
//! follows from the raw copy alone, and one full load comes to the same table as many small ones.

use hw_base::{
    Column, ColumnType, Engine, Error, Input, Progress, Reader, Result, Timestamp, VALID_FROM, VALID_TO, Value, float_of_key, identifier,
    literal,
};

use crate::plan::ReadFrom;
use crate::position::copy_read;
use crate::settings::{Deletes, Snapshot};

/// The most deliveries to compare in one go: more would make a query that takes longer to plan than to run.
const MOST: usize = 2_000;

/// When a row ended that is no version, because another one of its delivery has its key: before all deliveries.
const NEVER: &str = "arrow_cast('1900-01-01T00:00:00Z', 'Timestamp(Microsecond, Some(\"UTC\"))')";

/// A delivery: its batch, and when it was extracted.
struct Delivery {
    batch: i64,
    at: String,
}

/// A dataset, and how far its deliveries have been read.
pub(super) struct Deliveries<'a> {
    /// Reads the raw copy.
    pub(super) engine: &'a dyn Engine,
    /// The SELECT on whatever stands for the dataset, and its file.
    pub(super) select: &'a Reader,
    /// The dataset.
    pub(super) read: &'a ReadFrom,
    /// Where the model stands; `None` where it is built anew.
    pub(super) before: Option<&'a Progress>,
    /// The last batch to read.
    pub(super) newest: i64,
}

impl Deliveries<'_> {
    /// The query of what changed in the deliveries that have not been read, by the columns that the SELECT returns.
    ///
    /// # Errors
    /// If the raw copy cannot be read, or has too many deliveries.
    pub(super) async fn changes(&self, settings: &Snapshot, columns: &[Column]) -> Result<Reader> {
        let mut read = self.before.and_then(|before| copy_read(&self.read.step, before));
        let mut deliveries = self.since(read).await?;
        if let Some(batch) = read.filter(|batch| deliveries.first().is_none_or(|first| first.batch != *batch)) {
            read = self.last_with_rows(batch).await?;
            deliveries = self.since(read).await?;
        }
        if deliveries.is_empty() {
            deliveries.push(Delivery { batch: self.newest, at: Timestamp::default().to_rfc3339() });
        }
        let is_known = deliveries.first().is_some_and(|delivery| Some(delivery.batch) == read);
        let inputs = deliveries.iter().map(|delivery| self.input(delivery)).collect();
        let sql = Comparison { settings, columns, deliveries: &deliveries, is_known }.sql();
        Ok(Reader { sql, inputs, file: None })
    }

    /// The deliveries that the raw copy has from the last one on that was read.
    async fn since(&self, read: Option<i64>) -> Result<Vec<Delivery>> {
        let raw = self.batches("deliveries", (read.map(|read| read - 1), self.newest), false);
        let sql = "select _batch, cast(max(_loaded_at) as varchar) as loaded_at from deliveries group by _batch order by _batch";
        let rows = self.engine.query(&Reader { sql: sql.into(), inputs: vec![raw], file: None }, MOST).await?;
        if rows.is_cut {
            let error = Error::user(format!("`{}` has more than {MOST} deliveries, too many to be compared in one go", self.read.name));
            return Err(error.code("HW306").help("keep the table and give the new definition another model name"));
        }
        let delivery = |row: &Vec<Value>| match &row[..] {
            [Value::Int(batch), Value::Text(at)] => Some(Delivery { batch: *batch, at: at.clone() }),
            _ => None,
        };
        Ok(rows.rows.iter().filter_map(delivery).collect())
    }

    /// The last delivery of which a row is there, up to that of a batch: of one that went to quarantine as a whole there is none, and what
    /// comes after it is compared with the one before it, as where all are read.
    async fn last_with_rows(&self, batch: i64) -> Result<Option<i64>> {
        let raw = self.batches("deliveries", (None, batch), false);
        let sql = "select max(_batch) as batch from deliveries";
        let rows = self.engine.query(&Reader { sql: sql.into(), inputs: vec![raw], file: None }, 1).await?;
        Ok(match rows.rows.first().and_then(|row| row.first()) {
            Some(Value::Int(batch)) => Some(*batch),
            _ => None,
        })
    }

    fn batches(&self, name: &str, (after_batch, up_to): (Option<i64>, i64), hides_origin: bool) -> Input {
        let (table, up_to_batch) = (self.read.table.clone(), Some(up_to));
        Input::Table { name: name.to_owned(), table, version: None, after_batch, up_to_batch, hides_origin }
    }

    /// The rows of a delivery, as the SELECT returns them.
    fn input(&self, delivery: &Delivery) -> Input {
        let rows = self.batches(&self.read.name, (Some(delivery.batch - 1), delivery.batch), self.read.hides_origin);
        Input::Reader { name: name(delivery), reader: Reader { inputs: vec![rows], ..self.select.clone() } }
    }
}

fn name(delivery: &Delivery) -> String {
    format!("delivery_{}", delivery.batch)
}

/// The query that compares deliveries.
struct Comparison<'a> {
    settings: &'a Snapshot,
    /// The columns that the SELECT returns.
    columns: &'a [Column],
    deliveries: &'a [Delivery],
    /// Whether the first one has been read before.
    is_known: bool,
}

impl Comparison<'_> {
    fn sql(&self) -> String {
        let columns = list(self.columns.iter().map(|column| identifier(&column.name)));
        let second = self.is_second();
        match self.deliveries {
            [only] if !self.is_known => format!(
                "select {columns}, {} as {VALID_FROM}, case when {second} then {} else {} end as {VALID_TO} from ({}) as told",
                moment(Some(only)),
                NEVER,
                moment(None),
                self.placed(&columns, &self.rows(only), "")
            ),
            _ => format!(
                "select {columns}, case when _ends then _next else _at end as {VALID_FROM}, \
                 case when {second} then {NEVER} when _ends then _next end as {VALID_TO} \
                 from ({}) as compared cross join (values (false), (true)) as kinds (_ends) where case when _ends then {} else {} end",
                self.compared(),
                self.ends(),
                self.begins(),
            ),
        }
    }

    /// Each row with the deliveries before and after it that have its key. Of two rows with one key in one delivery the content
    /// decides; the other one is no version of anything, so it is compared with none.
    fn compared(&self) -> String {
        let key = list(self.settings.key.iter().map(|name| identifier(name)));
        let own = self.columns.iter().filter(|column| !self.settings.key.contains(&column.name)).map(|column| identifier(&column.name));
        let differs: Vec<String> = own.map(|name| format!("({name} is distinct from lag({name}) over in_order)")).collect();
        let differs = if differs.is_empty() { "false".into() } else { differs.join(" or ") };
        format!(
            "select *, lag(_number) over in_order as _before, lead(_number) over in_order as _after, {differs} as _differs \
             from ({}) as told window in_order as (partition by {key}, _rank > 1 order by _number)",
            self.placed("*", &format!("({}) as delivered", self.delivered()), ", _number"),
        )
    }

    /// The rows that count of each delivery, once each where their content is the same: `_rank` tells which of those with one key comes
    /// first, by their content.
    fn placed(&self, columns: &str, rows: &str, delivery: &str) -> String {
        let key = list(self.settings.key.iter().map(|name| identifier(name)));
        let content = list(self.columns.iter().map(|column| format!("{} desc nulls last", identifier(&column.name))));
        format!(
            "select * from (select {columns}, row_number() over in_delivery as _place, rank() over in_delivery as _rank from {rows} \
             window in_delivery as (partition by {key}{delivery} order by {content})) as placed where _place = 1 or _rank > 1 or {}",
            self.has_no_key()
        )
    }

    /// What is true of a row that goes to quarantine because another one of its delivery has its key.
    fn is_second(&self) -> String {
        format!("_rank > 1 and not ({})", self.has_no_key())
    }

    /// The rows of all deliveries, with the number and the time of theirs and the time of the next one.
    fn delivered(&self) -> String {
        let columns = list(self.columns.iter().map(|column| identifier(&column.name)));
        let rows = self.deliveries.iter().enumerate().map(|(at, delivery)| {
            let (now, next) = (moment(Some(delivery)), moment(self.deliveries.get(at + 1)));
            format!("select {columns}, {at} as _number, {now} as _at, {next} as _next from {}", self.rows(delivery))
        });
        rows.collect::<Vec<_>>().join(" union all ")
    }

    /// The rows of a delivery. Windows take each zero of a float, and each NaN, for a key of its own.
    fn rows(&self, delivery: &Delivery) -> String {
        let is_float = |column: &Column| column.kind == ColumnType::Float && self.settings.key.contains(&column.name);
        if !self.columns.iter().any(is_float) {
            return name(delivery);
        }
        let columns = self.columns.iter().map(|column| match identifier(&column.name) {
            own if is_float(column) => format!("{} as {own}", float_of_key(&column.name, &column.sql_type)),
            own => own,
        });
        format!("(select {} from {name}) as {name}", list(columns), name = name(delivery))
    }

    /// What is true of a row that the delivery after its own does not have.
    fn ends(&self) -> String {
        match self.settings.deletes {
            Deletes::Ignore => "false".into(),
            Deletes::Close => {
                format!("_next is not null and coalesce(_after > _number + 1, true) and _rank = 1 and not ({})", self.has_no_key())
            }
        }
    }

    /// What is true of a row that the delivery before its own does not have as it is.
    fn begins(&self) -> String {
        let read = if self.is_known { 0 } else { -1 };
        format!("_number > {read} and (coalesce(_before < _number - 1, true) or _differs or _rank > 1 or {})", self.has_no_key())
    }

    /// What is true of a row that goes to quarantine because it has no key.
    fn has_no_key(&self) -> String {
        self.settings.key.iter().map(|name| format!("{} is null", identifier(name))).collect::<Vec<_>>().join(" or ")
    }
}

fn list(items: impl Iterator<Item = String>) -> String {
    items.collect::<Vec<_>>().join(", ")
}

/// The time of a delivery, as the table stores it.
fn moment(delivery: Option<&Delivery>) -> String {
    let at = delivery.map_or("null".into(), |delivery| literal(&delivery.at));
    format!("arrow_cast({at}, 'Timestamp(Microsecond, Some(\"UTC\"))')")
}

#[cfg(test)]
mod tests {
    use expect_test::{Expect, expect};

    use super::*;

    #[track_caller]
    #[expect(clippy::needless_pass_by_value, reason = "as `expect!` makes it")]
    fn check(deletes: Deletes, batches: &[i64], is_known: bool, expected: Expect) {
        let settings = Snapshot { key: vec!["id".into()], deletes, ..Snapshot::default() };
        let columns = ["id", "a"].map(|name| Column { name: name.into(), kind: ColumnType::Text, sql_type: "varchar".into() });
        let deliveries: Vec<Delivery> = batches.iter().map(|batch| Delivery { batch: *batch, at: format!("2026-01-0{batch}") }).collect();
        let sql = Comparison { settings: &settings, columns: &columns, deliveries: &deliveries, is_known }.sql();
        expected.assert_eq(&sql.replace("arrow_cast(", "(").replace(", 'Timestamp(Microsecond, Some(\"UTC\"))')", ")"));
    }

    #[test]
    fn all_rows_of_the_first_delivery_begin_a_version() {
        check(
            Deletes::Close,
            &[1],
            false,
            expect![
                "select id, a, ('2026-01-01') as valid_from, case when _rank > 1 and not (id is null) then ('1900-01-01T00:00:00Z') else (null) end as valid_to from (select * from (select id, a, row_number() over in_delivery as _place, rank() over in_delivery as _rank from delivery_1 window in_delivery as (partition by id order by id desc nulls last, a desc nulls last)) as placed where _place = 1 or _rank > 1 or id is null) as told"
            ],
        );
    }

    #[test]
    fn a_delivery_is_compared_with_the_one_before() {
        check(
            Deletes::Close,
            &[1, 2],
            true,
            expect![
                "select id, a, case when _ends then _next else _at end as valid_from, case when _rank > 1 and not (id is null) then ('1900-01-01T00:00:00Z') when _ends then _next end as valid_to from (select *, lag(_number) over in_order as _before, lead(_number) over in_order as _after, (a is distinct from lag(a) over in_order) as _differs from (select * from (select *, row_number() over in_delivery as _place, rank() over in_delivery as _rank from (select id, a, 0 as _number, ('2026-01-01') as _at, ('2026-01-02') as _next from delivery_1 union all select id, a, 1 as _number, ('2026-01-02') as _at, (null) as _next from delivery_2) as delivered window in_delivery as (partition by id, _number order by id desc nulls last, a desc nulls last)) as placed where _place = 1 or _rank > 1 or id is null) as told window in_order as (partition by id, _rank > 1 order by _number)) as compared cross join (values (false), (true)) as kinds (_ends) where case when _ends then _next is not null and coalesce(_after > _number + 1, true) and _rank = 1 and not (id is null) else _number > 0 and (coalesce(_before < _number - 1, true) or _differs or _rank > 1 or id is null) end"
            ],
        );
    }

    #[test]
    fn floats_of_a_key_have_one_zero_and_one_nan() {
        let settings = Snapshot { key: vec!["id".into()], ..Snapshot::default() };
        let column = |name: &str| Column { name: name.into(), kind: ColumnType::Float, sql_type: "double".into() };
        let deliveries = [Delivery { batch: 1, at: "2026-01-01".into() }];
        let comparison =
            Comparison { settings: &settings, columns: &[column("id"), column("a")], deliveries: &deliveries, is_known: false };
        let expected = "(select case when id = 0 then cast(0 as double) when isnan(id) then cast('NaN' as double) else id end as id, a from delivery_1) as delivery_1";
        assert_eq!(comparison.rows(&deliveries[0]), expected);
    }

    #[test]
    fn what_is_gone_may_stay() {
        check(
            Deletes::Ignore,
            &[1, 2],
            false,
            expect![
                "select id, a, case when _ends then _next else _at end as valid_from, case when _rank > 1 and not (id is null) then ('1900-01-01T00:00:00Z') when _ends then _next end as valid_to from (select *, lag(_number) over in_order as _before, lead(_number) over in_order as _after, (a is distinct from lag(a) over in_order) as _differs from (select * from (select *, row_number() over in_delivery as _place, rank() over in_delivery as _rank from (select id, a, 0 as _number, ('2026-01-01') as _at, ('2026-01-02') as _next from delivery_1 union all select id, a, 1 as _number, ('2026-01-02') as _at, (null) as _next from delivery_2) as delivered window in_delivery as (partition by id, _number order by id desc nulls last, a desc nulls last)) as placed where _place = 1 or _rank > 1 or id is null) as told window in_order as (partition by id, _rank > 1 order by _number)) as compared cross join (values (false), (true)) as kinds (_ends) where case when _ends then false else _number > -1 and (coalesce(_before < _number - 1, true) or _differs or _rank > 1 or id is null) end"
            ],
        );
    }
}
