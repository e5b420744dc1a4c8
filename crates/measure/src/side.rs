//! The same work on many items, on several threads.

use std::sync::{Mutex, PoisonError};

use arrow_schema::ArrowError;

/// What is to be done with one column of a block.
pub(crate) type Task<'a> = Box<dyn FnOnce() -> Result<(), ArrowError> + Send + 'a>;

/// Does `work` on every item, on so many threads, and returns the results in the order of the items.
pub(crate) fn side_by_side<T: Send, R: Send>(
    items: impl Iterator<Item = T> + Send,
    threads: usize,
    work: impl Fn(T) -> R + Sync,
) -> Vec<R> {
    if threads < 2 {
        return items.map(work).collect();
    }
    let waiting = Mutex::new(items.enumerate());
    let done = Mutex::new(Vec::new());
    let next = || waiting.lock().unwrap_or_else(PoisonError::into_inner).next();
    std::thread::scope(|scope| {
        for _ in 0..threads {
            scope.spawn(|| {
                while let Some((at, item)) = next() {
                    let result = work(item);
                    done.lock().unwrap_or_else(PoisonError::into_inner).push((at, result));
                }
            });
        }
    });
    let mut done = done.into_inner().unwrap_or_else(PoisonError::into_inner);
    done.sort_unstable_by_key(|(at, _)| *at);
    done.into_iter().map(|(_, result)| result).collect()
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn results_stand_in_the_order_of_the_items_however_many_threads_there_are() {
        for threads in [1, 2, 7] {
            assert_eq!(side_by_side(0..100, threads, |item| item * 2), (0..100).map(|item| item * 2).collect::<Vec<_>>());
        }
    }
}
