//! Virtual machines: which availability set or scale set each instance is of.

use super::Arm;
use super::object::Object;
use super::resource::{MACHINE, path_of, same_scope, scope_of};
use crate::diagnostic::Spanned;
use crate::import::instances::Set;
use crate::import::make::name_of;

const AVAILABILITY_SET: &str = "microsoft.compute/availabilitysets/";
const SCALE_SET: &str = "microsoft.compute/virtualmachinescalesets/";

/// What leads to sets.
#[derive(Default)]
pub(super) struct Sets {
    /// Machines and their interfaces: path, scope, and the set's.
    members: Vec<(Place, Place)>,
    /// Every set that was named; its number among those of one name is that of its name.
    named: Vec<Place>,
}

/// Path and scope of an id, in small letters.
type Place = (String, String);

fn place(id: &str) -> Place {
    (path_of(id), scope_of(id))
}

fn is_same((path, scope): &Place, other: &Place) -> bool {
    *path == other.0 && same_scope(scope, &other.1)
}

impl Sets {
    /// The set of a machine or an interface.
    pub(super) fn of(&mut self, id: &Place) -> Option<Set> {
        let found = self.members.iter().find(|(member, _)| is_same(member, id));
        let set = found.map(|(_, set)| set.clone());
        set.or_else(|| in_scale_set(id))
            .and_then(|set| self.name(set))
    }

    /// The name of a set: small letters, as ids have no case, and a number when a set of another
    /// resource group has the name.
    fn name(&mut self, set: Place) -> Option<Set> {
        let prefix = [AVAILABILITY_SET, SCALE_SET]
            .into_iter()
            .find(|prefix| set.0.starts_with(prefix))?;
        let base = name_of(set.0.strip_prefix(prefix)?);
        let alike = self.named.iter().filter(|other| other.0 == set.0);
        let number = alike.clone().position(|other| is_same(other, &set));
        let number = number.unwrap_or_else(|| alike.count());
        if !self.named.iter().any(|other| is_same(other, &set)) {
            self.named.push(set);
        }
        let name = match number {
            0 => base,
            more => format!("{base:.74}-{}", more + 1),
        };
        Some(if prefix == AVAILABILITY_SET {
            Set::Availability(name)
        } else {
            Set::Scale(name)
        })
    }
}

/// The scale set that an id of a machine or an interface lies in.
fn in_scale_set((path, scope): &Place) -> Option<Place> {
    let name = path.strip_prefix(SCALE_SET)?.split('/').next()?;
    Some((format!("{SCALE_SET}{name}"), scope.clone()))
}

impl Arm<'_> {
    /// Takes the sets of every machine among the resources. All else that is said of a machine
    /// concerns its guest.
    pub(super) fn add_machines(&mut self) {
        let resources = self.resources;
        for resource in resources.of(MACHINE) {
            let Some(mut machine) = Object::open(&resource.node, "virtual machine", self.notes)
            else {
                continue;
            };
            let set = machine.id("availabilitySet");
            let Some(set) = set.or_else(|| machine.id("virtualMachineScaleSet")) else {
                continue;
            };
            let own = (resource.path.clone(), resource.scope.clone());
            let set = place(&set.value);
            let network = machine.get("networkProfile");
            let network =
                network.and_then(|node| Object::open(node, "network profile", self.notes));
            let interfaces = network.map_or_else(Vec::new, |mut n| n.ids("networkInterfaces"));
            let interfaces = interfaces.iter().map(|id| place(&id.value));
            let members = std::iter::once(own).chain(interfaces);
            self.sets
                .members
                .extend(members.map(|member| (member, set.clone())));
        }
    }

    /// The set of an interface, by its own path or by its machine's id.
    pub(super) fn set_of(
        &mut self,
        path: &str,
        scope: &str,
        machine: Option<&Spanned<String>>,
    ) -> Option<Set> {
        let own = self.sets.of(&(path.to_owned(), scope.to_owned()));
        own.or_else(|| self.sets.of(&place(&machine?.value)))
    }
}
