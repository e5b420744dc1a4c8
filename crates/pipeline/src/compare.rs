//! Two tables, or two versions of one, row by row: which rows were added and removed, which changed, and in which columns.
//!
//! A row is in both where all columns that both tables have are equal; files that both have are not read. What is left is put together by key. All
//! counts are exact, also where a key has several rows; only column by column such rows are not compared.

use hw_base::{Column, ColumnType, Engine, Input, MORE, Reader, Result, Rows, Share, TableName, Value, identifier, literal};
use serde::Serialize;

/// The name of the rows in which the two tables differ.
const DIFFERING: &str = "differing";
/// Between the values of a key.
const BETWEEN: &str = "' · '";
/// The most columns to compare in one query.
const MOST_COLUMNS: usize = 200;

/// A table at a version.
#[derive(Clone, Debug, Serialize)]
pub struct Side {
    /// What it is, in words: `production`, `dev`, `version 12`.
    pub name: String,
    /// The table.
    #[serde(skip)]
    pub table: TableName,
    /// Its version; the newest where `None`.
    pub version: Option<i64>,
}

/// Two tables to compare.
pub struct Comparison<'a> {
    /// Reads them.
    pub engine: &'a dyn Engine,
    /// The earlier one.
    pub before: Side,
    /// The later one.
    pub after: Side,
    /// The columns that identify a row; none to compare whole rows.
    pub key: Vec<String>,
    /// The share of all keys to compare; all where `None`.
    pub sample: Option<Share>,
    /// How many rows to show.
    pub examples: usize,
}

/// How two tables differ.
#[derive(Clone, Debug, Serialize)]
pub struct Difference {
    /// The format of this value.
    pub schema_version: &'static str,
    /// The earlier one.
    pub before: Side,
    /// The later one.
    pub after: Side,
    /// The columns that identify a row; none where whole rows were compared.
    pub key: Vec<String>,
    /// The share of all keys that was compared; all where `None`.
    #[serde(skip_serializing_if = "Option::is_none")]
    pub sample: Option<Share>,
    /// Columns that only the later table has.
    pub columns_added: Vec<Column>,
    /// Columns that only the earlier table has.
    pub columns_removed: Vec<Column>,
    /// Columns that have another type.
    pub columns_retyped: Vec<Retyped>,
    /// Rows of the earlier table, of those that were compared.
    pub rows_before: u64,
    /// Rows of the later table, of those that were compared.
    pub rows_after: u64,
    /// Rows whose key only the later table has, or has more often.
    pub added: u64,
    /// Rows whose key only the earlier table has, or has more often.
    pub removed: u64,
    /// Rows whose key both have, with other values.
    pub changed: u64,
    /// Keys of several differing rows: they are counted, and not compared column by column.
    pub repeated_keys: u64,
    /// The columns in which rows changed, most changes first.
    pub columns: Vec<ColumnDifference>,
    /// Some of the added rows.
    pub added_examples: Rows,
    /// Some of the removed rows.
    pub removed_examples: Rows,
}

/// A column that has another type.
#[derive(Clone, Debug, PartialEq, Eq, Serialize)]
pub struct Retyped {
    /// Its name.
    pub name: String,
    /// Its type before.
    pub before: String,
    /// Its type now.
    pub after: String,
}

/// The changes of one column.
#[derive(Clone, Debug, PartialEq, Serialize)]
pub struct ColumnDifference {
    /// The column.
    pub name: String,
    /// Rows in which it changed.
    pub rows: u64,
    /// The key of one of them.
    pub key: String,
    /// Its value there before.
    pub before: Value,
    /// Its value there now.
    pub after: Value,
}

impl Difference {
    /// Rows that both tables have.
    pub fn unchanged(&self) -> u64 {
        self.rows_after.saturating_sub(self.added + self.changed)
    }

    /// Whether both tables are the same, columns included.
    pub fn is_empty(&self) -> bool {
        self.added + self.removed + self.changed == 0
            && self.columns_added.is_empty()
            && self.columns_removed.is_empty()
            && self.columns_retyped.is_empty()
    }
}

impl Comparison<'_> {
    /// Compares them.
    ///
    /// # Errors
    /// If one of the tables cannot be read; HW302 for a key that they do not both have.
    pub async fn difference(self) -> Result<Difference> {
        let (had, has) = (self.columns(&self.before).await?, self.columns(&self.after).await?);
        let find = |columns: &[Column], name: &str| columns.iter().find(|column| column.name == name).cloned();
        let common: Vec<&Column> = has.iter().filter(|column| find(&had, &column.name).is_some()).collect();
        for column in &self.key {
            if !common.iter().any(|known| known.name == *column) {
                let known = common.iter().map(|known| known.name.as_str());
                return Err(hw_base::unknown("column", column, known)
                    .code("HW302")
                    .because("a key consists of columns that both tables have"));
            }
        }
        let retyped = |column: &&Column| {
            let before = find(&had, &column.name)?.sql_type;
            (before != column.sql_type).then(|| Retyped { name: column.name.clone(), before, after: column.sql_type.clone() })
        };
        let mut found = Difference {
            schema_version: "1",
            columns_added: has.iter().filter(|column| find(&had, &column.name).is_none()).cloned().collect(),
            columns_removed: had.iter().filter(|column| find(&has, &column.name).is_none()).cloned().collect(),
            columns_retyped: common.iter().filter_map(retyped).collect(),
            rows_before: self.rows(&self.before).await?,
            rows_after: self.rows(&self.after).await?,
            before: self.before.clone(),
            after: self.after.clone(),
            key: self.key.clone(),
            sample: self.sample,
            added: 0,
            removed: 0,
            changed: 0,
            repeated_keys: 0,
            columns: vec![],
            added_examples: Rows::default(),
            removed_examples: Rows::default(),
        };
        self.count(&common, &mut found).await?;
        if found.added > 0 {
            found.added_examples = self.query(&self.one_sided(&common, ">"), self.examples).await?;
        }
        if found.removed > 0 {
            found.removed_examples = self.query(&self.one_sided(&common, "<"), self.examples).await?;
        }
        Ok(found)
    }

    /// Counts what differs, and finds an example for each column that does.
    async fn count(&self, common: &[&Column], found: &mut Difference) -> Result<()> {
        let has_key = !self.key.is_empty();
        let compared: Vec<&Column> = common.iter().copied().filter(|column| has_key && !self.key.contains(&column.name)).collect();
        let mut parts: Vec<&[&Column]> = compared.chunks(MOST_COLUMNS).collect();
        if parts.is_empty() {
            parts.push(&[]);
        }
        for columns in parts {
            let counts = self.query(&self.counting(columns), 1).await?;
            let Some(row) = counts.rows.first() else { continue };
            let count = |at: usize| row.get(at).and_then(Value::as_u64).unwrap_or_default();
            (found.added, found.removed, found.changed, found.repeated_keys) =
                (count(0), count(1), count(2), if has_key { count(3) } else { 0 });
            for (at, column) in columns.iter().enumerate() {
                let (rows, key) = (count(4 + 2 * at), row.get(5 + 2 * at));
                if let (true, Some(Value::Text(key))) = (rows > 0, key) {
                    found.columns.push(self.example(&column.name, rows, key).await?);
                }
            }
        }
        found.columns.sort_by(|a, b| b.rows.cmp(&a.rows).then_with(|| a.name.cmp(&b.name)));
        Ok(())
    }

    /// The values of a column in one of the rows in which it changed.
    async fn example(&self, name: &str, rows: u64, key: &str) -> Result<ColumnDifference> {
        let column = identifier(name);
        let sql = format!("select {MORE}, {column} from {DIFFERING} where {} = {} order by {MORE}", self.key_in_words(), literal(key));
        let values = self.query(&sql, 2).await?.rows;
        let value = |at: usize| values.get(at).and_then(|row| row.get(1)).cloned().unwrap_or(Value::Null);
        Ok(ColumnDifference { name: name.to_owned(), rows, key: key.to_owned(), before: value(0), after: value(1) })
    }

    /// The SELECT that counts rows added, removed and changed, keys of several rows, and for each of some columns in how many rows it
    /// changed, with the key of one.
    fn counting(&self, columns: &[&Column]) -> String {
        let flags: Vec<String> = (0..).zip(columns).map(|(at, column): (usize, _)| format!(", {} as _c{at}", differs(column))).collect();
        let changed = |at: usize| format!("filter (where _newer = 1 and _older = 1 and _c{at})");
        let counts: Vec<String> = (0..columns.len()).map(|at| format!(", count(*) {0}, min(_key) {0}", changed(at))).collect();
        format!(
            "select coalesce(sum(greatest(_newer - _older, 0)), 0), coalesce(sum(greatest(_older - _newer, 0)), 0), \
             coalesce(sum(least(_newer, _older)), 0), count(*) filter (where _newer > 1 or _older > 1){counts} from (\
             select {key} as _key, sum(greatest({MORE}, 0)) as _newer, sum(greatest(-{MORE}, 0)) as _older{flags} \
             from {DIFFERING}{sampled} group by {by}) as _keys",
            counts = counts.concat(),
            key = self.key_in_words(),
            flags = flags.concat(),
            sampled = self.sampled(),
            by = self.grouped(),
        )
    }

    /// The SELECT of rows whose key only one of the tables has, or has more often.
    fn one_sided(&self, columns: &[&Column], sign: &str) -> String {
        if self.key.is_empty() {
            let columns: Vec<String> = columns.iter().map(|column| identifier(&column.name)).collect();
            return format!("select {0} from {DIFFERING} where {MORE} {sign} 0 order by {0}", columns.join(", "));
        }
        let shown = columns.iter().map(|column| {
            let name = identifier(&column.name);
            if self.key.contains(&column.name) { name } else { format!("min({}) as {name}", ordered(column)) }
        });
        format!(
            "select {} from {DIFFERING}{} group by {by} having sum({MORE}) {sign} 0 order by {by}",
            shown.collect::<Vec<_>>().join(", "),
            self.sampled(),
            by = self.grouped(),
        )
    }

    /// What rows are put together by.
    fn grouped(&self) -> String {
        let key: Vec<String> = self.key.iter().map(|column| identifier(column)).collect();
        // Where whole rows are compared no two belong together but those of one side, and these need not be told apart.
        if key.is_empty() { format!("{MORE} > 0") } else { key.join(", ") }
    }

    fn key_in_words(&self) -> String {
        let texts: Vec<String> = self.key.iter().map(|column| format!("coalesce(cast({} as varchar), '∅')", identifier(column))).collect();
        if texts.is_empty() { "''".to_owned() } else { format!("concat_ws({BETWEEN}, {})", texts.join(", ")) }
    }

    /// The condition for rows of the sample: of each key either all rows or none, the same ones every time.
    fn sampled(&self) -> String {
        #[expect(clippy::cast_possible_truncation, clippy::cast_sign_loss, reason = "a share lies between 0 and 1; the cast saturates")]
        let limit = |share: Share| (share.0 * f64::from(u32::MAX)) as u32;
        match self.sample {
            Some(share) if share.0 < 1.0 && !self.key.is_empty() => {
                format!(" where substr(md5({}), 1, 8) < '{:08x}'", self.key_in_words(), limit(share))
            }
            _ => String::new(),
        }
    }

    async fn columns(&self, side: &Side) -> Result<Vec<Column>> {
        self.engine.columns(&whole(side, "select * from whole")).await
    }

    async fn rows(&self, side: &Side) -> Result<u64> {
        let counted = self.engine.query(&whole(side, &format!("select count(*) from whole{}", self.sampled())), 1).await?;
        Ok(counted.single().and_then(Value::as_u64).unwrap_or_default())
    }

    async fn query(&self, sql: &str, limit: usize) -> Result<Rows> {
        let differing = Input::Difference {
            name: DIFFERING.into(),
            before: Box::new(input(&self.before, "before")),
            after: Box::new(input(&self.after, "after")),
        };
        self.engine.query(&Reader { sql: sql.to_owned(), inputs: vec![differing], file: None }, limit).await
    }
}

/// Whether a column differs between the two rows of a key: one of them is null, or both are there and not equal.
fn differs(column: &Column) -> String {
    let value = ordered(column);
    format!("(count({value}) = 1 or coalesce(min({value}) <> max({value}), false))")
}

/// A column as something that has an order: what is made of several values has none.
fn ordered(column: &Column) -> String {
    let name = identifier(&column.name);
    if column.kind == ColumnType::Other { format!("cast({name} as varchar)") } else { name }
}

fn whole(side: &Side, sql: &str) -> Reader {
    Reader { sql: sql.to_owned(), inputs: vec![input(side, "whole")], file: None }
}

fn input(side: &Side, name: &str) -> Input {
    Input::Table {
        name: name.to_owned(),
        table: side.table.clone(),
        version: side.version,
        after_batch: None,
        up_to_batch: None,
        hides_origin: false,
    }
}

#[cfg(test)]
mod tests {
    use expect_test::expect;

    use super::*;
    use crate::fixture::World;

    fn comparison<'a>(world: &'a World, key: &[&str], sample: Option<Share>) -> Comparison<'a> {
        let side = |name: &str, version| Side { name: name.into(), table: TableName::model("orders"), version: Some(version) };
        let key = key.iter().map(|column| (*column).to_owned()).collect();
        Comparison { engine: world, before: side("version 1", 1), after: side("version 2", 2), key, sample, examples: 3 }
    }

    fn column(name: &str, kind: ColumnType) -> Column {
        Column { name: name.into(), kind, sql_type: "text".into() }
    }

    #[test]
    fn rows_are_put_together_by_key_and_compared_column_by_column() {
        let world = World::new(&[]);
        let (status, tags) = (column("status", ColumnType::Text), column("tags", ColumnType::Other));
        let comparing = comparison(&world, &["shop", "id"], Some(Share(0.01)));
        expect!["select coalesce(sum(greatest(_newer - _older, 0)), 0), coalesce(sum(greatest(_older - _newer, 0)), 0), coalesce(sum(least(_newer, _older)), 0), count(*) filter (where _newer > 1 or _older > 1), count(*) filter (where _newer = 1 and _older = 1 and _c0), min(_key) filter (where _newer = 1 and _older = 1 and _c0), count(*) filter (where _newer = 1 and _older = 1 and _c1), min(_key) filter (where _newer = 1 and _older = 1 and _c1) from (select concat_ws(' · ', coalesce(cast(shop as varchar), '∅'), coalesce(cast(id as varchar), '∅')) as _key, sum(greatest(_more, 0)) as _newer, sum(greatest(-_more, 0)) as _older, (count(status) = 1 or coalesce(min(status) <> max(status), false)) as _c0, (count(cast(tags as varchar)) = 1 or coalesce(min(cast(tags as varchar)) <> max(cast(tags as varchar)), false)) as _c1 from differing where substr(md5(concat_ws(' · ', coalesce(cast(shop as varchar), '∅'), coalesce(cast(id as varchar), '∅'))), 1, 8) < '028f5c28' group by shop, id) as _keys"].assert_eq(&comparing.counting(&[&status, &tags]));
        expect!["select id, min(status) as status from differing where substr(md5(concat_ws(' · ', coalesce(cast(shop as varchar), '∅'), coalesce(cast(id as varchar), '∅'))), 1, 8) < '028f5c28' group by shop, id having sum(_more) > 0 order by shop, id"].assert_eq(&comparing.one_sided(&[&column("id", ColumnType::Integer), &status], ">"));
    }

    #[test]
    fn whole_rows_are_counted_by_side() {
        let world = World::new(&[]);
        let comparing = comparison(&world, &[], None);
        expect!["select coalesce(sum(greatest(_newer - _older, 0)), 0), coalesce(sum(greatest(_older - _newer, 0)), 0), coalesce(sum(least(_newer, _older)), 0), count(*) filter (where _newer > 1 or _older > 1) from (select '' as _key, sum(greatest(_more, 0)) as _newer, sum(greatest(-_more, 0)) as _older from differing group by _more > 0) as _keys"].assert_eq(&comparing.counting(&[]));
        expect!["select id from differing where _more < 0 order by id"]
            .assert_eq(&comparing.one_sided(&[&column("id", ColumnType::Integer)], "<"));
    }
}
