//! What this machine must allow.

use std::fs;
use std::os::unix::fs::MetadataExt as _;

use super::Engine;
use super::netns::{Netns, run};

/// Whether a lab can be built here; else why not.
pub(super) fn check(prefix: &str, engine: Engine) -> Result<(), String> {
    if engine == Engine::Bmv2 && run("simple_switch", "--version").is_err() {
        return Err("simple_switch is not on PATH".to_owned());
    }
    if fs::metadata("/proc/self").map_or(1, |own| own.uid()) != 0 {
        return Err("network namespaces need root".to_owned());
    }
    for (tool, words) in [("ip", "-V"), ("ethtool", "--version")] {
        run(tool, words).map_err(|error| format!("`{tool}` does not run: {error}"))?;
    }
    let trial = Netns::create(format!("{prefix}trial"))
        .map_err(|error| format!("network namespaces cannot be made: {error}"))?;
    trial
        .ip("link add name a type veth peer name b\n")
        .map_err(|error| format!("veth pairs cannot be made: {error}"))
}
