//! Which members of a pool may take new flows.
//!
//! In order of precedence: no probe on the rule, every member (L-PRB-23, L-ADM-05); the
//! administrator's word (L-ADM-02, L-ADM-03); the probe; and when that leaves nobody,
//! `AllProbedUp`, which brings back the members the probe took out but none the administrator did
//! (L-PRB-17, A-37).

use bitvec::vec::BitVec;

use flow_compiler::ir::{AdminState, NoHealthyBackends};

use super::{Health, Reason};

/// A member of a pool as one rule sees it.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub struct Member {
    /// What the rule's probe finds.
    pub health: Health,
    /// What the administrator says.
    pub admin: AdminState,
}

impl Member {
    fn stands(self) -> bool {
        match self.admin {
            AdminState::Probed => self.health == Health::Up,
            AdminState::Up => true,
            AdminState::Down => false,
        }
    }

    /// Why the member of a probed rule is up or down: `probe` is the probe's own reason, `eligible`
    /// what [`eligible`] found.
    pub fn reason(self, probe: Option<Reason>, eligible: bool) -> Option<Reason> {
        match self.admin {
            AdminState::Up => Some(Reason::UpAdmin),
            AdminState::Down => Some(Reason::DownAdmin),
            AdminState::Probed if eligible && self.health == Health::Down => {
                Some(Reason::UpProbeAllDownIsUp)
            }
            AdminState::Probed => probe,
        }
    }
}

/// The members that may take new flows, one bit each; `probe` is `None` for a rule without one.
pub fn eligible(members: &[Member], probe: Option<NoHealthyBackends>) -> BitVec {
    let Some(behaviour) = probe else {
        return BitVec::repeat(true, members.len());
    };
    let standing: BitVec = members.iter().map(|member| member.stands()).collect();
    if standing.any() || behaviour == NoHealthyBackends::AllProbedDown {
        return standing;
    }
    members
        .iter()
        .map(|member| member.admin == AdminState::Probed)
        .collect()
}

#[cfg(test)]
mod tests {
    use super::*;
    use NoHealthyBackends::{AllProbedDown, AllProbedUp};

    /// One letter a member: probe `u`p or `d`own; `U`/`D` set by the administrator against a probe
    /// that disagrees.
    fn members(pool: &str) -> Vec<Member> {
        let member = |letter| match letter {
            'u' => Member {
                health: Health::Up,
                admin: AdminState::Probed,
            },
            'd' => Member {
                health: Health::Down,
                admin: AdminState::Probed,
            },
            'U' => Member {
                health: Health::Down,
                admin: AdminState::Up,
            },
            'D' => Member {
                health: Health::Up,
                admin: AdminState::Down,
            },
            other => panic!("no member {other}"),
        };
        pool.chars().map(member).collect()
    }

    fn row(pool: &str, probe: Option<NoHealthyBackends>) -> String {
        eligible(&members(pool), probe)
            .iter()
            .map(|bit| if *bit { '1' } else { '0' })
            .collect()
    }

    #[test]
    fn a_7_health_transitions() {
        assert_eq!(row("uuu", Some(AllProbedDown)), "111");
        assert_eq!(row("udu", Some(AllProbedDown)), "101", "PRB-02");
        assert_eq!(row("ddd", Some(AllProbedDown)), "000", "L-PRB-15");
        assert_eq!(row("ddd", Some(AllProbedUp)), "111", "L-PRB-17, A-37");
        assert_eq!(
            row("ddu", Some(AllProbedUp)),
            "001",
            "only when all are down"
        );
        assert_eq!(row("", Some(AllProbedUp)), "");
    }

    #[test]
    fn l_adm_02_03_admin_state_beats_the_probe() {
        assert_eq!(row("Ud", Some(AllProbedDown)), "10");
        assert_eq!(row("Du", Some(AllProbedDown)), "01");
        assert_eq!(row("Ud", Some(AllProbedUp)), "10", "somebody is up");
        assert_eq!(
            row("Dd", Some(AllProbedUp)),
            "01",
            "never a member that is set down"
        );
        assert_eq!(row("DD", Some(AllProbedUp)), "00");
    }

    #[test]
    fn l_adm_05_l_prb_23_without_a_probe_every_member() {
        assert_eq!(row("udUD", None), "1111");
    }

    #[test]
    fn l_adm_06_l_mon_07_reasons() {
        let probe = Some(Reason::DownProbeTcpProbeTimeout);
        let reason = |pool, eligible| members(pool)[0].reason(probe, eligible).map(Reason::name);
        assert_eq!(reason("U", true), Some("Up_Admin"));
        assert_eq!(reason("D", false), Some("Down_Admin"));
        assert_eq!(reason("d", true), Some("Up_Probe_AllDownIsUp"));
        assert_eq!(reason("d", false), Some("Down_Probe_TcpProbeTimeout"));
    }
}
