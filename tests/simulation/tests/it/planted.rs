//! Each safeguard of the protocol is missed when it is taken away, or the pair of those that make up
//! for each other.

use simulation::{Batch, Bug, Bugs, Faults, PLANTED, Planted, play_many};

/// How many schedules it may take to miss a safeguard.
const PATIENCE: u64 = 20_000;

/// How many are played where another safeguard makes up for it.
const BACKED_UP: u64 = 60;

fn check(bugs: &[Bug]) {
    let planted = PLANTED.iter().filter(|planted| planted.bugs == bugs);
    let planted: Vec<&Planted> = planted.collect();
    let [planted] = planted[..] else {
        panic!("{bugs:?} is among those that are tried, once");
    };
    let is_backed_up = planted.backed_up_by.is_some();
    let batch = Batch {
        from: 0,
        schedules: if is_backed_up { BACKED_UP } else { PATIENCE },
        allowed: Faults::of(planted.faults),
        bugs: Bugs::of(bugs),
        enough: 1,
        threads: 2,
    };
    let tally = play_many(&batch, &|| {});
    assert_eq!(tally.found.is_empty(), is_backed_up, "{:?}", tally.found);
}

#[test]
fn without_the_unique_open_intent_the_epoch_makes_up_for_it() {
    check(&[Bug::NoUniqueIntent]);
}

#[test]
fn the_epoch_check_is_missed() {
    check(&[Bug::NoEpochCheck]);
}

#[test]
fn the_unique_open_intent_and_the_epoch_check_are_missed() {
    check(&[Bug::NoUniqueIntent, Bug::NoEpochCheck]);
}

#[test]
fn adopting_before_planning_is_missed() {
    check(&[Bug::PlanBeforeAdopt]);
}

#[test]
fn the_unique_open_intent_and_adopting_before_planning_are_missed() {
    check(&[Bug::NoUniqueIntent, Bug::PlanBeforeAdopt]);
}

#[test]
fn the_stamp_before_the_send_is_missed() {
    check(&[Bug::StampAfterSend]);
}

#[test]
fn the_horizon_is_missed() {
    check(&[Bug::NoHorizon]);
}

#[test]
fn the_attempt_in_the_token_is_missed() {
    check(&[Bug::TokenWithoutAttempt]);
}

#[test]
fn without_compare_and_set_the_unique_token_makes_up_for_it() {
    check(&[Bug::SettleWithoutCompare]);
}

#[test]
fn compare_and_set_and_the_unique_token_are_missed() {
    check(&[Bug::SettleWithoutCompare, Bug::NoUniqueToken]);
}

#[test]
fn the_send_window_is_missed() {
    check(&[Bug::NoSendWindow]);
}

#[test]
fn the_token_of_an_attempt_is_missed() {
    check(&[Bug::TokenPerRequest]);
}

#[test]
fn taking_silence_for_an_open_question_is_missed() {
    check(&[Bug::SilenceIsRefusal]);
}

#[test]
fn every_loss_that_is_tried_has_a_test() {
    assert_eq!(PLANTED.len(), 13);
}
