//! Starting on a card: reset it, give it a secret and rings, and let it run.

use std::collections::HashMap;
use std::time::Duration;

use firmware_api::hash::HashKey;
use firmware_api::{Memory, PuntReason};
use flow_compiler::source::Source;

use super::{Active, Engine, Flows};
use crate::apply::{self, Drains, Watch};
use crate::device::{Device, DeviceError, RingSizes};
use crate::event::{Journal, Kind};
use crate::ledger::Ledger;
use crate::link::{Link, LinkConfig, Uplink};
use crate::miss::{Ahead, Refusals};
use crate::ring::{InjectRing, PuntBatch, PuntRing};
use crate::snat::Allocator;
use crate::table::Tables;

/// What a start depends on beside the configuration.
#[derive(Clone, Debug)]
pub struct Options {
    /// What the card is called in `status`: `sim`, `shm:/dev/shm/headgate0`.
    pub name: String,
    /// Secret of the flow hash; unpredictable, or an attacker can fill one bucket.
    pub hash_key: HashKey,
    /// How long the card waits for a heartbeat, in its own time.
    pub heartbeat_timeout: Duration,
    /// Slots of the rings.
    pub rings: RingSizes,
    /// Driver time zero as milliseconds since 1970, for events; 0 when nobody can say.
    pub epoch: u64,
}

impl Options {
    /// The card's own patience and default rings.
    pub fn new(name: impl Into<String>, hash_key: HashKey) -> Self {
        let name = name.into();
        Self {
            name,
            hash_key,
            heartbeat_timeout: Duration::from_secs(3),
            rings: RingSizes::default(),
            epoch: 0,
        }
    }
}

impl<M: Memory> Engine<M> {
    /// Resets the card and begins with empty tables at `now` milliseconds; it takes no packets yet. `wait` is called while
    /// the card resets itself; it returns whether to go on waiting.
    ///
    /// # Errors
    /// When the card does not answer or its ring memory is too small.
    pub fn on_blank_card(
        mut device: Device<M>,
        now: u64,
        options: Options,
        wait: impl FnMut() -> bool,
    ) -> Result<Self, DeviceError> {
        device.reset(wait)?;
        device.set_hash_key(options.hash_key);
        device.set_heartbeat_timeout(options.heartbeat_timeout);
        let rings = device.set_up_rings(options.rings)?;
        let tables = Tables::new(device.capabilities(), options.hash_key);
        let flows = Flows::new(device.capabilities().flow_count, now);
        device.heartbeat()?;
        Ok(Self {
            name: options.name,
            started_at: now,
            now,
            device,
            tables,
            punts: PuntRing::new(rings.punt),
            injects: InjectRing::new(rings.inject),
            batch: Some(PuntBatch::new()),
            flows,
            snat: Allocator::default(),
            link: Link::new(now, &no_links()),
            active: Active::default(),
            ledger: Ledger::default(),
            journal: Journal::default(),
            lookout: super::lookout::Lookout::default(),
            epoch: options.epoch,
            punts_taken: [0; PuntReason::ALL.len()],
            in_force: None,
            watch: Watch::default(),
            drains: Drains::default(),
            retired: HashMap::new(),
            applied: 0,
            refused: Vec::new(),
            refused_count: 0,
            refusals: Refusals::default(),
            learns_lost_at: None,
            housekeeping: super::housekeeping::Housekeeping::default(),
            expiry: super::expire::Expiry::default(),
            scratch: Vec::with_capacity(firmware_api::MAX_FRAME),
            ahead: Ahead::default(),
        })
    }
}

/// Why a driver did not start.
#[derive(Debug, thiserror::Error)]
pub enum StartError {
    /// The card.
    #[error(transparent)]
    Device(#[from] DeviceError),
    /// The configuration; ready to print.
    #[error("{0}")]
    Configuration(String),
}

impl<M: Memory> Engine<M> {
    /// Starts on a card with a configuration: resets it, writes every table, then lets packets in.
    ///
    /// # Errors
    /// When the card does not answer, or the configuration is refused; a configuration that does
    /// not compile or fit is refused before the card is touched.
    pub fn start(
        device: Device<M>,
        source: &Source,
        now: u64,
        options: Options,
        wait: impl FnMut() -> bool,
    ) -> Result<Self, StartError> {
        let refused = |reasons: Vec<String>| StartError::Configuration(reasons.join("\n"));
        apply::check(source, device.capabilities()).map_err(refused)?;
        let mut engine = Self::on_blank_card(device, now, options, wait)?;
        let applied = engine.apply(source);
        if !applied.accepted {
            return Err(refused(applied.diagnostics));
        }
        for warning in &applied.diagnostics {
            tracing::warn!("{}", warning.trim_end());
        }
        engine.device.enable(true);
        engine.tell_started();
        Ok(engine)
    }

    fn tell_started(&mut self) {
        self.lookout.is_card_up = true; // until it is looked at
        let message = format!(
            "version {} reset the card and put {} in force",
            env!("CARGO_PKG_VERSION"),
            self.in_force
                .as_ref()
                .map_or("nothing", |f| f.file.as_str()),
        );
        let device = self.name.clone();
        self.tell(Kind::DriverStarted, device, message);
    }

    /// Rings what is still to be told to the card. Entries stay: the card forwards on without a
    /// driver.
    pub fn stop(&mut self) {
        self.ring_doorbells();
    }
}

/// No addresses and no next hops.
fn no_links() -> LinkConfig {
    let uplink = Uplink {
        mac: [0; 6],
        vlan: 0,
        address_v4: None,
        address_v6: None,
        next_hop_v4: None,
        next_hop_v6: None,
    };
    LinkConfig {
        uplink,
        answered: Vec::new(),
        vports: Vec::new(),
    }
}
