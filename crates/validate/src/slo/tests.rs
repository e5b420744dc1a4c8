use std::time::Duration;

use hw_base::{Dimension, Notes, OnFailure, Progress, RuleResult, RunId, RunOutcome, RunRecord, StepOutcome, StepRecord, Verdict};

use super::*;

fn moment(text: &str) -> Timestamp {
    chrono::NaiveDateTime::parse_from_str(text, "%Y-%m-%d %H:%M").unwrap().and_utc()
}

fn result(text: &str) -> RuleResult {
    let (bad, rows) = text.split_once('/').unwrap();
    let (violations, rows): (u64, u64) = (bad.parse().unwrap(), rows.parse().unwrap());
    RuleResult {
        id: "not_null_id".into(),
        kind: "not_null".into(),
        dimension: Dimension::Completeness,
        columns: vec![],
        held: violations == 0,
        rows,
        population: "rows".into(),
        violations,
        share: 0.0,
        tolerance: "0 rows".into(),
        measured: None,
        action: OnFailure::Block,
        examples: vec![],
        query: None,
        violating_rows: None,
        error: None,
        notes: Notes::default(),
    }
}

fn step(outcome: StepOutcome, results: Vec<RuleResult>) -> StepRecord {
    let progress = Progress { fingerprint: String::new(), window: 1, inputs: std::collections::BTreeMap::new(), version: None };
    let verdict = Verdict::over(results);
    StepRecord { outcome, verdict, ..StepRecord::started("orders", "replace", "all rows", progress) }
}

/// A run per line: `2026-01-01 02:00 +5 published 3/100` began then, took 5 minutes, and 3 of 100 rows broke the rule.
fn runs(text: &str) -> Vec<RunRecord> {
    let run = |line: &str| {
        let words: Vec<&str> = line.split_whitespace().collect();
        let started = moment(&format!("{} {}", words[0], words[1]));
        let minutes: i64 = words[2].parse().unwrap();
        let (outcome, step_outcome) = match words[3] {
            "published" => (RunOutcome::Succeeded, StepOutcome::Published),
            "blocked" => (RunOutcome::Blocked, StepOutcome::Blocked),
            "failed" => (RunOutcome::Failed, StepOutcome::Failed),
            _ => (RunOutcome::Unchanged, StepOutcome::Unchanged),
        };
        RunRecord {
            run: RunId(line.into()),
            project: "test".into(),
            started,
            ended: Some(started + TimeDelta::minutes(minutes)),
            outcome: Some(outcome),
            steps: vec![step(step_outcome, words.get(4).map(|text| result(text)).into_iter().collect())],
            version_group: std::collections::BTreeMap::new(),
        }
    };
    text.lines().map(str::trim).filter(|line| !line.is_empty()).map(run).collect()
}

fn rule(target: f64) -> Slo {
    let indicator = Indicator::Rule { step: "orders".into(), rule: "not_null_id".into() };
    Slo { name: "complete".into(), indicator, target: Share(target), over: TimeSpan(Duration::from_hours(28 * 24)) }
}

fn timed(indicator: Indicator, target: f64) -> Slo {
    Slo { name: "timed".into(), indicator, target: Share(target), over: TimeSpan(Duration::from_hours(24)) }
}

#[track_caller]
fn check(slo: &Slo, history: &str, now: &str, outcome: &str) {
    let SloStatus { state, unit, events, bad, budget, budget_left, burn_rate, burning, .. } = slo.status(&runs(history), moment(now));
    let burning = burning.map(|burning| format!(", {:.1} over {}", burning.burn_rate, hw_base::duration(burning.window_seconds)));
    let budget = format!("budget {budget:.1}, {:.0} % left, burn {burn_rate:.2}", budget_left * 100.0);
    assert_eq!(format!("{state:?}: {bad:.0} of {events:.0} {unit}, {budget}{}", burning.unwrap_or_default()), outcome);
}

#[test]
fn the_budget_is_what_the_target_leaves_of_all_rows() {
    let history = "2026-01-10 02:00 5 published 0/900
                   2026-01-11 02:00 5 published 20/100";
    check(&rule(0.95), history, "2026-01-20 00:00", "Met: 20 of 1000 rows, budget 50.0, 60 % left, burn 0.40");
    check(&rule(0.98), history, "2026-01-20 00:00", "Met: 20 of 1000 rows, budget 20.0, 0 % left, burn 1.00");
    check(&rule(0.99), history, "2026-01-20 00:00", "Missed: 20 of 1000 rows, budget 10.0, -100 % left, burn 2.00");
    check(&rule(0.95), history, "2026-02-09 00:00", "NoData: 0 of 0 rows, budget 0.0, 100 % left, burn 0.00");
}

#[test]
fn a_budget_that_is_used_up_fast_burns_while_it_goes_on() {
    let history = "2026-01-01 02:00 5 published 0/10000
                   2026-01-19 22:00 5 published 8/100
                   2026-01-20 00:00 5 published 8/100";
    check(&rule(0.95), history, "2026-01-20 01:00", "Burning: 16 of 10200 rows, budget 510.0, 97 % left, burn 0.03, 1.6 over 67 h 12 min");
    check(&rule(0.95), history, "2026-01-20 07:00", "Met: 16 of 10200 rows, budget 510.0, 97 % left, burn 0.03");
}

#[test]
fn a_blocked_load_counts_until_the_next_attempt() {
    let blocked = "2026-01-10 02:00 5 published 0/900
                   2026-01-11 02:00 5 blocked 100/100
                   2026-01-12 02:00 5 blocked 100/100";
    check(&rule(0.95), blocked, "2026-01-20 00:00", "Missed: 100 of 1000 rows, budget 50.0, -100 % left, burn 2.00");
    let mended = format!("{blocked}\n2026-01-13 02:00 5 published 1/100");
    check(&rule(0.95), &mended, "2026-01-20 00:00", "Met: 1 of 1000 rows, budget 50.0, 98 % left, burn 0.02");
}

#[test]
fn where_nothing_may_be_bad_one_row_is_too_much() {
    check(&rule(1.0), "2026-01-10 02:00 5 published 0/10", "2026-01-11 00:00", "Met: 0 of 10 rows, budget 0.0, 100 % left, burn 0.00");
    let status = rule(1.0).status(&runs("2026-01-10 02:00 5 published 1/10"), moment("2026-01-11 00:00"));
    assert_eq!((status.state, status.bad), (SloState::Missed, 1.0));
}

#[test]
fn tables_are_fresh_until_the_last_good_run_is_too_old() {
    let slo = timed(Indicator::Freshness(TimeSpan(Duration::from_hours(2))), 0.9);
    let history = "2026-01-10 02:00 0 published
                   2026-01-10 04:00 0 failed
                   2026-01-10 05:00 0 unchanged";
    check(&slo, history, "2026-01-10 06:00", "Missed: 60 of 240 minutes, budget 24.0, -150 % left, burn 2.50");
    check(&slo, "", "2026-01-10 06:00", "NoData: 0 of 0 minutes, budget 0.0, 100 % left, burn 0.00");
}

#[test]
fn runs_that_do_nothing_are_not_timed() {
    let slo = timed(Indicator::RunTime(TimeSpan(Duration::from_mins(15))), 0.95);
    let history = "2026-01-10 02:00 20 published
                   2026-01-10 03:00 15 blocked
                   2026-01-10 04:00 1 unchanged";
    check(&slo, history, "2026-01-11 00:00", "Missed: 1 of 2 runs, budget 0.1, -900 % left, burn 10.00");
}
