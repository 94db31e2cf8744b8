//! The prober against real sockets on the loopback, on a clock that runs faster than time.

pub(super) mod fixture;
mod https;

use std::{
    collections::HashSet,
    fs,
    net::Ipv6Addr,
    num::{NonZeroU16, NonZeroU32},
    path::PathBuf,
    sync::atomic::{AtomicU16, Ordering},
    time::Duration,
};

use tokio::{
    io::{AsyncReadExt, AsyncWriteExt},
    net::{TcpListener, TcpSocket, TcpStream},
};

use super::*;
use crate::health::{Health, HoldDown, RequestPath, Target};

const V4: IpAddr = IpAddr::V4(std::net::Ipv4Addr::LOCALHOST);
const V6: IpAddr = IpAddr::V6(Ipv6Addr::LOCALHOST);
const ID: TargetId = TargetId(1);

/// A running prober.
struct Rig {
    targets: Targets,
    reports: mpsc::Receiver<Report>,
    clock: Clock,
}

impl Rig {
    fn start(scale: u32) -> Self {
        let clock = Clock::start(NonZeroU32::new(scale).expect("a scale"));
        let (sender, reports) = mpsc::channel(64);
        let (targets, prober) = Prober::new(clock, Sources::default(), sender);
        tokio::spawn(prober.run());
        Self {
            targets,
            reports,
            clock,
        }
    }

    fn add(&self, target: TargetId, backend: IpAddr, probe: &Probe) {
        self.targets
            .add(target, backend, probe)
            .expect("a probe it can send, and it runs");
    }

    /// The next `count` reports.
    async fn reports(&mut self, count: usize) -> Vec<Report> {
        let mut reports = Vec::new();
        while reports.len() < count {
            let next = tokio::time::timeout(Duration::from_secs(10), self.reports.recv());
            reports.push(
                next.await
                    .expect("a report in time")
                    .expect("a running prober"),
            );
        }
        reports
    }

    async fn outcomes(&mut self, count: usize) -> Vec<Outcome> {
        self.reports(count)
            .await
            .into_iter()
            .map(|report| report.outcome)
            .collect()
    }
}

fn probe(protocol: Protocol, port: u16) -> Probe {
    let port = NonZeroU16::new(port).expect("a port");
    let five = NonZeroU32::new(5).expect("an interval");
    Probe::new(protocol, port, five, NonZeroU32::MIN)
}

fn http(port: u16) -> Probe {
    probe(
        Protocol::Http(RequestPath::new("/health").expect("a path")),
        port,
    )
}

async fn listen(on: IpAddr) -> (TcpListener, u16) {
    let listener = TcpListener::bind((on, 0)).await.expect("a loopback port");
    let port = listener.local_addr().expect("its address").port();
    (listener, port)
}

/// A port that refuses connections, for as long as the socket that keeps others off it lives.
fn closed_port() -> (TcpSocket, u16) {
    let socket = TcpSocket::new_v4().expect("a socket");
    socket.bind((V4, 0).into()).expect("a port");
    let port = socket.local_addr().expect("its address").port();
    (socket, port)
}

/// Asserts that a silent backend's probes fail one interval after they are sent, one after the
/// other.
fn assert_back_to_back(reports: &[Report], outcome: Outcome) {
    let mut sent = 0;
    for report in reports {
        let took = report.at - sent;
        assert!((5_000..9_000).contains(&took), "{took} ms for {report:?}");
        assert_eq!(report.outcome, outcome);
        sent = report.at;
    }
}

/// Serves one connection after the other.
async fn backend<F>(serve: impl Fn(TcpStream) -> F + Send + 'static) -> u16
where
    F: Future<Output = ()> + Send + 'static,
{
    let (listener, port) = listen(V4).await;
    tokio::spawn(async move {
        while let Ok((stream, _)) = listener.accept().await {
            serve(stream).await;
        }
    });
    port
}

/// Reads the request, then writes these bytes and closes.
async fn replies(reply: &'static [u8]) -> u16 {
    backend(move |mut stream| async move {
        let mut request = [0; 1024];
        let read = stream.read(&mut request).await.expect("a request");
        assert!(request[..read].starts_with(b"GET /health HTTP/1.1\r\nHost: 127.0.0.1:"));
        let _ = stream.write_all(reply).await;
    })
    .await
}

#[tokio::test]
async fn l_prb_01_open_port_over_both_families() {
    let mut rig = Rig::start(50);
    for on in [V4, V6] {
        let (_listener, port) = listen(on).await;
        rig.add(ID, on, &probe(Protocol::Tcp, port));
        assert_eq!(rig.outcomes(2).await, [Outcome::Success; 2], "{on}");
    }
}

#[tokio::test]
async fn l_prb_01_the_connection_ends_in_fin_even_after_a_banner() {
    let (sender, mut ends) = mpsc::channel(4);
    let port = backend(move |mut stream| {
        let sender = sender.clone();
        async move {
            stream.write_all(b"220 ready\r\n").await.expect("a banner");
            let end = stream.read(&mut [0; 64]).await;
            let _ = sender.try_send(end.map_err(|error| error.kind()));
        }
    })
    .await;
    let mut rig = Rig::start(50);
    rig.add(ID, V4, &probe(Protocol::Tcp, port));
    assert_eq!(rig.outcomes(1).await, [Outcome::Success]);
    assert_eq!(ends.recv().await, Some(Ok(0)), "end of stream, not a reset");
}

#[tokio::test]
async fn l_prb_02_closed_port_resets() {
    let (_closed, port) = closed_port();
    let mut rig = Rig::start(50);
    rig.add(ID, V4, &probe(Protocol::Tcp, port));
    rig.add(TargetId(2), V4, &http(port));
    assert_eq!(rig.outcomes(4).await, [Outcome::Reset; 4]);
}

#[tokio::test]
async fn l_prb_03_no_connection_within_the_interval() {
    let socket = TcpSocket::new_v4().expect("a socket");
    socket.bind((V4, 0).into()).expect("a port");
    let full = socket.listen(1).expect("a listener");
    let address = full.local_addr().expect("its address");
    // Nobody accepts: these fill the queue, and the kernel leaves later SYNs unanswered.
    let waiting = [
        TcpStream::connect(address).await,
        TcpStream::connect(address).await,
    ];
    assert!(waiting.iter().all(Result::is_ok));

    let mut rig = Rig::start(20);
    rig.add(ID, V4, &probe(Protocol::Tcp, address.port()));
    assert_back_to_back(&rig.reports(2).await, Outcome::ConnectTimeout);
}

#[tokio::test]
async fn l_prb_05_silence_fails_at_5_s_and_the_next_probe_leaves_at_once() {
    let (_listener, port) = listen(V4).await;
    let mut rig = Rig::start(20);
    rig.add(ID, V4, &http(port));
    assert_back_to_back(&rig.reports(3).await, Outcome::ReplyTimeout);
}

#[tokio::test]
async fn l_prb_04_http_status() {
    for (reply, status) in [
        (&b"HTTP/1.1 200 OK\r\nContent-Length: 2\r\n\r\nok"[..], 200),
        (b"HTTP/1.1 204 No Content\r\n\r\n", 204),
        (
            b"HTTP/1.1 301 Moved Permanently\r\nLocation: http://127.0.0.1/\r\n\r\n",
            301,
        ),
        (b"HTTP/1.0 503 Service Unavailable\r\n\r\nbusy", 503),
    ] {
        let port = replies(reply).await;
        let mut rig = Rig::start(50);
        rig.add(ID, V4, &http(port));
        assert_eq!(rig.outcomes(2).await, [Outcome::HttpStatus(status); 2]);
    }
}

#[tokio::test]
async fn nothing_trusted_replies_that_are_none() {
    for (reply, outcome) in [
        (&b"\x16\x03\x01\x02\x00"[..], Outcome::Malformed),
        (b"HTTP/1.1 2OO OK\r\n\r\n", Outcome::Malformed),
        (b"HTTP/1.1 200 OK\r\nA: b\r\n", Outcome::Closed),
        (b"", Outcome::Closed),
    ] {
        let port = replies(reply).await;
        let mut rig = Rig::start(50);
        rig.add(ID, V4, &http(port));
        assert_eq!(rig.outcomes(1).await, [outcome], "{}", reply.escape_ascii());
    }
}

#[tokio::test]
async fn nothing_trusted_endless_headers() {
    let port = backend(|mut stream| async move {
        let mut line = &b"HTTP/1.1 200 OK\r\n"[..];
        while stream.write_all(line).await.is_ok() {
            line = b"X-More: and more\r\n";
        }
    })
    .await;
    let mut rig = Rig::start(50);
    rig.add(ID, V4, &http(port));
    assert_eq!(rig.outcomes(2).await, [Outcome::Malformed; 2]);
}

#[tokio::test]
async fn l_prb_05_http_connection_reset() {
    let port = backend(|stream| async move {
        stream.set_zero_linger().expect("a reset on close");
    })
    .await;
    let mut rig = Rig::start(50);
    rig.add(ID, V4, &http(port));
    assert_eq!(rig.outcomes(1).await, [Outcome::Reset]);
}

#[tokio::test]
async fn targets_come_and_go_while_it_runs() {
    let (_listener, open) = listen(V4).await;
    let (_closed, closed) = closed_port();
    let mut rig = Rig::start(100);
    rig.add(ID, V4, &probe(Protocol::Tcp, open));
    assert_eq!(rig.outcomes(1).await, [Outcome::Success]);

    rig.add(ID, V4, &probe(Protocol::Tcp, closed));
    while rig.outcomes(1).await != [Outcome::Reset] {}
    assert_eq!(
        rig.outcomes(2).await,
        [Outcome::Reset; 2],
        "the new one replaces the old"
    );

    rig.targets.remove(ID);
    tokio::time::sleep(Duration::from_millis(20)).await;
    while rig.reports.try_recv().is_ok() {}
    let quiet = tokio::time::timeout(Duration::from_millis(150), rig.reports.recv());
    assert!(quiet.await.is_err(), "a removed target is not probed");

    let Rig {
        targets,
        mut reports,
        ..
    } = rig;
    drop(targets);
    assert_eq!(
        reports.recv().await,
        None,
        "without anybody to add targets it stops"
    );
}

#[tokio::test]
async fn probes_wait_for_a_slow_reader_and_then_go_on() {
    let (_listener, port) = listen(V4).await;
    let mut rig = Rig::start(500);
    for id in 0..100 {
        rig.add(TargetId(id), V4, &probe(Protocol::Tcp, port));
    }
    tokio::time::sleep(Duration::from_millis(50)).await;
    let seen: HashSet<_> = rig
        .reports(300)
        .await
        .iter()
        .map(|report| report.target)
        .collect();
    assert_eq!(seen.len(), 100);
}

/// How many sockets of this process lead to each of these ports of the loopback.
fn sockets_to(ports: [u16; 3]) -> [usize; 3] {
    let table = fs::read_to_string("/proc/net/tcp").expect("the kernel's socket table");
    let links = fs::read_dir("/proc/self/fd").expect("this process's descriptors");
    let mine: HashSet<_> = links
        .filter_map(|link| fs::read_link(link.ok()?.path()).ok())
        .collect();
    ports.map(|port| {
        let remote = format!(":{port:04X}");
        let rows = table
            .lines()
            .map(|line| line.split_whitespace().collect::<Vec<_>>());
        let open = rows.filter(|row| {
            let socket = PathBuf::from(format!("socket:[{}]", row[9]));
            row[2].ends_with(&remote) && mine.contains(&socket)
        });
        open.count()
    })
}

#[tokio::test]
async fn sockets_never_pile_up() {
    let (_silent, silent) = listen(V4).await;
    let (_open, open) = listen(V4).await;
    let served = replies(b"HTTP/1.1 200 OK\r\n\r\n").await;
    let mut rig = Rig::start(1_000);
    rig.add(TargetId(0), V4, &http(silent));
    rig.add(TargetId(1), V4, &probe(Protocol::Tcp, open));
    rig.add(TargetId(2), V4, &http(served));
    for _ten_rounds in 0..5 {
        rig.reports(3 * 10).await;
        let sockets = sockets_to([silent, open, served]);
        assert!(
            sockets.iter().all(|count| *count <= 1),
            "one in flight at most: {sockets:?}"
        );
    }
    for id in 0..3 {
        rig.targets.remove(TargetId(id));
    }
    tokio::time::sleep(Duration::from_millis(50)).await;
    assert_eq!(
        sockets_to([silent, open, served]),
        [0; 3],
        "removal closes them"
    );
}

#[tokio::test]
async fn a_6_prb_02_a_backend_dies_and_comes_back() {
    let (listener, port) = listen(V4).await;
    let mut rig = Rig::start(200);
    let probe = probe(Protocol::Tcp, port);
    let two = NonZeroU32::new(2).expect("a threshold");
    let probe = probe.with_counts(two, two);
    let mut target = Target::new(&probe, HoldDown::OFF);
    rig.add(ID, V4, &probe);

    let mut listener = Some(listener);
    for expected in [Health::Up, Health::Down, Health::Up] {
        let transition = loop {
            let report = rig.reports(1).await[0];
            assert!(report.at <= rig.clock.now_ms());
            if let Some(transition) = target.observe(report.at, report.outcome) {
                break transition;
            }
        };
        assert_eq!(transition.to, expected);
        listener = match listener {
            Some(_dropped) => None,
            None => Some(TcpListener::bind((V4, port)).await.expect("its port again")),
        };
    }
}

/// A status that a backend replies with; 0 is silence.
type Status = Arc<AtomicU16>;

/// Replies with the status of the moment.
async fn replies_now(status: Status) -> u16 {
    backend(move |mut stream| {
        let status = status.load(Ordering::Relaxed);
        async move {
            let _ = stream.read(&mut [0; 1024]).await;
            if status == 0 {
                // Until the probe gives up.
                let _ = stream.read(&mut [0; 1024]).await;
                return;
            }
            let reply = format!("HTTP/1.1 {status} Status\r\n\r\n");
            let _ = stream.write_all(reply.as_bytes()).await;
        }
    })
    .await
}

#[tokio::test]
async fn csd_02_03_04_07_the_agent_is_asked_again_and_again_and_the_application_never() {
    let _application = replies_now(Status::new(500.into())).await;
    let status = Status::new(200.into());
    let port = replies_now(Arc::clone(&status)).await;
    let path = RequestPath::new("/").expect("a path");
    let nz = |n| NonZeroU32::new(n).expect("a number of seconds");
    let port = NonZeroU16::new(port).expect("a port");
    let agent = Probe::classic(Protocol::Http(path), port, nz(15), nz(31));
    let mut target = Target::new(&agent, HoldDown::default());
    let mut rig = Rig::start(150);
    rig.add(ID, V4, &agent);
    for (says, health) in [
        (200, Health::Up),
        (503, Health::Down),
        (200, Health::Up),
        (0, Health::Down),
        (200, Health::Up),
    ] {
        status.store(says, Ordering::Relaxed);
        while target.health() != health {
            let report = rig.reports(1).await[0];
            target.observe(report.at, report.outcome);
        }
    }
}

/// Runs a backend on a thread of its own, whose time is not the prober's.
fn on_another_thread<F>(serve: impl FnOnce(TcpListener) -> F + Send + 'static) -> u16
where
    F: Future<Output = ()>,
{
    let (ports, bound) = std::sync::mpsc::channel();
    std::thread::spawn(move || {
        let runtime = tokio::runtime::Builder::new_current_thread()
            .enable_all()
            .build()
            .expect("an event loop");
        runtime.block_on(async {
            let (listener, port) = listen(V4).await;
            ports.send(port).expect("the test runs");
            serve(listener).await;
        });
    });
    bound.recv().expect("the backend runs")
}

/// Prints what probing costs this thread, each target every 5 s. Loopback charges it for both ends
/// of each handshake of TCP.
async fn cost(targets: usize, probe: &Probe, good: Outcome) {
    let clock = Clock::start(NonZeroU32::MIN);
    let (sender, mut reports) = mpsc::channel(10 * targets);
    let (adding, prober) = Prober::new(clock, Sources::default(), sender);
    tokio::spawn(prober.run());
    for id in 0..targets {
        adding
            .add(TargetId(id as u32), V4, probe)
            .expect("a probe it can send");
    }
    tokio::time::sleep(Duration::from_secs(6)).await;
    while reports.try_recv().is_ok() {}
    let (cpu, start) = (thread_cpu_ns(), std::time::Instant::now());
    // Nobody takes reports meanwhile: in the daemon that is another thread's work.
    tokio::time::sleep(Duration::from_secs(15)).await;
    let used = Duration::from_nanos(thread_cpu_ns() - cpu);
    let percent = used.as_secs_f64() / start.elapsed().as_secs_f64() * 100.0;
    let outcomes = std::iter::from_fn(|| reports.try_recv().ok().map(|report| report.outcome));
    let outcomes: Vec<Outcome> = outcomes.collect();
    let succeeded = outcomes.iter().filter(|outcome| **outcome == good).count();
    let (all, kind) = (outcomes.len(), probe.protocol());
    let each = used / all as u32;
    println!(
        "{targets} {kind} targets: {succeeded} of {all} succeeded, {percent:.2} % of a core, {each:?} each"
    );
    assert_eq!(succeeded, all);
}

#[tokio::test]
#[ignore = "takes 20 s; prints a figure that means something with --release --nocapture"]
async fn two_thousand_targets_cost() {
    let port = on_another_thread(async |listener| while listener.accept().await.is_ok() {});
    cost(2_000, &probe(Protocol::Tcp, port), Outcome::Success).await;
}

#[tokio::test]
#[ignore = "takes 20 s; prints a figure that means something with --release --nocapture"]
async fn two_thousand_https_targets_cost() {
    let port = on_another_thread(async |listener| https::serve_all(listener, true).await);
    cost(2_000, &https::https(port), Outcome::HttpStatus(200)).await;
}

#[tokio::test]
#[ignore = "takes 20 s; prints a figure that means something with --release --nocapture"]
async fn two_thousand_https_targets_without_tickets_cost() {
    let port = on_another_thread(async |listener| https::serve_all(listener, false).await);
    cost(2_000, &https::https(port), Outcome::HttpStatus(200)).await;
}

fn thread_cpu_ns() -> u64 {
    let text = fs::read_to_string("/proc/thread-self/schedstat").expect("scheduler statistics");
    let first = text.split_whitespace().next().expect("three numbers");
    first.parse().expect("nanoseconds")
}
