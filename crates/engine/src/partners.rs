//! Rows without a partner in another table, by the hashes of their values: an anti join that keeps the values of neither side.

use std::sync::Arc;

use datafusion::arrow::array::{Array, ArrayRef};
use datafusion::arrow::datatypes::{DataType, Schema};
use datafusion::common::hash_utils::{RandomState, create_hashes};
use datafusion::dataframe::DataFrame;
use datafusion::execution::SendableRecordBatchStream;
use datafusion::logical_expr::type_coercion::binary::comparison_coercion;
use futures::StreamExt;
use hw_base::{Reader, Result, StagedBatch};
use hw_measure::ValueSet;

use crate::failure::{Context, explain};
use crate::local::LocalEngine;
use crate::session::{Effort, Session};
use crate::stage::{cast_all, joined, streams};

const SEEDS: [u64; 2] = [0x6865_6164, 0x776f_726b];

/// Counts the rows whose values are not among those of `among`, both without nulls; `None` where their types are not to be compared as they
/// are, or the values of `among` take more than a quarter of the memory share.
pub(crate) async fn without_partner(
    engine: &LocalEngine,
    effort: Effort,
    batch: Option<&StagedBatch>,
    rows: &Reader,
    among: &Reader,
) -> Result<Option<u64>> {
    let (rows, among) = (Side::open(engine, effort, batch, rows).await?, Side::open(engine, effort, batch, among).await?);
    let Some(types) = common_types(rows.frame.schema().as_arrow(), among.frame.schema().as_arrow()) else { return Ok(None) };
    let most = usize::try_from(engine.share.0 / 4).unwrap_or(usize::MAX) / ValueSet::BYTES_PER_VALUE;
    let Some(values) = among.values(&types, most).await? else { return Ok(None) };
    let values = Arc::new(values);
    let count = |stream| tokio::spawn(absent(stream, types.clone(), Arc::clone(&values)));
    let counts = joined(rows.streams().await?.into_iter().map(count).collect()).await?;
    Ok(counts.into_iter().sum())
}

/// One of the two queries.
struct Side<'a> {
    session: Session,
    reader: &'a Reader,
    frame: DataFrame,
}

impl<'a> Side<'a> {
    async fn open(engine: &LocalEngine, effort: Effort, batch: Option<&StagedBatch>, reader: &'a Reader) -> Result<Self> {
        let session = match batch {
            Some(batch) => Session::for_staged(engine, batch, reader, effort).await?,
            None => Session::for_reader(engine, reader, effort).await?,
        };
        let frame = session.query(&reader.sql, reader.file.as_deref()).await?;
        Ok(Self { session, reader, frame })
    }

    async fn streams(&self) -> Result<Vec<SendableRecordBatchStream>> {
        streams(&self.session, &self.frame, self.reader).await.map(|(_, streams)| streams)
    }

    /// The different values; `None` where there are more than `most`, or one of them is none of `types`.
    async fn values(&self, types: &[DataType], most: usize) -> Result<Option<ValueSet>> {
        let mut values = ValueSet::default();
        for mut stream in self.streams().await? {
            while let Some(batch) = stream.next().await {
                let batch = batch.map_err(|error| explain(error, &self.session.reading(self.reader)))?;
                let Some([first, second]) = hashes(batch.columns(), types, batch.num_rows())? else { return Ok(None) };
                values.insert(&first, &second);
                if values.len() > most {
                    return Ok(None);
                }
            }
        }
        Ok(Some(values))
    }
}

/// Counts the rows that are not among the values; `None` where a value is none of `types`.
async fn absent(mut stream: SendableRecordBatchStream, types: Vec<DataType>, values: Arc<ValueSet>) -> Result<Option<u64>> {
    let mut absent = 0;
    while let Some(batch) = stream.next().await {
        let batch = batch.map_err(|error| explain(error, &Context::default()))?;
        let Some([first, second]) = hashes(batch.columns(), &types, batch.num_rows())? else { return Ok(None) };
        absent += values.absent(&first, &second);
    }
    Ok(Some(absent))
}

/// Two hashes of each row's values, as values of `types`; `None` where one of them is none, such as a number with too many digits.
fn hashes(columns: &[ArrayRef], types: &[DataType], rows: usize) -> Result<Option<[Vec<u64>; 2]>> {
    let columns = cast_all(columns, types)?;
    if columns.iter().any(|column| column.null_count() > 0) {
        return Ok(None);
    }
    let mut hashes = SEEDS.map(|_| vec![0; rows]);
    for (hashes, seed) in hashes.iter_mut().zip(SEEDS) {
        create_hashes(&columns, &RandomState::with_seed(seed), hashes).map_err(|error| explain(error, &Context::default()))?;
    }
    Ok(Some(hashes))
}

/// The types as which both sides are compared; `None` where values that are equal may differ in their bits.
fn common_types(rows: &Schema, among: &Schema) -> Option<Vec<DataType>> {
    let common = |(left, right): (&DataType, &DataType)| {
        comparison_coercion(left, right).filter(|common| {
            common.is_integer()
                || common.is_string()
                || matches!(common, DataType::Date32 | DataType::Decimal128(..) | DataType::Timestamp(..))
        })
    };
    let types = |schema: &Schema| schema.fields().iter().map(|field| field.data_type().clone()).collect::<Vec<_>>();
    let (rows, among) = (types(rows), types(among));
    (rows.len() == among.len()).then(|| rows.iter().zip(&among).map(common).collect())?
}

#[cfg(test)]
mod tests {
    use datafusion::arrow::array::StringArray;
    use hw_base::Engine;

    use super::*;
    use crate::testing::{engine, reader, wait};

    /// What is counted, and what a join counts.
    #[track_caller]
    fn check(rows: &str, among: &str, expected: Option<u64>) {
        let folder = tempfile::tempdir().unwrap();
        let engine = engine(folder.path(), 2);
        let (values, others) = (reader(&format!("select a from ({rows}) as r(a)")), reader(&format!("select b from ({among}) as p(b)")));
        let join = format!("select count(*) as n from ({rows}) as r(a) where not exists (select 1 from ({among}) as p(b) where b = a)");
        let (found, counted) = wait(async {
            let found = without_partner(&engine, Effort::Fast, None, &values, &others).await.unwrap();
            (found, engine.query(&reader(&join), 1).await.unwrap().rows[0][0].as_u64())
        });
        assert_eq!((found, counted), (expected, expected.or(counted)));
    }

    #[test]
    fn rows_without_a_partner_are_those_of_an_anti_join() {
        check("values (1), (2), (2), (9), (9)", "values (1), (2), (3)", Some(2));
        check("values (1), (2)", "select 1 where false", Some(2));
        check("select 1 where false", "values (1)", Some(0));
        check("values ('a'), ('A'), ('a '), ('ä')", "values ('a'), ('b')", Some(3));
        check("values (cast(1 as int)), (cast(-2 as int))", "values (cast(1 as bigint)), (cast(4294967294 as bigint))", Some(1));
        check("values (cast(1.5 as decimal(9, 1))), (cast(2.5 as decimal(9, 1)))", "values (cast(1.50 as decimal(12, 2)))", Some(1));
        check("values (date '2026-01-31'), (date '2026-02-01')", "values (date '2026-01-31')", Some(1));
        check("values (date '2026-01-31')", "values (timestamp '2026-01-31')", Some(0));
    }

    #[test]
    fn a_value_that_the_common_type_cannot_hold_is_left_to_a_join() {
        let hashed = |digits: &str| {
            let values: ArrayRef = Arc::new(StringArray::from(vec!["12", digits]));
            hashes(&[values], &[DataType::Decimal128(4, 2)], 2).unwrap().is_some()
        };
        assert!(hashed("99.99") && !hashed("100"));
    }

    #[test]
    fn values_whose_bits_may_differ_where_they_are_equal_are_left_to_a_join() {
        check("values (0.0e0), (2.0e0)", "values (-0.0e0)", None);
        check("values (true)", "values (true)", None);
    }
}
