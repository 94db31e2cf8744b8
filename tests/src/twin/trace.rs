//! A trace says what becomes of the same frame when it comes in, and changes nothing.

use firmware_api::punt::Punt;
use firmware_api::trace::Verdict as Foretold;
use firmware_api::{MAX_FRAME, PortId, PuntReason};
use hw_sim::Verdict;
use hw_sim::pipeline::{Conditions, Outcome, Record};

use super::Twin;
use crate::rows::headers_len;

/// Traces a frame.
///
/// # Panics
/// When the twin does anything else with it.
pub fn trace(twin: &mut dyn Twin, conditions: Conditions, ingress: PortId, frame: &[u8]) -> Record {
    let conditions = Conditions {
        reprocess: false,
        trace: true,
        ..conditions
    };
    let verdict = twin.process(conditions, ingress, frame);
    match verdict.outcome {
        Outcome::Traced(record) if verdict.copies.is_empty() => record,
        _ => panic!("{} traced a frame: {verdict:x?}", twin.name()),
    }
}

/// Whether a trace's record foretold what became of the frame under the same conditions.
///
/// # Errors
/// What it should have been.
pub fn foretells(
    record: &Record,
    conditions: Conditions,
    frame: &[u8],
    sent: &Verdict,
) -> Result<(), String> {
    let (foretold, length, bytes) = match &sent.outcome {
        Outcome::Forward { egress, frame } => {
            let bytes = &frame[..headers_len_of(frame)];
            (Foretold::Leaves(*egress), frame.len(), bytes)
        }
        Outcome::Drop(reason) => (Foretold::Dropped(*reason), frame.len(), &[][..]),
        Outcome::Held(held) => (Foretold::Held(held.punt.reason), frame.len(), &[][..]),
        Outcome::Traced(_) => return Err("it was not sent".to_owned()),
    };
    // The card reads no more of a frame than shows that it is too long.
    let length = match foretold {
        Foretold::Leaves(_) => length,
        _ => length.min(MAX_FRAME + 1),
    };
    // Only the last pass counts.
    let mut copies = sent.copies.iter().map(|copy| &copy.punt);
    let copy = copies.find(|copy| copy.ingress == record.punt.ingress);
    let expected = Record {
        punt: Punt {
            reason: PuntReason::Trace,
            ingress: record.punt.ingress,
            timestamp: conditions.tick,
            rule: copy.and_then(|copy| copy.rule),
            backend: copy.and_then(|copy| copy.backend),
            flow_hash: 0,
            flow: Some(foretold.encode()),
            length: length as u16,
            captured: bytes.len() as u16,
        },
        bytes: bytes.to_vec(),
    };
    if *record == expected {
        return Ok(());
    }
    Err(format!(
        "  should be  {:x?} {:02x?}\n  found      {:x?} {:02x?}\n",
        expected.punt, expected.bytes, record.punt, record.bytes
    ))
}

/// Bytes up to the end of the transport header. The longest frame cannot be parsed any more when it
/// got a tag.
fn headers_len_of(frame: &[u8]) -> usize {
    const TAG: usize = 4;
    let headers = if frame.len() > MAX_FRAME {
        usize::from(headers_len(&[&frame[..12], &frame[12 + TAG..]].concat())) + TAG
    } else {
        headers_len(frame).into()
    };
    headers.min(frame.len())
}
