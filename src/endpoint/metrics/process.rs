//! What the operating system knows of the process, by the names of the Prometheus client libraries.

use std::fs;

use rustix::process::{Resource, getrlimit};
use rustix::time::{ClockId, clock_gettime};

use super::gauges::count;
use crate::metric;

/// Sets the metrics. Blocks while it reads files of /proc; without these, as on macOS, their values are left out.
pub(super) fn set() {
    let cpu = clock_gettime(ClockId::ProcessCPUTime).tv_sec;
    metric::CPU_SECONDS.set((), cpu.try_into().unwrap_or(0));
    if let Some(bytes) = resident_bytes() {
        metric::RESIDENT_MEMORY.set((), bytes);
    }
    if let Ok(open) = fs::read_dir("/proc/self/fd") {
        // Without the descriptor that reads the directory.
        metric::OPEN_FDS.set((), count(open.count().saturating_sub(1)));
    }
    if let Some(maximum) = getrlimit(Resource::Nofile).current {
        metric::MAX_FDS.set((), maximum.try_into().map_or(f64::INFINITY, count));
    }
}

fn resident_bytes() -> Option<f64> {
    let status = fs::read_to_string("/proc/self/status").ok()?;
    let line = status
        .lines()
        .find_map(|line| line.strip_prefix("VmRSS:"))?;
    let kilobytes = line.trim().strip_suffix(" kB")?;
    Some(kilobytes.parse::<f64>().ok()? * 1024.0)
}
