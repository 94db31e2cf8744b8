//! Imports: what comes of the samples, every finding of the importer, and that nothing panics.

mod cases;
mod contract;
mod robust;
mod samples;
