//! Idle timeouts: what each kind of rule allows (spec, L-IDLE-01), and whether the rule's
//! or its frontend's holds.

use super::balancer::Balancer;
use super::rules::{Context, is_set};
use crate::config::Config;
use crate::diagnostic::{Code, Report, Span, Spanned};
use crate::ir::{Frontend, FrontendIndex, Profile, Sku, Transport};

/// Minutes when nothing is said (IDLE-04).
const DEFAULT_MINUTES: u32 = 4;

/// What timeouts depend on beside their load balancer.
#[derive(Clone, Copy)]
pub(super) struct Terms {
    profile: Profile,
    /// A frontend's timeout beats those of the rules that listen on it.
    frontend_precedence: bool,
}

impl Terms {
    pub(super) fn of(config: &Config) -> Self {
        Self {
            profile: config.profile,
            frontend_precedence: is_set(config.settings.frontend_idle_precedence),
        }
    }
}

/// What a timeout belongs to. A frontend may have what a load-balancing rule may.
#[derive(Clone, Copy, PartialEq, Eq)]
pub(super) enum Kind {
    LoadBalancing,
    InboundNat,
    Outbound,
}

/// The longest timeout in minutes.
fn longest(kind: Kind, profile: Profile, sku: Sku) -> u32 {
    match (kind, profile, sku) {
        (Kind::Outbound, ..) => 120,
        (Kind::InboundNat, ..) | (Kind::LoadBalancing, Profile::Seed, _) => 30,
        (Kind::LoadBalancing, Profile::Current, Sku::Basic) => 60,
        (Kind::LoadBalancing, Profile::Current, Sku::Standard) => 100,
    }
}

/// The timeout in seconds; reports one that the kind of rule does not allow.
pub(super) fn seconds(
    minutes: Option<Spanned<u32>>,
    kind: Kind,
    Terms { profile, .. }: Terms,
    sku: Sku,
    report: &Report,
) -> u32 {
    let Some(Spanned { value, span }) = minutes else {
        return DEFAULT_MINUTES * 60;
    };
    let longest = longest(kind, profile, sku);
    if !(DEFAULT_MINUTES..=longest).contains(&value) {
        let message = format!("an idle timeout of {value} minutes is not possible here");
        let mut hint = format!("use {DEFAULT_MINUTES} to {longest}");
        if kind == Kind::LoadBalancing && profile == Profile::Seed && value <= 100 {
            hint.push_str("; `profile: current` allows more");
        }
        report.add(Code::IdleTimeoutRange, span, message, hint);
        return DEFAULT_MINUTES * 60;
    }
    if kind == Kind::Outbound && profile == Profile::Seed && value > 100 {
        let message = format!("{value} minutes is longer than the seed documents allow");
        let hint = "use 4 to 100, or `profile: current`";
        report.add(Code::IdleTimeoutBeyondSeed, span, message, hint);
    }
    value * 60
}

/// An inbound rule, as far as its timeout goes.
pub(super) struct Inbound {
    pub(super) kind: Kind,
    pub(super) minutes: Option<Spanned<u32>>,
    pub(super) transport: Option<Spanned<Transport>>,
    pub(super) frontend: Option<FrontendIndex>,
    pub(super) span: Span,
}

impl Context<'_, '_> {
    /// The timeout of an inbound rule in seconds: its own, or its frontend's where the settings say
    /// so (L-IDLE-03, A-04).
    pub(super) fn inbound_idle(&self, balancer: &Balancer<'_>, rule: &Inbound) -> u32 {
        let own = self.idle(balancer, rule.minutes, rule.kind);
        let Some(FrontendIndex(index)) = rule.frontend else {
            return own;
        };
        let frontend = &balancer.frontends[index].ir;
        if !self.terms.frontend_precedence {
            let of_frontend = frontend.idle_seconds.unwrap_or(own);
            self.check_idle_agrees(rule, frontend, (own, of_frontend), true);
            return own;
        }
        // Azure's public addresses carry 4 minutes when nothing is said; internal frontends have no
        // such resource.
        let silent = if balancer.internal {
            own
        } else {
            DEFAULT_MINUTES * 60
        };
        let of_frontend = frontend.idle_seconds.unwrap_or(silent);
        self.check_idle_agrees(rule, frontend, (own, of_frontend), rule.minutes.is_some());
        of_frontend
    }

    fn check_idle_agrees(
        &self,
        rule: &Inbound,
        frontend: &Frontend,
        (own, of_frontend): (u32, u32),
        is_meant: bool,
    ) {
        let is_udp = rule.transport.is_some_and(|t| t.value == Transport::Udp);
        if own == of_frontend || !is_meant || is_udp {
            return;
        }
        let message = format!(
            "the rule's idle timeout is {} minutes, that of its frontend `{}` {}",
            own / 60,
            frontend.name,
            of_frontend / 60
        );
        let hint = if self.terms.frontend_precedence {
            "the frontend's holds, by `frontendIdlePrecedence`; give both the same"
        } else {
            "the rule's holds; give both the same, or set `frontendIdlePrecedence`"
        };
        let span = rule.minutes.map_or(rule.span, |minutes| minutes.span);
        self.report
            .add(Code::IdleTimeoutsDiffer, span, message, hint);
    }
}
