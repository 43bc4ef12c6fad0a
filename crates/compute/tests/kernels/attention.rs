//! Attention over packed sequences, and rotary positions.

use onespace_compute::{
    AttentionInput, Cpu, HeadLayout, Heads, Isa, Mask, PackedSequences, Rotary, Workspace,
    attention, attention_over, reference, rotate_heads,
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

const MASKS: [Mask; 2] = [Mask::Full, Mask::Causal];

/// Offsets of sequences of these lengths.
fn offsets(lengths: &[usize]) -> Vec<usize> {
    let mut offsets = vec![0];
    for length in lengths {
        offsets.push(offsets[offsets.len() - 1] + length);
    }
    offsets
}

/// Attention over sequences of these lengths.
fn attend(
    cpu: Cpu,
    (layout, mask): (HeadLayout, Mask),
    lengths: &[usize],
    tokens: &[f32],
) -> Vec<f32> {
    let offsets = offsets(lengths);
    let mut tokens = tokens.to_vec();
    let mut out = vec![f32::NAN; offsets[lengths.len()] * layout.width()];
    let packed = PackedSequences { values: &mut tokens, offsets: &offsets, layout };
    attention(&packed, mask, &mut out, &mut Workspace::new(cpu));
    out
}

/// The reference's attention of one sequence of fused tokens.
fn expected((layout, mask): (HeadLayout, Mask), tokens: &[f32]) -> Vec<f64> {
    let part = |which: usize| -> Vec<f32> {
        let rows = tokens.chunks_exact(layout.stride());
        rows.flat_map(|row| &row[which * layout.width()..][..layout.width()]).copied().collect()
    };
    let heads = (layout.heads, layout.heads);
    let parts = [part(0), part(1), part(2)];
    reference::attention(
        (&parts[0], &parts[1], &parts[2]),
        layout.head,
        heads,
        mask == Mask::Causal,
    )
}

#[test]
fn attention_is_the_reference_at_odd_lengths() {
    for isa in isas() {
        for layout in layouts() {
            for mask in MASKS {
                check_rows([1, 2, 3, 7, 17, 48, 49, 63, 65, 257], |&length| {
                    let tokens = values(1, length * layout.stride());
                    let out = attend(Cpu::new(isa, 1), (layout, mask), &[length], &tokens);
                    close(&out, &expected((layout, mask), &tokens), ATTENTION_ERROR)
                        .map_err(|reason| format!("{isa:?} {layout:?} {mask:?}: {reason}"))
                });
            }
        }
    }
}

#[test]
fn sequences_do_not_see_each_other() {
    let lengths = [3, 0, 65, 1, 17, 130, 2];
    for isa in isas() {
        for kind in layouts().map(|layout| MASKS.map(|mask| (layout, mask))).concat() {
            let tokens = values(1, lengths.iter().sum::<usize>() * kind.0.stride());
            let mut rest = &tokens[..];
            let mut alone = Vec::new();
            for length in lengths {
                let (own, others) = rest.split_at(length * kind.0.stride());
                alone.extend(attend(Cpu::new(isa, 1), kind, &[length], own));
                rest = others;
            }
            check_rows([1, 2, 3], |&threads| {
                same_bits(&attend(Cpu::new(isa, threads), kind, &lengths, &tokens), &alone)
            });
        }
    }
}

/// With a causal mask a prefix is computed as if nothing followed, to the last bit.
#[test]
fn what_follows_changes_no_bit_of_a_causal_prefix() {
    let layout = HeadLayout { heads: 2, head: 20 };
    for isa in isas() {
        let tokens = values(1, 150 * layout.stride());
        let whole = attend(Cpu::new(isa, 1), (layout, Mask::Causal), &[150], &tokens);
        check_rows([1, 5, 47, 48, 49, 100, 149], |&length| {
            let prefix = &tokens[..length * layout.stride()];
            let alone = attend(Cpu::new(isa, 1), (layout, Mask::Causal), &[length], prefix);
            same_bits(&alone, &whole[..alone.len()])
        });
    }
}

/// Long enough that the heads are spread over the thread budget.
#[test]
fn threads_do_not_change_a_bit() {
    let layout = HeadLayout { heads: 3, head: 64 };
    for isa in isas() {
        for mask in MASKS {
            let tokens = values(1, 400 * layout.stride());
            let one = attend(Cpu::new(isa, 1), (layout, mask), &[150, 250], &tokens);
            let four = attend(Cpu::new(isa, 4), (layout, mask), &[150, 250], &tokens);
            same_bits(&four, &one).unwrap();
        }
    }
}

#[derive(Debug, Clone, Copy)]
struct Apart {
    queries: usize,
    keys: usize,
    heads: (usize, usize),
    mask: Mask,
}

/// Queries that are fewer than the keys, from elsewhere, with fewer key heads: two sequences
/// with the same numbers one after the other, in rows wider than needed.
#[test]
fn queries_from_elsewhere_and_shared_key_heads() {
    let head = 20;
    let mut rows = Vec::new();
    for (queries, keys) in [(1, 1), (1, 196), (5, 17), (50, 50), (3, 130)] {
        for heads in [(1, 1), (6, 2), (4, 1), (3, 3)] {
            rows.extend(MASKS.map(|mask| Apart { queries, keys, heads, mask }));
        }
    }
    for isa in isas() {
        check_rows(rows.clone(), |&Apart { queries, keys, heads, mask }| {
            let wide = |rows: usize, heads: usize| rows * heads * head;
            let q = values(1, wide(queries, heads.0));
            let (k, v) = (values(2, wide(keys, heads.1)), values(3, wide(keys, heads.1)));
            let twice = |numbers: &[f32], heads: usize| -> Vec<f32> {
                let row = |row: &[f32]| [row, &[9.0; 5]].concat();
                let one: Vec<f32> = numbers.chunks_exact(heads * head).flat_map(row).collect();
                one.repeat(2)
            };
            let (q2, k2, v2) = (twice(&q, heads.0), twice(&k, heads.1), twice(&v, heads.1));
            let part = |values, heads| Heads { values, stride: heads * head + 5, heads };
            let input = AttentionInput {
                queries: part(&q2, heads.0),
                keys: part(&k2, heads.1),
                values: part(&v2, heads.1),
                head,
                query_offsets: &offsets(&[queries, queries]),
                key_offsets: &offsets(&[keys, keys]),
                mask,
            };
            let mut out = vec![f32::NAN; 2 * q.len()];
            attention_over(&input, &mut out, &mut Workspace::new(Cpu::new(isa, 1)));
            let causal = mask == Mask::Causal;
            let expected = reference::attention((&q, &k, &v), head, heads, causal);
            close(&out[..q.len()], &expected, ATTENTION_ERROR)?;
            same_bits(&out[q.len()..], &out[..q.len()])
        });
    }
}

#[test]
#[should_panic(expected = "3 query heads are no multiple of 2 key heads")]
fn query_heads_are_shared_evenly() {
    let part = |heads| Heads { values: &[0.0; 6], stride: 6, heads };
    let input = AttentionInput {
        queries: part(3),
        keys: part(2),
        values: part(2),
        head: 2,
        query_offsets: &[0, 1],
        key_offsets: &[0, 1],
        mask: Mask::Full,
    };
    attention_over(&input, &mut [0.0; 6], &mut Workspace::new(Cpu::new(isas()[0], 1)));
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

/// Three numbers to a position, whose frequencies take turns (as in Qwen3-VL): tables of their
/// own turn a token's heads as the reference does frequency by frequency.
#[test]
fn heads_are_turned_by_given_tables() {
    for isa in isas() {
        check_rows([(1, 2), (2, 6), (3, 20), (2, 64)], |&(heads, head)| {
            let (tokens, stride, half) = (7, heads * head + 3, head / 2);
            let mut found = values(1, tokens * stride);
            let before = found.clone();
            let position = |token: usize, axis: usize| (token * [1, 5, 11][axis]) as f64;
            let angle = |token: usize, i: usize| {
                position(token, i % 3) / ROTARY_BASE.powf(2.0 * i as f64 / head as f64)
            };
            let table = |function: fn(f64) -> f64| -> Vec<f32> {
                let at = |index: usize| angle(index / half, index % half);
                (0..tokens * half).map(|index| function(at(index)) as f32).collect()
            };
            let tables = (&table(f64::cos)[..], &table(f64::sin)[..]);
            rotate_heads(Cpu::new(isa, 1), &mut found, (stride, heads, half), tables);
            let mut expected: Vec<f64> = before.iter().map(|&x| f64::from(x)).collect();
            for index in 0..tokens * heads * half {
                let (token, head_index, i) =
                    (index / (heads * half), index / half % heads, index % half);
                let first = token * stride + head_index * head + i;
                let (a, b) = (f64::from(before[first]), f64::from(before[first + half]));
                let (sine, cosine) = angle(token, i).sin_cos();
                expected[first] = a * cosine - b * sine;
                expected[first + half] = b * cosine + a * sine;
            }
            close(&found, &expected, ROTARY_ERROR)
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
    attention(&packed, Mask::Full, &mut [0.0; 6], &mut Workspace::new(Cpu::new(isas()[0], 1)));
}
