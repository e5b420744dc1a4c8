//! Which steps of a plan may run at the same time: those without a path between them.

use std::collections::BTreeSet;

use crate::plan::Step;

/// What is still to be begun of a plan.
pub(super) struct Schedule {
    /// For each step those that have to end before it begins.
    waits: Vec<BTreeSet<usize>>,
    /// Those that have not begun, in the order of the plan.
    left: Vec<usize>,
}

impl Schedule {
    /// The schedule of these steps.
    pub(super) fn of(steps: &[Step]) -> Self {
        let mut waits = vec![BTreeSet::new(); steps.len()];
        for (at, step) in steps.iter().enumerate() {
            waits[at].extend(step.after.iter().filter_map(|name| place(steps, name)).filter(|before| *before < at));
            // A rule looks at another table as it is when one step comes after the other.
            for other in step.rules.iter().filter_map(|rule| rule.body.other_table()).filter_map(|table| place_of_table(steps, &table)) {
                let (earlier, later) = (at.min(other), at.max(other));
                if earlier < later {
                    waits[later].insert(earlier);
                }
            }
        }
        Self { waits, left: (0..steps.len()).collect() }
    }

    /// The first step that waits for none; it begins now.
    pub(super) fn next(&mut self) -> Option<usize> {
        let found = self.left.iter().position(|at| self.waits[*at].is_empty())?;
        Some(self.left.remove(found))
    }

    /// Lets those go on that wait for a step.
    pub(super) fn ended(&mut self, step: usize) {
        for waits in &mut self.waits {
            waits.remove(&step);
        }
    }
}

fn place(steps: &[Step], name: &str) -> Option<usize> {
    steps.iter().position(|step| step.name == name)
}

/// The step that makes a table as a rule names it.
fn place_of_table(steps: &[Step], table: &str) -> Option<usize> {
    let dataset = table.strip_prefix("raw.").unwrap_or(table);
    steps.iter().position(|step| step.name == table || (step.table.is_raw() && step.table.leaf() == dataset))
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
