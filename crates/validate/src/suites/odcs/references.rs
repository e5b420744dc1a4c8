//! References of a contract: a column as `table.column`, in names, or as `schema/…/properties/…`, in ids.

use serde_json::Value as Json;

use super::{list, name_of};

/// The column that a reference means, as the data calls it.
#[derive(Debug, PartialEq, Eq)]
pub(super) struct Referred {
    /// Its table; `None` where neither the reference nor its place says it.
    pub(super) table: Option<String>,
    /// Its name.
    pub(super) column: String,
}

/// What a reference means; `own` is the object that a name without one belongs to.
///
/// # Errors
/// Says why that is not known.
pub(super) fn referred(reference: &str, own: Option<&Json>, contract: &Json) -> Result<Referred, String> {
    if let Some((file, _)) = reference.split_once('#') {
        return Err(format!("`{reference}` points into another file, `{file}`, whose ids are not read here; write `table.column`"));
    }
    match reference.trim_start_matches('/').split('/').collect::<Vec<_>>().as_slice() {
        [name] => Ok(by_name(name, own, contract)),
        ["schema", object, "properties", property] => {
            let object = with_id(contract, "schema", object).ok_or_else(|| format!("no object of the contract has the id `{object}`"))?;
            let property = with_id(object, "properties", property)
                .ok_or_else(|| format!("no property of `{}` has the id `{property}`", name_of(object)))?;
            Ok(Referred { table: Some(name_of(object).to_owned()), column: name_of(property).to_owned() })
        }
        ["schema", _, "properties", _, ..] => Err(format!("`{reference}` is a part of a column; make a column of it in the model")),
        _ => Err(format!("`{reference}` is neither `table.column` nor `schema/…/properties/…` with ids")),
    }
}

/// A name may be that of a table outside of the contract, which is called as it stands.
fn by_name(name: &str, own: Option<&Json>, contract: &Json) -> Referred {
    let (table, column) = name.rsplit_once('.').map_or((None, name), |(table, column)| (Some(table), column));
    let object = match table {
        Some(table) => list(contract, "schema").find(|object| is_called(object, table)),
        None => own,
    };
    let property = object.and_then(|object| list(object, "properties").find(|property| is_called(property, column)));
    let table = object.map(name_of).or(table).map(str::to_owned);
    Referred { table, column: property.map_or(column, name_of).to_owned() }
}

/// Whether a name, behind that of a schema or not, is the one of an element.
fn is_called(element: &Json, name: &str) -> bool {
    let own = element.get("name").and_then(Json::as_str);
    own == Some(name) || own == name.rsplit('.').next()
}

/// The element with an id; one without goes by its name.
fn with_id<'a>(of: &'a Json, key: &str, id: &str) -> Option<&'a Json> {
    list(of, key).find(|element| element.get("id").or_else(|| element.get("name")).and_then(Json::as_str) == Some(id))
}

#[cfg(test)]
mod tests {
    use serde_json::json;

    use super::*;

    #[test]
    fn ids_and_names_become_what_the_data_calls_them() {
        let contract = json!({"schema": [
            {"id": "t_tbl", "name": "orders", "physicalName": "tab1", "properties": [{"id": "k_id", "name": "key", "physicalName": "k"}]},
            {"name": "o", "properties": [{"id": "s_id", "name": "s"}]}]});
        let check = |reference: &str, expected: Result<(&str, &str), &str>| {
            let found = referred(reference, None, &contract).map(|found| (found.table.unwrap_or_default(), found.column));
            let found = found.as_ref().map(|(table, column)| (table.as_str(), column.as_str())).map_err(String::as_str);
            assert_eq!(found, expected, "{reference}");
        };
        check("schema/t_tbl/properties/k_id", Ok(("tab1", "k")));
        check("/schema/o/properties/s_id", Ok(("o", "s")));
        check("orders.key", Ok(("tab1", "k")));
        check("shop.orders.key", Ok(("tab1", "k")));
        check("elsewhere.id", Ok(("elsewhere", "id")));
        check("schema/x/properties/s_id", Err("no object of the contract has the id `x`"));
        check("schema/o/properties/s", Err("no property of `o` has the id `s`"));
        check("o/s", Err("`o/s` is neither `table.column` nor `schema/…/properties/…` with ids"));
        check(
            "other.yaml#/schema/o/properties/s_id",
            Err(
                "`other.yaml#/schema/o/properties/s_id` points into another file, `other.yaml`, whose ids are not read here; write `table.column`",
            ),
        );
        let own = &contract["schema"][0];
        assert_eq!(referred("key", Some(own), &contract), Ok(Referred { table: Some("tab1".into()), column: "k".into() }));
    }
}
