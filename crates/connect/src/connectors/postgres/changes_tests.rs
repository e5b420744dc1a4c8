//! What is new in a table, against a real server: set `HEADWORKS_TEST_POSTGRES`, see [`super::tests`].

use datafusion::prelude::SessionContext;
use futures::StreamExt;
use hw_base::{Column, Continuing, Part};
use tokio_postgres::{Client, NoTls};

use super::tests::{Place, place, shown};
use super::{Selection, open};

/// A table that is read again and again.
struct Reader<'a> {
    place: &'a Place,
    table: &'static str,
    column: Option<&'static str>,
    since: Option<String>,
    known: Vec<Column>,
}

impl<'a> Reader<'a> {
    fn of(place: &'a Place, table: &'static str) -> Self {
        Self { place, table, column: None, since: None, known: Vec::new() }
    }

    fn by(place: &'a Place, table: &'static str, column: &'static str) -> Self {
        Self { column: Some(column), ..Self::of(place, table) }
    }

    /// The ids that a reading delivers, sorted, with `all:` before them where it is the whole table.
    async fn next(&mut self) -> String {
        let continuing = Continuing { since: self.since.clone(), column: self.column.map(str::to_owned), lookback_seconds: 0 };
        let selection = Selection { continuing: Some(&continuing), known: &self.known, ..self.place.select(self.table) };
        let table = open(&self.place.url, &selection).await.unwrap();
        let context = SessionContext::new();
        context.register_table("t", table.provider).unwrap();
        let mut rows = context.sql("select * from t").await.unwrap().execute_stream().await.unwrap();
        let mut ids: Vec<i64> = Vec::new();
        while let Some(batch) = rows.next().await {
            ids.extend(shown(&batch.unwrap()).iter().map(|row| row[0].parse::<i64>().unwrap()));
        }
        ids.sort_unstable();
        self.since = table.reached.get();
        self.known = table.columns;
        let whole = if table.part == Part::Whole { "all:" } else { "" };
        let ids: Vec<String> = ids.iter().map(i64::to_string).collect();
        format!("{whole}{}", ids.join(" "))
    }
}

/// A connection of its own, for transactions that stay open.
async fn client(place: &Place) -> Client {
    let (client, connection) = tokio_postgres::connect(&place.url, NoTls).await.unwrap();
    tokio::spawn(connection);
    let schema: String = place.client.query_one("select current_schema()::text", &[]).await.unwrap().get(0);
    client.batch_execute(&format!("set search_path to {schema}")).await.unwrap();
    client
}

#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn every_row_that_is_committed_comes_once_whatever_its_stamp() {
    let Some(place) = place("hw_exact").await else { return };
    place.execute("create table t (id int, at timestamptz); insert into t values (1, '2026-01-01'), (2, '2027-01-01'), (3, null)").await;
    let mut reader = Reader::of(&place, "t");
    assert_eq!(reader.next().await, "all:1 2 3");
    assert_eq!(reader.next().await, "");

    // Ties, older stamps, no stamps, and a long transaction that began before others and commits after them.
    let late = client(&place).await;
    late.batch_execute("begin; insert into t values (10, '2025-01-01')").await.unwrap();
    place.execute("insert into t values (4, '2026-01-01'); insert into t values (5, '2020-01-01'); insert into t values (6, null)").await;
    place.execute("update t set at = null where id = 1").await;
    assert_eq!(reader.next().await, "1 4 5 6");
    assert_eq!(reader.next().await, "");
    place.execute("insert into t values (7, null)").await;
    assert_eq!(reader.next().await, "7");
    late.batch_execute("insert into t values (11, null); commit").await.unwrap();
    assert_eq!(reader.next().await, "10 11");
    assert_eq!(reader.next().await, "");
    place.execute("begin; insert into t values (12, null); rollback; delete from t where id = 2").await;
    assert_eq!(reader.next().await, "");
}

#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn savepoints_and_prepared_transactions_are_seen_when_they_commit() {
    let Some(place) = place("hw_savepoints").await else { return };
    place.execute("create table t (id int); insert into t values (1)").await;
    let mut reader = Reader::of(&place, "t");
    assert_eq!(reader.next().await, "all:1");
    let late = client(&place).await;
    late.batch_execute("begin; insert into t values (10); savepoint a; insert into t values (11); savepoint b; insert into t values (12)")
        .await
        .unwrap();
    place.execute("insert into t values (2)").await;
    // The numbers of the savepoints lie below that of the transaction which has committed.
    assert_eq!(reader.next().await, "2");
    late.batch_execute("rollback to b; release a; commit").await.unwrap();
    place.execute("insert into t values (3)").await;
    assert_eq!(reader.next().await, "3 10 11");
    assert_eq!(reader.next().await, "");
}

#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn freezing_and_compacting_a_table_changes_nothing() {
    let Some(place) = place("hw_freeze").await else { return };
    place.execute("create table t (id int primary key); insert into t select generate_series(1, 5)").await;
    let mut reader = Reader::of(&place, "t");
    assert_eq!(reader.next().await, "all:1 2 3 4 5");
    for sql in ["vacuum freeze t", "vacuum full t", "cluster t using t_pkey", "analyze t"] {
        place.execute(sql).await;
        assert_eq!(reader.next().await, "", "{sql}");
    }
    place.execute("insert into t values (6)").await;
    place.execute("vacuum freeze t").await;
    assert_eq!(reader.next().await, "6");
    // What was written anew comes again.
    place.execute("begin; truncate t; insert into t values (2), (7); commit").await;
    assert_eq!(reader.next().await, "2 7");
    place.execute("alter table t alter id type bigint").await;
    assert_eq!(reader.next().await, "2 7");
    // A default fills the rows that are there, and no transaction tells of it.
    place.execute("alter table t add note text").await;
    assert_eq!(reader.next().await, "");
    place.execute("alter table t add grade int default 1").await;
    assert_eq!(reader.next().await, "all:2 7");
    assert_eq!(reader.next().await, "");
    place.execute("drop table t; create table t (id int); insert into t values (1)").await;
    assert_eq!(reader.next().await, "all:1");
}

#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn partitions_tell_what_is_new_also_those_that_join_later() {
    let Some(place) = place("hw_parts").await else { return };
    place
        .execute(
            "create table t (id int) partition by range (id);
             create table t1 partition of t for values from (0) to (10);
             create table t2 partition of t for values from (10) to (20) partition by range (id);
             create table t21 partition of t2 for values from (10) to (20);
             create table old (id int); insert into old values (21), (22);
             insert into t values (1), (11)",
        )
        .await;
    let mut reader = Reader::of(&place, "t");
    assert_eq!(reader.next().await, "all:1 11");
    place.execute("insert into t values (2), (12)").await;
    assert_eq!(reader.next().await, "2 12");
    place.execute("alter table t attach partition old for values from (20) to (30)").await;
    assert_eq!(reader.next().await, "21 22");
    place.execute("insert into t values (23)").await;
    assert_eq!(reader.next().await, "23");
    assert_eq!(reader.next().await, "");
}

#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn a_table_of_many_pages_is_read_on_by_several_connections() {
    let Some(place) = place("hw_pages").await else { return };
    place.execute("create table t as select i as id, repeat('x', 1000) as filler from generate_series(1, 20000) i").await;
    let mut reader = Reader::of(&place, "t");
    let late = client(&place).await;
    late.batch_execute("begin; insert into t values (30000, 'late')").await.unwrap();
    assert_eq!(reader.next().await.split(' ').count(), 20_000);
    for i in 0..50 {
        place.execute(&format!("update t set filler = 'new' where id = {}", 1 + i * 400)).await;
    }
    assert_eq!(reader.next().await.split(' ').count(), 50);
    late.batch_execute("commit").await.unwrap();
    assert_eq!(reader.next().await, "30000");
}

#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn views_are_read_on_by_a_column_and_no_value_in_the_future_hides_others() {
    let Some(place) = place("hw_views").await else { return };
    place
        .execute(
            "create table base (id int, at timestamptz, day date, number numeric(6,2), word text);
             create view t as select * from base;
             insert into base values (1, '2026-01-01', '2026-01-01', 1.5, 'a'), (2, '2026-01-02', '2026-01-02', 2.5, 'b'), (3, null, null, null, null),
                 (4, now() + interval '1 year', '2999-01-01', 9.25, 'c')",
        )
        .await;
    let mut readers = ["at", "day", "number", "word"].map(|column| Reader::by(&place, "t", column));
    for reader in &mut readers {
        assert_eq!(reader.next().await, "all:1 2 3 4");
    }
    place.execute("insert into base values (5, '2026-01-02', '2026-01-02', 9.25, 'c'), (6, '2026-01-03', '2026-01-03', 10, 'd')").await;
    for (reader, expected) in readers.iter_mut().zip(["2 3 4 5 6", "2 3 4 5 6", "3 4 5 6", "3 4 5 6"]) {
        assert_eq!(reader.next().await, expected);
    }
    let reached: Vec<Option<&str>> = readers.iter().map(|reader| reader.since.as_deref()).collect();
    assert_eq!(reached, [Some("2026-01-03T00:00:00Z"), Some("2026-01-03"), Some("10.00"), Some("d")]);
    // A position of another kind leads nowhere, and one in the future leads to now.
    place.execute("insert into base values (7, now() - interval '1 s', '2026-01-01', 1, 'a')").await;
    let mut ahead = Reader { since: Some("2998-01-01T00:00:00Z".into()), ..Reader::by(&place, "t", "at") };
    assert_eq!(ahead.next().await, "3 4");
    place.execute("insert into base values (8, now(), '2026-01-01', 1, 'a')").await;
    assert_eq!(ahead.next().await, "3 4 8");
}
