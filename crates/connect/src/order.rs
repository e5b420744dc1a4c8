//! Whether whoever reads a table wants its rows in their order.

use datafusion::catalog::Session;

/// Whether the rows are to come in the same order every time: one stream is asked for, or streams that take no work from each other.
pub(crate) fn reads_in_order(state: &dyn Session) -> bool {
    let execution = &state.config().options().execution;
    execution.target_partitions == 1 || !execution.enable_file_stream_work_stealing
}
