use std::path::PathBuf;

use firmware_api::geometry::Geometry;
use firmware_api::register::{self, MAGIC_VALUE};

use super::*;
use crate::device::fake;

fn sparse(path: &Path, len: u64) {
    let file = fs::File::create(path).expect("a file");
    file.set_len(len).expect("room");
}

fn identity(path: &Path, magic: u64, version: u32) {
    let bar0 = Mapping::file(path).expect("a mapping");
    bar0.store64(register::MAGIC.offset, magic);
    bar0.store32(register::ABI_VERSION.offset, version);
}

fn function(root: &Path, address: &str, bar0_len: u64) -> PathBuf {
    let directory = root.join(address);
    fs::create_dir(&directory).expect("a directory");
    sparse(&directory.join("resource0"), bar0_len);
    sparse(&directory.join("resource2"), 4096);
    directory
}

#[test]
fn a_directory_that_a_card_shares_opens() {
    let directory = tempfile::tempdir().expect("a directory");
    let missing = open_shm(directory.path()).expect_err("no files");
    assert!(
        missing
            .to_string()
            .ends_with("bar0: not there; start hw-sim with this directory first")
    );
    let shape = fake::uniform(Geometry::exact(8, 4, 4));
    let bar0 = directory.path().join("bar0");
    sparse(&bar0, BAR0_LEN);
    fake::lay_out(&Mapping::file(&bar0).expect("a mapping"), 64, shape);
    sparse(&directory.path().join("bar2"), fake::bar2_len(64, shape));
    sparse(&directory.path().join("rings"), 8 << 20);
    let device = open_shm(directory.path()).expect("a card");
    assert_eq!(device.capabilities().flow_count, 64);
}

#[test]
fn pci_functions_that_are_no_headgate_cards_are_refused() {
    let root = tempfile::tempdir().expect("a directory");
    let refusal = |address: &str| {
        let error = open_pci_below(root.path(), address).expect_err("refused");
        error.to_string()
    };
    for text in [
        "",
        "3b:00.0",
        "0000:3b:00.0/..",
        "0000:3b:00:0",
        "../../../../etc",
    ] {
        assert!(refusal(text).contains("is not a PCI address"), "{text}");
    }
    assert!(refusal("0000:3b:00.0").contains("not there; list the cards with lspci -D"));
    function(root.path(), "0000:3b:00.0", 4096);
    assert_eq!(
        refusal("0000:3b:00.0"),
        "BAR0 has 4096 bytes, a Headgate card has at least 65536"
    );
    let other = function(root.path(), "0000:3b:00.1", BAR0_LEN).join("resource0");
    identity(&other, 0x1234, 7);
    assert_eq!(
        refusal("0000:3b:00.1"),
        "not a Headgate card: the first register holds 0x0000000000001234, a Headgate card's \
         holds 0x4554414744414548"
    );
    identity(&other, MAGIC_VALUE, 2 << 16 | 3);
    assert!(refusal("0000:3b:00.1").contains("contract version 2.3, this driver 1.1"));
    identity(&other, u64::MAX, u32::MAX);
    assert!(refusal("0000:3b:00.1").starts_with("the card is gone"));
    fs::remove_file(other).expect("removed");
    assert!(refusal("0000:3b:00.1").contains("no such memory BAR"));
}

#[test]
fn random_keys_differ() {
    assert_ne!(
        random_hash_key().expect("random"),
        random_hash_key().expect("random")
    );
}
