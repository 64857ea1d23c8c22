//! `process_*`: what this process uses, read from /proc at each scrape.

use std::fs;

use prometheus_client::collector::Collector;
use prometheus_client::encoding::{DescriptorEncoder, EncodeMetric};
use prometheus_client::metrics::counter::ConstCounter;
use prometheus_client::metrics::gauge::ConstGauge;

/// Reads /proc/self at each scrape.
#[derive(Debug)]
pub(super) struct Process;

impl Collector for Process {
    fn encode(&self, mut encoder: DescriptorEncoder<'_>) -> Result<(), std::fmt::Error> {
        let mut gauge = |name, help, value: Option<f64>| -> Result<(), std::fmt::Error> {
            let Some(value) = value else { return Ok(()) };
            let gauge = ConstGauge::new(value);
            gauge.encode(encoder.encode_descriptor(name, help, None, gauge.metric_type())?)
        };
        let usage = Usage::read();
        gauge(
            "process_resident_memory_bytes",
            "Resident memory size in bytes",
            usage.resident_bytes,
        )?;
        gauge("process_virtual_memory_bytes", "Virtual memory size in bytes", usage.virtual_bytes)?;
        gauge("process_open_fds", "Number of open file descriptors", usage.open_files)?;
        gauge("process_max_fds", "Maximum number of open file descriptors", usage.max_files)?;
        gauge("process_threads", "Number of threads", usage.threads)?;
        gauge(
            "process_start_time_seconds",
            "Start time of the process since the Unix epoch in seconds",
            usage.start_seconds,
        )?;
        if let Some(seconds) = usage.cpu_seconds {
            let counter = ConstCounter::new(seconds);
            counter.encode(encoder.encode_descriptor(
                "process_cpu_seconds",
                "Total user and system CPU time spent in seconds",
                None,
                counter.metric_type(),
            )?)?;
        }
        Ok(())
    }
}

#[derive(Debug, Default, PartialEq)]
struct Usage {
    cpu_seconds: Option<f64>,
    resident_bytes: Option<f64>,
    virtual_bytes: Option<f64>,
    open_files: Option<f64>,
    max_files: Option<f64>,
    threads: Option<f64>,
    start_seconds: Option<f64>,
}

/// Linux counts process times in hundredths of a second on every architecture (USER_HZ).
const TICKS_PER_SECOND: f64 = 100.0;

impl Usage {
    fn read() -> Self {
        let read = |path: &str| fs::read_to_string(path).unwrap_or_default();
        let mut usage = Self::of(
            &read("/proc/self/stat"),
            &read("/proc/self/status"),
            &read("/proc/self/limits"),
            &read("/proc/stat"),
        );
        usage.open_files =
            fs::read_dir("/proc/self/fd").ok().map(|entries| number(entries.count()));
        usage
    }

    fn of(stat: &str, status: &str, limits: &str, machine: &str) -> Self {
        // The second field, the name, may hold blanks and parentheses: count from its end.
        let fields: Vec<&str> = stat
            .rsplit_once(')')
            .map(|(_, rest)| rest.split_ascii_whitespace().collect())
            .unwrap_or_default();
        let field = |number: usize| fields.get(number - 3)?.parse::<f64>().ok();
        let kibibytes = |name: &str| {
            let line = status.lines().find_map(|line| line.strip_prefix(name))?;
            Some(line.split_ascii_whitespace().next()?.parse::<f64>().ok()? * 1024.0)
        };
        let boot = machine
            .lines()
            .find_map(|line| line.strip_prefix("btime ")?.trim().parse::<f64>().ok());
        let max_files = limits
            .lines()
            .find_map(|line| line.strip_prefix("Max open files"))
            .and_then(|line| line.split_ascii_whitespace().next()?.parse().ok());
        Self {
            cpu_seconds: field(14)
                .zip(field(15))
                .map(|(user, system)| (user + system) / TICKS_PER_SECOND),
            resident_bytes: kibibytes("VmRSS:"),
            virtual_bytes: field(23),
            open_files: None,
            max_files,
            threads: field(20),
            start_seconds: boot.zip(field(22)).map(|(boot, start)| boot + start / TICKS_PER_SECOND),
        }
    }
}

#[expect(clippy::cast_precision_loss, reason = "no process has 2^53 files open")]
fn number(count: usize) -> f64 {
    count as f64
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_name_with_parentheses_does_not_shift_the_fields() {
        let stat = "7 (a) b (c) S 1 7 7 0 -1 0 10 0 0 0 250 50 0 0 20 0 9 0 4200 81920 77 0";
        let usage = Usage::of(
            stat,
            "Name:\tx\nVmRSS:\t     12 kB\n",
            "Max open files            1024                 4096                 files\n",
            "cpu 1\nbtime 1000\n",
        );
        let expected = Usage {
            cpu_seconds: Some(3.0),
            resident_bytes: Some(12288.0),
            virtual_bytes: Some(81920.0),
            open_files: None,
            max_files: Some(1024.0),
            threads: Some(9.0),
            start_seconds: Some(1042.0),
        };
        assert_eq!(usage, expected);
    }

    #[test]
    fn this_process_is_readable() {
        let usage = Usage::read();
        assert!(usage.resident_bytes > Some(1e6), "{usage:?}");
        assert!(usage.open_files > Some(2.0), "{usage:?}");
        assert!(usage.start_seconds > Some(1e9), "{usage:?}");
    }

    #[test]
    fn nothing_to_read_is_nothing_shown() {
        assert_eq!(Usage::of("", "", "", ""), Usage::default());
    }
}
