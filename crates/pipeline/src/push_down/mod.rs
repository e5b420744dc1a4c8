//! Models that are built inside the database that their rows lie in: what they say about it, what keeps a model from it, and the order that
//! follows.

mod misfits;
mod order;

use hw_base::Placement;
use schemars::JsonSchema;
use serde::Deserialize;

pub(crate) use self::misfits::{misfits, unreadable};
pub(crate) use self::order::{Prepared, Surroundings, prepare};
use crate::project::Model;

/// Where a model is built.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq, Deserialize, JsonSchema)]
#[serde(deny_unknown_fields, default)]
pub struct ModelEngine {
    /// Lets the SELECT and the load run inside the database that `deliver` names, in which the rows lie that the model reads: `postgres`.
    /// The table is there and nowhere else.
    pub push_down: Option<Inside>,
}

/// A kind of database that models can be built in.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Deserialize, JsonSchema)]
#[serde(rename_all = "snake_case")]
pub enum Inside {
    /// PostgreSQL.
    Postgres,
}

impl Inside {
    /// The word for it, under `sources:` and `targets:` too.
    fn kind(self) -> &'static str {
        match self {
            Self::Postgres => "postgres",
        }
    }

    /// Its own name.
    fn name(self) -> &'static str {
        match self {
            Self::Postgres => "PostgreSQL",
        }
    }
}

impl Model {
    /// The kind of database that it is built in; `None` for the engine.
    pub(crate) fn inside(&self) -> Option<Inside> {
        self.settings.engine.push_down
    }

    /// Where its table lies, if that is in a database alone.
    pub(crate) fn placed_inside(&self) -> Option<Placement> {
        self.inside().and(self.settings.deliver.as_ref()).map(|deliver| deliver.placement(self))
    }
}
