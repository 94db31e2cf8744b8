//! What flows notice when the pool changes (RCFG, L-BEP-04, A-34).

use headgate_tests::frame::flags;
use headgate_tests::rig::Rig;

use super::{HTTP, HTTP_AT, Tcp, UPLINK, reached, rules, told, web};

fn with(members: &[&str]) -> String {
    web(members, &rules(&[HTTP]))
}

#[test]
fn rcfg_01_new_flows_follow_the_pool_at_once() {
    let mut rig = Rig::new(&with(&["a", "b"]));
    let now = rig.now;
    assert_eq!(reached(&mut rig, "198.51.100.1", HTTP_AT), [1, 2]);
    assert!(rig.apply(&with(&["a", "b", "c"])).accepted);
    assert_eq!(reached(&mut rig, "198.51.100.2", HTTP_AT), [1, 2, 3]);
    assert!(rig.apply(&with(&["a", "c"])).accepted);
    assert_eq!(reached(&mut rig, "198.51.100.3", HTTP_AT), [1, 3]);
    assert_eq!(rig.now, now, "no time has passed");
}

/// SKU-03: a load balancer keeps its SKU; one of another name, or made anew, has its own.
#[test]
fn sku_03_the_sku_of_a_load_balancer_does_not_change_in_place() {
    let basic = with(&["a"]).replace("sku: Standard", "sku: Basic");
    let mut rig = Rig::new(&with(&["a"]));
    let tcp = Tcp::open(&mut rig, UPLINK, super::CLIENT, HTTP_AT);
    let applied = rig.apply(&basic);
    assert!(!applied.accepted);
    let says = applied.diagnostics.join("\n");
    assert!(
        says.contains("`web` is Standard and cannot become Basic"),
        "{says}"
    );
    assert!(tcp.passes(&mut rig));
    assert!(
        rig.apply(&basic.replace("name: web", "name: web2"))
            .accepted
    );
    assert!(rig.apply(&with(&["a"])).accepted);
}

#[test]
fn l_mon_09_a_deallocated_instance_is_not_measured() {
    let text = web(&["a", "b"], &rules(&[&format!("{HTTP}, probe: alive")]));
    let stopped = text.replace("vport: 2,", "vport: 2, powerState: Deallocated,");
    for (text, backends) in [(&text, 2), (&stopped, 1)] {
        let mut rig = Rig::new(text);
        rig.pass(2_000);
        let metrics = rig.engine.metrics().text();
        for name in ["headgate_backend_up{", "headgate_backend_eligible{"] {
            let samples = metrics.lines().filter(|line| line.starts_with(name));
            assert_eq!(samples.count(), backends, "{metrics}");
        }
    }
}

/// L-BEP-04: a pool that changes all the time sends no reset to anybody here.
#[test]
fn rcfg_02_a_34_l_bep_04_a_thousand_flows_stay_while_others_come_and_go() {
    let mut rig = Rig::new(&with(&["a", "b"]));
    let flows: Vec<Tcp> = (1000..2000)
        .map(|port| Tcp::open(&mut rig, UPLINK, &format!("198.51.100.7:{port}"), HTTP_AT))
        .collect();
    let pools: [&[&str]; 6] = [
        &["a", "b", "c"],
        &["c", "b", "a", "d"],
        &["d"],
        &["b", "d", "e"],
        &["a"],
        &["a", "b"],
    ];
    for members in pools {
        assert!(rig.apply(&with(members)).accepted);
        let resets = told(&mut rig).into_iter();
        assert_eq!(
            resets.filter(|s| s.segment().flags & flags::R != 0).count(),
            0
        );
        assert!(flows.iter().all(|tcp| tcp.passes(&mut rig)), "{members:?}");
    }
}
