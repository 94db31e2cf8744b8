//! One life of a switch: its connections, and what it needs before it forwards.

use firmware_api::schema::{CPU_PORT, CPU_SESSION};
use firmware_api::{DropReason, TableId};

use super::Bmv2Error;
use super::flows::Array;
use super::packets::Packets;
use super::process::{Attach, Process};
use super::program::Program;
use super::runtime::{Call, Refused, Reply, Runtime};
use super::traffic::Traffic;

/// Packets of an egress queue of the switch: more than are ever on their way.
const QUEUE: u32 = 16_384;

/// A switch that forwards.
#[derive(Debug)]
pub(super) struct Session {
    pub runtime: Runtime,
    pub traffic: Traffic,
    /// `drops` of the program when they were last read.
    pub drops: [u64; DropReason::ALL.len()],
    /// Behind the sockets, so that it ends after them.
    pub process: Option<Process>,
}

impl Session {
    /// Makes a switch ready: no entries, no state, no counts.
    pub(super) fn new(
        runtime: Runtime,
        packets: Packets,
        process: Option<Process>,
        program: &Program,
    ) -> Result<Self, Bmv2Error> {
        let mut session = Self {
            runtime,
            traffic: Traffic::new(packets).map_err(Bmv2Error::Packets)?,
            drops: Default::default(),
            process,
        };
        session.clear(program)?;
        Ok(session)
    }

    /// Empties tables, registers and counters.
    pub(super) fn clear(&mut self, program: &Program) -> Result<(), Bmv2Error> {
        let instances = TableId::ALL.iter().flat_map(|id| program.instances(*id));
        let tables = instances.map(|instance| Call::ClearEntries {
            table: &instance.table,
        });
        let registers = Array::ALL.iter().map(|array| Call::ResetRegisters {
            register: program.register(*array),
        });
        let counters = Call::ResetCounters {
            counter: &program.drops,
        };
        let calls = tables.chain(registers).chain([counters]);
        let mut refused = None;
        self.runtime
            .calls(calls.map(|call| ((), call)), |(), reply| {
                refused = refused.take().or(reply.err());
            })?;
        self.drops = Default::default();
        done("a reset", refused.map_or(Ok(Reply::Done), Err))?;
        Ok(())
    }

    pub(super) fn read_drops(&mut self, program: &Program) -> thrift::Result<()> {
        let counter = program.drops.as_str();
        let calls = (0..DropReason::ALL.len()).map(|i| {
            let index = i as u32;
            (i, Call::ReadCounter { counter, index })
        });
        let drops = &mut self.drops;
        self.runtime.calls(calls, |i, reply| {
            drops[i] = reply.as_ref().map_or(drops[i], Reply::number);
        })
    }
}

/// Connects to both interfaces. The runtime interface answers some time before all of its services
/// do.
pub(super) fn connect(attach: &Attach) -> Result<(Runtime, Packets), Bmv2Error> {
    let mut runtime = Runtime::connect(attach.runtime).map_err(|error| Bmv2Error::Silent {
        what: attach.runtime.to_string(),
        error,
    })?;
    let packets = Packets::connect(&attach.packets).map_err(|error| Bmv2Error::Silent {
        what: attach.packets.display().to_string(),
        error,
    })?;
    let mirror = Call::MirrorTo {
        session: CPU_SESSION,
        port: CPU_PORT,
    };
    done("a mirroring session", runtime.call(mirror)?)?;
    let depth = Call::EgressQueueDepth { packets: QUEUE };
    done("the depth of its queues", runtime.call(depth)?)?;
    Ok((runtime, packets))
}

/// The program of a running switch.
pub(super) fn config_of(attach: &Attach) -> Result<String, Bmv2Error> {
    let mut runtime = Runtime::connect(attach.runtime).map_err(|error| Bmv2Error::Silent {
        what: attach.runtime.to_string(),
        error,
    })?;
    match done("a question for its program", runtime.call(Call::Config)?)? {
        Reply::Text(json) => Ok(json),
        _ => Ok(String::new()),
    }
}

fn done(what: &'static str, reply: Result<Reply, Refused>) -> Result<Reply, Bmv2Error> {
    reply.map_err(|refused| {
        let error = refused.to_string();
        Bmv2Error::Refused { what, error }
    })
}
