//! Parts of days and moments.

use datafusion::sql::sqlparser::ast::{DateTimeField, Expr};

use super::expression::Expressions;
use super::{Guard, Nature, Refused, Result, Written, joined, refused};
use crate::connectors::postgres::types::Wire;

/// What days and moments are cut down to.
const UNITS: [&str; 8] = ["year", "quarter", "month", "week", "day", "hour", "minute", "second"];
/// The engine counts nanoseconds on the way, which begin and end in these years.
const OF_NANOSECONDS: &str = "not between '1678-01-01' and '2261-12-31'";
/// Both sides number the years before in different ways.
const BEFORE_YEAR_ONE: &str = "< '0001-01-01'";

impl Expressions<'_> {
    /// `date_trunc`: the first moment of the unit in which a moment lies.
    pub(super) fn cut_down(&mut self, unit: &Expr, value: &Expr) -> Result<Written> {
        let unit = self.unit(unit)?;
        let value = self.write(value)?;
        let (moment, wire) = match value.wire {
            Wire::Date => (format!("({})::timestamp", value.sql), Wire::Timestamp),
            Wire::Timestamp | Wire::TimestampUtc => (value.sql.clone(), value.wire.clone()),
            _ => return refused("`date_trunc` of no day and no moment"),
        };
        self.unless(&value, OF_NANOSECONDS)?;
        Ok(Written::new(format!("date_trunc('{unit}', {moment})"), wire, joined([&value])))
    }

    /// `date_part`, whose part is a text.
    pub(super) fn part_of(&mut self, part: &Expr, value: &Expr) -> Result<Written> {
        let part = self.text(part)?;
        let part = part.text().map(str::to_lowercase).ok_or_else(|| Refused::new("a part that is not given as it stands"))?;
        self.extracted(&part, value)
    }

    /// `extract`.
    pub(super) fn field_of(&mut self, field: &DateTimeField, value: &Expr) -> Result<Written> {
        self.extracted(&field.to_string().to_lowercase(), value)
    }

    fn extracted(&mut self, part: &str, value: &Expr) -> Result<Written> {
        let value = self.write(value)?;
        let of_day = UNITS[..5].contains(&part) || ["dow", "doy"].contains(&part);
        let is_known = match value.wire {
            Wire::Date => of_day,
            Wire::Timestamp | Wire::TimestampUtc => of_day || UNITS.contains(&part),
            _ => false,
        };
        if !is_known {
            return refused(format_args!("the part `{part}`"));
        }
        self.unless(&value, BEFORE_YEAR_ONE)?;
        Ok(Written::new(format!("floor(extract({part} from {}))::int4", value.sql), Wire::Int4, joined([&value])))
    }

    fn unit(&mut self, unit: &Expr) -> Result<String> {
        let unit = self.text(unit)?;
        let known = unit.text().map(str::to_lowercase).filter(|unit| UNITS.contains(&unit.as_str()));
        known.ok_or_else(|| Refused::new(format!("a unit of time that is none of {}", UNITS.join(", "))))
    }

    /// Makes sure that no value is one for which both sides may differ.
    fn unless(&mut self, value: &Written, differs: &str) -> Result<()> {
        let condition = format!("({} {differs})", value.sql);
        self.guards.push(match value.nature {
            Nature::Row => Guard::Row(condition),
            Nature::Rows => Guard::Rows(condition),
            Nature::Constant(_) => return refused("a part of a time that the SQL gives"),
        });
        Ok(())
    }
}
