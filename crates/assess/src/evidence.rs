//! What is known about a dataset besides its measurements.

use std::collections::BTreeMap;

use hw_base::RuleResult;

use crate::{Drift, HeldRules, Relations};

/// Everything that a judgement may rest on besides the measurements. The default is nothing.
#[derive(Clone, Debug, Default)]
pub struct Evidence {
    /// Rows counted for conditions that the measurements only estimate, by condition.
    pub counted: BTreeMap<String, u64>,
    /// What the columns say about each other; `None` where nobody looked.
    pub relations: Option<Relations>,
    /// How the rules came out that people declared.
    pub declared: Vec<RuleResult>,
    /// Rules that were proposed from one part of the rows and judged on the rest; `None` where that was not done.
    pub held: Option<HeldRules>,
    /// What changed since an earlier assessment; `None` where there is none to compare with.
    pub drift: Option<Drift>,
}
