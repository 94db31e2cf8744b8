//! Real traffic: TCP stacks of Linux in network namespaces, around `hw-sim` and `host-driver` as
//! two processes. Needs root, `ip` and `ethtool`, on BMv2 also `simple_switch`; else a test says
//! `skipped:`.

/// Makes a test of a function for each engine of the card: on BMv2 fewer connections, same checks.
macro_rules! on_both_engines {
    ($($test:ident,)*) => {
        mod native {
            $(#[test]
            fn $test() {
                super::$test(headgate_tests::lab::Engine::Native);
            })*
        }

        mod bmv2 {
            $(#[test]
            fn $test() {
                super::$test(headgate_tests::lab::Engine::Bmv2);
            })*
        }
    };
}
pub(crate) use on_both_engines;

mod changes;
mod forwarding;
mod idle;
mod outbound;
mod route;
