//! Queries that were planned to tell their columns: who stages one of them next does not plan it again.

use std::collections::VecDeque;
use std::sync::{Arc, Mutex, PoisonError};

use datafusion::dataframe::DataFrame;
use datafusion::logical_expr::LogicalPlan;
use hw_base::{Input, Reader, Result};

use crate::local::LocalEngine;
use crate::session::{Effort, Session};

/// How many are kept: more than there are steps between their planning and their staging.
const MOST: usize = 8;

/// The queries that were planned last, without effort to spare memory. Clones share them.
#[derive(Clone, Default)]
pub(crate) struct Planned(Arc<Mutex<VecDeque<Query>>>);

struct Query {
    reader: Reader,
    session: Session,
    plan: LogicalPlan,
}

impl Planned {
    /// Keeps a query that reads known versions of tables alone, which stay what they are: the newest one may be another by then.
    pub(crate) fn keep(&self, reader: &Reader, session: Session, plan: LogicalPlan) {
        if reader.inputs.iter().any(|input| !matches!(input, Input::Table { version: Some(_), .. })) {
            return;
        }
        let query = Query { reader: reader.clone(), session, plan };
        // What has to go goes when nobody waits any more.
        let _oldest = {
            let mut queries = self.0.lock().unwrap_or_else(PoisonError::into_inner);
            queries.push_back(query);
            if queries.len() > MOST { queries.pop_front() } else { None }
        };
    }

    /// The last query of that kind; nobody else gets it.
    fn take(&self, reader: &Reader) -> Option<(Session, LogicalPlan)> {
        let mut queries = self.0.lock().unwrap_or_else(PoisonError::into_inner);
        let at = queries.iter().rposition(|query| query.reader == *reader)?;
        queries.remove(at).map(|query| (query.session, query.plan))
    }
}

impl LocalEngine {
    /// The rows of `reader`, ready to run, and the session that knows its tables.
    pub(crate) async fn selected(&self, reader: &Reader, effort: Effort) -> Result<(Session, DataFrame)> {
        let planned = (effort == Effort::Fast).then(|| self.planned.take(reader)).flatten();
        if let Some((mut session, plan)) = planned {
            // It is now that it starts.
            session.state.mark_start_execution();
            let frame = session.frame(plan);
            return Ok((session, frame));
        }
        let session = Session::for_reader(self, reader, effort).await?;
        let frame = session.query(&reader.sql, reader.file.as_deref()).await?;
        Ok((session, frame))
    }
}
