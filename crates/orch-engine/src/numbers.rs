//! Numbers of work items. One that was given out belongs to the row that bears it; whoever ends without a row, because
//! the disk was full, the request was dropped, or it was asked twice, gives it back.

use std::collections::{BTreeMap, BTreeSet};
use std::sync::{Mutex, MutexGuard, PoisonError};

use orch_ports::store::StoreResult;
use orch_rules::base_branch::BaseBranch;
use orch_rules::ids::RepositoryId;
use orch_rules::lane::Repository;
use orch_rules::work_item::work_item_id;

use crate::engine::Engine;

/// A repository and the prefix of its ids.
type Of = (RepositoryId, String);

/// What was given out, by repository and prefix.
#[derive(Default)]
pub(crate) struct Numbers {
    counted: Mutex<BTreeMap<Of, Counted>>,
}

#[derive(Default)]
struct Counted {
    highest: u32,
    given_back: BTreeSet<u32>,
}

impl Numbers {
    fn counted(&self) -> MutexGuard<'_, BTreeMap<Of, Counted>> {
        self.counted.lock().unwrap_or_else(PoisonError::into_inner)
    }

    fn next(&self, of: Of) -> Number<'_> {
        let mut counted = self.counted();
        let numbers = counted.entry(of.clone()).or_default();
        let number = numbers.given_back.pop_first().unwrap_or_else(|| {
            numbers.highest = numbers.highest.saturating_add(1);
            numbers.highest
        });
        drop(counted);
        Number { numbers: self, of, number, kept: false }
    }

    /// Nothing up to `known` is given out any more.
    fn met(&self, of: &Of, known: u32) {
        let mut counted = self.counted();
        let numbers = counted.entry(of.clone()).or_default();
        numbers.highest = numbers.highest.max(known);
        numbers.given_back.retain(|number| *number > known);
    }
}

/// A number that nobody else has.
pub(crate) struct Number<'n> {
    numbers: &'n Numbers,
    of: Of,
    pub number: u32,
    kept: bool,
}

impl Number<'_> {
    /// A row bears it, this one's or another's.
    pub fn keep(mut self) {
        self.kept = true;
    }
}

impl Drop for Number<'_> {
    fn drop(&mut self) {
        if self.kept {
            return;
        }
        if let Some(numbers) = self.numbers.counted().get_mut(&self.of) {
            numbers.given_back.insert(self.number);
        }
    }
}

impl Engine {
    /// The next free number: behind all that the database knows, and all that were seen in the forge, which an older or a
    /// lost database does not know.
    ///
    /// # Errors
    /// The store's.
    pub(crate) async fn number(&self, repository: &Repository, base: &BaseBranch) -> StoreResult<Number<'_>> {
        let numbers = &self.numbers;
        let of = (repository.id.clone(), repository.prefix.clone());
        let counted = numbers.counted().contains_key(&of);
        let known = match counted {
            true => 0,
            false => self.store.highest_number(&repository.id, &repository.prefix).await?,
        };
        numbers.met(&of, base.highest.get(&repository.prefix).copied().unwrap_or(0).max(known));
        Ok(numbers.next(of))
    }

    /// The number that is free after another process gave `taken` out: behind all that the database knows by now.
    ///
    /// # Errors
    /// The store's.
    pub(crate) async fn number_after(&self, repository: &Repository, taken: Number<'_>) -> StoreResult<Number<'_>> {
        let known = self.store.highest_number(&repository.id, &repository.prefix).await?.max(taken.number);
        let of = taken.of.clone();
        taken.keep();
        self.numbers.met(&of, known);
        Ok(self.numbers.next(of))
    }

    /// The first number from here on that no task has or had.
    ///
    /// # Errors
    /// The store's.
    pub(crate) async fn free_from(&self, repository: &Repository, mut number: u32) -> StoreResult<u32> {
        loop {
            let id = work_item_id(&repository.prefix, u64::from(number));
            let had = self.store.tasks_by_work_item(&id).await?;
            if !had.iter().any(|task| task.repository == repository.id) {
                return Ok(number);
            }
            number = number.saturating_add(1);
        }
    }

    /// A number that was asked for by itself is taken now.
    pub(crate) fn gave_out(&self, repository: &Repository, number: u32) {
        self.numbers.met(&(repository.id.clone(), repository.prefix.clone()), number);
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_number_without_a_row_is_given_out_again() {
        let numbers = Numbers::default();
        let of = || (RepositoryId::from("shop"), "ET".to_owned());
        numbers.met(&of(), 4);
        let (first, second, third) = (numbers.next(of()), numbers.next(of()), numbers.next(of()));
        assert_eq!((first.number, second.number, third.number), (5, 6, 7));
        third.keep();
        drop(second);
        drop(first);
        let (first, second) = (numbers.next(of()), numbers.next(of()));
        assert_eq!((first.number, second.number), (5, 6));
        drop((first, second));
        // Meanwhile somebody pushed a branch with the second.
        numbers.met(&of(), 6);
        assert_eq!(numbers.next(of()).number, 8);
        assert_eq!(numbers.next((RepositoryId::from("other"), "ET".to_owned())).number, 1);
    }
}
