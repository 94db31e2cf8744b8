//! Closed by default: with `secureByDefault`, new flows come in by the rules of public Standard load
//! balancers that say so, and by no others (SKU-08).

use super::balancer::Balancer;
use super::rules::Context;
use crate::config::Name;
use crate::diagnostic::{Code, Span, Spanned};
use crate::ir::Sku;

impl Context<'_, '_> {
    /// Whether new flows come in by a rule; reports one that is closed without saying so, and one
    /// that says so where it is not.
    pub(super) fn is_open(
        &self,
        balancer: &Balancer<'_>,
        name: &Name,
        allow: Option<Spanned<bool>>,
        span: Span,
    ) -> bool {
        let may_close =
            self.secure_by_default && balancer.sku == Sku::Standard && !balancer.internal;
        match allow {
            Some(allow) if may_close => allow.value,
            None if may_close => {
                let name = name.as_ref().map_or("?", |name| &name.value);
                let message = format!(
                    "nothing new comes in by rule `{}`",
                    balancer.full_name(name)
                );
                let hint = "`secureByDefault` closes it: write `allowInbound: true`, or false if that is meant";
                self.report.add(Code::RuleClosed, span, message, hint);
                false
            }
            Some(allow) if !allow.value => {
                let message = "`allowInbound: false` has no effect";
                let hint = if self.secure_by_default {
                    "remove it: Basic and internal load balancers are open"
                } else {
                    "write `secureByDefault: true` at the top of the file, or remove it"
                };
                self.report
                    .add(Code::AllowInboundIgnored, allow.span, message, hint);
                true
            }
            _ => true,
        }
    }
}
