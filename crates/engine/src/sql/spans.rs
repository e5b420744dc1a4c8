//! Lengths of time. What is left of two moments is a duration, `interval '10 days'` is a number of days, and the engine compares the two part by part: sixty
//! days in microseconds were less than ten days. Here they are compared by how long they are, with days of 24 hours and months of 30 days, as elsewhere;
//! where the engine sorts, groups or chooses, intervals are refused. And the parts of a duration are those of its days and its time.

use std::sync::Arc;

use datafusion::arrow::array::{Array, ArrayRef, AsArray, Decimal128Array};
use datafusion::arrow::datatypes::{
    ArrowPrimitiveType, DataType, DurationMicrosecondType, DurationMillisecondType, DurationNanosecondType, DurationSecondType,
    IntervalMonthDayNano, IntervalMonthDayNanoType, IntervalUnit, TimeUnit,
};
use datafusion::common::tree_node::Transformed;
use datafusion::common::{DFSchema, DataFusionError, Result as EngineResult, plan_err};
use datafusion::logical_expr::{
    ColumnarValue, Distinct, Expr, ExprSchemable, LogicalPlan, ScalarFunctionArgs, ScalarUDF, ScalarUDFImpl, Signature, Volatility,
};
use hw_base::Error;

use crate::sql::sum::WIDE;

const DAY: i128 = 86_400_000_000_000;
const INTERVAL: DataType = DataType::Interval(IntervalUnit::MonthDayNano);
/// What `extract` and `date_part` are to the engine.
const TAKES_A_PART: &str = "date_part";
/// Functions that choose one of their arguments by comparing them, and those that choose one of many rows.
const CHOOSES: [&str; 3] = ["greatest", "least", "nullif"];
const EXTREMES: [&str; 2] = ["max", "min"];

/// Whether what is compared are lengths of time, not all of which are durations.
pub(crate) fn are_spans(compared: &[&Expr], schema: &DFSchema) -> bool {
    let kinds: Vec<DataType> = compared.iter().filter_map(|side| side.get_type(schema).ok()).collect();
    let is_span = |kind: &DataType| matches!(kind, DataType::Interval(_) | DataType::Duration(_) | DataType::Null);
    kinds.len() == compared.len() && kinds.iter().all(is_span) && kinds.iter().any(|kind| matches!(kind, DataType::Interval(_)))
}

/// How long a length of time is, in nanoseconds.
pub(crate) fn length_of(span: Expr) -> Expr {
    in_form(span, Form::Nanoseconds)
}

/// A part of a duration as one of the days and the time that it is made of, as elsewhere: of 53 hours the hours are 5.
pub(crate) fn part_of_days_and_time(mut part: Expr, schema: &DFSchema) -> Transformed<Expr> {
    let Expr::ScalarFunction(function) = &mut part else { return Transformed::no(part) };
    if function.func.name() != TAKES_A_PART {
        return Transformed::no(part);
    }
    match function.args.get_mut(1) {
        Some(span) if matches!(span.get_type(schema), Ok(DataType::Duration(_))) => {
            *span = in_form(std::mem::take(span), Form::DaysAndTime);
            Transformed::yes(part)
        }
        _ => Transformed::no(part),
    }
}

/// Refuses a plan that sorts, groups or tells apart intervals, which the engine does by how they are written.
pub(crate) fn refuse_order_of_intervals(plan: &LogicalPlan, schema: &DFSchema) -> EngineResult<()> {
    let is_interval = |key: &Expr| is_interval(key, schema);
    let is_ordered = match plan {
        LogicalPlan::Sort(sort) => sort.expr.iter().any(|key| is_interval(&key.expr)),
        LogicalPlan::Aggregate(aggregate) => aggregate.group_expr.iter().any(is_interval),
        LogicalPlan::Distinct(Distinct::All(input)) => {
            input.schema().fields().iter().any(|field| matches!(field.data_type(), DataType::Interval(_)))
        }
        LogicalPlan::Distinct(Distinct::On(on)) => on.on_expr.iter().any(is_interval),
        _ => false,
    };
    if is_ordered { Err(not_ordered()) } else { Ok(()) }
}

/// Refuses an expression that chooses among intervals or tells them apart, other than by comparing two of them.
pub(crate) fn refuse_choice_of_intervals(part: &Expr, schema: &DFSchema) -> EngineResult<()> {
    let is_interval = |part: &Expr| is_interval(part, schema);
    let is_chosen = match part {
        Expr::ScalarFunction(function) => CHOOSES.contains(&function.func.name()) && function.args.iter().any(is_interval),
        Expr::AggregateFunction(function) => {
            let params = &function.params;
            let compares = params.distinct || EXTREMES.contains(&function.func.name());
            (compares && params.args.iter().any(is_interval)) || params.order_by.iter().any(|key| is_interval(&key.expr))
        }
        Expr::WindowFunction(function) => {
            let params = &function.params;
            let compares = params.distinct || EXTREMES.contains(&function.fun.name());
            (compares && params.args.iter().any(is_interval))
                || params.partition_by.iter().any(is_interval)
                || params.order_by.iter().any(|key| is_interval(&key.expr))
        }
        Expr::Case(case) => case.expr.as_deref().is_some_and(is_interval),
        _ => false,
    };
    if is_chosen { Err(not_ordered()) } else { Ok(()) }
}

fn is_interval(part: &Expr, schema: &DFSchema) -> bool {
    matches!(part.get_type(schema), Ok(DataType::Interval(_)))
}

fn not_ordered() -> DataFusionError {
    let error = Error::user("intervals are neither sorted, grouped nor chosen from: `1 day` and `24 hours` are one length")
        .code("HW301")
        .help("take their seconds, which are numbers: `extract(epoch from …)`");
    DataFusionError::External(Box::new(error))
}

fn in_form(span: Expr, form: Form) -> Expr {
    ScalarUDF::from(Span { form, signature: Signature::user_defined(Volatility::Immutable) }).call(vec![span])
}

/// What a length of time is made.
#[derive(Debug, PartialEq, Eq, Hash)]
enum Form {
    Nanoseconds,
    DaysAndTime,
}

#[derive(Debug, PartialEq, Eq, Hash)]
struct Span {
    form: Form,
    signature: Signature,
}

impl ScalarUDFImpl for Span {
    fn name(&self) -> &'static str {
        match self.form {
            Form::Nanoseconds => "length_of_time",
            Form::DaysAndTime => "days_and_time",
        }
    }

    fn signature(&self) -> &Signature {
        &self.signature
    }

    fn coerce_types(&self, types: &[DataType]) -> EngineResult<Vec<DataType>> {
        match types {
            [kind @ DataType::Duration(_)] => Ok(vec![kind.clone()]),
            [_] => Ok(vec![INTERVAL]),
            _ => plan_err!("{} takes a length of time", self.name()),
        }
    }

    fn return_type(&self, _: &[DataType]) -> EngineResult<DataType> {
        Ok(match self.form {
            Form::Nanoseconds => WIDE,
            Form::DaysAndTime => INTERVAL,
        })
    }

    fn invoke_with_args(&self, arguments: ScalarFunctionArgs) -> EngineResult<ColumnarValue> {
        let [spans] = &ColumnarValue::values_to_arrays(&arguments.args)?[..] else {
            return plan_err!("{} takes a length of time", self.name());
        };
        let lengths = nanoseconds(spans);
        Ok(ColumnarValue::Array(match self.form {
            Form::Nanoseconds => Arc::new(lengths.with_data_type(WIDE)),
            Form::DaysAndTime => Arc::new(lengths.unary_opt::<_, IntervalMonthDayNanoType>(days_and_time)),
        }))
    }
}

fn nanoseconds(spans: &ArrayRef) -> Decimal128Array {
    match spans.data_type() {
        DataType::Duration(TimeUnit::Second) => counted::<DurationSecondType>(spans, 1_000_000_000),
        DataType::Duration(TimeUnit::Millisecond) => counted::<DurationMillisecondType>(spans, 1_000_000),
        DataType::Duration(TimeUnit::Microsecond) => counted::<DurationMicrosecondType>(spans, 1_000),
        DataType::Duration(TimeUnit::Nanosecond) => counted::<DurationNanosecondType>(spans, 1),
        _ => spans
            .as_primitive::<IntervalMonthDayNanoType>()
            .unary(|span| (i128::from(span.months) * 30 + i128::from(span.days)) * DAY + i128::from(span.nanoseconds)),
    }
}

/// Nanoseconds as days and what is left of them.
fn days_and_time(length: i128) -> Option<IntervalMonthDayNano> {
    Some(IntervalMonthDayNano::new(0, i32::try_from(length / DAY).ok()?, i64::try_from(length % DAY).ok()?))
}

fn counted<T: ArrowPrimitiveType<Native = i64>>(spans: &ArrayRef, nanoseconds: i128) -> Decimal128Array {
    spans.as_primitive::<T>().unary(|count| i128::from(count) * nanoseconds)
}

#[cfg(test)]
mod tests {
    use crate::testing::{check, check_condition};

    #[test]
    fn lengths_of_time_are_compared_by_how_long_they_are() {
        let rows = "select timestamp '2024-03-01 00:00:00' as a, timestamp '2024-01-01 12:00:00' as b, interval '10 days' as i";
        let check = |condition: &str, is_so: bool| check_condition(rows, condition, u64::from(is_so));
        check("a - b > interval '10 days'", true);
        check("interval '60 days' < a - b", false);
        check("a - b = interval '59 days 12 hours'", true);
        check("a - b > i and b - a < -i", true);
        check("a - b between i and interval '2 months'", true);
        check("i in (interval '240 hours')", true);
        check("interval '1 month' = interval '30 days'", true);
        check("a - b is distinct from null and i > interval '9 days 23 hours'", true);
        check("(i > null) is null", true);
        check("a - b > b - timestamp '2024-01-01 00:00:00'", true);
    }

    #[test]
    fn the_parts_of_a_difference_are_those_of_its_days_and_its_time() {
        let difference = |part: &str| {
            let (from, to) = ("timestamp '2024-01-01 00:00:00'", "timestamp '2024-01-03 05:06:07.000008'");
            format!("select extract({part} from t - f) from (values ({from}, {to})) as v(f, t)")
        };
        for (part, expected) in [("day", "2"), ("hour", "5"), ("minute", "6"), ("second", "7"), ("epoch", "191167.000008")] {
            check(&difference(part), expected);
        }
        check(&difference("hour").replace("t - f", "f - t"), "-5");
    }

    #[test]
    fn intervals_are_neither_sorted_grouped_nor_chosen_from() {
        let rows = "(select interval '1 day' as i, timestamp '2024-03-01 00:00:00' - timestamp '2024-02-28 00:00:00' as d)";
        let told = "intervals are neither sorted, grouped nor chosen from";
        for select in ["max(i)", "min(i) over ()", "count(distinct i)", "distinct i", "greatest(i, interval '25 hours')", "nullif(i, i)"] {
            check(&format!("select {select} from {rows}"), told);
        }
        check(&format!("select case i when interval '24 hours' then 1 end from {rows}"), told);
        check(&format!("select 1 from {rows} order by i"), told);
        check(&format!("select count(*) from {rows} group by i"), told);
        check(&format!("select extract(epoch from max(d)) from {rows} group by d order by d"), "172800");
        check(&format!("select count(i) from {rows} where i = interval '24 hours'"), "1");
        check(&format!("select case when i < interval '25 hours' then 1 end from {rows}"), "1");
    }
}
