//! CPU time and memory of this process, from the system.

use std::time::Duration;

use rustix::time::{ClockId, clock_gettime};

/// Runs something and returns what it returns with the CPU time it took in all threads, in
/// milliseconds.
pub(crate) fn cpu<T>(run: impl FnOnce() -> T) -> (T, f64) {
    let before = cpu_time();
    let done = run();
    let spent = cpu_time().saturating_sub(before);
    (done, spent.as_secs_f64() * 1000.0)
}

/// Returns the middle one of some figures.
pub(crate) fn median(mut figures: Vec<f64>) -> f64 {
    figures.sort_by(f64::total_cmp);
    figures.get(figures.len() / 2).copied().unwrap_or(f64::NAN)
}

/// The CPU time of all threads so far, those that ended included.
pub(crate) fn cpu_time() -> Duration {
    let time = clock_gettime(ClockId::ProcessCPUTime);
    let seconds = u64::try_from(time.tv_sec).unwrap_or(0);
    let nanos = u32::try_from(time.tv_nsec).unwrap_or(0);
    Duration::new(seconds, nanos)
}

/// The most memory that was resident so far, in MiB.
pub(crate) fn peak_mib() -> u64 {
    let status = std::fs::read_to_string("/proc/self/status").expect("Linux tells about processes");
    let line = status.lines().find_map(|line| line.strip_prefix("VmHWM:"));
    let kib = line.and_then(|line| {
        line.trim()
            .trim_end_matches("kB")
            .trim()
            .parse::<u64>()
            .ok()
    });
    kib.expect("VmHWM is a number of kB") / 1024
}
