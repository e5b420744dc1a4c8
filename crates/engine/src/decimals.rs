//! Decimals beside numbers that are written out, such as `price = 4.07`. The engine takes 4.07 for a float and brings both sides to a
//! decimal of fifteen digits, in which some floats end one digit too high: one price in fifteen would not equal itself.

use datafusion::arrow::datatypes::DataType;
use datafusion::common::tree_node::{Transformed, TreeNode, TreeNodeRecursion};
use datafusion::common::{DFSchema, Result as EngineResult, ScalarValue};
use datafusion::logical_expr::expr::Case;
use datafusion::logical_expr::{BinaryExpr, Expr, ExprSchemable, cast};

use crate::moments::is_comparison;

/// Digits that a decimal may have.
const MOST_DIGITS: usize = 38;
/// Functions of which all values are of one kind.
const OF_ONE_KIND: [&str; 6] = ["nullif", "coalesce", "nvl", "ifnull", "greatest", "least"];

/// `part`, if it holds decimals against numbers that are written out, with those as decimals of the digits they are written with. Decimals that
/// are compared with floats are compared as floats, as other databases do.
pub(crate) fn compared_to_the_digit(part: Expr, schema: &DFSchema) -> EngineResult<Transformed<Expr>> {
    match &part {
        Expr::BinaryExpr(BinaryExpr { op, .. }) if !is_comparison(*op) => Ok(Transformed::no(part)),
        Expr::BinaryExpr(_) | Expr::Between(_) | Expr::InList(_) => {
            let part = written_as_decimals(part, schema)?;
            if part.transformed { Ok(part) } else { compared_as_floats(part.data, schema) }
        }
        Expr::ScalarFunction(function) if OF_ONE_KIND.contains(&function.func.name()) => written_as_decimals(part, schema),
        Expr::Case(_) => Ok(results_as_decimals(part, schema)),
        _ => Ok(Transformed::no(part)),
    }
}

/// The numbers written out among the children of `part` as decimals, if the other children are decimals.
fn written_as_decimals(part: Expr, schema: &DFSchema) -> EngineResult<Transformed<Expr>> {
    let mut children = Vec::new();
    part.apply_children(|child| {
        children.push(child.clone());
        Ok(TreeNodeRecursion::Continue)
    })?;
    if !are_decimals(&children, schema) {
        return Ok(Transformed::no(part));
    }
    part.map_children(|child| Ok(written(&child).map_or_else(|| Transformed::no(child), Transformed::yes)))
}

/// The same for the results of a `case`; what it compares is compared as anywhere else.
fn results_as_decimals(part: Expr, schema: &DFSchema) -> Transformed<Expr> {
    let Expr::Case(Case { expr, when_then_expr, else_expr }) = part else { return Transformed::no(part) };
    let results: Vec<Expr> = when_then_expr.iter().map(|(_, then)| then.as_ref()).chain(else_expr.as_deref()).cloned().collect();
    let compared: Vec<Expr> = expr.iter().chain(when_then_expr.iter().map(|(when, _)| when)).map(|part| part.as_ref().clone()).collect();
    let results_are = are_decimals(&results, schema);
    let compared_are = expr.is_some() && are_decimals(&compared, schema);
    let exact = |is_exact: bool, part: Box<Expr>| match written(&part).filter(|_| is_exact) {
        Some(written) => Box::new(written),
        None => part,
    };
    let case = Expr::Case(Case {
        expr,
        when_then_expr: when_then_expr.into_iter().map(|(when, then)| (exact(compared_are, when), exact(results_are, then))).collect(),
        else_expr: else_expr.map(|other| exact(results_are, other)),
    });
    if results_are || compared_are { Transformed::yes(case) } else { Transformed::no(case) }
}

/// Whether there are decimals among `parts`, and floats only as numbers that are written out, which all of them together have room for.
fn are_decimals(parts: &[Expr], schema: &DFSchema) -> bool {
    let (mut before_point, mut after_point) = (0, 0);
    let (mut has_decimals, mut has_written) = (false, false);
    for part in parts {
        let number = written(part);
        let Ok(kind) = number.as_ref().unwrap_or(part).get_type(schema) else { return false };
        has_written |= number.is_some();
        has_decimals |= number.is_none() && kind.is_decimal();
        match kind {
            DataType::Decimal32(digits, scale) | DataType::Decimal64(digits, scale) | DataType::Decimal128(digits, scale) => {
                let scale = usize::try_from(scale).unwrap_or_default();
                before_point = before_point.max(usize::from(digits).saturating_sub(scale));
                after_point = after_point.max(scale);
            }
            DataType::Float16 | DataType::Float32 | DataType::Float64 | DataType::Decimal256(..) => return false,
            _ => {}
        }
    }
    has_decimals && has_written && before_point + after_point <= MOST_DIGITS
}

/// A float that is written out as the decimal of the same digits.
fn written(part: &Expr) -> Option<Expr> {
    let number = match part {
        Expr::Literal(ScalarValue::Float64(Some(number)), _) => *number,
        Expr::Negative(inner) => match inner.as_ref() {
            Expr::Literal(ScalarValue::Float64(Some(number)), _) => -number,
            _ => return None,
        },
        _ => return None,
    };
    // As short as it can be told from its neighbours, which is how it was written.
    let text = number.to_string();
    let (whole, fraction) = text.split_once('.').unwrap_or((&text, ""));
    let digits = whole.trim_start_matches('-').len() + fraction.len();
    let value = format!("{whole}{fraction}").parse().ok().filter(|_| digits <= MOST_DIGITS)?;
    let (digits, scale) = (u8::try_from(digits).ok()?, i8::try_from(fraction.len()).ok()?);
    Some(Expr::Literal(ScalarValue::Decimal128(Some(value), digits, scale), None))
}

/// A comparison of decimals with floats as one of floats.
fn compared_as_floats(part: Expr, schema: &DFSchema) -> EngineResult<Transformed<Expr>> {
    let (mut has_floats, mut has_decimals) = (false, false);
    part.apply_children(|child| {
        let kind = child.get_type(schema).unwrap_or(DataType::Null);
        has_floats |= kind.is_floating();
        has_decimals |= kind.is_decimal();
        Ok(TreeNodeRecursion::Continue)
    })?;
    if !has_floats || !has_decimals {
        return Ok(Transformed::no(part));
    }
    part.map_children(|child| {
        let is_decimal = child.get_type(schema).is_ok_and(|kind| kind.is_decimal());
        Ok(if is_decimal { Transformed::yes(cast(child, DataType::Float64)) } else { Transformed::no(child) })
    })
}

#[cfg(test)]
mod tests {
    #![allow(clippy::unwrap_used, reason = "a test that cannot go on should stop")]

    use hw_base::{ByteSize, Engine, Reader, RowWatch, Watch};

    use crate::{Limits, LiveTables, LocalEngine};

    fn engine(folder: &std::path::Path) -> LocalEngine {
        let limits = Limits { memory: ByteSize(1 << 30), disk: ByteSize(1 << 30), threads: Some(2) };
        LocalEngine::new(folder.join("w"), folder.join("s"), LiveTables::default(), limits).unwrap()
    }

    #[test]
    fn decimals_are_compared_with_what_is_written_to_the_last_digit() {
        let folder = tempfile::tempdir().unwrap();
        let engine = engine(folder.path());
        let runtime = tokio::runtime::Builder::new_multi_thread().enable_all().build().unwrap();
        let rows =
            "select cast(column1 as decimal(18, 2)) as p, cast(column1 as double) as f from (values ('4.07'), ('4.11'), ('-8.03')) as v";
        let check = |condition: &str, expected: u64| {
            let reader = |sql: String| Reader { sql, inputs: vec![], file: None };
            let found =
                runtime.block_on(engine.query(&reader(format!("select count(*) from ({rows}) as t where {condition}")), 1)).unwrap();
            assert_eq!(found.rows[0][0].as_u64(), Some(expected), "{condition}");
            let rule = RowWatch { id: "r".into(), violates: condition.into(), diverts: false, excludes: false };
            let watched = runtime.block_on(engine.watch(&reader(rows.into()), &Watch { rows: vec![rule], ..Watch::default() })).unwrap();
            assert_eq!((watched.rules[0].error.clone(), watched.rules[0].violations), (None, expected), "{condition}");
        };
        check("p = 4.07", 1);
        check("p in (4.07, 4.11, -8.03)", 3);
        check("p not in (4.07, 4.11)", 1);
        check("p <= -8.03", 1);
        check("p between 4.07 and 4.11", 2);
        check("p is not distinct from -8.03", 1);
        check("p = f", 3);
        check("p < 4.0701 and p > 4.0699", 1);
        check("p < 1e30 and p > -1e300", 3);
        check("nullif(p, 4.07) is null", 1);
        check("case p when 4.07 then 1 end = 1", 1);
        check("coalesce(p, 0.5) = 4.11", 1);
        check("p * 1.0 = 4.07", 1);
    }

    #[test]
    fn every_price_equals_itself() {
        let folder = tempfile::tempdir().unwrap();
        let engine = engine(folder.path());
        let runtime = tokio::runtime::Builder::new_multi_thread().enable_all().build().unwrap();
        let prices: Vec<String> = (1..2_000).map(|cents| format!("{}.{:02}", cents / 100, cents % 100)).collect();
        let conditions: Vec<String> = prices.iter().map(|price| format!("(cast('{price}' as decimal(18, 2)) = {price})")).collect();
        let sql = format!("select count(*) from (values {}) as v(is_equal) where is_equal", conditions.join(", "));
        let found = runtime.block_on(engine.query(&Reader { sql, inputs: vec![], file: None }, 1)).unwrap();
        assert_eq!(found.rows[0][0].as_u64(), Some(1_999));
    }
}
