//! Tests of time lines: against a walk through the minutes of a clock, and against croner.

use chrono::{DateTime, NaiveDateTime, TimeZone as _};
use chrono_tz::TZ_VARIANTS;
use croner::Cron;
use proptest::prelude::*;

use super::*;

fn zone(name: &str) -> Tz {
    name.parse().unwrap()
}

fn instant(text: &str) -> i64 {
    DateTime::parse_from_rfc3339(text).unwrap().timestamp()
}

fn local(text: &str) -> i64 {
    let at = NaiveDateTime::parse_from_str(text, "%Y-%m-%dT%H:%M").unwrap();
    at.and_utc().timestamp()
}

/// The windows that begin in a range, as clock times with their length in minutes.
fn windows(schedule: &Schedule, zone: Tz, from: &str, to: &str) -> Vec<String> {
    let timeline = Timeline::of(schedule, zone);
    let ordinals = timeline.first_from(instant(from))..timeline.first_from(instant(to));
    ordinals
        .map(|ordinal| {
            let shown = timeline.shown(ordinal).unwrap();
            let start = timeline.start(ordinal).unwrap();
            let length = timeline.start(ordinal + 1).unwrap() - start;
            let at = DateTime::from_timestamp(shown.local, 0).unwrap();
            let again = if shown.is_repeated { " again" } else { "" };
            format!("{}{again} {}", at.format("%d %H:%M"), length / 60)
        })
        .collect()
}

fn all_schedules() -> Vec<Schedule> {
    let cron = |text| Schedule::cron(text).unwrap();
    vec![
        Schedule::hours(),
        Schedule::days(),
        Schedule::weeks(),
        Schedule::months(),
        cron("0 6 * * 1-5"),
        cron("30 2 * * *"),
        cron("0 * * * *"),
        cron("*/5 * * * *"),
        cron("15 1,2,23 L * *"),
    ]
}

fn any_zone() -> impl Strategy<Value = Tz> {
    prop::sample::select(TZ_VARIANTS.to_vec())
}

/// An instant, more often than not near a change of the zone's clock.
fn an_instant(zone: Tz) -> impl Strategy<Value = i64> {
    let changes: Vec<i64> = clock_of(zone).stretches.iter().map(|s| s.begin).collect();
    let near = (prop::sample::select(changes), -2 * DAY..2 * DAY).prop_map(|(at, by)| at + by);
    prop_oneof![3 => near, 1 => -2_200_000_000..4_100_000_000_i64]
        .prop_map(|at: i64| at.clamp(-2_200_000_000, 4_100_000_000))
}

fn zone_and_instant() -> impl Strategy<Value = (Tz, i64)> {
    any_zone().prop_flat_map(|zone| (Just(zone), an_instant(zone)))
}

#[test]
fn no_change_of_a_clock_is_missed() {
    // A few zones that changed often; all of them were compared once, every half hour from 1900.
    for name in [
        "Africa/Casablanca",
        "Africa/Cairo",
        "Asia/Gaza",
        "America/Argentina/San_Luis",
    ] {
        assert_eq!(
            *clock_of(zone(name)),
            Clock::find(zone(name), 7200),
            "{name}"
        );
    }
}

#[test]
fn days_are_23_and_25_hours_long() {
    let berlin = zone("Europe/Berlin");
    assert_eq!(
        windows(
            &Schedule::days(),
            berlin,
            "2026-03-27T12:00:00Z",
            "2026-03-30T12:00:00Z"
        ),
        ["28 00:00 1440", "29 00:00 1380", "30 00:00 1440"]
    );
    assert_eq!(
        windows(
            &Schedule::days(),
            berlin,
            "2026-10-24T12:00:00Z",
            "2026-10-26T12:00:00Z"
        ),
        ["25 00:00 1500", "26 00:00 1440"]
    );
}

#[test]
fn an_hour_that_comes_twice_is_two_windows() {
    let berlin = zone("Europe/Berlin");
    assert_eq!(
        windows(
            &Schedule::hours(),
            berlin,
            "2026-10-24T23:00:00Z",
            "2026-10-25T03:00:00Z"
        ),
        [
            "25 01:00 60",
            "25 02:00 60",
            "25 02:00 again 60",
            "25 03:00 60"
        ]
    );
    assert_eq!(
        windows(
            &Schedule::hours(),
            berlin,
            "2026-03-29T00:00:00Z",
            "2026-03-29T02:00:00Z"
        ),
        ["29 01:00 60", "29 03:00 60"]
    );
}

#[test]
fn half_an_hour_of_lord_howe() {
    let howe = zone("Australia/Lord_Howe");
    // 02:00 is 02:30: the hour that would begin at 02:00 begins with the change.
    assert_eq!(
        windows(
            &Schedule::hours(),
            howe,
            "2026-10-03T14:00:00Z",
            "2026-10-03T17:30:00Z"
        ),
        ["04 01:00 60", "04 02:30 30", "04 03:00 60", "04 04:00 60"]
    );
    // 02:00 is 01:30: no full hour comes twice, and one hour has 90 minutes.
    assert_eq!(
        windows(
            &Schedule::hours(),
            howe,
            "2026-04-04T13:30:00Z",
            "2026-04-04T17:00:00Z"
        ),
        ["05 01:00 90", "05 02:00 60", "05 03:00 60"]
    );
    assert_eq!(
        windows(
            &Schedule::days(),
            howe,
            "2026-04-04T00:00:00Z",
            "2026-04-05T00:00:00Z"
        ),
        ["05 00:00 1470"]
    );
}

#[test]
fn days_without_midnight_begin_with_the_change() {
    for (name, from, expected) in [
        ("America/Sao_Paulo", "2018-11-03T12:00:00Z", "04 01:00 1380"),
        ("Asia/Beirut", "2026-03-28T12:00:00Z", "29 01:00 1380"),
        ("Africa/Cairo", "2026-04-23T12:00:00Z", "24 01:00 1380"),
        ("America/Havana", "2026-03-07T12:00:00Z", "08 01:00 1380"),
    ] {
        let to = instant(from) + DAY;
        let to = DateTime::from_timestamp(to, 0).unwrap().to_rfc3339();
        assert_eq!(
            windows(&Schedule::days(), zone(name), from, &to),
            [expected],
            "{name}"
        );
    }
}

#[test]
fn days_with_two_midnights_begin_at_the_first() {
    let havana = zone("America/Havana");
    assert_eq!(
        windows(
            &Schedule::days(),
            havana,
            "2026-10-31T12:00:00Z",
            "2026-11-02T12:00:00Z"
        ),
        ["01 00:00 1500", "02 00:00 1440"]
    );
    assert_eq!(
        windows(
            &Schedule::hours(),
            havana,
            "2026-11-01T03:00:00Z",
            "2026-11-01T07:00:00Z"
        ),
        [
            "31 23:00 60",
            "01 00:00 60",
            "01 00:00 again 60",
            "01 01:00 60"
        ]
    );
    // 00:00 is 23:00 of the day before, so that midnight comes once, after 25 hours.
    assert_eq!(
        windows(
            &Schedule::days(),
            zone("America/Sao_Paulo"),
            "2018-02-17T00:00:00Z",
            "2018-02-18T12:00:00Z"
        ),
        ["17 00:00 1500", "18 00:00 1440"]
    );
    // 00:01 is 23:01 of the day before: the day began with the first midnight.
    assert_eq!(
        windows(
            &Schedule::days(),
            zone("America/St_Johns"),
            "2008-11-01T12:00:00Z",
            "2008-11-02T12:00:00Z"
        ),
        ["02 00:00 1500"]
    );
}

#[test]
fn a_day_that_was_skipped_is_no_window() {
    for (name, from, to, expected) in [
        (
            "Pacific/Apia",
            "2011-12-29T00:00:00Z",
            "2012-01-01T00:00:00Z",
            ["29 00:00 1440", "31 00:00 1440", "01 00:00 1440"],
        ),
        (
            "Pacific/Kwajalein",
            "1993-08-20T00:00:00Z",
            "1993-08-23T00:00:00Z",
            ["20 00:00 1440", "22 00:00 1440", "23 00:00 1440"],
        ),
    ] {
        assert_eq!(
            windows(&Schedule::days(), zone(name), from, to),
            expected,
            "{name}"
        );
    }
    // Hours and days, weeks and months go on without it.
    assert_eq!(
        windows(
            &Schedule::hours(),
            zone("Pacific/Apia"),
            "2011-12-30T09:00:00Z",
            "2011-12-30T12:00:00Z"
        ),
        ["29 23:00 60", "31 00:00 60", "31 01:00 60"]
    );
    assert_eq!(
        windows(
            &Schedule::weeks(),
            zone("Pacific/Apia"),
            "2011-12-25T00:00:00Z",
            "2012-01-03T00:00:00Z"
        ),
        ["26 00:00 8640", "02 00:00 10080"]
    );
}

#[test]
fn offsets_that_are_no_full_hours() {
    let kathmandu = zone("Asia/Kathmandu");
    assert_eq!(
        windows(
            &Schedule::hours(),
            kathmandu,
            "2026-01-01T00:00:00Z",
            "2026-01-01T02:00:00Z"
        ),
        ["01 06:00 60", "01 07:00 60"]
    );
    // On 1986-01-01 the clock went from 00:00 to 00:15, and the day began there.
    assert_eq!(
        windows(
            &Schedule::hours(),
            kathmandu,
            "1985-12-31T17:30:00Z",
            "1985-12-31T19:20:00Z"
        ),
        ["31 23:00 60", "01 00:15 45", "01 01:00 60"]
    );
}

#[test]
fn ordinals_are_counted_from_1970() {
    let ordinal = |schedule: Schedule, name, at| {
        let timeline = Timeline::of(&schedule, zone(name));
        timeline.at(timeline.clock().first_instant_at(local(at)))
    };
    for name in ["UTC", "Europe/Berlin", "America/New_York", "Asia/Kathmandu"] {
        assert_eq!(ordinal(Schedule::days(), name, "1970-01-01T00:00"), 0);
        assert_eq!(ordinal(Schedule::days(), name, "1969-12-31T00:00"), -1);
        assert_eq!(ordinal(Schedule::days(), name, "2026-03-01T00:00"), 20_513);
        assert_eq!(ordinal(Schedule::months(), name, "2026-03-01T00:00"), 674);
        assert_eq!(ordinal(Schedule::weeks(), name, "1970-01-05T00:00"), 0);
    }
    assert_eq!(
        ordinal(Schedule::hours(), "UTC", "2026-03-01T05:00"),
        20_513 * 24 + 5
    );
}

#[test]
fn cron_at_one_time_comes_once_a_day() {
    let berlin = zone("Europe/Berlin");
    let schedule = Schedule::cron("30 2 * * *").unwrap();
    assert_eq!(
        windows(
            &schedule,
            berlin,
            "2026-03-28T00:00:00Z",
            "2026-03-31T00:00:00Z"
        ),
        ["28 02:30 1410", "29 03:00 1410", "30 02:30 1440"]
    );
    assert_eq!(
        windows(
            &schedule,
            berlin,
            "2026-10-24T00:00:00Z",
            "2026-10-27T00:00:00Z"
        ),
        ["24 02:30 1440", "25 02:30 1500", "26 02:30 1440"]
    );
}

#[test]
fn schedules_that_are_none() {
    for (text, fields) in [("", 0), ("@daily", 1), ("* * * *", 4), ("0 0 * * * *", 6)] {
        assert_eq!(
            Schedule::cron(text),
            Err(CronError::FieldCount(fields)),
            "{text}"
        );
    }
    for text in ["61 * * * *", "x * * * *"] {
        let refused = Schedule::cron(text);
        assert!(matches!(refused, Err(CronError::Form(_))), "{text}");
    }
    assert_eq!(Schedule::cron("0 0 30 2 *"), Err(CronError::Never));
    let long = format!("0 0 * * 1{}", ",1".repeat(LONGEST_TRIED));
    assert_eq!(Schedule::cron(&long), Err(CronError::TooLong));
}

const LONGEST_TRIED: usize = 300;

proptest! {
    #![proptest_config(ProptestConfig::with_cases(256))]

    /// Windows follow each other; each instant lies in the window that it is said to lie in.
    #[test]
    fn windows_tile(((zone, at), schedule) in (zone_and_instant(), prop::sample::select(all_schedules()))) {
        let timeline = Timeline::of(&schedule, zone);
        let ordinal = timeline.at(at);
        let (first, end) = timeline.bounds();
        prop_assume!(first <= ordinal && ordinal + 1 < end);
        let (start, next) = (timeline.start(ordinal).unwrap(), timeline.start(ordinal + 1).unwrap());
        prop_assert!(start <= at && at < next, "{zone}: {start} {at} {next}");
        for inside in [start, next - 1] {
            prop_assert_eq!(timeline.at(inside), ordinal);
        }
        prop_assert_eq!(timeline.first_from(start), ordinal);
        prop_assert_eq!(timeline.first_from(start + 1), ordinal + 1);
    }

    /// A window begins just where the clock says so, by the rule read off the clock minute by minute.
    #[test]
    fn hours_and_days_begin_where_the_clock_says((zone, at) in zone_and_instant()) {
        let hours = Timeline::of(&Schedule::hours(), zone);
        let days = Timeline::of(&Schedule::days(), zone);
        let from = at.div_euclid(60) * 60;
        let clock = |at: i64| at + offset_of(zone, at);
        let mut greatest = (from - 3 * DAY..from).step_by(60).map(clock).max().unwrap();
        // Changes of local mean time fall between minutes.
        let changes = clock_of(zone);
        let mut changes = changes.stretches.iter().filter(|change| (from - 3 * DAY..from + DAY).contains(&change.begin));
        prop_assume!(changes.all(|change| change.begin % 60 == 0));
        for now in (from..from + DAY).step_by(60) {
            let (shown, before) = (clock(now), clock(now - 60) + 60);
            let is_full = shown.rem_euclid(3600) == 0;
            // The first full hour from where the clock would stand lies before where it stands.
            let is_skipped = (before + 3599).div_euclid(3600) * 3600 < shown;
            // Clocks on local mean time show full hours between two minutes of ours.
            if shown % 60 == 0 {
                prop_assert_eq!(hours.start(hours.at(now)) == Some(now), is_full || is_skipped, "{} {}", zone, now);
                let day = greatest.div_euclid(DAY);
                prop_assert_eq!(days.start(days.at(now)) == Some(now), shown.div_euclid(DAY) > day, "{} {}", zone, now);
            }
            greatest = greatest.max(shown);
        }
    }

    /// Hours lie within days, days within weeks and months.
    #[test]
    fn windows_nest((zone, at) in zone_and_instant()) {
        let hours = Timeline::of(&Schedule::hours(), zone);
        let days = Timeline::of(&Schedule::days(), zone);
        for outer in [Schedule::days(), Schedule::weeks(), Schedule::months()] {
            let outer = Timeline::of(&outer, zone);
            let start = outer.start(outer.at(at) + 1).unwrap();
            prop_assert_eq!(days.start(days.at(start)), Some(start));
            prop_assert_eq!(hours.start(hours.at(start)), Some(start));
        }
    }

    /// Cron windows begin where croner starts a job.
    #[test]
    fn cron_is_that_of_croner(
        (zone, at) in zone_and_instant(),
        text in prop::sample::select(vec!["0 6 * * 1-5", "30 2 * * *", "0 * * * *", "*/20 * * * *", "15 1,2,23 L * *", "0 0 1 * 1", "30 23 * * 1", "0 0 * * *"]),
    ) {
        let schedule = Schedule::cron(text).unwrap();
        let timeline = Timeline::of(&schedule, zone);
        let cron: Cron = text.parse().unwrap();
        let from = zone.timestamp_opt(at, 0).unwrap();
        // croner gives up in gaps of more than two hours.
        if let Ok(next) = cron.find_next_occurrence(&from, false) {
            let found = timeline.start(timeline.first_from(at + 1));
            prop_assert_eq!(found, Some(next.timestamp()), "{} {}", zone, next);
        }
    }

    /// What the clock shows leads back to the instant.
    #[test]
    fn clock_times_lead_back((zone, at) in zone_and_instant()) {
        let clock = clock_of(zone);
        let local = at + offset_of(zone, at);
        let instants: Vec<i64> = clock.instants_at(local).collect();
        prop_assert!(instants.contains(&at), "{zone} {at} {instants:?}");
        prop_assert_eq!(Some(&clock.first_instant_at(local)), instants.first());
    }
}
