//! Real traffic: TCP stacks of Linux in network namespaces, around `hw-sim` and `host-driver` as
//! two processes. Needs root, `ip` and `ethtool`; else every test says `skipped:`.

mod changes;
mod forwarding;
mod idle;
mod outbound;
