//! The formats that Soda has names for.

const BLANKS: &str = r"(\s*)";
const SIGN: &str = r"([-+]?)";
const PLUS: &str = r"(\+?)";
const DIGITS: &str = r"([0-9]+)";
const DAY: &str = "(0?[1-9]|[12][0-9]|3[01])";
const MONTH: &str = "(0?[1-9]|1[012])";
const YEAR: &str = r"([12][0-9])?\d\d";
const HOUR: &str = r"(0?[0-9]|[01]\d|2[0-3])";
const HOUR_OF_TWELVE: &str = "(0?[0-9]|1[0-2])";
const MINUTE: &str = "[0-5]?[0-9]";
const SECOND: &str = r"[0-5]?[0-9]([.,]\d+)?";

/// The regular expression of a named format; `None` for an unknown one.
pub(super) fn expression(name: &str) -> Option<String> {
    let whole = |inside: String| Some(format!("^{BLANKS}{inside}{BLANKS}$"));
    match name {
        "integer" => return whole(format!("{SIGN}{BLANKS}{DIGITS}")),
        "positive integer" => return whole(format!("{PLUS}{BLANKS}{DIGITS}")),
        "negative integer" => return whole(format!("(-{BLANKS}{DIGITS}|0+)")),
        "date us" => return whole(format!(r"{MONTH}[-\./]{DAY}[-\./]{YEAR}")),
        "date eu" => return whole(format!(r"{DAY}[-\./]{MONTH}[-\./]{YEAR}")),
        "date inverse" => return whole(format!(r"{YEAR}[-\./]{MONTH}[-\./]{DAY}")),
        "date iso 8601" => {
            return whole(format!(
                r"[12][0-9]{{3}}-?((0[1-9]|1[012])-?(0[1-9]|[12][0-9]|3[01])|W[0-5]\d(-?[1-7])?|[0-3]\d\d)([ T]{HOUR}(:?[0-5][0-9](:?[0-5][0-9]([.,]\d+)?)?)?([+-]{HOUR}:?[0-5][0-9]|Z)?)?"
            ));
        }
        "time 24h" => return whole(format!("{HOUR}:{MINUTE}(:{SECOND})?")),
        "time 24h nosec" => return whole(format!("{HOUR}:{MINUTE}")),
        "time 12h" => return whole(format!("{HOUR_OF_TWELVE}:{MINUTE}(:{SECOND})?")),
        "time 12h nosec" => return whole(format!("{HOUR_OF_TWELVE}:{MINUTE}")),
        "timestamp 24h" => return whole(format!("{HOUR}:{MINUTE}:{SECOND}")),
        "timestamp 12h" => return whole(format!("{HOUR_OF_TWELVE}:{MINUTE}:{SECOND}")),
        _ => {}
    }
    let plain = match name {
        "uuid" => "^[0-9a-fA-F]{8}-[0-9a-fA-F]{4}-[0-9a-fA-F]{4}-[0-9a-fA-F]{4}-[0-9a-fA-F]{12}$",
        "ip address" | "ipv4 address" => r"^[0-9]{1,3}\.[0-9]{1,3}\.[0-9]{1,3}\.[0-9]{1,3}$",
        "email" => r"^[a-zA-ZÀ-ÿĀ-ſƀ-ȳ0-9.\-_%+]+@[a-zA-ZÀ-ÿĀ-ſƀ-ȳ0-9.\-_%]+\.[A-Za-z]{2,4}$",
        "phone number" => r"^((\+[0-9]{1,2}\s)?\(?[0-9]{3}\)?[\s.-])?[0-9]{3}[\s.-][0-9]{4}$",
        "credit card number" => {
            "^[0-9]{14}|[0-9]{15}|[0-9]{16}|[0-9]{17}|[0-9]{18}|[0-9]{19}|([0-9]{4}-){3}[0-9]{4}|([0-9]{4} ){3}[0-9]{4}$"
        }
        _ => return number(name),
    };
    Some(plain.into())
}

/// Decimals and percentages: `positive decimal point`, `percentage comma`.
fn number(name: &str) -> Option<String> {
    let (sign, rest) = match name.split_once(' ') {
        Some(("positive", rest)) => (PLUS, rest),
        Some(("negative", rest)) => ("-", rest),
        _ => (SIGN, name),
    };
    let (word, mark) = rest.split_once(' ').map_or((rest, "[.,]"), |(word, mark)| (word, if mark == "point" { r"\." } else { "," }));
    let end = match word {
        "decimal" => String::new(),
        "percentage" => format!("{BLANKS}%"),
        _ => return None,
    };
    let decimal = format!("([0-9]+({mark}[0-9]+)?|{mark}[0-9]+)");
    Some(format!("^{BLANKS}{sign}{BLANKS}{decimal}{end}{BLANKS}$"))
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn formats_are_regular_expressions() {
        let matches = |name: &str, text: &str| regex::Regex::new(&expression(name).unwrap()).unwrap().is_match(text);
        for (name, good, bad) in [
            ("integer", "-12", "1.5"),
            ("positive decimal point", "1.5", "1,5"),
            ("percentage", "12,5 %", "12"),
            ("date eu", "31/01/2026", "01/31/2026"),
            ("date iso 8601", "2026-01-31T10:00:00Z", "2026-13-31"),
            ("time 24h", "23:59", "24:59:59"),
            ("email", "a@b.nl", "a@b"),
            ("uuid", "0000000a-0000-0000-0000-00000000000b", "x"),
            ("ipv4 address", "10.0.0.1", "10.0.0"),
        ] {
            assert!(matches(name, good), "{name} takes no {good}");
            assert!(!matches(name, bad), "{name} takes {bad}");
        }
        assert_eq!(expression("iban"), None);
    }
}
