//! The keys that occur more than once in a batch, within a share of the memory.

use std::sync::Arc;

use datafusion::arrow::datatypes::DataType;
use datafusion::execution::SendableRecordBatchStream;
use futures::StreamExt;
use hw_base::Result;
use hw_measure::KeySet;

use super::Attempt;
use super::rows::cast_all;
use super::tasks::{joined, streams};
use crate::failure::{Context, explain};
use crate::keys::hashes;

impl Attempt<'_> {
    /// The keys that occur more than once, found in a pass over the key columns alone.
    pub(super) async fn repeated_keys(&self, key: &[usize]) -> Result<KeySet> {
        let names: Vec<&str> = key.iter().map(|index| self.columns.schema.field(*index).name().as_str()).collect();
        let keys = self.frame.clone().select_columns(&names).map_err(|error| explain(error, &Context::default()))?;
        let types: Vec<DataType> = key.iter().map(|index| self.columns.schema.field(*index).data_type().clone()).collect();
        let limit = usize::try_from(self.engine.share.0 / 4).unwrap_or(usize::MAX);
        let mut slices = 1;
        loop {
            let repeated = KeySet::default();
            let mut fits = true;
            for slice in 0..slices {
                let seen = Arc::new(KeySet::default());
                let (_, streams) = streams(&self.session, &keys, &self.staging.reader).await?;
                let tasks = streams.into_iter().map(|stream| {
                    tokio::spawn(note_repeated(stream, types.clone(), Arc::clone(&seen), repeated.clone(), (slice, slices), limit))
                });
                fits &= joined(tasks.collect()).await?.into_iter().all(|fits| fits);
                if !fits {
                    break;
                }
            }
            if fits {
                return Ok(repeated);
            }
            slices *= 4;
        }
    }
}

/// Notes the keys of one slice of the hash space that occur again. Returns false when memory does not suffice.
async fn note_repeated(
    mut stream: SendableRecordBatchStream,
    types: Vec<DataType>,
    seen: Arc<KeySet>,
    repeated: KeySet,
    slice: (u64, u64),
    limit: usize,
) -> Result<bool> {
    while let Some(batch) = stream.next().await {
        let batch = batch.map_err(|error| explain(error, &Context::default()))?;
        let columns = cast_all(batch.columns(), &types)?;
        let mut hashes = hashes(&columns, batch.num_rows())?;
        if slice.1 > 1 {
            hashes.retain(|hash| (hash >> 40) % slice.1 == slice.0);
        }
        seen.insert(&hashes, Some(&repeated));
        if seen.bytes() > limit {
            return Ok(false);
        }
    }
    Ok(true)
}
