//! `array_agg` and `string_agg`, which gather the values of many rows. The engine counts of a text no more than the place where its bytes are told, so a
//! query held several times the memory that it had asked for; here it asks for the texts as well. And lists of one SELECT may each have an order of their
//! own: `string_agg` puts its values in order itself, as `array_agg` does, where the rows come in another one. The engine turns an order around where rows
//! come in the opposite one, and forgets that it did so for different values, and where an argument is computed: so it is remembered here.

use std::sync::Arc;

use datafusion::arrow::array::{Array, ArrayRef, AsArray, BooleanArray};
use datafusion::arrow::datatypes::{DataType, FieldRef};
use datafusion::common::{Result as EngineResult, ScalarValue, resources_err};
use datafusion::functions_aggregate::array_agg::array_agg_udaf;
use datafusion::functions_aggregate::string_agg::string_agg_udaf;
use datafusion::logical_expr::function::{AccumulatorArgs, StateFieldsArgs};
use datafusion::logical_expr::utils::AggregateOrderSensitivity;
use datafusion::logical_expr::{Accumulator, AggregateUDF, AggregateUDFImpl, EmitTo, GroupsAccumulator, ReversedUDAF, Signature};
use datafusion::physical_expr::PhysicalSortExpr;

/// `array_agg` and `string_agg`. Lists that are spilled are copied first, so where there is another way (`may_spill` is not set) the query ends instead.
pub(crate) fn gathered(may_spill: bool) -> [AggregateUDF; 2] {
    [array_agg_udaf(), string_agg_udaf()]
        .map(|engines| AggregateUDF::from(Gathered { engines: AggregateUDF::clone(&engines), is_reversed: false, may_spill }))
}

/// What DataFusion has, for rows in whatever order, with the bytes of texts that are only pointed at.
#[derive(Debug, PartialEq, Eq, Hash)]
struct Gathered {
    engines: AggregateUDF,
    /// Whether rows come in the opposite of the order that the query asks for.
    is_reversed: bool,
    may_spill: bool,
}

impl Gathered {
    fn with(&self, engines: AggregateUDF, is_reversed: bool) -> Self {
        Self { engines, is_reversed, may_spill: self.may_spill }
    }

    fn kept<A: ?Sized>(&self, inner: Box<A>, are_pointed_at: bool) -> Kept<A> {
        Kept { inner, texts: 0, are_pointed_at, may_spill: self.may_spill, has_merged: false }
    }
}

/// Whether values are kept as arrays: sorted or different ones, and joined texts, are copied, which the engine counts.
fn keeps_arrays(args: &AccumulatorArgs) -> bool {
    matches!(args.return_field.data_type(), DataType::List(_)) && !args.is_distinct && args.order_bys.is_empty()
}

impl AggregateUDFImpl for Gathered {
    fn name(&self) -> &str {
        self.engines.name()
    }

    fn signature(&self) -> &Signature {
        self.engines.signature()
    }

    fn return_type(&self, types: &[DataType]) -> EngineResult<DataType> {
        self.engines.return_type(types)
    }

    fn state_fields(&self, args: StateFieldsArgs) -> EngineResult<Vec<FieldRef>> {
        self.engines.state_fields(args)
    }

    fn accumulator(&self, args: AccumulatorArgs) -> EngineResult<Box<dyn Accumulator>> {
        if args.is_distinct && self.is_reversed {
            // Different values are sorted when all of them are known, whatever order they came in.
            let as_asked: Vec<PhysicalSortExpr> = args.order_bys.iter().map(PhysicalSortExpr::reverse).collect();
            let args = AccumulatorArgs { order_bys: &as_asked, is_reversed: false, ..args };
            return Ok(Box::new(self.kept(self.engines.accumulator(args)?, false)));
        }
        let args = AccumulatorArgs { is_reversed: self.is_reversed, ..args };
        let are_pointed_at = keeps_arrays(&args);
        Ok(Box::new(self.kept(self.engines.accumulator(args)?, are_pointed_at)))
    }

    fn groups_accumulator_supported(&self, args: AccumulatorArgs) -> bool {
        self.engines.groups_accumulator_supported(args)
    }

    fn create_groups_accumulator(&self, args: AccumulatorArgs) -> EngineResult<Box<dyn GroupsAccumulator>> {
        let are_pointed_at = keeps_arrays(&args);
        Ok(Box::new(self.kept(self.engines.create_groups_accumulator(args)?, are_pointed_at)))
    }

    fn order_sensitivity(&self) -> AggregateOrderSensitivity {
        AggregateOrderSensitivity::SoftRequirement
    }

    fn with_beneficial_ordering(self: Arc<Self>, is_ordered: bool) -> EngineResult<Option<Arc<dyn AggregateUDFImpl>>> {
        let ordered = self.engines.clone().with_beneficial_ordering(is_ordered)?;
        let own: Arc<dyn AggregateUDFImpl> = match ordered {
            Some(engines) => Arc::new(self.with(engines, self.is_reversed)),
            None => self,
        };
        Ok(Some(own))
    }

    fn reverse_expr(&self) -> ReversedUDAF {
        match self.engines.reverse_udf() {
            ReversedUDAF::Reversed(engines) => {
                let reversed = self.with(AggregateUDF::clone(&engines), !self.is_reversed);
                ReversedUDAF::Reversed(Arc::new(reversed.into()))
            }
            other => other,
        }
    }

    fn supports_null_handling_clause(&self) -> bool {
        self.engines.supports_null_handling_clause()
    }
}

/// Values that are gathered for one row or for groups.
#[derive(Debug)]
struct Kept<A: ?Sized> {
    inner: Box<A>,
    /// The bytes that they point at.
    texts: usize,
    are_pointed_at: bool,
    may_spill: bool,
    /// Whether what others had gathered came together here: nobody but a spill asks for the state of that.
    has_merged: bool,
}

impl<A: ?Sized> Kept<A> {
    fn count(&mut self, values: &[ArrayRef]) {
        if self.are_pointed_at {
            self.texts += texts_of(values);
        }
    }

    fn check_spill(&self) -> EngineResult<()> {
        if self.has_merged && !self.may_spill {
            return resources_err!("lists of many values find no room");
        }
        Ok(())
    }
}

impl Accumulator for Kept<dyn Accumulator> {
    fn update_batch(&mut self, values: &[ArrayRef]) -> EngineResult<()> {
        self.count(values);
        self.inner.update_batch(values)
    }

    fn merge_batch(&mut self, states: &[ArrayRef]) -> EngineResult<()> {
        self.count(states);
        self.has_merged = true;
        self.inner.merge_batch(states)
    }

    fn retract_batch(&mut self, values: &[ArrayRef]) -> EngineResult<()> {
        if self.are_pointed_at {
            self.texts = self.texts.saturating_sub(texts_of(values));
        }
        self.inner.retract_batch(values)
    }

    fn supports_retract_batch(&self) -> bool {
        self.inner.supports_retract_batch()
    }

    fn state(&mut self) -> EngineResult<Vec<ScalarValue>> {
        self.check_spill()?;
        self.inner.state()
    }

    fn evaluate(&mut self) -> EngineResult<ScalarValue> {
        self.inner.evaluate()
    }

    fn size(&self) -> usize {
        self.inner.size() + self.texts
    }
}

impl Kept<dyn GroupsAccumulator> {
    /// What groups were given away holds no memory here any more.
    fn given_away(&mut self, which: EmitTo, lists: &[ArrayRef]) {
        self.texts = match which {
            EmitTo::All => 0,
            EmitTo::First(_) => self.texts.saturating_sub(texts_of(lists)),
        };
    }
}

impl GroupsAccumulator for Kept<dyn GroupsAccumulator> {
    fn update_batch(&mut self, values: &[ArrayRef], groups: &[usize], filter: Option<&BooleanArray>, count: usize) -> EngineResult<()> {
        self.count(values);
        self.inner.update_batch(values, groups, filter, count)
    }

    fn merge_batch(&mut self, states: &[ArrayRef], groups: &[usize], count: usize) -> EngineResult<()> {
        self.count(states);
        self.has_merged = true;
        self.inner.merge_batch(states, groups, count)
    }

    fn state(&mut self, which: EmitTo) -> EngineResult<Vec<ArrayRef>> {
        self.check_spill()?;
        let lists = self.inner.state(which)?;
        self.given_away(which, &lists);
        Ok(lists)
    }

    fn evaluate(&mut self, which: EmitTo) -> EngineResult<ArrayRef> {
        let lists = self.inner.evaluate(which)?;
        self.given_away(which, std::slice::from_ref(&lists));
        Ok(lists)
    }

    fn convert_to_state(&self, values: &[ArrayRef], filter: Option<&BooleanArray>) -> EngineResult<Vec<ArrayRef>> {
        self.inner.convert_to_state(values, filter)
    }

    fn size(&self) -> usize {
        self.inner.size() + self.texts
    }
}

fn texts_of(arrays: &[ArrayRef]) -> usize {
    arrays.iter().map(|array| pointed_at(array.as_ref())).sum()
}

/// The bytes that the values of an array point at.
fn pointed_at(values: &dyn Array) -> usize {
    match values.data_type() {
        DataType::Utf8View => values.as_string_view().total_buffer_bytes_used(),
        DataType::BinaryView => values.as_binary_view().total_buffer_bytes_used(),
        DataType::Struct(_) => texts_of(values.as_struct().columns()),
        DataType::List(_) => {
            let lists = values.as_list::<i32>();
            // Pieces of one column of lists share all of its values.
            let (first, end) = (lists.value_offsets()[0], lists.value_offsets()[lists.len()]);
            pointed_at(&lists.values().slice(first.unsigned_abs() as usize, first.abs_diff(end) as usize))
        }
        _ => 0,
    }
}

#[cfg(test)]
mod tests {
    use datafusion::arrow::array::StringViewArray;

    use super::*;
    use crate::testing::check;

    #[test]
    fn lists_of_one_select_may_have_orders_of_their_own() {
        let rows = "(values ('b', 1, 3), ('a', 2, 2), ('c', 3, 1), ('d', null, 4)) as t(s, a, b)";
        let two = "string_agg(s, ',' order by b) || ' ' || string_agg(s, '' order by a desc nulls last)";
        check(&format!("select {two} from {rows}"), "c,a,b,d cabd");
        check(&format!("select {two} from {rows} group by a is null order by 1"), "c,a,b cab, d d");
        let reversed = "string_agg(s, ',' order by a) || ' ' || string_agg(s, ',' order by a desc)";
        check(&format!("select {reversed} from {rows} where b < 4"), "b,a,c c,a,b");
        check(&format!("select array_to_string(array_agg(s order by s), '') || string_agg(s, '' order by b) from {rows}"), "abcdcabd");
        check(&format!("select string_agg(distinct s, '' order by s) from {rows}"), "abcd");
    }

    #[test]
    fn an_order_and_its_opposite_stand_beside_each_other() {
        let rows = "(values ('b', 1), ('a', 2), ('b', 3)) as t(s, a)";
        let different = |order: &str| format!("string_agg(distinct s, '' order by s{order})");
        let list = |order: &str| format!("array_to_string(array_agg(distinct s order by s{order}), '')");
        check(&format!("select {} || ' ' || {} from {rows}", different(" desc"), different("")), "ba ab");
        check(&format!("select {} || ' ' || {} from {rows}", different(""), different(" desc")), "ab ba");
        check(&format!("select {} || ' ' || {} from {rows} group by a > 5", list(" desc"), list("")), "ba ab");
        check(&format!("select {} || ' ' || string_agg(s, '' order by s) from {rows}", different(" desc")), "ba abb");
        let computed = "array_to_string(array_agg(a + 1 order by a), '') || ' ' || array_to_string(array_agg(a * 2 order by a desc), '')";
        check(&format!("select {computed} from (select * from {rows}) as t"), "234 642");
    }

    #[test]
    fn texts_count_wherever_they_are_held() {
        let texts: ArrayRef = Arc::new(StringViewArray::from(vec![Some("a text of more than twelve bytes"), None, Some("short")]));
        assert_eq!(pointed_at(&texts), 32);
        let lists = ScalarValue::List(ScalarValue::new_list_nullable(
            &[ScalarValue::Utf8View(Some("another one with many bytes".into())), ScalarValue::Utf8View(None)],
            &DataType::Utf8View,
        ));
        let lists = lists.to_array_of_size(3).unwrap();
        assert_eq!((pointed_at(&lists), pointed_at(&lists.slice(1, 1))), (81, 27));
    }
}
