//! What only Azure knows and names are often made of: the resource group, the subscription, and
//! Azure's own hash. The values here are made up, and recognisable as such; whoever meets one in the
//! result is told of it.

use crate::config::tree::{Node, Value};
use crate::diagnostic::{Code, Span};
use crate::import::make::{Mapping, as_text, text};
use crate::import::notes::{Notes, PLACEHOLDER};

/// The functions.
pub(super) const KNOWN: [&str; 3] = ["resourceGroup", "subscription", "uniqueString"];

const GROUP: &str = "made-up-resource-group";
const SUBSCRIPTION: &str = "made-up-subscription";
const LOCATION: &str = "made-up-location";
/// How [`unique`] texts begin. Azure's have 13 characters as well.
const UNIQUE: &str = "madeup";

/// The value of a function, its name in small letters.
pub(super) fn call(name: &str, arguments: &[Node], span: Span) -> Option<Node> {
    let subscription = format!("/subscriptions/{SUBSCRIPTION}");
    let object = |fields: &[(&str, &str)]| {
        let mut object = Mapping::new(span);
        for (name, value) in fields {
            object.add(name, text(*value, span));
        }
        Some(object.into_node())
    };
    match (name, arguments) {
        ("resourcegroup", []) => object(&[
            ("id", &format!("{subscription}/resourceGroups/{GROUP}")),
            ("name", GROUP),
            ("location", LOCATION),
        ]),
        ("subscription", []) => object(&[
            ("id", &subscription),
            ("subscriptionId", SUBSCRIPTION),
            ("displayName", SUBSCRIPTION),
        ]),
        ("uniquestring", [_, ..]) => {
            let texts = arguments.iter().map(as_text).collect::<Option<Vec<_>>>()?;
            Some(text(unique(&texts), span))
        }
        _ => None,
    }
}

/// Equal for equal arguments and, in all likelihood, different for different ones: FNV-1a.
fn unique(texts: &[&str]) -> String {
    let bytes = texts.iter().flat_map(|text| text.bytes().chain([0]));
    let hash = bytes.fold(0xcbf2_9ce4_8422_2325_u64, |hash, byte| {
        (hash ^ u64::from(byte)).wrapping_mul(0x0100_0000_01b3)
    });
    format!("{UNIQUE}{:07x}", hash >> 36)
}

/// Tells of the texts of a result that have something made up in them.
pub(super) fn tell(node: &Node, notes: &Notes<'_>) {
    match &node.value {
        Value::Scalar { text, .. } => {
            for (mark, function) in [
                (GROUP, "resourceGroup"),
                (LOCATION, "resourceGroup"),
                (SUBSCRIPTION, "subscription"),
                (UNIQUE, "uniqueString"),
            ] {
                // A placeholder is told of by itself.
                if text.contains(mark) && !text.starts_with(PLACEHOLDER) {
                    let why = "rename it, or import what `az … show -o json` says of the deployed resource";
                    let kind = ("the name", function);
                    notes.leave(Code::MadeUp, kind, node.span, text, why);
                }
            }
        }
        Value::List(items) => items.iter().for_each(|item| tell(item, notes)),
        Value::Map(fields) => fields.iter().for_each(|(_, node)| tell(node, notes)),
    }
}
