//! `parses`: text reads as a date, a number, an address and so on.

use hw_base::{Column, ColumnType, literal};
use schemars::JsonSchema;
use serde::Deserialize;

use crate::columns::{as_text, find};
use crate::explain::About;
use crate::kinds::RuleKind;
use crate::rule::{Problems, RuleBody};
use crate::shape::Shape;
use crate::shared_settings::{Common, counting_settings, kind_is};
use crate::strftime::Format;

/// Text reads as a date, a number, an address and so on.
#[derive(Debug)]
pub(super) struct Parses;

/// What a text is to read as.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Deserialize, JsonSchema)]
#[serde(rename_all = "snake_case")]
enum Form {
    /// A day: `2026-01-31`, and one that the calendar has.
    Date,
    /// A moment: `2026-01-31 12:00:00`, with or without a zone; a day alone is one too.
    #[serde(alias = "datetime")]
    Timestamp,
    /// A time of the day: `12:00` or `12:00:00`.
    Time,
    /// A whole number.
    Integer,
    /// A number, also with an exponent.
    #[serde(alias = "decimal", alias = "float")]
    Number,
    /// `true`, `false`, `yes`, `no`, `t`, `f`, `y`, `n`, `1` or `0`, in any case of letters.
    Boolean,
    /// A UUID with its hyphens.
    Uuid,
    /// An e-mail address.
    Email,
    /// An address with its scheme: `https://shop.example/orders`.
    Url,
    /// An IP address of version 4.
    Ipv4,
    /// An IP address of version 6.
    Ipv6,
    /// An IP address of either version.
    Ip,
    /// JSON as RFC 8259 writes it: an object, a list or a single value.
    Json,
    /// A date or a time in any of the forms in which people write them: `31 Jan 2026`, `1/31/26 4pm`, `Tuesday`.
    AnyDate,
}

const IPV4: &str = r"((25[0-5]|2[0-4][0-9]|1[0-9]{2}|[1-9]?[0-9])\.){3}(25[0-5]|2[0-4][0-9]|1[0-9]{2}|[1-9]?[0-9])";

const IPV6: &str = "(([0-9a-fA-F]{1,4}:){7}[0-9a-fA-F]{1,4}|([0-9a-fA-F]{1,4}:){1,7}:|([0-9a-fA-F]{1,4}:){1,6}:[0-9a-fA-F]{1,4}\
    |([0-9a-fA-F]{1,4}:){1,5}(:[0-9a-fA-F]{1,4}){1,2}|([0-9a-fA-F]{1,4}:){1,4}(:[0-9a-fA-F]{1,4}){1,3}\
    |([0-9a-fA-F]{1,4}:){1,3}(:[0-9a-fA-F]{1,4}){1,4}|([0-9a-fA-F]{1,4}:){1,2}(:[0-9a-fA-F]{1,4}){1,5}\
    |[0-9a-fA-F]{1,4}:(:[0-9a-fA-F]{1,4}){1,6}|:((:[0-9a-fA-F]{1,4}){1,7}|:))";

impl Form {
    /// The regular expression of the form; `None` for moments, which engines read in more than one form, and for JSON, which is nested.
    fn expression(self) -> Option<String> {
        Some(match self {
            Self::Timestamp | Self::Json | Self::AnyDate => return None,
            Self::Date => r"^\s*[0-9]{4}-[0-9]{2}-[0-9]{2}\s*$".into(),
            Self::Time => r"^\s*([01][0-9]|2[0-3]):[0-5][0-9](:[0-5][0-9](\.[0-9]+)?)?\s*$".into(),
            Self::Integer => r"^\s*[+-]?[0-9]+\s*$".into(),
            Self::Number => r"^\s*[+-]?([0-9]+(\.[0-9]*)?|\.[0-9]+)([eE][+-]?[0-9]+)?\s*$".into(),
            Self::Boolean => r"^\s*([tT][rR][uU][eE]|[fF][aA][lL][sS][eE]|[yY][eE][sS]|[nN][oO]|[tTfFyYnN10])\s*$".into(),
            Self::Uuid => "^[0-9A-Fa-f]{8}-[0-9A-Fa-f]{4}-[0-9A-Fa-f]{4}-[0-9A-Fa-f]{4}-[0-9A-Fa-f]{12}$".into(),
            Self::Email => r"^[A-Za-z0-9.!#$%&'*+/=?^_`{|}~-]+@[A-Za-z0-9-]+(\.[A-Za-z0-9-]+)+$".into(),
            Self::Url => r"^[A-Za-z][A-Za-z0-9+.-]*://[^\s/?#]+[^\s]*$".into(),
            Self::Ipv4 => format!("^{IPV4}$"),
            Self::Ipv6 => format!("^{IPV6}$"),
            Self::Ip => format!("^({IPV4}|{IPV6})$"),
        })
    }

    /// Whether no value of this kind, as it is written, has the form.
    fn is_never(self, kind: ColumnType) -> bool {
        match kind {
            ColumnType::Integer | ColumnType::Decimal | ColumnType::Float => {
                !matches!(self, Self::Integer | Self::Number | Self::Boolean | Self::Json)
            }
            ColumnType::Boolean => !matches!(self, Self::Boolean | Self::Json),
            ColumnType::Date | ColumnType::Timestamp => !matches!(self, Self::Date | Self::Timestamp | Self::AnyDate),
            ColumnType::Time => !matches!(self, Self::Time | Self::AnyDate),
            ColumnType::Text | ColumnType::Binary | ColumnType::Other => false,
        }
    }

    fn words(self) -> &'static str {
        match self {
            Self::Date => "a date",
            Self::Timestamp => "a timestamp",
            Self::Time => "a time",
            Self::Integer => "an integer",
            Self::Number => "a number",
            Self::Boolean => "a boolean",
            Self::Uuid => "a UUID",
            Self::Email => "an e-mail address",
            Self::Url => "a URL",
            Self::Ipv4 | Self::Ipv6 | Self::Ip => "an IP address",
            Self::Json => "JSON",
            Self::AnyDate => "a date in any form",
        }
    }

    /// SQL that is true for texts that do not read so.
    fn violates(self, text: &str) -> String {
        let has_form = self.expression().map(|expression| format!("regexp_like({text}, {})", literal(&expression)));
        match (self, has_form) {
            (Self::Date, Some(has_form)) => format!("{text} is not null and (not {has_form} or try_cast(trim({text}) as date) is null)"),
            (_, Some(has_form)) => format!("not {has_form}"),
            (Self::Json, None) => format!("not json_valid({text})"),
            (Self::AnyDate, None) => format!("not any_date({text})"),
            (_, None) => format!("{text} is not null and try_cast(trim({text}) as timestamp(6)) is null"),
        }
    }
}

counting_settings! {
    /// Settings of `parses`.
    ParsesSettings {
        /// The column.
        column: String,
        /// What its texts are to read as: `date`, `timestamp`, `time`, `integer`, `number`, `boolean`, `uuid`, `email`, `url`, `ip`, `ipv4`, `ipv6`, `json` or `any_date`.
        #[serde(rename = "as")]
        form: Option<Form>,
        /// A format of dates and times in place of `as`, in the signs of `strftime`: `%d/%m/%Y`.
        format: Option<String>,
    }
}

impl RuleKind for Parses {
    kind_is!("parses", Validity, Row, ParsesSettings);

    fn about(&self) -> About {
        About {
            finds: "Texts that do not read as what `as` says, or that do not have the `format` in the signs of `strftime` (`%Y`, `%m`, `%d`, `%H`, `%M`, `%S`, `%f`, `%b`, `%B`, `%y`, `%p`, `%j`, `%a`, `%A`, `%z` …). The text as a whole is read; white space around numbers, days, moments and JSON is allowed. A day that the calendar does not have, such as the 30th of February, is no date. Nulls are the business of `not_null`; an empty text reads as nothing. `any_date` takes all of the forms in which people write dates and times, such as `31 Jan 2026`, `1/31/26 4pm` and `Tuesday`, with the month first where nothing tells it from the day; a number such as `10` is a day of the month to it.",
            matters: "What does not read as a date becomes null when it is cast, or ends the load, long after the place where it could be mended.",
            example: "- parses: { column: email, as: email, at_least: 99% }\n- parses: { column: note, format: '%d/%m/%Y', where: 'note is not null' }",
            remedy: "Look at the examples for a second form, such as days before months, and read both in the model. Ask the source for one form.",
        }
    }
}

impl RuleBody for ParsesSettings {
    fn common(&self) -> Common {
        self.shared()
    }

    fn columns(&self) -> Vec<String> {
        vec![self.column.clone()]
    }

    fn check(&self, problems: &mut Problems<'_>) {
        match (self.form, &self.format) {
            (None, None) => problems.add("as", "neither `as` nor `format` is given", "add `as: date`, or `format: '%d/%m/%Y'`"),
            (Some(_), Some(_)) => problems.add("format", "`as` and `format` are both given", "keep one of them"),
            (None, Some(format)) => {
                if let Err(reason) = Format::parse(format) {
                    problems.add("format", reason, "use the signs of `strftime`, such as `%d/%m/%Y`, and `%%` for a `%`");
                }
            }
            (Some(_), None) => {}
        }
    }

    fn shape(&self, columns: &[Column]) -> Result<Shape, String> {
        let column = find(columns, &self.column)?;
        if let Some(form) = self.form.filter(|form| form.is_never(column.kind)) {
            return Err(format!("no value of column `{}`, which is {}, reads as {}", column.name, column.sql_type, form.words()));
        }
        let text = as_text(column);
        let violates = match (&self.format, self.form) {
            (Some(format), _) => format!("not {}", Format::parse(format)?.fits(&text)),
            (None, Some(form)) => form.violates(&text),
            (None, None) => "false".into(),
        };
        Ok(Shape::Row { violates })
    }
}

#[cfg(test)]
mod tests {
    use regex::Regex;
    use serde_json::json;

    use super::Form;
    use crate::testing::{check_misfit, check_row, refused};

    #[track_caller]
    fn check(form: Form, reads: &[&str], others: &[&str]) {
        let expression = Regex::new(&form.expression().unwrap()).unwrap();
        for text in reads {
            assert!(expression.is_match(text), "{form:?}: {text}");
        }
        for text in others {
            assert!(!expression.is_match(text), "{form:?}: {text}");
        }
    }

    #[test]
    fn texts_read_as_their_form_or_not() {
        check(Form::Integer, &["0", "-7", " +42 "], &["", "1.0", "1 000", "0x1f", "seven"]);
        check(Form::Number, &["0", "-.5", "1.", "6.02e23"], &["", ".", "1,5", "e3", "NaN"]);
        check(Form::Boolean, &["true", "No", "1", "F"], &["", "2", "truth"]);
        check(Form::Time, &["00:00", "23:59:59.999"], &["24:00", "1:00", "12"]);
        check(Form::Email, &["a.b+c@d-e.example"], &["a@b", "a b@c.example", "@c.example", "a@c..example"]);
        check(Form::Url, &["https://a.example/x?y#z", "s3://bucket/key"], &["a.example", "https://", "https:// a"]);
        check(Form::Ip, &["192.168.0.1", "::1", "2001:db8::8a2e:370:7334", "1:2:3:4:5:6:7:8"], &["256.1.1.1", "1.2.3", ":::", "1::2::3"]);
        check(Form::Uuid, &["123e4567-e89b-12d3-a456-426614174000"], &["123e4567e89b12d3a456426614174000"]);
        check(Form::Date, &["2026-01-31"], &["31/01/2026", "2026-1-1", "2026-01-31 12:00"]);
    }

    #[test]
    fn days_must_be_in_the_calendar() {
        let rule = json!({"parses": {"column": "a", "as": "date"}});
        let has_form = r"regexp_like(a, '^\s*[0-9]{4}-[0-9]{2}-[0-9]{2}\s*$')";
        check_row(&rule, "a varchar", &format!("a is not null and (not {has_form} or try_cast(trim(a) as date) is null)"));
        let rule = json!({"parses": {"column": "a", "as": "timestamp"}});
        check_row(&rule, "a varchar", "a is not null and try_cast(trim(a) as timestamp(6)) is null");
        check_misfit(
            &json!({"parses": {"column": "a", "as": "date"}}),
            "a decimal(12,2)",
            "no value of column `a`, which is decimal(12,2), reads as a date",
        );
        check_row(&json!({"parses": {"column": "a", "as": "json"}}), "a varchar", "not json_valid(a)");
        check_row(&json!({"parses": {"column": "a", "as": "any_date"}}), "a varchar", "not any_date(a)");
        check_row(
            &json!({"parses": {"column": "a", "format": "%H"}}),
            "a varchar",
            "not regexp_like(a, '^(?:2[0-3]|[01][0-9]|[0-9])$', 'i')",
        );
    }

    #[test]
    fn the_form_must_be_clear() {
        let refuse = |settings| refused(&json!([{ "parses": settings }]));
        assert!(refuse(json!({"column": "a"})).contains("neither `as` nor `format`"));
        assert!(refuse(json!({"column": "a", "as": "date", "format": "%Y"})).contains("keep one of them"));
        assert!(refuse(json!({"column": "a", "format": "%q"})).contains("`%q` is not known"));
        assert!(refuse(json!({"column": "a", "as": "dat"})).contains("did you mean `date`?"));
    }
}
