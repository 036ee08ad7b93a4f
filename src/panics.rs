//! What a panic means.
//!
//! One of ours is a bug: it ends the program, so that nothing goes on half done, and the next process
//! repairs what was under way. Parsers of others that are known to panic on damaged input are
//! [`held`]: there it means that the input is damaged, and nothing else.

use std::cell::Cell;
use std::panic::{self, AssertUnwindSafe};

thread_local! {
    /// Whether a panic of this thread is held.
    static IS_HELD: Cell<bool> = const { Cell::new(false) };
}

/// Makes every panic that is not held end the program, once it has been told.
pub fn end_the_program() {
    let tell = panic::take_hook();
    panic::set_hook(Box::new(move |info| {
        if !IS_HELD.get() {
            tell(info);
            std::process::abort();
        }
    }));
}

/// Returns what a function makes; nothing where it panics.
///
/// What it had begun to change is not used afterwards.
pub(crate) fn held<T>(work: impl FnOnce() -> T) -> Option<T> {
    let was_held = IS_HELD.replace(true);
    let made = panic::catch_unwind(AssertUnwindSafe(work));
    IS_HELD.set(was_held);
    made.ok()
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_panic_that_is_held_is_no_result_and_holds_no_other() {
        assert_eq!(held(|| 1), Some(1));
        let twice = held(|| {
            assert_eq!(held(|| -> u8 { panic!("damaged") }), None);
            assert!(IS_HELD.get());
            2
        });
        assert_eq!((twice, IS_HELD.get()), (Some(2), false));
    }
}
