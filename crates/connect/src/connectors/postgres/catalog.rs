//! What a database holds: its tables, their columns, sizes and keys.

use std::collections::{BTreeSet, HashMap};

use hw_base::{Error, Result, nearest, unknown};
use tokio_postgres::Row;

use super::TableListing;
use super::changes::{Identity, Moment};
use super::errors::Explained;
use super::server::Server;
use super::session::Session;
use super::types::{CatalogType, SourceColumn};

/// Tables, views, materialized views, partitioned and foreign tables of a schema, without partitions.
///
/// The rows are the planner's guess: the share of rows per page when the table was last analyzed, times the pages it
/// has now.
const RELATIONS: &str = "
    select c.oid, c.relname::text as name,
        has_table_privilege(c.oid, 'select') as is_readable,
        c.relkind in ('r', 'm') and coalesce(a.amname = 'heap', false)
            and current_setting('server_version_num')::int4 >= 140000 as can_split,
        c.relkind in ('r', 'm') and not exists (select from pg_catalog.pg_inherits i where i.inhparent = c.oid)
            or c.relkind = 'p' and not exists (select from pg_partition_tree(c.oid) p
                join pg_catalog.pg_class f on f.oid = p.relid where f.relkind = 'f') as keeps_types,
        size.rows, size.bytes
    from pg_catalog.pg_class c
    join pg_catalog.pg_namespace n on n.oid = c.relnamespace
    left join pg_catalog.pg_am a on a.oid = c.relam
    left join lateral (
        select sum(pg_table_size(leaf.oid))::int8 as bytes,
            case when count(*) = count(leaf.rows) then sum(leaf.rows)::int8 end as rows
        from (
            select l.oid, case when pg_relation_size(l.oid) = 0 then 0
                when l.relpages > 0 and l.reltuples >= 0 then round(l.reltuples::float8 / l.relpages
                    * (pg_relation_size(l.oid) / current_setting('block_size')::int8)) end as rows
            from (
                select c.oid where c.relkind in ('r', 'm')
                union all select p.relid from pg_partition_tree(c.oid) p where c.relkind = 'p' and p.isleaf
            ) part (oid) join pg_catalog.pg_class l on l.oid = part.oid
        ) leaf
    ) size on true
    where n.nspname = $1 and c.relkind in ('r', 'v', 'm', 'p', 'f') and not c.relispartition
    order by c.relname";

/// Columns, with domains resolved to the types below them.
const COLUMNS: &str = "
    with recursive resolved (relation, place, name, declared, type, modifier) as (
        select a.attrelid, a.attnum, a.attname::text, format_type(a.atttypid, a.atttypmod), a.atttypid, a.atttypmod
        from pg_catalog.pg_attribute a
        where a.attrelid = any($1) and a.attnum > 0 and not a.attisdropped
        union all
        select r.relation, r.place, r.name, r.declared, t.typbasetype,
            case when t.typtypmod = -1 then r.modifier else t.typtypmod end
        from resolved r join pg_catalog.pg_type t on t.oid = r.type
        where t.typtype = 'd'
    )
    select r.relation, r.name, r.declared, r.type, r.modifier,
        exists (select from pg_catalog.pg_type e where e.typarray = r.type) as is_array
    from resolved r join pg_catalog.pg_type t on t.oid = r.type
    where t.typtype <> 'd'
    order by r.relation, r.place";

/// Columns of primary keys, in the order of the key.
const PRIMARY_KEYS: &str = "
    select i.indrelid as relation, a.attname::text as name
    from pg_catalog.pg_index i
    cross join unnest(i.indkey) with ordinality key (attribute, place)
    join pg_catalog.pg_attribute a on a.attrelid = i.indrelid and a.attnum = key.attribute
    where i.indisprimary and i.indrelid = any($1) and key.place <= i.indnkeyatts
    order by i.indrelid, key.place";

/// The tables that hold the rows of a table: itself, its partitions, and the tables that inherit from it.
const MEMBERS: &str = "
    with recursive member (oid) as (
        select $1::oid union select i.inhrelid from pg_catalog.pg_inherits i join member m on i.inhparent = m.oid
    )
    select c.oid, c.relkind = 'p' as has_no_rows,
        c.relkind = 'p' or c.relkind = 'r' and coalesce(a.amname = 'heap', false) as tells_transactions
    from member m join pg_catalog.pg_class c on c.oid = m.oid left join pg_catalog.pg_am a on a.oid = c.relam";

/// Columns that rows may have values in which nobody wrote: those of a default that was there when the column was added.
const FILLED: &str = "
    select attname::text from pg_catalog.pg_attribute
    where attrelid = $1 and attnum > 0 and not attisdropped and (atthasdef or atthasmissing)";

/// The transactions of the moment that a session sees; these names of the functions are known to all versions.
const MOMENT: &str = "select txid_snapshot_xmin(s) as settled, txid_snapshot_xmax(s) as next from txid_current_snapshot() s";

const MAY_IDENTIFY: &str = "select has_function_privilege('pg_catalog.pg_control_system()', 'execute')
    and has_function_privilege('pg_catalog.pg_control_checkpoint()', 'execute')";

const CLUSTER: &str = "select system_identifier::text || '/' || timeline_id::text from pg_control_system(), pg_control_checkpoint()";

const DATABASE: &str = "select oid::text from pg_catalog.pg_database where datname = current_database()";

const SCHEMAS: &str = "
    select nspname::text from pg_catalog.pg_namespace where nspname !~ '^pg_' and nspname <> 'information_schema'";

/// A table or view, as the catalog knows it.
#[derive(Clone, Debug)]
pub(super) struct Relation {
    /// Its number.
    pub(super) oid: u32,
    /// Its name.
    pub(super) name: String,
    /// Whether the user may read all of it; `None` where somebody has dropped it since the catalog is seen.
    pub(super) is_readable: Option<bool>,
    /// Whether its rows can be asked for by page.
    pub(super) can_split: bool,
    /// Whether this server has checked every value against the type of its column.
    pub(super) keeps_types: bool,
    /// About how many rows it has.
    pub(super) estimated_rows: Option<u64>,
    /// Bytes on disk, without indexes.
    pub(super) bytes: Option<u64>,
}

/// Lists the tables and views of a schema.
pub(super) async fn list(server: &Server, session: &Session, schema: &str) -> Result<Vec<TableListing>> {
    let relations = relations(server, session, schema).await?;
    let oids: Vec<u32> = relations.iter().map(|relation| relation.oid).collect();
    let mut columns = columns(server, session, &oids).await?;
    let mut keys = primary_keys(server, session, &oids).await?;
    let listing = |relation: Relation| {
        Some(TableListing {
            is_readable: relation.is_readable?,
            columns: columns.remove(&relation.oid).unwrap_or_default().iter().map(SourceColumn::column).collect(),
            primary_key: keys.remove(&relation.oid).unwrap_or_default(),
            name: relation.name,
            estimated_rows: relation.estimated_rows,
            bytes: relation.bytes,
        })
    };
    Ok(relations.into_iter().filter_map(listing).collect())
}

/// Finds a table or view.
///
/// # Errors
/// HW201 with the nearest known name; HW206 where it is dropped just now.
pub(super) async fn relation(server: &Server, session: &Session, schema: &str, table: &str) -> Result<Relation> {
    let relations = relations(server, session, schema).await?;
    if let Some(found) = relations.iter().find(|relation| relation.name == table) {
        return if found.is_readable.is_some() { Ok(found.clone()) } else { Err(dropped(schema, table)) };
    }
    let names = relations.iter().map(|relation| relation.name.as_str());
    let error = Error::user(format!("there is no table or view `{table}` in schema `{schema}` of database `{}`", server.database()));
    let error = error.code("HW201");
    Err(match nearest(table, names.clone()) {
        Some(meant) => error.help(format!("did you mean `{meant}`?")),
        None if relations.is_empty() => error.help("the schema is empty; name another one with `schema:`"),
        None => error.help(format!("among others there are: {}", names.take(20).collect::<Vec<_>>().join(", "))),
    })
}

/// Whoever makes a table anew drops the old one, and a catalog that is seen as of before tells nothing of either.
fn dropped(schema: &str, table: &str) -> Error {
    Error::passing(format!("cannot read the catalog of `{schema}.{table}`"))
        .code("HW206")
        .because("somebody dropped it or made it anew meanwhile")
        .help("run again once that is done")
}

/// The columns of tables, in order, by the table's number.
pub(super) async fn columns(server: &Server, session: &Session, oids: &[u32]) -> Result<HashMap<u32, Vec<SourceColumn>>> {
    let rows = query(server, session, COLUMNS, &[&oids]).await?;
    grouped(server, &rows, |row| {
        let kind = CatalogType { oid: row.try_get("type")?, modifier: row.try_get("modifier")?, is_array: row.try_get("is_array")? };
        Ok(SourceColumn::new(row.try_get("name")?, row.try_get("declared")?, kind))
    })
}

/// The columns of the primary key of a table, in the order of the key; none where it has no key.
pub(super) async fn primary_key(server: &Server, session: &Session, oid: u32) -> Result<Vec<String>> {
    Ok(primary_keys(server, session, &[oid]).await?.remove(&oid).unwrap_or_default())
}

/// The tables that hold the rows of a table; `None` where the rows of one of them do not tell their transactions, as those
/// of views and foreign tables.
pub(super) async fn members(server: &Server, session: &Session, oid: u32) -> Result<Option<BTreeSet<u32>>> {
    let rows = query(server, session, MEMBERS, &[&oid]).await?;
    let member = |row: &Row| Ok((row.try_get("oid")?, row.try_get("has_no_rows")?, row.try_get("tells_transactions")?));
    let members: Vec<(u32, bool, bool)> = rows.iter().map(member).collect::<Result<_, _>>().explained(server, purpose)?;
    let all_tell = members.iter().all(|(_, _, tells)| *tells);
    Ok(all_tell.then(|| members.iter().filter(|(_, has_no_rows, _)| !has_no_rows).map(|(oid, ..)| *oid).collect()))
}

/// The columns of a table that rows may have values in which nobody wrote.
pub(super) async fn filled_columns(server: &Server, session: &Session, oid: u32) -> Result<Vec<String>> {
    let rows = query(server, session, FILLED, &[&oid]).await?;
    rows.iter().map(|row| row.try_get(0)).collect::<Result<_, _>>().explained(server, purpose)
}

/// What a table is, as far as its transactions are concerned.
pub(super) async fn identity(server: &Server, session: &Session, table: u32) -> Result<Identity> {
    let first =
        async |sql: &str| query(server, session, sql, &[]).await?.first().map(|row| row.try_get(0)).transpose().explained(server, purpose);
    let may_identify = query(server, session, MAY_IDENTIFY, &[]).await?.first().is_some_and(|row| row.try_get(0).unwrap_or(false));
    let cluster: Option<String> = if may_identify { first(CLUSTER).await? } else { None };
    let database: Option<String> = first(DATABASE).await?;
    Ok(Identity { database: format!("{}/{}", cluster.unwrap_or_else(|| "unknown".into()), database.unwrap_or_default()), table })
}

/// The transactions of the moment that a session sees.
pub(super) async fn moment(server: &Server, session: &Session) -> Result<Moment> {
    let row = session.client.query_one(MOMENT, &[]).await.explained(server, purpose)?;
    let number = |name: &str| row.try_get::<_, i64>(name).map(i64::unsigned_abs).explained(server, purpose);
    Ok(Moment { settled: number("settled")?, next: number("next")? })
}

async fn primary_keys(server: &Server, session: &Session, oids: &[u32]) -> Result<HashMap<u32, Vec<String>>> {
    let rows = query(server, session, PRIMARY_KEYS, &[&oids]).await?;
    grouped(server, &rows, |row| row.try_get("name"))
}

async fn relations(server: &Server, session: &Session, schema: &str) -> Result<Vec<Relation>> {
    let rows = query(server, session, RELATIONS, &[&schema]).await?;
    if rows.is_empty() {
        schema_exists(server, session, schema).await?;
    }
    rows.iter().map(relation_of).collect::<Result<_, _>>().explained(server, purpose)
}

fn relation_of(row: &Row) -> Result<Relation, tokio_postgres::Error> {
    let count = |name: &str| row.try_get::<_, Option<i64>>(name).map(|number| number.and_then(|number| u64::try_from(number).ok()));
    Ok(Relation {
        oid: row.try_get("oid")?,
        name: row.try_get("name")?,
        is_readable: row.try_get("is_readable")?,
        can_split: row.try_get("can_split")?,
        keeps_types: row.try_get("keeps_types")?,
        estimated_rows: count("rows")?,
        bytes: count("bytes")?,
    })
}

async fn schema_exists(server: &Server, session: &Session, schema: &str) -> Result<()> {
    let rows = query(server, session, SCHEMAS, &[]).await?;
    let names: Vec<String> = rows.iter().map(|row| row.try_get(0)).collect::<Result<_, _>>().explained(server, purpose)?;
    if names.iter().any(|name| name == schema) {
        return Ok(());
    }
    Err(unknown("schema", schema, names.iter().map(String::as_str)).code("HW201"))
}

/// Collects a value of each row under the row's `relation`.
fn grouped<T>(server: &Server, rows: &[Row], value: impl Fn(&Row) -> Result<T, tokio_postgres::Error>) -> Result<HashMap<u32, Vec<T>>> {
    let mut groups: HashMap<u32, Vec<T>> = HashMap::new();
    for row in rows {
        let relation = row.try_get("relation").explained(server, purpose)?;
        groups.entry(relation).or_default().push(value(row).explained(server, purpose)?);
    }
    Ok(groups)
}

async fn query(
    server: &Server,
    session: &Session,
    sql: &str,
    parameters: &[&(dyn tokio_postgres::types::ToSql + Sync)],
) -> Result<Vec<Row>> {
    session.client.query(sql, parameters).await.explained(server, purpose)
}

fn purpose() -> String {
    "read the catalog of the database".into()
}
