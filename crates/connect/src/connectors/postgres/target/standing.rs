//! What a table shows, as it stands in a table of our own beside it. Both change in one transaction.

use hw_base::{Error, Result, Shipment, literal};

use super::relation::{self, Relation};

/// The name of the table that tells the versions.
const VERSIONS: &str = "headworks_versions";

/// What a table that is delivered to shows.
#[derive(Clone, Debug, PartialEq, Eq)]
pub(in super::super) struct Standing {
    /// The project that it belongs to.
    pub(in super::super) project: String,
    /// The table of the warehouse.
    pub(in super::super) model: String,
    /// What tells that table from others of its name.
    pub(in super::super) id: String,
    /// Its version.
    pub(in super::super) version: i64,
    /// The key, and how it is split.
    pub(in super::super) layout: String,
    /// Its indexes.
    pub(in super::super) indexes: String,
}

/// The table that tells what those beside `table` show.
pub(super) fn versions(table: &Relation) -> Relation {
    table.beside(VERSIONS)
}

/// The statement that makes it.
pub(super) fn creation(table: &Relation) -> String {
    format!(
        "create table {} (table_name text primary key, project text not null, model text not null, table_id text not null, \
         version bigint not null, layout text not null, indexes text not null, run text not null, delivered_at timestamptz not null)",
        versions(table).sql(),
    )
}

/// The query for what a table shows.
pub(super) fn query(table: &Relation) -> String {
    let columns = "project, model, table_id, version, layout, indexes";
    format!("select {columns} from {} where table_name = {}", versions(table).sql(), literal(&table.name))
}

/// The query for the run that brought a table to what it shows.
pub(super) fn run(table: &Relation) -> String {
    format!("select run from {} where table_name = {}", versions(table).sql(), literal(&table.name))
}

impl Standing {
    /// What a table shows once a shipment has arrived.
    pub(super) fn after(shipment: &Shipment) -> Self {
        Self {
            project: shipment.project.clone(),
            model: shipment.release.table.folder().to_owned(),
            id: shipment.release.id.clone(),
            version: shipment.release.version,
            layout: relation::layout(&shipment.placement),
            indexes: relation::indexes(&shipment.placement),
        }
    }

    /// The statement that notes it down.
    pub(super) fn note(&self, table: &Relation, run: &str) -> String {
        let texts = [&table.name, &self.project, &self.model, &self.id].map(|text| literal(text)).join(", ");
        let rest = [&self.layout, &self.indexes, run].map(literal).join(", ");
        let columns = ["project", "model", "table_id", "version", "layout", "indexes", "run", "delivered_at"];
        let replaced = columns.map(|column| format!("{column} = excluded.{column}")).join(", ");
        format!(
            "insert into {} (table_name, {}) values ({texts}, {}, {rest}, now()) on conflict (table_name) do update set {replaced}",
            versions(table).sql(),
            columns.join(", "),
            self.version,
        )
    }

    /// Refuses to bring a table to what `wanted` says that belongs to somebody else, or lies there in another way.
    ///
    /// # Errors
    /// HW207, with what to do.
    pub(in super::super) fn goes_on_to(&self, table: &Relation, wanted: &Self) -> Result<()> {
        let (own, other) = ((&self.project, &self.model), (&wanted.project, &wanted.model));
        if own != other {
            let (project, model) = (literal(other.0), literal(other.1));
            return Err(Error::user(format!("`{table}` shows `{}` of project `{}`", own.1, own.0))
                .code("HW207")
                .because("a table is delivered to by one model of one project")
                .help("deliver to another table: `table: …`")
                .help(format!(
                    "if the model or the project got another name: `update {} set project = {project}, model = {model} where table_name = {}`",
                    versions(table).sql(),
                    literal(&table.name),
                )));
        }
        if self.layout != wanted.layout {
            return Err(Error::user(format!("`{table}` cannot be laid out anew in place"))
                .code("HW207")
                .because(format!("it has {}, and `deliver` asks for {}", self.layout, wanted.layout))
                .help(format!("`drop table {}`: the next run delivers it anew; grants and views have to be made again", table.sql()))
                .help("or deliver to another table: `table: …`"));
        }
        Ok(())
    }
}

/// Says that a table shows what a run of another ledger has brought there; `run` could take over.
pub(super) fn of_others(table: &Relation, other: &str, run: &str) -> Error {
    Error::user(format!("`{table}` shows what another warehouse has"))
        .code("HW207")
        .because(format!("it was brought there by run {other}, of which this ledger knows nothing"))
        .help("let one machine or copy of the project alone deliver to it; give others a schema of their own: `targets: { …: { postgres: { schema: … } } }`")
        .help(format!(
            "if this one takes over: `update {} set run = {} where table_name = {}`, and run again",
            versions(table).sql(),
            literal(run),
            literal(&table.name)
        ))
}

/// Says that a table was there before anything was delivered to it.
pub(super) fn foreign(table: &Relation) -> Error {
    Error::user(format!("`{table}` is there, and Headworks has not made it"))
        .code("HW207")
        .because("a delivery replaces the rows of its table, so it makes its own")
        .help(format!("deliver to another table (`table: …`), or rename that one: `alter table {} rename to …`", table.sql()))
}

#[cfg(test)]
mod tests {
    use super::*;

    fn standing() -> Standing {
        let text = |text: &str| text.to_owned();
        Standing { project: text("shop"), model: text("orders"), id: text("i"), version: 3, layout: text("key id"), indexes: text("") }
    }

    #[test]
    fn a_table_belongs_to_one_model_and_keeps_its_layout() {
        let table = Relation::of("orders", "public");
        let refused = |wanted: Standing| standing().goes_on_to(&table, &wanted).err().map(|error| error.to_string()).unwrap_or_default();
        assert_eq!(refused(Standing { version: 9, id: "j".into(), indexes: "a".into(), ..standing() }), "");
        let other = refused(Standing { project: "it's".into(), ..standing() });
        assert!(other.contains("shows `orders` of project `shop`") && other.contains("set project = 'it''s'"), "{other}");
        let anew = refused(Standing { layout: "no key".into(), ..standing() });
        assert!(anew.contains("it has key id, and `deliver` asks for no key") && anew.contains("drop table"), "{anew}");
    }
}
