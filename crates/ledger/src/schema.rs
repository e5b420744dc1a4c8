//! The tables of the ledger, and how an older file becomes a newer one.

use rusqlite::{Connection, TransactionBehavior};

/// The steps from an empty file to the newest tables. `user_version` says how many a file has been through;
/// a step that was published is never changed, a new one is added at the end.
const MIGRATIONS: &[&str] = &[
    "
    create table runs (
        run text primary key,
        project text not null,
        started text not null,
        ended text,
        outcome text,
        record text not null
    ) strict;
    create index runs_by_start on runs (started);

    create table steps (
        run text not null references runs (run) on delete cascade,
        position integer not null,
        model text not null,
        load text not null,
        outcome text not null,
        rows_read integer not null,
        rows_written integer not null,
        rows_quarantined integer not null,
        seconds real not null,
        peak_memory_bytes integer not null,
        spilled_bytes integer not null,
        table_name text,
        table_version integer,
        rules_held integer not null,
        error text,
        record text not null,
        primary key (run, model)
    ) strict;
    create index steps_by_model on steps (model, run);

    create table progress (
        step text primary key,
        fingerprint text not null,
        window integer not null,
        version integer,
        record text not null
    ) strict;

    create table notes (
        name text primary key,
        note text not null
    ) strict;
",
    "
    create index steps_by_position on steps (run, position);
",
];

/// Whether a file has the tables that this program knows.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(crate) enum Age {
    /// It was never written.
    Empty,
    /// Some migrations are still to come.
    Older,
    /// It has the newest tables.
    Current,
    /// A later program wrote it.
    Newer,
}

/// How old the tables of a file are.
pub(crate) fn age(connection: &Connection) -> rusqlite::Result<Age> {
    const NEWEST: usize = MIGRATIONS.len();
    Ok(match version(connection)? {
        0 => Age::Empty,
        NEWEST => Age::Current,
        done if done < NEWEST => Age::Older,
        _ => Age::Newer,
    })
}

/// Brings the tables to the newest version, all in one transaction. Two programs may do so at once.
pub(crate) fn migrate(connection: &mut Connection) -> rusqlite::Result<()> {
    let transaction = connection.transaction_with_behavior(TransactionBehavior::Immediate)?;
    let done = version(&transaction)?;
    for (number, migration) in (1_u32..).zip(MIGRATIONS).skip(done) {
        transaction.execute_batch(migration)?;
        transaction.pragma_update(None, "user_version", number)?;
    }
    transaction.commit()
}

fn version(connection: &Connection) -> rusqlite::Result<usize> {
    connection.pragma_query_value(None, "user_version", |row| row.get::<_, u16>(0)).map(usize::from)
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn an_empty_file_gets_its_tables_once() {
        let mut connection = Connection::open_in_memory().unwrap();
        assert_eq!(age(&connection).unwrap(), Age::Empty);
        migrate(&mut connection).unwrap();
        migrate(&mut connection).unwrap();
        assert_eq!(age(&connection).unwrap(), Age::Current);
        connection.pragma_update(None, "user_version", 99).unwrap();
        assert_eq!(age(&connection).unwrap(), Age::Newer);
    }
}
