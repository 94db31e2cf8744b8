//! Starts the threads, and ends them in order.

use std::net::{SocketAddr, TcpListener};
use std::num::NonZeroU32;
use std::path::PathBuf;
use std::sync::mpsc::{self, Sender};
use std::thread;
use std::time::{Duration, Instant, SystemTime, UNIX_EPOCH};

use firmware_api::{MAX_PORTS, Memory};
use flow_compiler::source::Source;
use nix::sys::resource::{Resource, getrlimit, setrlimit};
use tokio::signal::unix::{SignalKind, signal};
use tokio::sync::oneshot;

use super::card::{CardThread, DeviceKind, embedded};
use super::error::RunError;
use super::log::RateLimit;
use super::packet_loop::{Event, PacketLoop};
use super::watch::Watch;
use crate::control::socket::ControlSocket;
use crate::control::{Ask, Question, exporter, server};
use crate::device::{Device, open_pci, open_shm, random_hash_key};
use crate::engine::{Engine, Options};
use crate::probe::{Clock, Prober, Sources};

/// How long a card may take for its reset.
const RESET_PATIENCE: Duration = Duration::from_secs(5);
/// Probe reports under way to the engine.
const REPORTS: usize = 1_024;
/// How often the log says what it left out.
const LEFT_OUT_PERIOD: Duration = Duration::from_secs(10);

/// What a daemon is told at its start.
#[derive(Clone, Debug)]
pub struct Settings {
    /// The configuration file, watched from then on.
    pub config: PathBuf,
    /// The card.
    pub device: DeviceKind,
    /// Connections that an embedded card holds; its default if none.
    pub flows: Option<u32>,
    /// Where metrics are served over TCP, if anywhere.
    pub metrics: Option<SocketAddr>,
    /// The control socket; a default place if none.
    pub socket: Option<PathBuf>,
    /// How many times faster than the wall's the clock runs.
    pub time_scale: NonZeroU32,
    /// Where probes come from.
    pub sources: Sources,
}

/// Runs until SIGTERM or SIGINT.
///
/// # Errors
/// When it cannot start, or the engine dies.
pub fn run(settings: &Settings, limit: &RateLimit) -> Result<(), RunError> {
    let source = Source::load(&settings.config).map_err(|error| RunError::Unreadable {
        path: settings.config.clone(),
        error,
    })?;
    // First of all: a driver that runs already must not lose its card to this one.
    let socket = match &settings.socket {
        Some(path) => ControlSocket::bind(path)?,
        None => ControlSocket::bind_default()?,
    };
    let metrics = settings.metrics.map(listen).transpose()?;
    raise_file_limit();
    let clock = Clock::start(settings.time_scale);
    let daemon = Daemon {
        settings,
        limit,
        socket,
        clock,
        metrics,
    };
    match &settings.device {
        DeviceKind::Sim => {
            let (card, device) = embedded(MAX_PORTS, settings.flows)?;
            let _card = CardThread::start(card, clock)?;
            daemon.run_on(device, source)
        }
        DeviceKind::Shm(directory) => daemon.run_on(open_shm(directory)?, source),
        DeviceKind::Pci(address) => daemon.run_on(open_pci(address)?, source),
    }
}

/// Listens for scrapers, before anything else is touched.
fn listen(address: SocketAddr) -> Result<TcpListener, RunError> {
    let unusable = |error| RunError::Metrics { address, error };
    let listener = TcpListener::bind(address).map_err(unusable)?;
    listener.set_nonblocking(true).map_err(unusable)?;
    Ok(listener)
}

/// Each probe under way has a socket; the usual soft limit is good for a thousand.
fn raise_file_limit() {
    let raised = getrlimit(Resource::RLIMIT_NOFILE)
        .and_then(|(_, hard)| setrlimit(Resource::RLIMIT_NOFILE, hard, hard));
    if let Err(error) = raised {
        tracing::warn!(%error, "the number of open files stays limited");
    }
}

struct Daemon<'a> {
    settings: &'a Settings,
    limit: &'a RateLimit,
    socket: ControlSocket,
    clock: Clock,
    metrics: Option<TcpListener>,
}

impl Daemon<'_> {
    fn run_on<M>(&self, device: Device<M>, source: Source) -> Result<(), RunError>
    where
        M: Memory + Send + 'static,
    {
        let engine = self.start_engine(device, &source)?;
        let runtime = tokio::runtime::Builder::new_current_thread()
            .enable_all()
            .build();
        let runtime = runtime.map_err(RunError::io("an event loop"))?;
        let (reports, mut observed) = tokio::sync::mpsc::channel(REPORTS);
        let (targets, prober) = Prober::new(self.clock, self.settings.sources, reports);
        let (sender, events) = mpsc::channel();
        let packet_loop = PacketLoop {
            engine,
            clock: self.clock,
            events,
            targets,
        };
        let (alive, mut died) = oneshot::channel::<()>();
        let thread = thread::Builder::new()
            .name("engine".into())
            .spawn(move || {
                let _alive = alive;
                packet_loop.run();
            })
            .map_err(RunError::io("a thread for the engine"))?;

        let outcome = runtime.block_on(async {
            let engine = sender.clone();
            // Tasks of their own: waking what this one awaits itself costs a system call each time.
            let forward = tokio::spawn(async move {
                while let Some(report) = observed.recv().await {
                    if engine.send(Event::Report(report)).is_err() {
                        return;
                    }
                }
            });
            let prober = tokio::spawn(prober.run());
            let asker = sender.clone();
            let ask = move |ask| asker.send(Event::Ask(ask)).is_ok();
            let export = self.export(ask.clone());
            let watch = self.watch(source.text, &sender);
            let probing = async {
                let ended = tokio::try_join!(forward, prober);
                ended.expect("probing does not panic");
            };
            let background = async { tokio::join!(probing, watch, self.tell_left_out()) };
            tokio::select! {
                served = server::serve(&self.socket, ask) => {
                    served.map_err(RunError::io("the control socket"))
                }
                stopped = stop_signal() => stopped,
                _ = &mut died => Ok(()),
                () = export => Ok(()),
                _ = background => Ok(()),
            }
        });
        // When the thread is gone it needs no telling.
        let _ = sender.send(Event::Stop);
        thread.join().map_err(|_| RunError::EngineDied)?;
        outcome?;
        tracing::info!("stopped; the card keeps its tables");
        Ok(())
    }

    fn start_engine<M: Memory>(
        &self,
        device: Device<M>,
        source: &Source,
    ) -> Result<Engine<M>, RunError> {
        let hash_key = random_hash_key().map_err(RunError::io("random numbers"))?;
        let deadline = Instant::now() + RESET_PATIENCE;
        let mut options = Options::new(self.settings.device.to_string(), hash_key);
        let since_1970 = SystemTime::now().duration_since(UNIX_EPOCH);
        let since_1970 = since_1970.map_or(0, |time| time.as_millis() as u64);
        options.epoch = since_1970.saturating_sub(self.clock.now_ms());
        // The card's clock runs as fast as the driver's, but the machine does not.
        options.heartbeat_timeout *= self.settings.time_scale.get();
        let wait = || {
            thread::sleep(Duration::from_millis(1));
            Instant::now() < deadline
        };
        let engine = Engine::start(device, source, self.clock.now_ms(), options, wait)?;
        tracing::info!(
            device = %self.settings.device,
            config = %self.settings.config.display(),
            socket = %self.socket.path().display(),
            "forwarding"
        );
        Ok(engine)
    }

    /// Applies what the configuration file becomes.
    async fn watch(&self, text: String, engine: &Sender<Event>) {
        let mut watch = Watch::new(self.settings.config.clone(), text);
        loop {
            let Source { name, text } = watch.changed().await;
            let (ask, answer) = Ask::new(Question::Apply { name, text });
            if engine.send(Event::Ask(ask)).is_err() {
                return;
            }
            // What became of it is an event.
            if answer.await.is_err() {
                return;
            }
        }
    }

    /// Serves metrics, or waits for ever when nobody wants them.
    async fn export(&self, engine: impl server::Engine) {
        let listener = self.metrics.as_ref().map(TcpListener::try_clone);
        match listener.map(|listener| listener.and_then(tokio::net::TcpListener::from_std)) {
            Some(Ok(listener)) => return exporter::export(listener, engine).await,
            Some(Err(error)) => tracing::error!(%error, "metrics are not served"),
            None => {}
        }
        std::future::pending::<()>().await;
    }

    async fn tell_left_out(&self) {
        loop {
            tokio::time::sleep(LEFT_OUT_PERIOD).await;
            self.limit.tell_left_out();
        }
    }
}

async fn stop_signal() -> Result<(), RunError> {
    let on = |kind| signal(kind).map_err(RunError::io("signals"));
    let (mut terminate, mut interrupt) =
        (on(SignalKind::terminate())?, on(SignalKind::interrupt())?);
    tokio::select! {
        _ = terminate.recv() => tracing::info!("SIGTERM: stopping"),
        _ = interrupt.recv() => tracing::info!("SIGINT: stopping"),
    }
    Ok(())
}
