//! Functions and aggregates.

use datafusion::sql::sqlparser::ast::{DuplicateTreatment, Expr, Function, FunctionArg, FunctionArgExpr, FunctionArguments};

use super::compare::in_one_type;
use super::expression::Expressions;
use super::query::name_parts;
use super::window::OF_WINDOWS;
use super::{Guard, Nature, Result, Written, joined, pattern, refused};
use crate::connectors::postgres::types::Wire;
use crate::types::MOST_DIGITS;

/// Whole numbers up to here are floats.
const LARGEST_WHOLE_FLOAT: i64 = 1 << 53;

/// What an aggregate works on, besides its argument.
struct Over {
    /// ` filter (where …)` or nothing.
    filter: String,
    /// ` over (…)` or nothing.
    window: String,
}

impl Expressions<'_> {
    pub(super) fn function(&mut self, function: &Function) -> Result<Written> {
        let name = name_parts(&function.name)?.join(".");
        let FunctionArguments::List(list) = &function.args else { return refused(format_args!("`{function}`")) };
        let is_plain = function.parameters == FunctionArguments::None
            && function.within_group.is_empty()
            && function.null_treatment.is_none()
            && !function.uses_odbc_syntax
            && list.clauses.is_empty();
        if !is_plain {
            return refused(format_args!("`{function}`"));
        }
        let is_distinct = list.duplicate_treatment == Some(DuplicateTreatment::Distinct);
        if ["count", "sum", "avg", "min", "max", "bool_and", "bool_or"].contains(&name.as_str()) {
            let over = self.over(function)?;
            return self.aggregate(&name, &list.args, is_distinct, &over);
        }
        if is_distinct || function.filter.is_some() {
            return refused(format_args!("`{function}`"));
        }
        let arguments = list.args.iter().map(expression_of).collect::<Result<Vec<_>>>()?;
        match &function.over {
            None => self.scalar(&name, &arguments),
            Some(window) if OF_WINDOWS.contains(&name.as_str()) => self.of_window(&name, &arguments, window),
            Some(_) => refused(format_args!("`{function}`")),
        }
    }

    fn scalar(&mut self, name: &str, arguments: &[&Expr]) -> Result<Written> {
        match (name, arguments) {
            ("character_length" | "char_length" | "length", [text]) => self.measure("char_length", text),
            ("octet_length", [text]) => self.measure("octet_length", text),
            ("btrim" | "trim", [text]) => self.text_function("btrim", text),
            ("ltrim" | "rtrim", [text]) => self.text_function(name, text),
            ("lower" | "upper", [text]) => {
                let text = self.text(text)?;
                self.in_ascii(&text)?;
                Ok(Written::new(format!("{name}({})", text.sql), Wire::Text, joined([&text])))
            }
            ("abs", [number]) => {
                let number = self.write(number)?;
                let is_number = matches!(number.wire, Wire::Int2 | Wire::Int4 | Wire::Int8 | Wire::Decimal { .. } | Wire::Float8);
                if !is_number {
                    return refused("`abs` of no number");
                }
                self.may_fail = true;
                Ok(Written::new(format!("abs({})", number.sql), number.wire.clone(), joined([&number])))
            }
            ("isnan", [number]) => {
                let number = self.write(number)?;
                if number.wire != Wire::Float8 {
                    return refused("`isnan` of no float");
                }
                Ok(Written::new(format!("({} = 'NaN'::float8)", number.sql), Wire::Bool, joined([&number])))
            }
            ("nullif", [value, other]) => {
                let (value, other) = (self.write(value)?, self.write(other)?);
                let (value, other) = self.side_by_side(value, other)?;
                Ok(Written::new(format!("nullif({}, {})", value.sql, other.sql), value.wire.clone(), joined([&value, &other])))
            }
            ("coalesce", [_, ..]) | ("ifnull" | "nvl", [_, _]) => self.one_of("coalesce", arguments),
            ("greatest" | "least", [_, ..]) => {
                let one = self.one_of(name, arguments)?;
                if matches!(one.wire, Wire::Float4 | Wire::Float8 | Wire::Bool | Wire::Bytes | Wire::List(_)) {
                    return refused(format_args!("`{name}` of this type"));
                }
                Ok(one)
            }
            ("floor" | "ceil", [number]) => self.rounded(name, number),
            ("date_trunc", [unit, value]) => self.cut_down(unit, value),
            ("date_part" | "datepart", [part, value]) => self.part_of(part, value),
            ("regexp_like", [text, pattern]) => self.matches(text, pattern, false),
            ("regexp_like", [text, pattern, flags]) if self.text(flags)?.text() == Some("i") => self.matches(text, pattern, true),
            _ => self.of_text(name, arguments),
        }
    }

    /// The next whole number of a float.
    pub(super) fn rounded(&mut self, name: &str, number: &Expr) -> Result<Written> {
        let number = self.write(number)?;
        if number.wire != Wire::Float8 {
            return refused(format_args!("`{name}` of no float"));
        }
        Ok(Written::new(format!("{name}({})", number.sql), Wire::Float8, joined([&number])))
    }

    fn measure(&mut self, name: &str, text: &Expr) -> Result<Written> {
        let text = self.text(text)?;
        Ok(Written::new(format!("{name}({})", text.sql), Wire::Int4, joined([&text])))
    }

    /// A function that returns one of several values.
    fn one_of(&mut self, name: &str, arguments: &[&Expr]) -> Result<Written> {
        let values = arguments.iter().map(|argument| self.write_or_null(argument)).collect::<Result<Vec<_>>>()?;
        let (list, wire) = in_one_type(&values.iter().map(Option::as_ref).collect::<Vec<_>>())?;
        Ok(Written::new(format!("{name}({})", list.join(", ")), wire, joined(values.iter().flatten())))
    }

    /// `regexp_like`, with the expression in PostgreSQL's own form.
    fn matches(&mut self, text: &Expr, pattern: &Expr, ignore_case: bool) -> Result<Written> {
        let pattern = self.text(pattern)?;
        let pattern = pattern.text().ok_or_else(|| super::Refused::new("an expression that is not given as it stands"))?;
        let text = self.text(text)?;
        let written = pattern::regular_expression(pattern, ignore_case)?;
        if written.only_ascii {
            self.in_ascii(&text)?;
        }
        Ok(Written::new(format!("({} ~ {})", text.sql, hw_base::literal(&written.pattern)), Wire::Bool, joined([&text])))
    }

    pub(super) fn like(&mut self, text: &Expr, pattern: &Expr, negated: bool) -> Result<Written> {
        let text = self.text(text)?;
        let pattern = self.plain_pattern(pattern)?;
        Ok(like(&text, "like", &pattern, negated))
    }

    pub(super) fn like_in_any_case(&mut self, text: &Expr, pattern: &Expr, negated: bool) -> Result<Written> {
        let text = self.text(text)?;
        let pattern = self.plain_pattern(pattern)?;
        self.in_ascii(&text)?;
        self.in_ascii(&pattern)?;
        Ok(like(&text, "ilike", &pattern, negated))
    }

    /// A pattern without a `\`, which means different things before a letter.
    fn plain_pattern(&mut self, pattern: &Expr) -> Result<Written> {
        let pattern = self.text(pattern)?;
        if pattern.text().is_some_and(|text| !text.contains('\\')) { Ok(pattern) } else { refused("this pattern") }
    }

    fn over(&mut self, function: &Function) -> Result<Over> {
        let filter = match &function.filter {
            Some(condition) => format!(" filter (where {})", self.truth(condition)?.sql),
            None => String::new(),
        };
        let window = match &function.over {
            None => String::new(),
            Some(window) => self.window(window, false)?,
        };
        Ok(Over { filter, window })
    }

    fn aggregate(&mut self, name: &str, arguments: &[FunctionArg], is_distinct: bool, over: &Over) -> Result<Written> {
        let Over { filter, window } = over;
        let tail = format!("{filter}{window}");
        let [argument] = arguments else { return refused(format_args!("`{name}` of several values")) };
        if let (FunctionArg::Unnamed(FunctionArgExpr::Wildcard), "count", false) = (argument, name, is_distinct) {
            return Ok(Written::new(format!("(count(*){tail})"), Wire::Int8, Nature::Rows));
        }
        let value = self.write(expression_of(argument)?)?;
        if value.nature == Nature::Rows && window.is_empty() {
            return refused("an aggregate of an aggregate");
        }
        match name {
            "count" if is_distinct => {
                self.groupable(&value)?;
                Ok(Written::new(format!("(count(distinct {}){tail})", value.sql), Wire::Int8, Nature::Rows))
            }
            _ if is_distinct => refused(format_args!("`{name}` of different values")),
            "count" => Ok(Written::new(format!("(count({}){tail})", value.sql), Wire::Int8, Nature::Rows)),
            "sum" => self.sum(&value, &tail),
            "avg" => self.mean(&value, &tail),
            "bool_and" | "bool_or" if value.wire == Wire::Bool => {
                Ok(Written::new(format!("({name}({}){tail})", value.sql), Wire::Bool, Nature::Rows))
            }
            _ => self.extreme(name, &value, &tail),
        }
    }

    fn sum(&mut self, value: &Written, tail: &str) -> Result<Written> {
        self.may_fail = true;
        let sum = format!("(sum({}){tail})", value.sql);
        match value.wire {
            Wire::Int2 | Wire::Int4 | Wire::Int8 => Ok(Written::new(format!("{sum}::int8"), Wire::Int8, Nature::Rows)),
            Wire::Decimal { precision, scale } => {
                let precision = (precision + 10).min(MOST_DIGITS);
                Ok(Written::new(format!("{sum}::numeric({precision},{scale})"), Wire::Decimal { precision, scale }, Nature::Rows))
            }
            _ => refused("a sum of floats depends on their order"),
        }
    }

    /// A mean of whole numbers is rounded once, as this one is where their sum is a float; of decimals the engine cuts off what lies behind four more digits.
    fn mean(&mut self, value: &Written, tail: &str) -> Result<Written> {
        let sql = &value.sql;
        self.may_fail = true;
        match value.wire {
            Wire::Int2 | Wire::Int4 | Wire::Int8 => {
                self.guards.push(Guard::Rows(format!("coalesce(sum(abs(({sql})::numeric)){tail}, 0) > {LARGEST_WHOLE_FLOAT}")));
                let mean = format!("((sum({sql}){tail})::float8 / nullif(count({sql}){tail}, 0))");
                Ok(Written::new(mean, Wire::Float8, Nature::Rows))
            }
            Wire::Decimal { precision, scale } => {
                let most = MOST_DIGITS.cast_signed();
                let (precision, scale) = ((precision + 4).min(MOST_DIGITS), (scale + 4).min(most));
                let zeros = "0".repeat(usize::from(scale.unsigned_abs()));
                let part = format!("0.{}1", &zeros[..zeros.len().saturating_sub(1)]);
                let cut = format!("div((sum({sql}){tail}) * 1{zeros}, nullif(count({sql}){tail}, 0)) * {part}");
                Ok(Written::new(format!("({cut})::numeric({precision},{scale})"), Wire::Decimal { precision, scale }, Nature::Rows))
            }
            _ => refused("a mean of floats depends on their order"),
        }
    }

    fn extreme(&mut self, name: &str, value: &Written, tail: &str) -> Result<Written> {
        if matches!(value.wire, Wire::Bool | Wire::Bytes | Wire::List(_)) {
            return refused(format_args!("`{name}` of this type"));
        }
        self.plain_float(value)?;
        Ok(Written::new(format!("({name}({}){tail})", value.sql), value.wire.clone(), Nature::Rows))
    }
}

fn like(text: &Written, operator: &str, pattern: &Written, negated: bool) -> Written {
    let not = if negated { "not " } else { "" };
    Written::new(format!("({} {not}{operator} {})", text.sql, pattern.sql), Wire::Bool, joined([text]))
}

fn expression_of(argument: &FunctionArg) -> Result<&Expr> {
    match argument {
        FunctionArg::Unnamed(FunctionArgExpr::Expr(expression)) => Ok(expression),
        other => refused(format_args!("the argument `{other}`")),
    }
}
