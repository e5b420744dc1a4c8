//! Regular expressions with a backslash that stands for itself. The engine makes a `like` of a pattern without signs of its own, and in a `like` such a
//! backslash takes the meaning of what follows: `C:\\data` would find `C:data`. An empty group in front keeps it a regular expression.

use datafusion::common::ScalarValue;
use datafusion::common::tree_node::Transformed;
use datafusion::logical_expr::{BinaryExpr, Expr, Operator};

/// A backslash as patterns write it, and what keeps them patterns.
const BACKSLASH: &str = r"\\";
const EMPTY_GROUP: &str = "()";
const FINDS: &str = "regexp_like";

/// `part`, if it looks for such a pattern, so that it stays one.
pub(crate) fn kept_patterns(mut part: Expr) -> Transformed<Expr> {
    let pattern = match &mut part {
        Expr::BinaryExpr(BinaryExpr { op, right, .. }) if is_match(*op) => Some(right.as_mut()),
        Expr::ScalarFunction(function) if function.func.name() == FINDS => function.args.get_mut(1),
        _ => None,
    };
    let Some(Expr::Literal(ScalarValue::Utf8(text) | ScalarValue::Utf8View(text) | ScalarValue::LargeUtf8(text), _)) = pattern else {
        return Transformed::no(part);
    };
    let Some(text) = text else { return Transformed::no(part) };
    if !text.contains(BACKSLASH) || text.starts_with(EMPTY_GROUP) {
        return Transformed::no(part);
    }
    text.insert_str(0, EMPTY_GROUP);
    Transformed::yes(part)
}

fn is_match(operator: Operator) -> bool {
    use Operator::{RegexIMatch, RegexMatch, RegexNotIMatch, RegexNotMatch};
    matches!(operator, RegexMatch | RegexIMatch | RegexNotMatch | RegexNotIMatch)
}

#[cfg(test)]
mod tests {
    use crate::testing::check_condition;

    #[test]
    fn a_backslash_stands_for_itself() {
        let rows = r"select * from (values ('C:\data'), ('C:data'), ('a\nb'), ('anb'), ('50%')) as v(s)";
        check_condition(rows, r"regexp_like(s, 'C:\\data')", 1);
        check_condition(rows, r"s ~ '^C:\\'", 1);
        check_condition(rows, r"s !~ '\\'", 3);
        check_condition(rows, r"s ~ '\\n'", 1);
        check_condition(rows, r"regexp_like(s, '^c:\\D', 'i')", 1);
        check_condition(rows, r"s ~* 'A\\N'", 1);
    }
}
