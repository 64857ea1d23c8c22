//! The figures as a page.

use std::fmt;
use std::fs;
use std::process::Command;
use std::time::Duration;

use crate::agent::Probes;

/// One way to ask, measured.
#[derive(Clone, Copy, Debug)]
pub(crate) struct Figure {
    pub(crate) queries: u64,
    /// Where the client knows such a thing.
    pub(crate) probes: Option<Probes>,
    pub(crate) cpu: Duration,
    pub(crate) took: Duration,
    pub(crate) failed: u64,
}

/// Everything measured in one run.
pub(crate) struct Report {
    made_on: String,
    zones: usize,
    figures: Vec<(&'static str, Figure)>,
}

#[expect(clippy::cast_precision_loss, reason = "counts far below 2^52")]
impl Figure {
    pub(crate) fn queries_a_second(&self) -> u64 {
        #[expect(clippy::cast_possible_truncation, clippy::cast_sign_loss, reason = "a rate")]
        let rate = (self.queries as f64 / self.took.as_secs_f64()) as u64;
        rate
    }

    fn microseconds_of(&self, count: u64) -> f64 {
        self.cpu.as_secs_f64() * 1e6 / count.max(1) as f64
    }
}

impl Report {
    /// An empty report on this machine.
    pub(crate) fn new(zones: usize) -> anyhow::Result<Self> {
        let made = portwarden::clock::now().strftime("%Y-%m-%d %H:%M UTC");
        let kernel = fs::read_to_string("/proc/sys/kernel/osrelease")?;
        let load = fs::read_to_string("/proc/loadavg")?;
        let load = load.split(' ').next().unwrap_or_default();
        let package = Command::new("dpkg-query").args(["-W", "dnsperf", "knot"]).output()?;
        let package = String::from_utf8_lossy(&package.stdout).trim().replace('\t', " ");
        let package = package.replace('\n', ", ");
        let made_on = format!("{made}, Linux {}, {package}, load {load} before", kernel.trim());
        Ok(Self { made_on, zones, figures: Vec::new() })
    }

    pub(crate) fn add(&mut self, what: &'static str, figure: Figure) {
        self.figures.push((what, figure));
    }
}

impl fmt::Display for Report {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        writeln!(f, "{} zones on four servers; made {}.\n", self.zones, self.made_on)?;
        writeln!(
            f,
            "| who asks | queries a second | probes a second | CPU per query | CPU per probe | of one core | failed |\n\
             | --- | ---: | ---: | ---: | ---: | ---: | ---: |"
        )?;
        for (what, figure) in &self.figures {
            let share = figure.cpu.as_secs_f64() / figure.took.as_secs_f64() * 100.0;
            write!(f, "| {what} | {} | ", figure.queries_a_second())?;
            match figure.probes {
                Some(probes) => {
                    let count = probes.well + probes.failed;
                    #[expect(clippy::cast_precision_loss, reason = "counts far below 2^52")]
                    let rate = count as f64 / figure.took.as_secs_f64();
                    write!(
                        f,
                        "{rate:.0} | {:.1} µs | {:.0} µs",
                        figure.microseconds_of(figure.queries),
                        figure.microseconds_of(count)
                    )?;
                }
                None => write!(f, "– | {:.1} µs | –", figure.microseconds_of(figure.queries))?,
            }
            writeln!(f, " | {share:.0} % | {} |", figure.failed)?;
        }
        Ok(())
    }
}
