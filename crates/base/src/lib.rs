//! The words every other room shares: errors that help, names, units, the quality vocabulary, and
//! the ports through which the light rooms ask for work.
//!
//! Nothing here does I/O or knows a file format, a database or an engine.

mod clock;
mod coded;
mod codes;
mod engine;
mod error;
mod facts;
mod further;
mod in_place;
mod json_schema;
mod ledger;
mod load_mode;
mod loose;
mod names;
mod parallel;
mod push_down;
mod quality;
mod rows;
mod settings;
mod shape;
mod sources;
mod sql;
mod targets;
mod units;
mod watch;

pub use clock::{Clock, FixedClock, Timestamp};
pub use coded::{CodeMemory, CodedColumn, CodedTable};
pub use codes::{CODES, Code, code};
pub use engine::{
    BoxFuture, CommitNote, Engine, Growth, Input, MORE, Published, Reader, Reference, Review, Ruling, StagedBatch, StagedFile, Staging,
    TableState, TableVersion, Traced,
};
pub use error::{Blame, Error, Result, Retry, Span, nearest, unknown};
pub use facts::{
    Beginning, Cadence, CalendarSpan, ColumnFacts, Fences, Histogram, MeasureSettings, NumberFacts, PatternCount, Quantile, Sample,
    ShapeCount, Spellings, Steps, TableFacts, TextFacts, ValueCount,
};
pub use further::{Further, Sketches};
pub use in_place::{InPlace, Questions, SetQuestion};
pub use json_schema::JsonSchema;
pub use ledger::{
    Lateness, Ledger, Position, Progress, PromotedFrom, ReturnedRecord, ReviewRecord, RunId, RunOutcome, RunRecord, StepCommit,
    StepOutcome, StepRecord, VersionGroup,
};
pub use load_mode::{History, IS_INFERRED, LoadMode, SINCE_EVER, Shows, VALID_FROM, VALID_TO};
pub use loose::{LooseCell, LooseColumn, LooseRows};
pub use names::{DatasetName, ORIGIN_COLUMNS, TableName, snake_case};
pub use parallel::in_parallel;
pub use push_down::{Built, Keeps, Living, PUSHED_ROWS, PUSHED_TABLE, PushDown, Pushed};
pub use quality::{Dimension, ExampleRow, Issue, Notes, OnFailure, RuleResult, Severity, Verdict};
pub use rows::{Column, ColumnType, Rows, Value};
pub use settings::{Entry, Node, Settings, SettingsMap};
pub use shape::{TextShape, character_pattern, is_non_printing, trimmed};
pub use sources::{Continuing, Delivered, Delivery, News, Part, SourceFile, Sources, Survey, TOO_LONG};
pub use sql::{first_day, float_of_key, identifier, literal, qualified};
pub use targets::{NoTargets, Partitioning, Period, Placement, Release, Shipment, Shipped, Targets};
pub use units::{ByteSize, Share, Span as TimeSpan, Tolerance, count, duration, plural};
pub use watch::{AggregateWatch, RowWatch, SetWatch, Together, Watch, Watched, WatchedAggregate, WatchedRule, WatchedSet};
