//! Internal load balancers (OUT-13, SKU-09, L-ICMP-04).

use headgate_tests::frame::{Segment, flags};
use headgate_tests::rig::Rig;

use super::{HTTP, REMOTE, inner, one, rules, told, web};

#[test]
fn out_13_06_l_out_03_behind_an_internal_load_balancer_alone_there_is_no_way_out() {
    let with_snat = HTTP.replace(", disableOutboundSnat: true", "");
    let mut rig = Rig::new(&inner(&["a"], &rules(&[&with_snat])));
    for (port, own) in [(1, "10.0.0.4:5000"), (2, "10.0.0.5:5000")] {
        assert_eq!(rig.segment(port, &Segment::tcp(own, REMOTE, flags::S)), []);
        assert_eq!(rig.segment(port, &Segment::udp(own, "192.0.2.1:53")), []);
    }
    let own = Segment::tcp("10.0.0.8:5000", REMOTE, flags::S);
    one(rig.segment(5, &own));
}

/// L-ICMP-04, PROT-02: no ping of an internal frontend, and none out by SNAT; a public address of
/// its own lets an instance ping.
#[test]
fn l_icmp_04_prot_02_pings_that_nobody_answers() {
    let rule = HTTP.replace(", disableOutboundSnat: true", "");
    let mut rig = Rig::new(&inner(&["a"], &rules(&[HTTP])));
    assert_eq!(
        rig.segment(4, &Segment::echo("10.0.0.7:1", "10.0.1.1:0")),
        []
    );
    let mut rig = Rig::new(&web(&["a"], &rules(&[&rule])));
    assert_eq!(
        rig.segment(1, &Segment::echo("10.0.0.4:1", "192.0.2.1:0")),
        []
    );
    rig.pass(5_000);
    assert_eq!(told(&mut rig), []);
    let sent = one(rig.segment(5, &Segment::echo("10.0.0.8:1", "192.0.2.1:0")));
    assert_eq!(sent.segment().source.0.to_string(), "203.0.113.99");
}
