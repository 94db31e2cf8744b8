//! Which flows had a packet since the driver last asked: one bit per flow, inside the device.

/// The activity bitmap.
#[derive(Clone, Debug)]
pub struct Activity {
    words: Box<[u64]>,
}

impl Activity {
    /// No activity of `flows` flows.
    pub fn new(flows: u32) -> Self {
        Self {
            words: vec![0; flows.div_ceil(64) as usize].into_boxed_slice(),
        }
    }

    /// Notes a packet of a flow. An active flow costs no store.
    #[inline]
    pub fn mark(&mut self, flow: u32) {
        let word = &mut self.words[flow as usize / 64];
        let bit = 1 << (flow % 64);
        if *word & bit == 0 {
            *word |= bit;
        }
    }

    /// Takes the bits of the flows `first..first + count`, 64 at a time; they are clear then.
    /// `first` is a multiple of 64.
    pub fn harvest(&mut self, first: u32, count: u32) -> impl Iterator<Item = u64> {
        let first_word = first as usize / 64;
        let words = &mut self.words[first_word..first_word + count.div_ceil(64) as usize];
        words.iter_mut().enumerate().map(move |(i, word)| {
            let left = count - i as u32 * 64;
            let asked = if left < 64 { (1 << left) - 1 } else { u64::MAX };
            let taken = *word & asked;
            *word &= !asked;
            taken
        })
    }

    /// Forgets all activity.
    pub fn clear(&mut self) {
        self.words.fill(0);
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_harvest_takes_what_it_asks_and_leaves_the_rest() {
        let mut activity = Activity::new(200);
        for flow in [0, 63, 64, 70, 199] {
            activity.mark(flow);
            activity.mark(flow);
        }
        let taken: Vec<u64> = activity.harvest(0, 70).collect();
        assert_eq!(taken, [1 << 63 | 1, 1]);
        let rest: Vec<u64> = activity.harvest(64, 136).collect();
        assert_eq!(rest, [1 << 6, 0, 1 << 7]);
        assert!(activity.harvest(0, 200).all(|word| word == 0));
    }
}
