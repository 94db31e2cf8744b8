//! References by position: which vector an index belongs to is part of its type.

macro_rules! indices {
    ($($(#[$doc:meta])* $name:ident;)*) => {
        $(
            $(#[$doc])*
            #[derive(Clone, Copy, Debug, PartialEq, Eq, PartialOrd, Ord, Hash)]
            pub struct $name(pub usize);
        )*
    };
}

indices! {
    /// An instance of [`Ir::instances`](super::Ir::instances).
    InstanceIndex;
    /// A load balancer of [`Ir::load_balancers`](super::Ir::load_balancers).
    LoadBalancerIndex;
    /// A frontend of its load balancer.
    FrontendIndex;
    /// A backend pool of its load balancer.
    PoolIndex;
    /// A probe of its load balancer.
    ProbeIndex;
}
