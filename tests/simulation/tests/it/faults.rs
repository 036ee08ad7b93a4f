//! One fault at a time, or those that belong together: rows of the list of faults.

use simulation::{Batch, Bugs, Coverage, Fault, Faults, Step, play_many};

/// Plays schedules in which only these happen, and returns what was met.
fn only(faults: &[Fault]) -> Coverage {
    let batch = Batch {
        from: 0,
        schedules: 60,
        allowed: Faults::of(faults),
        bugs: Bugs::default(),
        enough: 1,
        threads: 2,
    };
    let tally = play_many(&batch, &|| {});
    assert_eq!(tally.found, []);
    for fault in faults {
        let met = tally.coverage.total(*fault);
        assert!(met > 0, "{} never happened", fault.name());
    }
    tally.coverage
}

#[test]
fn fault_01_02_03_05_06_a_process_that_dies_at_any_step_repeats_and_loses_nothing() {
    let coverage = only(&[Fault::Kill]);
    let steps = [
        Step::Intend,
        Step::Stamp,
        Step::RunNow,
        Step::RecordRun,
        Step::Settle,
    ];
    for step in steps {
        assert!(coverage.count(step, Fault::Kill) > 0, "{}", step.name());
    }
}

#[test]
fn fault_04_a_run_whose_answer_was_lost_is_not_asked_for_twice() {
    let coverage = only(&[Fault::LostAnswer, Fault::ServerError]);
    assert!(coverage.count(Step::RunNow, Fault::LostAnswer) > 0);
}

#[test]
fn fault_07_requests_that_arrive_late_or_twice_start_nothing_twice() {
    only(&[
        Fault::LateRequest,
        Fault::DuplicateRequest,
        Fault::LostRequest,
        Fault::Kill,
    ]);
}

#[test]
fn fault_08_a_token_that_may_be_forgotten_is_never_sent_again() {
    let coverage = only(&[Fault::LongTime, Fault::LostAnswer, Fault::LateRequest]);
    assert!(coverage.reaches(Step::RunsSince) > 0, "runs are looked up");
}

#[test]
fn fault_09_29_runs_that_are_deleted_or_forgotten_are_judged_by_their_tables() {
    only(&[Fault::RunDeleted, Fault::RunForgotten, Fault::LostAnswer]);
}

#[test]
fn fault_12_a_holder_that_stands_still_past_its_lease_does_no_harm() {
    let coverage = only(&[Fault::Stop, Fault::LongTime]);
    assert!(coverage.count(Step::Stamp, Fault::Stop) > 0);
}

#[test]
fn fault_16_17_18_22_a_service_that_turns_requests_away_is_asked_again() {
    only(&[
        Fault::Throttled,
        Fault::Denied,
        Fault::ServerError,
        Fault::Refused,
    ]);
}

#[test]
fn fault_26_runs_that_show_up_late_are_not_taken_for_lost() {
    only(&[Fault::SlowList, Fault::LostAnswer, Fault::Stop, Fault::Kill]);
}

#[test]
fn fault_27_28_runs_that_are_skipped_cancelled_or_hang_end_all_the_same() {
    let coverage = only(&[
        Fault::RunSkipped,
        Fault::RunCancelled,
        Fault::RunHangs,
        Fault::LongTime,
    ]);
    assert!(coverage.reaches(Step::Cancel) > 0, "a run took too long");
}

#[test]
fn fault_30_a_run_that_had_nothing_to_write_is_not_repeated() {
    only(&[Fault::QuietSuccess]);
}

#[test]
fn fault_31_a_task_that_fails_is_tried_as_often_as_it_may_be() {
    only(&[Fault::RunFails, Fault::Kill]);
}

#[test]
fn fault_32_36_writes_of_others_and_maintenance_make_no_second_run() {
    only(&[Fault::OutsideWrite, Fault::Maintenance]);
}

#[test]
fn fault_33_34_what_cannot_be_read_is_unknown_and_what_was_cut_off_is_a_change() {
    only(&[Fault::TornCommit, Fault::Unreadable, Fault::LogCut]);
}

#[test]
fn fault_35_36_tables_that_are_made_anew_are_incorporated_anew() {
    only(&[
        Fault::Vanished,
        Fault::Recreated,
        Fault::RolledBack,
        Fault::Replaced,
    ]);
}

#[test]
fn fault_47_a_wall_clock_that_jumps_neither_repeats_nor_stalls_anything() {
    only(&[
        Fault::ClockForward,
        Fault::ClockBack,
        Fault::LostAnswer,
        Fault::LongTime,
    ]);
}

#[test]
fn fault_49_whoever_was_away_for_long_catches_up_from_the_state() {
    only(&[Fault::LongTime, Fault::LogCut, Fault::Kill]);
}

#[test]
fn fault_51_a_transaction_that_fails_leaves_nothing_half_done() {
    only(&[Fault::TransactionFails]);
}

#[test]
fn fault_53_a_state_that_is_restored_or_rebuilt_starts_nothing_twice() {
    let coverage = only(&[
        Fault::Restored,
        Fault::Rebuilt,
        Fault::Kill,
        Fault::LateRequest,
    ]);
    assert!(coverage.reaches(Step::AdoptRun) > 0, "runs are found again");
}
