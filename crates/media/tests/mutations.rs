//! Thousands of damaged files: each must be answered soon, without a panic reaching the caller and
//! within the memory limit. The damage is the same on every run.

#![expect(clippy::unwrap_used, reason = "what is missing here fails the test")]

mod build;

use std::time::{Duration, Instant};

use build::goldens;
use onespace_media::{DecodeLimits, Fit, PreprocessSpec, Resample, decode, inspect, prepare};

/// Files made from each golden picture, besides its truncations.
const MUTANTS_PER_PICTURE: usize = 60;
const TRUNCATIONS_PER_PICTURE: usize = 40;
const FILES_MIN: usize = 2_000;
const ANSWER_TIME_MAX: Duration = Duration::from_secs(1);
const DECODE_BYTES_MAX: u64 = 24 << 20;
/// What the test itself holds besides: goldens, the allocator's slack, the resizer's rows.
const SLACK_BYTES: u64 = 24 << 20;

/// Marsaglia's xorshift64: the same numbers on every run.
struct Random(u64);

impl Random {
    fn next(&mut self) -> u64 {
        self.0 ^= self.0 << 13;
        self.0 ^= self.0 >> 7;
        self.0 ^= self.0 << 17;
        self.0
    }

    fn below(&mut self, bound: usize) -> usize {
        (self.next() % bound.max(1) as u64) as usize
    }
}

/// One damaged copy.
fn mutant(original: &[u8], random: &mut Random) -> Vec<u8> {
    let mut bytes = original.to_vec();
    let at = random.below(bytes.len());
    let length = (1 + random.below(40)).min(bytes.len() - at);
    match random.below(8) {
        0 | 1 => bytes[at] ^= 1 << random.below(8),
        2 => (0..8).for_each(|_| {
            let at = random.below(original.len());
            bytes[at] = random.next() as u8;
        }),
        3 => bytes[at..at + length].fill([0, 0xff][random.below(2)]),
        4 => drop(bytes.drain(at..at + length)),
        5 => {
            let piece = bytes[at..at + length].to_vec();
            let to = random.below(bytes.len());
            bytes.splice(to..to, piece);
        }
        // Sizes and lengths stand near the start.
        6 => {
            let at = random.below(bytes.len().min(96));
            let extreme = [0, 1, 0x7fff_ffff, 0x8000_0000, u32::MAX, 0xffff, 0x3fff_3fff];
            let value = extreme[random.below(extreme.len())].to_be_bytes();
            bytes.iter_mut().skip(at).zip(value).for_each(|(byte, value)| *byte = value);
        }
        _ => {
            let at = random.below(bytes.len().min(64));
            bytes[at] = random.next() as u8;
        }
    }
    bytes
}

/// Peak resident memory of this process in bytes.
#[cfg(target_os = "linux")]
fn peak_bytes() -> u64 {
    let status = std::fs::read_to_string("/proc/self/status").unwrap();
    let line = status.lines().find(|line| line.starts_with("VmHWM:")).unwrap();
    let kibibytes: u64 = line.split_whitespace().nth(1).unwrap().parse().unwrap();
    kibibytes << 10
}

#[cfg(not(target_os = "linux"))]
fn peak_bytes() -> u64 {
    0
}

/// Asks all three questions of a file; gives whether it decodes.
fn answer(name: &str, bytes: &[u8], limits: &DecodeLimits) -> bool {
    let (mean, std) = ([0.0; 3], [1.0; 3]);
    let spec = PreprocessSpec {
        fit: Fit::Squash { width: 32, height: 32 },
        resample: Resample::Bicubic,
        mean,
        std,
    };
    let start = Instant::now();
    let facts = inspect(bytes, limits);
    let image = decode(bytes, limits);
    let prepared = prepare(bytes, limits, &spec);
    let elapsed = start.elapsed();
    assert!(elapsed <= ANSWER_TIME_MAX, "{name}: {elapsed:?}");
    assert_eq!(image.is_ok(), prepared.is_ok(), "{name}");
    match (&facts, &image) {
        (Ok(facts), Ok(image)) => {
            assert_eq!(facts.oriented_size(), (image.width, image.height), "{name}");
            assert_eq!(
                image.rgb.len() as u64,
                u64::from(image.width) * u64::from(image.height) * 3
            );
        }
        (Err(facts), Err(image)) => assert_eq!(facts, image, "{name}"),
        (Err(_), Ok(_)) => panic!("{name}: decodes although its header is refused"),
        (Ok(_), Err(error)) => assert!(!error.to_string().is_empty()),
    }
    image.is_ok()
}

#[test]
fn damaged_files_are_answered_within_time_and_memory() {
    // Panics inside decoders are expected and caught; their messages would bury the result. Those
    // of this test still fail it.
    std::panic::set_hook(Box::new(|info| {
        let text = info.to_string();
        if text.contains("crates/media/tests") || text.contains("tests/mutations.rs") {
            println!("{text}");
        }
    }));
    let limits = DecodeLimits {
        image_pixels_max: 1_000_000,
        decode_bytes_max: DECODE_BYTES_MAX,
        ..DecodeLimits::default()
    };
    let mut random = Random(0x9e37_79b9_7f4a_7c15);
    let (mut files, mut decodable) = (0, 0);
    let before = peak_bytes();
    for (name, original) in goldens() {
        assert!(answer(&name, &original, &limits), "{name}");
        let step = (original.len() / TRUNCATIONS_PER_PICTURE).max(1);
        // One byte less may be the padding byte at the end of a WebP, which nobody needs.
        for length in (0..original.len() - 1).step_by(step) {
            let cut = answer(&name, &original[..length], &limits);
            assert!(!cut, "{name} decodes when cut to {length} of {} bytes", original.len());
            files += 1;
        }
        for _ in 0..MUTANTS_PER_PICTURE {
            decodable += usize::from(answer(&name, &mutant(&original, &mut random), &limits));
            files += 1;
        }
    }
    let grown = peak_bytes().saturating_sub(before);
    println!("{files} files, {decodable} of them decodable, peak memory +{grown} bytes");
    assert!(files >= FILES_MIN);
    assert!(grown <= DECODE_BYTES_MAX + SLACK_BYTES, "{grown} bytes");
}
