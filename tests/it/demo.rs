//! The demonstration, and the folder that it leaves behind.

use std::time::Instant;

use crate::program::{folder, run, run_with};

#[test]
fn the_demonstration_ends_well_and_leaves_a_project_in_which_commands_work() {
    let here = folder(&[]);
    let began = Instant::now();
    let ran = run(here.path(), "demo --for 2s --dir lakehouse --keep -o json");
    let longest = began.elapsed().as_secs_f64();
    assert_eq!(ran.exit, 0, "{ran:?}");
    let tally = ran.json();
    let took = tally["seconds"].as_f64().unwrap();
    assert!(took > 2.0 && took <= longest, "{took} s within {longest} s");
    assert_eq!(tally["kind"], "Demo");
    assert_eq!(tally["duplicates"], 0);
    assert_eq!(
        (&tally["kills"], &tally["lost_answers"]),
        (&1.into(), &1.into())
    );
    assert!(tally["runs_triggered"].as_u64().unwrap() > 18, "{tally}");
    assert!(tally["runs_avoided"].as_u64().unwrap() > 0, "{tally}");
    assert!(
        tally["commit_to_trigger"]["count"].as_u64().unwrap() > 0,
        "{tally}"
    );
    let marts = tally["marts"].as_array().unwrap();
    assert_eq!(marts.len(), 5);
    for mart in marts {
        assert_eq!(mart["is_equal"], true, "{mart}");
    }
    assert!(ran.stderr.contains("headwater explain"), "{}", ran.stderr);

    // The workspace is gone by now, and its token is all that the folder leaves to say.
    let left = here.path().join("lakehouse");
    let token = [("DATABRICKS_TOKEN", "headwater-demo")];
    for args in [
        "validate",
        "ls",
        "status",
        "status --fail-on stale",
        "explain finance.revenue_by_month",
        "plan --detailed-exitcode",
    ] {
        let ran = run_with(&left, args, &token);
        assert_eq!(ran.exit, 0, "{args}: {ran:?}");
        assert!(!ran.stdout.is_empty(), "{args}");
        assert_eq!(ran.stderr, "", "{args}");
    }
}

#[test]
fn the_demonstration_listens_on_loopback_only() {
    let here = folder(&[]);
    let ran = run(
        here.path(),
        "demo --for 0s --dir lakehouse --serve 0.0.0.0:0",
    );
    assert_eq!(ran.exit, 1, "{ran:?}");
    assert!(ran.stderr.contains("error[C015]"), "{ran:?}");
    assert!(
        ran.stderr.contains("refusing to listen on 0.0.0.0:0"),
        "{ran:?}"
    );
}
