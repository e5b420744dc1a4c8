//! Texts of moments that leave out the seconds, such as `2024-03-31 10:00`, of which the engine makes no moment.

use std::borrow::Cow;
use std::sync::{Arc, LazyLock};

use datafusion::arrow::array::{AsArray, StringViewArray};
use datafusion::arrow::compute::cast;
use datafusion::arrow::datatypes::DataType;
use datafusion::common::tree_node::Transformed;
use datafusion::common::{DFSchema, Result as EngineResult, ScalarValue};
use datafusion::logical_expr::expr::{Cast, TryCast};
use datafusion::logical_expr::{ColumnarValue, Expr, ExprSchemable, ScalarFunctionArgs, ScalarUDF, ScalarUDFImpl, Signature, Volatility};

/// The function that gives the texts of a column their seconds.
const WITH_SECONDS: &str = "with_seconds";
/// A moment as it is written where seconds are left out, each digit by a zero.
const TO_THE_MINUTE: &[u8] = b"0000-00-00 00:00";

static FUNCTION: LazyLock<ScalarUDF> =
    LazyLock::new(|| ScalarUDF::from(WithSeconds { signature: Signature::string(1, Volatility::Immutable) }));

/// The function.
pub(crate) fn with_seconds() -> ScalarUDF {
    FUNCTION.clone()
}

/// The cast of a text to a moment, with the seconds that it leaves out.
pub(crate) fn to_the_second(mut part: Expr, schema: &DFSchema) -> Transformed<Expr> {
    let (text, kind) = match &mut part {
        Expr::Cast(Cast { expr, field }) | Expr::TryCast(TryCast { expr, field }) => (expr.as_mut(), field.data_type()),
        _ => return Transformed::no(part),
    };
    let whole = if matches!(kind, DataType::Timestamp(..)) { whole(text, schema) } else { None };
    let Some(whole) = whole else { return Transformed::no(part) };
    *text = whole;
    Transformed::yes(part)
}

/// The text with its seconds; `None` for what is no text, and for one that has them.
fn whole(text: &Expr, schema: &DFSchema) -> Option<Expr> {
    match text {
        Expr::Literal(ScalarValue::Utf8(Some(text)) | ScalarValue::Utf8View(Some(text)), _) => {
            Some(Expr::Literal(ScalarValue::Utf8(Some(added(text)?)), None))
        }
        Expr::Literal(..) => None,
        Expr::ScalarFunction(function) if function.func.name() == WITH_SECONDS => None,
        column => {
            let kind = column.get_type(schema).ok()?;
            matches!(kind, DataType::Utf8 | DataType::Utf8View | DataType::LargeUtf8).then(|| FUNCTION.call(vec![column.clone()]))
        }
    }
}

/// The text with the seconds that it leaves out; `None` where it leaves none out.
fn added(text: &str) -> Option<String> {
    let (minute, behind) = text.split_at_checked(TO_THE_MINUTE.len())?;
    let is_like = |(byte, shape): (u8, &u8)| match shape {
        b'0' => byte.is_ascii_digit(),
        b' ' => matches!(byte, b' ' | b'T'),
        sign => byte == *sign,
    };
    let goes_on = behind.starts_with(|next: char| next == ':' || next.is_ascii_digit());
    (!goes_on && minute.bytes().zip(TO_THE_MINUTE).all(is_like)).then(|| format!("{minute}:00{behind}"))
}

fn whole_text(text: &str) -> Cow<'_, str> {
    added(text).map_or(Cow::Borrowed(text), Cow::Owned)
}

#[derive(Debug, PartialEq, Eq, Hash)]
struct WithSeconds {
    signature: Signature,
}

impl ScalarUDFImpl for WithSeconds {
    fn name(&self) -> &'static str {
        WITH_SECONDS
    }

    fn signature(&self) -> &Signature {
        &self.signature
    }

    fn return_type(&self, _: &[DataType]) -> EngineResult<DataType> {
        Ok(DataType::Utf8View)
    }

    fn invoke_with_args(&self, arguments: ScalarFunctionArgs) -> EngineResult<ColumnarValue> {
        let texts = cast(&ColumnarValue::values_to_arrays(&arguments.args)?[0], &DataType::Utf8View)?;
        let whole: StringViewArray = texts.as_string_view().iter().map(|text| text.map(whole_text)).collect();
        Ok(ColumnarValue::Array(Arc::new(whole)))
    }
}

#[cfg(test)]
mod tests {
    use crate::testing::check_condition;

    /// How many of three rows a condition holds for.
    #[track_caller]
    fn check(condition: &str, expected: u64) {
        let rows = "select timestamp(6) '2025-01-01 12:00:00' as t, s from \
                    (values ('2025-01-01 12:00'), ('2025-01-01T12:00:00.5'), (null)) as v(s)";
        check_condition(rows, condition, expected);
    }

    #[test]
    fn seconds_may_be_left_out() {
        check("t = timestamp '2025-01-01 12:00'", 3);
        check("t = cast('2025-01-01T12:00' as timestamp)", 3);
        check("t > '2025-01-01 11:59'", 3);
        check("t in ('2025-01-01 12:00', '2025-01-01 12:00:01')", 3);
        check("try_cast('2025-01-01 12:00' as timestamp) = t", 3);
        check("try_cast('2025-01-01 25:00' as timestamp) is null", 3);
    }

    #[test]
    fn texts_of_columns_may_leave_them_out() {
        check("cast(s as timestamp) = t", 1);
        check("cast(upper(s) as timestamp) >= t", 2);
        check("try_cast(s as timestamp) is null", 1);
        check("t < s", 1);
        check("try_cast(s || ':30' as timestamp) > t", 1);
    }
}
