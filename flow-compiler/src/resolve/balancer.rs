//! One load balancer: frontends, pools, probes, and the rules that connect them.

use firmware_api::Family;

use super::addresses::{Addresses, is_private};
use super::idle::{self, Kind, Terms};
use super::instances::Instances;
use super::scope::Scope;
use super::{Site, built, probes, rules};
use crate::config::{self, Config};
use crate::diagnostic::{Code, Report, Span, Spanned};
use crate::ir::{
    self, FrontendIndex, InstanceIndex, LoadBalancer, PoolIndex, ProbeIndex, Sku, family_of,
};

/// A load balancer with the places that its parts come from.
pub(super) struct Balancer<'a> {
    pub(super) config: &'a config::LoadBalancer,
    pub(super) name: String,
    pub(super) sku: Sku,
    pub(super) internal: bool,
    pub(super) frontends: Vec<Site<'a, ir::Frontend, config::Frontend>>,
    pub(super) pools: Vec<Site<'a, ir::Pool, config::Pool>>,
    pub(super) probes: Vec<Site<'a, ir::Probe, config::Probe>>,
    pub(super) rules: Vec<Site<'a, ir::LoadBalancingRule, config::LoadBalancingRule>>,
    pub(super) nat_rules: Vec<Site<'a, ir::NatRule, config::NatRule>>,
    pub(super) outbound_rules: Vec<Site<'a, ir::OutboundRule, config::OutboundRule>>,
}

/// What the parts of a load balancer may refer to.
pub(super) struct Scopes<'s, 'a> {
    pub(super) instances: &'s Scope<'a, InstanceIndex>,
    pub(super) frontends: Scope<'a, FrontendIndex>,
    pub(super) pools: Scope<'a, PoolIndex>,
    pub(super) probes: Scope<'a, ProbeIndex>,
}

/// Every load balancer of a configuration.
pub(super) fn resolve<'a>(
    config: &'a Config,
    instances: &Instances<'a>,
    addresses: &mut Addresses<'_>,
    report: &'a Report,
) -> Vec<Balancer<'a>> {
    let mut names = Scope::new("a load balancer", report);
    let balancers = config.load_balancers.iter().enumerate();
    balancers
        .map(|(index, written)| {
            names.declare(&written.name, Some(index));
            Balancer::build(written, config, instances, addresses, report)
        })
        .collect()
}

impl<'a> Balancer<'a> {
    fn build(
        config: &'a config::LoadBalancer,
        file: &Config,
        instances: &Instances<'a>,
        addresses: &mut Addresses<'_>,
        report: &'a Report,
    ) -> Self {
        let mut balancer = Self::empty(config, report);
        let mut scopes = Scopes {
            instances: &instances.scope,
            frontends: Scope::new("a frontend", report),
            pools: Scope::new("a backend pool", report),
            probes: Scope::new("a probe", report),
        };
        balancer.add_frontends(&mut scopes, Terms::of(file), addresses, report);
        balancer.add_pools(&mut scopes, &instances.all, report);
        probes::add(&mut balancer, &mut scopes, report);
        rules::add(&mut balancer, &scopes, file, &instances.all, report);
        balancer
    }

    fn empty(config: &'a config::LoadBalancer, report: &Report) -> Self {
        let name = config.name.as_ref().map_or("?", |name| &name.value);
        if config.sku.is_none() {
            let message = format!("load balancer `{name}` names no SKU and is Basic");
            let hint = "write `sku: Standard` or `sku: Basic`";
            report.add(Code::SkuAbsent, config.span, message, hint);
        }
        Self {
            config,
            name: name.to_owned(),
            sku: config.sku.map_or_else(Sku::default, |sku| sku.value),
            internal: false,
            frontends: Vec::new(),
            pools: Vec::new(),
            probes: Vec::new(),
            rules: Vec::new(),
            nat_rules: Vec::new(),
            outbound_rules: Vec::new(),
        }
    }

    /// What a part is called in messages and in the names of table entries.
    pub(super) fn full_name(&self, part: &str) -> String {
        format!("{}/{part}", self.name)
    }

    pub(super) fn frontend_family(&self, index: FrontendIndex) -> Family {
        family_of(self.frontends[index.0].ir.address)
    }

    pub(super) fn into_ir(self) -> LoadBalancer {
        LoadBalancer {
            name: self.name,
            sku: self.sku,
            internal: self.internal,
            frontends: built(self.frontends),
            pools: built(self.pools),
            probes: built(self.probes),
            rules: built(self.rules),
            nat_rules: built(self.nat_rules),
            outbound_rules: built(self.outbound_rules),
        }
    }

    fn add_frontends(
        &mut self,
        scopes: &mut Scopes<'_, 'a>,
        terms: Terms,
        addresses: &mut Addresses<'_>,
        report: &Report,
    ) {
        for written in &self.config.frontends {
            let index = self.add_frontend(written, terms, addresses, report);
            scopes.frontends.declare(&written.name, index);
        }
        let config = self.config;
        let has_rules = !config.rules.is_empty()
            || !config.nat_rules.is_empty()
            || !config.outbound_rules.is_empty();
        if config.frontends.is_empty() && has_rules {
            let message = format!("load balancer `{}` has rules but no frontend", self.name);
            let hint = "add an address to `frontends`";
            report.add(Code::NoFrontend, config.span, message, hint);
        }
    }

    fn add_frontend(
        &mut self,
        written: &'a config::Frontend,
        terms: Terms,
        addresses: &mut Addresses<'_>,
        report: &Report,
    ) -> Option<FrontendIndex> {
        let name = written.name.as_ref()?.value.clone();
        let address = written.address?;
        addresses.claim(&address, format!("frontend `{}`", self.full_name(&name)));
        let internal = written
            .internal
            .map_or(is_private(address.value), |flag| flag.value);
        if self.frontends.is_empty() {
            self.internal = internal;
        } else if internal != self.internal {
            self.report_mixed(&name, address.span, report);
        }
        let minutes = written.idle_minutes;
        let seconds = idle::seconds(minutes, Kind::LoadBalancing, terms, self.sku, report);
        self.frontends.push(Site {
            ir: ir::Frontend {
                name,
                address: address.value,
                idle_seconds: minutes.map(|_| seconds),
            },
            config: written,
        });
        Some(FrontendIndex(self.frontends.len() - 1))
    }

    /// GEN-04: all frontends of a load balancer are public, or all are internal.
    fn report_mixed(&self, name: &str, span: Span, report: &Report) {
        let kinds = ["internal", "public"];
        let (this, others) = (
            kinds[usize::from(self.internal)],
            kinds[usize::from(!self.internal)],
        );
        let first = &self.frontends[0].ir.name;
        let message = format!("frontend `{name}` is {this}, but frontend `{first}` is {others}");
        let hint = format!("move the {this} frontends to a load balancer of their own");
        report.add(Code::MixedFrontends, span, message, hint);
    }

    fn add_pools(
        &mut self,
        scopes: &mut Scopes<'_, 'a>,
        instances: &[ir::Instance],
        report: &Report,
    ) {
        for written in &self.config.pools {
            let index = self.add_pool(written, scopes, instances, report);
            scopes.pools.declare(&written.name, index);
        }
    }

    fn add_pool(
        &mut self,
        written: &'a config::Pool,
        scopes: &Scopes<'_, 'a>,
        instances: &[ir::Instance],
        report: &Report,
    ) -> Option<PoolIndex> {
        let mut members: Vec<ir::Member> = Vec::new();
        let mut seen = std::collections::BTreeSet::new();
        for member in &written.members {
            let Some(instance) = scopes.instances.find_some(&member.instance) else {
                continue;
            };
            if !seen.insert(instance) {
                report_duplicate(member.instance.as_ref(), report);
                continue;
            }
            if instances[instance.0].is_platform() {
                report_host(member.instance.as_ref(), report);
                continue;
            }
            members.push(ir::Member {
                instance,
                weight: member.weight.map_or(1, |weight| weight.value),
                admin_state: member
                    .admin_state
                    .map_or_else(Default::default, |s| s.value),
            });
        }
        let name = written.name.as_ref()?.value.clone();
        let by_address = self.by_address(written, report);
        self.pools.push(Site {
            ir: ir::Pool {
                name,
                members,
                drain_seconds: written.drain_period.map(|d| d.value).filter(|d| *d > 0),
                by_address,
            },
            config: written,
        });
        Some(PoolIndex(self.pools.len() - 1))
    }

    /// L-BEP-02: members are named by address on Standard only.
    fn by_address(&self, written: &config::Pool, report: &Report) -> bool {
        let Some(flag) = written.by_address.filter(|flag| flag.value) else {
            return false;
        };
        if self.sku == Sku::Basic {
            let message = "members by address need the Standard SKU";
            let hint = "write `sku: Standard`, or remove `byAddress`";
            report.add(Code::ByAddressOnBasic, flag.span, message, hint);
        }
        true
    }
}

fn report_host(name: Option<&Spanned<String>>, report: &Report) {
    if let Some(Spanned { value, span }) = name {
        let message = format!("instance `{value}` has the source address of health probes");
        let hint = "take it out of the pool: only the host has that address (L-PRB-25)";
        report.add(Code::UnusableAddress, *span, message, hint);
    }
}

fn report_duplicate(name: Option<&Spanned<String>>, report: &Report) {
    if let Some(Spanned { value, span }) = name {
        let message = format!("instance `{value}` is already a member of this pool");
        let hint = "list each instance once; use `weight` for a larger share";
        report.add(Code::DuplicateMember, *span, message, hint);
    }
}
