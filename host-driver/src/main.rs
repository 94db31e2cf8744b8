//! The `host-driver` binary.

use std::process::ExitCode;

fn main() -> ExitCode {
    host_driver::cli::main()
}
