//! What a database holds: its tables, their columns, sizes and keys.

use std::collections::HashMap;

use hw_base::{Error, Result, nearest, unknown};
use tokio_postgres::Row;

use super::TableListing;
use super::errors::Explained;
use super::server::{Server, Session};
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

const SCHEMAS: &str = "
    select nspname::text from pg_catalog.pg_namespace where nspname !~ '^pg_' and nspname <> 'information_schema'";

/// A table or view, as the catalog knows it.
#[derive(Clone, Debug)]
pub(super) struct Relation {
    /// Its number.
    pub(super) oid: u32,
    /// Its name.
    pub(super) name: String,
    /// Whether the user may read all of it.
    pub(super) is_readable: bool,
    /// Whether its rows can be asked for by page.
    pub(super) can_split: bool,
    /// About how many rows it has.
    pub(super) estimated_rows: Option<u64>,
    /// Bytes on disk, without indexes.
    pub(super) bytes: Option<u64>,
}

/// Lists what the user may read of a schema.
pub(super) async fn list(server: &Server, session: &Session, schema: &str) -> Result<Vec<TableListing>> {
    let mut relations = relations(server, session, schema).await?;
    relations.retain(|relation| relation.is_readable);
    let oids: Vec<u32> = relations.iter().map(|relation| relation.oid).collect();
    let mut columns = columns(server, session, &oids).await?;
    let mut keys = primary_keys(server, session, &oids).await?;
    let listing = |relation: Relation| TableListing {
        columns: columns.remove(&relation.oid).unwrap_or_default().iter().map(SourceColumn::column).collect(),
        primary_key: keys.remove(&relation.oid).unwrap_or_default(),
        name: relation.name,
        estimated_rows: relation.estimated_rows,
        bytes: relation.bytes,
    };
    Ok(relations.into_iter().map(listing).collect())
}

/// Finds a table or view.
///
/// # Errors
/// HW201 with the nearest known name.
pub(super) async fn relation(server: &Server, session: &Session, schema: &str, table: &str) -> Result<Relation> {
    let relations = relations(server, session, schema).await?;
    if let Some(found) = relations.iter().find(|relation| relation.name == table) {
        return Ok(found.clone());
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

/// The columns of tables, in order, by the table's number.
pub(super) async fn columns(server: &Server, session: &Session, oids: &[u32]) -> Result<HashMap<u32, Vec<SourceColumn>>> {
    let rows = query(server, session, COLUMNS, &[&oids]).await?;
    grouped(server, &rows, |row| {
        let kind = CatalogType { oid: row.try_get("type")?, modifier: row.try_get("modifier")?, is_array: row.try_get("is_array")? };
        Ok(SourceColumn::new(row.try_get("name")?, row.try_get("declared")?, kind))
    })
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
