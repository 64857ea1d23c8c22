//! The figures as a page.

use std::fmt;
use std::fs;
use std::time::Duration;

/// Requests, and the processor time of whoever made them.
#[derive(Clone, Copy, Debug)]
pub(crate) struct Figure {
    pub(crate) requests: u64,
    pub(crate) cpu: Duration,
}

impl Figure {
    #[expect(clippy::cast_precision_loss, reason = "counts far below 2^52")]
    fn a_second(self) -> f64 {
        self.requests as f64 / self.cpu.as_secs_f64()
    }
}

/// Everything measured in one run.
pub(crate) struct Report {
    made_on: String,
    figures: Vec<(&'static str, &'static str, Figure)>,
}

impl Report {
    /// An empty report on this machine.
    pub(crate) fn new() -> anyhow::Result<Self> {
        let made = portwarden::clock::now().strftime("%Y-%m-%d %H:%M UTC");
        let kernel = fs::read_to_string("/proc/sys/kernel/osrelease")?;
        let load = fs::read_to_string("/proc/loadavg")?;
        let load = load.split(' ').next().unwrap_or_default();
        let made_on = format!("{made}, Linux {}, load {load} before", kernel.trim());
        Ok(Self { made_on, figures: Vec::new() })
    }

    pub(crate) fn add(&mut self, scheme: &'static str, who: &'static str, figure: Figure) {
        eprintln!("{scheme}, {who}: {figure:?}");
        self.figures.push((scheme, who, figure));
    }
}

impl fmt::Display for Report {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        writeln!(
            f,
            "`GET /` from nginx, five bytes, TLS 1.3 with ECDSA P-256; made {}.\n",
            self.made_on
        )?;
        writeln!(
            f,
            "| | who | requests | CPU each | requests per CPU second |\n| --- | --- | ---: | ---: | ---: |"
        )?;
        for (scheme, who, figure) in &self.figures {
            writeln!(
                f,
                "| {scheme} | `{who}` | {} | {:.0} µs | {:.0} |",
                figure.requests,
                1e6 / figure.a_second(),
                figure.a_second()
            )?;
        }
        writeln!(
            f,
            "\nAll of a process is counted: for portwarden also schedule, state, store and metrics. It verifies the\nchain; `wrk` and `hey` do not."
        )
    }
}
