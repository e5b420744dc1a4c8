//! What a project promises about its runs and its tables, with the rules that measure it.

use std::collections::{BTreeMap, BTreeSet};

use hw_base::{DatasetName, Error, Result, Settings, Span, TableName, unknown};
use hw_validate::{Indicator, Rule, RuleSlo, Slo, TableSlo};

use crate::project::Model;
use crate::settings::ProjectSettings;

/// The objectives of a project: those about runs, those of `headworks.yaml` about tables, and those of the models.
///
/// # Errors
/// Each with its place: an unknown table or rule, a name that is given twice.
pub(crate) fn slos(
    yaml: &Settings,
    settings: &ProjectSettings,
    models: &[Model],
    datasets: &BTreeMap<DatasetName, Vec<Rule>>,
) -> Result<Vec<Slo>> {
    let mut slos = settings.slo.of_runs();
    let mut errors = Vec::new();
    let mut names: BTreeSet<String> = slos.iter().map(|slo| slo.name.clone()).collect();
    let of_project = settings.slo.rules.iter().enumerate().map(|(at, slo)| {
        let span = |key: &str| yaml.get("slo")?.get("rules")?.items().get(at)?.get(key)?.span.clone();
        (of_table(slo, models, datasets, &span), span("name").or_else(|| span("rule")))
    });
    let of_models = models.iter().flat_map(|model| {
        model.settings.slo.iter().enumerate().map(move |(at, slo)| {
            let span = |key: &str| model.yaml.get("slo")?.items().get(at)?.get(key)?.span.clone();
            (of_model(slo, model, span("rule")), span("name").or_else(|| span("rule")))
        })
    });
    for (slo, span) in of_project.chain(of_models) {
        match slo {
            Err(error) => errors.push(error),
            Ok(slo) if names.insert(slo.name.clone()) => slos.push(slo),
            Ok(slo) => errors.push(twice(&slo.name).moved_to(span)),
        }
    }
    Error::all(errors).map_or(Ok(slos), Err)
}

fn twice(name: &str) -> Error {
    Error::user(format!("two objectives are named `{name}`")).code("HW104").help("give one of them another `name:`")
}

fn of_model(slo: &RuleSlo, model: &Model, span: Option<Span>) -> Result<Slo> {
    let RuleSlo { rule, name, at_least, over } = slo;
    check_rule(rule, &model.rules, span)?;
    let indicator = Indicator::Rule { step: model.name.clone(), rule: rule.clone() };
    let name = name.clone().unwrap_or_else(|| format!("{}.{rule}", model.name));
    Ok(Slo { name, indicator, target: *at_least, over: *over })
}

fn of_table(
    slo: &TableSlo,
    models: &[Model],
    datasets: &BTreeMap<DatasetName, Vec<Rule>>,
    span: &dyn Fn(&str) -> Option<Span>,
) -> Result<Slo> {
    let TableSlo { table, rule, name, at_least, over } = slo;
    let (step, rules) = match (models.iter().find(|model| model.name == *table), DatasetName::parse(table)) {
        (Some(model), _) => (model.name.clone(), model.rules.as_slice()),
        (None, Some(dataset)) if datasets.contains_key(&dataset) => {
            (TableName::raw(&dataset).folder().to_owned(), datasets[&dataset].as_slice())
        }
        _ => {
            let known: Vec<String> =
                models.iter().map(|model| model.name.clone()).chain(datasets.keys().map(ToString::to_string)).collect();
            return Err(unknown("table with rules", table, known.iter().map(String::as_str)).code("HW302").moved_to(span("table")));
        }
    };
    check_rule(rule, rules, span("rule"))?;
    let name = name.clone().unwrap_or_else(|| format!("{table}.{rule}"));
    Ok(Slo { name, indicator: Indicator::Rule { step, rule: rule.clone() }, target: *at_least, over: *over })
}

fn check_rule(rule: &str, rules: &[Rule], span: Option<Span>) -> Result<()> {
    if rules.iter().any(|known| known.id == *rule) {
        return Ok(());
    }
    Err(unknown("rule", rule, rules.iter().map(|rule| rule.id.as_str())).code("HW302").moved_to(span))
}
