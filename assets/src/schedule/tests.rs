//! Schedules against a walk through every minute, and their rules by example.

use chrono::{DateTime, Datelike, NaiveDate, TimeDelta, TimeZone, Timelike, Utc, Weekday};
use chrono_tz::Tz;
use croner::Cron;
use croner::parser::{CronParser, Seconds, Year};
use proptest::prelude::*;
use std::sync::Arc;

use super::{Calendar, DayRule, Days, Hours, HoursError, Schedule, ScheduleError, parse_zone};

fn at(text: &str) -> DateTime<Utc> {
    text.parse().unwrap()
}

fn schedule(expression: &str, zone: &str) -> Schedule {
    Schedule::new(expression, parse_zone(zone).unwrap(), None).unwrap()
}

/// The next instants after one, as the local clock and its offset show them.
fn upcoming(schedule: &Schedule, from: &str, count: usize) -> Vec<String> {
    let mut from = at(from);
    let mut found = Vec::new();
    for _ in 0..count {
        from = schedule.next(from).unwrap();
        let local = from.with_timezone(&schedule.zone());
        found.push(local.format("%m-%d %H:%M%:z").to_string());
    }
    found
}

#[test]
fn fault_48_a_time_that_does_not_exist_happens_when_the_clock_has_gone_forward() {
    let daily = schedule("30 2 * * *", "Europe/Berlin");
    let expected = [
        "03-28 02:30+01:00",
        "03-29 03:00+02:00",
        "03-30 02:30+02:00",
    ];
    assert_eq!(upcoming(&daily, "2026-03-28T00:00:00Z", 3), expected);
    // Two of them are one instant.
    let twice = schedule("0,30 2 * * *", "Europe/Berlin");
    let expected = ["03-29 03:00+02:00", "03-30 02:00+02:00"];
    assert_eq!(upcoming(&twice, "2026-03-29T00:00:00Z", 2), expected);
}

#[test]
fn fault_48_a_time_that_comes_twice_happens_once_unless_it_comes_every_hour() {
    let daily = schedule("30 2 * * *", "Europe/Berlin");
    let expected = ["10-25 02:30+02:00", "10-26 02:30+01:00"];
    assert_eq!(upcoming(&daily, "2026-10-24T12:00:00Z", 2), expected);
    let steady = schedule("*/30 * * * *", "Europe/Berlin");
    let expected = [
        "10-25 02:00+02:00",
        "10-25 02:30+02:00",
        "10-25 02:00+01:00",
        "10-25 02:30+01:00",
        "10-25 03:00+01:00",
    ];
    assert_eq!(upcoming(&steady, "2026-10-24T23:30:00Z", 5), expected);
}

#[test]
fn calendars_leave_out_days() {
    let holidays = ["2026-12-25", "2026-12-31"].map(|day| day.parse().unwrap());
    let weekdays = [
        Weekday::Mon,
        Weekday::Tue,
        Weekday::Wed,
        Weekday::Thu,
        Weekday::Fri,
    ];
    let calendar = Arc::new(Calendar::new("de", weekdays, holidays));
    let on = |rule| {
        let days = Some(Days {
            rule,
            calendar: Arc::clone(&calendar),
        });
        Schedule::new("0 6 * * *", Tz::UTC, days).unwrap()
    };
    let dates = |rule, count| upcoming(&on(rule), "2026-12-23T12:00:00Z", count);
    let expected = [
        "12-24 06:00+00:00",
        "12-28 06:00+00:00",
        "12-29 06:00+00:00",
    ];
    assert_eq!(dates(DayRule::WorkingDay, 3), expected);
    let expected = ["12-30 06:00+00:00", "01-29 06:00+00:00"];
    assert_eq!(dates(DayRule::LastWorkingDay, 2), expected);
    let expected = ["12-31 06:00+00:00", "01-31 06:00+00:00"];
    assert_eq!(dates(DayRule::MonthEnd, 2), expected);
    assert_eq!(
        on(DayRule::LastWorkingDay).to_string(),
        "0 6 * * * UTC on last_working_day of de"
    );
}

#[test]
fn what_never_happens_is_refused() {
    let of = |expression: &str, days| Schedule::new(expression, Tz::UTC, days);
    assert_eq!(of("0 0 30 2 *", None), Err(ScheduleError::Never));
    let nobody_works = Some(Days {
        rule: DayRule::WorkingDay,
        calendar: Arc::new(Calendar::new("none", [], [])),
    });
    assert_eq!(of("* * * * *", nobody_works), Err(ScheduleError::Never));
    let month_end = Some(Days {
        rule: DayRule::MonthEnd,
        calendar: Arc::new(Calendar::weekdays()),
    });
    assert_eq!(of("0 6 15 * *", month_end), Err(ScheduleError::Never));
    assert_eq!(of("0 6 * *", None), Err(ScheduleError::Fields(4)));
    assert_eq!(of("@daily", None), Err(ScheduleError::Fields(1)));
    assert_eq!(of("0 0 6 * * *", None), Err(ScheduleError::Fields(6)));
    assert!(matches!(
        of("61 * * * *", None),
        Err(ScheduleError::Field(_))
    ));
    assert!(of("0 0 29 2 1", None).is_ok(), "a leap day or a Monday");
}

#[test]
fn years_without_time_zones_have_no_instants() {
    let daily = schedule("0 6 * * *", "Europe/Berlin");
    assert_eq!(daily.next(DateTime::<Utc>::MAX_UTC), None);
    assert_eq!(daily.previous(DateTime::<Utc>::MIN_UTC), None);
}

#[test]
fn hours_may_end_on_the_next_day() {
    let zone = parse_zone("Europe/Berlin").unwrap();
    let days = Some(Days {
        rule: DayRule::WorkingDay,
        calendar: Arc::new(Calendar::weekdays()),
    });
    let night = Hours::new("22:00", "06:00", zone, days).unwrap();
    // 2026-11-20 is a Friday: its night ends on Saturday morning.
    assert!(night.contains(at("2026-11-20T21:00:00Z")));
    assert!(night.contains(at("2026-11-21T04:59:00Z")));
    assert!(!night.contains(at("2026-11-21T05:00:00Z")));
    assert!(
        !night.contains(at("2026-11-21T22:00:00Z")),
        "Saturday night"
    );
    assert_eq!(
        night.next_opening(at("2026-11-21T05:00:00Z")),
        Some(at("2026-11-23T21:00:00Z"))
    );
    assert_eq!(
        night.to_string(),
        "22:00 to 06:00 Europe/Berlin on working_day"
    );
    assert_eq!(
        Hours::new("6:61", "07:00", zone, None),
        Err(HoursError::Form)
    );
    assert_eq!(
        Hours::new("06:00", "06:00", zone, None),
        Err(HoursError::Empty)
    );
    let always = Hours::new("00:00", "24:00", zone, None).unwrap();
    assert!(always.contains(at("2026-11-21T23:30:00Z")));
    let evening = Hours::new("18:00", "24:00", zone, None).unwrap();
    assert!(evening.contains(at("2026-11-21T22:59:00Z")));
    assert!(!evening.contains(at("2026-11-21T23:00:00Z")));
    for end in [DateTime::<Utc>::MIN_UTC, DateTime::<Utc>::MAX_UTC] {
        assert_eq!(night.next_opening(end), None);
        night.contains(end);
    }
}

/// Every minute from one instant to another at which a schedule happens, by its rules and nothing
/// else.
fn walk(
    cron: &Cron,
    zone: Tz,
    twice: bool,
    (from, to): (DateTime<Utc>, DateTime<Utc>),
) -> Vec<DateTime<Utc>> {
    let local = |at: DateTime<Utc>| at.with_timezone(&zone).naive_local();
    let minute = TimeDelta::minutes(1);
    let mut found = Vec::new();
    let mut now = from;
    while now <= to {
        let before = local(now - minute);
        // Everything the clock passes in this step: more than a minute where it goes forward.
        let mut shown = before + minute;
        let mut happens = false;
        while shown <= local(now) {
            happens |= cron.is_time_matching(&shown.and_utc()).unwrap();
            shown += minute;
        }
        if local(now) <= before {
            happens = cron.is_time_matching(&local(now).and_utc()).unwrap();
        }
        let is_second = zone
            .from_local_datetime(&local(now))
            .latest()
            .zip(zone.from_local_datetime(&local(now)).earliest())
            .is_some_and(|(last, first)| last != first && last.to_utc() == now);
        if happens && (twice || !is_second) {
            found.push(now);
        }
        now += minute;
    }
    found
}

proptest! {
    #![proptest_config(ProptestConfig { cases: 96, ..ProptestConfig::default() })]

    /// In both directions a schedule finds just what a walk through every minute finds, also
    /// around changes of the clock.
    #[test]
    fn fault_48_a_schedule_is_what_a_walk_finds(
        zone in prop::sample::select(vec![
            ("Europe/Berlin", "2026-03-29T01:00:00Z"), ("Europe/Berlin", "2026-10-25T01:00:00Z"),
            ("America/New_York", "2026-03-08T07:00:00Z"), ("America/New_York", "2026-11-01T06:00:00Z"),
            ("Australia/Lord_Howe", "2026-04-04T15:00:00Z"), ("Australia/Lord_Howe", "2026-10-03T15:30:00Z"),
            ("Asia/Kolkata", "2026-05-05T00:00:00Z"), ("Pacific/Apia", "2011-12-30T10:00:00Z"),
        ]),
        expression in prop::sample::select(vec![
            "* * * * *", "*/7 * * * *", "30 * * * *", "0 */2 * * *", "15 2 * * *", "0,30 1-3 * * *",
            "59 23 * * *", "0 0 * * 0", "10 2 29 3 *", "45 1 * * 7", "20 0 30,31 * *",
        ]),
        offset in -2200_i64..2200,
    ) {
        let (name, change) = zone;
        let zone = parse_zone(name).unwrap();
        let parser = CronParser::builder().seconds(Seconds::Disallowed).year(Year::Disallowed).build();
        let cron = parser.parse(expression).unwrap();
        let twice = expression.split(' ').nth(1).unwrap().starts_with('*');
        let schedule = Schedule::new(expression, zone, None).unwrap();
        let now = at(change) + TimeDelta::minutes(offset);
        let span = TimeDelta::hours(40);
        let found = walk(&cron, zone, twice, (now - span, now + span));
        let next = found.iter().copied().find(|found| *found > now);
        let previous = found.iter().copied().rev().find(|found| *found <= now);
        prop_assert_eq!(schedule.next(now).filter(|next| *next <= now + span), next);
        prop_assert_eq!(schedule.previous(now).filter(|previous| *previous >= now - span), previous);
    }

    /// The next instant is one that the search backwards finds, and none lies between.
    #[test]
    fn next_and_previous_agree(
        minute in 0_u32..60, hour in 0_u32..24, day in 1_u32..29,
        zone in prop::sample::select(vec!["UTC", "Europe/Berlin", "America/St_Johns", "Africa/Casablanca"]),
        seconds in 1_500_000_000_i64..2_500_000_000,
    ) {
        for expression in [
            format!("{minute} {hour} * * *"), format!("{minute} {hour} {day} * *"),
            format!("{minute} * {day} 2 *"), format!("{minute} {hour} * * {}", day % 7),
        ] {
            let schedule = schedule(&expression, zone);
            let now = DateTime::from_timestamp(seconds, 0).unwrap();
            let next = schedule.next(now).unwrap();
            prop_assert!(next > now);
            prop_assert_eq!(next.second(), 0);
            prop_assert_eq!(schedule.previous(next), Some(next));
            let before = schedule.previous(next - TimeDelta::seconds(1)).unwrap();
            prop_assert!(before <= now);
            prop_assert_eq!(schedule.next(before), Some(next));
            prop_assert!(!schedule.happens_between(before, now) && schedule.happens_between(now, next));
        }
    }

    /// Every last working day is a working day, and each month has at most one.
    #[test]
    fn a_month_has_one_last_working_day(year in 2000_i32..2100, month in 1_u32..13, off in 0_u64..1 << 31) {
        let first = NaiveDate::from_ymd_opt(year, month, 1).unwrap();
        let days: Vec<NaiveDate> = first.iter_days().take_while(|day| day.month() == month).collect();
        let holidays = days.iter().copied().filter(|day| off >> day.day() & 1 == 1);
        let weekdays = [Weekday::Mon, Weekday::Tue, Weekday::Wed, Weekday::Thu, Weekday::Fri];
        let calendar = Calendar::new("x", weekdays, holidays);
        let last: Vec<_> = days.iter().filter(|day| calendar.is_last_working_day(**day)).collect();
        let working: Vec<_> = days.iter().filter(|day| calendar.is_working_day(**day)).collect();
        prop_assert_eq!(last.first(), working.last());
        prop_assert!(last.len() <= 1);
    }
}
