//! Tables of a database that are written while they are read: whatever reads several of them sees one moment.

use std::process::{Child, Command, Stdio};

use crate::postgres::execute;
use crate::program::{PROGRAM, said, write};

/// Customers and orders of which every transaction adds one each, in a loop.
struct Shop {
    url: String,
    schema: &'static str,
    folder: tempfile::TempDir,
    writer: Child,
}

/// By how many there are more customers than orders, at any moment.
const APART: &str = "1000";

impl Shop {
    fn open(schema: &'static str) -> Option<Self> {
        let url = std::env::var("HEADWORKS_TEST_POSTGRES").ok()?;
        execute(
            &url,
            &format!(
                "drop schema if exists {schema} cascade; create schema {schema};
                 create table {schema}.customers (id serial primary key, filler text default repeat('x', 300));
                 create table {schema}.orders (id serial primary key, filler text default repeat('y', 300));
                 insert into {schema}.customers select from generate_series(1, 21000);
                 insert into {schema}.orders select from generate_series(1, 20000)"
            ),
        );
        let adding = format!(
            "do $$ begin loop
                 insert into {schema}.customers default values; insert into {schema}.orders default values; commit; perform pg_sleep(0.0005);
             end loop; end $$"
        );
        let writer = Command::new("psql").args(["-q", &url, "-c", &adding]).stderr(Stdio::null()).spawn().unwrap();
        let folder = tempfile::tempdir().unwrap();
        let settings =
            "project: shop\nengine: { parallel: 1 }\nsources:\n  shop:\n    postgres: { url: \"${env:SHOP}\", schema: SCHEMA }\n";
        write(&folder.path().join("headworks.yaml"), &settings.replace("SCHEMA", schema));
        for table in ["customers", "orders"] {
            write(&folder.path().join(format!("models/{table}.sql")), &format!("select id from shop.{table}\n"));
        }
        Some(Self { url, schema, folder, writer })
    }

    #[track_caller]
    fn said(&self, arguments: &[&str]) -> String {
        let mut command = Command::new(PROGRAM);
        let output = command.args(arguments).current_dir(self.folder.path()).env("SHOP", &self.url).stdin(Stdio::null()).output().unwrap();
        let text = said(&output);
        assert!(output.status.success() && !text.contains("not all was read"), "headworks {arguments:?}:\n{text}");
        text
    }

    #[track_caller]
    fn are_of_one_moment(&self, customers: &str, orders: &str) {
        let query = format!("select (select count(*) from {customers}) - (select count(*) from {orders}) as apart");
        let text = self.said(&["sql", &query, "--format", "csv"]);
        assert_eq!(text.lines().collect::<Vec<_>>(), ["apart", APART], "{query}");
    }
}

impl Drop for Shop {
    fn drop(&mut self) {
        let sql = format!("select pg_terminate_backend(pid) from pg_stat_activity where query like 'do $$%{}.customers%'", self.schema);
        let _ = Command::new("psql").args(["-Atq", &self.url, "-c", &sql]).stdout(Stdio::null()).status();
        let _ = self.writer.wait();
    }
}

#[test]
fn what_a_run_and_a_query_read_while_others_write_is_of_one_moment() {
    let Some(shop) = Shop::open("hw_it_moment") else { return };
    shop.are_of_one_moment("shop.customers", "shop.orders");
    for _ in 0..2 {
        shop.said(&["run"]);
        shop.are_of_one_moment("customers", "orders");
    }
}

#[test]
fn what_is_assessed_while_others_write_is_of_one_moment() {
    let Some(shop) = Shop::open("hw_it_assessed") else { return };
    let tables = ["customers", "orders"].map(|table| format!("{}#{}.{table}", shop.url, shop.schema));
    let text = shop.said(&["assess", &tables[0], &tables[1], "--columns-only"]);
    // hw_it_assessed_orders: 100.0 of 100 (all 20,055 rows)
    let rows = |line: &str| line.split("(all ").nth(1)?.split(' ').next()?.replace(',', "").parse::<u64>().ok();
    let rows: Vec<u64> = text.lines().filter_map(rows).collect();
    assert_eq!((rows.len(), (rows[0] - rows[1]).to_string().as_str()), (2, APART), "{text}");
}
