//! `simulate`: a policy is tried out, alone and beside another one; and `plan --at` beside it.

use std::path::Path;

use serde_json::Value;
use tempfile::TempDir;

use crate::lakehouse::Lakehouse;
use crate::program::{Ran, folder, run, write};

const PROJECT: &str = "\
version: 1
name: shop
environments: { dev: {} }
default_environment: dev
limits: { max_concurrent_runs: 2, confirm_above: 1 }
";

const ARRIVALS: &str = "\
sources:
  erp.orders: { every: 10m, jitter: 2m }
  erp.rates: { cron: \"0 6 * * *\", timezone: Europe/Berlin }
runs: { duration: 4m, spread: 25%, failure_rate: 5% }
tasks:
  mart.revenue: { duration: 12m, cost_per_hour: 18 }
cost: { per_hour: 4.5, currency: USD }
";

const DAY: &str = "simulate --at 2026-03-01T00:00:00Z --for 24h --arrivals arrivals.yml";

/// Orders hour by hour or as they come, and a revenue by eight in the morning.
fn shop(automation: &str) -> TempDir {
    let task = |name: &str| format!("task: {{ databricks_job: {{ name: {name} }} }}");
    let assets = format!(
        "assets:
  - {{ key: erp.orders, kind: source, path: lake/orders }}
  - {{ key: erp.rates, kind: source, path: lake/rates }}
  - key: silver.orders
    path: lake/silver
    depends_on: [erp.orders]
    automation: {automation}
    freshness: {{ max_lag: 30m }}
    {}
  - key: mart.revenue
    path: lake/revenue
    depends_on: [silver.orders, erp.rates]
    freshness: {{ deadlines: [{{ cron: \"0 * * * *\", max_lag: 20m }}] }}
    {}
",
        task("silver"),
        task("revenue")
    );
    folder(&[
        ("headwater.yml", PROJECT),
        ("assets/shop.yml", &assets),
        ("arrivals.yml", ARRIVALS),
    ])
}

fn plain(ran: &Ran) -> &str {
    assert_eq!(ran.exit, 0, "{ran:?}");
    &ran.stdout
}

#[test]
fn a_day_is_told_as_a_table() {
    let shop = shop("{ on_change: {} }");
    let ran = run(shop.path(), DAY);
    insta::assert_snapshot!(plain(&ran), @r"
    ASSET          RUNS  FAILED  LAG MEAN    P50     P95         P99         MAX     MISSED   RUN HOURS  COST
    mart.revenue   106   1       16 min      15 min  25 min      33 min      47 min  8 of 23  21.08      379.50
    silver.orders  152   8       1 min 18 s  0 s     4 min 43 s  8 min 47 s  14 min  -        10.18      45.79
    Simulated 1 d from 2026-03-01T00:00:00Z on, a pass every 1 min.
      258 runs, 258 a day, 2 at once at most; 31.3 run hours, 425.29 USD; 8 deadlines missed, 0 s overdue.
      2 passes would have asked first (`confirm_above`), from 2026-03-01T15:10:00Z on, for up to 2 runs; taken to be confirmed at once.
    ");
    insta::assert_snapshot!(ran.stderr, @"warning: 4 assets (erp.orders, erp.rates, mart.revenue and 1 more): never looked at; taken to be there, and fresh");
    // Nothing is recorded.
    assert!(!shop.path().join(".headwater").exists());
}

#[test]
fn a_day_is_told_as_a_document() {
    let shop = shop("{ on_change: {} }");
    let mut told = run(shop.path(), &format!("{DAY} -o json")).json();
    let project = told["project"].take();
    assert!(Path::new(project.as_str().unwrap()).ends_with(shop.path().file_name().unwrap()));
    insta::assert_snapshot!(
        "simulate_document",
        serde_json::to_string_pretty(&told).unwrap()
    );
}

#[test]
fn two_policies_meet_the_same_arrivals() {
    let (now, then) = (
        shop("{ on_change: {} }"),
        shop("{ on_change: { every: 1h } }"),
    );
    let against = format!("{DAY} --against {}", then.path().display());
    let ran = run(now.path(), &against);
    let folder = then.path().canonicalize().unwrap();
    let text = plain(&ran).replace(&folder.display().to_string(), "THEN");
    insta::assert_snapshot!(text, @r"
    ASSET          RUNS      FAILED  LAG MEAN             P50              P95                  P99                     MAX                  MISSED              OVERDUE          RUN HOURS     COST
    mart.revenue   106 → 23  1 → 0   16 min → 42 min      15 min → 42 min  25 min → 1 h 12 min  33 min → 1 h 17 min     47 min → 1 h 20 min  8 of 23 → 19 of 23  -                21.08 → 4.57  379.50 → 82.20
    silver.orders  152 → 23  8 → 0   1 min 18 s → 30 min  0 s → 30 min     4 min 43 s → 1 h     8 min 47 s → 1 h 4 min  14 min → 1 h 7 min   -                   0 → 12 h 13 min  10.18 → 1.56  45.79 → 7.03
    Simulated 1 d from 2026-03-01T00:00:00Z on, a pass every 1 min: this project → the other one.
      258 runs, 258 a day, 2 at once at most; 31.3 run hours, 425.29 USD; 8 deadlines missed, 0 s overdue.
      2 passes would have asked first (`confirm_above`), from 2026-03-01T15:10:00Z on, for up to 2 runs; taken to be confirmed at once.
    With THEN:
      46 runs, 46 a day, 1 at once at most; 6.1 run hours, 89.23 USD; 19 deadlines missed, 12 h 13 min overdue.
    ");
    let told = run(now.path(), &format!("{against} -o json")).json();
    let alone = run(then.path(), &format!("{DAY} -o json")).json();
    let of = |document: &Value, key: &str| -> Value {
        let assets = document["assets"].as_array().unwrap();
        assets
            .iter()
            .find(|asset| asset["asset"] == key)
            .unwrap()
            .clone()
    };
    for key in ["erp.orders", "silver.orders", "mart.revenue"] {
        // Each policy does beside another one what it does alone.
        let (beside, alone) = (of(&told, key)["against"].take(), of(&alone, key));
        for field in [
            "arrivals",
            "runs",
            "failed_runs",
            "lag",
            "missed_deadlines",
            "cost",
        ] {
            assert_eq!(beside[field], alone[field], "{key} {field}");
        }
    }
    assert_eq!(told["against"]["totals"], alone["totals"]);
}

#[test]
fn the_same_seed_gives_the_same_day() {
    let shop = shop("{ on_change: {} }");
    let told = |seed| run(shop.path(), &format!("{DAY} -o json --seed {seed}")).stdout;
    assert_eq!(told(3), told(3));
    assert_ne!(told(3), told(4));
}

#[test]
fn what_is_wrong_with_an_arrivals_file_is_shown_where_it_is() {
    let shop = shop("{ on_change: {} }");
    let text = "\
sources:
  erp.order: { every: 10m }
  silver.orders: { every: 1h }
  erp.rates: { every: 5m, cron: \"0 6 * * *\" }
runs: { failure_rate: 120% }
tasks: { mart.revenu: { duration: 5m } }
";
    write(shop.path(), "arrivals.yml", text);
    let ran = run(shop.path(), DAY);
    assert_eq!(ran.exit, 2);
    assert_eq!(ran.stdout, "");
    insta::assert_snapshot!(ran.stderr, @r#"
    error[L012]: no asset is named by `erp.order`
     --> arrivals.yml:2:14
      |
    2 |   erp.order: { every: 10m }
      |              ^
      |
      = help: did you mean `erp.orders`?

    error[L012]: nothing arrives at `silver.orders`: what it names is built here
     --> arrivals.yml:3:18
      |
    3 |   silver.orders: { every: 1h }
      |                  ^
      |
      = help: name what is not built by a task of the project

    error[A012]: `every` and `cron` are both given
     --> arrivals.yml:4:33
      |
    4 |   erp.rates: { every: 5m, cron: "0 6 * * *" }
      |                                 ^^^^^^^^^^^
      |
      = help: keep one of them

    error[A012]: `120%` is not a share
     --> arrivals.yml:5:23
      |
    5 | runs: { failure_rate: 120% }
      |                       ^^^^
      |
      = help: write a percentage from `0%` to `100%`

    error[L012]: the project has no task `mart.revenu`
     --> arrivals.yml:6:23
      |
    6 | tasks: { mart.revenu: { duration: 5m } }
      |                       ^
      |
      = help: did you mean `mart.revenue`?

    error[C031]: `arrivals.yml` has 5 errors
    hint: docs/declaring.md shows what may stand in it
    "#);
    let ran = run(shop.path(), &DAY.replace("arrivals.yml", "none.yml"));
    assert_eq!(ran.exit, 2);
    insta::assert_snapshot!(ran.stderr, @r"
    error[C031]: `none.yml` cannot be read
       = No such file or directory (os error 2)
    hint: docs/declaring.md shows what may stand in it
    ");
    for wrong in [
        "--for 0s",
        "--for 9999d",
        "--every 10ms",
        "--against nowhere",
    ] {
        assert_eq!(
            run(shop.path(), &format!("simulate {wrong}")).exit,
            2,
            "{wrong}"
        );
    }
}

/// What arrived really, by the logs of tables, arrives again.
#[test]
fn what_was_recorded_is_repeated() {
    let lake = Lakehouse::built();
    for _ in 0..3 {
        lake.arrive_in("landing.netsuite_invoices");
    }
    lake.json("observe");
    let runs = lake.runs();
    let told = lake.json("simulate --for 2h --recorded 1h");
    assert!(told["arrivals"]["recorded"].as_u64().unwrap() > 0, "{told}");
    let assets = told["assets"].as_array().unwrap();
    let source = assets
        .iter()
        .find(|asset| asset["asset"] == "landing.netsuite_invoices");
    assert!(
        source.unwrap()["arrivals"].as_u64().unwrap() >= 3,
        "{source:?}"
    );
    assert!(told["totals"]["runs"].as_u64().unwrap() > 0);
    assert_eq!(lake.runs(), runs, "nothing is started");
}

/// The plan of an instant to come is what the loop would do then, and so the first pass of a simulation.
#[test]
fn a_plan_of_another_instant_is_what_a_simulation_from_there_begins_with() {
    let lake = Lakehouse::built();
    lake.arrive_in("landing.netsuite_invoices");
    lake.json("observe");
    let stale = || -> Vec<Value> {
        let assets = lake.json("status")["assets"].take();
        let assets = assets.as_array().unwrap().iter();
        assets.map(|asset| asset["stale_since"].clone()).collect()
    };
    let (before, runs) = (stale(), lake.runs());
    for hours in [0, 1, 30] {
        let at = (lake.now() + chrono::TimeDelta::hours(hours)).to_rfc3339();
        let at = at.replace("+00:00", "Z");
        let plan = lake.json(&format!("plan --at {at}"));
        let requests = plan["requests"].as_array().unwrap().iter();
        let mut planned: Vec<String> = requests
            .flat_map(|request| request["assets"].as_array().unwrap().clone())
            .map(|asset| asset.as_str().unwrap().to_owned())
            .collect();
        planned.sort();
        assert!(!planned.is_empty(), "{plan}");
        write(lake.path(), "none.yml", "runs: { duration: 5m }\n");
        let told = lake.json(&format!("simulate --at {at} --for 1s --arrivals none.yml"));
        let assets = told["assets"].as_array().unwrap().iter();
        let mut begun: Vec<String> = assets
            .filter(|asset| asset["runs"] == 1)
            .map(|asset| asset["asset"].as_str().unwrap().to_owned())
            .collect();
        begun.sort();
        assert_eq!(begun, planned, "{at}");
    }
    assert_eq!(
        (stale(), lake.runs()),
        (before, runs),
        "asking changes nothing"
    );
}
