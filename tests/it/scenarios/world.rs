//! The world of a story, behind the ports: one clock for everybody, seeded chance, tables, a service.
//!
//! It moves only between passes, by the lines of the story; a pass takes no time.

use std::sync::{Mutex, MutexGuard};
use std::time::Duration;

use async_trait::async_trait;
use chrono::{DateTime, NaiveTime, TimeDelta, TimeZone, Utc};
use headwater::ports::{Clock, Random};

use super::lake::Lake;
use super::service::Service;
use super::warehouse::Warehouse;
use super::words::Moment;

/// Everything that there is beside the program and its state.
pub(super) struct Scene {
    pub(super) now: DateTime<Utc>,
    pub(super) lake: Lake,
    pub(super) service: Service,
    pub(super) warehouse: Warehouse,
    monotonic: Duration,
    chance: u128,
}

/// The scene behind one lock, which is every port but the state.
pub(super) struct World(Mutex<Scene>);

impl World {
    /// A world at 2026-03-01T06:00:00Z, where every story begins that says nothing else.
    pub(super) fn new() -> Self {
        Self(Mutex::new(Scene {
            now: Utc.with_ymd_and_hms(2026, 3, 1, 6, 0, 0).unwrap(),
            lake: Lake::default(),
            service: Service::default(),
            warehouse: Warehouse::default(),
            monotonic: Duration::from_secs(1),
            chance: 0,
        }))
    }

    pub(super) fn get(&self) -> MutexGuard<'_, Scene> {
        self.0.lock().unwrap()
    }
}

impl Scene {
    pub(super) fn advance(&mut self, by: TimeDelta) {
        self.now += by;
        self.monotonic += by.to_std().unwrap_or_default();
    }

    /// The instant that a line means: a time of the day is one of today.
    pub(super) fn instant(&self, moment: Moment) -> DateTime<Utc> {
        match moment {
            Moment::Instant(instant) => instant,
            Moment::OfTheDay(time) => self.today(time),
        }
    }

    fn today(&self, time: NaiveTime) -> DateTime<Utc> {
        self.now.date_naive().and_time(time).and_utc()
    }
}

#[async_trait]
impl Clock for World {
    fn now(&self) -> DateTime<Utc> {
        self.get().now
    }

    fn monotonic(&self) -> Duration {
        self.get().monotonic
    }

    async fn sleep(&self, duration: Duration) {
        self.get().advance(TimeDelta::from_std(duration).unwrap());
    }
}

impl Random for World {
    fn bits(&self) -> u128 {
        let mut scene = self.get();
        scene.chance += 1;
        scene.chance
    }
}
