//! Frames made from the captured ones by a seeded generator, both ways.

use trunkline_xdp_abi::map::ZONE_UNKNOWN;

use crate::capture::{self, Captured};
use crate::kernel::{Kernel, TEST_RUN_MAX, TEST_RUN_MIN, without_socket};
use crate::scenario::Scenario;

const FRAMES: usize = 20_000;
const SEED: u64 = 0x7472_756e_6b6c_696e;

#[test]
fn kernel_and_userspace_agree_on_generated_frames() {
    let (odd, plain): (Vec<_>, Vec<_>) = capture::all()
        .into_iter()
        .filter(|frame| (TEST_RUN_MIN..TEST_RUN_MAX - 64).contains(&frame.bytes.len()))
        .partition(|frame| frame.file.starts_with("hostile") || frame.file.starts_with("sip"));
    let mut random = Random(SEED);
    let scenarios = Scenario::all();
    let mut kernels = Vec::new();
    for scenario in &scenarios {
        let Some(kernel) = Kernel::load(scenario) else {
            return;
        };
        kernels.push(kernel);
    }
    for number in 0..FRAMES {
        let frame = random.frame(&odd, &plain);
        // Most of them where most of them get far; the others get their share.
        let which = if random.below(2) == 0 {
            0
        } else {
            random.below(scenarios.len())
        };
        let ours = scenarios[which].judge(&frame);
        let zone = (ours.zone != ZONE_UNKNOWN).then_some(ours.zone);
        let theirs = kernels[which].judge(&frame);
        assert_eq!(
            theirs,
            (zone, without_socket(ours.verdict)),
            "seed {SEED:#x}, frame {number}, {}: {frame:02x?}",
            scenarios[which].name
        );
    }
}

/// SplitMix64: a number from a number, the same every time.
pub(crate) struct Random(pub(crate) u64);

impl Random {
    pub(crate) fn next(&mut self) -> u64 {
        self.0 = self.0.wrapping_add(0x9e37_79b9_7f4a_7c15);
        let mut z = self.0;
        z = (z ^ (z >> 30)).wrapping_mul(0xbf58_476d_1ce4_e5b9);
        z = (z ^ (z >> 27)).wrapping_mul(0x94d0_49bb_1331_11eb);
        z ^ (z >> 31)
    }

    pub(crate) fn below(&mut self, limit: usize) -> usize {
        (self.next() % limit as u64) as usize
    }

    /// A captured frame with one to four things done to it.
    ///
    /// Half of them grow from the hostile and the SIP ones, which are few.
    pub(crate) fn frame(&mut self, odd: &[Captured], plain: &[Captured]) -> Vec<u8> {
        let from = if self.below(2) == 0 { odd } else { plain };
        let mut frame = from[self.below(from.len())].bytes.clone();
        for _ in 0..=self.below(4) {
            self.change(&mut frame);
        }
        if self.below(3) != 0 {
            mend_ipv4_checksum(&mut frame);
        }
        frame.resize(frame.len().clamp(TEST_RUN_MIN, TEST_RUN_MAX), 0);
        frame
    }

    fn change(&mut self, frame: &mut Vec<u8>) {
        let header_end = frame.len().min(64);
        match self.below(8) {
            0 => frame.truncate(self.below(frame.len()).max(TEST_RUN_MIN)),
            1 => frame.extend((0..self.below(60)).map(|_| 0)),
            2 => {
                let tag = [[0x81, 0x00], [0x88, 0xa8]][self.below(2)];
                let id = self.next().to_be_bytes();
                frame.splice(12..12, [tag[0], tag[1], id[0], id[1]]);
            }
            3 => self.insert_ipv4_options(frame),
            4 => {
                let at = self.below(header_end);
                frame[at] = self.next() as u8;
            }
            5 => {
                let at = self.below(header_end);
                frame[at] ^= 1 << self.below(8);
            }
            6 => {
                let at = self.below(header_end);
                frame[at] = [0, 1, 0x7f, 0x80, 0xff][self.below(5)];
            }
            _ => {
                let (from, to) = (self.below(header_end), self.below(header_end));
                frame[to] = frame[from];
            }
        }
    }

    /// Puts up to ten words of options into an IPv4 header, with its lengths made to fit.
    fn insert_ipv4_options(&mut self, frame: &mut Vec<u8>) {
        if frame.len() < 34 || frame[12..14] != [8, 0] || frame[14] != 0x45 {
            return;
        }
        let words = 1 + self.below(10);
        let kinds = [0, 1, 1, 1, 7, 68, 131, 137, 148, 130];
        let mut options = Vec::new();
        while options.len() < words * 4 {
            let kind = kinds[self.below(kinds.len())];
            options.push(kind);
            if kind > 1 {
                let len = if self.below(8) == 0 {
                    self.below(256)
                } else {
                    2 + self.below(6)
                };
                options.push(len as u8);
                options.extend((2..len.min(40)).map(|_| self.next() as u8));
            }
        }
        options.truncate(words * 4);
        let total = u16::from_be_bytes([frame[16], frame[17]]).wrapping_add(words as u16 * 4);
        frame[14] += words as u8;
        frame[16..18].copy_from_slice(&total.to_be_bytes());
        frame.splice(34..34, options);
    }
}

/// Makes the header checksum right wherever there is a whole IPv4 header, so that later checks are reached.
pub(crate) fn mend_ipv4_checksum(frame: &mut [u8]) {
    let mut at = 14;
    while at < 22 && matches!(frame.get(at - 2..at), Some([0x81, 0x00] | [0x88, 0xa8])) {
        at += 4;
    }
    if !matches!(frame.get(at - 2..at), Some([8, 0])) {
        return;
    }
    let Some(first) = frame.get(at) else { return };
    let header_len = usize::from(first & 0x0f) * 4;
    let Some(header) = frame
        .get_mut(at..at + header_len)
        .filter(|header| header.len() >= 20)
    else {
        return;
    };
    header[10..12].fill(0);
    let sum = header.chunks(2).fold(0u32, |sum, pair| {
        sum + u32::from(u16::from_be_bytes([pair[0], pair[1]]))
    });
    let folded = (sum & 0xffff) + (sum >> 16);
    let checksum = !((folded & 0xffff) + (folded >> 16)) as u16;
    header[10..12].copy_from_slice(&checksum.to_be_bytes());
}
