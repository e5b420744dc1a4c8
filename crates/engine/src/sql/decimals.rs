//! Decimals beside numbers that are written out, such as `price = 4.07`. The engine takes 4.07 for a float and brings both sides to a
//! decimal of fifteen digits, in which some floats end one digit too high: one price in fifteen would not equal itself.

use std::sync::Arc;

use datafusion::arrow::datatypes::DataType;
use datafusion::common::tree_node::{Transformed, TreeNode, TreeNodeRecursion};
use datafusion::common::{DFSchema, Result as EngineResult, ScalarValue};
use datafusion::logical_expr::expr::{Case, Cast, TryCast};
use datafusion::logical_expr::{BinaryExpr, Distinct, Expr, ExprSchemable, LogicalPlan, Projection, Union, cast};

use crate::sql::moments::is_comparison;

/// Digits that a decimal may have.
const MOST_DIGITS: usize = 38;
/// A function whose type follows from how many places it is asked for.
const ROUNDS: &str = "round";
/// Functions of which all values are of one kind.
const OF_ONE_KIND: [&str; 6] = ["nullif", "coalesce", "nvl", "ifnull", "greatest", "least"];

/// `part`, if it holds decimals against numbers that are written out, with those as decimals of the digits they are written with. Decimals that
/// stand beside floats are taken as floats, as other databases do: the engine takes whole numbers, decimals and floats together for decimals.
pub(crate) fn compared_to_the_digit(part: Expr, schema: &DFSchema) -> EngineResult<Transformed<Expr>> {
    match &part {
        Expr::BinaryExpr(BinaryExpr { op, .. }) if !is_comparison(*op) => Ok(Transformed::no(part)),
        Expr::BinaryExpr(_) | Expr::Between(_) | Expr::InList(_) => in_one_type(part, schema),
        Expr::ScalarFunction(function) if OF_ONE_KIND.contains(&function.func.name()) => in_one_type(part, schema),
        Expr::Case(_) => results_in_one_type(part, schema),
        Expr::Cast(_) | Expr::TryCast(_) => Ok(cast_as_written(part)),
        Expr::ScalarFunction(function) if function.func.name() == ROUNDS => Ok(with_known_places(part)),
        _ => Ok(Transformed::no(part)),
    }
}

/// The children of `part` as decimals or as floats, if some of them are decimals and others are not.
fn in_one_type(part: Expr, schema: &DFSchema) -> EngineResult<Transformed<Expr>> {
    let part = written_as_decimals(part, schema)?;
    if part.transformed { Ok(part) } else { decimals_as_floats(part.data, schema) }
}

/// A number that is written out and cast to a decimal at once as the decimal of its digits: the float next to 0.285 is less.
fn cast_as_written(mut part: Expr) -> Transformed<Expr> {
    let (Expr::Cast(Cast { expr: number, field: kind }) | Expr::TryCast(TryCast { expr: number, field: kind })) = &mut part else {
        return Transformed::no(part);
    };
    let Some(exact) = written(number).filter(|_| kind.data_type().is_decimal()) else { return Transformed::no(part) };
    **number = exact;
    Transformed::yes(part)
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

/// The results of a `case` in one type, and what it compares as it is compared anywhere else.
fn results_in_one_type(part: Expr, schema: &DFSchema) -> EngineResult<Transformed<Expr>> {
    let Expr::Case(Case { expr, when_then_expr, else_expr }) = part else { return Ok(Transformed::no(part)) };
    let results: Vec<Expr> = when_then_expr.iter().map(|(_, then)| then.as_ref()).chain(else_expr.as_deref()).cloned().collect();
    let compared: Vec<Expr> = expr.iter().chain(when_then_expr.iter().map(|(when, _)| when)).map(|part| part.as_ref().clone()).collect();
    let kinds = results.iter().map(|result| result.get_type(schema)).collect::<EngineResult<Vec<_>>>()?;
    let common = Common::of(results.iter().zip(&kinds));
    let compared_are = expr.is_some() && are_decimals(&compared, schema);
    let exact = |part: Box<Expr>| match written(&part).filter(|_| compared_are) {
        Some(written) => Box::new(written),
        None => part,
    };
    let in_one_type = |part: Box<Expr>| -> EngineResult<Box<Expr>> {
        let kind = part.get_type(schema)?;
        Ok(Box::new(common.and_then(|common| common.taken(&part, &kind)).unwrap_or(*part)))
    };
    let when_then_expr = when_then_expr.into_iter().map(|(when, then)| Ok((exact(when), in_one_type(then)?)));
    let when_then_expr = when_then_expr.collect::<EngineResult<Vec<_>>>()?;
    let case = Expr::Case(Case { expr, when_then_expr, else_expr: else_expr.map(in_one_type).transpose()? });
    Ok(if common.is_some() || compared_are { Transformed::yes(case) } else { Transformed::no(case) })
}

/// The columns of a `union` in one type each, where the engine would take decimals of fifteen digits behind the point for numbers that are written out,
/// and for floats. A `union` of a `union` is one of all of their parts: by itself each takes the type of its first part until it is analysed.
pub(crate) fn united_in_one_type(plan: LogicalPlan) -> EngineResult<Transformed<LogicalPlan>> {
    let LogicalPlan::Union(union) = &plan else { return Ok(Transformed::no(plan)) };
    if !has_decimals(&plan) {
        return Ok(Transformed::no(plan));
    }
    let parts = parts(&plan);
    let common: Vec<Option<Common>> = (0..union.schema.fields().len())
        .map(|at| Common::of(parts.iter().filter_map(|columns| columns.get(at)).map(|(column, kind)| (column, kind))))
        .collect();
    if common.iter().all(Option::is_none) {
        return Ok(Transformed::no(plan));
    }
    united(&plan, &common).map(Transformed::yes)
}

fn has_decimals(plan: &LogicalPlan) -> bool {
    match plan {
        LogicalPlan::Union(union) => union.inputs.iter().any(|input| has_decimals(input)),
        LogicalPlan::Distinct(Distinct::All(input)) if is_union(input) => has_decimals(input),
        _ => plan.schema().fields().iter().any(|field| field.data_type().is_decimal()),
    }
}

/// The parts of a `union`, each with its columns.
fn parts(plan: &LogicalPlan) -> Vec<Vec<(Expr, DataType)>> {
    match plan {
        LogicalPlan::Union(union) => union.inputs.iter().flat_map(|input| parts(input)).collect(),
        LogicalPlan::Distinct(Distinct::All(input)) if is_union(input) => parts(input),
        _ => vec![columns(plan)],
    }
}

fn is_union(plan: &LogicalPlan) -> bool {
    matches!(plan, LogicalPlan::Union(_))
}

/// The `union` with the columns of its parts in these types.
fn united(plan: &LogicalPlan, common: &[Option<Common>]) -> EngineResult<LogicalPlan> {
    match plan {
        LogicalPlan::Union(union) => {
            let inputs = union.inputs.iter().map(|input| united(input, common).map(Arc::new));
            Union::try_new_with_loose_types(inputs.collect::<EngineResult<Vec<_>>>()?).map(LogicalPlan::Union)
        }
        LogicalPlan::Distinct(Distinct::All(input)) if is_union(input) => {
            Ok(LogicalPlan::Distinct(Distinct::All(Arc::new(united(input, common)?))))
        }
        part => {
            let names = part.schema().iter().map(|(table, field)| (table.cloned(), field.name().clone())).collect::<Vec<_>>();
            let own = part.schema().columns().into_iter().map(Expr::Column);
            let columns = columns(part);
            let taken = columns.iter().zip(common).map(|((column, kind), common)| common.and_then(|common| common.taken(column, kind)));
            let all = own.zip(taken).zip(names).map(|((own, taken), (table, name))| match taken {
                // What is written out stands for its column; of others it is taken.
                Some(taken) => (if is_written(&taken) { taken } else { cast(own, DataType::Float64) }).alias_qualified(table, name),
                None => own,
            });
            Projection::try_new(all.collect(), Arc::new(part.clone())).map(LogicalPlan::Projection)
        }
    }
}

/// The columns of a plan as it writes them, each with its type.
fn columns(plan: &LogicalPlan) -> Vec<(Expr, DataType)> {
    let kinds = plan.schema().fields().iter().map(|field| field.data_type().clone());
    match plan {
        LogicalPlan::Projection(projection) => projection.expr.iter().map(|column| column.clone().unalias()).zip(kinds).collect(),
        _ => plan.schema().columns().into_iter().map(Expr::Column).zip(kinds).collect(),
    }
}

fn is_written(part: &Expr) -> bool {
    matches!(part, Expr::Literal(..))
}

/// The type that values of several have in common, some of which are decimals.
#[derive(Clone, Copy, Debug)]
enum Common {
    /// Beside numbers that are written out.
    Decimals,
    /// Beside floats.
    Floats,
}

impl Common {
    fn of<'a>(parts: impl Iterator<Item = (&'a Expr, &'a DataType)>) -> Option<Self> {
        let (mut has_decimals, mut has_floats, mut room) = (false, false, Room::default());
        let mut has_written = false;
        for (part, kind) in parts {
            let number = written(part).or_else(|| whole(part));
            has_written |= number.is_some();
            if let Some(Expr::Literal(number, _)) = number {
                room.hold(&number.data_type());
            } else {
                has_decimals |= kind.is_decimal();
                has_floats |= kind.is_floating();
                room.hold(kind);
            }
        }
        match () {
            () if !has_decimals => None,
            () if has_floats => Some(Self::Floats),
            () => Some(Self::Decimals).filter(|_| has_written && room.is_enough()),
        }
    }

    /// A value in this type, where it has another one.
    fn taken(self, part: &Expr, kind: &DataType) -> Option<Expr> {
        match self {
            Self::Decimals => written(part).or_else(|| whole(part)),
            Self::Floats => kind.is_decimal().then(|| cast(part.clone(), DataType::Float64)),
        }
    }
}

/// Digits before and behind the point that decimals need.
#[derive(Default)]
struct Room {
    before_point: usize,
    after_point: usize,
}

impl Room {
    fn hold(&mut self, kind: &DataType) {
        if let DataType::Decimal32(digits, scale) | DataType::Decimal64(digits, scale) | DataType::Decimal128(digits, scale) = kind {
            let scale = usize::try_from(*scale).unwrap_or_default();
            self.before_point = self.before_point.max(usize::from(*digits).saturating_sub(scale));
            self.after_point = self.after_point.max(scale);
        }
    }

    fn is_enough(&self) -> bool {
        self.before_point + self.after_point <= MOST_DIGITS
    }
}

/// A whole number that is written out as the decimal of the same digits.
fn whole(part: &Expr) -> Option<Expr> {
    let number = match part {
        Expr::Literal(ScalarValue::Int64(Some(number)), _) => i128::from(*number),
        Expr::Negative(inner) => match inner.as_ref() {
            Expr::Literal(ScalarValue::Int64(Some(number)), _) => -i128::from(*number),
            _ => return None,
        },
        _ => return None,
    };
    let digits = u8::try_from(number.unsigned_abs().to_string().len()).ok()?;
    Some(Expr::Literal(ScalarValue::Decimal128(Some(number), digits, 0), None))
}

/// The places that a number is rounded to as the engine wants them. It would cast them, lose sight of how many they are meanwhile, and find another
/// type for the rounded decimal than that which it has in the end: `coalesce(round(a, 0), b)` would round `b` as well.
fn with_known_places(mut part: Expr) -> Transformed<Expr> {
    let Expr::ScalarFunction(function) = &mut part else { return Transformed::no(part) };
    let written = match function.args.get(1) {
        Some(Expr::Literal(ScalarValue::Int64(Some(places)), _)) => Some(*places),
        Some(Expr::Negative(places)) => match places.as_ref() {
            Expr::Literal(ScalarValue::Int64(Some(places)), _) => places.checked_neg(),
            _ => None,
        },
        _ => None,
    };
    let Some(places) = written.and_then(|places| i32::try_from(places).ok()) else { return Transformed::no(part) };
    function.args[1] = Expr::Literal(ScalarValue::Int32(Some(places)), None);
    Transformed::yes(part)
}

/// Whether there are decimals among `parts`, and floats only as numbers that are written out, which all of them together have room for.
fn are_decimals(parts: &[Expr], schema: &DFSchema) -> bool {
    let (mut has_decimals, mut has_written, mut room) = (false, false, Room::default());
    for part in parts {
        let number = written(part);
        let Ok(kind) = number.as_ref().unwrap_or(part).get_type(schema) else { return false };
        has_written |= number.is_some();
        has_decimals |= number.is_none() && kind.is_decimal();
        if matches!(kind, DataType::Float16 | DataType::Float32 | DataType::Float64 | DataType::Decimal256(..)) {
            return false;
        }
        room.hold(&kind);
    }
    has_decimals && has_written && room.is_enough()
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

/// Decimals among the children of `part` as floats, if other children are floats.
fn decimals_as_floats(part: Expr, schema: &DFSchema) -> EngineResult<Transformed<Expr>> {
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
    use crate::testing;

    #[test]
    fn decimals_are_compared_with_what_is_written_to_the_last_digit() {
        let rows =
            "select cast(column1 as decimal(18, 2)) as p, cast(column1 as double) as f from (values ('4.07'), ('4.11'), ('-8.03')) as v";
        let check = |condition: &str, expected: u64| testing::check_condition(rows, condition, expected);
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
    fn columns_of_several_parts_have_the_type_of_all_of_them() {
        let rows = "select 1 as n, cast('4.07' as decimal(18, 2)) as p union all select 1.5, 1";
        testing::check_condition(rows, "p < 4.07", 1);
        testing::check_condition(rows, "n = 1.5", 1);
        let rows = "select case when column1 = 1 then 1 else 1.5 end as n from (values (1), (2)) as v";
        testing::check_condition(rows, "n = 1.5", 1);
        let typed = |rows: &str, expected: &str| testing::check(&format!("select distinct arrow_typeof(n) from ({rows}) as v"), expected);
        let price = "cast(column1 as decimal(18, 2))";
        let from = "from (values ('1.5'), ('-inf')) as v";
        typed(&format!("select case when column1 <> '-inf' then {price} else 0 end as n {from}"), "Decimal128(18, 2)");
        typed(&format!("select case when column1 <> '-inf' then {price} else -1.25 end as n {from}"), "Decimal128(18, 2)");
        typed(&format!("select case when column1 <> '-inf' then {price} else cast(column1 as double) end as n {from}"), "Float64");
        let prices = format!("select {price} as n {from} where column1 <> '-inf'");
        typed(&format!("{prices} union all select 9.00 union all select 0 union all select null"), "Decimal128(18, 2)");
        typed(&format!("select 9.00 as n union all {prices}"), "Decimal128(18, 2)");
        typed(&format!("{prices} union all select cast(column1 as double) {from}"), "Float64");
        typed(&format!("select cast(column1 as double) as n {from} union all {prices}"), "Float64");
        let floats = format!("select cast(column1 as double) as n {from}");
        typed(&format!("select 1 as n union all {prices} union all {floats}"), "Float64");
        typed(&format!("{floats} union all select 1 union {prices}"), "Float64");
        typed(&format!("select 1 as n union all select 2.5 union all {prices}"), "Decimal128(18, 2)");
        let both = format!("(select n, cast(n as double) as f from ({prices}) as p) as q");
        for function in ["coalesce", "greatest", "least"] {
            for values in ["n, 1, f", "1, n, f", "f, 1, n"] {
                typed(&format!("select {function}({values}) as n from {both}"), "Float64");
            }
        }
    }

    #[test]
    fn numbers_that_are_written_out_are_cast_to_the_digit() {
        testing::check("select cast(0.285 as decimal(10, 2))", "0.29");
        testing::check("select cast(-1.005 as decimal(10, 2))", "-1.01");
        testing::check("select 2.675::decimal(10, 2)", "2.68");
    }

    #[test]
    fn what_is_rounded_stands_beside_other_decimals() {
        let rows = "select cast(column1 as decimal(12, 2)) as a, cast(column2 as decimal(12, 2)) as b from (values (null, '3.75'), ('10.40', '9.99'), \
                    (null, '12.49')) as v";
        let check = |expression: &str, expected: &str| testing::check(&format!("select {expression} from ({rows})"), expected);
        check("coalesce(round(a, 0), b)", "3.75, 10.00, 12.49");
        check("sum(coalesce(round(a, 1), b))", "26.64");
        check("round(case when a is null then 0 else b end, 1)", "0.0, 10.0, 0.0");
        check("round(b, -1)", "0, 10, 10");
        check("case when a is null then b else round(a, 0) end", "3.75, 10.00, 12.49");
        check("nullif(round(b, 0), a)", "4.00, 10.00, 12.00");
        check("greatest(round(b, 0), b)", "4.00, 10.00, 12.49");
        check("[round(b, 0), b][1]", "4.00, 10.00, 12.00");
        let check_condition = |condition: &str, expected: u64| testing::check_condition(rows, condition, expected);
        check_condition("b = round(b, 2)", 3);
        check_condition("b between round(b, 0) and 100", 1);
        check_condition("abs(round(b, 0) - b) > 0.2", 2);
        check_condition("round(b * b, 2) <> b", 3);
    }

    #[test]
    fn every_price_equals_itself() {
        let prices: Vec<String> = (1..2_000).map(|cents| format!("{}.{:02}", cents / 100, cents % 100)).collect();
        let conditions: Vec<String> = prices.iter().map(|price| format!("(cast('{price}' as decimal(18, 2)) = {price})")).collect();
        testing::check(&format!("select count(*) from (values {}) as v(is_equal) where is_equal", conditions.join(", ")), "1999");
    }
}
