//! Probes: which ports and paths they can ask, and how many answers decide.

use std::collections::{BTreeMap, BTreeSet};

use super::balancer::{Balancer, Scopes};
use super::{Site, members};
use crate::config::{self, ProbeKind};
use crate::diagnostic::{Code, Report};
use crate::ir::{InstanceIndex, Probe, ProbeIndex, ProbeProtocol, Sku};

/// Ports that HTTP probes cannot use (L-PRB-18).
const BLOCKED_HTTP_PORTS: [u16; 9] = [19, 21, 25, 70, 110, 119, 143, 220, 993];
/// Seconds between two questions when nothing is said.
const DEFAULT_INTERVAL: u32 = 15;
/// Seconds without a good answer that take a member down, where only the classic model's timing
/// will do and nothing is said (CSD-14).
const DEFAULT_TIMEOUT: u32 = 31;
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
        timeout_seconds: timeout(written),
        no_healthy_backends: written
            .no_healthy_backends
            .map_or_else(Default::default, |b| b.value),
    })
}

/// The classic timeout: where it is said, and always for the classic model's own probe.
fn timeout(written: &config::Probe) -> Option<u32> {
    let is_agent = written
        .protocol
        .is_some_and(|kind| kind.value == ProbeKind::GuestAgent);
    let said = written.timeout.map(|timeout| timeout.value);
    said.or(is_agent.then_some(DEFAULT_TIMEOUT))
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
        (ProbeKind::GuestAgent, None) => Some(ProbeProtocol::GuestAgent {
            path: "/".to_owned(),
        }),
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
        (ProbeKind::GuestAgent, Some(path)) => Some(ProbeProtocol::GuestAgent {
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
    check_agent(written, sku, report);
    check_counts(written, report);
}

/// PRB-01: the guest agent is the classic model's. PRB-09: it is the last resort there.
fn check_agent(written: &config::Probe, sku: Sku, report: &Report) {
    let agent = written
        .protocol
        .filter(|kind| kind.value == ProbeKind::GuestAgent);
    let Some(kind) = agent else { return };
    if sku == Sku::Standard {
        let message = "guest agents are probed by Basic load balancers only";
        let hint = "probe the application with Tcp, Http or Https";
        report.add(Code::GuestAgentNotAllowed, kind.span, message, hint);
    } else {
        let message = "the guest agent answers whatever the application does";
        let hint = "probe the application with Tcp or Http if it can be asked";
        report.add(Code::GuestAgentProbe, kind.span, message, hint);
    }
}

fn check_counts(written: &config::Probe, report: &Report) {
    if let Some(timeout) = timeout(written) {
        check_timeout(written, timeout, report);
        return;
    }
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
    let longest = interval.saturating_mul(count);
    if longest > SLOWEST {
        report_slow(written, longest, "keep interval times threshold", report);
    }
}

/// The classic timeout counts for itself (L-PRB-22).
fn check_timeout(written: &config::Probe, timeout: u32, report: &Report) {
    for (field, count) in [
        ("probeThreshold", written.threshold),
        ("numberOfProbes", written.number_of_probes),
    ] {
        if let Some(count) = count {
            let message = format!("`{field}` has no effect beside `timeoutInSeconds`");
            let hint = "remove it: as many probes count as fit into the timeout";
            report.add(Code::ProbeCountIgnored, count.span, message, hint);
        }
    }
    if timeout > SLOWEST {
        report_slow(written, timeout, "keep `timeoutInSeconds`", report);
    }
}

fn report_slow(written: &config::Probe, seconds: u32, keep: &str, report: &Report) {
    let message = format!("the probe takes {seconds} s to find a dead backend");
    let hint = format!("{keep} at {SLOWEST} s or less");
    report.add(Code::ProbeSlow, written.span, message, hint);
}

/// L-PRB-26: one probe per port of an instance, or its rules may disagree about its health.
pub(super) fn check_ports(balancers: &[Balancer<'_>], report: &Report) {
    let mut asked: BTreeMap<(InstanceIndex, u16), (usize, ProbeIndex)> = BTreeMap::new();
    let mut told = BTreeSet::new();
    for (index, balancer) in balancers.iter().enumerate() {
        for rule in balancer.rules.iter().map(|site| &site.ir) {
            let Some(probe) = rule.probe else { continue };
            let site = &balancer.probes[probe.0];
            for instance in members(&balancer.pools[rule.pool.0].ir) {
                let this = (index, probe);
                let first = *asked.entry((instance, site.ir.port)).or_insert(this);
                if first == this || !told.insert((this, first)) {
                    continue;
                }
                let other = &balancers[first.0];
                let message = format!(
                    "probe `{}` asks port {} of the same instance as probe `{}`",
                    balancer.full_name(&site.ir.name),
                    site.ir.port,
                    other.full_name(&other.probes[first.1.0].ir.name)
                );
                let hint = "use one probe for all rules on that port";
                report.add(Code::ProbePortShared, site.config.span, message, hint);
            }
        }
    }
}
