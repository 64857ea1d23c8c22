//! The figures as a page.

use std::fmt;
use std::fs;
use std::time::Duration;

use crate::process::Memory;
use crate::receivers::Told;

/// Everything measured in one run.
pub(crate) struct Report {
    made_on: String,
    checks: usize,
    before: Memory,
    pub(crate) turns: Vec<Turn>,
}

/// One burst.
pub(crate) struct Turn {
    pub(crate) what: &'static str,
    pub(crate) told: Told,
    pub(crate) cpu: Duration,
    pub(crate) memory: Memory,
}

impl Report {
    /// An empty report on this machine.
    pub(crate) fn new(checks: usize, before: Memory) -> anyhow::Result<Self> {
        let made = portwarden::clock::now().strftime("%Y-%m-%d %H:%M UTC");
        let kernel = fs::read_to_string("/proc/sys/kernel/osrelease")?;
        let load = fs::read_to_string("/proc/loadavg")?;
        let load = load.split(' ').next().unwrap_or_default();
        let made_on = format!("{made}, Linux {}, load {load} before", kernel.trim());
        Ok(Self { made_on, checks, before, turns: Vec::new() })
    }
}

impl fmt::Display for Report {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        let Self { made_on, checks, before, turns } = self;
        let mib = |bytes: u64| bytes / (1024 * 1024);
        writeln!(
            f,
            "{checks} checks of one door; {} MiB before; made {made_on}.\n",
            mib(before.resident)
        )?;
        writeln!(
            f,
            "| all at once | messages to a program | from the first to the last | bytes | messages to people | the last after | CPU | memory, most |"
        )?;
        writeln!(f, "| --- | ---: | ---: | ---: | ---: | ---: | ---: | ---: |")?;
        for Turn { what, told, cpu, memory } in turns {
            let since = |at: Option<std::time::Instant>| {
                let first = told.first?;
                Some(at?.saturating_duration_since(first).as_secs_f64())
            };
            writeln!(
                f,
                "| {} {what} | {} | {:.2} s | {} KiB | {} | {:.2} s | {:.2} s | {} MiB |",
                told.incidents,
                told.program,
                since(told.last).unwrap_or_default(),
                told.bytes / 1024,
                told.people,
                since(told.people_last).unwrap_or_default(),
                cpu.as_secs_f64(),
                mib(memory.peak)
            )?;
        }
        Ok(())
    }
}
