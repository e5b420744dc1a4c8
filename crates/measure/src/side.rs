//! The same work on many items, on several threads, and whoever reads the rows beside them.

use std::sync::{Arc, Condvar, Mutex, MutexGuard, PoisonError};

use arrow_schema::ArrowError;

/// What is to be done with one column of a block.
pub(crate) type Task<'a> = Box<dyn FnOnce() -> Result<(), ArrowError> + Send + 'a>;

/// As many places to work at as there are cores. Who reads rows that others wait for takes one before all others: there is only one
/// who can, and what cannot be shared out must not wait for what can. Who reads ahead takes one that is left over.
#[derive(Clone, Debug)]
pub struct Places {
    count: usize,
    shared: Arc<Shared>,
}

#[derive(Debug)]
struct Shared {
    state: Mutex<State>,
    has_changed: Condvar,
}

#[derive(Debug)]
struct State {
    free: usize,
    /// How many wait who go before the others.
    first: usize,
    /// How many of the others wait.
    others: usize,
}

/// A place that is taken until this is dropped.
#[derive(Debug)]
pub struct Place<'a>(&'a Shared);

impl Places {
    /// So many places, one at least.
    pub(crate) fn new(count: usize) -> Self {
        let count = count.max(1);
        let state = Mutex::new(State { free: count, first: 0, others: 0 });
        Self { count, shared: Arc::new(Shared { state, has_changed: Condvar::new() }) }
    }

    /// Waits for a place and takes it before all who measure.
    pub fn first(&self) -> Place<'_> {
        let mut state = self.shared.state();
        state.first += 1;
        let mut state = self.shared.wait_while(state, |state| state.free == 0);
        state.first -= 1;
        self.shared.taken(state)
    }

    /// Waits for a place that nobody else wants.
    pub fn last(&self) -> Place<'_> {
        let state = self.shared.wait_while(self.shared.state(), |state| state.free <= state.first + state.others);
        self.shared.taken(state)
    }

    /// Waits for a place.
    fn next(&self) -> Place<'_> {
        let mut state = self.shared.state();
        state.others += 1;
        let mut state = self.shared.wait_while(state, |state| state.free <= state.first);
        state.others -= 1;
        self.shared.taken(state)
    }
}

impl Shared {
    fn state(&self) -> MutexGuard<'_, State> {
        self.state.lock().unwrap_or_else(PoisonError::into_inner)
    }

    fn wait_while<'a>(&self, state: MutexGuard<'a, State>, waits: impl Fn(&State) -> bool) -> MutexGuard<'a, State> {
        self.has_changed.wait_while(state, |state| waits(state)).unwrap_or_else(PoisonError::into_inner)
    }

    fn taken(&self, mut state: MutexGuard<'_, State>) -> Place<'_> {
        state.free -= 1;
        Place(self)
    }
}

impl Drop for Place<'_> {
    fn drop(&mut self) {
        self.0.state().free += 1;
        self.0.has_changed.notify_all();
    }
}

/// Does `work` on every item, each at a place of its own, and returns the results in the order of the items.
pub(crate) fn side_by_side<T: Send, R: Send>(
    items: impl Iterator<Item = T> + Send,
    places: &Places,
    work: impl Fn(T) -> R + Sync,
) -> Vec<R> {
    let at_a_place = |item| {
        let _place = places.next();
        work(item)
    };
    if places.count < 2 {
        return items.map(at_a_place).collect();
    }
    let waiting = Mutex::new(items.enumerate());
    let done = Mutex::new(Vec::new());
    let next = || waiting.lock().unwrap_or_else(PoisonError::into_inner).next();
    std::thread::scope(|scope| {
        for _ in 0..places.count {
            scope.spawn(|| {
                while let Some((at, item)) = next() {
                    let result = at_a_place(item);
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
    use std::sync::atomic::{AtomicUsize, Ordering};
    use std::time::Duration;

    use super::*;

    #[test]
    fn as_many_work_as_there_are_places_and_who_reads_is_one_of_them() {
        let (places, working, most) = (Places::new(2), AtomicUsize::new(0), AtomicUsize::new(0));
        let work = || {
            most.fetch_max(working.fetch_add(1, Ordering::SeqCst) + 1, Ordering::SeqCst);
            std::thread::sleep(Duration::from_millis(2));
            working.fetch_sub(1, Ordering::SeqCst);
        };
        let done = std::thread::scope(|scope| {
            scope.spawn(|| {
                for _ in 0..5 {
                    let _place = places.first();
                    work();
                }
            });
            side_by_side(0..20, &places, |item| {
                work();
                item
            })
        });
        assert_eq!((done, most.into_inner()), ((0..20).collect(), 2));
    }

    #[test]
    fn who_reads_goes_before_all_who_measure() {
        let places = Places::new(1);
        let taken = places.first();
        let order = Mutex::new(Vec::new());
        std::thread::scope(|scope| {
            scope.spawn(|| {
                side_by_side(0..1, &places, |_| order.lock().unwrap_or_else(PoisonError::into_inner).push("measured"));
            });
            std::thread::sleep(Duration::from_millis(20));
            scope.spawn(|| {
                let _place = places.first();
                order.lock().unwrap_or_else(PoisonError::into_inner).push("read");
            });
            while places.shared.state().first == 0 {
                std::thread::yield_now();
            }
            drop(taken);
        });
        assert_eq!(order.into_inner().unwrap_or_default(), ["read", "measured"]);
    }
}
