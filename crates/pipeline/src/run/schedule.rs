//! Which steps of a plan may run at the same time: those without a path between them.

use std::collections::{BTreeSet, HashMap};

use crate::plan::Step;

/// What is still to be begun of a plan.
pub(super) struct Schedule {
    /// For each step those that have to end before it begins.
    waits: Vec<BTreeSet<usize>>,
    /// For each step those that wait for it.
    awaited: Vec<Vec<usize>>,
    /// Those that wait for none and have not begun, in the order of the plan.
    ready: BTreeSet<usize>,
}

impl Schedule {
    /// The schedule of these steps.
    pub(super) fn of(steps: &[Step]) -> Self {
        let mut waits = vec![BTreeSet::new(); steps.len()];
        let names = Names::of(steps);
        for (at, step) in steps.iter().enumerate() {
            waits[at].extend(step.after.iter().filter_map(|name| names.steps.get(name.as_str()).copied()).filter(|before| *before < at));
            // A rule looks at another table as it is when one step comes after the other.
            for other in step.rules.iter().filter_map(|rule| rule.body.other_table()).filter_map(|table| names.of_table(&table)) {
                let (earlier, later) = (at.min(other), at.max(other));
                if earlier < later {
                    waits[later].insert(earlier);
                }
            }
        }
        let mut awaited = vec![Vec::new(); steps.len()];
        for (later, waits) in waits.iter().enumerate() {
            for earlier in waits {
                awaited[*earlier].push(later);
            }
        }
        let ready = (0..steps.len()).filter(|at| waits[*at].is_empty()).collect();
        Self { waits, awaited, ready }
    }

    /// The first step that waits for none; it begins now.
    pub(super) fn next(&mut self) -> Option<usize> {
        self.ready.pop_first()
    }

    /// Lets those go on that wait for a step.
    pub(super) fn ended(&mut self, step: usize) {
        for later in std::mem::take(&mut self.awaited[step]) {
            self.waits[later].remove(&step);
            if self.waits[later].is_empty() {
                self.ready.insert(later);
            }
        }
    }
}

/// Where steps are in a plan, by their names.
struct Names<'a> {
    steps: HashMap<&'a str, usize>,
    datasets: HashMap<&'a str, usize>,
}

impl<'a> Names<'a> {
    fn of(steps: &'a [Step]) -> Self {
        let named = steps.iter().enumerate().rev();
        let datasets = named.clone().filter(|(_, step)| step.table.is_raw()).map(|(at, step)| (step.table.leaf(), at));
        Self { datasets: datasets.collect(), steps: named.map(|(at, step)| (step.name.as_str(), at)).collect() }
    }

    /// The step that makes a table as a rule names it.
    fn of_table(&self, table: &str) -> Option<usize> {
        let dataset = table.strip_prefix("raw.").unwrap_or(table);
        let found = [self.steps.get(table), self.datasets.get(dataset)];
        found.into_iter().flatten().min().copied()
    }
}

#[cfg(test)]
mod tests {
    use expect_test::{Expect, expect};
    use serde_json::{Value as Json, json};

    use super::*;
    use crate::Selection;
    use crate::fixture::World;

    /// Checks which steps could run at the same time, if each took as long as the others.
    #[track_caller]
    #[expect(clippy::needless_pass_by_value, reason = "as `expect!` makes it")]
    fn check(models: &[(&str, &str, Json)], expected: Expect) {
        let plan = World::new(models).try_plan(&Selection::default()).unwrap();
        let mut schedule = Schedule::of(&plan.steps);
        let mut waves = Vec::new();
        loop {
            let wave: Vec<usize> = std::iter::from_fn(|| schedule.next()).collect();
            if wave.is_empty() {
                break;
            }
            for at in &wave {
                schedule.ended(*at);
            }
            waves.push(wave.iter().map(|at| plan.steps[*at].name.as_str()).collect::<Vec<_>>().join(", "));
        }
        expected.assert_eq(&waves.join("\n"));
    }

    #[test]
    fn steps_without_a_path_between_them_run_together() {
        let models = [
            ("a_report", "select * from facts join names", json!({})),
            ("facts", "select * from shop.orders join names", json!({})),
            ("names", "select * from crm.customers", json!({})),
            ("other", "select * from lake.orders", json!({})),
        ];
        check(
            &models,
            expect![[r"
            raw/crm.customers, raw/lake.orders, raw/shop.orders
            names, other
            facts
            a_report"]],
        );
    }

    #[test]
    fn a_rule_sees_the_other_table_as_if_one_step_came_after_the_other() {
        let rule = json!({ "rules": [{ "referential": { "column": "id", "to": "names.id" } }] });
        let models = [("facts", "select * from shop.orders", rule), ("names", "select * from crm.customers", json!({}))];
        check(
            &models,
            expect![[r"
            raw/crm.customers, raw/shop.orders
            names
            facts"]],
        );
        let rule = json!({ "rules": [{ "referential": { "column": "id", "to": "report.id" } }] });
        let models = [("names", "select * from crm.customers", rule), ("report", "select * from names", json!({}))];
        check(
            &models,
            expect![[r"
            raw/crm.customers
            names
            report"]],
        );
    }
}
