//! From text to what it says: every field read once, with its place, nothing looked up yet.
//!
//! [`tree`] turns YAML (and JSON, its subset) into nodes with places; [`fields`] walks a mapping
//! and reports fields that are unknown or missing; [`scalar`] reads single values; the other files
//! are the sections of the format. [`outline`] is what they all would accept. A field that cannot be read is reported and left out, so that
//! one run finds everything.

mod fields;
mod instance;
mod load_balancer;
pub(crate) mod outline;
mod probe;
mod rule;
mod scalar;
mod settings;
mod suggest;
pub(crate) mod tree;
mod uplink;

use std::net::IpAddr;

use crate::diagnostic::{Code, Report, Spanned};
use crate::ir::Profile;
use fields::{Fields, Section};
pub(crate) use instance::Instance;
pub(crate) use load_balancer::{Frontend, LoadBalancer, Pool};
use outline::{Kind, Object};
pub(crate) use probe::{Probe, ProbeKind};
pub(crate) use rule::{LoadBalancingRule, NatRule, NatTarget, OutboundRule};
pub(crate) use scalar::MAX_NAME;
pub(crate) use settings::Settings;
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
    pub(crate) secure_by_default: bool,
    pub(crate) settings: Settings,
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
    fields::read(root, report)
}

/// What a configuration may hold.
pub(crate) fn outline() -> Object {
    fields::outline::<Config>()
}

const PROFILES: [(&str, Profile); 2] = [("seed", Profile::Seed), ("current", Profile::Current)];
/// The version of the format.
const VERSION: u32 = 1;

impl Section for Config {
    const WHAT: &'static str = "the configuration";

    fn read(fields: &mut Fields<'_>) -> Self {
        check_version(fields);
        Self {
            profile: fields
                .choice("profile", &PROFILES)
                .map_or_else(Profile::default, |p| p.value),
            secure_by_default: fields
                .flag("secureByDefault")
                .is_some_and(|flag| flag.value),
            settings: fields.section("settings").unwrap_or_default(),
            uplink: fields.section("uplink"),
            instances: fields.items("instances"),
            load_balancers: fields.items("loadBalancers"),
        }
    }
}

fn check_version(fields: &mut Fields<'_>) {
    let report = fields.report();
    fields.expect("headgate");
    let Some(node) = fields.take("headgate", || Kind::Constant(VERSION.into())) else {
        return;
    };
    let version = scalar::number(node, "headgate", 0..=u32::MAX.into(), report);
    if let Some(version) = version.filter(|version| version.value != VERSION) {
        let message = format!("format version {} is not known", version.value);
        let hint = format!("write `headgate: {VERSION}`");
        report.add(Code::UnknownVersion, version.span, message, hint);
    }
}
