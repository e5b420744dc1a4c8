//! Rows that `values` lists. Decimals beside floats are floats, as anywhere else; the engine takes both for decimals of fifteen places here, which are too few
//! for most floats. A number with a point beside decimals is one of the digits that it is written with.

use std::ops::ControlFlow;

use datafusion::sql::sqlparser::ast::{
    CastKind, DataType, ExactNumberInfo, Expr, Query, SetExpr, Value, ValueWithSpan, Values, VisitMut, VisitorMut,
};

/// So many digits of a number with a point make a decimal: a whole number has up to twenty before it, and the engine's decimals have 38.
const MOST_DIGITS: u64 = 18;

/// Has listed numbers be of one kind with the decimals of their column: floats where others are, else decimals.
pub(crate) fn list_as_floats<V: VisitMut>(sql: &mut V) {
    let _ = VisitMut::visit(sql, &mut Listed);
}

struct Listed;

impl VisitorMut for Listed {
    type Break = ();

    fn pre_visit_query(&mut self, query: &mut Query) -> ControlFlow<()> {
        in_body(&mut query.body);
        ControlFlow::Continue(())
    }
}

/// Queries in parentheses are visited by themselves.
fn in_body(body: &mut SetExpr) {
    match body {
        SetExpr::SetOperation { left, right, .. } => {
            in_body(left);
            in_body(right);
        }
        SetExpr::Values(values) => in_one_kind(values),
        _ => {}
    }
}

fn in_one_kind(values: &mut Values) {
    let columns = values.rows.first().map_or(0, |row| row.content.len());
    for at in 0..columns {
        let has = |is: fn(&Expr) -> bool| values.rows.iter().filter_map(|row| row.content.get(at)).any(is);
        if !has(is_decimal) {
            continue;
        }
        let has_floats = has(is_float);
        for value in values.rows.iter_mut().filter_map(|row| row.content.get_mut(at)) {
            if !has_floats {
                write_as_decimal(value);
            } else if is_decimal(value) {
                *value = cast(value.clone(), DataType::Double(ExactNumberInfo::None));
            }
        }
    }
}

/// A value without its sign and parentheses.
fn bare(value: &Expr) -> &Expr {
    match value {
        Expr::Nested(inner) | Expr::UnaryOp { expr: inner, .. } => bare(inner),
        _ => value,
    }
}

fn is_decimal(value: &Expr) -> bool {
    use DataType::{Dec, Decimal, Numeric};
    matches!(bare(value), Expr::Cast { data_type: Decimal(_) | Numeric(_) | Dec(_), .. })
}

/// Whether a value is cast to a float, or written as a number that is neither whole nor a decimal of few digits.
fn is_float(value: &Expr) -> bool {
    use DataType::{Double, DoublePrecision, Float, Float4, Float8, Real};
    match bare(value) {
        Expr::Cast { data_type, .. } => matches!(data_type, Double(_) | DoublePrecision | Float(_) | Float4 | Float8 | Real),
        Expr::Value(ValueWithSpan { value: Value::Number(number, _), .. }) => number.parse::<u64>().is_err() && digits(number).is_none(),
        _ => false,
    }
}

/// How many digits a number with a point has, and how many of them behind it, where a decimal has room for them beside whole numbers.
fn digits(number: &str) -> Option<(u64, i64)> {
    let (whole, fraction) = number.split_once('.').filter(|(_, fraction)| !fraction.is_empty())?;
    let are_digits = whole.bytes().chain(fraction.bytes()).all(|byte| byte.is_ascii_digit());
    let places = i64::try_from(fraction.len()).ok()?;
    let all = u64::try_from(whole.len().max(1) + fraction.len()).ok()?;
    (are_digits && all <= MOST_DIGITS).then_some((all, places))
}

fn write_as_decimal(value: &mut Expr) {
    match value {
        Expr::Nested(inner) | Expr::UnaryOp { expr: inner, .. } => write_as_decimal(inner),
        Expr::Value(ValueWithSpan { value: Value::Number(number, _), .. }) => {
            if let Some((all, places)) = digits(number) {
                let text = Expr::value(Value::SingleQuotedString(number.clone()));
                *value = cast(text, DataType::Decimal(ExactNumberInfo::PrecisionAndScale(all, places)));
            }
        }
        _ => {}
    }
}

fn cast(value: Expr, data_type: DataType) -> Expr {
    Expr::Cast { kind: CastKind::Cast, expr: Box::new(value), data_type, array: false, format: None }
}

#[cfg(test)]
mod tests {
    use crate::testing::check;

    #[test]
    fn decimals_beside_floats_are_floats() {
        let (decimal, float) = ("cast(2.5 as decimal(10, 2))", "cast(0.12345678901234568 as double)");
        let listed = format!("(values (1, {decimal}), (2, {float}), (3, 7), (4, -{decimal})) as t(a, b)");
        check(&format!("select b from {listed} order by a"), "2.5, 0.12345678901234568, 7, -2.5");
        check(&format!("select arrow_typeof(b) from {listed} where a = 1"), "Float64");
        check(&format!("select b from (values ({decimal}), (cast(1e300 as double))) as t(b) where b < 3"), "2.5");
        check(&format!("select arrow_typeof(b) from (values ({decimal}), (3)) as t(b) limit 1"), "Decimal128(22, 2)");
        check(&format!("select count(*) from (values (1), ({decimal}), (1e-20), (-0.5)) as t(b) where b > 0 and b < 1"), "1");
        check(&format!("select arrow_typeof(b) from (values (1), ({decimal}), (-0.125)) as t(b) where b < 0"), "Decimal128(23, 3)");
        check(&format!("select b from (values ({decimal}), (-0.125)) as t(b) where b < 0"), "-0.125");
        check(&format!("select b from (values ({decimal}), (1e300)) as t(b) where b < 3"), "2.5");
    }
}
