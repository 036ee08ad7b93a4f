//! Everything becomes due at once.

use super::world::Sim;
use crate::ports::RunState;

const WIDTH: usize = 600;

/// One source, many tables that read it, and one table that reads some of these.
fn herd() -> Sim {
    let mut sim = Sim::new().source("src");
    let names: Vec<String> = (0..WIDTH).map(|number| format!("t{number:03}")).collect();
    for name in &names {
        sim = sim.table(name, &["src"]);
    }
    for name in ["t598", "t599"] {
        sim = sim.with(name, |asset| asset.tier = Some(1));
    }
    let reads: Vec<&str> = names.iter().take(50).map(String::as_str).collect();
    sim.table("top", &reads)
}

fn active(sim: &Sim) -> usize {
    let shared = sim.fake.get();
    let active = shared.ledger.iter();
    active
        .filter(|run| run.run.state == RunState::Active)
        .count()
}

#[test]
fn fault_61_a_herd_is_let_through_in_waves_within_the_limits_and_each_runs_once() {
    let mut sim = herd();
    sim.pass();
    assert_eq!(active(&sim), 180, "the default limit");
    assert!(sim.fake.get().most_sending <= 8, "requests at once");
    assert!(
        sim.is_running("t598") && sim.is_running("t599"),
        "tier 1 first"
    );
    let mut waves = 1;
    while sim.runs() < WIDTH + 1 {
        assert!(!sim.is_running("top"), "it waits for what it reads");
        sim.later(30);
        sim.finish_all();
        sim.pass();
        assert!(active(&sim) <= 180);
        waves += 1;
        assert!(waves <= 6, "{} runs after {waves} waves", sim.runs());
    }
    assert!(sim.is_running("top"));
    assert_eq!(sim.converge(), 0);
    assert!(sim.fake.get().most_sending <= 8, "requests at once");
}
