//! What is written for PostgreSQL, and what is refused.

use std::collections::HashMap;

use hw_base::Input;

use super::{BaseTable, Expressions, Guard, Relations, Scope, expression, select};
use crate::connectors::postgres::types::{SourceColumn, Wire};

fn table() -> BaseTable {
    let column = |name: &str, wire: Wire| SourceColumn { name: name.into(), declared: String::new(), wire, cast: None, is_free: false };
    BaseTable {
        schema: "shop".into(),
        name: "Orders".into(),
        columns: vec![
            column("id", Wire::Int8),
            column("small", Wire::Int2),
            column("amount", Wire::Decimal { precision: 12, scale: 2 }),
            column("ratio", Wire::Float8),
            column("status", Wire::Text),
            column("day", Wire::Date),
            column("at", Wire::TimestampUtc),
            column("Order No", Wire::Text),
        ],
        keeps_types: true,
    }
}

/// An expression over the rows of the table, and after `unless` when both sides may differ.
fn written(sql: &str) -> String {
    let (tables, inputs) = (HashMap::from([("live".to_owned(), table())]), [Input::Live { name: "t".into(), relation: "live".into() }]);
    let relations = Relations::new(&tables, &inputs);
    let rows = relations.selected(&select("select * from t").unwrap(), None, &mut vec![]).unwrap();
    let scope = Scope::of("r", &rows.columns);
    let mut expressions = Expressions::new(&relations, &scope);
    match expression(sql).and_then(|sql| expressions.write(&sql)) {
        Ok(written) => {
            let unless = expressions.guards.iter().map(|guard| match guard {
                Guard::Row(condition) | Guard::Rows(condition) | Guard::Alone(condition) | Guard::Tied(condition) => {
                    format!(" unless {condition}")
                }
            });
            written.sql.replace("\"r\".", "") + &unless.collect::<String>().replace("\"r\".", "")
        }
        Err(refused) => format!("refused: {}", refused.what),
    }
}

#[track_caller]
fn check(sql: &str, expected: &str) {
    assert_eq!(written(sql), expected, "{sql}");
}

#[track_caller]
fn check_refused(sql: &str) {
    assert!(written(sql).starts_with("refused: "), "{sql}: {}", written(sql));
}

#[test]
fn what_the_engine_cannot_read_is_told() {
    let (tables, inputs) = (HashMap::from([("live".to_owned(), table())]), [Input::Live { name: "t".into(), relation: "live".into() }]);
    let rows = Relations::new(&tables, &inputs).selected(&select("select _malformed from t").unwrap(), None, &mut vec![]).unwrap();
    let told = r#"case when "amount" = 'NaN' then '`amount` () holds a value that decimal(12,2) cannot hold: ' || "amount"::text when "day" = '-infinity' or "#;
    assert!(rows.sql.contains(told), "{}", rows.sql);
    assert!(rows.sql.contains(r#"then '`day` () holds a value that date cannot hold: ' || "day"::text when "at" = "#), "{}", rows.sql);
}

#[test]
fn what_means_the_same_is_written() {
    check("amount < 0 or status is null", r#"(("amount" < 0) or ("status" is null))"#);
    check("(status = 'o''k') is not true", r#"(("status" = 'o''k'::text) is not true)"#);
    check("\"Order No\" not in ('a', 'b')", r#"("Order No" not in ('a'::text, 'b'::text))"#);
    check("amount > cast('99.95' as decimal(4,2))", r#"("amount" > ('99.95'::text)::numeric(4,2))"#);
    check("at < cast('2026-01-31 12:00:00' as timestamp(6))", r#"("at" < '2026-01-31 12:00:00'::timestamp)"#);
    check("day >= '2026-01-31'", r#"("day" >= '2026-01-31'::date)"#);
    check("regexp_like(status, '^a+$')", r#"("status" ~ '\A(?:a){1,}\Z')"#);
    check("small + 1 = id", r#"(("small" + 1) = "id")"#);
    check("sum(amount) filter (where id > 1)", r#"(sum("amount") filter (where ("id" > 1)))::numeric(22,2)"#);
    check("cast(count(id) as double) / nullif(count(*), 0)", r#"(((count("id")))::float8 / nullif((count(*)), 0))"#);
}

#[test]
fn functions_of_texts_times_and_windows_are_written() {
    check("amount >= 0.5", r#"("amount" >= 0.500000000000000)"#);
    check_refused("amount >= -99.95");
    check("ratio * amount", r#"("ratio" * ("amount")::float8)"#);
    check(
        "case status when 'a' then amount when 'b' then null else 0 end",
        r#"(case when ("status" = 'a'::text) then ("amount")::numeric(22,2) when ("status" = 'b'::text) then null else (0)::numeric(22,2) end)"#,
    );
    check("cast(null as date)", "(null::date)::date");
    check("at >= '2026-01-31'", r#"("at" >= '2026-01-31'::date::timestamp)"#);
    check("substring(status from 2 for 3) || left(status, 1)", r#"(substr("status", 2, 3) || left("status", 1))"#);
    check("position('@' in status)", r#"strpos("status", '@'::text)"#);
    check("extract(year from day)", r#"floor(extract(year from "day"))::int4 unless ("day" < '0001-01-01')"#);
    check("date_trunc('month', at)", r#"date_trunc('month', "at") unless ("at" not between '1678-01-01' and '2261-12-31')"#);
    check(
        "rank() over (partition by status order by amount desc)",
        r#"(rank() over (partition by "status" order by "amount" desc))::numeric(20,0)"#,
    );
    check(
        "lag(amount) over (partition by status order by day nulls first)",
        r#"(lag("amount") over (partition by "status" order by "day" nulls first)) unless "status", "day""#,
    );
    check(
        "sum(amount) over (order by day rows between 6 preceding and current row)",
        r#"(sum("amount") over (order by "day" rows between 6 preceding and current row))::numeric(22,2) unless "day""#,
    );
}

#[test]
fn what_differs_for_some_rows_alone_says_for_which() {
    check("lower(status) = 'x'", r#"(lower("status") = 'x'::text) unless octet_length("status") <> char_length("status")"#);
    let float = written("ratio > 0.5");
    assert!(float.starts_with("(\"ratio\" > '0.5'::float8) unless (case when \"ratio\" = 0 then float8send"), "{float}");
    assert!(written("avg(id)").contains(" unless coalesce(sum(abs((\"id\")::numeric)), 0) > 9007199254740992"), "{}", written("avg(id)"));
}

#[test]
fn what_may_differ_is_refused() {
    for sql in [
        "stddev(amount)",
        "sum(ratio)",
        "cast(ratio as varchar)",
        "cast(amount as bigint)",
        "try_cast(status as double) > 1",
        "amount / 3 > 1",
        "status = 5",
        "day < cast('2026-01-31 12:00:00' as timestamp(6))",
        "day < '31.01.2026'",
        "status like 'a\\%'",
        "upper('ä') = status",
        "now() > at",
        "missing = 1",
        "1 = 1",
        "status || id",
        "row_number() over () > 1",
        "lag(id) over (order by 1) > 1",
        "rank() over (order by status range between 1 preceding and current row) > 1",
        "date_trunc('century', day) > day",
        "extract(epoch from at) > 1",
        "substr(status, -1) = 'a'",
        "replace(status, '', 'x') = 'a'",
        "round(amount, 1) > 1",
        "ratio > amount",
        "id in (select id from elsewhere)",
    ] {
        check_refused(sql);
    }
}

#[test]
fn rows_that_the_engine_cannot_read_are_left_out() {
    let (tables, inputs) = (HashMap::from([("live".to_owned(), table())]), [Input::Live { name: "t".into(), relation: "live".into() }]);
    let relations = Relations::new(&tables, &inputs);
    let selected = relations.selected(&select("select id from t where _malformed is null").unwrap(), None, &mut vec![]).unwrap();
    for part in
        ["\"amount\" = 'NaN'", "\"day\" = '-infinity' or \"day\" > '262142-12-31'", "\"at\" = '-infinity'", "from \"shop\".\"Orders\""]
    {
        assert!(selected.sql.contains(part), "{part} is missing: {}", selected.sql);
    }
    let foreign = BaseTable { keeps_types: false, ..table() };
    let tables = HashMap::from([("live".to_owned(), foreign)]);
    let selected = Relations::new(&tables, &inputs).selected(&select("select id from t").unwrap(), None, &mut vec![]).unwrap();
    assert!(selected.sql.contains("abs(\"amount\") >= 10000000000 or \"amount\" <> round(\"amount\", 2)"), "{}", selected.sql);
}

#[test]
fn queries_of_rules_on_rows_together_are_written() {
    let tables = HashMap::from([("live".to_owned(), table())]);
    let inputs = [
        Input::Live { name: "t".into(), relation: "live".into() },
        Input::Query { name: "after".into(), sql: "select id, status from t".into() },
    ];
    let relations = Relations::new(&tables, &inputs);
    let sql = "select status, count(*) as copies from (select * from after where id > 1) as judged where status is not null group by status having count(*) > 1 order by copies desc, status";
    let selected = relations.selected(&select(sql).unwrap(), None, &mut vec![]).unwrap();
    assert!(
        selected.sql.starts_with("select \"judged\".\"status\" as \"status\", (count(*)) as \"copies\" from (select "),
        "{}",
        selected.sql
    );
    assert!(
        selected.sql.ends_with("where (\"judged\".\"status\" is not null) group by \"judged\".\"status\" having ((count(*)) > 1) order by \"copies\" desc, \"status\""),
        "{}",
        selected.sql
    );
    for sql in [
        "select id from after limit 1",
        "select * from after a join t using (id)",
        "select id from after a full join t using (id)",
        "select a.id from after a full join t on t.id > a.id",
        "select a.id from after a join t on lower(a.status) = t.status",
        "with recursive r as (select id from t) select id from r",
        "select id from elsewhere",
        "select id, id from after order by ratio",
        "select id from after where id not in (select id from t)",
        "select id in (select id from t) as there from after",
        "select u.id from (select id, status from after) as u (status, id)",
    ] {
        assert!(relations.selected(&select(sql).unwrap(), None, &mut vec![]).is_err(), "{sql}");
    }
}

#[test]
fn joins_and_named_queries_are_written() {
    let tables = HashMap::from([("live".to_owned(), table())]);
    let inputs = [Input::Live { name: "t".into(), relation: "live".into() }];
    let relations = Relations::new(&tables, &inputs);
    let written = |sql: &str| relations.selected(&select(sql).unwrap(), None, &mut vec![]).map(|selected| selected.sql).unwrap();
    let joined = written(
        "with paid as (select id, amount from t where status = 'paid')
         select t.status as state, sum(paid.amount) as amount from t left join paid on paid.id = t.id group by state",
    );
    let end = r#" as "paid" on ("paid"."id" = "t"."id")) group by "t"."status""#;
    assert!(joined.ends_with(end), "{joined}");
    assert!(joined.contains(r#" as "t" left join (select "t"."id" as "id", "t"."amount" as "amount" from (select "#), "{joined}");
    let using = written("select id, u.amount from t left join t as u using (id)");
    assert!(using.starts_with(r#"select "t"."id" as "id", "u"."amount""#) && using.ends_with(r#" on ("t"."id" = "u"."id"))"#), "{using}");
    let full = written("select t.id from t full join t as u on u.id = t.id and u.small = t.small");
    assert!(full.contains(" full join ("), "{full}");
    let first = "select id from (select id, row_number() over (partition by status order by id) as place from t) where place = 1";
    assert!(written(first).ends_with(r#" as "rows 0" where ("rows 0"."place" = 1)"#), "{}", written(first));
    let among = written("select id from t where small > 1 and id in (select id from t as u where u.status = t.status)");
    assert!(among.contains(r#" and ("t"."id" in (select "u"."id" as "id" from (select "#), "{among}");
    assert!(written("select id from t except select id from t where small is null").contains(") except ("), "an except");
    assert!(written("select upper(t.status) as s, count(*) as n from t group by 1").ends_with(r#" group by upper("t"."status")"#));
}

#[test]
fn what_is_refused_is_marked() {
    let tables = HashMap::from([("live".to_owned(), table())]);
    let inputs = [Input::Live { name: "t".into(), relation: "live".into() }];
    let relations = Relations::new(&tables, &inputs);
    let refused = |sql: &str| relations.selected(&select(sql).unwrap(), None, &mut vec![]).map(|selected| selected.sql).unwrap_err();
    let place = |sql: &str| refused(sql).at.map(|at| (at.line, at.column, at.length));
    assert_eq!(place("select id,\n  amount / 3 as third\nfrom t"), Some((2, 3, 10)));
    assert_eq!(place("select t.id from t full join t as u on u.id > t.id"), Some((1, 40, 11)));
}

#[test]
fn what_differs_for_some_rows_is_asked_of_those_that_stay() {
    let tables = HashMap::from([("live".to_owned(), table())]);
    let inputs = [Input::Live { name: "t".into(), relation: "live".into() }];
    let mut guards = vec![];
    let sql = "select upper(status) as s, avg(id) as mean from t where small > 1 group by upper(status)";
    Relations::new(&tables, &inputs).selected(&select(sql).unwrap(), None, &mut guards).unwrap();
    let [.., Guard::Alone(row), Guard::Alone(rows)] = &guards[..] else { panic!("{guards:?}") };
    assert!(row.ends_with(r#" where ("t"."small" > 1) and octet_length("t"."status") <> char_length("t"."status"))"#), "{row}");
    assert!(rows.contains(r#" group by upper("t"."status") having coalesce(sum("#), "{rows}");
}
