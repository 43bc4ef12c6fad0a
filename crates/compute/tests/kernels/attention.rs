//! Attention over packed sequences, and rotary positions.

use onespace_compute::{
    Cpu, HeadLayout, Isa, PackedSequences, Rotary, Workspace, attention, reference,
};

use crate::table::{check_rows, close, isas, same_bits, values};

/// Attention averages values below 1 with weights that sum to 1; what is left is the rounding
/// of scores, exponentials and sums.
const ATTENTION_ERROR: f64 = 2e-6;
/// Two products and a sum of numbers below 1, with rounded sines.
const ROTARY_ERROR: f64 = 3e-7;

const ROTARY_BASE: f64 = 10_000.0;

fn layouts() -> [HeadLayout; 4] {
    [(1, 2), (3, 7), (2, 20), (4, 64)].map(|(heads, head)| HeadLayout { heads, head })
}

/// Attention over sequences of these lengths.
fn attend(cpu: Cpu, layout: HeadLayout, lengths: &[usize], tokens: &[f32]) -> Vec<f32> {
    let mut offsets = vec![0];
    for length in lengths {
        offsets.push(offsets[offsets.len() - 1] + length);
    }
    let mut tokens = tokens.to_vec();
    let mut out = vec![f32::NAN; offsets[lengths.len()] * layout.width()];
    let packed = PackedSequences { values: &mut tokens, offsets: &offsets, layout };
    attention(&packed, &mut out, &mut Workspace::new(cpu));
    out
}

#[test]
fn attention_is_the_reference_at_odd_lengths() {
    for isa in isas() {
        for layout in layouts() {
            check_rows([1, 2, 3, 7, 17, 48, 49, 63, 65, 257], |&length| {
                let tokens = values(1, length * layout.stride());
                let out = attend(Cpu::new(isa, 1), layout, &[length], &tokens);
                close(&out, &reference::attention(&tokens, layout), ATTENTION_ERROR)
            });
        }
    }
}

#[test]
fn sequences_do_not_see_each_other() {
    let lengths = [3, 0, 65, 1, 17, 130, 2];
    for isa in isas() {
        for layout in layouts() {
            let tokens = values(1, lengths.iter().sum::<usize>() * layout.stride());
            let mut rest = &tokens[..];
            let mut alone = Vec::new();
            for length in lengths {
                let (own, others) = rest.split_at(length * layout.stride());
                alone.extend(attend(Cpu::new(isa, 1), layout, &[length], own));
                rest = others;
            }
            check_rows([1, 2, 3], |&threads| {
                same_bits(&attend(Cpu::new(isa, threads), layout, &lengths, &tokens), &alone)
            });
        }
    }
}

/// Long enough that the heads are spread over the thread budget.
#[test]
fn threads_do_not_change_a_bit() {
    let layout = HeadLayout { heads: 3, head: 64 };
    for isa in isas() {
        let tokens = values(1, 400 * layout.stride());
        let one = attend(Cpu::new(isa, 1), layout, &[150, 250], &tokens);
        same_bits(&attend(Cpu::new(isa, 4), layout, &[150, 250], &tokens), &one).unwrap();
    }
}

fn turn(isa: Isa, layout: HeadLayout, offsets: &[usize], tokens: &[f32]) -> Vec<f32> {
    let rotary = Rotary::new(layout.head, ROTARY_BASE, 300);
    let mut tokens = tokens.to_vec();
    let mut packed = PackedSequences { values: &mut tokens, offsets, layout };
    rotary.apply(Cpu::new(isa, 1), &mut packed);
    tokens
}

#[test]
fn rotary_is_the_reference_and_starts_anew_in_each_sequence() {
    let offsets = [0, 300, 317];
    for isa in isas() {
        check_rows([(1, 2), (3, 6), (2, 20), (4, 64)], |&(heads, head)| {
            let layout = HeadLayout { heads, head };
            let tokens = values(1, 317 * layout.stride());
            let mut expected = Vec::new();
            for (index, token) in tokens.chunks_exact(layout.stride()).enumerate() {
                let position = if index < 300 { index } else { index - 300 };
                let (turned, kept) = token.split_at(2 * layout.width());
                for head in turned.chunks_exact(head) {
                    expected.extend(reference::rotary(head, position, ROTARY_BASE));
                }
                expected.extend(kept.iter().map(|&x| f64::from(x)));
            }
            close(&turn(isa, layout, &offsets, &tokens), &expected, ROTARY_ERROR)
        });
    }
}

#[test]
#[should_panic(expected = "301 positions, 300 known")]
fn a_sequence_beyond_the_tables_is_refused() {
    let layout = HeadLayout { heads: 1, head: 2 };
    let _ = turn(isas()[0], layout, &[0, 301], &[0.0; 301 * 6]);
}

#[test]
#[should_panic(expected = "tokens do not fit offsets")]
fn offsets_must_end_with_the_tokens() {
    let layout = HeadLayout { heads: 1, head: 2 };
    let mut tokens = [0.0; 12];
    let packed = PackedSequences { values: &mut tokens, offsets: &[0, 3], layout };
    attention(&packed, &mut [0.0; 6], &mut Workspace::new(Cpu::new(isas()[0], 1)));
}
