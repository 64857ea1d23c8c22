//! The figures as a page: what was measured, on what, and whether it is what was aimed at.

use std::fmt;
use std::fs;
use std::process::Command;
use std::time::Duration;

use crate::WINDOW;
use crate::blackbox::PROGRAM;
use crate::process::output_of;
use crate::scale::Scale;
use crate::targets::{Kind, Targets};

const MOST_LATENESS: Duration = Duration::from_millis(50);
const MOST_MEMORY: u64 = 100 << 20;
const MOST_PAGE: Duration = Duration::from_millis(100);
/// The size of plan that the aims are about.
const AIMED_SIZE: usize = 10_000;

/// CPU time of one probe.
#[derive(Clone, Copy, Debug)]
pub(crate) struct Cost {
    microseconds: f64,
}

/// CPU time of one kind of probe, side by side.
pub(crate) struct KindCost {
    pub(crate) kind: Kind,
    pub(crate) portwarden: Cost,
    pub(crate) blackbox: Cost,
    pub(crate) bare: Cost,
    pub(crate) queries_per_probe: Option<f64>,
}

/// Everything measured in one run.
pub(crate) struct Report {
    made_on: Vec<(&'static str, String)>,
    pub(crate) kinds: Vec<KindCost>,
    pub(crate) scales: Vec<Scale>,
}

impl Cost {
    /// The cost of each of `probes` probes that took `cpu` together.
    pub(crate) fn of(cpu: Duration, probes: u64) -> Self {
        #[expect(clippy::cast_precision_loss, reason = "counts far below 2^52")]
        Self { microseconds: cpu.as_secs_f64() * 1e6 / probes.max(1) as f64 }
    }
}

impl fmt::Display for Cost {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        write!(f, "{:.0} µs", self.microseconds)
    }
}

impl fmt::Display for KindCost {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        let title = match self.queries_per_probe {
            Some(queries) => format!("{} ({queries:.1} queries)", self.kind.title()),
            None => self.kind.title().to_owned(),
        };
        let Self { kind, portwarden, blackbox, bare, .. } = self;
        let (share, aim) = (portwarden.microseconds / blackbox.microseconds, kind.aim());
        write!(
            f,
            "| {title} | {} | {portwarden} | {blackbox} | {bare} | {:.1} % | {:.0} %: {} |",
            kind.rate(),
            share * 100.0,
            aim * 100.0,
            verdict(share <= aim)
        )
    }
}

impl fmt::Display for Scale {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        let [p50, p99] = self.lateness;
        let [even50, even99] = self.unevenness;
        write!(
            f,
            "| {} | {} | {} / {} | {} / {} | {} | {} |",
            self.checks,
            self.cost,
            milliseconds(p50),
            milliseconds(p99),
            milliseconds(even50),
            milliseconds(even99),
            mebibytes(self.memory.resident),
            mebibytes(self.memory_after_pages.peak),
        )
    }
}

impl fmt::Display for Report {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        for (what, which) in &self.made_on {
            writeln!(f, "- {what}: {which}")?;
        }
        writeln!(f, "\n## CPU time per probe\n")?;
        writeln!(f, "Over {} s each. The whole process is counted.\n", WINDOW.as_secs())?;
        writeln!(
            f,
            "| probe | per second | portwarden | blackbox_exporter | bare loop | share | aim |"
        )?;
        writeln!(f, "| --- | ---: | ---: | ---: | ---: | ---: | --- |")?;
        for kind in &self.kinds {
            writeln!(f, "{kind}")?;
        }
        writeln!(f, "\n## Many checks\n\ntcp checks, each every 10 s.\n")?;
        writeln!(
            f,
            "| checks | CPU per probe | late p50 / p99 | uneven p50 / p99 | memory | most memory |"
        )?;
        writeln!(f, "| ---: | ---: | ---: | ---: | ---: | ---: |")?;
        for scale in &self.scales {
            writeln!(f, "{scale}")?;
        }
        for scale in self.scales.iter().filter(|scale| scale.checks == AIMED_SIZE) {
            let (late, memory) = (scale.lateness[1], scale.memory.resident);
            writeln!(
                f,
                "\nAims at {AIMED_SIZE} checks: p99 of lateness under {}: {}; memory under {}: {}.",
                milliseconds(MOST_LATENESS),
                verdict(late < MOST_LATENESS),
                mebibytes(MOST_MEMORY),
                verdict(memory < MOST_MEMORY),
            )?;
        }
        self.write_pages(f)
    }
}

impl Report {
    /// An empty report on this machine.
    pub(crate) fn new(targets: &Targets) -> anyhow::Result<Self> {
        let cpu = fs::read_to_string("/proc/cpuinfo")?;
        let model = cpu.lines().find_map(|line| line.strip_prefix("model name"));
        let model = model.unwrap_or("unknown").trim_start_matches(['\t', ' ', ':']).to_owned();
        let cores = std::thread::available_parallelism()?;
        let load = fs::read_to_string("/proc/loadavg")?;
        let load = load.split(' ').next().unwrap_or_default();
        let first_line = |program: &str, argument: &str| -> anyhow::Result<String> {
            let text = output_of(Command::new(program).arg(argument))?;
            Ok(text.lines().next().unwrap_or_default().trim().to_owned())
        };
        let portwarden = env!("CARGO_BIN_EXE_portwarden");
        let versions = [
            first_line(portwarden, "--version")?,
            first_line(PROGRAM, "--version")?,
            first_line("nginx", "-v")?.replace("nginx version: ", ""),
            first_line("knotd", "-V")?,
            first_line("openssl", "version")?,
        ];
        let made_on = vec![
            ("made", portwarden::clock::now().strftime("%Y-%m-%d %H:%M UTC").to_string()),
            ("by", "`benches/run`".to_owned()),
            ("machine", format!("{model}, {cores} cores, load {load} before the run")),
            (
                "kernel",
                format!("Linux {}", fs::read_to_string("/proc/sys/kernel/osrelease")?.trim()),
            ),
            ("compiler", first_line("rustc", "--version")?),
            ("programs", versions.join("; ")),
            ("targets", targets.to_string()),
        ];
        Ok(Self { made_on, kinds: Vec::new(), scales: Vec::new() })
    }

    fn write_pages(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        writeln!(f, "\n## Pages\n")?;
        writeln!(f, "| checks | page | encoding | size | median | slowest | aim |")?;
        writeln!(f, "| ---: | --- | --- | ---: | ---: | ---: | --- |")?;
        for scale in &self.scales {
            for page in &scale.pages {
                let aim = if scale.checks == AIMED_SIZE {
                    format!("{}: {}", milliseconds(MOST_PAGE), verdict(page.median < MOST_PAGE))
                } else {
                    "–".to_owned()
                };
                writeln!(
                    f,
                    "| {} | {} | {} | {} | {} | {} | {aim} |",
                    scale.checks,
                    page.path,
                    page.encoding,
                    kibibytes(page.bytes),
                    milliseconds(page.median),
                    milliseconds(page.slowest),
                )?;
            }
        }
        Ok(())
    }
}

const fn verdict(is_met: bool) -> &'static str {
    if is_met { "met" } else { "**missed**" }
}

fn milliseconds(time: Duration) -> String {
    match time {
        Duration::MAX => "beyond the last bucket".to_owned(),
        _ => format!("{:.1} ms", time.as_secs_f64() * 1e3),
    }
}

#[expect(clippy::cast_precision_loss, reason = "counts far below 2^52")]
fn mebibytes(bytes: u64) -> String {
    format!("{:.0} MiB", bytes as f64 / f64::from(1 << 20))
}

fn kibibytes(bytes: usize) -> String {
    format!("{} KiB", bytes.div_ceil(1024))
}
