//! The configuration of a test: severity, limits on its failures, condition and the like.

use serde_json::{Map, Value as Json, json};

use super::Settings;
use super::expression::Known;
use crate::suites::{Rules, Translation};

/// Keys of the configuration, which can also stand beside the arguments of a test.
const KEYS: &[&str] = &[
    "severity",
    "error_if",
    "warn_if",
    "where",
    "limit",
    "fail_calc",
    "enabled",
    "store_failures",
    "store_failures_as",
    "tags",
    "alias",
    "meta",
    "group",
    "name",
    "description",
    "database",
    "schema",
    "docs",
    "static_analysis",
    "sql_header",
];

/// Configuration that says nothing about the verdict.
const SILENT: &[&str] =
    &["store_failures", "store_failures_as", "tags", "alias", "meta", "group", "database", "schema", "docs", "static_analysis"];

/// Whether `key` belongs to the configuration of a test.
pub(super) fn is_configuration(key: &str) -> bool {
    KEYS.contains(&key)
}

/// The configuration of a test.
#[derive(Clone, Debug, Default)]
pub(super) struct Config(pub(super) Settings);

impl Config {
    /// The same with what its project says, where it says nothing itself.
    pub(super) fn within(mut self, project: &Map<String, Json>) -> Self {
        for (key, value) in project {
            self.0.entry(key).or_insert_with(|| value.clone());
        }
        self
    }

    /// The text under `key`, unless it is empty.
    pub(super) fn text(&self, key: &str) -> Option<&str> {
        self.0.get(key).and_then(Json::as_str).filter(|text| !text.trim().is_empty())
    }

    /// The same with the values of its Jinja.
    ///
    /// # Errors
    /// Names what only dbt knows.
    pub(super) fn evaluated(&self, project: &Known) -> Result<Self, String> {
        let says_nothing = |key: &str| SILENT.contains(&key) || key == "description";
        let known = |(key, value): (&String, &Json)| {
            if says_nothing(key) { Ok((key.clone(), value.clone())) } else { super::jinja::evaluated_entry(key, value, project) }
        };
        self.0.iter().map(known).collect::<Result<_, String>>().map(Self)
    }

    /// Makes sure that the test is switched on.
    ///
    /// # Errors
    /// Says that it is not.
    pub(super) fn is_enabled(&self) -> Result<(), String> {
        let is_off = self.0.get("enabled") == Some(&json!(false));
        if is_off { Err("it is switched off (`enabled: false`)".into()) } else { Ok(()) }
    }

    /// When the test fails, and when it warns.
    ///
    /// # Errors
    /// Names the configuration that has no counterpart.
    pub(super) fn limits(&self) -> Result<Vec<Limit>, String> {
        let unknown = self.0.keys().find(|key| !KEYS.contains(&key.as_str()));
        if let Some(key) = unknown.filter(|key| !SILENT.contains(&key.as_str())) {
            return Err(format!("the configuration `{key}` is not known"));
        }
        if self.0.get("fail_calc").and_then(Json::as_str).is_some_and(|calculation| calculation.trim() != "count(*)") {
            return Err("`fail_calc` counts something else than rows".into());
        }
        if self.text("sql_header").is_some() {
            return Err("`sql_header` is SQL that dbt runs before the test".into());
        }
        let warning = self.when("warn_if")?;
        let alert = Limit { action: Some("alert"), when: warning };
        // dbt does not look at `error_if` then.
        if self.only_warns() {
            return self.reached(vec![alert]);
        }
        let error = self.when("error_if")?;
        let warns_earlier = match (error, warning) {
            (When::Above(error), When::Above(warning)) => warning < error,
            (error, warning) => error != warning,
        };
        let block = Limit { action: None, when: error };
        self.reached(if warns_earlier { vec![block, alert] } else { vec![block] })
    }

    fn only_warns(&self) -> bool {
        self.text("severity").is_some_and(|severity| severity.eq_ignore_ascii_case("warn"))
    }

    /// The condition under `key`; where there is none, one failure is enough.
    fn when(&self, key: &str) -> Result<When, String> {
        self.0.get(key).map_or(Ok(When::Above(0)), |value| when(key, value))
    }

    /// The most failures that dbt counts, which is the `limit` of its query.
    fn most_counted(&self) -> Result<Option<u64>, String> {
        match self.0.get("limit") {
            None | Some(Json::Null) => Ok(None),
            Some(limit) => {
                let most = limit.as_u64().or_else(|| limit.as_str()?.trim().parse().ok());
                most.map(Some).ok_or_else(|| format!("`limit: {limit}` is no number of failures"))
            }
        }
    }

    /// Those of `limits` that can be reached by as many failures as dbt counts.
    fn reached(&self, limits: Vec<Limit>) -> Result<Vec<Limit>, String> {
        let Some(most) = self.most_counted()? else { return Ok(limits) };
        if limits.iter().any(|limit| matches!(limit.when, When::Below(failures) if most < failures)) {
            return Err(format!("it is to find more failures than the {most} that dbt counts with `limit: {most}`"));
        }
        let reached: Vec<Limit> = limits.into_iter().filter(|limit| limit.is_reached_by(most)).collect();
        if reached.is_empty() {
            return Err(format!("it never fails: dbt counts no more than {most} failures with `limit: {most}`, and as many are tolerated"));
        }
        Ok(reached)
    }

    /// What to know where the test would be an error with more failures than dbt counts.
    fn note_on_limit(&self) -> Option<String> {
        let (most, error) = (self.most_counted().ok()??, self.when("error_if").ok()?);
        let is_reached = Limit { action: None, when: error }.is_reached_by(most);
        let note = || format!("it only warns: dbt counts no more than {most} failures with `limit: {most}`, and `error_if` asks for more");
        (!self.only_warns() && !is_reached).then(note)
    }

    /// The rules of a test, one set per limit that can be reached, with its condition, description and name.
    ///
    /// # Errors
    /// Says why a limit has no counterpart.
    pub(super) fn applied(&self, rules: Rules, limits: &[Limit]) -> Translation {
        let mut rules = rules.with("description", self.text("description").into());
        if let Some(condition) = self.text("where") {
            rules = rules.only_where(condition);
        }
        let mut all = Rules { rules: Vec::new(), ..rules.clone() };
        all.note = all.note.or_else(|| self.note_on_limit());
        for limit in limits {
            let judged = match limit.when {
                When::Below(0) => continue,
                When::Above(_) if super::counted::never_fails(&rules, limit.tolerated()) => continue,
                When::Above(_) => rules.clone(),
                When::Below(failures) => too_few_failures(&rules, failures)?,
            };
            let tolerated = limit.tolerated().map_or(Json::Null, |rows| json!(rows));
            all.note = all.note.or(judged.note.clone());
            all.rules.extend(judged.with("on_failure", limit.action.into()).with("at_most", tolerated).rules);
        }
        if all.rules.is_empty() && !rules.rules.is_empty() {
            return Err("it never fails: its query returns one row at most, and more are tolerated".into());
        }
        Ok(all.named(self.text("name")))
    }
}

/// The failures with which a test fails or warns, and what happens then.
#[derive(Clone, Copy, Debug)]
pub(super) struct Limit {
    action: Option<&'static str>,
    when: When,
}

impl Limit {
    /// How many failures are tolerated, where some are.
    pub(super) fn tolerated(&self) -> Option<u64> {
        match self.when {
            When::Above(rows) => Some(rows).filter(|rows| *rows > 0),
            When::Below(_) => None,
        }
    }

    /// Whether it is ever reached where no more than `most` failures are counted.
    fn is_reached_by(self, most: u64) -> bool {
        !matches!(self.when, When::Above(failures) if most <= failures)
    }

    /// Whether the rules must be those of the query that dbt runs, since its failures are looked for.
    pub(super) fn is_of_query(&self) -> bool {
        !matches!(self.when, When::Above(0) | When::Below(0))
    }

    /// Whether it matters how many failures there are, and not only whether there is one.
    pub(super) fn counts(&self) -> bool {
        self.is_of_query() && self.when != When::Below(1)
    }
}

/// A condition on the number of failures.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
enum When {
    /// More than so many.
    Above(u64),
    /// Fewer than so many: the test is to find something.
    Below(u64),
}

/// The condition `> 10` and its like.
fn when(key: &str, condition: &Json) -> Result<When, String> {
    let text = condition.as_str().unwrap_or_default().replace(' ', "");
    let number = |rest: &str| rest.parse::<u64>().ok();
    let found = match text.as_str() {
        "!=0" | "<>0" => Some(When::Above(0)),
        "=0" | "==0" => Some(When::Below(1)),
        text => {
            let at_least = text.strip_prefix(">=").and_then(number).and_then(|count| count.checked_sub(1));
            let at_most = text.strip_prefix("<=").and_then(number).map(|count| count.saturating_add(1));
            let above = at_least.or_else(|| number(text.strip_prefix('>')?)).map(When::Above);
            above.or_else(|| at_most.or_else(|| number(text.strip_prefix('<')?)).map(When::Below))
        }
    };
    found.ok_or_else(|| format!("the condition `{key}: {condition}` has no counterpart; a tolerance is a greatest number of failures"))
}

/// A rule that breaks where a test finds fewer failures than it is to find.
fn too_few_failures(rules: &Rules, fewest: u64) -> Translation {
    let [rule] = rules.rules.as_slice() else { return Err("it is to find failures, which only goes with one rule".into()) };
    let of = |kind: &str| rule.get(kind).and_then(Json::as_object);
    let sql = |settings: &Map<String, Json>| settings.get("sql").and_then(Json::as_str).unwrap_or_default().to_owned();
    let (mut settings, found) = match (of("query"), of("expression")) {
        (Some(query), _) => (query.clone(), format!("({}) as found", sql(query))),
        (_, Some(expression)) => (expression.clone(), format!("{{table}} as judged where not ({})", sql(expression))),
        _ => {
            let (settings, fits) = fitting_texts(rule).ok_or("it is to find failures, which has no counterpart for this test")?;
            (settings, format!("{{table}} as judged where not ({fits})"))
        }
    };
    settings.insert("sql".into(), format!("select count(*) as failures from {found} having count(*) < {fewest}").into());
    Ok(Rules { rules: vec![json!({ "query": settings })], ..rules.clone() }
        .note("it is to find failures, and breaks where there are too few"))
}

/// What a rule on patterns of texts asks, as SQL that is true for texts that keep it; with its settings that are not about patterns.
fn fitting_texts(rule: &Json) -> Option<(Map<String, Json>, String)> {
    let (kind, settings) = ["matches", "like"].into_iter().find_map(|kind| Some((kind, rule.get(kind)?.as_object()?)))?;
    let flags = if settings.get("ignore_case") == Some(&json!(true)) { Some(", 'i'") } else { None };
    let column = hw_base::identifier(settings.get("column")?.as_str()?);
    let patterns = settings.get("patterns").and_then(Json::as_array).cloned().or_else(|| Some(vec![settings.get("pattern")?.clone()]))?;
    let one = |pattern: &Json| {
        let pattern = hw_base::literal(pattern.as_str()?);
        match (kind, flags) {
            ("matches", flags) => Some(format!("regexp_like({column}, {pattern}{})", flags.unwrap_or_default())),
            (_, None) => Some(format!("{column} like {pattern}")),
            (_, Some(_)) => Some(format!("{column} ilike {pattern}")),
        }
    };
    let between = if settings.get("require") == Some(&json!("all")) { " and " } else { " or " };
    let fits = patterns.iter().map(one).collect::<Option<Vec<_>>>()?.join(between);
    let fits = if settings.get("not") == Some(&json!(true)) { format!("not ({fits})") } else { fits };
    let about_patterns = ["column", "pattern", "patterns", "require", "not", "ignore_case"];
    let others = settings.iter().filter(|(key, _)| !about_patterns.contains(&key.as_str()));
    Some((others.map(|(key, value)| (key.clone(), value.clone())).collect(), fits))
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn conditions_on_failures_are_read() {
        let check = |condition: &str, expected: When| assert_eq!(when("error_if", &json!(condition)), Ok(expected), "{condition}");
        check("> 10", When::Above(10));
        check(">=10", When::Above(9));
        check("!= 0", When::Above(0));
        check("<1", When::Below(1));
        check("=0", When::Below(1));
        check("<= 3", When::Below(4));
        check("<0", When::Below(0));
        // No failures are as many as that, so the test would fail whatever it finds.
        for condition in ["between 1 and 2", ">= 0"] {
            assert!(when("error_if", &json!(condition)).unwrap_err().contains("has no counterpart"), "{condition}");
        }
    }

    #[test]
    fn no_more_failures_are_counted_than_the_limit() {
        let of = |value: Json| {
            let config = Config(value.as_object().unwrap().clone());
            let rules = config.limits().and_then(|limits| config.applied(Rules::one("not_null", json!({"column": "a"})), &limits));
            rules.map_or_else(|why| why, |rules| format!("{} {}", Json::Array(rules.rules), rules.note.unwrap_or_default()))
        };
        assert_eq!(
            of(json!({"limit": 3, "error_if": ">4"})),
            r#"[{"not_null":{"column":"a","on_failure":"alert"}}] it only warns: dbt counts no more than 3 failures with `limit: 3`, and `error_if` asks for more"#
        );
        let both = r#"[{"not_null":{"column":"a","at_most":2}},{"not_null":{"column":"a","on_failure":"alert"}}] "#;
        assert_eq!(of(json!({"limit": 3, "error_if": ">2"})), both);
        assert_eq!(of(json!({"limit": 3})), r#"[{"not_null":{"column":"a"}}] "#);
        let alert = r#"[{"not_null":{"column":"a","on_failure":"alert"}}] "#;
        assert_eq!(of(json!({"severity": "warn", "error_if": ">=0"})), alert);
        assert_eq!(of(json!({"sql_header": "set x = 1;"})), "`sql_header` is SQL that dbt runs before the test");
        let never = "it never fails: dbt counts no more than 3 failures with `limit: 3`, and as many are tolerated";
        assert_eq!(of(json!({"limit": 3, "severity": "warn", "warn_if": ">3"})), never);
    }

    #[test]
    fn a_test_may_be_there_to_find_something() {
        let config = |value: Json| Config(value.as_object().unwrap().clone());
        let config = config(json!({"error_if": "=0", "warn_if": "<0"}));
        let limits = config.limits().unwrap();
        let rules = config.applied(Rules::sql("query", json!({"sql": "select a from {table}"})), &limits).unwrap();
        let sql = "select count(*) as failures from (select a from {table}) as found having count(*) < 1";
        assert_eq!(rules.rules, [json!({"query": {"sql": sql}})]);
        let rules = config.applied(Rules::sql("expression", json!({"sql": "a > 1"})), &limits).unwrap();
        let sql = "select count(*) as failures from {table} as judged where not (a > 1) having count(*) < 1";
        assert_eq!(rules.rules, [json!({"query": {"sql": sql}})]);
        let rules = config.applied(Rules::one("matches", json!({"column": "a", "patterns": ["^x", "y"], "not": true})), &limits).unwrap();
        let sql = "select count(*) as failures from {table} as judged where not (not (regexp_like(a, '^x') or regexp_like(a, 'y'))) having count(*) < 1";
        assert_eq!(rules.rules, [json!({"query": {"sql": sql}})]);
        assert!(config.applied(Rules::one("not_null", json!({"column": "a"})), &limits).is_err());
    }
}
