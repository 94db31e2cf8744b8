//! Imports: what comes of the samples, every finding of the importer, and that nothing panics.

mod cases;
mod contract;
mod findings;
mod robust;
mod samples;
