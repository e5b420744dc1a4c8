//! Objectives as a project declares them.

use std::fmt;
use std::time::Duration;

use hw_base::{Share, TimeSpan};
use schemars::{JsonSchema, Schema, SchemaGenerator, json_schema};
use serde::de::value::MapAccessDeserializer;
use serde::{Deserialize, Deserializer, de};

/// `slo:` of `headworks.yaml`: what the project promises, measured after every run.
#[derive(Clone, Debug, Default, Deserialize, JsonSchema)]
#[serde(deny_unknown_fields, default)]
pub struct ProjectSlos {
    /// How old the last good run may be: `2h`. It is kept 99 % of the time, unless `at_least` says otherwise.
    pub freshness: Option<Promise>,
    /// The time that 95 % of all runs keep to that do something: `15m`.
    pub run_time_p95: Option<RunTime>,
    /// Shares of rows that keep a rule.
    pub rules: Vec<TableSlo>,
}

/// A share of the rows of some table that keep one of its rules.
#[derive(Clone, Debug, Deserialize, JsonSchema)]
#[serde(deny_unknown_fields)]
pub struct TableSlo {
    /// The model, or the dataset as `source.dataset`.
    pub table: String,
    /// The name of the rule: `not_null_customer_id`.
    pub rule: String,
    /// What it is called; `TABLE.RULE` where it is not given.
    pub name: Option<String>,
    /// The share of the rows that keep the rule: `95%`.
    pub at_least: Share,
    /// The time over which it is measured.
    #[serde(default = "four_weeks", deserialize_with = "some_time")]
    pub over: TimeSpan,
}

/// A share of the rows of a model that keep one of its rules.
#[derive(Clone, Debug, Deserialize, JsonSchema)]
#[serde(deny_unknown_fields)]
pub struct RuleSlo {
    /// The name of the rule: `not_null_customer_id`.
    pub rule: String,
    /// What it is called; `MODEL.RULE` where it is not given.
    pub name: Option<String>,
    /// The share of the rows that keep the rule: `95%`.
    pub at_least: Share,
    /// The time over which it is measured.
    #[serde(default = "four_weeks", deserialize_with = "some_time")]
    pub over: TimeSpan,
}

/// A span of time that is kept to for a share of the time.
#[derive(Clone, Copy, Debug, PartialEq)]
pub struct Promise {
    /// The span.
    pub within: TimeSpan,
    /// For which share of the time.
    pub at_least: Share,
    /// Over which time.
    pub over: TimeSpan,
}

/// A span of time that 95 % of the runs keep to.
#[derive(Clone, Copy, Debug, PartialEq)]
pub struct RunTime {
    /// The span.
    pub within: TimeSpan,
    /// Over which time the runs are counted.
    pub over: TimeSpan,
}

fn four_weeks() -> TimeSpan {
    TimeSpan(Duration::from_hours(28 * 24))
}

/// A time over which something can be measured.
fn some_time<'de, D: Deserializer<'de>>(deserializer: D) -> Result<TimeSpan, D::Error> {
    let over = TimeSpan::deserialize(deserializer)?;
    if over.0.is_zero() {
        return Err(de::Error::custom("nothing is measured over no time; write a span such as `28d`"));
    }
    Ok(over)
}

fn nearly_always() -> Share {
    Share(0.99)
}

/// The long form of a promise.
#[derive(Deserialize, JsonSchema)]
#[serde(deny_unknown_fields)]
struct LongPromise {
    within: TimeSpan,
    #[serde(default = "nearly_always")]
    at_least: Share,
    #[serde(default = "four_weeks", deserialize_with = "some_time")]
    over: TimeSpan,
}

/// The long form of a run time.
#[derive(Deserialize, JsonSchema)]
#[serde(deny_unknown_fields)]
struct LongRunTime {
    within: TimeSpan,
    #[serde(default = "four_weeks", deserialize_with = "some_time")]
    over: TimeSpan,
}

impl From<LongPromise> for Promise {
    fn from(LongPromise { within, at_least, over }: LongPromise) -> Self {
        Self { within, at_least, over }
    }
}

impl From<TimeSpan> for Promise {
    fn from(within: TimeSpan) -> Self {
        Self { within, at_least: nearly_always(), over: four_weeks() }
    }
}

impl From<LongRunTime> for RunTime {
    fn from(LongRunTime { within, over }: LongRunTime) -> Self {
        Self { within, over }
    }
}

impl From<TimeSpan> for RunTime {
    fn from(within: TimeSpan) -> Self {
        Self { within, over: four_weeks() }
    }
}

impl<'de> Deserialize<'de> for Promise {
    fn deserialize<D: Deserializer<'de>>(deserializer: D) -> Result<Self, D::Error> {
        deserializer.deserialize_any(ShortOrLong::<LongPromise>(std::marker::PhantomData)).map(Either::into)
    }
}

impl<'de> Deserialize<'de> for RunTime {
    fn deserialize<D: Deserializer<'de>>(deserializer: D) -> Result<Self, D::Error> {
        deserializer.deserialize_any(ShortOrLong::<LongRunTime>(std::marker::PhantomData)).map(Either::into)
    }
}

/// A span alone, or keys with values.
enum Either<L> {
    Short(TimeSpan),
    Long(L),
}

impl<L> Either<L> {
    fn into<T: From<TimeSpan> + From<L>>(self) -> T {
        match self {
            Self::Short(span) => span.into(),
            Self::Long(long) => long.into(),
        }
    }
}

struct ShortOrLong<L>(std::marker::PhantomData<L>);

impl<'de, L: Deserialize<'de>> de::Visitor<'de> for ShortOrLong<L> {
    type Value = Either<L>;

    fn expecting(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str("a span of time such as `2h`, or `{ within: 2h, over: 28d }`")
    }

    fn visit_str<E: de::Error>(self, text: &str) -> Result<Self::Value, E> {
        text.parse()
            .map(Either::Short)
            .map_err(|error: hw_base::Error| E::custom(format!("{}; {}", error.message(), error.remedies().join("; "))))
    }

    fn visit_map<A: de::MapAccess<'de>>(self, map: A) -> Result<Self::Value, A::Error> {
        L::deserialize(MapAccessDeserializer::new(map)).map(Either::Long)
    }
}

impl JsonSchema for Promise {
    fn schema_name() -> std::borrow::Cow<'static, str> {
        "Promise".into()
    }

    fn json_schema(generator: &mut SchemaGenerator) -> Schema {
        json_schema!({ "anyOf": [generator.subschema_for::<TimeSpan>(), generator.subschema_for::<LongPromise>()] })
    }
}

impl JsonSchema for RunTime {
    fn schema_name() -> std::borrow::Cow<'static, str> {
        "RunTime".into()
    }

    fn json_schema(generator: &mut SchemaGenerator) -> Schema {
        json_schema!({ "anyOf": [generator.subschema_for::<TimeSpan>(), generator.subschema_for::<LongRunTime>()] })
    }
}
