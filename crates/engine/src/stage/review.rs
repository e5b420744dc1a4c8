//! What people decided about rows in quarantine: made once, and gone by whenever a load reads these rows again.
//!
//! A decision is about a row as the SELECT returned it. The row is told by where it came from (and its key, where one record makes several
//! rows); by all that it holds where nobody knows where it came from. So a decision outlives every rebuild, and ends where the record
//! itself is delivered anew.

use std::sync::Arc;

use datafusion::arrow::array::AsArray;
use datafusion::arrow::compute::cast as cast_array;
use datafusion::arrow::datatypes::{DataType, Field, Schema, SchemaRef, TimeUnit};
use datafusion::arrow::record_batch::RecordBatch;
use datafusion::common::{Column, ScalarValue};
use datafusion::dataframe::DataFrame;
use datafusion::logical_expr::{Expr, JoinType, cast, lit, when};
use futures::StreamExt;
use hw_base::{
    Error, LoadMode, ORIGIN_COLUMNS, Result, Review, RowWatch, Ruling, StagedFile, Staging, Watch, identifier, literal, unknown,
};

use super::history;
use super::order::{add_key_rules, with_partitions};
use super::origin::CARRIED;
use super::rows::in_folder;
use super::together::{self, Marking};
use crate::failure::{Context, explain};
use crate::files::FileTable;
use crate::folder::FolderRef;
use crate::local::LocalEngine;
use crate::session::Session;
use crate::sql::is_row_by_row;
use crate::warehouse::Snapshot;
use crate::writer::Writer;

/// Tells a row that somebody decided about.
pub(super) const SOURCE: &str = "_source";
/// The rules that a row may break, each between commas.
pub(super) const WAIVED: &str = "_waived";
/// The same as [`SOURCE`], beside what the quarantine may have under that name.
const TOLD: &str = "_told";
/// Columns that say where and when a row was loaded, not what it is.
const VOLATILE: [&str; 3] = ["_batch", "_run", "_loaded_at"];
/// Between the names of columns, and between values.
const SEPARATOR: char = '\u{1f}';
/// Before the digits of bytes that somebody gave to a row.
const BYTES: &str = r"\x";
/// The characters of a digest, with the `#` before it.
const DIGEST: usize = 33;

fn failed(error: datafusion::common::DataFusionError) -> Error {
    explain(error, &Context::default())
}

/// The columns of the table that remembers decisions.
pub(super) fn schema() -> SchemaRef {
    let text = |name: &str| Field::new(name, DataType::Utf8View, true);
    let at = Field::new("_reviewed_at", DataType::Timestamp(TimeUnit::Microsecond, Some("UTC".into())), true);
    let texts = ["_ruling", "_rules", "_row", "_column", "_value", WAIVED, SOURCE, "_becomes"].map(text);
    Arc::new(Schema::new([text("_run"), at].into_iter().chain(texts).collect::<Vec<_>>()))
}

/// All decisions about rows of one table that count.
pub(super) struct Reviews {
    table: FileTable,
}

impl Reviews {
    /// Those that a load of a table goes by; `None` where nobody ever decided anything.
    pub(super) async fn of(engine: &LocalEngine, staging: &Staging, present: Option<&Snapshot>) -> Result<Option<Self>> {
        let counting = engine.decisions(&staging.table, present).await?;
        Ok(counting.filter(|counting| !counting.files.is_empty()).map(|counting| Self { table: counting.table() }))
    }

    /// The same with those that are made now.
    pub(super) fn with(earlier: Option<&Self>, engine: &LocalEngine, staging: &Staging, made: &[StagedFile]) -> Self {
        let folder = engine.warehouse.folder(&staging.table.reviewed());
        let made = made.iter().map(|file| in_folder(&folder, file));
        let files = earlier.iter().flat_map(|earlier| earlier.table.files().iter().cloned()).chain(made).collect();
        Self { table: FileTable::new(schema(), 0, files) }
    }

    /// The rows of a query as people decided about them: dropped ones are gone, repaired ones have their new values. Returns the names of
    /// the columns that were added, which tell the row and the rules that it may break.
    pub(super) async fn applied(&self, session: &Session, frame: DataFrame) -> Result<(DataFrame, Vec<String>)> {
        session.register(&["reviewed_rows"], Arc::new(self.table.clone()))?;
        let repaired = texts(session, "select distinct _column from reviewed_rows where _column is not null order by 1").await?;
        let is_told = frame.schema().as_arrow().index_of(SOURCE).is_ok();
        let tellings = if is_told { vec![] } else { tellings(session, SOURCE).await? };
        let fields = frame.schema().as_arrow().clone();
        let usable: Vec<String> = tellings.iter().filter_map(|columns| told_by(columns, &fields, "")).collect();
        let mut frame = frame;
        let told: Vec<String> = if is_told {
            vec![SOURCE.into()]
        } else {
            for (at, sql) in usable.iter().enumerate() {
                let told = frame.parse_sql_expr(sql).map_err(failed)?;
                frame = frame.with_column(&format!("_told_{at}"), told).map_err(failed)?;
            }
            (0..usable.len()).map(|at| format!("_told_{at}")).collect()
        };
        let none = || lit(ScalarValue::Utf8View(None));
        if !is_told {
            frame = frame.with_column(SOURCE, none()).map_err(failed)?;
        }
        frame = frame.with_column(WAIVED, none()).map_err(failed)?;
        for told in told {
            let decided = session.query(&decisions(&repaired), None).await?;
            frame = gone_by(frame, decided, &told, &repaired)?;
        }
        let own = |name: &String| !name.starts_with("_told_");
        let columns: Vec<String> = frame.schema().as_arrow().fields().iter().map(|field| field.name().clone()).filter(own).collect();
        let exprs: Vec<Expr> = columns.iter().map(|name| Expr::Column(Column::from_name(name)).alias(name)).collect();
        Ok((frame.select(exprs).map_err(failed)?, vec![SOURCE.into(), WAIVED.into()]))
    }

    /// The candidates of a merge with a column `_by_hand`, which is true for rows as people repaired them: of two rows that are as late the
    /// delivered one stays.
    pub(super) async fn marked(&self, session: &Session, schema: &Schema) -> Result<Option<ByHand>> {
        session.register(&["reviewed_rows"], Arc::new(self.table.clone()))?;
        let tellings = tellings(session, "_becomes").await?;
        let told: Vec<String> = tellings.iter().filter_map(|columns| told_by(columns, schema, "candidates.")).collect();
        Ok((!told.is_empty()).then_some(ByHand { told }))
    }
}

/// Joins the decisions to the rows that are told by one column.
fn gone_by(frame: DataFrame, decided: DataFrame, told: &str, repaired: &[String]) -> Result<DataFrame> {
    let fields = frame.schema().as_arrow().clone();
    let joined = frame.join(decided, JoinType::Left, &[told], &["_d_source"], None).map_err(failed)?;
    let column = |name: &str| Expr::Column(Column::from_name(name));
    let exprs = fields.fields().iter().map(|field| {
        let own = column(field.name());
        let expr = match repaired.iter().position(|name| name == field.name()) {
            Some(at) => {
                let given = format!("_d_value_{at}");
                let value =
                    if is_binary(field.data_type()) { joined.parse_sql_expr(&bytes(&given)).map_err(failed)? } else { column(&given) };
                let value = cast(value, field.data_type().clone());
                when(column(&format!("_d_is_set_{at}")), value).otherwise(own).map_err(failed)?
            }
            None if field.name() == SOURCE || field.name() == WAIVED => {
                let decided = column(if field.name() == SOURCE { "_d_source" } else { "_d_waived" });
                when(decided.clone().is_not_null(), decided).otherwise(own).map_err(failed)?
            }
            None => own,
        };
        Ok(expr.alias(field.name()))
    });
    let exprs: Vec<Expr> = exprs.collect::<Result<_>>()?;
    joined.filter(column("_d_dropped").is_not_true()).and_then(|rows| rows.select(exprs)).map_err(failed)
}

/// How rows are told that people repaired.
pub(super) struct ByHand {
    told: Vec<String>,
}

impl ByHand {
    /// The rows of a query, with a column that is true for those that people repaired.
    pub(super) fn mark(&self, candidates: &str) -> String {
        let join = |(at, told): (usize, &String)| {
            format!(
                " left join (select distinct _becomes from reviewed_rows where _becomes is not null) as hand_{at} on {told} = hand_{at}._becomes"
            )
        };
        let joins: String = self.told.iter().enumerate().map(join).collect::<Vec<_>>().concat();
        let any: Vec<String> = (0..self.told.len()).map(|at| format!("hand_{at}._becomes is not null")).collect();
        format!("select candidates.*, ({}) as _by_hand from ({candidates}) as candidates{joins}", any.join(" or "))
    }
}

/// One row per row that somebody decided about, with all that was decided about it; of two values for one column the later counts.
fn decisions(repaired: &[String]) -> String {
    let columns = repaired.iter().enumerate().map(|(at, name)| {
        let is_it = format!("_column = {}", literal(name));
        format!(
            ", coalesce(bool_or({is_it}), false) as _d_is_set_{at}, last_value(_value order by _reviewed_at, _run) filter (where {is_it}) as _d_value_{at}"
        )
    });
    format!(
        "select {SOURCE} as _d_source, bool_or(_ruling = 'dropped') as _d_dropped, string_agg({WAIVED}, '') as _d_waived{} from reviewed_rows group by {SOURCE}",
        columns.collect::<Vec<_>>().concat()
    )
}

/// The lists of columns by which rows are told that somebody decided about.
async fn tellings(session: &Session, column: &str) -> Result<Vec<Vec<String>>> {
    let names = format!(
        "select distinct left({column}, cast(char_length({column}) as bigint) - {DIGEST}) as names from reviewed_rows \
         where {column} is not null order by 1"
    );
    let lists = texts(session, &names).await?;
    Ok(lists.iter().map(|names| names.split(SEPARATOR).map(str::to_owned).collect()).collect())
}

/// The first column of a query's result.
async fn texts(session: &Session, sql: &str) -> Result<Vec<String>> {
    let batches = session.query(sql, None).await?.collect().await.map_err(failed)?;
    let mut texts = Vec::new();
    for batch in batches {
        let column = cast_array(batch.column(0), &DataType::Utf8).map_err(|error| failed(error.into()))?;
        texts.extend(column.as_string::<i32>().iter().flatten().map(str::to_owned));
    }
    Ok(texts)
}

/// SQL that tells a row by the values of some columns: their names, and a digest of the values. `None` where a column is missing.
fn told_by(columns: &[String], schema: &Schema, of: &str) -> Option<String> {
    let value = |name: &String| {
        let field = schema.field_with_name(name).ok()?;
        let text = as_text(&format!("{of}{}", identifier(name)), field.data_type());
        let text = match field.data_type() {
            // The same number may be stored with more digits.
            DataType::Decimal128(_, scale) | DataType::Decimal256(_, scale) if *scale > 0 => format!("rtrim(rtrim({text}, '0'), '.')"),
            _ => text,
        };
        Some(format!("coalesce({text}, '∅')"))
    };
    let values: Vec<String> = columns.iter().map(value).collect::<Option<_>>()?;
    let names = literal(&format!("{}#", columns.join(&SEPARATOR.to_string())));
    let separator = literal(&SEPARATOR.to_string());
    Some(format!("concat({names}, md5(concat_ws({separator}, {})))", values.join(", ")))
}

/// SQL that is a value as text. Bytes need be no text, so that their digits stand for them.
fn as_text(value: &str, data_type: &DataType) -> String {
    match data_type {
        kind if is_binary(kind) => format!("encode({value}, 'hex')"),
        _ => format!("cast({value} as text)"),
    }
}

/// SQL that is the bytes for which a text stands that somebody gave to a row.
fn bytes(text: &str) -> String {
    format!("case when starts_with({text}, '{BYTES}') then decode(substr({text}, 3), 'hex') else cast({text} as bytea) end")
}

fn is_binary(data_type: &DataType) -> bool {
    matches!(data_type, DataType::Binary | DataType::LargeBinary | DataType::BinaryView | DataType::FixedSizeBinary(_))
}

/// Lets rows break the rules for which somebody has vouched for them.
pub(super) fn waive(rules: &mut [RowWatch]) {
    for rule in rules.iter_mut().filter(|rule| rule.diverts && !rule.excludes) {
        let named = literal(&format!(",{},", rule.id));
        rule.violates = format!("({}) and coalesce(strpos({WAIVED}, {named}), 0) = 0", rule.violates);
    }
}

/// What is decided now.
pub(super) struct Made {
    /// The decisions, as files.
    pub(super) files: Vec<StagedFile>,
    /// How many rows they are about.
    pub(super) rows: u64,
    /// The rows, as the SELECT had returned them.
    pub(super) frame: DataFrame,
    /// The files of the quarantine that take the place of those in `taken`, where it is not judged anew.
    pub(super) rest: Vec<StagedFile>,
    /// Files of the quarantine to take away.
    pub(super) taken: Vec<String>,
}

/// A person's decision about rows in quarantine, while it is made.
pub(super) struct Making<'a> {
    engine: &'a LocalEngine,
    staging: &'a Staging,
    session: &'a Session,
    marking: &'a Marking<'a>,
    review: &'a Review,
    /// The columns that the SELECT returns, with those that tell where a row came from.
    columns: &'a Schema,
    quarantine: Snapshot,
}

impl<'a> Making<'a> {
    /// Prepares the decision that `staging` asks for.
    ///
    /// # Errors
    /// HW603 where nothing waits.
    pub(super) async fn new(marking: &'a Marking<'a>, review: &'a Review, columns: &'a Schema) -> Result<Self> {
        let Marking { engine, staging, session, .. } = *marking;
        let quarantine = engine.readable(&staging.table.quarantine()).await?;
        let nothing = || Error::user(format!("no row of `{}` waits in quarantine", staging.table.leaf())).code("HW603");
        let quarantine = quarantine.filter(|quarantine| !quarantine.files.is_empty()).ok_or_else(nothing)?;
        session.register(&["waiting_rows"], Arc::new(quarantine.table()))?;
        Ok(Self { engine, staging, session, marking, review, columns, quarantine })
    }

    /// Decides: writes down the decision for each row that it is about.
    pub(super) async fn made(&self) -> Result<Made> {
        let chosen = self.session.query(&format!("select * from waiting_rows where {}", self.review.rows), None).await?;
        let judged = self.repaired(self.as_selected(chosen)?).await?;
        let lack_values = self.lack_values(judged.clone()).await?;
        let columns: Vec<Option<&str>> = match &self.review.ruling {
            Ruling::Repaired(values) => values.iter().map(|(column, _)| Some(column.as_str())).collect(),
            // A decision that lets nothing in is none.
            Ruling::Vouched { .. } if lack_values => vec![],
            Ruling::Vouched { .. } | Ruling::Dropped => vec![None],
        };
        let mut writer = self.writer(&self.engine.warehouse.folder(&self.staging.table.reviewed()), "reviewed", &schema());
        for column in &columns {
            let mut rows = self.decision(&judged, *column)?.execute_stream().await.map_err(failed)?;
            while let Some(batch) = rows.next().await {
                writer.write(&fitted(&batch.map_err(failed)?, &schema())?)?;
            }
        }
        let files = writer.finish()?;
        let rows = files.iter().map(|file| file.rows).sum::<u64>() / columns.len().max(1) as u64;
        let (frame, others) = self.parted(&files).await?;
        // Where the table is built anew, all that waits is judged anew.
        let (rest, taken) = if rows == 0 || self.staging.is_rebuild {
            (vec![], vec![])
        } else {
            (self.rest(others).await?, self.quarantine.files.iter().map(|file| file.name.clone()).collect())
        };
        Ok(Made { files, rows, frame, rest, taken })
    }

    /// Rows of the quarantine with a column that tells each; columns that the SELECT returns and the quarantine lacks are null.
    fn told(&self, rows: DataFrame) -> Result<DataFrame> {
        let known = |name: &str| self.quarantine.schema.index_of(name).is_ok();
        let mut rows = rows;
        for field in self.columns.fields().iter().filter(|field| !known(field.name())) {
            let none = lit(ScalarValue::try_from(field.data_type()).map_err(failed)?);
            rows = rows.with_column(field.name(), none).map_err(failed)?;
        }
        let telling = self.telling(rows.schema().as_arrow());
        let telling = if known(SOURCE) { format!("coalesce({SOURCE}, {telling})") } else { telling };
        let told = rows.parse_sql_expr(&telling).map_err(failed)?;
        rows.with_column(TOLD, told).map_err(failed)
    }

    /// Rows of the quarantine as the SELECT returned them, with the rules that they broke and the column that tells the row.
    fn as_selected(&self, rows: DataFrame) -> Result<DataFrame> {
        let kept = |name: &str| if name == "_run" { "_loaded_by_run".to_owned() } else { name.to_owned() };
        let own = self.columns.fields().iter().map(|field| (kept(field.name()), field.name().as_str()));
        let beside = [("_rules".to_owned(), "_broken_rules"), (TOLD.to_owned(), SOURCE)];
        let exprs: Vec<Expr> = own.chain(beside).map(|(kept, name)| Expr::Column(Column::from_name(kept)).alias(name)).collect();
        self.told(rows)?.select(exprs).map_err(failed)
    }

    /// SQL that tells a row.
    fn telling(&self, schema: &Schema) -> String {
        let is_plain = |field: &&Arc<Field>| !field.data_type().is_nested() && !is_binary(field.data_type());
        let fields = self.columns.fields().iter().filter(is_plain).map(|field| field.name().clone());
        // Where a row of a model came from is told only where it can be followed, and a load that keeps no row out by a rule does not follow any.
        let is_volatile = |name: &str| VOLATILE.contains(&name) || (!self.staging.table.is_raw() && CARRIED.contains(&name));
        let own: Vec<String> = fields.filter(|name| !is_volatile(name)).collect();
        let all = told_by(&own, schema, "").unwrap_or_else(|| "null".into());
        if self.staging.table.is_raw() || CARRIED.iter().any(|name| schema.index_of(name).is_err()) {
            return all;
        }
        let key = self.staging.mode.key();
        let beside = match key {
            [] if is_row_by_row(&self.staging.reader.sql) => &[],
            [] => own.as_slice(),
            key => key,
        };
        let mut columns: Vec<String> = CARRIED.map(str::to_owned).into();
        columns.extend(beside.iter().filter(|name| !CARRIED.contains(&name.as_str())).cloned());
        let origin = told_by(&columns, schema, "").unwrap_or_else(|| all.clone());
        format!("case when _file is not null and _line is not null then {origin} else {all} end")
    }

    /// The rows with their new values, but for those that would still break a quarantine rule: these stay as they are.
    async fn repaired(&self, chosen: DataFrame) -> Result<DataFrame> {
        let own: Vec<String> = chosen.schema().as_arrow().fields().iter().map(|field| field.name().clone()).collect();
        let shown = self.shown(&chosen)?;
        let Ruling::Repaired(values) = &self.review.ruling else { return chosen.with_column("_row", shown).map_err(failed) };
        let fields = chosen.schema().as_arrow().clone();
        if let Some((column, _)) = values.iter().find(|(column, _)| self.columns.index_of(column).is_err()) {
            let known = self.columns.fields().iter().map(|field| field.name().as_str()).filter(|name| !ORIGIN_COLUMNS.contains(name));
            return Err(unknown("column", column, known).code("HW301").within("`--set`"));
        }
        let mut exprs = vec![shown.alias("_row")];
        for name in &own {
            let value = values.iter().find(|(column, _)| column == name);
            let expr = match value {
                Some((column, sql)) => {
                    let parsed = chosen.parse_sql_expr(sql).map_err(|error| {
                        explain(error, &Context { sql: Some(sql), ..self.session.about(None) }).within(format_args!("`--set {column}`"))
                    })?;
                    cast(parsed, fields.field_with_name(name).map_err(|error| failed(error.into()))?.data_type().clone())
                }
                None => Expr::Column(Column::from_name(name)),
            };
            exprs.push(expr.alias(name));
        }
        let rows = chosen.select(exprs).map_err(failed)?;
        self.that_hold(rows).await
    }

    /// Whether each of the rows lacks values that the load cannot do without, so that it waits on whoever vouches for it.
    async fn lack_values(&self, rows: DataFrame) -> Result<bool> {
        if !matches!(self.review.ruling, Ruling::Vouched { .. }) {
            return Ok(false);
        }
        let mut needs = Watch { rows: self.staging.watch.rows.iter().filter(|rule| rule.excludes).cloned().collect(), ..Watch::default() };
        add_key_rules(&mut needs, &self.staging.mode);
        let whole = that_keep(&needs, self.with_added(rows)?)?;
        Ok(whole.limit(0, Some(1)).map_err(failed)?.count().await.map_err(failed)? == 0)
    }

    /// The rows with the columns that the load adds.
    fn with_added(&self, rows: DataFrame) -> Result<DataFrame> {
        match &self.staging.mode {
            LoadMode::History(kept) => history::with_columns(rows, kept, self.staging.members.is_some()),
            _ => Ok(rows),
        }
    }

    /// The rows that break no quarantine rule.
    async fn that_hold(&self, rows: DataFrame) -> Result<DataFrame> {
        let rows = with_partitions(self.session, self.with_added(rows)?, self.staging)?;
        let mut watch = self.staging.watch.clone();
        together::add_rules(&mut watch);
        add_key_rules(&mut watch, &self.staging.mode);
        let (marked, marks) = self.marking.marked("repaired", rows, &watch).await?;
        that_keep(&watch, marked)?.drop_columns(&marks.iter().map(String::as_str).collect::<Vec<_>>()).map_err(failed)
    }

    /// A row as a person reads it.
    fn shown(&self, rows: &DataFrame) -> Result<Expr> {
        let fields = self.columns.fields().iter().filter(|field| !ORIGIN_COLUMNS.contains(&field.name().as_str()));
        let values = fields.map(|field| {
            let value = as_text(&identifier(field.name()), field.data_type());
            format!("concat({}, coalesce({value}, 'null'))", literal(&format!("{}=", field.name())))
        });
        let sql = format!("concat_ws(', ', {})", values.collect::<Vec<_>>().join(", "));
        rows.parse_sql_expr(&sql).map_err(failed)
    }

    /// The decisions about rows, as they are remembered; `column` is one that gets another value.
    fn decision(&self, rows: &DataFrame, column: Option<&str>) -> Result<DataFrame> {
        let (ruling, waived) = match &self.review.ruling {
            Ruling::Vouched { rule: Some(rule) } => ("vouched", literal(&format!(",{rule},"))),
            Ruling::Vouched { rule: None } => ("vouched", "concat(',', replace(_broken_rules, ', ', ','), ',')".to_owned()),
            Ruling::Repaired(_) => ("repaired", "''".to_owned()),
            Ruling::Dropped => ("dropped", "''".to_owned()),
        };
        let none = "cast(null as text)".to_owned();
        let (name, value, becomes) = match column {
            Some(column) => {
                let schema = rows.schema().as_arrow();
                let own = |field: &&Arc<Field>| !field.data_type().is_nested() && !ORIGIN_COLUMNS.contains(&field.name().as_str());
                let own: Vec<String> = self.columns.fields().iter().filter(own).map(|field| field.name().clone()).collect();
                let becomes = told_by(&own, schema, "").unwrap_or_else(|| "null".into());
                let data_type = schema.field_with_name(column).map_err(|error| failed(error.into()))?.data_type();
                let value = as_text(&identifier(column), data_type);
                let value = if is_binary(data_type) { format!("concat('{BYTES}', {value})") } else { value };
                (literal(column), value, becomes)
            }
            None => (none.clone(), none.clone(), none),
        };
        let at = self.staging.at.timestamp_micros();
        let columns = [
            (literal(&self.staging.run), "_run"),
            (format!("arrow_cast({at}, 'Timestamp(Microsecond, Some(\"UTC\"))')"), "_reviewed_at"),
            (literal(ruling), "_ruling"),
            ("_broken_rules".into(), "_rules"),
            ("_row".into(), "_row"),
            (name, "_column"),
            (value, "_value"),
            (waived, WAIVED),
            (SOURCE.into(), SOURCE),
            (becomes, "_becomes"),
        ];
        let exprs = columns.iter().map(|(sql, name)| Ok(rows.parse_sql_expr(sql).map_err(failed)?.alias(*name)));
        let exprs: Vec<Expr> = exprs.collect::<Result<_>>()?;
        rows.clone().select(exprs).map_err(failed)
    }

    /// All rows in quarantine that the decisions in `files` are about, and those that are not.
    async fn parted(&self, files: &[StagedFile]) -> Result<(DataFrame, DataFrame)> {
        let made = Reviews::with(None, self.engine, self.staging, files);
        self.session.register(&["made_now"], Arc::new(made.table))?;
        let made = self.session.query(&format!("select distinct {SOURCE} as _made from made_now"), None).await?;
        let waiting = || self.session.query("select * from waiting_rows", None);
        let decided = self.as_selected(waiting().await?)?.drop_columns(&["_broken_rules"]).map_err(failed)?;
        let decided = decided.join(made.clone(), JoinType::LeftSemi, &[SOURCE], &["_made"], None).map_err(failed)?;
        let others = self.told(waiting().await?)?.join(made, JoinType::LeftAnti, &[TOLD], &["_made"], None).map_err(failed)?;
        let own = self.quarantine.schema.fields().iter().map(|field| Expr::Column(Column::from_name(field.name())).alias(field.name()));
        Ok((decided, others.select(own.collect::<Vec<_>>()).map_err(failed)?))
    }

    /// The quarantine without the rows that are decided about.
    async fn rest(&self, others: DataFrame) -> Result<Vec<StagedFile>> {
        let folder = self.engine.warehouse.folder(&self.staging.table.quarantine());
        let mut writer = self.writer(&folder, "rest", &self.quarantine.schema);
        let mut rows = others.execute_stream().await.map_err(failed)?;
        while let Some(batch) = rows.next().await {
            writer.write(&fitted(&batch.map_err(failed)?, &self.quarantine.schema)?)?;
        }
        writer.finish()
    }

    fn writer(&self, folder: &FolderRef, kind: &str, schema: &SchemaRef) -> Writer {
        let budget = usize::try_from(self.engine.share.0 / 16).unwrap_or(usize::MAX);
        Writer::new(folder, format!("{}-{kind}", self.staging.label), schema, &[], budget)
    }
}

/// The rows that break none of the rules which keep rows out.
fn that_keep(watch: &Watch, rows: DataFrame) -> Result<DataFrame> {
    let mut rows = rows;
    for rule in watch.rows.iter().filter(|rule| rule.diverts) {
        let violates = rows.parse_sql_expr(&format!("coalesce({}, false)", rule.violates)).map_err(failed)?;
        rows = rows.filter(violates.is_not_true()).map_err(failed)?;
    }
    Ok(rows)
}

/// A batch in the columns of a table, which are the same in the same order.
pub(super) fn fitted(batch: &RecordBatch, schema: &SchemaRef) -> Result<RecordBatch> {
    let columns = batch.columns().iter().zip(schema.fields()).map(|(column, field)| cast_array(column, field.data_type()));
    let columns = columns.collect::<Result<_, _>>().map_err(|error| failed(error.into()))?;
    RecordBatch::try_new(Arc::clone(schema), columns).map_err(|error| failed(error.into()))
}
