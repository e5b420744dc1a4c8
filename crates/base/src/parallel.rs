//! The same small work on many items, on all cores.

use std::num::NonZero;

/// Fewer items than these are not worth a thread.
const SMALLEST_SHARE: usize = 32;

/// Does `work` on all items, spread over the processors, and returns the results in the order of the items.
pub fn in_parallel<T: Send, R: Send>(items: Vec<T>, work: impl Fn(T) -> R + Sync) -> Vec<R> {
    let processors = std::thread::available_parallelism().map_or(1, NonZero::get);
    let share = items.len().div_ceil(processors).max(SMALLEST_SHARE);
    let mut items = items.into_iter();
    let shares = std::iter::from_fn(|| Some(items.by_ref().take(share).collect::<Vec<T>>())).take_while(|share| !share.is_empty());
    let work = &work;
    std::thread::scope(|scope| {
        let threads: Vec<_> = shares.map(|share| scope.spawn(move || share.into_iter().map(work).collect::<Vec<R>>())).collect();
        threads.into_iter().flat_map(|thread| thread.join().unwrap_or_else(|panic| std::panic::resume_unwind(panic))).collect()
    })
}
