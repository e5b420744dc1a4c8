//! Loads that keep every version of a row: what the table shows follows from all versions that ever arrived, whatever the
//! order they came in.
//!
//! The versions that the table does not show (a deletion, a version that repeats the one before, what came before the last one)
//! are remembered in a table of their own. Whenever a key is touched, all of its versions are put in order anew.
//! Slowly changing dimensions: R. Kimball, M. Ross, *The Data Warehouse Toolkit*, 3rd ed., 2013, ch. 5.

use std::sync::Arc;

use datafusion::arrow::datatypes::{Field, Schema};
use datafusion::common::ScalarValue;
use datafusion::dataframe::DataFrame;
use datafusion::logical_expr::{Expr, lit};
use hw_base::{Error, History, IS_INFERRED, Result, Shows, VALID_FROM, VALID_TO, identifier};

use super::members;
use super::review::ByHand;
use crate::failure::{Context, explain};
use crate::types;

/// The column that tells whether a version is the current one.
const IS_CURRENT: &str = "is_current";

/// The rows with the columns that the load adds, as they are for a key with a single version.
pub(super) fn with_columns(frame: DataFrame, history: &History, infers: bool) -> Result<DataFrame> {
    let failed = |error| explain(error, &Context::default());
    let mut frame = frame;
    for (name, expression) in added(&frame, history, infers)? {
        if frame.schema().as_arrow().index_of(&name).is_ok() {
            return Err(Error::user(format!("the column `{name}` is made by the load, and the SELECT returns one of that name"))
                .code("HW304")
                .help(format!("give it another name: `{name} as source_{name}`")));
        }
        frame = frame.with_column(&name, expression).map_err(failed)?;
    }
    Ok(frame)
}

/// The added columns, each with its value for a key with a single version.
fn added(frame: &DataFrame, history: &History, infers: bool) -> Result<Vec<(String, Expr)>> {
    let failed = |error| explain(error, &Context::default());
    let parse = |sql: &str| frame.parse_sql_expr(sql).map_err(failed);
    let time = stored_null(frame.schema().as_arrow(), &history.later_by)?;
    let own = parse(&identifier(&history.later_by))?;
    match &history.shows {
        Shows::Versions { previous, surrogate_key, .. } => {
            let own = if infers { members::since_ever(frame.schema().as_arrow(), &history.later_by)? } else { own };
            let mut columns = if history.brings_times() { vec![] } else { vec![(VALID_FROM.into(), own), (VALID_TO.into(), time.clone())] };
            columns.push((IS_CURRENT.into(), lit(true)));
            columns.extend(without_previous(frame.schema().as_arrow(), previous, &time)?);
            if let Some(name) = surrogate_key {
                columns.push((name.clone(), parse(&if infers { of_member(history) } else { surrogate(history) })?));
            }
            Ok(columns)
        }
        Shows::Last { previous } => without_previous(frame.schema().as_arrow(), previous, &time),
    }
}

/// What was before and when it changed, where nothing was.
fn without_previous(schema: &Schema, previous: &[String], time: &Expr) -> Result<Vec<(String, Expr)>> {
    let mut columns = Vec::new();
    for column in previous {
        columns.push((previous_of(column), stored_null(schema, column)?));
        columns.push((changed_at(column), time.clone()));
    }
    Ok(columns)
}

fn stored_null(schema: &Schema, column: &str) -> Result<Expr> {
    let known = || schema.fields().iter().map(|field| field.name().as_str());
    let field = schema.field_with_name(column).map_err(|_| hw_base::unknown("column", column, known()).code("HW304"))?;
    let null = ScalarValue::try_from(&types::stored(field.data_type())).map_err(|error| explain(error, &Context::default()))?;
    Ok(lit(null))
}

/// A key for each version that is the same in every load.
fn surrogate(history: &History) -> String {
    digest(history.key.iter().chain([&history.later_by]))
}

/// The key of an inferred member, which is that of its first version as well: facts that came before it keep it.
fn of_member(history: &History) -> String {
    digest(history.key.iter())
}

fn digest<'a>(columns: impl Iterator<Item = &'a String>) -> String {
    let parts = columns.map(|column| format!("cast({} as text)", identifier(column)));
    format!("md5(concat_ws('|', {}))", parts.collect::<Vec<_>>().join(", "))
}

fn previous_of(column: &str) -> String {
    format!("previous_{column}")
}

fn changed_at(column: &str) -> String {
    format!("{column}_changed_at")
}

/// The query that puts the versions of each key in order: `arriving`, `present` and `remembered` are the candidates.
///
/// Besides the columns of the table it returns `_arrives`, `_gone` (not shown) and `_remember` (to be noted among the versions that are not
/// shown).
pub(super) fn sql(schema: &Arc<Schema>, history: &History, by_hand: Option<&ByHand>, infers: bool) -> String {
    // Whether a row is inferred is nothing that its source says.
    let is_told = |field: &&Arc<Field>| !infers || field.name() != IS_INFERRED;
    let told = Schema::new(schema.fields().iter().filter(is_told).cloned().collect::<Vec<_>>());
    let key = columns(&history.key);
    let later = identifier(&history.later_by);
    let kept = &kept(history);
    let (candidates, content) = candidates(schema, &told, history, by_hand);
    let deleted = history.deleted_when.as_deref().unwrap_or("false");
    let events = format!(
        "select *, _from <> 0 and coalesce(cast(({deleted}) as boolean), false) as _deletes from \
         (select *, row_number() over (partition by {key}, {later} order by {content}_from) as _place from ({candidates}) as candidates) \
         as placed where _place = 1"
    );
    let events = if infers { members::without_known(&events, &key) } else { events };
    let (inner, shown, is_shown) = match &history.shows {
        Shows::Versions { ignore, overwrite, previous, surrogate_key } => {
            let judged = versions(&told, history, (ignore, overwrite, previous), &events, !kept.is_empty());
            if infers { first_of_member(schema, history, surrogate_key.as_deref(), judged) } else { judged }
        }
        Shows::Last { previous } => last(history, previous, &events),
    };
    let (inner, is_shown) =
        if kept.is_empty() { (inner, is_shown) } else { (with_copies(&inner, kept), format!("{is_shown} and not _is_copy")) };
    let arrives = if kept.is_empty() { "_from = 2" } else { "_from = 2 and not _is_copy" };
    let values = schema.fields().iter().map(|field| match shown.iter().find(|(name, _)| name == field.name()) {
        Some((name, value)) => format!("{value} as {}", identifier(name)),
        None => identifier(field.name()),
    });
    format!(
        "select {}, {arrives} as _arrives, not ({is_shown}) as _gone, _from <> 1 and not ({is_shown}) as _remember from ({inner}) as judged",
        values.collect::<Vec<_>>().join(", ")
    )
}

/// The query of the rows that were read later than a version of their key and time, and do not count because the content of that version decides: the
/// key and the time of one of them, and how many there are.
pub(super) fn outdone_sql(schema: &Schema, history: &History) -> String {
    // What later versions overwrite differs in the table without anybody having changed it.
    let (own, _) = content(schema, history);
    let (candidates, content) = candidates(schema, schema, history, None);
    let (key, later) = (columns(&history.key), identifier(&history.later_by));
    let same = format!("partition by {key}, {later} order by");
    format!(
        "select {key}, {later}, count(*) over () as _rows from (select {key}, {later}, _from, \
         first_value(_from) over ({same} {content}_from) as _stays, rank() over ({same} {}) as _rank from ({candidates}) as candidates) as placed \
         where _from = 2 and _stays <> 2 and _rank > 1 order by {key}, {later} limit 1",
        own.iter().map(|column| format!("{column} desc nulls last")).collect::<Vec<_>>().join(", "),
    )
}

/// The versions that there are of each key, wherever they are from, and the order of those that have one time, by their content.
fn candidates(schema: &Schema, told: &Schema, history: &History, by_hand: Option<&ByHand>) -> (String, String) {
    let sides = [("present", 0), ("remembered", 1), ("arriving", 2)];
    let all = schema.fields().iter().map(|field| identifier(field.name())).collect::<Vec<_>>().join(", ");
    let candidates = sides.map(|(table, from)| format!("select {all}, {from} as _from from {table}")).join(" union all ");
    let candidates = by_hand.map_or(candidates.clone(), |by_hand| by_hand.mark(&candidates));
    let has_kept = !kept(history).is_empty();
    let (early, late) = content(told, history);
    let descending = |columns: &[String]| columns.iter().map(|column| format!("{column} desc nulls last, ")).collect::<Vec<_>>().concat();
    let (candidates, shadowed) = if has_kept { (told_apart(&candidates, history, &early), "_is_shadowed, ") } else { (candidates, "") };
    let by_hand = match by_hand {
        None => "",
        Some(_) if !has_kept => "_by_hand, ",
        // A row that shows the value of a later one is not told as the one that people repaired; the row that is remembered for it is.
        Some(_) => "(_by_hand or _is_shadowed), ",
    };
    (candidates, format!("{by_hand}{}{shadowed}{}", descending(&early), descending(&late)))
}

/// The columns in which a version shows the value of a later one and its own is needed again: to tell what was before, and where the later
/// one gives way to a deletion of the same time.
fn kept(history: &History) -> Vec<String> {
    match &history.shows {
        Shows::Versions { previous, overwrite, .. } if history.deleted_when.is_some() => [previous.as_slice(), overwrite].concat(),
        Shows::Versions { previous, .. } => previous.clone(),
        Shows::Last { .. } => vec![],
    }
}

/// The candidates, each with whether the table shows the latest value of a column in place of its own and the row as it came is remembered
/// (`_is_shadowed`), and whether a row of its content is remembered (`_is_kept`).
fn told_apart(candidates: &str, history: &History, early: &[String]) -> String {
    let same = history.key.iter().chain([&history.later_by]).map(|name| identifier(name)).chain(early.iter().cloned());
    let same = same.collect::<Vec<_>>().join(", ");
    format!(
        "select *, _from = 0 and _is_kept as _is_shadowed from (select *, bool_or(_from = 1) over (partition by {same}) as _is_kept \
         from ({candidates}) as sides) as sides"
    )
}

/// The judged events, and a copy of each version that does not show its own value of these columns: what was before tells only its own value.
fn with_copies(judged: &str, previous: &[String]) -> String {
    let differs = previous.iter().map(|name| format!("({} is distinct from {})", identifier(name), latest(name))).collect::<Vec<_>>();
    format!(
        "select * from ({judged}) as judged cross join (values (false), (true)) as copies (_is_copy) \
         where not _is_copy or (_opens and _from <> 1 and (_is_kept or {}))",
        differs.join(" or ")
    )
}

/// A query of the events, the columns that get other values than the event has, and whether an event is shown.
type Judged = (String, Vec<(String, String)>, String);

/// Every version in a row of its own.
fn versions(
    schema: &Schema,
    history: &History,
    (ignore, overwrite, previous): (&[String], &[String], &[String]),
    events: &str,
    has_copies: bool,
) -> Judged {
    let (key, later) = (columns(&history.key), identifier(&history.later_by));
    let in_order = format!("over (partition by {key} order by {later})");
    let made = [VALID_FROM, VALID_TO, IS_CURRENT];
    let is_untracked = |name: &String| [&history.key, ignore, overwrite, previous].iter().any(|names| names.contains(name));
    let tracked = own_columns(schema, history).filter(|name| *name != history.later_by && !is_untracked(name));
    let differs: Vec<String> =
        tracked.map(|name| identifier(&name)).map(|name| format!("({name} is distinct from lag({name}) {in_order})")).collect();
    let differs = if differs.is_empty() { "false".to_owned() } else { differs.join(" or ") };
    let (before, found, changes) = changes(history, previous);
    let turns =
        format!("select *, coalesce(lag(_deletes) {in_order}, true) as _starts, {differs} as _differs{before} from ({events}) as events");
    let marked = format!(
        "select *, not _deletes and (_starts or _differs) as _opens, (not _deletes and (_starts or _differs)) or (_deletes and not _starts) as _turns \
         from ({turns}) as turns"
    );
    let last = overwrite.iter().chain(previous).map(|name| {
        format!(", first_value({0}) over (partition by {key} order by _deletes, {later} desc) as {1}", identifier(name), latest(name))
    });
    let inner = format!(
        "select *, min(case when _turns then {later} end) over (partition by {key} order by {later} \
         rows between 1 following and unbounded following) as _until{}{found} from ({marked}) as marked",
        last.collect::<Vec<_>>().concat()
    );
    // A deletion, which is not shown, is remembered as a version that ends where it begins.
    let until = format!("case when _deletes then {later} else _until end");
    let mut shown = vec![(made[0].to_owned(), later), (made[1].to_owned(), until), (made[2].to_owned(), "_until is null".to_owned())];
    let shows_latest = |name: &String| {
        let is_own = if has_copies { "_opens and not _is_copy" } else { "_opens" };
        (name.clone(), format!("case when {is_own} then {} else {} end", latest(name), identifier(name)))
    };
    shown.extend(overwrite.iter().chain(previous).map(shows_latest).chain(changes));
    (inner, shown, "_opens".into())
}

/// The first version of a key, which may take the place of a member that was inferred: it is true since ever, and has the member's key.
fn first_of_member(schema: &Schema, history: &History, surrogate_key: Option<&str>, (inner, mut shown, is_shown): Judged) -> Judged {
    let (key, later) = (columns(&history.key), identifier(&history.later_by));
    let inner = format!(
        "select *, {is_shown} and row_number() over (partition by {key}, {is_shown} order by {later}) = 1 as _is_first from ({inner}) as versions"
    );
    let since = members::since_ever_sql(schema, &history.later_by);
    shown.retain(|(name, _)| name != VALID_FROM);
    shown.push((VALID_FROM.into(), format!("case when _is_first then {since} else {later} end")));
    let own = surrogate_key
        .map(|name| (name.to_owned(), format!("case when _is_first then {} else {} end", of_member(history), surrogate(history))));
    shown.extend(own);
    (inner, shown, is_shown)
}

/// The last version, with what some columns held before their last change.
fn last(history: &History, previous: &[String], events: &str) -> Judged {
    let (key, later) = (columns(&history.key), identifier(&history.later_by));
    let (before, found, changes) = changes(history, previous);
    let runs = format!("select *{before} from ({events}) as events");
    let inner = format!("select *, row_number() over (partition by {key} order by {later} desc) as _age{found} from ({runs}) as runs");
    (inner, changes, "_age = 1 and not _deletes".into())
}

/// What columns held before their last change and when that was: what each event needs to be told of the one before it, what is found for
/// the key among those, and the columns that show it.
fn changes(history: &History, previous: &[String]) -> (String, String, Vec<(String, String)>) {
    let (key, later) = (columns(&history.key), identifier(&history.later_by));
    let living = format!("over (partition by {key}, _deletes order by {later})");
    let before = previous.iter().enumerate().map(|(at, name)| {
        let name = identifier(name);
        format!(
            ", lag({name}) {living} as _before_{at}, \
             not _deletes and row_number() {living} > 1 and ({name} is distinct from lag({name}) {living}) as _changed_{at}"
        )
    });
    let found = (0..previous.len()).map(|at| {
        let order = format!("over (partition by {key} order by _changed_{at} desc, {later} desc)");
        format!(
            ", first_value(case when _changed_{at} then _before_{at} end) {order} as _previous_{at}, \
             first_value(case when _changed_{at} then {later} end) {order} as _at_{at}"
        )
    });
    let shown = previous
        .iter()
        .enumerate()
        .flat_map(|(at, name)| [(previous_of(name), format!("_previous_{at}")), (changed_at(name), format!("_at_{at}"))]);
    (before.collect(), found.collect(), shown.collect())
}

/// What decides between two versions of one time: all columns of the SELECT, last those that show the values of later versions, whose own are remembered
/// where it is told what was before, and lost where not.
fn content(schema: &Schema, history: &History) -> (Vec<String>, Vec<String>) {
    let (overwrite, previous) = match &history.shows {
        Shows::Versions { overwrite, previous, .. } => (overwrite.as_slice(), previous.as_slice()),
        Shows::Last { .. } => (&[][..], &[][..]),
    };
    let is_plain = |name: &String| schema.field_with_name(name).is_ok_and(|field| !field.data_type().is_nested());
    let is_overwritten = |name: &String| overwrite.contains(name) || previous.contains(name);
    let (mut late, early): (Vec<String>, Vec<String>) = own_columns(schema, history).filter(is_plain).partition(is_overwritten);
    late.sort_by_key(|name| !previous.contains(name));
    let in_sql = |names: &[String]| names.iter().map(|name| identifier(name)).collect();
    (in_sql(&early), in_sql(&late))
}

/// The columns that come from the SELECT.
fn own_columns<'a>(schema: &'a Schema, history: &'a History) -> impl Iterator<Item = String> + 'a {
    let made: Vec<String> = match &history.shows {
        Shows::Versions { previous, surrogate_key, .. } => {
            let made = [VALID_FROM, VALID_TO, IS_CURRENT].map(str::to_owned).into_iter().chain(surrogate_key.clone());
            made.chain(of_changes(previous)).collect()
        }
        Shows::Last { previous } => of_changes(previous).collect(),
    };
    schema.fields().iter().map(|field| field.name().clone()).filter(move |name| !made.contains(name))
}

/// The columns that tell what was before and when it changed.
fn of_changes(previous: &[String]) -> impl Iterator<Item = String> + '_ {
    previous.iter().flat_map(|name| [previous_of(name), changed_at(name)])
}

fn columns(names: &[String]) -> String {
    names.iter().map(|name| identifier(name)).collect::<Vec<_>>().join(", ")
}

fn latest(column: &str) -> String {
    identifier(&format!("_latest {column}"))
}
