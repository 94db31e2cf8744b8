//! Idle timeouts: what each kind of rule allows (spec, L-IDLE-01).

use crate::diagnostic::{Code, Report, Spanned};
use crate::ir::{Profile, Sku};

/// Minutes when nothing is said (IDLE-04).
const DEFAULT_MINUTES: u32 = 4;

/// What kind of rule a timeout belongs to.
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
    profile: Profile,
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
