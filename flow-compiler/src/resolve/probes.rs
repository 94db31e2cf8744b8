//! Probes: which ports and paths they can ask, and how many answers decide.

use super::Site;
use super::balancer::{Balancer, Scopes};
use crate::config::{self, ProbeKind};
use crate::diagnostic::{Code, Report};
use crate::ir::{Probe, ProbeIndex, ProbeProtocol, Sku};

/// Ports that HTTP probes cannot use (L-PRB-18).
const BLOCKED_HTTP_PORTS: [u16; 9] = [19, 21, 25, 70, 110, 119, 143, 220, 993];
/// Seconds between two questions when nothing is said.
const DEFAULT_INTERVAL: u32 = 15;
/// Misses that decide when nothing is said.
const DEFAULT_THRESHOLD: u32 = 2;
/// Longest time to a decision, in seconds (L-PRB-10).
const SLOWEST: u32 = 120;

/// Adds the probes of a load balancer.
pub(super) fn add<'a>(balancer: &mut Balancer<'a>, scopes: &mut Scopes<'_, 'a>, report: &Report) {
    for written in &balancer.config.probes {
        check(written, balancer.sku, report);
        let index = build(written, report).map(|probe| {
            balancer.probes.push(Site {
                ir: probe,
                config: written,
            });
            ProbeIndex(balancer.probes.len() - 1)
        });
        scopes.probes.declare(&written.name, index);
    }
}

fn build(written: &config::Probe, report: &Report) -> Option<Probe> {
    let protocol = protocol(written, report);
    let interval = written.interval.map_or(DEFAULT_INTERVAL, |i| i.value);
    let threshold = written.threshold.or(written.number_of_probes);
    Some(Probe {
        name: written.name.as_ref()?.value.clone(),
        protocol: protocol?,
        port: written.port?.value,
        interval_seconds: interval,
        threshold: threshold.map_or(DEFAULT_THRESHOLD, |t| t.value),
        no_healthy_backends: written
            .no_healthy_backends
            .map_or_else(Default::default, |b| b.value),
    })
}

/// The protocol with its path: a path exactly for HTTP and HTTPS.
fn protocol(written: &config::Probe, report: &Report) -> Option<ProbeProtocol> {
    let kind = written.protocol?.value;
    let path = written.request_path.as_ref();
    match (kind, path) {
        (ProbeKind::Tcp, None) => Some(ProbeProtocol::Tcp),
        (ProbeKind::Tcp, Some(path)) => {
            let hint = "remove `requestPath`, or choose `protocol: Http`";
            report.add(
                Code::RequestPathOnTcp,
                path.span,
                "a TCP probe has no `requestPath`",
                hint,
            );
            None
        }
        (_, None) => {
            let message = "an HTTP probe needs a `requestPath`";
            report.add(
                Code::RequestPathMissing,
                written.span,
                message,
                "add `requestPath: /`",
            );
            None
        }
        (_, Some(path)) if !is_path(&path.value) => {
            let message = format!("`{}` is not a path", path.value.escape_debug());
            let hint = "begin with `/`, without host and blanks, such as `/healthz`";
            report.add(Code::RequestPathForm, path.span, message, hint);
            None
        }
        (ProbeKind::Http, Some(path)) => Some(ProbeProtocol::Http {
            path: path.value.clone(),
        }),
        (ProbeKind::Https, Some(path)) => Some(ProbeProtocol::Https {
            path: path.value.clone(),
        }),
    }
}

/// Whether the text can stand in a request line as it is.
fn is_path(text: &str) -> bool {
    text.starts_with('/') && text.bytes().all(|b| b.is_ascii_graphic())
}

fn check(written: &config::Probe, sku: Sku, report: &Report) {
    if let (Some(kind), Some(port)) = (written.protocol, written.port)
        && kind.value != ProbeKind::Tcp
        && BLOCKED_HTTP_PORTS.contains(&port.value)
    {
        let message = format!("an HTTP probe cannot use port {}", port.value);
        report.add(
            Code::ProbePortBlocked,
            port.span,
            message,
            "serve the path on another port",
        );
    }
    if let Some(kind) = written
        .protocol
        .filter(|kind| kind.value == ProbeKind::Https)
        && sku == Sku::Basic
    {
        let hint = "write `sku: Standard`, or probe with Http or Tcp";
        report.add(
            Code::HttpsNotAllowed,
            kind.span,
            "HTTPS probes need the Standard SKU",
            hint,
        );
    }
    check_counts(written, report);
}

fn check_counts(written: &config::Probe, report: &Report) {
    if let (Some(_), Some(count)) = (written.threshold, written.number_of_probes) {
        let message = "`numberOfProbes` has no effect beside `probeThreshold`";
        report.add(
            Code::ProbeCountIgnored,
            count.span,
            message,
            "keep `probeThreshold` alone",
        );
    }
    let interval = written.interval.map_or(DEFAULT_INTERVAL, |i| i.value);
    let threshold = written.threshold.or(written.number_of_probes);
    let count = threshold.map_or(DEFAULT_THRESHOLD, |t| t.value);
    if interval.saturating_mul(count) > SLOWEST {
        let message = format!(
            "the probe takes {} s to find a dead backend",
            interval * count
        );
        let hint = format!("keep interval times threshold at {SLOWEST} s or less");
        report.add(Code::ProbeSlow, written.span, message, hint);
    }
}
