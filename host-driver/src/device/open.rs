//! The kinds of cards: files in shared memory, PCI functions.

use std::fs;
use std::io;
use std::path::{Path, PathBuf};

use firmware_api::Memory;
use firmware_api::register::BAR0_LEN;

use super::Device;
use super::error::DeviceError;
use super::map::Mapping;

const SIM_HINT: &str = "start hw-sim with this directory first";
const PCI_HINT: &str = "list the cards with lspci -D";
const ACCESS_HINT: &str = "run as root, or allow this user to read and write the file";

/// The card whose spaces are the files `bar0`, `bar2` and `rings` of a directory.
///
/// # Errors
/// When a file cannot be mapped or the spaces are not a Headgate card's.
pub fn open_shm(directory: &Path) -> Result<Device<Mapping>, DeviceError> {
    let map = |name: &str| map(&directory.join(name), SIM_HINT);
    Device::open(map("bar0")?, map("bar2")?, map("rings")?)
}

/// The card at a PCI address such as `0000:3b:00.0`.
///
/// # Errors
/// When there is none, it may not be accessed, or it is not a Headgate card.
pub fn open_pci(address: &str) -> Result<Device<Mapping>, DeviceError> {
    open_pci_below(Path::new("/sys/bus/pci/devices"), address)
}

fn open_pci_below(devices: &Path, address: &str) -> Result<Device<Mapping>, DeviceError> {
    if !is_pci_address(address) {
        return Err(DeviceError::PciAddress(address.to_owned()));
    }
    let function = devices.join(address);
    if !function.exists() {
        return Err(missing(function, PCI_HINT));
    }
    let hint = "the function has no such memory BAR: it is not a Headgate card";
    // Not `resource2_wc`: combined writes may reach the card in another order.
    let bar0 = map(&function.join("resource0"), hint)?;
    let bar2 = map(&function.join("resource2"), hint)?;
    Device::open(bar0, bar2, Mapping::none())
}

fn missing(path: PathBuf, hint: &'static str) -> DeviceError {
    DeviceError::Missing { path, hint }
}

fn map(path: &Path, hint: &'static str) -> Result<Mapping, DeviceError> {
    Mapping::file(path).map_err(|source| match source.kind() {
        io::ErrorKind::NotFound => missing(path.to_owned(), hint),
        io::ErrorKind::PermissionDenied => DeviceError::Map {
            path: path.to_owned(),
            source,
            hint: ACCESS_HINT,
        },
        _ => DeviceError::Map {
            path: path.to_owned(),
            source,
            hint,
        },
    })
}

/// `dddd:bb:dd.f`, hexadecimal.
fn is_pci_address(text: &str) -> bool {
    let shape = "xxxx:xx:xx.x";
    text.len() == shape.len()
        && text.chars().zip(shape.chars()).all(|(c, s)| match s {
            'x' => c.is_ascii_hexdigit(),
            _ => c == s,
        })
}

/// A secret for the flow hash, from the operating system.
///
/// # Errors
/// When the operating system has no random numbers.
pub fn random_hash_key() -> io::Result<firmware_api::hash::HashKey> {
    use io::Read as _;
    let mut bytes = [0; 16];
    fs::File::open("/dev/urandom")?.read_exact(&mut bytes)?;
    let half = |i: usize| u64::from_le_bytes(std::array::from_fn(|b| bytes[8 * i + b]));
    Ok(firmware_api::hash::HashKey(half(0), half(1)))
}

pub(super) fn check_sizes(bar0: &impl Memory, bar2: &impl Memory) -> Result<(), DeviceError> {
    for (space, memory_len, least) in [("BAR0", bar0.len(), BAR0_LEN), ("BAR2", bar2.len(), 64)] {
        if memory_len < least {
            return Err(DeviceError::TooSmall {
                space,
                len: memory_len,
                least,
            });
        }
    }
    Ok(())
}

#[cfg(test)]
mod tests;
