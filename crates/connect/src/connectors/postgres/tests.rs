//! Against a real server: set `HEADWORKS_TEST_POSTGRES` to the URL of a database whose user may create schemas and
//! roles. Without it these tests do nothing.

use std::time::{Duration, Instant};

use datafusion::arrow::array::RecordBatch;
use datafusion::arrow::util::display::{ArrayFormatter, FormatOptions};
use datafusion::catalog::TableProvider;
use datafusion::execution::SendableRecordBatchStream;
use datafusion::prelude::SessionContext;
use futures::StreamExt;
use hw_base::{Blame, Column, ColumnType, Error, Retry};
use tokio_postgres::{Client, NoTls};

use super::server::Server;
use super::snapshot::Snapshot;
use super::{MALFORMED, Selection, open, original, survey, tables};
use crate::tables::text_columns;

/// The database to test with, and a schema of the test's own.
pub(super) struct Place {
    pub(super) url: String,
    schema: &'static str,
    pub(super) client: Client,
}

#[expect(clippy::disallowed_methods, reason = "tests are told by the environment where the servers are")]
pub(super) async fn place(schema: &'static str) -> Option<Place> {
    let url = std::env::var("HEADWORKS_TEST_POSTGRES").ok()?;
    let (client, connection) = tokio_postgres::connect(&url, NoTls).await.unwrap();
    tokio::spawn(connection);
    client
        .batch_execute(&format!("drop schema if exists {schema} cascade; create schema {schema}; set search_path to {schema}"))
        .await
        .unwrap();
    Some(Place { url, schema, client })
}

impl Place {
    pub(super) async fn execute(&self, sql: &str) {
        self.client.batch_execute(sql).await.unwrap();
    }

    pub(super) fn select<'a>(&self, table: &'a str) -> Selection<'a> {
        Selection { schema: self.schema, table, connections: 4, ..Selection::default() }
    }

    async fn stream(&self, selection: &Selection<'_>, sql: &str) -> SendableRecordBatchStream {
        let table = open(&self.url, selection).await.unwrap();
        let context = SessionContext::new();
        context.register_table("t", table.provider).unwrap();
        context.sql(sql).await.unwrap().execute_stream().await.unwrap()
    }

    /// The rows of a query over the table `t`, each value as text.
    async fn read(&self, selection: &Selection<'_>, sql: &str) -> Vec<Vec<String>> {
        let mut stream = self.stream(selection, sql).await;
        let mut rows = Vec::new();
        while let Some(batch) = stream.next().await {
            rows.extend(shown(&batch.unwrap()));
        }
        rows
    }

    async fn number(&self, sql: &str) -> i64 {
        self.client.query_one(sql, &[]).await.unwrap().get(0)
    }

    /// Another URL for the same server.
    fn url_with(&self, change: impl Fn(&mut url::Url)) -> String {
        let mut url = url::Url::parse(&self.url).unwrap();
        change(&mut url);
        url.into()
    }
}

pub(super) fn shown(batch: &RecordBatch) -> Vec<Vec<String>> {
    let options = FormatOptions::new().with_null("null");
    let formatters: Vec<_> = batch.columns().iter().map(|column| ArrayFormatter::try_new(column, &options).unwrap()).collect();
    (0..batch.num_rows()).map(|row| formatters.iter().map(|column| column.value(row).to_string()).collect()).collect()
}

/// Columns of every kind: type, a value as SQL, how it is shown, and the type that it becomes.
const KINDS: &[(&str, &str, &str, &str)] = &[
    ("boolean", "true", "true", "boolean"),
    ("smallint", "-32768", "-32768", "smallint"),
    ("integer", "2147483647", "2147483647", "int"),
    ("bigint", "-9223372036854775808", "-9223372036854775808", "bigint"),
    ("real", "'NaN'", "NaN", "real"),
    ("double precision", "'-Infinity'", "-inf", "double"),
    ("numeric(12,2)", "-1234567.89", "-1234567.89", "decimal(12,2)"),
    ("numeric(38,10)", "9999999999999999999999999999.9999999999", "9999999999999999999999999999.9999999999", "decimal(38,10)"),
    ("numeric(3,-2)", "99900", "99900", "decimal(5,0)"),
    ("numeric(2,5)", "0.00099", "0.00099", "decimal(5,5)"),
    ("numeric(39,1)", "0.5", "0.5", "varchar"),
    ("numeric", "1.50", "1.5000000000", "decimal(38,10)"),
    ("numeric", "1 / 3.0", "0.33333333333333333333", "decimal(38,20)"),
    ("numeric", "123456789012345678901234567890123456789012345.678900", "123456789012345678901234567890123456789012345.678900", "varchar"),
    ("money", "'$1,234.50'", "$1,234.50", "varchar"),
    ("text", "E'o''clock \\\\ \\t\\n \"☃\"'", "o'clock \\ \t\n \"☃\"", "varchar"),
    ("varchar(20)", "''", "", "varchar"),
    ("char(5)", "'ab'", "ab", "varchar"),
    ("name", "'a name'", "a name", "varchar"),
    ("\"char\"", "'x'", "x", "varchar"),
    ("bytea", "'\\x00ff27'", "00ff27", "bytea"),
    ("date", "'2024-02-29'", "2024-02-29", "date"),
    ("date", "'4713-01-01 BC'", "-4712-01-01", "date"),
    ("timestamp", "'1999-12-31 23:59:59.999999'", "1999-12-31T23:59:59.999999", "timestamp"),
    ("timestamptz", "'2024-03-31 02:30:00+02'", "2024-03-31T00:30:00Z", "timestamp with time zone"),
    ("time", "'24:00:00'", "24:00:00", "varchar"),
    ("timetz", "'12:30:00.5+02'", "12:30:00.5+02", "varchar"),
    ("interval", "'1 year 2 days 03:04:05.6'", "P1Y2DT3H4M5.6S", "varchar"),
    ("uuid", "'A0EEBC99-9C0B-4EF8-BB6D-6BB9BD380A11'", "a0eebc99-9c0b-4ef8-bb6d-6bb9bd380a11", "varchar"),
    ("json", "'{ \"a\":1 }'", "{ \"a\":1 }", "varchar"),
    ("jsonb", "'{ \"a\":1 }'", "{\"a\": 1}", "varchar"),
    ("inet", "'10.0.0.1/8'", "10.0.0.1/8", "varchar"),
    ("inet", "'10.0.0.1/32'", "10.0.0.1", "varchar"),
    ("inet", "'2001:db8:ffff:ffff:ffff:ffff:ffff:ffff/128'", "2001:db8:ffff:ffff:ffff:ffff:ffff:ffff", "varchar"),
    ("cidr", "'10.0.0.0/8'", "10.0.0.0/8", "varchar"),
    ("cidr", "'10.0.0.1'", "10.0.0.1/32", "varchar"),
    ("macaddr", "'08:00:2b:01:02:03'", "08:00:2b:01:02:03", "varchar"),
    ("point", "'(1,2)'", "(1,2)", "varchar"),
    ("int4range", "'[1,5)'", "[1,5)", "varchar"),
    ("bit(3)", "B'101'", "101", "varchar"),
    ("xml", "'<a/>'", "<a/>", "varchar"),
    ("tsvector", "'cat dog'", "'cat' 'dog'", "varchar"),
    ("oid", "4294967295", "4294967295", "varchar"),
    ("mood", "'very happy'", "very happy", "varchar"),
    ("pair", "row(1, 'x y')", "(1,\"x y\")", "varchar"),
    ("euros", "12.5", "12.50", "decimal(10,2)"),
    ("positive_euros", "12.5", "12.50", "decimal(10,2)"),
    ("integer[]", "'{1,NULL,3}'", "[1, null, 3]", "int[]"),
    ("integer[]", "'{}'", "[]", "int[]"),
    ("text[]", "array['a,b', NULL, 'c\"d']", "[a,b, null, c\"d]", "varchar[]"),
    ("float8[]", "'{1.5,NaN}'", "[1.5, NaN]", "double[]"),
    ("numeric(6,2)[]", "'{1.5,-2}'", "[1.50, -2.00]", "decimal(6,2)[]"),
    ("numeric[]", "'{1.50,NaN}'", "[1.50, NaN]", "varchar[]"),
    ("timestamptz[]", "'{2000-01-01 00:00:00+00}'", "[2000-01-01T00:00:00Z]", "timestamp with time zone[]"),
    ("jsonb[]", "array['{\"a\":1}'::jsonb]", "[{\"a\": 1}]", "varchar[]"),
    ("mood[]", "array['sad'::mood]", "[sad]", "varchar[]"),
    ("inet[]", "array['::1', null, '10.0.0.0/8']::inet[]", "[::1, null, 10.0.0.0/8]", "varchar[]"),
    ("int2vector", "'1 2'", "1 2", "varchar"),
];

#[tokio::test]
async fn every_type_comes_as_what_it_is() {
    let Some(place) = place("hw_types").await else { return };
    place
        .execute(
            "create type mood as enum ('sad', 'very happy'); create type pair as (a int, b text);
             create domain euros as numeric(10,2); create domain positive_euros as euros check (value > 0)",
        )
        .await;
    let columns: Vec<String> = KINDS.iter().enumerate().map(|(at, kind)| format!("\"C {at}\" {}", kind.0)).collect();
    let values: Vec<&str> = KINDS.iter().map(|kind| kind.1).collect();
    let nulls = vec!["null"; KINDS.len()];
    place.execute(&format!("create table \"All \"\"Kinds\" ({})", columns.join(", "))).await;
    place.execute(&format!("insert into \"All \"\"Kinds\" values ({}), ({})", values.join(", "), nulls.join(", "))).await;

    let selection = place.select("All \"Kinds");
    let columns = open(&place.url, &selection).await.unwrap().columns;
    let rows = place.read(&selection, "select * from t").await;
    assert_eq!((columns.len(), rows.len()), (KINDS.len(), 2));
    for (at, (kind, _, expected, sql_type)) in KINDS.iter().enumerate() {
        assert_eq!((rows[0][at].as_str(), columns[at].sql_type.as_str()), (*expected, *sql_type), "{kind}");
        assert_eq!(rows[1][at], "null", "{kind}");
    }
    assert_eq!(rows[0][KINDS.len()..], ["null"; 3]);
}

#[tokio::test]
async fn what_a_type_cannot_hold_is_a_malformed_record_or_text() {
    let Some(place) = place("hw_malformed").await else { return };
    place.execute("create table price (id int, valid_to timestamptz, amount numeric(10,2), grid int[])").await;
    place
        .execute(
            "insert into price values (1, '2024-01-01 00:00:00+00', 1, '{1}'), (2, 'infinity', 2, '{2}'),
             (3, '-infinity', 'NaN', '{3}'), (4, '294276-12-31', 4, null), (5, null, 5, '{{1,2},{3,4}}')",
        )
        .await;
    let selection = place.select("price");
    let malformed = format!("select {MALFORMED} from t where {MALFORMED} is not null");
    let malformed = place.read(&selection, &malformed).await.concat();
    assert_eq!(malformed.len(), 4);
    assert_eq!(
        malformed[0],
        "{\"reason\":\"`valid_to` (timestamp with time zone) holds a value that timestamp with time zone cannot hold: infinity\",\
         \"record\":\"{\\\"id\\\":\\\"2\\\",\\\"valid_to\\\":\\\"infinity\\\",\\\"amount\\\":\\\"2.00\\\",\\\"grid\\\":\\\"[2]\\\"}\"}"
    );
    assert!(malformed[1].contains("-infinity; `amount` (numeric(10,2)) holds a value that decimal(10,2) cannot hold: NaN"));
    assert!(malformed[3].contains("int[] cannot hold: {{1,2},{3,4}}"));
    let good = place.read(&selection, &format!("select id, count({MALFORMED}) over () from t")).await;
    assert_eq!(good.iter().map(|row| row[0].as_str()).collect::<Vec<_>>(), ["1", "null", "null", "null", "null"]);

    let as_text = ["price.valid_to".into(), "price.amount".into(), "price.grid".into(), "other.id".into()];
    let selection = Selection { as_text: text_columns(&as_text, "price"), ..selection };
    let rows = place.read(&selection, "select * from t").await;
    assert_eq!(rows[1][..4], ["2", "infinity", "2.00", "{2}"]);
    assert_eq!(rows[2][..4], ["3", "-infinity", "NaN", "{3}"]);
    assert_eq!(rows[4][3..], ["{{1,2},{3,4}}", "null", "null", "null"]);
}

#[tokio::test]
async fn a_numeric_without_digits_keeps_the_decimal_of_earlier_readings() {
    let Some(place) = place("hw_free").await else { return };
    place
        .execute("create table price (id int, amount numeric); insert into price values (1, 1.5), (2, 'NaN'), (3, 0.123456789012), (4, 10)")
        .await;
    let asked = format!("select id, amount, {MALFORMED} from t order by amount");
    let amount = |sql_type: &str| vec![Column { name: "amount".into(), kind: ColumnType::Decimal, sql_type: sql_type.into() }];
    let first = place.read(&place.select("price"), &asked).await;
    assert_eq!(first[0][..2], ["3", "0.12345678901200000000"]);
    let known = amount("decimal(38,10)");
    let rows = place.read(&Selection { known: &known, ..place.select("price") }, &asked).await;
    assert_eq!([&rows[0][1], &rows[1][1]], ["1.5000000000", "10.0000000000"]);
    assert_eq!(rows[2][..2], ["null", "null"]);
    let reason = |described: &String| serde_json::from_str::<serde_json::Value>(described).unwrap()["reason"].as_str().unwrap().to_owned();
    let reasons = [&rows[2][2], &rows[3][2]].map(reason);
    let held = "`amount` (numeric) holds a value that decimal(38,10) cannot hold: ";
    assert_eq!(reasons, [format!("{held}NaN"), format!("{held}0.123456789012")]);
    let known = amount("varchar");
    let rows = place.read(&Selection { known: &known, ..place.select("price") }, &asked).await;
    assert_eq!(rows.iter().map(|row| row[1].as_str()).collect::<Vec<_>>(), ["0.123456789012", "1.5", "10", "NaN"]);
}

#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn a_scan_sees_one_moment_however_much_is_written_meanwhile() {
    let Some(place) = place("hw_snapshot").await else { return };
    place.execute("create table big as select i as id, 1 as one, repeat('x', 100) as filler from generate_series(1, 200000) i").await;
    let mut stream = place.stream(&place.select("big"), "select id, one, filler from t").await;
    let first = stream.next().await.unwrap().unwrap();
    let copying = "select count(*) from pg_stat_activity where application_name = 'headworks' and query ~ 'hw_snapshot.*ctid'";
    // The others begin when they have joined the snapshot of the first.
    for _ in 0..200 {
        if place.number(copying).await == 4 {
            break;
        }
        tokio::time::sleep(std::time::Duration::from_millis(50)).await;
    }
    assert_eq!(place.number(copying).await, 4);

    place.execute("insert into big select i, 1000, 'late' from generate_series(200001, 250000) i").await;
    place.execute("update big set one = 1000 where id % 2 = 0; delete from big where id % 5 = 0").await;
    let (mut ids, mut ones) = (Vec::new(), 0);
    let mut count = |batch: &RecordBatch| {
        for row in shown(batch) {
            ids.push(row[0].parse::<u32>().unwrap());
            ones += row[1].parse::<u32>().unwrap();
        }
    };
    count(&first);
    while let Some(batch) = stream.next().await {
        count(&batch.unwrap());
    }
    ids.sort_unstable();
    assert!(ids.iter().copied().eq(1..=200_000), "{} ids", ids.len());
    assert_eq!(ones, 200_000);

    let now = place.read(&place.select("big"), "select count(*), count(distinct id), sum(one) from t").await;
    let expected = place.client.query_one("select count(*)::text, count(distinct id)::text, sum(one)::text from big", &[]).await.unwrap();
    assert_eq!(now, [[expected.get::<_, String>(0), expected.get(1), expected.get(2)]]);
}

#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn tables_that_share_a_snapshot_are_of_one_moment_and_what_is_not_is_told() {
    let Some(place) = place("hw_shared").await else { return };
    place
        .execute(
            "create table one as select 1 as id; create table two as select 1 as id; create table remade as select 1 as id;
             create view seen as select * from two; create table swapped as select 1 as id",
        )
        .await;
    let url = place.url_with(|url| url.set_query(Some("application_name=hw_shared")));
    let snapshot = Snapshot::default();
    let count = async |table: &str| {
        let opened = open(&url, &place.select(table)).await.unwrap();
        opened.provider.share(&snapshot);
        let context = SessionContext::new();
        context.register_table("t", opened.provider).unwrap();
        let batches = context.sql("select count(*) from t").await.unwrap().collect().await.unwrap();
        shown(&batches[0])[0][0].clone()
    };
    assert_eq!(count("one").await, "1");
    place.execute("insert into one values (2); insert into two values (2); create index on two (id)").await;
    assert_eq!([count("one").await, count("two").await, count("seen").await], ["1", "1", "1"]);
    // An older snapshot would see nothing of these.
    place.execute("truncate remade; insert into remade values (2), (3)").await;
    place.execute("create table other as select 7 as id; drop table swapped; alter table other rename to swapped").await;
    assert_eq!([count("remade").await, count("swapped").await], ["2", "1"]);
    let held = "select count(*) from pg_stat_activity where application_name = 'hw_shared' and state = 'idle in transaction'";
    wait_until(async || place.number(held).await == 1).await;
    let told = snapshot.let_go().await.unwrap();
    assert!(told.contains("`hw_shared.one`, `hw_shared.two`, `hw_shared.seen` as of "), "{told}");
    assert_eq!(told.matches("made anew meanwhile").count(), 2, "{told}");
    wait_until(async || place.number(held).await == 0).await;

    assert_eq!(count("one").await, "2");
    place.number(&held.replacen("count(*)", "count(pg_terminate_backend(pid))", 1)).await;
    wait_until(async || place.number(held).await == 0).await;
    place.execute("insert into two values (3)").await;
    assert_eq!([count("two").await, count("one").await], ["3", "2"]);
    let told = snapshot.let_go().await.unwrap();
    assert!(told.contains("(the connection that held the snapshot before was lost)"), "{told}");
    assert_eq!(count("two").await, "3");
    assert_eq!(snapshot.let_go().await, None);
}

#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn a_table_that_is_exchanged_again_and_again_is_not_read_as_empty() {
    let Some(place) = place("hw_exchanged").await else { return };
    place.execute("create table c as select i as id from generate_series(1, 1000) i; create table d as select 1 as id").await;
    let snapshot = Snapshot::default();
    let context = SessionContext::new();
    for table in ["c", "d"] {
        let opened = open(&place.url, &place.select(table)).await.unwrap();
        opened.provider.share(&snapshot);
        context.register_table(table, opened.provider).unwrap();
    }
    context.sql("select * from d").await.unwrap().collect().await.unwrap();
    place.execute("begin; lock table c in access exclusive mode").await;
    let counted = tokio::spawn(async move { context.sql("select count(*) from c").await.unwrap().collect().await.unwrap() });
    let mut exchanged = String::new();
    while !counted.is_finished() {
        if place.number("select count(*) from pg_locks where relation = 'c'::regclass and not granted").await > 0 {
            place.execute("truncate c; insert into c select generate_series(1, 1000)").await;
            let now = "select to_char(clock_timestamp() at time zone 'UTC', 'YYYY-MM-DD HH24:MI:SS.MS')";
            exchanged = place.client.query_one(now, &[]).await.unwrap().get(0);
            place.execute("commit; begin; lock table c in access exclusive mode").await;
        }
        tokio::time::sleep(Duration::from_millis(10)).await;
    }
    place.execute("commit").await;
    assert_eq!(shown(&counted.await.unwrap()[0]), [["1000"]]);
    let told = snapshot.let_go().await.unwrap();
    let (_, seen) = told.split_once("`hw_exchanged.c` as of ").unwrap();
    assert!(seen >= exchanged.as_str(), "{told}; it was exchanged at {exchanged}");
}

#[tokio::test]
async fn projections_counts_and_limits_are_asked_of_the_server() {
    let Some(place) = place("hw_after").await else { return };
    place
        .execute(
            "create table orders (id int primary key, note text, updated_at timestamptz);
             insert into orders select i, 'it''s', '2024-01-01 00:00:00+00'::timestamptz + i * interval '1 second' from generate_series(1, 1000) i;
             insert into orders values (0, 'never', null)",
        )
        .await;
    assert_eq!(place.read(&place.select("orders"), "select count(*) from t").await, [["1001"]]);
    assert_eq!(place.read(&place.select("orders"), "select _line, id, _file from t order by id limit 1").await, [["null", "0", "null"]]);
    assert_eq!(place.read(&place.select("orders"), "select id from t limit 3").await.len(), 3);
}

#[tokio::test]
async fn tables_views_and_partitions_are_listed_and_read() {
    let Some(place) = place("hw_list").await else { return };
    place
        .execute(
            "create table customer (region text, id bigint, name varchar(20), dropped int, primary key (id, region));
             alter table customer drop column dropped;
             insert into customer select 'north', i, 'name ' || i from generate_series(1, 500) i;
             analyze customer;
             create view names as select name from customer;
             create materialized view regions as select distinct region from customer;
             create table event (day date, what text) partition by range (day);
             create table event_2024 partition of event for values from ('2024-01-01') to ('2025-01-01');
             create table event_rest partition of event default;
             insert into event values ('2024-05-05', 'a'), ('2030-01-01', 'b');
             create table nothing ()",
        )
        .await;
    let listing = tables(&place.url, place.schema).await.unwrap();
    let names: Vec<&str> = listing.iter().map(|table| table.name.as_str()).collect();
    assert_eq!(names, ["customer", "event", "names", "nothing", "regions"]);
    let customer = &listing[0];
    let columns: Vec<&str> = customer.columns.iter().map(|column| column.name.as_str()).collect();
    assert_eq!((columns, customer.estimated_rows), (vec!["region", "id", "name"], Some(500)));
    assert_eq!(customer.primary_key, ["id", "region"]);
    assert!(customer.bytes.unwrap() > 8192 && listing[1].bytes.unwrap() > 0 && listing[2].bytes.is_none());
    assert_eq!((listing[1].estimated_rows, listing[2].estimated_rows, listing[3].estimated_rows), (None, None, Some(0)));
    assert_eq!(survey(&place.url, place.schema, "customer").await.unwrap().bytes, customer.bytes);

    for (table, count) in [("customer", "500"), ("event", "2"), ("names", "500"), ("regions", "0"), ("nothing", "0")] {
        let expected = if table == "regions" { "1" } else { count };
        assert_eq!(place.read(&place.select(table), "select count(*) from t").await, [[expected]], "{table}");
    }
    assert_eq!(place.read(&place.select("event"), "select what from t order by day").await, [["a"], ["b"]]);
}

#[tokio::test]
async fn refusals_say_who_must_act_and_keep_the_password() {
    let Some(place) = place("hw_errors").await else { return };
    place
        .execute(
            "create table customer_orders (id int); create table secret_salaries (id int);
             drop role if exists hw_reader; create role hw_reader login password 'hw#secret?1';
             grant usage on schema hw_errors to hw_reader; grant select on customer_orders to hw_reader",
        )
        .await;
    let reader = place.url_with(|url| {
        url.set_username("hw_reader").unwrap();
        url.set_password(Some("hw#secret?1")).unwrap();
    });
    let error = async |url: &str, schema: &str, table: &str| {
        let error = open(url, &Selection { schema, table, connections: 1, ..Selection::default() }).await.unwrap_err();
        assert!(!error.to_string().contains("secret?1"), "{error}");
        error
    };
    let check = |error: &Error, blame: Blame, code: &str, parts: &[&str]| {
        assert_eq!((error.blame(), error.known_code()), (blame, Some(code)), "{error}");
        for part in parts {
            assert!(error.to_string().contains(part), "`{part}` is not in\n{error}");
        }
    };
    let listed = tables(&reader, "hw_errors").await.unwrap();
    assert_eq!((listed.len(), listed.iter().filter(|table| table.is_readable).count()), (2, 1));

    let denied = error(&reader, "hw_errors", "secret_salaries").await;
    check(&denied, Blame::User, "HW206", &["cannot read `hw_errors.secret_salaries`", "permission denied", "grant select"]);
    let unknown = error(&reader, "hw_errors", "customer_order").await;
    check(&unknown, Blame::User, "HW201", &["no table or view `customer_order`", "did you mean `customer_orders`?"]);
    let schema = error(&reader, "hw_error", "customer_orders").await;
    check(&schema, Blame::User, "HW201", &["unknown schema `hw_error`", "did you mean `hw_errors`?"]);

    let wrong = place.url_with(|url| {
        url.set_username("hw_reader").unwrap();
        url.set_password(Some("wrong-secret?1")).unwrap();
    });
    let refused = error(&wrong, "hw_errors", "customer_orders").await;
    check(&refused, Blame::User, "HW206", &["does not let user `hw_reader` into database", "password authentication failed"]);
    let nameless = place.url_with(|url| url.set_password(None).unwrap());
    check(&error(&nameless, "a", "b").await, Blame::User, "HW206", &["does not let user", "password missing"]);
    let database = place.url_with(|url| url.set_path("no_such_shop"));
    check(&error(&database, "a", "b").await, Blame::User, "HW206", &["there is no database `no_such_shop`"]);
    place.execute("alter role hw_reader connection limit 0").await;
    let crowded = error(&reader, "hw_errors", "customer_orders").await;
    check(&crowded, Blame::Outside, "HW206", &["takes no more connections", "too many connections for role", "`connections: 1`"]);
}

#[tokio::test]
async fn a_server_that_is_down_or_silent_may_be_tried_again() {
    let listener = tokio::net::TcpListener::bind("127.0.0.1:0").await.unwrap();
    let address = listener.local_addr().unwrap();
    let url = format!("postgres://me:secret@{address}/shop?connect_timeout=1");
    let silent = tables(&url, "public").await.unwrap_err();
    assert!(silent.to_string().contains("no answer within 1.00 s"), "{silent}");
    drop(listener);
    let down = tables(&url, "public").await.unwrap_err();
    assert_eq!((down.retry(), down.message()), (Retry::WithBackoff, format!("cannot reach PostgreSQL at {address}").as_str()));
    assert_eq!((down.causes(), down.known_code()), (["connection refused".to_owned()].as_slice(), Some("HW206")));
}

#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn a_scan_that_nobody_wants_or_that_breaks_leaves_no_connection() {
    let Some(place) = place("hw_dropped").await else { return };
    place.execute("create table big as select i as id, repeat('x', 1000) as filler from generate_series(1, 200000) i").await;
    let ours = "select count(*) from pg_stat_activity where application_name = 'headworks' and query ~ 'hw_dropped'";
    let mut stream = place.stream(&place.select("big"), "select * from t").await;
    stream.next().await.unwrap().unwrap();
    assert_eq!(place.number(ours).await, 4);
    drop(stream);
    wait_until(async || place.number(ours).await == 0).await;

    let mut stream = place.stream(&place.select("big"), "select * from t").await;
    stream.next().await.unwrap().unwrap();
    place
        .number(
            "select count(pg_terminate_backend(pid)) from pg_stat_activity where query ~ 'hw_dropped.*ctid' and pid <> pg_backend_pid()",
        )
        .await;
    let error = loop {
        if let Err(error) = stream.next().await.expect("an error, not an end") {
            break error;
        }
    };
    let error = original(&error).expect("an error of our own");
    assert_eq!((error.retry(), error.known_code()), (Retry::WithBackoff, Some("HW206")), "{error}");
    drop(stream);
    wait_until(async || place.number(ours).await == 0).await;
}

async fn wait_until(holds: impl AsyncFn() -> bool) {
    for _ in 0..100 {
        if holds().await {
            return;
        }
        tokio::time::sleep(Duration::from_millis(50)).await;
    }
    panic!("it did not come true within 5 s");
}

#[tokio::test]
async fn nothing_shows_the_password() {
    let url = "postgres://me:open-sesame@127.0.0.1:1/shop";
    let error = tables(url, "public").await.unwrap_err();
    assert!(!format!("{error} {error:?}").contains("sesame"));
    let Some(place) = place("hw_secret").await else { return };
    place.execute("create table t (id int)").await;
    let table = open(&place.url, &place.select("t")).await.unwrap().provider;
    let context = SessionContext::new();
    let plan = table.scan(&context.state(), None, &[], None).await.unwrap();
    assert_eq!(format!("{table:?}"), "PostgresTable(hw_secret.t)");
    let plan = format!("{plan:?}");
    let server = Server::at(&place.url).unwrap();
    assert!(!plan.contains(&server.place()), "{plan}");
}

/// With `HEADWORKS_TEST_POSTGRES_CA`, the PEM file of the authority that signed the server's certificate.
#[tokio::test]
async fn connections_are_encrypted_as_asked() {
    let Some(place) = place("hw_tls").await else { return };
    let has_tls: bool = place.client.query_one("select current_setting('ssl')::boolean", &[]).await.unwrap().get(0);
    let url = |options: &str| place.url_with(|url| url.set_query(Some(options)));
    let is_encrypted = async |options: &str| {
        let session = Server::at(&url(options))?.connect().await?;
        let sql = "select coalesce((select ssl from pg_stat_ssl where pid = pg_backend_pid()), false)";
        Ok::<bool, Error>(session.client.query_one(sql, &[]).await.unwrap().get(0))
    };
    assert!(!is_encrypted("sslmode=disable").await.unwrap());
    assert_eq!(is_encrypted("").await.unwrap(), has_tls);
    assert_eq!(is_encrypted("sslmode=require").await.is_ok_and(|encrypted| encrypted), has_tls);
    let error = is_encrypted("sslmode=verify-full").await.unwrap_err();
    assert!(error.blame() == Blame::User && error.message().contains("no encrypted connection to PostgreSQL"), "{error}");
    #[expect(clippy::disallowed_methods, reason = "tests are told by the environment where the servers are")]
    if let Ok(authority) = std::env::var("HEADWORKS_TEST_POSTGRES_CA") {
        assert!(is_encrypted(&format!("sslmode=verify-full&sslrootcert={authority}")).await.unwrap());
    }
}

/// Prints rows per second. Run it by name, with `--ignored --nocapture`.
#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
#[ignore = "a measurement"]
async fn speed() {
    let Some(place) = place("hw_speed").await else { return };
    place
        .execute(
            "create table orders as select i as id, i % 5000 as customer, 'customer ' || i % 5000 as name, i * 0.01::numeric(12,2) as amount,
             timestamptz '2024-01-01' + i * interval '1 second' as placed_at, date '2024-01-01' + i % 365 as day, i % 3 = 0 as paid,
             (i % 100)::float8 as discount, 'shipped' as status, case when i % 10 = 0 then 'a note about ' || i end as note
             from generate_series(1, 1000000) i;
             alter table orders alter amount type numeric(12,2)",
        )
        .await;
    place.execute("vacuum analyze orders").await;
    for connections in [1, 2, 4] {
        let selection = Selection { connections, ..place.select("orders") };
        let start = Instant::now();
        let mut stream = place.stream(&selection, "select * from t").await;
        let mut rows = 0;
        while let Some(batch) = stream.next().await {
            rows += batch.unwrap().num_rows();
        }
        let seconds = start.elapsed().as_secs_f64();
        assert_eq!(rows, 1_000_000);
        let speed = format!("{connections} connections: {seconds:.2} s, {:.0} rows/s\n", 1e6 / seconds);
        std::io::Write::write_all(&mut std::io::stderr(), speed.as_bytes()).unwrap();
    }
}
