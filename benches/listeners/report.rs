//! The figures as a page.

use std::fmt;
use std::fs;
use std::process::Command;
use std::time::Duration;

/// Everything measured in one run.
pub(crate) struct Report {
    made_on: String,
    sockets: usize,
    processes: usize,
    pub(crate) ss: Vec<Duration>,
    pub(crate) cold: Vec<Duration>,
    pub(crate) changed: Vec<Duration>,
    pub(crate) unchanged: Vec<Duration>,
}

impl Report {
    /// An empty report on this machine, with what is there to be seen.
    pub(crate) fn new((sockets, processes): (usize, usize)) -> anyhow::Result<Self> {
        let made = portwarden::clock::now().strftime("%Y-%m-%d %H:%M UTC");
        let kernel = fs::read_to_string("/proc/sys/kernel/osrelease")?;
        let load = fs::read_to_string("/proc/loadavg")?;
        let load = load.split(' ').next().unwrap_or_default();
        let ss = Command::new("ss").arg("-V").output()?;
        let ss = String::from_utf8_lossy(&ss.stdout);
        let made_on = format!("{made}, Linux {}, {}, load {load} before", kernel.trim(), ss.trim());
        let series = Vec::new;
        Ok(Self {
            made_on,
            sockets,
            processes,
            ss: series(),
            cold: series(),
            changed: series(),
            unchanged: series(),
        })
    }
}

impl fmt::Display for Report {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        let Self { made_on, sockets, processes, .. } = self;
        writeln!(f, "{sockets} sockets of {processes} processes; made {made_on}.\n")?;
        writeln!(
            f,
            "| one round | median | fastest | share of `ss` |\n| --- | ---: | ---: | ---: |"
        )?;
        let ss = median(&self.ss).as_secs_f64();
        for (what, times) in [
            ("`ss -tulpn`, output thrown away", &self.ss),
            ("portwarden, nothing known yet", &self.cold),
            ("portwarden, one socket more than before", &self.changed),
            ("portwarden, nothing new", &self.unchanged),
        ] {
            let (median, fastest) =
                (median(times), times.iter().min().copied().unwrap_or_default());
            let share = median.as_secs_f64() / ss * 100.0;
            writeln!(
                f,
                "| {what} | {} | {} | {share:.0} % |",
                milliseconds(median),
                milliseconds(fastest)
            )?;
        }
        let is_met = median(&self.cold) < median(&self.ss);
        write!(
            f,
            "\nAim: faster than `ss` with nothing known yet: {}.",
            if is_met { "met" } else { "**missed**" }
        )
    }
}

fn median(times: &[Duration]) -> Duration {
    let mut sorted = times.to_vec();
    sorted.sort_unstable();
    sorted.get(sorted.len() / 2).copied().unwrap_or_default()
}

fn milliseconds(time: Duration) -> String {
    format!("{:.1} ms", time.as_secs_f64() * 1e3)
}
