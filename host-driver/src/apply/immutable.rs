//! What cannot change in place: the SKU of a load balancer (SKU-03).

use flow_compiler::ir::{Ir, LoadBalancer};

/// Refuses a configuration that gives a load balancer in force another SKU.
pub(super) fn check(in_force: Option<&Ir>, ir: &Ir) -> Result<(), Vec<String>> {
    let old = in_force.map_or(&[][..], |old| old.load_balancers.as_slice());
    let change = |new: &LoadBalancer| {
        let old = old.iter().find(|old| old.name == new.name)?;
        (old.sku != new.sku).then(|| {
            format!(
                "load balancer `{}` is {} and cannot become {}: give the new one another name, \
                 or apply a configuration without it first",
                old.name,
                old.sku.name(),
                new.sku.name()
            )
        })
    };
    let changes: Vec<String> = ir.load_balancers.iter().filter_map(change).collect();
    if changes.is_empty() {
        Ok(())
    } else {
        Err(changes)
    }
}
