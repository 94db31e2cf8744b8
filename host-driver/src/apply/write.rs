//! One change of the compiler's, carried out in the card's tables.

use firmware_api::Memory;
use firmware_api::entry::address::Address;
use firmware_api::entry::backend::Backend;
use firmware_api::entry::frontend::{FrontendV4, FrontendV6};
use firmware_api::entry::instance::Instance;
use firmware_api::entry::port::Port;
use firmware_api::entry::return_path::{ReturnPathV4, ReturnPathV6};
use firmware_api::entry::rule::Rule;
use firmware_api::entry::selector::Selector;
use flow_compiler::diff::Change;
use flow_compiler::tables::Entry;

use crate::engine::Engine;

impl<M: Memory> Engine<M> {
    /// Writes or removes an entry. That it fits was checked when the change was planned.
    pub(super) fn write(&mut self, change: &Change) {
        let outcome = match change {
            Change::Insert(entry) | Change::Update { to: entry, .. } => self.put(*entry),
            Change::Delete(entry) => self.take_away(*entry),
        };
        if let Err(error) = outcome {
            tracing::error!(%error, ?change, "a planned table change was not carried out");
        }
    }

    fn put(&mut self, entry: Entry) -> Result<(), Box<dyn std::error::Error>> {
        let (tables, device) = (&mut self.tables, &self.device);
        match entry {
            Entry::Port(port, config) => {
                tables.port.set(device, port.into(), Port::new(config))?;
            }
            Entry::FrontendV4(key, action) => {
                tables
                    .frontend_v4
                    .put(device, FrontendV4::new(key, action))?;
            }
            Entry::FrontendV6(key, action) => {
                tables
                    .frontend_v6
                    .put(device, FrontendV6::new(key, action))?;
            }
            Entry::Rule(id, config) => tables.rule.set(device, id.into(), Rule::new(config))?,
            Entry::Selector(slot, backend) => {
                tables
                    .selector
                    .set(device, slot, Selector::new(Some(backend)))?;
            }
            Entry::Backend(id, config) => {
                if self
                    .retired
                    .remove(&id)
                    .is_some_and(|former| former != config)
                {
                    self.ledger.forget_backend(id);
                }
                tables
                    .backend
                    .set(device, id.into(), Backend::new(config))?;
            }
            Entry::ReturnPathV4(key, action) => {
                tables
                    .return_path_v4
                    .put(device, ReturnPathV4::new(key, action))?;
            }
            Entry::ReturnPathV6(key, action) => {
                tables
                    .return_path_v6
                    .put(device, ReturnPathV6::new(key, action))?;
            }
            Entry::Instance(id, config) => {
                tables
                    .instance
                    .set(device, id.into(), Instance::new(config))?;
            }
            Entry::Address(key, instance) => {
                tables.address.put(device, Address::new(key, instance))?;
            }
        }
        Ok(())
    }

    fn take_away(&mut self, entry: Entry) -> Result<(), Box<dyn std::error::Error>> {
        let (tables, device) = (&mut self.tables, &self.device);
        match entry {
            Entry::Port(port, _) => tables.port.clear(device, port.into())?,
            Entry::FrontendV4(key, action) => {
                tables
                    .frontend_v4
                    .remove(device, FrontendV4::new(key, action));
            }
            Entry::FrontendV6(key, action) => {
                tables
                    .frontend_v6
                    .remove(device, FrontendV6::new(key, action));
            }
            Entry::Rule(id, _) => tables.rule.clear(device, id.into())?,
            Entry::Selector(slot, _) => tables.selector.clear(device, slot)?,
            Entry::Backend(id, config) => {
                tables.backend.clear(device, id.into())?;
                self.retired.insert(id, config);
            }
            Entry::ReturnPathV4(key, action) => {
                tables
                    .return_path_v4
                    .remove(device, ReturnPathV4::new(key, action));
            }
            Entry::ReturnPathV6(key, action) => {
                tables
                    .return_path_v6
                    .remove(device, ReturnPathV6::new(key, action));
            }
            Entry::Instance(id, _) => tables.instance.clear(device, id.into())?,
            Entry::Address(key, instance) => {
                tables.address.remove(device, Address::new(key, instance));
            }
        }
        Ok(())
    }
}
