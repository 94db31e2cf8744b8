//! An item of `probes`.

use super::Name;
use super::fields::{Fields, Section};
use crate::diagnostic::{Span, Spanned};
use crate::ir::NoHealthyBackends;

/// How a probe asks.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(crate) enum ProbeKind {
    Tcp,
    Http,
    Https,
    GuestAgent,
}

/// A probe as it was written.
#[derive(Debug)]
pub(crate) struct Probe {
    pub(crate) span: Span,
    pub(crate) name: Name,
    pub(crate) protocol: Option<Spanned<ProbeKind>>,
    pub(crate) port: Option<Spanned<u16>>,
    pub(crate) request_path: Option<Spanned<String>>,
    pub(crate) interval: Option<Spanned<u32>>,
    pub(crate) timeout: Option<Spanned<u32>>,
    pub(crate) threshold: Option<Spanned<u32>>,
    pub(crate) number_of_probes: Option<Spanned<u32>>,
    pub(crate) no_healthy_backends: Option<Spanned<NoHealthyBackends>>,
}

const KINDS: [(&str, ProbeKind); 4] = [
    ("Tcp", ProbeKind::Tcp),
    ("Http", ProbeKind::Http),
    ("Https", ProbeKind::Https),
    ("GuestAgent", ProbeKind::GuestAgent),
];
const NO_HEALTHY_BACKENDS: [(&str, NoHealthyBackends); 2] = [
    ("AllProbedDown", NoHealthyBackends::AllProbedDown),
    ("AllProbedUp", NoHealthyBackends::AllProbedUp),
];

impl Section for Probe {
    const WHAT: &'static str = "a probe";

    fn read(fields: &mut Fields<'_>) -> Self {
        fields.expect("protocol");
        fields.expect("port");
        Self {
            span: fields.span(),
            name: fields.name(),
            protocol: fields.choice("protocol", &KINDS),
            port: fields.port("port", 1..=65535),
            request_path: fields.text("requestPath"),
            interval: fields.number("intervalInSeconds", 5..=3600),
            timeout: fields.number("timeoutInSeconds", 11..=3600),
            threshold: fields.number("probeThreshold", 1..=100),
            number_of_probes: fields.number("numberOfProbes", 1..=100),
            no_healthy_backends: fields.choice("noHealthyBackendsBehavior", &NO_HEALTHY_BACKENDS),
        }
    }
}
