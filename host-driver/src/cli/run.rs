//! `run`: the daemon, or a replay.

use super::arguments::{Format, Run};
use super::exit::{Exit, Failure};
use super::print;
use crate::daemon::{self, DeviceKind, RunError, log};
use crate::engine::StartError;
use crate::probe::Sources;
use crate::replay::{self, ReplayError};

/// Runs until it is told to stop, or until the capture ends.
pub(super) fn run(run: Run) -> Result<Exit, Failure> {
    if run.device != DeviceKind::Sim {
        for (flag, is_given) in [
            ("--replay", run.replay.is_some()),
            ("--flows", run.flows.is_some()),
        ] {
            if is_given {
                let message = format!("{flag} needs --device sim, not {}", run.device);
                return Err(Failure::new(Exit::Usage, message));
            }
        }
    }
    if run.replay.is_some() && run.metrics.is_some() {
        let message = "--metrics is for a driver that runs on, not for --replay";
        return Err(Failure::new(Exit::Usage, message));
    }
    let limit = log::init();
    let Some(capture) = run.replay else {
        let settings = daemon::Settings {
            config: run.config,
            device: run.device,
            flows: run.flows,
            socket: run.socket,
            metrics: run.metrics,
            time_scale: run.time_scale,
            sources: Sources {
                v4: Some(run.probe_source_v4),
                v6: Some(run.probe_source_v6),
            },
        };
        daemon::run(&settings, &limit).map_err(failure)?;
        return Ok(Exit::Done);
    };
    let settings = replay::Settings {
        config: run.config,
        capture,
        output: run.out,
        flows: run.flows,
    };
    replay_and_print(&settings, run.format)
}

fn replay_and_print(settings: &replay::Settings, format: Format) -> Result<Exit, Failure> {
    let replayed = replay::replay(settings).map_err(replay_failure)?;
    match format {
        Format::Json => print::json(&replayed.summary)?,
        Format::Text => print::data(&replay::render(&replayed.summary))?,
    }
    match replayed.cut_short {
        None => Ok(Exit::Done),
        Some(error) => {
            let message = format!("{error}\nthe packets before it were replayed");
            Err(Failure::new(Exit::Usage, message))
        }
    }
}

fn failure(error: RunError) -> Failure {
    let exit = match error {
        RunError::Start(StartError::Configuration(_)) => Exit::No,
        RunError::Unreadable { .. } | RunError::CardSize(_) => Exit::Usage,
        _ => Exit::Trouble,
    };
    Failure::new(exit, error)
}

fn replay_failure(error: ReplayError) -> Failure {
    match error {
        ReplayError::Run(error) => failure(error),
        ReplayError::Capture(_) => Failure::new(Exit::Usage, error),
        ReplayError::Output { .. } | ReplayError::Restless(_) => Failure::new(Exit::Trouble, error),
    }
}
