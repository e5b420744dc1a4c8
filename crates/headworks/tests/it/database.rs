//! A database that goes away while it is read: nothing of the reading becomes visible, and the next run ends as an undisturbed one.

use std::io::{Read, Write};
use std::net::{Shutdown, SocketAddr, TcpListener, TcpStream};
use std::path::{Path, PathBuf};
use std::process::{Command, Stdio};
use std::sync::Arc;
use std::sync::atomic::{AtomicBool, AtomicUsize, Ordering};
use std::thread::{JoinHandle, sleep, spawn};
use std::time::Duration;

use crate::postgres::execute;
use crate::program::{PROGRAM, copy, headworks, printed, rows, said, strays};

/// A schema of the test's own with a table of some megabytes, and a project that follows it; `None` without a server.
struct Database {
    url: String,
    schema: &'static str,
    folder: tempfile::TempDir,
}

impl Database {
    fn new(schema: &'static str) -> Option<Self> {
        let url = std::env::var("HEADWORKS_TEST_POSTGRES").ok()?;
        let database = Self { url, schema, folder: tempfile::tempdir().unwrap() };
        database.execute(&format!(
            "drop schema if exists {schema} cascade; create schema {schema};
             create table {schema}.orders (id int primary key, amount int, filler text);
             insert into {schema}.orders select i, i, repeat('x', 400) from generate_series(1, 60000) i"
        ));
        let project = database.project();
        std::fs::create_dir_all(project.join("models")).unwrap();
        std::fs::write(
            project.join("headworks.yaml"),
            format!("project: db\nsources:\n  shop:\n    postgres: {{ url: \"${{env:SHOP}}\", schema: {schema} }}\n"),
        )
        .unwrap();
        std::fs::write(project.join("models/orders.sql"), "select id, amount from shop.orders").unwrap();
        std::fs::write(project.join("models/orders.yaml"), "load: { upsert: { key: [id] } }\nfollow: { shop.orders: _batch }\n").unwrap();
        Some(database)
    }

    fn project(&self) -> PathBuf {
        self.folder.path().join("project")
    }

    /// Runs SQL, and returns what it prints.
    fn execute(&self, sql: &str) -> String {
        execute(&self.url, sql)
    }

    /// Ends the first connection that copies, or as many as come until `ended` says so; returns how many.
    fn end_copies(&self, most: usize, ended: &AtomicBool) -> usize {
        let sql = format!(
            "select count(pg_terminate_backend(pid)) from pg_stat_activity where query like 'copy%{}%' and pid <> pg_backend_pid()",
            self.schema
        );
        let mut killed = 0;
        while killed < most && !ended.load(Ordering::Relaxed) {
            killed += self.execute(&sql).parse::<usize>().unwrap();
        }
        killed
    }

    fn new_rows(&self) {
        let schema = self.schema;
        self.execute(&format!(
            "update {schema}.orders set amount = -amount; insert into {schema}.orders select i, i, 'new' from generate_series(60001, 60100) i"
        ));
    }
}

/// Runs a project whose database is at `url`; returns exit code and what was printed.
fn run(project: &Path, url: &str) -> (Option<i32>, String) {
    let output = Command::new(PROGRAM).arg("run").current_dir(project).env("SHOP", url).stdin(Stdio::null()).output().unwrap();
    (output.status.code(), said(&output))
}

#[track_caller]
fn runs(project: &Path, url: &str) -> String {
    let (code, text) = run(project, url);
    assert_eq!(code, Some(0), "{text}");
    text
}

/// The tables of a project, and how many versions of rows the raw copy has.
fn tables(project: &Path) -> [String; 3] {
    [rows(project, "orders"), rows(project, "shop.orders"), rows(project, "(select count(*) from raw.shop.orders)")]
}

/// Disturbs a run of new rows over a project that has had its first run, and compares it with one that nobody disturbed.
fn survives(schema: &'static str, disturb: impl Fn(&Database, &Path)) {
    let Some(database) = Database::new(schema) else { return };
    let project = database.project();
    runs(&project, &database.url);
    let undisturbed = database.folder.path().join("undisturbed");
    copy(&project, &undisturbed);
    database.new_rows();
    runs(&undisturbed, &database.url);
    disturb(&database, &project);
    runs(&project, &database.url);
    assert!(tables(&project) == tables(&undisturbed), "the run that was continued differs from an undisturbed one");
    assert!(tables(&project)[2].contains("120100"), "{}", tables(&project)[2]);
    assert_eq!(strays(&project), Vec::<String>::new(), "files that no version names");
    assert!(runs(&project, &database.url).contains("nothing changed"));
}

#[test]
fn a_connection_that_is_ended_once_is_made_again_in_the_same_run() {
    survives("hw_it_once", |database, project| {
        let ended = AtomicBool::new(false);
        let text = std::thread::scope(|scope| {
            let killed = scope.spawn(|| database.end_copies(1, &ended));
            let text = runs(project, &database.url);
            ended.store(true, Ordering::Relaxed);
            assert!(killed.join().unwrap() > 0, "no copy was ended:\n{text}");
            text
        });
        assert!(text.contains("attempt 1 of 3") && text.contains("2 tables published"), "{text}");
    });
}

#[test]
fn a_run_whose_connections_are_always_ended_fails_and_shows_nothing() {
    survives("hw_it_always", |database, project| {
        let before = tables(project);
        let proxy = Proxy::new(&database.url, Cut::EachAfter(500_000));
        let (code, text) = run(project, &proxy.url);
        assert!(proxy.stop() >= 3 * 500_000, "{text}");
        assert!(code == Some(3) && text.contains("HW206") && text.contains("0 tables published"), "{text}");
        assert!(tables(project) == before, "a run that failed changed a table");
    });
}

#[test]
fn a_server_that_stops_while_it_is_read_and_starts_again() {
    survives("hw_it_stops", |database, project| {
        let before = tables(project);
        let proxy = Proxy::new(&database.url, Cut::AllAfter(3_000_000));
        let (code, text) = run(project, &proxy.url);
        assert!(proxy.stop() >= 3_000_000, "the server stopped before it was read:\n{text}");
        assert!(code == Some(3) && text.contains("HW206") && text.contains("0 tables published"), "{text}");
        assert!(!text.contains("secret@"), "{text}");
        assert!(tables(project) == before, "a run that failed changed a table");
        let (code, text) = run(project, &database.url.replace(":secret@", ":guessed@"));
        assert!(code == Some(2) && text.contains("does not let user") && !text.contains("guessed"), "{text}");
    });
}

#[test]
fn limits_for_short_queries_end_no_copy() {
    let Some(database) = Database::new("hw_it_limits") else { return };
    database.execute("create view hw_it_limits.slow as select 1 as id, pg_sleep(1)::text as nap");
    let project = database.project();
    std::fs::write(project.join("models/naps.sql"), "select id from shop.slow").unwrap();
    let separator = if database.url.contains('?') { '&' } else { '?' };
    runs(&project, &format!("{}{separator}options=-c%20statement_timeout%3D500ms", database.url));
    assert!(printed(&project, &["sql", "select count(*) as naps from naps"]).contains('1'));
    assert!(headworks(&project, &["sql", "select * from shop.slow"]).status.success());
}

/// When a proxy cuts, by bytes that the server has sent.
#[derive(Clone, Copy)]
enum Cut {
    /// All connections for good, once they have brought so many together.
    AllAfter(usize),
    /// Every connection that has brought so many.
    EachAfter(usize),
}

/// Stands between the program and the server, and cuts connections.
struct Proxy {
    url: String,
    sent: Arc<AtomicUsize>,
    stopped: Arc<AtomicBool>,
    address: SocketAddr,
    listening: JoinHandle<()>,
}

impl Proxy {
    fn new(url: &str, cut: Cut) -> Self {
        let server = url.rsplit('@').next().unwrap().split('/').next().unwrap().to_owned();
        let listener = TcpListener::bind("127.0.0.1:0").unwrap();
        let address = listener.local_addr().unwrap();
        let (sent, stopped) = (Arc::new(AtomicUsize::new(0)), Arc::new(AtomicBool::new(false)));
        let between = url.replace(&server, &address.to_string());
        let (counted, is_stopped) = (Arc::clone(&sent), Arc::clone(&stopped));
        let listening = spawn(move || {
            for client in listener.incoming() {
                if is_stopped.load(Ordering::Relaxed) {
                    return;
                }
                let (client, server) = (client.unwrap(), TcpStream::connect(&server).unwrap());
                let (from, to) = (client.try_clone().unwrap(), server.try_clone().unwrap());
                spawn(move || pass_on(from, to, |_| true));
                let (sent, stopped) = (Arc::clone(&counted), Arc::clone(&is_stopped));
                spawn(move || {
                    let own = AtomicUsize::new(0);
                    pass_on(server, client, |bytes| {
                        let all = sent.fetch_add(bytes, Ordering::Relaxed) + bytes;
                        let own = own.fetch_add(bytes, Ordering::Relaxed) + bytes;
                        match cut {
                            Cut::AllAfter(most) => stopped.fetch_or(all >= most, Ordering::Relaxed),
                            Cut::EachAfter(most) if own >= most => return false,
                            Cut::EachAfter(_) => false,
                        };
                        !stopped.load(Ordering::Relaxed)
                    });
                });
            }
        });
        Self { url: between, sent, stopped, address, listening }
    }

    /// Stops, and returns how many bytes the server had sent.
    fn stop(self) -> usize {
        self.stopped.store(true, Ordering::Relaxed);
        // Somebody must knock, so that the door is closed.
        drop(TcpStream::connect(self.address));
        sleep(Duration::from_millis(50));
        self.listening.join().unwrap();
        self.sent.load(Ordering::Relaxed)
    }
}

/// Passes bytes on until one side ends or `may_pass` says no, and closes both.
fn pass_on(mut from: TcpStream, mut to: TcpStream, may_pass: impl Fn(usize) -> bool) {
    let mut buffer = [0; 16384];
    while let Ok(bytes @ 1..) = from.read(&mut buffer) {
        if !may_pass(bytes) || to.write_all(&buffer[..bytes]).is_err() {
            break;
        }
    }
    let _ = (from.shutdown(Shutdown::Both), to.shutdown(Shutdown::Both));
}

/// Transactions of one writer, which overlap those of the others, with savepoints of which some are taken back.
fn transactions(schema: &str, writer: u32) -> String {
    let update = |seed: u32| {
        format!("update {schema}.orders set amount = nextval('{schema}.versions') where id % 7 = {writer} and id % 50 = {};", seed % 50)
    };
    let transaction = |number: u32| {
        let (first, second, third) = (update(number * 13 + writer), update(number * 29 + 3), update(number * 31 + writer * 7));
        let (long, short) = ((number * 37 + writer * 11) % 10, (number * 17 + writer * 5) % 4);
        format!(
            "begin; {first} savepoint a; {second} select pg_sleep(0.1 * {long}); savepoint b; {third} rollback to b;
             savepoint c; {third} release c; select pg_sleep(0.1 * {short}); commit;"
        )
    };
    (0..25).map(transaction).collect()
}

#[test]
fn every_version_that_overlapping_transactions_commit_is_read_once() {
    let Some(database) = Database::new("hw_it_overlap") else { return };
    database.execute(
        "create sequence hw_it_overlap.versions; delete from hw_it_overlap.orders where id > 400;
         update hw_it_overlap.orders set amount = nextval('hw_it_overlap.versions')",
    );
    let project = database.project();
    let mut runs_meanwhile = 0;
    std::thread::scope(|scope| {
        let writer = |number: u32| {
            let database = &database;
            scope.spawn(move || database.execute(&transactions(database.schema, number)))
        };
        let writers: Vec<_> = (0..7).map(writer).collect();
        while !writers.iter().all(std::thread::ScopedJoinHandle::is_finished) {
            runs(&project, &database.url);
            runs_meanwhile += 1;
        }
    });
    runs(&project, &database.url);
    assert!(runs_meanwhile > 2, "the writers ended before anything was read");
    let all = "count(*) || ' ' || sum(amount) || ' ' || md5(string_agg(id || ':' || amount, ',' order by id))";
    let there = database.execute(&format!("select {all} from hw_it_overlap.orders"));
    let here = printed(&project, &["sql", &format!("select {all} as found from orders")]);
    assert!(here.contains(&there), "expected {there}, found {here}");
    let versions = printed(&project, &["sql", "select count(*) - count(distinct amount) as twice from raw.shop.orders"]);
    assert!(versions.lines().any(|line| line.trim() == "0"), "{versions}");
}
