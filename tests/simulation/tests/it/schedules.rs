//! Schedules in which everything may happen, and that the same one can be had again.

use simulation::{Batch, Bugs, Coverage, Fault, Faults, Step, Workshop, play_many};

#[test]
fn every_rule_holds_in_every_schedule() {
    let batch = Batch {
        from: 0,
        schedules: 500,
        allowed: Faults::of(&Fault::ALL),
        bugs: Bugs::default(),
        enough: 3,
        threads: 2,
    };
    let tally = play_many(&batch, &|| {});
    assert_eq!(tally.found, []);
    assert!(tally.runs > tally.schedules, "{} runs", tally.runs);
    // What is not met proves nothing: every fault has to strike, and every step to be reached.
    let never: Vec<&str> = Fault::ALL
        .iter()
        .filter(|fault| tally.coverage.total(**fault) == 0)
        .map(|fault| fault.name())
        .collect();
    assert_eq!(never, [""; 0]);
    assert_eq!(unreached(&tally.coverage), [""; 0]);
}

fn unreached(coverage: &Coverage) -> Vec<&'static str> {
    // A later attempt than a backup knows of is found once in some thousand schedules.
    let steps = Step::ALL.iter().copied();
    let steps = steps.filter(|step| *step != Step::RecordLaterRun);
    let never = steps.filter(|step| coverage.reaches(*step) == 0);
    never.map(Step::name).collect()
}

#[test]
fn a_seed_gives_the_same_history_again_with_and_without_its_trace() {
    let everything = Faults::of(&Fault::ALL);
    let mut hashes = Vec::new();
    for seed in 0..6 {
        let first = Workshop::new(everything, Bugs::default()).play(seed, false);
        let mut workshop = Workshop::new(everything, Bugs::default());
        // Whatever was played before leaves no trace.
        drop(workshop.play(seed + 1, false));
        let again = workshop.play(seed, true);
        assert_eq!((first.hash, first.turns), (again.hash, again.turns));
        assert!(first.trace.is_empty() && !again.trace.is_empty());
        hashes.push(first.hash);
    }
    hashes.sort_unstable();
    hashes.dedup();
    assert_eq!(hashes.len(), 6, "other seeds give other histories");
}
