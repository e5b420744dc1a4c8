//! A warehouse in an object store that takes connections and never answers: what waits for it ends, and says so.

use std::net::TcpListener;
use std::path::Path;
use std::process::{Child, Command, Stdio};
use std::time::{Duration, Instant};

use crate::program::PROGRAM;

/// Beyond this, nobody would call the wait bounded. A request to the store may take longer.
const BOUND: Duration = Duration::from_secs(25);

/// A store that never answers, and a project whose warehouse lies there.
fn silent_store(folder: &Path) -> TcpListener {
    let listener = TcpListener::bind("127.0.0.1:0").unwrap();
    let endpoint = listener.local_addr().unwrap();
    let settings = format!(
        "project: silent\nwarehouse: {{ s3: {{ url: \"s3://lake/house\", endpoint: \"http://{endpoint}\", allow_http: true }} }}\n\
         sources:\n  shop:\n    csv: {{ path: {{ orders: orders.csv }} }}\n"
    );
    std::fs::create_dir_all(folder.join("models")).unwrap();
    std::fs::write(folder.join("headworks.yaml"), settings).unwrap();
    std::fs::write(folder.join("orders.csv"), "id,day\n1,2025-01-05\n").unwrap();
    std::fs::write(folder.join("models/orders.sql"), "select id, day from shop.orders").unwrap();
    std::fs::write(folder.join("models/orders.yaml"), "load: recompute\npartition_by: month(day)\n").unwrap();
    listener
}

fn started(folder: &Path, arguments: &[&str], timeout: &str) -> Child {
    Command::new(PROGRAM)
        .args(arguments)
        .current_dir(folder)
        .env("NO_PROXY", "127.0.0.1")
        .env("AWS_ACCESS_KEY_ID", "a")
        .env("AWS_SECRET_ACCESS_KEY", "b")
        .env("AWS_TIMEOUT", timeout)
        .stdin(Stdio::null())
        .stdout(Stdio::piped())
        .stderr(Stdio::piped())
        .spawn()
        .unwrap()
}

fn interrupt(program: &Child) {
    let status = Command::new("kill").args(["-INT", &program.id().to_string()]).status().unwrap();
    assert!(status.success());
}

/// The exit code and the message with which a program ends.
fn ended(program: Child) -> (Option<i32>, String) {
    let output = program.wait_with_output().unwrap();
    (output.status.code(), String::from_utf8_lossy(&output.stderr).into_owned())
}

#[test]
fn ctrl_c_ends_what_waits_for_an_answer() {
    for (arguments, requests) in [(&["run"][..], 1), (&["backfill", "--from", "2025-01-01", "--to", "2025-01-31"][..], 2)] {
        let folder = tempfile::tempdir().unwrap();
        let store = silent_store(folder.path());
        let program = started(folder.path(), arguments, "10m");
        // Once it has connected it waits.
        let connection = store.accept().unwrap();
        let begun = Instant::now();
        interrupt(&program);
        if requests == 2 {
            std::thread::sleep(Duration::from_millis(500));
            interrupt(&program);
        }
        let (code, message) = ended(program);
        assert_eq!(code, Some(3), "{message}");
        assert!(
            message.contains("HW703") && message.contains("was interrupted") && message.contains("cleaning up was broken off"),
            "{message}"
        );
        assert!(begun.elapsed() < BOUND, "it took {:?}", begun.elapsed());
        drop(connection);
    }
}

#[test]
fn a_request_that_nobody_answers_ends_with_what_to_do() {
    for arguments in [&["run"][..], &["plan"], &["sql", "select * from orders"]] {
        let folder = tempfile::tempdir().unwrap();
        let store = silent_store(folder.path());
        let begun = Instant::now();
        let (code, message) = ended(started(folder.path(), arguments, "1s"));
        assert_eq!(code, Some(3), "{arguments:?}: {message}");
        assert!(message.contains("HW506") && message.contains("the object store cannot be reached"), "{arguments:?}: {message}");
        assert!(begun.elapsed() < BOUND, "{arguments:?}: it took {:?}", begun.elapsed());
        drop(store);
    }
}
