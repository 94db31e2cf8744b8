//! The closed set of diagnostic codes. A code's number never changes its meaning.

use std::fmt;

/// Whether a finding refuses the configuration.
#[derive(Clone, Copy, Debug, PartialEq, Eq, PartialOrd, Ord, Hash)]
pub enum Severity {
    /// The configuration is refused.
    Error,
    /// The configuration is accepted, but probably not what was meant.
    Warning,
}

impl Severity {
    /// The name in text and JSON.
    pub const fn name(self) -> &'static str {
        match self {
            Self::Error => "error",
            Self::Warning => "warning",
        }
    }
}

macro_rules! codes {
    ($($(#[doc = $doc:literal])* $name:ident = $number:literal, $severity:ident $(, $arm:literal)?;)*) => {
        /// What kind of finding a diagnostic is.
        #[derive(Clone, Copy, Debug, PartialEq, Eq, PartialOrd, Ord, Hash)]
        pub enum Code { $($(#[doc = $doc])* $name,)* }

        impl Code {
            /// Every code, in the order of the numbers.
            pub const ALL: &'static [Self] = &[$(Self::$name,)*];

            /// The stable number, such as `HG0101`.
            pub const fn number(self) -> &'static str {
                match self { $(Self::$name => $number,)* }
            }

            /// What was found.
            pub const fn meaning(self) -> &'static str {
                match self { $(Self::$name => concat!($($doc),*).trim_ascii(),)* }
            }

            /// Whether it refuses the configuration.
            pub const fn severity(self) -> Severity {
                match self { $(Self::$name => Severity::$severity,)* }
            }

            /// The error code of the public ARM interface for the same mistake, where there is one.
            pub const fn arm(self) -> Option<&'static str> {
                match self { $(Self::$name => codes!(@arm $($arm)?),)* }
            }
        }
    };
    (@arm) => { None };
    (@arm $arm:literal) => { Some($arm) };
}

codes! {
    /// A character that no configuration may contain.
    ForbiddenCharacter = "HG0001", Error;
    /// Neither YAML nor JSON.
    Syntax = "HG0002", Error;
    /// Nothing in the file.
    EmptyFile = "HG0003", Error;
    /// More than one YAML document.
    SeveralDocuments = "HG0004", Error;
    /// Nested deeper than any configuration is.
    TooDeep = "HG0005", Error;
    /// A YAML alias.
    Alias = "HG0006", Error;
    /// A field given twice.
    DuplicateField = "HG0007", Error;

    /// A field that does not exist.
    UnknownField = "HG0101", Error;
    /// A field that must be there.
    MissingField = "HG0102", Error;
    /// A value of another type than the field's.
    WrongType = "HG0103", Error;
    /// A number outside the field's range.
    OutOfRange = "HG0104", Error;
    /// A word that is not one of the field's choices.
    UnknownChoice = "HG0105", Error;
    /// Not an IP address, or not of the family that the field needs.
    BadAddress = "HG0106", Error;
    /// Not an Ethernet address of one station.
    BadMac = "HG0107", Error;
    /// A name with characters that names cannot have.
    BadName = "HG0108", Error;
    /// A version of the format that this program does not know.
    UnknownVersion = "HG0109", Error;

    /// A reference to a name that does not exist.
    UnknownReference = "HG0201", Error;
    /// A name given twice.
    DuplicateName = "HG0202", Error;
    /// A pool that lists an instance twice.
    DuplicateMember = "HG0203", Error;
    /// A rule that lists a frontend twice.
    DuplicateFrontend = "HG0204", Error;

    /// Two instances on one vport.
    VportInUse = "HG0301", Error;
    /// One Ethernet address for two.
    MacInUse = "HG0302", Error;
    /// One IP address for two.
    AddressInUse = "HG0303", Error;
    /// A second address of one family on an instance.
    SecondAddress = "HG0304", Error;
    /// An address that nobody can have.
    UnusableAddress = "HG0305", Error;
    /// A next hop that the uplink's prefix does not contain.
    NextHopOffLink = "HG0306", Error;
    /// A 1:1 public address without an own address of its family.
    PublicAddressAlone = "HG0307", Error;
    /// A next hop that is no internal frontend with HA ports of that family.
    NextHopWithoutHaPorts = "HG0311", Error;
    /// A next hop whose pool has the sender itself among its members.
    NextHopLoop = "HG0312", Error;
    /// A next hop of an instance that forwards packets of others.
    NextHopOfForwarder = "HG0313", Error;
    /// A next hop of the instance that probes come from.
    NextHopOfPlatform = "HG0314", Error;
    /// A next hop with a member that does not forward.
    NextHopDoesNotForward = "HG0315", Warning;

    /// An instance in an availability set and in a scale set.
    SetsOfBothKinds = "HG0321", Error;
    /// Members of several sets behind a Basic load balancer (SKU-06, L-LIM-03).
    SeveralSetsOnBasic = "HG0322", Error;
    /// A pool with members of more than 150 sets (L-LIM-04).
    TooManySets = "HG0323", Error;
    /// Different instances of an availability set in pools of one load balancer (L-BEP-05).
    SetInSeveralPools = "HG0324", Error;
    /// An availability set behind two public, or two internal, load balancers (L-BEP-05).
    SetBehindSeveralBalancers = "HG0325", Error;
    /// Members by address on a Basic load balancer (L-BEP-02).
    ByAddressOnBasic = "HG0326", Error;

    /// A rule and its frontend with different idle timeouts (L-IDLE-03, A-04).
    IdleTimeoutsDiffer = "HG0341", Warning;

    /// No SKU given.
    SkuAbsent = "HG0401", Warning;
    /// Public and internal frontends in one load balancer (GEN-04).
    MixedFrontends = "HG0402", Error;
    /// Rules without any frontend.
    NoFrontend = "HG0403", Error, "LoadBalancerWithoutFrontendIPCantHaveChildResources";
    /// More frontends than the SKU allows (L-LIM-01, L-LIM-03).
    TooManyFrontends = "HG0404", Error;
    /// More rules than the SKU allows (L-LIM-01, L-LIM-03).
    TooManyRules = "HG0405", Error;
    /// More outbound rules than allowed (L-LIM-01).
    TooManyOutboundRules = "HG0406", Error;
    /// More members than the SKU allows.
    PoolTooLarge = "HG0407", Error;
    /// More members than the seed documents allow (SKU-05).
    PoolBeyondSeed = "HG0408", Warning;
    /// Weights that no selection table can express.
    WeightsTooLarge = "HG0409", Error;
    /// More rules on one instance than allowed (L-LIM-01).
    TooManyRulesOnInstance = "HG0410", Error, "LoadBalancerRuleCountLimitReachedForNic";
    /// An instance or a set behind Basic and Standard load balancers (SKU-04).
    MixedSkus = "HG0411", Error, "DifferentSkuLoadBalancersAndPublicIPAddressNotAllowed";
    /// An instance behind two public, or two internal, Basic load balancers (L-LIM-03).
    SecondBasicBalancer = "HG0412", Error, "AnotherInternalLoadBalancerExists";

    /// Two rules on one frontend address, protocol and port.
    FrontendPortInUse = "HG0501", Error;
    /// Two rules on one pool, protocol and backend port (L-FIP-05).
    BackendPortInUse = "HG0502", Error, "RulesUseSameBackendPortProtocolAndPool";
    /// The same with floating IP on one frontend.
    FloatingBackendPortInUse = "HG0503", Error,
        "RulesUseSameBackendPortProtocolAndPoolAndFrontendIPWithFloatingIPEnabled";
    /// Rules of different pools on one instance, protocol and backend port.
    InstancePortInUse = "HG0504", Error,
        "RulesOfSameLoadBalancerTypeUseSameBackendPortProtocolAndIPConfig";
    /// An inbound NAT rule on a backend port that another rule uses (L-NAT-04).
    NatPortInUse = "HG0505", Error;
    /// No member has an address of the frontend's family (L-IP6-01).
    NoMemberOfFamily = "HG0506", Error;
    /// Protocol All without ports 0, or port 0 without protocol All (L-HA-01).
    HaPortsShape = "HG0507", Error;
    /// HA ports on a public or Basic load balancer (L-HA-03).
    HaPortsNotAllowed = "HG0508", Error;
    /// HA ports beside a rule that they exclude (L-HA-04..07).
    HaPortsNotAlone = "HG0509", Error;
    /// An idle timeout outside the range of the rule's kind.
    IdleTimeoutRange = "HG0510", Error;
    /// An idle timeout that the seed documents do not know.
    IdleTimeoutBeyondSeed = "HG0511", Warning;
    /// A TCP setting on a UDP rule (IDLE-08, RST-03).
    TcpSettingOnUdp = "HG0512", Warning;
    /// TCP reset on a Basic load balancer (RST-01).
    ResetNotAllowed = "HG0513", Error;
    /// A setting that Basic does not offer for IPv6 (L-DIST-10).
    BasicIpv6Setting = "HG0514", Error;
    /// Connection tracking on a rule without UDP (L-DIST-11).
    TrackingWithoutUdp = "HG0515", Warning;
    /// An admin state that no probe makes effective (L-ADM-05).
    AdminStateWithoutProbe = "HG0516", Warning;
    /// A rule whose pool has no members.
    EmptyPool = "HG0517", Warning;
    /// Floating IP on an internal IPv6 frontend (L-FIP-09).
    FloatingInternalIpv6 = "HG0518", Warning;

    /// An inbound NAT rule for an instance and a pool at once (L-NAT-01).
    NatTargetUnclear = "HG0519", Error;
    /// A range of frontend ports that ends before it begins.
    NatRangeEmpty = "HG0520", Error;
    /// A pool with more members than the range has ports (L-NAT-02).
    NatRangeFull = "HG0521", Error;
    /// TCP reset on an HA ports rule (L-HA-11).
    ResetOnHaPorts = "HG0522", Warning;
    /// An inbound NAT rule for a pool whose members are named by address (L-BEP-02).
    NatForAddresses = "HG0523", Error;
    /// A rule that is closed because nothing was said (SKU-08).
    RuleClosed = "HG0524", Warning;
    /// A rule that says it is closed where rules are open (SKU-08).
    AllowInboundIgnored = "HG0525", Warning;

    /// An HTTP probe on a port that HTTP probes cannot use (L-PRB-18).
    ProbePortBlocked = "HG0601", Error;
    /// An HTTP probe without a path.
    RequestPathMissing = "HG0602", Error;
    /// A path on a TCP probe.
    RequestPathOnTcp = "HG0603", Error;
    /// A path that does not begin with a slash.
    RequestPathForm = "HG0604", Error;
    /// An HTTPS probe on a Basic load balancer (PRB-01).
    HttpsNotAllowed = "HG0605", Error;
    /// A probe that needs longer than two minutes to decide (L-PRB-10).
    ProbeSlow = "HG0606", Warning;
    /// Both ways to say how many answers decide.
    ProbeCountIgnored = "HG0607", Warning;
    /// A guest agent probe on a Standard load balancer (PRB-01).
    GuestAgentNotAllowed = "HG0608", Error;
    /// A guest agent probe, which does not ask the application (PRB-09).
    GuestAgentProbe = "HG0609", Warning;
    /// Two probes that ask one port of an instance (L-PRB-26).
    ProbePortShared = "HG0610", Warning;

    /// An outbound rule on a Basic or internal load balancer (SKU-07).
    OutboundNotAllowed = "HG0701", Error;
    /// SNAT ports that are no multiple of eight (L-OUT-10).
    PortsNotInBlocks = "HG0702", Error;
    /// More SNAT ports than the public addresses have (L-OUT-10, L-OUT-11).
    SnatCapacity = "HG0703", Error;
    /// A rule that still programs SNAT on an outbound rule's frontend (L-OUT-06).
    SnatNotDisabled = "HG0704", Error,
        "LoadBalancingRuleMustDisableSNATSinceSameFrontendIPConfigurationIsReferencedByOutboundRule";
    /// Two outbound rules on one frontend and protocol (L-OUT-22).
    OutboundOverlap = "HG0705", Error,
        "MoreThanOneOutboundRuleUsingSameFrontendIPConfigurationAndProtocolIsNotSupported";
    /// A pool too large for the default SNAT ports.
    PoolTooLargeForDefaultPorts = "HG0706", Error;
    /// An outbound rule for some instances of a set only (L-OUT-23).
    PartOfSetOutbound = "HG0707", Warning;

    /// No resource or no load balancer to import.
    NoResource = "HG0801", Error;
    /// A property without an equivalent: it is left out.
    NotCarriedOver = "HG0802", Warning;
    /// A property that the importer does not know: it is left out.
    UnknownProperty = "HG0803", Warning;
    /// A resource that is left out.
    ResourceLeft = "HG0804", Warning;
    /// Something without an equivalent and without which packets go another way.
    NoEquivalent = "HG0805", Error;
    /// An address that no file says: a placeholder stands for it.
    AddressUnknown = "HG0806", Error;
    /// Numbers that no file says: they are given in order.
    NumberedInOrder = "HG0807", Warning;

    /// A template expression that cannot be read.
    ExpressionSyntax = "HG0811", Error;
    /// A template expression whose value only Azure knows.
    ExpressionNotStatic = "HG0812", Error;
    /// A template parameter without a value, or a value without a parameter.
    ParameterUnknown = "HG0813", Error;
    /// A variable or parameter that refers to itself.
    ExpressionCycle = "HG0814", Error;
    /// A template expression whose parts do not fit together.
    ExpressionValue = "HG0815", Error;
    /// A name is made of what only Azure knows, and made up here.
    MadeUp = "HG0816", Warning;

    /// A public IP address of another SKU than the load balancer (spec 3.1).
    PublicSku = "HG0821", Error, "DifferentSkuLoadBalancersAndPublicIPAddressNotAllowed";
    /// Not exactly one of subnet, public IP address and public IP prefix (spec 3.2).
    FrontendShape = "HG0822", Error;
    /// Frontends or members of a rule in two virtual networks (L-FIP-13).
    SeveralNetworks = "HG0823", Error;
    /// Members by interface and by address in one pool (L-BEP-01).
    MixedPool = "HG0824", Error;
    /// Members by address on a Basic load balancer (L-BEP-02).
    AddressPoolOnBasic = "HG0825", Error;
    /// A member that is a secondary IP configuration.
    SecondaryConfiguration = "HG0826", Error;
    /// An outbound rule for a pool with secondary IP configurations (L-OUT-21).
    OutboundOnSecondary = "HG0827", Error,
        "OutboundRuleCannotBeUsedWithBackendAddressPoolThatIsReferencedBySecondaryIpConfigs";
    /// Floating IP, which needs the frontend's address in the guest (L-FIP-03).
    FloatingNeedsLoopback = "HG0828", Warning;

    /// An inbound NAT rule that is neither for one port nor for a range (L-NAT-01).
    NatRuleShape = "HG0831", Error;
    /// Inbound NAT rules beside inbound NAT pools (L-NAT-05).
    NatRulesAndPools = "HG0832", Error;
    /// Port ranges of inbound NAT rules that overlap (L-NAT-04).
    NatRangesOverlap = "HG0833", Error;
    /// A port range with fewer ports than instances (L-NAT-02).
    NatRangeTooSmall = "HG0834", Error;
    /// An inbound NAT rule that no interface is bound to.
    NatUnbound = "HG0835", Warning;
    /// An inbound NAT rule for members named by address (L-BEP-02).
    NatOnAddresses = "HG0836", Warning;

    /// Not a service definition.
    NotServiceDefinition = "HG0841", Error;
    /// More endpoints than a service may have (L-LIM-06).
    TooManyEndpoints = "HG0842", Error;
    /// An endpoint that relies on the guest agent's probe (CSD-02), whose port no file names.
    GuestAgentPort = "HG0843", Warning;
    /// A local port that the platform chooses.
    AnyLocalPort = "HG0844", Warning;

    /// A mode of synchronization where Azure takes none (L-BEP-06).
    SyncModeRefused = "HG0845", Error;
}

impl fmt::Display for Code {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str(self.number())
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn numbers_are_unique_and_ascending() {
        let numbers: Vec<_> = Code::ALL.iter().map(|c| c.number()).collect();
        assert!(numbers.is_sorted_by(|a, b| a < b));
        assert!(numbers.iter().all(|n| n.len() == 6 && n.starts_with("HG")));
    }
}
