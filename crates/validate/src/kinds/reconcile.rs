//! `reconcile`: the table agrees with another one.

use hw_base::{Column, ColumnType, Share, identifier, literal};
use schemars::{JsonSchema, Schema, SchemaGenerator, json_schema};
use serde::{Deserialize, Deserializer, de};

use crate::columns::{find_all, in_parentheses, list};
use crate::exact::Exact;
use crate::explain::About;
use crate::kinds::RuleKind;
use crate::rule::{Problems, RuleBody};
use crate::scalar::Scalar;
use crate::shape::Shape;
use crate::shared_settings::{Common, counting_settings, kind_is};

/// The table agrees with another one.
#[derive(Debug)]
pub(super) struct Reconcile;

/// How far two measures may be apart.
#[derive(Clone, Debug, PartialEq)]
enum Distance {
    /// This share of the measure of the other table.
    Share(Share),
    /// This number.
    Number(Exact),
}

impl Distance {
    /// A number with `%` is a share, any other one is that number.
    fn read(written: &Scalar) -> Option<Self> {
        let text = written.to_string();
        match text.trim().strip_suffix('%') {
            Some(_) => text.parse().ok().map(Self::Share),
            None => written.as_number().filter(|number| *number >= Exact::from(0)).map(Self::Number),
        }
    }
}

impl<'de> Deserialize<'de> for Distance {
    fn deserialize<D: Deserializer<'de>>(deserializer: D) -> Result<Self, D::Error> {
        let written = Scalar::deserialize(deserializer)?;
        Self::read(&written).ok_or_else(|| {
            de::Error::custom(format!(
                "`{written}` is no distance; write a percentage such as `1%`, or a number of 0 or more, such as `0.03`"
            ))
        })
    }
}

impl JsonSchema for Distance {
    fn schema_name() -> std::borrow::Cow<'static, str> {
        "Distance".into()
    }

    fn json_schema(_: &mut SchemaGenerator) -> Schema {
        json_schema!({ "type": ["string", "number"], "description": "a percentage such as `1%`, or a number such as `0.03`" })
    }
}

counting_settings! {
    /// Settings of `reconcile`.
    ReconcileSettings {
        /// The other table: a model, or `source.dataset`.
        with: String,
        /// Only the rows of the other table where this SQL condition is true.
        with_where: Option<String>,
        /// What must be equal in both: SQL aggregates such as `count(*)` or `sum(total_amount)`. The number of rows where neither this, `key` nor `columns` is given.
        measures: Option<Vec<String>>,
        /// How far two measures may be apart: a share of the other table's such as `1%`, or a number such as `0.03`. 0 where it is not given.
        within: Option<Distance>,
        /// The columns that identify a row in both tables: compare row by row.
        key: Option<Vec<String>>,
        /// The columns to compare: all others of this table where it is not given. Without `key`, the rows are compared as sets.
        columns: Option<Vec<String>>,
    }
}

impl RuleKind for Reconcile {
    kind_is!("reconcile", Consistency, Set, ReconcileSettings);

    fn about(&self) -> About {
        About {
            finds: "Differences between the table, as it would be after the load, and the table in `with`. Without `key` and `columns`, the `measures` are compared: each that is further apart than `within` counts as one violation, and so does one that has a value on one side only. Measures are compared in their own types, whole numbers and decimals to the last digit. With `key`, rows are compared one by one: those that only one of the tables has, copies included, and those whose `columns` differ; two nulls are equal, in the key as well. With `columns` and no `key`, rows whose values occur in one of the tables only, however often, count once each. `where` limits this table, `with_where` the other one.",
            matters: "Rows that got lost between the shop and the warehouse break no rule on rows: they are not there.",
            example: "- reconcile: { with: order_lines, measures: ['count(*)', 'sum(total_amount)'], within: 0.1% }\n- reconcile: { with: order_lines, key: [order_id, line], columns: [total_amount, status], on_failure: alert }",
            remedy: "Start with the rows that only one side has: look at filters, joins and the last window that was loaded. Rows that differ point to a change that was not followed.",
        }
    }
}

impl ReconcileSettings {
    /// Every measure in both tables, where they are apart.
    fn measured(&self) -> String {
        let count = ["count(*)".to_owned()];
        match self.measures.as_deref().unwrap_or(&count) {
            [measure] => format!("select * {}", self.apart(measure)),
            // Each is compared in its own type; the table of all shows them as they are written.
            measures => {
                let written = "measure, cast(here as varchar) as here, cast(there as varchar) as there";
                measures.iter().map(|measure| format!("select {written} {}", self.apart(measure))).collect::<Vec<_>>().join(" union all ")
            }
        }
    }

    /// A measure of both tables, if they are apart.
    fn apart(&self, measure: &str) -> String {
        let sql = in_parentheses(measure);
        let apart = match &self.within {
            Some(Distance::Share(share)) => {
                format!("abs(cast(here as double) - cast(there as double)) > abs(cast(there as double)) * {}", share.0)
            }
            Some(Distance::Number(number)) => format!("cast(abs(here - there) as double) > {number}"),
            None => "here <> there".into(),
        };
        format!(
            "from (select {} as measure, (select {sql} from {{table}} as judged) as here, (select {sql} from {} as referred) as there) \
             as both_sides where {apart} or (here is null) <> (there is null)",
            literal(measure.trim()),
            self.other()
        )
    }

    /// The rows of the other table that count.
    fn other(&self) -> String {
        match &self.with_where {
            Some(condition) => format!("(select * from {{other}} where {})", in_parentheses(condition)),
            None => "{other}".into(),
        }
    }

    /// Rows compared one by one: of several with one key the first with the first, in the order of their values. Nulls are equal.
    fn by_key(&self, key: &[String], compared: &[&Column]) -> String {
        let both = |separator: &str, write: &dyn Fn(&str) -> String, names: &[String]| {
            names.iter().map(|name| write(&identifier(name))).collect::<Vec<_>>().join(separator)
        };
        let on = both(" and ", &|name| format!("(judged.{name} is not distinct from referred.{name})"), key);
        let keys = both(", ", &|name| format!("coalesce(judged.{name}, referred.{name}) as {name}"), key);
        let names: Vec<String> = compared.iter().map(|column| column.name.clone()).collect();
        let differs = both(" or ", &|name| format!("(judged.{name} is distinct from referred.{name})"), &names);
        let differs = if differs.is_empty() { String::new() } else { format!(" or {differs}") };
        let sorted: Vec<String> =
            compared.iter().filter(|column| column.kind != ColumnType::Other).map(|column| column.name.clone()).collect();
        let order = if sorted.is_empty() { String::new() } else { format!(" order by {}", list(&sorted)) };
        let copy = format!("row_number() over (partition by {}{order}) as copy_of_key", list(key));
        format!(
            "select {keys}, case when is_there is null then 'only here' when is_here is null then 'only there' else 'differs' end as difference \
             from (select *, true as is_here, {copy} from {{table}} as rows_here) as judged \
             full outer join (select *, true as is_there, {copy} from {} as rows_there) as referred \
             on {on} and judged.copy_of_key = referred.copy_of_key where is_here is null or is_there is null{differs}",
            self.other()
        )
    }

    /// Rows compared as sets.
    fn as_sets(&self, compared: &[String]) -> String {
        let (columns, other) = (list(compared), self.other());
        format!(
            "select *, 'only here' as difference from (select {columns} from {{table}} as judged except select {columns} from {other} as referred) \
             as extra union all select *, 'only there' as difference from (select {columns} from {other} as referred except \
             select {columns} from {{table}} as judged) as missing"
        )
    }
}

impl RuleBody for ReconcileSettings {
    fn common(&self) -> Common {
        self.shared()
    }

    fn columns(&self) -> Vec<String> {
        self.key.iter().flatten().chain(self.columns.iter().flatten()).cloned().collect()
    }

    fn label(&self) -> String {
        self.with.clone()
    }

    fn other_table(&self) -> Option<String> {
        Some(self.with.clone())
    }

    fn check(&self, problems: &mut Problems<'_>) {
        if self.with.split('.').any(|part| part.trim().is_empty()) {
            problems.add("with", format!("`{}` names no table", self.with), "name a model, or `source.dataset`");
        }
        for (key, list) in [("measures", &self.measures), ("key", &self.key), ("columns", &self.columns)] {
            if list.as_ref().is_some_and(Vec::is_empty) {
                problems.add(key, format!("`{key}` is empty"), format!("remove `{key}`, or name something"));
            }
        }
        let by_rows = self.key.is_some() || self.columns.is_some();
        if by_rows && (self.measures.is_some() || self.within.is_some()) {
            let key = if self.measures.is_some() { "measures" } else { "within" };
            problems.add(
                key,
                format!("`{key}` does not go with `key` and `columns`"),
                "write two rules: one for measures and one for rows",
            );
        }
    }

    fn shape(&self, columns: &[Column]) -> Result<Shape, String> {
        find_all(columns, &self.columns())?;
        let violations = match (&self.key, &self.columns) {
            (None, None) => self.measured(),
            (None, Some(compared)) => self.as_sets(compared),
            (Some(key), Some(compared)) => self.by_key(key, &find_all(columns, compared)?),
            (Some(key), None) => self.by_key(key, &columns.iter().filter(|column| !key.contains(&column.name)).collect::<Vec<_>>()),
        };
        Ok(Shape::violations_of(violations, Some(self.with.split('.').map(str::to_owned).collect())))
    }
}

#[cfg(test)]
mod tests {
    use serde_json::{Value as Json, json};

    use super::*;
    use crate::testing::{check_misfit, check_set, refused};

    #[track_caller]
    fn check(settings: &Json, table: &str, expected: &str) {
        check_set(&json!({ "reconcile": settings }), table, &format!("select count(*) as violations from ({expected}) as broken"));
    }

    #[test]
    fn measures_are_taken_on_both_sides() {
        check(
            &json!({"with": "shop.orders", "measures": ["sum(a)"], "within": "1%", "with_where": "b"}),
            "a bigint",
            "select * from (select 'sum(a)' as measure, (select (sum(a)) from after as judged) as here, \
             (select (sum(a)) from (select * from shop.orders where (b)) as referred) as there) as both_sides \
             where abs(cast(here as double) - cast(there as double)) > abs(cast(there as double)) * 0.01 or (here is null) <> (there is null)",
        );
        check(
            &json!({"with": "t", "within": 0.03}),
            "a bigint",
            "select * from (select 'count(*)' as measure, (select (count(*)) from after as judged) as here, \
             (select (count(*)) from t as referred) as there) as both_sides \
             where cast(abs(here - there) as double) > 0.03 or (here is null) <> (there is null)",
        );
    }

    #[test]
    fn a_distance_is_a_share_only_with_its_sign() {
        let read = |within: Json| Distance::read(&serde_json::from_value(within).unwrap());
        assert_eq!(read(json!("1%")), Some(Distance::Share(Share(0.01))));
        assert_eq!(read(json!(0.03)), Some(Distance::Number(Exact::parse("0.03").unwrap())));
        assert_eq!(read(json!("3.9")), Some(Distance::Number(Exact::parse("3.9").unwrap())));
        assert_eq!((read(json!(-1)), read(json!("x")), read(json!("x%"))), (None, None, None));
        assert!(refused(&json!([{"reconcile": {"with": "t", "within": "much"}}])).contains("`much` is no distance"));
    }

    #[test]
    fn rows_are_compared_by_key_or_as_sets() {
        check(
            &json!({"with": "t", "key": ["a"]}),
            "a bigint, b bigint, c bigint",
            "select coalesce(judged.a, referred.a) as a, case when is_there is null then 'only here' when is_here is null then 'only there' \
             else 'differs' end as difference from (select *, true as is_here, row_number() over (partition by a order by b, c) as copy_of_key \
             from after as rows_here) as judged full outer join (select *, true as is_there, row_number() over (partition by a order by b, c) \
             as copy_of_key from t as rows_there) as referred \
             on (judged.a is not distinct from referred.a) and judged.copy_of_key = referred.copy_of_key \
             where is_here is null or is_there is null or (judged.b is distinct from referred.b) or (judged.c is distinct from referred.c)",
        );
        check(
            &json!({"with": "t", "columns": ["b"]}),
            "a bigint, b bigint",
            "select *, 'only here' as difference from (select b from after as judged except select b from t as referred) as extra \
             union all select *, 'only there' as difference from (select b from t as referred except select b from after as judged) as missing",
        );
        check_misfit(&json!({"reconcile": {"with": "t", "key": ["x"]}}), "a bigint", "there is no column `x`; did you mean `a`?");
    }

    #[test]
    fn one_way_of_comparing_is_wanted() {
        let refuse = |settings: Json| refused(&json!([{ "reconcile": settings }]));
        assert!(refuse(json!({"with": "shop."})).contains("names no table"));
        assert!(refuse(json!({"with": "t", "key": []})).contains("`key` is empty"));
        assert!(refuse(json!({"with": "t", "key": ["a"], "within": "1%"})).contains("`within` does not go with `key`"));
    }
}
