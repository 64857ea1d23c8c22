//! The figures as a page.

use std::fmt;
use std::fs;
use std::time::Duration;

use crate::judgement::Judgement;
use crate::process::output_of;
use crate::servers::Key;

/// Handshakes, and the processor time of whoever made them.
#[derive(Clone, Copy, Debug)]
pub(crate) struct Figure {
    pub(crate) handshakes: u64,
    pub(crate) cpu: Duration,
}

impl Figure {
    #[expect(clippy::cast_precision_loss, reason = "counts far below 2^52")]
    fn a_second(self) -> f64 {
        self.handshakes as f64 / self.cpu.as_secs_f64()
    }
}

/// Everything measured in one run.
pub(crate) struct Report {
    made_on: String,
    figures: Vec<(Key, &'static str, Figure)>,
    judgements: Vec<(Key, Judgement)>,
}

impl Report {
    /// An empty report on this machine.
    pub(crate) fn new() -> anyhow::Result<Self> {
        let made = portwarden::clock::now().strftime("%Y-%m-%d %H:%M UTC");
        let kernel = fs::read_to_string("/proc/sys/kernel/osrelease")?;
        let load = fs::read_to_string("/proc/loadavg")?;
        let load = load.split(' ').next().unwrap_or_default();
        let openssl = output_of(std::process::Command::new("openssl").arg("version"))?;
        let openssl = openssl.split(" (").next().unwrap_or_default().trim();
        let made_on = format!("{made}, Linux {}, {openssl}, load {load} before", kernel.trim());
        Ok(Self { made_on, figures: Vec::new(), judgements: Vec::new() })
    }

    pub(crate) fn add(&mut self, key: Key, who: &'static str, figure: Figure) {
        eprintln!("{key:?}, {who}: {figure:?}");
        self.figures.push((key, who, figure));
    }

    pub(crate) fn again(&mut self, key: Key, judgement: Judgement) {
        self.judgements.push((key, judgement));
    }
}

impl fmt::Display for Report {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        writeln!(f, "Full handshakes, TLS 1.3, with nginx; made {}.\n", self.made_on)?;
        writeln!(
            f,
            "| keys | who | handshakes | CPU each | handshakes per CPU second |\n\
             | --- | --- | ---: | ---: | ---: |"
        )?;
        for (key, who, figure) in &self.figures {
            writeln!(
                f,
                "| {} | {who} | {} | {:.0} µs | {:.0} |",
                key.title(),
                figure.handshakes,
                1e6 / figure.a_second(),
                figure.a_second()
            )?;
        }
        writeln!(
            f,
            "\n| keys | a chain never seen | the same chain again |\n| --- | ---: | ---: |"
        )?;
        for (key, judgement) in &self.judgements {
            writeln!(
                f,
                "| {} | {:.1} µs | {:.2} µs |",
                key.title(),
                judgement.new.as_secs_f64() * 1e6,
                judgement.again.as_secs_f64() * 1e6
            )?;
        }
        Ok(())
    }
}
