//! The command line. Data goes to standard output, talk to standard error.
//!
//! Exit codes: 0 done; 1 the answer is no (errors in the configuration, or differences); 2 bad
//! usage or unreadable input; 3 the output cannot be written. A closed pipe is success.

mod commands;
mod import;
mod output;
mod progress;

use std::path::PathBuf;
use std::process::ExitCode;

use clap::{Parser, Subcommand, ValueEnum};
use firmware_api::TableId;
use flow_compiler::tables::STATIC_TABLES;

/// Checks and compiles load-balancer configurations.
#[derive(Parser)]
#[command(name = "flow-compiler", version, max_term_width = 100)]
struct Arguments {
    #[command(subcommand)]
    command: Command,
}

#[derive(Subcommand)]
enum Command {
    /// Say whether a configuration is valid, and everything that is wrong with it
    Check {
        /// The configuration; `-` is standard input
        config: PathBuf,
        #[command(flatten)]
        format: FormatOption,
    },
    /// Write the entries of every table as JSON
    Compile {
        /// The configuration; `-` is standard input
        config: PathBuf,
        /// Where to write them; `-` is standard output
        #[arg(short, long, value_name = "TABLES.json")]
        output: PathBuf,
    },
    /// Print the entries of the tables
    Dump {
        /// The configuration; `-` is standard input
        config: PathBuf,
        /// Only this table
        #[arg(long, value_name = "NAME", value_parser = table)]
        table: Option<TableId>,
        /// How to print
        #[arg(long, value_enum, default_value_t = DumpFormat::Text)]
        format: DumpFormat,
    },
    /// Print what changes between two configurations, in the order that is safe to apply
    Diff {
        /// The configuration in force
        old: PathBuf,
        /// The configuration to come
        new: PathBuf,
        #[command(flatten)]
        format: FormatOption,
    },
    /// Say where a packet would go, and what every stage finds
    Explain {
        /// The configuration; `-` is standard input
        config: PathBuf,
        /// The packet, such as 'tcp 198.51.100.7:40000 > 203.0.113.10:80 flags S'
        #[arg(long)]
        packet: String,
        /// Where it comes in: `uplink`, or the name of an instance
        #[arg(long, default_value = "uplink", value_name = "uplink|INSTANCE")]
        from: String,
        #[command(flatten)]
        format: FormatOption,
    },
    /// Print what a configuration may hold
    Schema {
        /// How to print
        #[arg(long, value_enum, default_value_t = SchemaFormat::Json)]
        format: SchemaFormat,
    },
    /// Write a configuration from a description made for Azure
    Import {
        #[command(subcommand)]
        from: import::From,
    },
}

#[derive(clap::Args)]
struct FormatOption {
    /// How to print
    #[arg(long, value_enum, default_value_t = Format::Text)]
    format: Format,
}

#[derive(Clone, Copy, PartialEq, Eq, ValueEnum)]
enum Format {
    /// For people
    Text,
    /// For programs
    Json,
}

#[derive(Clone, Copy, PartialEq, Eq, ValueEnum)]
enum DumpFormat {
    /// For people
    Text,
    /// For programs
    Json,
    /// For `simple_switch_CLI`: commands that load them into BMv2 with the program of p4/
    Bmv2,
}

#[derive(Clone, Copy, PartialEq, Eq, ValueEnum)]
enum SchemaFormat {
    /// As JSON Schema, for editors
    Json,
    /// As a page, for people
    Markdown,
}

/// Why a command did not do what was asked.
enum Failure {
    /// The answer is no; all is said.
    No,
    /// What was given cannot be used.
    Input(String),
    /// The output cannot be written.
    Output(String),
}

fn table(name: &str) -> Result<TableId, String> {
    let found = TableId::from_name(name).filter(|table| STATIC_TABLES.contains(table));
    found.ok_or_else(|| {
        format!(
            "choose one of {}",
            STATIC_TABLES.map(TableId::name).join(", ")
        )
    })
}

/// Runs the command that the process was called with.
pub(crate) fn run() -> ExitCode {
    match Arguments::parse().command.execute() {
        Ok(()) => ExitCode::SUCCESS,
        Err(Failure::No) => ExitCode::from(1),
        Err(Failure::Input(message)) => {
            output::say(&format!("error: {message}\n"));
            ExitCode::from(2)
        }
        Err(Failure::Output(message)) => {
            output::say(&format!("error: {message}\n"));
            ExitCode::from(3)
        }
    }
}

impl Command {
    fn execute(self) -> Result<(), Failure> {
        match self {
            Self::Check { config, format } => commands::check(&config, format.format),
            Self::Compile { config, output } => commands::compile(&config, &output),
            Self::Dump {
                config,
                table,
                format,
            } => commands::dump(&config, table, format),
            Self::Diff { old, new, format } => commands::diff(&old, &new, format.format),
            Self::Explain {
                config,
                packet,
                from,
                format,
            } => commands::explain(&config, &packet, &from, format.format),
            Self::Schema { format } => commands::schema(format),
            Self::Import { from } => from.run(),
        }
    }
}
