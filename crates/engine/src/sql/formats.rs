//! Formats of `to_char`, whose parts are named by a `%` here. One without any would be given back as it is for every row: `YYYY-MM` and what else means one
//! thing wherever it is known is read as it is meant, and the rest is refused.

use datafusion::arrow::datatypes::DataType;
use datafusion::common::tree_node::Transformed;
use datafusion::common::{DFSchema, Result as EngineResult, ScalarValue, plan_err};
use datafusion::logical_expr::{Expr, ExprSchemable};

/// What is said before a format that cannot be read, and a backtick behind it.
pub(crate) const NOT_READ: &str = "to_char has no format `";

const FORMATS: &str = "to_char";

/// Parts of a moment by other names and by ours, those before others that they begin with.
const PARTS: [(&str, &str); 12] = [
    ("YYYY", "%Y"),
    ("YY", "%y"),
    ("IYYY", "%G"),
    ("IW", "%V"),
    ("MM", "%m"),
    ("Mon", "%b"),
    ("DDD", "%j"),
    ("DD", "%d"),
    ("HH24", "%H"),
    ("HH12", "%I"),
    ("MI", "%M"),
    ("SS", "%S"),
];

/// `part`, if it writes moments in a format without `%`, with the format that is meant.
pub(crate) fn with_read_format(mut part: Expr, schema: &DFSchema) -> EngineResult<Transformed<Expr>> {
    let Expr::ScalarFunction(function) = &mut part else { return Ok(Transformed::no(part)) };
    let [moment, Expr::Literal(ScalarValue::Utf8(Some(format)) | ScalarValue::Utf8View(Some(format)), _)] = &mut function.args[..] else {
        return Ok(Transformed::no(part));
    };
    let is_moment = function.func.name() == FORMATS && !matches!(moment.get_type(schema), Ok(DataType::Duration(_)));
    if !is_moment || format.contains('%') || !format.contains(char::is_alphabetic) {
        return Ok(Transformed::no(part));
    }
    let Some(meant) = read(format) else { return plan_err!("{NOT_READ}{format}`") };
    *format = meant;
    Ok(Transformed::yes(part))
}

/// The format with `%`; `None` where a letter belongs to no part that is known.
fn read(format: &str) -> Option<String> {
    let (mut found, mut rest) = (String::new(), format);
    while let Some(next) = rest.chars().next() {
        if let Some((part, ours)) = PARTS.iter().find(|(part, _)| rest.starts_with(part)) {
            found.push_str(ours);
            rest = &rest[part.len()..];
        } else if next.is_alphabetic() {
            return None;
        } else {
            found.push(next);
            rest = &rest[next.len_utf8()..];
        }
    }
    Some(found)
}

#[cfg(test)]
mod tests {
    use crate::testing::check;

    #[test]
    fn formats_without_percent_are_read_or_refused() {
        let rows = "(select cast(column1 as timestamp) as t from (values ('2024-03-07 09:05:01')) as v) as t";
        check(&format!("select to_char(t, 'YYYY-MM-DD HH24:MI:SS') from {rows}"), "2024-03-07 09:05:01");
        check(&format!("select to_char(t, 'DD.MM.YY') || to_char(t, ' Mon') from {rows}"), "07.03.24 Mar");
        check(&format!("select to_char(cast(t as date), 'YYYYMM') from {rows}"), "202403");
        check(&format!("select to_char(t, '%Y YYYY') from {rows}"), "2024 YYYY");
        let told = "`to_char` cannot read the format `yyyy-MM`, and would give it back as it is\n  at: query:1:19";
        check(&format!("select to_char(t, 'yyyy-MM') from {rows}"), told);
    }
}
