//! The command line: arguments to a command to an exit status. Nothing is decided here that a library user could want.

#![allow(clippy::print_stdout, clippy::print_stderr, reason = "the command line speaks to a person")]

mod compress;
mod explain;

use std::io::Write as _;
use std::path::PathBuf;
use std::process::ExitCode;
use std::time::{Instant, SystemTime};

use clap::{Args, Parser, Subcommand};

use self::explain::ExplainArguments;
use crate::config::Environment;
use crate::run::{self, Fatal};

/// Exit status for a command line that makes no sense (sysexits.h).
const EXIT_USAGE: u8 = 64;

/// One binary in the place of nginx and supervisord in front of a web application.
#[derive(Debug, Parser)]
#[command(name = "transom", version, about, disable_help_subcommand = true)]
struct Arguments {
    #[command(subcommand)]
    command: Option<Command>,
    #[command(flatten)]
    file: FileArgument,
}

#[derive(Debug, Subcommand)]
enum Command {
    /// Serve (the default).
    Run(FileArgument),
    /// Say everything that is wrong with a config, and start nothing. Exits 0 or 78.
    Check(FileArgument),
    /// Make the .br, .zst and .gz files beside the files of a built site, from which it is then served.
    Compress(compress::Arguments),
    /// Say what a request would get, and which line of the config says so. Nothing is started.
    Explain(ExplainArguments),
}

#[derive(Debug, Args)]
struct FileArgument {
    /// The config file.
    #[arg(short, long = "config", value_name = "FILE", default_value = "proxy.toml")]
    config: PathBuf,
}

/// Runs the command that the arguments name.
pub fn main() -> ExitCode {
    let started = Instant::now();
    let arguments = match Arguments::try_parse() {
        Ok(arguments) => arguments,
        Err(error) => {
            let _ = error.print();
            return if error.use_stderr() { ExitCode::from(EXIT_USAGE) } else { ExitCode::SUCCESS };
        }
    };
    let result = match arguments.command {
        None => serve(&arguments.file, started),
        Some(Command::Run(file)) => serve(&file, started),
        Some(Command::Check(file)) => check(&file),
        Some(Command::Compress(arguments)) => compress::run(&arguments),
        Some(Command::Explain(arguments)) => match arguments.question() {
            Ok(question) => explain(&arguments.file, &question),
            Err(mistake) => {
                eprintln!("error: {mistake}");
                return ExitCode::from(EXIT_USAGE);
            }
        },
    };
    match result {
        Ok(()) => ExitCode::SUCCESS,
        Err(fatal) => {
            eprintln!("{fatal}");
            ExitCode::from(fatal.exit_code())
        }
    }
}

fn serve(file: &FileArgument, started: Instant) -> Result<(), Fatal> {
    run::serve(run::load(&file.config, &environment())?, started)
}

fn check(file: &FileArgument) -> Result<(), Fatal> {
    let report = run::check(run::load(&file.config, &environment())?, SystemTime::now())?;
    for warning in &report.warnings {
        eprintln!("warning: {warning}");
    }
    println!("{} is good ({} files)", file.config.display(), report.files);
    Ok(())
}

fn explain(file: &FileArgument, question: &run::Question) -> Result<(), Fatal> {
    let explained = run::explain(run::load(&file.config, &environment())?, question, SystemTime::now())?;
    for warning in &explained.warnings {
        eprintln!("warning: {warning}");
    }
    // Whoever closed the pipe (`| head`) has read enough.
    let _ = std::io::stdout().write_all(explained.text.as_bytes());
    Ok(())
}

fn environment() -> Environment {
    std::env::vars_os().filter_map(|(name, value)| Some((name.into_string().ok()?, value.into_string().ok()?))).collect()
}
