//! `import`: configurations from descriptions made for others.

use std::path::PathBuf;

use clap::{Args, Subcommand};
use flow_compiler::diagnostic::{summary, to_text_in};
use flow_compiler::import::{self, Imported, Options};
use flow_compiler::source::Source;

use super::Failure;
use super::output::{print, say, write_file};

#[derive(Subcommand)]
pub(super) enum From {
    /// Read `az … -o json`, REST responses and ARM templates, several files together
    Arm {
        /// The files: load balancers, and the interfaces, scale sets and public addresses that
        /// they refer to; `-` is standard input
        #[arg(required = true, value_name = "FILE")]
        files: Vec<PathBuf>,
        /// The value of a template parameter
        #[arg(long, value_name = "NAME=VALUE", value_parser = pair)]
        parameter: Vec<(String, String)>,
        /// A file with values of template parameters
        #[arg(long, value_name = "FILE")]
        parameters: Vec<PathBuf>,
        #[command(flatten)]
        target: Target,
    },
    /// Read classic service definitions
    Csdef {
        /// The `.csdef` files; `-` is standard input
        #[arg(required = true, value_name = "FILE")]
        files: Vec<PathBuf>,
        /// How many instances a role has
        #[arg(long, value_name = "ROLE=COUNT", value_parser = count)]
        instances: Vec<(String, u32)>,
        #[command(flatten)]
        target: Target,
    },
}

#[derive(Args)]
pub(super) struct Target {
    /// An address that the files do not say, of the thing that messages name
    #[arg(long, value_name = "NAME=ADDRESS", value_parser = pair)]
    address: Vec<(String, String)>,
    /// Where to write the configuration; `-` is standard output
    #[arg(short, long, value_name = "FILE", default_value = "-")]
    out: PathBuf,
}

fn pair(text: &str) -> Result<(String, String), String> {
    let pair = text.split_once('=').filter(|(name, _)| !name.is_empty());
    let (name, value) = pair.ok_or("write NAME=VALUE")?;
    Ok((name.to_owned(), value.to_owned()))
}

fn count(text: &str) -> Result<(String, u32), String> {
    let (name, value) = pair(text)?;
    let value = value
        .parse()
        .map_err(|_| "write ROLE=COUNT, with a number")?;
    Ok((name, value))
}

impl From {
    pub(super) fn run(self) -> Result<(), Failure> {
        match self {
            Self::Arm {
                files,
                parameter,
                parameters,
                target,
            } => {
                let sources = load(files.iter().chain(&parameters))?;
                let options = Options {
                    parameters: parameter.into_iter().collect(),
                    ..target.options()
                };
                let imported = import::arm(&sources, parameters.len(), &options);
                target.tell(&sources, &imported)
            }
            Self::Csdef {
                files,
                instances,
                target,
            } => {
                let sources = load(files.iter())?;
                let options = Options {
                    instances: instances.into_iter().collect(),
                    ..target.options()
                };
                target.tell(&sources, &import::csdef(&sources, &options))
            }
        }
    }
}

impl Target {
    fn options(&self) -> Options {
        Options {
            addresses: self.address.iter().cloned().collect(),
            ..Options::default()
        }
    }

    /// Writes the configuration; it is complete unless there are errors.
    fn tell(&self, sources: &[Source], imported: &Imported) -> Result<(), Failure> {
        if let Some(name) = imported.unused.first() {
            let message = format!("--address: nothing without an address is called `{name}`");
            return Err(Failure::Input(message));
        }
        if let Some(yaml) = &imported.yaml {
            if self.out.as_os_str() == "-" {
                print(yaml)?;
            } else {
                write_file(&self.out, |out| out.write_all(yaml.as_bytes()))?;
            }
        }
        let diagnostics = &imported.diagnostics;
        say(&to_text_in(diagnostics, sources));
        if imported.is_complete() {
            return Ok(());
        }
        say(&format!(
            "the import is not complete: {}\n",
            summary(diagnostics)
        ));
        Err(Failure::No)
    }
}

fn load<'p>(paths: impl Iterator<Item = &'p PathBuf>) -> Result<Vec<Source>, Failure> {
    paths.map(|path| super::commands::load(path)).collect()
}
