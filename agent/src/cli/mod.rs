//! The command line: what to do, and how its outcome is told.
//!
//! Exit codes: 0 all is well, 1 something was found, 2 it could not be done.

mod acknowledge;
mod columns;
mod discover;
mod dns;
mod explain;
mod notify;
mod once;
mod paint;
mod ports;
mod probe;
mod rules;
pub(crate) mod running;
mod silence;
mod validate;
mod wait;

use std::io::IsTerminal;
use std::path::PathBuf;
use std::process::ExitCode;

use clap::{Args, Parser, Subcommand, ValueEnum};
use health::Language;
use tracing_subscriber::EnvFilter;

/// Knows which ports, certificates, HTTP services and DNS records should be, looks at what is,
/// and says which thing is wrong, why, and what to do about it.
#[derive(Debug, Parser)]
#[command(name = "portwarden", version, max_term_width = 100)]
pub struct Arguments {
    /// The file that says what should be: the plan.
    #[arg(
        long,
        global = true,
        help_heading = "Everywhere",
        value_name = "FILE",
        default_value = "./probes.toml"
    )]
    pub config: PathBuf,
    /// How log lines are written, to standard error.
    #[arg(long, global = true, help_heading = "Everywhere", value_enum, default_value_t = LogFormat::Text)]
    pub log: LogFormat,
    /// Log more; twice: everything.
    #[arg(short, long, global = true, help_heading = "Everywhere", action = clap::ArgAction::Count)]
    pub verbose: u8,
    /// Language of what is printed; default: as LANG says, for documents as the plan says.
    #[arg(long, global = true, help_heading = "Everywhere", value_enum)]
    pub language: Option<Tongue>,
    /// What to do.
    #[command(subcommand)]
    pub command: Command,
}

/// How log lines are written.
#[derive(Clone, Copy, Debug, ValueEnum)]
pub enum LogFormat {
    /// For people.
    Text,
    /// One JSON object a line.
    Json,
}

/// A language by its code.
#[derive(Clone, Copy, Debug, ValueEnum)]
pub enum Tongue {
    /// English.
    En,
    /// Korean.
    Ko,
}

/// How an outcome is written.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq, ValueEnum)]
pub enum Format {
    /// For people.
    #[default]
    Text,
    /// For programs.
    Json,
}

/// What to do.
#[derive(Debug, Subcommand)]
pub enum Command {
    /// The main job: schedule, metrics, dashboard and alerts, until SIGTERM or SIGINT.
    Run,
    /// Read the plan and print every mistake in it.
    Validate(WithFormat),
    /// Run checks once, now, and print what is wrong.
    Once(once::Once),
    /// One probe without a plan: phases, facts and findings.
    Probe(probe::Probe),
    /// Wait until a record is on every nameserver of its zone: for DNS-01 hooks.
    Wait(wait::Wait),
    /// The port plan against reality; the allocation document; ports that are free.
    Ports(ports::Ports),
    /// Write a starting plan from what is on this machine: listeners and owners, nginx files,
    /// certificate folders, compose files.
    Discover(discover::Discover),
    /// Records of a zone as entries of a plan: from a zone file, or from its servers.
    Dns(dns::Dns),
    /// What a finding means, why it matters, how to check by hand, how to fix.
    Explain(explain::Explain),
    /// Everything on loopback in one process: sick and healthy targets, and a dashboard over them.
    Demo(Demo),
    /// Send a test notification.
    Notify(notify::Notify),
    /// Hold back messages of the running agent about some incidents; list what is held back; end it.
    Silence(silence::SilenceCommand),
    /// Tell the running agent that somebody is on an incident: no reminders, no escalation.
    Acknowledge(acknowledge::Acknowledge),
    /// Alerting rules for Prometheus, made from the plan; and unit tests of them.
    Rules(rules::Rules),
    /// Print the JSON Schema of probes.toml.
    Schema,
}

/// A command that only chooses how its outcome is written.
#[derive(Debug, Args)]
pub struct WithFormat {
    /// How the outcome is written.
    #[arg(long, value_enum, default_value_t)]
    pub format: Format,
}

/// `demo`
#[derive(Debug, Args)]
pub struct Demo {
    /// Where the dashboard is served.
    #[arg(long, value_name = "ADDRESS:PORT", default_value = "127.0.0.1:9740")]
    pub listen: std::net::SocketAddr,
}

/// How a command ended.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Outcome {
    /// All is well.
    Well,
    /// Something was found.
    Findings,
    /// It could not be done; what was wrong has been printed.
    Failed,
}

impl From<Outcome> for ExitCode {
    fn from(outcome: Outcome) -> Self {
        Self::from(match outcome {
            Outcome::Well => 0,
            Outcome::Findings => 1,
            Outcome::Failed => 2,
        })
    }
}

/// Does what the arguments ask for.
///
/// # Errors
/// When it could not be done, in a sentence for people.
pub fn execute(arguments: Arguments) -> anyhow::Result<Outcome> {
    start_log(&arguments);
    let asked = arguments.language.map(Language::from);
    let language = language(asked);
    let config = arguments.config;
    match arguments.command {
        Command::Run => crate::run::run(&config),
        Command::Validate(validate) => Ok(validate::execute(&config, validate.format)),
        Command::Once(once) => once::execute(&once, &config, language),
        Command::Probe(probe) => {
            let detail = match arguments.verbose {
                0 => probe::Detail::Brief,
                _ => probe::Detail::Raw,
            };
            probe::execute(probe, detail, language)
        }
        Command::Wait(wait) => wait::execute(wait, &config, language),
        Command::Ports(ports) => {
            ports::execute(&ports, &config, ports::Tongues { asked, language })
        }
        Command::Discover(discover) => discover::execute(discover),
        Command::Dns(dns) => dns::execute(dns),
        Command::Explain(explain) => explain::execute(&explain, language),
        Command::Demo(demo) => crate::demo::run(demo.listen),
        Command::Notify(notify) => notify::execute(&notify, &config, language),
        Command::Silence(silence) => silence::execute(silence, &config, language),
        Command::Acknowledge(acknowledge) => acknowledge::execute(&acknowledge, &config, language),
        Command::Rules(asked) => rules::execute(&asked, &config),
        Command::Schema => {
            let schema = serde_json::to_string_pretty(&crate::plan::schema())?;
            paint::line(&schema);
            Ok(Outcome::Well)
        }
    }
}

/// Commands that only look are quiet unless asked; the main job says what it does.
fn start_log(arguments: &Arguments) {
    let serves = matches!(arguments.command, Command::Run | Command::Demo(_));
    let level = match (serves, arguments.verbose) {
        (true, 0) => "info,tokio_cron_scheduler=warn,hickory_resolver=error,hickory_net=error",
        (false, 0) => "error",
        (_, 1) => "debug,hyper=info,hickory_resolver=info,hickory_net=info,rustls=info",
        _ => "trace",
    };
    let filter =
        EnvFilter::try_from_env("PORTWARDEN_LOG").unwrap_or_else(|_| EnvFilter::new(level));
    let log = tracing_subscriber::fmt()
        .with_writer(std::io::stderr)
        // What cannot be written, on a full disk say, would be told on standard error: a panic.
        .log_internal_errors(false)
        .with_env_filter(filter);
    // Only the first subscriber counts; a test that runs several commands keeps the first.
    let _ = match arguments.log {
        LogFormat::Text => {
            log.with_ansi(std::io::stderr().is_terminal()).with_target(false).try_init()
        }
        LogFormat::Json => log.json().flatten_event(true).try_init(),
    };
}

impl From<Tongue> for Language {
    fn from(tongue: Tongue) -> Self {
        match tongue {
            Tongue::En => Self::En,
            Tongue::Ko => Self::Ko,
        }
    }
}

fn language(asked: Option<Language>) -> Language {
    asked.unwrap_or_else(|| {
        let set = ["LC_ALL", "LC_MESSAGES", "LANG"]
            .into_iter()
            .find_map(|name| std::env::var(name).ok().filter(|value| !value.is_empty()));
        if set.is_some_and(|value| value.starts_with("ko")) { Language::Ko } else { Language::En }
    })
}

/// The plan, or `None` after its mistakes have been printed.
fn load(config: &std::path::Path) -> Option<crate::plan::Plan> {
    match crate::plan::load(config) {
        Ok(plan) => Some(plan),
        Err(mistakes) => {
            anstream::eprintln!("{}", format!("{mistakes:#}").trim_end());
            None
        }
    }
}

/// A runtime for commands that probe and end.
fn runtime() -> anyhow::Result<tokio::runtime::Runtime> {
    Ok(tokio::runtime::Builder::new_multi_thread().worker_threads(2).enable_all().build()?)
}
