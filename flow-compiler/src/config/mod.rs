//! From text to what it says: every field read once, with its place, nothing looked up yet.
//!
//! [`tree`] turns YAML (and JSON, its subset) into nodes with places; [`fields`] walks a mapping
//! and reports fields that are unknown or missing; [`scalar`] reads single values; the other files
//! are the sections of the format. A field that cannot be read is reported and left out, so that
//! one run finds everything.

mod fields;
mod instance;
mod load_balancer;
mod probe;
mod rule;
mod scalar;
mod suggest;
pub(crate) mod tree;
mod uplink;

use std::net::IpAddr;

use crate::diagnostic::{Code, Report, Spanned};
use crate::ir::Profile;
use fields::{Fields, items};
pub(crate) use instance::Instance;
pub(crate) use load_balancer::{Frontend, LoadBalancer, Pool};
pub(crate) use probe::{Probe, ProbeKind};
pub(crate) use rule::{LoadBalancingRule, NatRule, NatTarget, OutboundRule};
pub(crate) use suggest::suggestion;
use tree::Node;
pub(crate) use uplink::{Prefix, Uplink};

/// A name that something gives itself or refers to.
pub(crate) type Name = Option<Spanned<String>>;
/// An address that was read.
pub(crate) type Address = Option<Spanned<IpAddr>>;

/// A whole configuration file.
#[derive(Debug, Default)]
pub(crate) struct Config {
    pub(crate) profile: Profile,
    pub(crate) uplink: Option<Uplink>,
    pub(crate) instances: Vec<Instance>,
    pub(crate) load_balancers: Vec<LoadBalancer>,
}

/// Reads a configuration text; `None` when nothing can be made of it.
pub(crate) fn parse(text: &str, report: &Report) -> Option<Config> {
    read(&tree::read(text, report)?, report)
}

/// Reads a configuration from its tree; `None` when nothing can be made of it.
pub(crate) fn read(root: &Node, report: &Report) -> Option<Config> {
    let mut fields = Fields::open(root, "the configuration", report)?;
    check_version(&mut fields, report);
    let profiles = [("seed", Profile::Seed), ("current", Profile::Current)];
    let config = Config {
        profile: fields
            .choice("profile", &profiles)
            .map_or_else(Profile::default, |p| p.value),
        uplink: fields
            .get("uplink")
            .and_then(|node| Uplink::read(node, report)),
        instances: items(&mut fields, "instances", Instance::read),
        load_balancers: items(&mut fields, "loadBalancers", LoadBalancer::read),
    };
    fields.finish();
    Some(config)
}

fn check_version(fields: &mut Fields<'_>, report: &Report) {
    fields.expect("headgate");
    if let Some(version) = fields.number("headgate", 0..=i64::from(u32::MAX))
        && version.value != 1
    {
        let message = format!("format version {} is not known", version.value);
        report.add(
            Code::UnknownVersion,
            version.span,
            message,
            "write `headgate: 1`",
        );
    }
}
