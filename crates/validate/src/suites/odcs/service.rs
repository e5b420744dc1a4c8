//! `slaProperties`: promises of service, of which one is about rows.

use serde_json::{Value as Json, json};

use super::list;
use super::references::referred;
use crate::suites::words::{number, plain_number};
use crate::suites::{ImportedItem, Rules, Translation};

/// A promise of service for each of its elements. One that names none is about those of the whole contract.
pub(super) fn items(sla: &Json, contract: &Json) -> Vec<ImportedItem> {
    let text = |of: &Json, key: &str| of.get(key).and_then(Json::as_str).filter(|text| !text.trim().is_empty()).map(str::to_owned);
    let property = text(sla, "property").unwrap_or_default();
    let default = || text(contract, "slaDefaultElement").filter(|_| is_about_rows(&property));
    let elements = text(sla, "element").or_else(default).unwrap_or_default();
    elements.split(',').map(|element| item(&property, element.trim(), sla, contract)).collect()
}

/// Whether it is the promise of how old the newest row may be, in any case of letters, as the standard says.
fn is_about_rows(property: &str) -> bool {
    ["latency", "ly", "freshness", "fr"].contains(&property.to_lowercase().as_str())
}

fn item(property: &str, element: &str, sla: &Json, contract: &Json) -> ImportedItem {
    if element.is_empty() {
        let why = if is_about_rows(property) { "`element` names no column".to_owned() } else { of_service(property) };
        return ImportedItem::new(None, format!("slaProperties {property}"), Err(why));
    }
    // Where there is one object, an element need not name it.
    let mut objects = list(contract, "schema");
    let only = objects.next().filter(|_| objects.next().is_none());
    let found = referred(element, only, contract);
    let table = found.as_ref().ok().and_then(|found| found.table.clone());
    let rules = found.and_then(|found| rule(property, &found.column, sla));
    ImportedItem::new(table.as_deref(), format!("slaProperties {property}({element})"), rules)
}

/// Why a promise of service is no rule.
fn of_service(property: &str) -> String {
    match property.to_lowercase().as_str() {
        "retention" | "re" => format!("`{property}` says how long rows are kept, and not that older ones are gone"),
        "frequency" | "fy" => format!("`{property}` is a promise about deliveries; `latency` says how old the newest row may be"),
        _ => format!("`{property}` is a promise about the service and not about rows"),
    }
}

fn rule(property: &str, column: &str, sla: &Json) -> Translation {
    if !is_about_rows(property) {
        return Err(of_service(property));
    }
    let value = sla.get("value").and_then(number).filter(|value| *value >= 0.0).ok_or("`value` is no number")?;
    let written = sla.get("unit").and_then(Json::as_str).unwrap_or("d");
    let (unit, times) = match written.to_lowercase().as_str() {
        "s" | "sec" | "second" | "seconds" => ("s", 1.0),
        // By ISO 8601 `M` may be a month.
        "m" if written == "m" => ("m", 1.0),
        "min" | "minute" | "minutes" => ("m", 1.0),
        "h" | "hr" | "hour" | "hours" => ("h", 1.0),
        "d" | "day" | "days" => ("d", 1.0),
        "w" | "week" | "weeks" => ("d", 7.0),
        "y" | "yr" | "year" | "years" => ("d", 365.0),
        _ => return Err(format!("the unit `{written}` is not known")),
    };
    Ok(Rules::one("freshness", json!({"column": column, "within": format!("{}{unit}", plain_number(value * times))})))
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::suites::Outcome;

    #[test]
    fn words_and_units_stand_in_any_case() {
        let check = |sla: Json, expected: &str| {
            let contract = json!({"slaDefaultElement": "t.at", "schema": [{"name": "t", "properties": [{"name": "at"}]}]});
            let item = items(&sla, &contract).remove(0);
            let found = match item.outcome {
                Outcome::NotTranslated { why } => why,
                other => format!("{} {}", item.table.unwrap_or_default(), other.rules()[0]),
            };
            assert_eq!(found, expected, "{sla}");
        };
        let four_days = r#"t {"freshness":{"column":"at","within":"4d"}}"#;
        check(json!({"property": "latency", "value": 4, "unit": "d", "element": "t.at"}), four_days);
        check(json!({"property": "LATENCY", "value": 4, "unit": "D", "element": "at"}), four_days);
        check(json!({"property": "Ly", "value": "4"}), four_days);
        check(json!({"property": "latency", "value": 1.5, "unit": "Hours"}), r#"t {"freshness":{"column":"at","within":"1.5h"}}"#);
        check(json!({"property": "latency", "value": 4, "unit": "M"}), "the unit `M` is not known");
        check(json!({"property": "latency", "value": "PT4H"}), "`value` is no number");
        check(json!({"property": "Availability", "value": 99.9}), "`Availability` is a promise about the service and not about rows");
        check(
            json!({"property": "retention", "value": 3, "unit": "y", "element": "t.at"}),
            "`retention` says how long rows are kept, and not that older ones are gone",
        );
    }
}
