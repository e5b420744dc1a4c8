//! `reconcile`: the table agrees with another one.

use hw_base::{Column, Tolerance, identifier, literal};

use crate::columns::{find_all, in_parentheses, list};
use crate::explain::About;
use crate::kinds::RuleKind;
use crate::rule::{Problems, RuleBody};
use crate::shape::Shape;
use crate::shared_settings::{Common, counting_settings, kind_is};

/// The table agrees with another one.
#[derive(Debug)]
pub(super) struct Reconcile;

counting_settings! {
    /// Settings of `reconcile`.
    ReconcileSettings {
        /// The other table: a model, or `source.dataset`.
        with: String,
        /// Only the rows of the other table where this SQL condition is true.
        with_where: Option<String>,
        /// What must be equal in both: SQL aggregates such as `count(*)` or `sum(total_amount)`. The number of rows where neither this, `key` nor `columns` is given.
        measures: Option<Vec<String>>,
        /// How far two measures may be apart: a share such as `1%`, or a number. 0 where it is not given.
        within: Option<Tolerance>,
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
            finds: "Differences between the table, as it would be after the load, and the table in `with`. Without `key` and `columns`, the `measures` are compared: each that is further apart than `within` counts as one violation, and so does one that has a value on one side only. With `key`, rows are compared one by one: those that only one of the tables has, and those whose `columns` differ; two nulls are equal. With `columns` and no `key`, rows whose values occur in one of the tables only, however often, count once each. `where` limits this table, `with_where` the other one.",
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
        let measures = self.measures.as_deref().unwrap_or(&count);
        let sides: Vec<String> = measures.iter().map(|measure| self.both_sides(measure)).collect();
        let apart = match self.within {
            Some(Tolerance::Share(share)) => format!("abs(here - there) > abs(there) * {}", share.0),
            Some(Tolerance::Rows(number)) => format!("abs(here - there) > {number}"),
            None => "here <> there".into(),
        };
        format!("select * from ({}) as both_sides where {apart} or (here is null) <> (there is null)", sides.join(" union all "))
    }

    fn both_sides(&self, measure: &str) -> String {
        let sql = in_parentheses(measure);
        format!(
            "select {} as measure, (select cast({sql} as double) from {{table}} as judged) as here, \
             (select cast({sql} as double) from {} as referred) as there",
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

    /// Rows compared one by one.
    fn by_key(&self, key: &[String], compared: &[String]) -> String {
        let both = |separator: &str, write: &dyn Fn(&str) -> String, names: &[String]| {
            names.iter().map(|name| write(&identifier(name))).collect::<Vec<_>>().join(separator)
        };
        let on = both(" and ", &|name| format!("judged.{name} = referred.{name}"), key);
        let keys = both(", ", &|name| format!("coalesce(judged.{name}, referred.{name}) as {name}"), key);
        let differs = both(" or ", &|name| format!("(judged.{name} is distinct from referred.{name})"), compared);
        let differs = if differs.is_empty() { String::new() } else { format!(" or {differs}") };
        format!(
            "select {keys}, case when is_there is null then 'only here' when is_here is null then 'only there' else 'differs' end as difference \
             from (select *, true as is_here from {{table}}) as judged full outer join (select *, true as is_there from {}) as referred on {on} \
             where is_here is null or is_there is null{differs}",
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
            (Some(key), compared) => {
                let others = || columns.iter().map(|column| column.name.clone()).filter(|name| !key.contains(name)).collect();
                self.by_key(key, &compared.clone().unwrap_or_else(others))
            }
        };
        Ok(Shape::violations_of(violations, Some(self.with.split('.').map(str::to_owned).collect())))
    }
}

#[cfg(test)]
mod tests {
    use serde_json::{Value as Json, json};

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
            "select * from (select 'sum(a)' as measure, (select cast((sum(a)) as double) from after as judged) as here, \
             (select cast((sum(a)) as double) from (select * from shop.orders where (b)) as referred) as there) as both_sides \
             where abs(here - there) > abs(there) * 0.01 or (here is null) <> (there is null)",
        );
    }

    #[test]
    fn rows_are_compared_by_key_or_as_sets() {
        check(
            &json!({"with": "t", "key": ["a"]}),
            "a bigint, b bigint, c bigint",
            "select coalesce(judged.a, referred.a) as a, case when is_there is null then 'only here' when is_here is null then 'only there' \
             else 'differs' end as difference from (select *, true as is_here from after) as judged full outer join \
             (select *, true as is_there from t) as referred on judged.a = referred.a \
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
